"""What a request for market data weighs, where that depends on what is asked: for the rows of the endpoint tables.

Source: the tables headed "Weight" in Binance's rest-api.md. The fact a newcomer would get wrong: a request
weighs what it asks for, whether it can be answered or not, so nothing here may raise.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

_names = msgspec.json.Decoder(list[str])
DEPTH_WEIGHTS: Final = ((100, 5), (500, 25), (1_000, 50))  # up to so many levels
WEIGHT_OF_DEEPER: Final = 250


def of_depth(request: Any) -> int:
    """By the number of levels."""
    levels = request.limit or 1
    return next((weight for most, weight in DEPTH_WEIGHTS if levels <= most), WEIGHT_OF_DEEPER)


def symbols_named(request: Any) -> int:
    """How many symbols a request with `symbol` and `symbols` names; 0: it means all."""
    if request.symbols is None:
        return 0 if request.symbol is None else 1
    try:
        return len(_names.decode(request.symbols))
    except msgspec.DecodeError:
        return 1


def per_symbol(each: int, *, most: int) -> Callable[[Any], int]:
    """`each` for every symbol that is named, `most` for many and for all."""

    def weight(request: Any) -> int:
        return min(each * symbols_named(request), most) or most

    weight.__doc__ = f"{each} for every symbol that is named, {most} for many and for all."
    return weight


def of_day_tickers(request: Any) -> int:
    """Of ticker/24hr: by steps."""
    named = symbols_named(request)
    if named == 0 or named > 100:
        return 80
    return 2 if named <= 20 else 40


def of_newest(request: Any) -> int:
    """Of ticker/price and ticker/bookTicker: one symbol, or any number of them."""
    return 2 if request.symbol is not None else 4
