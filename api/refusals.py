"""What this process refuses goes into `{venue}:refusals`, after the answer has been sent.

The fact a newcomer would get wrong: this may lose entries and must not cost much. `note` only appends to a bounded
list in memory; a task writes a bounded number of entries at a time, and what a storm brings beyond that is counted,
not kept. Nothing waits for the writing, and its failure is nobody's.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Final, NamedTuple

from msgspec.structs import replace

from api.callers import Caller
from api.errors import answer_to
from engine.errors import BadParameter, ExchangeError, Rejected
from engine.queries import Clock
from engine.refusals import Refusal, without_secrets, write_refusals
from engine.venue import Venue

ROOM: Final = 1_000  # refusals that wait to be written
BATCH: Final = 100  # written at once
PAUSE_SECONDS: Final = 0.1  # between two batches
MOST_PARAMETERS: Final = 40
LONGEST_TEXT: Final = 200
KEY_ID_LENGTH: Final = 12


class Noted(NamedTuple):
    """A refusal as `note` leaves it: what has to be worked out is worked out by the writer."""

    at_s: float  # monotonic
    command: str
    parameters: dict[str, str]
    caller: Caller
    error: Rejected | BadParameter


class RefusalLog:
    """One per process, between `start` and `stop`."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._waiting: deque[Noted] = deque()
        self._missed = 0
        self._noted = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Ends the writing; what still waits is lost."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def note(self, command: str, parameters: Mapping[str, str], caller: Caller, error: Rejected | BadParameter) -> None:
        """Keep in mind that `caller` was refused this; returns at once."""
        if len(self._waiting) >= ROOM:
            self._missed += 1
            return
        shown = {
            name[:LONGEST_TEXT]: text[:LONGEST_TEXT]
            for name, text in without_secrets(dict(islice(parameters.items(), MOST_PARAMETERS))).items()
        }
        self._waiting.append(Noted(time.monotonic(), command, shown, caller, error))
        self._noted.set()

    async def flush(self) -> None:
        """Write all that waits; returns when it is in Redis, or lost because Redis cannot be had."""
        while await self._write_batch():
            pass

    async def _write(self) -> None:
        while True:
            await self._noted.wait()
            await asyncio.sleep(PAUSE_SECONDS)  # the answer leaves first, and others may share the round trip
            self._noted.clear()
            if await self._write_batch() and self._waiting:
                self._noted.set()

    async def _write_batch(self) -> bool:
        """Whether there was something to write."""
        async with self._writing:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if not batch:
                return False
            missed, self._missed = self._missed, 0
            with contextlib.suppress(ExchangeError):
                clock, now_s = await self._venue.queries.clock(), time.monotonic()
                refusals = [_refusal(noted, clock, now_s) for noted in batch]
                refusals[0] = replace(refusals[0], missed=missed)
                await write_refusals(self._venue, refusals)
        return True


def _refusal(noted: Noted, clock: Clock, now_s: float) -> Refusal:
    """A virtual clock stands still, so its time is the answer's; a real one has gone on since."""
    error, caller = noted.error, noted.caller
    gone_ms = round((now_s - noted.at_s) * 1000) if clock.mode == "real" else 0
    answer = answer_to(error)
    return Refusal(
        now_ms=clock.now_ms - gone_ms,
        account=caller.account,
        command=noted.command,
        parameters=noted.parameters,
        reason=str(error.reason) if isinstance(error, Rejected) else f"{error.field}: {error.problem}",
        code=answer.code,
        text=answer.text,
        detail=error.detail,
        numbers=_numbers(error),
        field=error.field,
        key_id=caller.key_digest[:KEY_ID_LENGTH],
    )


def _numbers(error: Rejected | BadParameter) -> dict[str, int]:
    if isinstance(error, BadParameter):
        return {}
    holder = error.existing_order_id
    return {**error.numbers, **({} if holder is None else {"existing_order_id": holder})}
