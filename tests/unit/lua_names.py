"""Which names of a Lua script nobody has declared: a lexer and the scopes of locals, no more.

The fact a newcomer would get wrong: Lua makes a global of every name it does not know. Redis ends the script where one
is written, and a mistyped name is nil where it is read, perhaps behind the first write.
"""

import re
from collections.abc import Iterator

KEYWORDS = """
    and break do else elseif end false for function if in local nil not or repeat return then true until while
"""
GIVEN = frozenset(
    [
        "redis",
        "KEYS",
        "ARGV",
        "string",
        "table",
        "math",
        "tonumber",
        "ipairs",
        "unpack",
        "error",
        "next",
        "select",
        "type",
        "pcall",
    ]
)
_TOKEN = re.compile(
    r"--\[\[.*?\]\]|--[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d[\w.]*|\.\.\.|\.\.|[=~<>]=|\S", re.S
)


def undeclared_names(code: str) -> tuple[list[tuple[str, int]], int]:
    """[(name, position)] of every use of a name that is neither a local in sight nor given by Redis; and how many
    locals the main chunk has, loops and blocks left out.
    """
    found = ((match.group(), match.start()) for match in _TOKEN.finditer(code))
    walk = _Walk([(token, position) for token, position in found if not token.startswith("--")])
    return list(walk.undeclared()), len(walk.blocks[0])


class _Walk:
    """Once through the tokens. A local is in sight from its declaration to the end of its block."""

    def __init__(self, tokens: list[tuple[str, int]]) -> None:
        self._tokens = tokens
        self.blocks: list[set[str]] = [set()]
        self._of_loop: set[str] = set()  # names of a `for` whose `do` has not come yet
        self._brackets: list[str] = []

    def undeclared(self) -> Iterator[tuple[str, int]]:
        number = 0
        while number < len(self._tokens):
            token, position = self._tokens[number]
            if token == "function":
                name, position = self._tokens[number + 1]
                if self._at(number - 1) != "local" and name != "(" and not self._is_known(name):
                    yield name, position
                number = self._open_function(number)
                continue
            if token in ("local", "for") and self._at(number + 1) != "function":
                names, number = self._names(number + 1)
                target = self._of_loop if token == "for" else self.blocks[-1]
                target.update(names)
                continue
            self._count(token)
            if self._is_use(number) and not self._is_known(token):
                yield token, position
            number += 1

    def _is_known(self, name: str) -> bool:
        return name in GIVEN or any(name in block for block in self.blocks)

    def _at(self, number: int) -> str:
        return self._tokens[number][0] if 0 <= number < len(self._tokens) else ""

    def _names(self, number: int) -> tuple[set[str], int]:
        """The names from here on, and the number of the token behind them."""
        names = {self._at(number)}
        while self._at(number + 1) == ",":
            number += 2
            names.add(self._at(number))
        return names, number + 1

    def _open_function(self, number: int) -> int:
        """Declares the parameters, and the name where it is local; the number of the token behind its parenthesis."""
        start = number + 1
        if self._at(start) != "(":
            if self._at(number - 1) == "local":
                self.blocks[-1].add(self._at(start))
            start += 1
        parameters = set[str]()
        start += 1
        while self._at(start) != ")":
            parameters.add(self._at(start))
            start += 1
        self.blocks.append(parameters)
        return start + 1

    def _count(self, token: str) -> None:
        if token in ("end", "until", "elseif", "else"):
            self.blocks.pop()
        if token in ("then", "do", "repeat", "else"):
            self.blocks.append(set())
        if token == "do":
            self.blocks[-1] |= self._of_loop
            self._of_loop = set()
        if token in "([{":
            self._brackets.append(token)
        elif token in ")]}":
            self._brackets.pop()

    def _is_use(self, number: int) -> bool:
        token, before, after = self._at(number), self._at(number - 1), self._at(number + 1)
        if not re.fullmatch(r"[A-Za-z_]\w*", token) or token in KEYWORDS.split() or before in (".", ":"):
            return False
        return not (after == "=" and self._brackets[-1:] == ["{"] and before in ("{", ",", ";"))
