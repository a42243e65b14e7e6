"""The public streams of a process: what they are called, and one object per stream that somebody listens to.

The fact a newcomer would get wrong: a stream exists from its first subscriber to its last, so a symbol that nobody
watches costs nothing but the decoding of its events. And the guide and Binance call different things by one name:
the guide's `depth` begins with a picture, and its symbols may be written in any case.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from api.feed import Feed
from api.runtime import Runtime
from api.subscriptions import TRY_AGAIN_LATER, Envelope, Listener, Place
from engine.errors import EngineUnavailable, Reason, Rejected
from engine.events import AnyEvent, SymbolDefined
from markets.candles import HOUR_MS, INTERVALS
from markets.streams.book_tickers import BookTickerStream
from markets.streams.depth import DiffDepthStream, PartialDepthStream, PictureDepthStream
from markets.streams.every_symbol import ArrayStream, EverySymbolStream
from markets.streams.gauges import WINDOWS, GaugeStream
from markets.streams.klines import KlineStream
from markets.streams.live import EVERY_SYMBOL, Hub
from markets.streams.stream import MarketStream, StreamName, Subscription
from markets.streams.tickers import (
    REFERENCE_TIMES,
    TIMES,
    average_event,
    day_ticker,
    mini_ticker,
    reference_event,
    window_event,
)
from markets.streams.trades import AggTradeStream, TradeStream

logger = logging.getLogger(__name__)

SLOW_MS, FAST_MS = 1_000, 100
SPEEDS = {"": SLOW_MS, "@1000ms": SLOW_MS, "@100ms": FAST_MS}
GUIDE_KLINE_MS = 250
GUIDE_KINDS = ("ticker", "depth", "trade", "kline")
ZONES_MS = {"": 0, "@+08:00": 8 * HOUR_MS}
Maker = Callable[[Feed, str], MarketStream]


def _kline_period_ms(interval: str) -> int:
    return 1_000 if interval == "1s" else 2_000


def _kline(interval: str, zone_ms: int) -> Maker:
    return partial(KlineStream, interval=interval, period_ms=_kline_period_ms(interval), zone_ms=zone_ms, greets=True)


# What stands behind the @ in Binance's names. The slow speed of depth may be named, too.
OF_SYMBOL: dict[str, Maker] = {
    "trade": TradeStream,
    "aggTrade": AggTradeStream,
    "bookTicker": BookTickerStream,
    "ticker": partial(GaugeStream, kind="day", render=day_ticker, times=TIMES),
    "miniTicker": partial(GaugeStream, kind="day", render=mini_ticker, times=TIMES),
    "avgPrice": partial(GaugeStream, kind="average", render=average_event, times=TIMES),
    "referencePrice": partial(GaugeStream, kind="reference", render=reference_event, times=REFERENCE_TIMES),
    **{
        f"ticker_{size}": partial(GaugeStream, kind=size, render=partial(window_event, size), times=TIMES)
        for size in WINDOWS
    },
    **{f"depth{speed}": partial(DiffDepthStream, period_ms=period_ms) for speed, period_ms in SPEEDS.items()},
    **{
        f"depth{levels}{speed}": partial(PartialDepthStream, levels=levels, period_ms=period_ms)
        for levels in (5, 10, 20)
        for speed, period_ms in SPEEDS.items()
    },
    **{
        f"kline_{interval}{zone}": _kline(interval, zone_ms)
        for interval in INTERVALS
        for zone, zone_ms in ZONES_MS.items()
    },
}
OF_THE_GUIDE: dict[str, Maker] = {
    "guide:depth": PictureDepthStream,
    **{
        f"guide:kline_{interval}": partial(KlineStream, interval=interval, period_ms=GUIDE_KLINE_MS)
        for interval in INTERVALS
    },
}
MAKERS = OF_SYMBOL | OF_THE_GUIDE
# Names that begin with an exclamation mark, and the streams of single symbols they are made of.
OF_EVERY_SYMBOL: dict[str, tuple[type[EverySymbolStream], str]] = {
    "!bookTicker": (EverySymbolStream, "bookTicker"),
    "!ticker@arr": (ArrayStream, "ticker"),
    **{f"!miniTicker@arr{speed}": (ArrayStream, "miniTicker") for speed in ("", "@1000ms", "@3000ms")},
    **{f"!ticker_{size}@arr": (ArrayStream, f"ticker_{size}") for size in WINDOWS},
}


def read_guide_kind(text: str) -> str:
    """The key of what stands behind the @ in the guide's names. Raises ValueError, which says what is possible."""
    kind, underscore, interval = text.partition("_")
    if kind not in GUIDE_KINDS or (underscore and kind != "kline"):
        raise ValueError(f"unknown stream type {text!r}: use ticker, depth, trade, kline or kline_<interval>")
    if kind == "kline" and not underscore:
        interval = "1m"
    if kind == "kline" and interval not in INTERVALS:
        raise ValueError(f"unknown interval {interval!r}: use one of {' '.join(INTERVALS)}")
    if kind == "kline":
        return f"guide:kline_{interval}"
    return "guide:depth" if kind == "depth" else kind


