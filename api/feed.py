"""One reader per process: tails `{venue}:events`, decodes an entry once, hands it to whoever makes frames of it.

The fact a newcomer would get wrong: there is no catching up. A hole in seq, a new epoch, or a server that has lost
its past cuts every subscriber with 1013, and they start again from a snapshot; between two reads of one epoch nothing
is ever missed, also over a lost connection. MarketCleared is an ordinary event: the books empty in sequence.

A feed tells `{venue}:readers` how far it is: [epoch, seq, fullness percent of its fullest socket queue, machine's ms].
A socket that has been too full for too long counts as half full there.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from redis.exceptions import ResponseError

from api.subscriptions import HALF_FULL_PERCENT, MAX_BYTES, MAX_MESSAGES, TRY_AGAIN_LATER, Subscriber
from engine.connection import open_connection
from engine.errors import EngineUnavailable, ExchangeError
from engine.events import (
    AccountChanged,
    AnyEvent,
    AuctionMatched,
    ClockSet,
    EntryHead,
    FaultSet,
    RateLimitsSet,
    SignaturesSet,
    SymbolDefined,
    SymbolHalted,
    decode_entry,
    decode_head,
)
from engine.queries import Clock
from engine.registry import Registry
from engine.runner import AnyConnection
from engine.types import PRICE_DECIMALS, SymbolSpec
from engine.venue import Venue
from engine.wire import NotSent, ReplyLost

logger = logging.getLogger(__name__)

BLOCK_MS = 1_000
BATCH = 500  # entries of one read
TURN = 10  # events between which the sockets get their turn
BACKOFF_S = 0.1
UNHEARD_S = 0.01  # between two reads while no socket is open: an order costs less than a read for each order
LOOK_S = 0.025
REPORT_S = 0.1
IDLE_REPORT_S = 1.0
TIME_S = 0.1
TRUSTED_S = 10.0  # so long the venue's clock is believed to go as ours does
NO_END = 1 << 62
FORGOTTEN_AFTER_MS = 60_000  # a killed process leaves its field in {v}:readers: the next one that starts removes it
FORGOTTEN_BY = SymbolDefined | SymbolHalted | AuctionMatched | AccountChanged | RateLimitsSet | SignaturesSet
LOST = (NotSent, ReplyLost, ResponseError, ExchangeError, OSError)


class Handler:
    """Turns events into frames; one of each kind per feed, made by `Feed.handler`. Nothing here may wait."""

    def __init__(self, feed: "Feed") -> None:
        self.feed = feed

    @property
    def is_listening(self) -> bool:
        """Whether anybody hears by it what happens to orders: `on_event` may not be called for that otherwise."""
        return False

    @property
    def ends_ms(self) -> int:
        """When something ends by time alone, on the venue's clock: it is asked when that can be."""
        return NO_END

    def on_event(self, event: AnyEvent) -> None:
        """Something happened; events come in order and without a hole."""

    def on_time(self, now_ms: int) -> None:
        """The venue's clock has reached `now_ms`, and every event to come is at least as late."""

    def on_reset(self) -> None:
        """Everything known is void; all subscribers have been cut."""


AnyHandler = TypeVar("AnyHandler", bound=Handler)


