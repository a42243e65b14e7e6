"""One exchange of two workers for all client libraries, and two rich users for each test.

The fact a newcomer would get wrong: the libraries are those of PyPI, unmodified; only base addresses are changed. What
they warn of is theirs, while our own tests take every warning for an error.
"""

import asyncio
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.e2e.processes import Up

with warnings.catch_warnings(action="ignore"):
    import binance.client  # noqa: F401  # the first import warns of the old interface of websockets

SYMBOL = "SOLUSDT"
MAKER_FEE, TAKER_FEE = "0.001", "0.002"
_numbers = itertools.count(1)


class User(NamedTuple):
    name: str
    key: str
    secret: str


class Exchange:
    """A running exchange and what its owner may do."""

    def __init__(self, running: Up) -> None:
        self.url = running.url
        self.sockets = running.url.replace("http", "ws")
        token = (running.folder / "sim.token").read_text().strip()
        self.at_end: list[Callable[[], object]] = []  # of a test: what leaves no socket open behind it
        self._sim = httpx.Client(base_url=f"{running.url}/_sim", headers={"X-Sim-Token": token}, timeout=20)

    def sim(self, method: str, path: str, **parameters: Any) -> Any:
        return self._sim.request(method, path, json=parameters).raise_for_status().json()

    def close(self) -> None:
        self._sim.close()

    def trade(self, seller: User, buyer: User) -> None:
        """A trade of 0.01 at 60,000 between strangers."""
        order = {"symbol": SYMBOL, "type": "LIMIT", "quantity": "0.01", "price": "60000"}
        for side, user in (("SELL", seller), ("BUY", buyer)):
            headers = {"X-API-KEY": user.key}
            httpx.post(f"{self.url}/api/v1/order", json=order | {"side": side}, headers=headers).raise_for_status()

    def user(self, name: str, *, public_key: str = "") -> User:
        """A new user with 10 SOL and 1,000,000 USDT."""
        name = f"{name}{next(_numbers)}"
        self.at_end.append(lambda: self.sim("PUT", "/users", name=name, killed=True))  # leaves nothing in the book
        made = self.sim("POST", "/users", name=name, **({"publicKey": public_key} if public_key else {}))
        for asset, amount in (("SOL", "10"), ("USDT", "1000000")):
            self.sim("POST", "/credit", user=name, asset=asset, amount=amount)
        return User(name, made["apiKey"], made.get("secret", ""))


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    running = Up(tmp_path_factory.mktemp("clients") / "data", "--no-demo", "--workers", "2")
    try:
        running.wait_until_open()
        found = Exchange(running)
        found.sim("POST", "/symbols", symbol=SYMBOL, base="SOL", quote="USDT", makerFee=MAKER_FEE, takerFee=TAKER_FEE)
        yield found
        found.close()
    finally:
        running.process.terminate()
        running.process.wait(timeout=20)


@pytest.fixture(autouse=True)
def closed_clients(exchange: Exchange) -> Iterator[None]:
    """Also the event loop that python-binance would make for itself and leave behind."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    while exchange.at_end:
        exchange.at_end.pop()()
    asyncio.set_event_loop(None)
    loop.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "clients":
            item.add_marker(pytest.mark.filterwarnings("ignore"))
