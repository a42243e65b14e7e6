"""What symbols cost that nobody trades: CPU time a second of a worker, of the clockwork, of Redis.

A socket hears the ticker and the depth of every one of them.

The fact a newcomer would get wrong: neither may cost nothing at all. They tell each other once a second that they live,
and wait for events; what counts is that five hundred symbols cost no more than one.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.audience import TEXT, Audience, masked_frame
from benchmarks.growth.curves import Curve, Samples
from benchmarks.growth.engine import OnStep, symbols
from benchmarks.processes import ROOT, StartWorker, cpu_seconds
from engine.embedded import EmbeddedServer
from engine.venue import opened

VENUE: Final = "main"
SETTLE_SECONDS: Final = 3.0
END_SECONDS: Final = 5.0
STREAMS_AT_ONCE: Final = 100


def measure_idle(
    start_worker: StartWorker,
    sizes: Sequence[int],
    *,
    seconds: float,
    on_step: OnStep,
    settle_seconds: float = SETTLE_SECONDS,
) -> Curve:
    """Milliseconds of CPU time a second against the number of symbols, `seconds` long each."""
    found = Samples()
    for size in sizes:
        with _exchange(start_worker, size) as pids:
            time.sleep(settle_seconds)
            before, started = {name: cpu_seconds(pid) for name, pid in pids.items()}, time.perf_counter()
            time.sleep(seconds)
            passed = time.perf_counter() - started
            for name, pid in pids.items():
                found.add(name, size, (cpu_seconds(pid) - before[name]) / passed * 1e3)
        on_step()
    lines = [found.line(name, most=0.2, reason="nobody looks at a symbol of which no event tells") for name in pids]
    return Curve("idle", "Symbols that nobody trades", "symbols", "CPU of a process, ms per second", tuple(lines))


@contextmanager
def _exchange(start_worker: StartWorker, size: int) -> Iterator[dict[str, int]]:
    """The processes by name."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(EmbeddedServer(folder / "redis", durability="standard"))
        stack.callback(server.stop, save=False)
        names = asyncio.run(_define(server.url, size))
        worker = stack.enter_context(start_worker(server.url, folder / "data"))
        clockwork = stack.enter_context(_clockwork(server.url, folder / "data"))
        audience = stack.enter_context(Audience(worker.port, 1))
        audience.connect()
        streams = [f"{name}@{kind}" for name in names for kind in ("ticker", "depth")]
        for first in range(0, len(streams), STREAMS_AT_ONCE):
            wish = {"method": "subscribe", "params": {"streams": streams[first : first + STREAMS_AT_ONCE]}}
            audience.ask(masked_frame(TEXT, json.dumps(wish).encode()))
        yield {"worker": worker.pid, "clockwork": clockwork, "Redis": server.pid}


async def _define(redis_url: str, count: int) -> list[str]:
    async with opened(redis_url, VENUE) as venue:
        specs = symbols(count)
        for spec in specs:
            await venue.registry.define_symbol(spec)
    return [spec.symbol for spec in specs]


@contextmanager
def _clockwork(redis_url: str, data_dir: Path) -> Iterator[int]:
    """The process that `up` starts for candles and time; its number."""
    environment = {
        **os.environ, "REDIS_URL": redis_url, "EXCHANGE_DATA_DIR": str(data_dir), "EXCHANGE_VENUE": VENUE,
        "EXCHANGE_NO_BOOTSTRAP": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "run_clockwork"],
        env=environment, stdin=subprocess.DEVNULL, process_group=0,
    )  # fmt: skip
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
