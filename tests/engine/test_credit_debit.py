"""credit and debit: money in and out, exact up to 9.0e18 atoms."""

import msgspec
import pytest

from engine.audit import audit
from engine.commands import Transfer
from engine.errors import Reason
from engine.events import BalanceCredited, BalanceDebited
from engine.registry import KeyRecord
from engine.types import BALANCE_LIMIT, Side
from engine.venue import Venue
from tests.conftest import balance, cancel, fund, limit
from tests.engine.checks import events_of, refused_without_a_trace


def usdt(account: int, atoms: int) -> Transfer:
    return Transfer(account=account, asset="USDT", atoms=atoms)


async def test_money_comes_in_and_goes_out(venue: Venue) -> None:
    credited = await venue.gateway.credit(usdt(5, 700))
    debited = await venue.gateway.debit(usdt(5, 300))
    assert (credited.free_atoms, debited.free_atoms, debited.locked_atoms) == (700, 400, 0)
    assert debited.transfer_id == credited.transfer_id + 1


async def test_transfers_are_exact_above_two_to_the_53(venue: Venue) -> None:
    odd = 2**53 + 1
    await fund(venue, 5, USDT=odd)
    for atoms in (odd + 1, odd + 2, 10 * odd):
        refused = venue.gateway.debit(usdt(5, atoms))
        assert await refused_without_a_trace(venue, refused) is Reason.INSUFFICIENT_BALANCE
    assert (await venue.gateway.debit(usdt(5, odd))).free_atoms == 0


@pytest.mark.parametrize("more", [*range(-2, 3), 998, 999, 1_000, 1_001, 1_002])
async def test_orders_move_balances_exactly_around_two_to_the_53(venue: Venue, more: int) -> None:
    """There the engine turns from writing what a balance becomes to writing by how much it changes."""
    edge, seller = 2**53, 6
    await fund(venue, 5, USDT=2 * edge + more)
    await fund(venue, seller, BTC=10**6)
    await venue.gateway.place_order(limit(5, Side.BUY, (edge - 2) // 10, 1))
    assert await balance(venue, 5, "USDT") == (edge + 2 + more, edge - 2)
    small = [await venue.gateway.place_order(limit(5, Side.BUY, 100, 1)) for _ in range(3)]
    assert await balance(venue, 5, "USDT") == (edge + more - 2_998, edge + 2_998)
    await venue.gateway.cancel_order(cancel(5, small[2].order.order_id))
    assert await balance(venue, 5, "USDT") == (edge + more - 1_998, edge + 1_998)
    await venue.gateway.place_order(limit(seller, Side.SELL, 100, 1))
    assert await balance(venue, 5, "USDT") == (edge + more - 1_998, 2_000)
    await venue.gateway.place_order(limit(seller, Side.SELL, 100, 1))
    await venue.gateway.cancel_order(cancel(5, small[1].order.order_id))
    assert await balance(venue, 5, "USDT") == (edge + more - 998, 0)
    assert (await audit(venue)).differences == []


async def test_what_open_orders_hold_cannot_be_debited(venue: Venue) -> None:
    await fund(venue, 5, USDT=1_500)
    await venue.gateway.place_order(limit(5, Side.BUY, 100, 1))
    refused = venue.gateway.debit(usdt(5, 501))
    assert await refused_without_a_trace(venue, refused) is Reason.INSUFFICIENT_BALANCE
    debited = await venue.gateway.debit(usdt(5, 500))
    assert (debited.free_atoms, debited.locked_atoms) == (0, 1_000)


async def test_all_money_there_ever_was_stays_countable(venue: Venue) -> None:
    await fund(venue, 5, USDT=BALANCE_LIMIT)
    for account in (5, 6):
        refused = venue.gateway.credit(usdt(account, 10_000))
        assert await refused_without_a_trace(venue, refused) is Reason.BALANCE_TOO_LARGE
    assert await balance(venue, 5, "USDT") == (BALANCE_LIMIT, 0)


async def test_an_unknown_asset_is_refused(venue: Venue) -> None:
    unknown = Transfer(account=5, asset="DOGE", atoms=1)
    for command in (venue.gateway.credit, venue.gateway.debit):
        assert await refused_without_a_trace(venue, command(unknown)) is Reason.UNKNOWN_ASSET


async def test_a_foreign_key_moves_no_money(venue: Venue, bob: int) -> None:
    await fund(venue, 5, USDT=10)
    await venue.registry.define_key("bobs", KeyRecord(account=bob, user_name="bob"))
    keyed = msgspec.structs.replace(usdt(5, 1), credential="bobs")
    for command in (venue.gateway.credit, venue.gateway.debit):
        assert await refused_without_a_trace(venue, command(keyed)) is Reason.KEY_INVALID


@pytest.mark.parametrize("is_credit", [True, False])
async def test_the_event_tells_the_money_before_and_after(venue: Venue, is_credit: bool) -> None:
    await fund(venue, 5, USDT=1_500)
    await venue.gateway.place_order(limit(5, Side.BUY, 100, 1))
    command = venue.gateway.credit if is_credit else venue.gateway.debit
    (event,) = await events_of(venue, lambda: command(usdt(5, 200)))
    assert isinstance(event, BalanceCredited if is_credit else BalanceDebited)
    assert (event.atoms, event.balance.free_before, event.balance.free_atoms) == (200, 500, 700 if is_credit else 300)
    assert (event.balance.locked_before, event.balance.locked_delta) == (1_000, 0)
