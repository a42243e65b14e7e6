"""A second reading of recordings, with none of the project's code: what the book, the trades and the candles must be.

The fact a newcomer would get wrong: it is slow and obvious on purpose, and has every number as a Decimal, so that it
can judge the replay. Where a recording shows a crossed book it says so, since no exchange can show that.
"""

import gzip
import json
from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any, NamedTuple

LOT = {"BTCUSDT": Decimal("0.00001"), "ETHUSDT": Decimal("0.0001")}
WINDOW_MS = 1_000

Book = dict[Decimal, Decimal]


class Trade(NamedTuple):
    """`time_ms` is T; `m`: the buyer was the maker."""

    time_ms: int
    price: Decimal
    quantity: Decimal
    m: bool


class Frame(NamedTuple):
    """The whole book after a depth change, or as a snapshot has it right before one: {price: quantity}."""

    time_ms: int
    bids: Book
    asks: Book

    @property
    def is_crossed(self) -> bool:
        return bool(self.bids and self.asks) and max(self.bids) >= min(self.asks)


def _rows(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    return [json.loads(line.split(" ", 1)[1]) for line in text.splitlines() if line.strip()]


def _books(symbol: str, depths: list[dict[str, Any]], snapshots: list[dict[str, Any]]) -> Iterator[Frame]:
    sides: dict[str, Book] = {"b": {}, "a": {}}
    is_whole, last_id = not snapshots, None
    for row in depths:
        joining = [shot for shot in snapshots if row["U"] <= shot["lastUpdateId"] + 1 <= row["u"]]
        if joining:
            shot = max(joining, key=lambda shot: int(shot["lastUpdateId"]))
            sides = {"b": _levels(symbol, shot["bids"]), "a": _levels(symbol, shot["asks"])}
            is_whole = True
            yield _frame(row["E"], sides)
        elif last_id is not None and row["U"] != last_id + 1:
            is_whole = False
        last_id = row["u"]
        if is_whole:
            for name, book in sides.items():
                book |= _levels(symbol, row[name])
            yield _frame(row["E"], sides)


def _frame(time_ms: int, sides: dict[str, Book]) -> Frame:
    bids, asks = ({price: size for price, size in book.items() if size} for book in sides.values())
    return Frame(time_ms, bids, asks)


def _levels(symbol: str, pairs: list[list[str]]) -> Book:
    return {Decimal(price): Decimal(size).quantize(LOT[symbol], ROUND_DOWN) for price, size in pairs}


def read(path: Path, symbol: str) -> list[Trade | Frame]:
    """What happens to one symbol, in order: exchange time, trades before depth changes of the same millisecond."""
    rows = _rows(path)
    depths = [row["data"] for row in rows if "@depth" in row.get("stream", "") and row["data"]["s"] == symbol]
    depths = list({(row["E"], row["U"], row["u"]): row for row in depths}.values())  # some came twice
    depths.sort(key=lambda row: (row["E"], row["U"]))
    snapshots = [
        row for row in rows
        if "lastUpdateId" in row and any(one["U"] <= row["lastUpdateId"] + 1 <= one["u"] for one in depths)
    ]  # fmt: skip
    trades = [row["data"] for row in rows if row.get("stream", "").endswith("@trade") and row["data"]["s"] == symbol]
    moments: list[Trade | Frame] = [Trade(row["T"], Decimal(row["p"]), Decimal(row["q"]), row["m"]) for row in trades]
    moments += _books(symbol, depths, snapshots)
    return sorted(moments, key=lambda moment: (moment.time_ms, isinstance(moment, Frame)))


def trades_of(moments: list[Trade | Frame]) -> list[Trade]:
    return [moment for moment in moments if isinstance(moment, Trade)]


def final_book(moments: list[Trade | Frame]) -> tuple[Book, Book]:
    """The last frame's book; trades behind it have taken from it, and what stood in their way is gone."""
    frames = [number for number, moment in enumerate(moments) if isinstance(moment, Frame)]
    last = moments[frames[-1]] if frames else Frame(0, {}, {})
    assert isinstance(last, Frame)
    bids, asks = dict(last.bids), dict(last.asks)
    for trade in trades_of(moments[frames[-1] + 1 :] if frames else moments):
        makers, takers, sign = (bids, asks, 1) if trade.m else (asks, bids, -1)
        for price in [price for price in makers if sign * price > sign * trade.price]:
            del makers[price]
        for price in [price for price in takers if sign * price <= sign * trade.price]:
            del takers[price]
        left = makers.pop(trade.price, Decimal(0)) - trade.quantity
        if left > 0:
            makers[trade.price] = left
    return bids, asks


def candles(trades: list[Trade], interval_ms: int) -> list[tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]]:
    """(open time, open, high, low, close, volume) of every interval that has a trade."""
    groups: dict[int, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(trade.time_ms // interval_ms * interval_ms, []).append(trade)
    found = []
    for open_ms, group in sorted(groups.items()):
        prices = [trade.price for trade in group]
        volume = sum((trade.quantity for trade in group), Decimal(0))
        found.append((open_ms, prices[0], max(prices), min(prices), prices[-1], volume))
    return found
