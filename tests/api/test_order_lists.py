"""OCO, OTO and OTOCO at the REST interface: placed, cancelled, asked for, and refused as Binance refuses them."""

from typing import Any

import msgspec
import pytest

from engine.types import Feature
from engine.venue import Venue
from tests.api.conftest import Api, limit_order, state_of
from tests.conftest import BTCUSDT, balance

pytestmark = pytest.mark.django_db(transaction=True)  # a list that Redis does not know is looked for in SQL

ONE = 10**8
LIST = {
    "orderListId", "contingencyType", "listStatusType", "listOrderStatus", "listClientOrderId", "transactionTime",
    "symbol", "orders",
}  # fmt: skip
REPORT = {
    "symbol", "orderId", "orderListId", "clientOrderId", "transactTime", "price", "origQty", "executedQty",
    "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side", "workingTime",
    "selfTradePreventionMode", "fills",
}  # fmt: skip


def without(parameters: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in parameters.items() if key != name}


OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "listClientOrderId": "pair", "aboveType": "LIMIT_MAKER",
    "aboveClientOrderId": "above", "abovePrice": "55000", "belowType": "STOP_LOSS_LIMIT",
    "belowClientOrderId": "below", "belowPrice": "44000", "belowStopPrice": "45000", "belowTimeInForce": "GTC",
}  # fmt: skip
BUY_OCO = {
    "symbol": "BTCUSDT", "side": "BUY", "quantity": "1", "aboveType": "STOP_LOSS", "aboveStopPrice": "55000",
    "belowType": "TAKE_PROFIT_LIMIT", "belowPrice": "46000", "belowStopPrice": "45000",
}  # fmt: skip
OLD_OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "listClientOrderId": "old", "limitClientOrderId": "limit",
    "price": "55000", "stopClientOrderId": "stop", "stopPrice": "45000",
}  # fmt: skip
WORKING = {
    "symbol": "BTCUSDT", "listClientOrderId": "chain", "workingType": "LIMIT", "workingSide": "BUY",
    "workingClientOrderId": "first", "workingPrice": "49000", "workingQuantity": "1", "workingTimeInForce": "GTC",
    "pendingSide": "SELL", "pendingQuantity": "1",
}  # fmt: skip
OTO = WORKING | {
    "pendingType": "LIMIT", "pendingClientOrderId": "second", "pendingPrice": "60000", "pendingTimeInForce": "GTC",
}  # fmt: skip
OTOCO = WORKING | {
    "pendingAboveType": "LIMIT_MAKER", "pendingAboveClientOrderId": "above", "pendingAbovePrice": "55000",
    "pendingBelowType": "STOP_LOSS", "pendingBelowClientOrderId": "below", "pendingBelowStopPrice": "45000",
}  # fmt: skip
OPO = without(OTO, "pendingQuantity")
OPOCO = without(OTOCO, "pendingQuantity")
PATHS = {"OCO": ("/orderList/oco", OCO), "OTO": ("/orderList/oto", OTO), "OTOCO": ("/orderList/otoco", OTOCO),
         "OPO": ("/orderList/opo", OPO), "OPOCO": ("/orderList/opoco", OPOCO)}  # fmt: skip


@pytest.fixture(autouse=True)
async def last_price(bob: Api) -> None:
    """Bob has made 50,000 the last price."""
    for side in ("SELL", "BUY"):
        await bob.ok("POST", "/order", **limit_order(side, "50000", "0.001"))


