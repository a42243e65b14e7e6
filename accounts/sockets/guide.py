"""The guide's WebSocket: auth, subscribe, unsubscribe and ping, on the root path and /ws.

Whatever a client sends, the connection stays open: what cannot be understood is answered with {"error": text}. The
fact a newcomer would get wrong: ids are echoed as the bytes they came as, so 1.0, null and a 64-bit number survive.
"""

from typing import Any, NamedTuple

import msgspec
from django.conf import settings

from accounts.auth import KEY, Hearing
from accounts.digests import key_digest
from accounts.sockets.dialogue import TOO_MANY_REQUESTS, Dialogue
from accounts.sockets.frames import Frame, Request
from accounts.streams import USER_KINDS, UserStreams
from api.pace import Pace
from api.subscriptions import Listener, Place, named_envelope
from engine.errors import EngineUnavailable
from markets.consumers import LARGEST_FRAME, StreamConsumer
from markets.streams.hub import MarketStreams, read_guide_kind
from markets.streams.stream import StreamName, Subscription

MAX_NAME = 200
AnyId = msgspec.Raw | msgspec.UnsetType


class Session(NamedTuple):
    """Who has authenticated, and with which key."""

    account: int
    user_name: str
    hearing: Hearing


class UserPlace:
    """A place in a private stream (api.subscriptions.Place)."""

    def __init__(self, streams: UserStreams, account: int, kind: str, name: str) -> None:
        self._streams = streams
        self._where = account, kind
        self._envelope = named_envelope(name)
        self._listener: Listener | None = None

    def start(self, listener: Listener) -> None:
        self._listener = listener
        self._streams.join(*self._where, listener, self._envelope)

    def end(self) -> None:
        if self._listener is not None:
            self._streams.leave(*self._where, self._listener, self._envelope)


class Refusal(Exception):
    """The request cannot be met; the text says why and what to do."""


def stream_names(params: dict[str, Any]) -> list[str] | None:
    """The list under `streams`, repeats left out; None when there is no such parameter. Raises Refusal."""
    names = params.get("streams")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal('streams must be a list of names, such as ["BTCUSDT@trade"]')
    most = settings.EXCHANGE_SOCKET_STREAMS
    if len(names) > most:
        raise Refusal(f"{len(names)} streams in one request: at most {most} are possible")
    return list(dict.fromkeys(names))


def _folded(name: str) -> str:
    """A public stream's name with its symbol in capitals: any case of it is the same stream."""
    symbol, at, kind = name.partition("@")
    return f"{symbol.upper()}{at}{kind}"


def readable(frame: Frame) -> Request:
    """The request in a frame. Raises Refusal where there is none."""
    if frame.request is not None:
        return frame.request
    if frame.text is None:
        raise Refusal("binary frames are not understood: send JSON as text, in UTF-8")
    if frame.is_too_large:
        raise Refusal(f"the frame is larger than {LARGEST_FRAME} bytes: send several")
    raise Refusal('not a JSON object: send {"method": ..., "params": {...}, "id": ...}')


