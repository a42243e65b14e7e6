"""Order lists: OCO in both spellings, OTO, OTOCO, their queries and what ends them."""

from typing import Any, Final

from conformance.areas.shapes import RESULT
from conformance.checks import CLIENT_ID, TIME, WHOLE, AtLeast, Maybe, hold, matches, same
from conformance.lab import Lab, Market, accepted
from conformance.rules import Area, Ask, expect, refused, signed

AREA: Final = Area("lists", "Order lists", lambda lab: lab.trade(lab.market(), "100"))
OCO = AREA.by("rest-api.md: New Order list - OCO")
OLD_OCO = AREA.by("rest-api.md: New OCO - Deprecated")
OTO = AREA.by("rest-api.md: New Order list - OTO")
OTOCO = AREA.by("rest-api.md: New Order list - OTOCO")
SELL_OCO: Final = {
    "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "120", "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "90", "belowPrice": "89", "belowTimeInForce": "GTC",
}  # fmt: skip
OLD: Final = {"side": "SELL", "quantity": "1", "price": "120", "stopPrice": "90"}
WORKING: Final = {
    "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "110", "workingQuantity": "1",
    "workingTimeInForce": "GTC",
}  # fmt: skip
MARKET_AFTER: Final = WORKING | {"pendingType": "MARKET", "pendingSide": "BUY", "pendingQuantity": "2"}
PAIR_AFTER: Final = WORKING | {
    "pendingSide": "BUY", "pendingQuantity": "2", "pendingAboveType": "STOP_LOSS", "pendingAboveStopPrice": "130",
    "pendingBelowType": "LIMIT_MAKER", "pendingBelowPrice": "80",
}  # fmt: skip
NO_LIST: Final = {"orderListId": WHOLE, "listClientOrderId": CLIENT_ID, "transactionTime": TIME}
REPORT: Final = RESULT | {"orderListId": WHOLE, "stopPrice": Maybe(AtLeast({}))}


def list_shape(market: Market, contingency: str, count: int, status: str = "EXECUTING") -> dict[str, Any]:
    """A list without its reports."""
    row = {"symbol": market.symbol, "orderId": WHOLE, "clientOrderId": CLIENT_ID}
    return NO_LIST | {
        "contingencyType": contingency, "listStatusType": "EXEC_STARTED" if status == "EXECUTING" else "ALL_DONE",
        "listOrderStatus": status, "symbol": market.symbol, "orders": [row] * count,
    }  # fmt: skip


def _market(lab: Lab) -> Market:
    market = lab.fresh_market()
    lab.trade(market, "100")
    return market


def placed(lab: Lab, path: str, terms: dict[str, Any], **more: Any) -> tuple[Market, dict[str, Any]]:
    """A symbol whose last price is 100, and the answer to such a list on it."""
    market = _market(lab)
    return market, accepted(lab.user().post(path, symbol=market.symbol, **terms | more))


