"""Recorded history once more: what a depth frame and a trade of a recording do to the book.

The fact a newcomer would get wrong: a level of the tape is not an order of the tape. What users took from a level is
taken from what the recording shows there, until it shows the level empty; the orders that stand for it come and go.
What is so large that the engine needs more than one step for its quotes is not played here.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.model.auctions import Auctions
from tests.model.matching import UNFINISHED
from tests.model.meetings import Taker
from tests.model.words import ATOM, ZERO, Market, Order, Refused, Terms

MAKER, TAKER = 8, 9  # accounts of the tape: the one that rests, the one that takes
MOST_ORDERS = 100  # that one recorded quantity becomes
GROWN = 2**50  # atoms of quote: an order that has traded so much grows no more
OTHER = {"BUY": "SELL", "SELL": "BUY"}


@dataclass
class Level:
    """Of the tape at one price: what is `recorded`, what users have `taken` of it, what of its `orders` was `left`
    after the last command. `target` is what they shall have left now.
    """

    side: str
    price: Decimal
    recorded: Decimal = ZERO
    taken: Decimal = ZERO
    left: Decimal = ZERO
    orders: list[Order] = field(default_factory=list)
    target: Decimal = ZERO

    @property
    def actual(self) -> Decimal:
        return sum((order.left for order in self.orders), ZERO)

    def is_within(self, limit: Decimal) -> bool:
        return self.price >= limit if self.side == "BUY" else self.price <= limit


Known = dict[Decimal, Level]


@dataclass
class Tape(Auctions):
    """`tape` are its levels by (symbol, side, price), `touched` those that the next frame puts back."""

    tape: dict[tuple[str, str, Decimal], Level] = field(default_factory=dict)
    touched: dict[str, set[tuple[str, Decimal]]] = field(default_factory=dict)
    tape_mark: str = ""
    tape_steps: int = 0

    def apply_frame(
        self, *, symbol: str, rules_version: int, now_ms: int, after: str, mark: str,
        levels: list[tuple[str, Decimal, Decimal]],
    ) -> None:  # fmt: skip
        """`levels` are (side, price, quantity), zero for one that is gone."""
        market = self._begin_tape(symbol, rules_version, now_ms, after)
        shown: dict[tuple[str, Decimal], Decimal | None] = {(side, price): much for side, price, much in levels}
        ticks = {place: str(int(place[1] / market.tick)) for place in self.touched.pop(symbol, set())}
        for place in sorted(ticks, key=lambda place: (place[0], ticks[place])):
            shown.setdefault(place, None)
        known = {side: self._read_frame(market, side, shown) for side in ("BUY", "SELL")}
        self._hold_back(market, known)
        walls: dict[str, Decimal | None] = {}
        best = {side: best_growing(known[side]) for side in known}  # before anything is cleared away
        for side, price in best.items():
            if price is not None:
                walls[side] = self._clear_way(market, OTHER[side], known[OTHER[side]], price)
        every = [level for side in ("BUY", "SELL") for level in known[side].values()]
        additions = [level for level in every if level.target > level.actual]
        if any(wall is not None for wall in walls.values()):  # the most eager quote comes first
            additions.sort(key=lambda level: (level.side, -level.price if level.side == "BUY" else level.price))
        removals = [level for level in every if level.target < level.actual]
        quiet = [level for level in every if level.target == level.actual]
        self._change(market, removals, additions, quiet, walls)
        self._end_tape(market, mark)

    def play_trade(
        self, *, symbol: str, rules_version: int, now_ms: int, after: str, mark: str, price: Decimal,
        quantity: Decimal, is_buyer_maker: bool,
    ) -> None:  # fmt: skip
        market = self._begin_tape(symbol, rules_version, now_ms, after)
        side = "BUY" if is_buyer_maker else "SELL"  # of the makers
        better = [one for one in self._reached(market, side, price) if one != price]
        makers = [self._read(market, side, one) for one in better]
        takers = [self._read(market, OTHER[side], one) for one in self._reached(market, OTHER[side], price)]
        level = self._read(market, side, price)
        removals = [gone for gone in (*makers, *takers) if gone.actual]
        walls: dict[str, Decimal | None] = {}
        additions = []
        if level.actual < quantity:
            depth = self.depth(symbol)
            users = [one.price for one in takers if depth[one.side, one.price] > one.actual]
            walls[side] = users[0] if users else None
            level.target = quantity
            additions.append(level)
        for gone in removals:
            gone.target = ZERO
            self._touch_level(market, gone)
        self._touch_level(market, level)
        taken = level.taken
        if removals or additions:
            self._change(market, removals, additions, [], walls)
        level.taken = taken  # what users met of the trade itself is gone from the recording with it
        self._take(market, "tape_trade_played", TAKER, OTHER[side], price, quantity)
        level.orders = [order for order in level.orders if order.id in self.open]
        level.target = level.actual
        self._keep(market, level)
        self._end_tape(market, mark)

    def _begin_tape(self, symbol: str, rules_version: int, now_ms: int, after: str) -> Market:
        market = self._market(symbol)
        if market.rules_version != rules_version or (after and after != self.tape_mark):
            raise Refused("STALE")
        if market.status != "TRADING":
            raise Refused("MARKET_CLOSED")
        self.now_ms, self.tape_steps = max(self.now_ms, now_ms), 0
        return market

    def _end_tape(self, market: Market, mark: str) -> None:
        self.tape_mark = mark
        self.follow_up(market, room=self.cap)

    def _read(self, market: Market, side: str, price: Decimal) -> Level:
        """As it is now: what its orders lost since the last command was taken by users."""
        level = replace(self.tape.get((market.symbol, side, price), Level(side, price)))
        level.orders = [order for order in level.orders if order.id in self.open]
        level.taken += level.left - level.actual
        level.target = level.actual
        return level

    def _read_frame(
        self, market: Market, side: str, shown: dict[tuple[str, Decimal], Decimal | None]
    ) -> Known:  # fmt: skip
        known = {}
        for (of_side, price), recorded in shown.items():
            if of_side == side:
                level = known[price] = self._read(market, side, price)
                level.recorded = level.recorded if recorded is None else recorded
                level.taken = ZERO if recorded == 0 else level.taken
                level.target = max(ZERO, level.recorded - level.taken)
        return known

    def _hold_back(self, market: Market, known: dict[str, Known]) -> None:
        """Of two new quotes that cross the bid waits for the next frame."""
        highest, lowest = best_growing(known["BUY"]), best_growing(known["SELL"])
        if highest is None or lowest is None or highest < lowest:
            return
        self.met["tape quotes that cross"] += 1
        for level in known["BUY"].values():
            if level.target > level.actual and level.price >= lowest:
                level.target = level.actual
                self._touch_level(market, level)

    def _clear_way(self, market: Market, side: str, known: Known, price: Decimal) -> Decimal | None:
        """The tape's own orders in the way of a new quote at `price` go; the best price of users' orders there."""
        reached, depth = self._reached(market, side, price), self.depth(market.symbol)
        unknown = [self._read(market, side, one) for one in reached if one not in known]
        known |= {level.price: level for level in unknown if level.actual}
        walls = [one for one in reached if one not in known or depth[side, one] > known[one].actual]
        for level in [known[one] for one in reached if one in known]:
            if min(level.actual, level.target) > 0:
                level.target = ZERO
                self._touch_level(market, level)
        return walls[0] if walls else None

    def _reached(self, market: Market, side: str, limit: Decimal) -> list[Decimal]:
        """Prices of a side where somebody stands that are at least as good as `limit`, best first."""
        prices = dict.fromkeys(order.price for order in self.queue(market.symbol, side))
        return [price for price in prices if Level(side, price).is_within(limit)]

    def _touch_level(self, market: Market, level: Level) -> None:
        self.touched.setdefault(market.symbol, set()).add((level.side, level.price))

    def _keep(self, market: Market, level: Level) -> None:
        """Remembers the level with what its orders have left now, unless there is nothing to say of it."""
        place = market.symbol, level.side, level.price
        if level.recorded or level.taken or level.orders:
            self.tape[place] = replace(level, left=level.target)
        else:
            self.tape.pop(place, None)

    def _change(
        self, market: Market, removals: list[Level], additions: list[Level], quiet: list[Level],
        walls: dict[str, Decimal | None],
    ) -> None:  # fmt: skip
        """Brings levels to their targets, removals first; quotes that reach users' orders trade with them before."""
        behind = {id(level): self._has_followers(market, level) for level in additions}
        before, count = self.copy(market.symbol), 0
        for level in quiet:
            self._keep(market, level)
        for level in removals:
            self._move(market, level, is_behind=False)
            count += 1
        if any(wall is not None for wall in walls.values()):
            if count:
                self._tell_frame(market, before)
            for level in additions:
                wall = walls.get(level.side)
                if wall is not None and self._reaches(level, wall):
                    self._cross(market, level)
            before, count = self.copy(market.symbol), 0
        for level in additions:
            self._move(market, level, is_behind=behind[id(level)])
            count += 1
        if count or not self.tape_steps:
            self._tell_frame(market, before)

    def _reaches(self, level: Level, wall: Decimal) -> bool:
        return level.price >= wall if level.side == "BUY" else level.price <= wall

    def _cross(self, market: Market, level: Level) -> None:
        filled = self._take(
            market, "tape_frame_applied", MAKER, level.side, level.price, level.target - level.actual
        )  # fmt: skip
        self.met["tape quotes that meet users"] += bool(filled)
        level.taken += filled
        level.target -= filled

    def _tell_frame(self, market: Market, before: object) -> None:
        self.tell_market("tape_frame_applied", market, before, takers=[])  # type: ignore[arg-type]
        self.tape_steps += 1

    def _has_followers(self, market: Market, level: Level) -> bool:
        """Somebody else stands behind the tape's last order there."""
        queue = [order for order in self.queue(market.symbol, level.side) if order.price == level.price]
        return bool(level.orders) and queue[-1] is not level.orders[-1]

    def _move(self, market: Market, level: Level, *, is_behind: bool) -> None:
        """Takes off from behind, adds at the end of the queue."""
        while level.actual > level.target:
            last = level.orders[-1]
            cut = min(last.left, level.actual - level.target)
            self._resize(market, last, -cut)
            if not last.left:
                level.orders.pop()
                del self.open[last.id]
                last.is_in_book = False
        if level.actual < level.target:
            last_one = level.orders[-1] if level.orders else None
            if last_one is None or is_behind or last_one.filled_quote / ATOM >= GROWN:
                last_one = self._tape_order(market, MAKER, level.side, level.price, ZERO, "GTC")
                self.open[last_one.id] = last_one
                last_one.is_in_book = True
                level.orders.append(last_one)
            self._resize(market, last_one, level.target - level.actual)
        self._keep(market, level)

    def _resize(self, market: Market, order: Order, by: Decimal) -> None:
        order.quantity += by
        order.left += by
        order.updated_ms, order.status = self.now_ms, order.open_status
        self._lock(market, order, self._worth(order, order.left))

    def _tape_order(
        self, market: Market, account: int, side: str, price: Decimal, quantity: Decimal, time_in_force: str
    ) -> Order:
        return Order(
            id=self.take_id(), account=account, symbol=market.symbol, side=side, type="LIMIT",
            time_in_force=time_in_force, price=price, quantity=quantity, left=quantity, quote_amount=ZERO,
            client_id="", created_ms=self.now_ms, updated_ms=self.now_ms, terms=Terms(working_ms=self.now_ms),
        )  # fmt: skip

    def _take(self, market: Market, kind: str, account: int, side: str, price: Decimal, quantity: Decimal) -> Decimal:
        """Immediate-or-cancel orders of the tape, each of one step; what they filled together."""
        filled, rest = ZERO, None
        for _ in range(MOST_ORDERS):
            order = self._tape_order(market, account, side, price, quantity - filled, "IOC")
            plan = self.plan(market, Taker(order, left=order.left, rest=rest), self.cap)
            stop, rest = plan.stop, plan.rest
            if stop in UNFINISHED:
                plan.stop = "book"  # what is left is another order
            self.step(kind, market, order, plan, ZERO)
            self.tape_steps += 1
            filled += plan.filled
            self.met["tape shared out by a rule"] += plan.shared
            self.met["tape goes on amid a round"] += bool(rest)
            if stop != "steps" or filled == quantity:
                break
        return filled


def best_growing(known: Known) -> Decimal | None:
    """The best price among a side's levels that are to grow."""
    growing = [level for level in known.values() if level.target > level.actual]
    if not growing:
        return None
    prices = [level.price for level in growing]
    return max(prices) if growing[0].side == "BUY" else min(prices)
