"""A recording, read and checked whole: what it says, in ticks and lots, in the order of the tape.

The fact a newcomer would get wrong: nothing is sent while a file is read. A line that cannot be played is found before
the first command, so a replay never stops half-way for its file's sake. A level finer than the lot size is not such a
line: real books hold remainders from times of smaller lots, which nobody can trade; they are rounded down and counted.
A trade off the lot, and any price off the tick, is an error.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from engine.amounts import to_atoms, to_text
from engine.commands import TapeLevel
from engine.errors import BadParameter
from engine.types import BALANCE_LIMIT, ORDER_LIMIT, PRICE_DECIMALS, Side, SymbolSpec
from simulation.tape.lines import DepthLine, Lines, Pair, RecordingError, TradeLine, read_lines
from simulation.tape.timeline import Joined, in_order

DEEP_POCKETS_ATOMS = 10**18  # what each account of the tape has of an asset at the start of a replay
LEVELS_AT_ONCE = 400  # levels of one command: a book with thousands comes in several


class RecordedTrade(msgspec.Struct, frozen=True, gc=False):
    symbol: str
    time_ms: int
    price_ticks: int
    lots: int
    is_buyer_maker: bool


class RecordedFrame(msgspec.Struct, frozen=True):
    """Levels as they are after a depth change, or after a part of a large one: what shrinks comes first."""

    symbol: str
    time_ms: int
    levels: list[TapeLevel]


Recorded = RecordedTrade | RecordedFrame


class Recording(msgspec.Struct, frozen=True):
    """What can be played, by exchange time; never empty. `level_count` is how many level changes the frames hold.

    `rounded_lines` are the lines with a level that is finer than the lot size.
    """

    name: str
    symbols: list[str]
    events: list[Recorded]
    level_count: int
    trade_count: int
    rounded_lines: list[int]

    @property
    def first_ms(self) -> int:
        return self.events[0].time_ms

    @property
    def last_ms(self) -> int:
        return self.events[-1].time_ms

    @property
    def work(self) -> int:
        """Level changes and trades."""
        return self.level_count + self.trade_count


def read_recording(path: Path, specs: Mapping[str, SymbolSpec], symbol: str | None = None) -> Recording:
    """Read a file for these symbols of the exchange; `symbol` leaves out the others.

    Raises RecordingError for anything that cannot be played, with the line and why.
    """
    try:
        lines = read_lines(path)
    except OSError as error:
        raise RecordingError(f"cannot be opened ({error.strerror})") from error
    symbols = _chosen(lines, specs, symbol)
    scales = {name: Scale(specs[name]) for name in symbols}
    events = list(_events(lines, scales))
    frames = [event for event in events if isinstance(event, RecordedFrame)]
    return Recording(
        name=path.name,
        symbols=symbols,
        events=events,
        level_count=sum(len(frame.levels) for frame in frames),
        trade_count=len(events) - len(frames),
        rounded_lines=sorted({line for scale in scales.values() for line in scale.rounded_lines}),
    )


def _chosen(lines: Lines, specs: Mapping[str, SymbolSpec], symbol: str | None) -> list[str]:
    """The symbols to be played: all of the file, or the one that was asked for."""
    found = lines.symbols
    if not found:
        raise RecordingError("there is no trade and no depth change in the file")
    if symbol is not None and symbol not in found:
        raise RecordingError(f"{symbol} is not in the file, which has {', '.join(found)}")
    chosen = found if symbol is None else [symbol]
    unknown = [name for name in chosen if name not in specs]
    if unknown:
        everything: list[TradeLine | DepthLine] = [*lines.trades, *lines.depths]
        line = min(line.line for line in everything if line.symbol == unknown[0])
        choices = f"it trades {', '.join(sorted(specs)) or 'nothing'}"
        raise RecordingError(f"the exchange has no symbol {unknown[0]}, {choices}", line=line)
    return chosen


class Scale:
    """Reads a symbol's decimal texts as ticks and lots; each text is worked out once."""

    def __init__(self, spec: SymbolSpec) -> None:
        self.spec = spec
        self.rounded_lines: list[int] = []
        self._ticks: dict[str, int] = {}
        self._lots: dict[str, tuple[int, int]] = {}
        self._multiplier, self._divisor = spec.notional_ratio

    def level(self, side: Side, pair: Pair, line: int) -> TapeLevel:
        """A level of the book, quantity 0 included. Raises RecordingError."""
        try:
            price_ticks, (lots, rest) = self.price_ticks(pair[0]), self.lots(pair[1])
            self._check_size(price_ticks, lots)
        except ValueError as error:
            raise RecordingError(str(error), line=line, text=f'["{pair[0]}","{pair[1]}"]') from error
        if rest:
            self.rounded_lines.append(line)
        return TapeLevel(side, price_ticks, lots)

    def trade(self, trade: TradeLine) -> RecordedTrade:
        """Raises RecordingError."""
        try:
            price_ticks, (lots, rest) = self.price_ticks(trade.price), self.lots(trade.quantity)
            self._check_size(price_ticks, lots)
            if rest:
                raise ValueError(f"the quantity is not a multiple of the lot size {to_text(self.spec.lot_units)}")
            if not self.spec.min_lots <= lots <= self.spec.max_lots:
                raise ValueError("the quantity is outside what one order of the symbol may have")
        except ValueError as error:
            text = f'"p":"{trade.price}","q":"{trade.quantity}"'
            raise RecordingError(str(error), line=trade.line, text=text) from error
        return RecordedTrade(trade.symbol, trade.time_ms, price_ticks, lots, trade.is_buyer_maker)

    def price_ticks(self, text: str) -> int:
        """Raises ValueError."""
        known = self._ticks.get(text)
        if known is None:
            spec = self.spec
            known, rest = divmod(_units("price", text), spec.tick_units)
            if rest:
                raise ValueError(f"the price is not a multiple of the tick size {to_text(spec.tick_units)}")
            if not spec.min_price_ticks <= known <= spec.max_price_ticks:
                least, most = (to_text(n * spec.tick_units) for n in (spec.min_price_ticks, spec.max_price_ticks))
                raise ValueError(f"the price is outside the symbol's range of {least} to {most}")
            self._ticks[text] = known
        return known

    def lots(self, text: str) -> tuple[int, int]:
        """Whole lots and what is left over, in 1e-8. Raises ValueError."""
        known = self._lots.get(text)
        if known is None:
            known = self._lots[text] = divmod(_units("quantity", text), self.spec.lot_units)
        return known

    def pledge(self, side: Side, price_ticks: int, lots: int) -> tuple[str, int]:
        """The asset that a level locks, and how many atoms of it, rounded up."""
        if side is Side.SELL:
            return self.spec.base, lots * self.spec.base_atoms_per_lot
        return self.spec.quote, -(-price_ticks * lots * self._multiplier // self._divisor)

    def _check_size(self, price_ticks: int, lots: int) -> None:
        is_exact = price_ticks * lots * self._multiplier < ORDER_LIMIT // 2
        if not is_exact or lots * self.spec.base_atoms_per_lot > ORDER_LIMIT // 2:
            raise ValueError("price times quantity is too large for one order")


def _units(what: str, text: str) -> int:
    """A decimal text in 1e-8. Raises ValueError."""
    try:
        return to_atoms(text, decimals=PRICE_DECIMALS, limit=BALANCE_LIMIT, field=what)
    except BadParameter as error:
        if error.problem == "TOO_LARGE":
            raise ValueError(f"the {what} is too large") from error
        raise ValueError(f"the {what} is not a number of at most {PRICE_DECIMALS} decimals") from error


Fold = dict[tuple[Side, int], int]


class Pockets:
    """What the recorded books lock of each asset, which must not be more than the tape's account has."""

    def __init__(self) -> None:
        self._atoms: dict[str, int] = {}

    def note(self, scale: Scale, changed: Fold, fold: Fold, line: int) -> None:
        """`changed` comes upon `fold`. Raises RecordingError; half of the pocket is for what trades move."""
        for (side, price), lots in changed.items():
            asset, more = scale.pledge(side, price, lots)
            less = scale.pledge(side, price, fold.get((side, price), 0))[1]
            self._atoms[asset] = self._atoms.get(asset, 0) + more - less
        for asset, atoms in self._atoms.items():
            if atoms > DEEP_POCKETS_ATOMS // 2:
                raise RecordingError(f"the book would hold more {asset} than the tape has", line=line)


def _events(lines: Lines, scales: Mapping[str, Scale]) -> Iterator[Recorded]:
    folds: dict[str, Fold] = {symbol: {} for symbol in scales}
    pockets = Pockets()
    for moment in in_order(lines, scales):
        scale = scales[moment.symbol]
        if isinstance(moment, TradeLine):
            yield scale.trade(moment)
            continue
        fold = folds[moment.symbol]
        changed = _snapshot(scale, moment, fold) if isinstance(moment, Joined) else _change(scale, moment)
        pockets.note(scale, changed, fold, moment.snapshot.line if isinstance(moment, Joined) else moment.line)
        levels = [TapeLevel(side, price, lots) for (side, price), lots in changed.items()]
        for part in _parts(levels, fold):
            yield RecordedFrame(moment.symbol, moment.time_ms, part)
        for key, lots in changed.items():
            if lots:
                fold[key] = lots
            else:
                fold.pop(key, None)


def _change(scale: Scale, depth: DepthLine) -> Fold:
    """What a depth change says of its levels; of a level that it names twice the last counts."""
    found: Fold = {}
    for side, pairs in ((Side.BUY, depth.bids), (Side.SELL, depth.asks)):
        for pair in pairs:
            level = scale.level(side, pair, depth.line)
            found[side, level.price_ticks] = level.lots
    return found


def _snapshot(scale: Scale, joined: Joined, fold: Fold) -> Fold:
    """A whole book: levels it does not name are gone."""
    found: Fold = dict.fromkeys(fold, 0)
    snapshot = joined.snapshot
    for side, pairs in ((Side.BUY, snapshot.bids), (Side.SELL, snapshot.asks)):
        for pair in pairs:
            level = scale.level(side, pair, snapshot.line)
            found[side, level.price_ticks] = level.lots
    return found


def _parts(levels: list[TapeLevel], fold: Fold) -> Iterator[list[TapeLevel]]:
    """The levels of one frame in commands of bounded size, those that shrink first. An empty frame is one, too."""
    if len(levels) > LEVELS_AT_ONCE:
        levels.sort(key=lambda level: level.lots >= fold.get((level.side, level.price_ticks), 0))
    for first in range(0, max(len(levels), 1), LEVELS_AT_ONCE):
        yield levels[first : first + LEVELS_AT_ONCE]
