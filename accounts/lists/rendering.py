"""Order lists as the private endpoints and the user's stream show them; field names are Binance's.

The fact a newcomer would get wrong: Binance calls an OTOCO, an OPO and an OPOCO an OTO, and says the same thing twice,
as the list's status type and as its order status.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from accounts.orders import ResponseKind
from accounts.rendering import AcceptedView, CanceledView, PlacedView, canceled_view, new_order_view
from engine.gateway import Placed, PlacedList
from engine.records import OrderListRecord, OrderRecord
from engine.types import ListKind, OrderStatus, SymbolSpec

STARTED, RENAMED, DONE = ("EXEC_STARTED", "EXECUTING"), ("UPDATED", "EXECUTING"), ("ALL_DONE", "ALL_DONE")
Report = PlacedView | AcceptedView | CanceledView


class ListView(msgspec.Struct, rename="camel", kw_only=True):
    """A list, and what became of its orders where something just did."""

    order_list_id: int
    contingency_type: str
    list_status_type: str
    list_order_status: str
    list_client_order_id: str
    transaction_time: int
    symbol: str
    orders: list[dict[str, Any]]
    order_reports: Sequence[Report] | UnsetType = UNSET


def contingency(order_list: OrderListRecord) -> str:
    return "OCO" if order_list.kind is ListKind.OCO else "OTO"


def statuses(order_list: OrderListRecord) -> tuple[str, str]:
    """(listStatusType, listOrderStatus) of a list that nothing is happening to."""
    return DONE if order_list.is_done else STARTED


def list_view(symbol: str, order_list: OrderListRecord, now_ms: int | None = None) -> ListView:
    """The list by itself. `now_ms` is when what is told of it was done, its creation where nothing was."""
    status_type, order_status = statuses(order_list)
    return ListView(
        order_list_id=order_list.list_id,
        contingency_type=contingency(order_list),
        list_status_type=status_type,
        list_order_status=order_status,
        list_client_order_id=order_list.client_order_id,
        transaction_time=order_list.created_ms if now_ms is None else now_ms,
        symbol=symbol,
        orders=[
            {"symbol": symbol, "orderId": order.order_id, "clientOrderId": order.client_order_id}
            for order in order_list.orders
        ],
    )


def placed_list_view(spec: SymbolSpec, placed: PlacedList, kind: ResponseKind) -> ListView:
    """A new list: orders that begin at once as they are after what they did, the others as they wait."""
    view = list_view(spec.symbol, placed.order_list)
    view.order_reports = [
        new_order_view(spec, placed.begun.get(order.order_id) or Placed(order=order, fills=[], seq=placed.seq), kind)
        for order in placed.orders
    ]
    return view


def canceled_list_view(
    spec: SymbolSpec, order_list: OrderListRecord, orders: Sequence[OrderRecord], cancel_id: str | None = None
) -> ListView:
    """A list that was just cancelled, with its orders that were open until then; each shows its own id without the
    cancel's.
    """
    view = list_view(spec.symbol, order_list, order_list.updated_ms)
    view.order_reports = [
        canceled_view(spec, order, order.client_order_id if cancel_id is None else cancel_id)
        for order in orders
        if order.status is OrderStatus.CANCELED
    ]
    return view
