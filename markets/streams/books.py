"""The book of a symbol in this process: one for all streams that show something of it, folded from the events.

The fact a newcomer would get wrong: Redis is read when the first of them comes, and after the market was cleared; then
the difference to what was known becomes a change like any other, so nobody who follows has to begin again.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections.abc import Iterable

from api.feed import Feed
from api.subscriptions import TRY_AGAIN_LATER
from engine.events import AnyEvent, MarketCleared, MarketEvent
from engine.records import LevelChange
from engine.types import Side
from markets.streams.live import Hub, Live
from markets.streams.stream import MarketStream

ALL_LEVELS = 1_000_000
Level = tuple[int, int]  # (price_ticks, lots)


class Ladder:
    """One side of a book: lots by price, and the prices in order, so that the best cost nothing to find."""

    def __init__(self, side: Side, levels: Iterable[Level] = ()) -> None:
        self.lots = dict(levels)
        self._sign = side.sign  # the best price is the first in order
        self._order = sorted(self._sign * price for price in self.lots)

    def set(self, price_ticks: int, lots: int) -> None:
        """What stands at a price now; 0 lots: nothing."""
        known = self.lots.get(price_ticks)
        if lots and known is None:
            insort(self._order, self._sign * price_ticks)
        if lots:
            self.lots[price_ticks] = lots
        elif known is not None:
            del self.lots[price_ticks]
            del self._order[bisect_left(self._order, self._sign * price_ticks)]

    def best(self, count: int) -> list[Level]:
        """The `count` best levels, best first."""
        return [(price, self.lots[price]) for price in (self._sign * key for key in self._order[:count])]


class SymbolBook(Live):
    """The book as of the newest event. `followers` are told of every change, after it."""

    def __init__(self, feed: Feed, symbol: str) -> None:
        super().__init__(feed, symbol)
        self.sides = {side: Ladder(side) for side in Side}
        self.update_id = -1
        self.now_ms = 0
        self.followers: set[BookStream] = set()

    async def load(self) -> None:
        depth = await self.venue.queries.depth(self.symbol, ALL_LEVELS)
        now_ms = (await self.venue.queries.clock()).now_ms
        before = self.sides
        self.sides = {Side.BUY: Ladder(Side.BUY, depth.bids), Side.SELL: Ladder(Side.SELL, depth.asks)}
        self.update_id, self.now_ms = depth.update_id, now_ms
        if self.followers:
            self._tell([change for side in Side for change in _difference(side, before[side], self.sides[side])])

    def apply(self, event: AnyEvent) -> None:
        if isinstance(event, MarketCleared):
            self.reload()
        elif isinstance(event, MarketEvent) and event.levels and event.update_id > self.update_id:
            self.update_id, self.now_ms = event.update_id, event.now_ms
            for level in event.levels:
                self.sides[level.side].set(level.price_ticks, level.lots)
            self._tell(event.levels)

    def on_lost(self) -> None:
        for follower in self.followers:
            follower.on_lost()

    def _tell(self, changes: list[LevelChange]) -> None:
        for follower in self.followers:
            follower.on_change(changes)


def _difference(side: Side, before: Ladder, after: Ladder) -> list[LevelChange]:
    gone = [LevelChange(side, price, 0) for price in before.lots if price not in after.lots]
    return gone + [LevelChange(side, price, lots) for price, lots in after.lots.items()]


class Books(Hub[str, SymbolBook]):
    """The books that this process follows: `feed.handler(Books)`."""

    def make(self, name: str) -> SymbolBook:
        return SymbolBook(self.feed, name)


class BookStream(MarketStream, ABC):
    """A stream that shows something of a book. It gets no events: its book tells it."""

    _book: SymbolBook | None = None

    @property
    def book(self) -> SymbolBook:
        assert self._book is not None  # after `load`
        return self._book

    async def load(self) -> None:
        """Join the book as it is now; `on_change` tells all that comes."""
        self._book = await self.feed.handler(Books).hold(self.symbol)
        self.book.followers.add(self)
        self.joined()

    async def prepare(self) -> None:
        """A newcomer waits for a book that is being read again, and has one read that was lost."""
        await super().prepare()
        if self._book is not None:
            await self._book.prepare()

    def joined(self) -> None:
        """The book is there, as of the newest event."""

    @abstractmethod
    def on_change(self, changes: list[LevelChange]) -> None:
        """These levels have changed; the book has them already."""

    def on_lost(self) -> None:
        self.cut_all(TRY_AGAIN_LATER)

    def close(self) -> None:
        super().close()
        if self._book is not None:
            self._book.followers.discard(self)
            self.feed.handler(Books).release(self.symbol, self._book)
            self._book = None