def summary(told: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """(type, side, status, price) of the orders that an answer reports."""
    return [(r["type"], r["side"], r["status"], r["price"].removesuffix(".00000000")) for r in told["orderReports"]]


async def statuses(api: Api, told: dict[str, Any]) -> list[str]:
    orders = [await api.ok("GET", "/order", symbol="BTCUSDT", orderId=o["orderId"]) for o in told["orders"]]
    assert {order["orderListId"] for order in orders} == {told["orderListId"]}
    return [order["status"] for order in orders]


async def test_an_oco_is_answered_with_its_list_and_its_orders_the_stop_loss_first(alice: Api, venue: Venue) -> None:
    told = await alice.ok("POST", "/orderList/oco", **OCO)
    assert set(told) == LIST | {"orderReports"}
    assert (told["contingencyType"], told["listStatusType"], told["listOrderStatus"], told["listClientOrderId"]) == (
        "OCO", "EXEC_STARTED", "EXECUTING", "pair",
    )  # fmt: skip
    stop, limit = told["orderReports"]
    assert told["orders"] == [
        {"symbol": "BTCUSDT", "orderId": stop["orderId"], "clientOrderId": "below"},
        {"symbol": "BTCUSDT", "orderId": limit["orderId"], "clientOrderId": "above"},
    ]
    assert summary(told) == [("STOP_LOSS_LIMIT", "SELL", "NEW", "44000"), ("LIMIT_MAKER", "SELL", "NEW", "55000")]
    assert (set(stop), set(limit)) == (REPORT | {"stopPrice"}, REPORT)
    assert (stop["stopPrice"], stop["workingTime"]) == ("45000.00000000", -1)
    assert limit["workingTime"] == limit["transactTime"] == told["transactionTime"]
    assert {stop["orderListId"], limit["orderListId"]} == {told["orderListId"]}
    assert await balance(venue, 1, "BTC") == (9 * ONE, ONE)


async def test_an_oco_purchase_of_other_types(alice: Api) -> None:
    told = await alice.ok("POST", "/orderList/oco", **BUY_OCO)
    assert summary(told) == [("STOP_LOSS", "BUY", "NEW", "0"), ("TAKE_PROFIT_LIMIT", "BUY", "NEW", "46000")]
    assert len(told["listClientOrderId"]) == 22
    assert len({order["clientOrderId"] for order in told["orders"]}) == 2


async def test_the_older_words_place_the_same_pair(alice: Api) -> None:
    told = await alice.ok("POST", "/order/oco", **OLD_OCO)
    assert summary(told) == [("STOP_LOSS", "SELL", "NEW", "0"), ("LIMIT_MAKER", "SELL", "NEW", "55000")]
    assert [order["clientOrderId"] for order in told["orders"]] == ["stop", "limit"]
    limited = {"stopLimitPrice": "44000", "stopLimitTimeInForce": "IOC", "stopIcebergQty": "0.5"}
    more = OLD_OCO | {"listClientOrderId": "b", "limitClientOrderId": "c", "stopClientOrderId": "d"} | limited
    refused = await alice.error("POST", "/order/oco", **more)
    text = "Parameter 'stopIcebergQty' is not supported if `aboveTimeInForce`/`belowTimeInForce` is not GTC."
    assert refused[1:] == (-1160, text)
    more |= {"stopLimitTimeInForce": "GTC", "limitIcebergQty": "0.1", "limitStrategyId": "5", "newOrderRespType": "ACK"}
    told = await alice.ok("POST", "/order/oco", **more)
    assert [set(report) for report in told["orderReports"]] == [
        {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    ] * 2
    limit = await alice.ok("GET", "/order", symbol="BTCUSDT", origClientOrderId="c")
    assert (limit["icebergQty"], limit["strategyId"]) == ("0.10000000", 5)
    stop = await alice.ok("GET", "/order", symbol="BTCUSDT", origClientOrderId="d")
    assert (stop["type"], stop["icebergQty"], stop["timeInForce"]) == ("STOP_LOSS_LIMIT", "0.50000000", "GTC")


@pytest.mark.parametrize("kind", ["OTO", "OTOCO"])
async def test_pending_orders_wait_for_the_working_one(alice: Api, bob: Api, venue: Venue, kind: str) -> None:
    path, parameters = PATHS[kind]
    told = await alice.ok("POST", path, **parameters)
    assert told["contingencyType"] == "OTO"
    assert [report["status"] for report in told["orderReports"]][1:] == ["PENDING_NEW"] * (len(told["orders"]) - 1)
    assert summary(told)[0] == ("LIMIT", "BUY", "NEW", "49000")
    pending = await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=told["orders"][1]["orderId"])
    assert (pending["status"], pending["isWorking"], pending["workingTime"]) == ("PENDING_NEW", False, -1)
    assert len(await alice.ok("GET", "/openOrders", symbol="BTCUSDT")) == len(told["orders"])
    assert await balance(venue, 1, "BTC") == (9 * ONE, ONE)
    await bob.ok("POST", "/order", **limit_order("SELL", "49000", "1"))
    assert await statuses(alice, told) == ["FILLED"] + ["NEW"] * (len(told["orders"]) - 1)


async def test_a_working_order_that_is_filled_at_once_says_so_and_the_others_still_wait(alice: Api, bob: Api) -> None:
    await bob.ok("POST", "/order", **limit_order("SELL", "49000", "1"))
    told = await alice.ok("POST", "/orderList/otoco", **OTOCO)
    assert [report["status"] for report in told["orderReports"]] == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    working = told["orderReports"][0]
    assert (working["executedQty"], len(working["fills"])) == ("1.00000000", 1)
    assert await statuses(alice, told) == ["FILLED", "NEW", "NEW"]
    await bob.ok("POST", "/order", **limit_order("BUY", "55000", "1"))
    assert await statuses(alice, told) == ["FILLED", "EXPIRED", "FILLED"]
    done = await alice.ok("GET", "/orderList", orderListId=told["orderListId"])
    assert (done["listStatusType"], done["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")


async def test_a_working_order_of_many_fills_is_told_with_all_of_them(alice: Api, bob: Api) -> None:
    for _ in range(510):
        await bob.ok("POST", "/order", **limit_order("SELL", "49000", "0.001"))
    parameters = OTO | {"workingQuantity": "0.51", "pendingQuantity": "0.51"}
    working = (await alice.ok("POST", "/orderList/oto", **parameters))["orderReports"][0]
    assert (working["status"], working["executedQty"], len(working["fills"])) == ("FILLED", "0.51000000", 510)


async def test_a_trade_of_a_list_names_it(alice: Api, bob: Api) -> None:
    told = await alice.ok("POST", "/orderList/oco", **OCO)
    await bob.ok("POST", "/order", **limit_order("BUY", "55000", "0.5"))
    (trade,) = await alice.ok("GET", "/myTrades", symbol="BTCUSDT")
    assert trade["orderListId"] == told["orderListId"]
    assert {trade["orderListId"] for trade in await bob.ok("GET", "/myTrades", symbol="BTCUSDT")} == {-1}


@pytest.mark.parametrize("kind", list(PATHS))
@pytest.mark.parametrize("by", ["orderListId", "listClientOrderId"])
async def test_a_list_is_cancelled_whole(alice: Api, venue: Venue, kind: str, by: str) -> None:
    path, parameters = PATHS[kind]
    told = await alice.ok("POST", path, **parameters)
    gone = await alice.ok("DELETE", "/orderList", symbol="BTCUSDT", newClientOrderId="bye", **{by: told[by]})
    assert set(gone) == LIST | {"orderReports"}
    assert (gone["listStatusType"], gone["listOrderStatus"], gone["orders"]) == ("ALL_DONE", "ALL_DONE", told["orders"])
    assert [(r["orderId"], r["origClientOrderId"], r["clientOrderId"], r["status"]) for r in gone["orderReports"]] == [
        (order["orderId"], order["clientOrderId"], "bye", "CANCELED") for order in told["orders"]
    ]
    assert await balance(venue, 1, "BTC") == (10 * ONE, 0)
    assert await balance(venue, 1, "USDT") == (10**6 * ONE, 0)
    again = await alice.error("DELETE", "/orderList", symbol="BTCUSDT", **{by: told[by]})
    assert again == (400, -2011, "Unknown order sent.")


async def test_a_list_of_which_some_has_ended_is_cancelled_as_far_as_it_is_open(alice: Api, bob: Api) -> None:
    told = await alice.ok("POST", "/orderList/otoco", **OTOCO)
    await bob.ok("POST", "/order", **limit_order("SELL", "49000", "1"))
    gone = await alice.ok("DELETE", "/orderList", symbol="BTCUSDT", orderListId=told["orderListId"])
    assert [report["orderId"] for report in gone["orderReports"]] == [o["orderId"] for o in told["orders"][1:]]
    assert await statuses(alice, told) == ["FILLED", "CANCELED", "CANCELED"]


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_to_cancel_one_order_is_to_cancel_its_list(alice: Api, which: int) -> None:
    told = await alice.ok("POST", "/orderList/otoco", **OTOCO)
    canceled = await alice.ok("DELETE", "/order", symbol="BTCUSDT", orderId=told["orders"][which]["orderId"])
    assert canceled["orderListId"] == told["orderListId"]
    assert await statuses(alice, told) == ["CANCELED"] * 3


async def test_a_cancel_replace_of_one_order_cancels_its_list_before_the_new_one_asks_for_money(
    alice: Api, venue: Venue
) -> None:
    pair = OCO | {"quantity": "10"}
    told = await alice.ok("POST", "/orderList/oco", **pair)
    stop_id = told["orders"][0]["orderId"]
    new = limit_order("SELL", "60000", "10", cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=str(stop_id))
    replaced = await alice.ok("POST", "/order/cancelReplace", **new)
    assert replaced["newOrderResponse"]["status"] == "NEW"
    assert await statuses(alice, told) == ["CANCELED", "CANCELED"]
    assert await balance(venue, 1, "BTC") == (0, 10 * ONE)


async def test_cancelling_all_tells_lists_behind_single_orders(alice: Api) -> None:
    pair = await alice.ok("POST", "/orderList/oco", **OCO)
    single = await alice.ok("POST", "/order", **limit_order("BUY", "30000", "1"))
    chain = await alice.ok("POST", "/orderList/oto", **OTO)
    told = await alice.ok("DELETE", "/openOrders", symbol="BTCUSDT")
    assert [view.get("orderId") or view["orderListId"] for view in told] == [
        single["orderId"], pair["orderListId"], chain["orderListId"],
    ]  # fmt: skip
    for view, placed in zip(told[1:], (pair, chain), strict=True):
        assert (view["listOrderStatus"], view["orders"]) == ("ALL_DONE", placed["orders"])
        assert [report["status"] for report in view["orderReports"]] == ["CANCELED", "CANCELED"]


async def test_a_list_is_found_by_its_owner_alone(alice: Api, bob: Api) -> None:
    told = await alice.ok("POST", "/orderList/oco", **OCO)
    view = {name: told[name] for name in LIST}
    assert await alice.ok("GET", "/orderList", orderListId=told["orderListId"]) == view
    assert await alice.ok("GET", "/orderList", origClientOrderId="pair") == view
    assert await alice.ok("GET", "/openOrderList") == [view]
    unknown = (400, -2013, "Order list does not exist.")
    assert await bob.error("GET", "/orderList", orderListId=told["orderListId"]) == unknown
    assert await bob.error("GET", "/orderList", origClientOrderId="pair") == unknown
    mixed = {"orderListId": told["orderListId"], "origClientOrderId": "other"}
    assert await alice.error("GET", "/orderList", **mixed) == unknown
    assert await bob.ok("GET", "/openOrderList") == []
    gone = await bob.error("DELETE", "/orderList", symbol="BTCUSDT", orderListId=told["orderListId"])
    assert gone == (400, -2011, "Unknown order sent.")
    await alice.ok("DELETE", "/orderList", symbol="BTCUSDT", listClientOrderId="pair")
    assert await alice.ok("GET", "/openOrderList") == []
    assert (await alice.ok("GET", "/orderList", origClientOrderId="pair"))["listOrderStatus"] == "ALL_DONE"
    again = await alice.ok("POST", "/orderList/oco", **OCO)
    assert (await alice.ok("GET", "/orderList", origClientOrderId="pair"))["orderListId"] == again["orderListId"]


SELL_LIMIT_BELOW = OCO | {"belowType": "LIMIT_MAKER", "aboveType": "STOP_LOSS"}
REFUSED: list[tuple[str, dict[str, str], int, str]] = [
    ("/orderList/oco", without(OCO, "abovePrice"), -1102, "'abovePrice'"),
    ("/orderList/oco", without(OCO, "belowStopPrice"), -1102, "Param 'belowStopPrice' or 'belowTrailingDelta' must be"),
    ("/orderList/oco", OCO | {"aboveStopPrice": "1"}, -1106, "Parameter 'aboveStopPrice' sent when not required."),
    ("/orderList/oco", OCO | {"aboveTimeInForce": "GTC"}, -1106, "'aboveTimeInForce'"),
    ("/orderList/oco", OCO | {"aboveType": "LIMIT"}, -1158, "Order type not supported in OCO."),
    ("/orderList/oco", OCO | {"belowType": "MARKET"}, -1158, "Order type not supported in OCO."),
    ("/orderList/oco", OCO | {"belowType": "LIMIT_MAKER"}, -1168, "At least one OCO order must be contingent."),
    ("/orderList/oco", OCO | {"side": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
    ("/orderList/oco", SELL_LIMIT_BELOW, -1197, "A stop loss order in a sell OCO must be below."),
    ("/orderList/oco", OCO | {"aboveType": "TAKE_PROFIT", "belowType": "LIMIT_MAKER"}, -1166, "in a sell OCO must be"),
    ("/orderList/oco", OCO | {"belowType": "TAKE_PROFIT"}, -1199, "A take profit order in a sell OCO must be above."),
    ("/orderList/oco", BUY_OCO | {"belowType": "STOP_LOSS_LIMIT"}, -1196, "stop loss order in a buy OCO must be above"),
    ("/orderList/oco", BUY_OCO | {"aboveType": "TAKE_PROFIT"}, -1198, "take profit order in a buy OCO must be below"),
    (
        "/orderList/oco",
        OCO | {"belowIcebergQty": "0.5", "belowTimeInForce": "FOK"},
        -1160,
        "Parameter 'belowIcebergQty' is not supported",
    ),
    ("/orderList/oco", OCO | {"abovePrice": "50000"}, -2010, "The relationship of the prices for the orders"),
    ("/orderList/oco", OCO | {"belowStopPrice": "50000"}, -2010, "The relationship of the prices for the orders"),
    ("/orderList/oco", OCO | {"belowStopPrice": "56000"}, -2010, "The relationship of the prices for the orders"),
    ("/orderList/oco", BUY_OCO | {"belowStopPrice": "55000"}, -2010, "The relationship of the prices for the orders"),
    ("/orderList/oco", OCO | {"belowClientOrderId": "above"}, -2010, "Duplicate order sent."),
    ("/orderList/oco", OCO | {"quantity": "11"}, -2010, "Account has insufficient balance"),
    ("/orderList/oco", OCO | {"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
    ("/orderList/oco", OCO | {"belowPrice": "44000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ("/orderList/oco", OCO | {"belowPrice": "1e-9"}, -1111, "'belowPrice'"),
    ("/orderList/oco", OCO | {"aboveStrategyType": "5"}, -1134, "`strategyType` was less than 1000000."),
    ("/orderList/oco", OCO | {"aboveType": "NOPE"}, -1116, "Invalid orderType."),
    ("/orderList/oco", OCO | {"belowTimeInForce": "NOPE"}, -1115, "Invalid timeInForce."),
    ("/orderList/oco", OCO | {"aboveClientOrderId": "a b"}, -1100, r"'aboveClientOrderId'; legal range is '^[\.A-Z\:/"),
    ("/orderList/oco", OCO | {"listClientOrderId": "a b"}, -1100, r"'listClientOrderId'; legal range is '^[\.A-Z\:/"),
    ("/order/oco", OLD_OCO | {"stopLimitTimeInForce": "GTC"}, -1106, "'stopLimitTimeInForce' sent when not required."),
    ("/order/oco", OLD_OCO | {"price": "-1"}, -1100, "'price'"),
    ("/order/oco", OLD_OCO | {"side": "BUY"}, -2010, "The relationship of the prices for the orders"),
    ("/orderList/oto", OTO | {"workingType": "MARKET"}, -1116, "Invalid orderType."),
    ("/orderList/oto", OTO | {"workingSide": "NOPE"}, -1117, "Invalid side."),
    ("/orderList/oto", without(OTO, "pendingPrice"), -1102, "'pendingPrice'"),
    ("/orderList/oto", OTO | {"pendingStopPrice": "1"}, -1106, "Parameter 'pendingStopPrice' sent when not required."),
    ("/orderList/oto", OTO | {"pendingType": "STOP_LOSS"}, -1106, "Parameter 'pendingPrice' sent when not required."),
    ("/orderList/oto", OTO | {"workingIcebergQty": "0.5", "workingTimeInForce": "IOC"}, -1128, "Combination of"),
    ("/orderList/oto", OTO | {"workingType": "LIMIT_MAKER"}, -1106, "'workingTimeInForce'"),
    ("/orderList/oto", OTO | {"pendingQuantity": "11"}, -2010, "Account has insufficient balance"),
    ("/orderList/otoco", OTOCO | {"pendingAboveType": "STOP_LOSS"}, -1197, "A stop loss order in a sell OCO must be"),
    ("/orderList/otoco", OTOCO | {"pendingSide": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
    ("/orderList/otoco", without(OTOCO, "pendingBelowStopPrice"), -1102, "Param 'pendingBelowStopPrice' or 'pendingBe"),
    ("/orderList/otoco", OTOCO | {"pendingBelowStopPrice": "56000"}, -2010, "The relationship of the prices"),
    ("/orderList/opo", OPO | {"workingSide": "SELL"}, -1222, "Working order in an OPO list must be a bid."),
    ("/orderList/opo", OPO | {"pendingSide": "BUY"}, -1223, "Pending orders in an OPO list must be asks."),
    ("/orderList/opo", OTO, -1225, "Pending orders should not include the 'pendingQuantity' tag."),
    ("/orderList/opoco", OTOCO, -1225, "Pending orders should not include the 'pendingQuantity' tag."),
    ("/orderList/opoco", OPOCO | {"pendingAboveType": "STOP_LOSS"}, -1197, "A stop loss order in a sell OCO must be"),
    ("/orderList/opoco", OPOCO | {"pendingBelowStopPrice": "56000"}, -2010, "The relationship of the prices"),
    ("/orderList/opo", OPO | {"pendingPrice": "60000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ("/orderList/opo", OPO | {"pendingIcebergQty": "10000"}, -1013, "Filter failure: LOT_SIZE"),
    ("/orderList/opo", OPO | {"workingQuantity": "1000"}, -2010, "Account has insufficient balance"),
    ("/orderList/oto", without(OTO, "workingPrice"), -1102, "Mandatory parameter 'workingPrice' was not sent"),
    ("/orderList/oco", OCO | {"abovePegPriceType": "NOPE"}, -1210, "Invalid pegPriceType."),
    ("/orderList/oto", OTO | {"pendingPegPriceType": "MARKET_PEG", "pendingPegOffsetType": "X"}, -1211, "Invalid peg"),
    ("/orderList/oco", OCO | {"abovePegPriceType": "MARKET_PEG"}, -2010, "This price peg cannot be used with this"),
    ("/orderList/oco", OCO | {"abovePegOffsetType": "PRICE_LEVEL"}, -1102, "'abovePegOffsetValue'"),
    ("/orderList/oco", OCO | {"abovePegOffsetValue": "3"}, -1102, "'abovePegOffsetType'"),
    (
        "/orderList/oco",
        OCO | {"abovePegOffsetType": "PRICE_LEVEL", "abovePegOffsetValue": "3"},
        -1102,
        "'abovePegPriceType'",
    ),
    ("/orderList/oto", OTO | {"workingPegPriceType": "PRIMARY_PEG", "workingTimeInForce": "IOC"}, -2010, "This price"),
    (
        "/orderList/oto",
        without(OTO, "pendingPrice")
        | {"pendingType": "STOP_LOSS", "pendingStopPrice": "1", "pendingPegPriceType": "PRIMARY_PEG"},
        -2010,
        "This order type may not use pegged price.",
    ),
    (
        "/orderList/otoco",
        OTOCO
        | {"workingPegPriceType": "PRIMARY_PEG", "workingPegOffsetType": "PRICE_LEVEL", "workingPegOffsetValue": "99"},
        -2010,
        "Order book liquidity is too low for this pegged order.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("path", "parameters", "code", "text"), REFUSED)
async def test_what_cannot_be_is_refused_in_the_words_of_the_list(
    alice: Api, venue: Venue, path: str, parameters: dict[str, str], code: int, text: str
) -> None:
    before = await state_of(venue)
    refused = await alice.error("POST", path, **parameters)
    assert refused[:2] == (400, code), refused
    assert text in refused[2]
    assert await state_of(venue) == before


async def test_a_name_is_free_again_when_its_list_is_done(alice: Api, bob: Api) -> None:
    await alice.ok("POST", "/orderList/oco", **OCO)
    other = {"aboveClientOrderId": "x", "belowClientOrderId": "y"}
    refused = await alice.error("POST", "/orderList/oco", **OCO | other)
    assert refused == (400, -2010, "Duplicate order sent.")
    await bob.ok("POST", "/order", **limit_order("BUY", "55000", "1"))
    assert (await alice.ok("POST", "/orderList/oco", **OCO | {"abovePrice": "56000"}))["listClientOrderId"] == "pair"


async def test_pending_orders_of_every_type(alice: Api) -> None:
    for kind, more in (
        ("LIMIT_MAKER", {"pendingPrice": "60000", "pendingIcebergQty": "0.5"}),
        ("MARKET", {}),
        ("STOP_LOSS", {"pendingTrailingDelta": "100"}),
        ("TAKE_PROFIT", {"pendingStopPrice": "60000"}),
        ("STOP_LOSS_LIMIT", {"pendingStopPrice": "40000", "pendingPrice": "39000", "pendingTimeInForce": "IOC"}),
        ("TAKE_PROFIT_LIMIT", {"pendingStopPrice": "60000", "pendingPrice": "59000", "pendingStrategyId": "3"}),
    ):
        told = await alice.ok(
            "POST", "/orderList/oto", **WORKING | {"pendingType": kind, "workingQuantity": "0.1"} | more
        )
        assert [report["type"] for report in told["orderReports"]] == ["LIMIT", kind]
        await alice.ok("DELETE", "/orderList", symbol="BTCUSDT", orderListId=told["orderListId"])


async def test_an_opo_shows_no_quantity_before_its_working_order_is_filled(alice: Api, bob: Api, venue: Venue) -> None:
    """rest-api.md, New Order List - OPO; what arrives is locked, the commission comes out of what is free."""
    told = await alice.ok("POST", "/orderList/opo", **OPO)
    assert (told["contingencyType"], told["listOrderStatus"]) == ("OTO", "EXECUTING")
    working, pending = told["orderReports"]
    assert (set(working) - set(pending), set(pending) - set(working)) == ({"origQty"}, set())
    assert (pending["status"], pending["executedQty"], pending["workingTime"]) == ("PENDING_NEW", "0.00000000", -1)
    amend = {"symbol": "BTCUSDT", "orderId": pending["orderId"], "newQty": "0.5"}
    refused = await alice.error("PUT", "/order/amend/keepPriority", **amend)
    assert refused == (400, -2038, "Order amend (pending OPO order) is not supported.")
    await bob.ok("POST", "/order", **limit_order("SELL", "49000", "0.4"))
    assert await balance(venue, 1, "BTC") == (10 * ONE - 40_000, 40_000_000)
    await bob.ok("POST", "/order", **limit_order("SELL", "49000", "0.6"))
    assert await balance(venue, 1, "BTC") == (10 * ONE - 100_000, ONE)
    pending = await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=pending["orderId"])
    assert (pending["status"], pending["origQty"], pending["isWorking"]) == ("NEW", "1.00000000", True)
    assert (await alice.ok("PUT", "/order/amend/keepPriority", **amend))["amendedOrder"]["qty"] == "0.50000000"


async def test_an_opoco_sells_what_it_bought_in_one_of_two_ways(alice: Api, bob: Api) -> None:
    told = await alice.ok("POST", "/orderList/opoco", **OPOCO)
    assert ["origQty" in report for report in told["orderReports"]] == [True, False, False]
    await bob.ok("POST", "/order", **limit_order("SELL", "49000", "1"))
    assert await statuses(alice, told) == ["FILLED", "NEW", "NEW"]
    await bob.ok("POST", "/order", **limit_order("BUY", "55000", "1"))
    assert await statuses(alice, told) == ["FILLED", "EXPIRED", "FILLED"]


async def test_a_pending_order_that_cannot_be_placed_is_expired_as_rejected(alice: Api, bob: Api) -> None:
    """user-data-stream.md, order expiry reasons."""
    told = await alice.ok("POST", "/orderList/opo", **OPO | {"pendingIcebergQty": "0.00001"})
    await bob.ok("POST", "/order", **limit_order("SELL", "49000", "1"))
    pending = await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=told["orders"][1]["orderId"])
    assert (pending["status"], pending["expiryReason"], pending["origQty"]) == ("EXPIRED", "REJECTED", "1.00000000")


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("OCO", "OCO"),
        ("OTO", "OTO"),
        ("OTOCO", "OCO"),
        ("OTOCO", "OTO"),
        ("OPO", "OPO"),
        ("OPO", "OTO"),
        ("OPOCO", "OCO"),
        ("OPOCO", "OPO"),
    ],
)
async def test_lists_that_a_symbol_does_not_offer(alice: Api, venue: Venue, kind: str, missing: str) -> None:
    path, parameters = PATHS[kind]
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, not_offered=(Feature(missing),)))
    await alice.ask("POST", "/order", **limit_order("BUY", "1", "0.00001"))  # whose rules are stale
    before = await state_of(venue)
    refused = await alice.error("POST", path, **parameters)
    stop = "" if missing == "OCO" else "."  # errors.md has none there
    assert refused == (400, -1013, f"{missing} orders are not supported for this symbol{stop}")
    assert await state_of(venue) == before


async def test_a_pegged_working_order_needs_no_price_and_shows_the_one_it_found(alice: Api, bob: Api) -> None:
    await bob.ok("POST", "/order", **limit_order("BUY", "48000", "1"))
    pegs = {"workingPegPriceType": "PRIMARY_PEG", "pendingPegPriceType": "MARKET_PEG"}
    told = await alice.ok("POST", "/orderList/oto", **without(without(OTO, "workingPrice"), "pendingPrice") | pegs)
    working, pending = told["orderReports"]
    assert (working["price"], working["peggedPrice"], working["status"]) == ("0.00000000", "48000.00000000", "NEW")
    assert (pending["pegPriceType"], pending["status"]) == ("MARKET_PEG", "PENDING_NEW")
    assert "peggedPrice" not in pending
