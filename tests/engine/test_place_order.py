"""place_order: matching, money and refusals, against a real server. Every test ends with a recount of the books."""

import msgspec
import pytest

from engine.errors import Reason, Rejected
from engine.events import OrderContinued, OrderPlaced, decode_entry
from engine.runner import Stale
from engine.types import MAX_FILLS, OrderStatus, Side, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, ETHBTC, RICH_ATOMS, fund, limit, market

BUY, SELL = Side.BUY, Side.SELL
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK


async def balance(venue: Venue, account: int, asset: str) -> tuple[int, int]:
    (found,) = await venue.queries.balances(account, [asset])
    return found.free_atoms, found.locked_atoms


@pytest.mark.parametrize(
    ("price_ticks", "lots", "tif", "status", "filled", "rests"),
    [
        (99, 4, GTC, "NEW", 0, 4),  # below the ask: rests
        (100, 9, GTC, "PARTIALLY_FILLED", 5, 4),  # eats the level, rests the remainder
        (100, 5, GTC, "FILLED", 5, 0),
        (100, 9, IOC, "EXPIRED", 5, 0),  # the same, but nothing may rest
        (99, 9, IOC, "EXPIRED", 0, 0),
        (100, 9, FOK, "EXPIRED", 0, 0),  # not all of it: nothing moves
        (101, 8, FOK, "FILLED", 8, 0),  # two levels make it
    ],
)
async def test_buy_against_five_lots_at_100_and_three_at_101(
    venue: Venue, alice: int, bob: int, price_ticks: int, lots: int, tif: TimeInForce, status: str, filled: int,
    rests: int,
) -> None:  # fmt: skip
    await venue.gateway.place_order(limit(alice, SELL, 100, 5))
    await venue.gateway.place_order(limit(alice, SELL, 101, 3))
    placed = await venue.gateway.place_order(limit(bob, BUY, price_ticks, lots, tif=tif))
    assert placed.order.status == status
    assert sum(fill.lots for fill in placed.fills) == placed.order.filled_lots == filled
    depth = await venue.queries.depth("BTCUSDT", 10)
    assert depth.bids == ([(price_ticks, rests)] if rests else [])


async def test_best_price_first_then_oldest_and_the_maker_sets_the_price(venue: Venue, alice: int, bob: int) -> None:
    later_better = [await venue.gateway.place_order(limit(alice, SELL, price, 5)) for price in (101, 100, 100)]
    placed = await venue.gateway.place_order(limit(bob, BUY, 101, 12))
    met = [(fill.maker_order_id, fill.price_ticks, fill.lots) for fill in placed.fills]
    ids = [each.order.order_id for each in later_better]
    assert met == [(ids[1], 100, 5), (ids[2], 100, 5), (ids[0], 101, 2)]
    assert [fill.trade_id for fill in placed.fills] == [1, 2, 3]


async def test_price_improvement_returns_and_fees_come_from_what_is_received(
    venue: Venue, alice: int, bob: int
) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 100_000))
    await venue.gateway.place_order(limit(bob, BUY, 7_000_000, 100_000))
    cost = 60_000 * 10**8
    assert await balance(venue, bob, "USDT") == (RICH_ATOMS - cost, 0)
    assert await balance(venue, bob, "BTC") == (RICH_ATOMS + 10**8 - 10**5, 0)
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS + cost - cost // 1000, 0)
    assert await balance(venue, alice, "BTC") == (RICH_ATOMS - 10**8, 0)


async def test_a_buyer_needs_the_money_of_his_own_limit(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 100, 10))
    await fund(venue, 9, USDT=BTCUSDT.notional_ceil(101, 10) - 1)
    before = await venue.queries.clock()
    with pytest.raises(Rejected) as refusal:
        await venue.gateway.place_order(limit(9, BUY, 101, 10))
    assert refusal.value.reason is Reason.INSUFFICIENT_BALANCE
    after = await venue.queries.clock()
    assert (after.epoch, after.seq) == (before.epoch, before.seq)
    placed = await venue.gateway.place_order(limit(9, BUY, 100, 10))
    assert placed.order.status is OrderStatus.FILLED
    assert placed.order.order_id == 2  # the refusal took no id


