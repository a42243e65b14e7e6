"""The web server of a worker against peers that stop reading."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exchange_project.listeners import listen

ROOT = Path(__file__).resolve().parents[2]
# Sends until the peer's buffers are full, then closes: the way a consumer cuts a subscriber that has fallen behind.
PROGRAM = """
import asyncio, sys
from exchange_project.server import serve

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    await receive()
    await send({"type": "websocket.accept"})
    try:
        async with asyncio.timeout(0.5):
            while True:
                await send({"type": "websocket.send", "text": "x" * 60_000})
    except TimeoutError:
        pass
    try:
        async with asyncio.timeout(2):
            await send({"type": "websocket.close", "code": 1013})
        print("closed", flush=True)
    except TimeoutError:
        print("stuck", flush=True)
    await asyncio.sleep(60)

serve(application, [int(sys.argv[1])])
"""


@pytest.fixture
def server():
    listener = listen("127.0.0.1", 0)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(listener.fileno())],
        pass_fds=[listener.fileno()],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    yield process, listener.getsockname()[1]
    listener.close()
    process.kill()
    process.communicate(timeout=10)


def stalled_socket(port: int) -> socket.socket:
    """Shakes hands and never reads again."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return client


def server_side_is_open(port: int) -> bool:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = "01"
    return any(int(row[1].partition(":")[2], 16) == port and row[3] == established for row in rows)


def test_a_stalled_socket_is_cut_when_it_is_closed(server):
    process, port = server
    with stalled_socket(port):
        assert process.stdout.readline() == "closed\n"
        deadline = time.monotonic() + 1
        while server_side_is_open(port):
            assert time.monotonic() < deadline, "the close waits behind bytes that nobody reads"
            time.sleep(0.02)


def test_a_stalled_socket_does_not_hold_up_the_end_of_the_worker(server):
    process, port = server
    with stalled_socket(port):
        deadline = time.monotonic() + 5
        while not server_side_is_open(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=4)
