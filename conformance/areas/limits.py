"""Rate limits: what requests weigh, the headers, unfilled orders, and what comes when there were too many.

The fact a newcomer would get wrong: weights are counted by address and minute, so each question about one is asked from
an address of its own, twice if a minute began between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from conformance.areas.websocket_api import accepted as frame_accepted
from conformance.areas.websocket_api import asked
from conformance.checks import TEXT, WHOLE, AtLeast, Deviation, hold, matches, one_of, same
from conformance.lab import Lab, User, accepted
from conformance.rules import GET, Area, Ask, expect, signed, told
from conformance.transport import Answer

AREA: Final = Area("limits", "Rate limits", lambda lab: lab.trade(lab.market(), "100"))
IP_LIMITS = AREA.by("rest-api.md: IP Limits")
UNFILLED = AREA.by("rest-api.md: Unfilled Order Count")
GENERAL = AREA.by("rest-api.md: General Info on Limits")
COUNTS: Final = "faqs/order_count_decrement.md: "
WEIGHT: Final = "x-mbx-used-weight-1m"
PLAIN: Final = {"symbol": "{symbol}"}
ORDER: Final = {
    "symbol": "{symbol}",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "90",
}
WEIGHTS: Final[tuple[tuple[str, Ask, int], ...]] = (
    ("Test connectivity", GET("/ping"), 1),
    ("Check server time", GET("/time"), 1),
    ("Exchange information", GET("/exchangeInfo", **PLAIN), 20),
    ("Query Execution Rules", GET("/executionRules", **PLAIN), 2),
    ("Query Execution Rules", GET("/executionRules"), 40),
    ("Order book", GET("/depth", **PLAIN), 5),
    ("Order book", GET("/depth", **PLAIN, limit=100), 5),
    ("Order book", GET("/depth", **PLAIN, limit=101), 25),
    ("Order book", GET("/depth", **PLAIN, limit=500), 25),
    ("Order book", GET("/depth", **PLAIN, limit=501), 50),
    ("Order book", GET("/depth", **PLAIN, limit=1000), 50),
    ("Order book", GET("/depth", **PLAIN, limit=1001), 250),
    ("Recent trades list", GET("/trades", **PLAIN), 25),
    ("Old trade lookup", GET("/historicalTrades", **PLAIN), 25),
    ("Compressed/Aggregate trades list", GET("/aggTrades", **PLAIN), 4),
    ("Kline/Candlestick data", GET("/klines", **PLAIN, interval="1m"), 2),
    ("UIKlines", GET("/uiKlines", **PLAIN, interval="1m"), 2),
    ("Current average price", GET("/avgPrice", **PLAIN), 2),
    ("24hr ticker price change statistics", GET("/ticker/24hr", **PLAIN), 2),
    ("24hr ticker price change statistics", GET("/ticker/24hr", symbols='["{symbol}"]'), 2),
    ("24hr ticker price change statistics", GET("/ticker/24hr"), 80),
    ("Trading Day Ticker", GET("/ticker/tradingDay", **PLAIN), 4),
    ("Symbol price ticker", GET("/ticker/price", **PLAIN), 2),
    ("Symbol price ticker", GET("/ticker/price"), 4),
    ("Symbol price ticker", GET("/ticker/price", symbols='["{symbol}"]'), 4),
    ("Symbol order book ticker", GET("/ticker/bookTicker", **PLAIN), 2),
    ("Symbol order book ticker", GET("/ticker/bookTicker"), 4),
    ("Rolling window price change statistics", GET("/ticker", **PLAIN), 4),
    ("Query Reference Price", GET("/referencePrice", **PLAIN), 2),
    ("New order", signed("POST", "/order", **ORDER), 1),
    ("Test new order", signed("POST", "/order/test", **ORDER), 1),
    ("Test new order", signed("POST", "/order/test", **ORDER, computeCommissionRates=True), 20),
    ("Cancel order", signed("DELETE", "/order", **PLAIN, orderId=1), 1),
    ("Order Amend Keep Priority", signed("PUT", "/order/amend/keepPriority", **PLAIN, orderId=1, newQty="1"), 4),
    ("Account information", signed("GET", "/account"), 20),
    ("Query order", signed("GET", "/order", **PLAIN, orderId=1), 4),
    ("Current open orders", signed("GET", "/openOrders", **PLAIN), 6),
    ("Current open orders", signed("GET", "/openOrders"), 80),
    ("All orders", signed("GET", "/allOrders", **PLAIN), 20),
    ("Query Order list", signed("GET", "/orderList", orderListId=1), 4),
    ("Query all Order lists", signed("GET", "/allOrderList"), 20),
    ("Query Open Order lists", signed("GET", "/openOrderList"), 6),
    ("Account trade list", signed("GET", "/myTrades", **PLAIN), 20),
    ("Account trade list", signed("GET", "/myTrades", **PLAIN, orderId=1), 5),
    ("Query Unfilled Order Count", signed("GET", "/rateLimit/order"), 40),
    ("Query Prevented Matches", signed("GET", "/myPreventedMatches", **PLAIN, preventedMatchId=1), 2),
    ("Query Prevented Matches", signed("GET", "/myPreventedMatches", **PLAIN, orderId=1), 20),
    ("Query Allocations", signed("GET", "/myAllocations", **PLAIN), 20),
    ("Query Commission Rates", signed("GET", "/account/commission", **PLAIN), 20),
    ("Query Order Amendments", signed("GET", "/order/amendments", **PLAIN, orderId=1), 4),
    ("Query relevant filters", signed("GET", "/myFilters", **PLAIN), 40),
)


def _used(answer: Answer) -> int:
    if WEIGHT not in answer.headers:
        raise Deviation(f"the answer has no X-MBX-USED-WEIGHT-1M ({told(answer)})")
    return int(answer.headers[WEIGHT])


def _weight_of(lab: Lab, ask: Ask) -> int:
    """By how much the request raises the count; asked again when a minute began between."""
    lab.user()
    for _ in range(3):
        before, after = _used(lab.public("/ping")), _used(lab.send(ask))
        if after > before:
            break
    return after - before


for title, ask, weight in WEIGHTS:

    def weighs(lab: Lab, ask: Ask = ask, weight: int = weight) -> None:
        same(weight, _weight_of(lab, ask), "the weight")

    AREA.by(f"rest-api.md: {title}").rule(f"the weight of {ask}", ask, str(weight))(weighs)


@IP_LIMITS.rule(
    "every answer tells the weight used",
    "GET time, GET nothing/here, GET depth of an unknown symbol",
    "X-MBX-USED-WEIGHT-1M in each, rising",
)
def told_always(lab: Lab) -> None:
    answers = [lab.public("/time"), lab.public("/depth", symbol="NONE"), lab.public("/time")]
    used = [_used(answer) for answer in answers]
    hold(used == sorted(used) or used[-1] < used[0], f"they are {used}")


@GENERAL.rule(
    "exchangeInfo tells the three kinds of limits", "GET exchangeInfo", "REQUEST_WEIGHT, RAW_REQUESTS, ORDERS"
)
def kinds(lab: Lab) -> None:
    rows = accepted(lab.public("/exchangeInfo", symbol=lab.market().symbol))["rateLimits"]
    same(["ORDERS", "RAW_REQUESTS", "REQUEST_WEIGHT"], sorted({row["rateLimitType"] for row in rows}), "the kinds")


@contextmanager
def _elsewhere(lab: Lab, number: int) -> Iterator[None]:
    """Requests from another address for the length of the block."""
    before = lab.wire.source
    lab.wire.move(1, number)
    try:
        yield
    finally:
        lab.wire.source = before


def _exhausted(lab: Lab, most: int) -> Answer:
    """The first answer that is not 200, of so many requests for the deepest depth at most."""
    symbol = lab.market().symbol
    for _ in range(most):
        answer = lab.public("/depth", symbol=symbol, limit=5000)
        if answer.status != 200:
            return answer
    return answer


@IP_LIMITS.rule(
    "too much weight: 429", "GET depth limit=5000, weight 250, again and again", "429: -1003, Retry-After in seconds"
)
def too_much(lab: Lab) -> None:
    with _elsewhere(lab, 1):
        answer = _exhausted(lab, 80)
    expect(answer, {"code": -1003, "msg": TEXT}, status=429)
    hold(0 < int(answer.headers.get("retry-after", "0")) <= 60, f"Retry-After is {answer.headers.get('retry-after')}")


@IP_LIMITS.rule(
    "who goes on after 429 is banned: 418",
    "GET depth limit=5000 after 429, again and again",
    "418: -1003, Retry-After of two minutes at least",
)
def banned(lab: Lab) -> None:
    with _elsewhere(lab, 2):
        answer = _exhausted(lab, 80)
        for _ in range(500):
            if answer.status != 429:
                break
            answer = lab.public("/depth", symbol=lab.market().symbol, limit=5000)
    expect(answer, {"code": -1003, "msg": TEXT}, status=418)
    after = int(answer.headers.get("retry-after", "0"))
    hold(after > 60, f"Retry-After is {after}")


@IP_LIMITS.rule("limits are of addresses, not of keys", "429 at one address, GET time from another", "200")
def by_address(lab: Lab) -> None:
    with _elsewhere(lab, 3):
        same(429, _exhausted(lab, 80).status, "the status")
    expect(lab.public("/time"), {"serverTime": WHOLE})


def _count(user: User) -> int:
    """Of the ten seconds that are now."""
    rows = accepted(user.get("/rateLimit/order"))
    return next(int(row["count"]) for row in rows if row["interval"] == "SECOND")


def _fresh(lab: Lab, left_ms: int = 3_000) -> User:
    """Somebody rich who has placed nothing, at the beginning of ten seconds that last so long."""
    market, user = lab.market(), lab.poor()
    for asset in (market.base, market.quote):
        lab.credit(user, asset, "100000")
    lab.until(lambda: lab.now_ms() % 10_000, lambda rest: rest < 10_000 - left_ms, seconds=10)
    return user


HEADERS: Final = ("x-mbx-order-count-10s", "x-mbx-order-count-1d")


@UNFILLED.rule(
    "an order's answer tells the counts",
    "POST order twice",
    "X-MBX-ORDER-COUNT-10S and X-MBX-ORDER-COUNT-1D: 1, then 2",
)
def count_headers(lab: Lab) -> None:
    user = _fresh(lab)
    for number in (1, 2):
        answer = user.post("/order", **lab.filled(ORDER))
        expect(answer, AtLeast({"status": "NEW"}))
        same([str(number)] * 2, [answer.headers.get(name) for name in HEADERS], "the headers")


for name, path, terms, number in (
    ("an order", "/order", {}, 1),
    (
        "an OCO",
        "/orderList/oco",
        {
            "side": "SELL",
            "quantity": "1",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": "120",
            "belowType": "STOP_LOSS",
            "belowStopPrice": "80",
        },
        2,
    ),
    (
        "an OTO",
        "/orderList/oto",
        {
            "workingType": "LIMIT",
            "workingSide": "SELL",
            "workingPrice": "110",
            "workingQuantity": "1",
            "workingTimeInForce": "GTC",
            "pendingType": "MARKET",
            "pendingSide": "BUY",
            "pendingQuantity": "1",
        },
        2,
    ),
    (
        "an OTOCO",
        "/orderList/otoco",
        {
            "workingType": "LIMIT",
            "workingSide": "SELL",
            "workingPrice": "110",
            "workingQuantity": "1",
            "workingTimeInForce": "GTC",
            "pendingSide": "BUY",
            "pendingQuantity": "1",
            "pendingAboveType": "STOP_LOSS",
            "pendingAboveStopPrice": "150",
            "pendingBelowType": "LIMIT_MAKER",
            "pendingBelowPrice": "60",
        },
        3,
    ),
):

    def counts(lab: Lab, path: str = path, terms: dict[str, Any] = terms, number: int = number) -> None:
        user = _fresh(lab)
        accepted(user.post(path, **lab.filled(PLAIN | terms if terms else ORDER)))
        same(number, _count(user), "the count")

    UNFILLED.rule(f"{name} counts {number}", f"POST {path[1:]}, GET rateLimit/order", f"count {number}")(counts)


@AREA.by(
    "faqs/order_amend_keep_priority.md: Does Order Amend Keep Priority affect unfilled order count (rate limits)?"
).rule("an amend counts nothing", "POST order 5, PUT order/amend/keepPriority, GET rateLimit/order", "count 1")
def amend_counts(lab: Lab) -> None:
    user = _fresh(lab)
    order_id = accepted(user.post("/order", **lab.filled(ORDER | {"quantity": "5"})))["orderId"]
    accepted(user.put("/order/amend/keepPriority", symbol=lab.market().symbol, orderId=order_id, newQty="4"))
    same(1, _count(user), "the count")


@AREA.by("rest-api.md: Cancel an Existing Order and Send a New Order").rule(
    "a new order that was not attempted counts",
    "POST order/cancelReplace STOP_ON_FAILURE of an unknown order, GET rateLimit/order",
    "count 1",
)
def not_attempted(lab: Lab) -> None:
    user = _fresh(lab)
    answer = user.post(
        "/order/cancelReplace", **lab.filled(ORDER), cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=99999999
    )
    expect(answer, AtLeast({"data": AtLeast({"newOrderResult": "NOT_ATTEMPTED"})}), status=400)
    same(1, _count(user), "the count")


class Story:
    """One account's orders on a symbol of its own, as the tables of the FAQ have them."""

    def __init__(self, lab: Lab) -> None:
        self.user = _fresh(lab)
        self.lab, self.market = lab, lab.fresh_market()
        for asset in (self.market.base, self.market.quote):
            lab.credit(self.user, asset, "100000")
        self.counts: list[int] = []

    def place(self, price: str = "90", **terms: Any) -> int:
        """A LIMIT BUY of 3; the count after it is noted."""
        order_id: int = self.user.limit(self.market, "BUY", "3", price, **terms)["orderId"]
        self.note()
        return order_id

    def note(self) -> None:
        self.counts.append(_count(self.user))

    def offer(self, quantity: str, price: str = "100") -> None:
        """bob sells."""
        self.lab.user("bob").limit(self.market, "SELL", quantity, price)


