"""Fills of one taker at one price share a number, which aggTrades shows (REST and stream); none is left out."""

from engine.records import Fill
from engine.types import Side
from engine.venue import Venue
from tests.conftest import fund, limit, market

BUY, SELL = Side.BUY, Side.SELL


async def rest(venue: Venue, account: int, *prices: int, symbol: str = "BTCUSDT") -> None:
    for price in prices:
        await venue.gateway.place_order(limit(account, SELL, price, 1_000, symbol=symbol))


def numbers(fills: list[Fill]) -> list[tuple[int, int]]:
    return [(fill.trade_id, fill.aggregate_id) for fill in fills]


async def test_fills_of_a_taker_at_one_price_share_a_number(venue: Venue, alice: int, bob: int) -> None:
    await rest(venue, alice, 4_000_000, 4_000_000, 4_000_100, 4_000_200, 4_000_200, 4_000_200)
    first = await venue.gateway.place_order(market(bob, BUY, lots=4_500))
    assert numbers(first.fills) == [(1, 1), (2, 1), (3, 2), (4, 3), (5, 3)]
    second = await venue.gateway.place_order(market(bob, BUY, lots=500))
    assert numbers(second.fills) == [(6, 4)], "another taker at the same price is counted by itself"
    third = await venue.gateway.place_order(market(bob, BUY, lots=1_000))
    assert numbers(third.fills) == [(7, 5)]


async def test_each_symbol_has_numbers_of_its_own(venue: Venue, alice: int, bob: int) -> None:
    await fund(venue, alice, ETH=10**10)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        await rest(venue, alice, 400_000, symbol=symbol)
        placed = await venue.gateway.place_order(limit(bob, BUY, 400_000, 1_000, symbol=symbol))
        assert numbers(placed.fills) == [(1, 1)]


async def test_numbers_go_on_when_the_market_is_cleared(venue: Venue, alice: int, bob: int) -> None:
    await rest(venue, alice, 4_000_000, 4_000_000)
    await venue.gateway.place_order(market(bob, BUY, lots=1_500))
    await venue.clock.clear_market()
    await rest(venue, alice, 4_000_000)
    placed = await venue.gateway.place_order(market(bob, BUY, lots=1_000))
    assert numbers(placed.fills) == [(3, 2)]


async def test_a_symbol_from_before_goes_on_from_its_trade_ids(venue: Venue, alice: int, bob: int) -> None:
    await rest(venue, alice, 4_000_000, 4_000_000)
    await venue.gateway.place_order(market(bob, BUY, lots=1_500))
    await venue.runner.command("HDEL", venue.keys.symbol("BTCUSDT"), "last_aggregate_id")
    placed = await venue.gateway.place_order(market(bob, BUY, lots=500))
    assert numbers(placed.fills) == [(3, 3)]
    assert Fill(7, 1, 1, 1, BUY, 1, 1, 1, 1, 1, 1).aggregate_id == 7
