"""Orders that are only tried, made smaller, or cancelled if they still are what the caller thinks."""

from typing import Any

import pytest

from engine.venue import Venue
from tests.api.conftest import Api, limit_order, state_of
from tests.conftest import balance

pytestmark = pytest.mark.django_db(transaction=True)  # an unknown order is looked for in SQL too

ONE = 10**8
AMENDED = {
    "symbol", "orderId", "orderListId", "origClientOrderId", "clientOrderId", "price", "qty", "executedQty",
    "preventedQty", "quoteOrderQty", "cumulativeQuoteQty", "status", "timeInForce", "type", "side", "workingTime",
    "selfTradePreventionMode",
}  # fmt: skip


async def amend(api: Api, quantity: str, **which: Any) -> Any:
    return await api.ok("PUT", "/order/amend/keepPriority", symbol="BTCUSDT", newQty=quantity, **which)


async def amend_error(api: Api, quantity: str, **which: Any) -> tuple[int, int, str]:
    return await api.error("PUT", "/order/amend/keepPriority", symbol="BTCUSDT", newQty=quantity, **which)


@pytest.mark.parametrize(
    "parameters",
    [
        limit_order("BUY", "50000", "1"),
        limit_order("BUY", "50000", "100"),  # money is not asked for
        limit_order("SELL", "1", "5") | {"type": "LIMIT_MAKER"},
        limit_order("SELL", "50000", "1", stopPrice="51000", trailingDelta="10") | {"type": "STOP_LOSS_LIMIT"},
        {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quoteOrderQty": "10", "newOrderRespType": "ACK"},
    ],
)
async def test_a_test_order_is_judged_and_nothing_is_placed(
    alice: Api, venue: Venue, parameters: dict[str, str]
) -> None:
    before = await state_of(venue)
    assert await alice.ok("POST", "/order/test", **parameters) == {}
    assert await state_of(venue) == before


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (limit_order("BUY", "50000", "0.00001"), -1013),
        (limit_order("BUY", "50000.001", "1"), -1013),
        (limit_order("BUY", "50000", "1", stopPrice="5"), -1106),
        ({"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "1"}, -1102),
        (limit_order("BUY", "50000", "1") | {"symbol": "NOPE"}, -1121),
    ],
)
async def test_a_test_order_is_refused_as_a_real_one(
    alice: Api, venue: Venue, parameters: dict[str, str], code: int
) -> None:
    before = await state_of(venue)
    refused = await alice.error("POST", "/order/test", **parameters)
    assert refused[1] == code
    assert refused == await alice.error("POST", "/order", **parameters)
    assert await state_of(venue) == before


async def test_a_test_order_tells_its_commission_when_asked(alice: Api) -> None:
    told = await alice.ok("POST", "/order/test", **limit_order("BUY", "50000", "1", computeCommissionRates="true"))
    rates, nothing = {"maker": "0.00100000", "taker": "0.00100000"}, {"maker": "0.00000000", "taker": "0.00000000"}
    assert told["standardCommissionForOrder"] == rates
    assert (told["specialCommissionForOrder"], told["taxCommissionForOrder"]) == (nothing, nothing)
    assert (told["discount"]["enabledForAccount"], told["discount"]["enabledForSymbol"]) == (False, False)


async def test_a_key_that_may_only_read_tests_no_orders(alice: Api) -> None:
    headers = {"X-API-KEY": "reader-key"}
    answer = await alice.raw("POST", "/api/v1/order/test", headers=headers, json=limit_order("BUY", "50000", "1"))
    assert answer.status_code == 401


async def test_less_of_an_order_keeps_its_place(alice: Api, bob: Api, venue: Venue) -> None:
    first = await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.5", newClientOrderId="mine"))
    second = await bob.ok("POST", "/order", **limit_order("SELL", "50000", "0.5"))
    amended = await amend(alice, "0.3", orderId=first["orderId"], newClientOrderId="mine")
    order = amended["amendedOrder"]
    assert set(order) == AMENDED
    assert (order["qty"], order["executedQty"], order["status"]) == ("0.30000000", "0.00000000", "NEW")
    assert (order["origClientOrderId"], order["clientOrderId"], order["orderId"]) == ("mine", "mine", first["orderId"])
    assert amended["transactTime"] >= order["workingTime"] == first["transactTime"]
    assert await balance(venue, 1, "BTC") == (10 * ONE - 3 * ONE // 10, 3 * ONE // 10)
    await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.2"))
    met = await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=first["orderId"])
    assert (met["executedQty"], met["origQty"], met["status"]) == ("0.20000000", "0.30000000", "PARTIALLY_FILLED")
    untouched = await bob.ok("GET", "/order", symbol="BTCUSDT", orderId=second["orderId"])
    assert untouched["executedQty"] == "0.00000000"
    again = await amend(alice, "0.25", origClientOrderId="mine", newClientOrderId="mine")
    assert (again["amendedOrder"]["qty"], again["amendedOrder"]["executedQty"]) == ("0.25000000", "0.20000000")
    assert again["executionId"] > amended["executionId"]


async def test_orders_that_wait_or_hide_become_smaller_too(alice: Api, bob: Api) -> None:
    for way in ("SELL", "BUY"):
        await bob.ok("POST", "/order", **limit_order(way, "50000", "0.001"))
    stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.5", "stopPrice": "40000"}
    stop_id = (await alice.ok("POST", "/order", **stop))["orderId"]
    order = (await amend(alice, "0.4", orderId=stop_id))["amendedOrder"]
    assert (order["qty"], order["stopPrice"]) == ("0.40000000", "40000.00000000")
    assert "workingTime" not in order
    iceberg = await alice.ok("POST", "/order", **limit_order("SELL", "60000", "0.5", icebergQty="0.2"))
    order = (await amend(alice, "0.1", orderId=iceberg["orderId"]))["amendedOrder"]
    assert (order["qty"], order["icebergQty"]) == ("0.10000000", "0.20000000")
    assert (await alice.ok("GET", "/depth", symbol="BTCUSDT"))["asks"] == [["60000.00000000", "0.10000000"]]


async def test_an_amendment_that_cannot_be(alice: Api, bob: Api, venue: Venue) -> None:
    order_id = (await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.5")))["orderId"]
    await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.2"))
    before = await state_of(venue)
    for caller, quantity, which, answer in (
        (alice, "0.6", {"orderId": order_id}, (-2038, "Order amend (quantity increase) is not supported.")),
        (alice, "0.5", {"orderId": order_id}, (-2038, "The requested action would change no state; rejecting.")),
        (alice, "0.2", {"orderId": order_id}, (-1013, "Filter failure: LOT_SIZE")),  # nothing would be left
        (alice, "0.00001", {"orderId": order_id}, (-1013, "Filter failure: NOTIONAL")),
        (alice, "0.300001", {"orderId": order_id}, (-1013, "Filter failure: LOT_SIZE")),
        (alice, "0", {"orderId": order_id}, (-1013, "Filter failure: LOT_SIZE")),
        (alice, "0.3", {"orderId": 999}, (-2038, "Unknown order sent.")),
        (bob, "0.3", {"orderId": order_id}, (-2038, "Unknown order sent.")),
        (bob, "0.1", {"orderId": order_id + 1}, (-2038, "Unknown order sent.")),  # filled
    ):
        assert await amend_error(caller, quantity, **which) == (400, *answer)
    await bob.ok("POST", "/order", **limit_order("SELL", "70000", "0.5", newClientOrderId="bobs"))
    await alice.ok("POST", "/order", **limit_order("SELL", "70000", "0.5", newClientOrderId="taken"))
    before = await state_of(venue)
    taken = await amend_error(alice, "0.3", orderId=order_id, newClientOrderId="taken")
    assert taken == (400, -2038, "Duplicate order sent.")
    assert await state_of(venue) == before


async def test_an_amended_order_is_called_otherwise(alice: Api, bob: Api) -> None:
    """Binance's rule: a random name where none was sent, and the old one is free again."""
    order_id = (await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.5", newClientOrderId="a")))[
        "orderId"
    ]
    order = (await amend(alice, "0.4", orderId=order_id))["amendedOrder"]
    assert (order["origClientOrderId"], len(order["clientOrderId"])) == ("a", 22)
    random_id = order["clientOrderId"]
    again = (await amend(alice, "0.3", origClientOrderId=random_id, newClientOrderId="b"))["amendedOrder"]
    assert (again["origClientOrderId"], again["clientOrderId"], again["orderId"]) == (random_id, "b", order_id)
    assert (await alice.ok("GET", "/order", symbol="BTCUSDT", origClientOrderId="b"))["orderId"] == order_id
    assert (await alice.error("GET", "/order", symbol="BTCUSDT", origClientOrderId=random_id))[1] == -2013
    other = await alice.ok("POST", "/order", **limit_order("SELL", "60000", "0.5", newClientOrderId="a"))
    assert other["orderId"] != order_id
    await alice.ok("DELETE", "/order", symbol="BTCUSDT", origClientOrderId="b")
    assert (await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=order_id))["clientOrderId"] == "b"


PAIR = {
    "symbol": "BTCUSDT", "quantity": "1", "listClientOrderId": "pair", "limitClientOrderId": "limit",
    "stopClientOrderId": "stop",
}  # fmt: skip


@pytest.mark.parametrize("which", ["limit", "stop"])
@pytest.mark.parametrize(
    ("side", "price", "stop", "asset", "locked"),
    [("SELL", "55000", "45000", "BTC", 4 * ONE // 10), ("BUY", "45000", "55000", "USDT", 22_000 * ONE)],
)
async def test_to_amend_one_order_of_a_pair_is_to_amend_both(
    alice: Api, bob: Api, venue: Venue, side: str, price: str, stop: str, asset: str, locked: int, which: str
) -> None:
    for way in ("SELL", "BUY"):
        await bob.ok("POST", "/order", **limit_order(way, "50000", "0.001"))
    told = await alice.ok("POST", "/order/oco", **PAIR, side=side, price=price, stopPrice=stop)
    amended = await amend(alice, "0.4", origClientOrderId=which, newClientOrderId="renamed")
    names = {"limit": "limit", "stop": "stop"} | {which: "renamed"}
    assert amended["listStatus"] == {
        "orderListId": told["orderListId"], "contingencyType": "OCO", "listOrderStatus": "EXECUTING",
        "listClientOrderId": "pair", "symbol": "BTCUSDT",
        "orders": [
            told["orders"][0] | {"clientOrderId": names["stop"]},
            told["orders"][1] | {"clientOrderId": names["limit"]},
        ],
    }  # fmt: skip
    for order in amended["listStatus"]["orders"]:
        now = await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=order["orderId"])
        assert (now["clientOrderId"], now["origQty"], now["status"]) == (order["clientOrderId"], "0.40000000", "NEW")
    assert (await balance(venue, 1, asset))[1] == locked
    listed = await alice.ok("GET", "/orderList", orderListId=told["orderListId"])
    assert listed["orders"] == amended["listStatus"]["orders"]
    way, least = ("BUY", price) if side == "SELL" else ("SELL", price)
    await bob.ok("POST", "/order", **limit_order(way, least, "1"))
    done = await alice.ok("GET", "/orderList", orderListId=told["orderListId"])
    assert done["listOrderStatus"] == "ALL_DONE"
    assert (await balance(venue, 1, asset))[1] == 0


async def test_orders_that_trigger_each_other_are_amended_one_by_one(alice: Api, venue: Venue) -> None:
    chain = {
        "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "49000",
        "workingQuantity": "1", "pendingType": "LIMIT", "pendingSide": "SELL", "pendingPrice": "60000",
        "pendingQuantity": "1",
    }  # fmt: skip
    told = await alice.ok("POST", "/orderList/oto", **chain)
    working, pending = (order["orderId"] for order in told["orders"])
    order = (await amend(alice, "0.4", orderId=pending))["amendedOrder"]
    assert (order["status"], order["qty"]) == ("PENDING_NEW", "0.40000000")
    assert (await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=working))["origQty"] == "1.00000000"
    await amend(alice, "0.7", orderId=working)
    assert (await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=pending))["origQty"] == "0.40000000"
    assert await balance(venue, 1, "BTC") == (96 * ONE // 10, 4 * ONE // 10)
    assert (await balance(venue, 1, "USDT"))[1] == 34_300 * ONE


@pytest.mark.parametrize(
    ("filled", "restriction", "is_canceled"),
    [
        (False, "ONLY_NEW", True),
        (False, "ONLY_PARTIALLY_FILLED", False),
        (True, "ONLY_NEW", False),
        (True, "ONLY_PARTIALLY_FILLED", True),
    ],
)
async def test_a_cancel_may_mean_one_status_alone(
    alice: Api, bob: Api, venue: Venue, filled: bool, restriction: str, is_canceled: bool
) -> None:
    order_id = (await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.5")))["orderId"]
    if filled:
        await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.2"))
    before = await state_of(venue)
    which = {"symbol": "BTCUSDT", "orderId": order_id, "cancelRestrictions": restriction}
    if is_canceled:
        assert (await alice.ok("DELETE", "/order", **which))["status"] == "CANCELED"
        return
    refused = await alice.error("DELETE", "/order", **which)
    assert refused == (400, -2011, "Order was not canceled due to cancel restrictions.")
    assert await state_of(venue) == before
