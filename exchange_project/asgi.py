"""The application: one ASGI callable in front of everything, and what it hands to whom.

    /api/ /sapi/ /_sim/ /healthz    api.router, without Django (an order must not pay for middleware)
    any other HTTP path             Django: admin, pages, static files
    WebSocket                       api.door, and behind it accounts.routing: Channels' consumers

It answers the lifespan itself, since Channels' router does not, and starts with the first request where the server has
no lifespan (daphne). The connection belongs to the event loop that serves, so nothing connects at import.
"""

import asyncio
import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_project.settings")
django_application: Any = get_asgi_application()  # sets the apps up; models can be imported from here on

from django.conf import settings

from accounts.auth import authenticate
from api.door import SocketDoor
from api.router import Receive, Router, Scope, Send
from api.runtime import Runtime
from exchange_project.documents import TABLES
from exchange_project.sockets import guarded_sockets


class Exchange:
    """The outermost ASGI application of one process."""

    def __init__(self, runtime: Runtime, router: Router, door: SocketDoor) -> None:
        self._runtime = runtime
        self._router = router
        self._door = door
        self._starting: asyncio.Task[None] | None = None
        self._is_started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(receive, send)
            return
        if not self._is_started:
            await self._start()
        if kind == "websocket":
            await self._door(scope, receive, send)
        elif self._router.answers(scope["path"]):
            await self._router(scope, receive, send)
        else:
            await django_application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._runtime.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        """Once; requests that come meanwhile wait for the same start."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._runtime.start())
        await asyncio.shield(self._starting)
        self._is_started = True


def build_application() -> Exchange:
    """The exchange of settings: its venue in its Redis, with every table of endpoints."""
    runtime = Runtime(
        settings.REDIS_URL,
        settings.EXCHANGE_VENUE,
        durability=settings.EXCHANGE_DURABILITY,
        has_listen_keys=settings.EXCHANGE_LISTEN_KEYS,
        signatures_once=settings.EXCHANGE_SIGNATURES_ONCE,
        version=settings.EXCHANGE_VERSION,
        sim_token_file=settings.EXCHANGE_SIM_TOKEN_FILE,
    )
    return Exchange(runtime, Router(TABLES, runtime, authenticate=authenticate), guarded_sockets())


application = build_application()
