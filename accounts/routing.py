"""Which consumer answers a WebSocket, by its path: the guide's dialect on / and /ws, nothing elsewhere."""

from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import re_path

from accounts.consumers import GuideConsumer


class NobodyHere(AsyncWebsocketConsumer):
    """Ends the handshake: the client sees HTTP 403."""

    channel_layer_alias = ""

    async def dispatch(self, message: Any) -> None:
        if message["type"] == "websocket.connect":
            await self.close()
        raise StopConsumer


websocket_application = URLRouter(
    [
        re_path(r"^(?:ws/?)?$", GuideConsumer.as_asgi()),
        re_path(r"", NobodyHere.as_asgi()),
    ]
)
