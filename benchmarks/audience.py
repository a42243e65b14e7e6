"""A thousand sockets that listen: they shake hands as WebSocket clients, then count what reaches them.

The fact a newcomer would get wrong: the frames are read as bytes from plain sockets. A client library would cost more
than the server under test, and the machine has to run both.
"""

import base64
import json
import os
import selectors
import socket
import time
from typing import Final, Self

from benchmarks.processes import BenchFailed

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
FINAL: Final = 0x80
PATIENCE_SECONDS: Final = 20.0
READ_BYTES: Final = 65_536
EVENT: Final = b'{"stream"'


def text_frame(text: str) -> bytes:
    """A text frame as a server sends it."""
    return _frame(FINAL | TEXT, text.encode())


def masked_frame(kind: int, data: bytes) -> bytes:
    """A frame as a client sends it: masked, with a mask of zeros."""
    return _frame(FINAL | kind, data, mask=True)


def _frame(first: int, data: bytes, *, mask: bool = False) -> bytes:
    bit = 0x80 if mask else 0
    size = bytes([bit | len(data)]) if len(data) < 126 else bytes([bit | 126]) + len(data).to_bytes(2, "big")
    return bytes([first]) + size + (bytes(4) if mask else b"") + data


def split_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """(kind, payload, rest) of a server's first frame, None while it is not whole. Frames are below 64 KiB here."""
    if len(data) < 4:
        return None
    size, start = data[1], 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    if len(data) < start + size:
        return None
    return data[0] & 0x0F, data[start : start + size], data[start + size :]


def shake_hands(connection: socket.socket, path: str) -> bytes:
    """Make a WebSocket of a connection; what came behind the server's answer. Raises BenchFailed."""
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = connection.recv(READ_BYTES)
        answer += data
        if not data or not b"HTTP/1.1 101".startswith(answer[:12]):
            raise BenchFailed(f"a WebSocket handshake was answered with {answer.decode(errors='replace')!r}")
    return answer.partition(b"\r\n\r\n")[2]


class Audience:
    """`count` sockets to one port of this machine."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._count = count
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._unread: dict[socket.socket, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._selector.close()
        for connection in self._sockets:
            connection.close()

    def connect(self, *, stream: str | None = None, shakes_hands: bool = True) -> None:
        """Open all of them; subscribe each to `stream` if one is given. Raises BenchFailed."""
        try:
            for _ in range(self._count):
                self._sockets.append(socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_SECONDS))
            for connection in self._sockets if shakes_hands else ():
                self._shake_hands(connection)
            for connection in self._sockets if stream else ():
                wish = json.dumps({"method": "subscribe", "params": {"streams": [stream]}})
                self._ask(connection, masked_frame(TEXT, wish.encode()))
        except OSError as error:
            raise BenchFailed(f"the {len(self._sockets) + 1}th socket could not be opened: {error}") from error
        for connection in self._sockets:
            self._selector.register(connection, selectors.EVENT_READ, connection)

    def hear(self) -> bytes:
        """The frame, header and all, that every socket has now received. Raises BenchFailed.

        One frame is expected on each socket, the same on all.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        heard, missing = b"", self._count
        while missing:
            events = self._selector.select(PATIENCE_SECONDS)
            for key, _ in events:
                connection: socket.socket = key.data
                data = connection.recv(READ_BYTES)
                if data != heard or connection in self._unread:
                    text = self._text_in(connection, data)
                    if text is None:
                        continue
                    data = text_frame(text.decode())
                    heard = heard or data
                    if data != heard:
                        raise BenchFailed("two sockets of one stream received different frames")
                missing -= 1
            if not events or time.monotonic() > deadline:
                raise BenchFailed(f"{missing} of {self._count} sockets did not receive a frame")
        return heard

    def ask(self, frame: bytes, *, only: int | None = None) -> None:
        """Sends a request of the guide's dialect on each socket, or the first so many. Raises BenchFailed."""
        for connection in self._sockets[:only]:
            self._ask(connection, frame)

    def _ask(self, connection: socket.socket, frame: bytes) -> None:
        connection.sendall(frame)
        while (answer := self._next_text(connection)).startswith(EVENT):  # streams greet who comes
            pass
        if b'"success"' not in answer:
            raise BenchFailed(f"a subscription was answered with {answer.decode()}")

    def _shake_hands(self, connection: socket.socket) -> None:
        if rest := shake_hands(connection, "/ws"):
            self._unread[connection] = rest

    def _next_text(self, connection: socket.socket) -> bytes:
        text = self._text_in(connection, b"") if connection in self._unread else None
        while text is None:
            text = self._text_in(connection, connection.recv(READ_BYTES))
        return text

    def _text_in(self, connection: socket.socket, data: bytes) -> bytes | None:
        """The first text among what was unread and `data`; pings are answered, what follows stays unread."""
        if not data and connection not in self._unread:
            raise BenchFailed("the server closed a socket")
        data = self._unread.pop(connection, b"") + data
        while (frame := split_frame(data)) is not None:
            kind, payload, data = frame
            if kind == PING:
                connection.sendall(masked_frame(0xA, payload))
            elif kind == CLOSE:
                raise BenchFailed(f"the server closed a socket with code {int.from_bytes(payload[:2], 'big')}")
            elif kind == TEXT:
                if data:
                    self._unread[connection] = data
                return payload
        if data:
            self._unread[connection] = data
        return None
