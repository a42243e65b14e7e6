"""Every endpoint that needs a key, with every wrong credential: the documented answer, and not one byte changed.

The fact a newcomer would get wrong: endpoints are read from the tables that are served, so a new one fails the first
test until it stands here with the permission that it should demand. Time stands still, so that windows end exactly.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from accounts.digests import key_digest
from accounts.secrets import seal
from accounts.tables import TABLES
from api.callers import Permission
from api.dialects import KNOWN, V1, V3, Dialect
from api.router import Endpoint, Router
from engine.registry import KeyRecord
from engine.venue import Venue
from tests.api.conftest import state_of

pytestmark = pytest.mark.django_db(transaction=True)

NOW_MS = 1_700_000_000_000
SECRET, OTHER_SECRET = b"alice-secret", b"bob-secret"
HOME, ELSEWHERE = "127.0.0.1", "10.1.2.3"

# What each endpoint demands (rest-api.md: TRADE, USER_DATA). "key": the key alone (USER_STREAM, MARKET_DATA).
DEMANDS: dict[str, tuple[str, ...]] = {
    "T": (
        "POST /order", "POST /order/test", "DELETE /order", "DELETE /openOrders", "POST /order/cancelReplace",
        "PUT /order/amend/keepPriority", "POST /orderList/oco", "POST /order/oco", "POST /orderList/oto",
        "POST /orderList/otoco", "POST /orderList/opo", "POST /orderList/opoco", "DELETE /orderList",
        "POST /sor/order", "POST /sor/order/test",
    ),
    "R": (
        "GET /order", "GET /openOrders", "GET /allOrders", "GET /myTrades", "GET /myPreventedMatches", "GET /account",
        "GET /account/commission", "GET /myFilters", "GET /order/amendments", "GET /orderList", "GET /openOrderList",
        "GET /allOrderList", "GET /myAllocations", "v3 GET /rateLimit/order", "sapi GET /capital/config/getall",
        "sapi GET /asset/tradeFee",
    ),
    "W": ("v1 POST /deposit", "v1 POST /withdraw"),
    "key": (
        "v3 POST /userDataStream", "v3 PUT /userDataStream", "v3 DELETE /userDataStream", "sapi GET /margin/allPairs",
        "sapi GET /margin/isolated/allPairs", "sapi GET /spot/delist-schedule",
    ),
    "nothing": (
        "GET /ping", "GET /time", "GET /exchangeInfo", "GET /executionRules", "GET /referencePrice",
        "GET /referencePrice/calculation", "GET /depth", "GET /klines", "GET /uiKlines", "GET /avgPrice",
        "GET /ticker/price", "GET /ticker/bookTicker", "GET /ticker/24hr", "GET /ticker/tradingDay", "GET /ticker",
        "GET /trades", "GET /historicalTrades", "GET /historicalBlockTrades", "GET /aggTrades",
        "sapi GET /system/status", "bare GET /fapi/v1/exchangeInfo", "bare GET /dapi/v1/exchangeInfo",
    ),
}  # fmt: skip

NO_KEY = (401, -2014, "API-key format invalid.")
BAD_KEY = (401, -2015, "Invalid API-key, IP, or permissions for action.")
BAD_SIGNATURE = (400, -1022, "Signature for this request is not valid.")
NO_SIGNATURE = (400, -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
NO_TIMESTAMP = (400, -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
STALE = (400, -1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD = (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
LONG_WINDOW = (400, -1131, "'recvWindow' must be less than 60000.")
DUPLICATE = (400, -1101, "Duplicate values for a parameter detected.")
ALL_REFUSALS = {NO_KEY, BAD_KEY, BAD_SIGNATURE, NO_SIGNATURE, NO_TIMESTAMP, STALE, AHEAD, LONG_WINDOW, DUPLICATE}
PASSES = None  # the credentials are good: whatever is answered, it is none of these


class Place(NamedTuple):
    """An endpoint in one dialect."""

    row: Endpoint
    dialect: Dialect

    @property
    def path(self) -> str:
        return self.dialect.prefix + self.row.path

    @property
    def is_signed(self) -> bool:
        return self.dialect is not V1 and not self.row.key_is_enough


PLACES = [
    Place(row, dialect)
    for table in TABLES
    for row in table
    for dialect in ((V1, V3) if row.dialect is None else (row.dialect,))
    if row.permission is not None
]
SIGNED = [place for place in PLACES if place.is_signed]


def sign(text: str, secret: bytes = SECRET) -> str:
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


class Try(NamedTuple):
    """A request's credentials: the query and body behind what the endpoint is asked."""

    query: str
    body: str = ""
    key: str | None = "full"
    address: str = HOME


