"""Which trade triggered a waiting order, worked out from the fills of its symbol: no event says so.

The fact a newcomer would get wrong: a step's prices are a path, and an order that trails is shown only its turning
points (engine/lua/lib/triggers.lua). What is done there while the step is written is done here afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.records import Fill, OrderRecord
from engine.types import Side

BIPS = 10_000


@dataclass(frozen=True)
class Step:
    """The fills of one event of the symbol."""

    seq: int
    now_ms: int
    fills: Sequence[Fill]


@dataclass(frozen=True)
class Reached:
    """A fill at whose price something happened to a waiting order, and the price that it had to reach."""

    seq: int
    now_ms: int
    fill: Fill
    wanted_ticks: int


@dataclass(frozen=True)
class Followed:
    """`began`: where an order with a stop price began to trail; `best_ticks`: the best price it has followed."""

    began: Reached | None = None
    triggered: Reached | None = None
    best_ticks: int | None = None


def follow(order: OrderRecord, steps: Sequence[Step], last_ticks: int | None) -> Followed:
    """What the steps since `order` began to wait did to it. `last_ticks`: the last price when it began, if any."""
    terms = order.terms
    if terms is None:
        return Followed()
    if terms.trailing_bips:
        return _Trailing(order, last_ticks).follow(steps)
    waits_above = order.type.waits_above(order.side)
    for step in steps:
        for fill in step.fills:
            if _reaches(fill.price_ticks, terms.stop_ticks, waits_above):
                return Followed(triggered=Reached(step.seq, step.now_ms, fill, terms.stop_ticks))
    return Followed()


def _reaches(price_ticks: int, stop_ticks: int, waits_above: bool) -> bool:
    return price_ticks >= stop_ticks if waits_above else price_ticks <= stop_ticks


def _path(fills: Sequence[Fill], last_ticks: int | None) -> list[Fill]:
    """Those fills that changed the price."""
    path = []
    for fill in fills:
        if fill.price_ticks != last_ticks:
            path.append(fill)
            last_ticks = fill.price_ticks
    return path


def _turning_points(path: Sequence[Fill]) -> list[int]:
    """Places of the first price, the turning points and the last."""
    last = len(path) - 1
    prices = [fill.price_ticks for fill in path]
    return [
        at
        for at in range(len(path))
        if at in (0, last) or (prices[at] > prices[at - 1]) != (prices[at + 1] > prices[at])
    ]


class _Trailing:
    """An order that follows the best price, the highest of a sell, the lowest of a buy, since it began."""

    def __init__(self, order: OrderRecord, last_ticks: int | None) -> None:
        terms = order.terms
        assert terms is not None
        self._stop_ticks = terms.stop_ticks
        self._bips = terms.trailing_bips
        self._waits_above = order.type.waits_above(order.side)
        self._is_sell = order.side is Side.SELL
        self._last_ticks = last_ticks
        self._best = last_ticks if not terms.stop_ticks else None
        self._began: Reached | None = None

    def follow(self, steps: Sequence[Step]) -> Followed:
        for step in steps:
            if (triggered := self._look(step)) is not None:
                return Followed(self._began, triggered, self._best)
        return Followed(self._began, None, self._best)

    def _look(self, step: Step) -> Reached | None:
        path = _path(step.fills, self._last_ticks)
        start = 0
        for at in _turning_points(path):
            wanted = self._show(step, path[start : at + 1])
            start = at + 1
            if wanted is not None:
                return Reached(step.seq, step.now_ms, path[at], wanted)
        if path:
            self._last_ticks = path[-1].price_ticks
        return None

    def _show(self, step: Step, way: Sequence[Fill]) -> int | None:
        """Shows it the straight way to the last of these prices: the trigger price if that is reached."""
        price = way[-1].price_ticks
        if self._best is None:
            self._best = self._begin(step, way)
            if self._best in (None, price):
                return None
        assert self._best is not None
        if price > self._best if self._is_sell else price < self._best:
            self._best = price
            return None
        if self._is_sell:
            wanted = self._best * (BIPS - self._bips) // BIPS
            return wanted if price <= wanted else None
        wanted = -(-self._best * (BIPS + self._bips) // BIPS)
        return wanted if price >= wanted else None

    def _begin(self, step: Step, way: Sequence[Fill]) -> int | None:
        """The first of these prices from which it may follow."""
        for fill in way:
            if not self._stop_ticks or _reaches(fill.price_ticks, self._stop_ticks, self._waits_above):
                self._began = Reached(step.seq, step.now_ms, fill, self._stop_ticks or fill.price_ticks)
                return fill.price_ticks
        return None
