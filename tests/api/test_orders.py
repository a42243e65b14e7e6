"""Placing, cancelling and asking for orders."""

import asyncio
import re

import pytest
from msgspec.structs import replace

from api.runtime import Runtime
from engine.types import SymbolStatus
from engine.venue import Venue
from tests.api.conftest import Api, limit_order
from tests.conftest import BTCUSDT, balance

pytestmark = pytest.mark.django_db(transaction=True)  # an unknown order is looked for in SQL too

PLACED = (
    "symbol", "orderId", "orderListId", "clientOrderId", "transactTime", "price", "origQty", "executedQty",
    "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side", "workingTime",
    "selfTradePreventionMode", "fills",
)  # fmt: skip
ORDER = {
    "symbol", "orderId", "orderListId", "clientOrderId", "price", "origQty", "executedQty", "cummulativeQuoteQty",
    "status", "timeInForce", "type", "side", "stopPrice", "icebergQty", "time", "updateTime", "isWorking",
    "workingTime", "origQuoteOrderQty", "selfTradePreventionMode",
}  # fmt: skip


async def test_a_limit_order_without_time_in_force_rests_as_gtc(alice: Api, venue: Venue) -> None:
    placed = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001"))
    assert tuple(placed) == PLACED
    assert placed["transactTime"] == placed.pop("workingTime")
    assert placed.pop("transactTime") > 1_600_000_000_000
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", placed.pop("clientOrderId"))
    assert placed == {
        "symbol": "BTCUSDT", "orderId": 1, "orderListId": -1, "price": "50000.00000000", "origQty": "0.00100000",
        "executedQty": "0.00000000", "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC",
        "type": "LIMIT", "side": "BUY", "origQuoteOrderQty": "0.00000000", "selfTradePreventionMode": "NONE",
        "fills": [],
    }  # fmt: skip
    assert await balance(venue, 1, "USDT") == (10**14 - 50 * 10**8, 50 * 10**8)


async def test_a_fill_shows_price_fee_and_trade(alice: Api, bob: Api) -> None:
    await alice.ok("POST", "/order", **limit_order("SELL", "50000.5", "0.5"))
    bought = await bob.ok("POST", "/order", **limit_order("BUY", "51000", "0.2"))
    assert (bought["status"], bought["executedQty"], bought["cummulativeQuoteQty"]) == (
        "FILLED", "0.20000000", "10000.10000000",
    )  # fmt: skip
    assert bought["fills"] == [
        {
            "price": "50000.50000000",
            "qty": "0.20000000",
            "commission": "0.00020000",
            "commissionAsset": "BTC",
            "tradeId": 1,
        }
    ]
    sold = await bob.ok("POST", "/order", symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.1")
    assert (sold["status"], sold["price"], sold["timeInForce"]) == ("EXPIRED", "0.00000000", "GTC")


async def test_market_orders_by_quantity_and_by_quote_amount(alice: Api, bob: Api) -> None:
    await alice.ok("POST", "/order", **limit_order("SELL", "50000", "1"))
    by_quantity = await bob.ok("POST", "/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.3")
    assert (by_quantity["status"], by_quantity["executedQty"]) == ("FILLED", "0.30000000")
    by_quote = await bob.ok("POST", "/order", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="1000")
    assert (by_quote["origQty"], by_quote["cummulativeQuoteQty"]) == ("0.02000000", "1000.00000000")
    shown = await bob.ok("GET", "/order", symbol="BTCUSDT", orderId=by_quote["orderId"])
    assert shown["origQuoteOrderQty"] == "1000.00000000"


@pytest.mark.parametrize(
    ("time_in_force", "status", "executed"),
    [("GTC", "PARTIALLY_FILLED", "0.50000000"), ("IOC", "EXPIRED", "0.50000000"), ("FOK", "EXPIRED", "0.00000000")],
)
async def test_time_in_force(alice: Api, bob: Api, time_in_force: str, status: str, executed: str) -> None:
    await alice.ok("POST", "/order", **limit_order("SELL", "50000", "0.5"))
    placed = await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.8", timeInForce=time_in_force))
    assert (placed["status"], placed["executedQty"], placed["timeInForce"]) == (status, executed, time_in_force)


async def test_numbers_in_json_are_read_by_their_text(alice: Api) -> None:
    body = b'{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","price":50000.10,"quantity":1e-03,"stopPrice":null}'
    response = await alice.raw("POST", "/api/v1/order", content=body)
    assert response.status_code == 200, response.text
    assert (response.json()["price"], response.json()["origQty"]) == ("50000.10000000", "0.00100000")


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "text/plain", ""])
async def test_parameters_may_come_in_query_or_form_whatever_the_content_type_says(alice: Api, kind: str) -> None:
    headers = {"Content-Type": kind}
    text = "symbol=BTCUSDT&side=BUY&type=LIMIT&price=50000&quantity=0.001"
    in_query = await alice.raw("POST", f"/api/v1/order?{text}", headers=headers, content=b"")
    in_form = await alice.raw("POST", "/api/v1/order", headers=headers, content=text.encode())
    mixed = await alice.raw("POST", f"/api/v1/order?{text[:14]}", headers=headers, content=text.encode())
    assert [in_query.status_code, in_form.status_code, mixed.status_code] == [200, 200, 200]
    for order_id in (1, 2):
        deleted = await alice.raw("DELETE", "/api/v1/order", content=f"symbol=BTCUSDT&orderId={order_id}".encode())
        assert deleted.json()["status"] == "CANCELED"