class GuideDialogue(Dialogue):
    """One socket's talk in the guide's form."""

    def __init__(self, socket: StreamConsumer) -> None:
        super().__init__(socket)
        self._session: Session | None = None
        self._failures = Pace(settings.EXCHANGE_SOCKET_MESSAGES)

    async def hear(self, frame: Frame) -> None:
        id_: AnyId = msgspec.UNSET
        try:
            request = readable(frame)
            id_ = request.id
            await self._meet(request)
        except Refusal as refusal:
            self._answer({"error": str(refusal)}, id_)
        except EngineUnavailable:
            self._answer({"error": "the exchange is not available at the moment: try again"}, id_)

    async def _meet(self, request: Request) -> None:
        if not isinstance(request.method, str):
            raise Refusal("method is missing: use auth, subscribe, unsubscribe or ping")
        method = request.method.lower()
        params = {} if request.params in (msgspec.UNSET, None) else request.params
        if not isinstance(params, dict):
            raise Refusal('params must be an object, such as {"streams": [...]}')
        if method == "ping":
            self._answer({"result": "pong"}, request.id)
        elif method == "auth":
            await self._authenticate(params, request.id)
        elif method == "subscribe":
            await self._subscribe(params, request.id)
        elif method == "unsubscribe":
            self._unsubscribe(params, request.id)
        else:
            raise Refusal(f"unknown method {request.method[:MAX_NAME]!r}: use auth, subscribe, unsubscribe or ping")

    def _answer(self, members: dict[str, Any], id_: AnyId) -> None:
        if id_ is not msgspec.UNSET:
            members["id"] = id_
        self.answer(members)

    async def _authenticate(self, params: dict[str, Any], id_: AnyId) -> None:
        api_key = params.get("api_key")
        if not isinstance(api_key, str) or not api_key:
            raise Refusal('api_key is missing: send {"method": "auth", "params": {"api_key": "..."}}')
        try:
            session = await self._session_of(api_key)
        except Refusal:
            if self._failures.is_exceeded():  # nobody looks for keys here
                self._socket.hang_up(TOO_MANY_REQUESTS)
            raise
        if self._session is not None and self._session.account != session.account:
            for name, place in list(self.places.items()):
                if isinstance(place, UserPlace):
                    self.end(name)
        self._end_session()
        self._session = session
        self.runtime.feed.handler(UserStreams).open_session(session.account, session.hearing, self.subscriber)
        self._socket.is_in_use()
        self._answer({"result": "success", "user_id": session.user_name}, id_)

    async def _session_of(self, api_key: str) -> Session:
        """Raises Refusal: one text for all keys that do not work, so that nothing can be learned from it."""
        if not KEY.fullmatch(api_key.encode()):  # digests are kept beside their texts: not those of any text
            raise Refusal("invalid API key")
        hearing = Hearing(key_digest(api_key), self._socket.address, is_signed=False)
        record = await self.runtime.venue.registry.key(hearing.key_digest)
        if record is None or not hearing.may_go_on(record):
            raise Refusal("invalid API key")
        return Session(record.account, record.user_name, hearing)

    async def _subscribe(self, params: dict[str, Any], id_: AnyId) -> None:
        names = stream_names(params)
        if not names:
            raise Refusal('streams is missing: send {"params": {"streams": ["BTCUSDT@trade"]}}')
        most = settings.EXCHANGE_SOCKET_STREAMS
        if len({*self.places, *names}) > most:
            raise Refusal(f"a connection can listen to {most} streams: unsubscribe from some first")
        opened, errors = await self._open_all([name for name in names if name not in self.places])
        good = [name for name in names if name not in errors]
        if not good:
            raise Refusal(", ".join(f"{name[:MAX_NAME]}: {why}" for name, why in errors.items()))
        answer: dict[str, Any] = {"result": "partial" if errors else "success", "streams": good}
        if errors:
            answer["errors"] = [{"stream": name[:MAX_NAME], "error": why} for name, why in errors.items()]
        self._answer(answer, id_)
        self.start(opened)
        self._socket.is_in_use()

    async def _open_all(self, names: list[str]) -> tuple[dict[str, Place | None], dict[str, str]]:
        """Places in those streams that can be heard, and why the others cannot."""
        opened: dict[str, Place | None] = {}
        errors: dict[str, str] = {}
        try:
            for name in names:
                try:
                    opened[name] = await self._open(name)
                except Refusal as refusal:
                    errors[name] = str(refusal)
                except EngineUnavailable:
                    errors[name] = "not available at the moment: try again"
        except BaseException:  # a fault of ours, or the end of the process: nobody else knows what was opened
            for place in opened.values():
                if place is not None:
                    place.end()
            raise
        return opened, errors

    async def _open(self, name: str) -> Place:
        """A place in the stream of that name. Raises Refusal or EngineUnavailable."""
        owner, at, kind = name.partition("@")
        if not at or not owner or len(name) > MAX_NAME:
            raise Refusal("a stream is called <symbol>@<type> or <user id>@<type>")
        streams = self.runtime.feed.handler(MarketStreams)
        symbol = await streams.symbol_of(owner)
        if symbol is not None:
            try:
                stream = StreamName(symbol, read_guide_kind(kind))
            except ValueError as error:
                raise Refusal(str(error)) from error
            return await streams.open(stream, named_envelope(name))
        if self._session is None:
            raise Refusal("unknown symbol, or a user stream before auth")
        if owner != self._session.user_name:
            raise Refusal("unknown symbol, or a stream of another user")
        if kind not in USER_KINDS:
            raise Refusal(f"unknown stream type {kind!r}: use account, order or trade")
        await self.runtime.feed.until_ready()
        return UserPlace(self.runtime.feed.handler(UserStreams), self._session.account, kind, name)

    def _unsubscribe(self, params: dict[str, Any], id_: AnyId) -> None:
        """Without streams: all. A stream that was not subscribed is none of our worries."""
        wanted = stream_names(params) or list(self.places)
        public = {_folded(name): name for name, known in self.places.items() if isinstance(known, Subscription)}
        for name in wanted:
            self.end(name if name in self.places else public.get(_folded(name), name))
        self._answer({"result": "success"}, id_)

    def _end_session(self) -> None:
        if self._session is not None:
            streams = self.runtime.feed.handler(UserStreams)
            streams.close_session(self._session.account, self._session.hearing, self.subscriber)
            self._session = None

    def forget(self) -> None:
        super().forget()
        self._end_session()
