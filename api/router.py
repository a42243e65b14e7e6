"""Tables of endpoints, and the ASGI application made of them: bytes in, one handler, bytes out, without Django.

    ENDPOINTS = EndpointTable()

    @ENDPOINTS.endpoint("POST", "/order", permission=Permission.TRADE)
    async def place_order(request: NewOrder, caller: Caller, runtime: Runtime) -> OrderPlaced: ...

The fact a newcomer would get wrong: everything a request needs that can be known beforehand is worked out when the
router is made. What stands in `Router.__call__` and below it is paid by every order.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, Final, Protocol, TypeVar, get_type_hints

import msgspec

from api.callers import Caller, Permission, RawRequest
from api.dialects import BARE, KNOWN, SIMULATION, V1, V3, Dialect
from api.errors import (
    BODY_TOO_LARGE,
    NO_SIM_TOKEN,
    PAGES,
    UNKNOWN,
    Answer,
    Refused,
    answer_to,
    unknown_path,
    wrong_method,
)
from api.faults import failing
from api.limits import UNREADABLE, Header, Meter
from api.parameters import RequestReader, gather
from api.runtime import Runtime
from api.time_units import HEADER as UNIT_HEADER
from api.time_units import TimeUnit, encoded_in_microseconds, time_unit_of
from engine.errors import BadParameter, InvariantBroken, Rejected

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Any, Caller, Runtime], Awaitable[Any]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)
Weight = int | Callable[[Any], int]  # a function gets the request as it was read, and may not raise

LARGEST_BODY: Final = 64 * 1024
LARGEST_DRAINED: Final = 1024 * 1024  # read and thrown away, so that the sender gets to see why it was refused
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
CONTENT_TYPE: Final = (b"content-type", b"application/json;charset=UTF-8")
CLOSE: Final = (b"connection", b"close")
UNFAILING: Final = (SIMULATION, BARE)  # a fault is a fault of the exchange, not of who owns or watches it
PAGE_TYPE: Final = (b"content-type", b"text/html")


class Nothing(msgspec.Struct, kw_only=True):
    """The request of an endpoint that takes no parameters."""


class Reply(msgspec.Struct, frozen=True):
    """An answer with a status of its own. `refused`: which parts of what was asked, and why; they are noted.

    `has_effect`: whether the others have changed something.
    """

    status: int
    body: Any
    refused: tuple[tuple[str, Rejected], ...] = ()
    has_effect: bool = True


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One row: what is asked how, who may, and the handler. `path` stands after the dialect's prefix.

    A part in braces is a parameter: /orders/{orderId}/journal.
    """

    method: str
    path: str
    handler: Handler
    request: type[msgspec.Struct]
    permission: Permission | None  # None: no key is asked for
    key_is_enough: bool  # no signature, also where the dialect is signed
    needs_venue: bool  # False: answers also while Redis is away
    dialect: Dialect | None  # None: all that the router serves
    websocket: str  # the method's name in the WebSocket API, order.place; empty: it is asked for by HTTP only
    weight: Weight = 1  # what it adds to the caller's REQUEST_WEIGHT
    orders: int = 0  # what it adds to the account's unfilled orders when it succeeds
    answer: Any = None  # the type of its answer, for the document; None: what the handler returns

    @property
    def summary(self) -> str:
        """The handler's first line, for people."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]


class EndpointTable:
    """The rows of one module, in the order they were written; of one dialect, or of all that the router serves."""

    def __init__(self, dialect: Dialect | None = None) -> None:
        self._dialect = dialect
        self._rows: list[Endpoint] = []

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._rows)

    def endpoint(
        self,
        method: str,
        path: str,
        *,
        permission: Permission | None = None,
        key_is_enough: bool = False,
        needs_venue: bool = True,
        dialect: Dialect | None = None,
        websocket: str = "",
        weight: Weight = 1,
        orders: int = 0,
        answer: Any = None,
    ) -> Callable[[AnyHandler], AnyHandler]:
        """Adds the decorated handler as a row; what it takes is the type of its argument `request`.

        `answer`: the type of what it returns as JSON, where its annotation does not tell (api/answer_schemas.py).

        `dialect`: the only one that has the row, for a table that is served in several.
        """

        def add(handler: AnyHandler) -> AnyHandler:
            hints = get_type_hints(handler)
            request = hints["request"]
            self._rows.append(
                Endpoint(
                    method=method,
                    path=path,
                    handler=handler,
                    request=request,
                    permission=permission,
                    key_is_enough=key_is_enough,
                    needs_venue=needs_venue,
                    dialect=dialect or self._dialect,
                    websocket=websocket,
                    weight=weight,
                    orders=orders,
                    answer=hints["return"] if answer is None else answer,
                )
            )
            return handler

        return add


def sim_endpoints() -> EndpointTable:
    """A table under /_sim: its callers show the instance's secret instead of a key."""
    return EndpointTable(SIMULATION)


