"""A fault at any redis.call before the first write leaves no byte changed: read, check and plan come first.

And on the way: every run of every scenario reads the clock at most once, up to its last call.
"""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from engine.account_rules import AccountRates
from engine.commands import CancelAllOrders, PlaceOrder, ReduceOrder, Transfer
from engine.errors import Rejected
from engine.events import OrderPlaced
from engine.registry import KeyRecord
from engine.scripts import load_scripts
from engine.types import MAX_FILLS, OrderType, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, cancel, limit, market
from tests.engine.checks import digest, events_of
from tests.engine.faults import break_at, struck_command
from tests.engine.steps import place_first_step
from tests.unit.lua_gate import WRITES

BUY, SELL = Side.BUY, Side.SELL
SCRIPTS = load_scripts()
MOST_CALLS = 200

Act = Callable[[Venue], Awaitable[object]]


def place(**how: object) -> Act:
    order = market(1, how.pop("side"), **how) if "price" not in how else None  # type: ignore[arg-type]
    if order is None:
        order = limit(1, how.pop("side"), how.pop("price"), how.pop("lots"), **how)  # type: ignore[arg-type]
    return lambda venue: venue.gateway.place_order(order)


def special(order: PlaceOrder, **terms: object) -> Act:
    changed = msgspec.structs.replace(order, **terms)  # type: ignore[arg-type]

    async def act(venue: Venue) -> None:
        await venue.gateway.place_order(changed)

    return act


def keyed(order: msgspec.Struct) -> Act:
    return lambda venue: venue.gateway.place_order(msgspec.structs.replace(order, credential="good"))  # type: ignore


