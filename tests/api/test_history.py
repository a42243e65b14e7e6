"""allOrders and myTrades: from SQL where an archiver runs, from Redis alone where none does, the same either way."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from api.runtime import Runtime
from archive.archiver import Archiver
from archive.models import ArchivedOrder, ArchivedTrade
from engine.account_rules import AccountRates
from engine.commands import Transfer
from engine.venue import Venue
from tests.api.conftest import Api, limit_order

pytestmark = pytest.mark.django_db(transaction=True)

TRADE = {
    "symbol", "id", "orderId", "orderListId", "price", "qty", "quoteQty", "commission", "commissionAsset", "time",
    "isBuyer", "isMaker", "isBestMatch",
}  # fmt: skip


@pytest.fixture(params=["archiver", "no archiver"])
async def archiver(
    request: pytest.FixtureRequest, redis_url: str, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Archiver | None]:
    """The process that copies events into SQL, as a task; or nobody, who is not waited for long."""
    if request.param == "no archiver":
        monkeypatch.setattr("accounts.history.WAIT_SECONDS", 0.01)
        yield None
        return
    archiver = Archiver(redis_url, venue.name)
    task = asyncio.create_task(archiver.run())
    yield archiver
    archiver.stop()
    await task


@pytest.fixture
async def history(archiver: Archiver | None, alice: Api, bob: Api) -> tuple[Api, Api]:
    """Alice sold in two orders what bob bought in one, cancelled one order and has one left; bob's FOK expired."""
    await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.1", newClientOrderId="first"))
    await alice.ok("POST", "/order", **limit_order("SELL", "50010", "0.2"))
    await alice.ok("POST", "/order", **limit_order("BUY", "40000", "0.1"))
    await alice.ok("DELETE", "/order", symbol="BTCUSDT", orderId=3)
    await bob.ok("POST", "/order", **limit_order("BUY", "50010", "0.2"))
    await bob.ok("POST", "/order", **limit_order("BUY", "49000", "0.2", timeInForce="FOK"))
    return alice, bob


async def test_all_orders_in_all_states(history: tuple[Api, Api], archiver: Archiver | None) -> None:
    alice, bob = history
    orders = await alice.ok("GET", "/allOrders", symbol="BTCUSDT")
    assert [(order["orderId"], order["status"], order["executedQty"]) for order in orders] == [
        (1, "FILLED", "0.10000000"), (2, "PARTIALLY_FILLED", "0.10000000"), (3, "CANCELED", "0.00000000"),
    ]  # fmt: skip
    assert [order["status"] for order in await bob.ok("GET", "/allOrders", symbol="BTCUSDT")] == ["FILLED", "EXPIRED"]
    for order in orders:
        assert await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=order["orderId"]) == order
    assert (await ArchivedOrder.objects.acount() > 0) is (archiver is not None)


WHICH_ORDERS: list[tuple[dict[str, int], list[int]]] = [
    ({"limit": 2}, [2, 3]),
    ({"orderId": 2}, [2, 3]),
    ({"orderId": 1, "limit": 2}, [1, 2]),
    ({"orderId": 4}, []),
    ({"startTime": 0, "limit": 1}, [1]),
    ({"endTime": 0}, []),
    ({"startTime": 0, "endTime": 4_000_000_000_000}, [1, 2, 3]),
    ({"startTime": 4_000_000_000_000}, []),
    ({"limit": 1_000_000}, [1, 2, 3]),
]


async def test_which_orders(history: tuple[Api, Api]) -> None:
    for parameters, ids in WHICH_ORDERS:
        found = await history[0].ok("GET", "/allOrders", symbol="BTCUSDT", **parameters)
        assert ([row["orderId"] for row in found], parameters) == (ids, parameters)


async def test_trades_are_seen_from_the_owners_side(history: tuple[Api, Api], archiver: Archiver | None) -> None:
    alice, bob = history
    sold, bought = (
        await alice.ok("GET", "/myTrades", symbol="BTCUSDT"),
        await bob.ok("GET", "/myTrades", symbol="BTCUSDT"),
    )
    assert {frozenset(trade) for trade in sold + bought} == {frozenset(TRADE)}
    assert sold[0].pop("time") == bought[0].pop("time")
    assert sold[0] == {
        "symbol": "BTCUSDT", "id": 1, "orderId": 1, "orderListId": -1, "price": "50000.00000000",
        "qty": "0.10000000", "quoteQty": "5000.00000000", "commission": "5.00000000", "commissionAsset": "USDT",
        "isBuyer": False, "isMaker": True, "isBestMatch": True,
    }  # fmt: skip
    assert bought[0] == sold[0] | {
        "orderId": 4, "commission": "0.00010000", "commissionAsset": "BTC", "isBuyer": True, "isMaker": False,
    }  # fmt: skip
    assert [trade["id"] for trade in bought] == [1, 2]
    assert (await ArchivedTrade.objects.acount() > 0) is (archiver is not None)