FILLED = AREA.by(COUNTS + "How do filled orders affect the unfilled order count?")


@FILLED.rule(
    "example 1: taker",
    "A rests; B takes a part; C rests; B is filled in two parts; D, MARKET, is filled",
    "1, 1, 2, 2, 2, 2",
)
def taker_example(lab: Lab) -> None:
    story = Story(lab)
    story.place()
    story.offer("1")
    story.place("100")
    story.place()
    for _ in range(2):
        story.offer("1")
        story.note()
    story.offer("1", "101")
    story.user.order(story.market, "BUY", "MARKET", quantity="1")
    story.note()
    same([1, 1, 2, 2, 2, 2], story.counts, "the counts")


@FILLED.rule(
    "example 2: maker",
    "A to E rest; A is filled in part: -5; F, G rest; A is filled: nothing; B in part: -5; H rests",
    "1, 2, 3, 4, 5, 0, 1, 2, 2, 2, 0, 1",
)
def maker_example(lab: Lab) -> None:
    story = Story(lab)
    story.place("100")
    story.place("99")
    for _ in range(3):
        story.place()
    story.offer("1", "100")
    story.note()
    for _ in range(2):
        story.place()
    for _ in range(2):
        story.offer("1", "100")
        story.note()
    story.offer("1", "99")
    story.note()
    story.place()
    same([1, 2, 3, 4, 5, 0, 1, 2, 2, 2, 0, 1], story.counts, "the counts")


