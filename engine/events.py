"""What happened: one class per event, `decode` for an entry of `{venue}:events`.

An entry is one JSON array; its first item is the class's tag, so `decode` is one call into msgspec. (epoch, seq) name
an entry: seq has no gaps within an epoch, a new epoch means the server lost or changed its past, and a reader starts
again from a snapshot.
"""

from typing import Any

import msgspec

from engine.account_rules import AccountLimits, AccountRates
from engine.rate_limits import RateLimits
from engine.records import BalanceChange, Fill, LevelChange, OrderListRecord, OrderRecord, OrderTerms, PreventedMatch
from engine.types import Fault, OrderType, Side, SymbolSpec, TimeInForce


class Event(msgspec.Struct, array_like=True, frozen=True, tag_field="kind"):
    """What every event has."""

    epoch: int
    seq: int
    now_ms: int


class MarketEvent(Event, frozen=True):
    """What every event of a symbol has; empty lists where the command had no such part.

    `update_id` is the book's change number after the command; it grew by one if `levels` is not empty.
    `makers` are the records, after the command, of the resting orders that `fills` met, in the order they were met,
    each once; also of those that self-trade prevention ended or shortened, and of other orders of their lists of which
    only the lock changed.
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
    """What happened to one order of a list had consequences: `orders` are those that changed by it.

    Among them the pending orders of an OPO when they get their quantity.
    """

    order_list: OrderListRecord
    orders: list[OrderRecord]


class OrderCanceled(MarketEvent, frozen=True, tag="order_canceled"):
    """One order left the book at its owner's wish. `cancel_client_order_id` may be empty."""

    order: OrderRecord
    cancel_client_order_id: str


class OrderRejected(Event, frozen=True, tag="order_rejected"):
    """The order that should have replaced a cancelled one was refused; the cancel stands. It has no id.

    `reason` is a Reason; the other fields are those of OrderRecord.
    """

    symbol: str
    account: int
    reason: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price_ticks: int
    lots: int
    quote_order_atoms: int
    client_order_id: str
    terms: OrderTerms | None


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


class AuctionMatched(MarketEvent, frozen=True, tag="auction_matched"):
    """One step of the call auction that opens a symbol: `fills` are all at `price_ticks` (0: nothing traded).

    `makers` are the orders of both sides that they met, each once. `is_final`: the status is TRADING from here on;
    until then more such steps follow, with nothing in between.
    """

    price_ticks: int
    is_final: bool


class BalanceCredited(Event, frozen=True, tag="balance_credited"):
    balance: BalanceChange
    atoms: int


class BalanceDebited(Event, frozen=True, tag="balance_debited"):
    balance: BalanceChange
    atoms: int


class ExternalLockChanged(Event, frozen=True, tag="external_lock_changed"):
    """Somebody outside of the exchange locked free money of an account, or gave it free again."""

    balance: BalanceChange


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


class AccountRatesSet(Event, frozen=True, tag="account_rates_set"):
    """An account pays other fees from here on, on `symbol` or, if that is empty, on all."""

    account: int
    symbol: str
    rates: AccountRates


class ConversionSet(Event, frozen=True, tag="conversion_set"):
    """A tester says what one `discount_asset` is worth in `asset` (in 1e-8); 0: its markets say it again."""

    discount_asset: str
    asset: str
    price_e8: int


class FaultSet(Event, frozen=True, tag="fault_set"):
    """A tester wants requests to fail from here on; None: no more of them."""

    fault: Fault | None


class SignaturesSet(Event, frozen=True, tag="signatures_set"):
    """Whether what was signed is executed once from here on, or as often as it is sent."""

    once: bool


class RateLimitsSet(Event, frozen=True, tag="rate_limits_set"):
    """How much may be asked of the venue from here on; None: any amount."""

    limits: RateLimits | None


class AccountChanged(Event, frozen=True, tag="account_changed"):
    """An account or one of its API keys was published or revoked: cached keys are to be read again."""

    account: int
    name: str


class TradeGroupSet(Event, frozen=True, tag="trade_group_set"):
    """An account belongs to another trade group now; -1: to none."""

    account: int
    trade_group: int


class ReferencePriceSet(Event, frozen=True, tag="reference_price_set"):
    """A symbol's reference price came from outside, in 1e-8 of the quote asset; None: it has none now."""

    symbol: str
    price_units: int | None


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
    | AuctionMatched
)
AnyEvent = (
    AnyMarketEvent
    | OrderRejected
    | BalanceCredited
    | BalanceDebited
    | ExternalLockChanged
    | SymbolDefined
    | SymbolHalted
    | AccountChanged
    | AccountLimitsSet
    | AccountRatesSet
    | ConversionSet
    | FaultSet
    | RateLimitsSet
    | SignaturesSet
    | TradeGroupSet
    | ReferencePriceSet
    | ClockSet
    | MarketCleared
    | VenueOpened
)


class EntryHead(msgspec.Struct, array_like=True, frozen=True):
    """The beginning of any entry, for who wants to know no more of it."""

    kind: str
    epoch: int
    seq: int
    now_ms: int

    @property
    def is_of_orders(self) -> bool:
        """Whether it tells of orders alone: what they did, and what became of them."""
        return self.kind in OF_ORDERS


# What comes with every order, and matters to nobody but those who hear the market or its owner.
OF_ORDERS = frozenset([
    "order_placed", "order_continued", "order_triggered", "order_activated", "list_placed", "list_changed",
    "order_canceled", "order_rejected", "orders_canceled", "order_reduced",
])  # fmt: skip
_event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_head_decoder = msgspec.json.Decoder(EntryHead)


def decode(data: bytes) -> AnyEvent:
    """The event of one stream entry's field "d". Raises msgspec.DecodeError for anything else."""
    return _event_decoder.decode(data)


def decode_entry(entry: list[Any]) -> AnyEvent:
    """The event of an entry as XRANGE or XREAD returns it: [id, [b"d", data]]."""
    return decode(entry[1][1])


def decode_head(entry: list[Any]) -> EntryHead:
    """The same, and no more of it than its beginning."""
    return _head_decoder.decode(entry[1][1])
