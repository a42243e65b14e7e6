"""A data directory and the instance that uses it: who holds it, where its Redis answers, the secrets kept in it.

    lock          held locked for as long as an instance (or a command) uses the directory
    run.json      what the holder says about itself; true only while the lock is held
    redis/        the embedded server's files
    sim.token, secret_key, admin_password    made once, readable by the owner alone

The lock, not the file, says whether something runs: the kernel drops it when its holder dies, whatever the reason.
A command of a stopped exchange holds the directory too, but only for a moment, so others wait for it.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

import msgspec

from engine.locks import try_lock

COMMAND_WAIT_SECONDS = 30.0
NO_EXCHANGE = "no exchange runs here: start one with `manage.py up`, or set REDIS_URL"

IN_MEMORY = "fakeredis:"  # how the URL of an exchange begins that is all in its own process

_preparations: list[Callable[[str], None]] = []


class DataDirectoryError(Exception):
    """The data directory cannot be had. The text is one line for the person who tried."""


class DataDirectoryInUse(DataDirectoryError):
    """Another instance holds it, or there is none to be had."""


class DataDirectoryUnusable(DataDirectoryError):
    """It cannot be made or written to."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder of a data directory says about itself (run.json)."""

    pid: int
    started_ms: int
    serves: bool  # False: a command that is gone in a moment
    redis_url: str = ""  # empty until its Redis answers
    url: str = ""

    @property
    def is_out_of_reach(self) -> bool:
        """Whether it keeps everything in the memory of another process: nobody else can ask its Redis."""
        return self.redis_url.startswith(IN_MEMORY) and self.pid != os.getpid()


class DataDirectory:
    """One data directory. Use as a context manager to hold it; `announce` then tells others what runs there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_file: IO[bytes] | None = None
        self._started_ms = time.time_ns() // 1_000_000

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def hold(self, *, serves: bool, wait_seconds: float = COMMAND_WAIT_SECONDS) -> Running | None:
        """Take the directory, making it if needed. None when it is ours, else the serving instance that has it.

        Waits for a command that holds it. Raises DataDirectoryInUse when that command does not end, and
        DataDirectoryUnusable.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return self._hold(serves, wait_seconds)
        except OSError as error:
            text = f"the data directory {self.path} cannot be used ({error.strerror}); choose another with --data-dir"
            raise DataDirectoryUnusable(f"{text} or EXCHANGE_DATA_DIR") from error

    def _hold(self, serves: bool, wait_seconds: float) -> Running | None:
        deadline = time.monotonic() + wait_seconds
        while not self._take():
            holder = self._read()
            if holder is not None and holder.serves and holder.redis_url:
                return holder
            if time.monotonic() > deadline:
                who = f"process {holder.pid}" if holder else "another process"
                raise DataDirectoryInUse(f"the data directory {self.path} is in use by {who}")
            time.sleep(0.02)
        self.announce(serves=serves)
        return None

    def announce(self, *, serves: bool, redis_url: str = "", url: str = "") -> None:
        """Write run.json, whole or not at all. The caller holds the directory."""
        note = Running(pid=os.getpid(), started_ms=self._started_ms, serves=serves, redis_url=redis_url, url=url)
        fresh = self.path / "run.json.new"
        fresh.write_bytes(msgspec.json.encode(note))
        fresh.replace(self.path / "run.json")

    @property
    def is_held(self) -> bool:
        """Whether this object holds the directory."""
        return self._lock_file is not None

    def running(self) -> Running | None:
        """The instance that serves from this directory now, or None."""
        if not self.path.is_dir():
            return None
        try:
            if self._lock_file is None and self._take():
                self.release()  # with the note of a holder that was killed: while we look, others would believe it
                return None
        except OSError:  # we may not write here, so nothing of ours runs here
            return None
        holder = self._read()
        return holder if holder is not None and holder.serves else None

    def release(self) -> None:
        """Let the directory go. Harmless when it is not held."""
        if self._lock_file is not None:
            (self.path / "run.json").unlink(missing_ok=True)
            self._drop()

    def _take(self) -> bool:
        lock_file = (self.path / "lock").open("ab")
        if not try_lock(lock_file.fileno()):
            lock_file.close()
            return False
        self._lock_file = lock_file
        return True

    def _drop(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _read(self) -> Running | None:
        try:
            return msgspec.json.decode((self.path / "run.json").read_bytes(), type=Running)
        except (OSError, msgspec.MsgspecError):
            return None


def prepare_with(preparation: Callable[[str], None]) -> None:
    """Name something to be done with the Redis URL before a command works on a stopped exchange (SQL migrations)."""
    _preparations.append(preparation)


@contextmanager
def attached(data_dir: Path, *, redis_url: str = "", durability: str = "standard") -> Iterator[str]:
    """The URL of the exchange's Redis, for a management command, whether the exchange runs or not.

    The given `redis_url` if there is one; else that of the instance which serves from `data_dir`; else an embedded
    server that lives as long as the block. Raises DataDirectoryError, or what EmbeddedServer.start raises.
    """
    with DataDirectory(data_dir) as directory:
        holder = directory.hold(serves=False)
        if holder is not None:
            if holder.is_out_of_reach:
                raise DataDirectoryInUse(
                    f"the exchange at {holder.url} has no Redis server and keeps everything in its own memory, where "
                    f"commands cannot reach it: use {holder.url}/admin/ instead, or stop it"
                )
            yield redis_url or holder.redis_url
        elif redis_url.startswith(IN_MEMORY):
            raise DataDirectoryInUse(
                f"REDIS_URL={redis_url} is the memory of one process, in which only `manage.py up` works: unset it"
            )
        elif redis_url:
            _prepare(redis_url)
            yield redis_url
        else:
            from engine.embedded import EmbeddedServer  # here: settings import this module, and redis-py takes 0.1 s

            server = EmbeddedServer(data_dir / "redis", durability=durability)
            server.start()
            try:
                _prepare(server.url)
                yield server.url
            finally:
                server.stop()


def _prepare(redis_url: str) -> None:
    for preparation in _preparations:
        preparation(redis_url)


def secret_kept_in(path: Path, make: Callable[[], str] = secrets.token_hex) -> str:
    """The secret in a file of mode 0600; made on first use. Two processes that make it at once agree on one."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make() + "\n")
    try:
        path.hardlink_to(mine)
    except FileExistsError:
        pass  # somebody else was first: theirs counts
    finally:
        mine.unlink()
    return path.read_text().strip()
