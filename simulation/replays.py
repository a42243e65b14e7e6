"""A replay in the background of one web worker, watched and directed from all of them.

The fact a newcomer would get wrong: the request that asks for the progress, or for a pause, usually arrives at another
worker than the one that plays. So what is known stands in `{venue}:replay`, which the player writes ten times a second,
and what is wanted stands beside it, where the player looks as often. A lease says that the player lives.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from api.errors import Answer, Refused
from engine.errors import BadParameter, ExchangeError, InvariantBroken
from engine.venue import Venue
from simulation.tape.lines import RecordingError
from simulation.tape.recording import read_recording
from simulation.tape.replay import Progress, Tempo, replay
from simulation.tape.stage import ReplayRefused, prepare

LEASE = "replay"
LEASE_MS = 5_000
LOOK_S = 0.1
CHECK_WAIT_S = 10.0  # how long a caller waits to hear that the file is good
HEED_WAIT_S = 5.0
ACTIVE = ("checking", "running", "paused")
HIGHEST_SPEED = 1_000_000.0

_SPEED = re.compile(r"[0-9]{1,7}(\.[0-9]{1,20})?", re.ASCII)
_tasks: set["asyncio.Task[None]"] = set()


class Status(msgspec.Struct, kw_only=True, rename="camel"):
    """What everybody may know. `state` is none, checking, running, paused, finished, stopped or failed.

    `played` and `total` count trades and frames, `now_ms` is the recording's time, `speed` None as fast as it goes.
    """

    id: str = ""
    state: str = "none"
    file: str = ""
    symbol: str | None = None
    speed: float | None = None
    played: int = 0
    total: int = 0
    now_ms: int = 0
    notes: list[str] = []
    error: str | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the replay of that id."""

    id: str
    speed: float | None
    is_paused: bool = False
    is_stopped: bool = False


def read_speed(text: str) -> float | None:
    """A factor above 0; None for "max". Raises BadParameter."""
    if text == "max":
        return None
    speed = float(text) if _SPEED.fullmatch(text) else 0.0
    if not 0 < speed <= HIGHEST_SPEED:
        detail = f"speed must be max or a number above 0 and at most {HIGHEST_SPEED:.0f}, not {text[:40]!r}"
        raise BadParameter("speed", "OUT_OF_RANGE", value=text, detail=detail)
    return speed


def read_file(text: str) -> Path:
    """The path of a recording on the exchange's machine. Raises BadParameter."""
    path = Path(text)
    if "\0" in text or not path.is_absolute():
        detail = f"file must be an absolute path on the exchange's machine, not {text[:200]!r}"
        raise BadParameter("file", "OUT_OF_RANGE", value=text, detail=detail)
    try:
        is_file = path.is_file()
    except OSError:  # a name that is too long
        is_file = False
    if not is_file:
        raise BadParameter("file", "OUT_OF_RANGE", value=text, detail=f"there is no recording at {text[:200]}")
    return path


async def status(venue: Venue) -> Status:
    """How the replay is doing, or the last one did. Raises EngineUnavailable."""
    found = await venue.runner.command("HGET", venue.keys.replay, "status")
    if found is None:
        return Status()
    known = msgspec.json.decode(found, type=Status)
    if known.state in ACTIVE and not await venue.runner.command("EXISTS", venue.keys.lease(LEASE)):
        known.state, known.error = "failed", "the worker that played it has ended"
    return known


async def start(venue: Venue, file: Path, *, symbol: str | None, speed: float | None, clear: bool) -> Status:
    """Begin a replay here, in the background. Returns when the file has been read and the stage is set.

    A large file may take longer than a caller waits: then the state is still `checking`. Raises Refused: another one
    runs, or the recording cannot be played (which line, and why); and what the engine raises.
    """
    player = _Player(
        venue, Status(id=secrets.token_hex(6), state="checking", file=str(file), symbol=symbol, speed=speed)
    )
    await player.take_lease()
    task = asyncio.create_task(player.run(file, clear=clear))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(player.checked), CHECK_WAIT_S)
    return player.status


async def direct(venue: Venue, *, speed: str | None = None, is_paused: bool | None = None) -> Status:
    """Change speed, pause, go on. Returns when it is so. Raises BadParameter; Refused when nothing is played."""
    known = await status(venue)
    if known.state not in ACTIVE:
        raise Refused(Answer(409, -1020, "No replay is running."))
    wish = Wish(
        id=known.id,
        speed=known.speed if speed is None else read_speed(speed),
        is_paused=known.state == "paused" if is_paused is None else is_paused,
    )
    await _wish(venue, wish)

    def is_heeded(now: Status) -> bool:
        return now.state not in ACTIVE or (now.speed == wish.speed and (now.state == "paused") == wish.is_paused)

    return await _wait_for(venue, is_heeded)


