"""The call auction once more: which price, who trades with whom, in which steps.

The fact a newcomer would get wrong: nothing here looks for the price cleverly. Every price that could be it is tried:
those of the orders, the ones next to them, and the last price.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.model.fees import Debt
from tests.model.matching import copied
from tests.model.meetings import Meeting
from tests.model.placing import Placing
from tests.model.words import ATOM, EXACT, ZERO, Fill, Market, Order, Refused, ceil, floor

COLLECTING = "AUCTION_MATCH"


@dataclass
class Pairs:
    """What a step of an auction has come to."""

    price: Decimal
    todo: Decimal
    fills: list[Fill] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    quote: Decimal = ZERO
    base: Decimal = ZERO
    freed: Decimal = ZERO


@dataclass
class Auctions(Placing):
    """The end of an auction."""

    def auction(self, symbol: str) -> tuple[Decimal, Decimal]:
        """(price, quantity) that would trade now; zeros where nothing crosses."""
        market = self._market(symbol)
        bids, asks = self.queue(symbol, "BUY"), self.queue(symbol, "SELL")
        if not bids or not asks or bids[0].price < asks[0].price:
            return ZERO, ZERO
        highest, lowest = bids[0].price, asks[0].price
        crossing = [order for order in (*bids, *asks) if lowest <= order.price <= highest]
        for side in ("BUY", "SELL"):
            if sum(order.left / market.lot for order in crossing if order.side == side) >= EXACT:
                raise Refused("AMOUNT_TOO_LARGE")
        last = market.last_price or ZERO
        prices = {order.price + steps * market.tick for order in crossing for steps in (-1, 0, 1)} | {last}
        tried = []
        for price in prices:
            wanted = sum((order.left for order in bids if order.price >= price), ZERO)
            offered = sum((order.left for order in asks if order.price <= price), ZERO)
            tried.append((-min(wanted, offered), abs(wanted - offered), abs(price - last), price))
        quantity, _, _, price = min(tried)
        self.met["auction at nobody's price"] += all(order.price != price for order in crossing)
        return price, -quantity

    def uncross(self, symbol: str) -> tuple[Decimal, Decimal]:
        """All of it, step by step, then what follows."""
        market = self._market(symbol)
        if market.status != COLLECTING:
            raise Refused("NO_AUCTION")
        price, quantity = self.auction(symbol)
        todo, room = quantity, self.cap
        while market.status == COLLECTING:
            room = room if room > 0 else self.cap
            pairs = self._auction_step(market, Pairs(price, todo), room)
            todo, room = pairs.todo, room - 1 - len(pairs.fills)
        self.follow_up(market, room=room)
        return price, quantity

    def _auction_step(self, market: Market, pairs: Pairs, room: int) -> Pairs:
        before, last_price = self.copy(market.symbol), market.last_price
        self.begin_fees()
        queues = {side: self.queue(market.symbol, side) for side in ("BUY", "SELL")}
        refilled: dict[str, list[Order]] = {"BUY": [], "SELL": []}
        while pairs.todo and len(pairs.fills) < room:
            bid, ask = queues["BUY"][0], queues["SELL"][0]
            quantity = min(bid.shown, ask.shown, pairs.todo)
            if not self._fits(pairs, bid, quantity):
                break
            tips = {order.id: order.shown - quantity for order in (bid, ask)}
            self._pair(market, pairs, bid, ask, quantity)
            for order in (bid, ask):
                self._change_maker(market, Meeting(order, quantity), refilled[order.side])
                pairs.orders += [order] if order not in pairs.orders else []
                if not tips[order.id]:
                    self._next_in_turn(queues[order.side])
        for order in [*refilled["BUY"], *refilled["SELL"]]:
            if order.is_in_book:
                order.terms.queue_id = self.take_id()
        self._settle_debts(market, pairs, before)
        self.touch(market, pairs.orders)
        prices = [fill.price for fill in pairs.fills]
        self.note_prices(market, prices)
        self.trigger(market, last_price, prices)
        is_final = not pairs.todo
        market.status = "TRADING" if is_final else COLLECTING
        self.tell_market(
            "auction_matched", market, before, fills=pairs.fills, price=pairs.price, is_final=is_final,
            makers=[copied(order) for order in [*pairs.orders, *self._payees()]],
        )  # fmt: skip
        return pairs

    def _next_in_turn(self, queue: list[Order]) -> None:
        """The first has traded all that it showed: an iceberg waits behind those at its price."""
        first = queue.pop(0)
        if first.left:
            queue.insert(sum(order.price == first.price for order in queue), first)

    def _fits(self, pairs: Pairs, bid: Order, quantity: Decimal) -> bool:
        """Sums of a step stay below 2**53 atoms; one trade alone always does."""
        freed = bid.locked - (ceil(bid.price * (bid.left - quantity)) if bid.left > quantity else ZERO)
        sums = (pairs.quote + pairs.freed + freed, pairs.base + quantity + pairs.freed)
        return not pairs.fills or max(sums) / ATOM < EXACT

    def _pair(self, market: Market, pairs: Pairs, bid: Order, ask: Order, quantity: Decimal) -> None:
        """The older order makes. What the bid has set aside beyond the price is free again."""
        maker, taker = sorted((bid, ask), key=lambda order: order.id)
        quote, locked = floor(pairs.price * quantity), bid.locked
        for order in (maker, taker):
            if not order.filled:
                self.note_first_fill(order.account, is_maker=True)  # both have rested
            order.left -= quantity
            order.filled += quantity
            order.filled_quote += quote
        # Both hand over what they have locked: the taker's goes through what it has free, as that of a new order does.
        self._lock(market, taker, taker.locked - (quote if taker is bid else quantity))
        fees, number = [], len(pairs.fills)
        for order, other, role in ((taker, maker, "taker"), (maker, taker, "maker")):
            asset, received = (market.base, quantity) if order is bid else (market.quote, quote)
            fees.append(self.fee_now(market, Debt(number, role, order, other, asset, received, pairs.price)))
        self._exchange(market, taker, maker, quantity, quote, *fees)
        self._lock(market, bid, ceil(bid.price * bid.left))
        pairs.fills.append(
            Fill(
                market.next_trade_id, pairs.price, quantity, quote, taker.side, taker.account, taker.id, fees[0],
                maker.account, maker.id, fees[1],
            )
        )  # fmt: skip
        market.next_trade_id, market.last_price = market.next_trade_id + 1, pairs.price
        pairs.todo -= quantity
        pairs.quote, pairs.base = pairs.quote + quote, pairs.base + quantity
        pairs.freed += locked - bid.locked - quote
        self.met["auction with itself"] += bid.account == ask.account

    def _settle_debts(self, market: Market, pairs: Pairs, before: object) -> None:
        for debt in self.open_debts:
            fee = self.settle(market, debt, before)  # type: ignore[arg-type]
            if not fee.asset:
                self._receive(market, debt.order, debt.other, debt.asset, ZERO, fee.amount)
            told = {f"{debt.role}_fee": fee.amount, f"{debt.role}_fee_asset": fee.asset}
            pairs.fills[debt.fill] = replace(pairs.fills[debt.fill], **told)  # type: ignore[arg-type]
