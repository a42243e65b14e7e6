"""User data streams: each event's fields, their order, and the ways to hear them."""

from collections.abc import Callable
from typing import Any, Final

from conformance.checks import (
    ANY_TEXT,
    CLIENT_ID,
    DECIMAL,
    FLAG,
    NUMERAL,
    TEXT,
    TIME,
    WHOLE,
    AtLeast,
    Each,
    Kind,
    Maybe,
    hold,
    matches,
    same,
)
from conformance.lab import Lab, Market, accepted
from conformance.rules import Area, expect

AREA: Final = Area("user_streams", "User data streams")
DOCUMENT: Final = "user-data-stream.md: "
UPDATE = AREA.by(DOCUMENT + "Order Update")
CONDITIONAL = AREA.by(DOCUMENT + "Conditional Fields in Execution Report")
EXPIRY = AREA.by(DOCUMENT + "Order Expiry Reason")
REJECT = AREA.by(DOCUMENT + "Order Reject Reason")
ACCOUNT = AREA.by(DOCUMENT + "Account Update")
BALANCE = AREA.by(DOCUMENT + "Balance Update")
TERMINATED = AREA.by(DOCUMENT + "Event Stream Terminated")
MARKET_FAQ = AREA.by("faqs/market_orders_faq.md: MARKET orders")
STP_FAQ = AREA.by('faqs/stp_faq.md: What is "prevented quantity?"')
AMEND_FAQ = AREA.by("faqs/order_amend_keep_priority.md: How do I know if my order has been amended?")
NULL_OR_TEXT: Final = Kind("null or a text", lambda value: value is None or isinstance(value, str))
REPORT: Final[dict[str, Any]] = {
    "e": "executionReport", "E": TIME, "s": TEXT, "c": CLIENT_ID, "S": TEXT, "o": TEXT, "f": TEXT, "q": DECIMAL,
    "p": DECIMAL, "P": DECIMAL, "F": DECIMAL, "g": WHOLE, "C": ANY_TEXT, "x": TEXT, "X": TEXT, "r": "NONE", "i": WHOLE,
    "l": DECIMAL, "z": DECIMAL, "L": DECIMAL, "n": NUMERAL, "N": NULL_OR_TEXT, "T": TIME, "t": WHOLE, "I": WHOLE,
    "w": FLAG, "m": FLAG, "M": FLAG, "O": TIME, "Z": DECIMAL, "Y": DECIMAL, "Q": DECIMAL, "W": Maybe(TIME), "V": TEXT,
}  # fmt: skip
POSITION: Final = {
    "e": "outboundAccountPosition", "E": TIME, "u": TIME, "B": Each({"a": TEXT, "f": DECIMAL, "l": DECIMAL}),
}  # fmt: skip
NOTHING: Final[dict[str, Any]] = {"l": "0.00000000", "L": "0.00000000", "n": "0", "N": None, "t": -1, "Y": "0.00000000"}
Events = list[dict[str, Any]]


def _heard(lab: Lab, act: Callable[[], object], last: Callable[[dict[str, Any]], bool]) -> Events:
    """alice's events while something is done, up to the last one. Raises Deviation when that does not come."""
    with lab.wire.socket("/ws-api/v3") as socket:
        socket.send({"id": 1} | lab.user().framed("userDataStream.subscribe.signature"))
        matches(AtLeast({"status": 200, "result": {"subscriptionId": WHOLE}}), socket.receive(), "the answer")
        act()
        frames = socket.gather(5, lambda frames: bool(frames) and last(_event(frames[-1])))
    events = [_event(frame) for frame in frames]
    hold(bool(events) and last(events[-1]), f"what came: {', '.join(_short(event) for event in events) or 'nothing'}")
    return events


def _event(frame: Any) -> dict[str, Any]:
    found = frame.get("event", {}) if isinstance(frame, dict) else {}
    return found if isinstance(found, dict) else {}


def _short(event: dict[str, Any]) -> str:
    return " ".join(str(event[name]) for name in ("e", "x", "X") if name in event) or "an event of no kind"


