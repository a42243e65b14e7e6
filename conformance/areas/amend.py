"""Order amend keep priority: its answers, its past, and the FAQ's example."""

from typing import Any, Final

from conformance.areas.replace import NEW_TERMS, market_with_ask, replace
from conformance.checks import CLIENT_ID, TIME, WHOLE, AtLeast, hold, matches, same
from conformance.lab import Lab, Market, accepted
from conformance.rules import Area, expect, refused, signed

AREA: Final = Area("amend", "Order amend keep priority")
AMEND = AREA.by("rest-api.md: Order Amend Keep Priority")
AMENDMENTS = AREA.by("rest-api.md: Query Order Amendments")
FAQ: Final = "faqs/order_amend_keep_priority.md: "
DIFFERENCE = AREA.by(FAQ + 'What is the difference between "Cancel an Existing Order and Send a New Order"')
REJECTED = AREA.by("errors.md: Messages for -1010 ERROR_MSG_RECEIVED, -2010 NEW_ORDER_REJECTED")
AMENDED: Final = {
    "symbol": "", "orderId": 0, "orderListId": -1, "origClientOrderId": CLIENT_ID, "clientOrderId": CLIENT_ID,
    "price": "90.00000000", "qty": "4.00000000", "executedQty": "0.00000000", "preventedQty": "0.00000000",
    "quoteOrderQty": "0.00000000", "cumulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC",
    "type": "LIMIT", "side": "BUY", "workingTime": TIME, "selfTradePreventionMode": "NONE",
}  # fmt: skip


def _amend(lab: Lab, market: Market, order_id: int, quantity: str, **more: Any) -> Any:
    return lab.user().put("/order/amend/keepPriority", symbol=market.symbol, orderId=order_id, newQty=quantity, **more)


@AMEND.rule(
    "an amended order has the documented fields",
    "POST order BUY 5 at 90, PUT order/amend/keepPriority newQty=4",
    "transactTime, executionId, amendedOrder with qty 4",
)
def amended_fields(lab: Lab) -> None:
    market = market_with_ask(lab)
    order_id = lab.user().limit(market, "BUY", "5", "90")["orderId"]
    amended = AMENDED | {"symbol": market.symbol, "orderId": order_id}
    expect(_amend(lab, market, order_id, "4"), {"transactTime": TIME, "executionId": WHOLE, "amendedOrder": amended})


@AMEND.rule(
    "origClientOrderId is the old name, newClientOrderId the new one",
    "PUT order/amend/keepPriority origClientOrderId=old newClientOrderId=new",
    "origClientOrderId=old, clientOrderId=new",
)
def amended_names(lab: Lab) -> None:
    market = market_with_ask(lab)
    lab.user().limit(market, "BUY", "5", "90", newClientOrderId="old")
    asked = {"symbol": market.symbol, "origClientOrderId": "old", "newQty": "4", "newClientOrderId": "new"}
    amended = accepted(lab.user().put("/order/amend/keepPriority", **asked))["amendedOrder"]
    same(["old", "new"], [amended["origClientOrderId"], amended["clientOrderId"]], "the names")


@AMEND.rule(
    "without newClientOrderId the name is random", "PUT order/amend/keepPriority", "another clientOrderId than before"
)
def random_name(lab: Lab) -> None:
    market = market_with_ask(lab)
    order_id = lab.user().limit(market, "BUY", "5", "90", newClientOrderId="old")["orderId"]
    amended = accepted(_amend(lab, market, order_id, "4"))["amendedOrder"]
    hold(amended["clientOrderId"] != "old", "the name is still the old one")
    same("old", amended["origClientOrderId"], "origClientOrderId")


@AREA.by(FAQ + "Is it possible to reuse the current clientOrderId for my amended order?").rule(
    "the current name may be kept", "PUT order/amend/keepPriority newClientOrderId=(the current one)", "the same name"
)
def name_kept(lab: Lab) -> None:
    market = market_with_ask(lab)
    order_id = lab.user().limit(market, "BUY", "5", "90", newClientOrderId="old")["orderId"]
    same(
        "old",
        accepted(_amend(lab, market, order_id, "4", newClientOrderId="old"))["amendedOrder"]["clientOrderId"],
        "the name",
    )


