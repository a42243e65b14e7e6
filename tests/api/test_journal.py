"""Ask why: an order's journal from the events that tell of it."""

import random
import secrets
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from accounts.journal.asking import journal_of
from accounts.journal.words import Line
from engine.commands import CancelAllOrders, PlaceOrder, PlaceOrderList, ReduceOrder
from engine.errors import Rejected
from engine.events import ListChanged, MarketEvent, OrderActivated, OrderContinued, OrderTriggered
from engine.types import ListKind, OrderType, PegPrice, StpMode, TimeInForce
from engine.venue import Venue
from tests.api.journals import ALICE, BOB, BUY, CAROL, SELL, events_of, kinds, line, make_rich, place
from tests.conftest import cancel, limit, market

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def rich(venue: Venue) -> None:
    await make_rich(venue)


async def test_a_maker_and_its_taker_are_told_from_both_sides(venue: Venue, rich: None) -> None:
    maker = await place(venue, ALICE, SELL, 6_000_000, 500, client_order_id="mine")
    taker = await place(venue, BOB, BUY, 6_010_000, 700)
    told = await journal_of(venue, maker)
    assert kinds(told) == ["accepted", "rests", "matched", "filled"]
    assert (told.user, told.symbol, told.status, told.client_order_id) == ("alice", "BTCUSDT", "FILLED", "mine")
    assert told.is_complete
    matched = line(told, "matched")
    assert matched.text == (
        f"Sold 0.005 BTC at 60000 as maker to order {taker} of bob (trade 1): 300 USDT, fee 0.3 USDT"
    )
    assert matched.numbers == {
        "tradeId": 1, "role": "maker", "price": "60000", "quantity": "0.005", "quoteQuantity": "300", "fee": "0.3",
        "feeAsset": "USDT", "otherOrderId": taker, "otherAccount": BOB,
    }  # fmt: skip
    events = await events_of(venue)
    assert [each.seq for each in told.lines] == [events[-2].seq] * 2 + [events[-1].seq] * 2
    assert {each.time for each in told.lines} == {events[-2].now_ms, events[-1].now_ms}
    other = await journal_of(venue, taker)
    assert kinds(other) == ["accepted", "matched", "rests"]
    assert "Bought 0.005 BTC at 60000 as taker from order" in line(other, "matched").text
    assert line(other, "rests").text == "Rests in the book with 0.002 left, 120.2 USDT locked"


async def test_why_an_order_expired_was_canceled_or_amended(venue: Venue, rich: None) -> None:
    await place(venue, ALICE, SELL, 6_000_000, 500)
    fok = await place(venue, BOB, BUY, 6_000_000, 600, time_in_force=TimeInForce.FOK)
    assert "FOK, and the book could not fill all" in line(await journal_of(venue, fok), "expired").text
    ioc = await place(venue, BOB, BUY, 6_000_000, 600, time_in_force=TimeInForce.IOC)
    assert line(await journal_of(venue, ioc), "expired").text.startswith("Expired with 0.001 left: IOC")
    hopeless = (await venue.gateway.place_order(market(BOB, BUY, lots=100))).order.order_id
    assert "the book had nothing more" in line(await journal_of(venue, hopeless), "expired").text

    left = await place(venue, BOB, BUY, 5_000_000, 600)
    await venue.gateway.reduce_order(ReduceOrder(account=BOB, symbol="BTCUSDT", order_id=left, lots=400))
    await venue.gateway.cancel_order(msgspec.structs.replace(cancel(BOB, left), cancel_client_order_id="enough"))
    told = await journal_of(venue, left)
    assert kinds(told) == ["accepted", "rests", "amended", "canceled"]
    amended = line(told, "amended")
    assert amended.numbers == {"quantity": "0.004", "previousQuantity": "0.006", "left": "0.004"}
    assert amended.text == "Amended: 0.004 in all now instead of 0.006, 0.004 left, its place in the queue kept"
    assert line(told, "canceled").numbers["cancelClientOrderId"] == "enough"
    swept = await place(venue, BOB, BUY, 5_000_000, 600)
    await venue.gateway.cancel_all_orders(CancelAllOrders(account=BOB, symbol="BTCUSDT"))
    assert "with all open orders" in line(await journal_of(venue, swept), "canceled").text


