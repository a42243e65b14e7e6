"""The reference price of a symbol, for whoever asks (faqs/price_range_execution_rules.md).

The fact a newcomer would get wrong: the engine computes it anew for every taker, in Lua (lua/lib/reference.lua), and
keeps only the buckets. What is told here is computed from these once more, as of now.
"""

from collections.abc import Iterator

import msgspec

from engine.types import SymbolSpec

FIXED = 10_000  # counts and sums have four more decimals
EXTERNAL = "EXTERNAL"
ARITHMETIC_MEAN = "ARITHMETIC_MEAN"


class ReferencePrice(msgspec.Struct, frozen=True):
    """In 1e-8 of the quote asset; None when there is none, though there was one before. `valid_ms` is when."""

    price_units: int | None
    valid_ms: int


def reference_price(spec: SymbolSpec, buckets: bytes, external: bytes, now_ms: int) -> ReferencePrice | None:
    """None when the symbol has never had one. `buckets` and `external` are fields of its hash, empty without."""
    if spec.has_mean_reference:
        return ReferencePrice(mean_units(spec, buckets.decode(), now_ms), now_ms) if buckets else None
    if spec.reference_external_id < 0 or not external:
        return None
    units, _, valid_ms = external.decode().partition(":")
    return ReferencePrice(None if units == "null" else int(units), int(valid_ms))


def mean_units(spec: SymbolSpec, text: str, now_ms: int) -> int | None:
    """The mean of the prices in the window; None without a trade in it. Every division is truncated."""
    trades = total = 0
    for count, sum_ticks, expired_ms in _buckets(spec, text, now_ms):
        fixed_count, fixed_sum = count * FIXED, sum_ticks * spec.tick_units * FIXED
        trades += fixed_count - fixed_count * expired_ms // spec.reference_bucket_ms
        total += fixed_sum - fixed_sum * expired_ms // spec.reference_bucket_ms
    return total // trades if trades else None


def _buckets(spec: SymbolSpec, text: str, now_ms: int) -> Iterator[tuple[int, int, int]]:
    """(trades, sum of their prices in ticks, milliseconds of it that have left the window) of those in the window."""
    width, count = spec.reference_bucket_ms, spec.reference_buckets
    head, *words = text.split(" ")
    cutoff_ms = now_ms - width * count
    if head != f"{width}/{count}":
        return
    for word in words:
        open_ms, trades, sum_ticks = map(int, word.split(":"))
        if cutoff_ms - width < open_ms <= now_ms:
            yield trades, sum_ticks, max(0, cutoff_ms - open_ms)
