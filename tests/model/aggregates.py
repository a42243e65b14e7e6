"""What GET aggTrades counts as one: fills of one event with one taker at one price, next to each other."""

from itertools import groupby

from engine.events import AnyEvent, MarketEvent


class Aggregates:
    """Counts a venue's aggregates by symbol, and demands that the engine gave every fill the number of its own."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def check(self, event: AnyEvent) -> None:
        if not isinstance(event, MarketEvent):
            return
        for _, fills in groupby(event.fills, key=lambda fill: (fill.taker_order_id, fill.price_ticks)):
            number = self._last[event.symbol] = self._last.get(event.symbol, 0) + 1
            assert {fill.told_aggregate_id for fill in fills} == {number}, f"{event.symbol}, event {event.seq}"
