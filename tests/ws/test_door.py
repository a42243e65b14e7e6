"""Who may open a socket: pages of known hosts, programs without an Origin, and not too many of one address."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from pytest_django import Settings
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from accounts.routing import websocket_application
from api.door import SocketDoor, host_of
from api.runtime import Runtime
from exchange_project.options import SOCKETS_PER_ADDRESS, SOCKETS_PER_LOOPBACK_ADDRESS
from exchange_project.sockets import is_known_host, most_sockets_of
from tests.ws.conftest import connected, serving

MOST = 3


@pytest.fixture
async def guarded_url(runtime: Runtime) -> AsyncIterator[str]:
    """A worker behind a door that lets in three sockets of an address."""
    door = SocketDoor(websocket_application, is_known_host=is_known_host, most_of=lambda address: MOST)
    async with serving(runtime, application=door) as url:
        yield url


async def refusal(url: str, **options: Any) -> tuple[int, str]:
    """The HTTP status and the reason given."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, **options)
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, msgspec.json.decode(response.body)["error"]


@pytest.mark.parametrize(
    "origin",
    [
        None, "http://localhost", "http://127.0.0.1:8000", "https://[::1]:9443", "http://LOCALHOST:3000",
        "https://exchange.example", "https://exchange.example:8443", "http://deep.test.example",
    ],
)  # fmt: skip
async def test_programs_and_pages_of_known_hosts_come_in(
    guarded_url: str, settings: Settings, origin: str | None
) -> None:
    settings.ALLOWED_HOSTS = ["exchange.example", ".test.example"]
    async with connect(guarded_url, origin=origin) as socket:
        await socket.send('{"method": "ping"}')
        assert await socket.recv() == '{"result":"pong"}'


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "http://127.0.0.1.evil.example", "http://localhost.evil.example", "null", "file://",
        "http://evil.example#localhost", "http://localhost@evil.example", "http://[", "", "localhost",
        "https://exchange.example.evil.example", "chrome-extension://localhost",
    ],
)  # fmt: skip
async def test_pages_of_other_hosts_do_not(guarded_url: str, settings: Settings, origin: str) -> None:
    settings.ALLOWED_HOSTS = ["exchange.example"]
    status, why = await refusal(guarded_url, additional_headers={"Origin": origin})
    assert status == 403
    assert repr(origin) in why
    assert "EXCHANGE_ALLOWED_HOSTS" in why


async def test_an_address_gets_so_many_sockets_and_more_when_one_has_gone(guarded_url: str) -> None:
    first, *others = [await connect(guarded_url) for _ in range(MOST)]
    status, why = await refusal(guarded_url)
    assert (status, why) == (503, "3 sockets of 127.0.0.1 are open already: close some, then try again")
    await first.close()
    async with asyncio.timeout(10):
        while True:
            try:
                others.append(await connect(guarded_url))
                break
            except InvalidStatus:
                await asyncio.sleep(0.01)
    for socket in others:
        await socket.send('{"method": "ping"}')
        assert await socket.recv() == '{"result":"pong"}'
        await socket.close()


async def test_what_was_refused_or_went_elsewhere_takes_no_room(guarded_url: str) -> None:
    for _ in range(MOST + 1):
        await refusal(guarded_url, additional_headers={"Origin": "http://evil.example"})
        with pytest.raises(InvalidStatus):
            await connect(f"{guarded_url}nowhere")
    async with connected(guarded_url) as client:
        assert (await client.raw('{"method": "ping"}'))["result"] == "pong"


async def answers(scope: dict[str, Any], *, most: int) -> list[dict[str, Any]]:
    """What a server hears that has no HTTP answers for sockets, as daphne has none."""
    door = SocketDoor(websocket_application, is_known_host=is_known_host, most_of=lambda address: most)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await door(scope, receive, send)
    return sent


async def test_a_server_that_cannot_answer_in_http_closes_with_1013() -> None:
    accepted, closed = await answers({"client": ("192.0.2.1", 5), "headers": []}, most=0)
    assert (accepted["type"], closed["type"], closed["code"]) == ("websocket.accept", "websocket.close", 1013)
    assert "192.0.2.1" in closed["reason"]
    assert len(closed["reason"].encode()) <= 123  # what a close frame can carry


async def test_one_good_origin_does_not_excuse_a_bad_one() -> None:
    headers = [(b"Origin", b"http://localhost"), (b"origin", b"http://evil.example")]
    assert await answers({"client": None, "headers": headers}, most=9) == [{"type": "websocket.close"}]


def test_the_limit_is_the_option_or_by_where_the_peer_is(settings: Settings) -> None:
    settings.EXCHANGE_SOCKETS_PER_ADDRESS = None
    local = [most_sockets_of(address) for address in ("127.0.0.1", "::1", "")]
    assert local == [SOCKETS_PER_LOOPBACK_ADDRESS] * 3
    assert most_sockets_of("192.0.2.1") == SOCKETS_PER_ADDRESS
    settings.EXCHANGE_SOCKETS_PER_ADDRESS = 7
    assert most_sockets_of("127.0.0.1") == most_sockets_of("192.0.2.1") == 7


def test_an_origin_that_names_no_host_has_none() -> None:
    assert [host_of(origin) for origin in ("null", "http://", "http://A.b:1", "ftp://a.b")] == ["", "", "a.b", ""]
