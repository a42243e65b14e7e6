"""The process that folds trades into candles: one per venue, by lease; another takes over when it dies.

The fact a newcomer would get wrong: nothing in memory counts. Candles and the position they belong to are one fenced
write, so after any doubt (a lost reply, a lost lease, a new epoch) everything is read back from Redis. Should the
events have been trimmed past our position, the trades that the candles lack are read from `{venue}:trades` instead.
"""

import asyncio
import logging
import secrets
import time
from collections import deque

import msgspec
from redis.exceptions import ResponseError

from engine.candles import FIRST, LAST, LEASE_MS, CandleChange, CandleStore, LeaseLost
from engine.connection import open_connection
from engine.errors import ExchangeError
from engine.events import AnyEvent, MarketCleared, MarketEvent, decode_entry
from engine.records import Fill
from engine.runner import AnyConnection
from engine.venue import Venue
from engine.wire import NotSent, ReplyLost
from markets.candles import (
    INTERVALS,
    SECONDS_KEPT_MS,
    Folder,
    LastTrade,
    decode_candle,
    decode_last,
    field_of,
    open_of,
)

logger = logging.getLogger(__name__)

BLOCK_MS = 1_000
BATCH = 500
TAKE_OVER_S = LEASE_MS / 1000 / 5
RENEW_S = LEASE_MS / 1000 / 4
BACKOFF_S = 0.2
PACE_S = 0.01  # between two writes: each takes its time from the orders, which share the server
DROPS_AT_ONCE = 1_000
LOST = (NotSent, ReplyLost, ResponseError, ExchangeError, LeaseLost, OSError)
SECONDS = "1s:"


class Book:
    """The candles of one symbol that are being written, and which candles of 1s Redis holds."""

    def __init__(self, folder: Folder, seconds: list[int], *, has_first: bool) -> None:
        self._folder = folder
        self._has_first = has_first
        self._seconds = deque(sorted(seconds))  # open times in Redis, oldest first
        self._is_cleared = False
        self._set: dict[str, bytes] = {}

    def fold(self, fill: Fill, now_ms: int) -> None:
        """Count a trade, unless it was counted before."""
        if self._folder.add(fill, now_ms) and not self._has_first:
            self._set[FIRST] = str(now_ms).encode()
            self._has_first = True

    def clear(self) -> None:
        """Forget all candles; trade ids go on."""
        self._folder = Folder()
        self._seconds.clear()
        self._set.clear()
        self._has_first, self._is_cleared = False, True

    def take_change(self) -> CandleChange | None:
        """What is to be written since the last time, None if nothing; old candles of 1s are dropped with it."""
        changed = self._folder.changed
        if not changed and not self._is_cleared:
            return None
        change = CandleChange(is_fresh=self._is_cleared, set=self._set)
        for field, candle in changed.items():
            change.set[field] = msgspec.json.encode(candle)
            if field.startswith(SECONDS):
                self._remember_second(int(field.removeprefix(SECONDS)))
        last = self._folder.last
        if last is not None:
            change.set[LAST] = msgspec.json.encode(last)
            change.drop = self._old_seconds(last)
        self._folder.changed = {}
        self._set, self._is_cleared = {}, False
        return change

    def _remember_second(self, open_ms: int) -> None:
        if not self._seconds or self._seconds[-1] < open_ms:
            self._seconds.append(open_ms)

    def _old_seconds(self, last: LastTrade) -> list[str]:
        old: list[str] = []
        while self._seconds and self._seconds[0] < last.now_ms - SECONDS_KEPT_MS and len(old) < DROPS_AT_ONCE:
            old.append(field_of("1s", self._seconds.popleft()))
        return old


