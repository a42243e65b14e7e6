"""The guide's requests and answers to the letter, and what else a client may send: the connection stays open."""

import asyncio
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from accounts.digests import key_digest
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.conftest import Client, connected, give_key


async def test_the_forms_of_the_answers(client: Client, venue: Venue, alice: int) -> None:
    await give_key(venue, alice, "user1", "k1")
    assert await client.raw('{"method": "auth", "params": {"api_key": "k1"}, "id": 1}') == {
        "result": "success", "user_id": "user1", "id": 1,
    }  # fmt: skip
    assert await client.raw('{"method": "subscribe", "params": {"streams": ["BTCUSDT@trade"]}, "id": 2}') == {
        "result": "success", "streams": ["BTCUSDT@trade"], "id": 2,
    }  # fmt: skip
    partial = await client.raw('{"method": "subscribe", "params": {"streams": ["user1@order", "X@trade"]}, "id": 3}')
    assert (partial["result"], partial["streams"], partial["id"]) == ("partial", ["user1@order"], 3)
    assert [set(error) for error in partial["errors"]] == [{"stream", "error"}]
    assert partial["errors"][0]["stream"] == "X@trade"
    bad = await client.raw('{"method": "subscribe", "params": {"streams": ["X@trade", "BTCUSDT@nothing"]}, "id": 4}')
    assert set(bad) == {"error", "id"}
    assert bad["error"].startswith("X@trade: ")
    assert ", BTCUSDT@nothing: unknown stream type" in bad["error"]
    assert await client.raw('{"method": "unsubscribe", "params": {"streams": ["BTCUSDT@trade"]}, "id": 5}') == {
        "result": "success", "id": 5,
    }  # fmt: skip
    assert await client.raw('{"method": "ping", "id": 6}') == {"result": "pong", "id": 6}


@pytest.mark.parametrize("id_", ["0", "-7", "9223372036854775807", "123456789012345678901234", '"a-b"', "null", "1.50"])
async def test_an_id_is_echoed_as_it_came(client: Client, id_: str) -> None:
    await client.socket.send(f'{{"method":"ping","id":{id_}}}')
    assert await client.socket.recv() == f'{{"result":"pong","id":{id_}}}'


async def test_without_an_id_the_answer_has_none(client: Client) -> None:
    assert await client.raw('{"method": "ping"}') == {"result": "pong"}
    assert set(await client.raw('{"method": "what"}')) == {"error"}


async def test_methods_come_in_any_case(client: Client) -> None:
    assert (await client.raw('{"method": "PING"}'))["result"] == "pong"
    assert (await client.ask("SubScribe", streams=["ethbtc@depth"]))["streams"] == ["ethbtc@depth"]
    assert (await client.ask("UNSUBSCRIBE"))["result"] == "success"


BAD = [
    ("", "not a JSON object"),
    ("hello", "not a JSON object"),
    ("[]", "not a JSON object"),
    ('"ping"', "not a JSON object"),
    ("null", "not a JSON object"),
    ("{", "not a JSON object"),
    ('{"method": "ping", "id": 1} {}', "not a JSON object"),
    ("[" * 30_000 + "]" * 30_000, "not a JSON object"),
    ('{"params":' + "[" * 20_000 + "]" * 20_000 + "}", "not a JSON object"),
    ("{}", "method is missing"),
    ('{"method": null}', "method is missing"),
    ('{"method": 7}', "method is missing"),
    ('{"method": ["ping"]}', "method is missing"),
    ('{"method": "dance"}', "unknown method 'dance'"),
    ('{"method": "auth"}', "api_key is missing"),
    ('{"method": "auth", "params": {}}', "api_key is missing"),
    ('{"method": "auth", "params": {"api_key": 5}}', "api_key is missing"),
    ('{"method": "auth", "params": {"api_key": ""}}', "api_key is missing"),
    ('{"method": "auth", "params": {"api_key": "wrong"}}', "invalid API key"),
    ('{"method": "auth", "params": "wrong"}', "params must be an object"),
    ('{"method": "subscribe"}', "streams is missing"),
    ('{"method": "subscribe", "params": null}', "streams is missing"),
    ('{"method": "subscribe", "params": {"streams": []}}', "streams is missing"),
    ('{"method": "subscribe", "params": {"streams": "BTCUSDT@trade"}}', "streams must be a list"),
    ('{"method": "subscribe", "params": {"streams": {"a": 1}}}', "streams must be a list"),
    ('{"method": "subscribe", "params": {"streams": [1]}}', "streams must be a list"),
    ('{"method": "subscribe", "params": {"streams": ["BTCUSDT@trade", null]}}', "streams must be a list"),
    ('{"method": "subscribe", "params": {"streams": ["BTCUSDT"]}}', "a stream is called"),
    ('{"method": "subscribe", "params": {"streams": ["@trade"]}}', "a stream is called"),
    ('{"method": "subscribe", "params": {"streams": [""]}}', "a stream is called"),
    ('{"method": "subscribe", "params": {"streams": ["BTCUSDT@kline_7m"]}}', "unknown interval '7m'"),
    ('{"method": "subscribe", "params": {"streams": ["BTCUSDT@kline_"]}}', "unknown interval ''"),
    ('{"method": "subscribe", "params": {"streams": ["BTCUSDT@trade_1m"]}}', "unknown stream type"),
    ('{"method": "subscribe", "params": {"streams": ["BTCUSDT@"]}}', "unknown stream type"),
    ('{"method": "subscribe", "params": {"streams": ["NOSUCH@trade"]}}', "unknown symbol"),
    ('{"method": "subscribe", "params": {"streams": ["alice@order"]}}', "before auth"),
    ('{"method": "subscribe", "params": {"streams": [' + ",".join(['"a@b"'] * 1_025) + "]}}", "at most 1024"),
    ('{"method": "unsubscribe", "params": {"streams": 1}}', "streams must be a list"),
    (b'{"method": "ping"}', "binary"),
    (b"\x00\xff", "binary"),
]


