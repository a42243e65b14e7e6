"""The worked examples of Binance's own documents (github.com/binance/binance-spot-api-docs), one test for each.

The fact a newcomer would get wrong: the documents' prices are whole USDT, the tests' are ticks of 0.01 USDT; quantities
are lots of 0.00001 BTC. "Linear trades" there are here a few trades on the way.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from engine.commands import PlaceOrder, Transfer
from engine.errors import Reason
from engine.gateway import Placed
from engine.records import OrderRecord
from engine.types import OrderType, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import RICH_ATOMS, balance, limit, market
from tests.engine.checks import refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL
TICKS, LOTS, ATOMS = 100, 100_000, 10**8  # of one USDT, of one BTC, of either
OWNER = 4


def with_stp(order: PlaceOrder, stp: StpMode) -> PlaceOrder:
    return msgspec.structs.replace(order, stp=stp)


def lots(quantity: float) -> int:
    return round(quantity * LOTS)


def ticks(price: float) -> int:
    return round(price * TICKS)


async def rest(venue: Venue, account: int, *orders: tuple[float, float], stp: StpMode = StpMode.NONE) -> list[int]:
    """Ids of purchases by (quantity, price)."""
    placed = [
        await venue.gateway.place_order(with_stp(limit(account, BUY, ticks(price), lots(quantity)), stp))
        for quantity, price in orders
    ]
    return [one.order.order_id for one in placed]


async def sell(venue: Venue, account: int, quantity: float, price: float, stp: StpMode) -> Placed:
    return await venue.gateway.place_order(with_stp(limit(account, SELL, ticks(price), lots(quantity)), stp))


async def found(venue: Venue, account: int, order_id: int) -> OrderRecord:
    return await venue.queries.order(account, "BTCUSDT", order_id=order_id)


def outcome(order: OrderRecord) -> tuple[str, float, float, int]:
    """Status, executed and prevented quantity, id of the prevented match (-1: none)."""
    prevented_lots, match = (order.terms.prevented_lots, order.terms.prevented_match_id) if order.terms else (0, -1)
    return str(order.status), order.filled_lots / LOTS, prevented_lots / LOTS, match


def matches(placed: Placed) -> list[tuple[int, int, float, float, float]]:
    """[(prevented match id, maker's order id, price, taker's and maker's prevented quantity)]"""
    return [
        (
            match.prevented_match_id, match.maker_order_id, match.price_ticks / TICKS,
            match.taker_prevented_lots / LOTS, match.maker_prevented_lots / LOTS,
        )
        for match in placed.prevented
    ]  # fmt: skip


THREE = ((1.2, 1.2), (1.3, 1.1), (8.1, 1.0))


async def test_stp_faq_scenario_a_none_and_the_orders_trade(venue: Venue, alice: int) -> None:
    (maker,) = await rest(venue, alice, (1, 1))
    placed = await sell(venue, alice, 1, 1, StpMode.NONE)
    assert outcome(placed.order) == outcome(await found(venue, alice, maker)) == ("FILLED", 1, 0, -1)
    assert (len(placed.fills), placed.prevented) == (1, [])


async def test_stp_faq_scenario_b_expire_maker_and_the_taker_goes_on_the_book(venue: Venue, alice: int) -> None:
    makers = await rest(venue, alice, *THREE)
    placed = await sell(venue, alice, 3, 1, StpMode.EXPIRE_MAKER)
    assert [outcome(await found(venue, alice, maker)) for maker in makers] == [
        ("EXPIRED_IN_MATCH", 0, 1.2, 0), ("EXPIRED_IN_MATCH", 0, 1.3, 1), ("EXPIRED_IN_MATCH", 0, 8.1, 2),
    ]  # fmt: skip
    assert (placed.order.status, placed.order.lots, placed.order.filled_lots) == ("NEW", lots(3), 0)
    assert matches(placed) == [(0, makers[0], 1.2, 0, 1.2), (1, makers[1], 1.1, 0, 1.3), (2, makers[2], 1, 0, 8.1)]
    depth = await venue.queries.depth("BTCUSDT", 5)
    assert (depth.bids, depth.asks) == ([], [(ticks(1), lots(3))])


async def test_stp_faq_scenario_c_expire_taker_and_the_makers_stay(venue: Venue, alice: int) -> None:
    makers = await rest(venue, alice, *THREE)
    placed = await sell(venue, alice, 3, 1, StpMode.EXPIRE_TAKER)
    assert [outcome(await found(venue, alice, maker)) for maker in makers] == [("NEW", 0, 0, -1)] * 3
    assert outcome(placed.order) == ("EXPIRED_IN_MATCH", 0, 3, 0)
    assert len(placed.prevented) == 1


async def test_stp_faq_scenario_d_expire_both(venue: Venue, alice: int) -> None:
    await venue.registry.set_trade_group(alice, 1)
    (maker,) = await rest(venue, alice, (1, 1))
    placed = await sell(venue, alice, 3, 1, StpMode.EXPIRE_BOTH)
    assert outcome(await found(venue, alice, maker)) == ("EXPIRED_IN_MATCH", 0, 1, 0)
    assert outcome(placed.order) == ("EXPIRED_IN_MATCH", 0, 3, 0)
    assert (matches(placed), placed.prevented[0].trade_group) == ([(0, maker, 1, 3, 1)], 1)


async def test_stp_faq_scenario_e_the_takers_mode_counts_not_the_makers(venue: Venue, alice: int) -> None:
    (maker,) = await rest(venue, alice, (1, 1), stp=StpMode.EXPIRE_MAKER)
    placed = await sell(venue, alice, 1, 1, StpMode.EXPIRE_TAKER)
    assert outcome(await found(venue, alice, maker)) == ("NEW", 0, 0, -1)
    assert outcome(placed.order) == ("EXPIRED_IN_MATCH", 0, 1, 0)
    assert matches(placed) == [(0, maker, 1, 1, 0)]


async def test_stp_faq_scenario_f_a_market_order_expires_for_want_of_others(venue: Venue, alice: int) -> None:
    (maker,) = await rest(venue, alice, (1, 1))
    placed = await venue.gateway.place_order(with_stp(market(alice, SELL, lots=lots(1)), StpMode.EXPIRE_MAKER))
    assert outcome(await found(venue, alice, maker)) == ("EXPIRED_IN_MATCH", 0, 1, 0)
    assert (placed.order.status, placed.order.filled_lots, placed.order.lots) == ("EXPIRED", 0, lots(1))
    assert matches(placed) == [(0, maker, 1, 0, 1)]


async def test_stp_faq_scenario_g_decrement_takes_two_from_both(venue: Venue, alice: int) -> None:
    (maker,) = await rest(venue, alice, (6, 2))
    placed = await sell(venue, alice, 2, 2, StpMode.DECREMENT)
    kept = await found(venue, alice, maker)
    assert (outcome(kept), kept.lots, kept.left_lots) == (("NEW", 0, 2, 0), lots(6), lots(4))
    assert outcome(placed.order) == ("EXPIRED_IN_MATCH", 0, 2, 0)
    assert matches(placed) == [(0, maker, 2, 2, 2)]
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS - 8 * ATOMS, 8 * ATOMS)


async def test_stp_faq_scenario_h_transfer_within_a_trade_group(venue: Venue) -> None:
    maker_account, taker_account = 5, 6
    for account in (maker_account, taker_account):
        await venue.registry.set_trade_group(account, 1)
        for asset in ("BTC", "USDT"):
            await venue.gateway.credit(Transfer(account=account, asset=asset, atoms=20_000 * ATOMS))
    (maker,) = await rest(venue, maker_account, (0.6, 0.2), stp=StpMode.TRANSFER)
    placed = await sell(venue, taker_account, 0.2, 0.2, StpMode.TRANSFER)
    kept = await found(venue, maker_account, maker)
    assert (outcome(kept), kept.left_lots) == (("NEW", 0, 0.2, 0), lots(0.4))
    assert outcome(placed.order) == ("EXPIRED_IN_MATCH", 0, 0.2, 0)
    assert (matches(placed), placed.prevented[0].trade_group) == ([(0, maker, 0.2, 0.2, 0.2)], 1)
    assert await balance(venue, maker_account, "BTC") == (20_000 * ATOMS + 20_000_000, 0)
    assert await balance(venue, maker_account, "USDT") == (20_000 * ATOMS - 12_000_000, 8_000_000)
    assert await balance(venue, taker_account, "BTC") == (20_000 * ATOMS - 20_000_000, 0)
    assert await balance(venue, taker_account, "USDT") == (20_000 * ATOMS + 4_000_000, 0)


@pytest.mark.parametrize("makers_mode", list(StpMode))
async def test_stp_faq_summary_transfer_needs_both(venue: Venue, alice: int, bob: int, makers_mode: StpMode) -> None:
    for account in (alice, bob):
        await venue.registry.set_trade_group(account, 1)
    await rest(venue, alice, (1, 1), stp=makers_mode)
    (match,) = (await sell(venue, bob, 1, 1, StpMode.TRANSFER)).prevented
    assert match.mode is (StpMode.TRANSFER if makers_mode is StpMode.TRANSFER else StpMode.DECREMENT)


@dataclass(frozen=True)
class Trail:
    """A trailing order placed at 40,000. It begins to follow on the way to `begins`, and `trigger` triggers it."""

    type: OrderType
    side: Side
    stop: float
    bips: int
    price: float
    way: tuple[float, ...]  # where the last price turns, in order; none of it triggers
    begins: int | None  # index into `way`; None: at once
    trigger: float

    def order(self) -> PlaceOrder:
        return PlaceOrder(
            account=OWNER, symbol="BTCUSDT", rules_version=1, side=self.side, type=self.type, lots=lots(0.01),
            price_ticks=ticks(self.price), stop_ticks=ticks(self.stop), trailing_bips=self.bips, client_order_id="t",
        )  # fmt: skip


LOSS, PROFIT = OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT
TRAILS = {
    "scenario A": Trail(LOSS, BUY, 44_000, 500, 45_000, (37_000, 45_000, 46_000, 42_000), 1, 44_100),
    "scenario B": Trail(LOSS, SELL, 39_000, 1_000, 38_000, (41_500, 39_000, 37_000, 41_000), 1, 36_900),
    "scenario C": Trail(PROFIT, BUY, 38_000, 850, 38_500, (42_000, 37_000, 39_000, 38_000), 1, 40_145),
    "scenario D": Trail(PROFIT, SELL, 42_000, 750, 41_000, (41_500, 39_000, 45_000, 44_000, 46_500), 2, 43_012.5),
    "scenario E": Trail(LOSS, SELL, 0, 700, 39_000, (42_000, 39_500, 45_500), None, 42_315),
}


async def trade_at(venue: Venue, price_ticks: int) -> None:
    """alice sells a lot to bob at this price, and nobody else has a part in it."""
    await venue.gateway.place_order(limit(1, SELL, price_ticks, 1))
    await venue.gateway.place_order(limit(2, BUY, price_ticks, 1, tif=TimeInForce.IOC))


async def trades_to(venue: Venue, price_ticks: int) -> None:
    """Trades in a straight line from the last price, the twentieth of them at this one."""
    start = (await venue.queries.market_state("BTCUSDT")).last_price_ticks or 0
    for part in range(1, 21):
        await trade_at(venue, start + (price_ticks - start) * part // 20)


async def sweep_to(venue: Venue, price_ticks: int) -> None:
    """The same prices, all of them met by a single order."""
    start = (await venue.queries.market_state("BTCUSDT")).last_price_ticks or 0
    maker, taker = (SELL, BUY) if price_ticks > start else (BUY, SELL)
    for part in range(1, 21):
        await venue.gateway.place_order(limit(1, maker, start + (price_ticks - start) * part // 20, 1))
    await venue.gateway.place_order(limit(2, taker, price_ticks, 20, tif=TimeInForce.IOC))


@pytest.mark.parametrize("go", [trades_to, sweep_to])
@pytest.mark.parametrize("name", TRAILS)
async def test_trailing_stop_faq(venue: Venue, alice: int, bob: int, name: str, go: Any) -> None:
    trail = TRAILS[name]
    for asset in ("BTC", "USDT"):
        await venue.gateway.credit(Transfer(account=OWNER, asset=asset, atoms=1_000 * ATOMS))
    await trade_at(venue, ticks(40_000))
    order_id = (await venue.gateway.place_order(trail.order())).order.order_id
    for number, price in enumerate(trail.way):
        await go(venue, ticks(price))
        order = await found(venue, OWNER, order_id)
        assert order.terms is not None
        assert (order.status, order.working_ms) == ("NEW", 0), price
        assert bool(order.terms.trailing_ms) == (trail.begins is None or number >= trail.begins), price
    short = ticks(trail.trigger) + (-1 if trail.side is BUY else 1)
    await go(venue, short)
    assert (await found(venue, OWNER, order_id)).working_ms == 0
    await trade_at(venue, ticks(trail.trigger))
    order = await found(venue, OWNER, order_id)
    assert (order.status, order.working_ms > 0) == ("NEW", True)
    depth = await venue.queries.depth("BTCUSDT", 5)
    own, other = (depth.bids, depth.asks) if trail.side is BUY else (depth.asks, depth.bids)
    assert (own, other) == ([(ticks(trail.price), lots(0.01))], [])  # it works at its limit price


@pytest.mark.parametrize("go", [trades_to, sweep_to])
async def test_trailing_stop_faq_the_first_trade_at_the_stop_price_is_the_first_extreme(
    venue: Venue, alice: int, bob: int, go: Any
) -> None:
    """Scenario A: "the first trade that meets this condition sets the lowest price": 44,000, so 46,200 triggers."""
    await venue.gateway.credit(Transfer(account=OWNER, asset="USDT", atoms=1_000 * ATOMS))
    await trade_at(venue, ticks(40_000))
    order_id = (await venue.gateway.place_order(TRAILS["scenario A"].order())).order.order_id
    await go(venue, ticks(45_000))
    await trade_at(venue, ticks(46_200) - 1)
    assert (await found(venue, OWNER, order_id)).working_ms == 0
    await trade_at(venue, ticks(46_200))
    assert (await found(venue, OWNER, order_id)).working_ms > 0


@pytest.mark.parametrize(
    ("kind", "side", "stop"), [
        (OrderType.STOP_LOSS, BUY, 40_000), (OrderType.TAKE_PROFIT, SELL, 40_000),
        (OrderType.STOP_LOSS, SELL, 40_000), (OrderType.TAKE_PROFIT, BUY, 40_000),
    ],
)  # fmt: skip
async def test_rest_api_trigger_order_price_rules_against_the_market_price(
    venue: Venue, alice: int, bob: int, kind: OrderType, side: Side, stop: float
) -> None:
    """rest-api.md, new order: above the market price STOP_LOSS BUY and TAKE_PROFIT SELL, below it the others."""
    await trade_at(venue, ticks(40_000))
    is_above = (kind, side) in ((OrderType.STOP_LOSS, BUY), (OrderType.TAKE_PROFIT, SELL))
    beyond = 1 if is_above else -1

    def order(stop_ticks: int) -> PlaceOrder:
        return PlaceOrder(
            account=alice, symbol="BTCUSDT", rules_version=1, side=side, type=kind, lots=1, stop_ticks=stop_ticks,
            client_order_id="s",
        )  # fmt: skip

    for stop_ticks in (ticks(stop), ticks(stop) - beyond):
        refused = venue.gateway.place_order(order(stop_ticks))
        assert await refused_without_a_trace(venue, refused) is Reason.STOP_WOULD_TRIGGER
    assert (await venue.gateway.place_order(order(ticks(stop) + beyond))).order.status == "NEW"


async def test_rest_api_limit_maker_is_rejected_if_it_would_match(venue: Venue, alice: int, bob: int) -> None:
    """rest-api.md, new order: LIMIT_MAKER orders "are rejected if they would immediately match and trade"."""
    await venue.gateway.place_order(limit(bob, SELL, ticks(100), 1))
    post_only = msgspec.structs.replace(limit(alice, BUY, ticks(100), 1), type=OrderType.LIMIT_MAKER)
    refused = venue.gateway.place_order(post_only)
    assert await refused_without_a_trace(venue, refused) is Reason.WOULD_MATCH
    just_below = msgspec.structs.replace(post_only, price_ticks=ticks(100) - 1)
    assert (await venue.gateway.place_order(just_below)).order.status == "NEW"
