"""One multiplexed Redis connection for an event loop: many awaits share a socket, pipelined.

The fact a newcomer would get wrong: nothing is ever sent twice. A command whose bytes left and whose reply did not
come is ReplyLost, and only the caller can find out what became of it. XREAD with BLOCK would hold up everybody else:
whoever blocks opens a connection of his own.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlsplit

import hiredis
from redis.exceptions import ResponseError

from engine.scripts import Script

Word = bytes | str | int

CONNECT_PAUSE_S = 0.05  # a failed connect answers for everybody who asks within this time
NO_SCRIPT = "NOSCRIPT"


class NotSent(Exception):
    """No connection could be had, or too much is waiting: nothing happened."""


class ReplyLost(Exception):
    """The command left and no reply came: it may have happened."""


class Address(NamedTuple):
    """Where a server is: a unix socket path, or host and port."""

    path: str
    host: str
    port: int
    greeting: tuple[tuple[Word, ...], ...]  # AUTH and SELECT, sent first


def parse_url(url: str) -> Address:
    """Reads redis://[user:password@]host:port[/db] and unix:///path[?db=n]. Raises ValueError."""
    parts = urlsplit(url)
    greeting: list[tuple[Word, ...]] = []
    if parts.password:
        words = [unquote(parts.username)] if parts.username else []
        greeting.append(("AUTH", *words, unquote(parts.password)))
    if parts.scheme == "unix":
        database = parts.query.removeprefix("db=")
    elif parts.scheme == "redis":
        database = parts.path.strip("/")
    else:
        raise ValueError(f"cannot read the Redis URL {url!r}: use redis://host:port/0 or unix:///path/to/redis.sock")
    if database not in ("", "0"):
        greeting.append(("SELECT", database))
    return Address(
        path=parts.path if parts.scheme == "unix" else "",
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 6379,
        greeting=tuple(greeting),
    )


class _Wire(asyncio.Protocol):
    """The socket: bytes out once per loop turn, replies in, in order."""

    def __init__(self) -> None:
        self.waiting: deque[asyncio.Future[Any]] = deque()  # sent, no reply yet
        self.unsent: list[bytes] = []
        self.unsent_futures: list[asyncio.Future[Any]] = []
        self.transport: asyncio.Transport | None = None
        self.is_open = False
        self.replies_seen = 0
        self._reader = hiredis.Reader(replyError=ResponseError)
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        waiting = self.waiting
        try:
            while (reply := self._reader.gets()) is not False:  # RESP2 has no booleans: False means "not yet"
                future = waiting.popleft()
                self.replies_seen += 1
                if future.done():
                    continue
                if isinstance(reply, ResponseError):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            self.lose()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._fail_all()

    def send(self, data: bytes, future: asyncio.Future[Any]) -> None:
        if not self.unsent:
            self._loop.call_soon(self._flush)
        self.unsent.append(data)
        self.unsent_futures.append(future)

    def _flush(self) -> None:
        if not self.is_open or self.transport is None:
            self._fail_all()
            return
        self.waiting.extend(self.unsent_futures)
        data = b"".join(self.unsent)
        self.unsent, self.unsent_futures = [], []
        self.transport.write(data)

    def lose(self) -> None:
        """Give the connection up: what has left is lost, what has not is not sent."""
        self.is_open = False
        if self.transport is not None:
            self.transport.abort()
        self._fail_all()

    def _fail_all(self) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_exception(ReplyLost("the connection to Redis was lost before the reply"))
        for future in self.unsent_futures:
            if not future.done():
                future.set_exception(NotSent("the connection to Redis was lost before the command left"))
        self.waiting.clear()
        self.unsent, self.unsent_futures = [], []


class Connection:
    """Commands over one socket, in the order they were asked.

    Connects on first use, and again on the first use after a loss. `timeout_s` is how long the oldest waiting reply
    may take; then the connection is given up. At most `max_waiting` commands are under way.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0, max_waiting: int = 20_000) -> None:
        self._address = parse_url(url)
        self._timeout_s = timeout_s
        self._max_waiting = max_waiting
        self._wire: _Wire | None = None
        self._connecting: asyncio.Task[_Wire] | None = None
        self._failed_at = float("-inf")
        self._failure = ""
        self._watch: asyncio.TimerHandle | None = None

    async def command(self, *words: Word) -> Any:
        """The reply: bytes, int, list or None. Raises NotSent, ReplyLost, redis.exceptions.ResponseError."""
        return await self._send(await self._ready(), hiredis.pack_command(words))

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """EVALSHA. A server that does not know the script has not run it: it is loaded and asked once more."""
        words = ("EVALSHA_RO" if script.is_read_only else "EVALSHA", script.sha, len(keys), *keys, *arguments)
        data = hiredis.pack_command(words)
        try:
            return await self._send(await self._ready(), data)
        except ResponseError as error:
            if not str(error).startswith(NO_SCRIPT):
                raise
        await self.command("SCRIPT", "LOAD", script.text)
        return await self._send(await self._ready(), data)

    async def pipeline(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Many commands in one write; an error reply stands in the list as an exception."""
        wire = await self._ready()
        futures = [self._send(wire, hiredis.pack_command(tuple(words))) for words in commands]
        replies = await asyncio.gather(*futures, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, NotSent | ReplyLost):
                raise reply
        return replies

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._wire is not None:
            self._wire.lose()
            self._wire = None

    def _send(self, wire: _Wire, data: bytes) -> asyncio.Future[Any]:
        if len(wire.waiting) + len(wire.unsent) >= self._max_waiting:
            raise NotSent(f"{self._max_waiting} commands are waiting for Redis already")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        wire.send(data, future)
        if self._watch is None:
            self._watch_oldest(wire)
        return future

    def _watch_oldest(self, wire: _Wire) -> None:
        """One timer for the connection: it fires again only while something waits."""
        seen = wire.replies_seen
        loop = asyncio.get_running_loop()

        def look() -> None:
            self._watch = None
            if not wire.is_open or not wire.waiting:
                return
            if wire.replies_seen == seen:
                wire.lose()
            else:
                self._watch_oldest(wire)

        self._watch = loop.call_later(self._timeout_s, look)

    async def _ready(self) -> _Wire:
        wire = self._wire
        if wire is not None and wire.is_open:
            return wire
        if time.monotonic() - self._failed_at < CONNECT_PAUSE_S:
            raise NotSent(self._failure)
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        return await asyncio.shield(self._connecting)

    def _connected(self, task: asyncio.Task[_Wire]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._wire = task.result()

    async def _connect(self) -> _Wire:
        loop = asyncio.get_running_loop()
        address = self._address
        try:
            async with asyncio.timeout(self._timeout_s):
                if address.path:
                    _, wire = await loop.create_unix_connection(_Wire, address.path)
                else:
                    _, wire = await loop.create_connection(_Wire, address.host, address.port)
                for words in address.greeting:
                    await self._send(wire, hiredis.pack_command(words))
        except (OSError, TimeoutError, ReplyLost, ResponseError) as error:
            self._failed_at = time.monotonic()
            self._failure = f"cannot connect to Redis: {error}"
            raise NotSent(self._failure) from error
        return wire


def open_connection(url: str, *, timeout_s: float = 5.0, max_waiting: int = 20_000) -> Any:
    """A Connection, or for fakeredis:// the in-process stand-in with the same methods."""
    if url.startswith("fakeredis://"):
        from engine.in_process import InProcessConnection

        return InProcessConnection(url)
    return Connection(url, timeout_s=timeout_s, max_waiting=max_waiting)
