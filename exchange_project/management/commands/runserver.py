"""`manage.py runserver`: daphne with autoreload, on the same embedded Redis, archiver and clockwork as `up`.

The outer process holds the instance; the process that is started again at every change of the source serves.
"""

import os
import sys
import threading
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from django.conf import settings
from django.core.management.base import CommandParser
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from exchange_project.checks import unsafe_binding
from exchange_project.management.whole_flags import WholeFlags
from exchange_project.supervisor import CannotStart, Content, Supervisor

LARGEST_PORT = 65_535


class Command(WholeFlags, DaphneCommand):
    """daphne's runserver inside an instance."""

    help = "serve with daphne and autoreload, for work on the project itself"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.default_addr = settings.EXCHANGE_HOST
        self.default_port = str(settings.EXCHANGE_PORT)

    def add_arguments(self, parser: CommandParser) -> None:
        """daphne's, and ours."""
        super().add_arguments(parser)
        parser.add_argument("--data-dir", help="where the state is kept (EXCHANGE_DATA_DIR)")
        parser.add_argument("--no-demo", action="store_true", help="only the symbols: no users, nobody trades")

    def run(self, **options: Any) -> None:
        """Django calls this once in the outer process and once in each that serves."""
        if os.environ.get(DJANGO_AUTORELOAD_ENV) == "true":
            super().run(**options)
            return
        if not 0 <= int(self.port) <= LARGEST_PORT:
            sys.exit(f"runserver: the port must be 0 to {LARGEST_PORT}, not {self.port}")
        if complaint := unsafe_binding(self.addr):
            sys.exit(f"runserver: {complaint}")
        with Supervisor([], workers=0, say=self.stdout.write) as supervisor:
            try:
                supervisor.start(Content.SYMBOLS if options["no_demo"] else Content.DEMO)
            except CannotStart as error:
                sys.exit(f"runserver: {error}")
            threading.Thread(target=supervisor.watch, daemon=True).start()
            super().run(**options)
