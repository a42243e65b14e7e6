"""PRICE_FILTER, LOT_SIZE and NOTIONAL, each at its edges, one step inside and one step outside."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.commands import PlaceOrder
from engine.errors import BadParameter, Reason, Rejected
from engine.filters import check_order, read_price, read_quantity, read_quote_amount
from engine.types import ORDER_LIMIT, OrderType, Side, StpMode, SymbolSpec

BTCUSDT = SymbolSpec(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_units=1_000_000, lot_units=1_000, min_price_ticks=100,
    max_price_ticks=100_000_000, min_lots=2, max_lots=900_000_000, min_notional_atoms=500_000_000,
)  # fmt: skip
# 6 + 3 decimals in a quote of 8: a notional does not come out even.
ETHBTC = SymbolSpec(
    symbol="ETHBTC", base="ETH", quote="BTC", tick_units=100, lot_units=100_000, max_price_ticks=10**9,
    max_lots=10**9, min_notional_atoms=10_000,
)  # fmt: skip


def order(spec: SymbolSpec = BTCUSDT, **numbers: Any) -> PlaceOrder:
    numbers.setdefault("type", OrderType.LIMIT)
    return PlaceOrder(account=1, symbol=spec.symbol, rules_version=1, side=Side.BUY, client_order_id="x", **numbers)


@pytest.mark.parametrize(
    ("text", "ticks"), [("50000.10", 5_000_010), ("0.01", 1), ("1e2", 10_000), ("0", 0), ("5e-1", 50)]
)
def test_a_price_becomes_ticks(text: str, ticks: int) -> None:
    assert read_price(text, BTCUSDT.tick_units) == ticks


@pytest.mark.parametrize("text", ["0.001", "50000.105", "1e-08"])
def test_a_price_off_the_tick_fails_the_filter(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_price(text, BTCUSDT.tick_units)
    assert caught.value.reason is Reason.FILTER_PRICE


@pytest.mark.parametrize("text", ["0.000001", "1.0000001", "1e-8"])
def test_a_quantity_off_the_lot_fails_the_filter(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_quantity(text, BTCUSDT.lot_units)
    assert caught.value.reason is Reason.FILTER_LOT_SIZE


@pytest.mark.parametrize("read", [read_price, read_quantity, read_quote_amount])
def test_more_than_eight_decimals_is_no_filter_but_bad_text(read: Any) -> None:
    with pytest.raises(BadParameter) as caught:
        read("1.000000001", BTCUSDT)
    assert caught.value.problem == "TOO_MANY_DECIMALS"


def test_a_quote_amount_of_zero_fails_notional() -> None:
    with pytest.raises(Rejected) as caught:
        read_quote_amount("0.0", BTCUSDT)
    assert caught.value.reason is Reason.FILTER_NOTIONAL


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"price_ticks": 100, "lots": 1_000_000}, None),
        ({"price_ticks": 99, "lots": 1_000_000}, Reason.FILTER_PRICE),
        ({"price_ticks": 0, "lots": 1_000_000}, Reason.FILTER_PRICE),
        ({"price_ticks": 100_000_000, "lots": 2}, None),
        ({"price_ticks": 100_000_001, "lots": 2}, Reason.FILTER_PRICE),
        ({"price_ticks": 100_000_000, "lots": 1}, Reason.FILTER_LOT_SIZE),
        ({"price_ticks": 100_000_000, "lots": 0}, Reason.FILTER_LOT_SIZE),
        ({"price_ticks": 1_000, "lots": 900_000_000}, None),
        ({"price_ticks": 1_000, "lots": 900_000_001}, Reason.FILTER_LOT_SIZE),
        ({"price_ticks": 5_000_000, "lots": 10}, None),  # 5 USDT
        ({"price_ticks": 4_999_999, "lots": 10}, Reason.FILTER_NOTIONAL),
        ({"price_ticks": 100_000_000, "lots": 900_000_000}, Reason.FILTER_NOTIONAL),  # 9e17 atoms: beyond 2^53
        ({"type": OrderType.MARKET, "lots": 2}, None),  # judged by the script, at the last price
        ({"type": OrderType.MARKET, "lots": 1}, Reason.FILTER_LOT_SIZE),
        ({"type": OrderType.MARKET, "lots": 900_000_001}, Reason.FILTER_LOT_SIZE),
        ({"type": OrderType.MARKET, "quote_order_atoms": 500_000_000}, None),
        ({"type": OrderType.MARKET, "quote_order_atoms": 499_999_999}, Reason.FILTER_NOTIONAL),
        ({"type": OrderType.MARKET, "quote_order_atoms": ORDER_LIMIT}, None),
        ({"type": OrderType.MARKET, "quote_order_atoms": ORDER_LIMIT + 1}, Reason.FILTER_NOTIONAL),
    ],
)
def test_filters_at_their_edges(numbers: dict[str, Any], reason: Reason | None) -> None:
    if reason is None:
        check_order(order(**numbers), BTCUSDT)
        return
    with pytest.raises(Rejected) as caught:
        check_order(order(**numbers), BTCUSDT)
    assert caught.value.reason is reason


STOP, STOP_LIMIT, PROFIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"type": STOP, "stop_ticks": 5_000_000, "lots": 10}, None),  # worth 5 USDT at its stop price
        ({"type": STOP, "stop_ticks": 4_999_999, "lots": 10}, Reason.FILTER_NOTIONAL),
        ({"type": STOP, "stop_ticks": 99, "lots": 10**6}, Reason.FILTER_PRICE),
        ({"type": STOP, "stop_ticks": 100_000_001, "lots": 10}, Reason.FILTER_PRICE),
        ({"type": STOP_LIMIT, "stop_ticks": 5_000_000, "lots": 10}, Reason.FILTER_PRICE),  # a limit of zero
        ({"type": STOP_LIMIT, "price_ticks": 4_999_999, "stop_ticks": 6_000_000, "lots": 10}, Reason.FILTER_NOTIONAL),
        ({"type": STOP, "trailing_bips": 10, "lots": 2}, None),  # nothing to judge its worth by
        ({"type": STOP, "trailing_bips": 9, "lots": 2}, Reason.FILTER_TRAILING_DELTA),  # a buy: waits above
        ({"type": STOP, "trailing_bips": 2_000, "lots": 2}, None),
        ({"type": STOP, "trailing_bips": 2_001, "lots": 2}, Reason.FILTER_TRAILING_DELTA),
        ({"type": PROFIT, "trailing_bips": 300, "lots": 2}, None),  # a buy: waits below
        ({"type": PROFIT, "trailing_bips": 301, "lots": 2}, Reason.FILTER_TRAILING_DELTA),
        ({"price_ticks": 5_000_000, "lots": 1_000, "iceberg_lots": 100}, None),  # ten parts
        ({"price_ticks": 5_000_000, "lots": 1_001, "iceberg_lots": 100}, Reason.FILTER_ICEBERG_PARTS),
        ({"price_ticks": 5_000_000, "lots": 1_000, "iceberg_lots": 1_000}, None),
        ({"price_ticks": 5_000_000, "lots": 1_000, "iceberg_lots": 1_001}, Reason.ICEBERG_EXCEEDS_QUANTITY),
        ({"price_ticks": 5_000_000, "lots": 10, "iceberg_lots": 1}, Reason.FILTER_LOT_SIZE),  # below minQty
        ({"type": OrderType.MARKET, "lots": 50}, None),
        ({"type": OrderType.MARKET, "lots": 49}, Reason.FILTER_MARKET_LOT_SIZE),
        ({"type": OrderType.MARKET, "lots": 5_000}, None),
        ({"type": OrderType.MARKET, "lots": 5_001}, Reason.FILTER_MARKET_LOT_SIZE),
        ({"type": STOP, "stop_ticks": 5_000_000, "lots": 5_001}, None),  # market lots are of MARKET orders
        ({"price_ticks": 5_000_000, "lots": 10, "stp": StpMode.DECREMENT}, Reason.STP_NOT_ALLOWED),
        ({"type": OrderType.TAKE_PROFIT_LIMIT, "price_ticks": 5_000_000, "stop_ticks": 5_000_000, "lots": 10},
         Reason.NOT_SUPPORTED),
    ],
)  # fmt: skip
def test_filters_of_some_orders_at_their_edges(numbers: dict[str, Any], reason: Reason | None) -> None:
    spec = replace(
        BTCUSDT, max_iceberg_parts=10, max_trailing_below_bips=300, min_market_lots=50, max_market_lots=5_000,
        allowed_stp=(StpMode.NONE, StpMode.EXPIRE_BOTH),
        order_types=tuple(kind for kind in OrderType if kind is not OrderType.TAKE_PROFIT_LIMIT),
    )  # fmt: skip
    if reason is None:
        check_order(order(**numbers), spec)
        return
    with pytest.raises(Rejected) as caught:
        check_order(order(**numbers), spec)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("max_price_ticks", "allows"), [(ORDER_LIMIT // 20_000, True), (ORDER_LIMIT // 20_000 + 1, False)]
)
def test_no_order_trails_where_prices_are_too_large_to_be_followed_exactly(max_price_ticks: int, allows: bool) -> None:
    spec = replace(BTCUSDT, max_price_ticks=max_price_ticks)
    assert spec.allows_trailing is allows
    if not allows:
        with pytest.raises(Rejected) as caught:
            check_order(order(type=STOP, trailing_bips=100, lots=2), spec)
        assert caught.value.reason is Reason.NOT_SUPPORTED


def test_the_largest_notional_is_what_lua_computes_exactly() -> None:
    _, divisor = ETHBTC.notional_ratio
    largest = ETHBTC.max_notional_atoms
    assert largest * divisor + divisor - 1 <= ORDER_LIMIT < (largest + 1) * divisor + divisor - 1
