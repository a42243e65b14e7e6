"""Filters: how exchangeInfo and myFilters write them, what passes them and what does not."""

from typing import Any, Final

from conformance.checks import DECIMAL, FLAG, LIST, NUMERAL, WHOLE, AtLeast, hold, matches, one_of, same
from conformance.lab import Lab, Market, accepted
from conformance.rules import Area, expect, refused, signed

AREA: Final = Area("filters", "Filters")
RULES: Final[dict[str, dict[str, Any]]] = {
    "PRICE_FILTER": {},
    "PERCENT_PRICE": {"priceUp": "1.3", "priceDown": "0.7"},
    "PERCENT_PRICE_BY_SIDE": {"bidPriceUp": "1.2", "bidPriceDown": "0.2", "askPriceUp": "5", "askPriceDown": "0.8"},
    "LOT_SIZE": {},
    "NOTIONAL": {},
    "ICEBERG_PARTS": {},
    "MARKET_LOT_SIZE": {},
    "MAX_NUM_ORDERS": {"maxOrders": 2},
    "MAX_NUM_ALGO_ORDERS": {"maxAlgoOrders": 1},
    "MAX_NUM_ICEBERG_ORDERS": {"maxIcebergOrders": 1},
    "MAX_POSITION": {"maxPosition": "10"},
    "TRAILING_DELTA": {},
    "MAX_NUM_ORDER_AMENDS": {"maxOrderAmends": 1},
    "MAX_NUM_ORDER_LISTS": {"maxOrderLists": 1},
}  # fmt: skip
SIZES: Final = {"minQty": DECIMAL, "maxQty": DECIMAL, "stepSize": DECIMAL}
SHAPES: Final[dict[str, dict[str, Any]]] = {
    "PRICE_FILTER": {"minPrice": DECIMAL, "maxPrice": DECIMAL, "tickSize": DECIMAL},
    "PERCENT_PRICE": {"multiplierUp": NUMERAL, "multiplierDown": NUMERAL, "avgPriceMins": WHOLE},
    "PERCENT_PRICE_BY_SIDE": {
        "bidMultiplierUp": NUMERAL, "bidMultiplierDown": NUMERAL, "askMultiplierUp": NUMERAL,
        "askMultiplierDown": NUMERAL, "avgPriceMins": WHOLE,
    },
    "LOT_SIZE": SIZES,
    "NOTIONAL": {
        "minNotional": DECIMAL, "applyMinToMarket": FLAG, "maxNotional": DECIMAL, "applyMaxToMarket": FLAG,
        "avgPriceMins": WHOLE,
    },
    "ICEBERG_PARTS": {"limit": WHOLE},
    "MARKET_LOT_SIZE": SIZES,
    "MAX_NUM_ORDERS": {"maxNumOrders": 2},
    "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 1},
    "MAX_NUM_ICEBERG_ORDERS": {"maxNumIcebergOrders": 1},
    "MAX_POSITION": {"maxPosition": "10.00000000"},
    "TRAILING_DELTA": {
        "minTrailingAboveDelta": WHOLE, "maxTrailingAboveDelta": WHOLE, "minTrailingBelowDelta": WHOLE,
        "maxTrailingBelowDelta": WHOLE,
    },
    "MAX_NUM_ORDER_AMENDS": {"maxNumOrderAmends": 1},
    "MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": 1},
}  # fmt: skip


def _told(lab: Lab, market: Market) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = accepted(lab.public("/exchangeInfo", symbol=market.symbol))["symbols"][0]["filters"]
    return found


for name, shape in SHAPES.items():

    def written(lab: Lab, name: str = name, shape: dict[str, Any] = shape) -> None:
        market = lab.market(**RULES[name]) if RULES[name] else lab.market()
        found = [each for each in _told(lab, market) if each["filterType"] == name]
        hold(len(found) == 1, f"{len(found)} filters of this type")
        matches({"filterType": name} | shape, found[0], name)

    AREA.by(f"filters.md: {name}").rule(
        f"{name} as exchangeInfo writes it", "GET exchangeInfo of a symbol that has it", ", ".join(shape)
    )(written)


