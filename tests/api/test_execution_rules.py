"""The endpoints of execution rules and reference prices, and an order that expires by the rule (rest-api.md)."""

from typing import Any

import msgspec
import pytest

from engine.types import SymbolStatus
from engine.venue import Venue
from tests.api.conftest import Api, limit_order
from tests.conftest import BTCUSDT

pytestmark = pytest.mark.django_db(transaction=True)
RANGE = {"range_bid_up_e4": 10_001, "range_bid_down_e4": 9_999, "range_ask_down_e4": 5_000}


async def define(venue: Venue, api: Api, **rules: Any) -> None:
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, **rules))
    await api.ask("POST", "/order", **limit_order("BUY", "1", "10"))  # whose rules are stale: it has them read again


async def test_a_rule_is_shown_without_the_multipliers_that_are_not_set(alice: Api, venue: Venue) -> None:
    assert await alice.ok("GET", "/executionRules") == {"symbolRules": []}
    await define(venue, alice, **RANGE, reference_external_id=2, status=SymbolStatus.HALT)
    rule = {
        "ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.0001", "bidLimitMultDown": "0.9999",
        "askLimitMultDown": "0.5000",
    }  # fmt: skip
    told = {"symbolRules": [{"symbol": "BTCUSDT", "rules": [rule]}]}
    assert await alice.ok("GET", "/executionRules", symbol="BTCUSDT") == told
    assert await alice.ok("GET", "/executionRules", symbols='["ETHUSDT","BTCUSDT"]') == told
    assert await alice.ok("GET", "/executionRules", symbolStatus="HALT") == told
    assert await alice.ok("GET", "/executionRules", symbolStatus="TRADING") == {"symbolRules": []}


async def test_a_reference_price_that_never_was_one_that_is_and_one_that_is_no_more(alice: Api, venue: Venue) -> None:
    never = (400, -2043, "This symbol doesn't have a reference price.")
    for path in ("/referencePrice", "/referencePrice/calculation"):
        assert await alice.error("GET", path, symbol="BTCUSDT") == never
    await define(venue, alice, reference_external_id=42)
    assert await alice.error("GET", "/referencePrice", symbol="BTCUSDT") == never
    assert await alice.ok("GET", "/referencePrice/calculation", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT", "calculationType": "EXTERNAL", "externalCalculationId": 42,
    }  # fmt: skip
    for units, text in ((10 * 10**8, "10.00000000"), (None, None)):
        now_ms = await venue.registry.set_reference_price("BTCUSDT", units)
        told = await alice.ok("GET", "/referencePrice", symbol="BTCUSDT")
        assert told == {"symbol": "BTCUSDT", "referencePrice": text, "timestamp": now_ms}


async def test_a_mean_says_how_it_is_computed(alice: Api, bob: Api, venue: Venue) -> None:
    await define(venue, alice, reference_bucket_ms=60_000, reference_buckets=10)
    assert await alice.ok("GET", "/referencePrice/calculation", symbol="BTCUSDT", symbolStatus="TRADING") == {
        "symbol": "BTCUSDT", "calculationType": "ARITHMETIC_MEAN", "bucketCount": 10, "bucketWidthMs": 60_000,
    }  # fmt: skip
    refused = await alice.error("GET", "/referencePrice/calculation", symbol="BTCUSDT", symbolStatus="HALT")
    assert refused == (400, -1220, "The symbol's status does not match the requested symbolStatus.")
    for price in ("50000", "50001"):
        await bob.ok("POST", "/order", **limit_order("SELL", price, "0.001"))
        await alice.ok("POST", "/order", **limit_order("BUY", price, "0.001"))
    told = await alice.ok("GET", "/referencePrice", symbol="BTCUSDT")
    assert told["referencePrice"] == "50000.50000000"


async def test_an_order_that_reaches_too_far_expires_and_says_why(alice: Api, bob: Api, venue: Venue) -> None:
    await define(venue, alice, **RANGE, reference_external_id=0)
    await venue.registry.set_reference_price("BTCUSDT", 50_000 * 10**8)
    for price in ("50005", "50005.01"):
        await bob.ok("POST", "/order", **limit_order("SELL", price, "0.001"))
    placed = await alice.ok("POST", "/order", **limit_order("BUY", "60000", "0.005"))
    assert (placed["status"], placed["executedQty"]) == ("EXPIRED", "0.00100000")
    assert placed["expiryReason"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
    found = await alice.ok("GET", "/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert found["expiryReason"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
