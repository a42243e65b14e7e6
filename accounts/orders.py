"""From a typed request to a PlaceOrder: which parameters a type of order takes, and its numbers.

The fact a newcomer would get wrong: a parameter that an order type does not use is an error (-1106), not ignored:
a price on a market order means that its sender expects something else than he would get.
"""

import re
import secrets
from collections.abc import Iterator
from enum import StrEnum
from operator import attrgetter
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from api.callers import Caller
from api.errors import one_of_two_missing
from engine.commands import PlaceOrder
from engine.errors import BadParameter, Reason, Rejected
from engine.filters import read_price, read_quantity, read_quote_amount
from engine.types import OrderType, PegOffset, PegPrice, Side, StpMode, SymbolSpec, TimeInForce

_CLIENT_ORDER_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
CLIENT_ID_LENGTH: Final = 22  # 132 random bits
_IDS_AT_ONCE: Final = 256  # one look into the system's randomness for so many
PegOffsetValue = Annotated[int, msgspec.Meta(ge=1, le=100)]


class ResponseKind(StrEnum):
    """How much of a new order its sender wants to be told."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class NewOrder(msgspec.Struct, kw_only=True, rename="camel"):
    """What POST order takes. Amounts stay text until the symbol says how many decimals they have."""

    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce | None = None
    quantity: str | None = None
    quote_order_qty: str | None = None
    price: str | None = None
    new_client_order_id: str | None = None
    stop_price: str | None = None
    trailing_delta: int | None = None
    iceberg_qty: str | None = None
    self_trade_prevention_mode: StpMode | None = None
    strategy_id: Annotated[int, msgspec.Meta(ge=1)] | None = None
    strategy_type: Annotated[int, msgspec.Meta(ge=1_000_000)] | None = None
    peg_price_type: PegPrice | None = None
    peg_offset_type: PegOffset | None = None
    peg_offset_value: PegOffsetValue | None = None
    new_order_resp_type: ResponseKind | None = None


class OrderTest(NewOrder, kw_only=True, rename="camel"):
    compute_commission_rates: bool = False


class Form(NamedTuple):
    """What one type of order has to have and cannot have: places in `_JUDGED`."""

    required: tuple[int, ...]
    forbidden: tuple[int, ...]


_JUDGED: Final = {
    "quantity": "quantity", "price": "price", "quote_order_qty": "quoteOrderQty", "time_in_force": "timeInForce",
    "stop_price": "stopPrice", "trailing_delta": "trailingDelta", "iceberg_qty": "icebergQty",
}  # fmt: skip
_NAMES: Final = tuple(_JUDGED.values())
_judged_of = attrgetter(*_JUDGED)
_terms_of = attrgetter(
    "stop_price", "trailing_delta", "iceberg_qty", "self_trade_prevention_mode", "strategy_id", "strategy_type",
    "peg_price_type", "peg_offset_type", "peg_offset_value",
)  # fmt: skip
_NO_TERMS: Final = (None,) * 9
_peg_of = attrgetter("peg_price_type", "peg_offset_type", "peg_offset_value")
_NO_PEG: Final = (None,) * 3


def _form(*required: str, optional: tuple[str, ...] = ()) -> Form:
    known, fields = (*required, *optional), list(_JUDGED)
    return Form(
        required=tuple(fields.index(field) for field in required),
        forbidden=tuple(at for at, field in enumerate(fields) if field not in known),
    )


_TRIGGER: Final = ("stop_price", "trailing_delta")  # one of them, or both
_STOP: Final = _form("quantity", optional=_TRIGGER)
_STOP_LIMIT: Final = _form("quantity", "price", optional=("time_in_force", "iceberg_qty", *_TRIGGER))
FORMS: Final = {
    OrderType.LIMIT: _form("quantity", "price", optional=("time_in_force", "iceberg_qty")),
    OrderType.LIMIT_MAKER: _form("quantity", "price", optional=("iceberg_qty",)),
    OrderType.MARKET: _form(optional=("quantity", "quote_order_qty")),
    OrderType.STOP_LOSS: _STOP,
    OrderType.TAKE_PROFIT: _STOP,
    OrderType.STOP_LOSS_LIMIT: _STOP_LIMIT,
    OrderType.TAKE_PROFIT_LIMIT: _STOP_LIMIT,
}


def check_form(request: NewOrder, caller: Caller, *, has_quantity: bool = True) -> str:
    """What can be judged without the symbol. Returns the client order id, made here if none came.

    `has_quantity` is False for an order that will get its quantity from another one. Raises BadParameter, Rejected.
    """
    kind = request.type
    form = FORMS[kind]
    values = _judged_of(request)
    is_pegged = _peg_of(request) != _NO_PEG and _check_peg(request)
    for at in form.required:
        name = _NAMES[at]
        is_free = (is_pegged and name == "price") or (not has_quantity and name == "quantity")
        if values[at] is None and not is_free:
            raise BadParameter(name, "MISSING")
    for at in form.forbidden:
        if values[at] is not None:
            raise BadParameter(_NAMES[at], "NOT_REQUIRED")
    if kind is OrderType.MARKET:
        if has_quantity:
            _check_amount(request)
    elif kind is OrderType.LIMIT or form is _STOP_LIMIT:
        _check_time_in_force(request, caller)
    if (form is _STOP or form is _STOP_LIMIT) and request.stop_price is None and request.trailing_delta is None:
        raise one_of_two_missing("stopPrice", "trailingDelta")
    if request.new_client_order_id is None:
        return new_client_id()
    return checked_client_id(request.new_client_order_id, "newClientOrderId")


def _check_peg(request: NewOrder) -> bool:
    """Whether the order is pegged. Its offset's type and value come together. Raises BadParameter, Rejected."""
    peg, kind, value = request.peg_price_type, request.peg_offset_type, request.peg_offset_value
    if (kind is None) is not (value is None):
        raise BadParameter("pegOffsetType" if kind is None else "pegOffsetValue", "MISSING")
    if peg is None:
        if kind is not None:
            raise BadParameter("pegPriceType", "MISSING")
        return False
    if not request.type.has_limit:
        raise Rejected(Reason.PEG_NOT_ALLOWED, request.type, field="pegPriceType")
    is_maker, is_gtc = request.type is OrderType.LIMIT_MAKER, request.time_in_force in (None, TimeInForce.GTC)
    is_limit = request.type is OrderType.LIMIT
    if (is_maker and peg is PegPrice.MARKET_PEG) or (is_limit and peg is PegPrice.PRIMARY_PEG and not is_gtc):
        raise Rejected(Reason.PEG_UNFIT, peg, field="pegPriceType")
    return True


