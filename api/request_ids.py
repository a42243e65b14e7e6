"""The ids by which clients of Binance's sockets know an answer again (web-socket-streams.md, web-socket-api.md).

The fact a newcomer would get wrong: an id is echoed as the bytes it came as, so a number of 64 bits stays what it was.
"""

import re
from typing import Final

import msgspec

NO_ID: Final = msgspec.Raw(b"null")
_TEXT: Final = re.compile(rb'"[A-Za-z0-9_-]{1,36}"')
_NUMBER: Final = re.compile(rb"-?(0|[1-9][0-9]{0,19})")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


def is_request_id(data: bytes) -> bool:
    """A whole number of 64 bits, signed or not, a text of 1 to 36 letters, digits, - and _ (a UUID has 36), or null."""
    if _NUMBER.fullmatch(data):
        return _SMALLEST <= int(data) <= _LARGEST
    return data == NO_ID or _TEXT.fullmatch(data) is not None
