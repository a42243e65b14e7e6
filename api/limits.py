"""What one request counts towards the limits of its venue, and what its answer says of them: headers, refusals.

    meter = Meter(runtime, address, row)
    caller = await meter.begin(request, caller)     # counts it, or has its placement counted with it
    ... the handler ...
    await meter.done(...)                           # of a Reply; for an exception: answer(await meter.failed(error))
    meter.headers, meter.shown()

The fact a newcomer would get wrong: a placement is counted by the script that places it, and only there once it has
succeeded. What failed before or in it is counted afterwards, by `failed`, which may turn any error into a 429.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec
from msgspec.structs import replace

from api.callers import Caller
from api.errors import Answer, Refused
from api.runtime import Ban, Runtime
from engine.errors import EngineUnavailable, OutcomeUnknown, Reason, Rejected
from engine.rate_limits import SECOND_MS, Charge, Counts, LimitKind, RateLimits, Verdict, Window

Header = tuple[bytes, bytes]

# Source: errors.md, -1003 (its second and third text; raw requests have none of their own there)
TOO_MUCH_WEIGHT: Final = (
    "Too much request weight used; current limit is {limit} request weight per {interval}. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
TOO_MANY_REQUESTS: Final = (
    "Too many requests; current limit is {limit} requests per {interval}. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
BANNED: Final = (
    "Way too much request weight used; IP banned until {until_ms}. "
    "Please use WebSocket Streams for live updates to avoid bans."
)
WEIGHT_OF_UNREADABLE: Final = 1  # what a request weighs that could not be read


class Row(Protocol):
    """What a meter asks of an endpoint's row."""

    @property
    def weight(self) -> Any: ...
    @property
    def orders(self) -> int: ...
    @property
    def needs_venue(self) -> bool: ...


class Light(msgspec.Struct, frozen=True):
    """What a request counts as that has no endpoint: a handshake, a frame that is none, a path where nothing is."""

    weight: int
    orders: int = 0
    needs_venue: bool = True


UNREADABLE: Final = Light(WEIGHT_OF_UNREADABLE)


class LimitReached(Refused):
    """429 or 418; times by the venue's clock."""

    def __init__(self, answer: Answer, *, now_ms: int, until_ms: int) -> None:
        super().__init__(answer)
        self.now_ms = now_ms
        self.until_ms = until_ms


