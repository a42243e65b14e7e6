"""cancel_all_orders: every order of one account on one symbol, in as few commands as may be."""

import msgspec

from engine.commands import CancelAllOrders
from engine.errors import Reason
from engine.events import OrdersCanceled
from engine.registry import KeyRecord
from engine.types import BALANCE_LIMIT, Side
from engine.venue import Venue
from tests.conftest import BTCUSDT, RICH_ATOMS, balance, fund, limit
from tests.engine.checks import events_of, refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL
ALL_OF_ALICE = CancelAllOrders(account=1, symbol="BTCUSDT")


async def test_every_order_of_the_account_on_the_symbol_goes_oldest_first(venue: Venue, alice: int, bob: int) -> None:
    mine = [await venue.gateway.place_order(limit(alice, side, price, 1)) for side, price in ((BUY, 90), (SELL, 110))]
    await venue.gateway.place_order(limit(bob, BUY, 90, 7))
    await venue.gateway.place_order(limit(alice, BUY, 90, 7, symbol="ETHUSDT"))
    mine.append(await venue.gateway.place_order(limit(alice, BUY, 90, 2)))
    canceled = await venue.gateway.cancel_all_orders(ALL_OF_ALICE)
    assert [order.order_id for order in canceled] == [placed.order.order_id for placed in mine]
    depth = await venue.queries.depth("BTCUSDT", 5)
    assert (depth.bids, depth.asks) == ([(90, 7)], [])
    assert (await venue.queries.depth("ETHUSDT", 5)).bids == [(90, 7)]
    assert await balance(venue, alice, "BTC") == (RICH_ATOMS, 0)


async def test_one_event_tells_of_all_of_them_with_one_change_a_level(venue: Venue, alice: int) -> None:
    for price_ticks in (90, 90, 80):
        await venue.gateway.place_order(limit(alice, BUY, price_ticks, 1))
    (event,) = await events_of(venue, lambda: venue.gateway.cancel_all_orders(ALL_OF_ALICE))
    assert isinstance(event, OrdersCanceled)
    assert [order.order_id for order in event.orders] == [1, 2, 3]
    assert sorted((level.price_ticks, level.lots) for level in event.levels) == [(80, 0), (90, 0)]
    assert [(change.free_delta, change.locked_delta) for change in event.balances] == [(2_600, -2_600)]
    assert event.update_id == 4


async def test_more_than_five_hundred_take_several_commands(venue: Venue, alice: int) -> None:
    for _ in range(510):
        await venue.gateway.place_order(limit(alice, BUY, 80, 1))
    events = await events_of(venue, lambda: venue.gateway.cancel_all_orders(ALL_OF_ALICE))
    assert [len(event.orders) for event in events if isinstance(event, OrdersCanceled)] == [500, 10]


async def test_a_sum_above_two_to_the_53_is_freed_exactly(venue: Venue) -> None:
    """Ten orders of more than 10**15 odd atoms each: together no number that Lua can hold."""
    await fund(venue, 1, BTC=BALANCE_LIMIT - 1)
    for _ in range(10):
        await venue.gateway.place_order(limit(1, SELL, 1, 10**12 + 1))
    events = await events_of(venue, lambda: venue.gateway.cancel_all_orders(ALL_OF_ALICE))
    assert [len(event.orders) for event in events if isinstance(event, OrdersCanceled)] == [9, 1]
    assert await balance(venue, 1, "BTC") == (BALANCE_LIMIT - 1, 0)


async def test_with_nothing_open_there_is_nothing_to_cancel(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(bob, BUY, 80, 1))
    nothing = venue.gateway.cancel_all_orders(ALL_OF_ALICE)
    assert await refused_without_a_trace(venue, nothing) is Reason.UNKNOWN_ORDER


async def test_account_one_does_not_cancel_the_orders_of_account_eleven(venue: Venue) -> None:
    for account in (1, 11):
        await fund(venue, account, USDT=10**6)
        await venue.gateway.place_order(limit(account, BUY, 80, account))
    await venue.gateway.cancel_all_orders(ALL_OF_ALICE)
    assert (await venue.queries.depth("BTCUSDT", 5)).bids == [(80, 11)]


async def test_a_halted_symbol_lets_all_orders_go_and_a_bad_key_none(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 80, 1))
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status="HALT"))
    await venue.registry.define_key("bobs", KeyRecord(account=bob, user_name="bob"))
    keyed = venue.gateway.cancel_all_orders(msgspec.structs.replace(ALL_OF_ALICE, credential="bobs"))
    assert await refused_without_a_trace(venue, keyed) is Reason.KEY_INVALID
    assert len(await venue.gateway.cancel_all_orders(ALL_OF_ALICE)) == 1
