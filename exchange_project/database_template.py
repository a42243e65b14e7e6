"""A new SQLite database is a copy of one that was migrated before: a fifth of a second less until an exchange is ready.

The template is made by the first exchange that migrates an empty database, and lies in `.cache` beside manage.py. Its
name is the hash of everything that the migrations come to, so another version of the code, of Django or of SQLite makes
one of its own. The fact a newcomer would get wrong: it holds tables and Django's own rows, nothing of anybody's, since
it is taken before anything else is written; and it may be deleted at any time.
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.db import connection

FOLDER = Path(settings.BASE_DIR) / ".cache"


def begin_with_template() -> bool:
    """Where the database is new and a template of these migrations is there, copy it. Whether that was done."""
    database = new_sqlite_file()
    if database is None or not (template := template_path()).is_file():
        return False
    connection.close()
    fresh = database.with_name(f"{database.name}.{os.getpid()}")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template, fresh)
        fresh.replace(database)
    except OSError:  # no room, not ours to read: the migrations do it, or say better why they cannot
        fresh.unlink(missing_ok=True)
        return False
    return True


def keep_as_template() -> None:
    """Keep the database, which has just been made by migrations alone. Where nothing can be written, do nothing."""
    template = template_path()
    fresh = template.with_name(f"{template.name}.{os.getpid()}")
    try:
        FOLDER.mkdir(exist_ok=True)
        with contextlib.closing(sqlite3.connect(fresh)) as target:
            connection.ensure_connection()
            connection.connection.backup(target)
        fresh.replace(template)
        for other in FOLDER.glob("migrated-*.sqlite3"):
            if other != template:
                other.unlink(missing_ok=True)
    except (OSError, sqlite3.Error):
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def drop_template() -> None:
    """Of a template that turned out to be no good: it, and the database that was made of it."""
    connection.close()
    database = Path(settings.DATABASES["default"]["NAME"])
    for file in (template_path(), database, *database.parent.glob(f"{database.name}-*")):
        file.unlink(missing_ok=True)


def new_sqlite_file() -> Path | None:
    """The file of the default database, if that is SQLite in a file that is not there yet."""
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        return None
    name = str(database["NAME"])
    if name == ":memory:" or name.startswith("file:"):
        return None
    return None if Path(name).exists() else Path(name)


def template_path() -> Path:
    """Where a template of the migrations as they are now is kept."""
    digest = hashlib.sha256(f"{django.__version__} {sqlite3.sqlite_version}".encode())
    for file in _migration_files():
        digest.update(f"{file.parent.parent.name}/{file.name}\n".encode())
        digest.update(file.read_bytes())
    return FOLDER / f"migrated-{digest.hexdigest()[:32]}.sqlite3"


def _migration_files() -> Iterator[Path]:
    """Those of every app, Django's too, in an order of their own."""
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        yield from sorted((Path(app.path) / "migrations").glob("*.py"))
