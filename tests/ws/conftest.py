"""A worker's WebSocket side in this process, a second one in a child, and a client that keeps what it has heard."""

import asyncio
import itertools
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from accounts.digests import key_digest
from accounts.routing import websocket_application
from api.runtime import Runtime
from engine.registry import KeyRecord
from engine.venue import Venue
from exchange_project.protocols import CuttingProtocol
from exchange_project.server import LARGEST_FRAME

PATIENCE_S = 10.0
Application = Callable[..., Awaitable[None]]
WORKER = Path(__file__).parent / "worker.py"


class Client:
    """A socket whose events wait, by stream, until somebody asks for them."""

    def __init__(self, socket_: ClientConnection) -> None:
        self.socket = socket_
        self.events: list[dict[str, Any]] = []
        self.taken: dict[str, int] = {}
        self._ids = itertools.count(1)

    async def receive(self) -> Any:
        return msgspec.json.decode(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a request; events before it are kept."""
        id_ = next(self._ids)
        await self.socket.send(msgspec.json.encode({"method": method, "params": params, "id": id_}).decode())
        while True:
            frame = await self.receive()
            if "stream" not in frame:
                assert frame.get("id") == id_, frame
                return frame
            self.events.append(frame)

    async def raw(self, text: str | bytes) -> Any:
        """The next frame after sending this text."""
        await self.socket.send(text)
        return await self.receive()

    async def subscribe(self, *streams: str) -> None:
        answer = await self.ask("subscribe", streams=list(streams))
        assert answer["result"] == "success", answer

    async def auth(self, api_key: str) -> None:
        assert (await self.ask("auth", api_key=api_key))["result"] == "success"

    def heard(self, stream: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events if event["stream"] == stream]

    async def next(self, stream: str) -> dict[str, Any]:
        """The data of the stream's next event that has not been asked for yet."""
        number = self.taken.get(stream, 0)
        while len(self.heard(stream)) <= number:
            frame = await self.receive()
            assert "stream" in frame, frame
            self.events.append(frame)
        self.taken[stream] = number + 1
        return self.heard(stream)[number]

    async def until(self, stream: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not wanted(data := await self.next(stream)):
            pass
        return data

    async def silence(self) -> list[dict[str, Any]]:
        """Everything that comes before the answer to a ping sent now."""
        before = len(self.events)
        await self.ask("ping")
        return self.events[before:]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    async with connect(url, max_size=None, compression=None) as socket_:
        yield Client(socket_)


@asynccontextmanager
async def serving(
    runtime: Runtime,
    *,
    send_buffer: int = 0,
    application: Application = websocket_application,
    ping_s: float = 20.0,
    pong_s: float = 60.0,
) -> AsyncIterator[str]:
    """The WebSocket side of a worker in this process; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    if send_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    config = uvicorn.Config(
        application, ws=CuttingProtocol, ws_max_size=LARGEST_FRAME, ws_per_message_deflate=False, lifespan="off",
        log_config=None, timeout_graceful_shutdown=1, ws_ping_interval=ping_s, ws_ping_timeout=pong_s,
    )  # fmt: skip
    server = uvicorn.Server(config)
    await runtime.start()
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
    finally:
        server.should_exit = True
        await task
        await runtime.stop()


@pytest.fixture
async def runtime(redis_url: str, venue: Venue) -> Runtime:
    return Runtime(redis_url, venue.name)


@pytest.fixture
async def ws_url(runtime: Runtime) -> AsyncIterator[str]:
    async with serving(runtime) as url:
        yield url


@pytest.fixture
async def client(ws_url: str) -> AsyncIterator[Client]:
    async with connected(ws_url) as client:
        yield client


@pytest.fixture
async def other_worker(redis_url: str, venue: Venue) -> AsyncIterator[str]:
    """A worker in a process of its own on the same venue; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), redis_url, venue.name, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    port = int(await asyncio.wait_for(process.stdout.readline(), 30))
    try:
        yield f"ws://127.0.0.1:{port}/ws"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


async def give_key(venue: Venue, account: int, name: str, api_key: str) -> str:
    """Publish an account and a key of it."""
    await venue.registry.define_account(account, name)
    await venue.registry.define_key(key_digest(api_key), KeyRecord(account=account, user_name=name))
    return api_key
