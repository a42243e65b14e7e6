"""What a symbol and an account may be limited to, in decimals as people write them; zero is "no such rule".

The fact a newcomer would get wrong: a limit says nothing about what is open already. It is judged when orders come.
"""

from dataclasses import dataclass, field
from decimal import Decimal

NONE = Decimal(0)


@dataclass(frozen=True)
class Counts:
    """How many orders an account may have open."""

    orders: int = 0
    algos: int = 0
    icebergs: int = 0
    lists: int = 0


@dataclass(frozen=True)
class Band:
    """A price between these multiples of the last price."""

    up: Decimal = NONE
    down: Decimal = NONE

    def excludes(self, price: Decimal, last: Decimal) -> bool:
        return bool(self.up and price > last * self.up) or bool(self.down and price < last * self.down)


@dataclass(frozen=True)
class Sizes:
    """Quantities of orders, and of those that are MARKET orders."""

    least: Decimal = NONE
    most: Decimal = NONE
    least_at_market: Decimal = NONE
    most_at_market: Decimal = NONE
    iceberg_parts: int = 0


@dataclass(frozen=True)
class SymbolRules:
    """Binance's filters (filters.md), the matching rule, and the circuit breaker: a last price more than `halt_share`
    from another one of the last `halt_seconds` halts the symbol.
    """

    here: Counts = Counts()
    anywhere: Counts = Counts()
    amends: int = 0
    position: Decimal = NONE
    price: Band = Band()
    bid_price: Band = Band()
    ask_price: Band = Band()
    halt_share: Decimal = NONE
    halt_seconds: int = 0
    sizes: Sizes = Sizes()
    matching: str = ""  # price-time; else a rule and its percent, "price_time_pro_rata/40"
    rates: dict[str, Decimal] = field(default_factory=dict)  # of fees: "standard_maker", "tax_buyer" ...; none: zero
    discount_asset: str = ""  # in which fees may be paid, then at this share of the standard ones
    discount: Decimal = NONE

    @property
    def has_breaker(self) -> bool:
        return bool(self.halt_share and self.halt_seconds)

    def halts(self, price: Decimal, other: Decimal) -> bool:
        """Whether a price is too far from another one."""
        return abs(price - other) > other * self.halt_share


@dataclass(frozen=True)
class AccountRules:
    """The limits of one account, amounts by asset."""

    is_killed: bool = False
    open_orders: int = 0
    order: dict[str, Decimal] = field(default_factory=dict)
    daily: dict[str, Decimal] = field(default_factory=dict)
    position: dict[str, Decimal] = field(default_factory=dict)
