"""`/_sim/fault`: requests fail as a owner has ordered, so many of them, before or after they were done, everywhere."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from accounts.auth import authenticate
from api.router import Router
from api.runtime import Runtime
from engine.faults import CODES, IN_DOUBT
from engine.rate_limits import RateLimits
from engine.venue import Venue
from exchange_project.documents import TABLES
from tests.api.signing import Signer

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "50000",
}
TOKEN = {"X-Sim-Token": "the token"}
STATUS = {-1000: 500, -1001: 500, -1006: 500, -1007: 504, -1008: 503, -1104: 400}


@pytest.fixture
def router(runtime: Runtime) -> Router:
    return Router(TABLES, runtime, authenticate=authenticate)


class Owner:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, method: str, **parameters: Any) -> httpx.Response:
        return await self._http.request(method, "/_sim/fault", headers=TOKEN, params=parameters)

    async def ok(self, method: str, **parameters: Any) -> Any:
        return (await self.ask(method, **parameters)).raise_for_status().json()


@pytest.fixture
def owner(http: httpx.AsyncClient) -> Owner:
    return Owner(http)


async def test_who_watches_the_exchange_takes_no_fault_and_sees_none(
    signer: Signer, owner: Owner, http: httpx.AsyncClient
) -> None:
    await owner.ok("PUT", code=-1008, count=1)
    assert (await http.get("/healthz")).status_code == 200
    assert (await owner.ok("GET"))["left"] == 1
    assert (await signer.error("POST", "/order", **ORDER))[1] == -1008


@pytest.mark.parametrize("code", CODES)
async def test_so_many_requests_fail_and_nothing_is_done(signer: Signer, owner: Owner, code: int) -> None:
    await owner.ok("PUT", code=code, count=2, request="POST /api/v3/order")
    for _ in range(2):
        assert (await signer.ok("GET", "/openOrders")) == [], "another request"
        assert (await signer.error("POST", "/order", **ORDER))[:2] == (STATUS[code], code)
    assert await owner.ok("GET") == {"left": 0}
    await signer.ok("POST", "/order", **ORDER)


@pytest.mark.parametrize("code", IN_DOUBT)
async def test_only_the_answer_is_lost_where_the_request_is_executed(signer: Signer, owner: Owner, code: int) -> None:
    await owner.ok("PUT", code=code, executed=True)
    assert (await signer.error("POST", "/order", **ORDER, newClientOrderId="lost"))[:2] == (STATUS[code], code)
    (order,) = await signer.ok("GET", "/openOrders")
    assert order["clientOrderId"] == "lost"


async def test_a_request_that_would_have_been_refused_is_refused_all_the_same(signer: Signer, owner: Owner) -> None:
    await owner.ok("PUT", code=-1001)
    assert (await signer.error("POST", "/order", **ORDER | {"side": "HOLD"}))[:2] == (400, -1117)
    assert (await owner.ok("GET"))["left"] == 1, "it did not come so far"
    assert (await signer.error("GET", "/account"))[:2] == (500, -1001)


async def test_an_order_that_failed_counts_as_any_other(signer: Signer, owner: Owner, venue: Venue) -> None:
    await venue.limiter.set_limits(RateLimits())
    used = "x-mbx-used-weight-1m"
    first = (await signer.signed("GET", "/api/v3/account")).headers[used]
    await owner.ok("PUT", code=-1008, count=2)
    failed = [await signer.signed(method, "/api/v3/order", "symbol=BTCUSDT&orderId=1") for method in ("GET", "DELETE")]
    assert [response.status_code for response in failed] == [503, 503]
    assert int(failed[1].headers[used]) == int(first) + 4 + 1


async def test_an_owner_can_take_it_back(signer: Signer, owner: Owner) -> None:
    ordered = {"left": 9, "code": -1007, "request": "POST /api/v3/order", "executed": True}
    assert await owner.ok("PUT", code="1007", count=9, request=ordered["request"], executed=True) == ordered
    assert await owner.ok("GET") == ordered
    assert await owner.ok("DELETE") == {"left": 0}
    await signer.ok("POST", "/order", **ORDER)


async def test_what_is_no_doubt_cannot_be_executed(owner: Owner) -> None:
    response = await owner.ask("PUT", code=-1008, executed=True)
    assert (response.status_code, response.json()["code"]) == (400, -1128)
    assert "-1008 says that nothing was done" in response.json()["msg"]


@pytest.fixture
async def elsewhere(redis_url: str, venue: Venue, runtime: Runtime) -> AsyncIterator[Runtime]:
    """Another worker's."""
    other = Runtime(redis_url, venue.name)
    await other.start()
    await other.feed.until_ready()
    await runtime.feed.until_ready()
    yield other
    await other.stop()


async def until(is_so: Any) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.005)


async def test_every_worker_hears_of_it_and_they_count_together(
    signer: Signer, owner: Owner, elsewhere: Runtime
) -> None:
    await owner.ok("PUT", code=-1001, count=3, request="GET /api/v3/account")
    await until(lambda: elsewhere.venue.registry.fault is not None)
    there = Router(TABLES, elsewhere, authenticate=authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(there), base_url="http://exchange") as http:
        other = Signer(http, signer.key)
        for one in (signer, other, signer):
            assert (await one.error("GET", "/account"))[:2] == (500, -1001)
        for one in (other, signer):
            await one.ok("GET", "/account")
    await until(lambda: elsewhere.venue.registry.fault is None)


async def test_a_worker_that_begins_later_knows_of_it(owner: Owner, redis_url: str, venue: Venue) -> None:
    await owner.ok("PUT", code=-1001, count=3)
    late = Runtime(redis_url, venue.name)
    await late.start()
    try:
        await late.feed.until_ready()
        assert late.venue.registry.fault is not None
    finally:
        await late.stop()
