"""The public streams of a process: their names, and one object per stream that somebody listens to.

The fact a newcomer would get wrong: a stream exists from its first subscriber to its last, so a symbol that nobody
watches costs nothing but the decoding of its events.
"""

from api.feed import Feed, Handler
from api.subscriptions import Envelope
from engine.errors import EngineUnavailable, Reason, Rejected
from engine.events import AnyEvent, ClockSet, MarketCleared, MarketEvent, SymbolDefined
from markets.candles import INTERVALS
from markets.depth_stream import DepthStream
from markets.kline_stream import KlineStream
from markets.market_stream import NO_END, MarketStream, StreamName, Subscription
from markets.ticker_stream import TickerStream
from markets.trade_stream import TradeStream

STREAM_KINDS: dict[str, type[MarketStream]] = {
    "ticker": TickerStream, "depth": DepthStream, "trade": TradeStream, "kline": KlineStream,
}  # fmt: skip


def read_kind(text: str) -> tuple[str, str]:
    """(kind, interval) of what stands behind the @. Raises ValueError, which says what is possible."""
    kind, underscore, interval = text.partition("_")
    if kind not in STREAM_KINDS or (underscore and kind != "kline"):
        raise ValueError(f"unknown stream type {text!r}: use ticker, depth, trade, kline or kline_<interval>")
    if kind == "kline" and not underscore:
        return kind, "1m"
    if kind == "kline" and interval not in INTERVALS:
        raise ValueError(f"unknown interval {interval!r}: use one of {' '.join(INTERVALS)}")
    return kind, interval


class MarketStreams(Handler):
    """The public streams that this process serves: `feed.handler(MarketStreams)`."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._streams: dict[StreamName, MarketStream] = {}
        self._of_symbol: dict[str, list[MarketStream]] = {}

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
        await self.feed.until_ready()
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = STREAM_KINDS[name.kind](self.feed, self.feed.specs[name.symbol], name)
            self._of_symbol.setdefault(name.symbol, []).append(stream)
        subscription = Subscription(stream, envelope, self._release)
        stream.holders += 1
        try:
            await stream.prepare()
        except BaseException:
            subscription.end()
            raise
        if self._streams.get(name) is not stream:
            raise EngineUnavailable("the event stream began again")
        return subscription

    def _release(self, stream: MarketStream) -> None:
        stream.holders -= 1
        if stream.holders > 0:
            return
        stream.close()
        if self._streams.get(stream.name) is stream:
            del self._streams[stream.name]
            self._of_symbol[stream.name.symbol].remove(stream)

    @property
    def wants_time(self) -> bool:
        return any(stream.ends_ms < NO_END for stream in self._streams.values())

    def on_event(self, event: AnyEvent) -> None:
        if isinstance(event, MarketEvent):
            for stream in self._of_symbol.get(event.symbol, ()):
                stream.on_event(event)
        elif isinstance(event, MarketCleared):
            for symbol in event.symbols:
                for stream in self._of_symbol.get(symbol, ()):
                    stream.on_event(event)
        elif isinstance(event, ClockSet):
            for stream in self._streams.values():
                stream.on_event(event)
        elif isinstance(event, SymbolDefined):
            for stream in self._of_symbol.get(event.spec.symbol, ()):
                stream.spec = event.spec

    def on_time(self, now_ms: int) -> None:
        for stream in self._streams.values():
            stream.on_time(now_ms)

    def on_reset(self) -> None:
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()
        self._of_symbol.clear()
