"""Answers of general endpoints and market data, as the documents show them; also what the WebSocket API answers.

The fact a newcomer would get wrong: {symbol} and {base} stand for the names of the area's own symbol.
"""

from typing import Any, Final

from conformance.checks import CLIENT_ID, DECIMAL, FLAG, LIST, TEXT, TIME, WHOLE, Each, Kind, one_of
from conformance.lab import Lab

SYMBOL_INFO: Final = {
    "symbol": "{symbol}", "status": "TRADING", "baseAsset": "{base}", "baseAssetPrecision": 8, "quoteAsset": "USDT",
    "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8, "quoteCommissionPrecision": 8,
    "orderTypes": LIST, "icebergAllowed": FLAG, "ocoAllowed": FLAG, "otoAllowed": FLAG, "opoAllowed": FLAG,
    "quoteOrderQtyMarketAllowed": FLAG, "allowTrailingStop": FLAG, "cancelReplaceAllowed": FLAG, "amendAllowed": FLAG,
    "pegInstructionsAllowed": FLAG, "isSpotTradingAllowed": FLAG, "isMarginTradingAllowed": FLAG, "filters": LIST,
    "permissions": LIST, "permissionSets": LIST, "defaultSelfTradePreventionMode": TEXT,
    "allowedSelfTradePreventionModes": Each(TEXT),
}  # fmt: skip
INFO: Final = {
    "timezone": "UTC", "serverTime": TIME,
    "rateLimits": Each(
        {
            "rateLimitType": one_of("REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"),
            "interval": one_of("SECOND", "MINUTE", "DAY"), "intervalNum": WHOLE, "limit": WHOLE,
        }
    ),
    "exchangeFilters": LIST, "symbols": [SYMBOL_INFO],
}  # fmt: skip
TRADE: Final = {
    "id": WHOLE, "price": DECIMAL, "qty": DECIMAL, "quoteQty": DECIMAL, "time": TIME, "isBuyerMaker": FLAG,
    "isBestMatch": FLAG,
}  # fmt: skip
AGGREGATE: Final = {"a": WHOLE, "p": DECIMAL, "q": DECIMAL, "f": WHOLE, "l": WHOLE, "T": TIME, "m": FLAG, "M": FLAG}
KLINE: Final = [TIME, *[DECIMAL] * 5, TIME, DECIMAL, WHOLE, DECIMAL, DECIMAL, "0"]
MINI: Final[dict[str, Any]] = {
    "symbol": "{symbol}", "openPrice": DECIMAL, "highPrice": DECIMAL, "lowPrice": DECIMAL, "lastPrice": DECIMAL,
    "volume": DECIMAL, "quoteVolume": DECIMAL, "openTime": TIME, "closeTime": TIME, "firstId": WHOLE, "lastId": WHOLE,
    "count": WHOLE,
}  # fmt: skip
PERCENT: Final = Kind("a percentage with 3 places", lambda value: isinstance(value, str) and value[-4:-3] == ".")
WINDOW: Final = MINI | {"priceChange": DECIMAL, "priceChangePercent": PERCENT, "weightedAvgPrice": DECIMAL}
DAY: Final = WINDOW | {
    "prevClosePrice": DECIMAL, "lastQty": DECIMAL, "bidPrice": DECIMAL, "bidQty": DECIMAL, "askPrice": DECIMAL,
    "askQty": DECIMAL,
}  # fmt: skip
BOOK: Final = {"symbol": "{symbol}", "bidPrice": DECIMAL, "bidQty": DECIMAL, "askPrice": DECIMAL, "askQty": DECIMAL}
INTERVALS: Final = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")


WRONG_SYMBOL: Final = (-1121, "Invalid symbol.")
SYMBOLS: Final = '["{symbol}"]'
PRICES: Final = ("100", "101", "103", "102")


def traded(lab: Lab) -> None:
    """Four trades on the area's symbol, and orders on both sides of its book."""
    market = lab.market()
    for price in PRICES:
        lab.trade(market, price)
    lab.user().limit(market, "BUY", "2", "90")
    lab.user().limit(market, "BUY", "1", "89")
    lab.user().limit(market, "SELL", "3", "110")


ACK: Final[dict[str, Any]] = {
    "symbol": "{symbol}", "orderId": WHOLE, "orderListId": -1, "clientOrderId": CLIENT_ID, "transactTime": TIME,
}  # fmt: skip
TERMS: Final[dict[str, Any]] = {
    "price": DECIMAL, "origQty": DECIMAL, "executedQty": DECIMAL, "origQuoteOrderQty": DECIMAL,
    "cummulativeQuoteQty": DECIMAL, "status": TEXT, "timeInForce": TEXT, "type": TEXT, "side": TEXT,
    "selfTradePreventionMode": TEXT,
}  # fmt: skip
RESULT: Final = ACK | TERMS | {"workingTime": WHOLE}
FILL: Final = {"price": DECIMAL, "qty": DECIMAL, "commission": DECIMAL, "commissionAsset": TEXT, "tradeId": WHOLE}
FULL: Final = RESULT | {"fills": LIST}
CANCELED: Final = ACK | TERMS | {"origClientOrderId": CLIENT_ID, "status": "CANCELED"}
FOUND: Final[dict[str, Any]] = TERMS | {
    "symbol": "{symbol}", "orderId": WHOLE, "orderListId": -1, "clientOrderId": CLIENT_ID, "stopPrice": DECIMAL,
    "icebergQty": DECIMAL, "time": TIME, "updateTime": TIME, "isWorking": FLAG, "workingTime": WHOLE,
}  # fmt: skip
MY_TRADE: Final = {
    "symbol": "{symbol}", "id": WHOLE, "orderId": WHOLE, "orderListId": -1, "price": DECIMAL, "qty": DECIMAL,
    "quoteQty": DECIMAL, "commission": DECIMAL, "commissionAsset": TEXT, "time": TIME, "isBuyer": FLAG,
    "isMaker": FLAG, "isBestMatch": FLAG,
}  # fmt: skip
RATES: Final = {"maker": DECIMAL, "taker": DECIMAL, "buyer": DECIMAL, "seller": DECIMAL}
DISCOUNT: Final = {"enabledForAccount": FLAG, "enabledForSymbol": FLAG, "discountAsset": TEXT, "discount": DECIMAL}
NOT_SENT: Final = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
NEITHER: Final = "Param '{}' or '{}' must be sent, but both were empty/null!"
