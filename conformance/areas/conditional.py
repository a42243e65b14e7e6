"""Fields that an order's answers have only under a condition, and what queries tell of orders and trades."""

from typing import Any, Final

from conformance.areas.shapes import CANCELED, FOUND, MY_TRADE
from conformance.checks import TIME, WHOLE, AtLeast, hold, matches, same
from conformance.lab import Lab, Market, accepted
from conformance.rules import Area, expect, refused, signed

STOP: Final = {"quantity": "1", "stopPrice": "95", "newOrderRespType": "RESULT"}
STOP_LIMIT: Final = STOP | {"price": "94", "timeInForce": "GTC"}
AREA: Final = Area("conditional", "Conditional fields")
FIELDS = AREA.by("rest-api.md: Conditional fields in Order Responses")


def _market(lab: Lab) -> Market:
    """Last price 100, a bid at 80."""
    market = lab.fresh_market()
    lab.trade(market, "100")
    lab.user("bob").limit(market, "BUY", "1", "80")
    return market


def _everywhere(name: str, kind: str, side: str, terms: dict[str, Any], members: dict[str, Any]) -> None:
    """Rules: the members stand in the answers of placing, asking and cancelling such an order."""

    def placed(lab: Lab) -> None:
        matches(AtLeast(members), lab.user().order(_market(lab), side, kind, **terms))

    def asked(lab: Lab) -> None:
        market = _market(lab)
        order_id = lab.user().order(market, side, kind, **terms)["orderId"]
        matches(AtLeast(members), lab.user().found(market, order_id))
        matches([AtLeast(members)], accepted(lab.user().get("/openOrders", symbol=market.symbol)), "openOrders")

    def canceled(lab: Lab) -> None:
        market = _market(lab)
        order_id = lab.user().order(market, side, kind, **terms)["orderId"]
        matches(AtLeast(members), accepted(lab.user().delete("/order", symbol=market.symbol, orderId=order_id)))

    words = " ".join(f"{key}={value}" for key, value in terms.items() if key != "newOrderRespType")
    told = ", ".join(f"{key}={value}" for key, value in members.items())
    for where, check, request in (
        ("placing", placed, f"POST order {kind} {side} {words}"),
        ("asking", asked, f"POST order {kind} {side} {words}, GET order, GET openOrders"),
        ("cancelling", canceled, f"POST order {kind} {side} {words}, DELETE order"),
    ):
        FIELDS.rule(f"{name}, when {where}", request, told)(check)


LIMIT: Final = {"timeInForce": "GTC", "quantity": "4", "price": "90", "newOrderRespType": "RESULT"}
_everywhere("icebergQty of an iceberg", "LIMIT", "BUY", LIMIT | {"icebergQty": "1"}, {"icebergQty": "1.00000000"})
_everywhere("stopPrice of STOP_LOSS", "STOP_LOSS", "SELL", STOP, {"stopPrice": "95.00000000"})
_everywhere("stopPrice of STOP_LOSS_LIMIT", "STOP_LOSS_LIMIT", "SELL", STOP_LIMIT, {"stopPrice": "95.00000000"})
_everywhere(
    "strategyId and strategyType",
    "LIMIT",
    "BUY",
    LIMIT | {"strategyId": 37463720, "strategyType": 1000000},
    {"strategyId": 37463720, "strategyType": 1000000},
)
_everywhere(
    "trailingDelta and trailingTime of a trailing stop",
    "STOP_LOSS_LIMIT",
    "SELL",
    {key: value for key, value in STOP_LIMIT.items() if key != "stopPrice"} | {"trailingDelta": 100},
    {"trailingDelta": 100, "trailingTime": TIME},
)
_everywhere(
    "pegPriceType and peggedPrice of a pegged order",
    "LIMIT",
    "BUY",
    {"timeInForce": "GTC", "quantity": "1", "pegPriceType": "PRIMARY_PEG", "newOrderRespType": "RESULT"},
    {"pegPriceType": "PRIMARY_PEG", "peggedPrice": "80.00000000"},
)


@FIELDS.rule(
    "trailingTime is -1 until it tracks",
    "POST order STOP_LOSS_LIMIT SELL stopPrice=95 trailingDelta=100",
    "trailingTime=-1",
)
def trailing_time(lab: Lab) -> None:
    found = lab.user().order(_market(lab), "SELL", "STOP_LOSS_LIMIT", **STOP_LIMIT | {"trailingDelta": 100})
    same(-1, found["trailingTime"], "trailingTime")


