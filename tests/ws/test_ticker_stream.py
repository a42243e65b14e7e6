"""`@ticker`: at once, then at most once a second while it changes."""

import time

from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.conftest import Client

FIELDS = set("eEspPwxcQbBaAohlvqOCFLn")


async def trade(venue: Venue, price_ticks: int) -> None:
    await venue.gateway.place_order(limit(1, Side.SELL, price_ticks, 1_000))
    await venue.gateway.place_order(limit(2, Side.BUY, price_ticks, 1_000))


async def test_the_first_comes_at_once_and_has_every_field(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await trade(venue, 6_000_000)
    await trade(venue, 6_060_000)
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_100_000, 3_000))
    await client.subscribe("BTCUSDT@ticker")
    await client.silence()
    data = await client.next("BTCUSDT@ticker")
    assert set(data) == FIELDS
    assert (data["e"], data["s"], data["c"], data["o"]) == ("24hrTicker", "BTCUSDT", "60600.00000000", "60000.00000000")
    assert (data["p"], data["P"], data["w"]) == ("600.00000000", "1.000", "60300.00000000")
    assert (data["v"], data["q"], data["n"], data["F"], data["L"]) == ("0.02000000", "1206.00000000", 2, 1, 2)
    assert (data["b"], data["a"], data["A"]) == ("0.00000000", "61000.00000000", "0.03000000")
    assert data["C"] - data["O"] == 86_400_000


async def test_it_is_heard_even_before_the_first_trade(client: Client) -> None:
    await client.subscribe("BTCUSDT@ticker")
    assert (await client.next("BTCUSDT@ticker"))["c"] == "0.00000000"


async def test_many_trades_in_a_second_are_one_event(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await client.subscribe("BTCUSDT@ticker")
    began = time.monotonic()
    for number in range(30):
        await trade(venue, 6_000_000 + number)
    data = await client.until("BTCUSDT@ticker", lambda data: data["n"] == 30)
    assert data["c"] == "60000.29000000"
    assert len(client.heard("BTCUSDT@ticker")) <= 2 + int(time.monotonic() - began)


async def test_without_a_change_there_is_no_event(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await trade(venue, 6_000_000)
    await client.subscribe("BTCUSDT@ticker", "BTCUSDT@kline_1s")
    for _ in range(2):  # two whole seconds
        await client.until("BTCUSDT@kline_1s", lambda data: data["k"]["x"])
    assert len(client.heard("BTCUSDT@ticker")) == 1
