"""Fees over a whole exchange: Binance's worked example, from the rates over a trade to the balances of both assets.

The fact a newcomer would get wrong: what a tester sets lies in SQL too, so every test here brings its own users.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from qte.exchange import MockExchange
from tests.api.test_sim import Sim

# faqs/commission_faq.md, "How is the commission calculated?"
FAQ_FEES = {
    "makerFee": "0.00000010", "takerFee": "0.00000020", "buyerFee": "0.00000030", "sellerFee": "0.00000040",
    "specialMakerFee": "0.01000000", "specialTakerFee": "0.02000000", "specialBuyerFee": "0.03000000",
    "specialSellerFee": "0.04000000", "taxMakerFee": "0.00000112", "taxTakerFee": "0.00000114",
    "taxBuyerFee": "0.00000118", "taxSellerFee": "0.00000116",
}  # fmt: skip
NO_FEES = dict.fromkeys(FAQ_FEES, "")


@pytest.fixture(scope="module")
def exchange() -> Iterator[MockExchange]:
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        rules = {"discountAsset": "BNB", "discount": "0.25"}
        exchange.sim("POST", "symbols", symbol="BTCUSDT", base="BTC", quote="USDT", **FAQ_FEES, **rules)
        exchange.register_symbol("ETHUSDT", "ETH", "USDT")
        exchange.sim("PUT", "conversions", discountAsset="BNB", asset="USDT", price="260")
        exchange.create_user("maker")
        exchange.deposit("maker", "USDT", "1000000")
        yield exchange


@pytest.fixture
def sim(exchange: MockExchange) -> Sim:
    return Sim(exchange)


def sell(exchange: MockExchange, seller: str) -> Any:
    """The FAQ's order: a market order to sell 0.49975 BTC, all of it at 35,000."""
    order = {"symbol": "BTCUSDT", "type": "LIMIT", "side": "BUY", "quantity": "0.49975", "price": "35000"}
    assert exchange._as_user("maker", "POST", "order", **order)["status"] == "NEW"
    market = {"symbol": "BTCUSDT", "type": "MARKET", "side": "SELL", "quantity": "0.49975"}
    placed = exchange._as_user(seller, "POST", "order", **market)
    assert placed["status"] == "FILLED"
    (fill,) = placed["fills"]
    return fill


def free(exchange: MockExchange, user: str) -> dict[str, str]:
    account = exchange._as_user(user, "GET", "account", omitZeroBalances="true")
    return {balance["asset"]: balance["free"] for balance in account["balances"]}


def furnish(exchange: MockExchange, user: str, *, bnb: str) -> None:
    exchange.create_user(user)
    for asset, amount in (("BTC", "1"), ("BNB", bnb)):
        exchange.deposit(user, asset, amount)


def test_the_faqs_example_paid_in_bnb(sim: Sim, exchange: MockExchange) -> None:
    furnish(exchange, "rich", bnb="5")
    shown = sim.ok("PUT", "fees", user="rich", usesDiscount=True)
    assert shown == {"user": "rich", "symbol": "", **NO_FEES, "usesDiscount": True}
    told = exchange._as_user("rich", "GET", "account/commission", symbol="BTCUSDT")
    assert told["discount"] == {
        "enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.25000000",
    }  # fmt: skip
    assert told["specialCommission"]["seller"] == "0.04000000"
    fill = sell(exchange, "rich")
    assert (fill["commission"], fill["commissionAsset"]) == ("4.03660713", "BNB")  # 4.036607129 in the FAQ
    assert free(exchange, "rich") == {"BTC": "0.50025000", "BNB": "0.96339287", "USDT": "17491.25000000"}
    assert sim.ok("PUT", "fees", user="rich", usesDiscount=False)["usesDiscount"] is False
    assert sell(exchange, "rich")["commissionAsset"] == "USDT"


def test_the_faqs_example_short_of_bnb(sim: Sim, exchange: MockExchange) -> None:
    furnish(exchange, "short", bnb="4.03660712")
    sim.ok("PUT", "fees", user="short", usesDiscount="true")
    fill = sell(exchange, "short")
    # 0.01049475 standard, without a discount, 0.04022988 tax, 1049.475 special
    assert (fill["commission"], fill["commissionAsset"]) == ("1049.52572463", "USDT")
    assert free(exchange, "short") == {"BTC": "0.50025000", "BNB": "4.03660712", "USDT": "16441.72427537"}


