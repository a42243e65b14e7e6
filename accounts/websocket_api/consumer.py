"""One connection of the WebSocket API: frames in, answers out.

In which order: a request that trades, and one that changes the connection itself, is answered before the next frame is
looked at, so orders of one connection cannot overtake each other. Everything else runs beside, at most MOST_AT_ONCE
requests of a connection, and is answered as it finishes (docs/decisions/0005).

The fact a newcomer would get wrong: whatever a client sends, the connection stays open. A request that makes no sense
has an answer too, with the id null if its own could not be read.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from accounts.user_events.answers_first import AnswersFirst
from accounts.websocket_api.answers import CONNECTING, Answers
from accounts.websocket_api.connection import Connection
from accounts.websocket_api.frames import Unreadable, read_frame
from accounts.websocket_api.methods import Method, find
from accounts.websocket_api.preferences import read_preferences
from api.callers import Caller
from api.dialects import V3
from api.errors import answer_to
from api.limits import Meter, retry_after
from api.runtime import current
from api.subscriptions import HALF_FULL_PERCENT, WRITE_TEXT, Envelope
from engine.errors import EngineUnavailable, ExchangeError
from markets.consumers import LARGEST_FRAME, StreamConsumer

logger = logging.getLogger(__name__)

INTERNAL_ERROR: Final = 1011
MOST_AT_ONCE: Final = 16
LARGEST_QUEUE: Final = 16 << 20  # bytes: some of the answers that are asked for at once may well have a megabyte
DRAIN_S: Final = 0.005
MOST_HEARD: Final = 64  # frames that wait before the peer is stopped; those that came with the last may be more


class WebSocketApiConsumer(StreamConsumer):
    """One socket of the WebSocket API. `methods`: what can be asked for, by name."""

    max_bytes = LARGEST_QUEUE

    def __init__(self, methods: Mapping[str, Method]) -> None:
        super().__init__()
        self._methods = methods
        self._beside: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._heard: deque[bytes] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._idle_worker: asyncio.Future[None] | None = None
        self._is_gone = False

    async def websocket_connect(self, message: Any) -> None:
        """Accept whoever has preferences that can be met, and may ask for more."""
        try:
            self._preferences = read_preferences(self.scope["query_string"])
            await self._admit(self.address)
        except ExchangeError as error:
            await self.refuse(answer_to(error), retry_after(error))
            return
        await super().websocket_connect(message)
        if self.is_open:
            self.is_in_use()  # who only waits for an occasion to trade may stay

    async def prepare(self) -> None:
        """Stand ready before the handshake is answered: all that the peer sends then comes one way, in its order."""
        answers_first = AnswersFirst(self.subscriber)
        self._connection = Connection(self.runtime, self._preferences, answers_first, address=self.address, since_ms=0)
        self._answers = Answers(self._connection, self.subscriber.push)
        self._connection.since_ms = await self._now_ms()
        self._take_the_short_way()

    async def _admit(self, address: str) -> None:
        """Count the handshake; while the venue cannot be asked everybody may come in. Raises LimitReached."""
        with contextlib.suppress(EngineUnavailable):
            await Meter(current(), address, CONNECTING).begin(None, Caller(V3))

    async def _now_ms(self) -> int:
        """The venue's time, this machine's while the venue cannot be asked."""
        try:
            return (await self.runtime.venue.queries.clock()).now_ms
        except EngineUnavailable:
            return time.time_ns() // 1_000_000

    def _take_the_short_way(self) -> None:
        """Have the server hand texts over at once, if it can."""
        extension = self.scope.get("extensions", {}).get(WRITE_TEXT)
        if extension is not None:
            self._pause, self._resume = extension["pause"], extension["resume"]
            self._worker = asyncio.create_task(self._work())
            extension["on_text"] = self._hear

    def _hear(self, text: bytes) -> None:
        """A text came, by the server's short way."""
        self._heard.append(text if len(text) <= LARGEST_FRAME else b"")
        self._wake()
        if len(self._heard) >= MOST_HEARD:  # again and again: the server reads on once a frame of bytes is taken
            self._pause()

    def _wake(self) -> None:
        if self._idle_worker is not None and not self._idle_worker.done():
            self._idle_worker.set_result(None)

    async def _work(self) -> None:
        """Meet what was heard, also what was sent right before the connection was closed."""
        loop, heard = asyncio.get_running_loop(), self._heard
        while True:
            while heard:
                if len(heard) == MOST_HEARD:
                    self._resume()
                try:
                    await self._until_read()
                    await self._take(heard.popleft())
                except Exception:
                    logger.exception("a connection of the WebSocket API is cut")
                    self.hang_up("internal error", INTERNAL_ERROR)
            if self._is_gone:
                self._connection.forget()  # what was still being begun when the socket went
                return
            self._idle_worker = loop.create_future()
            await self._idle_worker

    async def _until_read(self) -> None:
        """Take no more requests while half of what may wait for the peer does: who asks shall not be cut for it."""
        while self.subscriber.fullness_percent > HALF_FULL_PERCENT and not self._is_gone:  # noqa: ASYNC110 - untold
            await asyncio.sleep(DRAIN_S)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A message came, by a server that has no short way, or one that is no text."""
        if self._worker is not None:
            self._hear(b"" if text_data is None else text_data.encode())
            return
        await self._until_read()
        await self._take(b"" if text_data is None or len(text_data) > LARGEST_FRAME else text_data)

    async def _take(self, data: bytes | str) -> None:
        """One frame, one answer, now or later."""
        try:
            frame = read_frame(data)
            method = find(self._methods, frame)
        except Unreadable as unreadable:
            await self._answers.to_unreadable(unreadable)
            return
        connection = self._connection
        meeting = self._answers.to_request(frame, method, connection.session)
        if method.is_ordered:
            with connection.answers_first.request():
                await meeting
                connection.answered()
        else:
            await self._room.acquire()
            task = asyncio.create_task(meeting)
            self._beside.add(task)
            task.add_done_callback(self._is_met)

    def _is_met(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        self._room.release()

    def farewell(self) -> str | None:
        """serverShutdown, which belongs to no subscription (web-socket-api.md, "Connection events")."""
        envelope = Envelope('{"event":', "}", self._connection.preferences.time_unit)
        return envelope.around(f'{{"e":"serverShutdown","E":{time.time_ns() // 1_000_000}}}')

    def forget(self) -> None:
        self._is_gone = True
        self._wake()
        for task in self._beside:
            task.cancel()
        self._connection.forget()
