"""Order lists: OCO, OTO and OTOCO against a real server; money is locked once, and no order is left behind."""

from typing import Any

import msgspec
import pytest

from engine.commands import (
    CancelAllOrders,
    CancelOrder,
    CancelOrderList,
    PlaceOrder,
    PlaceOrderList,
    ReduceOrder,
    ReplaceOrder,
    Transfer,
)
from engine.errors import Reason, Rejected
from engine.events import ListChanged
from engine.gateway import Canceled, Placed, PlacedList, Replaced
from engine.records import OrderRecord, decode_list
from engine.types import ListKind, OrderStatus, OrderType, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import RICH_ATOMS, balance, cancel, limit
from tests.engine.checks import digest, events_of, refusal, refused_without_a_trace
from tests.model.small_steps import shorten_steps

BUY, SELL = Side.BUY, Side.SELL
ATOMS = 10  # a lot at one tick of BTCUSDT
LOT = 1_000  # atoms of BTC


def leg(account: int, kind: OrderType, side: Side, lots: int, **rest: Any) -> PlaceOrder:
    order = limit(account, side, rest.pop("price", 0), lots, **({"client_id": rest.pop("id")} if "id" in rest else {}))
    return msgspec.structs.replace(order, type=kind, **rest)


def oco_sale(account: int, lots: int = 10, *, above: int = 1_100, stop: int = 900, price: int = 890) -> PlaceOrderList:
    return PlaceOrderList(
        kind=ListKind.OCO,
        client_order_id="pair",
        orders=[
            leg(account, OrderType.LIMIT_MAKER, SELL, lots, price=above),
            leg(account, OrderType.STOP_LOSS_LIMIT, SELL, lots, price=price, stop_ticks=stop),
        ],
    )


async def last_price(venue: Venue, alice: int, bob: int, price: int = 1_000) -> None:
    await venue.gateway.place_order(limit(alice, SELL, price, 1))
    await venue.gateway.place_order(limit(bob, BUY, price, 1))


async def statuses(venue: Venue, placed: PlacedList) -> list[str]:
    return [str(order.status) for order in await orders_now(venue, placed)]


async def orders_now(venue: Venue, placed: PlacedList) -> list[OrderRecord]:
    account = placed.order_list.account
    return [
        await venue.queries.order(account, "BTCUSDT", order_id=order.order_id) for order in placed.order_list.orders
    ]


async def is_done(venue: Venue, placed: PlacedList) -> bool:
    found = await venue.runner.command("HGET", venue.keys.lists("BTCUSDT"), str(placed.order_list.list_id))
    return decode_list(found).is_done


async def take(venue: Venue, account: int, side: Side, price: int, lots: int) -> None:
    await venue.gateway.place_order(limit(account, side, price, lots, tif=TimeInForce.IOC))


async def test_an_oco_sale_locks_once_and_shows_its_limit_order_only(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 10 * LOT, 10 * LOT)
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == [(1_100, 10)]
    assert await statuses(venue, placed) == ["NEW", "NEW"]
    assert not await is_done(venue, placed)


async def test_a_fill_of_the_limit_order_ends_the_stop(venue: Venue, alice: int, bob: int, carol: int) -> None:
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    await take(venue, bob, BUY, 1_100, 4)
    assert await statuses(venue, placed) == ["PARTIALLY_FILLED", "EXPIRED"]
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 10 * LOT, 6 * LOT)
    await take(venue, bob, BUY, 1_100, 6)
    assert (await statuses(venue, placed), await is_done(venue, placed)) == (["FILLED", "EXPIRED"], True)


async def test_the_stop_ends_the_limit_order_and_takes_over_what_it_had_locked(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    await venue.gateway.place_order(limit(bob, BUY, 895, 3))
    await venue.gateway.place_order(limit(bob, BUY, 900, 1))
    await take(venue, alice, SELL, 900, 1)
    assert await statuses(venue, placed) == ["EXPIRED", "PARTIALLY_FILLED"]
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == [(890, 7)]
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 10 * LOT, 7 * LOT)
    assert not await is_done(venue, placed)


