"""Trailing stops: the filter, and every scenario and example of the FAQ."""

from typing import Any, Final, NamedTuple

from conformance.checks import TIME, AtLeast, hold, matches, same
from conformance.lab import Lab, Market
from conformance.rules import Area, refused

AREA: Final = Area("trailing", "Trailing stops")
SCENARIOS = AREA.by("faqs/trailing-stop-faq.md: Trailing Stop Order Scenarios")
EXAMPLES = AREA.by("faqs/trailing-stop-faq.md: Trailing Stop Order Examples")
FILTER = AREA.by("faqs/trailing-stop-faq.md: How do I pass the TRAILING_DELTA filter?")
PLACING = AREA.by("faqs/trailing-stop-faq.md: How do I place a trailing stop order?")
BIPS = AREA.by("faqs/trailing-stop-faq.md: What are BIPs?")
TYPES = AREA.by("faqs/trailing-stop-faq.md: What order types can be trailing stop orders?")


class Scenario(NamedTuple):
    """An order placed at 40,000, the trades that leave it waiting, and the one that makes it work."""

    name: str
    kind: str
    side: str
    terms: dict[str, Any]
    waits: str  # prices, in the order of the trades
    works: str


ALL: Final = (
    Scenario(
        "A", "STOP_LOSS_LIMIT", "BUY", {"stopPrice": "44000", "trailingDelta": 500, "price": "45000"},
        "39000 37000 41000 44000 45000 46000 44000 42000 43500 44099.99", "44100",
    ),
    Scenario(
        "B", "STOP_LOSS_LIMIT", "SELL", {"stopPrice": "39000", "trailingDelta": 1000, "price": "38000"},
        "41000 41500 40000 39000 38000 37000 39500 41000 38000 36900.01", "36900",
    ),
    Scenario(
        "C", "TAKE_PROFIT_LIMIT", "BUY", {"stopPrice": "38000", "trailingDelta": 850, "price": "38500"},
        "41000 42000 40000 38000 37000 38000 39000 38000 40144.99", "40145",
    ),
    Scenario(
        "D", "TAKE_PROFIT_LIMIT", "SELL", {"stopPrice": "42000", "trailingDelta": 750, "price": "41000"},
        "41500 39000 41000 42000 45000 44000 46500 44000 43012.51", "43012.5",
    ),
    Scenario(
        "E", "STOP_LOSS_LIMIT", "SELL", {"trailingDelta": 700, "price": "39000"},
        "41000 42000 39500 43000 45500 43000 42315.01", "42315",
    ),
)  # fmt: skip


def _placed(
    lab: Lab, kind: str, side: str, terms: dict[str, Any], last: str = "40000"
) -> tuple[Market, dict[str, Any]]:
    market = lab.fresh_market()
    lab.trade(market, last)
    limited = {"quantity": "0.01", "timeInForce": "GTC", "newOrderRespType": "RESULT"}
    return market, lab.user().order(market, side, kind, **limited | terms)


def _is_working(lab: Lab, market: Market, order: dict[str, Any]) -> bool:
    found = lab.user().found(market, order["orderId"])["isWorking"]
    hold(isinstance(found, bool), f"isWorking is {found!r}")
    return bool(found)


for scenario in ALL:

    def waits(lab: Lab, scenario: Scenario = scenario) -> None:
        market, order = _placed(lab, scenario.kind, scenario.side, scenario.terms)
        for price in scenario.waits.split():
            lab.trade(market, price)
            hold(not _is_working(lab, market, order), f"it works after a trade at {price}")

    def works(lab: Lab, scenario: Scenario = scenario) -> None:
        market, order = _placed(lab, scenario.kind, scenario.side, scenario.terms)
        for price in (*scenario.waits.split(), scenario.works):
            lab.trade(market, price)
        found = lab.user().found(market, order["orderId"])
        price = f"{scenario.terms['price']}.00000000"
        matches(AtLeast({"isWorking": True, "status": "NEW", "price": price, "workingTime": TIME}), found)

    told = " ".join(f"{key}={value}" for key, value in scenario.terms.items())
    asked = f"POST order {scenario.kind} {scenario.side} {told} at 40000, trades at"
    SCENARIOS.rule(
        f"scenario {scenario.name}: what does not trigger it",
        f"{asked} {scenario.waits}",
        "not working after any of them",
    )(waits)
    SCENARIOS.rule(
        f"scenario {scenario.name}: what triggers it",
        f"{asked} {scenario.waits} {scenario.works}",
        f"works at its limit price after {scenario.works}",
    )(works)

