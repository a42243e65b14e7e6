"""WebSocket frames as bytes, where going through the library's objects would cost more than the frame is worth.

The fact a newcomer would get wrong: only what is plain is read here, one whole text in one piece. Everything else, and
every frame that breaks a rule of RFC 6455, is left to the library, which knows them all.
"""

from functools import lru_cache
from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:  # no wheel for this system
    from websockets.utils import apply_mask

FINAL_TEXT: Final = 0x81
MASKED: Final = 0x80
MASK_BYTES: Final = 4
IN_TWO_BYTES: Final = 126  # stands where the size would, if the size itself follows in two bytes
IN_EIGHT_BYTES: Final = 127
LARGEST_SMALL: Final = 125
FRAMES_KEPT: Final = 16


@lru_cache(maxsize=FRAMES_KEPT)
def text_frame(text: str) -> bytes:
    """The frame that carries a text. A stream's subscribers get the same text: it is made once for all of them."""
    data = text.encode()
    size = len(data)
    if size <= LARGEST_SMALL:
        return bytes((FINAL_TEXT, size)) + data
    if size < 1 << 16:
        return bytes((FINAL_TEXT, IN_TWO_BYTES)) + size.to_bytes(2, "big") + data
    return bytes((FINAL_TEXT, IN_EIGHT_BYTES)) + size.to_bytes(8, "big") + data


def lone_text(data: bytes) -> bytes | None:
    """The text of a client's frame, if `data` is that one frame and nothing else, below 64 KiB; None otherwise."""
    length = len(data)
    if length < 2 + MASK_BYTES or data[0] != FINAL_TEXT:
        return None
    size, start = data[1] - MASKED, 2
    if size == IN_TWO_BYTES:
        size, start = int.from_bytes(data[2:4], "big"), 4
        if size <= LARGEST_SMALL:
            return None
    start += MASK_BYTES
    if size < 0 or data[1] == MASKED | IN_EIGHT_BYTES or length != start + size:
        return None
    return bytes(apply_mask(data[start:], data[start - MASK_BYTES : start]))
