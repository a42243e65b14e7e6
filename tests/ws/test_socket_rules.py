"""How a connection lives and ends: paced, pinged, told before its end (web-socket-streams.md, "WebSocket Limits")."""

import asyncio

import pytest
from pytest_django import Settings
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from accounts.routing import websocket_application
from api.door import SocketDoor
from api.runtime import Runtime
from engine.venue import Venue
from exchange_project.options import SOCKET_ATTEMPTS
from exchange_project.sockets import is_known_host, most_attempts_of
from tests.ws.binance import PATIENCE_S, streaming
from tests.ws.conftest import connected, give_key, serving
from tests.ws.test_frames import CLOSE, PING, PONG, frame, wired


async def closed(socket: ClientConnection) -> tuple[int | None, str | None]:
    """The code and the reason with which the server ends the connection."""
    await asyncio.wait_for(socket.wait_closed(), PATIENCE_S)
    return socket.close_code, socket.close_reason


@pytest.mark.parametrize("kind", ["request", "ping", "pong"])
async def test_who_sends_more_than_five_messages_in_a_second_is_closed(ws_url: str, kind: str) -> None:
    """web-socket-streams.md, "WebSocket Limits": pings, pongs and requests count."""
    async with streaming(ws_url, "/stream") as client:
        for number in range(5):
            await client.socket.send(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
        assert [(await client.receive())["id"] for _ in range(5)] == list(range(5))
        if kind == "request":
            await client.socket.send('{"method":"LIST_SUBSCRIPTIONS","id":6}')
        else:
            await (client.socket.ping() if kind == "ping" else client.socket.pong())
        assert await closed(client.socket) == (1008, "Too many requests")


async def test_who_looks_for_keys_in_the_guides_form_is_closed(ws_url: str, venue: Venue, alice: int) -> None:
    key = await give_key(venue, alice, "alice", "k1")
    async with connected(ws_url) as client:
        for _ in range(10):  # who knows one may show it as often as he likes, and ask what he likes
            await client.auth(key)
            await client.ask("ping")
        for number in range(5):
            assert (await client.ask("auth", api_key=f"wrong-{number}"))["error"] == "invalid API key"
        await client.socket.send('{"method":"auth","params":{"api_key":"wrong-5"},"id":6}')
        assert await closed(client.socket) == (1008, "Too many requests")


async def test_five_messages_in_every_second_are_no_offence(ws_url: str, settings: Settings) -> None:
    settings.EXCHANGE_SOCKET_MESSAGES = 2
    async with streaming(ws_url, "/stream") as client:
        for _ in range(2):
            await client.names()
            await client.names()
            await asyncio.sleep(1.05)


async def test_a_socket_ends_after_its_time_and_is_told_before(ws_url: str, settings: Settings) -> None:
    settings.EXCHANGE_SOCKET_LIFE_S = 1.0
    async with streaming(ws_url, "/stream?timeUnit=MICROSECOND") as combined, streaming(ws_url, "/ws/0") as raw:
        frame, data = await combined.receive(), await raw.receive()
        assert (frame["stream"], frame["data"]["e"], data["e"]) == ("!serverShutdown", *["serverShutdown"] * 2)
        assert set(data) == {"e", "E"}
        assert frame["data"]["E"] // 10**15 == data["E"] // 10**12 == 1
        assert (await closed(combined.socket))[0] == (await closed(raw.socket))[0] == 1001


async def test_who_answers_pings_stays_and_who_does_not_is_closed(runtime: Runtime) -> None:
    """A pong carries the ping's payload; others are allowed, and help nobody."""
    async with serving(runtime, ping_s=0.1, pong_s=0.5) as url, wired(url) as good, wired(url) as bad:
        await bad.receive()
        await bad.send(frame(PONG, b""))
        payloads = set()
        for _ in range(5):
            kind, payload = await good.receive()
            assert (kind, len(payload) > 0) == (PING, True)
            payloads.add(payload)
            await good.send(frame(PONG, payload))
            await asyncio.sleep(0.21)  # five pongs in a second are allowed
        assert len(payloads) == 5
        assert await bad.receive() == (CLOSE, b"\x03\xf0Pong timeout")


async def test_a_client_may_ping_too(runtime: Runtime) -> None:
    async with serving(runtime) as url, wired(url) as wire:
        await wire.send(frame(PING, b"here?"))
        assert await wire.receive() == (PONG, b"here?")


async def test_who_listens_is_told_when_the_server_ends(runtime: Runtime, venue: Venue) -> None:
    serving_it = serving(runtime)
    url = await serving_it.__aenter__()
    async with (
        streaming(url, "/stream?streams=btcusdt@trade") as combined,
        streaming(url, "/ws/btcusdt@trade") as raw,
        connected(url) as guide,
    ):
        await combined.names()
        await raw.names()
        await guide.subscribe("BTCUSDT@trade")
        await serving_it.__aexit__(None, None, None)
        frame_, data = await combined.receive(), await raw.receive()
        assert frame_["stream"] == "!serverShutdown"
        for told in (frame_["data"], data):
            assert (list(told), told["e"], type(told["E"])) == (["e", "E"], "serverShutdown", int)
        assert [(await closed(client.socket))[0] for client in (combined, raw, guide)] == [1012] * 3


async def test_an_address_may_try_so_often_in_five_minutes(runtime: Runtime) -> None:
    door = SocketDoor(
        websocket_application, is_known_host=is_known_host, most_of=lambda address: 9, attempts_of=lambda address: 3
    )
    async with serving(runtime, application=door) as url:
        for _ in range(2):
            async with connect(url):
                pass
        assert await runtime.venue.limiter.socket_attempts("127.0.0.1") == 3, "one more, at another worker"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url)
        assert refused.value.response.status_code == 429
        assert b"within five minutes" in (refused.value.response.body or b"")


def test_how_often_an_address_may_try_is_the_option_or_by_where_it_is(settings: Settings) -> None:
    settings.EXCHANGE_SOCKET_ATTEMPTS = None
    assert [most_attempts_of(address) for address in ("127.0.0.1", "::1", "")] == [None] * 3
    assert most_attempts_of("192.0.2.1") == SOCKET_ATTEMPTS
    settings.EXCHANGE_SOCKET_ATTEMPTS = 7
    assert most_attempts_of("127.0.0.1") == 7
