"""The exchange once more: plain, slow and obvious, in Decimal, sharing no code with the engine.

The fact a newcomer would get wrong: nothing here counts in ticks, lots or atoms. Prices, quantities and money are
decimals as people write them, so a wrong scale in the engine cannot hide behind the same wrong scale here. A command
looks, decides, and only then changes something; afterwards the books are compared with a copy made before it to tell
which balances and price levels have changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Any

from tests.model.auctions import COLLECTING
from tests.model.matching import copied
from tests.model.rules import AccountRules, SymbolRules
from tests.model.tape import Tape
from tests.model.words import ATOM, EXACT, ZERO, Market, Order, OrderList, Purse, Refused, ceil

PRECISE = Context(prec=80)  # whoever calls works in this: products of two numbers of 2**53 steps must come out exact
BALANCE_LIMIT = 9 * 10**18 * ATOM


@dataclass
class Exchange(Tape):
    """Every command raises Refused, and has then changed nothing."""

    def replace(
        self, *, cancel: Callable[[], Order], place: Callable[[], Any], account: int, symbol: str, rules_version: int,
        key: str, is_placed_anyway: bool, is_canceled_anyway: bool, can_collect: bool, client_id: str,
    ) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:  # fmt: skip
        """Two commands of one account and symbol with nothing in between: what became of either, None: not tried."""
        market = self._market(symbol)
        if market.rules_version != rules_version:
            raise Refused("STALE")
        has_too_many = self.has_too_many(account)
        try:
            self._check_open(market, key, account, can_collect=can_collect)
        except Refused as error:
            if error.reason != "TOO_MANY_ORDERS" or not is_canceled_anyway:
                raise
            self._check_status(market, can_collect=can_collect)
        canceled = _tried(cancel)
        placed = _tried(place) if canceled[0] == "ok" or is_placed_anyway else None
        if canceled[0] == "ok" and placed is not None and placed[0] == "refused":
            self.tell("order_rejected", symbol=symbol, account=account, reason=placed[1], client_id=client_id)
        was_tried = placed is not None
        if not (was_tried and placed[0] == "ok") and not (was_tried and canceled[0] == "refused"):
            self.count_placement(account, 0 if was_tried or has_too_many else None)
        return canceled, placed

    def cancel(
        self, *, account: int, symbol: str, order_id: int | None, client_id: str, own_id: str, key: str,
        only_status: str,
    ) -> Order:  # fmt: skip
        market = self._market(symbol)
        self._check_key(key, account)
        for order in self.open.values():
            is_meant = order.id == order_id if order_id is not None else order.client_id == client_id
            if is_meant and (order.account, order.symbol) == (account, symbol):
                if client_id and order.client_id != client_id:
                    break
                if only_status and order.status != only_status:
                    raise Refused("CANCEL_RESTRICTED")
                return self._cancel_one(market, order, own_id)
        raise Refused("UNKNOWN_ORDER")

    def _cancel_one(self, market: Market, order: Order, own_id: str) -> Order:
        before = self.copy(market.symbol)
        self._end(market, order, "CANCELED")
        self.touch(market, [order])
        self.tell_market("order_canceled", market, before, order=copied(order), own_id=own_id)
        self.follow_up(market)
        return copied(order)

    def cancel_list(
        self, *, account: int, symbol: str, list_id: int | None, client_id: str, own_id: str, key: str
    ) -> tuple[OrderList, list[Order]]:
        """The list and all of its orders. A name means the newest one that ever had it; "" is none."""
        market = self._market(symbol)
        self._check_key(key, account)
        own = [one for one in self.lists.values() if (one.account, one.symbol) == (account, symbol)]
        if list_id is None:
            meant = [one for one in own if one.client_id == client_id][-1:]
        else:
            meant = [one for one in own if one.id == list_id and client_id in ("", one.client_id)]
        still_open = [order for order_list in meant for order in order_list.orders if order.is_open]
        if not still_open:
            raise Refused("UNKNOWN_ORDER")
        self._cancel_one(market, still_open[0], own_id)
        return replace(meant[0]), [copied(order) for order in meant[0].orders]

    def cancel_all(self, *, account: int, symbol: str, key: str) -> list[Order]:
        market = self._market(symbol)
        self._check_key(key, account)
        canceled: list[Order] = []
        while mine := [order for order in self.open.values() if (order.account, order.symbol) == (account, symbol)]:
            canceled += self._cancel_batch(market, mine)
            self.follow_up(market)
        if not canceled:
            raise Refused("UNKNOWN_ORDER")
        return canceled

    def _cancel_batch(self, market: Market, orders: list[Order]) -> list[Order]:
        """One event for as many as free less than 2**53 atoms on either side; these orders."""
        before, freed = self.copy(market.symbol), {"BUY": ZERO, "SELL": ZERO}
        canceled: list[Order] = []
        for order in orders:
            freed[order.side] += order.locked
            if freed[order.side] / ATOM >= EXACT:
                break
            self._end(market, order, "CANCELED")
            canceled.append(copied(order))
        self.touch(market, canceled)
        self.tell_market("orders_canceled", market, before, orders=canceled)
        return canceled

    def reduce(
        self, *, account: int, symbol: str, order_id: int, quantity: Decimal, new_id: str, key: str
    ) -> tuple[Order, str, OrderList | None]:
        """The order, what it was called until now, and its list. `new_id` "": it keeps its name."""
        market = self._market(symbol)
        self._check_key(key, account)
        if market.status == "BREAK":
            raise Refused("MARKET_CLOSED")
        order = self.open.get(order_id)
        if order is None or (order.account, order.symbol) != (account, symbol):
            raise Refused("UNKNOWN_ORDER")
        if not order.quantity:
            raise Refused("AMEND_PENDING_OPO")
        used = order.quantity - order.left
        if not used < quantity < order.quantity:
            raise Refused("FILTER_LOT_SIZE")
        if market.rules.amends and order.terms.amends >= market.rules.amends:
            raise Refused("FILTER_MAX_NUM_ORDER_AMENDS")
        previous_id, order_list = order.client_id, self.lists.get(order.terms.list_id)
        if new_id and new_id != previous_id:
            self._check_client_id(account, symbol, new_id)
            self._rename(order, order_list, new_id)
        before, pair, previous = self.copy(symbol), self.open_pair_of(order), order.quantity
        for smaller in pair or [order]:
            smaller.left -= smaller.quantity - quantity
            smaller.quantity, smaller.updated_ms = quantity, self.now_ms
            smaller.terms.visible = min(smaller.terms.visible, smaller.left)
            if market.rules.amends:  # else nobody counts
                smaller.has_terms, smaller.terms.amends = True, smaller.terms.amends + 1
        if pair:
            self._lock_pair(market, *pair)
        else:
            self._lock(market, order, min(order.locked, self._fixed_need(order) or order.locked))
        told_list = replace(order_list) if order_list is not None else None
        self.tell_market(
            "order_reduced", market, before, order=copied(order), previous_id=previous_id,
            previous_quantity=previous, others=[copied(other) for other in pair or () if other is not order],
            order_list=told_list,
        )  # fmt: skip
        return copied(order), previous_id, told_list

    def _rename(self, order: Order, order_list: OrderList | None, new_id: str) -> None:
        """What the order was called is free at once."""
        self.named.pop((order.account, order.symbol, order.client_id), None)
        self.named[order.account, order.symbol, new_id] = order
        order.client_id = new_id
        if order_list is not None:
            order_list.members = [(one.id, one.client_id) for one in order_list.orders]
            order_list.updated_ms = self.now_ms
        self.met["renamed in a list" if order_list is not None else "renamed"] += 1

    def _lock_pair(self, market: Market, main: Order, extra: Order) -> None:
        """What a pair locks after it has become smaller, if that can be told."""
        self._lock(market, main, self._fixed_need(main) or main.locked)
        needed = self._fixed_need(extra)
        if needed:
            self._lock(market, extra, max(ZERO, needed - main.locked))

    def _fixed_need(self, order: Order) -> Decimal | None:
        """What an order needs for its rest; None for a purchase at whatever price it will trail to."""
        price = order.price or order.terms.stop
        return order.left if order.side == "SELL" else ceil(price * order.left) if price else None

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

    def lock_externally(self, account: int, asset: str, amount: Decimal) -> Purse:
        """Free money becomes locked for somebody outside."""
        self._check_asset(asset)
        if amount > self.purse(asset, account).free:
            raise Refused("INSUFFICIENT_BALANCE")
        return self._change_external_lock(account, asset, amount)

    def unlock_externally(self, account: int, asset: str, amount: Decimal) -> Purse:
        """What was locked so, and nothing else, becomes free again."""
        self._check_asset(asset)
        if amount > self.external.get((asset, account), ZERO):
            raise Refused("INSUFFICIENT_BALANCE")
        return self._change_external_lock(account, asset, -amount)

    def _change_external_lock(self, account: int, asset: str, amount: Decimal) -> Purse:
        purse = self.purse(asset, account)
        before = replace(purse)
        purse.free, purse.locked = purse.free - amount, purse.locked + amount
        self.external[asset, account] = self.external.get((asset, account), ZERO) + amount
        self.tell("external_lock_changed", balance=((asset, account), before, replace(purse)))
        return replace(purse)

    def clear_market(self) -> None:
        """Open orders are gone, nothing is told of each; trades, lists and what the tape knew are forgotten."""
        for symbol, market in sorted(self.markets.items()):
            for order in [order for order in self.open.values() if order.symbol == symbol]:
                self._end(market, order, "CANCELED")
            market.last_price, market.traded, market.buckets, market.changed_ms = None, [], None, 0
            market.update_id += 1
            self.lists = {number: one for number, one in self.lists.items() if one.symbol != symbol}
            self.named = {name: order for name, order in self.named.items() if order.symbol != symbol}
            self.tape = {place: level for place, level in self.tape.items() if place[0] != symbol}
            self.touched.pop(symbol, None)
            self.tell("market_cleared", symbols=[symbol])

    def set_client_ids(self, mode: str) -> None:
        """ "day": a client order id stays taken for a day after the order's end."""
        self.client_ids = mode

    def define(
        self, symbol: str, *, rules: SymbolRules, definition: object, status: str, reopen: bool, min_notional: Decimal
    ) -> None:
        """New rules or another status; `definition` is all of them. What the breaker has halted may stay so."""
        market = self.markets[symbol]
        reopens = market.is_halted and (reopen or status != "TRADING" or not rules.has_breaker)
        if market.status == COLLECTING != status:
            raise Refused("AUCTION_UNMATCHED")
        begins_auction = status == COLLECTING != market.status
        if market.definition == definition and not reopens and not begins_auction:
            return
        if reopens:
            market.is_halted, market.traded = False, []
        market.definition, market.rules, market.min_notional = definition, rules, min_notional
        market.status = "HALT" if market.is_halted else status
        market.rules_version += 1
        self.tell("symbol_defined", symbol=symbol, status=status, rules_version=market.rules_version)

    def set_limits(self, account: int, rules: AccountRules) -> None:
        """What an account may do from here on."""
        if self.accounts.get(account, AccountRules()) != rules:
            self.accounts[account] = rules
            self.tell("account_limits_set", account=account, rules=rules)

    def kill(self, account: int) -> list[Order]:
        """The account places nothing more and loses all it has open; the cancelled orders, by symbol."""
        self.set_limits(account, replace(self.accounts.get(account, AccountRules()), is_killed=True))
        canceled: list[Order] = []
        for symbol in sorted(self.markets):
            if any((order.account, order.symbol) == (account, symbol) for order in self.open.values()):
                canceled += self.cancel_all(account=account, symbol=symbol, key="")
        return canceled

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

    def set_account_rates(self, account: int, symbol: str, rates: dict[str, Decimal], wish: bool | None) -> None:
        """Of one account on a symbol, "" for all; `wish`: to pay in the discount asset."""
        before = self.account_rates.get((account, symbol), {}), self.discount_wishes.get((account, symbol))
        if before != (rates, wish):
            self.account_rates[account, symbol], self.discount_wishes[account, symbol] = rates, wish
            self.tell("account_rates_set", account=account, symbol=symbol, rates=rates, wish=wish)

    def set_conversion(self, discount_asset: str, asset: str, price: Decimal) -> None:
        """0: as markets say."""
        if self.conversions.get((discount_asset, asset), ZERO) != price:
            self.conversions[discount_asset, asset] = price
            self.tell("conversion_set", discount_asset=discount_asset, asset=asset, price=price)

    def set_clock(self, now_ms: int) -> None:
        """Back only as far as nothing of the market is later."""
        if now_ms < self.latest_ms:
            raise Refused("CLOCK_BACKWARDS")
        if now_ms < self.now_ms:
            self.forget_counts()  # of intervals that are to come
        self.now_ms = now_ms
        self.tell("clock_set")

    @property
    def latest_ms(self) -> int:
        """When an order last changed a market."""
        return max(market.changed_ms for market in self.markets.values())

    def _check_transfer(self, account: int, asset: str, key: str) -> None:
        self._check_key(key, account)
        self._check_asset(asset)

    def _check_asset(self, asset: str) -> None:
        if asset not in {name for market in self.markets.values() for name in (market.base, market.quote)}:
            raise Refused("UNKNOWN_ASSET")

    def _transfer(self, kind: str, account: int, asset: str, amount: Decimal, change: Decimal) -> Purse:
        before = self.copy("")
        self.add(asset, "credited" if change > 0 else "debited", amount)
        self.purse(asset, account).free += change
        (balance,) = self.changed_purses(before)
        self.tell(kind, balance=balance, amount=amount)
        return replace(self.purse(asset, account))


def _tried(command: Callable[[], Any]) -> tuple[Any, ...]:
    """("ok", answer) or ("refused", reason, existing id)."""
    try:
        return ("ok", command())
    except Refused as error:
        return ("refused", error.reason, error.existing)
