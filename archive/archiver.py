"""The process that follows a venue's events into SQL: one per venue, by lease; another takes over when it dies.

The fact a newcomer would get wrong: the stream can be shorter than SQL. After a loss Redis comes back in a new epoch
with seqs that SQL has seen already, so before following a new epoch the archiver walks back to the last entry that
both have, and asks Redis how the orders stand that SQL saw change later.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence

import msgspec
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import connection

from archive.trimming import Trimmer
from archive.writer import READER, DoubtfulOrder, Reached, doubtful_orders, reached, store
from engine.connection import open_connection
from engine.errors import ExchangeError
from engine.events import AnyEvent, VenueOpened, decode_entry
from engine.keys import order_member
from engine.records import OrderRecord, decode_order
from engine.venue import Venue

BATCH = 1_000
BLOCK_MS = 200
LEASE_MS = 5_000
TELL_SECONDS = 1.0
BACKOFF_SECONDS = 0.3

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another archiver has the lease now. What is in SQL stays right: its position is read under lock."""


class Archiver:
    """await Archiver(redis_url, "main").run() copies events while it holds the lease, until `stop` is called."""

    def __init__(self, redis_url: str, venue_name: str) -> None:
        self._redis_url = redis_url
        self._venue = Venue(open_connection(redis_url), venue_name)
        self._trimmer = Trimmer(self._venue)
        self._token = secrets.token_hex(16)
        self._stopping = asyncio.Event()
        self._reached = Reached(0, 0)
        self._cursor = 0  # seq after which the stream is read
        self._told_at = float("-inf")

    def stop(self) -> None:
        """End after the batch that is under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`; a lost Redis, database or lease is waited for. Gives the lease up at the end."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._wait_for_lease()
                    await self._copy()
                except (ExchangeError, LeaseLost, DatabaseError) as error:
                    logger.warning("The archive of venue %s has to wait: %s", self._venue.name, error)
                    if isinstance(error, DatabaseError):
                        await sync_to_async(connection.close)()
                    await self._pause(BACKOFF_SECONDS)
        finally:
            await self._give_up()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _wait_for_lease(self) -> None:
        """Until we are the one. A lease that is already ours (its reply was lost) is prolonged."""
        lease = self._venue.keys.lease(READER)
        while not self._stopping.is_set():
            if await self._venue.runner.command("SET", lease, self._token, "NX", "PX", LEASE_MS) is not None:
                return
            try:
                await self._hold(LEASE_MS, b"")
                return
            except LeaseLost:
                await self._pause(LEASE_MS / 5_000)

    async def _hold(self, lease_ms: int, told: bytes) -> None:
        keys = [self._venue.keys.lease(READER), self._venue.keys.readers]
        (is_ours,) = await self._venue.runner.run("hold_lease", keys, (self._token, lease_ms, READER, told))
        if not is_ours:
            raise LeaseLost("another archiver is at work")

    async def _give_up(self) -> None:
        try:
            await self._hold(0, b"")
        except (ExchangeError, LeaseLost) as error:
            logger.info("The lease on the archive of venue %s runs out by itself: %s", self._venue.name, error)
        await self._venue.close()

    async def _copy(self) -> None:
        """Follow the events until asked to stop or something goes wrong."""
        await self._venue.clock.open_venue()
        self._reached = await sync_to_async(reached)(self._venue.name)
        self._cursor = self._reached.seq
        tail = Venue(open_connection(self._redis_url, timeout_s=BLOCK_MS / 1000 + 4), self._venue.name)
        try:
            while not self._stopping.is_set():
                events = await self._next_events(tail)
                if events:
                    await self._store(events)
                if events or time.monotonic() - self._told_at > TELL_SECONDS:
                    await self._tell()
                    await self._trimmer.trim(self._reached, events[-1].now_ms if events else None)
        finally:
            await tail.close()

    async def _next_events(self, tail: Venue) -> list[AnyEvent]:
        """The next entries, of one epoch; none after a while in which nothing came."""
        words = ("XREAD", "COUNT", BATCH, "BLOCK", BLOCK_MS, "STREAMS", self._venue.keys.events, f"0-{self._cursor}")
        reply = await tail.runner.command(*words)
        events = [decode_entry(entry) for entry in reply[0][1]] if reply else []
        if not events:
            await self._look_for_loss()
            return []
        first = events[0]
        if first.epoch != self._reached.epoch and not isinstance(first, VenueOpened):
            before = self._cursor
            await self._walk_back()
            if self._cursor != before:
                return []
        if first.seq != self._cursor + 1:
            logger.error(
                "Events %d to %d of venue %s are not in Redis any more; the archive goes on without them",
                self._cursor + 1, first.seq - 1, self._venue.name,
            )  # fmt: skip
        return [event for event in events if event.epoch == first.epoch]

    async def _look_for_loss(self) -> None:
        """Nothing new came: because nothing happened, or because Redis came back with less than SQL has?"""
        clock = await self._venue.queries.clock()
        if clock.epoch < self._reached.epoch:
            await self._venue.clock.open_venue()
        elif clock.epoch != self._reached.epoch or clock.seq < self._cursor:
            await self._walk_back()

    async def _walk_back(self) -> None:
        """Set the cursor to the newest entry that is not of a later epoch than SQL."""
        entries: Sequence[list[bytes]] = []
        end = f"0-{self._cursor}"
        while entries := await self._venue.runner.command(
            "XREVRANGE", self._venue.keys.events, end, "-", "COUNT", BATCH
        ):
            for event in map(decode_entry, entries):
                if event.epoch <= self._reached.epoch:
                    self._cursor = event.seq
                    return
            end = f"({entries[-1][0].decode()}"
        self._cursor = 0

    async def _store(self, events: list[AnyEvent]) -> None:
        first = events[0]
        truth: dict[int, OrderRecord] = {}
        if first.epoch != self._reached.epoch and self._reached.seq >= first.seq:
            doubtful = await sync_to_async(doubtful_orders)(self._venue.name, first.seq)
            truth = {order.order_id: record for order in doubtful if (record := await self._read_order(order))}
            logger.warning("Redis lost the events of venue %s from %d on", self._venue.name, first.seq)
        self._reached = await sync_to_async(store)(self._venue.name, events, truth)
        self._cursor = events[-1].seq

    async def _read_order(self, order: DoubtfulOrder) -> OrderRecord | None:
        keys, member = self._venue.keys, order_member(order.order_id)
        for key in (keys.symbol(order.symbol), keys.ended(order.symbol)):
            record = await self._venue.runner.command("HGET", key, member)
            if record is not None:
                return decode_order(record)
        return None

    async def _tell(self) -> None:
        told = msgspec.json.encode([*self._reached, 0, round(time.time() * 1000)])
        await self._hold(LEASE_MS, told)
        self._told_at = time.monotonic()
