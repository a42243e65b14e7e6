"""General endpoints, books and trades: what REST tells without a key."""

from typing import Final

from conformance.areas.shapes import AGGREGATE, INFO, PRICES, SYMBOLS, TRADE, WRONG_SYMBOL, traded
from conformance.checks import EMPTY, LEVEL, LIST, TEXT, TIME, WHOLE, AtLeast, Each, hold, same
from conformance.lab import Lab, accepted
from conformance.rules import GET, Area, expect

AREA: Final = Area("market", "General endpoints, books and trades", traded)
TEST_CONNECTIVITY = AREA.by("rest-api.md: Test connectivity")
CHECK_SERVER_TIME = AREA.by("rest-api.md: Check server time")
EXCHANGE_INFO = AREA.by("rest-api.md: Exchange information")
EXCHANGE_INFO_NOTES = AREA.by("rest-api.md: Exchange information, Notes")
BAD_STATUS = AREA.by("errors.md: -1122 INVALID_SYMBOLSTATUS")
DUPLICATES = AREA.by("errors.md: -1151 DUPLICATE_SYMBOLS")
DEPTH = AREA.by("rest-api.md: Order book")
TRADES = AREA.by("rest-api.md: Recent trades list")
OLD_TRADES = AREA.by("rest-api.md: Old trade lookup")
GENERAL_API_INFORMATION = AREA.by("rest-api.md: General API Information")
AGGREGATES = AREA.by("rest-api.md: Compressed/Aggregate trades list")
BAD_SYMBOL = AREA.by("errors.md: -1121 BAD_SYMBOL")
MISSING = AREA.by("errors.md: -1102 MANDATORY_PARAM_EMPTY_OR_MALFORMED")
HISTORICAL_BLOCK_TRADES = AREA.by("rest-api.md: Historical Block Trades")

TEST_CONNECTIVITY.answers("ping answers an empty object", GET("/ping"), {})
CHECK_SERVER_TIME.answers("time answers serverTime alone", GET("/time"), {"serverTime": TIME})


@CHECK_SERVER_TIME.rule("serverTime is now", GET("/time"), "within 2 s of the caller's clock")
def time_is_now(lab: Lab) -> None:
    before = lab.now_ms()
    told = accepted(lab.public("/time"))["serverTime"]
    hold(before - 2000 <= told <= lab.now_ms() + 2000, "serverTime is more than 2 s off")


