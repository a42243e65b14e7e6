"""What symbols and accounts are limited to, judged order by order; the circuit breaker; prices of pegged orders.

The fact a newcomer would get wrong: the orders of a list are judged together, as if all of them were to stay open, and
a pegged order is judged at the price it has found and at its owner's too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tests.model.rules import AccountRules, Counts
from tests.model.triggers import Triggers
from tests.model.words import EXACT, ZERO, Market, Order, Refused, ceil

DAY_MS = 86_400_000
FILTERS = {
    "orders": "MAX_NUM_ORDERS", "algos": "MAX_NUM_ALGO_ORDERS", "icebergs": "MAX_NUM_ICEBERG_ORDERS",
    "lists": "MAX_NUM_ORDER_LISTS",
}  # fmt: skip


@dataclass
class Limits(Triggers):
    """`spent` is what was ordered under a daily limit, by account, asset and day."""

    accounts: dict[int, AccountRules] = field(default_factory=dict)
    spent: dict[tuple[int, str, int], Decimal] = field(default_factory=dict)

    def check_limits(self, market: Market, orders: Sequence[Order]) -> None:
        """Raises Refused when the account may not place these orders together."""
        self._check_account(market, orders)
        rules = market.rules
        for order in orders:
            for price in prices_of(order):
                self._check_price(market, order.side, price)
        account = orders[0].account
        own = [order for order in self.open.values() if order.account == account]
        new = count(order for order in orders if may_stay_open(order))
        self._check_counts(rules.here, count(order for order in own if order.symbol == market.symbol), new, "FILTER_")
        self._check_counts(rules.anywhere, count(own), new, "FILTER_EXCHANGE_")
        self._check_position(market, orders)

    def note_ordered(self, market: Market, orders: Sequence[Order]) -> None:
        """Counts accepted orders towards the limits of requests and of the account's day, and remembers their names."""
        account = orders[0].account
        self.count_placement(account)
        self.named |= {(account, market.symbol, order.client_id): order for order in orders}
        if market.quote in self._of(account).daily:
            key = self._day(market, account)
            self.spent[key] = self.spent.get(key, ZERO) + sum(self._ordered_worth(market, order) for order in orders)

    def _of(self, account: int) -> AccountRules:
        return self.accounts.get(account, AccountRules())

    def _day(self, market: Market, account: int) -> tuple[int, str, int]:
        return account, market.quote, self.now_ms // DAY_MS

    def _check_account(self, market: Market, orders: Sequence[Order]) -> None:
        account, rules = orders[0].account, self._of(orders[0].account)
        if rules.is_killed:
            raise Refused("ACCOUNT_KILLED")
        new = sum(may_stay_open(order) for order in orders)
        standing = sum(order.account == account for order in self.open.values())
        if rules.open_orders and new and standing + new > rules.open_orders:
            raise Refused("RISK_OPEN_ORDERS")
        if not rules.order.keys() & {market.base, market.quote} and market.quote not in rules.daily:
            return
        total = ZERO
        for order in orders:
            worth = self._ordered_worth(market, order)
            most = [rules.order.get(asset, worth + order.quantity) for asset in (market.base, market.quote)]
            if order.quantity > most[0] or worth > most[1]:
                raise Refused("FILTER_MAX_ASSET")
            total += worth
        total += self.spent.get(self._day(market, account), ZERO)
        if total > rules.daily.get(market.quote, total):
            raise Refused("RISK_DAILY_NOTIONAL")

    def _ordered_worth(self, market: Market, order: Order) -> Decimal:
        """At its limit, else its stop price, else the last price; nothing before the first trade."""
        price = order.price or order.terms.stop or market.last_price or ZERO
        if not order.quote_amount:
            self.check_product(market, price, order.quantity)
        return order.quote_amount or ceil(price * order.quantity)

    def _check_price(self, market: Market, side: str, price: Decimal) -> None:
        rules, average = market.rules, self.average_price(market)
        if average is None:
            return
        if rules.price.excludes(price, average):
            raise Refused("FILTER_PERCENT_PRICE")
        if (rules.bid_price if side == "BUY" else rules.ask_price).excludes(price, average):
            raise Refused("FILTER_PERCENT_PRICE_BY_SIDE")

    def _check_counts(self, most: Counts, standing: Counts, new: Counts, scope: str) -> None:
        for kind, name in FILTERS.items():
            allowed, more = getattr(most, kind), getattr(new, kind)
            if allowed and more and getattr(standing, kind) + more > allowed:
                raise Refused(scope + name)

    def _check_position(self, market: Market, orders: Sequence[Order]) -> None:
        """Free, locked, what the open purchases of the symbol would bring, and the new ones."""
        account = orders[0].account
        here, anywhere = market.rules.position, self._of(account).position.get(market.base)
        if all(order.side == "SELL" for order in orders):
            return
        purse = self.purse(market.base, account)
        position = purse.free + purse.locked + sum(self._bought(market, order) for order in orders)
        for order in self.open.values():
            if (order.account, order.symbol, order.side) == (account, market.symbol, "BUY"):
                position += order.left
        if here and position > here:
            raise Refused("FILTER_MAX_POSITION")
        if anywhere is not None and position > anywhere:
            raise Refused("RISK_POSITION")

    def _bought(self, market: Market, order: Order) -> Decimal:
        """Of an order by quote amount whole lots at the last price."""
        if order.side == "SELL":
            return ZERO
        if order.quote_amount:
            price = market.last_price
            return order.quote_amount // (price * market.lot) * market.lot if price else ZERO
        return order.quantity

    def find_price(self, market: Market, order: Order) -> bool:
        """Gives a pegged order the price of its level; False when the book has none."""
        sides = {"BUY": "SELL", "SELL": "BUY"}
        side = order.side if order.terms.peg == "PRIMARY_PEG" else sides[order.side]
        prices = list(dict.fromkeys(resting.price for resting in self.queue(market.symbol, side)))
        if order.terms.peg_offset >= len(prices):
            return False
        order.terms.own_price, order.price = order.price, prices[order.terms.peg_offset]
        return True

    def is_worth_enough(self, market: Market, order: Order) -> bool:
        """A pegged order's notional at the price it has found, which must be exact too."""
        multiplier, divisor = market.steps()
        product = order.price / market.tick * (order.left / market.lot) * multiplier + divisor - 1
        return product < EXACT and ceil(order.price * order.left) >= market.min_notional

    def may_work_pegged(self, market: Market, order: Order) -> bool:
        """A pegged order enters the book later than it was placed: filters and money are judged once more."""
        if not self.finds_good_price(market, order):
            return False
        missing = ceil(order.price * order.left) - order.locked
        return order.side == "SELL" or missing <= self.purse(market.quote, order.account).free

    def finds_good_price(self, market: Market, order: Order) -> bool:
        """A price that the filters allow."""
        if not self.find_price(market, order) or not self.is_worth_enough(market, order):
            return False
        try:
            self._check_price(market, order.side, order.price)
        except Refused:
            return False
        return True

    def halting(self, market: Market, before: Decimal | None, prices: list[Decimal]) -> tuple[Decimal, Decimal] | None:
        """Notes the prices of a step; (price, the one it is too far from) when the breaker halts the symbol by them."""
        rules, now_s, halt = market.rules, self.now_ms // 1_000, None
        if not rules.has_breaker or market.status != "TRADING" or all(price == before for price in prices):
            return None
        known = [(at_s, price) for at_s, price in market.traded if 0 <= now_s - at_s <= rules.halt_seconds]
        known += [(now_s, before)] if before is not None else []
        for price, previous in zip(prices, [before, *prices], strict=False):
            others = [other for _, other in known]
            if price != previous and others and halt is None:
                has_risen = price > min(others) and rules.halts(price, min(others))
                farthest = min(others) if has_risen else max(others)
                halt = (price, farthest) if rules.halts(price, farthest) else None
            known.append((now_s, price))
        market.traded = known
        return halt

    def check_product(self, market: Market, price: Decimal, quantity: Decimal) -> None:
        """Raises Refused when the engine could not compute what this is worth exactly."""
        multiplier, divisor = market.steps()
        if price / market.tick * (quantity / market.lot) * multiplier + divisor - 1 >= EXACT:  # it is rounded up
            raise Refused("AMOUNT_TOO_LARGE")


def prices_of(order: Order) -> list[Decimal]:
    """What a pegged order has found and what its owner gave, or its price alone; none of an order without a limit."""
    return [price for price in (order.price, order.terms.own_price) if price > 0]


def may_stay_open(order: Order) -> bool:
    """An order that takes or expires at once never counts among the open ones."""
    stays = order.type != "MARKET" and order.time_in_force == "GTC"
    return stays or order.is_contingent or order.terms.list_id >= 0


def count(orders: Iterable[Order]) -> Counts:
    found = list(orders)
    return Counts(
        orders=len(found), algos=sum(order.is_contingent for order in found),
        icebergs=sum(order.terms.iceberg > 0 for order in found),
        lists=len({order.terms.list_id for order in found} - {-1}),
    )  # fmt: skip
