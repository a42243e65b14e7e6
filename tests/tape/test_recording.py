"""Reading a recording: what is played and in which order, and every way in which a file can be wrong."""

import gzip
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.commands import TapeLevel
from engine.types import Side
from simulation.tape.lines import LONGEST_LINE, RecordingError
from simulation.tape.recording import LEVELS_AT_ONCE, RecordedFrame, RecordedTrade, Recording, read_recording
from simulation.tape.synthesis import Market, make_lines, write_recording
from tests.conftest import SPECS
from tests.tape.conftest import depth_line, frame_line, snapshot_line, trade_line

Write = Callable[..., Path]
SHIPPED = Path(__file__).parents[2] / "simulation" / "recordings" / "sample_btcusdt.jsonl.gz"
NOW = 1_700_000_000_000


def read(path: Path, symbol: str | None = None) -> Recording:
    return read_recording(path, SPECS, symbol)


def levels_of(recording: Recording) -> list[list[tuple[str, int, int]]]:
    return [
        [(level.side.value, level.price_ticks, level.lots) for level in event.levels]
        for event in recording.events
        if isinstance(event, RecordedFrame)
    ]


@pytest.mark.parametrize("name", ["plain.jsonl", "packed.jsonl.gz", "packed_whatever_its_name"])
def test_reads_trades_and_depth_changes_in_ticks_and_lots(write: Write, name: str) -> None:
    lines = [
        trade_line(NOW, "60000.01000000", "0.00150000", is_buyer_maker=True),
        depth_line(NOW + 5, 1, 2, [["60000.00", "1.00000"]], [["60000.02", "0"]]),
    ]
    path = write(*lines, name=name)
    if "whatever" in name:
        path.write_bytes(gzip.compress(path.read_bytes()))
    recording = read(path)
    assert recording.events == [
        RecordedTrade("BTCUSDT", NOW, 6_000_001, 150, True),
        RecordedFrame(
            "BTCUSDT", NOW + 5, [TapeLevel(Side.BUY, 6_000_000, 100_000), TapeLevel(Side.SELL, 6_000_002, 0)]
        ),
    ]
    assert (recording.first_ms, recording.last_ms, recording.level_count, recording.trade_count) == (NOW, NOW + 5, 2, 1)


def test_the_order_is_exchange_time_with_trades_first_among_equals(write: Write) -> None:
    recording = read(
        write(
            depth_line(NOW + 100, 1, 1, [["1.00", "1"]], []),
            trade_line(NOW + 100, "1.00", "2"),
            trade_line(NOW + 50, "1.00", "3"),
            trade_line(NOW + 50, "1.00", "4"),
            depth_line(NOW + 200, 2, 2, [], []),
        )
    )
    shown = [event.lots if isinstance(event, RecordedTrade) else event.time_ms for event in recording.events]
    assert shown == [300_000, 400_000, 200_000, NOW + 100, NOW + 200]


def test_what_is_neither_trade_nor_depth_change_is_passed_over(write: Write) -> None:
    others = [
        frame_line(f"btcusdt@{kind}", {"s": "NOSUCH"})
        for kind in ("bookTicker", "aggTrade", "kline_1m", "depth20@100ms", "ticker", "avgPrice")
    ]
    assert len(read(write(*others, trade_line(NOW, "1.00", "1"), "", others[0])).events) == 1


def test_a_snapshot_goes_right_before_the_change_it_joins_and_older_changes_are_dropped(write: Write) -> None:
    recording = read(
        write(
            depth_line(NOW, 10, 12, [["1.00", "9"]], []),
            depth_line(NOW + 100, 13, 15, [["2.00", "9"]], []),
            depth_line(NOW + 200, 16, 18, [["3.00", "9"]], []),
            trade_line(NOW + 200, "5.00", "1"),
            snapshot_line(16, [["3.00", "7"], ["2.00", "1"]], [["5.00", "1"]]),
            depth_line(NOW + 300, 19, 19, [["2.00", "0"]], []),
        )
    )
    assert [type(event).__name__ for event in recording.events] == ["RecordedTrade", *["RecordedFrame"] * 3]
    assert levels_of(recording) == [
        [("BUY", 300, 700_000), ("BUY", 200, 100_000), ("SELL", 500, 100_000)],
        [("BUY", 300, 900_000)],
        [("BUY", 200, 0)],
    ]


