"""An order over the WebSocket API against the same order by POST, both signed (P8): CPU time of the worker for each.

The worker, its Redis and the check of the book at the end are those of http_load.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.http_generator import Load
from benchmarks.http_load import CONNECTIONS, WARM_UP_SLICES, check_book, open_account
from benchmarks.processes import Helper, StartWorker, helper
from benchmarks.socket_generator import SocketRound
from engine.embedded import EmbeddedServer


class SocketCosts(NamedTuple):
    """By round, in pairs."""

    posts: list[Load]
    sockets: list[Load]

    @property
    def ratios(self) -> list[float]:
        """How many orders over the WebSocket API the worker does in the time that it needs for one POST."""
        return [post.worker_cpu_us / socket.worker_cpu_us for post, socket in zip(*self, strict=True)]


def measure_sockets(
    start_worker: StartWorker, *, rounds: int, slices: int, on_round: Callable[[], None], connections: int = CONNECTIONS
) -> SocketCosts:
    """`slices` tenths of a second of each kind in every round. Raises BenchFailed."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedServer(Path(folder) / "redis", durability="standard") as server,
    ):
        data_dir = Path(folder) / "data"
        credentials = asyncio.run(open_account(server.url, data_dir))
        with (
            start_worker(server.url, data_dir) as worker,
            helper("benchmarks.socket_generator", *map(str, (worker.port, connections, worker.pid))) as generator,
        ):
            generator.ask(" ".join(credentials))
            warm_up = _round(generator, WARM_UP_SLICES)
            measured = []
            for _ in range(rounds):
                measured.append(_round(generator, slices))
                on_round()
        orders = sum(each.post.requests + each.socket.requests for each in (warm_up, *measured))
        asyncio.run(check_book(server.url, orders))
        server.stop(save=False)
    return SocketCosts([each.post for each in measured], [each.socket for each in measured])


def _round(generator: Helper, slices: int) -> SocketRound:
    return msgspec.json.decode(generator.ask(str(slices)), type=SocketRound)
