"""`manage.py test [pytest arguments]`: pytest, in place of Django's own test runner."""

import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Everything after `test` goes to pytest as it is."""

    help = "run the tests; all arguments go to pytest"
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Skip Django's parsing: `-k`, `-x` and `--help` are pytest's. Exits with pytest's code.

        A process of its own, so that pytest imports settings and Django as it does when called directly.
        """
        self.handle(pytest_arguments=argv[2:])

    def handle(self, *args: Any, **options: Any) -> None:
        """Run pytest from the project's root."""
        command = [sys.executable, "-m", "pytest", *options.get("pytest_arguments", [])]
        sys.exit(subprocess.call(command, cwd=settings.BASE_DIR))
