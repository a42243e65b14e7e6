"""What an audit says about order lists: which orders they have, and what those of a pair lock together.

The fact a newcomer would get wrong: of a pair one order locks what both need, so neither's own lock says anything while
both are open. Once one of them has ended the other locks for itself, as any order does.
"""

from collections.abc import Iterator, Mapping, Sequence

from engine.keys import order_member
from engine.records import OrderListRecord, OrderRecord
from engine.types import Side, SymbolSpec


def list_differences(
    spec: SymbolSpec, orders: Mapping[str, OrderRecord], lists: Sequence[OrderListRecord], upcoming: Sequence[str]
) -> Iterator[str]:
    """Sentences about a symbol's lists. `orders` are the open ones by member, `upcoming` the words of what waits for
    its turn: a list that has steps to come is not looked at.
    """
    known = {record.list_id: record for record in lists}
    for member, order in orders.items():
        if order.terms is not None and order.terms.list_id >= 0:
            yield from (f"order {member} {what}" for what in _member_differences(order, known))
    waiting = {word.lstrip("L+") for word in upcoming}
    for record in lists:
        members = [order_member(listed.order_id) for listed in record.orders]
        is_busy = str(record.list_id) in waiting or not waiting.isdisjoint(members)
        if not record.is_done and not is_busy:
            own = [orders.get(member) for member in members]
            yield from (f"list {record.list_id} {what}" for what in _open_differences(spec, record, own))


def _member_differences(order: OrderRecord, known: Mapping[int, OrderListRecord]) -> Iterator[str]:
    list_id = order.terms.list_id if order.terms is not None else -1
    record = known.get(list_id)
    if record is None:
        yield f"belongs to list {list_id}, which does not exist"
        return
    if record.account != order.account or order.order_id not in {listed.order_id for listed in record.orders}:
        yield f"belongs to list {list_id}, which does not know it"
    if record.is_done:
        yield f"is open, and its list {list_id} is done"


def _open_differences(spec: SymbolSpec, record: OrderListRecord, own: Sequence[OrderRecord | None]) -> Iterator[str]:
    """`own` are the list's orders, None for one that is not open."""
    if not any(own):
        yield "is open, and none of its orders is"
    if record.kind.is_paid and own[-1] is not None and not own[-1].has_quantity:
        yield from _unpaid_differences(spec, own)
        own = own[:1]
    pair = [order for order in own[-2:] if order is not None] if record.kind.has_pair and len(own) > 1 else []
    alone = [order for order in own if order is not None and (len(pair) < 2 or order not in pair)]
    groups = [[order] for order in alone] + ([pair] if len(pair) == 2 else [])
    for group in groups:
        needs = [_need(spec, order) for order in group]
        locked, needed = sum(order.locked_atoms for order in group), max(need or 0 for need in needs)
        is_exact = group[0].side is Side.SELL or (len(group) == 2 and None not in needs)
        if locked < needed or (is_exact and locked != needed):
            ids = " and ".join(str(order.order_id) for order in group)
            yield f"has {locked} atoms locked for order {ids} and needs {needed}"


def _unpaid_differences(spec: SymbolSpec, own: Sequence[OrderRecord | None]) -> Iterator[str]:
    """Of an OPO's pending orders the first locks what the working order has bought, at most, and the other nothing."""
    working, *pending = own
    bought = working.filled_lots * spec.base_atoms_per_lot if working is not None else 0
    for order, most in zip(pending, (bought, 0), strict=False):
        if order is not None and (order.has_quantity or order.locked_atoms > most):
            yield f"has {order.locked_atoms} atoms locked for order {order.order_id}, of {most} that were bought for it"


def _need(spec: SymbolSpec, order: OrderRecord) -> int | None:
    """Atoms for the order's rest; None for a purchase at a price that is not known yet."""
    if order.side is Side.SELL:
        return order.left_lots * spec.base_atoms_per_lot
    price_ticks = order.price_ticks or (order.terms.stop_ticks if order.terms is not None else 0)
    return spec.notional_ceil(price_ticks, order.left_lots) if price_ticks else None
