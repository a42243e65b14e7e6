"""The front page: what runs here, and lines to copy that work. For whoever opens the printed address in a browser.

The fact a newcomer would get wrong: it holds no key. Keys are shown by `up`, `create_user` or the admin; the lines use
$KEY. Without Redis the page still answers, and says what is missing.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from engine.amounts import to_short_text
from engine.errors import ExchangeError
from engine.queries import Clock, MarketState
from engine.types import PRICE_DECIMALS, SymbolSpec, SymbolStatus
from engine.venue import Venue
from markets.publish import explain, run_in_venue


class Market(NamedTuple):
    """A row of the table of symbols, as text; a price that is not there is "none"."""

    symbol: str
    status: str
    last: str
    bid: str
    ask: str


def front_page(request: HttpRequest) -> HttpResponse:
    """200 with the page, 503 while the exchange behind it cannot be asked."""
    url = request.build_absolute_uri("/").rstrip("/")
    context: dict[str, Any] = {
        "url": url,
        "sockets": f"{url.replace('http', 'ws', 1)}/ws",
        "version": settings.EXCHANGE_VERSION,
        "symbol": "BTCUSDT",
    }
    try:
        clock, markets = run_in_venue(_read)
    except ExchangeError as error:
        return render(request, "markets/front_page.html", {**context, "problem": explain(error)}, status=503)
    context |= {"clock": _write_clock(clock), "markets": markets}
    if markets and context["symbol"] not in [market.symbol for market in markets]:
        context["symbol"] = markets[0].symbol
    return render(request, "markets/front_page.html", context)


async def _read(venue: Venue) -> tuple[Clock, list[Market]]:
    specs = (await venue.registry.specs()).values()
    markets = [_market(spec, await venue.queries.market_state(spec.symbol)) for spec in specs]
    return await venue.queries.clock(), sorted(markets)


_STATUSES = {
    SymbolStatus.TRADING: "trading", SymbolStatus.HALT: "halted", SymbolStatus.BREAK: "in a break",
    SymbolStatus.AUCTION_MATCH: "in an auction",
}  # fmt: skip


def _market(spec: SymbolSpec, state: MarketState) -> Market:
    def price(ticks: int | None) -> str:
        return to_short_text(ticks * spec.tick_units, decimals=PRICE_DECIMALS) if ticks else "none"

    return Market(
        symbol=spec.symbol,
        status=_STATUSES[spec.status],
        last=price(state.last_price_ticks),
        bid=price(state.best_bid[0] if state.best_bid else None),
        ask=price(state.best_ask[0] if state.best_ask else None),
    )


def _write_clock(clock: Clock) -> str:
    now = datetime.fromtimestamp(clock.now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{now}, the machine's own" if clock.mode == "real" else f"{now}, virtual: set by a test or a replay"
