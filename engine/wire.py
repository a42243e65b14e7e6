"""One socket to Redis: commands out, those of one turn in few writes, replies in to whoever waits for them, in order.

The fact a newcomer would get wrong: when a socket is lost, its commands fall into two kinds. What had left may have
happened (ReplyLost), what had not cannot have (NotSent); so bytes that the kernel does not take stay with us.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol, cast

import hiredis
from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

Word = bytes | str | int

EARLY_WRITE_BYTES = 512  # a smaller command waits for the end of the loop's turn, to share a write
TIMEOUT_STEPS = 8  # looks per timeout: a lost reply is noticed at most an eighth late
ERROR_CLASSES = {
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "NOPERM": NoPermissionError,
}
NO_FUNCTION = "ERR Function not found"
_NOTHING = object()  # hiredis: no whole reply yet

pack = cast("Callable[[tuple[Word, ...]], bytes]", hiredis.pack_command)  # its own type allows one word only


@lru_cache(maxsize=4_096)
def _call_head(name: str, function: str, keys: tuple[str, ...], count: int) -> tuple[bytes, int]:
    """A call's bytes up to its arguments, the same for every order of a symbol; how many of the bytes into which its
    `count` arguments are packed by themselves only say how many they are.
    """
    words = pack((name, function, len(keys), *keys))
    head = b"*%d\r\n" % (3 + len(keys) + count) + words[words.index(b"\n") + 1 :]
    return head, len(b"*%d\r\n" % count)


def pack_call(name: str, function: str, keys: Sequence[str], arguments: Sequence[Word]) -> bytes:
    """The bytes that call a script. Most are kept from the last call, which takes half the time of packing all anew."""
    head, skipped = _call_head(name, function, tuple(keys), len(arguments))
    return head + pack(tuple(arguments))[skipped:] if arguments else head


class NotSent(Exception):
    """No connection could be had, or too much is waiting: nothing happened."""


class ReplyLost(Exception):
    """The command left and no reply came: it may have happened."""


def error_reply(text: str) -> ResponseError:
    """An error reply as an exception whose text begins with the error's first word ("OOM command not allowed ...")."""
    if text.startswith(NO_FUNCTION):
        return NoScriptError(text)
    return ERROR_CLASSES.get(text.partition(" ")[0], ResponseError)(text)


class Waiter(Protocol):
    """Who gets a reply: a Future, or a Batch, which stands in the queue once for each of its replies."""

    def done(self) -> bool: ...
    def set_result(self, reply: Any, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


class Batch:
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


class Wire(asyncio.Protocol):
    """One socket's life: small commands of one turn of the loop share a write, replies come back in order.

    An order's bytes leave at once: Redis works on them while we read the next request. Kept until the end of the turn,
    all orders of a turn are first ours and then Redis', and one side always waits: a sixth to a fifth fewer orders.
    Error replies are handed out as results; only a lost connection is set as an exception.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self.loop = loop
        self.waiting: deque[Waiter] = deque()  # everybody, oldest first: the sent ones, then the unsent ones
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

    def ask(self, frame: bytes) -> asyncio.Future[Any]:
        """Send one command, at once or with this turn's write: what its reply will be, an error reply too."""
        future: asyncio.Future[Any] = self.loop.create_future()
        self.waiting.append(future)
        self._send(frame, 1)
        return future

    def ask_all(self, frames: bytes, count: int) -> asyncio.Future[list[Any]]:
        """The same for `count` commands: all replies in order."""
        future: asyncio.Future[list[Any]] = self.loop.create_future()
        self.waiting.extend([Batch(future, count)] * count)
        self._send(frames, count)
        return future

    def _send(self, frames: bytes, count: int) -> None:
        is_first = not self._unsent
        if is_first and len(frames) >= EARLY_WRITE_BYTES and not self._is_paused and self._transport is not None:
            self._transport.write(frames)
        else:
            self._unsent.append(frames)
            self._unsent_count += count
            if len(frames) >= EARLY_WRITE_BYTES:
                self._flush()
            elif is_first:
                self.loop.call_soon(self._flush)
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
        self._transport.set_write_buffer_limits(high=EARLY_WRITE_BYTES - 1)  # uvloop holds back what is not above it
        self.is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        self.lose(f"the connection to Redis was lost: {error}" if error else "Redis closed the connection")
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        next_waiter, next_reply = self.waiting.popleft, self._reader.gets
        try:
            self._reader.feed(data)
            while (reply := next_reply()) is not _NOTHING:
                waiter = next_waiter()
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
