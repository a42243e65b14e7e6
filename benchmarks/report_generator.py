"""Orders to one worker, their reports from another, and PINGs of Redis in between: a process of its own.

python -m benchmarks.report_generator TRADING_PORT TELLING_PORT REDIS_SOCKET. The first line it reads is the API key
and its secret. Every further line is a number of orders, and the answer is a line of JSON, a `DelayRound`.

The fact a newcomer would get wrong: orders and PINGs have times of their own, every two milliseconds, and are sent at
these whatever has been answered by then; a slow answer makes nobody wait for his turn.
"""

import hashlib
import hmac
import itertools
import json
import re
import selectors
import socket
import sys
import time
from collections import deque
from typing import Final

import msgspec

from benchmarks.audience import CLOSE, TEXT, masked_frame, shake_hands, split_frame
from benchmarks.http_generator import is_whole, open_sockets, percentile
from benchmarks.signed_orders import RECV_WINDOW_MS, Signer

ORDERS_PER_SECOND: Final = 500
CONNECTIONS: Final = 64  # an order that takes long keeps one, and the next one takes another
PATH: Final = "/ws-api/v3?returnRateLimits=false"
PING: Final = b"*1\r\n$4\r\nPING\r\n"
PONG: Final = b"+PONG\r\n"
PATIENCE_SECONDS: Final = 20.0
READ_BYTES: Final = 65_536
_ANSWERED_ID: Final = re.compile(rb'"orderId":(\d+)')
_REPORTED_ID: Final = re.compile(rb'"i":(\d+)')


class Delays(msgspec.Struct, frozen=True):
    """Percentiles in microseconds."""

    p50_us: float
    p99_us: float


class DelayRound(msgspec.Struct, frozen=True):
    """`report` counts from the answer to an order, 0 where it was overtaken; `answer` and `whole_way`, to the report,
    from when the order was sent; `ping` from the question. `rate` is orders a second."""

    report: Delays
    answer: Delays
    whole_way: Delays
    ping: Delays
    rate: float


