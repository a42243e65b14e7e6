"""Order lists, and everything that follows from a step: lists looked at, orders that begin, triggered orders.

The fact a newcomer would get wrong: what happens to one order of a list never changes another in the same step. The
list is looked at right behind it, before all else that waits; what it then ends or begins has events of its own. Of a
pair one order locks what both need; the other locks no more than it needs beyond that.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from tests.model.matching import Matching, Step, copied
from tests.model.words import EXACT, ZERO, Market, Order, OrderList, Refused, ceil

FOREVER = Decimal("Infinity")
BEGINS_BY_TAKING = ("LIMIT", "LIMIT_MAKER", "MARKET")


@dataclass
class Lists(Matching):
    """What follows from what."""

    def follow_up(
        self, market: Market, order: Order | None = None, first: Step | None = None, *, room: int | None = None
    ) -> list[Step]:
        """Finishes an order that has steps left, then all that follows. The orders' steps, with the first.

        One call of the engine has room for as many meetings as one step; each step after the first costs one more, as
        does a look at a list that changes nothing.
        """
        steps = [first] if first else []
        unfinished = order if first and not first.is_final else None
        if room is None:
            room = self.cap - (first.matches if first else 0)
        while unfinished or market.upcoming:
            room = room if room > 0 else self.cap
            if unfinished:
                order, step = unfinished, self.go_on(market, unfinished, room)
            else:
                order, step = self._next(market, room)
            room -= 1 + (step.matches if step else 0)
            if step:
                steps.append(step)
                unfinished = None if step.is_final else order
        return steps

    def _next(self, market: Market, room: int) -> tuple[Order | None, Step | None]:
        """The first of what is upcoming, and the step it brought if an order took."""
        what, whose = market.upcoming.pop(0)
        if what == "list":
            self._look_at(market, whose, None)
            return None, None
        if what == "begin":
            return whose, self._begin(market, whose, room)
        own_list = self.lists.get(whose.terms.list_id)
        if own_list and self._look_at(market, own_list, whose):
            market.upcoming.insert(0, (what, whose))  # the other order of its pair had to go first
            return None, None
        return whose, self.take("order_triggered", market, whose, room)

    def _begin(self, market: Market, order: Order, room: int) -> Step | None:
        """An order of a list takes, rests, or begins to wait; it expires where a new one would have been refused."""
        if order.type in BEGINS_BY_TAKING:
            return self.take("order_activated", market, order, room)
        before = self.copy(market.symbol)
        order.status, order.updated_ms = "NEW", self.now_ms
        if self.is_reached(market, order):
            order.terms.expiry = "REJECTED"
            self._end(market, order, "EXPIRED")
            self.touch(market, [order])
        else:
            self.begin_to_wait(market, order)
        self.tell_market("order_activated", market, before, order=copied(order), is_final=True, prevented=[])
        return None

    def _look_at(self, market: Market, order_list: OrderList, chosen: Order | None) -> bool:
        """Ends and begins orders of a list as what has happened to the others demands. Did anything change?

        `chosen` is about to take, for its price has come.
        """
        if order_list.is_done:
            return False
        ends, begins = self._consequences(order_list, chosen)
        is_done = all(not order.is_open or order.id in ends for order in order_list.orders)
        if not ends and not begins and not is_done:
            return False
        before, told = self.copy(market.symbol), []
        if begins and order_list.kind in ("OPO", "OPOCO") and not begins[0].quantity:
            if self._give_quantity(market, order_list, begins):
                told = [copied(order) for order in begins]
            else:
                ends, begins, is_done = {order.id: "EXPIRED" for order in begins}, [], True
        for order in [order for order in order_list.orders if order.id in ends]:
            heirs = [heir for heir in order_list.orders if heir.is_open and heir.id not in ends]
            told += [self._inherit(market, heir, order) for heir in heirs]
            if ends[order.id] == "EXPIRED" and not order.terms.expiry:
                working = order_list.working
                is_pair = working is None or working.status == "FILLED"
                order.terms.expiry = "OCO_TRIGGER" if is_pair else "OTO_PHASE_ONE_EXPIRED"
            self._end(market, order, ends[order.id])
            told.append(copied(order))
            self._forget(market, order)
        market.upcoming = [("begin", order) for order in begins] + market.upcoming
        order_list.is_done, order_list.updated_ms = is_done, self.now_ms
        orders = [order for order in told if order]
        self.tell_market("list_changed", market, before, order_list=replace(order_list), orders=orders)
        return True

    def _consequences(self, order_list: OrderList, chosen: Order | None) -> tuple[dict[int, str], list[Order]]:
        """{id of an order that ends: its status}, and orders that begin."""
        working, orders = order_list.working, order_list.orders
        if working and working.status != "FILLED":
            gone = [order for order in orders if not order.is_open]
            return {order.id: end_word(gone[-1]) for order in orders if gone and order.is_open}, []
        ends: dict[int, str] = {}
        for order, other in ((order, other) for order in order_list.pair for other in order_list.pair):
            goes_on = order is chosen or order.has_begun
            if order is other or not order.is_open or goes_on:
                continue
            if not other.is_open:
                ends[order.id] = end_word(other)
            elif other is chosen or other.has_begun:
                ends[order.id] = "EXPIRED"
        return ends, [order for order in orders if order.status == "PENDING_NEW" and order.id not in ends]

    def _give_quantity(self, market: Market, order_list: OrderList, pending: list[Order]) -> bool:
        """Orders that were paid for get what they can sell of it; False when a filter refuses one of them."""
        first, sizes = pending[0], market.rules.sizes
        at_market = [order for order in pending if order.type == "MARKET"]
        bounds = [sizes.most] + [sizes.most_at_market for _ in at_market if sizes.most_at_market]
        quantity = min([first.locked // market.lot * market.lot, *bounds])
        for order in pending:
            order.quantity, order.left, order.updated_ms = quantity, quantity, self.now_ms
        if not all(self._has_good_size(market, order) for order in pending):
            for order in pending:
                order.terms.expiry = "REJECTED"
            self.met["no quantity for paid orders" if not quantity else "paid orders refused"] += 1
            return False
        self._lock(market, first, ZERO)
        self._lock(market, (order_list.pair or pending)[0], quantity)
        self.met["paid orders begin"] += 1
        return True

    def _has_good_size(self, market: Market, order: Order) -> bool:
        sizes, terms = market.rules.sizes, order.terms
        if order.left < (max(sizes.least, sizes.least_at_market) if order.type == "MARKET" else sizes.least):
            return False
        if terms.iceberg and not terms.iceberg <= order.left <= terms.iceberg * sizes.iceberg_parts:
            return False
        price = order.price or terms.stop
        if not price and terms.peg:
            return True
        try:
            if price:
                self.check_product(market, price, order.left)
            worth = price * order.left if price else self.worth_at_average(market, order.left)
        except Refused:
            return False
        return worth is None or ceil(worth) >= market.min_notional

    def may_work_pegged(self, market: Market, order: Order) -> bool:
        """Of a pair the order beside this one locks no more than it needs beyond it, now that the price is known."""
        pair = self.open_pair_of(order)
        if order.type != "LIMIT_MAKER" or order.side == "SELL" or not pair:
            return super().may_work_pegged(market, order)
        if not self.finds_good_price(market, order):
            return False
        needed, other = ceil(order.price * order.left), pair[1]
        beyond = max(ZERO, self.need(market, other) - needed)
        if needed + beyond - order.locked - other.locked > self.purse(market.quote, order.account).free:
            return False
        if beyond != other.locked:
            self.relocks.append((other, beyond))
            self.met["relocked beside a pegged order"] += 1
        return True

    def _inherit(self, market: Market, heir: Order, ending: Order) -> Order | None:
        """The order that goes on takes over what it lacks; how it is then, if it did."""
        taken = min(self.need(market, heir) - heir.locked, ending.locked)
        if taken <= 0 or heir.side != ending.side:
            return None
        heir.locked += taken
        ending.locked -= taken
        heir.updated_ms = self.now_ms
        self.met["inherited"] += 1
        return copied(heir)

    def _forget(self, market: Market, order: Order) -> None:
        """An order that has ended neither begins nor takes any more."""
        upcoming = [item for item in market.upcoming if item[1] is not order]
        self.met["ended while it waited for its turn"] += len(upcoming) < len(market.upcoming)
        market.upcoming = upcoming

    def need(self, market: Market, order: Order) -> Decimal:
        """What an order of a list has to lock for its rest; infinite when the engine cannot tell exactly."""
        if order.side == "SELL":
            return order.left
        price = order.price or order.terms.stop or market.last_price or ZERO
        multiplier, divisor = market.steps()
        product = price / market.tick * (order.left / market.lot) * multiplier
        return ceil(price * order.left) if product + divisor - 1 < EXACT else FOREVER

    def open_pair_of(self, order: Order) -> list[Order]:
        """Both orders of the pair that an order belongs to while both are open, the one with the larger lock first."""
        order_list = self.lists.get(order.terms.list_id)
        pair = order_list.pair if order_list else []
        return pair if order in pair and all(one.is_open for one in pair) else []


def end_word(order: Order) -> str:
    """How the other orders of a list end when this one has."""
    return "CANCELED" if order.status == "CANCELED" else "EXPIRED"
