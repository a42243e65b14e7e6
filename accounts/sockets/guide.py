"""The guide's WebSocket: auth, subscribe, unsubscribe and ping, on the root path and /ws.

Whatever a client sends, the connection stays open: what cannot be understood is answered with {"error": text}. The
fact a newcomer would get wrong: ids are echoed as the bytes they came as, so 1.0, null and a 64-bit number survive.
"""

from typing import Any, NamedTuple

import msgspec

from accounts.digests import key_digest
from accounts.streams import USER_KINDS, UserStreams
from api.callers import Permission
from api.subscriptions import named_envelope
from engine.errors import EngineUnavailable
from engine.registry import KeyRecord
from markets.consumers import StreamConsumer
from markets.streams.hub import MarketStreams, read_guide_kind
from markets.streams.stream import StreamName, Subscription

MAX_STREAMS = 1_024
MAX_NAME = 200
BINANCE_METHODS = frozenset({"list_subscriptions", "set_property", "get_property"})
NOT_SPOKEN_HERE = "Binance's form of requests (params as a list, LIST_SUBSCRIPTIONS, SET_PROPERTY) is not spoken here"


class Request(msgspec.Struct, frozen=True):
    """A frame from the client; everything is looked at by hand, so that a wrong type gets an answer with its id."""

    method: Any = None
    params: Any = msgspec.UNSET
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Session(NamedTuple):
    """Who has authenticated, and with which key."""

    account: int
    user_name: str
    key_digest: str


class UserSubscription(NamedTuple):
    """A private stream this socket listens to."""

    account: int
    kind: str


class Refusal(Exception):
    """The request cannot be met; the text says why and what to do."""


_decoder = msgspec.json.Decoder(Request)


def read_request(text: str) -> Request:
    """Raises Refusal for anything but a JSON object."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal('not a JSON object: send {"method": ..., "params": {...}, "id": ...}') from error


def stream_names(params: dict[str, Any]) -> list[str] | None:
    """The list under `streams`, repeats left out; None when there is no such parameter. Raises Refusal."""
    names = params.get("streams")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal('streams must be a list of names, such as ["BTCUSDT@trade"]')
    if len(names) > MAX_STREAMS:
        raise Refusal(f"{len(names)} streams in one request: at most {MAX_STREAMS} are possible")
    return list(dict.fromkeys(names))


def _folded(name: str) -> str:
    """A public stream's name with its symbol in capitals: any case of it is the same stream."""
    symbol, at, kind = name.partition("@")
    return f"{symbol.upper()}{at}{kind}"


class GuideConsumer(StreamConsumer):
    """One socket of the guide's dialect."""

    async def websocket_connect(self, message: Any) -> None:
        self._session: Session | None = None
        self._subscriptions: dict[str, Subscription | UserSubscription] = {}
        await super().websocket_connect(message)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame, one answer."""
        id_: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
        try:
            if text_data is None:
                raise Refusal("binary frames are not understood: send JSON as text")
            request = read_request(text_data)
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
        if isinstance(request.params, list) or method in BINANCE_METHODS:
            raise Refusal(f'{NOT_SPOKEN_HERE}: use {{"method": "subscribe", "params": {{"streams": [...]}}}}')
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

    def _answer(self, members: dict[str, Any], id_: msgspec.Raw | msgspec.UnsetType) -> None:
        if id_ is not msgspec.UNSET:
            members["id"] = id_
        self.subscriber.push(msgspec.json.encode(members).decode())

    async def _authenticate(self, params: dict[str, Any], id_: msgspec.Raw | msgspec.UnsetType) -> None:
        api_key = params.get("api_key")
        if not isinstance(api_key, str) or not api_key:
            raise Refusal('api_key is missing: send {"method": "auth", "params": {"api_key": "..."}}')
        session = await self._session_of(api_key)
        if self._session is not None and self._session.account != session.account:
            for name, subscription in list(self._subscriptions.items()):
                if isinstance(subscription, UserSubscription):
                    self._end(name)
        self._end_session()
        self._session = session
        self.runtime.feed.handler(UserStreams).open_session(session.account, session.key_digest, self.subscriber)
        self.is_in_use()
        self._answer({"result": "success", "user_id": session.user_name}, id_)

    async def _session_of(self, api_key: str) -> Session:
        """Raises Refusal: one text for all keys that do not work, so that nothing can be learned from it."""
        digest = key_digest(api_key)
        record: KeyRecord | None = await self.runtime.venue.registry.key(digest)
        if record is None or record.requires_signature or Permission.READ not in record.permissions:
            raise Refusal("invalid API key")
        return Session(record.account, record.user_name, digest)

    async def _subscribe(self, params: dict[str, Any], id_: msgspec.Raw | msgspec.UnsetType) -> None:
        names = stream_names(params)
        if not names:
            raise Refusal('streams is missing: send {"params": {"streams": ["BTCUSDT@trade"]}}')
        if len({*self._subscriptions, *names}) > MAX_STREAMS:
            raise Refusal(f"a connection can listen to {MAX_STREAMS} streams: unsubscribe from some first")
        opened: dict[str, Subscription | UserSubscription] = {}
        errors: dict[str, str] = {}
        for name in names:
            if name in self._subscriptions:
                continue
            try:
                opened[name] = await self._open(name)
            except Refusal as refusal:
                errors[name] = str(refusal)
            except EngineUnavailable:
                errors[name] = "not available at the moment: try again"
        good = [name for name in names if name not in errors]
        if not good:
            raise Refusal(", ".join(f"{name[:MAX_NAME]}: {why}" for name, why in errors.items()))
        answer: dict[str, Any] = {"result": "partial" if errors else "success", "streams": good}
        if errors:
            answer["errors"] = [{"stream": name[:MAX_NAME], "error": why} for name, why in errors.items()]
        self._answer(answer, id_)
        # From the answer to the last start nothing waits: no event can come between, and none is missed.
        for name, subscription in opened.items():
            self._start(name, subscription)
        self.is_in_use()

    async def _open(self, name: str) -> Subscription | UserSubscription:
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
        return UserSubscription(self._session.account, kind)

    def _start(self, name: str, subscription: Subscription | UserSubscription) -> None:
        self._subscriptions[name] = subscription
        if isinstance(subscription, Subscription):
            subscription.start(self.subscriber)
        else:
            self.runtime.feed.handler(UserStreams).join(*subscription, self.subscriber, named_envelope(name))

    def _end(self, name: str) -> None:
        subscription = self._subscriptions.pop(name)
        if isinstance(subscription, Subscription):
            subscription.end()
        else:
            self.runtime.feed.handler(UserStreams).leave(*subscription, self.subscriber, named_envelope(name))

    def _unsubscribe(self, params: dict[str, Any], id_: msgspec.Raw | msgspec.UnsetType) -> None:
        """Without streams: all. A stream that was not subscribed is none of our worries."""
        wanted = stream_names(params) or list(self._subscriptions)
        public = {_folded(name): name for name, known in self._subscriptions.items() if isinstance(known, Subscription)}
        for name in wanted:
            known_name = name if name in self._subscriptions else public.get(_folded(name))
            if known_name in self._subscriptions:
                self._end(known_name)
        self._answer({"result": "success"}, id_)

    def _end_session(self) -> None:
        if self._session is not None:
            streams = self.runtime.feed.handler(UserStreams)
            streams.close_session(self._session.account, self._session.key_digest, self.subscriber)
            self._session = None

    def forget(self) -> None:
        for name in list(self._subscriptions):
            self._end(name)
        self._end_session()
