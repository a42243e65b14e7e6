"""The order of the tape: which snapshot goes before which depth change, and everything by the exchange's own time.

The fact a newcomer would get wrong: the order of the file is the order of arrival and not that of the exchange. A
trade's time is `T`, a depth change's `E`; among equals trades come first, and depth changes go by their update ids.
Local receive times are not used.
"""

from collections.abc import Iterable

import msgspec

from simulation.tape.lines import DepthLine, Lines, RecordingError, SnapshotLine, TradeLine

WINDOW_MS = 1_000  # how far a line may stand behind a later one in the file


class Joined(msgspec.Struct, frozen=True):
    """A snapshot at its place: right before the depth change that it joins, and at its time."""

    snapshot: SnapshotLine
    symbol: str
    time_ms: int


Moment = TradeLine | Joined | DepthLine


def in_order(lines: Lines, symbols: Iterable[str]) -> list[Moment]:
    """The lines of these symbols as the exchange made them. Raises RecordingError.

    Depth changes from before a snapshot are left out. A hole in the update ids is an error unless a later snapshot
    begins the book anew; what stands between the two is left out as well.
    """
    wanted = set(symbols)
    trades = [line for line in lines.trades if line.symbol in wanted]
    depths = {symbol: _of_symbol(lines.depths, symbol) for symbol in lines.symbols}
    snapshots = _snapshots_by_symbol(lines.snapshots, depths)
    _check_window([*trades, *(line for symbol in wanted for line in depths.get(symbol, []))])
    keyed: list[tuple[int, int, int, Moment]] = [(line.time_ms, 0, line.line, line) for line in trades]
    for symbol in sorted(wanted & depths.keys()):
        joined = _joined(symbol, depths[symbol], snapshots.get(symbol, []))
        keyed += [(moment.time_ms, 1, number, moment) for number, moment in enumerate(joined)]
    keyed.sort(key=lambda row: row[:3])
    return [row[3] for row in keyed]


def _of_symbol(depths: list[DepthLine], symbol: str) -> list[DepthLine]:
    """A symbol's depth changes in the order of the exchange. One that came over two connections counts once."""
    once = {(line.time_ms, line.first_id, line.last_id): line for line in reversed(depths) if line.symbol == symbol}
    return [line for _, line in sorted(once.items())]


def _snapshots_by_symbol(
    snapshots: list[SnapshotLine], depths: dict[str, list[DepthLine]]
) -> dict[str, list[SnapshotLine]]:
    """A snapshot names no symbol: it is that of the only symbol with depth changes, or of the one whose ids fit.

    One that joins nothing was taken too early or too late; it is left out where that symbol has another.
    """
    found: dict[str, list[SnapshotLine]] = {}
    candidates = [symbol for symbol, lines in depths.items() if lines]
    fits = [[symbol for symbol in candidates if _join(shot, depths[symbol]) is not None] for shot in snapshots]
    for snapshot, fitting in sorted(zip(snapshots, fits, strict=True), key=lambda pair: pair[0].last_id):
        if not fitting and len(candidates) == 1 and any(fits):
            continue
        if len(fitting) != 1:
            what = "joins no depth change" if not fitting else f"may be of {' or '.join(fitting)}"
            reason = f"the snapshot {what} by U <= lastUpdateId+1 <= u"
            raise RecordingError(reason, line=snapshot.line, text=f'"lastUpdateId":{snapshot.last_id}')
        found.setdefault(fitting[0], []).append(snapshot)
    return found


def _join(snapshot: SnapshotLine, depths: list[DepthLine]) -> int | None:
    """The index of the depth change that follows the snapshot without a hole."""
    for index, line in enumerate(depths):
        if line.first_id <= snapshot.last_id + 1 <= line.last_id:
            return index
    return None


def _joined(symbol: str, depths: list[DepthLine], snapshots: list[SnapshotLine]) -> Iterable[Joined | DepthLine]:
    """A symbol's depth changes with its snapshots, without what the book cannot be built from."""
    joins = {_join(snapshot, depths): snapshot for snapshot in snapshots}
    last_join = max((index for index in joins if index is not None), default=-1)
    is_whole = not snapshots  # without one the book starts empty
    before: DepthLine | None = None
    for index, line in enumerate(depths):
        snapshot = joins.get(index)
        if snapshot is not None:
            is_whole = True
            yield Joined(snapshot, symbol, line.time_ms)
        elif before is not None and is_whole and line.first_id != before.last_id + 1:
            is_whole = False
            if index > last_join:
                raise _hole(before, line)
        if is_whole:
            yield line
        before = line


def _hole(before: DepthLine, line: DepthLine) -> RecordingError:
    reason = f"a depth change is missing: line {before.line} ended with update {before.last_id}"
    if line.first_id <= before.last_id:
        reason = f"its update ids do not follow those of line {before.line}, which is not later by E ({before.last_id})"
    return RecordingError(reason, line=line.line, text=f'"U":{line.first_id}')


def _check_window(lines: list[TradeLine | DepthLine]) -> None:
    latest: TradeLine | DepthLine | None = None
    for line in sorted(lines, key=lambda line: line.line):
        if latest is None or line.time_ms >= latest.time_ms:
            latest = line
        elif line.time_ms < latest.time_ms - WINDOW_MS:
            late_ms = latest.time_ms - line.time_ms
            reason = f"is {late_ms} ms earlier than line {latest.line}; more than {WINDOW_MS} ms is not possible"
            raise RecordingError(reason, line=line.line, text=f"{line.symbol} at {line.time_ms}")
