"""place_order: matching, money and refusals, against a real server. Every test ends with the audit."""

import msgspec
import pytest

from engine.commands import PlaceOrder
from engine.errors import Reason, Rejected
from engine.registry import KeyRecord
from engine.runner import Stale
from engine.types import ORDER_LIMIT, OrderStatus, Side, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, ETHBTC, RICH_ATOMS, balance, cancel, fund, limit, market
from tests.engine.checks import digest, refusal, refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK


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
    refused = venue.gateway.place_order(limit(9, BUY, 101, 10))
    assert await refused_without_a_trace(venue, refused) is Reason.INSUFFICIENT_BALANCE
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
    with pytest.raises(Rejected) as caught:
        await venue.gateway.place_order(limit(alice, BUY, 99, 5, client_id="mine"))
    assert caught.value.reason is Reason.DUPLICATE_ORDER
    assert caught.value.existing_order_id == first.order.order_id
    await venue.gateway.place_order(limit(alice, SELL, 100, 5))
    again = await venue.gateway.place_order(limit(alice, BUY, 99, 5, client_id="mine"))
    newest = await venue.queries.order(alice, "BTCUSDT", client_order_id="mine")
    assert newest.order_id == again.order.order_id


async def test_the_same_client_order_id_serves_another_symbol_and_another_account(
    venue: Venue, alice: int, bob: int
) -> None:
    for account, symbol in ((alice, "BTCUSDT"), (alice, "ETHUSDT"), (bob, "BTCUSDT")):
        placed = await venue.gateway.place_order(limit(account, BUY, 100, 5, client_id="mine", symbol=symbol))
        assert placed.order.status is OrderStatus.NEW


async def test_client_order_ids_kept_for_a_day_stay_taken_after_the_end(venue: Venue, alice: int) -> None:
    await venue.runner.command("HSET", venue.keys.meta, "client_order_ids", "day")
    await venue.clock.set_virtual(2 * 10**12)
    first = await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="once"))
    await venue.gateway.cancel_order(cancel(alice, first.order.order_id))
    await venue.clock.set_virtual(2 * 10**12 + 86_399_999)
    assert await refusal(venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="once"))) == "DUPLICATE_ORDER"
    await venue.clock.set_virtual(2 * 10**12 + 86_400_000)
    assert (await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="once"))).order.order_id == 2


async def test_rules_of_another_version_are_refused_and_a_halted_symbol_is_closed(venue: Venue, alice: int) -> None:
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status="HALT"))
    before = await digest(venue)
    with pytest.raises(Stale):
        await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    assert await digest(venue) == before
    closed = venue.gateway.place_order(msgspec.structs.replace(limit(alice, BUY, 100, 5), rules_version=2))
    assert await refused_without_a_trace(venue, closed) is Reason.MARKET_CLOSED


@pytest.mark.parametrize("order", [limit(1, BUY, 90, 5), limit(1, BUY, 100, 5), market(1, SELL, lots=5)])
async def test_a_revoked_or_foreign_key_places_nothing(venue: Venue, alice: int, bob: int, order: PlaceOrder) -> None:
    await venue.gateway.place_order(limit(bob, SELL, 100, 5))
    await venue.registry.define_key("bobs", KeyRecord(account=bob, user_name="bob"))
    await venue.registry.define_key("own", KeyRecord(account=alice, user_name="alice"))
    await venue.registry.revoke_key("own", account=alice, name="alice")
    for key in ("own", "bobs", "unknown"):
        keyed = venue.gateway.place_order(msgspec.structs.replace(order, credential=key))
        assert await refused_without_a_trace(venue, keyed) is Reason.KEY_INVALID
    await venue.registry.define_key("own", KeyRecord(account=alice, user_name="alice"))
    assert (await venue.gateway.place_order(msgspec.structs.replace(order, credential="own"))).order.account == alice


