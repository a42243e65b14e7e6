"""The web server of a worker against peers that stop reading, or that never finish what they began to say."""

import asyncio
import base64
import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from exchange_project.listeners import listen
from exchange_project.protocols import CuttingProtocol

ROOT = Path(__file__).resolve().parents[2]
# Sends until the peer's buffers are full, then closes: the way a consumer cuts a subscriber that has fallen behind.
PROGRAM = """
import asyncio, socket, sys
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

serve(application, [socket.socket(fileno=int(sys.argv[1]))])
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


def test_a_shell_s_low_limit_of_open_files_is_no_limit_of_sockets():
    """256 is what macOS gives a shell, 1,024 what most Linux systems do; both let a process have more if it asks."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listen("127.0.0.1", 0) as listener, contextlib.ExitStack() as ending:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, most)),
        )
        ending.callback(process.wait, 10)
        ending.callback(process.kill)
        clients = [ending.enter_context(stalled_socket(listener.getsockname()[1])) for _ in range(100)]
        for client in clients:
            client.settimeout(10)
            assert client.recv(12) == b"HTTP/1.1 101"


async def flooding(scope: Any, receive: Any, send: Any) -> None:
    """Sends until the peer is gone."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": "x" * 60_000})


async def test_a_stalled_socket_does_not_hold_up_the_end_of_the_worker():
    """uvicorn's own protocol waits until the peer reads: what else would end that, here or in the kernel, is off."""
    config = uvicorn.Config(
        flooding, ws=CuttingProtocol, lifespan="off", log_config=None, timeout_graceful_shutdown=None
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            with await asyncio.to_thread(stalled_socket, listener.getsockname()[1]):
                await until(lambda: any(not each.writable.is_set() for each in server.server_state.connections))
                server.should_exit = True
                done, _ = await asyncio.wait([serving], timeout=5)
                assert done, "the worker waits for a peer that reads nothing"
        finally:
            serving.cancel()
            for connection in list(server.server_state.connections):
                connection.transport.abort()


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not look():
            await asyncio.sleep(0.01)


# Answers every request once its body has come; the server waits for one second at most.
PATIENT = """
import socket, sys
from exchange_project import protocols, server

protocols.REQUEST_SECONDS = 0.5

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    while (message := await receive()).get("more_body", False):
        pass
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

server.serve(application, [socket.socket(fileno=int(sys.argv[1]))])
"""
UNFINISHED = [
    b"",
    b"GET / HT",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost",
]


@pytest.fixture
def patient_server():
    listener = listen("127.0.0.1", 0)
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT, str(listener.fileno())], pass_fds=[listener.fileno()], cwd=ROOT
    )
    yield listener.getsockname()[1]
    listener.close()
    process.kill()
    process.wait(timeout=10)


@pytest.mark.parametrize("said", UNFINISHED, ids=lambda said: repr(said[-20:]))
def test_a_request_that_never_ends_is_hung_up_on(patient_server, said):
    with socket.create_connection(("127.0.0.1", patient_server), timeout=20) as client:
        client.sendall(said)
        received = b"".join(iter(lambda: client.recv(65_536), b""))
    head = received.removeprefix(b"HTTP/1.1 200 OK\r\n")
    assert b"HTTP/1.1 408 Request Timeout" in head
    assert b'"code":-1000' in head


def test_a_slow_request_and_a_quiet_socket_are_waited_for(patient_server):
    with stalled_socket(patient_server) as quiet, socket.create_connection(("127.0.0.1", patient_server)) as slow:
        slow.settimeout(20)
        quiet.settimeout(20)
        for number in range(14):  # together they take longer than one may
            slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
            time.sleep(0.1)
            slow.sendall(b"b")
            answer = b""
            while not answer.endswith(b"ok"):
                answer += slow.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200"), number
        assert b"101" in quiet.recv(65_536)
        quiet.sendall(b"\x81\x85\0\0\0\0hello")
        assert quiet.recv(65_536) == b"\x81\x05hello"
