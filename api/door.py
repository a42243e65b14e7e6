"""Who may open a WebSocket at all: looked at in front of every consumer, before the handshake is answered.

The fact a newcomer would get wrong: a missing Origin is no reason to refuse. Browsers always send it, programs do not.
It names the page that opens the socket: somebody else's page shall not use a visitor's browser to reach an exchange
that listens on his own machine.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from api.router import Receive, Scope, Send
from api.runtime import current
from api.subscriptions import TRY_AGAIN_LATER
from engine.errors import EngineUnavailable

FORBIDDEN = 403
TOO_OFTEN = 429
FULL = 503


class _Refusal(NamedTuple):
    """The HTTP status and text that the peer sees instead of a socket."""

    status: int
    text: str


class SocketDoor:
    """An ASGI application for WebSockets around another one, which gets those that may come in.

    `is_known_host(name)`: whether pages of this host may open sockets. `most_of(address)`: how many sockets this peer
    may have open in this process. `attempts_of(address)`: how many it may try to open in five minutes on all workers
    (Binance's rule, web-socket-streams.md, "WebSocket Limits"), those included that are refused; None: as many as it
    likes.
    """

    def __init__(
        self,
        application: Callable[[Scope, Receive, Send], Awaitable[None]],
        *,
        is_known_host: Callable[[str], bool],
        most_of: Callable[[str], int],
        attempts_of: Callable[[str], int | None] = lambda address: None,
    ) -> None:
        self._application = application
        self._is_known_host = is_known_host
        self._most_of = most_of
        self._attempts_of = attempts_of
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = (scope.get("client") or ("",))[0]  # a unix socket has no peer address
        refusal = await self._refusal_by_attempts(address) or self._refusal(scope, address)
        if refusal is not None:
            await receive()
            await _refuse(scope, send, refusal)
            return
        self._open[address] += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _refusal(self, scope: Scope, address: str) -> _Refusal | None:
        for name, value in scope["headers"]:
            if name.lower() == b"origin" and not self._is_known_host(host_of(value.decode("latin-1"))):
                origin = value.decode("latin-1")[:200]
                text = f"pages of the origin {origin!r} may not open sockets here: see EXCHANGE_ALLOWED_HOSTS"
                return _Refusal(FORBIDDEN, text)
        most = self._most_of(address)
        if self._open[address] >= most:
            text = f"{most} sockets of {address or 'this peer'} are open already: close some, then try again"
            return _Refusal(FULL, text)
        return None

    async def _refusal_by_attempts(self, address: str) -> _Refusal | None:
        """While Redis cannot be asked everybody may try."""
        most = self._attempts_of(address)
        if most is None:
            return None
        try:
            attempts = await current().venue.limiter.socket_attempts(address)
        except EngineUnavailable:
            return None
        text = f"{address or 'this peer'} has opened {most} sockets within five minutes: try again later"
        return _Refusal(TOO_OFTEN, text) if attempts > most else None


def host_of(origin: str) -> str:
    """The host name in an Origin header, in small letters; empty when it names none, as "null" does."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.hostname or "" if parts.scheme in ("http", "https") else ""


async def _refuse(scope: Scope, send: Send, refusal: _Refusal) -> None:
    """An HTTP answer with the reason, or where the server has none for sockets (daphne), a close that says as much."""
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"application/json")]
        body = msgspec.json.encode({"error": refusal.text})
        await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
        return
    if refusal.status in (FULL, TOO_OFTEN):
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": refusal.text})
    else:
        await send({"type": "websocket.close"})
