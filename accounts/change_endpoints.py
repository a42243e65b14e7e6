"""Private endpoints that change an order which is there: cancel it for a new one, or make it smaller where it stands.

The fact a newcomer would get wrong: a cancel-replace has two outcomes. Where one of them is a failure the answer is an
error, and what became of either half stands in its `data`.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from accounts import answers
from accounts.amendment_rendering import AmendedView, amended_view, amendment_view
from accounts.endpoints import RULES_TRIES, CancelRestriction, OneOrder, usual_response, which_order
from accounts.history import amendments_of
from accounts.orders import NewOrder, check_form, checked_client_id, new_client_id, to_command
from accounts.rendering import canceled_view, new_order_view
from accounts.reports import REPORTS_PER_EVENT, execution_id
from api.callers import Caller, Permission
from api.errors import REPLACE_FAILED, REPLACED_IN_PART, answer_to, one_of_two_missing
from api.router import EndpointTable, Reply
from api.runtime import Runtime
from engine.commands import CancelOrder, PlaceOrder, ReduceOrder, ReplaceOrder
from engine.errors import EngineUnavailable, Reason, Rejected
from engine.filters import check_lots, check_notional, check_order, read_quantity
from engine.gateway import Replaced
from engine.records import OrderRecord
from engine.runner import Stale
from engine.types import SymbolSpec
from markets.endpoints import MOST_ROWS, OfSymbol, spec_of

TOO_MANY: Final = 429  # the status of an answer in which the new order met the account's limit
ENDPOINTS: Final = EndpointTable()


class ReplaceMode(StrEnum):
    """Whether the new order is tried when the cancel has failed."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class ExceededMode(StrEnum):
    """What becomes of the old order when the account may place no more orders just now."""

    DO_NOTHING = "DO_NOTHING"
    CANCEL_ONLY = "CANCEL_ONLY"


class ReplaceRequest(NewOrder, kw_only=True, rename="camel"):
    """The new order as POST order takes it, and which one goes for it. Some clients misspell the new one's id."""

    cancel_replace_mode: ReplaceMode
    cancel_order_id: int | None = None
    cancel_orig_client_order_id: str | None = None
    cancel_new_client_order_id: str | None = None
    cancel_restrictions: CancelRestriction | None = None
    order_rate_limit_exceeded_mode: ExceededMode = ExceededMode.DO_NOTHING
    misspelt_client_order_id: str | None = msgspec.field(default=None, name="NewClientOrderId")


class AmendRequest(OneOrder, kw_only=True, rename="camel"):
    new_qty: str
    new_client_order_id: str | None = None


class AmendmentsRequest(OfSymbol, kw_only=True, rename="camel"):
    order_id: int
    from_execution_id: int = 0
    limit: Annotated[int, msgspec.Meta(ge=1)] = 500


@ENDPOINTS.endpoint(
    "POST",
    "/order/cancelReplace",
    answer=answers.Replacement,
    permission=Permission.TRADE,
    orders=1,
    websocket="order.cancelReplace",
)
async def replace_order(request: ReplaceRequest, caller: Caller, runtime: Runtime) -> dict[str, Any] | Reply:
    """Cancel an order and place a new one, with nothing in between."""
    if request.new_client_order_id is None:
        request = msgspec.structs.replace(request, new_client_order_id=request.misspelt_client_order_id)
    client_order_id = check_form(request, caller)
    names = _names_of_cancel(request)
    for _ in range(RULES_TRIES):
        spec = await spec_of(runtime, request.symbol)
        order = to_command(request, spec, caller, client_order_id)
        check_order(order, spec)
        command = _replacement(request, order, *names)
        try:
            replaced = await runtime.venue.gateway.replace_order(command)
        except Stale:
            runtime.venue.registry.forget()
            continue
        return _answer_to_replacement(request, spec, caller, command, replaced)
    raise EngineUnavailable(f"the rules of {request.symbol} keep changing")


def _names_of_cancel(request: ReplaceRequest) -> tuple[str, str]:
    """The client id of the order to cancel ("" without), and that of the cancel itself. Raises BadParameter."""
    if request.cancel_order_id is None and request.cancel_orig_client_order_id is None:
        raise one_of_two_missing("cancelOrigClientOrderId", "cancelOrderId")
    meant = checked_client_id(request.cancel_orig_client_order_id, "cancelOrigClientOrderId")
    own = checked_client_id(request.cancel_new_client_order_id, "cancelNewClientOrderId")
    return meant, own or new_client_id()


def _replacement(request: ReplaceRequest, order: PlaceOrder, client_order_id: str, cancel_id: str) -> ReplaceOrder:
    cancel = CancelOrder(
        account=order.account,
        symbol=order.symbol,
        order_id=request.cancel_order_id,
        client_order_id=client_order_id,
        cancel_client_order_id=cancel_id,
        only_status=None if request.cancel_restrictions is None else request.cancel_restrictions.status,
        credential=order.credential,
    )
    is_tried_anyway = request.cancel_replace_mode is ReplaceMode.ALLOW_FAILURE
    is_canceled_anyway = request.order_rate_limit_exceeded_mode is ExceededMode.CANCEL_ONLY
    return ReplaceOrder(cancel=cancel, place=order, place_anyway=is_tried_anyway, cancel_anyway=is_canceled_anyway)


