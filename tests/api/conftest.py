"""The REST interface in this process: router and runtime on the test's venue, callers with keys, all of its state.

The fact a newcomer would get wrong: no archiver runs here unless a test starts one; whoever asks for history then waits
a second for it.
"""

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from accounts.auth import authenticate
from accounts.digests import key_digest
from accounts.secrets import seal
from accounts.tables import TABLES
from api.dialects import V1, V3
from api.health import ENDPOINTS as HEALTH
from api.openapi import openapi_document
from api.router import Router
from api.runtime import Runtime
from engine.registry import KeyRecord
from engine.venue import Venue
from exchange_project.documents import TABLES as DOCUMENTED
from markets.endpoints import ENDPOINTS as MARKETS
from tests.api.documented import Document
from tests.api.signing import SECRET, Signer
from tests.conftest import fund

ACCOUNTS = tuple(row for table in TABLES if table is not MARKETS for row in table)
ALICE_KEY, BOB_KEY, READER_KEY, SIGNED_KEY = ("alice-key", "bob-key", "reader-key", "signed-key")
ONE = 10**8  # atoms
# Of feeds, workers, callers: no state of the exchange.
VOLATILE = (":readers", ":lease:", ":refusals", ":limits", ":sockets:")


class Api:
    """A caller: requests by method and path, with his key."""

    def __init__(self, http: httpx.AsyncClient, key: str = "") -> None:
        self._http = http
        self.headers = {"X-API-KEY": key} if key else {}

    async def ask(self, method: str, path: str, **parameters: Any) -> httpx.Response:
        """Parameters in the query of GET and DELETE, as a JSON body otherwise."""
        where = "params" if method in ("GET", "DELETE") else "json"
        return await self._http.request(method, f"/api/v1{path}", headers=self.headers, **{where: parameters})

    async def raw(self, method: str, path: str, **words: Any) -> httpx.Response:
        headers = self.headers | words.pop("headers", {})
        return await self._http.request(method, path, headers=headers, **words)

    async def ok(self, method: str, path: str, **parameters: Any) -> Any:
        """The body of a 200."""
        response = await self.ask(method, path, **parameters)
        assert response.status_code == 200, response.text
        return response.json()

    async def error(self, method: str, path: str, **parameters: Any) -> tuple[int, int, str]:
        """(status, code, msg) of a refusal."""
        response = await self.ask(method, path, **parameters)
        body = response.json()
        assert response.status_code >= 400, body
        assert body["error"] == body["msg"]
        return response.status_code, body["code"], body["msg"]


@pytest.fixture
async def runtime(redis_url: str, venue: Venue, tmp_path: Path) -> AsyncIterator[Runtime]:
    (tmp_path / "sim.token").write_text("the token\n")
    runtime = Runtime(redis_url, venue.name, durability="ci", version="0.0", sim_token_file=tmp_path / "sim.token")
    await runtime.start()
    yield runtime
    await runtime.stop()


@pytest.fixture
def router(runtime: Runtime) -> Router:
    return Router([HEALTH, MARKETS, ACCOUNTS], runtime, authenticate=authenticate)


@cache
def _document() -> Document:
    return Document(openapi_document(DOCUMENTED, (V1, V3), "0.0"))


async def as_documented(response: httpx.Response) -> None:
    """Every answer of a 200 in these tests is compared with what /openapi.json says of it."""
    if response.status_code == 200 and response.request.method != "HEAD":
        answer = msgspec.json.decode(await response.aread())
        complaint = _document().complaint(response.request.method, response.request.url.path, answer)
        assert not complaint, f"{response.request.method} {response.request.url.path}: {complaint}"


@pytest.fixture
async def http(router: Router) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(router), base_url="http://exchange", event_hooks={"response": [as_documented]}
    ) as client:
        yield client


@pytest.fixture
async def anybody(http: httpx.AsyncClient) -> Api:
    return Api(http)


@pytest.fixture
async def alice(venue: Venue, http: httpx.AsyncClient) -> Api:
    """Account 1: 10 BTC, 10 ETH, 1,000,000 USDT; two keys more, one that may only read, one that wants signatures."""
    await _user(venue, 1, "alice", ALICE_KEY)
    await venue.registry.define_key(key_digest(READER_KEY), KeyRecord(account=1, user_name="alice", permissions="R"))
    await venue.registry.define_key(
        key_digest(SIGNED_KEY), KeyRecord(account=1, user_name="alice", requires_signature=True)
    )
    return Api(http, ALICE_KEY)


@pytest.fixture
async def bob(venue: Venue, http: httpx.AsyncClient) -> Api:
    """Account 2, as rich as alice."""
    await _user(venue, 2, "bob", BOB_KEY)
    return Api(http, BOB_KEY)


async def _user(venue: Venue, account: int, name: str, key: str) -> None:
    await venue.registry.define_account(account, name)
    await venue.registry.define_key(key_digest(key), KeyRecord(account=account, user_name=name))
    await fund(venue, account, BTC=10 * ONE, ETH=10 * ONE, USDT=10**6 * ONE)


def limit_order(side: str, price: str, quantity: str, **more: str) -> dict[str, str]:
    """The parameters of a LIMIT order on BTCUSDT."""
    return {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "price": price, "quantity": quantity, **more}


async def state_of(venue: Venue) -> dict[str, Any]:
    """Everything the venue's keys hold: equal before and after means that nothing changed."""
    command = venue.runner.command
    readers = {
        b"hash": lambda key: command("HGETALL", key),
        b"zset": lambda key: command("ZRANGE", key, 0, -1, "WITHSCORES"),
        b"stream": lambda key: command("XRANGE", key, "-", "+"),
        b"set": lambda key: command("SMEMBERS", key),
        b"string": lambda key: command("GET", key),
    }
    state = {}
    for name in await command("KEYS", "{" + venue.name + "}:*"):
        key = name.decode()
        if not any(part in key for part in VOLATILE):
            kind = await command("TYPE", key)
            content = await readers[kind](key)
            state[key] = sorted(zip(content[::2], content[1::2], strict=True)) if kind == b"hash" else content
    return state


@pytest.fixture
async def signer(alice: Api, venue: Venue, http: httpx.AsyncClient) -> Signer:
    """Alice, whose key has a secret now."""
    digest = key_digest(ALICE_KEY)
    await venue.registry.define_key(
        digest, KeyRecord(account=1, user_name="alice", sealed_secret=seal(SECRET, digest=digest))
    )
    return Signer(http, ALICE_KEY)
