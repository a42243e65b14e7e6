"""Decimal text <-> whole ticks, lots and atoms, without rounding and without floats.

The trap: an amount that has too many decimals is refused, never rounded; `1e-05` is a number (some clients write
it), `.5`, `5.`, ` 5`, `+5`, `0x10` and digits of other scripts are not.
"""

import re
from functools import lru_cache

from engine.errors import BadParameter

# Binance's published pattern for decimals, plus an exponent.
_DECIMAL = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?(?:[eE]([+-]?[0-9]{1,2}))?", re.ASCII)
LEGAL_DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"


@lru_cache(maxsize=16_384)  # orders come with the same few quantities, and prices near each other
def to_atoms(text: str, *, decimals: int, limit: int, field: str) -> int:
    """Read a decimal string as a whole number of the smallest unit.

    to_atoms("0.015", decimals=8, limit=ORDER_LIMIT, field="quantity") == 1_500_000

    Zero is a number here; whether it is allowed is a filter's question. Raises BadParameter for signs, spaces, hex,
    nan, more decimals than `decimals` that are not zero (TOO_MANY_DECIMALS), or more than `limit` (TOO_LARGE).
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        if text.startswith("-") and _DECIMAL.fullmatch(text[1:]):
            raise BadParameter(field, "NEGATIVE", value=text)
        raise BadParameter(field, "ILLEGAL_CHARACTERS", value=text)
    whole, fraction, exponent = match.groups()
    fraction = fraction or ""
    digits = int(whole + fraction)
    atoms: int
    shift = decimals - len(fraction) + int(exponent or 0)
    if shift >= 0:
        atoms = digits * 10**shift
    else:
        atoms, lost = divmod(digits, 10**-shift)
        if lost:
            raise BadParameter(field, "TOO_MANY_DECIMALS", value=text)
    if atoms > limit:
        raise BadParameter(field, "TOO_LARGE", value=text)
    return atoms


def to_text(atoms: int, *, decimals: int = 8, places: int | None = None) -> str:
    """Write whole units as a plain decimal with `places` decimals (left out: as the asset has, at least eight).

    to_text(1_500_000) == "0.01500000"
    """
    sign = "-" if atoms < 0 else ""
    shown = max(decimals, 8) if places is None else places
    whole, fraction = divmod(abs(atoms) * 10 ** max(shown - decimals, 0), 10 ** max(shown, decimals))
    return f"{sign}{whole}.{fraction:0{max(shown, decimals)}d}" if shown else f"{sign}{whole}"


def to_short_text(atoms: int, *, decimals: int = 8) -> str:
    """As people write it: to_short_text(1_500_000) == "0.015", to_short_text(12 * 10**8) == "12"."""
    return to_text(atoms, decimals=decimals).rstrip("0").rstrip(".")