def _faq_book(lab: Lab) -> tuple[Market, dict[str, int]]:
    """User A 1, YOU 5.5, user B 4 at 87,000; user C 2 at 86,999."""
    market = lab.fresh_market()
    rows = (("A", "1", "87000"), ("YOU", "5.5", "87000"), ("B", "4", "87000"), ("C", "2", "86999"))
    names = {"A": "ann", "YOU": "alice", "B": "bea", "C": "cleo"}
    return market, {who: lab.user(names[who]).limit(market, "BUY", size, price)["orderId"] for who, size, price in rows}


@DIFFERENCE.rule(
    "amend keeps the place in the queue",
    "the FAQ's book: YOU 5.5 to 5 by amend; SELL 6 at 87000",
    "user A and YOU FILLED, user B untouched",
)
def keeps_place(lab: Lab) -> None:
    market, ids = _faq_book(lab)
    amended = accepted(_amend(lab, market, ids["YOU"], "5"))["amendedOrder"]
    same([ids["YOU"], "5.00000000"], [amended["orderId"], amended["qty"]], "the amended order")
    lab.user("bob").limit(market, "SELL", "6", "87000")
    same("FILLED", lab.user().found(market, ids["YOU"])["status"], "YOU")
    matches(AtLeast({"status": "NEW", "executedQty": "0.00000000"}), lab.user("bea").found(market, ids["B"]), "user B")


@DIFFERENCE.rule(
    "cancelReplace loses it",
    "the FAQ's book: YOU 5.5 to 5 by cancelReplace; SELL 5 at 87000",
    "a new order id; user A and user B FILLED, YOU untouched",
)
def loses_place(lab: Lab) -> None:
    market, ids = _faq_book(lab)
    terms = NEW_TERMS | {"quantity": "5", "price": "87000"}
    new_id = accepted(replace(lab, market, "STOP_ON_FAILURE", terms, cancelOrderId=ids["YOU"]))["newOrderResponse"][
        "orderId"
    ]
    hold(new_id != ids["YOU"], "the order id is the same")
    lab.user("bob").limit(market, "SELL", "5", "87000")
    same("FILLED", lab.user("bea").found(market, ids["B"])["status"], "user B")
    matches(AtLeast({"status": "NEW", "executedQty": "0.00000000"}), lab.user().found(market, new_id), "YOU")


@AREA.by(FAQ + "Can Iceberg Orders be amended?").rule(
    "an iceberg's visible quantity stays while newQty is above it",
    "POST order SELL 5 at 100 icebergQty=2; newQty=3, then 1",
    "depth 2, then 1",
)
def amended_iceberg(lab: Lab) -> None:
    market = lab.fresh_market()
    order_id = lab.user().limit(market, "SELL", "5", "100", icebergQty="2")["orderId"]
    for quantity, visible in (("3", "2.00000000"), ("1", "1.00000000")):
        accepted(_amend(lab, market, order_id, quantity))
        same([["100.00000000", visible]], accepted(lab.public("/depth", symbol=market.symbol))["asks"], "asks")


