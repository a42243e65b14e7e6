"""Admits requests, or says which limit refuses them; changes the limits.

The fact a newcomer would get wrong: a placement is not admitted here first. It carries its Charge into the script that
places it and costs no round trip more; what that script has refused is counted here, afterwards.
"""

import time
from typing import Any, Final

import msgspec

from engine.errors import EngineUnavailable, OutcomeUnknown
from engine.keys import Keys
from engine.rate_limits import Admission, Counts, RateLimits, Verdict
from engine.registry import Registry
from engine.runner import Runner
from engine.wire import NotSent, ReplyLost

ATTEMPTS_WINDOW_S: Final = 300  # web-socket-streams.md, "WebSocket Limits"


class RateLimiter:
    """All methods raise EngineUnavailable: a request whose count is in doubt was not admitted."""

    def __init__(self, runner: Runner, keys: Keys, registry: Registry) -> None:
        self._runner = runner
        self._keys = keys
        self._registry = registry

    async def admit(self, address: str, weight: int, *, is_refused: bool = False) -> Admission:
        """Count a request of this address. `is_refused`: a script has refused its placement, which is noted."""
        words = (address, weight, "1" if is_refused else "")
        verdict, now_ms, until_ms, counts = await self._run("admit_request", words)
        return Admission(Verdict(verdict.decode()), now_ms, until_ms, Counts.read(counts))

    async def socket_attempts(self, address: str) -> int:
        """How often the address has tried to open a socket in these five minutes, on all workers, this time included.

        By the machine's time: a tester who sets the venue's clock opens no door by it.
        """
        key = self._keys.sockets(int(time.time()) // ATTEMPTS_WINDOW_S)
        try:
            count, _ = await self._runner.connection.pipeline(
                [("HINCRBY", key, address or "unix", 1), ("EXPIRE", key, 2 * ATTEMPTS_WINDOW_S)]
            )
        except (NotSent, ReplyLost) as error:
            raise EngineUnavailable("socket_attempts") from error
        return int(count)

    async def unfilled_orders(self, account: int) -> Counts:
        """How many of its orders count at present."""
        (counts,) = await self._run("read_unfilled_orders", (account,))
        return Counts.read(counts)

    async def set_limits(self, limits: RateLimits | None, *, forget_counts: bool = False) -> None:
        """In force for the next request; None: no limits. Other lengths of intervals begin with new counts, too."""
        keys = [self._keys.meta, self._keys.events, self._keys.limits]
        words = (limits.text if limits else "", msgspec.json.encode(limits), "1" if forget_counts else "")
        await self._runner.run("set_rate_limits", keys, words)
        self._registry.forget()

    async def _run(self, name: str, words: tuple[str | int, ...]) -> list[Any]:
        try:
            return await self._runner.run(name, [self._keys.meta, self._keys.limits], words)
        except OutcomeUnknown as error:
            raise EngineUnavailable(name) from error
