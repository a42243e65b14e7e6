"""Matching rules by size: what must come out the same when all is larger, or when a rule has nothing to decide.

EXCHANGE_MODEL_SEED plays a seed again.
"""

import os
from collections.abc import AsyncIterator
from random import Random

import pytest
from msgspec.structs import replace

from engine.types import Side, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, finish, fund, limit

SEED = int(os.environ.get("EXCHANGE_MODEL_SEED", "0")) or Random().randrange(1, 2**32)
CASES = 60
RULES = (("pro_rata", 0), ("price_time_pro_rata", 50), ("price_time", 0))


@pytest.fixture
async def venues(redis_url: str, venue_name: str) -> AsyncIterator[list[Venue]]:
    """One for each rule; two accounts with money."""
    opened = [await Venue.connect(redis_url, f"{venue_name}-{name}") for name, _ in RULES]
    for venue, (name, percent) in zip(opened, RULES, strict=True):
        rules = replace(BTCUSDT, matching_rule=name, price_time_percent=percent, min_notional_atoms=0)
        await venue.registry.define_symbol(rules)
        for account in (1, 2):
            await fund(venue, account, BTC=10**17, USDT=10**17)
    yield opened
    for venue in opened:
        await finish(venue)
        await venue.close()


async def given(venue: Venue, sizes: list[int], wanted: int, price: int = 1_000) -> list[int]:
    """What each of these sell orders, alone at the price, gives to one taker; they are gone afterwards."""
    makers = [(await venue.gateway.place_order(limit(1, Side.SELL, price, lots))).order.order_id for lots in sizes]
    fills = (await venue.gateway.place_order(limit(2, Side.BUY, price, wanted, tif=TimeInForce.IOC))).fills
    left = sum(sizes) - wanted
    if left:
        await venue.gateway.place_order(limit(2, Side.BUY, price, left, tif=TimeInForce.IOC))
    lots = {fill.maker_order_id: fill.lots for fill in fills}
    assert len(lots) == len(fills), "an order trades once in a round"
    return [lots.get(maker, 0) for maker in makers]


async def test_shares_grow_with_the_level(venues: list[Venue]) -> None:
    """Where nothing is to be rounded, k times as much for everybody is k times as much of it."""
    random, (by_size, by_both, _) = Random(SEED), venues
    for case in range(CASES):
        parts = 2 * random.randint(1, 9)  # the taker wants one of so many parts, of which half goes by time
        sizes = [parts * random.randint(1, 30) for _ in range(random.randint(1, 9))]
        wanted = sum(sizes) // parts
        larger = random.randint(2, 1_000)
        assert await given(by_size, sizes, wanted) == [lots // parts for lots in sizes], f"seed {SEED}, case {case}"
        scaled = await given(by_size, [larger * lots for lots in sizes], larger * wanted)
        assert scaled == [larger * lots // parts for lots in sizes], f"seed {SEED}, case {case}"
        small = await given(by_both, sizes, wanted)
        assert sum(small) == wanted
        assert small[0] >= wanted // 2 if sizes[0] >= wanted // 2 else small[0] == sizes[0], f"seed {SEED}, case {case}"


async def test_rounding_takes_no_more_than_a_lot_from_anybody(venues: list[Venue]) -> None:
    random = Random(SEED)
    for case in range(CASES):
        sizes = [random.randint(1, 500) for _ in range(random.randint(2, 12))]
        wanted = random.randint(1, sum(sizes) - 1)
        shares = await given(venues[0], sizes, wanted)
        exact = [wanted * lots / sum(sizes) for lots in sizes]
        assert sum(shares) == wanted, f"seed {SEED}, case {case}"
        assert all(share > part - 1 for share, part in zip(shares, exact, strict=True)), f"seed {SEED}, case {case}"


async def test_with_one_order_at_each_price_all_rules_are_one(venues: list[Venue]) -> None:
    random = Random(SEED)
    for case in range(CASES):
        sizes = [random.randint(1, 50) for _ in range(6)]
        wanted = random.randint(1, sum(sizes))
        told = []
        for venue in venues:
            for away, lots in enumerate(sizes):
                await venue.gateway.place_order(limit(1, Side.SELL, 1_000 + away, lots))
            fills = (await venue.gateway.place_order(limit(2, Side.BUY, 1_010, wanted))).fills
            told.append([(fill.price_ticks, fill.lots, fill.taker_fee_atoms) for fill in fills])
            if wanted < sum(sizes):
                await venue.gateway.place_order(limit(2, Side.BUY, 1_010, sum(sizes) - wanted))
        assert told[0] == told[1] == told[2], f"seed {SEED}, case {case}"
