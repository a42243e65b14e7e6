"""Order lists in SQL: one row each, written once, and how a list stands is what its orders say."""

from msgspec.structs import replace

from archive import queries
from archive.models import ArchivedAmendment, ArchivedOrderList
from engine.commands import CancelOrderList, PlaceOrder, PlaceOrderList, ReduceOrder
from engine.records import OrderListRecord
from engine.types import ListKind, OrderType, Side
from engine.venue import Venue
from tests.archive.conftest import all_archived, archiving, events_of, rows, stored
from tests.archive.test_writer import come_back_with, image_of
from tests.conftest import limit

BUY, SELL = Side.BUY, Side.SELL


def chain(account: int, name: str) -> PlaceOrderList:
    working = limit(account, BUY, 4_900_000, 500)
    above = PlaceOrder(
        account=account, symbol="BTCUSDT", rules_version=1, side=SELL, type=OrderType.LIMIT_MAKER, lots=500,
        price_ticks=5_500_000, client_order_id=f"{name}-above",
    )  # fmt: skip
    below = PlaceOrder(
        account=account, symbol="BTCUSDT", rules_version=1, side=SELL, type=OrderType.STOP_LOSS, lots=500,
        stop_ticks=4_500_000, client_order_id=f"{name}-below",
    )  # fmt: skip
    return PlaceOrderList(kind=ListKind.OTOCO, client_order_id=name, orders=[working, below, above])


async def in_sql(venue: Venue, account: int) -> list[OrderListRecord]:
    found = await queries.order_lists(venue.name, account, from_id=None, start_ms=None, end_ms=None, limit=10)
    assert {symbol for symbol, _ in found} <= {"BTCUSDT"}
    return [order_list for _, order_list in found]


async def test_sql_has_every_list_as_the_engine_has_it(venue: Venue, alice: int, bob: int) -> None:
    place, cancel = venue.gateway.place_order_list, venue.gateway.cancel_order_list
    filled = await place(chain(alice, "filled"))
    await venue.gateway.place_order(limit(bob, SELL, 4_900_000, 500))
    await venue.gateway.place_order(limit(bob, BUY, 5_500_000, 500))
    canceled = await place(chain(alice, "canceled"))
    await cancel(CancelOrderList(account=alice, symbol="BTCUSDT", list_id=canceled.order_list.list_id))
    await place(chain(bob, "of bob"))
    await place(chain(alice, "open"))
    events = await events_of(venue)
    await stored(venue, events[: len(events) // 2])
    await stored(venue, events)
    await stored(venue, events)
    found = await in_sql(venue, alice)
    assert found == await venue.queries.order_lists(alice, "BTCUSDT")
    assert [(known.client_order_id, known.is_done) for known in found] == [
        ("filled", True), ("canceled", True), ("open", False),
    ]  # fmt: skip
    assert len(await rows(ArchivedOrderList, venue)) == 4
    found_by_id = await queries.order_list(venue.name, alice, list_id=filled.order_list.list_id)
    assert found_by_id == ("BTCUSDT", found[0])
    assert await queries.order_list(venue.name, alice, client_order_id="canceled") == ("BTCUSDT", found[1])
    assert await queries.order_list(venue.name, bob, list_id=filled.order_list.list_id) is None


async def test_lists_that_never_were_or_were_cleared_are_void(redis_url: str, venue: Venue, alice: int) -> None:
    first = await venue.gateway.place_order_list(chain(alice, "first"))
    image = await image_of(venue)
    async with archiving(redis_url, venue):
        lost = await venue.gateway.place_order_list(chain(alice, "lost"))
        await venue.gateway.cancel_order_list(
            CancelOrderList(account=alice, symbol="BTCUSDT", list_id=first.order_list.list_id)
        )
        await all_archived(venue)
        assert [known.is_done for known in await in_sql(venue, alice)] == [True, False]
        await come_back_with(venue, image)
        await all_archived(venue)
        assert [(known.client_order_id, known.is_done) for known in await in_sql(venue, alice)] == [("first", False)]
        again = await venue.gateway.place_order_list(chain(alice, "again"))
        assert again.order_list.list_id == lost.order_list.list_id
        await all_archived(venue)
        assert [known.client_order_id for known in await in_sql(venue, alice)] == ["first", "again"]
        await venue.clock.clear_market()
        await all_archived(venue)
        assert await in_sql(venue, alice) == []
    assert [row.is_void for row in await rows(ArchivedOrderList, venue)] == [True, True, True]


async def test_amendments_are_archived_once_and_void_when_they_never_were(
    redis_url: str, venue: Venue, alice: int
) -> None:
    placed = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500, client_id="first"))
    image = await image_of(venue)
    order_id = placed.order.order_id
    amend = ReduceOrder(account=alice, symbol="BTCUSDT", order_id=order_id, lots=300, new_client_order_id="second")

    async def in_sql_now() -> list[tuple[str, str, int, int]]:
        found = await queries.amendments(venue.name, alice, "BTCUSDT", order_id, from_seq=0)
        return [(a.previous_client_order_id, a.client_order_id, a.previous_lots, a.lots) for a in found]

    async with archiving(redis_url, venue):
        await venue.gateway.reduce_order(amend)
        await all_archived(venue)
        await stored(venue, await events_of(venue))
        assert await in_sql_now() == [("first", "second", 500, 300)]
        assert (await queries.orders(venue.name, alice, "BTCUSDT"))[0].client_order_id == "second"
        await come_back_with(venue, image)
        await all_archived(venue)
        assert await in_sql_now() == []
        assert await queries.orders(venue.name, alice, "BTCUSDT") == [placed.order]
        await venue.gateway.reduce_order(replace(amend, lots=200))
        await all_archived(venue)
        assert await in_sql_now() == [("first", "second", 500, 200)]


async def test_both_orders_of_an_amended_pair_are_archived_and_the_list_knows_the_new_name(
    venue: Venue, alice: int
) -> None:
    placed = await venue.gateway.place_order_list(chain(alice, "chain"))
    below, above = placed.orders[1:]
    await venue.gateway.reduce_order(
        ReduceOrder(account=alice, symbol="BTCUSDT", order_id=below.order_id, lots=300, new_client_order_id="renamed")
    )
    await stored(venue, await events_of(venue))
    assert [(row.order_id, row.number, row.client_order_id) for row in await rows(ArchivedAmendment, venue)] == [
        (below.order_id, 1, "renamed"), (above.order_id, 2, "chain-above"),
    ]  # fmt: skip
    assert await in_sql(venue, alice) == await venue.queries.order_lists(alice, "BTCUSDT")
    orders = await queries.orders(venue.name, alice, "BTCUSDT")
    assert [order.lots for order in orders] == [500, 300, 300]
    for order in orders:
        assert order == await venue.queries.order(alice, "BTCUSDT", order_id=order.order_id)
