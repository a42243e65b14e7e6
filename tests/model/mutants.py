"""`python -m tests.model.mutants`: do the model tests notice each of the mistakes in the Lua scripts?

Every mutant is a copy of engine/lua with one mistake of mutant_table.py; random commands are played into it and into
the reference until the two disagree, in full steps and in small ones. Prints a table and ends with status 1 when more
than two survive. Numbers as arguments (1 is the first) play only those.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random

from engine.embedded import EmbeddedServer
from engine.errors import ExchangeError, InvariantBroken
from engine.runner import Stale
from engine.scripts import LUA_FOLDER
from engine.types import MAX_FILLS
from engine.venue import Venue
from tests.model.agreement import Pair
from tests.model.mutant_table import MUTANTS, Mutant
from tests.model.random_commands import Commands
from tests.model.small_steps import shorten_steps

RUNS = [(1, MAX_FILLS), (2, 4), (3, MAX_FILLS), (4, 1), (5, MAX_FILLS), (6, 4)]  # seed, matches of a step
COMMANDS = 1_500
COMPARE_EVERY = 50
LONGEST_WAIT_S = 20.0  # for one command: a mutant may run in circles
MOST_SURVIVORS = 2


def write_mutant(mutant: Mutant, folder: Path) -> None:
    """A copy of the scripts with the mistake. Raises ValueError when its old text does not stand there once."""
    shutil.copytree(LUA_FOLDER, folder)
    source = folder / mutant.file
    text = source.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.file}: found {text.count(mutant.old)} times, not once: {mutant.old!r}")
    source.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


async def killed_after(redis_url: str, name: str, folder: Path) -> tuple[int, str] | None:
    """(commands played, what gave it away), or None: it lives."""
    played = 0
    for seed, cap in RUNS:
        venue = await Venue.connect(redis_url, f"{name}-{seed}")
        try:
            pair = await Pair.start(venue)
            shorten_steps(venue, cap, folder)
            pair.reference.cap = cap
            commands = Commands(Random(seed), pair.reference)
            for step in commands.opening():
                await pair.play(step)
            for number in range(1, COMMANDS + 1):
                played += 1
                async with asyncio.timeout(LONGEST_WAIT_S):
                    await pair.play(commands.draw())
                    await pair.compare_events()
                    if number % COMPARE_EVERY == 0:
                        await pair.compare()
        except (AssertionError, InvariantBroken, ExchangeError, Stale, TimeoutError) as error:
            return played, type(error).__name__
        finally:
            await venue.close()
    return None


async def report(redis_url: str, numbers: list[int]) -> int:
    """Prints a line for each mutant; how many live. Raises AssertionError when the scripts as they are differ too."""
    assert await killed_after(redis_url, "unchanged", LUA_FOLDER) is None
    survivors = 0
    for number in numbers:
        mutant = MUTANTS[number - 1]
        with tempfile.TemporaryDirectory(prefix="exchange-mutant-") as room:
            folder = Path(room) / "lua"
            write_mutant(mutant, folder)
            killed = await killed_after(redis_url, f"mutant{number}", folder)
        survivors += killed is None
        told = "SURVIVED" if killed is None else f"killed after {killed[0]} commands ({killed[1]})"
        print(f"{number:2} {mutant.file:22} {mutant.what}: {told}", flush=True)
    print(f"{len(numbers) - survivors} of {len(numbers)} killed")
    return survivors


def main() -> int:
    numbers = [int(word) for word in sys.argv[1:]] or list(range(1, len(MUTANTS) + 1))
    with (
        tempfile.TemporaryDirectory(prefix="exchange-mutants-") as room,
        EmbeddedServer(Path(room), durability="ci") as server,
    ):
        survivors = asyncio.run(report(server.url, numbers))
    return 0 if survivors <= MOST_SURVIVORS else 1


if __name__ == "__main__":
    sys.exit(main())
