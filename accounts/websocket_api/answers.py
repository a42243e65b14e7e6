"""What is answered to a request of the WebSocket API: who asks, how much he may, what the endpoint says.

The fact a newcomer would get wrong: a request that is refused has counted towards the caller's limits too, and the
refusal shows how far it got, as every answer does (web-socket-api.md, "Rate limits").
"""

import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from accounts.websocket_api.connection import Connection, Session
from accounts.websocket_api.credentials import SessionRevoked, caller_of
from accounts.websocket_api.frames import Frame, Response, Unreadable, encode
from accounts.websocket_api.methods import Method
from accounts.websocket_api.preferences import shows_rate_limits
from api.errors import UNKNOWN, answer_to
from api.faults import failing
from api.limits import UNREADABLE, Light, Meter, times_of
from api.request_ids import NO_ID
from api.router import Reply
from api.time_units import TimeUnit, encoded_in_microseconds
from engine.errors import BadParameter, InvariantBroken, Rejected

logger = logging.getLogger(__name__)


CONNECTING: Final = Light(weight=2)


class Answers:
    """Of one connection; `say` sends a frame. Nothing here raises: whatever goes wrong has an answer."""

    def __init__(self, connection: Connection, say: Callable[[str], None]) -> None:
        self._connection = connection
        self._say = say

    async def to_request(self, frame: Frame, method: Method, session: Session | None) -> None:
        """Do what is asked, and say what came of it; `session`: the connection's when the frame came."""
        connection = self._connection
        meter = Meter(connection.runtime, connection.address, method)
        shows, is_revoked = connection.preferences.shows_rate_limits, False
        try:
            shows = shows_rate_limits(frame.texts, usual=shows)
            response = await self._ask(frame, method, session, meter)
        except Exception as error:
            is_revoked = isinstance(error, SessionRevoked)
            response = await self._refusal(frame.id, error, meter, method.name)
        if shows:
            response.rate_limits = meter.shown()
        self._say(self._written(response))
        if is_revoked:  # said once more, under no id: it is about the session (web-socket-api.md)
            self._say(self._written(_refused(NO_ID, SessionRevoked())))

    async def to_unreadable(self, unreadable: Unreadable) -> None:
        """Say what is wrong with a frame."""
        connection = self._connection
        meter = Meter(connection.runtime, connection.address, UNREADABLE)
        response = await self._refusal(unreadable.id, unreadable.error, meter, "a frame")
        if connection.preferences.shows_rate_limits:
            response.rate_limits = meter.shown()
        self._say(self._written(response))

    async def _ask(self, frame: Frame, method: Method, session: Session | None, meter: Meter) -> Response:
        """What the endpoint answers. Raises whatever it raises."""
        connection, texts = self._connection, frame.texts
        runtime = connection.runtime
        if runtime.bans and meter.may_be_banned:
            await meter.turn_away()
        if method.needs_venue and not runtime.is_open:
            await runtime.open_venue()
        caller = method.anonymous
        if method.credentials is not None:
            caller = await caller_of(connection, method, texts, session)
        try:
            request = method.reader.read(texts)
            caller = await meter.begin(request, caller)
            handler = method.handler
            if runtime.venue.registry.fault is not None:
                handler = failing(handler, method.name, runtime.venue.faults)
            result = await handler(request, caller, connection if method.needs_connection else runtime)
        except (Rejected, BadParameter) as error:
            if method.notes_refusals:
                runtime.refusals.note(method.name, texts, caller, error)
            raise
        if type(result) is not Reply:
            return Response(frame.id, 200, result)
        await meter.done([refusal for _, refusal in result.refused], has_effect=result.has_effect)
        for part, refusal in result.refused:
            runtime.refusals.note(f"{method.name}, {part},", texts, caller, refusal)
        return Response(frame.id, result.status, error=result.body)

    async def _refusal(self, id_: msgspec.Raw, error: Exception, meter: Meter, what: str) -> Response:
        """An answer to what went wrong; the one place where an error that is not ours becomes a 500."""
        try:
            response = _refused(id_, await meter.failed(error))
        except Exception:  # the meter itself, or a reason without a row: still an answer
            response = Response(id_, UNKNOWN.status, error={"code": UNKNOWN.code, "msg": UNKNOWN.text})
        if response.status == UNKNOWN.status or isinstance(error, InvariantBroken):
            logger.error("%s failed", what, exc_info=error)
        return response

    def _written(self, response: Response) -> str:
        if self._connection.preferences.time_unit is TimeUnit.MICROSECOND:
            response.result = _finer(response.result)
            response.error = _finer(response.error)
        return encode(response).decode()


def _refused(id_: msgspec.Raw, error: Exception) -> Response:
    answer = answer_to(error)
    members: dict[str, Any] = {"code": answer.code, "msg": answer.text}
    times = times_of(error)
    if times is not None:
        members["data"] = {"serverTime": times[0], "retryAfter": times[1]}
    return Response(id_, answer.status, error=members)


def _finer(value: Any) -> Any:
    """The same as JSON, with its times in microseconds."""
    return value if value is msgspec.UNSET else msgspec.Raw(encoded_in_microseconds(encode(value)))
