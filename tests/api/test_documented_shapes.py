"""What /api/v3 answers has the form of the documents' examples: names, their order, and what kind of value each is.

Source: rest-api.md, where each example stands under the heading named. The fact a newcomer would get wrong: the
documents' decimals have as many places as their symbol; here all have eight.
"""

import json
import re
from typing import Any

import pytest

from engine.venue import Venue
from tests.api.conftest import Api, limit_order
from tests.api.signing import Signer

pytestmark = pytest.mark.django_db(transaction=True)

DECIMAL = re.compile(r"-?\d+\.\d{8}")
PERCENT = re.compile(r"-?\d+\.\d{3}")
UNUSED = "0"  # the last column of a candle

TICKER_FULL = """{"symbol": "BNBBTC", "priceChange": "-94.99999800", "priceChangePercent": "-95.960",
    "weightedAvgPrice": "0.29628482", "prevClosePrice": "0.10002000", "lastPrice": "4.00000200",
    "lastQty": "200.00000000", "bidPrice": "4.00000000", "bidQty": "100.00000000", "askPrice": "4.00000200",
    "askQty": "100.00000000", "openPrice": "99.00000000", "highPrice": "100.00000000", "lowPrice": "0.10000000",
    "volume": "8913.30000000", "quoteVolume": "15.30000000", "openTime": 1499783499040, "closeTime": 1499869899040,
    "firstId": 28385, "lastId": 28460, "count": 76}"""
TICKER_MINI = """{"symbol": "BNBBTC", "openPrice": "99.00000000", "highPrice": "100.00000000",
    "lowPrice": "0.10000000", "lastPrice": "4.00000200", "volume": "8913.30000000", "quoteVolume": "15.30000000",
    "openTime": 1499783499040, "closeTime": 1499869899040, "firstId": 28385, "lastId": 28460, "count": 76}"""
WINDOW_FULL = """{"symbol": "BTCUSDT", "priceChange": "-83.13000000", "priceChangePercent": "-0.317",
    "weightedAvgPrice": "26234.58803036", "openPrice": "26304.80000000", "highPrice": "26397.46000000",
    "lowPrice": "26088.34000000", "lastPrice": "26221.67000000", "volume": "18495.35066000",
    "quoteVolume": "485217905.04210480", "openTime": 1695686400000, "closeTime": 1695772799999,
    "firstId": 3220151555, "lastId": 3220849281, "count": 697727}"""
TRADE = """{"id": 28457, "price": "4.00000100", "qty": "12.00000000", "quoteQty": "48.00001200",
    "time": 1499865549590, "isBuyerMaker": true, "isBestMatch": true}"""
BOOK_TICKER = """{"symbol": "LTCBTC", "bidPrice": "4.00000000", "bidQty": "431.00000000", "askPrice": "4.00000200",
    "askQty": "9.00000000"}"""
KLINE = """[1499040000000, "0.01634790", "0.80000000", "0.01575800", "0.01577100", "148976.11427815", 1499644799999,
    "2434.19055334", 308, "1756.87402397", "28.46694368", "0"]"""
NAMED = {"symbol": "BTCUSDT"}
LISTED = {"symbols": '["BTCUSDT"]'}

