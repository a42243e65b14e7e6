"""POST, PUT and DELETE userDataStream: a key and no signature, one listenKey an account, and Binance's 410."""

import httpx
import msgspec
import pytest

from accounts.digests import key_digest
from accounts.user_events.endpoints import ENDPOINTS
from api.errors import GONE_PAGE
from api.runtime import Runtime
from engine.registry import KeyRecord
from engine.venue import Venue
from tests.api.conftest import ALICE_KEY, Api, state_of

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v3/userDataStream"
BAD_NAMES = ["x" * 64, "#gone", "account:1", "x" * 5000, "a b", "{other}:meta", "\U0001f600", "x\x00", "null", "-1"]


async def ask(api: Api, method: str, **parameters: str) -> httpx.Response:
    return await api.raw(method, URL, params=parameters, headers={"X-MBX-APIKEY": api.headers["X-API-KEY"]})


async def opened(api: Api) -> str:
    response = await ask(api, "POST")
    assert response.status_code == 200, response.text
    (name,) = response.json().values()
    assert list(response.json()) == ["listenKey"]
    return str(name)


def error_of(response: httpx.Response) -> tuple[int, int, str]:
    body = response.json()
    assert list(body) == ["code", "msg"]
    return response.status_code, body["code"], body["msg"]


async def test_a_listen_key_is_opened_twice_extended_and_closed(alice: Api) -> None:
    name = await opened(alice)
    assert await opened(alice) == name
    for method in ("PUT", "DELETE"):
        response = await ask(alice, method, listenKey=name)
        assert (response.status_code, response.json()) == (200, {})
    assert error_of(await ask(alice, "PUT", listenKey=name)) == (400, -1125, "This listenKey does not exist.")
    assert await opened(alice) != name


async def test_parameters_may_stand_in_a_form_and_unknown_ones_do_no_harm(alice: Api) -> None:
    name = await opened(alice)
    headers = {"X-MBX-APIKEY": ALICE_KEY}
    for method in ("PUT", "DELETE"):
        words = {"listenKey": name, "timestamp": "1", "signature": "wrong"}  # some clients sign it nevertheless
        assert (await alice.raw(method, URL, data=words, headers=headers)).json() == {}


async def test_another_accounts_listen_key_does_not_exist(alice: Api, bob: Api) -> None:
    name = await opened(alice)
    assert await opened(bob) != name
    for method in ("PUT", "DELETE"):
        assert error_of(await ask(bob, method, listenKey=name))[:2] == (400, -1125)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_what_is_no_listen_key_is_refused_and_changes_nothing(alice: Api, venue: Venue, method: str) -> None:
    await opened(alice)
    before = await state_of(venue)
    for name in BAD_NAMES:
        assert error_of(await ask(alice, method, listenKey=name))[1] in (-1125, -1100), name
    assert error_of(await ask(alice, method))[:2] == (400, -1102)
    assert error_of(await ask(alice, method, listenKey=""))[:2] == (400, -1105)
    for body in (b"{", b"\xff", b"listenKey=%zz", b"[]"):
        response = await alice.raw(method, URL, content=body, headers={"X-MBX-APIKEY": ALICE_KEY})
        assert 400 <= response.status_code < 500
    assert await state_of(venue) == before


def test_the_parameters_tried_here_are_all_there_are() -> None:
    found = {(row.method, field.encode_name) for row in ENDPOINTS for field in msgspec.structs.fields(row.request)}
    assert found == {("PUT", "listenKey"), ("DELETE", "listenKey")}


@pytest.mark.parametrize(("headers", "code"), [({}, -2014), ({"X-MBX-APIKEY": "nobody"}, -2015)])
async def test_a_key_is_asked_for(alice: Api, headers: dict[str, str], code: int) -> None:
    for method in ("POST", "PUT", "DELETE"):
        response = await alice.raw(method, URL, params={"listenKey": "x" * 64}, headers=headers)
        assert error_of(response)[:2] == (401, code)


async def test_a_key_that_may_not_read_gets_none(alice: Api, venue: Venue) -> None:
    await venue.registry.define_key(key_digest("trader"), KeyRecord(account=1, user_name="alice", permissions="T"))
    response = await alice.raw("POST", URL, headers={"X-MBX-APIKEY": "trader"})
    assert error_of(response)[:2] == (401, -2015)


async def test_a_tester_lets_them_be_gone_as_binances_are(alice: Api, runtime: Runtime) -> None:
    name = await opened(alice)
    await runtime.venue.listen_keys.serve(gone=True)
    for method, parameters in (("POST", {}), ("PUT", {"listenKey": name}), ("DELETE", {"listenKey": name})):
        response = await ask(alice, method, **parameters)
        assert (response.status_code, response.headers["content-type"]) == (410, "text/html")
        assert response.text == GONE_PAGE
        assert len(response.content) == 136  # as clients have logged it
    await runtime.venue.listen_keys.serve(gone=False)
    assert await opened(alice) == name


async def test_they_are_no_part_of_v1(alice: Api) -> None:
    assert (await alice.raw("POST", "/api/v1/userDataStream")).status_code == 404
