"""An account's events in Binance's form: every field as user-data-stream.md shows it, in one fixed order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from accounts.digests import key_digest
from accounts.streams import UserStreams
from accounts.user_events.answers_first import AnswersFirst
from accounts.user_events.listen_keys import open_listen_key
from api.runtime import Runtime
from api.subscriptions import BARE, POLICY_VIOLATION, TRY_AGAIN_LATER, Subscriber, named_envelope
from api.time_units import TimeUnit
from engine.commands import Transfer
from engine.embedded import EmbeddedServer
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import Venue
from tests.conftest import BTCUSDT, fund, limit
from tests.ws.conftest import give_key
from tests.ws.listening import Ear

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
async def ear(runtime: Runtime, venue: Venue, alice: int) -> AsyncIterator[Ear]:
    await runtime.start()
    yield Ear(runtime)
    await runtime.stop()


async def test_events_come_in_the_envelope_of_their_subscription(
    ear: Ear, runtime: Runtime, venue: Venue, alice: int
) -> None:
    subscription = await ear.hear(venue, alice)
    await venue.gateway.credit(Transfer(account=alice, asset="BTC", atoms=5))
    funds, account = await ear.event(), await ear.event()
    now_ms = funds["E"]
    assert list(funds) == ["e", "E", "a", "d", "T"]
    assert funds == {"e": "balanceUpdate", "E": now_ms, "a": "BTC", "d": "0.00000005", "T": now_ms}
    assert list(account) == ["e", "E", "u", "B"]
    assert account["B"] == [{"a": "BTC", "f": "1000000.00000005", "l": "0.00000000"}]
    subscription.terminate(17)
    assert await ear.next() == {"subscriptionId": 7, "event": {"e": "eventStreamTerminated", "E": 17}}
    await venue.gateway.credit(Transfer(account=alice, asset="BTC", atoms=5))
    await runtime.feed.handler(UserStreams).until_caught_up()
    assert ear.queue.fullness_percent == 0


async def test_what_happened_before_a_subscription_is_not_heard(
    ear: Ear, runtime: Runtime, venue: Venue, alice: int
) -> None:
    for number in range(20):
        await venue.gateway.place_order(limit(alice, BUY, 5_000_000 - number, 100))
    await ear.hear(venue, alice)
    placed = await venue.gateway.place_order(limit(alice, BUY, 4_000_000, 100))
    assert (await ear.event())["i"] == placed.order.order_id


async def test_times_come_in_microseconds_where_they_are_asked_for(
    ear: Ear, runtime: Runtime, venue: Venue, alice: int
) -> None:
    await ear.hear(venue, alice, TimeUnit.MICROSECOND)
    placed = await venue.gateway.place_order(limit(alice, BUY, 5_000_000, 100))
    report, account = await ear.event(), await ear.event()
    assert {report[name] for name in "ETOW"} == {placed.order.created_ms * 1000}
    assert account["E"] == account["u"] == placed.order.created_ms * 1000


async def test_an_event_waits_for_the_answers_to_what_had_been_asked_when_it_came() -> None:
    codes: list[int] = []
    queue = Subscriber(codes.append)
    gate = AnswersFirst(queue)
    gate.push("alone")
    with gate.request():
        gate.push("of the first")
        second = gate.request()
        with second:
            gate.push("of both")
            queue.push("answer 2")
        queue.push("answer 1")
    gate.push("behind")
    assert await queue.take() == ["alone", "answer 2", "answer 1", "of the first", "of both", "behind"]


async def test_a_socket_that_never_stops_asking_still_hears_its_events() -> None:
    queue = Subscriber([].append)
    gate = AnswersFirst(queue)
    first = gate.request()
    first.__enter__()
    gate.push("event")
    second = gate.request()
    second.__enter__()
    queue.push("answer 1")
    first.__exit__(None, None, None)
    assert await queue.take() == ["answer 1", "event"]
    second.__exit__(None, None, None)


async def test_a_listen_key_is_heard_until_it_ends(ear: Ear, runtime: Runtime, venue: Venue, alice: int) -> None:
    await give_key(venue, alice, f"user{alice}", f"key-of-user{alice}")
    name = await venue.listen_keys.open(alice, key_digest(f"key-of-user{alice}"))
    subscription = await open_listen_key(runtime, name, named_envelope(name), address="")
    assert subscription is not None
    subscription.start(ear.queue)
    await venue.gateway.credit(Transfer(account=alice, asset="BTC", atoms=5))
    frame = await ear.next()
    assert (list(frame), frame["stream"], frame["data"]["e"]) == (["stream", "data"], name, "balanceUpdate")
    assert (await ear.next())["data"]["e"] == "outboundAccountPosition"
    await venue.listen_keys.close(alice, name)
    ended = (await ear.next())["data"]
    assert list(ended) == ["e", "E", "listenKey"]
    assert (ended["e"], ended["listenKey"]) == ("listenKeyExpired", name)
    assert await open_listen_key(runtime, name, BARE, address="") is None


async def revoke(venue: Venue, account: int) -> None:
    await venue.registry.revoke_key(key_digest(f"key-of-user{account}"), account=account, name=f"user{account}")


async def forbid_reading(venue: Venue, account: int) -> None:
    record = KeyRecord(account=account, user_name=f"user{account}", permissions="T")
    await venue.registry.define_key(key_digest(f"key-of-user{account}"), record)


@pytest.mark.parametrize("change", [revoke, forbid_reading])
async def test_a_key_that_may_no_longer_read_closes_what_it_has_opened(
    ear: Ear, venue: Venue, alice: int, change: Callable[[Venue, int], Awaitable[None]]
) -> None:
    await ear.hear(venue, alice)
    await change(venue, alice)
    async with asyncio.timeout(10):
        while not ear.codes:
            await asyncio.sleep(0.01)
    assert ear.codes == [POLICY_VIOLATION]


async def test_an_external_lock_is_told_with_its_sign(ear: Ear, runtime: Runtime, venue: Venue, alice: int) -> None:
    await ear.hear(venue, alice)
    money = Transfer(account=alice, asset="BTC", atoms=10 * 10**8)
    await venue.gateway.lock_externally(money)
    lock, account = await ear.event(), await ear.event()
    assert list(lock) == ["e", "E", "a", "d", "T"]
    assert lock == {"e": "externalLockUpdate", "E": lock["E"], "a": "BTC", "d": "10.00000000", "T": lock["E"]}
    assert account["B"] == [{"a": "BTC", "f": "999990.00000000", "l": "10.00000000"}]
    await venue.gateway.unlock_externally(money)
    assert (await ear.event())["d"] == "-10.00000000"
    assert (await ear.event())["B"] == [{"a": "BTC", "f": "1000000.00000000", "l": "0.00000000"}]


async def test_a_new_epoch_ends_what_was_heard_and_nothing_is_heard_twice(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "redis", durability="standard")
    server.start()
    venue = await Venue.connect(server.url, "restarted")
    await venue.registry.define_symbol(BTCUSDT)
    runtime = Runtime(server.url, "restarted")
    await runtime.start()
    try:
        ear = Ear(runtime)
        await ear.hear(venue, 1)
        server.stop()
        server.start()
        async with asyncio.timeout(20):
            while not ear.codes:
                await asyncio.sleep(0.01)
        assert ear.codes == [TRY_AGAIN_LATER]
        again = Ear(runtime)
        await again.hear(venue, 1)
        await fund(venue, 1, USDT=5)
        assert [event["e"] for event in await again.events(2)] == ["balanceUpdate", "outboundAccountPosition"]
        assert again.queue.fullness_percent == 0
    finally:
        await runtime.stop()
        await venue.close()
        server.stop()


async def test_who_hears_an_account_twice_hears_each_event_once_until_the_last_end(
    ear: Ear, runtime: Runtime, venue: Venue, alice: int
) -> None:
    """A listenKey that was just closed, and the new one on the same socket."""
    first = await ear.hear(venue, alice)
    second = await ear.hear(venue, alice)
    for still_heard in (second, first):
        await venue.gateway.credit(Transfer(account=alice, asset="BTC", atoms=5))
        assert [event["e"] for event in await ear.events(2)] == ["balanceUpdate", "outboundAccountPosition"]
        still_heard.end()
        still_heard.end()
    await venue.gateway.credit(Transfer(account=alice, asset="BTC", atoms=5))
    await runtime.feed.handler(UserStreams).until_caught_up()
    assert ear.queue.fullness_percent == 0
    assert runtime.feed.handler(UserStreams)._streams == {}