async def test_which_trade_triggered_a_stop_and_which_its_follower(venue: Venue, rich: None) -> None:
    """The first stop's own trades lie between the trade that triggered both and the second one's turn."""
    await place(venue, ALICE, BUY, 6_000_000, 100)
    await place(venue, ALICE, BUY, 5_990_000, 100)
    await place(venue, ALICE, BUY, 5_980_000, 300)
    stops = [
        await place(venue, CAROL, SELL, 0, 100, type=OrderType.STOP_LOSS, stop_ticks=stop)
        for stop in (6_000_000, 5_990_000)
    ]
    hit = await place(venue, BOB, SELL, 5_990_000, 200)
    events = await events_of(venue)
    assert [type(event) for event in events[-2:]] == [OrderTriggered, OrderTriggered]
    for stop, price, trade in zip(stops, ("60000", "59900"), (1, 2), strict=True):
        told = await journal_of(venue, stop)
        assert kinds(told) == ["accepted", "waits", "triggered", "matched", "filled"]
        assert line(told, "waits").text.startswith(f"Waits outside the book for a price at or below {price}; ")
        triggered = line(told, "triggered")
        assert triggered.numbers["tradeId"] == trade
        assert triggered.numbers["tradeSeq"] == events[-3].seq
        assert triggered.numbers["takerOrderId"] == hit
        assert (triggered.numbers["price"], triggered.numbers["triggerPrice"]) == (price, price)


async def test_a_trailing_order_tells_from_where_it_followed_to_where(venue: Venue, rich: None) -> None:
    for price in (6_000_000, 6_100_000, 6_200_000):
        await place(venue, ALICE, SELL, price, 100)
    trailing = await place(
        venue, CAROL, SELL, 0, 100, type=OrderType.TAKE_PROFIT, stop_ticks=6_050_000, trailing_bips=100
    )
    await place(venue, BOB, BUY, 6_200_000, 300)
    told = await journal_of(venue, trailing)
    assert kinds(told) == ["accepted", "waits", "trailing"]
    assert line(told, "trailing").numbers == {"tradeId": 2, "price": "61000"}
    await place(venue, ALICE, BUY, 6_130_000, 300)
    await place(venue, BOB, SELL, 6_130_000, 100)
    told = await journal_of(venue, trailing)
    assert kinds(told) == ["accepted", "waits", "trailing", "triggered", "matched", "filled"]
    numbers = line(told, "triggered").numbers
    assert (numbers["tradeId"], numbers["price"]) == (4, "61300")
    assert (numbers["bestPrice"], numbers["triggerPrice"]) == ("62000", "61380")


async def test_a_pegged_order_tells_to_what_and_why_it_could_not_be(venue: Venue, rich: None) -> None:
    await place(venue, ALICE, SELL, 6_000_000, 100)
    await place(venue, BOB, BUY, 6_000_000, 50)
    pegged = await place(venue, BOB, SELL, 0, 100, peg=PegPrice.PRIMARY_PEG)
    told = line(await journal_of(venue, pegged), "accepted")
    assert "at 60000, pegged to PRIMARY_PEG level 0" in told.text
    assert told.numbers["pegPriceType"] == "PRIMARY_PEG"
    waiting = await place(
        venue, CAROL, SELL, 0, 100, type=OrderType.STOP_LOSS_LIMIT, stop_ticks=5_900_000, peg=PegPrice.MARKET_PEG
    )
    await place(venue, ALICE, BUY, 5_900_000, 30)
    await place(venue, BOB, SELL, 5_900_000, 30)
    told = line(await journal_of(venue, waiting), "expired")
    assert "the book had no level to take its price from" in told.text


async def test_an_iceberg_tells_when_it_was_refilled(venue: Venue, rich: None) -> None:
    iceberg = await place(venue, ALICE, SELL, 6_000_000, 500, iceberg_lots=200)
    await place(venue, BOB, BUY, 6_000_000, 100)
    await place(venue, BOB, BUY, 6_000_000, 200)
    told = await journal_of(venue, iceberg)
    assert kinds(told) == ["accepted", "rests", "matched", "matched", "matched", "refilled"]
    assert line(told, "refilled").numbers["visible"] == "0.001"
    assert line(told, "refilled").numbers["left"] == "0.002"


@pytest.mark.parametrize("mode", [StpMode.EXPIRE_TAKER, StpMode.EXPIRE_MAKER, StpMode.DECREMENT])
async def test_self_trade_prevention_names_the_other_and_the_mode(venue: Venue, rich: None, mode: StpMode) -> None:
    maker = await place(venue, ALICE, SELL, 6_000_000, 500)
    taker = await place(venue, ALICE, BUY, 6_000_000, 300, stp=mode)
    as_maker, as_taker = await journal_of(venue, maker), await journal_of(venue, taker)
    prevented = line(as_taker, "prevented")
    assert prevented.numbers["mode"] == mode
    assert prevented.numbers["otherOrderId"] == maker
    lost = {StpMode.EXPIRE_TAKER: "0.003", StpMode.EXPIRE_MAKER: "0", StpMode.DECREMENT: "0.003"}[mode]
    assert prevented.numbers["preventedQuantity"] == lost
    assert (kinds(as_taker)[-1] == "expired") is (mode is not StpMode.EXPIRE_MAKER)
    if mode is not StpMode.EXPIRE_TAKER:
        assert line(as_maker, "prevented").numbers["otherOrderId"] == taker
        assert (kinds(as_maker)[-1] == "expired") is (mode is StpMode.EXPIRE_MAKER)


