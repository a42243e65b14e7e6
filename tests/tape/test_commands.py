"""`replay`, `clock` and `make_recording` as a person types them, on a stopped exchange."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Terminal:
    """Runs `manage.py` on a data directory of its own."""

    def __init__(self, folder: Path) -> None:
        ours = {"EXCHANGE_DATA_DIR": str(folder), "EXCHANGE_NO_BOOTSTRAP": "1", "EXCHANGE_DURABILITY": "standard"}
        others = ("REDIS_URL", "DATABASE_URL", "EXCHANGE_INSTANCE_REDIS_URL")
        self.environment = {name: text for name, text in os.environ.items() if name not in others} | ours

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self.environment, cwd=ROOT)

    def run(self, *words: str, code: int = 0) -> str:
        """What it says on both, once it has ended with that exit code."""
        process = self.start(*words)
        said, complained = process.communicate(timeout=60)
        assert process.returncode == code, said + complained
        return said + complained


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "data")


def test_a_recording_is_made_played_and_stopped(terminal: Terminal, tmp_path: Path) -> None:
    path = str(tmp_path / "made.jsonl.gz")
    assert "seed 5" in terminal.run("make_recording", "--seed", "5", "--seconds", "30", path)
    assert "the exchange has no symbol BTCUSDT" in terminal.run("replay", path, code=1)
    terminal.run("add_symbol", "BTCUSDT", "--base", "BTC", "--quote", "USDT")
    said = terminal.run("replay", path, "--speed", "max", "--symbol", "BTCUSDT")
    assert "BTCUSDT from 2024-01-01 00:00:00." in said
    assert "The clock stands at 2024-01-01 00:00:30.000 UTC" in said
    assert "2024-01-01 00:00:30.000 UTC (virtual, it stands)" in terminal.run("clock")

    playing = terminal.start("replay", path, "--speed", "2")
    assert playing.stdout is not None
    while "Cleared all open orders" not in playing.stdout.readline():
        assert playing.poll() is None
    time.sleep(0.3)  # some events into the recording: nothing tells from outside
    playing.send_signal(signal.SIGINT)
    said, complained = playing.communicate(timeout=20)
    assert playing.returncode == 130, said + complained
    assert "Stopped after" in said
    assert "KeyboardInterrupt" not in complained
    assert terminal.run("audit").startswith("0 differences")
    assert "(real)" in terminal.run("clock", "real")
    assert "with --clear all open orders" in terminal.run("clock", "virtual", "2020-01-01", code=1)
    assert "2020-01-01 00:00:00.000 UTC" in terminal.run("clock", "virtual", "2020-01-01", "--clear")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("replay", "README.md"), "README.md: line 1: does not begin with a receive time"),
        (("clock", "virtual"), "`virtual` needs one"),
        (("clock", "virtual", "noon"), "'noon' is not a time: write 2024-08-08T12:00:00"),
        (("make_recording", "--price", "1", "x"), "at least 10,000 ticks"),
        (("make_recording", "--start", "noon", "x"), "'noon' is not a time"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(terminal: Terminal, words: tuple[str, ...], why: str) -> None:
    said = terminal.run(*words, code=1)
    assert why in said
    assert "Traceback" not in said


def test_a_speed_that_is_none_is_refused(terminal: Terminal) -> None:
    assert "'0' is not a speed" in terminal.run("replay", "x", "--speed", "0", code=2)
