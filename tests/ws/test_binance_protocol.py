"""Binance's requests on its stream paths, to the letter of web-socket-streams.md; nothing a client sends ends them."""

import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from pytest_django import Settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.sockets.binance import BinanceDialogue
from accounts.sockets.consumers import MarketSocket
from api.runtime import Runtime
from engine.types import Side
from engine.venue import Venue
from markets.streams.hub import MarketStreams
from tests.conftest import limit
from tests.ws.binance import StreamClient, streaming
from tests.ws.conftest import connected

METHODS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
TRADE, BOOK = "btcusdt@trade", "btcusdt@bookTicker"


@pytest.fixture
def patient(settings: Settings) -> None:
    """Requests are not counted."""
    settings.EXCHANGE_SOCKET_MESSAGES = 0


@pytest.fixture
async def raw(ws_url: str, patient: None) -> AsyncIterator[StreamClient]:
    async with streaming(ws_url, "/ws/0") as client:
        yield client


@pytest.fixture
async def combined(ws_url: str, patient: None) -> AsyncIterator[StreamClient]:
    async with streaming(ws_url, "/stream") as client:
        yield client


async def trade(venue: Venue, symbol: str = "BTCUSDT", price_ticks: int = 6_000_000) -> None:
    await venue.gateway.place_order(limit(1, Side.SELL, price_ticks, 1_000, symbol=symbol))
    await venue.gateway.place_order(limit(2, Side.BUY, price_ticks, 1_000, symbol=symbol))


async def test_the_worked_examples_of_the_document(combined: StreamClient) -> None:
    """web-socket-streams.md, "Live Subscribing/Unsubscribing to streams"."""
    for request, answer in (
        ({"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade", "btcusdt@depth"], "id": 1}, {"result": None, "id": 1}),
        ({"method": "UNSUBSCRIBE", "params": ["btcusdt@depth"], "id": 312}, {"result": None, "id": 312}),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 3}, {"result": ["btcusdt@aggTrade"], "id": 3}),
        ({"method": "SET_PROPERTY", "params": ["combined", True], "id": 5}, {"result": None, "id": 5}),
        ({"method": "GET_PROPERTY", "params": ["combined"], "id": 2}, {"result": True, "id": 2}),
    ):
        assert await combined.raw(msgspec.json.encode(request).decode()) == answer


async def test_an_answer_is_written_as_binance_writes_it(raw: StreamClient) -> None:
    await raw.socket.send('{"method": "SUBSCRIBE", "params": [], "id": 7}')
    assert await raw.socket.recv() == '{"result":null,"id":7}'
    await raw.socket.send('{"method": "DANCE", "id": 8}')
    text = f'{{"error":{{"code":2,"msg":"Invalid request: unknown variant `DANCE`, expected one of {METHODS} at line 1 '
    assert await raw.socket.recv() == text + 'column 18"},"id":8}'


async def test_an_id_is_echoed_as_it_came(raw: StreamClient) -> None:
    uuid = '"e2a85d9f-07a5-4f94-8d5f-789dc3deb097"'
    for id_ in ("0", "-7", "9223372036854775807", "-9223372036854775808", '"a"', uuid, "null"):
        await raw.socket.send(f'{{"method":"SUBSCRIBE","params":["{TRADE}"],"id":{id_}}}')
        assert await raw.socket.recv() == f'{{"result":null,"id":{id_}}}'


