"""Frames and trades of a recording at random: sane ones for the most part, some that cross, some that are late.

The fact a newcomer would get wrong: nothing is remembered of what the recording showed before. The tape has to come to
what a frame says from wherever it is.
"""

from random import Random

from engine.commands import TapeFrame, TapeLevel, TapeTrade
from engine.types import Side
from tests.model.asking import Step
from tests.model.reference import Exchange
from tests.model.tape import MAKER, TAKER, Level
from tests.model.translation import SPECS

DELAYS_MS = (0, 0, 1, 40, 700, -5)


class Recording:
    """Draws steps, as `Commands` does."""

    def __init__(self, random: Random, reference: Exchange, centres: dict[str, int]) -> None:
        self._random = random
        self._reference = reference
        self._centres = centres
        self._drawn = 0

    def draw(self) -> Step:
        return self._frame() if self._random.random() < 0.6 else self._trade()

    def _frame(self) -> Step:
        head, levels = self._head(), []
        for _ in range(self._random.choice((0, 1, 1, 2, 4, 7))):
            side = self._random.choice(list(Side))
            away = round(self._random.gauss(3, 3))
            price = self._centres[head["symbol"]] + (away if side is Side.SELL else -away)
            levels.append(TapeLevel(side, max(1, price), self._random.choice((0, 0, 1, 5, 20, 40))))
        if known := [level for key, level in self._reference.tape.items() if key[0] == head["symbol"] and level.left]:
            levels.append(self._again(self._random.choice(known), str(head["symbol"])))
        return Step("apply_frame", TapeFrame(levels=levels, **head))

    def _again(self, level: Level, symbol: str) -> TapeLevel:
        """A little more or less of what was shown there."""
        market = self._reference.markets[symbol]
        lots = int(level.recorded / market.lot) + self._random.choice((-3, -1, 1, 1, 4, 9))
        return TapeLevel(Side(level.side), int(level.price / market.tick), max(0, lots))

    def _trade(self) -> Step:
        head = self._head()
        price = self._centres[head["symbol"]] + round(self._random.gauss(0, 3))
        return Step(
            "play_trade",
            TapeTrade(
                price_ticks=max(1, price), lots=self._random.choice((1, 3, 10, 30)),
                is_buyer_maker=self._random.random() < 0.5, **head,
            ),
        )  # fmt: skip

    def _head(self) -> dict[str, object]:
        """What all commands of a recording have; seldom a mark or rules that are not the newest."""
        self._drawn += 1
        symbol = self._random.choice(list(SPECS))
        version = self._reference.markets[symbol].rules_version - (self._random.random() < 0.01)
        after = self._random.choice(("", self._reference.tape_mark, self._reference.tape_mark))
        return {
            "symbol": symbol, "rules_version": max(1, version), "maker_account": MAKER, "taker_account": TAKER,
            "now_ms": self._reference.now_ms + self._random.choice(DELAYS_MS), "mark": f"mark{self._drawn}",
            "after": "none" if self._random.random() < 0.01 else after,
        }  # fmt: skip
