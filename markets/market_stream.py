"""What every public stream has in common: it is shared, it reads the present once, then it follows the events.

The fact a newcomer would get wrong: what a late subscriber gets first (the book, the ticker) must join the sequence
of frames that the others already follow, so it comes from the stream's own state, never from another read of Redis.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from api.feed import Feed
from api.subscriptions import TRY_AGAIN_LATER, Envelope, Stream, Subscriber
from engine.events import AnyEvent
from engine.types import SymbolSpec
from engine.venue import Venue

NO_END = 1 << 62


class StreamName(NamedTuple):
    """A public stream; `interval` is empty for all but klines."""

    symbol: str
    kind: str
    interval: str = ""


class MarketStream(Stream, ABC):
    """One public stream. Subclasses write `load`, `apply` and, if a newcomer gets something first, `greet`.

    Events that come while the present is being read from Redis are held back and applied afterwards: `load` and
    `apply` together must pass over what the present already contained.
    """

    def __init__(self, feed: Feed, spec: SymbolSpec, name: StreamName) -> None:
        super().__init__()
        self.feed = feed
        self.spec = spec
        self.name = name
        self.holders = 0  # subscriptions that are open or on their way
        self._held: list[AnyEvent] = []
        self._is_loaded = False
        self._loading: asyncio.Task[None] | None = None

    @property
    def venue(self) -> Venue:
        return self.feed.venue

    @property
    def ends_ms(self) -> int:
        """When something ends by time alone, on the venue's clock."""
        return NO_END

    async def load(self) -> None:
        """Read the present. Raises EngineUnavailable."""

    @abstractmethod
    def apply(self, event: AnyEvent) -> None:
        """An event of the symbol, or MarketCleared or ClockSet."""

    def greet(self) -> str | None:
        """The data that a new subscriber gets before all else."""
        return None

    def on_time(self, now_ms: int) -> None:
        """The venue's clock has come to `now_ms`."""

    def close(self) -> None:
        """Nobody listens any more."""
        if self._loading is not None:
            self._loading.cancel()

    async def prepare(self) -> None:
        """Have the present read, once for all who wait for it. Raises EngineUnavailable."""
        if self._loading is None:
            self._begin_loading()
        assert self._loading is not None
        await asyncio.shield(self._loading)

    def reload(self) -> None:
        """Read the present again; who listens is cut when that fails."""
        self._begin_loading()

    def on_event(self, event: AnyEvent) -> None:
        if self._is_loaded:
            self.apply(event)
        else:
            self._held.append(event)

    def welcome(self, subscriber: Subscriber, envelope: Envelope) -> None:
        """Begin to send: the greeting now, then everything that comes."""
        greeting = self.greet()
        if greeting is not None:
            subscriber.push(f"{envelope.before}{greeting}{envelope.after}")
        self.add(subscriber, envelope)

    def _begin_loading(self) -> None:
        self._is_loaded = False
        self._loading = asyncio.create_task(self._load_and_catch_up())
        self._loading.add_done_callback(self._loading_ended)

    async def _load_and_catch_up(self) -> None:
        await self.load()
        held, self._held = self._held, []
        self._is_loaded = True
        for event in held:
            self.on_event(event)

    def _loading_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._held = []
            self.cut_all(TRY_AGAIN_LATER)
            if self._loading is task:
                self._loading = None


class Subscription:
    """A subscriber's place in a stream: opened first, begun with `start` (which cannot fail), given back with `end`."""

    def __init__(self, stream: MarketStream, envelope: Envelope, release: Callable[[MarketStream], None]) -> None:
        self._stream = stream
        self._envelope = envelope
        self._release = release
        self._subscriber: Subscriber | None = None

    def start(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._stream.welcome(subscriber, self._envelope)

    def end(self) -> None:
        if self._subscriber is not None:
            self._stream.remove(self._subscriber, self._envelope)
        self._release(self._stream)
