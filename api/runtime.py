"""What one process of the exchange has while it serves: its venue, its feed, and whether Redis can be had.

The fact a newcomer would get wrong: Redis may be away when the process starts, and come back as another server with an
older past. So nothing here fails at start, and the first request over a new connection begins with `open_venue`,
which starts a new epoch if the past is no longer the one we knew.
"""

import asyncio
import hmac
import logging
from pathlib import Path
from typing import NamedTuple

from api.feed import Feed
from api.refusals import RefusalLog
from api.venue_time import VenueTime
from engine.connection import open_connection
from engine.errors import EngineUnavailable, ExchangeError, OutcomeUnknown
from engine.rate_limits import RateLimits
from engine.venue import Venue

logger = logging.getLogger(__name__)

MOST_BANS = 10_000


class Ban(NamedTuple):
    """Until when an address is kept out, on the venue's clock, and under which limits: others may end it."""

    until_ms: int
    limits: RateLimits


class Runtime:
    """One per process; `start` within the event loop that serves.

    `durability` and `version` are for /healthz. `sim_token_file`: the secret of /_sim, made at the instance's first
    start; without it nobody gets in there. `has_listen_keys` and `signatures_once` hold until a tester says otherwise.
    """

    def __init__(
        self,
        redis_url: str,
        venue_name: str,
        *,
        durability: str = "",
        version: str = "",
        sim_token_file: Path | None = None,
        has_listen_keys: bool = True,
        signatures_once: bool = False,
    ) -> None:
        self.venue = Venue(open_connection(redis_url), venue_name)
        self.feed = Feed(redis_url, venue_name)
        self.feed.watch(self.venue.registry)
        self.refusals = RefusalLog(self.venue)
        self.time = VenueTime(self.venue, self.feed)
        self.durability = durability
        self.version = version
        self.bans: dict[str, Ban] = {}  # by address, as this process has heard; Redis knows better
        self._sim_token_file = sim_token_file
        for venue in (self.venue, self.feed.venue):
            venue.listen_keys.are_gone = not has_listen_keys
            venue.claims.usual = signatures_once
        self._session: object | None = None
        self._opening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow the events, and become the process's `current` runtime. Redis may be away."""
        global _current
        _current = self
        await self.feed.start()
        self.refusals.start()
        try:
            await self.open_venue()
        except ExchangeError as error:
            logger.warning("Venue %s cannot be opened yet: %s", self.venue.name, error)

    async def stop(self) -> None:
        global _current
        if _current is self:
            _current = None
        await self.refusals.stop()
        await self.feed.stop()
        await self.venue.close()

    @property
    def is_open(self) -> bool:
        """Whether the venue was opened over the connection that is there now."""
        return self._session is not None and self._session is self.venue.connection.session

    async def open_venue(self) -> None:
        """Make sure that `is_open`. Everybody who waits shares one attempt. Raises EngineUnavailable."""
        if self.is_open:
            return
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        await asyncio.shield(self._opening)

    async def _open(self) -> None:
        try:
            await self.venue.clock.open_venue()
        except OutcomeUnknown as error:
            raise EngineUnavailable("open_venue") from error
        self.venue.registry.forget()
        self.time.forget()
        self._session = self.venue.connection.session

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # whoever waited has it; without a waiter it is not worth asyncio's complaint

    def note_ban(self, address: str, ban: Ban) -> None:
        """Keep in mind that an address is banned; of very many only the latest."""
        if len(self.bans) >= MOST_BANS:
            del self.bans[next(iter(self.bans))]
        self.bans[address] = ban

    def is_sim_token(self, text: bytes) -> bool:
        """Whether a caller of /_sim knows the instance's secret."""
        if self._sim_token_file is None:
            return False
        try:
            token = self._sim_token_file.read_bytes().strip()
        except OSError:
            return False
        return bool(token) and hmac.compare_digest(token, text)


_current: Runtime | None = None


def current() -> Runtime:
    """The runtime of this process. Raises EngineUnavailable before `start` and after `stop`."""
    if _current is None:
        raise EngineUnavailable("this process does not serve the exchange")
    return _current
