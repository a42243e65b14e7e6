"""What an account hears of an event, in the order it hears it: NEW, fills, the end, and then its balances.

The data is the same in every dialect; only what stands around it differs. The fact a newcomer would get wrong: an
event carries an order as it is after the command. What it was at each fill on the way is counted back from there, so
that cumulative amounts rise fill by fill. Someone who is taker and maker at once hears both sides.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from engine.amounts import to_text
from engine.events import (
    AnyEvent,
    BalanceChange,
    BalanceCredited,
    BalanceDebited,
    Fill,
    MarketEvent,
    OrderCanceled,
    OrderContinued,
    OrderPlaced,
    OrderRecord,
    OrderReduced,
    OrdersCanceled,
    TapeFrameApplied,
    TapeTradePlayed,
)
from engine.types import OrderStatus, Side, SymbolSpec
from markets.rendering import price_text, quantity_text, quote_text

ZERO = "0.00000000"
REPORTS_PER_EVENT = 10_000  # more than one event can have for one account; makes execution ids unique


class Report(NamedTuple):
    """One event for a user: `kind` "order", "trade" (an executionReport too) or "account"; `data` is JSON text."""

    kind: str
    data: str


class _State(NamedTuple):
    """How much of an order is filled at a moment."""

    lots: int
    quote_atoms: int


def accounts_of(event: AnyEvent) -> set[int]:
    """Everybody who has something to hear of the event."""
    if isinstance(event, BalanceCredited | BalanceDebited):
        return {event.balance.account}
    if isinstance(event, MarketEvent):
        return {order.account for order in _orders(event)} | {change.account for change in event.balances}
    return set()


def reports_for(
    account: int, event: AnyEvent, specs: Mapping[str, SymbolSpec], asset_decimals: Mapping[str, int]
) -> list[Report]:
    """What `account` hears of the event, in order."""
    if isinstance(event, MarketEvent):
        reports = list(_OrderReports(account, event, specs[event.symbol]).all())
        balances = [change for change in event.balances if change.account == account]
    elif isinstance(event, BalanceCredited | BalanceDebited) and event.balance.account == account:
        reports, balances = [], [event.balance]
    else:
        return []
    if balances:
        reports.append(Report("account", account_position(balances, event.now_ms, asset_decimals)))
    return reports


def account_position(changes: Iterable[BalanceChange], now_ms: int, asset_decimals: Mapping[str, int]) -> str:
    """The data of an outboundAccountPosition: the balances that changed, as they are after the command."""
    balances = []
    for change in changes:
        decimals = asset_decimals.get(change.asset, 8)
        free = to_text(change.free_atoms, decimals=decimals)
        locked = to_text(change.locked_atoms, decimals=decimals)
        balances.append(f'{{"a":"{change.asset}","f":"{free}","l":"{locked}"}}')
    return f'{{"e":"outboundAccountPosition","E":{now_ms},"u":{now_ms},"B":[{",".join(balances)}]}}'


def _orders(event: MarketEvent) -> list[OrderRecord]:
    """Every order the event tells of, as it is after the command."""
    if isinstance(event, OrdersCanceled):
        return [*event.makers, *event.orders]
    if isinstance(event, TapeFrameApplied | TapeTradePlayed):
        return [*event.makers, *event.takers]
    assert isinstance(event, OrderPlaced | OrderContinued | OrderCanceled | OrderReduced)
    return [*event.makers, event.order]


class _OrderReports:
    """The executionReports of one market event for one account."""

    def __init__(self, account: int, event: MarketEvent, spec: SymbolSpec) -> None:
        self._account = account
        self._event = event
        self._spec = spec
        self._own = {order.order_id: order for order in _orders(event) if order.account == account}
        self._filled = self._before()
        self._count = 0

    def all(self) -> Iterator[Report]:
        event = self._event
        if isinstance(event, OrderPlaced) and event.order.order_id in self._own:
            yield self._report(event.order, "NEW", OrderStatus.NEW)
        yield from self._trades()
        if isinstance(event, OrderPlaced | OrderContinued) and event.order.status is OrderStatus.EXPIRED:
            ended = [(event.order, "EXPIRED", "")]
        elif isinstance(event, OrderCanceled):
            ended = [(event.order, "CANCELED", event.cancel_client_order_id)]
        elif isinstance(event, OrdersCanceled):
            ended = [(order, "CANCELED", "") for order in event.orders]
        elif isinstance(event, OrderReduced):
            ended = [(event.order, "REPLACED", "")]
        else:
            ended = []
        for order, execution, cancel_id in ended:
            if order.order_id in self._own:
                yield self._report(order, execution, order.status, cancel_id=cancel_id)

    def _before(self) -> dict[int, _State]:
        """What was filled of each order before the event: what is now, less the event's fills."""
        states = {id_: _State(order.filled_lots, order.filled_quote_atoms) for id_, order in self._own.items()}
        for fill in self._event.fills:
            for order_id in (fill.taker_order_id, fill.maker_order_id):
                if order_id in states:
                    lots, quote_atoms = states[order_id]
                    states[order_id] = _State(lots - fill.lots, quote_atoms - fill.quote_atoms)
        return states

    def _trades(self) -> Iterator[Report]:
        left: dict[int, int] = defaultdict(int)  # fills still to tell, by order
        for fill in self._event.fills:
            left[fill.taker_order_id] += 1
            left[fill.maker_order_id] += 1
        for fill in self._event.fills:
            for order_id in (fill.taker_order_id, fill.maker_order_id):
                order = self._own.get(order_id)
                left[order_id] -= 1
                if order is None:
                    continue
                before = self._filled[order_id]
                self._filled[order_id] = _State(before.lots + fill.lots, before.quote_atoms + fill.quote_atoms)
                is_last = left[order_id] == 0 and order.status is OrderStatus.FILLED
                status = OrderStatus.FILLED if is_last else OrderStatus.PARTIALLY_FILLED
                report = self._report(order, "TRADE", status, fill=fill)
                yield report
                yield Report("trade", report.data)

    def _report(
        self, order: OrderRecord, execution: str, status: OrderStatus, *, fill: Fill | None = None, cancel_id: str = ""
    ) -> Report:
        """An executionReport, every field of it."""
        spec, now_ms = self._spec, self._event.now_ms
        self._count += 1
        lots, quote_atoms = self._filled[order.order_id]
        is_maker = fill is not None and fill.maker_order_id == order.order_id
        client_id = cancel_id or order.client_order_id
        original_id = order.client_order_id if execution == "CANCELED" else ""
        commission, commission_asset = self._commission(order, fill, is_maker=is_maker)
        return Report(
            "order",
            f'{{"e":"executionReport","E":{now_ms},"s":"{spec.symbol}","c":{_quoted(client_id)},"S":"{order.side}",'
            f'"o":"{order.type}","f":"{order.time_in_force}","q":"{quantity_text(spec, order.lots)}",'
            f'"p":"{price_text(spec, order.price_ticks)}","P":"{ZERO}","F":"{ZERO}","g":-1,"C":{_quoted(original_id)},'
            f'"x":"{execution}","X":"{status}","r":"NONE","i":{order.order_id},'
            f'"l":"{quantity_text(spec, fill.lots if fill else 0)}","z":"{quantity_text(spec, lots)}",'
            f'"L":"{price_text(spec, fill.price_ticks if fill else 0)}","n":"{commission}","N":{commission_asset},'
            f'"T":{now_ms},"t":{fill.trade_id if fill else -1},'
            f'"I":{self._event.seq * REPORTS_PER_EVENT + self._count},"w":{_truth(status.is_open)},'
            f'"m":{_truth(is_maker)},"M":{_truth(fill is not None)},"O":{order.created_ms},'
            f'"Z":"{quote_text(spec, quote_atoms)}","Y":"{quote_text(spec, fill.quote_atoms if fill else 0)}",'
            f'"Q":"{quote_text(spec, order.quote_order_atoms)}","W":{order.created_ms},"V":"NONE"}}',
        )

    def _commission(self, order: OrderRecord, fill: Fill | None, *, is_maker: bool) -> tuple[str, str]:
        """Amount and asset, which is the one received, as JSON."""
        if fill is None:
            return ZERO, "null"
        spec = self._spec
        atoms = fill.maker_fee_atoms if is_maker else fill.taker_fee_atoms
        if order.side is Side.BUY:
            return to_text(atoms, decimals=spec.base_decimals), f'"{spec.base}"'
        return quote_text(spec, atoms), f'"{spec.quote}"'


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _truth(value: bool) -> str:
    return "true" if value else "false"
