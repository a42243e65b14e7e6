"""binance-connector, Binance's older library; it signs with all three kinds of keys."""

from decimal import Decimal
from typing import Any

import pytest
from binance.error import ClientError
from binance.spot import Spot
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.clients.conftest import SYMBOL, Exchange, User
from tests.clients.play import ALICES_FUNDS, BOBS_FUNDS, MAKERS_FILLS, OFFERED, PRICE, SPENT, TAKEN, TAKERS_FILLS

KEYS = {"Ed25519": ed25519.Ed25519PrivateKey.generate, "RSA": lambda: rsa.generate_private_key(65537, 2048)}


def client(exchange: Exchange, user: User, **keys: Any) -> Any:
    made = Spot(api_key=user.key, base_url=exchange.url, **keys or {"api_secret": user.secret})
    exchange.at_end.append(made.session.close)
    return made


def fill(trade: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal, str]:
    return (
        Decimal(trade["price"]), Decimal(trade["qty"]), Decimal(trade["commission"]), trade["commissionAsset"],
    )  # fmt: skip


def funds(account: dict[str, Any]) -> dict[str, Decimal]:
    assert all(Decimal(balance["locked"]) == 0 for balance in account["balances"])
    return {each["asset"]: Decimal(each["free"]) for each in account["balances"]}


def test_the_play(exchange: Exchange) -> None:
    alice, bob = (client(exchange, exchange.user(name)) for name in ("alice", "bob"))
    offer = alice.new_order(
        symbol=SYMBOL, side="SELL", type="LIMIT", timeInForce="GTC", quantity=float(OFFERED), price=str(PRICE)
    )
    assert bob.depth(SYMBOL)["asks"] == [["50000.00000000", "0.50000000"]]
    taken = bob.new_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=float(TAKEN), price=str(PRICE)
    )
    bought = bob.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quoteOrderQty=int(SPENT))
    assert [fill(each) for order in (taken, bought) for each in order["fills"]] == TAKERS_FILLS
    assert alice.cancel_order(SYMBOL, orderId=offer["orderId"])["executedQty"] == "0.30000000"
    assert alice.get_order(SYMBOL, orderId=offer["orderId"])["status"] == "CANCELED"
    assert [fill(trade) for trade in alice.my_trades(SYMBOL)] == MAKERS_FILLS
    assert [fill(trade) for trade in bob.my_trades(SYMBOL)] == TAKERS_FILLS
    assert alice.get_open_orders(SYMBOL) == []
    assert [order["status"] for order in bob.get_orders(SYMBOL)] == ["FILLED"] * 2
    assert funds(alice.account(omitZeroBalances="true")) == ALICES_FUNDS
    assert funds(bob.account(omitZeroBalances="true")) == BOBS_FUNDS


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_ones_own(exchange: Exchange, kind: str) -> None:
    key = KEYS[kind]()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    user = exchange.user("erin", public_key=public)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    erin = client(exchange, user, private_key=private)
    for number in range(8):
        name = f"own-{number}"
        placed = erin.new_order(
            symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=1, price="1000", newClientOrderId=name
        )
        assert erin.cancel_order(SYMBOL, origClientOrderId=name)["orderId"] == placed["orderId"]
    other = KEYS[kind]().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    stranger = client(exchange, user, private_key=other)
    with pytest.raises(ClientError) as refusal:
        stranger.account()
    assert (refusal.value.status_code, refusal.value.error_code) == (400, -1022)


def test_refusals_have_binances_codes(exchange: Exchange) -> None:
    alice = client(exchange, exchange.user("alice"))
    with pytest.raises(ClientError) as refusal:
        alice.cancel_order(SYMBOL, orderId=999_999)
    found = refusal.value
    assert (found.status_code, found.error_code, found.error_message) == (400, -2011, "Unknown order sent.")
    with pytest.raises(ClientError) as refusal:
        alice.account(recvWindow=60_001)
    assert refusal.value.error_code == -1131
    with pytest.raises(ClientError) as refusal:
        client(exchange, User("nobody", "nobody", "x")).account()
    assert (refusal.value.status_code, refusal.value.error_code) == (401, -2015)
