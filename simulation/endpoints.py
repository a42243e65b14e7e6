"""`/_sim/...`: what is not the exchange, but what its owner may do to it. Callers show the text of `sim.token`.

    GET  info                   venue, version, clock
    GET  users [name]           POST users {name, displayName?}        a user if there is none, and one more key
                                PUT  users {name, tradeGroup?, maxOrder?, maxDaily?, maxPosition?, maxOpenOrders?,
                                            killed?}      true: all its orders are cancelled, new ones refused
    POST keys {user, ...}       one more key, with its secret
    GET  symbols                POST symbols {symbol, base, quote, tickSize?, ...}     {"created": false}: it exists
                                PUT  symbols {symbol, status}              TRADING, HALT, BREAK or AUCTION_MATCH
    GET  auction {symbol}       what the call auction of a symbol in AUCTION_MATCH would trade now
    GET  exchange               PUT  exchange {maxOrders?, maxAlgoOrders?, maxIcebergOrders?, maxOrderLists?}
    POST credit, debit {user, asset, amount}
    fees, conversions           see fee_endpoints
    GET  orders/ID/journal      why: what the engine did with an order
    GET  orders/journal {user, symbol, clientOrderId}   the same, also of an order that was refused
    GET  clock                  POST clock {mode, nowMs?, clear?}
    GET  replay                 POST replay {file, symbol?, speed?, clear?}
                                PUT  replay {speed?, paused?}    DELETE replay

The fact a newcomer would get wrong: users, keys and symbols are rows of SQL that are published on save, so those
handlers go through the services in a thread; money and time go straight to the engine.
"""

from collections.abc import Awaitable
from typing import Annotated, Any

from django.db.models import Count
from msgspec import Meta, Struct, structs

from accounts import services as accounts
from accounts.journal import Journal, journal_of, journal_of_client_id
from accounts.models import LARGEST_GROUP, LIMIT_FIELDS, NO_GROUP, Trader
from api.callers import Caller
from api.errors import Refused, answer_to
from api.router import Nothing, sim_endpoints
from api.runtime import Runtime
from engine.amounts import to_atoms, to_text
from engine.commands import Transfer
from engine.errors import BadParameter, Reason, Rejected
from engine.types import BALANCE_LIMIT, PRICE_DECIMALS
from markets import services as markets
from markets.endpoints import spec_of
from markets.models import RULE_FIELDS, Exchange
from simulation import replays
from simulation.clock import LATEST_MS
from simulation.rendering import auction_shown, exchange_shown, key_shown, rules_shown, user_shown
from simulation.threads import in_sql

ENDPOINTS = sim_endpoints()
LONGEST_GROUP = len(str(LARGEST_GROUP))


class UserQuery(Struct, kw_only=True):
    name: str | None = None


class NewUser(Struct, kw_only=True, rename="camel"):
    name: str
    display_name: str | None = None


class UserChange(Struct, kw_only=True, rename="camel"):
    """`max_order` and the other amounts are like "USDT=100000,BTC=2", or "none"; `max_open_orders` 0: any number."""

    name: str
    trade_group: str | None = None
    max_order: str | None = None
    max_daily: str | None = None
    max_position: str | None = None
    max_open_orders: str | None = None
    killed: bool | None = None


class NewKey(Struct, kw_only=True, rename="camel"):
    user: str
    label: str = ""
    permissions: str = accounts.PERMISSIONS
    requires_signature: bool = False


