"""`/_sim/...`: what is not the exchange, but what its owner may do to it. Callers show the text of `sim.token`.

    GET  info                   venue, version, clock
    GET  users [name]           POST users {name, displayName?, publicKey?}   a user if there is none, and one more key
                                PUT  users {name, tradeGroup?, maxOrder?, maxDaily?, maxPosition?, maxOpenOrders?,
                                            killed?, disabled?}   killed: all its orders are cancelled, new ones refused
    keys                        see key_endpoints
    symbols, auction, exchange, referencePrice    see symbol_endpoints
    POST credit, debit {user, asset, amount}
    fees, conversions           see fee_endpoints
    rate-limits                 see limit_endpoints
    GET  orders/ID/journal      why: what the engine did with an order
    GET  orders/journal {user, symbol, clientOrderId}   the same, also of an order that was refused
    GET  clock                  POST clock {mode, nowMs?, clear?}
    GET  replay                 POST replay {file, symbol?, speed?, clear?}
                                PUT  replay {speed?, paused?}    DELETE replay

The fact a newcomer would get wrong: users and keys are rows of SQL that are published on save, so those
handlers go through the services in a thread; money and time go straight to the engine.
"""

from collections.abc import Awaitable
from typing import Annotated, Any

from django.db.models import Count
from msgspec import Meta, Struct

from accounts import services as accounts
from accounts.journal.asking import Journal, journal_of, journal_of_client_id
from accounts.models import LARGEST_GROUP, LIMIT_FIELDS, NO_GROUP, Trader
from api.callers import Caller
from api.errors import Refused, answer_to
from api.router import Nothing, sim_endpoints
from api.runtime import Runtime
from engine.amounts import to_atoms, to_text
from engine.commands import Transfer
from engine.errors import BadParameter, Reason, Rejected
from engine.types import BALANCE_LIMIT
from simulation import answers, replays
from simulation.clock import LATEST_MS
from simulation.rendering import key_shown, user_shown
from simulation.threads import in_sql

ENDPOINTS = sim_endpoints()
LONGEST_GROUP = len(str(LARGEST_GROUP))


class UserQuery(Struct, kw_only=True):
    name: str | None = None


class NewUser(Struct, kw_only=True, rename="camel"):
    name: str
    display_name: str | None = None
    public_key: str = ""


class UserChange(Struct, kw_only=True, rename="camel"):
    """`max_order` and the other amounts are like "USDT=100000,BTC=2", or "none"; `max_open_orders` 0: any number."""

    name: str
    trade_group: str | None = None
    max_order: str | None = None
    max_daily: str | None = None
    max_position: str | None = None
    max_open_orders: str | None = None
    killed: bool | None = None
    disabled: bool | None = None


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
    now_ms: Annotated[int, Meta(ge=1, le=LATEST_MS)] | None = None
    clear: bool = False


class NewReplay(Struct, kw_only=True):
    file: str
    symbol: str | None = None
    speed: str = "max"
    clear: bool = False


class ReplayChange(Struct, kw_only=True):
    speed: str | None = None
    paused: bool | None = None


@ENDPOINTS.endpoint("GET", "/info", answer=answers.Information)
async def info(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Which exchange this is, and how far its history goes."""
    return {"venue": runtime.venue.name, "version": runtime.version, "clock": await _clock(runtime)}


@ENDPOINTS.endpoint("GET", "/users", answer=answers.UsersShown)
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


@ENDPOINTS.endpoint("POST", "/users", answer=answers.NewKey)
async def create_user(request: NewUser, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """A user, if there is none of that name, and one more key."""
    name, public_key = request.display_name or "", request.public_key
    return key_shown(await in_sql(accounts.create_user, request.name, name, public_key=public_key))


@ENDPOINTS.endpoint("PUT", "/users", answer=answers.UserChanged)
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
    if request.disabled is not None:
        changes["is_disabled"] = request.disabled
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


@ENDPOINTS.endpoint("POST", "/credit", answer=answers.MoneyShown)
async def credit(request: Money, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Money in, for any user."""
    transfer, decimals = await read_transfer(request, runtime)
    return transferred(request, await runtime.venue.gateway.credit(transfer), decimals)


@ENDPOINTS.endpoint("POST", "/debit", answer=answers.MoneyShown)
async def debit(request: Money, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Money out, for any user."""
    transfer, decimals = await read_transfer(request, runtime)
    return transferred(request, await runtime.venue.gateway.debit(transfer), decimals)


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


@ENDPOINTS.endpoint("GET", "/clock", answer=answers.ClockShown)
async def read_clock(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The venue's time, and whose it is."""
    return await _clock(runtime)


@ENDPOINTS.endpoint("POST", "/clock", answer=answers.ClockShown)
async def set_clock(request: NewClock, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Stop the clock at a time (`virtual`; now, if none is given) or let it follow the machine's again (`real`)."""
    if request.mode not in ("real", "virtual"):
        raise BadParameter("mode", "UNKNOWN_VALUE", value=request.mode, detail="mode must be real or virtual")
    if request.mode == "real" and request.now_ms is not None:
        raise BadParameter("nowMs", "NOT_REQUIRED", detail="nowMs goes with mode virtual only")
    clock = runtime.venue.clock
    if request.mode == "real":
        await clock.set_real(clear=request.clear)
    else:
        now_ms = request.now_ms if request.now_ms is not None else (await runtime.venue.queries.clock()).now_ms
        await clock.set_virtual(now_ms, clear=request.clear)
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


async def read_transfer(request: Money, runtime: Runtime) -> tuple[Transfer, int]:
    """The command and the asset's decimals. Raises Rejected and BadParameter; nothing is changed by then."""
    registry = runtime.venue.registry
    account = await registry.account_number(request.user)
    decimals = await registry.asset_decimals(request.asset)
    atoms = to_atoms(request.amount, decimals=decimals, limit=BALANCE_LIMIT, field="amount")
    if atoms == 0:
        raise BadParameter("amount", "OUT_OF_RANGE", value=request.amount, detail="amount must be above zero")
    return Transfer(account=account, asset=request.asset, atoms=atoms), decimals


def transferred(request: Money, done: Any, decimals: int) -> dict[str, Any]:
    return {
        "user": request.user,
        "asset": request.asset,
        "tranId": done.transfer_id,
        "free": to_text(done.free_atoms, decimals=decimals),
        "locked": to_text(done.locked_atoms, decimals=decimals),
    }
