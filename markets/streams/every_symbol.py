"""Streams of all symbols: `!bookTicker`, `!ticker@arr` and the like. They listen to the streams of each symbol.

The fact a newcomer would get wrong: only what has changed is in an array, so a quiet market sends none. A symbol that
is defined later is heard from then on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from api.conflation import Cadence
from api.feed import Feed
from api.subscriptions import BARE, TRY_AGAIN_LATER
from engine.errors import EngineUnavailable
from engine.events import AnyEvent, SymbolDefined
from markets.streams.live import EVERY_SYMBOL
from markets.streams.stream import MarketStream, StreamName

logger = logging.getLogger(__name__)

PERIOD_MS = 1_000
Hold = Callable[[StreamName], Awaitable[MarketStream]]
Release = Callable[[StreamName, MarketStream], None]


class Ear:
    """A listener (api.subscriptions.Listener) that knows whose events it hears."""

    def __init__(self, symbol: str, owner: "EverySymbolStream") -> None:
        self._symbol = symbol
        self._owner = owner

    def push(self, frame: str, /) -> None:
        self._owner.hear(self._symbol, frame)

    def cut(self, code: int, /) -> None:
        self._owner.cut_all(code)


class EverySymbolStream(MarketStream):
    """Every event of one kind, of whichever symbol, as it comes."""

    def __init__(self, feed: Feed, hold: Hold, release: Release, kind: str) -> None:
        super().__init__(feed, EVERY_SYMBOL)
        self._hold = hold
        self._release = release
        self._kind = kind
        self._ears: dict[str, tuple[MarketStream, Ear]] = {}
        self._joining: dict[str, asyncio.Task[None]] = {}

    async def load(self) -> None:
        joined = await asyncio.gather(*map(self._join, self.feed.specs), return_exceptions=True)
        for error in joined:
            if error is not None:
                raise error

    def apply(self, event: AnyEvent) -> None:
        if isinstance(event, SymbolDefined) and event.spec.symbol not in {*self._ears, *self._joining}:
            self._joining[event.spec.symbol] = asyncio.create_task(self._join_later(event.spec.symbol))

    def hear(self, symbol: str, data: str) -> None:
        """A symbol's stream has an event."""
        self.publish(data)

    def close(self) -> None:
        super().close()
        for task in self._joining.values():
            task.cancel()
        ears, self._ears = self._ears, {}
        for symbol, (stream, ear) in ears.items():
            stream.remove(ear, BARE)
            self._release(StreamName(symbol, self._kind), stream)

    async def _join(self, symbol: str) -> None:
        if symbol in self._ears:  # since a time before, when another could not be joined
            return
        stream = await self._hold(StreamName(symbol, self._kind))
        ear = Ear(symbol, self)
        self._ears[symbol] = stream, ear
        stream.add(ear, BARE)

    async def _join_later(self, symbol: str) -> None:
        try:
            await self._join(symbol)
        except EngineUnavailable:
            self.cut_all(TRY_AGAIN_LATER)
        except Exception:
            logger.exception("%s of the new symbol %s cannot be heard", self._kind, symbol)
            self.cut_all(TRY_AGAIN_LATER)
        finally:
            del self._joining[symbol]


class ArrayStream(EverySymbolStream):
    """The last event of every symbol that had one, once a second, as one array."""

    def __init__(self, feed: Feed, hold: Hold, release: Release, kind: str) -> None:
        super().__init__(feed, hold, release, kind)
        self._changed: dict[str, str] = {}
        self._cadence = Cadence(PERIOD_MS, self._flush)

    def hear(self, symbol: str, data: str) -> None:
        self._changed[symbol] = data
        self._cadence.touch(self.feed.now_ms)

    def close(self) -> None:
        self._cadence.cancel()
        super().close()

    def _flush(self, now_ms: int) -> None:
        changed, self._changed = self._changed, {}
        self.publish(f"[{','.join(changed.values())}]")
