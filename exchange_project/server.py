"""The web server of one worker: uvicorn, on sockets that the supervisor has bound and passed on.

uvicorn's defaults are wrong for an exchange on the open loopback: it trusts a forged X-Forwarded-For, compresses every
frame and takes frames of 16 MiB. And ASGI has no way to drop a peer that has stopped reading: `close()` waits behind
the bytes that never leave. CuttingProtocol drops it.
"""

import contextlib
import socket
import sys
from collections.abc import Iterable
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

CLOSE_SECONDS = 10.0  # what a peer has to answer our close frame, however slowly it reads
LARGEST_FRAME = 65_536
OPEN_FILES = 10_240  # macOS grants no process more


class CuttingProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that is cut, not waited for, when it is closed while its peer reads nothing."""

    async def send(self, message: Any) -> None:
        """As uvicorn's, but `websocket.close` never waits for a stalled peer."""
        if message["type"] != "websocket.close":
            await super().send(message)
        elif self.writable.is_set():
            await super().send(message)
            self._cut_later()
        else:
            self.transport.abort()

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