@pytest.mark.parametrize(
    ("order", "asset", "atoms"),
    [
        (limit(9, BUY, 90, 5), "USDT", 90 * 5 * 10),  # rests
        (limit(9, BUY, 103, 8), "USDT", 103 * 8 * 10),  # its own limit, though it would pay less
        (limit(9, BUY, 103, 50, tif=FOK), "USDT", 103 * 50 * 10),  # though it would expire
        (limit(9, SELL, 120, 5), "BTC", 5 * 1_000),
        (limit(9, SELL, 95, 5, tif=IOC), "BTC", 5 * 1_000),
        (market(9, BUY, lots=100), "USDT", (100 * 5 + 101 * 3) * 10),  # what the book gives, at its prices
        (market(9, BUY, quote_atoms=7_777), "USDT", 7_777),  # all of the amount, though some of it stays unspent
        (market(9, SELL, lots=100), "BTC", 100 * 1_000),  # all of the quantity, though the book takes ten lots
        (market(9, SELL, quote_atoms=3_333), "BTC", 3 * 1_000),  # what brings that much: three lots at 99
    ],
)
async def test_an_order_needs_exactly_this_much(
    venue: Venue, alice: int, order: PlaceOrder, asset: str, atoms: int
) -> None:
    for side, price_ticks, lots in ((SELL, 100, 5), (SELL, 101, 3), (BUY, 99, 10)):
        await venue.gateway.place_order(limit(alice, side, price_ticks, lots))
    await fund(venue, 9, **{asset: atoms - 1})
    refused = venue.gateway.place_order(order)
    assert await refused_without_a_trace(venue, refused) is Reason.INSUFFICIENT_BALANCE
    await fund(venue, 9, **{asset: 1})
    assert (await venue.gateway.place_order(order)).order.account == 9


async def test_an_owner_may_trade_with_himself_and_pays_both_fees(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 100, 5_000))
    placed = await venue.gateway.place_order(limit(alice, BUY, 100, 5_000))
    assert [(fill.taker_account, fill.maker_account) for fill in placed.fills] == [(alice, alice)]
    assert await balance(venue, alice, "BTC") == (RICH_ATOMS - 5_000, 0)  # 0.1 % of five million atoms
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS - 5_000, 0)


async def test_market_sale_by_quote_amount_sells_no_more_than_brings_it(venue: Venue, alice: int, bob: int) -> None:
    for price_ticks in (100, 99):
        await venue.gateway.place_order(limit(alice, BUY, price_ticks, 10))
    placed = await venue.gateway.place_order(market(bob, SELL, quote_atoms=10_000 + 3 * 990 + 989))
    assert (placed.order.status, placed.order.lots, placed.order.filled_quote_atoms) == ("FILLED", 13, 12_970)
    rest = await venue.gateway.place_order(market(bob, SELL, quote_atoms=10_000))
    assert (rest.order.status, rest.order.lots, rest.order.left_lots) == ("EXPIRED", 7, 0)
    empty = venue.gateway.place_order(market(bob, SELL, quote_atoms=10_000))
    assert await refused_without_a_trace(venue, empty) is Reason.BOOK_EMPTY
    by_quantity = await venue.gateway.place_order(market(bob, SELL, lots=10**6))
    assert (by_quantity.order.status, by_quantity.order.left_lots) == ("EXPIRED", 10**6)


@pytest.mark.parametrize(
    ("shown_lots", "reason"),
    [(49, Reason.BOOK_BELOW_LOT_SIZE), (50, Reason.BOOK_BELOW_MARKET_LOT_SIZE), (59, Reason.BOOK_BELOW_MARKET_LOT_SIZE),
     (60, None)],
)  # fmt: skip
async def test_a_quote_amount_wants_a_book_that_shows_the_least_quantity(
    venue: Venue, alice: int, bob: int, shown_lots: int, reason: Reason | None
) -> None:
    """errors.md, messages for -2010: "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."."""
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, min_lots=50, min_market_lots=60))
    for price_ticks in range(100, 100 + shown_lots):  # a lot at each price: more levels than are read at once
        await venue.gateway.place_order(msgspec.structs.replace(limit(alice, SELL, price_ticks, 1), rules_version=2))
    order = msgspec.structs.replace(market(bob, BUY, quote_atoms=1_000), rules_version=2)
    if reason is not None:
        assert await refused_without_a_trace(venue, venue.gateway.place_order(order)) is reason
    else:
        assert (await venue.gateway.place_order(order)).order.lots == 1


