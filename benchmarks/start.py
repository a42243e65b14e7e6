"""How long one waits: `manage.py bench --start`.

The fact a newcomer would get wrong: the seconds are by the clock on the wall and mean little on a busy machine, since
an exchange that starts is four processes. The CPU time beside them, of all these processes together, stays the same.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.engine_load import LEVELS, load_function, open_market, pack, script_words
from benchmarks.order_costs import own_server
from benchmarks.processes import ROOT, BenchFailed, cpu_seconds
from engine.venue import opened
from qte.exchange import MockExchange

READY_SECONDS: Final = 60.0
RESET_ORDERS: Final = 10_000
IMPORTS: Final = 5  # processes of a round
ALL: Final = ("import", "mock", "up", "reset")
FIRST_IS_OTHERWISE: Final = ("mock", "up")  # the first one makes what the others find: a template, a data directory


class Wait(msgspec.Struct, frozen=True):
    """Medians of several. `goal` is of `seconds`; `cpu_seconds` are those of every process concerned, Redis too."""

    id: str
    name: str
    seconds: float
    cpu_seconds: float
    goal: float
    by_round: tuple[float, ...]

    @property
    def is_met(self) -> bool:
        return self.seconds <= self.goal

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found | {"met": self.is_met}


class Found(msgspec.Struct, frozen=True):
    """One wait."""

    seconds: float
    cpu_seconds: float


def measure_waits(
    *, rounds: int, tell: Callable[[str, int, int], None], orders: int = RESET_ORDERS, only: Collection[str] = ALL
) -> list[Wait]:
    """Raises BenchFailed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        kinds: list[tuple[str, str, float, Callable[[], Found]]] = [
            ("import", "import qte, with MockExchange, less a Python that imports nothing", 0.100, _import_qte),
            ("mock", "MockExchange.start()", 1.5, start_mock),
            ("up", "manage.py up, data of an earlier run, until /healthz", 2.0, lambda: start_up(Path(folder))),
            ("reset", f"a market of {orders:,} open orders is emptied (clear_market)", 0.020, lambda: _reset(orders)),
        ]
        kinds = [kind for kind in kinds if kind[0] in only]
        for name, _, _, measure in kinds:
            if name in FIRST_IS_OTHERWISE:
                measure()
        found: dict[str, list[Found]] = {kind[0]: [] for kind in kinds}
        what = "start: " + ", ".join(found)
        for number in range(rounds):
            tell(what, number, rounds)
            for name, _, _, measure in kinds:
                found[name].append(measure())
        tell(what, rounds, rounds)
    return [_wait(name, words, goal, found[name]) for name, words, goal, _ in kinds]


def _wait(name: str, words: str, goal: float, found: list[Found]) -> Wait:
    seconds = tuple(each.seconds for each in found)
    return Wait(
        name, words, statistics.median(seconds), statistics.median(each.cpu_seconds for each in found), goal, seconds
    )


def _import_qte() -> Found:
    importing, nothing = (
        [_run([sys.executable, "-c", code]) for _ in range(IMPORTS)]
        for code in ("from qte.exchange import MockExchange", "pass")
    )
    return Found(*(max(0.0, ours - bare) for ours, bare in zip(_medians(importing), _medians(nothing), strict=True)))


def _medians(found: list[Found]) -> tuple[float, float]:
    return statistics.median(each.seconds for each in found), statistics.median(each.cpu_seconds for each in found)


def _run(command: list[str]) -> Found:
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchFailed(f"{' '.join(command)} ended with code {process.returncode}")
    return Found(time.perf_counter() - started, used.ru_utime + used.ru_stime)


def start_mock() -> Found:
    """An exchange of a program, on free ports."""
    exchange = MockExchange(rest_port=0, ws_port=0)
    started = time.perf_counter()
    exchange.start()
    try:
        seconds = time.perf_counter() - started
        return Found(seconds, cpu_of_family(_child_of_this("--bare")))
    finally:
        exchange.stop()


def start_up(folder: Path) -> Found:
    """`up` on a data directory, until it says that it can trade; then it is ended."""
    environment = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
    environment |= {"EXCHANGE_NO_BOOTSTRAP": "1", "EXCHANGE_PORT": "0", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--data-dir", str(folder / "data")]
    started = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
        )
    try:
        while b"http://" not in (folder / "log").read_bytes():  # its banner comes once /healthz answers
            if process.poll() is not None or time.perf_counter() - started > READY_SECONDS:
                raise BenchFailed(f"`up` did not start: {(folder / 'log').read_text()[-500:]}")
            time.sleep(0.005)
        return Found(time.perf_counter() - started, cpu_of_family(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def cpu_of_family(pid: int) -> float:
    """CPU seconds of a process and its children."""
    total = cpu_seconds(pid)
    for child in _children_of(pid):
        with suppress(OSError):
            total += cpu_seconds(child)
    return total


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found


def _child_of_this(word: str) -> int:
    """The process of ours that has this word in its command line."""
    for child in _children_of(os.getpid()):
        if word.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return child
    raise BenchFailed(f"no child of this process has {word} in its command line")


def _reset(orders: int) -> Found:
    with own_server() as server:
        asyncio.run(open_market(server.url, "reset"))
        words = script_words(load_function(server.client, "place_order"), "reset")
        server.pipe.run(pack(words, orders - LEVELS))
        found: list[float] = []
        cpu_us = server.cpu_us(lambda: found.append(asyncio.run(_clear(server.url, "reset"))))
        return Found(found[0], cpu_us / 1e6)


async def _clear(redis_url: str, name: str) -> float:
    async with opened(redis_url, name) as venue:
        await venue.registry.specs()
        started = time.perf_counter()
        await venue.clock.clear_market()
        return time.perf_counter() - started
