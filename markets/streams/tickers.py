"""What the streams of figures show: tickers of 24 hours and other windows, average and reference prices.

Sources: web-socket-streams.md, "Individual Symbol ... Streams", "Average Price", "Reference Price Streams". The fact a
newcomer would get wrong: the letters are not the same everywhere. `c` and `C`, `o` and `O` stand beside each other.
"""

from engine.amounts import to_text
from engine.types import PRICE_DECIMALS, SymbolSpec
from markets.rendering import mini_ticker_view, ticker_view, units_text, window_ticker_view
from markets.streams.gauges import ReferenceReading
from markets.tickers import AveragePrice, Ticker, Ticker24h

DAY_FIELDS = {
    "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice", "c": "lastPrice",
    "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty", "o": "openPrice", "h": "highPrice",
    "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime", "C": "closeTime", "F": "firstId",
    "L": "lastId", "n": "count",
}  # fmt: skip
MINI_FIELDS = {
    "c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume",
}  # fmt: skip
WINDOW_FIELDS = {
    "p": "priceChange", "P": "priceChangePercent", "o": "openPrice", "h": "highPrice", "l": "lowPrice",
    "c": "lastPrice", "w": "weightedAvgPrice", "v": "volume", "q": "quoteVolume", "O": "openTime", "C": "closeTime",
    "F": "firstId", "L": "lastId", "n": "count",
}  # fmt: skip
TIMES = frozenset({"E", "O", "C"})  # these alone do not make a new event
REFERENCE_TIMES = frozenset({"t"})


def day_ticker(spec: SymbolSpec, ticker: Ticker24h) -> dict[str, object]:
    """The data of a `24hrTicker` event."""
    return _event("24hrTicker", ticker.now_ms, spec) | _named(DAY_FIELDS, ticker_view(spec, ticker))


def mini_ticker(spec: SymbolSpec, ticker: Ticker24h) -> dict[str, object]:
    """The data of a `24hrMiniTicker` event."""
    return _event("24hrMiniTicker", ticker.now_ms, spec) | _named(MINI_FIELDS, mini_ticker_view(spec, ticker))


def window_event(size: str, spec: SymbolSpec, ticker: Ticker) -> dict[str, object]:
    """The data of a `1hTicker`, `4hTicker` or `1dTicker` event."""
    return _event(f"{size}Ticker", ticker.close_ms, spec) | _named(WINDOW_FIELDS, window_ticker_view(spec, ticker))


def average_event(spec: SymbolSpec, average: AveragePrice) -> dict[str, object] | None:
    """The data of an `avgPrice` event; None before the first trade."""
    if not average.close_ms:
        return None
    price = units_text(average.price_e8)
    return _event("avgPrice", average.now_ms, spec) | {"i": f"{average.minutes}m", "w": price, "T": average.close_ms}


def reference_event(spec: SymbolSpec, reading: ReferenceReading) -> dict[str, object] | None:
    """The data of a `referencePrice` event; None for a symbol that never had one."""
    if reading.price is None:
        return None
    units = reading.price.price_units
    text = None if units is None else to_text(units, decimals=PRICE_DECIMALS)
    return {"e": "referencePrice", "s": spec.symbol, "r": text, "t": reading.price.valid_ms}


def _event(kind: str, now_ms: int, spec: SymbolSpec) -> dict[str, object]:
    return {"e": kind, "E": now_ms, "s": spec.symbol}


def _named(fields: dict[str, str], view: dict[str, object]) -> dict[str, object]:
    return {key: view[field] for key, field in fields.items()}
