"""The call auction that opens a market: what collects, at which price it trades, and who gets what.

The fact a newcomer would get wrong: the book may be crossed while orders collect, and nothing of it trades before
`uncross`, which then opens the symbol in the same step.
"""

from collections.abc import Sequence
from random import Random

import pytest
from msgspec.structs import replace

from engine.audit import audit
from engine.commands import CancelAllOrders, PlaceOrder, PlaceOrderList, ReduceOrder, ReplaceOrder
from engine.errors import Reason, Rejected
from engine.events import AuctionMatched, OrderTriggered
from engine.scripts import load_scripts
from engine.types import ListKind, OrderStatus, OrderType, PegPrice, Side, StpMode, SymbolStatus, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, balance, cancel, fund, limit, market
from tests.engine.checks import events_of, refusal, refused_without_a_trace
from tests.engine.faults import break_at
from tests.model.small_steps import shorten_steps

BUY, SELL = Side.BUY, Side.SELL
FREE = replace(BTCUSDT, min_notional_atoms=0, maker_fee_e8=100_000, taker_fee_e8=200_000)
Row = tuple[Side, int, int]  # side, price_ticks, lots


async def collect(venue: Venue, **rules: object) -> None:
    """The symbol collects from here on."""
    spec = replace(FREE, status=SymbolStatus.AUCTION_MATCH, **rules)  # type: ignore[arg-type]
    await venue.registry.define_symbol(spec)


async def status(venue: Venue) -> SymbolStatus:
    venue.registry.forget()
    return (await venue.registry.spec("BTCUSDT")).status


async def place(venue: Venue, order: PlaceOrder) -> int:
    """The order's id, whatever version the rules have."""
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    return (await venue.gateway.place_order(replace(order, rules_version=version))).order.order_id


async def trade_at(venue: Venue, account: int, price: int) -> None:
    """The last price becomes `price`."""
    for side in (SELL, BUY):
        await place(venue, limit(account, side, price, 1))


async def uncrossed(venue: Venue) -> AuctionMatched:
    (event,) = await events_of(venue, lambda: venue.gateway.uncross("BTCUSDT"))
    assert isinstance(event, AuctionMatched)
    return event


async def test_orders_collect_without_trading_and_then_all_that_crosses_trades_at_one_price(
    venue: Venue, alice: int, bob: int
) -> None:
    await collect(venue)
    ask = await place(venue, limit(alice, SELL, 100, 5))
    bids = [await place(venue, limit(bob, BUY, price, 3)) for price in (104, 102)]
    depth = await venue.queries.depth("BTCUSDT", 10)
    assert (depth.bids, depth.asks) == ([(104, 3), (102, 3)], [(100, 5)])
    spec = await venue.registry.spec("BTCUSDT")
    state = await venue.queries.auction(spec)
    # 5 lots trade from 100 to 102; at all of these prices one lot of the bids is left over. There is no last price.
    assert (state.status, state.price_ticks, state.lots) == (SymbolStatus.AUCTION_MATCH, 100, 5)
    assert (state.bid_lots, state.ask_lots) == (6, 5)
    assert (await audit(venue)).differences == []

    event = await uncrossed(venue)
    assert (event.price_ticks, event.is_final) == (100, True)
    assert [(fill.price_ticks, fill.lots, fill.taker_order_id) for fill in event.fills] == [
        (100, 3, bids[0]), (100, 2, bids[1]),
    ]  # fmt: skip
    assert {fill.maker_order_id for fill in event.fills} == {ask}
    assert {order.order_id: order.status for order in event.makers} == {
        bids[0]: OrderStatus.FILLED, bids[1]: OrderStatus.PARTIALLY_FILLED, ask: OrderStatus.FILLED,
    }  # fmt: skip
    assert await status(venue) is SymbolStatus.TRADING
    assert (await venue.queries.depth("BTCUSDT", 10)).bids == [(102, 1)]
    assert (await venue.queries.market_state("BTCUSDT")).last_price_ticks == 100


