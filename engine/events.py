"""What happened: one class per event, `decode` for an entry of `{venue}:events`.

An entry is one JSON array; its first item is the class's tag, so `decode` is one call into msgspec. (epoch, seq) name
an entry: seq has no gaps within an epoch, a new epoch means the server lost or changed its past, and a reader starts
again from a snapshot. Records of orders are the same arrays that stand in Redis.
"""

from typing import Any

import msgspec

from engine.types import (
    AccountLimits,
    ListKind,
    OrderStatus,
    OrderType,
    PegPrice,
    Side,
    StpMode,
    SymbolSpec,
    TimeInForce,
)


class OrderTerms(msgspec.Struct, array_like=True, frozen=True):
    """What few orders have: conditions, an iceberg's tip, self-trade prevention. The second half changes.

    `working_ms` is when the order entered the book or began to take, 0 while it waits for its trigger. `queue_id` leads
    its name in the book where the order's own id does not: an iceberg that was refilled and an order that was triggered
    stand behind older ones. `prevented_match_id` is that of the last prevented match, -1 without one.
    """

    stop_ticks: int = 0
    trailing_bips: int = 0
    iceberg_lots: int = 0
    stp: StpMode = StpMode.NONE
    strategy_id: int = 0
    strategy_type: int = 0
    peg: PegPrice = PegPrice.NONE
    peg_offset: int = 0
    working_ms: int = 0
    trailing_ms: int = 0  # when a trailing order began to follow the price
    visible_lots: int = 0  # of an iceberg, what its level shows now
    queue_id: int = 0
    prevented_lots: int = 0
    prevented_match_id: int = -1
    list_id: int = -1
    own_price_ticks: int = -1  # of a pegged order that has found its price in the book: the one its owner gave
    amends: int = 0  # how often it was amended; counted only where the symbol limits that


class OrderRecord(msgspec.Struct, array_like=True, frozen=True):
    """An order as it stands in Redis; the part that changes comes first.

    `lots` is the original quantity (less what `reduce_order` took off), `left_lots` what is still to be filled, also
    after the order has ended. A MARKET order by quote amount has `quote_order_atoms` and, once ended, lots = filled.
    `terms` is None for the most usual orders: LIMIT, LIMIT_MAKER and MARKET with nothing special.
    """

    left_lots: int
    lots: int
    filled_quote_atoms: int
    locked_atoms: int
    updated_ms: int
    status: OrderStatus
    order_id: int
    account: int
    side: Side
    price_ticks: int
    type: OrderType
    time_in_force: TimeInForce
    created_ms: int
    client_order_id: str
    quote_order_atoms: int = 0
    terms: OrderTerms | None = None

    @property
    def filled_lots(self) -> int:
        prevented_lots = self.terms.prevented_lots if self.terms is not None else 0
        return self.lots - self.left_lots - prevented_lots

    @property
    def own_price_ticks(self) -> int:
        """The price its owner gave; `price_ticks` of a pegged order that has entered the book is the book's."""
        return self.terms.own_price_ticks if self.terms is not None and self.is_pegged_now else self.price_ticks

    @property
    def is_pegged_now(self) -> bool:
        """It is pegged, and has found its price."""
        return self.terms is not None and self.terms.own_price_ticks >= 0

    @property
    def shown_lots(self) -> int:
        """What its price level shows of it while it stands in the book."""
        return self.terms.visible_lots if self.terms is not None and self.terms.iceberg_lots else self.left_lots

    @property
    def working_ms(self) -> int:
        """When it entered the book or began to take; 0 while it waits for its trigger."""
        return self.created_ms if self.terms is None else self.terms.working_ms


class ListedOrder(msgspec.Struct, array_like=True, frozen=True):
    """One order of a list."""

    order_id: int
    client_order_id: str


class OrderListRecord(msgspec.Struct, array_like=True, frozen=True):
    """An order list as it stands in Redis. `kind` is OCO, OTO or OTOCO; of the last two the first order is the working
    one. A list is done when none of its orders is open.
    """

    list_id: int
    updated_ms: int
    is_done: bool
    kind: ListKind
    account: int
    created_ms: int
    client_order_id: str
    orders: list[ListedOrder]


class Fill(msgspec.Struct, array_like=True, frozen=True):
    """One match at one price, the maker's. Fees are in atoms of what each side received."""

    trade_id: int
    price_ticks: int
    lots: int
    quote_atoms: int
    taker_side: Side
    taker_account: int
    taker_order_id: int
    taker_fee_atoms: int
    maker_account: int
    maker_order_id: int
    maker_fee_atoms: int

    @property
    def is_buyer_maker(self) -> bool:
        return self.taker_side is Side.SELL


