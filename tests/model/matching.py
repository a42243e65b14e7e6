"""Steps: an order takes what it can at once, its makers change, money moves, the rest rests or expires.

The fact a newcomer would get wrong: every step has an event of its own. An order with more meetings than fit into one
takes several, and what its prices trigger takes only after them, one order after the other.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.model.fees import Debt, Fees
from tests.model.meetings import Meeting, Plan, Taker, next_visible
from tests.model.words import ATOM, EXACT, UNFOUND, ZERO, Fill, Market, Order, Prevented, ceil, floor

UNFINISHED = ("steps", "too large")
RECORDED = ("tape_frame_applied", "tape_trade_played")  # steps of recorded history: no breaker looks at them


@dataclass
class Step:
    """What was told of one: the order as it was after it."""

    kind: str
    order: Order
    fills: list[Fill]
    prevented: list[Prevented]
    matches: int
    is_final: bool


@dataclass
class Matching(Fees):
    """Orders move through their steps here; whether they may is decided by the commands of `Exchange`.

    `relocks` are what the next step changes beside its order, `paid` whom the orders of this step have paid.
    """

    relocks: list[tuple[Order, Decimal]] = field(default_factory=list)
    paid: list[Order] = field(default_factory=list)

    def step(self, kind: str, market: Market, order: Order, plan: Plan, reserve: Decimal) -> Step:
        """Carries out a plan; `reserve` is what an order without a limit has to spend, in this step and the next."""
        before, last_price = self.copy(market.symbol), market.last_price
        self._lock(market, order, ZERO)
        beside = self._relock(market)
        self.begin_fees()
        fills: list[Fill] = []
        prevented: list[Prevented] = []
        makers: list[Order] = []
        refilled: list[Order] = []
        for meeting in plan.meetings:
            if meeting.mode:
                prevented.append(self._prevent(market, order, meeting))
            else:
                fills.append(self._fill(market, order, meeting, len(fills)))
            if meeting.quantity or meeting.from_maker:
                self._change_maker(market, meeting, refilled)
                makers += [meeting.maker] if meeting.maker not in makers else []
        for maker in refilled:
            if maker.is_in_book:
                maker.terms.queue_id = self.take_id()
        market.rest = plan.rest if plan.stop in UNFINISHED else None
        self.met["shared out"] += plan.shared
        if plan.rest:
            self.met["rounds in steps, " + ("shared out" if plan.rest.is_decided else "taken whole")] += 1
        self._settle(market, order, plan, reserve)
        for debt in self.open_debts:
            fee = self.settle(market, debt, before)
            if not fee.asset:
                self._receive(market, debt.order, debt.other, debt.asset, ZERO, fee.amount)
            owed = {f"{debt.role}_fee": fee.amount, f"{debt.role}_fee_asset": fee.asset}
            fills[debt.fill] = replace(fills[debt.fill], **owed)  # type: ignore[arg-type]
        self.touch(market, makers + [order] * (order.id not in self.open or order.filled > 0))
        prices = [fill.price for fill in fills]
        self.note_prices(market, prices)
        halt = None if kind in RECORDED else self.halting(market, last_price, prices)
        if halt:
            market.status, market.is_halted = "HALT", True
        if market.status == "TRADING":
            self.trigger(market, last_price, prices)
        makers = beside + makers + self._payees()
        step = Step(kind, copied(order), fills, prevented, len(plan.meetings), plan.stop not in UNFINISHED)
        told = {"order": step.order, "is_final": step.is_final, "prevented": prevented}
        told = {"takers": [step.order]} if kind in RECORDED else told
        self.tell_market(kind, market, before, fills=fills, makers=[copied(maker) for maker in makers], **told)
        if halt:
            self.tell("symbol_halted", symbol=market.symbol, price=halt[0], other_price=halt[1])
        return step

    def _relock(self, market: Market) -> list[Order]:
        """Of a pair the order beside the one that takes, where its lock has to change."""
        changed = []
        for order, amount in self.relocks:
            self._lock(market, order, amount)
            order.updated_ms = self.now_ms
            changed.append(order)
        self.relocks.clear()
        return changed

    def _payees(self) -> list[Order]:
        """The pending orders that working ones have paid in this step."""
        paid = list(self.paid)
        self.paid.clear()
        return paid

    def touch(self, market: Market, orders: list[Order]) -> None:
        """Something happened to these orders: the lists that they belong to are looked at before all else."""
        lists = dict.fromkeys(order.terms.list_id for order in orders if order.terms.list_id >= 0)
        market.upcoming = [("list", self.lists[list_id]) for list_id in lists] + market.upcoming

    def take(self, kind: str, market: Market, order: Order, room: int) -> Step:
        """An order that was open already begins to take. A purchase without a limit may also spend what is free."""
        order.terms.working_ms = self.now_ms
        has_price = not order.terms.peg or order.terms.own_price != UNFOUND
        may_work = has_price or self.may_work_pegged(market, order)
        if not may_work or (order.type == "LIMIT_MAKER" and self.would_match(market, order)):
            order.terms.expiry, may_work = "REJECTED", False
        order.range = self.range_for(market, order.side)
        taker, reserve = Taker(order, left=order.left, range=order.range), order.locked
        if order.side == "BUY" and not order.has_limit:
            _, divisor = market.steps()  # a budget must stay exact when it is divided by a price
            most = (EXACT - 1) // divisor * ATOM
            reserve = min(order.locked + self.purse(market.quote, order.account).free, most)
            taker.money = reserve
        plan = self.plan_unless_killed(market, taker, room) if may_work else Plan(stop="killed")
        return self.step(kind, market, order, plan, reserve)

    def go_on(self, market: Market, order: Order, room: int) -> Step:
        """The next step of an order that has some left."""
        plan = self.plan(market, replace(self._rest_of(order), rest=market.rest), room)
        return self.step("order_continued", market, order, plan, order.locked)

    def plan_unless_killed(self, market: Market, taker: Taker, room: int) -> Plan:
        """A fill-or-kill order that cannot be filled whole meets nobody, nor does one that only makes."""
        if taker.order.type == "LIMIT_MAKER" and self.would_match(market, taker.order):
            return Plan(stop="killed")
        if taker.order.time_in_force == "FOK":
            whole = self.plan(market, replace(taker), None)
            if whole.filled < taker.order.left:
                return Plan(stop="range" if whole.stop == "range" else "killed")
        return self.plan(market, taker, room)

    def _rest_of(self, order: Order) -> Taker:
        """An order with the steps behind it: without a limit it has what it has set aside."""
        if not order.quote_amount:
            is_bound = order.side == "BUY" and not order.has_limit
            return Taker(order, left=order.left, money=order.locked if is_bound else None, range=order.range)
        money = order.quote_amount - order.filled_quote - order.quote_prevented
        available = order.locked if order.side == "SELL" else None
        return Taker(order, money=money, available=available, range=order.range)

    def take_id(self) -> int:
        self.next_order_id += 1
        return self.next_order_id - 1

    def _fill(self, market: Market, taker: Order, meeting: Meeting, number: int) -> Fill:
        maker, quantity = meeting.maker, meeting.quantity
        quote = floor(maker.price * quantity)
        fees = []
        for order, other, role in ((taker, maker, "taker"), (maker, taker, "maker")):
            asset, received = (market.base, quantity) if order.side == "BUY" else (market.quote, quote)
            fees.append(self.fee_now(market, Debt(number, role, order, other, asset, received, maker.price)))
        self._exchange(market, taker, maker, quantity, quote, *fees)
        for order in (taker, maker):
            if not order.filled:
                self.note_first_fill(order.account, is_maker=order is maker)
            order.left -= quantity
            order.filled += quantity
            order.filled_quote += quote
        market.last_price = maker.price
        market.next_trade_id += 1
        return Fill(
            market.next_trade_id - 1, maker.price, quantity, quote, taker.side, taker.account, taker.id, fees[0],
            maker.account, maker.id, fees[1],
        )  # fmt: skip

    def _exchange(
        self, market: Market, taker: Order, maker: Order, quantity: Decimal, quote: Decimal, taker_fee: Decimal,
        maker_fee: Decimal, *, is_trade: bool = True,
    ) -> None:  # fmt: skip
        """Base and quote change hands: the maker's out of what it has locked, the taker's out of what is free."""
        taker_asset, maker_asset, from_taker, from_maker = market.quote, market.base, quote, quantity
        if taker.side == "SELL":
            taker_asset, maker_asset, from_taker, from_maker = market.base, market.quote, quantity, quote
        self.purse(taker_asset, taker.account).free -= from_taker
        self._receive(market, taker, maker, maker_asset, from_maker, taker_fee, is_trade=is_trade)
        self.purse(maker_asset, maker.account).locked -= from_maker
        self._receive(market, maker, taker, taker_asset, from_taker, maker_fee, is_trade=is_trade)
        maker.locked -= from_maker

    def _receive(
        self, market: Market, order: Order, other: Order, asset: str, amount: Decimal, fee: Decimal, *,
        is_trade: bool = True,
    ) -> None:  # fmt: skip
        """What an order gets is free, or locked for the pending orders that it pays.

        In the discount asset what was bought always pays its own fee.
        """
        purse = self.purse(asset, order.account)
        if not order.terms.pays_list or not is_trade:
            purse.free += amount - fee
            return
        payee = self.open[order.id + 1]
        may_be_free = order.account != other.account and asset != market.rules.discount_asset
        from_free = fee if may_be_free and purse.free >= fee else ZERO
        purse.free -= from_free
        purse.locked += amount - fee + from_free
        payee.locked += amount - fee + from_free
        payee.updated_ms = self.now_ms
        if payee not in self.paid:
            self.paid.append(payee)
        self.met["commission from what is free" if from_free else "commission from what was bought"] += bool(fee)

    def _prevent(self, market: Market, taker: Order, meeting: Meeting) -> Prevented:
        maker = meeting.maker
        if meeting.moves_money:
            self._exchange(market, taker, maker, meeting.from_maker, meeting.quote, ZERO, ZERO, is_trade=False)
        number = market.next_prevented_id
        market.next_prevented_id += 1
        for order, lost in ((taker, meeting.from_taker), (maker, meeting.from_maker)):
            if order is taker or lost:
                order.left -= lost
                order.has_terms, order.terms.prevented_match = True, number
                order.terms.prevented += lost
        taker.quote_prevented += floor(maker.price * meeting.from_taker) if taker.quote_amount else ZERO
        return Prevented(
            number, maker.price, meeting.mode, taker.account, taker.id, meeting.from_taker, maker.account, maker.id,
            meeting.from_maker, self.groups.get(taker.account, -1),
        )  # fmt: skip

    def _change_maker(self, market: Market, meeting: Meeting, refilled: list[Order]) -> None:
        """Its status, and its tip: an iceberg that shows a new one queues behind `refilled`."""
        maker, lost = meeting.maker, meeting.quantity + meeting.from_maker
        if maker.terms.iceberg:
            maker.terms.visible = next_visible(maker, maker.terms.visible, maker.left, lost)
        maker.updated_ms, maker.status = self.now_ms, maker.open_status
        if not maker.left:
            self._end(market, maker, "EXPIRED_IN_MATCH" if meeting.mode else "FILLED")
            return
        if meeting.mode:
            self._lock(market, maker, self._worth(maker, maker.left))
        if maker.terms.iceberg and not maker.terms.visible:
            maker.terms.visible = min(maker.terms.iceberg, maker.left)
            if maker in refilled:
                refilled.remove(maker)
            refilled.append(maker)

    def _settle(self, market: Market, order: Order, plan: Plan, reserve: Decimal) -> None:
        """What becomes of the order after the step, and what it locks from now on."""
        order.updated_ms = self.now_ms
        if order.quote_amount:
            order.quantity, order.left = order.filled + order.terms.prevented, ZERO
        if plan.stop in UNFINISHED:
            order.status = order.open_status
            rest = self._worth(order, order.left) if order.has_limit else reserve - self._paid(order, plan)
            self._lock(market, order, rest)
            return
        order.status = self._final_status(order, plan)
        if plan.stop == "range" and order.status == "EXPIRED":
            order.has_terms, order.terms.expiry = True, "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
            self.met["stopped by the price range"] += 1
        if order.status in ("NEW", "PARTIALLY_FILLED"):
            self._rest(market, order)
        else:
            self.open.pop(order.id, None)

    def _final_status(self, order: Order, plan: Plan) -> str:
        if plan.stop == "prevented":
            return "EXPIRED_IN_MATCH"
        if order.filled and plan.stop == "money" if order.quote_amount else not order.left:
            return "FILLED"
        may_rest = order.has_limit and order.time_in_force == "GTC" and plan.stop not in ("killed", "range")
        return order.open_status if may_rest else "EXPIRED"

    def _rest(self, market: Market, order: Order) -> None:
        """The order takes its place in the book: a triggered one behind all that are there."""
        if order.is_contingent or order.terms.list_id >= 0:
            order.terms.queue_id = self.take_id()
        order.terms.visible = min(order.terms.iceberg, order.left)
        order.is_in_book = True
        self.open[order.id] = order
        self._lock(market, order, self._worth(order, order.left))

    def _paid(self, order: Order, plan: Plan) -> Decimal:
        if order.side == "BUY":
            return sum((meeting.quote for meeting in plan.meetings), ZERO)
        moved = sum((meeting.from_maker for meeting in plan.meetings if meeting.moves_money), ZERO)
        return plan.filled + moved

    def pays(self, market: Market, order: Order) -> str:
        return market.quote if order.side == "BUY" else market.base

    def _worth(self, order: Order, quantity: Decimal) -> Decimal:
        return ceil(order.price * quantity) if order.side == "BUY" else quantity

    def _lock(self, market: Market, order: Order, amount: Decimal) -> None:
        purse = self.purse(self.pays(market, order), order.account)
        purse.free += order.locked - amount
        purse.locked += amount - order.locked
        order.locked = amount

    def _end(self, market: Market, order: Order, status: str) -> None:
        self._lock(market, order, ZERO)
        order.status, order.updated_ms, order.is_in_book, order.is_waiting = status, self.now_ms, False, False
        del self.open[order.id]


def copied(order: Order) -> Order:
    """The order as it is now, whatever becomes of it."""
    return replace(order, terms=replace(order.terms))
