"""The web server of one worker: uvicorn, on sockets that the supervisor has bound and passed on.

The fact a newcomer would get wrong: uvicorn's defaults do not suit an exchange on the open loopback. It trusts a forged
X-Forwarded-For, compresses every frame and takes frames of 16 MiB.
"""

import contextlib
import gc
import socket
import sys
from collections.abc import Iterable
from typing import Any

import uvicorn
from django.conf import settings

from exchange_project.protocols import CuttingProtocol, HttpProtocol

LARGEST_FRAME = 1_048_576  # one that is larger ends the connection; from 64 KiB on it is refused in words
OPEN_FILES = 10_240  # macOS grants no process more
GARBAGE_OBJECTS = 10_000  # new ones before the youngest are looked through; 700 by default, the objects of a few orders


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
        http=HttpProtocol,
        ws=CuttingProtocol,
        ws_max_size=LARGEST_FRAME,
        ws_ping_interval=settings.EXCHANGE_SOCKET_PING_S,
        ws_ping_timeout=settings.EXCHANGE_SOCKET_PONG_S,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def spare_the_collector() -> None:
    """What has been imported stays: have it never looked through again, and what comes and goes more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, *gc.get_threshold()[1:])


def serve(application: Any, listeners: Iterable[socket.socket]) -> None:
    """Answer on these listening sockets until SIGTERM or SIGINT, then finish within two seconds."""
    spare_the_collector()
    server_of(application).run(sockets=list(listeners))
