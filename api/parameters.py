"""Query, form or JSON body -> flat text by name -> a typed request.

The fact a newcomer would get wrong: the content type says nothing (clients send JSON's with an empty body, forms as
octet-stream), so the body's first character decides. And a number in JSON never becomes a float: its text is kept,
to be read with the decimals that its asset has. A list, an object, true and false are kept as text too, but as
`Structure`: a name or a label must not become "[1]" by a client's mistake.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum, EnumMeta
from json import loads
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin
from urllib.parse import unquote_to_bytes

import msgspec

from api.time_units import is_in_microseconds
from engine.errors import BadParameter

Request = TypeVar("Request", bound=msgspec.Struct)
Texts = dict[str, str]

LARGEST_INTEGER: Final = 2**63 - 1  # what SQL and Redis can count to
MOST_DIGITS: Final = 20
QUOTE: Final = ord('"')
STRUCTURES: Final = frozenset(b"[{tf")  # what JSON's lists, objects and booleans begin with
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


class Structure(str):
    """A JSON list, object or boolean as it was written: no text, unless a parameter says that it reads JSON."""

    __slots__ = ()


def gather(query: bytes, body: bytes, *, reads_json: bool = True) -> Texts:
    """All parameters of a request by name; where query and body name the same one, the query wins.

    Raises BadParameter: DUPLICATE for a name twice in one place, ILLEGAL_CHARACTERS for what is not UTF-8, MALFORMED
    for JSON that is none.
    """
    if not body:
        return read_form(query) if query else {}
    texts = read_json(body) if reads_json and is_json(body) else read_form(body)
    return texts | read_form(query) if query else texts


def is_json(body: bytes) -> bool:
    """Whether a body is an object or a list of JSON's, or pretends to be one."""
    return body.lstrip()[:1] in (b"{", b"[")


def read_form(data: bytes) -> Texts:
    """`a=1&b=2` with percent and plus encoding; empty pieces are skipped."""
    try:
        if b"+" in data:
            data = data.replace(b"+", b" ")
        pairs = data.decode().split("&")
        texts = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            texts[name] = value
        if b"%" in data or len(texts) < len(pairs) or "" in texts:
            return _read_pairs(pairs)
    except UnicodeDecodeError as error:
        raise BadParameter("", "ILLEGAL_CHARACTERS") from error
    return texts


def _read_pairs(pairs: Iterable[str]) -> Texts:
    """The same of any pairs: encoded ones, empty ones, and names that come twice. Raises UnicodeDecodeError too."""
    texts: Texts = {}
    for pair in filter(None, pairs):
        name, _, value = pair.partition("=")
        name, value = unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
        if name in texts:
            raise BadParameter(name, "DUPLICATE")
        texts[name] = value
    return texts


def read_json(data: bytes) -> Texts:
    """A JSON object's members as text: strings as they are, numbers as written, null left out, the rest a Structure."""
    try:
        members = _members.decode(data)
        texts = {}
        for name, raw in members.items():
            text = bytes(raw)
            if text[0] == QUOTE:
                texts[name] = _text.decode(text)
            elif text[0] in STRUCTURES:
                texts[name] = Structure(text.decode())
            elif text != b"null":
                texts[name] = text.decode()
        # One colon for each member: more of them may stand in texts and lists, or hide a name that came twice.
        if data.count(b":") != len(members):
            _refuse_duplicates(loads(data, object_pairs_hook=list))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadParameter("", "MALFORMED") from error
    return texts


def _refuse_duplicates(pairs: Sequence[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise BadParameter(name, "DUPLICATE")
        seen.add(name)


READS_JSON: Final = msgspec.Meta(extra={"reads": "json"})
_BEGINS: Final = msgspec.Meta(extra={"reads": "begin"})
_ENDS: Final = msgspec.Meta(extra={"reads": "end"})
StartTime = Annotated[int, _BEGINS]  # what comes in microseconds becomes the first millisecond that is not earlier
EndTime = Annotated[int, _ENDS]  # ... the last one that is not later


class RequestReader(Generic[Request]):
    """Reads texts as one kind of request; what a text may be is worked out once, when the reader is made.

    A request is a msgspec Struct (keyword only) of fields of type str, int, bool or an enum of texts, each perhaps
    `| None`; a field without a default has to be sent. msgspec.Meta(ge=..., le=...) bounds an integer, READS_JSON
    lets a text be a list or an object of JSON's; StartTime and EndTime may come in microseconds.
    """

    def __init__(self, kind: type[Request]) -> None:
        self._kind = kind
        fields = msgspec.structs.fields(kind)
        self._readers = {field.encode_name: (field.name, _reader(field.encode_name, field.type)) for field in fields}
        self._required = {field.name: field.encode_name for field in fields if field.required}
        self._names_required = self._required.keys()

    @property
    def kind(self) -> type[Request]:
        """The type of the requests, whose fields are the parameters."""
        return self._kind

    def read(self, texts: Texts) -> Request:
        """Unknown names are ignored. Raises BadParameter."""
        values: dict[str, Any] = {}
        readers = self._readers
        for name, text in texts.items():
            if name in readers:
                field, convert = readers[name]
                if not text:
                    raise BadParameter(name, "EMPTY")
                if convert is not None:
                    try:
                        values[field] = convert(text)
                    except KeyError:
                        raise BadParameter(name, "UNKNOWN_VALUE", value=text) from None
                elif type(text) is str:
                    values[field] = text
                else:
                    raise BadParameter(name, "UNKNOWN_VALUE", value=text)
        if not self._names_required <= values.keys():
            missing = next(name for field, name in self._required.items() if field not in values)
            raise BadParameter(missing, "MISSING")
        return self._kind(**values)


def _reader(name: str, annotation: Any) -> Callable[[str], Any] | None:
    """How to read a text as a field's type; None: as it is. A KeyError: it is none of the texts that a field may be."""
    meta = None
    if hasattr(annotation, "__metadata__"):
        annotation, meta = annotation.__origin__, annotation.__metadata__[0]
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = [part for part in get_args(annotation) if part is not NoneType]
        return _reader(name, inner)
    if annotation is str:
        return str if meta is READS_JSON else None
    if annotation is int:
        read = _integer_reader(name, meta)
        return read if meta not in (_BEGINS, _ENDS) else _time_reader(read, rounds_up=meta is _BEGINS)
    if annotation is bool:
        return {"true": True, "false": False, "TRUE": True, "FALSE": False}.__getitem__
    if isinstance(annotation, EnumMeta):
        members: Iterable[Enum] = annotation
        return {str(member.value): member for member in members}.__getitem__
    raise TypeError(f"a request's field {name} cannot be of type {annotation}")


def _integer_reader(name: str, meta: msgspec.Meta | None) -> Callable[[str], int]:
    least = int(meta.ge) if meta is not None and meta.ge is not None else 0
    most = int(meta.le) if meta is not None and meta.le is not None else LARGEST_INTEGER

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
            raise BadParameter(name, "ILLEGAL_CHARACTERS", value=text)
        number = int(text)
        if number > LARGEST_INTEGER:
            raise BadParameter(name, "TOO_LARGE", value=text)
        if not least <= number <= most:
            raise BadParameter(name, "OUT_OF_RANGE", value=text)
        return number

    return read


def _time_reader(read: Callable[[str], int], *, rounds_up: bool) -> Callable[[str], int]:
    def read_time(text: str) -> int:
        time = read(text)
        if not is_in_microseconds(time):
            return time
        return -(-time // 1000) if rounds_up else time // 1000

    return read_time
