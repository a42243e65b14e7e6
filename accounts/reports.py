"""What an account hears of an event, in the order it hears it: NEW, matches, the end, its list, and then its balances.

The data is the same in every dialect; only what stands around it differs. The fact a newcomer would get wrong: an
event carries an order as it is after the command. What it was at each fill on the way is counted back from there, so
that cumulative amounts rise fill by fill. Someone who is taker and maker at once hears both sides. An order that was
triggered is NEW a second time, now on the book.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from accounts.execution_report import GUIDE, REJECTED, Form, Moment, Prevention, Progress, execution_report
from accounts.lists.rendering import RENAMED, contingency, statuses
from engine.amounts import to_text
from engine.errors import Reason
from engine.events import (
    AnyEvent,
    AuctionMatched,
    BalanceCredited,
    BalanceDebited,
    ExternalLockChanged,
    ListChanged,
    ListPlaced,
    MarketEvent,
    OrderActivated,
    OrderCanceled,
    OrderPlaced,
    OrderReduced,
    OrderRejected,
    OrdersCanceled,
    OrderStep,
    OrderTriggered,
    TapeFrameApplied,
    TapeTradePlayed,
    amendments_in,
)
from engine.records import Fill, OrderListRecord, OrderRecord, OrderTerms, PreventedMatch
from engine.types import OrderStatus, StpMode, SymbolSpec

REPORTS_PER_EVENT = 10_000  # more than one event can have for one account; makes execution ids unique
NO_ID = -1
REJECTIONS: Final[dict[str, str]] = {  # user-data-stream.md, "Order Reject Reason"; for any other it has no word
    Reason.INSUFFICIENT_BALANCE: "INSUFFICIENT_BALANCES",
    Reason.STOP_WOULD_TRIGGER: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    Reason.WOULD_MATCH: "WOULD_MATCH_IMMEDIATELY",
    Reason.LIST_PRICES: "OCO_BAD_PRICES",
}


class Report(NamedTuple):
    """One event for a user, `data` as JSON text.

    `kind` is "order" (executionReport, listStatus), "trade" (an executionReport once more, for who hears trades alone)
    or "account" (outboundAccountPosition). Binance alone has "funds" (balanceUpdate, externalLockUpdate) and
    "rejection" (an executionReport of what never became an order).
    """

    kind: str
    data: str


def accounts_of(event: AnyEvent) -> set[int]:
    """Everybody who has something to hear of the event."""
    if isinstance(event, BalanceCredited | BalanceDebited | ExternalLockChanged):
        return {event.balance.account}
    if isinstance(event, OrderRejected):
        return {event.account}
    if isinstance(event, MarketEvent):
        heard = {order.account for order in _orders(event)} | {change.account for change in event.balances}
        return heard | {event.order_list.account} if isinstance(event, ListPlaced | ListChanged) else heard
    return set()


def reports_for(
    account: int,
    event: AnyEvent,
    specs: Mapping[str, SymbolSpec],
    asset_decimals: Mapping[str, int],
    form: Form = GUIDE,
) -> list[Report]:
    """What `account` hears of the event, in order."""
    if isinstance(event, MarketEvent):
        reports = list(_OrderReports(account, event, specs[event.symbol], form).all())
        balances = [change for change in event.balances if change.account == account]
    elif isinstance(event, BalanceCredited | BalanceDebited) and event.balance.account == account:
        reports, balances = [Report("funds", _balance_update(event, asset_decimals))], [event.balance]
    elif isinstance(event, ExternalLockChanged) and event.balance.account == account:
        reports, balances = [Report("funds", _external_lock(event, asset_decimals))], [event.balance]
    elif isinstance(event, OrderRejected) and event.account == account:
        return [Report("rejection", _rejection(event, specs[event.symbol], form))]
    else:
        return []
    if balances:
        shown = {change.asset: (change.free_atoms, change.locked_atoms) for change in balances}
        if form.purses is not None and isinstance(event, MarketEvent):
            spec = specs[event.symbol]
            shown = {asset: form.purses.get(asset, (0, 0)) for asset in (spec.base, spec.quote)} | shown
        reports.append(Report("account", _account_position(shown, event.now_ms, asset_decimals)))
    return reports


def _rejection(event: OrderRejected, spec: SymbolSpec, form: Form) -> str:
    """The executionReport of an order that was refused; it has no id, and none was used up for it.

    No record has its status, so any that is not open stands for it.
    """
    order = OrderRecord(
        left_lots=event.lots, lots=event.lots, filled_quote_atoms=0, locked_atoms=0, updated_ms=event.now_ms,
        status=OrderStatus.CANCELED, order_id=NO_ID, account=event.account, side=event.side,
        price_ticks=event.price_ticks, type=event.type, time_in_force=event.time_in_force, created_ms=event.now_ms,
        client_order_id=event.client_order_id, quote_order_atoms=event.quote_order_atoms,
        terms=event.terms or OrderTerms(),
    )  # fmt: skip
    moment = Moment(
        REJECTED, order.status, event.now_ms, execution_id(event.seq, 1), _progress_of(order),
        rejected=REJECTIONS.get(event.reason, "NONE"),
    )  # fmt: skip
    return execution_report(spec, order, moment, form)


def _balance_update(event: BalanceCredited | BalanceDebited, asset_decimals: Mapping[str, int]) -> str:
    """The data of a balanceUpdate. Binance sends it before the outboundAccountPosition of the same change."""
    asset, now_ms = event.balance.asset, event.now_ms
    sign = "-" if isinstance(event, BalanceDebited) else ""
    delta = to_text(event.atoms, decimals=asset_decimals.get(asset, 8))
    return f'{{"e":"balanceUpdate","E":{now_ms},"a":"{asset}","d":"{sign}{delta}","T":{now_ms}}}'


def _external_lock(event: ExternalLockChanged, asset_decimals: Mapping[str, int]) -> str:
    """The data of an externalLockUpdate: by how much more is locked now, below zero when it is less."""
    asset, atoms = event.balance.asset, event.balance.locked_delta
    delta = ("-" if atoms < 0 else "") + to_text(abs(atoms), decimals=asset_decimals.get(asset, 8))
    return f'{{"e":"externalLockUpdate","E":{event.now_ms},"a":"{asset}","d":"{delta}","T":{event.now_ms}}}'


def _account_position(shown: Mapping[str, tuple[int, int]], now_ms: int, asset_decimals: Mapping[str, int]) -> str:
    """The data of an outboundAccountPosition: asset -> (free, locked) in atoms, as they are after the command."""
    balances = []
    for asset, (free_atoms, locked_atoms) in shown.items():
        decimals = asset_decimals.get(asset, 8)
        free, locked = to_text(free_atoms, decimals=decimals), to_text(locked_atoms, decimals=decimals)
        balances.append(f'{{"a":"{asset}","f":"{free}","l":"{locked}"}}')
    return f'{{"e":"outboundAccountPosition","E":{now_ms},"u":{now_ms},"B":[{",".join(balances)}]}}'


def execution_id(seq: int, number: int) -> int:
    """The id of the `number`th report, from 1, that the event `seq` has for an account."""
    return seq * REPORTS_PER_EVENT + number


def matches_of(event: MarketEvent) -> Sequence[Fill | PreventedMatch]:
    """Fills and prevented matches in the order in which the taker met them.

    The event has them in two lists. The taker went from price to price, at each through the makers in their order, and
    then again through the icebergs that had been refilled.
    """
    if not isinstance(event, OrderStep) or not event.prevented:
        return event.fills
    places = {maker.order_id: place for place, maker in enumerate(event.makers)}
    sign = event.order.side.opposite.sign
    visits: dict[int, int] = defaultdict(int)

    def met(match: Fill | PreventedMatch) -> tuple[int, int, int]:
        maker_id = match.maker_order_id
        visits[maker_id] += 1
        return sign * match.price_ticks, visits[maker_id], places.get(maker_id, len(places))

    matches: list[Fill | PreventedMatch] = [*event.fills, *event.prevented]
    places_met = [met(match) for match in matches]
    return [matches[i] for i in sorted(range(len(matches)), key=places_met.__getitem__)]


def _orders(event: MarketEvent) -> list[OrderRecord]:
    """Every order the event tells of, as it is after the command."""
    if isinstance(event, OrdersCanceled | ListPlaced | ListChanged):
        return [*event.makers, *event.orders]
    if isinstance(event, TapeFrameApplied | TapeTradePlayed):
        return [*event.makers, *event.takers]
    if isinstance(event, OrderReduced):
        return [event.order, *event.others]
    if isinstance(event, AuctionMatched):
        return event.makers
    assert isinstance(event, OrderStep | OrderCanceled)
    return [*event.makers, event.order]


class _OrderReports:
    """The executionReports of one market event for one account."""

    def __init__(self, account: int, event: MarketEvent, spec: SymbolSpec, form: Form) -> None:
        self._account = account
        self._event = event
        self._spec = spec
        self._form = form
        self._matches = matches_of(event)
        self._orders = {order.order_id: order for order in _orders(event)}
        self._own = {id_: order for id_, order in self._orders.items() if order.account == account}
        self._progress = self._before()
        self._previous_ids: dict[int, str] = {}
        if isinstance(event, OrderReduced):
            amended = amendments_in(event)
            self._previous_ids = {amendment.order_id: amendment.previous_client_order_id for amendment in amended}
        self._count = 0

    def all(self) -> Iterator[Report]:
        event = self._event
        for order, status in self._begun():
            if order.order_id in self._own:
                yield self._report(order, "NEW", status)
        yield from self._met()
        cancel_id = event.cancel_client_order_id if isinstance(event, OrderCanceled) else ""
        for order, execution in self._changed():
            if order.order_id in self._own:
                yield self._report(order, execution, order.status, cancel_id=cancel_id)
        yield from self._of_list()

    def _of_list(self) -> Iterator[Report]:
        """What became of an order list, which its orders were told of before."""
        event = self._event
        if isinstance(event, ListPlaced | ListChanged) and event.order_list.account == self._account:
            yield Report("order", list_status(event.symbol, event.order_list, event.now_ms))
        elif isinstance(event, OrderReduced) and event.is_renamed and event.order_list is not None and self._own:
            yield Report("order", list_status(event.symbol, event.order_list, event.now_ms, RENAMED))

    def _begun(self) -> list[tuple[OrderRecord, OrderStatus]]:
        """Orders that are new. Of a list those that wait for another; the rest is told as it is activated."""
        event = self._event
        if isinstance(event, OrderPlaced | OrderTriggered | OrderActivated):
            return [(event.order, OrderStatus.NEW)]
        if isinstance(event, ListPlaced):
            return [(order, order.status) for order in event.orders if order.status is OrderStatus.PENDING_NEW]
        return []

    def _changed(self) -> list[tuple[OrderRecord, str]]:
        """Orders that ended without a match, or were made smaller: (order, execution type)."""
        event = self._event
        if isinstance(event, OrderStep) and self._ends_without_a_match(event.order):
            return [(event.order, "EXPIRED")]
        if isinstance(event, OrderCanceled):
            return [(event.order, "CANCELED")]
        if isinstance(event, OrdersCanceled | ListChanged):
            return [(order, order.status.value) for order in event.orders if not order.status.is_open]
        if isinstance(event, OrderReduced):
            return [(order, "REPLACED") for order in (event.order, *event.others)]
        return []

    def _ends_without_a_match(self, order: OrderRecord) -> bool:
        """Its rest has expired. A market order by quote amount counts as FILLED by what it got, but when its last step
        found that nothing more can be bought, no match of that step tells its end.
        """
        if order.status is OrderStatus.EXPIRED:
            return True
        return not order.status.is_open and not any(
            order.order_id == id_ for match in self._matches for id_, *_ in _parts(match)
        )

    def _before(self) -> dict[int, Progress]:
        """How each order stood before the event: as it is now, less the event's matches."""
        progress = {id_: _progress_of(order) for id_, order in self._orders.items()}
        for match in self._matches:
            for order_id, lots, quote_atoms, prevented_lots in _parts(match):
                if order_id in progress:
                    now = progress[order_id]
                    progress[order_id] = now._replace(
                        lots=now.lots - lots,
                        quote_atoms=now.quote_atoms - quote_atoms,
                        prevented_lots=now.prevented_lots - prevented_lots,
                    )
        return progress

    def _met(self) -> Iterator[Report]:
        """A report for every fill, and for what prevention took from an order; who lost nothing hears nothing."""
        left: dict[int, int] = defaultdict(int)  # matches still to tell, by order
        for match in self._matches:
            for order_id, *_ in _parts(match):
                left[order_id] += 1
        for match in self._matches:
            match_lots = self._match_lots(match) if isinstance(match, PreventedMatch) else 0
            for order_id, lots, quote_atoms, prevented_lots in _parts(match):
                left[order_id] -= 1
                before = self._progress.get(order_id)
                if before is None:
                    continue
                match_id = match.prevented_match_id if isinstance(match, PreventedMatch) else before.prevented_match_id
                self._progress[order_id] = Progress(
                    before.lots + lots,
                    before.quote_atoms + quote_atoms,
                    before.prevented_lots + prevented_lots,
                    match_id,
                )
                if order_id in self._own:
                    yield from self._report_match(
                        order_id, match, prevented_lots, match_lots, is_last=not left[order_id]
                    )

    def _report_match(
        self, order_id: int, match: Fill | PreventedMatch, lost_lots: int, match_lots: int, *, is_last: bool
    ) -> Iterator[Report]:
        order = self._own[order_id]
        status = OrderStatus.PARTIALLY_FILLED if self._progress[order_id].lots else OrderStatus.NEW
        if is_last and order.status in (OrderStatus.FILLED, OrderStatus.EXPIRED_IN_MATCH):
            status = order.status
        if isinstance(match, Fill):
            report = self._report(order, "TRADE", status, fill=match)
            yield report
            yield Report("trade", report.data)
        else:
            counter = match.maker_order_id if order_id == match.taker_order_id else match.taker_order_id
            prevention = Prevention(match, lost_lots, counter, match_lots)
            yield self._report(order, "TRADE_PREVENTION", status, prevention=prevention)

    def _match_lots(self, match: PreventedMatch) -> int:
        """What would have been traded, as far as the event tells: of a maker that lost nothing it has no quantity."""
        lost = [lots for lots in (match.taker_prevented_lots, match.maker_prevented_lots) if lots]
        taker = self._orders.get(match.taker_order_id)
        if match.mode is StpMode.EXPIRE_MAKER and taker is not None and not taker.quote_order_atoms:
            now = self._progress[taker.order_id]
            lost.append(taker.lots - now.lots - now.prevented_lots)
        return min(lost, default=0)

    def _report(
        self,
        order: OrderRecord,
        execution: str,
        status: OrderStatus,
        *,
        fill: Fill | None = None,
        prevention: Prevention | None = None,
        cancel_id: str = "",
    ) -> Report:
        self._count += 1
        moment = Moment(
            execution, status, self._event.now_ms, execution_id(self._event.seq, self._count),
            self._progress[order.order_id], fill, prevention, cancel_id,
            self._previous_ids.get(order.order_id, ""),
        )  # fmt: skip
        return Report("order", execution_report(self._spec, order, moment, self._form))