class Feed:
    """The events of one venue for one process.

    feed = Feed(redis_url, "main"); await feed.start(); ...; await feed.stop()
    feed.handler(MarketStreams) is the feed's one handler of that kind.
    """

    def __init__(self, redis_url: str, venue_name: str) -> None:
        self._redis_url = redis_url
        self.venue = Venue(open_connection(redis_url), venue_name)
        self.name = f"feed-{os.getpid()}-{secrets.token_hex(4)}"
        self.specs: dict[str, SymbolSpec] = {}
        self.asset_decimals: dict[str, int] = {}
        self.epoch = 0
        self.seq = -1
        self._registries: list[Registry] = [self.venue.registry]
        self._handlers: dict[type[Handler], Handler] = {}
        self._subscribers: set[Subscriber] = set()
        self._ready = asyncio.Event()
        self.now_ms = 0  # the venue's time as last heard of
        self._asked: tuple[Clock, float] | None = None  # its clock as last read, and when that was on the machine's
        self._set_seq = -1  # of the event that has set its clock last
        self._known_time: tuple[int, int] | None = None  # (seq, now_ms): to be told once the feed has come to seq
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to read at the current end. Does not wait for Redis: `until_ready` does."""
        self._tasks = [asyncio.create_task(work()) for work in (self._run, self._tell_position, self._watch_time)]

    async def stop(self) -> None:
        """End the reader and take its name off the list."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(*LOST):
            await self.venue.connection.command("HDEL", self.venue.keys.readers, self.name)
        await self.venue.close()

    async def until_ready(self, timeout_s: float = 2.0) -> None:
        """Raises EngineUnavailable when the stream cannot be read."""
        try:
            await asyncio.wait_for(self._ready.wait(), timeout_s)
        except TimeoutError as error:
            raise EngineUnavailable("the event stream") from error

    def handler(self, kind: type[AnyHandler]) -> AnyHandler:
        """The feed's handler of this kind, made when first asked for."""
        known = self._handlers.get(kind)
        if known is None:
            known = self._handlers[kind] = kind(self)
        assert isinstance(known, kind)
        return known

    def watch(self, registry: Registry) -> None:
        """Have `registry` forget what it has cached whenever symbols, accounts, keys or limits change."""
        self._registries.append(registry)

    def subscribe(
        self,
        on_cut: Callable[[int], None],
        *,
        max_messages: int = MAX_MESSAGES,
        max_bytes: int = MAX_BYTES,
        write: Callable[[str], bool] | None = None,
        waits_for_taker: bool = False,
    ) -> Subscriber:
        """A socket's queue, to be added to streams; `leave` gives it back."""
        subscriber = Subscriber(
            on_cut, max_messages=max_messages, max_bytes=max_bytes, write=write, waits_for_taker=waits_for_taker
        )
        self._subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    async def _run(self) -> None:
        is_told = False
        while True:
            tail = open_connection(self._redis_url, timeout_s=BLOCK_MS / 1000 + 4)
            try:
                await self._synchronise()
                is_told = False
                while True:
                    await self._read(tail)
            except LOST as error:
                if not is_told:
                    logger.warning("The event stream of venue %s is out of reach: %s", self.venue.name, error)
                    is_told = True
            except Exception:
                logger.exception("The feed of venue %s stumbled and begins again", self.venue.name)
                self.seq = -1
            finally:
                self._ready.clear()
                await tail.close()
            await asyncio.sleep(BACKOFF_S)

    async def _synchronise(self) -> None:
        """Go on where we were if that is still the same history, else begin again at its end."""
        await self.venue.clock.open_venue()
        clock = await self.venue.queries.clock()
        if clock.epoch != self.epoch or self.seq < 0 or clock.seq < self.seq:
            await self._begin_again(clock)
        self._ready.set()

    async def _begin_again(self, clock: Clock) -> None:
        """Cut everybody and stand at `clock`. Symbols are read after that position: what changes later is an event."""
        self.venue.registry.forget()
        self.specs = await self.venue.registry.specs()
        self.asset_decimals = await self.venue.registry.assets()
        fault, _ = await self.venue.faults.read()
        for registry in self._registries:
            registry.forget()
            registry.fault = fault
        self._known_time = self._asked = None
        if self.epoch:  # before the first time nobody can have missed anything
            for subscriber in list(self._subscribers):
                subscriber.cut(TRY_AGAIN_LATER)
            for handler in self._handlers.values():
                handler.on_reset()
        self.epoch, self.seq, self.now_ms, self._set_seq = clock.epoch, clock.seq, clock.now_ms, -1

    async def _read(self, tail: AnyConnection) -> None:
        reply = await tail.command(
            "XREAD", "COUNT", BATCH, "BLOCK", BLOCK_MS, "STREAMS", self.venue.keys.events, f"0-{self.seq}"
        )
        if not reply:
            await self._synchronise()  # a server that lost its past would keep us waiting for numbers it uses again
            return
        is_heard = self._is_heard
        for number, entry in enumerate(reply[0][1], start=1):
            event = decode_entry(entry) if is_heard else decode_head(entry)
            if event.seq != self.seq + 1 or event.epoch != self.epoch:
                await self._begin_again(await self.venue.queries.clock())
                return
            self.seq, self.now_ms = event.seq, event.now_ms
            if not isinstance(event, EntryHead):
                self._dispatch(event)
            elif not event.is_of_orders:
                self._dispatch(decode_entry(entry))
            if self._known_time is not None and self.seq >= self._known_time[0]:
                self._tell_time(self._known_time[1])
            if number % TURN == 0:
                await asyncio.sleep(0)
                is_heard = self._is_heard
        if not self._subscribers:
            await asyncio.sleep(UNHEARD_S)

    @property
    def _is_heard(self) -> bool:
        return any(handler.is_listening for handler in self._handlers.values())

    def _dispatch(self, event: AnyEvent) -> None:
        if isinstance(event, SymbolDefined):
            spec = event.spec
            self.specs[spec.symbol] = spec
            self.asset_decimals |= {spec.base: spec.base_decimals, spec.quote: spec.quote_decimals}
            if spec.allows_discount:
                self.asset_decimals[spec.discount_asset] = PRICE_DECIMALS
        if isinstance(event, FORGOTTEN_BY):
            for registry in self._registries:
                registry.forget()
        elif isinstance(event, FaultSet):
            for registry in self._registries:
                registry.fault = event.fault
        elif isinstance(event, ClockSet):
            self._asked, self._set_seq = None, event.seq
        for handler in self._handlers.values():
            handler.on_event(event)

    def _tell_time(self, now_ms: int) -> None:
        self._known_time = None
        for handler in self._handlers.values():
            handler.on_time(now_ms)

    async def _tell_position(self) -> None:
        """Says how far we are: every 0.1 s while that changes, every second otherwise, and at once whenever a socket
        becomes half full or no longer is: a replay waits for that."""
        told_seq, told_fullness, told_at, looked_at = -1, 0, float("-inf"), time.monotonic()
        with contextlib.suppress(*LOST):
            await self._forget_the_dead()
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            passed_s, looked_at, age_s = now - looked_at, now, now - told_at
            fullest = max((subscriber.pressure_percent(passed_s) for subscriber in self._subscribers), default=0)
            has_changed = self.seq != told_seq or fullest != told_fullness
            is_urgent = (fullest > HALF_FULL_PERCENT) != (told_fullness > HALF_FULL_PERCENT)
            is_due = age_s >= IDLE_REPORT_S or (has_changed and age_s >= REPORT_S) or is_urgent
            if is_due and self._ready.is_set():
                told_seq, told_fullness, told_at = self.seq, fullest, time.monotonic()
                with contextlib.suppress(*LOST):
                    await self._report(fullest)

    async def _watch_time(self) -> None:
        """Asks the venue's clock when something can have ended by time alone."""
        while True:
            await asyncio.sleep(TIME_S)
            ends_ms = min((handler.ends_ms for handler in self._handlers.values()), default=NO_END)
            if ends_ms < NO_END and self._ready.is_set() and self._may_be(ends_ms):
                with contextlib.suppress(*LOST):
                    self._learn_time(await self.venue.queries.clock())

    def _may_be(self, then_ms: int) -> bool:
        """Whether the venue's clock may have come so far. A virtual one moves only with an event."""
        if self._asked is None:
            return True
        clock, at = self._asked
        passed_s = time.monotonic() - at
        moved_ms = 0 if clock.mode == "virtual" else 1000 * (passed_s + 2 * TIME_S)
        return passed_s > TRUSTED_S or max(self.now_ms, clock.now_ms + moved_ms) >= then_ms

    def _learn_time(self, clock: Clock) -> None:
        if clock.epoch != self.epoch or clock.seq < self._set_seq:
            return  # it was read before the clock was set, perhaps back
        self._asked = clock, time.monotonic()
        self.now_ms = max(self.now_ms, clock.now_ms)
        self._known_time = (clock.seq, clock.now_ms)
        if self.seq >= clock.seq:
            self._tell_time(clock.now_ms)

    async def _report(self, fullest_percent: int) -> None:
        position = [self.epoch, self.seq, fullest_percent, round(time.time() * 1000)]
        await self.venue.connection.command("HSET", self.venue.keys.readers, self.name, msgspec.json.encode(position))

    async def _forget_the_dead(self) -> None:
        flat: list[Any] = await self.venue.connection.command("HGETALL", self.venue.keys.readers)
        oldest_ms = time.time() * 1000 - FORGOTTEN_AFTER_MS
        for name, position in zip(flat[::2], flat[1::2], strict=True):
            if name.startswith(b"feed-") and msgspec.json.decode(position)[3] < oldest_ms:
                await self.venue.connection.command("HDEL", self.venue.keys.readers, name)
