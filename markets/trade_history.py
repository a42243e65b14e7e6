"""Public trades however old, one by one and by taker and price: what Redis has, and what only SQL still has.

The fact a newcomer would get wrong: Redis drops a trade only when SQL has it. So whoever reads Redis first and SQL then
has read every trade, however far the archiver has come.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from django.db import DatabaseError

from archive import queries as archive
from engine.errors import EngineUnavailable
from engine.queries import Aggregate, PublicTrade
from engine.venue import Venue


class Span(NamedTuple):
    """Which aggregates are asked for: from an id or a time on the first `limit`, otherwise the newest."""

    from_id: int | None
    start_ms: int | None
    end_ms: int | None
    limit: int

    @property
    def is_forward(self) -> bool:
        return self.from_id is not None or self.start_ms is not None

    def is_before(self, trade: PublicTrade) -> bool:
        """Whether a trade comes before all that is asked for."""
        return (self.from_id is not None and trade.fill.aggregate_id < self.from_id) or (
            self.start_ms is not None and trade.now_ms < self.start_ms
        )

    def has(self, aggregate: Aggregate) -> bool:
        return (
            (self.from_id is None or aggregate.aggregate_id >= self.from_id)
            and (self.start_ms is None or aggregate.now_ms >= self.start_ms)
            and (self.end_ms is None or aggregate.now_ms <= self.end_ms)
        )


async def trades_from(venue: Venue, symbol: str, from_id: int | None, limit: int) -> list[PublicTrade]:
    """`limit` trades from an id on, or the newest; oldest first. Raises EngineUnavailable."""
    newest = await venue.queries.trades(symbol, limit=limit, from_id=from_id)
    if newest and (newest[0].fill.trade_id == from_id or (from_id is None and len(newest) == limit)):
        return newest
    try:
        stored = await archive.public_trades(venue.name, symbol, from_id=from_id, limit=limit)
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    found = {trade.fill.trade_id: trade for trade in [*stored, *newest]}
    ids = sorted(found)
    return [found[trade_id] for trade_id in (ids[-limit:] if from_id is None else ids[:limit])]


async def aggregates(venue: Venue, symbol: str, span: Span) -> list[Aggregate]:
    """Those of the span, oldest first. Raises EngineUnavailable."""
    newest = [aggregate for aggregate in await _in_redis(venue, symbol, span) if span.has(aggregate)]
    if not span.is_forward and len(newest) >= span.limit:
        return newest[-span.limit :]
    try:
        stored = await archive.aggregates(
            venue.name, symbol, from_id=span.from_id, start_ms=span.start_ms, end_ms=span.end_ms, limit=span.limit
        )
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    found = {aggregate.aggregate_id: aggregate for aggregate in [*stored, *newest]}
    ids = sorted(found)
    return [found[number] for number in (ids[: span.limit] if span.is_forward else ids[-span.limit :])]


async def _in_redis(venue: Venue, symbol: str, span: Span) -> list[Aggregate]:
    """What of the span Redis has: all that can be among the first, or the last, `limit` of it, and little more."""
    if span.is_forward:
        first_id = await _first_trade(venue, symbol, lambda trade: not span.is_before(trade))
        return aggregates_of(await _trades_of(venue, symbol, span, first_id))
    before_id = None
    if span.end_ms is not None:
        end_ms = span.end_ms
        before_id = await _first_trade(venue, symbol, lambda trade: trade.now_ms > end_ms)
    return aggregates_of(await venue.queries.newest_steps(symbol, span.limit, before_id=before_id))


async def _first_trade(venue: Venue, symbol: str, is_meant: Callable[[PublicTrade], bool]) -> int:
    """The first trade in Redis of which it is so, by halving; behind the newest if there is none.

    Numbers of aggregates and times rise with those of trades: it is so of all that follow.
    """
    oldest = await venue.queries.trades(symbol, limit=1, from_id=1)
    newest = await venue.queries.trades(symbol, limit=1)
    if not oldest or not newest:
        return 1
    low, high = oldest[0].fill.trade_id, newest[0].fill.trade_id + 1
    while low < high:
        middle = (low + high) // 2
        found = await venue.queries.trades(symbol, limit=1, from_id=middle)
        if found and not is_meant(found[0]):
            low = found[0].fill.trade_id + 1
        else:
            high = middle
    return low


async def _trades_of(venue: Venue, symbol: str, span: Span, first_id: int) -> list[PublicTrade]:
    """Trades from an id on, until `limit` aggregates are whole or the span is over."""
    found: list[PublicTrade] = []
    while page := await venue.queries.trades(symbol, limit=span.limit + 1, from_id=first_id):
        found += page
        last = page[-1]
        has_enough = last.fill.aggregate_id >= found[0].fill.aggregate_id + span.limit
        if has_enough or (span.end_ms is not None and last.now_ms > span.end_ms):
            break
        first_id = last.fill.trade_id + 1
    return found


def aggregates_of(trades: Iterable[PublicTrade]) -> list[Aggregate]:
    """Trades, oldest first, by aggregate. All of an aggregate stand in one step, at one price and one time."""
    groups = groupby(trades, key=lambda trade: trade.fill.aggregate_id)
    return [_aggregate(number, list(group)) for number, group in groups]


def _aggregate(number: int, trades: Sequence[PublicTrade]) -> Aggregate:
    first, last = trades[0].fill, trades[-1].fill
    return Aggregate(
        aggregate_id=number,
        price_ticks=first.price_ticks,
        lots=sum(trade.fill.lots for trade in trades),
        first_trade_id=first.trade_id,
        last_trade_id=last.trade_id,
        now_ms=trades[0].now_ms,
        is_buyer_maker=first.is_buyer_maker,
    )