async def test_a_list_says_what_happened_to_the_other_order(venue: Venue, rich: None) -> None:
    def leg(kind: OrderType, price: int, stop: int = 0) -> PlaceOrder:
        return msgspec.structs.replace(limit(ALICE, SELL, price, 100), type=kind, stop_ticks=stop)

    legs = [leg(OrderType.LIMIT_MAKER, 6_100_000), leg(OrderType.STOP_LOSS_LIMIT, 5_800_000, 5_900_000)]
    placed = await venue.gateway.place_order_list(
        PlaceOrderList(kind=ListKind.OCO, client_order_id="pair", orders=legs)
    )
    first, second = (order.order_id for order in placed.orders)
    await place(venue, BOB, BUY, 6_100_000, 40)
    told = await journal_of(venue, second)
    assert kinds(told) == ["accepted", "listed", "activated", "waits", "list_ended"]
    assert line(told, "activated").text == "Begins, as its list was accepted"
    ended = line(told, "list_ended")
    assert f"order {first} was partly filled; so this one is EXPIRED" in ended.text
    assert ended.numbers == {
        "orderListId": placed.order_list.list_id, "kind": "OCO", "orders": [first, second], "status": "EXPIRED",
    }  # fmt: skip
    assert kinds(await journal_of(venue, first))[-1] == "matched"


async def test_a_pending_order_of_an_opo_says_what_was_bought_for_it_and_what_became_of_it(
    venue: Venue, rich: None
) -> None:
    async def placed(list_name: str, price: int) -> int:
        sale = msgspec.structs.replace(limit(ALICE, SELL, price, 0), iceberg_lots=1 if list_name == "bad" else 0)
        wanted = PlaceOrderList(
            kind=ListKind.OPO, client_order_id=list_name, orders=[limit(ALICE, BUY, 5_000_000, 2_000), sale]
        )
        return (await venue.gateway.place_order_list(wanted)).orders[1].order_id

    good, bad = await placed("good", 6_000_000), await placed("bad", 7_000_000)
    await place(venue, BOB, SELL, 5_000_000, 500)
    await place(venue, BOB, SELL, 5_000_000, 3_500)
    told = await journal_of(venue, good)
    assert "SELL LIMIT GTC of what its list buys of BTC at 60000" in line(told, "accepted").text
    lines = [each for each in told.lines if each.kind == "list_money"]
    assert (
        lines[0].text == "0.005 BTC was bought by the working order of its list and is locked for it: 0.005 BTC in all"
    )
    assert lines[1].numbers == {"change": "0.015 BTC", "locked": "0.02 BTC"}
    assert "its quantity is 0.02" in lines[2].text
    assert kinds(told)[-2:] == ["activated", "rests"]
    ended = line(await journal_of(venue, bad), "list_ended")
    assert "the symbol's filters refuse it with the quantity 0.02; so this one is EXPIRED" in ended.text


async def test_a_pair_says_that_its_pegged_order_locks_less_than_was_thought(venue: Venue, rich: None) -> None:
    def leg(kind: OrderType, price: int, peg: PegPrice = PegPrice.NONE, stop: int = 0) -> PlaceOrder:
        return msgspec.structs.replace(limit(ALICE, BUY, price, 1_000), type=kind, peg=peg, stop_ticks=stop)

    stop = leg(OrderType.STOP_LOSS_LIMIT, 6_500_000, stop=6_400_000)
    maker = leg(OrderType.LIMIT_MAKER, 5_600_000, PegPrice.PRIMARY_PEG)
    placed = await venue.gateway.place_order_list(
        PlaceOrderList(kind=ListKind.OTOCO, client_order_id="list", orders=[limit(ALICE, SELL, 6_000_000, 1_000), stop,
                                                                           maker])
    )  # fmt: skip
    await place(venue, BOB, BUY, 5_500_000, 1_000)
    await place(venue, BOB, BUY, 6_000_000, 1_000)
    told = await journal_of(venue, placed.orders[1].order_id)
    assert line(told, "list_money").text == (
        "10 USDT more is locked for it, since the other order of its pair locks less: 100 USDT in all"
    )