@AREA.by(COUNTS + "How do canceled or expired orders affect the unfilled order count?").rule(
    "the example: cancels and expirations change nothing",
    "A rests, is cancelled; B rests; C, FOK, is filled; D rests; E, FOK, expires; D is cancelled; F rests",
    "1, 1, 2, 2, 3, 4, 4, 5",
)
def cancel_example(lab: Lab) -> None:
    story = Story(lab)

    def cancel(order_id: int) -> None:
        accepted(story.user.delete("/order", symbol=story.market.symbol, orderId=order_id))
        story.note()

    cancel(story.place())
    story.place()
    story.offer("3")
    story.place("100", timeInForce="FOK")
    waiting = story.place()
    story.place("100", timeInForce="FOK")
    cancel(waiting)
    story.place()
    same([1, 1, 2, 2, 3, 4, 4, 5], story.counts, "the counts")


TOO_MANY = AREA.by(COUNTS + "How does the unfilled `ORDERS` rate limit work?")


def _too_many(lab: Lab) -> tuple[User, Answer, int]:
    """Somebody who places orders until one is refused, and the limit."""
    user = _fresh(lab, 6_000)
    rows = accepted(lab.public("/exchangeInfo", symbol=lab.market().symbol))["rateLimits"]
    limit = next(int(row["limit"]) for row in rows if row["rateLimitType"] == "ORDERS" and row["interval"] == "SECOND")
    terms = lab.filled(ORDER | {"quantity": "0.01", "newOrderRespType": "ACK"})
    for _ in range(3 * limit):
        answer = user.post("/order", **terms)
        if answer.status != 200:
            return user, answer, limit
    return user, answer, limit


