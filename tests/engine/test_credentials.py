"""Whose command it is, looked at again where it is executed: its key, what that permits, until when it was signed for.

The fact a newcomer would get wrong: a worker has checked all of this already, by a record and a clock that may be a
moment old. What is refused here is refused on every worker from the moment on at which the key changed.
"""

from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from engine.commands import (
    CancelAllOrders,
    CancelOrderList,
    PlaceOrderList,
    ReduceOrder,
    ReplaceOrder,
    Transfer,
    credential_of,
)
from engine.errors import Reason
from engine.registry import KeyRecord
from engine.types import ListKind, OrderType, Side
from engine.venue import Venue
from tests.conftest import ETHUSDT, cancel, limit
from tests.engine.checks import refused_without_a_trace

NOW_MS = 1_700_000_000_000
DIGEST = "d" * 64
Command = Callable[[Venue, str], Awaitable[object]]

OTHER = limit(1, Side.BUY, 80, 5, client_id="other")
LIST = [
    replace(limit(1, Side.SELL, 300, 5, client_id="above"), type=OrderType.LIMIT_MAKER),
    replace(limit(1, Side.SELL, 50, 5, client_id="below"), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=60),
]

# Each would be accepted of account 1 in the market of `market`, under a key that permits the letter.
COMMANDS: dict[str, tuple[str, Command]] = {
    "place_order": ("T", lambda venue, word: venue.gateway.place_order(replace(OTHER, credential=word))),
    "place_order_list": (
        "T",
        lambda venue, word: venue.gateway.place_order_list(
            PlaceOrderList(
                kind=ListKind.OCO, client_order_id="l", orders=[replace(one, credential=word) for one in LIST]
            )
        ),
    ),
    "cancel_order": ("T", lambda venue, word: venue.gateway.cancel_order(replace(cancel(1, 1), credential=word))),
    "cancel_all_orders": (
        "T",
        lambda venue, word: venue.gateway.cancel_all_orders(
            CancelAllOrders(account=1, symbol="BTCUSDT", credential=word)
        ),
    ),
    "cancel_order_list": (
        "T",
        lambda venue, word: venue.gateway.cancel_order_list(
            CancelOrderList(account=1, symbol="BTCUSDT", list_id=1, credential=word)
        ),
    ),
    "replace_order": (
        "T",
        lambda venue, word: venue.gateway.replace_order(
            ReplaceOrder(cancel=cancel(1, 1), place=replace(OTHER, credential=word))
        ),
    ),
    "reduce_order": (
        "T",
        lambda venue, word: venue.gateway.reduce_order(
            ReduceOrder(account=1, symbol="BTCUSDT", order_id=1, lots=4, credential=word)
        ),
    ),
    "credit": (
        "W",
        lambda venue, word: venue.gateway.credit(Transfer(account=1, asset="BTC", atoms=1, credential=word)),
    ),
    "debit": ("W", lambda venue, word: venue.gateway.debit(Transfer(account=1, asset="BTC", atoms=1, credential=word))),
}


@pytest.fixture
async def market(venue: Venue, alice: int) -> Venue:
    """At NOW_MS: alice's order 1, a bid of 5, and her list 1; her key permits everything."""
    await venue.clock.set_virtual(NOW_MS)
    await venue.gateway.place_order(limit(alice, Side.BUY, 90, 5))
    pair = [replace(one, client_order_id=f"{one.client_order_id}-1") for one in LIST]
    await venue.gateway.place_order_list(PlaceOrderList(kind=ListKind.OCO, client_order_id="first", orders=pair))
    await venue.registry.define_key(DIGEST, KeyRecord(account=alice, user_name='"T"'))
    return venue


@pytest.mark.parametrize("name", COMMANDS)
async def test_what_is_signed_is_executed_until_its_time_is_over(market: Venue, name: str) -> None:
    _, command = COMMANDS[name]
    over = command(market, credential_of(DIGEST, NOW_MS * 1000 - 1))
    assert await refused_without_a_trace(market, over) is Reason.OUTSIDE_WINDOW
    await command(market, credential_of(DIGEST, NOW_MS * 1000))


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("until_us", [None, NOW_MS * 2_000])
async def test_a_permission_taken_away_is_gone_at_once(market: Venue, name: str, until_us: int | None) -> None:
    letter, command = COMMANDS[name]
    word = credential_of(DIGEST, until_us)
    lacks = "RTW".replace(letter, "")
    for permissions in (lacks, "R", ""):
        await market.registry.define_key(DIGEST, KeyRecord(account=1, user_name='"T', permissions=permissions))
        assert await refused_without_a_trace(market, command(market, word)) is Reason.KEY_INVALID
    await market.registry.define_key(DIGEST, KeyRecord(account=11, user_name="x"))
    assert await refused_without_a_trace(market, command(market, word)) is Reason.KEY_INVALID
    await market.registry.revoke_key(DIGEST, account=11, name="x")
    assert await refused_without_a_trace(market, command(market, word)) is Reason.KEY_INVALID
    await market.registry.define_key(DIGEST, KeyRecord(account=1, user_name="alice", permissions=letter))
    await command(market, word)


async def test_an_end_of_many_cancels_that_began_in_time_goes_on(venue: Venue, alice: int) -> None:
    """Cancels of more than 500 orders are several commands, and the window closes after the first."""
    await venue.clock.set_virtual(NOW_MS)
    await venue.registry.define_key(DIGEST, KeyRecord(account=alice, user_name="alice"))
    for number in range(502):
        await venue.gateway.place_order(limit(alice, Side.BUY, 100 + number, 1, symbol=ETHUSDT.symbol))
    run = venue.runner.run
    commands = 0

    async def run_later(name: str, *words: object) -> list[object]:
        nonlocal commands
        reply = await run(name, *words)  # type: ignore[arg-type]
        if name == "cancel_all_orders":
            commands += 1
            await venue.clock.set_virtual(NOW_MS + commands)
        return reply

    venue.runner.run = run_later  # type: ignore[method-assign,assignment]
    word = credential_of(DIGEST, NOW_MS * 1000)
    canceled = await venue.gateway.cancel_all_orders(
        CancelAllOrders(account=alice, symbol=ETHUSDT.symbol, credential=word)
    )
    assert (len(canceled), commands) == (502, 2)
