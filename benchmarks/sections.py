"""The parts of a bench: ratios with goals, waits, growth, peers. Each is measured, printed, kept as JSON and written.

The fact a newcomer would get wrong: a section knows nothing of the others and takes its own note of versions and load
before it begins, since a run of all of them lasts a quarter of an hour and the machine may get busy in between.
"""

from collections.abc import Callable, Collection
from typing import Any, Final, Protocol

from rich.console import Group, RenderableType
from rich.table import Table

from benchmarks import document, report
from benchmarks.growth.chart import as_png
from benchmarks.growth.run import FULL as FULL_GROWTH
from benchmarks.growth.run import QUICK as QUICK_GROWTH
from benchmarks.growth.run import Growth, measure_growth
from benchmarks.measure import FULL, QUICK, Run, Tell
from benchmarks.peers import Peer, measure_peers
from benchmarks.processes import StartWorker
from benchmarks.ratios import GOALS, Outcome
from benchmarks.start import Wait, measure_waits

ROUNDS: Final = 5
QUICK_ROUNDS: Final = 3
PEER_TURNS: Final = 40
QUICK_PEER_TURNS: Final = 15


class Section(Protocol):
    """What has been measured, with the environment it was measured in."""

    environment: dict[str, Any]

    def as_json(self) -> dict[str, Any]: ...
    def as_table(self) -> RenderableType: ...
    def markdown(self) -> str: ...
    def pictures(self) -> dict[str, bytes]: ...


class _Section:
    def __init__(self, *, quick: bool) -> None:
        self.environment = report.environment(quick=quick)

    def pictures(self) -> dict[str, bytes]:
        """PNGs by the name of their file."""
        return {}


class Ratios(_Section):
    """P1 to P13, or those that were asked for."""

    def __init__(self, start_worker: StartWorker, tell: Tell, *, quick: bool, only: Collection[str] = ()) -> None:
        super().__init__(quick=quick)
        wanted = only or [goal.id for goal in GOALS]
        self.outcomes: list[Outcome] = Run(QUICK if quick else FULL, start_worker, tell).outcomes(wanted)
        self.environment["load_average_after"] = report.load_average()

    def as_json(self) -> dict[str, Any]:
        return report.as_json(self.outcomes, self.environment)

    def as_table(self) -> RenderableType:
        return report.as_table(self.outcomes, self.environment)

    def markdown(self) -> str:
        return document.ratios(self.outcomes, self.environment)


class Waits(_Section):
    """How long starting and resetting take."""

    def __init__(self, start_worker: StartWorker, tell: Tell, *, quick: bool) -> None:
        super().__init__(quick=quick)
        self.waits: list[Wait] = measure_waits(rounds=QUICK_ROUNDS if quick else ROUNDS, tell=tell)
        self.environment["load_average_after"] = report.load_average()

    def as_json(self) -> dict[str, Any]:
        return {"start": {"waits": [wait.as_json() for wait in self.waits], "environment": self.environment}}

    def as_table(self) -> RenderableType:
        table = Table("wait", "seconds", "goal", "CPU seconds", "met")
        for wait in self.waits:
            table.add_row(
                wait.name, f"{wait.seconds:.3f}", f"≤ {wait.goal:g}", f"{wait.cpu_seconds:.3f}",
                "yes" if wait.is_met else "no",
            )  # fmt: skip
        return Group(table, *report.where(self.environment))

    def markdown(self) -> str:
        return document.waits(self.waits, self.environment)


class GrowthCurves(_Section):
    """How costs grow, as tables and pictures."""

    def __init__(self, start_worker: StartWorker, tell: Tell, *, quick: bool) -> None:
        super().__init__(quick=quick)
        self.growth: Growth = measure_growth(QUICK_GROWTH if quick else FULL_GROWTH, start_worker, tell)
        self.environment["load_average_after"] = report.load_average()

    def as_json(self) -> dict[str, Any]:
        return {"growth": self.growth.as_json() | {"environment": self.environment}}

    def as_table(self) -> RenderableType:
        return Group(self.growth.as_table(), *report.where(self.environment))

    def markdown(self) -> str:
        return document.growth(self.growth, self.environment)

    def pictures(self) -> dict[str, bytes]:
        return {document.picture_name(curve): as_png(curve) for curve in self.growth.curves}


class Peers(_Section):
    """The same orders elsewhere."""

    def __init__(self, start_worker: StartWorker, tell: Tell, *, quick: bool) -> None:
        super().__init__(quick=quick)
        turns, done = QUICK_PEER_TURNS if quick else PEER_TURNS, 0

        def on_turn() -> None:
            nonlocal done
            done += 1
            tell("peers: the same orders at each, by turns", done, turns)

        tell("peers: the same orders at each, by turns", 0, turns)
        self.peers: list[Peer] = measure_peers(start_worker, turns=turns, on_turn=on_turn)
        self.environment["load_average_after"] = report.load_average()

    def as_json(self) -> dict[str, Any]:
        return {"peers": {"peers": [peer.as_json() for peer in self.peers], "environment": self.environment}}

    def as_table(self) -> RenderableType:
        table = Table("peer", *document.PEER_COLUMNS)
        for peer in self.peers:
            table.add_row(*document.peer_cells(peer))
        return Group(table, *report.where(self.environment))

    def markdown(self) -> str:
        return document.peers(self.peers, self.environment)


# By the name that the option and the document's mark have.
SECTIONS: Final[dict[str, Callable[..., Section]]] = {
    "ratios": Ratios, "start": Waits, "growth": GrowthCurves, "peers": Peers,
}  # fmt: skip
