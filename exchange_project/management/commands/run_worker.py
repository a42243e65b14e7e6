"""One web worker of `manage.py up`, on listening sockets inherited from it. Not meant to be typed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Serve the ASGI application until told to stop."""

    help = "one web worker (started by `up`, with the descriptors of its listening sockets)"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The descriptors."""
        parser.add_argument("descriptors", nargs="+", type=int, help="inherited, already listening")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the application here, so that `--help` costs nothing."""
        from exchange_project.asgi import application
        from exchange_project.server import serve

        serve(application, options["descriptors"])
