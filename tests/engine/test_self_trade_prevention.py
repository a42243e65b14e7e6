"""Self-trade prevention against a real server: who loses what, and that money and books agree afterwards."""

from typing import Any

import msgspec
import pytest

from engine.commands import PlaceOrder
from engine.types import Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import RICH_ATOMS, balance, limit, market

BUY, SELL = Side.BUY, Side.SELL


def guarded(order: PlaceOrder, stp: StpMode, **rest: Any) -> PlaceOrder:
    return msgspec.structs.replace(order, stp=stp, **rest)


@pytest.mark.parametrize(
    ("mode", "taker", "taker_prevented", "maker", "maker_prevented", "left_over"),
    [
        (StpMode.NONE, "FILLED", 0, "FILLED", 0, 0),
        (StpMode.EXPIRE_TAKER, "EXPIRED_IN_MATCH", 5, "NEW", 0, 5),
        (StpMode.EXPIRE_MAKER, "NEW", 0, "EXPIRED_IN_MATCH", 5, 0),
        (StpMode.EXPIRE_BOTH, "EXPIRED_IN_MATCH", 5, "EXPIRED_IN_MATCH", 5, 0),
        (StpMode.DECREMENT, "EXPIRED_IN_MATCH", 5, "EXPIRED_IN_MATCH", 5, 0),
        (StpMode.TRANSFER, "EXPIRED_IN_MATCH", 5, "EXPIRED_IN_MATCH", 5, 0),
    ],
)
async def test_an_order_that_meets_ones_own(
    venue: Venue, alice: int, mode: StpMode, taker: str, taker_prevented: int, maker: str, maker_prevented: int,
    left_over: int,
) -> None:  # fmt: skip
    rests = await venue.gateway.place_order(limit(alice, SELL, 1_000, 5))
    placed = await venue.gateway.place_order(guarded(limit(alice, BUY, 1_000, 5), mode))
    found = await venue.queries.order(alice, "BTCUSDT", order_id=rests.order.order_id)
    assert (placed.order.status, found.status) == (taker, maker)
    prevented = [order.terms.prevented_lots if order.terms else 0 for order in (placed.order, found)]
    assert prevented == [taker_prevented, maker_prevented]
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == ([(1_000, left_over)] if left_over else [])
    if mode is not StpMode.NONE:
        (match,) = placed.prevented
        recorded = StpMode.DECREMENT if mode is StpMode.TRANSFER else mode  # the maker has not chosen TRANSFER
        assert (match.prevented_match_id, match.mode, match.price_ticks) == (0, recorded, 1_000)
        assert (match.taker_prevented_lots, match.maker_prevented_lots) == (taker_prevented, maker_prevented)


async def test_decrement_takes_the_smaller_from_both_and_trades_with_others_on_the_way(
    venue: Venue, alice: int, bob: int
) -> None:
    await venue.gateway.place_order(limit(bob, SELL, 999, 2))
    own = await venue.gateway.place_order(limit(alice, SELL, 1_000, 3))
    await venue.gateway.place_order(limit(bob, SELL, 1_000, 4))
    placed = await venue.gateway.place_order(guarded(limit(alice, BUY, 1_000, 10), StpMode.DECREMENT))
    assert [(fill.price_ticks, fill.lots) for fill in placed.fills] == [(999, 2), (1_000, 4)]
    assert (placed.order.status, placed.order.left_lots, placed.order.filled_lots) == ("PARTIALLY_FILLED", 1, 6)
    gone = await venue.queries.order(alice, "BTCUSDT", order_id=own.order.order_id)
    assert (gone.status, gone.left_lots, gone.filled_lots) == ("EXPIRED_IN_MATCH", 0, 0)
    assert await balance(venue, alice, "BTC") == (RICH_ATOMS + 6 * 1_000 - 2 - 4, 0)


async def test_a_trade_group_is_one_trader(venue: Venue, alice: int, bob: int, carol: int) -> None:
    for account in (alice, bob):
        await venue.registry.set_trade_group(account, 7)
    await venue.gateway.place_order(limit(bob, SELL, 1_000, 2))
    await venue.gateway.place_order(limit(carol, SELL, 1_000, 2))
    placed = await venue.gateway.place_order(guarded(limit(alice, BUY, 1_000, 2), StpMode.EXPIRE_MAKER))
    assert ([fill.maker_account for fill in placed.fills], placed.prevented[0].trade_group) == ([carol], 7)
    await venue.registry.set_trade_group(bob, -1)
    await venue.gateway.place_order(limit(bob, SELL, 1_000, 2))
    placed = await venue.gateway.place_order(guarded(limit(alice, BUY, 1_000, 2), StpMode.EXPIRE_MAKER))
    assert [fill.maker_account for fill in placed.fills] == [bob]


async def test_transfer_moves_the_money_without_a_trade_or_a_fee(venue: Venue, alice: int, bob: int) -> None:
    for account in (alice, bob):
        await venue.registry.set_trade_group(account, 7)
    await venue.gateway.place_order(guarded(limit(bob, BUY, 1_000, 6), StpMode.TRANSFER))
    placed = await venue.gateway.place_order(guarded(limit(alice, SELL, 1_000, 2), StpMode.TRANSFER))
    assert (placed.order.status, placed.fills) == ("EXPIRED_IN_MATCH", [])
    assert await balance(venue, alice, "BTC") == (RICH_ATOMS - 2_000, 0)
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS + 20_000, 0)
    assert await balance(venue, bob, "BTC") == (RICH_ATOMS + 2_000, 0)
    assert await balance(venue, bob, "USDT") == (RICH_ATOMS - 60_000, 40_000)


async def test_fill_or_kill_counts_only_what_it_may_trade(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 1_000, 3))
    await venue.gateway.place_order(limit(bob, SELL, 1_001, 3))
    for mode in (StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH, StpMode.DECREMENT):
        order = guarded(limit(alice, BUY, 1_001, 3, tif=TimeInForce.FOK), mode)
        placed = await venue.gateway.place_order(order)
        assert (placed.order.status, placed.prevented) == ("EXPIRED", [])
    order = guarded(limit(alice, BUY, 1_001, 3, tif=TimeInForce.FOK), StpMode.EXPIRE_MAKER)
    placed = await venue.gateway.place_order(order)
    assert (placed.order.status, len(placed.prevented)) == ("FILLED", 1)


async def test_a_market_order_by_quote_amount_ends_at_ones_own(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(bob, SELL, 1_000_000, 10))
    await venue.gateway.place_order(limit(alice, SELL, 1_000_000, 10))
    order = guarded(market(alice, BUY, quote_atoms=15 * 10_000_000), StpMode.EXPIRE_TAKER)
    placed = await venue.gateway.place_order(order)
    assert (placed.order.status, placed.order.filled_lots, placed.order.lots) == ("EXPIRED_IN_MATCH", 10, 15)
    assert placed.prevented[0].taker_prevented_lots == 5