PUBLIC: list[tuple[str, dict[str, str], str]] = [
    ("/ping", {}, "{}"),
    ("/time", {}, '{"serverTime": 1499827319559}'),
    ("/depth", NAMED, """{"lastUpdateId": 1027024, "bids": [["4.00000000", "431.00000000"]],
        "asks": [["4.00000200", "12.00000000"]]}"""),
    ("/trades", NAMED, f"[{TRADE}]"),
    ("/historicalTrades", NAMED, f"[{TRADE}]"),
    ("/historicalTrades", NAMED | {"fromId": "1"}, f"[{TRADE}]"),
    ("/historicalBlockTrades", NAMED | {"fromId": "1"}, "[]"),
    ("/aggTrades", NAMED, """[{"a": 26129, "p": "0.01633102", "q": "4.70443515", "f": 27781, "l": 27781,
        "T": 1498793709153, "m": true, "M": true}]"""),
    ("/klines", NAMED | {"interval": "1m"}, f"[{KLINE}]"),
    ("/uiKlines", NAMED | {"interval": "1M", "timeZone": "8"}, f"[{KLINE}]"),
    ("/avgPrice", NAMED, '{"mins": 5, "price": "9.35751834", "closeTime": 1694061154503}'),
    ("/ticker/24hr", NAMED, TICKER_FULL),
    ("/ticker/24hr", {}, f"[{TICKER_FULL}]"),
    ("/ticker/24hr", LISTED | {"type": "FULL"}, f"[{TICKER_FULL}]"),
    ("/ticker/24hr", NAMED | {"type": "MINI"}, TICKER_MINI),
    ("/ticker/24hr", LISTED | {"type": "MINI"}, f"[{TICKER_MINI}]"),
    ("/ticker/tradingDay", NAMED, WINDOW_FULL),
    ("/ticker/tradingDay", LISTED, f"[{WINDOW_FULL}]"),
    ("/ticker/tradingDay", NAMED | {"type": "MINI", "timeZone": "-1:00"}, TICKER_MINI),
    ("/ticker", NAMED, WINDOW_FULL),
    ("/ticker", LISTED | {"windowSize": "7d"}, f"[{WINDOW_FULL}]"),
    ("/ticker", NAMED | {"type": "MINI", "windowSize": "59m"}, TICKER_MINI),
    ("/ticker/price", NAMED, '{"symbol": "LTCBTC", "price": "4.00000200"}'),
    ("/ticker/price", {}, '[{"symbol": "LTCBTC", "price": "4.00000200"}]'),
    ("/ticker/bookTicker", NAMED, BOOK_TICKER),
    ("/ticker/bookTicker", {}, f"[{BOOK_TICKER}]"),
]  # fmt: skip

ACK = '"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "6gCrw2kRUAF9CvJDGP16IP"'
AMOUNTS = """"price": "0.00000000", "origQty": "10.00000000", "executedQty": "10.00000000",
    "origQuoteOrderQty": "0.00000000", "cummulativeQuoteQty": "10.00000000", "status": "FILLED",
    "timeInForce": "GTC", "type": "MARKET", "side": "SELL" """
STP = '"selfTradePreventionMode": "NONE"'
PLACED = f'{ACK}, "transactTime": 1507725176595, {AMOUNTS}'
RESULT = f'{PLACED}, "workingTime": 1507725176595, {STP}'
FILLS = """"fills": [{"price": "4000.00000000", "qty": "1.00000000", "commission": "4.00000000",
    "commissionAsset": "USDT", "tradeId": 56}]"""
CANCELED = f"""{{"symbol": "LTCBTC", "origClientOrderId": "myOrder1", "orderId": 4, "orderListId": -1,
    "clientOrderId": "cancelMyOrder1", "transactTime": 1684804350068, {AMOUNTS}, {STP}}}"""
QUERIED = f"""{{{ACK}, "price": "0.10000000", "origQty": "1.00000000", "executedQty": "0.00000000",
    "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
    "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": 1499827319559, "updateTime": 1499827319559,
    "isWorking": true, "workingTime": 1499827319559, "origQuoteOrderQty": "0.00000000", {STP}}}"""
MY_TRADE = """{"symbol": "BNBBTC", "id": 28457, "orderId": 100234, "orderListId": -1, "price": "4.00000100",
    "qty": "12.00000000", "quoteQty": "48.00001200", "commission": "10.10000000", "commissionAsset": "BNB",
    "time": 1499865549590, "isBuyer": true, "isMaker": false, "isBestMatch": true}"""
RATES = '{"maker": "0.00000010", "taker": "0.00000020", "buyer": "0.00000030", "seller": "0.00000040"}'
DISCOUNT = """{"enabledForAccount": true, "enabledForSymbol": true, "discountAsset": "BNB",
    "discount": "0.75000000"}"""
COMMISSION = f"""{{"symbol": "BTCUSDT", "standardCommission": {RATES}, "specialCommission": {RATES},
    "taxCommission": {RATES}, "discount": {DISCOUNT}}}"""
ROLES = '{"maker": "0.00000112", "taker": "0.00000114"}'
TEST_COMMISSION = f"""{{"standardCommissionForOrder": {ROLES}, "specialCommissionForOrder": {ROLES},
    "taxCommissionForOrder": {ROLES}, "discount": {DISCOUNT}}}"""
