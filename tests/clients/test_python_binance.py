"""python-binance: the synchronous client, and its sockets."""

from decimal import Decimal
from typing import Any

import pytest
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.clients.conftest import SYMBOL, Exchange, User
from tests.clients.play import ALICES_FUNDS, BOBS_FUNDS, MAKERS_FILLS, OFFERED, PRICE, SPENT, TAKEN, TAKERS_FILLS


def client(exchange: Exchange, user: User) -> Any:
    made = Client(user.key, user.secret, ping=False)
    made.API_URL, made.MARGIN_API_URL = f"{exchange.url}/api", f"{exchange.url}/sapi"
    exchange.at_end.append(made.close_connection)
    return made


def fill(trade: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal, str]:
    return (
        Decimal(trade["price"]), Decimal(trade["qty"]), Decimal(trade["commission"]), trade["commissionAsset"],
    )  # fmt: skip


def funds(user: Any) -> dict[str, Decimal]:
    balances = {asset: user.get_asset_balance(asset) for asset in ("SOL", "USDT")}
    assert all(Decimal(balance["locked"]) == 0 for balance in balances.values())
    return {asset: Decimal(balance["free"]) for asset, balance in balances.items()}


def test_the_play(exchange: Exchange) -> None:
    alice, bob = (client(exchange, exchange.user(name)) for name in ("alice", "bob"))
    assert alice.ping() == {}
    assert alice.get_symbol_info(SYMBOL)["baseAsset"] == "SOL"
    offer = alice.order_limit_sell(symbol=SYMBOL, quantity=str(OFFERED), price=str(PRICE))
    assert offer["status"] == "NEW"
    assert bob.get_order_book(symbol=SYMBOL)["asks"] == [["50000.00000000", "0.50000000"]]
    taken = bob.order_limit_buy(symbol=SYMBOL, quantity=str(TAKEN), price=str(PRICE))
    bought = bob.order_market_buy(symbol=SYMBOL, quoteOrderQty=str(SPENT))
    assert [order["status"] for order in (taken, bought)] == ["FILLED"] * 2
    assert [fill(each) for order in (taken, bought) for each in order["fills"]] == TAKERS_FILLS
    canceled = alice.cancel_order(symbol=SYMBOL, orderId=offer["orderId"])
    assert (canceled["status"], canceled["executedQty"]) == ("CANCELED", "0.30000000")
    assert canceled["origClientOrderId"] == offer["clientOrderId"]
    seen = alice.get_order(symbol=SYMBOL, orderId=offer["orderId"])
    assert (seen["status"], seen["cummulativeQuoteQty"]) == ("CANCELED", "15000.00000000")
    assert [fill(trade) for trade in alice.get_my_trades(symbol=SYMBOL)] == MAKERS_FILLS
    assert [fill(trade) for trade in bob.get_my_trades(symbol=SYMBOL)] == TAKERS_FILLS
    assert [order["status"] for order in bob.get_all_orders(symbol=SYMBOL)] == ["FILLED"] * 2
    assert alice.get_open_orders(symbol=SYMBOL) == []
    assert funds(alice) == ALICES_FUNDS
    assert funds(bob) == BOBS_FUNDS
    assert alice.get_trade_fee(symbol=SYMBOL)[0]["takerCommission"] == "0.00200000"
    assert bob.get_aggregate_trades(symbol=SYMBOL)[-1]["q"] == "0.10000000"
    assert bob.get_symbol_ticker(symbol=SYMBOL)["price"] == "50000.00000000"


def test_refusals_have_binances_codes(exchange: Exchange) -> None:
    alice = client(exchange, exchange.user("alice"))
    test = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "1000"}
    assert alice.create_test_order(**test) == {}
    refusals: list[tuple[int, int, str]] = []

    def ask(method: str, **parameters: Any) -> None:
        with pytest.raises(BinanceAPIException) as refusal:
            getattr(alice, method)(**parameters)
        refusals.append((refusal.value.status_code, refusal.value.code, refusal.value.message))

    ask("cancel_order", symbol=SYMBOL, orderId=999_999)
    ask("get_order", symbol=SYMBOL, orderId=999_999)
    ask("create_order", **test | {"symbol": "NOPE"})
    ask("create_order", **test | {"quantity": "1000000"})
    ask("create_order", **test | {"quantity": "100"})
    alice.API_SECRET = "another"
    ask("get_account")
    assert refusals == [
        (400, -2011, "Unknown order sent."),
        (400, -2013, "Order does not exist."),
        (400, -1121, "Invalid symbol."),
        (400, -1013, "Filter failure: LOT_SIZE"),
        (400, -2010, "Account has insufficient balance for requested action."),
        (400, -1022, "Signature for this request is not valid."),
    ]
