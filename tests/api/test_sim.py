"""`/_sim`: what its endpoints answer and refuse. On a real exchange: SQL, threads and background tasks take part."""

import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from qte.errors import Refused
from qte.exchange import MockExchange

NOON_MS = 1_800_000_000_000
SAMPLE = Path(__file__).resolve().parents[2] / "simulation" / "recordings" / "sample_btcusdt.jsonl.gz"


@pytest.fixture(scope="module")
def exchange() -> Iterator[MockExchange]:
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        exchange.register_symbol("BTCUSDT", "BTC", "USDT")
        exchange.create_user("alice", "Alice A.")
        yield exchange


class Sim:
    """Requests to /_sim, with the token unless told otherwise."""

    def __init__(self, exchange: MockExchange) -> None:
        self._address = exchange.rest_url.removeprefix("http://")
        self.token = (exchange.data_dir / "sim.token").read_text().strip()

    def ask(self, method: str, resource: str, *, token: str | None = None, **parameters: Any) -> tuple[int, Any]:
        """(status, decoded body)"""
        in_query = method in ("GET", "DELETE")
        path = f"/_sim/{resource}" + (f"?{urlencode(parameters)}" if in_query else "")
        body = None if in_query else json.dumps(parameters)
        connection = HTTPConnection(self._address, timeout=30)
        try:
            connection.request(method, path, body, {"X-Sim-Token": self.token if token is None else token})
            response = connection.getresponse()
            assert response.getheader("content-type", "").startswith("application/json")
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def ok(self, method: str, resource: str, **parameters: Any) -> Any:
        status, body = self.ask(method, resource, **parameters)
        assert status == 200, body
        return body

    def error(self, method: str, resource: str, **parameters: Any) -> tuple[int, int]:
        """(status, code); and nothing has happened in the engine."""
        before = self.ok("GET", "info")["clock"]["seq"]
        status, body = self.ask(method, resource, **parameters)
        assert set(body) == {"code", "msg", "error"}
        assert body["msg"]
        assert self.ok("GET", "info")["clock"]["seq"] == before
        return status, body["code"]


@pytest.fixture
def sim(exchange: MockExchange) -> Sim:
    return Sim(exchange)


@pytest.mark.parametrize("token", ["", "wrong"])
@pytest.mark.parametrize(("method", "resource"), [("GET", "info"), ("POST", "users"), ("POST", "credit")])
def test_without_the_token_nobody_gets_in(sim: Sim, method: str, resource: str, token: str) -> None:
    assert sim.error(method, resource, token=token) == (401, -1002)


def test_unknown_paths_and_methods(sim: Sim) -> None:
    assert sim.error("GET", "nothing") == (404, -1000)
    assert sim.error("DELETE", "users") == (405, -1000)


def test_info_names_the_venue(sim: Sim, exchange: MockExchange) -> None:
    info = sim.ok("GET", "info")
    assert info["venue"] == exchange.venue
    assert info["clock"]["mode"] == "real"


def test_users_are_made_listed_and_get_keys(sim: Sim, exchange: MockExchange) -> None:
    made = sim.ok("POST", "users", name="bob", displayName="Bob B.")
    assert made["name"] == "bob"
    again = sim.ok("POST", "users", name="bob")
    assert again["account"] == made["account"]
    assert again["apiKey"] != made["apiKey"]
    key = sim.ok("POST", "keys", user="bob", permissions="R")
    assert key["secret"]
    (bob,) = sim.ok("GET", "users", name="bob")["users"]
    assert bob == {
        "name": "bob", "displayName": "Bob B.", "account": made["account"], "tradeGroup": -1, "keys": 3,
        "maxOrder": "", "maxDaily": "", "maxPosition": "", "maxOpenOrders": "", "killed": False, "disabled": False,
    }  # fmt: skip
    assert {"alice", "bob"} <= {user["name"] for user in sim.ok("GET", "users")["users"]}