async def test_an_amendment_of_one_order_of_a_pair_is_told_by_both(venue: Venue, rich: None) -> None:
    legs = [
        msgspec.structs.replace(limit(ALICE, SELL, price, 300), type=kind, stop_ticks=stop)
        for kind, price, stop in (
            (OrderType.STOP_LOSS_LIMIT, 5_800_000, 5_900_000),
            (OrderType.LIMIT_MAKER, 6_100_000, 0),
        )
    ]
    pair = await venue.gateway.place_order_list(PlaceOrderList(kind=ListKind.OCO, client_order_id="pair", orders=legs))
    stop, maker = (order.order_id for order in pair.orders)
    await venue.gateway.reduce_order(ReduceOrder(account=ALICE, symbol="BTCUSDT", order_id=maker, lots=200))
    meant, other = await journal_of(venue, maker), await journal_of(venue, stop)
    assert kinds(meant)[-1] == kinds(other)[-1] == "amended"
    assert meant.lines[-1].text == "Amended: 0.002 in all now instead of 0.003, 0.002 left, its place in the queue kept"
    assert other.lines[-1].text == (
        f"Amended with order {maker}, the other one of its pair: 0.002 in all now instead of 0.003, 0.002 left, "
        "its place in the queue kept"
    )
    assert other.lines[-1].numbers["otherOrderId"] == maker
    await venue.gateway.cancel_order(cancel(ALICE, maker))
    assert f"order {maker} was CANCELED; so this one is" in (await journal_of(venue, stop)).lines[-1].text


async def test_random_orders_have_journals_that_add_up(venue: Venue, rich: None) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    await place(venue, ALICE, SELL, 6_000_000, 10)
    await place(venue, BOB, BUY, 6_000_000, 10)
    for _ in range(400):
        await one_command(venue, dice)
    events = await events_of(venue)
    market_events = [event for event in events if isinstance(event, MarketEvent)]
    last_order_id = int(await venue.runner.command("HGET", venue.keys.meta, "next_order_id")) - 1
    triggered = {event.order.order_id: event for event in market_events if isinstance(event, OrderTriggered)}
    assert len(triggered) > 10
    for order_id in range(1, last_order_id + 1):
        try:
            told = await journal_of(venue, order_id)
        except Rejected:
            continue  # a number that was used up by a place in a queue
        trades = [each.numbers["tradeId"] for each in told.lines if each.kind == "matched"]
        assert trades == [
            fill.trade_id
            for event in market_events
            for fill in event.fills
            if order_id in (fill.taker_order_id, fill.maker_order_id)
        ]
        assert told.is_complete
        assert told.lines[0].kind == "accepted"
        assert ("triggered" in kinds(told)) is (order_id in triggered)
        if order_id in triggered:
            _check_trigger(market_events, triggered[order_id], line(told, "triggered"))


def _check_trigger(events: list[MarketEvent], event: OrderTriggered, told: Line) -> None:
    """The trade belongs to the command that the triggered order's step followed from."""
    at = events.index(event)
    while isinstance(events[at], OrderTriggered | OrderContinued | OrderActivated | ListChanged):
        at -= 1
    root = events[at]
    assert root.seq <= told.numbers["tradeSeq"] < event.seq
    (step,) = [each for each in events if each.seq == told.numbers["tradeSeq"]]
    (fill,) = [fill for fill in step.fills if fill.trade_id == told.numbers["tradeId"]]
    terms = event.order.terms
    assert terms is not None
    if not terms.trailing_bips:
        above = event.order.type.waits_above(event.order.side)
        assert fill.price_ticks >= terms.stop_ticks if above else fill.price_ticks <= terms.stop_ticks


async def one_command(venue: Venue, dice: random.Random) -> None:
    account, side = dice.choice((ALICE, BOB, CAROL)), dice.choice((BUY, SELL))
    price, lots = 6_000_000 + 1_000 * dice.randint(-40, 40), dice.randint(100, 300)
    kind = dice.choice(list(OrderType))
    more: dict[str, Any] = {"type": kind}
    if kind.is_contingent:
        more["stop_ticks"] = 6_000_000 + 1_000 * dice.randint(-60, 60)
        if dice.random() < 0.5:
            more["trailing_bips"] = dice.randint(10, 60)
            more["stop_ticks"] *= dice.randint(0, 1)
    elif kind is OrderType.LIMIT and dice.random() < 0.3:
        more |= {"iceberg_lots": 40, "stp": dice.choice(list(StpMode))}
    with suppress(Rejected):  # what would match or trigger at once
        await place(venue, account, side, price if kind.has_limit else 0, lots, **more)
