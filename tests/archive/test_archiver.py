"""The archiver as a process: one at a time, ended by SIGTERM, killed at any moment and begun again."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from archive.archiver import Archiver
from engine.types import Side
from engine.venue import Venue
from tests.archive.conftest import all_archived, archiving, until
from tests.conftest import limit

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """`manage.py run_archiver` on the test's venue with a database of its own."""

    def __init__(self, folder: Path, redis_url: str, venue: str) -> None:
        self.database = folder / "db.sqlite3"
        cleaned = {name: value for name, value in os.environ.items() if not name.startswith(("EXCHANGE_", "DATABASE_"))}
        self._environment = cleaned | {
            "EXCHANGE_NO_BOOTSTRAP": "1",
            "EXCHANGE_DATA_DIR": str(folder),
            "EXCHANGE_VENUE": venue,
            "REDIS_URL": redis_url,
        }
        self.running: subprocess.Popen[bytes] | None = None
        subprocess.run(self._command("migrate", "-v0"), env=self._environment, check=True, timeout=60)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *words]

    def start(self) -> None:
        self.running = subprocess.Popen(self._command("run_archiver"), env=self._environment)

    def end(self, number: int) -> int:
        assert self.running is not None
        self.running.send_signal(number)
        return self.running.wait(timeout=10)

    def trade_ids(self) -> list[int]:
        with closing(sqlite3.connect(self.database)) as database:
            found = database.execute("SELECT trade_id FROM archive_archivedtrade ORDER BY id")
            return [trade_id for (trade_id,) in found]


@pytest.fixture
def process(tmp_path: Path, redis_url: str, venue_name: str) -> Iterator[Process]:
    process = Process(tmp_path, redis_url, venue_name)
    yield process
    if process.running is not None and process.running.poll() is None:
        process.running.kill()
        process.running.wait()


async def _trade(venue: Venue, alice: int, bob: int, count: int) -> None:
    for _ in range(count):
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 100))
        await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 100))


async def test_killed_at_any_moment_it_copies_every_trade_once(
    process: Process, venue: Venue, alice: int, bob: int
) -> None:
    for _ in range(2):
        process.start()
        trading = asyncio.create_task(_trade(venue, alice, bob, 300))

        async def has_begun(before: int = len(process.trade_ids())) -> bool:
            return len(process.trade_ids()) > before

        await until(has_begun)
        await asyncio.sleep(random.random() * 0.05)  # any moment of its work
        process.end(signal.SIGKILL)
        await venue.runner.command("DEL", venue.keys.lease("archive"))  # as it ends by itself after five seconds
        await trading
    process.start()

    async def has_taken_over() -> bool:
        return await _holder(venue) is not None

    await until(has_taken_over, seconds=20)
    await all_archived(venue)
    assert process.end(signal.SIGTERM) == 0
    assert process.trade_ids() == list(range(1, 601))


async def _holder(venue: Venue) -> bytes | None:
    token: bytes | None = await venue.runner.command("GET", venue.keys.lease("archive"))
    return token


async def test_sigterm_gives_the_lease_up_at_once(process: Process, venue: Venue) -> None:
    process.start()
    await all_archived(venue)
    assert process.end(signal.SIGTERM) == 0
    assert await _holder(venue) is None


async def test_a_second_archiver_waits_until_the_first_is_gone(redis_url: str, venue: Venue, alice: int) -> None:
    async with archiving(redis_url, venue):
        await all_archived(venue)
        holder = await _holder(venue)
        second = Archiver(redis_url, venue.name)
        waiting = asyncio.create_task(second.run())
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 100))
        await all_archived(venue)
        assert await _holder(venue) == holder

    async def has_taken_over() -> bool:
        return await _holder(venue) not in (None, holder)

    await until(has_taken_over)
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 100))
    await all_archived(venue)
    second.stop()
    await waiting


async def test_without_redis_it_waits_and_ends_when_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archiver = Archiver(f"unix://{tmp_path}/nobody.sock", "main")
    task = asyncio.create_task(archiver.run())

    async def has_complained() -> bool:
        return "has to wait" in caplog.text

    await until(has_complained)
    archiver.stop()
    await asyncio.wait_for(task, 5)
