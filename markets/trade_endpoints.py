"""Public endpoints of trades: the newest, older ones, and those of a taker at one price taken together.

Source: rest-api.md, "Market Data endpoints"; web-socket-api.md, "Aggregate trades", for what goes together. The fact a
newcomer would get wrong: a limit above the maximum is no error, as on Binance: the maximum is served.
"""

from typing import Any, Final

from api.callers import Caller
from api.parameters import EndTime, StartTime
from api.router import EndpointTable
from api.runtime import Runtime
from engine.errors import BadParameter
from markets import answers
from markets.endpoints import MOST_ROWS, Limit, OfSymbol, check_times, spec_of
from markets.rendering import aggregate_view, trade_view
from markets.trade_history import Span, aggregates, trades_from

ENDPOINTS: Final = EndpointTable()


class TradesRequest(OfSymbol, kw_only=True):
    limit: Limit = 500


class OldTradesRequest(TradesRequest, kw_only=True, rename="camel"):
    from_id: int | None = None


class BlockTradesRequest(TradesRequest, kw_only=True, rename="camel"):
    from_id: int


class AggregatesRequest(OldTradesRequest, kw_only=True, rename="camel"):
    start_time: StartTime | None = None
    end_time: EndTime | None = None


@ENDPOINTS.endpoint("GET", "/trades", answer=list[answers.PublicTrade], weight=25, websocket="trades.recent")
async def trades(request: TradesRequest, caller: Caller, runtime: Runtime) -> list[dict[str, object]]:
    """The newest trades, oldest first."""
    spec = await spec_of(runtime, request.symbol)
    found = await runtime.venue.queries.trades(spec.symbol, limit=min(request.limit, MOST_ROWS))
    return [trade_view(spec, trade) for trade in found]


@ENDPOINTS.endpoint(
    "GET", "/historicalTrades", answer=list[answers.PublicTrade], weight=25, websocket="trades.historical"
)
async def historical_trades(request: OldTradesRequest, caller: Caller, runtime: Runtime) -> list[dict[str, object]]:
    """Trades from an id on, however old; without one the newest."""
    spec = await spec_of(runtime, request.symbol)
    found = await trades_from(runtime.venue, spec.symbol, request.from_id, min(request.limit, MOST_ROWS))
    return [trade_view(spec, trade) for trade in found]


@ENDPOINTS.endpoint("GET", "/historicalBlockTrades", weight=25, websocket="blockTrades.historical")
async def historical_block_trades(request: BlockTradesRequest, caller: Caller, runtime: Runtime) -> list[Any]:
    """Trades made outside the book: there are none."""
    await spec_of(runtime, request.symbol)
    return []


@ENDPOINTS.endpoint("GET", "/aggTrades", answer=list[answers.AggregateTrade], weight=4, websocket="trades.aggregate")
async def agg_trades(request: AggregatesRequest, caller: Caller, runtime: Runtime) -> list[dict[str, object]]:
    """Trades of one taker at one price as one, oldest first."""
    span = Span(request.from_id, request.start_time, request.end_time, min(request.limit, MOST_ROWS))
    if span.from_id is not None and (span.start_ms is not None or span.end_ms is not None):
        raise BadParameter("fromId", "BAD_COMBINATION")
    check_times(span.start_ms, span.end_ms)
    spec = await spec_of(runtime, request.symbol)
    return [aggregate_view(spec, aggregate) for aggregate in await aggregates(runtime.venue, spec.symbol, span)]
