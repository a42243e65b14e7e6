"""A worker for tests: python worker.py REDIS_URL VENUE. Prints its port, serves WebSockets until it is terminated."""

import asyncio
import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_project.settings")

import django
import uvicorn

django.setup()

from accounts.routing import websocket_application
from api.runtime import Runtime
from exchange_project.protocols import CuttingProtocol


async def main(redis_url: str, venue_name: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    runtime = Runtime(redis_url, venue_name)
    await runtime.start()
    config = uvicorn.Config(websocket_application, ws=CuttingProtocol, lifespan="off", log_config=None)
    print(listener.getsockname()[1], flush=True)
    await uvicorn.Server(config).serve(sockets=[listener])
    await runtime.stop()


asyncio.run(main(*sys.argv[1:]))
