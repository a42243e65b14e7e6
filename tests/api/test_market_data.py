"""Public endpoints: what they say before, during and after trading. Nobody needs a key."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.types import OrderType, SymbolStatus
from engine.venue import Venue
from tests.api.conftest import Api, limit_order
from tests.conftest import BTCUSDT

TICKER = (
    "symbol", "priceChange", "priceChangePercent", "weightedAvgPrice", "prevClosePrice", "lastPrice", "lastQty",
    "bidPrice", "bidQty", "askPrice", "askQty", "openPrice", "highPrice", "lowPrice", "volume", "quoteVolume",
    "openTime", "closeTime", "firstId", "lastId", "count",
)  # fmt: skip


@pytest.fixture
async def traded(alice: Api, bob: Api, anybody: Api) -> Api:
    """Two trades on BTCUSDT (0.1 at 50,000 and 0.2 at 50,010), a bid and an ask left; somebody without a key."""
    await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.1"))
    await alice.ok("POST", "/order", **limit_order("SELL", "50010", "0.3"))
    await bob.ok("POST", "/order", **limit_order("BUY", "50010", "0.3"))
    await bob.ok("POST", "/order", **limit_order("BUY", "49990", "0.05"))
    return anybody


async def test_ping_and_time(anybody: Api, venue: Venue) -> None:
    response = await anybody.ask("GET", "/ping")
    assert response.json() == {"status": "ok"}
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    before = (await venue.queries.clock()).now_ms
    told = (await anybody.ok("GET", "/time"))["serverTime"]
    assert before <= told <= (await venue.queries.clock()).now_ms


async def test_exchange_info_tells_the_rules(anybody: Api, venue: Venue) -> None:
    info = await anybody.ok("GET", "/exchangeInfo")
    assert (info["timezone"], info["rateLimits"], info["exchangeFilters"]) == ("UTC", [], [])
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHBTC", "ETHUSDT"]
    symbol = info["symbols"][0]
    assert symbol["filters"] == [
        {
            "filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000",
            "tickSize": "0.01000000",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {
            "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
            "maxNotional": "90071992.54740991", "applyMaxToMarket": True, "avgPriceMins": 0,
        },
    ]  # fmt: skip
    assert (symbol["status"], symbol["orderTypes"], symbol["permissions"]) == ("TRADING", list(OrderType), [])
    assert (symbol["baseAsset"], symbol["quoteAsset"], symbol["baseAssetPrecision"]) == ("BTC", "USDT", 8)


async def test_exchange_info_of_one_and_of_some(anybody: Api, venue: Venue) -> None:
    one = await anybody.ok("GET", "/exchangeInfo", symbol="ETHUSDT")
    assert [symbol["symbol"] for symbol in one["symbols"]] == ["ETHUSDT"]
    some = await anybody.ok("GET", "/exchangeInfo", symbols='["ETHUSDT","BTCUSDT"]')
    assert [symbol["symbol"] for symbol in some["symbols"]] == ["ETHUSDT", "BTCUSDT"]
    await venue.registry.define_symbol(replace(BTCUSDT, status=SymbolStatus.HALT))
    async with asyncio.timeout(5):
        while (await anybody.ok("GET", "/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["status"] != "HALT":
            await asyncio.sleep(0.01)


async def test_the_limits_that_exchange_info_tells_are_the_ones_in_force(alice: Api, bob: Api) -> None:
    await bob.ok("POST", "/order", **limit_order("SELL", "50000", "0.01"))
    filters = (await alice.ok("GET", "/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["filters"]
    lot, notional = filters[1], filters[-1]
    largest = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
    too_much = await alice.error("POST", "/order", **largest, quoteOrderQty=notional["maxNotional"])
    assert too_much[1:] == (-2010, "Account has insufficient balance for requested action.")
    assert (await alice.error("POST", "/order", **largest, quoteOrderQty="90071992.54740992"))[1] == -1013
    assert (await alice.error("POST", "/order", **limit_order("SELL", "50000", lot["maxQty"])))[1] == -1013  # notional
    assert (await alice.error("POST", "/order", **limit_order("SELL", "100", lot["maxQty"])))[1] == -2010


async def test_the_smallest_notional_holds_for_market_orders_too(alice: Api, bob: Api) -> None:
    """By quantity at the last price (avgPriceMins is 0), by quoteOrderQty the amount itself."""
    await alice.ok("POST", "/order", **limit_order("SELL", "50000", "1"))
    await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.1"))
    buy = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
    refused = (400, -1013, "Filter failure: NOTIONAL")
    assert await bob.error("POST", "/order", **buy, quantity="0.00009") == refused
    assert await bob.error("POST", "/order", **buy, quoteOrderQty="4.99999999") == refused
    assert (await bob.ok("POST", "/order", **buy, quantity="0.0001"))["status"] == "FILLED"
    assert (await bob.ok("POST", "/order", **buy, quoteOrderQty="5"))["status"] == "FILLED"


async def test_price_before_and_after_the_first_trade(anybody: Api, alice: Api, bob: Api) -> None:
    assert await anybody.error("GET", "/ticker/price", symbol="BTCUSDT") == (
        404, -1000, "There was no trade on this symbol yet.",
    )  # fmt: skip
    assert await anybody.ok("GET", "/ticker/price") == []
    await alice.ok("POST", "/order", **limit_order("SELL", "50000.1", "0.1"))
    await bob.ok("POST", "/order", **limit_order("BUY", "50000.1", "0.1"))
    price = {"symbol": "BTCUSDT", "price": "50000.10000000"}
    assert await anybody.ok("GET", "/ticker/price", symbol="BTCUSDT") == price
    assert await anybody.ok("GET", "/ticker/price") == [price]
    assert await anybody.ok("GET", "/ticker/price", symbols='["BTCUSDT"]') == [price]


async def test_ticker_of_24_hours(traded: Api) -> None:
    ticker = await traded.ok("GET", "/ticker/24hr", symbol="BTCUSDT")
    assert tuple(ticker) == TICKER
    assert ticker.pop("closeTime") - ticker.pop("openTime") == 86_400_000
    assert ticker == {
        "symbol": "BTCUSDT", "priceChange": "10.00000000", "priceChangePercent": "0.020",
        "weightedAvgPrice": "50006.66666666", "prevClosePrice": "50000.00000000", "lastPrice": "50010.00000000",
        "lastQty": "0.20000000", "bidPrice": "49990.00000000", "bidQty": "0.05000000", "askPrice": "50010.00000000",
        "askQty": "0.10000000", "openPrice": "50000.00000000", "highPrice": "50010.00000000",
        "lowPrice": "50000.00000000", "volume": "0.30000000", "quoteVolume": "15002.00000000",
        "firstId": 1, "lastId": 2, "count": 2,
    }  # fmt: skip
    silent = (await traded.ok("GET", "/ticker/24hr"))[1]
    assert (silent["symbol"], silent["lastPrice"], silent["count"], silent["firstId"]) == (
        "ETHBTC",
        "0.00000000",
        0,
        -1,
    )


async def test_depth_is_best_first_and_ten_levels_unless_told(traded: Api, alice: Api) -> None:
    assert await traded.ok("GET", "/depth", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT", "lastUpdateId": 4,
        "bids": [["49990.00000000", "0.05000000"]], "asks": [["50010.00000000", "0.10000000"]],
    }  # fmt: skip
    for step in range(12):
        await alice.ok("POST", "/order", **limit_order("SELL", f"{50020 + step}", "0.01"))
    asks = (await traded.ok("GET", "/depth", symbol="BTCUSDT"))["asks"]
    assert [price for price, _ in asks] == ["50010.00000000", *(f"{50020 + step}.00000000" for step in range(9))]
    assert len((await traded.ok("GET", "/depth", symbol="BTCUSDT", limit=2))["asks"]) == 2
    assert len((await traded.ok("GET", "/depth", symbol="BTCUSDT", limit=999_999))["asks"]) == 13


async def test_trades_are_oldest_first(traded: Api) -> None:
    trades = await traded.ok("GET", "/trades", symbol="BTCUSDT")
    times = [trade.pop("time") for trade in trades]
    assert times == sorted(times)
    assert trades == [
        {
            "id": number, "price": price, "qty": quantity, "quoteQty": quote,
            "isBuyerMaker": False, "isBestMatch": True,
        }
        for number, price, quantity, quote in (
            (1, "50000.00000000", "0.10000000", "5000.00000000"),
            (2, "50010.00000000", "0.20000000", "10002.00000000"),
        )
    ]  # fmt: skip
    assert [trade["id"] for trade in await traded.ok("GET", "/trades", symbol="BTCUSDT", limit=1)] == [2]
    assert await traded.ok("GET", "/trades", symbol="ETHUSDT", limit=5_000) == []


async def test_candles_have_twelve_columns(traded: Api) -> None:
    rows = await traded.ok("GET", "/klines", symbol="BTCUSDT", interval="1d")
    assert [len(row) for row in rows] == [12]
    row = rows[0]
    assert row[0] % 86_400_000 == 0
    assert row[1:6] == ["50000.00000000", "50010.00000000", "50000.00000000", "50010.00000000", "0.30000000"]
    assert row[6:] == [row[0] + 86_399_999, "15002.00000000", 2, "0.30000000", "15002.00000000", "0"]
    after = await traded.ok("GET", "/klines", symbol="BTCUSDT", interval="1d", startTime=row[0] + 1)
    assert after == []
    assert await traded.ok("GET", "/klines", symbol="ETHUSDT", interval="1m", endTime=0) == []
    assert len(await traded.ok("GET", "/klines", symbol="BTCUSDT", interval="1M", limit=100_000)) == 1
