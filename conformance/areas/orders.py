"""New orders: response types, types with what each needs, times in force, triggers."""

from typing import Any, Final

from conformance.areas.shapes import ACK, FILL, FULL, NEITHER, NOT_SENT, RESULT
from conformance.checks import EMPTY, AtLeast, Each, hold, matches, one_of, same
from conformance.lab import Lab, accepted
from conformance.rules import Area, expect, refused, signed

TRIGGERS_AT_ONCE: Final = one_of("Stop price would trigger immediately.", "Order would trigger immediately.")
LIMIT: Final = {"symbol": "{symbol}", "side": "BUY", "type": "LIMIT"}
TERMS: Final[dict[str, Any]] = {"timeInForce": "GTC", "quantity": "1", "price": "90"}


def prepare(lab: Lab) -> None:
    """A last price of 100, an order on each side."""
    market = lab.market()
    lab.trade(market, "100")
    lab.user("bob").limit(market, "BUY", "100", "80")
    lab.user("bob").limit(market, "SELL", "100", "101")


AREA: Final = Area("orders", "Order types", prepare)
NEW_ORDER = AREA.by("rest-api.md: New order")
MANDATORY = AREA.by("rest-api.md: New order, additional mandatory parameters")
OTHER_INFO = AREA.by("rest-api.md: New order, Other info")
TIMES = AREA.by("enums.md: Time in force")
TEST_ORDER = AREA.by("rest-api.md: Test new order")


def order(kind: str, **terms: Any) -> Any:
    """alice's POST of an order."""
    return signed("POST", "/order", symbol="{symbol}", side="BUY", type=kind, **terms)


NEW_ORDER.answers("newOrderRespType=ACK has five fields", order("LIMIT", **TERMS, newOrderRespType="ACK"), ACK)
NEW_ORDER.answers("newOrderRespType=RESULT adds the order", order("LIMIT", **TERMS, newOrderRespType="RESULT"), RESULT)
NEW_ORDER.answers("newOrderRespType=FULL adds fills", order("LIMIT", **TERMS, newOrderRespType="FULL"), FULL)
NEW_ORDER.answers("LIMIT answers FULL by default", order("LIMIT", **TERMS), FULL | {"fills": EMPTY})
NEW_ORDER.answers("MARKET answers FULL by default", order("MARKET", quantity="1"), FULL | {"fills": [FILL]})
NEW_ORDER.answers("LIMIT_MAKER answers ACK by default", order("LIMIT_MAKER", quantity="1", price="90"), ACK)
STOPS: Final = {"STOP_LOSS": "110", "TAKE_PROFIT": "95", "STOP_LOSS_LIMIT": "110", "TAKE_PROFIT_LIMIT": "95"}
for kind, stop in STOPS.items():
    limited = {"price": "90", "timeInForce": "GTC"} if kind.endswith("_LIMIT") else {}
    NEW_ORDER.answers(f"{kind} answers ACK by default", order(kind, quantity="1", stopPrice=stop, **limited), ACK)
NEW_ORDER.rejects("newOrderRespType knows ACK, RESULT and FULL", order("LIMIT", **TERMS, newOrderRespType="SHORT"))
NEW_ORDER.answers(
    "a LIMIT order that rests is NEW",
    order("LIMIT", **TERMS, newClientOrderId="my-order_1"),
    AtLeast(
        {
            "clientOrderId": "my-order_1", "price": "90.00000000", "origQty": "1.00000000", "status": "NEW",
            "executedQty": "0.00000000", "cummulativeQuoteQty": "0.00000000", "origQuoteOrderQty": "0.00000000",
            "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "selfTradePreventionMode": "NONE",
        }
    ),
)  # fmt: skip
NEW_ORDER.answers(
    "a MARKET order has no price and is GTC",
    order("MARKET", quantity="1", newOrderRespType="RESULT"),
    AtLeast({"price": "0.00000000", "timeInForce": "GTC", "status": "FILLED", "executedQty": "1.00000000"}),
)

for name in ("timeInForce", "quantity", "price"):
    rest = {key: value for key, value in TERMS.items() if key != name}
    MANDATORY.refuses(f"LIMIT needs {name}", order("LIMIT", **rest), -1102, NOT_SENT.format(name))
