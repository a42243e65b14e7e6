"""One socket for many: order, what a loss means for whom, and coming back without new objects."""

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ResponseError

from engine import connection as connection_module
from engine.connection import Connection, open_connection, parse_url
from engine.embedded import EmbeddedServer
from engine.scripts import Script
from engine.wire import EARLY_WRITE_BYTES, NotSent, ReplyLost, Word, pack, pack_call


def script(text: str, *, is_read_only: bool = False) -> Script:
    return Script("test", text, hashlib.sha1(text.encode()).hexdigest(), is_read_only)


COUNT = script("#!lua\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])\n")
READ = script("#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])\n", is_read_only=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("redis"), durability="ci") as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """One that the test may freeze and kill."""
    server = EmbeddedServer(tmp_path, durability="ci")
    server.start()
    yield server
    server.stop(save=False)


@pytest_asyncio.fixture
async def connection(server: EmbeddedServer) -> AsyncIterator[Connection]:
    connection = Connection(server.url)
    await connection.command("FLUSHALL")
    yield connection
    await connection.close()


@contextlib.asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Connection]:
    connection = Connection(url, **options)
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.contextmanager
def frozen(server: EmbeddedServer) -> Iterator[None]:
    """The server takes bytes (the kernel does) and answers nothing."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


async def leave(*tasks: asyncio.Task[Any]) -> None:
    """Let what the tasks ask reach the socket: a turn to ask, a turn to write. No answer can have come by then."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def outcomes(*tasks: asyncio.Task[Any]) -> list[type]:
    return [type(result) for result in await asyncio.gather(*tasks, return_exceptions=True)]


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
    for name in ("EVALSHA", "EVALSHA_RO", "EVALSHA"):
        assert pack_call(name, "sha", keys, arguments) == pack((name, "sha", len(keys), *keys, *arguments))


async def test_scripts_run_and_readers_may_not_write(connection: Connection) -> None:
    assert await connection.run(COUNT, ["count"], [5]) == 5
    assert await connection.run(READ, ["count"], []) == b"5"
    liar = script("#!lua\nreturn redis.call('INCR', KEYS[1])\n", is_read_only=True)
    with pytest.raises(ResponseError, match=r"^ERR "):
        await connection.run(liar, ["count"], [])
    assert await connection.command("GET", "count") == b"5"


async def test_a_server_that_forgot_the_scripts_gets_them_again_once_for_all(connection: Connection) -> None:
    for total in (50, 100):
        await connection.command("SCRIPT", "FLUSH")
        await connection.command("CONFIG", "RESETSTAT")
        await asyncio.gather(*(connection.run(COUNT, ["count"], [1]) for _ in range(50)))
        assert await connection.command("GET", "count") == b"%d" % total
        statistics = (await connection.command("INFO", "commandstats")).decode()
        assert "cmdstat_script|load:calls=1," in statistics


async def test_a_script_that_cannot_be_loaded_is_told_and_the_next_is_unharmed(connection: Connection) -> None:
    with pytest.raises(ResponseError, match="compiling"):
        await connection.run(script("#!lua\nreturn return\n"), [], [])
    with pytest.raises(NoScriptError, match=r"^NOSCRIPT "):  # asked once more, not for ever
        await connection.run(Script("wrong sha", COUNT.text, "0" * 40, is_read_only=False), ["count"], [1])
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


async def test_a_killed_server_is_lost_for_the_sent_and_not_sent_for_the_later(
    own_server: EmbeddedServer,
) -> None:
    async with connected(own_server.url) as connection:
        assert await connection.run(COUNT, ["count"], [1]) == 1
        with frozen(own_server):
            sent = [asyncio.create_task(connection.run(COUNT, ["count"], [1])) for _ in range(20)]
            batch = asyncio.create_task(connection.pipeline([("INCR", "count")] * 3))
            await leave(*sent, batch)
            os.kill(own_server.pid, signal.SIGKILL)
        assert await outcomes(*sent, batch) == [ReplyLost] * 21
        for _ in range(3):
            later = [asyncio.create_task(connection.run(COUNT, ["count"], [1])) for _ in range(20)]
            assert await outcomes(*later) == [NotSent] * 20
        await until_dead(own_server)
        own_server.start()
        assert await answered(connection, "EXISTS", "count") == 0  # a `ci` server forgets
        assert await connection.run(COUNT, ["count"], [7]) == 7


