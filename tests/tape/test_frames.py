"""Recorded depth changes in a book that users share."""

import msgspec
import pytest

from engine.audit import audit
from engine.commands import TapeFrame, TapeLevel, Transfer
from engine.errors import Reason, Rejected
from engine.events import TapeFrameApplied, decode_entry
from engine.records import LevelChange
from engine.runner import Stale
from engine.types import OrderStatus, Side, StpMode, SymbolStatus, TimeInForce
from engine.venue import Venue
from simulation.tape.stage import DEEP_POCKETS_ATOMS
from tests.conftest import SPECS, balance, limit, market
from tests.tape.conftest import MAKER, START_MS, TAKER, Tape, give_tape_accounts

BUY, SELL = Side.BUY, Side.SELL


async def test_levels_become_what_the_recording_shows(tape: Tape) -> None:
    await tape.frame({6_000_000: 50, 5_999_900: 70}, {6_000_100: 20})
    await tape.frame({6_000_000: 30, 5_999_900: 90, 5_999_800: 5}, {6_000_100: 0, 6_000_200: 8})
    assert await tape.book() == ({6_000_000: 30, 5_999_900: 90, 5_999_800: 5}, {6_000_200: 8})
    assert await tape.own() == await tape.book()
    orders = await tape.venue.queries.open_orders(MAKER, ["BTCUSDT"])
    assert len(orders) == 4  # a level that grows is one order
    assert await balance(tape.venue, MAKER, "BTC") == (10**18 - 8 * 1_000, 8 * 1_000)


async def test_the_clock_takes_the_event_s_time_and_never_goes_back(tape: Tape) -> None:
    tape.now_ms = START_MS + 500
    await tape.frame({1_000: 1})
    assert (await tape.venue.queries.clock()).now_ms == START_MS + 501
    tape.now_ms = START_MS
    await tape.frame({1_000: 2})
    clock = await tape.venue.queries.clock()
    assert (clock.now_ms, clock.mode) == (START_MS + 501, "virtual")


async def test_every_frame_is_one_event_also_when_nothing_changes(tape: Tape) -> None:
    before = (await tape.venue.queries.clock()).seq
    await tape.frame({1_000: 5})
    await tape.frame({1_000: 5})
    await tape.frame()
    entries = await tape.venue.runner.command("XRANGE", tape.venue.keys.events, f"(0-{before}", "+")
    events = [decode_entry(entry) for entry in entries]
    assert [type(event) for event in events] == [TapeFrameApplied] * 3
    assert [event.levels for event in events] == [[LevelChange(BUY, 1_000, 5)], [], []]


async def test_what_prevention_took_from_the_tape_is_no_fill(tape: Tape, alice: int) -> None:
    """Found by seed 20261125 after 315,741 random commands: an order with nothing filled called itself partially so."""
    for account in (MAKER, alice):
        await tape.venue.registry.set_trade_group(account, 7)
    await tape.frame({6_000_000: 50})
    taker = msgspec.structs.replace(limit(alice, SELL, 6_000_000, 20), stp=StpMode.DECREMENT)
    await tape.venue.gateway.place_order(taker)
    for shown, left in ((50, 30), (45, 25), (60, 40)):
        await tape.frame({6_000_000: shown})
        (order,) = await tape.venue.queries.open_orders(MAKER, ["BTCUSDT"])
        assert (order.status, order.left_lots, order.filled_lots) == (OrderStatus.NEW, left, 0)


async def test_a_user_behind_the_tape_keeps_his_place_when_the_level_grows(tape: Tape, alice: int, bob: int) -> None:
    await tape.frame({6_000_000: 50})
    placed = await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_000, 100))
    await tape.frame({6_000_000: 80})  # 30 more join behind alice
    await tape.venue.gateway.place_order(limit(bob, SELL, 6_000_000, 120, tif=TimeInForce.IOC))
    order = await tape.venue.queries.order(alice, "BTCUSDT", order_id=placed.order.order_id)
    assert order.filled_lots == 70  # 50 of the tape came first
    assert (await tape.own())[0] == {6_000_000: 30}


