"""The exchange once more: plain, slow and obvious, in Decimal, sharing no code with the engine.

The fact a newcomer would get wrong: nothing here counts in ticks, lots or atoms. Prices, quantities and money are
decimals as people write them, so a wrong scale in the engine cannot hide behind the same wrong scale here. A command
looks, decides, and only then changes something; afterwards the books are compared with a copy made before it to tell
which balances and price levels have changed.
"""

from dataclasses import dataclass, replace
from decimal import Context, Decimal

from tests.model.matching import Matching, copied
from tests.model.meetings import Plan, Taker
from tests.model.words import ATOM, EXACT, ZERO, Fill, Market, Order, Prevented, Purse, Refused, Terms, ceil

PRECISE = Context(prec=80)  # whoever calls works in this: products of two numbers of 2**53 steps must come out exact
BALANCE_LIMIT = 9 * 10**18 * ATOM


@dataclass
class Exchange(Matching):
    """Every command raises Refused, and has then changed nothing."""

    def place(
        self, *, account: int, symbol: str, rules_version: int, side: str, type: str, time_in_force: str,
        price: Decimal, quantity: Decimal, quote_amount: Decimal, terms: Terms, client_id: str, key: str,
    ) -> tuple[Order, list[Fill], list[Prevented]]:  # fmt: skip
        """The order when it has no more steps to do, and all that it matched."""
        market = self._market(symbol)
        if market.rules_version != rules_version:
            raise Refused("STALE")
        self._check_key(key, account)
        if market.status != "TRADING":
            raise Refused("MARKET_CLOSED")
        for other in self.open.values():
            if (other.account, other.symbol, other.client_id) == (account, symbol, client_id):
                raise Refused("DUPLICATE_ORDER", existing=other.id)
        order = Order(
            id=self.next_order_id, account=account, symbol=symbol, side=side, type=type, time_in_force=time_in_force,
            price=price, quantity=quantity, left=quantity, quote_amount=quote_amount, client_id=client_id,
            created_ms=self.now_ms, updated_ms=self.now_ms, terms=terms, has_terms=terms != Terms(),
        )  # fmt: skip
        if order.is_contingent:
            self._check_at_last_price(market, order)
            return self._place_waiting(market, order), [], []
        if type == "LIMIT_MAKER" and self.plan(market, Taker(order, left=quantity), 1).meetings:
            raise Refused("WOULD_MATCH")
        order.terms.working_ms = self.now_ms
        self._check_size(market, order)
        self._check_at_last_price(market, order)
        plan, reserve = self._plan_new(market, order)
        self.take_id()
        steps = self.follow_up(market, order, self.step("order_placed", market, order, plan, reserve))
        own = [step for step in steps if step.order.id == order.id]
        return (
            copied(own[-1].order),
            [fill for step in own for fill in step.fills],
            [match for step in own for match in step.prevented],
        )

    def _plan_new(self, market: Market, order: Order) -> tuple[Plan, Decimal]:
        """A new order's first step, and what it sets aside should there be more. Refused what cannot be afforded."""
        left, money = (None, order.quote_amount) if order.quote_amount else (order.quantity, None)
        taker = Taker(order, left=left, money=money)
        plan = self.plan_unless_killed(market, replace(taker), self.cap)
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
        if stop and last is not None and (last >= stop if order.waits_above else last <= stop):
            raise Refused("STOP_WOULD_TRIGGER")
        price = order.price or stop or last or ZERO
        self._check_product(market, price if order.has_limit or order.side == "BUY" else ZERO, order.quantity)
        needed = ceil(price * order.quantity) if order.side == "BUY" else order.quantity
        if max(needed, order.quantity) / ATOM >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")
        if needed > self.purse(self.pays(market, order), order.account).free:
            raise Refused("INSUFFICIENT_BALANCE")
        before = self.copy(market.symbol)
        self.take_id()
        self.open[order.id] = order
        self._lock(market, order, needed)
        if order.terms.trailing_bips and not stop and last is not None:
            self.begin_to_trail(order, last)
        self.tell_market("order_placed", market, before, order=copied(order), is_final=True, prevented=[])
        return copied(order)

    def cancel(
        self, *, account: int, symbol: str, order_id: int | None, client_id: str, own_id: str, key: str
    ) -> Order:
        market = self._market(symbol)
        self._check_key(key, account)
        for order in self.open.values():
            is_meant = order.id == order_id if order_id is not None else order.client_id == client_id
            if is_meant and (order.account, order.symbol) == (account, symbol):
                if client_id and order.client_id != client_id:
                    break
                before = self.copy(symbol)
                self._end(market, order, "CANCELED")
                self.tell_market("order_canceled", market, before, order=copied(order), own_id=own_id)
                return copied(order)
        raise Refused("UNKNOWN_ORDER")

    def cancel_all(self, *, account: int, symbol: str, key: str) -> list[Order]:
        market = self._market(symbol)
        self._check_key(key, account)
        mine = [order for order in self.open.values() if (order.account, order.symbol) == (account, symbol)]
        if not mine:
            raise Refused("UNKNOWN_ORDER")
        left = mine
        while left:
            left = self._cancel_batch(market, left)
        return [copied(order) for order in mine]

    def _cancel_batch(self, market: Market, orders: list[Order]) -> list[Order]:
        """One event for as many as free less than 2**53 atoms on either side; the orders that are left."""
        before, freed = self.copy(market.symbol), {"BUY": ZERO, "SELL": ZERO}
        canceled: list[Order] = []
        for order in orders:
            freed[order.side] += order.locked
            if freed[order.side] / ATOM >= EXACT:
                break
            self._end(market, order, "CANCELED")
            canceled.append(copied(order))
        self.tell_market("orders_canceled", market, before, orders=canceled)
        return orders[len(canceled) :]

    def reduce(self, *, account: int, symbol: str, order_id: int, quantity: Decimal, key: str) -> Order:
        market = self._market(symbol)
        self._check_key(key, account)
        order = self.open.get(order_id)
        if order is None or (order.account, order.symbol) != (account, symbol):
            raise Refused("UNKNOWN_ORDER")
        used = order.quantity - order.left
        if not used < quantity < order.quantity:
            raise Refused("FILTER_LOT_SIZE")
        before = self.copy(symbol)
        order.quantity, order.left, order.updated_ms = quantity, quantity - used, self.now_ms
        order.status, order.terms.visible = order.open_status, min(order.terms.visible, order.left)
        price = order.price or order.terms.stop
        if order.side == "SELL":
            self._lock(market, order, order.left)
        elif price:
            self._lock(market, order, min(order.locked, ceil(price * order.left)))
        self.tell_market("order_reduced", market, before, order=copied(order))
        return copied(order)

    def credit(self, *, account: int, asset: str, amount: Decimal, key: str) -> Purse:
        self._check_transfer(account, asset, key)
        if self.total(asset, "credited") + amount > BALANCE_LIMIT:
            raise Refused("BALANCE_TOO_LARGE")
        return self._transfer("balance_credited", account, asset, amount, amount)

    def debit(self, *, account: int, asset: str, amount: Decimal, key: str) -> Purse:
        self._check_transfer(account, asset, key)
        if amount > self.purse(asset, account).free:
            raise Refused("INSUFFICIENT_BALANCE")
        return self._transfer("balance_debited", account, asset, amount, -amount)

    def set_status(self, symbol: str, status: str) -> None:
        market = self.markets[symbol]
        if market.status != status:
            market.status = status
            market.rules_version += 1
            self.tell("symbol_defined", symbol=symbol, status=status, rules_version=market.rules_version)

    def set_key(self, digest: str, account: int, *, is_good: bool) -> None:
        """Publish a key for an account, or revoke it."""
        is_changed = self.keys.get(digest) != account if is_good else digest in self.keys
        if is_good:
            self.keys[digest] = account
        else:
            self.keys.pop(digest, None)
        if is_changed:
            self.tell("account_changed", account=account)

    def set_trade_group(self, account: int, trade_group: int) -> None:
        """-1: none."""
        if self.groups.get(account, -1) == trade_group:
            return
        self.groups[account] = trade_group
        if trade_group == -1:
            del self.groups[account]
        self.tell("trade_group_set", account=account, trade_group=trade_group)

    def set_clock(self, now_ms: int) -> None:
        """Back only as far as nothing of the market is later."""
        if now_ms < self.latest_ms:
            raise Refused("CLOCK_BACKWARDS")
        self.now_ms = now_ms
        self.tell("clock_set")

    @property
    def latest_ms(self) -> int:
        """When an order last changed a market."""
        return max(market.changed_ms for market in self.markets.values())

    def _market(self, symbol: str) -> Market:
        if symbol not in self.markets:
            raise Refused("UNKNOWN_SYMBOL")
        return self.markets[symbol]

    def _check_key(self, key: str, account: int) -> None:
        if key and self.keys.get(key) != account:
            raise Refused("KEY_INVALID")

    def _check_transfer(self, account: int, asset: str, key: str) -> None:
        self._check_key(key, account)
        if asset not in {name for market in self.markets.values() for name in (market.base, market.quote)}:
            raise Refused("UNKNOWN_ASSET")

    def _check_product(self, market: Market, price: Decimal, quantity: Decimal) -> None:
        multiplier, _ = market.steps()
        if price / market.tick * (quantity / market.lot) * multiplier >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")

    def _check_size(self, market: Market, order: Order) -> None:
        _, divisor = market.steps()
        self._check_product(market, order.price, order.quantity)
        if max(order.quantity / ATOM, order.quote_amount / ATOM * divisor) >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")

    def _check_at_last_price(self, market: Market, order: Order) -> None:
        """An order without any price must be worth minNotional at the price of the last trade, if there was one."""
        has_price = order.price or order.quote_amount or order.terms.stop
        if not has_price and market.last_price is not None:
            self._check_product(market, market.last_price, order.quantity)
            if ceil(market.last_price * order.quantity) < market.min_notional:
                raise Refused("FILTER_NOTIONAL")

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
            self._check_product(market, price, quantity)
        moved = sum((meeting.quote for meeting in plan.meetings if meeting.moves_money), ZERO)
        cost = sum((ceil(price * quantity) for price, quantity in taken.items()), moved)
        if cost / ATOM >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")
        return cost

    def _transfer(self, kind: str, account: int, asset: str, amount: Decimal, change: Decimal) -> Purse:
        before = self.copy("")
        self.add(asset, "credited" if change > 0 else "debited", amount)
        self.purse(asset, account).free += change
        (balance,) = self.changed_purses(before)
        self.tell(kind, balance=balance, amount=amount)
        return replace(self.purse(asset, account))
