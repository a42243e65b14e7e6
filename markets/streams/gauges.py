"""Figures of a symbol that are put together anew from Redis, once a second at most, and only when they may differ.

The fact a newcomer would get wrong: they change without any event too, when a trade leaves their window. So each
reading says when that can be for the first time; until then a symbol without trades costs nothing.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Container
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from api.conflation import Cadence
from api.feed import NO_END, Feed
from engine.errors import ExchangeError
from engine.events import AnyEvent, MarketEvent
from engine.reference import ReferencePrice
from engine.types import SymbolSpec
from markets.candles import HOUR_MS, MINUTE_MS, SECOND_MS, venue_now
from markets.streams.live import Hub, Live, result_of
from markets.streams.stream import MarketStream
from markets.tickers import (
    AVERAGE_MINUTES,
    WINDOW_MS,
    AveragePrice,
    Ticker,
    Ticker24h,
    average_price,
    ticker_24h,
    window_span,
    window_ticker,
)

PERIOD_MS = 1_000
REST_S = 0.1  # of the machine's time between two readings, however fast the venue's clock runs
WINDOWS = {"1h": HOUR_MS, "4h": 4 * HOUR_MS, "1d": 24 * HOUR_MS}
Reading = TypeVar("Reading")


class Gauge(Live, ABC, Generic[Reading]):
    """One figure of one symbol, shared by all streams that show something of it."""

    def __init__(self, feed: Feed, symbol: str) -> None:
        super().__init__(feed, symbol)
        self.followers: set[GaugeStream] = set()
        self._reading: Reading | None = None
        self._read_seq = -1
        self._next_ms = NO_END
        self._is_due = False
        self._cadence = Cadence(PERIOD_MS, self._fall_due)
        self._refreshing: asyncio.Task[None] | None = None
        self._catching_up: asyncio.Task[None] | None = None

    @abstractmethod
    async def read(self) -> Reading:
        """The figure as of now. Raises ExchangeError."""

    @abstractmethod
    def next_ms(self, reading: Reading) -> int:
        """When time alone can make another one of it, on the venue's clock."""

    def is_moved_by(self, event: MarketEvent) -> bool:
        """Whether an event of the symbol can change the figure; any other that comes here can."""
        return bool(event.fills)

    @property
    def reading(self) -> Reading:
        assert self._reading is not None  # after `prepare`
        return self._reading

    @property
    def ends_ms(self) -> int:
        return self._next_ms

    async def load(self) -> None:
        await self._read()

    async def prepare(self) -> None:
        """Have it read, and once more where anything has happened since: who comes late sees the present.

        Those who follow are not told before their time.
        """
        await super().prepare()
        if self._read_seq != self.feed.seq:
            if self._catching_up is None or self._catching_up.done():
                self._catching_up = asyncio.create_task(self._catch_up())
            await result_of(self._catching_up)

    def apply(self, event: AnyEvent) -> None:
        if not isinstance(event, MarketEvent) or self.is_moved_by(event):
            self._cadence.touch(event.now_ms)

    def on_time(self, now_ms: int) -> None:
        if now_ms >= self._next_ms:
            self._next_ms = NO_END
            self._cadence.touch(now_ms)

    def on_lost(self) -> None:
        for follower in self.followers:
            follower.on_lost()

    def close(self) -> None:
        super().close()
        self._cadence.cancel()
        for task in (self._refreshing, self._catching_up):
            if task is not None:
                task.cancel()

    def _fall_due(self, now_ms: int) -> None:
        self._is_due = True
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        while self._is_due:
            self._is_due = False
            try:
                await self._read()
            except ExchangeError:
                self._is_due = True  # what has happened is not shown yet
            else:
                self._tell()
            await asyncio.sleep(REST_S)

    async def _read(self) -> None:
        seq = self.feed.seq
        reading = await self.read()
        self._reading, self._read_seq, self._next_ms = reading, seq, self.next_ms(reading)

    async def _catch_up(self) -> None:
        """Read for a newcomer. What time alone has changed since is still to be told to the others."""
        due_ms = self._next_ms
        await self._read()
        self._next_ms = min(self._next_ms, due_ms)

    def _tell(self) -> None:
        for follower in self.followers:
            follower.on_reading(self.reading)


class DayGauge(Gauge[Ticker24h]):
    """The rolling 24 hours to the second, and the best prices."""

    async def read(self) -> Ticker24h:
        return await ticker_24h(self.venue, self.spec)

    def next_ms(self, reading: Ticker24h) -> int:
        return NO_END if reading.oldest_ms is None else reading.oldest_ms + SECOND_MS + WINDOW_MS

    def is_moved_by(self, event: MarketEvent) -> bool:
        return bool(event.fills or event.levels)