class PreventedMatch(msgspec.Struct, array_like=True, frozen=True):
    """Two orders that would have traded with each other's owner. `mode` is the one that was applied.

    The lots are what either order lost by it, 0 for an order that lost nothing.
    """

    prevented_match_id: int
    price_ticks: int
    mode: StpMode
    taker_account: int
    taker_order_id: int
    taker_prevented_lots: int
    maker_account: int
    maker_order_id: int
    maker_prevented_lots: int
    trade_group: int


class LevelChange(msgspec.Struct, array_like=True, frozen=True):
    """A price level after the command; 0 lots: it is gone."""

    side: Side
    price_ticks: int
    lots: int


class BalanceChange(msgspec.Struct, array_like=True, frozen=True):
    """One account's money in one asset: before the command, and by how much it changed."""

    asset: str
    account: int
    free_before: int
    free_delta: int
    locked_before: int
    locked_delta: int

    @property
    def free_atoms(self) -> int:
        return self.free_before + self.free_delta

    @property
    def locked_atoms(self) -> int:
        return self.locked_before + self.locked_delta


class Event(msgspec.Struct, array_like=True, frozen=True, tag_field="kind"):
    """What every event has."""

    epoch: int
    seq: int
    now_ms: int


class MarketEvent(Event, frozen=True):
    """What every event of a symbol has; empty lists where the command had no such part.

    `update_id` is the book's change number after the command; it grew by one if `levels` is not empty.
    `makers` are the records, after the command, of the resting orders that `fills` met, in the order they were met,
    each once; also of those that self-trade prevention ended or shortened.
    """

    symbol: str
    update_id: int
    fills: list[Fill]
    makers: list[OrderRecord]
    levels: list[LevelChange]
    balances: list[BalanceChange]


class OrderStep(MarketEvent, frozen=True):
    """What one step of an order brought about. `is_final` is false while `order_continued` follows."""

    order: OrderRecord
    is_final: bool
    prevented: list[PreventedMatch] = []


class OrderPlaced(OrderStep, frozen=True, tag="order_placed"):
    """An order was accepted, perhaps filled or expired at once."""


class OrderContinued(OrderStep, frozen=True, tag="order_continued"):
    """One more step of an order whose fills did not fit into one command."""


class OrderTriggered(OrderStep, frozen=True, tag="order_triggered"):
    """The last price reached what a contingent order waited for: it became a new taker."""


class OrderActivated(OrderStep, frozen=True, tag="order_activated"):
    """An order of a list begins: it takes, rests or waits for its trigger, or has expired because it cannot."""


class ListPlaced(MarketEvent, frozen=True, tag="list_placed"):
    """An order list was accepted; its orders begin to work in the events that follow."""

    order_list: OrderListRecord
    orders: list[OrderRecord]


class ListChanged(MarketEvent, frozen=True, tag="list_changed"):
    """What happened to one order of a list had consequences: `orders` are those that changed by it."""

    order_list: OrderListRecord
    orders: list[OrderRecord]


class OrderCanceled(MarketEvent, frozen=True, tag="order_canceled"):
    """One order left the book at its owner's wish. `cancel_client_order_id` may be empty."""

    order: OrderRecord
    cancel_client_order_id: str


class OrdersCanceled(MarketEvent, frozen=True, tag="orders_canceled"):
    """All (or the next 500) orders of an account on a symbol left the book, oldest first."""

    orders: list[OrderRecord]


class OrderReduced(MarketEvent, frozen=True, tag="order_reduced"):
    """An order became smaller and kept its place, perhaps under another client order id.

    `others`: the other order of its pair, which became smaller with it. `order_list`: the list it belongs to.
    """

    order: OrderRecord
    previous_client_order_id: str
    previous_lots: int
    others: list[OrderRecord]
    order_list: OrderListRecord | None

    @property
    def is_renamed(self) -> bool:
        return self.order.client_order_id != self.previous_client_order_id


class Amendment(msgspec.Struct, frozen=True):
    """What an event did to one order by making it smaller. `number` counts the event's orders from 1."""

    order_id: int
    account: int
    seq: int
    number: int
    previous_client_order_id: str
    client_order_id: str
    previous_lots: int
    lots: int
    now_ms: int


