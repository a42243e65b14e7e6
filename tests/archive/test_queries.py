"""History from SQL: which rows, in which order, and how long it is waited for."""

import time

import pytest

from archive import queries
from engine.queries import PublicTrade
from engine.types import Side
from engine.venue import Venue
from tests.archive.conftest import events_of, stored
from tests.conftest import limit

BUY, SELL = Side.BUY, Side.SELL
START_MS = 1_700_000_000_000


@pytest.fixture
async def history(venue: Venue, alice: int, bob: int) -> Venue:
    """A second apart: alice offers ten times (order ids 1, 3, 5 ...), bob takes each (2, 4, 6 ...); trades 1 to 10."""
    for second in range(10):
        await venue.clock.set_virtual(START_MS + second * 1_000)
        await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 100, client_id="again"))
        await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 100))
    await stored(venue, await events_of(venue))
    return venue


def ids(trades: list[PublicTrade]) -> list[int]:
    return [trade.fill.trade_id for trade in trades]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]),
        ({"limit": 3}, [15, 17, 19]),  # the newest
        ({"from_id": 6, "limit": 3}, [7, 9, 11]),  # from there on
        ({"from_id": 7, "limit": 1}, [7]),
        ({"start_ms": START_MS + 8_000}, [17, 19]),
        ({"end_ms": START_MS + 1_000}, [1, 3]),
        ({"start_ms": START_MS + 2_000, "end_ms": START_MS + 7_000, "limit": 2}, [5, 7]),
        ({"from_id": 100}, []),
    ],
)
async def test_orders_by_id_time_and_limit(history: Venue, alice: int, asked: dict[str, int], found: list[int]) -> None:
    orders = await queries.orders(history.name, alice, "BTCUSDT", **asked)
    assert [order.order_id for order in orders] == found
    assert {order.account for order in orders} <= {alice}


async def test_one_order_by_either_id(history: Venue, alice: int, bob: int) -> None:
    newest = await queries.order(history.name, alice, "BTCUSDT", client_order_id="again")
    assert newest is not None
    assert newest.order_id == 19
    assert await queries.order(history.name, bob, "BTCUSDT", order_id=19) is None  # somebody else's
    assert await queries.order(history.name, alice, "ETHUSDT", order_id=19) is None
    assert await queries.order(history.name, alice, "BTCUSDT", order_id=19, client_order_id="other") is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"limit": 2}, [9, 10]),
        ({"from_id": 4, "limit": 2}, [4, 5]),
        ({"order_id": 6}, [3]),  # bob's third order
        ({"order_id": 5}, []),  # not his order
        ({"start_ms": START_MS + 1_000, "end_ms": START_MS + 2_000}, [2, 3]),
    ],
)
async def test_trades_of_an_account(history: Venue, bob: int, asked: dict[str, int], found: list[int]) -> None:
    assert ids(await queries.trades_of(history.name, bob, "BTCUSDT", **asked)) == found


async def test_trades_of_either_side_and_with_oneself_come_once(history: Venue, alice: int, bob: int) -> None:
    await history.gateway.place_order(limit(bob, SELL, 6_100_000, 100))
    await history.gateway.place_order(limit(alice, BUY, 6_100_000, 100))  # alice takes: trade 11
    await history.gateway.place_order(limit(alice, SELL, 6_200_000, 100))
    await history.gateway.place_order(limit(alice, BUY, 6_200_000, 100))  # alice with herself: trade 12
    await stored(history, await events_of(history))
    assert ids(await queries.trades_of(history.name, alice, "BTCUSDT")) == list(range(1, 13))
    assert ids(await queries.trades_of(history.name, alice, "BTCUSDT", limit=3)) == [10, 11, 12]


async def test_public_trades_are_those_of_redis(history: Venue) -> None:
    assert await queries.public_trades(history.name, "BTCUSDT") == await history.queries.trades("BTCUSDT", limit=500)
    assert ids(await queries.public_trades(history.name, "BTCUSDT", from_id=9)) == [9, 10]
    assert ids(await queries.public_trades(history.name, "BTCUSDT", before_id=9, limit=2)) == [7, 8]
    assert await queries.public_trades(history.name, "ETHUSDT") == []


async def test_waiting_ends_after_its_time_without_an_archiver(venue: Venue, alice: int) -> None:
    begin = time.monotonic()
    assert not await queries.wait_until_archived(venue, 1, timeout_s=0.2)
    assert 0.1 < time.monotonic() - begin < 2
