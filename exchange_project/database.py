"""The SQL side of starting: migrations that are still to be applied, and the first staff login."""

import secrets
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from engine.instance import secret_kept_in
from exchange_project import database_template


def migrate_if_needed() -> None:
    """Apply what is missing; a look at one table when nothing is. A new SQLite database begins as a template's copy."""
    is_new = database_template.new_sqlite_file() is not None
    if database_template.begin_with_template():
        with suppress(DatabaseError):
            if not _is_behind():
                return
        database_template.drop_template()
    if _is_behind():
        call_command("migrate", interactive=False, verbosity=0)
        if is_new:
            database_template.keep_as_template()


def _is_behind() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def ensure_admin() -> Path | None:
    """Make the superuser `admin` if nobody may enter the admin yet. The file with its password, None if not ours."""
    file = Path(settings.EXCHANGE_DATA_DIR) / "admin_password"
    if not User.objects.filter(is_superuser=True).exists():
        password = secret_kept_in(file, lambda: secrets.token_urlsafe(12))
        User.objects.create_superuser(username="admin", email="", password=password)
    return file if file.exists() else None
