"""The candles in Redis: folded once, whoever does it, however often it is interrupted; and how they are read."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from engine.candles import CandleChange, CandleStore, LeaseLost
from engine.types import Side, SymbolSpec
from engine.venue import Venue
from markets import clockwork
from markets.candles import DAY_MS, HOUR_MS, INTERVALS, Candle, decode_candle, field_of, open_of
from markets.clockwork import Clockwork
from markets.klines import read_klines
from markets.tickers import ticker_24h
from tests.conftest import BTCUSDT, limit

START_MS = 1_723_075_200_000  # 2024-08-08 00:00 UTC
PATIENCE_S = 10.0


@asynccontextmanager
async def keeping(redis_url: str, venue: Venue) -> AsyncIterator[asyncio.Task[None]]:
    """Clockwork for the length of the block."""
    task = asyncio.create_task(Clockwork(redis_url, venue.name).run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def caught_up(venue: Venue) -> None:
    """Wait until the stored position is the venue's seq."""
    store, clock = CandleStore(venue), await venue.queries.clock()
    async with asyncio.timeout(PATIENCE_S):
        while (await store.position() or (0, 0))[:2] < (clock.epoch, clock.seq):
            await asyncio.sleep(0.005)


async def trade(venue: Venue, price_ticks: int, lots: int = 1_000, taker: Side = Side.BUY) -> None:
    """One trade between alice and bob at the venue's time."""
    await venue.gateway.place_order(limit(1, taker.opposite, price_ticks, lots))
    await venue.gateway.place_order(limit(2, taker, price_ticks, lots))


async def trade_at(venue: Venue, now_ms: int, price_ticks: int, lots: int = 1_000) -> None:
    await venue.clock.set_virtual(now_ms)
    await trade(venue, price_ticks, lots)


async def spec_of(venue: Venue) -> SymbolSpec:
    return await venue.registry.spec("BTCUSDT")


async def stored_candles(venue: Venue) -> dict[str, Candle]:
    flat = await venue.runner.command("HGETALL", venue.keys.candles("BTCUSDT"))
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return {name.decode(): decode_candle(value) for name, value in pairs if not name.startswith(b"#")}


async def recount(venue: Venue) -> dict[str, Candle]:
    """The candles as a plain reading of all trades gives them."""
    expected: dict[str, Candle] = {}
    before = 0
    for public in await venue.queries.trades("BTCUSDT", limit=10_000):
        fill, price = public.fill, public.fill.price_ticks
        for interval in INTERVALS:
            name = field_of(interval, open_of(interval, public.now_ms))
            candle = expected.setdefault(name, Candle(price, price, price, price, previous_close_ticks=before))
            candle.high_ticks, candle.low_ticks = max(candle.high_ticks, price), min(candle.low_ticks, price)
            candle.close_ticks = price
            candle.lots += fill.lots
            candle.quote_atoms += fill.quote_atoms
            candle.trade_count += 1
            candle.taker_buy_lots += fill.lots * (fill.taker_side is Side.BUY)
            candle.taker_buy_quote_atoms += fill.quote_atoms * (fill.taker_side is Side.BUY)
            candle.first_trade_id = fill.trade_id if candle.first_trade_id < 0 else candle.first_trade_id
            candle.last_trade_id = fill.trade_id
        before = price
    return expected


async def random_trading(venue: Venue, rng: random.Random, commands: int) -> None:
    clock = await venue.queries.clock()
    now_ms = max(clock.now_ms if clock.mode == "virtual" else 0, START_MS)
    for _ in range(commands):
        if rng.random() < 0.2:
            now_ms += rng.choice((1, 700, 61_000, 4_000_000))
            await venue.clock.set_virtual(now_ms)
        side = rng.choice(list(Side))
        await venue.gateway.place_order(limit(rng.choice((1, 2)), side, rng.randint(6_000_000, 6_000_020), 1_000))