async def test_an_id_of_another_kind_is_refused_and_nothing_is_done(raw: StreamClient) -> None:
    error = {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"}
    for id_ in ("1.5", "1e3", '""', '"' + "x" * 37 + '"', '"a b"', "[]", "{}", "true", "1" * 30, ""):
        member = f',"id":{id_}' if id_ else ""
        answer = await raw.raw(f'{{"method":"SUBSCRIBE","params":["{TRADE}"]{member}}}')
        assert answer == {"error": error, "id": None}, id_
    assert await raw.names() == ["0"]


ONE_OF = f"expected one of {METHODS}"
FAULTS: list[tuple[str | bytes, int, str, Any]] = [
    (
        '{"method":"SUB","params":[],"id":1}',
        2,
        f"Invalid request: unknown variant `SUB`, {ONE_OF} at line 1 column 15",
        1,
    ),
    ('{"id":1,\n "method" : "sub"}', 2, f"Invalid request: unknown variant `sub`, {ONE_OF} at line 2 column 17", 1),
    ('{"params":["a"],"id":3}', 2, "Invalid request: missing field `method` at line 1 column 23", 3),
    ('{\n"params":[],\n"id":3\n}', 2, "Invalid request: missing field `method` at line 4 column 1", 3),
    ("{}", 2, "Invalid request: missing field `method` at line 1 column 2", None),
    ("[]", 2, "Invalid request: missing field `method` at line 1 column 2", None),
    ("7", 2, "Invalid request: missing field `method` at line 1 column 1", None),
    ('{"method":7,"id":1}', 3, "Invalid JSON: expected value at line 1 column 11", 1),
    ('{"method":null,"id":1}', 3, "Invalid JSON: expected value at line 1 column 11", 1),
    ("hello", 3, "Invalid JSON: expected value at line 1 column 1", None),
    ("", 3, "Invalid JSON: expected value at line 1 column 0", None),
    ('{"method":', 3, "Invalid JSON: expected value at line 1 column 10", None),
    ('{"method": SUBSCRIBE}', 3, "Invalid JSON: expected value at line 1 column 12", None),
    ("[" * 30_000 + "]" * 30_000, 3, "Invalid JSON: expected value at line 1 column 1", None),
    ('{"method":"SUB","a":' + "1" * 5_000 + ',"id":1}', 2, "Invalid request: unknown variant `SUB`", 1),
    (
        '{"params":[' + "1" * 5_000 + '],"method":"SUB","id":1}',
        3,
        "Invalid JSON: expected value at line 1 column",
        None,
    ),
    (b'{"method":"SUBSCRIBE","id":1}', 3, "Invalid JSON: expected value at line 1 column 0", None),
    (b"\xff\xfe", 3, "Invalid JSON: expected value at line 1 column 0", None),
    ("x" * 65_537, 2, "Invalid request: the frame is larger than 65536 bytes", None),
    (
        '{"method":"SUBSCRIBE","params":"btcusdt@trade","id":1}',
        2,
        "Invalid request: invalid type, expected a sequence",
        1,
    ),
    ('{"method":"SUBSCRIBE","params":{"a":1},"id":1}', 2, "Invalid request: invalid type, expected a sequence", 1),
    ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2, "Invalid request: stream name must be a string", 1),
    (
        '{"method":"SUBSCRIBE","params":["' + "x" * 201 + '"],"id":1}',
        2,
        "Invalid request: stream name must have at most 200 characters",
        1,
    ),
    ('{"method":"UNSUBSCRIBE","params":[null],"id":1}', 2, "Invalid request: stream name must be a string", 1),
    ('{"method":"LIST_SUBSCRIPTIONS","params":["a"],"id":1}', 2, "Invalid request: too many parameters", 1),
    ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}', 2, "Invalid request: too many parameters", 1),
    ('{"method":"SET_PROPERTY","params":["combined",true,1],"id":1}', 2, "Invalid request: too many parameters", 1),
    ('{"method":"GET_PROPERTY","id":1}', 2, "Invalid request: property name must be a string", 1),
    ('{"method":"GET_PROPERTY","params":[],"id":1}', 2, "Invalid request: property name must be a string", 1),
    ('{"method":"SET_PROPERTY","params":[1,true],"id":1}', 2, "Invalid request: property name must be a string", 1),
    ('{"method":"GET_PROPERTY","params":["speed"],"id":"a"}', 0, "Unknown property", "a"),
    ('{"method":"SET_PROPERTY","params":["speed",true],"id":1}', 0, "Unknown property", 1),
    ('{"method":"SET_PROPERTY","params":["combined","true"],"id":1}', 1, "Invalid value type: expected Boolean", 1),
    ('{"method":"SET_PROPERTY","params":["combined",1],"id":1}', 1, "Invalid value type: expected Boolean", 1),
    ('{"method":"SET_PROPERTY","params":["combined"],"id":1}', 1, "Invalid value type: expected Boolean", 1),
]


async def test_what_cannot_be_met_has_the_documented_error_and_the_connection_lives(raw: StreamClient) -> None:
    for sent, code, text, id_ in FAULTS:
        answer = await raw.raw(sent)
        assert set(answer) == {"error", "id"}, sent[:80]
        assert (answer["error"]["code"], answer["id"]) == (code, id_), (sent[:80], answer)
        assert answer["error"]["msg"].startswith(text), (sent[:80], answer)
    assert await raw.names() == ["0"]


async def test_no_depth_of_a_frame_ends_the_connection(raw: StreamClient) -> None:
    """One that can just be read may be too deep to be looked through."""
    for depth in range(850, 1_000):
        answer = await raw.raw('{"a":' + "[" * depth + "]" * depth + ',"method":"SUB","id":1}')
        assert set(answer) == {"error", "id"}, depth
    assert await raw.names() == ["0"]


async def test_first_events_of_the_urls_streams_are_no_offence_however_many(
    ws_url: str, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MarketSocket, "max_messages", 2)
    names = [f"btcusdt@depth{levels}" for levels in (5, 10, 20)]
    async with streaming(ws_url, f"/stream?streams={'/'.join(names)}") as client:
        for name in names:
            await client.next(name)


