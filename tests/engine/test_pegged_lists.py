"""Pegged orders in order lists: each finds its price when it enters the book (faqs/pegged_orders.md, OCO, OTO, OTOCO).

The fact a newcomer would get wrong: a working order finds its price when the list is placed, a pending one when the
working order has been filled, a stop when it is triggered. Until then it locks at the price its owner gave, else at its
stop price, else at the last price.
"""

from typing import Any

import msgspec
import pytest

from engine.commands import PlaceOrder, PlaceOrderList
from engine.errors import Reason
from engine.gateway import PlacedList
from engine.records import OrderRecord
from engine.types import ListKind, OrderType, PegPrice, Side, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, balance, cancel, fund, limit
from tests.engine.checks import refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL
PRIMARY, MARKET = PegPrice.PRIMARY_PEG, PegPrice.MARKET_PEG
LOTS = 100_000  # 1 BTC
ATOMS = 10  # a lot at one tick of BTCUSDT


def leg(account: int, kind: OrderType, side: Side, peg: PegPrice = PegPrice.NONE, **rest: Any) -> PlaceOrder:
    order = limit(account, side, rest.pop("price", 0), rest.pop("lots", LOTS))
    return msgspec.structs.replace(order, type=kind, peg=peg, **rest)


def listed(kind: ListKind, *orders: PlaceOrder) -> PlaceOrderList:
    return PlaceOrderList(kind=kind, client_order_id="list", orders=list(orders))


async def now(venue: Venue, placed: PlacedList) -> list[OrderRecord]:
    account = placed.order_list.account
    return [await venue.queries.order(account, "BTCUSDT", order_id=order.order_id) for order in placed.orders]


async def take(venue: Venue, account: int, side: Side, price: int, lots: int) -> None:
    await venue.gateway.place_order(limit(account, side, price, lots, tif=TimeInForce.IOC))


@pytest.fixture
async def book(venue: Venue, alice: int, bob: int) -> Venue:
    """Bids at 990 and 980, asks at 1,010 and 1,020; the last price is 1,000."""
    for side, price in ((BUY, 990), (BUY, 980), (SELL, 1_010), (SELL, 1_020)):
        await venue.gateway.place_order(limit(alice, side, price, LOTS))
    await venue.gateway.place_order(limit(alice, SELL, 1_000, 1))
    await take(venue, bob, BUY, 1_000, 1)
    return venue


@pytest.mark.parametrize(("offset", "price"), [(0, 1_010), (1, 1_020)])
async def test_the_limit_order_of_an_oco_enters_at_once_and_its_stop_when_it_is_triggered(
    book: Venue, alice: int, bob: int, carol: int, offset: int, price: int
) -> None:
    placed = await book.gateway.place_order_list(
        listed(
            ListKind.OCO,
            leg(carol, OrderType.STOP_LOSS_LIMIT, SELL, MARKET, stop_ticks=990),
            leg(carol, OrderType.LIMIT_MAKER, SELL, PRIMARY, peg_offset=offset),
        )
    )
    stop, maker = await now(book, placed)
    assert (maker.price_ticks, maker.own_price_ticks, maker.is_pegged_now) == (price, 0, True)
    assert (stop.price_ticks, stop.is_pegged_now) == (0, False)
    await take(book, bob, SELL, 990, LOTS)  # the best bid is gone, the next one stands at 980
    stop, maker = await now(book, placed)
    assert (stop.status, stop.price_ticks, stop.filled_quote_atoms) == ("FILLED", 980, 980 * LOTS * ATOMS)
    assert maker.status == "EXPIRED"


async def test_a_pegged_working_order_finds_its_price_when_the_list_is_placed(book: Venue, carol: int) -> None:
    placed = await book.gateway.place_order_list(
        listed(
            ListKind.OTO,
            leg(carol, OrderType.LIMIT, BUY, PRIMARY, price=1_500),
            leg(carol, OrderType.LIMIT, SELL, PRIMARY, price=2_000),
        )
    )
    working, pending = await now(book, placed)
    assert (working.price_ticks, working.own_price_ticks, working.locked_atoms) == (990, 1_500, 990 * LOTS * ATOMS)
    assert (pending.status, pending.price_ticks, pending.is_pegged_now) == ("PENDING_NEW", 2_000, False)
    before = (await book.queries.order(carol, "BTCUSDT", order_id=working.order_id)).terms
    assert before is not None
    assert before.own_price_ticks == 1_500  # not taken a second time when it began to work


async def test_a_pegged_pending_order_finds_its_price_when_the_working_one_is_filled(
    book: Venue, alice: int, carol: int
) -> None:
    placed = await book.gateway.place_order_list(
        listed(
            ListKind.OTO,
            leg(carol, OrderType.LIMIT, SELL, price=1_010, lots=2),
            leg(carol, OrderType.LIMIT, BUY, PRIMARY),
        )
    )
    assert (await now(book, placed))[1].locked_atoms == 1_000 * LOTS * ATOMS  # at the last price
    await book.gateway.place_order(limit(alice, BUY, 995, 7))
    await take(book, alice, BUY, 1_010, LOTS + 2)
    pending = (await now(book, placed))[1]
    assert (pending.status, pending.price_ticks, pending.locked_atoms) == ("NEW", 995, 995 * LOTS * ATOMS)


