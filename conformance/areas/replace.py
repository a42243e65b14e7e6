"""cancelReplace: an order is cancelled and another one placed, in one request."""

from typing import Any, Final

from conformance.areas.shapes import ACK, CANCELED, FULL, NEITHER
from conformance.checks import AtLeast, hold, same
from conformance.lab import Lab, Market, accepted
from conformance.rules import Area, expect, signed
from conformance.transport import Answer

AREA: Final = Area("replace", "cancelReplace")
REPLACE = AREA.by("rest-api.md: Cancel an Existing Order and Send a New Order")
NEW_TERMS: Final = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "2", "price": "80"}
TAKES: Final = {"side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "120"}
UNKNOWN: Final = {"code": -2011, "msg": "Unknown order sent."}
WOULD_TAKE: Final = {"code": -2010, "msg": "Order would immediately match and take."}
IN_PART: Final = {"code": -2021, "msg": "Order cancel-replace partially failed."}
FAILED: Final = {"code": -2022, "msg": "Order cancel-replace failed."}


def market_with_ask(lab: Lab) -> Market:
    """An ask at 110."""
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "5", "110")
    return market


def replace(lab: Lab, market: Market, mode: str, terms: dict[str, Any], **more: Any) -> Answer:
    """alice's cancelReplace."""
    return lab.user().post("/order/cancelReplace", symbol=market.symbol, cancelReplaceMode=mode, **terms, **more)


for mode in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):

    def both_succeed(lab: Lab, mode: str = mode) -> None:
        market = market_with_ask(lab)
        order_id = lab.user().limit(market, "BUY", "1", "90")["orderId"]
        symbol = {"symbol": market.symbol}
        body = {
            "cancelResult": "SUCCESS", "newOrderResult": "SUCCESS",
            "cancelResponse": CANCELED | symbol | {"orderId": order_id},
            "newOrderResponse": FULL | symbol | {"status": "NEW", "price": "80.00000000", "fills": []},
        }  # fmt: skip
        expect(replace(lab, market, mode, NEW_TERMS, cancelOrderId=order_id), body)

    REPLACE.rule(
        f"{mode}: both succeed",
        f"POST order/cancelReplace {mode}",
        "200: SUCCESS, SUCCESS, a cancel's answer and a new order's in FULL",
    )(both_succeed)


@REPLACE.rule(
    "STOP_ON_FAILURE: the cancel fails",
    "POST order/cancelReplace STOP_ON_FAILURE of an unknown order",
    "400: -2022, FAILURE, NOT_ATTEMPTED, null",
)
def stop_on_failure(lab: Lab) -> None:
    data = {
        "cancelResult": "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED",
        "cancelResponse": UNKNOWN,
        "newOrderResponse": None,
    }
    answer = replace(lab, market_with_ask(lab), "STOP_ON_FAILURE", NEW_TERMS, cancelOrderId=99999999)
    expect(answer, FAILED | {"data": data}, status=400)


@REPLACE.rule(
    "the new order fails",
    "POST order/cancelReplace STOP_ON_FAILURE with a LIMIT_MAKER that would take",
    "409: -2021, SUCCESS, FAILURE -2010 Order would immediately match and take.",
)
def new_fails(lab: Lab) -> None:
    market = market_with_ask(lab)
    order_id = lab.user().limit(market, "BUY", "1", "90")["orderId"]
    data = {
        "cancelResult": "SUCCESS", "newOrderResult": "FAILURE", "cancelResponse": CANCELED | {"symbol": market.symbol},
        "newOrderResponse": WOULD_TAKE,
    }  # fmt: skip
    answer = replace(lab, market, "STOP_ON_FAILURE", TAKES, cancelOrderId=order_id)
    expect(answer, IN_PART | {"data": data}, status=409)


@REPLACE.rule(
    "ALLOW_FAILURE: the cancel fails, the new order does not",
    "POST order/cancelReplace ALLOW_FAILURE of an unknown order",
    "409: -2021, FAILURE -2011 Unknown order sent., SUCCESS",
)
def cancel_fails(lab: Lab) -> None:
    market = market_with_ask(lab)
    data = {
        "cancelResult": "FAILURE",
        "newOrderResult": "SUCCESS",
        "cancelResponse": UNKNOWN,
        "newOrderResponse": ACK | {"symbol": market.symbol},
    }
    answer = replace(lab, market, "ALLOW_FAILURE", NEW_TERMS, cancelOrderId=99999999, newOrderRespType="ACK")
    expect(answer, IN_PART | {"data": data}, status=409)