@AREA.by("filters.md: Symbol filters").rule(
    "only documented filter types are there", "GET exchangeInfo", "types of filters.md"
)
def known_types(lab: Lab) -> None:
    rules = {key: value for each in RULES.values() for key, value in each.items()}
    del rules["priceUp"], rules["priceDown"]
    found = {each["filterType"] for each in _told(lab, lab.market(**rules))}
    hold(not found - (SHAPES.keys() | {"MIN_NOTIONAL"}), f"there are {', '.join(sorted(found - SHAPES.keys()))} too")
    hold(len(found) >= 10, f"there are only {len(found)}")


BUY: Final = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "90"}
STOP: Final = {"side": "BUY", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "110"}
BY_MARKET: Final = {"side": "BUY", "type": "MARKET", "quantity": "1"}


def _market(lab: Lab, **rules: Any) -> Market:
    """Last price 100, 40 offered at 100."""
    market = lab.fresh_market(**rules)
    lab.trade(market, "100", "2")
    lab.user("bob").limit(market, "SELL", "40", "100")
    return market


def _filtered(name: str, what: str, rules: dict[str, Any], terms: dict[str, Any], *, code: int = -1013) -> None:
    """A rule: the order is refused by the filter."""

    def check(lab: Lab) -> None:
        market = _market(lab, **rules)
        refused(lab.user().post("/order", symbol=market.symbol, **terms), code, f"Filter failure: {name}")

    words = " ".join(f"{key}={value}" for key, value in terms.items())
    bounds = ", ".join(f"{key} {value}" for key, value in rules.items())
    AREA.by(f"filters.md: {name}").rule(
        f"{name}: {what}", f"POST order {words}; {bounds}", f"400: {code} Filter failure: {name}"
    )(check)


def _passes(name: str, what: str, rules: dict[str, Any], *orders: dict[str, Any]) -> None:
    """A rule: the orders are accepted."""

    def check(lab: Lab) -> None:
        market = _market(lab, **rules)
        for terms in orders:
            expect(
                lab.user().post("/order", symbol=market.symbol, newOrderRespType="RESULT", **terms),
                AtLeast({"orderId": WHOLE}),
            )

    words = "; ".join(" ".join(f"{key}={value}" for key, value in terms.items()) for terms in orders)
    bounds = ", ".join(f"{key} {value}" for key, value in rules.items())
    AREA.by(f"filters.md: {name}").rule(f"{name}: {what}", f"POST order {words}; {bounds}", "200")(check)