async def test_a_user_in_front_of_the_tape_is_filled_first(tape: Tape, alice: int, bob: int) -> None:
    placed = await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_000, 100))
    await tape.frame({6_000_000: 50})
    await tape.frame({6_000_000: 60})
    assert len(await tape.venue.queries.open_orders(MAKER, ["BTCUSDT"])) == 1  # nobody is behind: the order grows
    await tape.venue.gateway.place_order(limit(bob, SELL, 6_000_000, 90, tif=TimeInForce.IOC))
    order = await tape.venue.queries.order(alice, "BTCUSDT", order_id=placed.order.order_id)
    assert (order.filled_lots, order.status) == (90, OrderStatus.PARTIALLY_FILLED)
    assert (await tape.own())[0] == {6_000_000: 60}


async def test_reductions_leave_from_behind_and_the_rest_keeps_its_place(tape: Tape, alice: int, bob: int) -> None:
    await tape.frame({6_000_000: 50})
    await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_000, 100))
    await tape.frame({6_000_000: 90})
    await tape.frame({6_000_000: 30})  # the 40 behind alice go, and 20 of the 50 before her
    fills = (await tape.venue.gateway.place_order(limit(bob, SELL, 6_000_000, 60, tif=TimeInForce.IOC))).fills
    assert [(fill.maker_account, fill.lots) for fill in fills] == [(MAKER, 30), (alice, 30)]


async def test_what_users_take_stays_taken_until_the_recording_empties_the_level(tape: Tape, alice: int) -> None:
    await tape.frame({}, {6_000_100: 50, 6_000_200: 50})
    await tape.venue.gateway.place_order(market(alice, BUY, lots=20))
    await tape.frame({}, {6_000_200: 60})
    assert await tape.own() == ({}, {6_000_100: 30, 6_000_200: 60})
    await tape.frame({}, {6_000_100: 55})
    assert (await tape.own())[1][6_000_100] == 35
    await tape.frame({}, {6_000_100: 10})
    assert 6_000_100 not in (await tape.own())[1]  # 10 recorded less 20 taken
    await tape.frame({}, {6_000_100: 0})
    await tape.frame({}, {6_000_100: 10})
    assert (await tape.own())[1][6_000_100] == 10


async def test_what_users_take_in_several_steps_adds_up(tape: Tape, alice: int) -> None:
    await tape.frame({}, {6_000_100: 100})
    for _ in range(3):
        await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_100, 10, tif=TimeInForce.IOC))
        await tape.frame({}, {6_000_100: 100})
    assert (await tape.own())[1] == {6_000_100: 70}


async def test_a_quote_that_crosses_a_user_s_order_trades_with_it(tape: Tape, alice: int) -> None:
    placed = await tape.venue.gateway.place_order(limit(alice, SELL, 6_000_000, 100))
    await tape.frame({6_000_050: 30, 6_000_000: 20, 5_999_000: 5})
    fills = [trade.fill for trade in await tape.venue.queries.trades("BTCUSDT", limit=10)]
    assert [(fill.price_ticks, fill.lots, fill.taker_account) for fill in fills] == [
        (6_000_000, 30, MAKER), (6_000_000, 20, MAKER),
    ]  # fmt: skip
    order = await tape.venue.queries.order(alice, "BTCUSDT", order_id=placed.order.order_id)
    assert order.filled_lots == 50
    assert await tape.own() == ({5_999_000: 5}, {})
    assert await tape.book() == ({5_999_000: 5}, {6_000_000: 50})


async def test_what_a_quote_has_not_traded_rests_and_what_it_has_counts_as_taken(tape: Tape, alice: int) -> None:
    await tape.venue.gateway.place_order(limit(alice, BUY, 6_000_000, 10))
    await tape.frame({}, {5_999_990: 30})
    assert await tape.own() == ({}, {5_999_990: 20})
    assert await balance(tape.venue, alice, "BTC") == (10**14 + 10_000 - 10, 0)
    await tape.frame({}, {5_999_990: 40})
    assert await tape.own() == ({}, {5_999_990: 30})


async def test_the_tape_never_trades_with_itself_in_a_quote(tape: Tape, alice: int) -> None:
    await tape.frame({6_000_000: 10}, {6_000_100: 10, 6_000_200: 10})
    await tape.venue.gateway.place_order(limit(alice, SELL, 6_000_200, 7))
    await tape.frame({6_000_200: 25})  # the recording's asks below are still to be removed: a crossed book
    trades = await tape.venue.queries.trades("BTCUSDT", limit=10)
    assert [(trade.fill.maker_account, trade.fill.lots) for trade in trades] == [(alice, 7)]
    assert await tape.own() == ({6_000_200: 18, 6_000_000: 10}, {})
    await tape.frame({6_000_200: 0}, {})  # the withdrawn asks are put back
    assert await tape.own() == ({6_000_000: 10}, {6_000_100: 10, 6_000_200: 10})