class NewSymbol(Struct, kw_only=True, rename="camel"):
    symbol: str
    base: str
    quote: str
    tick_size: str | None = None
    lot_size: str | None = None
    min_price: str | None = None
    max_price: str | None = None
    min_quantity: str | None = None
    max_quantity: str | None = None
    min_market_quantity: str | None = None
    max_market_quantity: str | None = None
    min_notional: str | None = None
    maker_fee: str | None = None
    taker_fee: str | None = None
    buyer_fee: str | None = None
    seller_fee: str | None = None
    special_maker_fee: str | None = None
    special_taker_fee: str | None = None
    special_buyer_fee: str | None = None
    special_seller_fee: str | None = None
    tax_maker_fee: str | None = None
    tax_taker_fee: str | None = None
    tax_buyer_fee: str | None = None
    tax_seller_fee: str | None = None
    discount_asset: str | None = None
    discount: str | None = None
    order_types: str | None = None
    max_iceberg_parts: str | None = None
    min_trailing_above: str | None = None
    max_trailing_above: str | None = None
    min_trailing_below: str | None = None
    max_trailing_below: str | None = None
    default_stp: str | None = None
    allowed_stp: str | None = None
    not_offered: str | None = None
    max_orders: str | None = None
    max_algo_orders: str | None = None
    max_iceberg_orders: str | None = None
    max_order_lists: str | None = None
    max_order_amends: str | None = None
    price_up: str | None = None
    price_down: str | None = None
    bid_price_up: str | None = None
    bid_price_down: str | None = None
    ask_price_up: str | None = None
    ask_price_down: str | None = None
    halt_percent: str | None = None
    halt_seconds: str | None = None
    range_bid_up: str | None = None
    range_bid_down: str | None = None
    range_ask_up: str | None = None
    range_ask_down: str | None = None
    reference_bucket_ms: str | None = None
    reference_buckets: str | None = None
    reference_external_id: str | None = None
    max_position: str | None = None
    matching_rule: str | None = None
    price_time_percent: str | None = None


class SymbolChange(Struct, kw_only=True):
    symbol: str
    status: str


class OneSymbol(Struct, kw_only=True):
    symbol: str


class ReferencePriceChange(Struct, kw_only=True):
    symbol: str
    price: str | None = None


class ExchangeChange(Struct, kw_only=True, rename="camel"):
    """Counts; 0: any number."""

    max_orders: str | None = None
    max_algo_orders: str | None = None
    max_iceberg_orders: str | None = None
    max_order_lists: str | None = None


class Money(Struct, kw_only=True):
    user: str
    asset: str
    amount: str


class OneJournal(Struct, kw_only=True, rename="camel"):
    order_id: int


class JournalQuery(Struct, kw_only=True, rename="camel"):
    user: str
    symbol: str
    client_order_id: str


class NewClock(Struct, kw_only=True, rename="camel"):
    mode: str
    now_ms: Annotated[int, Meta(ge=0, le=LATEST_MS)] | None = None
    clear: bool = False


class NewReplay(Struct, kw_only=True):
    file: str
    symbol: str | None = None
    speed: str = "max"
    clear: bool = False


class ReplayChange(Struct, kw_only=True):
    speed: str | None = None
    paused: bool | None = None


@ENDPOINTS.endpoint("GET", "/info")
async def info(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Which exchange this is, and how far its history goes."""
    return {"venue": runtime.venue.name, "version": runtime.version, "clock": await _clock(runtime)}


@ENDPOINTS.endpoint("GET", "/users")
async def list_users(request: UserQuery, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """All users, or the one of that name."""

    def read() -> list[dict[str, Any]]:
        traders = Trader.objects.annotate(key_count=Count("keys")).order_by("name")
        if request.name is not None:
            traders = traders.filter(name=request.name)
        return [user_shown(row) | {"keys": row.key_count} for row in traders]

    users = await in_sql(read)
    if request.name is not None and not users:
        raise Rejected(Reason.UNKNOWN_USER, request.name)
    return {"users": users}


@ENDPOINTS.endpoint("POST", "/users")
async def create_user(request: NewUser, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """A user, if there is none of that name, and one more key."""
    return key_shown(await in_sql(accounts.create_user, request.name, request.display_name or ""))


@ENDPOINTS.endpoint("PUT", "/users")
async def change_user(request: UserChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """A user's trade group and limits, and the kill switch."""
    given = {field: getattr(request, field) for field in (*LIMIT_FIELDS, "max_open_orders")}
    changes: dict[str, Any] = {
        field: "" if text == "none" else text for field, text in given.items() if text is not None
    }
    if request.trade_group is not None:
        changes["trade_group"] = _read_group(request.trade_group)
    if not changes and request.killed is None:
        raise BadParameter("tradeGroup", "MISSING", detail="say what is to change: tradeGroup, maxOrder, killed ...")
    if request.killed is False:
        changes["is_killed"] = False
    row = await in_sql(accounts.change_trader, request.name, **changes)
    if not request.killed:
        return user_shown(row)
    row, canceled = await in_sql(accounts.kill, request.name)
    return user_shown(row) | {"canceledOrders": canceled}


def _read_group(text: str) -> int:
    if text != str(NO_GROUP) and not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_GROUP):
        detail = "tradeGroup must be a number, or -1 for none"
        raise BadParameter("tradeGroup", "OUT_OF_RANGE", value=text, detail=detail)
    return int(text)


