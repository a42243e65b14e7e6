"""change_external_lock: somebody outside of the exchange holds an account's money; orders cannot have it meanwhile."""

import pytest

from engine.audit import audit
from engine.commands import Transfer
from engine.errors import Reason, Rejected
from engine.events import ExternalLockChanged
from engine.types import BALANCE_LIMIT, Side
from engine.venue import Venue
from tests.conftest import balance, fund, limit
from tests.engine.checks import events_of, refused_without_a_trace

USER = 5


def usdt(atoms: int) -> Transfer:
    return Transfer(account=USER, asset="USDT", atoms=atoms)


async def test_money_is_locked_and_set_free_again(venue: Venue) -> None:
    await fund(venue, USER, USDT=1_000)
    locked = await venue.gateway.lock_externally(usdt(700))
    assert (locked.free_atoms, locked.locked_atoms) == (300, 700)
    assert await balance(venue, USER, "USDT") == (300, 700)
    assert (await audit(venue)).differences == []
    free = await venue.gateway.unlock_externally(usdt(700))
    assert (free.free_atoms, free.locked_atoms) == (1_000, 0)
    assert (await audit(venue)).differences == []


async def test_the_event_tells_the_money_before_and_after(venue: Venue) -> None:
    await fund(venue, USER, USDT=1_000)
    (event,) = await events_of(venue, lambda: venue.gateway.lock_externally(usdt(700)))
    assert isinstance(event, ExternalLockChanged)
    assert (event.balance.free_before, event.balance.free_delta) == (1_000, -700)
    assert (event.balance.locked_before, event.balance.locked_delta) == (0, 700)
    (event,) = await events_of(venue, lambda: venue.gateway.unlock_externally(usdt(200)))
    assert isinstance(event, ExternalLockChanged)
    assert (event.balance.free_atoms, event.balance.locked_atoms) == (500, 500)


async def test_orders_and_withdrawals_do_without_it(venue: Venue) -> None:
    await fund(venue, USER, USDT=1_000)
    await venue.gateway.lock_externally(usdt(999))
    with pytest.raises(Rejected, match=Reason.INSUFFICIENT_BALANCE):
        await venue.gateway.place_order(limit(USER, Side.BUY, 100, 1))
    assert await refused_without_a_trace(venue, venue.gateway.debit(usdt(2))) is Reason.INSUFFICIENT_BALANCE


async def test_what_orders_lock_is_not_set_free(venue: Venue) -> None:
    await fund(venue, USER, USDT=3_000)
    await venue.gateway.place_order(limit(USER, Side.BUY, 100, 1))
    await venue.gateway.lock_externally(usdt(500))
    assert await balance(venue, USER, "USDT") == (1_500, 1_500)
    assert await refused_without_a_trace(venue, venue.gateway.unlock_externally(usdt(501))) is (
        Reason.INSUFFICIENT_BALANCE
    )


async def test_more_than_is_free_and_unknown_assets_are_refused(venue: Venue) -> None:
    await fund(venue, USER, USDT=1_000)
    assert await refused_without_a_trace(venue, venue.gateway.lock_externally(usdt(1_001))) is (
        Reason.INSUFFICIENT_BALANCE
    )
    for command in (venue.gateway.lock_externally, venue.gateway.unlock_externally):
        refused = command(Transfer(account=USER, asset="DOGE", atoms=1))
        assert await refused_without_a_trace(venue, refused) is Reason.UNKNOWN_ASSET


async def test_amounts_above_2_53_stay_exact(venue: Venue) -> None:
    await fund(venue, USER, USDT=BALANCE_LIMIT)
    await venue.gateway.lock_externally(usdt(BALANCE_LIMIT - 1))
    assert await balance(venue, USER, "USDT") == (1, BALANCE_LIMIT - 1)
    await venue.gateway.unlock_externally(usdt(BALANCE_LIMIT - 2))
    assert await balance(venue, USER, "USDT") == (BALANCE_LIMIT - 1, 1)


async def test_the_audit_sees_a_lock_that_nobody_holds(venue: Venue) -> None:
    await fund(venue, USER, USDT=1_000)
    await venue.gateway.lock_externally(usdt(700))
    await venue.connection.command("HINCRBY", venue.keys.balance("USDT"), f"{USER}:external", -1)
    assert [line.partition(",")[0] for line in (await audit(venue)).differences] == [
        "USDT: account 5 has 0.00000700 locked"
    ]
    await venue.connection.command("HINCRBY", venue.keys.balance("USDT"), f"{USER}:external", 1)
