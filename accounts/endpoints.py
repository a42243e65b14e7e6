"""Private endpoints: orders, balances, history, money in and out. The key says whose.

The fact a newcomer would get wrong: whose is never a parameter. The account comes from the key alone, and somebody
else's order is as unknown as one that never was.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from accounts import answers, weights
from accounts.commissions import account_commission_view, commission_of, commission_view, order_commission_view
from accounts.history import Span, all_orders, list_ids_of, one_order, prevented_matches_of, trades_of
from accounts.lists.history import one_list
from accounts.lists.rendering import ListView, canceled_list_view
from accounts.match_rendering import own_trade_view, prevented_match_view
from accounts.orders import (
    NewOrder,
    OrderTest,
    ResponseKind,
    check_form,
    checked_client_id,
    new_client_id,
    to_command,
)
from accounts.rendering import (
    NO_LIST,
    AcceptedView,
    CanceledView,
    OrderView,
    PlacedView,
    cancel_id_of_all,
    canceled_view,
    list_of,
    new_order_view,
    order_view,
)
from api.callers import Caller, Permission
from api.dialects import V1, V3
from api.errors import one_of_two_missing
from api.limits import orders_view
from api.parameters import EndTime, StartTime
from api.router import EndpointTable, Nothing
from api.runtime import Runtime
from engine.amounts import to_atoms
from engine.commands import CancelAllOrders, CancelOrder, Transfer
from engine.errors import BadParameter, EngineUnavailable, OutcomeUnknown
from engine.filters import check_order
from engine.runner import Stale
from engine.types import BALANCE_LIMIT, OrderStatus, OrderType, SymbolSpec
from markets.endpoints import MOST_ROWS, OfSymbol, check_span, check_times, spec_of
from markets.rendering import atoms_text, exchange_filters_view, filters_view

ENDPOINTS: Final = EndpointTable()

RULES_TRIES: Final = 5  # how often an order is read again because its symbol's rules have just changed
Limit = Annotated[int, msgspec.Meta(ge=1)]


class OneOrder(OfSymbol, kw_only=True, rename="camel"):
    """An order by its id, by its client's id, or by both, which then must agree."""

    order_id: int | None = None
    orig_client_order_id: str | None = None


class CancelRestriction(StrEnum):
    """Which orders a cancel means; others are left alone."""

    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"

    @property
    def status(self) -> OrderStatus:
        return OrderStatus(self.removeprefix("ONLY_"))


class CancelRequest(OneOrder, kw_only=True, rename="camel"):
    new_client_order_id: str | None = None
    cancel_restrictions: CancelRestriction | None = None


class OpenOrdersRequest(msgspec.Struct, kw_only=True):
    symbol: str | None = None


class AllOrdersRequest(OfSymbol, kw_only=True, rename="camel"):
    order_id: int | None = None
    start_time: StartTime | None = None
    end_time: EndTime | None = None
    limit: Limit = 500


class MyTradesRequest(AllOrdersRequest, kw_only=True, rename="camel"):
    from_id: int | None = None


class PreventedMatchesRequest(OfSymbol, kw_only=True, rename="camel"):
    """One by its id, or those of an order."""

    prevented_match_id: int | None = None
    order_id: int | None = None
    from_prevented_match_id: int | None = None
    limit: Limit = 500


class AccountRequest(msgspec.Struct, kw_only=True, rename="camel"):
    omit_zero_balances: bool = False


class TransferRequest(msgspec.Struct, kw_only=True):
    asset: str
    amount: str


@ENDPOINTS.endpoint("POST", "/order", permission=Permission.TRADE, orders=1, websocket="order.place")
async def place_order(request: NewOrder, caller: Caller, runtime: Runtime) -> PlacedView | AcceptedView:
    """A new order."""
    client_order_id = check_form(request, caller)
    kind = request.new_order_resp_type or usual_response(request.type, caller)
    registry = runtime.venue.registry
    for _ in range(RULES_TRIES):
        spec = registry.known_specs.get(request.symbol) or await spec_of(runtime, request.symbol)
        command = to_command(request, spec, caller, client_order_id)
        check_order(command, spec)
        try:
            placed = await runtime.venue.gateway.place_order(command)
            return new_order_view(spec, placed, kind)
        except Stale:
            registry.forget()
    raise EngineUnavailable(f"the rules of {request.symbol} keep changing")


