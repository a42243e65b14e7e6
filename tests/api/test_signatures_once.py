"""A signed request that is sent twice is executed twice, as at Binance; once where a tester wants it so."""

import asyncio
import time

import httpx
import pytest

from accounts.auth import authenticate
from api.router import Router
from api.runtime import Runtime
from engine.venue import Venue
from exchange_project.documents import TABLES
from tests.api.signing import Signer

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=20000"
PATH = "/api/v3/order"
START_MS = 4_000_000_000_000
USED = (400, -1022, "Signature for this request is not valid.")
LATE = (400, -1021, "Timestamp for this request is outside of the recvWindow.")


@pytest.fixture
def router(runtime: Runtime) -> Router:
    return Router(TABLES, runtime, authenticate=authenticate)


@pytest.fixture
async def once(runtime: Runtime) -> Runtime:
    await runtime.feed.until_ready()
    await runtime.venue.claims.want(once=True)
    return runtime


def said(response: httpx.Response) -> tuple[int, int, str]:
    body = response.json()
    return response.status_code, body.get("code", 0), body.get("msg", "")


def signed(signer: Signer, at_ms: int | None = None, terms: str = ORDER) -> str:
    text = f"{terms}&timestamp={int(time.time() * 1000) if at_ms is None else at_ms}&recvWindow=5000"
    return f"{text}&signature={signer.signature(text)}"


async def open_orders(signer: Signer) -> int:
    return len(await signer.ok("GET", "/openOrders"))


async def test_binance_executes_it_twice(signer: Signer) -> None:
    query = signed(signer)
    assert [(await signer.ask("POST", PATH, query)).status_code for _ in range(2)] == [200, 200]
    assert await open_orders(signer) == 2


async def test_nothing_is_asked_of_redis_while_it_is_off(
    signer: Signer, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await runtime.feed.until_ready()
    await signer.ask("POST", PATH, signed(signer))

    async def asked(*_: object) -> bool:
        raise AssertionError("asked")

    monkeypatch.setattr(runtime.venue.claims, "are_wanted", asked)
    assert (await signer.ask("POST", PATH, signed(signer))).status_code == 200


async def test_once_is_once_however_it_is_written(signer: Signer, once: Runtime) -> None:
    query = signed(signer)
    first = await signer.ask("POST", PATH, query)
    assert first.status_code == 200
    text, _, signature = query.rpartition("&signature=")
    other_case = f"{text}&signature={signature.upper()}"
    in_front = f"signature={signature}&{text}"
    for again in (query, other_case, in_front):
        assert said(await signer.ask("POST", PATH, again)) == USED
    in_body = await signer.ask("POST", PATH, kind="application/x-www-form-urlencoded", content=query)
    assert said(in_body) == USED
    assert await open_orders(signer) == 1
    assert (await signer.ask("POST", PATH, signed(signer, terms=ORDER + "&newClientOrderId=other"))).status_code == 200
    reading = signed(signer, terms="symbol=BTCUSDT")
    assert [(await signer.ask("GET", "/api/v3/openOrders", reading)).status_code for _ in range(2)] == [200, 200]


async def test_at_once_on_two_workers_it_is_one(signer: Signer, once: Runtime, redis_url: str, venue: Venue) -> None:
    other = Runtime(redis_url, venue.name)
    await other.start()
    try:
        there = Router(TABLES, other, authenticate=authenticate)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(there), base_url="http://exchange") as http:
            query = signed(signer)
            callers = [signer, Signer(http, signer.key)] * 5
            answers = await asyncio.gather(*(caller.ask("POST", PATH, query) for caller in callers))
    finally:
        await other.stop()
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
    assert await open_orders(signer) == 1


async def test_a_clock_that_jumps_reopens_nothing(signer: Signer, once: Runtime, venue: Venue) -> None:
    await venue.clock.set_virtual(START_MS)
    query = signed(signer, START_MS, "symbol=BTCUSDT")  # refused later on, when nothing is open: that is the command's
    path = "/api/v3/openOrders"
    assert said(await signer.ask("DELETE", path, query))[1] == -2011
    assert said(await signer.ask("DELETE", path, query)) == USED
    await venue.clock.set_virtual(START_MS + 100_000)
    assert said(await signer.ask("DELETE", path, query)) == LATE
    later = signed(signer, START_MS + 100_000, "symbol=BTCUSDT")
    assert said(await signer.ask("DELETE", path, later))[1] == -2011, "and what is over is forgotten now"
    assert await venue.runner.command("ZCARD", venue.keys.signatures) == 2
    await venue.clock.set_virtual(START_MS)
    assert said(await signer.ask("DELETE", path, query)) == LATE
    assert said(await signer.ask("DELETE", path, later)) != LATE, "it is far ahead now"
    await venue.clock.set_virtual(START_MS + 100_000)
    assert said(await signer.ask("DELETE", path, later)) == USED


async def test_a_tester_switches_it_on_every_worker(
    signer: Signer, runtime: Runtime, redis_url: str, venue: Venue
) -> None:
    other = Runtime(redis_url, venue.name, signatures_once=True)
    await other.start()
    await other.feed.until_ready()
    await runtime.feed.until_ready()
    assert (await runtime.venue.claims.are_wanted(), await other.venue.claims.are_wanted()) == (False, True)
    headers = {"X-Sim-Token": "the token"}
    try:
        for word in ("true", "false"):
            told = await signer.http.put("/_sim/signatures", params={"once": word}, headers=headers)
            assert (
                told.json()
                == {"once": word == "true"}
                == (await signer.http.get("/_sim/signatures", headers=headers)).json()
            )
            async with asyncio.timeout(10):
                while await other.venue.claims.are_wanted() is not (word == "true"):
                    await asyncio.sleep(0.005)
    finally:
        await other.stop()
