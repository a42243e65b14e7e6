"""The words of the exchange and the rules of a symbol: frozen, no I/O.

A newcomer's trap: a tick and a lot are the symbol's smallest steps, not powers of ten. Prices are counted in
ticks, quantities in lots, money in atoms (the smallest unit of its asset, 8 decimals unless told otherwise).
"""

from enum import StrEnum
from functools import cached_property
from math import gcd

import msgspec

ORDER_LIMIT = 2**53 - 1  # what one command moves: Lua's numbers are doubles, exact up to here
BALANCE_LIMIT = 9_000_000_000_000_000_000  # what a balance may reach: HINCRBY counts to 2**63
PRICE_DECIMALS = 8  # prices and quantities are written with eight decimals on the wire
UNIT: int = 10**PRICE_DECIMALS
TAPE_MAKER = "tape-maker"  # the accounts of recorded history: one rests, one takes; their orders have no client ids
TAPE_TAKER = "tape-taker"
TRAILING_LIMIT = 20_000  # a price times this must stay exact where orders may trail (10000 + largest delta)
RATE_NAMES = tuple(
    f"{kind}_{party}" for kind in ("standard", "special", "tax") for party in ("maker", "taker", "buyer", "seller")
)
USUAL_RATES = ("standard_maker", "standard_taker")
LARGEST_USUAL_RATE_E8 = 50_000_000  # a half; with the largest of the others a fee is still less than what it is from
LARGEST_RATE_E8 = 8_000_000
MAX_FILLS = 500  # fills one step of a command may write; mirrored in lua/lib/matching.lua


def rate_field(name: str) -> str:
    """The field of a SymbolSpec that holds the rate of this name."""
    return f"{name.removeprefix('standard_')}_fee_e8"


def largest_rate_e8(name: str) -> int:
    """The most that the rate of this name may be, so that all of them together take less than what was received."""
    return LARGEST_USUAL_RATE_E8 if name in USUAL_RATES else LARGEST_RATE_E8


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


class Feature(StrEnum):
    """What a symbol may go without: these kinds of order lists (an OPO needs OTO too, an OPOCO all three), pegs."""

    OCO = "OCO"
    OTO = "OTO"
    OPO = "OPO"
    PEG = "PEG"


class ListKind(StrEnum):
    """OCO: one cancels the other. OTO: one triggers the other. OTOCO: one triggers such a pair.

    OPO, OPOCO: the same as OTO and OTOCO, and what the first order buys is the quantity of the others.
    """

    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"
    OPO = "OPO"
    OPOCO = "OPOCO"

    @property
    def is_paid(self) -> bool:
        """Its pending orders get their quantity from the working one."""
        return self in (ListKind.OPO, ListKind.OPOCO)

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the symbol must offer for such a list."""
        return _FEATURES[self]

    @property
    def has_pair(self) -> bool:
        """The last two of its orders exclude each other."""
        return self in (ListKind.OCO, ListKind.OTOCO, ListKind.OPOCO)


_FEATURES = {
    ListKind.OCO: (Feature.OCO,),
    ListKind.OTO: (Feature.OTO,),
    ListKind.OTOCO: (Feature.OTO, Feature.OCO),
    ListKind.OPO: (Feature.OTO, Feature.OPO),
    ListKind.OPOCO: (Feature.OTO, Feature.OPO, Feature.OCO),
}


class PegPrice(StrEnum):
    """Where a pegged order takes its price from when it enters the book."""

    NONE = ""
    PRIMARY_PEG = "PRIMARY_PEG"  # the best price of its own side
    MARKET_PEG = "MARKET_PEG"  # the best price of the other side


class PegOffset(StrEnum):
    """What a pegged order's offset counts."""

    PRICE_LEVEL = "PRICE_LEVEL"


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
    """Without TRADING no order is taken and nothing is triggered; orders stay and can be cancelled.

    In a HALT they can be amended too, in a BREAK not: it is for cancelling alone. In AUCTION_MATCH (a name that Binance
    had for a phase of its own) limit orders are taken and collect without trading, so the book may be crossed;
    `Gateway.uncross` alone ends that.
    """

    TRADING = "TRADING"
    AUCTION_MATCH = "AUCTION_MATCH"
    HALT = "HALT"
    BREAK = "BREAK"


