"""The local book that Binance's document describes, kept on our streams under a storm of orders at two workers.

web-socket-streams.md, "How to manage a local order book correctly". The client below is written from that page alone.
"""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.processes import Up
from tests.e2e.test_two_workers import Market

ORDERS, TRADERS = 2_000, 8
STREAMS = ("depth", "depth@100ms")
PATIENCE_S = 20.0


@pytest.fixture
def exchange(up: Callable[..., Up], tmp_path: Path) -> Iterator[Market]:
    market = Market(up("--no-demo", "--workers", "2").wait_until_open(), tmp_path / "data")
    with market.sim:
        yield market
    assert market.audit()["differences"] == []


class LocalBook:
    """Steps 1 to 7 for one symbol; `gaps` counts what step "you have missed some events" would have met."""

    def __init__(self, socket: ClientConnection, snapshot: Callable[[], Any]) -> None:
        self._socket = socket
        self._snapshot = snapshot
        self.sides: dict[str, dict[str, Decimal]] = {"b": {}, "a": {}}
        self.update_id = -1
        self.previous_u = -1
        self.events = 0

    async def next_event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), PATIENCE_S))
        assert event["b"] or event["a"], "an event that changes nothing"
        assert self.previous_u in (-1, event["U"] - 1), "a gap between two events"
        self.previous_u = event["u"]
        self.events += 1
        return event

    async def begin(self) -> None:
        """Steps 2 to 6: a snapshot that the buffered events lead on from."""
        buffered = [await self.next_event()]
        while True:
            snapshot = await self._snapshot()
            if snapshot["lastUpdateId"] >= buffered[0]["U"]:
                break
        self.update_id = snapshot["lastUpdateId"]
        for name, side in (("b", "bids"), ("a", "asks")):
            self.sides[name] = {price: Decimal(quantity) for price, quantity in snapshot[side]}
        while buffered[-1]["u"] <= self.update_id:
            buffered.append(await self.next_event())
        fresh = [event for event in buffered if event["u"] > self.update_id]
        assert fresh[0]["U"] <= self.update_id + 1
        for event in fresh:
            self.apply(event)

    def apply(self, event: dict[str, Any]) -> None:
        assert event["U"] <= self.update_id + 1, "missed some events"
        for name, levels in self.sides.items():
            for price, quantity in event[name]:
                if Decimal(quantity):
                    levels[price] = Decimal(quantity)
                else:
                    levels.pop(price, None)
        self.update_id = event["u"]

    async def follow(self, update_id: int) -> None:
        """Step 7, until the book has come so far."""
        while self.update_id < update_id:
            self.apply(await self.next_event())


class Storm:
    """Traders who place and cancel at random, seeded; 2,000 requests together."""

    def __init__(self, url: str, keys: list[str], seed: int) -> None:
        self._url = url
        self._keys = keys
        self._seed = seed
        self._numbers = iter(range(ORDERS))

    async def blow(self) -> None:
        await asyncio.gather(*(self._trade(number) for number in range(TRADERS)))

    async def _trade(self, number: int) -> None:
        dice = random.Random(f"{self._seed}-{number}")
        headers = {"X-API-KEY": self._keys[number % len(self._keys)]}
        resting: list[int] = []
        async with httpx.AsyncClient(base_url=f"{self._url}/api/v1", headers=headers, timeout=60) as client:
            for _ in self._numbers:
                if resting and dice.random() < 0.3:
                    order_id = resting.pop(dice.randrange(len(resting)))
                    await client.delete("/order", params={"symbol": "BTCUSDT", "orderId": order_id})
                    continue
                answer = await client.post("/order", json=self._order(dice))
                assert answer.status_code == 200, answer.text
                if answer.json()["status"] in ("NEW", "PARTIALLY_FILLED"):
                    resting.append(answer.json()["orderId"])

    @staticmethod
    def _order(dice: random.Random) -> dict[str, str]:
        side, quantity = dice.choice(("BUY", "SELL")), f"0.0{dice.randint(10, 99)}"
        if dice.random() < 0.1:
            return {"symbol": "BTCUSDT", "side": side, "type": "MARKET", "quantity": quantity}
        price = 50_000 + dice.randint(-40, 30) * (1 if side == "BUY" else -1)
        return {
            "symbol": "BTCUSDT", "side": side, "type": "LIMIT", "price": str(price), "quantity": quantity,
            "timeInForce": dice.choice(("GTC", "GTC", "GTC", "IOC")),
        }  # fmt: skip


async def test_a_local_book_is_the_book_and_no_event_is_missing(exchange: Market) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # what a failure needs to be seen again
    url = exchange.running.url
    storm = Storm(url, [exchange.user(f"trader{number}") for number in range(4)], seed)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=f"{url}/api/v3", timeout=30))

        async def snapshot() -> Any:
            """From a worker of its own choice: connections are not kept."""
            answer = await client.get("/depth?symbol=BTCUSDT&limit=5000", headers={"Connection": "close"})
            return answer.raise_for_status().json()

        books: list[LocalBook] = []

        async def one_more() -> None:
            stream = STREAMS[len(books) % 2]
            socket = connect(f"ws://127.0.0.1:{exchange.running.port}/ws/btcusdt@{stream}", max_queue=None)
            books.append(LocalBook(await stack.enter_async_context(socket), snapshot))

        for _ in STREAMS:
            await exchange.reach_both(one_more)
        storming = asyncio.create_task(storm.blow())
        await asyncio.gather(*(book.begin() for book in books))
        await storming
        truth = await snapshot()
        await asyncio.gather(*(book.follow(truth["lastUpdateId"]) for book in books))
        wanted = {
            name: {price: Decimal(quantity) for price, quantity in truth[side]}
            for name, side in (("b", "bids"), ("a", "asks"))
        }
        assert wanted["b"]
        assert wanted["a"]
        for book in books:
            assert book.update_id == truth["lastUpdateId"]
            assert book.sides == wanted
        assert sum(book.events for book in books) > len(books)
