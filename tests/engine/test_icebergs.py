"""Iceberg orders: the tip that the level shows, the refill, and the place in the queue after it."""

from typing import Any

import msgspec

from engine.commands import PlaceOrder, ReduceOrder
from engine.types import Side, TimeInForce
from engine.venue import Venue
from tests.conftest import cancel, limit

BUY, SELL = Side.BUY, Side.SELL


def iceberg(account: int, side: Side, price_ticks: int, lots: int, tip: int, **rest: Any) -> PlaceOrder:
    return msgspec.structs.replace(limit(account, side, price_ticks, lots, **rest), iceberg_lots=tip)


async def take(venue: Venue, account: int, side: Side, price_ticks: int, lots: int) -> list[tuple[int, int]]:
    """[(maker's order id, lots), ...] of an order that takes at once."""
    placed = await venue.gateway.place_order(limit(account, side, price_ticks, lots, tif=TimeInForce.IOC))
    return [(fill.maker_order_id, fill.lots) for fill in placed.fills]


async def asks(venue: Venue) -> list[tuple[int, int]]:
    return (await venue.queries.depth("BTCUSDT", 10)).asks


async def test_the_level_shows_the_tip_and_the_lock_is_for_all_of_it(venue: Venue, alice: int) -> None:
    placed = await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 10, 3))
    assert await asks(venue) == [(1_000, 3)]
    assert placed.order.locked_atoms == 10 * 1_000
    assert placed.order.terms is not None
    assert (placed.order.terms.visible_lots, placed.order.left_lots) == (3, 10)


async def test_a_refilled_tip_queues_behind_everybody_at_its_price(venue: Venue, alice: int, bob: int) -> None:
    ice = (await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 10, 3))).order.order_id
    plain = (await venue.gateway.place_order(limit(alice, SELL, 1_000, 4))).order.order_id
    assert await take(venue, bob, BUY, 1_000, 3) == [(ice, 3)]
    assert await asks(venue) == [(1_000, 7)], "3 of the new tip, 4 of the other"
    assert await take(venue, bob, BUY, 1_000, 5) == [(plain, 4), (ice, 1)]


async def test_a_large_taker_meets_it_again_and_again_after_the_rest_of_its_level(
    venue: Venue, alice: int, bob: int
) -> None:
    first = (await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 7, 3))).order.order_id
    second = (await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 5, 2))).order.order_id
    worse = (await venue.gateway.place_order(limit(alice, SELL, 1_001, 4))).order.order_id
    assert await take(venue, bob, BUY, 1_001, 14) == [
        (first, 3), (second, 2), (first, 3), (second, 2), (first, 1), (second, 1), (worse, 2),
    ]  # fmt: skip
    assert await asks(venue) == [(1_001, 2)]


async def test_the_order_of_refilled_tips_is_kept_between_takers(venue: Venue, alice: int, bob: int) -> None:
    first = (await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 9, 3))).order.order_id
    second = (await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 6, 2))).order.order_id
    assert await take(venue, bob, BUY, 1_000, 6) == [(first, 3), (second, 2), (first, 1)]
    assert await take(venue, bob, BUY, 1_000, 5) == [(first, 2), (second, 2), (first, 1)]
    assert await asks(venue) == [(1_000, 4)]


async def test_what_is_hidden_counts_for_fill_or_kill(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 10, 3))
    placed = await venue.gateway.place_order(limit(bob, BUY, 1_000, 10, tif=TimeInForce.FOK))
    assert placed.order.status == "FILLED"
    await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 10, 3, client_id="again"))
    placed = await venue.gateway.place_order(limit(bob, BUY, 1_000, 11, tif=TimeInForce.FOK))
    assert (placed.order.status, placed.fills) == ("EXPIRED", [])


async def test_canceled_and_reduced_as_any_other(venue: Venue, alice: int, bob: int) -> None:
    placed = await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 10, 3))
    await take(venue, bob, BUY, 1_000, 4)
    id_ = placed.order.order_id
    reduced = await venue.gateway.reduce_order(ReduceOrder(account=alice, symbol="BTCUSDT", order_id=id_, lots=7))
    assert (reduced.order.left_lots, await asks(venue)) == (3, [(1_000, 2)])
    reduced = await venue.gateway.reduce_order(ReduceOrder(account=alice, symbol="BTCUSDT", order_id=id_, lots=5))
    assert (reduced.order.left_lots, await asks(venue)) == (1, [(1_000, 1)])
    await venue.gateway.cancel_order(cancel(alice, id_))
    assert await asks(venue) == []
    assert await venue.runner.command("ZCARD", venue.keys.book("BTCUSDT", SELL)) == 0


async def test_a_tip_of_one_lot_in_a_long_sweep_takes_several_steps(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(iceberg(alice, SELL, 1_000, 1_200, 1))
    placed = await venue.gateway.place_order(limit(bob, BUY, 1_000, 1_100))
    assert (placed.order.status, len(placed.fills)) == ("FILLED", 1_100)
    assert await asks(venue) == [(1_000, 1)]
