"""Ask why: an order's journal from the events, from SQL when these are gone, and what was refused about it."""

import asyncio
import random
import secrets
from contextlib import suppress
from typing import Any

import httpx
import msgspec
import pytest
from asgiref.sync import sync_to_async

from accounts.auth import authenticate
from accounts.endpoints import ENDPOINTS as ACCOUNTS
from accounts.journal import Journal, journal_of
from accounts.journal_words import Line
from api.callers import Caller
from api.dialects import V1
from api.errors import BadParameter
from api.refusals import ROOM
from api.router import Router
from api.runtime import Runtime
from archive.writer import store
from engine.commands import CancelAllOrders, PlaceOrder, PlaceOrderList, ReduceOrder
from engine.errors import Reason, Rejected
from engine.events import ListChanged, MarketEvent, OrderActivated, OrderContinued, OrderTriggered, decode_entry
from engine.refusals import KEPT, read_refusals
from engine.types import ListKind, OrderType, PegPrice, Side, StpMode, TimeInForce
from engine.venue import Venue
from simulation.endpoints import ENDPOINTS as SIMULATION
from tests.api.conftest import Api, limit_order
from tests.conftest import cancel, fund, limit, market

pytestmark = pytest.mark.django_db(transaction=True)

BUY, SELL = Side.BUY, Side.SELL
ALICE, BOB, CAROL = 1, 2, 3
RICH = 10**12 * 10
TOKEN = {"X-Sim-Token": "the token"}


@pytest.fixture
def router(runtime: Runtime) -> Router:
    return Router([ACCOUNTS, SIMULATION], runtime, authenticate=authenticate)


@pytest.fixture
async def rich(venue: Venue) -> None:
    for account, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
        await venue.registry.define_account(account, name)
        await fund(venue, account, BTC=RICH, USDT=RICH)


async def place(venue: Venue, account: int, side: Side, price: int, lots: int, **more: Any) -> int:
    order = msgspec.structs.replace(limit(account, side, price, lots), **more)
    return (await venue.gateway.place_order(order)).order.order_id


def kinds(journal: Journal) -> list[str]:
    return [line.kind for line in journal.lines]


def line(journal: Journal, kind: str) -> Line:
    (found,) = [each for each in journal.lines if each.kind == kind]
    return found


async def events_of(venue: Venue) -> list[Any]:
    return [decode_entry(entry) for entry in await venue.runner.command("XRANGE", venue.keys.events, "-", "+")]


async def archive_all(venue: Venue, *, keep_from: int | None = None) -> None:
    """Copy the events into SQL as the archiver does, and drop those before `keep_from`."""
    events = await events_of(venue)
    await sync_to_async(store)(venue.name, events)
    told = msgspec.json.encode([events[-1].epoch, events[-1].seq, 0, 0])
    await venue.runner.command("HSET", venue.keys.readers, "archive", told)
    if keep_from is not None:
        await venue.runner.command("XTRIM", venue.keys.events, "MINID", "=", f"0-{keep_from}")


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
    hopeless = (await venue.gateway.place_order(market(BOB, BUY, quote_atoms=10**10))).order.order_id
    assert "the book had nothing more" in line(await journal_of(venue, hopeless), "expired").text

    left = await place(venue, BOB, BUY, 5_000_000, 600)
    await venue.gateway.reduce_order(ReduceOrder(account=BOB, symbol="BTCUSDT", order_id=left, lots=400))
    await venue.gateway.cancel_order(msgspec.structs.replace(cancel(BOB, left), cancel_client_order_id="enough"))
    told = await journal_of(venue, left)
    assert kinds(told) == ["accepted", "rests", "amended", "canceled"]
    assert line(told, "amended").numbers == {"quantity": "0.004", "left": "0.004"}
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
    assert kinds(told)[:2] == ["accepted", "listed"]
    assert kinds(told)[-1] == "list_ended"
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


