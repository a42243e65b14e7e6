"""The venue's clock: real or standing, never backwards within a mode, and back only over a cleared market."""

import asyncio
import time

import pytest

from engine.errors import Reason
from engine.events import ClockSet, MarketCleared
from engine.types import BALANCE_LIMIT, Side
from engine.venue import Venue, opened
from tests.conftest import RICH_ATOMS, balance, cancel, fund, limit, market
from tests.engine.checks import events_after, events_of, refused_without_a_trace
from tests.engine.steps import place_first_step

BUY, SELL = Side.BUY, Side.SELL
PAST, FUTURE = 10**12, 4 * 10**12


async def test_the_real_clock_is_the_machines(venue: Venue) -> None:
    clock = await venue.queries.clock()
    assert clock.mode == "real"
    assert abs(clock.now_ms - time.time() * 1000) < 2_000


async def test_a_virtual_clock_stands_where_it_was_set(venue: Venue, alice: int) -> None:
    (event,) = await events_of(venue, lambda: venue.clock.set_virtual(FUTURE))
    assert isinstance(event, ClockSet)
    assert (event.now_ms, event.mode) == (FUTURE, "virtual")
    placed = await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    assert (placed.order.created_ms, placed.order.updated_ms) == (FUTURE, FUTURE)
    clock = await venue.queries.clock()
    assert (clock.now_ms, clock.mode) == (FUTURE, "virtual")


@pytest.mark.parametrize("is_canceled", [False, True])
async def test_it_does_not_go_back_behind_an_order_ended_or_not(venue: Venue, alice: int, is_canceled: bool) -> None:
    await venue.clock.set_virtual(FUTURE)
    await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    if is_canceled:
        await venue.gateway.cancel_order(cancel(alice, 1))
    for command in (venue.clock.set_virtual(FUTURE - 1), venue.clock.set_real()):
        assert await refused_without_a_trace(venue, command) is Reason.CLOCK_BACKWARDS
    await venue.clock.set_virtual(FUTURE)


async def test_with_no_order_ever_it_goes_wherever_it_is_set(venue: Venue, alice: int) -> None:
    for now_ms in (FUTURE, PAST):
        await venue.clock.set_virtual(now_ms)
        assert (await venue.queries.clock()).now_ms == now_ms
    await venue.clock.set_real()
    clock = await venue.queries.clock()
    assert clock.mode == "real"
    assert abs(clock.now_ms - time.time() * 1000) < 2_000


async def test_the_real_clock_waits_for_times_that_were_already_told(venue: Venue) -> None:
    """The machine's clock may have been set back: what is stored counts."""
    await venue.runner.command("HSET", venue.keys.meta, "last_ms", FUTURE)
    assert (await venue.queries.clock()).now_ms == FUTURE
    await venue.clock.set_real()
    assert (await venue.queries.clock()).now_ms == FUTURE


async def test_a_cleared_market_lets_it_go_back_and_forgets_orders_trades_and_ids_of_clients(
    venue: Venue, alice: int, bob: int
) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="a"))
    await venue.gateway.place_order(limit(alice, SELL, 110, 5, client_id="b"))
    await venue.gateway.place_order(limit(bob, SELL, 100, 2, client_id="c"))
    seq = (await venue.queries.clock()).seq
    await venue.clock.clear_market()
    cleared = [event.symbols for event in await events_after(venue, seq) if isinstance(event, MarketCleared)]
    assert cleared == [["BTCUSDT"], ["ETHBTC"], ["ETHUSDT"]]
    await venue.clock.set_virtual(PAST)
    depth, state = await venue.queries.depth("BTCUSDT", 5), await venue.queries.market_state("BTCUSDT")
    assert (depth.bids, depth.asks, depth.update_id, state.last_price_ticks) == ([], [], 4, None)
    assert await venue.queries.trades("BTCUSDT", limit=5) == []
    assert await venue.queries.ended_orders(bob, "BTCUSDT") == []
    kept = await venue.runner.command("HGETALL", venue.keys.symbol("BTCUSDT"))
    assert not [field for field in kept[::2] if field[:2].strip(b"ab").isdigit()], "orders, levels, client ids"
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS - 2_000, 0)
    placed = await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    traded = await venue.gateway.place_order(market(bob, SELL, lots=1))
    assert (placed.order.order_id, traded.fills[0].trade_id) == (4, 2)  # ids go on


async def test_a_market_that_goes_on_trading_is_cleared_all_the_same(
    venue: Venue, redis_url: str, venue_name: str, alice: int
) -> None:
    """Orders of another connection come while it is cleared; none of them may hold the clock."""
    async with opened(redis_url, venue_name) as ours, opened(redis_url, venue_name) as elsewhere:
        is_over = False

        async def trade() -> int:
            count = 0
            while not is_over:
                await elsewhere.gateway.place_order(limit(alice, BUY, 100, 1))
                count += 1
            return count

        traders = [asyncio.create_task(trade()) for _ in range(8)]
        await asyncio.sleep(0.05)
        await ours.clock.set_virtual(PAST, clear=True)
        is_over = True
        assert min(await asyncio.gather(*traders)) > 0
    clock = await venue.queries.clock()
    assert (clock.now_ms, clock.mode) == (PAST, "virtual")


async def test_clearing_frees_sums_above_two_to_the_53_exactly(venue: Venue) -> None:
    await fund(venue, 1, BTC=BALANCE_LIMIT - 1)
    for price_ticks in range(1, 31):
        await venue.gateway.place_order(limit(1, SELL, price_ticks, 10**12 // price_ticks + 1))
    await venue.clock.clear_market()
    assert await balance(venue, 1, "BTC") == (BALANCE_LIMIT - 1, 0)


async def test_clearing_frees_all_of_an_account_whose_orders_stand_before_and_behind_such_sums(
    venue: Venue, alice: int
) -> None:
    await fund(venue, 2, BTC=2**55)
    for _ in range(6):  # in whatever order a hash gives them, alice has some in more than one sum
        for account, lots in ((alice, 7), (2, 5 * 10**12), (alice, 9)):
            await venue.gateway.place_order(limit(account, SELL, 100, lots))
    await venue.clock.clear_market()
    assert await balance(venue, alice, "BTC") == (RICH_ATOMS, 0)
    assert await balance(venue, 2, "BTC") == (2**55, 0)


async def test_clearing_first_ends_an_unfinished_order(venue: Venue, alice: int, bob: int) -> None:
    for _ in range(501):
        await venue.gateway.place_order(limit(alice, SELL, 100, 1))
    await place_first_step(venue, market(bob, BUY, lots=501))
    await venue.clock.clear_market()
    assert (await venue.queries.market_state("BTCUSDT")).next_trade_id == 502
    assert await balance(venue, bob, "BTC") == (RICH_ATOMS + 501_000 - 501, 0)
