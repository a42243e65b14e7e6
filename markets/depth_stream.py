"""`<symbol>@depth`: the whole book first, one period after the subscription, then what changed, gathered for 100 ms.

The fact a newcomer would get wrong: the first frame is the book as of the last frame the others got, not as of now.
So every subscriber follows one sequence: U is the previous u plus one, for the early and the late alike. The book is
kept here, folded from the events; Redis is read when the first subscriber comes, and after the market was cleared.
"""

import asyncio
from collections.abc import Iterable

from api.conflation import Cadence
from api.feed import Feed
from api.subscriptions import Envelope, Listener, Subscriber
from engine.events import AnyEvent, MarketCleared, MarketEvent
from engine.queries import Depth
from engine.types import Side, SymbolSpec
from markets.market_stream import MarketStream, StreamName
from markets.rendering import price_text, quantity_text

PERIOD_MS = 100
ALL_LEVELS = 1_000_000
PICTURE_LEVELS = 1_000  # of a side, in the first frame

Levels = dict[int, int]  # price_ticks -> lots


class DepthStream(MarketStream):
    """The book of one symbol as its subscribers know it (`_shown`), and what they do not know yet (`_changes`)."""

    def __init__(self, feed: Feed, spec: SymbolSpec, name: StreamName) -> None:
        super().__init__(feed, spec, name)
        self._shown: dict[Side, Levels] = {Side.BUY: {}, Side.SELL: {}}
        self._shown_id = -1  # before the first picture
        self._changes: dict[Side, Levels] = {Side.BUY: {}, Side.SELL: {}}
        self._update_id = -1
        self._now_ms = 0
        self._picture: str | None = None
        self._cadence = Cadence(PERIOD_MS, self._flush)
        self._newcomers: set[tuple[Listener, Envelope]] = set()

    async def load(self) -> None:
        """Take the book from Redis; for those who know an older one the difference becomes a change."""
        depth: Depth = await self.venue.queries.depth(self.name.symbol, ALL_LEVELS)
        now_ms = (await self.venue.queries.clock()).now_ms
        book = {Side.BUY: dict(depth.bids), Side.SELL: dict(depth.asks)}
        self._update_id, self._now_ms = depth.update_id, now_ms
        if self._shown_id < 0:
            self._shown, self._shown_id = book, depth.update_id
            return
        for side, levels in book.items():
            gone = dict.fromkeys([*self._shown[side], *self._changes[side]], 0)
            self._changes[side] = gone | levels
        self._cadence.touch(now_ms)

    def apply(self, event: AnyEvent) -> None:
        if isinstance(event, MarketCleared):
            self.reload()
        elif isinstance(event, MarketEvent) and event.levels and event.update_id > self._update_id:
            self._update_id, self._now_ms = event.update_id, event.now_ms
            for level in event.levels:
                self._changes[level.side][level.price_ticks] = level.lots
            self._cadence.touch(event.now_ms)

    def close(self) -> None:
        super().close()
        self._cadence.cancel()

    def welcome(self, subscriber: Subscriber, envelope: Envelope) -> None:
        """Begin to send after one period: a client that goes on asking hears its answers first, as with Binance."""
        self._newcomers.add((subscriber, envelope))
        asyncio.get_running_loop().call_later(PERIOD_MS / 1000, self._let_in, subscriber, envelope)

    def _let_in(self, subscriber: Subscriber, envelope: Envelope) -> None:
        if (subscriber, envelope) in self._newcomers:
            self._newcomers.remove((subscriber, envelope))
            super().welcome(subscriber, envelope)

    def remove(self, subscriber: Listener, envelope: Envelope) -> None:
        self._newcomers.discard((subscriber, envelope))
        super().remove(subscriber, envelope)

    def cut_all(self, code: int) -> None:
        super().cut_all(code)
        for subscriber, _ in self._newcomers:
            subscriber.cut(code)

    def greet(self) -> str:
        """The book as shown, at most 1,000 levels of a side; U and u are both its change number."""
        if self._picture is None:
            bids = sorted(self._shown[Side.BUY].items(), reverse=True)[:PICTURE_LEVELS]
            asks = sorted(self._shown[Side.SELL].items())[:PICTURE_LEVELS]
            self._picture = self._render(self._shown_id, self._shown_id, bids, asks)
        return self._picture

    def _flush(self, now_ms: int) -> None:
        """Show the changes, also of levels that are back where they were: a snapshot read meanwhile may have seen them.

        Without any the number waits, too.
        """
        bids, asks = (self._show(side) for side in Side)
        if not bids and not asks:
            return
        first_id, self._shown_id = self._shown_id + 1, self._update_id
        self._picture = None
        self.publish(self._render(first_id, self._shown_id, bids, asks))

    def _show(self, side: Side) -> list[tuple[int, int]]:
        shown = self._shown[side]
        changes, self._changes[side] = self._changes[side], {}
        for price, lots in changes.items():
            if lots:
                shown[price] = lots
            else:
                shown.pop(price, None)
        return sorted(changes.items(), reverse=side is Side.BUY)

    def _render(
        self, first_id: int, last_id: int, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]
    ) -> str:
        return (
            f'{{"e":"depthUpdate","E":{self._now_ms},"s":"{self.name.symbol}","U":{first_id},"u":{last_id},'
            f'"b":[{self._levels(bids)}],"a":[{self._levels(asks)}]}}'
        )

    def _levels(self, levels: Iterable[tuple[int, int]]) -> str:
        spec = self.spec
        return ",".join(f'["{price_text(spec, price)}","{quantity_text(spec, lots)}"]' for price, lots in levels)
