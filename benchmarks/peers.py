"""`manage.py bench --peers`: the same orders at our worker and at others, on servers that are alike.

Each has a Redis of its own (append-only file, fsync every second), one process that answers HTTP, and a generator with
32 keep-alive connections that sends the very same bytes: signed resting limit orders, counted towards limits. They take
turns of a tenth of a second. At the end every order that was answered must stand in its book.

The fact a newcomer would get wrong: the stock Django views run our own script, so what differs is the way to it. Other
simulators on PyPI are looked for by name; one that is there but does not answer these bytes is named, not measured.
"""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from accounts.digests import key_digest
from benchmarks.django_peer import KINDS
from benchmarks.http_generator import Round
from benchmarks.http_load import CONNECTIONS, Credentials, check_book, open_account
from benchmarks.processes import Helper, StartWorker, Worker, helper
from engine.embedded import EmbeddedServer

SLICES: Final = 1  # of a turn: a worker hangs up on who is silent for five seconds
OURS: Final = "this exchange"
OTHERS: Final = ("mockexchange",)  # packages of simulators that run on one machine
_NAMES: Final = {
    "async": "stock Django, async view, redis.asyncio pool",
    "sync": "stock Django, sync view, redis-py pool",
    "bare": "Django without middleware, async view, redis.asyncio pool",
}


class Peer(msgspec.Struct, frozen=True):
    """Medians of all turns, `against` as a share of our orders a second, `cpu_against` as times our CPU time of an
    order; or in words why there are none."""

    name: str
    versions: str
    orders_per_second: float = 0.0
    cpu_us_per_order: float = 0.0
    p50_us: float = 0.0
    p99_us: float = 0.0
    against: float = 0.0
    cpu_against: float = 0.0
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class _Side(msgspec.Struct):
    """Somebody who answers, and the generator that asks."""

    name: str
    versions: str
    generator: Helper
    redis_url: str
    rounds: list[Round] = []


def measure_peers(
    start_worker: StartWorker, *, turns: int, on_turn: Callable[[], None], connections: int = CONNECTIONS
) -> list[Peer]:
    """Ours first. Raises BenchFailed."""
    with ExitStack() as stack:
        sides = [stack.enter_context(_ours(start_worker, connections))]
        sides += [stack.enter_context(_django(kind, connections)) for kind in KINDS]
        warm_up = [_turn(side).order.requests for side in sides]
        for _ in range(turns):
            for side in sides:
                side.rounds.append(_turn(side))
            on_turn()
        for side, first in zip(sides, warm_up, strict=True):
            asyncio.run(check_book(side.redis_url, first + sum(found.order.requests for found in side.rounds)))
    return [_peer(side, sides[0].rounds) for side in sides] + [_other(name) for name in OTHERS]


def _turn(side: _Side) -> Round:
    return msgspec.json.decode(side.generator.ask(str(SLICES)), type=Round)


def _peer(side: _Side, ours: list[Round]) -> Peer:
    orders = [found.order for found in side.rounds]
    rate, cpu_us = median(load.rate for load in orders), median(load.worker_cpu_us for load in orders)
    return Peer(
        name=side.name, versions=side.versions, orders_per_second=rate,
        cpu_us_per_order=cpu_us, p50_us=median(load.p50_us for load in orders),
        p99_us=median(load.p99_us for load in orders), against=rate / median(found.order.rate for found in ours),
        cpu_against=cpu_us / median(found.order.worker_cpu_us for found in ours),
    )  # fmt: skip


def _other(package: str) -> Peer:
    try:
        found = version(package)
    except PackageNotFoundError:
        return Peer(package, "", problem="not installed")
    return Peer(package, f"{package} {found}", problem="installed, but it does not answer these requests")


@contextmanager
def _redis(folder: str) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(Path(folder) / "redis", durability="standard") as server:
        try:
            yield server
        finally:
            server.stop(save=False)


@contextmanager
def _ours(start_worker: StartWorker, connections: int) -> Iterator[_Side]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _redis(folder) as server:
        data_dir = Path(folder) / "data"
        credentials = asyncio.run(open_account(server.url, data_dir))
        with start_worker(server.url, data_dir) as worker, _generator(worker, credentials, connections) as generator:
            yield _Side(OURS, _versions("uvicorn", "Django"), generator, server.url)


@contextmanager
def _django(kind: str, connections: int) -> Iterator[_Side]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        _redis(folder) as server,
        closing(socket.create_server(("127.0.0.1", 0), backlog=connections)) as listener,
    ):
        credentials = asyncio.run(open_account(server.url, Path(folder) / "data"))
        descriptor = listener.fileno()
        arguments = (str(descriptor), server.url, kind)
        with helper("benchmarks.django_peer", *arguments, descriptors=[descriptor]) as process:
            process.ask(f"{key_digest(credentials.api_key)} {credentials.secret}")
            worker = Worker(process.pid, listener.getsockname()[1])
            with _generator(worker, credentials, connections) as generator:
                yield _Side(_NAMES[kind], _versions("uvicorn", "Django", "redis"), generator, server.url)


@contextmanager
def _generator(worker: Worker, credentials: Credentials, connections: int) -> Iterator[Helper]:
    arguments = map(str, (worker.port, connections, worker.pid))
    with helper("benchmarks.http_generator", *arguments) as generator:
        generator.ask(" ".join(credentials))
        yield generator


def _versions(*packages: str) -> str:
    return ", ".join(f"{package} {version(package)}" for package in packages)
