"""cancel_order: whose order it is, what it frees, what is left of it."""

import msgspec
import pytest

from engine.commands import CancelOrder
from engine.errors import Reason
from engine.events import OrderCanceled
from engine.registry import KeyRecord
from engine.types import OrderStatus, Side
from engine.venue import Venue
from tests.conftest import BTCUSDT, RICH_ATOMS, balance, cancel, limit, market
from tests.engine.checks import events_of, refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL


@pytest.mark.parametrize(("side", "asset", "atoms"), [(BUY, "USDT", 5_000), (SELL, "BTC", 5_000)])
async def test_cancel_frees_what_was_locked(venue: Venue, alice: int, side: Side, asset: str, atoms: int) -> None:
    placed = await venue.gateway.place_order(limit(alice, side, 100, 5))
    assert await balance(venue, alice, asset) == (RICH_ATOMS - atoms, atoms)
    canceled = await venue.gateway.cancel_order(cancel(alice, placed.order.order_id))
    assert (canceled.order.status, canceled.order.locked_atoms, canceled.order.left_lots) == ("CANCELED", 0, 5)
    assert await balance(venue, alice, asset) == (RICH_ATOMS, 0)
    depth = await venue.queries.depth("BTCUSDT", 5)
    assert (depth.bids, depth.asks, depth.update_id) == ([], [], 2)


async def test_the_rest_of_a_partly_filled_order_is_freed_and_its_fills_stay(
    venue: Venue, alice: int, bob: int
) -> None:
    placed = await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    await venue.gateway.place_order(market(bob, SELL, lots=2))
    canceled = await venue.gateway.cancel_order(cancel(alice, placed.order.order_id))
    assert (canceled.order.status, canceled.order.filled_lots, canceled.order.left_lots) == ("CANCELED", 2, 3)
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS - 2_000, 0)


@pytest.mark.parametrize(
    ("order_id", "client_id", "is_found"),
    [
        (1, "", True),
        (None, "mine", True),
        (1, "mine", True),
        (1, "other", False),  # both are given and do not agree
        (2, "mine", False),
        (None, "nobody's", False),
        (2**53 + 1, "", False),
        (None, "", False),
    ],
)
async def test_an_order_is_found_by_id_by_client_id_or_by_both(
    venue: Venue, alice: int, order_id: int | None, client_id: str, is_found: bool
) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="mine"))
    await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="other"))
    command = venue.gateway.cancel_order(cancel(alice, order_id, client_id=client_id))
    if is_found:
        assert (await command).order.order_id == 1
    else:
        assert await refused_without_a_trace(venue, command) is Reason.UNKNOWN_ORDER


async def test_a_foreign_order_and_one_of_another_symbol_are_as_unknown_as_a_missing_one(
    venue: Venue, alice: int, bob: int
) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="mine"))
    for command in (cancel(bob, 1), cancel(bob, client_id="mine"), cancel(alice, 1, symbol="ETHUSDT")):
        assert await refused_without_a_trace(venue, venue.gateway.cancel_order(command)) is Reason.UNKNOWN_ORDER


async def test_an_ended_order_cannot_be_cancelled_again(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    await venue.gateway.cancel_order(cancel(alice, 1))
    await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    await venue.gateway.place_order(limit(bob, SELL, 100, 5))
    for order_id in (1, 2):
        again = venue.gateway.cancel_order(cancel(alice, order_id))
        assert await refused_without_a_trace(venue, again) is Reason.UNKNOWN_ORDER


async def test_a_halted_symbol_lets_orders_go(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status="HALT"))
    assert (await venue.gateway.cancel_order(cancel(alice, 1))).order.status is OrderStatus.CANCELED


async def test_a_revoked_key_cancels_nothing(venue: Venue, alice: int) -> None:
    await venue.registry.define_key("key", KeyRecord(account=alice, user_name="alice"))
    await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    await venue.registry.revoke_key("key", account=alice, name="alice")
    keyed = msgspec.structs.replace(cancel(alice, 1), credential="key")
    assert await refused_without_a_trace(venue, venue.gateway.cancel_order(keyed)) is Reason.KEY_INVALID


async def test_the_event_names_the_cancel_and_the_level_that_is_gone(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 100, 5))
    command = CancelOrder(account=alice, symbol="BTCUSDT", order_id=1, cancel_client_order_id="the-cancel")
    (event,) = await events_of(venue, lambda: venue.gateway.cancel_order(command))
    assert isinstance(event, OrderCanceled)
    assert (event.cancel_client_order_id, event.order.order_id, event.update_id) == ("the-cancel", 1, 2)
    assert [(level.side, level.price_ticks, level.lots) for level in event.levels] == [(SELL, 100, 0)]
    (change,) = event.balances
    assert (change.asset, change.free_delta, change.locked_before, change.locked_atoms) == ("BTC", 5_000, 5_000, 0)
