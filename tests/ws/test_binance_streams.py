"""Every public stream of web-socket-streams.md: its fields, their kinds and values, and when it sends."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pytest_django import Settings

from api.runtime import Runtime
from engine.commands import CancelOrder
from engine.types import UNIT, Side
from engine.venue import Venue
from markets.streams import trades
from markets.streams.books import Books
from markets.streams.gauges import Gauges
from markets.streams.hub import OF_EVERY_SYMBOL, OF_SYMBOL, MarketStreams
from tests.conftest import limit, market
from tests.ws.binance import PATIENCE_S, StreamClient, streaming

START_MS = 1_723_075_200_000  # 2024-08-08 00:00 UTC, a Thursday
DAY_MS = 86_400_000
DECIMAL = re.compile(r"-?\d+\.\d{8}")
PERCENT = re.compile(r"-?\d+\.\d{3}")
# Fields and their kinds: i a whole number, d a decimal, % a percentage, b a truth, t a text, l levels.
PAYLOADS = {
    "aggTrade": "e:t E:i s:t a:i p:d q:d f:i l:i T:i m:b M:b",
    "trade": "e:t E:i s:t t:i p:d q:d T:i m:b M:b",
    "bookTicker": "u:i s:t b:d B:d a:d A:d",
    "miniTicker": "e:t E:i s:t c:d o:d h:d l:d v:d q:d",
    "ticker": "e:t E:i s:t p:d P:% w:d x:d c:d Q:d b:d B:d a:d A:d o:d h:d l:d v:d q:d O:i C:i F:i L:i n:i",
    "ticker_1h": "e:t E:i s:t p:d P:% o:d h:d l:d c:d w:d v:d q:d O:i C:i F:i L:i n:i",
    "avgPrice": "e:t E:i s:t i:t w:d T:i",
    "depth": "e:t E:i s:t U:i u:i b:l a:l",
    "depth5": "lastUpdateId:i bids:l asks:l",
    "kline": "t:i T:i s:t i:t f:i L:i o:d c:d h:d l:d v:d n:i x:b q:d V:d Q:d B:t",
    "referencePrice": "e:t s:t r:d t:i",
}


def check_payload(data: dict[str, Any], kind: str) -> None:
    """The documented fields in the documented order, each of its kind."""
    wanted = dict(field.split(":") for field in PAYLOADS[kind].split())
    assert list(data) == list(wanted)
    for name, sort in wanted.items():
        value = data[name]
        if sort == "l":
            assert all(len(level) == 2 and all(DECIMAL.fullmatch(text) for text in level) for level in value), name
        elif sort in "d%":
            assert (DECIMAL if sort == "d" else PERCENT).fullmatch(value), (name, value)
        else:
            assert type(value) is {"i": int, "b": bool, "t": str}[sort], (name, value)


@pytest.fixture(autouse=True)
def patient(settings: Settings) -> None:
    """Requests are not counted."""
    settings.EXCHANGE_SOCKET_MESSAGES = 0


@pytest.fixture
async def stream(ws_url: str) -> AsyncIterator[StreamClient]:
    async with streaming(ws_url, "/stream") as client:
        yield client


async def trade(venue: Venue, price_ticks: int, lots: int = 1_000, symbol: str = "BTCUSDT") -> None:
    await venue.gateway.place_order(limit(1, Side.SELL, price_ticks, lots, symbol=symbol))
    await venue.gateway.place_order(limit(2, Side.BUY, price_ticks, lots, symbol=symbol))


async def test_trades_and_what_one_taker_did_at_one_price(
    stream: StreamClient, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS)
    for price in (6_000_000, 6_000_000, 6_000_100):
        await venue.gateway.place_order(limit(alice, Side.SELL, price, 1_000))
    await stream.subscribe("btcusdt@trade", "btcusdt@aggTrade")
    await venue.gateway.place_order(market(bob, Side.BUY, lots=3_000))
    trades = [await stream.next("btcusdt@trade") for _ in range(3)]
    both = [await stream.next("btcusdt@aggTrade") for _ in range(2)]
    for data in trades:
        check_payload(data, "trade")
    for data in both:
        check_payload(data, "aggTrade")
    assert [(data["t"], data["p"]) for data in trades] == [
        (1, "60000.00000000"), (2, "60000.00000000"), (3, "60001.00000000"),
    ]  # fmt: skip
    assert both == [
        {
            "e": "aggTrade", "E": START_MS, "s": "BTCUSDT", "a": 1, "p": "60000.00000000", "q": "0.02000000", "f": 1,
            "l": 2, "T": START_MS, "m": False, "M": True,
        },
        {
            "e": "aggTrade", "E": START_MS, "s": "BTCUSDT", "a": 2, "p": "60001.00000000", "q": "0.01000000", "f": 3,
            "l": 3, "T": START_MS, "m": False, "M": True,
        },
    ]  # fmt: skip


async def test_the_best_prices_are_sent_when_they_change_and_only_while_both_are_there(
    stream: StreamClient, venue: Venue, alice: int
) -> None:
    await stream.subscribe("btcusdt@bookTicker")
    bid = await venue.gateway.place_order(limit(alice, Side.BUY, 5_990_000, 1_000))
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_010_000, 2_000))
    data = await stream.next("btcusdt@bookTicker")
    check_payload(data, "bookTicker")
    assert data == {
        "u": 2, "s": "BTCUSDT", "b": "59900.00000000", "B": "0.01000000", "a": "60100.00000000", "A": "0.02000000",
    }  # fmt: skip
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_980_000, 1_000))  # not the best
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_990_000, 500))
    data = await stream.next("btcusdt@bookTicker")
    assert (data["u"], data["B"]) == (4, "0.01500000")
    for order_id in (bid.order.order_id, bid.order.order_id + 3):
        await venue.gateway.cancel_order(CancelOrder(account=alice, symbol="BTCUSDT", order_id=order_id))
    assert [(await stream.next("btcusdt@bookTicker"))[key] for key in "BB"] == ["0.00500000", "0.01000000"]


async def test_the_best_prices_of_all_symbols_also_of_one_that_comes_later(
    stream: StreamClient, venue: Venue, alice: int
) -> None:
    await stream.subscribe("!bookTicker")
    spec = await venue.registry.spec("BTCUSDT")
    await venue.registry.define_symbol(msgspec.structs.replace(spec, symbol="NEWUSDT"))
    for symbol in ("BTCUSDT", "ETHUSDT", "NEWUSDT"):
        await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000, symbol=symbol))
        await venue.gateway.place_order(limit(alice, Side.SELL, 5_000_100, 1_000, symbol=symbol))
        assert (await stream.next("!bookTicker"))["s"] == symbol


@pytest.mark.parametrize(("name", "levels"), [("depth5", 5), ("depth10@100ms", 10), ("depth20@1000ms", 20)])
async def test_partial_depth_is_there_at_once_and_after_every_change(
    stream: StreamClient, venue: Venue, alice: int, name: str, levels: int
) -> None:
    for number in range(25):
        await venue.gateway.place_order(limit(alice, Side.BUY, 5_990_000 - number, 1_000))
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_010_000 + number, 1_000))
    await stream.subscribe(f"btcusdt@{name}")
    data = await stream.next(f"btcusdt@{name}")
    check_payload(data, "depth5")
    assert data["lastUpdateId"] == 50
    assert [price for price, _ in data["bids"]] == [f"{59_900 - number / 100:.8f}" for number in range(levels)]
    assert [price for price, _ in data["asks"]] == [f"{60_100 + number / 100:.8f}" for number in range(levels)]
    await venue.gateway.place_order(limit(alice, Side.BUY, 6_000_000, 1_000))
    data = await stream.next(f"btcusdt@{name}")
    assert (data["lastUpdateId"], data["bids"][0]) == (51, ["60000.00000000", "0.01000000"])


@pytest.mark.parametrize(("name", "period_ms"), [("depth", 1_000), ("depth@1000ms", 1_000), ("depth@100ms", 100)])
async def test_changes_of_the_book_come_once_a_period_without_a_picture_before(
    stream: StreamClient, venue: Venue, alice: int, name: str, period_ms: int
) -> None:
    await venue.clock.set_virtual(START_MS)
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    await stream.subscribe(f"btcusdt@{name}")
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_100, 1_000))
    first = await stream.next(f"btcusdt@{name}")
    check_payload(first, "depth")
    assert first == {
        "e": "depthUpdate", "E": START_MS, "s": "BTCUSDT", "U": 2, "u": 2, "b": [["50001.00000000", "0.01000000"]],
        "a": [],
    }  # fmt: skip
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_200, 1_000))
    await venue.gateway.place_order(limit(alice, Side.SELL, 5_100_000, 1_000))
    await venue.clock.set_virtual(START_MS + period_ms)
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_200, 500))
    second = await stream.next(f"btcusdt@{name}")
    while second["u"] < 5:  # the machine was slow, and a period of its own time has passed
        third = await stream.next(f"btcusdt@{name}")
        assert third["U"] == second["u"] + 1
        second = third | {"U": second["U"], "b": third["b"], "a": second["a"] or third["a"]}
    assert (second["U"], second["u"]) == (3, 5)
    assert (second["b"], second["a"]) == ([["50002.00000000", "0.01500000"]], [["51000.00000000", "0.01000000"]])


async def test_a_candle_is_there_at_once_changes_and_ends(
    stream: StreamClient, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS + 500)
    await trade(venue, 6_000_000)
    await stream.subscribe("btcusdt@kline_1s")
    data = await stream.next("btcusdt@kline_1s")
    assert list(data) == ["e", "E", "s", "k"]
    check_payload(data["k"], "kline")
    assert (data["e"], data["E"], data["k"]["n"], data["k"]["x"]) == ("kline", START_MS + 500, 1, False)
    await trade(venue, 6_000_100)
    assert (await stream.next("btcusdt@kline_1s"))["k"]["n"] == 2
    await venue.clock.set_virtual(START_MS + 2_100)
    ends = [(await stream.next("btcusdt@kline_1s"))["k"] for _ in range(2)]
    assert [(k["t"] - START_MS, k["T"] - START_MS, k["x"], k["n"], k["c"]) for k in ends] == [
        (0, 999, True, 2, "60001.00000000"), (1_000, 1_999, True, 0, "60001.00000000"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("interval", "begin"),
    [
        ("1m", "2024-08-08T00:00"), ("6h", "2024-08-08T00:00"), ("6h@+08:00", "2024-08-07T22:00"),
        ("1d", "2024-08-08T00:00"), ("1d@+08:00", "2024-08-07T16:00"), ("1w@+08:00", "2024-08-04T16:00"),
        ("1M@+08:00", "2024-07-31T16:00"), ("1M", "2024-08-01T00:00"),
    ],
)  # fmt: skip
async def test_candles_begin_in_their_time_zone_and_hold_what_was_traded_since(
    stream: StreamClient, venue: Venue, alice: int, bob: int, interval: str, begin: str
) -> None:
    begin_ms = round(datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp() * 1000)
    moments = sorted({begin_ms - 1_000, begin_ms, START_MS - 3_600_000, START_MS + 30_000})
    for number, moment in enumerate(moments):
        await venue.clock.set_virtual(moment)
        await trade(venue, 6_000_000 + number)
    await stream.subscribe(f"btcusdt@kline_{interval}")
    k = (await stream.next(f"btcusdt@kline_{interval}"))["k"]
    inside = [number for number, moment in enumerate(moments) if moment >= begin_ms]
    assert (k["t"], k["i"], k["n"], k["f"], k["L"]) == (
        begin_ms, interval.partition("@")[0], len(inside), inside[0] + 1, inside[-1] + 1,
    )  # fmt: skip
    await trade(venue, 7_000_000)
    k = (await stream.next(f"btcusdt@kline_{interval}"))["k"]
    assert (k["n"], k["h"], k["x"]) == (len(inside) + 1, "70000.00000000", False)


async def test_tickers_of_24_hours(stream: StreamClient, venue: Venue, alice: int, bob: int) -> None:
    await venue.clock.set_virtual(START_MS)
    await trade(venue, 6_000_000)
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_100_000, 3_000))
    await stream.subscribe("btcusdt@ticker", "btcusdt@miniTicker")
    full, mini = await stream.next("btcusdt@ticker"), await stream.next("btcusdt@miniTicker")
    check_payload(full, "ticker")
    check_payload(mini, "miniTicker")
    assert (full["e"], mini["e"]) == ("24hrTicker", "24hrMiniTicker")
    assert (full["O"], full["C"], full["a"], full["A"]) == (START_MS - DAY_MS, START_MS, "61000.00000000", "0.03000000")
    await venue.clock.set_virtual(START_MS + 2_000)
    await trade(venue, 6_060_000)
    full = await stream.until(lambda data: data["n"] == 2, "btcusdt@ticker")
    mini = await stream.until(lambda data: data["v"] == "0.02000000", "btcusdt@miniTicker")
    assert (full["p"], full["P"], full["c"], full["E"]) == (
        "600.00000000", "1.000", "60600.00000000", START_MS + 2_000,
    )  # fmt: skip
    assert (mini["o"], mini["c"], mini["q"]) == ("60000.00000000", "60600.00000000", "1206.00000000")


async def test_who_comes_late_sees_the_present_and_the_others_hear_no_more_for_it(
    stream: StreamClient, ws_url: str, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS)
    await stream.subscribe("btcusdt@ticker")
    await trade(venue, 6_000_000)
    await stream.until(lambda data: data["n"] == 1, "btcusdt@ticker")
    began = time.monotonic()
    await trade(venue, 6_000_100)
    async with streaming(ws_url, "/ws/btcusdt@ticker") as late:
        assert (await late.next())["n"] == 2
        assert await stream.silence() == [] or time.monotonic() - began > 0.8
        assert (await stream.next("btcusdt@ticker"))["n"] == 2


async def test_a_trade_leaves_the_window_without_an_event(
    stream: StreamClient, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS)
    await trade(venue, 6_000_000)
    names = ["btcusdt@ticker", "btcusdt@ticker_1h", "btcusdt@avgPrice"]
    await stream.subscribe(*names)
    counts = [(await stream.next(name))["n"] for name in names[:2]]
    assert (counts, (await stream.next(names[2]))["w"]) == ([1, 1], "60000.00000000")
    await venue.clock.set_virtual(START_MS + 3_600_000 + 30_000)
    assert await stream.silence() == []
    await venue.clock.set_virtual(START_MS + 3_600_000 + 60_000)
    assert (await stream.next(names[1]))["n"] == 0
    await venue.clock.set_virtual(START_MS + DAY_MS + 1_000)
    assert (await stream.next(names[0]))["n"] == 0


@pytest.mark.parametrize(("size", "size_ms"), [("1h", 3_600_000), ("4h", 4 * 3_600_000), ("1d", DAY_MS)])
async def test_a_window_begins_with_a_minute(
    stream: StreamClient, venue: Venue, alice: int, bob: int, size: str, size_ms: int
) -> None:
    await venue.clock.set_virtual(START_MS + 45_678)
    await trade(venue, 6_000_000)
    await stream.subscribe(f"btcusdt@ticker_{size}")
    data = await stream.next(f"btcusdt@ticker_{size}")
    check_payload(data, "ticker_1h")
    assert (data["e"], data["O"], data["C"], data["E"], data["n"]) == (
        f"{size}Ticker", START_MS - size_ms, START_MS + 45_678, START_MS + 45_678, 1,
    )  # fmt: skip


async def test_arrays_hold_the_symbols_that_changed(stream: StreamClient, venue: Venue, alice: int, bob: int) -> None:
    await trade(venue, 6_000_000)
    await stream.subscribe(*(name for name in OF_EVERY_SYMBOL if name.endswith("arr")), "!miniTicker@arr@3000ms")
    await trade(venue, 300_000, 10_000, symbol="ETHUSDT")
    kinds = {"!ticker@arr": "ticker", "!miniTicker@arr": "miniTicker", "!miniTicker@arr@3000ms": "miniTicker"}
    kinds |= {f"!ticker_{size}@arr": "ticker_1h" for size in ("1h", "4h", "1d")}
    for name, kind in kinds.items():
        (data,) = await stream.next(name)
        check_payload(data, kind)
        assert (data["s"], data["c"]) == ("ETHUSDT", "3000.00000000")
    await asyncio.gather(trade(venue, 6_060_000), trade(venue, 310_000, 10_000, symbol="ETHUSDT"))
    for name in kinds:
        found: dict[str, str] = {}
        while found != {"BTCUSDT": "60600.00000000", "ETHUSDT": "3100.00000000"}:
            found |= {data["s"]: data["c"] for data in await stream.next(name)}


async def test_the_average_price(stream: StreamClient, venue: Venue, alice: int, bob: int) -> None:
    await venue.clock.set_virtual(START_MS)
    await stream.subscribe("btcusdt@avgPrice")
    await trade(venue, 6_000_000)
    data = await stream.next("btcusdt@avgPrice")
    check_payload(data, "avgPrice")
    assert data == {
        "e": "avgPrice", "E": START_MS, "s": "BTCUSDT", "i": "5m", "w": "60000.00000000", "T": START_MS,
    }  # fmt: skip
    await venue.clock.set_virtual(START_MS + 1_000)
    await trade(venue, 6_060_000, 2_000)
    assert (await stream.next("btcusdt@avgPrice"))["w"] == "60400.00000000"


async def test_the_reference_price(stream: StreamClient, venue: Venue) -> None:
    spec = await venue.registry.spec("BTCUSDT")
    await venue.registry.define_symbol(msgspec.structs.replace(spec, reference_external_id=0))
    await stream.subscribe("btcusdt@referencePrice")
    await venue.registry.set_reference_price("BTCUSDT", 61_000 * UNIT)
    data = await stream.next("btcusdt@referencePrice")
    check_payload(data, "referencePrice")
    assert (data["e"], data["s"], data["r"]) == ("referencePrice", "BTCUSDT", "61000.00000000")
    await venue.registry.set_reference_price("BTCUSDT", None)
    assert (await stream.next("btcusdt@referencePrice"))["r"] is None


async def test_a_mean_reference_price_moves_by_itself_until_its_window_is_empty(
    stream: StreamClient, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS)
    spec = await venue.registry.spec("BTCUSDT")
    await venue.registry.define_symbol(msgspec.structs.replace(spec, reference_bucket_ms=1_000, reference_buckets=10))
    for account, side in ((alice, Side.SELL), (bob, Side.BUY)):
        order = limit(account, side, 6_000_000, 1_000)
        await venue.gateway.place_order(msgspec.structs.replace(order, rules_version=2))
    await stream.subscribe("btcusdt@referencePrice")
    assert (await stream.next("btcusdt@referencePrice"))["r"] == "60000.00000000"
    await venue.clock.set_virtual(START_MS + 60_000)
    assert (await stream.next("btcusdt@referencePrice"))["r"] is None


async def test_every_stream_may_be_opened_and_leaves_nothing_behind(
    stream: StreamClient, runtime: Runtime, venue: Venue, alice: int, bob: int
) -> None:
    names = [f"btcusdt@{kind}" for kind in OF_SYMBOL] + list(OF_EVERY_SYMBOL)
    await stream.subscribe(*names)
    assert await stream.names() == names
    await trade(venue, 6_000_000)
    hubs = [runtime.feed.handler(kind) for kind in (MarketStreams, Books, Gauges)]
    assert [bool(hub._live) for hub in hubs] == [True] * 3
    await stream.ask("UNSUBSCRIBE", names)
    assert [hub._live for hub in hubs] == [{}] * 3


async def test_a_stream_begins_with_its_symbol(
    stream: StreamClient, runtime: Runtime, venue: Venue, alice: int, bob: int
) -> None:
    await stream.subscribe("newusdt@trade", "newusdt@depth@100ms", "oldusdt@trade")
    await stream.ask("UNSUBSCRIBE", ["oldusdt@trade"])
    spec = await venue.registry.spec("BTCUSDT")
    for symbol in ("NEWUSDT", "OLDUSDT"):
        await venue.registry.define_symbol(msgspec.structs.replace(spec, symbol=symbol))
    async with asyncio.timeout(PATIENCE_S):
        while not runtime.feed.handler(Books)._live:
            await asyncio.sleep(0.01)
    for symbol in ("OLDUSDT", "NEWUSDT"):
        await trade(venue, 6_000_000, symbol=symbol)
    assert (await stream.next("newusdt@trade"))["s"] == "NEWUSDT"
    assert (await stream.next("newusdt@depth@100ms"))["U"] == 1
    await stream.ask("UNSUBSCRIBE", await stream.names())
    assert {name for name, _ in stream.events} == {"newusdt@trade", "newusdt@depth@100ms"}
    assert runtime.feed.handler(MarketStreams)._live == {}
    assert runtime.feed.handler(MarketStreams)._waiting == {}


async def test_a_socket_that_goes_leaves_nothing_behind(ws_url: str, runtime: Runtime) -> None:
    names = [f"btcusdt@{kind}" for kind in OF_SYMBOL] + [*OF_EVERY_SYMBOL, "newusdt@trade"]
    async with streaming(ws_url, "/stream") as client:
        await client.subscribe(*names)
    hubs = [runtime.feed.handler(kind) for kind in (MarketStreams, Books, Gauges)]
    async with asyncio.timeout(PATIENCE_S):
        while any(hub._live for hub in hubs) or hubs[0]._waiting:
            await asyncio.sleep(0.01)


async def test_what_is_being_opened_when_the_events_begin_again_is_refused_in_words(
    stream: StreamClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.feed.venue.queries, "depth", lambda *_: asyncio.sleep(PATIENCE_S))
    await stream.socket.send('{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}')
    async with asyncio.timeout(PATIENCE_S):
        while not runtime.feed.handler(Books)._live:
            await asyncio.sleep(0.01)
    for kind in (MarketStreams, Books, Gauges):
        runtime.feed.handler(kind).on_reset()
    assert (await stream.receive())["error"]["code"] == -1008
    assert await stream.names() == []


async def test_who_watches_one_symbol_costs_the_others_nothing(
    stream: StreamClient, runtime: Runtime, venue: Venue, alice: int
) -> None:
    await stream.subscribe(*(f"btcusdt@{kind}" for kind in OF_SYMBOL))
    for kind in (MarketStreams, Books, Gauges):
        assert {live.symbol for live in runtime.feed.handler(kind)._live.values()} == {"BTCUSDT"}


async def test_without_trades_nothing_is_asked_of_redis(
    stream: StreamClient, runtime: Runtime, venue: Venue, alice: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade(venue, 6_000_000)
    await stream.subscribe(*(f"btcusdt@{kind}" for kind in OF_SYMBOL if not kind.startswith(("kline", "avg"))))
    asked: list[str] = []
    run = runtime.feed.venue.runner.run

    async def noted(name: str, *arguments: Any) -> Any:
        asked.append(name)
        return await run(name, *arguments)

    monkeypatch.setattr(runtime.feed.venue.runner, "run", noted)
    await asyncio.sleep(1.5)
    assert set(asked) <= {"open_venue", "read_clock"}, "what the feed asks for itself, once a second"
    assert len(asked) <= 6


async def test_frames_of_a_stream_are_made_once(
    ws_url: str, runtime: Runtime, venue: Venue, alice: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def rendered(spec: Any, fill: Any, now_ms: int) -> str:
        made.append(fill.trade_id)
        return '{"made":"once"}'

    monkeypatch.setattr(trades, "render_trade", rendered)
    paths = ["/ws/btcusdt@trade"] * 3 + ["/stream?streams=btcusdt@trade"] * 2
    async with asyncio.timeout(PATIENCE_S):
        clients = [streaming(ws_url, path) for path in paths]
        opened = [await client.__aenter__() for client in clients]
        for client in opened:
            await client.names()
        await trade(venue, 6_000_000)
        for client in opened:
            await client.receive()
        for manager in clients:
            await manager.__aexit__(None, None, None)
    assert made == [1]
