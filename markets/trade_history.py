"""Public trades however old, one by one and by taker and price: what Redis has, and what only SQL still has.

The fact a newcomer would get wrong: Redis drops a trade only when SQL has it. So whoever reads Redis first and SQL then
has read every trade, however far the archiver has come.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from django.db import DatabaseError

from archive import queries as archive
from engine.errors import EngineUnavailable
from engine.queries import Aggregate, PublicTrade
from engine.venue import Venue

PAGE = 1_000


class Span(NamedTuple):
    """Which aggregates are asked for: from an id or a time on the first `limit`, otherwise the newest."""

    from_id: int | None
    start_ms: int | None
    end_ms: int | None
    limit: int

    @property
    def is_forward(self) -> bool:
        return self.from_id is not None or self.start_ms is not None

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
    if span.from_id is None and span.start_ms is None and span.end_ms is None:
        newest = aggregates_of(await venue.queries.newest_steps(symbol, span.limit))
        if len(newest) >= span.limit:
            return newest[-span.limit :]
    unstored = aggregates_of(await _unstored(venue, symbol))
    try:
        stored = await archive.aggregates(
            venue.name, symbol, from_id=span.from_id, start_ms=span.start_ms, end_ms=span.end_ms, limit=span.limit
        )
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    found = {aggregate.aggregate_id: aggregate for aggregate in stored}
    found |= {aggregate.aggregate_id: aggregate for aggregate in unstored if span.has(aggregate)}
    ids = sorted(found)
    return [found[number] for number in (ids[: span.limit] if span.is_forward else ids[-span.limit :])]


async def _unstored(venue: Venue, symbol: str) -> list[PublicTrade]:
    """What SQL may not have yet: all that Redis has behind the newest trade that SQL has."""
    try:
        newest = await archive.public_trades(venue.name, symbol, limit=1)
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    first_id = newest[-1].fill.trade_id + 1 if newest else 1
    found: list[PublicTrade] = []
    while page := await venue.queries.trades(symbol, limit=PAGE, from_id=first_id):
        found += page
        first_id = page[-1].fill.trade_id + 1
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