async def test_a_quote_amount_below_one_lot_expires(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 100, 10))
    placed = await venue.gateway.place_order(market(bob, BUY, quote_atoms=999))
    assert (placed.order.status, placed.order.lots, placed.fills) == ("EXPIRED", 0, [])
    assert await balance(venue, bob, "USDT") == (RICH_ATOMS, 0)


async def test_fees_round_down_on_both_sides_and_a_tiny_fill_costs_little(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 33, 1_001))
    await venue.gateway.place_order(limit(bob, BUY, 33, 1_000))  # 330,000 atoms of USDT for 1,000,000 of BTC
    await venue.gateway.place_order(limit(bob, BUY, 33, 1))  # 330 for 1,000: a fee of nothing, and of one atom
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS + 330_330 - 330, 0)
    assert await balance(venue, bob, "BTC") == (RICH_ATOMS + 1_001_000 - 1_001, 0)


@pytest.mark.parametrize("taker_side", [SELL, BUY])
async def test_maker_and_taker_pay_their_own_rates(venue: Venue, alice: int, bob: int, taker_side: Side) -> None:
    spec = msgspec.structs.replace(
        BTCUSDT, maker_fee_e8=20_000, taker_fee_e8=500_000
    )  # a lot at 100 is 1,000 atoms either way
    await venue.registry.define_symbol(spec)
    for order in (limit(alice, taker_side.opposite, 100, 1_000), limit(bob, taker_side, 100, 1_000)):
        placed = await venue.gateway.place_order(msgspec.structs.replace(order, rules_version=2))
    # A lot at 100 ticks is a thousand atoms of either asset.
    assert [(fill.taker_fee_atoms, fill.maker_fee_atoms) for fill in placed.fills] == [(5_000, 200)]


