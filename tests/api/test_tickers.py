"""Windows of prices: their begin and end by the venue's clock, what counts into them, averages and time zones.

Source: rest-api.md, "Rolling window price change statistics", "Trading Day Ticker", "Kline/Candlestick data".
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from engine.queries import PublicTrade
from engine.types import Side, SymbolStatus
from engine.venue import Venue
from markets.candles import DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS, open_of
from markets.klines import read_klines, read_time_zone
from tests.api.conftest import Api
from tests.conftest import limit

NOW_MS = 1641287867099  # the documents' example: January 04, 2022 09:17:47:099 UTC
MONTHS_MS = 80 * DAY_MS


async def trade(venue: Venue, at_ms: int, price_ticks: int, lots: int = 1_000, *, taker: Side = Side.BUY) -> None:
    """One trade between alice and bob at a time."""
    await venue.clock.set_virtual(at_ms)
    await venue.gateway.place_order(limit(1, taker.opposite, price_ticks, lots))
    await venue.gateway.place_order(limit(2, taker, price_ticks, lots))


@pytest.fixture
async def traded(venue: Venue, alice: Api, bob: Api, anybody: Api) -> Api:
    """Trades two days, seven hours, four and three minutes and a moment before NOW_MS."""
    for before_ms, price, lots in (
        (2 * DAY_MS, 4_000_000, 1_000), (7 * HOUR_MS, 4_100_000, 2_000), (4 * MINUTE_MS, 4_200_000, 1_000),
        (3 * MINUTE_MS, 4_300_000, 3_000), (1, 4_240_000, 1_000),
    ):  # fmt: skip
        await trade(venue, NOW_MS - before_ms, price, lots)
    await venue.clock.set_virtual(NOW_MS)
    return anybody


async def window(api: Api, **asked: Any) -> tuple[int, int, int, int, int, str, str]:
    told = await api.ok("GET", "/ticker", symbol="BTCUSDT", **asked)
    return (
        told["openTime"], told["closeTime"], told["firstId"], told["lastId"], told["count"], told["openPrice"],
        told["lastPrice"],
    )  # fmt: skip


async def test_a_window_begins_with_a_minute_as_in_the_documents_example(traded: Api) -> None:
    day = (1641201420000, NOW_MS, 2, 5, 4, "41000.00000000", "42400.00000000")
    assert await window(traded) == day
    assert await window(traded, windowSize="1d") == day
    assert await window(traded, windowSize="23h") == (day[0] + HOUR_MS, *day[1:])
    assert await window(traded, windowSize="3m") == (1641287640000, NOW_MS, 4, 5, 2, "43000.00000000", "42400.00000000")
    assert (await window(traded, windowSize="7d"))[2:5] == (1, 5, 5)


async def test_statistics_of_a_window(traded: Api) -> None:
    told = await traded.ok("GET", "/ticker", symbol="BTCUSDT", windowSize="5m")
    assert told == {
        "symbol": "BTCUSDT", "priceChange": "400.00000000", "priceChangePercent": "0.952",
        "weightedAvgPrice": "42680.00000000", "openPrice": "42000.00000000", "highPrice": "43000.00000000",
        "lowPrice": "42000.00000000", "lastPrice": "42400.00000000", "volume": "0.05000000",
        "quoteVolume": "2134.00000000", "openTime": 1641287520000, "closeTime": NOW_MS, "firstId": 3, "lastId": 5,
        "count": 3,
    }  # fmt: skip
    mini = await traded.ok("GET", "/ticker", symbol="BTCUSDT", windowSize="5m", type="MINI")
    assert mini == {name: told[name] for name in mini}
    day = await traded.ok("GET", "/ticker/24hr", symbol="BTCUSDT")
    mini_day = await traded.ok("GET", "/ticker/24hr", symbol="BTCUSDT", type="MINI")
    assert list(mini_day) == list(mini)
    assert mini_day == {name: day[name] for name in mini_day}


async def test_a_window_without_a_trade_stands_at_the_price_before_it(traded: Api, venue: Venue) -> None:
    await venue.clock.set_virtual(NOW_MS + 10 * MINUTE_MS)
    told = await traded.ok("GET", "/ticker", symbol="BTCUSDT", windowSize="1m")
    prices = {told[name] for name in ("openPrice", "highPrice", "lowPrice", "lastPrice", "weightedAvgPrice")}
    assert prices == {"42400.00000000"}
    assert (told["volume"], told["count"], told["firstId"], told["lastId"]) == ("0.00000000", 0, -1, -1)
    never = await traded.ok("GET", "/ticker", symbol="ETHUSDT")
    assert (never["lastPrice"], never["count"], never["priceChangePercent"]) == ("0.00000000", 0, "0.000")


@pytest.mark.parametrize(
    ("zone", "opens_ms", "first_id"),
    [
        ("0", 1641254400000, 2),
        ("8", 1641254400000 - 8 * HOUR_MS, 2),
        ("-1:00", 1641254400000 + HOUR_MS, 2),
        ("05:45", 1641254400000 - 5 * HOUR_MS - 45 * MINUTE_MS, 2),
        ("14", 1641254400000 - 14 * HOUR_MS, 2),
        ("-9:15", 1641254400000 + 9 * HOUR_MS + 15 * MINUTE_MS, 5),
    ],
)
async def test_a_trading_day_is_a_day_of_its_zone(traded: Api, zone: str, opens_ms: int, first_id: int) -> None:
    told = await traded.ok("GET", "/ticker/tradingDay", symbol="BTCUSDT", timeZone=zone)
    assert (told["openTime"], told["closeTime"]) == (opens_ms, opens_ms + DAY_MS - 1)
    assert (told["firstId"], told["lastId"], told["count"]) == (first_id, 5, 6 - first_id)


async def test_the_average_is_of_five_minutes(traded: Api, venue: Venue) -> None:
    average = {"mins": 5, "price": "42680.00000000", "closeTime": NOW_MS - 1}
    assert await traded.ok("GET", "/avgPrice", symbol="BTCUSDT") == average
    await venue.clock.set_virtual(NOW_MS + 5 * MINUTE_MS + 1_000)
    assert await traded.ok("GET", "/avgPrice", symbol="BTCUSDT") == average | {"price": "42400.00000000"}
    assert await traded.ok("GET", "/avgPrice", symbol="ETHUSDT") == {"mins": 5, "price": "0.00000000", "closeTime": 0}


async def test_best_prices(traded: Api, venue: Venue) -> None:
    empty = {"bidPrice": "0.00000000", "bidQty": "0.00000000", "askPrice": "0.00000000", "askQty": "0.00000000"}
    assert await traded.ok("GET", "/ticker/bookTicker", symbol="BTCUSDT") == {"symbol": "BTCUSDT", **empty}
    await venue.gateway.place_order(limit(1, Side.BUY, 4_000_000, 1_000))
    told = await traded.ok("GET", "/ticker/bookTicker", symbols='["ETHUSDT","BTCUSDT"]')
    one_side = {"bidPrice": "40000.00000000", "bidQty": "0.01000000"}
    assert told == [{"symbol": "ETHUSDT", **empty}, {"symbol": "BTCUSDT", **empty} | one_side]


@pytest.mark.parametrize(
    "path", ["/ticker/24hr", "/ticker/price", "/ticker/bookTicker", "/ticker", "/ticker/tradingDay"]
)
async def test_of_several_symbols_those_in_another_status_are_left_out(traded: Api, venue: Venue, path: str) -> None:
    await trade(venue, NOW_MS, 4_000_000)
    spec = await venue.registry.spec("ETHUSDT")
    await venue.registry.define_symbol(replace(spec, status=SymbolStatus.HALT))
    names = {"symbols": '["BTCUSDT","ETHUSDT"]'}
    for status, shown in (("TRADING", ["BTCUSDT"]), ("BREAK", [])):
        found = await traded.ok("GET", path, **names, symbolStatus=status)
        assert [row["symbol"] for row in found] == shown
    wrong = (400, -1220, "The symbol's status does not match the requested symbolStatus.")
    assert await traded.error("GET", path, symbol="ETHUSDT", symbolStatus="TRADING") == wrong


async def test_which_symbols_exchange_info_tells_of(traded: Api, venue: Venue) -> None:
    spec = await venue.registry.spec("ETHUSDT")
    await venue.registry.define_symbol(replace(spec, status=SymbolStatus.BREAK))

    async def told(**asked: str) -> list[str]:
        return [row["symbol"] for row in (await traded.ok("GET", "/exchangeInfo", **asked))["symbols"]]

    everything = ["BTCUSDT", "ETHBTC", "ETHUSDT"]
    assert await told() == await told(permissions="SPOT") == await told(permissions='["MARGIN","SPOT"]') == everything
    assert await told(permissions="MARGIN") == await told(permissions='["TRD_GRP_025","LEVERAGED"]') == []
    assert await told(symbolStatus="BREAK") == await told(symbolStatus="BREAK", permissions="SPOT") == ["ETHUSDT"]
    (shown,) = (await traded.ok("GET", "/exchangeInfo", symbol="BTCUSDT", showPermissionSets="false"))["symbols"]
    assert (shown["permissions"], shown["permissionSets"]) == ([], [])


ZONES = ("0", "8", "-1:00", "05:45", "-12:00", "14:00", "0:07")


def _bucket(interval: str, zone: str) -> Callable[[int], Any]:
    """Which candle of a zone a time is in, told by calendars and not by our arithmetic."""
    sign = -1 if zone.startswith("-") else 1
    hours, _, minutes = zone.lstrip("-").partition(":")
    clock = timezone(sign * timedelta(hours=int(hours), minutes=int(minutes or 0)))

    def bucket(at_ms: int) -> Any:
        local = datetime.fromtimestamp(at_ms / 1000, clock)
        if interval == "1M":
            return local.year, local.month
        if interval == "1w":
            return local.isocalendar()[:2]
        wall = local.replace(tzinfo=UTC)
        return int(wall.timestamp()) // {"1h": 3_600, "4h": 14_400, "1d": 86_400, "3d": 259_200}[interval]

    return bucket


@pytest.mark.parametrize("interval", ["1h", "4h", "1d", "3d", "1w", "1M"])
async def test_klines_of_a_time_zone_are_the_trades_of_its_intervals(
    venue: Venue, alice: Api, bob: Api, interval: str
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # what a failure needs to be seen again
    dice = random.Random(seed)
    for at_ms in sorted(NOW_MS - dice.randrange(MONTHS_MS) for _ in range(40)):
        await trade(venue, at_ms, dice.randrange(3_000_000, 5_000_000), taker=dice.choice(list(Side)))
    await venue.clock.set_virtual(NOW_MS)
    trades = await venue.queries.trades("BTCUSDT", limit=1_000)
    spec = await venue.registry.spec("BTCUSDT")
    for zone in ZONES:
        bucket = _bucket(interval, zone)
        zone_ms = read_time_zone(zone)
        klines = await read_klines(venue, spec, interval, start_ms=0, end_ms=None, limit=200_000, zone_ms=zone_ms)
        groups: dict[Any, list[PublicTrade]] = {}
        for public in trades:
            groups.setdefault(bucket(public.now_ms), []).append(public)
        told = {bucket(kline.open_ms): kline.candle for kline in klines}
        assert len(told) == len(klines), "each interval once"
        for kline, following in pairwise(klines):
            assert kline.close_ms + 1 == following.open_ms
            assert bucket(kline.open_ms) == bucket(kline.close_ms) != bucket(following.open_ms)
        assert {name for name, candle in told.items() if candle.trade_count} == set(groups)
        for name, group in groups.items():
            fills, candle = [public.fill for public in group], told[name]
            prices = [fill.price_ticks for fill in fills]
            assert (candle.open_ticks, candle.close_ticks) == (prices[0], prices[-1])
            assert (candle.high_ticks, candle.low_ticks) == (max(prices), min(prices))
            assert candle.quote_atoms == sum(fill.quote_atoms for fill in fills)
            bought = sum(fill.lots for fill in fills if fill.taker_side is Side.BUY)
            assert (candle.trade_count, candle.taker_buy_lots) == (len(fills), bought)


async def test_a_zone_moves_the_begin_of_a_day_and_not_start_time(traded: Api) -> None:
    day_ms = open_of("1d", NOW_MS)
    for zone, first_ms in (("0", day_ms), ("8", day_ms - 8 * HOUR_MS), ("-8", day_ms - 16 * HOUR_MS)):
        asked = {"symbol": "BTCUSDT", "interval": "1d", "timeZone": zone}
        rows = await traded.ok("GET", "/klines", **asked, startTime=day_ms - DAY_MS + 1)
        assert (rows[0][0], rows[0][6]) == (first_ms, first_ms + DAY_MS - 1)
    for interval in INTERVALS:
        plain = await traded.ok("GET", "/klines", symbol="BTCUSDT", interval=interval, limit=3)
        same = await traded.ok("GET", "/uiKlines", symbol="BTCUSDT", interval=interval, limit=3, timeZone="0:00")
        assert same == plain
