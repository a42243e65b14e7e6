"""One multiplexed Redis connection per event loop: many awaits share one socket, pipelined.

The fact a newcomer would get wrong: nothing is ever sent twice. A command whose bytes left and whose reply did not
come is ReplyLost, and only its caller can find out what became of it.

Redis answers a connection's commands one after the other, so a command that blocks (XREAD BLOCK) would hold up
everybody: whoever blocks opens a connection of its own, with a `timeout_s` longer than the blocking:

    tail = open_connection(url, timeout_s=block_ms / 1000 + 4)
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from redis.exceptions import NoScriptError, ResponseError

from engine.scripts import Script
from engine.wire import NotSent, ReplyLost, Wire, Word, pack, pack_call

if TYPE_CHECKING:
    from engine.in_process import InProcessConnection

CONNECT_PAUSE_S = 0.05  # a failed connect answers for everybody who asks within this time


class Address(NamedTuple):
    """Where a server is: a unix socket path, or (path empty) host and port."""

    path: str
    host: str
    port: int
    greeting: tuple[tuple[Word, ...], ...]  # AUTH and SELECT, sent first

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


def parse_url(url: str) -> Address:
    """Read redis://[[user]:password@]host[:port][/db] or unix://[[user]:password@]/path[?db=n]. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "unix"):
        raise ValueError(f"a Redis URL begins with redis://, unix:// or fakeredis://, not with {parts.scheme}://")
    is_socket = parts.scheme == "unix"
    if is_socket and not parts.path:
        raise ValueError("the Redis URL names no socket: write unix:///path/to/redis.sock")
    database = parse_qs(parts.query).get("db", [""])[0] or ("" if is_socket else parts.path.strip("/"))
    if database and not database.isdecimal():
        raise ValueError(f"the Redis URL's database is {database!r}: it is a number")
    greeting: list[tuple[Word, ...]] = []
    if parts.password:
        user = [unquote(parts.username)] if parts.username else []
        greeting.append(("AUTH", *user, unquote(parts.password)))
    if database not in ("", "0"):
        greeting.append(("SELECT", database))
    path = unquote(parts.path) if is_socket else ""
    return Address(path, parts.hostname or "127.0.0.1", parts.port or 6379, tuple(greeting))


