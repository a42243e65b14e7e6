"""The weights and unfilled orders of every row, against Binance's tables in rest-api.md."""

from typing import Any

import msgspec
import pytest

from accounts.tables import TABLES
from api.router import Endpoint

ROWS = {(row.method, row.path): row for table in TABLES for row in table}


def weight_of(row: Endpoint, **members: Any) -> int:
    """What a request with these parameters weighs; what else it has to have is None."""
    if isinstance(row.weight, int):
        return row.weight
    fields = msgspec.structs.fields(row.request)
    required = {field.name: None for field in fields if field.required}
    return row.weight(row.request(**(required | members)))


def names(count: int) -> str:
    return msgspec.json.encode([f"S{number}" for number in range(count)]).decode()


WEIGHTS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/ping", {}, 1),
    ("GET", "/time", {}, 1),
    ("GET", "/exchangeInfo", {}, 20),
    ("GET", "/executionRules", {}, 40),
    ("GET", "/executionRules", {"symbol": "A"}, 2),
    ("GET", "/executionRules", {"symbols": names(3)}, 6),
    ("GET", "/executionRules", {"symbols": names(30)}, 40),
    ("GET", "/depth", {}, 5),
    ("GET", "/depth", {"limit": 100}, 5),
    ("GET", "/depth", {"limit": 101}, 25),
    ("GET", "/depth", {"limit": 500}, 25),
    ("GET", "/depth", {"limit": 501}, 50),
    ("GET", "/depth", {"limit": 1000}, 50),
    ("GET", "/depth", {"limit": 1001}, 250),
    ("GET", "/depth", {"limit": 9999}, 250),
    ("GET", "/trades", {}, 25),
    ("GET", "/klines", {}, 2),
    ("GET", "/uiKlines", {}, 2),
    ("GET", "/historicalTrades", {}, 25),
    ("GET", "/historicalBlockTrades", {}, 25),
    ("GET", "/aggTrades", {}, 4),
    ("GET", "/avgPrice", {}, 2),
    ("GET", "/ticker/bookTicker", {"symbol": "A"}, 2),
    ("GET", "/ticker/bookTicker", {"symbols": names(1)}, 4),
    ("GET", "/ticker/bookTicker", {}, 4),
    ("GET", "/ticker/tradingDay", {"symbol": "A"}, 4),
    ("GET", "/ticker/tradingDay", {"symbols": names(50)}, 200),
    ("GET", "/ticker/tradingDay", {"symbols": names(51)}, 200),
    ("GET", "/ticker", {"symbol": "A"}, 4),
    ("GET", "/ticker", {"symbols": names(3)}, 12),
    ("GET", "/ticker", {"symbols": names(100)}, 200),
    ("GET", "/myAllocations", {}, 20),
    ("POST", "/sor/order", {}, 1),
    ("POST", "/sor/order/test", {}, 1),
    ("POST", "/sor/order/test", {"compute_commission_rates": True}, 20),
    ("GET", "/ticker/24hr", {"symbol": "A"}, 2),
    ("GET", "/ticker/24hr", {}, 80),
    ("GET", "/ticker/24hr", {"symbols": names(20)}, 2),
    ("GET", "/ticker/24hr", {"symbols": names(21)}, 40),
    ("GET", "/ticker/24hr", {"symbols": names(100)}, 40),
    ("GET", "/ticker/24hr", {"symbols": names(101)}, 80),
    ("GET", "/ticker/24hr", {"symbols": "no list"}, 2),
    ("GET", "/ticker/price", {"symbol": "A"}, 2),
    ("GET", "/ticker/price", {"symbols": names(1)}, 4),
    ("GET", "/ticker/price", {}, 4),
    ("GET", "/referencePrice", {}, 2),
    ("GET", "/referencePrice/calculation", {}, 2),
    ("POST", "/order", {}, 1),
    ("POST", "/order/test", {}, 1),
    ("POST", "/order/test", {"compute_commission_rates": True}, 20),
    ("DELETE", "/order", {}, 1),
    ("DELETE", "/openOrders", {}, 1),
    ("POST", "/order/cancelReplace", {}, 1),
    ("PUT", "/order/amend/keepPriority", {}, 4),
    ("GET", "/order/amendments", {}, 4),
    ("DELETE", "/orderList", {}, 1),
    ("GET", "/account", {}, 20),
    ("GET", "/order", {}, 4),
    ("GET", "/openOrders", {}, 80),
    ("GET", "/openOrders", {"symbol": "A"}, 6),
    ("GET", "/allOrders", {}, 20),
    ("GET", "/orderList", {}, 4),
    ("GET", "/allOrderList", {}, 20),
    ("GET", "/openOrderList", {}, 6),
    ("GET", "/myTrades", {}, 20),
    ("GET", "/myTrades", {"order_id": 1}, 5),
    ("GET", "/myPreventedMatches", {"prevented_match_id": 1}, 2),
    ("GET", "/myPreventedMatches", {"order_id": 1}, 20),
    ("GET", "/account/commission", {}, 20),
    ("GET", "/myFilters", {}, 40),
    ("GET", "/rateLimit/order", {}, 40),
    ("POST", "/order/oco", {}, 1),
    ("POST", "/orderList/oco", {}, 1),
    ("POST", "/orderList/oto", {}, 1),
    ("POST", "/orderList/otoco", {}, 1),
    ("POST", "/orderList/opo", {}, 1),
    ("POST", "/orderList/opoco", {}, 1),
    ("POST", "/userDataStream", {}, 2),
    ("PUT", "/userDataStream", {}, 2),
    ("DELETE", "/userDataStream", {}, 2),
    # of /sapi/v1
    ("GET", "/system/status", {}, 1),
    ("GET", "/capital/config/getall", {}, 10),
    ("GET", "/asset/tradeFee", {}, 1),
    ("GET", "/margin/allPairs", {}, 1),
    ("GET", "/margin/isolated/allPairs", {}, 10),
    ("GET", "/spot/delist-schedule", {}, 100),
]


@pytest.mark.parametrize(("method", "path", "members", "weight"), WEIGHTS)
def test_a_request_weighs_what_binance_says(method: str, path: str, members: dict[str, Any], weight: int) -> None:
    assert weight_of(ROWS[method, path], **members) == weight


def test_every_row_that_is_limited_has_a_weight_here() -> None:
    limited = {key for key, row in ROWS.items() if row.dialect is None or row.dialect.is_limited}
    assert limited == {(method, path) for method, path, _, _ in WEIGHTS}


def test_placements_count_as_binance_says() -> None:
    counted = {path: row.orders for (_, path), row in ROWS.items() if row.orders}
    assert counted == {
        "/order": 1,
        "/order/cancelReplace": 1,
        "/order/oco": 2,
        "/orderList/oco": 2,
        "/orderList/oto": 2,
        "/orderList/otoco": 3,
        "/orderList/opo": 2,
        "/orderList/opoco": 3,
        "/sor/order": 1,
    }
