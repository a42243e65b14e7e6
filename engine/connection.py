"""One multiplexed Redis connection per event loop: many awaits share one socket, pipelined.

The fact a newcomer would get wrong: nothing is ever sent twice. A command whose bytes left and whose reply did not
come is ReplyLost, and only its caller can find out what became of it.

Redis answers a connection's commands one after the other, so a command that blocks (XREAD BLOCK) would hold up
everybody: whoever blocks opens a connection of its own, with a `timeout_s` longer than the blocking:

    tail = open_connection(url, timeout_s=block_ms / 1000 + 4)
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis
from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

from engine.scripts import Script

if TYPE_CHECKING:
    from engine.in_process import InProcessConnection

Word = bytes | str | int

CONNECT_PAUSE_S = 0.05  # a failed connect answers for everybody who asks within this time
TIMEOUT_STEPS = 8  # looks per timeout: a lost reply is noticed at most an eighth late
ERROR_CLASSES = {
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "NOPERM": NoPermissionError,
}
_NOTHING = object()  # hiredis: no whole reply yet

_pack = cast("Callable[[tuple[Word, ...]], bytes]", hiredis.pack_command)  # its own type allows one word only


class NotSent(Exception):
    """No connection could be had, or too much is waiting: nothing happened."""


class ReplyLost(Exception):
    """The command left and no reply came: it may have happened."""


def error_reply(text: str) -> ResponseError:
    """An error reply as an exception whose text begins with the error's first word ("OOM command not allowed ...")."""
    return ERROR_CLASSES.get(text.partition(" ")[0], ResponseError)(text)


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


