"""`@kline`: the candle while it changes, and its end, on the venue's clock."""

from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.conftest import Client

START_MS = 1_723_075_200_000  # 2024-08-08 00:00 UTC


async def trade(venue: Venue, price_ticks: int, lots: int = 1_000) -> None:
    await venue.gateway.place_order(limit(1, Side.SELL, price_ticks, lots))
    await venue.gateway.place_order(limit(2, Side.BUY, price_ticks, lots))


async def test_without_an_interval_it_is_a_minute_and_every_field_is_there(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS + 30_000)
    await client.subscribe("BTCUSDT@kline")
    await trade(venue, 6_000_000, 2_000)
    data = await client.next("BTCUSDT@kline")
    assert data == {
        "e": "kline", "E": START_MS + 30_000, "s": "BTCUSDT",
        "k": {
            "t": START_MS, "T": START_MS + 59_999, "s": "BTCUSDT", "i": "1m", "f": 1, "L": 1, "o": "60000.00000000",
            "c": "60000.00000000", "h": "60000.00000000", "l": "60000.00000000", "v": "0.02000000", "n": 1, "x": False,
            "q": "1200.00000000", "V": "0.02000000", "Q": "1200.00000000", "B": "0",
        },
    }  # fmt: skip


async def test_it_goes_on_from_the_trades_before_the_subscription(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS + 10_000)
    await trade(venue, 6_000_500)
    await trade(venue, 5_999_000)
    await client.subscribe("BTCUSDT@kline_1h")
    await trade(venue, 6_000_000)
    k = (await client.next("BTCUSDT@kline_1h"))["k"]
    assert (k["f"], k["L"], k["n"], k["v"]) == (1, 3, 3, "0.03000000")
    assert (k["o"], k["h"], k["l"], k["c"]) == (
        "60005.00000000", "60005.00000000", "59990.00000000", "60000.00000000",
    )  # fmt: skip


async def test_a_candle_ends_with_x_true_before_the_next_one_begins(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS)
    await client.subscribe("BTCUSDT@kline_1m")
    await trade(venue, 6_000_000)
    await venue.clock.set_virtual(START_MS + 60_000)
    await trade(venue, 6_000_100)
    closed = (await client.until("BTCUSDT@kline_1m", lambda data: data["k"]["x"]))["k"]
    assert (closed["t"], closed["c"], closed["n"]) == (START_MS, "60000.00000000", 1)
    after = (await client.next("BTCUSDT@kline_1m"))["k"]
    assert (after["t"], after["x"], after["o"], after["n"]) == (START_MS + 60_000, False, "60001.00000000", 1)


async def test_silent_seconds_end_too(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await venue.clock.set_virtual(START_MS)
    await trade(venue, 6_000_000)
    await client.subscribe("BTCUSDT@kline_1s")
    await venue.clock.set_virtual(START_MS + 3_500)
    closed = [(await client.next("BTCUSDT@kline_1s"))["k"] for _ in range(3)]
    assert [k["t"] - START_MS for k in closed] == [0, 1_000, 2_000]
    assert all(k["x"] and k["c"] == "60000.00000000" for k in closed)
    assert [(k["n"], k["f"], k["v"]) for k in closed[1:]] == [(0, -1, "0.00000000")] * 2


async def test_on_the_real_clock_a_second_ends_within_the_next(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await trade(venue, 6_000_000)
    await client.subscribe("BTCUSDT@kline_1s")
    for _ in range(2):
        data = await client.until("BTCUSDT@kline_1s", lambda data: data["k"]["x"])
        assert 0 < data["E"] - data["k"]["T"] < 1_000


async def test_a_leap_of_the_clock_is_not_closed_second_by_second(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS)
    await trade(venue, 6_000_000)
    await client.subscribe("BTCUSDT@kline_1s")
    await venue.clock.set_virtual(START_MS + 86_400_000)
    closed = (await client.next("BTCUSDT@kline_1s"))["k"]
    assert (closed["t"], closed["n"]) == (START_MS, 1)
    last = await client.until("BTCUSDT@kline_1s", lambda data: data["k"]["T"] == START_MS + 86_400_000 - 1)
    assert last["k"]["x"]
    assert len(client.heard("BTCUSDT@kline_1s")) == 101


async def test_before_the_first_trade_there_is_no_candle(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await venue.clock.set_virtual(START_MS)
    await client.subscribe("BTCUSDT@kline_1s", "BTCUSDT@kline_1M")
    await venue.clock.set_virtual(START_MS + 5_000)
    await trade(venue, 6_000_000)
    first = (await client.next("BTCUSDT@kline_1s"))["k"]
    assert (first["t"], first["n"], first["x"]) == (START_MS + 5_000, 1, False)
    month = (await client.next("BTCUSDT@kline_1M"))["k"]
    assert month["t"] == 1_722_470_400_000  # 2024-08-01


async def test_a_clock_set_back_after_a_clearing_begins_anew(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await venue.clock.set_virtual(START_MS + 3_600_000)
    await client.subscribe("BTCUSDT@kline_1m")
    await trade(venue, 6_000_000)
    await client.next("BTCUSDT@kline_1m")
    await venue.clock.clear_market()
    await venue.clock.set_virtual(START_MS)
    await trade(venue, 5_000_000)
    k = (await client.next("BTCUSDT@kline_1m"))["k"]
    assert (k["t"], k["o"], k["n"], k["x"]) == (START_MS, "50000.00000000", 1, False)
