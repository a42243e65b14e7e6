"""What SQL knows of one order, for its journal: its last state, its trades, the matches it was kept from.

The fact a newcomer would get wrong: SQL knows less than the events did. It has an order as it was last seen, not what
happened to it on the way; beside it only trades, prevented matches and amendments have rows of their own.
"""

from dataclasses import dataclass

from django.db.models import Q

from archive.models import ArchivedAmendment, ArchivedOrder, ArchivedPreventedMatch, ArchivedTrade
from engine.events import Amendment
from engine.records import Fill, OrderRecord, PreventedMatch
from engine.types import Side

MOST_ROWS = 1_000
TRIGGER_MS = 5_000  # an order takes at most so long after the trade that triggered it
MOST_TRADES_LOOKED_AT = 5_000


@dataclass(frozen=True)
class Trace:
    """An order as SQL has it. `placed_seq` and `seq`: the first and the last event that told of it.

    `void_by` names the event that made it void, "" for one that counts.
    """

    symbol: str
    order: OrderRecord
    placed_seq: int
    seq: int
    void_by: str


@dataclass(frozen=True)
class PastFill:
    seq: int
    now_ms: int
    fill: Fill


@dataclass(frozen=True)
class PastPrevention:
    seq: int
    now_ms: int
    match: PreventedMatch


def trace(venue: str, order_id: int) -> Trace | None:
    """The order of that id; one that is void only when none counts."""
    rows = ArchivedOrder.objects.filter(venue=venue, order_id=order_id)
    row = rows.order_by("is_void", "-epoch", "-seq").first()
    return Trace(row.symbol, row.record(), row.placed_seq, row.seq, row.void_by) if row else None


def fills_before(venue: str, of: Trace, seq: int) -> list[PastFill]:
    """Trades of the order from events before `seq`, on either side, oldest first; at most MOST_ROWS."""
    order, found = of.order, dict[int, ArchivedTrade]()
    for side in ("taker", "maker"):  # two reads by index
        rows = ArchivedTrade.objects.filter(
            venue=venue, symbol=of.symbol, void_by=of.void_by, seq__lt=seq,
            time_ms__gte=order.created_ms, time_ms__lte=order.updated_ms,
            **{f"{side}_account": order.account, f"{side}_order_id": order.order_id},
        )  # fmt: skip
        found |= {row.trade_id: row for row in rows.order_by("trade_id")[:MOST_ROWS]}
    return [_past_fill(found[trade_id]) for trade_id in sorted(found)[:MOST_ROWS]]


def preventions_before(venue: str, of: Trace, seq: int) -> list[PastPrevention]:
    """Matches that the order was kept from in events before `seq`, oldest first; at most MOST_ROWS."""
    order_id = of.order.order_id
    rows = ArchivedPreventedMatch.objects.filter(
        Q(taker_order_id=order_id) | Q(maker_order_id=order_id),
        venue=venue, symbol=of.symbol, void_by=of.void_by, seq__lt=seq,
    )  # fmt: skip
    found = rows.order_by("prevented_match_id")[:MOST_ROWS]
    return [PastPrevention(row.seq, row.time_ms, row.match()) for row in found]


def trade_that_reached(venue: str, of: Trace) -> PastFill | None:
    """The trade that brought the price to the order's fixed stop price, shortly before it began to take."""
    order, terms = of.order, of.order.terms
    if terms is None or not terms.stop_ticks or terms.trailing_bips or not terms.working_ms:
        return None
    waits_above = order.type.waits_above(order.side)
    rows = ArchivedTrade.objects.filter(
        venue=venue, time_ms__gte=max(order.created_ms, terms.working_ms - TRIGGER_MS), time_ms__lte=terms.working_ms
    )
    for row in rows.order_by("time_ms", "trade_id")[:MOST_TRADES_LOOKED_AT]:
        reaches = row.price_ticks >= terms.stop_ticks if waits_above else row.price_ticks <= terms.stop_ticks
        if row.symbol == of.symbol and row.void_by == of.void_by and row.seq > of.placed_seq and reaches:
            return _past_fill(row)
    return None


def amendments_before(venue: str, of: Trace, seq: int) -> list[Amendment]:
    """Amendments of the order by events before `seq`, oldest first; at most MOST_ROWS."""
    rows = ArchivedAmendment.objects.filter(
        venue=venue, symbol=of.symbol, order_id=of.order.order_id, void_by=of.void_by, seq__lt=seq
    )
    return [row.amendment() for row in rows.order_by("seq")[:MOST_ROWS]]


def order_once_called(venue: str, account: int, symbol: str, client_order_id: str) -> int | None:
    """The id of the newest order of the account that had this client order id before it was renamed."""
    rows = ArchivedAmendment.objects.filter(
        venue=venue, account=account, symbol=symbol, previous_client_order_id=client_order_id, is_void=False
    )
    return rows.order_by("-seq").values_list("order_id", flat=True).first()


def price_of_trade(venue: str, symbol: str, trade_id: int) -> int | None:
    """In ticks."""
    rows = ArchivedTrade.objects.filter(venue=venue, symbol=symbol, trade_id=trade_id, is_void=False)
    return rows.values_list("price_ticks", flat=True).first()


def _past_fill(row: ArchivedTrade) -> PastFill:
    fill = Fill(
        trade_id=row.trade_id, price_ticks=row.price_ticks, lots=row.lots, quote_atoms=row.quote_atoms,
        taker_side=Side(row.taker_side), taker_account=row.taker_account, taker_order_id=row.taker_order_id,
        taker_fee_atoms=row.taker_fee_atoms, maker_account=row.maker_account, maker_order_id=row.maker_order_id,
        maker_fee_atoms=row.maker_fee_atoms, taker_fee_asset=row.taker_fee_asset, maker_fee_asset=row.maker_fee_asset,
        told_aggregate_id=row.aggregate_id,
    )  # fmt: skip
    return PastFill(row.seq, row.time_ms, fill)