@pytest.mark.parametrize(
    "order",
    [
        limit(9, BUY, 2**27, 2**26),  # price times quantity is 2**53, and ten times that in atoms
        limit(9, SELL, 2**27, 2**26),
        limit(9, SELL, 1, 2**53 // 1_000 + 1),  # the quantity in atoms
        market(9, BUY, lots=2**53 // 1_000 + 1),
        market(9, SELL, lots=2**53 // 1_000 + 1),
        market(9, BUY, quote_atoms=ORDER_LIMIT + 1),
    ],
)
async def test_an_order_that_cannot_be_counted_exactly_is_too_large(venue: Venue, order: PlaceOrder) -> None:
    await fund(venue, 9, BTC=4 * 10**18, USDT=4 * 10**18)
    refused = venue.gateway.place_order(order)
    assert await refused_without_a_trace(venue, refused) is Reason.AMOUNT_TOO_LARGE


@pytest.mark.parametrize("tif", [GTC, IOC, FOK])
async def test_a_sale_that_would_bring_too_much_is_too_large_and_a_hopeless_fok_just_expires(
    venue: Venue, tif: TimeInForce
) -> None:
    await fund(venue, 8, USDT=4 * 10**18)
    await fund(venue, 9, BTC=4 * 10**18)
    for _ in range(3):
        await venue.gateway.place_order(limit(8, BUY, 10**6, 400_000_000))  # each for 4e15 atoms of USDT
    too_much = venue.gateway.place_order(limit(9, SELL, 1, 1_200_000_000, tif=tif))
    assert await refused_without_a_trace(venue, too_much) is Reason.AMOUNT_TOO_LARGE
    hopeless = await venue.gateway.place_order(limit(9, SELL, 1, 1_200_000_001, tif=FOK))
    assert (hopeless.order.status, hopeless.fills) == ("EXPIRED", [])


async def test_a_quote_amount_that_buys_too_much_base_is_too_large(venue: Venue) -> None:
    await fund(venue, 8, BTC=4 * 10**18)
    await fund(venue, 9, USDT=10**18)
    for _ in range(2):
        await venue.gateway.place_order(limit(8, SELL, 1, 5 * 10**12))  # each 5e15 atoms of BTC, for 5e13 of USDT
    refused = venue.gateway.place_order(market(9, BUY, quote_atoms=10**14))
    assert await refused_without_a_trace(venue, refused) is Reason.AMOUNT_TOO_LARGE


async def test_a_level_too_large_to_cost_exactly_is_too_large_for_a_market_order(venue: Venue) -> None:
    await fund(venue, 8, ETH=4 * 10**18)
    await fund(venue, 9, BTC=4 * 10**18)
    for _ in range(2):
        await venue.gateway.place_order(limit(8, SELL, 10**6, 5 * 10**9, symbol="ETHBTC"))
    refused = venue.gateway.place_order(market(9, BUY, lots=10**10, symbol="ETHBTC"))
    assert await refused_without_a_trace(venue, refused) is Reason.AMOUNT_TOO_LARGE


async def test_balances_above_two_to_the_53_stay_exact(venue: Venue) -> None:
    odd = 2**60 + 1
    await fund(venue, 8, BTC=odd)
    await fund(venue, 9, USDT=odd)
    await venue.gateway.place_order(limit(8, SELL, 7, 1))
    await venue.gateway.place_order(limit(9, BUY, 7, 3))
    assert await balance(venue, 9, "USDT") == (odd - 210, 140)
    assert await balance(venue, 8, "BTC") == (odd - 1_000, 0)


async def test_what_uneven_fills_leave_of_the_reserve_returns_with_the_last_one(venue: Venue) -> None:
    await fund(venue, 3, BTC=10**8)
    await fund(venue, 4, ETH=10**10)
    placed = await venue.gateway.place_order(limit(3, BUY, 7, 5, symbol="ETHBTC"))  # 0.7 atoms a lot, 3.5 in all
    assert placed.order.locked_atoms == 4
    for _ in range(3):
        await venue.gateway.place_order(limit(4, SELL, 7, 1, symbol="ETHBTC"))  # each rounds down to nothing
    assert await balance(venue, 3, "BTC") == (10**8 - 4, 4)
    last = await venue.gateway.place_order(limit(4, SELL, 7, 2, symbol="ETHBTC"))
    assert last.fills[0].quote_atoms == 1
    assert await balance(venue, 3, "BTC") == (10**8 - 1, 0)


async def test_an_unknown_symbol_is_refused(venue: Venue, alice: int) -> None:
    unknown = venue.gateway.place_order(limit(alice, BUY, 100, 5, symbol="DOGEUSDT"))
    assert await refused_without_a_trace(venue, unknown) is Reason.UNKNOWN_SYMBOL


@pytest.mark.parametrize("side", list(Side))
async def test_a_market_order_by_quantity_must_be_worth_the_smallest_notional_at_the_last_price(
    venue: Venue, alice: int, bob: int, side: Side
) -> None:
    """5 USDT at 100.00 are 0.05 BTC, whatever the book would pay now."""
    await venue.gateway.place_order(limit(alice, Side.SELL, 10_000, 5_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 10_000, 5_000))
    await venue.gateway.place_order(limit(alice, side.opposite, 10_000, 20_000))
    with pytest.raises(Rejected) as caught:
        await venue.gateway.place_order(market(bob, side, lots=4_999))
    assert caught.value.reason is Reason.FILTER_NOTIONAL
    placed = await venue.gateway.place_order(market(bob, side, lots=5_000))
    assert placed.order.status is OrderStatus.FILLED


async def test_before_the_first_trade_there_is_no_price_to_judge_a_market_order_by(
    venue: Venue, alice: int, bob: int
) -> None:
    await venue.gateway.place_order(limit(alice, Side.SELL, 10_000, 5_000))
    assert (await venue.gateway.place_order(market(bob, Side.BUY, lots=1))).order.status is OrderStatus.FILLED


async def test_a_market_order_too_large_at_the_last_price_is_refused(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, Side.SELL, 10_000_000, 5))
    await venue.gateway.place_order(limit(bob, Side.BUY, 10_000_000, 5))
    with pytest.raises(Rejected) as caught:
        await venue.gateway.place_order(market(alice, Side.SELL, lots=100_000_000))
    assert caught.value.reason is Reason.AMOUNT_TOO_LARGE
