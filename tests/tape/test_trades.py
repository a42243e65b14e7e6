"""Recorded trades in a book that users share."""

import pytest

from engine.commands import TapeTrade
from engine.errors import Reason, Rejected
from engine.events import TapeFrameApplied, TapeTradePlayed, decode_entry
from engine.records import Fill
from engine.types import Side, TimeInForce
from tests.conftest import balance, limit
from tests.tape.conftest import MAKER, START_MS, TAKER, Tape

BUY, SELL = Side.BUY, Side.SELL


def shown(fills: list[Fill]) -> list[tuple[int, int, int]]:
    """(maker, price_ticks, lots), in the order of matching."""
    return [(fill.maker_account, fill.price_ticks, fill.lots) for fill in fills]


@pytest.mark.parametrize("is_buyer_maker", [True, False])
async def test_a_trade_comes_out_as_recorded_whatever_the_book_showed(tape: Tape, is_buyer_maker: bool) -> None:
    fills = await tape.trade(6_000_000, 7, is_buyer_maker=is_buyer_maker)  # nothing stood there
    assert shown(fills) == [(MAKER, 6_000_000, 7)]
    assert (fills[0].taker_account, fills[0].is_buyer_maker) == (TAKER, is_buyer_maker)
    assert await tape.book() == ({}, {})
    state = await tape.venue.queries.market_state("BTCUSDT")
    assert state.last_price_ticks == 6_000_000
    (trade,) = await tape.venue.queries.trades("BTCUSDT", limit=5)
    assert trade.now_ms == tape.now_ms


async def test_a_trade_takes_from_what_stands_and_the_next_frame_puts_it_back(tape: Tape) -> None:
    await tape.frame({100: 10}, {101: 10})
    before = (await tape.venue.queries.clock()).seq
    assert shown(await tape.trade(100, 4, is_buyer_maker=True)) == [(MAKER, 100, 4)]
    assert await tape.own() == ({100: 6}, {101: 10})
    entries = await tape.venue.runner.command("XRANGE", tape.venue.keys.events, f"(0-{before}", "+")
    assert [type(decode_entry(entry)) for entry in entries] == [TapeTradePlayed]
    await tape.frame({}, {101: 11})  # says nothing of 100: the recording still has 10 there
    assert await tape.own() == ({100: 10}, {101: 11})


async def test_more_is_traded_than_was_shown(tape: Tape) -> None:
    await tape.frame({100: 10}, {101: 10})
    assert sum(fill.lots for fill in await tape.trade(100, 25, is_buyer_maker=True)) == 25
    assert await tape.own() == ({}, {101: 10})
    await tape.frame({100: 3})
    assert await tape.own() == ({100: 3}, {101: 10})


async def test_better_orders_of_the_tape_are_withdrawn_and_put_back(tape: Tape) -> None:
    await tape.frame({100: 10, 99: 10, 98: 10}, {101: 10})
    before = (await tape.venue.queries.clock()).seq
    assert shown(await tape.trade(98, 4, is_buyer_maker=True)) == [(MAKER, 98, 4)]
    assert await tape.own() == ({98: 6}, {101: 10})
    entries = await tape.venue.runner.command("XRANGE", tape.venue.keys.events, f"(0-{before}", "+")
    assert [type(decode_entry(entry)) for entry in entries] == [TapeFrameApplied, TapeTradePlayed]
    await tape.frame({99: 0})
    assert await tape.own() == ({100: 10, 98: 10}, {101: 10})


async def test_the_tape_s_orders_on_the_taker_s_side_that_the_price_reaches_are_withdrawn(tape: Tape) -> None:
    await tape.frame({100: 10}, {101: 10, 102: 10})
    assert shown(await tape.trade(101, 4, is_buyer_maker=True)) == [(MAKER, 101, 4)]  # a bid at the old ask
    assert await tape.own() == ({100: 10}, {102: 10})
    await tape.frame({101: 8}, {101: 0})
    assert await tape.own() == ({100: 10, 101: 8}, {102: 10})


async def test_users_who_stand_better_or_earlier_are_filled_first(tape: Tape, alice: int, bob: int) -> None:
    await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_000, 10))
    await tape.frame({6_000_000: 50, 6_000_001: 9}, {6_000_100: 10})
    await tape.venue.gateway.place_order(limit(bob, BUY, 6_000_000, 20))
    await tape.venue.gateway.place_order(limit(bob, BUY, 6_000_050, 9))
    fills = await tape.trade(6_000_000, 40, is_buyer_maker=True)
    assert shown(fills) == [(bob, 6_000_050, 9), (alice, 6_000_000, 10), (MAKER, 6_000_000, 21)]
    assert await tape.own() == ({6_000_000: 29}, {6_000_100: 10})
    await tape.frame({6_000_000: 45})
    assert (await tape.own())[0] == {6_000_000: 45, 6_000_001: 9}  # what the tape traded with itself is not taken
    assert shown(await tape.trade(6_000_000, 40, is_buyer_maker=True)) == [(MAKER, 6_000_000, 29), (bob, 6_000_000, 11)]


