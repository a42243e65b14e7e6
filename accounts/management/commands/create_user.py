"""`manage.py create_user alice --deposit BTC=1 --deposit USDT=50000`: a user, a key and some money."""

import json
from argparse import ArgumentParser
from typing import Any

from accounts.services import create_user, credit, read_amounts
from markets.management.venue_command import VenueCommand, asset_and_amount


class Command(VenueCommand):
    help = "Make a user, or one more API key for a user that exists. Key and secret are shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what streams and reports call the user")
        parser.add_argument("--display-name", default="", help="for people")
        parser.add_argument("--deposit", action="append", default=[], metavar="BTC=1", help="may be given repeatedly")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle_in_venue(self, **options: Any) -> None:
        amounts = read_amounts([asset_and_amount(text) for text in options["deposit"]])  # before anything is made
        user = create_user(options["name"], options["display_name"])
        credit(user.account, amounts)
        shown = {"user": user.name, "account": user.account, "api_key": user.api_key, "secret": user.secret}
        if options["json"]:
            self.stdout.write(json.dumps(shown))
        else:
            self.stdout.write("\n".join(f"{name}: {value}" for name, value in shown.items()))