@FIELDS.rule(
    "a plain order has none of them", "POST order LIMIT BUY 4 at 90, GET order", "the documented fields and no others"
)
def none_of_them(lab: Lab) -> None:
    market = _market(lab)
    order_id = lab.user().limit(market, "BUY", "4", "90")["orderId"]
    matches(FOUND | {"symbol": market.symbol}, lab.user().found(market, order_id))


for name, kind, terms, reason in (
    ("an IOC order", "LIMIT", {"timeInForce": "IOC", "quantity": "1", "price": "101"}, "UNFILLED_IOC_QUANTITY_EXPIRED"),
    ("a FOK order", "LIMIT", {"timeInForce": "FOK", "quantity": "1", "price": "101"}, "UNFILLED_FOK_ORDER_EXPIRED"),
    ("a MARKET order", "MARKET", {"quantity": "5"}, "INSUFFICIENT_LIQUIDITY"),
):

    def expires(lab: Lab, kind: str = kind, terms: dict[str, Any] = terms, reason: str = reason) -> None:
        market = _market(lab)
        lab.user("bob").limit(market, "SELL", "1", "110")
        found = lab.user().order(market, "BUY", kind, **terms)
        matches(AtLeast({"status": "EXPIRED", "expiryReason": reason}), found)
        matches(AtLeast({"expiryReason": reason}), lab.user().found(market, found["orderId"]), "GET order")

    AREA.by("enums.md: Expiry Reasons").rule(
        f"expiryReason of {name}",
        f"POST order {kind} BUY {' '.join(map('='.join, terms.items()))}",
        f"expiryReason={reason}",
    )(expires)


QUERY = AREA.by("rest-api.md: Query order")
OPEN = AREA.by("rest-api.md: Current open orders")
ALL = AREA.by("rest-api.md: All orders")
CANCEL = AREA.by("rest-api.md: Cancel order")
CANCEL_ALL = AREA.by("rest-api.md: Cancel All Open Orders on a Symbol")
RESTRICTIONS = AREA.by("rest-api.md: Regarding cancelRestrictions")
UNKNOWN: Final = (-2013, "Order does not exist.")


@QUERY.rule("an order is found by its origClientOrderId", "GET order origClientOrderId=mine", "the same order")
def by_client_id(lab: Lab) -> None:
    market = _market(lab)
    order_id = lab.user().limit(market, "BUY", "1", "90", newClientOrderId="mine")["orderId"]
    found = accepted(lab.user().get("/order", symbol=market.symbol, origClientOrderId="mine"))
    same(order_id, found["orderId"], "orderId")


@QUERY.rule("orderId and origClientOrderId must both fit", "GET order orderId=(one) origClientOrderId=other", "400")
def both_must_fit(lab: Lab) -> None:
    market = _market(lab)
    order_id = lab.user().limit(market, "BUY", "1", "90", newClientOrderId="mine")["orderId"]
    asked = {"symbol": market.symbol, "orderId": order_id}
    same(order_id, accepted(lab.user().get("/order", **asked, origClientOrderId="mine"))["orderId"], "orderId")
    expect(lab.user().get("/order", **asked, origClientOrderId="other"), AtLeast({"code": WHOLE}), status=400)


QUERY.refuses("an order that is not there", signed("GET", "/order", symbol="{symbol}", orderId=999999999), *UNKNOWN)
QUERY.refuses(
    "orderId or origClientOrderId must be sent",
    signed("GET", "/order", symbol="{symbol}"),
    -1102,
    "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
)


@OPEN.rule("openOrders without a symbol has all", "POST order on two symbols, GET openOrders", "both orders")
def all_symbols(lab: Lab) -> None:
    markets = [_market(lab), _market(lab)]
    for market in markets:
        lab.user("erin").limit(market, "BUY", "1", "90")
    rows = accepted(lab.user("erin").get("/openOrders"))
    matches([FOUND | {"symbol": market.symbol} for market in markets], rows, "openOrders")


@CANCEL.rule(
    "a cancel has the documented fields",
    "POST order LIMIT, DELETE order newClientOrderId=gone",
    "those fields, clientOrderId=gone",
)
def cancel_fields(lab: Lab) -> None:
    market = _market(lab)
    order_id = lab.user().limit(market, "BUY", "1", "90", newClientOrderId="mine")["orderId"]
    asked = {"symbol": market.symbol, "orderId": order_id, "newClientOrderId": "gone"}
    pattern = CANCELED | {"symbol": market.symbol, "origClientOrderId": "mine", "clientOrderId": "gone"}
    expect(lab.user().delete("/order", **asked), pattern)


