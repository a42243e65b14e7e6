"""Whatever comes in, over every endpoint: a 4xx with code and text in JSON, and not one byte of state changed.

The fact a newcomer would get wrong: endpoints and parameters are read from the tables that are served, so a new one
without a row here fails the first test. `/_sim` has its own rows, in test_bad_sim_input.
"""

import random
from typing import Any

import httpx
import msgspec
import pytest

from api.dialects import V1
from engine.venue import Venue
from markets.endpoints import ENDPOINTS as MARKETS
from tests.api.conftest import ACCOUNTS, Api, limit_order, state_of

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT_ORDER = limit_order("BUY", "50000", "0.001", timeInForce="GTC", newClientOrderId="new")
MARKET_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
STOP_ORDER = limit_order("SELL", "38000", "0.001", timeInForce="GTC", stopPrice="39000", newClientOrderId="new") | {
    "type": "STOP_LOSS_LIMIT", "trailingDelta": "100", "icebergQty": "0.0005", "strategyId": "7",
    "strategyType": "1000000", "selfTradePreventionMode": "EXPIRE_BOTH", "newOrderRespType": "ACK",
}  # fmt: skip
SOR_ORDER = LIMIT_ORDER | {
    name: STOP_ORDER[name]
    for name in ("icebergQty", "strategyId", "strategyType", "selfTradePreventionMode", "newOrderRespType")
}
REPLACEMENT = {name: value for name, value in STOP_ORDER.items() if name != "newClientOrderId"} | {
    "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "1", "cancelOrigClientOrderId": "resting",
    "cancelNewClientOrderId": "bye", "cancelRestrictions": "ONLY_NEW", "NewClientOrderId": "new",
    "orderRateLimitExceededMode": "CANCEL_ONLY",
}  # fmt: skip
PEGGED_ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "pegPriceType": "PRIMARY_PEG",
    "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "1",
}  # fmt: skip
PEGGED_REPLACEMENT = PEGGED_ORDER | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "1"}
QUOTE_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "10"}
QUOTE_REPLACEMENT = QUOTE_ORDER | {
    "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "1", "newClientOrderId": "new",
}  # fmt: skip
PAIR = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "listClientOrderId": "new", "newOrderRespType": "ACK",
    "selfTradePreventionMode": "EXPIRE_BOTH", "aboveType": "TAKE_PROFIT_LIMIT", "belowType": "STOP_LOSS_LIMIT",
} | {
    f"{leg}{name}": value
    for leg, price in (("above", "55000"), ("below", "45000"))
    for name, value in {
        "ClientOrderId": leg, "IcebergQty": "0.005", "Price": price, "StopPrice": price, "TrailingDelta": "100",
        "TimeInForce": "GTC", "StrategyId": "7", "StrategyType": "1000000", "PegPriceType": "MARKET_PEG",
        "PegOffsetType": "PRICE_LEVEL", "PegOffsetValue": "1",
    }.items()
}  # fmt: skip
OLD_PAIR = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "listClientOrderId": "new", "newOrderRespType": "ACK",
    "selfTradePreventionMode": "EXPIRE_BOTH", "limitClientOrderId": "limit", "price": "55000",
    "limitStrategyId": "7", "limitStrategyType": "1000000", "limitIcebergQty": "0.005", "trailingDelta": "100",
    "stopClientOrderId": "stop", "stopPrice": "45000", "stopStrategyId": "7", "stopStrategyType": "1000000",
    "stopLimitPrice": "44000", "stopIcebergQty": "0.005", "stopLimitTimeInForce": "GTC",
}  # fmt: skip
LISTED = {"listClientOrderId": "listed", "limitClientOrderId": "listed-a", "stopClientOrderId": "listed-b"}
WORKING = {
    "symbol": "BTCUSDT", "listClientOrderId": "new", "newOrderRespType": "ACK", "selfTradePreventionMode": "NONE",
    "workingType": "LIMIT", "workingSide": "BUY", "workingClientOrderId": "working", "workingPrice": "40000",
    "workingQuantity": "0.01", "workingIcebergQty": "0.005", "workingTimeInForce": "GTC", "workingStrategyId": "7",
    "workingStrategyType": "1000000", "workingPegPriceType": "MARKET_PEG", "workingPegOffsetType": "PRICE_LEVEL",
    "workingPegOffsetValue": "1", "pendingSide": "SELL", "pendingQuantity": "0.01",
}  # fmt: skip
CHAIN = WORKING | {f"pending{name.removeprefix('below')}": PAIR[name] for name in PAIR if name.startswith("below")}
PAID_CHAIN = {name: value for name, value in CHAIN.items() if name != "pendingQuantity"}
CHAINED_PAIR = WORKING | {
    f"pending{name[0].upper()}{name[1:]}": PAIR[name] for name in PAIR if name.startswith(("above", "below"))
}
PAID_PAIR = {name: value for name, value in CHAINED_PAIR.items() if name != "pendingQuantity"}
SPAN = {"symbol": "BTCUSDT", "startTime": "0", "endTime": "4000000000000", "limit": "10"}
TICKERS = {
    "/ticker/price": {"symbolStatus": "TRADING"}, "/ticker/bookTicker": {"symbolStatus": "TRADING"},
    "/ticker/24hr": {"symbolStatus": "TRADING", "type": "MINI"},
    "/ticker/tradingDay": {"symbolStatus": "TRADING", "type": "FULL", "timeZone": "8"},
    "/ticker": {"symbolStatus": "TRADING", "type": "MINI", "windowSize": "7d"},
}  # fmt: skip

