"""Pegged orders: they take a level's price when they enter the book, and keep it."""

from typing import Any

import msgspec
import pytest

from engine.commands import PlaceOrder
from engine.errors import Reason
from engine.records import OrderRecord
from engine.types import OrderStatus, OrderType, PegPrice, Side, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, balance, fund, limit
from tests.engine.checks import digest, refusal, refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL
PRIMARY, MARKET = PegPrice.PRIMARY_PEG, PegPrice.MARKET_PEG
LOTS = 1_000_000  # 10 BTC: worth more than minNotional at any price here


def pegged(account: int, side: Side, peg: PegPrice, *, offset: int = 0, price: int = 0, **rest: Any) -> PlaceOrder:
    order = limit(account, side, price, rest.pop("lots", LOTS), tif=rest.pop("tif", TimeInForce.GTC))
    return msgspec.structs.replace(order, peg=peg, peg_offset=offset, **rest)


@pytest.fixture
async def market(venue: Venue, alice: int) -> Venue:
    """Bids at 990 and 980, asks at 1,010 and 1,020."""
    for side, price in ((BUY, 990), (BUY, 980), (SELL, 1_010), (SELL, 1_020)):
        await venue.gateway.place_order(limit(alice, side, price, LOTS))
    return venue


@pytest.mark.parametrize(
    ("side", "peg", "offset", "price"),
    [
        (BUY, PRIMARY, 0, 990),
        (BUY, PRIMARY, 1, 980),
        (SELL, PRIMARY, 0, 1_010),
        (SELL, PRIMARY, 1, 1_020),
        (BUY, MARKET, 0, 1_010),
        (BUY, MARKET, 1, 1_020),
        (SELL, MARKET, 0, 990),
        (SELL, MARKET, 1, 980),
    ],
)
async def test_the_price_is_that_of_a_level(
    market: Venue, bob: int, side: Side, peg: PegPrice, offset: int, price: int
) -> None:
    placed = await market.gateway.place_order(pegged(bob, side, peg, offset=offset))
    assert placed.order.price_ticks == price
    assert placed.order.terms is not None
    assert placed.order.terms.own_price_ticks == 0
    if peg is PRIMARY:
        assert (placed.order.status, placed.fills) == ("NEW", [])
    else:
        assert {fill.price_ticks for fill in placed.fills} <= {990, 1_010}


async def test_it_keeps_its_price_and_its_place_when_the_book_moves(market: Venue, alice: int, bob: int) -> None:
    placed = await market.gateway.place_order(pegged(bob, BUY, PRIMARY, price=1_500))
    await market.gateway.place_order(limit(alice, BUY, 995, LOTS))
    found = await market.queries.order(bob, "BTCUSDT", order_id=placed.order.order_id)
    assert found.terms is not None
    assert (found.price_ticks, found.terms.own_price_ticks) == (990, 1_500)
    assert found.locked_atoms == 990 * LOTS * 10


@pytest.mark.parametrize(("peg", "offset"), [(PRIMARY, 2), (MARKET, 2), (MARKET, 100)])
async def test_a_book_that_is_not_so_deep_refuses_it(market: Venue, bob: int, peg: PegPrice, offset: int) -> None:
    before = await digest(market)
    assert await refusal(market.gateway.place_order(pegged(bob, BUY, peg, offset=offset))) is Reason.NO_PEG_PRICE
    assert await digest(market) == before


async def test_it_must_be_worth_enough_at_that_price(market: Venue, bob: int) -> None:
    poor = pegged(bob, BUY, PRIMARY, lots=10)
    assert await refusal(market.gateway.place_order(poor)) is Reason.FILTER_NOTIONAL


async def test_immediate_or_cancel_takes_the_best_price_and_only_that(market: Venue, bob: int) -> None:
    placed = await market.gateway.place_order(pegged(bob, BUY, MARKET, lots=2 * LOTS, tif=TimeInForce.IOC))
    assert [(fill.price_ticks, fill.lots) for fill in placed.fills] == [(1_010, LOTS)]
    assert placed.order.status is OrderStatus.EXPIRED


async def triggered(venue: Venue, alice: int, order: PlaceOrder) -> OrderRecord:
    """Place a pegged stop above 1,010 and let the price reach it, under whatever rules there are."""
    orders = (limit(alice, BUY, 1_005, LOTS), limit(alice, SELL, 1_005, LOTS), order, limit(alice, BUY, 1_010, 1))
    _, _, placed, _ = [await venue.gateway.place_order(msgspec.structs.replace(one, rules_version=0)) for one in orders]
    assert placed.order.price_ticks == order.price_ticks
    return await venue.queries.order(order.account, "BTCUSDT", order_id=placed.order.order_id)


async def test_a_stop_takes_the_price_of_the_moment_it_is_triggered(market: Venue, alice: int, bob: int) -> None:
    order = pegged(bob, BUY, PRIMARY, type=OrderType.STOP_LOSS_LIMIT, stop_ticks=1_010)
    found = await triggered(market, alice, order)
    assert (found.status, found.price_ticks, found.working_ms > 0) == ("NEW", 990, True)
    assert found.locked_atoms == 990 * LOTS * 10


async def test_a_stop_that_cannot_pay_its_price_then_expires_and_gives_everything_back(
    market: Venue, alice: int
) -> None:
    dave, money = 9, 1_010 * LOTS * 10
    await fund(market, dave, USDT=money)
    order = pegged(dave, BUY, MARKET, offset=1, type=OrderType.STOP_LOSS_LIMIT, stop_ticks=1_010)
    found = await triggered(market, alice, order)
    assert (found.status, found.filled_lots) == ("EXPIRED", 0)
    assert await balance(market, dave, "USDT") == (money, 0)


@pytest.mark.parametrize(("own_price", "reason"), [(1_200, None), (1_201, Reason.FILTER_PERCENT_PRICE)])
async def test_its_owners_price_is_judged_too(
    market: Venue, alice: int, bob: int, own_price: int, reason: Reason | None
) -> None:
    """faqs/pegged_orders.md: an order with a price must pass the filters at both."""
    await market.gateway.place_order(limit(alice, BUY, 1_000, LOTS))
    await market.gateway.place_order(limit(alice, SELL, 1_000, LOTS))
    await market.registry.define_symbol(msgspec.structs.replace(BTCUSDT, price_up_e4=12_000))
    order = msgspec.structs.replace(pegged(bob, BUY, PRIMARY, price=own_price), rules_version=0)
    if reason:
        assert await refused_without_a_trace(market, market.gateway.place_order(order)) is reason
    else:
        assert (await market.gateway.place_order(order)).order.price_ticks == 990


@pytest.mark.parametrize(("down_e4", "status"), [(9_801, "NEW"), (9_802, "EXPIRED")])
async def test_a_stop_is_judged_again_at_the_price_it_finds(
    market: Venue, alice: int, bob: int, down_e4: int, status: str
) -> None:
    """faqs/pegged_orders.md: contingent pegged orders are validated again when they are triggered."""
    order = pegged(bob, BUY, PRIMARY, type=OrderType.STOP_LOSS_LIMIT, stop_ticks=1_010)
    await market.registry.define_symbol(msgspec.structs.replace(BTCUSDT, bid_price_down_e4=down_e4))
    found = await triggered(market, alice, order)  # by 1,010; it finds 990
    assert (found.status, found.filled_lots) == (status, 0)
