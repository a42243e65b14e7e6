"""The same for `/_sim`: every parameter of every endpoint, and neither the engine nor SQL has changed by one row.

The fact a newcomer would get wrong: names, labels and rules end in SQL, where SQLite keeps what other databases refuse.
So what is too long for its column is tried too.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from pytest_django import Settings

from accounts.auth import authenticate
from accounts.digests import key_digest
from accounts.models import ApiKey, Trader, TraderFees
from accounts.secrets import seal
from accounts.services import create_user
from api.router import Router
from api.runtime import Runtime
from engine.venue import Venue
from markets.models import Asset, Conversion, Exchange, Symbol
from simulation import (
    endpoints,
    fault_endpoints,
    fee_endpoints,
    key_endpoints,
    limit_endpoints,
    symbol_endpoints,
    user_stream_endpoints,
)
from tests.api.conftest import as_documented, state_of
from tests.api.test_bad_input import BAD_DECIMAL, BAD_INTEGER, NO_NUMBER, UNREADABLE, refusal
from tests.api.test_keys import DOCUMENTED_ED25519

pytestmark = pytest.mark.django_db(transaction=True)

SIM = (
    *endpoints.ENDPOINTS,
    *fault_endpoints.ENDPOINTS,
    *fee_endpoints.ENDPOINTS,
    *key_endpoints.ENDPOINTS,
    *limit_endpoints.ENDPOINTS,
    *symbol_endpoints.ENDPOINTS,
    *user_stream_endpoints.ENDPOINTS,
)
SAMPLE = Path(__file__).resolve().parents[2] / "simulation" / "recordings" / "sample_btcusdt.jsonl.gz"
RULES = {"tickSize": "0.01", "lotSize": "0.001", "minPrice": "0.01", "maxPrice": "1000", "minQuantity": "0.001",
         "maxQuantity": "100", "minNotional": "5", "makerFee": "0.001", "takerFee": "0.001",
         "buyerFee": "0.001", "sellerFee": "0.001", "specialMakerFee": "0.001", "specialTakerFee": "0.001",
         "specialBuyerFee": "0.001", "specialSellerFee": "0.001", "taxMakerFee": "0.001", "taxTakerFee": "0.001",
         "taxBuyerFee": "0.001", "taxSellerFee": "0.001", "discount": "0.75",
         "minMarketQuantity": "0.001", "maxMarketQuantity": "100", "maxIcebergParts": "10", "minTrailingAbove": "10",
         "maxTrailingAbove": "20", "minTrailingBelow": "10", "maxTrailingBelow": "20",
         "maxOrderAmends": "5", "priceUp": "1.3", "priceDown": "0.7", "bidPriceUp": "1.3", "bidPriceDown": "0.7",
         "askPriceUp": "1.3", "askPriceDown": "0.7", "haltPercent": "10", "haltSeconds": "60",
         "priceTimePercent": "40",
         "rangeBidUp": "2", "rangeBidDown": "0.5", "rangeAskUp": "2", "rangeAskDown": "0.5",
         "referenceBucketMs": "1000", "referenceBuckets": "10"}  # fmt: skip
COUNTS = {"maxOrders": "5", "maxAlgoOrders": "5", "maxIcebergOrders": "5", "maxOrderLists": "5"}
WORDS = {
    "orderTypes": "LIMIT,MARKET", "defaultStp": "EXPIRE_BOTH", "allowedStp": "NONE,EXPIRE_BOTH", "notOffered": "OPO",
    "matchingRule": "price_time_pro_rata",
}  # fmt: skip
FEES = {name: text for name, text in RULES.items() if name.endswith("Fee")}
OWN_KEY = "alices"
KEY = {"label": "mine", "permissions": "R", "requiresSignature": "true", "addresses": "10.0.0.0/8"}
MONEY = {"user": "alice", "asset": "BTC", "amount": "1"}
LIMITS = {
    "enabled": "true", "fillAsTaker": "1", "fillAsMaker": "5", "refusalsBeforeBan": "3", "firstBanSeconds": "60",
    "longestBanSeconds": "600", "forget": "true",
    "rateLimits": '[{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":10}]',
}  # fmt: skip
BAD_LIMITS = [
    "", " ", "x", "[", "[]", "{}", "[1]", "null",
    '[{"rateLimitType":"ORDERS","interval":"HOUR","intervalNum":1,"limit":1}]',
    '[{"rateLimitType":"CONNECTIONS","interval":"MINUTE","intervalNum":5,"limit":1}]',
    '[{"rateLimitType":"ORDERS","interval":"WEEK","intervalNum":1,"limit":1}]',
    '[{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":0,"limit":1}]',
    '[{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":-1}]',
    '[{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":1e300}]',
    '[{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1}]',
    '[{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":1,"count":1}]',
    "[" + ",".join(['{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":10}'] * 2) + "]",
    "[" + ",".join(['{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":10}'] * 2) + "]",
    "[" * 5000,
]  # fmt: skip

# (method, path, parameters with which it would be accepted)
GOOD: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/users", {"name": "alice"}),
    ("POST", "/users", {"name": "bob", "displayName": "Bob", "publicKey": DOCUMENTED_ED25519}),
    ("GET", "/keys", {"user": "alice"}),
    ("POST", "/keys", {"user": "alice", "publicKey": DOCUMENTED_ED25519, **KEY}),
    ("PUT", "/keys", {"apiKey": OWN_KEY, "disabled": "true", **KEY}),
    ("DELETE", "/keys", {"apiKey": OWN_KEY}),
    ("POST", "/symbols", {"symbol": "SOLUSDT", "base": "SOL", "quote": "USDT", "referenceExternalId": "2"}),
    (
        "POST",
        "/symbols",
        {
            "symbol": "SOLUSDT",
            "base": "SOL",
            "quote": "USDT",
            **RULES,
            **COUNTS,
            **WORDS,
            "maxPosition": "100",
            "discountAsset": "BNB",
        },
    ),
    ("PUT", "/symbols", {"symbol": "BTCUSDT", "status": "HALT"}),
    ("GET", "/auction", {"symbol": "BTCUSDT"}),
    ("PUT", "/exchange", COUNTS),
    ("PUT", "/referencePrice", {"symbol": "BTCUSDT", "price": "50000"}),  # which is computed: refused anyhow
    (
        "PUT",
        "/users",
        {
            "name": "alice",
            "tradeGroup": "7",
            "maxOrder": "BTC=1",
            "maxDaily": "USDT=1",
            "maxPosition": "BTC=1",
            "maxOpenOrders": "5",
            "killed": "true",
            "disabled": "true",
        },
    ),
    ("GET", "/fees", {"user": "alice"}),
    ("PUT", "/fees", {"user": "alice", "symbol": "BTCUSDT", **FEES, "usesDiscount": "true"}),
    ("PUT", "/conversions", {"discountAsset": "BTC", "asset": "USDT", "price": "50000"}),
    ("PUT", "/listenKeys", {"served": "true"}),
    ("PUT", "/signatures", {"once": "true"}),
    ("PUT", "/rate-limits", LIMITS),
    ("PUT", "/fault", {"code": "-1007", "count": "1", "request": "POST /api/v3/order", "executed": "true"}),
    ("POST", "/credit", MONEY),
    ("POST", "/debit", MONEY),
    ("POST", "/externalLock", MONEY),
    ("POST", "/externalUnlock", MONEY),
    ("POST", "/clock", {"mode": "virtual", "nowMs": "4000000000000", "clear": "true"}),
    ("POST", "/replay", {"file": str(SAMPLE), "symbol": "BTCUSDT", "speed": "1", "clear": "true"}),
    ("PUT", "/replay", {"speed": "2", "paused": "true"}),  # none runs: refused anyhow
    ("GET", "/orders/journal", {"user": "alice", "symbol": "BTCUSDT", "clientOrderId": "mine"}),  # no order: likewise
]
IN_PATH = ("GET", "/orders/{orderId}/journal", "orderId")
READ_WHOLE = (
    "info", "symbols", "exchange", "conversions", "clock", "replay", "listenKeys", "rate-limits", "fault", "signatures",
)  # fmt: skip
WITHOUT_PARAMETERS = {("GET", f"/{path}") for path in READ_WHOLE} | {("DELETE", "/replay"), ("DELETE", "/fault")}
FREE_TEXTS = ("name", "displayName", "label", "tradeGroup")  # may be called -1

BAD_USER = ["", " ", "nobody", "Alice", "alice ", "x" * 5000, "\x00", "a@b", "{other}:meta"]
BAD_ASSET = ["", " ", "btc", "BTC/", "x" * 5000, "BTC\x00", "#fees", "\u00fc"]
BAD_RULE = [*(text for text in NO_NUMBER if text == "" or text.strip() == text), "1e-20", "1e30"]  # spaces are stripped
BAD_WORDS = ["", ",", "STOP", "LIMIT;MARKET", "limit", "NONE,X", "TRANSFER\x00", "x" * 5000]
BAD_AMOUNTS = ["", "BTC", "BTC=", "=1", "BTC=x", "BTC=-1", "BTC=1,BTC=2", "NOPE=1", "BTC=1e30", "BTC=1\x00", "B" * 5000]
BAD_TRUTH = ["", " ", "yes", "1", "True", "x" * 5000]
BAD: dict[str, list[str]] = {
    "name": ["", " ", "a@b", "a|b", "#a", "BTCUSDT", "btcusdt", " a", "a\tb", "a\x00", "x" * 37, "x" * 5000],
    "displayName": ["", "x" * 101, "a\x00b", "a\nb"],
    "clientOrderId": ["", " ", "nobody's", "x" * 5000, "\x00"],
    "user": BAD_USER, "label": ["", "x" * 101, "a\x00b"], "permissions": ["", "X", "RX", "RR", "r", "R" * 1000],
    "symbol": ["", " ", "B", "solusdt", "SOL/USDT", "X" * 21, "ALICE", "SOL\x00"],
    "base": [*BAD_ASSET, "USDT"], "quote": [*BAD_ASSET, "SOL"], "asset": [*BAD_ASSET, "NOPE"], "amount": BAD_DECIMAL,
    "mode": ["", " ", "lunar", "REAL", "x" * 5000], "nowMs": [*BAD_INTEGER, "0", str(10**18)],
    "file": ["", " ", "relative", "/nowhere", "/", "/" + "x" * 5000, "/a\x00", __file__],
    "speed": [*NO_NUMBER, "0", "1e3", "MAX", "1000001"],
    "served": BAD_TRUTH, "once": BAD_TRUTH, "enabled": BAD_TRUTH, "forget": BAD_TRUTH, "rateLimits": BAD_LIMITS,
    **dict.fromkeys(("fillAsTaker", "fillAsMaker", "refusalsBeforeBan"), BAD_INTEGER),
    "firstBanSeconds": [*BAD_INTEGER, "0"], "longestBanSeconds": [*BAD_INTEGER, "0"],
    "code": ["", " ", "-1", "-1003", "--1007", "-1008", "7", "x" * 5000], "count": [*BAD_INTEGER, "0", "1000001"],
    "request": ["", " ", "POST", "PATCH /api/v3/order", "POST /_sim/users", "order.", "x" * 5000, "\x00", "a b"],
    "executed": BAD_TRUTH,
    "clear": BAD_TRUTH, "paused": BAD_TRUTH, "requiresSignature": BAD_TRUTH, "usesDiscount": BAD_TRUTH,
    "apiKey": ["", " ", "alice", "x" * 5000, "\x00"], "addresses": ["", "x", "10.0.0.1/8", "1.2.3.4," * 500, "\x00"],
    "publicKey": ["", " ", "x", "-----BEGIN PRIVATE KEY-----", "x" * 5000, "\x00", DOCUMENTED_ED25519[:60]],
    "disabled": BAD_TRUTH, "killed": BAD_TRUTH, **dict.fromkeys(("maxOrder", "maxDaily", "maxPosition"), BAD_AMOUNTS),
    "maxOpenOrders": [*NO_NUMBER, "1.5", "1e3"], "status": ["", " ", "halt", "OPEN", "HALT\x00", "x" * 5000],
    "discountAsset": [text for text in BAD_ASSET if text != " "],
    **dict.fromkeys(RULES | COUNTS, BAD_RULE), "referenceExternalId": [*BAD_RULE, "1.5", str(2**31)],
    "price": BAD_DECIMAL, **dict.fromkeys(WORDS, BAD_WORDS),
    "tradeGroup": [*(text for text in NO_NUMBER if text != "-1"), "1.5", "-2", str(2**31), str(2**63)],
}  # fmt: skip


@pytest.fixture
async def sim(
    redis_url: str, venue: Venue, runtime: Runtime, settings: Settings, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with the token; BTCUSDT and alice exist."""
    settings.REDIS_URL, settings.EXCHANGE_VENUE, settings.EXCHANGE_DATA_DIR = redis_url, venue.name, tmp_path

    def furnish() -> None:
        Symbol(symbol="BTCUSDT", base=Asset.objects.create(name="BTC"), quote=Asset.objects.create(name="USDT")).save()
        create_user("alice")
        trader, digest = Trader.objects.get(name="alice"), key_digest(OWN_KEY)
        ApiKey(trader=trader, prefix=OWN_KEY, digest=digest, sealed_secret=seal("secret", digest=digest)).save()

    await database_sync_to_async(furnish)()
    transport = httpx.ASGITransport(Router([SIM], runtime, authenticate=authenticate))
    token = {"X-Sim-Token": "the token"}
    hooks: dict[str, Any] = {"event_hooks": {"response": [as_documented]}}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://exchange/_sim", headers=token, **hooks
    ) as client:
        yield client


