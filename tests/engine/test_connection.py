"""One socket for many: replies in order, scripts, URLs, the stand-in in process. Losses: test_connection_losses.py."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ResponseError

from engine.connection import Connection, open_connection, parse_url
from engine.embedded import EmbeddedServer
from engine.wire import EARLY_WRITE_BYTES, NotSent, Word, pack, pack_call
from tests.engine.connections import COUNT, READ, connected, leave, script


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("redis"), durability="ci") as server:
        yield server


@pytest_asyncio.fixture
async def connection(server: EmbeddedServer) -> AsyncIterator[Connection]:
    connection = Connection(server.url)
    await connection.command("FLUSHALL")
    yield connection
    await connection.close()


async def test_replies_come_as_redis_has_them(connection: Connection) -> None:
    assert await connection.command("SET", "text", "ä") == b"OK"
    assert await connection.command(b"GET", b"text") == "ä".encode()
    assert await connection.command("INCRBY", "number", -(2**60)) == -(2**60)
    assert await connection.command("GET", "missing") is None
    assert await connection.command("HSET", "hash", "field", b"\xff\r\n") == 1
    assert await connection.command("HGETALL", "hash") == [b"field", b"\xff\r\n"]
    assert await connection.command("GET", "") is None


async def test_a_thousand_at_once_get_each_their_own_reply_also_when_some_gave_up(connection: Connection) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    tasks = [
        asyncio.create_task(connection.command("ECHO", f"{number}" * chance.randrange(1, 500)))
        for number in range(1000, 2000)
    ]
    given_up: list[asyncio.Task[Any]] = []
    for _ in range(3):  # asked but not yet written; written; answers coming in
        await asyncio.sleep(0)
        given_up += chance.sample([task for task in tasks if not task.done() and not task.cancelling()], 60)
        for task in given_up:
            task.cancel()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    for number, (task, reply) in enumerate(zip(tasks, replies, strict=True), start=1000):
        if isinstance(reply, bytes):
            assert reply[:4] == b"%d" % number
        else:
            assert task in given_up
    assert sum(task.cancelled() for task in tasks) >= 60
    assert await connection.command("ECHO", "after") == b"after"


async def test_a_cancelled_command_still_runs_once_and_its_reply_is_nobody_s(connection: Connection) -> None:
    await connection.command("SET", "count", 0)
    task = asyncio.create_task(connection.command("INCR", "count"))
    await leave(task)
    task.cancel()
    assert await connection.command("GET", "count") == b"1"
    assert task.cancelled()


async def test_the_commands_of_one_turn_share_one_socket_and_one_write(connection: Connection) -> None:
    writes: list[bytes] = []
    assert connection._wire is not None
    transport = connection._wire._transport
    assert transport is not None
    connection._wire._transport = Recorder(transport, writes)  # type: ignore[assignment]
    assert await asyncio.gather(*(connection.command("INCR", "count") for _ in range(50))) == list(range(1, 51))
    assert len(writes) == 1
    connection._wire._transport = transport
    clients: bytes = await connection.command("CLIENT", "LIST", "TYPE", "normal")
    assert len(clients.splitlines()) == 1


async def test_an_order_leaves_at_once_and_takes_along_what_waits_before_it(connection: Connection) -> None:
    writes: list[bytes] = []
    assert connection._wire is not None
    transport = connection._wire._transport
    assert transport is not None
    connection._wire._transport = Recorder(transport, writes)  # type: ignore[assignment]
    order = ("ECHO", "x" * EARLY_WRITE_BYTES)
    replies = await asyncio.gather(*(connection.command(*words) for words in (("PING",), order, order, ("PING",))))
    connection._wire._transport = transport
    assert replies == [b"PONG", order[1].encode(), order[1].encode(), b"PONG"]
    assert [data.count(b"PING") for data in writes] == [1, 0, 1]


class Recorder:
    """A transport that remembers what was written."""

    def __init__(self, transport: asyncio.Transport, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._transport.write(data)


async def test_a_pipeline_answers_in_order_with_errors_in_their_place(connection: Connection) -> None:
    *replies, wrong, last = await connection.pipeline(
        [*(("INCR", "count") for _ in range(500)), ("LPUSH", "count", 1), ("GET", "count")]
    )
    assert replies == list(range(1, 501))
    assert isinstance(wrong, ResponseError)
    assert str(wrong).startswith("WRONGTYPE ")
    assert last == b"500"
    assert await connection.pipeline([]) == []


async def test_a_pipeline_that_was_given_up_leaves_the_order_alone(connection: Connection) -> None:
    task = asyncio.create_task(connection.pipeline([("INCR", "count")] * 100))
    await leave(task)
    task.cancel()
    assert await connection.command("GET", "count") == b"100"


async def test_a_word_that_redis_cannot_carry_stops_before_anything_is_sent(connection: Connection) -> None:
    wrong: Any = None
    with pytest.raises(TypeError):
        await connection.pipeline([("SET", "a", 1), ("SET", "b", wrong)])
    assert await connection.command("EXISTS", "a") == 0


@pytest.mark.parametrize("arguments", [(), ("one",), (b"\r\n", "zwölf", 0, -7), tuple(range(40))])
def test_a_call_is_packed_as_if_all_of_it_were_new(arguments: tuple[Word, ...]) -> None:
    keys = ["{v}:a", "{v}:b"]
    for name in ("FCALL", "FCALL_RO", "FCALL"):
        assert pack_call(name, "function", keys, arguments) == pack((name, "function", len(keys), *keys, *arguments))


async def test_scripts_run_and_readers_may_not_write(connection: Connection) -> None:
    assert await connection.run(COUNT, ["count"], [5]) == 5
    assert await connection.run(READ, ["count"], []) == b"5"
    liar = script("#!lua\nreturn redis.call('INCR', KEYS[1])\n", is_read_only=True)
    with pytest.raises(ResponseError, match=r"^ERR "):
        await connection.run(liar, ["count"], [])
    assert await connection.command("GET", "count") == b"5"


async def test_a_server_that_forgot_the_scripts_gets_them_again_once_for_all(connection: Connection) -> None:
    for total in (50, 100):
        await connection.command("FUNCTION", "FLUSH")
        await connection.command("CONFIG", "RESETSTAT")
        await asyncio.gather(*(connection.run(COUNT, ["count"], [1]) for _ in range(50)))
        assert await connection.command("GET", "count") == b"%d" % total
        statistics = (await connection.command("INFO", "commandstats")).decode()
        assert "cmdstat_function|load:calls=1," in statistics


async def test_a_script_that_cannot_be_loaded_is_told_and_the_next_is_unharmed(connection: Connection) -> None:
    with pytest.raises(ResponseError, match="compiling"):
        await connection.run(script("#!lua\nreturn return\n"), [], [])
    misnamed = replace(COUNT, name="other")
    vars(misnamed)["function_text"] = COUNT.function_text  # where a function of this name is not
    with pytest.raises(NoScriptError, match=r"^ERR Function not found"):  # asked once more, not for ever
        await connection.run(misnamed, ["count"], [1])
    assert await connection.run(COUNT, ["count"], [1]) == 1


async def test_out_of_memory_keeps_its_first_word(connection: Connection) -> None:
    await connection.run(COUNT, ["count"], [1])
    await connection.command("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError, match=r"^OOM "):
            await connection.command("SET", "a", "b")
        with pytest.raises(ResponseError, match=r"^OOM "):
            await connection.run(COUNT, ["count"], [1])
    finally:
        await connection.command("CONFIG", "SET", "maxmemory", 0)
    assert await connection.command("GET", "count") == b"1"


async def test_user_password_and_database_come_from_the_url(connection: Connection, server: EmbeddedServer) -> None:
    await connection.command("ACL", "SETUSER", "alice", "on", ">s:cret/", "~*", "+select", "+get", "+set")
    where = server.url.removeprefix("unix://")
    async with connected(f"unix://alice:s%3Acret%2F@{where}?db=3") as alice:
        await alice.command("SET", "mine", 1)
        with pytest.raises(NoPermissionError, match=r"^NOPERM "):
            await alice.command("INCR", "mine")
    assert await connection.command("EXISTS", "mine") == 0
    async with connected(f"unix://alice:wrong-word@{where}") as stranger:
        with pytest.raises(NotSent, match="WRONGPASS") as caught:
            await stranger.command("GET", "mine")
        assert "wrong-word" not in str(caught.value)


async def test_tcp_serves_as_well(connection: Connection) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    await connection.command("CONFIG", "SET", "bind", "127.0.0.1", "port", port)
    async with connected(f"redis://127.0.0.1:{port}/2") as over_tcp:
        assert await over_tcp.command("SET", "a", 1) == b"OK"
        assert await over_tcp.pipeline([("GET", "a")] * 2) == [b"1", b"1"]
    assert await connection.command("EXISTS", "a") == 0


@pytest.mark.parametrize(
    ("url", "path", "host", "port", "greeting"),
    [
        ("redis://localhost", "", "localhost", 6379, ()),
        ("redis://:p%40ss@10.0.0.1:7000/4", "", "10.0.0.1", 7000, (("AUTH", "p@ss"), ("SELECT", "4"))),
        ("redis://[::1]:7000/0", "", "::1", 7000, ()),
        ("unix:///a%20b/redis.sock?db=1", "/a b/redis.sock", "127.0.0.1", 6379, (("SELECT", "1"),)),
    ],
)
def test_urls(url: str, path: str, host: str, port: int, greeting: tuple[Any, ...]) -> None:
    assert parse_url(url) == (path, host, port, greeting)


@pytest.mark.parametrize(
    "url", ["rediss://u:secret@host", "host:6379", "redis://u:secret@host/one", "unix://u:secret@"]
)
def test_a_url_that_cannot_be_used_is_refused_without_telling_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL") as caught:
        open_connection(url)
    assert "secret" not in str(caught.value)


async def test_what_waits_behind_a_large_command_leaves_in_order(connection: Connection) -> None:
    large = b"x" * 20_000_000
    replies = await asyncio.gather(
        connection.command("SET", "large", large), *(connection.command("STRLEN", "large") for _ in range(5))
    )
    later = [asyncio.create_task(connection.command("APPEND", "large", "yz")) for _ in range(3)]
    assert replies == [b"OK", *[20_000_000] * 5]
    assert await asyncio.gather(*later) == [20_000_002, 20_000_004, 20_000_006]
    assert (await connection.command("GET", "large"))[:-6] == large


@pytest_asyncio.fixture
async def in_process() -> AsyncIterator[Any]:
    connection = open_connection("fakeredis://connection-tests")
    await connection.command("FLUSHALL")
    yield connection
    await connection.close()


async def test_the_in_process_stand_in_speaks_the_same_language(in_process: Any) -> None:
    assert await in_process.command("SET", "a", 1) == b"OK"
    assert await in_process.run(COUNT, ["a"], [4]) == 5
    assert await in_process.run(READ, ["a"], []) == b"5"
    assert b"role:master" in await in_process.command("INFO")
    assert await in_process.command("HSET", "h", "f", "v") == 1
    assert await in_process.command("HGETALL", "h") == [b"f", b"v"]
    number, wrong = await in_process.pipeline([("INCR", "a"), ("LPUSH", "a", 1)])
    assert number == 6
    assert str(wrong).startswith("WRONGTYPE ")
    with pytest.raises(ResponseError, match=r"^XCODE of ours"):
        await in_process.run(script("#!lua\nreturn redis.error_reply('XCODE of ours')\n"), [], [])
    with pytest.raises(ResponseError, match=r"^ERR unknown command"):
        await in_process.command("NONSENSE")


async def test_the_in_process_stand_in_shares_its_data_by_url_and_polls_for_blocked_readers(in_process: Any) -> None:
    other, elsewhere = open_connection("fakeredis://connection-tests"), open_connection("fakeredis://elsewhere")
    assert await in_process.command("XREAD", "BLOCK", 20, "STREAMS", "events", "0-0") is None
    waiting = asyncio.create_task(in_process.command("XREAD", "COUNT", 5, "BLOCK", 0, "STREAMS", "events", "0-0"))
    await leave(waiting)
    await elsewhere.command("XADD", "events", "0-9", "not", "here")
    await other.command("XADD", "events", "0-1", "kind", "test")
    assert await waiting == [[b"events", [[b"0-1", [b"kind", b"test"]]]]]
    await other.close()
    await elsewhere.close()
    with pytest.raises(NotSent, match="closed"):
        await other.command("PING")
