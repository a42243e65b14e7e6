"""The last resort where no server binary exists at all: the commands of a Connection, answered by fakeredis.

The fact a newcomer would get wrong: this does not judge the engine. It differs from a real server in half of what was
probed, keeps everything in this process's memory and serves one process only; a test that passes here has shown
little. It exists so that the exchange can be tried where nothing better runs.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from engine.scripts import Script
from engine.wire import NotSent, Word, error_reply

POLL_S = 0.01
INFO = b"# Server\r\nredis_mode:in-process\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n"

_servers: dict[str, Any] = {}  # URL -> fakeredis.FakeServer: the same URL is the same data, as with a real one


class InProcessConnection:
    """Same methods and errors as engine.connection.Connection, except that nothing can be lost on the way."""

    def __init__(self, url: str) -> None:
        import fakeredis  # here: it brings a Lua runtime along, which nobody else should pay for

        server = _servers.setdefault(url, fakeredis.FakeServer())
        self._client: Any = fakeredis.FakeRedis(server=server, protocol=2)
        self._client.response_callbacks.clear()  # replies as the wire has them: bytes, int, list, None
        self._is_closed = False

    @property
    def session(self) -> object | None:
        """Always the same: nothing can be lost."""
        return None if self._is_closed else self

    async def command(self, *words: Word) -> Any:
        """The reply. XREAD with BLOCK polls, so that the rest of the process goes on; INFO, unknown there, is ours."""
        name = _upper(words[0])
        if name == "XREAD":
            return await self._read_streams(words)
        if name == "INFO" and not self._is_closed:
            return INFO
        return self._ask(words)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """The script by its text: fakeredis knows neither EVALSHA_RO nor the line `#!lua`, which becomes a blank."""
        text = "\n" + script.text.partition("\n")[2]
        return self._ask(("EVAL", text, len(keys), *keys, *arguments))

    async def pipeline(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Replies in order; an error reply stands in the list as an exception."""
        replies: list[Any] = []
        for words in commands:
            try:
                replies.append(self._ask(words))
            except ResponseError as error:
                replies.append(error)
        return replies

    async def close(self) -> None:
        """The data stays, as a server's would; only this connection is of no more use."""
        self._is_closed = True
        self._client.close()

    def _ask(self, words: Sequence[Word]) -> Any:
        if self._is_closed:
            raise NotSent("this connection was closed")
        try:
            return self._client.execute_command(*words)
        except ResponseError as error:  # redis-py has cut the first word off
            code = error.status_code
            raise error_reply(f"{code} {error}" if code else str(error)) from None

    async def _read_streams(self, words: Sequence[Word]) -> Any:
        """XREAD until there is something, or the milliseconds after BLOCK (0: no end) are over; then None."""
        options = [_upper(word) for word in words[: [_upper(word) for word in words].index("STREAMS")]]
        if "BLOCK" not in options:
            return self._ask(words) or None
        block = options.index("BLOCK")
        wait_s = int(words[block + 1]) / 1000
        unblocked = (*words[:block], *words[block + 2 :])
        deadline = time.monotonic() + wait_s if wait_s else float("inf")
        while not (reply := self._ask(unblocked)) and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(POLL_S)
        return reply or None


def _upper(word: Word) -> str:
    return word.decode(errors="replace").upper() if isinstance(word, bytes) else str(word).upper()
