"""What the router itself says: unknown paths, wrong methods, sizes, the guard of /_sim, and failures of ours."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
import uvicorn

from accounts.auth import authenticate
from api.callers import Caller
from api.dialects import V1, Dialect
from api.router import EndpointTable, Nothing, Reply, Router, sim_endpoints
from api.runtime import Runtime
from engine.errors import InvariantBroken
from engine.gateway import Gateway
from markets.endpoints import ENDPOINTS as MARKETS
from tests.api.conftest import ACCOUNTS, Api, limit_order

SIM = sim_endpoints()


class Echo(msgspec.Struct, kw_only=True):
    text: str


@SIM.endpoint("POST", "/echo")
async def echo(request: Echo, caller: Caller, runtime: Runtime) -> dict[str, str]:
    """Says it again."""
    return {"text": request.text}


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/", "/api/v1/ping/", "/api/", "/api/v1/\u00fc", "/sapi/v1/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
async def test_unknown_paths_are_404_in_json(http: httpx.AsyncClient, method: str, path: str) -> None:
    response = await http.request(method, path)
    assert response.status_code == 404
    assert response.json()["code"] == -1000
    assert response.json()["msg"] == f"There is nothing at {path}."


async def test_every_path_refuses_other_methods_and_says_which_are_possible(router: Router, anybody: Api) -> None:
    methods: dict[str, set[str]] = {}
    for row in (*MARKETS, *ACCOUNTS):
        methods.setdefault((row.dialect or V1).prefix + row.path, set()).add(row.method)
    for path, allowed in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} - allowed:
            response = await anybody.raw(method, path)
            assert (response.status_code, response.json()["code"]) == (405, -1000)
            assert response.headers["Allow"] == ", ".join(sorted(allowed))


PLAIN = Dialect(name="plain", prefix="/api/plain")
PLAIN_ENDPOINTS = EndpointTable(PLAIN)


@PLAIN_ENDPOINTS.endpoint("GET", "/times", needs_venue=False)
async def times(request: Nothing, caller: Caller, runtime: Runtime) -> Reply:
    """A time and an id."""
    return Reply(409, {"orderId": 28, "transactTime": 1507725176595})


@pytest.mark.parametrize(
    ("unit", "status", "body"),
    [
        ("MICROSECOND", 409, {"orderId": 28, "transactTime": 1507725176595000}),
        ("microsecond", 409, {"orderId": 28, "transactTime": 1507725176595000}),
        ("MILLISECOND", 409, {"orderId": 28, "transactTime": 1507725176595}),
        ("SECOND", 400, {
            "code": -1194, "msg": "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."}),
    ],
)  # fmt: skip
async def test_a_header_asks_for_times_in_microseconds(
    runtime: Runtime, unit: str, status: int, body: dict[str, object]
) -> None:
    router = Router([PLAIN_ENDPOINTS, MARKETS], runtime, authenticate=authenticate, dialects=[PLAIN, V1])
    headers = {"X-MBX-TIME-UNIT": unit}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(router), base_url="http://exchange") as http:
        response = await http.get("/api/plain/times", headers=headers)
        assert (response.status_code, response.json()) == (status, body)
        guide = await http.get("/api/v1/time", headers=headers)
        assert len(str(guide.json()["serverTime"])) == 13, "the guide's dialect knows no such header"


async def test_an_endpoint_twice_is_found_when_the_router_is_made(runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="two endpoints for GET /api/v1/ping"):
        Router([MARKETS, MARKETS], runtime, authenticate=authenticate)


def test_which_paths_are_the_routers(router: Router) -> None:
    assert [router.answers(path) for path in ("/api/v1/ping", "/api/x", "/_sim/x", "/sapi/v1/x", "/healthz")] == [
        True
    ] * 5
    assert [router.answers(path) for path in ("/", "/admin/", "/apidocs", "/healthz/x", "/static/api/x")] == [False] * 5


def test_every_row_says_what_it_is_for() -> None:
    assert [row.path for row in (*MARKETS, *ACCOUNTS) if not row.summary] == []


async def test_the_guard_of_sim_wants_the_instances_token(runtime: Runtime) -> None:
    router = Router([SIM], runtime, authenticate=authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(router), base_url="http://exchange") as client:
        for headers in ({}, {"X-Sim-Token": ""}, {"X-Sim-Token": "the toke"}, {"X-Sim-Token": b"\xff"}):
            refused = await client.post("/_sim/echo", json={"text": "x"}, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (401, -1002)
        good = {"X-Sim-Token": "the token"}
        assert (await client.post("/_sim/echo", json={"text": "x"}, headers=good)).json() == {"text": "x"}
        missing = await client.post("/_sim/echo", headers=good)
        assert (missing.status_code, missing.json()["code"]) == (400, -1102)
        assert (await client.post("/_sim/nothing", headers=good)).status_code == 404


async def test_without_a_token_file_nobody_gets_into_sim(redis_url: str, venue_name: str) -> None:
    runtime = Runtime(redis_url, venue_name)
    assert not runtime.is_sim_token(b"")
    await runtime.stop()


async def test_a_failure_of_ours_is_a_500_in_json_and_logged(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    table = EndpointTable()

    @table.endpoint("GET", "/broken")
    async def broken(request: Nothing, caller: Caller, runtime: Runtime) -> None:
        """Fails."""
        raise ZeroDivisionError("a secret detail")

    router = Router([table], runtime, authenticate=authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(router), base_url="http://exchange") as client:
        response = await client.get("/api/v1/broken")
    text = "An unknown error occurred while processing the request."
    assert response.status_code == 500
    assert response.json() == {"code": -1000, "msg": text, "error": text}
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "GET /api/v1/broken" in record.getMessage()
    assert record.exc_info is not None
    assert "a secret detail" in str(record.exc_info[1])


async def test_a_script_that_fails_is_a_500_and_logged(
    alice: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: Gateway, order: object) -> None:
        raise InvariantBroken("place_order: more than is locked")

    monkeypatch.setattr(Gateway, "place_order", fail)
    assert (await alice.error("POST", "/order", **limit_order("BUY", "50000", "0.001")))[:2] == (500, -1000)
    assert "more than is locked" in caplog.text


@pytest.fixture
async def served(router: Router) -> AsyncIterator[str]:
    """The router on a real server; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(router, http="httptools", ws="none", lifespan="off", log_config=None, proxy_headers=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await task
    listener.close()


@pytest.mark.parametrize("size", [64 * 1024 + 1, 100_000, 900_000])
async def test_a_large_body_is_413_in_json(served: str, alice: Api, size: int) -> None:
    order = limit_order("BUY", "50000", "0.001")
    async with httpx.AsyncClient(base_url=served) as client:
        response = await client.post("/api/v1/order", json=order | {"filler": "x" * size}, headers=alice.headers)
        assert (response.status_code, response.json()["code"]) == (413, -1000)
        assert await alice.ok("GET", "/openOrders") == []
        fits = await client.post(
            "/api/v1/order", json=order | {"filler": "x" * (64 * 1024 - 200)}, headers=alice.headers
        )  # fmt: skip
        assert fits.status_code == 200, fits.text


async def test_over_a_real_server(served: str, alice: Api) -> None:
    async with httpx.AsyncClient(base_url=served, headers=alice.headers) as client:
        placed = await client.post("/api/v1/order", json=limit_order("BUY", "50000", "0.001"))
        assert placed.headers["content-type"] == "application/json;charset=UTF-8"
        assert placed.headers["content-length"] == str(len(placed.content))
        canceled = await client.delete(f"/api/v1/order?symbol=BTCUSDT&orderId={placed.json()['orderId']}")
        assert canceled.json()["status"] == "CANCELED"
        assert (await client.get("/api/v1/nothing")).status_code == 404


async def test_a_body_in_pieces_is_put_together(served: str, alice: Api) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (
            b'{"symbol": "BTC',
            b'USDT", "side": "BUY", "type": "LIMIT", ',
            b'"price": 50000, "quantity": 0.001}',
        ):
            yield piece
            await asyncio.sleep(0)

    async with httpx.AsyncClient(base_url=served, headers=alice.headers) as client:
        response = await client.post("/api/v1/order", content=pieces())
        assert response.json()["status"] == "NEW"
