"""The methods of the WebSocket API: the rows of the endpoint tables by their WebSocket names, ready to be called.

The fact a newcomer would get wrong: a method of the exchange has no row of its own. Handler, parameters, permission
and weight are those of the REST endpoint, so the two cannot drift apart. Rows of their own have those methods only
that are about the connection (ConnectionMethods): REST has none.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, TypeVar, get_type_hints

import msgspec

from accounts.websocket_api.connection import Connection
from accounts.websocket_api.frames import Frame, Unreadable
from api.callers import Caller, Permission
from api.dialects import V3
from api.errors import UNKNOWN_METHOD, Refused
from api.parameters import RequestReader
from api.router import Endpoint, Weight

VERSION: Final = "v3/"  # may stand before any method's name
ConnectionHandler = Callable[[Any, Caller, Connection], Awaitable[Any]]
AnyHandler = TypeVar("AnyHandler", bound=ConnectionHandler)


class Credentials(Enum):
    """What a request has to show."""

    SIGNATURE_OR_SESSION = "key and signature, or the timestamp alone after session.logon"
    KEY_OR_SESSION = "the key, or nothing after session.logon"
    SIGNATURE = "key and signature in any case"
    SESSION = "nothing, after session.logon"


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """A row, ready to be called. `handler` gets the connection where others get the runtime."""

    name: str
    handler: Callable[..., Awaitable[Any]]
    reader: RequestReader[Any]
    permission: Permission  # what the key of one with credentials must be allowed
    needs_venue: bool
    needs_connection: bool
    credentials: Credentials | None  # None: nothing, anybody may
    weight: Weight
    orders: int
    anonymous: Caller = Caller(V3)

    @property
    def is_ordered(self) -> bool:
        """Whether the next request of the connection has to wait for its answer."""
        return self.needs_connection or self.notes_refusals

    @property
    def notes_refusals(self) -> bool:
        """Whether it asks the engine for something whose refusal its caller may want to understand."""
        return self.permission in (Permission.TRADE, Permission.WITHDRAW)


class ConnectionMethods:
    """Methods about the connection itself: they weigh 2 and get the Connection."""

    def __init__(self) -> None:
        self._methods: list[Method] = []

    def __iter__(self) -> Iterator[Method]:
        return iter(self._methods)

    def method(self, name: str, *, credentials: Credentials | None = None) -> Callable[[AnyHandler], AnyHandler]:
        """Adds the decorated handler; whoever has credentials to show needs a key that may read."""

        def add(handler: AnyHandler) -> AnyHandler:
            request = get_type_hints(handler)["request"]
            self._methods.append(
                Method(
                    name=name, handler=handler, reader=RequestReader(request),
                    permission=Permission.READ,
                    needs_venue=True, needs_connection=True, credentials=credentials, weight=2, orders=0,
                )
            )  # fmt: skip
            return handler

        return add


def methods_of(
    tables: Iterable[Iterable[Endpoint]], of_connections: Iterable[Iterable[Method]] = ()
) -> Mapping[str, Method]:
    """By name, with and without the version. Raises ValueError for a name that stands twice."""
    methods: dict[str, Method] = {}
    rows = [_method_of(row) for table in tables for row in table if row.websocket]
    for method in (*rows, *(method for table in of_connections for method in table)):
        if method.name in methods:
            raise ValueError(f"two endpoints for the method {method.name}")
        methods |= {method.name: method, VERSION + method.name: method}
    return methods


def _method_of(row: Endpoint) -> Method:
    credentials = None
    if row.permission is not None:
        credentials = Credentials.KEY_OR_SESSION if row.key_is_enough else Credentials.SIGNATURE_OR_SESSION
    return Method(
        name=row.websocket, handler=row.handler, reader=RequestReader(row.request),
        permission=row.permission or Permission.READ, needs_venue=row.needs_venue, needs_connection=False,
        credentials=credentials, weight=row.weight, orders=row.orders,
    )  # fmt: skip


def find(methods: Mapping[str, Method], frame: Frame) -> Method:
    """The method a frame asks for. Raises Unreadable (-1020)."""
    try:
        return methods[frame.method]
    except KeyError:
        raise Unreadable(Refused(UNKNOWN_METHOD), frame.id) from None
