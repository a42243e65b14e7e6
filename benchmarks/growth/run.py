"""All measurements of growth, one after the other, and what they come to on a screen.

The fact a newcomer would get wrong: nothing here is a rate. CPU times of the process concerned hardly notice what else
the machine does, so these may be taken on a machine that is busy, though a quiet one gives smoother lines.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.growth.curves import Curve, Line
from benchmarks.growth.engine import measure_book_sizes, measure_fills, measure_symbols, measure_users
from benchmarks.growth.idle import measure_idle
from benchmarks.growth.sockets import measure_memory, measure_subscribers
from benchmarks.processes import StartWorker

MEMORY_STEPS: Final = 3


class GrowthSize(msgspec.Struct, frozen=True):
    """How far each goes."""

    rounds: int
    books: tuple[int, ...]
    fills: tuple[int, ...]
    users: tuple[int, ...]
    symbols: tuple[int, ...]
    subscribers: tuple[int, ...]
    idle_symbols: tuple[int, ...]
    idle_seconds: float


FULL: Final = GrowthSize(
    rounds=5, books=(1_000, 10_000, 100_000, 1_000_000), fills=(1, 2, 5, 10, 20, 50, 100, 200, 500),
    users=(100, 1_000, 10_000, 100_000), symbols=(1, 10, 100, 500), subscribers=(1, 10, 100, 500, 1_000, 2_000),
    idle_symbols=(1, 100, 500), idle_seconds=10.0,
)  # fmt: skip
QUICK: Final = GrowthSize(
    rounds=3, books=(1_000, 10_000, 100_000), fills=(1, 10, 100, 500), users=(100, 1_000, 10_000),
    symbols=(1, 10, 100, 500), subscribers=(1, 10, 100, 1_000), idle_symbols=(1, 500), idle_seconds=4.0,
)  # fmt: skip


class Growth(msgspec.Struct, frozen=True):
    """What a run has found; `memory` in bytes by name."""

    curves: list[Curve]
    memory: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return {"curves": [curve.as_json() for curve in self.curves], "memory": self.memory}

    def as_table(self) -> RenderableType:
        """A row a line of a curve, and the memory below."""
        table = Table("", "cost", "by", "measured", "steepness", "at most", "met")
        for curve in self.curves:
            for line in curve.lines:
                table.add_row(
                    curve.id, f"{line.name}: {curve.cost}", curve.size, points_text(line), f"{line.steepness:.2f}",
                    f"{line.most:.2f}", "yes" if line.is_met else "no",
                )  # fmt: skip
        words = [f"{name.replace('_', ' ')} {value:,.0f}" for name, value in self.memory.items()]
        return Group(table, Text("memory: " + ", ".join(words)))


def points_text(line: Line) -> str:
    """1,000: 25.1, 10,000: 26.0"""
    return ", ".join(f"{size:,.0f}: {cost:,.1f}" for size, cost in line.points)


def measure_growth(size: GrowthSize, start_worker: StartWorker, tell: Callable[[str, int, int], None]) -> Growth:
    """Raises BenchFailed."""

    def steps(what: str, count: int) -> Callable[[], None]:
        done = 0
        tell(what, done, count)

        def on_step() -> None:
            nonlocal done
            done += 1
            tell(what, done, count)

        return on_step

    def rounds(what: str, sizes: tuple[int, ...]) -> dict[str, Any]:
        return {"sizes": sizes, "rounds": size.rounds, "on_step": steps(what, len(sizes) * size.rounds)}

    curves = [
        measure_book_sizes(**rounds("growth: size of the book", size.books)),
        measure_fills(**rounds("growth: fills of an order", size.fills)),
        measure_users(**rounds("growth: users", size.users)),
        measure_symbols(**rounds("growth: symbols", size.symbols)),
        measure_subscribers(start_worker, **rounds("growth: subscribers", size.subscribers)),
        measure_idle(
            start_worker, size.idle_symbols, seconds=size.idle_seconds,
            on_step=steps("growth: symbols that nobody trades", len(size.idle_symbols)),
        ),
    ]  # fmt: skip
    return Growth(curves, measure_memory(start_worker, on_step=steps("growth: memory", MEMORY_STEPS)))
