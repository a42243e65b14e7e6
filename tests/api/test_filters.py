"""Filters that only some symbols and accounts have: what exchangeInfo and myFilters tell, what a refusal says."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.account_rules import AccountLimits
from engine.errors import Reason
from engine.venue import Venue
from tests.api.conftest import ONE, Api, limit_order, state_of
from tests.conftest import BTCUSDT

pytestmark = pytest.mark.django_db(transaction=True)  # an unknown order is looked for in SQL too

STOP = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS_LIMIT", "quantity": "0.01", "price": "60000",
        "stopPrice": "60000"}  # fmt: skip
ICEBERG = limit_order("BUY", "40000", "0.01", icebergQty="0.005")
PLAIN = limit_order("BUY", "40000", "0.01")
LIMITED = {
    "max_orders": 9, "max_order_lists": 8, "max_algo_orders": 7, "max_iceberg_orders": 6, "max_order_amends": 5,
    "max_position_lots": 1_000_000, "exchange_max_orders": 90, "exchange_max_algo_orders": 70,
    "exchange_max_iceberg_orders": 60, "exchange_max_order_lists": 80, "price_up_e4": 13_000, "price_down_e4": 7_000,
    "bid_price_up_e4": 12_000, "bid_price_down_e4": 2_000, "ask_price_up_e4": 50_000, "ask_price_down_e4": 8_000,
}  # fmt: skip
EXCHANGE_FILTERS = [
    {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 90},
    {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 70},
    {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 60},
    {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 80},
]
SYMBOL_FILTERS = [
    {"filterType": "PERCENT_PRICE", "multiplierUp": "1.3000", "multiplierDown": "0.7000", "avgPriceMins": 0},
    {
        "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "1.2000", "bidMultiplierDown": "0.2000",
        "askMultiplierUp": "5.0000", "askMultiplierDown": "0.8000", "avgPriceMins": 0,
    },
    {"filterType": "MAX_POSITION", "maxPosition": "10.00000000"},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 9},
    {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 8},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 7},
    {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 6},
    {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 5},
]  # fmt: skip


async def rule(venue: Venue, api: Api, **rules: int) -> None:
    """New rules of BTCUSDT; the worker has learned of them when its next order is read under them."""
    await venue.registry.define_symbol(replace(BTCUSDT, **rules))  # type: ignore[arg-type]


async def trade_at(bob: Api, price: str) -> None:
    await bob.ok("POST", "/order", **limit_order("SELL", price, "0.001"))
    await bob.ok("POST", "/order", **limit_order("BUY", price, "0.001"))


async def test_exchange_info_and_my_filters_tell_the_rules_that_are_in_force(
    alice: Api, bob: Api, anybody: Api, venue: Venue
) -> None:
    plain = await anybody.ok("GET", "/exchangeInfo", symbol="BTCUSDT")
    assert plain["exchangeFilters"] == []
    usual = plain["symbols"][0]["filters"]
    assert await alice.ok("GET", "/myFilters", symbol="BTCUSDT") == {
        "exchangeFilters": [], "symbolFilters": usual, "assetFilters": [],
    }  # fmt: skip
    await rule(venue, alice, **LIMITED)
    limits = AccountLimits(max_order={"ETH": ONE, "USDT": 42 * ONE, "BTC": ONE // 2}, max_open_orders=3)
    await venue.registry.set_account_limits(1, limits)
    while (info := await anybody.ok("GET", "/exchangeInfo", symbol="BTCUSDT"))["exchangeFilters"] == []:
        pass
    assert info["exchangeFilters"] == EXCHANGE_FILTERS
    filters = info["symbols"][0]["filters"]
    assert [found for found in filters if found not in usual] == SYMBOL_FILTERS
    assert await alice.ok("GET", "/myFilters", symbol="BTCUSDT") == {
        "exchangeFilters": EXCHANGE_FILTERS,
        "symbolFilters": filters,
        "assetFilters": [
            {"filterType": "MAX_ASSET", "asset": "BTC", "limit": "0.50000000"},
            {"filterType": "MAX_ASSET", "asset": "USDT", "limit": "42.00000000"},
        ],
    }
    assert (await bob.ok("GET", "/myFilters", symbol="BTCUSDT"))["assetFilters"] == []
    assert await alice.error("GET", "/myFilters", symbol="NONE") == (400, -1121, "Invalid symbol.")
    missing = (400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    assert await alice.error("GET", "/myFilters") == missing
    assert (await anybody.error("GET", "/myFilters", symbol="BTCUSDT"))[:2] == (401, -2014)


# rules, what is placed first, what is refused then, code, filter
REFUSALS: dict[str, tuple[dict[str, int], dict[str, str] | None, dict[str, str], int, str]] = {
    "orders": ({"max_orders": 1}, PLAIN, PLAIN, -1013, "MAX_NUM_ORDERS"),
    "algo orders": ({"max_algo_orders": 1}, STOP, STOP, -1013, "MAX_NUM_ALGO_ORDERS"),
    "icebergs": ({"max_iceberg_orders": 1}, ICEBERG, ICEBERG, -1013, "MAX_NUM_ICEBERG_ORDERS"),
    "orders of all": ({"exchange_max_orders": 1}, PLAIN, PLAIN, -1013, "EXCHANGE_MAX_NUM_ORDERS"),
    "algo orders of all": ({"exchange_max_algo_orders": 1}, STOP, STOP, -1013, "EXCHANGE_MAX_NUM_ALGO_ORDERS"),
    "icebergs of all": (
        {"exchange_max_iceberg_orders": 1}, ICEBERG, ICEBERG, -1013, "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
    ),
    "position": ({"max_position_lots": 1_000_999}, None, PLAIN, -2010, "MAX_POSITION"),
    "price": ({"price_up_e4": 13_000}, None, limit_order("SELL", "65000.01", "0.01"), -1013, "PERCENT_PRICE"),
    "price by side": (
        {"bid_price_up_e4": 12_000, "ask_price_up_e4": 12_000, "bid_price_down_e4": 9_000}, None,
        limit_order("BUY", "44999.99", "0.01"), -1013, "PERCENT_PRICE_BY_SIDE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_refusal_says_which_filter_and_changes_nothing(alice: Api, bob: Api, venue: Venue, case: str) -> None:
    rules, first, refused, code, name = REFUSALS[case]
    await trade_at(bob, "50000")
    await rule(venue, alice, **rules)
    if first is not None:
        await alice.ok("POST", "/order", **first)
    before = await state_of(venue)
    assert await alice.error("POST", "/order", **refused) == (400, code, f"Filter failure: {name}")
    assert await state_of(venue) == before


async def test_an_amendment_too_many(alice: Api, venue: Venue) -> None:
    await rule(venue, alice, max_order_amends=1)
    order = await alice.ok("POST", "/order", **PLAIN)
    amend = {"symbol": "BTCUSDT", "orderId": str(order["orderId"])}
    await alice.ok("PUT", "/order/amend/keepPriority", **amend, newQty="0.009")
    refused = await alice.error("PUT", "/order/amend/keepPriority", **amend, newQty="0.008")
    assert refused == (400, -2038, "Filter failure: MAX_NUM_ORDER_AMENDS")
    shown = await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=order["orderId"])
    assert shown["origQty"] == "0.00900000"
    assert shown.keys() == (await alice.ok("GET", "/openOrders"))[0].keys()


ACCOUNT_REFUSALS: list[tuple[dict[str, Any], Reason, int, str]] = [
    ({"max_order": {"BTC": ONE // 100 - 1}}, Reason.FILTER_MAX_ASSET, -1013, "Filter failure: MAX_ASSET"),
    ({"max_order": {"USDT": 400 * ONE - 1}}, Reason.FILTER_MAX_ASSET, -1013, "Filter failure: MAX_ASSET"),
    ({"max_daily": {"USDT": 400 * ONE - 1}}, Reason.RISK_DAILY_NOTIONAL, -2010,
     "Risk limit: the account has ordered too much today."),
    ({"max_position": {"BTC": 10 * ONE + ONE // 100 - 1}}, Reason.RISK_POSITION, -2010,
     "Risk limit: the account's position would be too large."),
    ({"is_killed": True}, Reason.ACCOUNT_KILLED, -2010, "This action is disabled on this account."),
]  # fmt: skip


@pytest.mark.parametrize(("limits", "reason", "code", "text"), ACCOUNT_REFUSALS)
async def test_limits_of_the_account_say_so(
    alice: Api, bob: Api, venue: Venue, limits: dict[str, Any], reason: Reason, code: int, text: str
) -> None:
    await venue.registry.set_account_limits(1, AccountLimits(**limits))
    before = await state_of(venue)
    assert await alice.error("POST", "/order", **PLAIN) == (400, code, text), reason
    assert await state_of(venue) == before
    assert (await alice.ok("GET", "/account"))["canTrade"] is ("is_killed" not in limits)
    await bob.ok("POST", "/order", **PLAIN)
    await venue.registry.set_account_limits(1, AccountLimits())
    await alice.ok("POST", "/order", **PLAIN)


async def test_so_many_open_orders_of_an_account(alice: Api, venue: Venue) -> None:
    await venue.registry.set_account_limits(1, AccountLimits(max_open_orders=1))
    await alice.ok("POST", "/order", **PLAIN)
    text = "Risk limit: the account has too many open orders."
    assert await alice.error("POST", "/order", **PLAIN) == (400, -2010, text)


async def test_a_breaker_halts_the_symbol_at_once_and_cancelling_still_works(
    alice: Api, bob: Api, anybody: Api, venue: Venue
) -> None:
    await trade_at(bob, "50000")
    await rule(venue, alice, halt_bips=100, halt_seconds=60)
    order = await alice.ok("POST", "/order", **PLAIN)
    await trade_at(bob, "50500")
    await trade_at(bob, "50500.01")
    assert await alice.error("POST", "/order", **PLAIN) == (400, -2010, "Market is closed.")
    while (await anybody.ok("GET", "/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["status"] != "HALT":
        pass
    canceled = await alice.ok("DELETE", "/order", symbol="BTCUSDT", orderId=order["orderId"])
    assert canceled["status"] == "CANCELED"
    await venue.registry.define_symbol(replace(BTCUSDT, halt_bips=100, halt_seconds=60), reopen=True)
    await alice.ok("POST", "/order", **PLAIN)
