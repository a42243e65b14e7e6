"""A curve as a PNG: both axes logarithmic, a colour a line, without a library of charts.

The fact a newcomer would get wrong: on such paper a cost that grows like a power of the size is a straight line, and
one that does not grow lies flat, whatever its height.
"""

import math
import struct
import zlib
from itertools import pairwise
from typing import Final

from benchmarks.growth.curves import Curve, Line
from benchmarks.growth.letters import HEIGHT, WIDTH, points_of

Colour = tuple[int, int, int]

PAPER: Final = (760, 460)
LEFT, RIGHT, TOP, BOTTOM = 110, 60, 70, 80
INK: Final = (40, 40, 40)
GRID: Final = (225, 225, 225)
COLOURS: Final = ((31, 97, 181), (200, 80, 30), (40, 140, 70))
SCALE: Final = 2  # pixels of a letter's point
LINE_WIDTH: Final = 3
DOT: Final = 4


def as_png(curve: Curve) -> bytes:
    """The picture of a curve."""
    sheet = Sheet(*PAPER)
    plot = Plot(sheet, curve)
    sheet.write(curve.title, PAPER[0] // 2, 16, INK)
    sheet.write(curve.cost, LEFT + sheet.width_of(curve.cost) // 2 - 70, 44, INK)
    sheet.write(curve.size, PAPER[0] // 2, PAPER[1] - 16, INK)
    plot.draw_grid()
    for number, line in enumerate(curve.lines):
        plot.draw(line, COLOURS[number])
        if len(curve.lines) > 1:
            sheet.write(line.name, LEFT + 20 + sheet.width_of(line.name) // 2, TOP + 16 + 22 * number, COLOURS[number])
    return sheet.png()


class Sheet:
    """Coloured points on white paper."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._rows = [bytearray(b"\xff" * (3 * width)) for _ in range(height)]

    def dot(self, x: int, y: int, colour: Colour, size: int = 1) -> None:
        """A square with (x, y) in its middle; what is beside the paper is left out."""
        for row in range(max(0, y - size // 2), min(self._height, y - size // 2 + size)):
            for column in range(max(0, x - size // 2), min(self._width, x - size // 2 + size)):
                self._rows[row][3 * column : 3 * column + 3] = bytes(colour)

    def stroke(self, start: tuple[int, int], end: tuple[int, int], colour: Colour, width: int = 1) -> None:
        """A straight line."""
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            x, y = (round(a + (b - a) * step / steps) for a, b in zip(start, end, strict=True))
            self.dot(x, y, colour, width)

    def write(self, text: str, x: int, y: int, colour: Colour) -> None:
        """Words with their middle at (x, y)."""
        left, top = x - self.width_of(text) // 2, y - HEIGHT * SCALE // 2
        for number, letter in enumerate(text):
            for column, row in points_of(letter):
                at = left + (number * (WIDTH + 1) + column) * SCALE
                self.dot(at, top + row * SCALE, colour, SCALE)

    @staticmethod
    def width_of(text: str) -> int:
        return len(text) * (WIDTH + 1) * SCALE

    def png(self) -> bytes:
        """The sheet as a file."""
        header = struct.pack(">IIBBBBB", self._width, self._height, 8, 2, 0, 0, 0)
        data = zlib.compress(b"".join(b"\0" + row for row in self._rows), 9)
        pieces = (_piece(b"IHDR", header), _piece(b"IDAT", data), _piece(b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def _piece(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Plot:
    """Where sizes and costs lie on a sheet."""

    def __init__(self, sheet: Sheet, curve: Curve) -> None:
        self._sheet = sheet
        points = [point for line in curve.lines for point in line.points]
        self._sizes = _span([size for size, _ in points])
        self._costs = _span([cost for _, cost in points])

    def draw_grid(self) -> None:
        """A line and a number at every power of ten, and at twice and five times it where there are few."""
        low, high = (self._at(self._sizes[0], self._costs[0]), self._at(self._sizes[1], self._costs[1]))
        for size in _marks(self._sizes):
            x, _ = self._at(size, self._costs[0])
            self._sheet.stroke((x, low[1]), (x, high[1]), GRID)
            self._sheet.write(f"{size:,.0f}", x, low[1] + 18, INK)
        for cost in _marks(self._costs):
            _, y = self._at(self._sizes[0], cost)
            self._sheet.stroke((low[0], y), (high[0], y), GRID)
            text = f"{cost:,.0f}" if cost >= 1 else f"{cost:g}"
            self._sheet.write(text, low[0] - 8 - self._sheet.width_of(text) // 2, y, INK)

    def draw(self, line: Line, colour: Colour) -> None:
        """Its points and what joins them."""
        places = [self._at(size, cost) for size, cost in line.points]
        for start, end in pairwise(places):
            self._sheet.stroke(start, end, colour, LINE_WIDTH)
        for place in places:
            self._sheet.dot(*place, colour, 2 * DOT + 1)

    def _at(self, size: float, cost: float) -> tuple[int, int]:
        x = LEFT + _share(size, self._sizes) * (PAPER[0] - LEFT - RIGHT)
        y = PAPER[1] - BOTTOM - _share(cost, self._costs) * (PAPER[1] - TOP - BOTTOM)
        return round(x), round(y)


def _span(values: list[float]) -> tuple[float, float]:
    """From the last mark below the values to the first one above: costs that do not differ shall look so."""
    low, high = min(values), max(values)
    below, above = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
    return below, above if above > below else below * 10


def _marks(span: tuple[float, float]) -> list[float]:
    low, high = (round(math.log10(end)) for end in span)
    steps = (1, 2, 5) if high - low <= 2 else (1,)
    marks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    return [mark for mark in marks if mark <= span[1] * 1.001]


def _share(value: float, span: tuple[float, float]) -> float:
    return math.log(value / span[0]) / math.log(span[1] / span[0])
