"""Requests and answers of the WebSocket API as JSON text (web-socket-api.md, "Request format", "Response format").

The fact a newcomer would get wrong: parameters stay text here, as the client spelt them. The endpoint reads them.
"""

from typing import Any, Final

import msgspec

from api.errors import INVALID_ID, INVALID_JSON, INVALID_METHOD, INVALID_PARAMS, Refused
from api.parameters import Texts, read_json
from api.request_ids import NO_ID, is_request_id
from engine.unsaid import Unsaid

_OBJECT: Final = ord("{")


class _Members(Unsaid, msgspec.Struct, frozen=True):
    """What came, every member still to be looked at: one that is wrong is answered by its name."""

    id: msgspec.Raw = msgspec.Raw()
    method: msgspec.Raw = msgspec.Raw()
    params: msgspec.Raw = msgspec.Raw(b"null")


class Frame(Unsaid, msgspec.Struct, frozen=True):
    """A request that could be read: its id as JSON, its method, its parameters as text."""

    id: msgspec.Raw
    method: str
    texts: Texts


class Unreadable(Exception):
    """No request. What is wrong with it, and the id to say so under."""

    def __init__(self, error: Exception, id_: msgspec.Raw = NO_ID) -> None:
        super().__init__(str(error))
        self.error = error
        self.id = id_


class Response(msgspec.Struct, rename="camel"):
    """An answer's members in the order in which Binance writes them; of `result` and `error` there is one."""

    id: msgspec.Raw
    status: int
    result: Any = msgspec.UNSET
    error: Any = msgspec.UNSET
    rate_limits: Any = msgspec.UNSET


encode: Final = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(_Members)
_text = msgspec.json.Decoder(str)


def read_frame(data: bytes | str) -> Frame:
    """Raises Unreadable: for what is no JSON, and an id, a method or parameters of the wrong kind (all of them -1135);
    for a parameter that came twice (-1101).
    """
    try:
        found = _members.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Unreadable(Refused(INVALID_JSON)) from None
    if not is_request_id(found.id):
        raise Unreadable(Refused(INVALID_ID))
    try:
        return Frame(found.id, _method(found.method), _texts(bytes(found.params)))
    except Exception as error:
        raise Unreadable(error, found.id) from error


def _method(data: msgspec.Raw) -> str:
    try:
        return _text.decode(data)
    except msgspec.DecodeError:
        raise Refused(INVALID_METHOD) from None


def _texts(data: bytes) -> Texts:
    if data[0] == _OBJECT:
        return read_json(data)
    if data == b"null":
        return {}
    raise Refused(INVALID_PARAMS)
