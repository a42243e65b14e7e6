"""How far a replay is, on stderr: a bar on a terminal, a line every few seconds elsewhere.

The fact a newcomer would get wrong: stdout is for the result, so that it can be piped on.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from simulation.clock import shown
from simulation.tape import replay
from simulation.tape.recording import Recording

LINE_EVERY_S = 5.0

OnProgress = Callable[[replay.Progress], None]


@contextmanager
def progress_display(recording: Recording) -> Iterator[OnProgress]:
    """For the length of a replay; what it yields is the replay's `on_progress`."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    columns = (
        BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.fields[rate]:,.0f}/s"),
        TextColumn("{task.fields[now]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("replay", total=recording.work, rate=0.0, now=shown(recording.first_ms))

        def show(progress: replay.Progress) -> None:
            rate = progress.work_done / max(progress.seconds, 0.001)
            bar.update(task, completed=progress.work_done, rate=rate, now=shown(progress.now_ms))

        yield show


def _lines() -> OnProgress:
    told_s = 0.0

    def tell(progress: replay.Progress) -> None:
        nonlocal told_s
        if progress.seconds - told_s < LINE_EVERY_S:
            return
        told_s = progress.seconds
        rate = progress.work_done / progress.seconds
        left_s = (progress.work - progress.work_done) / max(rate, 0.001)
        sys.stderr.write(
            f"{100 * progress.work_done // max(progress.work, 1)} %, {rate:,.0f} events/s, {shown(progress.now_ms)}, "
            f"about {left_s:.0f} s to go\n"
        )
        sys.stderr.flush()

    return tell
