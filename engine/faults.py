"""The one fault a tester may order: which error the next requests end with, known to every worker of a venue.

The fact a newcomer would get wrong: a worker asks Redis only once it has heard of a fault (`Registry.fault`, which the
feed sets), so that requests pay nothing while there is none. How many are left to fail is counted in Redis, for all.
"""

from typing import Final

import msgspec

from engine.errors import EngineUnavailable, OutcomeUnknown
from engine.keys import Keys
from engine.registry import Registry
from engine.runner import Runner
from engine.types import Fault

CODES: Final = (-1000, -1001, -1006, -1007, -1008, -1104)
IN_DOUBT: Final = (-1000, -1006, -1007)  # what a request that was executed may end with as well


class Faults:
    """Of a venue. All raise EngineUnavailable, `order` OutcomeUnknown as well."""

    def __init__(self, runner: Runner, keys: Keys, registry: Registry) -> None:
        self._runner = runner
        self._keys = keys
        self._registry = registry

    async def order(self, fault: Fault | None, count: int = 0) -> None:
        """Have the next `count` requests that it names fail; None: no more."""
        keys = [self._keys.meta, self._keys.events, self._keys.fault]
        text = b"" if fault is None else msgspec.json.encode(fault)
        await self._runner.run("set_fault", keys, (text, text or "null", count))
        self._registry.fault = fault

    async def read(self) -> tuple[Fault | None, int]:
        """What is wanted now, and of how many requests."""
        text, left = await self._runner.command("HMGET", self._keys.fault, "fault", "left")
        return (msgspec.json.decode(text, type=Fault), int(left)) if text and int(left) else (None, 0)

    async def take(self, request: str) -> Fault | None:
        """The fault that this request has to end with, if any; counts it."""
        fault = self._registry.fault
        if fault is None or fault.request not in ("", request):
            return None
        try:
            is_due, left = await self._runner.run("take_fault", [self._keys.fault], (msgspec.json.encode(fault),))
        except OutcomeUnknown as error:
            raise EngineUnavailable("take_fault") from error
        if not left and self._registry.fault is fault:
            self._registry.fault = None
        return fault if is_due else None