@TOO_MANY.rule(
    "too many orders: 429",
    "POST order until it is refused",
    "429: -1015 Too many new orders; current limit is (limit) orders per 10 SECOND., Retry-After",
)
def too_many(lab: Lab) -> None:
    _, answer, limit = _too_many(lab)
    text = f"Too many new orders; current limit is {limit} orders per 10 SECOND."
    expect(answer, {"code": -1015, "msg": text}, status=429)
    hold(0 < int(answer.headers.get("retry-after", "0")) <= 10, f"Retry-After is {answer.headers.get('retry-after')}")


REPLACE = AREA.by("rest-api.md: Cancel an Existing Order and Send a New Order")
for mode, expected in (
    ("DO_NOTHING", "429: -1015, nothing is cancelled"),
    ("CANCEL_ONLY", "429: -2021, SUCCESS, FAILURE -1015"),
):

    def exceeded(lab: Lab, mode: str = mode) -> None:
        user, refusal, _ = _too_many(lab)
        same(429, refusal.status, "the status of the order")
        order_id = accepted(user.get("/openOrders", symbol=lab.market().symbol))[0]["orderId"]
        asked_for = {
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelOrderId": order_id,
            "orderRateLimitExceededMode": mode,
        }
        answer = user.post("/order/cancelReplace", **lab.filled(ORDER), **asked_for)
        if mode == "DO_NOTHING":
            expect(answer, {"code": -1015, "msg": TEXT}, status=429)
        else:
            new = {"code": -1015, "msg": TEXT}
            data = {"cancelResult": "SUCCESS", "newOrderResult": "FAILURE", "newOrderResponse": new}
            expect(answer, AtLeast({"code": -2021, "data": AtLeast(data)}), status=429)

    REPLACE.rule(
        f"orderRateLimitExceededMode={mode}",
        f"too many orders; POST order/cancelReplace orderRateLimitExceededMode={mode}",
        expected,
    )(exceeded)

