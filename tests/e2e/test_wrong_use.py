"""Commands typed wrongly, or pointed at a place where nothing can be: one clear line, an exit code, no traceback."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.e2e.processes import ROOT, Up, free_port


def manage(*words: str, **environment: str) -> tuple[int, str]:
    """(exit code, what was printed)"""
    cleaned = {name: value for name, value in os.environ.items() if not name.startswith(("EXCHANGE_", "REDIS_URL"))}
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**cleaned, "EXCHANGE_NO_BOOTSTRAP": "1", **environment},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_taken_port_is_named_with_the_flag_that_chooses_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = str(holder.getsockname()[1])
        for words, flag in (
            (("--port", taken), "--port"),
            (("--port", "0", "--ws-port", taken), "--ws-port"),
        ):
            code, said = manage("up", *words, EXCHANGE_DATA_DIR=str(tmp_path / "data"))
            assert (code, len(said.splitlines())) == (1, 1)
            assert f"127.0.0.1:{taken}" in said
            assert said.rstrip().endswith(f"choose another with {flag}")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("place", ["exchange_project.bootstrap.ensure_environment", "manage.run"])
def test_ctrl_c_ends_a_command_in_one_line(place: str) -> None:
    module, _, function = place.rpartition(".")
    program = (
        f"import manage, {module}\n"
        "def interrupted(*arguments): raise KeyboardInterrupt\n"
        f"{module}.{function} = interrupted\n"
        "manage.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "manage.py: interrupted\n")


UNUSABLE = ["/proc/nowhere", "/proc", str(ROOT / "README.md"), str(ROOT / "README.md" / "within")]


@pytest.mark.parametrize("folder", UNUSABLE)
@pytest.mark.parametrize("words", [("up", "--port", "0"), ("deposit", "demo", "BTC", "1")], ids=lambda words: words[0])
def test_a_data_directory_that_cannot_be_used(words: tuple[str, ...], folder: str) -> None:
    code, said = manage(*words, EXCHANGE_DATA_DIR=folder)
    assert code == 1
    assert f"the data directory {folder} cannot be used" in said
    assert len(said.splitlines()) == 1


def test_the_version_is_the_exchange_s_and_not_django_s() -> None:
    code, said = manage("--version")
    assert (code, said) == (0, f"{settings.EXCHANGE_VERSION}\n")


def test_config_answers_wherever_the_data_directory_points() -> None:
    code, said = manage("config", "--json", EXCHANGE_DATA_DIR="/proc")
    assert code == 0, said
    assert {row["name"]: row["value"] for row in json.loads(said)}["EXCHANGE_DATA_DIR"] == "/proc"


@pytest.mark.parametrize(
    ("words", "environment", "text"),
    [
        ("audit", {"REDIS_URL": "nonsense"}, "REDIS_URL (environment) must be like redis://"),
        ("audit", {"REDIS_URL": "http://localhost"}, "REDIS_URL (environment) must be like redis://"),
        ("audit", {"REDIS_URL": "redis://localhost:port"}, "REDIS_URL (environment) must be like redis://"),
        ("up --port 0", {"REDIS_URL": "redis://127.0.0.1:1"}, "cannot be asked for its settings"),
        ("up --port 0", {"DATABASE_URL": "sqlite:////proc/no/db"}, "the database cannot be used: unable to open"),
        ("create_user zoe", {"DATABASE_URL": "sqlite:////proc/no/db"}, "the database cannot be used: unable to open"),
        ("audit", {"EXCHANGE_VENUE": "a*"}, "EXCHANGE_VENUE (environment) must be 1 to 64 letters"),
        ("audit", {"EXCHANGE_VENUE": "{x}"}, "EXCHANGE_VENUE (environment) must be 1 to 64 letters"),
        ("audit", {"DATABASE_URL": f"sqlite:///{__file__}"}, "the database cannot be used: file is not a database"),
        ("up --port 0", {"DATABASE_URL": f"sqlite:///{__file__}"}, "the database cannot be used: file is not a data"),
        ("up --port 0", {"DATABASE_URL": "postgres://u:p@127.0.0.1:1/x"}, f"module: install it into {sys.prefix}"),
        (
            "up --port 0 --host 192.0.2.1",
            {"EXCHANGE_ALLOW_UNSIGNED": "true", "EXCHANGE_ALLOWED_HOSTS": "x"},
            "cannot listen on 192.0.2.1:0: Cannot assign requested address; choose another with --host",
        ),
        ("up --port 99999", {}, "--port must be 0 to 65535"),
        ("up --port 0x50", {}, "--port must be 0 to 65535"),
        ("up --workers 0", {}, "--workers must be 1 to 64"),
        ("up --work 2", {}, "unrecognized arguments: --work 2"),
        ("runserver --data x", {}, "unrecognized arguments: --data"),
        ("storm --workers 100000", {}, "--workers must be 1 to 64, not 100000"),
        ("runserver 99999", {}, "the port must be 0 to 65535, not 99999"),
        ("deposit nobody BTC 1", {}, "there is no such user (nobody)"),
        ("replay /nowhere/at.all", {}, "at.all: cannot be opened (No such file or directory)"),
        ("replay README.md --speed 0", {}, "argument --speed"),
        ("replay README.md --speed nan", {}, "argument --speed"),
        ("clock lunar", {}, "invalid choice: 'lunar'"),
        ("run_archiver", {}, "no exchange runs here"),
        (
            "run_worker 99",
            {},
            "99 is not the descriptor of an inherited listening socket (Bad file descriptor)",
        ),
        ("run_worker 99999999999999999999", {}, "is not the descriptor of an inherited listening socket"),
        ("run_worker -1", {}, "is not the descriptor of an inherited listening socket"),
        ("dance", {}, "Unknown command: 'dance'"),
    ],
)
def test_wrong_use_ends_in_a_clear_line(tmp_path: Path, words: str, environment: dict[str, str], text: str) -> None:
    code, said = manage(*shlex.split(words), **{"EXCHANGE_DATA_DIR": str(tmp_path / "data"), **environment})
    assert code != 0
    assert text in said
    assert "Traceback" not in said


def test_what_the_readme_says_about_recordings_works_beside_the_demo_market(up, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    running: Up = up(port=free_port()).wait_until_open()
    lines = re.findall(r"^    python3 manage.py ((?:replay|clock) .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["replay", "clock"]
    for line in lines:
        words = [str(ROOT / word) if word.startswith("simulation/") else word for word in line.split()]
        code, said = manage(*words, EXCHANGE_DATA_DIR=str(tmp_path / "data"))
        assert code == 0, said
    assert running.is_ready()
    assert manage("audit", EXCHANGE_DATA_DIR=str(tmp_path / "data"))[0] == 0
