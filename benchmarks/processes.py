"""The processes a measurement starts, and the CPU time they use.

The fact a newcomer would get wrong: none of them may outlive the bench. Each is ended at the end of its block, on
Ctrl-C too, and those of our own making also end when their standard input does, should the bench be killed.
"""

import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
ANSWER_SECONDS: Final = 60.0
_CPU_CLOCK_OF_PROCESS: Final = 2  # CPUCLOCK_SCHED, the kernel's include/linux/posix-timers.h


class BenchFailed(Exception):
    """A measurement could not be made; the text says why, in words."""


class Worker(NamedTuple):
    """A web worker that answers on 127.0.0.1."""

    pid: int
    port: int


# A worker as `up` runs it, on the given Redis, with its files in the given folder, for the length of a block.
StartWorker = Callable[[str, Path], AbstractContextManager[Worker]]


class Helper:
    """A module of ours that runs as a process: a line goes in, a line comes back."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", complaints: IO[bytes]) -> None:
        self._name = name
        self._process = process
        self._complaints = complaints  # its stderr
        self.pid = process.pid

    def ask(self, line: str) -> str:
        """The answer to a line. Raises BenchFailed when the process has ended or says nothing for a minute."""
        self.tell(line)
        return self.listen()

    def tell(self, line: str) -> None:
        """A line that is not answered. Raises BenchFailed when the process has ended."""
        try:
            self._pipe(self._process.stdin).write(line.encode() + b"\n")
        except BrokenPipeError as error:
            raise self._failure() from error

    def listen(self) -> str:
        """The next line it says. Raises BenchFailed likewise."""
        stdout = self._pipe(self._process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            ready = selector.select(ANSWER_SECONDS)
        line = stdout.readline() if ready else b""
        if not line:
            raise self._failure()
        return line.decode().rstrip("\n")

    def _failure(self) -> BenchFailed:
        self._complaints.seek(0)
        last = self._complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
        return BenchFailed(f"{self._name} gave no answer" + (f": {last}" if last else ""))

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


@contextmanager
def helper(module: str, *arguments: str, descriptors: Sequence[int] = ()) -> Iterator[Helper]:
    """`python -m module arguments` with the descriptors passed on, ended with the block."""
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            bufsize=0,
            pass_fds=tuple(descriptors),
            cwd=ROOT,
            process_group=0,  # the terminal's Ctrl-C is the bench's alone
        )
        try:
            yield Helper(module, process, complaints)
        finally:
            process.kill()  # it has nothing to put away, and its sockets' good-byes would take seconds
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def end_with_standard_input() -> None:
    """For a helper that does not read its standard input: end when that does, from a thread."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def cpu_seconds(pid: int) -> float:
    """CPU time that a process and its threads have used so far. Raises BenchFailed where the kernel is not Linux."""
    if sys.platform != "linux":
        raise BenchFailed("the CPU time of another process is read from Linux; this is another system")
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK_OF_PROCESS)


def allow_open_files(count: int) -> None:
    """Have this process, and those it starts, open that many files and sockets. Raises BenchFailed."""
    import resource  # here: Windows has none

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise BenchFailed(f"{count} open files are needed and the system allows {hard}: raise it with ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
