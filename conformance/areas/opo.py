"""One pays the other: what an OPO and an OPOCO lock, sell and refuse."""

from typing import Any, Final

from conformance.areas.shapes import RESULT
from conformance.checks import TEXT, TIME, WHOLE, AtLeast, hold, matches, one_of, same
from conformance.lab import Lab, Market, User, accepted
from conformance.rules import Area, expect, refused, signed

AREA: Final = Area("opo", "One pays the other")
WHAT = AREA.by("faqs/opo.md: What is One Pays the Other?")
HOW = AREA.by("faqs/opo.md: How can I use this?")
DIFFERENCE = AREA.by("faqs/opo.md: What is the difference with this order list from other order lists?")
SYMBOLS = AREA.by("faqs/opo.md: Which symbols allow OPO orders?")
OPO = AREA.by("rest-api.md: New Order List - OPO")
OPOCO = AREA.by("rest-api.md: New Order List - OPOCO")
WORKING: Final = {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "100", "workingQuantity": "2",
    "workingTimeInForce": "GTC",
}  # fmt: skip
SELLS: Final = WORKING | {
    "pendingType": "LIMIT", "pendingSide": "SELL", "pendingPrice": "120", "pendingTimeInForce": "GTC",
}  # fmt: skip
PAIR: Final = WORKING | {
    "pendingSide": "SELL", "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "120",
    "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "80",
}  # fmt: skip


def _buyer(lab: Lab, **rules: Any) -> tuple[Market, User]:
    """Somebody who has 200 USDT and nothing else."""
    market, user = lab.fresh_market(**rules), lab.poor()
    lab.credit(user, market.quote, "200")
    return market, user


