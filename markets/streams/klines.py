"""`<symbol>@kline_<interval>`: the newest candle, at once and while it changes, and its end (`"x": true`), also in
silence.

The fact a newcomer would get wrong: a candle must not be closed by a local timer. A trade of its last millisecond may
still be on its way; only an event, or a reading of the venue's clock that the feed has caught up with, ends it.
"""

from api.conflation import Cadence
from api.feed import NO_END, Feed
from engine.events import AnyEvent, ClockSet, MarketCleared, MarketEvent
from engine.types import SymbolSpec
from markets.candles import (
    Candle,
    LastTrade,
    first_candle,
    merged,
    next_open,
    open_of,
    read_view,
    silent_candle,
    venue_now,
)
from markets.klines import parts_of
from markets.rendering import price_text, quantity_text, quote_text
from markets.streams.stream import MarketStream

MOST_SILENT = 100  # candles closed one by one after a leap of the clock; older silent ones are passed over


def render_kline(
    spec: SymbolSpec, interval: str, span: tuple[int, int], candle: Candle, now_ms: int, *, is_closed: bool
) -> str:
    """The data of a `kline` event; `span` is when the candle begins and when the next one does."""
    return (
        f'{{"e":"kline","E":{now_ms},"s":"{spec.symbol}","k":{{"t":{span[0]},"T":{span[1] - 1},'
        f'"s":"{spec.symbol}","i":"{interval}","f":{candle.first_trade_id},"L":{candle.last_trade_id},'
        f'"o":"{price_text(spec, candle.open_ticks)}","c":"{price_text(spec, candle.close_ticks)}",'
        f'"h":"{price_text(spec, candle.high_ticks)}","l":"{price_text(spec, candle.low_ticks)}",'
        f'"v":"{quantity_text(spec, candle.lots)}","n":{candle.trade_count},"x":{"true" if is_closed else "false"},'
        f'"q":"{quote_text(spec, candle.quote_atoms)}","V":"{quantity_text(spec, candle.taker_buy_lots)}",'
        f'"Q":"{quote_text(spec, candle.taker_buy_quote_atoms)}","B":"0"}}}}'
    )


class KlineStream(MarketStream):
    """The newest candle of one interval; None before the symbol's first trade.

    `zone_ms` is how far the clocks are ahead of UTC by which candles begin and end. Binance's streams greet with the
    candle as it is, the guide's wait for a change.
    """

    def __init__(
        self, feed: Feed, symbol: str, interval: str, period_ms: int, *, zone_ms: int = 0, greets: bool = False
    ) -> None:
        super().__init__(feed, symbol)
        self._interval = interval
        self._zone_ms = zone_ms
        self._greets = greets
        self._candle: Candle | None = None
        self._open_ms = 0
        self._end_ms = NO_END
        self._last_trade_id = 0
        self._cadence = Cadence(period_ms, self._publish_change)

    @property
    def ends_ms(self) -> int:
        return self._end_ms

    async def load(self) -> None:
        open_ms, last, known = await self._read(await venue_now(self.venue))
        if last is not None and last.now_ms >= next_open(self._interval, open_ms, 1, self._zone_ms):
            open_ms, last, known = await self._read(last.now_ms)  # its interval has begun between the two reads
        self._cadence.cancel()
        self._candle, self._end_ms = None, NO_END
        if last is not None:
            candle = merged(known) if known else silent_candle(last.price_ticks)
            # Trades behind the candle's own are still to be heard, whatever was read already.
            self._last_trade_id = candle.last_trade_id if known else last.trade_id
            self._begin(open_ms, candle)

    def apply(self, event: AnyEvent) -> None:
        if isinstance(event, MarketEvent) and event.fills:
            self._count(event)
        elif isinstance(event, MarketCleared):
            self._cadence.cancel()
            self._candle, self._end_ms = None, NO_END
        elif isinstance(event, ClockSet) and self._candle is not None and event.now_ms < self._open_ms:
            self.reload()

    def greet(self) -> str | None:
        return self._render(self.feed.now_ms, is_closed=False) if self._greets else None

    def on_time(self, now_ms: int) -> None:
        """End what has ended by `now_ms`: the candle, and silent ones after it."""
        while self._candle is not None and now_ms >= self._end_ms:
            self._cadence.cancel()
            self._publish(now_ms, is_closed=True)
            newest = open_of(self._interval, now_ms, self._zone_ms)
            earliest = next_open(self._interval, newest, -MOST_SILENT, self._zone_ms)
            self._begin(max(self._end_ms, earliest), silent_candle(self._candle.close_ticks))

    def close(self) -> None:
        super().close()
        self._cadence.cancel()

    async def _read(self, now_ms: int) -> tuple[int, LastTrade | None, list[Candle]]:
        """When the interval of that time began, the newest trade, and the candles that make up the interval."""
        open_ms = open_of(self._interval, now_ms, self._zone_ms)
        parts = parts_of(self._interval, [open_ms], self._zone_ms)[open_ms]
        view = await read_view(self.venue, self.symbol, parts)
        return open_ms, view.last, view.those_of(parts)

    def _count(self, event: MarketEvent) -> None:
        new = [fill for fill in event.fills if fill.trade_id > self._last_trade_id]
        if not new:
            return
        self.on_time(event.now_ms)
        for fill in new:
            if self._candle is None:
                self._begin(open_of(self._interval, event.now_ms, self._zone_ms), first_candle(fill, 0))
            assert self._candle is not None
            self._candle.add(fill)
        self._last_trade_id = new[-1].trade_id
        self._cadence.touch(event.now_ms)

    def _begin(self, open_ms: int, candle: Candle) -> None:
        self._open_ms, self._end_ms = open_ms, next_open(self._interval, open_ms, 1, self._zone_ms)
        self._candle = candle

    def _publish_change(self, now_ms: int) -> None:
        self._publish(now_ms, is_closed=False)

    def _publish(self, now_ms: int, *, is_closed: bool) -> None:
        data = self._render(now_ms, is_closed=is_closed)
        if data is not None:
            self.publish(data)

    def _render(self, now_ms: int, *, is_closed: bool) -> str | None:
        if self._candle is None:
            return None
        span = self._open_ms, self._end_ms
        return render_kline(self.spec, self._interval, span, self._candle, now_ms, is_closed=is_closed)