@pytest.mark.parametrize(
    ("last", "rows", "expected"),
    [
        (0, [(BUY, 110, 5), (SELL, 90, 5)], (90, 5)),  # nothing to be near to: the lowest
        (100, [(BUY, 110, 5), (SELL, 90, 5)], (100, 5)),  # the last price itself, though nobody stands there
        (120, [(BUY, 110, 5), (SELL, 90, 5)], (110, 5)),
        (80, [(BUY, 110, 5), (SELL, 90, 5)], (90, 5)),
        (110, [(BUY, 110, 5), (SELL, 90, 3), (SELL, 100, 2)], (110, 5)),  # most lots come first
        (90, [(BUY, 110, 5), (SELL, 90, 3), (SELL, 100, 2)], (100, 5)),
        (100, [(BUY, 110, 4), (BUY, 100, 4), (SELL, 90, 4)], (101, 4)),  # at 100 four bids would be left over
        (105, [(BUY, 110, 4), (SELL, 90, 4), (SELL, 100, 4)], (99, 4)),  # likewise of the asks at 100
        (100, [(BUY, 100, 9), (SELL, 100, 4)], (100, 4)),
        (100, [(BUY, 99, 9), (SELL, 100, 4)], (0, 0)),
        (100, [(BUY, 99, 9)], (0, 0)),
        (100, [(BUY, 103, 3), (SELL, 97, 3), (BUY, 102, 2), (SELL, 102, 3)], (102, 5)),
    ],
)  # fmt: skip
async def test_most_lots_then_least_left_over_then_nearest_to_the_last_price(
    venue: Venue, alice: int, bob: int, last: int, rows: list[Row], expected: tuple[int, int]
) -> None:
    if last:
        await venue.registry.define_symbol(FREE)
        await trade_at(venue, alice, last)
    await collect(venue)
    for side, price, lots in rows:
        await place(venue, limit(alice if side is SELL else bob, side, price, lots))
    state = await venue.queries.auction(await venue.registry.spec("BTCUSDT"))
    done = await venue.gateway.uncross("BTCUSDT")
    assert (done.price_ticks, done.lots) == expected == (state.price_ticks or 0, state.lots)
    assert await status(venue) is SymbolStatus.TRADING


def slowly(rows: Sequence[Row], last: int) -> tuple[int, int]:
    """Price and lots by trying every price."""
    tried = []
    for price in range(1, 40):
        bids = sum(lots for side, at, lots in rows if side is BUY and at >= price)
        asks = sum(lots for side, at, lots in rows if side is SELL and at <= price)
        tried.append((-min(bids, asks), abs(bids - asks), abs(price - last), price))
    lots, _, _, price = min(tried)
    return (price, -lots) if lots else (0, 0)


