"""The words of the reference exchange: what an order, a market, a purse is, in decimals as people write them."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

ZERO = Decimal(0)
ATOM = Decimal("1e-8")


class Refused(Exception):
    """The command was read and refused; nothing changed."""

    def __init__(self, reason: str, existing: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.existing = reason, existing


@dataclass
class Market:
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    min_notional: Decimal = ZERO
    status: str = "TRADING"
    rules_version: int = 1
    update_id: int = 0
    next_trade_id: int = 1
    last_price: Decimal | None = None
    changed_ms: int = 0

    def steps(self) -> tuple[int, int]:
        """(multiplier, divisor): atoms of quote = ticks * lots * multiplier / divisor."""
        return Fraction(self.tick * self.lot / ATOM).as_integer_ratio()


@dataclass
class Order:
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
    status: str = "NEW"
    filled_quote: Decimal = ZERO
    locked: Decimal = ZERO


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


@dataclass
class Purse:
    free: Decimal = ZERO
    locked: Decimal = ZERO


def floor(amount: Decimal) -> Decimal:
    return amount.quantize(ATOM, ROUND_FLOOR)


def ceil(amount: Decimal) -> Decimal:
    return amount.quantize(ATOM, ROUND_CEILING)
