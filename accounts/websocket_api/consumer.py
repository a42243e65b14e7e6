"""One connection of the WebSocket API: frames in, answers out.

In which order: a request that trades, and one that changes the connection itself, is answered before the next frame is
looked at, so orders of one connection cannot overtake each other. Everything else runs beside, at most MOST_AT_ONCE
requests of a connection, and is answered as it finishes.

The fact a newcomer would get wrong: whatever a client sends, the connection stays open. A request that makes no sense
has an answer too, with the id null if its own could not be read.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from accounts.user_events.answers_first import AnswersFirst
from accounts.websocket_api.connection import Connection
from accounts.websocket_api.credentials import SessionRevoked, caller_of
from accounts.websocket_api.frames import Frame, Response, Unreadable, encode, read_frame
from accounts.websocket_api.methods import Method, find
from accounts.websocket_api.preferences import read_preferences
from api.errors import UNKNOWN, answer_to
from api.request_ids import NO_ID
from api.router import Reply
from api.subscriptions import WRITE_TEXT, Envelope
from api.time_units import TimeUnit, encoded_in_microseconds
from engine.errors import BadParameter, EngineUnavailable, ExchangeError, InvariantBroken, Rejected
from markets.consumers import LARGEST_FRAME, StreamConsumer

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 64
MOST_HEARD: Final = 64  # frames that wait before the peer is stopped; those that came with the last may be more


class WebSocketApiConsumer(StreamConsumer):
    """One socket of the WebSocket API. `methods`: what can be asked for, by name."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        super().__init__()
        self._methods = methods
        self._beside: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._heard: deque[bytes] = deque()
        self._idle_worker: asyncio.Future[None] | None = None
        self._is_gone = False

    async def websocket_connect(self, message: Any) -> None:
        """Accept whoever has preferences that can be met."""
        try:
            preferences = read_preferences(self.scope["query_string"])
        except ExchangeError as error:
            await self.refuse(answer_to(error))
            return
        await super().websocket_connect(message)
        if self.is_open:
            self.is_in_use()  # who only waits for an occasion to trade may stay
            client = self.scope.get("client") or ("",)  # a unix socket has no peer address
            self._connection = Connection(
                self.runtime,
                preferences,
                AnswersFirst(self.subscriber),
                address=client[0],
                since_ms=await self._now_ms(),
            )
            self._take_the_short_way()

    def _take_the_short_way(self) -> None:
        """Have the server hand texts over at once, if it can."""
        extension = self.scope.get("extensions", {}).get(WRITE_TEXT)
        if extension is not None:
            self._pause, self._resume = extension["pause"], extension["resume"]
            self._worker = asyncio.create_task(self._work())
            extension["on_text"] = self._hear

    async def _now_ms(self) -> int:
        """The venue's time, this machine's while the venue cannot be asked."""
        try:
            return (await self.runtime.venue.queries.clock()).now_ms
        except EngineUnavailable:
            return time.time_ns() // 1_000_000

    def _hear(self, text: bytes) -> None:
        """A text came, by the server's short way."""
        self._heard.append(text if len(text) <= LARGEST_FRAME else b"")
        if self._idle_worker is not None and not self._idle_worker.done():
            self._idle_worker.set_result(None)
        if len(self._heard) == MOST_HEARD:
            self._pause()

    async def _work(self) -> None:
        """Meet what was heard, also what was sent right before the connection was closed."""
        loop, heard = asyncio.get_running_loop(), self._heard
        while True:
            while heard:
                if len(heard) == MOST_HEARD:
                    self._resume()
                await self._take(heard.popleft())
            if self._is_gone:
                return
            self._idle_worker = loop.create_future()
            await self._idle_worker

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A message came, by a server that has no short way, or one that is no text."""
        await self._take(b"" if text_data is None or len(text_data) > LARGEST_FRAME else text_data)

    async def _take(self, data: bytes | str) -> None:
        """One frame, one answer, now or later."""
        try:
            frame = read_frame(data)
            method = find(self._methods, frame)
        except Unreadable as unreadable:
            self._say(self._refusal(unreadable.id, unreadable.error))
            return
        if method.is_ordered:
            with self._connection.answers_first.request():
                await self._meet(frame, method)
                self._connection.answered()
        else:
            await self._room.acquire()
            task = asyncio.create_task(self._meet(frame, method))
            self._beside.add(task)
            task.add_done_callback(self._is_met)

    def _is_met(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        self._room.release()

    async def _meet(self, frame: Frame, method: Method) -> None:
        try:
            response = await self._ask(frame, method)
        except Exception as error:
            response = self._refusal(frame.id, error, frame.method)
            self._say(response)
            if isinstance(error, SessionRevoked):
                self._say(self._refusal(NO_ID, error))
        else:
            self._say(response)

    async def _ask(self, frame: Frame, method: Method) -> Response:
        """What the endpoint answers. Raises whatever it raises."""
        runtime, texts = self.runtime, frame.texts
        if method.needs_venue and not runtime.is_open:
            await runtime.open_venue()
        caller = method.anonymous
        if method.credentials is not None:
            caller = await caller_of(self._connection, method, texts)
        try:
            asked_of = self._connection if method.needs_connection else runtime
            result = await method.handler(method.reader.read(texts), caller, asked_of)
        except (Rejected, BadParameter) as error:
            if method.notes_refusals:
                runtime.refusals.note(method.name, texts, caller, error)
            raise
        if type(result) is not Reply:
            return Response(frame.id, 200, result)
        for part, refusal in result.refused:
            runtime.refusals.note(f"{method.name}, {part},", texts, caller, refusal)
        return Response(frame.id, result.status, error=result.body)

    def _refusal(self, id_: msgspec.Raw, error: Exception, method: str = "") -> Response:
        """An answer to what went wrong; the one place where an error that is not ours becomes a 500."""
        try:
            answer = answer_to(error)
        except Exception:  # a reason or problem without a row: still an answer
            answer = UNKNOWN
        if answer is UNKNOWN or isinstance(error, InvariantBroken):
            logger.error("%s failed", method, exc_info=error)
        return Response(id_, answer.status, error={"code": answer.code, "msg": answer.text})

    def _say(self, response: Response) -> None:
        if self._connection.preferences.time_unit is TimeUnit.MICROSECOND:
            response.result = _finer(response.result)
            response.error = _finer(response.error)
        self.subscriber.push(encode(response).decode())

    def farewell(self) -> str | None:
        """serverShutdown, which belongs to no subscription (web-socket-api.md, "Connection events")."""
        envelope = Envelope('{"event":', "}", self._connection.preferences.time_unit)
        return envelope.around(f'{{"e":"serverShutdown","E":{time.time_ns() // 1_000_000}}}')

    def forget(self) -> None:
        self._is_gone = True
        if self._idle_worker is not None and not self._idle_worker.done():
            self._idle_worker.set_result(None)
        for task in self._beside:
            task.cancel()
        self._connection.forget()


def _finer(value: Any) -> Any:
    """The same as JSON, with its times in microseconds."""
    return value if value is msgspec.UNSET else msgspec.Raw(encoded_in_microseconds(encode(value)))