async def test_what_cannot_be_met_is_an_error_frame_and_the_connection_stays(client: Client) -> None:
    for sent, expected in BAD:
        answer = await client.raw(sent)
        assert "result" not in answer, sent[:80]
        assert expected in answer["error"], (sent[:80], answer)
        assert len(answer["error"]) < 500
    assert (await client.raw('{"method": "ping", "id": 9}')) == {"result": "pong", "id": 9}


async def test_an_error_carries_the_id(client: Client) -> None:
    assert (await client.raw('{"method": "subscribe", "params": {"streams": 1}, "id": "x"}'))["id"] == "x"


async def test_a_connection_can_listen_to_1024_streams_and_no_more(client: Client, venue: Venue, alice: int) -> None:
    spellings = [_spelling("btcusdt", number) for number in range(128)]
    names = [f"{name}@{kind}" for kind in ("trade", "kline_1m", "kline_3m", "kline_5m", "kline_1h", "kline_1d",
                                           "kline_3d", "kline_1M") for name in spellings]  # fmt: skip
    assert (await client.ask("subscribe", streams=names[:1_000]))["result"] == "success"
    assert "1024" in (await client.ask("subscribe", streams=[*names[1_000:], "ethbtc@trade"]))["error"]
    assert (await client.ask("subscribe", streams=names[1_000:]))["result"] == "success"


def _spelling(name: str, number: int) -> str:
    return "".join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate(name))