# Before each: asks 5 at 100 and 3 at 101, bids 10 at 90, all of bob (account 2); alice's (1) order 4, 7 at 80; bob's
# stop 5 above 101 and his iceberg 6, 12 at 102; the last price is 95.
SCENARIOS: dict[str, tuple[str, Act]] = {
    "limit rests": ("place_order", place(side=BUY, price=85, lots=3)),
    "limit rests on its own level": ("place_order", place(side=BUY, price=90, lots=3)),
    "limit sale rests": ("place_order", place(side=SELL, price=120, lots=3)),
    "limit under a key": ("place_order", keyed(limit(1, BUY, 85, 3))),
    "limit takes and rests": ("place_order", place(side=BUY, price=101, lots=20)),
    "limit takes a part of a maker": ("place_order", place(side=BUY, price=100, lots=2)),
    "limit sale takes": ("place_order", place(side=SELL, price=90, lots=20)),
    "IOC": ("place_order", place(side=BUY, price=100, lots=9, tif=TimeInForce.IOC)),
    "FOK fills": ("place_order", place(side=BUY, price=101, lots=8, tif=TimeInForce.FOK)),
    "FOK expires": ("place_order", place(side=BUY, price=101, lots=9, tif=TimeInForce.FOK)),
    "market": ("place_order", place(side=BUY, lots=10**6)),
    "market sale": ("place_order", place(side=SELL, lots=10**6)),
    "market by quote": ("place_order", place(side=BUY, quote_atoms=7_000)),
    "market sale by quote": ("place_order", place(side=SELL, quote_atoms=7_000)),
    "duplicate": ("place_order", place(side=BUY, price=85, lots=3, client_id="resting")),
    "too large": ("place_order", place(side=BUY, price=2**27, lots=2**26)),
    "too poor": ("place_order", place(side=BUY, price=99, lots=2**42)),
    "stop waits": (
        "place_order",
        special(limit(1, BUY, 120, 3), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=110),
    ),
    "stop that would trigger": (
        "place_order",
        special(limit(1, BUY, 120, 3), type=OrderType.TAKE_PROFIT_LIMIT, stop_ticks=96),
    ),
    "trailing order waits": (
        "place_order",
        special(limit(1, SELL, 80, 3), type=OrderType.STOP_LOSS_LIMIT, trailing_bips=500),
    ),
    "post only rests": ("place_order", special(limit(1, BUY, 99, 3), type=OrderType.LIMIT_MAKER)),
    "post only would match": ("place_order", special(limit(1, BUY, 100, 3), type=OrderType.LIMIT_MAKER)),
    "iceberg rests": ("place_order", special(limit(1, BUY, 99, 30), iceberg_lots=4)),
    "iceberg is met again": ("place_order", place(side=BUY, price=102, lots=14)),
    "oneself is met": ("place_order", special(limit(2, BUY, 102, 20), stp=StpMode.DECREMENT)),
    "a waiting order is canceled": ("cancel_order", lambda venue: venue.gateway.cancel_order(cancel(2, 5))),
    "an iceberg is reduced": (
        "reduce_order",
        lambda venue: venue.gateway.reduce_order(ReduceOrder(account=2, symbol="BTCUSDT", order_id=6, lots=2)),
    ),
    "trade group": ("set_trade_group", lambda venue: venue.registry.set_trade_group(1, 7)),
    "cancel": ("cancel_order", lambda venue: venue.gateway.cancel_order(cancel(1, 4))),
    "cancel by client id": ("cancel_order", lambda venue: venue.gateway.cancel_order(cancel(1, client_id="resting"))),
    "cancel a foreign order": ("cancel_order", lambda venue: venue.gateway.cancel_order(cancel(1, 1))),
    "cancel all": (
        "cancel_all_orders",
        lambda venue: venue.gateway.cancel_all_orders(CancelAllOrders(account=2, symbol="BTCUSDT")),
    ),
    "reduce": (
        "reduce_order",
        lambda venue: venue.gateway.reduce_order(ReduceOrder(account=1, symbol="BTCUSDT", order_id=4, lots=5)),
    ),
    "reduce and rename": (
        "reduce_order",
        lambda venue: venue.gateway.reduce_order(
            ReduceOrder(account=1, symbol="BTCUSDT", order_id=4, lots=5, new_client_order_id="renamed")
        ),
    ),
    "credit": ("credit", lambda venue: venue.gateway.credit(Transfer(account=1, asset="BTC", atoms=5))),
    "debit": ("debit", lambda venue: venue.gateway.debit(Transfer(account=1, asset="BTC", atoms=5))),
    "debit too much": ("debit", lambda venue: venue.gateway.debit(Transfer(account=1, asset="BTC", atoms=10**18))),
    "new rules": (
        "define_symbol",
        lambda venue: venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, taker_fee_e8=1)),
    ),
    "rates of an account": (
        "set_account_rates",
        lambda venue: venue.registry.set_account_rates(1, AccountRates(rates={"tax_buyer": 1})),
    ),
    "rates of an account on a symbol": (
        "set_account_rates",
        lambda venue: venue.registry.set_account_rates(1, AccountRates(uses_discount=True), "BTCUSDT"),
    ),
    "conversion": ("set_conversion", lambda venue: venue.registry.set_conversion("BTC", "USDT", 5)),
    "a discount": (
        "define_symbol",
        lambda venue: venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, allows_discount=True)),
    ),
    "new key": (
        "change_account",
        lambda venue: venue.registry.define_key("new", KeyRecord(account=1, user_name="alice")),
    ),
    "clear market": ("clear_market", lambda venue: venue.clock.clear_market()),
    "clock virtual": ("set_clock", lambda venue: venue.clock.set_virtual(4 * 10**12)),
    "clock real": ("set_clock", lambda venue: venue.clock.set_real()),
}


async def fill_books(venue: Venue) -> None:
    for side, price_ticks, lots in ((SELL, 100, 5), (SELL, 101, 3), (BUY, 90, 10)):
        await venue.gateway.place_order(limit(2, side, price_ticks, lots))
    await venue.gateway.place_order(limit(1, BUY, 80, 7, client_id="resting"))
    await special(limit(2, BUY, 103, 3), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=101)(venue)
    await special(limit(2, SELL, 102, 12), iceberg_lots=3)(venue)
    await venue.gateway.place_order(limit(2, SELL, 95, 1))
    await venue.gateway.place_order(limit(2, BUY, 95, 1))
    await venue.registry.define_key("good", KeyRecord(account=1, user_name="alice"))


