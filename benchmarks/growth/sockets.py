"""One event against the number of its subscribers, and the memory that sockets and subscriptions take of a worker.

The fact a newcomer would get wrong: a frame is sent only when everybody has the one before, so the cost of an event
is not thinned by frames that share a write; that, and more sockets than caches hold, is why a delivery is not for free.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.audience import TEXT, Audience, masked_frame
from benchmarks.engine_load import SYMBOL
from benchmarks.fan_out import SPARE_FILES, bare_loop, market_of_trades
from benchmarks.growth.curves import Curve, Samples
from benchmarks.growth.engine import OnStep, symbols
from benchmarks.processes import BenchFailed, StartWorker, Worker, allow_open_files, cpu_seconds
from engine.embedded import EmbeddedServer
from engine.venue import opened

DELIVERIES: Final = 20_000  # a point and round, about
MOST_EVENTS: Final = 400
VENUE: Final = "main"
MEMORY_SOCKETS: Final = 1_000
STREAMS_EACH: Final = 50  # subscriptions that each of a hundred sockets has
STREAM_SOCKETS: Final = 100


def measure_subscribers(start_worker: StartWorker, sizes: Sequence[int], *, rounds: int, on_step: OnStep) -> Curve:
    """CPU time of the worker for one trade, from Redis to the kernel, against the sockets that hear it.

    By turns with a loop of socket.send and the same frame.
    """
    allow_open_files(2 * sum(sizes) + SPARE_FILES)
    found = Samples()
    with ExitStack() as stack:
        worker, trade, _ = stack.enter_context(_exchange(start_worker))
        for _ in range(rounds):
            for size in sizes:
                with Audience(worker.port, size) as audience:
                    audience.connect(stream=f"{SYMBOL.symbol}@trade")
                    cost, frame = _cost_of_event(worker.pid, audience, trade, size)
                    found.add("trade", size, cost)
                with bare_loop(frame, size) as bare:
                    found.add("bare loop", size, _cost_of_event(bare.pid, bare.audience, bare.send, size)[0])
                on_step()
    reason = "every socket is written to, and the kernel's memory of many is in no cache: the bare loop shows it"
    lines = tuple(found.line(name, most=1.3, reason=reason) for name in ("trade", "bare loop"))
    return Curve(
        "subscribers", "A trade and the sockets that hear it", "subscribers", "CPU of the sender, us per event", lines
    )


def _cost_of_event(pid: int, audience: Audience, send: Callable[[], None], size: int) -> tuple[float, bytes]:
    """In microseconds; and the frame."""
    events = max(10, min(MOST_EVENTS, DELIVERIES // size))
    for _ in range(2):
        send()
        frame = audience.hear()
    before = cpu_seconds(pid)
    for _ in range(events):
        send()
        audience.hear()
    return (cpu_seconds(pid) - before) / events * 1e6, frame


def measure_memory(start_worker: StartWorker, *, on_step: OnStep, sockets: int = MEMORY_SOCKETS) -> dict[str, float]:
    """Bytes of a worker for a socket that hears nothing, and for one of many subscriptions of a socket."""
    allow_open_files(2 * sockets + SPARE_FILES)
    with ExitStack() as stack:
        worker, _, redis_url = stack.enter_context(_exchange(start_worker))
        streams = asyncio.run(_more_symbols(redis_url))
        first = stack.enter_context(Audience(worker.port, STREAM_SOCKETS))
        first.connect()
        _subscribe(first, streams)  # the streams themselves are made now, and modules loaded
        on_step()
        before = own_bytes(worker.pid)
        more = stack.enter_context(Audience(worker.port, sockets))
        more.connect()
        with_sockets = own_bytes(worker.pid)
        on_step()
        _subscribe(more, streams, only=STREAM_SOCKETS)
        with_subscriptions = own_bytes(worker.pid)
        on_step()
    return {
        "worker_bytes_per_socket": (with_sockets - before) / sockets,
        "worker_bytes_per_subscription": (with_subscriptions - with_sockets) / (STREAM_SOCKETS * STREAMS_EACH),
        "worker_bytes_at_start": float(before),
    }


def own_bytes(pid: int) -> int:
    """What a process has in memory and shares with nobody. Raises BenchFailed where the kernel is not Linux."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError as error:
        raise BenchFailed(f"the memory of another process is read from Linux: {error}") from error
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


async def _more_symbols(redis_url: str) -> list[str]:
    async with opened(redis_url, VENUE) as venue:
        specs = symbols(STREAMS_EACH)
        for spec in specs:
            await venue.registry.define_symbol(spec)
    return [f"{spec.symbol}@trade" for spec in specs]


def _subscribe(audience: Audience, streams: list[str], *, only: int | None = None) -> None:
    wish = json.dumps({"method": "subscribe", "params": {"streams": streams}})
    audience.ask(masked_frame(TEXT, wish.encode()), only=only)


@contextmanager
def _exchange(start_worker: StartWorker) -> Iterator[tuple[Worker, Callable[[], None], str]]:
    """A worker, what makes one trade in its market, and the URL of its Redis."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(EmbeddedServer(folder / "redis", durability="ci"))
        loop = stack.enter_context(asyncio.Runner())
        stack.callback(server.stop, save=False)
        trade = stack.enter_context(market_of_trades(loop, server.url))
        worker = stack.enter_context(start_worker(server.url, folder / "data"))
        yield worker, trade, server.url
