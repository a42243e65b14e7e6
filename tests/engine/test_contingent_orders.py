"""Stop, take-profit and trailing orders: where they wait, what triggers them, and what follows from it in one call."""

from typing import Any

import msgspec
import pytest

from engine.commands import PlaceOrder
from engine.errors import Reason
from engine.events import OrderPlaced, OrderTriggered, decode_entry
from engine.records import OrderRecord
from engine.types import OrderStatus, OrderType, Side, TimeInForce
from engine.venue import Venue
from tests.conftest import RICH_ATOMS, balance, cancel, fund, limit
from tests.engine.checks import refusal

BUY, SELL = Side.BUY, Side.SELL
ATOMS = 10  # a lot at one tick of BTCUSDT: 0.01 * 0.00001 USDT


def contingent(account: int, kind: OrderType, side: Side, lots: int, **rest: Any) -> PlaceOrder:
    return PlaceOrder(
        account=account, symbol="BTCUSDT", rules_version=1, side=side, type=kind, lots=lots,
        client_order_id=rest.pop("client_id", f"c-{account}-{kind}-{side}-{rest}"), **rest,
    )  # fmt: skip


async def trade_at(venue: Venue, maker: int, taker: int, price_ticks: int, lots: int = 1) -> None:
    """Make `price_ticks` the last price, without touching orders at other prices."""
    await venue.gateway.place_order(limit(maker, SELL, price_ticks, lots))
    await venue.gateway.place_order(limit(taker, BUY, price_ticks, lots))


async def order_of(venue: Venue, record: OrderRecord) -> OrderRecord:
    return await venue.queries.order(record.account, "BTCUSDT", order_id=record.order_id)


async def take(venue: Venue, account: int, side: Side, price_ticks: int, lots: int = 1) -> None:
    """Trade with what rests, and leave nothing."""
    await venue.gateway.place_order(limit(account, side, price_ticks, lots, tif=TimeInForce.IOC))


async def events_since(venue: Venue, seq: int) -> list[Any]:
    entries = await venue.runner.command("XRANGE", venue.keys.events, f"(0-{seq}", "+")
    return [decode_entry(entry) for entry in entries]


async def last_seq(venue: Venue) -> int:
    return int(await venue.runner.command("HGET", venue.keys.meta, "seq"))


async def test_a_stop_waits_outside_the_book_with_its_money_locked(venue: Venue, alice: int, bob: int) -> None:
    await trade_at(venue, alice, bob, 1_000)
    free, _ = await balance(venue, alice, "USDT")
    placed = await venue.gateway.place_order(
        contingent(alice, OrderType.STOP_LOSS_LIMIT, BUY, 10, stop_ticks=1_100, price_ticks=1_200)
    )
    assert (placed.order.status, placed.order.working_ms) == ("NEW", 0)
    depth = await venue.queries.depth("BTCUSDT", 10)
    assert (depth.bids, depth.asks) == ([], [])
    locked = 1_200 * 10 * ATOMS
    assert await balance(venue, alice, "USDT") == (free - locked, locked)


@pytest.mark.parametrize(
    ("kind", "side", "stop", "touch", "miss"),
    [
        (OrderType.STOP_LOSS, BUY, 1_100, 1_100, 1_099),
        (OrderType.TAKE_PROFIT, SELL, 1_100, 1_100, 1_099),
        (OrderType.STOP_LOSS, SELL, 900, 900, 901),
        (OrderType.TAKE_PROFIT, BUY, 900, 900, 901),
    ],
)
async def test_it_is_triggered_by_the_last_price_at_its_stop_and_not_before(
    venue: Venue, alice: int, bob: int, carol: int, kind: OrderType, side: Side, stop: int, touch: int, miss: int
) -> None:
    await trade_at(venue, alice, bob, 1_000)
    placed = await venue.gateway.place_order(contingent(carol, kind, side, 7, stop_ticks=stop))
    await trade_at(venue, alice, bob, miss)
    assert (await order_of(venue, placed.order)).status is OrderStatus.NEW
    await trade_at(venue, alice, bob, touch)
    ended = await order_of(venue, placed.order)
    assert (ended.status, ended.filled_lots) == ("EXPIRED", 0), "nobody was there to meet it"
    assert await balance(venue, carol, "USDT") == (RICH_ATOMS, 0)
    assert await balance(venue, carol, "BTC") == (RICH_ATOMS, 0)


