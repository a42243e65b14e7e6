"""Public endpoints: time, rules, depth, candles; how symbols are asked for. No key is asked for.

The fact a newcomer would get wrong: a limit above the maximum is no error, as on Binance: the maximum is served.
"""

import re
from typing import Annotated, Any, Final

import msgspec

from api.callers import Caller
from api.parameters import READS_JSON, EndTime, StartTime
from api.router import EndpointTable, Nothing
from api.runtime import Runtime
from engine.errors import BadParameter, Reason, Rejected
from engine.types import SymbolSpec, SymbolStatus
from markets import answers, weights
from markets.candles import DAY_MS, INTERVALS
from markets.exchange_info import SYMBOL_PERMISSIONS, exchange_info
from markets.execution_rules import execution_rules_view, reference_calculation_view, reference_price_view
from markets.klines import read_klines, read_time_zone
from markets.rendering import kline_row, level_texts

ENDPOINTS: Final = EndpointTable()

MOST_LEVELS: Final = 5_000
MOST_ROWS: Final = 1_000  # of trades and candles
# enums.md, "Account and Symbol Permissions"
KNOWN_PERMISSIONS: Final = {"SPOT", "MARGIN", "LEVERAGED", *(f"TRD_GRP_{number:03}" for number in range(2, 26))}
_SYMBOL = re.compile(r"[A-Z0-9_.-]{1,50}")
Limit = Annotated[int, msgspec.Meta(ge=1)]


class OfSymbol(msgspec.Struct, kw_only=True):
    symbol: str


class OfSymbols(msgspec.Struct, kw_only=True):
    """One symbol, or a JSON list of them, or (neither) all."""

    symbol: str | None = None
    symbols: Annotated[str, READS_JSON] | None = None


class OfSymbolsInStatus(OfSymbols, kw_only=True, rename="camel"):
    """... and of these only those in a status."""

    symbol_status: SymbolStatus | None = None


class ExchangeInfoRequest(OfSymbolsInStatus, kw_only=True, rename="camel"):
    permissions: Annotated[str, READS_JSON] | None = None
    show_permission_sets: bool = True


class ExecutionRulesRequest(OfSymbolsInStatus, kw_only=True, rename="camel"):
    """One of these, or (none) all symbols."""


class ReferenceCalculationRequest(OfSymbol, kw_only=True, rename="camel"):
    symbol_status: SymbolStatus | None = None


class DepthRequest(OfSymbol, kw_only=True, rename="camel"):
    limit: Limit | None = None
    symbol_status: SymbolStatus | None = None


class KlinesRequest(OfSymbol, kw_only=True, rename="camel"):
    interval: str
    start_time: StartTime | None = None
    end_time: EndTime | None = None
    time_zone: str = "0"
    limit: Limit = 500


async def spec_of(runtime: Runtime, symbol: str) -> SymbolSpec:
    """A symbol's rules. Raises Rejected UNKNOWN_SYMBOL, BadParameter for a text that is no symbol's name."""
    try:
        return await runtime.venue.registry.spec(symbol)
    except Rejected:
        if not _SYMBOL.fullmatch(symbol):
            raise BadParameter("symbol", "ILLEGAL_CHARACTERS", value=symbol) from None
        raise


async def specs_of(runtime: Runtime, request: OfSymbols, *, most: int | None = None) -> list[SymbolSpec]:
    """The rules of the symbols asked for, of all without a name. Raises BadParameter (also above `most`), Rejected."""
    if request.symbol is not None and request.symbols is not None:
        raise BadParameter("symbols", "BAD_COMBINATION")
    if request.symbol is not None:
        return [await spec_of(runtime, request.symbol)]
    if request.symbols is None:
        return list((await runtime.venue.registry.specs()).values())
    names = read_names(request.symbols, "symbols")
    if not names:
        raise BadParameter("symbols", "EMPTY")
    if most is not None and len(names) > most:
        text = f"Too many parameters; expected '{most}' and received '{len(names)}'."
        raise BadParameter("symbols", "TOO_MANY", detail=text)
    if len(set(names)) < len(names):
        raise BadParameter("symbols", "SYMBOL_TWICE")
    return [await spec_of(runtime, name) for name in names]


async def specs_in_status(runtime: Runtime, request: OfSymbolsInStatus, *, most: int | None = None) -> list[SymbolSpec]:
    """The same; of several those in another status are left out, one alone raises Rejected WRONG_SYMBOL_STATUS."""
    specs = await specs_of(runtime, request, most=most)
    if request.symbol is not None:
        check_status(specs[0], request.symbol_status)
    return [spec for spec in specs if request.symbol_status in (None, spec.status)]


def check_status(spec: SymbolSpec, wanted: SymbolStatus | None) -> None:
    """Raises Rejected WRONG_SYMBOL_STATUS."""
    if wanted not in (None, spec.status):
        raise Rejected(Reason.WRONG_SYMBOL_STATUS)


def read_names(text: str, field: str) -> list[str]:
    """A JSON list of texts. Raises BadParameter."""
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError as error:
        raise BadParameter(field, "ILLEGAL_CHARACTERS", value=text) from error


@ENDPOINTS.endpoint("GET", "/ping", answer=answers.Pong, needs_venue=False, websocket="ping")
async def ping(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, str]:
    """Whether the server answers."""
    return caller.dialect.ping


@ENDPOINTS.endpoint("GET", "/time", answer=answers.ServerTime, websocket="time")
async def server_time(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, int]:
    """The venue's time."""
    return {"serverTime": (await runtime.venue.queries.clock()).now_ms}


