"""Orders, fills and accounts as the private endpoints show them; field names are Binance's, spelling included.

The fact a newcomer would get wrong: an order that was cancelled is shown with two client ids: `origClientOrderId` is
the order's, `clientOrderId` the cancel's. And some fields are there only where they mean something: a stop price on
orders that have one, what self-trade prevention took on orders that lost something by it.
"""

import base64
import hashlib
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from accounts.match_rendering import fee_of
from accounts.orders import ResponseKind
from engine.gateway import Placed
from engine.records import Fill, OrderRecord, OrderTerms, PreventedMatch
from engine.types import OrderStatus, OrderType, PegOffset, PegPrice, Side, StpMode, SymbolSpec, TimeInForce
from markets.rendering import price_text, quantity_text, quote_text

NO_LIST = -1
NEVER = -1  # a time that has not come
_UNFILLED = {
    TimeInForce.IOC: "UNFILLED_IOC_QUANTITY_EXPIRED",
    TimeInForce.FOK: "UNFILLED_FOK_ORDER_EXPIRED",
}


class SpecialFields(msgspec.Struct, rename="camel", kw_only=True):
    """What only some orders show, wherever they are shown, behind the rest.

    Stop price and iceberg's quantity are not among them: each view has them where Binance's examples do.
    """

    trailing_delta: int | UnsetType = UNSET
    trailing_time: int | UnsetType = UNSET
    strategy_id: int | UnsetType = UNSET
    strategy_type: int | UnsetType = UNSET
    peg_price_type: PegPrice | UnsetType = UNSET
    peg_offset_type: PegOffset | UnsetType = UNSET
    peg_offset_value: int | UnsetType = UNSET
    pegged_price: str | UnsetType = UNSET
    trade_group_id: int | UnsetType = UNSET
    prevented_match_id: int | UnsetType = UNSET
    prevented_quantity: str | UnsetType = UNSET
    expiry_reason: str | UnsetType = UNSET


class AcceptedView(msgspec.Struct, rename="camel"):
    """The shortest answer to POST order."""

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str
    transact_time: int


class FillView(msgspec.Struct, rename="camel"):
    """One fill of the order that was just placed."""

    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: int


class PreventedView(msgspec.Struct, rename="camel"):
    """A match that the order just placed was kept from. `maker_symbol`: only where something was transferred."""

    prevented_match_id: int
    maker_symbol: str | UnsetType
    maker_order_id: int
    price: str
    taker_prevented_quantity: str | UnsetType
    maker_prevented_quantity: str | UnsetType


class PlacedView(SpecialFields, rename="camel"):
    """The answer to POST order; `fills` and prevented matches only in full."""

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str
    transact_time: int
    price: str
    orig_qty: str | UnsetType  # a pending order of an OPO has none yet
    executed_qty: str
    orig_quote_order_qty: str
    cummulative_quote_qty: str
    status: OrderStatus
    time_in_force: TimeInForce
    type: OrderType
    side: Side
    stop_price: str | UnsetType
    working_time: int
    iceberg_qty: str | UnsetType
    self_trade_prevention_mode: StpMode
    fills: list[FillView] | UnsetType
    prevented_matches: list[PreventedView] | UnsetType = UNSET


class OrderView(SpecialFields, rename="camel"):
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
    self_trade_prevention_mode: StpMode


class CanceledView(SpecialFields, rename="camel"):
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
    stop_price: str | UnsetType
    iceberg_qty: str | UnsetType
    self_trade_prevention_mode: StpMode


def accepted_view(spec: SymbolSpec, placed: Placed) -> AcceptedView:
    order = placed.order
    return AcceptedView(spec.symbol, order.order_id, list_of(order), order.client_order_id, order.updated_ms)


