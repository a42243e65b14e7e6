"""Binance's form of market streams: SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY.

web-socket-streams.md, "Live Subscribing/Unsubscribing to streams"; code 4 and its text are not in it, Binance sends
them. Whatever a client sends, the connection stays open.

The fact a newcomer would get wrong: a name that no stream has is no error. It is subscribed like any other, stands in
the list, and nothing is ever sent under it; some clients number their connections with such names.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import msgspec
from django.conf import settings

from accounts.sockets.dialogue import Dialogue
from accounts.sockets.frames import Frame, Request
from accounts.sockets.json_places import TextPlace, end_place, member_of, place_of, syntax_error_place
from accounts.user_events.listen_keys import open_listen_key
from api.errors import BUSY
from api.request_ids import NO_ID, is_request_id
from api.subscriptions import BARE, TRY_AGAIN_LATER, Envelope, Place, named_envelope
from api.time_units import TimeUnit
from engine.errors import EngineUnavailable
from markets.consumers import LARGEST_FRAME, StreamConsumer
from markets.streams.hub import open_market_stream

COMBINED = "combined"
MAX_NAME = 200
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
EXPECTED = ", ".join(f"`{method}`" for method in METHODS)


class Fault(Exception):
    """A request that cannot be met: Binance's code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def invalid(reason: str) -> Fault:
    return Fault(2, f"Invalid request: {reason}")


class BinanceDialogue(Dialogue):
    """One socket's talk in Binance's form."""

    def __init__(self, socket: StreamConsumer, unit: TimeUnit, *, is_combined: bool) -> None:
        super().__init__(socket)
        self._unit = unit
        self._is_combined = is_combined

    async def begin(self, names: Iterable[str]) -> None:
        """Open the streams of the URL. What is too much is said in an error, since nobody asked for an answer."""
        try:
            await self._subscribe(list(dict.fromkeys(names)))
        except Fault as fault:
            self._refuse(fault, NO_ID)
        except EngineUnavailable:
            self.subscriber.cut(TRY_AGAIN_LATER)

    async def hear(self, frame: Frame) -> None:
        id_ = NO_ID
        try:
            request = _readable(frame)
            if request.id is not msgspec.UNSET and is_request_id(request.id):
                id_ = request.id
            await self._meet(request, frame.text or "", id_)
        except Fault as fault:
            self._refuse(fault, id_)
        except RecursionError:  # nested so deep that it could just be read, but not be looked through
            self._refuse(Fault(3, f"Invalid JSON: expected value at {TextPlace(1, 1)}"), id_)
        except EngineUnavailable:
            self._refuse(Fault(BUSY.code, BUSY.text), id_)

    async def _meet(self, request: Request, text: str, id_: msgspec.Raw) -> None:
        """Raises Fault and EngineUnavailable."""
        method = _method_of(request, text)
        if request.id is msgspec.UNSET or not is_request_id(request.id):
            raise invalid("request ID must be an unsigned integer")
        params = _params_of(request, text)
        if method == "SUBSCRIBE":
            await self._subscribe(_names_in(params), id_)
        elif method == "UNSUBSCRIBE":
            for name in _names_in(params):
                self.end(name)
            self._confirm(None, id_)
        elif method == "LIST_SUBSCRIPTIONS":
            if params:
                raise invalid("too many parameters")
            self._confirm(list(self.places), id_)
        elif method == "GET_PROPERTY":
            _check_property(params, 1)
            self._confirm(self._is_combined, id_)
        else:
            _check_property(params, 2)
            await self._set_combined(_truth_in(params), id_)
        self._socket.is_in_use()

    def _confirm(self, result: Any, id_: msgspec.Raw) -> None:
        self.answer({"result": result, "id": id_})

    def _refuse(self, fault: Fault, id_: msgspec.Raw) -> None:
        self.answer({"error": {"code": fault.code, "msg": fault.text}, "id": id_})

    async def _subscribe(self, names: list[str], id_: msgspec.Raw | None = None) -> None:
        """Open what is not open yet, answer (if there is an id to answer to), and begin to hear it."""
        new = [name for name in names if name not in self.places]
        if len(self.places) + len(new) > settings.EXCHANGE_SOCKET_STREAMS:
            raise Fault(4, "Too many subscriptions")
        opened = await self._open(new)
        if id_ is not None:
            self._confirm(None, id_)
        self.start(opened)

    async def _open(self, names: list[str]) -> dict[str, Place | None]:
        """All or none. Raises EngineUnavailable."""
        found = await asyncio.gather(*map(self._open_one, names), return_exceptions=True)
        failed = [place for place in found if isinstance(place, BaseException)]
        places = {name: place for name, place in zip(names, found, strict=True) if not isinstance(place, BaseException)}
        if failed:
            for place in places.values():
                if place is not None:
                    place.end()
            raise failed[0]
        return places

    async def _open_one(self, name: str) -> Place | None:
        """Whoever knows the name: the market streams are asked first, then the listenKeys."""
        if len(name) > MAX_NAME:
            return None
        envelope = self._envelope(name)
        place = await open_market_stream(self.runtime, name, envelope)
        if place is not None:
            return place
        return await open_listen_key(self.runtime, name, envelope, address=self._socket.address)

    def _envelope(self, name: str) -> Envelope:
        return named_envelope(name, self._unit) if self._is_combined else BARE._replace(unit=self._unit)

    def server_shutdown(self) -> str:
        """The event that goes before the end of the connection."""
        return self._envelope("!serverShutdown").around(f'{{"e":"serverShutdown","E":{time.time_ns() // 1_000_000}}}')

    async def _set_combined(self, is_combined: bool, id_: msgspec.Raw) -> None:
        """Hear everything in the other form from the answer on: no event twice, none left out."""
        if is_combined == self._is_combined:
            self._confirm(None, id_)
            return
        self._is_combined = is_combined
        try:
            opened = await self._open(list(self.places))
        except EngineUnavailable:
            self._is_combined = not is_combined
            raise
        self._confirm(None, id_)
        for name in opened:
            self.end(name)
        self.start(opened)


