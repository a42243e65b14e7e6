"""A whole exchange whose Redis dies, hangs and comes back: answers are true, and no worker has to be restarted."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from engine.audit import audit
from engine.embedded import EmbeddedServer
from engine.venue import opened
from tests.e2e.processes import Up, until

BUSY, TIMEOUT = (503, -1008), (504, -1007)
RESYNCHRONISE = {1012, 1013}  # service restart, try again later
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "price": "20000", "quantity": "0.01"}
WRITES: list[tuple[str, str, dict[str, str]]] = [
    ("POST", "/order", ORDER),
    ("DELETE", "/order", {"symbol": "BTCUSDT", "orderId": "1"}),
    ("DELETE", "/openOrders", {"symbol": "BTCUSDT"}),
    ("POST", "/deposit", {"asset": "BTC", "amount": "1"}),
    ("POST", "/withdraw", {"asset": "BTC", "amount": "1"}),
]
READS = ["/time", "/exchangeInfo", "/depth?symbol=BTCUSDT", "/trades?symbol=BTCUSDT", "/ticker/price", "/ticker/24hr",
         "/account", "/openOrders", "/order?symbol=BTCUSDT&orderId=1"]  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A Redis of the test's own, so that nobody but the test revives it; it keeps what it has acknowledged."""
    with EmbeddedServer(tmp_path / "redis", durability="durable") as server:
        yield server
        if server.is_alive():
            os.kill(server.pid, signal.SIGCONT)


class Market:
    """The exchange on that Redis, and one user of it."""

    def __init__(self, running: Up, folder: Path) -> None:
        self.running = running
        headers = {"X-Sim-Token": (folder / "sim.token").read_text().strip()}
        with httpx.Client(base_url=f"{running.url}/_sim", headers=headers) as sim:
            self.key = sim.post("/users", json={"name": "alice"}).raise_for_status().json()["apiKey"]
            sim.post("/credit", json={"user": "alice", "asset": "USDT", "amount": "1000000"}).raise_for_status()
        self.workers = running.find("run_worker")

    def client(self) -> httpx.AsyncClient:
        headers = {"X-API-KEY": self.key}
        return httpx.AsyncClient(base_url=f"{self.running.url}/api/v1", headers=headers, timeout=30)

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        """Authenticated, and listening to the book and to alice's orders."""
        async with connect(f"ws://127.0.0.1:{self.running.port}/ws") as socket:
            for method, params in (
                ("auth", {"api_key": self.key}),
                ("subscribe", {"streams": ["BTCUSDT@depth", "alice@order"]}),
            ):
                await socket.send(json.dumps({"method": method, "params": params}))
                while "result" not in (frame := json.loads(await asyncio.wait_for(socket.recv(), 10))):
                    assert "stream" in frame, frame
            yield socket

    async def until_ready(self) -> None:
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(self.running.is_ready):
                await asyncio.sleep(0.05)
        assert self.running.find("run_worker") == self.workers, "no worker was started again"


@pytest.fixture
def market(up: Callable[..., Up], server: EmbeddedServer, tmp_path: Path) -> Market:
    return Market(up("--no-demo", REDIS_URL=server.url).wait_until_open(), tmp_path / "data")


def said(response: httpx.Response) -> tuple[int, int]:
    body = response.json()
    assert set(body) >= {"code", "msg", "error"}
    return response.status_code, body["code"]


async def ask(client: httpx.AsyncClient, method: str, path: str, parameters: dict[str, Any]) -> httpx.Response:
    where = "params" if method == "DELETE" else "json"
    return await client.request(method, path, **{where: parameters})  # type: ignore[arg-type]


async def hears_of(socket: ClientConnection, order_id: int) -> bool:
    """Whether the socket tells of this order. False: it was closed, with a code that says to connect again."""
    try:
        async with asyncio.timeout(20):
            while True:
                frame = json.loads(await socket.recv())
                if frame.get("stream") == "alice@order" and frame["data"]["i"] == order_id:
                    return True
    except ConnectionClosed as closed:
        if closed.rcvd is None or closed.rcvd.code not in RESYNCHRONISE:
            raise
        return False