async def test_what_was_trimmed_comes_from_sql_and_the_journal_says_so(venue: Venue, rich: None) -> None:
    maker = await place(venue, ALICE, SELL, 6_000_000, 500)
    await place(venue, BOB, BUY, 6_000_000, 100)
    first_kept = (await events_of(venue))[-1].seq + 1
    await place(venue, BOB, BUY, 6_000_000, 150)
    whole = await journal_of(venue, maker)
    await archive_all(venue, keep_from=first_kept)
    told = await journal_of(venue, maker)
    assert not told.is_complete
    assert kinds(told) == ["summary", "accepted", "matched", "matched"]
    assert f"Events before {first_kept} are not kept any more" in told.lines[0].text
    assert told.lines[1:] == [each for each in whole.lines if each.kind != "rests"]

    stop = await place(venue, CAROL, SELL, 0, 100, type=OrderType.STOP_LOSS, stop_ticks=5_900_000)
    await place(venue, ALICE, BUY, 5_900_000, 300)
    await place(venue, BOB, SELL, 5_900_000, 100)
    await archive_all(venue, keep_from=(await venue.queries.clock()).seq + 1)
    told = await journal_of(venue, stop)
    assert kinds(told) == ["summary", "accepted", "triggered", "matched", "last_state"]
    assert line(told, "triggered").numbers["tradeId"] == 3
    assert line(told, "last_state").numbers["status"] == "FILLED"


async def test_an_order_of_a_market_that_was_cleared_is_void(venue: Venue, rich: None) -> None:
    order_id = await place(venue, ALICE, SELL, 6_000_000, 500)
    await place(venue, BOB, BUY, 6_000_000, 100)
    await archive_all(venue)
    await venue.clock.clear_market()
    assert kinds(await journal_of(venue, order_id)) == ["accepted", "rests", "matched", "cleared"]
    await archive_all(venue)
    told = await journal_of(venue, order_id)
    assert kinds(told) == ["void", "accepted", "matched", "last_state"]
    assert not told.is_complete