@ENDPOINTS.endpoint("POST", "/keys")
async def create_key(request: NewKey, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """One more key for a user."""
    created = await in_sql(
        accounts.create_api_key,
        request.user,
        label=request.label,
        permissions=request.permissions,
        requires_signature=request.requires_signature,
    )
    return key_shown(created)


@ENDPOINTS.endpoint("GET", "/symbols")
async def list_symbols(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Every symbol and its rules."""
    return {"symbols": [rules_shown(spec) for spec in (await runtime.venue.registry.specs()).values()]}


@ENDPOINTS.endpoint("POST", "/symbols")
async def add_symbol(request: NewSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """A new symbol; one that exists is left as it is."""
    rules = {field: getattr(request, field) for field in RULE_FIELDS}
    created = await in_sql(markets.add_symbol, request.symbol, request.base, request.quote, **rules)
    return {"symbol": request.symbol, "created": created}


@ENDPOINTS.endpoint("PUT", "/symbols")
async def change_symbol(request: SymbolChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Halt a symbol, put it into a break or an auction, or open it: after a halt, or with what the auction trades."""
    await in_sql(markets.set_status, request.symbol, request.status)
    return {"symbol": request.symbol, "status": request.status}


@ENDPOINTS.endpoint("GET", "/auction")
async def read_auction(request: OneSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Price and volume at which the crossing orders of a symbol would trade now; a price of null: nothing crosses."""
    spec = await spec_of(runtime, request.symbol)
    state = await runtime.venue.queries.auction(spec)
    return auction_shown(spec, state)


@ENDPOINTS.endpoint("GET", "/exchange")
async def read_exchange(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What an account may have open on all symbols together."""
    return exchange_shown(await in_sql(Exchange.row))


@ENDPOINTS.endpoint("PUT", "/exchange")
async def change_exchange(request: ExchangeChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Change it; what is left out stays."""
    rules = structs.asdict(request)
    if all(text is None for text in rules.values()):
        raise BadParameter("maxOrders", "MISSING", detail="say what is to change: maxOrders, maxAlgoOrders ...")
    return exchange_shown(await in_sql(markets.set_exchange_rules, **rules))


@ENDPOINTS.endpoint("PUT", "/referencePrice")
async def set_reference_price(request: ReferencePriceChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The reference price of a symbol that has it set from outside; without `price` it has none."""
    spec = await spec_of(runtime, request.symbol)
    units = None
    if request.price is not None:
        units = to_atoms(request.price, decimals=PRICE_DECIMALS, limit=BALANCE_LIMIT, field="price")
        if units == 0:
            raise BadParameter("price", "OUT_OF_RANGE", value=request.price)
    now_ms = await runtime.venue.registry.set_reference_price(spec.symbol, units)
    return {
        "symbol": spec.symbol, "referencePrice": None if units is None else to_text(units, decimals=PRICE_DECIMALS),
        "timestamp": now_ms,
    }  # fmt: skip


@ENDPOINTS.endpoint("POST", "/credit")
async def credit(request: Money, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Money in, for any user."""
    transfer, decimals = await _transfer(request, runtime)
    return _transferred(request, await runtime.venue.gateway.credit(transfer), decimals)


@ENDPOINTS.endpoint("POST", "/debit")
async def debit(request: Money, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Money out, for any user."""
    transfer, decimals = await _transfer(request, runtime)
    return _transferred(request, await runtime.venue.gateway.debit(transfer), decimals)


@ENDPOINTS.endpoint("GET", "/orders/{orderId}/journal")
async def read_journal(request: OneJournal, caller: Caller, runtime: Runtime) -> Journal:
    """What the engine did with an order, step by step, and what was refused about it."""
    await runtime.refusals.flush()
    return await _journal(journal_of(runtime.venue, request.order_id))


@ENDPOINTS.endpoint("GET", "/orders/journal")
async def find_journal(request: JournalQuery, caller: Caller, runtime: Runtime) -> Journal:
    """The same by the client's id, for orders that were refused and never got a number."""
    await runtime.refusals.flush()
    return await _journal(journal_of_client_id(runtime.venue, request.user, request.symbol, request.client_order_id))


async def _journal(found: Awaitable[Journal]) -> Journal:
    """Says more of an order that cannot be found than the exchange's public text does."""
    try:
        return await found
    except Rejected as error:
        if error.reason is not Reason.NO_SUCH_ORDER or not error.detail:
            raise
        raise Refused(answer_to(error)._replace(text=error.detail)) from error


@ENDPOINTS.endpoint("GET", "/clock")
async def read_clock(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The venue's time, and whose it is."""
    return await _clock(runtime)


@ENDPOINTS.endpoint("POST", "/clock")
async def set_clock(request: NewClock, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Stop the clock at a time (`virtual`; now, if none is given) or let it follow the machine's again (`real`)."""
    if request.mode not in ("real", "virtual"):
        raise BadParameter("mode", "UNKNOWN_VALUE", value=request.mode, detail="mode must be real or virtual")
    if request.mode == "real" and request.now_ms is not None:
        raise BadParameter("nowMs", "NOT_REQUIRED", detail="nowMs goes with mode virtual only")
    clock = runtime.venue.clock
    if request.clear:
        await clock.clear_market()
    if request.mode == "real":
        await clock.set_real()
    else:
        now_ms = request.now_ms if request.now_ms is not None else (await runtime.venue.queries.clock()).now_ms
        await clock.set_virtual(now_ms)
    return await _clock(runtime)


@ENDPOINTS.endpoint("GET", "/replay")
async def read_replay(request: Nothing, caller: Caller, runtime: Runtime) -> replays.Status:
    """How far the replay is, or how the last one ended."""
    return await replays.status(runtime.venue)


@ENDPOINTS.endpoint("POST", "/replay")
async def start_replay(request: NewReplay, caller: Caller, runtime: Runtime) -> replays.Status:
    """Play a recording, in the background, as fast as it goes or `speed` times as fast as it was recorded."""
    speed, file = replays.read_speed(request.speed), replays.read_file(request.file)
    return await replays.start(runtime.venue, file, symbol=request.symbol, speed=speed, clear=request.clear)


@ENDPOINTS.endpoint("PUT", "/replay")
async def direct_replay(request: ReplayChange, caller: Caller, runtime: Runtime) -> replays.Status:
    """Change the speed of the replay, pause it, let it go on."""
    return await replays.direct(runtime.venue, speed=request.speed, is_paused=request.paused)


@ENDPOINTS.endpoint("DELETE", "/replay")
async def stop_replay(request: Nothing, caller: Caller, runtime: Runtime) -> replays.Status:
    """End the replay; harmless when none runs."""
    return await replays.stop(runtime.venue)


async def _clock(runtime: Runtime) -> dict[str, Any]:
    clock = await runtime.venue.queries.clock()
    return {"mode": clock.mode, "nowMs": clock.now_ms, "epoch": clock.epoch, "seq": clock.seq}


async def _transfer(request: Money, runtime: Runtime) -> tuple[Transfer, int]:
    """The command and the asset's decimals. Raises Rejected and BadParameter; nothing is changed by then."""
    registry = runtime.venue.registry
    account = await registry.account_number(request.user)
    decimals = await registry.asset_decimals(request.asset)
    atoms = to_atoms(request.amount, decimals=decimals, limit=BALANCE_LIMIT, field="amount")
    if atoms == 0:
        raise BadParameter("amount", "OUT_OF_RANGE", value=request.amount, detail="amount must be above zero")
    return Transfer(account=account, asset=request.asset, atoms=atoms), decimals


def _transferred(request: Money, done: Any, decimals: int) -> dict[str, Any]:
    return {
        "user": request.user,
        "asset": request.asset,
        "tranId": done.transfer_id,
        "free": to_text(done.free_atoms, decimals=decimals),
        "locked": to_text(done.locked_atoms, decimals=decimals),
    }
