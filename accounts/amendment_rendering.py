"""Amendments as the private endpoints show them; Binance writes some names otherwise here than elsewhere.

The fact a newcomer would get wrong: an order that does not work yet has no workingTime here, where others have -1.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from accounts.lists.rendering import list_view
from accounts.rendering import (
    SpecialFields,
    iceberg_quantity_of,
    list_of,
    stop_price_of,
    stp_of,
    with_special_fields,
)
from engine.events import Amendment
from engine.gateway import Reduced
from engine.records import OrderListRecord
from engine.types import OrderStatus, OrderType, Side, StpMode, SymbolSpec, TimeInForce
from markets.rendering import price_text, quantity_text, quote_text


class AmendedOrderView(SpecialFields, rename="camel"):
    """An order that was just amended; Binance writes some of its names otherwise than elsewhere."""

    symbol: str
    order_id: int
    order_list_id: int
    orig_client_order_id: str
    client_order_id: str
    price: str
    qty: str
    executed_qty: str
    prevented_qty: str
    quote_order_qty: str
    cumulative_quote_qty: str
    status: OrderStatus
    time_in_force: TimeInForce
    type: OrderType
    side: Side
    stop_price: str | UnsetType
    iceberg_qty: str | UnsetType
    working_time: int | UnsetType
    self_trade_prevention_mode: StpMode


class AmendedListView(msgspec.Struct, rename="camel"):
    """The list of an order that was just amended: less of it than elsewhere."""

    order_list_id: int
    contingency_type: str
    list_order_status: str
    list_client_order_id: str
    symbol: str
    orders: list[dict[str, Any]]


class AmendedView(msgspec.Struct, rename="camel"):
    """The answer to an amendment."""

    transact_time: int
    execution_id: int
    amended_order: AmendedOrderView
    list_status: AmendedListView | UnsetType = UNSET


def amended_view(spec: SymbolSpec, reduced: Reduced, execution_id: int) -> AmendedView:
    order = reduced.order
    view = AmendedOrderView(
        symbol=spec.symbol,
        order_id=order.order_id,
        order_list_id=list_of(order),
        orig_client_order_id=reduced.previous_client_order_id,
        client_order_id=order.client_order_id,
        price=price_text(spec, order.own_price_ticks),
        qty=quantity_text(spec, order.lots),
        executed_qty=quantity_text(spec, order.filled_lots),
        prevented_qty=quantity_text(spec, order.terms.prevented_lots if order.terms is not None else 0),
        quote_order_qty=quote_text(spec, order.quote_order_atoms),
        cumulative_quote_qty=quote_text(spec, order.filled_quote_atoms),
        status=order.status,
        time_in_force=order.time_in_force,
        type=order.type,
        side=order.side,
        stop_price=stop_price_of(spec, order),
        iceberg_qty=iceberg_quantity_of(spec, order),
        working_time=order.working_ms or UNSET,
        self_trade_prevention_mode=stp_of(order),
    )
    told = UNSET if reduced.order_list is None else _list_view(spec, reduced.order_list)
    return AmendedView(order.updated_ms, execution_id, with_special_fields(view, spec, order), told)


def _list_view(spec: SymbolSpec, order_list: OrderListRecord) -> AmendedListView:
    whole = list_view(spec.symbol, order_list)
    return AmendedListView(
        whole.order_list_id, whole.contingency_type, whole.list_order_status, whole.list_client_order_id, whole.symbol,
        whole.orders,
    )  # fmt: skip


def amendment_view(spec: SymbolSpec, amendment: Amendment, execution_id: int) -> dict[str, Any]:
    """One of an order's amendments as queries show it."""
    return {
        "symbol": spec.symbol,
        "orderId": amendment.order_id,
        "executionId": execution_id,
        "origClientOrderId": amendment.previous_client_order_id,
        "newClientOrderId": amendment.client_order_id,
        "origQty": quantity_text(spec, amendment.previous_lots),
        "newQty": quantity_text(spec, amendment.lots),
        "time": amendment.now_ms,
    }