def amendments_in(event: OrderReduced) -> list[Amendment]:
    """That of the order which was meant, then that of the other order of its pair."""
    names = [event.previous_client_order_id, *(order.client_order_id for order in event.others)]
    return [
        Amendment(
            order.order_id, order.account, event.seq, number, name, order.client_order_id, event.previous_lots,
            order.lots, event.now_ms,
        )
        for number, (order, name) in enumerate(zip((event.order, *event.others), names, strict=True), start=1)
    ]  # fmt: skip


class TapeFrameApplied(MarketEvent, frozen=True, tag="tape_frame_applied"):
    """A recorded depth change reached the book. `takers` are the tape's quotes that met users' orders on the way in."""

    takers: list[OrderRecord]


class TapeTradePlayed(MarketEvent, frozen=True, tag="tape_trade_played"):
    """A recorded trade was played. `takers`: the tape's orders that took, the recorded trade's own order last."""

    takers: list[OrderRecord]


class BalanceCredited(Event, frozen=True, tag="balance_credited"):
    balance: BalanceChange
    atoms: int


class BalanceDebited(Event, frozen=True, tag="balance_debited"):
    balance: BalanceChange
    atoms: int


class SymbolDefined(Event, frozen=True, tag="symbol_defined"):
    """A symbol is new, or its rules or status changed."""

    spec: SymbolSpec


class SymbolHalted(Event, frozen=True, tag="symbol_halted"):
    """The circuit breaker halted a symbol: its last price went to `price_ticks`, too far from `reference_ticks`.

    It stands right behind the event of the step whose trade did it; nothing comes between them.
    """

    symbol: str
    price_ticks: int
    reference_ticks: int


class AccountLimitsSet(Event, frozen=True, tag="account_limits_set"):
    """An account has other limits now; none of them counts for what it has open already."""

    account: int
    limits: AccountLimits


class AccountChanged(Event, frozen=True, tag="account_changed"):
    """An account or one of its API keys was published or revoked: cached keys are to be read again."""

    account: int
    name: str


class TradeGroupSet(Event, frozen=True, tag="trade_group_set"):
    """An account belongs to another trade group now; -1: to none."""

    account: int
    trade_group: int


class ClockSet(Event, frozen=True, tag="clock_set"):
    """`now_ms` is the new time. Mode "real" or "virtual"."""

    mode: str


class MarketCleared(Event, frozen=True, tag="market_cleared"):
    """Open orders of these symbols were cancelled, trades and candles forgotten, before the clock went back."""

    symbols: list[str]


class VenueOpened(Event, frozen=True, tag="venue_opened"):
    """A new epoch: the server is another one or came back; compare nothing with what was read before."""

    run_id: str


AnyMarketEvent = (
    OrderPlaced
    | OrderContinued
    | OrderTriggered
    | OrderActivated
    | ListPlaced
    | ListChanged
    | OrderCanceled
    | OrdersCanceled
    | OrderReduced
    | TapeFrameApplied
    | TapeTradePlayed
)
AnyEvent = (
    AnyMarketEvent
    | BalanceCredited
    | BalanceDebited
    | SymbolDefined
    | SymbolHalted
    | AccountChanged
    | AccountLimitsSet
    | TradeGroupSet
    | ClockSet
    | MarketCleared
    | VenueOpened
)

_event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_order_decoder = msgspec.json.Decoder(OrderRecord)
_fills_decoder = msgspec.json.Decoder(list[Fill])
_list_decoder = msgspec.json.Decoder(OrderListRecord)
_terms_decoder = msgspec.json.Decoder(OrderTerms)
_prevented_decoder = msgspec.json.Decoder(list[PreventedMatch])


def decode(data: bytes) -> AnyEvent:
    """The event of one stream entry's field "d". Raises msgspec.DecodeError for anything else."""
    return _event_decoder.decode(data)


def decode_order(data: bytes) -> OrderRecord:
    return _order_decoder.decode(data)


def decode_terms(data: str) -> OrderTerms:
    return _terms_decoder.decode(data)


def decode_fills(data: bytes) -> list[Fill]:
    return _fills_decoder.decode(data)


def decode_prevented(data: bytes) -> list[PreventedMatch]:
    return _prevented_decoder.decode(data)


def decode_list(data: bytes) -> OrderListRecord:
    return _list_decoder.decode(data)


def decode_entry(entry: list[Any]) -> AnyEvent:
    """The event of an entry as XRANGE or XREAD returns it: [id, [b"d", data]]."""
    return decode(entry[1][1])