async def test_an_oco_purchase_locks_what_the_dearer_order_needs(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await last_price(venue, alice, bob)
    pair = PlaceOrderList(
        kind=ListKind.OCO,
        client_order_id="pair",
        orders=[
            leg(carol, OrderType.LIMIT_MAKER, BUY, 10, price=900),
            leg(carol, OrderType.STOP_LOSS_LIMIT, BUY, 10, price=1_200, stop_ticks=1_100),
        ],
    )
    placed = await venue.gateway.place_order_list(pair)
    locked = 1_200 * 10 * ATOMS
    assert await balance(venue, carol, "USDT") == (RICH_ATOMS - locked, locked)
    await last_price(venue, alice, bob, 1_100)
    assert await statuses(venue, placed) == ["EXPIRED", "NEW"]
    assert await balance(venue, carol, "USDT") == (RICH_ATOMS - locked, locked)


@pytest.mark.parametrize("which", [0, 1])
async def test_a_cancel_of_one_cancels_both(venue: Venue, alice: int, bob: int, carol: int, which: int) -> None:
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    await venue.gateway.cancel_order(cancel(carol, placed.orders[which].order_id))
    assert (await statuses(venue, placed), await is_done(venue, placed)) == (["CANCELED", "CANCELED"], True)
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS, 0)
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == []


