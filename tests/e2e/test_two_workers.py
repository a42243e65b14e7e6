"""`up --workers 2`: whichever worker a client has come to, it is one exchange."""

import asyncio
import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.processes import ROOT, Up
from tests.e2e.test_wrong_use import manage

MOST_CONNECTIONS = 200  # until both workers have taken some
ORDERS, CLIENTS = 2_000, 16
REVOKE = """
from accounts.services import find_api_key, revoke_api_key
import sys
assert revoke_api_key(find_api_key({key!r}))
"""


class Market:
    """An exchange of two workers with a symbol, and what its owner may do."""

    def __init__(self, running: Up, folder: Path) -> None:
        self.running = running
        self.folder = folder
        headers = {"X-Sim-Token": (folder / "sim.token").read_text().strip()}
        self.sim = httpx.Client(base_url=f"{running.url}/_sim", headers=headers)

    def user(self, name: str) -> str:
        """The key of a new user with 100 BTC and 10,000,000 USDT."""
        made = self.sim.post("/users", json={"name": name}).raise_for_status().json()
        for asset, amount in (("BTC", "100"), ("USDT", "10000000")):
            self.sim.post("/credit", json={"user": name, "asset": asset, "amount": amount}).raise_for_status()
        return str(made["apiKey"])

    def connections(self) -> set[tuple[int, str]]:
        """(worker's process, socket) of every connection that is open now."""
        mine = {
            row.split()[9]
            for row in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if int(row.split()[1].partition(":")[2], 16) == self.running.port and row.split()[3] == "01"
        }
        return {(pid, inode) for pid in self.running.find("run_worker") for inode in sockets_of(pid) & mine}

    async def reach_both(self, one_more: Callable[[], Awaitable[None]]) -> None:
        """Open connections until both workers have taken some of them."""
        before = self.connections()
        for _ in range(MOST_CONNECTIONS):
            await one_more()
            if len({pid for pid, _ in self.connections() - before}) == 2:
                return
        raise AssertionError(f"one worker took all of {MOST_CONNECTIONS} connections")

    def audit(self) -> dict[str, Any]:
        code, said = manage("audit", "--json", EXCHANGE_DATA_DIR=str(self.folder))
        assert code == 0, said
        return dict(json.loads(said))


def sockets_of(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(descriptor.readlink()).removeprefix("socket:[").rstrip("]"))
    return found


@pytest.fixture
def market(up: Callable[..., Up], tmp_path: Path) -> Iterator[Market]:
    market = Market(up("--no-demo", "--workers", "2").wait_until_open(), tmp_path / "data")
    with market.sim:
        yield market
    assert market.audit()["differences"] == []


def order(side: str, price: str, quantity: str = "0.01") -> dict[str, str]:
    return {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "price": price, "quantity": quantity}


async def callers(market: Market, key: str, stack: contextlib.AsyncExitStack) -> list[httpx.AsyncClient]:
    """Clients with one kept connection each, some at either worker."""
    found: list[httpx.AsyncClient] = []

    async def one_more() -> None:
        client = httpx.AsyncClient(base_url=f"{market.running.url}/api/v1", headers={"X-API-KEY": key}, timeout=30)
        found.append(await stack.enter_async_context(client))
        assert (await client.get("/account")).status_code == 200

    await market.reach_both(one_more)
    return found


async def listeners(
    market: Market, key: str, stack: contextlib.AsyncExitStack, *streams: str
) -> list[ClientConnection]:
    """Sockets, some at either worker, that have authenticated and subscribed."""
    found: list[ClientConnection] = []

    async def one_more() -> None:
        socket = await stack.enter_async_context(connect(f"ws://127.0.0.1:{market.running.port}/ws"))
        found.append(socket)
        for method, params in (("auth", {"api_key": key}), ("subscribe", {"streams": streams})):
            await socket.send(json.dumps({"method": method, "params": params}))
            assert json.loads(await asyncio.wait_for(socket.recv(), 10))["result"] == "success"

    await market.reach_both(one_more)
    return found


async def listen_key_is_good_at_both_until_it_is_gone(market: Market) -> None:
    """One name at either worker, and the day on which Binance had none any more comes to both."""
    key = market.user("carol")
    headers, url = {"X-MBX-APIKEY": key}, f"{market.running.url}/api/v3/userDataStream"
    async with contextlib.AsyncExitStack() as stack:
        clients = await callers(market, key, stack)
        names = {(await client.post(url, headers=headers)).json()["listenKey"] for client in clients}
        assert len(names) == 1
        (name,) = names
        sockets: list[ClientConnection] = []

        async def one_more() -> None:
            socket = await stack.enter_async_context(connect(f"ws://127.0.0.1:{market.running.port}/ws/{name}"))
            sockets.append(socket)
            await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
            assert json.loads(await asyncio.wait_for(socket.recv(), 10))["result"] == [name]

        await market.reach_both(one_more)
        placed = [(await client.post("/order", json=order("BUY", "40000"))).json()["orderId"] for client in clients]
        for socket in sockets:
            heard = [json.loads(await asyncio.wait_for(socket.recv(), 10)) for _ in range(2 * len(placed))]
            assert [event["i"] for event in heard[::2]] == placed
            assert {event["e"] for event in heard[1::2]} == {"outboundAccountPosition"}
        market.sim.put("/listenKeys", json={"served": False}).raise_for_status()
        for client in clients:
            gone = await client.post(url, headers=headers)
            assert (gone.status_code, gone.headers["content-type"]) == (410, "text/html")
        for socket in sockets:
            assert json.loads(await asyncio.wait_for(socket.recv(), 10))["e"] == "listenKeyExpired"


