"""Depth: the changes of a book (`depth`), its best levels (`depth5`), and the guide's, which begins with a picture.

The fact a newcomer would get wrong: what is sent is a sequence of its own. U is the previous u plus one for the early
and the late alike, and whoever asks REST meanwhile finds the same numbers; a level that is back where it was is sent
all the same, since a snapshot that was read meanwhile may have seen it elsewhere.
"""

import asyncio
from collections.abc import Iterable

from api.conflation import Cadence
from api.feed import Feed
from api.subscriptions import Envelope, Listener
from engine.records import LevelChange
from engine.types import Side, SymbolSpec
from markets.rendering import price_text, quantity_text
from markets.streams.books import BookStream, Level

PICTURE_PERIOD_MS = 100
PICTURE_LEVELS = 1_000  # of a side, in the guide's first frame


class DiffDepthStream(BookStream):
    """`<symbol>@depth` and `@depth@100ms`: what has changed since the last frame, nothing to begin with."""

    def __init__(self, feed: Feed, symbol: str, period_ms: int) -> None:
        super().__init__(feed, symbol)
        self._changes: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self._shown_id = -1
        self._cadence = Cadence(period_ms, self._flush)

    def joined(self) -> None:
        self._shown_id = self.book.update_id

    def on_change(self, changes: list[LevelChange]) -> None:
        for level in changes:
            self._changes[level.side][level.price_ticks] = level.lots
        self._cadence.touch(self.book.now_ms)

    def close(self) -> None:
        self._cadence.cancel()
        super().close()

    def _flush(self, now_ms: int) -> None:
        """Without any change the number waits, too."""
        bids, asks = (sorted(self._take(side).items(), reverse=side is Side.BUY) for side in Side)
        if not bids and not asks:
            return
        first_id, self._shown_id = self._shown_id + 1, self.book.update_id
        self.publish(render_update(self.spec, now_ms, (first_id, self._shown_id), bids, asks))

    def _take(self, side: Side) -> dict[int, int]:
        changes, self._changes[side] = self._changes[side], {}
        return changes


class PictureDepthStream(DiffDepthStream):
    """The guide's `<symbol>@depth`: the whole book first, one period after the subscription, then changes.

    The picture is the book as of the last frame the others got, not as of now. So it is kept here once more.
    """

    def __init__(self, feed: Feed, symbol: str) -> None:
        super().__init__(feed, symbol, PICTURE_PERIOD_MS)
        self._shown: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self._picture: str | None = None
        self._shown_ms = 0
        self._newcomers: set[tuple[Listener, Envelope]] = set()

    def joined(self) -> None:
        super().joined()
        self._shown = {side: dict(ladder.lots) for side, ladder in self.book.sides.items()}
        self._shown_ms = self.book.now_ms

    def welcome(self, listener: Listener, envelope: Envelope) -> None:
        """Begin to send after one period: a client that goes on asking hears its answers first, as with Binance."""
        self._newcomers.add((listener, envelope))
        asyncio.get_running_loop().call_later(PICTURE_PERIOD_MS / 1000, self._let_in, listener, envelope)

    def _let_in(self, listener: Listener, envelope: Envelope) -> None:
        if (listener, envelope) in self._newcomers:
            self._newcomers.remove((listener, envelope))
            super().welcome(listener, envelope)

    def remove(self, listener: Listener, envelope: Envelope) -> None:
        self._newcomers.discard((listener, envelope))
        super().remove(listener, envelope)

    def cut_all(self, code: int) -> None:
        super().cut_all(code)
        for listener, _ in self._newcomers:
            listener.cut(code)

    def greet(self) -> str:
        """The book as shown, at most 1,000 levels of a side; U and u are both its change number."""
        if self._picture is None:
            bids = sorted(self._shown[Side.BUY].items(), reverse=True)[:PICTURE_LEVELS]
            asks = sorted(self._shown[Side.SELL].items())[:PICTURE_LEVELS]
            self._picture = render_update(self.spec, self._shown_ms, (self._shown_id, self._shown_id), bids, asks)
        return self._picture

    def _flush(self, now_ms: int) -> None:
        self._shown_ms = now_ms
        super()._flush(now_ms)

    def _take(self, side: Side) -> dict[int, int]:
        changes = super()._take(side)
        for price, lots in changes.items():
            if lots:
                self._shown[side][price] = lots
            else:
                self._shown[side].pop(price, None)
        self._picture = None
        return changes


class PartialDepthStream(BookStream):
    """`<symbol>@depth5`, `10`, `20` and with `@100ms`: the best levels, at once and whenever the book has changed."""

    def __init__(self, feed: Feed, symbol: str, levels: int, period_ms: int) -> None:
        super().__init__(feed, symbol)
        self._count = levels
        self._cadence = Cadence(period_ms, self._flush)

    def on_change(self, changes: list[LevelChange]) -> None:
        self._cadence.touch(self.book.now_ms)

    def close(self) -> None:
        self._cadence.cancel()
        super().close()

    def greet(self) -> str:
        book = self.book
        bids, asks = (levels_text(self.spec, book.sides[side].best(self._count)) for side in Side)
        return f'{{"lastUpdateId":{book.update_id},"bids":[{bids}],"asks":[{asks}]}}'

    def _flush(self, now_ms: int) -> None:
        self.publish(self.greet())


def render_update(
    spec: SymbolSpec, now_ms: int, ids: tuple[int, int], bids: Iterable[Level], asks: Iterable[Level]
) -> str:
    """The data of a `depthUpdate` event; `ids` are the first and the last change in it."""
    return (
        f'{{"e":"depthUpdate","E":{now_ms},"s":"{spec.symbol}","U":{ids[0]},"u":{ids[1]},'
        f'"b":[{levels_text(spec, bids)}],"a":[{levels_text(spec, asks)}]}}'
    )


def levels_text(spec: SymbolSpec, levels: Iterable[Level]) -> str:
    return ",".join(f'["{price_text(spec, price)}","{quantity_text(spec, lots)}"]' for price, lots in levels)
