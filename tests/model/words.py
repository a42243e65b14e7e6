"""The words of the reference exchange: what an order, a market, a purse is, in decimals as people write them."""

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from tests.model.rules import SymbolRules

ZERO = Decimal(0)
ATOM = Decimal("1e-8")
UNFOUND = Decimal(-1)  # no price
EXACT = 2**53  # what one step moves in one asset stays below this many atoms


class Refused(Exception):
    """The command was read and refused; nothing changed."""

    def __init__(self, reason: str, existing: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.existing = reason, existing


@dataclass
class Market:
    """`upcoming` is what follows from the steps that were made, in the order in which it will happen: ("trigger", order
    whose price has come), ("begin", order of a list), ("list", list that something happened to).
    """

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_notional: Decimal = ZERO
    status: str = "TRADING"
    rules_version: int = 1
    update_id: int = 0
    next_trade_id: int = 1
    next_prevented_id: int = 0
    last_price: Decimal | None = None
    changed_ms: int = 0
    rest: Any = None  # of a round that an unfinished order is amid (rounds.Rest)
    upcoming: list[tuple[str, Any]] = field(default_factory=list)
    rules: SymbolRules = field(default_factory=SymbolRules)
    definition: object = None  # all of its rules, as they were last defined
    is_halted: bool = False  # by the circuit breaker
    traded: list[tuple[int, Decimal]] = field(default_factory=list)
    reference: Decimal | None = None  # the reference price as it was told from outside
    buckets: Any = None  # of the mean (averages.Buckets)

    def steps(self) -> tuple[int, int]:
        """(multiplier, divisor): atoms of quote = ticks * lots * multiplier / divisor."""
        return Fraction(self.tick * self.lot / ATOM).as_integer_ratio()


@dataclass
class Terms:
    """What few orders have. `working_ms` is 0 while the order waits for its trigger."""

    stop: Decimal = ZERO
    trailing_bips: int = 0
    iceberg: Decimal = ZERO
    stp: str = "NONE"
    strategy_id: int = 0
    strategy_type: int = 0
    working_ms: int = 0
    trailing_ms: int = 0
    visible: Decimal = ZERO
    queue_id: int = 0
    prevented: Decimal = ZERO
    prevented_match: int = -1
    list_id: int = -1
    peg: str = ""
    peg_offset: int = 0
    own_price: Decimal = UNFOUND  # of a pegged order that has found a price: its owner's
    amends: int = 0
    expiry: str = ""
    pays_list: bool = False  # what it buys is locked for the pending orders of its list


@dataclass
class Order:
    """`left` is what may still be filled. What is not compared is the reference's own memory."""

    id: int
    account: int
    symbol: str
    side: str
    type: str
    time_in_force: str
    price: Decimal
    quantity: Decimal
    left: Decimal
    quote_amount: Decimal
    client_id: str
    created_ms: int
    updated_ms: int
    terms: Terms
    has_terms: bool = False  # the engine's record says nothing of them otherwise
    status: str = "NEW"
    filled_quote: Decimal = ZERO
    locked: Decimal = ZERO
    filled: Decimal = field(default=ZERO, compare=False)
    is_in_book: bool = field(default=False, compare=False)
    is_waiting: bool = field(default=False, compare=False)  # for its price
    best: Decimal | None = field(default=None, compare=False)  # the price that a trailing order follows
    range: tuple[Decimal, Decimal] | None = field(default=None, compare=False)  # within which it takes, unfinished
    quote_prevented: Decimal = field(default=ZERO, compare=False)  # of its quote amount, what prevention took

    @property
    def is_contingent(self) -> bool:
        return self.type.startswith(("STOP_LOSS", "TAKE_PROFIT"))

    @property
    def has_limit(self) -> bool:
        return "LIMIT" in self.type

    @property
    def waits_above(self) -> bool:
        """A price at or above the stop price triggers it, not one at or below."""
        return (self.type.startswith("STOP_LOSS"), self.side) in ((True, "BUY"), (False, "SELL"))

    @property
    def shown(self) -> Decimal:
        """What its price level shows of it."""
        if not self.is_in_book:
            return ZERO
        return self.terms.visible if self.terms.iceberg else self.left

    @property
    def open_status(self) -> str:
        return "PARTIALLY_FILLED" if self.filled else "NEW"

    @property
    def is_open(self) -> bool:
        return self.status in ("PENDING_NEW", "NEW", "PARTIALLY_FILLED")

    @property
    def has_begun(self) -> bool:
        """Of a pair: something of it was matched, or its price has come."""
        return self.left < self.quantity or (self.is_contingent and self.terms.working_ms > 0)


@dataclass
class OrderList:
    """`members` are (id, client order id); `orders` are the reference's own memory, the working one first."""

    id: int
    kind: str
    account: int
    symbol: str
    client_id: str
    created_ms: int
    updated_ms: int
    members: list[tuple[int, str]]
    is_done: bool = False
    orders: list[Order] = field(default_factory=list, compare=False)

    @property
    def working(self) -> Order | None:
        return None if self.kind == "OCO" else self.orders[0]

    @property
    def pair(self) -> list[Order]:
        """The two that exclude each other, the one first that locks what both need: others can meet it in the book."""
        if self.kind in ("OTO", "OPO"):
            return []
        return sorted(self.orders[-2:], key=lambda order: order.type != "LIMIT_MAKER")


@dataclass(frozen=True)
class Fill:
    trade_id: int
    price: Decimal
    quantity: Decimal
    quote: Decimal
    taker_side: str
    taker_account: int
    taker_id: int
    taker_fee: Decimal
    maker_account: int
    maker_id: int
    maker_fee: Decimal
    taker_fee_asset: str = ""  # if it is not what the side received
    maker_fee_asset: str = ""


@dataclass(frozen=True)
class Prevented:
    """Two orders that did not trade, and what each lost by it."""

    id: int
    price: Decimal
    mode: str
    taker_account: int
    taker_id: int
    from_taker: Decimal
    maker_account: int
    maker_id: int
    from_maker: Decimal
    trade_group: int


@dataclass
class Purse:
    free: Decimal = ZERO
    locked: Decimal = ZERO


def floor(amount: Decimal) -> Decimal:
    return amount.quantize(ATOM, ROUND_FLOOR)


def ceil(amount: Decimal) -> Decimal:
    return amount.quantize(ATOM, ROUND_CEILING)
