"""From a symbol's rules as people write them (decimal text) to the whole numbers the engine works with.

The fact a newcomer would get wrong: not every pair of tick and lot is a market. A lot must be a whole number of the
base asset's atoms, and one command's numbers must stay below 2^53; what breaks that is refused here, with the reason.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from engine.amounts import to_atoms, to_text
from engine.errors import BadParameter
from engine.matching_rules import PRICE_TIME, known_rules
from engine.types import (
    BALANCE_LIMIT,
    ORDER_LIMIT,
    PRICE_DECIMALS,
    RATE_NAMES,
    UNIT,
    Feature,
    OrderType,
    StpMode,
    SymbolSpec,
    SymbolStatus,
    largest_rate_e8,
    rate_field,
)

FEE_FIELDS = tuple(rate_field(name).removesuffix("_e8") for name in RATE_NAMES)  # maker_fee ... tax_seller_fee
DISCOUNT_FIELDS = ("discount_asset", "discount")
WHOLE_PRICE_BIPS = 10_000
MOST_PARTS = 2**31 - 1
MULTIPLIER_DECIMALS = 4
MOST_HALT_SECONDS = 600
MOST_PERCENT = 100
WITH_PERCENT = "price_time_pro_rata"
MOST_BUCKET_MS = 86_400_000
MOST_BUCKETS = 1_000
LARGEST_MULTIPLIER_E4 = 10_000_000_000
LARGEST_TICK_UNITS = 100_000_000_000  # of a symbol with a price range: its bounds are divided by a tick exactly
EXCHANGE_COUNTS = (
    "exchange_max_orders", "exchange_max_algo_orders", "exchange_max_iceberg_orders", "exchange_max_order_lists",
)  # fmt: skip
DEFAULTS: dict[str, Any] = {field.name: field.default for field in msgspec.structs.fields(SymbolSpec)}

_ASSET = re.compile(r"[A-Z0-9]{1,16}")
Word = TypeVar("Word", bound=StrEnum)


class BadRules(ValueError):
    """A symbol cannot have these rules. `problems`: field -> what is wrong, with the value and what to do."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems.items()))
        self.problems = dict(problems)


class _Reader:
    """Reads decimal texts by name and gathers what is wrong with them."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._rules = rules
        self.problems: dict[str, str] = {}

    def units(self, field: str, *, decimals: int = PRICE_DECIMALS) -> int:
        text = self._rules.get(field, "")
        try:
            return to_atoms(text, decimals=decimals, limit=BALANCE_LIMIT, field=field)
        except BadParameter as error:
            self.problems[field] = _why(error, text, decimals)
            return 0

    def steps(self, field: str, step_units: int, step_field: str, *, empty: int = 1) -> int:
        """How many ticks or lots; `empty` when there is no text."""
        if not self._rules.get(field):
            return empty
        count, rest = divmod(self.units(field), step_units)
        if rest:
            self.problems[field] = f"{self._rules[field]} is not a whole number of steps of {step_field} " + (
                f"({plain(step_units)})"
            )
        return count

    def bips(self, field: str) -> int:
        """A trailing delta in hundredths of a percent, less than the whole price."""
        return self.count(field, WHOLE_PRICE_BIPS - 1, f"{field}_bips")

    def count(self, field: str, most: int, name: str = "") -> int:
        """A whole number; what SymbolSpec has as `name` (else as the field) when the text is empty."""
        text = self._rules.get(field, "")
        if not text:
            return int(DEFAULTS[name or field])
        if text.isascii() and text.isdecimal() and int(text) <= most:
            return int(text)
        self.problems[field] = f"{text!r} is not a whole number from 0 to {most}"
        return 0

    def scaled(self, field: str, decimals: int, *, empty: int = 0) -> int:
        """A number in its last decimal; `empty` when the text is."""
        return self.units(field, decimals=decimals) if self._rules.get(field) else empty

    def rate(self, field: str) -> int:
        """A fee's share of what is received, in 1e-8; 0 when the text is empty."""
        rate_e8, name = self.scaled(field, PRICE_DECIMALS), rate_name(field)
        if rate_e8 > largest_rate_e8(name):
            self.problems[field] = (
                f"{plain(rate_e8)} is more than {plain(largest_rate_e8(name))}, the most this rate can be; "
                "0.1 % is written 0.001"
            )
        return rate_e8

    def discount_asset(self, *own: tuple[str, int]) -> str:
        """The asset in which fees may be paid, "" for none; `own` are the symbol's with their decimals."""
        asset = self._rules.get("discount_asset", "")
        if asset and not _ASSET.fullmatch(asset):
            self.problems["discount_asset"] = f"{asset!r} is no asset: 1 to 16 capital letters and digits, like BNB"
        decimals = dict(own).get(asset, PRICE_DECIMALS)
        if decimals != PRICE_DECIMALS:
            self.problems["discount_asset"] = too_coarse(asset, decimals)
        return asset

    def word(self, field: str, empty: StpMode) -> StpMode:
        text = self._rules.get(field, "")
        if text in set(StpMode):
            return StpMode(text)
        if text:
            self.problems[field] = f"{text!r} is none of {', '.join(StpMode)}"
        return empty

    def words(self, field: str, kind: type[Word], *, empty: tuple[Word, ...] | None = None) -> tuple[Word, ...]:
        """Words separated by commas, in the order of their kind; `empty`, or all of them, when the text is empty."""
        text = self._rules.get(field, "")
        names = [name.strip() for name in text.split(",")] if text else []
        if wrong := [name for name in names if name not in set(kind)]:
            self.problems[field] = f"{wrong[0]!r} is none of {', '.join(kind)}"
        return tuple(word for word in kind if word in names) or (tuple(kind) if empty is None else empty)

    def discount(self) -> int:
        """What is left of the standard fee in the discount asset, in 1e-8; the usual when the text is empty."""
        share_e8 = self.scaled("discount", PRICE_DECIMALS, empty=DEFAULTS["discount_e8"])
        if share_e8 > UNIT:
            self.problems["discount"] = (
                f"{plain(share_e8)} is more than 1; it says what is left of the standard fee: 0.75 takes a quarter off"
            )
        if self._rules.get("discount") and not self._rules.get("discount_asset"):
            self.problems["discount"] = "goes with discount_asset, which says in which asset fees may be paid"
        return share_e8

    def matching_rule(self) -> str:
        """A rule that the exchange knows; price-time when the text is empty."""
        text, known = self._rules.get("matching_rule", ""), (PRICE_TIME, *known_rules())
        if text and text not in known:
            self.problems["matching_rule"] = (
                f"{text!r} is none of {', '.join(known)}; a rule of your own is a file {text}.lua in the directory "
                "that EXCHANGE_MATCHING_RULES_DIR names"
            )
        return text or PRICE_TIME

    def stop_if_bad(self) -> None:
        if self.problems:
            raise BadRules(self.problems)