EXCHANGE_INFO.answers(
    "exchangeInfo of one symbol has every documented field", GET("/exchangeInfo", symbol="{symbol}"), INFO
)
EXCHANGE_INFO.answers(
    "exchangeInfo takes symbols as a JSON list",
    GET("/exchangeInfo", symbols=SYMBOLS),
    AtLeast({"symbols": [AtLeast({"symbol": "{symbol}"})]}),
)
EXCHANGE_INFO.answers(
    "exchangeInfo without parameters has all symbols",
    GET("/exchangeInfo"),
    AtLeast({"symbols": Each(AtLeast({"symbol": TEXT, "filters": LIST, "permissions": LIST}))}),
)
EXCHANGE_INFO.answers(
    "exchangeInfo takes permissions as one word",
    GET("/exchangeInfo", permissions="SPOT"),
    AtLeast({"symbols": Each(AtLeast({"symbol": TEXT}))}),
)
EXCHANGE_INFO.answers(
    "exchangeInfo takes permissions as a list",
    GET("/exchangeInfo", permissions='["SPOT","MARGIN"]'),
    AtLeast({"symbols": Each(AtLeast({"symbol": TEXT}))}),
)
EXCHANGE_INFO.answers(
    "showPermissionSets=false leaves permissionSets empty",
    GET("/exchangeInfo", symbol="{symbol}", showPermissionSets=False),
    AtLeast({"symbols": [AtLeast({"permissionSets": EMPTY})]}),
)
EXCHANGE_INFO.answers(
    "permissionSets are shown by default",
    GET("/exchangeInfo", symbol="{symbol}"),
    AtLeast({"symbols": [AtLeast({"permissionSets": Each(Each(TEXT))})]}),
)
EXCHANGE_INFO.answers(
    "symbolStatus selects symbols",
    GET("/exchangeInfo", symbolStatus="TRADING"),
    AtLeast({"symbols": Each(AtLeast({"status": "TRADING"}))}),
)
EXCHANGE_INFO.answers(
    "symbolStatus HALT leaves out those that trade",
    GET("/exchangeInfo", symbolStatus="BREAK"),
    AtLeast({"symbols": EMPTY}),
)
EXCHANGE_INFO_NOTES.refuses(
    "exchangeInfo refuses an unknown symbol", GET("/exchangeInfo", symbol="NONE"), *WRONG_SYMBOL
)
EXCHANGE_INFO_NOTES.refuses(
    "exchangeInfo refuses an unknown one among symbols",
    GET("/exchangeInfo", symbols='["{symbol}","NONE"]'),
    *WRONG_SYMBOL,
)
EXCHANGE_INFO.rejects(
    "symbolStatus goes with neither symbol nor symbols",
    GET("/exchangeInfo", symbol="{symbol}", symbolStatus="TRADING"),
)
EXCHANGE_INFO_NOTES.rejects(
    "permissions goes with neither symbol nor symbols",
    GET("/exchangeInfo", symbol="{symbol}", permissions="SPOT"),
)
BAD_STATUS.refuses(
    "a status that is none is refused", GET("/exchangeInfo", symbolStatus="OPEN"), -1122, "Invalid symbolStatus."
)
DUPLICATES.refuses(
    "a symbol twice in symbols is refused",
    GET("/exchangeInfo", symbols='["{symbol}","{symbol}"]'),
    -1151,
    "Symbol is present multiple times in the list.",
)
DEPTH.answers(
    "depth has lastUpdateId, bids and asks, best first",
    GET("/depth", symbol="{symbol}"),
    {
        "lastUpdateId": WHOLE,
        "bids": [["90.00000000", "2.00000000"], ["89.00000000", "1.00000000"]],
        "asks": [["110.00000000", "3.00000000"]],
    },
)
DEPTH.answers(
    "depth limit=1 is one level a side",
    GET("/depth", symbol="{symbol}", limit=1),
    {"lastUpdateId": WHOLE, "bids": [LEVEL], "asks": [LEVEL]},
)
DEPTH.answers(
    "depth limit above 5000 is answered as 5000",
    GET("/depth", symbol="{symbol}", limit=6000),
    AtLeast({"bids": Each(LEVEL)}),
)
DEPTH.answers(
    "depth with the symbol's own status",
    GET("/depth", symbol="{symbol}", symbolStatus="TRADING"),
    AtLeast({"bids": Each(LEVEL)}),
)
DEPTH.refuses(
    "depth with another status than the symbol's",
    GET("/depth", symbol="{symbol}", symbolStatus="HALT"),
    -1220,
    "The symbol's status does not match the requested symbolStatus.",
)
TRADES.answers("trades have the documented fields", GET("/trades", symbol="{symbol}"), Each(TRADE))
OLD_TRADES.answers("historicalTrades have the same fields", GET("/historicalTrades", symbol="{symbol}"), Each(TRADE))


@GENERAL_API_INFORMATION.rule(
    "trades come oldest first",
    GET("/trades", symbol="{symbol}"),
    "the prices in the order of trading, ids rising by one",
)
def trades_in_order(lab: Lab) -> None:
    rows = accepted(lab.public("/trades", symbol=lab.market().symbol))
    same([f"{price}.00000000" for price in PRICES], [row["price"] for row in rows], "the prices")
    first = rows[0]["id"]
    same([first + step for step in range(4)], [row["id"] for row in rows], "the ids")


@TRADES.rule(
    "trades limit=2 has the most recent two",
    GET("/trades", symbol="{symbol}", limit=2),
    "the last two trades, oldest first",
)
def latest_trades(lab: Lab) -> None:
    rows = accepted(lab.public("/trades", symbol=lab.market().symbol, limit=2))
    same(["103.00000000", "102.00000000"], [row["price"] for row in rows], "the prices")


@OLD_TRADES.rule(
    "historicalTrades fromId is inclusive",
    GET("/historicalTrades", symbol="{symbol}", fromId="(second)"),
    "trades from that id on",
)
def trades_from_id(lab: Lab) -> None:
    symbol = lab.market().symbol
    second = accepted(lab.public("/trades", symbol=symbol))[1]["id"]
    rows = accepted(lab.public("/historicalTrades", symbol=symbol, fromId=second))
    same([second, second + 1, second + 2], [row["id"] for row in rows], "the ids")