ACCOUNT = f"""{{"makerCommission": 15, "takerCommission": 15, "buyerCommission": 0, "sellerCommission": 0,
    "commissionRates": {RATES}, "canTrade": true, "canWithdraw": true, "canDeposit": true, "brokered": false,
    "requireSelfTradePrevention": false, "preventSor": false, "updateTime": 123456789, "accountType": "SPOT",
    "balances": [{{"asset": "BTC", "free": "4723846.89208129", "locked": "0.00000000"}}], "permissions": ["SPOT"],
    "uid": 354937868}}"""
LIST = """"orderListId": 0, "contingencyType": "OCO", "listStatusType": "EXEC_STARTED",
    "listOrderStatus": "EXECUTING", "listClientOrderId": "C3wyj4WVEktd7u9aVBRXcN", "transactionTime": 1574040868128,
    "symbol": "LTCBTC", "orders": [{"symbol": "LTCBTC", "orderId": 2, "clientOrderId": "pO9ufTiFGg3nw2fOdgeOXa"}]"""
AMENDED = f"""{{"transactTime": 1741926410255, "executionId": 75, "amendedOrder": {{"symbol": "BTCUSDT",
    "orderId": 33, "orderListId": -1, "origClientOrderId": "5xrgbMyg6z36NzBn2pbT8H",
    "clientOrderId": "PFaq6hIHxqFENGfdtn4J6Q", "price": "6.00000000", "qty": "5.00000000",
    "executedQty": "0.00000000", "preventedQty": "0.00000000", "quoteOrderQty": "0.00000000",
    "cumulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "SELL",
    "workingTime": 1741926410242, {STP}}}}}"""
AMENDMENT = """[{"symbol": "BTCUSDT", "orderId": 9, "executionId": 22, "origClientOrderId": "W0fJ9fiLKHOJutovPK3oJp",
    "newClientOrderId": "UQ1Np3bmQ71jJzsSDW9Vpi", "origQty": "5.00000000", "newQty": "4.00000000",
    "time": 1741669661670}]"""


def kind(value: Any) -> Any:
    """What a strict client sees: names in order, of lists the first item, of texts whether they are a number."""
    if isinstance(value, dict):
        return [(name, kind(item)) for name, item in value.items()]
    if isinstance(value, list):
        if len(value) == 12:
            return [kind(item) for item in value]
        return [kind(value[0])] if value else []
    if isinstance(value, str):
        names = {DECIMAL: "decimal", PERCENT: "percent"}
        return UNUSED if value == UNUSED else next((names[form] for form in names if form.fullmatch(value)), "text")
    return type(value)


def as_documented(answer: Any, example: str) -> None:
    assert kind(answer) == kind(json.loads(example))


@pytest.fixture
async def trader(signer: Signer, alice: Api, bob: Api, monkeypatch: pytest.MonkeyPatch) -> Signer:
    """Alice, who has sold 0.1 to bob in order 1 and has an ask (3) and a bid (4) on the book."""
    monkeypatch.setattr("accounts.history.WAIT_SECONDS", 0.01)  # nobody archives here
    await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.1"))
    await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.1"))
    await alice.ok("POST", "/order", **limit_order("SELL", "51000", "0.1"))
    await alice.ok("POST", "/order", **limit_order("BUY", "49000", "0.1", newClientOrderId="bid"))
    return signer


async def test_public_answers(trader: Signer, anybody: Api) -> None:
    for path, parameters, example in PUBLIC:
        response = await anybody.raw("GET", f"/api/v3{path}", params=parameters)
        assert response.status_code == 200, (path, parameters, response.text)
        try:
            as_documented(response.json(), example)
        except AssertionError as error:
            raise AssertionError(f"GET {path} {parameters}: {response.text}") from error


async def test_a_symbol_without_a_trade_has_a_price_of_zero(trader: Signer, anybody: Api) -> None:
    untraded = {"symbol": "ETHUSDT", "price": "0.00000000"}
    assert (await anybody.raw("GET", "/api/v3/ticker/price?symbol=ETHUSDT")).json() == untraded
    assert untraded in (await anybody.raw("GET", "/api/v3/ticker/price")).json()


