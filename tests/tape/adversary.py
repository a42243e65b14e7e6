"""Recordings that nobody would send on purpose: everything that may happen to a recording at once, by a seed.

The fact a newcomer would get wrong: they are valid. Books that cross, trades where no level is or larger than it,
holes that a snapshot mends, lines that arrive late or twice, levels that come and go: each has to be played.
"""

from random import Random

from tests.tape.conftest import START_MS, depth_line, snapshot_line, trade_line

PRICES = range(100, 124)  # ticks of 0.01, few, so that everything meets
UNIT_LOTS = 1_000_000  # of all quantities, so that users may trade that much at such prices
LONGEST_DELAY_MS = 400
ID_DISTANCE = 1_000_000  # so that a snapshot's id fits one symbol only


class Instrument:
    """One symbol's part of a recording; `lines` are (arrival, line)."""

    def __init__(self, random: Random, symbol: str, number: int, *, frames: int, has_snapshot: bool) -> None:
        self.random = random
        self.symbol = symbol
        self.update_id = number * ID_DISTANCE
        self.now_ms = START_MS + 1_000 + random.randrange(200)
        self.lines: list[tuple[float, str]] = []
        self.books: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.is_lost = False
        for index in range(frames + 1):
            self._trades()
            if has_snapshot and index == 2:
                self._snapshot()
            may_be_lost = has_snapshot and 4 < index < frames and not self.is_lost
            self._frame(is_lost=may_be_lost and random.random() < 0.05)
        self._trades()

    def _arrive(self, line: str) -> None:
        self.lines.append((self.now_ms + self.random.randrange(LONGEST_DELAY_MS), line))

    def _trades(self) -> None:
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 5))):
            self.now_ms += self.random.choice((0, 0, 1, 7))
            price, lots = self.random.choice(PRICES), self.random.choice((1, 3, 10, 200))
            is_buyer_maker = self.random.random() < 0.5
            self._arrive(
                trade_line(self.now_ms, _price(price), self._size(lots), is_buyer_maker=is_buyer_maker,
                           symbol=self.symbol)
            )  # fmt: skip

    def _frame(self, *, is_lost: bool) -> None:
        self.now_ms += self.random.choice((0, 1, 100))
        first_id, self.update_id = self.update_id + 1, self.update_id + self.random.randint(1, 4)
        middle = self.random.choice(PRICES)
        changes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for change, book, is_bid in zip(changes, self.books, (True, False), strict=True):
            for _ in range(self.random.choice((0, 1, 3, 6))):
                price = self.random.choice(PRICES)
                is_in_place = price < middle if is_bid else price > middle
                change[price] = self.random.choice((0, 1, 5, 40)) if is_in_place or self.random.random() < 0.1 else 0
            if self.random.random() < 0.8:  # most books are sane: what would cross goes away
                gone = [price for price in book if (price >= middle if is_bid else price <= middle)]
                change |= dict.fromkeys(gone, 0)
            book |= change
        bids, asks = ([[_price(price), self._size(lots)] for price, lots in change.items()] for change in changes)
        line = depth_line(self.now_ms, first_id, self.update_id, bids, asks, self.symbol)
        self.is_lost = is_lost
        if is_lost:
            self._snapshot(is_joined_later=True)
            return
        self._arrive(line)
        if self.random.random() < 0.05:
            self._arrive(line)

    def _snapshot(self, *, is_joined_later: bool = False) -> None:
        """The whole book as it is now; in a hole it comes a little later."""
        bids, asks = (
            [[_price(price), self._size(lots)] for price, lots in book.items() if lots] for book in self.books
        )
        self.now_ms += 50 if is_joined_later else 0
        self._arrive(snapshot_line(self.update_id, bids, asks))

    def _size(self, lots: int) -> str:
        return f"{lots * UNIT_LOTS}e-5" if self.symbol == "BTCUSDT" else f"{lots * UNIT_LOTS}e-4"


def _price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}000000"


def make_lines(seed: int, *, frames: int = 60) -> list[str]:
    """A recording of BTCUSDT (every third without a snapshot) and ETHUSDT, in the order of arrival."""
    random = Random(seed)
    first = Instrument(random, "BTCUSDT", 1, frames=frames, has_snapshot=seed % 3 != 0)
    second = Instrument(random, "ETHUSDT", 2, frames=frames // 3, has_snapshot=True)
    return [line for _, line in sorted(first.lines + second.lines, key=lambda row: row[0])]
