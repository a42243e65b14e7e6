"""What the archiver writes: every event once, whatever comes twice, and nothing that never was."""

import random
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from archive import queries
from archive.models import ArchivedAccount, ArchivedOrder, ArchivedSymbol, ArchivedTrade, ArchivedTransfer
from archive.writer import Reached
from engine.commands import CancelAllOrders, CancelOrder, Transfer
from engine.errors import Rejected
from engine.events import BalanceCredited, MarketEvent
from engine.types import OrderStatus, Side
from engine.venue import Venue
from tests.archive.conftest import ONE, all_archived, archiving, events_of, position, rows, stored
from tests.conftest import keys_of, limit

BUY, SELL = Side.BUY, Side.SELL


async def test_orders_trades_and_transfers_reach_sql(redis_url: str, venue: Venue, alice: int, bob: int) -> None:
    async with archiving(redis_url, venue):
        await venue.registry.define_account(alice, "alice")
        resting = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500))
        taken = await venue.gateway.place_order(limit(bob, BUY, 6_000_100, 200))
        await venue.gateway.cancel_order(CancelOrder(account=alice, symbol="BTCUSDT", order_id=resting.order.order_id))
        debited = await venue.gateway.debit(Transfer(account=bob, asset="USDT", atoms=7))
        await all_archived(venue)

    maker, taker = await rows(ArchivedOrder, venue)
    assert maker.record() == await venue.queries.order(alice, "BTCUSDT", order_id=resting.order.order_id)
    assert maker.status == OrderStatus.CANCELED
    assert maker.record().filled_lots == 200
    assert taker.record() == taken.order
    (trade,) = await rows(ArchivedTrade, venue)
    (fill,) = taken.fills
    assert (trade.trade_id, trade.price_ticks, trade.lots, trade.quote_atoms) == (1, 6_000_000, 200, fill.quote_atoms)
    assert (trade.taker_account, trade.maker_account) == (bob, alice)
    transfers = await rows(ArchivedTransfer, venue)
    assert [(row.account, row.asset) for row in transfers[:2]] == [(alice, "BTC"), (alice, "ETH")]
    last = transfers[-1]
    assert (last.seq, last.account, last.direction, last.atoms) == (debited.transfer_id, bob, "DEBIT", 7)
    assert [row.name for row in await rows(ArchivedAccount, venue)] == ["alice"]
    assert [row.symbol for row in await rows(ArchivedSymbol, venue)] == ["BTCUSDT", "ETHUSDT", "ETHBTC"]


async def test_sql_equals_the_stream_whatever_the_batches(venue: Venue, alice: int, bob: int) -> None:
    """Batches of any size, repeated and overlapping: the rows are those of one pass."""
    seed = random.randrange(10**6)
    print("seed", seed)
    choose = random.Random(seed)
    await _trade_at_random(venue, (alice, bob), choose, 120)
    events = await events_of(venue)
    start = 0
    while start < len(events):
        end = start + choose.randint(1, 40)
        await stored(venue, events[max(0, start - choose.randint(0, 30)) : end])
        start = end
    await stored(venue, events)

    assert await position(venue) == Reached(events[-1].epoch, events[-1].seq)
    fills = [
        (event.symbol, fill.trade_id) for event in events if isinstance(event, MarketEvent) for fill in event.fills
    ]
    assert fills
    assert [(row.symbol, row.trade_id) for row in await rows(ArchivedTrade, venue)] == fills
    credited = sum(isinstance(event, BalanceCredited) for event in events)
    assert len(await rows(ArchivedTransfer, venue)) == credited
    orders = await rows(ArchivedOrder, venue)
    assert len(orders) == len({row.order_id for row in orders})
    for row in orders:
        assert row.record() == await venue.queries.order(row.account, row.symbol, order_id=row.order_id)


async def _trade_at_random(venue: Venue, accounts: tuple[int, ...], choose: random.Random, count: int) -> None:
    for _ in range(count):
        account, side = choose.choice(accounts), choose.choice((BUY, SELL))
        if choose.random() < 0.1:
            try:
                await venue.gateway.cancel_all_orders(CancelAllOrders(account=account, symbol="BTCUSDT"))
            except Rejected:
                continue
        else:
            order = limit(account, side, 6_000_000 + choose.randint(-5, 5), choose.randint(100, 900))
            await venue.gateway.place_order(order)