for kind, side, delta, price, stop in (
    ("STOP_LOSS_LIMIT", "BUY", 500, "42000", "43000"), ("STOP_LOSS_LIMIT", "SELL", 250, "37500", "39000"),
    ("TAKE_PROFIT_LIMIT", "BUY", 500, "38000", "36000"), ("TAKE_PROFIT_LIMIT", "SELL", 175, "41500", "42500"),
):  # fmt: skip
    for stop_given in (None, stop):
        terms = {"price": price, "trailingDelta": delta} | ({} if stop_given is None else {"stopPrice": stop_given})

        def example(lab: Lab, kind: str = kind, side: str = side, terms: dict[str, Any] = terms) -> None:
            _, order = _placed(lab, kind, side, terms)
            expected = {"status": "NEW", "trailingDelta": terms["trailingDelta"], "trailingTime": TIME}
            if "stopPrice" in terms:
                expected |= {"trailingTime": -1, "stopPrice": f"{terms['stopPrice']}.00000000"}
            matches(AtLeast(expected), order)

        words = " ".join(f"{key}={value}" for key, value in terms.items())
        what = "without a stop price" if stop_given is None else f"from {stop_given} on"
        EXAMPLES.rule(
            f"{kind} {side} {what}",
            f"POST order {kind} {side} {words} at 40000",
            "NEW, tracking at once" if stop_given is None else "NEW, not tracking yet (trailingTime=-1)",
        )(example)


@BIPS.rule(
    "STOP_LOSS SELL with 100 triggers 1 % below the highest price",
    "POST order STOP_LOSS SELL trailingDelta=100 at 100; trades at 200, 198.01, 198",
    "waits until 198",
)
def one_percent(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.trade(market, "100")
    order = lab.user().order(market, "SELL", "STOP_LOSS", quantity="1", trailingDelta=100)
    lab.user("bob").limit(market, "BUY", "1", "90")
    for price in ("200", "198.01"):
        lab.trade(market, price)
        hold(not _is_working(lab, market, order), f"it works after a trade at {price}")
    lab.trade(market, "198")
    same("FILLED", lab.user().found(market, order["orderId"])["status"], "the status after 198")


for kind, side, name in (
    ("STOP_LOSS", "BUY", "Above"), ("STOP_LOSS_LIMIT", "BUY", "Above"), ("TAKE_PROFIT", "SELL", "Above"),
    ("TAKE_PROFIT_LIMIT", "SELL", "Above"), ("STOP_LOSS", "SELL", "Below"), ("STOP_LOSS_LIMIT", "SELL", "Below"),
    ("TAKE_PROFIT", "BUY", "Below"), ("TAKE_PROFIT_LIMIT", "BUY", "Below"),
):  # fmt: skip

    def bounded(lab: Lab, kind: str = kind, side: str = side, name: str = name) -> None:
        # The other direction's bounds are such that an order judged by them would be judged otherwise.
        other = "Below" if name == "Above" else "Above"
        bounds = {
            f"minTrailing{name}": 20,
            f"maxTrailing{name}": 300,
            f"minTrailing{other}": 400,
            f"maxTrailing{other}": 500,
        }
        market = lab.market(**bounds)
        limited = {"price": "100", "timeInForce": "GTC"} if kind.endswith("_LIMIT") else {}
        asked = {"symbol": market.symbol, "side": side, "type": kind, "quantity": "1"} | limited
        for delta in (19, 301):
            refused(lab.user().post("/order", **asked, trailingDelta=delta), -1013, "Filter failure: TRAILING_DELTA")
        for delta in (20, 300):
            lab.user().order(market, side, kind, quantity="1", trailingDelta=delta, **limited)

    FILTER.rule(
        f"{kind} {side} is judged by minTrailing{name}Delta and maxTrailing{name}Delta",
        f"POST order {kind} {side} trailingDelta=19, 301, 20, 300; bounds 20 and 300",
        "the first two 400: -1013 Filter failure: TRAILING_DELTA, the others accepted",
    )(bounded)


@PLACING.rule(
    "without a stop price it tracks from the next trade",
    "POST order STOP_LOSS_LIMIT SELL trailingDelta=1000 at 100; a trade at 90",
    "works",
)
def tracks_at_once(lab: Lab) -> None:
    market, order = _placed(lab, "STOP_LOSS_LIMIT", "SELL", {"trailingDelta": 1000, "price": "95"}, "100")
    lab.trade(market, "90")
    hold(_is_working(lab, market, order), "it does not work after a fall of 10 %")


@TYPES.rule(
    "a trailing OCO leg that triggers cancels the limit leg",
    "POST orderList/oco SELL above LIMIT_MAKER 120, below STOP_LOSS trailingDelta=1000; a trade at 90",
    "the limit leg EXPIRED",
)
def trailing_oco(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.trade(market, "100")
    lab.user("bob").limit(market, "BUY", "1", "80")
    asked = {"symbol": market.symbol, "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "120"}
    answer = lab.user().post("/orderList/oco", **asked, belowType="STOP_LOSS", belowTrailingDelta=1000)
    orders = {row["type"]: row["orderId"] for row in answer.body["orderReports"]} if answer.status == 200 else {}
    hold(len(orders) == 2, f"the OCO was answered with {answer.status}")
    lab.trade(market, "90")
    same("EXPIRED", lab.user().found(market, orders["LIMIT_MAKER"])["status"], "the limit leg")
    same("FILLED", lab.user().found(market, orders["STOP_LOSS"])["status"], "the trailing leg")