async def calls_before_the_first_write(venue: Venue, name: str, act: Act) -> list[str]:
    """Plays a fault at each call, from the first to the first write; the commands at which they struck.

    Raises AssertionError where something changed. A refusal ends it too: then every one of its calls has failed once.
    """
    before, struck = await digest(venue), list[str]()
    for call in range(1, MOST_CALLS):
        break_at(venue, name, call, SCRIPTS)
        command = await struck_command(act(venue))
        if command is None:
            break
        struck.append(command)
        assert await digest(venue) == before, f"a fault at call {call} of {name}, {command}, left a trace"
        if command in WRITES:
            break
    break_at(venue, name, 0, SCRIPTS)
    return struck


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_fault_before_the_first_write_changes_nothing(
    venue: Venue, alice: int, bob: int, scenario: str
) -> None:
    name, act = SCENARIOS[scenario]
    await fill_books(venue)
    struck = await calls_before_the_first_write(venue, name, act)
    assert len(struck) >= 2
    assert all(command not in WRITES for command in struck[:-1])


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_no_command_reads_the_clock_twice(venue: Venue, alice: int, bob: int, scenario: str) -> None:
    name, act = SCENARIOS[scenario]
    await fill_books(venue)
    break_at(venue, name, 10**9, SCRIPTS)
    try:
        await act(venue)
    except Rejected:
        assert scenario in {"duplicate", "too large", "too poor", "cancel a foreign order", "debit too much",
            "stop that would trigger", "post only would match",
        }  # fmt: skip
    break_at(venue, name, 0, SCRIPTS)


@pytest.mark.parametrize("discount_asset", ["BNB", "BTC", "ETH"])
async def test_a_fault_before_fees_in_another_asset_are_paid_changes_nothing(
    venue: Venue, alice: int, bob: int, discount_asset: str
) -> None:
    await fill_books(venue)
    await venue.gateway.place_order(limit(alice, SELL, 1_000, 1, symbol="ETHUSDT"))
    await venue.gateway.place_order(limit(alice, BUY, 1_000, 1, symbol="ETHUSDT"))
    rules = msgspec.structs.replace(BTCUSDT, allows_discount=True, discount_asset=discount_asset, tax_buyer_fee_e8=3)
    await venue.registry.define_symbol(rules)
    await venue.gateway.credit(Transfer(account=alice, asset=discount_asset, atoms=10**8))
    await venue.registry.set_conversion(discount_asset, "BTC" if discount_asset != "BTC" else "USDT", 10**8)
    for account in (alice, bob):
        await venue.registry.set_account_rates(account, AccountRates(uses_discount=True))
    act = special(limit(alice, BUY, 101, 20), rules_version=2)
    struck = await calls_before_the_first_write(venue, "place_order", act)
    assert len(struck) > 10
    assert [command in WRITES for command in struck] == [False] * (len(struck) - 1) + [True]
    event, *_ = await events_of(venue, lambda: act(venue))  # bob's stop follows
    assert isinstance(event, OrderPlaced)
    assert {fill.taker_fee_asset for fill in event.fills} == ({""} if discount_asset == "BTC" else {discount_asset})


async def test_a_fault_between_two_steps_leaves_the_first_one_whole(venue: Venue, alice: int, bob: int) -> None:
    for _ in range(MAX_FILLS + 1):
        await venue.gateway.place_order(limit(alice, SELL, 100, 1))
    await place_first_step(venue, market(bob, BUY, lots=MAX_FILLS + 1))
    next_command = lambda venue: venue.gateway.place_order(limit(bob, BUY, 90, 1))  # noqa: E731 - as in SCENARIOS
    struck = await calls_before_the_first_write(venue, "continue_order", next_command)
    assert struck[-1] in WRITES
    await next_command(venue)
    assert (await venue.queries.market_state("BTCUSDT")).next_trade_id == MAX_FILLS + 2