def _by_type(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {report["type"]: report for report in body["orderReports"]}


def _found(lab: Lab, market: Market, report: dict[str, Any]) -> dict[str, Any]:
    return lab.user().found(market, report["orderId"])


def _answers(
    section: Any, name: str, path: str, terms: dict[str, Any], contingency: str, reports: list[dict[str, Any]]
) -> None:
    """A rule: a new list is answered with this, in RESULT form."""

    def check(lab: Lab) -> None:
        market, body = placed(lab, path, terms, newOrderRespType="RESULT")
        rows = [AtLeast(RESULT | {"symbol": market.symbol, "orderListId": WHOLE} | report) for report in reports]
        matches(list_shape(market, contingency, len(reports)) | {"orderReports": rows}, body)

    words = " ".join(f"{key}={value}" for key, value in terms.items())
    told = ", ".join(" ".join(str(text) for text in report.values()) for report in reports)
    section.rule(name, f"POST {path[1:]} {words}", f"{contingency}, EXEC_STARTED, EXECUTING; {told}")(check)


def oco(**terms: Any) -> Ask:
    """alice's POST of an OCO."""
    return signed("POST", "/orderList/oco", symbol="{symbol}", **terms)


STOP_REPORT: Final = {"type": "STOP_LOSS_LIMIT", "status": "NEW", "stopPrice": "90.00000000", "workingTime": -1}
LIMIT_REPORT: Final = {"type": "LIMIT_MAKER", "status": "NEW", "price": "120.00000000", "workingTime": TIME}
_answers(
    OCO,
    "an OCO is answered with its orders, the stop first",
    "/orderList/oco",
    SELL_OCO,
    "OCO",
    [STOP_REPORT, LIMIT_REPORT],
)
_answers(
    OLD_OCO,
    "the deprecated OCO is answered with its orders",
    "/order/oco",
    OLD,
    "OCO",
    [{"type": "STOP_LOSS", "status": "NEW", "stopPrice": "90.00000000", "workingTime": -1}, LIMIT_REPORT],
)
_answers(
    OTO,
    "an OTO is answered with a working and a pending order",
    "/orderList/oto",
    MARKET_AFTER,
    "OTO",
    [
        {"type": "LIMIT", "side": "SELL", "status": "NEW", "workingTime": TIME},
        {"type": "MARKET", "side": "BUY", "status": "PENDING_NEW", "workingTime": -1, "origQty": "2.00000000"},
    ],
)
_answers(
    OTOCO,
    "an OTOCO is answered with three orders",
    "/orderList/otoco",
    PAIR_AFTER,
    "OTO",
    [
        {"type": "LIMIT", "status": "NEW"},
        {"type": "STOP_LOSS", "status": "PENDING_NEW", "stopPrice": "130.00000000"},
        {"type": "LIMIT_MAKER", "status": "PENDING_NEW", "price": "80.00000000"},
    ],
)


@OCO.rule(
    "the names of list and orders are taken",
    "POST orderList/oco listClientOrderId=L aboveClientOrderId=A belowClientOrderId=B",
    "listClientOrderId=L, orders A and B",
)
def names_taken(lab: Lab) -> None:
    names = {"listClientOrderId": "L", "aboveClientOrderId": "A", "belowClientOrderId": "B"}
    _, body = placed(lab, "/orderList/oco", SELL_OCO, **names)
    same("L", body["listClientOrderId"], "listClientOrderId")
    same(["A", "B"], sorted(row["clientOrderId"] for row in body["orders"]), "the orders")


@OCO.rule(
    "the limit order filled, the other one EXPIRED",
    "POST orderList/oco SELL above 120, below stop 90; bob BUY at 120",
    "LIMIT_MAKER FILLED, STOP_LOSS_LIMIT EXPIRED, expiryReason OCO_TRIGGER, list ALL_DONE",
)
def limit_filled(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/oco", SELL_OCO, newOrderRespType="RESULT")
    lab.user("bob").limit(market, "BUY", "1", "120")
    reports = _by_type(body)
    same("FILLED", _found(lab, market, reports["LIMIT_MAKER"])["status"], "the limit order")
    other = _found(lab, market, reports["STOP_LOSS_LIMIT"])
    matches(AtLeast({"status": "EXPIRED", "expiryReason": "OCO_TRIGGER"}), other, "the stop order")
    found = lab.user().get("/orderList", orderListId=body["orderListId"])
    matches(list_shape(market, "OCO", 2, "ALL_DONE"), accepted(found), "GET orderList")


@OCO.rule(
    "the stop triggered, the limit order EXPIRED",
    "POST orderList/oco SELL above 120, below stop 90; a trade at 90",
    "STOP_LOSS_LIMIT works, LIMIT_MAKER EXPIRED, expiryReason OCO_TRIGGER",
)
def stop_triggered(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/oco", SELL_OCO, newOrderRespType="RESULT")
    lab.trade(market, "90")
    reports = _by_type(body)
    matches(
        AtLeast({"status": "NEW", "isWorking": True}), _found(lab, market, reports["STOP_LOSS_LIMIT"]), "the stop order"
    )
    other = _found(lab, market, reports["LIMIT_MAKER"])
    matches(AtLeast({"status": "EXPIRED", "expiryReason": "OCO_TRIGGER"}), other, "the limit order")


@OCO.rule("an OCO locks money once", "POST orderList/oco SELL 1, GET account", "1 locked")
def locks_once(lab: Lab) -> None:
    market, _ = placed(lab, "/orderList/oco", SELL_OCO)
    same("1.00000000", lab.user().balance(market.base)[1], "locked")


BAD_PRICES: Final = (-2010, "The relationship of the prices for the orders is not correct.")
PRICES = AREA.by("errors.md: Messages for -1010 ERROR_MSG_RECEIVED, -2010 NEW_ORDER_REJECTED")
PRICES.refuses("SELL OCO: the limit price must be above the last", oco(**SELL_OCO | {"abovePrice": "99"}), *BAD_PRICES)
PRICES.refuses(
    "SELL OCO: the stop price must be below the last", oco(**SELL_OCO | {"belowStopPrice": "101"}), *BAD_PRICES
)
PRICES.refuses(
    "the deprecated OCO has the same prices",
    signed("POST", "/order/oco", symbol="{symbol}", **OLD | {"stopPrice": "101"}),
    *BAD_PRICES,
)
LIMIT_ABOVE: Final = {"aboveType": "LIMIT_MAKER", "abovePrice": "120"}
LIMIT_BELOW: Final = {"belowType": "LIMIT_MAKER", "belowPrice": "90"}
STOP_ABOVE: Final = {"aboveType": "STOP_LOSS", "aboveStopPrice": "110"}
STOP_BELOW: Final = {"belowType": "STOP_LOSS", "belowStopPrice": "90"}
PROFIT_ABOVE: Final = {"aboveType": "TAKE_PROFIT", "aboveStopPrice": "110"}
PROFIT_BELOW: Final = {"belowType": "TAKE_PROFIT", "belowStopPrice": "90"}
for code, name, text, side, pair in (
    (
        -1158, "OCO_ORDER_TYPE_REJECTED", "Order type not supported in OCO.", "SELL",
        {"aboveType": "MARKET"} | STOP_BELOW,
    ),
    (
        -1165, "BUY_OCO_LIMIT_MUST_BE_BELOW", "A limit order in a buy OCO must be below.", "BUY",
        LIMIT_ABOVE | PROFIT_BELOW,
    ),
    (
        -1166, "SELL_OCO_LIMIT_MUST_BE_ABOVE", "A limit order in a sell OCO must be above.", "SELL",
        PROFIT_ABOVE | LIMIT_BELOW,
    ),
    (
        -1168, "BOTH_OCO_ORDERS_CANNOT_BE_LIMIT", "At least one OCO order must be contingent.", "SELL",
        LIMIT_ABOVE | LIMIT_BELOW,
    ),
    (
        -1196, "BUY_OCO_STOP_LOSS_MUST_BE_ABOVE", "A stop loss order in a buy OCO must be above.", "BUY",
        STOP_ABOVE | STOP_BELOW,
    ),
    (
        -1197, "SELL_OCO_STOP_LOSS_MUST_BE_BELOW", "A stop loss order in a sell OCO must be below.", "SELL",
        STOP_ABOVE | STOP_BELOW,
    ),
    (
        -1198, "BUY_OCO_TAKE_PROFIT_MUST_BE_BELOW", "A take profit order in a buy OCO must be below.", "BUY",
        PROFIT_ABOVE | LIMIT_BELOW,
    ),
    (
        -1199, "SELL_OCO_TAKE_PROFIT_MUST_BE_ABOVE", "A take profit order in a sell OCO must be above.", "SELL",
        LIMIT_ABOVE | PROFIT_BELOW,
    ),
):  # fmt: skip
    AREA.by(f"errors.md: {code} {name}").refuses(f"{name} ({side})", oco(side=side, quantity="1", **pair), code, text)
AREA.by("errors.md: -1160 OCO_ICEBERGQTY_TIMEINFORCE").refuses(
    "an iceberg leg must be GTC",
    oco(**SELL_OCO | {"belowTimeInForce": "IOC", "belowIcebergQty": "0.5"}),
    -1160,
    "Parameter 'belowIcebergQty' is not supported if `aboveTimeInForce`/`belowTimeInForce` is not GTC.",
)
for name in ("side", "quantity", "aboveType", "belowType"):
    left = {key: value for key, value in SELL_OCO.items() if key != name}
    OCO.refuses(
        f"an OCO needs {name}",
        oco(**left),
        -1102,
        f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
    )
for name in ("workingTimeInForce", "workingPrice", "pendingQuantity", "pendingType"):
    left = {key: value for key, value in MARKET_AFTER.items() if key != name}
    OTO.refuses(
        f"an OTO needs {name}",
        signed("POST", "/orderList/oto", symbol="{symbol}", **left),
        -1102,
        f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
    )


@OCO.rule(
    "a listClientOrderId is unique among open lists",
    "POST orderList/oco twice with listClientOrderId=L",
    "the second one is refused with -2010",
)
def list_name_twice(lab: Lab) -> None:
    market, _ = placed(lab, "/orderList/oco", SELL_OCO, listClientOrderId="L")
    again = lab.user().post("/orderList/oco", symbol=market.symbol, **SELL_OCO, listClientOrderId="L")
    expect(again, AtLeast({"code": -2010}), status=400)


@OTO.rule(
    "only the working order is on the book",
    "POST orderList/oto LIMIT SELL 1 at 110, then LIMIT BUY 2 at 90; GET depth",
    "an ask at 110, no bid",
)
def working_only(lab: Lab) -> None:
    limit = {"pendingType": "LIMIT", "pendingPrice": "90", "pendingTimeInForce": "GTC"}
    market, _ = placed(lab, "/orderList/oto", MARKET_AFTER | limit)
    depth = accepted(lab.public("/depth", symbol=market.symbol))
    same([[], [["110.00000000", "1.00000000"]]], [depth["bids"], depth["asks"]], "the book")


@OTO.rule(
    "a partly filled working order leaves the other pending",
    "POST orderList/oto working SELL 2; bob BUY 1",
    "PENDING_NEW",
)
def partly_filled(lab: Lab) -> None:
    limit = {"pendingType": "LIMIT", "pendingPrice": "90", "pendingTimeInForce": "GTC", "workingQuantity": "2"}
    market, body = placed(lab, "/orderList/oto", MARKET_AFTER | limit)
    lab.user("bob").limit(market, "BUY", "1", "110")
    same("PENDING_NEW", lab.user().found(market, body["orders"][1]["orderId"])["status"], "the pending order")


@OTO.rule(
    "a filled working order starts the other",
    "POST orderList/oto working SELL 1 at 110, pending LIMIT BUY 2 at 90; bob BUY 1 at 110",
    "the pending order is NEW and on the book",
)
def starts(lab: Lab) -> None:
    limit = {"pendingType": "LIMIT", "pendingPrice": "90", "pendingTimeInForce": "GTC"}
    market, body = placed(lab, "/orderList/oto", MARKET_AFTER | limit)
    lab.user("bob").limit(market, "BUY", "1", "110")
    same("NEW", lab.user().found(market, body["orders"][1]["orderId"])["status"], "the pending order")
    same([["90.00000000", "2.00000000"]], accepted(lab.public("/depth", symbol=market.symbol))["bids"], "bids")


@OTO.rule(
    "filled at once, the answer still shows PENDING_NEW",
    "bob BUY 1 at 110; POST orderList/oto working SELL 1 at 110",
    "working FILLED, pending PENDING_NEW; NEW when asked again",
)
def filled_at_once(lab: Lab) -> None:
    market = _market(lab)
    lab.user("bob").limit(market, "BUY", "1", "110")
    limit = {"pendingType": "LIMIT", "pendingPrice": "90", "pendingTimeInForce": "GTC", "newOrderRespType": "RESULT"}
    body = accepted(lab.user().post("/orderList/oto", symbol=market.symbol, **MARKET_AFTER | limit))
    same(["FILLED", "PENDING_NEW"], [report["status"] for report in body["orderReports"]], "the statuses")
    same("NEW", _found(lab, market, body["orderReports"][1])["status"], "the status when asked again")


@OTO.rule(
    "cancelling one cancels the other",
    "POST orderList/oto, DELETE order of the working one",
    "the pending one CANCELED or EXPIRED, list ALL_DONE",
)
def cancels_both(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/oto", MARKET_AFTER)
    accepted(lab.user().delete("/order", symbol=market.symbol, orderId=body["orders"][0]["orderId"]))
    status = lab.user().found(market, body["orders"][1]["orderId"])["status"]
    hold(status in ("CANCELED", "EXPIRED"), f"the pending order is {status}")
    found = accepted(lab.user().get("/orderList", orderListId=body["orderListId"]))
    same("ALL_DONE", found["listOrderStatus"], "listOrderStatus")


OTO.rejects(
    "a pending MARKET order takes no quoteOrderQty",
    signed(
        "POST",
        "/orderList/oto",
        symbol="{symbol}",
        **WORKING,
        pendingType="MARKET",
        pendingSide="BUY",
        pendingQuoteOrderQty="100",
    ),
)
OTO.rejects(
    "the working order is LIMIT or LIMIT_MAKER",
    signed("POST", "/orderList/oto", symbol="{symbol}", **MARKET_AFTER | {"workingType": "MARKET"}),
)


@OTOCO.rule(
    "a filled working order starts the pair", "POST orderList/otoco; bob BUY 1 at 110", "both pending orders NEW"
)
def pair_starts(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/otoco", PAIR_AFTER)
    lab.user("bob").limit(market, "BUY", "1", "110")
    found = [lab.user().found(market, row["orderId"])["status"] for row in body["orders"]]
    same(["FILLED", "NEW", "NEW"], found, "the statuses")


@OTOCO.rule(
    "one of the pair filled, the other EXPIRED",
    "POST orderList/otoco; bob BUY 1 at 110, SELL 2 at 80",
    "LIMIT_MAKER FILLED, STOP_LOSS EXPIRED",
)
def pair_ends(lab: Lab) -> None:
    market, body = placed(lab, "/orderList/otoco", PAIR_AFTER)
    lab.user("bob").limit(market, "BUY", "1", "110")
    lab.user("bob").limit(market, "SELL", "2", "80")
    found = [lab.user().found(market, row["orderId"]) for row in body["orders"]]
    same(
        {"LIMIT": "FILLED", "STOP_LOSS": "EXPIRED", "LIMIT_MAKER": "FILLED"},
        {row["type"]: row["status"] for row in found},
        "the orders",
    )


@OCO.rule(
    "a symbol without OCO says so",
    "POST orderList/oco where ocoAllowed is false",
    "400: OCO orders are not supported for this symbol",
)
def not_offered(lab: Lab) -> None:
    market = lab.market(notOffered="OCO")
    (info,) = accepted(lab.public("/exchangeInfo", symbol=market.symbol))["symbols"]
    same(False, info["ocoAllowed"], "ocoAllowed")
    answer = lab.user().post("/orderList/oco", symbol=market.symbol, **SELL_OCO)
    refused(answer, WHOLE, "OCO orders are not supported for this symbol")
