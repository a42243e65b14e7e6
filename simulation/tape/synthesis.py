"""Makes a recording up: a book that wanders, in the format of a real one, the same bytes for the same seed.

The fact a newcomer would get wrong: orders come, go and trade inside every 100 ms, and a depth change shows only what
is left at the end. So trades meet quantity that no frame has shown yet, and orders leave before they are seen, as in
real recordings; but every trade happened at a price and in a quantity that stood in the book at that moment.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec

from engine.amounts import to_text
from engine.types import Side

FRAME_MS = 100
SNAPSHOT_AFTER_FRAMES = 3  # a recorder subscribes first and asks for the snapshot then
SHALLOWEST, DEEPEST = 25, 120  # levels of a side
ARRIVAL_MS = 35  # how long a line is under way, plus a little
GZIP_LEVEL = 9


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What is made up. Sizes are in 1e-8; `start_ms` is the exchange's time of the first frame's begin."""

    symbol: str = "BTCUSDT"
    price_units: int = 60_000 * 10**8
    tick_units: int = 10**6
    lot_units: int = 10**3
    start_ms: int = 1_704_067_200_000


def write_recording(path: Path, *, seed: int, seconds: int, market: Market | None = None) -> int:
    """Write a recording, gzip if the name ends with .gz. Returns the number of its lines. Raises OSError."""
    lines = list(make_lines(seed=seed, seconds=seconds, market=market or Market()))
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data, GZIP_LEVEL, mtime=0) if path.suffix == ".gz" else data)
    return len(lines)