class Connection:
    """Commands over one socket, answered in the order they were asked. For one event loop.

    Connects on first use, and again on the first use after a loss; a connect that failed answers NotSent to everybody
    for the next 50 ms. A reply that takes longer than `timeout_s` ends the connection. At most `max_waiting` commands
    are under way; a further one is NotSent.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0, max_waiting: int = 20_000) -> None:
        self._address = parse_url(url)
        self._timeout_s = timeout_s
        self._max_waiting = max_waiting
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[Wire | None] | None = None
        self._failed_at_s = float("-inf")
        self._failure = ""
        self._is_closed = False
        self._scripts_on_the_way: set[str] = set()

    @property
    def session(self) -> object | None:
        """Stands for the socket that is open now: another object after a loss, None while there is none."""
        wire = self._wire
        return wire if wire is not None and wire.is_open else None

    async def command(self, *words: Word) -> Any:
        """The reply: bytes, int, list or None.

        Raises NotSent (nothing happened), ReplyLost (may have happened), redis.exceptions.ResponseError (Redis
        answered with an error, whose first word begins the text).
        """
        return await self._ask(pack(words))

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """Run a script. Raises what `command` raises.

        A server that does not know the function has run nothing: it is loaded and asked for once more.
        """
        frame = pack_call(script.call, script.function, keys, arguments)
        wire = self._wire
        if wire is None or not wire.is_open or len(wire.waiting) >= self._max_waiting:
            wire = await self._with_room(1)
        reply = await wire.ask(frame)
        if isinstance(reply, NoScriptError):
            await self._load(script)
            return await self._ask(frame)
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    async def pipeline(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Many commands in one write: replies in order, an error reply stands in the list as an exception.

        Raises NotSent (none of them happened) or ReplyLost (any of them may have happened).
        """
        if not commands:
            return []
        frames = b"".join([pack(tuple(words)) for words in commands])
        wire = await self._with_room(len(commands))
        return await wire.ask_all(frames, len(commands))

    async def close(self) -> None:
        """End the connection for good. What still waits fails with ReplyLost, or NotSent if it had not left."""
        self._is_closed = True
        if self._connecting is not None:
            await asyncio.wait([self._connecting])
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.lose("this connection was closed")
            await wire.closed

    async def _ask(self, frame: bytes) -> Any:
        wire = await self._with_room(1)
        reply = await wire.ask(frame)
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    async def _with_room(self, count: int) -> Wire:
        """The open wire, which takes as many commands more. Raises NotSent."""
        wire = await self._ready()
        if len(wire.waiting) + count > self._max_waiting:
            waiting = f"{len(wire.waiting)} commands wait for Redis"
            raise NotSent(f"{waiting}: with {count} more it would be over the limit of {self._max_waiting}")
        return wire

    async def _load(self, script: Script) -> None:
        """FUNCTION LOAD, unless it is on its way: replies keep their order, so what is asked later finds it loaded."""
        if script.sha in self._scripts_on_the_way:
            return
        self._scripts_on_the_way.add(script.sha)
        try:
            await self.command("FUNCTION", "LOAD", "REPLACE", script.function_text)
        except ReplyLost as error:
            raise NotSent(f"lost while loading {script.name}, which therefore did not run") from error
        finally:
            self._scripts_on_the_way.discard(script.sha)

    async def _ready(self) -> Wire:
        """The open wire, connecting if need be. All who come meanwhile share one attempt. Raises NotSent."""
        if self._wire is not None and self._wire.is_open:
            return self._wire
        if self._is_closed:
            raise NotSent("this connection was closed")
        if asyncio.get_running_loop().time() - self._failed_at_s < CONNECT_PAUSE_S:
            raise NotSent(self._failure)
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
        wire = await asyncio.shield(self._connecting)  # one caller's cancellation must not end it for the others
        if wire is None:
            raise NotSent(self._failure)
        if not wire.is_open:
            raise NotSent("the connection to Redis was lost at once")
        return wire

    async def _connect(self) -> Wire | None:
        """The new wire, or None with `_failure` set: nobody may be left to take an exception."""
        loop = asyncio.get_running_loop()
        wire = Wire(loop, self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._open(wire)
            self._wire = wire
            return wire
        except (OSError, ReplyLost, NotSent, ResponseError) as error:
            self._failed_at_s = loop.time()
            self._failure = f"cannot connect to Redis at {self._address}: {error or type(error).__name__}"
            return None
        finally:
            self._connecting = None
            if self._wire is not wire:
                wire.lose("the connection could not be opened")

    async def _open(self, wire: Wire) -> None:
        address = self._address
        if address.path:
            await wire.loop.create_unix_connection(lambda: wire, address.path)
        else:
            await wire.loop.create_connection(lambda: wire, address.host, address.port)
        # A dying or frozen server's socket still takes connections: only one that answers counts, whatever it says
        # to PING (it may be loading), or the first commands would be lost instead of not sent.
        for words in (*address.greeting, ("PING",)):
            reply = await wire.ask(pack(words))
            if isinstance(reply, ResponseError) and words != ("PING",):
                raise reply


def open_connection(
    url: str, *, timeout_s: float = 5.0, max_waiting: int = 20_000
) -> "Connection | InProcessConnection":
    """A Connection, or for fakeredis:// the in-process stand-in with the same methods. Raises ValueError."""
    if url.startswith("fakeredis:"):
        from engine.in_process import InProcessConnection

        return InProcessConnection(url)
    return Connection(url, timeout_s=timeout_s, max_waiting=max_waiting)
