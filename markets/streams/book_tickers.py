"""`<symbol>@bookTicker` and `!bookTicker`: the best prices, with every change of them, at once.

The fact a newcomer would get wrong: while a side is empty nothing is sent. A best price of zero is no price, and
clients compute with it.
"""

from engine.records import LevelChange
from engine.types import Side
from markets.rendering import price_text, quantity_text
from markets.streams.books import BookStream, Level


class BookTickerStream(BookStream):
    """The best level of either side as last shown."""

    _shown: tuple[list[Level], ...] = ()

    def joined(self) -> None:
        self._shown = self._best()

    def on_change(self, changes: list[LevelChange]) -> None:
        best = self._best()
        if best != self._shown:
            self._shown = best
            if all(best):
                self.publish(self._render(*best))

    def _best(self) -> tuple[list[Level], ...]:
        return tuple(self.book.sides[side].best(1) for side in (Side.BUY, Side.SELL))

    def _render(self, bids: list[Level], asks: list[Level]) -> str:
        spec, ((bid, bid_lots),), ((ask, ask_lots),) = self.spec, bids, asks
        return (
            f'{{"u":{self.book.update_id},"s":"{spec.symbol}",'
            f'"b":"{price_text(spec, bid)}","B":"{quantity_text(spec, bid_lots)}",'
            f'"a":"{price_text(spec, ask)}","A":"{quantity_text(spec, ask_lots)}"}}'
        )
