"""One pays the other (faqs/opo.md): what the working order buys is locked, and becomes the pending orders' quantity.

The fact a newcomer would get wrong: the commission comes out of what is free, as long as that lasts, so that all that
was bought can be sold. Only then does it come out of what was bought, and a part of a lot is left over.
"""

from typing import Any

import msgspec
import pytest

from engine.account_rules import AccountRates
from engine.commands import CancelAllOrders, CancelOrderList, PlaceOrder, PlaceOrderList, ReduceOrder
from engine.errors import Reason
from engine.gateway import PlacedList
from engine.records import OrderRecord
from engine.types import ListKind, OrderStatus, OrderType, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, balance, cancel, fund, limit
from tests.engine.checks import refused_without_a_trace
from tests.model.small_steps import shorten_steps

BUY, SELL = Side.BUY, Side.SELL
LOT = 1_000  # atoms of BTC
PRICE = 1_000_000  # ticks: a lot is worth 0.1 USDT
ATOMS = PRICE * 10  # of USDT that a lot costs
DAVE = 9  # has no BTC, unlike the others
LOTS = 1_000
MONEY = 10 * LOTS * ATOMS


def leg(account: int, kind: OrderType, side: Side, lots: int, **rest: Any) -> PlaceOrder:
    order = limit(account, side, rest.pop("price", 0), lots)
    return msgspec.structs.replace(order, type=kind, **rest)


def opo(account: int, *pending: PlaceOrder, lots: int = LOTS, **working: Any) -> PlaceOrderList:
    kind = ListKind.OPO if len(pending) == 1 else ListKind.OPOCO
    first = leg(account, OrderType.LIMIT, BUY, lots, price=PRICE, **working)
    return PlaceOrderList(kind=kind, client_order_id="opo", orders=[first, *pending])


def sale(account: int, price: int = 2 * PRICE, **rest: Any) -> PlaceOrder:
    return leg(account, OrderType.LIMIT, SELL, 0, price=price, **rest)


def pair(account: int) -> list[PlaceOrder]:
    return [
        leg(account, OrderType.STOP_LOSS_LIMIT, SELL, 0, price=PRICE // 2, stop_ticks=PRICE // 2),
        leg(account, OrderType.LIMIT_MAKER, SELL, 0, price=2 * PRICE),
    ]


async def now(venue: Venue, placed: PlacedList) -> list[OrderRecord]:
    account = placed.order_list.account
    return [await venue.queries.order(account, "BTCUSDT", order_id=order.order_id) for order in placed.orders]


async def sell(venue: Venue, account: int, lots: int, price: int = PRICE) -> None:
    await venue.gateway.place_order(limit(account, SELL, price, lots, tif=TimeInForce.IOC))


@pytest.fixture
async def dave(venue: Venue) -> int:
    """He has the money for ten such purchases, and nothing to pay a commission in BTC with."""
    await fund(venue, DAVE, USDT=MONEY)
    return DAVE


async def test_nothing_but_the_working_order_needs_money(venue: Venue, dave: int) -> None:
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave)))
    assert placed.order_list.kind is ListKind.OPO
    working, pending = await now(venue, placed)
    assert (working.status, pending.status, pending.lots, pending.has_quantity) == ("NEW", "PENDING_NEW", 0, False)
    assert await balance(venue, dave, "BTC") == (0, 0)
    assert await balance(venue, dave, "USDT") == (MONEY - LOTS * ATOMS, LOTS * ATOMS)


async def test_what_is_bought_is_locked_as_it_arrives_and_sold_when_all_of_it_is_there(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    """Carol pays the commission, 0.1 %, out of the BTC that she has: all that was bought is for sale."""
    free, _ = await balance(venue, carol, "BTC")
    placed = await venue.gateway.place_order_list(opo(carol, sale(carol)))
    await sell(venue, alice, 300)
    assert await balance(venue, carol, "BTC") == (free - 300, 300 * LOT)
    assert [order.status for order in await now(venue, placed)] == ["PARTIALLY_FILLED", "PENDING_NEW"]
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == []
    await sell(venue, bob, 700)
    working, pending = await now(venue, placed)
    assert (working.status, pending.status, pending.lots, pending.left_lots) == ("FILLED", "NEW", LOTS, LOTS)
    assert await balance(venue, carol, "BTC") == (free - 1_000, LOTS * LOT)
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == [(2 * PRICE, LOTS)]
    await venue.gateway.place_order(limit(bob, BUY, 2 * PRICE, LOTS))
    assert (await now(venue, placed))[1].status is OrderStatus.FILLED
    assert await balance(venue, carol, "BTC") == (free - 1_000, 0)


@pytest.mark.parametrize(
    ("free_atoms", "left_free", "sold_lots", "unused"),
    [
        (1_000, 0, 1_000, 0),  # it pays both commissions
        (999, 699, 999, 300),  # it pays the first, 300; the second, 700, is taken from what was bought
        (299, 299, 999, 0),  # it pays none
        (0, 0, 999, 0),
    ],
)
async def test_commission_is_taken_from_what_is_free_if_that_is_enough_else_from_what_was_bought(
    venue: Venue, alice: int, dave: int, free_atoms: int, left_free: int, sold_lots: int, unused: int
) -> None:
    if free_atoms:
        await fund(venue, dave, BTC=free_atoms)
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave)))
    await sell(venue, alice, 300)
    await sell(venue, alice, 700)
    pending = (await now(venue, placed))[1]
    assert (pending.status, pending.lots, pending.locked_atoms) == ("NEW", sold_lots, sold_lots * LOT)
    assert await balance(venue, dave, "BTC") == (left_free + unused, sold_lots * LOT)