async def test_a_list_of_symbols_that_is_none(anybody: Api) -> None:
    response = await anybody.raw("GET", "/api/v3/ticker/price", params={"symbols": "BTCUSDT"})
    name = r'"[\w\-._&&[^a-z]]{1,50}"'
    assert response.json() == {
        "code": -1100,
        "msg": "Illegal characters found in parameter 'symbols'; legal range is "
        rf"'^\[({name}(,{name}){{0,}}){{0,1}}\]$'.",
    }


async def test_exchange_info(trader: Signer, anybody: Api) -> None:
    info = (await anybody.raw("GET", "/api/v3/exchangeInfo")).json()
    assert list(info) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"], "sors: there are none"
    assert list(info["symbols"][0]) == [
        "symbol", "status", "baseAsset", "baseAssetPrecision", "quoteAsset", "quotePrecision", "quoteAssetPrecision",
        "baseCommissionPrecision", "quoteCommissionPrecision", "orderTypes", "icebergAllowed", "ocoAllowed",
        "otoAllowed", "opoAllowed", "quoteOrderQtyMarketAllowed", "allowTrailingStop", "cancelReplaceAllowed",
        "amendAllowed", "pegInstructionsAllowed", "isSpotTradingAllowed", "isMarginTradingAllowed", "filters",
        "permissions", "permissionSets", "defaultSelfTradePreventionMode", "allowedSelfTradePreventionModes",
    ]  # fmt: skip
    assert info["symbols"][0]["filters"][0]["filterType"] == "PRICE_FILTER"


async def test_a_new_order_in_its_three_lengths(trader: Signer) -> None:
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "IOC", "quantity": "0.01"}
    for length, example in (
        ("ACK", f'{{{ACK}, "transactTime": 1507725176595}}'),
        ("RESULT", f"{{{RESULT}}}"),
        ("FULL", f"{{{RESULT}, {FILLS}}}"),
    ):
        await trader.ok("POST", "/order", **order | {"side": "BUY", "timeInForce": "GTC", "price": "50500"})
        as_documented(await trader.ok("POST", "/order", **order, price="50500", newOrderRespType=length), example)
    market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "100"}
    as_documented(await trader.ok("POST", "/order", **market), f"{{{RESULT}, {FILLS}}}")


async def test_orders_that_are_asked_for_and_cancelled(trader: Signer) -> None:
    as_documented(await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=3), QUERIED)
    for path in ("/openOrders", "/allOrders"):
        as_documented(await trader.ok("GET", path, symbol="BTCUSDT"), f"[{QUERIED}]")
    as_documented(await trader.ok("GET", "/openOrders"), f"[{QUERIED}]")
    amended = await trader.ok("PUT", "/order/amend/keepPriority", symbol="BTCUSDT", orderId=4, newQty="0.09")
    as_documented(amended, AMENDED)
    as_documented(await trader.ok("GET", "/order/amendments", symbol="BTCUSDT", orderId=4), AMENDMENT)
    replaced = await trader.ok(
        "POST", "/order/cancelReplace", **limit_order("BUY", "48000", "0.1", timeInForce="GTC"), cancelOrderId=4,
        cancelReplaceMode="STOP_ON_FAILURE", newOrderRespType="RESULT", NewClientOrderId="misspelt",
    )  # fmt: skip
    as_documented(
        replaced,
        f"""{{"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS",
        "cancelResponse": {CANCELED}, "newOrderResponse": {{{RESULT}}}}}""",
    )
    assert replaced["newOrderResponse"]["clientOrderId"] == "misspelt"
    as_documented(await trader.ok("DELETE", "/order", symbol="BTCUSDT", orderId=3), CANCELED)
    as_documented(await trader.ok("DELETE", "/openOrders", symbol="BTCUSDT"), f"[{CANCELED}]")


