"""session.logon and what follows from it; keys of all kinds; events over two workers."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from accounts.digests import key_digest
from accounts.streams import UserStreams
from accounts.websocket_api import user_streams
from accounts.websocket_api.consumer import WebSocketApiConsumer
from api.runtime import Runtime
from engine.queries import Queries
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.api_client import (
    ApiClient,
    Key,
    api_connected,
    api_url_of,
    give_ed25519_key,
    give_hmac_key,
    give_rsa_key,
)

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "50000",
    "quantity": "0.01",
}
BAD_KEY = (401, -2015, "Invalid API-key, IP, or permissions for action.")
NOT_LOGGED_ON = (400, -1193, "WebSocket session not authenticated. Recommendation: use `session.logon`.")
NO_KEY = (400, -1102, "Mandatory parameter 'apiKey' was not sent, was empty/null, or malformed.")


@pytest.fixture
def api_url(ws_url: str) -> str:
    return api_url_of(ws_url)


@pytest.fixture
async def api(api_url: str) -> AsyncIterator[ApiClient]:
    async with api_connected(api_url) as client:
        yield client


@pytest.fixture
async def key(venue: Venue, alice: int) -> Key:
    return await give_ed25519_key(venue, alice, "alice")


def now() -> int:
    return int(time.time() * 1000)


@pytest.mark.parametrize("give", [give_hmac_key, give_rsa_key, give_ed25519_key])
async def test_keys_of_every_kind_sign_orders_and_subscriptions(api, venue: Venue, alice: int, give) -> None:
    key = await give(venue, alice, "alice")
    assert await api.call("userDataStream.subscribe.signature", **key.signed()) == {"subscriptionId": 0}
    placed = await api.call("order.place", **key.signed(**ORDER))
    assert (await api.event())["event"]["i"] == placed["orderId"]
    forged = key.signed(**ORDER) | {"quantity": "0.02"}
    assert (await api.error("order.place", **forged))[:2] == (400, -1022)


async def test_only_ed25519_keys_log_on(api: ApiClient, venue: Venue, alice: int) -> None:
    for give, text in ((give_hmac_key, "HMAC-SHA-256"), (give_rsa_key, "RSA")):
        key = await give(venue, alice, "alice")
        assert await api.error("session.logon", **key.signed()) == (400, -2028, f"{text} API key is not supported.")
    assert (await api.call("session.status"))["apiKey"] is None


async def test_a_session_from_its_beginning_to_its_end(api: ApiClient, key: Key) -> None:
    before = await api.call("session.status")
    assert before == {
        "apiKey": None, "authorizedSince": None, "connectedSince": before["connectedSince"], "returnRateLimits": True,
        "serverTime": before["serverTime"], "userDataStream": False,
    }  # fmt: skip
    assert await api.error("account.status", timestamp=now()) == NO_KEY
    began = await api.call("session.logon", **key.signed())
    assert began.keys() == before.keys()
    assert began["apiKey"] == key.api_key
    assert before["connectedSince"] == began["connectedSince"] <= began["authorizedSince"] <= began["serverTime"]
    assert (await api.call("account.status", timestamp=now()))["uid"] == 1
    assert (await api.call("order.place", **ORDER, timestamp=now(), recvWindow=5000))["status"] == "NEW"
    assert (await api.error("order.place", **ORDER))[:2] == (400, -1102)
    assert (await api.error("order.place", **ORDER, timestamp=now() - 6_000))[:2] == (400, -1021)
    assert (await api.call("session.status"))["authorizedSince"] == began["authorizedSince"]
    ended = await api.call("session.logout")
    assert (ended["apiKey"], ended["authorizedSince"], ended["connectedSince"]) == (
        None,
        None,
        before["connectedSince"],
    )
    assert await api.error("account.status", timestamp=now()) == NO_KEY
    assert await api.call("session.logout")


async def test_a_request_belongs_to_the_session_in_which_it_was_sent(api: ApiClient, key: Key) -> None:
    await api.call("session.logon", **key.signed())
    for number in range(20):
        query = {"id": f"q{number}", "method": "account.status", "params": {"timestamp": now()}}
        log_out = {"id": f"o{number}", "method": "session.logout"}
        log_on = {"id": f"i{number}", "method": "session.logon", "params": key.signed()}
        for request in (query, log_out, log_on):
            await api.socket.send(msgspec.json.encode(request).decode())
        answers = {answer["id"]: answer for answer in [await api.receive() for _ in range(3)]}
        assert [answers[f"{letter}{number}"]["status"] for letter in "qoi"] == [200, 200, 200]


async def test_there_are_bounds_for_subscriptions(
    api: ApiClient, key: Key, venue: Venue, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_streams, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(user_streams, "MOST_IN_ALL", 2)
    other = await give_hmac_key(venue, bob, "bob")
    assert await api.call("userDataStream.subscribe.signature", **key.signed()) == {"subscriptionId": 0}
    assert await api.error("userDataStream.subscribe.signature", **other.signed()) == (
        400, -1191, "Too many subscriptions. Connection may create up to '1000' subscriptions at a time.",
    )  # fmt: skip
    for number in (0, 1):
        await api.call("userDataStream.unsubscribe")
        assert (await api.event())["subscriptionId"] == number
        if number == 0:
            assert await api.call("userDataStream.subscribe.signature", **other.signed()) == {"subscriptionId": 1}
    assert await api.error("userDataStream.subscribe.signature", **other.signed()) == (
        400, -2042, "Maximum subscription ID reached for this connection.",
    )  # fmt: skip


async def test_logging_on_needs_a_key_and_signature_of_its_own(api: ApiClient, key: Key) -> None:
    assert await api.error("session.logon") == NO_KEY
    assert await api.error("session.logon", timestamp=now(), signature="x") == NO_KEY
    assert (await api.error("session.logon", **key.signed() | {"signature": "x"}))[:2] == (400, -1022)
    await api.call("session.logon", **key.signed())
    assert await api.error("session.logon", timestamp=now()) == NO_KEY


async def test_another_key_overrides_the_session_for_one_request(
    api: ApiClient, key: Key, venue: Venue, alice: int, bob: int
) -> None:
    other = await give_hmac_key(venue, bob, "bob")
    await api.call("session.logon", **key.signed())
    assert (await api.call("account.status", **other.signed()))["uid"] == bob
    assert (await api.call("account.status", timestamp=now()))["uid"] == alice
    assert (await api.error("account.status", **other.signed() | {"signature": "x"}))[:2] == (400, -1022)
    third = await give_ed25519_key(venue, bob, "bob")
    await api.call("session.logon", **third.signed())
    assert (await api.call("account.status", timestamp=now()))["uid"] == bob


async def test_a_session_of_a_reader_does_not_trade_and_goes_on(api: ApiClient, venue: Venue, alice: int) -> None:
    reader = await give_ed25519_key(venue, alice, "alice", permissions="R")
    await api.call("session.logon", **reader.signed())
    assert await api.error("order.place", **ORDER, timestamp=now()) == BAD_KEY
    assert await api.call("openOrders.status", timestamp=now()) == []


async def test_a_subscription_that_begins_as_its_socket_goes_is_given_back(
    api_url: str, key: Key, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_go_on, joined = asyncio.Event(), asyncio.Event(), asyncio.Event()
    balances, join = Queries.balances, UserStreams.join

    async def late_balances(*arguments: Any) -> Any:
        asked.set()
        await may_go_on.wait()
        return await balances(*arguments)

    def noted_join(*arguments: Any) -> None:
        joined.set()
        join(*arguments)

    monkeypatch.setattr(Queries, "balances", late_balances)
    monkeypatch.setattr(UserStreams, "join", noted_join)
    async with api_connected(api_url) as client:
        request = {"id": 1, "method": "userDataStream.subscribe.signature", "params": key.signed()}
        await client.socket.send(msgspec.json.encode(request).decode())
        await asked.wait()
    async with asyncio.timeout(10):
        while runtime.feed._subscribers:
            await asyncio.sleep(0.01)
        may_go_on.set()
        await joined.wait()
        streams = runtime.feed.handler(UserStreams)
        while streams._places or streams._sessions:
            await asyncio.sleep(0.01)


async def test_frames_of_bytes_do_not_let_more_texts_wait_than_may(
    api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, may_go_on = [0], asyncio.Event()
    hear, take = WebSocketApiConsumer._hear, WebSocketApiConsumer._take

    async def held(consumer: WebSocketApiConsumer, data: bytes | str) -> None:
        if data:
            await may_go_on.wait()
        await take(consumer, data)

    def noted(consumer: WebSocketApiConsumer, text: bytes) -> None:
        hear(consumer, text)
        most[0] = max(most[0], len(consumer._heard))

    monkeypatch.setattr(WebSocketApiConsumer, "_take", held)
    monkeypatch.setattr(WebSocketApiConsumer, "_hear", noted)
    async with api_connected(api_url) as api:  # now that it will be noted
        sending = asyncio.create_task(_send_texts_and_bytes(api, 1_500))
        await asyncio.sleep(1)
        may_go_on.set()
        await sending
        for _ in range(3_000):
            await api.receive()
        assert most[0] < 1_000  # 64, and what one reading of the socket brings


async def _send_texts_and_bytes(api: ApiClient, count: int) -> None:
    for _ in range(count):
        await api.socket.send('{"id":1,"method":"ping","params":{"a":"' + "x" * 1_000 + '"}}')
        await api.socket.send(b"bytes")


async def test_a_session_whose_key_is_revoked_is_over_with_the_next_request(
    api: ApiClient, key: Key, venue: Venue
) -> None:
    await api.call("session.logon", **key.signed())
    await venue.registry.revoke_key(key_digest(key.api_key), account=1, name="alice")
    for _ in range(200):
        answer = await api.answer("account.status", {"timestamp": now()})
        if answer["status"] != 200:
            break
    assert answer["error"]["code"] == -2015
    assert await api.receive() == {"id": None, "status": 401, "error": {"code": BAD_KEY[1], "msg": BAD_KEY[2]}}
    assert await api.error("account.status", timestamp=now()) == NO_KEY
    assert (await api.call("session.status"))["apiKey"] is None


async def test_a_session_ends_where_its_key_may_be_used_no_more(api: ApiClient, key: Key, venue: Venue) -> None:
    await api.call("session.logon", **key.signed())
    digest = key_digest(key.api_key)
    record = await venue.registry.key(digest)
    assert record is not None
    await venue.registry.define_key(digest, KeyRecord(
        account=record.account, user_name=record.user_name, public_key=record.public_key, addresses="10.0.0.0/8"
    ))  # fmt: skip
    answer = await api.answer("account.status", {"timestamp": now()})
    while answer["status"] == 200:
        answer = await api.answer("account.status", {"timestamp": now()})
    assert (await api.receive())["id"] is None


async def test_a_sessions_subscription_ends_with_it_and_others_go_on(
    api: ApiClient, key: Key, venue: Venue, alice: int, bob: int
) -> None:
    other = await give_hmac_key(venue, bob, "bob")
    assert await api.error("userDataStream.subscribe") == NOT_LOGGED_ON
    await api.call("session.logon", **key.signed())
    assert await api.call("userDataStream.subscribe") == {"subscriptionId": 0}
    assert await api.call("userDataStream.subscribe.signature", **other.signed()) == {"subscriptionId": 1}
    assert (await api.error("userDataStream.subscribe"))[1] == -2035
    ended = await api.call("session.logout")
    assert (ended["apiKey"], ended["userDataStream"]) == (None, True)
    terminated = await api.event()
    assert (terminated["subscriptionId"], terminated["event"]["e"]) == (0, "eventStreamTerminated")
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 5_000_000, 1_000))
    assert (await api.event())["subscriptionId"] == 1
    assert await api.call("session.subscriptions") == [{"subscriptionId": 1}]


async def test_events_and_sessions_in_microseconds(api_url: str, key: Key, venue: Venue, alice: int) -> None:
    async with api_connected(f"{api_url}?timeUnit=MICROSECOND") as api:
        began = await api.call("session.logon", **key.signed())
        assert min(began[name] for name in ("connectedSince", "authorizedSince", "serverTime")) > 10**15
        await api.call("userDataStream.subscribe")
        await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
        assert (await api.event())["event"]["E"] > 10**15
        await api.call("session.logout")
        assert (await api.event())["event"]["e"] == "outboundAccountPosition"
        assert (await api.event())["event"]["E"] > 10**15


async def test_what_one_worker_does_is_heard_at_another_in_the_same_order(
    api: ApiClient, other_worker: str, key: Key, venue: Venue, bob: int
) -> None:
    other = await give_hmac_key(venue, bob, "bob")
    async with api_connected(api_url_of(other_worker)) as far:
        for each in (api, far):
            assert await each.call("userDataStream.subscribe.signature", **key.signed()) == {"subscriptionId": 0}
        for number in range(10):
            client = (api, far)[number % 2]
            await client.call("order.place", **key.signed(**ORDER))
            await client.call("order.place", **other.signed(**ORDER | {"side": "SELL"}))
        expected = ["executionReport", "outboundAccountPosition"] * 20
        heard = [[(await each.event())["event"] for _ in expected] for each in (api, far)]
        assert heard[0] == heard[1]
        assert [event["e"] for event in heard[0]] == expected
        assert [event["x"] for event in heard[0][::2]] == ["NEW", "TRADE"] * 10
