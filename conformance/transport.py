"""Bytes over HTTP and WebSocket, exactly as a rule writes them, and the answers as they came.

The fact a newcomer would get wrong: no client library stands between, because libraries put queries in order and
encode again, and signatures are over what was sent. Requests go out of an address of the loopback net of their own
where that is possible, so that the limits by address of one area do not meet another's.
"""

import json
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from conformance.checks import Deviation

ANSWER_SECONDS: Final = 15.0
FRAME_SECONDS: Final = 5.0
SETTLED: Final = "settled"
REUSE_SECONDS: Final = 2.0  # servers close silent connections, some after five
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is the decoded JSON, None where there was none; header names are in small letters."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


Mutation = Callable[[Any], Any]


class Wire:
    """The way to one exchange. `alter` stands between it and every rule: tests put mistakes there."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"{url!r} is no address like http://127.0.0.1:8000")
        self.host, self.port = parts.hostname, parts.port or 80
        self._connections: dict[str, HTTPConnection] = {}
        self._used = 0.0  # when, by the monotonic clock
        self._net = secrets.randbelow(250) + 1  # of this run: who was banned in another one is not met again
        self.source = LOOPBACK
        self.patience = 1.0  # of the seconds that a frame is waited for; tests that know better have less
        self.alter_answer: Callable[[Answer], Answer] = _as_it_is
        self.alter_frame: Mutation = _unchanged

    def move(self, subnet: int, number: int) -> None:
        """Ask from another address of this machine from here on, where there is one."""
        if self.has_sources:
            self.source = f"127.{self._net}.{subnet}.{number}"

    @property
    def has_sources(self) -> bool:
        """Whether a request can come from another address of this machine: Linux has all of 127.0.0.0/8."""
        return self.host in (LOOPBACK, "localhost") and sys.platform == "linux"

    def ask(
        self, method: str, target: str, *, body: str = "", headers: dict[str, str] | None = None, judged: bool = True
    ) -> Answer:
        """One request; `target` is path and query as they are to be sent. `judged`: False for what /_sim answers."""
        data = body.encode()
        sent = {"Content-Length": str(len(data))} | (headers or {}) if data or method != "GET" else headers or {}
        try:
            answer = self._exchange(method, target, data, sent)
        except (OSError, HTTPException) as error:
            self.close()
            raise Deviation(f"no answer ({type(error).__name__})") from error
        return self.alter_answer(answer) if judged else answer

    def _exchange(self, method: str, target: str, data: bytes, headers: dict[str, str]) -> Answer:
        if time.monotonic() - self._used > REUSE_SECONDS:
            self.close()
        connection = self._connections.get(self.source)
        if connection is None:
            source = (self.source, 0) if self.has_sources else None
            connection = HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS, source_address=source)
            self._connections[self.source] = connection
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(data or None)
            response = connection.getresponse()
        except (OSError, HTTPException):
            connection.close()
            raise
        text = response.read()
        self._used = time.monotonic()
        names = {name.lower(): value for name, value in response.getheaders()}
        with suppress(ValueError):
            return Answer(response.status, json.loads(text), names)
        return Answer(response.status, None, names)

    def socket(self, target: str) -> "Socket":
        """A WebSocket at path and query `target`. Raises Deviation when it is not accepted."""
        return Socket(self, target)

    def close(self) -> None:
        """End the connections; the next request opens new ones."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


class Socket:
    """One WebSocket: JSON frames out, JSON frames in, kept in the order they came."""

    def __init__(self, wire: Wire, target: str) -> None:
        self._wire = wire
        self._stack = ExitStack()
        source = (wire.source, 0) if wire.has_sources else None
        try:
            opened = connect(
                f"ws://{wire.host}:{wire.port}{target}", open_timeout=ANSWER_SECONDS, close_timeout=1,
                source_address=source, ping_interval=None, max_size=2**24, proxy=None, compression=None,
            )  # fmt: skip
            self.connection: ClientConnection = self._stack.enter_context(opened)
        except (OSError, WebSocketException) as error:
            raise Deviation(f"no WebSocket at {target.partition('?')[0]} ({type(error).__name__})") from error

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def send(self, frame: Any) -> None:
        """An object as JSON, a text as it is. Raises Deviation when the connection has been closed."""
        try:
            self.connection.send(frame if isinstance(frame, str) else json.dumps(frame))
        except ConnectionClosed as error:
            raise Deviation(f"the connection was closed ({_code(error)})") from error

    def flood(self, frames: list[Any]) -> None:
        """Frames as fast as they go, until the other side has closed."""
        with suppress(ConnectionClosed):
            for frame in frames:
                self.connection.send(json.dumps(frame))

    def settle(self) -> None:
        """Wait until the streams of the address are heard: an answer comes behind that."""
        self.send({"method": "LIST_SUBSCRIPTIONS", "id": SETTLED})
        deadline = time.monotonic() + FRAME_SECONDS
        while time.monotonic() < deadline:
            frame = self._read(FRAME_SECONDS)
            if isinstance(frame, dict) and frame.get("id") == SETTLED:
                return
        raise Deviation("LIST_SUBSCRIPTIONS was not answered")

    def receive(self, seconds: float = FRAME_SECONDS) -> Any:
        """The next frame. Raises Deviation when none comes, or the connection is closed."""
        frame = self._read(seconds * self._wire.patience)
        if frame is None:
            raise Deviation(f"no frame came within {seconds:g} s")
        return self._wire.alter_frame(frame)

    def gather(self, seconds: float, enough: Callable[[list[Any]], bool] = lambda frames: False) -> list[Any]:
        """All frames that come within so many seconds, or until there are `enough`."""
        frames: list[Any] = []
        deadline = time.monotonic() + seconds * self._wire.patience
        while not enough(frames) and (left := deadline - time.monotonic()) > 0:
            if (frame := self._read(left)) is None:
                break
            frames.append(self._wire.alter_frame(frame))
        return frames

    def find(self, wanted: Callable[[Any], bool], what: str, seconds: float = FRAME_SECONDS) -> Any:
        """The next frame that is wanted; others are passed over. Raises Deviation when none comes."""
        deadline = time.monotonic() + seconds * self._wire.patience
        while (left := deadline - time.monotonic()) > 0 and (frame := self._read(left)) is not None:
            frame = self._wire.alter_frame(frame)
            if wanted(frame):
                return frame
        raise Deviation(f"{what} did not come")

    def close_code(self, seconds: float = FRAME_SECONDS) -> Any:
        """The code with which the other side closes. Raises Deviation when it does not."""
        deadline = time.monotonic() + seconds * self._wire.patience
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.connection.recv(timeout=left)
        except TimeoutError:
            pass
        except ConnectionClosed as error:
            return self._wire.alter_frame(_code(error))
        raise Deviation(f"the connection was not closed within {seconds:g} s")

    def close(self) -> None:
        """End it."""
        with suppress(OSError, WebSocketException):
            self._stack.close()

    def _read(self, seconds: float) -> Any:
        """The next frame as JSON (a text that is none as such); None: nothing came."""
        try:
            data = self.connection.recv(timeout=seconds)
        except TimeoutError:
            return None
        except ConnectionClosed as error:
            raise Deviation(f"the connection was closed ({_code(error)})") from error
        text = data.decode() if isinstance(data, bytes) else data
        with suppress(ValueError):
            return json.loads(text)
        return text


def _code(error: ConnectionClosed) -> int:
    return 1006 if error.rcvd is None else error.rcvd.code


def _as_it_is(answer: Answer) -> Answer:
    return answer


def _unchanged(frame: Any) -> Any:
    return frame
