"""`<symbol>@trade`: every fill is one event, none is ever left out. Order ids are nobody's business and stay inside."""

from engine.events import AnyEvent, MarketEvent
from engine.records import Fill
from engine.types import SymbolSpec
from markets.market_stream import MarketStream
from markets.rendering import price_text, quantity_text


def render_trade(spec: SymbolSpec, fill: Fill, now_ms: int) -> str:
    """The data of a `trade` event."""
    return (
        f'{{"e":"trade","E":{now_ms},"s":"{spec.symbol}","t":{fill.trade_id},'
        f'"p":"{price_text(spec, fill.price_ticks)}","q":"{quantity_text(spec, fill.lots)}",'
        f'"T":{now_ms},"m":{"true" if fill.is_buyer_maker else "false"},"M":true}}'
    )


class TradeStream(MarketStream):
    """One frame per fill, at once."""

    def apply(self, event: AnyEvent) -> None:
        if isinstance(event, MarketEvent):
            for fill in event.fills:
                self.publish(render_trade(self.spec, fill, event.now_ms))
