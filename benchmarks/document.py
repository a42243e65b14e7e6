"""Rewrites the tables of docs/PERFORMANCE.md from what was measured; the sentences around them stay.

A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. The fact a newcomer would get wrong: a table says
itself when it was taken on a busy machine or in a quick run, so that nobody has to remember it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.growth.curves import Curve
from benchmarks.growth.run import Growth, points_text
from benchmarks.peers import Peer
from benchmarks.processes import BenchFailed
from benchmarks.ratios import Direction, Outcome
from benchmarks.report import absolutes_text, is_busy
from benchmarks.start import Wait

FOLDER: Final = "performance"  # of the pictures, beside the document
PEER_COLUMNS: Final = (
    "versions", "orders/s", "CPU µs per order", "p50 ms", "p99 ms", "rate, of ours", "CPU, times ours",
)  # fmt: skip


def rewrite(text: str, tables: Mapping[str, str]) -> str:
    """The document with these tables in place of those it has. Raises BenchFailed where a place is missing."""
    for name, table in tables.items():
        place = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.S)
        if len(place.findall(text)) != 1:
            raise BenchFailed(
                f"the document has no single place for {name}: <!-- begin {name} --> ... <!-- end {name} -->"
            )
        text = place.sub(lambda found, table=table: f"{found[1]}\n{table.strip()}\n\n{found[2]}", text)  # type: ignore[misc]
    return text


def _put(table: str, found: re.Match[str]) -> str:
    return f"{found[1]}\n{table.strip()}\n\n{found[2]}"


def ratios(outcomes: Sequence[Outcome], environment: dict[str, Any]) -> str:
    """P1 to P13, and the absolutes below."""
    rows = []
    for outcome in outcomes:
        goal = outcome.goal
        sign = "≥" if goal.direction is Direction.AT_LEAST else "≤"
        measured = "-" if outcome.value is None else goal.unit.text(outcome.value)
        met = "?" if outcome.value is None else "yes" if outcome.is_met else "**no**"
        bar = f"{sign} {goal.unit.text(goal.goal)}"
        rows.append([goal.id, goal.name, measured, bar, goal.unit.text(goal.stretch), met])
    lines = [_table(["", "ratio", "measured", "goal", "stretch", "met"], rows), ""]
    for outcome in outcomes:
        words = outcome.problem or absolutes_text(outcome)
        lines.append(f"* {outcome.goal.id}: {words}")
    return "\n".join([*lines, "", _where(environment)])


def waits(found: Sequence[Wait], environment: dict[str, Any]) -> str:
    rows = [
        [wait.name, f"{wait.seconds:.3f}", f"≤ {wait.goal:g}", f"{wait.cpu_seconds:.3f}",
         "yes" if wait.is_met else "**no**"]
        for wait in found
    ]  # fmt: skip
    return "\n".join([_table(["wait", "seconds", "goal", "CPU seconds", "met"], rows), "", _where(environment)])


def growth(found: Growth, environment: dict[str, Any]) -> str:
    """A picture and a table for each curve, and what sockets take."""
    pieces = []
    for curve in found.curves:
        rows = [
            [line.name, points_text(line), f"{line.steepness:.2f}", f"≤ {line.most:.2f}", line.reason,
             "yes" if line.is_met else "**no**"]
            for line in curve.lines
        ]  # fmt: skip
        columns = ["", f"{curve.size}: {curve.cost}", "steepness", "at most", "why", "met"]
        picture = f"![{curve.title}]({FOLDER}/{picture_name(curve)})"
        pieces.append(f"### {curve.title}\n\n{picture}\n\n{_table(columns, rows)}")
    memory = [[name.replace("_", " "), f"{value:,.0f}"] for name, value in found.memory.items()]
    pieces.append(f"### Memory of a worker\n\n{_table(['', 'bytes'], memory)}")
    return "\n\n".join([*pieces, _where(environment)])


def picture_name(curve: Curve) -> str:
    return f"{curve.id}.png"


def peers(found: Sequence[Peer], environment: dict[str, Any]) -> str:
    columns = ["", *PEER_COLUMNS]
    return "\n".join([_table(columns, [peer_cells(peer) for peer in found]), "", _where(environment)])


def peer_cells(peer: Peer) -> list[str]:
    """A row of its table; the problem stands where the versions would."""
    if peer.problem:
        return [peer.name, peer.problem, *["-"] * 6]
    return [
        peer.name, peer.versions, f"{peer.orders_per_second:,.0f}", f"{peer.cpu_us_per_order:,.0f}",
        f"{peer.p50_us / 1e3:.1f}", f"{peer.p99_us / 1e3:.1f}", f"{peer.against * 100:.0f} %",
        f"{peer.cpu_against:.1f}x",
    ]  # fmt: skip


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _where(environment: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
    words = (
        f"{environment['cores']} cores, Python {environment['python']}, {environment['system']}; {versions}; "
        f"load average before {environment['load_average_before']}, after {environment.get('load_average_after', [])}."
    )
    if environment["quick"]:
        words += " Quick run: fewer rounds, smaller sizes."
    if is_busy(environment):
        words += " **Taken on a machine that was busy with something else.**"
    return words
