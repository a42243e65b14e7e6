"""`manage.py deposit alice BTC 1` or `manage.py deposit alice BTC=1 USDT=50000`: money for a user."""

from argparse import ArgumentParser
from typing import Any

from accounts.services import credit, find, read_amounts
from engine.errors import Reason, Rejected
from markets.management.venue_command import VenueCommand, asset_and_amount


class Command(VenueCommand):
    help = "Credit a user: NAME ASSET AMOUNT, or NAME ASSET=AMOUNT ..."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the user")
        parser.add_argument("amounts", nargs="+", metavar="ASSET AMOUNT | ASSET=AMOUNT", help="what to credit")

    def handle_in_venue(self, **options: Any) -> None:
        words: list[str] = options["amounts"]
        if len(words) == 2 and not any("=" in word for word in words):
            words = ["=".join(words)]
        texts = [asset_and_amount(word) for word in words]
        trader = find(options["name"])
        if trader is None:
            raise Rejected(Reason.UNKNOWN_USER, options["name"])
        credit(trader.account, read_amounts(texts))
        for asset, amount in texts:
            self.stdout.write(f"credited {amount} {asset} to {trader}")