WHICH_TRADES: list[tuple[dict[str, int], list[int]]] = [
    ({"limit": 1}, [2]),
    ({"fromId": 1, "limit": 1}, [1]),
    ({"fromId": 2}, [2]),
    ({"fromId": 3}, []),
    ({"orderId": 2}, [2]),
    ({"orderId": 4}, []),  # bob's
    ({"startTime": 0, "endTime": 0}, []),
    ({"startTime": 0, "limit": 1}, [1]),
]


async def test_which_trades(history: tuple[Api, Api]) -> None:
    for parameters, ids in WHICH_TRADES:
        found = await history[0].ok("GET", "/myTrades", symbol="BTCUSDT", **parameters)
        assert ([row["id"] for row in found], parameters) == (ids, parameters)


async def test_an_order_traded_with_oneself_is_seen_from_the_side_asked_for(
    archiver: Archiver | None, alice: Api
) -> None:
    await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.1"))
    await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.1"))
    (both,) = await alice.ok("GET", "/myTrades", symbol="BTCUSDT")
    (maker,) = await alice.ok("GET", "/myTrades", symbol="BTCUSDT", orderId=1)
    (taker,) = await alice.ok("GET", "/myTrades", symbol="BTCUSDT", orderId=2)
    assert both == taker
    assert (maker["isMaker"], maker["isBuyer"], maker["commissionAsset"]) == (True, False, "USDT")
    assert (taker["isMaker"], taker["isBuyer"], taker["commissionAsset"]) == (False, True, "BTC")


@pytest.mark.parametrize("archiver", ["archiver"], indirect=True)
async def test_an_order_that_redis_has_forgotten_is_in_sql(
    history: tuple[Api, Api], archiver: Archiver | None, venue: Venue, runtime: Runtime
) -> None:
    alice, _ = history
    known = await alice.ok("GET", "/order", symbol="BTCUSDT", origClientOrderId="first")
    await alice.ok("GET", "/allOrders", symbol="BTCUSDT")  # waits until all is in SQL
    await venue.runner.command("DEL", venue.keys.ended("BTCUSDT"))
    await venue.runner.command("HDEL", venue.keys.symbol("BTCUSDT"), "1|BTCUSDT|first")
    assert await alice.ok("GET", "/order", symbol="BTCUSDT", origClientOrderId="first") == known
    assert await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=1) == known


async def test_history_waits_for_the_archiver_so_that_nothing_just_answered_is_missing(
    archiver: Archiver | None, alice: Api
) -> None:
    for number in range(1, 6):
        await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001"))
        orders = await alice.ok("GET", "/allOrders", symbol="BTCUSDT")
        assert [order["orderId"] for order in orders] == list(range(1, number + 1))
        await alice.ok("DELETE", "/order", symbol="BTCUSDT", orderId=number)
        assert (await alice.ok("GET", "/allOrders", symbol="BTCUSDT"))[-1]["status"] == "CANCELED"


@pytest.fixture
async def lists(archiver: Archiver | None, alice: Api, bob: Api) -> Api:
    """Alice with a list that is done by a fill (1), one that was cancelled (2), one on ETHUSDT (3); bob has 4."""
    for side in ("SELL", "BUY"):
        await bob.ok("POST", "/order", **limit_order(side, "50000", "0.001"))
    pair = {"side": "SELL", "quantity": "0.1", "price": "55000", "stopPrice": "45000"}
    await alice.ok("POST", "/order/oco", symbol="BTCUSDT", **pair)
    await bob.ok("POST", "/order", **limit_order("BUY", "55000", "0.1"))
    await alice.ok("POST", "/order/oco", symbol="BTCUSDT", **pair | {"price": "56000", "listClientOrderId": "second"})
    await alice.ok("DELETE", "/orderList", symbol="BTCUSDT", listClientOrderId="second")
    await alice.ok("POST", "/order/oco", symbol="ETHUSDT", **pair)
    await bob.ok("POST", "/order/oco", symbol="BTCUSDT", **pair | {"price": "56000"})
    return alice


WHICH_LISTS: list[tuple[dict[str, int], list[int]]] = [
    ({}, [3, 2, 1]),
    ({"limit": 2}, [3, 2]),
    ({"fromId": 2}, [3, 2]),
    ({"fromId": 1, "limit": 2}, [2, 1]),
    ({"fromId": 4}, []),
    ({"startTime": 0, "limit": 1}, [1]),
    ({"endTime": 0}, []),
    ({"startTime": 4_000_000_000_000}, []),
    ({"limit": 1_000_000}, [3, 2, 1]),
]