# Who gets through is refused for his limit: histories would wait for an archiver.
STAMP = f"limit=0&timestamp={NOW_MS}"


def signed(text: str = STAMP, *, key: str | None = "full", secret: bytes = SECRET) -> Try:
    return Try(f"{text}&signature={sign(text, secret)}", key=key)


# What is tried, and what is answered on every signed endpoint.
ON_SIGNED: dict[str, tuple[Try, tuple[int, int, str] | None]] = {
    "good": (signed(), PASSES),
    "uppercase hex": (Try(f"{STAMP}&signature={sign(STAMP).upper()}"), PASSES),
    "signature first": (Try(f"signature={sign(STAMP)}&{STAMP}"), PASSES),
    "signature in the body": (Try(STAMP, f"signature={sign(STAMP)}"), PASSES),
    "all in the body": (Try("", f"{STAMP}&signature={sign(STAMP)}"), PASSES),
    "microseconds": (signed(f"{STAMP}000"), PASSES),
    "as late as may be": (signed(f"limit=0&timestamp={NOW_MS - 5000}"), PASSES),
    "as early as may be": (signed(f"limit=0&timestamp={NOW_MS + 999}"), PASSES),
    "no key": (signed(key=None), NO_KEY),
    "an empty key": (signed(key=""), NO_KEY),
    "a malformed key": (signed(key="no key"), NO_KEY),
    "an unknown key": (signed(key="unknown"), BAD_KEY),
    "a disabled key": (signed(key="disabled"), BAD_KEY),
    "another address": (signed()._replace(key="home", address=ELSEWHERE), BAD_KEY),
    "wrong signature": (Try(f"{STAMP}&signature={'0' * 64}"), BAD_SIGNATURE),
    "a signature that is none": (Try(f"{STAMP}&signature=x"), BAD_SIGNATURE),
    "another user's secret": (signed(secret=OTHER_SECRET), BAD_SIGNATURE),
    "signed something else": (Try(f"{STAMP}&signature={sign(STAMP)}&recvWindow=60000"), BAD_SIGNATURE),
    "signature missing": (Try(STAMP), NO_SIGNATURE),
    "timestamp missing": (signed("recvWindow=5000"), NO_TIMESTAMP),
    "stale": (signed(f"timestamp={NOW_MS - 5001}"), STALE),
    "stale in its own window": (signed(f"timestamp={NOW_MS - 11}&recvWindow=10.999"), STALE),
    "1001 ms ahead": (signed(f"timestamp={NOW_MS + 1001}"), AHEAD),
    "1000 ms ahead": (signed(f"timestamp={NOW_MS + 1000}"), AHEAD),
    "recvWindow 60001": (signed(f"{STAMP}&recvWindow=60001"), LONG_WINDOW),
    "duplicate parameter": (signed(f"{STAMP}&timestamp={NOW_MS}"), DUPLICATE),
    "duplicate signature": (Try(f"signature={sign(STAMP)}&{STAMP}&signature={sign(STAMP)}"), DUPLICATE),
}
# On every endpoint that needs a key, in whatever dialect.
ON_ALL: dict[str, tuple[Try, tuple[int, int, str] | None]] = {
    name: ON_SIGNED[name]
    for name in (
        "good", "no key", "an empty key", "a malformed key", "an unknown key", "a disabled key", "another address",
    )
}  # fmt: skip


