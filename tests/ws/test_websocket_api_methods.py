"""Every method of the WebSocket API once, with the members that web-socket-api.md shows in its answer.

The fact a newcomer would get wrong: nothing here asks what an order does. Handlers are those of REST, which tests/api
asks; here each must be reached, with its parameters, and be answered in the frame.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from accounts.routing import METHODS
from accounts.tables import TABLES
from api.runtime import Runtime
from engine.venue import Venue
from tests.ws.api_client import ApiClient, Key, api_connected, api_url_of, give_hmac_key
from tests.ws.conftest import serving

pytestmark = pytest.mark.django_db(transaction=True)

# Dialects whose own rows the WebSocket API does not have, and why.
BY_HTTP_ALONE: Final = {
    "v1": "money in and out are the guide's",
    "sapi": "on Binance they are another product, which has no WebSocket API",
    "bare": "markets of futures, which are not here",
}
# All that web-socket-api.md has, and those of listenKeys, which it had until 2026.
DOCUMENTED: Final = (
    "ping time exchangeInfo executionRules depth trades.recent trades.historical blockTrades.historical "
    "trades.aggregate klines uiKlines avgPrice ticker.24hr ticker.tradingDay ticker ticker.price ticker.book "
    "referencePrice referencePrice.calculation session.logon session.status session.logout order.place order.test "
    "order.cancel order.cancelReplace order.amend.keepPriority openOrders.cancelAll orderList.place "
    "orderList.place.oco orderList.place.oto orderList.place.otoco orderList.place.opo orderList.place.opoco "
    "orderList.cancel sor.order.place sor.order.test account.status order.status openOrders.status allOrders "
    "orderList.status openOrderLists.status allOrderLists myTrades account.rateLimits.orders myPreventedMatches "
    "myAllocations account.commission order.amendments myFilters userDataStream.subscribe "
    "userDataStream.unsubscribe session.subscriptions userDataStream.subscribe.signature userDataStream.start "
    "userDataStream.ping userDataStream.stop "
)
LIMIT: Final = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
BUY: Final = LIMIT | {"side": "BUY", "price": "40000"}
SELL: Final = LIMIT | {"side": "SELL", "price": "60000"}
PAIR: Final = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "61000",
    "belowType": "STOP_LOSS", "belowStopPrice": "39000",
}  # fmt: skip
OLD_PAIR: Final = {"symbol": "BTCUSDT", "side": "SELL", "quantity": 0.01, "price": 61000, "stopPrice": 39000}
WORKING: Final = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "40000",
    "workingQuantity": "0.01", "workingTimeInForce": "GTC", "pendingSide": "SELL",
}  # fmt: skip
PENDING: Final = {"pendingType": "LIMIT", "pendingPrice": "62000", "pendingTimeInForce": "GTC"}
PENDING_PAIR: Final = {
    "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "62000", "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "38000",
}  # fmt: skip

# Members, in words that are split.
TICKER_MINI: Final = (
    "symbol openPrice highPrice lowPrice lastPrice volume quoteVolume openTime closeTime firstId lastId count"
)
OWN_TRADE: Final = (
    "symbol id orderId orderListId price qty quoteQty commission commissionAsset time isBuyer isMaker isBestMatch"
)
AMENDMENT: Final = "symbol orderId executionId origClientOrderId newClientOrderId origQty newQty time"
COMMISSION: Final = "symbol standardCommission specialCommission taxCommission discount"
ACCOUNT: Final = "makerCommission commissionRates canTrade accountType balances uid"
TICKER: Final = TICKER_MINI + " priceChange priceChangePercent weightedAvgPrice"
TICKER_24H: Final = TICKER + " prevClosePrice lastQty bidPrice bidQty askPrice askQty"
TRADE: Final = "id price qty quoteQty time isBuyerMaker isBestMatch"
PLACED: Final = (
    "symbol orderId orderListId clientOrderId transactTime price origQty executedQty origQuoteOrderQty "
    "cummulativeQuoteQty status timeInForce type side workingTime selfTradePreventionMode"
)
ORDER: Final = PLACED.replace("transactTime ", "") + " stopPrice icebergQty time updateTime isWorking"
CANCELED: Final = PLACED.replace("workingTime ", "") + " origClientOrderId"
LIST: Final = (
    "orderListId contingencyType listStatusType listOrderStatus listClientOrderId transactionTime symbol orders"
)
RATES: Final = "maker taker buyer seller"
SESSION: Final = "apiKey authorizedSince connectedSince returnRateLimits serverTime userDataStream"


class Scene:
    """Alice with an open order, a fill and an order list, and her connection. Numbers of orders stand by name."""

    def __init__(self, api: ApiClient, alice: Key, bob: Key) -> None:
        self.api = api
        self.alice = alice
        self.bob = bob
        self.ids: dict[str, int] = {}

    async def place(self, name: str, key: Key, **params: Any) -> None:
        self.ids[name] = (await self.api.call("order.place", **key.signed(**params)))["orderId"]

    async def signed(self, method: str, **params: Any) -> Any:
        return await self.api.call(method, **self.alice.signed(**params))


@pytest.fixture
async def scene(
    redis_url: str, venue: Venue, alice: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    monkeypatch.setattr("accounts.history.WAIT_SECONDS", 0.01)  # nobody archives here
    keys = await give_hmac_key(venue, alice, "alice"), await give_hmac_key(venue, bob, "bob")
    async with serving(Runtime(redis_url, venue.name)) as url, api_connected(api_url_of(url)) as api:
        scene = Scene(api, *keys)
        await scene.place("maker", keys[1], **SELL | {"price": "50000"})
        await scene.place("filled", keys[0], **BUY | {"price": "50000"})
        await scene.place("open", keys[0], **BUY | {"newClientOrderId": "open"})
        yield scene


PUBLIC: Final[list[tuple[str, dict[str, Any], str]]] = [
    ("ping", {}, ""),
    ("time", {}, "serverTime"),
    ("exchangeInfo", {"symbols": ["BTCUSDT"]}, "timezone serverTime rateLimits exchangeFilters symbols"),
    ("exchangeInfo", {"symbol": "BTCUSDT", "showPermissionSets": False}, "timezone serverTime rateLimits symbols"),
    ("executionRules", {"symbol": "BTCUSDT"}, "symbolRules"),
    ("depth", {"symbol": "BTCUSDT", "limit": 5}, "lastUpdateId bids asks"),
    ("trades.recent", {"symbol": "BTCUSDT", "limit": 1}, TRADE),
    ("trades.historical", {"symbol": "BTCUSDT", "fromId": 1, "limit": 1}, TRADE),
    ("trades.aggregate", {"symbol": "BTCUSDT", "limit": 1}, "a p q f l T m M"),
    ("avgPrice", {"symbol": "BTCUSDT"}, "mins price closeTime"),
    ("ticker.24hr", {"symbol": "BTCUSDT"}, TICKER_24H),
    ("ticker.24hr", {"symbols": ["BTCUSDT"], "type": "MINI"}, TICKER_MINI),
    ("ticker.tradingDay", {"symbols": ["BTCUSDT", "ETHUSDT"], "timeZone": "00:00"}, TICKER),
    ("ticker", {"symbol": "BTCUSDT", "windowSize": "7d"}, TICKER),
    ("ticker.price", {"symbol": "BTCUSDT"}, "symbol price"),
    ("ticker.price", {"symbols": ["BTCUSDT"]}, "symbol price"),
    ("ticker.book", {"symbol": "BTCUSDT"}, "symbol bidPrice bidQty askPrice askQty"),
    ("session.status", {}, SESSION),
    ("session.logout", {}, SESSION),
]


async def test_public_methods(scene: Scene) -> None:
    for method, params, members in PUBLIC:
        result = await scene.api.call(method, **params)
        first = result[0] if isinstance(result, list) else result
        assert set(members.split()) <= first.keys(), (method, first)


async def test_candles(scene: Scene) -> None:
    for method in ("klines", "uiKlines"):
        (candle,) = await scene.api.call(method, symbol="BTCUSDT", interval="1h", limit=1)
        assert len(candle) == 12, candle


async def test_methods_that_there_is_nothing_to_tell_of(scene: Scene) -> None:
    assert await scene.api.call("blockTrades.historical", symbol="BTCUSDT", fromId=1) == []
    for method in ("referencePrice", "referencePrice.calculation"):
        assert (await scene.api.error(method, symbol="BTCUSDT"))[1] == -2043, method
    assert await scene.api.call("session.subscriptions") == []
    assert await scene.api.call("userDataStream.unsubscribe") == {}


def queries(ids: dict[str, int]) -> list[tuple[str, dict[str, Any], str]]:
    return [
        ("account.status", {"omitZeroBalances": True}, ACCOUNT),
        ("account.commission", {"symbol": "BTCUSDT"}, COMMISSION),
        ("order.status", {"symbol": "BTCUSDT", "orderId": ids["open"]}, ORDER),
        ("order.status", {"symbol": "BTCUSDT", "origClientOrderId": "open"}, ORDER),
        ("openOrders.status", {"symbol": "BTCUSDT"}, ORDER),
        ("openOrders.status", {}, ORDER),
        ("allOrders", {"symbol": "BTCUSDT", "limit": 5}, ORDER),
        ("myTrades", {"symbol": "BTCUSDT", "startTime": 0}, OWN_TRADE),
        ("myFilters", {"symbol": "BTCUSDT"}, "exchangeFilters symbolFilters assetFilters"),
    ]  # fmt: skip


async def test_signed_queries(scene: Scene) -> None:
    for method, params, members in queries(scene.ids):
        result = await scene.signed(method, **params)
        first = result[0] if isinstance(result, list) else result
        assert set(members.split()) <= first.keys(), (method, first)
    for method in ("myPreventedMatches", "myAllocations"):
        assert await scene.signed(method, symbol="BTCUSDT", orderId=scene.ids["open"]) == []


async def test_orders_by_themselves(scene: Scene) -> None:
    placed = await scene.signed("order.place", **BUY, recvWindow=5000.25)
    assert placed.keys() == {*PLACED.split(), "fills"}
    assert (await scene.signed("order.place", **BUY | {"newOrderRespType": "RESULT"})).keys() == set(PLACED.split())
    with_numbers = await scene.signed("order.place", **BUY | {"price": 40_000, "quantity": 0.01, "strategyId": 2**53})
    assert (with_numbers["price"], with_numbers["strategyId"]) == ("40000.00000000", 2**53)
    assert await scene.signed("order.test", **BUY) == {}
    tested = await scene.signed("order.test", **BUY, computeCommissionRates=True)
    assert tested.keys() == {
        "standardCommissionForOrder", "specialCommissionForOrder", "taxCommissionForOrder", "discount",
    }  # fmt: skip
    amended = await scene.signed("order.amend.keepPriority", symbol="BTCUSDT", origClientOrderId="open", newQty="0.005")
    assert amended.keys() == {"transactTime", "executionId", "amendedOrder"}
    (amendment,) = await scene.signed("order.amendments", symbol="BTCUSDT", orderId=scene.ids["open"])
    assert set(AMENDMENT.split()) <= amendment.keys()
    canceled = await scene.signed("order.cancel", symbol="BTCUSDT", orderId=placed["orderId"])
    assert canceled.keys() == set(CANCELED.split())
    canceled, *_ = await scene.signed("openOrders.cancelAll", symbol="BTCUSDT")
    assert canceled.keys() == set(CANCELED.split())


async def test_no_symbol_has_smart_order_routing(scene: Scene) -> None:
    for method in ("sor.order.place", "sor.order.test"):
        refusal = await scene.api.error(method, **scene.alice.signed(**BUY))
        assert refusal == (400, -1013, "This symbol has no SOR."), method


async def test_a_cancel_and_a_new_order_in_one(scene: Scene) -> None:
    wish = BUY | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": scene.ids["open"]}
    members = {"cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse"}
    replaced = await scene.signed("order.cancelReplace", **wish)
    assert (replaced.keys(), replaced["cancelResult"], replaced["newOrderResult"]) == (members, "SUCCESS", "SUCCESS")
    failed = await scene.api.answer("order.cancelReplace", scene.alice.signed(**wish))
    error = failed["error"]
    assert (failed["status"], error["code"], error["msg"]) == (400, -2022, "Order cancel-replace failed.")
    assert error["data"] == {
        "cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None,
        "cancelResponse": {"code": -2011, "msg": "Unknown order sent."},
    }  # fmt: skip
    in_part = await scene.api.answer(
        "order.cancelReplace", scene.alice.signed(**wish | {"cancelReplaceMode": "ALLOW_FAILURE"})
    )
    assert (in_part["status"], in_part["error"]["code"]) == (409, -2021)
    assert in_part["error"]["data"].keys() == members
    assert "result" not in in_part


LISTS: Final[list[tuple[str, dict[str, Any], int]]] = [
    ("orderList.place", OLD_PAIR, 2),
    ("orderList.place.oco", PAIR, 2),
    ("orderList.place.oto", WORKING | PENDING | {"pendingQuantity": 0.01}, 2),
    ("orderList.place.otoco", WORKING | PENDING_PAIR | {"pendingQuantity": 0.01}, 3),
    ("orderList.place.opo", WORKING | PENDING, 2),
    ("orderList.place.opoco", WORKING | PENDING_PAIR, 3),
]


async def test_order_lists(scene: Scene) -> None:
    for method, params, orders in LISTS:
        placed = await scene.signed(method, **params)
        assert placed.keys() == {*LIST.split(), "orderReports"}, method
        assert len(placed["orders"]) == len(placed["orderReports"]) == orders, method
    number = placed["orderListId"]
    assert (await scene.signed("orderList.status", orderListId=number)).keys() == set(LIST.split())
    assert len(await scene.signed("openOrderLists.status")) == len(LISTS)
    assert len(await scene.signed("allOrderLists", limit=3)) == 3
    canceled = await scene.signed("orderList.cancel", symbol="BTCUSDT", orderListId=number)
    assert canceled.keys() == {*LIST.split(), "orderReports"}
    together = await scene.signed("openOrders.cancelAll", symbol="BTCUSDT")
    assert sum("orderReports" in report for report in together) == len(LISTS) - 1


async def test_listen_keys_need_the_key_alone(scene: Scene) -> None:
    api_key = scene.alice.api_key
    opened = await scene.api.call("userDataStream.start", apiKey=api_key)
    assert opened.keys() == {"listenKey"}
    assert await scene.api.call("userDataStream.ping", apiKey=api_key, **opened) == {}
    assert await scene.api.call("userDataStream.stop", apiKey=api_key, **opened) == {}
    refused = await scene.api.error("userDataStream.ping", apiKey=api_key, **opened)
    assert refused == (400, -1125, "This listenKey does not exist.")
    assert (await scene.api.error("userDataStream.start"))[:2] == (400, -1102)
    assert (await scene.api.error("userDataStream.start", apiKey="nobody's"))[:2] == (401, -2014)
    assert (await scene.api.error("userDataStream.start", apiKey="nobody"))[:2] == (401, -2015)


def test_every_row_has_a_method_or_a_reason_to_have_none() -> None:
    """A new row says websocket="its.name", or stands in BY_HTTP_ALONE with the reason."""
    for row in (row for table in TABLES for row in table):
        has_reason = row.dialect is not None and row.dialect.name in BY_HTTP_ALONE
        assert bool(row.websocket) != has_reason, (row.method, row.path)


def test_every_method_is_documented_and_asked_here() -> None:
    names = {name for name in METHODS if not name.startswith("v3/")}
    assert names == set(DOCUMENTED.split())
    asked = Path(__file__).read_text()
    parts = ("signed", "sessions", "limits")
    others = [Path(__file__).with_name(f"test_websocket_api_{part}.py").read_text() for part in parts]
    assert [name for name in names if f'"{name}"' not in asked + "".join(others)] == []