MANDATORY.refuses("LIMIT_MAKER needs quantity", order("LIMIT_MAKER", price="90"), -1102, NOT_SENT.format("quantity"))
MANDATORY.refuses("LIMIT_MAKER needs price", order("LIMIT_MAKER", quantity="1"), -1102, NOT_SENT.format("price"))
MANDATORY.refuses(
    "MARKET needs quantity or quoteOrderQty", order("MARKET"), -1102, NEITHER.format("quantity", "quoteOrderQty")
)
for kind in STOPS:
    limited = {"price": "90", "timeInForce": "GTC"} if kind.endswith("_LIMIT") else {}
    MANDATORY.refuses(
        f"{kind} needs stopPrice or trailingDelta",
        order(kind, quantity="1", **limited),
        -1102,
        NEITHER.format("stopPrice", "trailingDelta"),
    )
    MANDATORY.refuses(
        f"{kind} needs quantity", order(kind, stopPrice=STOPS[kind], **limited), -1102, NOT_SENT.format("quantity")
    )
    for name in limited:
        rest = {key: value for key, value in limited.items() if key != name}
        MANDATORY.refuses(
            f"{kind} needs {name}",
            order(kind, quantity="1", stopPrice=STOPS[kind], **rest),
            -1102,
            NOT_SENT.format(name),
        )
for name in ("symbol", "side", "type"):
    rest = {key: value for key, value in LIMIT.items() if key != name}
    NEW_ORDER.refuses(f"an order needs {name}", signed("POST", "/order", **rest, **TERMS), -1102, NOT_SENT.format(name))


@TIMES.rule("IOC expires what it cannot fill", "POST order LIMIT BUY 3 at 101 IOC, 2 offered", "EXPIRED, executed 2")
def immediate_or_cancel(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "2", "101")
    found = lab.user().limit(market, "BUY", "3", "101", timeInForce="IOC")
    matches(AtLeast({"status": "EXPIRED", "executedQty": "2.00000000", "origQty": "3.00000000"}), found)
    same([], accepted(lab.user().get("/openOrders", symbol=market.symbol)), "openOrders")


@TIMES.rule("FOK fills nothing that it cannot fill whole", "POST order LIMIT BUY 3 at 101 FOK, 2 offered", "EXPIRED")
def fill_or_kill(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "2", "101")
    found = lab.user().limit(market, "BUY", "3", "101", timeInForce="FOK")
    matches(AtLeast({"status": "EXPIRED", "executedQty": "0.00000000", "fills": EMPTY}), found)


@TIMES.rule(
    "GTC rests with what is left", "POST order LIMIT BUY 3 at 101 GTC, 2 offered", "PARTIALLY_FILLED, 1 on the book"
)
def good_til_canceled(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "2", "101")
    found = lab.user().limit(market, "BUY", "3", "101")
    matches(AtLeast({"status": "PARTIALLY_FILLED", "executedQty": "2.00000000"}), found)
    same([["101.00000000", "1.00000000"]], accepted(lab.public("/depth", symbol=market.symbol))["bids"], "bids")


@NEW_ORDER.rule(
    "FULL lists every fill, best price first",
    "POST order MARKET SELL 3, bids of 1 at 102, 101, 100",
    "fills at 102, 101, 100",
)
def fills_in_order(lab: Lab) -> None:
    market = lab.fresh_market()
    for price in ("101", "100", "102"):
        lab.user("bob").limit(market, "BUY", "1", price)
    found = lab.user().order(market, "SELL", "MARKET", quantity="3")
    matches(Each(FILL), found["fills"], "fills")
    same([f"{price}.00000000" for price in (102, 101, 100)], [fill["price"] for fill in found["fills"]], "the prices")
    same("303.00000000", found["cummulativeQuoteQty"], "cummulativeQuoteQty")


@NEW_ORDER.rule(
    "equal prices are filled oldest first", "bob SELL 1 at 100, carol SELL 1 at 100, alice BUY 1", "bob's is filled"
)
def oldest_first(lab: Lab) -> None:
    market = lab.fresh_market()
    bobs = lab.user("bob").limit(market, "SELL", "1", "100")
    carols = lab.user("carol").limit(market, "SELL", "1", "100")
    lab.user().limit(market, "BUY", "1", "100")
    same("FILLED", lab.user("bob").found(market, bobs["orderId"])["status"], "the status of bob's order")
    same("NEW", lab.user("carol").found(market, carols["orderId"])["status"], "the status of carol's order")


