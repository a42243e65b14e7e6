"""A new database is a copy of the template, and the same as one that was migrated."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from exchange_project import database_template

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
import django
django.setup()
from django.core import management
from exchange_project import database, database_template
database_template.FOLDER = Path(sys.argv[1])
ran = []
original = database.call_command
database.call_command = lambda *words, **options: (ran.append(words[0]), original(*words, **options))
database.migrate_if_needed()
print(json.dumps(ran))
"""


def start(folder: Path, name: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """A process that migrates a database of its own: the commands it has run, and what the database then holds."""
    data = folder / name
    data.mkdir(exist_ok=True)
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder / "cache")],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "exchange_project.settings", "EXCHANGE_DATA_DIR": str(data),
             "DATABASE_URL": ""},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    with closing(sqlite3.connect(data / "db.sqlite3")) as connection:
        held: list[tuple[object, ...]] = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        for query in ("SELECT app, name FROM django_migrations", "SELECT * FROM auth_permission",
                      "SELECT * FROM django_content_type"):  # fmt: skip
            held += connection.execute(query).fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return json.loads(found.stdout), sorted(held, key=str)


def test_the_second_new_database_is_a_copy_and_holds_the_same(tmp_path: Path) -> None:
    first_ran, first = start(tmp_path, "first")
    second_ran, second = start(tmp_path, "second")
    again_ran, _ = start(tmp_path, "second")
    assert (first_ran, second_ran, again_ran) == (["migrate"], [], [])
    assert first == second
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_template_that_is_broken_is_made_anew(tmp_path: Path) -> None:
    start(tmp_path, "first")
    (template,) = (tmp_path / "cache").iterdir()
    for junk in (b"no database at all, just text" * 100, b""):
        template.write_bytes(junk)
        ran, _ = start(tmp_path, f"after-{len(junk)}")
        assert ran == ["migrate"]
    assert start(tmp_path, "last")[0] == []


@pytest.mark.parametrize("change", ["content", "name"])
def test_other_migrations_have_another_template(tmp_path: Path, monkeypatch, change: str) -> None:
    migrations = tmp_path / "app" / "migrations"
    migrations.mkdir(parents=True)
    file = migrations / "0001_initial.py"
    file.write_text("operations = []")
    monkeypatch.setattr(database_template, "_migration_files", lambda: iter(sorted(migrations.glob("*.py"))))
    before = database_template.template_path()
    assert before == database_template.template_path()
    if change == "content":
        file.write_text("operations = [1]")
    else:
        file.rename(migrations / "0002_initial.py")
    assert database_template.template_path() != before


def test_where_nothing_can_be_kept_the_migrations_do_it(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert start(tmp_path, "first")[0] == ["migrate"]
    assert start(tmp_path, "second")[0] == ["migrate"]