async def test_a_frame_that_crosses_itself_leaves_the_bid_for_later(tape: Tape) -> None:
    await tape.frame({6_000_100: 5, 5_999_900: 6}, {6_000_000: 7})
    assert await tape.own() == ({5_999_900: 6}, {6_000_000: 7})
    await tape.frame({}, {6_000_000: 0, 6_000_200: 1})
    assert await tape.own() == ({6_000_100: 5, 5_999_900: 6}, {6_000_200: 1})
    assert await tape.venue.queries.trades("BTCUSDT", limit=10) == []


async def test_a_market_that_moves_through_itself_in_one_frame_does_not_cross(tape: Tape) -> None:
    await tape.frame({100: 5}, {101: 6, 102: 7})
    await tape.frame({101: 5, 102: 5, 100: 9}, {101: 0, 102: 0, 103: 4})
    assert await tape.own() == ({100: 9, 101: 5, 102: 5}, {103: 4})
    assert await tape.venue.queries.trades("BTCUSDT", limit=10) == []


async def test_a_quote_may_meet_more_users_than_one_step_holds(tape: Tape, alice: int) -> None:
    for _ in range(620):
        await tape.venue.gateway.place_order(limit(alice, SELL, 6_000_000, 10))
    await tape.frame({6_000_000: 6_150, 5_000_000: 1})
    trades = await tape.venue.queries.trades("BTCUSDT", limit=1_000)
    assert (len(trades), sum(trade.fill.lots for trade in trades)) == (615, 6_150)
    assert await tape.book() == ({5_000_000: 1}, {6_000_000: 50})


async def test_a_frame_of_many_levels_is_several_events_what_shrinks_first(tape: Tape) -> None:
    await tape.frame(dict.fromkeys(range(1_000, 1_700), 5), {2_000: 1})
    before = (await tape.venue.queries.clock()).seq
    await tape.frame({price: 4 + 2 * (price % 2) for price in range(1_000, 1_700)}, {2_000: 1})
    entries = await tape.venue.runner.command("XRANGE", tape.venue.keys.events, f"(0-{before}", "+")
    changed = [[change.lots for change in decode_entry(entry).levels] for entry in entries]
    assert [len(levels) for levels in changed] == [500, 200]
    assert changed[0] == [4] * 350 + [6] * 150
    assert sum((await tape.book())[0].values()) == 350 * 4 + 350 * 6


async def test_amounts_beyond_what_one_step_can_count_are_split(tape: Tape) -> None:
    """Ten levels of 300,000 USDT times 100 lots each move 60 million USDT and more: exact only in several steps."""
    many = {30_000_000 - price: 20_000_000 for price in range(10)}  # 200 BTC at 300,000 each
    await tape.frame(many)
    assert await tape.own() == (many, {})
    await tape.frame(dict.fromkeys(many, 0))
    assert await balance(tape.venue, MAKER, "USDT") == (10**18, 0)


async def test_the_tape_may_quote_less_than_the_smallest_notional(tape: Tape) -> None:
    await tape.frame({100: 1})  # 0.00001 at 1.00
    assert await tape.own() == ({100: 1}, {})


async def test_notionals_that_do_not_come_out_even_stay_exact(venue: Venue, tape: Tape, alice: int) -> None:
    """ETHBTC: six decimals of price and three of quantity, eight of BTC."""
    for account in (MAKER, TAKER):
        await venue.gateway.credit(Transfer(account=account, asset="ETH", atoms=DEEP_POCKETS_ATOMS))

    async def frame(bids: dict[int, int]) -> None:
        tape.now_ms += 1
        levels = [TapeLevel(BUY, price, lots) for price, lots in bids.items()]
        await venue.gateway.apply_frame(
            TapeFrame(
                symbol="ETHBTC", rules_version=1, now_ms=tape.now_ms, maker_account=MAKER, taker_account=TAKER,
                levels=levels,
            )
        )  # fmt: skip

    await frame({43_217: 333})
    for _ in range(5):
        order = limit(alice, SELL, 43_217, 17, tif=TimeInForce.IOC, symbol="ETHBTC")
        await venue.gateway.place_order(order)
        await frame({43_217: 333})
    await frame({43_217: 100})
    assert (await audit(venue)).differences == []
    await frame({43_217: 0})
    assert (await balance(venue, MAKER, "BTC"))[1] == 0