def test_fees_of_a_user_on_one_symbol_come_first_and_none_takes_them_away(sim: Sim, exchange: MockExchange) -> None:
    furnish(exchange, "other", bnb="1")
    everywhere = dict.fromkeys(FAQ_FEES, "0.003")
    sim.ok("PUT", "fees", user="other", **everywhere)
    sim.ok("PUT", "fees", user="other", symbol="BTCUSDT", **dict.fromkeys(FAQ_FEES, "0"))
    assert sim.ok("PUT", "fees", user="other", symbol="BTCUSDT", takerFee="0.001")["makerFee"] == "0"
    rows = sim.ok("GET", "fees", user="other")["fees"]
    assert [(row["symbol"], row["takerFee"], row["taxBuyerFee"], row["usesDiscount"]) for row in rows] == [
        ("", "0.003", "0.003", None), ("BTCUSDT", "0.001", "0", None),
    ]  # fmt: skip
    assert [row for row in sim.ok("GET", "fees")["fees"] if row["user"] == "other"] == rows
    assert sell(exchange, "other")["commission"] == "17.49125000"
    told = exchange._as_user("other", "GET", "account/commission", symbol="ETHUSDT")
    assert told["taxCommission"]["seller"] == "0.00300000"
    sim.ok("PUT", "fees", user="other", symbol="BTCUSDT", **dict.fromkeys(FAQ_FEES, "none"))
    told = exchange._as_user("other", "GET", "account/commission", symbol="BTCUSDT")
    assert told["standardCommission"]["taker"] == "0.00300000"


def test_a_price_for_fees_is_shown_and_taken_away(sim: Sim) -> None:
    told = sim.ok("PUT", "conversions", discountAsset="BNB", asset="BTC", price="0.01")
    assert told == {"discountAsset": "BNB", "asset": "BTC", "price": "0.01"}
    assert told in sim.ok("GET", "conversions")["conversions"]
    sim.ok("PUT", "conversions", discountAsset="BNB", asset="BTC", price="none")
    (left,) = sim.ok("GET", "conversions")["conversions"]
    assert left == {"discountAsset": "BNB", "asset": "USDT", "price": "260"}


@pytest.mark.parametrize(
    ("resource", "parameters", "said"),
    [
        ("fees", {"user": "maker"}, "say what is to change"),
        ("fees", {"user": "nobody", "makerFee": "0"}, "no such user"),
        ("fees", {"user": "maker", "symbol": "NOPE", "makerFee": "0"}, "symbol"),
        ("fees", {"user": "maker", "makerFee": "0.6"}, "0.6 is more than 0.5, the most this rate can be"),
        ("fees", {"user": "maker", "buyerFee": "0.081"}, "0.081 is more than 0.08, the most this rate can be"),
        ("fees", {"user": "maker", "taxMakerFee": "0.000000001"}, "0.000000001 is too fine: at most 8 decimals"),
        ("fees", {"user": "maker", "specialBuyerFee": " 1"}, "specialBuyerFee"),
        ("fees", {"user": "maker", "usesDiscount": "yes"}, "usesDiscount"),
        ("conversions", {"discountAsset": "BNB", "asset": "BNB", "price": "1"}, "one BNB is one BNB"),
        (
            "conversions",
            {"discountAsset": "BNB", "asset": "EUR", "price": "1"},
            "there is no asset 'EUR'; add a symbol",
        ),
        ("conversions", {"discountAsset": "BNB", "asset": "USDT", "price": "0"}, "0 is nothing"),
        ("conversions", {"discountAsset": "BNB", "asset": "USDT", "price": "1e30"}, "too large"),
        ("conversions", {"discountAsset": "BNB", "asset": "USDT"}, "price"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    sim: Sim, resource: str, parameters: dict[str, str], said: str
) -> None:
    before = sim.ok("GET", "fees"), sim.ok("GET", "conversions")
    assert sim.error("PUT", resource, **parameters)[0] == 400
    assert said in sim.ask("PUT", resource, **parameters)[1]["msg"]
    assert (sim.ok("GET", "fees"), sim.ok("GET", "conversions")) == before