def _is(kind: str, **members: Any) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event.get("e") == kind and all(event.get(name) == value for name, value in members.items())


POSITION_CAME: Final = _is("outboundAccountPosition")


def _reports(events: Events) -> Events:
    return [event for event in events if event["e"] == "executionReport"]


def _traded(lab: Lab) -> Market:
    market = lab.fresh_market()
    lab.trade(market, "100")
    return market


@UPDATE.rule(
    "a new order: x NEW, X NEW",
    "POST order LIMIT BUY 1 at 90 newClientOrderId=mine",
    "executionReport with the documented fields",
)
def new_order(lab: Lab) -> None:
    market = lab.fresh_market()
    events = _heard(lab, lambda: lab.user().limit(market, "BUY", "1", "90", newClientOrderId="mine"), POSITION_CAME)
    expected = {
        "s": market.symbol, "c": "mine", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1.00000000", "p": "90.00000000",
        "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "NEW", "X": "NEW", "w": True, "m": False,
        "M": False, "z": "0.00000000", "Z": "0.00000000", "Q": "0.00000000", "W": TIME, "V": "NONE",
    }  # fmt: skip
    matches(REPORT | NOTHING | expected, events[0], "the event")


@UPDATE.rule(
    "a fill: x TRADE",
    "bob SELL 1 at 100, taker fee 0.001; POST order LIMIT BUY 2 at 100",
    "NEW, then TRADE, PARTIALLY_FILLED with l, L, n, N, t, Y",
)
def fill(lab: Lab) -> None:
    market = lab.fresh_market(takerFee="0.001")
    lab.user("bob").limit(market, "SELL", "1", "100")
    events = _heard(lab, lambda: lab.user().limit(market, "BUY", "2", "100"), POSITION_CAME)
    new, trade = _reports(events)
    same("NEW", new["x"], "x of the first one")
    expected = {
        "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "1.00000000", "L": "100.00000000", "z": "1.00000000",
        "n": "0.00100000", "N": market.base, "Y": "100.00000000", "Z": "100.00000000", "m": False,
    }  # fmt: skip
    matches(REPORT | expected, trade, "the fill")
    hold(trade["t"] >= 0, f"t is {trade['t']}")


@UPDATE.rule("the maker's fill: m true", "POST order SELL 1 at 100; bob BUY 1", "TRADE, FILLED, m true")
def maker_fill(lab: Lab) -> None:
    market = lab.fresh_market()

    def act() -> None:
        lab.user().limit(market, "SELL", "1", "100")
        lab.user("bob").limit(market, "BUY", "1", "100")

    fills = [event for event in _heard(lab, act, _is("executionReport", X="FILLED")) if event.get("x") == "TRADE"]
    matches([REPORT | {"x": "TRADE", "X": "FILLED", "m": True, "w": False}], fills, "the fills")


@UPDATE.rule(
    "a cancel: c is the cancel's id, C the order's",
    "POST order newClientOrderId=mine, DELETE order newClientOrderId=gone",
    "x CANCELED, X CANCELED, c gone, C mine",
)
def canceled(lab: Lab) -> None:
    market = lab.fresh_market()
    order_id = lab.user().limit(market, "BUY", "1", "90", newClientOrderId="mine")["orderId"]
    asked = {"symbol": market.symbol, "orderId": order_id, "newClientOrderId": "gone"}
    events = _heard(lab, lambda: accepted(lab.user().delete("/order", **asked)), POSITION_CAME)
    matches(
        REPORT | NOTHING | {"x": "CANCELED", "X": "CANCELED", "c": "gone", "C": "mine", "i": order_id, "w": False},
        events[0],
        "the event",
    )


@UPDATE.rule("execution ids rise", "POST order LIMIT that is filled twice", "I rises from report to report")
def ids_rise(lab: Lab) -> None:
    market = lab.fresh_market()
    for _ in range(2):
        lab.user("bob").limit(market, "SELL", "1", "100")
    reports = _reports(_heard(lab, lambda: lab.user().limit(market, "BUY", "2", "100"), POSITION_CAME))
    ids = [report["I"] for report in reports]
    same([3, sorted(set(ids))], [len(ids), ids], "I")


