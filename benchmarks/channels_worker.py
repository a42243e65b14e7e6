"""Fan-out the way Channels' own documentation does it: python -m benchmarks.channels_worker DESCRIPTOR REDIS_URL.

A stock AsyncWebsocketConsumer in one group of channels_redis, behind uvicorn with the settings of our own worker.
"""

import asyncio
import socket
import sys
from typing import Any, Final

import uvicorn
from django.conf import settings

from benchmarks.processes import end_with_standard_input

GROUP: Final = "audience"
LAYER: Final = "channels_redis.core.RedisChannelLayer"


def serve(descriptor: int, redis_url: str) -> None:
    """Answer WebSockets on the inherited listening socket for good."""
    layers = {"default": {"BACKEND": LAYER, "CONFIG": {"hosts": [redis_url]}}}
    settings.configure(CHANNEL_LAYERS=layers, USE_TZ=True)
    from channels.generic.websocket import AsyncWebsocketConsumer  # wants settings first

    class Listener(AsyncWebsocketConsumer):  # type: ignore[misc]
        groups = [GROUP]

        async def audience_frame(self, event: dict[str, Any]) -> None:
            """What group_send has sent."""
            await self.send(text_data=event["text"])

    config = uvicorn.Config(
        Listener.as_asgi(),
        loop="uvloop",
        ws="websockets-sansio",
        ws_ping_interval=20.0,
        ws_ping_timeout=60.0,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[socket.socket(fileno=descriptor)]))


if __name__ == "__main__":
    end_with_standard_input()
    serve(int(sys.argv[1]), sys.argv[2])