@CANCEL.rule("a cancelled order is CANCELED", "POST order, DELETE order, GET order", "CANCELED")
def canceled_stays(lab: Lab) -> None:
    market = _market(lab)
    order_id = lab.user().limit(market, "BUY", "1", "90")["orderId"]
    accepted(lab.user().delete("/order", symbol=market.symbol, orderId=order_id))
    same("CANCELED", lab.user().found(market, order_id)["status"], "status")


CANCEL.refuses(
    "what is unknown cannot be cancelled",
    signed("DELETE", "/order", symbol="{symbol}", orderId=999999999),
    -2011,
    "Unknown order sent.",
)


@CANCEL.rule("somebody else's order is unknown", "DELETE order of bob's by alice", "400: -2011 Unknown order sent.")
def others_order(lab: Lab) -> None:
    market = _market(lab)
    order_id = lab.user("bob").limit(market, "BUY", "1", "90")["orderId"]
    refused(lab.user().delete("/order", symbol=market.symbol, orderId=order_id), -2011, "Unknown order sent.")


RESTRICTIONS.refuses(
    "cancelRestrictions that are none",
    signed("DELETE", "/order", symbol="{symbol}", orderId=1, cancelRestrictions="ONLY_FILLED"),
    -1145,
    "Invalid cancelRestrictions",
)
for wanted, is_filled, is_canceled in (
    ("ONLY_NEW", False, True), ("ONLY_NEW", True, False), ("ONLY_PARTIALLY_FILLED", False, False),
    ("ONLY_PARTIALLY_FILLED", True, True),
):  # fmt: skip

    def restricted(
        lab: Lab, wanted: str = wanted, is_filled: bool = is_filled, is_canceled: bool = is_canceled
    ) -> None:
        market = _market(lab)
        order_id = lab.user().limit(market, "BUY", "2", "90")["orderId"]
        if is_filled:
            lab.user("bob").limit(market, "SELL", "1", "90")
        answer = lab.user().delete("/order", symbol=market.symbol, orderId=order_id, cancelRestrictions=wanted)
        if is_canceled:
            expect(answer, AtLeast({"status": "CANCELED"}))
        else:
            refused(answer, -2011, "Order was not canceled due to cancel restrictions.")

    RESTRICTIONS.rule(
        f"{wanted} of a {'PARTIALLY_FILLED' if is_filled else 'NEW'} order",
        f"DELETE order cancelRestrictions={wanted}",
        "CANCELED" if is_canceled else "400: -2011 Order was not canceled due to cancel restrictions.",
    )(restricted)


@CANCEL_ALL.rule("all open orders are cancelled", "POST order twice, DELETE openOrders", "two CANCELED orders")
def cancel_all(lab: Lab) -> None:
    market = _market(lab)
    for price in ("90", "91"):
        lab.user().limit(market, "BUY", "1", price)
    expect(lab.user().delete("/openOrders", symbol=market.symbol), [CANCELED | {"symbol": market.symbol}] * 2)


CANCEL_ALL.refuses(
    "there must be something to cancel",
    signed("DELETE", "/openOrders", symbol="{symbol}"),
    -2011,
    "Unknown order sent.",
)


@ALL.rule(
    "allOrders has orders of every status, oldest first",
    "POST order, DELETE order, POST order, GET allOrders",
    "CANCELED, NEW",
)
def all_orders(lab: Lab) -> None:
    market = _market(lab)
    order_id = lab.user().limit(market, "BUY", "1", "90")["orderId"]
    accepted(lab.user().delete("/order", symbol=market.symbol, orderId=order_id))
    lab.user().limit(market, "BUY", "1", "90")
    rows = lab.until(lambda: accepted(lab.user().get("/allOrders", symbol=market.symbol)), lambda rows: len(rows) == 2)
    matches([FOUND | {"symbol": market.symbol}] * 2, rows, "allOrders")
    same(["CANCELED", "NEW"], [row["status"] for row in rows], "the statuses")


