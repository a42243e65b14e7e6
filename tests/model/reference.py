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
from tests.model.words import ATOM, EXACT, ZERO, Market, Order, Purse, Refused, ceil

PRECISE = Context(prec=80)  # whoever calls works in this: products of two numbers of 2**53 steps must come out exact
BALANCE_LIMIT = 9 * 10**18 * ATOM


@dataclass
class Exchange(Tape):
    """Every command raises Refused, and has then changed nothing."""

    def replace(
        self, *, cancel: Callable[[], Order], place: Callable[[], Any], account: int, symbol: str, rules_version: int,
        key: str, is_placed_anyway: bool, can_collect: bool, client_id: str,
    ) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:  # fmt: skip
        """Two commands of one account and symbol with nothing in between: what became of either, None: not tried."""
        market = self._market(symbol)
        if market.rules_version != rules_version:
            raise Refused("STALE")
        self._check_open(market, key, account, can_collect=can_collect)
        canceled = _tried(cancel)
        placed = _tried(place) if canceled[0] == "ok" or is_placed_anyway else None
        if canceled[0] == "ok" and placed is not None and placed[0] == "refused":
            self.tell("order_rejected", symbol=symbol, account=account, reason=placed[1], client_id=client_id)
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
                before = self.copy(symbol)
                self._end(market, order, "CANCELED")
                self.touch(market, [order])
                self.tell_market("order_canceled", market, before, order=copied(order), own_id=own_id)
                self.follow_up(market)
                return copied(order)
        raise Refused("UNKNOWN_ORDER")

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

    def reduce(self, *, account: int, symbol: str, order_id: int, quantity: Decimal, key: str) -> Order:
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
        order_list = self.lists.get(order.terms.list_id)
        self.tell_market(
            "order_reduced", market, before, order=copied(order), previous_id=order.client_id,
            previous_quantity=previous, others=[copied(other) for other in pair or () if other is not order],
            order_list=replace(order_list) if order_list is not None else None,
        )  # fmt: skip
        return copied(order)

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
        self.now_ms = now_ms
        self.tell("clock_set")

    @property
    def latest_ms(self) -> int:
        """When an order last changed a market."""
        return max(market.changed_ms for market in self.markets.values())

    def _check_transfer(self, account: int, asset: str, key: str) -> None:
        self._check_key(key, account)
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
