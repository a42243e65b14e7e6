"""History as endpoints ask for it: from SQL, rows that count only, oldest first, as the engine's own records.

The fact a newcomer would get wrong: SQL runs a moment behind. Whoever must not miss what was just answered calls
`wait_until_archived` with the seq that was current when the request came, and adds from Redis what is newer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import ParamSpec, TypeVar

import msgspec
from channels.db import database_sync_to_async
from django.db.models import Max, Min, Q, QuerySet, Sum

from archive.models import ArchivedAmendment, ArchivedOrder, ArchivedOrderList, ArchivedPreventedMatch, ArchivedTrade
from archive.writer import READER
from engine.events import Amendment
from engine.queries import Aggregate, PreventedAt, PublicTrade
from engine.records import Fill, OrderListRecord, OrderRecord
from engine.types import Side
from engine.venue import Venue

SHORTEST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.05


Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def _in_database(function: Callable[Parameters, Answer]) -> Callable[Parameters, Awaitable[Answer]]:
    """The function in Django's database thread, with a connection that is checked before and after."""
    asynchronous: Callable[Parameters, Awaitable[Answer]] = database_sync_to_async(function)
    return asynchronous


async def wait_until_archived(venue: Venue, seq: int, timeout_s: float = 1.0) -> bool:
    """Whether SQL has the present epoch's events up to `seq`, after waiting for it. Raises EngineUnavailable."""
    deadline = time.monotonic() + timeout_s
    pause = SHORTEST_PAUSE_SECONDS
    epoch = (await venue.queries.clock()).epoch
    while not await _is_archived(venue, epoch, seq):
        if time.monotonic() + pause > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    return True


async def _is_archived(venue: Venue, epoch: int, seq: int) -> bool:
    return await archived_up_to(venue) >= (epoch, seq)


async def archived_up_to(venue: Venue) -> tuple[int, int]:
    """(epoch, seq) of the last event that the archiver has told to be in SQL; (0, 0) when it has told nothing."""
    told = await venue.runner.command("HGET", venue.keys.readers, READER)
    if told is None:
        return 0, 0
    epoch, seq, _, _ = msgspec.json.decode(told, type=tuple[int, int, int, int])
    return epoch, seq


@_in_database
def orders(
    venue: str,
    account: int,
    symbol: str,
    *,
    from_id: int | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
    limit: int = 500,
) -> list[OrderRecord]:
    """Orders of the account on the symbol, in any state; times compare with when they were placed.

    From `from_id` or `start_ms` on the first `limit`, otherwise the newest `limit`.
    """
    rows = ArchivedOrder.objects.filter(venue=venue, account=account, symbol=symbol, is_void=False)
    rows = rows.filter(**_bounds(order_id__gte=from_id, created_ms__gte=start_ms, created_ms__lte=end_ms))
    is_forward = from_id is not None or start_ms is not None
    found = [row.record() for row in rows.order_by("order_id" if is_forward else "-order_id")[:limit]]
    return found if is_forward else found[::-1]


@_in_database
def order(
    venue: str, account: int, symbol: str, *, order_id: int | None = None, client_order_id: str = ""
) -> OrderRecord | None:
    """One order of the account, for those that Redis has forgotten. By client id: the newest of that id."""
    rows = ArchivedOrder.objects.filter(venue=venue, account=account, symbol=symbol, is_void=False)
    if order_id is not None:
        rows = rows.filter(order_id=order_id)
    if client_order_id:
        rows = rows.filter(client_order_id=client_order_id)
    row = rows.order_by("-order_id").first()
    return row.record() if row else None


@_in_database
def list_ids(venue: str, order_ids: Collection[int]) -> dict[int, int]:
    """Which of these orders belong to a list, and to which."""
    rows = ArchivedOrder.objects.filter(venue=venue, order_id__in=order_ids, is_void=False).exclude(terms="")
    terms = ((row.order_id, row.record().terms) for row in rows)
    return {order_id: known.list_id for order_id, known in terms if known is not None and known.list_id >= 0}


