"""ccxt's binance."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.clients.conftest import MAKER_FEE, SYMBOL, Exchange, User
from tests.clients.play import (
    ALICES_FUNDS,
    BOBS_FUNDS,
    MAKERS_FILLS,
    OFFERED,
    PRICE,
    SPENT,
    TAKEN,
    TAKERS_FILLS,
)

PAIR = "SOL/USDT"


def client(exchange: Exchange, user: User) -> Any:
    options = {"fetchMarkets": {"types": ["spot"]}}
    made = ccxt.binance({"apiKey": user.key, "secret": user.secret, "options": options})
    for name, path in (("public", "/api/v3"), ("private", "/api/v3"), ("sapi", "/sapi/v1")):
        made.urls["api"][name] = exchange.url + path
    exchange.at_end.append(made.session.close)
    return made


def exact(number: float) -> Decimal:
    """ccxt makes floats of the texts that it gets; their shortest form is the text again."""
    return Decimal(str(number))


def fill(trade: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal, str]:
    info = trade["info"]
    return Decimal(info["price"]), Decimal(info["qty"]), Decimal(info["commission"]), info["commissionAsset"]


def funds(balance: dict[str, Any]) -> dict[str, Decimal]:
    assert all(not used for used in balance["used"].values())
    return {asset: exact(balance["total"][asset]) for asset in ("SOL", "USDT")}


def test_the_play(exchange: Exchange) -> None:
    alice, bob = (client(exchange, exchange.user(name)) for name in ("alice", "bob"))
    market = alice.load_markets()[PAIR]
    assert market["id"] == SYMBOL
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    offer = alice.create_order(PAIR, "limit", "sell", float(OFFERED), float(PRICE))
    assert (offer["status"], offer["filled"]) == ("open", 0)
    assert [order["id"] for order in bob.fetch_open_orders(PAIR)] == []
    assert [order["id"] for order in alice.fetch_open_orders(PAIR)] == [offer["id"]]
    assert bob.fetch_order_book(PAIR)["asks"] == [[PRICE, OFFERED]]
    taken = bob.create_order(PAIR, "limit", "buy", float(TAKEN), float(PRICE))
    bought = bob.create_market_buy_order_with_cost(PAIR, float(SPENT))
    assert [order["status"] for order in (taken, bought)] == ["closed"] * 2
    assert [fill(trade) for order in (taken, bought) for trade in order["trades"]] == TAKERS_FILLS
    canceled = alice.cancel_order(offer["id"], PAIR)
    assert (canceled["status"], canceled["filled"]) == ("canceled", 0.3)
    seen = alice.fetch_order(offer["id"], PAIR)
    assert (seen["status"], seen["filled"], seen["cost"]) == ("canceled", 0.3, 15_000)
    assert [fill(trade) for trade in alice.fetch_my_trades(PAIR)] == MAKERS_FILLS
    assert [fill(trade) for trade in bob.fetch_my_trades(PAIR)] == TAKERS_FILLS
    assert [order["status"] for order in bob.fetch_orders(PAIR)] == ["closed"] * 2
    assert funds(alice.fetch_balance()) == ALICES_FUNDS
    assert funds(bob.fetch_balance()) == BOBS_FUNDS


def test_what_the_market_says(exchange: Exchange) -> None:
    anybody = client(exchange, exchange.user("carol"))
    other = client(exchange, exchange.user("dave"))
    anybody.create_order(PAIR, "limit", "sell", 1, 40_000)
    other.create_order(PAIR, "limit", "buy", 1, 40_000)
    assert anybody.fetch_ticker(PAIR)["last"] == 40_000
    assert anybody.fetch_trades(PAIR)[-1]["price"] == 40_000
    assert anybody.fetch_ohlcv(PAIR, "1m")[-1][4] == 40_000
    assert anybody.fetch_trading_fee(PAIR)["maker"] == float(MAKER_FEE)
    assert abs(anybody.fetch_time() - anybody.milliseconds()) < 5_000


def test_refusals_are_the_errors_that_ccxt_knows(exchange: Exchange) -> None:
    alice = client(exchange, exchange.user("alice"))
    alice.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        alice.create_order(PAIR, "limit", "buy", 1_000, 50_000)
    with pytest.raises(ccxt.OrderNotFound):
        alice.cancel_order("999999", PAIR)
    with pytest.raises(ccxt.OrderNotFound):
        alice.fetch_order("999999", PAIR)
    resting = alice.create_order(PAIR, "limit", "sell", 1, 50_000)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        alice.create_order(PAIR, "limit", "buy", 1, 50_000, {"postOnly": True})
    alice.cancel_order(resting["id"], PAIR)
    alice.secret = "another"
    with pytest.raises(ccxt.AuthenticationError):
        alice.fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        client(exchange, User("nobody", "nobody", "x")).fetch_balance()
    late = client(exchange, exchange.user("alice"))
    late.options["timeDifference"] = 3_600_000
    with pytest.raises(ccxt.InvalidNonce):
        late.fetch_balance()