def placed_view(spec: SymbolSpec, placed: Placed, *, in_full: bool = True) -> PlacedView:
    order, terms = placed.order, placed.order.terms
    is_plain = terms is None  # most are: nothing of theirs needs to be looked up elsewhere
    view = PlacedView(
        spec.symbol,
        order.order_id,
        NO_LIST if is_plain else list_of(order),
        order.client_order_id,
        order.updated_ms,
        price_text(spec, order.price_ticks if is_plain else order.own_price_ticks),
        quantity_text(spec, order.lots) if is_plain or order.has_quantity else UNSET,
        quantity_text(spec, order.lots - order.left_lots if is_plain else order.filled_lots),
        quote_text(spec, order.quote_order_atoms),
        quote_text(spec, order.filled_quote_atoms),
        order.status,
        order.time_in_force,
        order.type,
        order.side,
        UNSET if is_plain else stop_price_of(spec, order),
        order.created_ms if is_plain else order.working_ms or NEVER,
        UNSET if is_plain else iceberg_quantity_of(spec, order),
        StpMode.NONE if is_plain else stp_of(order),
        ([_fill_view(spec, fill) for fill in placed.fills] if placed.fills else []) if in_full else UNSET,
    )
    if is_plain and order.status is not OrderStatus.EXPIRED:
        return view
    if placed.prevented and in_full:
        view.prevented_matches = [_prevented_view(spec, match) for match in placed.prevented]
        group = placed.prevented[0].trade_group
        view.trade_group_id = UNSET if group < 0 else group
    return with_special_fields(view, spec, order)


def new_order_view(spec: SymbolSpec, placed: Placed, kind: ResponseKind) -> PlacedView | AcceptedView:
    """A new order as its sender wants to be told of it."""
    if kind is ResponseKind.ACK:
        return accepted_view(spec, placed)
    return placed_view(spec, placed, in_full=kind is ResponseKind.FULL)


def list_of(order: OrderRecord) -> int:
    """The id of its order list."""
    return NO_LIST if order.terms is None else order.terms.list_id


def stop_price_of(spec: SymbolSpec, order: OrderRecord) -> str | UnsetType:
    """Of an order that waits for a trigger, or has waited for one."""
    terms = order.terms
    return UNSET if terms is None or not order.type.is_contingent else price_text(spec, terms.stop_ticks)


def iceberg_quantity_of(spec: SymbolSpec, order: OrderRecord) -> str | UnsetType:
    """What an iceberg shows of itself at a time."""
    terms = order.terms
    return UNSET if terms is None or not terms.iceberg_lots else quantity_text(spec, terms.iceberg_lots)


def stp_of(order: OrderRecord) -> StpMode:
    return StpMode.NONE if order.terms is None else order.terms.stp


AnyView = TypeVar("AnyView", bound=SpecialFields)


def with_special_fields(view: AnyView, spec: SymbolSpec, order: OrderRecord) -> AnyView:
    """The view with what its order has beyond the usual."""
    if order.status is OrderStatus.EXPIRED:
        view.expiry_reason = expiry_reason(order) or UNSET
    if order.terms is not None:
        _show_terms(view, spec, order, order.terms)
    return view


def _show_terms(view: SpecialFields, spec: SymbolSpec, order: OrderRecord, terms: OrderTerms) -> None:
    if terms.trailing_bips:
        view.trailing_delta, view.trailing_time = terms.trailing_bips, terms.trailing_ms or NEVER
    view.strategy_id, view.strategy_type = terms.strategy_id or UNSET, terms.strategy_type or UNSET
    if terms.peg:
        view.peg_price_type = terms.peg
        view.pegged_price = price_text(spec, order.price_ticks) if order.is_pegged_now else UNSET
    if terms.peg_offset:
        view.peg_offset_type, view.peg_offset_value = PegOffset.PRICE_LEVEL, terms.peg_offset
    if terms.prevented_lots:
        view.prevented_match_id = terms.prevented_match_id
        view.prevented_quantity = quantity_text(spec, terms.prevented_lots)