@_in_database
def order_list(
    venue: str, account: int, *, list_id: int | None = None, client_order_id: str = ""
) -> tuple[str, OrderListRecord] | None:
    """(symbol, list) of the account's list by id, by client id (then the newest), or by both."""
    rows = ArchivedOrderList.objects.filter(venue=venue, account=account, is_void=False)
    if list_id is not None:
        rows = rows.filter(list_id=list_id)
    if client_order_id:
        rows = rows.filter(client_order_id=client_order_id)
    found = _with_orders(venue, list(rows.order_by("-list_id")[:1]))
    return found[0] if found else None


@_in_database
def order_lists(
    venue: str, account: int, *, from_id: int | None, start_ms: int | None, end_ms: int | None, limit: int
) -> list[tuple[str, OrderListRecord]]:
    """(symbol, list) of the account, of all symbols; times compare with when they were placed.

    From `from_id` or `start_ms` on the first `limit`, otherwise the newest `limit`.
    """
    rows = ArchivedOrderList.objects.filter(venue=venue, account=account, is_void=False)
    rows = rows.filter(**_bounds(list_id__gte=from_id, time_ms__gte=start_ms, time_ms__lte=end_ms))
    is_forward = from_id is not None or start_ms is not None
    found = list(rows.order_by("list_id" if is_forward else "-list_id")[:limit])
    return _with_orders(venue, found if is_forward else found[::-1])


@_in_database
def amendments(venue: str, account: int, symbol: str, order_id: int, *, from_seq: int) -> list[Amendment]:
    """Amendments of the account's order by events from `from_seq` on, oldest first."""
    rows = ArchivedAmendment.objects.filter(venue=venue, account=account, symbol=symbol, is_void=False)
    return [row.amendment() for row in rows.filter(order_id=order_id, seq__gte=from_seq).order_by("seq")]


def _with_orders(venue: str, rows: list[ArchivedOrderList]) -> list[tuple[str, OrderListRecord]]:
    ids = [order_id for row in rows for order_id in row.order_ids]
    known = ArchivedOrder.objects.filter(venue=venue, order_id__in=ids, is_void=False)
    orders = {order.order_id: order for order in known}
    return [(row.symbol, row.record(orders)) for row in rows]


@_in_database
def trades_of(
    venue: str,
    account: int,
    symbol: str,
    *,
    order_id: int | None = None,
    from_id: int | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
    limit: int = 500,
) -> list[PublicTrade]:
    """Trades in which the account was on either side (or both), each once.

    From `from_id` (a trade id) or `start_ms` on the first `limit`, otherwise the newest `limit`.
    """
    is_forward = from_id is not None or start_ms is not None
    found: dict[int, ArchivedTrade] = {}
    for side in ("taker", "maker"):  # two reads by index; one with OR would sort the whole account
        rows = _trades(venue, symbol, from_id, start_ms, end_ms).filter(**{f"{side}_account": account})
        if order_id is not None:
            rows = rows.filter(**{f"{side}_order_id": order_id})
        found |= {row.trade_id: row for row in rows.order_by("trade_id" if is_forward else "-trade_id")[:limit]}
    ids = sorted(found)
    return [_public_trade(found[trade_id]) for trade_id in (ids[:limit] if is_forward else ids[-limit:])]


@_in_database
def prevented_matches(
    venue: str,
    account: int,
    symbol: str,
    *,
    match_id: int | None = None,
    order_id: int | None = None,
    from_id: int = 0,
    limit: int = 500,
) -> list[PreventedAt]:
    """Matches that the account's orders were kept from: that of `match_id`, or of `order_id` from `from_id` on."""
    taker, maker = Q(taker_account=account), Q(maker_account=account)
    if order_id is not None:
        taker, maker = taker & Q(taker_order_id=order_id), maker & Q(maker_order_id=order_id)
    rows = ArchivedPreventedMatch.objects.filter(taker | maker, venue=venue, symbol=symbol, is_void=False)
    rows = rows.filter(prevented_match_id__gte=from_id)
    if match_id is not None:
        rows = rows.filter(prevented_match_id=match_id)
    found = rows.order_by("prevented_match_id")[:limit]
    return [PreventedAt(match=row.match(), now_ms=row.time_ms) for row in found]


