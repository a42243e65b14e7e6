"""`manage.py bench` as it is typed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30


def bench(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The command, with its temporary files in `folder`."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "EXCHANGE_DATA_DIR": str(folder / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_one_figure_is_printed_and_written(tmp_path: Path) -> None:
    temporary, written = tmp_path / "t", tmp_path / "figures.json"
    temporary.mkdir()
    process = bench(temporary, "--quick", "--only", "p1", "--json", str(written))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "P1" in out
    (ratio,) = json.loads(written.read_text())["ratios"]
    assert (ratio["id"], len(ratio["by_round"])) == ("P1", 3)
    assert ratio["value"] > 0
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"only": "P1,P99"}, "unknown figure P99: choose from P1, P2"),
        ({"json": Path("/no/such/folder/file.json")}, "/no/such/folder is not a folder"),
    ],
)
def test_wrong_arguments_are_told_before_anything_runs(options, text):
    with pytest.raises(CommandError, match=text):
        call_command("bench", **options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    process = bench(tmp_path, "--only", "P6")
    deadline = time.monotonic() + PATIENCE_S
    while len(children := children_of(process.pid)) < 3:  # Redis, worker, generator
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "bench: interrupted" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    assert [pid for pid in children if is_running(pid)] == []


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_running(pid: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