async def test_prices_on_the_wrong_sides_and_empty_pockets_refuse_all_of_it(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await last_price(venue, alice, bob)
    before = await digest(venue)
    assert await refusal(venue.gateway.place_order_list(oco_sale(carol, above=1_000))) is Reason.LIST_PRICES
    assert await refusal(venue.gateway.place_order_list(oco_sale(carol, stop=1_000))) is Reason.LIST_PRICES
    too_much = oco_sale(carol, RICH_ATOMS // LOT + 1)
    assert await refusal(venue.gateway.place_order_list(too_much)) is Reason.INSUFFICIENT_BALANCE
    assert await digest(venue) == before


async def test_a_second_list_of_that_name_is_refused_until_the_first_is_done(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    assert await refusal(venue.gateway.place_order_list(oco_sale(carol))) is Reason.DUPLICATE_ORDER
    await venue.gateway.cancel_order(cancel(carol, placed.orders[0].order_id))
    again = await venue.gateway.place_order_list(oco_sale(carol))
    assert again.order_list.list_id == placed.order_list.list_id + 1


def oto(account: int, *pending: PlaceOrder, price: int = 1_000, lots: int = 5) -> PlaceOrderList:
    kind = ListKind.OTO if len(pending) == 1 else ListKind.OTOCO
    working = leg(account, OrderType.LIMIT, BUY, lots, price=price)
    return PlaceOrderList(kind=kind, client_order_id="chain", orders=[working, *pending])


async def test_the_pending_order_works_once_the_working_one_is_filled(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    placed = await venue.gateway.place_order_list(oto(carol, leg(carol, OrderType.LIMIT, SELL, 5, price=1_200)))
    assert await statuses(venue, placed) == ["NEW", "PENDING_NEW"]
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 5 * LOT, 5 * LOT)
    await take(venue, alice, SELL, 1_000, 3)
    assert await statuses(venue, placed) == ["PARTIALLY_FILLED", "PENDING_NEW"]
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == []
    await take(venue, alice, SELL, 1_000, 2)
    assert await statuses(venue, placed) == ["FILLED", "NEW"]
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == [(1_200, 5)]
    await take(venue, bob, BUY, 1_200, 5)
    assert await is_done(venue, placed)


async def test_a_working_order_that_fills_at_once_starts_the_pending_pair(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await last_price(venue, alice, bob)
    await venue.gateway.place_order(limit(alice, SELL, 1_000, 5))
    placed = await venue.gateway.place_order_list(
        oto(
            carol,
            leg(carol, OrderType.LIMIT_MAKER, SELL, 5, price=1_100),
            leg(carol, OrderType.STOP_LOSS, SELL, 5, stop_ticks=900),
        )
    )
    assert await statuses(venue, placed) == ["FILLED", "NEW", "NEW"]
    free, locked = await balance(venue, carol, "BTC")
    assert locked == 5 * LOT
    await venue.gateway.place_order(limit(bob, BUY, 890, 9))
    await venue.gateway.place_order(limit(bob, BUY, 900, 1))
    await take(venue, alice, SELL, 900, 1)
    assert await statuses(venue, placed) == ["FILLED", "EXPIRED", "FILLED"]
    assert await is_done(venue, placed)
    assert await balance(venue, carol, "BTC") == (free, 0)


@pytest.mark.parametrize("which", [0, 1])
async def test_a_cancel_before_the_working_order_is_filled_ends_the_list(venue: Venue, carol: int, which: int) -> None:
    placed = await venue.gateway.place_order_list(oto(carol, leg(carol, OrderType.LIMIT, SELL, 5, price=1_200)))
    await venue.gateway.cancel_order(cancel(carol, placed.orders[which].order_id))
    assert (await statuses(venue, placed), await is_done(venue, placed)) == (["CANCELED", "CANCELED"], True)
    assert await balance(venue, carol, "USDT") == (RICH_ATOMS, 0)
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS, 0)


async def test_an_oco_whose_orders_are_both_reached_in_one_sweep_trades_once(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    """Asks at 850 and 1,100 with the last price 1,000: one buy trades at both, through the stop and the limit."""
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol, price=880))
    await venue.gateway.place_order(limit(alice, SELL, 850, 1))
    await take(venue, bob, BUY, 1_100, 4)
    assert await statuses(venue, placed) == ["PARTIALLY_FILLED", "EXPIRED"]
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 10 * LOT, 7 * LOT)


async def test_a_pending_maker_that_would_match_when_its_turn_comes_expires(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await venue.gateway.place_order(limit(bob, BUY, 1_300, 1))
    placed = await venue.gateway.place_order_list(
        oto(carol, leg(carol, OrderType.LIMIT_MAKER, SELL, 5, price=1_200), price=1_400)
    )
    await take(venue, alice, SELL, 1_400, 5)
    assert (await statuses(venue, placed), await is_done(venue, placed)) == (["FILLED", "EXPIRED"], True)
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == []


async def test_a_pair_of_which_one_order_cannot_begin_ends_with_it(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await venue.gateway.place_order(limit(bob, BUY, 1_300, 1))
    pair = oco_sale(carol, 5).orders
    placed = await venue.gateway.place_order_list(oto(carol, *pair, price=1_400))
    await take(venue, alice, SELL, 1_400, 5)
    assert await statuses(venue, placed) == ["FILLED", "EXPIRED", "EXPIRED"]
    assert await is_done(venue, placed)
    assert (await balance(venue, carol, "BTC"))[1] == 0


async def test_what_prevention_takes_from_one_order_of_a_pair_ends_the_other(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    """As a fill does: the two would have different quantities otherwise, and locked money for one of them only."""
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    own = msgspec.structs.replace(limit(carol, BUY, 1_100, 4), stp=StpMode.DECREMENT)
    await venue.gateway.place_order(own)
    assert await statuses(venue, placed) == ["NEW", "EXPIRED"]
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 6 * LOT, 6 * LOT)
    await take(venue, bob, BUY, 1_100, 6)
    assert (await statuses(venue, placed), await is_done(venue, placed)) == (["FILLED", "EXPIRED"], True)


async def test_a_list_is_told_to_be_done_once_however_many_steps_touched_it(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await last_price(venue, alice, bob)
    for price in (1_090, 1_095):
        await venue.gateway.place_order(limit(alice, SELL, price, 1))
    iceberg = msgspec.structs.replace(oco_sale(carol, 4).orders[0], iceberg_lots=2)
    pair = msgspec.structs.replace(oco_sale(carol, 4), orders=[iceberg, oco_sale(carol, 4).orders[1]])
    shorten_steps(venue, 3)  # the taker meets the iceberg at the end of one step and again in the next
    placed = await venue.gateway.place_order_list(pair)
    told = await events_of(venue, lambda: take(venue, bob, BUY, 1_100, 6))
    assert await statuses(venue, placed) == ["FILLED", "EXPIRED"]
    assert len([event for event in told if isinstance(event, ListChanged)]) == 1


async def test_a_purchase_that_trails_to_prices_beyond_exactness_takes_over_all_there_is(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    """What it needs at the last price cannot be computed any more; nothing breaks, and nothing stays locked."""
    lots = 3 * 10**8
    await venue.gateway.credit(Transfer(account=bob, asset="USDT", atoms=2**53))
    await last_price(venue, alice, bob, 2_000_000)
    pair = PlaceOrderList(
        kind=ListKind.OCO,
        client_order_id="pair",
        orders=[
            leg(bob, OrderType.LIMIT_MAKER, BUY, lots, price=10),
            leg(bob, OrderType.STOP_LOSS, BUY, lots, trailing_bips=10_000),
        ],
    )
    placed = await venue.gateway.place_order_list(pair)
    await last_price(venue, alice, carol, 4_000_000)
    assert await statuses(venue, placed) == ["EXPIRED", "EXPIRED"]
    assert await is_done(venue, placed)
    assert (await balance(venue, bob, "USDT"))[1] == 0


@pytest.mark.parametrize("is_first", [True, False])
async def test_of_a_pair_the_order_in_the_book_locks_wherever_it_stands(
    venue: Venue, alice: int, bob: int, carol: int, is_first: bool
) -> None:
    """It may be met at any time; the stop takes over what is locked before it takes."""
    await last_price(venue, alice, bob)
    pair = oco_sale(carol)
    if not is_first:
        pair = msgspec.structs.replace(pair, orders=pair.orders[::-1])
    placed = await venue.gateway.place_order_list(pair)
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 10 * LOT, 10 * LOT)
    await take(venue, bob, BUY, 1_100, 10)
    assert sorted(await statuses(venue, placed)) == ["EXPIRED", "FILLED"]
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 10 * LOT, 0)


def smaller(account: int, order: OrderRecord, lots: int) -> ReduceOrder:
    return ReduceOrder(account=account, symbol="BTCUSDT", order_id=order.order_id, lots=lots)


@pytest.mark.parametrize("which", [0, 1])
async def test_a_pair_becomes_smaller_together(venue: Venue, alice: int, bob: int, carol: int, which: int) -> None:
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    await venue.gateway.reduce_order(smaller(carol, placed.orders[which], 4))
    assert [(order.lots, order.left_lots) for order in await orders_now(venue, placed)] == [(4, 4), (4, 4)]
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS - 4 * LOT, 4 * LOT)
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == [(1_100, 4)]


async def test_a_pending_order_that_became_smaller_is_still_pending(venue: Venue, alice: int, carol: int) -> None:
    placed = await venue.gateway.place_order_list(oto(carol, leg(carol, OrderType.LIMIT, SELL, 5, price=1_200)))
    await venue.gateway.reduce_order(smaller(carol, placed.orders[1], 2))
    assert await statuses(venue, placed) == ["NEW", "PENDING_NEW"]
    await take(venue, alice, SELL, 1_000, 5)
    assert await statuses(venue, placed) == ["FILLED", "NEW"]
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == [(1_200, 2)]


async def replaced(venue: Venue, account: int, order_id: int, new: PlaceOrder) -> Replaced:
    return await venue.gateway.replace_order(ReplaceOrder(cancel=cancel(account, order_id), place=new))


@pytest.mark.parametrize("which", [0, 1])
async def test_a_replaced_order_ends_its_list_before_the_new_one_is_placed(
    venue: Venue, alice: int, bob: int, carol: int, which: int
) -> None:
    """The new order has the money of the whole pair, and does not meet the order that goes with the old one."""
    await last_price(venue, alice, bob)
    lots = RICH_ATOMS // LOT
    placed = await venue.gateway.place_order_list(oco_sale(carol, lots))
    outcome = await replaced(venue, carol, placed.orders[which].order_id, limit(carol, SELL, 1_200, lots))
    assert isinstance(outcome.placed, Placed)
    assert (await statuses(venue, placed), await is_done(venue, placed)) == (["CANCELED", "CANCELED"], True)
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == [(1_200, lots)]


async def test_nothing_waits_behind_a_replacement_that_was_refused(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    too_much = limit(carol, SELL, 1_200, RICH_ATOMS // LOT + 1)
    outcome = await replaced(venue, carol, placed.orders[0].order_id, too_much)
    assert isinstance(outcome.placed, Rejected)
    assert await venue.runner.command("HGET", venue.keys.symbol("BTCUSDT"), "pending") == b""
    assert (await statuses(venue, placed), await is_done(venue, placed)) == (["CANCELED", "CANCELED"], True)


async def test_cancelling_all_ends_every_list_in_one_call(venue: Venue, alice: int, bob: int, carol: int) -> None:
    """Steps of lists count as steps; they match nobody, so the number of matches that fit does not bound them."""
    await last_price(venue, alice, bob)
    lists = [msgspec.structs.replace(oco_sale(carol, lots), client_order_id=f"pair{lots}") for lots in range(1, 4)]
    placed = [await venue.gateway.place_order_list(one) for one in lists]
    shorten_steps(venue, 1)
    await venue.gateway.cancel_all_orders(CancelAllOrders(account=carol, symbol="BTCUSDT"))
    assert await venue.runner.command("HGET", venue.keys.symbol("BTCUSDT"), "pending") == b""
    assert [await is_done(venue, one) for one in placed] == [True] * 3


async def test_a_pending_order_is_not_new_to_a_cancel_that_is_restricted(venue: Venue, carol: int) -> None:
    placed = await venue.gateway.place_order_list(oto(carol, leg(carol, OrderType.LIMIT, SELL, 5, price=1_200)))
    meant = msgspec.structs.replace(cancel(carol, placed.orders[1].order_id), only_status=OrderStatus.NEW)
    assert await refused_without_a_trace(venue, venue.gateway.cancel_order(meant)) is Reason.CANCEL_RESTRICTED


async def test_the_limit_of_a_take_profit_stands_on_its_side_of_the_last_price_too(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    """rest-api.md, New Order list - OCO: TAKE_PROFIT_LIMIT price > Last Traded Price of a sale."""
    await last_price(venue, alice, bob)
    stop = oco_sale(carol).orders[1]
    for price, is_refused in ((1_000, True), (1_001, False)):
        profit = leg(carol, OrderType.TAKE_PROFIT_LIMIT, SELL, 10, price=price, stop_ticks=1_100)
        pair = msgspec.structs.replace(oco_sale(carol), orders=[profit, stop])
        if is_refused:
            reason = await refused_without_a_trace(venue, venue.gateway.place_order_list(pair))
            assert reason is Reason.LIST_PRICES
        else:
            await venue.gateway.place_order_list(pair)


@pytest.mark.parametrize("is_limit_first", [True, False])
@pytest.mark.parametrize("side", [BUY, SELL])
async def test_a_pair_locks_once_whichever_order_comes_first(
    venue: Venue, alice: int, bob: int, carol: int, is_limit_first: bool, side: Side
) -> None:
    await last_price(venue, alice, bob)
    stop, target = (1_100, 900) if side is BUY else (900, 1_100)
    orders = [
        leg(carol, OrderType.LIMIT_MAKER, side, 10, price=target),
        leg(carol, OrderType.STOP_LOSS_LIMIT, side, 10, price=stop, stop_ticks=stop),
    ]
    pair = PlaceOrderList(kind=ListKind.OCO, client_order_id="pair", orders=orders if is_limit_first else orders[::-1])
    placed = await venue.gateway.place_order_list(pair)
    asset, locked = ("USDT", 1_100 * 10 * ATOMS) if side is BUY else ("BTC", 10 * LOT)
    assert await balance(venue, carol, asset) == (RICH_ATOMS - locked, locked)
    maker, taker = (alice, SELL) if side is BUY else (bob, BUY)
    await take(venue, maker, taker, target, 10)
    assert await is_done(venue, placed)
    assert (await balance(venue, carol, asset))[1] == 0


async def test_what_begins_at_once_is_told_with_its_fills(venue: Venue, alice: int, carol: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 999, 2))
    await venue.gateway.place_order(limit(alice, SELL, 1_000, 9))
    placed = await venue.gateway.place_order_list(oto(carol, leg(carol, OrderType.LIMIT, SELL, 5, price=1_200)))
    (working,) = placed.begun.values()
    assert (working.order.order_id, working.order.status) == (placed.orders[0].order_id, "FILLED")
    assert [(fill.price_ticks, fill.lots) for fill in working.fills] == [(999, 2), (1_000, 3)]
    assert [str(order.status) for order in placed.orders] == ["NEW", "PENDING_NEW"]


@pytest.mark.parametrize("by", ["list_id", "client_order_id", "both"])
async def test_a_list_is_cancelled_in_one_command(venue: Venue, carol: int, by: str) -> None:
    placed = await venue.gateway.place_order_list(oto(carol, leg(carol, OrderType.LIMIT, SELL, 5, price=1_200)))
    seq = (await venue.queries.clock()).seq
    which: dict[str, Any] = {"list_id": placed.order_list.list_id, "client_order_id": "chain"}
    which = which if by == "both" else {by: which[by]}
    canceled = await venue.gateway.cancel_order_list(CancelOrderList(account=carol, symbol="BTCUSDT", **which))
    assert (canceled.order_list.is_done, canceled.seq) == (True, seq + 1)
    assert [str(order.status) for order in canceled.orders] == ["CANCELED", "CANCELED"]
    assert (await venue.queries.clock()).seq == seq + 2


async def test_a_foreign_misnamed_or_ended_list_is_unknown(venue: Venue, alice: int, carol: int) -> None:
    placed = await venue.gateway.place_order_list(oto(carol, leg(carol, OrderType.LIMIT, SELL, 5, price=1_200)))
    list_id = placed.order_list.list_id
    for which in (
        {"account": alice, "list_id": list_id}, {"account": alice, "client_order_id": "chain"},
        {"account": carol, "list_id": list_id + 1}, {"account": carol, "client_order_id": "other"},
        {"account": carol, "list_id": list_id, "client_order_id": "other"},
    ):  # fmt: skip
        command = CancelOrderList(symbol="BTCUSDT", **which)
        refused = venue.gateway.cancel_order_list(command)
        assert await refused_without_a_trace(venue, refused) is Reason.UNKNOWN_ORDER
    keyed = CancelOrderList(account=carol, symbol="BTCUSDT", list_id=list_id, credential="none")
    assert await refused_without_a_trace(venue, venue.gateway.cancel_order_list(keyed)) is Reason.KEY_INVALID
    await venue.gateway.cancel_order(cancel(carol, placed.orders[0].order_id))
    ended = CancelOrderList(account=carol, symbol="BTCUSDT", list_id=list_id)
    assert await refused_without_a_trace(venue, venue.gateway.cancel_order_list(ended)) is Reason.UNKNOWN_ORDER


@pytest.mark.parametrize("is_affordable", [True, False])
async def test_an_order_that_replaces_one_of_a_list_comes_after_the_lists_end(
    venue: Venue, alice: int, bob: int, carol: int, is_affordable: bool
) -> None:
    await last_price(venue, alice, bob)
    all_lots = RICH_ATOMS // LOT
    placed = await venue.gateway.place_order_list(oco_sale(carol, all_lots))
    stop = CancelOrder(account=carol, symbol="BTCUSDT", order_id=placed.orders[1].order_id)
    new = limit(carol, SELL, 1_200, all_lots + (0 if is_affordable else 1))
    replaced = await venue.gateway.replace_order(ReplaceOrder(cancel=stop, place=new))
    assert isinstance(replaced.canceled, Canceled)
    assert isinstance(replaced.placed, Placed) is is_affordable
    assert await statuses(venue, placed) == ["CANCELED", "CANCELED"]
    assert await is_done(venue, placed)


@pytest.mark.parametrize("which", [0, 1])
async def test_a_pair_becomes_smaller_together_and_the_one_that_trails_keeps_its_lock(
    venue: Venue, alice: int, bob: int, carol: int, which: int
) -> None:
    await last_price(venue, alice, bob)
    orders = [
        leg(carol, OrderType.LIMIT_MAKER, BUY, 10, price=900),
        leg(carol, OrderType.STOP_LOSS, BUY, 10, trailing_bips=1_000),
    ]
    placed = await venue.gateway.place_order_list(
        PlaceOrderList(kind=ListKind.OCO, client_order_id="pair", orders=orders)
    )
    reduce = ReduceOrder(account=carol, symbol="BTCUSDT", order_id=placed.orders[which].order_id, lots=4)
    await venue.gateway.reduce_order(reduce)
    assert [(order.lots, order.left_lots) for order in await orders_now(venue, placed)] == [(4, 4), (4, 4)]
    locked = 900 * 4 * ATOMS + (1_000 - 900) * 10 * ATOMS  # what the stop had beyond the other order stays with it
    assert await balance(venue, carol, "USDT") == (RICH_ATOMS - locked, locked)
    assert (await venue.queries.depth("BTCUSDT", 5)).bids == [(900, 4)]
    await take(venue, alice, SELL, 900, 4)
    assert await is_done(venue, placed)
    assert (await balance(venue, carol, "USDT"))[1] == 0


async def test_what_is_left_of_a_pair_becomes_smaller_alone(venue: Venue, alice: int, bob: int, carol: int) -> None:
    await last_price(venue, alice, bob)
    placed = await venue.gateway.place_order_list(oco_sale(carol))
    await take(venue, bob, BUY, 1_100, 4)
    reduce = ReduceOrder(account=carol, symbol="BTCUSDT", order_id=placed.orders[0].order_id, lots=6)
    assert (await venue.gateway.reduce_order(reduce)).order.left_lots == 2
    assert [order.lots for order in await orders_now(venue, placed)] == [6, 10]
    assert (await balance(venue, carol, "BTC"))[1] == 2 * LOT
