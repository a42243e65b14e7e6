"""define_symbol and change_account: what Django publishes, and what of it can no longer change."""

import msgspec
import pytest

from engine.commands import PlaceOrder
from engine.errors import Reason
from engine.events import AccountChanged, SymbolDefined
from engine.registry import KeyRecord
from engine.types import OrderType, Side
from engine.venue import Venue
from tests.conftest import BTCUSDT, cancel, limit
from tests.engine.checks import events_of, refusal, refused_without_a_trace


async def test_new_rules_are_a_new_version_and_the_same_rules_are_none(venue: Venue) -> None:
    changed = msgspec.structs.replace(BTCUSDT, taker_fee_e8=7)
    (event,) = await events_of(venue, lambda: venue.registry.define_symbol(changed))
    assert isinstance(event, SymbolDefined)
    assert event.spec == msgspec.structs.replace(changed, rules_version=2)
    assert await events_of(venue, lambda: venue.registry.define_symbol(changed)) == []
    assert await venue.registry.spec("BTCUSDT") == event.spec


@pytest.mark.parametrize("change", [{"tick_units": 100_000}, {"lot_units": 10_000}, {"base": "ETH"}])
async def test_tick_lot_and_assets_are_fixed_once_there_was_an_order(
    venue: Venue, alice: int, change: dict[str, object]
) -> None:
    await venue.gateway.place_order(limit(alice, Side.BUY, 100, 5))
    await venue.gateway.cancel_order(cancel(alice, 1))
    refused = venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, **change))
    assert await refused_without_a_trace(venue, refused) is Reason.RULES_FIXED


async def test_tick_and_lot_are_fixed_while_an_order_waits_that_the_book_does_not_show(
    venue: Venue, alice: int
) -> None:
    stop = PlaceOrder(
        account=alice, symbol="BTCUSDT", rules_version=1, side=Side.BUY, type=OrderType.STOP_LOSS_LIMIT, lots=5,
        price_ticks=100, stop_ticks=90, client_order_id="stop",
    )  # fmt: skip
    await venue.gateway.place_order(stop)
    refused = venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, tick_units=100_000))
    assert await refused_without_a_trace(venue, refused) is Reason.RULES_FIXED
    assert await venue.queries.has_history("BTCUSDT")
    assert not await venue.queries.has_history("ETHUSDT")


async def test_before_the_first_order_tick_and_lot_may_change(venue: Venue) -> None:
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, tick_units=100_000))
    assert (await venue.registry.spec("BTCUSDT")).tick_units == 100_000


async def test_decimals_of_an_asset_are_the_same_for_every_symbol(venue: Venue) -> None:
    other = msgspec.structs.replace(BTCUSDT, symbol="BTCEUR", quote="EUR", base_decimals=6)
    assert await refused_without_a_trace(venue, venue.registry.define_symbol(other)) is Reason.RULES_FIXED
    await venue.registry.define_symbol(msgspec.structs.replace(other, base_decimals=8, quote_decimals=2))
    assert (await venue.registry.assets())["EUR"] == 2


async def test_a_quote_with_few_decimals_rounds_each_fill_down(venue: Venue, alice: int) -> None:
    spec = msgspec.structs.replace(BTCUSDT, symbol="BTCEUR", quote="EUR", quote_decimals=2)
    await venue.registry.define_symbol(spec)
    assert spec.notional_ratio == (1, 100_000)
    rich = await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1, symbol="BTCEUR"))
    assert rich.order.locked_atoms == 1_000


async def test_every_symbol_and_asset_can_be_read_and_an_unknown_one_is_refused(venue: Venue) -> None:
    assert list(await venue.registry.specs()) == ["BTCUSDT", "ETHBTC", "ETHUSDT"]
    assert await venue.registry.assets() == {"BTC": 8, "ETH": 8, "USDT": 8}
    assert await refusal(venue.registry.spec("DOGEUSDT")) is Reason.UNKNOWN_SYMBOL
    assert await refusal(venue.registry.asset_decimals("DOGE")) is Reason.UNKNOWN_ASSET


async def test_an_account_and_its_keys_are_published_and_told(venue: Venue) -> None:
    record = KeyRecord(account=7, user_name='d"or')
    (event,) = await events_of(venue, lambda: venue.registry.define_key("digest", record))
    assert isinstance(event, AccountChanged)
    assert (event.account, event.name) == (7, 'd"or')
    assert await events_of(venue, lambda: venue.registry.define_key("digest", record)) == []
    assert await venue.registry.key("digest") == record
    assert await venue.registry.account_number('d"or') == 7
    assert await venue.registry.account_name(7) == 'd"or'


async def test_a_revoked_key_is_gone_and_the_account_stays(venue: Venue) -> None:
    await venue.registry.define_key("digest", KeyRecord(account=7, user_name="dora"))
    await venue.registry.revoke_key("digest", account=7, name="dora")
    assert await venue.registry.key("digest") is None
    assert await venue.registry.account_number("dora") == 7
    assert await refusal(venue.registry.account_number("nobody")) is Reason.UNKNOWN_USER
    assert await refusal(venue.registry.account_name(8)) is Reason.UNKNOWN_USER