class Clockwork:
    """await Clockwork(redis_url, "main").run() keeps the candles whenever it holds the lease, until cancelled."""

    def __init__(self, redis_url: str, venue_name: str) -> None:
        self._redis_url = redis_url
        self._venue = Venue(open_connection(redis_url), venue_name)
        self._store = CandleStore(self._venue)
        self._token = secrets.token_hex(16)
        self._books: dict[str, Book] = {}
        self._epoch = 0
        self._seq = 0
        self._written_at = 0.0
        self._is_keeping = True

    async def run(self) -> None:
        """Never returns; a lost Redis or lease is waited for. On cancellation the lease is given up at once."""
        try:
            while True:
                try:
                    await self._wait_for_lease()
                    await self._keep()
                except LOST as error:
                    if self._is_keeping:
                        logger.warning("The candles of venue %s have to wait: %r", self._venue.name, error)
                    self._is_keeping = False
                await asyncio.sleep(BACKOFF_S)
        finally:
            await self._give_up()

    async def _wait_for_lease(self) -> None:
        """Until we are the one. A lease that is already ours (its reply was lost) is prolonged."""
        while not await self._store.acquire(self._token):
            try:
                await self._store.store(self._token, None, {})
                return
            except LeaseLost:
                await asyncio.sleep(TAKE_OVER_S)

    async def _give_up(self) -> None:
        try:
            await self._store.store(self._token, None, {}, release=True)
        except LOST:
            logger.info("The lease on the candles of venue %s runs out by itself", self._venue.name)
        await self._venue.close()

    async def _keep(self) -> None:
        """Follow the events until something goes wrong."""
        self._books = {}
        await self._venue.clock.open_venue()
        position = await self._store.position()
        if position is None:
            await self._rebuild()
        else:
            self._epoch, self._seq, _ = position
        self._is_keeping = True
        tail = open_connection(self._redis_url, timeout_s=BLOCK_MS / 1000 + 4)
        try:
            while True:
                await self._follow(tail)
        finally:
            await tail.close()

    async def _follow(self, tail: AnyConnection) -> None:
        block_ms = max(1, round(min(BLOCK_MS, (self._written_at + RENEW_S - time.monotonic()) * 1000)))
        key = self._venue.keys.events
        reply = await tail.command("XREAD", "COUNT", BATCH, "BLOCK", block_ms, "STREAMS", key, f"0-{self._seq}")
        events = [decode_entry(entry) for entry in reply[0][1]] if reply else []
        if not events:
            clock = await self._venue.queries.clock()
            if clock.seq != self._seq:
                await self._rebuild()
        elif events[0].seq != self._seq + 1:
            await self._rebuild()
        for event in events:
            if event.seq == self._seq + 1:
                await self._fold(event)
        await self._write()
        if 0 < len(events) < BATCH:
            await asyncio.sleep(PACE_S)

    async def _write(self) -> None:
        """Everything folded since the last write, and how far it reaches; also when nothing changed."""
        taken = {symbol: book.take_change() for symbol, book in self._books.items()}
        changes = {symbol: change for symbol, change in taken.items() if change is not None}
        await self._store.store(self._token, (self._epoch, self._seq), changes)
        self._written_at = time.monotonic()

    async def _rebuild(self) -> None:
        """Stand at the present and fold, from the trades themselves, what the candles lack up to there."""
        clock = await self._venue.queries.clock()
        self._books = {}
        for symbol in await self._venue.registry.specs():
            book = await self._book(symbol)
            for trade in (await self._store.read(symbol, [])).missing:
                book.fold(trade.fill, trade.now_ms)
        self._epoch, self._seq = clock.epoch, clock.seq
        await self._write()

    async def _fold(self, event: AnyEvent) -> None:
        self._epoch, self._seq = event.epoch, event.seq
        if isinstance(event, MarketEvent) and event.fills:
            book = await self._book(event.symbol)
            for fill in event.fills:
                book.fold(fill, event.now_ms)
        elif isinstance(event, MarketCleared):
            for symbol in event.symbols:
                (await self._book(symbol)).clear()

    async def _book(self, symbol: str) -> Book:
        """The symbol's book as Redis has it, when first needed."""
        book = self._books.get(symbol)
        if book is None:
            stored = await self._store.read(symbol, [])
            last = decode_last(stored.last)
            folder = Folder()
            if last is not None:
                fields = {interval: field_of(interval, open_of(interval, last.now_ms)) for interval in INTERVALS}
                candles = (await self._store.read(symbol, list(fields.values()))).candles
                known = {name: decode_candle(candles[field]) for name, field in fields.items() if field in candles}
                folder.resume(last, known)
            seconds = [int(name.removeprefix(SECONDS)) for name in await self._store.fields(symbol, f"{SECONDS}*")]
            book = self._books[symbol] = Book(folder, seconds, has_first=stored.first_ms is not None)
        return book
