"""Cancel, cancel all, reduce, transfers, clock and keys, against a real server."""

import msgspec
import pytest

from engine.commands import CancelAllOrders, CancelOrder, ReduceOrder, Transfer
from engine.errors import Reason, Rejected
from engine.registry import KeyRecord
from engine.types import BALANCE_LIMIT, OrderStatus, Side
from engine.venue import Venue
from tests.conftest import BTCUSDT, RICH_ATOMS, fund, limit

BUY, SELL = Side.BUY, Side.SELL


def cancel(account: int, **by: int | str) -> CancelOrder:
    return CancelOrder(account=account, symbol="BTCUSDT", **by)  # type: ignore[arg-type]


async def test_cancel_frees_what_was_locked_and_a_foreign_order_is_unknown(venue: Venue, alice: int, bob: int) -> None:
    placed = await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="a"))
    for stranger in (cancel(bob, order_id=placed.order.order_id), cancel(alice, order_id=1, client_order_id="b")):
        with pytest.raises(Rejected) as refusal:
            await venue.gateway.cancel_order(stranger)
        assert refusal.value.reason is Reason.UNKNOWN_ORDER
    canceled = await venue.gateway.cancel_order(cancel(alice, client_order_id="a"))
    assert (canceled.order.status, canceled.order.locked_atoms) == (OrderStatus.CANCELED, 0)
    (money,) = await venue.queries.balances(alice, ["USDT"])
    assert (money.free_atoms, money.locked_atoms) == (RICH_ATOMS, 0)
    with pytest.raises(Rejected):
        await venue.gateway.cancel_order(cancel(alice, client_order_id="a"))


async def test_cancel_all_takes_every_order_of_one_account_oldest_first(venue: Venue, alice: int, bob: int) -> None:
    mine = [await venue.gateway.place_order(limit(alice, side, price, 1)) for side, price in ((BUY, 90), (SELL, 110))]
    mine += [await venue.gateway.place_order(limit(alice, BUY, 80, 1)) for _ in range(510)]
    await venue.gateway.place_order(limit(bob, BUY, 90, 7))
    canceled = await venue.gateway.cancel_all_orders(CancelAllOrders(account=alice, symbol="BTCUSDT"))
    assert [order.order_id for order in canceled] == [placed.order.order_id for placed in mine]
    assert (await venue.queries.depth("BTCUSDT", 5)).bids == [(90, 7)]


async def test_a_reduced_order_keeps_its_place(venue: Venue, alice: int, bob: int) -> None:
    first = await venue.gateway.place_order(limit(alice, SELL, 100, 10))
    await venue.gateway.place_order(limit(alice, SELL, 100, 10))
    order_id = first.order.order_id
    for lots in (10, 0):
        with pytest.raises(Rejected):
            await venue.gateway.reduce_order(ReduceOrder(account=alice, symbol="BTCUSDT", order_id=order_id, lots=lots))
    await venue.gateway.reduce_order(ReduceOrder(account=alice, symbol="BTCUSDT", order_id=order_id, lots=4))
    placed = await venue.gateway.place_order(limit(bob, BUY, 100, 5))
    assert [(fill.maker_order_id, fill.lots) for fill in placed.fills] == [(order_id, 4), (order_id + 1, 1)]


async def test_transfers_are_exact_above_two_to_the_53(venue: Venue) -> None:
    odd = 2**53 + 1
    await fund(venue, 5, USDT=odd)
    for atoms in (odd + 1, odd + 2):
        with pytest.raises(Rejected) as refusal:
            await venue.gateway.debit(Transfer(account=5, asset="USDT", atoms=atoms))
        assert refusal.value.reason is Reason.INSUFFICIENT_BALANCE
    left = await venue.gateway.debit(Transfer(account=5, asset="USDT", atoms=odd))
    assert left.free_atoms == 0
    with pytest.raises(Rejected) as refusal:
        await venue.gateway.credit(Transfer(account=5, asset="USDT", atoms=BALANCE_LIMIT))
    assert refusal.value.reason is Reason.BALANCE_TOO_LARGE
    with pytest.raises(Rejected) as refusal:
        await venue.gateway.credit(Transfer(account=5, asset="DOGE", atoms=1))
    assert refusal.value.reason is Reason.UNKNOWN_ASSET


async def test_the_clock_goes_back_only_when_the_market_is_cleared(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    with pytest.raises(Rejected) as refusal:
        await venue.clock.set_virtual(1_000)
    assert refusal.value.reason is Reason.CLOCK_BACKWARDS
    await venue.clock.clear_market()
    await venue.clock.set_virtual(1_000)
    clock = await venue.queries.clock()
    assert (clock.now_ms, clock.mode) == (1_000, "virtual")
    assert (await venue.queries.depth("BTCUSDT", 5)).bids == []
    placed = await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    assert placed.order.created_ms == 1_000


async def test_a_revoked_key_places_and_cancels_nothing(venue: Venue, alice: int) -> None:
    await venue.registry.define_key("d1", KeyRecord(account=alice, user_name="alice"))
    keyed = msgspec.structs.replace(limit(alice, BUY, 100, 5), key_digest="d1")
    placed = await venue.gateway.place_order(keyed)
    await venue.registry.revoke_key("d1", account=alice, name="alice")
    for command in (
        venue.gateway.place_order(msgspec.structs.replace(keyed, client_order_id="other")),
        venue.gateway.cancel_order(cancel(alice, order_id=placed.order.order_id, key_digest="d1")),
    ):
        with pytest.raises(Rejected) as refusal:
            await command
        assert refusal.value.reason is Reason.KEY_INVALID


async def test_tick_and_lot_are_fixed_once_there_is_a_book(venue: Venue, alice: int) -> None:
    finer = msgspec.structs.replace(BTCUSDT, tick_units=100_000)
    await venue.registry.define_symbol(finer)
    assert (await venue.registry.spec("BTCUSDT")).rules_version == 2
    await venue.gateway.place_order(msgspec.structs.replace(limit(alice, BUY, 100, 5), rules_version=2))
    with pytest.raises(Rejected) as refusal:
        await venue.registry.define_symbol(BTCUSDT)
    assert refusal.value.reason is Reason.RULES_FIXED