async def test_a_repeated_subscription_is_not_heard_twice(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await client.subscribe("BTCUSDT@trade", "BTCUSDT@trade")
    await client.subscribe("BTCUSDT@trade")
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
    await client.next("BTCUSDT@trade")
    assert await client.silence() == []


async def test_unsubscribing_ends_a_stream_whatever_its_case_and_without_names_all(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await client.auth(await give_key(venue, alice, "alice", "k1"))
    await client.subscribe("btcusdt@trade", "BTCUSDT@kline", "alice@order")
    assert (await client.ask("unsubscribe", streams=["BTCUSDT@trade", "never@heard"]))["result"] == "success"
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
    await client.next("BTCUSDT@kline")
    await client.until("alice@order", lambda data: data["x"] == "TRADE")
    assert client.heard("btcusdt@trade") == []
    assert (await client.ask("unsubscribe"))["result"] == "success"
    client.events.clear()
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
    async with connected(str(client_url(client))) as other:
        await other.subscribe("BTCUSDT@ticker")  # has seen the trade: so has the process
    assert await client.silence() == []


def client_url(client: Client) -> str:
    host, port = client.socket.remote_address[:2]
    return f"ws://{host}:{port}/ws"


@pytest.mark.parametrize("name", ["bob@order", "nobody@order", "Alice@order", "alice@dance"])
async def test_only_ones_own_streams_are_opened(client: Client, venue: Venue, alice: int, bob: int, name: str) -> None:
    await give_key(venue, bob, "bob", "k2")
    await client.auth(await give_key(venue, alice, "alice", "k1"))
    assert set(await client.ask("subscribe", streams=[name])) == {"error", "id"}


async def test_an_existing_and_an_unknown_user_cannot_be_told_apart(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await give_key(venue, bob, "bob", "k2")
    await client.auth(await give_key(venue, alice, "alice", "k1"))
    foreign, unknown = [(await client.ask("subscribe", streams=[f"{name}@order"]))["error"] for name in ("bob", "bub")]
    assert foreign.replace("bob", "bub") == unknown


async def test_who_authenticates_as_somebody_else_hears_the_first_no_more(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await give_key(venue, bob, "bob", "k2")
    await client.auth(await give_key(venue, alice, "alice", "k1"))
    await client.subscribe("alice@order")
    await client.auth("k2")
    await client.subscribe("bob@order")
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 5_000_000, 1_000))
    await client.next("bob@order")
    assert client.heard("alice@order") == []


async def test_a_failed_auth_leaves_the_session_as_it_was(client: Client, venue: Venue, alice: int) -> None:
    await client.auth(await give_key(venue, alice, "alice", "k1"))
    assert "error" in await client.ask("auth", api_key="wrong")
    await client.subscribe("alice@order")


@pytest.mark.parametrize("flaw", [{"permissions": "T"}, {"requires_signature": True}])
async def test_a_key_that_may_not_read_or_must_sign_is_refused(
    client: Client, venue: Venue, alice: int, flaw: dict[str, Any]
) -> None:
    await venue.registry.define_account(alice, "alice")
    await venue.registry.define_key(key_digest("k1"), KeyRecord(account=alice, user_name="alice", **flaw))
    assert (await client.ask("auth", api_key="k1"))["error"] == "invalid API key"


async def test_the_answer_comes_before_the_first_event(client: Client, venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    frames = [await client.raw('{"method":"subscribe","params":{"streams":["BTCUSDT@depth","BTCUSDT@ticker"]}}')]
    frames += [await client.receive(), await client.receive()]
    assert [frame.get("result", frame.get("stream")) for frame in frames] == [
        "success", "BTCUSDT@ticker", "BTCUSDT@depth",
    ]  # fmt: skip


async def test_answers_to_what_is_asked_next_come_before_the_first_picture_of_the_book(client: Client) -> None:
    first = await client.raw('{"method":"subscribe","params":{"streams":["BTCUSDT@depth"]},"id":1}')
    second = await client.raw('{"method":"ping","id":2}')
    assert (first["id"], second["id"]) == (1, 2)
    assert (await client.receive())["stream"] == "BTCUSDT@depth"


async def test_the_root_path_speaks_the_same_and_other_paths_are_refused(ws_url: str) -> None:
    root = ws_url.removesuffix("/ws")
    for path in ("", "/", "/ws", "/ws/"):
        async with connected(root + path) as client:
            assert (await client.raw('{"method": "ping"}'))["result"] == "pong"
    for path in ("/streams", "/ws-api", "/wsx", "/stream/btcusdt@trade"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(root + path)
        assert refused.value.response.status_code == 403


async def test_no_socket_looks_after_database_connections(ws_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels' consumers do, in a thread, and end the handshake with 500 where that thread's connection is no good."""

    async def look_after_connections() -> None:
        raise AssertionError("nobody here uses a database")

    monkeypatch.setattr("channels.consumer.aclose_old_connections", look_after_connections)
    async with connected(ws_url) as client:
        assert (await client.raw('{"method": "ping"}'))["result"] == "pong"
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{ws_url}nowhere")
    assert refused.value.response.status_code == 403


async def test_a_symbol_defined_a_moment_ago_has_streams(client: Client, venue: Venue) -> None:
    spec = await venue.registry.spec("BTCUSDT")
    await venue.registry.define_symbol(msgspec.structs.replace(spec, symbol="NEWUSDT"))
    await client.subscribe("newusdt@depth")
    assert (await client.next("newusdt@depth"))["s"] == "NEWUSDT"


async def test_many_requests_at_once_are_answered_in_order(client: Client) -> None:
    await asyncio.gather(*(client.socket.send(f'{{"method":"ping","id":{number}}}') for number in range(200)))
    assert [(await client.receive())["id"] for _ in range(200)] == list(range(200))
