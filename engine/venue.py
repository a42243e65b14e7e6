"""One venue, put together: a connection and everything that can be asked over it.

venue = await Venue.connect("unix:///…/redis.sock", "main")
await venue.gateway.place_order(...)
await venue.close()
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Self

from engine.claims import Claims
from engine.clock import ClockControl
from engine.connection import open_connection
from engine.faults import Faults
from engine.gateway import Gateway
from engine.keys import Keys
from engine.limiter import RateLimiter
from engine.listen_keys import ListenKeys
from engine.queries import Queries
from engine.registry import Registry
from engine.runner import AnyConnection, Runner
from engine.scripts import Script, load_scripts


@cache
def _scripts() -> dict[str, Script]:
    return load_scripts()


class Venue:
    """Everything of one venue over one connection, for one event loop."""

    def __init__(self, connection: AnyConnection, name: str) -> None:
        self.name = name
        self.connection = connection
        self.keys = Keys(name)
        self.runner = Runner(connection, _scripts())
        self.registry = Registry(self.runner, self.keys)
        self.gateway = Gateway(self.runner, self.keys, self.registry)
        self.limiter = RateLimiter(self.runner, self.keys, self.registry)
        self.queries = Queries(self.runner, self.keys)
        self.listen_keys = ListenKeys(self.runner, self.keys)
        self.claims = Claims(self.runner, self.keys, self.registry)
        self.faults = Faults(self.runner, self.keys, self.registry)
        self.clock = ClockControl(self.runner, self.keys, self.registry)

    @classmethod
    async def connect(cls, redis_url: str, name: str) -> Self:
        """Connects, and begins a new epoch when the server is another one than last time.

        Raises EngineUnavailable, OtherLayout among them.
        """
        venue = cls(open_connection(redis_url), name)
        try:
            await venue.clock.open_venue()
        except BaseException:
            await venue.close()
            raise
        return venue

    async def close(self) -> None:
        await self.connection.close()


@asynccontextmanager
async def opened(redis_url: str, name: str) -> AsyncIterator[Venue]:
    """A venue for the length of a block: what commands and admin actions use."""
    venue = await Venue.connect(redis_url, name)
    try:
        yield venue
    finally:
        await venue.close()
