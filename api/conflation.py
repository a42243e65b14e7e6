"""A cadence: many changes, one frame, at most once per period.

The fact a newcomer would get wrong: the period is counted on the venue's clock, which a replay may drive a thousand
times too fast or hold still; so a change is also never held longer than one period of the machine's time.
"""

import asyncio
from collections.abc import Callable


class Cadence:
    """Calls `flush(now_ms)` for changes it is told of: at once after a quiet period, else when the period is over."""

    def __init__(self, period_ms: int, flush: Callable[[int], None]) -> None:
        self._period_ms = period_ms
        self._flush = flush
        self._flushed_ms = -period_ms  # on the venue's clock
        self._flushed_at = float("-inf")  # on the machine's, in seconds
        self._now_ms = 0
        self._timer: asyncio.TimerHandle | None = None

    def touch(self, now_ms: int) -> None:
        """Something changed at `now_ms` of the venue's clock."""
        self._now_ms = now_ms
        loop = asyncio.get_running_loop()
        due_at = self._flushed_at + self._period_ms / 1000
        if abs(now_ms - self._flushed_ms) >= self._period_ms or loop.time() >= due_at:
            self.flush_now()
        elif self._timer is None:
            self._timer = loop.call_at(due_at, self.flush_now)

    def flush_now(self) -> None:
        """Flush without waiting, and begin a new period."""
        self.cancel()
        self._flushed_ms = self._now_ms
        self._flushed_at = asyncio.get_running_loop().time()
        self._flush(self._now_ms)

    def cancel(self) -> None:
        """Forget what is waiting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