class SymbolSpec(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True, dict=True):  # for what is worked out once
    """The rules of one symbol, as stored in `{venue}:symbols` (JSON).

    `tick_units` and `lot_units` are the tick and lot size in 1e-8 (0.01 is 1_000_000). `rules_version` grows with
    every change; a script refuses a command that was made under other rules, so a worker may cache a spec.
    Fee rates are in 1e-8 of the received amount (0.1 % is 100_000); what an order pays is the sum of one of maker and
    taker and one of buyer and seller, of each of three kinds: standard (without a word in front), special and tax.
    With `allows_discount` accounts that want it (`AccountRates`) pay in `discount_asset`, of the standard fee no more
    than the share `discount_e8`. `max_iceberg_parts` 0: no icebergs. Trailing
    deltas are in hundredths of a percent, "above" for orders that wait above the market; largest ones of 0: none trail.
    Market lots bound MARKET orders by quantity beside `min_lots` and `max_lots`; 0: nothing more than these.
    From `max_orders` on 0 is always "no such rule". Those that count are per account; the exchange's count all symbols.
    Price multipliers are in 1e-4 of the last price. A last price more than `halt_bips` from another one of the last
    `halt_seconds` halts the symbol. `matching_rule` (engine/matching_rules.py) says who at a price level gets how much,
    with `price_time_percent` as its number if it needs one.
    A taker trades within the `range` multiples of the reference price: the mean of the prices in `reference_buckets`
    buckets of `reference_bucket_ms`, or set from outside by the method `reference_external_id`; -1: it is not.
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
    buyer_fee_e8: int = 0
    seller_fee_e8: int = 0
    special_maker_fee_e8: int = 0
    special_taker_fee_e8: int = 0
    special_buyer_fee_e8: int = 0
    special_seller_fee_e8: int = 0
    tax_maker_fee_e8: int = 0
    tax_taker_fee_e8: int = 0
    tax_buyer_fee_e8: int = 0
    tax_seller_fee_e8: int = 0
    discount_asset: str = "BNB"
    discount_e8: int = 75_000_000
    allows_discount: bool = False
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
    not_offered: tuple[Feature, ...] = ()
    max_orders: int = 0
    max_algo_orders: int = 0
    max_iceberg_orders: int = 0
    max_order_lists: int = 0
    max_order_amends: int = 0
    max_position_lots: int = 0
    exchange_max_orders: int = 0
    exchange_max_algo_orders: int = 0
    exchange_max_iceberg_orders: int = 0
    exchange_max_order_lists: int = 0
    price_up_e4: int = 0
    price_down_e4: int = 0
    bid_price_up_e4: int = 0
    bid_price_down_e4: int = 0
    ask_price_up_e4: int = 0
    ask_price_down_e4: int = 0
    halt_bips: int = 0
    halt_seconds: int = 0
    matching_rule: str = "price_time"
    price_time_percent: int = 0
    range_bid_up_e4: int = 0
    range_bid_down_e4: int = 0
    range_ask_up_e4: int = 0
    range_ask_down_e4: int = 0
    reference_bucket_ms: int = 0
    reference_buckets: int = 0
    reference_external_id: int = -1
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
    def limits(self) -> str:
        """The rules that only some symbols have, as lua/lib/limits.lua and market.lua read them; empty without any."""
        numbers = {
            "orders": self.max_orders, "algos": self.max_algo_orders, "icebergs": self.max_iceberg_orders,
            "lists": self.max_order_lists, "amends": self.max_order_amends,
            "position": self.max_position_lots * self.base_atoms_per_lot,
            "all_orders": self.exchange_max_orders, "all_algos": self.exchange_max_algo_orders,
            "all_icebergs": self.exchange_max_iceberg_orders, "all_lists": self.exchange_max_order_lists,
            "up": self.price_up_e4, "down": self.price_down_e4,
            "bid_up": self.bid_price_up_e4, "bid_down": self.bid_price_down_e4,
            "ask_up": self.ask_price_up_e4, "ask_down": self.ask_price_down_e4,
        }  # fmt: skip
        words = [f"{name}={number}" for name, number in numbers.items() if number]
        if self.halt_bips and self.halt_seconds:
            words.append(f"halt={self.halt_bips}/{self.halt_seconds}")
        if self.matching_rule != "price_time":
            words.append(f"rule={self.matching_rule}/{self.price_time_percent}")
        if any(self.price_range):
            words.append("range=" + "/".join(map(str, self.price_range)))
        if self.has_mean_reference:
            words.append(f"mean={self.reference_bucket_ms}/{self.reference_buckets}")
        elif self.reference_external_id >= 0:
            words.append(f"external={self.reference_external_id}")
        return f" {' '.join(words)} " if words else ""

    @property
    def fee_rates(self) -> dict[str, int]:
        """Every rate in 1e-8 by its name (RATE_NAMES): "standard_maker", "tax_buyer" ..."""
        return {name: getattr(self, rate_field(name)) for name in RATE_NAMES}

    @property
    def rates(self) -> str:
        """What is unusual about its fees, as lua/lib/commissions.lua reads it; empty where only the usual two are."""
        words = [f"{name}={rate}" for name, rate in self.fee_rates.items() if rate and name not in USUAL_RATES]
        if self.allows_discount:
            words += [f"discount_ratio={self.discount_e8}", f"discount_asset={self.discount_asset}"]
        return f" {' '.join(words)} " if words else ""

    @property
    def price_range(self) -> tuple[int, int, int, int]:
        """The PRICE_RANGE rule: bid up and down, ask up and down, in 1e-4; 0: no such bound."""
        return self.range_bid_up_e4, self.range_bid_down_e4, self.range_ask_up_e4, self.range_ask_down_e4

    @property
    def has_mean_reference(self) -> bool:
        """The engine computes the reference price (ARITHMETIC_MEAN)."""
        return self.reference_bucket_ms > 0 and self.reference_buckets > 0

    @cached_property
    def notional_ratio(self) -> tuple[int, int]:
        """(multiplier, divisor) in lowest terms: quote_atoms = price_ticks * lots * multiplier / divisor."""
        multiplier: int = self.tick_units * self.lot_units * 10**self.quote_decimals
        divisor = UNIT * UNIT
        common = gcd(multiplier, divisor)
        return multiplier // common, divisor // common

    @cached_property
    def max_notional_atoms(self) -> int:
        """The largest amount of quote one order may be worth: above it the engine's numbers stop being exact."""
        _, divisor = self.notional_ratio
        return (ORDER_LIMIT + 1 - divisor) // divisor

    def notional_floor(self, price_ticks: int, lots: int) -> int:
        """Quote atoms that a fill moves: rounded down, the same integer on both legs."""
        multiplier, divisor = self.notional_ratio
        return price_ticks * lots * multiplier // divisor

    def notional_ceil(self, price_ticks: int, lots: int) -> int:
        """Quote atoms that a resting buy must set aside: rounded up, what remains is returned at its end."""
        multiplier, divisor = self.notional_ratio
        return -(-price_ticks * lots * multiplier // divisor)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`request`: "POST /api/v3/order", "order.place"; empty: whatever comes. `executed`: only the answer is lost."""

    code: int
    request: str = ""
    executed: bool = False
