"""From events to rows: gathered for a batch, then written with one statement a table.

The fact a newcomer would get wrong: these rows do not go through the ORM. Its `bulk_create` spends ten times what the
database needs, and a replay at full speed makes thousands of rows a second. The models say what the columns are.

The recording's resting orders (account `tape-maker`) come and go with depth frames, which do not name them; they are
archived by their fills alone.
"""

from collections.abc import Iterable, Sequence

import msgspec
from django.db import connection
from django.db.models import Model

from archive.models import (
    ArchivedAccount,
    ArchivedAmendment,
    ArchivedOrder,
    ArchivedOrderList,
    ArchivedPreventedMatch,
    ArchivedSymbol,
    ArchivedTrade,
    ArchivedTransfer,
)
from engine.events import (
    AccountChanged,
    Amendment,
    AnyEvent,
    BalanceCredited,
    BalanceDebited,
    Event,
    ListChanged,
    ListPlaced,
    MarketEvent,
    OrderCanceled,
    OrderReduced,
    OrdersCanceled,
    OrderStep,
    SymbolDefined,
    TapeFrameApplied,
    TapeTradePlayed,
    amendments_in,
)
from engine.records import Fill, OrderRecord, OrderTerms, PreventedMatch
from engine.types import TAPE_MAKER

ORDER_FIELDS = (
    "venue", "epoch", "seq", "void_by", "placed_seq", "symbol", "order_id", "account", "client_order_id", "side",
    "type", "time_in_force", "status", "price_ticks", "lots", "left_lots", "filled_quote_atoms", "quote_order_atoms",
    "locked_atoms", "created_ms", "updated_ms", "terms",
)  # fmt: skip
CHANGING_ORDER_FIELDS = (
    "epoch", "seq", "client_order_id", "status", "lots", "left_lots", "filled_quote_atoms", "locked_atoms",
    "updated_ms", "terms",
)  # fmt: skip
TRADE_FIELDS = (
    "venue", "epoch", "seq", "void_by", "symbol", "time_ms", "trade_id", "price_ticks", "lots", "quote_atoms",
    "taker_side", "taker_account", "taker_order_id", "taker_fee_atoms", "maker_account", "maker_order_id",
    "maker_fee_atoms", "taker_fee_asset", "maker_fee_asset", "aggregate_id",
)  # fmt: skip
PREVENTED_FIELDS = (
    "venue", "epoch", "seq", "void_by", "symbol", "time_ms", "prevented_match_id", "price_ticks", "mode",
    "taker_account", "taker_order_id", "taker_prevented_lots", "maker_account", "maker_order_id",
    "maker_prevented_lots", "trade_group",
)  # fmt: skip
LIST_FIELDS = (
    "venue", "epoch", "seq", "void_by", "symbol", "list_id", "account", "client_order_id", "kind", "orders", "time_ms",
)  # fmt: skip
AMENDMENT_FIELDS = (
    "venue", "epoch", "seq", "void_by", "symbol", "order_id", "account", "number", "previous_client_order_id",
    "client_order_id", "previous_lots", "lots", "time_ms",
)  # fmt: skip
TRANSFER_FIELDS = ("venue", "epoch", "seq", "void_by", "account", "asset", "direction", "atoms", "time_ms")
SYMBOL_FIELDS = ("base", "quote", "base_decimals", "quote_decimals", "tick_units", "lot_units")

Row = tuple[str | int, ...]


