"""Public endpoints: time, rules, prices, depth, trades, candles. No key is asked for.

The fact a newcomer would get wrong: a limit above the maximum is no error, as on Binance: the maximum is served.
"""

import asyncio
import re
from typing import Annotated, Any, Final

import msgspec

from api.callers import Caller
from api.parameters import READS_JSON, EndTime, StartTime
from api.router import EndpointTable, Nothing
from api.runtime import Runtime
from engine.errors import BadParameter, Reason, Rejected
from engine.types import SymbolSpec, SymbolStatus
from markets import weights
from markets.candles import INTERVALS
from markets.exchange_info import exchange_info
from markets.execution_rules import execution_rules_view, reference_calculation_view, reference_price_view
from markets.klines import read_klines
from markets.rendering import kline_row, level_texts, price_text, ticker_view, trade_view
from markets.tickers import ticker_24h

ENDPOINTS: Final = EndpointTable()

MOST_LEVELS: Final = 5_000
MOST_ROWS: Final = 1_000  # of trades and candles
_SYMBOL = re.compile(r"[A-Z0-9_.-]{1,50}")
Limit = Annotated[int, msgspec.Meta(ge=1)]


class OfSymbol(msgspec.Struct, kw_only=True):
    symbol: str


class OfSymbols(msgspec.Struct, kw_only=True):
    """One symbol, or a JSON list of them, or (neither) all."""

    symbol: str | None = None
    symbols: Annotated[str, READS_JSON] | None = None


class ExecutionRulesRequest(OfSymbols, kw_only=True, rename="camel"):
    """One of these, or (none) all symbols."""

    symbol_status: SymbolStatus | None = None


class ReferenceCalculationRequest(OfSymbol, kw_only=True, rename="camel"):
    symbol_status: SymbolStatus | None = None


class DepthRequest(OfSymbol, kw_only=True):
    limit: Limit | None = None


class TradesRequest(OfSymbol, kw_only=True):
    limit: Limit = 500


class KlinesRequest(OfSymbol, kw_only=True, rename="camel"):
    interval: str
    start_time: StartTime | None = None
    end_time: EndTime | None = None
    limit: Limit = 500


async def spec_of(runtime: Runtime, symbol: str) -> SymbolSpec:
    """A symbol's rules. Raises Rejected UNKNOWN_SYMBOL, BadParameter for a text that is no symbol's name."""
    try:
        return await runtime.venue.registry.spec(symbol)
    except Rejected:
        if not _SYMBOL.fullmatch(symbol):
            raise BadParameter("symbol", "ILLEGAL_CHARACTERS", value=symbol) from None
        raise


async def _specs_of(runtime: Runtime, request: OfSymbols) -> list[SymbolSpec]:
    if request.symbol is not None and request.symbols is not None:
        raise BadParameter("symbols", "BAD_COMBINATION")
    if request.symbol is not None:
        return [await spec_of(runtime, request.symbol)]
    if request.symbols is None:
        return list((await runtime.venue.registry.specs()).values())
    try:
        names = msgspec.json.decode(request.symbols, type=list[str])
    except msgspec.DecodeError as error:
        raise BadParameter("symbols", "ILLEGAL_CHARACTERS", value=request.symbols) from error
    if not names:
        raise BadParameter("symbols", "EMPTY")
    return [await spec_of(runtime, name) for name in dict.fromkeys(names)]


@ENDPOINTS.endpoint("GET", "/ping", needs_venue=False, websocket="ping")
async def ping(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, str]:
    """Whether the server answers."""
    return caller.dialect.ping


@ENDPOINTS.endpoint("GET", "/time", websocket="time")
async def server_time(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, int]:
    """The venue's time."""
    return {"serverTime": (await runtime.venue.queries.clock()).now_ms}


