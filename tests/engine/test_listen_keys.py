"""listenKeys: one for an account, an hour of the venue's clock, the account's own, and gone when a tester wants it."""

import asyncio

import pytest

from engine.errors import Reason, Rejected
from engine.listen_keys import LENGTH, LIFE_MS, ListenKeyHolder, looks_like_listen_key
from engine.registry import KeyRecord
from engine.venue import Venue

ALICE, BOB = 1, 2
KEY_A, KEY_B = "a" * 64, "b" * 64
START_MS = 1_700_000_000_000


@pytest.fixture
async def keyed(venue: Venue) -> Venue:
    """A venue whose clock stands still, with a key of either account."""
    await venue.clock.set_virtual(START_MS)
    for account, name, digest in ((ALICE, "alice", KEY_A), (BOB, "bob", KEY_B)):
        await venue.registry.define_key(digest, KeyRecord(account=account, user_name=name))
    return venue


async def holder(venue: Venue, name: str) -> ListenKeyHolder | None:
    _, (found,) = await venue.listen_keys.holders([name])
    return found


async def refusal(awaitable: object) -> Reason:
    with pytest.raises(Rejected) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value.reason


async def test_an_account_has_one_listen_key_and_asking_again_lets_it_live_on(keyed: Venue) -> None:
    name = await keyed.listen_keys.open(ALICE, KEY_A)
    assert len(name) == LENGTH
    assert looks_like_listen_key(name)
    await keyed.clock.set_virtual(START_MS + LIFE_MS - 1)
    assert await keyed.listen_keys.open(ALICE, KEY_A) == name
    await keyed.clock.set_virtual(START_MS + 2 * LIFE_MS - 2)
    assert await holder(keyed, name) == ListenKeyHolder(ALICE, KEY_A)
    assert await keyed.listen_keys.open(BOB, KEY_B) != name


async def test_it_ends_after_an_hour_of_the_venues_clock_to_the_millisecond(keyed: Venue) -> None:
    name = await keyed.listen_keys.open(ALICE, KEY_A)
    await keyed.clock.set_virtual(START_MS + LIFE_MS - 1)
    assert await holder(keyed, name) is not None
    await keyed.clock.set_virtual(START_MS + LIFE_MS)
    assert await holder(keyed, name) is None
    assert await refusal(keyed.listen_keys.extend(ALICE, name)) is Reason.UNKNOWN_LISTEN_KEY
    assert await keyed.listen_keys.open(ALICE, KEY_A) != name
    assert await holder(keyed, name) is None


async def test_it_is_extended_and_closed_by_its_account_alone(keyed: Venue) -> None:
    name = await keyed.listen_keys.open(ALICE, KEY_A)
    await keyed.clock.set_virtual(START_MS + LIFE_MS // 2)
    await keyed.listen_keys.extend(ALICE, name)
    for change in (keyed.listen_keys.extend, keyed.listen_keys.close):
        assert await refusal(change(BOB, name)) is Reason.UNKNOWN_LISTEN_KEY
        assert await refusal(change(ALICE, "x" * LENGTH)) is Reason.UNKNOWN_LISTEN_KEY
    await keyed.clock.set_virtual(START_MS + LIFE_MS + LIFE_MS // 2 - 1)
    assert await holder(keyed, name) is not None
    await keyed.listen_keys.close(ALICE, name)
    assert await holder(keyed, name) is None
    assert await refusal(keyed.listen_keys.close(ALICE, name)) is Reason.UNKNOWN_LISTEN_KEY


async def test_names_that_the_table_uses_itself_are_no_listen_keys(keyed: Venue) -> None:
    await keyed.listen_keys.open(ALICE, KEY_A)
    for name in ("#gone", f"account:{ALICE}", "", " "):
        assert await holder(keyed, name) is None
    for name in ("#gone", f"account:{ALICE}"):
        assert await refusal(keyed.listen_keys.close(ALICE, name)) is Reason.UNKNOWN_LISTEN_KEY


async def test_a_listen_key_ends_with_the_api_key_it_was_made_with(keyed: Venue) -> None:
    name = await keyed.listen_keys.open(ALICE, KEY_A)
    await keyed.registry.define_key("c" * 64, KeyRecord(account=ALICE, user_name="alice"))
    assert await keyed.listen_keys.open(ALICE, "c" * 64) == name
    await keyed.registry.revoke_key(KEY_A, account=ALICE, name="alice")
    assert await holder(keyed, name) is None
    other = await keyed.listen_keys.open(ALICE, "c" * 64)
    assert other != name
    assert await holder(keyed, other) == ListenKeyHolder(ALICE, "c" * 64)


async def test_a_listen_key_ends_when_its_api_key_may_no_longer_read(keyed: Venue) -> None:
    name = await keyed.listen_keys.open(ALICE, KEY_A)
    await keyed.registry.define_key(KEY_A, KeyRecord(account=ALICE, user_name="alice", permissions="TW"))
    assert await holder(keyed, name) is None
    await keyed.registry.define_key(KEY_A, KeyRecord(account=ALICE, user_name="alice", permissions="R"))
    assert await holder(keyed, name) is not None


async def test_a_tester_takes_them_away_and_gives_them_back(keyed: Venue) -> None:
    name = await keyed.listen_keys.open(ALICE, KEY_A)
    await keyed.listen_keys.serve(gone=True)
    assert await holder(keyed, name) is None
    for change in (keyed.listen_keys.open(ALICE, KEY_A), keyed.listen_keys.close(ALICE, name)):
        assert await refusal(change) is Reason.LISTEN_KEYS_GONE
    keyed.listen_keys.are_gone = True  # what the exchange was started with comes behind what the tester says
    await keyed.listen_keys.serve(gone=False)
    assert await holder(keyed, name) is not None


async def test_an_exchange_started_without_them_has_none(keyed: Venue) -> None:
    keyed.listen_keys.are_gone = True
    assert await refusal(keyed.listen_keys.open(ALICE, KEY_A)) is Reason.LISTEN_KEYS_GONE


async def test_many_who_ask_at_once_get_the_same(keyed: Venue) -> None:
    names = await asyncio.gather(*(keyed.listen_keys.open(ALICE, KEY_A) for _ in range(20)))
    assert len(set(names)) == 1


async def test_they_leave_no_trace_in_the_history(keyed: Venue) -> None:
    before = (await keyed.queries.clock()).seq
    name = await keyed.listen_keys.open(ALICE, KEY_A)
    await keyed.listen_keys.extend(ALICE, name)
    await keyed.listen_keys.close(ALICE, name)
    assert (await keyed.queries.clock()).seq == before
