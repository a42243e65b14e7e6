"""The WebSocket API's frames to the letter: ids, answers, and what is said of what cannot be understood."""

import asyncio
from typing import Any

import msgspec
import pytest
from channels.testing import WebsocketCommunicator
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.routing import websocket_application
from accounts.websocket_api.consumer import WebSocketApiConsumer
from api.runtime import Runtime
from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.api_client import api_url_of
from tests.ws.conftest import Client, connected, serving


@pytest.fixture
def api_url(ws_url: str) -> str:
    return ws_url.removesuffix("/ws") + "/ws-api/v3"


@pytest.fixture
async def api(api_url: str):
    async with connected(api_url) as client:
        yield client


async def ask(client: Client, method: str, **params: Any) -> Any:
    """The result of a request."""
    answer = await client.raw(msgspec.json.encode({"id": 1, "method": method, "params": params}).decode())
    assert (answer["id"], answer["status"]) == (1, 200), answer
    return answer["result"]


@pytest.mark.parametrize(
    "id_", ["0", "-7", "9223372036854775807", "18446744073709551615", '"e2a85d9f-07a5-4f94-8d5f-789dc3deb097"', "null"]
)
async def test_an_id_is_echoed_as_it_came(api: Client, id_: str) -> None:
    await api.socket.send(f'{{"method":"ping","id":{id_}}}')
    assert (await api.socket.recv()).startswith(f'{{"id":{id_},"status":200,"result":{{}}')


BAD_ID = "Invalid 'id' in JSON request; expected an integer, a string matching '^[a-zA-Z0-9-_]{1,36}$', or null."
BAD_PARAMS = "Invalid 'params' in JSON request; expected an object."
BAD_METHOD = "Invalid 'method' in JSON request; expected a string."
NO_JSON = "Invalid JSON Request"
BAD: list[tuple[str | bytes, Any, int, str]] = [
    *[(text, None, -1135, NO_JSON) for text in ("", "hello", "[]", '"ping"', "null", "{", '{"id": 1} {}', "[" * 9_999)],
    (b'{"id": 1, "method": "ping"}', None, -1135, NO_JSON),
    ('{"method": "ping"}', None, -1135, BAD_ID),
    *[
        (f'{{"id": {id_}, "method": "ping"}}', None, -1135, BAD_ID)
        for id_ in ("1.5", "1e3", "true", "[]", "{}", '""', '"a b"', '"\u00fc"', f'"{"x" * 37}"', "9" * 21)
    ],
    *[
        (f'{{"id": 3, "method": "ping", "params": {params}}}', 3, -1135, BAD_PARAMS)
        for params in ("[]", '"symbol"', "7", "true")
    ],
    ('{"id": 3}', 3, -1135, BAD_METHOD),
    *[(f'{{"id": 3, "method": {name}}}', 3, -1135, BAD_METHOD) for name in ("null", "7", "true", '["ping"]', "{}")],
    *[
        (f'{{"id": "x", "method": "{name}"}}', "x", -1020, "This operation is not supported.")
        for name in ("", "PING", "order.plac", "v1/ping", "v3/v3/ping", "deposit")
    ],
    (
        '{"id": 3, "method": "depth", "params": {"symbol": "BTCUSDT", "symbol": "ETHUSDT"}}',
        3,
        -1101,
        "Duplicate values for a parameter detected.",
    ),
    ('{"id": 3, "method": "depth", "params": {"symbol": "NOPE"}}', 3, -1121, "Invalid symbol."),
    (
        '{"id": 3, "method": "depth"}',
        3,
        -1102,
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
    ),
    (
        '{"id": 3, "method": "depth", "params": {"symbol": ["BTCUSDT"]}}',
        3,
        -1130,
        "Data sent for parameter 'symbol' is not valid.",
    ),
]


async def test_what_cannot_be_met_is_an_error_and_the_connection_lives(api: Client) -> None:
    for sent, id_, code, text in BAD:
        answer = await api.raw(sent)
        assert (answer["id"], answer["status"]) == (id_, 400), (sent[:80], answer)
        assert answer["error"] == {"code": code, "msg": text}, sent[:80]
        assert "result" not in answer
    assert await ask(api, "ping") == {}


async def test_frames_that_are_no_text_too_large_or_in_pieces(api: Client) -> None:
    no_json = {"id": None, "status": 400, "error": {"code": -1135, "msg": NO_JSON}, "rateLimits": []}
    for data in (b"\xff\xfe", b'{"id": 1, "method": "ping", "params": {"x": "\xc3"}}'):
        await api.socket.send(data, text=True)
        answer = await api.receive()
        assert answer["error"] == no_json["error"]
    padding = " " * 65_536
    assert await api.raw(f'{{"id": 1, "method": "ping"{padding}}}') == no_json
    await api.socket.send([f'{{"id": 1, "method": "ping"{padding}', "}"])
    assert await api.receive() == no_json
    await api.socket.send(['{"id": 2, "met', 'hod": "p', 'ing"}'])
    assert (await api.receive())["id"] == 2
    assert (await api.raw(f'{{"id": 3, "method": "ping"{padding[:65_000]}}}'))["id"] == 3
    assert await ask(api, "ping") == {}


