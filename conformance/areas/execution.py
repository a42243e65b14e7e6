"""MARKET orders, the price range rule, reference prices, smart order routing: their FAQs."""

from typing import Any, Final

from conformance.areas.shapes import FILL, RESULT
from conformance.checks import DECIMAL, TIME, AtLeast, matches, same
from conformance.lab import Lab, Market, accepted
from conformance.rules import GET, Area, expect, refused, signed

AREA: Final = Area("execution", "MARKET orders and execution rules")
MARKET = AREA.by("faqs/market_orders_faq.md: MARKET orders")
RANGE: Final = "faqs/price_range_execution_rules.md: "
WORK = AREA.by(RANGE + "How does the Price Range Execution Rule work?")
OUTSIDE = AREA.by(RANGE + "What happens if an order attempts to execute at a price outside of the allowed price range?")
LIMITS = AREA.by(RANGE + "When are the execution price limits for an order set?")
CALCULATED = AREA.by(RANGE + "How is the reference price calculated?")
QUERY_RULES = AREA.by("rest-api.md: Query Execution Rules")
REFERENCE = AREA.by("rest-api.md: Query Reference Price")
CALCULATION = AREA.by("rest-api.md: Query Reference Price Calculation")
SOR = AREA.by("faqs/sor_faq.md: Smart Order Routing (SOR)")


@MARKET.rule(
    "the sample: what cannot be filled expires",
    "asks of 2 and 2 at 1; POST order MARKET BUY 6",
    "EXPIRED, GTC, executedQty 4, cummulativeQuoteQty 4, two fills of 2 at 1",
)
def sample(lab: Lab) -> None:
    market = lab.fresh_market()
    for _ in range(2):
        lab.user("bob").limit(market, "SELL", "2", "1")
    found = lab.user().order(market, "BUY", "MARKET", quantity="6")
    fill = FILL | {"price": "1.00000000", "qty": "2.00000000"}
    terms = {
        "price": "0.00000000", "origQty": "6.00000000", "executedQty": "4.00000000", "status": "EXPIRED",
        "cummulativeQuoteQty": "4.00000000", "timeInForce": "GTC", "type": "MARKET", "side": "BUY",
        "fills": [fill, fill], "workingTime": TIME, "symbol": market.symbol,
    }  # fmt: skip
    matches(AtLeast(RESULT | terms), found)


@MARKET.rule("the best prices come first", "asks of 1 at 3, 1, 2; POST order MARKET BUY 3", "fills at 1, 2, 3, FILLED")
def best_first(lab: Lab) -> None:
    market = lab.fresh_market()
    for price in ("3", "1", "2"):
        lab.user("bob").limit(market, "SELL", "1", price)
    found = lab.user().order(market, "BUY", "MARKET", quantity="3")
    same(["1.00000000", "2.00000000", "3.00000000"], [fill["price"] for fill in found["fills"]], "the prices")
    same("FILLED", found["status"], "the status")


@MARKET.rule(
    "without balance for all of it the order is rejected",
    "150 USDT; asks of 1 at 100 and 1 at 101; POST order MARKET BUY 2",
    "400: -2010 Account has insufficient balance for requested action.; nothing filled",
)
def not_enough(lab: Lab) -> None:
    market, user = lab.fresh_market(), lab.poor()
    lab.credit(user, market.quote, "150")
    for price in ("100", "101"):
        lab.user("bob").limit(market, "SELL", "1", price)
    answer = user.post("/order", symbol=market.symbol, side="BUY", type="MARKET", quantity="2")
    refused(answer, -2010, "Account has insufficient balance for requested action.")
    same(["150.00000000", "0.00000000"], list(user.balance(market.quote)), "free and locked USDT")


@MARKET.rule(
    "an empty book: nothing to fill",
    "no asks; POST order MARKET BUY 1",
    "EXPIRED, executedQty 0, expiryReason INSUFFICIENT_LIQUIDITY",
)
def empty_book(lab: Lab) -> None:
    found = lab.user().order(lab.fresh_market(), "BUY", "MARKET", quantity="1")
    terms = {"status": "EXPIRED", "executedQty": "0.00000000", "fills": [], "expiryReason": "INSUFFICIENT_LIQUIDITY"}
    matches(AtLeast(terms), found)


BOUNDS: Final = {
    "rangeBidUp": "2",
    "rangeBidDown": "0.5",
    "rangeAskUp": "2",
    "rangeAskDown": "0.5",
    "referenceExternalId": 42,
}
ANSWERED: Final = {
    "ruleType": "PRICE_RANGE", "bidLimitMultUp": "2.0000", "bidLimitMultDown": "0.5000", "askLimitMultUp": "2.0000",
    "askLimitMultDown": "0.5000",
}  # fmt: skip