@ENDPOINTS.endpoint("GET", "/exchangeInfo", answer=answers.ExchangeInformation, weight=20, websocket="exchangeInfo")
async def get_exchange_info(request: ExchangeInfoRequest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Symbols and their rules."""
    is_named = request.symbol is not None or request.symbols is not None
    for name, value in (("symbolStatus", request.symbol_status), ("permissions", request.permissions)):
        if is_named and value is not None:
            raise BadParameter(name, "BAD_COMBINATION")
    may_show = request.permissions is None or not SYMBOL_PERMISSIONS.isdisjoint(_permissions(request.permissions))
    specs = await specs_in_status(runtime, request) if may_show else []
    now_ms = (await runtime.venue.queries.clock()).now_ms
    limits = await runtime.venue.registry.rate_limits() if caller.dialect.is_limited else None
    return exchange_info(specs, now_ms, limits, shows_permissions=request.show_permission_sets)


@ENDPOINTS.endpoint(
    "GET",
    "/executionRules",
    answer=answers.ExecutionRules,
    weight=weights.per_symbol(2, most=40),
    websocket="executionRules",
)
async def get_execution_rules(request: ExecutionRulesRequest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What is enforced when orders are executed; symbols without such a rule are left out."""
    given = [name for name in (request.symbol, request.symbols, request.symbol_status) if name is not None]
    if len(given) > 1:
        raise BadParameter("symbolStatus" if request.symbol_status is not None else "symbols", "BAD_COMBINATION")
    specs = await specs_of(runtime, OfSymbols(symbol=request.symbol, symbols=request.symbols))
    status = request.symbol_status
    return execution_rules_view([spec for spec in specs if status is None or spec.status is status])


@ENDPOINTS.endpoint("GET", "/referencePrice", answer=answers.ReferencePrice, weight=2, websocket="referencePrice")
async def get_reference_price(request: OfSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The price that the PRICE_RANGE rule and the price filters look at; null while there is none."""
    spec = await spec_of(runtime, request.symbol)
    found = await runtime.venue.queries.reference_price(spec)
    if found is None:
        raise Rejected(Reason.NO_REFERENCE_PRICE)
    return reference_price_view(spec, found)


@ENDPOINTS.endpoint(
    "GET",
    "/referencePrice/calculation",
    answer=answers.ReferenceCalculation,
    weight=2,
    websocket="referencePrice.calculation",
)
async def get_reference_calculation(
    request: ReferenceCalculationRequest, caller: Caller, runtime: Runtime
) -> dict[str, Any]:
    """How that price comes about."""
    spec = await spec_of(runtime, request.symbol)
    check_status(spec, request.symbol_status)
    view = reference_calculation_view(spec)
    if view is None:
        raise Rejected(Reason.NO_REFERENCE_PRICE)
    return view


@ENDPOINTS.endpoint("GET", "/depth", answer=answers.Book, weight=weights.of_depth, websocket="depth")
async def depth(request: DepthRequest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Price levels of both sides, best first."""
    spec = await spec_of(runtime, request.symbol)
    check_status(spec, request.symbol_status)
    levels = min(request.limit or caller.dialect.default_depth, MOST_LEVELS)
    found = await runtime.venue.queries.depth(spec.symbol, levels)
    named = {"symbol": spec.symbol} if caller.dialect.depth_names_symbol else {}
    return {
        **named,
        "lastUpdateId": found.update_id,
        "bids": level_texts(spec, found.bids),
        "asks": level_texts(spec, found.asks),
    }


@ENDPOINTS.endpoint("GET", "/klines", answer=list[answers.Candle], weight=2, websocket="klines")
async def klines(request: KlinesRequest, caller: Caller, runtime: Runtime) -> list[list[object]]:
    """Candles, oldest first."""
    spec = await spec_of(runtime, request.symbol)
    if request.interval not in INTERVALS:
        raise BadParameter("interval", "UNKNOWN_VALUE", value=request.interval)
    check_times(request.start_time, request.end_time)
    zone_ms = read_time_zone(request.time_zone)
    found = await read_klines(
        runtime.venue,
        spec,
        request.interval,
        start_ms=request.start_time,
        end_ms=request.end_time,
        limit=min(request.limit, MOST_ROWS),
        zone_ms=zone_ms,
    )
    return [kline_row(spec, kline) for kline in found]


@ENDPOINTS.endpoint("GET", "/uiKlines", answer=list[answers.Candle], weight=2, websocket="uiKlines")
async def ui_klines(request: KlinesRequest, caller: Caller, runtime: Runtime) -> list[list[object]]:
    """The same: nothing has to be modified for those who draw them."""
    return await klines(request, caller, runtime)


def _permissions(text: str) -> set[str]:
    """What a symbol may be traded with: one word, or a JSON list of them. Raises BadParameter."""
    words = set(read_names(text, "permissions") if text.startswith("[") else [text])
    if not words <= KNOWN_PERMISSIONS:
        raise BadParameter("permissions", "UNKNOWN_VALUE", value=text)
    return words


def check_times(start_ms: int | None, end_ms: int | None) -> None:
    """Raises BadParameter for a range that ends before it begins."""
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise BadParameter("endTime", "BAD_COMBINATION", detail="startTime is later than endTime.")


def check_span(start_ms: int | None, end_ms: int | None) -> None:
    """Raises BadParameter for a range of more than 24 hours."""
    if start_ms is not None and end_ms is not None and end_ms - start_ms > DAY_MS:
        raise BadParameter("endTime", "TOO_LONG_A_SPAN")