PRICES: Final = {"minPrice": "10", "maxPrice": "200"}
_filtered("PRICE_FILTER", "a price below minPrice", PRICES, BUY | {"price": "9.99"})
_filtered("PRICE_FILTER", "a price above maxPrice", PRICES, BUY | {"side": "SELL", "price": "200.01"})
_filtered("PRICE_FILTER", "a price between ticks", {"tickSize": "0.05", "minPrice": "0.05"}, BUY | {"price": "90.01"})
_filtered(
    "PRICE_FILTER",
    "a stopPrice between ticks",
    {"tickSize": "0.05", "minPrice": "0.05"},
    STOP | {"stopPrice": "110.01"},
)
_filtered("PRICE_FILTER", "a stopPrice above maxPrice", PRICES, STOP | {"stopPrice": "201"})
_passes(
    "PRICE_FILTER", "both bounds are allowed", PRICES, BUY | {"price": "10"}, BUY | {"side": "SELL", "price": "200"}
)
SIZED: Final = {"minQuantity": "0.5", "maxQuantity": "50", "lotSize": "0.1"}
_filtered("LOT_SIZE", "a quantity below minQty", SIZED, BUY | {"quantity": "0.4"})
_filtered("LOT_SIZE", "a quantity above maxQty", SIZED, BUY | {"quantity": "50.1"})
_filtered("LOT_SIZE", "a quantity between steps", SIZED, BUY | {"quantity": "1.05"})
_filtered("LOT_SIZE", "an icebergQty between steps", SIZED, BUY | {"icebergQty": "0.55"})
_filtered("LOT_SIZE", "a MARKET quantity below minQty", SIZED, BY_MARKET | {"quantity": "0.4"})
_passes("LOT_SIZE", "both bounds are allowed", SIZED, BUY | {"quantity": "0.5"}, BUY | {"quantity": "50"})
MARKET_SIZED: Final = {"minMarketQuantity": "2", "maxMarketQuantity": "3"}
_filtered("MARKET_LOT_SIZE", "a MARKET quantity below minQty", MARKET_SIZED, BY_MARKET)
_filtered("MARKET_LOT_SIZE", "a MARKET quantity above maxQty", MARKET_SIZED, BY_MARKET | {"quantity": "4"})
_passes(
    "MARKET_LOT_SIZE",
    "a LIMIT order is not judged by it",
    MARKET_SIZED,
    BUY,
    BUY | {"quantity": "4"},
    BY_MARKET | {"quantity": "3"},
)
_filtered("NOTIONAL", "price * quantity below minNotional", {"minNotional": "90.01"}, BUY)
_filtered("NOTIONAL", "a MARKET order below it, by the last price", {"minNotional": "100.01"}, BY_MARKET)
_passes("NOTIONAL", "the bound is allowed", {"minNotional": "90"}, BUY)
_filtered(
    "PERCENT_PRICE", "a price above multiplierUp", RULES["PERCENT_PRICE"], BUY | {"side": "SELL", "price": "130.01"}
)
_filtered("PERCENT_PRICE", "a price below multiplierDown", RULES["PERCENT_PRICE"], BUY | {"price": "69.99"})
_passes(
    "PERCENT_PRICE",
    "both bounds are allowed",
    RULES["PERCENT_PRICE"],
    BUY | {"side": "SELL", "price": "130"},
    BUY | {"price": "70"},
)
BY_SIDE: Final = RULES["PERCENT_PRICE_BY_SIDE"]
_filtered("PERCENT_PRICE_BY_SIDE", "BUY above bidMultiplierUp", BY_SIDE, BUY | {"price": "120.01"})
_filtered("PERCENT_PRICE_BY_SIDE", "BUY below bidMultiplierDown", BY_SIDE, BUY | {"price": "19.99"})
_filtered("PERCENT_PRICE_BY_SIDE", "SELL above askMultiplierUp", BY_SIDE, BUY | {"side": "SELL", "price": "500.01"})
_filtered("PERCENT_PRICE_BY_SIDE", "SELL below askMultiplierDown", BY_SIDE, BUY | {"side": "SELL", "price": "79.99"})
_passes(
    "PERCENT_PRICE_BY_SIDE",
    "all four bounds are allowed",
    BY_SIDE,
    BUY | {"price": "20"},
    BUY | {"side": "SELL", "price": "500"},
    BUY | {"price": "120"},
)
_filtered(
    "ICEBERG_PARTS",
    "more parts than the limit: CEIL(qty / icebergQty)",
    {"maxIcebergParts": 10},
    BUY | {"quantity": "10.1", "icebergQty": "1"},
)
_passes(
    "ICEBERG_PARTS",
    "as many parts as the limit",
    {"maxIcebergParts": 10},
    BUY | {"quantity": "10", "icebergQty": "1"},
    BUY | {"quantity": "9.1", "icebergQty": "1"},
)


def _counted(
    name: str, what: str, rules: dict[str, Any], allowed: tuple[dict[str, Any], ...], last: dict[str, Any]
) -> None:
    """A rule: the first orders are accepted, the last one is refused by the filter."""

    def check(lab: Lab) -> None:
        market = _market(lab, **rules)
        for terms in allowed:
            expect(lab.user("amy").post("/order", symbol=market.symbol, **terms), AtLeast({"orderId": WHOLE}))
        answer = lab.user("amy").post("/order", symbol=market.symbol, **last)
        refused(answer, -1013, f"Filter failure: {name}")

    bounds = ", ".join(f"{key} {value}" for key, value in rules.items())
    AREA.by(f"filters.md: {name}").rule(
        f"{name}: {what}", f"{len(allowed) + 1} orders; {bounds}", f"the last one 400: -1013 Filter failure: {name}"
    )(check)


