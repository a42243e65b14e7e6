"""The WebSocket API fails as a tester has ordered, by the names of its methods."""

import itertools

from engine.types import Fault
from engine.venue import Venue
from tests.ws.api_client import api_connected, api_url_of, give_hmac_key

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "50000",
    "quantity": "0.01",
}


async def test_a_method_fails_once_and_its_order_is_there(ws_url: str, venue: Venue, alice: int) -> None:
    key = await give_hmac_key(venue, alice, "alice")
    await venue.faults.order(Fault(code=-1007, request="order.place", executed=True), 1)
    async with api_connected(api_url_of(ws_url)) as api:
        for name in map(str, itertools.count()):  # the worker hears of it a moment later
            answer = await api.answer("order.place", key.signed(**ORDER, newClientOrderId=name))
            if answer["status"] != 200:
                break
        assert (answer["status"], answer["error"]["code"]) == (504, -1007)
        found = await api.call("order.status", **key.signed(symbol="BTCUSDT", origClientOrderId=name))
        assert found["status"] == "NEW"
        await api.call("order.place", **key.signed(**ORDER))
    assert await venue.faults.read() == (None, 0)
