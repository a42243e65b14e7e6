"""binance-sdk-spot, Binance's newer library, whose models are strict."""

from decimal import Decimal
from typing import Any

import pytest
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_spot.spot import ConfigurationRestAPI, Spot

from tests.clients.conftest import SYMBOL, Exchange, User
from tests.clients.play import ALICES_FUNDS, BOBS_FUNDS, MAKERS_FILLS, OFFERED, PRICE, SPENT, TAKEN, TAKERS_FILLS


def client(exchange: Exchange, user: User) -> Any:
    configuration = ConfigurationRestAPI(api_key=user.key, api_secret=user.secret, base_path=exchange.url)
    made = Spot(config_rest_api=configuration).rest_api
    exchange.at_end.append(made._session.close)
    return made


def fill(trade: Any) -> tuple[Decimal, Decimal, Decimal, str]:
    return Decimal(trade.price), Decimal(trade.qty), Decimal(trade.commission), trade.commission_asset


def funds(user: Any) -> dict[str, Decimal]:
    balances = user.get_account(omit_zero_balances=True).data().balances
    assert all(Decimal(balance.locked) == 0 for balance in balances)
    return {balance.asset: Decimal(balance.free) for balance in balances}


def limit(user: Any, side: str, quantity: Decimal) -> Any:
    return user.new_order(
        symbol=SYMBOL, side=side, type="LIMIT", time_in_force="GTC", quantity=float(quantity), price=float(PRICE)
    ).data()


def test_the_play(exchange: Exchange) -> None:
    alice, bob = (client(exchange, exchange.user(name)) for name in ("alice", "bob"))
    assert alice.exchange_info(symbol=SYMBOL).data().symbols[0].base_asset == "SOL"
    offer = limit(alice, "SELL", OFFERED)
    taken = limit(bob, "BUY", TAKEN)
    bought = bob.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quote_order_qty=float(SPENT)).data()
    assert [order.status for order in (offer, taken, bought)] == ["NEW", "FILLED", "FILLED"]
    assert [fill(each) for order in (taken, bought) for each in order.fills] == TAKERS_FILLS
    assert alice.delete_order(symbol=SYMBOL, order_id=offer.order_id).data().executed_qty == "0.30000000"
    seen = alice.get_order(symbol=SYMBOL, order_id=offer.order_id).data()
    assert (seen.status, seen.cummulative_quote_qty) == ("CANCELED", "15000.00000000")
    assert [fill(trade) for trade in alice.my_trades(symbol=SYMBOL).data()] == MAKERS_FILLS
    assert [fill(trade) for trade in bob.my_trades(symbol=SYMBOL).data()] == TAKERS_FILLS
    assert alice.get_open_orders(symbol=SYMBOL).data() == []
    assert [order.status for order in bob.all_orders(symbol=SYMBOL).data()] == ["FILLED"] * 2
    assert funds(alice) == ALICES_FUNDS
    assert funds(bob) == BOBS_FUNDS


def test_refusals_are_the_errors_that_it_knows(exchange: Exchange) -> None:
    alice = client(exchange, exchange.user("alice"))
    with pytest.raises(BadRequestError, match="Unknown order sent"):
        alice.delete_order(symbol=SYMBOL, order_id=999_999)
    with pytest.raises(UnauthorizedError, match="Invalid API-key, IP, or permissions for action"):
        client(exchange, User("nobody", "nobody", "x")).get_account()
