"""What is the case now: orders, depth, trades, balances, market state."""

import pytest

from engine.errors import Reason
from engine.queries import MarketState
from engine.types import Side
from engine.venue import Venue
from tests.conftest import BTCUSDT, RICH_ATOMS, SPECS, cancel, limit, market
from tests.engine.checks import digest, refusal

BUY, SELL = Side.BUY, Side.SELL


async def test_an_order_is_found_open_and_ended_by_either_id(venue: Venue, alice: int) -> None:
    placed = await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="mine"))
    for _ in ("open", "ended"):
        by_id = await venue.queries.order(alice, "BTCUSDT", order_id=1)
        by_client_id = await venue.queries.order(alice, "BTCUSDT", client_order_id="mine")
        by_both = await venue.queries.order(alice, "BTCUSDT", order_id=1, client_order_id="mine")
        assert by_id == by_client_id == by_both == placed.order
        if placed.order.status.is_open:
            placed = await venue.gateway.cancel_order(cancel(alice, 1))


async def test_by_client_id_the_newest_order_answers(venue: Venue, alice: int) -> None:
    for _ in range(2):
        placed = await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="again"))
        await venue.gateway.cancel_order(cancel(alice, placed.order.order_id))
    assert (await venue.queries.order(alice, "BTCUSDT", client_order_id="again")).order_id == 2


async def test_a_foreign_missing_or_disagreeing_order_does_not_exist(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="mine"))
    for query in (
        venue.queries.order(bob, "BTCUSDT", order_id=1),
        venue.queries.order(bob, "BTCUSDT", client_order_id="mine"),
        venue.queries.order(alice, "BTCUSDT", order_id=2),
        venue.queries.order(alice, "ETHUSDT", order_id=1),
        venue.queries.order(alice, "BTCUSDT", order_id=1, client_order_id="other"),
        venue.queries.order(alice, "DOGEUSDT", order_id=1),
    ):
        assert await refusal(query) is Reason.NO_SUCH_ORDER


async def test_open_orders_of_one_account_oldest_first(venue: Venue, alice: int, bob: int) -> None:
    for price_ticks in (90, 95, 80):
        await venue.gateway.place_order(limit(alice, BUY, price_ticks, 5))
    await venue.gateway.place_order(limit(alice, BUY, 90, 5, symbol="ETHUSDT"))
    await venue.gateway.place_order(limit(bob, BUY, 90, 5))
    await venue.gateway.cancel_order(cancel(alice, 2))
    one = await venue.queries.open_orders(alice, ["BTCUSDT"])
    both = await venue.queries.open_orders(alice, ["ETHUSDT", "BTCUSDT"])
    assert [order.order_id for order in one] == [1, 3]
    assert [order.order_id for order in both] == [4, 1, 3]
    assert [order.order_id for order in await venue.queries.book_orders(BTCUSDT)] == [1, 3, 5]


async def test_ended_orders_are_those_of_the_account(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    await venue.gateway.place_order(market(bob, SELL, lots=9))
    ended = {account: await venue.queries.ended_orders(account, "BTCUSDT") for account in (alice, bob)}
    assert [(order.order_id, order.status) for order in ended[alice]] == [(1, "FILLED")]
    assert [(order.order_id, order.status) for order in ended[bob]] == [(2, "EXPIRED")]


async def test_depth_is_best_first_and_cut_at_the_limit(venue: Venue, alice: int) -> None:
    for side, prices in ((BUY, (90, 99, 90, 85)), (SELL, (101, 1_000, 110))):
        for price_ticks in prices:
            await venue.gateway.place_order(limit(alice, side, price_ticks, 5))
    depth = await venue.queries.depth("BTCUSDT", 2)
    assert depth.bids == [(99, 5), (90, 10)]
    assert depth.asks == [(101, 5), (110, 5)]
    assert depth.update_id == 7


async def test_depth_of_thousands_of_levels_is_whole(venue: Venue, alice: int) -> None:
    for price_ticks in range(1, 1_104):
        await venue.gateway.place_order(limit(alice, BUY, price_ticks, 1))
    depth = await venue.queries.depth("BTCUSDT", 5_000)
    assert depth.bids == [(price_ticks, 1) for price_ticks in range(1_103, 0, -1)]


async def test_an_order_that_only_expires_changes_no_level_and_no_update_id(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 90, 5))
    await venue.gateway.place_order(market(alice, BUY, lots=5))
    assert (await venue.queries.depth("BTCUSDT", 2)).update_id == 1


async def test_market_state_before_and_after_the_first_trade(venue: Venue, alice: int) -> None:
    assert await venue.queries.market_state("BTCUSDT") == MarketState(
        last_price_ticks=None, update_id=0, next_trade_id=1, best_bid=None, best_ask=None
    )
    await venue.gateway.place_order(limit(alice, SELL, 100, 5))
    await venue.gateway.place_order(limit(alice, BUY, 100, 7))
    assert await venue.queries.market_state("BTCUSDT") == MarketState(
        last_price_ticks=100, update_id=2, next_trade_id=2, best_bid=(100, 2), best_ask=None
    )


@pytest.mark.parametrize(
    ("limit_", "from_id", "found"),
    [
        (10, None, [1, 2, 3, 4]),
        (2, None, [3, 4]),  # the newest two
        (1, 2, [2]),  # from the middle of a command's three trades
        (10, 3, [3, 4]),
        (2, 0, [1, 2]),
        (10, 5, []),
    ],
)
async def test_trades_oldest_first_the_newest_or_from_an_id_on(
    venue: Venue, alice: int, bob: int, limit_: int, from_id: int | None, found: list[int]
) -> None:
    for _ in range(3):
        await venue.gateway.place_order(limit(alice, SELL, 100, 1))
    await venue.gateway.place_order(limit(bob, BUY, 100, 4))
    await venue.gateway.place_order(limit(alice, SELL, 90, 1))
    trades = await venue.queries.trades("BTCUSDT", limit=limit_, from_id=from_id)
    assert [trade.fill.trade_id for trade in trades] == found
    assert all(trade.fill.is_buyer_maker == (trade.fill.trade_id == 4) for trade in trades)


async def test_balances_come_in_the_order_asked_zeros_included(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5))
    balances = await venue.queries.balances(alice, ["USDT", "DOGE", "BTC"])
    assert [(each.asset, each.free_atoms, each.locked_atoms) for each in balances] == [
        ("USDT", RICH_ATOMS - 5_000, 5_000),
        ("DOGE", 0, 0),
        ("BTC", RICH_ATOMS, 0),
    ]


async def test_no_query_changes_anything(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 5, client_id="mine"))
    before = await digest(venue)
    await venue.queries.clock()
    await venue.queries.order(alice, "BTCUSDT", client_order_id="mine")
    await venue.queries.open_orders(alice, list(SPECS))
    await venue.queries.ended_orders(alice, "BTCUSDT")
    await venue.queries.depth("BTCUSDT", 10)
    await venue.queries.market_state("BTCUSDT")
    await venue.queries.trades("BTCUSDT", limit=10)
    await venue.queries.balances(alice, ["BTC"])
    await venue.queries.book_orders(BTCUSDT)
    assert await digest(venue) == before
