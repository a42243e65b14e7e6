"""Who may ask the WebSocket API for what: signatures, sessions, and what is subscribed with them."""

from collections.abc import AsyncIterator

import pytest

from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.api_client import ApiClient, api_connected, give_hmac_key

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "50000",
    "quantity": "0.01",
}


@pytest.fixture
def api_url(ws_url: str) -> str:
    return ws_url.removesuffix("/ws") + "/ws-api/v3"


@pytest.fixture
async def api(api_url: str) -> AsyncIterator[ApiClient]:
    async with api_connected(api_url) as client:
        yield client


async def test_an_order_is_placed_and_cancelled(api: ApiClient, venue: Venue, alice: int) -> None:
    key = await give_hmac_key(venue, alice, "alice")
    placed = await api.call("order.place", **key.signed(**ORDER))
    assert (placed["status"], placed["price"]) == ("NEW", "50000.00000000")
    canceled = await api.call("order.cancel", **key.signed(symbol="BTCUSDT", orderId=placed["orderId"]))
    assert canceled["status"] == "CANCELED"


async def test_a_subscription_hears_the_account_behind_each_answer(api: ApiClient, venue: Venue, alice: int) -> None:
    key = await give_hmac_key(venue, alice, "alice")
    assert await api.call("userDataStream.subscribe.signature", **key.signed()) == {"subscriptionId": 0}
    for _ in range(30):
        placed = await api.call("order.place", **key.signed(**ORDER))
        event = await api.event()
        assert event["event"]["i"] == placed["orderId"]
        assert (await api.event())["event"]["e"] == "outboundAccountPosition"
    assert await api.error("userDataStream.subscribe.signature", **key.signed()) == (
        400, -2035, "User Data Stream subscription already active.",
    )  # fmt: skip
    assert await api.call("session.subscriptions") == [{"subscriptionId": 0}]
    assert await api.call("userDataStream.unsubscribe") == {}
    assert (await api.event())["event"]["e"] == "eventStreamTerminated"
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    await api.no_event()
