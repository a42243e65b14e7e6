"""Candles: the pure fold of trades into sixteen intervals, and those that exist as they are read.

Open times are Binance's, in UTC: weeks begin on Monday, three days are counted from 1970-01-01, months are calendar
months. The fact a newcomer would get wrong: an interval without a trade has no candle in Redis; a reader makes it from
the close before it, which every candle carries (`previous_close_ticks`): see markets/klines.py.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from engine.candles import CandleStore, Stored
from engine.queries import PublicTrade
from engine.records import Fill
from engine.types import Side
from engine.venue import Venue

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
FIRST_MONDAY_MS = 4 * DAY_MS  # 1970-01-05
FIXED_MS = {
    "1s": SECOND_MS, "1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS, "1h": HOUR_MS, "2h": 2 * HOUR_MS, "4h": 4 * HOUR_MS, "6h": 6 * HOUR_MS, "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS, "1d": DAY_MS, "3d": 3 * DAY_MS, "1w": WEEK_MS,
}  # fmt: skip
MONTH = "1M"
INTERVALS = (*FIXED_MS, MONTH)
SECONDS_KEPT_MS = 2 * DAY_MS  # candles of 1s that are older are dropped by clockwork
WAIT_S = 1.0
POLL_S = 0.005
SILENT_AFTER_MS = 3_000  # clockwork tells its position every second: after this it is not running


class Candle(msgspec.Struct, array_like=True):
    """One interval's trades. Prices in ticks, volume in lots, turnover in quote atoms, trade ids -1 in a silent one.

    As stored: the JSON array of these numbers; the open time is in the field's name. 0 as previous close: there was
    no trade before.
    """

    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    lots: int = 0
    quote_atoms: int = 0
    trade_count: int = 0
    taker_buy_lots: int = 0
    taker_buy_quote_atoms: int = 0
    first_trade_id: int = -1
    last_trade_id: int = -1
    previous_close_ticks: int = 0

    def add(self, fill: Fill) -> None:
        """Count one more trade, the newest."""
        self.high_ticks = max(self.high_ticks, fill.price_ticks)
        self.low_ticks = min(self.low_ticks, fill.price_ticks)
        self.close_ticks = fill.price_ticks
        self.lots += fill.lots
        self.quote_atoms += fill.quote_atoms
        self.trade_count += 1
        if fill.taker_side is Side.BUY:
            self.taker_buy_lots += fill.lots
            self.taker_buy_quote_atoms += fill.quote_atoms
        if self.first_trade_id < 0:
            self.first_trade_id = fill.trade_id
            self.open_ticks = self.high_ticks = self.low_ticks = fill.price_ticks
        self.last_trade_id = fill.trade_id


class LastTrade(msgspec.Struct, array_like=True, frozen=True):
    """The newest trade that the candles contain."""

    trade_id: int
    price_ticks: int
    lots: int
    now_ms: int


_candle_decoder = msgspec.json.Decoder(Candle)
_last_decoder = msgspec.json.Decoder(LastTrade)


def decode_candle(data: bytes) -> Candle:
    return _candle_decoder.decode(data)


def decode_last(data: bytes | None) -> LastTrade | None:
    return None if data is None else _last_decoder.decode(data)


def silent_candle(price_ticks: int) -> Candle:
    """An interval in which nothing was traded after `price_ticks`."""
    return Candle(price_ticks, price_ticks, price_ticks, price_ticks, previous_close_ticks=price_ticks)


def first_candle(fill: Fill, previous_close_ticks: int) -> Candle:
    """The candle that `fill` opens; count the fill by `add`."""
    price = fill.price_ticks
    return Candle(price, price, price, price, previous_close_ticks=previous_close_ticks)


def merged(candles: Sequence[Candle]) -> Candle:
    """One candle out of consecutive ones, at least one."""
    first, last = candles[0], candles[-1]
    return Candle(
        open_ticks=first.open_ticks,
        high_ticks=max(candle.high_ticks for candle in candles),
        low_ticks=min(candle.low_ticks for candle in candles),
        close_ticks=last.close_ticks,
        lots=sum(candle.lots for candle in candles),
        quote_atoms=sum(candle.quote_atoms for candle in candles),
        trade_count=sum(candle.trade_count for candle in candles),
        taker_buy_lots=sum(candle.taker_buy_lots for candle in candles),
        taker_buy_quote_atoms=sum(candle.taker_buy_quote_atoms for candle in candles),
        first_trade_id=first.first_trade_id,
        last_trade_id=last.last_trade_id,
        previous_close_ticks=first.previous_close_ticks,
    )


def cover(begin_ms: int, end_ms: int) -> list[tuple[str, int]]:
    """The fewest candles (interval, open_ms) that together are the span; both its ends are whole minutes."""
    found = []
    while begin_ms < end_ms:
        interval = next(
            name
            for name in ("1d", "1h", "1m")
            if begin_ms % FIXED_MS[name] == 0 and (name == "1m" or begin_ms + FIXED_MS[name] <= end_ms)
        )
        found.append((interval, begin_ms))
        begin_ms += FIXED_MS[interval]
    return found


def field_of(interval: str, open_ms: int) -> str:
    return f"{interval}:{open_ms}"


def open_of(interval: str, now_ms: int, zone_ms: int = 0) -> int:
    """When the interval that contains `now_ms` began; `zone_ms` is how far a zone's clocks are ahead of UTC."""
    if zone_ms:
        return open_of(interval, now_ms + zone_ms) - zone_ms
    if interval == MONTH:
        moment = datetime.fromtimestamp(now_ms / 1000, UTC)
        return _month_ms(moment.year, moment.month)
    if interval == "1w":
        return (now_ms - FIRST_MONDAY_MS) // WEEK_MS * WEEK_MS + FIRST_MONDAY_MS
    length_ms = FIXED_MS[interval]
    return now_ms // length_ms * length_ms