@pytest.mark.parametrize(
    ("resource", "parameters", "code"),
    [
        ("users", {}, -1102),
        ("users", {"name": ""}, -1105),
        ("users", {"name": "a@b"}, -1130),
        ("users", {"name": "BTCUSDT"}, -1130),
        ("users", {"name": "x" * 37}, -1130),
        ("users", {"name": "tab\there"}, -1130),
        ("users", {"name": "btcusdt"}, -1130),
        ("users", {"name": ["a"]}, -1130),
        ("users", {"name": {"a": 1}}, -1130),
        ("users", {"name": True}, -1130),
        ("users", {"name": "dave", "displayName": "x" * 101}, -1130),
        ("users", {"name": "dave", "displayName": "a\0b"}, -1130),
        ("users", {"name": "dave", "displayName": []}, -1130),
        ("keys", {"user": "nobody"}, -1130),
        ("keys", {"user": "alice", "permissions": "RX"}, -1130),
        ("keys", {"user": "alice", "permissions": "RR"}, -1130),
        ("keys", {"user": "alice", "permissions": "R" * 1000}, -1130),
        ("keys", {"user": "alice", "label": "x" * 101}, -1130),
        ("keys", {"user": "alice", "label": "a\0b"}, -1130),
        ("keys", {"user": "alice", "label": {"a": 1}}, -1130),
        ("keys", {"user": "alice", "requiresSignature": "perhaps"}, -1130),
        ("symbols", {"symbol": "ETHUSDT", "base": "ETH"}, -1102),
        ("symbols", {"symbol": "eth/usdt", "base": "ETH", "quote": "USDT"}, -1130),
        ("symbols", {"symbol": "ETHUSDT", "base": "eth", "quote": "USDT"}, -1130),
        ("symbols", {"symbol": "ALICE", "base": "ETH", "quote": "USDT"}, -1130),
        ("symbols", {"symbol": "ETHUSDT", "base": "ETH", "quote": "ETH"}, -1130),
        ("symbols", {"symbol": "ETHUSDT", "base": "ETH", "quote": "USDT", "tickSize": "0"}, -1130),
        ("symbols", {"symbol": "ETHUSDT", "base": "ETH", "quote": "USDT", "lotSize": "-1"}, -1130),
        ("symbols", {"symbol": "ETHUSDT", "base": "ETH", "quote": "USDT", "takerFee": "2"}, -1130),
        *(
            ("symbols", {"symbol": "ETHUSDT", "base": "ETH", "quote": "USDT", name: value}, -1130)
            for name, value in (
                ("orderTypes", "LIMIT,STOP"),
                ("orderTypes", "LIMIT,"),
                ("maxIcebergParts", "1.5"),
                ("maxIcebergParts", "-1"),
                ("minTrailingAbove", "2001"),
                ("maxTrailingBelow", "10000"),
                ("defaultStp", "EXPIRE"),
                ("allowedStp", "EXPIRE_TAKER"),
                ("maxMarketQuantity", "0.000001"),
                ("minMarketQuantity", "9000.1"),
                ("maxOrders", "many"),
                ("maxAlgoOrders", "-1"),
                ("maxOrderLists", "1.5"),
                ("maxPosition", "0.000001"),
                ("maxPosition", "100000000"),
                ("priceDown", "0.7"),
                ("priceUp", "1.30001"),
                ("priceUp", "1" + "0" * 12),
                ("bidPriceUp", "1.2"),
                ("haltPercent", "10"),
                ("haltSeconds", "60"),
                ("haltSeconds", "601"),
                ("buyerFee", "0.08000001"),
                ("taxTakerFee", "-0.01"),
                ("specialMakerFee", "0.000000001"),
                ("discount", "0.75"),
                ("discountAsset", "bnb"),
                ("matchingRule", "size_time"),
                ("priceTimePercent", "40"),
            )
        ),
        *(
            ("symbols", {"symbol": "ETHUSDT", "base": "ETH", "quote": "USDT", **rules}, -1130)
            for rules in (
                {"priceUp": "1.2", "priceDown": "1.3"},
                {"bidPriceUp": "1.2", "askPriceUp": "0.1", "askPriceDown": "0.2"},
                {"haltPercent": "0.001", "haltSeconds": "60"},
                {"matchingRule": "price_time_pro_rata"},
                {"matchingRule": "price_time_pro_rata", "priceTimePercent": "100"},
                {"matchingRule": "pro_rata", "priceTimePercent": "40"},
            )
        ),
        ("credit", {"user": "nobody", "asset": "BTC", "amount": "1"}, -1130),
        ("credit", {"user": "alice", "asset": "DOGE", "amount": "1"}, -1130),
        ("credit", {"user": "alice", "asset": "BTC", "amount": "0"}, -1130),
        ("credit", {"user": "alice", "asset": "BTC", "amount": "-1"}, -1100),
        ("credit", {"user": "alice", "asset": "BTC", "amount": "0x1"}, -1100),
        ("credit", {"user": "alice", "asset": "BTC", "amount": "1e-9"}, -1111),
        ("credit", {"user": "alice", "asset": "BTC", "amount": "1e30"}, -1108),
        ("credit", {"user": "alice", "asset": "BTC"}, -1102),
        ("debit", {"user": "alice", "asset": "BTC", "amount": "1000000"}, -2010),
        ("clock", {"mode": "lunar"}, -1130),
        ("clock", {"mode": "real", "nowMs": 1}, -1106),
        ("clock", {"mode": "virtual", "nowMs": "noon"}, -1100),
        ("clock", {"mode": "virtual", "nowMs": 10**18}, -1130),
        ("replay", {}, -1102),
        ("replay", {"file": "relative.gz"}, -1130),
        ("replay", {"file": "/nowhere/at.all"}, -1130),
        ("replay", {"file": "/" + "x" * 5000}, -1130),
        ("replay", {"file": __file__}, -1130),
        ("replay", {"file": str(SAMPLE), "symbol": "ETHUSDT"}, -1130),
        ("replay", {"file": str(SAMPLE), "speed": "0"}, -1130),
        ("replay", {"file": str(SAMPLE), "speed": "nan"}, -1130),
        ("replay", {"file": str(SAMPLE), "speed": "-3"}, -1130),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(
    sim: Sim, resource: str, parameters: dict[str, Any], code: int
) -> None:
    assert sim.error("POST", resource, **parameters) == (400, code)


def test_a_refused_symbol_leaves_no_asset_behind(sim: Sim) -> None:
    assert sim.error("POST", "symbols", symbol="bad name", base="NEWBASE", quote="USDT")[0] == 400
    assert sim.error("POST", "credit", user="alice", asset="NEWBASE", amount="1") == (400, -1130)


def test_symbols(sim: Sim) -> None:
    rules = {"tickSize": "0.1", "lotSize": "0.001", "minNotional": "10", "makerFee": "0", "maxQuantity": "500"}
    assert sim.ok("POST", "symbols", symbol="SOLUSDT", base="SOL", quote="USDT", **rules)["created"] is True
    assert sim.ok("POST", "symbols", symbol="SOLUSDT", base="SOL", quote="USDT")["created"] is False
    (sol,) = [row for row in sim.ok("GET", "symbols")["symbols"] if row["symbol"] == "SOLUSDT"]
    assert {name: float(sol[name]) for name in rules} == {name: float(value) for name, value in rules.items()}
    assert (sol["base"], sol["quote"], sol["status"], float(sol["takerFee"])) == ("SOL", "USDT", "TRADING", 0.001)


def test_which_orders_a_symbol_takes(sim: Sim) -> None:
    rules = {
        "orderTypes": "LIMIT,STOP_LOSS_LIMIT", "maxIcebergParts": "7", "minTrailingAbove": "5",
        "maxTrailingAbove": "50",
        "minTrailingBelow": "6", "maxTrailingBelow": "60", "defaultStp": "EXPIRE_BOTH",
        "allowedStp": "EXPIRE_TAKER,EXPIRE_BOTH", "minMarketQuantity": "0.5", "maxMarketQuantity": "8",
        "notOffered": "OTO,PEG",
    }  # fmt: skip
    assert sim.ok("POST", "symbols", symbol="DOTUSDT", base="DOT", quote="USDT", **rules)["created"] is True
    (dot,) = [row for row in sim.ok("GET", "symbols")["symbols"] if row["symbol"] == "DOTUSDT"]
    amounts = {"minMarketQuantity": "0.50000000", "maxMarketQuantity": "8.00000000"}
    assert {name: dot[name] for name in rules} == rules | amounts


def test_all_fees_of_a_symbol(sim: Sim) -> None:
    usual = {"makerFee": "0.50000000", "takerFee": "0.00100000"}
    fees = {f"{kind}{party}Fee": "0.08000000" for kind in ("special", "tax") for party in
            ("Maker", "Taker", "Buyer", "Seller")}  # fmt: skip
    fees |= {"buyerFee": "0.00000030", "sellerFee": "0.00000040", "discountAsset": "BNB", "discount": "0.25000000"}
    for symbol, rules in (("FEEUSDT", usual | fees), ("FREEUSDT", {"makerFee": "0", "takerFee": "0"})):
        assert sim.ok("POST", "symbols", symbol=symbol, base=symbol[:-4], quote="USDT", **rules)["created"] is True
    shown = {row["symbol"]: row for row in sim.ok("GET", "symbols")["symbols"]}
    assert {name: shown["FEEUSDT"][name] for name in usual | fees} == usual | fees
    nothing = dict.fromkeys(usual | fees, "0.00000000") | {"discountAsset": "", "discount": ""}
    assert {name: shown["FREEUSDT"][name] for name in nothing} == nothing
    assert sim.ok("POST", "credit", user="alice", asset="BNB", amount="1")["free"] == "1.00000000"


def test_a_reference_price_comes_from_the_tester_where_the_symbol_says_so(sim: Sim) -> None:
    rules = {"rangeBidUp": "2", "rangeAskDown": "0.5", "referenceExternalId": "0"}
    assert sim.ok("POST", "symbols", symbol="RNGUSDT", base="RNG", quote="USDT", **rules)["created"] is True
    (row,) = [row for row in sim.ok("GET", "symbols")["symbols"] if row["symbol"] == "RNGUSDT"]
    assert {name: row[name] for name in rules} == rules
    told = sim.ok("PUT", "referencePrice", symbol="RNGUSDT", price="10.5")
    assert (told["symbol"], told["referencePrice"]) == ("RNGUSDT", "10.50000000")
    assert sim.ok("PUT", "referencePrice", symbol="RNGUSDT")["referencePrice"] is None


def test_a_trade_group_keeps_its_members_from_trading_with_each_other(sim: Sim, exchange: MockExchange) -> None:
    for name in ("tick", "trick"):
        sim.ok("POST", "users", name=name)
        assert sim.ok("PUT", "users", name=name, tradeGroup=7)["tradeGroup"] == 7
        sim.ok("POST", "credit", user=name, asset="BTC", amount="1")
        sim.ok("POST", "credit", user=name, asset="USDT", amount="100000")
    (tick,) = sim.ok("GET", "users", name="tick")["users"]
    assert tick["tradeGroup"] == 7

    def taken(**more: str) -> dict[str, Any]:
        """What becomes of an order of trick that would meet tick's."""
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "50000", **more}
        answer: dict[str, Any] = exchange._as_user("trick", "POST", "order", **order)
        return answer

    assert exchange.place_order("tick", "BTCUSDT", "SELL", "LIMIT", "0.3", "50000")
    prevented = taken(selfTradePreventionMode="EXPIRE_TAKER")
    assert prevented["status"] == "EXPIRED_IN_MATCH"
    assert taken()["status"] == "FILLED", "who says NONE trades with his group too"
    sim.ok("PUT", "users", name="trick", tradeGroup="-1")
    assert taken(selfTradePreventionMode="EXPIRE_TAKER")["status"] == "FILLED"
    seq = sim.ok("GET", "info")["clock"]["seq"]
    for user, group, code in (("nobody", "1", -1130), ("tick", "-2", -1130), ("tick", "x", -1130), ("tick", "", -1105),
                              ("tick", str(2**31), -1130)):  # fmt: skip
        assert sim.error("PUT", "users", name=user, tradeGroup=group) == (400, code)
    assert sim.error("PUT", "users", name="tick") == (400, -1102)
    assert sim.ok("GET", "info")["clock"]["seq"] == seq


def test_rules_of_a_symbol_and_its_status(sim: Sim) -> None:
    rules = {
        "maxOrders": "200", "maxAlgoOrders": "5", "maxIcebergOrders": "6", "maxOrderLists": "20",
        "maxOrderAmends": "10", "maxPosition": "12.5", "priceUp": "1.3", "priceDown": "0.7", "bidPriceUp": "1.2",
        "bidPriceDown": "0.2", "askPriceUp": "5", "askPriceDown": "0.8", "haltPercent": "2.5", "haltSeconds": "60",
        "matchingRule": "price_time_pro_rata", "priceTimePercent": "40",
    }  # fmt: skip
    assert sim.ok("POST", "symbols", symbol="ADAUSDT", base="ADA", quote="USDT", **rules)["created"] is True

    def shown() -> dict[str, str]:
        (ada,) = [row for row in sim.ok("GET", "symbols")["symbols"] if row["symbol"] == "ADAUSDT"]
        return dict(ada)

    assert {name: shown()[name] for name in rules} == rules
    for status in ("HALT", "BREAK", "TRADING"):
        assert sim.ok("PUT", "symbols", symbol="ADAUSDT", status=status) == {"symbol": "ADAUSDT", "status": status}
        deadline = time.monotonic() + 5
        while shown()["status"] != status:
            assert time.monotonic() < deadline
    assert sim.error("PUT", "symbols", symbol="ADAUSDT", status="CLOSED") == (400, -1130)
    assert sim.error("PUT", "symbols", symbol="NONE", status="HALT") == (400, -1121)


def test_an_auction_opens_a_symbol(sim: Sim, exchange: MockExchange) -> None:
    """What would trade can be asked; TRADING trades it, and no other status can come in between."""
    sim.ok("POST", "symbols", symbol="QNTUSDT", base="QNT", quote="USDT", minNotional="0")
    sim.ok("PUT", "symbols", symbol="QNTUSDT", status="AUCTION_MATCH")
    for name, asset, side, price in (("gina", "QNT", "SELL", "9"), ("hal", "USDT", "BUY", "11")):
        exchange.create_user(name)
        exchange.deposit(name, asset, 1000)
        assert exchange.place_order(name, "QNTUSDT", side, "LIMIT", "2", price)
    nothing_else = {"symbol": "QNTUSDT", "status": "AUCTION_MATCH"}
    volumes = dict.fromkeys(("volume", "bidVolume", "askVolume"), "2.00000000")
    assert sim.ok("GET", "auction", symbol="QNTUSDT") == nothing_else | volumes | {"price": "9.00000000"}
    for status in ("HALT", "BREAK"):
        assert sim.error("PUT", "symbols", symbol="QNTUSDT", status=status) == (400, -2010)
    with pytest.raises(Exception, match="Limit orders require GTC for this phase"):
        exchange._as_user("hal", "POST", "order", symbol="QNTUSDT", side="BUY", type="MARKET", quantity="1")
    sim.ok("PUT", "symbols", symbol="QNTUSDT", status="TRADING")
    shown = {row["symbol"]: row["status"] for row in sim.ok("GET", "symbols")["symbols"]}
    assert shown["QNTUSDT"] == "TRADING"
    gone = sim.ok("GET", "auction", symbol="QNTUSDT")
    assert (gone["status"], gone["price"], gone["volume"]) == ("TRADING", None, "0.00000000")


def test_rules_of_the_exchange_stand_in_force_at_every_symbol(sim: Sim, exchange: MockExchange) -> None:
    nothing = {"maxOrders": "", "maxAlgoOrders": "", "maxIcebergOrders": "", "maxOrderLists": ""}
    assert sim.ok("GET", "exchange") == nothing
    assert sim.error("PUT", "exchange", maxOrders="many") == (400, -1130)
    assert sim.ok("PUT", "exchange", maxOrders=1)["maxOrders"] == "1"
    exchange.create_user("erin")
    exchange.deposit("erin", "USDT", 1000)
    assert exchange.place_order("erin", "BTCUSDT", "BUY", "LIMIT", "0.001", "20000")
    with pytest.raises(Refused, match="EXCHANGE_MAX_NUM_ORDERS"):
        exchange._as_user("erin", "POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT", quantity="0.001",
            price="20000")  # fmt: skip
    assert sim.ok("PUT", "exchange", maxOrders="0")["maxOrders"] == "0"
    assert exchange.place_order("erin", "BTCUSDT", "BUY", "LIMIT", "0.001", "20000")


def test_limits_of_a_user_and_the_kill_switch(sim: Sim, exchange: MockExchange) -> None:
    exchange.create_user("frank")
    exchange.deposit("frank", "USDT", 10_000)
    limits = {"maxOrder": "USDT=100,BTC=2", "maxDaily": "USDT=1000", "maxPosition": "BTC=1", "maxOpenOrders": "3"}
    shown = sim.ok("PUT", "users", name="frank", **limits)
    assert {name: shown[name] for name in limits} == limits
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.005", "price": "20000"}
    exchange._as_user("frank", "POST", "order", **order)
    with pytest.raises(Refused, match="MAX_ASSET"):
        exchange._as_user("frank", "POST", "order", **{**order, "price": "20000.01"})
    assert sim.ok("PUT", "users", name="frank", killed=True)["canceledOrders"] == 1
    assert exchange._as_user("frank", "GET", "account")["canTrade"] is False
    with pytest.raises(Refused, match="disabled"):
        exchange._as_user("frank", "POST", "order", **order)
    assert sim.ok("PUT", "users", name="frank", killed=False, maxOrder="none")["killed"] is False
    exchange._as_user("frank", "POST", "order", **{**order, "price": "20000.01"})
    for name, text in (
        ("maxOrder", "USDT"), ("maxOrder", "USDT=x"), ("maxOrder", "USDT=1,USDT=2"), ("maxDaily", "DOGECOIN=1"),
        ("maxPosition", "BTC=-1"), ("maxPosition", "BTC=1e30"), ("maxOpenOrders", "many"), ("killed", "perhaps"),
    ):  # fmt: skip
        assert sim.error("PUT", "users", name="frank", **{name: text}) == (400, -1130), text
    assert sim.error("PUT", "users", name="nobody", killed=True) == (400, -1130)


def test_credit_and_debit(sim: Sim) -> None:
    made = sim.ok("POST", "credit", user="alice", asset="BTC", amount=1.5)
    assert made["free"] == "1.50000000"
    left = sim.ok("POST", "debit", user="alice", asset="BTC", amount="1e-8")
    assert (left["free"], left["locked"]) == ("1.49999999", "0.00000000")
    assert left["tranId"] > made["tranId"]


def test_clock(sim: Sim, exchange: MockExchange) -> None:
    assert sim.ok("POST", "clock", mode="virtual", nowMs=NOON_MS) == sim.ok("GET", "clock")
    assert exchange.get_order_book("BTCUSDT")["timestamp"] == NOON_MS  # type: ignore[index]
    assert sim.ok("POST", "clock", mode="virtual")["nowMs"] == NOON_MS, "without a time it stops where it is"
    exchange.create_user("carol")
    exchange.deposit("carol", "USDT", 1000)
    assert exchange.place_order("carol", "BTCUSDT", "BUY", "LIMIT", "0.01", "20000")
    assert sim.error("POST", "clock", mode="virtual", nowMs=NOON_MS - 1) == (409, -1020)
    assert sim.ok("POST", "clock", mode="virtual", nowMs=NOON_MS - 1, clear=True)["nowMs"] == NOON_MS - 1
    assert sim.ok("POST", "clock", mode="real")["mode"] == "real"


def test_replay_is_watched_directed_and_ended(sim: Sim) -> None:
    assert sim.ok("GET", "replay")["state"] in ("none", "failed")
    assert sim.error("PUT", "replay", paused=True) == (409, -1020)
    begun = sim.ok("POST", "replay", file=str(SAMPLE), speed="2", clear=True)
    assert (begun["state"], begun["speed"], begun["played"] < begun["total"]) == ("running", 2.0, True)
    assert sim.ask("POST", "replay", file=str(SAMPLE))[0] == 409, "one at a time"
    paused = sim.ok("PUT", "replay", paused=True)
    assert paused["state"] == "paused"
    faster = sim.ok("PUT", "replay", speed="50.5")
    assert (faster["state"], faster["speed"]) == ("paused", 50.5)
    assert sim.ask("PUT", "replay", speed="quick")[0] == 400
    assert sim.ok("PUT", "replay", paused=False)["state"] == "running"
    ended = sim.ok("DELETE", "replay")
    assert ended["state"] == "stopped"
    assert ended["played"] < ended["total"]
    assert sim.ok("DELETE", "replay") == ended, "harmless when none runs"
    assert sim.ok("GET", "clock")["nowMs"] == ended["nowMs"]
