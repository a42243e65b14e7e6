"""Orders and trades of an account, however old: SQL's, and what SQL does not have yet from Redis.

The fact a newcomer would get wrong: the archiver is at most a moment behind, so it is waited for (1 s at most). Only
if it does not come, or does not run, Redis is asked for everything it still has.
"""

import asyncio
from collections.abc import AsyncIterator

from django.db import DatabaseError

from archive import queries as archive
from engine.errors import EngineUnavailable, Reason, Rejected
from engine.events import Amendment, MarketEvent, OrderReduced, OrderStep, amendments_in, decode_entry
from engine.queries import PreventedAt, PublicTrade
from engine.records import OrderRecord
from engine.venue import Venue

PAGE = 1_000
WAIT_SECONDS = 1.0  # for the archiver to come to what is now the end


class Span:
    """Which rows are asked for: from an id or a time on the first `limit`, otherwise the newest."""

    def __init__(self, *, from_id: int | None, start_ms: int | None, end_ms: int | None, limit: int) -> None:
        self.from_id = from_id
        self.start_ms = start_ms
        self.end_ms = end_ms
        self.limit = limit

    def has(self, number: int, at_ms: int) -> bool:
        """Whether a row with this id and time belongs to it."""
        return (
            (self.from_id is None or number >= self.from_id)
            and (self.start_ms is None or at_ms >= self.start_ms)
            and (self.end_ms is None or at_ms <= self.end_ms)
        )

    def ids_shown(self, ids: list[int]) -> list[int]:
        """Of all ids in range, those within the limit; oldest first."""
        is_forward = self.from_id is not None or self.start_ms is not None
        return sorted(ids)[: self.limit] if is_forward else sorted(ids)[-self.limit :]


async def all_orders(venue: Venue, account: int, symbol: str, span: Span) -> list[OrderRecord]:
    """Orders in any state, oldest first; a span's times are when they were placed. Raises EngineUnavailable."""
    is_complete = await wait_for_archive(venue)
    try:
        stored = await archive.orders(
            venue.name, account, symbol,
            from_id=span.from_id, start_ms=span.start_ms, end_ms=span.end_ms, limit=span.limit,
        )  # fmt: skip
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    if is_complete:
        return await _brought_up_to_date(venue, account, symbol, stored)
    # Ended ones last: an order that ended between the two reads is in both.
    newest = await venue.queries.open_orders(account, [symbol])
    newest += await venue.queries.ended_orders(account, symbol)
    found = {order.order_id: order for order in [*stored, *newest] if span.has(order.order_id, order.created_ms)}
    return [found[order_id] for order_id in span.ids_shown(list(found))]


async def _brought_up_to_date(venue: Venue, account: int, symbol: str, orders: list[OrderRecord]) -> list[OrderRecord]:
    """No event tells that an order has begun to trail: those that may have are read as they are now."""
    waiting = {order.order_id for order in orders if _may_have_begun_to_trail(order)}
    if not waiting:
        return orders
    now = {order.order_id: order for order in await venue.queries.open_orders(account, [symbol])}
    return [now.get(order.order_id, order) if order.order_id in waiting else order for order in orders]


def _may_have_begun_to_trail(order: OrderRecord) -> bool:
    terms = order.terms
    return order.status.is_open and terms is not None and terms.trailing_bips > 0 and terms.trailing_ms == 0


async def one_order(
    venue: Venue, account: int, symbol: str, *, order_id: int | None, client_order_id: str
) -> OrderRecord:
    """An order in any state. By client id: the newest of that id. Raises Rejected NO_SUCH_ORDER, EngineUnavailable."""
    try:
        return await venue.queries.order(account, symbol, order_id=order_id, client_order_id=client_order_id)
    except Rejected:
        pass  # unknown, or so old that only SQL has it
    try:
        stored = await archive.order(venue.name, account, symbol, order_id=order_id, client_order_id=client_order_id)
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    if stored is None:
        raise Rejected(Reason.NO_SUCH_ORDER)
    return stored


async def trades_of(
    venue: Venue, account: int, symbol: str, span: Span, *, order_id: int | None = None
) -> list[PublicTrade]:
    """Trades of the account (with `order_id`: of that order), oldest first. Raises EngineUnavailable."""
    is_complete = await wait_for_archive(venue)
    try:
        stored, newest = await asyncio.gather(
            archive.trades_of(
                venue.name, account, symbol, order_id=order_id,
                from_id=span.from_id, start_ms=span.start_ms, end_ms=span.end_ms, limit=span.limit,
            ),
            archive.public_trades(venue.name, symbol, limit=1),
        )  # fmt: skip
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    if is_complete:
        return stored
    found = {trade.fill.trade_id: trade for trade in stored}
    for trade in await _trades_since(venue, symbol, newest[-1].fill.trade_id + 1 if newest else 1):
        if span.has(trade.fill.trade_id, trade.now_ms) and _is_of(trade, account, order_id):
            found[trade.fill.trade_id] = trade
    return [found[trade_id] for trade_id in span.ids_shown(list(found))]


