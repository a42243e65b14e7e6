"""The public streams of a process: what they are called, and one object per stream that somebody listens to.

The fact a newcomer would get wrong: a stream exists from its first subscriber to its last, so a symbol that nobody
watches costs nothing but the decoding of its events. And the guide and Binance call different things by one name:
the guide's `depth` begins with a picture, and its symbols may be written in any case.
"""

from collections.abc import Callable
from functools import partial

from api.feed import Feed
from api.runtime import Runtime
from api.subscriptions import Envelope, Place
from engine.errors import Reason, Rejected
from markets.candles import INTERVALS
from markets.streams.book_tickers import BookTickerStream
from markets.streams.depth import DiffDepthStream, PartialDepthStream, PictureDepthStream
from markets.streams.klines import KlineStream
from markets.streams.live import Hub
from markets.streams.stream import MarketStream, StreamName, Subscription
from markets.streams.tickers import TickerStream
from markets.streams.trades import AggTradeStream, TradeStream

SLOW_MS, FAST_MS = 1_000, 100
GUIDE_KLINE_MS = 250
GUIDE_KINDS = ("ticker", "depth", "trade", "kline")
Maker = Callable[[Feed, str], MarketStream]


def _kline_period_ms(interval: str) -> int:
    return 1_000 if interval == "1s" else 2_000


# What stands behind the @ in Binance's names. Depth without a speed is slow; the slow speed may be named, too.
OF_SYMBOL: dict[str, Maker] = {
    "trade": TradeStream,
    "aggTrade": AggTradeStream,
    "bookTicker": BookTickerStream,
    **{
        f"depth{speed}": partial(DiffDepthStream, period_ms=period_ms)
        for speed, period_ms in (("", SLOW_MS), ("@1000ms", SLOW_MS), ("@100ms", FAST_MS))
    },
    **{
        f"depth{levels}{speed}": partial(PartialDepthStream, levels=levels, period_ms=period_ms)
        for levels in (5, 10, 20)
        for speed, period_ms in (("", SLOW_MS), ("@1000ms", SLOW_MS), ("@100ms", FAST_MS))
    },
    **{
        f"kline_{interval}": partial(KlineStream, interval=interval, period_ms=_kline_period_ms(interval))
        for interval in INTERVALS
    },
}
OF_THE_GUIDE: dict[str, Maker] = {
    "guide:ticker": TickerStream,
    "guide:depth": PictureDepthStream,
    **{
        f"guide:kline_{interval}": partial(KlineStream, interval=interval, period_ms=GUIDE_KLINE_MS)
        for interval in INTERVALS
    },
}
MAKERS = OF_SYMBOL | OF_THE_GUIDE


def read_guide_kind(text: str) -> str:
    """The key of what stands behind the @ in the guide's names. Raises ValueError, which says what is possible."""
    kind, underscore, interval = text.partition("_")
    if kind not in GUIDE_KINDS or (underscore and kind != "kline"):
        raise ValueError(f"unknown stream type {text!r}: use ticker, depth, trade, kline or kline_<interval>")
    if kind == "kline" and not underscore:
        interval = "1m"
    if kind == "kline" and interval not in INTERVALS:
        raise ValueError(f"unknown interval {interval!r}: use one of {' '.join(INTERVALS)}")
    if kind == "trade":
        return kind
    return f"guide:kline_{interval}" if kind == "kline" else f"guide:{kind}"


class MarketStreams(Hub[StreamName, MarketStream]):
    """The public streams that this process serves: `feed.handler(MarketStreams)`."""

    def make(self, name: StreamName) -> MarketStream:
        return MAKERS[name.kind](self.feed, name.symbol)

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


async def open_market_stream(runtime: Runtime, name: str, envelope: Envelope) -> Place | None:
    """A place in the stream that Binance calls `name`; None if there is none. Raises EngineUnavailable.

    Symbols are in small letters (web-socket-streams.md): others are no names of streams, and Binance stays silent.
    """
    owner, _, kind = name.partition("@")
    streams = runtime.feed.handler(MarketStreams)
    if kind not in OF_SYMBOL or owner != owner.lower():
        return None
    symbol = await streams.symbol_of(owner)
    return None if symbol is None else await streams.open(StreamName(symbol, kind), envelope)
