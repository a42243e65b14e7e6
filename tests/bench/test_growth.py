"""Growth, waits and peers, as small as they go: every point is measured, and steepness says what it means."""

import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from benchmarks import start as start_module
from benchmarks.growth.chart import PAPER, as_png
from benchmarks.growth.curves import Curve, Line, Samples
from benchmarks.growth.engine import measure_book_sizes, measure_fills, measure_symbols, measure_users
from benchmarks.growth.idle import measure_idle
from benchmarks.growth.letters import HEIGHT, WIDTH, points_of
from benchmarks.growth.run import FULL, QUICK
from benchmarks.growth.sockets import measure_memory, measure_subscribers
from benchmarks.peers import OURS, measure_peers
from benchmarks.start import measure_waits
from exchange_project.lone_worker import lone_worker


def line(*points: tuple[float, float], most: float = 1.0) -> Line:
    return Line("cost", points, most, "a reason")


@pytest.mark.parametrize(
    ("points", "steepness"),
    [
        ([(1, 5.0), (1_000, 5.0)], 0.0),
        ([(1, 5.0), (10, 50.0)], 1.0),
        ([(10, 700.0), (100, 1.0), (1_000, 100.0)], 2.0),
        ([(10, 700.0), (50, 1.0), (100, 700.0)], 0.0),
        ([(100, 8.0), (10_000, 80.0)], 0.5),
        ([(1, 0.0), (1_000, 0.0)], 0.0),
    ],
)
def test_steepness_is_the_power_of_the_last_factor_of_ten(points: list[tuple[float, float]], steepness: float) -> None:
    assert line(*points).steepness == pytest.approx(steepness)


def test_a_line_is_met_up_to_its_bound() -> None:
    assert line((1, 1.0), (10, 10.0), most=1.0).is_met
    assert not line((1, 1.0), (10, 10.1), most=1.0).is_met


def test_a_point_is_the_median_and_sizes_rise() -> None:
    found = Samples()
    for size, cost in ((100, 9.0), (10, 1.0), (10, 3.0), (10, 50.0)):
        found.add("order", size, cost)
    assert found.line("order", most=1, reason="").points == ((10, 3.0), (100, 9.0))


@pytest.mark.parametrize(
    "measure", [measure_book_sizes, measure_fills, measure_users, measure_symbols], ids=lambda found: found.__name__
)
def test_orders_are_measured_at_every_size(measure) -> None:
    steps: list[int] = []
    sizes = [500, 800] if measure is measure_book_sizes else [20, 40]  # a book loses 250 orders between two rounds
    curve = measure(sizes, rounds=2, on_step=lambda: steps.append(1))
    assert len(steps) == 4
    for found in curve.lines:
        assert [size for size, _ in found.points] == sizes
        assert min(cost for _, cost in found.points) > 0


def test_subscribers_and_memory_of_a_worker_are_measured() -> None:
    curve = measure_subscribers(lone_worker, [1, 4], rounds=1, on_step=lambda: None)
    assert [found.name for found in curve.lines] == ["trade", "bare loop"]
    for found in curve.lines:
        assert [size for size, _ in found.points] == [1, 4]
    memory = measure_memory(lone_worker, sockets=100, on_step=lambda: None)
    assert 1_000 < memory["worker_bytes_per_socket"] < 1_000_000
    assert memory["worker_bytes_per_subscription"] > 0


def test_symbols_that_nobody_trades_are_measured_for_every_process() -> None:
    curve = measure_idle(lone_worker, [1, 3], seconds=0.2, settle_seconds=0.0, on_step=lambda: None)
    assert {found.name for found in curve.lines} == {"worker", "clockwork", "Redis"}
    for found in curve.lines:
        assert [size for size, _ in found.points] == [1, 3]


def test_the_sizes_are_those_that_were_asked_for() -> None:
    assert (FULL.books[0], FULL.books[-1]) == (1_000, 1_000_000)
    assert (FULL.users[0], FULL.users[-1]) == (100, 100_000)
    assert (FULL.symbols[0], FULL.symbols[-1]) == (1, 500)
    assert (FULL.fills[0], FULL.fills[-1]) == (1, 500)
    assert (FULL.subscribers[0], FULL.subscribers[-1]) == (1, 2_000)
    assert QUICK.rounds < FULL.rounds


