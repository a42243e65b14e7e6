"""`manage.py create_key alice --permissions R --addresses 10.0.0.0/8`: one more API key for a user."""

from argparse import ArgumentParser
from typing import Any

from accounts.management.key_options import add_key_options, read_file, show_key
from accounts.models import PERMISSIONS
from accounts.services import create_api_key
from markets.management.venue_command import VenueCommand


class Command(VenueCommand):
    help = "Make one more API key for a user that exists. Key and secret are shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="whose key it is")
        parser.add_argument("--label", default="", help="for people")
        parser.add_argument(
            "--permissions", default=PERMISSIONS, metavar=PERMISSIONS, help="R read, T trade, W deposit and withdraw"
        )
        parser.add_argument(
            "--addresses", default="", metavar="10.0.0.0/8,...", help="from where it may be used; default anywhere"
        )
        add_key_options(parser)

    def handle_in_venue(self, **options: Any) -> None:
        key = create_api_key(
            options["name"],
            label=options["label"],
            permissions=options["permissions"],
            addresses=options["addresses"],
            public_key=read_file(options["public_key"]),
        )
        self.stdout.write(show_key(key, as_json=options["json"]))
