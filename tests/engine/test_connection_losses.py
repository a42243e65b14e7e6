"""What a loss means for whom: sent and lost, or never sent; silence, a full queue, coming back without new objects."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import connection as connection_module
from engine.connection import Connection
from engine.embedded import EmbeddedServer
from engine.wire import NotSent, ReplyLost
from tests.engine.connections import COUNT, connected, frozen, leave, outcomes


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """One that the test may freeze and kill."""
    server = EmbeddedServer(tmp_path, durability="ci")
    server.start()
    yield server
    server.stop(save=False)


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


async def test_what_was_asked_in_the_turn_of_the_loss_was_not_sent(own_server: EmbeddedServer) -> None:
    async with connected(own_server.url) as connection:
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
