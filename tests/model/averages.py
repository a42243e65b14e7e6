"""The reference price of a symbol and what looks at it: the range in which takers trade, and filters.

The fact a newcomer would get wrong: the mean is kept in buckets of time, and the oldest one counts by the part of it
that is still in the window (faqs/price_range_execution_rules.md). Every division is truncated, as there.
"""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from tests.model.counting import Counting
from tests.model.rules import Band
from tests.model.words import ATOM, EXACT, ZERO, Market, Refused

FINER = Decimal("1e-4")  # counts have four decimals, sums four more than prices


@dataclass
class Bucket:
    """Trades since its open time."""

    trades: int = 0
    prices: Decimal = ZERO


@dataclass
class Buckets:
    """`width_ms` and `count` are those of the rule under which they were filled: another rule has none."""

    width_ms: int = 0
    count: int = 0
    by_time: dict[int, Bucket] = field(default_factory=dict)

    def within(self, now_ms: int) -> dict[int, Bucket]:
        """Those of which a part is in the window, by open time."""
        cutoff_ms = now_ms - self.width_ms * self.count
        return {
            open_ms: bucket for open_ms, bucket in self.by_time.items() if cutoff_ms < open_ms + self.width_ms
            and open_ms <= now_ms
        }  # fmt: skip

    def mean(self, now_ms: int) -> Decimal | None:
        trades = prices = ZERO
        for open_ms, bucket in self.within(now_ms).items():
            expired_ms = max(0, now_ms - self.width_ms * self.count - open_ms)
            trades += bucket.trades - cut(bucket.trades * expired_ms / Decimal(self.width_ms), FINER)
            prices += bucket.prices - cut(bucket.prices * expired_ms / Decimal(self.width_ms), ATOM * FINER)
        return cut(prices / trades, ATOM) if trades else None


def cut(amount: Decimal, step: Decimal) -> Decimal:
    return amount.quantize(step, ROUND_DOWN)


@dataclass
class Averages(Counting):
    """What is known of prices beside the last one."""

    def set_reference_price(self, symbol: str, price: Decimal | None) -> None:
        """From outside; None: there is none."""
        market = self.markets[symbol]
        if not market.rules.has_external_reference:
            raise Refused("REFERENCE_NOT_EXTERNAL")
        market.reference = price
        self.tell("reference_price_set", symbol=symbol, price=price)

    def reference_price(self, market: Market) -> Decimal | None:
        """As of now; None when the symbol has none."""
        rules = market.rules
        if rules.has_external_reference:
            return market.reference
        if not rules.has_mean_reference:
            return None
        return self._buckets(market).mean(self.now_ms)

    def _buckets(self, market: Market) -> Buckets:
        """Those of the rule in force; of another rule's nothing counts."""
        wanted, known = (market.rules.bucket_ms, market.rules.buckets), market.buckets
        is_same = known is not None and (known.width_ms, known.count) == wanted
        return known if is_same else Buckets(*wanted)

    def average_price(self, market: Market) -> Decimal | None:
        """What filters compare prices with: the reference price, else the last one."""
        reference = self.reference_price(market)
        self.met["filter by the reference price"] += reference is not None
        return market.last_price if reference is None else reference

    def worth_at_average(self, market: Market, quantity: Decimal) -> Decimal | None:
        """Of an order without a price, exactly; None without an average. Refused what the engine cannot compute."""
        reference = self.reference_price(market)
        price = self.average_price(market)
        if price is None:
            return None
        multiplier, divisor = market.steps()
        product = price / market.tick * (quantity / market.lot) * multiplier + divisor - 1  # it is rounded up
        too_large = product >= EXACT if reference is None else price * quantity // ATOM >= EXACT - 1
        if too_large:
            raise Refused("AMOUNT_TOO_LARGE")
        return price * quantity

    def note_prices(self, market: Market, prices: list[Decimal]) -> None:
        """The prices of a step's trades go into the bucket of now; what has left the window goes."""
        rules = market.rules
        if not rules.has_mean_reference or not prices:
            return
        kept = self._buckets(market).within(self.now_ms)
        market.buckets = Buckets(rules.bucket_ms, rules.buckets, kept)
        bucket = kept.setdefault(self.now_ms - self.now_ms % rules.bucket_ms, Bucket())
        bucket.trades += len(prices)
        bucket.prices = min(bucket.prices + sum(prices), (EXACT - 1) * market.tick)

    def range_for(self, market: Market, side: str) -> tuple[Decimal, Decimal] | None:
        """The lowest and the highest price at which an order that begins to take now may trade; None: any."""
        band: Band = market.rules.bid_range if side == "BUY" else market.rules.ask_range
        reference = self.reference_price(market)
        if not market.rules.has_range or reference is None:
            return None
        return reference * band.down, reference * band.up if band.up else Decimal("Infinity")
