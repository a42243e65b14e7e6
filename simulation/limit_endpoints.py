"""`/_sim/rate-limits`: how much may be asked of the exchange, changed while it runs, on all workers at once.

    GET  rate-limits            PUT  rate-limits {enabled?, rateLimits?, fillAsTaker?, fillAsMaker?,
                                    refusalsBeforeBan?, firstBanSeconds?, longestBanSeconds?, forget?}

The fact a newcomer would get wrong: `rateLimits` is the list that exchangeInfo shows, and what is left out of it stays
as it is; of the two intervals of ORDERS an entry means the one of its length, so to change the lengths give both.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from api.callers import Caller
from api.limits import limit_view
from api.parameters import READS_JSON
from api.router import Nothing, sim_endpoints
from api.runtime import Runtime
from engine.errors import BadParameter
from engine.rate_limits import INTERVALS_MS, SECOND_MS, LimitKind, RateLimits, Window
from simulation import answers

ENDPOINTS = sim_endpoints()
LARGEST: Final = 1_000_000_000
LONGEST_S: Final = 366 * 86_400
Number = Annotated[int, Meta(ge=0, le=LARGEST)]
Seconds = Annotated[int, Meta(ge=1, le=LONGEST_S)]


class LimitEntry(Struct, rename="camel", forbid_unknown_fields=True):
    """An entry of exchangeInfo's rateLimits."""

    rate_limit_type: LimitKind
    interval: Literal["SECOND", "MINUTE", "HOUR", "DAY"]
    interval_num: Annotated[int, Meta(ge=1, le=366)]
    limit: Number

    @property
    def window(self) -> Window:
        return Window(self.limit, self.interval_num * INTERVALS_MS[self.interval])


class LimitsChange(Struct, kw_only=True, rename="camel"):
    """`forget`: what has been counted so far, bans too."""

    enabled: bool | None = None
    rate_limits: Annotated[str, READS_JSON] | None = None
    fill_as_taker: Number | None = None
    fill_as_maker: Number | None = None
    refusals_before_ban: Number | None = None
    first_ban_seconds: Seconds | None = None
    longest_ban_seconds: Seconds | None = None
    forget: bool = False


_entries = msgspec.json.Decoder(list[LimitEntry])


@ENDPOINTS.endpoint("GET", "/rate-limits", answer=answers.LimitsShown)
async def read_limits(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The limits in force."""
    return _shown(await runtime.venue.registry.rate_limits())


@ENDPOINTS.endpoint("PUT", "/rate-limits", answer=answers.LimitsShown)
async def change_limits(request: LimitsChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Other limits, or none: {"enabled": false}. Whatever else is given switches them on again."""
    if request == LimitsChange():
        raise BadParameter("enabled", "MISSING", detail="say what is to change: enabled, rateLimits, forget ...")
    limits = None
    if request.enabled is not False:
        known = await runtime.venue.registry.rate_limits()
        limits = _changed(known or RateLimits(), request)
    await runtime.venue.limiter.set_limits(limits, forget_counts=request.forget)
    return _shown(limits)


def _changed(limits: RateLimits, request: LimitsChange) -> RateLimits:
    fields: dict[str, Any] = {
        "fill_as_taker": request.fill_as_taker,
        "fill_as_maker": request.fill_as_maker,
        "refusals_before_ban": request.refusals_before_ban,
        "first_ban_ms": request.first_ban_seconds and request.first_ban_seconds * SECOND_MS,
        "longest_ban_ms": request.longest_ban_seconds and request.longest_ban_seconds * SECOND_MS,
    }
    changed = replace(limits, **{name: value for name, value in fields.items() if value is not None})
    if changed.first_ban_ms > changed.longest_ban_ms:
        raise BadParameter("longestBanSeconds", "BAD_COMBINATION", detail="the first ban is longer than the longest.")
    return changed if request.rate_limits is None else _with_windows(changed, request.rate_limits)


def _with_windows(limits: RateLimits, text: str) -> RateLimits:
    try:
        entries = _entries.decode(text)
    except msgspec.DecodeError as error:
        raise BadParameter("rateLimits", "UNKNOWN_VALUE", value=text, detail=f"rateLimits: {error}.") from error
    if not entries:
        raise BadParameter("rateLimits", "EMPTY")
    for kind, field in ((LimitKind.REQUEST_WEIGHT, "weight"), (LimitKind.RAW_REQUESTS, "requests")):
        windows = [entry.window for entry in entries if entry.rate_limit_type is kind]
        if len(windows) > 1:
            raise BadParameter("rateLimits", "BAD_COMBINATION", detail=f"rateLimits: {kind} stands there twice.")
        limits = replace(limits, **{field: windows[0]}) if windows else limits
    orders = [entry.window for entry in entries if entry.rate_limit_type is LimitKind.ORDERS]
    return _with_orders(limits, sorted(orders, key=lambda window: window.interval_ms)) if orders else limits


def _with_orders(limits: RateLimits, windows: list[Window]) -> RateLimits:
    if len(windows) == 1:
        for field, known in (("short_orders", limits.short_orders), ("long_orders", limits.long_orders)):
            if known.interval_ms == windows[0].interval_ms:
                return replace(limits, **{field: windows[0]})
    if len(windows) != 2 or windows[0].interval_ms == windows[1].interval_ms:
        detail = "rateLimits: ORDERS has two intervals; give both, or one of those in force."
        raise BadParameter("rateLimits", "BAD_COMBINATION", detail=detail)
    return replace(limits, short_orders=windows[0], long_orders=windows[1])


def _shown(limits: RateLimits | None) -> dict[str, Any]:
    if limits is None:
        return {"enabled": False}
    return {
        "enabled": True,
        "rateLimits": [limit_view(kind, window) for kind, window in limits.windows],
        "fillAsTaker": limits.fill_as_taker,
        "fillAsMaker": limits.fill_as_maker,
        "refusalsBeforeBan": limits.refusals_before_ban,
        "firstBanSeconds": limits.first_ban_ms // SECOND_MS,
        "longestBanSeconds": limits.longest_ban_ms // SECOND_MS,
    }