def _ranged(lab: Lab, price: str | None = "10", **rules: Any) -> Market:
    """BAZUSD of the FAQ: a range of half to twice the reference price, which is 10."""
    market = lab.fresh_market(**rules or BOUNDS)
    if price is not None:
        lab.sim("PUT", "referencePrice", symbol=market.symbol, price=price)
    return market


def _expired(found: dict[str, Any], executed: str) -> None:
    terms = {"status": "EXPIRED", "executedQty": executed, "expiryReason": "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"}
    matches(AtLeast(terms), found)


@QUERY_RULES.rule(
    "executionRules of a symbol with a range",
    "GET executionRules of the FAQ's symbol",
    "ruleType PRICE_RANGE, 2.0000, 0.5000, 2.0000, 0.5000",
)
def rules_told(lab: Lab) -> None:
    market = _ranged(lab)
    expect(
        lab.public("/executionRules", symbol=market.symbol),
        {"symbolRules": [{"symbol": market.symbol, "rules": [ANSWERED]}]},
    )


QUERY_RULES.rejects("no combination of parameters", GET("/executionRules", symbol="{symbol}", symbolStatus="TRADING"))
QUERY_RULES.refuses("an unknown symbol has no rules", GET("/executionRules", symbol="NONE"), -1121, "Invalid symbol.")
for side, price, opposite, inside in (
    ("BUY", "20.01", "SELL", "20"),
    ("BUY", "4.99", "SELL", "5"),
    ("SELL", "20.01", "BUY", "20"),
    ("SELL", "4.99", "BUY", "5"),
):

    def outside(lab: Lab, side: str = side, price: str = price, opposite: str = opposite) -> None:
        market = _ranged(lab)
        lab.user("bob").limit(market, opposite, "1", price)
        _expired(lab.user().order(market, side, "MARKET", quantity="1"), "0.00000000")

    def at_bound(lab: Lab, side: str = side, inside: str = inside, opposite: str = opposite) -> None:
        market = _ranged(lab)
        lab.user("bob").limit(market, opposite, "1", inside)
        same("FILLED", lab.user().order(market, side, "MARKET", quantity="1")["status"], "the status")

    OUTSIDE.rule(
        f"{side} does not execute at {price}",
        f"reference price 10, range 0.5 to 2; {opposite} at {price}, POST order MARKET {side}",
        "EXPIRED, expiryReason EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
    )(outside)
    WORK.rule(
        f"{side} executes at {inside}",
        f"reference price 10, range 0.5 to 2; {opposite} at {inside}, POST order MARKET {side}",
        "FILLED",
    )(at_bound)


@OUTSIDE.rule(
    "what is within the range is filled first",
    "asks of 1 at 15 and 1 at 21; POST order LIMIT BUY 2 at 30",
    "1 filled at 15, the rest EXPIRED",
)
def partly(lab: Lab) -> None:
    market = _ranged(lab)
    for price in ("15", "21"):
        lab.user("bob").limit(market, "SELL", "1", price)
    _expired(lab.user().limit(market, "BUY", "2", "30"), "1.00000000")


@LIMITS.rule(
    "the limits are those at the beginning of the taker phase",
    "reference price 10; asks at 19 and 20; POST order MARKET BUY 2",
    "FILLED, though the trade at 19 comes between",
)
def limits_stay(lab: Lab) -> None:
    market = _ranged(lab)
    for price in ("19", "20"):
        lab.user("bob").limit(market, "SELL", "1", price)
    same("FILLED", lab.user().order(market, "BUY", "MARKET", quantity="2")["status"], "the status")


RULE: Final = "execution rule of type `PRICE_RANGE`"
NOT_ENFORCED: Final[tuple[tuple[str, str | None, dict[str, Any]], ...]] = (
    (f"no {RULE} and no reference price?", None, {"makerFee": "0"}),
    (f"no {RULE} but does have a reference price?", "10", {"referenceExternalId": 42}),
    (f"an {RULE} but does not have a reference price?", None, {"rangeBidUp": "2", "referenceExternalId": 42}),
    (f"an {RULE} that does not have all four multipliers?", "10", {"rangeBidDown": "0.5", "referenceExternalId": 42}),
)
for question, reference, rules in NOT_ENFORCED:

    def not_enforced(lab: Lab, price: str | None = reference, rules: dict[str, Any] = rules) -> None:
        market = _ranged(lab, price, **rules)
        lab.user("bob").limit(market, "SELL", "1", "1000")
        same("FILLED", lab.user().order(market, "BUY", "MARKET", quantity="1")["status"], "the status")

    AREA.by(f"{RANGE}What happens if a symbol has {question}").rule(
        f"not enforced: {question[:-1]}", "an ask at 1000; POST order MARKET BUY", "FILLED"
    )(not_enforced)