@ENDPOINTS.endpoint(
    "POST",
    "/order/test",
    answer=answers.TestedOrder,
    permission=Permission.TRADE,
    weight=weights.of_test,
    websocket="order.test",
)
async def test_order(request: OrderTest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Judge a new order as far as parameters and filters go, and place nothing."""
    client_order_id = check_form(request, caller)
    spec = await spec_of(runtime, request.symbol)
    check_order(to_command(request, spec, caller, client_order_id), spec)
    if not request.compute_commission_rates:
        return {}
    return order_commission_view(await commission_of(runtime.venue.registry, caller.account, spec), request.side)


def usual_response(kind: OrderType, caller: Caller) -> ResponseKind:
    """How much is told of a new order whose sender did not say."""
    if caller.dialect.answers_in_full or kind in (OrderType.LIMIT, OrderType.MARKET):
        return ResponseKind.FULL
    return ResponseKind.ACK


@ENDPOINTS.endpoint("DELETE", "/order", permission=Permission.TRADE, websocket="order.cancel")
async def cancel_order(request: CancelRequest, caller: Caller, runtime: Runtime) -> CanceledView:
    """Take an order off the book."""
    client_order_id = which_order(request)
    cancel_id = checked_client_id(request.new_client_order_id, "newClientOrderId") or new_client_id()
    spec = await spec_of(runtime, request.symbol)
    command = CancelOrder(
        account=caller.account,
        symbol=spec.symbol,
        order_id=request.order_id,
        client_order_id=client_order_id,
        cancel_client_order_id=cancel_id,
        only_status=None if request.cancel_restrictions is None else request.cancel_restrictions.status,
        credential=caller.credential,
    )
    canceled = await runtime.venue.gateway.cancel_order(command)
    return canceled_view(spec, canceled.order, cancel_id)


@ENDPOINTS.endpoint("GET", "/order", permission=Permission.READ, weight=4, websocket="order.status")
async def get_order(request: OneOrder, caller: Caller, runtime: Runtime) -> OrderView:
    """An order in any state."""
    client_order_id = which_order(request)
    spec = await spec_of(runtime, request.symbol)
    order = await one_order(
        runtime.venue, caller.account, spec.symbol, order_id=request.order_id, client_order_id=client_order_id
    )
    return order_view(spec, order)


def which_order(request: OneOrder) -> str:
    """The order's client id if one came. Raises BadParameter, also when there is no id at all."""
    if request.order_id is None and request.orig_client_order_id is None:
        raise one_of_two_missing("origClientOrderId", "orderId")
    return checked_client_id(request.orig_client_order_id, "origClientOrderId")


@ENDPOINTS.endpoint(
    "GET", "/openOrders", permission=Permission.READ, weight=weights.of_open_orders, websocket="openOrders.status"
)
async def open_orders(request: OpenOrdersRequest, caller: Caller, runtime: Runtime) -> list[OrderView]:
    """The orders on the book, of a symbol or of all, oldest first within a symbol."""
    if request.symbol is None:
        specs = list((await runtime.venue.registry.specs()).values())
    else:
        specs = [await spec_of(runtime, request.symbol)]
    views = []
    for spec in specs:
        orders = await runtime.venue.queries.open_orders(caller.account, [spec.symbol])
        views += [order_view(spec, order) for order in orders]
    return views


@ENDPOINTS.endpoint("DELETE", "/openOrders", permission=Permission.TRADE, websocket="openOrders.cancelAll")
async def cancel_open_orders(request: OfSymbol, caller: Caller, runtime: Runtime) -> list[CanceledView | ListView]:
    """Take all orders of a symbol off the book."""
    spec = await spec_of(runtime, request.symbol)
    command = CancelAllOrders(account=caller.account, symbol=spec.symbol, credential=caller.credential)
    orders = await runtime.venue.gateway.cancel_all_orders(command)
    alone = [order for order in orders if list_of(order) == NO_LIST]
    is_named = caller.dialect.names_cancel_of_all
    views: list[CanceledView | ListView] = [
        canceled_view(spec, order, cancel_id_of_all(order) if is_named else order.client_order_id) for order in alone
    ]
    for list_id in dict.fromkeys(list_of(order) for order in orders if list_of(order) != NO_LIST):
        try:
            views.append(await _canceled_list(runtime, spec, caller, list_id))
        except EngineUnavailable as error:  # they are cancelled: who hears that nothing has changed is told wrong
            raise OutcomeUnknown("cancel_all_orders") from error
    return views


async def _canceled_list(runtime: Runtime, spec: SymbolSpec, caller: Caller, list_id: int) -> ListView:
    """A list whose orders were just cancelled: all of them, also those that went as another one's consequence."""
    found = await one_list(runtime.venue, caller.account, list_id=list_id, client_order_id="")
    ids = [order.order_id for order in found[1].orders]
    orders = await runtime.venue.queries.orders_by_id(caller.account, spec.symbol, ids)
    cancel_id = cancel_id_of_all(orders[0]) if caller.dialect.names_cancel_of_all and orders else None
    return canceled_list_view(spec, found[1], orders, cancel_id)


@ENDPOINTS.endpoint("GET", "/allOrders", permission=Permission.READ, weight=20, websocket="allOrders")
async def get_all_orders(request: AllOrdersRequest, caller: Caller, runtime: Runtime) -> list[OrderView]:
    """Orders in all states, oldest first."""
    spec = await spec_of(runtime, request.symbol)
    span = _span(request, caller, from_id=request.order_id)
    orders = await all_orders(runtime.venue, caller.account, spec.symbol, span)
    return [order_view(spec, order) for order in orders]


@ENDPOINTS.endpoint(
    "GET",
    "/myTrades",
    answer=list[answers.OwnTrade],
    permission=Permission.READ,
    weight=weights.of_own_trades,
    websocket="myTrades",
)
async def my_trades(request: MyTradesRequest, caller: Caller, runtime: Runtime) -> list[dict[str, Any]]:
    """The account's trades, oldest first."""
    spec = await spec_of(runtime, request.symbol)
    has_times = request.start_time is not None or request.end_time is not None
    if caller.dialect.limits_history and has_times and (request.order_id is not None or request.from_id is not None):
        raise BadParameter("startTime", "BAD_COMBINATION")
    span = _span(request, caller, from_id=request.from_id)
    trades = await trades_of(runtime.venue, caller.account, spec.symbol, span, order_id=request.order_id)
    views = [own_trade_view(spec, trade, caller.account, request.order_id) for trade in trades]
    lists = await list_ids_of(runtime.venue, caller.account, spec.symbol, {view["orderId"] for view in views})
    for view in views:
        view["orderListId"] = lists.get(view["orderId"], NO_LIST)
    return views


@ENDPOINTS.endpoint(
    "GET",
    "/myPreventedMatches",
    answer=list[answers.PreventedMatchShown],
    permission=Permission.READ,
    weight=weights.of_prevented_matches,
    websocket="myPreventedMatches",
)
async def my_prevented_matches(
    request: PreventedMatchesRequest, caller: Caller, runtime: Runtime
) -> list[dict[str, Any]]:
    """Matches that self-trade prevention kept the account's orders from, oldest first."""
    by_id, by_order = request.prevented_match_id is not None, request.order_id is not None
    if not by_id and not by_order:
        raise one_of_two_missing("preventedMatchId", "orderId")
    if by_id and (by_order or request.from_prevented_match_id is not None):
        raise BadParameter("preventedMatchId", "BAD_COMBINATION")
    spec = await spec_of(runtime, request.symbol)
    found = await prevented_matches_of(
        runtime.venue, caller.account, spec.symbol, match_id=request.prevented_match_id, order_id=request.order_id,
        from_id=request.from_prevented_match_id or 0, limit=min(request.limit, MOST_ROWS),
    )  # fmt: skip
    return [prevented_match_view(spec, prevented) for prevented in found]


def _span(request: AllOrdersRequest, caller: Caller, *, from_id: int | None) -> Span:
    check_times(request.start_time, request.end_time)
    if caller.dialect.limits_history:
        check_span(request.start_time, request.end_time)
    return Span(
        from_id=from_id,
        start_ms=request.start_time,
        end_ms=request.end_time,
        limit=min(request.limit, MOST_ROWS),
    )


@ENDPOINTS.endpoint(
    "GET",
    "/account",
    answer=answers.AccountInformation,
    permission=Permission.READ,
    weight=20,
    websocket="account.status",
)
async def get_account(request: AccountRequest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Balances, and the fees of the account where no symbol says otherwise (`account_commission_view`)."""
    queries, registry = runtime.venue.queries, runtime.venue.registry
    decimals = await registry.assets()
    balances = await queries.balances(caller.account, decimals)
    view: dict[str, Any] = {
        **await account_commission_view(registry, caller.account),
        "canTrade": not (await registry.account_limits(caller.account)).is_killed,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": (await queries.clock()).now_ms,
        "accountType": "SPOT",
        "balances": [
            {
                "asset": balance.asset,
                "free": atoms_text(balance.free_atoms, decimals[balance.asset]),
                "locked": atoms_text(balance.locked_atoms, decimals[balance.asset]),
            }
            for balance in balances
            if not request.omit_zero_balances or balance.free_atoms or balance.locked_atoms
        ],
        "permissions": ["SPOT"],
        "uid": caller.account,
    }
    if caller.dialect.account_names_user:
        view |= {"accountId": caller.account, "userId": caller.user_name}
    elif (trade_group := await queries.trade_group(caller.account)) >= 0:
        view["tradeGroupId"] = (
            trade_group  # faqs/stp_faq.md; rest-api.md, which shows an account in none, leaves it out
        )
    return view


@ENDPOINTS.endpoint(
    "GET",
    "/account/commission",
    answer=answers.Commissions,
    permission=Permission.READ,
    weight=20,
    websocket="account.commission",
)
async def get_commission(request: OfSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What the account pays on a symbol, as the next fill meets it."""
    spec = await spec_of(runtime, request.symbol)
    return commission_view(await commission_of(runtime.venue.registry, caller.account, spec))


@ENDPOINTS.endpoint(
    "GET",
    "/rateLimit/order",
    answer=list[answers.CountedLimit],
    permission=Permission.READ,
    dialect=V3,
    weight=40,
    websocket="account.rateLimits.orders",
)
async def get_unfilled_orders(request: Nothing, caller: Caller, runtime: Runtime) -> list[dict[str, Any]]:
    """How many unfilled orders of the account count, in every interval; nothing where no limit is in force."""
    limits = await runtime.venue.registry.rate_limits()
    if limits is None:
        return []
    return orders_view(limits, await runtime.venue.limiter.unfilled_orders(caller.account))


@ENDPOINTS.endpoint(
    "GET", "/myFilters", answer=answers.Filters, permission=Permission.READ, weight=40, websocket="myFilters"
)
async def my_filters(request: OfSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The filters that the account's orders on a symbol meet."""
    spec = await spec_of(runtime, request.symbol)
    limits = await runtime.venue.registry.account_limits(caller.account)
    decimals = {spec.base: spec.base_decimals, spec.quote: spec.quote_decimals}
    return {
        "exchangeFilters": exchange_filters_view([spec]),
        "symbolFilters": filters_view(spec),
        "assetFilters": [
            {"filterType": "MAX_ASSET", "asset": asset, "limit": atoms_text(limits.max_order[asset], decimals[asset])}
            for asset in decimals
            if asset in limits.max_order
        ],
    }


@ENDPOINTS.endpoint("POST", "/deposit", answer=answers.MoneyMoved, permission=Permission.WITHDRAW, dialect=V1)
async def deposit(request: TransferRequest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Money in."""
    transfer, amount = await _transfer(request, caller, runtime)
    done = await runtime.venue.gateway.credit(transfer)
    return {"status": "ok", "tranId": done.transfer_id, "asset": transfer.asset, "amount": amount}


@ENDPOINTS.endpoint("POST", "/withdraw", answer=answers.MoneyMoved, permission=Permission.WITHDRAW, dialect=V1)
async def withdraw(request: TransferRequest, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Free money out."""
    transfer, amount = await _transfer(request, caller, runtime)
    done = await runtime.venue.gateway.debit(transfer)
    return {"status": "ok", "tranId": done.transfer_id, "asset": transfer.asset, "amount": amount}


async def _transfer(request: TransferRequest, caller: Caller, runtime: Runtime) -> tuple[Transfer, str]:
    """The command, and its amount as text. Raises Rejected UNKNOWN_ASSET, BadParameter."""
    decimals = await runtime.venue.registry.asset_decimals(request.asset)
    atoms = to_atoms(request.amount, decimals=decimals, limit=BALANCE_LIMIT, field="amount")
    if atoms == 0:
        raise BadParameter("amount", "OUT_OF_RANGE", value=request.amount)
    transfer = Transfer(account=caller.account, asset=request.asset, atoms=atoms, credential=caller.credential)
    return transfer, atoms_text(atoms, decimals)