ICEBERG: Final = BUY | {"quantity": "4", "icebergQty": "1"}
_counted("MAX_NUM_ORDERS", "one order too many", {"maxOrders": 2}, (BUY, BUY), BUY)
_counted("MAX_NUM_ORDERS", "algo orders count too", {"maxOrders": 2}, (BUY, STOP), BUY)
_counted("MAX_NUM_ALGO_ORDERS", "one stop too many", {"maxAlgoOrders": 1}, (BUY, STOP), STOP)
_counted("MAX_NUM_ICEBERG_ORDERS", "one iceberg too many", {"maxIcebergOrders": 1}, (BUY, ICEBERG), ICEBERG)


@AREA.by("filters.md: MAX_NUM_ORDERS").rule(
    "MAX_NUM_ORDERS: a cancelled order makes room", "maxOrders 1; POST order, DELETE order, POST order", "200"
)
def room_again(lab: Lab) -> None:
    market = lab.fresh_market(maxOrders=1)
    order_id = lab.user().limit(market, "BUY", "1", "90")["orderId"]
    refused(lab.user().post("/order", symbol=market.symbol, **BUY), -1013, "Filter failure: MAX_NUM_ORDERS")
    accepted(lab.user().delete("/order", symbol=market.symbol, orderId=order_id))
    expect(lab.user().post("/order", symbol=market.symbol, **BUY), AtLeast({"status": "NEW"}))


OCO: Final = {
    "side": "SELL",
    "quantity": "1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "120",
    "belowType": "STOP_LOSS",
    "belowStopPrice": "90",
}


@AREA.by("filters.md: MAX_NUM_ORDER_LISTS").rule(
    "MAX_NUM_ORDER_LISTS: one list too many",
    "maxOrderLists 1; POST orderList/oco twice",
    "the second one 400: -1013 Filter failure: MAX_NUM_ORDER_LISTS",
)
def lists_counted(lab: Lab) -> None:
    market = lab.fresh_market(maxOrderLists=1)
    lab.trade(market, "100")
    expect(lab.user().post("/orderList/oco", symbol=market.symbol, **OCO), AtLeast({"orderListId": WHOLE}))
    answer = lab.user().post("/orderList/oco", symbol=market.symbol, **OCO)
    refused(answer, -1013, "Filter failure: MAX_NUM_ORDER_LISTS")


@AREA.by("filters.md: MAX_NUM_ORDERS").rule(
    "MAX_NUM_ORDERS: an OCO adds two",
    "maxOrders 2; POST order, POST orderList/oco",
    "400: -1013 Filter failure: MAX_NUM_ORDERS",
)
def oco_counts_two(lab: Lab) -> None:
    market = lab.fresh_market(maxOrders=2)
    lab.trade(market, "100")
    lab.user().limit(market, "BUY", "1", "90")
    refused(lab.user().post("/orderList/oco", symbol=market.symbol, **OCO), -1013, "Filter failure: MAX_NUM_ORDERS")


@AREA.by("filters.md: MAX_NUM_ORDER_AMENDS").rule(
    "MAX_NUM_ORDER_AMENDS: one amendment too many",
    "maxOrderAmends 1; POST order 5, newQty 4, newQty 3",
    "400: -2038 Filter failure: MAX_NUM_ORDER_AMENDS",
)
def amends_counted(lab: Lab) -> None:
    market = lab.fresh_market(maxOrderAmends=1)
    order_id = lab.user().limit(market, "BUY", "5", "90")["orderId"]
    asked = {"symbol": market.symbol, "orderId": order_id}
    accepted(lab.user().put("/order/amend/keepPriority", **asked, newQty="4"))
    answer = lab.user().put("/order/amend/keepPriority", **asked, newQty="3")
    refused(answer, -2038, "Filter failure: MAX_NUM_ORDER_AMENDS")


@AREA.by("filters.md: MAX_POSITION").rule(
    "MAX_POSITION: free, locked and what open BUY orders would buy",
    "maxPosition 10; 4 free, 2 in an open SELL, 3 in an open BUY; POST order BUY 2, then BUY 1",
    "the first 400: Filter failure: MAX_POSITION, the second accepted",
)
def position(lab: Lab) -> None:
    market, user = lab.fresh_market(maxPosition="10"), lab.poor()
    for asset, amount in ((market.base, "6"), (market.quote, "10000")):
        lab.credit(user, asset, amount)
    user.limit(market, "SELL", "2", "120")
    user.limit(market, "BUY", "3", "90")
    answer = user.post("/order", **BUY | {"symbol": market.symbol, "quantity": "2"})
    refused(answer, one_of(-1013, -2010), "Filter failure: MAX_POSITION")
    expect(user.post("/order", **BUY | {"symbol": market.symbol}), AtLeast({"status": "NEW"}))


