"""Frames that are read and written without the library: as the library reads and writes them, or left to it."""

import os

import pytest
from websockets.frames import Frame, Opcode

from exchange_project.frames import lone_text, text_frame

SIZES = [0, 1, 2, 3, 4, 5, 125, 126, 127, 128, 1_000, 65_535]


@pytest.mark.parametrize("size", [*SIZES, 65_536, 70_000])
def test_texts_are_written_as_the_library_writes_them(size: int) -> None:
    text = "\u20ac" * (size // 3) + "x" * (size % 3)
    assert text_frame(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


@pytest.mark.parametrize("size", SIZES)
def test_a_text_in_one_frame_is_read(size: int) -> None:
    payload = os.urandom(size)
    frame = Frame(Opcode.TEXT, payload).serialize(mask=True)
    assert lone_text(frame) == payload
    assert lone_text(frame + b"\x81") is None
    assert lone_text(frame[:-1]) is None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x81",
        b"\x81\x80\0\0\0",
        Frame(Opcode.TEXT, b"x" * 65_536).serialize(mask=True),
        Frame(Opcode.TEXT, b"unmasked").serialize(mask=False),
        Frame(Opcode.TEXT, b"first of two", fin=False).serialize(mask=True),
        Frame(Opcode.CONT, b"second").serialize(mask=True),
        Frame(Opcode.BINARY, b"binary").serialize(mask=True),
        Frame(Opcode.PING, b"ping").serialize(mask=True),
        Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True),
        b"\xc1" + Frame(Opcode.TEXT, b"reserved").serialize(mask=True)[1:],
        b"\x81\xfe\x00\x05" + bytes(4) + b"short",  # a size in more bytes than it needs
        b"\x81\xff" + (5).to_bytes(8, "big") + bytes(4) + b"short",
        b"\x81\xff" + bytes(4) + b"x" * 127,
    ],
    ids=lambda frame: f"{len(frame)} bytes, {frame[:1].hex()}",  # its mask is random, and names must not be
)
def test_everything_else_is_left_to_the_library(frame: bytes) -> None:
    assert lone_text(frame) is None