@NEW_ORDER.rule("a better price than one's own is given", "bob SELL 1 at 100, alice BUY 1 at 105", "a fill at 100")
def price_improvement(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "1", "100")
    found = lab.user().limit(market, "BUY", "1", "105")
    same("100.00000000", found["fills"][0]["price"], "the price of the fill")


@MANDATORY.rule(
    "quoteOrderQty BUY spends at most that",
    "POST order MARKET BUY quoteOrderQty=250, asks of 1 at 100 and 9 at 110",
    "executed 2.3636, spent 249.996",
)
def quote_order(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "1", "100")
    lab.user("bob").limit(market, "SELL", "9", "110")
    found = lab.user().order(market, "BUY", "MARKET", quoteOrderQty="250")
    same("250.00000000", found["origQuoteOrderQty"], "origQuoteOrderQty")
    same("2.36360000", found["executedQty"], "executedQty")
    same("249.99600000", found["cummulativeQuoteQty"], "cummulativeQuoteQty")


@MANDATORY.rule(
    "LIMIT_MAKER is refused where it would take",
    "POST order LIMIT_MAKER BUY at 101, the best ask",
    "400: -2010 Order would immediately match and take.",
)
def limit_maker_takes(lab: Lab) -> None:
    asked = order("LIMIT_MAKER", quantity="1", price="101")
    refused(lab.send(asked), -2010, "Order would immediately match and take.")


for side, kind, stop in (
    ("BUY", "STOP_LOSS", "90"), ("SELL", "STOP_LOSS", "110"), ("BUY", "TAKE_PROFIT", "110"),
    ("SELL", "TAKE_PROFIT", "90"), ("BUY", "STOP_LOSS_LIMIT", "90"), ("SELL", "STOP_LOSS_LIMIT", "110"),
    ("BUY", "TAKE_PROFIT_LIMIT", "110"), ("SELL", "TAKE_PROFIT_LIMIT", "90"),
):  # fmt: skip
    terms = {"quantity": "1", "stopPrice": stop} | ({"price": "100", "timeInForce": "GTC"} if "_LIMIT" in kind else {})
    asked = signed("POST", "/order", symbol="{symbol}", side=side, type=kind, **terms)

    def would_trigger(lab: Lab, asked: Any = asked) -> None:
        expect(lab.send(asked), {"code": -2010, "msg": TRIGGERS_AT_ONCE}, status=400)

    OTHER_INFO.rule(
        f"{kind} {side} with its stop on the wrong side of the last price",
        asked,
        "400: -2010, it would trigger immediately",
    )(would_trigger)

for side, kind, stop, counter in (
    ("BUY", "STOP_LOSS", "105", "106"), ("SELL", "STOP_LOSS", "95", "94"), ("BUY", "TAKE_PROFIT", "95", "96"),
    ("SELL", "TAKE_PROFIT", "105", "104"),
):  # fmt: skip

    def triggers(lab: Lab, side: str = side, kind: str = kind, stop: str = stop, counter: str = counter) -> None:
        market = lab.fresh_market()
        lab.trade(market, "100")
        waiting = lab.user().order(market, side, kind, quantity="1", stopPrice=stop)
        before = lab.user().found(market, waiting["orderId"])
        matches(AtLeast({"status": "NEW", "isWorking": False}), before, "the order before")
        lab.user("bob").limit(market, "SELL" if side == "BUY" else "BUY", "1", counter)
        lab.trade(market, stop)
        after = lab.user().found(market, waiting["orderId"])
        matches(AtLeast({"status": "FILLED", "isWorking": True, "type": kind}), after, "the order after")

    MANDATORY.rule(
        f"{kind} {side} is a market order from its stop price on",
        f"POST order {kind} {side} stopPrice={stop}, then a trade at {stop}",
        "waits as NEW, not working; then FILLED",
    )(triggers)


