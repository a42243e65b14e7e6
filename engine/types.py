"""The words of the exchange and the rules of a symbol: frozen, no I/O.

A newcomer's trap: a tick and a lot are the symbol's smallest steps, not powers of ten. Prices are counted in
ticks, quantities in lots, money in atoms (the smallest unit of its asset, 8 decimals unless told otherwise).
"""

from enum import StrEnum
from functools import lru_cache
from math import gcd

import msgspec

ORDER_LIMIT = 2**53 - 1  # what one command moves: Lua's numbers are doubles, exact up to here
BALANCE_LIMIT = 9_000_000_000_000_000_000  # what a balance may reach: HINCRBY counts to 2**63
PRICE_DECIMALS = 8  # prices and quantities are written with eight decimals on the wire
UNIT: int = 10**PRICE_DECIMALS
TAPE_MAKER = "tape-maker"  # the accounts of recorded history: one rests, one takes; their orders have no client ids
TAPE_TAKER = "tape-taker"
TRAILING_LIMIT = 20_000  # a price times this must stay exact where orders may trail (10000 + largest delta)
MAX_FILLS = 500  # fills one step of a command may write; mirrored in lua/lib/matching.lua


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """What a price is multiplied by so that the best of the side sorts first."""
        return -1 if self is Side.BUY else 1


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def has_limit(self) -> bool:
        """It has a price of its own; the others take what the book offers."""
        return self not in (OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)

    @property
    def is_contingent(self) -> bool:
        """It waits outside the book until the last price triggers it."""
        return self not in (OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER)

    def waits_above(self, side: Side) -> bool:
        """A contingent order is triggered by a price at or above its stop price, else by one at or below it."""
        is_stop_loss = self in (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
        return is_stop_loss is (side is Side.BUY)


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class StpMode(StrEnum):
    """What happens instead of a trade with oneself or one's trade group. The taker's mode decides."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"
    TRANSFER = "TRANSFER"


class ListKind(StrEnum):
    """OCO: one cancels the other. OTO: one triggers the other. OTOCO: one triggers such a pair."""

    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"


class PegPrice(StrEnum):
    """Where a pegged order takes its price from when it enters the book."""

    NONE = ""
    PRIMARY_PEG = "PRIMARY_PEG"  # the best price of its own side
    MARKET_PEG = "MARKET_PEG"  # the best price of the other side


class OrderStatus(StrEnum):
    PENDING_NEW = "PENDING_NEW"  # waits for the working order of its list
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"  # by self-trade prevention

    @property
    def is_open(self) -> bool:
        return self in (OrderStatus.PENDING_NEW, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class SymbolStatus(StrEnum):
    TRADING = "TRADING"
    HALT = "HALT"


class SymbolSpec(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """The rules of one symbol, as stored in `{venue}:symbols` (JSON).

    `tick_units` and `lot_units` are the tick and lot size in 1e-8 (0.01 is 1_000_000). `rules_version` grows with
    every change; a script refuses a command that was made under other rules, so a worker may cache a spec.
    Fee rates are in 1e-8 of the received amount (0.1 % is 100_000). `max_iceberg_parts` 0: no icebergs. Trailing
    deltas are in hundredths of a percent, "above" for orders that wait above the market; largest ones of 0: none trail.
    Market lots bound MARKET orders by quantity beside `min_lots` and `max_lots`; 0: nothing more than these.
    """

    symbol: str
    base: str
    quote: str
    base_decimals: int = 8
    quote_decimals: int = 8
    tick_units: int
    lot_units: int
    min_price_ticks: int = 1
    max_price_ticks: int
    min_lots: int = 1
    max_lots: int
    min_notional_atoms: int
    maker_fee_e8: int = 100_000
    taker_fee_e8: int = 100_000
    min_market_lots: int = 0
    max_market_lots: int = 0
    max_iceberg_parts: int = 100
    min_trailing_above_bips: int = 10
    max_trailing_above_bips: int = 2_000
    min_trailing_below_bips: int = 10
    max_trailing_below_bips: int = 2_000
    order_types: tuple[OrderType, ...] = tuple(OrderType)
    default_stp: StpMode = StpMode.NONE
    allowed_stp: tuple[StpMode, ...] = tuple(StpMode)
    status: SymbolStatus = SymbolStatus.TRADING
    rules_version: int = 1

    @property
    def base_atoms_per_lot(self) -> int:
        atoms: int = self.lot_units * 10**self.base_decimals
        return atoms // UNIT

    @property
    def allows_trailing(self) -> bool:
        """Some order may trail: the largest delta says so, and no price is so large that following it is inexact."""
        largest = max(self.max_trailing_above_bips, self.max_trailing_below_bips)
        return largest > 0 and self.max_price_ticks * TRAILING_LIMIT <= ORDER_LIMIT

    @property
    def notional_ratio(self) -> tuple[int, int]:
        """(multiplier, divisor) in lowest terms: quote_atoms = price_ticks * lots * multiplier / divisor."""
        return _notional_ratio(self)

    def notional_floor(self, price_ticks: int, lots: int) -> int:
        """Quote atoms that a fill moves: rounded down, the same integer on both legs."""
        multiplier, divisor = self.notional_ratio
        return price_ticks * lots * multiplier // divisor

    def notional_ceil(self, price_ticks: int, lots: int) -> int:
        """Quote atoms that a resting buy must set aside: rounded up, what remains is returned at its end."""
        multiplier, divisor = self.notional_ratio
        return -(-price_ticks * lots * multiplier // divisor)


@lru_cache(maxsize=4_096)
def _notional_ratio(spec: SymbolSpec) -> tuple[int, int]:
    """Worked out once a symbol: every order asks for it."""
    multiplier: int = spec.tick_units * spec.lot_units * 10**spec.quote_decimals
    divisor = UNIT * UNIT
    common = gcd(multiplier, divisor)
    return multiplier // common, divisor // common
