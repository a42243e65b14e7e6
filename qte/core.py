"""`EngineManager`: the backtest engine beside the exchange. It pours recorded files into a running `MockExchange`.

    engine = EngineManager()
    engine.add_data_source("btcusdt.jsonl.gz")
    engine.start()
    engine.wait(timeout=60)
    engine.stop()

The recording's quotes and trades happen in the exchange's own book, under the exchange's clock, which follows the
recording and stands at its end afterwards; what the strategy's orders do there, the exchange decides. The fact a
newcomer would get wrong: the work is done by the exchange. This object only tells it what to play next.

States: CREATED -start-> RUNNING <-pause, resume-> PAUSED; RUNNING -> FINISHED when every source has been played, or
FAILED when one cannot be (`get_status()["error"]` says why); stop() leads from anywhere to STOPPED, from where start()
plays all sources again. Without a source it runs, idle, until it is stopped or gets one.
"""

import math
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from qte.amounts import amount_text
from qte.errors import ExchangeUnavailable, Refused
from qte.exchange import MockExchange, running_exchanges

LOOK_SECONDS = 0.05
HIGHEST_SPEED = 1_000_000.0


class ReplayMode(StrEnum):
    """How fast recorded time passes."""

    BACKTEST = "backtest"  # as fast as the exchange can
    REALTIME = "realtime"  # as it was recorded
    ACCELERATED = "accelerated"  # replay_speed times as fast


