"""Klines: candles as they are asked for, silent intervals filled in, in UTC or in the days of another time zone.

Source: rest-api.md, "Kline/Candlestick data". The fact a newcomer would get wrong: a zone moves the begin of an
interval, never the meaning of startTime and endTime. Candles are kept in UTC alone; where the zone's intervals begin at
other moments they are put together from days, hours and minutes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from engine.errors import BadParameter
from engine.types import SymbolSpec
from engine.venue import Venue
from markets.candles import (
    DAY_MS,
    FIXED_MS,
    HOUR_MS,
    MINUTE_MS,
    MONTH,
    SECONDS_KEPT_MS,
    Candle,
    cover,
    merged,
    next_open,
    open_of,
    read_view,
    silent_candle,
    venue_now,
)

FIRST_ZONE_MS, LAST_ZONE_MS = -12 * HOUR_MS, 14 * HOUR_MS
MOST_CANDLES: Final = 1_900  # of one read; lua/read_candles.lua takes 2,000 fields
_ZONE: Final = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?", re.ASCII)


class Kline(msgspec.Struct, frozen=True):
    """A candle with its times, ready for a caller. `close_ms` is the last millisecond that belongs to it."""

    open_ms: int
    close_ms: int
    candle: Candle


def read_time_zone(text: str) -> int:
    """How far the zone's clocks are ahead of UTC, in milliseconds: "8", "05:45", "-1:00". Raises BadParameter."""
    found = _ZONE.fullmatch(text)
    if found is None or int(found[3] or 0) >= 60:
        raise BadParameter("timeZone", "UNKNOWN_VALUE", value=text)
    size_ms = int(found[2]) * HOUR_MS + int(found[3] or 0) * MINUTE_MS
    zone_ms = -size_ms if found[1] == "-" else size_ms
    if not FIRST_ZONE_MS <= zone_ms <= LAST_ZONE_MS:
        raise BadParameter("timeZone", "OUT_OF_RANGE", value=text)
    return zone_ms


async def read_klines(
    venue: Venue,
    spec: SymbolSpec,
    interval: str,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    zone_ms: int = 0,
) -> list[Kline]:
    """At most `limit` candles, oldest first: from `start_ms` on if given, else the newest up to `end_ms` or now.

    A candle belongs to the range when its open time does. Silent intervals between the first trade and now are
    filled: the close before them, no volume. Raises EngineUnavailable.
    """
    now_ms = await venue_now(venue)
    known = await read_view(venue, spec.symbol)
    first_ms, last = known.first_ms, known.last
    if first_ms is None or last is None:
        return []
    if interval == "1s":
        first_ms = max(first_ms, now_ms - SECONDS_KEPT_MS + MINUTE_MS)
    opens = opens_between(interval, first_ms, now_ms, start_ms=start_ms, end_ms=end_ms, limit=limit, zone_ms=zone_ms)
    if not opens:
        return []
    found = await _read(venue, spec.symbol, parts_of(interval, opens, zone_ms))
    before = next((found[open_ms].previous_close_ticks for open_ms in opens if open_ms in found), None)
    if before is None and last.now_ms < opens[0]:
        before = last.price_ticks
    if before is None:
        before = await last_price_before(venue, spec.symbol, opens[0], first_ms)
    return list(_filled(found, interval, opens, before, zone_ms))


def opens_between(
    interval: str,
    first_ms: int,
    now_ms: int,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    zone_ms: int = 0,
) -> list[int]:
    """The open times to return, oldest first."""
    newest = open_of(interval, min(now_ms, now_ms if end_ms is None else end_ms), zone_ms)
    oldest = open_of(interval, first_ms, zone_ms)
    if start_ms is not None and start_ms > newest:
        return []
    if start_ms is not None and start_ms > oldest:
        oldest = open_of(interval, start_ms, zone_ms)
        oldest = oldest if oldest >= start_ms else next_open(interval, oldest, 1, zone_ms)
    opens: list[int] = []
    if start_ms is None:
        while newest >= oldest and len(opens) < limit:
            opens.append(newest)
            newest = next_open(interval, newest, -1, zone_ms)
        return opens[::-1]
    while oldest <= newest and len(opens) < limit:
        opens.append(oldest)
        oldest = next_open(interval, oldest, 1, zone_ms)
    return opens


def parts_of(interval: str, opens: Sequence[int], zone_ms: int) -> dict[int, list[tuple[str, int]]]:
    """Which candles in UTC make up the one that begins at each open time."""
    if zone_ms % FIXED_MS.get(interval, 32 * DAY_MS) == 0:
        return {open_ms: [(interval, open_ms)] for open_ms in opens}
    return {open_ms: cover(open_ms, next_open(interval, open_ms, 1, zone_ms)) for open_ms in opens}


async def _read(venue: Venue, symbol: str, parts: Mapping[int, list[tuple[str, int]]]) -> dict[int, Candle]:
    """The candles with a trade by open time."""
    found = {}
    rows, count = list(parts.items()), MOST_CANDLES // max(len(wanted) for wanted in parts.values())
    for some in (rows[first : first + count] for first in range(0, len(rows), count)):
        view = await read_view(venue, symbol, [part for _, wanted in some for part in wanted])
        for open_ms, wanted in some:
            if candles := view.those_of(wanted):
                found[open_ms] = merged(candles)
    return found


async def last_price_before(venue: Venue, symbol: str, at_ms: int, first_ms: int) -> int:
    """The price of the last trade made before `at_ms`, in ticks; 0 if there was none. `at_ms` is a whole second.

    From months down to seconds: the newest candle that begins before `at_ms` either ends before it, or what it
    contains is looked at more closely; if that holds nothing early enough, the price is the one before it.
    """
    oldest_ms, answer = first_ms, 0
    for interval in (MONTH, "1d", "1h", "1m", "1s"):
        opens = opens_between(interval, oldest_ms, at_ms - 1, start_ms=None, end_ms=None, limit=1_500)
        view = await read_view(venue, symbol, [(interval, open_ms) for open_ms in opens])
        for open_ms in reversed(opens):
            candle = view.get(interval, open_ms)
            if candle is not None:
                break
        else:
            return answer
        if next_open(interval, open_ms) <= at_ms:
            return candle.close_ticks
        oldest_ms, answer = open_ms, candle.previous_close_ticks
    return answer


def _filled(
    found: Mapping[int, Candle], interval: str, opens: Sequence[int], previous_close: int, zone_ms: int
) -> Iterator[Kline]:
    """Klines for all open times; one before the first price has nothing to show and is left out."""
    for open_ms in opens:
        candle = found.get(open_ms)
        if candle is None and previous_close == 0:
            continue
        candle = candle or silent_candle(previous_close)
        previous_close = candle.close_ticks
        yield Kline(open_ms, next_open(interval, open_ms, 1, zone_ms) - 1, candle)
