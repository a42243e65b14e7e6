"""What happens while a stream begins, and what Redis says too late: nothing is lost, nobody waits for ever.

Each of these moments is made on purpose, with the streams of a real feed.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from accounts.digests import key_digest
from accounts.streams import UserStreams
from accounts.user_events.listen_keys import open_listen_key
from api.runtime import Runtime
from api.subscriptions import BARE
from engine.errors import EngineUnavailable
from engine.listen_keys import ListenKeys
from engine.queries import Queries
from engine.types import Side
from engine.venue import Venue
from markets.streams import klines
from markets.streams.gauges import Gauges
from markets.streams.hub import MarketStreams, open_market_stream
from markets.streams.stream import StreamName
from tests.conftest import BTCUSDT, limit
from tests.ws.conftest import PATIENCE_S, Client, give_key

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


@pytest.mark.parametrize("failure", [EngineUnavailable("HGETALL"), RuntimeError("a fault of ours")])
async def test_who_waits_for_a_symbol_whose_stream_cannot_be_read_is_cut(
    ws_url: str, runtime: Runtime, venue: Venue, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    streams, early, late = runtime.feed.handler(MarketStreams), Ear(), Ear()
    place = await open_market_stream(runtime, "newusdt@depth", BARE)
    other = await open_market_stream(runtime, "newusdt@bookTicker", BARE)
    assert place is not None
    assert other is not None
    place.start(early)

    async def fail(*arguments: Any) -> None:
        raise failure

    monkeypatch.setattr(Queries, "depth", fail)
    await venue.registry.define_symbol(replace(BTCUSDT, symbol="NEWUSDT"))
    await until(lambda: early.is_cut)
    other.start(late)  # its socket was not ready before
    await until(lambda: late.is_cut)
    place.end()
    other.end()
    assert not streams._waiting
    assert not streams._live


async def test_a_fault_while_listen_keys_are_looked_after_is_one_look_lost(
    ws_url: str, runtime: Runtime, venue: Venue, alice: int, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    await give_key(venue, alice, "alice", "k1")
    name = await venue.listen_keys.open(alice, key_digest("k1"))
    place, ear = await open_listen_key(runtime, name, BARE, address=""), Ear()
    assert place is not None
    holders = ListenKeys.holders
    failed: list[Any] = []

    async def fail(keys: ListenKeys, names: list[str]) -> Any:
        if len(failed) < 3:
            failed.append(names)
            raise RuntimeError("a fault of ours")
        return await holders(keys, names)

    monkeypatch.setattr(ListenKeys, "holders", fail)
    place.start(ear)
    await until(lambda: len(failed) == 3)
    await venue.listen_keys.close(alice, name)
    await until(lambda: bool(ear.heard))
    assert ear.heard[0]["e"] == "listenKeyExpired"
    told = [record for record in caplog.records if "listenKeys" in record.getMessage()]
    assert len(told) == 1, "once until it works again"
    assert name not in caplog.text


async def test_a_clock_that_is_set_while_it_is_asked_for_is_not_guessed_from(
    ws_url: str, runtime: Runtime, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_time_us = Queries.server_time_us

    async def set_meanwhile(queries: Queries) -> int:
        now_us = await server_time_us(queries)
        await venue.clock.set_virtual(START_MS)
        await until(lambda: runtime.feed.now_ms == START_MS)
        return now_us

    await runtime.feed.until_ready()
    monkeypatch.setattr(Queries, "server_time_us", set_meanwhile)
    await runtime.time.ask_us()
    monkeypatch.undo()
    assert runtime.time.guess_us() is None
    assert await runtime.time.ask_us() == START_MS * 1000


async def test_a_stream_of_every_symbol_that_is_read_again_tells_nothing_twice(
    ws_url: str, runtime: Runtime, venue: Venue, alice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first read finds some symbols and fails at another, and somebody comes before all have heard of it."""
    await runtime.feed.until_ready()
    streams, ear = runtime.feed.handler(MarketStreams), Ear()
    hold = streams.hold

    async def fail_at_one(name: StreamName) -> Any:
        if name.symbol == "ETHUSDT":
            await asyncio.sleep(0.05)  # the others are there by then
            raise EngineUnavailable("HGETALL")
        return await hold(name)

    monkeypatch.setattr(streams, "hold", fail_at_one)
    name = StreamName("", "!bookTicker")
    stream = streams.make(name)
    with pytest.raises(EngineUnavailable):
        await stream.prepare()
    monkeypatch.undo()
    stream._hold = hold  # type: ignore[attr-defined]  # of the stream of every symbol
    await stream.prepare()
    stream.welcome(ear, BARE)
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1_000))
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    await until(lambda: bool(ear.heard))
    await runtime.feed.handler(UserStreams).until_caught_up()
    assert [event["s"] for event in ear.heard] == ["BTCUSDT"]
    stream.close()
    assert not streams._live


async def test_who_hears_every_symbol_is_cut_when_a_new_one_cannot_be_heard(
    client: Client, ws_url: str, runtime: Runtime, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams, ear = runtime.feed.handler(MarketStreams), Ear()
    place = await open_market_stream(runtime, "!bookTicker", BARE)
    assert place is not None
    place.start(ear)

    async def fail(*arguments: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Queries, "depth", fail)
    await venue.registry.define_symbol(replace(BTCUSDT, symbol="NEWUSDT"))
    await until(lambda: ear.is_cut)
    place.end()
    assert not streams._live


async def test_what_was_opened_before_a_fault_of_ours_is_given_back(
    client: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = runtime.feed.handler(MarketStreams)

    async def fail(*arguments: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Queries, "depth", fail)
    await client.socket.send('{"method":"subscribe","params":{"streams":["BTCUSDT@trade","BTCUSDT@depth"]},"id":1}')
    await asyncio.wait_for(client.socket.wait_closed(), PATIENCE_S)
    await until(lambda: not streams._live)