@AREA.by(RANGE + "What happens if the symbol's reference price is `null`?").rule(
    "not enforced: the reference price is null",
    "reference price 10, then null; an ask at 1000; POST order MARKET BUY",
    "FILLED",
)
def null_price(lab: Lab) -> None:
    market = _ranged(lab)
    lab.sim("PUT", "referencePrice", symbol=market.symbol)
    lab.user("bob").limit(market, "SELL", "1", "1000")
    same("FILLED", lab.user().order(market, "BUY", "MARKET", quantity="1")["status"], "the status")


@REFERENCE.rule("a reference price that is set", "GET referencePrice", "symbol, referencePrice, timestamp")
def reference_price(lab: Lab) -> None:
    market = _ranged(lab)
    found = expect(
        lab.public("/referencePrice", symbol=market.symbol),
        {"symbol": market.symbol, "referencePrice": DECIMAL, "timestamp": TIME},
    )
    same(10.0, float(found["referencePrice"]), "the price")


@REFERENCE.rule("a reference price of null", "set, then taken away; GET referencePrice", "referencePrice null")
def reference_null(lab: Lab) -> None:
    market = _ranged(lab)
    lab.sim("PUT", "referencePrice", symbol=market.symbol)
    expect(
        lab.public("/referencePrice", symbol=market.symbol),
        {"symbol": market.symbol, "referencePrice": None, "timestamp": TIME},
    )


NO_PRICE: Final = (-2043, "This symbol doesn't have a reference price.")
REFERENCE.refuses("a symbol that never had one", GET("/referencePrice", symbol="{symbol}"), *NO_PRICE)
CALCULATION.refuses(
    "a reference price that is not calculated", GET("/referencePrice/calculation", symbol="{symbol}"), *NO_PRICE
)


@CALCULATION.rule(
    "calculated outside: EXTERNAL",
    "GET referencePrice/calculation",
    "calculationType EXTERNAL, externalCalculationId 42",
)
def external(lab: Lab) -> None:
    market = _ranged(lab)
    told = {"symbol": market.symbol, "calculationType": "EXTERNAL", "externalCalculationId": 42}
    expect(lab.public("/referencePrice/calculation", symbol=market.symbol), told)


@CALCULATED.rule(
    "calculated by the engine: ARITHMETIC_MEAN",
    "10 buckets of 1000 ms; GET referencePrice/calculation",
    "calculationType ARITHMETIC_MEAN, bucketCount 10, bucketWidthMs 1000",
)
def mean(lab: Lab) -> None:
    market = lab.fresh_market(referenceBucketMs=1000, referenceBuckets=10)
    told = {"symbol": market.symbol, "calculationType": "ARITHMETIC_MEAN", "bucketCount": 10, "bucketWidthMs": 1000}
    expect(lab.public("/referencePrice/calculation", symbol=market.symbol), told)


@AREA.by(RANGE + "How does the Matching Engine calculate the reference price?").rule(
    "the mean of the trades' prices, whatever their quantity",
    "buckets of 60 s; trades of 1 at 10, 5 at 20, 1 at 30; GET referencePrice",
    "20",
)
def mean_of_trades(lab: Lab) -> None:
    market = lab.fresh_market(referenceBucketMs=60_000, referenceBuckets=10)
    for price, quantity in (("10", "1"), ("20", "5"), ("30", "1")):
        lab.trade(market, price, quantity)
    same(20.0, float(accepted(lab.public("/referencePrice", symbol=market.symbol))["referencePrice"]), "the price")


NO_SOR: Final = "there is no smart order routing: symbols of the same base asset do not share a book"
AREA.by("rest-api.md: Conditional fields in Order Responses").not_done(
    "usedSor and workingFloor", "POST sor/order", "usedSor true, workingFloor SOR", NO_SOR
)
SOR.not_done("an order by SOR", "POST sor/order", "an order with workingFloor and usedSor", NO_SOR)
AREA.by("faqs/sor_faq.md: What symbols support SOR?").not_done(
    "exchangeInfo names symbols of SOR", "GET exchangeInfo", "sors", NO_SOR
)
AREA.by("faqs/sor_faq.md: What are allocations?").not_done(
    "fills by SOR are allocations", "POST sor/order, GET myAllocations", "allocations with allocationId", NO_SOR
)
AREA.by("rest-api.md: Query Allocations").answers(
    "without SOR there are no allocations", signed("GET", "/myAllocations", symbol="{symbol}"), []
)
