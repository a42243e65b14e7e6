"""Matching rules other than price-time, once more: who at a price level gets how much of what a taker wants.

The fact a newcomer would get wrong: a rule is only asked when more stands there than is wanted. Who takes everything
that is shown takes it in the order of the queue, whatever the rule.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import floor

from tests.model.words import ZERO, Order


@dataclass
class Rest:
    """What a step has left of a round: who is still to trade how much, and whether the rule has said so."""

    is_decided: bool
    parts: list[tuple[Order, Decimal]] = field(default_factory=list)


def shared_out(rule: str, shown: list[Decimal], wanted: Decimal, lot: Decimal) -> list[Decimal]:
    """What each gets of `wanted`, less than they show together. `rule` is "pro_rata/0", "price_time_pro_rata/40"."""
    _, _, percent = rule.partition("/")
    first = _whole(Fraction(wanted) * int(percent) / 100, lot)
    given = _by_time(shown, first)
    rest = [own - got for own, got in zip(shown, given, strict=True)]
    wanted -= first
    level = sum(rest, ZERO)
    parts = [_whole(Fraction(wanted) * Fraction(own) / Fraction(level), lot) for own in rest]
    given = [got + part for got, part in zip(given, parts, strict=True)]
    rest = [own - part for own, part in zip(rest, parts, strict=True)]
    more = _by_time(rest, wanted - sum(parts, ZERO))
    return [got + extra for got, extra in zip(given, more, strict=True)]


def _by_time(shown: list[Decimal], wanted: Decimal) -> list[Decimal]:
    given = []
    for own in shown:
        given.append(min(own, wanted))
        wanted -= given[-1]
    return given


def _whole(quantity: Fraction, lot: Decimal) -> Decimal:
    """In whole lots, rounded down."""
    return floor(quantity / Fraction(lot)) * lot