async def test_clearing_the_market_voids_its_rows_and_no_transfer(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500))
    await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 200))
    await venue.clock.clear_market()
    after = await venue.gateway.place_order(limit(bob, BUY, 5_000_000, 200))
    await stored(venue, await events_of(venue))

    assert [row.is_void for row in await rows(ArchivedOrder, venue)] == [True, True, False]
    assert [row.is_void for row in await rows(ArchivedTrade, venue)] == [True]
    assert {row.is_void for row in await rows(ArchivedTransfer, venue)} == {False}
    assert await queries.orders(venue.name, bob, "BTCUSDT") == [after.order]
    assert await queries.orders(venue.name, alice, "BTCUSDT") == []
    assert await queries.public_trades(venue.name, "BTCUSDT") == []


async def test_resting_orders_of_a_recording_come_as_fills_alone(venue: Venue, alice: int, bob: int) -> None:
    await venue.registry.define_account(alice, "tape-maker")
    await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500))
    taken = await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 200))
    await stored(venue, await events_of(venue))
    assert [row.order_id for row in await rows(ArchivedOrder, venue)] == [taken.order.order_id]
    assert [row.maker_account for row in await rows(ArchivedTrade, venue)] == [alice]


async def image_of(venue: Venue) -> dict[bytes, Any]:
    return {key: await venue.runner.command("DUMP", key) for key in await keys_of(venue)}


async def come_back_with(venue: Venue, image: dict[bytes, Any]) -> None:
    """As a server does that has lost its last moments: the older state, another run id, a new epoch."""
    restored = [("RESTORE", key, 0, dump) for key, dump in image.items()]
    keys = await keys_of(venue)
    run_id = ("HSET", venue.keys.meta, "run_id", "another")
    replies = await venue.connection.pipeline([("MULTI",), ("DEL", *keys), *restored, run_id, ("EXEC",)])
    assert not [reply for reply in replies if isinstance(reply, Exception)]
    venue.registry.forget()
    await venue.clock.open_venue()


@pytest.mark.parametrize("is_running", [True, False])
async def test_what_redis_lost_is_void_and_its_numbers_come_again(
    redis_url: str, venue: Venue, alice: int, bob: int, is_running: bool
) -> None:
    resting = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500))
    image = await image_of(venue)
    lost = await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 200))
    await venue.gateway.credit(Transfer(account=bob, asset="BTC", atoms=ONE))

    if is_running:
        async with archiving(redis_url, venue):
            await all_archived(venue)
            await come_back_with(venue, image)
            again = await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 300))
            await all_archived(venue)
    else:
        async with archiving(redis_url, venue):
            await all_archived(venue)
        await come_back_with(venue, image)
        again = await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 300))
        async with archiving(redis_url, venue):
            await all_archived(venue)

    assert again.order.order_id == lost.order.order_id
    of_bob = await rows(ArchivedOrder, venue, account=bob)
    assert [(row.is_void, row.record()) for row in of_bob] == [(True, lost.order), (False, again.order)]
    assert [(row.is_void, row.lots) for row in await rows(ArchivedTrade, venue)] == [(True, 200), (False, 300)]
    assert [row.is_void for row in await rows(ArchivedTransfer, venue, account=bob)] == [False, False, False, True]
    now = await venue.queries.order(alice, "BTCUSDT", order_id=resting.order.order_id)
    assert now.filled_lots == 300
    assert await queries.orders(venue.name, alice, "BTCUSDT") == [now]


async def test_an_order_that_outlives_a_loss_is_archived_as_it_stands(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    resting = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500))
    image = await image_of(venue)
    async with archiving(redis_url, venue):
        await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 200))
        await all_archived(venue)
        assert [order.filled_lots for order in await queries.orders(venue.name, alice, "BTCUSDT")] == [200]
        await come_back_with(venue, image)
        await all_archived(venue)
    assert await queries.orders(venue.name, alice, "BTCUSDT") == [resting.order]
    assert await queries.orders(venue.name, bob, "BTCUSDT") == []


async def test_a_clearing_that_was_lost_voids_nothing(redis_url: str, venue: Venue, alice: int, bob: int) -> None:
    resting = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500))
    image = await image_of(venue)
    async with archiving(redis_url, venue):
        await venue.clock.clear_market()
        await all_archived(venue)
        assert await queries.orders(venue.name, alice, "BTCUSDT") == []
        await come_back_with(venue, image)
        await all_archived(venue)
    assert await queries.orders(venue.name, alice, "BTCUSDT") == [resting.order]


async def test_an_ordinary_restart_voids_nothing(redis_url: str, venue: Venue, alice: int) -> None:
    placed = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500))
    async with archiving(redis_url, venue):
        await all_archived(venue)
        await come_back_with(venue, await image_of(venue))
        await all_archived(venue)
    assert await queries.orders(venue.name, alice, "BTCUSDT") == [placed.order]
    void = ArchivedOrder.objects.filter(venue=venue.name, is_void=True)
    assert await sync_to_async(void.count)() == 0
