#!/usr/bin/env python3
"""Every command of the project; `python3 manage.py up` starts the exchange, `python3 manage.py test` its tests.

The first run needs nothing but Python 3.11 and pip: it sets up `.venv` beside this file and goes on in there.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
INTERRUPTED = 130  # what shells expect of a program that was ended by Ctrl-C


def main() -> None:
    """Set up if needed, then hand over to Django. Errors of setup and settings are one line each."""
    if sys.version_info < (3, 11):
        sys.exit("manage.py: Python 3.11 or newer is needed, this is " + sys.version.split()[0])
    from exchange_project.bootstrap import ensure_environment

    try:
        ensure_environment(ROOT, [str(ROOT / "manage.py"), *sys.argv[1:]])
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_project.settings")
        run(sys.argv)
    except KeyboardInterrupt:
        sys.stderr.write("manage.py: interrupted\n")
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        if error.name is None or (ROOT / error.name.partition(".")[0]).exists():
            raise
        sys.exit(f"manage.py: {error.name} is missing in {sys.prefix}: pip install -r requirements-dev.lock")


def run(arguments: list[str]) -> None:
    """Run one command of Django's or of ours."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from exchange_project.options import note_command_line

    note_command_line(arguments)
    try:
        _ = settings.INSTALLED_APPS  # reads the settings
        if arguments[1:] in (["--version"], ["version"]):  # Django would name its own
            sys.stdout.write(f"{settings.EXCHANGE_VERSION}\n")
            return
        execute_from_command_line(arguments)
    except ImproperlyConfigured as error:  # a value that cannot be read, a database without its driver
        hint = f": install it into {sys.prefix}" if "module" in str(error) else ""
        sys.exit(f"manage.py: {error}{hint}")


if __name__ == "__main__":
    main()