def rate_name(field: str) -> str:
    """The engine's name (RATE_NAMES) of a fee: rate_name("maker_fee") == "standard_maker"."""
    name = field.removesuffix("_fee")
    return name if name in RATE_NAMES else f"standard_{name}"


def too_coarse(asset: str, decimals: int) -> str:
    """Why fees cannot be paid in an asset."""
    return f"{asset} has {decimals} decimals; fees are paid in an asset with {PRICE_DECIMALS}: take another one"


def read_rates(texts: Mapping[str, str]) -> dict[str, int]:
    """Rates in 1e-8 by the engine's name, of those of FEE_FIELDS that have a text. Raises BadRules."""
    reader = _Reader(texts)
    rates = {rate_name(field): reader.rate(field) for field in FEE_FIELDS if texts.get(field)}
    reader.stop_if_bad()
    return rates


def _why(error: BadParameter, text: str, decimals: int) -> str:
    if error.problem == "TOO_MANY_DECIMALS":
        return f"{text} is too fine: at most {decimals} decimals are possible"
    if error.problem == "TOO_LARGE":
        return f"{text} is too large"
    return f"{text!r} is not a plain decimal number such as 0.01"


def plain(units: int, decimals: int = PRICE_DECIMALS) -> str:
    """Whole units as the shortest decimal text: plain(1_000_000) == "0.01"."""
    text = to_text(units, decimals=decimals)
    return text.rstrip("0").rstrip(".")


