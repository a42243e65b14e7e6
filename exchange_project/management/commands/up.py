"""`manage.py up`: the whole exchange in one command. Ctrl-C ends all of it."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from exchange_project.banner import banner
from exchange_project.checks import unsafe_binding
from exchange_project.listeners import PortTaken, listen
from exchange_project.options import add_option_arguments
from exchange_project.supervisor import CannotStart, Supervisor


class Command(BaseCommand):
    """Start, print where to look, watch, end."""

    help = "run the exchange: Redis, web workers, archiver and clockwork, with a demo market"
    requires_system_checks: list[str] = []  # the one that counts here is made below, in one line

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The flags; their values are in settings by now (options.note_command_line)."""
        add_option_arguments(parser)
        parser.add_argument("--no-demo", action="store_true", help="only the symbols: no users, nobody trades")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits with 1, and one line, when it cannot start."""
        if complaint := unsafe_binding(settings.EXCHANGE_HOST):
            sys.exit(f"up: {complaint}")
        try:
            self._run(demo=not options["no_demo"])
        except (CannotStart, PortTaken) as error:
            sys.exit(f"up: {error}")

    def _run(self, *, demo: bool) -> None:
        listeners = [listen(settings.EXCHANGE_HOST, settings.EXCHANGE_PORT)]
        if settings.EXCHANGE_WS_PORT is not None:
            listeners.append(listen(settings.EXCHANGE_HOST, settings.EXCHANGE_WS_PORT))
        with Supervisor(listeners, workers=settings.EXCHANGE_WORKERS, say=self._say) as supervisor:
            supervisor.heed_signals()
            supervisor.start(demo=demo)
            supervisor.wait_until_ready()
            if not supervisor.is_asked_to_stop:
                self._say(banner(listeners, demo=demo))
            supervisor.watch()
        self._say("stopped; the state is kept in the data directory")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
