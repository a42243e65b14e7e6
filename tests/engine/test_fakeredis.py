"""The last resort without any server: place, match, cancel, events and audit work in process. No more is shown."""

import uuid

import pytest

pytest.importorskip("lupa", reason="fakeredis runs Lua by lupa")

from engine.audit import audit
from engine.errors import Reason
from engine.types import Side
from engine.venue import Venue, opened
from tests.conftest import RICH_ATOMS, balance, cancel, define_symbols, fund, limit, market
from tests.engine.checks import events_after, refusal

BUY, SELL = Side.BUY, Side.SELL


async def trade(venue: Venue) -> None:
    """alice (1) offers 5 at 100 and bids 4 at 90, bob (2) takes 7 and bids 3 at 80."""
    await define_symbols(venue)
    for account in (1, 2):
        await fund(venue, account, BTC=RICH_ATOMS, USDT=RICH_ATOMS)
    await venue.gateway.place_order(limit(1, SELL, 100, 5))
    await venue.gateway.place_order(limit(1, BUY, 90, 4))
    placed = await venue.gateway.place_order(market(2, BUY, lots=7))
    assert (placed.order.status, [fill.lots for fill in placed.fills]) == ("EXPIRED", [5])
    await venue.gateway.place_order(limit(2, BUY, 80, 3))


async def test_place_match_cancel_events_and_audit() -> None:
    async with opened(f"fakeredis://{uuid.uuid4().hex}", "main") as venue:
        await trade(venue)
        assert await refusal(venue.gateway.cancel_order(cancel(2, 2))) is Reason.UNKNOWN_ORDER
        await venue.gateway.cancel_order(cancel(1, 2))
        depth = await venue.queries.depth("BTCUSDT", 5)
        assert (depth.bids, depth.asks) == ([(80, 3)], [])
        assert await balance(venue, 1, "USDT") == (RICH_ATOMS + 5_000 - 5, 0)
        assert (await audit(venue)).differences == []
        kinds = [type(event).__name__ for event in await events_after(venue, 0)]
        assert kinds == [
            "VenueOpened", *["SymbolDefined"] * 3, *["BalanceCredited"] * 4, *["OrderPlaced"] * 4, "OrderCanceled",
        ]  # fmt: skip


async def test_the_same_url_is_the_same_exchange_and_another_is_not() -> None:
    url = f"fakeredis://{uuid.uuid4().hex}"
    async with opened(url, "main") as venue:
        await trade(venue)
    async with opened(url, "main") as again:
        assert (await again.queries.depth("BTCUSDT", 5)).bids == [(90, 4), (80, 3)]
    async with opened(f"fakeredis://{uuid.uuid4().hex}", "main") as other:
        assert await other.registry.specs() == {}
