"""Who may ask the WebSocket API for what: keys, signatures and times, in the order in which they are judged."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from accounts.digests import key_digest
from accounts.websocket_api.credentials import payloads
from api.parameters import read_json
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.api_client import ApiClient, Key, api_connected, api_url_of, give_hmac_key

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "50000",
    "quantity": "0.01",
}
MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
BAD_KEY = (401, -2015, "Invalid API-key, IP, or permissions for action.")
BAD_SIGNATURE = (400, -1022, "Signature for this request is not valid.")

# web-socket-api.md, "SIGNED request example (HMAC)": secret, parameters as JSON, signature.
EXAMPLE_SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
EXAMPLE_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
EXAMPLES = [
    (
        {
            "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01000000",
            "price": "52000.00", "recvWindow": 100, "timestamp": 1645423376532, "apiKey": EXAMPLE_KEY,
        },
        "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    ),
    (
        {
            "symbol": "\uff11\uff12\uff13\uff14\uff15\uff16", "side": "BUY", "type": "LIMIT",
            "timeInForce": "GTC", "quantity": "1.00000000", "price": "0.10000000", "recvWindow": 5000,
            "timestamp": 1645423376532, "apiKey": EXAMPLE_KEY,
        },
        "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("params", "signature"), EXAMPLES)
def test_binances_worked_examples(params: dict[str, Any], signature: str) -> None:
    documented, *_ = payloads(read_json(msgspec.json.encode(params | {"signature": signature})))
    assert hmac.new(EXAMPLE_SECRET, documented, hashlib.sha256).hexdigest() == signature


def test_numbers_and_booleans_are_signed_as_they_stand_in_the_json() -> None:
    texts = read_json(b'{"b": true, "a": 1.50, "c": 1e-05, "signature": "s", "B": false, "n": null, "l": [1, "x"]}')
    assert next(payloads(texts)) == b'B=false&a=1.50&b=true&c=1e-05&l=[1, "x"]'


@pytest.fixture
def api_url(ws_url: str) -> str:
    return api_url_of(ws_url)


@pytest.fixture
async def api(api_url: str) -> AsyncIterator[ApiClient]:
    async with api_connected(api_url) as client:
        yield client


@pytest.fixture
async def key(venue: Venue, alice: int) -> Key:
    return await give_hmac_key(venue, alice, "alice")


async def test_what_is_not_ascii_may_be_signed_as_it_is_or_encoded(api: ApiClient, key: Key) -> None:
    params = {"symbol": "BTCUSDT", "origClientOrderId": "a:b/c", "timestamp": int(time.time() * 1000)}
    whole = sorted((params | {"apiKey": key.api_key}).items())
    for text in ("&".join(f"{name}={value}" for name, value in whole), urlencode(whole)):
        sent = dict(whole) | {"signature": key.sign(text)}
        assert await api.error("order.cancel", **sent) == (400, -2011, "Unknown order sent."), text


@pytest.mark.parametrize("merged", [("newClientOrderId", "newOrderRespType"), ("quantity", "side")])
@pytest.mark.parametrize("in_name", [True, False])
async def test_parameters_that_were_signed_cannot_be_taken_for_others(
    api: ApiClient, key: Key, merged: tuple[str, str], in_name: bool
) -> None:
    """Who has seen a signed request may not make two of its parameters one that nobody knows, and be rid of them."""
    signed = key.signed(**ORDER, newClientOrderId="mine", newOrderRespType="RESULT")
    first, second = merged
    forged = {name: value for name, value in signed.items() if name not in merged}
    if in_name:
        forged[f"{first}={signed[first]}&{second}"] = signed[second]
    else:
        forged[first] = f"{signed[first]}&{second}={signed[second]}"
    assert await api.error("order.place", **forged) == BAD_SIGNATURE
    assert (await api.call("order.place", **signed))["clientOrderId"] == "mine"


async def test_credentials_are_judged_in_order(api: ApiClient, key: Key, venue: Venue) -> None:
    """Each request has one thing right more than the one before."""
    now, ask = int(time.time() * 1000), {"symbol": "BTCUSDT"}
    signed = key.signed(**ask)
    await venue.registry.define_key(key_digest("reader"), KeyRecord(account=1, user_name="alice", permissions="T"))
    cases: list[tuple[dict[str, Any], tuple[int, int, str]]] = [
        (ask, (400, -1102, MISSING.format("apiKey"))),
        (ask | {"timestamp": now, "signature": "x"}, (400, -1102, MISSING.format("apiKey"))),
        (ask | {"apiKey": ""}, (401, -2014, "API-key format invalid.")),
        (ask | {"apiKey": "no key"}, (401, -2014, "API-key format invalid.")),
        (ask | {"apiKey": "nobody", "signature": "x", "timestamp": now}, BAD_KEY),
        (ask | {"apiKey": "reader", "signature": "x", "timestamp": now}, BAD_KEY),
        (ask | {"apiKey": key.api_key}, (400, -1102, MISSING.format("signature"))),
        (ask | {"apiKey": key.api_key, "signature": ""}, (400, -1105, "Parameter 'signature' was empty.")),
        (signed | {"signature": "x"}, BAD_SIGNATURE),
        (signed | {"symbol": "ETHUSDT"}, BAD_SIGNATURE),
        (signed | {"limit": 5}, BAD_SIGNATURE),
        ({name: value for name, value in signed.items() if name != "timestamp"}, BAD_SIGNATURE),
        (
            key.signed(**ask, timestamp=now - 6_000),
            (400, -1021, "Timestamp for this request is outside of the recvWindow."),
        ),
        (
            key.signed(**ask, timestamp=now + 60_000),
            (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
        ),
        (key.signed(**ask, recvWindow=60_001), (400, -1131, "'recvWindow' must be less than 60000.")),
        (key.signed(symbol="NOPE"), (400, -1121, "Invalid symbol.")),
    ]
    for params, refusal in cases:
        assert await api.error("openOrders.status", **params) == refusal, params
    assert await api.call("openOrders.status", **key.signed(**ask, timestamp=now * 1000)) == []
    signed = key.signed(**ask)
    assert await api.call("openOrders.status", **signed | {"signature": signed["signature"].upper()}) == []
    assert await api.call("openOrders.status", **key.signed(**ask, timestamp=now - 50_000, recvWindow=60_000)) == []


async def test_a_signed_request_is_executed_once_and_refusals_change_nothing(
    api: ApiClient, key: Key, venue: Venue
) -> None:
    assert await api.error("order.place", **key.signed(**ORDER) | {"price": "49999"}) == BAD_SIGNATURE
    assert await api.call("openOrders.status", **key.signed()) == []
    placed = await api.call("order.place", **key.signed(**ORDER))
    (still_open,) = await api.call("openOrders.status", **key.signed())
    assert still_open["orderId"] == placed["orderId"]


async def test_orders_of_a_connection_do_not_overtake_each_other(api: ApiClient, key: Key) -> None:
    numbers = range(200)
    for number in numbers:
        request = {"id": number, "method": "order.place", "params": key.signed(**ORDER)}
        await api.socket.send(msgspec.json.encode(request).decode())
    answers = [await api.receive() for _ in numbers]
    assert [answer["id"] for answer in answers] == list(numbers)
    orders = [answer["result"]["orderId"] for answer in answers]
    assert orders == sorted(orders)


async def test_an_order_is_placed_also_when_its_sender_hangs_up_at_once(api_url: str, api: ApiClient, key: Key) -> None:
    async with api_connected(api_url) as hasty:
        for _ in range(5):
            request = {"id": 1, "method": "order.place", "params": key.signed(**ORDER)}
            await hasty.socket.send(msgspec.json.encode(request).decode())
        hasty.socket.transport.close()
    for _ in range(200):
        if len(await api.call("openOrders.status", **key.signed())) == 5:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("some orders were lost")


@pytest.mark.django_db(transaction=True)
async def test_a_query_does_not_wait_for_another(api: ApiClient, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the archive, where nobody archives, is overtaken by what does not."""
    monkeypatch.setattr("accounts.history.WAIT_SECONDS", 0.5)
    slow = {"id": "slow", "method": "allOrders", "params": key.signed(symbol="BTCUSDT")}
    await api.socket.send(msgspec.json.encode(slow).decode())
    assert (await api.call("time")).keys() == {"serverTime"}
    assert (await api.answer_to("slow"))["result"] == []