class Route(msgspec.Struct, frozen=True):
    """A row in one dialect, ready to be called."""

    handler: Handler
    reader: RequestReader[Any]
    permission: Permission | None
    is_signed: bool
    needs_venue: bool
    dialect: Dialect
    anonymous: Caller
    path: re.Pattern[str] | None  # None: no part of it is a parameter
    weight: Weight
    orders: int

    @property
    def notes_refusals(self) -> bool:
        """Whether it asks the engine for something whose refusal its caller may want to understand."""
        return self.permission in (Permission.TRADE, Permission.WITHDRAW)


class Authenticator(Protocol):
    """Who sent this request, for a route with a permission.

    Raises Refused: no key, unknown, revoked, not allowed to do this, a signature or time that is not right.
    """

    async def __call__(self, runtime: Runtime, request: RawRequest, route: Route) -> Caller: ...


class Router:
    """The ASGI application for the paths of `prefixes`; give it http scopes only."""

    prefixes: Final = ("/api/", "/sapi/", "/_sim/")

    def __init__(
        self,
        tables: Iterable[Iterable[Endpoint]],
        runtime: Runtime,
        *,
        authenticate: Authenticator,
        dialects: Iterable[Dialect] = (V1, V3),
    ) -> None:
        self._runtime = runtime
        self._authenticate = authenticate
        self._dialects = tuple(dialects)
        self._all_dialects = (*self._dialects, *KNOWN)
        self._routes: dict[str, dict[str, Route]] = {}
        self._patterns: dict[re.Pattern[str], dict[str, Route]] = {}
        for row in (row for table in tables for row in table):
            for dialect in self._dialects if row.dialect is None else (row.dialect,):
                self._add(row, dialect)
        self._encode = msgspec.json.Encoder().encode

    def _add(self, row: Endpoint, dialect: Dialect) -> None:
        path = dialect.prefix + row.path
        pattern = re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", path)) if "{" in path else None
        methods = self._routes.setdefault(path, {}) if pattern is None else self._patterns.setdefault(pattern, {})
        if row.method in methods:
            raise ValueError(f"two endpoints for {row.method} {path}")
        methods[row.method] = Route(
            row.handler,
            RequestReader(row.request),
            row.permission,
            row.permission is not None and dialect.is_signed and not row.key_is_enough,
            row.needs_venue,
            dialect,
            Caller(dialect),
            pattern,
            row.weight,
            row.orders,
        )

    def answers(self, path: str) -> bool:
        """Whether a path is the router's, also to say that there is nothing."""
        return path.startswith(self.prefixes) or path in self._routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extra: Header | None = None
        meter: Meter | None = None
        try:
            body = await _read_body(scope, receive)
            if body is None:
                return  # the caller has gone
            route = self._find(scope)
            if route.dialect.is_limited:
                meter = Meter(self._runtime, _address_of(scope), route)
                if self._runtime.bans and meter.may_be_banned:
                    await meter.turn_away()
            status, data = await self._answer(scope, body, route, meter)
        except Exception as error:
            meter = meter or self._meter_without_route(scope)
            answered = error if meter is None else await meter.failed(error)
            status, data, extra = self._answer_to_error(scope, answered)
            if isinstance(error, Refused) and error.answer is BODY_TOO_LARGE:
                extra = CLOSE  # what may still come of it is no request
        headers = [CONTENT_TYPE, (b"content-length", b"%d" % len(data))]
        if extra is PAGE_TYPE:
            headers[0] = extra
        elif extra is not None:
            headers.append(extra)
        if meter is not None:
            headers += meter.headers
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async def _answer(self, scope: Scope, body: bytes, route: Route, meter: Meter | None) -> tuple[int, bytes]:
        headers = dict(scope["headers"])
        encode = self._encode
        if UNIT_HEADER in headers and route.dialect.has_time_unit:
            encode = self._encoder(time_unit_of(scope["headers"]))
        query: bytes = scope["query_string"]
        texts = gather(query, body, reads_json=route.dialect.reads_json)
        if route.path is not None and (match := route.path.fullmatch(scope["path"])) is not None:
            texts |= match.groupdict()
        runtime = self._runtime
        if route.needs_venue and not runtime.is_open:
            await runtime.open_venue()
        caller = route.anonymous
        if route.permission is not None:
            raw = RawRequest(headers, query, body, texts, _address_of(scope))
            caller = await self._authenticate(runtime, raw, route)
        elif route.dialect is SIMULATION and not runtime.is_sim_token(headers.get(b"x-sim-token", b"")):
            raise Refused(NO_SIM_TOKEN)
        try:
            request = route.reader.read(texts)
            if meter is not None:
                caller = await meter.begin(request, caller)
            handler = route.handler
            if runtime.venue.registry.fault is not None and route.dialect not in UNFAILING:
                handler = failing(handler, f"{scope['method']} {scope['path']}", runtime.venue.faults)
            result = await handler(request, caller, runtime)
        except (Rejected, BadParameter) as error:
            if route.notes_refusals:
                runtime.refusals.note(f"{scope['method']} {scope['path']}", texts, caller, error)
            raise
        if type(result) is Reply:
            if meter is not None:
                await meter.done([refusal for _, refusal in result.refused], has_effect=result.has_effect)
            for part, refusal in result.refused:
                runtime.refusals.note(f"{scope['method']} {scope['path']}, {part},", texts, caller, refusal)
            return result.status, encode(result.body)
        return 200, encode(result)

    def _encoder(self, unit: TimeUnit) -> Callable[[Any], bytes]:
        """How an answer is written: with times in this unit."""
        if unit is TimeUnit.MICROSECOND:
            return lambda result: encoded_in_microseconds(self._encode(result))
        return self._encode

    def _find(self, scope: Scope) -> Route:
        path, method = scope["path"], scope["method"]
        methods = self._routes.get(path) or self._methods_by_pattern(path)
        if methods is None:
            raise unknown_path(path)
        route = methods.get(method)
        if route is None and method == "HEAD":
            route = methods.get("GET")  # the server leaves the body out
        if route is None:
            raise wrong_method(method, path, ", ".join(sorted(methods)))
        return route

    def _methods_by_pattern(self, path: str) -> dict[str, Route] | None:
        for pattern, methods in self._patterns.items():
            if pattern.fullmatch(path):
                return methods
        return None

    def _answer_to_error(self, scope: Scope, error: Exception) -> tuple[int, bytes, Header | None]:
        """Status, body and a header; the one place where an error that is not ours becomes a 500."""
        try:
            answer = answer_to(error)
        except Exception:  # a reason or problem without a row: still an answer
            answer = UNKNOWN
        if answer is UNKNOWN or isinstance(error, InvariantBroken):
            logger.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        if answer in PAGES:
            return answer.status, PAGES[answer], PAGE_TYPE
        existing = error.existing_order_id if isinstance(error, Rejected) else None
        data = self._dialect_of(scope["path"]).error_body(answer.code, answer.text, existing_order_id=existing)
        return answer.status, data, self._extra_header(answer, scope["path"], existing)

    def _extra_header(self, answer: Answer, path: str, existing_order_id: int | None) -> Header | None:
        if existing_order_id is not None:
            return b"x-existing-order-id", b"%d" % existing_order_id
        if answer.status == 405:
            methods = self._routes.get(path) or self._methods_by_pattern(path) or {}
            return b"allow", ", ".join(sorted(methods)).encode()
        return None

    def _meter_without_route(self, scope: Scope) -> Meter | None:
        """Of a request that found no endpoint, or was too large to look for one: it counts as any other does."""
        if not self._dialect_of(scope["path"]).is_limited:
            return None
        return Meter(self._runtime, _address_of(scope), UNREADABLE)

    def _dialect_of(self, path: str) -> Dialect:
        for dialect in self._all_dialects:
            if path.startswith(dialect.prefix):
                return dialect
        return BARE


def _address_of(scope: Scope) -> str:
    """The peer's; empty where it has none (a Unix socket)."""
    peer = scope.get("client")
    return peer[0] if peer else ""


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The request's body, None if its sender has gone. Raises Refused above 64 KiB."""
    message = await receive()
    if message["type"] != "http.request":
        return None
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        pieces, size = [body], len(body)
        while message.get("more_body", False) and size <= LARGEST_DRAINED:
            message = await receive()
            if message["type"] != "http.request":
                return None
            piece = message.get("body", b"")
            size += len(piece)
            if size <= LARGEST_BODY:
                pieces.append(piece)
        if size > LARGEST_BODY:
            raise Refused(BODY_TOO_LARGE)
        body = b"".join(pieces)
    if len(body) > LARGEST_BODY:
        raise Refused(BODY_TOO_LARGE)
    return body