async def everything(venue: Venue) -> dict[str, Any]:
    """The engine's state and SQL's rows; how the last replay ended is no state of the exchange."""
    kinds: list[Any] = [Asset, Symbol, Exchange, Conversion, Trader, TraderFees, ApiKey]
    rows = database_sync_to_async(lambda: {kind.__name__: list(kind.objects.values()) for kind in kinds})
    state = {key: content for key, content in (await state_of(venue)).items() if not key.endswith("}:replay")}
    return state | await rows()


def test_every_endpoint_and_parameter_is_tried() -> None:
    assert {(row.method, row.path) for row in SIM} == {row[:2] for row in (*GOOD, IN_PATH)} | WITHOUT_PARAMETERS
    parameters = {
        (row.method, row.path, field.encode_name) for row in SIM for field in msgspec.structs.fields(row.request)
    }
    assert parameters == {(method, path, name) for method, path, good in GOOD for name in good} | {IN_PATH}
    assert {name for _, _, name in parameters} == {*BAD, IN_PATH[2]}


@pytest.mark.parametrize(("method", "path", "good"), GOOD)
async def test_one_bad_parameter(
    sim: httpx.AsyncClient, venue: Venue, method: str, path: str, good: dict[str, str]
) -> None:
    before = await everything(venue)
    for name in good:
        wheres = ("params",) if method == "GET" else ("params", "data", "json")
        for value in BAD[name]:
            for where in wheres:
                response = await sim.request(method, path, **{where: good | {name: value}})  # type: ignore[arg-type]
                assert refusal(response) != -1000, (name, value, response.text)
        if method != "GET":
            for written in ([], {}, [1], {"a": 1}, *(() if name in FREE_TEXTS else (-1, 1e300))):
                refused = await sim.request(method, path, json=good | {name: written})
                assert refusal(refused) != -1000, (name, written)
    assert await everything(venue) == before


