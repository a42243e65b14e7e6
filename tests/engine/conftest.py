"""The venue of the engine's tests: every script runs as a user of Redis who may touch the script's own KEYS only.

The fact a newcomer would get wrong: Redis checks the keys of each redis.call against the user's rights. A key that a
script makes up instead of declaring it is refused here, wherever the script does so.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from engine.connection import Connection
from engine.runner import Word
from engine.scripts import Script
from engine.venue import Venue
from tests.conftest import define_symbols, finish


class DeclaredKeysOnly(Connection):
    """A Connection whose scripts run under an ACL user of their own; plain commands stay the default user's."""

    def __init__(self, url: str, user: str) -> None:
        super().__init__(url)
        self._user = user
        self._scripts = Connection(url.replace("unix://", f"unix://{user}:{user}@"))
        self._rights: tuple[str, ...] | None = None
        self._turn = asyncio.Lock()

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        async with self._turn:  # the rights are those of one script at a time
            rights = tuple(f"~{key}" for key in keys)
            if rights != self._rights:
                await self.command("ACL", "SETUSER", self._user, "on", f">{self._user}", "+@all", "resetkeys", *rights)
                self._rights = rights
            return await self._scripts.run(script, keys, arguments)

    async def close(self) -> None:
        await self._scripts.close()
        await self.command("ACL", "DELUSER", self._user)
        await super().close()


@pytest.fixture
async def venue(redis_url: str, venue_name: str) -> AsyncIterator[Venue]:
    """As everywhere: three symbols, nobody has money; ends with the audit and leaves no key behind."""
    opened = Venue(DeclaredKeysOnly(redis_url, venue_name), venue_name)
    await opened.clock.open_venue()
    await define_symbols(opened)
    yield opened
    await finish(opened)
    await opened.close()
