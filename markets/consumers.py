"""What every WebSocket of ours does: a queue that the feed fills, one task that empties it into the socket.

The fact a newcomer would get wrong: answers go through the same queue as events. So an answer is always sent before
the events that follow from it, and a client that asks without reading is cut like any other slow reader.
"""

import asyncio
import contextlib
from typing import Any

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from api.runtime import Runtime, current
from api.subscriptions import MAX_BYTES, MAX_MESSAGES, POLICY_VIOLATION, WRITE_TEXT, Subscriber
from engine.errors import EngineUnavailable

GOING_AWAY = 1012  # the exchange's own word: "service restart"


class StreamConsumer(AsyncWebsocketConsumer):
    """A socket with its queue. Subclasses write `receive`, push their answers, and `forget` what they have opened."""

    channel_layer_alias = ""  # none: a channel layer drops silently when it is full
    max_messages = MAX_MESSAGES
    max_bytes = MAX_BYTES
    idle_limit_s = 60.0

    runtime: Runtime
    subscriber: Subscriber

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As Channels', without a channel layer to wait for beside the socket: that costs 70 us for every message."""
        self.scope, self.base_send = scope, send
        with contextlib.suppress(StopConsumer):
            while True:
                await self.dispatch(await receive())

    async def dispatch(self, message: Any) -> None:
        """As Channels', without its look after database connections: there are none here, and it costs a thread."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, message: Any) -> None:
        """Accept, and begin to send what the queue holds."""
        self._sending: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        try:
            self.runtime = current()
        except EngineUnavailable:
            await self.close(GOING_AWAY)
            return
        await self.accept()
        extension = self.scope.get("extensions", {}).get(WRITE_TEXT, {})
        self.subscriber = self.runtime.feed.subscribe(
            self._on_cut, max_messages=self.max_messages, max_bytes=self.max_bytes, write=extension.get("write")
        )
        self._sending = asyncio.create_task(self._send_queued())
        self._idle = asyncio.get_running_loop().call_later(self.idle_limit_s, self.subscriber.cut, POLICY_VIOLATION)

    async def websocket_disconnect(self, message: Any) -> None:
        """The socket is gone: give everything back."""
        if self._idle is not None:
            self._idle.cancel()
        if self._sending is not None:
            self._sending.cancel()
            self.runtime.feed.leave(self.subscriber)
            self.forget()
        raise StopConsumer

    def forget(self) -> None:
        """Give back subscriptions and sessions; called once, when the socket has gone or was cut."""

    def is_in_use(self) -> None:
        """The socket has authenticated or subscribed: it may stay."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def _send_queued(self) -> None:
        send = self.base_send
        while True:
            for frame in await self.subscriber.take():
                await send({"type": "websocket.send", "text": frame})

    def _on_cut(self, code: int) -> None:
        self._closing = asyncio.create_task(self._close_cut(code))

    async def _close_cut(self, code: int) -> None:
        """Close a socket that may not be writable: the server drops it then (exchange_project.protocols)."""
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._sending
        with contextlib.suppress(Exception):
            await self.close(code)