async def test_restarts_in_the_middle_neither_lose_nor_double_a_trade(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    rng = random.Random(11)
    await venue.clock.set_virtual(START_MS)
    for _ in range(4):
        async with keeping(redis_url, venue):
            await random_trading(venue, rng, 60)
        await random_trading(venue, rng, 10)  # while nobody looks
    async with keeping(redis_url, venue):
        await caught_up(venue)
    expected = await recount(venue)
    assert len(expected) > 50
    assert await stored_candles(venue) == expected


async def test_another_takes_over_when_the_holder_dies_without_a_word(
    redis_url: str, venue: Venue, alice: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clockwork, "TAKE_OVER_S", 0.05)
    await trade(venue, 6_000_000)
    store = CandleStore(venue)
    assert await store.acquire("the dead")
    await store.store("the dead", None, {})
    await venue.runner.command("PEXPIRE", venue.keys.lease("clockwork"), 300)
    async with keeping(redis_url, venue):
        assert not await store.acquire("a third")
        await trade(venue, 6_000_100)
        await caught_up(venue)
        assert await stored_candles(venue) == await recount(venue)
        with pytest.raises(LeaseLost):
            await store.store("the dead", (9, 9), {"BTCUSDT": CandleChange(is_fresh=True)})
        assert await stored_candles(venue) == await recount(venue)


async def test_a_clean_stop_gives_the_lease_up_at_once(redis_url: str, venue: Venue) -> None:
    async with keeping(redis_url, venue):
        await caught_up(venue)
    assert await CandleStore(venue).acquire("next")


async def test_candles_are_rebuilt_from_the_trades_when_events_are_gone(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    async with keeping(redis_url, venue):
        await trade(venue, 6_000_000)
        await caught_up(venue)
    await trade(venue, 6_000_300)
    await trade(venue, 6_000_200)
    await venue.runner.command("XTRIM", venue.keys.events, "MAXLEN", 1)
    async with keeping(redis_url, venue):
        await trade(venue, 6_000_100)
        await caught_up(venue)
    assert await stored_candles(venue) == await recount(venue)


async def test_a_cleared_market_has_no_candles_and_begins_anew(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    async with keeping(redis_url, venue):
        await trade(venue, 6_000_000)
        await venue.clock.clear_market()
        await caught_up(venue)
        assert await stored_candles(venue) == {}
        assert await read_klines(venue, await spec_of(venue), "1m", start_ms=None, end_ms=None, limit=9) == []
        await trade_at(venue, START_MS, 6_000_500)
        await caught_up(venue)
        assert await stored_candles(venue) == await recount(venue)


async def test_candles_of_a_second_are_dropped_after_two_days(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    async with keeping(redis_url, venue):
        for hours in (0, 1, 47, 49.5):
            await trade_at(venue, START_MS + round(hours * HOUR_MS), 6_000_000)
        await caught_up(venue)
        kept = {name for name in await stored_candles(venue) if name.startswith("1s:")}
        assert kept == {field_of("1s", START_MS + round(hours * HOUR_MS)) for hours in (47, 49.5)}


@pytest.mark.parametrize("is_kept", [True, False], ids=["with clockwork", "without clockwork"])
async def test_silent_intervals_are_filled_with_the_close_before_them(
    redis_url: str, venue: Venue, alice: int, bob: int, is_kept: bool
) -> None:
    async with keeping(redis_url, venue) if is_kept else _nothing():
        await trade_at(venue, START_MS + 5_000, 6_000_000, 2_000)
        await trade_at(venue, START_MS + 185_000, 6_000_700, 1_000)
        await venue.clock.set_virtual(START_MS + 250_000)
        klines = await read_klines(venue, await spec_of(venue), "1m", start_ms=None, end_ms=None, limit=500)
    assert [(kline.open_ms - START_MS) // 60_000 for kline in klines] == [0, 1, 2, 3, 4]
    assert [kline.candle.close_ticks for kline in klines] == [6_000_000] * 3 + [6_000_700] * 2
    assert [kline.candle.lots for kline in klines] == [2_000, 0, 0, 1_000, 0]
    silent = klines[2].candle
    assert (silent.open_ticks, silent.high_ticks, silent.low_ticks, silent.trade_count) == (6_000_000,) * 3 + (0,)
    assert klines[0].close_ms == START_MS + 59_999


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


async def test_a_silent_range_in_the_past_knows_the_price_before_it(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    async with keeping(redis_url, venue):
        await trade_at(venue, START_MS, 6_000_000)
        await trade_at(venue, START_MS + 70_000, 6_000_100)
        await trade_at(venue, START_MS + 3 * DAY_MS + 5, 6_000_200)
        await trade_at(venue, START_MS + 40 * DAY_MS, 6_000_300)
        for offset_ms, price in (
            (60_000, 6_000_100), (120_000, 6_000_100), (DAY_MS, 6_000_100), (3 * DAY_MS + 60_000, 6_000_200),
            (20 * DAY_MS, 6_000_200), (39 * DAY_MS, 6_000_200), (40 * DAY_MS, 6_000_300),
        ):  # fmt: skip
            begin_ms = START_MS + offset_ms
            klines = await read_klines(
                venue, await spec_of(venue), "1m", start_ms=begin_ms, end_ms=begin_ms + 60_000, limit=1
            )
            assert [(kline.open_ms, kline.candle.close_ticks) for kline in klines] == [(begin_ms, price)], offset_ms


async def test_a_reader_sees_what_was_traded_before_it_asked(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    spec = await spec_of(venue)
    async with keeping(redis_url, venue):
        for number in range(1, 40):
            await trade(venue, 6_000_000 + number)
            (kline,) = await read_klines(venue, spec, "1M", start_ms=None, end_ms=None, limit=1)
            assert (kline.candle.trade_count, kline.candle.close_ticks) == (number, 6_000_000 + number)
            assert (await ticker_24h(venue, spec)).last_trade_id == number


async def test_the_ticker_forgets_a_trade_to_the_second(redis_url: str, venue: Venue, alice: int, bob: int) -> None:
    spec = await spec_of(venue)
    async with keeping(redis_url, venue):
        await trade_at(venue, START_MS, 5_000_000)
        await trade_at(venue, START_MS + 12_345_678, 6_000_000, 1_000)
        await trade_at(venue, START_MS + 12_345_678 + HOUR_MS, 6_300_000, 3_000)
        await venue.clock.set_virtual(START_MS + DAY_MS + 12_345_999)
        ticker = await ticker_24h(venue, spec)
        assert (ticker.open_ticks, ticker.high_ticks, ticker.low_ticks) == (6_000_000, 6_300_000, 6_000_000)
        assert (ticker.last_ticks, ticker.last_lots, ticker.lots) == (6_300_000, 3_000, 4_000)
        assert (ticker.first_trade_id, ticker.last_trade_id, ticker.trade_count) == (2, 3, 2)
        assert (ticker.previous_close_ticks, ticker.change_ticks) == (5_000_000, 300_000)
        assert ticker.change_percent_e3 == 5_000
        assert ticker.weighted_average_e8 == 62_250 * 10**8
        await venue.clock.set_virtual(START_MS + DAY_MS + 12_346_000)
        ticker = await ticker_24h(venue, spec)
        assert (ticker.open_ticks, ticker.trade_count, ticker.previous_close_ticks) == (6_300_000, 1, 6_000_000)


async def test_a_ticker_without_a_trade_in_the_window_stands_at_the_last_price(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    spec = await spec_of(venue)
    empty = await ticker_24h(venue, spec)
    assert (empty.last_ticks, empty.trade_count, empty.first_trade_id, empty.weighted_average_e8) == (0, 0, -1, 0)
    await trade_at(venue, START_MS, 6_000_000)
    await venue.gateway.place_order(limit(1, Side.BUY, 5_900_000, 7_000))
    await venue.clock.set_virtual(START_MS + 2 * DAY_MS)
    ticker = await ticker_24h(venue, spec)
    assert (ticker.open_ticks, ticker.last_ticks, ticker.high_ticks) == (6_000_000,) * 3
    assert (ticker.lots, ticker.trade_count, ticker.change_percent_e3) == (0, 0, 0)
    assert (ticker.best_bid, ticker.best_ask) == ((5_900_000, 7_000), None)
    assert ticker.weighted_average_e8 == 6_000_000 * BTCUSDT.tick_units