@_in_database
def public_trades(
    venue: str, symbol: str, *, from_id: int | None = None, before_id: int | None = None, limit: int = 500
) -> list[PublicTrade]:
    """Trades of the symbol: from `from_id` on the first `limit`, otherwise the newest `limit` (below `before_id`)."""
    rows = _trades(venue, symbol, from_id, None, None)
    if before_id is not None:
        rows = rows.filter(trade_id__lt=before_id)
    found = [_public_trade(row) for row in rows.order_by("-trade_id" if from_id is None else "trade_id")[:limit]]
    return found[::-1] if from_id is None else found


@_in_database
def aggregates(
    venue: str, symbol: str, *, from_id: int | None, start_ms: int | None, end_ms: int | None, limit: int
) -> list[Aggregate]:
    """From the aggregate `from_id` or `start_ms` on the first `limit`, otherwise the newest `limit`; oldest first.

    Times rise with numbers: a range of times is looked up once and read as one of numbers, by index.
    """
    rows = _trades(venue, symbol, None, None, None)
    if start_ms is not None and (from_id := _first_aggregate(rows.filter(time_ms__gte=start_ms))) is None:
        return []
    to_id = None
    if end_ms is not None and (to_id := _last_aggregate(rows.filter(time_ms__lte=end_ms))) is None:
        return []
    rows = rows.filter(**_bounds(aggregate_id__gte=from_id, aggregate_id__lte=to_id))
    groups = rows.order_by().values("aggregate_id").annotate(
        price=Min("price_ticks"), sum=Sum("lots"), first=Min("trade_id"), last=Max("trade_id"), time=Min("time_ms"),
        side=Min("taker_side"),
    )  # fmt: skip
    is_forward = from_id is not None
    found = [
        Aggregate(
            aggregate_id=row["aggregate_id"], price_ticks=row["price"], lots=row["sum"], first_trade_id=row["first"],
            last_trade_id=row["last"], now_ms=row["time"], is_buyer_maker=row["side"] == Side.SELL,
        )
        for row in groups.order_by("aggregate_id" if is_forward else "-aggregate_id")[:limit]
    ]  # fmt: skip
    return found if is_forward else found[::-1]


def _first_aggregate(rows: QuerySet[ArchivedTrade]) -> int | None:
    return rows.order_by("time_ms", "trade_id").values_list("aggregate_id", flat=True).first()


def _last_aggregate(rows: QuerySet[ArchivedTrade]) -> int | None:
    return rows.order_by("-time_ms", "-trade_id").values_list("aggregate_id", flat=True).first()


def _trades(
    venue: str, symbol: str, from_id: int | None, start_ms: int | None, end_ms: int | None
) -> QuerySet[ArchivedTrade]:
    rows = ArchivedTrade.objects.filter(venue=venue, symbol=symbol, is_void=False)
    return rows.filter(**_bounds(trade_id__gte=from_id, time_ms__gte=start_ms, time_ms__lte=end_ms))


def _bounds(**wanted: int | None) -> dict[str, int]:
    """Those lookups that were asked for."""
    return {lookup: value for lookup, value in wanted.items() if value is not None}


def _public_trade(row: ArchivedTrade) -> PublicTrade:
    fill = Fill(
        trade_id=row.trade_id, price_ticks=row.price_ticks, lots=row.lots, quote_atoms=row.quote_atoms,
        taker_side=Side(row.taker_side), taker_account=row.taker_account, taker_order_id=row.taker_order_id,
        taker_fee_atoms=row.taker_fee_atoms, maker_account=row.maker_account, maker_order_id=row.maker_order_id,
        maker_fee_atoms=row.maker_fee_atoms, taker_fee_asset=row.taker_fee_asset, maker_fee_asset=row.maker_fee_asset,
        told_aggregate_id=row.aggregate_id,
    )  # fmt: skip
    return PublicTrade(fill=fill, now_ms=row.time_ms)