MAX_ASSET = AREA.by("filters.md: MAX_ASSET")


def _capped(lab: Lab, limit: str) -> tuple[Market, Any]:
    market, user = lab.fresh_market(), lab.poor()
    for asset in (market.base, market.quote):
        lab.credit(user, asset, "10000")
    lab.sim("PUT", "users", name=user.name, maxOrder=limit.format(base=market.base))
    return market, user


@MAX_ASSET.rule(
    "MAX_ASSET of the quote asset caps the notional",
    "limit USDT 42; POST order BUY 1 at 42.01, then 1 at 42",
    "the first 400: Filter failure: MAX_ASSET, the second accepted",
)
def max_quote(lab: Lab) -> None:
    market, user = _capped(lab, "USDT=42")
    terms = BUY | {"symbol": market.symbol}
    refused(user.post("/order", **terms | {"price": "42.01"}), -1013, "Filter failure: MAX_ASSET")
    expect(user.post("/order", **terms | {"price": "42"}), AtLeast({"status": "NEW"}))


@MAX_ASSET.rule(
    "MAX_ASSET of the base asset caps the quantity",
    "limit of the base asset 2; POST order SELL 2.1, then 2",
    "the first 400: Filter failure: MAX_ASSET, the second accepted",
)
def max_base(lab: Lab) -> None:
    market, user = _capped(lab, "{base}=2")
    terms = BUY | {"symbol": market.symbol, "side": "SELL"}
    refused(user.post("/order", **terms | {"quantity": "2.1"}), -1013, "Filter failure: MAX_ASSET")
    expect(user.post("/order", **terms | {"quantity": "2"}), AtLeast({"status": "NEW"}))


MY_FILTERS = AREA.by("rest-api.md: Query relevant filters")
MY_FILTERS.answers(
    "myFilters has three lists",
    signed("GET", "/myFilters", symbol="{symbol}"),
    {"exchangeFilters": LIST, "symbolFilters": LIST, "assetFilters": []},
)


@MY_FILTERS.rule(
    "myFilters tells MAX_ASSET", "limit USDT 42; GET myFilters", "filterType MAX_ASSET, asset USDT, limit 42.00000000"
)
def told_max_asset(lab: Lab) -> None:
    market, user = _capped(lab, "USDT=42")
    found = accepted(user.get("/myFilters", symbol=market.symbol))["assetFilters"]
    same([{"filterType": "MAX_ASSET", "asset": "USDT", "limit": "42.00000000"}], found, "assetFilters")


MY_FILTERS.refuses(
    "myFilters needs a symbol",
    signed("GET", "/myFilters"),
    -1102,
    "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
)
for name, rule, terms in (
    ("EXCHANGE_MAX_NUM_ORDERS", "maxOrders", BUY), ("EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxAlgoOrders", STOP),
    ("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxIcebergOrders", ICEBERG),
):  # fmt: skip

    def on_the_exchange(lab: Lab, name: str = name, rule: str = rule, terms: dict[str, Any] = terms) -> None:
        one, other = _market(lab), _market(lab)
        user = lab.user(f"amy-{rule}")
        before = lab.sim("GET", "exchange")[rule]
        lab.sim("PUT", "exchange", **{rule: 1})
        try:
            expect(user.post("/order", symbol=one.symbol, **terms), AtLeast({"orderId": WHOLE}))
            refused(user.post("/order", symbol=other.symbol, **terms), -1013, f"Filter failure: {name}")
            found = accepted(user.get("/myFilters", symbol=one.symbol))["exchangeFilters"]
            hold(name in [each["filterType"] for each in found], f"exchangeFilters has {found}")
        finally:
            lab.sim("PUT", "exchange", **{rule: before or 0})

    AREA.by(f"filters.md: {name}").rule(
        f"{name}: orders on all symbols count",
        f"the exchange's {rule} 1; POST order on two symbols",
        f"the second one 400: -1013 Filter failure: {name}; myFilters tells it",
    )(on_the_exchange)
