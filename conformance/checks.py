"""Patterns of JSON values, and the first place where a value differs from one.

    matches({"symbol": TEXT, "price": DECIMAL, "fills": Each({"qty": DECIMAL})}, answer)

A dict means exactly these members, a list exactly these items, a Kind whatever it accepts, anything else is compared
with its type (1 is neither True nor "1"). The fact a newcomer would get wrong: Each() wants at least one item, because
an empty list would satisfy any pattern.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

LONGEST_SHOWN: Final = 160
Pattern = Any


class Deviation(Exception):
    """The exchange did not do what the document says; the text says what it did instead."""


@dataclass(frozen=True)
class Kind:
    """Values of one kind; `name` stands in reports."""

    name: str
    accepts: Callable[[Any], bool]

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Each:
    """A list, not empty, of items that all match."""

    pattern: Pattern


@dataclass(frozen=True)
class AtLeast:
    """An object with these members, and perhaps others."""

    members: Mapping[str, Pattern]


@dataclass(frozen=True)
class Maybe:
    """A member that may be missing."""

    pattern: Pattern


def _is_text_of(expression: str) -> Callable[[Any], bool]:
    compiled = re.compile(expression)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


TEXT: Final = Kind("a text", lambda value: isinstance(value, str) and value != "")
ANY_TEXT: Final = Kind("a text, perhaps empty", lambda value: isinstance(value, str))
FLAG: Final = Kind("true or false", lambda value: isinstance(value, bool))
WHOLE: Final = Kind("an integer", _is_whole)
DECIMAL: Final = Kind("a decimal text with 8 places", _is_text_of(r"-?\d+\.\d{8}"))
NUMERAL: Final = Kind("a decimal text", _is_text_of(r"-?\d+(\.\d+)?"))
TIME: Final = Kind("a time in ms", lambda value: _is_whole(value) and 10**12 < value < 10**13)
MICROS: Final = Kind("a time in µs", lambda value: _is_whole(value) and 10**15 < value < 10**16)
LIST: Final = Kind("a list", lambda value: isinstance(value, list))
OBJECT: Final = Kind("an object", lambda value: isinstance(value, dict))
CLIENT_ID: Final = Kind("a client order id", _is_text_of(r"[.A-Z:/a-z0-9_-]{1,36}"))
LEVEL: Final = [DECIMAL, DECIMAL]
EMPTY: Final[list[Any]] = []


def one_of(*values: Any) -> Kind:
    """Any of a few values."""
    return Kind("one of " + ", ".join(map(shown, values)), lambda value: any(_is_same(value, each) for each in values))


def shown(value: Any) -> str:
    """A value as reports have it, cut where it is long."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."


def matches(pattern: Pattern, value: Any, where: str = "the answer") -> None:
    """Raises Deviation at the first difference."""
    if isinstance(pattern, Kind):
        if not pattern.accepts(value):
            raise Deviation(f"{where} is {shown(value)}, not {pattern.name}")
    elif isinstance(pattern, Each):
        _match_each(pattern, value, where)
    elif isinstance(pattern, AtLeast):
        _match_members(pattern.members, value, where, others=True)
    elif isinstance(pattern, Mapping):
        _match_members(pattern, value, where, others=False)
    elif isinstance(pattern, Sequence) and not isinstance(pattern, str):
        _match_items(pattern, value, where)
    elif not _is_same(pattern, value):
        raise Deviation(f"{where} is {shown(value)}, not {shown(pattern)}")


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _match_each(pattern: Each, value: Any, where: str) -> None:
    if not isinstance(value, list):
        raise Deviation(f"{where} is {shown(value)}, not a list")
    if not value:
        raise Deviation(f"{where} is an empty list")
    for place, item in enumerate(value):
        matches(pattern.pattern, item, f"{where}[{place}]")


def _match_items(pattern: Sequence[Pattern], value: Any, where: str) -> None:
    if not isinstance(value, list):
        raise Deviation(f"{where} is {shown(value)}, not a list")
    if len(value) != len(pattern):
        raise Deviation(f"{where} has {len(value)} items, not {len(pattern)}")
    for place, (item_pattern, item) in enumerate(zip(pattern, value, strict=True)):
        matches(item_pattern, item, f"{where}[{place}]")


def _match_members(members: Mapping[str, Pattern], value: Any, where: str, *, others: bool) -> None:
    if not isinstance(value, dict):
        raise Deviation(f"{where} is {shown(value)}, not an object")
    needed = {name for name, pattern in members.items() if not isinstance(pattern, Maybe)}
    if missing := sorted(needed - value.keys()):
        raise Deviation(f"{where} lacks {', '.join(missing)}")
    if not others and (extra := sorted(value.keys() - members.keys())):
        raise Deviation(f"{where} has {', '.join(extra)}, which the document does not have there")
    for name, pattern in members.items():
        if name in value:
            matches(pattern.pattern if isinstance(pattern, Maybe) else pattern, value[name], _member(where, name))


def _member(where: str, name: str) -> str:
    return name if where == "the answer" else f"{where}.{name}"


def same(expected: Any, found: Any, what: str) -> None:
    """Raises Deviation unless both are equal, types included."""
    matches(expected, found, what)


def hold(claim: bool, otherwise: str) -> None:
    """Raises Deviation with the text unless the claim holds."""
    if not claim:
        raise Deviation(otherwise)