def _readable(frame: Frame) -> Request:
    """The request in a frame. Raises Fault: not JSON, or JSON that is no object."""
    if frame.request is not None:
        return frame.request
    if frame.is_too_large:
        raise invalid(f"the frame is larger than {LARGEST_FRAME} bytes")
    text = frame.text or ""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Fault(3, f"Invalid JSON: expected value at {syntax_error_place(text)}") from None
    raise invalid(f"missing field `method` at {end_place(text)}")


def _method_of(request: Request, text: str) -> str:
    """Raises Fault where the method is missing, or none of ours."""
    member = member_of(text, "method")
    if member is None:
        raise invalid(f"missing field `method` at {end_place(text)}")
    if not isinstance(request.method, str):
        raise Fault(3, f"Invalid JSON: expected value at {place_of(text, member.begin)}")
    if request.method not in METHODS:
        method = request.method[:MAX_NAME]
        raise invalid(f"unknown variant `{method}`, expected one of {EXPECTED} at {place_of(text, member.end - 1)}")
    return request.method


def _params_of(request: Request, text: str) -> list[Any]:
    """Raises Fault for anything but a list; none at all is an empty one."""
    if request.params is msgspec.UNSET or request.params is None:
        return []
    if not isinstance(request.params, list):
        member = member_of(text, "params")
        assert member is not None
        raise invalid(f"invalid type, expected a sequence at {place_of(text, member.end - 1)}")
    return request.params


def _names_in(params: list[Any]) -> list[str]:
    """Names of streams, repeats left out. Raises Fault."""
    if not all(isinstance(name, str) for name in params):
        raise invalid("stream name must be a string")
    if any(len(name) > MAX_NAME for name in params):
        raise invalid(f"stream name must have at most {MAX_NAME} characters")
    return list(dict.fromkeys(params))


def _check_property(params: list[Any], most: int) -> None:
    """Raises Fault where the first parameter is no property that there is, or more than `most` came."""
    if not params or not isinstance(params[0], str):
        raise invalid("property name must be a string")
    if len(params) > most:
        raise invalid("too many parameters")
    if params[0] != COMBINED:
        raise Fault(0, "Unknown property")


def _truth_in(params: list[Any]) -> bool:
    """Raises Fault for anything but true and false."""
    if len(params) < 2 or not isinstance(params[1], bool):
        raise Fault(1, "Invalid value type: expected Boolean")
    return params[1]
