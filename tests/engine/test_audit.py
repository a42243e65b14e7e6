"""The audit: silent on a market at work, and one sentence for everything that can be wrong."""

import pytest

from engine.audit import audit
from engine.gateway import place_arguments
from engine.keys import order_member
from engine.types import Side
from engine.venue import Venue
from tests.conftest import RICH_ATOMS, cancel, limit, market
from tests.engine.test_order_lists import oco_sale

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
async def busy(venue: Venue, alice: int, bob: int) -> Venue:
    """alice (1) offers at 100.00 and 100.01 on BTCUSDT, bob (2) has taken part of it and bids 99.00; orders 1 to 4."""
    await venue.gateway.place_order(limit(alice, SELL, 10_000, 50_000, client_id="one"))
    await venue.gateway.place_order(limit(alice, SELL, 10_001, 50_000, client_id="two"))
    await venue.gateway.place_order(limit(bob, BUY, 10_000, 20_000, client_id="three"))
    await venue.gateway.place_order(limit(bob, BUY, 9_900, 10_000, client_id="four"))
    return venue


async def test_a_market_at_work_has_no_differences(busy: Venue) -> None:
    report = await audit(busy)
    assert report.differences == []
    assert (report.accounts, report.orders, report.assets) == (2, 3, 3)


async def test_an_empty_venue_has_no_differences(redis_url: str, venue_name: str) -> None:
    empty = await Venue.connect(redis_url, venue_name)
    report = await audit(empty)
    assert (report.differences, report.accounts, report.orders, report.assets) == ([], 0, 0, 0)
    await empty.runner.command("DEL", empty.keys.meta, empty.keys.events)
    await empty.close()


FIRST = "0000000000000001"


