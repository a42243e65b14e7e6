"""Values of every wrong kind for every parameter of every method, and what goes wrong behind a method.

The fact a newcomer would get wrong: what tests/api/test_bad_input.py tries as text is not tried again here, but what
only JSON has: lists, objects, booleans, numbers that are no text.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import pytest

from accounts.routing import METHODS
from accounts.tables import TABLES
from engine.errors import EngineUnavailable, InvariantBroken, OutcomeUnknown
from engine.gateway import Gateway
from engine.venue import Venue
from tests.api.conftest import state_of
from tests.ws.api_client import ApiClient, Key, api_connected, api_url_of, give_ed25519_key, give_hmac_key
from tests.ws.conftest import PATIENCE_S

pytestmark = pytest.mark.django_db(transaction=True)

STRUCTURES: Final = ("[]", '["x"]', "{}", '{"a": [1]}', "true", "false")
NO_TEXTS: Final = ("1e400", "-0", "-1", "1.5", "123456789012345678901234567890", '""', '"\\u0000"', '"\\ud83d\\ude00"')
ORDER: Final = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50000", "quantity": "0.01",
}  # fmt: skip


@pytest.fixture
async def api(ws_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiClient]:
    monkeypatch.setattr("accounts.history.WAIT_SECONDS", 0.01)  # nobody archives here
    async with api_connected(api_url_of(ws_url)) as client:
        yield client


@pytest.fixture
async def key(venue: Venue, alice: int) -> Key:
    return await give_ed25519_key(venue, alice, "alice")


async def test_no_value_of_a_parameter_breaks_a_method(api: ApiClient, key: Key, venue: Venue) -> None:
    """In a session, with nothing else sent: no method has enough to do anything, and none fails."""
    began = await api.call("session.logon", **key.signed())
    before = await state_of(venue)
    parameters = {
        (row.websocket, field.encode_name)
        for row in (row for table in TABLES for row in table if row.websocket)
        for field in msgspec.structs.fields(row.request)
    } | {("userDataStream.unsubscribe", "subscriptionId"), ("order.place", "apiKey"), ("depth", "returnRateLimits")}
    for method, name in sorted(parameters):
        for value in (*STRUCTURES, *NO_TEXTS):
            params = f'{{"timestamp": {began["serverTime"]}, "{name}": {value}}}'
            await api.socket.send(f'{{"id": 1, "method": "{method}", "params": {params}}}')
            answer = await api.receive()
            assert (answer["id"], answer["status"] in (200, 400, 401)) == (1, True), (method, params, answer)
    assert await state_of(venue) == before
    assert await api.call("ping") == {}


async def test_no_value_of_a_credential_is_more_than_refused(api: ApiClient, venue: Venue, alice: int) -> None:
    key = await give_hmac_key(venue, alice, "alice")
    before = await state_of(venue)
    for name in ("apiKey", "signature", "timestamp", "recvWindow"):
        for value in (*STRUCTURES, *NO_TEXTS):
            params = {each: msgspec.Raw(msgspec.json.encode(text)) for each, text in key.signed(**ORDER).items()}
            params[name] = msgspec.Raw(value.encode())
            answer = await api.answer("order.place", params)
            assert answer["status"] in (400, 401), (name, value, answer)
    assert await state_of(venue) == before


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (EngineUnavailable("place_order"), 503, -1008),
        (OutcomeUnknown("place_order"), 504, -1007),
        (InvariantBroken("place_order"), 500, -1000),
        (ZeroDivisionError(), 500, -1000),
    ],
)
async def test_what_goes_wrong_inside_is_said_as_by_http(
    api: ApiClient, key: Key, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: int
) -> None:
    async def place_order(gateway: Gateway, order: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Gateway, "place_order", place_order)
        assert (await api.error("order.place", **key.signed(**ORDER)))[:2] == (status, code)
    assert (await api.call("order.place", **key.signed(**ORDER)))["status"] == "NEW"


async def test_refusals_are_noted_under_the_methods_name(api: ApiClient, key: Key, venue: Venue) -> None:
    await api.error("order.place", **key.signed(**ORDER | {"price": "0.001", "newClientOrderId": "low"}))
    async with asyncio.timeout(PATIENCE_S):
        while not (entries := await venue.runner.command("XRANGE", venue.keys.refusals, "-", "+")):
            await asyncio.sleep(0.01)
    assert b"order.place" in b"".join(entries[0][1])
    assert b"signature" not in b"".join(entries[0][1])
    assert key.api_key.encode() not in b"".join(entries[0][1])


def test_names_stand_once() -> None:
    assert len(METHODS) == 2 * len({method.name for method in METHODS.values()})
