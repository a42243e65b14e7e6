"""How often a run met what is rare: read from the events, so that a test cannot go blind without failing."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.model.matching import RECORDED
from tests.model.translation import SPECS
from tests.model.words import ATOM, UNFOUND, Order, OrderList

MODES = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
LIMITS = (
    "FILTER_MAX_NUM_ORDERS", "FILTER_MAX_NUM_ALGO_ORDERS", "FILTER_MAX_NUM_ICEBERG_ORDERS",
    "FILTER_MAX_NUM_ORDER_LISTS", "FILTER_EXCHANGE_MAX_NUM_ORDERS", "FILTER_EXCHANGE_MAX_NUM_ALGO_ORDERS",
    "FILTER_EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "FILTER_EXCHANGE_MAX_NUM_ORDER_LISTS", "FILTER_MAX_NUM_ORDER_AMENDS",
    "FILTER_MAX_POSITION", "FILTER_MAX_ASSET", "FILTER_PERCENT_PRICE", "FILTER_PERCENT_PRICE_BY_SIDE",
    "RISK_OPEN_ORDERS", "RISK_DAILY_NOTIONAL", "RISK_POSITION", "ACCOUNT_KILLED", "NO_PEG_PRICE", "MARKET_CLOSED",
    "BOOK_EMPTY",
)  # fmt: skip
# About a fifth of what most seeds bring.
LEAST_PER_20_000 = {
    "triggered": 250, "triggered by trailing": 80, "cascades": 120, "refills": 200, "met twice": 100,
    "continued": 150, "continued amid triggers": 30, "fill or kill triggered": 25, "rests after trigger": 60,
    "out of money": 1, "icebergs in prevention": 100, "waiting reduced": 50, "waiting cancelled": 100,
    **dict.fromkeys(MODES, 15), "transfers": 20,
    "OCO list_placed": 50, "OTO list_placed": 50, "OTOCO list_placed": 50, "lists done": 120,
    "working order filled at once": 12, "begun later": 35, "pending maker that would match": 3,
    "pending stop that would trigger": 15, "pair ended by a fill": 2, "lists after prevention": 20,
    "ended while it waited for its turn": 8, "inherited": 12, "list after order_placed": 30,
    "list after order_triggered": 8, "list after order_continued": 8, "list after order_activated": 40,
    "list after order_canceled": 30, "pairs reduced": 10,
    **dict.fromkeys([f"refused: {reason}" for reason in LIMITS], 0.4), "symbol_halted": 5, "halted amid steps": 1,
    "pegged": 60, "pegged taker": 12, "pegged and triggered": 15, "pegged without a price when triggered": 3,
    "pegged and expired when triggered": 5, "amends counted": 10, "accounts killed": 3, "BREAK": 2,
    "OPO list_placed": 25, "OPOCO list_placed": 25, "commission from what is free": 6,
    "commission from what was bought": 6, "paid orders begin": 8, "paid orders refused": 5, "paid in vain": 2,
    "refused: AMEND_PENDING_OPO": 5, "pegged in a list": 25, "pegged and begun later": 2, "begun without a price": 3,
    "relocked beside a pegged order": 1,
    "auctions": 7, "auctions in steps": 5, "auctions that trigger": 0.7, "auction at nobody's price": 0.7,
    "auction with itself": 3, "refused: AUCTION_COLLECTS": 80, "refused: AUCTION_UNMATCHED": 1,
    "shared out": 60, "rounds in steps, shared out": 5,
    "fee in the discount asset": 300, "too little of the discount asset": 15, "no price of the discount asset": 5,
    "special or tax fee": 500, "fee by a tester's price": 50,
    "stopped by the price range": 40, "filter by the reference price": 800,
    "tape_frame_applied": 80, "tape_trade_played": 50, "triggered by the tape": 5, "tape quotes that cross": 4,
    "tape quotes that meet users": 20, "tape shared out by a rule": 3, "list after tape_trade_played": 1,
    "renamed": 20, "renamed in a list": 4, "name of an ended order": 2, "interrupted": 12, "list canceled": 15,
    "external_lock_changed": 8, "refused: OUTSIDE_WINDOW": 0.8, "market_cleared": 0.5,
    "counted": 100, "refused: RATE_LIMITED": 30, "refused: TOO_MANY_ORDERS": 20, "no longer unfilled": 100, "banned": 1,
    "replaced": 60, "replaced by nothing": 10, "replaced nothing": 6, "not replaced": 10,
}  # fmt: skip


@dataclass
class Coverage:
    """Counts of what was told. `note` is given every event of one venue, `note_opening` begins another venue's."""

    seen: Counter[str] = field(default_factory=Counter)
    queue_ids: dict[int, int] = field(default_factory=dict)
    last_kind: str = ""
    last: dict[str, Any] = field(default_factory=dict)

    def note_opening(self) -> None:
        self.queue_ids, self.last_kind, self.last = {}, "", {}

    def note_replaced(self, canceled: tuple[Any, ...], placed: tuple[Any, ...] | None) -> None:
        """What became of the halves of a replacement."""
        if canceled[0] == "ok":
            self.seen["replaced" if placed and placed[0] == "ok" else "replaced by nothing"] += 1
        else:
            self.seen["replaced nothing" if placed and placed[0] == "ok" else "not replaced"] += 1

    def note_refused(self, reason: str) -> None:
        self.seen[f"refused: {reason}"] += 1

    def note(self, event: dict[str, Any]) -> None:
        kind = event["kind"]
        self._note_rules(kind, event)
        self.seen["auctions"] += kind == "auction_matched" and event["is_final"] and bool(event["fills"])
        self.seen["auctions in steps"] += kind == "auction_matched" and not event["is_final"]
        self.seen["auctions that trigger"] += (self.last_kind, kind) == ("auction_matched", "order_triggered")
        self.seen[kind] += kind in (*RECORDED, "external_lock_changed", "market_cleared")
        self.seen["triggered by the tape"] += self.last_kind in RECORDED and kind == "order_triggered"
        if kind in ("order_placed", "order_continued", "order_triggered", "order_activated"):
            self._note_step(kind, event)
        if kind in ("list_placed", "list_changed"):
            self._note_list(kind, event)
        if kind == "order_activated":
            self._note_begun(event, event["order"])
        orders = event.get("orders", [event["order"]] if "order" in event else [])
        if kind in ("order_canceled", "orders_canceled", "order_reduced"):
            word = "waiting reduced" if kind == "order_reduced" else "waiting cancelled"
            self.seen[word] += sum(not order.terms.working_ms for order in orders)
            self.seen["pairs reduced"] += bool(event.get("others"))
        self.last_kind, self.last = kind, event

    def _note_step(self, kind: str, event: dict[str, Any]) -> None:
        order: Order = event["order"]
        self.seen["continued"] += kind == "order_continued"
        if kind == "order_triggered":
            self._note_triggered(event, order)
        self.seen["continued amid triggers"] += {kind, self.last_kind} == {"order_continued", "order_triggered"}
        makers = [fill.maker_id for fill in event["fills"]]
        self.seen["met twice"] += len(makers) > len(set(makers))
        for maker in event["makers"]:
            self.seen["refills"] += self.queue_ids.get(maker.id, 0) != maker.terms.queue_id
            self.queue_ids[maker.id] = maker.terms.queue_id
        icebergs = {maker.id for maker in event["makers"] if maker.terms.iceberg}
        for match in event["prevented"]:
            self.seen[match.mode] += 1
            self.seen["icebergs in prevention"] += match.maker_id in icebergs
            self.seen["transfers"] += match.mode == "TRANSFER" and match.taker_account != match.maker_account
        if order.is_contingent and order.terms.working_ms:
            self.queue_ids[order.id] = order.terms.queue_id

    def _note_rules(self, kind: str, event: dict[str, Any]) -> None:
        """The breaker, the kill switch, counted amendments, and pegged orders."""
        self.seen["symbol_halted"] += kind == "symbol_halted"
        self.seen["halted amid steps"] += kind == "symbol_halted" and not self.last.get("is_final", True)
        self.seen["accounts killed"] += kind == "account_limits_set" and event["rules"].is_killed
        self.seen["BREAK"] += event.get("status") == "BREAK"
        self.seen["amends counted"] += kind == "order_reduced" and event["order"].terms.amends > 0
        if kind in ("order_placed", "order_triggered") and event["order"].terms.peg:
            order: Order = event["order"]
            is_triggered, has_found = kind == "order_triggered", order.terms.own_price != UNFOUND
            self.seen["pegged"] += not is_triggered
            self.seen["pegged taker"] += bool(event["fills"])
            self.seen["pegged and triggered"] += is_triggered and has_found
            self.seen["pegged without a price when triggered"] += is_triggered and not has_found
            is_expired = is_triggered and has_found and order.status == "EXPIRED"
            self.seen["pegged and expired when triggered"] += is_expired and not event["fills"]

    def _note_list(self, kind: str, event: dict[str, Any]) -> None:
        """A list placed, or what its orders did to each other, named by the event that was the cause."""
        order_list: OrderList = event["order_list"]
        self.seen[f"{order_list.kind} {kind}"] += 1
        self.seen["lists done"] += order_list.is_done
        if kind == "list_placed":
            return
        is_paid = order_list.kind in ("OPO", "OPOCO")
        freed = [change for (asset, _), *change in event["balances"] if asset == SPECS[order_list.symbol].base]
        ends = [order for order in event["orders"] if not order.is_open and not order.quantity]
        self.seen["paid in vain"] += is_paid and bool(ends) and any(now.free > before.free for before, now in freed)
        own = {order_id for order_id, _ in order_list.members}
        stopped = {match.maker_id for match in self.last.get("prevented", []) if match.from_maker}
        self.seen["lists after prevention"] += bool(own & stopped)
        if event["orders"]:
            self.seen[f"list after {self.last_kind}"] += 1
            word = "pair" if order_list.kind == "OCO" else "chain"
            self.seen[f"{word} ended by a fill"] += bool(own & {fill.maker_id for fill in self.last.get("fills", [])})

    def _note_begun(self, event: dict[str, Any], order: Order) -> None:
        if order.terms.peg:
            self.seen["pegged in a list"] += order.terms.own_price != UNFOUND
            is_late = self.last_kind == "list_changed"
            self.seen["pegged and begun later"] += is_late and order.terms.own_price != UNFOUND
            self.seen["begun without a price"] += is_late and order.terms.own_price == UNFOUND
        filled_at_once = order.status == "FILLED" and self.last_kind == "list_placed"
        self.seen["working order filled at once"] += filled_at_once
        self.seen["begun later"] += self.last_kind == "list_changed"
        self.seen["begun in steps"] += not event["is_final"]
        if order.status == "EXPIRED" and not event["fills"]:
            self.seen["pending maker that would match"] += order.type == "LIMIT_MAKER"
            self.seen["pending stop that would trigger"] += order.is_contingent

    def _note_triggered(self, event: dict[str, Any], order: Order) -> None:
        self.seen["triggered"] += 1
        self.seen["triggered by trailing"] += bool(order.terms.trailing_bips)
        self.seen["cascades"] += self.last_kind == "order_triggered"
        self.seen["fill or kill triggered"] += order.time_in_force == "FOK"
        self.seen["rests after trigger"] += bool(order.terms.queue_id)
        if order.side == "BUY" and not order.has_limit and order.status == "EXPIRED" and event["fills"]:
            spec = SPECS[order.symbol]
            lot_costs = event["fills"][-1].price * spec.lot_units * ATOM
            free = {key: now.free for key, _, now in event["balances"]}[spec.quote, order.account]
            self.seen["out of money"] += free < lot_costs

    def missing(self, commands: int) -> dict[str, tuple[int, int]]:
        """{what: (seen, wanted)} of everything that was met too seldom."""
        wanted = {what: int(least * commands / 20_000) for what, least in LEAST_PER_20_000.items()}
        wanted |= {f"refused: {reason}": commands // 40_000 for reason in LIMITS}  # some come once in so many
        return {what: (self.seen[what], least) for what, least in wanted.items() if self.seen[what] < least}