class Listener:
    """A WebSocket that hears an account's events; it knows when each order's report came."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.reported_at: dict[bytes, float] = {}
        self._unread = b""

    def subscribe(self, api_key: str, secret: str) -> None:
        """Raises ValueError when the worker refuses."""
        self._unread = shake_hands(self.connection, PATH)
        self.connection.sendall(masked_frame(TEXT, _subscription(api_key, secret)))
        while (frame := split_frame(self._unread)) is None:
            self._unread += self.connection.recv(READ_BYTES)
        if b'"status":200' not in frame[1][:60]:
            raise ValueError(frame[1].decode(errors="replace"))
        self._unread = frame[2]

    def read(self) -> None:
        """What has come. Raises ValueError when the worker has closed the socket."""
        data = self.connection.recv(READ_BYTES)
        now = time.perf_counter()
        self._unread += data
        while (frame := split_frame(self._unread)) is not None:
            kind, payload, self._unread = frame
            if kind == CLOSE:
                raise ValueError("the worker closed the socket of reports")
            if kind == TEXT and b'"executionReport"' in payload and (found := _REPORTED_ID.search(payload)):
                self.reported_at.setdefault(found[1], now)
        if not data:
            raise ValueError("the worker closed the socket of reports")


def _subscription(api_key: str, secret: str) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    text = f"apiKey={api_key}&recvWindow={RECV_WINDOW_MS}&timestamp={now_ms}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    params = {"apiKey": api_key, "recvWindow": RECV_WINDOW_MS, "timestamp": now_ms, "signature": signature}
    return json.dumps({"id": 1, "method": "userDataStream.subscribe.signature", "params": params}).encode()


class Round:
    """Orders and PINGs at their times, until all of them are answered and reported."""

    def __init__(self, trading: list[socket.socket], listener: Listener, redis: socket.socket) -> None:
        self._idle = deque(trading)  # in turn: a worker hangs up on who is silent for long
        self._listener = listener
        self._redis = redis
        self._selector = selectors.DefaultSelector()
        for connection in (*trading, listener.connection, redis):
            self._selector.register(connection, selectors.EVENT_READ)
        self._answers: dict[socket.socket, bytes] = {}
        self._sent_at: dict[socket.socket, float] = {}
        self._answered_at: dict[bytes, tuple[float, float]] = {}  # order id -> when it was sent, when answered
        self._pinged_at: list[float] = []
        self._pings: list[float] = []

    def run(self, requests: "itertools.cycle[bytes]", count: int) -> DelayRound:
        """Raises ValueError for an answer that is no 200, and when one is missing after 20 s."""
        started = time.perf_counter()
        interval = 1 / ORDERS_PER_SECOND
        sent = pinged = 0
        while not self._is_done(count):
            now = time.perf_counter()
            if sent < count and self._idle and now >= started + sent * interval:
                self._place(next(requests))
                sent += 1
            if pinged < count and now >= started + (pinged + 0.5) * interval:
                self._ping()
                pinged += 1
            due = started + min(sent, pinged + 0.5) * interval
            is_over = sent == pinged == count
            self._receive(0.1 if is_over else max(0.0, due - time.perf_counter()))
            if now - started > count * interval + PATIENCE_SECONDS:
                raise ValueError(f"{count - len(self._answered_at)} orders were not answered, or not reported, in time")
        self._selector.close()
        return self._result(started)

    def _result(self, started: float) -> DelayRound:
        reported_at = self._listener.reported_at
        times = [(*at, reported_at.pop(order)) for order, at in self._answered_at.items()]
        seconds = max(answered for _, answered, _ in times) - started
        return DelayRound(
            report=_delays([max(0.0, reported - answered) for _, answered, reported in times]),
            answer=_delays([answered - sent for sent, answered, _ in times]),
            whole_way=_delays([reported - sent for sent, _, reported in times]),
            ping=_delays(self._pings),
            rate=len(times) / seconds,
        )

    def _is_done(self, count: int) -> bool:
        return (
            len(self._pings) == len(self._answered_at) == count
            and self._answered_at.keys() <= self._listener.reported_at.keys()
        )

    def _place(self, request: bytes) -> None:
        connection = self._idle.popleft()
        self._answers[connection] = b""
        self._sent_at[connection] = time.perf_counter()
        connection.sendall(request)

    def _ping(self) -> None:
        self._pinged_at.append(time.perf_counter())
        self._redis.sendall(PING)

    def _receive(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            if connection is self._listener.connection:
                self._listener.read()
            elif connection is self._redis:
                self._take_pongs()
            else:
                self._take_answer(connection)

    def _take_pongs(self) -> None:
        data = self._redis.recv(READ_BYTES)
        now = time.perf_counter()
        if not data or len(data) % len(PONG):
            raise ValueError(f"Redis answered a PING with {data!r}")
        for _ in range(len(data) // len(PONG)):
            self._pings.append(now - self._pinged_at.pop(0))

    def _take_answer(self, connection: socket.socket) -> None:
        data = connection.recv(READ_BYTES)
        now = time.perf_counter()
        if not data:
            raise ValueError("the worker closed a connection")
        answer = self._answers[connection] = self._answers[connection] + data
        if is_whole(answer):
            found = _ANSWERED_ID.search(answer)
            assert found is not None
            self._answered_at[found[1]] = (self._sent_at[connection], now)
            self._idle.append(connection)


def _delays(seconds: list[float]) -> Delays:
    ordered = sorted(seconds)
    return Delays(percentile(ordered, 50) * 1e6, percentile(ordered, 99) * 1e6)


def main(trading_port: int, telling_port: int, redis_socket: str) -> None:
    """Serve the lines of standard input until it ends."""
    credentials = sys.stdin.readline().split()
    signer = Signer(*credentials)
    trading = open_sockets(trading_port, CONNECTIONS)
    for connection in trading:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener = Listener(open_sockets(telling_port, 1)[0])
    listener.subscribe(*credentials)
    redis = socket.socket(socket.AF_UNIX)
    redis.settimeout(PATIENCE_SECONDS)
    redis.connect(redis_socket)
    print("ready", flush=True)
    for line in sys.stdin:
        requests = itertools.cycle(signer.posts(trading_port))
        found = Round(trading, listener, redis).run(requests, int(line))
        print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