@pytest.mark.parametrize("seed", range(12))
async def test_the_price_is_the_one_that_trying_them_all_finds(venue: Venue, alice: int, bob: int, seed: int) -> None:
    random = Random(seed)
    print(f"seed {seed}")
    last = random.randint(8, 32)
    await venue.registry.define_symbol(FREE)
    await trade_at(venue, alice, last)
    await collect(venue)
    rows = [(random.choice((BUY, SELL)), random.randint(10, 30), random.randint(1, 9)) for _ in range(14)]
    for side, price, lots in rows:
        tip = random.choice((0, 0, 1 + lots // 3))
        await place(venue, replace(limit(random.choice((alice, bob)), side, price, lots), iceberg_lots=tip))
    done = await venue.gateway.uncross("BTCUSDT")
    assert (done.price_ticks, done.lots) == slowly(rows, last)


async def test_the_older_order_is_the_maker_and_what_a_bid_saves_is_free_again(
    venue: Venue, alice: int, bob: int
) -> None:
    await collect(venue)
    dollars, coins = (await balance(venue, bob, "USDT"))[0], (await balance(venue, bob, "BTC"))[0]
    bid = await place(venue, limit(bob, BUY, 50_000, 1_000))
    ask = await place(venue, limit(alice, SELL, 40_000, 1_000))
    event = await uncrossed(venue)
    (fill,) = event.fills
    assert (fill.maker_order_id, fill.taker_order_id, fill.taker_side) == (bid, ask, SELL)
    assert (fill.maker_fee_atoms, fill.taker_fee_atoms) == (1_000 * 1_000 // 1_000, fill.quote_atoms // 500)
    assert fill.quote_atoms == FREE.notional_floor(40_000, 1_000)
    assert await balance(venue, bob, "USDT") == (dollars - fill.quote_atoms, 0)
    assert await balance(venue, bob, "BTC") == (coins + 1_000_000 - 1_000, 0)


async def test_what_is_left_of_a_bid_keeps_locked_what_its_own_price_needs(venue: Venue, alice: int, bob: int) -> None:
    await collect(venue)
    await place(venue, limit(alice, SELL, 33_333, 7))
    await place(venue, limit(bob, BUY, 44_447, 9))
    await venue.gateway.uncross("BTCUSDT")
    assert (await balance(venue, bob, "USDT"))[1] == FREE.notional_ceil(44_447, 2)


async def test_each_side_trades_best_price_first_and_the_oldest_among_equals(
    venue: Venue, alice: int, bob: int
) -> None:
    await collect(venue, matching_rule="pro_rata")
    bids = [await place(venue, limit(bob, BUY, price, 2)) for price in (100, 102, 102)]
    asks = [await place(venue, limit(alice, SELL, price, 3)) for price in (100, 99)]
    event = await uncrossed(venue)
    met = [(fill.maker_order_id, fill.taker_order_id, fill.lots) for fill in event.fills]
    assert met == [(bids[1], asks[1], 2), (bids[2], asks[1], 1), (bids[2], asks[0], 1), (bids[0], asks[0], 2)]


async def test_self_trade_prevention_does_not_apply(venue: Venue, alice: int) -> None:
    await collect(venue)
    await place(venue, replace(limit(alice, SELL, 100, 2), stp=StpMode.EXPIRE_BOTH))
    await place(venue, replace(limit(alice, BUY, 100, 2), stp=StpMode.EXPIRE_BOTH))
    assert len((await uncrossed(venue)).fills) == 1


async def test_icebergs_bring_all_they_have_and_show_a_new_tip(venue: Venue, alice: int, bob: int) -> None:
    await collect(venue)
    iceberg = await place(venue, replace(limit(alice, SELL, 100, 10), iceberg_lots=3))
    behind = await place(venue, limit(alice, SELL, 100, 4))
    await place(venue, limit(bob, BUY, 100, 12))
    event = await uncrossed(venue)
    met = [(fill.maker_order_id, fill.lots) for fill in event.fills]
    assert met == [(iceberg, 3), (behind, 4), (iceberg, 3), (iceberg, 2)]
    assert (await venue.queries.depth("BTCUSDT", 10)).asks == [(100, 1)]


async def test_nothing_to_match_opens_the_market_all_the_same(venue: Venue, alice: int) -> None:
    await collect(venue)
    await place(venue, limit(alice, BUY, 90, 2))
    event = await uncrossed(venue)
    assert (event.price_ticks, event.fills, event.levels, event.is_final) == (0, [], [], True)
    assert await status(venue) is SymbolStatus.TRADING


def refused_orders() -> dict[str, PlaceOrder]:
    stop = replace(limit(1, BUY, 120, 3), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=110)
    return {
        "market": market(1, BUY, lots=3),
        "IOC": limit(1, BUY, 100, 3, tif=TimeInForce.IOC),
        "FOK": limit(1, BUY, 100, 3, tif=TimeInForce.FOK),
        "LIMIT_MAKER": replace(limit(1, BUY, 90, 3), type=OrderType.LIMIT_MAKER),
        "stop": stop,
        "pegged": replace(limit(1, BUY, 90, 3), peg=PegPrice.PRIMARY_PEG),
    }


@pytest.mark.parametrize("kind", refused_orders())
async def test_other_orders_than_limit_gtc_are_refused(venue: Venue, alice: int, bob: int, kind: str) -> None:
    await collect(venue)
    await place(venue, limit(alice, BUY, 90, 2))
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    order = replace(refused_orders()[kind], rules_version=version)
    assert await refused_without_a_trace(venue, venue.gateway.place_order(order)) is Reason.AUCTION_COLLECTS
    for anyway in (False, True):
        wanted = ReplaceOrder(cancel=cancel(alice, 1), place=order, place_anyway=anyway)
        assert await refused_without_a_trace(venue, venue.gateway.replace_order(wanted)) is Reason.AUCTION_COLLECTS


async def test_lists_are_refused(venue: Venue, alice: int) -> None:
    await collect(venue)
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    orders = [replace(limit(alice, SELL, price, 2), rules_version=version) for price in (100, 110)]
    wanted = PlaceOrderList(kind=ListKind.OTO, client_order_id="list", orders=orders)
    assert await refused_without_a_trace(venue, venue.gateway.place_order_list(wanted)) is Reason.AUCTION_COLLECTS


async def test_what_collects_can_be_cancelled_replaced_and_made_smaller(venue: Venue, alice: int, bob: int) -> None:
    await collect(venue)
    first, second, third = [await place(venue, limit(alice, SELL, 100, 5)) for _ in range(3)]
    await place(venue, limit(bob, BUY, 101, 9))
    await venue.gateway.cancel_order(cancel(alice, first))
    await venue.gateway.reduce_order(ReduceOrder(account=alice, symbol="BTCUSDT", order_id=second, lots=2))
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    new = replace(limit(alice, SELL, 99, 4), rules_version=version)
    await venue.gateway.replace_order(ReplaceOrder(cancel=cancel(alice, third), place=new, place_anyway=False))
    assert (await venue.gateway.uncross("BTCUSDT")).lots == 6


async def test_only_uncross_ends_an_auction_and_only_an_auction_is_ended(venue: Venue, alice: int) -> None:
    await venue.registry.define_symbol(FREE)
    assert await refused_without_a_trace(venue, venue.gateway.uncross("BTCUSDT")) is Reason.NO_AUCTION
    await collect(venue)
    for wanted in (SymbolStatus.TRADING, SymbolStatus.HALT, SymbolStatus.BREAK):
        define = venue.registry.define_symbol(replace(FREE, status=wanted))
        assert await refused_without_a_trace(venue, define) is Reason.AUCTION_UNMATCHED
    await collect(venue, maker_fee_e8=5)  # other rules meanwhile
    await venue.gateway.uncross("BTCUSDT")
    assert await status(venue) is SymbolStatus.TRADING
    await venue.registry.define_symbol(replace(FREE, status=SymbolStatus.TRADING))
    await collect(venue)
    assert await status(venue) is SymbolStatus.AUCTION_MATCH


async def test_the_same_rules_bring_a_second_auction(venue: Venue) -> None:
    for _ in range(2):
        await collect(venue)
        assert await status(venue) is SymbolStatus.AUCTION_MATCH
        await venue.gateway.uncross("BTCUSDT")
        assert await status(venue) is SymbolStatus.TRADING


async def test_stops_that_the_auction_price_reaches_are_triggered_after_it(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await venue.registry.define_symbol(FREE)
    await trade_at(venue, alice, 90)
    stop = replace(limit(carol, BUY, 120, 2), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=100)
    waiting = await place(venue, stop)
    await collect(venue)
    await place(venue, limit(alice, SELL, 100, 9))
    await place(venue, limit(bob, BUY, 100, 5))
    auction, triggered = await events_of(venue, lambda: venue.gateway.uncross("BTCUSDT"))
    assert isinstance(auction, AuctionMatched)
    assert isinstance(triggered, OrderTriggered)
    assert (triggered.order.order_id, triggered.order.status) == (waiting, OrderStatus.FILLED)
    assert triggered.seq == auction.seq + 1


async def test_a_pair_that_the_auction_fills_ends_its_other_order(venue: Venue, alice: int, bob: int) -> None:
    await venue.registry.define_symbol(FREE)
    await trade_at(venue, bob, 95)
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    maker = replace(limit(alice, SELL, 100, 4), type=OrderType.LIMIT_MAKER, rules_version=version)
    stop = replace(limit(alice, SELL, 80, 4), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=85, rules_version=version)
    pair = PlaceOrderList(kind=ListKind.OCO, client_order_id="list", orders=[maker, stop])
    await venue.gateway.place_order_list(pair)
    await collect(venue)
    await place(venue, limit(bob, BUY, 110, 1))
    await venue.gateway.uncross("BTCUSDT")
    statuses = {order.type: order.status for order in await venue.queries.open_orders(alice, ["BTCUSDT"])}
    assert statuses == {OrderType.LIMIT_MAKER: OrderStatus.PARTIALLY_FILLED}


async def test_the_breaker_does_not_judge_the_auction(venue: Venue, alice: int, bob: int) -> None:
    await venue.registry.define_symbol(FREE)
    await trade_at(venue, alice, 100)
    await collect(venue, halt_bips=100, halt_seconds=60)
    await place(venue, limit(alice, SELL, 200, 1))
    await place(venue, limit(bob, BUY, 200, 1))
    await venue.gateway.uncross("BTCUSDT")
    assert await status(venue) is SymbolStatus.TRADING


async def crowd(venue: Venue, alice: int, bob: int) -> None:
    for number in range(6):
        await place(venue, limit(alice, SELL, 90 + number, 2))
        await place(venue, limit(bob, BUY, 110 - number, 2))


async def test_an_auction_in_many_steps_trades_what_it_would_in_one(venue: Venue, alice: int, bob: int) -> None:
    await collect(venue)
    await crowd(venue, alice, bob)
    shorten_steps(venue, 2)
    events = await events_of(venue, lambda: venue.gateway.uncross("BTCUSDT"))
    steps = [event for event in events if isinstance(event, AuctionMatched)]
    assert len(steps) == len(events) == 3
    assert [step.is_final for step in steps] == [False, False, True]
    assert {fill.price_ticks for step in steps for fill in step.fills} == {steps[0].price_ticks}
    assert sum(fill.lots for step in steps for fill in step.fills) == 12


async def test_nothing_overtakes_an_auction_that_has_steps_left(venue: Venue, alice: int, bob: int, carol: int) -> None:
    await collect(venue)
    await crowd(venue, alice, bob)
    shorten_steps(venue, 2)
    spec = await venue.registry.spec("BTCUSDT")
    keys = venue.keys.of_market("BTCUSDT", spec.base, spec.quote)
    *_, is_all = await venue.runner.run("uncross", keys, ("BTCUSDT",))
    assert not is_all
    assert (await audit(venue)).differences == []
    events = await events_of(venue, lambda: place(venue, limit(carol, SELL, 80, 50)))
    assert [type(event).__name__ for event in events] == ["AuctionMatched", "AuctionMatched", "OrderPlaced"]
    assert await status(venue) is SymbolStatus.TRADING


async def test_a_fault_between_two_steps_leaves_the_rest_to_whoever_comes_next(
    venue: Venue, alice: int, bob: int
) -> None:
    await collect(venue)
    await crowd(venue, alice, bob)
    shorten_steps(venue, 2)
    break_at(venue, "continue_order", 1, dict(venue.runner._scripts))
    with pytest.raises(Exception, match="INJECTED"):
        await venue.gateway.uncross("BTCUSDT")
    break_at(venue, "continue_order", 0, load_scripts())
    shorten_steps(venue, 2)
    with pytest.raises(Rejected) as caught:
        await venue.gateway.uncross("BTCUSDT")
    assert caught.value.reason is Reason.NO_AUCTION
    assert (await venue.queries.market_state("BTCUSDT")).next_trade_id == 7


async def test_amounts_near_the_limit_of_exact_numbers_take_steps_of_their_own(
    venue: Venue, alice: int, bob: int
) -> None:
    await fund(venue, bob, USDT=2**54)
    await collect(venue, max_price_ticks=10**9)
    for _ in range(3):
        await place(venue, limit(bob, BUY, 10**6, 400_000_000))
    await place(venue, limit(alice, SELL, 1, 1_200_000_000))
    events = await events_of(venue, lambda: venue.gateway.uncross("BTCUSDT"))
    steps = [event for event in events if isinstance(event, AuctionMatched)]
    assert sum(len(step.fills) for step in steps) == 3
    assert len(steps) > 1
    assert (await balance(venue, bob, "USDT"))[1] == 0


async def test_more_lots_than_can_be_counted_are_refused(venue: Venue, alice: int, bob: int) -> None:
    await fund(venue, alice, BTC=2**54)
    await collect(venue, lot_units=1)
    for price in (1, 1, 1, 2):
        await place(venue, limit(alice, SELL, price, 2**51))
    await place(venue, limit(bob, BUY, 2, 5))
    assert await refused_without_a_trace(venue, venue.gateway.uncross("BTCUSDT")) is Reason.AMOUNT_TOO_LARGE
    assert await refusal(venue.queries.auction(await venue.registry.spec("BTCUSDT"))) is Reason.AMOUNT_TOO_LARGE
    await venue.gateway.cancel_all_orders(CancelAllOrders(account=alice, symbol="BTCUSDT"))
    assert (await venue.gateway.uncross("BTCUSDT")).lots == 0
