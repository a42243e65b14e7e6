"""What callers of /api/v3 see of the limits: headers, 429, 418, `rateLimits`; and what a tester may do to them."""

import json
import time
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from accounts import auth
from accounts.auth import authenticate
from accounts.streams import UserStreams
from accounts.tables import TABLES
from api.router import Router
from api.runtime import Runtime
from engine.errors import EngineUnavailable
from engine.limiter import RateLimiter
from engine.rate_limits import Admission, Counts, RateLimits, Verdict, Window
from engine.registry import Registry
from engine.venue import Venue
from simulation.limit_endpoints import ENDPOINTS as SIM
from tests.api.conftest import Api, limit_order
from tests.api.signing import Signer
from tests.api.test_signed_requests import ORDER, refusal

LIMITS = RateLimits()
START_MS = 1_700_000_040_000  # the beginning of a minute, and of ten seconds


@pytest.fixture
def router(runtime: Runtime) -> Router:
    return Router([*TABLES, SIM], runtime, authenticate=authenticate)


@pytest.fixture
async def counting(venue: Venue, runtime: Runtime) -> Venue:
    """The limits are Binance's; the clock stands."""
    await venue.clock.set_virtual(START_MS)
    await change(runtime, LIMITS)
    return venue


async def change(runtime: Runtime, limits: RateLimits | None) -> None:
    await runtime.venue.limiter.set_limits(limits)


async def signed(caller: Signer, method: str, path: str, query: str = "") -> httpx.Response:
    return await caller.signed(method, path, query, at_ms=await now_ms(caller))


async def now_ms(caller: Signer) -> int:
    return int((await caller.http.get("/api/v1/time")).json()["serverTime"])


def used(response: httpx.Response) -> str:
    assert response.headers["X-MBX-USED-WEIGHT"] == response.headers["X-MBX-USED-WEIGHT-1M"]
    return response.headers["X-MBX-USED-WEIGHT"]


def placed(response: httpx.Response) -> tuple[str, str]:
    return response.headers["X-MBX-ORDER-COUNT-10S"], response.headers["X-MBX-ORDER-COUNT-1D"]


