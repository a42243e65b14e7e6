"""What the WebSocket API shows of the venue's limits, and whom it refuses (web-socket-api.md, "Rate limits").

The fact a newcomer would get wrong: the venue's clock stands here, so that no interval ends during a test.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from websockets.exceptions import InvalidStatus

from accounts import auth
from engine.rate_limits import RateLimits, Window
from engine.venue import Venue
from tests.ws.api_client import ApiClient, Key, api_connected, api_url_of, give_hmac_key

START_MS = 1_700_000_040_000  # the beginning of a minute, and of ten seconds
LIMITS = RateLimits()
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "50000",
    "quantity": "0.01",
}


@pytest.fixture
async def counting(venue: Venue) -> Venue:
    await venue.clock.set_virtual(START_MS)
    await venue.limiter.set_limits(LIMITS)
    return venue


@pytest.fixture
def api_url(counting: Venue, ws_url: str) -> str:
    return api_url_of(ws_url)


@pytest.fixture
async def api(api_url: str) -> AsyncIterator[ApiClient]:
    async with api_connected(api_url) as client:
        yield client


@pytest.fixture
async def key(counting: Venue, alice: int) -> Key:
    return await give_hmac_key(counting, alice, "alice")


def signed(key: Key, **params: Any) -> dict[str, Any]:
    return key.signed(**params, timestamp=START_MS)


def weight_of(answer: dict[str, Any]) -> int:
    """The weight used so far, of an answer that shows nothing else."""
    (shown,) = answer["rateLimits"]
    assert shown == {
        "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000,
        "count": shown["count"],
    }  # fmt: skip
    return int(shown["count"])


async def test_every_answer_shows_what_has_been_used(api: ApiClient, key: Key) -> None:
    assert weight_of(await api.answer("ping")) == 3, "connecting weighs 2"
    assert weight_of(await api.answer("exchangeInfo", {"symbol": "BTCUSDT"})) == 23
    assert weight_of(await api.answer("depth", {"symbol": "BTCUSDT", "limit": 5000})) == 273
    assert weight_of(await api.answer("session.status")) == 275
    assert weight_of(await api.answer("depth", {"symbol": "NOPE"})) == 280, "what is refused is counted"
    assert weight_of(await api.answer("order.place", ORDER | {"apiKey": "nobody", "signature": "x"})) == 281
    assert weight_of(await api.answer("nothing")) == 282
    assert weight_of(await api.raw("no JSON")) == 283


async def test_an_order_shows_the_unfilled_orders_too(api: ApiClient, key: Key) -> None:
    answer = await api.answer("order.place", signed(key, **ORDER))
    assert list(answer) == ["id", "status", "result", "rateLimits"]
    shown = [
        (limit["rateLimitType"], limit["interval"], limit["limit"], limit["count"]) for limit in answer["rateLimits"]
    ]
    assert shown == [
        ("ORDERS", "SECOND", LIMITS.short_orders.most, 1), ("ORDERS", "DAY", LIMITS.long_orders.most, 1),
        ("REQUEST_WEIGHT", "MINUTE", 6000, 3),
    ]  # fmt: skip
    refused = await api.answer("order.place", signed(key, **ORDER | {"quantity": "100"}))
    assert refused["error"]["code"] == -2010
    counts = await api.answer("account.rateLimits.orders", signed(key))
    assert [(each["rateLimitType"], each["count"]) for each in counts["result"]] == [("ORDERS", 1), ("ORDERS", 1)]


async def test_limits_are_hidden_by_request_and_by_url(api_url: str, api: ApiClient) -> None:
    for hidden in (False, "false"):
        answer = await api.answer("time", {"returnRateLimits": hidden})
        assert answer.keys() == {"id", "status", "result"}
    assert (await api.answer("depth", {"symbol": "NOPE", "returnRateLimits": False})).keys() == {
        "id",
        "status",
        "error",
    }
    assert (await api.call("session.status"))["returnRateLimits"] is True
    async with api_connected(f"{api_url}?returnRateLimits=false") as quiet:
        assert "rateLimits" not in await quiet.answer("ping")
        assert "rateLimits" not in await quiet.raw("no JSON")
        assert (await quiet.call("session.status"))["returnRateLimits"] is False
        assert weight_of(await quiet.answer("ping", {"returnRateLimits": True})) > 8, "hidden limits are counted"
    refused = await api.answer("ping", {"returnRateLimits": 1})
    assert (refused["error"]["code"], "rateLimits" in refused) == (-1130, True)
    with pytest.raises(InvalidStatus) as no_truth:
        async with api_connected(f"{api_url}?returnRateLimits=maybe"):
            pass
    assert no_truth.value.response.status_code == 400


async def test_where_nothing_is_counted_the_list_is_empty(api: ApiClient, counting: Venue) -> None:
    await counting.limiter.set_limits(None)
    for _ in range(200):
        answer = await api.answer("ping")
        if answer["rateLimits"] == []:
            return
    raise AssertionError(answer)


async def test_too_much_weight_is_429_with_the_time_to_come_back_and_then_a_ban(
    api_url: str, api: ApiClient, counting: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await counting.limiter.set_limits(replace(LIMITS, weight=Window(5, 60_000), refusals_before_ban=1))
    while (answer := await api.answer("ping"))["status"] == 200:
        pass
    assert answer["status"] == 429
    assert answer["error"] == {
        "code": -1003,
        "msg": "Too much request weight used; current limit is 5 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
        "data": {"serverTime": START_MS, "retryAfter": START_MS + 60_000},
    }
    banned = await api.answer("ping")
    until_ms = START_MS + LIMITS.first_ban_ms
    assert (banned["status"], banned["error"]["code"]) == (418, -1003)
    assert banned["error"]["data"] == {"serverTime": START_MS, "retryAfter": until_ms}
    assert f"IP banned until {until_ms}." in banned["error"]["msg"]
    with monkeypatch.context() as patched:
        patched.setattr(auth, "verifier_of", None)  # nobody looks at what a banned address has signed
        signed = {"apiKey": "any", "timestamp": 1, "signature": "00"}
        banned = await api.answer("account.status", signed)
        assert (banned["status"], banned["error"]["data"]["retryAfter"]) == (418, until_ms)
    with pytest.raises(InvalidStatus) as refused:
        async with api_connected(api_url):
            pass
    assert refused.value.response.status_code == 418
    assert refused.value.response.headers["retry-after"] == str(LIMITS.first_ban_ms // 1000)
    assert msgspec.json.decode(refused.value.response.body)["code"] == -1003


async def test_too_many_orders_are_429(api: ApiClient, key: Key, counting: Venue) -> None:
    await counting.limiter.set_limits(replace(LIMITS, short_orders=Window(2, 10_000)))
    for _ in range(2):
        await api.call("order.place", **signed(key, **ORDER))
    refused = await api.answer("order.place", signed(key, **ORDER))
    assert refused["status"] == 429
    assert refused["error"] == {
        "code": -1015,
        "msg": "Too many new orders; current limit is 2 orders per 10 SECOND.",
        "data": {"serverTime": START_MS, "retryAfter": START_MS + 10_000},
    }
    assert len(await api.call("openOrders.status", **signed(key))) == 2
