"""What the append-only file costs (P11): CPU time of Redis for a resting order, with the file and without.

The fact a newcomer would get wrong: a script is written to the file as the commands that it has carried out, so what
it costs grows with what an order writes, not with its arguments. The fsync once a second is made by a thread of the
server's and is in the figure, a rewrite of the file is not: it is another process's.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis

from benchmarks.engine_load import SLICE_ORDERS, Pipe, Word, load_function, open_market, pack, script_words
from benchmarks.order_costs import SOCKETS, CpuRatio, Crowd, Server
from engine.embedded import EmbeddedServer

DURABILITIES: Final = ("standard", "ci")  # the append-only file with an fsync a second, and none


class DurabilityCosts(NamedTuple):
    """CPU time with the file against without, and the bytes that an order adds to the file."""

    cpu: CpuRatio
    file_bytes: float


def measure_durability(*, rounds: int, orders: int, on_round: Callable[[], None]) -> DurabilityCosts:
    """`orders` resting orders a round on each of two servers, over 50 sockets with one command each on the way."""
    found, written = CpuRatio([], []), 0
    with ExitStack() as stack:
        sides = {name: stack.enter_context(_side(name)) for name in DURABILITIES}
        for number in range(rounds):
            spent = dict.fromkeys(sides, 0.0)
            for first in range(0, orders, SLICE_ORDERS):
                turn = list(sides.items())
                for name, side in turn if (number + first // SLICE_ORDERS) % 2 == 0 else turn[::-1]:
                    before = side.file_bytes()
                    spent[name] += side.run(min(SLICE_ORDERS, orders - first))
                    written += side.file_bytes() - before
            found.measured.append(spent["standard"] / orders)
            found.against.append(spent["ci"] / orders)
            on_round()
    return DurabilityCosts(found, written / (orders * rounds))


class _Side:
    """A server with one durability and a load of orders that rest on it."""

    def __init__(self, server: Server, crowd: Crowd, words: Iterator[tuple[Word, ...]]) -> None:
        self._server = server
        self._crowd = crowd
        self._words = words

    def run(self, orders: int) -> float:
        """CPU microseconds that Redis has spent on so many."""
        return self._server.cpu_us(partial(self._crowd.run, pack(self._words, orders)))

    def file_bytes(self) -> int:
        info: dict[str, Any] = self._server.client.info("persistence")
        return int(info.get("aof_current_size", 0))


@contextmanager
def _side(durability: str) -> Iterator[_Side]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedServer(Path(folder), durability=durability) as embedded,
        closing(redis.Redis(unix_socket_path=str(embedded.socket_path))) as client,
        closing(Pipe(embedded.socket_path)) as pipe,
        closing(Crowd(embedded.socket_path, SOCKETS)) as crowd,
    ):
        asyncio.run(open_market(embedded.url, "durability"))
        words = script_words(load_function(client, "place_order"), "durability")
        yield _Side(Server(client, pipe, embedded.url, embedded.socket_path), crowd, words)
        embedded.stop(save=False)