@pytest.mark.parametrize(
    ("damage", "repair", "said"),
    [
        (
            ("HINCRBY", "balance:BTC", "2:free", 5), ("HINCRBY", "balance:BTC", "2:free", -5),
            ["BTC: free 1999999.19980005 + locked 0.80000000 + fees 0.00020000 is 2000000.00000005, "
             "but credited 2000000.00000000 - debited 0.00000000 is 2000000.00000000"],
        ),
        (
            ("HINCRBY", "balance:ETH", "1:free", -RICH_ATOMS - 1), ("HINCRBY", "balance:ETH", "1:free", RICH_ATOMS + 1),
            ["ETH: 1:free is -0.00000001, below zero",
             "ETH: free 999999.99999999 + locked 0.00000000 + fees 0.00000000 is 999999.99999999, "
             "but credited 2000000.00000000 - debited 0.00000000 is 2000000.00000000"],
        ),
        (
            ("HSET", "symbol:BTCUSDT", "a10001", 7), ("HSET", "symbol:BTCUSDT", "a10001", 50_000),
            ["BTCUSDT SELL: level 10001 has lots 7, the open orders make it 50000"],
        ),
        (
            ("ZREM", "levels:BTCUSDT:bids", "9900"), ("ZADD", "levels:BTCUSDT:bids", -9900, "9900"),
            ["BTCUSDT BUY: level 9900 has no levels score, the open orders make it -9900"],
        ),
        (
            ("ZADD", "book:BTCUSDT:asks", 9_000, FIRST), ("ZADD", "book:BTCUSDT:asks", 10_000, FIRST),
            ["BTCUSDT SELL: order 0000000000000001 has book score 9000, the open orders make it 10000",
             "BTCUSDT: the book is crossed, best bid 9900 ticks, best ask 9000 ticks"],
        ),
        (
            ("ZADD", "book:BTCUSDT:bids", -5, "0000000000000099"), ("ZREM", "book:BTCUSDT:bids", "0000000000000099"),
            ["BTCUSDT BUY: order 0000000000000099 has book score -5, and no open order stands there"],
        ),
        (
            ("ZREM", "open", f"1|BTCUSDT|{FIRST}"), ("ZADD", "open", 0, f"1|BTCUSDT|{FIRST}"),
            [f"the list of open orders lacks 1|BTCUSDT|{FIRST}"],
        ),
        (
            ("ZADD", "open", 0, "7|BTCUSDT|1"), ("ZREM", "open", "7|BTCUSDT|1"),
            ["the list of open orders has 7|BTCUSDT|1, which is not open"],
        ),
        (
            ("HDEL", "symbol:BTCUSDT", "1|BTCUSDT|one"), ("HSET", "symbol:BTCUSDT", "1|BTCUSDT|one", FIRST),
            ["BTCUSDT: order 0000000000000001 has the client order id 'one', which leads to no order"],
        ),
        (
            ("HSET", "meta", "next_order_id", 4), ("HSET", "meta", "next_order_id", 5),
            ["BTCUSDT: order 0000000000000004 exists, but the next order id is 4"],
        ),
        (
            ("HSET", "symbol:BTCUSDT", "pending", "0000000000000042"), ("HSET", "symbol:BTCUSDT", "pending", ""),
            ["BTCUSDT: order 0000000000000042 is pending and not among the open orders"],
        ),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said(
    busy: Venue, damage: tuple[str | int, ...], repair: tuple[str | int, ...], said: list[str]
) -> None:
    await _command(busy, damage)
    assert (await audit(busy)).differences == said
    await _command(busy, repair)


async def _command(venue: Venue, words: tuple[str | int, ...]) -> None:
    name, key, *rest = words
    await venue.runner.command(name, f"{{{venue.name}}}:{key}", *rest)


async def test_only_the_tape_s_orders_may_have_no_client_id(busy: Venue) -> None:
    key = busy.keys.symbol("BTCUSDT")
    record = await busy.runner.command("HGET", key, FIRST)
    await busy.runner.command("HSET", key, FIRST, record.replace(b'"one"', b'""'))
    assert (await audit(busy)).differences == [
        "BTCUSDT: order 0000000000000001 has no client order id, and account 1 is not the tape's"
    ]
    await busy.registry.define_account(1, "tape-maker")
    assert (await audit(busy)).differences == []
    await busy.runner.command("HSET", key, FIRST, record)


async def test_locked_money_must_be_what_the_orders_hold(busy: Venue) -> None:
    key = busy.keys.balance("USDT")
    await busy.runner.command("HINCRBY", key, "2:locked", 3)
    await busy.runner.command("HINCRBY", key, "2:free", -3)
    assert (await audit(busy)).differences == ["USDT: account 2 has 9.90000003 locked, its open orders hold 9.90000000"]
    await busy.runner.command("HINCRBY", key, "2:locked", -3)
    await busy.runner.command("HINCRBY", key, "2:free", 3)


async def test_an_order_that_is_not_done_yet_is_open_and_not_in_the_book(venue: Venue, alice: int, bob: int) -> None:
    """One step fills 500 makers; until the next one the order is open without a place in the book."""
    for _ in range(501):
        await venue.gateway.place_order(limit(alice, SELL, 10_000, 100))
    order = market(bob, BUY, lots=50_100)
    spec = await venue.registry.spec("BTCUSDT")
    keys = venue.keys.of_market("BTCUSDT", spec.base, spec.quote)
    *_, is_final, _ = await venue.runner.run("place_order", keys, place_arguments(order))
    assert not is_final
    report = await audit(venue)
    assert (report.differences, report.orders) == ([], 2)
    await venue.runner.run("continue_order", keys, ("BTCUSDT",))


async def _damaged(venue: Venue, key: str, field: str | int, old: bytes, new: bytes) -> list[str]:
    """What the audit says while one text of a hash is another; it is as before afterwards."""
    text = await venue.runner.command("HGET", key, field)
    assert old in text
    await venue.runner.command("HSET", key, field, text.replace(old, new, 1))
    differences = (await audit(venue)).differences
    await venue.runner.command("HSET", key, field, text)
    return differences


async def test_lists_and_their_orders_must_agree(busy: Venue, carol: int) -> None:
    placed = await busy.gateway.place_order_list(oco_sale(carol, above=10_100, stop=9_500, price=9_400))
    assert (await audit(busy)).differences == []
    lists, orders = busy.keys.lists("BTCUSDT"), busy.keys.symbol("BTCUSDT")
    maker, stop = (order_member(order.order_id) for order in placed.orders)
    ids = [order.order_id for order in placed.orders]
    assert await _damaged(busy, lists, 1, b"false", b"true") == [
        f"BTCUSDT: order {maker} is open, and its list 1 is done",
        f"BTCUSDT: order {stop} is open, and its list 1 is done",
    ]
    assert await _damaged(busy, lists, 1, b'"OCO",3', b'"OCO",4') == [
        f"BTCUSDT: order {maker} belongs to list 1, which does not know it",
        f"BTCUSDT: order {stop} belongs to list 1, which does not know it",
    ]
    assert await _damaged(busy, orders, maker, b",-1,1,-1,0]", b",-1,9,-1,0]") == [
        f"BTCUSDT: order {maker} belongs to list 9, which does not exist",
        f"the list of open orders has 3|BTCUSDT|{maker}L1, which is not open",
        f"the list of open orders lacks 3|BTCUSDT|{maker}L9",
    ]
    assert await _damaged(busy, orders, stop, b"[10,10,0,0,", b"[10,10,0,5,") == [
        f"BTCUSDT: list 1 has 10005 atoms locked for order {ids[0]} and {ids[1]} and needs 10000",
        "BTC: account 3 has 0.00010000 locked, its open orders hold 0.00010005",
    ]
    await busy.gateway.cancel_order(cancel(carol, placed.orders[0].order_id))
    assert (await audit(busy)).differences == []
    assert await _damaged(busy, lists, 1, b"true", b"false") == ["BTCUSDT: list 1 is open, and none of its orders is"]