@pytest.fixture
async def market(venue: Venue) -> Venue:
    """Alice and her keys, while time stands still. What a disabled key or user has is taken out of force."""
    await venue.clock.set_virtual(NOW_MS)
    await venue.registry.define_account(1, "alice")
    for name, changes in (
        ("full", {}), ("reader", {"permissions": "R"}), ("trader", {"permissions": "T"}), ("none", {"permissions": ""}),
        ("mover", {"permissions": "W"}), ("home", {"addresses": HOME}), ("disabled", {}),
    ):  # fmt: skip
        digest = key_digest(name)
        sealed = seal(SECRET.decode(), digest=digest)
        await venue.registry.define_key(
            digest, KeyRecord(account=1, user_name="alice", sealed_secret=sealed, **changes)
        )
    await venue.registry.revoke_key(key_digest("disabled"), account=1, name="alice")
    return venue


class Callers:
    """Callers from two addresses."""

    def __init__(self, router: Router) -> None:
        self.clients = {
            address: httpx.AsyncClient(
                transport=httpx.ASGITransport(router, client=(address, 1)), base_url="http://exchange"
            )
            for address in (HOME, ELSEWHERE)
        }

    async def ask(self, place: Place, tried: Try) -> tuple[int, int, str]:
        """(status, code, msg); code 0 for what is no error."""
        headers = {} if tried.key is None else {"X-MBX-APIKEY": tried.key}
        response = await self.clients[tried.address].request(
            place.row.method, f"{place.path}?{tried.query}", content=tried.body, headers=headers
        )
        body = response.json()
        is_error = isinstance(body, dict) and "code" in body
        assert is_error or response.status_code == 200, response.text
        return (response.status_code, body["code"], body["msg"]) if is_error else (200, 0, "")


@pytest.fixture
async def callers(router: Router) -> Callers:
    return Callers(router)


def name_of(row: Endpoint) -> str:
    dialect = "" if row.dialect is None else f"{row.dialect.name} "
    return f"{dialect}{row.method} {row.path}"


def demand_of(row: Endpoint) -> str:
    if row.permission is None:
        return "nothing"
    return "key" if row.key_is_enough else row.permission.value


def test_every_endpoint_demands_what_stands_here() -> None:
    served = {(name_of(row), demand_of(row)) for table in TABLES for row in table}
    written = {(name, demand) for demand, names in DEMANDS.items() for name in names}
    assert served == written
    assert {place.dialect.name for place in PLACES} == {"v1", "v3", "sapi"} <= {dialect.name for dialect in KNOWN}


async def judge(
    callers: Callers, venue: Venue, places: list[Place], tried: Try, answer: tuple[int, int, str] | None
) -> None:
    """Ask each of them; a refusal leaves no trace."""
    before = await state_of(venue)
    for place in places:
        said = await callers.ask(place, tried)
        if answer is PASSES:
            assert said not in ALL_REFUSALS, (place.row.method, place.path, said)
        else:
            assert said == answer, (place.row.method, place.path, said)
    if answer is not PASSES:
        assert await state_of(venue) == before


@pytest.mark.parametrize("name", ON_SIGNED)
async def test_signed_endpoints(market: Venue, callers: Callers, name: str) -> None:
    await judge(callers, market, SIGNED, *ON_SIGNED[name])


@pytest.mark.parametrize("name", ON_ALL)
async def test_all_that_needs_a_key(market: Venue, callers: Callers, name: str) -> None:
    await judge(callers, market, [place for place in PLACES if not place.is_signed], *ON_ALL[name])


@pytest.mark.parametrize("key", ["reader", "trader", "mover", "none"])
async def test_a_key_may_do_what_it_permits(market: Venue, callers: Callers, key: str) -> None:
    letters = {"reader": "R", "trader": "T", "mover": "W", "none": ""}[key]
    for place, may in permitted(letters):
        await judge(callers, market, [place], signed(key=key), PASSES if may else BAD_KEY)


def permitted(letters: str) -> Iterator[tuple[Place, bool]]:
    for place in PLACES:
        assert isinstance(place.row.permission, Permission)
        yield place, place.row.permission.value in letters
