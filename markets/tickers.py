"""What was traded in a window: the rolling 24 hours of a symbol, to the second, and spans of whole minutes.

Both are put together on read from candles, nothing is kept for them. The fact a newcomer would get wrong: the window
slides, so a price change can come from a trade that leaves it. The oldest minute of the 24 hours is taken from candles
of 1s, the oldest hour from those of 1m, the rest from those of 1h.
"""

from typing import NamedTuple

import msgspec

from engine.types import UNIT, SymbolSpec
from engine.venue import Venue
from markets.candles import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Candle,
    CandleView,
    cover,
    merged,
    read_view,
    silent_candle,
    venue_now,
)
from markets.klines import last_price_before

WINDOW_MS = DAY_MS
AVERAGE_MINUTES = 5


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """Prices in ticks, volume in lots, turnover in quote atoms. Trade ids are -1 without a trade in the window.

    Then all prices are the last one before it; before the first trade ever they are 0. `oldest_ms` is when the first
    candle with a trade of the window begins: until that leaves it, only an event can change anything.
    """

    symbol: str
    open_ms: int
    close_ms: int
    last_ticks: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    lots: int
    quote_atoms: int
    weighted_average_e8: int
    first_trade_id: int
    last_trade_id: int
    trade_count: int
    oldest_ms: int | None

    @property
    def change_ticks(self) -> int:
        return self.last_ticks - self.open_ticks

    @property
    def change_percent_e3(self) -> int:
        """The change in thousandths of a percent, rounded half away from zero; 0 before the first trade."""
        if self.open_ticks == 0:
            return 0
        size = (abs(self.change_ticks) * 200_000 // self.open_ticks + 1) // 2
        return size if self.change_ticks >= 0 else -size


class Ticker24h(Ticker, frozen=True, kw_only=True):
    """`previous_close_ticks` is the last price before the window; where there is none, the window's first.

    A best price is (price_ticks, lots), None on an empty side.
    """

    now_ms: int
    last_lots: int
    previous_close_ticks: int
    best_bid: tuple[int, int] | None
    best_ask: tuple[int, int] | None


class WindowSpan(NamedTuple):
    """From the beginning of a minute until the end of one; `close_ms` is what is told as the end."""

    open_ms: int
    end_ms: int
    close_ms: int


def window_span(size_ms: int, now_ms: int) -> WindowSpan:
    """A window up to now. It begins with a minute, so it may be almost a minute longer than its name says."""
    return WindowSpan((now_ms - size_ms) // MINUTE_MS * MINUTE_MS, (now_ms // MINUTE_MS + 1) * MINUTE_MS, now_ms)


async def window_ticker(venue: Venue, spec: SymbolSpec, open_ms: int, end_ms: int, *, close_ms: int) -> Ticker:
    """What was traded from `open_ms` until before `end_ms`, both whole minutes; `close_ms` is what is told as its end.

    The caller has waited for the candles (`venue_now`). Raises EngineUnavailable.
    """
    wanted = cover(open_ms, end_ms)
    view = await read_view(venue, spec.symbol, wanted)
    whole = _merged(view.those_of(wanted), view)
    if whole.trade_count == 0 and view.first_ms is not None:
        price = await last_price_before(venue, spec.symbol, open_ms, view.first_ms)
        whole = silent_candle(price)
    return Ticker(
        symbol=spec.symbol,
        open_ms=open_ms,
        close_ms=close_ms,
        last_ticks=whole.close_ticks,
        open_ticks=whole.open_ticks,
        high_ticks=whole.high_ticks,
        low_ticks=whole.low_ticks,
        lots=whole.lots,
        quote_atoms=whole.quote_atoms,
        weighted_average_e8=weighted_average_e8(spec, whole),
        first_trade_id=whole.first_trade_id,
        last_trade_id=whole.last_trade_id,
        trade_count=whole.trade_count,
        oldest_ms=view.oldest_of(wanted),
    )


class AveragePrice(msgspec.Struct, frozen=True):
    """`close_ms` is the time of the last trade, 0 before the first; then so is the price. `oldest_ms` as in Ticker."""

    minutes: int
    price_e8: int
    close_ms: int
    now_ms: int
    oldest_ms: int | None


async def average_price(venue: Venue, spec: SymbolSpec) -> AveragePrice:
    """By volume over the last five minutes, to the second; the last price where nothing was traded in them."""
    now_ms = await venue_now(venue)
    begin_ms = (now_ms - AVERAGE_MINUTES * MINUTE_MS) // SECOND_MS * SECOND_MS + SECOND_MS
    wanted = [("1s", open_ms) for open_ms in range(begin_ms, now_ms + 1, SECOND_MS)]
    view = await read_view(venue, spec.symbol, wanted)
    whole = _merged(view.those_of(wanted), view)
    return AveragePrice(
        AVERAGE_MINUTES,
        weighted_average_e8(spec, whole),
        view.last.now_ms if view.last else 0,
        now_ms,
        view.oldest_of(wanted),
    )


async def ticker_24h(venue: Venue, spec: SymbolSpec) -> Ticker24h:
    """The last 24 hours up to now, everything that has happened included. Raises EngineUnavailable."""
    now_ms = await venue_now(venue)
    wanted = window_candles(now_ms)
    view = await read_view(venue, spec.symbol, wanted)
    state = await venue.queries.market_state(spec.symbol)
    whole = _merged(view.those_of(wanted), view)
    return Ticker24h(
        symbol=spec.symbol,
        now_ms=now_ms,
        open_ms=now_ms - WINDOW_MS,
        close_ms=now_ms,
        last_ticks=view.last.price_ticks if view.last else 0,
        last_lots=view.last.lots if view.last else 0,
        open_ticks=whole.open_ticks,
        high_ticks=whole.high_ticks,
        low_ticks=whole.low_ticks,
        previous_close_ticks=whole.previous_close_ticks or whole.open_ticks,
        lots=whole.lots,
        quote_atoms=whole.quote_atoms,
        weighted_average_e8=weighted_average_e8(spec, whole),
        first_trade_id=whole.first_trade_id,
        last_trade_id=whole.last_trade_id,
        trade_count=whole.trade_count,
        oldest_ms=view.oldest_of(wanted),
        best_bid=state.best_bid,
        best_ask=state.best_ask,
    )


def window_candles(now_ms: int) -> list[tuple[str, int]]:
    """The candles (interval, open_ms) that together cover the window, oldest first, without overlap."""
    begins_ms = (now_ms - WINDOW_MS) // SECOND_MS * SECOND_MS
    minutes_ms = -(-begins_ms // MINUTE_MS) * MINUTE_MS
    hours_ms = -(-begins_ms // HOUR_MS) * HOUR_MS
    return [
        *(("1s", open_ms) for open_ms in range(begins_ms, minutes_ms, SECOND_MS)),
        *(("1m", open_ms) for open_ms in range(minutes_ms, hours_ms, MINUTE_MS)),
        *(("1h", open_ms) for open_ms in range(hours_ms, now_ms + 1, HOUR_MS)),
    ]


def weighted_average_e8(spec: SymbolSpec, candle: Candle) -> int:
    """Turnover by volume, in 1e-8 of the quote asset, rounded down; without a trade the price itself."""
    if candle.lots == 0:
        return candle.close_ticks * spec.tick_units
    return candle.quote_atoms * UNIT * UNIT // (int(10**spec.quote_decimals) * candle.lots * spec.lot_units)


def _merged(candles: list[Candle], view: CandleView) -> Candle:
    """One candle out of consecutive ones; out of none, one that stands at the last price."""
    return merged(candles) if candles else silent_candle(view.last.price_ticks if view.last else 0)
