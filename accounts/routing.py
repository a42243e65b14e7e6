"""Which consumer answers a WebSocket, by its path: the guide's dialect on / and /ws, nothing elsewhere."""

from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import re_path

from accounts.consumers import GuideConsumer


class NobodyHere(AsyncWebsocketConsumer):
    """Ends the handshake: the client sees HTTP 403."""

    channel_layer_alias = ""

    async def connect(self) -> None:
        raise DenyConnection


websocket_application = URLRouter(
    [
        re_path(r"^(?:ws/?)?$", GuideConsumer.as_asgi()),
        re_path(r"", NobodyHere.as_asgi()),
    ]
)