@MANDATORY.rule(
    "STOP_LOSS_LIMIT goes on the book when it triggers",
    "POST order STOP_LOSS_LIMIT SELL stopPrice=95 price=96, then a trade at 95",
    "not on the book before, an ask at 96 after",
)
def stop_limit_rests(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.trade(market, "100")
    terms = {"quantity": "1", "stopPrice": "95", "price": "96", "timeInForce": "GTC"}
    lab.user().order(market, "SELL", "STOP_LOSS_LIMIT", **terms)
    same([], accepted(lab.public("/depth", symbol=market.symbol))["asks"], "asks before")
    lab.trade(market, "95")
    same([["96.00000000", "1.00000000"]], accepted(lab.public("/depth", symbol=market.symbol))["asks"], "asks after")


@NEW_ORDER.rule("workingTime is -1 until an order works", "POST order STOP_LOSS, GET order", "-1, then a time")
def working_time(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.trade(market, "100")
    waiting = lab.user().order(market, "SELL", "STOP_LOSS", quantity="1", stopPrice="95", newOrderRespType="RESULT")
    same(-1, waiting["workingTime"], "workingTime before")
    lab.user("bob").limit(market, "BUY", "1", "94")
    lab.trade(market, "95")
    hold(lab.user().found(market, waiting["orderId"])["workingTime"] > 0, "workingTime is no time after it triggered")


NEEDLESS: Final = "Parameter '{}' sent when not required."
NOT_REQUIRED = AREA.by("errors.md: -1106 PARAM_NOT_REQUIRED")
for kind, name, text in (("MARKET", "price", "90"), ("MARKET", "timeInForce", "GTC"), ("LIMIT", "stopPrice", "95")):
    needed = TERMS if kind == "LIMIT" else {"quantity": "1"}
    NOT_REQUIRED.refuses(f"{kind} takes no {name}", order(kind, **needed, **{name: text}), -1106, NEEDLESS.format(name))
TEST_ORDER.answers("order/test answers an empty object", signed("POST", "/order/test", **LIMIT, **TERMS), {})
TEST_ORDER.refuses(
    "order/test judges as order does",
    signed("POST", "/order/test", symbol="{symbol}", side="BUY", type="LIMIT", quantity="1", price="90"),
    -1102,
    NOT_SENT.format("timeInForce"),
)


@TEST_ORDER.rule("order/test places nothing", "POST order/test LIMIT, GET openOrders", "no open order")
def test_places_nothing(lab: Lab) -> None:
    market = lab.fresh_market()
    asked = {"symbol": market.symbol, "side": "BUY", "type": "LIMIT"} | TERMS
    expect(lab.user().post("/order/test", **asked), {})
    same([], accepted(lab.user().get("/openOrders", symbol=market.symbol)), "openOrders")


@NEW_ORDER.rule(
    "a newClientOrderId is unique among open orders",
    "POST order twice with newClientOrderId=one",
    "400: -2010 Duplicate order sent.",
)
def duplicate_id(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user().limit(market, "BUY", "1", "90", newClientOrderId="one")
    again = {"symbol": market.symbol, "side": "BUY", "type": "LIMIT", "newClientOrderId": "one"} | TERMS
    refused(lab.user().post("/order", **again), -2010, "Duplicate order sent.")


@NEW_ORDER.rule(
    "a newClientOrderId may come again once its order is filled",
    "POST order MARKET twice with newClientOrderId=one",
    "both are accepted",
)
def id_again(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "5", "100")
    for _ in range(2):
        lab.user().order(market, "BUY", "MARKET", quantity="1", newClientOrderId="one")


@OTHER_INFO.rule(
    "an icebergQty shows no more than that", "POST order LIMIT SELL 5 icebergQty=2", "depth shows 2; 5 can be bought"
)
def iceberg(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "5", "100", icebergQty="2")
    same([["100.00000000", "2.00000000"]], accepted(lab.public("/depth", symbol=market.symbol))["asks"], "asks")
    found = lab.user().limit(market, "BUY", "5", "100")
    same("5.00000000", found["executedQty"], "executedQty")


OTHER_INFO.rejects("an icebergQty needs GTC", order("LIMIT", **TERMS | {"timeInForce": "IOC"}, icebergQty="0.5"))
