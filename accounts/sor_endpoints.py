"""Smart order routing, as far as an exchange has it whose symbols do not share their books: parameters are judged, and
then every symbol says that it has none.

Source: rest-api.md, "SOR" and "Query Allocations"; `sors` is left out of exchangeInfo, as faqs/sor_faq.md has it. The
fact a newcomer would get wrong: without SOR there are no allocations, which is an empty list and no error.
"""

from typing import Annotated, Any, Final, NoReturn

import msgspec

from accounts import weights
from accounts.orders import NewOrder, ResponseKind, check_form
from api.callers import Caller, Permission
from api.parameters import EndTime, StartTime
from api.router import EndpointTable
from api.runtime import Runtime
from engine.errors import BadParameter, Reason, Rejected
from engine.types import OrderType, Side, StpMode, TimeInForce
from markets.endpoints import Limit, OfSymbol, check_span, check_times, spec_of

ENDPOINTS: Final = EndpointTable()


class NewSorOrder(msgspec.Struct, kw_only=True, rename="camel"):
    """What POST order takes, less what SOR has no use for."""

    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce | None = None
    quantity: str
    price: str | None = None
    quote_order_qty: str | None = None
    new_client_order_id: str | None = None
    strategy_id: Annotated[int, msgspec.Meta(ge=1)] | None = None
    strategy_type: Annotated[int, msgspec.Meta(ge=1_000_000)] | None = None
    iceberg_qty: str | None = None
    new_order_resp_type: ResponseKind | None = None
    self_trade_prevention_mode: StpMode | None = None


class SorOrderTest(NewSorOrder, kw_only=True, rename="camel"):
    compute_commission_rates: bool = False


class AllocationsRequest(OfSymbol, kw_only=True, rename="camel"):
    start_time: StartTime | None = None
    end_time: EndTime | None = None
    from_allocation_id: int | None = None
    limit: Limit = 500
    order_id: int | None = None


@ENDPOINTS.endpoint("POST", "/sor/order", permission=Permission.TRADE, orders=1, websocket="sor.order.place")
async def place_sor_order(request: NewSorOrder, caller: Caller, runtime: Runtime) -> NoReturn:
    """A new order over several books: no symbol has it."""
    await _refuse(request, caller, runtime)


@ENDPOINTS.endpoint(
    "POST", "/sor/order/test", permission=Permission.TRADE, weight=weights.of_test, websocket="sor.order.test"
)
async def test_sor_order(request: SorOrderTest, caller: Caller, runtime: Runtime) -> NoReturn:
    """Judge such an order, and place nothing."""
    await _refuse(request, caller, runtime)


async def _refuse(request: NewSorOrder, caller: Caller, runtime: Runtime) -> NoReturn:
    if request.type not in (OrderType.LIMIT, OrderType.MARKET):
        raise BadParameter("type", "UNKNOWN_VALUE", value=request.type)
    if request.quote_order_qty is not None:
        raise BadParameter("quoteOrderQty", "NOT_REQUIRED")
    check_form(NewOrder(**{name: getattr(request, name) for name in NewSorOrder.__struct_fields__}), caller)
    await spec_of(runtime, request.symbol)
    raise Rejected(Reason.NO_SOR)


@ENDPOINTS.endpoint("GET", "/myAllocations", permission=Permission.READ, weight=20, websocket="myAllocations")
async def my_allocations(request: AllocationsRequest, caller: Caller, runtime: Runtime) -> list[Any]:
    """What SOR gave the account: nothing."""
    times = request.start_time is not None or request.end_time is not None
    if times and (request.order_id is not None or request.from_allocation_id is not None):
        raise BadParameter("startTime", "BAD_COMBINATION")
    check_times(request.start_time, request.end_time)
    check_span(request.start_time, request.end_time)
    await spec_of(runtime, request.symbol)
    return []
