"""Order lists: what queries tell of them, and what cancels them."""

from typing import Final

from conformance.areas.lists import SELL_OCO, list_shape, placed
from conformance.areas.shapes import CANCELED
from conformance.checks import WHOLE, AtLeast, hold, matches, same
from conformance.lab import Lab, accepted
from conformance.rules import Area, expect, signed

AREA: Final = Area("list_queries", "Order lists: queries and cancels")
CANCEL = AREA.by("rest-api.md: Cancel Order list")
QUERY = AREA.by("rest-api.md: Query Order list")
ALL_LISTS = AREA.by("rest-api.md: Query all Order lists")
OPEN_LISTS = AREA.by("rest-api.md: Query Open Order lists")


@CANCEL.rule(
    "a list is cancelled whole",
    "POST orderList/oco, DELETE orderList",
    "ALL_DONE, both reports CANCELED with origClientOrderId",
)
def list_canceled(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/oco", SELL_OCO)
    report = AtLeast(CANCELED | {"symbol": market.symbol, "orderListId": body["orderListId"]})
    answer = lab.user().delete("/orderList", symbol=market.symbol, orderListId=body["orderListId"])
    expect(answer, list_shape(market, "OCO", 2, "ALL_DONE") | {"orderReports": [report, report]})


@CANCEL.rule(
    "by listClientOrderId",
    "DELETE orderList listClientOrderId=L newClientOrderId=gone",
    "the list; clientOrderId of the reports is gone",
)
def list_canceled_by_name(lab: Lab) -> None:
    market, _ = placed(lab, "/orderList/oco", SELL_OCO, listClientOrderId="L")
    asked = {"symbol": market.symbol, "listClientOrderId": "L", "newClientOrderId": "gone"}
    body = accepted(lab.user().delete("/orderList", **asked))
    same(["gone", "gone"], [report["clientOrderId"] for report in body["orderReports"]], "clientOrderId")


@CANCEL.rule(
    "cancelling one order cancels the list",
    "POST orderList/oco, DELETE order of one",
    "both CANCELED or EXPIRED, no open list",
)
def one_cancels_list(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/oco", SELL_OCO)
    accepted(lab.user().delete("/order", symbol=market.symbol, orderId=body["orders"][0]["orderId"]))
    found = [lab.user().found(market, row["orderId"])["status"] for row in body["orders"]]
    hold(all(status in ("CANCELED", "EXPIRED") for status in found), f"the orders are {found}")
    same(0, sum(row["symbol"] == market.symbol for row in accepted(lab.user().get("/openOrderList"))), "open lists")


@AREA.by("rest-api.md: Cancel All Open Orders on a Symbol").rule(
    "openOrders cancels lists too",
    "POST order, POST orderList/oco, DELETE openOrders",
    "a CANCELED order and a list with its orderReports",
)
def cancel_all_with_list(lab: Lab) -> None:
    market, _ = placed(lab, "/orderList/oco", SELL_OCO)
    lab.user().limit(market, "BUY", "1", "50")
    report = AtLeast(CANCELED | {"symbol": market.symbol, "orderListId": WHOLE})
    order, order_list = (
        CANCELED | {"symbol": market.symbol},
        list_shape(market, "OCO", 2, "ALL_DONE") | {"orderReports": [report] * 2},
    )
    found = accepted(lab.user().delete("/openOrders", symbol=market.symbol))
    matches([order, order_list], sorted(found, key=lambda row: "orderReports" in row), "the answer")


CANCEL.rejects(
    "an unknown list cannot be cancelled", signed("DELETE", "/orderList", symbol="{symbol}", orderListId=99999999)
)


@QUERY.rule(
    "a list has the documented fields",
    "POST orderList/oco, GET orderList orderListId=(it)",
    "those fields, no orderReports",
)
def list_found(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/oco", SELL_OCO)
    expect(lab.user().get("/orderList", orderListId=body["orderListId"]), list_shape(market, "OCO", 2))


@QUERY.rule("origClientOrderId is the list's own", "GET orderList origClientOrderId=L", "that list")
def list_found_by_name(lab: Lab) -> None:
    name = f"L{lab.now_ms()}"
    _, body = placed(lab, "/orderList/oco", SELL_OCO, listClientOrderId=name)
    found = accepted(lab.user().get("/orderList", origClientOrderId=name))
    same(body["orderListId"], found["orderListId"], "orderListId")


QUERY.rejects("a list that is not there", signed("GET", "/orderList", orderListId=99999999))
QUERY.rejects("orderListId or origClientOrderId must be sent", signed("GET", "/orderList"))


@OPEN_LISTS.rule(
    "openOrderList has open lists only", "POST orderList/oco twice, DELETE one, GET openOrderList", "the other"
)
def open_lists(lab: Lab) -> None:
    first, gone = placed(lab, "/orderList/oco", SELL_OCO)[1], placed(lab, "/orderList/oco", SELL_OCO)
    accepted(lab.user().delete("/orderList", symbol=gone[0].symbol, orderListId=gone[1]["orderListId"]))
    found = [row["orderListId"] for row in accepted(lab.user().get("/openOrderList"))]
    same([True, False], [first["orderListId"] in found, gone[1]["orderListId"] in found], "which are there")


@ALL_LISTS.rule(
    "allOrderList has ended lists too", "POST orderList/oco, DELETE orderList, GET allOrderList", "the list, ALL_DONE"
)
def all_lists(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/oco", SELL_OCO)
    accepted(lab.user().delete("/orderList", symbol=market.symbol, orderListId=body["orderListId"]))
    rows = accepted(lab.user().get("/allOrderList"))
    (row,) = [row for row in rows if row["orderListId"] == body["orderListId"]]
    matches(list_shape(market, "OCO", 2, "ALL_DONE"), row, "the list")


ALL_LISTS.rejects(
    "fromId goes with neither startTime nor endTime", signed("GET", "/allOrderList", fromId=0, startTime=1700000000000)
)
ALL_LISTS.rejects(
    "24 hours at most between startTime and endTime",
    signed("GET", "/allOrderList", startTime=1700000000000, endTime=1700086400001),
)