@TRADES.rule("quoteQty is price times quantity", GET("/trades", symbol="{symbol}"), "100.00000000 for 1 at 100")
def quote_quantity(lab: Lab) -> None:
    first = accepted(lab.public("/trades", symbol=lab.market().symbol))[0]
    same("100.00000000", first["quoteQty"], "quoteQty")


@TRADES.rule(
    "isBuyerMaker says whether the buyer rested", GET("/trades", symbol="{symbol}"), "false where a buyer took"
)
def buyer_maker(lab: Lab) -> None:
    rows = accepted(lab.public("/trades", symbol=lab.market().symbol))
    same([False] * 4, [row["isBuyerMaker"] for row in rows], "isBuyerMaker")


AGGREGATES.answers("aggTrades have the documented fields", GET("/aggTrades", symbol="{symbol}"), Each(AGGREGATE))


@AGGREGATES.rule(
    "one taker at one price is one aggregate",
    "POST order twice SELL 1 at 100, POST order BUY 2 at 100, GET aggTrades",
    "one row with q=2 that spans two trade ids",
)
def one_aggregate(lab: Lab) -> None:
    market = lab.fresh_market()
    for _ in range(2):
        lab.user("carol").limit(market, "SELL", "1", "100")
    lab.user("dave").limit(market, "BUY", "2", "100")
    rows = accepted(lab.public("/aggTrades", symbol=market.symbol))
    same(["2.00000000"], [row["q"] for row in rows], "the quantities")
    same(1, rows[0]["l"] - rows[0]["f"], "last id less first id")


@AGGREGATES.rule(
    "aggTrades fromId is inclusive",
    GET("/aggTrades", symbol="{symbol}", fromId="(third)", limit=1),
    "the aggregate of that id",
)
def aggregates_from_id(lab: Lab) -> None:
    symbol = lab.market().symbol
    third = accepted(lab.public("/aggTrades", symbol=symbol))[2]["a"]
    rows = accepted(lab.public("/aggTrades", symbol=symbol, fromId=third, limit=1))
    same([third], [row["a"] for row in rows], "the ids")


@AGGREGATES.rule(
    "aggTrades startTime and endTime are inclusive",
    GET("/aggTrades", symbol="{symbol}", startTime="(T)", endTime="(T)"),
    "the trades of that millisecond",
)
def aggregates_of_a_time(lab: Lab) -> None:
    symbol = lab.market().symbol
    first = accepted(lab.public("/aggTrades", symbol=symbol))[0]
    rows = accepted(lab.public("/aggTrades", symbol=symbol, startTime=first["T"], endTime=first["T"]))
    hold(first in rows, "the trade of that time is missing")
    same([first["T"]] * len(rows), [row["T"] for row in rows], "the times")


for path in (
    "/depth",
    "/trades",
    "/historicalTrades",
    "/aggTrades",
    "/avgPrice",
    "/ticker/24hr",
    "/ticker/price",
    "/ticker/bookTicker",
    "/ticker",
    "/ticker/tradingDay",
):
    BAD_SYMBOL.refuses(f"{path[1:]} refuses an unknown symbol", GET(path, symbol="NONE"), *WRONG_SYMBOL)
for path in ("/depth", "/trades", "/historicalTrades", "/aggTrades", "/avgPrice", "/klines", "/uiKlines"):
    MISSING.refuses(
        f"{path[1:]} needs a symbol",
        GET(path, interval="1m") if "lines" in path else GET(path),
        -1102,
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
    )
MISSING.refuses(
    "klines need an interval",
    GET("/klines", symbol="{symbol}"),
    -1102,
    "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.",
)


@HISTORICAL_BLOCK_TRADES.rule(
    "historicalBlockTrades is served",
    GET("/historicalBlockTrades", symbol="{symbol}", fromId=0),
    "a list of block trades: here there are none",
)
def block_trades(lab: Lab) -> None:
    expect(lab.public("/historicalBlockTrades", symbol=lab.market().symbol, fromId=0), EMPTY)
