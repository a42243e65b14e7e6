"""Redis away: at start, in between, in the middle of an order. What is said is true, and all is well afterwards."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from accounts.auth import authenticate
from accounts.digests import key_digest
from api.health import ENDPOINTS as HEALTH
from api.router import Router
from api.runtime import Runtime
from engine.embedded import EmbeddedServer
from engine.registry import KeyRecord
from engine.venue import Venue, opened
from markets.endpoints import ENDPOINTS as MARKETS
from tests.api.conftest import ACCOUNTS, ALICE_KEY, ONE, Api, limit_order
from tests.conftest import define_symbols, fund

BUSY = (503, -1008)
ORDER = limit_order("BUY", "50000", "0.001")
VENUE = "outage"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server of this test's own, that keeps what was written when it is killed."""
    server = EmbeddedServer(tmp_path_factory.mktemp("redis"), durability="durable")
    yield server
    server.stop(save=False)


@pytest.fixture
async def runtime(server: EmbeddedServer) -> AsyncIterator[Runtime]:
    """Not started: the test says when."""
    runtime = Runtime(server.url, VENUE, durability="durable", version="0.0")
    yield runtime
    await runtime.stop()


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    router = Router([HEALTH, MARKETS, ACCOUNTS], runtime, authenticate=authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(router), base_url="http://exchange") as client:
        yield client


async def furnish(server: EmbeddedServer) -> None:
    async with opened(server.url, VENUE) as venue:
        await define_symbols(venue)
        await venue.registry.define_account(1, "alice")
        await venue.registry.define_key(key_digest(ALICE_KEY), KeyRecord(account=1, user_name="alice"))
        await fund(venue, 1, USDT=1000 * ONE)


def kill(server: EmbeddedServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    while server.is_alive():
        pass


async def until_healthy(client: httpx.AsyncClient) -> dict[str, object]:
    async with asyncio.timeout(10):
        while (response := await client.get("/healthz")).status_code != 200:
            assert (response.status_code, response.json()["status"]) == (503, "unavailable")
            await asyncio.sleep(0.02)
    return dict(response.json())


async def test_redis_away_at_start_and_there_later(
    server: EmbeddedServer, runtime: Runtime, client: httpx.AsyncClient
) -> None:
    await runtime.start()
    alice = Api(client, ALICE_KEY)
    assert (await client.get("/healthz")).status_code == 503
    assert (await client.get("/api/v1/ping")).status_code == 200
    assert (await alice.error("POST", "/order", **ORDER))[:2] == BUSY
    assert (await alice.error("GET", "/time"))[:2] == BUSY
    server.start()
    await furnish(server)
    health = await until_healthy(client)
    assert (health["venue"], health["durability"], health["clock"]) == (VENUE, "durable", "real")
    assert (await alice.ok("POST", "/order", **ORDER))["status"] == "NEW"


async def test_redis_killed_and_back_again(server: EmbeddedServer, runtime: Runtime, client: httpx.AsyncClient) -> None:
    server.start()
    await furnish(server)
    await runtime.start()
    alice = Api(client, ALICE_KEY)
    placed = await alice.ok("POST", "/order", **ORDER)
    epoch = (await until_healthy(client))["epoch"]
    kill(server)
    async with asyncio.timeout(10):  # until the end of the connection is seen, a command may have been sent: 504
        while (await client.get("/healthz")).status_code != 503:
            await asyncio.sleep(0.01)
    for method, path, parameters in (
        ("POST", "/order", ORDER),
        ("DELETE", "/order", {"symbol": "BTCUSDT", "orderId": placed["orderId"]}),
        ("GET", "/depth", {"symbol": "BTCUSDT"}),
        ("GET", "/account", {}),
        ("POST", "/deposit", {"asset": "BTC", "amount": "1"}),
    ):
        assert (await alice.error(method, path, **parameters))[:2] == BUSY
    server.start()
    health = await until_healthy(client)
    assert health["epoch"] > epoch
    assert [order["orderId"] for order in await alice.ok("GET", "/openOrders")] == [placed["orderId"]]
    assert (await alice.ok("POST", "/order", **ORDER))["orderId"] == placed["orderId"] + 1


async def test_the_first_command_over_a_new_connection_is_in_the_new_epoch(
    server: EmbeddedServer, runtime: Runtime, client: httpx.AsyncClient
) -> None:
    server.start()
    await furnish(server)
    await runtime.start()
    await runtime.feed.stop()  # which would have opened the venue as well
    alice = Api(client, ALICE_KEY)
    await alice.ok("POST", "/order", **ORDER)
    epoch = (await runtime.venue.queries.clock()).epoch
    kill(server)
    server.start()
    async with asyncio.timeout(10):
        while (response := await alice.ask("POST", "/order", **ORDER)).status_code != 200:
            assert response.status_code in (503, 504)
            await asyncio.sleep(0.01)
    assert await _epoch_of_last_event(runtime.venue) > epoch


async def _epoch_of_last_event(venue: Venue) -> int:
    ((_, (_, data)),) = await venue.runner.command("XREVRANGE", venue.keys.events, "+", "-", "COUNT", 1)
    assert data.startswith(b'["order_placed",')
    return int(data.split(b",")[1])


@pytest.mark.django_db(transaction=True)
async def test_an_order_whose_reply_is_lost_is_not_called_rejected(
    server: EmbeddedServer, runtime: Runtime, client: httpx.AsyncClient
) -> None:
    server.start()
    await furnish(server)
    await runtime.start()
    alice = Api(client, ALICE_KEY)
    await runtime.feed.until_ready()  # which begins by forgetting what is cached
    await alice.ok("POST", "/order", **ORDER)  # from here on key and symbol are cached: an order is one command
    os.kill(server.pid, signal.SIGSTOP)
    order = asyncio.create_task(alice.error("POST", "/order", **ORDER, newClientOrderId="lost"))
    read = asyncio.create_task(alice.error("GET", "/depth", symbol="BTCUSDT"))
    async with asyncio.timeout(5):
        while len(runtime.venue.connection._wire.waiting) < 2:
            await asyncio.sleep(0.01)
    kill(server)
    assert (await order)[:2] == (504, -1007)
    assert (await read)[:2] == BUSY
    server.start()
    await until_healthy(client)
    asked = await alice.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="lost")
    assert asked.json()["code"] == -2013  # this time it had not happened
