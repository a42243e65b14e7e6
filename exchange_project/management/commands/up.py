"""`manage.py up`: the whole exchange in one command. Ctrl-C ends all of it."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from engine.venue import Venue
from exchange_project.banner import banner
from exchange_project.checks import unsafe_binding
from exchange_project.database import ensure_admin
from exchange_project.listeners import PortTaken, listen_all
from exchange_project.management.whole_flags import WholeFlags
from exchange_project.options import add_option_arguments
from exchange_project.supervisor import CannotStart, Content, Supervisor
from markets.publish import run_in_venue
from simulation.clock import shown
from simulation.demo import demo_api_key


class Command(WholeFlags):
    """Start, print where to look, watch, end."""

    help = "run the exchange: Redis, web workers, archiver and clockwork, with a demo market"
    requires_system_checks: list[str] = []  # the one that counts here is made below, in one line

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The flags; their values are in settings by now (options.note_command_line)."""
        add_option_arguments(parser)
        parser.add_argument("--no-demo", action="store_true", help="only the symbols: no users, nobody trades")
        own = parser.add_argument_group("for programs that start an exchange of their own (MockExchange does)")
        own.add_argument("--bare", action="store_true", help="not even symbols")
        own.add_argument("--parent", type=int, help="the process that started this one: when it is gone, stop too")
        own.add_argument("--discard", action="store_true", help="remove the data directory at the end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits with 1, and one line, when it cannot start."""
        if complaint := unsafe_binding(settings.EXCHANGE_HOST) or unsafe_binding(settings.EXCHANGE_WS_HOST):
            sys.exit(f"up: {complaint}")
        content = Content.NOTHING if options["bare"] else Content.SYMBOLS if options["no_demo"] else Content.DEMO
        try:
            self._run(content, parent=options["parent"], discard=options["discard"])
        except (CannotStart, PortTaken) as error:
            sys.exit(f"up: {error}")

    def _run(self, content: Content, *, parent: int | None, discard: bool) -> None:
        listeners = listen_all(settings.EXCHANGE_HOST, settings.EXCHANGE_PORT)
        if settings.EXCHANGE_WS_PORT is not None:
            listeners += listen_all(settings.EXCHANGE_WS_HOST, settings.EXCHANGE_WS_PORT, flag="--ws-port")
        with Supervisor(listeners, workers=settings.EXCHANGE_WORKERS, say=self._say) as supervisor:
            supervisor.heed_signals()
            if parent is not None:
                supervisor.end_with(parent)
            if discard:
                supervisor.discard_at_end()
            supervisor.start(content)
            supervisor.wait_until_ready()
            if not supervisor.is_asked_to_stop:
                ensure_admin()
                api_key = demo_api_key() if content is Content.DEMO else None
                stands_at = "" if supervisor.is_in_memory else run_in_venue(_stands_at)
                self._say(banner(listeners, api_key=api_key, stands_at=stands_at, is_in_memory=supervisor.is_in_memory))
            supervisor.watch()
        is_kept = not (discard or supervisor.is_in_memory)
        self._say("stopped; the state is kept in the data directory" if is_kept else "stopped")

    def _say(self, text: str) -> None:
        """Also to a terminal or pipe that has gone: that nobody reads any more is no reason to end."""
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _stands_at(venue: Venue) -> str:
    """A replay of last week leaves a market whose time stands still: whoever starts it shall know."""
    clock = await venue.queries.clock()
    return shown(clock.now_ms) if clock.mode == "virtual" else ""
