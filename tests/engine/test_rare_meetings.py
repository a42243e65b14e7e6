"""What few orders meet and the model found: tips refilled in mid-sweep, own orders among many steps, the largest locks.

The fact a newcomer would get wrong: a lot at one tick of BTCUSDT is 10 atoms of USDT and 1,000 of BTC.
"""

from typing import Any

import msgspec
import pytest

from engine.commands import PlaceOrder
from engine.errors import Reason
from engine.events import OrderPlaced
from engine.types import OrderStatus, OrderType, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import balance, fund, limit, market
from tests.engine.checks import events_of, refused_without_a_trace
from tests.model.small_steps import shorten_steps

BUY, SELL = Side.BUY, Side.SELL
HUGE = 2**52 // 1_000 + 1  # lots of BTC: more than half of what a step may move


def but(order: PlaceOrder, **changes: Any) -> PlaceOrder:
    return msgspec.structs.replace(order, **changes)


async def place(venue: Venue, order: PlaceOrder, **changes: Any) -> Any:
    return await venue.gateway.place_order(but(order, **changes))


async def test_a_tip_refilled_to_what_it_showed_is_no_change_of_the_book(venue: Venue, alice: int, bob: int) -> None:
    await place(venue, limit(alice, SELL, 100, 9), iceberg_lots=3)
    before = (await venue.queries.depth("BTCUSDT", 5)).update_id
    (event,) = await events_of(venue, lambda: venue.gateway.place_order(market(bob, BUY, lots=3)))
    assert isinstance(event, OrderPlaced)
    assert (len(event.fills), event.levels, event.update_id) == (1, [], before)


async def test_money_that_ends_within_a_refilled_tip_leaves_the_next_price_alone(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    """A sale by quote amount could still sell a lot at the lower price; the better bid was there first."""
    iceberg = (await place(venue, limit(alice, BUY, 100, 9), iceberg_lots=3)).order.order_id
    await place(venue, limit(carol, BUY, 50, 9))
    placed = await place(venue, market(bob, SELL, quote_atoms=5 * 1_000 + 600))
    assert [(fill.price_ticks, fill.lots) for fill in placed.fills] == [(100, 3), (100, 2)]
    assert placed.order.status is OrderStatus.FILLED
    behind = (await place(venue, limit(carol, BUY, 100, 1))).order.order_id
    placed = await place(venue, limit(bob, SELL, 100, 2))  # what is left of its tip has kept its turn
    assert [(fill.maker_order_id, fill.lots) for fill in placed.fills] == [(iceberg, 1), (behind, 1)]


async def test_fill_or_kill_is_killed_by_an_own_order_behind_a_tip(venue: Venue, alice: int, bob: int) -> None:
    await place(venue, limit(bob, SELL, 100, 9), iceberg_lots=3)
    await place(venue, limit(alice, SELL, 100, 5))
    for mode in (StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH, StpMode.DECREMENT, StpMode.TRANSFER):
        placed = await place(venue, limit(alice, BUY, 100, 4, tif=TimeInForce.FOK), stp=mode)
        assert (placed.order.status, placed.fills, placed.prevented) == ("EXPIRED", [], []), mode
    placed = await place(venue, limit(alice, BUY, 100, 4, tif=TimeInForce.FOK), stp=StpMode.EXPIRE_MAKER)
    assert (placed.order.status, placed.order.filled_lots, len(placed.prevented)) == ("FILLED", 4, 1)


async def test_a_purchase_in_steps_pays_nothing_for_what_was_prevented(venue: Venue, alice: int) -> None:
    shorten_steps(venue, 1)
    await fund(venue, 9, BTC=5_000, USDT=2 * 1_000 + 3 * 1_010)
    for account, price_ticks, lots in ((alice, 100, 2), (9, 101, 5), (alice, 101, 3)):
        await place(venue, limit(account, SELL, price_ticks, lots))
    placed = await place(venue, market(9, BUY, lots=10), stp=StpMode.DECREMENT)
    assert [(fill.price_ticks, fill.lots) for fill in placed.fills] == [(100, 2), (101, 3)]
    assert (placed.order.status, placed.order.filled_lots, placed.order.terms.prevented_lots) == ("FILLED", 5, 5)
    assert await balance(venue, 9, "USDT") == (0, 0)


@pytest.mark.parametrize("cap", [500, 1])
async def test_prevention_takes_from_a_quote_amount_the_same_in_one_step_and_in_many(
    venue: Venue, alice: int, bob: int, cap: int
) -> None:
    shorten_steps(venue, cap)
    for account, lots in ((alice, 2), (bob, 1), (alice, 2), (bob, 9)):
        await place(venue, limit(account, SELL, 100, lots))
    placed = await place(venue, market(alice, BUY, quote_atoms=7 * 1_000), stp=StpMode.DECREMENT)
    assert [fill.lots for fill in placed.fills] == [1, 2]
    assert (placed.order.status, placed.order.lots, placed.order.terms.prevented_lots) == ("FILLED", 7, 4)


async def test_a_quote_amount_of_which_all_was_prevented_is_not_filled(venue: Venue, alice: int, bob: int) -> None:
    await place(venue, limit(alice, SELL, 100, 5))
    await place(venue, limit(bob, SELL, 100, 5))
    placed = await place(venue, market(alice, BUY, quote_atoms=3_500), stp=StpMode.DECREMENT)
    assert (placed.order.status, placed.order.filled_lots, placed.order.terms.prevented_lots) == (
        OrderStatus.EXPIRED_IN_MATCH, 0, 3,
    )  # fmt: skip


async def test_prevention_copes_with_a_lock_above_half_of_what_a_step_may_move(venue: Venue, bob: int) -> None:
    """A triggered order cannot be refused: it takes the prevented match as a step of its own."""
    await fund(venue, 9, BTC=3 * 2**52, USDT=10**12)
    await place(venue, limit(bob, SELL, 1, 1))
    await place(venue, limit(9, BUY, 1, 1))
    stop = but(limit(9, BUY, 3, 2), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=2, stp=StpMode.EXPIRE_MAKER)
    await place(venue, stop)
    own = (await place(venue, limit(9, SELL, 3, HUGE))).order.order_id
    await place(venue, limit(bob, SELL, 2, 1))
    await place(venue, limit(bob, BUY, 2, 1))
    expired = await venue.queries.order(9, "BTCUSDT", order_id=own)
    assert (expired.status, expired.locked_atoms) == ("EXPIRED_IN_MATCH", 0)


async def test_a_contingent_sale_may_not_rest_for_more_than_can_be_computed(venue: Venue, bob: int) -> None:
    await fund(venue, 9, BTC=3 * 2**52)
    order = but(limit(9, SELL, 10**6, HUGE), type=OrderType.TAKE_PROFIT_LIMIT, stop_ticks=5)
    refused = venue.gateway.place_order(order)
    assert await refused_without_a_trace(venue, refused) is Reason.AMOUNT_TOO_LARGE
