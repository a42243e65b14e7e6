"""How much may be asked for, at random, and who asks: few addresses with limits that some of them meet.

The fact a newcomer would get wrong: most commands are counted as nothing, as the exchange's own are. With every one
counted hardly any would be left that is not refused.
"""

from random import Random

from engine.rate_limits import Charge, RateLimits, Window
from tests.model.asking import Step
from tests.model.reference import Exchange

ADDRESSES = ("10.0.0.1", "10.0.0.2", "2001:db8::1")
INTERVALS_MS = ((1_000, 2_000, 500, 3_000), (5_000, 20_000, 2_000, 86_400_000))
COUNTED = 0.2  # of the placements
FIRST_BAN_MS, LONGEST_BAN_MS = 300, 20_000


class Requests:
    """Draws steps, as `Commands` does."""

    def __init__(self, random: Random, reference: Exchange) -> None:
        self._random = random
        self._reference = reference

    def charge(self, orders: int = 1) -> Charge | None:
        if self._random.random() >= COUNTED:
            return None
        return Charge(self._random.choice(ADDRESSES), weight=self._random.choice((1, 1, 2, 6)), orders=orders)

    def draw(self) -> Step:
        """A request that places nothing, or other limits."""
        if self._random.random() < 0.75:
            is_refused = self._random.random() < 0.3
            return Step("admit", (self._random.choice(ADDRESSES), self._random.choice((1, 2, 9)), is_refused))
        return self.limits()

    def limits(self) -> Step:
        if self._random.random() < 0.25:
            return Step("set_rate_limits", (None, False))
        lengths_ms = self._random.choice(INTERVALS_MS)
        mosts = [self._random.choice(numbers) for numbers in ((12, 60, 200), (8, 30, 100), (1, 3, 8), (4, 10, 200))]
        weight, requests, short, long = (
            Window(most, length_ms) for most, length_ms in zip(mosts, lengths_ms, strict=True)
        )
        limits = RateLimits(
            weight=weight, requests=requests, short_orders=short, long_orders=long,
            fill_as_taker=self._random.choice((0, 1, 2)), fill_as_maker=self._random.choice((0, 1, 5)),
            refusals_before_ban=self._random.choice((0, 1, 3)), first_ban_ms=FIRST_BAN_MS,
            longest_ban_ms=LONGEST_BAN_MS,
        )  # fmt: skip
        return Step("set_rate_limits", (limits, self._random.random() < 0.1))