async def assert_all_is_well(market: Market, client: httpx.AsyncClient, socket: ClientConnection) -> None:
    """An order is accepted and heard of; a socket that was cut may come again; the books add up."""
    placed = await client.post("/order", json=ORDER)
    assert placed.status_code == 200, placed.text
    if not await hears_of(socket, placed.json()["orderId"]):
        async with market.socket() as fresh:
            placed = await client.post("/order", json=ORDER)
            assert await hears_of(fresh, placed.json()["orderId"])


async def assert_books_add_up(server: EmbeddedServer) -> None:
    async with opened(server.url, "main") as venue:
        assert (await audit(venue)).differences == []


async def test_a_killed_redis_is_503_and_all_is_well_when_it_is_back(market: Market, server: EmbeddedServer) -> None:
    async with market.client() as client, market.socket() as socket:
        kept = (await client.post("/order", json=ORDER)).json()["orderId"]
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: not server.is_alive())
        until(lambda: not market.running.is_ready())  # the worker has seen it: nothing is sent any more
        for method, path, parameters in WRITES:
            assert said(await ask(client, method, path, parameters)) == BUSY, path
        for path in READS:
            assert said(await client.get(path)) == BUSY, path
        assert (await client.get("/ping")).status_code == 200
        assert not market.running.is_ready()
        await asyncio.to_thread(server.start)
        await market.until_ready()
        assert [order["orderId"] for order in (await client.get("/openOrders")).json()] == [kept]
        await assert_all_is_well(market, client, socket)
    await assert_books_add_up(server)


async def test_a_redis_that_hangs_is_504_for_what_was_sent_and_503_for_the_rest(
    market: Market, server: EmbeddedServer
) -> None:
    async with market.client() as client, market.socket() as socket:
        await client.post("/order", json=ORDER)  # from here on key and rules are known: an order is one command
        os.kill(server.pid, signal.SIGSTOP)
        lost = asyncio.create_task(client.post("/order", json=ORDER | {"newClientOrderId": "lost"}))
        reads = [asyncio.create_task(client.get(path)) for path in READS]
        assert said(await lost) == TIMEOUT
        for path, read in zip(READS, reads, strict=True):
            assert said(await read) == BUSY, path
        for method, path, parameters in WRITES:
            assert said(await ask(client, method, path, parameters)) == BUSY, "not sent: nobody answers there"
        os.kill(server.pid, signal.SIGCONT)
        await market.until_ready()
        found = await client.get("/order", params={"symbol": "BTCUSDT", "origClientOrderId": "lost"})
        assert found.status_code == 200 or said(found) == (400, -2013)
        again = await client.post("/order", json=ORDER | {"newClientOrderId": "lost"})
        happened = found.status_code == 200
        assert (said(again) == (400, -2010)) if happened else again.status_code == 200, "exactly once"
        await assert_all_is_well(market, client, socket)
    await assert_books_add_up(server)


async def test_orders_over_a_kill_are_all_there_or_known_to_be_in_doubt(market: Market, server: EmbeddedServer) -> None:
    accepted: set[str] = set()
    refused: set[str] = set()
    unknown: set[str] = set()

    async def trade(client: httpx.AsyncClient, number: int) -> None:
        for count in range(150):
            name = f"{number}-{count}"
            answer = await client.post("/order", json=ORDER | {"newClientOrderId": name})
            if answer.status_code == 200:
                accepted.add(name)
            else:
                assert said(answer) in (BUSY, TIMEOUT), answer.text
                (unknown if answer.status_code == 504 else refused).add(name)
                await asyncio.sleep(0.02)

    async with market.client() as client:
        trading = asyncio.gather(*(trade(client, number) for number in range(8)))
        async with asyncio.timeout(30):
            while len(accepted) < 200:
                await asyncio.sleep(0.01)
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: not server.is_alive())
        await asyncio.to_thread(server.start)
        await trading
        await market.until_ready()
        there = {order["clientOrderId"] for order in (await client.get("/openOrders")).json()}
    assert accepted <= there, "an acknowledged order is gone"
    assert not refused & there, "an order that was refused is there"
    assert there <= accepted | unknown
    await assert_books_add_up(server)
