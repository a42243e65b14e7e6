"""A cheap HTTP client as a process of its own: python -m benchmarks.http_generator PORT CONNECTIONS WORKER_PID.

Every connection asks again as soon as it is answered, with bytes that were made beforehand. The first line it reads is
the API key and its secret. Every further line is a number of slices: pings and signed orders take turns of a tenth of
a second, that many each, and the answer is a line of JSON, a `Round`. An answer that is no 200 ends the process with
that on stderr.
"""

import itertools
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from benchmarks.processes import cpu_seconds
from benchmarks.signed_orders import Signer

SLICE_SECONDS: Final = 0.1
READ_BYTES: Final = 65_536
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length: "


class Load(msgspec.Struct, frozen=True):
    """What the slices of one kind came to. CPU times are seconds of the worker's and of the generator's own."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    worker_cpu_seconds: float
    own_cpu_seconds: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def worker_cpu_us(self) -> float:
        """CPU time of the worker for one request."""
        return self.worker_cpu_seconds / self.requests * 1e6


class Round(msgspec.Struct, frozen=True):
    """Pings and orders by turns."""

    ping: Load
    order: Load


def ping_request(port: int) -> bytes:
    """What costs a worker least: it asks nobody, and counts towards no limit."""
    return f"GET /api/v1/ping HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


def is_whole(answer: bytes) -> bool:
    """Whether an answer has come completely. Raises ValueError for one that is not a 200."""
    head_end = answer.find(HEAD_END)
    if head_end < 0:
        return False
    length_at = answer.find(LENGTH, 0, head_end)
    length = int(answer[length_at + len(LENGTH) : answer.find(b"\r", length_at)])
    if len(answer) < head_end + len(HEAD_END) + length:
        return False
    if not answer.startswith(b"HTTP/1.1 200"):
        raise ValueError(answer.decode(errors="replace"))
    return True


def open_sockets(port: int, count: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]


class Generator:
    """The connections, all of them idle between two stretches of load."""

    def __init__(self, sockets: list[socket.socket], is_whole: Callable[[bytes], bool]) -> None:
        self._sockets = sockets
        self._is_whole = is_whole
        self._selector = selectors.DefaultSelector()
        for connection in self._sockets:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ, connection)

    def close(self) -> None:
        self._selector.close()
        for connection in self._sockets:
            connection.close()

    def run(self, requests: Iterator[bytes], seconds: float) -> list[float]:
        """Load for that long, then wait for the answers that are still to come; the seconds that each answer took.

        Raises ValueError for an answer that is no 200 (`is_whole` does).
        """
        clock = time.perf_counter
        started = clock()
        asked_at: dict[socket.socket, float] = {}
        answers: dict[socket.socket, bytes] = {}
        latencies: list[float] = []
        for connection in self._sockets:
            asked_at[connection] = clock()
            connection.sendall(next(requests))
        while asked_at:
            for key, _ in self._selector.select():
                connection = key.data
                data = connection.recv(READ_BYTES)
                if not data:
                    raise ValueError("the worker closed a connection")
                if connection in answers:
                    data = answers.pop(connection) + data
                if not self._is_whole(data):
                    answers[connection] = data
                    continue
                now = clock()
                latencies.append(now - asked_at.pop(connection))
                if now - started < seconds:
                    asked_at[connection] = now
                    connection.sendall(next(requests))
        return latencies


class Tally:
    """What the slices of one kind have come to so far."""

    def __init__(self, requests: Iterator[bytes], worker_pid: int) -> None:
        self._requests = requests
        self._pid = worker_pid
        self._latencies: list[float] = []
        self._seconds = self._own_cpu = self._worker_cpu = 0.0

    def add_slice(self, generator: Generator) -> None:
        started, own_cpu, worker_cpu = time.perf_counter(), time.process_time(), cpu_seconds(self._pid)
        self._latencies += generator.run(self._requests, SLICE_SECONDS)
        self._seconds += time.perf_counter() - started
        self._own_cpu += time.process_time() - own_cpu
        self._worker_cpu += cpu_seconds(self._pid) - worker_cpu

    def result(self) -> Load:
        """All slices in one."""
        ordered = sorted(self._latencies)
        return Load(
            requests=len(ordered),
            seconds=self._seconds,
            p50_us=percentile(ordered, 50) * 1e6,
            p99_us=percentile(ordered, 99) * 1e6,
            worker_cpu_seconds=self._worker_cpu,
            own_cpu_seconds=self._own_cpu,
        )


def percentile(ordered: list[float], percent: int) -> float:
    """The smallest value that `percent` of the values do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def main(port: int, connections: int, worker_pid: int) -> None:
    """Serve the lines of standard input until it ends."""
    signer = Signer(*sys.stdin.readline().split())
    pings = itertools.repeat(ping_request(port))
    generator = Generator(open_sockets(port, connections), is_whole)
    print("ready", flush=True)
    for line in sys.stdin:
        ping = Tally(pings, worker_pid)
        order = Tally(itertools.cycle(signer.posts(port)), worker_pid)
        for _ in range(int(line)):
            ping.add_slice(generator)
            order.add_slice(generator)
        print(msgspec.json.encode(Round(ping.result(), order.result())).decode(), flush=True)
    generator.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
