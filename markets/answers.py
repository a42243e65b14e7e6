"""What public endpoints answer, for whoever reads /openapi.json; a test compares them with what is answered.

The fact a newcomer would get wrong: these types say nothing to the code that writes the answers. Names are Binance's.
"""

from typing import Any, NotRequired, TypedDict

from api.answer_schemas import DecimalText

Level = tuple[DecimalText, DecimalText]
Candle = tuple[
    int, DecimalText, DecimalText, DecimalText, DecimalText, DecimalText, int, DecimalText, int, DecimalText,
    DecimalText, DecimalText,
]  # fmt: skip


class Empty(TypedDict):
    """An object without members."""


class Pong(TypedDict):
    status: NotRequired[str]  # /api/v1 says that all is well


class ServerTime(TypedDict):
    serverTime: int


class RateLimit(TypedDict):
    rateLimitType: str
    interval: str
    intervalNum: int
    limit: int


class Filter(TypedDict):
    """What else there is depends on the type."""

    filterType: str
    minPrice: NotRequired[DecimalText]
    maxPrice: NotRequired[DecimalText]
    tickSize: NotRequired[DecimalText]
    minQty: NotRequired[DecimalText]
    maxQty: NotRequired[DecimalText]
    stepSize: NotRequired[DecimalText]
    limit: NotRequired[int | DecimalText]
    minTrailingAboveDelta: NotRequired[int]
    maxTrailingAboveDelta: NotRequired[int]
    minTrailingBelowDelta: NotRequired[int]
    maxTrailingBelowDelta: NotRequired[int]
    multiplierUp: NotRequired[DecimalText]
    multiplierDown: NotRequired[DecimalText]
    bidMultiplierUp: NotRequired[DecimalText]
    bidMultiplierDown: NotRequired[DecimalText]
    askMultiplierUp: NotRequired[DecimalText]
    askMultiplierDown: NotRequired[DecimalText]
    avgPriceMins: NotRequired[int]
    minNotional: NotRequired[DecimalText]
    maxNotional: NotRequired[DecimalText]
    applyMinToMarket: NotRequired[bool]
    applyMaxToMarket: NotRequired[bool]
    applyToMarket: NotRequired[bool]
    maxNumOrders: NotRequired[int]
    maxNumAlgoOrders: NotRequired[int]
    maxNumIcebergOrders: NotRequired[int]
    maxNumOrderLists: NotRequired[int]
    maxNumOrderAmends: NotRequired[int]
    maxPosition: NotRequired[DecimalText]
    asset: NotRequired[str]


class SymbolInformation(TypedDict):
    symbol: str
    status: str
    baseAsset: str
    baseAssetPrecision: int
    quoteAsset: str
    quotePrecision: int
    quoteAssetPrecision: int
    baseCommissionPrecision: int
    quoteCommissionPrecision: int
    orderTypes: list[str]
    icebergAllowed: bool
    ocoAllowed: bool
    otoAllowed: bool
    opoAllowed: bool
    quoteOrderQtyMarketAllowed: bool
    allowTrailingStop: bool
    cancelReplaceAllowed: bool
    amendAllowed: bool
    pegInstructionsAllowed: bool
    isSpotTradingAllowed: bool
    isMarginTradingAllowed: bool
    filters: list[Filter]
    permissions: list[str]
    permissionSets: list[list[str]]
    defaultSelfTradePreventionMode: str
    allowedSelfTradePreventionModes: list[str]


class ExchangeInformation(TypedDict):
    timezone: str
    serverTime: int
    rateLimits: list[RateLimit]
    exchangeFilters: list[Filter]
    symbols: list[SymbolInformation]


class PriceRange(TypedDict):
    ruleType: str
    bidLimitMultUp: NotRequired[DecimalText]
    bidLimitMultDown: NotRequired[DecimalText]
    askLimitMultUp: NotRequired[DecimalText]
    askLimitMultDown: NotRequired[DecimalText]


class RulesOfSymbol(TypedDict):
    symbol: str
    rules: list[PriceRange]


class ExecutionRules(TypedDict):
    symbolRules: list[RulesOfSymbol]


class ReferencePrice(TypedDict):
    symbol: str
    referencePrice: DecimalText | None
    timestamp: int


class ReferenceCalculation(TypedDict):
    symbol: str
    calculationType: str
    bucketCount: NotRequired[int]
    bucketWidthMs: NotRequired[int]
    externalCalculationId: NotRequired[int]


class Book(TypedDict):
    symbol: NotRequired[str]  # of /api/v1
    lastUpdateId: int
    bids: list[Level]
    asks: list[Level]


class AveragePrice(TypedDict):
    mins: int
    price: DecimalText
    closeTime: int


class LastPrice(TypedDict):
    symbol: str
    price: DecimalText


class BookTicker(TypedDict):
    symbol: str
    bidPrice: DecimalText
    bidQty: DecimalText
    askPrice: DecimalText
    askQty: DecimalText


class MiniTicker(TypedDict):
    symbol: str
    openPrice: DecimalText
    highPrice: DecimalText
    lowPrice: DecimalText
    lastPrice: DecimalText
    volume: DecimalText
    quoteVolume: DecimalText
    openTime: int
    closeTime: int
    firstId: int
    lastId: int
    count: int


class Ticker(MiniTicker):
    priceChange: DecimalText
    priceChangePercent: DecimalText
    weightedAvgPrice: DecimalText


class DayTicker(Ticker):
    prevClosePrice: DecimalText
    lastQty: DecimalText
    bidPrice: DecimalText
    bidQty: DecimalText
    askPrice: DecimalText
    askQty: DecimalText


class PublicTrade(TypedDict):
    id: int
    price: DecimalText
    qty: DecimalText
    quoteQty: DecimalText
    time: int
    isBuyerMaker: bool
    isBestMatch: bool


class AggregateTrade(TypedDict):
    a: int
    p: DecimalText
    q: DecimalText
    f: int
    l: int  # noqa: E741 - Binance's name
    T: int
    m: bool
    M: bool


class Nowhere(TypedDict):
    """Of futures, which are not here."""

    symbols: list[Any]


# One symbol was named, or several or none.
LastPrices = LastPrice | list[LastPrice]
BookTickers = BookTicker | list[BookTicker]
DayTickers = DayTicker | MiniTicker | list[DayTicker | MiniTicker]
Tickers = Ticker | MiniTicker | list[Ticker | MiniTicker]
