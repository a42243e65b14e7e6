"""The processes that the supervisor starts: each in a group of its own, so that Ctrl-C reaches the supervisor alone.

A child that dies is started again, after a pause that doubles up to five seconds and is forgotten once it has lived
for a while. Should the supervisor be killed, the kernel ends its children (Linux).
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
SETTLED_SECONDS = 10.0
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """For a fresh child, before it becomes its program: SIGTERM when the thread that started it is gone."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Pause:
    """How long to wait before something that died is started again: 0.2 s, doubling, at most 5 s."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._until = 0.0

    def begin(self, lived_seconds: float) -> float:
        """It has died: from now on wait for the seconds returned."""
        longer = min(max(self._seconds * 2, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self._seconds = SHORTEST_PAUSE_SECONDS if lived_seconds > SETTLED_SECONDS else longer
        self._until = time.monotonic() + self._seconds
        return self._seconds

    def is_over(self) -> bool:
        """Whether it may start again."""
        return time.monotonic() >= self._until


class Child:
    """One management command, run as a process of its own."""

    def __init__(
        self,
        name: str,
        manage: Path,
        arguments: Sequence[str],
        descriptors: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._environment = environment or {}
        self._command = [sys.executable, str(manage), *arguments]
        self._descriptors = tuple(descriptors)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = Pause()

    def start(self) -> None:
        """Start it with the environment as it is now, and what its own says otherwise."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            pass_fds=self._descriptors,
            env={**os.environ, "EXCHANGE_NO_BOOTSTRAP": "1", **self._environment},
            process_group=0,
            preexec_fn=end_with_parent,
        )

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    def exit_code(self) -> int | None:
        """None while it runs or has not been started."""
        return self._process.poll() if self._process is not None else None

    def revive(self, say: Callable[[str], None]) -> None:
        """Called again and again: notices a death, says so once, and starts it again when the pause is over."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            pause = self._pause.begin(time.monotonic() - self._started)
            say(f"{self.name} {describe_exit(code)}; starting it again in {pause:.1f} s")
        if self._process is None and self._pause.is_over():
            self.start()

    def ask_to_end(self) -> None:
        """SIGTERM, if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def wait(self, deadline: float, hurry: Callable[[], bool]) -> None:
        """Wait for its end until `deadline` (monotonic seconds) or until there is a hurry; then kill it."""
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() > deadline or hurry():
                self._process.kill()
                self._process.wait()
            time.sleep(0.01)


def describe_exit(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by {signal.Signals(-code).name}"
