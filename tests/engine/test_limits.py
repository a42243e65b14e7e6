"""Rules that count, compare or halt: each at its bound. One that is refused leaves no trace."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from engine.account_rules import AccountLimits
from engine.commands import PlaceOrder, PlaceOrderList, ReduceOrder, ReplaceOrder
from engine.errors import Reason
from engine.events import AccountLimitsSet, OrderPlaced, SymbolDefined, SymbolHalted
from engine.gateway import Placed
from engine.types import ListKind, OrderStatus, OrderType, Side, SymbolStatus, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, RICH_ATOMS, balance, cancel, fund, limit, market
from tests.engine.checks import events_of, refusal, refused_without_a_trace
from tests.engine.test_faults import calls_before_the_first_write
from tests.unit.lua_gate import WRITES

BUY, SELL = Side.BUY, Side.SELL
ATOMS = 10  # of USDT: a lot at one tick of BTCUSDT
LOT = 1_000  # atoms of BTC
START_MS = 1_800_000_000_000
DAY_MS = 86_400_000


async def rule(venue: Venue, **rules: Any) -> None:
    """BTCUSDT with these rules; orders are placed whatever its version."""
    await venue.registry.define_symbol(replace(BTCUSDT, **rules))


async def place(venue: Venue, order: PlaceOrder) -> Placed:
    return await venue.gateway.place_order(replace(order, rules_version=0))


async def refused(venue: Venue, order: PlaceOrder) -> Reason:
    return await refused_without_a_trace(venue, place(venue, order))


async def last_price(venue: Venue, price: int, *, account: int = 9) -> None:
    """A trade of the account with itself at this price, which nobody else may stand in the way of."""
    await fund(venue, account, BTC=RICH_ATOMS, USDT=RICH_ATOMS)
    await place(venue, limit(account, SELL, price, 1))
    await place(venue, limit(account, BUY, price, 1))


def stop(account: int, *, symbol: str = "BTCUSDT") -> PlaceOrder:
    """Waits as long as nothing trades at 5,000."""
    return replace(limit(account, BUY, 5_000, 3, symbol=symbol), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=5_000)


def iceberg(account: int, *, symbol: str = "BTCUSDT") -> PlaceOrder:
    return replace(limit(account, BUY, 50, 30, symbol=symbol), iceberg_lots=10)


def plain(account: int, *, symbol: str = "BTCUSDT") -> PlaceOrder:
    return limit(account, BUY, 50, 3, symbol=symbol)


KINDS: dict[str, tuple[Callable[..., PlaceOrder], str, str, Reason, Reason]] = {
    "orders": (
        plain, "max_orders", "exchange_max_orders",
        Reason.FILTER_MAX_NUM_ORDERS, Reason.FILTER_EXCHANGE_MAX_NUM_ORDERS,
    ),
    "algo orders": (
        stop, "max_algo_orders", "exchange_max_algo_orders",
        Reason.FILTER_MAX_NUM_ALGO_ORDERS, Reason.FILTER_EXCHANGE_MAX_NUM_ALGO_ORDERS,
    ),
    "icebergs": (
        iceberg, "max_iceberg_orders", "exchange_max_iceberg_orders",
        Reason.FILTER_MAX_NUM_ICEBERG_ORDERS, Reason.FILTER_EXCHANGE_MAX_NUM_ICEBERG_ORDERS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_so_many_open_orders_and_not_one_more(venue: Venue, alice: int, bob: int, kind: str) -> None:
    make, rule_name, _, reason, _ = KINDS[kind]
    await rule(venue, **{rule_name: 2})
    await place(venue, make(alice, symbol="ETHUSDT"))  # another symbol does not count
    await place(venue, make(bob))  # nor does anybody else
    first = await place(venue, make(alice))
    await place(venue, make(alice))
    assert await refused(venue, make(alice)) is reason
    await venue.gateway.cancel_order(cancel(alice, first.order.order_id))
    await place(venue, make(alice))
    assert await refused(venue, make(alice)) is reason


@pytest.mark.parametrize("kind", KINDS)
async def test_the_exchange_counts_all_symbols(venue: Venue, alice: int, bob: int, kind: str) -> None:
    make, _, rule_name, _, reason = KINDS[kind]
    await rule(venue, **{rule_name: 2})
    await place(venue, make(bob))
    await place(venue, make(alice, symbol="ETHUSDT"))
    await place(venue, make(alice))
    assert await refused(venue, make(alice)) is reason


async def test_special_orders_count_among_the_orders_and_plain_ones_not_among_the_special(
    venue: Venue, alice: int
) -> None:
    await rule(venue, max_orders=4, max_algo_orders=1, max_iceberg_orders=1)
    for make in (plain, plain, stop, iceberg):
        await place(venue, make(alice))
    assert await refused(venue, plain(alice)) is Reason.FILTER_MAX_NUM_ORDERS
    await rule(venue, max_orders=5, max_algo_orders=1, max_iceberg_orders=1)
    assert await refused(venue, stop(alice)) is Reason.FILTER_MAX_NUM_ALGO_ORDERS
    assert await refused(venue, iceberg(alice)) is Reason.FILTER_MAX_NUM_ICEBERG_ORDERS


async def test_an_order_that_cannot_rest_is_not_counted(venue: Venue, alice: int) -> None:
    await rule(venue, max_orders=1)
    await place(venue, plain(alice))
    await place(venue, limit(alice, BUY, 50, 1, tif=TimeInForce.IOC))
    await place(venue, limit(alice, BUY, 50, 1, tif=TimeInForce.FOK))
    await place(venue, market(alice, BUY, lots=10**6))
    assert await refused(venue, plain(alice)) is Reason.FILTER_MAX_NUM_ORDERS


async def test_a_filled_order_makes_room_also_a_triggered_one(venue: Venue, alice: int, bob: int) -> None:
    await rule(venue, max_algo_orders=1, max_iceberg_orders=1)
    await place(venue, stop(alice))
    await place(venue, iceberg(alice))
    await place(venue, limit(bob, SELL, 5_000, 3))
    await place(venue, limit(bob, SELL, 50, 30))  # the iceberg is gone
    await place(venue, iceberg(alice))
    await venue.gateway.cancel_order(cancel(alice, 5))
    await last_price(venue, 4_999)
    assert await refused(venue, stop(alice)) is Reason.FILTER_MAX_NUM_ALGO_ORDERS
    await place(venue, limit(bob, BUY, 5_000, 1))  # triggers the stop, which takes what is left
    assert (await venue.queries.order(alice, "BTCUSDT", order_id=1)).status is OrderStatus.PARTIALLY_FILLED
    assert await refused(venue, replace(stop(alice), stop_ticks=5_001)) is Reason.FILTER_MAX_NUM_ALGO_ORDERS
    await place(venue, limit(bob, SELL, 5_000, 1))
    await place(venue, replace(stop(alice), stop_ticks=5_001))


def oco(account: int, name: str) -> PlaceOrderList:
    return PlaceOrderList(
        kind=ListKind.OCO,
        client_order_id=name,
        orders=[
            replace(limit(account, SELL, 1_100, 5), type=OrderType.LIMIT_MAKER, rules_version=0),
            replace(limit(account, SELL, 890, 5), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=900, rules_version=0),
        ],
    )


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"max_order_lists": 1}, Reason.FILTER_MAX_NUM_ORDER_LISTS),
        ({"exchange_max_order_lists": 1}, Reason.FILTER_EXCHANGE_MAX_NUM_ORDER_LISTS),
        ({"max_orders": 3}, Reason.FILTER_MAX_NUM_ORDERS),
        ({"max_algo_orders": 1}, Reason.FILTER_MAX_NUM_ALGO_ORDERS),
    ],
)
async def test_lists_and_their_orders_are_counted_together(
    venue: Venue, alice: int, rules: dict[str, int], reason: Reason
) -> None:
    await rule(venue, **rules)
    await last_price(venue, 1_000)
    placed = await venue.gateway.place_order_list(oco(alice, "one"))
    assert await refused_without_a_trace(venue, venue.gateway.place_order_list(oco(alice, "two"))) is reason
    await venue.gateway.cancel_order(cancel(alice, placed.orders[0].order_id))
    await venue.gateway.place_order_list(oco(alice, "two"))


async def test_a_replacement_is_counted_without_the_order_it_replaces(venue: Venue, alice: int) -> None:
    await rule(venue, max_orders=1)
    first = await place(venue, plain(alice))
    wanted = ReplaceOrder(cancel=cancel(alice, first.order.order_id), place=replace(plain(alice), rules_version=0))
    assert isinstance((await venue.gateway.replace_order(wanted)).placed, Placed)
    missing = replace(wanted, cancel=cancel(alice, 77), place_anyway=True, place=replace(plain(alice), rules_version=0))
    replaced = await venue.gateway.replace_order(missing)
    assert getattr(replaced.placed, "reason", None) is Reason.FILTER_MAX_NUM_ORDERS


async def test_a_rule_that_is_taken_back_holds_no_more(venue: Venue, alice: int) -> None:
    await rule(venue, max_orders=1)
    await place(venue, plain(alice))
    await rule(venue, taker_fee_e8=1)
    await place(venue, plain(alice))


@pytest.mark.parametrize(
    ("rules", "side", "lowest", "highest", "reason"),
    [
        ({"price_up_e4": 13_000, "price_down_e4": 7_000}, BUY, 701, 1_301, Reason.FILTER_PERCENT_PRICE),
        ({"price_up_e4": 13_000, "price_down_e4": 7_000}, SELL, 701, 1_301, Reason.FILTER_PERCENT_PRICE),
        ({"bid_price_up_e4": 12_000, "ask_price_up_e4": 1}, BUY, 1, 1_201, Reason.FILTER_PERCENT_PRICE_BY_SIDE),
        ({"ask_price_up_e4": 20_000, "ask_price_down_e4": 9_999}, SELL, 1_001, 2_002,
         Reason.FILTER_PERCENT_PRICE_BY_SIDE),
        ({"bid_price_down_e4": 2_000}, BUY, 201, None, Reason.FILTER_PERCENT_PRICE_BY_SIDE),
    ],
)  # fmt: skip
async def test_a_price_may_be_so_far_from_the_last_price(
    venue: Venue, alice: int, rules: dict[str, int], side: Side, lowest: int, highest: int | None, reason: Reason
) -> None:
    await last_price(venue, 1_001)  # 1,001 x 0.7 is 700.7, x 1.3 is 1,301.3
    await rule(venue, **rules)
    if lowest > 1:
        assert await refused(venue, limit(alice, side, lowest - 1, 1)) is reason
    await place(venue, limit(alice, side, lowest, 1))
    if highest is not None:
        assert await refused(venue, limit(alice, side, highest + 1, 1)) is reason
        await place(venue, limit(alice, side, highest, 1))


async def test_before_the_first_trade_no_price_is_too_far_and_a_market_order_has_none(venue: Venue, alice: int) -> None:
    await rule(venue, price_up_e4=10_000, price_down_e4=10_000)
    await place(venue, limit(alice, BUY, 7, 1))
    await last_price(venue, 1_001)
    await place(venue, market(alice, BUY, lots=10**6))
    assert await refused(venue, limit(alice, BUY, 1_000, 1)) is Reason.FILTER_PERCENT_PRICE


async def test_a_position_beyond_2_to_the_53_is_judged_to_the_atom(venue: Venue, bob: int) -> None:
    """As doubles what is held and its bound would be one number."""
    held = 2**60 + 1
    await fund(venue, bob, BTC=held - RICH_ATOMS)
    await limited(venue, bob, max_position={"BTC": held + LOT - 1})
    assert await refused(venue, limit(bob, BUY, 1_000, 1)) is Reason.RISK_POSITION
    await limited(venue, bob, max_position={"BTC": held + LOT})
    await place(venue, limit(bob, BUY, 1_000, 1))
    await limited(venue, bob)
    await rule(venue, max_position_lots=2**60 // LOT)
    assert await refused(venue, limit(bob, BUY, 1_000, 1)) is Reason.FILTER_MAX_POSITION


async def test_a_day_beyond_2_to_the_53_is_counted_to_the_atom(venue: Venue, bob: int) -> None:
    await rule(venue, min_notional_atoms=0)
    await fund(venue, bob, USDT=2**54)
    await limited(venue, bob, max_daily={"USDT": 2**53 + 7})
    await place(venue, limit(bob, BUY, 1_000, 900_719_925_474))  # worth 9,007,199,254,740,000
    await place(venue, limit(bob, BUY, 99, 1))
    assert await refused(venue, limit(bob, BUY, 1, 1)) is Reason.RISK_DAILY_NOTIONAL  # 2^53 + 8 as a day
    await limited(venue, bob, max_daily={"USDT": 2**53 + 18})
    await place(venue, limit(bob, BUY, 1, 1))  # 2^53 + 8
    await place(venue, limit(bob, BUY, 1, 1))  # 2^53 + 18
    assert await refused(venue, limit(bob, BUY, 1, 1)) is Reason.RISK_DAILY_NOTIONAL


def bare_trailing(account: int, lots: int) -> PlaceOrder:
    return replace(market(account, SELL, lots=lots), type=OrderType.STOP_LOSS, trailing_bips=100)


async def test_an_order_with_nothing_but_a_trailing_delta_is_worth_the_last_price(venue: Venue, alice: int) -> None:
    await rule(venue, min_notional_atoms=70_000)
    await place(venue, bare_trailing(alice, 1))  # nothing to judge it by
    await last_price(venue, 1_000)
    assert await refused(venue, bare_trailing(alice, 6)) is Reason.FILTER_NOTIONAL
    await place(venue, bare_trailing(alice, 7))


async def test_a_position_is_what_is_held_and_what_open_orders_would_buy(venue: Venue, alice: int) -> None:
    held = RICH_ATOMS // LOT
    await rule(venue, max_position_lots=held + 10)
    await place(venue, limit(alice, SELL, 900, 100))  # locked is held
    first = await place(venue, limit(alice, BUY, 50, 4))
    assert await refused(venue, limit(alice, BUY, 50, 7)) is Reason.FILTER_MAX_POSITION
    await place(venue, limit(alice, BUY, 50, 6))
    assert await refused(venue, limit(alice, BUY, 50, 1)) is Reason.FILTER_MAX_POSITION
    assert await refused(venue, market(alice, BUY, lots=1)) is Reason.FILTER_MAX_POSITION
    await place(venue, limit(alice, SELL, 901, 1))  # only buying is limited
    await venue.gateway.cancel_order(cancel(alice, first.order.order_id))
    await place(venue, limit(alice, BUY, 50, 4))


async def test_a_position_bought_by_quote_amount_is_judged_at_the_last_price(
    venue: Venue, alice: int, bob: int
) -> None:
    await last_price(venue, 1_000)
    await place(venue, limit(bob, SELL, 1_000, 10))
    await rule(venue, max_position_lots=RICH_ATOMS // LOT + 10)
    assert await refused(venue, market(alice, BUY, quote_atoms=11 * 1_000 * ATOMS)) is Reason.FILTER_MAX_POSITION
    await place(venue, market(alice, BUY, quote_atoms=11 * 1_000 * ATOMS - 1))


async def test_a_position_that_is_too_large_already_grows_by_nothing(venue: Venue, alice: int) -> None:
    """What the quote amount buys is less than a lot, and before the first trade not known at all."""
    await rule(venue, max_position_lots=RICH_ATOMS // LOT - 1)
    assert await refused(venue, market(alice, BUY, quote_atoms=10**9)) is Reason.FILTER_MAX_POSITION
    await place(venue, market(alice, SELL, lots=10**6))
    await rule(venue)
    await last_price(venue, 1_000)
    await rule(venue, max_position_lots=RICH_ATOMS // LOT - 1)
    assert await refused(venue, market(alice, BUY, quote_atoms=1)) is Reason.FILTER_MAX_POSITION


async def test_what_is_filled_counts_as_held(venue: Venue, alice: int, bob: int) -> None:
    await rule(venue, max_position_lots=RICH_ATOMS // LOT + 10, taker_fee_e8=0, maker_fee_e8=0)
    await place(venue, limit(alice, BUY, 50, 10))
    await place(venue, limit(bob, SELL, 50, 4))
    assert await refused(venue, limit(alice, BUY, 50, 1)) is Reason.FILTER_MAX_POSITION


async def test_an_order_may_be_amended_so_often(venue: Venue, alice: int) -> None:
    await rule(venue, max_order_amends=2)
    order = (await place(venue, limit(alice, BUY, 50, 9))).order

    def reduce(lots: int) -> Awaitable[object]:
        return venue.gateway.reduce_order(
            ReduceOrder(account=alice, symbol="BTCUSDT", order_id=order.order_id, lots=lots)
        )

    await reduce(8)
    await reduce(7)
    assert await refused_without_a_trace(venue, reduce(6)) is Reason.FILTER_MAX_NUM_ORDER_AMENDS
    assert (await venue.queries.depth("BTCUSDT", 1)).bids == [(50, 7)]
    await place(venue, limit(alice, SELL, 50, 7))
    assert (await venue.queries.order(alice, "BTCUSDT", order_id=order.order_id)).status is OrderStatus.FILLED


async def limited(venue: Venue, account: int, **limits: Any) -> None:
    await venue.registry.set_account_limits(account, AccountLimits(**limits))


async def test_an_account_may_order_so_much_at_once(venue: Venue, alice: int, bob: int) -> None:
    await limited(venue, alice, max_order={"USDT": 1_000 * ATOMS, "BTC": 20 * LOT})
    await place(venue, limit(alice, BUY, 50, 20))
    assert await refused(venue, limit(alice, BUY, 50, 21)) is Reason.FILTER_MAX_ASSET
    assert await refused(venue, limit(alice, BUY, 101, 10)) is Reason.FILTER_MAX_ASSET
    await place(venue, limit(alice, BUY, 100, 10))
    assert await refused(venue, market(alice, BUY, quote_atoms=1_000 * ATOMS + 1)) is Reason.FILTER_MAX_ASSET
    await place(venue, limit(bob, BUY, 101, 30))
    await limited(venue, alice)
    await place(venue, limit(alice, BUY, 101, 30))


async def test_an_account_may_have_so_many_orders_open_anywhere(venue: Venue, alice: int) -> None:
    await limited(venue, alice, max_open_orders=2)
    await place(venue, plain(alice))
    await place(venue, plain(alice, symbol="ETHUSDT"))
    assert await refused(venue, plain(alice)) is Reason.RISK_OPEN_ORDERS
    await place(venue, market(alice, BUY, lots=10**6))


async def test_an_account_may_hold_so_much(venue: Venue, alice: int) -> None:
    await limited(venue, alice, max_position={"BTC": RICH_ATOMS + 5 * LOT})
    assert await refused(venue, limit(alice, BUY, 50, 6)) is Reason.RISK_POSITION
    await place(venue, limit(alice, BUY, 50, 5))
    await place(venue, plain(alice, symbol="ETHUSDT"))


async def test_a_day_is_one_of_the_venues_clock(venue: Venue, alice: int) -> None:
    await venue.clock.set_virtual(START_MS - START_MS % DAY_MS + DAY_MS - 1)
    await limited(venue, alice, max_daily={"USDT": 1_000 * ATOMS})
    await place(venue, limit(alice, BUY, 50, 12))
    first = await place(venue, limit(alice, BUY, 50, 7))
    await venue.gateway.cancel_order(cancel(alice, first.order.order_id))  # was ordered all the same
    assert await refused(venue, limit(alice, BUY, 51, 1)) is Reason.RISK_DAILY_NOTIONAL
    await place(venue, limit(alice, BUY, 50, 1))
    assert await refused(venue, limit(alice, BUY, 1, 1)) is Reason.RISK_DAILY_NOTIONAL
    await venue.clock.set_virtual(START_MS - START_MS % DAY_MS + DAY_MS)
    assert await refused(venue, limit(alice, BUY, 50, 21)) is Reason.RISK_DAILY_NOTIONAL
    await place(venue, limit(alice, BUY, 50, 20))


async def test_a_killed_account_loses_its_orders_and_places_none_until_it_is_released(
    venue: Venue, alice: int, bob: int
) -> None:
    await limited(venue, alice, max_open_orders=5)
    for make in (plain, stop, iceberg):
        await place(venue, make(alice))
    await place(venue, plain(alice, symbol="ETHUSDT"))
    await place(venue, plain(bob))
    canceled = await venue.gateway.kill_account(alice)
    assert [order.status for order in canceled] == [OrderStatus.CANCELED] * 4
    assert await venue.queries.open_orders(alice, ["BTCUSDT", "ETHUSDT", "ETHBTC"]) == []
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS, 0)
    for order in (plain(alice), stop(alice), market(alice, BUY, quote_atoms=10**9), plain(alice, symbol="ETHUSDT")):
        assert await refused(venue, order) is Reason.ACCOUNT_KILLED
    assert await venue.registry.account_limits(alice) == AccountLimits(is_killed=True, max_open_orders=5)
    assert await venue.gateway.kill_account(alice) == []
    await place(venue, plain(bob))
    await limited(venue, alice, max_open_orders=5)
    await place(venue, plain(alice))


async def test_limits_of_an_account_are_told_once(venue: Venue, alice: int) -> None:
    limits = AccountLimits(
        is_killed=True, max_open_orders=3, max_order={"BTC": 1, "USDT": 2}, max_daily={"USDT": 3},
        max_position={"BTC": 4},
    )  # fmt: skip
    (event,) = await events_of(venue, lambda: venue.registry.set_account_limits(alice, limits))
    assert isinstance(event, AccountLimitsSet)
    assert (event.account, event.limits) == (alice, limits)
    assert await events_of(venue, lambda: venue.registry.set_account_limits(alice, limits)) == []
    assert await venue.registry.account_limits(alice) == limits
    assert AccountLimits.read(AccountLimits().limits) == AccountLimits()


@pytest.mark.parametrize("price", [1_100, 900])
async def test_the_breaker_halts_when_the_price_has_moved_too_far(
    venue: Venue, alice: int, bob: int, price: int
) -> None:
    await rule(venue, halt_bips=1_000, halt_seconds=60)
    await last_price(venue, 1_000)
    resting = await place(venue, limit(alice, BUY, 1, 1))
    await last_price(venue, price)  # exactly ten percent
    assert (await venue.registry.spec("BTCUSDT")).status is SymbolStatus.TRADING
    beyond = price + 1 if price > 1_000 else price - 1
    await place(venue, limit(alice, SELL, beyond, 1))
    placed, halted = await events_of(venue, lambda: place(venue, limit(bob, BUY, beyond, 1)))
    assert isinstance(placed, OrderPlaced)
    assert isinstance(halted, SymbolHalted)
    assert placed.fills
    assert (halted.seq, halted.symbol) == (placed.seq + 1, "BTCUSDT")
    assert (halted.price_ticks, halted.reference_ticks) == (beyond, 1_000)
    assert await refused(venue, limit(bob, BUY, 1, 1)) is Reason.MARKET_CLOSED
    venue.registry.forget()
    assert (await venue.registry.spec("BTCUSDT")).status is SymbolStatus.HALT
    assert (await venue.registry.specs())["BTCUSDT"].status is SymbolStatus.HALT
    assert (await venue.queries.order(alice, "BTCUSDT", order_id=resting.order.order_id)).status is OrderStatus.NEW
    await venue.gateway.cancel_order(cancel(alice, resting.order.order_id))


@pytest.mark.parametrize(
    ("later_ms", "price", "halts"),
    # The price was 1,000 until second 30; in second 90 that still counts, in second 91 only 1,090 does.
    [(90_999, 1_100, False), (90_999, 1_101, True), (91_000, 1_199, False), (91_000, 1_200, True)],
)
async def test_the_breaker_looks_back_so_many_seconds(venue: Venue, later_ms: int, price: int, halts: bool) -> None:
    await rule(venue, halt_bips=1_000, halt_seconds=60)
    for at_ms, before in ((0, 1_000), (30_000, 1_090)):
        await venue.clock.set_virtual(START_MS + at_ms)
        await last_price(venue, before)
    await venue.clock.set_virtual(START_MS + later_ms)
    await last_price(venue, price)
    assert (await venue.queries.market_state("BTCUSDT")).last_price_ticks == price
    venue.registry.forget()
    expected = SymbolStatus.HALT if halts else SymbolStatus.TRADING
    assert (await venue.registry.spec("BTCUSDT")).status is expected


async def test_a_market_order_that_goes_too_far_is_done_and_triggers_nothing(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await rule(venue, halt_bips=1_000, halt_seconds=60, min_notional_atoms=0)
    await last_price(venue, 1_000)
    await place(venue, replace(limit(carol, BUY, 1_300, 1), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=1_150))
    for price in (1_050, 1_101, 1_200):
        await place(venue, limit(alice, SELL, price, 1))
    placed = await place(venue, market(bob, BUY, lots=3))
    assert [fill.price_ticks for fill in placed.fills] == [1_050, 1_101, 1_200]
    assert [order.account for order in await venue.queries.book_orders(BTCUSDT)] == [carol]
    await rule(venue, halt_bips=1_000, halt_seconds=60, min_notional_atoms=1)  # other rules leave it halted
    assert await refused(venue, limit(bob, BUY, 1, 1)) is Reason.MARKET_CLOSED
    wanted = replace(BTCUSDT, halt_bips=1_000, halt_seconds=60, min_notional_atoms=1)
    assert await events_of(venue, lambda: venue.registry.define_symbol(wanted)) == []
    (event,) = await events_of(venue, lambda: venue.registry.define_symbol(wanted, reopen=True))
    assert isinstance(event, SymbolDefined)
    await place(venue, limit(alice, SELL, 1_201, 2))
    await place(venue, limit(bob, BUY, 1_201, 1))  # the old prices count no more; the stop is triggered now
    assert (await venue.queries.order(carol, "BTCUSDT", order_id=3)).status is OrderStatus.FILLED


@pytest.mark.parametrize(("status", "may_amend"), [(SymbolStatus.HALT, True), (SymbolStatus.BREAK, False)])
async def test_in_a_halt_orders_can_be_cancelled_and_amended_in_a_break_cancelled_alone(
    venue: Venue, alice: int, status: SymbolStatus, may_amend: bool
) -> None:
    await place(venue, limit(alice, BUY, 50, 9))
    await rule(venue, status=status)
    assert await refused(venue, plain(alice)) is Reason.MARKET_CLOSED
    amend = venue.gateway.reduce_order(ReduceOrder(account=alice, symbol="BTCUSDT", order_id=1, lots=5))
    if may_amend:
        await amend
    else:
        assert await refusal(amend) is Reason.MARKET_CLOSED
    await venue.gateway.cancel_order(cancel(alice, 1))
    await rule(venue)
    await place(venue, plain(alice))


async def test_limits_that_are_kept_leave_no_trace_in_the_order(venue: Venue, alice: int) -> None:
    """The long way, which limits lead to, writes what the short way writes."""
    await venue.clock.set_virtual(START_MS)
    short = await place(venue, limit(alice, BUY, 50, 3, client_id="one"))
    await rule(venue, max_orders=9, price_up_e4=10_000, max_position_lots=10**12)
    await limited(venue, alice, max_open_orders=9)
    long = await place(venue, limit(alice, BUY, 50, 3, client_id="two"))
    assert long.order == replace(short.order, order_id=2, client_order_id="two")


@pytest.mark.parametrize(
    "reference", [{}, {"reference_bucket_ms": 500, "reference_buckets": 9, "range_bid_up_e4": 90_000}]
)
async def test_a_fault_among_the_checks_changes_nothing(venue: Venue, alice: int, reference: dict[str, int]) -> None:
    """Of limits, bands, the breaker, and the reference price."""
    await venue.clock.set_virtual(START_MS)
    await rule(
        venue, max_orders=9, max_algo_orders=9, max_order_lists=9, exchange_max_orders=9, exchange_max_algo_orders=9,
        price_up_e4=90_000, max_position_lots=10**12, halt_bips=100, halt_seconds=60, **reference,
    )  # fmt: skip
    await limited(
        venue, alice, max_open_orders=9, max_order={"USDT": 10**12}, max_daily={"USDT": 10**12},
        max_position={"BTC": RICH_ATOMS * 2},
    )  # fmt: skip
    await last_price(venue, 1_000)
    await place(venue, limit(alice, SELL, 1_100, 3))
    acts: list[Callable[[Venue], Awaitable[object]]] = [
        lambda venue: place(venue, stop(alice)),
        lambda venue: place(venue, limit(alice, BUY, 1_100, 2)),
        lambda venue: place(venue, market(alice, BUY, lots=60_000)),
    ]
    for act in acts:
        struck = await calls_before_the_first_write(venue, "place_order", act)
        assert len(struck) > 7
        assert struck[-1] in WRITES
    assert (await venue.queries.market_state("BTCUSDT")).last_price_ticks == 1_000


async def test_a_symbol_without_its_breaker_is_open_again(venue: Venue, alice: int) -> None:
    await rule(venue, halt_bips=1_000, halt_seconds=60)
    await last_price(venue, 1_000)
    await last_price(venue, 1_101)
    assert await refused(venue, plain(alice)) is Reason.MARKET_CLOSED
    await rule(venue)
    await place(venue, plain(alice))
