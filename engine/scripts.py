"""Reads the Lua commands, splices their pieces in, and fails at start-up rather than at an order.

A command is `lua/<name>.lua`; a line `--- @include "lib/ledger"` is replaced by that piece, once per command, and
pieces may include pieces. The `#!lua` line stays first: Redis reads the flags from it.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

LUA_FOLDER = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r'--- @include "([\w/]+)"\s*')


class ScriptError(Exception):
    """A Lua source cannot be put together; says which file, which line and why."""


@dataclass(frozen=True, slots=True)
class Script:
    """One command, ready for SCRIPT LOAD. `sha` is the SHA-1 of `text` in hex."""

    name: str
    text: str
    sha: str
    is_read_only: bool


def load_scripts(folder: Path = LUA_FOLDER) -> dict[str, Script]:
    """Every command of the folder by name. Raises ScriptError."""
    return {path.stem: _load(path, folder) for path in sorted(folder.glob("*.lua"))}


def _load(path: Path, folder: Path) -> Script:
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0].startswith("#!lua"):
        raise ScriptError(f"{path.name}:1: a command begins with #!lua and its flags")
    spliced = _splice(path, lines[1:], folder, done=set(), inside=())
    text = "\n".join([lines[0], *spliced]) + "\n"
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name=path.stem, text=text, sha=sha, is_read_only="no-writes" in lines[0])


def _splice(path: Path, lines: list[str], folder: Path, *, done: set[str], inside: tuple[str, ...]) -> list[str]:
    """The lines with every include replaced; `inside` are the pieces being spliced around this one."""
    spliced: list[str] = []
    for number, line in enumerate(lines, start=1):
        include = _INCLUDE.fullmatch(line)
        if include is None:
            if line.startswith("#!"):
                raise ScriptError(f"{path.name}:{number}: only a command's first line may begin with #!")
            spliced.append(line)
            continue
        piece = include.group(1)
        if piece in inside:
            raise ScriptError(f"{path.name}:{number}: {piece} includes itself by way of {' -> '.join(inside)}")
        if piece in done:
            continue
        source = folder / f"{piece}.lua"
        if not source.is_file():
            raise ScriptError(f"{path.name}:{number}: there is no piece {piece}.lua")
        done.add(piece)
        inner = source.read_text(encoding="utf-8").splitlines()
        spliced += _splice(source, inner, folder, done=done, inside=(*inside, piece))
    return spliced