def test_a_second_snapshot_replaces_the_book_and_heals_a_hole(write: Write) -> None:
    recording = read(
        write(
            snapshot_line(9, [["1.00", "1"], ["2.00", "1"]], []),
            depth_line(NOW, 10, 10, [["3.00", "1"]], []),
            depth_line(NOW + 100, 20, 20, [["4.00", "1"]], []),
            snapshot_line(20, [["1.00", "1"], ["4.00", "1"]], []),
            depth_line(NOW + 200, 21, 21, [["5.00", "1"]], []),
        )
    )
    replaced = {price: lots for _, price, lots in levels_of(recording)[2]}
    assert replaced == {100: 100_000, 200: 0, 300: 0, 400: 100_000}
    assert len(recording.events) == 4


def test_a_snapshot_that_joins_nothing_is_left_out_where_another_does(write: Write) -> None:
    early, joined = snapshot_line(3, [["9.00", "1"]], []), snapshot_line(9, [["1.00", "1"]], [])
    recording = read(write(early, joined, depth_line(NOW, 10, 12, [["2.00", "1"]], [])))
    assert levels_of(recording) == [[("BUY", 100, 100_000)], [("BUY", 200, 100_000)]]


def test_without_a_snapshot_the_first_change_is_the_first_event(write: Write) -> None:
    recording = read(write(depth_line(NOW, 10, 12, [["1.00", "9"]], []), depth_line(NOW + 100, 13, 15, [], [])))
    assert levels_of(recording) == [[("BUY", 100, 900_000)], []]


def test_a_large_book_comes_in_parts_what_shrinks_first(write: Write) -> None:
    many = [[f"{price}.00", "2"] for price in range(1, 2 * LEVELS_AT_ONCE)]
    recording = read(
        write(
            depth_line(NOW, 1, 1, [["9000.00", "5"], ["9001.00", "5"]], []),
            depth_line(NOW + 100, 2, 2, [*many, ["9001.00", "0"]], []),
        )
    )
    parts = levels_of(recording)[1:]
    assert [len(part) for part in parts] == [LEVELS_AT_ONCE, LEVELS_AT_ONCE]
    assert parts[0][0] == ("BUY", 900_100, 0)
    assert recording.level_count == 2 * LEVELS_AT_ONCE + 2


def test_a_level_finer_than_the_lot_is_rounded_down_and_told(write: Write) -> None:
    recording = read(write(trade_line(NOW, "1.00", "1"), depth_line(NOW, 1, 1, [["1.00", "25.426189"]], [])))
    assert levels_of(recording) == [[("BUY", 100, 2_542_618)]]
    assert recording.rounded_lines == [2]


def test_one_symbol_of_a_file_can_be_chosen_and_a_snapshot_finds_its_own(write: Write) -> None:
    path = write(
        trade_line(NOW, "60000.00", "1"),
        depth_line(NOW, 100, 105, [["60000.00", "1"]], []),
        depth_line(NOW, 7, 9, [["2600.00", "1"]], [], "ETHUSDT"),
        snapshot_line(8, [["2599.00", "1"]], []),
        trade_line(NOW + 1, "1.00", "1", symbol="NOSUCH"),
    )
    assert read(path, "BTCUSDT").symbols == ["BTCUSDT"]
    assert levels_of(read(path, "BTCUSDT")) == [[("BUY", 6_000_000, 100_000)]]
    assert levels_of(read(path, "ETHUSDT")) == [[("BUY", 259_900, 10_000)], [("BUY", 260_000, 10_000)]]
    with pytest.raises(RecordingError, match=r"line 5: the exchange has no symbol NOSUCH, it trades BTCUSDT, ETHBTC"):
        read(path)
    with pytest.raises(RecordingError, match="SOLUSDT is not in the file, which has BTCUSDT, ETHUSDT, NOSUCH"):
        read(path, "SOLUSDT")