async def test_which_order_lists(lists: Api) -> None:
    for parameters, ids in WHICH_LISTS:
        found = await lists.ok("GET", "/allOrderList", **parameters)
        assert ([row["orderListId"] for row in found], parameters) == (ids, parameters)
    found = await lists.ok("GET", "/allOrderList")
    assert [(row["symbol"], row["listOrderStatus"]) for row in found] == [
        ("ETHUSDT", "EXECUTING"), ("BTCUSDT", "ALL_DONE"), ("BTCUSDT", "ALL_DONE"),
    ]  # fmt: skip
    for row in found:
        assert await lists.ok("GET", "/orderList", orderListId=row["orderListId"]) == row
    assert await lists.ok("GET", "/openOrderList") == found[:1]


@pytest.mark.parametrize("archiver", ["archiver"], indirect=True)
async def test_an_order_list_that_redis_has_forgotten_is_in_sql(lists: Api, venue: Venue) -> None:
    found = await lists.ok("GET", "/allOrderList")  # waits until all is in SQL
    trades = await lists.ok("GET", "/myTrades", symbol="BTCUSDT")
    assert [trade["orderListId"] for trade in trades] == [1]
    await venue.runner.command("HDEL", venue.keys.lists("BTCUSDT"), "1", "2", "1|second")
    await venue.runner.command("DEL", venue.keys.ended("BTCUSDT"))
    for row in found:
        assert await lists.ok("GET", "/orderList", orderListId=row["orderListId"]) == row
    assert await lists.ok("GET", "/orderList", origClientOrderId="second") == found[1]
    assert await lists.ok("GET", "/myTrades", symbol="BTCUSDT") == trades


async def test_amendments_of_an_order(archiver: Archiver | None, alice: Api, bob: Api) -> None:
    order_id = (await alice.ok("POST", "/order", **limit_order("BUY", "40000", "0.5", newClientOrderId="a")))["orderId"]
    which = {"symbol": "BTCUSDT", "orderId": order_id}
    assert await alice.ok("GET", "/order/amendments", **which) == []
    ids = []
    for quantity, name in (("0.4", "b"), ("0.3", "b"), ("0.2", "c")):
        amended = await alice.ok(
            "PUT", "/order/amend/keepPriority", **which, newQty=quantity, newClientOrderId=name
        )  # fmt: skip
        ids.append(amended["executionId"])
    rows = await alice.ok("GET", "/order/amendments", **which)
    assert rows[-1].pop("time") == amended["transactTime"]
    assert rows[-1] == {
        "symbol": "BTCUSDT", "orderId": order_id, "executionId": ids[2], "origClientOrderId": "b",
        "newClientOrderId": "c", "origQty": "0.30000000", "newQty": "0.20000000",
    }  # fmt: skip
    assert [(row["executionId"], row["origClientOrderId"], row["newClientOrderId"]) for row in rows] == [
        (ids[0], "a", "b"), (ids[1], "b", "b"), (ids[2], "b", "c"),
    ]  # fmt: skip

    async def found(**asked: int) -> list[int]:
        return [row["executionId"] for row in await alice.ok("GET", "/order/amendments", **which, **asked)]

    assert await found(fromExecutionId=ids[1]) == ids[1:]
    assert await found(fromExecutionId=ids[1] + 1) == ids[2:]
    assert await found(limit=1) == ids[:1]
    assert await bob.ok("GET", "/order/amendments", **which) == []
    order = (await alice.ok("GET", "/allOrders", symbol="BTCUSDT"))[0]
    assert (order["clientOrderId"], order["origQty"]) == ("c", "0.20000000")


@pytest.fixture
async def special(archiver: Archiver | None, alice: Api, bob: Api) -> Api:
    """Alice after a day of every kind of order, the last price at 51,000."""
    last = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1"}
    await bob.ok("POST", "/order", **limit_order("SELL", "50000", "0.1"))
    await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.1"))
    await alice.ok("POST", "/order", **last, type="STOP_LOSS", stopPrice="40000", strategyId="5")
    await alice.ok("POST", "/order", **last, type="TAKE_PROFIT", trailingDelta="500", stopPrice="51000")
    await alice.ok("POST", "/order", **last, type="TAKE_PROFIT_LIMIT", stopPrice="51000", price="52000")
    await alice.ok("POST", "/order", **limit_order("BUY", "49000", "0.3", icebergQty="0.1"))
    await alice.ok("POST", "/order", **limit_order("BUY", "49000", "0.2"))
    await alice.ok("POST", "/order", **limit_order("SELL", "49000", "0.4", selfTradePreventionMode="DECREMENT"))
    await alice.ok("POST", "/order", **limit_order("SELL", "49000", "0.2", selfTradePreventionMode="EXPIRE_BOTH"))
    await bob.ok("POST", "/order", **limit_order("SELL", "51000", "0.1"))
    await bob.ok("POST", "/order", **limit_order("BUY", "51000", "0.1"))
    return alice


