"""What SQL has of orders that wait, trail, hide or are kept from trading with themselves: what the engine has."""

from typing import Any

from archive import queries
from archive.models import ArchivedOrder, ArchivedPreventedMatch
from engine.commands import PlaceOrder
from engine.types import OrderStatus, OrderType, Side, StpMode
from engine.venue import Venue
from tests.archive.conftest import all_archived, archiving, events_of, rows, stored
from tests.archive.test_writer import come_back_with, image_of
from tests.conftest import limit

BUY, SELL = Side.BUY, Side.SELL


def special(account: int, side: Side, kind: OrderType, lots: int, **more: Any) -> PlaceOrder:
    return PlaceOrder(
        account=account, symbol="BTCUSDT", rules_version=1, side=side, type=kind, lots=lots,
        client_order_id=f"{account}{kind}{lots}", **more,
    )  # fmt: skip


async def test_terms_of_an_order_are_archived_as_they_stand(venue: Venue, alice: int, bob: int) -> None:
    place = venue.gateway.place_order
    await place(limit(bob, BUY, 4_500_000, 300))
    await place(special(alice, SELL, OrderType.STOP_LOSS, 500, stop_ticks=4_600_000, strategy_id=2**60))
    await place(special(alice, SELL, OrderType.LIMIT, 900, price_ticks=6_000_000, iceberg_lots=100))
    await place(special(bob, BUY, OrderType.LIMIT, 250, price_ticks=6_000_000))
    await place(special(alice, BUY, OrderType.LIMIT, 100, price_ticks=6_000_000, stp=StpMode.DECREMENT))
    await place(special(bob, SELL, OrderType.LIMIT, 1, price_ticks=4_500_000))  # 45,000: the stop is triggered
    await stored(venue, await events_of(venue))
    archived = await rows(ArchivedOrder, venue)
    assert [row.terms == "" for row in archived] == [True, False, False, True, False, True]
    for row in archived:
        assert row.record() == await venue.queries.order(row.account, row.symbol, order_id=row.order_id)
    stop, iceberg, decremented = archived[1].record(), archived[2].record(), archived[4].record()
    assert stop.terms is not None
    assert (stop.filled_lots, stop.status, stop.terms.strategy_id) == (299, OrderStatus.EXPIRED, 2**60)
    assert (iceberg.filled_lots, iceberg.left_lots) == (250, 550)
    assert (decremented.filled_lots, decremented.status) == (0, OrderStatus.EXPIRED_IN_MATCH)


async def test_a_prevented_match_is_found_from_either_side_and_by_nobody_else(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    for account in (alice, bob):
        await venue.registry.set_trade_group(account, 3)
    maker = await venue.gateway.place_order(limit(bob, BUY, 4_500_000, 300))
    taking = special(alice, SELL, OrderType.LIMIT, 500, price_ticks=4_500_000, stp=StpMode.EXPIRE_BOTH)
    taker = await venue.gateway.place_order(taking)
    await stored(venue, await events_of(venue))
    for account, order in ((alice, taker.order), (bob, maker.order)):
        (found,) = await queries.prevented_matches(venue.name, account, "BTCUSDT", order_id=order.order_id)
        assert found.match == taker.prevented[0]
        assert found.now_ms == taker.order.updated_ms
    assert await queries.prevented_matches(venue.name, alice, "BTCUSDT", order_id=maker.order.order_id) == []
    assert await queries.prevented_matches(venue.name, carol, "BTCUSDT", match_id=0) == []
    assert await queries.prevented_matches(venue.name, alice, "ETHUSDT", match_id=0) == []


async def test_prevented_matches_that_never_were_or_were_cleared_are_void(
    redis_url: str, venue: Venue, alice: int
) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 4_500_000, 300))
    image = await image_of(venue)
    ending = special(alice, SELL, OrderType.LIMIT, 500, price_ticks=4_500_000, stp=StpMode.EXPIRE_BOTH)

    async def marks() -> list[bool]:
        return [row.is_void for row in await rows(ArchivedPreventedMatch, venue)]

    async with archiving(redis_url, venue):
        await venue.gateway.place_order(ending)
        await all_archived(venue)
        assert await marks() == [False]
        await come_back_with(venue, image)
        await all_archived(venue)
        assert await marks() == [True]
        restored = await queries.orders(venue.name, alice, "BTCUSDT")
        assert [(order.status, order.terms) for order in restored] == [(OrderStatus.NEW, None)]
        again = await venue.gateway.place_order(ending)
        await all_archived(venue)
        assert await marks() == [True, False]
        (found,) = await queries.prevented_matches(venue.name, alice, "BTCUSDT", match_id=0)
        assert found.match == again.prevented[0]
        await venue.clock.clear_market()
        await all_archived(venue)
        assert await marks() == [True, True]
