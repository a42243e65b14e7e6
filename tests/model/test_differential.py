"""Random commands from a seed, into engine and reference: answers, events, books, and the audit.

EXCHANGE_MODEL_SEED replays a seed, EXCHANGE_MODEL_COMMANDS sets how many commands are played. A seed that fails is
added to corpus.txt, which every suite runs.
"""

import os
from pathlib import Path
from random import Random

import pytest

from engine.errors import InvariantBroken
from engine.venue import Venue
from tests.conftest import finish
from tests.model.agreement import Pair
from tests.model.random_commands import Commands

COMMANDS = int(os.environ.get("EXCHANGE_MODEL_COMMANDS", "20000"))
SEED = int(os.environ.get("EXCHANGE_MODEL_SEED", "0")) or Random().randrange(1, 2**32)
COMPARE_EVERY = 250
CORPUS = Path(__file__).parent / "corpus.txt"


def corpus() -> list[tuple[int, int]]:
    """[(seed, commands)] of runs that once failed."""
    lines = [line.split() for line in CORPUS.read_text().splitlines() if line and not line.startswith("#")]
    return [(int(seed), int(commands)) for seed, commands in lines]


async def run(redis_url: str, venue_name: str, seed: int, commands: int) -> None:
    venue = await Venue.connect(redis_url, venue_name)
    played = 0
    try:
        pair = await Pair.start(venue)
        drawn = Commands(Random(seed), pair.reference)
        for step in drawn.opening():
            await pair.play(step)
        for played in range(1, commands + 1):
            await pair.play(drawn.draw())
            if played % COMPARE_EVERY == 0 or played == commands:
                await pair.compare()
    except (AssertionError, InvariantBroken) as error:
        error.add_note(f"seed {seed}, after {played} commands: EXCHANGE_MODEL_SEED={seed} plays it again")
        remember(seed, -(-played // COMPARE_EVERY) * COMPARE_EVERY)
        raise
    finally:
        await finish(venue)
        await venue.close()


def remember(seed: int, commands: int) -> None:
    if seed not in {known for known, _ in corpus()}:
        with CORPUS.open("a") as file:
            file.write(f"{seed} {commands}\n")


@pytest.mark.timeout(1_800)
async def test_random_commands_have_the_same_outcome_in_engine_and_reference(redis_url: str, venue_name: str) -> None:
    await run(redis_url, venue_name, SEED, COMMANDS)


@pytest.mark.parametrize(("seed", "commands"), corpus())
async def test_a_seed_that_once_failed(redis_url: str, venue_name: str, seed: int, commands: int) -> None:
    await run(redis_url, venue_name, seed, commands)
