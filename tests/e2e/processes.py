"""What the tests of whole exchanges share: one `manage.py up` in its own folder, its processes, and waiting for them.

The fact a newcomer would get wrong: an Up does not end by itself. Use the fixture `up` of conftest.py, or end it.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(look: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def children_of(pid: int) -> dict[int, str]:
    """pid -> command line of every living descendant."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(entry.parent.name)] = int(fields[1])
    found: set[int] = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {child: command_of(child) for child in found - {pid}}


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Up:
    """One `manage.py up` in its own folder, and what it has printed."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None, **environment: str) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.log = folder.parent / f"{folder.name}-{time.monotonic_ns()}.log"
        command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(self.port), "--data-dir", str(folder)]
        cleaned = {name: value for name, value in os.environ.items() if not name.startswith(("EXCHANGE_", "REDIS_URL"))}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**cleaned, "EXCHANGE_NO_BOOTSTRAP": "1", **environment},
            )

    @property
    def printed(self) -> str:
        return self.log.read_text()

    def wait_until_open(self) -> "Up":
        def opened() -> bool:
            assert self.process.poll() is None, self.printed
            return "The exchange is open." in self.printed

        until(opened, 90)
        return self

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def find(self, *words: str) -> list[int]:
        return [pid for pid, command in children_of(self.process.pid).items() if any(word in command for word in words)]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def demo_key(printed: str) -> str:
    """The key that `up` printed."""
    found = re.search(r"API key of the user demo: (\S+)", printed)
    assert found, printed
    return found[1]
