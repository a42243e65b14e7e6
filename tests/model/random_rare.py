"""Commands that clients send seldom: lists cancelled whole, orders renamed, money locked from outside, an order whose
worker has gone before its last step, and everything cleared away.

The fact a newcomer would get wrong: only what waits for the rest of an unfinished order can come right behind one. That
is every command of its symbol, and no other command.
"""

from collections.abc import Callable
from random import Random

import msgspec

from engine.commands import CancelOrderList, PlaceOrder, ReduceOrder, Transfer
from tests.model.agreement import ACCOUNTS, ASSETS
from tests.model.asking import Step
from tests.model.reference import Exchange
from tests.model.words import ATOM, ZERO, Purse

MARKET_COMMANDS = (
    "place_order", "place_order_list", "replace_order", "cancel_order", "cancel_order_list", "cancel_all_orders",
    "reduce_order", "apply_frame", "play_trade", "uncross",
)  # fmt: skip


class Rare:
    """Draws steps, as `Commands` does."""

    def __init__(self, random: Random, reference: Exchange) -> None:
        self._random = random
        self._reference = reference
        self.left_names: list[tuple[int, str]] = []  # (account, name) that orders had before they were renamed

    def cancel_list(self, credential: str) -> Step | None:
        """One of the newest lists, open or done, by its number, its name or both, which seldom do not agree."""
        known = list(self._reference.lists.values())[-12:]
        if self._random.random() < 0.6:
            known = [one for one in self._reference.lists.values() if not one.is_done]
        if not known:
            return None
        order_list, by = self._random.choice(known), self._random.random()
        account = order_list.account if self._random.random() < 0.95 else self._random.choice(ACCOUNTS)
        name = order_list.client_id if self._random.random() < 0.65 else self._random.choice(known).client_id
        cancel = CancelOrderList(
            account=account, symbol=order_list.symbol, list_id=order_list.id if by < 0.7 else None,
            client_order_id=name if by > 0.4 else "", cancel_client_order_id="cancel", credential=credential,
        )  # fmt: skip
        return Step("cancel_order_list", cancel)

    def renamed(self, reduce: ReduceOrder, fresh: str) -> Step:
        """The same with another name for the order: a fresh one, its own, or one that is or was another's."""
        own = self._reference.open[reduce.order_id].client_id
        self.left_names = [*self.left_names[-20:], (reduce.account, own)]
        used = [name for account, symbol, name in self._reference.named if account == reduce.account]
        name = self._random.choice((fresh, fresh, fresh, own, self._random.choice(used or [fresh])))
        return Step("reduce_order", msgspec.structs.replace(reduce, new_client_order_id=name))

    def external_lock(self) -> Step:
        """A part of what is free or of what is locked from outside, seldom more, such as what orders have locked."""
        account, asset = self._random.choice(ACCOUNTS), self._random.choice((*ASSETS, *ASSETS, *ASSETS, "DOGE"))
        purse = self._reference.purses.get((asset, account), Purse())
        external, free, locked = (
            int(amount / ATOM)
            for amount in (self._reference.external.get((asset, account), ZERO), purse.free, purse.locked)
        )
        is_lock = self._random.random() < (0.4 if external else 0.8)
        parts = (free // 10, free // 3, free // 3, free + 1) if is_lock else (external // 2, external, external, locked)
        transfer = Transfer(account=account, asset=asset, atoms=max(1, self._random.choice(parts)))
        return Step("lock_externally" if is_lock else "unlock_externally", transfer)

    def interrupted(self, order: PlaceOrder, draw: Callable[[], Step]) -> Step | None:
        """An order left after its first step, and what comes next on its symbol."""
        for _ in range(5):
            step = draw()
            if step.name in MARKET_COMMANDS and symbol_of(step) == order.symbol:
                return Step("interrupted", (order, step))
        return None

    def names(self) -> Step:
        """Until when an order's name is taken."""
        return Step("set_client_ids", self._random.choice(("open", "day")))

    def clear(self) -> Step:
        return Step("clear_market", None)


def symbol_of(step: Step) -> str:
    if step.name == "uncross":
        return str(step.of)
    of = {"place_order_list": lambda: step.of.orders[0], "replace_order": lambda: step.of.place}
    return str(of.get(step.name, lambda: step.of)().symbol)
