"""Unfilled orders: how they are counted, the FAQ's examples, and what comes when there were too many."""

from typing import Any, Final

from conformance.checks import TEXT, AtLeast, hold, same
from conformance.lab import Lab, User, accepted
from conformance.rules import Area, expect
from conformance.transport import Answer

AREA: Final = Area("order_counts", "Unfilled orders", lambda lab: lab.trade(lab.market(), "100"))
UNFILLED = AREA.by("rest-api.md: Unfilled Order Count")
COUNTS: Final = "faqs/order_count_decrement.md: "
PLAIN: Final = {"symbol": "{symbol}"}
ORDER: Final = {
    "symbol": "{symbol}",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "90",
}


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

AREA.by(COUNTS + "What happens if I placed an order yesterday but it is filled the next day?").not_done(
    "the example: fills of yesterday's orders count today",
    "orders of two days, filled on the second",
    "10, 5, 0, 2, 0",
    "everybody on the exchange that is asked would see its clock a day ahead",
)
