"""What events are made of: orders and lists as they stand in Redis, matches, levels, changes of balances.

All are JSON arrays with fixed places, in Redis as in an event; the part of a record that changes comes first. The Lua
scripts write these places by number (`engine/lua/lib/order.lua`), so a new field goes to the end and has a default.
"""

import msgspec

from engine.types import ListKind, OrderStatus, OrderType, PegPrice, Side, StpMode, TimeInForce


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
    expiry: str = ""  # why it has EXPIRED, in Binance's words, where nothing else about it tells
    pays_list: int = 0  # 1: what it buys is locked for the pending orders of its list (OPO)


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

    @property
    def has_quantity(self) -> bool:
        """Not so a pending order of an OPO before the list's working order has been filled."""
        return self.lots > 0 or self.quote_order_atoms > 0 or self.status is not OrderStatus.PENDING_NEW


class ListedOrder(msgspec.Struct, array_like=True, frozen=True):
    """One order of a list."""

    order_id: int
    client_order_id: str


class OrderListRecord(msgspec.Struct, array_like=True, frozen=True):
    """An order list as it stands in Redis. Of all kinds but OCO the first order is the working one. A list is done when
    none of its orders is open.
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
    """One match at one price, the maker's. A fee is in atoms of what its side received, or of the asset named.

    Fills of one step that share taker and price have one `aggregate_id`; these have no gaps within a symbol.
    """

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
    taker_fee_asset: str = ""
    maker_fee_asset: str = ""
    told_aggregate_id: int = 0  # 0: told before they were numbered

    @property
    def aggregate_id(self) -> int:
        return self.told_aggregate_id or self.trade_id

    def fee_of(self, *, is_maker: bool) -> tuple[int, str]:
        """One side's fee in atoms, and the asset if it is not the one that the side received, else empty."""
        if is_maker:
            return self.maker_fee_atoms, self.maker_fee_asset
        return self.taker_fee_atoms, self.taker_fee_asset

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


# From JSON, as bytes or text. Every order's reply has some: a function around them would cost more than they do.
decode_order = msgspec.json.Decoder(OrderRecord).decode
decode_terms = msgspec.json.Decoder(OrderTerms).decode
decode_fills = msgspec.json.Decoder(list[Fill]).decode
decode_prevented = msgspec.json.Decoder(list[PreventedMatch]).decode
decode_list = msgspec.json.Decoder(OrderListRecord).decode