def _placed(market: Market, user: User, path: str, terms: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = accepted(user.post(path, symbol=market.symbol, newOrderRespType="RESULT", **terms))
    return body


@OPO.rule(
    "an OPO is answered as an OTO whose pending order has no origQty",
    "POST orderList/opo working BUY 2 at 100, pending LIMIT SELL at 120",
    "OTO, EXEC_STARTED, EXECUTING; NEW, PENDING_NEW without origQty",
)
def opo_answer(lab: Lab) -> None:
    market, user = _buyer(lab)
    body = _placed(market, user, "/orderList/opo", SELLS)
    shape = RESULT | {"symbol": market.symbol, "orderListId": WHOLE}
    pending = {key: value for key, value in shape.items() if key != "origQty"} | {
        "status": "PENDING_NEW",
        "workingTime": -1,
    }
    terms = {"contingencyType": "OTO", "listStatusType": "EXEC_STARTED", "listOrderStatus": "EXECUTING"}
    matches(AtLeast(terms | {"orderReports": [shape | {"status": "NEW", "workingTime": TIME}, pending]}), body)


@OPOCO.rule(
    "an OPOCO is answered with three orders",
    "POST orderList/opoco working BUY 2 at 100, pending LIMIT_MAKER SELL 120 and STOP_LOSS SELL 80",
    "OTO; NEW, PENDING_NEW, PENDING_NEW without origQty",
)
def opoco_answer(lab: Lab) -> None:
    market, user = _buyer(lab)
    body = _placed(market, user, "/orderList/opoco", PAIR)
    same("OTO", body["contingencyType"], "contingencyType")
    same(["NEW", "PENDING_NEW", "PENDING_NEW"], [row["status"] for row in body["orderReports"]], "the statuses")
    same([True, False, False], ["origQty" in row for row in body["orderReports"]], "which have an origQty")


@WHAT.rule(
    "only the working order has to be paid",
    "200 USDT and no base asset; POST orderList/opo BUY 2 at 100, SELL",
    "accepted, 200 USDT locked",
)
def only_working_paid(lab: Lab) -> None:
    market, user = _buyer(lab)
    _placed(market, user, "/orderList/opo", SELLS)
    same(["0.00000000", "200.00000000"], list(user.balance(market.quote)), "free and locked USDT")


@WHAT.rule(
    "what is received is locked while the working order fills",
    "POST orderList/opo BUY 2 at 100; bob SELL 1 at 100",
    "1 of the base asset locked, 0 free",
)
def received_is_locked(lab: Lab) -> None:
    market, user = _buyer(lab)
    _placed(market, user, "/orderList/opo", SELLS)
    lab.user("bob").limit(market, "SELL", "1", "100")
    same(["0.00000000", "1.00000000"], list(user.balance(market.base)), "free and locked base")


@WHAT.rule(
    "a cancel unlocks what was received",
    "POST orderList/opo BUY 2 at 100; bob SELL 1; DELETE orderList",
    "1 of the base asset free, 100 USDT free",
)
def cancel_unlocks(lab: Lab) -> None:
    market, user = _buyer(lab)
    list_id = _placed(market, user, "/orderList/opo", SELLS)["orderListId"]
    lab.user("bob").limit(market, "SELL", "1", "100")
    accepted(user.delete("/orderList", symbol=market.symbol, orderListId=list_id))
    same(["1.00000000", "0.00000000"], list(user.balance(market.base)), "free and locked base")
    same(["100.00000000", "0.00000000"], list(user.balance(market.quote)), "free and locked USDT")


@DIFFERENCE.rule(
    "the pending order sells what was received",
    "POST orderList/opo BUY 2 at 100; bob SELL 2",
    "pending NEW with origQty 2, 2 locked",
)
def sells_received(lab: Lab) -> None:
    market, user = _buyer(lab)
    body = _placed(market, user, "/orderList/opo", SELLS)
    lab.user("bob").limit(market, "SELL", "2", "100")
    found = user.found(market, body["orders"][1]["orderId"])
    matches(AtLeast({"status": "NEW", "origQty": "2.00000000", "price": "120.00000000"}), found, "the pending order")
    same(["0.00000000", "2.00000000"], list(user.balance(market.base)), "free and locked base")


@DIFFERENCE.rule(
    "the commission comes off it", "maker fee 0.01; POST orderList/opo BUY 2 at 100; bob SELL 2", "origQty 1.98"
)
def less_commission(lab: Lab) -> None:
    market, user = _buyer(lab, makerFee="0.01")
    body = _placed(market, user, "/orderList/opo", SELLS)
    lab.user("bob").limit(market, "SELL", "2", "100")
    same("1.98000000", user.found(market, body["orders"][1]["orderId"])["origQty"], "origQty")


@DIFFERENCE.rule(
    "the commission is taken from what is free, if there is enough",
    "maker fee 0.01, 1 of the base asset free; POST orderList/opo BUY 2 at 100; bob SELL 2",
    "origQty 2, 0.98 free",
)
def commission_from_free(lab: Lab) -> None:
    market, user = _buyer(lab, makerFee="0.01")
    lab.credit(user, market.base, "1")
    body = _placed(market, user, "/orderList/opo", SELLS)
    lab.user("bob").limit(market, "SELL", "2", "100")
    same("2.00000000", user.found(market, body["orders"][1]["orderId"])["origQty"], "origQty")
    same(["0.98000000", "2.00000000"], list(user.balance(market.base)), "free and locked base")


@DIFFERENCE.rule(
    "the quantity is adjusted to LOT_SIZE, the rest unlocked",
    "maker fee 0.01, stepSize 0.1; POST orderList/opo BUY 2 at 100; bob SELL 2",
    "origQty 1.9, 0.08 free",
)
def adjusted(lab: Lab) -> None:
    market, user = _buyer(lab, makerFee="0.01", lotSize="0.1", minQuantity="0.1")
    body = _placed(market, user, "/orderList/opo", SELLS)
    lab.user("bob").limit(market, "SELL", "2", "100")
    same("1.90000000", user.found(market, body["orders"][1]["orderId"])["origQty"], "origQty")
    same(["0.08000000", "1.90000000"], list(user.balance(market.base)), "free and locked base")


@DIFFERENCE.rule(
    "filters judge the pending order when the working one is filled",
    "minNotional 100; POST orderList/opo BUY 2 at 100, SELL at 40; bob SELL 2",
    "the pending order is EXPIRED with expiryReason REJECTED, 2 free",
)
def judged_later(lab: Lab) -> None:
    market, user = _buyer(lab, minNotional="100")
    body = _placed(market, user, "/orderList/opo", SELLS | {"pendingPrice": "40"})
    lab.user("bob").limit(market, "SELL", "2", "100")
    found = user.found(market, body["orders"][1]["orderId"])
    matches(AtLeast({"status": one_of("EXPIRED", "REJECTED"), "expiryReason": "REJECTED"}), found, "the pending order")
    same(["2.00000000", "0.00000000"], list(user.balance(market.base)), "free and locked base")


@DIFFERENCE.rule(
    "a pending quantity is not amended before the working order is filled",
    "POST orderList/opo, PUT order/amend/keepPriority of the pending order",
    "400: -2038 Order amend (pending OPO order) is not supported.",
)
def not_amended(lab: Lab) -> None:
    market, user = _buyer(lab)
    body = _placed(market, user, "/orderList/opo", SELLS)
    asked = {"symbol": market.symbol, "orderId": body["orders"][1]["orderId"], "newQty": "1"}
    answer = user.put("/order/amend/keepPriority", **asked)
    refused(answer, -2038, "Order amend (pending OPO order) is not supported.")


@HOW.rule(
    "an OPOCO sells once",
    "POST orderList/opoco BUY 2 at 100; bob SELL 2; bob BUY 2 at 120",
    "the limit order FILLED, the stop EXPIRED, 240 USDT",
)
def opoco_sells(lab: Lab) -> None:
    market, user = _buyer(lab)
    body = _placed(market, user, "/orderList/opoco", PAIR)
    lab.user("bob").limit(market, "SELL", "2", "100")
    lab.user("bob").limit(market, "BUY", "2", "120")
    found = {row["type"]: row["status"] for row in (user.found(market, each["orderId"]) for each in body["orders"])}
    same({"LIMIT": "FILLED", "LIMIT_MAKER": "FILLED", "STOP_LOSS": "EXPIRED"}, found, "the orders")
    same("240.00000000", user.balance(market.quote)[0], "free USDT")


def opo(**terms: Any) -> Any:
    """alice's POST of an OPO."""
    return signed("POST", "/orderList/opo", symbol="{symbol}", **terms)


AREA.by("errors.md: -1222 OPO_WORKING_MUST_BE_BUY").refuses(
    "the working order buys",
    opo(**SELLS | {"workingSide": "SELL"}),
    -1222,
    "Working order in an OPO list must be a bid.",
)
AREA.by("errors.md: -1223 OPO_PENDING_MUST_BE_SELL").refuses(
    "the pending order sells",
    opo(**SELLS | {"pendingSide": "BUY"}),
    -1223,
    "Pending orders in an OPO list must be asks.",
)
AREA.by("errors.md: -1225 PENDING_PARAM_NOT_REQUIRED").refuses(
    "the pending order has no quantity",
    opo(**SELLS, pendingQuantity="1"),
    -1225,
    "Pending orders should not include the 'pendingQuantity' tag.",
)
for name in ("workingPrice", "workingQuantity", "pendingType", "pendingSide"):
    left = {key: value for key, value in SELLS.items() if key != name}
    OPO.refuses(
        f"an OPO needs {name}",
        opo(**left),
        -1102,
        f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
    )
for feature, member in (("OPO", "opoAllowed"), ("OTO", "otoAllowed")):

    def not_offered(lab: Lab, feature: str = feature, member: str = member) -> None:
        market = lab.market(notOffered=feature)
        (info,) = accepted(lab.public("/exchangeInfo", symbol=market.symbol))["symbols"]
        same(False, info[member], member)
        answer = lab.user().post("/orderList/opo", symbol=market.symbol, **SELLS)
        told = expect(answer, {"code": WHOLE, "msg": TEXT}, status=400)
        hold("orders are not supported for this symbol" in told["msg"], f"it says {told['msg']!r}")

    SYMBOLS.rule(
        f"without {member} there is no OPO",
        f"POST orderList/opo where {member} is false",
        "400: ... orders are not supported for this symbol",
    )(not_offered)