# (method, path, parameters with which it would be accepted)
GOOD: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/exchangeInfo", {"symbol": "BTCUSDT"}),
    ("GET", "/exchangeInfo", {"symbols": '["BTCUSDT"]', "showPermissionSets": "false"}),
    ("GET", "/exchangeInfo", {"symbolStatus": "TRADING", "permissions": "SPOT"}),
    ("GET", "/executionRules", {"symbol": "BTCUSDT"}),
    ("GET", "/executionRules", {"symbols": '["BTCUSDT"]'}),
    ("GET", "/executionRules", {"symbolStatus": "TRADING"}),
    ("GET", "/referencePrice", {"symbol": "BTCUSDT"}),
    ("GET", "/referencePrice/calculation", {"symbol": "BTCUSDT", "symbolStatus": "TRADING"}),
    ("GET", "/avgPrice", {"symbol": "BTCUSDT"}),
    *(
        ("GET", path, names | more)
        for path, more in TICKERS.items()
        for names in ({"symbol": "BTCUSDT"}, {"symbols": '["BTCUSDT"]'})
    ),
    ("GET", "/depth", {"symbol": "BTCUSDT", "limit": "10", "symbolStatus": "TRADING"}),
    ("GET", "/trades", {"symbol": "BTCUSDT", "limit": "10"}),
    ("GET", "/historicalTrades", {"symbol": "BTCUSDT", "fromId": "1", "limit": "10"}),
    ("GET", "/historicalBlockTrades", {"symbol": "BTCUSDT", "fromId": "1", "limit": "10"}),
    ("GET", "/aggTrades", SPAN),
    ("GET", "/aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "limit": "10"}),
    ("GET", "/klines", SPAN | {"interval": "1m", "timeZone": "-1:00"}),
    ("GET", "/uiKlines", SPAN | {"interval": "1m", "timeZone": "05:45"}),
    ("POST", "/order", LIMIT_ORDER),
    ("POST", "/order", MARKET_ORDER),
    ("POST", "/order", QUOTE_ORDER),
    ("POST", "/order", STOP_ORDER),
    ("POST", "/order", PEGGED_ORDER),
    ("POST", "/order/test", PEGGED_ORDER),
    ("POST", "/order/cancelReplace", PEGGED_REPLACEMENT),
    ("POST", "/sor/order", SOR_ORDER),  # refused by every symbol: none has SOR
    ("POST", "/sor/order", SOR_ORDER | {"quoteOrderQty": "10"}),
    ("POST", "/sor/order/test", SOR_ORDER | {"computeCommissionRates": "true"}),
    ("POST", "/sor/order/test", SOR_ORDER | {"quoteOrderQty": "10"}),
    ("GET", "/myAllocations", {"symbol": "BTCUSDT", "startTime": "0", "endTime": "1", "limit": "10"}),
    ("GET", "/myAllocations", {"symbol": "BTCUSDT", "orderId": "1", "fromAllocationId": "0"}),
    ("POST", "/order/test", QUOTE_ORDER),
    ("POST", "/order/test", STOP_ORDER | {"computeCommissionRates": "true"}),
    ("GET", "/account/commission", {"symbol": "BTCUSDT"}),
    ("POST", "/order/cancelReplace", REPLACEMENT),
    ("POST", "/orderList/oco", PAIR),
    ("POST", "/order/oco", OLD_PAIR),
    ("POST", "/orderList/oto", CHAIN),
    ("POST", "/orderList/otoco", CHAINED_PAIR),
    ("POST", "/orderList/opo", PAID_CHAIN),
    ("POST", "/orderList/opo", CHAIN),  # refused whatever it says of the quantity
    ("POST", "/orderList/opoco", PAID_PAIR),
    ("POST", "/orderList/opoco", CHAINED_PAIR),  # likewise
    ("DELETE", "/orderList", {"symbol": "BTCUSDT", "orderListId": "1", "newClientOrderId": "end"}),
    ("DELETE", "/orderList", {"symbol": "BTCUSDT", "listClientOrderId": "listed"}),
    ("GET", "/orderList", {"orderListId": "1"}),
    ("GET", "/orderList", {"origClientOrderId": "listed"}),
    ("GET", "/allOrderList", {"fromId": "1", "limit": "10"}),
    ("GET", "/allOrderList", {"startTime": "0", "endTime": "1", "limit": "10"}),
    ("POST", "/order/cancelReplace", QUOTE_REPLACEMENT),
    (
        "DELETE",
        "/order",
        {"symbol": "BTCUSDT", "orderId": "1", "newClientOrderId": "end", "cancelRestrictions": "ONLY_NEW"},
    ),
    (
        "PUT",
        "/order/amend/keepPriority",
        {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.005", "newClientOrderId": "resting"},
    ),
    ("PUT", "/order/amend/keepPriority", {"symbol": "BTCUSDT", "origClientOrderId": "resting", "newQty": "0.005"}),
    (
        "GET",
        "/order/amendments",
        {"symbol": "BTCUSDT", "orderId": "1", "fromExecutionId": "1", "limit": "10"},
    ),
    ("DELETE", "/order", {"symbol": "BTCUSDT", "origClientOrderId": "resting"}),
    ("GET", "/order", {"symbol": "BTCUSDT", "orderId": "1"}),
    ("GET", "/order", {"symbol": "BTCUSDT", "origClientOrderId": "resting"}),
    ("GET", "/openOrders", {"symbol": "BTCUSDT"}),
    ("DELETE", "/openOrders", {"symbol": "BTCUSDT"}),
    ("GET", "/allOrders", SPAN | {"orderId": "1"}),
    ("GET", "/myTrades", SPAN | {"orderId": "1", "fromId": "1"}),
    ("GET", "/myPreventedMatches", {"symbol": "BTCUSDT", "preventedMatchId": "0", "limit": "10"}),
    ("GET", "/myPreventedMatches", {"symbol": "BTCUSDT", "orderId": "1", "fromPreventedMatchId": "0"}),
    ("GET", "/myFilters", {"symbol": "BTCUSDT"}),
    ("GET", "/account", {"omitZeroBalances": "true"}),
    ("POST", "/deposit", {"asset": "BTC", "amount": "1"}),
    ("POST", "/withdraw", {"asset": "BTC", "amount": "1"}),
]
WITHOUT_PARAMETERS = {("GET", "/ping"), ("GET", "/time"), ("GET", "/openOrderList")}

NO_NUMBER = ["", " ", "abc", "-1", "-0", "nan", "NaN", "inf", "Infinity", "-Infinity", "0x10", " 1", "1 ", " 12 ", "+5",
             "1_000", "1,5", ".5", "5.", ".", "e5", "1e", "1e400", "\uff11\uff12", str(10**30), "9" * 40, "1\x00",
             "null", "true", "[]", "{}", "1;DROP"]  # fmt: skip
BAD_DECIMAL = [*NO_NUMBER, "0", "0.0", "0.000000001", "1e-9", "1e30", str(2**53), str(2**63)]
BAD_INTEGER = [*NO_NUMBER, "1.5", "1e3", str(2**63), "9" * 20]
BAD_WORD = ["", " ", "buy", "X", "1", "null", "BUY ", "\u00fc", "BUY\x00", "x" * 1000]
BAD_CLIENT_ID = ["", "x" * 37, "a b", "\u00fc", "a\x00", "a|b", 'a"b', "a\nb"]
BAD: dict[str, list[str]] = {
    "symbol": ["", "NOPE", "btcusdt", "BTC/USDT", "x" * 1000, "BTCUSDT\x00", "\U0001f600", "{other}:meta", "0"],
    "symbols": ["", "[]", "BTCUSDT", '["NOPE"]', '[""]', "[1]", "{", '"BTCUSDT"'],
    "side": BAD_WORD, "type": [*BAD_WORD, "STOP"], "timeInForce": [*BAD_WORD, "GTX"],
    "interval": [*BAD_WORD, "2m", "1D", "0m"], "omitZeroBalances": [*BAD_WORD, "True"],
    "quantity": BAD_DECIMAL, "price": BAD_DECIMAL, "quoteOrderQty": BAD_DECIMAL, "amount": BAD_DECIMAL,
    "stopPrice": BAD_DECIMAL, "icebergQty": BAD_DECIMAL, "trailingDelta": [*BAD_INTEGER, "0", "9", "2001"],
    "strategyId": [*BAD_INTEGER, "0"], "strategyType": [*BAD_INTEGER, "0", "999999"],
    "pegPriceType": BAD_WORD, "pegOffsetType": BAD_WORD, "pegOffsetValue": [*BAD_INTEGER, "0", "101"],
    "newQty": BAD_DECIMAL, "cancelRestrictions": BAD_WORD, "computeCommissionRates": BAD_WORD,
    "selfTradePreventionMode": BAD_WORD, "newOrderRespType": BAD_WORD,
    "orderId": BAD_INTEGER, "startTime": BAD_INTEGER, "endTime": BAD_INTEGER, "fromId": BAD_INTEGER,
    "limit": [*BAD_INTEGER, "0"], "preventedMatchId": BAD_INTEGER, "fromPreventedMatchId": BAD_INTEGER,
    "newClientOrderId": BAD_CLIENT_ID, "origClientOrderId": BAD_CLIENT_ID,
    "asset": ["", "NOPE", "btc", "x" * 1000, "BTC\x00", "#fees"],
}  # fmt: skip
BAD["permissions"] = [*BAD_WORD, "[", '["X"]', "[1]"]
BAD["showPermissionSets"] = [*BAD_WORD, "True"]
BAD["timeZone"] = [*BAD_WORD, "8:0", "8:60", "-12:01", "14:01", "15", "8h", "0x8", "\uff18", "8:00:00"]
BAD["timeZone"].remove("1")
BAD["windowSize"] = [*BAD_WORD, "0m", "60m", "24h", "8d", "1d2h", "1s", "1M", "01m", "-1m", "1 m"]
BAD["cancelReplaceMode"] = BAD["symbolStatus"] = BAD["orderRateLimitExceededMode"] = BAD_WORD
BAD["cancelOrderId"] = BAD_INTEGER
BAD["fromAllocationId"] = BAD_INTEGER
BAD["orderListId"] = BAD["fromExecutionId"] = BAD_INTEGER
BAD |= {  # of one order in a list: what the same is in POST order
    f"{leg}{name[0].upper()}{name[1:]}": BAD[name]
    for leg, names in (
        ("above", ("price", "stopPrice", "icebergQty", "trailingDelta", "timeInForce", "type")),
        ("working", ("price", "quantity", "icebergQty", "timeInForce", "type", "side")),
        ("limit", ("icebergQty", "strategyId", "strategyType")),
        ("above", ("strategyId", "strategyType", "pegPriceType", "pegOffsetType", "pegOffsetValue")),
        ("working", ("strategyId", "strategyType", "pegPriceType", "pegOffsetType", "pegOffsetValue")),
        ("stop", ("icebergQty", "strategyId", "strategyType")),
        ("stopLimit", ("price", "timeInForce")),
        ("pending", ("quantity", "side")),
    )
    for name in names
}
for copy in ("below", "pending", "pendingAbove", "pendingBelow"):
    BAD |= {f"{copy}{name[5:]}": values for name, values in list(BAD.items()) if name.startswith("above")}
BAD |= {
    f"{name}ClientOrderId": BAD_CLIENT_ID
    for name in (
        "list", "limit", "stop", "above", "below", "working", "pending", "pendingAbove", "pendingBelow",
    )
}  # fmt: skip
BAD |= dict.fromkeys(("cancelOrigClientOrderId", "cancelNewClientOrderId", "NewClientOrderId"), BAD_CLIENT_ID)
ONE_OF = {"orderId": "origClientOrderId", "origClientOrderId": "orderId"}
WRONG_COMBINATIONS: list[tuple[str, str, dict[str, str], int]] = [
    ("GET", "/exchangeInfo", {"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
    ("GET", "/exchangeInfo", {"symbols": '["BTCUSDT"]', "symbolStatus": "TRADING"}, -1128),
    ("GET", "/exchangeInfo", {"symbol": "BTCUSDT", "permissions": "SPOT"}, -1128),
    ("GET", "/exchangeInfo", {"symbols": '["BTCUSDT"]', "permissions": '["SPOT"]'}, -1128),
    ("GET", "/exchangeInfo", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
    ("GET", "/exchangeInfo", {"symbolStatus": "OPEN"}, -1122),
    ("GET", "/depth", {"symbol": "BTCUSDT", "symbolStatus": "BREAK"}, -1220),
    ("GET", "/ticker/price", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ("GET", "/ticker/bookTicker", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ("GET", "/ticker/24hr", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ("GET", "/ticker/tradingDay", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ("GET", "/ticker", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ("GET", "/ticker/24hr", {"symbol": "BTCUSDT", "type": "mini"}, -1139),
    ("GET", "/ticker/tradingDay", {}, -1102),
    ("GET", "/ticker", {"windowSize": "1d"}, -1102),
    ("GET", "/ticker", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
    ("GET", "/ticker", {"symbols": str([f"S{number}" for number in range(101)]).replace("'", '"')}, -1101),
    ("GET", "/aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, -1128),
    ("GET", "/aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "endTime": "1"}, -1128),
    ("GET", "/aggTrades", {"symbol": "BTCUSDT", "startTime": "2", "endTime": "1"}, -1128),
    ("POST", "/sor/order", SOR_ORDER, -1013),
    ("POST", "/sor/order/test", SOR_ORDER, -1013),
    ("POST", "/sor/order", SOR_ORDER | {"quoteOrderQty": "10"}, -1106),
    ("POST", "/sor/order", SOR_ORDER | {"type": "LIMIT_MAKER"}, -1116),
    ("GET", "/myAllocations", {"symbol": "BTCUSDT", "startTime": "0", "endTime": "86400001"}, -1127),
    ("GET", "/myAllocations", {"symbol": "BTCUSDT", "startTime": "0", "orderId": "1"}, -1128),
    ("GET", "/myAllocations", {"symbol": "BTCUSDT", "endTime": "0", "fromAllocationId": "1"}, -1128),
    ("POST", "/order", LIMIT_ORDER | {"quoteOrderQty": "10"}, -1106),
    ("POST", "/order", LIMIT_ORDER | {"stopPrice": "49000"}, -1106),
    ("POST", "/order", LIMIT_ORDER | {"icebergQty": "0.0001", "timeInForce": "IOC"}, -1128),
    ("POST", "/order", LIMIT_ORDER | {"icebergQty": "0.00101"}, -1013),
    ("POST", "/order", LIMIT_ORDER | {"icebergQty": "0.00001", "quantity": "0.00101"}, -1013),
    ("POST", "/order", LIMIT_ORDER | {"trailingDelta": "100"}, -1106),
    ("POST", "/order", LIMIT_ORDER | {"price": "50000.001"}, -1013),
    ("POST", "/order", LIMIT_ORDER | {"price": "1000000.01"}, -1013),
    ("POST", "/order", LIMIT_ORDER | {"price": "50000.000000001"}, -1111),
    ("POST", "/order", LIMIT_ORDER | {"quantity": "0.0010001"}, -1013),
    ("POST", "/order", LIMIT_ORDER | {"quantity": "9000.00001"}, -1013),
    ("POST", "/order", LIMIT_ORDER | {"quantity": "0.00001"}, -1013),
    ("POST", "/order", LIMIT_ORDER | {"quantity": "1000"}, -2010),
    ("POST", "/order", LIMIT_ORDER | {"newClientOrderId": "resting"}, -2010),
    ("POST", "/order", {key: LIMIT_ORDER[key] for key in ("symbol", "side", "type", "price")}, -1102),
    ("POST", "/order", {key: LIMIT_ORDER[key] for key in ("symbol", "side", "type", "quantity")}, -1102),
    ("POST", "/order", MARKET_ORDER | {"price": "50000"}, -1106),
    ("POST", "/order", MARKET_ORDER | {"timeInForce": "IOC"}, -1106),
    ("POST", "/order", MARKET_ORDER | {"quoteOrderQty": "10"}, -1106),
    ("POST", "/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}, -1102),
    ("POST", "/order", QUOTE_ORDER | {"quoteOrderQty": "4.99"}, -1013),
    ("POST", "/order", STOP_ORDER | {"stopPrice": "50000"}, -2010),
    ("POST", "/order", STOP_ORDER | {"side": "BUY", "stopPrice": "50000"}, -2010),
    ("POST", "/order", STOP_ORDER | {"quantity": "100", "icebergQty": "1"}, -2010),
    ("POST", "/order", STOP_ORDER | {"strategyType": "999999"}, -1134),
    ("POST", "/order", LIMIT_ORDER | {"type": "LIMIT_MAKER"}, -1106),
    (
        "POST",
        "/order",
        {key: LIMIT_ORDER[key] for key in ("symbol", "side", "quantity")} | {"type": "LIMIT_MAKER", "price": "60000"},
        -2010,
    ),
    ("POST", "/orderList/oco", PAIR | {"listClientOrderId": "listed"}, -2010),
    ("POST", "/orderList/oco", PAIR | {"aboveClientOrderId": "resting"}, -2010),
    ("DELETE", "/orderList", {"symbol": "BTCUSDT"}, -1102),
    ("DELETE", "/orderList", {"symbol": "BTCUSDT", "orderListId": "1", "listClientOrderId": "other"}, -2011),
    ("DELETE", "/orderList", {"symbol": "ETHUSDT", "orderListId": "1"}, -2011),
    ("GET", "/orderList", {}, -1102),
    ("GET", "/orderList", {"orderListId": "2"}, -2013),
    ("GET", "/orderList", {"orderListId": "1", "origClientOrderId": "other"}, -2013),
    ("GET", "/allOrderList", {"fromId": "1", "startTime": "1"}, -1128),
    ("GET", "/allOrderList", {"fromId": "1", "endTime": "1"}, -1128),
    ("GET", "/allOrderList", {"startTime": "2", "endTime": "1"}, -1128),
    ("GET", "/allOrderList", {"startTime": "0", "endTime": "86400001"}, -1127),
    ("POST", "/order/cancelReplace", REPLACEMENT | {"cancelOrderId": "77"}, -2022),
    ("POST", "/order/cancelReplace", REPLACEMENT | {"cancelOrigClientOrderId": "other"}, -2022),
    ("POST", "/order/cancelReplace", REPLACEMENT | {"cancelRestrictions": "ONLY_PARTIALLY_FILLED"}, -2022),
    ("POST", "/order/cancelReplace", REPLACEMENT | {"price": "38000.001"}, -1013),
    ("POST", "/order/cancelReplace", QUOTE_ORDER | {"cancelReplaceMode": "ALLOW_FAILURE"}, -1102),
    ("POST", "/withdraw", {"asset": "BTC", "amount": "1000"}, -2010),
    ("DELETE", "/order", {"symbol": "BTCUSDT"}, -1102),
    ("DELETE", "/order", {"symbol": "BTCUSDT", "orderId": "1", "cancelRestrictions": "ONLY_OLD"}, -1145),
    ("DELETE", "/order", {"symbol": "BTCUSDT", "orderId": "1", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}, -2011),
    ("PUT", "/order/amend/keepPriority", {"symbol": "BTCUSDT", "newQty": "0.005"}, -1102),
    ("PUT", "/order/amend/keepPriority", {"symbol": "BTCUSDT", "orderId": "2", "newQty": "0.0005"}, -2038),
    ("PUT", "/order/amend/keepPriority", {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.0001"}, -1013),
    ("PUT", "/order/amend/keepPriority", {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.01"}, -2038),
    ("PUT", "/order/amend/keepPriority", {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.02"}, -2038),
    (
        "PUT",
        "/order/amend/keepPriority",
        {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.005", "newClientOrderId": "listed-a"},
        -2038,
    ),
    ("DELETE", "/order", {"symbol": "BTCUSDT", "orderId": "1", "origClientOrderId": "other"}, -2011),
    ("DELETE", "/order", {"symbol": "ETHUSDT", "orderId": "1"}, -2011),
    ("DELETE", "/openOrders", {"symbol": "ETHUSDT"}, -2011),
    ("GET", "/order", {"symbol": "BTCUSDT"}, -1102),
    ("GET", "/order", {"symbol": "BTCUSDT", "orderId": "0"}, -2013),
    ("GET", "/order", {"symbol": "ETHUSDT", "orderId": "1"}, -2013),
    ("GET", "/klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": "2", "endTime": "1"}, -1128),
    ("GET", "/allOrders", {"symbol": "BTCUSDT", "startTime": "2", "endTime": "1"}, -1128),
    ("GET", "/myPreventedMatches", {"symbol": "BTCUSDT"}, -1102),
    ("GET", "/myPreventedMatches", {"symbol": "BTCUSDT", "preventedMatchId": "0", "orderId": "1"}, -1128),
    ("GET", "/myPreventedMatches", {"symbol": "BTCUSDT", "preventedMatchId": "0", "fromPreventedMatchId": "0"}, -1128),
    ("GET", "/exchangeInfo", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
    ("GET", "/executionRules", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
    ("GET", "/executionRules", {"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
    ("GET", "/referencePrice", {"symbol": "BTCUSDT"}, -2043),
    ("GET", "/referencePrice/calculation", {"symbol": "BTCUSDT"}, -2043),
    ("GET", "/referencePrice/calculation", {"symbol": "BTCUSDT", "symbolStatus": "BREAK"}, -1220),
]


@pytest.fixture
async def caller(alice: Api, bob: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Alice, with order 1 resting, and bob's asks on the book so that a market order would fill."""
    monkeypatch.setattr("accounts.history.WAIT_SECONDS", 0.01)  # nobody archives here
    await alice.ok("POST", "/order", **limit_order("BUY", "40000", "0.01", newClientOrderId="resting"))
    await bob.ok("POST", "/order", **limit_order("SELL", "50000", "0.001"))
    await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.001"))  # the last price
    await bob.ok("POST", "/order", **limit_order("SELL", "60000", "1"))
    await alice.ok("POST", "/order/oco", **OLD_PAIR | LISTED)
    return alice


def refusal(response: httpx.Response) -> int:
    """The code, after a look at the form of the answer."""
    assert 400 <= response.status_code < 500, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    body = response.json()
    assert isinstance(body["code"], int)
    assert body["code"] < 0
    assert body["msg"]
    assert body["error"] == body["msg"]
    return int(body["code"])


# Rows of other dialects alone are tried by themselves: test_listen_keys, test_sapi, test_rate_limits.
SHARED = tuple(row for table in (MARKETS, ACCOUNTS) for row in table if row.dialect in (None, V1))


def test_every_endpoint_is_tried() -> None:
    served = {(row.method, row.path) for row in SHARED}
    assert served == {(method, path) for method, path, _ in GOOD} | WITHOUT_PARAMETERS
    parameters = {
        (row.method, row.path, field.encode_name) for row in SHARED for field in msgspec.structs.fields(row.request)
    }
    assert parameters == {(method, path, name) for method, path, good in GOOD for name in good}
    assert {name for _, _, parameters in GOOD for name in parameters} == set(BAD)


@pytest.mark.parametrize(("method", "path", "good"), GOOD)
async def test_one_bad_parameter(caller: Api, venue: Venue, method: str, path: str, good: dict[str, str]) -> None:
    before = await state_of(venue)
    url = f"/api/v1{path}"
    for name in good:
        for value in BAD[name]:
            parameters = good | {name: value}
            responses = [await caller.raw(method, url, params=parameters)]
            if method != "GET":
                responses.append(await caller.raw(method, url, data=parameters))
                responses.append(await caller.raw(method, url, json=parameters))
            for response in responses:
                assert refusal(response) != -1000, (name, value, response.text)
    assert await state_of(venue) == before


@pytest.mark.parametrize(("method", "path", "good"), GOOD)
async def test_a_missing_parameter_is_named(
    caller: Api, venue: Venue, method: str, path: str, good: dict[str, str]
) -> None:
    (row,) = [row for row in SHARED if (row.method, row.path) == (method, path)]
    required = {field.encode_name for field in msgspec.structs.fields(row.request) if field.required}
    before = await state_of(venue)
    for name in required:
        left = {key: value for key, value in good.items() if key != name}
        for response in (
            await caller.raw(method, f"/api/v1{path}", params=left),
            await caller.raw(method, f"/api/v1{path}", json=left | {name: None}),
        ):
            assert refusal(response) == -1102
            assert f"'{name}'" in response.json()["msg"]
    assert await state_of(venue) == before


@pytest.mark.parametrize(("method", "path", "good"), [row for row in GOOD if row[0] in ("POST", "PUT")])
async def test_json_of_the_wrong_type(caller: Api, venue: Venue, method: str, path: str, good: dict[str, str]) -> None:
    before = await state_of(venue)
    for name in good.keys() - {"computeCommissionRates"}:
        if name.endswith("lientOrderId"):
            continue  # it may look like anything
        for value in (True, False, [], {}, [1], {"a": 1}, -1, 0, -0.5, 1e300):
            refusal(await caller.raw(method, f"/api/v1{path}", json=good | {name: value}))
    assert await state_of(venue) == before


@pytest.mark.parametrize(("method", "path", "parameters", "code"), WRONG_COMBINATIONS)
async def test_a_combination_that_makes_no_sense(
    caller: Api, venue: Venue, method: str, path: str, parameters: dict[str, str], code: int
) -> None:
    before = await state_of(venue)
    assert refusal(await caller.raw(method, f"/api/v1{path}", params=parameters)) == code
    assert await state_of(venue) == before


UNREADABLE = [
    b"{", b"}", b"{}", b"[]", b'{"symbol"}', b"{'symbol': 'BTCUSDT'}", b'{"symbol": "BTCUSDT",}', b"null", b"\x00",
    b'{"symbol": NaN}', b'{"symbol": Infinity}', b'{"quantity": 01}', b"\xff\xfe{", b'{"symbol": "\xff"}', b"%",
    b"symbol=%ff", b"&&&===", b"a" * 60_000, b'{"a": ' + b"[" * 30_000, b"\xef\xbb\xbf{}", b"<html></html>",
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), sorted({row[:2] for row in GOOD if row[0] != "GET"}))
async def test_a_body_that_cannot_be_read(caller: Api, venue: Venue, method: str, path: str) -> None:
    before = await state_of(venue)
    for body in UNREADABLE:
        response = await caller.raw(method, f"/api/v1{path}", content=body)
        assert refusal(response) in (-1100, -1102, -1135), body
    assert await state_of(venue) == before


@pytest.mark.parametrize("text", [f"symbol=BTCUSDT&{name}={2**63 - 1}" for name in ("startTime", "endTime", "fromId")])
async def test_times_and_ids_at_the_end_of_the_world_are_no_failure(caller: Api, text: str) -> None:
    for path in ("/klines", "/allOrders", "/myTrades"):
        response = await caller.raw("GET", f"/api/v1{path}?interval=1M&{text}")
        assert response.status_code in (200, 400), response.text
    for interval in ("1s", "1m", "3d", "1w"):
        assert (await caller.raw("GET", f"/api/v1/klines?interval={interval}&{text}")).status_code in (200, 400)


async def test_random_requests_never_break_the_server(caller: Api, venue: Venue) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # what a failure needs to be seen again
    dice = random.Random(seed)
    values = sorted({value for values in BAD.values() for value in values} | {"BTCUSDT", "BUY", "LIMIT", "1"})
    before = await state_of(venue)
    for _ in range(400):
        method, path, good = dice.choice(GOOD)
        parameters: dict[str, Any] = {
            name: dice.choice(values) if dice.random() < 0.5 else value for name, value in good.items()
        }
        parameters[dice.choice(sorted(BAD))] = dice.choice(["\x00", "", "\u00fc", -1, None, [[]], {"a": []}])
        where = dice.choice(["params", "data", "json"])
        if where != "json":
            parameters = {name: str(value) for name, value in parameters.items()}
        response = await caller.raw(method, f"/api/v1{path}", **{where: parameters})
        assert response.status_code < 500, (method, path, parameters, response.text)
        if method != "GET" and response.status_code == 200:
            before = await state_of(venue)
        assert await state_of(venue) == before