class WaitingPlace:
    """A place (api.subscriptions.Place) in a stream whose symbol is not there yet: it begins when the symbol does."""

    def __init__(self, name: StreamName, envelope: Envelope, release: Callable[["WaitingPlace"], None]) -> None:
        self.name = name
        self.envelope = envelope
        self._release = release
        self._listener: Listener | None = None
        self._inner: Place | None = None
        self._has_ended = False
        self._has_failed = False

    def start(self, listener: Listener) -> None:
        self._listener = listener
        if self._inner is not None:
            self._inner.start(listener)
        elif self._has_failed:
            listener.cut(TRY_AGAIN_LATER)

    def arrive(self, place: Place) -> None:
        """The stream is there."""
        if self._has_ended:
            place.end()
            return
        self._inner = place
        if self._listener is not None:
            place.start(self._listener)

    def fail(self) -> None:
        """The symbol is there and the stream cannot be had: whoever listens must not take silence for no events."""
        self._has_failed = True
        if self._listener is not None and not self._has_ended:
            self._listener.cut(TRY_AGAIN_LATER)

    def end(self) -> None:
        self._has_ended = True
        self._release(self)
        if self._inner is not None:
            self._inner.end()


class MarketStreams(Hub[StreamName, MarketStream]):
    """The public streams that this process serves: `feed.handler(MarketStreams)`."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._waiting: dict[str, dict[WaitingPlace, None]] = {}  # by symbol, in the order in which they came
        self._arriving: set[asyncio.Task[None]] = set()

    def make(self, name: StreamName) -> MarketStream:
        if name.symbol != EVERY_SYMBOL:
            return MAKERS[name.kind](self.feed, name.symbol)
        every, kind = OF_EVERY_SYMBOL[name.kind]
        return every(self.feed, self.hold, self.release, kind)

    async def symbol_of(self, text: str) -> str | None:
        """The registered symbol that `text` names in any case. Raises EngineUnavailable."""
        symbol = text.upper()
        if symbol not in self.feed.specs:
            try:
                spec = await self.feed.venue.registry.spec(symbol)
            except Rejected as error:
                if error.reason is not Reason.UNKNOWN_SYMBOL:
                    raise
                return None
            self.feed.specs.setdefault(symbol, spec)  # its event may have come meanwhile, and another one after it
        return symbol

    async def open(self, name: StreamName, envelope: Envelope) -> Subscription:
        """A place in a stream of a registered symbol, everything read that it begins with. Raises EngineUnavailable."""
        stream = await self.hold(name)
        return Subscription(stream, envelope, partial(self.release, name, stream))

    def wait(self, name: StreamName, envelope: Envelope) -> WaitingPlace:
        """A place in a stream of a symbol that is not defined."""
        place = WaitingPlace(name, envelope, self._wait_no_more)
        self._waiting.setdefault(name.symbol, {})[place] = None
        return place

    def _wait_no_more(self, place: WaitingPlace) -> None:
        others = self._waiting.get(place.name.symbol, {})
        others.pop(place, None)
        if not others:
            self._waiting.pop(place.name.symbol, None)

    def on_event(self, event: AnyEvent) -> None:
        super().on_event(event)
        if isinstance(event, SymbolDefined) and event.spec.symbol in self._waiting:
            for place in self._waiting.pop(event.spec.symbol):
                task = asyncio.create_task(self._let_in(place))
                self._arriving.add(task)
                task.add_done_callback(self._arriving.discard)

    async def _let_in(self, place: WaitingPlace) -> None:
        try:
            place.arrive(await self.open(place.name, place.envelope))
        except EngineUnavailable:
            place.fail()
        except Exception:
            logger.exception("the stream %s of a new symbol cannot be opened", place.name)
            place.fail()


async def open_market_stream(runtime: Runtime, name: str, envelope: Envelope) -> Place | None:
    """A place in the stream that Binance calls `name`; None if it can be none. Raises EngineUnavailable.

    Symbols are in small letters (web-socket-streams.md): others are no names of streams, and Binance stays silent.
    A symbol that is not there may come.
    """
    streams = runtime.feed.handler(MarketStreams)
    if name in OF_EVERY_SYMBOL:
        return await streams.open(StreamName(EVERY_SYMBOL, name), envelope)
    owner, _, kind = name.partition("@")
    if kind not in OF_SYMBOL or owner != owner.lower():
        return None
    symbol = await streams.symbol_of(owner)
    if symbol is None:
        return streams.wait(StreamName(owner.upper(), kind), envelope)
    return await streams.open(StreamName(symbol, kind), envelope)
