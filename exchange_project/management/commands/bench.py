"""`manage.py bench`: how fast it is, in ratios that mean the same on any machine (benchmarks/).

It starts servers of its own in temporary folders and looks at no running exchange. A missed goal is no error.
"""

import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.measure import FULL, QUICK, Run
from benchmarks.ratios import GOALS, Outcome
from benchmarks.report import as_json, as_table, environment, load_average
from exchange_project.lone_worker import lone_worker


class Command(BaseCommand):
    """Measure, print, perhaps write JSON."""

    help = "how fast the exchange is, as ratios with goals: engine, HTTP, fan-out"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """What to measure, how long, and where to write it."""
        parser.add_argument("--quick", action="store_true", help="3 rounds instead of 5, smaller, within 3 minutes")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
        parser.add_argument("--only", default="", metavar="IDS", help="some of them, as in --only P1,P6")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits with 0 also when a goal is missed; wrong arguments are found before anything runs."""
        wanted = _read_ids(options["only"])
        path: Path | None = options["json"]
        if path is not None and not path.absolute().parent.is_dir():
            raise CommandError(f"{path} cannot be written: {path.absolute().parent} is not a folder")
        signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C: what was started ends, what was made is removed
        try:
            outcomes, where = _measure(wanted, quick=options["quick"])
        except KeyboardInterrupt:
            sys.exit("bench: interrupted")
        console = Console()
        with console.capture() as captured:
            console.print(as_table(outcomes, where))
        self.stdout.write(captured.get())
        if path is not None:
            self._write(path, json.dumps(as_json(outcomes, where), indent=2, ensure_ascii=False))

    @staticmethod
    def _write(path: Path, text: str) -> None:
        try:
            path.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _measure(wanted: list[str], *, quick: bool) -> tuple[list[Outcome], dict[str, Any]]:
    where = environment(quick=quick)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, steps: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=steps)
            progress.update(tasks[what], completed=done)

        outcomes = Run(QUICK if quick else FULL, lone_worker, tell).outcomes(wanted)
    where["load_average_after"] = load_average()
    return outcomes, where


def _read_ids(text: str) -> list[str]:
    """The ids of --only; all of them when it was not given. Raises CommandError."""
    known = [goal.id for goal in GOALS]
    wanted = [word.strip().upper() for word in text.split(",") if word.strip()]
    if unknown := [word for word in wanted if word not in known]:
        raise CommandError(f"unknown figure {', '.join(unknown)}: choose from {', '.join(known)}")
    return wanted or known


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
