"""Random commands from a seed, into engine and reference: answers, events, books, and the audit.

EXCHANGE_MODEL_SEED replays a seed, EXCHANGE_MODEL_COMMANDS sets how many commands are played in all. A seed that fails
is added to corpus.txt, which every suite runs. Events are compared after every command, all else every now and then.
"""

import os
from pathlib import Path
from random import Random

import pytest

from engine.errors import InvariantBroken
from engine.types import MAX_FILLS
from engine.venue import Venue
from tests.conftest import finish
from tests.model.agreement import Pair
from tests.model.coverage import Coverage
from tests.model.random_commands import Commands

COMMANDS = int(os.environ.get("EXCHANGE_MODEL_COMMANDS", "100000"))
SEED = int(os.environ.get("EXCHANGE_MODEL_SEED", "0")) or Random().randrange(1, 2**32)
COMPARE_EVERY = 100
# Most in full steps, the others in steps so small that orders have many and triggers come between them.
SHARES = {MAX_FILLS: 0.5, 4: 0.35, 1: 0.15}
CORPUS = Path(__file__).parent / "corpus.txt"


def corpus() -> list[tuple[int, int, int]]:
    """[(seed, commands, matches of a step)] of runs that once failed."""
    lines = [line.split() for line in CORPUS.read_text().splitlines() if line and not line.startswith("#")]
    return [(int(seed), int(commands), int(cap)) for seed, commands, cap in lines]


async def run(redis_url: str, venue_name: str, seed: int, commands: int, cap: int, coverage: Coverage) -> None:
    venue = await Venue.connect(redis_url, venue_name)
    coverage.note_opening()
    played = 0
    try:
        pair = await Pair.start(venue, cap)
        pair.coverage = coverage
        drawn = Commands(Random(seed), pair.reference)
        for step in drawn.opening():
            await pair.play(step)
        for played in range(1, commands + 1):
            await pair.play(drawn.draw())
            await pair.compare_events()
            if played % COMPARE_EVERY == 0 or played == commands:
                await pair.compare()
    except (AssertionError, InvariantBroken) as error:
        error.add_note(f"seed {seed}, {cap} matches a step, after {played} commands; it is in {CORPUS.name} now")
        remember(seed, -(-played // COMPARE_EVERY) * COMPARE_EVERY, cap)
        raise
    finally:
        await finish(venue)
        await venue.close()


def remember(seed: int, commands: int, cap: int) -> None:
    if (seed, cap) not in {(known, known_cap) for known, _, known_cap in corpus()}:
        with CORPUS.open("a") as file:
            file.write(f"{seed} {commands} {cap}\n")


@pytest.mark.timeout(7_200)
async def test_random_commands_have_the_same_outcome_in_engine_and_reference(redis_url: str, venue_name: str) -> None:
    coverage = Coverage()
    for cap, share in SHARES.items():
        await run(redis_url, f"{venue_name}-{cap}", SEED, round(COMMANDS * share), cap, coverage)
    assert coverage.missing(COMMANDS) == {}, f"seed {SEED}: (seen, wanted) of what was met too seldom"


@pytest.mark.parametrize(("seed", "commands", "cap"), corpus())
async def test_a_seed_that_once_failed(redis_url: str, venue_name: str, seed: int, commands: int, cap: int) -> None:
    await run(redis_url, venue_name, seed, commands, cap, Coverage())
