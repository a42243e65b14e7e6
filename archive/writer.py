"""What the archiver does to SQL: the rows of a batch and the new position in one transaction.

The fact a newcomer would get wrong: a batch may come twice (after a crash, or from a second archiver for a moment).
The position is read under lock in the same transaction and what lies behind it is skipped, so each event counts once.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from archive.models import (
    ArchivedAmendment,
    ArchivedOrder,
    ArchivedOrderList,
    ArchivedPreventedMatch,
    ArchivedTrade,
    ArchivedTransfer,
    Position,
)
from archive.rows import CHANGING_ORDER_FIELDS, Rows, terms_text
from engine.events import AnyEvent, Event, MarketCleared
from engine.records import OrderRecord

READER = "archive"  # the archive's field of {venue}:readers, and the name of its lease

OF_MARKET = (ArchivedOrder, ArchivedTrade, ArchivedPreventedMatch, ArchivedOrderList, ArchivedAmendment)

AnyRows = (
    QuerySet[ArchivedOrder]
    | QuerySet[ArchivedTrade]
    | QuerySet[ArchivedPreventedMatch]
    | QuerySet[ArchivedOrderList]
    | QuerySet[ArchivedAmendment]
    | QuerySet[ArchivedTransfer]
)


class Reached(NamedTuple):
    """The last event that is in SQL. Compares as history goes: a later epoch is later, whatever its seq."""

    epoch: int
    seq: int


class DoubtfulOrder(NamedTuple):
    """An order that outlived a loss while what SQL has of it did not: only Redis knows how it stands."""

    symbol: str
    order_id: int


def reached(venue: str) -> Reached:
    """How far the venue's stream is in SQL; (0, 0) before the first event."""
    position = Position.objects.filter(venue=venue).first()
    return Reached(position.epoch, position.seq) if position else Reached(0, 0)


def doubtful_orders(venue: str, first_lost_seq: int) -> list[DoubtfulOrder]:
    """Orders placed before `first_lost_seq` whose last news came later, and so never was."""
    found = _doubtful(venue, first_lost_seq).values_list("symbol", "order_id")
    return [DoubtfulOrder(symbol, order_id) for symbol, order_id in found]


def store(venue: str, events: Sequence[AnyEvent], truth: Mapping[int, OrderRecord] | None = None) -> Reached:
    """Copy the events, in order, and say how far SQL is now. Repeats are harmless.

    `truth`: the doubtful orders (by id) as Redis has them, for a batch that begins a new epoch.
    """
    with transaction.atomic():
        Position.objects.get_or_create(venue=venue)
        position = Position.objects.select_for_update().get(venue=venue)
        rows = Rows(venue)
        for event in events:
            if (event.epoch, event.seq) <= (position.epoch, position.seq):
                continue
            if event.epoch != position.epoch:
                rows.flush()
                _void_lost(venue, position, event, truth or {})
            if isinstance(event, MarketCleared):
                rows.flush()
                _void_cleared(venue, event)
            rows.add(event)
            position.epoch, position.seq = event.epoch, event.seq
        rows.flush()
        position.save()
    return Reached(position.epoch, position.seq)


def _void(rows: AnyRows, by: Event) -> None:
    rows.filter(is_void=False).update(void_by=f"{by.epoch}-{by.seq}")


def _void_cleared(venue: str, event: MarketCleared) -> None:
    """What the market forgets before its clock goes back; money that came in or went out stays."""
    for model in OF_MARKET:
        _void(model._default_manager.filter(venue=venue, symbol__in=event.symbols), event)


def _void_lost(venue: str, position: Position, first: Event, truth: Mapping[int, OrderRecord]) -> None:
    """A new epoch begins with `first`: whatever SQL has from that seq on was lost by Redis, and never was.

    Nothing was lost when SQL had not come further: an ordinary restart touches no row.
    """
    if position.seq < first.seq:
        return
    doubtful = _doubtful(venue, first.seq)
    known = [_restored(row, truth[row.order_id], first.seq) for row in doubtful if row.order_id in truth]
    ArchivedOrder.objects.bulk_update(known, CHANGING_ORDER_FIELDS)
    for model in (*OF_MARKET, ArchivedTransfer):
        _void(model._default_manager.filter(venue=venue, seq__gte=first.seq), first)
    for model in OF_MARKET:
        cleared = model._default_manager.filter(venue=venue, is_void=True, seq__lt=first.seq)
        _undo_lost_clearings(cleared, position.epoch, first.seq)


def _doubtful(venue: str, first_lost_seq: int) -> QuerySet[ArchivedOrder]:
    return ArchivedOrder.objects.filter(
        venue=venue, is_void=False, placed_seq__lt=first_lost_seq, seq__gte=first_lost_seq
    )


def _restored(row: ArchivedOrder, record: OrderRecord, first_lost_seq: int) -> ArchivedOrder:
    row.seq = first_lost_seq - 1
    row.status, row.updated_ms, row.client_order_id = record.status, record.updated_ms, record.client_order_id
    row.lots, row.left_lots, row.locked_atoms = record.lots, record.left_lots, record.locked_atoms
    row.filled_quote_atoms, row.terms = record.filled_quote_atoms, terms_text(record.terms)
    return row


def _undo_lost_clearings(rows: AnyRows, epoch: int, first_lost_seq: int) -> None:
    """What a clearing of the market had made void counts again when the clearing itself was lost."""
    for mark in rows.filter(void_by__startswith=f"{epoch}-").values_list("void_by", flat=True).distinct():
        if int(mark.partition("-")[2]) >= first_lost_seq:
            rows.filter(void_by=mark).update(void_by="")
