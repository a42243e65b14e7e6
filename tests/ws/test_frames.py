"""Below the requests: frames that are too large, in pieces, or no frames at all. Which close code, and who is hurt.

The fact a newcomer would get wrong: a request that makes no sense is answered and the connection stays, even if it is
not UTF-8 or larger than 64 KiB; what breaks the WebSocket protocol itself ends it: 1002, 1009 beyond 1 MiB.
"""

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from tests.ws.conftest import PATIENCE_S, Client

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LARGEST = 65_536


def frame(kind: int, payload: bytes, *, is_last: bool = True, is_masked: bool = True, reserved: int = 0) -> bytes:
    """A client's frame, with a mask of zeros."""
    mask_bit = 0x80 if is_masked else 0
    size = len(payload)
    if size < 126:
        length = bytes([mask_bit | size])
    elif size < 65_536:
        length = bytes([mask_bit | 126]) + struct.pack(">H", size)
    else:
        length = bytes([mask_bit | 127]) + struct.pack(">Q", size)
    return bytes([is_last << 7 | reserved << 4 | kind]) + length + (b"\0\0\0\0" if is_masked else b"") + payload


class Wire:
    """A socket after its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        """(kind, payload) of the server's next frame."""
        async with asyncio.timeout(PATIENCE_S):
            first, size = await self._reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack(">H", await self._reader.readexactly(2))
            return first & 0x0F, await self._reader.readexactly(size)

    async def answer(self) -> dict[str, object]:
        kind, payload = await self.receive()
        assert kind == TEXT, (kind, payload)
        return dict(msgspec.json.decode(payload))

    async def close_code(self) -> int:
        kind, payload = await self.receive()
        assert kind == CLOSE, (kind, payload)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await self._reader.readexactly(1)  # and then the end
        return int.from_bytes(payload[:2], "big")


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[Wire]:
    host, _, port = url.removeprefix("ws://").removesuffix("/ws").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


@pytest.fixture
async def wire(ws_url: str) -> AsyncIterator[Wire]:
    async with wired(ws_url) as wire:
        yield wire


PING_REQUEST = b'{"method":"ping"}'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"x" * 1_100_000), 1009),
        (frame(BINARY, b"x" * 1_100_000), 1009),
        (frame(TEXT, b"x" * 600_000, is_last=False) + frame(0, b"x" * 600_000), 1009),
        (b"\x81\xff" + struct.pack(">Q", 2**62) + b"\0\0\0\0", 1009),
        (b"\x81\xff" + struct.pack(">Q", 2**63 + 5) + b"\0\0\0\0", 1009),
        (frame(TEXT, PING_REQUEST, is_masked=False), 1002),
        (frame(TEXT, PING_REQUEST, reserved=4), 1002),
        (frame(5, PING_REQUEST), 1002),
        (frame(0, PING_REQUEST), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", is_last=False), 1002),
        (frame(CLOSE, b"x"), 1002),
        (frame(CLOSE, struct.pack(">H", 5)), 1002),
        (frame(CLOSE, struct.pack(">H", 1000)), 1000),
    ],
)
async def test_what_breaks_the_protocol_ends_that_connection_alone(
    wire: Wire, client: Client, data: bytes, code: int
) -> None:
    await wire.send(data)
    assert await wire.close_code() == code
    assert (await client.ask("ping"))["result"] == "pong"


async def test_the_largest_frame_is_answered(wire: Wire) -> None:
    head, tail = b'{"method":"ping","filler":"', b'"}'
    await wire.send(frame(TEXT, head + b"x" * (LARGEST - len(head) - len(tail)) + tail))
    assert await wire.answer() == {"result": "pong"}


async def test_a_request_in_pieces_with_pings_in_between(wire: Wire) -> None:
    pieces = [PING_REQUEST[place : place + 1] for place in range(len(PING_REQUEST))]
    await wire.send(frame(TEXT, b"", is_last=False) + frame(PING, b"here?"))
    await wire.send(b"".join(frame(0, piece, is_last=False) for piece in pieces) + frame(PONG, b"unasked"))
    await wire.send(frame(0, b""))
    assert await wire.receive() == (PONG, b"here?")
    assert await wire.answer() == {"result": "pong"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b'{"method":"subscribe","params":{"streams":[' + b",".join([b'"a"'] * 10_000) + b"]}}", "10000 streams"),
        (b'{"method":"ping","id":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "not a JSON object"),
        (b'{"method":"\\ud800"}', "not a JSON object"),
        (b'{"method":"auth","params":{"api_key":"\\ud800"}}', "not a JSON object"),
        (b'{"method":"auth","params":{"api_key":"\\u0000"}}', "invalid API key"),
        (b'{"method":"subscribe","params":{"streams":["BTC\\u0000USDT@trade"]}}', "unknown symbol"),
        (b'{"method":"ping","method":"dance"}', "unknown method 'dance'"),
        (b'{"method":"ping","id":NaN}', "not a JSON object"),
        (b"\xef\xbb\xbf" + PING_REQUEST, "not a JSON object"),
        (b"\x00", "not a JSON object"),
        (b"\xff\xfe", "in UTF-8"),
        (b'{"method":"ping","id":"\xc3"}', "in UTF-8"),
        (b"\xed\xa0\x80", "in UTF-8"),
        (b"x" * (LARGEST + 1), "larger than 65536 bytes"),
        (PING_REQUEST + b" " * 200_000, "larger than 65536 bytes"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_text_that_makes_no_sense_is_answered_and_the_connection_lives(
    wire: Wire, sent: bytes, expected: str
) -> None:
    await wire.send(frame(TEXT, sent))
    assert expected in str((await wire.answer())["error"])
    await wire.send(frame(TEXT, PING_REQUEST))
    assert await wire.answer() == {"result": "pong"}
