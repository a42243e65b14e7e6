"""Filters look at the reference price of a symbol that has one (filters.md, PERCENT_PRICE to NOTIONAL), at the bound.

The fact a newcomer would get wrong: a reference price that is null just now is none, and then the last price counts.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.commands import PlaceOrder, PlaceOrderList
from engine.errors import Reason, Rejected
from engine.gateway import Placed
from engine.types import ListKind, OrderType, PegPrice, Side
from engine.venue import Venue
from tests.conftest import BTCUSDT, fund, limit, market
from tests.engine.checks import refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL
START_MS = 1_700_000_000_000
UNIT = 10**8
ATOMS = 10  # of USDT: a lot at one tick of BTCUSDT
MEAN = {"reference_bucket_ms": 1_000, "reference_buckets": 10}


async def place(venue: Venue, order: PlaceOrder) -> Placed:
    return await venue.gateway.place_order(replace(order, rules_version=0))


async def refused(venue: Venue, order: PlaceOrder) -> Reason:
    return await refused_without_a_trace(venue, place(venue, order))


@pytest.fixture
async def traded(venue: Venue, alice: int, bob: int) -> Venue:
    """The last price is 10.00, a thousand ticks."""
    await venue.clock.set_virtual(START_MS)
    await place(venue, limit(alice, SELL, 1_000, 1))
    await place(venue, limit(bob, BUY, 1_000, 1))
    return venue


async def rule(venue: Venue, **rules: Any) -> None:
    await venue.registry.define_symbol(replace(BTCUSDT, **({"min_notional_atoms": 0} | rules)))


async def refer(venue: Venue, price_units: int | None, **rules: Any) -> None:
    """The reference price is set from outside."""
    await rule(venue, reference_external_id=0, **rules)
    await venue.registry.set_reference_price("BTCUSDT", price_units)


@pytest.mark.parametrize(
    ("rules", "side", "lowest", "highest", "reason"),
    [
        ({"price_up_e4": 13_000, "price_down_e4": 7_000}, BUY, 1_401, 2_601, Reason.FILTER_PERCENT_PRICE),
        ({"price_up_e4": 13_000, "price_down_e4": 7_000}, SELL, 1_401, 2_601, Reason.FILTER_PERCENT_PRICE),
        ({"bid_price_up_e4": 20_000, "bid_price_down_e4": 5_000, "ask_price_up_e4": 1}, BUY, 1_001, 4_002,
         Reason.FILTER_PERCENT_PRICE_BY_SIDE),
        ({"ask_price_up_e4": 20_000, "ask_price_down_e4": 5_000, "bid_price_up_e4": 1}, SELL, 1_001, 4_002,
         Reason.FILTER_PERCENT_PRICE_BY_SIDE),
    ],
)  # fmt: skip
async def test_a_price_may_be_so_far_from_the_reference_price(
    traded: Venue, alice: int, rules: dict[str, int], side: Side, lowest: int, highest: int, reason: Reason
) -> None:
    await refer(traded, 2_001 * UNIT // 100, **rules)  # 20.01 x 0.7 is 14.007, x 1.3 is 26.013, x 0.5 is 10.005
    assert await refused(traded, limit(alice, side, lowest - 1, 1)) is reason
    await place(traded, limit(alice, side, lowest, 1))
    assert await refused(traded, limit(alice, side, highest + 1, 1)) is reason
    await place(traded, limit(alice, side, highest, 1))


async def test_a_reference_price_that_is_null_or_not_asked_for_leaves_the_last_price(traded: Venue, bob: int) -> None:
    await refer(traded, 20 * UNIT, price_up_e4=11_000)
    await place(traded, limit(bob, BUY, 2_200, 1))
    await traded.registry.set_reference_price("BTCUSDT", None)
    assert await refused(traded, limit(bob, BUY, 1_101, 1)) is Reason.FILTER_PERCENT_PRICE
    await traded.registry.set_reference_price("BTCUSDT", 20 * UNIT)
    await rule(traded, price_up_e4=11_000)
    assert await refused(traded, limit(bob, BUY, 1_101, 1)) is Reason.FILTER_PERCENT_PRICE


async def test_the_mean_of_trades_is_a_reference_price_while_it_lasts(traded: Venue, alice: int, bob: int) -> None:
    await rule(traded, price_up_e4=10_000, **MEAN)  # trades before count for nothing
    await place(traded, limit(alice, SELL, 1_000, 1))
    await place(traded, limit(bob, BUY, 1_000, 1))
    await place(traded, limit(alice, SELL, 900, 1))
    await place(traded, limit(bob, BUY, 900, 1))
    assert await refused(traded, limit(bob, BUY, 951, 1)) is Reason.FILTER_PERCENT_PRICE
    assert (await place(traded, limit(bob, BUY, 950, 1))).order.status == "NEW"
    await traded.clock.set_virtual(START_MS + 20_000)
    assert await refused(traded, limit(bob, BUY, 901, 1)) is Reason.FILTER_PERCENT_PRICE


async def test_of_the_oldest_bucket_that_part_counts_which_is_in_the_window(venue: Venue, alice: int, bob: int) -> None:
    """faqs/price_range_execution_rules.md: 60 % of two trades at 2,001 together, and one at 1,300, are 1,136.6 each."""
    await rule(venue, **MEAN)
    for at_ms, price in ((0, 1_000), (0, 1_001), (2_500, 1_300)):
        await venue.clock.set_virtual(START_MS + at_ms)
        await place(venue, limit(alice, SELL, price, 1))
        await place(venue, limit(bob, BUY, price, 1))
    await rule(venue, price_up_e4=10_000, **MEAN)
    await venue.clock.set_virtual(START_MS + 10_400)
    assert await refused(venue, limit(bob, BUY, 1_137, 1)) is Reason.FILTER_PERCENT_PRICE
    await place(venue, limit(bob, BUY, 1_136, 1))
    await venue.clock.set_virtual(START_MS + 11_000)
    await place(venue, limit(bob, BUY, 1_300, 1))


async def test_a_reference_price_before_the_first_trade_binds(venue: Venue, alice: int) -> None:
    await refer(venue, 20 * UNIT, price_up_e4=11_000, min_notional_atoms=20_000 * ATOMS)
    assert await refused(venue, limit(alice, SELL, 2_201, 1)) is Reason.FILTER_PERCENT_PRICE
    assert await refused(venue, market(alice, SELL, lots=9)) is Reason.FILTER_NOTIONAL


async def test_a_market_order_and_one_that_only_trails_are_worth_the_reference_price(traded: Venue, alice: int) -> None:
    await refer(traded, 2_000_000_001, min_notional_atoms=200_001)  # ten lots: 200,000.0001, rounded up
    await place(traded, market(alice, SELL, lots=10))
    trailing = replace(market(alice, SELL, lots=10), type=OrderType.STOP_LOSS, trailing_bips=100)
    await place(traded, trailing)
    await traded.registry.set_reference_price("BTCUSDT", 2_000_000_000)
    assert await refused(traded, market(alice, SELL, lots=10)) is Reason.FILTER_NOTIONAL
    assert await refused(traded, replace(trailing, client_order_id="again")) is Reason.FILTER_NOTIONAL
    await traded.registry.set_reference_price("BTCUSDT", None)
    assert await refused(traded, market(alice, SELL, lots=10)) is Reason.FILTER_NOTIONAL
    assert (await place(traded, market(alice, SELL, lots=21))).order.status == "EXPIRED"


async def test_what_is_worth_too_much_to_be_computed_is_too_large(traded: Venue, alice: int) -> None:
    await refer(traded, 9 * 10**18)
    assert await refused(traded, market(alice, SELL, lots=10_000_000)) is Reason.AMOUNT_TOO_LARGE
    assert (await place(traded, market(alice, SELL, lots=10))).order.status == "EXPIRED"


async def test_a_refusal_tells_the_reference_price_to_the_last_digit(traded: Venue, alice: int) -> None:
    await refer(traded, 8_999_999_999_999_999_999, price_down_e4=10_000, min_notional_atoms=10**9)
    with pytest.raises(Rejected) as told:
        await place(traded, limit(alice, SELL, 1_000, 1))
    assert told.value.numbers == {
        "price_ticks": 1_000, "reference_units": 8_999_999_999_999_999_999, "multiplier_e4": 10_000
    }  # fmt: skip
    await traded.registry.set_reference_price("BTCUSDT", 1)
    with pytest.raises(Rejected) as told:
        await place(traded, market(alice, SELL, lots=1))
    assert told.value.numbers == {
        "notional_quote_atoms": 1, "min_quote_atoms": 10**9, "reference_units": 1
    }  # fmt: skip


@pytest.mark.parametrize("has_reference", [False, True])
async def test_bounds_of_prices_beyond_what_doubles_hold_are_exact(
    traded: Venue, alice: int, has_reference: bool
) -> None:
    """9,007,199,254,739 ticks times 10,000 is more than 2^53: as doubles a price one tick higher would be as high."""
    base = 2**53 // 1_000
    rules = {"price_up_e4": 10_000, "price_down_e4": 10_000, "max_price_ticks": base * 2}
    await fund(traded, alice, USDT=10**15)
    if has_reference:
        await refer(traded, base * BTCUSDT.tick_units, **rules)
    else:
        await place(traded, limit(alice, SELL, base, 1))
        await place(traded, limit(alice, BUY, base, 1))
        await rule(traded, **rules)
    for price in (base - 1, base + 1):
        assert await refused(traded, limit(alice, SELL, price, 1)) is Reason.FILTER_PERCENT_PRICE
    await place(traded, limit(alice, SELL, base, 1))


@pytest.mark.parametrize(("price", "status"), [(1_999, "EXPIRED"), (2_000, "NEW")])
async def test_a_pegged_stop_is_judged_by_the_reference_price_when_it_is_triggered(
    traded: Venue, alice: int, bob: int, price: int, status: str
) -> None:
    stop = replace(
        limit(alice, SELL, 0, 1), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=900, peg=PegPrice.PRIMARY_PEG
    )  # fmt: skip
    order_id = (await place(traded, stop)).order.order_id
    await place(traded, limit(alice, SELL, price, 1))
    await refer(traded, 20 * UNIT, ask_price_down_e4=10_000)
    await rule(traded, reference_external_id=0)
    await place(traded, limit(bob, BUY, 900, 1))
    await rule(traded, reference_external_id=0, ask_price_down_e4=10_000)
    await place(traded, replace(market(bob, SELL, lots=1), client_order_id="trigger"))
    found = await traded.queries.order(alice, "BTCUSDT", order_id=order_id)
    assert found.status == status


@pytest.mark.parametrize(("units", "status"), [(2_000_000_000, "EXPIRED"), (2_010_000_000, "NEW")])
async def test_what_an_opo_has_bought_is_worth_the_reference_price(
    traded: Venue, alice: int, bob: int, units: int, status: str
) -> None:
    """Ten lots are bought; the fee comes from what is free."""
    await refer(traded, units, min_notional_atoms=0)
    working = replace(limit(bob, BUY, 1_000, 10), rules_version=0)
    trailing = replace(
        market(bob, SELL, lots=0), type=OrderType.STOP_LOSS, trailing_bips=100, rules_version=0
    )  # fmt: skip
    wanted = PlaceOrderList(kind=ListKind.OPO, client_order_id="opo", orders=[working, trailing])
    placed = await traded.gateway.place_order_list(wanted)
    await rule(traded, reference_external_id=0, min_notional_atoms=200_001)
    await place(traded, limit(alice, SELL, 1_000, 10))
    found = await traded.queries.order(bob, "BTCUSDT", order_id=placed.orders[1].order_id)
    assert (found.status, found.lots) == (status, 10)