async def test_what_makes_no_whole_lot_is_free_again(venue: Venue, alice: int, dave: int) -> None:
    """A thousand lots less 0.1 % of them are 999; 1,500 less 1,500 atoms are 1,498 and a half."""
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave), lots=1_500))
    await sell(venue, alice, 1_500)
    assert (await now(venue, placed))[1].lots == 1_498
    assert await balance(venue, dave, "BTC") == (500, 1_498 * LOT)


async def test_a_pair_gets_one_quantity_and_locks_it_once(venue: Venue, alice: int, bob: int, carol: int) -> None:
    free, _ = await balance(venue, carol, "BTC")
    placed = await venue.gateway.place_order_list(opo(carol, *pair(carol)))
    await sell(venue, alice, 400)
    assert [order.locked_atoms for order in (await now(venue, placed))[1:]] == [400 * LOT, 0]
    await sell(venue, alice, 600)
    _, stop, maker = await now(venue, placed)
    assert (stop.status, stop.lots, stop.locked_atoms) == ("NEW", LOTS, 0)
    assert (maker.status, maker.lots, maker.locked_atoms) == ("NEW", LOTS, LOTS * LOT)
    assert await balance(venue, carol, "BTC") == (free - 1_000, LOTS * LOT)
    await venue.gateway.place_order(limit(bob, BUY, 2 * PRICE, LOTS))
    assert [order.status for order in await now(venue, placed)] == ["FILLED", "EXPIRED", "FILLED"]


@pytest.mark.parametrize("which", ["list", "working", "pending", "all"])
async def test_a_cancel_before_the_working_order_is_filled_frees_what_it_has_bought(
    venue: Venue, alice: int, dave: int, which: str
) -> None:
    placed = await venue.gateway.place_order_list(opo(dave, *pair(dave)))
    await sell(venue, alice, 400)
    assert await balance(venue, dave, "BTC") == (0, 400 * LOT - 400)
    if which == "list":
        cancel_list = CancelOrderList(account=dave, symbol="BTCUSDT", list_id=placed.order_list.list_id)
        await venue.gateway.cancel_order_list(cancel_list)
    elif which == "all":
        await venue.gateway.cancel_all_orders(CancelAllOrders(account=dave, symbol="BTCUSDT"))
    else:
        await venue.gateway.cancel_order(cancel(dave, placed.orders[which == "pending"].order_id))
    assert {order.status for order in await now(venue, placed)} == {OrderStatus.CANCELED}
    assert await balance(venue, dave, "BTC") == (400 * LOT - 400, 0)
    assert await balance(venue, dave, "USDT") == (MONEY - 400 * ATOMS, 0)


async def test_an_expiry_of_the_working_order_frees_it_too(venue: Venue, alice: int, dave: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, PRICE, 400))
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave), time_in_force=TimeInForce.IOC))
    assert [order.status for order in await now(venue, placed)] == ["EXPIRED", "EXPIRED"]
    assert await balance(venue, dave, "BTC") == (400 * LOT - 400, 0)


async def test_a_working_order_that_fills_at_once_starts_the_sale(
    venue: Venue, alice: int, bob: int, dave: int
) -> None:
    for account, lots in ((alice, 300), (bob, 900)):
        await venue.gateway.place_order(limit(account, SELL, PRICE, lots))
    placed = await venue.gateway.place_order_list(opo(dave, leg(dave, OrderType.MARKET, SELL, 0)))
    _, pending = await now(venue, placed)
    assert (pending.status, pending.lots, pending.filled_lots) == ("EXPIRED", 999, 0)  # nobody buys
    assert await balance(venue, dave, "BTC") == (999 * LOT, 0)


