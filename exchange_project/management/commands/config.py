"""`manage.py config`: the effective settings and where each came from, secrets masked."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from exchange_project.management.whole_flags import WholeFlags
from exchange_project.options import add_option_arguments


class Command(WholeFlags):
    """Print the table of options.py with its effective values."""

    help = "effective settings and where each came from, secrets masked"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The same flags as `up`, so that one can ask what they would do."""
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")
        add_option_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """A line, or an object, per option."""
        rows = [
            {
                "name": setting.option.name,
                "value": setting.shown(),
                "source": setting.source,
                "help": setting.option.help,
            }
            for setting in settings.EXCHANGE_OPTIONS.settings
        ]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        for row in rows:
            value = "" if row["value"] in (None, [], "") else str(row["value"])
            self.stdout.write(f"{row['name']:<28} {value:<20} {row['source']:<13} {row['help']}")
