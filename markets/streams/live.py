"""What follows the events of a symbol for many who share it: it reads the present once, then changes event by event.

The fact a newcomer would get wrong: the present that is read from Redis and the events that come meanwhile overlap.
Events are held back while it is being read and applied afterwards, so `load` and `apply` together must pass over what
the present already contained.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from api.feed import NO_END, Feed, Handler
from engine.errors import EngineUnavailable
from engine.events import AnyEvent, ClockSet, MarketCleared, MarketEvent, ReferencePriceSet, SymbolDefined
from engine.types import SymbolSpec
from engine.venue import Venue

EVERY_SYMBOL = ""


async def result_of(task: asyncio.Task[None]) -> None:
    """Wait for work that others wait for as well. Raises what it raises; EngineUnavailable if it was given up."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise EngineUnavailable("the event stream began again") from None
        raise


class Live:
    """Something about one symbol, or about EVERY_SYMBOL, that is kept as long as somebody holds it.

    Subclasses write those of `load`, `apply`, `on_time` and `on_lost` that they need.
    """

    def __init__(self, feed: Feed, symbol: str) -> None:
        self.feed = feed
        self.symbol = symbol
        self.holders = 0  # who has it, or is about to
        self._held: list[AnyEvent] = []
        self._is_loaded = False
        self._loading: asyncio.Task[None] | None = None

    @property
    def venue(self) -> Venue:
        return self.feed.venue

    @property
    def spec(self) -> SymbolSpec:
        """The symbol's rules as of the last event."""
        return self.feed.specs[self.symbol]

    @property
    def ends_ms(self) -> int:
        """When something ends by time alone, on the venue's clock."""
        return NO_END

    async def load(self) -> None:
        """Read the present. Raises EngineUnavailable."""

    def apply(self, event: AnyEvent) -> None:
        """An event of the symbol, its rules or its reference price; MarketCleared or ClockSet."""

    def on_lost(self) -> None:
        """The present could not be read again: what is known is void."""

    def on_time(self, now_ms: int) -> None:
        """The venue's clock has come to `now_ms`."""

    def close(self) -> None:
        """Nobody holds it any more."""
        if self._loading is not None:
            self._loading.cancel()

    async def prepare(self) -> None:
        """Have the present read, once for all who wait for it. Raises EngineUnavailable."""
        if self._loading is None:
            self._begin_loading()
        assert self._loading is not None
        await result_of(self._loading)

    def reload(self) -> None:
        """Read the present again; `on_lost` when that fails."""
        self._begin_loading()

    def on_event(self, event: AnyEvent) -> None:
        if self._is_loaded:
            self.apply(event)
        else:
            self._held.append(event)

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
            self.on_lost()
            if self._loading is task:
                self._loading = None


AnyName = TypeVar("AnyName")
AnyLive = TypeVar("AnyLive", bound=Live)


class Hub(Handler, ABC, Generic[AnyName, AnyLive]):
    """One live thing for each name that somebody holds, from its first holder to its last, and the events it follows.

    Names are a symbol, or a tuple that begins with one.
    """

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._live: dict[AnyName, AnyLive] = {}
        self._of_symbol: dict[str, list[AnyLive]] = {EVERY_SYMBOL: []}

    @abstractmethod
    def make(self, name: AnyName) -> AnyLive:
        """A new one; its symbol is in `feed.specs`, or it is about EVERY_SYMBOL."""

    async def hold(self, name: AnyName) -> AnyLive:
        """The one of that name, its present read; to be given back with `release`. Raises EngineUnavailable."""
        await self.feed.until_ready()
        live = self._live.get(name)
        if live is None:
            live = self._live[name] = self.make(name)
            self._of_symbol.setdefault(live.symbol, []).append(live)
        live.holders += 1
        try:
            await live.prepare()
        except BaseException:
            self.release(name, live)
            raise
        if self._live.get(name) is not live:
            self.release(name, live)
            raise EngineUnavailable("the event stream began again")
        return live

    def release(self, name: AnyName, live: AnyLive) -> None:
        live.holders -= 1
        if live.holders > 0:
            return
        live.close()
        if self._live.get(name) is live:
            del self._live[name]
            self._of_symbol[live.symbol].remove(live)

    @property
    def is_listening(self) -> bool:
        return bool(self._live)

    @property
    def ends_ms(self) -> int:
        return min((live.ends_ms for live in self._live.values()), default=NO_END)

    def on_event(self, event: AnyEvent) -> None:
        if isinstance(event, MarketEvent):
            for live in self._of_symbol.get(event.symbol, ()):
                live.on_event(event)
        elif isinstance(event, MarketCleared):
            for symbol in event.symbols:
                for live in self._of_symbol.get(symbol, ()):
                    live.on_event(event)
        elif isinstance(event, ClockSet):
            for live in self._live.values():
                live.on_event(event)
        elif isinstance(event, ReferencePriceSet):
            for live in self._of_symbol.get(event.symbol, ()):
                live.on_event(event)
        elif isinstance(event, SymbolDefined):
            for live in (*self._of_symbol.get(event.spec.symbol, ()), *self._of_symbol[EVERY_SYMBOL]):
                live.on_event(event)

    def on_time(self, now_ms: int) -> None:
        for live in self._live.values():
            live.on_time(now_ms)

    def on_reset(self) -> None:
        known, self._live, self._of_symbol = self._live, {}, {EVERY_SYMBOL: []}
        for live in known.values():
            live.close()
