"""`@trade`: every fill, once, in order, on every worker."""

from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.conftest import Client, connected


async def test_a_trade_is_one_event_with_its_public_fields(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await client.subscribe("BTCUSDT@trade")
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 2_000))
    placed = await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
    trade = await client.next("BTCUSDT@trade")
    now_ms = placed.order.updated_ms
    assert trade == {
        "e": "trade", "E": now_ms, "s": "BTCUSDT", "t": 1, "p": "60000.00000000", "q": "0.01000000", "T": now_ms,
        "m": False, "M": True,
    }  # fmt: skip


async def test_a_sweep_is_as_many_events_as_fills_in_the_order_of_matching(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await client.subscribe("BTCUSDT@trade")
    for price in (6_000_200, 6_000_000, 6_000_100):
        await venue.gateway.place_order(limit(alice, Side.BUY, price, 1_000))
    await venue.gateway.place_order(limit(bob, Side.SELL, 6_000_000, 3_000))
    trades = [await client.next("BTCUSDT@trade") for _ in range(3)]
    assert [(trade["t"], trade["p"], trade["m"]) for trade in trades] == [
        (1, "60002.00000000", True), (2, "60001.00000000", True), (3, "60000.00000000", True),
    ]  # fmt: skip


async def test_a_symbol_may_be_written_in_any_case_and_is_answered_as_written(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await client.subscribe("btcUSDT@trade", "BTCUSDT@trade")
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
    assert await client.next("btcUSDT@trade") == await client.next("BTCUSDT@trade")


async def test_trades_of_another_symbol_are_not_heard(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await client.subscribe("ETHBTC@trade", "BTCUSDT@trade")
    await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
    await client.next("BTCUSDT@trade")
    assert client.heard("ETHBTC@trade") == []


async def test_more_fills_in_one_command_than_the_queue_holds_cut_nobody_who_reads(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await client.subscribe("BTCUSDT@trade")
    for number in range(1_300):
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000 + number, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 6_010_000, 1_300_000))
    assert [(await client.next("BTCUSDT@trade"))["t"] for _ in range(1_300)] == list(range(1, 1_301))


async def test_trades_are_heard_through_both_workers(
    client: Client, other_worker: str, venue: Venue, alice: int, bob: int
) -> None:
    async with connected(other_worker) as elsewhere:
        await client.subscribe("BTCUSDT@trade")
        await elsewhere.subscribe("BTCUSDT@trade")
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 5_000))
        for _ in range(5):
            await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
        here = [await client.next("BTCUSDT@trade") for _ in range(5)]
        there = [await elsewhere.next("BTCUSDT@trade") for _ in range(5)]
        assert here == there
        assert [trade["t"] for trade in here] == [1, 2, 3, 4, 5]
