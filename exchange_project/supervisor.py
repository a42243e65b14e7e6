"""What `manage.py up` runs: one parent that prepares the data directory, starts Redis and the processes of the
exchange, watches them, and ends them in the order in which nothing is lost (those who write last, Redis at the end).

The parent answers no request itself: it holds the lock of the data directory and the listening sockets.
"""

import os
import shutil
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import Self

from django.conf import settings
from django.core.management import call_command
from django.db import Error as DatabaseError
from django.db import close_old_connections

from accounts.services import publish_all
from engine.embedded import EmbeddedServer, EmbeddedServerError, check_server, find_server
from engine.errors import ExchangeError, OtherLayout, Rejected
from engine.instance import IN_MEMORY, DataDirectory, DataDirectoryError, secret_kept_in
from exchange_project import in_memory
from exchange_project.children import Child, Pause
from exchange_project.database import ensure_admin, migrate_if_needed
from exchange_project.listeners import url_of
from markets.management.venue_command import one_line
from markets.publish import publish_rate_limits
from simulation.demo import seed

READY_SECONDS = 45.0
WORKERS_END_SECONDS = 2.5
OTHERS_END_SECONDS = 1.0
WATCH_SECONDS = 0.1
KEPT = {  # what an embedded Redis that died has of orders and balances when it runs again
    "ci": "it forgot all balances, orders and trades (durability ci)",
    "standard": "it may lack the last second's changes (durability standard)",
    "durable": "it has everything that was acknowledged (durability durable)",
}


class Content(Enum):
    """What an exchange has in it when it is new."""

    NOTHING = "nothing"
    SYMBOLS = "symbols"
    DEMO = "demo"


class CannotStart(Exception):
    """Nothing was started, or it was ended again. The text is one line for the person who tried."""


