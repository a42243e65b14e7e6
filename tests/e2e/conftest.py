"""A running exchange for tests that start their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Up


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*arguments: str, folder: str = "data", port: int | None = None, **environment: str) -> Up:
        started.append(Up(tmp_path / folder, *arguments, port=port, **environment))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.terminate()
            each.process.wait(timeout=20)
