"""Sends a recording's events to the engine, many to a round trip, each exactly once and in order.

The fact a newcomer would get wrong: commands are sent before the replies to earlier ones are in. Each names the mark
of the one before it, so when one is refused or lost, those behind it are refused as stale; the venue's newest mark
then tells where to go on.
"""

import asyncio
import secrets
from collections import deque
from typing import Any

from engine.commands import TapeFrame, TapeTrade
from engine.errors import EngineUnavailable, OutcomeUnknown
from engine.runner import Stale
from engine.venue import Venue
from simulation.tape.recording import Recorded, RecordedFrame, Recording
from simulation.tape.stage import ReplayRefused, Stage

BATCH_EVENTS = 64
BATCH_LEVELS = 1_000
BATCHES_UNDER_WAY = 2
MAX_SETBACKS = 50  # in a row, without an event getting through
SETBACK_PAUSE_S = 0.1

_Batch = tuple[int, asyncio.Future[list[BaseException | None]]]  # number of its first event, replies


class Sender:
    """`done` events are played, `sent` have been sent."""

    def __init__(self, venue: Venue, recording: Recording, stage: Stage) -> None:
        self.done = 0
        self.sent = 0
        self._venue = venue
        self._events = recording.events
        self._stage = stage
        self._run_id = secrets.token_hex(6)
        self._setbacks = 0
        self._under_way: deque[_Batch] = deque()

    @property
    def has_room(self) -> bool:
        """Whether another batch may leave. The first event goes alone: it makes the mark that the others follow."""
        return len(self._under_way) < (BATCHES_UNDER_WAY if self.done else 1)

    @property
    def is_waiting(self) -> bool:
        """Whether something was sent whose reply has not been looked at."""
        return bool(self._under_way)

    def send_until(self, horizon_ms: float) -> bool:
        """Send one batch of the events up to that time of the recording; False when there are none."""
        first, levels = self.sent, 0
        most = BATCH_EVENTS if first else 1
        while self.sent < len(self._events) and self.sent - first < most and levels < BATCH_LEVELS:
            event = self._events[self.sent]
            if event.time_ms > horizon_ms:
                break
            levels += len(event.levels) if isinstance(event, RecordedFrame) else 1
            self.sent += 1
        if self.sent == first:
            return False
        commands = [self._play(number) for number in range(first, self.sent)]
        self._under_way.append((first, asyncio.gather(*commands, return_exceptions=True)))
        return True

    async def receive(self) -> None:
        """The replies to the oldest batch. What did not get through will be sent again, unless it never can.

        Raises Rejected, InvariantBroken, ReplayRefused when another replay has begun; EngineUnavailable or
        OutcomeUnknown when the engine stays away.
        """
        first, replies = self._under_way.popleft()
        for number, failure in enumerate(await replies, start=first):
            if failure is not None:
                await self._recover(failure)
                return
            self.done, self._setbacks = number + 1, 0

    async def settle(self) -> None:
        """Wait for what is under way, whatever comes of it."""
        while self._under_way:
            await self._under_way.popleft()[1]

    async def _recover(self, failure: BaseException) -> None:
        await self.settle()
        while True:
            self._setbacks += 1
            if self._setbacks > MAX_SETBACKS or not isinstance(failure, Stale | OutcomeUnknown | EngineUnavailable):
                raise failure
            if self._setbacks > 1:
                await asyncio.sleep(SETBACK_PAUSE_S)
            self._venue.registry.forget()  # the symbol's rules may have changed
            try:
                mark = await self._venue.runner.command("HGET", self._venue.keys.meta, "tape")
            except EngineUnavailable as error:
                failure = error
            else:
                self.sent = self.done = self._after(mark)
                return

    def _after(self, mark: bytes | None) -> int:
        """The number of the first event that is not played, by the venue's newest mark."""
        run_id, _, number = (mark or b"").decode().partition(":")
        if run_id == self._run_id:
            return int(number) + 1
        if self.done == 0:
            return 0
        raise ReplayRefused("another replay has begun in this exchange: this one ends here")

    async def _play(self, number: int) -> None:
        event = self._events[number]
        shared: dict[str, Any] = {
            "symbol": event.symbol,
            "rules_version": (await self._venue.registry.spec(event.symbol)).rules_version,
            "now_ms": event.time_ms,
            "maker_account": self._stage.maker_account,
            "taker_account": self._stage.taker_account,
            "after": self._mark(number - 1) if number else "",
            "mark": self._mark(number),
        }
        await self._send(event, shared)

    async def _send(self, event: Recorded, shared: dict[str, Any]) -> None:
        if isinstance(event, RecordedFrame):
            await self._venue.gateway.apply_frame(TapeFrame(levels=event.levels, **shared))
        else:
            await self._venue.gateway.play_trade(
                TapeTrade(
                    price_ticks=event.price_ticks, lots=event.lots, is_buyer_maker=event.is_buyer_maker, **shared
                )
            )  # fmt: skip

    def _mark(self, number: int) -> str:
        return f"{self._run_id}:{number}"
