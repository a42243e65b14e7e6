"""The bridge from Django's synchronous code to the engine: one helper that asks the venue, and what it publishes.

The fact a newcomer would get wrong: SQL holds what was configured, Redis what is in force. Saving publishes after the
commit, and what SQL has then; were Redis away then, SQL is ahead until somebody saves again or `publish_symbols` runs.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from asgiref.sync import async_to_sync
from django.conf import settings

from engine.errors import BadParameter, EngineUnavailable, ExchangeError, OtherLayout, Reason, Rejected
from engine.instance import NO_EXCHANGE
from engine.rate_limits import RateLimits
from engine.types import SymbolSpec, SymbolStatus
from engine.venue import Venue, opened

Answer = TypeVar("Answer")
Rows = TypeVar("Rows")

FIXED_FIELDS = ("base", "quote", "base_decimals", "quote_decimals", "tick_units", "lot_units")


def run_in_venue(ask: Callable[[Venue], Awaitable[Answer]]) -> Answer:
    """Run `ask` with the exchange's venue over a connection of its own. For synchronous code, in any thread.

    Raises what the engine raises; EngineUnavailable too when no exchange runs here.
    """
    if not settings.REDIS_URL:
        raise EngineUnavailable(NO_EXCHANGE)

    async def asked() -> Answer:
        async with opened(settings.REDIS_URL, settings.EXCHANGE_VENUE) as venue:
            return await ask(venue)

    return async_to_sync(asked)()


def publish_as_stored(read: Callable[[], Rows], define: Callable[[Rows], None]) -> None:
    """`define` what `read` finds in SQL, again and again until SQL still has that afterwards. Raises as `define`.

    Of two who save at once either may be the last to tell the engine: it must not be told of a row that is no more.
    """
    told: Rows | None = None
    while (found := read()) != told:
        define(found)
        told = found


def explain(error: ExchangeError) -> str:
    """What happened in one sentence without its full stop, for admin messages and commands."""
    if isinstance(error, BadParameter):
        return _explain_parameter(error)
    if isinstance(error, OtherLayout):
        return str(error)
    if isinstance(error, EngineUnavailable):
        return f"the exchange's Redis cannot be reached ({error}): nothing changed there, try again later"
    if isinstance(error, Rejected):
        why = _REFUSALS.get(error.reason, str(error.reason))
        return f"refused: {why} ({error.detail})" if error.detail else f"refused: {why}"
    return f"the outcome is not known ({error}): look before you try again"


def _explain_parameter(error: BadParameter) -> str:
    field = error.field.replace("_", " ")
    if error.detail:
        return f"{field}: {error.detail}" if error.field not in ("", "all") else error.detail
    return f"{field}: {error.value!r} is {_PROBLEMS.get(error.problem, 'not possible')}"


_PROBLEMS = {
    "ILLEGAL_CHARACTERS": "not a plain decimal number such as 1.5",
    "NEGATIVE": "negative",
    "TOO_MANY_DECIMALS": "finer than the asset's smallest unit",
    "TOO_LARGE": "too large",
}
_REFUSALS = {
    Reason.INSUFFICIENT_BALANCE: "the account does not have so much free",
    Reason.UNKNOWN_ORDER: "the order is not open any more",
    Reason.UNKNOWN_SYMBOL: "there is no such symbol",
    Reason.UNKNOWN_ASSET: "no symbol trades this asset",
    Reason.UNKNOWN_USER: "there is no such user",
    Reason.BALANCE_TOO_LARGE: "the venue cannot count so much of one asset",
    Reason.AUCTION_UNMATCHED: "it collects orders for an auction, which ends with the status TRADING",
    Reason.RULES_FIXED: "tick size, lot size and assets cannot change once a symbol has a history",
}


def publish_rate_limits(*, enabled: bool) -> None:
    """Binance's limits where there are none, or none; limits that a tester has set stay. Raises what the engine raises.

    A tester's "none" does not outlive the exchange: what starts it says which.
    """

    async def publish(venue: Venue) -> None:
        known = await venue.registry.rate_limits()
        if enabled is not (known is not None):
            await venue.limiter.set_limits(RateLimits() if enabled else None)

    run_in_venue(publish)


def publish_specs(specs: list[SymbolSpec], *, reopen: bool = False) -> None:
    """Bring these rules into force. Raises Rejected RULES_FIXED ..., EngineUnavailable, OutcomeUnknown.

    What a circuit breaker has halted stays halted unless it is to `reopen`. A symbol that collects orders for an
    auction and is to trade matches them first; any other status is Rejected AUCTION_UNMATCHED.
    """

    async def define(venue: Venue) -> None:
        for spec in specs:
            if spec.status is SymbolStatus.TRADING:
                await _end_auction(venue, spec.symbol)
            await venue.registry.define_symbol(spec, reopen=reopen)

    run_in_venue(define)


async def _end_auction(venue: Venue, symbol: str) -> None:
    """If there is one."""
    try:
        await venue.gateway.uncross(symbol)
    except Rejected as error:
        if error.reason not in (Reason.NO_AUCTION, Reason.UNKNOWN_SYMBOL):
            raise


def stop_if_collecting(symbol: str, status: SymbolStatus) -> None:
    """Raises Rejected AUCTION_UNMATCHED when the symbol collects orders for an auction: only TRADING can come next."""

    async def look(venue: Venue) -> bool:
        known = (await venue.registry.specs()).get(symbol)
        return known is not None and known.status is SymbolStatus.AUCTION_MATCH

    if status not in (SymbolStatus.TRADING, SymbolStatus.AUCTION_MATCH) and run_in_venue(look):
        raise Rejected(Reason.AUCTION_UNMATCHED, symbol)


def breaks_history(spec: SymbolSpec) -> bool:
    """Whether the venue would refuse these rules because orders or trades were made under others."""

    async def look(venue: Venue) -> bool:
        known = (await venue.registry.specs()).get(spec.symbol)
        assets = await venue.registry.assets()
        if assets.get(spec.base, spec.base_decimals) != spec.base_decimals:
            return True
        if assets.get(spec.quote, spec.quote_decimals) != spec.quote_decimals:
            return True
        if known is None or all(getattr(known, field) == getattr(spec, field) for field in FIXED_FIELDS):
            return False
        return await venue.queries.has_history(spec.symbol)

    return run_in_venue(look)
