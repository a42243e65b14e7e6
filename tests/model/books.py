"""What the reference exchange remembers: orders, purses, totals, counters, and what it has told of its changes."""

from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.model.words import ZERO, Market, Order, OrderList, Purse

Snapshot = tuple[dict[tuple[str, int], Purse], dict[tuple[str, Decimal], Decimal]]  # purses, one symbol's depth


@dataclass
class Books:
    """Written by the commands of `Exchange` alone. `events` are told in the order of `seq`. `met` counts what they do
    not show. What is set for an account is by (account, symbol), the symbol "" for all of them.
    """

    markets: dict[str, Market]
    now_ms: int = 0
    seq: int = 0
    next_order_id: int = 1
    next_list_id: int = 1
    lists: dict[int, OrderList] = field(default_factory=dict)
    open: dict[int, Order] = field(default_factory=dict)
    purses: dict[tuple[str, int], Purse] = field(default_factory=dict)
    totals: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    groups: dict[int, int] = field(default_factory=dict)  # account -> trade group
    account_rates: dict[tuple[int, str], dict[str, Decimal]] = field(default_factory=dict)
    discount_wishes: dict[tuple[int, str], bool | None] = field(default_factory=dict)
    conversions: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # (discount asset, asset) -> price
    external: dict[tuple[str, int], Decimal] = field(default_factory=dict)  # (asset, account) -> locked for others
    client_ids: str = "open"  # until when an order's name is taken: its end, or "day": a day later
    named: dict[tuple[int, str, str], Order] = field(default_factory=dict)  # the newest of each name
    events: list[dict[str, Any]] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)

    def purse(self, asset: str, account: int) -> Purse:
        return self.purses.setdefault((asset, account), Purse())

    def queue(self, symbol: str, side: str) -> list[Order]:
        """The resting orders of one side: best price first, among equals who has queued longest."""
        sign = -1 if side == "BUY" else 1
        resting = [order for order in self.open.values() if order.symbol == symbol and order.side == side]
        in_book = [order for order in resting if order.is_in_book]
        return sorted(in_book, key=lambda order: (sign * order.price, order.terms.queue_id or order.id))

    def depth(self, symbol: str) -> dict[tuple[str, Decimal], Decimal]:
        levels: dict[tuple[str, Decimal], Decimal] = {}
        for order in self.open.values():
            if order.symbol == symbol and order.is_in_book:
                levels[order.side, order.price] = levels.get((order.side, order.price), ZERO) + order.shown
        return levels

    def total(self, asset: str, name: str) -> Decimal:
        return self.totals.setdefault(asset, {}).get(name, ZERO)

    def add(self, asset: str, name: str, amount: Decimal) -> None:
        self.totals.setdefault(asset, {})[name] = self.total(asset, name) + amount

    def copy(self, symbol: str) -> Snapshot:
        return {key: replace(purse) for key, purse in self.purses.items()}, self.depth(symbol)

    def changed_purses(self, before: Snapshot) -> list[tuple[tuple[str, int], Purse, Purse]]:
        """[((asset, account), purse before, purse now)] of those that changed, sorted."""
        old, _ = before
        changed = [(key, old.get(key, Purse()), replace(purse)) for key, purse in self.purses.items()]
        return sorted((item for item in changed if item[1] != item[2]), key=lambda item: item[0])

    def tell_market(self, kind: str, market: Market, before: Snapshot, **parts: Any) -> None:
        now = self.depth(market.symbol)
        _, old = before
        levels = [(key, now.get(key, ZERO)) for key in sorted(now.keys() | old.keys()) if now.get(key) != old.get(key)]
        market.update_id += bool(levels)
        market.changed_ms = self.now_ms
        parts = {"fills": [], "makers": []} | parts
        self.tell(
            kind, symbol=market.symbol, update_id=market.update_id, levels=levels,
            balances=self.changed_purses(before), **parts,
        )  # fmt: skip

    def tell(self, kind: str, **parts: Any) -> None:
        self.seq += 1
        self.events.append({"kind": kind, "seq": self.seq, "now_ms": self.now_ms, **parts})