def test_peers_place_the_same_orders_and_others_are_named() -> None:
    turns: list[int] = []
    ours, *others = measure_peers(lone_worker, turns=2, on_turn=lambda: turns.append(1), connections=4)
    assert len(turns) == 2
    assert (ours.name, ours.against) == (OURS, 1.0)
    measured = [peer for peer in others if not peer.problem]
    assert len(measured) == 3
    for peer in measured:
        assert peer.orders_per_second > 0
        assert peer.cpu_us_per_order > 0
        assert peer.p99_us >= peer.p50_us > 0
        assert peer.against == peer.orders_per_second / ours.orders_per_second
        assert peer.cpu_against == peer.cpu_us_per_order / ours.cpu_us_per_order
        assert "Django" in peer.versions
    assert [peer.problem for peer in others if peer.problem] == ["not installed"]


def test_waits_are_measured_with_their_goals() -> None:
    found = measure_waits(rounds=1, tell=lambda what, done, steps: None, orders=1_000, only=("import", "reset"))
    waits = {wait.id: wait for wait in found}
    assert {name: wait.goal for name, wait in waits.items()} == {"reset": 0.02, "import": 0.1}
    for wait in waits.values():
        assert wait.seconds > 0
        assert wait.cpu_seconds > 0
        assert wait.is_met is (wait.seconds <= wait.goal)


def test_the_first_start_is_made_before_one_is_measured(monkeypatch) -> None:
    """The starts themselves are tried in e2e/; here each takes as long as the number of starts before it."""
    starts: list[str] = []

    def start(*folder: Path) -> start_module.Found:
        starts.append("up" if folder else "mock")
        return start_module.Found(float(len(starts)), 0.5)

    monkeypatch.setattr(start_module, "start_mock", start)
    monkeypatch.setattr(start_module, "start_up", start)
    mock, up = measure_waits(rounds=3, tell=lambda what, done, steps: None, only=("mock", "up"))
    assert starts == ["mock", "up"] * 4
    assert (mock.by_round, up.by_round) == ((3.0, 5.0, 7.0), (4.0, 6.0, 8.0))
    assert (mock.seconds, up.seconds, up.goal, mock.is_met, up.is_met) == (5.0, 6.0, 2.0, False, False)


def test_the_cpu_time_of_a_process_has_that_of_its_children_in_it() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(30)"
    code = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {burn!r}])\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, process_group=0) as process:
        try:
            deadline = time.monotonic() + 20
            while start_module.cpu_of_family(process.pid) < 0.3:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_picture_is_a_png_with_its_lines_in_it() -> None:
    flat = Curve("flat", "A title", "size", "cost", (line((1, 5.0), (1_000, 5.0)),))
    steep = Curve("steep", "A title", "size", "cost", (line((1, 1.0), (1_000, 1_000.0)), line((1, 2.0), (9, 3.0))))
    flat_rows, steep_rows = pixels(as_png(flat)), pixels(as_png(steep))
    assert flat_rows != steep_rows
    first_colour = bytes((31, 97, 181))
    assert coloured_rows(flat_rows, first_colour) < 20, "a flat line is a narrow band"
    assert coloured_rows(steep_rows, first_colour) > 200
    assert coloured_rows(flat_rows, bytes((200, 80, 30))) == 0


def pixels(png: bytes) -> list[bytes]:
    """Its rows, read from the file as its format says."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, pieces = 8, {}
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + data)
        pieces[kind] = data
        at += 12 + size
    width, height = struct.unpack(">II", pieces[b"IHDR"][:8])
    assert (width, height) == PAPER
    rows = zlib.decompress(pieces[b"IDAT"])
    return [rows[row * (3 * width + 1) + 1 : (row + 1) * (3 * width + 1)] for row in range(height)]


def coloured_rows(rows: list[bytes], colour: bytes) -> int:
    return sum(any(row[at : at + 3] == colour for at in range(0, len(row), 3)) for row in rows)


def test_letters_lie_in_their_box_and_differ() -> None:
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    drawn = {letter: frozenset(points_of(letter)) for letter in letters}
    assert len(set(drawn.values())) == len(letters)
    assert all(0 <= x < WIDTH and 0 <= y < HEIGHT for points in drawn.values() for x, y in points)
