"""How often a run met what is rare: read from the events, so that a test cannot go blind without failing."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.model.translation import SPECS
from tests.model.words import ATOM, Order

MODES = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
# About a fifth of what most seeds bring.
LEAST_PER_20_000 = {
    "triggered": 500, "triggered by trailing": 200, "cascades": 250, "refills": 400, "met twice": 150,
    "continued": 400, "continued amid triggers": 80, "fill or kill triggered": 60, "rests after trigger": 100,
    "out of money": 6, "icebergs in prevention": 100, "waiting reduced": 50, "waiting cancelled": 100,
    **dict.fromkeys(MODES, 25), "transfers": 20,
}  # fmt: skip


@dataclass
class Coverage:
    """Counts of what was told. `note` is given every event of one venue, `note_opening` begins another venue's."""

    seen: Counter[str] = field(default_factory=Counter)
    queue_ids: dict[int, int] = field(default_factory=dict)
    last_kind: str = ""

    def note_opening(self) -> None:
        self.queue_ids, self.last_kind = {}, ""

    def note(self, event: dict[str, Any]) -> None:
        kind = event["kind"]
        if kind in ("order_placed", "order_continued", "order_triggered"):
            self._note_step(kind, event)
        orders = event.get("orders", [event["order"]] if "order" in event else [])
        if kind in ("order_canceled", "orders_canceled", "order_reduced"):
            word = "waiting reduced" if kind == "order_reduced" else "waiting cancelled"
            self.seen[word] += sum(not order.terms.working_ms for order in orders)
        self.last_kind = kind

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
        wanted = {what: least * commands // 20_000 for what, least in LEAST_PER_20_000.items()}
        return {what: (self.seen[what], least) for what, least in wanted.items() if self.seen[what] < least}
