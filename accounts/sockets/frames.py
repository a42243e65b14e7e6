"""What came over a socket, read once for whoever answers it; everything inside is still to be looked at."""

from typing import Any, NamedTuple

import msgspec

from engine.unsaid import Unsaid
from markets.consumers import LARGEST_FRAME


class Request(Unsaid, msgspec.Struct, frozen=True):
    """A JSON object's members. An id stays the bytes it came as, so 1.0, null and a 64-bit number survive."""

    method: Any = None
    params: Any = msgspec.UNSET
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Frame(NamedTuple):
    """`text` is None for a frame of bytes and for text that is not UTF-8; `request` for what is no JSON object."""

    text: str | None
    request: Request | None

    def __repr__(self) -> str:
        return "Frame(…)"  # it may have an API key in it

    @property
    def is_too_large(self) -> bool:
        return self.text is not None and len(self.text) > LARGEST_FRAME


_decoder = msgspec.json.Decoder(Request)


def read_frame(text: str | None) -> Frame:
    frame = Frame(text, None)
    if text is None or frame.is_too_large:
        return frame
    try:
        return Frame(text, _decoder.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return frame
