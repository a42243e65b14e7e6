"""`manage.py replay FILE [--speed 1|60|max] [--symbol S] [--clear]`: recorded history into the exchange's book."""

import asyncio
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from engine.errors import Reason, Rejected
from engine.venue import opened
from markets.management.venue_command import VenueCommand
from simulation.clock import shown
from simulation.tape.display import progress_display
from simulation.tape.lines import RecordingError
from simulation.tape.recording import Recording, read_recording
from simulation.tape.replay import ReplaySummary, replay
from simulation.tape.stage import ReplayRefused, prepare

STOPPED = 130  # what a shell calls a command that was ended by Ctrl-C


def speed(text: str) -> float | None:
    """A factor such as 60, 60x or 0.5; None for max."""
    if text == "max":
        return None
    try:
        factor = float(text.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not (factor > 0 and isfinite(factor)):
        raise ArgumentTypeError(f"{text!r} is not a speed: 1, 60, 0.5 or max")
    return factor


class Command(VenueCommand):
    help = "Play a recording into the book. The clock follows the recording and stands at its end afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a recording, plain or gzip")
        parser.add_argument(
            "--speed", type=speed, default=1.0, metavar="1|60|max", help="recorded seconds per second (1)"
        )
        parser.add_argument("--symbol", help="one of the file's symbols (all)")
        parser.add_argument("--clear", action="store_true", help="cancel all open orders and forget all trades first")

    def handle_in_venue(self, **options: Any) -> None:
        try:
            summary = asyncio.run(self._play(options))
        except RecordingError as error:
            raise CommandError(f"{options['file']}: {error}") from error
        except ReplayRefused as error:
            raise CommandError(str(error)) from error
        except Rejected as error:
            raise CommandError(_REFUSALS.get(error.reason, f"the exchange refused: {error}")) from error
        self._tell_end(summary)
        if not summary.is_complete:
            sys.exit(STOPPED)

    async def _play(self, options: dict[str, Any]) -> ReplaySummary:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # Windows: there Ctrl-C ends it in the middle, which harms nothing
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, stopping.set)
        try:
            async with opened(settings.REDIS_URL, settings.EXCHANGE_VENUE) as venue:
                recording = read_recording(options["file"], await venue.registry.specs(), options["symbol"])
                self._tell_recording(recording)
                stage = await prepare(venue, recording, clear=options["clear"])
                for note in stage.notes:
                    self._say(note)
                with progress_display(recording) as on_progress:
                    return await replay(
                        venue, recording, stage, speed=options["speed"], on_progress=on_progress,
                        should_stop=stopping.is_set,
                    )  # fmt: skip
        finally:
            with suppress(NotImplementedError):
                for name in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(name)

    def _tell_recording(self, recording: Recording) -> None:
        self._say(
            f"{recording.name}: {', '.join(recording.symbols)} from {shown(recording.first_ms)} to "
            f"{shown(recording.last_ms)}, {recording.level_count:,} level changes, {recording.trade_count:,} trades"
        )
        if lines := recording.rounded_lines:
            some = ", ".join(map(str, lines[:5])) + (", …" if len(lines) > 5 else "")
            self._say(f"Levels finer than the lot size were rounded down in {len(lines)} lines: {some}")

    def _tell_end(self, summary: ReplaySummary) -> None:
        what = "Played" if summary.is_complete else "Stopped after"
        self._say(
            f"{what} {summary.level_count:,} level changes and {summary.trade_count:,} trades in "
            f"{summary.seconds:.1f} s ({summary.work_per_second:,.0f} a second). The clock stands at "
            f"{shown(summary.now_ms)}; `manage.py clock real` lets it follow the machine's again."
        )

    def _say(self, text: str) -> None:
        """At once, so that it stands before what stderr says later, in a file too."""
        self.stdout.write(text)
        self.stdout.flush()


_REFUSALS = {
    Reason.MARKET_CLOSED: "a symbol of the recording was halted: the replay ends here",
    Reason.CLOCK_NOT_VIRTUAL: "somebody let the clock follow the machine's again: the replay ends here",
}
