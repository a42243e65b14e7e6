"""How much is asked for: requests and their weight by address, orders that have not traded yet by account.

The fact a newcomer would get wrong: intervals do not slide. They begin at multiples of their length, and what was
counted in one says nothing in the next. What is counted is no part of the market: no event tells of it.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.model.books import Books
from tests.model.words import Refused


@dataclass(frozen=True)
class Most:
    """At most so many in each interval of so many milliseconds."""

    most: int
    interval_ms: int


@dataclass(frozen=True)
class RequestRules:
    """`fill_as_taker` and `fill_as_maker` are what an order's first trade takes off its account's count; more than
    `refusals` in one interval of weight bring a ban (0: none does), twice as long each time.
    """

    weight: Most
    requests: Most
    short_orders: Most
    long_orders: Most
    fill_as_taker: int
    fill_as_maker: int
    refusals: int
    first_ban_ms: int
    longest_ban_ms: int

    @property
    def intervals(self) -> tuple[int, ...]:
        every = (self.weight, self.requests, self.short_orders, self.long_orders)
        return tuple(limit.interval_ms for limit in every)


@dataclass(frozen=True)
class Asked:
    """What a placement counts as."""

    address: str
    weight: int
    orders: int


@dataclass
class Counting(Books):
    """`used` is by (who, what, number of the interval); `bans` are (until when, how many in a row). `asked` is what the
    command in hand counts as, `counted` what its address had used after it, if it was counted.
    """

    request_rules: RequestRules | None = None
    used: Counter[tuple[Any, str, int]] = field(default_factory=Counter)
    bans: dict[str, tuple[int, int]] = field(default_factory=dict)
    asked: Asked | None = None
    counted: tuple[int, int] | None = None

    def set_request_rules(self, rules: RequestRules | None, *, forget: bool) -> None:
        """Other intervals begin with new counts, too."""
        known = self.request_rules
        if forget or (known.intervals if known else ()) != (rules.intervals if rules else ()):
            self.forget_counts()
        if rules != known:
            self.request_rules = rules
            self.tell("rate_limits_set", rules=rules)

    def forget_counts(self) -> None:
        self.used.clear()
        self.bans.clear()

    def admit(self, address: str, weight: int, *, is_refused: bool) -> tuple[Any, ...]:
        """(verdict, until when, weight and requests used). `is_refused`: its placement was, which only is noted."""
        rules = self.request_rules
        if rules is None:
            return ("off", 0, 0, 0)
        verdict, until_ms = self._judged(rules, address, weight)
        if not verdict and is_refused:
            verdict, until_ms = "weight", self.now_ms
        if not verdict:
            self._count(address, "weight", rules.weight, weight)
            self._count(address, "requests", rules.requests, 1)
        elif verdict != "banned":
            self._count(address, "refused", rules.weight, 1)
            if rules.refusals and self.of(address, "refused", rules.weight) > rules.refusals:
                verdict, until_ms = "banned", self._ban(rules, address)
        return (verdict or "admitted", until_ms, *self.used_by(address))

    def _ban(self, rules: RequestRules, address: str) -> int:
        """Until when."""
        before = self.bans_of(address)
        length_ms = min(rules.first_ban_ms * 2**before, rules.longest_ban_ms) if before else rules.first_ban_ms
        self.bans[address] = (self.now_ms + length_ms, before + 1)
        self.used[self._place(address, "refused", rules.weight)] = 0
        self.met["banned"] += 1
        self.met["banned again"] += before > 0
        return self.now_ms + length_ms

    def bans_of(self, address: str) -> int:
        """In a row: who has kept quiet for long begins anew."""
        until_ms, number = self.bans.get(address, (0, 0))
        assert self.request_rules is not None
        return number if self.now_ms < until_ms + self.request_rules.longest_ban_ms else 0

    def _judged(self, rules: RequestRules, address: str, weight: int) -> tuple[str, int]:
        """Which limit refuses it, and until when; "" if none does."""
        until_ms, _ = self.bans.get(address, (0, 0))
        if self.now_ms < until_ms:
            return "banned", until_ms
        if self.of(address, "weight", rules.weight) + weight > rules.weight.most:
            return "weight", self._end_of(rules.weight)
        if self.of(address, "requests", rules.requests) + 1 > rules.requests.most:
            return "requests", self._end_of(rules.requests)
        return "", 0

    def check_placement(self, account: int) -> None:
        """Raises Refused when the command in hand is more than its address or its account may ask for."""
        rules, asked = self.request_rules, self.asked
        if rules is None or asked is None:
            return
        if self._judged(rules, asked.address, asked.weight)[0]:
            raise Refused("RATE_LIMITED")
        if self.has_too_many(account):
            raise Refused("TOO_MANY_ORDERS")

    def has_too_many(self, account: int) -> bool:
        """With the orders of the command in hand."""
        rules, asked = self.request_rules, self.asked
        if rules is None or asked is None:
            return False
        limits = (("short", rules.short_orders), ("long", rules.long_orders))
        return any(self.of(account, what, limit) + asked.orders > limit.most for what, limit in limits)

    def count_placement(self, account: int, orders: int | None = None) -> None:
        """The command in hand was accepted; `orders` if it is not as many as it asked for."""
        rules, asked = self.request_rules, self.asked
        if rules is None or asked is None:
            return
        self._count(asked.address, "weight", rules.weight, asked.weight)
        self._count(asked.address, "requests", rules.requests, 1)
        for what, limit in (("short", rules.short_orders), ("long", rules.long_orders)):
            self._count(account, what, limit, asked.orders if orders is None else orders)
        self.counted = self.used_by(asked.address)
        self.met["counted"] += 1

    def note_first_fill(self, account: int, *, is_maker: bool) -> None:
        """An order trades for the first time: it is no unfilled one any more."""
        if rules := self.request_rules:
            much = rules.fill_as_maker if is_maker else rules.fill_as_taker
            for what, limit in (("short", rules.short_orders), ("long", rules.long_orders)):
                place = self._place(account, what, limit)
                self.met["no longer unfilled"] += self.used[place] > 0
                self.used[place] = max(0, self.used[place] - much)

    def unfilled(self, account: int) -> tuple[int, int]:
        rules = self.request_rules
        if rules is None:
            return (0, 0)
        return self.of(account, "short", rules.short_orders), self.of(account, "long", rules.long_orders)

    def used_by(self, address: str) -> tuple[int, int]:
        rules = self.request_rules
        assert rules is not None
        return self.of(address, "weight", rules.weight), self.of(address, "requests", rules.requests)

    def of(self, who: Any, what: str, limit: Most) -> int:
        """Of the interval of now."""
        return self.used[self._place(who, what, limit)]

    def _count(self, who: Any, what: str, limit: Most, much: int) -> None:
        self.used[self._place(who, what, limit)] += much

    def _place(self, who: Any, what: str, limit: Most) -> tuple[Any, str, int]:
        return who, what, self.now_ms // limit.interval_ms

    def _end_of(self, limit: Most) -> int:
        return (self.now_ms // limit.interval_ms + 1) * limit.interval_ms