async def test_a_duplicate_client_id_names_the_first_order(alice: Api) -> None:
    first = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001", newClientOrderId="mine"))
    again = await alice.ask("POST", "/order", **limit_order("SELL", "60000", "0.002", newClientOrderId="mine"))
    assert again.status_code == 400
    assert again.headers["X-Existing-Order-Id"] == str(first["orderId"])
    assert again.json() == {
        "code": -2010,
        "msg": "Duplicate order sent.",
        "error": "Duplicate order sent.",
        "existingOrderId": first["orderId"],
    }


async def test_a_cancelled_order_shows_both_client_ids(alice: Api, venue: Venue) -> None:
    placed = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001", newClientOrderId="mine"))
    canceled = await alice.ok(
        "DELETE",
        "/order",
        symbol="BTCUSDT",
        orderId=placed["orderId"],
        origClientOrderId="mine",
        newClientOrderId="its-end",
    )
    assert (canceled["status"], canceled["origClientOrderId"], canceled["clientOrderId"]) == (
        "CANCELED", "mine", "its-end",
    )  # fmt: skip
    assert await balance(venue, 1, "USDT") == (10**14, 0)
    shown = await alice.ok("GET", "/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert set(shown) == ORDER
    assert (shown["status"], shown["orderId"], shown["clientOrderId"]) == ("CANCELED", placed["orderId"], "mine")
    assert shown["time"] <= shown["updateTime"]
    gone = await alice.error("DELETE", "/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert gone == (400, -2011, "Unknown order sent.")


async def test_a_foreign_order_is_as_unknown_as_none(alice: Api, bob: Api) -> None:
    placed = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001", newClientOrderId="mine"))
    for which in ({"orderId": placed["orderId"]}, {"origClientOrderId": "mine"}, {"orderId": 999}):
        assert await bob.error("DELETE", "/order", symbol="BTCUSDT", **which) == (400, -2011, "Unknown order sent.")
        assert await bob.error("GET", "/order", symbol="BTCUSDT", **which) == (400, -2013, "Order does not exist.")
    assert await bob.ok("GET", "/openOrders") == []
    assert (await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=placed["orderId"]))["status"] == "NEW"


async def test_open_orders_of_one_symbol_and_of_all(alice: Api) -> None:
    await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001"))
    await alice.ok("POST", "/order", **limit_order("SELL", "60000", "0.001"))
    await alice.ok("POST", "/order", **limit_order("BUY", "2000", "0.01") | {"symbol": "ETHUSDT"})
    of_one = await alice.ok("GET", "/openOrders", symbol="BTCUSDT")
    assert [order["orderId"] for order in of_one] == [1, 2]
    assert {frozenset(order) for order in of_one} == {frozenset(ORDER)}
    assert [order["orderId"] for order in await alice.ok("GET", "/openOrders")] == [1, 2, 3]


async def test_cancel_all_of_a_symbol(alice: Api, venue: Venue) -> None:
    for number in range(3):
        await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001", newClientOrderId=f"c{number}"))
    await alice.ok("POST", "/order", **limit_order("BUY", "2000", "0.01") | {"symbol": "ETHUSDT"})
    canceled = await alice.ok("DELETE", "/openOrders", symbol="BTCUSDT")
    assert [(order["orderId"], order["status"], order["origClientOrderId"]) for order in canceled] == [
        (1, "CANCELED", "c0"), (2, "CANCELED", "c1"), (3, "CANCELED", "c2"),
    ]  # fmt: skip
    assert [order["symbol"] for order in await alice.ok("GET", "/openOrders")] == ["ETHUSDT"]
    assert await alice.error("DELETE", "/openOrders", symbol="BTCUSDT") == (400, -2011, "Unknown order sent.")


async def test_not_enough_money_is_said_as_binance_says_it(alice: Api) -> None:
    refused = await alice.error("POST", "/order", **limit_order("SELL", "50000", "11"))
    assert refused == (400, -2010, "Account has insufficient balance for requested action.")


async def test_an_order_under_old_rules_is_read_again_under_the_new_ones(
    alice: Api, venue: Venue, runtime: Runtime
) -> None:
    await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001"))
    await runtime.feed.stop()  # now no event tells this process that its rules are old
    await venue.registry.define_symbol(replace(BTCUSDT, min_notional_atoms=100 * 10**8))
    assert (await runtime.venue.registry.spec("BTCUSDT")).rules_version == 1
    placed = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.01"))
    assert placed["status"] == "NEW"
    assert (await runtime.venue.registry.spec("BTCUSDT")).rules_version == 2
    refused = await alice.error("POST", "/order", **limit_order("BUY", "50000", "0.001"))
    assert refused == (400, -1013, "Filter failure: NOTIONAL")


async def test_a_halted_symbol_refuses_orders_and_lets_cancel(alice: Api, venue: Venue) -> None:
    placed = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001"))
    await venue.registry.define_symbol(replace(BTCUSDT, status=SymbolStatus.HALT))
    refused = await alice.error("POST", "/order", **limit_order("BUY", "50000", "0.001"))
    assert refused == (400, -2010, "Market is closed.")
    assert (await alice.ok("DELETE", "/order", symbol="BTCUSDT", orderId=placed["orderId"]))["status"] == "CANCELED"


async def test_many_orders_at_once_get_an_id_each(alice: Api) -> None:
    placed = await asyncio.gather(
        *(alice.ok("POST", "/order", **limit_order("BUY", "50000", "0.001")) for _ in range(50))
    )
    assert sorted(order["orderId"] for order in placed) == list(range(1, 51))
    assert len({order["clientOrderId"] for order in placed}) == 50
