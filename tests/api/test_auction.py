"""An opening auction as users, journals, SQL and the tester see it.

The fact a newcomer would get wrong: in an event of an auction both sides stand among the makers; who took is said by
each fill.
"""

import msgspec
import pytest

from accounts.journal.asking import journal_of
from accounts.reports import reports_for
from api.runtime import Runtime
from archive.models import ArchivedOrder, ArchivedTrade
from engine.types import OrderStatus, OrderType, Side, SymbolStatus
from engine.venue import Venue
from tests.api.conftest import Api, limit_order
from tests.api.journals import ALICE, BOB, archive_all, events_of, kinds, line, make_rich, place
from tests.archive.conftest import rows, until
from tests.conftest import BTCUSDT

pytestmark = pytest.mark.django_db(transaction=True)
BUY, SELL = Side.BUY, Side.SELL


async def auctioned(venue: Venue) -> tuple[int, int]:
    """Alice's sale of 500 lots at 60,000, and then bob's purchase of 700 at up to 61,000; traded at 60,000."""
    await make_rich(venue)
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status=SymbolStatus.AUCTION_MATCH))
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    sale = await place(venue, ALICE, SELL, 6_000_000, 500, rules_version=version)
    purchase = await place(venue, BOB, BUY, 6_100_000, 700, rules_version=version)
    await venue.gateway.uncross("BTCUSDT")
    return sale, purchase


async def test_journals_of_both_sides(venue: Venue) -> None:
    sale, purchase = await auctioned(venue)
    sold, bought = await journal_of(venue, sale), await journal_of(venue, purchase)
    assert kinds(sold) == ["accepted", "rests", "matched", "filled"]
    assert kinds(bought) == ["accepted", "rests", "matched"]
    assert "at 60000 as maker to order" in line(sold, "matched").text
    assert "at 60000 as taker from order" in line(bought, "matched").text


async def test_both_sides_have_an_execution_report(venue: Venue) -> None:
    sale, purchase = await auctioned(venue)
    event = (await events_of(venue))[-1]
    found = {}
    for account in (ALICE, BOB):
        reports = reports_for(account, event, {"BTCUSDT": BTCUSDT}, {"BTC": 8, "USDT": 8})
        (found[account],) = [msgspec.json.decode(report.data) for report in reports if report.kind == "order"]
    assert [(data["i"], data["x"], data["X"], data["L"], data["m"]) for data in found.values()] == [
        (sale, "TRADE", "FILLED", "60000.00000000", True),
        (purchase, "TRADE", "PARTIALLY_FILLED", "60000.00000000", False),
    ]


async def test_sql_has_what_the_engine_has(venue: Venue) -> None:
    await auctioned(venue)
    await archive_all(venue)
    orders = await rows(ArchivedOrder, venue)
    assert [row.status for row in orders] == [OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED]
    for row in orders:
        assert row.record() == await venue.queries.order(row.account, row.symbol, order_id=row.order_id)
        assert row.record().type is OrderType.LIMIT
    (trade,) = await rows(ArchivedTrade, venue)
    assert (trade.price_ticks, trade.lots, trade.taker_account, trade.maker_account) == (6_000_000, 500, BOB, ALICE)


async def test_a_worker_learns_of_an_auction_that_another_one_has_ended(
    venue: Venue, runtime: Runtime, alice: Api
) -> None:
    """Nobody publishes the symbol anew: the auction's event says enough."""

    async def has(status: str) -> bool:
        (symbol,) = (await alice.ok("GET", "/exchangeInfo", symbol="BTCUSDT"))["symbols"]
        return bool(symbol["status"] == status)

    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status=SymbolStatus.AUCTION_MATCH))
    await until(lambda: has("AUCTION_MATCH"))
    await venue.gateway.uncross("BTCUSDT")
    await until(lambda: has("TRADING"))
    assert (await runtime.venue.registry.spec("BTCUSDT")).status is SymbolStatus.TRADING
    assert (await alice.ok("POST", "/order", **limit_order("BUY", "40000", "0.01")))["status"] == "NEW"
