"""What the tests of the connection share: two small scripts, connections that end with a block, a frozen server."""

import asyncio
import contextlib
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

from engine.connection import Connection
from engine.embedded import EmbeddedServer
from engine.scripts import Script


def script(text: str, *, is_read_only: bool = False) -> Script:
    return Script("test", text, hashlib.sha1(text.encode()).hexdigest(), is_read_only)


COUNT = script("#!lua\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])\n")
READ = script("#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])\n", is_read_only=True)


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
