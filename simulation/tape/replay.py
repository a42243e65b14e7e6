"""Plays a recording into the book, at its own speed, faster, or as fast as everybody can follow.

The fact a newcomer would get wrong: the venue's clock does not run during a replay. It takes each event's time inside
the event's own command and stands still in between, also when the replay is over.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import accumulate

import msgspec

from engine.venue import Venue
from simulation.tape.pacing import Pacer
from simulation.tape.recording import Recorded, RecordedFrame, Recording
from simulation.tape.sender import Sender
from simulation.tape.stage import Stage

TELL_S = 0.1
LONGEST_SLEEP_S = 0.1


class Tempo:
    """How many recorded seconds pass in one, None for as fast as it goes. May be changed while a replay runs."""

    def __init__(self, speed: float | None = None) -> None:
        self.speed = speed
        self.is_paused = False


class Progress(msgspec.Struct, frozen=True):
    """How far a replay is. `work` counts level changes and trades, `now_ms` is the recording's time."""

    work_done: int
    work: int
    events_done: int
    events: int
    now_ms: int
    seconds: float


class ReplaySummary(msgspec.Struct, frozen=True):
    """What was played, in how many seconds, and where the clock stands. `is_complete` is false after a stop."""

    level_count: int
    trade_count: int
    seconds: float
    now_ms: int
    is_complete: bool

    @property
    def work_per_second(self) -> float:
        return (self.level_count + self.trade_count) / self.seconds if self.seconds else 0.0


def _never() -> bool:
    return False


def _ignore(progress: Progress) -> None:
    pass


async def replay(
    venue: Venue,
    recording: Recording,
    stage: Stage,
    *,
    speed: float | Tempo | None = None,
    on_progress: Callable[[Progress], None] = _ignore,
    should_stop: Callable[[], bool] = _never,
) -> ReplaySummary:
    """Play a recording on the stage that `prepare` has made for it.

    `speed` is how many recorded seconds pass in one, None for as fast as it goes, or a Tempo. `on_progress` hears of
    it several times a second; once `should_stop` is true the replay ends between two events. Raises ReplayRefused when
    another replay has begun, Rejected (MARKET_CLOSED, CLOCK_NOT_VIRTUAL ...), EngineUnavailable, OutcomeUnknown.
    """
    tempo = speed if isinstance(speed, Tempo) else Tempo(speed)
    return await _Player(venue, recording, stage, tempo, on_progress).run(should_stop)


class _Player:
    def __init__(
        self,
        venue: Venue,
        recording: Recording,
        stage: Stage,
        tempo: Tempo,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._recording = recording
        self._tempo = tempo
        self._reached_ms: float = recording.first_ms  # the recording's time at `_looked_at`
        self._on_progress = on_progress
        self._pacer = Pacer(venue)
        self._sender = Sender(venue, recording, stage)
        self._work_done = [0, *accumulate(map(_work_of, recording.events))]
        self._started_at = self._told_at = self._looked_at = time.monotonic()

    async def run(self, should_stop: Callable[[], bool]) -> ReplaySummary:
        sender = self._sender
        try:
            while sender.done < len(self._recording.events):
                if should_stop():
                    break
                await self._pacer.keep(should_stop)
                if sender.has_room and sender.send_until(self._horizon_ms()):
                    continue
                await (sender.receive() if sender.is_waiting else self._sleep())
                self._tell()
            while sender.is_waiting:
                await sender.receive()
        finally:
            await sender.settle()
        self._on_progress(self._progress())
        return self._summary()

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started_at

    def _horizon_ms(self) -> float:
        """The recording's time that has come since the replay began, with its pauses and changes of tempo."""
        now, events, tempo = time.monotonic(), self._recording.events, self._tempo
        passed_s, self._looked_at = now - self._looked_at, now
        if tempo.is_paused:
            return float("-inf")
        if tempo.speed is None:
            self._reached_ms = events[min(self._sender.sent, len(events) - 1)].time_ms
            return float("inf")
        self._reached_ms += passed_s * 1000 * tempo.speed
        return self._reached_ms

    async def _sleep(self) -> None:
        """Until the next event is due, or it is time to look around."""
        tempo, events, sent = self._tempo, self._recording.events, self._sender.sent
        if tempo.is_paused:
            await asyncio.sleep(LONGEST_SLEEP_S)
        elif tempo.speed is not None and sent < len(events):
            due_s = (events[sent].time_ms - self._reached_ms) / 1000 / tempo.speed
            await asyncio.sleep(min(max(due_s, 0.0), LONGEST_SLEEP_S))

    def _tell(self) -> None:
        if time.monotonic() - self._told_at >= TELL_S:
            self._told_at = time.monotonic()
            self._on_progress(self._progress())

    def _progress(self) -> Progress:
        done, events = self._sender.done, self._recording.events
        return Progress(
            work_done=self._work_done[done],
            work=self._work_done[-1],
            events_done=done,
            events=len(events),
            now_ms=events[max(done - 1, 0)].time_ms,
            seconds=self._seconds,
        )

    def _summary(self) -> ReplaySummary:
        done = self._sender.done
        played = self._recording.events[:done]
        trade_count = sum(not isinstance(event, RecordedFrame) for event in played)
        return ReplaySummary(
            level_count=self._work_done[done] - trade_count,
            trade_count=trade_count,
            seconds=self._seconds,
            now_ms=self._progress().now_ms,
            is_complete=done == len(self._recording.events),
        )


def _work_of(event: Recorded) -> int:
    return len(event.levels) if isinstance(event, RecordedFrame) else 1
