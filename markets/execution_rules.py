"""The answers about execution rules and reference prices; field names are Binance's.

The fact a newcomer would get wrong: a multiplier that is not set is left out, it is not zero.
"""

from typing import Any

from engine.amounts import to_text
from engine.reference import ARITHMETIC_MEAN, EXTERNAL, ReferencePrice
from engine.types import PRICE_DECIMALS, SymbolSpec

MULTIPLIER = 10_000  # of multipliers in a SymbolSpec
MULTIPLIERS = ("bidLimitMultUp", "bidLimitMultDown", "askLimitMultUp", "askLimitMultDown")


def execution_rules_view(specs: list[SymbolSpec]) -> dict[str, Any]:
    """Symbols with a rule."""
    bound = [spec for spec in specs if any(spec.price_range)]
    return {"symbolRules": [{"symbol": spec.symbol, "rules": [_price_range(spec)]} for spec in bound]}


def _price_range(spec: SymbolSpec) -> dict[str, str]:
    multipliers = {
        name: f"{number // MULTIPLIER}.{number % MULTIPLIER:04}"
        for name, number in zip(MULTIPLIERS, spec.price_range, strict=True)
        if number
    }
    return {"ruleType": "PRICE_RANGE"} | multipliers


def reference_price_view(spec: SymbolSpec, price: ReferencePrice) -> dict[str, Any]:
    units = price.price_units
    return {
        "symbol": spec.symbol,
        "referencePrice": None if units is None else to_text(units, decimals=PRICE_DECIMALS),
        "timestamp": price.valid_ms,
    }


def reference_calculation_view(spec: SymbolSpec) -> dict[str, Any] | None:
    """None when the symbol has no reference price at all."""
    if spec.has_mean_reference:
        return {
            "symbol": spec.symbol,
            "calculationType": ARITHMETIC_MEAN,
            "bucketCount": spec.reference_buckets,
            "bucketWidthMs": spec.reference_bucket_ms,
        }
    if spec.reference_external_id >= 0:
        return {
            "symbol": spec.symbol,
            "calculationType": EXTERNAL,
            "externalCalculationId": spec.reference_external_id,
        }
    return None
