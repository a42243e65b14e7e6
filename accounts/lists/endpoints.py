"""Private endpoints of order lists: OCO, OTO, OTOCO, OPO and OPOCO, placed, cancelled and asked for.

The fact a newcomer would get wrong: a list stands on one symbol, but who asks for it does not name the symbol, so all
are looked through.
"""

from typing import Annotated, Final

import msgspec

from accounts.endpoints import RULES_TRIES
from accounts.lists.history import all_lists, one_list, open_lists
from accounts.lists.placing import (
    Form,
    NewList,
    NewOco,
    NewOldOco,
    NewOpo,
    NewOpoco,
    NewOto,
    NewOtoco,
    read_oco,
    read_old_oco,
    read_opo,
    read_opoco,
    read_oto,
    read_otoco,
    to_list,
)
from accounts.lists.rendering import ListView, canceled_list_view, list_view, placed_list_view
from accounts.orders import ResponseKind, checked_client_id, new_client_id
from api.callers import Caller, Permission
from api.errors import one_of_two_missing
from api.parameters import EndTime, StartTime
from api.router import EndpointTable, Nothing
from api.runtime import Runtime
from engine.commands import CancelOrderList
from engine.errors import BadParameter, EngineUnavailable
from engine.runner import Stale
from markets.endpoints import MOST_ROWS, OfSymbol, check_span, check_times, spec_of

ENDPOINTS: Final = EndpointTable()


class CancelListRequest(OfSymbol, kw_only=True, rename="camel"):
    """A list by its id, by its client's id, or by both, which then must agree."""

    order_list_id: int | None = None
    list_client_order_id: str | None = None
    new_client_order_id: str | None = None


class OneListRequest(msgspec.Struct, kw_only=True, rename="camel"):
    """The same, by Binance's other name for the client's id."""

    order_list_id: int | None = None
    orig_client_order_id: str | None = None


class AllListsRequest(msgspec.Struct, kw_only=True, rename="camel"):
    from_id: int | None = None
    start_time: StartTime | None = None
    end_time: EndTime | None = None
    limit: Annotated[int, msgspec.Meta(ge=1)] = 500


@ENDPOINTS.endpoint("POST", "/orderList/oco", permission=Permission.TRADE, orders=2, websocket="orderList.place.oco")
async def place_oco(request: NewOco, caller: Caller, runtime: Runtime) -> ListView:
    """A pair of orders of which the first that works ends the other."""
    return await _place(request, read_oco(request, caller), caller, runtime)


@ENDPOINTS.endpoint("POST", "/order/oco", permission=Permission.TRADE, orders=2, websocket="orderList.place")
async def place_old_oco(request: NewOldOco, caller: Caller, runtime: Runtime) -> ListView:
    """The same in older words: a limit order and a stop loss."""
    return await _place(request, read_old_oco(request, caller), caller, runtime)


@ENDPOINTS.endpoint("POST", "/orderList/oto", permission=Permission.TRADE, orders=2, websocket="orderList.place.oto")
async def place_oto(request: NewOto, caller: Caller, runtime: Runtime) -> ListView:
    """An order, and one that begins when the first is filled."""
    return await _place(request, read_oto(request, caller), caller, runtime)


@ENDPOINTS.endpoint(
    "POST", "/orderList/otoco", permission=Permission.TRADE, orders=3, websocket="orderList.place.otoco"
)
async def place_otoco(request: NewOtoco, caller: Caller, runtime: Runtime) -> ListView:
    """An order, and an OCO pair that begins when the first is filled."""
    return await _place(request, read_otoco(request, caller), caller, runtime)


@ENDPOINTS.endpoint("POST", "/orderList/opo", permission=Permission.TRADE, orders=2, websocket="orderList.place.opo")
async def place_opo(request: NewOpo, caller: Caller, runtime: Runtime) -> ListView:
    """A purchase, and a sale of what it buys that begins when it is filled."""
    return await _place(request, read_opo(request, caller), caller, runtime)


