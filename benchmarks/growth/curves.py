"""What a measurement of growth comes to: lines of points, each a cost at a size.

The fact a newcomer would get wrong: the figure to look at is no cost but the steepness, the power of the size by which
a line grows towards its end. 0 is a cost that does not grow, 1 one that doubles with the size; a logarithm stays near
0.1. It is taken over the last factor of ten, or a little more: what is there anyway flattens the beginning of a line.
What a line may have at most stands with it, with the reason.
"""

import math
from statistics import median
from typing import Any

import msgspec


class Line(msgspec.Struct, frozen=True):
    """One cost at several sizes, (size, cost) in rising order; `most` is the steepness that it must not pass."""

    name: str
    points: tuple[tuple[float, float], ...]
    most: float
    reason: str

    @property
    def steepness(self) -> float:
        """Of the straight line, on logarithmic paper, to the last point from the nearest one at a tenth of its size."""
        *_, (last_size, last) = self.points
        first_size, first = next(
            (point for point in reversed(self.points) if point[0] * 10 <= last_size), self.points[0]
        )
        return math.log(max(last, TINY) / max(first, TINY)) / math.log(last_size / first_size)

    @property
    def is_met(self) -> bool:
        return self.steepness <= self.most


class Curve(msgspec.Struct, frozen=True):
    """Lines that belong in one picture. `id` names its file."""

    id: str
    title: str
    size: str
    cost: str
    lines: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        """One member of the list `growth`."""
        lines = [
            {"name": line.name, "points": [list(point) for point in line.points], "steepness": line.steepness,
             "most": line.most, "met": line.is_met, "reason": line.reason}
            for line in self.lines
        ]  # fmt: skip
        return {"id": self.id, "title": self.title, "size": self.size, "cost": self.cost, "lines": lines}


TINY = 1e-3  # a cost below what clocks see counts as this


class Samples:
    """Costs by name and size, several of each; the median is the point."""

    def __init__(self) -> None:
        self._found: dict[str, dict[float, list[float]]] = {}

    def add(self, name: str, size: float, cost: float) -> None:
        self._found.setdefault(name, {}).setdefault(size, []).append(cost)

    def line(self, name: str, *, most: float, reason: str) -> Line:
        points = tuple(sorted((size, median(costs)) for size, costs in self._found[name].items()))
        return Line(name, points, most, reason)