SOCKETS = AREA.by("web-socket-api.md: IP limits")


@SOCKETS.rule("connecting weighs 2", "GET ping, connect, time (weight 1)", "the count is 3 above that of ping")
def connecting(lab: Lab) -> None:
    for _ in range(2):
        before = _used(lab.public("/ping"))
        answer = asked(lab, {"id": 1, "method": "time"})
        frame_accepted(answer)
        (limit,) = [row for row in answer["rateLimits"] if row["rateLimitType"] == "REQUEST_WEIGHT"]
        if limit["count"] > before:
            break
    same(3, limit["count"] - before, "the difference")


@SOCKETS.rule(
    "too much weight: status 429",
    "429 at the address, then depth limit=5000",
    "status 429, error -1003, data with retryAfter",
)
def socket_limited(lab: Lab) -> None:
    with _elsewhere(lab, 4), lab.wire.socket("/ws-api/v3") as socket:
        _exhausted(lab, 80)
        socket.send({"id": 1, "method": "depth", "params": {"symbol": lab.market().symbol, "limit": 5000}})
        answer = socket.receive()
    error = AtLeast({"code": -1003, "data": AtLeast({"retryAfter": WHOLE, "serverTime": WHOLE})})
    matches(AtLeast({"status": one_of(429, 418), "error": error}), answer, "the frame")


AREA.by(COUNTS + "What happens if I placed an order yesterday but it is filled the next day?").not_done(
    "the example: fills of yesterday's orders count today",
    "orders of two days, filled on the second",
    "10, 5, 0, 2, 0",
    "everybody on the exchange that is asked would see its clock a day ahead",
)