@pytest.mark.parametrize("value", [*BAD_INTEGER, "77", "0", "a/b", "\x00", "x" * 5000])
async def test_a_bad_parameter_in_the_path(sim: httpx.AsyncClient, venue: Venue, value: str) -> None:
    before = await everything(venue)
    method, path, name = IN_PATH
    response = await sim.request(method, path.replace("{" + name + "}", quote(value, safe="")))
    is_no_path = value == "" or "/" in value
    assert (refusal(response) == -1000) is is_no_path, response.text
    assert await everything(venue) == before


@pytest.mark.parametrize(("method", "path"), sorted({row[:2] for row in GOOD if row[0] != "GET"}))
async def test_a_body_that_cannot_be_read(sim: httpx.AsyncClient, venue: Venue, method: str, path: str) -> None:
    before = await everything(venue)
    for body in UNREADABLE:
        refusal(await sim.request(method, path, content=body))
    assert await everything(venue) == before


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("GET", "/users", {}),
        ("POST", "/users", {"name": "bob"}),
        ("POST", "/keys", {"user": "alice"}),
        ("POST", "/symbols", {"symbol": "SOLUSDT", "base": "SOL", "quote": "USDT"}),
    ],
)
async def test_a_database_that_cannot_be_had_is_503(
    sim: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, method: str, path: str, parameters: dict[str, str]
) -> None:
    def locked(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("django.db.models.query.QuerySet._fetch_all", locked)
    monkeypatch.setattr("django.db.models.query.QuerySet.exists", locked)
    response = await sim.request(method, path, params=parameters)
    assert (response.status_code, response.json()["code"]) == (503, -1008)