def spec_from(
    rules: Mapping[str, str], *, symbol: str, base: tuple[str, int], quote: tuple[str, int], status: SymbolStatus
) -> SymbolSpec:
    """The engine's view of these rules; `base` and `quote` are (name, decimals). Raises BadRules.

    `rules` are the texts of markets.models.RULE_FIELDS. An empty minimum is one step; empty rules for market orders,
    icebergs, trailing deltas, types and self-trade prevention are SymbolSpec's defaults.
    """
    reader = _Reader(rules)
    tick_units, lot_units = reader.units("tick_size"), reader.units("lot_size")
    for field, units in (("tick_size", tick_units), ("lot_size", lot_units)):
        if units == 0:
            reader.problems.setdefault(field, "must be above zero")
    reader.stop_if_bad()
    if lot_units * 10 ** base[1] % 10**PRICE_DECIMALS:
        raise BadRules({"lot_size": f"{rules['lot_size']} is finer than {base[0]}, which has {base[1]} decimals"})
    spec = SymbolSpec(
        symbol=symbol, base=base[0], quote=quote[0], base_decimals=base[1], quote_decimals=quote[1],
        tick_units=tick_units, lot_units=lot_units,
        min_price_ticks=reader.steps("min_price", tick_units, "tick_size"),
        max_price_ticks=reader.steps("max_price", tick_units, "tick_size"),
        min_lots=reader.steps("min_quantity", lot_units, "lot_size"),
        max_lots=reader.steps("max_quantity", lot_units, "lot_size"),
        min_notional_atoms=reader.units("min_notional", decimals=quote[1]),
        **_fees(reader, base, quote),
        min_market_lots=reader.steps("min_market_quantity", lot_units, "lot_size", empty=0),
        max_market_lots=reader.steps("max_market_quantity", lot_units, "lot_size", empty=0),
        max_iceberg_parts=reader.count("max_iceberg_parts", MOST_PARTS),
        min_trailing_above_bips=reader.bips("min_trailing_above"),
        max_trailing_above_bips=reader.bips("max_trailing_above"),
        min_trailing_below_bips=reader.bips("min_trailing_below"),
        max_trailing_below_bips=reader.bips("max_trailing_below"),
        order_types=reader.words("order_types", OrderType), allowed_stp=reader.words("allowed_stp", StpMode),
        default_stp=reader.word("default_stp", StpMode.NONE),
        not_offered=reader.words("not_offered", Feature, empty=()),
        **_limits(reader, lot_units),
        matching_rule=reader.matching_rule(), price_time_percent=reader.count("price_time_percent", MOST_PERCENT),
        status=status,
    )  # fmt: skip
    reader.stop_if_bad()
    if problems := _contradictions(spec):
        raise BadRules(problems)
    return spec


def _fees(reader: _Reader, base: tuple[str, int], quote: tuple[str, int]) -> dict[str, Any]:
    """Its rates; without a discount asset there is no discount, without a `discount` it is the usual one."""
    found: dict[str, Any] = {f"{field}_e8": reader.rate(field) for field in FEE_FIELDS}
    asset, discount_e8 = reader.discount_asset(base, quote), reader.discount()
    if not asset:
        return found
    return found | {"discount_asset": asset, "discount_e8": discount_e8, "allows_discount": True}


def _limits(reader: _Reader, lot_units: int) -> dict[str, Any]:
    """What few symbols have; 0 where there is no text."""
    counts = ("max_orders", "max_algo_orders", "max_iceberg_orders", "max_order_lists", "max_order_amends")
    multipliers = (
        "price_up", "price_down", "bid_price_up", "bid_price_down", "ask_price_up", "ask_price_down",
        "range_bid_up", "range_bid_down", "range_ask_up", "range_ask_down",
    )  # fmt: skip
    return (
        {field: reader.count(field, MOST_PARTS) for field in (*counts, *EXCHANGE_COUNTS)}
        | {f"{field}_e4": reader.scaled(field, MULTIPLIER_DECIMALS) for field in multipliers}
        | {
            "max_position_lots": reader.steps("max_position", lot_units, "lot_size", empty=0),
            "halt_bips": reader.scaled("halt_percent", 2),
            "halt_seconds": reader.count("halt_seconds", MOST_HALT_SECONDS),
            "reference_bucket_ms": reader.count("reference_bucket_ms", MOST_BUCKET_MS),
            "reference_buckets": reader.count("reference_buckets", MOST_BUCKETS),
            "reference_external_id": reader.count("reference_external_id", MOST_PARTS),
        }
    )


