"""How often something may happen: at most so many times in any second, wherever that second begins."""

import time
from collections import deque


class Pace:
    """Counts what happens to one connection, on the machine's clock; 0 means that nothing is too often."""

    def __init__(self, most_per_second: int) -> None:
        self._most = most_per_second
        self._times: deque[float] = deque(maxlen=most_per_second)

    def is_exceeded(self) -> bool:
        """It has happened once more: whether that is too often."""
        if not self._most:
            return False
        now = time.monotonic()
        oldest = self._times[0] if len(self._times) == self._most else float("-inf")
        self._times.append(now)
        return now - oldest < 1.0