@ALL.rule(
    "allOrders orderId is inclusive",
    "POST order three times, GET allOrders orderId=(second)",
    "the second and the third",
)
def all_orders_from(lab: Lab) -> None:
    market = _market(lab)
    ids = [lab.user().limit(market, "BUY", "1", "90")["orderId"] for _ in range(3)]
    rows = lab.until(
        lambda: accepted(lab.user().get("/allOrders", symbol=market.symbol, orderId=ids[1])),
        lambda rows: len(rows) == 2,
    )
    same(ids[1:], [row["orderId"] for row in rows], "the ids")


@ALL.rule(
    "allOrders limit has the most recent", "POST order three times, GET allOrders limit=2", "the last two, oldest first"
)
def all_orders_limit(lab: Lab) -> None:
    market = _market(lab)
    ids = [lab.user().limit(market, "BUY", "1", "90")["orderId"] for _ in range(3)]
    read = lambda: accepted(lab.user().get("/allOrders", symbol=market.symbol, limit=2))  # noqa: E731
    rows = lab.until(read, lambda rows: [row["orderId"] for row in rows] == ids[1:])
    same(ids[1:], [row["orderId"] for row in rows], "the ids")


MORE_THAN_A_DAY: Final = {"startTime": 1700000000000, "endTime": 1700086400001}
for path in ("/allOrders", "/myTrades"):
    AREA.by("errors.md: -1127 MORE_THAN_XX_HOURS").refuses(
        f"{path[1:]} spans 24 hours at most",
        signed("GET", path, symbol="{symbol}", **MORE_THAN_A_DAY),
        -1127,
        "More than 24 hours between startTime and endTime.",
    )
MY_TRADES = AREA.by("rest-api.md: Account trade list")


@MY_TRADES.rule(
    "myTrades has the documented fields", "a trade, GET myTrades", "those fields, isBuyer and isMaker as it was"
)
def my_trades(lab: Lab) -> None:
    market = _market(lab)
    lab.user("bob").limit(market, "SELL", "1", "110")
    order_id = lab.user().limit(market, "BUY", "1", "110")["orderId"]
    symbol = {"symbol": market.symbol}
    trade = MY_TRADE | symbol | {"orderId": order_id, "isBuyer": True, "isMaker": False, "quoteQty": "110.00000000"}
    expect(lab.user().get("/myTrades", symbol=market.symbol), [trade])
    maker = MY_TRADE | symbol | {"isBuyer": False, "isMaker": True}
    expect(lab.user("bob").get("/myTrades", symbol=market.symbol), [maker])


def _three_trades(lab: Lab) -> tuple[Market, list[dict[str, Any]]]:
    market = _market(lab)
    lab.user("bob").limit(market, "SELL", "3", "110")
    for _ in range(3):
        lab.user().limit(market, "BUY", "1", "110")
    return market, accepted(lab.user().get("/myTrades", symbol=market.symbol))


@MY_TRADES.rule("myTrades fromId is inclusive", "GET myTrades fromId=(second)", "the second and the third trade")
def my_trades_from(lab: Lab) -> None:
    market, rows = _three_trades(lab)
    expect(lab.user().get("/myTrades", symbol=market.symbol, fromId=rows[1]["id"]), rows[1:])


@MY_TRADES.rule("myTrades limit has the most recent", "GET myTrades limit=2", "the last two, oldest first")
def my_trades_limit(lab: Lab) -> None:
    market, rows = _three_trades(lab)
    expect(lab.user().get("/myTrades", symbol=market.symbol, limit=2), rows[1:])


@MY_TRADES.rule("myTrades orderId has that order's trades", "GET myTrades orderId=(first)", "the first trade")
def my_trades_of_order(lab: Lab) -> None:
    market, rows = _three_trades(lab)
    expect(lab.user().get("/myTrades", symbol=market.symbol, orderId=rows[0]["orderId"]), rows[:1])


@MY_TRADES.rule(
    "myTrades startTime and endTime are inclusive", "GET myTrades startTime=(T) endTime=(T)", "trades of that time"
)
def my_trades_between(lab: Lab) -> None:
    market, rows = _three_trades(lab)
    moment = rows[0]["time"]
    found = accepted(lab.user().get("/myTrades", symbol=market.symbol, startTime=moment, endTime=moment))
    hold(rows[0] in found, "the trade of that time is missing")
    same([row for row in rows if row["time"] == moment], found, "the trades")


MY_TRADES.rejects(
    "myTrades orderId and startTime do not go together",
    signed("GET", "/myTrades", symbol="{symbol}", orderId=1, startTime=1700000000000),
)