@pytest.mark.parametrize(
    ("kind", "side", "stop"),
    [
        (OrderType.STOP_LOSS, BUY, 1_000),
        (OrderType.TAKE_PROFIT_LIMIT, SELL, 999),
        (OrderType.STOP_LOSS_LIMIT, SELL, 1_000),
        (OrderType.TAKE_PROFIT, BUY, 1_001),
    ],
)
async def test_a_stop_that_would_trigger_at_once_is_refused(
    venue: Venue, alice: int, bob: int, kind: OrderType, side: Side, stop: int
) -> None:
    await trade_at(venue, alice, bob, 1_000)
    price = 1_000 if kind.has_limit else 0
    order = contingent(alice, kind, side, 7, stop_ticks=stop, price_ticks=price)
    assert await refusal(venue.gateway.place_order(order)) is Reason.STOP_WOULD_TRIGGER


async def test_triggers_fire_by_price_then_age_each_as_a_new_taker_in_one_call(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await trade_at(venue, alice, bob, 1_000)
    for price, lots in ((1_010, 4), (1_020, 5), (1_030, 5)):
        await venue.gateway.place_order(limit(alice, SELL, price, lots))
    stops = [
        await venue.gateway.place_order(
            contingent(carol, OrderType.STOP_LOSS, BUY, 2, stop_ticks=stop, client_id=f"s{index}")
        )
        for index, stop in enumerate((1_020, 1_010, 1_010, 1_030))
    ]
    before = await last_seq(venue)
    await take(venue, bob, BUY, 1_010)
    events = await events_since(venue, before)
    assert [type(event) for event in events] == [OrderPlaced, *[OrderTriggered] * 3]
    ids = [placed.order.order_id for placed in stops]
    fills = [(event.order.order_id, fill.price_ticks, fill.lots) for event in events[1:] for fill in event.fills]
    # The two stops at 1,010 use that level up, the oldest first, and the first of them reaches 1,020 with its last lot.
    assert fills == [(ids[1], 1_010, 2), (ids[2], 1_010, 1), (ids[2], 1_020, 1), (ids[0], 1_020, 2)]


async def test_what_a_triggered_order_trades_triggers_the_next(venue: Venue, alice: int, bob: int, carol: int) -> None:
    await trade_at(venue, alice, bob, 1_000)
    for price in (1_010, 1_020, 1_030):
        await venue.gateway.place_order(limit(alice, SELL, price, 1))
    first = await venue.gateway.place_order(
        contingent(carol, OrderType.STOP_LOSS, BUY, 1, stop_ticks=1_010, client_id="first")
    )
    second = await venue.gateway.place_order(
        contingent(carol, OrderType.STOP_LOSS, BUY, 1, stop_ticks=1_020, client_id="second")
    )
    before = await last_seq(venue)
    await take(venue, bob, BUY, 1_100)
    events = await events_since(venue, before)
    assert [(event.order.order_id, event.fills[0].price_ticks) for event in events[1:]] == [
        (first.order.order_id, 1_020), (second.order.order_id, 1_030),
    ]  # fmt: skip


async def test_a_triggered_limit_order_queues_behind_those_who_were_there(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await trade_at(venue, alice, bob, 1_000)
    waiting = await venue.gateway.place_order(
        contingent(carol, OrderType.STOP_LOSS_LIMIT, SELL, 3, stop_ticks=900, price_ticks=950)
    )
    younger = await venue.gateway.place_order(limit(alice, SELL, 950, 2))
    await venue.gateway.place_order(limit(bob, BUY, 900, 1))
    await venue.gateway.place_order(limit(alice, SELL, 900, 1))
    resting = await order_of(venue, waiting.order)
    assert resting.terms is not None
    assert (resting.status, resting.terms.queue_id > younger.order.order_id) == ("NEW", True)
    placed = await venue.gateway.place_order(limit(bob, BUY, 950, 5))
    assert [fill.maker_order_id for fill in placed.fills] == [younger.order.order_id, waiting.order.order_id]


async def test_a_triggered_market_buy_spends_what_is_locked_and_free_and_no_more(
    venue: Venue, alice: int, bob: int
) -> None:
    dave, money = 9, 1_100 * 10 * ATOMS + 5_000
    await trade_at(venue, alice, bob, 1_000)
    await fund(venue, dave, USDT=money)
    placed = await venue.gateway.place_order(contingent(dave, OrderType.STOP_LOSS, BUY, 10, stop_ticks=1_100))
    await venue.gateway.place_order(limit(alice, SELL, 1_100, 1))
    await venue.gateway.place_order(limit(alice, SELL, 2_000, 50))
    await take(venue, bob, BUY, 1_100)
    ended = await order_of(venue, placed.order)
    lots = money // (2_000 * ATOMS)
    assert (ended.status, ended.filled_lots) == ("EXPIRED", lots)
    free, locked = await balance(venue, dave, "USDT")
    assert (free, locked) == (money - lots * 2_000 * ATOMS, 0)


async def test_a_waiting_order_can_be_canceled_and_nothing_of_it_stays(venue: Venue, alice: int, bob: int) -> None:
    await trade_at(venue, alice, bob, 1_000)
    for options in ({"stop_ticks": 1_100}, {"trailing_bips": 100}, {"stop_ticks": 1_200, "trailing_bips": 100}):
        placed = await venue.gateway.place_order(contingent(bob, OrderType.STOP_LOSS, BUY, 50_000, **options))
        update_id = (await venue.queries.depth("BTCUSDT", 1)).update_id
        canceled = await venue.gateway.cancel_order(cancel(bob, placed.order.order_id))
        assert canceled.order.status is OrderStatus.CANCELED
        assert (await venue.queries.depth("BTCUSDT", 1)).update_id == update_id
    for key in (venue.keys.stops("BTCUSDT"), venue.keys.trailing("BTCUSDT")):
        assert await venue.runner.command("EXISTS", key) == 0


async def test_a_trailing_sale_follows_the_highest_price_and_triggers_on_the_way_down(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    """Five percent behind: 10,000 -> 12,000 makes the trigger 11,400."""
    await trade_at(venue, alice, bob, 10_000)
    placed = await venue.gateway.place_order(contingent(carol, OrderType.STOP_LOSS, SELL, 5_000, trailing_bips=500))
    assert placed.order.terms is not None
    assert placed.order.terms.trailing_ms > 0
    for price in (9_501, 12_000, 11_401):
        await trade_at(venue, alice, bob, price)
        assert (await order_of(venue, placed.order)).status is OrderStatus.NEW
    await venue.gateway.place_order(limit(bob, BUY, 11_000, 5_000))
    await venue.gateway.place_order(limit(bob, BUY, 11_400, 1))
    await venue.gateway.place_order(limit(alice, SELL, 11_400, 1))
    ended = await order_of(venue, placed.order)
    assert (ended.status, ended.filled_quote_atoms) == ("FILLED", 11_000 * 5_000 * ATOMS)


async def test_a_trailing_buy_with_a_stop_price_begins_when_the_stop_is_reached(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await trade_at(venue, alice, bob, 10_000)
    placed = await venue.gateway.place_order(
        contingent(carol, OrderType.TAKE_PROFIT_LIMIT, BUY, 2, stop_ticks=9_000, trailing_bips=1_000, price_ticks=9_900)
    )
    for price in (8_999, 8_000, 8_799):
        await trade_at(venue, alice, bob, price)
        waiting = await order_of(venue, placed.order)
        assert waiting.working_ms == 0
        assert waiting.terms is not None
        assert waiting.terms.trailing_ms > 0
    await trade_at(venue, alice, bob, 8_800)
    assert (await order_of(venue, placed.order)).working_ms > 0


async def test_hundreds_of_triggered_orders_take_several_calls_that_nothing_overtakes(
    venue: Venue, alice: int, bob: int, carol: int
) -> None:
    await trade_at(venue, alice, bob, 1_000)
    count = 400
    await venue.gateway.place_order(limit(alice, SELL, 1_010, 1 + count))
    for number in range(count):
        await venue.gateway.place_order(
            contingent(carol, OrderType.STOP_LOSS, BUY, 1, stop_ticks=1_010, client_id=f"s{number}")
        )
    before = await last_seq(venue)
    await take(venue, bob, BUY, 1_100)
    events = await events_since(venue, before)
    assert [type(event) for event in events] == [OrderPlaced, *[OrderTriggered] * count]
    ids = [event.order.order_id for event in events[1:]]
    assert ids == sorted(ids)


async def test_a_post_only_order_that_would_match_is_refused_and_else_rests(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, SELL, 1_000, 5))
    order = PlaceOrder(
        account=bob, symbol="BTCUSDT", rules_version=1, side=BUY, type=OrderType.LIMIT_MAKER, price_ticks=1_000, lots=1,
        client_order_id="m1",
    )  # fmt: skip
    assert await refusal(venue.gateway.place_order(order)) is Reason.WOULD_MATCH
    placed = await venue.gateway.place_order(msgspec.structs.replace(order, price_ticks=999))
    assert (placed.order.type, placed.order.status, placed.order.terms) == ("LIMIT_MAKER", "NEW", None)
