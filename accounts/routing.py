"""Which consumer answers a WebSocket, by its path: market streams, or Binance's WebSocket API on /ws-api/v3."""

from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import re_path

from accounts.sockets.consumers import MarketSocket
from accounts.tables import TABLES
from accounts.websocket_api import sessions, user_streams
from accounts.websocket_api.consumer import WebSocketApiConsumer
from accounts.websocket_api.methods import methods_of

METHODS = methods_of(TABLES, (sessions.METHODS, user_streams.METHODS))


class NobodyHere(AsyncWebsocketConsumer):
    """Ends the handshake: the client sees HTTP 403."""

    channel_layer_alias = ""

    async def dispatch(self, message: Any) -> None:
        if message["type"] == "websocket.connect":
            await self.close()
        raise StopConsumer


websocket_application = URLRouter(
    [
        re_path(r"^(?:ws/?)?$", MarketSocket.as_asgi(speaks_guide=True)),
        re_path(r"^ws/(?P<names>.+)$", MarketSocket.as_asgi()),
        re_path(r"^stream/?$", MarketSocket.as_asgi(is_combined=True)),
        re_path(r"^ws-api/v3/?$", WebSocketApiConsumer.as_asgi(methods=METHODS)),
        re_path(r"", NobodyHere.as_asgi()),
    ]
)
