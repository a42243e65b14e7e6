"""What every WebSocket of ours does: a queue that the feed fills, one task that empties it into the socket.

The fact a newcomer would get wrong: answers go through the same queue as events. So an answer is always sent before
the events that follow from it, and a client that asks without reading is cut like any other slow reader.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from api.dialects import V3
from api.errors import Answer
from api.router import CONTENT_TYPE
from api.runtime import Runtime, current
from api.subscriptions import MAX_BYTES, MAX_MESSAGES, POLICY_VIOLATION, WRITE_TEXT, Subscriber
from engine.errors import EngineUnavailable

LARGEST_FRAME = 65_536  # that is looked into; the server takes more, so that the refusal can be told
SERVICE_RESTART = 1012
GOING_AWAY = 1001
FAREWELL_S = 10.0  # before its end a connection is told that it comes; half its life if that is shorter


class StreamConsumer(AsyncWebsocketConsumer):
    """A socket with its queue. Subclasses write `receive`, push their answers, and `forget` what they have opened.

    What `prepare` opens is heard from before the handshake is answered: who is let in misses nothing that follows.
    """

    channel_layer_alias = ""  # none: a channel layer drops silently when it is full
    max_messages = MAX_MESSAGES
    max_bytes = MAX_BYTES

    runtime: Runtime
    subscriber: Subscriber

    def __init__(self) -> None:
        super().__init__()
        self._sending: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As Channels', without a channel layer to wait for beside the socket: that costs 70 us for every message."""
        self.scope, self.base_send = scope, send
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        except BaseException:  # a fault of ours: the server ends the connection, and no `websocket.disconnect` comes
            self._let_go()
            raise

    async def dispatch(self, message: Any) -> None:
        """As Channels', without its look after database connections: there are none here, and it costs a thread."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, message: Any) -> None:
        """Accept, and begin to send what the queue holds."""
        self._closing: asyncio.Task[None] | None = None
        self._reason = ""
        try:
            self.runtime = current()
        except EngineUnavailable:
            await self.close(SERVICE_RESTART)
            return
        extension = self.scope.get("extensions", {}).get(WRITE_TEXT, {})
        extension |= {"on_control": self.on_control, "farewell": self.farewell}
        self.subscriber = self.runtime.feed.subscribe(
            self._on_cut, max_messages=self.max_messages, max_bytes=self.max_bytes, write=extension.get("write"),
            waits_for_taker=True,
        )  # fmt: skip
        try:
            await self.prepare()
            await self.accept()
        except BaseException:  # the peer has gone meanwhile
            self._give_back()
            raise
        self._sending = asyncio.create_task(self._send_queued())
        if self.subscriber.cut_code is not None:
            self._on_cut(self.subscriber.cut_code)
        idle_s = settings.EXCHANGE_SOCKET_IDLE_S
        self._idle = self._later(idle_s, lambda: self.hang_up(f"nothing was subscribed within {idle_s:g} seconds"))
        life_s = settings.EXCHANGE_SOCKET_LIFE_S
        self._later(max(life_s - FAREWELL_S, life_s / 2), self._say_farewell)
        self._later(life_s, lambda: self.hang_up(f"a connection lasts {life_s:g} seconds", GOING_AWAY))

    async def prepare(self) -> None:
        """Open what the socket is to hear from its first moment on. Its queue is there already."""

    def _give_back(self) -> None:
        self.runtime.feed.leave(self.subscriber)
        self.forget()

    def _later(self, seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        timer = asyncio.get_running_loop().call_later(seconds, act)
        self._timers.append(timer)
        return timer

    async def refuse(self, answer: Answer, header: tuple[bytes, bytes] | None = None) -> None:
        """End the handshake with an HTTP answer, or where the server has none for sockets, without a word."""
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close()
            return
        body = V3.error_body(answer.code, answer.text)
        headers = [CONTENT_TYPE] if header is None else [CONTENT_TYPE, header]
        start = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
        await self.base_send(start)
        await self.base_send({"type": "websocket.http.response.body", "body": body})

    @property
    def address(self) -> str:
        """The peer's; empty where it has none (a Unix socket)."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def is_open(self) -> bool:
        """Whether the handshake has been accepted."""
        return self._sending is not None

    async def websocket_disconnect(self, message: Any) -> None:
        """The socket is gone: give everything back."""
        self._let_go()
        raise StopConsumer

    def _let_go(self) -> None:
        for timer in self._timers:
            timer.cancel()
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            self._give_back()

    def on_control(self) -> None:
        """A ping or a pong came."""

    def farewell(self) -> str | None:
        """What to send before the exchange ends the connection of its own accord."""
        return None

    def _say_farewell(self) -> None:
        text = self.farewell()
        if text is not None:
            self.subscriber.push(text)

    def hang_up(self, reason: str, code: int = POLICY_VIOLATION) -> None:
        """End the connection, and say why in the close frame."""
        self._reason = reason
        self.subscriber.cut(code)

    def forget(self) -> None:
        """Give back subscriptions and sessions; called once, when the socket has gone or was cut."""

    def is_in_use(self) -> None:
        """The socket has authenticated or subscribed: it may stay."""
        self._idle.cancel()

    async def _send_queued(self) -> None:
        send = self.base_send
        while True:
            for frame in await self.subscriber.take():
                await send({"type": "websocket.send", "text": frame})

    def _on_cut(self, code: int) -> None:
        if self.is_open:  # else it is told as soon as it is
            self._closing = asyncio.create_task(self._close_cut(code))

    async def _close_cut(self, code: int) -> None:
        """Close a socket that may not be writable: the server drops it then (exchange_project.protocols)."""
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._sending
        with contextlib.suppress(Exception):
            await self.close(code, self._reason)