async def test_a_halted_symbol_refuses_and_nothing_changes(tape: Tape) -> None:
    await tape.frame({100: 5})
    await tape.venue.registry.define_symbol(msgspec.structs.replace(SPECS["BTCUSDT"], status=SymbolStatus.HALT))
    levels = [TapeLevel(BUY, 100, 9)]
    frame = TapeFrame(
        symbol="BTCUSDT", rules_version=2, now_ms=tape.now_ms, maker_account=MAKER, taker_account=TAKER, levels=levels
    )
    before = await tape.venue.queries.clock()
    with pytest.raises(Rejected) as caught:
        await tape.venue.gateway.apply_frame(frame)
    assert caught.value.reason is Reason.MARKET_CLOSED
    assert await tape.venue.queries.clock() == before
    assert await tape.own() == ({100: 5}, {})


async def test_a_running_clock_refuses(tape: Tape) -> None:
    await tape.venue.clock.set_real()
    with pytest.raises(Rejected) as caught:
        await tape.frame({100: 5})
    assert caught.value.reason is Reason.CLOCK_NOT_VIRTUAL


async def test_a_tape_without_money_is_refused_and_nothing_changes(venue: Venue) -> None:
    await give_tape_accounts(venue)
    await venue.clock.set_virtual(START_MS)
    before = await venue.queries.clock()
    for bids, asks in (({100: 5}, {}), ({}, {100: 5})):
        with pytest.raises(Rejected) as caught:
            await Tape(venue).frame(bids, asks)
        assert caught.value.reason is Reason.INSUFFICIENT_BALANCE
    assert await venue.queries.clock() == before


async def test_a_command_must_follow_the_newest_mark(tape: Tape) -> None:
    shared = {
        "symbol": "BTCUSDT", "rules_version": 1, "now_ms": START_MS, "maker_account": MAKER, "taker_account": TAKER,
        "levels": [TapeLevel(BUY, 100, 5)],
    }  # fmt: skip
    await tape.venue.gateway.apply_frame(TapeFrame(mark="a:0", **shared))
    await tape.venue.gateway.apply_frame(TapeFrame(after="a:0", mark="a:1", **shared))
    before = await tape.venue.queries.clock()
    with pytest.raises(Stale):
        await tape.venue.gateway.apply_frame(TapeFrame(after="a:0", mark="a:1", **shared))
    with pytest.raises(Stale):
        await tape.venue.gateway.apply_frame(TapeFrame(after="a:1", mark="a:2", **{**shared, "rules_version": 7}))
    assert await tape.venue.queries.clock() == before


async def test_recorded_history_is_exempt_from_the_symbols_limits(tape: Tape, alice: int) -> None:
    rules = {"max_orders": 1, "price_up_e4": 11_000, "price_down_e4": 9_000, "max_position_lots": 1, "halt_bips": 100}
    spec = msgspec.structs.replace(SPECS["BTCUSDT"], halt_seconds=60, min_notional_atoms=10**12, **rules)  # type: ignore[arg-type]
    await tape.venue.registry.define_symbol(spec)
    tape.rules_version = 2
    await tape.frame({6_000_000: 50, 5_000_000: 70}, {6_000_100: 20, 9_000_000: 30})
    await tape.trade(6_000_000, 1, is_buyer_maker=True)
    await tape.trade(9_000_000, 1, is_buyer_maker=False)
    assert (await tape.venue.queries.market_state("BTCUSDT")).last_price_ticks == 9_000_000
    assert (await tape.venue.registry.spec("BTCUSDT")).status is SymbolStatus.TRADING
    order = msgspec.structs.replace(limit(alice, BUY, 5_000_000, 1), rules_version=2)
    with pytest.raises(Rejected) as caught:  # users are not
        await tape.venue.gateway.place_order(order)
    assert caught.value.reason is Reason.FILTER_PERCENT_PRICE
