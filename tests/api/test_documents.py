"""/openapi.json and /asyncapi.json: every row is there, nothing points nowhere, and the examples run."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest

from accounts.auth import authenticate
from accounts.routing import METHODS
from api.dialects import V1, V3
from api.router import Router
from api.runtime import Runtime
from archive.archiver import Archiver
from engine.types import Side
from engine.venue import Venue
from exchange_project.documents import TABLES
from tests.api.conftest import Api
from tests.api.signing import SECRET, Signer
from tests.conftest import limit

pytestmark = pytest.mark.django_db(transaction=True)
NOT_ALONE = {  # examples of optional parameters that exclude each other
    "symbols",
}


@pytest.fixture
def router(runtime: Runtime) -> Router:
    return Router(TABLES, runtime, authenticate=authenticate)


@pytest.fixture
async def openapi(http: httpx.AsyncClient) -> dict[str, Any]:
    response = await http.get("/openapi.json")
    assert response.headers["content-type"].startswith("application/json")
    return dict(response.json())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_every_row_is_described_with_all_its_parameters(openapi: dict[str, Any]) -> None:
    described = {(method, path): operation for method, path, operation in operations(openapi)}
    expected = set()
    for row in (row for table in TABLES for row in table):
        for dialect in (V1, V3) if row.dialect is None else (row.dialect,):
            expected.add((row.method, dialect.prefix + row.path))
            operation = described[row.method, dialect.prefix + row.path]
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert {field.encode_name for field in msgspec.structs.fields(row.request)} <= names
            assert operation["summary"], "a handler's docstring says what it is for"
            if dialect.is_limited:
                assert operation["x-weight"], (row.path, "a weight that depends on something says on what")
                assert "429" in operation["responses"]
    assert expected == set(described)
    identifiers = [operation["operationId"] for operation in described.values()]
    assert len(set(identifiers)) == len(identifiers)


async def test_what_is_signed_says_so(openapi: dict[str, Any]) -> None:
    order = openapi["paths"]["/api/v3/order"]["post"]
    assert {"timestamp", "recvWindow", "signature"} <= {parameter["name"] for parameter in order["parameters"]}
    assert (order["x-permission"], order["x-weight"], order["x-unfilled-orders"]) == ("TRADE", 1, 1)
    assert order["x-websocket-method"] == "order.place"
    assert order["security"] == [{"apiKey": []}]
    depth = openapi["paths"]["/api/v3/depth"]["get"]
    assert "security" not in depth
    assert depth["x-weight"] == "By the number of levels."
    (symbol,) = (one for one in depth["parameters"] if one["name"] == "symbol")
    assert (symbol["required"], symbol["example"]) == (True, "BTCUSDT")
    of_v1 = openapi["paths"]["/api/v1/order"]["post"]
    assert "signature" not in {parameter["name"] for parameter in of_v1["parameters"]}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
async def test_no_reference_points_nowhere(http: httpx.AsyncClient, path: str) -> None:
    document = (await http.get(path)).json()
    found = set(references(document))
    assert found
    for reference in found:
        at = document
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]


async def test_every_method_of_the_websocket_api_is_described(http: httpx.AsyncClient) -> None:
    document = (await http.get("/asyncapi.json")).json()
    assert document["asyncapi"].startswith("3.")
    messages = document["channels"]["webSocketApi"]["messages"]
    named = {message["name"] for message in messages.values()} - {"answer"}
    assert named == {name for name in METHODS if not name.startswith("v3/")}
    assert messages["order_place"]["payload"]["properties"]["params"]["properties"]["side"]["enum"] == ["BUY", "SELL"]
    assert messages["order_place"]["x-weight"] == 1


@pytest.fixture
async def archiver(redis_url: str, venue: Venue) -> AsyncIterator[None]:
    """Without one each look into history waits a second."""
    archiver = Archiver(redis_url, venue.name)
    task = asyncio.create_task(archiver.run())
    yield
    archiver.stop()
    await task


async def test_the_examples_run(
    openapi: dict[str, Any], signer: Signer, bob: Api, venue: Venue, archiver: None
) -> None:
    """Every read of either dialect whose required parameters have examples, and a test order."""
    for side in (Side.SELL, Side.BUY):
        await venue.gateway.place_order(limit(2, side, 5_000_000, 100))
    ran = set()
    for method, path, operation in operations(openapi):
        needed = [one for one in operation["parameters"] if one["required"] and one["name"] not in SIGNING]
        is_wanted = method == "GET" or path.endswith("/api/v3/order/test")
        if not is_wanted or path.startswith("/_sim") or any("example" not in one for one in needed):
            continue
        examples = {one["name"]: one["example"] for one in operation["parameters"] if "example" in one}
        query = {name: value for name, value in examples.items() if name not in NOT_ALONE}
        response = await ask(signer, method, path, operation, query)
        says = (path, query, response.text[:200])
        assert response.status_code == 200 or response.json()["code"] in HAS_NO_SUCH, says
        ran.add((method, path))
    assert {("GET", "/api/v3/klines"), ("GET", "/api/v1/depth"), ("POST", "/api/v3/order/test")} <= ran
    assert len(ran) > 50


SIGNING = ("timestamp", "signature")
HAS_NO_SUCH = (-1102, -1128, -2013, -2043)  # one of several optional ids must be sent; no reference price is set


async def ask(
    signer: Signer, method: str, path: str, operation: dict[str, Any], query: dict[str, Any]
) -> httpx.Response:
    text = urlencode(query)
    if operation.get("x-signed"):
        text = f"{text}&timestamp={int(time.time() * 1000)}".removeprefix("&")
        text += "&signature=" + hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return await signer.ask(method, path, text)
