"""`manage.py storm`: many clients, wrong and right requests, and no atom may get lost (benchmarks/storm.py)."""

import asyncio
import secrets
import signal
import sys
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.storm import Outcome, Plan, StormExchange, StormFailed, Weather
from benchmarks.storm_orders import MARKETS
from engine.errors import ExchangeError
from qte.errors import ExchangeStartError, ExchangeUnavailable, Refused

MOST = {"symbols": len(MARKETS), "workers": 64, "clients": 10_000}  # each costs processes, or sockets


class Command(BaseCommand):
    """Start an exchange, let the storm go over it, say what came of it."""

    help = "random clients on an exchange of its own, audited while it runs; exit code 1 on a difference or a 5xx"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """How long, how wide, and from which seed."""
        for name, number, what in (
            ("operations", 200_000, "requests in all"),
            ("clients", 8, "who ask at the same time"),
            ("workers", 4, "web workers of the exchange"),
            ("symbols", 3, f"that share assets, at most {len(MARKETS)}"),
            ("audit-every", 1_000, "operations between two audits"),
        ):
            parser.add_argument(f"--{name}", type=int, default=number, metavar="N", help=f"{what} (default {number})")
        parser.add_argument("--seed", type=int, metavar="N", help="of the requests; a new one unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits with 1 when the books did not agree, something failed, or it could not be run."""
        for name in ("operations", "clients", "workers", "symbols", "audit_every"):
            most = MOST.get(name, 10**9)
            if not 1 <= options[name] <= most:
                flag = name.replace("_", "-")
                raise CommandError(f"--{flag} must be 1 to {most}, not {options[name]}")
        seed = secrets.randbits(32) if options["seed"] is None else options["seed"]
        plan = Plan(options["operations"], options["clients"], options["symbols"], seed, options["audit_every"])
        signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C: the exchange ends, its folder goes
        self.stdout.write(f"seed {seed}")
        try:
            outcome = _run(plan, options["workers"])
        except KeyboardInterrupt:
            sys.exit("storm: interrupted")
        except (StormFailed, ExchangeStartError, ExchangeUnavailable, Refused, ExchangeError) as error:
            raise CommandError(f"the storm could not go on: {error}") from error
        self._tell(outcome)
        if not outcome.is_good:
            sys.exit(1)

    def _tell(self, outcome: Outcome) -> None:
        rate = outcome.operations / max(outcome.seconds, 0.001)
        self.stdout.write(f"{outcome.operations} operations in {outcome.seconds:.1f} s, {rate:.0f} a second")
        for title, counts in (("answers", outcome.codes), ("orders accepted", outcome.kinds)):
            told = ", ".join(f"{name}: {count}" for name, count in counts.most_common())
            self.stdout.write(f"{title}: {told or 'none'}")
        self.stdout.write(f"{outcome.trades} trades")
        self.stdout.write(f"{outcome.audits} audits: {len(outcome.differences)} differences")
        for line in (*outcome.differences, *outcome.failures):
            self.stdout.write(f"  {line}")


def _run(plan: Plan, workers: int) -> Outcome:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    exchange = StormExchange(workers)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("storm", total=plan.operations)
        exchange.start()
        try:
            weather = Weather(exchange, plan, lambda done: progress.update(task, completed=done))
            return asyncio.run(weather.blow())
        finally:
            exchange.stop()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