async def stop(venue: Venue) -> Status:
    """End the replay between two events; the clock stays where it is. Harmless when none runs."""
    known = await status(venue)
    if known.state in ACTIVE:
        await _wish(venue, Wish(id=known.id, speed=known.speed, is_stopped=True))
    return await _wait_for(venue, lambda now: now.state not in ACTIVE)


async def _wish(venue: Venue, wish: Wish) -> None:
    await venue.runner.command("HSET", venue.keys.replay, "wish", msgspec.json.encode(wish))


async def _wait_for(venue: Venue, is_so: Callable[[Status], bool]) -> Status:
    deadline = time.monotonic() + HEED_WAIT_S
    while not is_so(now := await status(venue)) and time.monotonic() < deadline:  # noqa: ASYNC110  (another process)
        await asyncio.sleep(LOOK_S / 4)
    return now


class _Player:
    """One replay, from its file to its end."""

    def __init__(self, venue: Venue, status: Status) -> None:
        self.status = status
        self.checked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._venue = venue
        self._tempo = Tempo(status.speed)
        self._is_stopped = False

    async def take_lease(self) -> None:
        """Of two that begin at once, one is refused."""
        lease = self._venue.keys.lease(LEASE)
        if not await self._venue.runner.command("SET", lease, self.status.id, "NX", "PX", LEASE_MS):
            raise Refused(Answer(409, -1020, "A replay is running already: DELETE /_sim/replay ends it."))
        await self._tell()

    async def run(self, file: Path, *, clear: bool) -> None:
        """Whatever happens stands in the status afterwards."""
        attending = asyncio.create_task(self._attend())
        try:
            await self._play(file, clear=clear)
            self.status.state = "stopped" if self._is_stopped else "finished"
        except asyncio.CancelledError:
            self.status.state = "stopped"
            raise
        except Exception as error:
            self.status.state, self.status.error = "failed", str(error) or type(error).__name__
            self._refuse(error)
            if not isinstance(error, ExchangeError | RecordingError) or isinstance(error, InvariantBroken):
                raise
        finally:
            attending.cancel()
            with suppress(ExchangeError):
                await self._tell()
                await self._venue.runner.command("DEL", self._venue.keys.lease(LEASE))

    async def _play(self, file: Path, *, clear: bool) -> None:
        specs = await self._venue.registry.specs()
        recording = await asyncio.to_thread(read_recording, file, specs, self.status.symbol)
        stage = await prepare(self._venue, recording, clear=clear)
        self.status.notes, self.status.total = stage.notes, len(recording.events)
        self.status.now_ms = recording.first_ms
        self.status.state = "running"
        await self._tell()
        if not self.checked.done():
            self.checked.set_result(None)
        await replay(
            self._venue,
            recording,
            stage,
            speed=self._tempo,
            on_progress=self._note,
            should_stop=lambda: self._is_stopped,
        )

    def _note(self, progress: Progress) -> None:
        self.status.played, self.status.now_ms = progress.events_done, progress.now_ms

    def _refuse(self, error: Exception) -> None:
        """Let the caller who began it hear why it cannot be, as an answer."""
        if self.checked.done():
            return
        if isinstance(error, RecordingError):
            error = Refused(Answer(400, -1130, f"{self.status.file}: {error}"))
        elif isinstance(error, ReplayRefused):
            error = Refused(Answer(409, -1020, str(error)))
        self.checked.set_exception(error)
        self.checked.exception()  # nobody may be waiting any more

    async def _attend(self) -> None:
        """Tell how far it is, do what is wished for, keep the lease."""
        while True:
            with suppress(ExchangeError):
                await self._heed()
                await self._tell()
                await self._venue.runner.command("PEXPIRE", self._venue.keys.lease(LEASE), LEASE_MS)
            await asyncio.sleep(LOOK_S)

    async def _heed(self) -> None:
        found = await self._venue.runner.command("HGET", self._venue.keys.replay, "wish")
        if found is None:
            return
        wish = msgspec.json.decode(found, type=Wish)
        if wish.id != self.status.id:
            return
        self._tempo.speed, self._tempo.is_paused = wish.speed, wish.is_paused
        self._is_stopped = wish.is_stopped
        self.status.speed = wish.speed
        if self.status.state in ("running", "paused"):
            self.status.state = "paused" if wish.is_paused else "running"

    async def _tell(self) -> None:
        told = msgspec.json.encode(self.status)
        await self._venue.runner.command("HSET", self._venue.keys.replay, "status", told)
