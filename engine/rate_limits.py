"""How much may be asked of the exchange: the numbers of a venue, and what one request is counted as.

The fact a newcomer would get wrong: nothing is counted here. Scripts count (lua/lib/charging.lua), so that any number
of workers admits exactly as much as one; a placement is counted by the script that places it.
"""

from enum import StrEnum
from typing import Final

import msgspec

SECOND_MS: Final = 1_000
INTERVALS_MS: Final = {"DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": SECOND_MS}


class LimitKind(StrEnum):
    """As Binance calls them (enums.md, rateLimitType)."""

    REQUEST_WEIGHT = "REQUEST_WEIGHT"
    ORDERS = "ORDERS"
    RAW_REQUESTS = "RAW_REQUESTS"


class Window(msgspec.Struct, frozen=True):
    """At most `most` in each interval; intervals begin at multiples of their length, a day at 00:00 UTC."""

    most: int
    interval_ms: int

    @property
    def interval(self) -> tuple[str, int]:
        """The largest unit that it is a whole number of, and that number: ("MINUTE", 5)."""
        for name, length_ms in INTERVALS_MS.items():
            if self.interval_ms % length_ms == 0:
                return name, self.interval_ms // length_ms
        raise ValueError(f"an interval of {self.interval_ms} ms is no number of seconds")


class RateLimits(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """The limits of a venue. Weight and requests are counted by address, unfilled orders by account.

    An order counts until its first fill, which takes `fill_as_taker` or `fill_as_maker` off the count, never below 0
    (Binance, faqs/order_count_decrement.md). More than `refusals_before_ban` answers of 429 in one interval of weight
    bring a ban (0: none ever does): of `first_ban_ms`, each further one twice as long as the last, up to
    `longest_ban_ms`; who has kept quiet for `longest_ban_ms` begins anew.
    """

    weight: Window = Window(6_000, 60_000)
    short_orders: Window = Window(100, 10_000)
    long_orders: Window = Window(200_000, 86_400_000)
    requests: Window = Window(61_000, 300_000)
    fill_as_taker: int = 1
    fill_as_maker: int = 5
    refusals_before_ban: int = 50
    first_ban_ms: int = 2 * 60_000
    longest_ban_ms: int = 3 * 86_400_000

    @property
    def text(self) -> str:
        """As it stands in META, for scripts (charging.lua, read_limits)."""
        windows = (self.weight, self.requests, self.short_orders, self.long_orders)
        numbers = [number for window in windows for number in (window.interval_ms, window.most)]
        numbers += [self.fill_as_taker, self.fill_as_maker, self.refusals_before_ban]
        return " ".join(map(str, [*numbers, self.first_ban_ms, self.longest_ban_ms]))

    @property
    def windows(self) -> list[tuple[LimitKind, Window]]:
        """All of them, in the order in which exchangeInfo shows them."""
        return [
            (LimitKind.REQUEST_WEIGHT, self.weight),
            (LimitKind.ORDERS, self.short_orders),
            (LimitKind.ORDERS, self.long_orders),
            (LimitKind.RAW_REQUESTS, self.requests),
        ]


def read_rate_limits(text: str) -> RateLimits | None:
    """From META; None for the empty text: nothing is counted."""
    if not text:
        return None
    numbers = [int(word) for word in text.split()]
    weight, requests, short_orders, long_orders = (Window(numbers[at + 1], numbers[at]) for at in (0, 2, 4, 6))
    return RateLimits(
        weight=weight,
        requests=requests,
        short_orders=short_orders,
        long_orders=long_orders,
        fill_as_taker=numbers[8],
        fill_as_maker=numbers[9],
        refusals_before_ban=numbers[10],
        first_ban_ms=numbers[11],
        longest_ban_ms=numbers[12],
    )


class Counts(msgspec.Struct, frozen=True):
    """What has been used in the intervals that run."""

    weight: int = 0
    requests: int = 0
    short_orders: int = 0
    long_orders: int = 0

    @classmethod
    def read(cls, text: bytes) -> "Counts":
        return cls(*map(int, text.split()))

    @property
    def words(self) -> list[bytes]:
        """The same as a script writes them: weight, requests, orders of the short interval and of the long one."""
        return [b"%d" % self.weight, b"%d" % self.requests, b"%d" % self.short_orders, b"%d" % self.long_orders]


class Verdict(StrEnum):
    """What became of a request; the middle three name the limit that refused it."""

    ADMITTED = "admitted"
    WEIGHT = "weight"
    REQUESTS = "requests"
    BANNED = "banned"
    OFF = "off"  # nothing is counted


class Admission(msgspec.Struct, frozen=True):
    """`until_ms`: when the refusing interval or the ban ends, 0 for what was admitted."""

    verdict: Verdict
    now_ms: int
    until_ms: int
    counts: Counts


class Charge:
    """What a placement counts as, handed down with it; `text`, its counts, comes back once it is counted, only then."""

    __slots__ = ("text", "word")

    def __init__(self, address: str, *, weight: int, orders: int) -> None:
        self.word: Final = f"{weight} {orders} {address}"
        self.text: bytes | None = None

    def settle(self, text: bytes) -> None:
        """The script's last word: it has counted."""
        self.text = text

    @property
    def counts(self) -> Counts | None:
        """The same as numbers."""
        return None if self.text is None else Counts.read(self.text)