def list_status(symbol: str, order_list: OrderListRecord, now_ms: int, told: tuple[str, str] | None = None) -> str:
    """The data of a listStatus. `told`: the list's status where it is not what the list says of itself."""
    status_type, order_status = told or statuses(order_list)
    orders = [{"s": symbol, "i": order.order_id, "c": order.client_order_id} for order in order_list.orders]
    members = {
        "e": "listStatus", "E": now_ms, "s": symbol, "g": order_list.list_id, "c": contingency(order_list),
        "l": status_type, "L": order_status, "r": "NONE", "C": order_list.client_order_id, "T": now_ms, "O": orders,
    }  # fmt: skip
    return msgspec.json.encode(members).decode()


def _progress_of(order: OrderRecord) -> Progress:
    terms = order.terms
    prevented = (terms.prevented_lots, terms.prevented_match_id) if terms is not None else (0, -1)
    return Progress(order.filled_lots, order.filled_quote_atoms, *prevented)


def _parts(match: Fill | PreventedMatch) -> list[tuple[int, int, int, int]]:
    """What a match did to its taker and its maker: (order id, lots filled, quote atoms, lots prevented)."""
    if isinstance(match, Fill):
        return [(id_, match.lots, match.quote_atoms, 0) for id_ in (match.taker_order_id, match.maker_order_id)]
    lost = (
        (match.taker_order_id, match.taker_prevented_lots),
        (match.maker_order_id, match.maker_prevented_lots),
    )
    return [(id_, 0, 0, lots) for id_, lots in lost if lots]