def _answer_to_replacement(
    request: ReplaceRequest, spec: SymbolSpec, caller: Caller, command: ReplaceOrder, replaced: Replaced
) -> dict[str, Any] | Reply:
    canceled, placed = replaced.canceled, replaced.placed
    kind = request.new_order_resp_type or usual_response(request.type, caller)
    is_canceled, is_placed = not isinstance(canceled, Rejected), not isinstance(placed, Rejected | None)
    told = {
        "cancelResult": "SUCCESS" if is_canceled else "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED" if placed is None else "SUCCESS" if is_placed else "FAILURE",
        "cancelResponse": _refusal(canceled)
        if isinstance(canceled, Rejected)
        else canceled_view(spec, canceled.order, command.cancel.cancel_client_order_id),
        "newOrderResponse": _refusal(placed)
        if isinstance(placed, Rejected | None)
        else new_order_view(spec, placed, kind),
    }
    if is_canceled and is_placed:
        return told
    answer = REPLACED_IN_PART if is_canceled or is_placed else REPLACE_FAILED
    halves = (("the cancel", canceled), ("the new order", placed))
    refused = tuple((name, half) for name, half in halves if isinstance(half, Rejected))
    if replaced.limit is not None:
        refused += (("the new order, which was not tried,", replaced.limit),)
    is_limited = any(half.reason is Reason.TOO_MANY_ORDERS for _, half in refused)
    # rest-api.md, "Cancel an Existing Order and Send a New Order": its table has 429 for one mode alone.
    status = TOO_MANY if is_limited and request.cancel_replace_mode is ReplaceMode.STOP_ON_FAILURE else answer.status
    return Reply(
        status,
        caller.dialect.error_members(answer.code, answer.text) | {"data": told},
        refused,
        is_canceled or is_placed,
    )


def _refusal(refusal: Rejected | None) -> dict[str, Any] | None:
    """Why one half was refused; None for a half that was not tried."""
    if refusal is None:
        return None
    answer = answer_to(refusal)
    return {"code": answer.code, "msg": answer.text}


@ENDPOINTS.endpoint(
    "PUT", "/order/amend/keepPriority", permission=Permission.TRADE, weight=4, websocket="order.amend.keepPriority"
)
async def amend_order(request: AmendRequest, caller: Caller, runtime: Runtime) -> AmendedView:
    """Less of an open order, which keeps its place in the queue; of an OCO pair both orders become smaller."""
    client_order_id = which_order(request)
    new_id = checked_client_id(request.new_client_order_id, "newClientOrderId") or new_client_id()
    spec = await spec_of(runtime, request.symbol)
    lots = read_quantity(request.new_qty, spec.lot_units, "newQty")
    try:
        order = await runtime.venue.queries.order(
            caller.account, spec.symbol, order_id=request.order_id, client_order_id=client_order_id
        )
        _check_amendment(spec, order, lots)
        reduced = await runtime.venue.gateway.reduce_order(
            ReduceOrder(
                account=caller.account, symbol=spec.symbol, order_id=order.order_id, lots=lots,
                new_client_order_id=new_id, credential=caller.credential,
            )
        )  # fmt: skip
    except Rejected as refusal:
        if refusal.reason in (Reason.NO_SUCH_ORDER, Reason.UNKNOWN_ORDER):
            raise Rejected(Reason.AMEND_UNKNOWN_ORDER, refusal.detail) from refusal
        if refusal.reason is Reason.DUPLICATE_ORDER:
            raise Rejected(
                Reason.AMEND_DUPLICATE, refusal.detail, existing_order_id=refusal.existing_order_id
            ) from refusal
        raise
    return amended_view(spec, reduced, execution_id(reduced.seq, 1))


def _check_amendment(spec: SymbolSpec, order: OrderRecord, lots: int) -> None:
    """What can be said before the engine judges it again on the order as it is then. Raises Rejected."""
    if not order.status.is_open:
        raise Rejected(Reason.UNKNOWN_ORDER, order.status)
    if not order.has_quantity:
        raise Rejected(Reason.AMEND_PENDING_OPO)
    if lots >= order.lots:
        reason = Reason.AMEND_INCREASES if lots > order.lots else Reason.AMEND_CHANGES_NOTHING
        raise Rejected(reason, numbers={"lots": lots, "order_lots": order.lots}, field="newQty")
    check_lots(lots, spec, "newQty")
    if price_ticks := order.price_ticks or (order.terms.stop_ticks if order.terms is not None else 0):
        check_notional(price_ticks, lots, spec)


@ENDPOINTS.endpoint(
    "GET",
    "/order/amendments",
    answer=list[answers.Amendment],
    permission=Permission.READ,
    weight=4,
    websocket="order.amendments",
)
async def get_amendments(request: AmendmentsRequest, caller: Caller, runtime: Runtime) -> list[dict[str, Any]]:
    """Every amendment of an order, oldest first."""
    spec = await spec_of(runtime, request.symbol)
    found = await amendments_of(
        runtime.venue,
        caller.account,
        spec.symbol,
        request.order_id,
        from_seq=request.from_execution_id // REPORTS_PER_EVENT,
    )
    views = [amendment_view(spec, amendment, execution_id(amendment.seq, amendment.number)) for amendment in found]
    return [view for view in views if view["executionId"] >= request.from_execution_id][: min(request.limit, MOST_ROWS)]
