"""Public endpoints of prices: the last one, the best ones, averages, and what was traded in a day or another window.

Source: rest-api.md, "Market Data endpoints". The fact a newcomer would get wrong: three endpoints tell of a day. One of
24 hours slides with every millisecond, one of a window begins with a minute, and a trading day has the same begin and
end for everybody in a time zone.
"""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from api.callers import Caller
from api.errors import one_of_two_missing
from api.router import EndpointTable
from api.runtime import Runtime
from engine.errors import BadParameter, Reason, Rejected
from engine.types import SymbolSpec
from markets import answers, weights
from markets.candles import DAY_MS, HOUR_MS, MINUTE_MS, open_of, venue_now
from markets.endpoints import OfSymbol, OfSymbolsInStatus, spec_of, specs_in_status
from markets.klines import read_time_zone
from markets.rendering import (
    average_view,
    book_ticker_view,
    mini_ticker_view,
    price_text,
    ticker_view,
    window_ticker_view,
)
from markets.tickers import Ticker, WindowSpan, average_price, ticker_24h, window_span, window_ticker

ENDPOINTS: Final = EndpointTable()

MOST_SYMBOLS: Final = 100  # of a window or a trading day
FULL, MINI = "FULL", "MINI"
_WINDOW: Final = re.compile(r"([1-9]\d?)([mhd])", re.ASCII)
_UNITS: Final = {"m": (MINUTE_MS, 59), "h": (HOUR_MS, 23), "d": (DAY_MS, 7)}  # and the most of each


class TickersRequest(OfSymbolsInStatus, kw_only=True):
    type: str = FULL


class TradingDayRequest(TickersRequest, kw_only=True, rename="camel"):
    time_zone: str = "0"


class WindowRequest(TickersRequest, kw_only=True, rename="camel"):
    window_size: str = "1d"


@ENDPOINTS.endpoint("GET", "/avgPrice", answer=answers.AveragePrice, weight=2, websocket="avgPrice")
async def avg_price(request: OfSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The average price of the last five minutes."""
    spec = await spec_of(runtime, request.symbol)
    return average_view(await average_price(runtime.venue, spec))


@ENDPOINTS.endpoint(
    "GET", "/ticker/price", answer=answers.LastPrices, weight=weights.of_newest, websocket="ticker.price"
)
async def ticker_price(request: OfSymbolsInStatus, caller: Caller, runtime: Runtime) -> Any:
    """The last price of a symbol, or of all."""
    specs = await specs_in_status(runtime, request)
    states = await asyncio.gather(*(runtime.venue.queries.market_state(spec.symbol) for spec in specs))
    prices = [
        {"symbol": spec.symbol, "price": price_text(spec, state.last_price_ticks or 0)}
        for spec, state in zip(specs, states, strict=True)
        if caller.dialect.prices_untraded or state.last_price_ticks is not None
    ]
    if request.symbol is None:
        return prices
    if not prices:
        raise Rejected(Reason.NO_TRADE_YET, request.symbol)
    return prices[0]


@ENDPOINTS.endpoint(
    "GET", "/ticker/bookTicker", answer=answers.BookTickers, weight=weights.of_newest, websocket="ticker.book"
)
async def book_ticker(request: OfSymbolsInStatus, caller: Caller, runtime: Runtime) -> Any:
    """The best prices of a symbol, or of all; zeros where a side of the book is empty."""
    specs = await specs_in_status(runtime, request)
    states = await asyncio.gather(*(runtime.venue.queries.market_state(spec.symbol) for spec in specs))
    views = [book_ticker_view(spec, state) for spec, state in zip(specs, states, strict=True)]
    return views if request.symbol is None else views[0]


@ENDPOINTS.endpoint(
    "GET", "/ticker/24hr", answer=answers.DayTickers, weight=weights.of_day_tickers, websocket="ticker.24hr"
)
async def ticker_24hr(request: TickersRequest, caller: Caller, runtime: Runtime) -> Any:
    """The last 24 hours of a symbol, or of all."""
    show = mini_ticker_view if _is_mini(request) else ticker_view
    specs = await specs_in_status(runtime, request)
    tickers = [show(spec, await ticker_24h(runtime.venue, spec)) for spec in specs]
    return tickers if request.symbol is None else tickers[0]


@ENDPOINTS.endpoint(
    "GET",
    "/ticker/tradingDay",
    answer=answers.Tickers,
    weight=weights.per_symbol(4, most=200),
    websocket="ticker.tradingDay",
)
async def ticker_trading_day(request: TradingDayRequest, caller: Caller, runtime: Runtime) -> Any:
    """The day of a time zone that is now, for symbols that are named."""
    zone_ms = read_time_zone(request.time_zone)

    def day(now_ms: int) -> WindowSpan:
        open_ms = open_of("1d", now_ms, zone_ms)
        return WindowSpan(open_ms, open_ms + DAY_MS, open_ms + DAY_MS - 1)

    return await _windows(request, runtime, day)


@ENDPOINTS.endpoint(
    "GET", "/ticker", answer=answers.Tickers, weight=weights.per_symbol(4, most=200), websocket="ticker"
)
async def ticker(request: WindowRequest, caller: Caller, runtime: Runtime) -> Any:
    """A window up to now that begins with a minute, for symbols that are named."""
    return await _windows(request, runtime, partial(window_span, _window_ms(request.window_size)))


async def _windows(request: TickersRequest, runtime: Runtime, span: Callable[[int], WindowSpan]) -> Any:
    """The answer for the window that `span` makes of the venue's time."""
    if request.symbol is None and request.symbols is None:
        raise one_of_two_missing("symbol", "symbols")
    show: Callable[[SymbolSpec, Ticker], dict[str, object]]
    show = mini_ticker_view if _is_mini(request) else window_ticker_view
    specs = await specs_in_status(runtime, request, most=MOST_SYMBOLS)
    open_ms, end_ms, close_ms = span(await venue_now(runtime.venue))
    tickers = [
        show(spec, await window_ticker(runtime.venue, spec, open_ms, end_ms, close_ms=close_ms)) for spec in specs
    ]
    return tickers if request.symbol is None else tickers[0]


def _is_mini(request: TickersRequest) -> bool:
    if request.type not in (FULL, MINI):
        raise BadParameter("type", "TICKER_TYPE", value=request.type)
    return request.type == MINI


def _window_ms(text: str) -> int:
    """1m to 59m, 1h to 23h, 1d to 7d. Raises BadParameter."""
    found = _WINDOW.fullmatch(text)
    if found is None or int(found[1]) > _UNITS[found[2]][1]:
        raise BadParameter("windowSize", "UNKNOWN_VALUE", value=text)
    return int(found[1]) * _UNITS[found[2]][0]
