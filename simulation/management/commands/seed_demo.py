"""`manage.py seed_demo [--symbols-only]`: what `up` begins with. Running it again adds nothing."""

from argparse import ArgumentParser
from typing import Any

from markets.management.venue_command import VenueCommand
from simulation.demo import add_symbols, seed


class Command(VenueCommand):
    help = "Make the demo market: symbols, users demo, alice and bob with keys and money, a book and fifty trades."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--symbols-only", action="store_true", help="BTCUSDT and ETHUSDT, nobody trades")

    def handle_in_venue(self, **options: Any) -> None:
        if options["symbols_only"]:
            add_symbols()
            said = "the symbols are there"
        else:
            said = "the demo market was made" if seed() else "the demo market was there already"
        if options["verbosity"]:
            self.stdout.write(said)
