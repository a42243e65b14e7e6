"""From a request for an order list to its orders: which parameter is whose, and what may stand in a pair.

The fact a newcomer would get wrong: each order of a list is judged as POST order judges it; only the names of its
parameters differ (aboveStopPrice, workingType), and refusals use these. Of a pair the stop loss comes first.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Final, NamedTuple

import msgspec

from accounts.orders import (
    NewOrder,
    PegOffsetValue,
    ResponseKind,
    check_form,
    checked_client_id,
    new_client_id,
    to_command,
)
from api.callers import Caller
from engine.commands import PlaceOrder, PlaceOrderList
from engine.errors import BadParameter, Reason, Rejected
from engine.filters import check_list_kind, check_order
from engine.types import ListKind, OrderType, PegOffset, PegPrice, Side, StpMode, SymbolSpec, TimeInForce

StrategyId = Annotated[int, msgspec.Meta(ge=1)]
StrategyType = Annotated[int, msgspec.Meta(ge=1_000_000)]
_STOP_LOSS: Final = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
_TAKE_PROFIT: Final = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)


class NewList(msgspec.Struct, kw_only=True, rename="camel"):
    """What all kinds of lists take."""

    symbol: str
    list_client_order_id: str | None = None
    new_order_resp_type: ResponseKind | None = None
    self_trade_prevention_mode: StpMode | None = None


class NewOco(NewList, kw_only=True, rename="camel"):
    """A pair of which the first that works ends the other."""

    side: Side
    quantity: str
    above_type: OrderType
    above_client_order_id: str | None = None
    above_iceberg_qty: str | None = None
    above_price: str | None = None
    above_stop_price: str | None = None
    above_trailing_delta: int | None = None
    above_time_in_force: TimeInForce | None = None
    above_strategy_id: StrategyId | None = None
    above_strategy_type: StrategyType | None = None
    above_peg_price_type: PegPrice | None = None
    above_peg_offset_type: PegOffset | None = None
    above_peg_offset_value: PegOffsetValue | None = None
    below_type: OrderType
    below_client_order_id: str | None = None
    below_iceberg_qty: str | None = None
    below_price: str | None = None
    below_stop_price: str | None = None
    below_trailing_delta: int | None = None
    below_time_in_force: TimeInForce | None = None
    below_strategy_id: StrategyId | None = None
    below_strategy_type: StrategyType | None = None
    below_peg_price_type: PegPrice | None = None
    below_peg_offset_type: PegOffset | None = None
    below_peg_offset_value: PegOffsetValue | None = None


class NewOldOco(NewList, kw_only=True, rename="camel"):
    """The same in the words of the older endpoint: a limit order and a stop loss."""

    side: Side
    quantity: str
    limit_client_order_id: str | None = None
    price: str
    limit_strategy_id: StrategyId | None = None
    limit_strategy_type: StrategyType | None = None
    limit_iceberg_qty: str | None = None
    trailing_delta: int | None = None
    stop_client_order_id: str | None = None
    stop_price: str
    stop_strategy_id: StrategyId | None = None
    stop_strategy_type: StrategyType | None = None
    stop_limit_price: str | None = None
    stop_iceberg_qty: str | None = None
    stop_limit_time_in_force: TimeInForce | None = None


class WithWorkingOrder(NewList, kw_only=True, rename="camel"):
    """A list whose first order has to be filled before the others begin."""

    working_type: OrderType
    working_side: Side
    working_client_order_id: str | None = None
    working_price: str | None = None
    working_quantity: str
    working_iceberg_qty: str | None = None
    working_time_in_force: TimeInForce | None = None
    working_strategy_id: StrategyId | None = None
    working_strategy_type: StrategyType | None = None
    working_peg_price_type: PegPrice | None = None
    working_peg_offset_type: PegOffset | None = None
    working_peg_offset_value: PegOffsetValue | None = None
    pending_side: Side


class WithPending(WithWorkingOrder, kw_only=True, rename="camel"):
    """The other is one order."""

    pending_type: OrderType
    pending_client_order_id: str | None = None
    pending_price: str | None = None
    pending_stop_price: str | None = None
    pending_trailing_delta: int | None = None
    pending_iceberg_qty: str | None = None
    pending_time_in_force: TimeInForce | None = None
    pending_strategy_id: StrategyId | None = None
    pending_strategy_type: StrategyType | None = None
    pending_peg_price_type: PegPrice | None = None
    pending_peg_offset_type: PegOffset | None = None
    pending_peg_offset_value: PegOffsetValue | None = None


class WithPendingPair(WithWorkingOrder, kw_only=True, rename="camel"):
    """The others are a pair."""

    pending_above_type: OrderType
    pending_above_client_order_id: str | None = None
    pending_above_price: str | None = None
    pending_above_stop_price: str | None = None
    pending_above_trailing_delta: int | None = None
    pending_above_iceberg_qty: str | None = None
    pending_above_time_in_force: TimeInForce | None = None
    pending_above_strategy_id: StrategyId | None = None
    pending_above_strategy_type: StrategyType | None = None
    pending_above_peg_price_type: PegPrice | None = None
    pending_above_peg_offset_type: PegOffset | None = None
    pending_above_peg_offset_value: PegOffsetValue | None = None
    pending_below_type: OrderType
    pending_below_client_order_id: str | None = None
    pending_below_price: str | None = None
    pending_below_stop_price: str | None = None
    pending_below_trailing_delta: int | None = None
    pending_below_iceberg_qty: str | None = None
    pending_below_time_in_force: TimeInForce | None = None
    pending_below_strategy_id: StrategyId | None = None
    pending_below_strategy_type: StrategyType | None = None
    pending_below_peg_price_type: PegPrice | None = None
    pending_below_peg_offset_type: PegOffset | None = None
    pending_below_peg_offset_value: PegOffsetValue | None = None


class NewOto(WithPending, kw_only=True, rename="camel"):
    """One order triggers another."""

    pending_quantity: str


class NewOtoco(WithPendingPair, kw_only=True, rename="camel"):
    """One order triggers a pair."""

    pending_quantity: str


class NewOpo(WithPending, kw_only=True, rename="camel"):
    """One order triggers another, which sells what the first one buys. A quantity of the other is refused."""

    pending_quantity: str | None = None


class NewOpoco(WithPendingPair, kw_only=True, rename="camel"):
    """One order triggers a pair, which sells what the first one buys."""

    pending_quantity: str | None = None


class Leg(NamedTuple):
    """One order of a list as POST order would take it. `names` are what its parameters are called here."""

    order: NewOrder
    names: Mapping[str, str]
    is_of_pair: bool = False
    has_quantity: bool = True

    @property
    def type_name(self) -> str:
        return self.names["type"]


class Form(NamedTuple):
    """A list as it was asked for, in the order in which its orders will stand in it."""

    kind: ListKind
    legs: list[Leg]
    client_order_id: str
    client_order_ids: list[str]


_PARTS: Final = (
    "type", "price", "stop_price", "trailing_delta", "iceberg_qty", "time_in_force", "strategy_id", "strategy_type",
    "peg_price_type", "peg_offset_type", "peg_offset_value",
)  # fmt: skip


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _leg(request: NewList, fields: Mapping[str, str], *, kind: OrderType | None = None, is_of_pair: bool) -> Leg:
    """The order whose fields stand in these of the request, as far as it has them."""
    known = {field: own for field, own in fields.items() if own in request.__struct_fields__}
    values = {field: getattr(request, own) for field, own in known.items()}
    if kind is not None:
        values["type"] = kind
    order = NewOrder(
        symbol=request.symbol, self_trade_prevention_mode=request.self_trade_prevention_mode, **values
    )  # fmt: skip
    return Leg(order, {_camel(field): _camel(own) for field, own in known.items()}, is_of_pair)


def _fields(prefix: str, shared: str = "") -> dict[str, str]:
    """The fields of the order called `prefix`; side and quantity begin with `shared`."""
    fields = {part: f"{prefix}_{part}" for part in _PARTS}
    return fields | {
        "new_client_order_id": f"{prefix}_client_order_id", "side": f"{shared}side", "quantity": f"{shared}quantity",
    }  # fmt: skip


_WORKING: Final = _fields("working", "working_")
_PENDING: Final = _fields("pending", "pending_")
_ABOVE: Final = _fields("above")
_BELOW: Final = _fields("below")
_PENDING_ABOVE: Final = _fields("pending_above", "pending_")
_PENDING_BELOW: Final = _fields("pending_below", "pending_")
_OLD_LIMIT: Final = _fields("limit") | {"price": "price"}
_OLD_STOP: Final = _fields("stop") | {
    "price": "stop_limit_price", "stop_price": "stop_price", "trailing_delta": "trailing_delta",
    "time_in_force": "stop_limit_time_in_force",
}  # fmt: skip


def read_oco(request: NewOco, caller: Caller) -> Form:
    """Raises BadParameter and, for a peg, Rejected, as do all of these."""
    above, below = (_leg(request, fields, is_of_pair=True) for fields in (_ABOVE, _BELOW))
    return _form(ListKind.OCO, request, _pair(above, below), caller)


def read_old_oco(request: NewOldOco, caller: Caller) -> Form:
    stop_type = OrderType.STOP_LOSS if request.stop_limit_price is None else OrderType.STOP_LOSS_LIMIT
    stop = _leg(request, _OLD_STOP, kind=stop_type, is_of_pair=True)
    limit = _leg(request, _OLD_LIMIT, kind=OrderType.LIMIT_MAKER, is_of_pair=True)
    return _form(ListKind.OCO, request, [stop, limit], caller)


def read_oto(request: NewOto, caller: Caller) -> Form:
    return _form(ListKind.OTO, request, [_working(request), _leg(request, _PENDING, is_of_pair=False)], caller)


def read_otoco(request: NewOtoco, caller: Caller) -> Form:
    above, below = (_leg(request, fields, is_of_pair=True) for fields in (_PENDING_ABOVE, _PENDING_BELOW))
    return _form(ListKind.OTOCO, request, [_working(request), *_pair(above, below)], caller)


def read_opo(request: NewOpo, caller: Caller) -> Form:
    _check_paid(request, request.pending_quantity)
    pending = _leg(request, _PENDING, is_of_pair=False)._replace(has_quantity=False)
    return _form(ListKind.OPO, request, [_working(request), pending], caller)


def read_opoco(request: NewOpoco, caller: Caller) -> Form:
    _check_paid(request, request.pending_quantity)
    legs = (_leg(request, fields, is_of_pair=True) for fields in (_PENDING_ABOVE, _PENDING_BELOW))
    above, below = (leg._replace(has_quantity=False) for leg in legs)
    return _form(ListKind.OPOCO, request, [_working(request), *_pair(above, below)], caller)


def _check_paid(request: WithWorkingOrder, quantity: str | None) -> None:
    """What is sold must be what is bought. Raises BadParameter."""
    if quantity is not None:
        raise BadParameter("pendingQuantity", "OPO_PENDING_QUANTITY")
    if request.working_side is not Side.BUY:
        raise BadParameter("workingSide", "OPO_WORKING_SIDE")
    if request.pending_side is not Side.SELL:
        raise BadParameter("pendingSide", "OPO_PENDING_SIDE")


def _working(request: WithWorkingOrder) -> Leg:
    if request.working_type not in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        raise BadParameter("workingType", "UNKNOWN_VALUE", value=request.working_type)
    return _leg(request, _WORKING, is_of_pair=False)


def _pair(above: Leg, below: Leg) -> list[Leg]:
    """Both orders of a pair, the stop loss first. Raises BadParameter for types that make no pair."""
    for leg in (above, below):
        if leg.order.type in (OrderType.LIMIT, OrderType.MARKET):
            raise BadParameter(leg.type_name, "OCO_TYPE", value=leg.order.type)
    if above.order.type is below.order.type is OrderType.LIMIT_MAKER:
        raise BadParameter(below.type_name, "OCO_TWO_LIMITS")
    for leg, is_above in ((above, True), (below, False)):
        side, is_stop_loss = leg.order.side, leg.order.type in _STOP_LOSS
        if is_above is not (is_stop_loss is (side is Side.BUY)):
            group = "STOP_LOSS" if is_stop_loss else "TAKE_PROFIT" if leg.order.type in _TAKE_PROFIT else "LIMIT"
            raise BadParameter(leg.type_name, f"OCO_{side}_{group}", value=leg.order.type)
    return [above, below] if above.order.type in _STOP_LOSS else [below, above]


def _form(kind: ListKind, request: NewList, legs: list[Leg], caller: Caller) -> Form:
    ids = []
    for leg in legs:
        with _called(leg):
            ids.append(check_form(leg.order, caller, has_quantity=leg.has_quantity))
    own = checked_client_id(request.list_client_order_id, "listClientOrderId") or new_client_id()
    return Form(kind, legs, own, ids)


@contextmanager
def _called(leg: Leg) -> Iterator[None]:
    """What is wrong with a parameter of the order is told under the name that it has in the list."""
    try:
        yield
    except BadParameter as error:
        problem, detail = error.problem, error.detail
        if leg.is_of_pair and (error.field, problem) == ("icebergQty", "BAD_COMBINATION"):
            problem = "OCO_ICEBERG"
        for name, own in leg.names.items():
            detail = detail.replace(f"'{name}'", f"'{own}'")
        field = leg.names.get(error.field, error.field)
        raise BadParameter(field, problem, value=error.value, detail=detail) from error
    except Rejected as error:
        error.field = leg.names.get(error.field, error.field)
        raise


def to_list(form: Form, spec: SymbolSpec, caller: Caller) -> PlaceOrderList:
    """The list in the symbol's numbers, its orders checked by the symbol's filters. Raises BadParameter, Rejected."""
    check_list_kind(form.kind, spec)
    orders = []
    for leg, client_order_id in zip(form.legs, form.client_order_ids, strict=True):
        with _called(leg):
            orders.append(to_command(leg.order, spec, caller, client_order_id))
            check_order(orders[-1], spec, has_quantity=leg.has_quantity)
    pair = [order for leg, order in zip(form.legs, orders, strict=True) if leg.is_of_pair]
    if pair:
        _check_prices(*pair)
    return PlaceOrderList(kind=form.kind, client_order_id=form.client_order_id, orders=orders)


def _check_prices(stop_loss: PlaceOrder, other: PlaceOrder) -> None:
    """Between the two prices must be room for the last one, which the engine compares. Raises Rejected LIST_PRICES."""
    stop, target = stop_loss.stop_ticks, other.stop_ticks or other.price_ticks
    if stop and target and (stop >= target if stop_loss.side is Side.SELL else stop <= target):
        raise Rejected(Reason.LIST_PRICES, numbers={"stop_ticks": stop, "price_ticks": target})
