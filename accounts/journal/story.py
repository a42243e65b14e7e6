"""From the events that name an order to the lines of its journal.

The fact a newcomer would get wrong: an event tells how things stand after it, not why. Why an order of a list ended,
or that an iceberg was refilled, is read from the difference to what the events before it told.
"""

from collections.abc import Iterable, Sequence

from accounts.journal.triggers import Followed
from accounts.journal.words import Line, Numbers, Words
from engine.events import (
    Amendment,
    Event,
    ListChanged,
    ListPlaced,
    MarketCleared,
    MarketEvent,
    OrderActivated,
    OrderCanceled,
    OrderContinued,
    OrderPlaced,
    OrderReduced,
    OrdersCanceled,
    OrderStep,
    OrderTriggered,
    TapeFrameApplied,
    TapeTradePlayed,
    amendments_in,
)
from engine.records import Fill, OrderListRecord, OrderRecord, PreventedMatch
from engine.types import OrderStatus, OrderType, PegPrice, Side, TimeInForce


class Story:
    """`lines` of one order, from the events that name it or another order of its list, in their order."""

    def __init__(self, order_id: int, words: Words, followed: Followed) -> None:
        self.lines: list[Line] = []
        self.order: OrderRecord | None = None  # as the last event told of it
        self._id = order_id
        self._words = words
        self._followed = followed
        self._others: set[int] = set()
        self._cause = "another order of its list goes on"

    def tell(self, event: Event) -> None:
        """Add what the event says of the order."""
        if isinstance(event, MarketCleared):
            self._say(event, "cleared", "The market was cleared before its clock went back: the order is no more")
        if not isinstance(event, MarketEvent):
            return
        if isinstance(event, ListPlaced):
            self._tell_list_placed(event)
        elif isinstance(event, ListChanged):
            self._tell_list_changed(event)
        elif isinstance(event, OrderStep):
            self._tell_step(event)
        elif isinstance(event, OrderCanceled):
            self._tell_canceled(event, [event.order], event.cancel_client_order_id)
        elif isinstance(event, OrdersCanceled):
            self._tell_canceled(event, event.orders, None)
        elif isinstance(event, OrderReduced):
            self._tell_reduced(event)
        elif isinstance(event, TapeFrameApplied | TapeTradePlayed):
            for taker in self._own(event.takers):
                self.tell_accepted(event.seq, event.now_ms, taker)
                self._tell_matches(event, taker, ())
                self._tell_outcome(event, taker, is_final=True)
        for maker in self._own(event.makers):
            self._tell_as_maker(event, maker)
        self._remember_others(event)

    def _own(self, orders: Iterable[OrderRecord]) -> list[OrderRecord]:
        return [order for order in orders if order.order_id == self._id]

    def _say(self, event: Event, kind: str, text: str, numbers: Numbers | None = None) -> None:
        self.lines.append(Line(kind=kind, seq=event.seq, time=event.now_ms, text=text, numbers=numbers or {}))

    def tell_accepted(self, seq: int, now_ms: int, order: OrderRecord) -> None:
        """That the order was accepted, and with which numbers."""
        words = self._words
        text = f"Accepted as order {order.order_id} of {words.name(order.account)}: {words.order(order)}"
        if order.client_order_id:
            text += f" (client order id {order.client_order_id})"
        numbers = words.numbers_of(order) | {"clientOrderId": order.client_order_id, "account": order.account}
        self.lines.append(Line(kind="accepted", seq=seq, time=now_ms, text=text, numbers=numbers))

    def _tell_step(self, event: OrderStep) -> None:
        order = event.order
        if order.order_id != self._id:
            return
        if isinstance(event, OrderPlaced):
            self.tell_accepted(event.seq, event.now_ms, order)
        elif isinstance(event, OrderTriggered):
            self._tell_triggered(event)
        elif isinstance(event, OrderActivated):
            is_first = self.order is not None and self.order.status is OrderStatus.NEW
            text = "Begins, as its list was accepted" if is_first else f"Its list lets it begin: {self._cause}"
            self._say(event, "activated", text)
        elif isinstance(event, OrderContinued):
            self._say(event, "continued", "Goes on: its matches did not fit into one step")
        self._tell_matches(event, order, event.prevented)
        self._tell_outcome(event, order, is_final=event.is_final)
        self.order = order

    def _tell_triggered(self, event: OrderTriggered) -> None:
        reached = self._followed.triggered
        if reached is None or reached.seq >= event.seq:
            self._say(event, "triggered", "Triggered; by which trade is not known any more")
            return
        price, wanted = self._words.price(reached.fill.price_ticks), self._words.price(reached.wanted_ticks)
        text = f"Triggered by trade {reached.fill.trade_id} at {price} (event {reached.seq}), which reached {wanted}"
        numbers: Numbers = {
            "tradeId": reached.fill.trade_id, "price": price, "triggerPrice": wanted, "tradeSeq": reached.seq,
            "takerOrderId": reached.fill.taker_order_id, "makerOrderId": reached.fill.maker_order_id,
        }  # fmt: skip
        if self._followed.best_ticks is not None:
            numbers["bestPrice"] = self._words.price(self._followed.best_ticks)
            text += f", having followed the price to {numbers['bestPrice']}"
        self._say(event, "triggered", text, numbers)

    def _tell_matches(self, event: MarketEvent, order: OrderRecord, prevented: Sequence[PreventedMatch]) -> None:
        for fill in event.fills:
            if self._id in (fill.taker_order_id, fill.maker_order_id):
                self.tell_fill(event.seq, event.now_ms, order, fill)
        for match in prevented:
            if self._id in (match.taker_order_id, match.maker_order_id):
                self.tell_prevented(event.seq, event.now_ms, match)

    def tell_fill(self, seq: int, now_ms: int, order: OrderRecord, fill: Fill) -> None:
        """A match of the order."""
        text, numbers = self._words.match(order, fill)
        self.lines.append(Line(kind="matched", seq=seq, time=now_ms, text=text, numbers=numbers))

    def tell_prevented(self, seq: int, now_ms: int, match: PreventedMatch) -> None:
        """A match that self-trade prevention kept the order from."""
        is_taker = match.taker_order_id == self._id
        other = (match.maker_order_id, match.maker_account) if is_taker else (match.taker_order_id, match.taker_account)
        lots = match.taker_prevented_lots if is_taker else match.maker_prevented_lots
        words = self._words
        price, lost = words.price(match.price_ticks), words.quantity(lots)
        text = (
            f"Kept from trading as {'taker' if is_taker else 'maker'} with order {other[0]} of {words.name(other[1])} "
            f"at {price}: self-trade prevention {match.mode} took {lost} {words.spec.base} from it"
        )
        numbers = {
            "preventedMatchId": match.prevented_match_id, "mode": match.mode.value, "price": price,
            "preventedQuantity": lost, "role": "taker" if is_taker else "maker", "otherOrderId": other[0],
            "otherAccount": other[1], "tradeGroupId": match.trade_group,
        }  # fmt: skip
        self.lines.append(Line(kind="prevented", seq=seq, time=now_ms, text=text, numbers=numbers))

    def _tell_as_maker(self, event: MarketEvent, order: OrderRecord) -> None:
        self._tell_matches(event, order, event.prevented if isinstance(event, OrderStep) else ())
        before = self.order.terms.queue_id if self.order is not None and self.order.terms is not None else None
        terms = order.terms
        if terms is not None and terms.iceberg_lots and before is not None and terms.queue_id != before:
            shown = self._words.quantity(terms.visible_lots)
            text = f"Its visible part was used up: shows {shown} again, at the end of the queue of its price"
            left = self._words.quantity(order.left_lots)
            self._say(event, "refilled", text, {"visible": shown, "left": left, "queueId": terms.queue_id})
        if not order.status.is_open:
            self._tell_outcome(event, order, is_final=True)
        elif self.order is not None and order.left_lots == self.order.left_lots:
            self._tell_other_lock(event, order, order.locked_atoms - self.order.locked_atoms)
        self.order = order

    def _tell_other_lock(self, event: MarketEvent, order: OrderRecord, change_atoms: int) -> None:
        """That another order of its list changed what it locks: one that pays for it, or one that found its price."""
        if change_atoms == 0:
            return
        changed, locked = (self._words.paid(order.side, atoms) for atoms in (abs(change_atoms), order.locked_atoms))
        text = f"{changed} less is locked for it than before, {locked} in all: the other order of its pair locks more"
        if change_atoms > 0:
            cause = "more is locked for it, since the other order of its pair locks less"
            if not order.has_quantity:
                cause = "was bought by the working order of its list and is locked for it"
            text = f"{changed} {cause}: {locked} in all"
        self._say(event, "list_money", text, {"change": changed, "locked": locked})

    def _tell_outcome(self, event: MarketEvent, order: OrderRecord, *, is_final: bool) -> None:
        if not is_final:
            return
        words = self._words
        left = words.quantity(order.left_lots)
        numbers: Numbers = {"status": order.status.value, "left": left, "filled": words.quantity(order.filled_lots)}
        if order.status is OrderStatus.FILLED:
            quote = words.quote(order.filled_quote_atoms)
            text = f"Filled: {numbers['filled']} {words.spec.base} for {quote} {words.spec.quote}"
            self._say(event, "filled", text, numbers | {"quoteQuantity": quote})
        elif order.status is OrderStatus.EXPIRED_IN_MATCH:
            self._say(event, "expired", f"Expired by self-trade prevention with {left} left", numbers)
        elif order.status is OrderStatus.EXPIRED:
            self._say(event, "expired", f"Expired with {left} left: {self._why_expired(event, order)}", numbers)
        elif order.status.is_open:
            locked = words.paid(order.side, order.locked_atoms)
            numbers["locked"] = locked.partition(" ")[0]
            numbers["lockedAsset"] = locked.partition(" ")[2]
            if order.working_ms:
                self._say(event, "rests", f"Rests in the book with {left} left, {locked} locked", numbers)
            else:
                self._say(event, "waits", f"Waits {self._for_what(order)}; {locked} locked", numbers)

    def _for_what(self, order: OrderRecord) -> str:
        terms = order.terms
        assert terms is not None
        if order.status is OrderStatus.PENDING_NEW:
            return "for the working order of its list"
        price = self._words.price(terms.stop_ticks)
        direction = "above" if order.type.waits_above(order.side) else "below"
        if not terms.trailing_bips:
            return f"outside the book for a price at or {direction} {price}"
        if terms.trailing_ms:
            return "outside the book and follows the price from now on"
        if not terms.stop_ticks:
            return "outside the book for the first price, which it will follow"
        return f"outside the book for a price at or {direction} {price}, to follow the price from there"

    def _why_expired(self, event: MarketEvent, order: OrderRecord) -> str:
        is_pegged = order.terms is not None and order.terms.peg is not PegPrice.NONE
        if isinstance(event, OrderActivated) and not event.fills:
            if order.type is OrderType.LIMIT_MAKER and not is_pegged:
                return "it would have matched at once, which a LIMIT_MAKER must not"
            if order.type.is_contingent and not order.working_ms:
                return "its stop price had been reached before its list let it begin"
        if is_pegged and not order.filled_lots and order.time_in_force is TimeInForce.GTC:
            return "the book had no level to take its price from, or at that price it was worth too little or too dear"
        if order.terms is not None and order.terms.expiry == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED":
            return "its next trade would have been outside of the price range around the symbol's reference price"
        if order.time_in_force is TimeInForce.FOK and not order.filled_lots:
            return "FOK, and the book could not fill all of it within its limit"
        if order.price_ticks:
            return "IOC, and the book had nothing more within its limit"
        if order.side is Side.BUY and (order.quote_order_atoms or order.type is not OrderType.MARKET):
            return "the book had nothing more, or the money was not enough for one more lot"
        return "the book had nothing more on the other side"

    def _tell_canceled(self, event: MarketEvent, orders: Sequence[OrderRecord], cancel_id: str | None) -> None:
        for order in self._own(orders):
            left = self._words.quantity(order.left_lots)
            text = f"Canceled with {left} left"
            numbers: Numbers = {"status": order.status.value, "left": left}
            if cancel_id is None:
                text += ", with all open orders of its account on the symbol"
            elif cancel_id:
                text += f" (the cancel's client order id: {cancel_id})"
                numbers["cancelClientOrderId"] = cancel_id
            self._say(event, "canceled", text, numbers)
            self.order = order

    def _tell_reduced(self, event: OrderReduced) -> None:
        for order, amendment in zip((event.order, *event.others), amendments_in(event), strict=True):
            if order.order_id == self._id:
                meant = None if order is event.order else event.order.order_id
                self.tell_amended(amendment, left_lots=order.left_lots, meant=meant)
                self.order = order

    def tell_amended(self, amendment: Amendment, *, left_lots: int | None, meant: int | None) -> None:
        """That the order became smaller, perhaps because another one of its pair, the one that was `meant`, did."""
        now, before = (self._words.quantity(lots) for lots in (amendment.lots, amendment.previous_lots))
        numbers: Numbers = {"quantity": now, "previousQuantity": before}
        text = "Amended"
        if meant is not None:
            text += f" with order {meant}, the other one of its pair"
            numbers["otherOrderId"] = meant
        text += f": {now} in all now instead of {before}"
        if left_lots is not None:
            numbers["left"] = self._words.quantity(left_lots)
            text += f", {numbers['left']} left"
        text += ", its place in the queue kept"
        if amendment.client_order_id != amendment.previous_client_order_id:
            numbers["clientOrderId"] = amendment.client_order_id
            numbers["previousClientOrderId"] = amendment.previous_client_order_id
            text += f"; called {amendment.client_order_id} now instead of {amendment.previous_client_order_id}"
        self.lines.append(Line(kind="amended", seq=amendment.seq, time=amendment.now_ms, text=text, numbers=numbers))

    def _tell_list_placed(self, event: ListPlaced) -> None:
        for order in self._own(event.orders):
            self._others = {listed.order_id for listed in event.order_list.orders} - {self._id}
            self.tell_accepted(event.seq, event.now_ms, order)
            others = ", ".join(map(str, sorted(self._others)))
            text = f"Is part of order list {event.order_list.list_id} ({event.order_list.kind}) with {others}"
            self._say(event, "listed", text, _list_numbers(event.order_list))
            if order.status is OrderStatus.PENDING_NEW:  # the others begin with the events that follow
                self._tell_outcome(event, order, is_final=True)
            self.order = order

    def _tell_list_changed(self, event: ListChanged) -> None:
        for order in self._own(event.orders):
            text = f"Order list {event.order_list.list_id} ({event.order_list.kind}): {self._cause}"
            numbers = _list_numbers(event.order_list) | {"status": order.status.value}
            if order.status.is_open:
                locked = self._words.paid(order.side, order.locked_atoms)
                if self.order is not None and not self.order.has_quantity:
                    text += f"; its quantity is {self._words.quantity(order.lots)}"
                    numbers["quantity"] = self._words.quantity(order.lots)
                self._say(event, "list_money", f"{text}; it now locks {locked} by itself", numbers)
            else:
                if order.terms is not None and order.terms.expiry == "REJECTED":
                    quantity = self._words.quantity(order.lots)
                    text += f"; the symbol's filters refuse it with the quantity {quantity}"
                    numbers["quantity"] = quantity
                self._say(event, "list_ended", f"{text}; so this one is {order.status}", numbers)
            self.order = order

    def _remember_others(self, event: MarketEvent) -> None:
        """What last happened to another order of the list: the reason for what follows for this one."""
        for order in [*_orders_of(event), *event.makers]:
            if order.order_id in self._others and not isinstance(event, ListPlaced):
                self._cause = f"order {order.order_id} {_what_happened(event, order)}"


def _list_numbers(order_list: OrderListRecord) -> Numbers:
    ids = [listed.order_id for listed in order_list.orders]
    return {"orderListId": order_list.list_id, "kind": order_list.kind.value, "orders": ids}


def _orders_of(event: MarketEvent) -> Sequence[OrderRecord]:
    if isinstance(event, OrderStep | OrderCanceled):
        return [event.order]
    if isinstance(event, OrdersCanceled | ListChanged):
        return event.orders
    return ()


def _what_happened(event: MarketEvent, order: OrderRecord) -> str:
    if order.status is OrderStatus.PARTIALLY_FILLED:
        return "was partly filled"
    if isinstance(event, OrderTriggered) and order.status.is_open:
        return "was triggered"
    if order.status.is_open:
        return "began to work"
    return f"was {order.status}"
