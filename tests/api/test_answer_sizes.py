"""How long answers are, to the byte: what every request costs in writing, sending and reading, on any machine.

The fact a newcomer would get wrong: a field that is added on purpose changes these numbers, and they are then written
down anew; what they catch is one that nobody meant to add, or a number that is written longer than it was.
"""

from urllib.parse import urlencode

import pytest

from api.runtime import Runtime
from engine.types import Side
from engine.venue import Venue
from tests.api.conftest import Api
from tests.api.signing import Signer
from tests.conftest import limit

START_MS = 1_700_000_000_000
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
RESTING = ORDER | {"price": "50000.00", "newClientOrderId": "answers-00000000000001"}
TAKING = ORDER | {"price": "60000.00", "newClientOrderId": "answers-00000000000002"}
SIZES = {
    ("GET", "/ping", ""): 2,
    ("GET", "/time", ""): 28,
    ("POST", "/order", urlencode(RESTING | {"newOrderRespType": "ACK"})): 119,
    ("POST", "/order", urlencode(RESTING | {"newOrderRespType": "RESULT"})): 386,
    ("POST", "/order", urlencode(RESTING)): 397,
    ("POST", "/order", urlencode(TAKING)): 508,
    ("GET", "/order", "symbol=BTCUSDT&orderId=1"): 473,
    ("DELETE", "/order", "symbol=BTCUSDT&orderId=1"): 408,
    ("GET", "/openOrders", "symbol=BTCUSDT"): 475,
    ("GET", "/depth", "symbol=BTCUSDT"): 100,
    ("GET", "/ticker/bookTicker", "symbol=BTCUSDT"): 120,
    ("POST", "/order", urlencode(RESTING | {"price": "1"})): 47,
}
PUBLIC = ("/ping", "/time", "/depth", "/ticker/bookTicker")


@pytest.mark.parametrize(("request_", "size"), SIZES.items())
async def test_an_answer_is_exactly_this_long(
    request_: tuple[str, str, str], size: int, signer: Signer, bob: Api, venue: Venue, runtime: Runtime
) -> None:
    """In a market with one open order of each of the two, Alice's to buy at 40,000 and Bob's to sell at 60,000."""
    await venue.clock.set_virtual(START_MS)
    await venue.gateway.place_order(limit(1, Side.BUY, 4_000_000, 100, client_id="answers-before-0000001"))
    await venue.gateway.place_order(limit(2, Side.SELL, 6_000_000, 1_000, client_id="answers-before-0000002"))
    method, path, query = request_
    if path in PUBLIC:
        answer = await signer.http.request(method, f"/api/v3{path}?{query}")
    else:
        answer = await signer.signed(method, f"/api/v3{path}", query, at_ms=START_MS)
    assert len(answer.content) == size, answer.text
