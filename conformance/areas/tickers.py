"""Candles, average prices and tickers."""

from typing import Final

from conformance.areas.shapes import BOOK, DAY, INTERVALS, KLINE, MINI, SYMBOLS, WINDOW, traded
from conformance.checks import DECIMAL, EMPTY, TEXT, TIME, WHOLE, AtLeast, Each, hold, same
from conformance.lab import Lab, accepted
from conformance.rules import GET, Area, expect

AREA: Final = Area("tickers", "Candles and tickers", traded)
KLINES = AREA.by("rest-api.md: Kline/Candlestick data")
UIKLINES = AREA.by("rest-api.md: UIKlines")
KLINE_NOTES = AREA.by("rest-api.md: Kline/Candlestick data, Notes")
BAD_INTERVAL = AREA.by("errors.md: -1120 BAD_INTERVAL")
AVERAGE = AREA.by("rest-api.md: Current average price")
DAY_TICKER = AREA.by("rest-api.md: 24hr ticker price change statistics")
BAD_TYPE = AREA.by("errors.md: -1139 INVALID_TICKER_TYPE")
TRADING_DAY = AREA.by("rest-api.md: Trading Day Ticker")
ROLLING = AREA.by("rest-api.md: Rolling window price change statistics")
PRICE = AREA.by("rest-api.md: Symbol price ticker")
BOOK_TICKER = AREA.by("rest-api.md: Symbol order book ticker")

for interval in INTERVALS:
    KLINES.answers(
        f"klines {interval} are rows of twelve", GET("/klines", symbol="{symbol}", interval=interval), Each(KLINE)
    )
UIKLINES.answers("uiKlines have the same rows", GET("/uiKlines", symbol="{symbol}", interval="1m"), Each(KLINE))
KLINE_NOTES.answers(
    "klines take a timeZone of hours and minutes",
    GET("/klines", symbol="{symbol}", interval="1d", timeZone="-1:00"),
    Each(KLINE),
)
KLINE_NOTES.answers(
    "klines take a timeZone of hours", GET("/klines", symbol="{symbol}", interval="1d", timeZone="8"), Each(KLINE)
)
KLINE_NOTES.answers(
    "timeZone +14:00 is the last", GET("/klines", symbol="{symbol}", interval="1d", timeZone="14:00"), Each(KLINE)
)
BAD_INTERVAL.refuses(
    "an interval that is none", GET("/klines", symbol="{symbol}", interval="2m"), -1120, "Invalid interval."
)
KLINES.refuses(
    "intervals are case-sensitive", GET("/klines", symbol="{symbol}", interval="1D"), -1120, "Invalid interval."
)


@KLINE_NOTES.rule(
    "a timeZone past the range is refused", GET("/klines", symbol="{symbol}", interval="1d", timeZone="14:01"), "400"
)
def time_zone_out_of_range(lab: Lab) -> None:
    answer = lab.public("/klines", symbol=lab.market().symbol, interval="1d", timeZone="14:01")
    expect(answer, {"code": WHOLE, "msg": TEXT}, status=400)


@KLINE_NOTES.rule(
    "a candle of UTC+8 opens at midnight there",
    GET("/klines", symbol="{symbol}", interval="1d", timeZone="8"),
    "open time at 16:00 UTC",
)
def time_zone_moves_candles(lab: Lab) -> None:
    rows = accepted(lab.public("/klines", symbol=lab.market().symbol, interval="1d", timeZone="8"))
    same(16 * 3_600_000, rows[-1][0] % 86_400_000, "the open time's time of day")


@KLINES.rule(
    "a candle adds up its trades",
    GET("/klines", symbol="{symbol}", interval="1M"),
    "open 100, high 103, low 100, close 102, volume 4, quote volume 406, 4 trades, all bought by takers",
)
def candle_adds_up(lab: Lab) -> None:
    row = accepted(lab.public("/klines", symbol=lab.market().symbol, interval="1M"))[-1]
    prices = [f"{price}.00000000" for price in (100, 103, 100, 102)]
    same([*prices, "4.00000000"], row[1:6], "open, high, low, close, volume")
    same(["406.00000000", 4, "4.00000000", "406.00000000"], row[7:11], "quote volume, trades, taker volumes")


@KLINES.rule(
    "a candle closes a millisecond before the next",
    GET("/klines", symbol="{symbol}", interval="1h"),
    "close time = open time + 1 h - 1 ms",
)
def candle_closes(lab: Lab) -> None:
    row = accepted(lab.public("/klines", symbol=lab.market().symbol, interval="1h"))[-1]
    same(3_599_999, row[6] - row[0], "close time less open time")


