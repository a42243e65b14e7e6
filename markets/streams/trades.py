"""`<symbol>@trade`: every fill is one event, none is ever left out. `<symbol>@aggTrade`: a taker's at a price are one.

Order ids are nobody's business and stay inside.
"""

from itertools import groupby

from engine.events import AnyEvent, MarketEvent
from engine.records import Fill
from engine.types import SymbolSpec
from markets.rendering import price_text, quantity_text
from markets.streams.stream import MarketStream


def render_trade(spec: SymbolSpec, fill: Fill, now_ms: int) -> str:
    """The data of a `trade` event."""
    return (
        f'{{"e":"trade","E":{now_ms},"s":"{spec.symbol}","t":{fill.trade_id},'
        f'"p":"{price_text(spec, fill.price_ticks)}","q":"{quantity_text(spec, fill.lots)}",'
        f'"T":{now_ms},"m":{"true" if fill.is_buyer_maker else "false"},"M":true}}'
    )


def render_aggregate(spec: SymbolSpec, fills: list[Fill], now_ms: int) -> str:
    """The data of an `aggTrade` event: fills that share their aggregate id, oldest first."""
    first, last = fills[0], fills[-1]
    return (
        f'{{"e":"aggTrade","E":{now_ms},"s":"{spec.symbol}","a":{first.aggregate_id},'
        f'"p":"{price_text(spec, first.price_ticks)}","q":"{quantity_text(spec, sum(fill.lots for fill in fills))}",'
        f'"f":{first.trade_id},"l":{last.trade_id},'
        f'"T":{now_ms},"m":{"true" if first.is_buyer_maker else "false"},"M":true}}'
    )


class TradeStream(MarketStream):
    """One frame per fill, at once."""

    def apply(self, event: AnyEvent) -> None:
        if isinstance(event, MarketEvent):
            for fill in event.fills:
                self.publish(render_trade(self.spec, fill, event.now_ms))


class AggTradeStream(MarketStream):
    """One frame for all fills of a taker at a price, at once."""

    def apply(self, event: AnyEvent) -> None:
        if isinstance(event, MarketEvent):
            for _, fills in groupby(event.fills, key=lambda fill: fill.aggregate_id):
                self.publish(render_aggregate(self.spec, list(fills), event.now_ms))
