"""Orders, fills and accounts as the private endpoints show them; field names are Binance's, spelling included.

The fact a newcomer would get wrong: an order that was cancelled is shown with two client ids: `origClientOrderId` is
the order's, `clientOrderId` the cancel's.
"""

from typing import Any

import msgspec

from engine.events import Fill, OrderRecord
from engine.gateway import Placed
from engine.queries import PublicTrade
from engine.types import OrderStatus, OrderType, Side, SymbolSpec, TimeInForce
from markets.rendering import atoms_text, price_text, quantity_text, quote_text

NO_LIST = -1


class FillView(msgspec.Struct, rename="camel"):
    """One fill of the order that was just placed."""

    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: int


class PlacedView(msgspec.Struct, rename="camel"):
    """The answer to POST order, in full."""

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str
    transact_time: int
    price: str
    orig_qty: str
    executed_qty: str
    cummulative_quote_qty: str
    status: OrderStatus
    time_in_force: TimeInForce
    type: OrderType
    side: Side
    fills: list[FillView]


class OrderView(msgspec.Struct, rename="camel", kw_only=True):
    """An order as queries show it."""

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str
    price: str
    orig_qty: str
    executed_qty: str
    cummulative_quote_qty: str
    status: OrderStatus
    time_in_force: TimeInForce
    type: OrderType
    side: Side
    stop_price: str
    iceberg_qty: str
    time: int
    update_time: int
    is_working: bool
    working_time: int
    orig_quote_order_qty: str
    self_trade_prevention_mode: str


class CanceledView(msgspec.Struct, rename="camel", kw_only=True):
    """An order that was just cancelled."""

    symbol: str
    orig_client_order_id: str
    order_id: int
    order_list_id: int
    client_order_id: str
    transact_time: int
    price: str
    orig_qty: str
    executed_qty: str
    orig_quote_order_qty: str
    cummulative_quote_qty: str
    status: OrderStatus
    time_in_force: TimeInForce
    type: OrderType
    side: Side
    self_trade_prevention_mode: str


def placed_view(spec: SymbolSpec, placed: Placed) -> PlacedView:
    order = placed.order
    return PlacedView(
        spec.symbol,
        order.order_id,
        NO_LIST,
        order.client_order_id,
        order.updated_ms,
        price_text(spec, order.price_ticks),
        quantity_text(spec, order.lots),
        quantity_text(spec, order.filled_lots),
        quote_text(spec, order.filled_quote_atoms),
        order.status,
        order.time_in_force,
        order.type,
        order.side,
        [_fill_view(spec, fill) for fill in placed.fills],
    )


def _fill_view(spec: SymbolSpec, fill: Fill) -> FillView:
    """As the taker sees it: the fee comes off what he received."""
    asset, decimals = received_asset(spec, fill.taker_side)
    return FillView(
        price_text(spec, fill.price_ticks),
        quantity_text(spec, fill.lots),
        atoms_text(fill.taker_fee_atoms, decimals),
        asset,
        fill.trade_id,
    )


def received_asset(spec: SymbolSpec, side: Side) -> tuple[str, int]:
    """(asset, decimals) of what an order of this side receives, and its fee is taken from."""
    return (spec.base, spec.base_decimals) if side is Side.BUY else (spec.quote, spec.quote_decimals)


def order_view(spec: SymbolSpec, order: OrderRecord) -> OrderView:
    nothing = quantity_text(spec, 0)
    return OrderView(
        symbol=spec.symbol,
        order_id=order.order_id,
        order_list_id=NO_LIST,
        client_order_id=order.client_order_id,
        price=price_text(spec, order.price_ticks),
        orig_qty=quantity_text(spec, order.lots),
        executed_qty=quantity_text(spec, order.filled_lots),
        cummulative_quote_qty=quote_text(spec, order.filled_quote_atoms),
        status=order.status,
        time_in_force=order.time_in_force,
        type=order.type,
        side=order.side,
        stop_price=nothing,
        iceberg_qty=nothing,
        time=order.created_ms,
        update_time=order.updated_ms,
        is_working=True,
        working_time=order.created_ms,
        orig_quote_order_qty=quote_text(spec, order.quote_order_atoms),
        self_trade_prevention_mode="NONE",
    )


def canceled_view(spec: SymbolSpec, order: OrderRecord, cancel_client_id: str) -> CanceledView:
    return CanceledView(
        symbol=spec.symbol,
        orig_client_order_id=order.client_order_id,
        order_id=order.order_id,
        order_list_id=NO_LIST,
        client_order_id=cancel_client_id,
        transact_time=order.updated_ms,
        price=price_text(spec, order.price_ticks),
        orig_qty=quantity_text(spec, order.lots),
        executed_qty=quantity_text(spec, order.filled_lots),
        orig_quote_order_qty=quote_text(spec, order.quote_order_atoms),
        cummulative_quote_qty=quote_text(spec, order.filled_quote_atoms),
        status=order.status,
        time_in_force=order.time_in_force,
        type=order.type,
        side=order.side,
        self_trade_prevention_mode="NONE",
    )


def own_trade_view(spec: SymbolSpec, trade: PublicTrade, account: int, order_id: int | None) -> dict[str, Any]:
    """A trade from its owner's side; of one with himself the side of `order_id`, else the taker's."""
    fill = trade.fill
    is_maker = fill.taker_account != account or (
        order_id is not None and fill.maker_account == account and fill.maker_order_id == order_id
    )
    side = fill.taker_side.opposite if is_maker else fill.taker_side
    asset, decimals = received_asset(spec, side)
    return {
        "symbol": spec.symbol,
        "id": fill.trade_id,
        "orderId": fill.maker_order_id if is_maker else fill.taker_order_id,
        "price": price_text(spec, fill.price_ticks),
        "qty": quantity_text(spec, fill.lots),
        "quoteQty": quote_text(spec, fill.quote_atoms),
        "commission": atoms_text(fill.maker_fee_atoms if is_maker else fill.taker_fee_atoms, decimals),
        "commissionAsset": asset,
        "time": trade.now_ms,
        "isBuyer": side is Side.BUY,
        "isMaker": is_maker,
        "isBestMatch": True,
    }