async def test_a_method_may_name_the_version_and_parameters_may_be_missing_or_null(api: Client) -> None:
    assert await ask(api, "v3/ping") == {}
    assert (await api.raw('{"id": 7, "method": "ping", "params": null}'))["result"] == {}
    assert (await api.raw('{"params": {"x": 1}, "method": "ping", "id": 7, "jsonrpc": "2.0"}'))["result"] == {}


async def test_numbers_booleans_and_lists_are_read_as_they_are(api: Client) -> None:
    assert (await ask(api, "depth", symbol="BTCUSDT", limit=5))["bids"] == []
    assert (await ask(api, "depth", symbol="BTCUSDT", limit="5"))["bids"] == []
    info = await ask(api, "exchangeInfo", symbols=["BTCUSDT", "ETHBTC"])
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHBTC"]


async def test_times_come_in_microseconds_where_the_url_says_so(api_url: str, api: Client) -> None:
    for text in ("MICROSECOND", "microsecond"):
        async with connected(f"{api_url}?timeUnit={text}") as client:
            now_us = (await ask(client, "time"))["serverTime"]
            now_ms = (await ask(api, "time"))["serverTime"]
            assert now_us // 1000 <= now_ms <= now_us // 1000 + 5_000
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{api_url}?timeUnit=SECOND")
    assert refused.value.response.status_code == 400
    assert msgspec.json.decode(refused.value.response.body)["code"] == -1194


async def test_a_connection_ends_after_its_time_and_is_told_before(api_url: str, settings: Any) -> None:
    settings.EXCHANGE_SOCKET_LIFE_S = 0.8
    async with connected(api_url) as client, connected(f"{api_url}?timeUnit=MICROSECOND") as finer:
        (plain, fine) = (await client.receive(), await finer.receive())
        assert plain.keys() == {"event"}
        assert (plain["event"]["e"], fine["event"]["e"]) == ("serverShutdown", "serverShutdown")
        assert plain["event"]["E"] // 10**12 == fine["event"]["E"] // 10**15 == 1
        with pytest.raises(ConnectionClosed):
            await client.receive()
        assert client.socket.close_code == 1001


async def test_pings_are_answered_and_pongs_that_nobody_asked_for_are_welcome(api: Client) -> None:
    await api.socket.pong(b"here I am")
    await asyncio.wait_for(await api.socket.ping(b"are you there?"), 10)
    assert await ask(api, "ping") == {}


async def test_many_requests_at_once_are_all_answered(api: Client) -> None:
    numbers = list(range(300))
    await asyncio.gather(*(api.socket.send(f'{{"method":"time","id":{number}}}') for number in numbers))
    assert sorted([(await api.receive())["id"] for _ in numbers]) == numbers


async def test_who_asks_for_more_than_he_reads_gets_it_all(
    redis_url: str, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WebSocketApiConsumer, "max_bytes", 200_000)
    request = '{{"method": "exchangeInfo", "id": {}}}'
    async with serving(Runtime(redis_url, venue.name), send_buffer=4_096) as url, connected(api_url_of(url)) as client:
        size = len(msgspec.json.encode(await client.raw(request.format(0))))
        assert size * 400 > 8 * 200_000
        for number in range(400):
            await client.socket.send(request.format(number))
        await asyncio.sleep(0.2)
        assert sorted([(await client.receive())["id"] for _ in range(400)]) == list(range(400))


async def test_the_book_is_that_of_rest(api: Client, venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    assert (await ask(api, "depth", symbol="BTCUSDT"))["bids"] == [["50000.00000000", "0.01000000"]]


async def test_a_server_without_the_short_way_serves_too(redis_url: str, venue: Venue) -> None:
    """As daphne, which `runserver` uses: every text comes as a message of ASGI's."""
    runtime = Runtime(redis_url, venue.name)
    await runtime.start()
    socket = WebsocketCommunicator(websocket_application, "/ws-api/v3")
    assert (await socket.connect())[0]
    for sent in ('{"id": 1, "method": "ping"}', "no JSON", b'{"id": 2, "method": "ping"}', "x" * 65_537):
        await socket.send_to(**{"bytes_data" if isinstance(sent, bytes) else "text_data": sent})
        answer = await socket.receive_json_from()
        assert answer.get("result", answer.get("error", {}).get("code")) in ({}, -1135)
    await socket.disconnect()
    await runtime.stop()
