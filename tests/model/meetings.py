"""Whom an order would meet in the book, and what comes of each meeting: nothing here changes anything.

The fact a newcomer would get wrong: an iceberg shows only its tip. When that is eaten up the order goes to the end of
its price level with a new tip, and the same taker may meet it again there. Self-trade prevention sees all of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby

from tests.model.averages import Averages
from tests.model.rounds import Rest, shared_out
from tests.model.words import ATOM, EXACT, ZERO, Market, Order, floor

TAKER_STOPS = ("EXPIRE_TAKER", "EXPIRE_BOTH")
BOTH_SHRINK = ("DECREMENT", "TRANSFER")


@dataclass
class Meeting:
    """A trade of `quantity`, or with a `mode` none: then the two lose these quantities without trading."""

    maker: Order
    quantity: Decimal = ZERO
    mode: str = ""
    from_taker: Decimal = ZERO
    from_maker: Decimal = ZERO
    moves_money: bool = False

    @property
    def quote(self) -> Decimal:
        return floor(self.maker.price * (self.from_maker if self.moves_money else self.quantity))


@dataclass
class Plan:
    """One step's meetings in order. `stop` says why there are no more: "filled" (the taker has nothing left), "book"
    (nobody is left within the limit), "range" (the next price is outside of where it may trade), "money" (it buys no
    further lot), "prevented", "steps" (more follow in the next step), "too large", "killed". `rest` is what an
    unfinished step leaves of a round.
    """

    meetings: list[Meeting] = field(default_factory=list)
    stop: str = ""
    rest: Rest | None = None
    shared: int = 0  # rounds that the matching rule has shared out

    @property
    def filled(self) -> Decimal:
        return sum((meeting.quantity for meeting in self.meetings), ZERO)


@dataclass
class Tip:
    """What is still there of a maker while the plan is being made."""

    maker: Order
    left: Decimal
    visible: Decimal


@dataclass
class Taker:
    """What an order has to take with in one step: quantity, money, or both; None is unlimited."""

    order: Order
    left: Decimal | None = None
    money: Decimal | None = None
    available: Decimal | None = None  # base that a sale by quote amount may sell
    rest: Rest | None = None  # of the round that its last step was amid
    range: tuple[Decimal, Decimal] | None = None  # it may trade at no price outside


@dataclass
class Meetings(Averages):
    """`cap` is how many meetings fit into one step."""

    cap: int = 500

    def plan(self, market: Market, taker: Taker, room: int | None) -> Plan:
        """The meetings of a step of at most `room`; None: of all the steps there would be, however much they move."""
        plan, tally = Plan(), Tally(market, room is not None)
        if taker.available == 0:
            plan.stop = "filled"
            return plan
        for price, level in self._levels(market, taker.order):
            if taker.range and not taker.range[0] <= price <= taker.range[1]:
                plan.stop = "range"
                return plan
            if market.rules.matching:
                self._meet_level(market, taker, level, price, plan, tally, room)
            while level and not plan.stop:
                self._meet(market, taker, level, price, plan, tally, room)
            if plan.stop:
                return plan
        plan.stop = "book"
        return plan

    def would_match(self, market: Market, order: Order) -> bool:
        return bool(self.plan(market, Taker(order, left=order.left), 1).meetings)

    def _levels(self, market: Market, order: Order) -> Iterator[tuple[Decimal, list[Tip]]]:
        """The other side's price levels within the order's limit, best first."""
        makers = self.queue(market.symbol, "SELL" if order.side == "BUY" else "BUY")
        for price, at_price in groupby(makers, key=lambda maker: maker.price):
            is_beyond = price > order.price if order.side == "BUY" else price < order.price
            if order.has_limit and is_beyond:
                return
            yield price, [Tip(maker, maker.left, maker.shown) for maker in at_price]

    def _meet(
        self, market: Market, taker: Taker, level: list[Tip], price: Decimal, plan: Plan, tally: "Tally",
        room: int | None,
    ) -> None:  # fmt: skip
        """The taker meets the first of the level."""
        if len(plan.meetings) == room:
            plan.stop = "steps"
            return
        tip = level[0]
        affordable = None if taker.money is None else taker.money // (price * market.lot) * market.lot
        if affordable == 0:
            plan.stop = "money"
            return
        if self.is_own(taker.order, tip.maker):
            meeting = self._prevented(taker, tip, affordable)
        else:
            meeting = Meeting(tip.maker, least(tip.visible, taker.left, affordable, taker.available))
        if not tally.holds(meeting):
            plan.stop = "too large"
            return
        plan.meetings.append(meeting)
        plan.stop = self._after(taker, tip, meeting)
        self._show_less(level, meeting)

    def _meet_level(
        self, market: Market, taker: Taker, level: list[Tip], price: Decimal, plan: Plan, tally: "Tally",
        room: int | None,
    ) -> None:  # fmt: skip
        """Own orders first, then the others in rounds, until nobody of the level is left: `level` is empty then."""
        rest, taker.rest = taker.rest, None
        if rest is not None:
            inherited = [(tip, part) for maker, part in rest.parts for tip in level if tip.maker is maker]
            others = [tip for tip in level if all(tip is not known for known, _ in inherited)]
            others += self._meet_round(taker, inherited, rest.is_decided, plan, tally, room, is_inherited=True)
        else:
            own = [tip for tip in level if self.is_own(taker.order, tip.maker)]
            others = [tip for tip in level if not self.is_own(taker.order, tip.maker)]
            while own and not plan.stop:
                self._meet(market, taker, own, price, plan, tally, room)
        while others and not plan.stop:
            others = self._meet_others(market, taker, others, price, plan, tally, room)
        level.clear()

    def _meet_others(
        self, market: Market, taker: Taker, tips: list[Tip], price: Decimal, plan: Plan, tally: "Tally",
        room: int | None,
    ) -> list[Tip]:  # fmt: skip
        """A round of everybody there. Those who queue again by it."""
        affordable = None if taker.money is None else taker.money // (price * market.lot) * market.lot
        if affordable == 0:
            plan.stop = "steps" if len(plan.meetings) == room else "money"
            return []
        shown = [tip.visible for tip in tips]
        total = sum(shown, ZERO)
        wanted = least(total, taker.left, affordable, taker.available)
        if wanted == total:
            return self._meet_round(taker, list(zip(tips, shown, strict=True)), False, plan, tally, room)
        parts = zip(tips, shared_out(market.rules.matching, shown, wanted, market.lot), strict=True)
        return self._meet_round(taker, [one for one in parts if one[1]], True, plan, tally, room)

    def _meet_round(
        self, taker: Taker, parts: list[tuple[Tip, Decimal]], is_decided: bool, plan: Plan, tally: "Tally",
        room: int | None, *, is_inherited: bool = False,
    ) -> list[Tip]:  # fmt: skip
        """Everybody's part in turn, and who queues again by it."""
        again: list[Tip] = []
        plan.shared += is_decided
        for number, (tip, part) in enumerate(parts):
            meeting = Meeting(tip.maker, least(part, taker.left, taker.available))
            if len(plan.meetings) == room or not tally.holds(meeting):
                plan.stop = "steps" if len(plan.meetings) == room else "too large"
                if is_decided or again or is_inherited:
                    plan.rest = Rest(is_decided, [(left.maker, much) for left, much in parts[number:]])
                break
            plan.meetings.append(meeting)
            plan.stop = self._after(taker, Tip(tip.maker, tip.left, meeting.quantity), meeting)
            if is_decided and number == len(parts) - 1 and not plan.stop and taker.money is not None:
                plan.stop = "money"
            is_tip_gone, queue = tip.visible == meeting.quantity, [tip]
            self._show_less(queue, meeting)
            again += queue if is_tip_gone else []
            if plan.stop:
                break
        return again

    def is_own(self, order: Order, maker: Order) -> bool:
        """They must not trade: the taker's mode says so, and they belong to one account or trade group."""
        if order.terms.stp == "NONE":
            return False
        return self.are_together(order, maker)

    def are_together(self, order: Order, other: Order) -> bool:
        """They belong to one account or trade group."""
        group = self.groups.get(order.account)
        return order.account == other.account or (group is not None and group == self.groups.get(other.account))

    def _prevented(self, taker: Taker, tip: Tip, affordable: Decimal | None) -> Meeting:
        """An order by quantity loses all it has left, one by quote amount what it would have traded."""
        order, maker = taker.order, tip.maker
        mode = order.terms.stp
        if mode == "TRANSFER" and maker.terms.stp != "TRANSFER":
            mode = "DECREMENT"
        moves_money = mode == "TRANSFER" and maker.account != order.account
        bound = affordable if order.quote_amount or moves_money else None
        in_both = least(tip.left, taker.left, bound, taker.available)
        meeting = Meeting(maker, mode=mode, moves_money=moves_money)
        if mode in TAKER_STOPS:
            meeting.from_taker = in_both if taker.left is None else taker.left
        if mode in ("EXPIRE_MAKER", "EXPIRE_BOTH"):
            meeting.from_maker = tip.left
        if mode in BOTH_SHRINK:
            meeting.from_taker = meeting.from_maker = in_both
        return meeting

    def _after(self, taker: Taker, tip: Tip, meeting: Meeting) -> str:
        """Takes the meeting off what the taker has; why it stops, or "" when it goes on."""
        lost = meeting.quantity + meeting.from_taker
        if taker.left is not None:
            taker.left -= lost
        if taker.available is not None:
            taker.available -= lost
        is_by_quote = bool(taker.order.quote_amount)
        if taker.money is not None:
            taker.money -= floor(meeting.maker.price * lost) if is_by_quote else meeting.quote
        if meeting.mode:
            if meeting.mode in TAKER_STOPS or taker.left == 0 or taker.available == 0:
                return "prevented"
            is_spent = meeting.from_maker < tip.left or taker.money == 0
            return "" if not is_spent else "prevented" if is_by_quote else "money"
        if taker.left == 0 or taker.available == 0:
            return "filled"
        is_spent = taker.money is not None and (taker.money == 0 or meeting.quantity < tip.visible)
        return "money" if is_spent else ""

    def _show_less(self, level: list[Tip], meeting: Meeting) -> None:
        tip = level[0]
        lost = meeting.quantity + meeting.from_maker
        tip.left -= lost
        tip.visible = next_visible(meeting.maker, tip.visible, tip.left, lost)
        if not tip.left:
            level.pop(0)
        elif not tip.visible:
            tip.visible = min(meeting.maker.terms.iceberg, tip.left)
            level.append(level.pop(0))


