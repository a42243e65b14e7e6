"""`manage.py clock`, `clock real`, `clock virtual 2024-08-08T12:00`: the venue's clock, shown or set."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from engine.errors import Reason, Rejected
from engine.queries import Clock
from engine.venue import Venue
from markets.management.venue_command import VenueCommand
from markets.publish import run_in_venue
from simulation.clock import read_time, shown


class Command(VenueCommand):
    help = "Show the exchange's clock, let it follow the machine's (real), or stop it at a time (virtual)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("mode", nargs="?", choices=("real", "virtual"), help="nothing: only show it")
        parser.add_argument("time", nargs="?", help="for virtual: 2024-08-08T12:00:00 (UTC) or ms since 1970")
        parser.add_argument("--clear", action="store_true", help="cancel all open orders and forget all trades first")

    def handle_in_venue(self, **options: Any) -> None:
        mode, text = options["mode"], options["time"]
        if (mode == "virtual") != (text is not None):
            raise CommandError("a time goes with `virtual`, and `virtual` needs one: clock virtual 2024-08-08T12:00")
        if options["clear"] and mode is None:
            raise CommandError("--clear goes with `real` or `virtual`")
        now_ms = read_time(text) if text is not None else None

        async def change(venue: Venue) -> Clock:
            if now_ms is not None:
                await venue.clock.set_virtual(now_ms, clear=options["clear"])
            elif mode == "real":
                await venue.clock.set_real(clear=options["clear"])
            return await venue.queries.clock()

        try:
            clock = run_in_venue(change)
        except Rejected as error:
            if error.reason is not Reason.CLOCK_BACKWARDS:
                raise
            raise CommandError(
                "the market has orders or trades later than that: with --clear all open orders are cancelled and "
                "all trades forgotten first"
            ) from error
        self.stdout.write(f"{shown(clock.now_ms)} ({clock.mode}{', it stands' if clock.mode == 'virtual' else ''})")
