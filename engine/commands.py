"""What may be asked of the engine: whole numbers only, already checked for form.

`account` is the number of the owner, never a name. `credential` says by which API key its caller speaks for it, and
until when: `credential_of`. The script checks it again, so that a revoked key is dead at once on every worker, and
what was signed too long ago is not executed; empty for the exchange's own commands.
"""

import msgspec

from engine.rate_limits import Charge
from engine.types import ListKind, OrderStatus, OrderType, PegPrice, Side, StpMode, TimeInForce


def credential_of(key_digest: str, until_us: int | None = None) -> str:
    """The SHA-256 of a key's text; of a signed request with the last moment at which it may be executed."""
    return key_digest if until_us is None else f"{key_digest},{until_us // 1000}"


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A new order. Exactly one of `lots` and `quote_order_atoms` is above zero (none of a pending order of an OPO);
    `price_ticks` is 0 without a limit.

    A contingent type has `stop_ticks`, `trailing_bips` (hundredths of a percent) or both; with both it begins to trail
    once the stop price is reached. `iceberg_lots` is what an iceberg order shows at a time, 0 for all of it.
    A pegged order takes the price of a level when it enters the book, `peg_offset` levels behind the best one; its
    `price_ticks` may be 0 then. `strategy_id` and `strategy_type` are the caller's own words, 0 for none.
    """

    account: int
    symbol: str
    rules_version: int
    side: Side
    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    price_ticks: int = 0
    lots: int = 0
    quote_order_atoms: int = 0
    stop_ticks: int = 0
    trailing_bips: int = 0
    iceberg_lots: int = 0
    stp: StpMode = StpMode.NONE
    strategy_id: int = 0
    strategy_type: int = 0
    peg: PegPrice = PegPrice.NONE
    peg_offset: int = 0
    client_order_id: str
    credential: str = ""
    charge: Charge | None = None  # what to count the command as; of a list's orders the first one's

    @property
    def terms(self) -> str:
        """The part of OrderTerms that never changes, as JSON without brackets; empty for an order that needs none."""
        is_usual = self.stp is StpMode.NONE and not (
            self.stop_ticks
            or self.trailing_bips
            or self.iceberg_lots
            or self.strategy_id
            or self.strategy_type
            or self.peg
        )
        return "" if is_usual else self.all_terms

    @property
    def all_terms(self) -> str:
        """The same, also for an order that needs none."""
        return (
            f'{self.stop_ticks},{self.trailing_bips},{self.iceberg_lots},"{self.stp}",'
            f'{self.strategy_id},{self.strategy_type},"{self.peg}",{self.peg_offset}'
        )


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """By `order_id`, by `client_order_id` (the order's), or by both, which then must agree.

    `cancel_client_order_id` names the cancel itself in the order's executionReport. With `only_status` (NEW or
    PARTIALLY_FILLED) the order is left alone unless it has that status.
    """

    account: int
    symbol: str
    order_id: int | None = None
    client_order_id: str = ""
    cancel_client_order_id: str = ""
    only_status: OrderStatus | None = None
    credential: str = ""


class ReplaceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel an order and place a new one of the same account and symbol, with nothing in between.

    The new one is not attempted when the cancel fails, unless `place_anyway`. An account that may not place more orders
    just now cancels nothing either, unless `cancel_anyway`.
    """

    cancel: CancelOrder
    place: PlaceOrder
    place_anyway: bool = False
    cancel_anyway: bool = False


class PlaceOrderList(msgspec.Struct, frozen=True, kw_only=True):
    """Orders of one account and symbol that depend on each other: but of OCO the working one comes first.

    Pending orders of OPO and OPOCO have 0 lots; their working order is a BUY, they are sales.
    """

    kind: ListKind
    client_order_id: str
    orders: list[PlaceOrder]


class CancelOrderList(msgspec.Struct, frozen=True, kw_only=True):
    """By `list_id`, by the list's `client_order_id`, or by both, which then must agree."""

    account: int
    symbol: str
    list_id: int | None = None
    client_order_id: str = ""
    cancel_client_order_id: str = ""
    credential: str = ""


class CancelAllOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Every open order of the account on the symbol."""

    account: int
    symbol: str
    credential: str = ""


class ReduceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Quantity down to `lots` in all (filled part included), place in the queue kept; with it that of the other order
    of an OCO pair. `new_client_order_id` is what it is called from here on, empty: what it was called before.
    """

    account: int
    symbol: str
    order_id: int
    lots: int
    new_client_order_id: str = ""
    credential: str = ""


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Money in (`Gateway.credit`) or out (`Gateway.debit`)."""

    account: int
    asset: str
    atoms: int
    credential: str = ""


class TapeLevel(msgspec.Struct, frozen=True, array_like=True):
    """What a recording shows at one price after a frame; 0 lots: the level is gone."""

    side: Side
    price_ticks: int
    lots: int


class TapeCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording's commands share.

    The clock takes `now_ms` unless it is later already. `mark` is this command's name, kept by the venue; a command
    with `after` is refused as stale unless that is the newest mark: what was sent behind a refused command changes
    nothing either, and whoever lost a reply reads the mark to know how far the venue came. Empty: no check.
    """

    symbol: str
    rules_version: int
    now_ms: int
    maker_account: int
    taker_account: int
    after: str = ""
    mark: str = ""


class TapeFrame(TapeCommand, frozen=True, kw_only=True):
    """A recorded depth change: levels become what the recording shows, less what users took."""

    levels: list[TapeLevel]


class TapeTrade(TapeCommand, frozen=True, kw_only=True):
    """A recorded trade: played as an immediate-or-cancel order of the tape."""

    price_ticks: int
    lots: int
    is_buyer_maker: bool