async def test_a_purchase_in_many_steps_locks_in_each(venue: Venue, alice: int, dave: int) -> None:
    shorten_steps(venue, 2)
    for _ in range(9):
        await venue.gateway.place_order(limit(alice, SELL, PRICE, 100))
    await venue.gateway.place_order(limit(alice, SELL, PRICE, 100, client_id="last"))
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave)))
    working, pending = await now(venue, placed)
    assert (working.status, pending.status, pending.lots) == ("FILLED", "NEW", 999)
    assert await balance(venue, dave, "BTC") == (0, 999 * LOT)


async def test_an_iceberg_that_one_sale_meets_again_and_again(venue: Venue, alice: int, dave: int) -> None:
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave), iceberg_lots=100))
    await sell(venue, alice, 950)
    assert await balance(venue, dave, "BTC") == (0, 950 * LOT - 950)
    await sell(venue, alice, 50)
    assert (await now(venue, placed))[1].lots == 999


async def test_what_self_trade_prevention_takes_from_the_working_order_is_not_for_sale(
    venue: Venue, alice: int, dave: int
) -> None:
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave)))
    await fund(venue, dave, BTC=200 * LOT)
    own = limit(dave, SELL, PRICE, 200, tif=TimeInForce.IOC)
    await venue.gateway.place_order(msgspec.structs.replace(own, stp=StpMode.DECREMENT))
    await sell(venue, alice, 800)
    working, pending = await now(venue, placed)
    assert (working.status, pending.lots) == ("FILLED", 800)  # the commission came from what is free
    assert await balance(venue, dave, "BTC") == (200 * LOT - 800, 800 * LOT)


async def test_a_trade_with_oneself_takes_the_commission_from_what_was_bought(venue: Venue, dave: int) -> None:
    """All that is free is being sold: it cannot pay a commission too."""
    await fund(venue, dave, BTC=LOTS * LOT)
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave)))
    await sell(venue, dave, LOTS)
    assert (await now(venue, placed))[1].lots == 999
    assert await balance(venue, dave, "BTC") == (0, 999 * LOT)


@pytest.mark.parametrize(
    ("changes", "terms", "lots"),
    [
        ({"min_notional_atoms": 2 * LOTS * ATOMS}, {}, 999),  # at 2,000,000 ticks they are worth a little less
        ({"min_lots": 1_000}, {}, 999),
        ({"max_iceberg_parts": 9}, {"iceberg_lots": 100}, 999),
        ({"min_market_lots": 1_000}, {"type": OrderType.MARKET, "price_ticks": 0}, 999),
    ],
)
async def test_a_filter_that_refuses_the_quantity_ends_the_sale_and_frees_everything(
    venue: Venue, alice: int, dave: int, changes: dict[str, Any], terms: dict[str, Any], lots: int
) -> None:
    """user-data-stream.md, order expiry reason REJECTED."""
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, **changes))
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    wanted = opo(dave, msgspec.structs.replace(sale(dave), **terms))
    orders = [msgspec.structs.replace(order, rules_version=version) for order in wanted.orders]
    placed = await venue.gateway.place_order_list(msgspec.structs.replace(wanted, orders=orders))
    own = msgspec.structs.replace(limit(alice, SELL, PRICE, LOTS, tif=TimeInForce.IOC), rules_version=version)
    await venue.gateway.place_order(own)
    working, pending = await now(venue, placed)
    assert (working.status, pending.status, pending.lots) == ("FILLED", "EXPIRED", lots)
    assert pending.terms is not None
    assert pending.terms.expiry == "REJECTED"
    assert await balance(venue, dave, "BTC") == (999 * LOT, 0)
    found = await venue.queries.order_list(dave, ["BTCUSDT"], list_id=placed.order_list.list_id)
    assert found is not None
    assert found[1].is_done


@pytest.mark.parametrize("rules", [{"min_lots": 999}, {"min_notional_atoms": 2 * 999 * ATOMS}])
async def test_what_a_filter_asks_at_least_is_enough(
    venue: Venue, alice: int, dave: int, rules: dict[str, int]
) -> None:
    """999 lots are left of a thousand."""
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave)))
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, **rules))
    await venue.gateway.place_order(
        msgspec.structs.replace(limit(alice, SELL, PRICE, LOTS, tif=TimeInForce.IOC), rules_version=0)
    )
    assert [(order.status, order.lots) for order in await now(venue, placed)] == [("FILLED", 1_000), ("NEW", 999)]


async def test_nothing_whole_is_left_of_one_lot(venue: Venue, alice: int, dave: int) -> None:
    placed = await venue.gateway.place_order_list(opo(dave, *pair(dave), lots=1))
    await sell(venue, alice, 1)
    assert [(order.status, order.lots) for order in await now(venue, placed)] == [
        ("FILLED", 1), ("EXPIRED", 0), ("EXPIRED", 0),
    ]  # fmt: skip
    assert await balance(venue, dave, "BTC") == (LOT - 1, 0)


