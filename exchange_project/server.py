"""The web server of one worker: uvicorn, on sockets that the supervisor has bound and passed on.

uvicorn's defaults are wrong for an exchange on the open loopback: it trusts a forged X-Forwarded-For, compresses every
frame and takes frames of 16 MiB. And ASGI has no way to drop a peer that has stopped reading: `close()` waits behind
the bytes that never leave. CuttingProtocol drops it.
"""

import contextlib
import socket
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from api.subscriptions import WRITE_TEXT

CLOSE_SECONDS = 10.0  # what a peer has to answer our close frame, however slowly it reads
LARGEST_FRAME = 65_536
OPEN_FILES = 10_240  # macOS grants no process more
FRAMES_KEPT = 16


@lru_cache(maxsize=FRAMES_KEPT)
def text_frame(text: str) -> bytes:
    """The frame that carries a text. A stream's subscribers get the same text: it is made once for all of them."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class CuttingProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that is cut, not waited for, when it is closed while its peer reads nothing."""

    async def send(self, message: Any) -> None:
        """As uvicorn's, but a text costs little, and `websocket.close` never waits for a stalled peer."""
        if message["type"] != "websocket.close":
            if not self.writable.is_set():
                await self.writable.wait()
            text = message.get("text")
            if text is None or not self.write_text(text):
                await super().send(message)
        elif self.writable.is_set():
            await super().send(message)
            self._cut_later()
        else:
            self.transport.abort()

    async def run_asgi(self) -> None:
        """As uvicorn's; the application finds `write_text` in the scope."""
        self.scope["extensions"][WRITE_TEXT] = {"write": self.write_text}
        await super().run_asgi()

    def write_text(self, text: str) -> bool:
        """Send a text at once. False, with nothing sent, if it would have to wait or cannot go as one plain frame."""
        is_open = self.handshake_complete and not self.close_sent and not self.transport.is_closing()
        if not (is_open and self.writable.is_set() and self.conn.state is State.OPEN) or self.conn.extensions:
            return False
        self.transport.write(text_frame(text))
        return True

    def shutdown(self) -> None:
        """The worker ends: say so to those who listen, cut those who do not."""
        if self.writable.is_set():
            super().shutdown()
        else:
            self.transport.abort()

    def keepalive_timeout(self) -> None:
        """No pong: a close frame for a peer that still reads, and then the end either way."""
        if self.writable.is_set():
            super().keepalive_timeout()
            self._cut_later()
        else:
            self.transport.abort()

    def _cut_later(self) -> None:
        """A peer that reads a little is always writable soon: bound its good-bye too. Cutting twice is harmless."""
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


def allow_many_sockets() -> None:
    """Ask for as many open files as the system grants: shells begin with 1,024 or fewer, and each socket is one."""
    if sys.platform == "win32":
        return  # no such bound there
    import resource  # POSIX alone has it

    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # then what there was has to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def server_of(application: Any) -> uvicorn.Server:
    """A server that ends within two seconds once it is told to."""
    allow_many_sockets()
    config = uvicorn.Config(
        application,
        loop="asyncio" if sys.platform == "win32" else "uvloop",
        http="httptools",
        ws=CuttingProtocol,
        ws_max_size=LARGEST_FRAME,
        ws_ping_interval=20.0,
        ws_ping_timeout=60.0,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def serve(application: Any, descriptors: Iterable[int]) -> None:
    """Answer on the inherited listening sockets until SIGTERM or SIGINT, then finish within two seconds."""
    server_of(application).run(sockets=[socket.socket(fileno=descriptor) for descriptor in descriptors])