async def test_an_ended_order_whose_events_are_gone_is_not_searched_for(
    venue: Venue, rich: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await place(venue, ALICE, SELL, 6_000_000, 500, time_in_force=TimeInForce.IOC)
    await archive_all(venue, keep_from=(await venue.queries.clock()).seq + 1)
    monkeypatch.setattr("accounts.journal.Scan.read", None)
    assert kinds(await journal_of(venue, order_id)) == ["summary", "accepted", "last_state"]


async def test_a_journal_reads_few_events_and_an_unknown_order_has_none(
    venue: Venue, rich: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.journal_scan.PAGE", 5)
    for module in ("accounts.journal_scan", "accounts.journal"):  # where it bounds, and where it is told
        monkeypatch.setattr(f"{module}.MOST_EVENTS", 10)
    order_id = await place(venue, ALICE, SELL, 6_000_000, 500)
    for _ in range(20):
        await place(venue, BOB, BUY, 5_000_000, 100)
    await archive_all(venue)
    told = await journal_of(venue, order_id)
    assert kinds(told) == ["accepted", "rests", "summary"]
    assert not told.is_complete
    with pytest.raises(Rejected) as refusal:
        await journal_of(venue, 999)
    assert refusal.value.reason is Reason.NO_SUCH_ORDER


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


async def a_little_later(venue: Venue) -> None:
    """A refusal is placed among events by its time, which is right to a millisecond or two."""
    before = (await venue.queries.clock()).now_ms
    while (await venue.queries.clock()).now_ms < before + 4:
        await asyncio.sleep(0.001)


async def sim(http: httpx.AsyncClient, path: str, **parameters: Any) -> httpx.Response:
    return await http.get(f"/_sim/{path}", params=parameters, headers=TOKEN)


async def test_refused_orders_have_journals_by_their_client_id(
    http: httpx.AsyncClient, alice: Api, bob: Api, venue: Venue
) -> None:
    await bob.ok("POST", "/order", **limit_order("SELL", "50000", "1"))
    for order in (
        limit_order("BUY", "49000", "100"),
        limit_order("BUY", "49000", "0.00001"),
        limit_order("BUY", "0.001", "1"),
        limit_order("BUY", "49000", "99999"),
        {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "price": "50000", "quantity": "1"},
        limit_order(
            "BUY",
            "49000",
            "",
        ),
    ):
        await alice.error("POST", "/order", **order, newClientOrderId="wish")
    response = await sim(http, "orders/journal", user="alice", symbol="BTCUSDT", clientOrderId="wish")
    told = response.json()
    assert response.status_code == 200
    assert (told["orderId"], told["status"], told["user"]) == (None, None, "alice")
    assert [each["numbers"]["reason"] for each in told["lines"]] == [
        "INSUFFICIENT_BALANCE", "FILTER_NOTIONAL", "FILTER_PRICE", "FILTER_LOT_SIZE", "WOULD_MATCH", "quantity: EMPTY",
    ]  # fmt: skip
    numbers = [each["numbers"] for each in told["lines"]]
    assert (numbers[0]["needed"], numbers[0]["free"]) == ("4900000 USDT", "1000000 USDT")
    assert (numbers[1]["notional"], numbers[1]["min"]) == ("0.49 USDT", "5 USDT")
    assert (numbers[3]["quantity"], numbers[3]["max"]) == ("99999", "9000")
    assert (numbers[4]["price"], numbers[4]["best"]) == ("50000", "50000")
    assert numbers[0]["parameters"]["price"] == "49000"
    assert numbers[0]["keyId"]
    text = told["lines"][0]["text"]
    assert text.startswith("POST /api/v1/order was refused: Account has insufficient balance for requested action.")
    assert "needed 4900000 USDT, free 1000000 USDT" in text

    await a_little_later(venue)
    placed = await alice.ok("POST", "/order", **limit_order("BUY", "49000", "1", newClientOrderId="wish"))
    await a_little_later(venue)
    await alice.error("POST", "/order", **limit_order("BUY", "49000", "1", newClientOrderId="wish"))
    await alice.error(
        "DELETE", "/order", symbol="BTCUSDT", orderId=placed["orderId"], cancelRestrictions="ONLY_PARTIALLY_FILLED"
    )
    for path, query in (
        (f"orders/{placed['orderId']}/journal", {}),
        ("orders/journal", {"user": "alice", "symbol": "BTCUSDT", "clientOrderId": "wish"}),
    ):
        told = (await sim(http, path, **query)).json()
        assert [each["kind"] for each in told["lines"]] == ["refused"] * 6 + ["accepted", "rests"] + ["refused"] * 2
        assert [each["numbers"]["reason"] for each in told["lines"][-2:]] == ["DUPLICATE_ORDER", "CANCEL_RESTRICTED"]
    assert (await sim(http, "orders/1/journal")).json()["lines"][0]["kind"] == "accepted"  # bob's: alice's are hers


async def test_journals_are_asked_for_properly(http: httpx.AsyncClient, alice: Api) -> None:
    async def code(path: str, **parameters: Any) -> tuple[int, int]:
        response = await sim(http, path, **parameters)
        return response.status_code, response.json()["code"]

    assert await code("orders/77/journal") == (400, -2013)
    assert await code("orders/seven/journal") == (400, -1100)
    assert await code(f"orders/{2**63}/journal") == (400, -1108)
    assert await code("orders/1/2/journal") == (404, -1000)
    assert await code("orders/journal", user="alice", symbol="BTCUSDT") == (400, -1102)
    assert await code("orders/journal", user="nobody", symbol="BTCUSDT", clientOrderId="x") == (400, -1130)
    assert await code("orders/journal", user="alice", symbol="NOSUCH", clientOrderId="x") == (400, -2013)
    assert (await http.get("/_sim/orders/1/journal")).status_code == 401
    refused = await http.post("/_sim/orders/1/journal", headers=TOKEN)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")


async def test_refusals_are_written_after_the_answer_and_change_nothing_else(
    venue: Venue, alice: Api, runtime: Runtime
) -> None:
    seq = (await venue.queries.clock()).seq
    await alice.error("POST", "/order", **limit_order("BUY", "49000", "100", newClientOrderId="late"))
    async with asyncio.timeout(5):
        while not (found := await read_refusals(venue, lambda _: True, account=ALICE, limit=5)):
            await asyncio.sleep(0.01)
    assert [refusal.parameters["newClientOrderId"] for refusal in found] == ["late"]
    assert (await venue.queries.clock()).seq == seq
    assert await read_refusals(venue, lambda _: True, account=BOB, limit=5) == []


async def test_a_storm_of_refusals_costs_a_bounded_amount(venue: Venue, runtime: Runtime) -> None:
    caller, error = Caller(V1, ALICE), BadParameter("quantity", "EMPTY")
    for _ in range(ROOM + 50):
        runtime.refusals.note("POST /api/v1/order", {"symbol": "x" * 10_000}, caller, error)
    runtime.refusals.note("POST /api/v1/order", {}, caller, error)
    await runtime.refusals.flush()
    assert await venue.runner.command("XLEN", venue.keys.refusals) == ROOM
    kept = await read_refusals(venue, lambda _: True, account=ALICE, limit=ROOM)
    assert sum(refusal.missed for refusal in kept) == 51
    assert {len(refusal.parameters["symbol"]) for refusal in kept} == {200}
    for _ in range(12):
        for _ in range(ROOM):
            runtime.refusals.note("POST /api/v1/order", {}, caller, error)
        await runtime.refusals.flush()
    assert KEPT <= await venue.runner.command("XLEN", venue.keys.refusals) < KEPT + 1_000