async def test_market_order_never_rests(venue: Venue, alice: int, bob: int) -> None:
    nothing_there = await venue.gateway.place_order(market(bob, BUY, lots=5))
    assert (nothing_there.order.status, nothing_there.fills) == (OrderStatus.EXPIRED, [])
    await venue.gateway.place_order(limit(alice, SELL, 100, 3))
    placed = await venue.gateway.place_order(market(bob, BUY, lots=5))
    assert (placed.order.status, placed.order.filled_lots) == (OrderStatus.EXPIRED, 3)


@pytest.mark.parametrize(
    ("budget_lots", "status", "filled"), [(7, "FILLED", 7), (10, "FILLED", 10), (11, "EXPIRED", 10)]
)
async def test_market_order_by_quote_amount_spends_what_buys_whole_lots(
    venue: Venue, alice: int, bob: int, budget_lots: int, status: str, filled: int
) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 100, 10))
    budget = BTCUSDT.notional_floor(100, budget_lots) + (1 if budget_lots == 7 else 0)
    placed = await venue.gateway.place_order(market(bob, BUY, quote_atoms=budget))
    assert (placed.order.status, placed.order.lots, placed.order.left_lots) == (status, filled, 0)
    assert placed.order.filled_quote_atoms == BTCUSDT.notional_floor(100, filled)


async def test_uneven_notionals_round_down_per_fill_and_the_remainder_is_returned(venue: Venue) -> None:
    await fund(venue, 3, BTC=10**8)
    await fund(venue, 4, ETH=10**10)
    await venue.gateway.place_order(limit(3, BUY, 33_333, 7, symbol="ETHBTC"))
    reserve = ETHBTC.notional_ceil(33_333, 7)
    assert await balance(venue, 3, "BTC") == (10**8 - reserve, reserve)
    for _ in range(7):
        await venue.gateway.place_order(limit(4, SELL, 33_333, 1, symbol="ETHBTC"))
    assert await balance(venue, 3, "BTC") == (10**8 - 7 * ETHBTC.notional_floor(33_333, 1), 0)


async def test_client_order_id_is_unique_among_open_orders_only(venue: Venue, alice: int) -> None:
    first = await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="mine"))
    with pytest.raises(Rejected) as refusal:
        await venue.gateway.place_order(limit(alice, BUY, 99, 5, client_id="mine"))
    assert refusal.value.reason is Reason.DUPLICATE_ORDER
    assert refusal.value.existing_order_id == first.order.order_id
    await venue.gateway.place_order(limit(alice, SELL, 100, 5))
    again = await venue.gateway.place_order(limit(alice, BUY, 99, 5, client_id="mine"))
    newest = await venue.queries.order(alice, "BTCUSDT", client_order_id="mine")
    assert newest.order_id == again.order.order_id


async def test_rules_of_another_version_are_refused_and_a_halted_symbol_is_closed(venue: Venue, alice: int) -> None:
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status="HALT"))
    with pytest.raises(Stale):
        await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    with pytest.raises(Rejected) as refusal:
        await venue.gateway.place_order(msgspec.structs.replace(limit(alice, BUY, 100, 5), rules_version=2))
    assert refusal.value.reason is Reason.MARKET_CLOSED


async def test_an_order_with_many_fills_takes_several_steps_and_one_reply(venue: Venue, alice: int, bob: int) -> None:
    count = 2 * MAX_FILLS + 7
    for index in range(count):
        await venue.gateway.place_order(limit(alice, SELL, 100 + index // 3, 1))
    placed = await venue.gateway.place_order(market(bob, BUY, lots=count))
    assert placed.order.status is OrderStatus.FILLED
    assert [fill.trade_id for fill in placed.fills] == list(range(1, count + 1))
    entries = await venue.runner.command("XRANGE", venue.keys.events, f"0-{placed.seq}", "+")
    steps = [event for event in map(decode_entry, entries) if isinstance(event, OrderPlaced | OrderContinued)]
    assert [len(step.fills) for step in steps] == [MAX_FILLS, MAX_FILLS, 7]
    assert [step.is_final for step in steps] == [False, False, True]