class Rows:
    """Rows of a venue, gathered from events until they are written together."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._orders: dict[int, tuple[int, Event, str, OrderRecord]] = {}  # id -> placed_seq, last event, symbol, order
        self._trades: list[Row] = []
        self._prevented: list[Row] = []
        self._lists: list[Row] = []
        self._amendments: list[Row] = []
        self._transfers: list[Row] = []
        self._symbols: dict[str, Row] = {}
        self._accounts: dict[int, Row] = {}
        names = ArchivedAccount.objects.filter(venue=venue, name=TAPE_MAKER)
        self._tape_makers = set(names.values_list("account", flat=True))

    def add(self, event: AnyEvent) -> None:
        """Gather what the event tells."""
        if isinstance(event, MarketEvent):
            self._trades += [_trade_row(self._venue, event, fill) for fill in event.fills]
            for order in event.makers:
                self._add_order(event, event.symbol, order)
            for order in _orders_of(event):
                self._add_order(event, event.symbol, order)
            if isinstance(event, ListPlaced):
                self._lists.append(_list_row(self._venue, event))
            if isinstance(event, OrderReduced):
                self._amendments += [_amendment_row(self._venue, event, done) for done in amendments_in(event)]
            if isinstance(event, OrderStep):
                self._prevented += [_prevented_row(self._venue, event, match) for match in event.prevented]
        elif isinstance(event, BalanceCredited | BalanceDebited):
            self._transfers.append(_transfer_row(self._venue, event))
        elif isinstance(event, SymbolDefined):
            rules = (getattr(event.spec, field) for field in SYMBOL_FIELDS)
            self._symbols[event.spec.symbol] = (self._venue, event.spec.symbol, *rules)
        elif isinstance(event, AccountChanged):
            self._accounts[event.account] = (self._venue, event.account, event.name)
            if event.name == TAPE_MAKER:
                self._tape_makers.add(event.account)

    def _add_order(self, event: Event, symbol: str, order: OrderRecord) -> None:
        if order.account in self._tape_makers:
            return
        earlier = self._orders.get(order.order_id)
        self._orders[order.order_id] = (earlier[0] if earlier else event.seq, event, symbol, order)

    def flush(self) -> None:
        """Write what was gathered: orders as they are now; everything else never changes."""
        orders = [_order_row(self._venue, *order) for order in self._orders.values()]
        _write(ArchivedOrder, ORDER_FIELDS, orders, ("venue", "order_id", "void_by"), CHANGING_ORDER_FIELDS)
        _write(ArchivedTrade, TRADE_FIELDS, self._trades, ("venue", "symbol", "trade_id", "void_by"))
        prevented_key = ("venue", "symbol", "prevented_match_id", "void_by")
        _write(ArchivedPreventedMatch, PREVENTED_FIELDS, self._prevented, prevented_key)
        _write(ArchivedOrderList, LIST_FIELDS, self._lists, ("venue", "list_id", "void_by"))
        amendment_key = ("venue", "order_id", "seq", "void_by")
        _write(ArchivedAmendment, AMENDMENT_FIELDS, self._amendments, amendment_key)
        _write(ArchivedTransfer, TRANSFER_FIELDS, self._transfers, ("venue", "epoch", "seq"))
        symbols = list(self._symbols.values())
        _write(ArchivedSymbol, ("venue", "symbol", *SYMBOL_FIELDS), symbols, ("venue", "symbol"), SYMBOL_FIELDS)
        accounts = list(self._accounts.values())
        _write(ArchivedAccount, ("venue", "account", "name"), accounts, ("venue", "account"), ("name",))
        for rows in (self._orders, self._symbols, self._accounts):
            rows.clear()
        for found in (self._trades, self._prevented, self._lists, self._amendments, self._transfers):
            found.clear()


def _write(
    model: type[Model], fields: Sequence[str], rows: Sequence[Row], key: Sequence[str], changing: Sequence[str] = ()
) -> None:
    """Insert rows; of one that is there already (by `key`) set the `changing` fields, or leave it if there are none."""
    if not rows:
        return

    def names(of: Iterable[str], form: str = "{0}") -> str:
        return ", ".join(form.format(connection.ops.quote_name(name)) for name in of)

    action = f"UPDATE SET {names(changing, '{0} = EXCLUDED.{0}')}" if changing else "NOTHING"
    places = ", ".join(["%s"] * len(fields))
    table = connection.ops.quote_name(model._meta.db_table)
    values = f"({names(fields)}) VALUES ({places})"
    statement = f"INSERT INTO {table} {values} ON CONFLICT ({names(key)}) DO {action}"
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _orders_of(event: MarketEvent) -> Sequence[OrderRecord]:
    """The orders a market event is about, beside the makers it met."""
    if isinstance(event, OrderStep | OrderCanceled):
        return (event.order,)
    if isinstance(event, OrderReduced):
        return (event.order, *event.others)
    if isinstance(event, OrdersCanceled | ListPlaced | ListChanged):
        return event.orders
    if isinstance(event, TapeFrameApplied | TapeTradePlayed):
        return event.takers
    return ()


def _order_row(venue: str, placed_seq: int, event: Event, symbol: str, order: OrderRecord) -> Row:
    return (
        venue, event.epoch, event.seq, "", placed_seq, symbol, order.order_id, order.account, order.client_order_id,
        order.side.value, order.type.value, order.time_in_force.value, order.status.value, order.price_ticks,
        order.lots, order.left_lots, order.filled_quote_atoms, order.quote_order_atoms, order.locked_atoms,
        order.created_ms, order.updated_ms, terms_text(order.terms),
    )  # fmt: skip


def terms_text(terms: OrderTerms | None) -> str:
    """What stands in the column `terms`."""
    return "" if terms is None else msgspec.json.encode(terms).decode()


def _trade_row(venue: str, event: MarketEvent, fill: Fill) -> Row:
    return (
        venue, event.epoch, event.seq, "", event.symbol, event.now_ms, fill.trade_id, fill.price_ticks, fill.lots,
        fill.quote_atoms, fill.taker_side.value, fill.taker_account, fill.taker_order_id, fill.taker_fee_atoms,
        fill.maker_account, fill.maker_order_id, fill.maker_fee_atoms, fill.taker_fee_asset, fill.maker_fee_asset,
        fill.aggregate_id,
    )  # fmt: skip


def _prevented_row(venue: str, event: MarketEvent, match: PreventedMatch) -> Row:
    return (
        venue, event.epoch, event.seq, "", event.symbol, event.now_ms, match.prevented_match_id, match.price_ticks,
        match.mode.value, match.taker_account, match.taker_order_id, match.taker_prevented_lots, match.maker_account,
        match.maker_order_id, match.maker_prevented_lots, match.trade_group,
    )  # fmt: skip


def _list_row(venue: str, event: ListPlaced) -> Row:
    placed = event.order_list
    return (
        venue, event.epoch, event.seq, "", event.symbol, placed.list_id, placed.account, placed.client_order_id,
        placed.kind.value, msgspec.json.encode(placed.orders).decode(), placed.created_ms,
    )  # fmt: skip


def _amendment_row(venue: str, event: OrderReduced, done: Amendment) -> Row:
    return (
        venue, event.epoch, event.seq, "", event.symbol, done.order_id, done.account, done.number,
        done.previous_client_order_id, done.client_order_id, done.previous_lots, done.lots, event.now_ms,
    )  # fmt: skip


def _transfer_row(venue: str, event: BalanceCredited | BalanceDebited) -> Row:
    directions = ArchivedTransfer.Direction
    direction = directions.CREDIT if isinstance(event, BalanceCredited) else directions.DEBIT
    balance = event.balance
    return (
        venue, event.epoch, event.seq, "", balance.account, balance.asset, direction.value, event.atoms, event.now_ms,
    )  # fmt: skip