async def test_a_subscription_hears_the_account_behind_each_answer(
    api: ApiClient, key: Key, venue: Venue, alice: int
) -> None:
    assert await api.call("userDataStream.subscribe.signature", **key.signed()) == {"subscriptionId": 0}
    for _ in range(30):
        placed = await api.call("order.place", **key.signed(**ORDER))
        assert api.events == []
        event = await api.event()
        assert (event["subscriptionId"], event["event"]["i"]) == (0, placed["orderId"])
        assert (await api.event())["event"]["e"] == "outboundAccountPosition"
    assert await api.error("userDataStream.subscribe.signature", **key.signed()) == (
        400, -2035, "User Data Stream subscription already active.",
    )  # fmt: skip
    assert await api.call("session.subscriptions") == [{"subscriptionId": 0}]
    assert (await api.call("session.status"))["userDataStream"] is True
    assert await api.call("userDataStream.unsubscribe") == {}
    assert (await api.event())["event"]["e"] == "eventStreamTerminated"
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    await api.no_event()
    assert (await api.call("session.status"))["userDataStream"] is False


async def test_several_accounts_are_heard_on_one_connection(
    api: ApiClient, key: Key, venue: Venue, alice: int, bob: int
) -> None:
    other = await give_hmac_key(venue, bob, "bob")
    for number, each in enumerate((key, other)):
        assert await api.call("userDataStream.subscribe.signature", **each.signed()) == {"subscriptionId": number}
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    await venue.gateway.place_order(limit(bob, Side.SELL, 5_000_000, 1_000))
    heard = [await api.event() for _ in range(2 + 2 + 3)]  # alice's order and her fill, bob's order and fill in one
    assert {event["subscriptionId"] for event in heard} == {0, 1}
    assert await api.call("userDataStream.unsubscribe", subscriptionId=0) == {}
    assert (await api.event())["subscriptionId"] == 0
    assert await api.call("session.subscriptions") == [{"subscriptionId": 1}]
    refused = (400, -2036, "User Data Stream subscription not active.")
    assert await api.error("userDataStream.unsubscribe", subscriptionId=0) == refused
    assert await api.call("userDataStream.subscribe.signature", **key.signed()) == {"subscriptionId": 2}


async def test_without_a_session_nobody_subscribes_without_a_signature(api: ApiClient, key: Key) -> None:
    assert await api.error("userDataStream.subscribe") == (
        400, -1193, "WebSocket session not authenticated. Recommendation: use `session.logon`.",
    )  # fmt: skip
    assert (await api.error("userDataStream.subscribe", **key.signed()))[1] == -1193
    assert await api.error("userDataStream.subscribe.signature") == (400, -1102, MISSING.format("apiKey"))


async def test_what_was_signed_is_executed_once_where_a_tester_wants_it(venue: Venue, api: ApiClient, key: Key) -> None:
    await venue.claims.want(once=True)
    while True:  # the worker hears of it a moment later
        twice = key.signed(**ORDER)
        assert (await api.answer("order.place", twice))["status"] == 200
        again = await api.answer("order.place", twice)
        if again["status"] != 200:
            break
    assert (again["status"], again["error"]["code"], again["error"]["msg"]) == BAD_SIGNATURE
    reading = key.signed(symbol="BTCUSDT")
    assert [(await api.answer("openOrders.status", reading))["status"] for _ in range(2)] == [200, 200]