GOOD = trade_line(NOW, "1.00", "1")
BAD = {
    "cut off": (GOOD[:-9], "cannot be read"),
    "no receive time": (GOOD[2:], "does not begin with a receive time"),
    "an empty object": ("1 {}", "neither a stream's frame nor a snapshot"),
    "a number": ("1 7", "cannot be read"),
    "a trade without price": (frame_line("btcusdt@trade", {"s": "BTCUSDT", "q": "1", "T": NOW, "m": True}), "`p`"),
    "a price that is a number": (GOOD.replace('"1.00"', "1.0"), "Expected `str`"),
    "an unknown stream": (GOOD.replace("@trade", "@trad"), "a stream that is not known: btcusdt@trad"),
    "not UTF-8": ("1 \ud800", "cannot be read"),
    "not UTF-8 in a text": (GOOD.replace("btcusdt", "btc\ud800"), "cannot be read"),
    "endless": ("1 " + "x" * LONGEST_LINE, "is longer than 16,777,216 bytes"),
    "nested too deep": ('1 {"x":' + "[" * 100_000 + "]" * 100_000 + "}", "cannot be read"),
    "what a terminal would obey": ("\x1b[2J \x07", "in nanoseconds and a space: �\\[2J �"),
    "off the tick": (trade_line(NOW, "1.005", "1"), r'not a multiple of the tick size 0.01000000: "p":"1.005"'),
    "a trade off the lot": (trade_line(NOW, "1.00", "0.000001"), "not a multiple of the lot size"),
    "a trade of nothing": (trade_line(NOW, "1.00", "0.00000000"), "outside what one order"),
    "a price of zero": (trade_line(NOW, "0.00", "1"), "outside the symbol's range"),
    "a price too high": (trade_line(NOW, "1000000.01", "1"), "outside the symbol's range"),
    "a quantity too large": (trade_line(NOW, "1.00", "99999999999"), "the quantity is too large"),
    "a negative quantity": (trade_line(NOW, "1.00", "-1"), "the quantity is not a number"),
    "not a number": (trade_line(NOW, "nan", "1"), "the price is not a number"),
    "no time": (trade_line(0, "1.00", "1"), "not a time in milliseconds: T=0"),
    "a level off the tick": (depth_line(NOW, 1, 1, [], [["1.001", "0"]]), r'tick size 0.01000000: \["1.001","0"\]'),
    "a level too large": (depth_line(NOW, 1, 1, [["900000.00", "8999"]], []), "too large for one order"),
    "ids backwards": (depth_line(NOW, 2, 1, [], []), "U=2, u=1"),
    "too late": (trade_line(NOW - 1_001, "1.00", "1"), "is 1001 ms earlier than line 2"),
    "a snapshot alone": (snapshot_line(5, [], []), "joins no depth change"),
}


