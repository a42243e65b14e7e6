"""Amounts as a program gives them -> decimal text as the exchange reads them.

A float stands for what it prints: 0.1 means 0.1, not the binary fraction beside it that Decimal(0.1) would show.
"""

import math
from decimal import Decimal, InvalidOperation
from numbers import Integral

Amount = str | int | float | Decimal


def amount_text(amount: object) -> str | None:
    """The amount in plain decimals, "0.00001" for 1e-05; None for what is no amount (True, nan, "abc", None).

    The sign is kept: whether a negative amount is allowed is for the exchange to say. Text is passed on as it is,
    so that the exchange's own rules for text hold.
    """
    if isinstance(amount, bool):
        return None
    if isinstance(amount, str):
        return amount or None
    if isinstance(amount, Integral):
        return str(int(amount))
    if isinstance(amount, float):
        return plain(Decimal(float.__repr__(amount))) if math.isfinite(amount) else None
    if isinstance(amount, Decimal):
        return plain(amount) if amount.is_finite() else None
    return None


def plain(number: Decimal) -> str:
    """A finite number without an exponent."""
    return format(number, "f")


def decimal_of(text: object) -> Decimal:
    """The exchange's decimal text as a number. Raises ValueError for anything else."""
    try:
        return Decimal(str(text))
    except InvalidOperation as error:
        raise ValueError(f"the exchange sent {text!r} where a number belongs") from error
