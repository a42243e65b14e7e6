"""What the bench says at its end: where it ran, a table for people, JSON for programs."""

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.processes import cores
from benchmarks.ratios import Direction, Outcome

PACKAGES: Final = ("uvicorn", "uvloop", "httptools", "websockets", "hiredis", "redis", "channels", "channels-redis")
BUSY_SHARE: Final = 0.5  # of the cores, by the load average before the run


def environment(*, quick: bool) -> dict[str, Any]:
    """Versions, cores and load, taken before anything is measured."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": cores(),
        "load_average_before": load_average(),
        "quick": quick,
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def load_average() -> list[float]:
    """Of the last 1, 5 and 15 minutes; empty where the system has none."""
    return [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else []


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def as_json(outcomes: Iterable[Outcome], environment: dict[str, Any]) -> dict[str, Any]:
    """{"ratios": [...], "environment": {...}}."""
    return {"ratios": [outcome.as_json() for outcome in outcomes], "environment": environment}


def as_table(outcomes: Sequence[Outcome], environment: dict[str, Any]) -> RenderableType:
    """The ratios, below them the absolutes they were made of, and the environment."""
    table = Table("", "ratio", "measured", "goal", "stretch", "met")
    for column in table.columns[2:]:
        column.no_wrap = True
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    absolutes = [Text(f"{outcome.goal.id}: {absolutes_text(outcome)}") for outcome in outcomes if outcome.absolutes]
    problems = [Text(f"{outcome.goal.id}: {outcome.problem}") for outcome in outcomes if outcome.problem]
    return Group(table, *problems, *absolutes, *where(environment))


def _row(outcome: Outcome) -> list[str]:
    goal = outcome.goal
    sign = "≥" if goal.direction is Direction.AT_LEAST else "≤"
    measured = "-" if outcome.value is None else goal.unit.text(outcome.value)
    met = "?" if outcome.value is None else "yes" if outcome.is_met else "no"
    return [goal.id, goal.name, measured, f"{sign} {goal.unit.text(goal.goal)}", goal.unit.text(goal.stretch), met]


def absolutes_text(outcome: Outcome) -> str:
    """What a ratio was made of, in words."""
    return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in outcome.absolutes.items())


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def is_busy(environment: dict[str, Any]) -> bool:
    """Whether the machine had something else to do before anything was measured."""
    loads = environment["load_average_before"]
    return bool(loads) and loads[0] > BUSY_SHARE * environment["cores"]


def where(environment: dict[str, Any]) -> list[Text]:
    """Machine, versions and load."""
    loads = environment["load_average_before"]
    versions = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
    lines = [
        f"{environment['cores']} cores, Python {environment['python']}, {environment['system']}",
        f"{versions}",
        f"load average before {loads}, after {environment.get('load_average_after', [])}",
    ]
    if is_busy(environment):
        lines.append("This machine was busy with something else: take the figures with caution, or run again later.")
    return [Text(line) for line in lines]
