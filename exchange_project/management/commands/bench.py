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

from benchmarks import document
from benchmarks.processes import BenchFailed
from benchmarks.ratios import GOALS
from benchmarks.sections import SECTIONS, Section
from exchange_project.lone_worker import lone_worker

PARTS = {
    "ratios": "the ratios with goals: what is measured when nothing else is asked for",
    "start": "how long starting an exchange, importing qte and emptying a market take",
    "growth": "how costs grow with books, users, symbols, fills and subscribers",
    "peers": "the same orders at stock Django views, and at other simulators that are installed",
}


class Command(BaseCommand):
    """Measure, print, perhaps write JSON or the document."""

    help = "how fast the exchange is: ratios with goals, or --start, --growth, --peers"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """What to measure, how long, and where to write it."""
        parser.add_argument("--quick", action="store_true", help="3 rounds instead of 5, smaller, within 3 minutes")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
        parser.add_argument("--only", default="", metavar="IDS", help="some of the ratios, as in --only P1,P6")
        for name, words in PARTS.items():
            parser.add_argument(f"--{name}", action="store_true", help=words)
        parser.add_argument(
            "--write", type=Path, metavar="FILE",
            help="rewrite the tables of docs/PERFORMANCE.md: those that were asked for, or all of them",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits with 0 also when a goal is missed; wrong arguments are found before anything runs."""
        only = _read_ids(options["only"])
        names = _read_sections(options)
        json_path: Path | None = options["json"]
        document_path: Path | None = options["write"]
        for path in (json_path, document_path):
            if path is not None and not path.absolute().parent.is_dir():
                raise CommandError(f"{path} cannot be written: {path.absolute().parent} is not a folder")
        if document_path is not None:
            _rewritten(document_path, dict.fromkeys(names, ""))  # has it a place for each?
        signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C: what was started ends, what was made is removed
        found: dict[str, Any] = {}
        failures: list[str] = []
        try:
            for name in names:  # each is told and written when it is done: the next may be interrupted
                try:
                    section = _measure(name, only, quick=options["quick"])
                except BenchFailed as error:
                    failures.append(f"{name}: {error}")
                    continue
                self._print(section)
                found |= section.as_json()
                if json_path is not None:
                    _write(json_path, (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())
                if document_path is not None:
                    _write_document(document_path, name, section)
        except KeyboardInterrupt:
            sys.exit("bench: interrupted")
        if failures:
            raise CommandError("not measured: " + "; ".join(failures))

    def _print(self, section: Section) -> None:
        console = Console()
        with console.capture() as captured:
            console.print(section.as_table())
        self.stdout.write(captured.get())


def _write_document(path: Path, name: str, section: Section) -> None:
    folder = path.absolute().parent / document.FOLDER
    for file, picture in section.pictures().items():
        folder.mkdir(exist_ok=True)
        _write(folder / file, picture)
    _write(path, _rewritten(path, {name: section.markdown()}).encode())


def _rewritten(path: Path, tables: dict[str, str]) -> str:
    try:
        return document.rewrite(path.read_text(encoding="utf-8"), tables)
    except (OSError, BenchFailed) as error:
        raise CommandError(f"{path} cannot be rewritten: {error}") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _measure(name: str, only: list[str], *, quick: bool) -> Section:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, steps: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=steps)
            progress.update(tasks[what], completed=done)

        wanted = {"only": only} if name == "ratios" else {}
        return SECTIONS[name](lone_worker, tell, quick=quick, **wanted)


def _read_sections(options: dict[str, Any]) -> list[str]:
    """Those that were asked for; all of them for a document, else the ratios. Raises CommandError."""
    asked = [name for name in PARTS if options[name]]
    if options["only"]:
        if options["write"]:
            raise CommandError("--only and --write: the document's table of ratios is written whole")
        return ["ratios", *(name for name in asked if name != "ratios")]
    return asked or (list(SECTIONS) if options["write"] else ["ratios"])


def _read_ids(text: str) -> list[str]:
    """The ids of --only; all of them when it was not given. Raises CommandError."""
    known = [goal.id for goal in GOALS]
    wanted = [word.strip().upper() for word in text.split(",") if word.strip()]
    if unknown := [word for word in wanted if word not in known]:
        raise CommandError(f"unknown figure {', '.join(unknown)}: choose from {', '.join(known)}")
    return wanted or known


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
