"""From a typed request to a PlaceOrder: which parameters a type of order takes, and its numbers.

The fact a newcomer would get wrong: a parameter that an order type does not use is an error (-1106), not ignored:
a price on a market order means that its sender expects something else than he would get.
"""

import re
import secrets
from collections.abc import Iterator
from typing import Final

import msgspec

from api.callers import Caller
from api.errors import one_of_two_missing
from engine.commands import PlaceOrder
from engine.errors import BadParameter
from engine.filters import read_price, read_quantity, read_quote_amount
from engine.types import OrderType, Side, SymbolSpec, TimeInForce

_CLIENT_ORDER_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
CLIENT_ID_LENGTH: Final = 22  # 132 random bits
_IDS_AT_ONCE: Final = 256  # one look into the system's randomness for so many


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
    trailing_delta: str | None = None
    iceberg_qty: str | None = None
    self_trade_prevention_mode: str | None = None


def check_form(request: NewOrder, caller: Caller) -> str:
    """What can be judged without the symbol. Returns the client order id, made here if none came.

    Raises BadParameter.
    """
    if request.stop_price is not None:
        raise BadParameter("stopPrice", "NOT_REQUIRED")
    if request.trailing_delta is not None:
        raise BadParameter("trailingDelta", "NOT_REQUIRED")
    if request.iceberg_qty is not None:
        raise BadParameter("icebergQty", "NOT_REQUIRED")
    if request.self_trade_prevention_mode not in (None, "NONE"):
        raise BadParameter("selfTradePreventionMode", "UNKNOWN_VALUE", value=str(request.self_trade_prevention_mode))
    if request.type is OrderType.LIMIT:
        _check_limit(request, caller)
    else:
        _check_market(request)
    return checked_client_id(request.new_client_order_id, "newClientOrderId") or new_client_id()


def _check_limit(request: NewOrder, caller: Caller) -> None:
    if request.time_in_force is None and caller.dialect.default_time_in_force is None:
        raise BadParameter("timeInForce", "MISSING")
    if request.quantity is None:
        raise BadParameter("quantity", "MISSING")
    if request.price is None:
        raise BadParameter("price", "MISSING")
    if request.quote_order_qty is not None:
        raise BadParameter("quoteOrderQty", "NOT_REQUIRED")


def _check_market(request: NewOrder) -> None:
    if request.time_in_force is not None:
        raise BadParameter("timeInForce", "NOT_REQUIRED")
    if request.price is not None:
        raise BadParameter("price", "NOT_REQUIRED")
    if request.quantity is None and request.quote_order_qty is None:
        raise one_of_two_missing("quantity", "quoteOrderQty")
    if request.quantity is not None and request.quote_order_qty is not None:
        raise BadParameter("quoteOrderQty", "NOT_REQUIRED")


def to_command(request: NewOrder, spec: SymbolSpec, caller: Caller, client_order_id: str) -> PlaceOrder:
    """The order in the symbol's ticks, lots and atoms. Raises BadParameter, Rejected FILTER_*."""
    by_quote = request.quote_order_qty
    return PlaceOrder(
        account=caller.account,
        symbol=spec.symbol,
        rules_version=spec.rules_version,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force or caller.dialect.default_time_in_force or TimeInForce.GTC,
        price_ticks=0 if request.price is None else read_price(request.price, spec),
        lots=0 if request.quantity is None else read_quantity(request.quantity, spec),
        quote_order_atoms=0 if by_quote is None else read_quote_amount(by_quote, spec),
        client_order_id=client_order_id,
        key_digest=caller.key_digest,
    )


def checked_client_id(text: str | None, name: str) -> str:
    """A client's own id, "" when none came. Raises BadParameter."""
    if text is None:
        return ""
    if not _CLIENT_ORDER_ID.fullmatch(text):
        raise BadParameter(name, "ILLEGAL_CHARACTERS", value=text)
    return text


def new_client_id() -> str:
    """22 characters that nobody has."""
    return next(_client_ids)


def _random_ids() -> Iterator[str]:
    while True:
        text = secrets.token_urlsafe(CLIENT_ID_LENGTH * _IDS_AT_ONCE)  # is longer: four characters for three bytes
        for first in range(0, CLIENT_ID_LENGTH * _IDS_AT_ONCE, CLIENT_ID_LENGTH):
            yield text[first : first + CLIENT_ID_LENGTH]


_client_ids = _random_ids()
