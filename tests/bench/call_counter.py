"""How many Python functions of ours a worker calls for a request: python -m tests.bench.call_counter FOLDER.

Prints one line of JSON, kind of request -> calls. The worker is a thread of this process with the server that `up`
uses; its requests come one after the other, so the count depends neither on the machine nor on who else is busy.

The fact a newcomer would get wrong: a coroutine counts each time it goes on, so what waits once counts twice. What the
worker does beside (it reads events, it looks at clocks) is in the count too, and is a small part of a call a request.
"""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

import msgspec

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = tuple(f"{package.parent}{os.sep}" for package in ROOT.glob("*/__init__.py"))  # .venv is in ROOT too
os.environ["EXCHANGE_DATA_DIR"] = sys.argv[1]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_project.settings")

import django

django.setup()

from django.conf import settings

from benchmarks.audience import shake_hands
from benchmarks.http_generator import is_whole, open_sockets, ping_request
from benchmarks.http_load import VENUE, open_account
from benchmarks.signed_orders import Signer
from benchmarks.socket_generator import PATH, is_answered
from engine.embedded import EmbeddedServer
from exchange_project.listeners import listen

WARM_UP: Final = 50
COUNTED: Final = 100


class Calls:
    """Counts, while `is_on`, the functions of ours that the thread calls which has it as its profile function."""

    def __init__(self) -> None:
        self.count = 0
        self.is_on = False

    def __enter__(self) -> Self:
        self.count, self.is_on = 0, True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_on = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.is_on and event == "call" and frame.f_code.co_filename.startswith(OURS):
            self.count += 1


def serve(listener: socket.socket, calls: Calls) -> None:
    """A worker on the Redis and with the data directory of the settings."""
    from exchange_project.asgi import application
    from exchange_project.server import server_of

    sys.setprofile(calls)
    server_of(application).run(sockets=[listener])


def count(connection: socket.socket, requests: list[bytes], has_come: Callable[[bytes], bool], calls: Calls) -> float:
    """Calls for one of the requests."""
    for request in requests[:WARM_UP]:
        _ask(connection, request, has_come)
    with calls:
        for request in requests[WARM_UP : WARM_UP + COUNTED]:
            _ask(connection, request, has_come)
    return calls.count / COUNTED


def _ask(connection: socket.socket, request: bytes, has_come: Callable[[bytes], bool]) -> None:
    connection.sendall(request)
    answer = connection.recv(65_536)
    while not has_come(answer):
        answer += connection.recv(65_536)


def guides_order(port: int, api_key: str) -> bytes:
    """A buy order that rests, in JSON, with nothing but a key."""
    body = b'{"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "10000.00"}'
    head = f"POST /api/v1/order HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-KEY: {api_key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def main(folder: Path) -> None:
    with EmbeddedServer(folder / "redis", durability="ci") as server:
        settings.REDIS_URL, settings.EXCHANGE_VENUE = server.url, VENUE
        key, secret = asyncio.run(open_account(server.url, folder))
        listener, calls = listen("127.0.0.1", 0), Calls()
        port = listener.getsockname()[1]
        threading.Thread(target=serve, args=(listener, calls), daemon=True).start()
        connection, web_socket = open_sockets(port, 2)
        signer, times = Signer(key, secret), WARM_UP + COUNTED
        _ask(connection, ping_request(port), is_whole)  # answered once the worker is there
        found = {
            "ping": count(connection, [ping_request(port)] * times, is_whole, calls),
            "v1 order": count(connection, [guides_order(port, key)] * times, is_whole, calls),
            "v3 order": count(connection, signer.posts(port)[:times], is_whole, calls),
        }
        shake_hands(web_socket, PATH)
        found["socket order"] = count(web_socket, signer.frames()[:times], is_answered, calls)
        print(msgspec.json.encode(found).decode(), flush=True)
        server.stop(save=False)
    os._exit(0)  # the worker's thread has no end of its own


if __name__ == "__main__":
    main(Path(sys.argv[1]))
