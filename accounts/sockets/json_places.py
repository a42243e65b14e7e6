"""Where in a request something is wrong, as Binance's server says it: "at line 1 column 28".

The fact a newcomer would get wrong: a column is that of the last byte that was read, counted from 1. An unknown method
is noticed at the quotation mark that ends it, a missing one at the brace that ends the object.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_decoder = json.JSONDecoder(parse_int=str)  # int() refuses what has more than 4,300 digits
_WORD = re.compile(r"[^ \t\n\r]")


class TextPlace(NamedTuple):
    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line} column {self.column}"


class Member(NamedTuple):
    """A member of an object: its name, and where its value begins and ends (behind its last character)."""

    name: str
    begin: int
    end: int


def place_of(text: str, index: int) -> TextPlace:
    """The place of the character at `index`."""
    line_begin = text.rfind("\n", 0, index) + 1
    return TextPlace(text.count("\n", 0, index) + 1, len(text[line_begin : index + 1].encode()))


def end_place(text: str) -> TextPlace:
    """The place of the last character that is no white space."""
    return place_of(text, len(text.rstrip()) - 1)


def syntax_error_place(text: str) -> TextPlace:
    """Where a text stops being JSON."""
    try:
        _decoder.decode(text)
    except json.JSONDecodeError as error:
        return place_of(text, error.pos)
    except RecursionError:
        pass
    return TextPlace(1, 1)


def member_of(text: str, name: str) -> Member | None:
    """The last member of that name in the text of an object; None if there is none."""
    found = None
    for member in _members(text):
        if member.name == name:
            found = member
    return found


def _members(text: str) -> Iterator[Member]:
    index = _next(text, text.index("{") + 1)
    while text[index] != "}":
        name, index = _decoder.raw_decode(text, index)
        begin = _next(text, _next(text, index) + 1)  # behind the colon
        _, end = _decoder.raw_decode(text, begin)
        yield Member(name, begin, end)
        index = _next(text, end)
        if text[index] == ",":
            index = _next(text, index + 1)


def _next(text: str, index: int) -> int:
    """The index of the next character that is no white space."""
    match = _WORD.search(text, index)
    assert match is not None  # the object is whole
    return match.start()
