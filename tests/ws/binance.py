"""A client of Binance's market streams: what it has heard waits, by stream, until somebody asks for it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 10.0


class StreamClient:
    """A socket on /ws, /ws/<name> or /stream. Raw events go by the name "" unless the socket is combined."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[tuple[str, Any]] = []
        self._taken: dict[str, int] = {}
        self._ids = itertools.count(1)

    async def receive(self) -> Any:
        return msgspec.json.decode(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))

    async def raw(self, text: str | bytes) -> Any:
        """The next frame after sending this."""
        await self.socket.send(text)
        return await self.receive()

    async def ask(self, method: str, params: list[Any] | None = None) -> Any:
        """The answer to a request; events before it are kept."""
        id_ = next(self._ids)
        request = {"method": method, "id": id_} | ({} if params is None else {"params": params})
        await self.socket.send(msgspec.json.encode(request).decode())
        while not (isinstance(frame := await self.receive(), dict) and "id" in frame):
            self._keep(frame)
        assert frame["id"] == id_, frame
        return frame

    async def subscribe(self, *names: str) -> None:
        assert (await self.ask("SUBSCRIBE", list(names)))["result"] is None

    async def names(self) -> list[str]:
        found: list[str] = (await self.ask("LIST_SUBSCRIPTIONS"))["result"]
        return found

    async def next(self, name: str = "") -> Any:
        """The data of the stream's next event that has not been asked for yet."""
        number = self._taken.get(name, 0)
        while len(self.heard(name)) <= number:
            self._keep(await self.receive())
        self._taken[name] = number + 1
        return self.heard(name)[number]

    async def until(self, wanted: Callable[[Any], bool], name: str = "") -> Any:
        while not wanted(data := await self.next(name)):
            pass
        return data

    def heard(self, name: str = "") -> list[Any]:
        return [data for stream, data in self.events if stream == name]

    async def silence(self) -> list[tuple[str, Any]]:
        """Everything that comes before the answer to a question asked now."""
        before = len(self.events)
        await self.names()
        return self.events[before:]

    def _keep(self, frame: Any) -> None:
        is_wrapped = isinstance(frame, dict) and set(frame) == {"stream", "data"}
        self.events.append((frame["stream"], frame["data"]) if is_wrapped else ("", frame))


@asynccontextmanager
async def streaming(url: str, path: str) -> AsyncIterator[StreamClient]:
    """A client of `path`, such as "/stream?streams=btcusdt@trade", of the worker at `url`."""
    async with connect(url.removesuffix("/ws") + path, max_size=None, compression=None) as socket:
        yield StreamClient(socket)