class Meter:
    """One request's. `counts`: what has been used with it, None while nothing was counted."""

    __slots__ = ("_address", "_charge", "_limits", "_retry", "_row", "_runtime", "_weight", "counts")

    def __init__(self, runtime: Runtime, address: str, row: Row) -> None:
        self._runtime = runtime
        self._address = address or "unix"
        self._row = row
        self._limits: RateLimits | None = None
        self._weight = WEIGHT_OF_UNREADABLE
        self._charge: Charge | None = None
        self._retry: Header | None = None
        self.counts: Counts | None = None

    @property
    def may_be_banned(self) -> bool:
        """Whether the address was banned when this process last heard of it: `turn_away` comes before all else then."""
        return self._address in self._runtime.bans

    async def turn_away(self) -> None:
        """Refuse the address if it is banned still, whatever it sends. Raises LimitReached, EngineUnavailable.

        Redis says so. A tester may have ended the ban just now on another worker: then the request counts twice.
        """
        runtime = self._runtime
        if not self._row.needs_venue and not runtime.is_open:
            return
        ban = runtime.bans.get(self._address)
        self._limits = await runtime.venue.registry.rate_limits()
        now_us = runtime.time.guess_us() or await runtime.time.ask_us()
        if ban is not None and ban.limits is self._limits and now_us < ban.until_ms * 1000:
            await self._admit()
            self.counts = None  # what it is to be worth is counted by `begin`
        runtime.bans.pop(self._address, None)

    async def begin(self, request: Any, caller: Caller) -> Caller:
        """Count the request before it is worked on; for one that places orders, the caller with what to count.

        Raises LimitReached, EngineUnavailable.
        """
        row = self._row
        if not row.needs_venue and not self._runtime.is_open:
            return caller
        registry = self._runtime.venue.registry
        known = registry.known_rate_limits
        self._limits = known[0] if known else await registry.rate_limits()
        if self._limits is None:
            return caller
        self._weight = row.weight if isinstance(row.weight, int) else row.weight(request)
        if row.orders:
            self._charge = Charge(self._address, weight=self._weight, orders=row.orders)
            return replace(caller, charge=self._charge)
        await self._admit()
        return caller

    async def done(self, refused: Iterable[Exception], *, has_effect: bool) -> None:
        """The handler has answered that parts were `refused`. Raises LimitReached if nothing has come of it.

        A placement that has come about and was not counted was done while there were no limits: it is not undone.
        """
        for error in refused:
            self._retry = self._retry or retry_after(error)
        if self._charge is not None and not self._is_placed and not has_effect:
            with suppress(EngineUnavailable):  # the answer says more
                await self._admit()

    async def failed(self, error: Exception) -> Exception:
        """What to answer instead of the handler's result; the request is counted unless it was, or nobody can know."""
        if not (self._is_placed or self.counts or isinstance(error, LimitReached | EngineUnavailable | OutcomeUnknown)):
            error = await self._counted(error)
        self._retry = retry_after(error)
        return error

    async def _counted(self, error: Exception) -> Exception:
        try:
            self._limits = await self._runtime.venue.registry.rate_limits()
            if self._limits is not None:
                await self._admit(is_refused=isinstance(error, Rejected) and error.reason is Reason.RATE_LIMITED)
        except LimitReached as reached:
            return reached
        except EngineUnavailable:
            pass  # the error itself says more
        return error

    @property
    def _is_placed(self) -> bool:
        """Whether a script has counted it; its counts are known from then on."""
        charge = self._charge
        if charge is None or charge.counts is None:
            return False
        self.counts = charge.counts
        return True

    async def _admit(self, *, is_refused: bool = False) -> None:
        admission = await self._runtime.venue.limiter.admit(self._address, self._weight, is_refused=is_refused)
        limits, verdict = self._limits, admission.verdict
        if verdict is Verdict.OFF or limits is None:
            return
        self.counts = admission.counts
        if verdict is Verdict.ADMITTED:
            return
        if verdict is Verdict.BANNED:
            self._runtime.note_ban(self._address, Ban(admission.until_ms, limits))
            answer = Answer(418, -1003, BANNED.format(until_ms=admission.until_ms))
        elif verdict is Verdict.REQUESTS:
            answer = Answer(429, -1003, _worded(TOO_MANY_REQUESTS, limits.requests))
        else:
            answer = Answer(429, -1003, _worded(TOO_MUCH_WEIGHT, limits.weight))
        raise LimitReached(answer, now_ms=admission.now_ms, until_ms=admission.until_ms)

    @property
    def headers(self) -> list[Header]:
        """X-MBX-USED-WEIGHT and, of a placement, X-MBX-ORDER-COUNT, with this request in them; Retry-After."""
        words, limits, charge = self._words, self._limits, self._charge
        headers: list[Header] = []
        if words is not None and limits is not None:
            weight, _, short_orders, long_orders = words
            used, used_in, short, long = _header_names(limits)
            headers += (used, weight), (used_in, weight)
            if charge is not None and charge.text is not None:
                headers += (short, short_orders), (long, long_orders)
        if self._retry is not None:
            headers.append(self._retry)
        return headers

    @property
    def _words(self) -> list[bytes] | None:
        """The counts as texts: a placement's as its script has written them."""
        charge = self._charge
        if charge is not None and charge.text is not None:
            return charge.text.split()
        return None if self.counts is None else self.counts.words

    def shown(self) -> list[dict[str, Any]]:
        """The `rateLimits` of an answer of the WebSocket API: the limits that the request has counted towards."""
        is_placed, counts, limits = self._is_placed, self.counts, self._limits
        if counts is None or limits is None:
            return []
        weight = [limit_view(LimitKind.REQUEST_WEIGHT, limits.weight, counts.weight)]
        return [*orders_view(limits, counts), *weight] if is_placed else weight


def limit_view(kind: LimitKind, window: Window, count: int | None = None) -> dict[str, Any]:
    """A limit as exchangeInfo shows it, with a count where one is asked for."""
    interval, number = window.interval
    view = {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": window.most}
    return view if count is None else view | {"count": count}


def orders_view(limits: RateLimits, counts: Counts) -> list[dict[str, Any]]:
    """How many unfilled orders count, in either interval."""
    return [
        limit_view(LimitKind.ORDERS, limits.short_orders, counts.short_orders),
        limit_view(LimitKind.ORDERS, limits.long_orders, counts.long_orders),
    ]


def times_of(error: Exception) -> tuple[int, int] | None:
    """When something was refused for a limit, and until when it will be, both in ms; None for other errors."""
    if isinstance(error, LimitReached):
        return error.now_ms, error.until_ms
    if isinstance(error, Rejected) and error.reason is Reason.TOO_MANY_ORDERS:
        return error.numbers["now_ms"], error.numbers["until_ms"]
    return None


def retry_after(error: Exception) -> Header | None:
    """Retry-After in whole seconds, at least one."""
    times = times_of(error)
    if times is None:
        return None
    now_ms, until_ms = times
    return b"retry-after", b"%d" % max(1, -((now_ms - until_ms) // SECOND_MS))


@lru_cache(maxsize=16)
def _header_names(limits: RateLimits) -> tuple[bytes, bytes, bytes, bytes]:
    def named(prefix: str, window: Window) -> bytes:
        interval, number = window.interval
        return f"{prefix}-{number}{interval[0]}".lower().encode()

    return (
        b"x-mbx-used-weight",
        named("x-mbx-used-weight", limits.weight),
        named("x-mbx-order-count", limits.short_orders),
        named("x-mbx-order-count", limits.long_orders),
    )


def _worded(text: str, window: Window) -> str:
    interval, number = window.interval
    return text.format(limit=window.most, interval=f"{number} {interval}")
