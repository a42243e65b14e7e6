"""The numbers of a journal as people write them, and what is said of an order in general.

The fact a newcomer would get wrong: a number stands twice in a line, in its sentence and beside it by name, as text:
amounts here are decimals of the asset, never ticks, lots or atoms.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from engine.amounts import to_short_text
from engine.records import Fill, OrderRecord
from engine.refusals import Refusal
from engine.types import PRICE_DECIMALS, UNIT, Side, SymbolSpec

Numbers = dict[str, Any]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `seq` is that of its event, None for what no event tells; `time` the venue's, in ms."""

    kind: str
    seq: int | None
    time: int
    text: str
    numbers: Numbers = {}


class Words:
    """Writes the numbers of one symbol, and accounts by name."""

    def __init__(self, spec: SymbolSpec, names: dict[int, str] | None = None) -> None:
        self.spec = spec
        self._names = names or {}

    def name(self, account: int) -> str:
        return self._names.get(account, f"account {account}")

    def price(self, ticks: int) -> str:
        return to_short_text(ticks * self.spec.tick_units, decimals=PRICE_DECIMALS)

    def quantity(self, lots: int) -> str:
        return to_short_text(lots * self.spec.lot_units, decimals=PRICE_DECIMALS)

    def quote(self, atoms: int) -> str:
        return to_short_text(atoms, decimals=self.spec.quote_decimals)

    def base(self, atoms: int) -> str:
        return to_short_text(atoms, decimals=self.spec.base_decimals)

    def paid(self, side: Side, atoms: int) -> str:
        """What an order of that side pays with: "30 USDT"."""
        if side is Side.BUY:
            return f"{self.quote(atoms)} {self.spec.quote}"
        return f"{self.base(atoms)} {self.spec.base}"

    def received(self, side: Side, atoms: int) -> str:
        return self.paid(side.opposite, atoms)

    def order(self, order: OrderRecord) -> str:
        """ "BUY LIMIT GTC of 0.5 BTC at 60000"."""
        words = [order.side.value, order.type.value, order.time_in_force.value]
        if order.quote_order_atoms:
            words.append(f"for {self.quote(order.quote_order_atoms)} {self.spec.quote}")
        elif order.has_quantity:
            words.append(f"of {self.quantity(order.lots)} {self.spec.base}")
        else:
            words.append(f"of what its list buys of {self.spec.base}")
        if order.price_ticks:
            words.append(f"at {self.price(order.price_ticks)}")
        return " ".join(words) + self._terms(order)

    def _terms(self, order: OrderRecord) -> str:
        terms = order.terms
        if terms is None:
            return ""
        words = []
        if terms.stop_ticks:
            words.append(f"stop price {self.price(terms.stop_ticks)}")
        if terms.trailing_bips:
            words.append(f"trailing by {percent(terms.trailing_bips)}")
        if terms.peg:
            words.append(f"pegged to {terms.peg} level {terms.peg_offset}")
        if terms.iceberg_lots:
            words.append(f"showing {self.quantity(terms.iceberg_lots)}")
        if terms.stp != "NONE":
            words.append(f"self-trade prevention {terms.stp}")
        return "".join(f", {word}" for word in words)

    def numbers_of(self, order: OrderRecord) -> Numbers:
        """An order's own numbers."""
        numbers: Numbers = {
            "orderId": order.order_id, "side": order.side.value, "type": order.type.value,
            "timeInForce": order.time_in_force.value, "quantity": self.quantity(order.lots),
        }  # fmt: skip
        if order.price_ticks:
            numbers["price"] = self.price(order.price_ticks)
        if order.quote_order_atoms:
            numbers["quoteOrderQty"] = self.quote(order.quote_order_atoms)
        terms = order.terms
        if terms is not None:
            shown = {
                "stopPrice": terms.stop_ticks and self.price(terms.stop_ticks),
                "trailingDelta": terms.trailing_bips,
                "icebergQty": terms.iceberg_lots and self.quantity(terms.iceberg_lots),
                "pegPriceType": terms.peg.value,
                "pegOffsetValue": terms.peg_offset,
            }
            numbers |= {name: value for name, value in shown.items() if value}
            numbers["selfTradePreventionMode"] = terms.stp.value
        return numbers

    def match(self, order: OrderRecord, fill: Fill) -> tuple[str, Numbers]:
        """A fill as the order's owner sees it."""
        is_taker = fill.taker_order_id == order.order_id
        other = (fill.maker_order_id, fill.maker_account) if is_taker else (fill.taker_order_id, fill.taker_account)
        side = fill.taker_side if is_taker else fill.taker_side.opposite
        role = "taker" if is_taker else "maker"
        fee_atoms, paid_in = fill.fee_of(is_maker=not is_taker)
        fee = self.received(side, fee_atoms)
        if paid_in:
            fee = f"{to_short_text(fee_atoms, decimals=PRICE_DECIMALS)} {paid_in}"
        lots, price, quote = self.quantity(fill.lots), self.price(fill.price_ticks), self.quote(fill.quote_atoms)
        text = (
            f"{'Bought' if side is Side.BUY else 'Sold'} {lots} {self.spec.base} at {price} as {role} "
            f"{'from' if side is Side.BUY else 'to'} order {other[0]} of {self.name(other[1])} "
            f"(trade {fill.trade_id}): {quote} {self.spec.quote}, fee {fee}"
        )
        numbers = {
            "tradeId": fill.trade_id, "role": role, "price": price, "quantity": lots, "quoteQuantity": quote,
            "fee": fee.partition(" ")[0], "feeAsset": fee.partition(" ")[2], "otherOrderId": other[0],
            "otherAccount": other[1],
        }  # fmt: skip
        return text, numbers

    def refused(self, refusal: Refusal) -> Numbers:
        """The numbers of a refusal, each by the unit that its name ends with and under the name without it."""
        writers: dict[str, Callable[[int], str]] = {
            "_quote_atoms": lambda atoms: f"{self.quote(atoms)} {self.spec.quote}",
            "_base_atoms": lambda atoms: f"{self.base(atoms)} {self.spec.base}",
            "_ticks": self.price,
            "_lots": self.quantity,
            "_units": to_short_text,
            "_bips": percent,
            "_e4": lambda number: to_short_text(number, decimals=4),
        }
        shown: Numbers = {}
        for name, number in refusal.numbers.items():
            unit = next((unit for unit in writers if name.endswith(unit)), None)
            if name == "lots":
                shown["quantity"] = self.quantity(number)
            elif unit is None:
                shown[name] = number
            else:
                shown[name.removesuffix(unit)] = writers[unit](number)
        return shown


def percent(bips: int) -> str:
    """percent(150) == "1.5 %"."""
    return f"{to_short_text(bips * UNIT // 100)} %"