async def test_a_user_behind_is_reached_only_by_what_goes_beyond_the_tape(tape: Tape, alice: int) -> None:
    await tape.frame({}, {6_000_000: 30})
    placed = await tape.venue.gateway.place_order(limit(alice, SELL, 6_000_000, 100))
    await tape.trade(6_000_000, 30, is_buyer_maker=False)
    assert (await tape.venue.queries.order(alice, "BTCUSDT", order_id=placed.order.order_id)).filled_lots == 0
    fills = await tape.trade(6_000_000, 30, is_buyer_maker=False)  # now alice is first in the queue
    assert shown(fills) == [(alice, 6_000_000, 30)]


async def test_what_the_trade_leaves_over_goes_with_the_next_frame(tape: Tape, alice: int) -> None:
    await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_000, 10))
    await tape.trade(6_000_000, 10, is_buyer_maker=True)  # alice had it all
    assert await tape.own() == ({6_000_000: 10}, {})
    await tape.frame()
    assert await tape.own() == ({}, {})


async def test_an_addition_that_crosses_a_user_s_order_trades_with_it_as_a_quote(tape: Tape, alice: int) -> None:
    """The bid of 10 that the recording must have had met alice's ask first: 4 of it are hers, 6 are left to trade."""
    await tape.venue.gateway.place_order(limit(alice, SELL, 5_999_000, 4 + 1_000))
    await tape.frame({}, {6_000_000: 5})
    for_alice = limit(alice, SELL, 5_998_000, 4)
    await tape.venue.gateway.place_order(for_alice)
    fills = await tape.trade(5_998_500, 10, is_buyer_maker=True)
    assert [(fill.maker_account, fill.taker_account, fill.price_ticks, fill.lots) for fill in fills] == [
        (alice, MAKER, 5_998_000, 4), (MAKER, TAKER, 5_998_500, 6),
    ]  # fmt: skip
    assert await tape.own() == ({}, {6_000_000: 5})
    await tape.frame({5_998_500: 7})  # what is left in the recording behind its trade of 10: alice had none of that
    assert await tape.own() == ({5_998_500: 7}, {6_000_000: 5})


async def test_a_trade_may_meet_more_users_than_one_step_holds(tape: Tape, alice: int) -> None:
    for _ in range(510):
        await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_000, 10))
    await tape.frame({6_000_000: 40})
    fills = await tape.trade(6_000_000, 5_120, is_buyer_maker=True)
    assert (len(fills), sum(fill.lots for fill in fills)) == (511, 5_120)
    assert shown(fills)[-1] == (MAKER, 6_000_000, 20)
    await tape.frame({6_000_000: 40})
    assert await tape.book() == ({6_000_000: 40}, {})


async def test_what_users_took_stays_taken_through_trades(tape: Tape, alice: int) -> None:
    await tape.frame({}, {6_000_000: 50})
    await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_000, 15, tif=TimeInForce.IOC))
    await tape.trade(6_000_000, 20, is_buyer_maker=False)
    await tape.frame({}, {6_000_000: 30})
    assert await tape.own() == ({}, {6_000_000: 15})


async def test_fees_and_money_of_a_user_who_met_the_tape(tape: Tape, alice: int) -> None:
    await tape.venue.gateway.place_order(limit(alice, SELL, 6_000_000, 100_000))  # 1 BTC
    await tape.trade(6_000_000, 100_000, is_buyer_maker=False)
    free, locked = await balance(tape.venue, alice, "USDT")
    assert (free - 10**14, locked) == (60_000 * 10**8 - 60 * 10**8, 0)


async def test_a_running_clock_refuses_and_a_trade_below_the_notional_is_played(tape: Tape) -> None:
    assert shown(await tape.trade(100, 1, is_buyer_maker=True)) == [(MAKER, 100, 1)]
    await tape.venue.clock.set_real()
    trade = TapeTrade(
        symbol="BTCUSDT", rules_version=1, now_ms=START_MS, maker_account=MAKER, taker_account=TAKER, price_ticks=100,
        lots=1, is_buyer_maker=True,
    )  # fmt: skip
    with pytest.raises(Rejected) as caught:
        await tape.venue.gateway.play_trade(trade)
    assert caught.value.reason is Reason.CLOCK_NOT_VIRTUAL