def make_lines(*, seed: int, seconds: int, market: Market) -> list[str]:
    """The lines of a recording in the order in which they arrive."""
    made = _Maker(Random(seed), market).lines(seconds * 1000 // FRAME_MS)
    return [text for _, text in sorted(made, key=lambda row: row[0])]


class _Maker:
    def __init__(self, random: Random, market: Market) -> None:
        self._random = random
        self._market = market
        self._stream = market.symbol.lower()
        middle = market.price_units // market.tick_units
        self._book: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        for side in Side:
            for distance in range(1, 2 * SHALLOWEST):
                self._book[side][middle + side.sign * distance * random.randint(1, 40)] = self._quantity()
        self._update_id = random.randint(10**6, 10**7)
        self._trade_id = random.randint(10**6, 10**7)
        self._mood = 0.5  # how likely the next taker buys

    def lines(self, frames: int) -> Iterator[tuple[int, str]]:
        """(local receive time in ns, line)."""
        for number in range(frames):
            begin_ms = self._market.start_ms + number * FRAME_MS
            shown = {side: dict(levels) for side, levels in self._book.items()}
            first_id = self._update_id + 1
            for time_ms in sorted(self._random.randrange(begin_ms, begin_ms + FRAME_MS) for _ in range(self._busy())):
                for trade in self._happen(time_ms):
                    yield self._arrived(time_ms, trade)
            if self._update_id >= first_id:
                frame = self._frame(begin_ms + FRAME_MS, first_id, shown)
                yield self._arrived(begin_ms + FRAME_MS, frame)
            if number == SNAPSHOT_AFTER_FRAMES - 1:
                yield self._arrived(begin_ms + FRAME_MS, self._snapshot())

    def _busy(self) -> int:
        return self._random.choice((1, 2, 2, 3, 4, 5, 8, 14))

    def _quantity(self) -> int:
        """Mostly small, sometimes large, in lots."""
        return max(1, int(self._random.expovariate(1) ** 3 * 4_000))

    def _best(self, side: Side) -> int:
        prices = self._book[side]
        return max(prices) if side is Side.BUY else min(prices)

    def _happen(self, time_ms: int) -> Iterator[str]:
        """One thing that happens in the market; the trades it makes."""
        what = self._random.random()
        if what < 0.30:
            self._mood = min(max(self._mood + self._random.uniform(-0.08, 0.08), 0.25), 0.75)
            yield from self._take(time_ms, Side.BUY if self._random.random() < self._mood else Side.SELL)
        elif what < 0.70:
            self._add(self._random.choice(list(Side)))
        else:
            self._withdraw(self._random.choice(list(Side)))
        for side in Side:
            while len(self._book[side]) < SHALLOWEST:
                self._add(side)
        self._update_id += 1

    def _take(self, time_ms: int, taker: Side) -> Iterator[str]:
        """A market order against what stands on the other side, a trade for each level."""
        makers, left = self._book[taker.opposite], min(self._quantity(), 400_000)
        while left and len(makers) > 1:
            price = self._best(taker.opposite)
            lots = min(left, makers[price])
            left -= lots
            makers[price] -= lots
            if not makers[price]:
                del makers[price]
            self._update_id += 1
            self._trade_id += 1
            yield self._trade(time_ms, price, lots, taker)

    def _add(self, side: Side) -> None:
        """More at a level, or a new one; a quote may narrow the spread, never cross it."""
        own, other = self._best(side), self._best(side.opposite)
        inward = min(abs(other - own) - 1, 3)
        distance = int(self._random.expovariate(1) ** 2 * 60) - inward
        price = own + side.sign * distance
        levels = self._book[side]
        levels[price] = levels.get(price, 0) + self._quantity()
        if len(levels) > DEEPEST:
            del levels[min(levels) if side is Side.BUY else max(levels)]

    def _withdraw(self, side: Side) -> None:
        """Less at one of the better levels, often nothing."""
        levels = self._book[side]
        price = sorted(levels, reverse=side is Side.BUY)[min(int(self._random.expovariate(0.2)), len(levels) - 1)]
        left = self._random.choice((0, 0, levels[price] // 2))
        if left:
            levels[price] = left
        elif len(levels) > 1:
            del levels[price]

    def _trade(self, time_ms: int, price: int, lots: int, taker: Side) -> str:
        is_buyer_maker = "true" if taker is Side.SELL else "false"
        return (
            f'{{"stream":"{self._stream}@trade","data":{{"e":"trade","E":{time_ms + 1},"s":"{self._market.symbol}",'
            f'"t":{self._trade_id},"p":"{self._price(price)}","q":"{self._lots(lots)}","T":{time_ms},'
            f'"m":{is_buyer_maker},"M":true}}}}'
        )

    def _frame(self, time_ms: int, first_id: int, shown: dict[Side, dict[int, int]]) -> str:
        bids, asks = (self._changes(side, shown[side]) for side in Side)
        return (
            f'{{"stream":"{self._stream}@depth@100ms","data":{{"e":"depthUpdate","E":{time_ms},'
            f'"s":"{self._market.symbol}","U":{first_id},"u":{self._update_id},"b":{bids},"a":{asks}}}}}'
        )

    def _changes(self, side: Side, shown: dict[int, int]) -> str:
        now = self._book[side]
        changed = {
            price: now.get(price, 0) for price in shown.keys() | now.keys() if shown.get(price) != now.get(price)
        }
        return self._levels(side, changed)

    def _snapshot(self) -> str:
        bids, asks = (self._levels(side, self._book[side]) for side in Side)
        return f'{{"lastUpdateId":{self._update_id},"bids":{bids},"asks":{asks}}}'

    def _levels(self, side: Side, levels: dict[int, int]) -> str:
        """A JSON list of levels, best first."""
        prices = sorted(levels, reverse=side is Side.BUY)
        return "[" + ",".join(f'["{self._price(price)}","{self._lots(levels[price])}"]' for price in prices) + "]"

    def _price(self, ticks: int) -> str:
        return to_text(ticks * self._market.tick_units)

    def _lots(self, lots: int) -> str:
        return to_text(lots * self._market.lot_units)

    def _arrived(self, time_ms: int, line: str) -> tuple[int, str]:
        delay_ns = ARRIVAL_MS * 1_000_000 + self._random.randrange(25_000_000)
        received_ns = time_ms * 1_000_000 + delay_ns
        return received_ns, f"{received_ns} {line}"
