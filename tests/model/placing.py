"""New orders and lists of them: what is refused, what they lock, and their first step.

The fact a newcomer would get wrong: a command looks and decides first. Nothing has changed when it is refused, not even
the next order's id.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tests.model.limits import DAY_MS
from tests.model.lists import Lists
from tests.model.matching import copied
from tests.model.meetings import Plan, Taker
from tests.model.words import ATOM, EXACT, ZERO, Fill, Market, Order, OrderList, Prevented, Refused, Terms, ceil


@dataclass
class Placing(Lists):
    """The commands that bring orders."""

    def place(
        self, *, account: int, symbol: str, rules_version: int, side: str, type: str, time_in_force: str,
        price: Decimal, quantity: Decimal, quote_amount: Decimal, terms: Terms, client_id: str, key: str,
    ) -> tuple[Order, list[Fill], list[Prevented]]:  # fmt: skip
        """The order when it has no more steps to do, and all that it matched."""
        market = self._market(symbol)
        if market.rules_version != rules_version:
            raise Refused("STALE")
        self._check_open(market, key, account, can_collect=(type, time_in_force, terms.peg) == ("LIMIT", "GTC", ""))
        self._check_client_id(account, symbol, client_id)
        order = Order(
            id=self.next_order_id, account=account, symbol=symbol, side=side, type=type, time_in_force=time_in_force,
            price=price, quantity=quantity, left=quantity, quote_amount=quote_amount, client_id=client_id,
            created_ms=self.now_ms, updated_ms=self.now_ms, terms=terms, has_terms=terms != Terms(),
        )  # fmt: skip
        if order.terms.peg and not order.is_contingent:
            self._find_first_price(market, order)
        self.check_limits(market, [order])
        if order.is_contingent:
            self._check_at_average(market, order)
            return self._place_waiting(market, order), [], []
        if type == "LIMIT_MAKER" and self.would_match(market, order):
            raise Refused("WOULD_MATCH")
        order.terms.working_ms = self.now_ms
        self._check_size(market, order)
        self._check_at_average(market, order)
        self._check_liquidity(market, order)
        plan, reserve = self._plan_new(market, order)
        self.note_ordered(market, [order])
        self.take_id()
        steps = self.follow_up(market, order, self.step("order_placed", market, order, plan, reserve))
        own = [step for step in steps if step.order.id == order.id]
        return (
            copied(own[-1].order),
            [fill for step in own for fill in step.fills],
            [match for step in own for match in step.prevented],
        )

    def _find_first_price(self, market: Market, order: Order) -> None:
        """A pegged order that enters the book at once needs a level there, and must be worth enough at its price."""
        if not self.find_price(market, order):
            raise Refused("NO_PEG_PRICE")
        if not self.is_worth_enough(market, order):
            raise Refused("FILTER_NOTIONAL")

    def _plan_new(self, market: Market, order: Order) -> tuple[Plan, Decimal]:
        """A new order's first step, and what it sets aside should there be more. Refused what cannot be afforded."""
        left, money = (None, order.quote_amount) if order.quote_amount else (order.quantity, None)
        order.range = self.range_for(market, order.side)
        taker = Taker(order, left=left, money=money, range=order.range)
        collects = market.status == "AUCTION_MATCH"
        plan = Plan(stop="book") if collects else self.plan_unless_killed(market, replace(taker), self.cap)
        if plan.stop == "too large":
            raise Refused("AMOUNT_TOO_LARGE")
        needed = self._needed(market, order, plan, taker)
        if needed / ATOM >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")
        free = self.purse(self.pays(market, order), account=order.account).free
        if needed > free:
            raise Refused("INSUFFICIENT_BALANCE")
        if order.side == "SELL" and order.quote_amount:
            needed = max(needed, min(free, (EXACT - 1) * ATOM) // market.lot * market.lot)
        return plan, needed

    def _place_waiting(self, market: Market, order: Order) -> Order:
        """A contingent order locks what it will need: at its limit, else at its stop price, else at the last price."""
        stop, last = order.terms.stop, market.last_price
        if self.is_reached(market, order):
            raise Refused("STOP_WOULD_TRIGGER")
        price = order.price or stop or last or ZERO
        self.check_product(market, price if order.price or order.side == "BUY" else ZERO, order.quantity)
        needed = ceil(price * order.quantity) if order.side == "BUY" else order.quantity
        if max(needed, order.quantity) / ATOM >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")
        if needed > self.purse(self.pays(market, order), order.account).free:
            raise Refused("INSUFFICIENT_BALANCE")
        self.note_ordered(market, [order])
        before = self.copy(market.symbol)
        self.take_id()
        self.open[order.id] = order
        self._lock(market, order, needed)
        self.begin_to_wait(market, order)
        self.tell_market("order_placed", market, before, order=copied(order), is_final=True, prevented=[])
        return copied(order)

    def place_list(
        self, *, account: int, symbol: str, rules_version: int, kind: str, client_id: str, key: str,
        orders: list[dict[str, Any]],
    ) -> tuple[OrderList, list[Order]]:  # fmt: skip
        """The list and its orders as they were accepted; `orders` are keywords of Order, the working order's first."""
        market = self._market(symbol)
        if market.rules_version != rules_version:
            raise Refused("STALE")
        self._check_open(market, key, account, can_collect=False)
        for other in self.lists.values():
            if (other.account, other.symbol, other.client_id, other.is_done) == (account, symbol, client_id, False):
                raise Refused("DUPLICATE_ORDER", existing=other.id)
        names = [of["client_id"] for of in orders]
        for number, name in enumerate(names):
            self._check_client_id(account, symbol, name)
            if name in names[:number]:
                raise Refused("DUPLICATE_ORDER")
        order_list = OrderList(
            id=self.next_list_id, kind=kind, account=account, symbol=symbol, client_id=client_id,
            created_ms=self.now_ms, updated_ms=self.now_ms, members=[],
        )  # fmt: skip
        for of in orders:
            order = Order(
                **of, id=self.next_order_id + len(order_list.orders), account=account, symbol=symbol,
                left=of["quantity"], quote_amount=ZERO, created_ms=self.now_ms, updated_ms=self.now_ms, has_terms=True,
                status="NEW" if kind == "OCO" or not order_list.orders else "PENDING_NEW",
            )  # fmt: skip
            order.terms.list_id = order_list.id
            order.terms.pays_list = kind in ("OPO", "OPOCO") and order.status == "NEW"
            self._check_listed(market, order_list, order)
            order_list.orders.append(order)
        self.check_limits(market, order_list.orders)
        order_list.members = [(order.id, order.client_id) for order in order_list.orders]
        return self._accept(market, order_list)

    def _check_listed(self, market: Market, order_list: OrderList, order: Order) -> None:
        """One order of a list: its prices, if it begins at once, and its size."""
        self._check_size(market, order)
        if order.status == "NEW":
            self._check_side(market, order_list, order)
            if order.terms.peg and not order.is_contingent:
                self._find_first_price(market, order)
                self._check_side(market, order_list, order)
            if order.type == "LIMIT_MAKER" and self.would_match(market, order):
                raise Refused("WOULD_MATCH")
            if order_list.kind == "OCO" and self.is_reached(market, order):
                raise Refused("LIST_PRICES")
        if self.need(market, order) / ATOM >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")

    def _check_side(self, market: Market, order_list: OrderList, order: Order) -> None:
        """The limit of an order of a pair stands on its own side of the last price, where both are there."""
        last, price = market.last_price, order.price
        is_judged = order_list.kind == "OCO" and order.type in ("LIMIT_MAKER", "TAKE_PROFIT_LIMIT")
        if not is_judged or last is None or not price:
            return
        if price <= last if order.side == "SELL" else price >= last:
            raise Refused("LIST_PRICES")

    def _accept(self, market: Market, order_list: OrderList) -> tuple[OrderList, list[Order]]:
        """Locks for all of its orders, of a pair the larger need, and lets those begin that do."""
        locks = {order.id: self.need(market, order) for order in order_list.orders}
        if pair := order_list.pair:
            main, extra = (order.id for order in pair)
            locks[extra] = max(ZERO, locks[extra] - locks[main])
        for asset in (market.base, market.quote):
            pays = [locks[order.id] for order in order_list.orders if self.pays(market, order) == asset]
            if sum(pays, ZERO) / ATOM >= EXACT:
                raise Refused("AMOUNT_TOO_LARGE")
            if sum(pays, ZERO) > self.purse(asset, order_list.account).free:
                raise Refused("INSUFFICIENT_BALANCE")
        self.note_ordered(market, order_list.orders)
        before = self.copy(market.symbol)
        self.lists[order_list.id] = order_list
        self.next_list_id += 1
        for order in order_list.orders:
            self.take_id()
            self.open[order.id] = order
            self._lock(market, order, locks[order.id])
        market.upcoming = [("begin", order) for order in order_list.orders if order.status == "NEW"]
        accepted = replace(order_list), [copied(order) for order in order_list.orders]
        self.tell_market("list_placed", market, before, order_list=accepted[0], orders=accepted[1])
        self.follow_up(market)
        return accepted

    def _market(self, symbol: str) -> Market:
        if symbol not in self.markets:
            raise Refused("UNKNOWN_SYMBOL")
        return self.markets[symbol]

    def _check_open(self, market: Market, key: str, account: int, *, can_collect: bool) -> None:
        self._check_key(key, account)
        self.check_placement(account)
        self._check_status(market, can_collect=can_collect)

    def _check_status(self, market: Market, *, can_collect: bool) -> None:
        if market.status == "AUCTION_MATCH":
            if not can_collect:
                raise Refused("AUCTION_COLLECTS")
        elif market.status != "TRADING":
            raise Refused("MARKET_CLOSED")

    def _check_client_id(self, account: int, symbol: str, client_id: str) -> None:
        for other in self.open.values():
            if (other.account, other.symbol, other.client_id) == (account, symbol, client_id):
                raise Refused("DUPLICATE_ORDER", existing=other.id)
        last = self.named.get((account, symbol, client_id))
        if self.client_ids == "day" and last is not None and self.now_ms - last.updated_ms < DAY_MS:
            self.met["name of an ended order"] += 1
            raise Refused("DUPLICATE_ORDER", existing=last.id)

    def _check_key(self, key: str, account: int) -> None:
        """`key` is a key's digest, behind a comma until when its request may be executed."""
        digest, _, until_ms = key.partition(",")
        if digest and self.keys.get(digest) != account:
            raise Refused("KEY_INVALID")
        if until_ms and self.now_ms > int(until_ms):
            raise Refused("OUTSIDE_WINDOW")

    def _check_size(self, market: Market, order: Order) -> None:
        _, divisor = market.steps()
        self.check_product(market, order.price, order.quantity)
        if max(order.quantity / ATOM, order.quote_amount / ATOM * divisor) >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")

    def _check_at_average(self, market: Market, order: Order) -> None:
        """An order without any price must be worth minNotional at the average of prices, if there is one."""
        if order.price or order.quote_amount or order.terms.stop:
            return
        worth = self.worth_at_average(market, order.quantity)
        if worth is not None and ceil(worth) < market.min_notional:
            raise Refused("FILTER_NOTIONAL")

    def _check_liquidity(self, market: Market, order: Order) -> None:
        """A market order by quote amount needs a book that shows the least quantity of an order (errors.md, -2010)."""
        if not order.quote_amount:
            return
        levels = self.depth(market.symbol)
        shown = sum((quantity for (side, _), quantity in levels.items() if side != order.side), ZERO)
        sizes = market.rules.sizes
        if not shown:
            raise Refused("BOOK_EMPTY")
        if shown < sizes.least:
            raise Refused("BOOK_BELOW_LOT_SIZE")
        if shown < sizes.least_at_market:
            raise Refused("BOOK_BELOW_MARKET_LOT_SIZE")

    def _needed(self, market: Market, order: Order, plan: Plan, taker: Taker) -> Decimal:
        """What must be free before the order: at its own limit, at the book's prices, or its quote amount."""
        moved = sum((meeting.from_maker for meeting in plan.meetings if meeting.moves_money), ZERO)
        if plan.stop == "steps" and not order.quote_amount:
            plan = self.plan(market, replace(taker), None)
            self._cost(market, plan)  # also of an order that needs no quote: what it moves must be exact
        if order.price:
            return self._worth(order, order.quantity)
        if order.side == "SELL":
            return plan.filled + moved if order.quote_amount else order.quantity
        return order.quote_amount or self._cost(market, plan)

    def _cost(self, market: Market, plan: Plan) -> Decimal:
        """Of a purchase: each price level's rounded up, and what is moved without a trade."""
        taken: dict[Decimal, Decimal] = {}
        for meeting in plan.meetings:
            taken[meeting.maker.price] = taken.get(meeting.maker.price, ZERO) + meeting.quantity
        for price, quantity in taken.items():
            self.check_product(market, price, quantity)
        moved = sum((meeting.quote for meeting in plan.meetings if meeting.moves_money), ZERO)
        cost = sum((ceil(price * quantity) for price, quantity in taken.items()), moved)
        if cost / ATOM >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")
        return cost
