"""One web worker of `manage.py up`, on listening sockets inherited from it. Not meant to be typed."""

import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Serve the ASGI application until told to stop."""

    help = "one web worker (started by `up`, with the descriptors of its listening sockets)"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The descriptors."""
        parser.add_argument("descriptors", nargs="+", type=int, help="inherited, already listening")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the application here, so that `--help` costs nothing."""
        listeners = [_inherited(descriptor) for descriptor in options["descriptors"]]
        from exchange_project.asgi import application
        from exchange_project.server import serve

        serve(application, listeners)


def _inherited(descriptor: int) -> socket.socket:
    """The listening socket that whoever started this process has passed on. Raises CommandError."""
    try:
        listener = socket.socket(fileno=descriptor)
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError("it does not listen")
    except (OSError, ValueError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CommandError(
            f"{descriptor} is not the descriptor of an inherited listening socket ({why}): "
            "workers are started by `manage.py up`, which hands them theirs"
        ) from error
    return listener