@ENDPOINTS.endpoint("GET", "/exchangeInfo", weight=20, websocket="exchangeInfo")
async def get_exchange_info(request: OfSymbols, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Symbols and their rules."""
    specs = await _specs_of(runtime, request)
    return exchange_info(specs, (await runtime.venue.queries.clock()).now_ms)


@ENDPOINTS.endpoint("GET", "/executionRules", weight=weights.per_symbol(2, most=40), websocket="executionRules")
async def get_execution_rules(request: ExecutionRulesRequest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What is enforced when orders are executed; symbols without such a rule are left out."""
    given = [name for name in (request.symbol, request.symbols, request.symbol_status) if name is not None]
    if len(given) > 1:
        raise BadParameter("symbolStatus" if request.symbol_status is not None else "symbols", "BAD_COMBINATION")
    specs = await _specs_of(runtime, OfSymbols(symbol=request.symbol, symbols=request.symbols))
    status = request.symbol_status
    return execution_rules_view([spec for spec in specs if status is None or spec.status is status])


@ENDPOINTS.endpoint("GET", "/referencePrice", weight=2, websocket="referencePrice")
async def get_reference_price(request: OfSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The price that the PRICE_RANGE rule and the price filters look at; null while there is none."""
    spec = await spec_of(runtime, request.symbol)
    found = await runtime.venue.queries.reference_price(spec)
    if found is None:
        raise Rejected(Reason.NO_REFERENCE_PRICE)
    return reference_price_view(spec, found)


@ENDPOINTS.endpoint("GET", "/referencePrice/calculation", weight=2, websocket="referencePrice.calculation")
async def get_reference_calculation(
    request: ReferenceCalculationRequest, caller: Caller, runtime: Runtime
) -> dict[str, Any]:
    """How that price comes about."""
    spec = await spec_of(runtime, request.symbol)
    if request.symbol_status is not None and request.symbol_status is not spec.status:
        raise Rejected(Reason.WRONG_SYMBOL_STATUS)
    view = reference_calculation_view(spec)
    if view is None:
        raise Rejected(Reason.NO_REFERENCE_PRICE)
    return view


@ENDPOINTS.endpoint("GET", "/ticker/price", weight=weights.of_newest, websocket="ticker.price")
async def ticker_price(request: OfSymbols, caller: Caller, runtime: Runtime) -> Any:
    """The last price of a symbol, or of all that were traded."""
    specs = await _specs_of(runtime, request)
    states = await asyncio.gather(*(runtime.venue.queries.market_state(spec.symbol) for spec in specs))
    prices = [
        {"symbol": spec.symbol, "price": price_text(spec, state.last_price_ticks)}
        for spec, state in zip(specs, states, strict=True)
        if state.last_price_ticks is not None
    ]
    if request.symbol is None:
        return prices
    if not prices:
        raise Rejected(Reason.NO_TRADE_YET, request.symbol)
    return prices[0]


@ENDPOINTS.endpoint("GET", "/ticker/24hr", weight=weights.of_day_tickers, websocket="ticker.24hr")
async def ticker_24hr(request: OfSymbols, caller: Caller, runtime: Runtime) -> Any:
    """The last 24 hours of a symbol, or of all."""
    specs = await _specs_of(runtime, request)
    tickers = [ticker_view(spec, await ticker_24h(runtime.venue, spec)) for spec in specs]
    return tickers if request.symbol is None else tickers[0]


@ENDPOINTS.endpoint("GET", "/depth", weight=weights.of_depth, websocket="depth")
async def depth(request: DepthRequest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Price levels of both sides, best first."""
    spec = await spec_of(runtime, request.symbol)
    levels = min(request.limit or caller.dialect.default_depth, MOST_LEVELS)
    found = await runtime.venue.queries.depth(spec.symbol, levels)
    named = {"symbol": spec.symbol} if caller.dialect.depth_names_symbol else {}
    return {
        **named,
        "lastUpdateId": found.update_id,
        "bids": level_texts(spec, found.bids),
        "asks": level_texts(spec, found.asks),
    }


@ENDPOINTS.endpoint("GET", "/trades", weight=25, websocket="trades.recent")
async def trades(request: TradesRequest, caller: Caller, runtime: Runtime) -> list[dict[str, object]]:
    """The newest trades, oldest first."""
    spec = await spec_of(runtime, request.symbol)
    found = await runtime.venue.queries.trades(spec.symbol, limit=min(request.limit, MOST_ROWS))
    return [trade_view(spec, trade) for trade in found]


@ENDPOINTS.endpoint("GET", "/klines", weight=2, websocket="klines")
async def klines(request: KlinesRequest, caller: Caller, runtime: Runtime) -> list[list[object]]:
    """Candles, oldest first."""
    spec = await spec_of(runtime, request.symbol)
    if request.interval not in INTERVALS:
        raise BadParameter("interval", "UNKNOWN_VALUE", value=request.interval)
    check_times(request.start_time, request.end_time)
    found = await read_klines(
        runtime.venue,
        spec,
        request.interval,
        start_ms=request.start_time,
        end_ms=request.end_time,
        limit=min(request.limit, MOST_ROWS),
    )
    return [kline_row(spec, kline) for kline in found]


def check_times(start_ms: int | None, end_ms: int | None) -> None:
    """Raises BadParameter for a range that ends before it begins."""
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise BadParameter("endTime", "BAD_COMBINATION", detail="startTime is later than endTime.")