async def list_ids_of(venue: Venue, account: int, symbol: str, order_ids: set[int]) -> dict[int, int]:
    """Which of the account's orders belong to an order list, and to which. Raises EngineUnavailable."""
    known = await venue.queries.orders_by_id(account, symbol, order_ids)
    found = {order.order_id: order.terms.list_id for order in known if order.terms is not None}
    unknown = order_ids - {order.order_id for order in known}
    try:
        found |= await archive.list_ids(venue.name, unknown) if unknown else {}
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    return found


async def prevented_matches_of(
    venue: Venue, account: int, symbol: str, *, match_id: int | None, order_id: int | None, from_id: int, limit: int
) -> list[PreventedAt]:
    """Matches that the account's orders were kept from, oldest first. Raises EngineUnavailable."""
    is_complete = await wait_for_archive(venue)
    _, archived_seq = await archive.archived_up_to(venue)
    try:
        stored = await archive.prevented_matches(
            venue.name, account, symbol, match_id=match_id, order_id=order_id, from_id=from_id, limit=limit
        )
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    if is_complete:
        return stored
    found = {prevented.match.prevented_match_id: prevented for prevented in stored}
    async for event in _events_since(venue, symbol, archived_seq):
        for match in event.prevented if isinstance(event, OrderStep) else ():
            prevented = PreventedAt(match=match, now_ms=event.now_ms)
            id_ = match.prevented_match_id
            if id_ >= from_id and match_id in (None, id_) and _is_prevented_for(prevented, account, order_id):
                found[id_] = prevented
    return [found[id_] for id_ in sorted(found)[:limit]]


async def amendments_of(venue: Venue, account: int, symbol: str, order_id: int, *, from_seq: int) -> list[Amendment]:
    """Amendments of the account's order by events from `from_seq` on, oldest first. Raises EngineUnavailable."""
    is_complete = await wait_for_archive(venue)
    _, archived_seq = await archive.archived_up_to(venue)
    try:
        stored = await archive.amendments(venue.name, account, symbol, order_id, from_seq=from_seq)
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    if is_complete:
        return stored
    found = {amendment.seq: amendment for amendment in stored}
    async for event in _events_since(venue, symbol, max(archived_seq, from_seq - 1)):
        for amendment in amendments_in(event) if isinstance(event, OrderReduced) else ():
            if (amendment.account, amendment.order_id) == (account, order_id):
                found[amendment.seq] = amendment
    return [found[seq] for seq in sorted(found)]


async def _events_since(venue: Venue, symbol: str, seq: int) -> AsyncIterator[MarketEvent]:
    """What the stream tells of the symbol after `seq`."""
    while page := await venue.runner.command("XRANGE", venue.keys.events, f"(0-{seq}", "+", "COUNT", PAGE):
        for event in map(decode_entry, page):
            if isinstance(event, MarketEvent) and event.symbol == symbol:
                yield event
            seq = event.seq


def _is_prevented_for(prevented: PreventedAt, account: int, order_id: int | None) -> bool:
    match = prevented.match
    is_taker = match.taker_account == account and order_id in (None, match.taker_order_id)
    is_maker = match.maker_account == account and order_id in (None, match.maker_order_id)
    return is_taker or is_maker


async def wait_for_archive(venue: Venue) -> bool:
    """Whether SQL has all that has happened up to now, after waiting for it a little."""
    clock = await venue.queries.clock()
    return await archive.wait_until_archived(venue, clock.seq, WAIT_SECONDS)


async def _trades_since(venue: Venue, symbol: str, first_id: int) -> list[PublicTrade]:
    """All trades that Redis has from `first_id` on."""
    found: list[PublicTrade] = []
    while page := await venue.queries.trades(symbol, limit=PAGE, from_id=first_id):
        found += page
        first_id = page[-1].fill.trade_id + 1
    return found


def _is_of(trade: PublicTrade, account: int, order_id: int | None) -> bool:
    fill = trade.fill
    is_taker = fill.taker_account == account and order_id in (None, fill.taker_order_id)
    is_maker = fill.maker_account == account and order_id in (None, fill.maker_order_id)
    return is_taker or is_maker
