"""`<symbol>@ticker`: the 24-hour ticker, at once and then every second in which it has changed.

The fact a newcomer would get wrong: it changes without any event too, when a trade leaves the window. So it is put
together anew every second, once for all subscribers of the process.
"""

import asyncio
import contextlib

import msgspec

from api.feed import Feed
from engine.errors import ExchangeError
from engine.types import SymbolSpec
from markets.rendering import ticker_view
from markets.streams.stream import MarketStream
from markets.tickers import Ticker24h, ticker_24h

PERIOD_S = 1.0
FIELDS = {
    "s": "symbol", "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice",
    "c": "lastPrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty",
    "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume",
    "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
}  # fmt: skip
TIMES = ("E", "O", "C")  # these alone do not make a new event


def ticker_data(spec: SymbolSpec, ticker: Ticker24h) -> dict[str, object]:
    """The data of a `24hrTicker` event."""
    view = ticker_view(spec, ticker)
    return {"e": "24hrTicker", "E": ticker.now_ms} | {key: view[field] for key, field in FIELDS.items()}


class TickerStream(MarketStream):
    """The ticker as last put together, and the task that does it again."""

    def __init__(self, feed: Feed, symbol: str) -> None:
        super().__init__(feed, symbol)
        self._data = ""
        self._content: dict[str, object] = {}
        self._computed: tuple[int, float] = (-1, 0.0)  # feed's seq and machine's time it was computed at
        self._clock: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Have the ticker of now, or of a moment ago if nothing has happened since."""
        seq, at = self._computed
        if seq != self.feed.seq or asyncio.get_running_loop().time() - at > PERIOD_S:
            await self._compute()
        await super().prepare()
        if self._clock is None:
            self._clock = asyncio.create_task(self._follow())

    def greet(self) -> str:
        return self._data

    def close(self) -> None:
        super().close()
        if self._clock is not None:
            self._clock.cancel()

    async def _compute(self) -> None:
        seq, at = self.feed.seq, asyncio.get_running_loop().time()
        ticker = await ticker_24h(self.venue, self.spec)
        data = ticker_data(self.spec, ticker)
        self._data = msgspec.json.encode(data).decode()
        self._content = {key: value for key, value in data.items() if key not in TIMES}
        self._computed = (seq, at)

    async def _follow(self) -> None:
        sent = self._content
        while True:
            await asyncio.sleep(PERIOD_S)
            with contextlib.suppress(ExchangeError):
                await self._compute()
                if self._content != sent:
                    sent = self._content
                    self.publish(self._data)