async def test_every_answer_says_what_has_been_used(counting: Venue, signer: Signer) -> None:
    http = signer.http
    assert used(await http.get("/api/v3/ping")) == "1"
    assert used(await http.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")) == "251"
    assert used(await http.get("/api/v3/depth?symbol=NOPE")) == "256", "what is refused is counted"
    assert used(await http.get("/api/v3/depth")) == "257", "what cannot be read weighs 1"
    order = await signed(signer, "POST", "/api/v3/order", ORDER)
    assert (order.status_code, used(order), placed(order)) == (200, "258", ("1", "1"))
    await counting.clock.set_virtual(START_MS + 60_000)
    order = await signed(signer, "POST", "/api/v3/order", ORDER)
    assert (used(order), placed(order)) == ("1", ("1", "2"))


async def test_a_signature_that_is_wrong_is_counted(counting: Venue, signer: Signer) -> None:
    for _ in range(3):
        response = await signer.ask("POST", "/api/v3/order", f"{ORDER}&timestamp=1&signature=00")
        assert response.json()["code"] == -1022
    assert used(response) == "3"
    signer.key = "unknown"
    assert used(await signer.ask("GET", "/api/v3/account", "timestamp=1&signature=00")) == "4"


async def test_a_placement_that_fails_is_counted_but_not_as_an_order(counting: Venue, signer: Signer) -> None:
    too_dear = await signed(signer, "POST", "/api/v3/order", ORDER.replace("0.01", "100"))
    assert (too_dear.json()["code"], used(too_dear)) == (-2010, "1")
    bad_price = await signed(signer, "POST", "/api/v3/order", ORDER.replace("20000", "0.001"))
    assert (bad_price.json()["code"], used(bad_price)) == (-1013, "2")
    both_failed = "&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=77"
    replaced = await signed(signer, "POST", "/api/v3/order/cancelReplace", ORDER.replace("0.01", "100") + both_failed)
    assert (replaced.json()["code"], used(replaced)) == (-2022, "3")
    assert "X-MBX-ORDER-COUNT-10S" not in replaced.headers
    order = await signed(signer, "POST", "/api/v3/order", ORDER)
    assert (used(order), placed(order)) == ("4", ("1", "1"))


async def test_what_is_no_request_is_counted(counting: Venue, signer: Signer, runtime: Runtime) -> None:
    nowhere, http = "/api/v3/nothing/here", signer.http
    for number, response in enumerate((
        await http.get(nowhere), await http.get("/sapi/v1/nothing"), await http.put("/api/v3/order/test"),
        await http.post("/api/v3/order", content=b"x" * 70_000), await http.post(nowhere, content=b"x" * 70_000),
    ), start=1):  # fmt: skip
        assert used(response) == str(number), response.text
    assert response.status_code == 413
    for path in ("/api/nothing", "/api/v1/nothing", "/_sim/nothing"):
        assert "X-MBX-USED-WEIGHT" not in (await http.get(path)).headers
    await change(runtime, replace(LIMITS, weight=Window(1, 60_000)))
    await counting.clock.set_virtual(START_MS + 60_000)
    assert [(await http.get(nowhere)).status_code for _ in range(2)] == [404, 429]
    refused = await http.post(nowhere, content=b"x" * 70_000)
    assert (refused.status_code, refused.headers["connection"]) == (429, "close")


async def test_the_guides_dialect_and_sim_are_not_counted(
    counting: Venue, signer: Signer, alice: Api, runtime: Runtime
) -> None:
    await change(runtime, replace(LIMITS, weight=Window(1, 60_000), short_orders=Window(0, 10_000)))
    for _ in range(3):
        response = await alice.ask("POST", "/order", **limit_order("BUY", "20000", "0.01"))
        assert response.status_code == 200
        assert not [name for name in response.headers if name.startswith("x-mbx")]
    assert used(await signer.http.get("/api/v3/ping")) == "1"


async def test_too_much_weight(counting: Venue, signer: Signer, runtime: Runtime) -> None:
    await change(runtime, replace(LIMITS, weight=Window(3, 60_000), refusals_before_ban=2))
    await counting.clock.set_virtual(START_MS + 15_500)
    http = signer.http
    assert [(await http.get("/api/v3/ping")).status_code for _ in range(3)] == [200] * 3
    text = (
        "Too much request weight used; current limit is 3 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    response = await http.get("/api/v3/ping")
    assert refusal(response) == (429, -1003, text)
    assert (response.headers["Retry-After"], used(response)) == ("45", "3")
    order = await signed(signer, "POST", "/api/v3/order", ORDER)
    assert refusal(order) == (429, -1003, text)
    assert order.headers["Retry-After"] == "45"
    assert (await http.get("/api/v1/openOrders", headers={"X-API-KEY": signer.key})).json() == []


async def test_nobody_looks_at_what_a_banned_address_sends(
    counting: Venue, signer: Signer, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await change(runtime, replace(LIMITS, weight=Window(1, 60_000), refusals_before_ban=1))
    await runtime.feed.handler(UserStreams).until_caught_up()  # a ban under limits that have changed since may be over
    assert [(await signer.http.get("/api/v3/ping")).status_code for _ in range(3)] == [200, 429, 418]
    looked: list[str] = []
    monkeypatch.setattr(auth, "verifier_of", lambda record, digest: looked.append(digest))
    monkeypatch.setattr(Registry, "key", lambda registry, digest: looked.append(digest))
    for path in ("/api/v3/account", "/api/v3/userDataStream", "/api/v3/order"):
        response = await signer.ask("POST" if path != "/api/v3/account" else "GET", path, "signature=00")
        assert (response.status_code, used(response)) == (418, "1")
        assert response.headers["retry-after"] == "120"
    assert looked == []
    monkeypatch.undo()
    await counting.clock.set_virtual(START_MS + LIMITS.first_ban_ms)
    response = await signed(signer, "POST", "/api/v3/order", ORDER)
    assert (response.status_code, used(response)) == (200, "1"), "it is counted once"
    assert runtime.bans == {}


async def test_a_ban_that_a_tester_ends_is_over_at_once(counting: Venue, signer: Signer, runtime: Runtime) -> None:
    await change(runtime, replace(LIMITS, weight=Window(1, 60_000), refusals_before_ban=1))
    assert [(await signer.http.get("/api/v3/ping")).status_code for _ in range(3)] == [200, 429, 418]
    await counting.limiter.set_limits(LIMITS, forget_counts=True)  # on another worker: this one has not heard of it
    assert (await signed(signer, "POST", "/api/v3/order", ORDER)).status_code == 200
    await change(runtime, None)
    assert (await signed(signer, "POST", "/api/v3/order", ORDER)).status_code == 200


@pytest.mark.parametrize("failure", [EngineUnavailable("admit_request"), None])
async def test_what_is_done_is_not_refused_for_limits_that_were_off_when_it_was_done(
    counting: Venue, signer: Signer, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    """A request begins under limits, is done without, and then there are limits again, or no Redis."""
    resting = (await signed(signer, "POST", "/api/v3/order", ORDER)).json()["orderId"]
    await change(runtime, None)

    async def limits(registry: Registry) -> RateLimits:
        return LIMITS

    async def admit(*arguments: Any, **options: Any) -> Admission:
        if failure is not None:
            raise failure
        return Admission(Verdict.BANNED, START_MS, START_MS + 1, Counts())

    monkeypatch.setattr(Registry, "rate_limits", limits)
    monkeypatch.setattr(RateLimiter, "admit", admit)
    assert (await signed(signer, "POST", "/api/v3/order", ORDER)).status_code == 200
    in_part = f"&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId={resting}"
    replaced = await signed(signer, "POST", "/api/v3/order/cancelReplace", ORDER.replace("0.01", "100") + in_part)
    assert (replaced.status_code, replaced.json()["data"]["cancelResult"]) == (409, "SUCCESS")
    both_failed = "&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=77"
    replaced = await signed(signer, "POST", "/api/v3/order/cancelReplace", ORDER.replace("0.01", "100") + both_failed)
    assert replaced.status_code == (418 if failure is None else 400)


async def test_who_goes_on_is_banned(counting: Venue, signer: Signer, runtime: Runtime) -> None:
    await change(runtime, replace(LIMITS, weight=Window(1, 60_000), refusals_before_ban=2))
    statuses = [(await signer.http.get("/api/v3/time")).status_code for _ in range(4)]
    assert statuses == [200, 429, 429, 418]
    until_ms = START_MS + 120_000
    banned = (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    for response in (
        await signer.http.get("/api/v3/ping"),
        await signed(signer, "POST", "/api/v3/order", ORDER),
        await signer.ask("GET", "/api/v3/account", "timestamp=1&signature=00"),
        await signer.http.get("/api/v3/depth"),
    ):
        assert refusal(response) == (418, -1003, banned)
        assert response.headers["Retry-After"] == "120"
    await counting.clock.set_virtual(until_ms)
    assert (await signer.http.get("/api/v3/ping")).status_code == 200


async def test_too_many_requests(counting: Venue, signer: Signer, runtime: Runtime) -> None:
    await change(runtime, replace(LIMITS, requests=Window(1, 300_000)))
    await signer.http.get("/api/v3/ping")
    response = await signer.http.get("/api/v3/ping")
    assert response.status_code == 429
    assert response.json()["msg"].startswith("Too many requests; current limit is 1 requests per 5 MINUTE.")


async def test_too_many_orders(counting: Venue, signer: Signer, runtime: Runtime) -> None:
    await change(runtime, replace(LIMITS, short_orders=Window(2, 10_000), refusals_before_ban=1))
    orders = [await signed(signer, "POST", "/api/v3/order", ORDER) for _ in range(2)]
    assert [placed(order) for order in orders] == [("1", "1"), ("2", "2")]
    await counting.clock.set_virtual(START_MS + 1)
    for _ in range(3):  # which nobody is banned for
        response = await signed(signer, "POST", "/api/v3/order", ORDER)
        text = "Too many new orders; current limit is 2 orders per 10 SECOND."
        assert refusal(response) == (429, -1015, text)
        assert response.headers["Retry-After"] == "10"
    assert used(response) == "5"
    canceled = await signed(signer, "DELETE", "/api/v3/order", f"symbol=BTCUSDT&orderId={orders[0].json()['orderId']}")
    assert canceled.status_code == 200
    pair = "&".join(
        ["symbol=BTCUSDT&side=BUY&quantity=0.01&aboveType=STOP_LOSS_LIMIT&abovePrice=50000&aboveStopPrice=50000",
         "aboveTimeInForce=GTC&belowType=LIMIT_MAKER&belowPrice=20000"]
    )  # fmt: skip
    await counting.clock.set_virtual(START_MS + 10_000)
    assert placed(await signed(signer, "POST", "/api/v3/orderList/oco", pair)) == ("2", "4")
    assert refusal(await signed(signer, "POST", "/api/v3/orderList/oco", pair))[:2] == (429, -1015)


async def test_a_replacement_over_the_limit(counting: Venue, signer: Signer, runtime: Runtime) -> None:
    """rest-api.md, "Cancel an Existing Order and Send a New Order": orderRateLimitExceededMode."""
    await change(runtime, replace(LIMITS, short_orders=Window(1, 10_000)))
    order_id = (await signed(signer, "POST", "/api/v3/order", ORDER)).json()["orderId"]
    query = f"{ORDER}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={order_id}"
    text = "Too many new orders; current limit is 1 orders per 10 SECOND."
    for mode in ("", "&orderRateLimitExceededMode=DO_NOTHING"):
        response = await signed(signer, "POST", "/api/v3/order/cancelReplace", query + mode)
        assert refusal(response) == (429, -1015, text)
        assert response.headers["Retry-After"] == "10"
    assert len((await signed(signer, "GET", "/api/v3/openOrders", "symbol=BTCUSDT")).json()) == 1
    only = "&orderRateLimitExceededMode=CANCEL_ONLY"
    response = await signed(signer, "POST", "/api/v3/order/cancelReplace", query + only)
    body = response.json()
    assert (response.status_code, body["code"], response.headers["Retry-After"]) == (429, -2021, "10")
    assert (body["data"]["cancelResult"], body["data"]["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert body["data"]["newOrderResponse"] == {"code": -1015, "msg": text}
    assert (await signed(signer, "GET", "/api/v3/openOrders", "symbol=BTCUSDT")).json() == []


@pytest.mark.parametrize(
    ("mode", "cancel", "status", "code", "results"),
    [
        ("STOP_ON_FAILURE", "", 429, -2021, ("SUCCESS", "FAILURE")),
        ("STOP_ON_FAILURE", "7", 429, -2022, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", "", 409, -2021, ("SUCCESS", "FAILURE")),
        ("ALLOW_FAILURE", "7", 400, -2022, ("FAILURE", "FAILURE")),
    ],
)
@pytest.mark.parametrize("limit", [1, 2])
async def test_cancel_only_answers_by_binances_table(
    counting: Venue,
    signer: Signer,
    runtime: Runtime,
    mode: str,
    cancel: str,
    status: int,
    code: int,
    results: tuple[str, str],
    limit: int,
) -> None:
    """rest-api.md, "Cancel an Existing Order and Send a New Order". `limit` 2: one more may be placed."""
    await change(runtime, replace(LIMITS, short_orders=Window(limit, 10_000)))
    order_id = (await signed(signer, "POST", "/api/v3/order", ORDER)).json()["orderId"]
    modes = f"&cancelReplaceMode={mode}&orderRateLimitExceededMode=CANCEL_ONLY&cancelOrderId={cancel or order_id}"
    new = ORDER if limit == 1 else ORDER.replace("0.01", "100")  # which nobody can pay for
    response = await signed(signer, "POST", "/api/v3/order/cancelReplace", new + modes)
    usual = {-2021: 409, -2022: 400}[code]
    assert (response.status_code, response.json()["code"]) == (status if limit == 1 else usual, code), response.text
    data = response.json()["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == results
    assert ("Retry-After" in response.headers) is (limit == 1)
    assert (data["newOrderResponse"] is None) is (results[1] == "NOT_ATTEMPTED")


async def test_the_numbers_are_told(counting: Venue, signer: Signer, runtime: Runtime) -> None:
    info = (await signer.http.get("/api/v3/exchangeInfo?symbol=BTCUSDT")).json()
    assert info["rateLimits"] == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
    ]
    assert (await signer.http.get("/api/v1/exchangeInfo")).json()["rateLimits"] == []
    await signed(signer, "POST", "/api/v3/order", ORDER)
    response = await signed(signer, "GET", "/api/v3/rateLimit/order")
    assert used(response) == "61"
    assert response.json() == [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100, "count": 1},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000, "count": 1},
    ]


async def test_without_limits_nothing_is_said(venue: Venue, signer: Signer) -> None:
    now = int(time.time() * 1000)
    assert not [name for name in (await signer.http.get("/api/v3/ping")).headers if name.startswith("x-mbx")]
    order = await signer.signed("POST", "/api/v3/order", ORDER, at_ms=now)
    assert order.status_code == 200
    assert "x-mbx-used-weight" not in order.headers
    assert (await signer.http.get("/api/v3/exchangeInfo")).json()["rateLimits"] == []
    assert (await signer.signed("GET", "/api/v3/rateLimit/order", at_ms=now)).json() == []
    assert await venue.runner.command("EXISTS", venue.keys.limits) == 0


class Owner:
    """A caller of /_sim/rate-limits."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._how: dict[str, Any] = {"headers": {"X-Sim-Token": "the token"}}

    async def get(self) -> dict[str, Any]:
        return (await self._http.get("/_sim/rate-limits", **self._how)).json()  # type: ignore[no-any-return]

    async def put(self, **parameters: Any) -> httpx.Response:
        return await self._http.put("/_sim/rate-limits", json=parameters, **self._how)


def entry(kind: str, number: int, interval: str, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


async def test_a_tester_changes_them_while_the_exchange_runs(counting: Venue, http: httpx.AsyncClient) -> None:
    owner = Owner(http)
    assert (await owner.put(rateLimits=[entry("REQUEST_WEIGHT", 1, "MINUTE", 2)])).status_code == 200
    statuses = [(await http.get("/api/v3/ping")).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    both = [entry("ORDERS", 1, "HOUR", 7), entry("ORDERS", 20, "SECOND", 5)]
    changed = (await owner.put(rateLimits=both, fillAsMaker=1, refusalsBeforeBan=0, firstBanSeconds=60)).json()
    assert changed["rateLimits"] == [
        entry("REQUEST_WEIGHT", 1, "MINUTE", 2),
        entry("ORDERS", 20, "SECOND", 5),
        entry("ORDERS", 1, "HOUR", 7),
        entry("RAW_REQUESTS", 5, "MINUTE", 61_000),
    ]
    assert (changed["fillAsMaker"], changed["refusalsBeforeBan"], changed["firstBanSeconds"]) == (1, 0, 60)
    assert await owner.get() == changed
    assert (await owner.put(enabled=False)).json() == {"enabled": False}
    assert {(await http.get("/api/v3/ping")).status_code for _ in range(5)} == {200}
    assert (await owner.put(enabled=True)).json()["rateLimits"][0]["limit"] == 6_000


async def test_a_tester_forgives(counting: Venue, http: httpx.AsyncClient) -> None:
    owner = Owner(http)
    await owner.put(rateLimits=[entry("REQUEST_WEIGHT", 1, "MINUTE", 1)], refusalsBeforeBan=1)
    assert [(await http.get("/api/v3/ping")).status_code for _ in range(3)] == [200, 429, 418]
    await owner.put(forget=True)
    assert (await http.get("/api/v3/ping")).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"rateLimits": [entry("ORDERS", 1, "HOUR", 1)]}, "give both, or one of those in force"),
        ({"rateLimits": [entry("ORDERS", 1, "WEEK", 1)]}, "Invalid enum value 'WEEK'"),
        ({"firstBanSeconds": 600, "longestBanSeconds": 60}, "the first ban is longer than the longest"),
    ],
)
async def test_what_makes_no_sense_is_said(
    counting: Venue, http: httpx.AsyncClient, parameters: dict[str, Any], said: str
) -> None:
    before = await Owner(http).get()
    response = await Owner(http).put(**parameters)
    assert response.status_code == 400
    assert said in response.json()["msg"], json.dumps(response.json())
    assert await Owner(http).get() == before
