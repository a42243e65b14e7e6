"""What happens while a stream begins, and what Redis says too late: nothing is lost, nobody waits for ever.

Each of these moments is made on purpose, with the streams of a real feed.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from api.runtime import Runtime
from api.subscriptions import BARE
from engine.errors import EngineUnavailable
from engine.types import Side
from engine.venue import Venue
from markets.streams import klines
from markets.streams.gauges import Gauges
from markets.streams.hub import MarketStreams
from markets.streams.stream import StreamName
from tests.conftest import limit
from tests.ws.conftest import PATIENCE_S, Client

START_MS = 1_723_075_200_000  # 2024-08-08 00:00 UTC


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.is_cut = False

    def push(self, frame: str, /) -> None:
        self.heard.append(msgspec.json.decode(frame))

    def cut(self, code: int, /) -> None:
        self.is_cut = True


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def trade(venue: Venue, price_ticks: int) -> None:
    await venue.gateway.place_order(limit(1, Side.SELL, price_ticks, 1_000))
    await venue.gateway.place_order(limit(2, Side.BUY, price_ticks, 1_000))


async def test_a_trade_of_the_next_interval_while_a_candle_is_being_read_is_counted(
    client: Client, venue: Venue, alice: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await venue.clock.set_virtual(START_MS)
    await trade(venue, 6_000_000)

    async def too_early(read: Venue) -> int:
        now_ms = await venue_now(read)
        await venue.clock.set_virtual(START_MS + 1_000)
        await trade(venue, 6_000_100)
        return now_ms

    venue_now = klines.venue_now
    monkeypatch.setattr(klines, "venue_now", too_early)
    await client.subscribe("BTCUSDT@kline_1s")
    await trade(venue, 6_000_200)
    k = (
        await client.until("BTCUSDT@kline_1s", lambda data: data["k"]["t"] == START_MS + 1_000 and data["k"]["L"] == 3)
    )["k"]
    assert (k["f"], k["n"], k["o"]) == (2, 2, "60001.00000000")


async def test_a_time_that_was_read_before_the_clock_was_set_back_ends_no_candle(
    client: Client, venue: Venue, runtime: Runtime, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS + 3_600_000)
    late = await venue.queries.clock()
    await venue.clock.set_virtual(START_MS)
    await trade(venue, 6_000_000)
    await client.subscribe("BTCUSDT@kline_1s")
    await until(lambda: runtime.feed.now_ms == START_MS)
    runtime.feed._learn_time(late)  # the answer comes behind the event
    await trade(venue, 6_000_100)
    k = (await client.until("BTCUSDT@kline_1s", lambda data: data["k"]["L"] == 2))["k"]
    assert (k["t"], k["n"]) == (START_MS, 2)


async def test_who_comes_after_a_book_was_lost_hears_it_again(
    client: Client, venue: Venue, runtime: Runtime, alice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.silence()
    streams, first, second = runtime.feed.handler(MarketStreams), Ear(), Ear()
    place = await streams.open(StreamName("BTCUSDT", "depth@100ms"), BARE)
    place.start(first)

    async def away(*_: object) -> None:
        raise EngineUnavailable("depth")

    monkeypatch.setattr(runtime.feed.venue.queries, "depth", away)
    await venue.clock.clear_market()
    await until(lambda: first.is_cut)
    monkeypatch.undo()
    other = await streams.open(StreamName("BTCUSDT", "depth@100ms"), BARE)  # the first has not left yet
    other.start(second)
    await venue.gateway.place_order(limit(alice, Side.BUY, 6_000_000, 1_000))
    await until(lambda: bool(second.heard))
    assert second.heard[-1]["b"] == [["60000.00000000", "0.01000000"]]
    place.end()
    other.end()


async def test_what_time_has_changed_is_told_although_a_newcomer_has_seen_it_first(
    client: Client, venue: Venue, runtime: Runtime, alice: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await venue.clock.set_virtual(START_MS)
    await trade(venue, 6_000_000)
    await client.silence()
    streams, ear = runtime.feed.handler(MarketStreams), Ear()
    name = StreamName("BTCUSDT", "miniTicker")
    place = await streams.open(name, BARE)
    place.start(ear)
    (gauge,) = runtime.feed.handler(Gauges)._live.values()
    due_ms = gauge.ends_ms
    assert due_ms == START_MS + 86_400_000 + 1_000
    monkeypatch.setattr(gauge, "apply", lambda event: None)  # of the clock it hears by time alone, as of a real one
    await venue.clock.set_virtual(due_ms)
    await until(lambda: runtime.feed.now_ms == due_ms)
    newcomer = await streams.open(name, BARE)
    await until(lambda: len(ear.heard) > 1)
    assert ear.heard[-1]["v"] == "0.00000000"
    place.end()
    newcomer.end()
