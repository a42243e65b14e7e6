"""From rules as people write them to a spec: nothing that a spec can say is out of a symbol's reach.

The fact a newcomer would get wrong: a field that SQL does not carry is reset whenever a symbol is published again.
"""

import msgspec

from engine.types import SymbolSpec, SymbolStatus
from markets.models import RULE_FIELDS, Exchange
from markets.rules import FEE_FIELDS, read_rates, spec_from

BAND = {"price_up": "2", "price_down": "0.5", "bid_price_up": "2", "bid_price_down": "0.5", "ask_price_up": "2",
        "ask_price_down": "0.5", "range_bid_up": "2", "range_bid_down": "0.5", "range_ask_up": "2",
        "range_ask_down": "0.5"}  # fmt: skip
WORDS = {"order_types": "LIMIT", "default_stp": "EXPIRE_BOTH", "allowed_stp": "EXPIRE_BOTH", "not_offered": "PEG",
         "discount_asset": "USDC", "matching_rule": "price_time_pro_rata"}  # fmt: skip
UNUSUAL = {
    "tick_size": "0.1", "lot_size": "0.1", "min_price": "1", "max_price": "900", "min_quantity": "1",
    "max_quantity": "90", "min_market_quantity": "2", "max_market_quantity": "80", "min_notional": "7",
    "discount": "0.5", "max_iceberg_parts": "3", "min_trailing_above": "1", "max_trailing_above": "9",
    "min_trailing_below": "1", "max_trailing_below": "9", "max_orders": "3", "max_algo_orders": "3",
    "max_iceberg_orders": "3", "max_order_lists": "3", "max_order_amends": "3", "max_position": "5",
    "halt_percent": "10", "halt_seconds": "60", "reference_bucket_ms": "1000", "reference_buckets": "3",
    "price_time_percent": "40", **dict.fromkeys(FEE_FIELDS, "0.002"), **BAND, **WORDS,
}  # fmt: skip
COUNTS = dict.fromkeys(Exchange().rules(), "9")


def test_every_field_of_a_spec_comes_from_a_rule() -> None:
    texts = UNUSUAL | COUNTS
    spec = spec_from(texts, symbol="A", base=("B", 6), quote=("C", 6), status=SymbolStatus.HALT)
    outside = {"reference_buckets": "", "reference_bucket_ms": "", "reference_external_id": "4"}
    external = spec_from(texts | outside, symbol="A", base=("B", 6), quote=("C", 6), status=SymbolStatus.HALT)
    assert set(UNUSUAL) | set(outside) == set(RULE_FIELDS)
    usual = {field.name: field.default for field in msgspec.structs.fields(SymbolSpec)}
    same = {name for name in usual if getattr(spec, name) == usual[name] == getattr(external, name)}
    assert same == {"rules_version"}  # which the engine counts


def test_rates_have_the_engines_names_and_what_is_empty_is_not_among_them() -> None:
    texts = {"maker_fee": "0", "tax_seller_fee": "0.08", "seller_fee": "", "special_buyer_fee": "0.00000001"}
    assert read_rates(texts) == {"standard_maker": 0, "tax_seller": 8_000_000, "special_buyer": 1}