@AREA.by(FAQ + "Can Order lists be amended?").rule(
    "amending one of an OCO amends both",
    "POST orderList/oco 5, PUT order/amend/keepPriority of one, newQty=4",
    "both orders have origQty 4",
)
def amended_oco(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.trade(market, "100")
    pair = {"aboveType": "LIMIT_MAKER", "abovePrice": "120", "belowType": "STOP_LOSS", "belowStopPrice": "90"}
    body = accepted(lab.user().post("/orderList/oco", symbol=market.symbol, side="SELL", quantity="5", **pair))
    ids = [row["orderId"] for row in body["orders"]]
    accepted(_amend(lab, market, ids[0], "4"))
    same(["4.00000000"] * 2, [lab.user().found(market, order_id)["origQty"] for order_id in ids], "origQty")


OTO: Final = {
    "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "110", "workingQuantity": "5",
    "workingTimeInForce": "GTC", "pendingType": "MARKET", "pendingSide": "BUY", "pendingQuantity": "5",
}  # fmt: skip


@AREA.by(FAQ + "Can Order lists be amended?").rule(
    "working and pending order of an OTO are amended individually",
    "POST orderList/oto 5 and 5, PUT order/amend/keepPriority of the pending one, newQty=4",
    "listStatus with the new name; the working order still 5",
)
def amended_oto(lab: Lab) -> None:
    market = lab.fresh_market()
    body = accepted(lab.user().post("/orderList/oto", symbol=market.symbol, **OTO))
    working, pending = (row["orderId"] for row in body["orders"])
    row = {"symbol": market.symbol, "orderId": WHOLE, "clientOrderId": CLIENT_ID}
    list_status = {
        "orderListId": body["orderListId"], "contingencyType": "OTO", "listOrderStatus": "EXECUTING",
        "listClientOrderId": body["listClientOrderId"], "symbol": market.symbol, "orders": [row, row],
    }  # fmt: skip
    amended = AtLeast(
        {"qty": "4.00000000", "status": "PENDING_NEW", "orderListId": body["orderListId"], "type": "MARKET"}
    )
    told = expect(
        _amend(lab, market, pending, "4"),
        {"transactTime": TIME, "executionId": WHOLE, "amendedOrder": amended, "listStatus": list_status},
    )
    hold("workingTime" not in told["amendedOrder"], "a pending order has a workingTime")
    same("5.00000000", lab.user().found(market, working)["origQty"], "origQty of the working order")


for name, quantity, text in (
    ("as large as it is", "5", "The requested action would change no state; rejecting."),
    ("larger", "6", "Order amend (quantity increase) is not supported."),
):

    def not_smaller(lab: Lab, quantity: str = quantity, text: str = text) -> None:
        market = market_with_ask(lab)
        order_id = lab.user().limit(market, "BUY", "5", "90")["orderId"]
        refused(_amend(lab, market, order_id, quantity), -2038, text)
        same("5.00000000", lab.user().found(market, order_id)["origQty"], "origQty")

    REJECTED.rule(
        f"an order cannot be amended to be {name}",
        f"POST order 5, PUT order/amend/keepPriority newQty={quantity}",
        f"400: -2038 {text}",
    )(not_smaller)

REJECTED.refuses(
    "an unknown order cannot be amended",
    signed("PUT", "/order/amend/keepPriority", symbol="{symbol}", orderId=99999999, newQty="1"),
    -2038,
    "Unknown order sent.",
)
AMEND.rejects(
    "newQty is greater than 0", signed("PUT", "/order/amend/keepPriority", symbol="{symbol}", orderId=1, newQty="0")
)
AMEND.refuses(
    "newQty must be sent",
    signed("PUT", "/order/amend/keepPriority", symbol="{symbol}", orderId=1),
    -1102,
    "Mandatory parameter 'newQty' was not sent, was empty/null, or malformed.",
)
AMEND.rejects(
    "orderId or origClientOrderId must be sent",
    signed("PUT", "/order/amend/keepPriority", symbol="{symbol}", newQty="1"),
)


@AMENDMENTS.rule(
    "amendments are told in their order",
    "POST order 5, newQty=4 newClientOrderId=second, newQty=3 newClientOrderId=third, GET order/amendments",
    "two rows with origQty, newQty and names",
)
def amendments(lab: Lab) -> None:
    market = market_with_ask(lab)
    order_id = lab.user().limit(market, "BUY", "5", "90", newClientOrderId="first")["orderId"]
    for quantity, name in (("4", "second"), ("3", "third")):
        accepted(_amend(lab, market, order_id, quantity, newClientOrderId=name))
    steps = (("first", "second", "5.00000000", "4.00000000"), ("second", "third", "4.00000000", "3.00000000"))
    pattern = [
        {
            "symbol": market.symbol, "orderId": order_id, "executionId": WHOLE, "origClientOrderId": old,
            "newClientOrderId": new, "origQty": before, "newQty": after, "time": TIME,
        }
        for old, new, before, after in steps
    ]  # fmt: skip
    read = lambda: lab.user().get("/order/amendments", symbol=market.symbol, orderId=order_id)  # noqa: E731
    expect(lab.until(read, lambda answer: answer.status != 200 or len(answer.body) == 2), pattern)


AMENDMENTS.refuses(
    "orderId must be sent",
    signed("GET", "/order/amendments", symbol="{symbol}"),
    -1102,
    "Mandatory parameter 'orderId' was not sent, was empty/null, or malformed.",
)


@AREA.by(FAQ + "Which symbols allow Order Amend Keep Priority?").rule(
    "amendAllowed says that it can be done",
    "GET exchangeInfo, PUT order/amend/keepPriority",
    "true, and an amend succeeds",
)
def amend_allowed(lab: Lab) -> None:
    market = market_with_ask(lab)
    (info,) = accepted(lab.public("/exchangeInfo", symbol=market.symbol))["symbols"]
    same(True, info["amendAllowed"], "amendAllowed")
    order_id = lab.user().limit(market, "BUY", "5", "90")["orderId"]
    expect(_amend(lab, market, order_id, "4"), AtLeast({"amendedOrder": AtLeast({"qty": "4.00000000"})}))