@UPDATE.rule(
    "a stop that triggers",
    "POST order STOP_LOSS SELL stopPrice=95; a trade at 95",
    "NEW with w false and P 95, then it trades",
)
def stop(lab: Lab) -> None:
    market = _traded(lab)

    def act() -> None:
        lab.user().order(market, "SELL", "STOP_LOSS", quantity="1", stopPrice="95")
        lab.user("bob").limit(market, "BUY", "1", "94")
        lab.trade(market, "95")

    reports = _reports(_heard(lab, act, _is("executionReport", X="FILLED")))
    first = (
        {key: value for key, value in REPORT.items() if key != "W"}
        | NOTHING
        | {"x": "NEW", "w": False, "P": "95.00000000"}
    )
    matches(first, reports[0], "the first event")
    matches(AtLeast({"x": "TRADE", "X": "FILLED", "L": "94.00000000", "W": TIME}), reports[-1], "the last event")


@MARKET_FAQ.rule(
    "the sample's events",
    "asks of 2 and 2 at 1; POST order MARKET BUY 6",
    "NEW, TRADE, TRADE, EXPIRED (EXPIRED), outboundAccountPosition",
)
def market_events(lab: Lab) -> None:
    market = lab.fresh_market()
    for _ in range(2):
        lab.user("bob").limit(market, "SELL", "2", "1")
    events = _heard(lab, lambda: lab.user().order(market, "BUY", "MARKET", quantity="6"), POSITION_CAME)
    told = [event.get("x", event["e"]) for event in events]
    same(["NEW", "TRADE", "TRADE", "EXPIRED", "outboundAccountPosition"], told, "the events")
    common = {"q": "6.00000000", "p": "0.00000000", "o": "MARKET", "f": "GTC", "C": "", "r": "NONE"}
    fills = [
        {"l": "2.00000000", "z": total, "L": "1.00000000", "Z": total, "Y": "2.00000000", "X": "PARTIALLY_FILLED"}
        for total in ("2.00000000", "4.00000000")
    ]
    steps = [NOTHING | {"z": "0.00000000", "X": "NEW"}, *fills, NOTHING | {"z": "4.00000000", "X": "EXPIRED"}]
    for event, step in zip(events, steps, strict=False):
        matches(AtLeast(common | step), event, f"the event {event['x']}")


@ACCOUNT.rule(
    "the fields of outboundAccountPosition",
    "POST order BUY 1 at 90",
    "e, E, u, B with a, f, l of the assets it touched",
)
def position(lab: Lab) -> None:
    market = lab.fresh_market()
    event = _heard(lab, lambda: lab.user().limit(market, "BUY", "1", "90"), POSITION_CAME)[-1]
    matches(POSITION, event, "the event")
    hold("USDT" in [row["a"] for row in event["B"]], "USDT is not among them")


@ACCOUNT.rule("it tells the balances of GET account", "POST order BUY 1 at 90", "f and l as free and locked")
def position_balances(lab: Lab) -> None:
    market = lab.fresh_market()
    event = _heard(lab, lambda: lab.user().limit(market, "BUY", "1", "90"), POSITION_CAME)[-1]
    (row,) = [row for row in event["B"] if row["a"] == "USDT"]
    same(list(lab.user().balance("USDT")), [row["f"], row["l"]], "f and l")


@ACCOUNT.rule(
    "it comes after the order's reports",
    "bob SELL 1 at 100; POST order BUY 1 at 100",
    "NEW, TRADE, outboundAccountPosition",
)
def in_order(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "1", "100")
    events = _heard(lab, lambda: lab.user().limit(market, "BUY", "1", "100"), POSITION_CAME)
    same(["NEW", "TRADE", "outboundAccountPosition"], [event.get("x", event["e"]) for event in events], "the events")


