"""What requests weigh, by the header that tells the weight used so far.

The fact a newcomer would get wrong: weights are counted by address and minute, so a question is asked again when a
minute began in the midst of it.
"""

from typing import Final

from conformance.checks import Deviation, same
from conformance.lab import Lab
from conformance.rules import GET, Area, Ask, signed, told
from conformance.transport import Answer

AREA: Final = Area("weights", "Request weights", lambda lab: lab.trade(lab.market(), "100"))
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


def used_weight(answer: Answer) -> int:
    """The weight used in this minute, as an answer's header tells it."""
    if WEIGHT not in answer.headers:
        raise Deviation(f"the answer has no X-MBX-USED-WEIGHT-1M ({told(answer)})")
    return int(answer.headers[WEIGHT])


def _weight_of(lab: Lab, ask: Ask) -> int:
    """By how much the request raises the count; asked again when a minute began between."""
    lab.user()
    for _ in range(3):
        before, after = used_weight(lab.public("/ping")), used_weight(lab.send(ask))
        if after > before:
            break
    return after - before


for title, ask, weight in WEIGHTS:

    def weighs(lab: Lab, ask: Ask = ask, weight: int = weight) -> None:
        same(weight, _weight_of(lab, ask), "the weight")

    AREA.by(f"rest-api.md: {title}").rule(f"the weight of {ask}", ask, str(weight))(weighs)
