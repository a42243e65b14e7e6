"""Finds in the event stream what tells of one order.

The fact a newcomer would get wrong: most entries are never decoded. A pattern over their bytes says whether a record of
the order stands in one.
"""

import asyncio
import re
from typing import Final

from accounts.journal.triggers import Step
from engine.events import (
    Event,
    ListPlaced,
    MarketCleared,
    MarketEvent,
    OrderActivated,
    OrderPlaced,
    OrdersCanceled,
    OrderStep,
    OrderTriggered,
    decode,
)
from engine.records import OrderRecord
from engine.types import OrderStatus
from engine.venue import Venue

PAGE: Final = 200  # entries read at once; others may run between two pages
MOST_EVENTS: Final = 200_000  # looked at for one order; the archiver keeps about ten thousand


class Scan:
    """Reads the events that tell of an order or of another order of its list, and meanwhile the market's fills while
    the order waits for its trigger.
    """

    def __init__(self, order: OrderRecord, symbol: str) -> None:
        self.events: list[Event] = []
        self.steps: list[Step] = []  # of the market while the order waited
        self.waiting: OrderRecord | None = None  # the order as it began to wait
        self.is_cut = False
        self.last_seq = 0
        self._order_id = order.order_id
        self.symbol = symbol
        self._ids = {self._order_id}
        self._has_ended = False
        # Placed before the oldest event that is kept: it may be waiting already.
        self._is_waiting = order.type.is_contingent
        self._fills = re.compile(rb'"%s",\d+,\[\[' % re.escape(self.symbol.encode()))
        self._mark = self._marked()

    def _marked(self) -> re.Pattern[bytes]:
        """Finds a record of one of the orders (status, id, account, side) in an entry, or that all orders are gone."""
        ids = b"|".join(b"%d" % order_id for order_id in self._ids)
        return re.compile(rb'",(?:%s),\d+,"(?:BUY|SELL)"|^\["market_cleared' % ids)

    async def read(self, venue: Venue, start: int) -> None:
        """From event `start` on until the order has ended, at most MOST_EVENTS."""
        self.last_seq = start - 1
        for _ in range(MOST_EVENTS // PAGE):
            page = await venue.runner.command("XRANGE", venue.keys.events, f"(0-{self.last_seq}", "+", "COUNT", PAGE)
            for _, (_, data) in page:
                if self._has_ended_with(data):
                    return
            if len(page) < PAGE:
                return
            self.last_seq = int(page[-1][0].partition(b"-")[2])
            await asyncio.sleep(0)
        self.is_cut = True

    def _has_ended_with(self, data: bytes) -> bool:
        """Takes what an entry tells; whether nothing can happen to the order after it."""
        is_marked = self._mark.search(data) is not None
        if not is_marked and not (self._is_waiting and self._fills.search(data)):
            return False
        event = decode(data)
        if isinstance(event, MarketCleared):
            if self.symbol in event.symbols:
                self.events.append(event)
                self._has_ended = True
            return self._has_ended
        if not isinstance(event, MarketEvent) or event.symbol != self.symbol:
            return False
        if is_marked:
            self._take(event)
        if self._is_waiting and event.fills:
            self.steps.append(Step(event.seq, event.now_ms, event.fills))
        return self._has_ended

    def _take(self, event: MarketEvent) -> None:
        orders = _orders_of(event)
        if not self._ids.intersection(order.order_id for order in orders):
            return
        self.events.append(event)
        if isinstance(event, ListPlaced):
            self._ids.update(listed.order_id for listed in event.order_list.orders)
            self._mark = self._marked()
        for order in orders:
            if order.order_id == self._order_id:
                self._notice(event, order)

    def _notice(self, event: MarketEvent, order: OrderRecord) -> None:
        begins = isinstance(event, OrderPlaced | OrderActivated) and order.status is OrderStatus.NEW
        if begins and order.type.is_contingent and not order.working_ms:
            self.waiting, self.steps, self._is_waiting = order, [], True
        elif isinstance(event, OrderTriggered) or order.working_ms:
            self._is_waiting = False
        is_last = not isinstance(event, OrderStep) or event.is_final or event.order.order_id != self._order_id
        self._has_ended = is_last and not order.status.is_open


def _orders_of(event: MarketEvent) -> list[OrderRecord]:
    """Every order that a market event has a record of."""
    if isinstance(event, OrdersCanceled):
        return [*event.orders, *event.makers]
    told: list[OrderRecord] = [*event.makers]
    for name in ("orders", "takers", "others"):
        told += getattr(event, name, [])
    order = getattr(event, "order", None)
    return [*told, order] if order is not None else told