@pytest.mark.parametrize(("line", "why"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_with_its_reason(write: Write, line: str, why: str) -> None:
    path = write(GOOD, GOOD)
    path.write_bytes(path.read_bytes() + line.encode("utf-8", "surrogatepass") + b"\n")
    with pytest.raises(RecordingError, match=why) as caught:
        read(path)
    assert caught.value.line == 3
    assert str(caught.value).startswith("line 3: ")


def test_a_late_line_within_the_window_is_in_order(write: Write) -> None:
    recording = read(write(GOOD, trade_line(NOW - 1_000, "1.00", "2")))
    assert [event.time_ms for event in recording.events] == [NOW - 1_000, NOW]


def test_a_hole_in_the_update_ids_is_found(write: Write) -> None:
    path = write(depth_line(NOW, 1, 4, [], []), GOOD, depth_line(NOW, 6, 9, [], []))
    with pytest.raises(RecordingError, match=r'line 3: a depth change is missing: line 1 ended with update 4: "U":6'):
        read(path)


def test_a_depth_change_before_its_predecessor_is_found(write: Write) -> None:
    path = write(depth_line(NOW, 1, 4, [], []), depth_line(NOW - 1, 5, 9, [], []))
    with pytest.raises(RecordingError, match="line 1: its update ids do not follow those of line 2"):
        read(path)


def test_depth_changes_that_arrived_late_or_twice_are_put_in_order(write: Write) -> None:
    times = {1: NOW, 2: NOW + 100, 3: NOW + 100}
    first, second, third = (depth_line(ms, number, number, [[f"{number}.00", "1"]], []) for number, ms in times.items())
    recording = read(write(third, first, second, first, trade_line(NOW + 100, "9.00", "1")))
    assert levels_of(recording) == [[("BUY", 100 * n, 100_000)] for n in (1, 2, 3)]
    assert isinstance(recording.events[1], RecordedTrade)


def test_a_snapshot_that_might_be_of_two_symbols_is_refused(write: Write) -> None:
    lines = [depth_line(NOW, 1, 4, [], [], symbol) for symbol in ("BTCUSDT", "ETHUSDT")]
    with pytest.raises(RecordingError, match="line 3: the snapshot may be of BTCUSDT or ETHUSDT"):
        read(write(*lines, snapshot_line(2, [], [])))


def test_a_book_larger_than_the_tape_s_pockets_is_found(write: Write) -> None:
    """36 million a level; what comes and goes again is not more than the levels that stand."""

    def levels(first: int, last: int) -> list[list[str]]:
        return [[f"{60_000 - n}.00", "600" if n > last - 100 else "0"] for n in range(first, last)]

    standing = [depth_line(NOW + n, n + 1, n + 1, levels(n, n + 1), []) for n in range(300)]
    with pytest.raises(RecordingError, match="line 140: the book would hold more USDT than the tape has"):
        read(write(*standing))
    passing = [depth_line(NOW + n, n + 1, n + 1, levels(max(0, n - 110), n + 1), []) for n in range(300)]
    assert len(read(write(*passing)).events) == 300
    huge = [[f"{price}.00", "9000"] for price in range(10, 100)]
    assert len(read(write(depth_line(NOW, 1, 1, [], huge))).events) == 1


def test_files_that_are_none(write: Write, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no trade and no depth change"):
        read(write())
    with pytest.raises(RecordingError, match="cannot be opened"):
        read(tmp_path / "nowhere")
    whole = write(*[GOOD] * 5_000, name="cut.jsonl.gz")
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(RecordingError, match="the gzip file is damaged"):
        read(whole)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_pipe_is_read_like_a_file(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """`zstd -dc recording.zst | manage.py replay /dev/stdin`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[pack(f"{GOOD}\n{GOOD}\n".encode())])
    writer.start()
    assert read(pipe).trade_count == 2
    writer.join()


def test_the_shipped_recording_is_what_its_seed_makes(tmp_path: Path) -> None:
    assert SHIPPED.stat().st_size < 200_000
    again = tmp_path / "again.jsonl.gz"
    write_recording(again, seed=7, seconds=120)
    assert gzip.decompress(again.read_bytes()) == gzip.decompress(SHIPPED.read_bytes())


def test_seeds_make_recordings_that_can_be_read_and_differ(write: Write) -> None:
    market = Market(symbol="ETHUSDT", price_units=2_600 * 10**8, lot_units=10**4)
    first, second = (make_lines(seed=seed, seconds=20, market=market) for seed in (1, 2))
    assert first != second
    for lines in (first, second):
        recording = read(write(*lines))
        assert recording.symbols == ["ETHUSDT"]
        assert recording.trade_count > 50
        assert recording.last_ms - recording.first_ms > 18_000