async def test_what_is_said_of_an_account(trader: Signer) -> None:
    as_documented(await trader.ok("GET", "/account"), ACCOUNT)
    as_documented(await trader.ok("GET", "/account/commission", symbol="BTCUSDT"), COMMISSION)
    as_documented(await trader.ok("GET", "/myTrades", symbol="BTCUSDT"), f"[{MY_TRADE}]")
    assert await trader.ok("GET", "/myAllocations", symbol="BTCUSDT") == []
    order = limit_order("BUY", "40000", "0.1", timeInForce="GTC")
    assert await trader.ok("POST", "/order/test", **order) == {}
    tested = await trader.ok("POST", "/order/test", **order, computeCommissionRates="true")
    as_documented(tested, TEST_COMMISSION)


async def test_order_lists(trader: Signer) -> None:
    pair = {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "52000",
        "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "48000", "belowPrice": "47000", "belowTimeInForce": "GTC",
    }  # fmt: skip
    stop = f'{{{PLACED}, "stopPrice": "0.00000000", "workingTime": -1, {STP}}}'
    placed = await trader.ok("POST", "/orderList/oco", **pair)
    as_documented(placed, f'{{{LIST}, "orderReports": [{stop}]}}')
    as_documented(placed["orderReports"][1], f"{{{RESULT}}}")
    as_documented(await trader.ok("GET", "/orderList", orderListId=placed["orderListId"]), f"{{{LIST}}}")
    for path in ("/openOrderList", "/allOrderList"):
        as_documented(await trader.ok("GET", path), f"[{{{LIST}}}]")
    stopped = CANCELED.replace(STP, f'"stopPrice": "1.00000000", {STP}')
    ended = await trader.ok("DELETE", "/orderList", symbol="BTCUSDT", orderListId=placed["orderListId"])
    as_documented(ended, f'{{{LIST}, "orderReports": [{stopped}]}}')


async def test_an_order_that_expired_says_why_wherever_it_is_shown(trader: Signer, alice: Api, bob: Api) -> None:
    """user-data-stream.md, "Order expiry reasons"; the pair's other order went, a chain's second never came."""
    pair = {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "50400",
        "belowType": "STOP_LOSS", "belowStopPrice": "48000",
    }  # fmt: skip
    stop, limit = (report["orderId"] for report in (await trader.ok("POST", "/orderList/oco", **pair))["orderReports"])
    await bob.ok("POST", "/order", **limit_order("BUY", "50400", "0.01"))
    shown = await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=stop)
    assert (shown["status"], shown["expiryReason"]) == ("EXPIRED", "OCO_TRIGGER")
    assert "expiryReason" not in await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=limit)
    chain = {
        "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "40000",
        "workingQuantity": "0.01", "workingTimeInForce": "IOC", "pendingType": "MARKET", "pendingSide": "SELL",
        "pendingQuantity": "0.01",
    }  # fmt: skip
    reports = (await trader.ok("POST", "/orderList/oto", **chain))["orderReports"]
    assert reports[0]["expiryReason"] == "UNFILLED_IOC_QUANTITY_EXPIRED"
    shown = await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=reports[1]["orderId"])
    assert (shown["status"], shown["expiryReason"]) == ("EXPIRED", "OTO_PHASE_ONE_EXPIRED")


