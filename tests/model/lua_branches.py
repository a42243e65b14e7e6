"""`python -m tests.model.lua_branches [commands]`: which branches of the Lua scripts does no random command take?

Copies engine/lua with a mark in every branch, plays random commands (100,000, unless a number is given) into the copy
and into the reference, and prints the branches that nobody took, by file and line. "otherwise" is the other way of a
condition without an else; "and" and "or" say that what stands behind them was not asked for.
"""

import asyncio
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine.embedded import EmbeddedServer
from engine.scripts import LUA_FOLDER
from engine.venue import Venue
from tests.model.agreement import Pair
from tests.model.random_commands import Commands
from tests.model.small_steps import shorten_steps
from tests.model.test_differential import COMMANDS, SEED, SHARES

MARKS = "lua-branches"  # the set of those that were taken
# A mark is a call that writes its name down, once. Before the script is called, while it is loaded, it does nothing.
# Each function pays one upvalue for it, which those that call Redis have anyway.
PREFIX = """
local redis = (function(server)
  local taken, parts = {}, nil
  parts = {
    call = function(...) return server().call(...) end, register_function = server().register_function,
    mark = function(name)
      if taken[name] or not parts.is_called then return true end
      server().call("SADD", "MARKS", name)
      taken[name] = true
      return true
    end,
  }
  return parts
end)(function() return redis end)
"""
_TOKEN = re.compile(
    r"--\[\[.*?\]\]|--[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\b[A-Za-z_]\w*\b|[(){}\[\]]|[^\s\w]+|\d[\w.]*", re.S
)
_BODY = re.compile(r"^-- Read[ .].*$", re.M)


@dataclass(frozen=True)
class Branch:
    """`what` is the word that begins it."""

    file: str
    line: int
    what: str
    text: str

    @property
    def mark(self) -> str:
        return f"{self.file}:{self.line}:{self.what}"


def marked(file: str, text: str) -> tuple[str, list[Branch]]:
    """The text with its marks. Lines stay what they are."""
    branches: list[Branch] = []
    pieces, done, lines = [], 0, text.splitlines()
    waiting_for_parameters, blocks = False, list[list[object]]()  # [word, whether it has an else]

    body = _BODY.search(text)
    body_at = body.start() if body else len(text)

    def branch(word: str, at: int) -> str:
        if at < body_at and all(kind != "function" for kind, _ in blocks):
            return " "  # done once, when the library is loaded
        line = text.count("\n", 0, at) + 1
        found = Branch(file, line, word, lines[line - 1].strip())
        while found in branches:
            word += "+"
            found = Branch(file, line, word, found.text)
        branches.append(found)
        return f' redis.mark("{found.mark}") '

    for token in _TOKEN.finditer(text):
        word, end = token.group(), token.end()
        if word == "function":
            waiting_for_parameters = True
            blocks.append(["function", True])
        elif waiting_for_parameters and word.startswith(")"):
            waiting_for_parameters = False
            pieces.append(text[done : token.start() + 1] + branch("function", token.start()))
            done = token.start() + 1
        elif word == "if":
            blocks.append(["if", False])
        elif word in ("for", "while"):
            blocks.append([word, True])
        elif word == "do":
            if not blocks or blocks[-1][0] not in ("for", "while"):
                blocks.append(["do", True])
            else:
                blocks[-1][0] = "do"
                pieces.append(text[done:end] + branch("do", end))
                done = end
        elif word in ("then", "else"):
            if word == "else":
                blocks[-1][1] = True
            pieces.append(text[done:end] + branch(word, token.start()))
            done = end
        elif word in ("and", "or"):
            pieces.append(text[done:end] + (branch(word, token.start()) + "and ").replace("  and", ""))
            done = end
        elif word == "end":
            _, is_whole = blocks.pop()
            if not is_whole:
                start = token.start()
                pieces.append(text[done:start] + " else " + branch("otherwise", start))
                done = start
    pieces.append(text[done:])
    assert not blocks, (file, blocks)
    return "".join(pieces), branches


def marked_copy(folder: Path, source: Path = LUA_FOLDER) -> list[Branch]:
    """Writes a copy of the scripts with marks; its branches."""
    shutil.copytree(source, folder)
    found: list[Branch] = []
    for path in sorted(folder.rglob("*.lua")):
        file = path.relative_to(folder).as_posix()
        first, newline, rest = path.read_text(encoding="utf-8").partition("\n")
        is_command = first.startswith("#!")
        text, branches = marked(file, "\n" + rest if is_command else first + newline + rest)
        if is_command:
            text = _BODY.sub("\\g<0>\nredis.is_called = true", text, count=1)
            prefix = PREFIX.replace("\n", " ").replace("MARKS", MARKS)
            text = first.replace("no-writes", "allow-oom") + "\n" + prefix + text[1:]
        path.write_text(text, encoding="utf-8")
        found += branches
    return found


async def play(redis_url: str, folder: Path, seed: int, commands: int) -> set[str]:
    """The marks that were left. Raises AssertionError where engine and reference differ."""
    for cap, share in SHARES.items():
        venue = await Venue.connect(redis_url, f"branches-{cap}")
        pair = await Pair.start(venue, cap)
        shorten_steps(venue, cap, folder)
        drawn = Commands(Random(seed), pair.reference)
        for step in drawn.opening():
            await pair.play(step)
        for _ in range(round(commands * share)):
            await pair.play(drawn.draw())
            await pair.compare_events()
        found = await venue.runner.command("SMEMBERS", MARKS)
        await venue.close()
    return {mark.decode() for mark in found}


def main() -> None:
    commands = int(sys.argv[1]) if len(sys.argv) > 1 else COMMANDS
    with (
        tempfile.TemporaryDirectory(prefix="exchange-branches-") as room,
        EmbeddedServer(Path(room) / "redis", durability="ci") as server,
    ):
        branches = marked_copy(Path(room) / "lua")
        taken = asyncio.run(play(server.url, Path(room) / "lua", SEED, commands))
    missed = [branch for branch in branches if branch.mark not in taken]
    for branch in missed:
        print(f"{branch.file}:{branch.line} {branch.what}: {branch.text}")
    print(f"seed {SEED}: {len(branches) - len(missed)} of {len(branches)} branches were taken by {commands} commands")


if __name__ == "__main__":
    main()