for amount, way in (("100", "credit"), ("50", "debit")):

    def transfer(lab: Lab, amount: str = amount, way: str = way) -> None:
        lab.market()
        act = lambda: lab.sim("POST", way, user=lab.user().name, asset="USDT", amount=amount)  # noqa: E731
        events = _heard(lab, act, _is("balanceUpdate"))
        delta = f"{'-' if way == 'debit' else ''}{amount}.00000000"
        matches({"e": "balanceUpdate", "E": TIME, "a": "USDT", "d": delta, "T": TIME}, events[-1], "the event")

    BALANCE.rule(
        f"a {way} is a balanceUpdate",
        f"a {way} of {amount} USDT",
        f"e, E, a, d {'-' if way == 'debit' else ''}{amount}.00000000, T",
    )(transfer)


@AREA.by(DOCUMENT + "Order Reject Reason").rule(
    "a list is told by listStatus", "POST orderList/oco", "listStatus with the documented fields, two orders"
)
def list_status(lab: Lab) -> None:
    market = _traded(lab)
    pair = {"aboveType": "LIMIT_MAKER", "abovePrice": "120", "belowType": "STOP_LOSS", "belowStopPrice": "90"}
    asked = {"symbol": market.symbol, "side": "SELL", "quantity": "1", "listClientOrderId": "L"} | pair
    limit_came = _is("executionReport", o="LIMIT_MAKER")
    events = _heard(lab, lambda: accepted(lab.user().post("/orderList/oco", **asked)), limit_came)
    (event,) = [event for event in events if event["e"] == "listStatus"]
    row = {"s": market.symbol, "i": WHOLE, "c": CLIENT_ID}
    expected = {
        "e": "listStatus", "E": TIME, "s": market.symbol, "g": WHOLE, "c": "OCO", "l": "EXEC_STARTED", "L": "EXECUTING",
        "r": "NONE", "C": "L", "T": TIME, "O": [row, row],
    }  # fmt: skip
    matches(expected, event, "the event")
    same([event["g"]] * 2, [report["g"] for report in _reports(events)], "g of the reports")