async def test_a_prevented_match_tells_the_trade_group(trader: Signer, bob: Api, venue: Venue) -> None:
    """faqs/stp_faq.md, scenario D; whoever is in no group is told nothing of one."""
    taker = limit_order("BUY", "51000", "0.02", timeInForce="GTC", selfTradePreventionMode="EXPIRE_TAKER")
    alone = await trader.ok("POST", "/order", **taker)
    assert (alone["status"], alone["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "0.02000000")
    assert "tradeGroupId" not in alone
    await venue.registry.set_trade_group(1, 7)
    told = await trader.ok("POST", "/order", **taker)
    assert (told["tradeGroupId"], told["preventedQuantity"]) == (7, "0.02000000")
    assert list(told)[-3:] == ["tradeGroupId", "preventedMatchId", "preventedQuantity"]
    assert (await trader.ok("GET", "/account"))["tradeGroupId"] == 7
    await venue.registry.set_trade_group(2, 7)
    mode = {"selfTradePreventionMode": "TRANSFER"}
    await bob.ok("POST", "/order", **limit_order("SELL", "50900", "0.02", **mode))
    moved = await trader.ok("POST", "/order", **taker | mode)
    assert list(moved["preventedMatches"][0])[:3] == ["preventedMatchId", "makerSymbol", "makerOrderId"]


async def test_icebergs_and_trailing_stops_show_what_they_were_sent_with(trader: Signer) -> None:
    """rest-api.md, "Conditional fields in Order Responses"."""
    order = limit_order("SELL", "47000", "0.1", timeInForce="GTC", newOrderRespType="RESULT") | {
        "type": "STOP_LOSS_LIMIT", "trailingDelta": "100", "stopPrice": "48000", "icebergQty": "0.01",
        "strategyId": "37463720", "strategyType": "1000000",
    }  # fmt: skip
    placed = await trader.ok("POST", "/order", **order)
    as_documented(
        placed,
        f"""{{{PLACED}, "stopPrice": "0.00000000", "workingTime": -1, "icebergQty": "0.00000000", {STP},
        "trailingDelta": 10, "trailingTime": -1, "strategyId": 37463720, "strategyType": 1000000}}""",
    )
    assert (placed["workingTime"], placed["trailingTime"], placed["trailingDelta"]) == (-1, -1, 100)
    shown = await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=placed["orderId"])
    special = ("trailingDelta", "trailingTime", "strategyId", "strategyType")
    assert [(name, shown[name]) for name in list(shown)[-4:]] == [(name, placed[name]) for name in special]
    assert (shown["stopPrice"], shown["icebergQty"]) == ("48000.00000000", "0.01000000")


async def test_parts_of_history_that_go_together(trader: Signer) -> None:
    """rest-api.md, "Account trade list" and "All orders"."""
    combination = (400, -1128, "Combination of optional parameters invalid.")
    for given in (
        {}, {"orderId": 1}, {"startTime": 0}, {"endTime": 2**41}, {"fromId": 1}, {"startTime": 0, "endTime": 86400000},
        {"orderId": 1, "fromId": 1},
    ):  # fmt: skip
        assert isinstance(await trader.ok("GET", "/myTrades", symbol="BTCUSDT", limit=9, **given), list)
    for given in (
        {"orderId": 1, "startTime": 0},
        {"fromId": 1, "endTime": 1},
        {"orderId": 1, "fromId": 1, "endTime": 1},
    ):
        assert await trader.error("GET", "/myTrades", symbol="BTCUSDT", **given) == combination
    assert await trader.ok("GET", "/allOrders", symbol="BTCUSDT", orderId=1, startTime=0, endTime=86400000) == []
    long = (400, -1127, "More than 24 hours between startTime and endTime.")
    for path in ("/allOrders", "/myTrades", "/allOrderList", "/myAllocations"):
        named = {} if path == "/allOrderList" else {"symbol": "BTCUSDT"}
        assert await trader.error("GET", path, **named, startTime=0, endTime=86400001) == long


async def test_times_in_microseconds(trader: Signer, anybody: Api) -> None:
    first_us = (await trader.ok("GET", "/allOrders", symbol="BTCUSDT"))[0]["time"] * 1000
    for start_us, is_first_shown in ((first_us, True), (first_us + 1, False)):
        shown = await trader.ok("GET", "/allOrders", symbol="BTCUSDT", startTime=start_us)
        assert (1 in [order["orderId"] for order in shown]) is is_first_shown
    told = await anybody.raw(
        "GET", "/api/v3/trades", params={"symbol": "BTCUSDT"}, headers={"X-MBX-TIME-UNIT": "MICROSECOND"}
    )
    (trade,) = (await anybody.raw("GET", "/api/v3/trades", params={"symbol": "BTCUSDT"})).json()
    assert told.json() == [trade | {"time": trade["time"] * 1000}]


async def test_numbers_with_an_exponent_and_a_delete_in_a_form(trader: Signer) -> None:
    placed = await trader.ok("POST", "/order", **limit_order("BUY", "1e4", "1e-3", timeInForce="GTC"))
    assert (placed["price"], placed["origQty"]) == ("10000.00000000", "0.00100000")
    text = (
        f"symbol=BTCUSDT&orderId={placed['orderId']}&origClientOrderId={placed['clientOrderId']}&newOrderRespType=ACK"
    )
    canceled = await trader.signed_in_form("DELETE", "/api/v3/order", text)
    assert (canceled.status_code, canceled.json()["status"]) == (200, "CANCELED")
