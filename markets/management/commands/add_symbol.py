"""`manage.py add_symbol ETHBTC --base ETH --quote BTC --tick-size 0.00001`: one more market."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from markets.management.venue_command import VenueCommand
from markets.models import RULE_FIELDS, Symbol
from markets.services import add_symbol


class Command(VenueCommand):
    help = "Add a symbol. Rules that are left out suit BTCUSDT (tick 0.01, lot 0.00001, notional 5, fees 0.1 %)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("symbol", help="like BTCUSDT")
        parser.add_argument("--base", required=True, help="the asset that is traded, like BTC")
        parser.add_argument("--quote", required=True, help="the asset that is paid with, like USDT")
        for field in RULE_FIELDS:
            said: str = getattr(Symbol, field).field.help_text
            parser.add_argument(f"--{field.replace('_', '-')}", dest=field, help=said.replace("%", "%%"))

    def handle_in_venue(self, **options: Any) -> None:
        rules = {field: options[field] for field in RULE_FIELDS}
        if not add_symbol(options["symbol"], options["base"], options["quote"], **rules):
            raise CommandError(f"{options['symbol']} exists already; its rules are edited in the admin")
        self.stdout.write(f"{options['symbol']} is open for trading")
