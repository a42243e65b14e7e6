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
    """A price between these multiples of another."""

    up: Decimal = NONE
    down: Decimal = NONE

    def excludes(self, price: Decimal, average: Decimal) -> bool:
        return bool(self.up and price > average * self.up) or bool(self.down and price < average * self.down)


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
    from another one of the last `halt_seconds` halts the symbol. Takers trade in the range around the reference price:
    the mean of the trades in `buckets` of `bucket_ms`, else what is told from outside where that `is_external`.
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
    bid_range: Band = Band()
    ask_range: Band = Band()
    bucket_ms: int = 0
    buckets: int = 0
    is_external: bool = False

    @property
    def has_range(self) -> bool:
        return self.bid_range != Band() or self.ask_range != Band()

    @property
    def has_mean_reference(self) -> bool:
        return self.bucket_ms > 0 and self.buckets > 0

    @property
    def has_external_reference(self) -> bool:
        return self.is_external and not self.has_mean_reference

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