@ENDPOINTS.endpoint(
    "POST", "/orderList/opoco", permission=Permission.TRADE, orders=3, websocket="orderList.place.opoco"
)
async def place_opoco(request: NewOpoco, caller: Caller, runtime: Runtime) -> ListView:
    """A purchase, and an OCO pair that sells what it buys."""
    return await _place(request, read_opoco(request, caller), caller, runtime)


async def _place(request: NewList, form: Form, caller: Caller, runtime: Runtime) -> ListView:
    usual = ResponseKind.FULL if caller.dialect.answers_in_full else ResponseKind.RESULT
    for _ in range(RULES_TRIES):
        spec = await spec_of(runtime, request.symbol)
        command = to_list(form, spec, caller)
        try:
            placed = await runtime.venue.gateway.place_order_list(command)
        except Stale:
            runtime.venue.registry.forget()
            continue
        return placed_list_view(spec, placed, request.new_order_resp_type or usual)
    raise EngineUnavailable(f"the rules of {request.symbol} keep changing")


@ENDPOINTS.endpoint("DELETE", "/orderList", permission=Permission.TRADE, websocket="orderList.cancel")
async def cancel_list(request: CancelListRequest, caller: Caller, runtime: Runtime) -> ListView:
    """Cancel what is still open of a list."""
    if request.order_list_id is None and request.list_client_order_id is None:
        raise one_of_two_missing("orderListId", "listClientOrderId")
    meant = checked_client_id(request.list_client_order_id, "listClientOrderId")
    cancel_id = checked_client_id(request.new_client_order_id, "newClientOrderId") or new_client_id()
    spec = await spec_of(runtime, request.symbol)
    canceled = await runtime.venue.gateway.cancel_order_list(
        CancelOrderList(
            account=caller.account, symbol=spec.symbol, list_id=request.order_list_id, client_order_id=meant,
            cancel_client_order_id=cancel_id, credential=caller.credential,
        )
    )  # fmt: skip
    return canceled_list_view(spec, canceled.order_list, canceled.orders, cancel_id)


@ENDPOINTS.endpoint("GET", "/orderList", permission=Permission.READ, weight=4, websocket="orderList.status")
async def get_list(request: OneListRequest, caller: Caller, runtime: Runtime) -> ListView:
    """A list, executing or done."""
    if request.order_list_id is None and request.orig_client_order_id is None:
        raise one_of_two_missing("origClientOrderId", "orderListId")
    meant = checked_client_id(request.orig_client_order_id, "origClientOrderId")
    found = await one_list(runtime.venue, caller.account, list_id=request.order_list_id, client_order_id=meant)
    return list_view(*found)


@ENDPOINTS.endpoint("GET", "/openOrderList", permission=Permission.READ, weight=6, websocket="openOrderLists.status")
async def get_open_lists(request: Nothing, caller: Caller, runtime: Runtime) -> list[ListView]:
    """Lists that are executing, oldest first."""
    return [list_view(*found) for found in await open_lists(runtime.venue, caller.account)]


@ENDPOINTS.endpoint("GET", "/allOrderList", permission=Permission.READ, weight=20, websocket="allOrderLists")
async def get_all_lists(request: AllListsRequest, caller: Caller, runtime: Runtime) -> list[ListView]:
    """Lists of all symbols, executing or done, newest first; times are when they were placed."""
    start_ms, end_ms = request.start_time, request.end_time
    check_times(start_ms, end_ms)
    if request.from_id is not None and (start_ms is not None or end_ms is not None):
        raise BadParameter("fromId", "BAD_COMBINATION")
    check_span(start_ms, end_ms)
    found = await all_lists(
        runtime.venue, caller.account, from_id=request.from_id, start_ms=start_ms, end_ms=end_ms,
        limit=min(request.limit, MOST_ROWS),
    )  # fmt: skip
    return [list_view(*pair) for pair in reversed(found)]
