"""The lines of a recording, as the exchange sent them: trades, depth changes, snapshots. Nothing of a symbol's rules.

    <local receive time, ns> {"stream": "btcusdt@trade", "data": {...}}
    <local receive time, ns> {"lastUpdateId": 1, "bids": [["1.00", "2.000"], ...], "asks": [...]}

The fact a newcomer would get wrong: a depth change belongs to the symbol in its `s` field, whatever its stream is
called, and a snapshot says nothing of its symbol at all: only its update id does (`timeline.py`).
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

LATEST_MS = 253_402_300_799_999  # the end of the year 9999
SHOWN = 120
LONGEST_LINE = 16 * 1024 * 1024  # bytes; the largest snapshot, 5,000 levels a side, has about 400,000
_GZIP_MAGIC = b"\x1f\x8b"
# What an exchange sends beside trades and depth changes; a recording may hold it, a replay has no use for it.
_IGNORED = re.compile(
    r"(bookTicker|aggTrade|miniTicker|ticker|avgPrice|kline_\w+|ticker_\w+|depth(5|10|20))(@[\w:+]+)?"
)

Pair = tuple[str, str]  # price and quantity, as decimal text


class RecordingError(Exception):
    """A recording cannot be played: which line, why, and the text in question. Nothing was sent to the exchange."""

    def __init__(self, reason: str, *, line: int = 0, text: str = "") -> None:
        where = f"line {line}: " if line else ""
        shown = text if len(text) <= SHOWN else text[:SHOWN] + "…"
        super().__init__(where + reason + (f": {shown}" if shown else ""))
        self.reason = reason
        self.line = line
        self.text = text


class TradeLine(msgspec.Struct, frozen=True, gc=False):
    line: int
    symbol: str
    time_ms: int
    price: str
    quantity: str
    is_buyer_maker: bool


class DepthLine(msgspec.Struct, frozen=True):
    """A depth change. `bids` and `asks` are the levels that changed; quantity 0: the level is gone."""

    line: int
    symbol: str
    time_ms: int
    first_id: int
    last_id: int
    bids: list[Pair]
    asks: list[Pair]


class SnapshotLine(msgspec.Struct, frozen=True):
    """The whole book as it was after update `last_id`."""

    line: int
    last_id: int
    bids: list[Pair]
    asks: list[Pair]


class Lines(msgspec.Struct, frozen=True):
    """A file's lines, each kind in the order of the file."""

    trades: list[TradeLine]
    depths: list[DepthLine]
    snapshots: list[SnapshotLine]

    @property
    def symbols(self) -> list[str]:
        return sorted({line.symbol for line in self.trades} | {line.symbol for line in self.depths})


class _Line(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    lastUpdateId: int = -1
    bids: list[Pair] = []
    asks: list[Pair] = []


class _Trade(msgspec.Struct):
    s: str
    p: str
    q: str
    T: int
    m: bool


class _Depth(msgspec.Struct):
    E: int
    s: str
    U: int
    u: int
    b: list[Pair]
    a: list[Pair]


_line_decoder = msgspec.json.Decoder(_Line)
_trade_decoder = msgspec.json.Decoder(_Trade)
_depth_decoder = msgspec.json.Decoder(_Depth)


def read_lines(path: Path) -> Lines:
    """Every line of a file, plain or gzip. Raises RecordingError, OSError when it cannot be opened."""
    found = Lines([], [], [])
    for number, text in enumerate(_texts(path), start=1):
        try:
            _read(number, text, found)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise RecordingError(f"cannot be read ({error})", line=number, text=_shown(text)) from error
    return found


def _texts(path: Path) -> Iterator[bytes]:
    number = 0
    with path.open("rb") as plain:
        is_gzip = plain.peek(2)[:2] == _GZIP_MAGIC  # a pipe cannot go back
        source = gzip.GzipFile(fileobj=plain) if is_gzip else plain
        try:
            while text := source.readline(LONGEST_LINE + 1):
                number += 1
                if len(text) > LONGEST_LINE:
                    reason = f"is longer than {LONGEST_LINE:,} bytes: this is no recording"
                    raise RecordingError(reason, line=number, text=_shown(text))
                yield text
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RecordingError(f"the gzip file is damaged behind this line ({error})", line=number) from error


def _read(number: int, text: bytes, found: Lines) -> None:
    received_ns, _, body = text.partition(b" ")
    if not text.strip():
        return
    if not received_ns.isdigit():
        reason = "does not begin with a receive time in nanoseconds and a space"
        raise RecordingError(reason, line=number, text=_shown(text))
    line = _line_decoder.decode(body)
    if line.stream:
        _read_frame(number, line, found)
    elif line.lastUpdateId >= 0:
        found.snapshots.append(SnapshotLine(number, line.lastUpdateId, line.bids, line.asks))
    else:
        raise RecordingError("is neither a stream's frame nor a snapshot", line=number, text=_shown(text))


def _read_frame(number: int, line: _Line, found: Lines) -> None:
    kind = line.stream.partition("@")[2]
    if kind == "trade":
        trade = _trade_decoder.decode(line.data)
        _check_time(number, "T", trade.T)
        found.trades.append(TradeLine(number, trade.s, trade.T, trade.p, trade.q, trade.m))
    elif kind in ("depth@100ms", "depth"):
        depth = _depth_decoder.decode(line.data)
        _check_time(number, "E", depth.E)
        if depth.u < depth.U:
            raise RecordingError(f"its first update id is behind its last: U={depth.U}, u={depth.u}", line=number)
        found.depths.append(DepthLine(number, depth.s, depth.E, depth.U, depth.u, depth.b, depth.a))
    elif not _IGNORED.fullmatch(kind):
        raise RecordingError("comes from a stream that is not known", line=number, text=line.stream)


def _check_time(number: int, field: str, time_ms: int) -> None:
    if not 0 < time_ms <= LATEST_MS:
        raise RecordingError("is not a time in milliseconds", line=number, text=f"{field}={time_ms}")


def _shown(text: bytes) -> str:
    """As a terminal may have it: whatever a binary file holds, it must not be obeyed."""
    start = text[: 4 * SHOWN].decode("utf-8", "replace").strip()
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in start)
