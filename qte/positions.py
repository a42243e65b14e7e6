"""A user's position in a symbol and what it has cost, folded from the user's own fills by the average cost method.

Buying on top of what is held moves the average; selling part of it does not. Selling more than was bought makes a
short position (negative amount) that begins at that price. The fact a newcomer would get wrong: deposits have no
price, so they are in the balances, not in here; and commissions come off the balances: `amount` is what was traded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from qte.amounts import decimal_of, plain

_PRECISE = Context(prec=60, rounding=ROUND_HALF_EVEN)
_SHOWN = Decimal("1e-8")


@dataclass
class Position:
    """What the fills seen so far add up to. `fold` continues where the last call ended."""

    amount: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    newest_trade_id: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def fold(self, trades: Iterable[Mapping[str, Any]]) -> None:
        """Add rows of myTrades, oldest first. Rows seen already are skipped, so pages may overlap in one trade."""
        for trade in trades:
            key = (int(trade["id"]), int(trade["orderId"]))  # a user who meets himself has two rows of one trade
            if key[0] < self.newest_trade_id or key in self._seen:
                continue
            if key[0] > self.newest_trade_id:
                self.newest_trade_id = key[0]
                self._seen.clear()
            self._seen.add(key)
            quantity = decimal_of(trade["qty"])
            self._add(quantity if trade["isBuyer"] else -quantity, decimal_of(trade["price"]))

    def _add(self, change: Decimal, price: Decimal) -> None:
        before, after = self.amount, self.amount + change
        if after == 0:
            self.average_price = Decimal(0)
        elif before == 0 or (before > 0) != (after > 0):
            self.average_price = price
        elif abs(after) > abs(before):
            cost = _PRECISE.add(_PRECISE.multiply(self.average_price, before), _PRECISE.multiply(price, change))
            self.average_price = _PRECISE.divide(cost, after)
        self.amount = after

    def shown(self) -> dict[str, str]:
        """{"amount", "avg_price"} as decimal text with eight decimals."""
        return {
            "amount": plain(self.amount.quantize(_SHOWN, context=_PRECISE)),
            "avg_price": plain(self.average_price.quantize(_SHOWN, context=_PRECISE)),
        }