@pytest.mark.parametrize(
    ("kind", "most"), [(OrderType.LIMIT, {"max_lots": 600}), (OrderType.MARKET, {"max_market_lots": 600})]
)
async def test_the_largest_quantity_bounds_what_is_sold(
    venue: Venue, alice: int, bob: int, dave: int, kind: OrderType, most: dict[str, int]
) -> None:
    placed = await venue.gateway.place_order_list(
        opo(dave, leg(dave, kind, SELL, 0, price=2 * PRICE if kind.has_limit else 0))
    )
    await venue.gateway.place_order(limit(bob, BUY, PRICE // 2, 5_000))
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, **most))
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    own = msgspec.structs.replace(limit(alice, SELL, PRICE, LOTS, tif=TimeInForce.IOC), rules_version=version)
    await venue.gateway.place_order(own)
    assert (await now(venue, placed))[1].lots == 600
    free, locked = await balance(venue, dave, "BTC")
    assert (free, locked) == (399 * LOT, 600 * LOT if kind.has_limit else 0)


async def test_a_pending_order_without_quantity_cannot_be_amended_and_one_with_it_can(
    venue: Venue, alice: int, dave: int
) -> None:
    placed = await venue.gateway.place_order_list(opo(dave, sale(dave)))
    reduce = ReduceOrder(account=dave, symbol="BTCUSDT", order_id=placed.orders[1].order_id, lots=5)
    assert await refused_without_a_trace(venue, venue.gateway.reduce_order(reduce)) is Reason.AMEND_PENDING_OPO
    smaller = ReduceOrder(account=dave, symbol="BTCUSDT", order_id=placed.orders[0].order_id, lots=500)
    await venue.gateway.reduce_order(smaller)
    await sell(venue, alice, 500)
    assert (await venue.gateway.reduce_order(reduce)).order.lots == 5
    assert await balance(venue, dave, "BTC") == (499 * LOT + 500 - 5 * LOT, 5 * LOT)


async def test_a_list_without_the_money_for_its_purchase_is_refused(venue: Venue, dave: int) -> None:
    poor = opo(dave, sale(dave), lots=10 * LOTS + 1)
    assert await refused_without_a_trace(venue, venue.gateway.place_order_list(poor)) is Reason.INSUFFICIENT_BALANCE


@pytest.mark.parametrize(
    ("discount_asset", "bnb", "btc", "fee", "sold_lots", "left"),
    [
        ("BNB", 900, 0, (900, "BNB"), LOTS, (0, 0)),  # nothing of what was bought
        ("BNB", 899, 1_000, (1_000, ""), LOTS, (899, 0)),  # too little of it: from what is free of BTC
        ("BNB", 899, 999, (1_000, ""), LOTS - 1, (899, 999)),  # too little of either: from what was bought
        ("BTC", 900, 1_000, (900, ""), LOTS - 1, (900, 1_100)),  # what is received in the discount asset pays itself
    ],
)
async def test_a_purchase_that_pays_its_list_may_pay_its_fee_in_another_asset(
    venue: Venue, dave: int, alice: int, discount_asset: str, bnb: int, btc: int, fee: tuple[int, str], sold_lots: int,
    left: tuple[int, int],
) -> None:  # fmt: skip
    rules = msgspec.structs.replace(BTCUSDT, allows_discount=True, discount_e8=90_000_000)
    for asset in ("BNB", discount_asset):
        await venue.registry.define_symbol(msgspec.structs.replace(rules, discount_asset=asset))
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    await venue.registry.set_account_rates(dave, AccountRates(uses_discount=True))
    await venue.registry.set_conversion("BNB", "BTC", 10**8)
    await fund(venue, dave, **{asset: atoms for asset, atoms in (("BNB", bnb), ("BTC", btc)) if atoms})
    wanted = opo(dave, sale(dave))
    orders = [msgspec.structs.replace(order, rules_version=version) for order in wanted.orders]
    placed = await venue.gateway.place_order_list(msgspec.structs.replace(wanted, orders=orders))
    taker = msgspec.structs.replace(limit(alice, SELL, PRICE, LOTS, tif=TimeInForce.IOC), rules_version=version)
    (fill,) = (await venue.gateway.place_order(taker)).fills
    assert (fill.maker_fee_atoms, fill.maker_fee_asset) == fee
    pending = (await now(venue, placed))[1]
    assert (pending.status, pending.lots, pending.locked_atoms) == ("NEW", sold_lots, sold_lots * LOT)
    assert ((await balance(venue, dave, "BNB"))[0], (await balance(venue, dave, "BTC"))[0]) == left
