"""Reads the Lua commands, splices their pieces in, and fails at start-up rather than at an order.

A command is `lua/<name>.lua`; a line `--- @include "lib/ledger"` is followed by that piece, once per command, and
pieces may include pieces. The line `--- @rules` is followed by the matching rules (matching_rules.py). The fact a
newcomer would get wrong: `#!lua` is not a comment. Redis reads a command's flags from it, only in the very first line,
and a flag it does not know makes SCRIPT LOAD fail.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.matching_rules import LUA_FOLDER, branches, known_rules

FLAGS = frozenset({"no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"})
RULES_LINE = re.compile(r"\s*--- @rules\s*")
_INCLUDE = re.compile(r'---\s*@include\s+"([\w/]+)"\s*')
_LOOKS_LIKE_INCLUDE = re.compile(r"\s*--+\s*@include\b")
_BODY = re.compile(r"-- Read[ .]")
_SHEBANG = re.compile(r"#!lua(?: flags=([\w,-]+))?\s*")


class ScriptError(Exception):
    """A Lua source cannot be put together; says which file, which line and why."""


@dataclass(frozen=True)
class Script:
    """One command. `text` is what EVAL runs, `sha` its SHA-1 in hex."""

    name: str
    text: str
    sha: str
    is_read_only: bool

    @cached_property
    def call(self) -> str:
        """The command of Redis that runs it."""
        return "FCALL_RO" if self.is_read_only else "FCALL"

    @cached_property
    def function(self) -> str:
        """What FCALL calls it, and its library: another text is another function, so two versions live side by side."""
        return f"{self.name}_{self.sha[:16]}"

    @cached_property
    def function_text(self) -> str:
        """The same for FUNCTION LOAD. What stands above the line `-- Read.` is run once, when it is loaded, and not for
        every call: building its two hundred functions costs more than most commands. Nothing there may keep anything
        of a call for the next, but for what a text that Redis keeps says to whoever reads it (RULES in lib/entry.lua).
        """
        first, *lines = self.text.splitlines()
        start = next((at for at, line in enumerate(lines) if _BODY.match(line)), 0)
        flags = ", ".join(f"'{flag}'" for flag in sorted(_read_flags(first, self.name)))
        return "\n".join(
            [
                f"#!lua name={self.function}",
                "local KEYS, ARGV, call",
                *_with_short_calls(lines[:start]),
                "local function command()",
                *_with_short_calls(lines[start:]),
                "end",
                f"redis.register_function{{ function_name = '{self.function}', flags = {{ {flags} }},",
                "  callback = function(keys, arguments)",
                "    KEYS, ARGV, call = keys, arguments, redis.call",
                "    return command()",
                "  end }",
                "",
            ]
        )


def _with_short_calls(lines: list[str]) -> list[str]:
    """redis.call by a name of its own: looking it up in two tables costs as much as some of its arguments."""
    return [line.replace("redis.call(", "call(") for line in lines]


def load_scripts(folder: Path = LUA_FOLDER) -> dict[str, Script]:
    """Every command of the folder by name; pieces are looked up from the folder. Raises ScriptError."""
    return {path.stem: _load(path, folder) for path in sorted(folder.glob("*.lua"))}


def _load(path: Path, folder: Path) -> Script:
    first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    flags = _read_flags(first, path.name)
    spliced = _splice(path.name, lines, folder, first_number=2, done=set(), inside=())
    text = "\n".join([first, *spliced]) + "\n"
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name=path.stem, text=text, sha=sha, is_read_only="no-writes" in flags)


def _read_flags(line: str, file: str) -> set[str]:
    shebang = _SHEBANG.fullmatch(line)
    if shebang is None:
        raise ScriptError(f'{file}:1: a command begins with "#!lua" or "#!lua flags=...", not with {line!r}')
    flags = set(shebang.group(1).split(",")) if shebang.group(1) else set()
    if unknown := flags - FLAGS:
        raise ScriptError(
            f"{file}:1: unknown flag {', '.join(sorted(unknown))}; Redis knows {', '.join(sorted(FLAGS))}"
        )
    return flags


def _splice(
    file: str, lines: list[str], folder: Path, *, first_number: int, done: set[str], inside: tuple[str, ...]
) -> list[str]:
    """The lines with each included piece after its include line; `inside` are the pieces around this one."""
    spliced: list[str] = []
    for number, line in enumerate(lines, start=first_number):
        where = f"{file}:{number}"
        if line.startswith("#!"):
            raise ScriptError(f"{where}: only a command's first line may begin with #!")
        spliced.append(line)
        if RULES_LINE.fullmatch(line):
            spliced += branches(known_rules(folder))
        piece = _included_piece(line, where)
        if piece is None:
            continue
        if piece in inside:
            raise ScriptError(f"{where}: {piece} includes itself: {' -> '.join((*inside, piece))}")
        if piece not in done:
            done.add(piece)
            inner = _read_piece(folder, piece, where)
            spliced += _splice(f"{piece}.lua", inner, folder, first_number=1, done=done, inside=(*inside, piece))
    return spliced


def _included_piece(line: str, where: str) -> str | None:
    include = _INCLUDE.fullmatch(line)
    if include is None and _LOOKS_LIKE_INCLUDE.match(line):
        raise ScriptError(f'{where}: cannot read this include; write --- @include "lib/name" alone on its line')
    return include.group(1) if include else None


def _read_piece(folder: Path, piece: str, where: str) -> list[str]:
    source = folder / f"{piece}.lua"
    if not source.is_file():
        raise ScriptError(f"{where}: there is no piece {piece}.lua in {folder}")
    return source.read_text(encoding="utf-8").splitlines()
