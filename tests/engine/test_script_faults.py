"""A fault at every redis.call before the first write of the scripts that the other tables of faults do not name.

The fact a newcomer would get wrong: a script that writes and has no row in any table fails here, not in review.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import pytest

from engine.account_rules import AccountLimits
from engine.commands import CancelOrderList, PlaceOrder, PlaceOrderList, ReplaceOrder, Transfer
from engine.gateway import Placed
from engine.keys import LAYOUT, order_member
from engine.rate_limits import Charge, RateLimits
from engine.scripts import load_scripts
from engine.types import Fault, ListKind, Side, SymbolStatus
from engine.venue import Venue
from tests.conftest import BTCUSDT, cancel, fund, limit
from tests.engine import test_faults, test_list_faults
from tests.engine.test_faults import calls_before_the_first_write, fill_books
from tests.engine.test_list_faults import PAIR
from tests.tape.conftest import MAKER, TAKER, Tape, give_tape_accounts
from tests.unit.lua_gate import WRITES

BUY, SELL = Side.BUY, Side.SELL
LATE_MS = 4 * 10**12
NAMED_ELSEWHERE = {
    "continue_order",  # test_faults.py: between two steps
    "serve_listen_keys",  # its one call is the write
}

Act = Callable[[Venue], Awaitable[object]]


def run(name: str, keys: Callable[[Venue], list[str]], *words: str | int | bytes) -> Act:
    return lambda venue: venue.runner.run(name, keys(venue), words)


async def lease(venue: Venue) -> None:
    await venue.runner.command("SET", venue.keys.lease("task"), "me")


async def list_is_gone(venue: Venue) -> None:
    await PAIR(venue)
    await venue.gateway.cancel_order_list(CancelOrderList(account=1, symbol="BTCUSDT", client_order_id="list"))


async def reference_from_outside(venue: Venue) -> None:
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, reference_external_id=0))


async def orders_collect(venue: Venue) -> None:
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status=SymbolStatus.AUCTION_MATCH))
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    for order in (limit(1, BUY, 103, 20), limit(2, SELL, 90, 3)):
        await venue.gateway.place_order(msgspec.structs.replace(order, rules_version=version))


async def limits_are_set(venue: Venue) -> None:
    await venue.limiter.set_limits(RateLimits())


async def order_is_gone(venue: Venue) -> None:
    await venue.gateway.cancel_order(cancel(1, 4))


async def tape_has_played(venue: Venue) -> None:
    await give_tape_accounts(venue)
    for account in (MAKER, TAKER):
        await fund(venue, account, BTC=10**15, USDT=10**15)
    await venue.clock.set_virtual(LATE_MS)
    await at_last(venue).frame(bids={91: 4, 89: 7}, asks={99: 3, 104: 2})


def at_last(venue: Venue) -> Tape:
    tape = Tape(venue)
    tape.now_ms = LATE_MS
    return tape


# Before the script: what is done on top of test_faults.fill_books.
SCENARIOS: dict[str, tuple[Act | None, Act]] = {
    "replace_order": (
        None,
        lambda venue: venue.gateway.replace_order(
            ReplaceOrder(cancel=cancel(1, 4), place=limit(1, BUY, 101, 20), place_anyway=True)
        ),
    ),
    "cancel_order_list": (
        PAIR,
        lambda venue: venue.gateway.cancel_order_list(
            CancelOrderList(account=1, symbol="BTCUSDT", client_order_id="list")
        ),
    ),
    "uncross": (orders_collect, lambda venue: venue.gateway.uncross("BTCUSDT")),
    "forget_orders": (
        order_is_gone,
        run("forget_orders", lambda venue: [venue.keys.ended("BTCUSDT"), venue.keys.symbol("BTCUSDT")],
            "BTCUSDT", 10**15, order_member(4)),
    ),
    "forget_lists": (list_is_gone, run("forget_lists", lambda venue: [venue.keys.lists("BTCUSDT")], 10**15, 1)),
    "set_account_limits": (
        None, lambda venue: venue.registry.set_account_limits(1, AccountLimits(max_open_orders=3)),
    ),
    "set_reference_price": (
        reference_from_outside, lambda venue: venue.registry.set_reference_price("BTCUSDT", 10**10),
    ),
    "admit_request": (
        limits_are_set, lambda venue: venue.limiter.admit("127.0.0.1", 5),
    ),
    "set_rate_limits": (limits_are_set, lambda venue: venue.limiter.set_limits(None)),
    "set_signatures": (None, lambda venue: venue.claims.want(once=True)),
    "claim_signature": (None, lambda venue: venue.claims.claim("key", b"signed", (1 << 52) * 1000)),
    "set_fault": (None, lambda venue: venue.faults.order(Fault(code=-1007), 5)),
    "take_fault": (lambda venue: venue.faults.order(Fault(code=-1007), 5), lambda venue: venue.faults.take("GET /")),
    "keep_listen_key": (None, lambda venue: venue.listen_keys.open(1, "good")),
    "change_external_lock": (
        None, lambda venue: venue.gateway.lock_externally(Transfer(account=1, asset="USDT", atoms=5)),
    ),
    "open_venue": (
        None, run("open_venue", lambda venue: [venue.keys.meta, venue.keys.events], "another:master", LAYOUT),
    ),
    "hold_lease": (
        lease,
        run("hold_lease", lambda venue: [venue.keys.lease("task"), venue.keys.readers], "me", 9_000, "task", b"[1,2]"),
    ),
    "store_candles": (
        lease,
        run("store_candles",
            lambda venue: [venue.keys.lease("task"), venue.keys.readers, venue.keys.candles("BTCUSDT")],
            "me", 9_000, "task", b"[1,2]", 1, 1, "1m:0", "[1]", 0),
    ),
    "apply_tape_frame": (tape_has_played, lambda venue: at_last(venue).frame(bids={100: 6, 91: 2}, asks={104: 0})),
    "play_tape_trade": (tape_has_played, lambda venue: at_last(venue).trade(101, 9, is_buyer_maker=False)),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_fault_before_the_first_write_changes_nothing(venue: Venue, alice: int, bob: int, name: str) -> None:
    prepare, act = SCENARIOS[name]
    await fill_books(venue)
    if prepare is not None:
        await prepare(venue)
    struck = await calls_before_the_first_write(venue, name, act)
    assert len(struck) >= 2
    assert struck[-1] in WRITES
    assert all(command not in WRITES for command in struck[:-1])
    await act(venue)


async def _place(order: PlaceOrder, venue: Venue) -> Placed:
    return await venue.gateway.place_order(order)


async def test_a_fault_before_the_first_write_counts_nothing(venue: Venue, alice: int, bob: int) -> None:
    """A placement that is counted, and whose fills take others off the count."""
    await fill_books(venue)
    await limits_are_set(venue)
    charge = Charge("127.0.0.1", weight=1, orders=1)
    for order in (limit(1, BUY, 101, 20), limit(1, BUY, 1, 20)):
        counted = msgspec.structs.replace(order, charge=charge)
        act: Act = partial(_place, counted)
        struck = await calls_before_the_first_write(venue, "place_order", act)
        assert [command in WRITES for command in struck] == [False] * (len(struck) - 1) + [True]
        await act(venue)
    assert charge.counts is not None


async def test_a_fault_amid_a_counted_list_or_replacement_counts_nothing(venue: Venue, alice: int, bob: int) -> None:
    await fill_books(venue)
    await limits_are_set(venue)
    first, second = (Charge("127.0.0.1", weight=1, orders=orders) for orders in (2, 1))
    orders = [msgspec.structs.replace(order, charge=first) for order in (limit(1, BUY, 100, 2), limit(1, BUY, 1, 20))]
    pair = PlaceOrderList(kind=ListKind.OTO, client_order_id="counted", orders=orders)
    replacement = ReplaceOrder(cancel=cancel(1, 4), place=msgspec.structs.replace(limit(1, BUY, 101, 3), charge=second))
    acts: list[tuple[str, Charge, Act]] = [
        ("place_order_list", first, lambda venue: venue.gateway.place_order_list(pair)),
        ("replace_order", second, lambda venue: venue.gateway.replace_order(replacement)),
    ]
    for name, charge, act in acts:
        struck = await calls_before_the_first_write(venue, name, act)
        assert [command in WRITES for command in struck] == [False] * (len(struck) - 1) + [True]
        assert charge.counts is None
        await act(venue)
        assert charge.counts is not None


def test_every_script_that_writes_is_struck_by_faults() -> None:
    """A new one needs a row: here, in test_faults.py or in test_list_faults.py."""
    struck = {name for name, _ in test_faults.SCENARIOS.values()} | {
        one[1] for one in test_list_faults.SCENARIOS.values()
    }
    writing = {name for name, script in load_scripts().items() if not script.is_read_only}
    assert writing - struck - SCENARIOS.keys() - NAMED_ELSEWHERE == set()
    assert (struck | SCENARIOS.keys() | NAMED_ELSEWHERE) - writing == set()