def next_visible(maker: Order, visible: Decimal, left: Decimal, lost: Decimal) -> Decimal:
    """What a maker shows after it has lost something, before its tip is refilled."""
    return min(max(visible - lost, ZERO), left) if maker.terms.iceberg else left


def least(first: Decimal, *others: Decimal | None) -> Decimal:
    return min([first, *(other for other in others if other is not None)])


@dataclass
class Tally:
    """What the meetings of a step move, in atoms: base, quote, and what prevention moves or sets free."""

    market: Market
    is_bounded: bool
    base: Decimal = ZERO
    quote: Decimal = ZERO
    set_free: Decimal = ZERO

    def holds(self, meeting: Meeting) -> bool:
        """Counts a meeting; False when the sums of the step could reach 2**53 by it."""
        if meeting.mode:
            moved = max(self.base, self.quote) + self.set_free
            if self.is_bounded and moved and (moved + 2 * meeting.maker.locked) / ATOM >= EXACT:
                return False
            self.set_free += meeting.maker.locked
            if meeting.moves_money:
                self.set_free += max(meeting.from_maker, meeting.quote)
            return True
        self.base += meeting.quantity
        self.quote += meeting.quote
        return not self.is_bounded or (max(self.base, self.quote) + self.set_free) / ATOM < EXACT
