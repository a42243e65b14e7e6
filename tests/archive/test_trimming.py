"""What Redis forgets: only what is in SQL, old, and read by every live reader."""

import time

import msgspec
import pytest

from archive import queries, trimming
from engine.commands import CancelOrder, CancelOrderList
from engine.errors import Reason, Rejected
from engine.types import Side
from engine.venue import Venue
from tests.archive.conftest import all_archived, archiving, events_of, until
from tests.archive.test_order_lists import chain
from tests.conftest import limit

BUY, SELL = Side.BUY, Side.SELL
DAY_MS = trimming.DAY_MS


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small bounds, reached by a few commands."""
    monkeypatch.setattr(trimming, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(trimming, "KEPT_EVENTS", 10)
    monkeypatch.setattr(trimming, "KEPT_TRADES", 3)


async def _place_and_cancel(venue: Venue, account: int, count: int) -> None:
    for _ in range(count):
        placed = await venue.gateway.place_order(limit(account, SELL, 6_000_000, 500))
        await venue.gateway.cancel_order(CancelOrder(account=account, symbol="BTCUSDT", order_id=placed.order.order_id))


async def _tell_reader(venue: Venue, seq: int, *, age_ms: int = 0) -> None:
    clock = await venue.queries.clock()
    told = msgspec.json.encode([clock.epoch, seq, 0, round(time.time() * 1000) - age_ms])
    await venue.runner.command("HSET", venue.keys.readers, "a-feed", told)


async def _first_seq(venue: Venue) -> int:
    return (await events_of(venue))[0].seq


async def test_archived_events_go_once_they_are_far_behind(redis_url: str, venue: Venue, alice: int) -> None:
    async with archiving(redis_url, venue):
        await _place_and_cancel(venue, alice, 20)
        seq = (await venue.queries.clock()).seq

        async def is_trimmed() -> bool:
            return await _first_seq(venue) == seq - 9

        await until(is_trimmed)
    assert [event.seq for event in await events_of(venue)] == list(range(seq - 9, seq + 1))


async def test_events_that_a_live_reader_has_not_read_stay(redis_url: str, venue: Venue, alice: int) -> None:
    await _tell_reader(venue, 5)
    async with archiving(redis_url, venue):
        await _place_and_cancel(venue, alice, 20)
        await all_archived(venue)

        async def is_trimmed_to_reader() -> bool:
            return await _first_seq(venue) == 6

        await until(is_trimmed_to_reader)
        await _tell_reader(venue, 5, age_ms=trimming.LIVE_MS + 1_000)  # dead: nobody waits for it any more

        async def goes_on() -> bool:
            return await _first_seq(venue) > 6

        await until(goes_on)


async def test_orders_that_ended_a_day_ago_are_in_sql_alone(redis_url: str, venue: Venue, alice: int) -> None:
    await venue.clock.set_virtual(1_700_000_000_000)
    old = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500, client_id="mine"))
    await venue.gateway.cancel_order(CancelOrder(account=alice, symbol="BTCUSDT", order_id=old.order.order_id))
    resting = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500, client_id="rests"))
    await venue.clock.set_virtual(1_700_000_000_000 + DAY_MS + 1)
    recent = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500, client_id="recent"))
    await venue.gateway.cancel_order(CancelOrder(account=alice, symbol="BTCUSDT", client_order_id="recent"))
    async with archiving(redis_url, venue):
        await all_archived(venue)

        async def is_forgotten() -> bool:
            ended = await venue.queries.ended_orders(alice, "BTCUSDT")
            return [order.order_id for order in ended] == [recent.order.order_id]

        await until(is_forgotten)
    with pytest.raises(Rejected) as refusal:
        await venue.queries.order(alice, "BTCUSDT", client_order_id="mine")
    assert refusal.value.reason is Reason.NO_SUCH_ORDER
    found = await queries.order(venue.name, alice, "BTCUSDT", client_order_id="mine")
    assert found is not None
    assert found.order_id == old.order.order_id
    assert (await venue.queries.order(alice, "BTCUSDT", client_order_id="rests")) == resting.order


async def test_a_client_id_that_a_newer_order_bears_stays(redis_url: str, venue: Venue, alice: int) -> None:
    await venue.clock.set_virtual(1_700_000_000_000)
    old = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500, client_id="mine"))
    await venue.gateway.cancel_order(CancelOrder(account=alice, symbol="BTCUSDT", order_id=old.order.order_id))
    await venue.clock.set_virtual(1_700_000_000_000 + DAY_MS + 1)
    newer = await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 500, client_id="mine"))
    async with archiving(redis_url, venue):

        async def is_forgotten() -> bool:
            return await venue.queries.ended_orders(alice, "BTCUSDT") == []

        await until(is_forgotten)
    assert await venue.queries.order(alice, "BTCUSDT", client_order_id="mine") == newer.order


async def test_lists_that_were_done_a_day_ago_are_in_sql_alone(redis_url: str, venue: Venue, alice: int) -> None:
    await venue.clock.set_virtual(1_700_000_000_000)
    lists = [await venue.gateway.place_order_list(chain(alice, name)) for name in ("gone", "again", "open")]
    for placed in lists[:2]:
        cancel = CancelOrderList(account=alice, symbol="BTCUSDT", list_id=placed.order_list.list_id)
        await venue.gateway.cancel_order_list(cancel)
    await venue.clock.set_virtual(1_700_000_000_000 + DAY_MS + 1)
    again = await venue.gateway.place_order_list(chain(alice, "again"))
    async with archiving(redis_url, venue):

        async def is_forgotten() -> bool:
            return len(await venue.queries.order_lists(alice, "BTCUSDT")) == 2

        await until(is_forgotten)
    kept = await venue.runner.command("HKEYS", venue.keys.lists("BTCUSDT"))
    assert sorted(kept) == [b"1|again", b"1|open", b"3", b"4"]
    found = await venue.queries.order_list(alice, ["BTCUSDT"], client_order_id="again")
    assert found is not None
    assert found[1].list_id == again.order_list.list_id
    in_sql = await queries.order_list(venue.name, alice, client_order_id="gone")
    assert in_sql is not None
    assert in_sql[1].is_done


async def test_the_newest_trades_stay_however_old_they_are(redis_url: str, venue: Venue, alice: int, bob: int) -> None:
    await venue.clock.set_virtual(1_700_000_000_000)
    await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 100_000))
    for _ in range(8):
        await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 100))
    await venue.clock.set_virtual(1_700_000_000_000 + DAY_MS + 1)
    async with archiving(redis_url, venue):

        async def is_trimmed() -> bool:
            return [trade.fill.trade_id for trade in await venue.queries.trades("BTCUSDT", limit=100)] == [6, 7, 8]

        await until(is_trimmed)
    stored = await queries.public_trades(venue.name, "BTCUSDT")
    assert [trade.fill.trade_id for trade in stored] == list(range(1, 9))
