"""Who hears what: a socket's bounded queue, and the streams that fill many of them with the same text.

The fact a newcomer would get wrong: a subscriber that falls behind is cut, never skipped. Its queue is thrown away
and the socket closed with 1013; it starts again from a snapshot, so nobody ever sees a stream with a hole.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from api.time_units import TimeUnit, encoded_in_microseconds

TRY_AGAIN_LATER = 1013
POLICY_VIOLATION = 1008
MAX_MESSAGES = 1_000
MAX_BYTES = 1 << 20
HALF_FULL_PERCENT = 50
PATIENCE_S = 5.0
WRITE_TEXT = "exchange.write_text"  # the scope's extension of a server that can send a text without being awaited


class Envelope(NamedTuple):
    """How a subscriber wants a stream's data: with a name around it (the guide, Binance's combined form) or bare, and
    with times in milliseconds, as the data has them, or finer.
    """

    before: str
    after: str
    unit: TimeUnit = TimeUnit.MILLISECOND

    def around(self, data: str) -> str:
        """The frame of `data`, which is JSON text with times in milliseconds."""
        before, after, unit = self
        return f"{before}{data}{after}" if unit is TimeUnit.MILLISECOND else f"{before}{_finer(data)}{after}"


BARE = Envelope("", "")


def named_envelope(stream: str, unit: TimeUnit = TimeUnit.MILLISECOND) -> Envelope:
    """{"stream": name, "data": ...}, the name as its subscriber wrote it."""
    return Envelope(f'{{"stream":{msgspec.json.encode(stream).decode()},"data":', "}", unit)


class Place(Protocol):
    """A listener's place in a stream: opened first, begun with `start` (which cannot fail), given back with `end`.

    Whoever was never started gives its place back with `end` too.
    """

    def start(self, listener: "Listener", /) -> None:
        """From here on the listener hears the stream."""

    def end(self) -> None:
        """It hears the stream no more."""


class Listener(Protocol):
    """Where a stream's frames go: a socket's queue, or what stands in front of it."""

    def push(self, frame: str, /) -> None: ...
    def cut(self, code: int, /) -> None: ...


class Subscriber:
    """The frames one socket has still to send, at most `max_messages` of them and `max_bytes` together.

    One task takes them: `while True: for frame in await subscriber.take(): ...`. `on_cut(close code)` is called once,
    when the subscriber fell behind or lost its right to listen; nothing is queued after it. One event may bring more
    frames than fit, so the bounds are judged after that task has had its turn: only a socket that cannot be written
    to is over them then.

    `write`, where the server offers it, sends a frame at once or answers False: a frame before which nothing waits
    then needs no queue and no task, and costs half. With `waits_for_taker` nothing is judged before that task has
    taken frames for the first time: what is opened during the handshake may begin with many.
    """

    __slots__ = (
        "_frames", "_held_s", "_is_judged", "_max_bytes", "_max_messages", "_on_cut", "_size", "_waiter",
        "_waits_for_taker", "_write", "cut_code",
    )  # fmt: skip

    def __init__(
        self,
        on_cut: Callable[[int], None],
        *,
        max_messages: int = MAX_MESSAGES,
        max_bytes: int = MAX_BYTES,
        write: Callable[[str], bool] | None = None,
        waits_for_taker: bool = False,
    ) -> None:
        self._write = write
        self._waits_for_taker = waits_for_taker
        self._frames: list[str] = []
        self._size = 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._waiter: asyncio.Future[None] | None = None
        self._on_cut = on_cut
        self._is_judged = False
        self._held_s = 0.0
        self.cut_code: int | None = None

    def push(self, frame: str) -> None:
        """Queue a frame; one too many, and the subscriber will be cut."""
        if self.cut_code is not None:
            return
        waiter = self._waiter
        if waiter is not None and self._write is not None and self._write(frame):
            return  # the task was waiting, so all that came before has been sent
        self._frames.append(frame)
        self._size += len(frame)
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        if not self._is_judged and self._is_over:
            self._is_judged = True
            asyncio.get_running_loop().call_soon(self._judge)

    @property
    def _is_over(self) -> bool:
        return len(self._frames) > self._max_messages or self._size > self._max_bytes

    def _judge(self) -> None:
        self._is_judged = False
        if self._is_over and not self._waits_for_taker:
            self.cut(TRY_AGAIN_LATER)

    async def take(self) -> list[str]:
        """All frames that are queued, oldest first; waits for the first one."""
        if not self._frames:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._waits_for_taker = False
        frames, self._frames, self._size = self._frames, [], 0
        return frames

    def cut(self, code: int) -> None:
        """Stop here: forget what is queued and have the socket closed with `code`."""
        if self.cut_code is None:
            self.cut_code = code
            self._frames, self._size = [], 0
            self._on_cut(code)

    @property
    def fullness_percent(self) -> int:
        return max(100 * len(self._frames) // self._max_messages, 100 * self._size // self._max_bytes)

    def pressure_percent(self, passed_s: float) -> int:
        """How full it is, for those who wait for slow readers; told that `passed_s` seconds have passed.

        Nobody waits longer than five seconds: of a socket that is more than half full for longer, or for more of the
        time than not, only half counts. It will be cut when more comes than it reads, the others need not wait.
        """
        fullness = self.fullness_percent
        is_holding = fullness > HALF_FULL_PERCENT
        self._held_s = min(max(self._held_s + (passed_s if is_holding else -passed_s), 0.0), 2 * PATIENCE_S)
        return fullness if self._held_s < PATIENCE_S else min(fullness, HALF_FULL_PERCENT)


class Stream:
    """The subscribers of one stream, grouped by the envelope they want: a frame is built once for each group."""

    def __init__(self) -> None:
        self._groups: dict[Envelope, set[Listener]] = {}

    @property
    def is_heard(self) -> bool:
        return bool(self._groups)

    def add(self, subscriber: Listener, envelope: Envelope) -> None:
        self._groups.setdefault(envelope, set()).add(subscriber)

    def remove(self, subscriber: Listener, envelope: Envelope) -> None:
        group = self._groups.get(envelope, set())
        group.discard(subscriber)
        if not group:
            self._groups.pop(envelope, None)

    def publish(self, data: str) -> None:
        """Hand one event, JSON text, to everybody who listens."""
        for envelope, subscribers in self._groups.items():
            frame = envelope.around(data)
            for subscriber in subscribers:
                subscriber.push(frame)

    def cut_all(self, code: int) -> None:
        for subscribers in self._groups.values():
            for subscriber in subscribers:
                subscriber.cut(code)


def _finer(data: str) -> str:
    return encoded_in_microseconds(data.encode()).decode()
