"""The methods of the WebSocket API: the rows of the endpoint tables by their WebSocket names, ready to be called.

The fact a newcomer would get wrong: a method has no row of its own. Handler, parameters, permission and weight are
those of the REST endpoint, so the two cannot drift apart.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from accounts.websocket_api.frames import Frame, Unreadable
from api.callers import Caller, Permission
from api.dialects import V3
from api.errors import UNKNOWN_METHOD, Refused
from api.parameters import RequestReader
from api.router import Endpoint

VERSION: Final = "v3/"  # may stand before any method's name


class Method(msgspec.Struct, frozen=True):
    """A row, ready to be called."""

    row: Endpoint
    reader: RequestReader[Any]
    anonymous: Caller

    @property
    def is_ordered(self) -> bool:
        """Whether the next request of the connection has to wait for its answer: orders must not overtake orders."""
        return self.notes_refusals

    @property
    def notes_refusals(self) -> bool:
        """Whether it asks the engine for something whose refusal its caller may want to understand."""
        return self.row.permission in (Permission.TRADE, Permission.WITHDRAW)


def methods_of(tables: Iterable[Iterable[Endpoint]]) -> Mapping[str, Method]:
    """By name, with and without the version. Raises ValueError for a name that stands twice."""
    methods: dict[str, Method] = {}
    for row in (row for table in tables for row in table):
        if row.websocket and row.permission is None:
            if row.websocket in methods:
                raise ValueError(f"two endpoints for the method {row.websocket}")
            method = Method(row, RequestReader(row.request), Caller(V3))
            methods |= {row.websocket: method, VERSION + row.websocket: method}
    return methods


def find(methods: Mapping[str, Method], frame: Frame) -> Method:
    """The method a frame asks for. Raises Unreadable (-1020)."""
    try:
        return methods[frame.method]
    except KeyError:
        raise Unreadable(Refused(UNKNOWN_METHOD), frame.id) from None