async def until_dead(server: EmbeddedServer) -> None:
    """A killed process loses its sockets first and is gone a moment later."""
    deadline = time.monotonic() + 5
    while server.is_alive():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def answered(connection: Connection, *words: str) -> Any:
    """The reply, once the server can be had again."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return await connection.command(*words)
        except NotSent:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)


async def test_what_was_asked_in_the_turn_of_the_loss_was_not_sent(connection: Connection) -> None:
    await connection.command("SET", "count", 0)
    wire = connection._wire
    assert wire is not None
    sent = asyncio.create_task(connection.command("INCR", "count"))
    await leave(sent)
    unsent = asyncio.create_task(connection.command("INCRBY", "count", 100))
    asyncio.get_running_loop().call_soon(wire.lose, "test")  # after the asking, before the write
    assert await outcomes(sent, unsent) == [ReplyLost, NotSent]
    assert await connection.command("GET", "count") in (b"0", b"1")


async def test_many_share_one_attempt_to_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    connect = Connection._connect

    async def counted(self: Connection) -> Any:
        nonlocal attempts
        attempts += 1
        return await connect(self)

    monkeypatch.setattr(Connection, "_connect", counted)
    monkeypatch.setattr(connection_module, "CONNECT_PAUSE_S", 0.2)
    async with connected(f"unix://{tmp_path}/nobody.sock") as connection:
        first = asyncio.create_task(connection.command("PING"))
        others = [asyncio.create_task(connection.command("PING")) for _ in range(100)]
        await asyncio.sleep(0)
        first.cancel()  # it began the attempt; the others still get its outcome
        assert await outcomes(first, *others) == [asyncio.CancelledError, *[NotSent] * 100]
        with pytest.raises(NotSent, match=r"nobody\.sock"):  # the failure is remembered
            await connection.command("PING")
        assert attempts == 1
        await asyncio.sleep(0.25)
        with pytest.raises(NotSent):
            await connection.command("PING")
        assert attempts == 2


async def test_a_reply_that_does_not_come_ends_the_connection_for_all_and_the_next_use_opens_another(
    own_server: EmbeddedServer,
) -> None:
    async with connected(own_server.url, timeout_s=0.3) as connection:
        await connection.command("SET", "count", 0)
        with frozen(own_server):
            began = time.monotonic()
            tasks = [asyncio.create_task(connection.command("INCR", "count")) for _ in range(10)]
            assert await outcomes(*tasks) == [ReplyLost] * 10
            assert 0.25 < time.monotonic() - began < 2
        assert await answered(connection, "PING") == b"PONG"


async def test_a_server_that_takes_connections_and_is_silent_gets_nothing(own_server: EmbeddedServer) -> None:
    async with connected(own_server.url, timeout_s=0.3) as connection:
        with frozen(own_server):
            tasks = [asyncio.create_task(connection.command("INCR", "count")) for _ in range(10)]
            assert await outcomes(*tasks) == [NotSent] * 10
        assert await answered(connection, "EXISTS", "count") == 0


async def test_the_timer_watches_every_new_connection_and_rests_when_nothing_waits(own_server: EmbeddedServer) -> None:
    async with connected(own_server.url, timeout_s=0.2) as connection:
        for _ in range(3):
            assert await answered(connection, "PING") == b"PONG"
            with frozen(own_server), pytest.raises(ReplyLost, match=r"within 0\.2 s"):
                await connection.command("PING")
        assert await answered(connection, "PING") == b"PONG"
        wire = connection._wire
        assert wire is not None
        while wire._timer is not None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.4)  # longer than the timeout: idleness is no silence
        assert await connection.command("PING") == b"PONG"
        assert connection._wire is wire


async def test_one_slow_reply_among_many_quick_ones_is_still_noticed(own_server: EmbeddedServer) -> None:
    """Somebody always waits, so the timer never rests; what counts is how long each reply takes."""
    async with connected(own_server.url, timeout_s=0.4) as connection:
        end = time.monotonic() + 1.2

        async def ask() -> None:
            while time.monotonic() < end:
                await connection.command("PING")

        await asyncio.gather(*(ask() for _ in range(10)))  # three timeouts long, nothing lost
        with pytest.raises(ReplyLost):
            await connection.command("BLPOP", "nothing", 3)


async def test_a_full_queue_refuses_and_harms_nobody(own_server: EmbeddedServer) -> None:
    async with connected(own_server.url, max_waiting=10) as connection:
        await connection.command("SET", "count", 0)
        with frozen(own_server):
            waiting = [asyncio.create_task(connection.command("INCR", "count")) for _ in range(8)]
            await leave(*waiting)
            with pytest.raises(NotSent, match="limit of 10"):
                await connection.pipeline([("INCR", "count")] * 3)
            waiting += [asyncio.create_task(connection.command("INCR", "count")) for _ in range(2)]
            await leave(*waiting)
            with pytest.raises(NotSent, match="limit of 10"):
                await connection.command("INCR", "count")
        assert await asyncio.gather(*waiting) == list(range(1, 11))
        assert await connection.command("GET", "count") == b"10"


async def test_what_the_kernel_no_longer_takes_counts_as_not_sent(own_server: EmbeddedServer) -> None:
    async with connected(own_server.url, timeout_s=0.4) as connection:
        await connection.command("SET", "count", 0)
        with frozen(own_server):
            large = asyncio.create_task(connection.command("SET", "large", b"x" * 20_000_000))
            await leave(large)
            behind = [asyncio.create_task(connection.command("INCR", "count")) for _ in range(5)]
            assert await outcomes(large, *behind) == [ReplyLost, *[NotSent] * 5]
        assert await answered(connection, "GET", "count") == b"0"


async def test_what_waits_behind_a_large_command_leaves_in_order(connection: Connection) -> None:
    large = b"x" * 20_000_000
    replies = await asyncio.gather(
        connection.command("SET", "large", large), *(connection.command("STRLEN", "large") for _ in range(5))
    )
    later = [asyncio.create_task(connection.command("APPEND", "large", "yz")) for _ in range(3)]
    assert replies == [b"OK", *[20_000_000] * 5]
    assert await asyncio.gather(*later) == [20_000_002, 20_000_004, 20_000_006]
    assert (await connection.command("GET", "large"))[:-6] == large


async def test_a_closed_connection_stays_closed_and_lets_nobody_wait(own_server: EmbeddedServer) -> None:
    async with connected(own_server.url) as connection:
        await connection.command("PING")
        with frozen(own_server):
            task = asyncio.create_task(connection.command("PING"))
            await leave(task)
            await connection.close()
            assert await outcomes(task) == [ReplyLost]
        with pytest.raises(NotSent, match="closed"):
            await connection.command("PING")


@pytest.mark.parametrize(
    ("answers", "error"), [([b"HTTP/1.1 400\r\n"], NotSent), ([b"+PONG\r\n", b"HTTP/1.1 400\r\n"], ReplyLost)]
)
async def test_an_answer_that_is_none_ends_the_connection(
    tmp_path: Path, answers: list[bytes], error: type[Exception]
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in answers:
            await reader.read(100)
            writer.write(line)
        await reader.read(100)
        writer.close()

    path = tmp_path / "web.sock"
    async with await asyncio.start_unix_server(answer, path), connected(f"unix://{path}") as connection:
        with pytest.raises(error, match="no answer"):
            await connection.command("INCR", "count")


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
