"""The exchange once more: plain, slow and obvious, in Decimal, sharing no code with the engine.

The fact a newcomer would get wrong: nothing here counts in ticks, lots or atoms. Prices, quantities and money are
decimals as people write them, so a wrong scale in the engine cannot hide behind the same wrong scale here. A command
looks, decides, and only then changes something; afterwards the books are compared with a copy made before it to tell
which balances and price levels have changed.
"""

from dataclasses import dataclass, replace
from decimal import Context, Decimal

from tests.model.books import Books
from tests.model.words import ATOM, ZERO, Fill, Market, Order, Purse, Refused, ceil, floor

PRECISE = Context(prec=80)  # whoever calls works in this: products of two numbers of 2**53 steps must come out exact
EXACT = 2**53  # what one command moves in one asset stays below this many atoms
BALANCE_LIMIT = 9 * 10**18 * ATOM


@dataclass
class Exchange(Books):
    """Every command raises Refused, and has then changed nothing."""

    def place(
        self, *, account: int, symbol: str, rules_version: int, side: str, type: str, time_in_force: str,
        price: Decimal, quantity: Decimal, quote_amount: Decimal, client_id: str, key: str,
    ) -> tuple[Order, list[Fill]]:  # fmt: skip
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
            created_ms=self.now_ms, updated_ms=self.now_ms,
        )  # fmt: skip
        self._check_size(market, order)
        self._check_at_last_price(market, order)
        matches, is_budget_spent = self._match(market, order)
        if time_in_force == "FOK" and sum(quantity for _, quantity in matches) < order.quantity:
            matches = []
        self._check_moved(market, matches)
        if self._needed(market, order, matches) > self.purse(self._pays(market, order), account).free:
            raise Refused("INSUFFICIENT_BALANCE")

        before = self.copy(symbol)
        self.next_order_id += 1
        fills = [self._fill(market, order, maker, quantity) for maker, quantity in matches]
        self._settle_rest(market, order, is_budget_spent)
        makers = [replace(maker) for maker, _ in matches]
        self.tell_market("order_placed", market, before, fills=fills, makers=makers, order=replace(order))
        return replace(order), fills

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
                self.tell_market("order_canceled", market, before, order=replace(order), own_id=own_id)
                return replace(order)
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
        return [replace(order) for order in mine]

    def _cancel_batch(self, market: Market, orders: list[Order]) -> list[Order]:
        """One event for as many as free less than 2**53 atoms on either side; the orders that are left."""
        before, freed = self.copy(market.symbol), {"BUY": ZERO, "SELL": ZERO}
        canceled: list[Order] = []
        for order in orders:
            freed[order.side] += order.locked
            if freed[order.side] / ATOM >= EXACT:
                break
            self._end(market, order, "CANCELED")
            canceled.append(replace(order))
        self.tell_market("orders_canceled", market, before, orders=canceled)
        return orders[len(canceled) :]

    def reduce(self, *, account: int, symbol: str, order_id: int, quantity: Decimal, key: str) -> Order:
        market = self._market(symbol)
        self._check_key(key, account)
        order = self.open.get(order_id)
        if order is None or (order.account, order.symbol) != (account, symbol):
            raise Refused("UNKNOWN_ORDER")
        filled = order.quantity - order.left
        if not filled < quantity < order.quantity:
            raise Refused("FILTER_LOT_SIZE")
        before = self.copy(symbol)
        order.quantity, order.left, order.updated_ms = quantity, quantity - filled, self.now_ms
        self._lock(market, order, self._worth(order, order.left))
        self.tell_market("order_reduced", market, before, order=replace(order))
        return replace(order)

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
        """A market order by quantity must be worth minNotional at the price of the last trade, if there was one."""
        if order.type == "MARKET" and not order.quote_amount and market.last_price is not None:
            self._check_product(market, market.last_price, order.quantity)
            if ceil(market.last_price * order.quantity) < market.min_notional:
                raise Refused("FILTER_NOTIONAL")

    def _check_moved(self, market: Market, matches: list[tuple[Order, Decimal]]) -> None:
        quote = sum((floor(maker.price * quantity) for maker, quantity in matches), ZERO)
        if max(quote, sum((quantity for _, quantity in matches), ZERO)) / ATOM >= EXACT:
            raise Refused("AMOUNT_TOO_LARGE")

    def _match(self, market: Market, order: Order) -> tuple[list[tuple[Order, Decimal]], bool]:
        """Whom the order meets and for how much; and whether its quote amount is spent as far as it can be."""
        matches: list[tuple[Order, Decimal]] = []
        left, budget = order.quantity, order.quote_amount
        for maker in self.queue(market.symbol, "SELL" if order.side == "BUY" else "BUY"):
            if order.type == "LIMIT":
                is_beyond = maker.price > order.price if order.side == "BUY" else maker.price < order.price
                if is_beyond:
                    break
            if order.quote_amount:
                quantity = min(maker.left, budget // (maker.price * market.lot) * market.lot)
                budget -= floor(maker.price * quantity)
            else:
                quantity = min(maker.left, left)
                left -= quantity
            if quantity:
                matches.append((maker, quantity))
            if order.quote_amount and (quantity < maker.left or not budget):
                return matches, True
            if not order.quote_amount and not left:
                break
        return matches, False

    def _needed(self, market: Market, order: Order, matches: list[tuple[Order, Decimal]]) -> Decimal:
        """What must be free before the order: at its own limit, at the book's prices, or its quote amount."""
        if order.type == "LIMIT":
            return self._worth(order, order.quantity)
        if order.side == "SELL":
            return sum((quantity for _, quantity in matches), ZERO) if order.quote_amount else order.quantity
        if order.quote_amount:
            return order.quote_amount
        taken: dict[Decimal, Decimal] = {}
        for maker, quantity in matches:
            taken[maker.price] = taken.get(maker.price, ZERO) + quantity
        for price, quantity in taken.items():
            self._check_product(market, price, quantity)
        return sum((ceil(price * quantity) for price, quantity in taken.items()), ZERO)

    def _fill(self, market: Market, taker: Order, maker: Order, quantity: Decimal) -> Fill:
        quote = floor(maker.price * quantity)
        if taker.side == "BUY":
            taker_fee, maker_fee = floor(quantity * market.taker_fee), floor(quote * market.maker_fee)
            self.purse(market.quote, taker.account).free -= quote
            self.purse(market.base, taker.account).free += quantity - taker_fee
            self.purse(market.base, maker.account).locked -= quantity
            self.purse(market.quote, maker.account).free += quote - maker_fee
            maker.locked -= quantity
            base_fee, quote_fee = taker_fee, maker_fee
        else:
            taker_fee, maker_fee = floor(quote * market.taker_fee), floor(quantity * market.maker_fee)
            self.purse(market.base, taker.account).free -= quantity
            self.purse(market.quote, taker.account).free += quote - taker_fee
            self.purse(market.quote, maker.account).locked -= quote
            self.purse(market.base, maker.account).free += quantity - maker_fee
            maker.locked -= quote
            base_fee, quote_fee = maker_fee, taker_fee
        self.add(market.base, "fees", base_fee)
        self.add(market.quote, "fees", quote_fee)
        for order in (taker, maker):
            order.left -= quantity
            order.filled_quote += quote
        maker.updated_ms, maker.status = self.now_ms, "PARTIALLY_FILLED"
        if not maker.left:
            self._end(market, maker, "FILLED")
        market.last_price = maker.price
        market.next_trade_id += 1
        return Fill(
            market.next_trade_id - 1, maker.price, quantity, quote, taker.side, taker.account, taker.id, taker_fee,
            maker.account, maker.id, maker_fee,
        )  # fmt: skip

    def _settle_rest(self, market: Market, order: Order, is_budget_spent: bool) -> None:
        """What becomes of an order after its matches."""
        if order.quote_amount:
            order.quantity, order.left = -order.left, ZERO
            order.status = "FILLED" if is_budget_spent and order.quantity else "EXPIRED"
        elif not order.left:
            order.status = "FILLED"
        elif order.type == "LIMIT" and order.time_in_force == "GTC":
            order.status = "PARTIALLY_FILLED" if order.left < order.quantity else "NEW"
            self.open[order.id] = order
            self._lock(market, order, self._worth(order, order.left))
        else:
            order.status = "EXPIRED"

    def _pays(self, market: Market, order: Order) -> str:
        return market.quote if order.side == "BUY" else market.base

    def _worth(self, order: Order, quantity: Decimal) -> Decimal:
        return ceil(order.price * quantity) if order.side == "BUY" else quantity

    def _lock(self, market: Market, order: Order, amount: Decimal) -> None:
        purse = self.purse(self._pays(market, order), order.account)
        purse.free += order.locked - amount
        purse.locked += amount - order.locked
        order.locked = amount

    def _end(self, market: Market, order: Order, status: str) -> None:
        self._lock(market, order, ZERO)
        order.status, order.updated_ms = status, self.now_ms
        del self.open[order.id]

    def _transfer(self, kind: str, account: int, asset: str, amount: Decimal, change: Decimal) -> Purse:
        before = self.copy("")
        self.add(asset, "credited" if change > 0 else "debited", amount)
        self.purse(asset, account).free += change
        (balance,) = self.changed_purses(before)
        self.tell(kind, balance=balance, amount=amount)
        return replace(self.purse(asset, account))
