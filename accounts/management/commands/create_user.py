"""`manage.py create_user alice --deposit BTC=1 --deposit USDT=50000`: a user, a key and some money."""

from argparse import ArgumentParser
from typing import Any

from accounts.management.key_options import add_key_options, read_file, show_key
from accounts.services import create_user, credit, read_amounts
from markets.management.venue_command import VenueCommand, asset_and_amount


class Command(VenueCommand):
    help = "Make a user, or one more API key for a user that exists. Key and secret are shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what streams and reports call the user")
        parser.add_argument("--display-name", default="", help="for people")
        parser.add_argument("--deposit", action="append", default=[], metavar="BTC=1", help="may be given repeatedly")
        add_key_options(parser)

    def handle_in_venue(self, **options: Any) -> None:
        amounts = read_amounts([asset_and_amount(text) for text in options["deposit"]])  # before anything is made
        user = create_user(options["name"], options["display_name"], public_key=read_file(options["public_key"]))
        credit(user.account, amounts)
        self.stdout.write(show_key(user, as_json=options["json"]))