def count_problems(rules: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the exchange's own counts."""
    reader = _Reader(rules)
    for field in EXCHANGE_COUNTS:
        reader.count(field, MOST_PARTS)
    return reader.problems


def _contradictions(spec: SymbolSpec) -> dict[str, str]:
    """What is wrong with numbers that can each be read."""
    problems: dict[str, str] = {}
    if spec.base == spec.quote:
        problems["quote"] = f"base and quote are the same asset, {spec.base}"
    if not 1 <= spec.min_price_ticks <= spec.max_price_ticks:
        problems["min_price"] = "must be above zero and at most max_price"
    if not 1 <= spec.min_lots <= spec.max_lots:
        problems["min_quantity"] = "must be above zero and at most max_quantity"
    least, most = max(spec.min_market_lots, spec.min_lots), spec.max_market_lots or spec.max_lots
    if least > most:
        problems["min_market_quantity"] = (
            "no market order could be as large as its smallest and as small as its largest"
        )
    if spec.min_trailing_above_bips > spec.max_trailing_above_bips > 0:
        problems["min_trailing_above"] = "must be at most max_trailing_above"
    if spec.min_trailing_below_bips > spec.max_trailing_below_bips > 0:
        problems["min_trailing_below"] = "must be at most max_trailing_below"
    if spec.price_time_percent and spec.matching_rule in (PRICE_TIME, "pro_rata"):
        problems["price_time_percent"] = f"the matching rule {spec.matching_rule} has no share to set: leave it empty"
    if spec.matching_rule == WITH_PERCENT and not 0 < spec.price_time_percent < MOST_PERCENT:
        problems["price_time_percent"] = f"{WITH_PERCENT} needs the share of price-time, 1 to 99 percent"
    if spec.default_stp not in spec.allowed_stp:
        problems["default_stp"] = f"{spec.default_stp} is not among the allowed modes"
    return problems | _price_bands(spec) | _price_range(spec) | _too_large(spec)


def _price_bands(spec: SymbolSpec) -> dict[str, str]:
    """PERCENT_PRICE needs its upper multiple, PERCENT_PRICE_BY_SIDE those of both sides; lower ones may be zero."""
    problems: dict[str, str] = {}
    bands = {
        "price": (spec.price_up_e4, spec.price_down_e4),
        "bid_price": (spec.bid_price_up_e4, spec.bid_price_down_e4),
        "ask_price": (spec.ask_price_up_e4, spec.ask_price_down_e4),
    }
    has_sides = any(bands["bid_price"]) or any(bands["ask_price"])
    for name, (up, down) in bands.items():
        if not up and (down or (has_sides and name != "price")):
            problems[f"{name}_up"] = "must be above zero where the filter's other multiples are set"
        elif down > up:
            problems[f"{name}_down"] = f"must be at most {name}_up"
    if bool(spec.halt_bips) is not bool(spec.halt_seconds):
        problems["halt_seconds"] = "halt_percent and halt_seconds go together"
    return problems


def _price_range(spec: SymbolSpec) -> dict[str, str]:
    """The PRICE_RANGE rule and the reference price that it needs, which comes from one of two sources."""
    problems: dict[str, str] = {}
    bid_up, bid_down, ask_up, ask_down = spec.price_range
    for name, up, down in (("bid", bid_up, bid_down), ("ask", ask_up, ask_down)):
        if 0 < up < down:
            problems[f"range_{name}_down"] = f"must be at most range_{name}_up"
        if max(up, down) > LARGEST_MULTIPLIER_E4:
            problems[f"range_{name}_up"] = "is more than a million times the reference price"
    if bool(spec.reference_bucket_ms) is not bool(spec.reference_buckets):
        problems["reference_buckets"] = "reference_bucket_ms and reference_buckets go together"
    elif spec.has_mean_reference and spec.reference_external_id >= 0:
        problems["reference_external_id"] = "a reference price that is computed from trades is not set from outside too"
    elif any(spec.price_range) and not spec.has_mean_reference and spec.reference_external_id < 0:
        problems["range_bid_up"] = "a price range needs a reference price: reference_buckets or reference_external_id"
    if spec.has_mean_reference and spec.tick_units > LARGEST_TICK_UNITS:
        problems["tick_size"] = "is too large for a reference price"
    return problems


def _too_large(spec: SymbolSpec) -> dict[str, str]:
    """The engine computes with whole numbers below 2^53: what cannot stay there even in the smallest order."""
    problems: dict[str, str] = {}
    multiplier, divisor = spec.notional_ratio
    if spec.max_lots * spec.base_atoms_per_lot > ORDER_LIMIT:
        most = plain(ORDER_LIMIT // spec.base_atoms_per_lot * spec.lot_units)
        problems["max_quantity"] = f"one order cannot move so much {spec.base}: at most {most}"
    if spec.max_position_lots * spec.base_atoms_per_lot > ORDER_LIMIT:
        problems["max_position"] = f"is more {spec.base} than can be compared exactly: leave it empty"
    largest = max(spec.price_up_e4, spec.bid_price_up_e4, spec.ask_price_up_e4, spec.halt_bips)
    if largest and spec.max_price_ticks * max(largest, WHOLE_PRICE_BIPS) > ORDER_LIMIT:
        problems["max_price"] = "is too high in ticks to be compared with multiples of another price"
    if spec.min_notional_atoms > ORDER_LIMIT:
        problems["min_notional"] = f"one order cannot move so much {spec.quote}"
    if spec.max_price_ticks * spec.min_lots * multiplier + divisor > ORDER_LIMIT:
        problems["max_price"] = (
            f"max_price times min_quantity passes 2^53 {spec.quote} atoms, where prices stop being exact: "
            "a lower max_price, or a coarser tick_size or lot_size"
        )
    return problems