class EngineState(StrEnum):
    """What the engine is doing."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class DataSource:
    """A recorded file; `symbol` chooses among several in it.

    A recording that is older than users' orders and trades is refused, unless `clear` says that these may go.
    """

    file: Path
    symbol: str | None = None
    clear: bool = False


class EngineManager:
    """Plays data sources, one after another, into one exchange. May be used from several threads."""

    def __init__(self, exchange: MockExchange | None = None) -> None:
        self._exchange = exchange
        self._sources: list[DataSource] = []
        self._next = 0  # the source that is played, or will be
        self._mode = ReplayMode.BACKTEST
        self._speed = 1.0
        self._state = EngineState.CREATED
        self._error: str | None = None
        self._progress: dict[str, Any] = {}
        self._changed = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None

    def configure(
        self,
        *,
        exchange: MockExchange | None = None,
        data_sources: "list[str | Path | DataSource] | None" = None,
        replay_mode: "ReplayMode | str | None" = None,
        replay_speed: float | None = None,
    ) -> None:
        """Set several things at once; what is left out stays as it is. `data_sources` replaces the list.

        Raises ValueError or FileNotFoundError for what cannot be, RuntimeError while the engine runs.
        """
        with self._changed:
            self._refuse_while_active("configure")
            if replay_mode is not None:
                self.set_replay_mode(replay_mode)
            if replay_speed is not None:
                self.set_replay_speed(replay_speed)
            if data_sources is not None:
                self._sources = [_source(source) for source in data_sources]
            if exchange is not None:
                self._exchange = exchange

    def add_data_source(
        self, source: "str | Path | DataSource", *, symbol: str | None = None, clear: bool = False
    ) -> None:
        """One more recorded file, to be played after those before it (see DataSource). Raises FileNotFoundError."""
        with self._changed:
            self._sources.append(_source(source, symbol, clear=clear))
            if self._state is EngineState.FINISHED:
                self._state = EngineState.RUNNING
            if self._state is EngineState.RUNNING:
                self._begin_playing()
            self._changed.notify_all()

    def set_replay_mode(self, mode: "ReplayMode | str") -> None:
        """`backtest`, `realtime` or `accelerated`, in any case. Takes effect at once. Raises ValueError."""
        try:
            chosen = ReplayMode(str(mode).lower())
        except ValueError:
            raise ValueError(f"the replay mode {mode!r} is none of {', '.join(ReplayMode)}") from None
        with self._changed:
            self._mode = chosen
            self._changed.notify_all()

    def set_replay_speed(self, speed: float) -> None:
        """So many times as fast as recorded, in mode `accelerated`. Takes effect at once. Raises ValueError."""
        is_number = isinstance(speed, int | float) and not isinstance(speed, bool)
        if not is_number or not math.isfinite(speed) or not 0 < speed <= HIGHEST_SPEED:
            raise ValueError(
                f"the replay speed must be a number above 0 and at most {HIGHEST_SPEED:.0f}, not {speed!r}"
            )
        with self._changed:
            self._speed = float(speed)
            self._mode = ReplayMode.ACCELERATED
            self._changed.notify_all()

    def start(self) -> bool:
        """Begin with the first source. False when it runs already. Raises RuntimeError: no exchange to play into."""
        with self._changed:
            if self._is_active:
                return False
            if self._sources:
                self._find_exchange()
            self._next, self._error, self._progress = 0, None, {}
            self._state = EngineState.RUNNING
            if self._sources:
                self._begin_playing()
            return True

    def pause(self) -> bool:
        """Hold recorded time. False when it is not running."""
        with self._changed:
            if self._state is not EngineState.RUNNING:
                return False
            self._state = EngineState.PAUSED
            self._changed.notify_all()
            return True

    def resume(self) -> bool:
        """Go on after `pause`. False when it is not paused."""
        with self._changed:
            if self._state is not EngineState.PAUSED:
                return False
            self._state = EngineState.RUNNING
            if self._sources:
                self._begin_playing()
            self._changed.notify_all()
            return True

    def stop(self) -> bool:
        """End the replay where it is. True; harmless when nothing runs, and when the exchange has gone before."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._state = EngineState.STOPPED
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """Until every source has been played, one has failed, or the engine was stopped; without a source, at once.

        True when that is so, False when `timeout` seconds were too few. `get_status` tells which it was.
        """
        with self._changed:
            return self._changed.wait_for(self._has_nothing_to_do, timeout)

    def get_status(self) -> dict[str, Any]:
        """{state, replay_mode, replay_speed, sources, playing, progress {played, total, now_ms}, error, venue}.

        `playing` is the file in work or None, `progress` that of the file played last, `replay_speed` None in backtest.
        """
        with self._changed:
            is_playing = self._thread is not None and self._next < len(self._sources)
            return {
                "state": self._state.value,
                "replay_mode": self._mode.value,
                "replay_speed": self._pace(),
                "sources": [str(source.file) for source in self._sources],
                "playing": str(self._sources[self._next].file) if is_playing else None,
                "progress": dict(self._progress),
                "error": self._error,
                "venue": self._exchange.venue if self._exchange is not None else None,
            }

    @property
    def _is_active(self) -> bool:
        return self._state in (EngineState.RUNNING, EngineState.PAUSED)

    def _has_nothing_to_do(self) -> bool:
        return not self._is_active or self._next >= len(self._sources)

    def _refuse_while_active(self, what: str) -> None:
        if self._is_active:
            raise RuntimeError(f"{what}() is possible before start() and after stop(), not while the engine runs")

    def _find_exchange(self) -> MockExchange:
        if self._exchange is None:
            running = running_exchanges()
            if len(running) != 1:
                found = "no MockExchange is running" if not running else f"{len(running)} exchanges are running"
                raise RuntimeError(f"{found} in this program: start one, or choose with EngineManager(exchange=...)")
            self._exchange = running[0]
        if not self._exchange.is_running:
            raise RuntimeError("the engine's exchange is not running: call exchange.start() before engine.start()")
        return self._exchange

    def _pace(self) -> float | None:
        """Times as fast as recorded; None: as fast as possible."""
        return {ReplayMode.BACKTEST: None, ReplayMode.REALTIME: 1.0, ReplayMode.ACCELERATED: self._speed}[self._mode]

    def _begin_playing(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._play_all, args=(self._find_exchange(),), daemon=True)
            self._thread.start()

    def _play_all(self, exchange: MockExchange) -> None:
        """The thread: source after source, until all are played or the state says stop."""
        try:
            while (source := self._source_to_play()) is not None:
                self._play(exchange, source)
        except (Refused, ExchangeUnavailable) as error:
            self._end(EngineState.FAILED, str(error))

    def _source_to_play(self) -> DataSource | None:
        with self._changed:
            self._changed.wait_for(lambda: self._state is not EngineState.PAUSED)
            if self._state is not EngineState.RUNNING:
                return None
            if self._next < len(self._sources):
                return self._sources[self._next]
            self._state = EngineState.FINISHED
            self._thread = None
            self._changed.notify_all()
            return None

    def _play(self, exchange: MockExchange, source: DataSource) -> None:
        told = (self._pace_text(), False)
        exchange.sim("POST", "replay", file=str(source.file), symbol=source.symbol, speed=told[0], clear=source.clear)
        while True:
            with self._changed:
                self._changed.wait(LOOK_SECONDS)
                wanted, state = self._wanted(), self._state
            if state is EngineState.STOPPED:
                exchange.sim("DELETE", "replay")
                return
            if wanted != told:
                with suppress(Refused):  # it has just ended
                    exchange.sim("PUT", "replay", speed=wanted[0], paused=wanted[1])
                told = wanted
            if self._has_ended(exchange.sim("GET", "replay"), source):
                return

    def _has_ended(self, replay: dict[str, Any], source: DataSource) -> bool:
        with self._changed:
            self._progress = {"played": replay["played"], "total": replay["total"], "now_ms": replay["nowMs"]}
            if replay["state"] in ("running", "paused"):
                return False
            if replay["state"] == "finished":
                self._next += 1
            else:
                why = replay["error"] or f"the replay was {replay['state']}"
                self._end(EngineState.FAILED, f"{source.file}: {why}")
            return True

    def _end(self, state: EngineState, error: str) -> None:
        with self._changed:
            if self._state is not EngineState.STOPPED:
                self._state, self._error = state, error
            self._thread = None
            self._changed.notify_all()

    def _wanted(self) -> tuple[str, bool]:
        return self._pace_text(), self._state is not EngineState.RUNNING

    def _pace_text(self) -> str:
        """The speed as /_sim/replay reads it."""
        pace = self._pace()
        return "max" if pace is None else amount_text(pace) or "max"


def _source(source: "str | Path | DataSource", symbol: str | None = None, *, clear: bool = False) -> DataSource:
    """Raises FileNotFoundError at once: a misspelt path should not wait for `start`."""
    given = source if isinstance(source, DataSource) else DataSource(Path(source), symbol, clear)
    file = Path(given.file).expanduser().absolute()
    if not file.is_file():
        raise FileNotFoundError(f"there is no recording at {file}")
    return DataSource(file, given.symbol, given.clear)
