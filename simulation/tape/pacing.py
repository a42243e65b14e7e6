"""Keeps a replay from running away from those who listen: web workers with their sockets, archiver, clockwork.

The fact a newcomer would get wrong: a reader that is behind is waited for as long as it lives, a socket for five
seconds. Its worker counts them (`Subscriber.pressure_percent`), for each of its sockets, and tells only of those that
are still to be waited for; the others fill up and are cut, and nobody has to wait for a client that does not read.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec

from api.subscriptions import HALF_FULL_PERCENT
from engine.venue import Venue

READER_BOUND = 10_000  # events the archiver keeps in any case: a reader further behind depends on its mercy
LIVE_MS = 5_000  # every reader tells how far it is once a second
LOOK_S = 0.05
PAUSE_S = 0.02

_decoder = msgspec.json.Decoder(tuple[int, int, int, int])  # epoch, seq, fullness percent, machine's ms


class Pacer:
    """`await pacer.keep(should_stop)` between commands returns when everybody is near enough."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._looked_at = float("-inf")

    async def keep(self, should_stop: Callable[[], bool]) -> None:
        """Wait while a live reader is more than half its bound behind or has a socket that is more than half full."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        while await self._is_ahead() and not should_stop():  # noqa: ASYNC110  (nobody calls us: we have to look)
            await asyncio.sleep(PAUSE_S)
        self._looked_at = time.monotonic()

    async def _is_ahead(self) -> bool:
        flat = await self._venue.runner.command("HGETALL", self._venue.keys.readers)
        clock = await self._venue.queries.clock()
        machine_ms = time.time() * 1000
        for told in flat[1::2]:
            epoch, seq, fullness_percent, told_ms = _decoder.decode(told)
            is_alive = machine_ms - told_ms <= LIVE_MS
            is_behind = epoch == clock.epoch and clock.seq - seq > READER_BOUND // 2
            if is_alive and (is_behind or fullness_percent > HALF_FULL_PERCENT):
                return True
        return False
