"""What time it is at the venue, to the microsecond and mostly without asking.

The fact a newcomer would get wrong: this process has no clock of its own, so what `guess_us` says may turn out to be
wrong, and nobody may be refused for it. Whoever would refuse asks first; scripts look at the venue's clock anyway.
"""

import time
from typing import Final

from api.feed import Feed, Handler
from engine.events import AnyEvent, ClockSet
from engine.venue import Venue

GUESSED_FOR_S: Final = 10.0  # the clocks of two machines drift apart by less than a millisecond meanwhile


class VenueTime:
    """One per process. Between two questions the venue's real clock is this machine's, plus what they differed by."""

    def __init__(self, venue: Venue, feed: Feed) -> None:
        self._venue = venue
        self._ahead_us = 0  # the venue's clock less the machine's
        self._asked_at_s: float | None = None
        self._forgotten = 0  # how often
        feed.handler(ClockWatch).times.append(self)

    def guess_us(self) -> int | None:
        """None: it has to be asked. So it is always when the clock is virtual."""
        if self._asked_at_s is None or time.monotonic() - self._asked_at_s > GUESSED_FOR_S:
            return None
        return time.time_ns() // 1000 + self._ahead_us

    async def ask_us(self) -> int:
        """Microseconds since 1970 by the venue's clock. Raises EngineUnavailable."""
        forgotten = self._forgotten
        clock = await self._venue.queries.clock()
        if clock.mode == "virtual":
            self.forget()
            return clock.now_ms * 1000
        before_us = _machine_us()
        now_us = max(await self._venue.queries.server_time_us(), clock.now_ms * 1000)
        after_us = _machine_us()
        if forgotten != self._forgotten:
            return now_us  # what it said then, and no more than that
        # Between the two the answer was given; on one machine both clocks are the same.
        is_ours = before_us <= now_us <= after_us
        self._ahead_us = 0 if is_ours else now_us - (before_us + after_us) // 2
        self._asked_at_s = time.monotonic()
        return now_us

    def forget(self) -> None:
        """The clock may be another one now."""
        self._asked_at_s = None
        self._forgotten += 1


class ClockWatch(Handler):
    """Notices that somebody has set the venue's clock."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self.times: list[VenueTime] = []

    def on_event(self, event: AnyEvent) -> None:
        if isinstance(event, ClockSet):
            self.on_reset()

    def on_reset(self) -> None:
        for venue_time in self.times:
            venue_time.forget()


def _machine_us() -> int:
    return time.time_ns() // 1000
