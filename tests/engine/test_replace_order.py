"""replace_order: a cancel and a new order with nothing in between; both outcomes are told."""

from typing import Any

import msgspec
import pytest

from engine.commands import CancelOrder, ReplaceOrder
from engine.errors import Reason, Rejected
from engine.events import OrderCanceled, OrderRejected
from engine.gateway import Canceled, Placed
from engine.types import OrderStatus, Side
from engine.venue import Venue
from tests.conftest import cancel, limit
from tests.engine.checks import digest, events_after

BUY, SELL = Side.BUY, Side.SELL


def replace(account: int, order_id: int, price: int, lots: int, **rest: Any) -> ReplaceOrder:
    anyway = rest.pop("anyway", False)
    only_status = rest.pop("only_status", None)
    meant = CancelOrder(account=account, symbol="BTCUSDT", order_id=order_id, only_status=only_status)
    return ReplaceOrder(cancel=meant, place=limit(account, BUY, price, lots, **rest), place_anyway=anyway)


async def test_the_money_of_the_old_order_pays_for_the_new_one(venue: Venue, alice: int) -> None:
    old = await venue.gateway.place_order(limit(alice, BUY, 10_000, 10**7 * 9))
    replaced = await venue.gateway.replace_order(replace(alice, old.order.order_id, 11_000, 10**7 * 9))
    assert isinstance(replaced.canceled, Canceled)
    assert isinstance(replaced.placed, Placed)
    assert (replaced.canceled.order.status, replaced.placed.order.status) == ("CANCELED", "NEW")
    assert (await venue.queries.depth("BTCUSDT", 5)).bids == [(11_000, 10**7 * 9)]
    assert replaced.placed.seq == replaced.canceled.seq + 1


async def test_the_client_order_id_may_be_the_same(venue: Venue, alice: int) -> None:
    old = await venue.gateway.place_order(limit(alice, BUY, 900, 5, client_id="mine"))
    replaced = await venue.gateway.replace_order(replace(alice, old.order.order_id, 901, 5, client_id="mine"))
    assert isinstance(replaced.placed, Placed)
    assert replaced.placed.order.order_id > old.order.order_id


async def test_without_the_old_order_nothing_is_placed_and_nothing_changes(venue: Venue, alice: int) -> None:
    before = await digest(venue)
    replaced = await venue.gateway.replace_order(replace(alice, 77, 901, 5))
    assert isinstance(replaced.canceled, Rejected)
    assert (replaced.canceled.reason, replaced.placed) == (Reason.UNKNOWN_ORDER, None)
    assert await digest(venue) == before


async def test_unless_it_is_to_be_placed_anyway(venue: Venue, alice: int) -> None:
    replaced = await venue.gateway.replace_order(replace(alice, 77, 901, 5, anyway=True))
    assert isinstance(replaced.canceled, Rejected)
    assert isinstance(replaced.placed, Placed)
    assert replaced.placed.order.status is OrderStatus.NEW


@pytest.mark.parametrize("anyway", [False, True])
async def test_the_old_order_is_gone_also_when_the_new_one_is_refused(venue: Venue, alice: int, anyway: bool) -> None:
    old = await venue.gateway.place_order(limit(alice, BUY, 900, 5))
    huge = replace(alice, old.order.order_id, 1_000_000, 10**8, anyway=anyway)
    replaced = await venue.gateway.replace_order(huge)
    assert isinstance(replaced.canceled, Canceled)
    assert isinstance(replaced.placed, Rejected)
    assert replaced.placed.reason is Reason.INSUFFICIENT_BALANCE
    assert (await venue.queries.depth("BTCUSDT", 5)).bids == []
    canceled, rejected = await events_after(venue, old.seq)
    assert isinstance(canceled, OrderCanceled)
    assert isinstance(rejected, OrderRejected)
    assert (rejected.seq, rejected.account, rejected.reason) == (canceled.seq + 1, alice, "INSUFFICIENT_BALANCE")
    assert (rejected.side, rejected.price_ticks, rejected.lots, rejected.terms) == (BUY, 1_000_000, 10**8, None)
    assert (await venue.queries.clock()).seq == rejected.seq


async def test_a_restriction_keeps_an_order_of_another_status(venue: Venue, alice: int, bob: int) -> None:
    old = await venue.gateway.place_order(limit(alice, BUY, 900, 5))
    wrong = OrderStatus.PARTIALLY_FILLED
    replaced = await venue.gateway.replace_order(replace(alice, old.order.order_id, 901, 5, only_status=wrong))
    assert isinstance(replaced.canceled, Rejected)
    assert replaced.canceled.reason is Reason.CANCEL_RESTRICTED
    meant = msgspec.structs.replace(cancel(alice, old.order.order_id), only_status=wrong)
    with pytest.raises(Rejected, match="CANCEL_RESTRICTED"):
        await venue.gateway.cancel_order(meant)
    await venue.gateway.place_order(limit(bob, SELL, 900, 2))
    assert (await venue.gateway.cancel_order(meant)).order.status is OrderStatus.CANCELED


async def test_the_new_order_meets_the_market_as_any_other(venue: Venue, alice: int, bob: int) -> None:
    old = await venue.gateway.place_order(limit(alice, BUY, 900, 5))
    await venue.gateway.place_order(limit(bob, SELL, 950, 3))
    replaced = await venue.gateway.replace_order(replace(alice, old.order.order_id, 950, 5))
    assert isinstance(replaced.placed, Placed)
    assert [(fill.price_ticks, fill.lots) for fill in replaced.placed.fills] == [(950, 3)]
