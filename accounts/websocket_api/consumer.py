"""One connection of the WebSocket API: frames in, answers out.

In which order: a request that trades, and one that changes the connection itself, is answered before the next frame is
looked at, so orders of one connection cannot overtake each other. Everything else runs beside, at most MOST_AT_ONCE
requests of a connection, and is answered as it finishes.

The fact a newcomer would get wrong: whatever a client sends, the connection stays open. A request that makes no sense
has an answer too, with the id null if its own could not be read.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from accounts.websocket_api.frames import Frame, Response, Unreadable, encode, read_frame
from accounts.websocket_api.methods import Method, find
from accounts.websocket_api.preferences import Preferences, read_preferences
from api.errors import INVALID_JSON, UNKNOWN, Answer, Refused, answer_to
from api.router import Reply
from api.time_units import TimeUnit, encoded_in_microseconds
from engine.errors import BadParameter, ExchangeError, InvariantBroken, Rejected
from markets.consumers import StreamConsumer

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 64


class WebSocketApiConsumer(StreamConsumer):
    """One socket of the WebSocket API. `methods`: what can be asked for, by name."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        super().__init__()
        self._methods = methods
        self._beside: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._preferences = Preferences()

    async def websocket_connect(self, message: Any) -> None:
        """Accept whoever has preferences that can be met."""
        try:
            self._preferences = read_preferences(self.scope["query_string"])
        except ExchangeError as error:
            await self._refuse(answer_to(error))
            return
        await super().websocket_connect(message)
        self.is_in_use()  # who only waits for an occasion to trade may stay

    async def _refuse(self, answer: Answer) -> None:
        """End the handshake with an HTTP answer, or where the server has none for sockets, without a word."""
        self._sending = self._idle = None
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close()
            return
        headers = [(b"content-type", b"application/json;charset=UTF-8")]
        body = encode({"code": answer.code, "msg": answer.text})
        await self.base_send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
        await self.base_send({"type": "websocket.http.response.body", "body": body})

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame, one answer, now or later."""
        try:
            if text_data is None:
                raise Unreadable(Refused(INVALID_JSON))
            frame = read_frame(text_data)
            method = find(self._methods, frame)
        except Unreadable as unreadable:
            self._say(self._refusal(unreadable.id, unreadable.error))
            return
        if method.is_ordered:
            await self._meet(frame, method)
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

    async def _ask(self, frame: Frame, method: Method) -> Response:
        """What the endpoint answers. Raises whatever it raises."""
        runtime, row = self.runtime, method.row
        if row.needs_venue and not runtime.is_open:
            await runtime.open_venue()
        caller = method.anonymous
        try:
            result = await row.handler(method.reader.read(frame.texts), caller, runtime)
        except (Rejected, BadParameter) as error:
            if method.notes_refusals:
                runtime.refusals.note(row.websocket, frame.texts, caller, error)
            raise
        if type(result) is not Reply:
            return Response(frame.id, 200, result)
        for part, refusal in result.refused:
            runtime.refusals.note(f"{row.websocket}, {part},", frame.texts, caller, refusal)
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
        if self._preferences.time_unit is TimeUnit.MICROSECOND:
            response.result = _finer(response.result)
            response.error = _finer(response.error)
        self.subscriber.push(encode(response).decode())

    def forget(self) -> None:
        for task in self._beside:
            task.cancel()


def _finer(value: Any) -> Any:
    """The same as JSON, with its times in microseconds."""
    return value if value is msgspec.UNSET else msgspec.Raw(encoded_in_microseconds(encode(value)))
