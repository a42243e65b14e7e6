"""One web worker outside of `up`, for the bench: the same process with the same server, on a Redis of the caller's."""

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from benchmarks.processes import BenchFailed, Worker
from exchange_project.children import Child
from exchange_project.listeners import listen, url_of

READY_SECONDS = 30.0
END_SECONDS = 3.0


@contextmanager
def lone_worker(redis_url: str, data_directory: Path) -> Iterator[Worker]:
    """A worker that answers, ended with the block. Raises BenchFailed when it does not start."""
    listener = listen("127.0.0.1", 0)
    environment = {
        "REDIS_URL": redis_url,
        "EXCHANGE_DATA_DIR": str(data_directory),
        "EXCHANGE_VENUE": "main",
        "EXCHANGE_LOG_LEVEL": "WARNING",
        "EXCHANGE_SOCKETS_PER_ADDRESS": "4000",  # all listeners of the fan-out come from one
    }
    manage = Path(settings.BASE_DIR) / "manage.py"
    child = Child("web worker", manage, ["run_worker", str(listener.fileno())], [listener.fileno()], environment)
    try:
        child.start()
        _wait_until_ready(child, f"{url_of(listener)}/api/v1/ping")
        assert child.pid is not None
        yield Worker(child.pid, listener.getsockname()[1])
    finally:
        child.ask_to_end()
        child.wait(time.monotonic() + END_SECONDS, lambda: False)
        listener.close()


def _wait_until_ready(child: Child, url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(url):
        if (code := child.exit_code()) is not None:
            raise BenchFailed(f"the web worker ended with code {code} while starting")
        if time.monotonic() > deadline:
            raise BenchFailed(f"the web worker did not answer within {READY_SECONDS:.0f} s")
        time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own listener
            return bool(answer.status == 200)
    except OSError:
        return False
