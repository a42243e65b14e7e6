"""`manage.py audit`: recount balances and books in one atomic read; exit code 1 on a difference."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from engine.audit import audit
from markets.management.venue_command import VenueCommand
from markets.publish import run_in_venue


class Command(VenueCommand):
    help = "Recount every balance, order and price level of the exchange. Exit code 1 when something does not add up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle_in_venue(self, **options: Any) -> None:
        report = run_in_venue(audit)
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "differences": report.differences,
                        "accounts": report.accounts,
                        "orders": report.orders,
                        "assets": report.assets,
                    }
                )
            )
        else:
            for difference in report.differences:
                self.stdout.write(difference)
            self.stdout.write(
                f"{len(report.differences)} differences in {report.accounts} accounts, {report.orders} open orders, "
                f"{report.assets} assets"
            )
        if report.differences:
            sys.exit(1)