def next_open(interval: str, open_ms: int, steps: int = 1, zone_ms: int = 0) -> int:
    """The open time `steps` intervals later (earlier if negative)."""
    if interval != MONTH:
        return open_ms + steps * FIXED_MS[interval]
    moment = datetime.fromtimestamp((open_ms + zone_ms) / 1000, UTC)
    years, month = divmod(moment.month - 1 + steps, 12)
    return _month_ms(moment.year + years, month + 1) - zone_ms


def _month_ms(year: int, month: int) -> int:
    return round(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000


class Folder:
    """The newest candle of each interval of one symbol, as trades come in; what changed waits in `changed`.

    Trades must come in the order of their ids; one that is already contained (by `last`) is passed over.
    """

    def __init__(self, intervals: Iterable[str] = INTERVALS) -> None:
        self.last: LastTrade | None = None
        self.changed: dict[str, Candle] = {}
        self._current: dict[str, tuple[int, int, Candle | None]] = dict.fromkeys(intervals, (0, 0, None))

    def resume(self, last: LastTrade, candles: dict[str, Candle]) -> None:
        """Go on from what is stored: the last trade, and by interval the candle that contains it."""
        self.last = last
        for interval, candle in candles.items():
            open_ms = open_of(interval, last.now_ms)
            self._current[interval] = (open_ms, next_open(interval, open_ms), candle)

    def add(self, fill: Fill, now_ms: int) -> bool:
        """Count a trade made at `now_ms`; False if it was counted before."""
        if self.last is not None and fill.trade_id <= self.last.trade_id:
            return False
        previous_close = self.last.price_ticks if self.last else 0
        for interval, (open_ms, end_ms, candle) in self._current.items():
            if candle is None or not open_ms <= now_ms < end_ms:
                open_ms = open_of(interval, now_ms)
                candle = first_candle(fill, previous_close)
                self._current[interval] = (open_ms, next_open(interval, open_ms), candle)
            candle.add(fill)
            self.changed[field_of(interval, open_ms)] = candle
        self.last = LastTrade(fill.trade_id, fill.price_ticks, fill.lots, now_ms)
        return True


async def wait_for_candles(store: CandleStore, epoch: int, seq: int, timeout_s: float = WAIT_S) -> bool:
    """Until the candles contain everything up to (epoch, seq); False if that takes too long or nobody keeps them."""
    deadline = time.monotonic() + timeout_s
    while True:
        position = await store.position()
        if position is not None and position[:2] >= (epoch, seq):
            return True
        is_kept = position is not None and time.time() * 1000 - position[2] < SILENT_AFTER_MS
        if not is_kept or time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_S)


class CandleView:
    """Some candles of a symbol as of one moment, those that clockwork has not come to yet included.

    `first_ms` is the time of the symbol's first trade, `last` the newest one; None before the first.
    """

    def __init__(self, stored: Stored, wanted: Sequence[tuple[str, int]]) -> None:
        self.first_ms = stored.first_ms
        self.last = decode_last(stored.last)
        self._found = {name: decode_candle(value) for name, value in stored.candles.items()}
        fields = {field_of(interval, open_ms) for interval, open_ms in wanted}
        intervals = {interval for interval, _ in wanted}
        for trade in stored.missing:
            for interval in intervals:
                self._count(trade, field_of(interval, open_of(interval, trade.now_ms)), fields)
            fill = trade.fill
            self.first_ms = trade.now_ms if self.first_ms is None else self.first_ms
            self.last = LastTrade(fill.trade_id, fill.price_ticks, fill.lots, trade.now_ms)

    def _count(self, trade: PublicTrade, field: str, fields: set[str]) -> None:
        if field in fields:
            previous_close = self.last.price_ticks if self.last else 0
            candle = self._found.setdefault(field, first_candle(trade.fill, previous_close))
            candle.add(trade.fill)

    def get(self, interval: str, open_ms: int) -> Candle | None:
        return self._found.get(field_of(interval, open_ms))

    def those_of(self, wanted: Iterable[tuple[str, int]]) -> list[Candle]:
        """Those among (interval, open_ms) that exist, in their order."""
        return [candle for interval, open_ms in wanted if (candle := self.get(interval, open_ms)) is not None]

    def oldest_of(self, wanted: Iterable[tuple[str, int]]) -> int | None:
        """When the first of them that exists begins; they come oldest first."""
        return next((open_ms for interval, open_ms in wanted if self.get(interval, open_ms) is not None), None)


async def read_view(venue: Venue, symbol: str, wanted: Sequence[tuple[str, int]] = ()) -> CandleView:
    """The candles (interval, open_ms) among `wanted` that exist. Raises EngineUnavailable."""
    stored = await CandleStore(venue).read(symbol, [field_of(interval, open_ms) for interval, open_ms in wanted])
    return CandleView(stored, wanted)


async def venue_now(venue: Venue) -> int:
    """The venue's time, once the candles contain everything that happened until then (or nobody keeps them)."""
    clock = await venue.queries.clock()
    await wait_for_candles(CandleStore(venue), clock.epoch, clock.seq)
    return clock.now_ms
