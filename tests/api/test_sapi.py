"""/sapi/v1 and the futures' addresses: what clients ask while they start, and what is refused there."""

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.signing import Signer

pytestmark = pytest.mark.django_db(transaction=True)


async def test_nothing_is_a_404_to_a_client_that_starts(signer: Signer, anybody: Api) -> None:
    assert (await anybody.raw("GET", "/sapi/v1/system/status")).json() == {"status": 0, "msg": "normal"}
    for path in ("margin/allPairs", "margin/isolated/allPairs", "spot/delist-schedule"):
        response = await signer.signed("GET", f"/sapi/v1/{path}")
        assert (response.status_code, response.json()) == (200, [])
    for path in ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"):
        assert (await anybody.raw("GET", path)).json() == {"symbols": []}


async def test_fees_of_a_symbol_and_of_all(signer: Signer) -> None:
    fees = (await signer.signed("GET", "/sapi/v1/asset/tradeFee")).json()
    assert [fee["symbol"] for fee in fees] == ["BTCUSDT", "ETHBTC", "ETHUSDT"]
    fee = {"symbol": "BTCUSDT", "makerCommission": "0.00100000", "takerCommission": "0.00100000"}
    assert fees[0] == fee
    assert (await signer.signed("GET", "/sapi/v1/asset/tradeFee", "symbol=BTCUSDT")).json() == [fee]


async def test_coins_with_what_the_account_has_of_them(signer: Signer, alice: Api) -> None:
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "price": "50000", "quantity": "1.5"}
    await alice.ok("POST", "/order", **order)
    coins = (await signer.signed("GET", "/sapi/v1/capital/config/getall")).json()
    told = {coin["coin"]: (coin["free"], coin["locked"]) for coin in coins}
    assert told["BTC"] == ("8.50000000", "1.50000000")
    assert told.keys() == {"BTC", "ETH", "USDT"}
    network = coins[0]["networkList"][0]
    assert (network["coin"], network["isDefault"], network["withdrawFee"]) == (coins[0]["coin"], True, "0.00000000")


@pytest.mark.parametrize("symbol", ["", "NOPE", "btcusdt", "BTC/USDT", "x" * 1000, "BTCUSDT%00", "%F0%9F%98%80", "0"])
async def test_a_symbol_that_is_none(signer: Signer, symbol: str) -> None:
    response = await signer.signed("GET", "/sapi/v1/asset/tradeFee", f"symbol={symbol}")
    assert (response.status_code, response.json()["code"]) in {(400, -1121), (400, -1100), (400, -1105)}
    assert response.json().keys() == {"code", "msg"}


async def test_whoever_does_not_sign_gets_nothing(http: httpx.AsyncClient, alice: Api) -> None:
    key = {"X-MBX-APIKEY": alice.headers["X-API-KEY"]}
    for path, with_key in (
        ("capital/config/getall", 400), ("asset/tradeFee", 400), ("margin/allPairs", 200),
        ("margin/isolated/allPairs", 200), ("spot/delist-schedule", 200),
    ):  # fmt: skip
        assert (await http.get(f"/sapi/v1/{path}")).status_code == 401
        assert (await http.get(f"/sapi/v1/{path}", headers=key)).status_code == with_key