def cancel_id_of_all(order: OrderRecord) -> str:
    """What a cancel of all orders is called: Binance shows one such id beside the own id of each.

    Nobody sends one, so it is made of who cancelled when, which the answer and the event both know.
    """
    digest = hashlib.sha256(f"{order.account}:{order.updated_ms}".encode()).digest()
    return base64.urlsafe_b64encode(digest)[:22].decode()


def expiry_reason(order: OrderRecord) -> str:
    """Why an order has EXPIRED, in Binance's words; "" where the order does not tell.

    That is a triggered market buy: its money or the book came to an end.
    """
    if order.terms is not None and order.terms.expiry:
        return order.terms.expiry
    if order.working_ms == 0:
        return ""
    if order.type.has_limit:
        return _UNFILLED.get(order.time_in_force, "")
    return "INSUFFICIENT_LIQUIDITY" if order.type is OrderType.MARKET or order.side is Side.SELL else ""


def _prevented_view(spec: SymbolSpec, match: PreventedMatch) -> PreventedView:
    return PreventedView(
        match.prevented_match_id,
        spec.symbol if match.mode is StpMode.TRANSFER else UNSET,
        match.maker_order_id,
        price_text(spec, match.price_ticks),
        _lost(spec, match.taker_prevented_lots),
        _lost(spec, match.maker_prevented_lots),
    )


def _lost(spec: SymbolSpec, lots: int) -> str | UnsetType:
    """Only who lost something by a prevented match shows it."""
    return quantity_text(spec, lots) if lots else UNSET


def _fill_view(spec: SymbolSpec, fill: Fill) -> FillView:
    """As the taker sees it: most fees come off what he received."""
    commission, asset = fee_of(spec, fill, fill.taker_side, is_maker=False)
    return FillView(
        price_text(spec, fill.price_ticks),
        quantity_text(spec, fill.lots),
        commission,
        asset,
        fill.trade_id,
    )


def order_view(spec: SymbolSpec, order: OrderRecord) -> OrderView:
    nothing = quantity_text(spec, 0)
    view = OrderView(
        symbol=spec.symbol,
        order_id=order.order_id,
        order_list_id=list_of(order),
        client_order_id=order.client_order_id,
        price=price_text(spec, order.own_price_ticks),
        orig_qty=quantity_text(spec, order.lots),
        executed_qty=quantity_text(spec, order.filled_lots),
        cummulative_quote_qty=quote_text(spec, order.filled_quote_atoms),
        status=order.status,
        time_in_force=order.time_in_force,
        type=order.type,
        side=order.side,
        stop_price=stop_price_of(spec, order) or nothing,
        iceberg_qty=iceberg_quantity_of(spec, order) or nothing,
        time=order.created_ms,
        update_time=order.updated_ms,
        is_working=order.working_ms > 0,
        working_time=order.working_ms or NEVER,
        orig_quote_order_qty=quote_text(spec, order.quote_order_atoms),
        self_trade_prevention_mode=stp_of(order),
    )
    return with_special_fields(view, spec, order)


def canceled_view(spec: SymbolSpec, order: OrderRecord, cancel_client_id: str) -> CanceledView:
    view = CanceledView(
        symbol=spec.symbol,
        orig_client_order_id=order.client_order_id,
        order_id=order.order_id,
        order_list_id=list_of(order),
        client_order_id=cancel_client_id,
        transact_time=order.updated_ms,
        price=price_text(spec, order.own_price_ticks),
        orig_qty=quantity_text(spec, order.lots),
        executed_qty=quantity_text(spec, order.filled_lots),
        orig_quote_order_qty=quote_text(spec, order.quote_order_atoms),
        cummulative_quote_qty=quote_text(spec, order.filled_quote_atoms),
        status=order.status,
        time_in_force=order.time_in_force,
        type=order.type,
        side=order.side,
        stop_price=stop_price_of(spec, order),
        iceberg_qty=iceberg_quantity_of(spec, order),
        self_trade_prevention_mode=stp_of(order),
    )
    return with_special_fields(view, spec, order)
