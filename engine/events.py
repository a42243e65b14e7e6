"""What happened: one class per event, `decode` for an entry of `{venue}:events`.

An entry is one JSON array; its first item is the class's tag, so `decode` is one call into msgspec. (epoch, seq) name
an entry: seq has no gaps within an epoch, a new epoch means the server lost or changed its past, and a reader starts
again from a snapshot. Records of orders are the same arrays that stand in Redis.
"""

from typing import Any

import msgspec

from engine.types import OrderStatus, OrderType, Side, SymbolSpec, TimeInForce


class OrderRecord(msgspec.Struct, array_like=True, frozen=True):
    """An order as it stands in Redis; the part that changes comes first.

    `lots` is the original quantity (less what `reduce_order` took off), `left_lots` what is still to be filled, also
    after the order has ended. A MARKET order by quote amount has `quote_order_atoms` and, once ended, lots = filled.
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

    @property
    def filled_lots(self) -> int:
        return self.lots - self.left_lots


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
    each once.
    """

    symbol: str
    update_id: int
    fills: list[Fill]
    makers: list[OrderRecord]
    levels: list[LevelChange]
    balances: list[BalanceChange]


class OrderPlaced(MarketEvent, frozen=True, tag="order_placed"):
    """An order was accepted, perhaps filled or expired at once. `is_final` is false while `order_continued` follows."""

    order: OrderRecord
    is_final: bool


class OrderContinued(MarketEvent, frozen=True, tag="order_continued"):
    """One more step of an order whose fills did not fit into one command."""

    order: OrderRecord
    is_final: bool


class OrderCanceled(MarketEvent, frozen=True, tag="order_canceled"):
    """One order left the book at its owner's wish. `cancel_client_order_id` may be empty."""

    order: OrderRecord
    cancel_client_order_id: str


class OrdersCanceled(MarketEvent, frozen=True, tag="orders_canceled"):
    """All (or the next 500) orders of an account on a symbol left the book, oldest first."""

    orders: list[OrderRecord]


class OrderReduced(MarketEvent, frozen=True, tag="order_reduced"):
    """An order became smaller and kept its place."""

    order: OrderRecord


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


class AccountChanged(Event, frozen=True, tag="account_changed"):
    """An account or one of its API keys was published or revoked: cached keys are to be read again."""

    account: int
    name: str


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
    OrderPlaced | OrderContinued | OrderCanceled | OrdersCanceled | OrderReduced | TapeFrameApplied | TapeTradePlayed
)
AnyEvent = (
    AnyMarketEvent
    | BalanceCredited
    | BalanceDebited
    | SymbolDefined
    | AccountChanged
    | ClockSet
    | MarketCleared
    | VenueOpened
)

_event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_order_decoder = msgspec.json.Decoder(OrderRecord)
_fills_decoder = msgspec.json.Decoder(list[Fill])


def decode(data: bytes) -> AnyEvent:
    """The event of one stream entry's field "d". Raises msgspec.DecodeError for anything else."""
    return _event_decoder.decode(data)


def decode_order(data: bytes) -> OrderRecord:
    return _order_decoder.decode(data)


def decode_fills(data: bytes) -> list[Fill]:
    return _fills_decoder.decode(data)


def decode_entry(entry: list[Any]) -> AnyEvent:
    """The event of an entry as XRANGE or XREAD returns it: [id, [b"d", data]]."""
    return decode(entry[1][1])
