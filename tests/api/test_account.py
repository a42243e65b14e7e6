"""Balances, money in and out, and who may ask."""

import asyncio

import httpx
import pytest

from accounts.digests import key_digest
from engine.venue import Venue
from tests.api.conftest import ALICE_KEY, READER_KEY, SIGNED_KEY, Api, limit_order

PRIVATE = [
    ("POST", "/order"),
    ("DELETE", "/order"),
    ("GET", "/order"),
    ("GET", "/openOrders"),
    ("DELETE", "/openOrders"),
    ("GET", "/allOrders"),
    ("GET", "/myTrades"),
    ("GET", "/account"),
    ("GET", "/account/commission"),
    ("POST", "/deposit"),
    ("POST", "/withdraw"),
]
NO_KEY = (401, -2014, "API-key format invalid.")
BAD_KEY = (401, -2015, "Invalid API-key, IP, or permissions for action.")


async def test_account_has_every_asset_and_what_is_locked(alice: Api) -> None:
    await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.1"))
    account = await alice.ok("GET", "/account")
    assert account.pop("updateTime") > 1_600_000_000_000
    assert account == {
        "makerCommission": 10, "takerCommission": 10, "buyerCommission": 0, "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000",
        },
        "canTrade": True, "canWithdraw": True, "canDeposit": True, "brokered": False,
        "requireSelfTradePrevention": False, "preventSor": False, "accountType": "SPOT",
        "balances": [
            {"asset": "BTC", "free": "10.00000000", "locked": "0.00000000"},
            {"asset": "ETH", "free": "10.00000000", "locked": "0.00000000"},
            {"asset": "USDT", "free": "995000.00000000", "locked": "5000.00000000"},
        ],
        "permissions": ["SPOT"], "uid": 1, "accountId": 1, "userId": "alice",
    }  # fmt: skip


async def test_zero_balances_can_be_left_out(alice: Api) -> None:
    await alice.ok("POST", "/withdraw", asset="ETH", amount="10")
    shown = await alice.ok("GET", "/account", omitZeroBalances="true")
    assert [balance["asset"] for balance in shown["balances"]] == ["BTC", "USDT"]
    assert len((await alice.ok("GET", "/account", omitZeroBalances="false"))["balances"]) == 3


async def test_deposit_and_withdraw(alice: Api, venue: Venue) -> None:
    into = await alice.ok("POST", "/deposit", asset="BTC", amount="0.5")
    assert into == {"status": "ok", "tranId": into["tranId"], "asset": "BTC", "amount": "0.50000000"}
    out = await alice.raw("POST", "/api/v1/withdraw", content=b'{"asset": "BTC", "amount": 1e-05}')
    assert out.json()["amount"] == "0.00001000"
    assert out.json()["tranId"] > into["tranId"]
    (balance,) = await venue.queries.balances(1, ["BTC"])
    assert balance.free_atoms == 1_049_999_000
    refused = await alice.error("POST", "/withdraw", asset="BTC", amount="10.5")
    assert refused == (400, -2010, "Account has insufficient balance for requested action.")
    assert (await alice.error("POST", "/deposit", asset="DOGE", amount="1"))[:2] == (400, -1130)


async def test_locked_money_cannot_be_withdrawn(alice: Api) -> None:
    await alice.ok("POST", "/order", **limit_order("SELL", "60000", "9"))
    assert (await alice.error("POST", "/withdraw", asset="BTC", amount="2"))[1] == -2010
    assert (await alice.ok("POST", "/withdraw", asset="BTC", amount="1"))["status"] == "ok"


async def test_more_than_can_be_counted_is_refused(alice: Api, venue: Venue) -> None:
    """A venue counts to 9.0e18 atoms of an asset; one deposit below that is read, the sum is not accepted."""
    refused = await alice.error("POST", "/deposit", asset="BTC", amount="89999999999")
    assert refused == (400, -2010, "The venue cannot hold that much of one asset.")
    assert (await alice.error("POST", "/deposit", asset="BTC", amount="90000000001"))[1] == -1108


@pytest.mark.parametrize(("method", "path"), PRIVATE)
async def test_private_endpoints_want_a_key(http: httpx.AsyncClient, alice: Api, method: str, path: str) -> None:
    order = limit_order("BUY", "50000", "0.001", orderId="1", asset="BTC", amount="1")
    assert await Api(http).error(method, path, **order) == NO_KEY
    assert await Api(http, "a b").error(method, path, **order) == NO_KEY
    assert await Api(http, "x" * 129).error(method, path, **order) == NO_KEY
    assert await Api(http, "nobody").error(method, path, **order) == BAD_KEY
    assert await Api(http, SIGNED_KEY).error(method, path, **order) == BAD_KEY
    not_ascii = await http.request(method, f"/api/v1{path}", headers={"X-API-KEY": "\u00e9".encode("latin-1")})  # type: ignore[dict-item]
    assert not_ascii.json()["code"] == -2014


@pytest.mark.parametrize(("method", "path"), [row for row in PRIVATE if row[0] != "GET"])
async def test_a_key_that_may_only_read_changes_nothing(
    http: httpx.AsyncClient, alice: Api, method: str, path: str
) -> None:
    order = limit_order("BUY", "50000", "0.001", orderId="1", asset="BTC", amount="1")
    assert await Api(http, READER_KEY).error(method, path, **order) == BAD_KEY
    assert (await Api(http, READER_KEY).ok("GET", "/account"))["userId"] == "alice"


async def test_the_key_may_stand_in_binances_header(http: httpx.AsyncClient, alice: Api) -> None:
    response = await http.get("/api/v1/account", headers={"X-MBX-APIKEY": ALICE_KEY})
    assert response.json()["accountId"] == 1


async def test_a_revoked_key_is_dead_at_once_for_orders_and_soon_for_reads(alice: Api, venue: Venue) -> None:
    await alice.ok("GET", "/account")  # cached from here on
    await venue.registry.revoke_key(key_digest(ALICE_KEY), account=1, name="alice")
    assert await alice.error("POST", "/order", **limit_order("BUY", "50000", "0.001")) == BAD_KEY
    async with asyncio.timeout(1):
        while (await alice.ask("GET", "/account")).status_code == 200:
            await asyncio.sleep(0.005)