class WindowGauge(Gauge[Ticker]):
    """A window up to now that begins with a whole minute."""

    def __init__(self, feed: Feed, symbol: str, size_ms: int) -> None:
        super().__init__(feed, symbol)
        self._size_ms = size_ms

    async def read(self) -> Ticker:
        open_ms, end_ms, close_ms = window_span(self._size_ms, await venue_now(self.venue))
        return await window_ticker(self.venue, self.spec, open_ms, end_ms, close_ms=close_ms)

    def next_ms(self, reading: Ticker) -> int:
        return NO_END if reading.oldest_ms is None else reading.oldest_ms + MINUTE_MS + self._size_ms


class AverageGauge(Gauge[AveragePrice]):
    """The average price of some minutes, to the second."""

    async def read(self) -> AveragePrice:
        return await average_price(self.venue, self.spec)

    def next_ms(self, reading: AveragePrice) -> int:
        return NO_END if reading.oldest_ms is None else reading.oldest_ms + AVERAGE_MINUTES * MINUTE_MS


class ReferenceReading(NamedTuple):
    """`price` is None for a symbol that has never had one."""

    now_ms: int
    price: ReferencePrice | None


class ReferenceGauge(Gauge[ReferenceReading]):
    """The reference price. A mean moves all the time while trades of its buckets are leaving the window."""

    async def read(self) -> ReferenceReading:
        now_ms = (await self.venue.queries.clock()).now_ms
        return ReferenceReading(now_ms, await self.venue.queries.reference_price(self.spec))

    def next_ms(self, reading: ReferenceReading) -> int:
        price = reading.price
        is_moving = price is not None and price.price_units is not None and self.spec.has_mean_reference
        return reading.now_ms + PERIOD_MS if is_moving else NO_END


Render = Callable[[SymbolSpec, Any], dict[str, object] | None]


class GaugeName(NamedTuple):
    """`kind`: "day", "average", "reference", or a window's size."""

    symbol: str
    kind: str


KINDS: dict[str, Callable[[Feed, str], Gauge[Any]]] = {
    "day": DayGauge,
    "average": AverageGauge,
    "reference": ReferenceGauge,
    **{name: partial(WindowGauge, size_ms=size_ms) for name, size_ms in WINDOWS.items()},
}


class Gauges(Hub[GaugeName, Gauge[Any]]):
    """The figures that this process follows: `feed.handler(Gauges)`."""

    def make(self, name: GaugeName) -> Gauge[Any]:
        return KINDS[name.kind](self.feed, name.symbol)


class GaugeStream(MarketStream):
    """Shows a figure: at once, and whenever it has become another one.

    `render` makes the members of the data of a reading, None while there is nothing to show. `times` are those that
    alone do not make a new event.
    """

    def __init__(self, feed: Feed, symbol: str, kind: str, render: Render, times: Container[str]) -> None:
        super().__init__(feed, symbol)
        self._name = GaugeName(symbol, kind)
        self._render = render
        self._times = times
        self._gauge: Gauge[Any] | None = None
        self._shown: dict[str, object] | None = None

    async def load(self) -> None:
        self._gauge = await self.feed.handler(Gauges).hold(self._name)
        self._gauge.followers.add(self)
        self._shown = self._without_times(self._gauge.reading)

    async def prepare(self) -> None:
        """A newcomer's greeting is of now."""
        await super().prepare()
        if self._gauge is not None:
            await self._gauge.prepare()

    def on_reading(self, reading: Any) -> None:
        """The figure was put together anew."""
        shown, self._shown = self._shown, self._without_times(reading)
        if self._shown != shown:
            self._publish(reading)

    def greet(self) -> str | None:
        return None if self._gauge is None else self._data(self._gauge.reading)

    def close(self) -> None:
        super().close()
        if self._gauge is not None:
            self._gauge.followers.discard(self)
            self.feed.handler(Gauges).release(self._name, self._gauge)
            self._gauge = None

    def _publish(self, reading: Any) -> None:
        data = self._data(reading)
        if data is not None:
            self.publish(data)

    def _data(self, reading: Any) -> str | None:
        members = self._render(self.spec, reading)
        return None if members is None else msgspec.json.encode(members).decode()

    def _without_times(self, reading: Any) -> dict[str, object] | None:
        members = self._render(self.spec, reading)
        return members and {name: value for name, value in members.items() if name not in self._times}