@pytest.mark.parametrize("last", [1_000, 1_010])
async def test_of_a_pending_pair_the_stop_locks_beyond_what_the_pegged_order_turns_out_to_need(
    book: Venue, alice: int, carol: int, last: int
) -> None:
    placed = await book.gateway.place_order_list(
        listed(
            ListKind.OTOCO,
            leg(carol, OrderType.LIMIT, SELL, price=1_010, lots=2),
            leg(carol, OrderType.STOP_LOSS_LIMIT, BUY, price=1_200, stop_ticks=1_100),
            leg(carol, OrderType.LIMIT_MAKER, BUY, PRIMARY),
        )
    )
    assert [order.locked_atoms for order in (await now(book, placed))[1:]] == [
        (1_200 - 1_000) * LOTS * ATOMS, 1_000 * LOTS * ATOMS,
    ]  # fmt: skip
    await take(book, alice, BUY, 1_010, LOTS + 2)
    _, stop, maker = await now(book, placed)
    assert (stop.status, maker.status, maker.price_ticks) == ("NEW", "NEW", 990)
    assert (maker.locked_atoms, stop.locked_atoms) == (990 * LOTS * ATOMS, (1_200 - 990) * LOTS * ATOMS)
    await book.gateway.cancel_order(cancel(carol, maker.order_id))
    assert [order.status for order in await now(book, placed)] == ["FILLED", "CANCELED", "CANCELED"]


async def test_the_dearer_stop_pays_for_the_pegged_order_beside_it(book: Venue, alice: int) -> None:
    """All the money there is, is locked for the stop: the pegged one finds a higher price than it has locked for."""
    dave, money = 9, 1_200 * LOTS * ATOMS
    await fund(book, dave, USDT=money, BTC=2_000)
    pair = (
        leg(dave, OrderType.STOP_LOSS_LIMIT, BUY, price=1_200, stop_ticks=1_100),
        leg(dave, OrderType.LIMIT_MAKER, BUY, PRIMARY, price=900),
    )
    await book.gateway.place_order_list(
        listed(ListKind.OTOCO, leg(dave, OrderType.LIMIT, SELL, price=1_010, lots=2), *pair)
    )
    await take(book, alice, BUY, 1_010, LOTS + 2)
    locked = {order.type: order.locked_atoms for order in await book.queries.open_orders(dave, ["BTCUSDT"])}
    assert locked == {"STOP_LOSS_LIMIT": 210 * LOTS * ATOMS, "LIMIT_MAKER": 990 * LOTS * ATOMS}


async def test_a_pending_order_that_finds_no_level_expires_and_gives_everything_back(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    before = await balance(venue, carol, "USDT")
    placed = await venue.gateway.place_order_list(
        listed(
            ListKind.OTO,
            leg(carol, OrderType.LIMIT, BUY, price=990),
            leg(carol, OrderType.LIMIT, BUY, PRIMARY, price=900, peg_offset=3),
        )
    )
    await take(venue, alice, SELL, 990, LOTS)
    working, pending = await now(venue, placed)
    assert (working.status, pending.status, pending.is_pegged_now) == ("FILLED", "EXPIRED", False)
    assert await balance(venue, carol, "USDT") == (before[0] - working.filled_quote_atoms, 0)


REFUSED = [
    (ListKind.OTO, leg(3, OrderType.LIMIT, BUY, PRIMARY, peg_offset=2), Reason.NO_PEG_PRICE),
    (ListKind.OTO, leg(3, OrderType.LIMIT, BUY, PRIMARY, lots=10), Reason.FILTER_NOTIONAL),
    (ListKind.OCO, leg(3, OrderType.LIMIT_MAKER, SELL, PRIMARY, peg_offset=2), Reason.NO_PEG_PRICE),
    (ListKind.OCO, leg(3, OrderType.LIMIT_MAKER, SELL, PRIMARY, price=999), Reason.LIST_PRICES),
    (ListKind.OCO, leg(3, OrderType.LIMIT_MAKER, SELL, MARKET), Reason.LIST_PRICES),
]


@pytest.mark.parametrize(("kind", "order", "reason"), REFUSED)
async def test_what_begins_at_once_is_judged_at_the_price_it_finds_and_at_its_own(
    book: Venue, carol: int, kind: ListKind, order: PlaceOrder, reason: Reason
) -> None:
    stop = leg(carol, OrderType.STOP_LOSS_LIMIT, SELL, price=900, stop_ticks=900)
    orders = (stop, order) if kind is ListKind.OCO else (order, stop)
    assert await refused_without_a_trace(book, book.gateway.place_order_list(listed(kind, *orders))) is reason


async def test_a_price_beyond_the_bands_at_that_moment_ends_a_pending_order(
    book: Venue, alice: int, bob: int, carol: int
) -> None:
    """The FAQ: pegged pending orders are validated again and may be rejected later."""
    await book.registry.define_symbol(msgspec.structs.replace(BTCUSDT, ask_price_up_e4=10_150))
    version = (await book.registry.spec("BTCUSDT")).rules_version
    orders = [
        msgspec.structs.replace(order, rules_version=version)
        for order in (
            leg(carol, OrderType.LIMIT, BUY, price=985),
            leg(carol, OrderType.LIMIT, SELL, PRIMARY, peg_offset=1),
        )
    ]
    placed = await book.gateway.place_order_list(listed(ListKind.OTO, *orders))
    sale = msgspec.structs.replace(limit(bob, SELL, 985, 2 * LOTS, tif=TimeInForce.IOC), rules_version=version)
    await book.gateway.place_order(sale)
    working, pending = await now(book, placed)
    assert (working.status, pending.status) == ("FILLED", "EXPIRED")  # 1,020 is more than 1.015 times 985
