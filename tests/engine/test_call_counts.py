"""What every command asks of Redis and how long its event is: exact numbers that no machine's speed changes.

A number that grows is a cost that every order pays from then on; one that falls is written down here too, so that it
cannot creep back. The fact a newcomer would get wrong: the counts are the server's own (INFO commandstats) for the
whole command as a worker gives it. `fcall` is the round trip, everything else is a redis.call of the script.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from engine.commands import CancelAllOrders, CancelOrderList, PlaceOrder, PlaceOrderList, ReplaceOrder, Transfer
from engine.rate_limits import Charge, RateLimits, Window
from engine.registry import KeyRecord
from engine.scripts import load_scripts
from engine.types import ListKind, OrderType, Side
from engine.venue import Venue
from tests.conftest import RICH_ATOMS, cancel, fund, limit, market

START_MS = 1_700_000_000_000
ALICE, BOB = 1, 2
DIGESTS = {ALICE: "d" * 64, BOB: "e" * 64}
LIMITS = RateLimits(
    weight=Window(10**6, 60_000), requests=Window(10**6, 300_000), short_orders=Window(10**6, 10_000),
    long_orders=Window(10**6, 86_400_000),
)  # fmt: skip
_OURS = ("info", "xrange", "acl")  # what this test, and the venue of the engine's tests, ask themselves


@dataclass(frozen=True)
class Cost:
    """How often each command of Redis is called, by name, and the bytes of the events that come of it."""

    calls: str
    event_bytes: int


def sell(price_ticks: int, lots: int = 10, account: int = ALICE) -> PlaceOrder:
    return limit(account, Side.SELL, price_ticks, lots, client_id=f"maker-{price_ticks:016d}")


def buy(price_ticks: int, lots: int, *, name: str = "taker") -> PlaceOrder:
    return limit(BOB, Side.BUY, price_ticks, lots, client_id=f"{name}-{price_ticks:016d}")


def as_a_worker_places(order: PlaceOrder) -> PlaceOrder:
    """With an API key that is checked once more and limits that it counts towards."""
    return replace(order, credential=DIGESTS[order.account], charge=Charge("127.0.0.1", weight=1, orders=1))


async def book(venue: Venue, *orders: PlaceOrder) -> None:
    for order in orders:
        await venue.gateway.place_order(order)


def stop(price_ticks: int) -> PlaceOrder:
    return PlaceOrder(
        account=ALICE, symbol="BTCUSDT", rules_version=1, side=Side.SELL, type=OrderType.STOP_LOSS, lots=10,
        stop_ticks=price_ticks, client_order_id="stop-0000000000000000",
    )  # fmt: skip


def pair() -> PlaceOrderList:
    above = replace(sell(7_000_000), client_order_id="above-000000000000000", type=OrderType.LIMIT_MAKER)
    return PlaceOrderList(kind=ListKind.OCO, client_order_id="list-0000000000000000", orders=[above, stop(5_000_000)])


Do = Callable[[Venue], Awaitable[Any]]


@dataclass(frozen=True)
class Case:
    """What is done, and the orders that are there before it."""

    do: Do
    before: tuple[PlaceOrder, ...] = ()
    prepare: Do | None = None


FIRST = 6_000_000
CASES: dict[str, Case] = {
    "an order rests at a new price": Case(lambda v: v.gateway.place_order(sell(FIRST + 1)), (sell(FIRST),)),
    "an order rests behind another": Case(
        lambda v: v.gateway.place_order(replace(sell(FIRST), client_order_id="second-00000000000000")), (sell(FIRST),)
    ),
    "an order rests, with key and limits": Case(
        lambda v: v.gateway.place_order(as_a_worker_places(sell(FIRST + 1))), (sell(FIRST),)
    ),
    "an order fills one": Case(lambda v: v.gateway.place_order(buy(FIRST, 10)), (sell(FIRST), sell(FIRST + 1))),
    "an order fills ten": Case(
        lambda v: v.gateway.place_order(buy(FIRST + 9, 100)), tuple(sell(FIRST + level) for level in range(11))
    ),
    "an order fills a part of one": Case(lambda v: v.gateway.place_order(buy(FIRST, 5)), (sell(FIRST),)),
    "an order fills one and rests": Case(lambda v: v.gateway.place_order(buy(FIRST, 15)), (sell(FIRST),)),
    "an order fills one, with key and limits": Case(
        lambda v: v.gateway.place_order(as_a_worker_places(buy(FIRST, 10))), (sell(FIRST), sell(FIRST + 1))
    ),
    "a market order fills one": Case(
        lambda v: v.gateway.place_order(market(BOB, Side.BUY, lots=10, client_id="market-0000000000000")),
        (sell(FIRST), sell(FIRST + 1)),
    ),
    "an order is cancelled": Case(lambda v: v.gateway.cancel_order(cancel(ALICE, 1)), (sell(FIRST),)),
    "an order is cancelled by its name": Case(
        lambda v: v.gateway.cancel_order(cancel(ALICE, client_id=sell(FIRST).client_order_id)), (sell(FIRST),)
    ),
    "ten orders are cancelled": Case(
        lambda v: v.gateway.cancel_all_orders(CancelAllOrders(account=ALICE, symbol="BTCUSDT")),
        tuple(sell(FIRST + level) for level in range(10)),
    ),
    "an order is replaced": Case(
        lambda v: v.gateway.replace_order(ReplaceOrder(cancel=cancel(ALICE, 1), place=sell(FIRST + 1))),
        (sell(FIRST),),
    ),
    "a stop waits": Case(lambda v: v.gateway.place_order(stop(5_000_000)), (sell(FIRST), buy(FIRST, 5))),
    "a trade triggers a stop": Case(
        lambda v: v.gateway.place_order(limit(ALICE, Side.SELL, 4_000_000, 10, client_id="trigger-000000000000")),
        (buy(FIRST, 10, name="first"), sell(FIRST), buy(4_500_000, 10), buy(4_000_000, 100), stop(5_000_000)),
    ),
    "a pair is placed": Case(lambda v: v.gateway.place_order_list(pair()), (sell(FIRST), buy(FIRST, 5))),
    "a pair is cancelled": Case(
        lambda v: v.gateway.cancel_order_list(
            CancelOrderList(account=ALICE, symbol="BTCUSDT", client_order_id="list-0000000000000000")
        ),
        (sell(FIRST), buy(FIRST, 5)),
        prepare=lambda v: v.gateway.place_order_list(pair()),
    ),
    "money comes in": Case(lambda v: v.gateway.credit(Transfer(account=ALICE, asset="USDT", atoms=10**8))),
    "money goes out": Case(lambda v: v.gateway.debit(Transfer(account=ALICE, asset="USDT", atoms=10**8))),
    "a request is counted": Case(lambda v: v.limiter.admit("127.0.0.1", 1)),
    "a book is read": Case(lambda v: v.queries.depth("BTCUSDT", 100), (sell(FIRST), sell(FIRST + 1))),
}

COSTS: dict[str, Cost] = {
    "an order rests at a new price": Cost("fcall 1 hmget 3 hset 3 xadd 1 zadd 3 zrange 1", 248),
    "an order rests behind another": Cost("fcall 1 hmget 3 hset 3 xadd 1 zadd 2 zrange 1", 247),
    "an order rests, with key and limits": Cost("fcall 1 hget 2 hmget 4 hscan 1 hset 5 xadd 1 zadd 3 zrange 1", 248),
    "an order fills one": Cost("fcall 1 hdel 2 hincrby 2 hmget 8 hset 7 xadd 2 zrange 2 zrem 3", 537),
    "an order fills ten": Cost("fcall 1 hdel 2 hincrby 2 hmget 10 hset 7 xadd 2 zrange 4 zrem 3", 2288),
    "an order fills a part of one": Cost("fcall 1 hincrby 2 hmget 8 hset 8 xadd 2 zrange 2", 546),
    "an order fills one and rests": Cost(
        "fcall 1 hdel 2 hincrby 2 hmget 9 hset 8 xadd 2 zadd 3 zrange 3 zrem 3", 581
    ),
    "an order fills one, with key and limits": Cost(
        "fcall 1 hdel 2 hget 2 hincrby 2 hmget 9 hscan 1 hset 10 xadd 2 zrange 2 zrem 3", 537
    ),
    "a market order fills one": Cost("fcall 1 hdel 2 hincrby 2 hmget 8 hset 7 xadd 2 zrange 1 zrem 3", 530),
    "an order is cancelled": Cost("fcall 1 hdel 2 hget 1 hmget 5 hset 3 xadd 1 zrem 3", 248),
    "an order is cancelled by its name": Cost("fcall 1 hdel 2 hget 2 hmget 5 hset 3 xadd 1 zrem 3", 248),
    "ten orders are cancelled": Cost("fcall 1 hdel 2 hget 10 hmget 5 hset 3 xadd 1 zrangebylex 1 zrem 3", 1423),
    "an order is replaced": Cost("fcall 1 hdel 2 hget 2 hmget 7 hset 8 xadd 2 zadd 3 zrange 1 zrem 3", 493),
    "a stop waits": Cost("fcall 1 hmget 4 hset 5 xadd 1 zadd 2 zrange 2", 276),
    "a trade triggers a stop": Cost(
        "fcall 1 hdel 3 hget 1 hincrby 4 hmget 13 hset 17 lindex 1 lpop 1 rpush 1 xadd 4 zrange 6 zrem 5", 1173
    ),
    "a pair is placed": Cost("fcall 1 hget 6 hmget 6 hset 16 lindex 2 lpop 2 rpush 2 xadd 3 zadd 5 zrange 5", 1055),
    "a pair is cancelled": Cost(
        "fcall 1 hdel 4 hget 5 hmget 9 hset 9 lindex 1 lpop 1 lpush 1 lrem 2 xadd 2 zrange 2 zrem 5", 667
    ),
    "money comes in": Cost("fcall 1 hexists 1 hget 1 hincrby 2 hmget 2 hset 1 xadd 1", 102),
    "money goes out": Cost("fcall 1 hexists 1 hget 1 hincrby 2 hmget 2 hset 1 xadd 1", 102),
    "a request is counted": Cost("fcall 1 hget 2 hmget 1 hscan 1 hset 2", 0),
    "a book is read": Cost("fcall_ro 1 hget 1 hmget 2 zrange 2", 0),
}  # fmt: skip


async def calls_so_far(venue: Venue) -> dict[str, int]:
    text = (await venue.runner.command("INFO", "commandstats")).decode()
    lines = [line.removeprefix("cmdstat_").split(":") for line in text.splitlines() if line.startswith("cmdstat_")]
    return {name: int(rest.split(",")[0].removeprefix("calls=")) for name, rest in lines if not name.startswith(_OURS)}


async def cost_of(venue: Venue, case: Case) -> Cost:
    """Of a market where the symbol's rules are known to the worker and every script is loaded."""
    await fund(venue, ALICE, BTC=RICH_ATOMS, USDT=RICH_ATOMS)
    await fund(venue, BOB, BTC=RICH_ATOMS, USDT=RICH_ATOMS)
    for account, digest in DIGESTS.items():
        await venue.registry.define_key(digest, KeyRecord(account=account, user_name=f"user-{account}"))
    await venue.limiter.set_limits(LIMITS)
    await venue.clock.set_virtual(START_MS)
    for script in load_scripts().values():
        await venue.runner.command("FUNCTION", "LOAD", "REPLACE", script.function_text)
    await book(venue, *case.before)
    if case.prepare is not None:
        await case.prepare(venue)
    last = (await venue.runner.command("XRANGE", venue.keys.events, "-", "+"))[-1][0].decode()
    before = await calls_so_far(venue)
    await case.do(venue)
    after = await calls_so_far(venue)
    made = {name: count - before.get(name, 0) for name, count in sorted(after.items())}
    events = await venue.runner.command("XRANGE", venue.keys.events, f"({last}", "+")
    return Cost(
        " ".join(f"{name} {count}" for name, count in made.items() if count), sum(len(entry[1][1]) for entry in events)
    )


@pytest.mark.parametrize("name", CASES)
async def test_a_command_asks_redis_exactly_this_and_its_event_is_this_long(venue: Venue, name: str) -> None:
    found = await cost_of(venue, CASES[name])
    assert found == COSTS.get(name), f'its line in COSTS is now: "{name}": {found},'
