"""Errors: every code that clients branch on, with its text, and the messages of the matching engine.

The fact a newcomer would get wrong: -1000, -1001, -1006, -1007 and -1008 mean that the exchange is in trouble; a client
cannot make them come. A tester can (/_sim/fault), so it is their form that is asked for here; that they come when they
should is the business of the tests that kill Redis.
"""

import re
from typing import Any, Final

from conformance.areas.shapes import NOT_SENT
from conformance.checks import TEXT, WHOLE, AtLeast, one_of, same
from conformance.lab import Lab, accepted
from conformance.rules import GET, Area, Ask, expect, refused, signed

ORDER: Final[dict[str, Any]] = {"symbol": "{symbol}", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
TERMS: Final = {"quantity": "1", "price": "90"}
REFUSING: Final = one_of(-1013, -2010)  # by the API, or by the engine: the text says why
AREA: Final = Area("errors", "Errors", lambda lab: lab.trade(lab.market(), "100"))
MESSAGES = AREA.by("errors.md: Messages for -1010 ERROR_MSG_RECEIVED, -2010 NEW_ORDER_REJECTED")


def order(**terms: Any) -> Ask:
    """alice's POST of a LIMIT order, but for what is said otherwise; None leaves a parameter out."""
    return signed("POST", "/order", **{key: text for key, text in (ORDER | TERMS | terms).items() if text is not None})


def by_code(code: int, name: str, text: str, *cases: tuple[str, Ask]) -> None:
    """Rules: each of the requests is refused with the code and the text."""
    section = AREA.by(f"errors.md: {code} {name}")
    for what, ask in cases:
        section.refuses(what, ask, code, text)


for code, name, status, text in (
    (-1000, "UNKNOWN", 500, "An unknown error occurred while processing the request."),
    (-1001, "DISCONNECTED", 500, "Internal error; unable to process your request. Please try again."),
    (-1006, "UNEXPECTED_RESP", 500,
     "An unexpected response was received from the message bus. Execution status unknown."),
    (-1007, "TIMEOUT", 504,
     "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    (-1008, "SERVER_BUSY", 503,
     "Server is currently overloaded with other requests. Please try again in a few minutes."),
):  # fmt: skip

    def in_trouble(lab: Lab, code: int = code, status: int = status, text: str = text) -> None:
        lab.sim("PUT", "fault", code=code, request="POST /api/v3/order")
        expect(lab.send(order()), {"code": code, "msg": text}, status=status)
        expect(lab.send(order()), AtLeast({"orderId": WHOLE}))

    AREA.by(f"errors.md: {code} {name}").rule(
        f"{code} {name}", f"POST order where PUT /_sim/fault code={code} was asked for, then once more",
        f"{status}: {code} {text} Then 200"
    )(in_trouble)  # fmt: skip


def fails_once_done(lab: Lab) -> None:
    """A timeout says nothing about what was done."""
    market, alice = lab.market(), lab.user()
    lab.sim("PUT", "fault", code=-1007, request="POST /api/v3/order", executed=True)
    expect(lab.send(order(newClientOrderId="in-doubt")), {"code": -1007, "msg": TEXT}, status=504)
    asked = {"symbol": market.symbol, "origClientOrderId": "in-doubt"}
    expect(alice.get("/order", **asked), AtLeast({"status": "NEW", "clientOrderId": "in-doubt"}))


HTTP = AREA.by("rest-api.md: HTTP Return Codes")
HTTP.rule(
    "5XX is no failure: the execution status is unknown",
    "POST order where PUT /_sim/fault code=-1007 executed=true was asked for, GET order",
    "504: -1007, and the order is there",
)(fails_once_done)

for name, text in (
    ("quantity", "one"), ("price", "-1"), ("newClientOrderId", "with space"), ("newClientOrderId", "a" * 37),
    ("symbol", "btc usdt"),
):  # fmt: skip

    def illegal(lab: Lab, name: str = name, text: str = text) -> None:
        answer = lab.send(order(**{name: text}))
        told = expect(answer, {"code": -1100, "msg": TEXT}, status=400)["msg"]
        refused(answer, -1100, told)
        begin = f"Illegal characters found in parameter '{name}'; legal range is '"
        if not (told.startswith(begin) and told.endswith("'.")):
            refused(answer, -1100, begin + "...'.")

    AREA.by("errors.md: -1100 ILLEGAL_CHARS").rule(
        f"-1100 for {name}={text[:12]}{'...' if len(text) > 12 else ''}",
        f"POST order {name}={text}",
        f"400: -1100 Illegal characters found in parameter '{name}'; legal range is '...'.",
    )(illegal)

NOT_SENT_SYMBOL: Final = NOT_SENT.format("symbol")
by_code(
    -1102,
    "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
    NOT_SENT_SYMBOL,
    ("-1102 without a symbol", order(symbol=None)),
    ("-1102 for GET order without a symbol", signed("GET", "/order", orderId=1)),
    ("-1102 for DELETE openOrders without a symbol", signed("DELETE", "/openOrders")),
    ("-1102 for allOrders without a symbol", signed("GET", "/allOrders")),
    ("-1102 for myTrades without a symbol", signed("GET", "/myTrades")),
)
AREA.by("errors.md: -1105 PARAM_EMPTY").refuses(
    "-1105 for an empty parameter",
    order(price=""),
    one_of(-1105, -1102),
    one_of("Parameter 'price' was empty.", NOT_SENT.format("price")),
)
by_code(
    -1106,
    "PARAM_NOT_REQUIRED",
    "Parameter 'stopPrice' sent when not required.",
    ("-1106 for a stopPrice of LIMIT", order(stopPrice="95")),
)
by_code(
    -1111,
    "BAD_PRECISION",
    "Parameter 'quantity' has too much precision.",
    ("-1111 for 9 places of a quantity", order(quantity="1.123456789")),
)
by_code(
    -1111,
    "BAD_PRECISION",
    "Parameter 'price' has too much precision.",
    ("-1111 for 9 places of a price", order(price="90.123456789")),
)
by_code(-1115, "INVALID_TIF", "Invalid timeInForce.", ("-1115", order(timeInForce="DAY")))
by_code(-1116, "INVALID_ORDER_TYPE", "Invalid orderType.", ("-1116", order(type="ICEBERG")))
by_code(-1117, "INVALID_SIDE", "Invalid side.", ("-1117", order(side="HOLD")))
by_code(-1120, "BAD_INTERVAL", "Invalid interval.", ("-1120", GET("/klines", symbol="{symbol}", interval="7m")))
by_code(
    -1121,
    "BAD_SYMBOL",
    "Invalid symbol.",
    ("-1121 for an order", order(symbol="NONE")),
    ("-1121 for GET order", signed("GET", "/order", symbol="NONE", orderId=1)),
    ("-1121 for GET openOrders", signed("GET", "/openOrders", symbol="NONE")),
    ("-1121 for GET myTrades", signed("GET", "/myTrades", symbol="NONE")),
)
by_code(
    -1134,
    "BAD_STRATEGY_TYPE",
    "`strategyType` was less than 1000000.",
    ("-1134", order(strategyId=1, strategyType=999999)),
)
by_code(
    -1145,
    "INVALID_CANCEL_RESTRICTIONS",
    "Invalid cancelRestrictions",
    ("-1145", signed("DELETE", "/order", symbol="{symbol}", orderId=1, cancelRestrictions="ALL")),
)
AREA.by("errors.md: -1130 INVALID_PARAMETER").refuses(
    "-1130 for a depth of 0", GET("/depth", symbol="{symbol}", limit=0), one_of(-1130, -1100, -1102, -1105), TEXT
)
AREA.by("errors.md: -1130 INVALID_PARAMETER").refuses(
    "-1130 for a newOrderRespType that is none",
    order(newOrderRespType="SHORT"),
    -1130,
    "Data sent for parameter 'newOrderRespType' is not valid.",
)
AREA.by("errors.md: -1130 INVALID_PARAMETER").refuses(
    "-1130 for a selfTradePreventionMode that is none",
    order(selfTradePreventionMode="SOMETIMES"),
    -1130,
    "Data sent for parameter 'selfTradePreventionMode' is not valid.",
)
AREA.by("errors.md: -1135 INVALID_JSON").refuses(
    "-1135 for symbols that are no JSON", GET("/ticker/price", symbols="[BTC"), one_of(-1135, -1100), TEXT
)
by_code(
    -2011,
    "CANCEL_REJECTED",
    "Unknown order sent.",
    ("-2011 by orderId", signed("DELETE", "/order", symbol="{symbol}", orderId=99999999)),
    ("-2011 by origClientOrderId", signed("DELETE", "/order", symbol="{symbol}", origClientOrderId="nobody")),
)
by_code(
    -2013,
    "NO_SUCH_ORDER",
    "Order does not exist.",
    ("-2013 by orderId", signed("GET", "/order", symbol="{symbol}", orderId=99999999)),
    ("-2013 by origClientOrderId", signed("GET", "/order", symbol="{symbol}", origClientOrderId="nobody")),
)


@AREA.by("errors.md: -1101 TOO_MANY_PARAMETERS").rule(
    "-1101 for a parameter that comes twice",
    "GET depth symbol={symbol} limit=5 limit=10",
    "400: -1101 Duplicate values for a parameter detected.",
)
def twice(lab: Lab) -> None:
    answer = lab.get(f"/api/v3/depth?symbol={lab.market().symbol}&limit=5&limit=10")
    refused(answer, -1101, "Duplicate values for a parameter detected.")


@AREA.by("errors.md: -1128 OPTIONAL_PARAMS_BAD_COMBO").rule(
    "-1128 for an iceberg that is IOC", "POST order LIMIT IOC icebergQty=0.5", "400 with a code and a text"
)
def bad_combination(lab: Lab) -> None:
    expect(lab.send(order(timeInForce="IOC", icebergQty="0.5")), {"code": WHOLE, "msg": TEXT}, status=400)


for side, price in (("BUY", "90"), ("SELL", "110")):

    def poor(lab: Lab, side: str = side, price: str = price) -> None:
        asked = ORDER | {"symbol": lab.market().symbol, "side": side, "quantity": "1", "price": price}
        answer = lab.poor().post("/order", **asked)
        refused(answer, -2010, "Account has insufficient balance for requested action.")

    MESSAGES.rule(
        f"{side} without money",
        f"POST order LIMIT {side} of an empty account",
        "400: -2010 Account has insufficient balance for requested action.",
    )(poor)


@MESSAGES.rule(
    "MARKET BUY without enough money",
    "10 USDT; POST order MARKET BUY 1, offered at 101",
    "400: -2010 Account has insufficient balance for requested action.",
)
def poor_market(lab: Lab) -> None:
    market, user = lab.fresh_market(), lab.poor()
    lab.credit(user, market.quote, "10")
    lab.user("bob").limit(market, "SELL", "1", "101")
    answer = user.post("/order", symbol=market.symbol, side="BUY", type="MARKET", quantity="1")
    refused(answer, -2010, "Account has insufficient balance for requested action.")


@MESSAGES.rule("a symbol that does not trade", "HALT; POST order", "400: -2010 Market is closed.")
def closed(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.sim("PUT", "symbols", symbol=market.symbol, status="HALT")
    refused(lab.user().post("/order", **ORDER | TERMS | {"symbol": market.symbol}), -2010, "Market is closed.")


@MESSAGES.rule("exchangeInfo tells the status", "HALT; GET exchangeInfo", "status HALT")
def halted(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.sim("PUT", "symbols", symbol=market.symbol, status="HALT")

    def read() -> str:
        return str(accepted(lab.public("/exchangeInfo", symbol=market.symbol))["symbols"][0]["status"])

    same("HALT", lab.until(read, lambda status: status == "HALT"), "the status")


@MESSAGES.rule(
    "an open order's name", "POST order twice with newClientOrderId=again", "400: -2010 Duplicate order sent."
)
def duplicate(lab: Lab) -> None:
    accepted(lab.send(order(newClientOrderId="again")))
    refused(lab.send(order(newClientOrderId="again")), -2010, "Duplicate order sent.")


MESSAGES.refuses(
    "a stop price that is passed already",
    order(type="STOP_LOSS_LIMIT", stopPrice="95"),
    -2010,
    "Order would trigger immediately.",
)
MESSAGES.refuses("an iceberg larger than its order", order(icebergQty="2"), REFUSING, "IcebergQty exceeds QTY.")
MESSAGES.refuses(
    "quoteOrderQty on an empty book",
    signed("POST", "/order", symbol="{symbol}", side="BUY", type="MARKET", quoteOrderQty="10"),
    -2010,
    "Order book liquidity is less than symbol minimum quantity.",
)


@MESSAGES.rule(
    "a post-only order that would take",
    "POST order LIMIT_MAKER BUY at the best ask",
    "400: -2010 Order would immediately match and take.",
)
def post_only(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "1", "101")
    answer = lab.user().post("/order", symbol=market.symbol, side="BUY", type="LIMIT_MAKER", quantity="1", price="101")
    refused(answer, -2010, "Order would immediately match and take.")


@MESSAGES.rule(
    "quoteOrderQty and a book below LOT_SIZE",
    "asks of 0.5, minQty=1; POST order MARKET BUY quoteOrderQty=100",
    "400: -2010 Order book liquidity is less than `LOT_SIZE` filter minimum quantity.",
)
def thin_book(lab: Lab) -> None:
    market = lab.fresh_market(minQuantity="1")
    lab.user("bob").limit(market, "SELL", "1.5", "100")
    lab.user("carol").limit(market, "BUY", "1", "100")
    answer = lab.user().post("/order", symbol=market.symbol, side="BUY", type="MARKET", quoteOrderQty="100")
    refused(answer, -2010, "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.")


@MESSAGES.rule(
    "a user whose trading is disabled",
    "kill switch of the user; POST order",
    "400: This action is disabled on this account.",
)
def disabled(lab: Lab) -> None:
    user, market = lab.poor(), lab.market()
    lab.credit(user, market.quote, "1000")
    lab.sim("PUT", "users", name=user.name, killed="true")
    answer = user.post("/order", **ORDER | TERMS | {"symbol": market.symbol})
    refused(answer, REFUSING, "This action is disabled on this account.")


WITHOUT: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (
        "MARKET",
        "Market orders are not supported for this symbol.",
        {"type": "MARKET", "timeInForce": None, "price": None},
    ),
    (
        "STOP_LOSS",
        "Stop loss orders are not supported for this symbol.",
        {"type": "STOP_LOSS", "stopPrice": "110", "timeInForce": None, "price": None},
    ),
    (
        "STOP_LOSS_LIMIT",
        "Stop loss limit orders are not supported for this symbol.",
        {"type": "STOP_LOSS_LIMIT", "stopPrice": "110"},
    ),
    (
        "TAKE_PROFIT",
        "Take profit orders are not supported for this symbol.",
        {"type": "TAKE_PROFIT", "stopPrice": "95", "timeInForce": None, "price": None},
    ),
    (
        "TAKE_PROFIT_LIMIT",
        "Take profit limit orders are not supported for this symbol.",
        {"type": "TAKE_PROFIT_LIMIT", "stopPrice": "95"},
    ),
)
for kind, text, terms in WITHOUT:

    def not_supported(lab: Lab, text: str = text, terms: dict[str, Any] = terms) -> None:
        market = lab.market(orderTypes="LIMIT,LIMIT_MAKER")
        asked = {key: value for key, value in (ORDER | TERMS | terms).items() if value is not None}
        refused(lab.user().post("/order", **asked | {"symbol": market.symbol}), REFUSING, text)

    MESSAGES.rule(
        f"{kind} on a symbol without it", f"POST order {kind}, orderTypes are LIMIT and LIMIT_MAKER", f"400: {text}"
    )(not_supported)


@MESSAGES.rule(
    "an iceberg on a symbol without icebergs",
    "POST order LIMIT icebergQty=0.5 where icebergAllowed is false",
    "400: Iceberg orders are not supported for this symbol.",
)
def no_icebergs(lab: Lab) -> None:
    market = lab.market(maxIcebergParts=0)
    answer = lab.user().post("/order", **ORDER | TERMS | {"symbol": market.symbol, "icebergQty": "0.5"})
    refused(answer, REFUSING, "Iceberg orders are not supported for this symbol.")


@MESSAGES.rule(
    "a trailing stop on a symbol without them",
    "POST order STOP_LOSS trailingDelta=100 where allowTrailingStop is false",
    "400: Trailing stop orders are not supported for this symbol.",
)
def no_trailing(lab: Lab) -> None:
    market = lab.market(maxTrailingAbove=0, maxTrailingBelow=0)
    asked = {"symbol": market.symbol, "side": "BUY", "type": "STOP_LOSS", "quantity": "1", "trailingDelta": 100}
    refused(lab.user().post("/order", **asked), REFUSING, "Trailing stop orders are not supported for this symbol.")


@HTTP.rule("an unknown path", "GET nothing/here", "404")
def unknown_path(lab: Lab) -> None:
    answer = lab.public("/nothing/here")
    if answer.status != 404:
        expect(answer, TEXT, status=404)


HTTP.not_done("403", "a request that a firewall would stop", "403", "there is no firewall before the exchange")


@AREA.by("errors.md: -1104 UNREAD_PARAMETERS").rule(
    "-1104 UNREAD_PARAMETERS",
    "GET depth where PUT /_sim/fault code=-1104 was asked for; parameters that nobody knows are ignored otherwise",
    "400: -1104 Not all sent parameters were read; read '...' parameter(s) but was sent '...'.",
)
def unread(lab: Lab) -> None:
    lab.sim("PUT", "fault", code=-1104, request="GET /api/v3/depth")
    answer = lab.public("/depth", symbol=lab.market().symbol, unknown="1")
    text = expect(answer, {"code": -1104, "msg": TEXT}, status=400)["msg"]
    if not re.fullmatch(r"Not all sent parameters were read; read '\d+' parameter\(s\) but was sent '\d+'\.", text):
        refused(answer, -1104, "Not all sent parameters were read; ...")