async def test_history_and_the_present_say_the_same_of_every_kind_of_order(special: Api) -> None:
    orders = await special.ok("GET", "/allOrders", symbol="BTCUSDT")
    assert [(order["type"], order["status"], order["isWorking"]) for order in orders] == [
        ("STOP_LOSS", "NEW", False), ("TAKE_PROFIT", "NEW", False), ("TAKE_PROFIT_LIMIT", "NEW", True),
        ("LIMIT", "EXPIRED_IN_MATCH", True), ("LIMIT", "EXPIRED_IN_MATCH", True), ("LIMIT", "EXPIRED_IN_MATCH", True),
        ("LIMIT", "EXPIRED_IN_MATCH", True),
    ]  # fmt: skip
    assert orders[1]["trailingTime"] > 0
    assert orders[5]["preventedQuantity"] == "0.40000000"
    for order in orders:
        assert await special.ok("GET", "/order", symbol="BTCUSDT", orderId=order["orderId"]) == order
    still_open = await special.ok("GET", "/openOrders", symbol="BTCUSDT")
    assert still_open == [order for order in orders if order["status"] == "NEW"]


async def test_prevented_matches_by_id_and_by_order(special: Api, bob: Api) -> None:
    orders = await special.ok("GET", "/allOrders", symbol="BTCUSDT")
    iceberg, plain, decrementing, ending = (order["orderId"] for order in orders[3:])

    async def found(**asked: object) -> list[tuple[int, int, int]]:
        rows = await special.ok("GET", "/myPreventedMatches", symbol="BTCUSDT", **asked)
        return [(row["preventedMatchId"], row["takerOrderId"], row["makerOrderId"]) for row in rows]

    first, second, third = (0, decrementing, iceberg), (1, decrementing, plain), (2, ending, plain)
    assert await found(orderId=decrementing) == [first, second]
    assert await found(orderId=plain) == [second, third]
    assert await found(orderId=plain, fromPreventedMatchId=2) == [third]
    assert await found(orderId=plain, fromPreventedMatchId=0, limit=1) == [second]
    assert await found(preventedMatchId=1) == [second]
    assert await found(preventedMatchId=7) == []
    assert await found(orderId=999) == []
    (row,) = await special.ok("GET", "/myPreventedMatches", symbol="BTCUSDT", preventedMatchId=0)
    assert row.pop("transactTime") == orders[3]["updateTime"]
    assert row == {
        "symbol": "BTCUSDT", "preventedMatchId": 0, "takerOrderId": decrementing, "makerSymbol": "BTCUSDT",
        "makerOrderId": iceberg, "tradeGroupId": -1, "selfTradePreventionMode": "DECREMENT",
        "price": "49000.00000000", "takerPreventedQuantity": "0.30000000", "makerPreventedQuantity": "0.30000000",
    }  # fmt: skip
    assert await bob.ok("GET", "/myPreventedMatches", symbol="BTCUSDT", preventedMatchId=0) == []  # not his


async def test_a_fee_that_was_paid_in_another_asset_is_told_in_that_asset(
    archiver: Archiver | None, venue: Venue, alice: Api, bob: Api
) -> None:
    spec = await venue.registry.spec("BTCUSDT")
    await venue.registry.define_symbol(msgspec.structs.replace(spec, allows_discount=True, discount_e8=75_000_000))
    await venue.registry.set_conversion("BNB", "USDT", 500 * 10**8)
    account = await venue.registry.account_number("bob")
    await venue.registry.set_account_rates(account, AccountRates(uses_discount=True))
    await venue.gateway.credit(Transfer(account=account, asset="BNB", atoms=10**8))
    await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.1"))
    sold = await bob.ok("POST", "/order", **limit_order("SELL", "50000", "0.1"))
    (fill,) = sold["fills"]
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00750000", "BNB")  # 3.75 USDT at 500
    for _ in range(2):
        (trade,) = await bob.ok("GET", "/myTrades", symbol="BTCUSDT")
        assert (trade["commission"], trade["commissionAsset"]) == ("0.00750000", "BNB")
        (trade,) = await alice.ok("GET", "/myTrades", symbol="BTCUSDT")
        assert (trade["commission"], trade["commissionAsset"]) == ("0.00010000", "BTC")
        await venue.runner.command("XTRIM", venue.keys.trades("BTCUSDT"), "MAXLEN", 0 if archiver else 1)
