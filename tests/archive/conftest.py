"""An archiver at work on the test's venue, and the rows it has written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from asgiref.sync import sync_to_async
from django.db import models

from archive.archiver import Archiver
from archive.queries import wait_until_archived
from archive.writer import Reached, reached, store
from engine.events import AnyEvent, decode_entry
from engine.venue import Venue

Row = TypeVar("Row", bound=models.Model)
ONE = 10**8


@pytest.fixture(autouse=True)
def database(transactional_db: None) -> None:
    """The archiver writes from a thread of its own: what it writes must be committed to be seen."""


@asynccontextmanager
async def archiving(redis_url: str, venue: Venue) -> AsyncIterator[Archiver]:
    """An archiver that works for the length of the block."""
    archiver = Archiver(redis_url, venue.name)
    task = asyncio.create_task(archiver.run())
    try:
        yield archiver
    finally:
        archiver.stop()
        await task


async def all_archived(venue: Venue) -> None:
    """Wait until SQL has everything that has happened."""
    clock = await venue.queries.clock()
    assert await wait_until_archived(venue, clock.seq, timeout_s=10)


async def events_of(venue: Venue) -> list[AnyEvent]:
    """Everything in the venue's stream."""
    return [decode_entry(entry) for entry in await venue.runner.command("XRANGE", venue.keys.events, "-", "+")]


async def stored(venue: Venue, events: Sequence[AnyEvent]) -> Reached:
    """Copy events as the archiver would."""
    return await sync_to_async(store)(venue.name, events)


async def rows(model: type[Row], venue: Venue, **conditions: Any) -> list[Row]:
    """The venue's rows in the order in which they were made."""
    return [row async for row in model._default_manager.filter(venue=venue.name, **conditions).order_by("pk")]


async def position(venue: Venue) -> Reached:
    return await sync_to_async(reached)(venue.name)


async def until(look: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Poll until it is the case."""
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.01)
