"""`python -m tests.model.mutants`: do the tests notice each of the mistakes in the Lua scripts?

Every mutant is a copy of engine/lua with one mistake of mutant_table.py; random commands are played into it and into
the reference until the two disagree, in full steps and in small ones. One that they are too rare for is then given to
the tests that its row names. Prints a table and ends with status 1 when more than two of the first fifty survive, or
more than a twentieth of all. Numbers as arguments (1 is the first) play only those. Two are played at a time.
"""

import asyncio
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
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
JOBS = 2
ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "var", "__pycache__", "node_modules")
ORIGINAL = 50  # those that the first table had
MOST_SURVIVORS = 2  # of these
MOST_SHARE = 0.05  # of all


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


def fails(tests: Iterable[str], mutant: Mutant | None) -> bool:
    """Whether one of these tests fails in a copy of the project with the mistake."""
    with tempfile.TemporaryDirectory(prefix="exchange-mutant-") as room:
        tree = Path(room) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        if mutant is not None:
            shutil.rmtree(tree / "engine" / "lua")
            write_mutant(mutant, tree / "engine" / "lua")
        words = [sys.executable, "-m", "pytest", "-q", "-x", *tests]
        environment = os.environ | {"PYTHONPATH": str(tree)}
        done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.returncode == 1


def judge(number: int, redis_url: str) -> str:
    """Who has noticed the mutant; empty: nobody."""
    mutant = MUTANTS[number - 1]
    with tempfile.TemporaryDirectory(prefix="exchange-mutant-") as room:
        folder = Path(room) / "lua"
        write_mutant(mutant, folder)
        killed = asyncio.run(killed_after(redis_url, f"mutant{number}", folder))
    if killed is not None:
        return f"killed after {killed[0]} commands ({killed[1]})"
    if mutant.tests and fails([mutant.tests], mutant):
        return f"killed by {mutant.tests}"
    return ""


def report(redis_url: str, numbers: list[int]) -> list[int]:
    """Prints a line for each mutant; which live. Raises AssertionError when the scripts as they are differ too."""
    assert asyncio.run(killed_after(redis_url, "unchanged", LUA_FOLDER)) is None
    named = sorted({MUTANTS[number - 1].tests for number in numbers} - {""})
    assert not named or not fails(named, None), f"{named} fail without any mistake"
    survivors = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(JOBS, mp_context=context) as pool:
        verdicts = pool.map(judge, numbers, [redis_url] * len(numbers))
        for number, verdict in zip(numbers, verdicts, strict=True):
            mutant = MUTANTS[number - 1]
            survivors += [] if verdict else [number]
            print(f"{number:3} {mutant.file:22} {mutant.what}: {verdict or 'SURVIVED'}", flush=True)
    print(f"{len(numbers) - len(survivors)} of {len(numbers)} killed")
    return survivors


def main() -> int:
    numbers = [int(word) for word in sys.argv[1:]] or list(range(1, len(MUTANTS) + 1))
    with (
        tempfile.TemporaryDirectory(prefix="exchange-mutants-") as room,
        EmbeddedServer(Path(room), durability="ci") as server,
    ):
        survivors = report(server.url, numbers)
    are_few = sum(number <= ORIGINAL for number in survivors) <= MOST_SURVIVORS
    return 0 if are_few and len(survivors) <= MOST_SHARE * len(numbers) else 1


if __name__ == "__main__":
    sys.exit(main())