class _Waiter(Protocol):
    """Who gets a reply: a Future, or a _Batch, which stands in the queue once for each of its replies."""

    def done(self) -> bool: ...
    def set_result(self, reply: Any, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


class _Batch:
    """Collects the replies of a pipeline and wakes its caller once, after the last."""

    __slots__ = ("_count", "_replies", "future")

    def __init__(self, future: asyncio.Future[list[Any]], count: int) -> None:
        self.future = future
        self._count = count
        self._replies: list[Any] = []

    def done(self) -> bool:
        return self.future.done()

    def set_result(self, reply: Any) -> None:
        self._replies.append(reply)
        if len(self._replies) == self._count:
            self.future.set_result(self._replies)

    def set_exception(self, error: Exception) -> None:
        self.future.set_exception(error)


class _Wire(asyncio.Protocol):
    """One socket's life: what is asked in one turn of the loop leaves in one write, replies come back in order.

    Error replies are handed out as results; only a lost connection is set as an exception.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self.loop = loop
        self.waiting: deque[_Waiter] = deque()  # everybody, oldest first: the sent ones, then the unsent ones
        self.is_open = False
        self.closed: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(replyError=error_reply, notEnoughData=_NOTHING)
        self._unsent: list[bytes] = []
        self._unsent_count = 0
        self._is_paused = False
        self._answered = 0
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._asked_at_looks: deque[int] = deque(maxlen=TIMEOUT_STEPS)

    def ask(self, frames: bytes, waiter: _Waiter, count: int = 1) -> None:
        """Queue `frames`, which hold `count` commands, for this turn's write."""
        if not self._unsent and not self._is_paused:
            self.loop.call_soon(self._flush)
        self._unsent.append(frames)
        self._unsent_count += count
        if count == 1:
            self.waiting.append(waiter)
        else:
            self.waiting.extend([waiter] * count)
        if self._timer is None:
            self._asked_at_looks.clear()
            self._look_later()

    def lose(self, why: str) -> None:
        """Give the connection up: what has left is lost, what has not is not sent."""
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        sent = len(self.waiting) - self._unsent_count
        for number, waiter in enumerate(self.waiting):
            if not waiter.done():
                waiter.set_exception(ReplyLost(why) if number < sent else NotSent(why))
        self.waiting.clear()
        self._unsent, self._unsent_count = [], 0
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        self.lose(f"the connection to Redis was lost: {error}" if error else "Redis closed the connection")
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        waiting = self.waiting
        next_reply = self._reader.gets
        try:
            self._reader.feed(data)
            while (reply := next_reply()) is not _NOTHING:
                waiter = waiting.popleft()
                self._answered += 1
                if not waiter.done():  # a caller that was cancelled: its reply is dropped, the order stays
                    waiter.set_result(reply)
        except (hiredis.ProtocolError, IndexError) as error:
            self.lose(f"Redis sent what is no answer: {error}")

    def pause_writing(self) -> None:
        """The kernel takes no more: what is asked now stays with us, so that a loss can call it not sent."""
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._flush()

    def _flush(self) -> None:
        if self._unsent and not self._is_paused and self._transport is not None:
            frames = self._unsent[0] if len(self._unsent) == 1 else b"".join(self._unsent)
            self._unsent, self._unsent_count = [], 0
            self._transport.write(frames)

    def _look_later(self) -> None:
        self._timer = self.loop.call_later(self._timeout_s / TIMEOUT_STEPS, self._look)

    def _look(self) -> None:
        """Whether what had been asked a timeout ago is answered. One timer for all, none while nothing waits."""
        self._timer = None
        if not self.waiting:
            return
        looks = self._asked_at_looks
        if len(looks) == TIMEOUT_STEPS and self._answered < looks[0]:
            self.lose(f"Redis did not answer within {self._timeout_s:g} s")
            return
        looks.append(self._answered + len(self.waiting))
        self._look_later()


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
        self._wire: _Wire | None = None
        self._connecting: asyncio.Task[_Wire | None] | None = None
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
        return await self._ask(_pack(words))

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """Run a script. Raises what `command` raises.

        A server that answers NOSCRIPT has run nothing: the script is loaded and asked for once more.
        """
        name = "EVALSHA_RO" if script.is_read_only else "EVALSHA"
        frame = _pack((name, script.sha, len(keys), *keys, *arguments))
        try:
            return await self._ask(frame)
        except NoScriptError:
            await self._load(script)
        return await self._ask(frame)

    async def pipeline(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Many commands in one write: replies in order, an error reply stands in the list as an exception.

        Raises NotSent (none of them happened) or ReplyLost (any of them may have happened).
        """
        if not commands:
            return []
        frames = b"".join([_pack(tuple(words)) for words in commands])
        wire = await self._ready()
        self._check_room(wire, len(commands))
        batch = _Batch(wire.loop.create_future(), len(commands))
        wire.ask(frames, batch, len(commands))
        return await batch.future

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
        wire = self._wire
        if wire is None or not wire.is_open:
            wire = await self._ready()
        if len(wire.waiting) >= self._max_waiting:
            self._check_room(wire, 1)
        future: asyncio.Future[Any] = wire.loop.create_future()
        wire.ask(frame, future)
        reply = await future
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    def _check_room(self, wire: _Wire, count: int) -> None:
        if len(wire.waiting) + count > self._max_waiting:
            waiting = f"{len(wire.waiting)} commands wait for Redis"
            raise NotSent(f"{waiting}: with {count} more it would be over the limit of {self._max_waiting}")

    async def _load(self, script: Script) -> None:
        """SCRIPT LOAD, unless it is on its way: replies keep their order, so what is asked later finds it loaded."""
        if script.sha in self._scripts_on_the_way:
            return
        self._scripts_on_the_way.add(script.sha)
        try:
            await self.command("SCRIPT", "LOAD", script.text)
        except ReplyLost as error:
            raise NotSent(f"lost while loading {script.name}, which therefore did not run") from error
        finally:
            self._scripts_on_the_way.discard(script.sha)

    async def _ready(self) -> _Wire:
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

    async def _connect(self) -> _Wire | None:
        """The new wire, or None with `_failure` set: nobody may be left to take an exception."""
        loop = asyncio.get_running_loop()
        wire = _Wire(loop, self._timeout_s)
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

    async def _open(self, wire: _Wire) -> None:
        address = self._address
        if address.path:
            await wire.loop.create_unix_connection(lambda: wire, address.path)
        else:
            await wire.loop.create_connection(lambda: wire, address.host, address.port)
        # A dying or frozen server's socket still takes connections: only one that answers counts, whatever it says
        # to PING (it may be loading), or the first commands would be lost instead of not sent.
        for words in (*address.greeting, ("PING",)):
            future: asyncio.Future[Any] = wire.loop.create_future()
            wire.ask(_pack(words), future)
            reply = await future
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