@REJECT.rule(
    "a new order of cancelReplace that is refused: x REJECTED",
    "POST order/cancelReplace with a LIMIT_MAKER that would take",
    "REJECTED, r WOULD_MATCH_IMMEDIATELY",
)
def rejected(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "1", "110")
    order_id = lab.user().limit(market, "BUY", "1", "90")["orderId"]
    asked = {"symbol": market.symbol, "side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "110"}
    more = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": order_id}
    act = lambda: expect(lab.user().post("/order/cancelReplace", **asked, **more), AtLeast({"code": -2021}), status=409)  # noqa: E731
    events = _heard(lab, act, _is("executionReport", x="REJECTED"))
    matches(AtLeast({"x": "REJECTED", "X": "REJECTED", "r": "WOULD_MATCH_IMMEDIATELY"}), events[-1], "the event")


def _conditional(name: str, kind: str, side: str, terms: dict[str, Any], members: dict[str, Any]) -> None:
    """A rule: the first report of such an order has these members."""

    def check(lab: Lab) -> None:
        market = _traded(lab)
        lab.user("bob").limit(market, "BUY", "1", "80")
        act = lambda: lab.user().order(market, side, kind, **terms)  # noqa: E731
        matches(AtLeast(members), _heard(lab, act, _is("executionReport"))[0], "the event")

    words = " ".join(f"{key}={value}" for key, value in terms.items())
    CONDITIONAL.rule(
        name, f"POST order {kind} {side} {words}", ", ".join(f"{key} {value}" for key, value in members.items())
    )(check)


LIMIT: Final = {"timeInForce": "GTC", "quantity": "1", "price": "90"}
_conditional(
    "d and D of a trailing stop", "STOP_LOSS_LIMIT", "SELL", LIMIT | {"trailingDelta": 100}, {"d": 100, "D": TIME}
)
_conditional(
    "j and J of a strategy", "LIMIT", "BUY", LIMIT | {"strategyId": 1, "strategyType": 1000000}, {"j": 1, "J": 1000000}
)
_conditional(
    "gP and gp of a pegged order",
    "LIMIT",
    "BUY",
    {"timeInForce": "GTC", "quantity": "1", "pegPriceType": "PRIMARY_PEG"},
    {"gP": "PRIMARY_PEG", "gp": "80.00000000"},
)
_conditional("F of an iceberg", "LIMIT", "BUY", LIMIT | {"icebergQty": "0.5"}, {"F": "0.50000000"})
_conditional("Q of a quoteOrderQty", "MARKET", "SELL", {"quoteOrderQty": "40"}, {"Q": "40.00000000", "x": "NEW"})
UNFILLED: Final[tuple[tuple[str, str, dict[str, Any], str], ...]] = (
    ("an IOC order", "LIMIT", LIMIT | {"timeInForce": "IOC"}, "UNFILLED_IOC_QUANTITY_EXPIRED"),
    ("a FOK order", "LIMIT", LIMIT | {"timeInForce": "FOK"}, "UNFILLED_FOK_ORDER_EXPIRED"),
    ("a MARKET order", "MARKET", {"quantity": "1"}, "INSUFFICIENT_LIQUIDITY"),
)
for name, kind, terms, reason in UNFILLED:

    def expired(lab: Lab, kind: str = kind, terms: dict[str, Any] = terms, reason: str = reason) -> None:
        market = lab.fresh_market()
        act = lambda: lab.user().order(market, "BUY", kind, **terms)  # noqa: E731
        events = _heard(lab, act, _is("executionReport", X="EXPIRED"))
        matches(REPORT | {"x": "EXPIRED", "X": "EXPIRED", "eR": reason, "w": False}, events[-1], "the event")

    EXPIRY.rule(f"eR of {name}", f"POST order {kind} that finds nothing", f"EXPIRED, eR {reason}")(expired)


@EXPIRY.rule(
    "eR of an OCO's other order", "POST orderList/oco; bob buys from the limit order", "EXPIRED, eR OCO_TRIGGER"
)
def oco_trigger(lab: Lab) -> None:
    market = _traded(lab)
    pair = {"aboveType": "LIMIT_MAKER", "abovePrice": "120", "belowType": "STOP_LOSS", "belowStopPrice": "90"}
    accepted(lab.user().post("/orderList/oco", symbol=market.symbol, side="SELL", quantity="1", **pair))
    act = lambda: lab.user("bob").limit(market, "BUY", "1", "120")  # noqa: E731
    events = _heard(lab, act, _is("executionReport", o="STOP_LOSS"))
    matches(AtLeast({"x": "EXPIRED", "X": "EXPIRED", "eR": "OCO_TRIGGER"}), events[-1], "the event")


@STP_FAQ.rule(
    "TRADE_PREVENTION with A and B",
    "BUY 1 at 1 NONE, SELL 3 at 1 EXPIRE_BOTH",
    "x TRADE_PREVENTION, X EXPIRED_IN_MATCH, A and B 3 for the taker, 1 for the maker",
)
def prevention(lab: Lab) -> None:
    market = lab.fresh_market()
    maker = lab.user().limit(market, "BUY", "1", "1")["orderId"]
    act = lambda: lab.user().limit(market, "SELL", "3", "1", selfTradePreventionMode="EXPIRE_BOTH")  # noqa: E731
    events = _reports(_heard(lab, act, POSITION_CAME))
    told = {event["i"] == maker: event for event in events if event["x"] == "TRADE_PREVENTION"}
    for is_maker, quantity in ((True, "1.00000000"), (False, "3.00000000")):
        hold(is_maker in told, "a TRADE_PREVENTION is missing")
        expected = {"X": "EXPIRED_IN_MATCH", "A": quantity, "B": quantity, "v": WHOLE, "u": WHOLE, "U": WHOLE}
        matches(AtLeast(expected), told[is_maker], "the maker's" if is_maker else "the taker's")


@AMEND_FAQ.rule(
    "an amended order: x REPLACED",
    "POST order 5, PUT order/amend/keepPriority newQty=4 newClientOrderId=new",
    "x REPLACED, X NEW, q 4, c new, C the old name",
)
def amended(lab: Lab) -> None:
    market = lab.fresh_market()
    order_id = lab.user().limit(market, "BUY", "5", "90", newClientOrderId="old")["orderId"]
    asked = {"symbol": market.symbol, "orderId": order_id, "newQty": "4", "newClientOrderId": "new"}
    events = _heard(lab, lambda: accepted(lab.user().put("/order/amend/keepPriority", **asked)), _is("executionReport"))
    matches(
        REPORT | NOTHING | {"x": "REPLACED", "X": "NEW", "q": "4.00000000", "c": "new", "C": "old"},
        events[-1],
        "the event",
    )


@AMEND_FAQ.rule(
    "of a list: listStatus UPDATED",
    "POST orderList/oto, PUT order/amend/keepPriority of the working order",
    "listStatus, l UPDATED",
)
def amended_list(lab: Lab) -> None:
    market = lab.fresh_market()
    terms = {
        "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "110", "workingQuantity": "5",
        "workingTimeInForce": "GTC", "pendingType": "MARKET", "pendingSide": "BUY", "pendingQuantity": "5",
    }  # fmt: skip
    body = accepted(lab.user().post("/orderList/oto", symbol=market.symbol, **terms))
    asked = {"symbol": market.symbol, "orderId": body["orders"][0]["orderId"], "newQty": "4"}
    events = _heard(lab, lambda: accepted(lab.user().put("/order/amend/keepPriority", **asked)), _is("listStatus"))
    matches(AtLeast({"l": "UPDATED", "L": "EXECUTING", "c": "OTO", "g": body["orderListId"]}), events[-1], "the event")


@TERMINATED.rule(
    "userDataStream.unsubscribe ends the events", "subscribe, unsubscribe", "eventStreamTerminated with e and E"
)
def terminated(lab: Lab) -> None:
    with lab.wire.socket("/ws-api/v3") as socket:
        socket.send({"id": 1} | lab.user().framed("userDataStream.subscribe.signature"))
        number = socket.receive()["result"]["subscriptionId"]
        socket.send({"id": 2, "method": "userDataStream.unsubscribe", "params": {"subscriptionId": number}})
        frame = socket.find(lambda frame: isinstance(frame, dict) and "event" in frame, "eventStreamTerminated")
        matches({"subscriptionId": number, "event": {"e": "eventStreamTerminated", "E": TIME}}, frame, "the event")


EXTERNAL: Final = AREA.by(DOCUMENT + "External Lock Update")
for way in ("externalLock", "externalUnlock"):

    def external(lab: Lab, way: str = way) -> None:
        lab.market()
        money = {"user": lab.user().name, "asset": "USDT", "amount": "10"}
        if way == "externalUnlock":
            lab.sim("POST", "externalLock", **money)
        (event,) = _heard(lab, lambda: lab.sim("POST", way, **money), _is("externalLockUpdate"))[-1:]
        delta = "-10.00000000" if way == "externalUnlock" else "10.00000000"
        matches({"e": "externalLockUpdate", "E": TIME, "a": "USDT", "d": delta, "T": TIME}, event, "the event")

    EXTERNAL.rule(
        f"externalLockUpdate ({way})",
        f"POST /_sim/{way}: an external system has locked 10 USDT, or gives them back",
        "e, E, a, d, T",
    )(external)

NO_SOR: Final = "there is no smart order routing: nothing is allocated, and no order has another floor than its book"
ALLOCATED: Final = AREA.by(DOCUMENT + "Conditional Fields in Execution Report")
for name, words, when in (
    ("b", "ONE_PARTY_TRADE_REPORT", "an order that has allocations"), ("a", "an allocation's id", "the same"),
    ("k", "SOR", "an order that may have allocations"), ("uS", "true", "an order by SOR"),
):  # fmt: skip
    ALLOCATED.not_done(f"the field {name}", when, f"{name}: {words}", NO_SOR)
for words in ("RESPONSE", "REJECT"):
    AREA.by("enums.md: Order List Status, Order List Order Status").not_done(
        f"listStatus {words}",
        "POST orderList/oco that the engine refuses",
        f"listStatus with {words}",
        "a list that is refused has changed nothing, so there is no event of it; its sender gets the error",
    )