def _check_amount(request: NewOrder) -> None:
    if request.quantity is None and request.quote_order_qty is None:
        raise one_of_two_missing("quantity", "quoteOrderQty")
    if request.quantity is not None and request.quote_order_qty is not None:
        raise BadParameter("quoteOrderQty", "NOT_REQUIRED")


def _check_time_in_force(request: NewOrder, caller: Caller) -> None:
    if request.time_in_force is None and caller.dialect.default_time_in_force is None:
        raise BadParameter("timeInForce", "MISSING")
    if request.iceberg_qty is not None and request.time_in_force not in (None, TimeInForce.GTC):
        raise BadParameter("icebergQty", "BAD_COMBINATION")  # what does not rest has nothing to hide


def to_command(request: NewOrder, spec: SymbolSpec, caller: Caller, client_order_id: str) -> PlaceOrder:
    """The order in the symbol's ticks, lots and atoms. Raises BadParameter, Rejected FILTER_*."""
    by_quote = request.quote_order_qty
    order = PlaceOrder(
        account=caller.account,
        symbol=spec.symbol,
        rules_version=spec.rules_version,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force or caller.dialect.default_time_in_force or TimeInForce.GTC,
        price_ticks=0 if request.price is None else read_price(request.price, spec.tick_units),
        lots=0 if request.quantity is None else read_quantity(request.quantity, spec.lot_units),
        quote_order_atoms=0 if by_quote is None else read_quote_amount(by_quote, spec),
        stp=spec.default_stp,
        client_order_id=client_order_id,
        credential=caller.credential,
        charge=caller.charge,
    )
    return order if _terms_of(request) == _NO_TERMS else _with_terms(order, request, spec)


def _with_terms(order: PlaceOrder, request: NewOrder, spec: SymbolSpec) -> PlaceOrder:
    if request.price is not None and order.price_ticks == 0:
        raise Rejected(Reason.FILTER_PRICE, "a price of zero")  # no price at all is what a pegged order may have
    return replace(
        order,
        stop_ticks=0 if request.stop_price is None else _read_stop(request.stop_price, spec),
        trailing_bips=0 if request.trailing_delta is None else _read_trailing(request.trailing_delta),
        iceberg_lots=0 if request.iceberg_qty is None else _read_iceberg(request.iceberg_qty, spec),
        stp=request.self_trade_prevention_mode or spec.default_stp,
        strategy_id=request.strategy_id or 0,
        strategy_type=request.strategy_type or 0,
        peg=request.peg_price_type or PegPrice.NONE,
        peg_offset=request.peg_offset_value or 0,
    )


# To the engine zero means that there is none: what was sent as zero is refused here.


def _read_stop(text: str, spec: SymbolSpec) -> int:
    stop_ticks = read_price(text, spec.tick_units, "stopPrice")
    if stop_ticks == 0:
        zero = {"price_ticks": 0, "min_ticks": spec.min_price_ticks, "max_ticks": spec.max_price_ticks}
        raise Rejected(Reason.FILTER_PRICE, "a stop price of zero", numbers=zero, field="stopPrice")
    return stop_ticks


def _read_trailing(bips: int) -> int:
    if bips == 0:
        raise Rejected(Reason.FILTER_TRAILING_DELTA, "zero", field="trailingDelta")
    return bips


def _read_iceberg(text: str, spec: SymbolSpec) -> int:
    iceberg_lots = read_quantity(text, spec.lot_units, "icebergQty")
    if iceberg_lots == 0:
        zero = {"lots": 0, "min_lots": spec.min_lots, "max_lots": spec.max_lots}
        raise Rejected(Reason.FILTER_LOT_SIZE, "an icebergQty of zero", numbers=zero, field="icebergQty")
    return iceberg_lots


def checked_client_id(text: str | None, name: str) -> str:
    """A client's own id, "" when none came. Raises BadParameter."""
    if text is None:
        return ""
    if not is_client_id(text):
        raise BadParameter(name, "ILLEGAL_CHARACTERS", value=text)
    return text


def is_client_id(text: str) -> bool:
    """Whether an order may be called so by its client."""
    return _CLIENT_ORDER_ID.fullmatch(text) is not None


def _random_ids() -> Iterator[str]:
    while True:
        text = secrets.token_urlsafe(CLIENT_ID_LENGTH * _IDS_AT_ONCE)  # is longer: four characters for three bytes
        for first in range(0, CLIENT_ID_LENGTH * _IDS_AT_ONCE, CLIENT_ID_LENGTH):
            yield text[first : first + CLIENT_ID_LENGTH]


new_client_id: Final = _random_ids().__next__  # 22 characters that nobody has
