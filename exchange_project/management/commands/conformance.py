"""`manage.py conformance`: documented rules of Binance Spot, asked of a running exchange (conformance/).

Without --url it starts an exchange of its own in a temporary folder. Its exit code is 0 whatever the rules say: the
report is what they say.
"""

import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from conformance.checks import Deviation
from conformance.report import as_json, as_markdown, counted, share
from conformance.rules import Area, Verdict
from conformance.runner import Results, own_exchange, run
from conformance.table import AREAS
from conformance.transport import Wire
from qte.errors import ExchangeStartError


class Command(BaseCommand):
    """Ask, count, write the report."""

    help = "documented rules of Binance Spot, asked of a running exchange; writes docs/CONFORMANCE.md"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Whom to ask, what, and where the report goes."""
        keys = ", ".join(area.key for area in AREAS)
        parser.add_argument(
            "--url", metavar="URL", help="of an exchange that runs, as http://127.0.0.1:8000; else one of its own"
        )
        parser.add_argument(
            "--sim-token", type=Path, metavar="FILE", help="its file sim.token (default: the one in the data directory)"
        )
        parser.add_argument("--area", action="append", default=[], metavar="AREA", help=f"only this one: {keys}")
        parser.add_argument("--write", type=Path, metavar="FILE", help="write the report there, as docs/CONFORMANCE.md")
        parser.add_argument("--json", action="store_true", help="print all outcomes as JSON instead of a summary")

    def handle(self, *args: Any, **options: Any) -> None:
        """Wrong arguments are found before anything runs."""
        areas = _chosen(options["area"])
        path: Path | None = options["write"]
        if path is not None and not path.absolute().parent.is_dir():
            raise CommandError(f"{path} cannot be written: {path.absolute().parent} is not a folder")
        signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C: the exchange ends, its folder goes
        try:
            results = _run(areas, options["url"], options["sim_token"])
        except KeyboardInterrupt:
            sys.exit("conformance: interrupted")
        except (ExchangeStartError, Deviation, OSError, ValueError) as error:
            raise CommandError(f"nothing could be asked: {error}") from error
        if path is not None:
            path.write_text(as_markdown(areas, results), encoding="utf-8")
        if options["json"]:
            self.stdout.write(as_json(areas, results))
        else:
            self._tell(areas, results)

    def _tell(self, areas: Sequence[Area], results: Results) -> None:
        for area in areas:
            for outcome in results[area.key]:
                if outcome.verdict is Verdict.FAIL:
                    self.stdout.write(f"{area.key}: {outcome.rule.name} ({outcome.rule.source}): {outcome.found}")
        total = counted(outcome for outcomes in results.values() for outcome in outcomes)
        said = ", ".join(f"{total[verdict]} {verdict}" for verdict in Verdict)
        self.stdout.write(f"{total.total()} rules: {said}; {share(total)} of what is offered passes")


def _chosen(keys: Sequence[str]) -> Sequence[Area]:
    known = {area.key: area for area in AREAS}
    if unknown := [key for key in keys if key not in known]:
        raise CommandError(f"--area knows no {unknown[0]!r}; areas are {', '.join(known)}")
    return [known[key] for key in dict.fromkeys(keys)] or AREAS


def _run(areas: Sequence[Area], url: str | None, token_file: Path | None) -> Results:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        folder: Path = settings.EXCHANGE_DATA_DIR
        if url is None:
            url, folder = stack.enter_context(own_exchange())
        file = token_file or folder / "sim.token"
        token, wire = file.read_text().strip(), Wire(url)
        _meet(wire, url, token, file)
        progress = stack.enter_context(Progress(*columns, console=Console(stderr=True)))
        task = progress.add_task("conformance", total=sum(map(len, areas)))
        return run(areas, wire, token, lambda outcome: progress.advance(task))


def _meet(wire: Wire, url: str, token: str, file: Path) -> None:
    """Raises ValueError where every rule would fail for the same reason, which is not the exchange's."""
    try:
        status = wire.ask("GET", "/_sim/info", headers={"X-Sim-Token": token}, judged=False).status
    except Deviation as error:
        raise ValueError(f"{url}: {error}") from error
    if status != HTTPStatus.OK:
        raise ValueError(f"{url} does not take the token of {file} (HTTP {status}); --sim-token names its own")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