async def test_what_fails_inside_gives_back_what_the_socket_has_opened(
    raw: StreamClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hear(dialogue: BinanceDialogue, frame: Any) -> None:
        raise ZeroDivisionError

    await raw.subscribe(TRADE, BOOK)
    monkeypatch.setattr(BinanceDialogue, "hear", hear)
    await raw.socket.send("{}")
    with pytest.raises(ConnectionClosed):
        await raw.receive()
    assert not runtime.feed._subscribers
    assert not runtime.feed.handler(MarketStreams)._live


async def test_a_text_that_is_not_utf8_has_an_answer(raw: StreamClient) -> None:
    await raw.socket.send(b'{"method":"SUBSCRIBE","id":"\xc3"}', text=True)
    assert (await raw.receive())["error"]["code"] == 3
    assert await raw.names() == ["0"]


async def test_subscribing_again_and_unsubscribing_what_was_not_is_no_error(
    combined: StreamClient, venue: Venue, alice: int, bob: int
) -> None:
    for _ in range(2):
        await combined.subscribe(TRADE, TRADE, "nosuch@trade")
        assert (await combined.ask("UNSUBSCRIBE", ["never@heard"]))["result"] is None
    assert await combined.names() == [TRADE, "nosuch@trade"]
    await trade(venue)
    await combined.next(TRADE)
    assert await combined.silence() == []
    for _ in range(2):
        assert (await combined.ask("UNSUBSCRIBE", [TRADE]))["result"] is None
    assert await combined.names() == ["nosuch@trade"]


PATHS = [
    ("/ws/btcusdt@trade", [TRADE]),
    ("/ws/btcusdt%40trade", [TRADE]),
    ("/ws/btcusdt@trade/ethusdt@trade", [TRADE, "ethusdt@trade"]),
    ("/ws/0", ["0"]),
    ("/ws/stream/what@ever", ["stream", "what@ever"]),
    ("/stream?streams=btcusdt@trade/ethusdt@trade", [TRADE, "ethusdt@trade"]),
    ("/stream?streams=btcusdt%40trade%2Fethusdt%40trade&x=y", [TRADE, "ethusdt@trade"]),
    ("/stream?streams=btcusdt@kline_1d@+08:00", ["btcusdt@kline_1d@+08:00"]),
    ("/stream?streams=", []),
    ("/stream", []),
    ("/stream/", []),
]


async def test_streams_of_the_url_are_subscribed(ws_url: str, patient: None) -> None:
    for path, names in PATHS:
        async with streaming(ws_url, path) as client:
            assert await client.names() == names, path
            assert (await client.ask("GET_PROPERTY", ["combined"]))["result"] is path.startswith("/stream")


async def test_raw_and_combined_events(ws_url: str, venue: Venue, alice: int, bob: int) -> None:
    async with (
        streaming(ws_url, f"/ws/{TRADE}") as raw,
        streaming(ws_url, f"/stream?streams={TRADE}/ethusdt@trade") as combined,
    ):
        await raw.subscribe("ethusdt@trade", TRADE)  # the second is there already
        await trade(venue)
        await trade(venue, "ETHUSDT")
        first, second = await raw.next(), await raw.next()
        assert (first["s"], second["s"]) == ("BTCUSDT", "ETHUSDT")
        assert await combined.receive() == {"stream": TRADE, "data": first}
        assert await combined.receive() == {"stream": "ethusdt@trade", "data": second}


async def test_the_form_changes_between_two_events_and_none_is_lost(
    raw: StreamClient, venue: Venue, alice: int, bob: int
) -> None:
    await raw.subscribe(TRADE)
    await trade(venue)
    assert (await raw.next())["t"] == 1
    assert (await raw.ask("SET_PROPERTY", ["combined", True]))["result"] is None
    assert (await raw.ask("GET_PROPERTY", ["combined"]))["result"] is True
    await trade(venue)
    assert (await raw.next(TRADE))["t"] == 2
    assert (await raw.ask("SET_PROPERTY", ["combined", True]))["result"] is None
    assert (await raw.ask("SET_PROPERTY", ["combined", False]))["result"] is None
    await trade(venue)
    assert (await raw.next())["t"] == 3
    assert len(raw.events) == 3


async def test_a_symbol_in_capitals_is_no_stream_as_with_binance(
    combined: StreamClient, venue: Venue, alice: int, bob: int
) -> None:
    """web-socket-streams.md: "All symbols for streams are lowercase"."""
    await combined.subscribe("BTCUSDT@trade", "btcusdt@TRADE", "btcusdt@kline_1x", "btcusdt@depth7", TRADE)
    await trade(venue)
    await combined.next(TRADE)
    assert [name for name, _ in combined.events] == [TRADE]


async def test_times_are_in_microseconds_where_the_url_says_so(ws_url: str, venue: Venue, alice: int, bob: int) -> None:
    await venue.clock.set_virtual(1_723_075_200_123)
    async with (
        streaming(ws_url, f"/stream?streams={TRADE}&timeUnit=MICROSECOND") as fine,
        streaming(ws_url, f"/ws/{TRADE}?timeUnit=microsecond") as fine_raw,
        streaming(ws_url, f"/ws/{TRADE}?timeUnit=MILLISECOND") as usual,
    ):
        await usual.names()  # all three are subscribed
        await trade(venue)
        found = [await fine.next(TRADE), await fine_raw.next(), await usual.next()]
        assert [(data["E"], data["T"], data["t"]) for data in found] == [
            (1_723_075_200_123_000, 1_723_075_200_123_000, 1),
            (1_723_075_200_123_000, 1_723_075_200_123_000, 1),
            (1_723_075_200_123, 1_723_075_200_123, 1),
        ]


async def test_another_unit_of_time_is_refused_before_the_handshake(ws_url: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{ws_url}/{TRADE}?timeUnit=NANOSECOND")
    assert refused.value.response.status_code == 400
    assert msgspec.json.decode(refused.value.response.body or b"")["code"] == -1194


async def test_one_socket_speaks_both_forms_on_the_shared_paths(
    ws_url: str, patient: None, venue: Venue, alice: int, bob: int
) -> None:
    for path in ("/ws", ""):
        async with connected(ws_url.removesuffix("/ws") + path) as client:
            assert "not a JSON object" in (await client.raw("hello"))["error"]
            assert await client.raw(f'{{"method":"SUBSCRIBE","params":["{TRADE}"],"id":1}}') == {
                "result": None,
                "id": 1,
            }
            assert (await client.raw("hello"))["error"]["code"] == 3, "the form that was spoken last"
            assert (await client.raw('{"method":"DANCE","id":1}'))["error"]["code"] == 2
            guide = await client.raw('{"method":"subscribe","params":{"streams":["BTCUSDT@trade"]},"id":2}')
            assert guide == {"result": "success", "streams": ["BTCUSDT@trade"], "id": 2}
            assert "unknown method" in (await client.raw('{"method":"DANCE"}'))["error"]
            assert await client.raw('{"method":"LIST_SUBSCRIPTIONS","id":3}') == {"result": [TRADE], "id": 3}
            await trade(venue)
            bare, named = sorted([await client.receive(), await client.receive()], key=len, reverse=True)
            assert named == {"stream": "BTCUSDT@trade", "data": bare}


async def test_a_socket_listens_to_so_many_streams(ws_url: str, patient: None, settings: Settings) -> None:
    settings.EXCHANGE_SOCKET_STREAMS = 4
    async with streaming(ws_url, "/ws/a@b") as client:
        await client.subscribe("a@b", "1", "2", "3")
        error = {"code": 4, "msg": "Too many subscriptions"}
        assert (await client.ask("SUBSCRIBE", ["3", "4"]))["error"] == error
        assert await client.names() == ["a@b", "1", "2", "3"]
        await client.ask("UNSUBSCRIBE", ["1"])
        await client.subscribe("4")
    async with streaming(ws_url, "/ws/1/2/3/4/5") as client:
        assert await client.receive() == {"error": error, "id": None}
        assert await client.names() == []


WORDS = [
    "SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY", "method", "params", "id",
    "combined", "btcusdt@trade", "btcusdt@depth@100ms", "!ticker@arr", "@", "\\ud800", "\u0000", "é",
]  # fmt: skip


def nonsense(dice: random.Random, depth: int = 0) -> Any:
    """A value of JSON that a client might send by mistake."""
    kind = dice.randrange(8 if depth < 3 else 5)
    if kind < 3:
        return dice.choice(WORDS)
    if kind == 3:
        return dice.choice([None, True, False, 0, -1, 1.5, 2**63, 1e300])
    if kind == 4:
        return dice.randrange(-10, 10)
    if kind == 5:
        return [nonsense(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(WORDS): nonsense(dice, depth + 1) for _ in range(dice.randrange(4))}


async def test_nonsense_is_answered_frame_by_frame(raw: StreamClient, venue: Venue) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(500):
        request = nonsense(dice) if dice.random() < 0.3 else {
            "method": nonsense(dice, 2), "params": nonsense(dice), "id": nonsense(dice, 2),
        }  # fmt: skip
        text = msgspec.json.encode(request).decode()
        if dice.random() < 0.2:
            place = dice.randrange(len(text))
            text = text[:place] + dice.choice('{}[]",:x') + text[place + 1 :]
        answer = await raw.raw(text)
        assert set(answer) in ({"result", "id"}, {"error", "id"}), text
        await raw.ask("UNSUBSCRIBE", WORDS)
        await raw.ask("SET_PROPERTY", ["combined", False])
    assert "0" in await raw.names()
