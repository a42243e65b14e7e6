"""A request may not come to cost more without somebody deciding it: calls are counted, since time says little here."""

import subprocess
import sys

import msgspec
import pytest

from benchmarks.processes import ROOT

# Functions of ours that a worker calls for a request. Whoever makes one cheaper lowers its number; whoever would have
# to raise one by more than a few looks for what every request does now and only some of them need.
MOST = {"ping": 11, "v1 order": 66, "v3 order": 85, "socket order": 115}
SPARE = 3.0  # what the worker does beside its requests


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.call_counter", str(tmp_path_factory.mktemp("calls"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=dict[str, float])


@pytest.mark.parametrize("kind", MOST)
def test_a_request_calls_no_more_functions_than_it_did(counted: dict[str, float], kind: str) -> None:
    assert MOST[kind] / 2 < counted[kind] <= MOST[kind] + SPARE
