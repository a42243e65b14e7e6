"""Four workers behind one port, asked for ten times of what they may admit, while the clock goes over the edges of
intervals and jumps: exactly the limit is admitted, every header is true, and cancels are not starved.

The fact a newcomer would get wrong: that headers are true is how admitting exactly the limit is seen. If each number
from 1 to the limit was told once for every interval, no request was counted twice and none was not counted.
"""

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from tests.e2e.processes import Up
from tests.e2e.test_two_workers import sockets_of

WORKERS, CLIENTS, MOST_CLIENTS = 4, 24, 480
START_MS = 4_000_000_020_000  # later than any clock of a machine; the beginning of a minute
LOAD = 10  # times the limit
ESTABLISHED = "01"  # as /proc/net/tcp has it
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "1000"}


class Exchange:
    """Four workers, clients that have reached all of them, and what its owner may do."""

    def __init__(self, running: Up) -> None:
        self.running = running
        self.token = {"X-Sim-Token": (running.folder / "sim.token").read_text().strip()}
        self.clients: list[httpx.AsyncClient] = []
        self.now_ms = START_MS
        self.key = self.secret = ""

    async def sim(self, method: str, path: str, **body: Any) -> Any:
        async with httpx.AsyncClient(base_url=self.running.url, headers=self.token) as client:
            return (await client.request(method, f"/_sim{path}", json=body)).raise_for_status().json()

    async def set_clock(self, now_ms: int, *, clear: bool = False) -> None:
        await self.sim("POST", "/clock", mode="virtual", nowMs=now_ms, clear=clear)
        self.now_ms = now_ms

    async def limit(self, kind: str, number: int, interval: str, most: int) -> None:
        entry = {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": most}
        await self.sim("PUT", "/rate-limits", rateLimits=[entry], refusalsBeforeBan=0, forget=True)

    async def reach_all(self) -> None:
        """Open connections until each worker has some; many at once, or the same worker takes them all."""
        workers = set(self.running.find("run_worker"))
        while len(self.clients) < MOST_CLIENTS:
            clients = [httpx.AsyncClient(base_url=self.running.url) for _ in range(CLIENTS)]
            self.clients += clients
            await asyncio.gather(*(client.get("/api/v1/ping") for client in clients))
            if all(sockets_of(pid) & self._established() for pid in workers):
                return
        raise AssertionError(f"not all of {WORKERS} workers took one of {len(self.clients)} connections")

    def _established(self) -> set[str]:
        """The server's ends of connections that are open, by the names that descriptors have."""
        port = f":{urlsplit(self.running.url).port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return {row[9] for row in rows if row[1].endswith(port) and row[3] == ESTABLISHED}

    async def signed(self, client: httpx.AsyncClient, method: str, path: str, **parameters: str) -> httpx.Response:
        query = urlencode(parameters | {"recvWindow": "60000", "timestamp": str(self.now_ms)})
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{path}?{query}&signature={signature}"
        return await client.request(method, url, headers={"X-MBX-APIKEY": self.key})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One for all tests: whichever comes second sets the clock back."""
    running = Up(tmp_path_factory.mktemp("limits") / "data", "--no-demo", "--workers", str(WORKERS))
    try:
        yield running.wait_until_open()
    finally:
        if running.process.poll() is None:
            running.end()


@pytest.fixture
async def exchange(running: Up) -> AsyncIterator[Exchange]:
    exchange = Exchange(running)
    made = await exchange.sim("POST", "/users", name="alice")
    exchange.key, exchange.secret = made["apiKey"], made["secret"]
    await exchange.sim("POST", "/credit", user="alice", asset="USDT", amount="1000000")
    await exchange.set_clock(START_MS, clear=True)
    try:
        await exchange.reach_all()
        yield exchange
    finally:
        for client in exchange.clients:
            await client.aclose()


class Load:
    """All clients ask again and again until the end; `told` are the counts of what was admitted.

    A refusal shows that the interval is used up only if the request began in it: with some hundred clients, more
    refusals of the interval before may still be on their way than are waited for.
    """

    def __init__(self, exchange: Exchange, ask: Callable[[httpx.AsyncClient], Any]) -> None:
        self._exchange = exchange
        self._ask = ask
        self._ended = False
        self._look = 0
        self.told: Counter[int] = Counter()
        self.refused = 0

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.create_task(self._go_on(client)) for client in self._exchange.clients]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Whoever was admitted is heard: nobody begins anew, and all get their answers."""
        self._ended = True
        await asyncio.gather(*self._tasks)

    async def _go_on(self, client: httpx.AsyncClient) -> None:
        while not self._ended:
            look = self._look
            count = await self._ask(client)
            if count is not None:
                self.told[count] += 1
            elif look == self._look:
                self.refused += 1

    async def until_refused(self, times: int) -> None:
        self._look += 1
        self.refused = 0
        while self.refused < times:
            assert not any(task.done() for task in self._tasks), [task for task in self._tasks if task.done()]
            await asyncio.sleep(0.01)


@pytest.mark.timeout(90)
async def test_exactly_the_limit_is_admitted_whatever_the_clock_does(exchange: Exchange) -> None:
    most, minute_ms, day_ms = 30, 60_000, 86_400_000
    await exchange.limit("REQUEST_WEIGHT", 1, "MINUTE", most)

    async def ping(client: httpx.AsyncClient) -> int | None:
        response = await client.get("/api/v3/ping")
        used = int(response.headers["X-MBX-USED-WEIGHT-1M"])
        if response.status_code == 200:
            return used
        assert (response.status_code, used) == (429, most)
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        return None

    async with Load(exchange, ping) as load:
        intervals = 0
        for ms, is_next in (
            (0, True), (minute_ms - 1, False), (minute_ms, True), (2 * minute_ms, True), (3 * minute_ms - 1, False),
            (day_ms, True), (day_ms + 7 * minute_ms, True),
        ):  # fmt: skip
            if ms:
                await exchange.set_clock(START_MS + ms)
            intervals += is_next
            await load.until_refused(LOAD * most)
        await exchange.set_clock(START_MS + minute_ms, clear=True)  # back, where all is counted anew
        await load.until_refused(LOAD * most)
    assert load.told == dict.fromkeys(range(1, most + 1), intervals + 1)


@pytest.mark.timeout(90)
async def test_orders_are_limited_and_cancels_are_not(exchange: Exchange) -> None:
    most = 12
    await exchange.limit("REQUEST_WEIGHT", 1, "MINUTE", 1_000_000)
    await exchange.limit("ORDERS", 10, "SECOND", most)
    canceled = 0

    async def place_and_cancel(client: httpx.AsyncClient) -> int | None:
        nonlocal canceled
        response = await exchange.signed(client, "POST", "/api/v3/order", **ORDER)
        body = response.json()
        if response.status_code == 429:
            assert body == {
                "code": -1015, "msg": f"Too many new orders; current limit is {most} orders per 10 SECOND."
            }  # fmt: skip
            return None
        assert response.status_code == 200, body
        gone = await exchange.signed(client, "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=str(body["orderId"]))
        assert gone.status_code == 200, gone.text
        canceled += 1
        return int(response.headers["X-MBX-ORDER-COUNT-10S"])

    async with Load(exchange, place_and_cancel) as load:
        for interval in range(4):
            if interval:
                await exchange.set_clock(START_MS + interval * 10_000)
            await load.until_refused(LOAD * most)
    assert load.told == dict.fromkeys(range(1, most + 1), 4)
    assert canceled == 4 * most