AVERAGE.answers(
    "avgPrice has mins, price, closeTime",
    GET("/avgPrice", symbol="{symbol}"),
    {"mins": 5, "price": "101.50000000", "closeTime": TIME},
)
DAY_TICKER.answers("24hr of a symbol has the fields of FULL", GET("/ticker/24hr", symbol="{symbol}"), DAY)
DAY_TICKER.answers("24hr of symbols is a list", GET("/ticker/24hr", symbols=SYMBOLS), [DAY])
DAY_TICKER.answers("24hr type=MINI has fewer fields", GET("/ticker/24hr", symbol="{symbol}", type="MINI"), MINI)
DAY_TICKER.answers(
    "24hr without parameters has all symbols",
    GET("/ticker/24hr"),
    Each(AtLeast({"symbol": TEXT, "lastPrice": DECIMAL})),
)
DAY_TICKER.answers(
    "24hr tells what was traded",
    GET("/ticker/24hr", symbol="{symbol}"),
    AtLeast(
        {
            "priceChange": "2.00000000",
            "priceChangePercent": "2.000",
            "weightedAvgPrice": "101.50000000",
            "openPrice": "100.00000000",
            "highPrice": "103.00000000",
            "lowPrice": "100.00000000",
            "lastPrice": "102.00000000",
            "lastQty": "1.00000000",
            "volume": "4.00000000",
            "quoteVolume": "406.00000000",
            "bidPrice": "90.00000000",
            "bidQty": "2.00000000",
            "askPrice": "110.00000000",
            "askQty": "3.00000000",
            "count": 4,
        }
    ),
)
BAD_TYPE.refuses(
    "24hr refuses a type that is none",
    GET("/ticker/24hr", symbol="{symbol}", type="SHORT"),
    -1139,
    "Invalid ticker type.",
)
DAY_TICKER.refuses(
    "24hr takes symbol or symbols, not both",
    GET("/ticker/24hr", symbol="{symbol}", symbols=SYMBOLS),
    -1128,
    "Combination of optional parameters invalid.",
)
TRADING_DAY.answers("tradingDay of a symbol", GET("/ticker/tradingDay", symbol="{symbol}"), WINDOW)
TRADING_DAY.answers("tradingDay of symbols is a list", GET("/ticker/tradingDay", symbols=SYMBOLS), [WINDOW])
TRADING_DAY.answers("tradingDay type=MINI", GET("/ticker/tradingDay", symbol="{symbol}", type="MINI"), MINI)
TRADING_DAY.answers("tradingDay takes a timeZone", GET("/ticker/tradingDay", symbol="{symbol}", timeZone="-5"), WINDOW)
TRADING_DAY.refuses(
    "tradingDay needs symbol or symbols",
    GET("/ticker/tradingDay"),
    -1102,
    "Param 'symbol' or 'symbols' must be sent, but both were empty/null!",
)
ROLLING.answers("ticker of a symbol", GET("/ticker", symbol="{symbol}"), WINDOW)
ROLLING.answers("ticker of symbols is a list", GET("/ticker", symbols=SYMBOLS), [WINDOW])
ROLLING.answers("ticker type=MINI", GET("/ticker", symbol="{symbol}", type="MINI"), MINI)
ROLLING.refuses(
    "ticker needs symbol or symbols",
    GET("/ticker"),
    -1102,
    "Param 'symbol' or 'symbols' must be sent, but both were empty/null!",
)
for size in ("1m", "59m", "1h", "23h", "1d", "7d"):
    ROLLING.answers(f"ticker windowSize={size}", GET("/ticker", symbol="{symbol}", windowSize=size), WINDOW)


@ROLLING.rule("units of a windowSize are not combined", GET("/ticker", symbol="{symbol}", windowSize="1d2h"), "400")
def combined_window(lab: Lab) -> None:
    answer = lab.public("/ticker", symbol=lab.market().symbol, windowSize="1d2h")
    expect(answer, {"code": WHOLE, "msg": TEXT}, status=400)


@ROLLING.rule(
    "a rolling window opens on a minute",
    GET("/ticker", symbol="{symbol}", windowSize="1h"),
    "openTime on a minute, the window up to 59,999 ms wider than asked for",
)
def window_on_a_minute(lab: Lab) -> None:
    found = accepted(lab.public("/ticker", symbol=lab.market().symbol, windowSize="1h"))
    same(0, found["openTime"] % 60_000, "openTime within its minute")
    wider = found["closeTime"] - found["openTime"] - 3_600_000
    hold(0 <= wider <= 59_999, f"the window is {wider} ms wider than an hour")


PRICE.answers(
    "ticker/price of a symbol", GET("/ticker/price", symbol="{symbol}"), {"symbol": "{symbol}", "price": "102.00000000"}
)
PRICE.answers(
    "ticker/price of symbols is a list",
    GET("/ticker/price", symbols=SYMBOLS),
    [{"symbol": "{symbol}", "price": "102.00000000"}],
)
PRICE.answers(
    "ticker/price without parameters has all symbols", GET("/ticker/price"), Each({"symbol": TEXT, "price": DECIMAL})
)
PRICE.refuses(
    "ticker/price of a symbol in another status",
    GET("/ticker/price", symbol="{symbol}", symbolStatus="HALT"),
    -1220,
    "The symbol's status does not match the requested symbolStatus.",
)
PRICE.answers(
    "ticker/price leaves out symbols in another status",
    GET("/ticker/price", symbols=SYMBOLS, symbolStatus="HALT"),
    EMPTY,
)
BOOK_TICKER.answers(
    "bookTicker of a symbol",
    GET("/ticker/bookTicker", symbol="{symbol}"),
    BOOK | {"bidPrice": "90.00000000", "bidQty": "2.00000000", "askPrice": "110.00000000", "askQty": "3.00000000"},
)
BOOK_TICKER.answers("bookTicker of symbols is a list", GET("/ticker/bookTicker", symbols=SYMBOLS), [BOOK])
BOOK_TICKER.answers(
    "bookTicker without parameters has all symbols", GET("/ticker/bookTicker"), Each(BOOK | {"symbol": TEXT})
)