@REPLACE.rule(
    "ALLOW_FAILURE: both fail",
    "POST order/cancelReplace ALLOW_FAILURE of an unknown order with a LIMIT_MAKER that would take",
    "400: -2022, FAILURE, FAILURE",
)
def both_fail(lab: Lab) -> None:
    data = {
        "cancelResult": "FAILURE",
        "newOrderResult": "FAILURE",
        "cancelResponse": UNKNOWN,
        "newOrderResponse": WOULD_TAKE,
    }
    answer = replace(lab, market_with_ask(lab), "ALLOW_FAILURE", TAKES, cancelOrderId=99999999)
    expect(answer, FAILED | {"data": data}, status=400)


@REPLACE.rule(
    "by cancelOrigClientOrderId, with cancelNewClientOrderId",
    "POST order/cancelReplace cancelOrigClientOrderId=old cancelNewClientOrderId=gone newClientOrderId=new",
    "old, gone and new in the answers",
)
def by_names(lab: Lab) -> None:
    market = market_with_ask(lab)
    lab.user().limit(market, "BUY", "1", "90", newClientOrderId="old")
    names = {"cancelOrigClientOrderId": "old", "cancelNewClientOrderId": "gone", "newClientOrderId": "new"}
    body = accepted(replace(lab, market, "STOP_ON_FAILURE", NEW_TERMS, **names))
    canceled = body["cancelResponse"]
    found = [canceled["origClientOrderId"], canceled["clientOrderId"], body["newOrderResponse"]["clientOrderId"]]
    same(["old", "gone", "new"], found, "the names")


REPLACE.refuses(
    "which order is to be cancelled must be said",
    signed("POST", "/order/cancelReplace", symbol="{symbol}", cancelReplaceMode="STOP_ON_FAILURE", **NEW_TERMS),
    -1102,
    NEITHER.format("cancelOrigClientOrderId", "cancelOrderId"),
)
REPLACE.refuses(
    "cancelReplaceMode must be sent",
    signed("POST", "/order/cancelReplace", symbol="{symbol}", cancelOrderId=1, **NEW_TERMS),
    -1102,
    "Mandatory parameter 'cancelReplaceMode' was not sent, was empty/null, or malformed.",
)
REPLACE.rejects(
    "cancelReplaceMode knows two words",
    signed("POST", "/order/cancelReplace", symbol="{symbol}", cancelReplaceMode="NEVER", cancelOrderId=1, **NEW_TERMS),
)


@REPLACE.rule(
    "cancelRestrictions hold here too",
    "POST order/cancelReplace cancelRestrictions=ONLY_PARTIALLY_FILLED of a NEW order",
    "400: -2022, FAILURE -2011 Order was not canceled due to cancel restrictions.",
)
def restrictions(lab: Lab) -> None:
    market = market_with_ask(lab)
    order_id = lab.user().limit(market, "BUY", "1", "90")["orderId"]
    answer = replace(
        lab, market, "STOP_ON_FAILURE", NEW_TERMS, cancelOrderId=order_id, cancelRestrictions="ONLY_PARTIALLY_FILLED"
    )
    cancel = {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}
    expect(answer, FAILED | {"data": AtLeast({"cancelResult": "FAILURE", "cancelResponse": cancel})}, status=400)


@REPLACE.rule(
    "filters are judged before the cancel",
    "POST order/cancelReplace with a price below the tick",
    "refused, and the order is still NEW",
)
def filters_first(lab: Lab) -> None:
    market = market_with_ask(lab)
    order_id = lab.user().limit(market, "BUY", "1", "90")["orderId"]
    answer = replace(lab, market, "STOP_ON_FAILURE", NEW_TERMS | {"price": "80.001"}, cancelOrderId=order_id)
    hold(answer.status == 400, f"answered with {answer.status}")
    same("NEW", lab.user().found(market, order_id)["status"], "the order's status")


@REPLACE.rule(
    "an order of a list is cancelled with its list",
    "POST orderList/oco, POST order/cancelReplace of one",
    "both orders of the list CANCELED or EXPIRED",
)
def of_a_list(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.trade(market, "100")
    pair = {"aboveType": "LIMIT_MAKER", "abovePrice": "120", "belowType": "STOP_LOSS", "belowStopPrice": "90"}
    body = accepted(lab.user().post("/orderList/oco", symbol=market.symbol, side="SELL", quantity="1", **pair))
    ids = [row["orderId"] for row in body["orders"]]
    accepted(replace(lab, market, "STOP_ON_FAILURE", NEW_TERMS, cancelOrderId=ids[0]))
    found = [lab.user().found(market, order_id)["status"] for order_id in ids]
    hold(all(status in ("CANCELED", "EXPIRED") for status in found), f"the orders are {found}")
