"""The last resort of `up`, where no Redis server exists: web worker, archiver and clockwork in this process's memory.

The fact a newcomer would get wrong: it looks like one more child of the supervisor and is a thread with an event loop
of its own. Nothing of it outlives the process: fakeredis has no file, and SQL is a file that is begun anew every time,
since a history of orders that no longer exist would help nobody.
"""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import connection

from archive.archiver import Archiver
from engine.instance import IN_MEMORY
from exchange_project.children import Pause
from exchange_project.server import server_of
from markets.clockwork import Clockwork

REDIS_URL = f"{IN_MEMORY}//up"
DURABILITY = "memory"
DEMO_KEYS_NAME = "in_memory_demo_keys.json"
NOTICE = (
    "There is no Redis server: everything runs in this one process and its memory (fakeredis), with one worker, much "
    "slower, out of reach for other commands, and gone when it ends."
)

logger = logging.getLogger(__name__)


class InMemoryExchange:
    """To the supervisor a Child: started, watched, ended."""

    name = "exchange"

    def __init__(self, listeners: Sequence[socket.socket]) -> None:
        self._listeners = listeners
        self._thread: threading.Thread | None = None
        self._ending: Callable[[], None] | None = None
        self._is_asked_to_end = False
        self._started = 0.0
        self._pause = Pause()

    def start(self) -> None:
        self._started = time.monotonic()
        # A daemon, so that a thread which is stuck does not keep the process.
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def exit_code(self) -> int | None:
        """None while it runs or has not been started."""
        return None if self._thread is None or self._thread.is_alive() else 1

    def revive(self, say: Callable[[str], None]) -> None:
        """Begin again, with the data that is still there, when it ended by itself."""
        if self.exit_code() is not None:
            self._thread = None
            pause = self._pause.begin(time.monotonic() - self._started)
            say(f"{self.name} ended; starting it again in {pause:.1f} s")
        if self._thread is None and self._pause.is_over():
            self.start()

    def ask_to_end(self) -> None:
        self._is_asked_to_end = True
        if self._ending is not None:
            self._ending()

    def wait(self, deadline: float, hurry: Callable[[], bool]) -> None:
        """Wait for its end until `deadline` (monotonic seconds) or until there is a hurry."""
        while self.exit_code() is None and self._thread is not None:
            if time.monotonic() > deadline or hurry():
                return
            time.sleep(0.01)

    def _run(self) -> None:
        from exchange_project.asgi import build_application  # here: it takes the settings as `start` has left them

        server = server_of(build_application())

        async def live() -> None:
            archiver = Archiver(settings.REDIS_URL, settings.EXCHANGE_VENUE)
            clockwork = asyncio.create_task(Clockwork(settings.REDIS_URL, settings.EXCHANGE_VENUE).run())
            # uvicorn closes its sockets at the end; ours are for the next start.
            sockets = [listener.dup() for listener in self._listeners]
            parts = {asyncio.create_task(server.serve(sockets)), asyncio.create_task(archiver.run()), clockwork}

            def end() -> None:
                server.should_exit = True

            self._ending = end
            if self._is_asked_to_end:
                end()
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            end()
            archiver.stop()
            clockwork.cancel()
            for outcome in await asyncio.gather(*parts, return_exceptions=True):
                if isinstance(outcome, Exception):
                    logger.error("A part of the exchange failed", exc_info=outcome)

        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(live())


def begin_files(folder: Path) -> None:
    """From now on SQL and the demo's keys are files of this process in that folder, begun anew: an exchange with a
    Redis may have kept its own there, and will want them again.
    """
    end_files(folder)
    connection.close()
    connection.settings_dict["NAME"] = str(_sql_file(folder))
    settings.EXCHANGE_DEMO_KEYS_NAME = DEMO_KEYS_NAME


def end_files(folder: Path) -> None:
    """Remove them."""
    connection.close()
    sql = [Path(f"{_sql_file(folder)}{end}") for end in ("", "-wal", "-shm")]
    for file in (*sql, folder / DEMO_KEYS_NAME):
        with suppress(OSError):  # Windows keeps a file that is still open; the next start removes it
            file.unlink(missing_ok=True)


def _sql_file(folder: Path) -> Path:
    return folder / "in_memory.sqlite3"