class Supervisor:
    """The instance of one data directory, with `workers` web processes on the given sockets (none for runserver)."""

    def __init__(self, listeners: Sequence[socket.socket], *, workers: int, say: Callable[[str], None]) -> None:
        self._listeners = listeners
        self._say = say
        self._directory = DataDirectory(settings.EXCHANGE_DATA_DIR)
        self._server: EmbeddedServer | None = None
        self._server_started = 0.0
        self._server_pause = Pause()
        self._publish_pause = Pause()
        self._is_published = True  # what SQL knows, to the Redis that runs now
        self._content = Content.NOTHING
        self._workers: list[Child | in_memory.InMemoryExchange] = []
        self._workers += [self._worker(number) for number in range(1, workers + 1)]
        self._helpers = [self._child("archiver", "run_archiver"), self._child("clockwork", "run_clockwork")]
        self.is_in_memory = False
        self._signals = 0
        self._parent: int | None = None
        self._discards = False
        self._is_stopping = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether SIGINT or SIGTERM came, or the process that this exchange belongs to is gone."""
        return self._signals > 0 or self._parent not in (None, os.getppid())

    def heed_signals(self) -> None:
        """SIGINT and SIGTERM end the watch; a second one, during the good-byes, kills what is left."""

        def count(number: int, frame: FrameType | None) -> None:
            self._signals += 1

        signal.signal(signal.SIGINT, count)
        signal.signal(signal.SIGTERM, count)

    def end_with(self, parent: int) -> None:
        """From now on the end of our parent process, killed or not, counts as being asked to stop."""
        self._parent = parent

    def discard_at_end(self) -> None:
        """Leave nothing behind: the data directory goes too, if it was ours to use."""
        self._discards = True

    def start(self, content: Content) -> None:
        """Everything up to running processes. Raises CannotStart; what was started by then ends in `stop`."""
        self._hold_directory()
        os.environ["EXCHANGE_DATA_DIR"] = str(settings.EXCHANGE_DATA_DIR)
        redis_url = self._find_redis()
        if redis_url.startswith(IN_MEMORY):
            self._go_into_memory()
        if problems := check_server(redis_url):
            raise CannotStart(" ".join(problems))
        os.environ["EXCHANGE_INSTANCE_REDIS_URL"] = settings.REDIS_URL = redis_url
        self._directory.announce(serves=True, redis_url=redis_url, url=self.url)
        self._content = content
        self._prepare(content)
        for child in (*self._workers, *self._helpers):
            child.start()

    @property
    def url(self) -> str:
        """Where REST answers; empty without sockets of our own."""
        return url_of(self._listeners[0]) if self._listeners else ""

    def wait_until_ready(self) -> None:
        """Until /healthz says 200. Raises CannotStart when a process ends instead, or after 45 s."""
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_asked_to_stop and not _answers(f"{self.url}/healthz"):
            for child in (*self._workers, *self._helpers):
                if (code := child.exit_code()) is not None:
                    raise CannotStart(f"the {child.name} ended with code {code} while starting")
            if time.monotonic() > deadline:
                raise CannotStart(f"{self.url}/healthz was not ready within {READY_SECONDS:.0f} s")
            time.sleep(0.03)

    def watch(self) -> None:
        """Start again what dies, until asked to stop."""
        while not (self.is_asked_to_stop or self._is_stopping):
            self._revive_server()
            self._publish_again()
            for child in (*self._workers, *self._helpers):
                child.revive(self._say)
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """End everything within five seconds: workers, then archiver and clockwork, then Redis. Safe to repeat."""
        self._is_stopping = True
        signals_before = self._signals
        if self._directory.is_held:
            self._directory.announce(serves=False)  # commands that come now wait for the end
        for group, seconds in ((self._workers, WORKERS_END_SECONDS), (self._helpers, OTHERS_END_SECONDS)):
            deadline = time.monotonic() + seconds
            for child in group:
                child.ask_to_end()
            for child in group:
                child.wait(deadline, lambda: self._signals > max(signals_before, 1))
        if self._server is not None:
            self._server.stop(save=not self._discards)
            self._server = None
        if self.is_in_memory:
            in_memory.end_files(self._directory.path)
        if self._discards and self._directory.is_held:
            shutil.rmtree(self._directory.path, ignore_errors=True)
        self._directory.release()

    def _worker(self, number: int) -> Child:
        descriptors = [listener.fileno() for listener in self._listeners]
        return self._child(f"web worker {number}", "run_worker", *map(str, descriptors), descriptors=descriptors)

    @staticmethod
    def _child(name: str, *arguments: str, descriptors: Sequence[int] = ()) -> Child:
        return Child(name, Path(settings.BASE_DIR) / "manage.py", arguments, descriptors)

    def _hold_directory(self) -> None:
        try:
            holder = self._directory.hold(serves=True)
        except DataDirectoryError as error:
            raise CannotStart(str(error)) from error
        if holder is not None:
            at = f" at {holder.url}" if holder.url else ""
            raise CannotStart(
                f"the data directory {self._directory.path} is in use by an exchange{at} (process {holder.pid}); "
                "stop it, or choose another with --data-dir"
            )

    def _find_redis(self) -> str:
        """The URL of the one that was given, of one that was started, or of the last resort."""
        given: str = settings.REDIS_URL_FROM_ENV
        if sys.platform == "win32" and given and not given.startswith(IN_MEMORY):
            raise CannotStart("on Windows the exchange runs in one process and its memory only: unset REDIS_URL")
        try:
            return given or (self._start_server() if find_server() else in_memory.REDIS_URL)
        except EmbeddedServerError as error:
            raise CannotStart(str(error)) from error

    def _go_into_memory(self) -> None:
        """One thread of this process instead of all children, and nothing that is kept."""
        if not self._listeners:
            raise CannotStart("no Redis server was found, and without one only `manage.py up` works: see README.md")
        if settings.EXCHANGE_OPTIONS["DATABASE_URL"]:
            raise CannotStart("no Redis server was found, so nothing is kept, also not in SQL: unset DATABASE_URL")
        self.is_in_memory = True
        settings.EXCHANGE_DURABILITY = in_memory.DURABILITY
        in_memory.begin_files(self._directory.path)
        self._workers, self._helpers = [in_memory.InMemoryExchange(self._listeners)], []
        self._say(in_memory.NOTICE)

    def _start_server(self) -> str:
        folder = settings.EXCHANGE_DATA_DIR / "redis"
        self._server = EmbeddedServer(folder, durability=settings.EXCHANGE_DURABILITY)
        self._server.start()
        self._server_started = time.monotonic()
        return self._server.url

    def _prepare(self, content: Content) -> None:
        secret_kept_in(settings.EXCHANGE_SIM_TOKEN_FILE)
        try:
            publish_rate_limits(enabled=settings.EXCHANGE_RATE_LIMITS)
            migrate_if_needed()  # not before it is known that these are no other version's data
        except OtherLayout as error:
            raise CannotStart(str(error)) from error
        except DatabaseError as error:
            raise CannotStart(f"the database cannot be used: {one_line(error)}") from error
        if content is not Content.NOTHING:  # the login takes a third of a second, the hash of its password
            ensure_admin()
            call_command("seed_demo", symbols_only=content is Content.SYMBOLS, verbosity=0)

    def _revive_server(self) -> None:
        if self._server is None or self._server.is_alive():
            return
        if self._server_started:
            pause = self._server_pause.begin(time.monotonic() - self._server_started)
            self._server_started = 0.0
            self._say(f"Redis died; starting it again in {pause:.1f} s")
        elif self._server_pause.is_over():
            self._try_server_again(self._server)

    def _publish_again(self) -> None:
        """Tell a Redis that came back what SQL knows; what it still has is not changed by that."""
        if self._is_published or self._server is None or not self._server.is_alive():
            return
        if not self._publish_pause.is_over():
            return
        try:
            close_old_connections()  # days may have passed since the last use
            there = self._fill()
        except (ExchangeError, DatabaseError) as error:
            pause = self._publish_pause.begin(0.0)
            self._say(f"symbols, users and API keys cannot be published yet ({error}); trying again in {pause:.1f} s")
        else:
            self._is_published = True
            self._publish_pause = Pause()
            self._say(f"Redis runs again: {KEPT[settings.EXCHANGE_DURABILITY]}; {there}")

    def _fill(self) -> str:
        """Publish all, and make the demo market again where Redis has forgotten it. What is there now, in words."""
        publish_all()
        publish_rate_limits(enabled=settings.EXCHANGE_RATE_LIMITS)
        if self._content is not Content.DEMO:
            return "symbols, users and API keys are there"
        try:
            is_new = seed()
        except Rejected as error:  # a halted symbol takes no orders
            return f"symbols, users and API keys are there, but no demo market could be made ({error})"
        return f"symbols, users, API keys and {'a new' if is_new else 'the'} demo market are there"

    def _try_server_again(self, server: EmbeddedServer) -> None:
        try:
            server.start()
        except EmbeddedServerError as error:
            pause = self._server_pause.begin(0.0)
            self._say(f"{error}; trying again in {pause:.1f} s")
        else:
            self._server_started = time.monotonic()
            self._is_published = False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own listener
            return bool(answer.status == 200)
    except OSError:
        return False
