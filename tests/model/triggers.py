"""Contingent orders: what waits for which price, and what a step's prices trigger.

The fact a newcomer would get wrong: the prices between two turning points of a step trigger nothing one by one. All
that they trigger is triggered at the end of that way, in the order in which the price came by. An order that trails
from a stop price on begins with the first price that reaches it.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from tests.model.meetings import Meetings
from tests.model.words import Market, Order

WHOLE = Decimal(1)
ALL_BIPS = 10_000


@dataclass
class Triggers(Meetings):
    """An order waits while it says so; `trigger` puts it into `Market.upcoming`."""

    def trigger(self, market: Market, before: Decimal | None, prices: list[Decimal]) -> None:
        """Shows the waiting orders of a market the prices of a step. `before` is the last price ahead of them."""
        for way in straight_ways(before, prices):
            price = way[-1]
            reached: list[tuple[tuple[bool, Decimal, int], Order]] = []
            for order in self.waiting(market):
                if order.terms.trailing_bips:
                    at = self._follow(market, order, way)
                    rises = order.side == "BUY"
                else:
                    at, rises = order.terms.stop, order.waits_above
                    if (rises and price < at) or (not rises and price > at):
                        at = None
                if at is not None:
                    reached.append(((not rises, at if rises else -at, order.id), order))
            for _, order in sorted(reached, key=lambda item: item[0]):
                order.is_waiting = False
                market.upcoming.append(("trigger", order))

    def waiting(self, market: Market) -> list[Order]:
        """Contingent orders of a market whose price has not come yet."""
        return [order for order in self.open.values() if order.symbol == market.symbol and order.is_waiting]

    def is_reached(self, market: Market, order: Order) -> bool:
        """The last price is at or beyond the order's stop price already."""
        stop, last = order.terms.stop, market.last_price
        return bool(stop) and last is not None and (last >= stop if order.waits_above else last <= stop)

    def begin_to_wait(self, market: Market, order: Order) -> None:
        order.is_waiting = True
        if order.terms.trailing_bips and not order.terms.stop and market.last_price is not None:
            self.begin_to_trail(order, market.last_price)

    def begin_to_trail(self, order: Order, price: Decimal) -> None:
        order.best, order.terms.trailing_ms = price, self.now_ms

    def _follow(self, market: Market, order: Order, way: list[Decimal]) -> Decimal | None:
        """The price that triggers a trailing order, when the last of these prices does; else None."""
        terms, is_sale, price = order.terms, order.side == "SELL", way[-1]
        if order.best is None:
            stop = terms.stop or way[0]
            reaching = [one for one in way if (one >= stop if order.waits_above else one <= stop)]
            if reaching:
                self.begin_to_trail(order, reaching[0])
            if order.best is None or order.best == price:
                return None
        if price > order.best if is_sale else price < order.best:
            order.best = price
            return None
        share = Decimal(ALL_BIPS + (-terms.trailing_bips if is_sale else terms.trailing_bips)) / ALL_BIPS
        rounding = ROUND_FLOOR if is_sale else ROUND_CEILING
        at = (order.best * share / market.tick).quantize(WHOLE, rounding) * market.tick
        return at if (price <= at if is_sale else price >= at) else None


def straight_ways(before: Decimal | None, prices: list[Decimal]) -> list[list[Decimal]]:
    """Prices that differ from the one before them, cut behind the first and behind each where the direction turns."""
    path: list[Decimal] = []
    for price in prices:
        if price != (path[-1] if path else before):
            path.append(price)
    ways: list[list[Decimal]] = [[]]
    for number, price in enumerate(path):
        ways[-1].append(price)
        ago, then = path[number - 1], path[number + 1] if number + 1 < len(path) else None
        if number == 0 or then is None or (price > ago) != (then > price):
            ways.append([])
    return [way for way in ways if way]
