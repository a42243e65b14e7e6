"""Where a Lua script makes text of a number by itself: beside `..`, or as an argument of redis.call.

The fact a newcomer would get wrong: Lua has one kind of number. `..` writes 1e15 as "1e+15" and redis.call writes 1e17
as "1e+17", so a number becomes text through int() alone. What a name holds is told by what it is given; a field counts
as a number when nothing else is ever put into it.
"""

import re
from collections.abc import Iterator

NUMBER_MAKERS = ("tonumber", "whole", "share_of", "math.floor", "math.ceil", "math.max", "math.min", "math.abs")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_OPERATORS = re.compile(r"(?<=[\w)\]}])\s*[-+*/%^]\s*(?=[\w(#{])")
_WORD_BEFORE = re.compile(r"(?:return|and|or|not)\s")
_WORD_BEHIND = re.compile(r"\s(?:and|or|then|do|end)\s")


def concatenated(code: str) -> Iterator[tuple[str, int]]:
    """(operand, position) of everything that stands beside a `..`."""
    blank = _STRING.sub(lambda match: '"' * len(match.group()), code)
    for match in re.finditer(r"\.\.", blank):
        if blank[match.end() : match.end() + 1] == "." or blank[match.start() - 1] == ".":
            continue  # three dots
        yield _operand_before(blank, match.start()), match.start()
        yield _operand_behind(blank, match.end()), match.start()


def is_number(expression: str, values: list[str]) -> bool:
    """Whether an expression, or one of the values that the name which it is was given, is plainly a number."""
    return _is_plainly(expression) or any(_is_plainly(value) for value in values)


def _is_plainly(expression: str) -> bool:
    text = _STRING.sub('""', expression).strip()
    outside = _without_brackets(text)
    if ".." in outside or re.search(r"\b(?:and|or|not)\b|[<>=~]=?", outside):
        return False
    if re.fullmatch(r"-?\d[\w.]*", text) or text.startswith("#") or _OPERATORS.search(outside):
        return True
    return text.startswith(tuple(f"{maker}(" for maker in NUMBER_MAKERS))


def number_fields(code: str) -> set[str]:
    """Fields that are given numbers and nothing else, in assignments and in tables."""
    blank = _STRING.sub('""', code)
    kinds: dict[str, set[bool]] = {}
    for match in re.finditer(r"[\w\])]\.(\w+) = ([^\n]+)|[{,]\s*(\w+) = ([^,}\n]+)", blank):
        name, value = match.group(1) or match.group(3), match.group(2) or match.group(4)
        if "," not in _without_brackets(value):
            kinds.setdefault(name, set()).add(_is_plainly(value.removesuffix(" end")))
    return {name for name, found in kinds.items() if found == {True}}


def _operand_before(code: str, position: int) -> str:
    start, depth = position, 0
    while start > 0:
        token = code[start - 1]
        depth += (token in ")]}") - (token in "([{")
        if depth < 0 or (depth == 0 and (token in ",;=\n" or code[start - 2 : start] == "..")):
            break
        if depth == 0 and _WORD_BEFORE.match(code, start - 1) and not code[start - 2].isalnum():
            start += 5
            break
        start -= 1
    return code[start:position].strip()


def _operand_behind(code: str, position: int) -> str:
    end, depth = position, 0
    while end < len(code):
        token = code[end]
        depth += (token in "([{") - (token in ")]}")
        if depth < 0 or (depth == 0 and (token in ",;=" or code[end : end + 2] == "..")):
            break
        is_end_of_line = depth == 0 and token == "\n" and code[position:end].strip()
        if is_end_of_line or (depth == 0 and _WORD_BEHIND.match(code, end)):
            break
        end += 1
    return code[position:end].strip()


def _without_brackets(text: str) -> str:
    """The text with nothing inside its brackets."""
    kept, depth = [], 0
    for token in text:
        depth -= token in ")]}"
        kept.append(token if depth == 0 else "")
        depth += token in "([{"
    return "".join(kept)