async def test_an_order_at_one_worker_is_heard_at_both_in_one_order(market: Market) -> None:
    alice, bob = market.user("alice"), market.user("bob")
    async with contextlib.AsyncExitStack() as stack:
        sockets = await listeners(market, bob, stack, "BTCUSDT@trade", "bob@trade")
        sellers = await callers(market, alice, stack)
        buyer = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"{market.running.url}/api/v1", headers={"X-API-KEY": bob})
        )
        for seller, _ in zip(itertools.cycle(sellers), range(30), strict=False):
            assert (await seller.post("/order", json=order("SELL", "50000"))).json()["status"] == "NEW"
            assert (await buyer.post("/order", json=order("BUY", "50000"))).json()["status"] == "FILLED"
        for socket in sockets:
            public, own = [], []
            while len(own) < 30 or len(public) < 30:
                frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
                (public if frame["stream"] == "BTCUSDT@trade" else own).append(frame["data"]["t"])
            assert public == own == list(range(1, 31))
    await listen_key_is_good_at_both_until_it_is_gone(market)


async def test_a_revoked_key_is_refused_at_both_workers_at_once(market: Market) -> None:
    key = market.user("alice")
    async with contextlib.AsyncExitStack() as stack:
        clients = await callers(market, key, stack)
        for client in clients:
            assert (await client.post("/order", json=order("BUY", "40000"))).status_code == 200
        sockets = await listeners(market, key, stack, "alice@order")
        revoked = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "manage.py"), "shell", "-v", "0", "-c", REVOKE.format(key=key),
            env={**os.environ, "EXCHANGE_NO_BOOTSTRAP": "1", "EXCHANGE_DATA_DIR": str(market.folder)},
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        assert await revoked.wait() == 0
        for client in clients:
            refusal = await client.post("/order", json=order("BUY", "40000"))
            assert (refusal.status_code, refusal.json()["code"]) == (401, -2015)
        async with asyncio.timeout(1):
            for client in clients:
                while (await client.get("/account")).status_code != 401:
                    await asyncio.sleep(0.01)
            assert {await close_code(socket) for socket in sockets} == {1008}
    assert market.audit()["orders"] == len(clients)


async def close_code(socket: ClientConnection) -> int | None:
    """With which code the server ends it."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else closed.rcvd.code


async def test_two_thousand_orders_of_many_clients_at_once_leave_the_books_exact(market: Market) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # what a failure needs to be seen again
    keys = [market.user(f"user{number}") for number in range(4)]
    numbers = iter(range(ORDERS))
    statuses: Counter[str] = Counter()

    async def trade(dice: random.Random, key: str) -> None:
        headers = {"X-API-KEY": key}
        async with httpx.AsyncClient(base_url=f"{market.running.url}/api/v1", headers=headers, timeout=60) as client:
            for _ in numbers:
                price, quantity = str(dice.randint(49_990, 50_010)), f"0.0{dice.randint(10, 99)}"
                answer = await client.post("/order", json=order(dice.choice(["BUY", "SELL"]), price, quantity))
                assert answer.status_code == 200, answer.text
                statuses[answer.json()["status"]] += 1

    async with contextlib.AsyncExitStack() as stack:
        await asyncio.gather(*(trade(random.Random(seed + number), keys[number % 4]) for number in range(CLIENTS)))
        assert sum(statuses.values()) == ORDERS
        assert set(statuses) >= {"NEW", "FILLED"}
        clients = await callers(market, keys[0], stack)
        seen = [(await client.get("/account", params={"omitZeroBalances": True})).json() for client in clients]
        assert len({json.dumps(account["balances"]) for account in seen}) == 1
        depths = {(await client.get("/depth?symbol=BTCUSDT&limit=100")).text for client in clients}
        assert len(depths) == 1
    async with httpx.AsyncClient(base_url=f"{market.running.url}/api/v1") as client:
        open_orders = 0
        for key in keys:
            answer = await client.get("/openOrders", params={"symbol": "BTCUSDT"}, headers={"X-API-KEY": key})
            open_orders += len(answer.json())
    report = market.audit()
    assert (report["differences"], report["orders"]) == ([], open_orders)
