"""Every refusal that can meet an order says why in one sentence: which filter, the value sent, the bound it missed."""

from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from accounts.journal.refusals import SENTENCES, why
from accounts.journal.words import Words
from api.runtime import Runtime
from engine.account_rules import AccountLimits
from engine.errors import Reason
from engine.refusals import Refusal, read_refusals
from engine.types import Feature, StpMode, SymbolStatus
from engine.venue import Venue
from tests.api.conftest import ONE, Api, limit_order
from tests.conftest import BTCUSDT

pytestmark = pytest.mark.django_db(transaction=True)

# Met by no command about an order.
OTHERS = {
    Reason.NO_SUCH_ORDER, Reason.NO_SUCH_LIST, Reason.UNKNOWN_ASSET, Reason.UNKNOWN_USER, Reason.BALANCE_TOO_LARGE,
    Reason.CLOCK_BACKWARDS, Reason.CLOCK_NOT_VIRTUAL, Reason.RULES_FIXED, Reason.NO_AUCTION,
    Reason.AUCTION_UNMATCHED, Reason.NO_TRADE_YET,
    Reason.WRONG_SYMBOL_STATUS, Reason.NO_REFERENCE_PRICE, Reason.REFERENCE_NOT_EXTERNAL, Reason.LISTEN_KEYS_GONE,
    Reason.UNKNOWN_LISTEN_KEY,
}  # fmt: skip
# Seen by few: a key revoked or a time over between two steps, a book with nothing but the rest of one order.
RARE = {
    Reason.KEY_INVALID, Reason.OUTSIDE_WINDOW, Reason.BOOK_BELOW_LOT_SIZE, Reason.TOO_MANY_ORDERS, Reason.RATE_LIMITED,
}  # fmt: skip

PLAIN = limit_order("BUY", "40000", "0.01")
STOP = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS_LIMIT", "quantity": "0.01", "price": "60000",
        "stopPrice": "60000"}  # fmt: skip
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
BY_QUOTE = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quoteOrderQty": "10"}
ICEBERG = limit_order("BUY", "40000", "0.01", icebergQty="0.005")
PEG = limit_order("BUY", "40000", "0.01", pegPriceType="PRIMARY_PEG")
del PEG["price"]
OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "60000",
    "belowType": "STOP_LOSS", "belowStopPrice": "40000",
}  # fmt: skip
OTO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "60000",
    "workingQuantity": "0.01", "pendingType": "LIMIT", "pendingSide": "BUY", "pendingPrice": "50000",
    "pendingQuantity": "0.01",
}  # fmt: skip


class Case(NamedTuple):
    sentence: str
    refused: dict[str, str]
    path: str = "order"
    first: tuple[str, dict[str, str]] | None = None
    rules: dict[str, Any] = {}
    limits: AccountLimits = AccountLimits()


CASES = (
    Case("PRICE_FILTER: price 60000.005 is not a multiple of tickSize 0.01", PLAIN | {"price": "60000.005"}),
    Case(
        "RULE_FAILED: there is no matching rule nowhere", PLAIN, first=("order", limit_order("SELL", "40000", "0.02")),
        rules={"matching_rule": "nowhere"},
    ),
    Case("PRICE_FILTER: price 0 is below minPrice 0.01", PLAIN | {"price": "0"}),
    Case("PRICE_FILTER: price 1000000.01 is above maxPrice 1000000", PLAIN | {"price": "1000000.01"}),
    Case("PRICE_FILTER: stopPrice 0.001 is not a multiple of tickSize 0.01", STOP | {"stopPrice": "0.001"}),
    Case("PRICE_FILTER: stopPrice 0 is below minPrice 0.01", STOP | {"stopPrice": "0"}),
    Case("LOT_SIZE: quantity 0.000015 is not a multiple of stepSize 0.00001", PLAIN | {"quantity": "0.000015"}),
    Case("LOT_SIZE: quantity 0 is below minQty 0.00001", PLAIN | {"quantity": "0"}),
    Case("LOT_SIZE: quantity 9001 is above maxQty 9000", PLAIN | {"quantity": "9001"}),
    Case("LOT_SIZE: icebergQty 0 is below minQty 0.00001", PLAIN | {"icebergQty": "0"}),
    Case("MARKET_LOT_SIZE: quantity 0.01 is above maxQty 0.009", MARKET, rules={"max_market_lots": 900}),
    Case("NOTIONAL: the order's worth 4 USDT is below minNotional 5 USDT", PLAIN | {"quantity": "0.0001"}),
    Case("NOTIONAL: the order's worth 4.5 USDT at the last price 50000 is below minNotional 5 USDT",
         MARKET | {"quantity": "0.00009"}),
    Case("NOTIONAL: quoteOrderQty 0 USDT is below minNotional 5 USDT",
         {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "0"}),
    Case("BOOK_EMPTY: nobody stands on the other side of the book", BY_QUOTE),
    Case("BOOK_BELOW_MARKET_LOT_SIZE: the other side of the book shows 0.005, less than the minQty 0.006 of an order",
         BY_QUOTE, first=("order", ICEBERG), rules={"min_market_lots": 600}),
    Case("AMOUNT_TOO_LARGE: quantity 9000 is more than one order may have, which may be worth 90071992.54740991 USDT "
         "at most", MARKET | {"quantity": "9000"}),
    Case("ICEBERG_PARTS: icebergQty makes 5 parts, more than 4", ICEBERG | {"icebergQty": "0.002"},
         rules={"max_iceberg_parts": 4}),
    Case("ICEBERG_EXCEEDS_QUANTITY: icebergQty 0.02 is more than the quantity 0.01", ICEBERG | {"icebergQty": "0.02"}),
    Case("TRAILING_DELTA: trailingDelta 9 is below 10", STOP | {"trailingDelta": "9"}),
    Case("TRAILING_DELTA: trailingDelta 2001 is above 2000", STOP | {"trailingDelta": "2001"}),
    Case("TRAILING_DELTA: trailingDelta 0 is none", STOP | {"trailingDelta": "0"}),
    Case("NO_OCO: OCO orders are not supported for this symbol", OCO, "orderList/oco",
         rules={"not_offered": (Feature.OCO,)}),
    Case("NO_SOR: orders of this symbol meet its own book alone: POST order takes them", PLAIN, path="sor/order"),
    Case("NOT_SUPPORTED: Market orders are not supported for this symbol", MARKET, rules={"order_types": ()}),
    Case("STP_NOT_ALLOWED: the symbol does not allow the mode DECREMENT",
         PLAIN | {"selfTradePreventionMode": "DECREMENT"}, rules={"allowed_stp": (StpMode.NONE,)}),
    Case("INSUFFICIENT_BALANCE: it needed 4000000 USDT, and 1000000 USDT was free", PLAIN | {"quantity": "100"}),
    Case("INSUFFICIENT_BALANCE: it needed 100 BTC, and 10 BTC was free",
         limit_order("SELL", "70000", "100")),
    Case("INSUFFICIENT_BALANCE: it needed 100 BTC, and 10 BTC was free",
         {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "100", "stopPrice": "40000"}),
    Case("INSUFFICIENT_BALANCE: it needed 100 BTC, and 10 BTC was free", OTO | {"workingQuantity": "100"},
         "orderList/oto"),
    Case("DUPLICATE_ORDER: order 3 of this account has the same client order id", PLAIN | {"newClientOrderId": "x"},
         first=("order", PLAIN | {"newClientOrderId": "x"})),
    Case("DUPLICATE_ORDER: order list 1 of this account has the same client order id",
         OCO | {"listClientOrderId": "x"}, "orderList/oco", ("orderList/oco", OCO | {"listClientOrderId": "x"})),
    Case("DUPLICATE_ORDER: two orders of the list have the same client order id",
         OCO | {"aboveClientOrderId": "x", "belowClientOrderId": "x"}, "orderList/oco"),
    Case("MARKET_CLOSED: the symbol's status is HALT", PLAIN, rules={"status": SymbolStatus.HALT}),
    Case("AUCTION_COLLECTS: the symbol's auction collects LIMIT orders with timeInForce GTC and without a peg, and "
         "this was MARKET GTC", MARKET, rules={"status": SymbolStatus.AUCTION_MATCH}),
    Case("UNKNOWN_SYMBOL: there is no symbol NOSUCH", PLAIN | {"symbol": "NOSUCH"}),
    Case("WOULD_MATCH: price 50010 meets 50005, the best on the other side, and a LIMIT_MAKER must not take",
         {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "price": "50010", "quantity": "0.01"},
         first=("order", limit_order("SELL", "50005", "0.01"))),
    Case("STOP_WOULD_TRIGGER: stop price 50000 is reached already: the last price is 50000",
         STOP | {"stopPrice": "50000"}),
    Case("LIST_PRICES: stop price 60000 and price 60000 leave no room for the last price between them",
         OCO | {"belowStopPrice": "60000"}, "orderList/oco"),
    Case("LIST_PRICES: price 49999 is on the wrong side of the last price 50000 (order 2 of the list)",
         OCO | {"abovePrice": "49999"}, "orderList/oco"),
    Case("LIST_PRICES: stop price 50000 is on the wrong side of the last price 50000 (order 1 of the list)",
         OCO | {"belowStopPrice": "50000"}, "orderList/oco"),
    Case("PRICE_FILTER: belowStopPrice 40000.001 is not a multiple of tickSize 0.01",
         OCO | {"belowStopPrice": "40000.001"}, "orderList/oco"),
    Case("PRICE_FILTER: pendingPrice 1000000.01 is above maxPrice 1000000",
         OTO | {"pendingPrice": "1000000.01"}, "orderList/oto"),
    Case("PEG_NOT_ALLOWED: an order of type STOP_LOSS may not be pegged",
         {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "60000",
          "pegPriceType": "PRIMARY_PEG"}),
    Case("PEG_UNFIT: PRIMARY_PEG does not go with this type and timeInForce", PEG | {"timeInForce": "IOC"}),
    Case("NO_PEG_PRICE: the book has no level 2 to take a price from",
         PEG | {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "2"}),
    Case("MAX_NUM_ORDERS: 1 are open, and with 1 more they would be above 1", PLAIN, first=("order", PLAIN),
         rules={"max_orders": 1}),
    Case("MAX_NUM_ALGO_ORDERS: 1 are open, and with 1 more they would be above 1", STOP, first=("order", STOP),
         rules={"max_algo_orders": 1}),
    Case("MAX_NUM_ICEBERG_ORDERS: 1 are open, and with 1 more they would be above 1", ICEBERG,
         first=("order", ICEBERG), rules={"max_iceberg_orders": 1}),
    Case("MAX_NUM_ORDER_LISTS: 1 are open, and with 1 more they would be above 1", OCO, "orderList/oco",
         ("orderList/oco", OCO), {"max_order_lists": 1}),
    Case("EXCHANGE_MAX_NUM_ORDERS: 1 are open, and with 1 more they would be above 1", PLAIN,
         first=("order", PLAIN), rules={"exchange_max_orders": 1}),
    Case("EXCHANGE_MAX_NUM_ALGO_ORDERS: 1 are open, and with 1 more they would be above 1", STOP,
         first=("order", STOP), rules={"exchange_max_algo_orders": 1}),
    Case("EXCHANGE_MAX_NUM_ICEBERG_ORDERS: 1 are open, and with 1 more they would be above 1", ICEBERG,
         first=("order", ICEBERG), rules={"exchange_max_iceberg_orders": 1}),
    Case("EXCHANGE_MAX_NUM_ORDER_LISTS: 1 are open, and with 1 more they would be above 1", OCO, "orderList/oco",
         ("orderList/oco", OCO), {"exchange_max_order_lists": 1}),
    Case("MAX_POSITION: 10 BTC held or on order and 0.01 BTC to be bought are more than 10.00999 BTC", PLAIN,
         rules={"max_position_lots": 1_000_999}),
    Case("PERCENT_PRICE: price 65000.01 is above 65000: 1.3 times the last price 50000",
         limit_order("SELL", "65000.01", "0.01"), rules={"price_up_e4": 13_000}),
    Case("PERCENT_PRICE_BY_SIDE: price 44999.99 is below 45000: 0.9 times the last price 50000",
         PLAIN | {"price": "44999.99"}, rules={"bid_price_up_e4": 12_000, "bid_price_down_e4": 9_000}),
    Case("PERCENT_PRICE: price 70000 is above 65000: 1.3 times the last price 50000 (order 2 of the list)",
         OCO | {"abovePrice": "70000"}, "orderList/oco", rules={"price_up_e4": 13_000}),
    Case("PERCENT_PRICE: price 65000.01 is above 60000: 1.2 times the reference price 50000",
         limit_order("SELL", "65000.01", "0.01"), rules={"price_up_e4": 12_000, "reference_external_id": 0}),
    Case("NOTIONAL: the order's worth 500 USDT at the reference price 50000 is below minNotional 501 USDT", MARKET,
         rules={"min_notional_atoms": 501 * ONE, "reference_external_id": 0}),
    Case("MAX_ASSET: 0.01 BTC are more than the account's 0.005 BTC for one order", PLAIN,
         limits=AccountLimits(max_order={"BTC": ONE // 200})),
    Case("MAX_ASSET: 400 USDT are more than the account's 399 USDT for one order", PLAIN,
         limits=AccountLimits(max_order={"USDT": 399 * ONE})),
    Case("RISK_OPEN_ORDERS: 1 are open, and with 1 more they would be above 1", PLAIN, first=("order", PLAIN),
         limits=AccountLimits(max_open_orders=1)),
    Case("RISK_DAILY_NOTIONAL: with its 400 USDT the day's orders come to 800 USDT, more than 799 USDT", PLAIN,
         first=("order", PLAIN), limits=AccountLimits(max_daily={"USDT": 799 * ONE})),
    Case("RISK_POSITION: 10 BTC held or on order and 0.01 BTC to be bought are more than 10.005 BTC", PLAIN,
         limits=AccountLimits(max_position={"BTC": 10 * ONE + ONE // 200})),
    Case("ACCOUNT_KILLED: the account's kill switch is on", PLAIN, limits=AccountLimits(is_killed=True)),
    Case("quantity: EMPTY (quantity='')", PLAIN | {"quantity": ""}),
    Case("side: UNKNOWN_VALUE (side='BYE')", PLAIN | {"side": "BYE"}),
    Case("price: MISSING (price was not sent)", {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1"}),
    Case("pendingQuantity: NEGATIVE (pendingQuantity='-1')", OTO | {"pendingQuantity": "-1"}, "orderList/oto"),
)  # fmt: skip


async def newest(runtime: Runtime, venue: Venue) -> Refusal:
    await runtime.refusals.flush()
    return (await read_refusals(venue, lambda _: True, account=1, limit=1))[0]


async def last_price_50000(bob: Api) -> None:
    await bob.ok("POST", "/order", **limit_order("SELL", "50000", "0.001"))
    await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.001"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
async def test_a_refusal_says_why(alice: Api, bob: Api, venue: Venue, runtime: Runtime, case: Case) -> None:
    await last_price_50000(bob)
    await venue.registry.define_symbol(replace(BTCUSDT, **case.rules))
    if "reference_external_id" in case.rules:
        await venue.registry.set_reference_price("BTCUSDT", 50_000 * ONE)
    await venue.registry.set_account_limits(1, case.limits)
    if case.first is not None:
        await alice.ok("POST", f"/{case.first[0]}", **case.first[1])
    await alice.error("POST", f"/{case.path}", **case.refused)
    assert why(await newest(runtime, venue), Words(BTCUSDT)) == case.sentence


async def test_changes_of_an_order_say_why_they_were_refused(
    alice: Api, bob: Api, venue: Venue, runtime: Runtime
) -> None:
    async def told(method: str, path: str, **parameters: Any) -> str:
        assert (await alice.ask(method, path, **parameters)).status_code == 400
        return why(await newest(runtime, venue), Words(BTCUSDT))

    await venue.registry.define_symbol(replace(BTCUSDT, max_order_amends=1))
    order = {"symbol": "BTCUSDT", "orderId": (await alice.ok("POST", "/order", **PLAIN))["orderId"]}
    await alice.ok("POST", "/order", **PLAIN, newClientOrderId="other")
    amend = ("PUT", "/order/amend/keepPriority")
    assert await told(*amend, **order, newQty="0.02") == "AMEND_INCREASES: newQty 0.02 is more than the order's 0.01"
    assert await told(*amend, **order, newQty="0.01") == "AMEND_CHANGES_NOTHING: newQty 0.01 is what the order has"
    assert await told(*amend, **order, newQty="0.000015") == (
        "LOT_SIZE: newQty 0.000015 is not a multiple of stepSize 0.00001"
    )
    assert (await told(*amend, **order, newQty="0.009", newClientOrderId="other")).startswith("AMEND_DUPLICATE: order ")
    await bob.ok("POST", "/order", **limit_order("SELL", "40000", "0.004"))
    assert await told(*amend, **order, newQty="0.004") == (
        "LOT_SIZE: newQty 0.004 must be more than the 0.004 that are filled already and less than the order's 0.01"
    )
    await alice.ok(*amend, **order, newQty="0.009")
    assert await told(*amend, **order, newQty="0.008") == ("MAX_NUM_ORDER_AMENDS: it was amended 1 times, and may be 1")
    assert await told("DELETE", "/order", **order, cancelRestrictions="ONLY_NEW") == (
        "CANCEL_RESTRICTED: the order is PARTIALLY_FILLED, and cancelRestrictions=ONLY_NEW leaves such orders alone"
    )
    await alice.ok("DELETE", "/order", **order)
    assert await told(*amend, **order, newQty="0.005") == "AMEND_UNKNOWN_ORDER: the order is CANCELED"
    assert (await told("DELETE", "/order", **order)).startswith("UNKNOWN_ORDER: no open order of this account")


async def test_both_halves_of_a_replacement_are_noted(alice: Api, venue: Venue, runtime: Runtime) -> None:
    replacement = PLAIN | {"quantity": "100", "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": "77"}
    await alice.error("POST", "/order/cancelReplace", **replacement)
    await runtime.refusals.flush()
    refusals = await read_refusals(venue, lambda _: True, account=1, limit=5)
    assert [refusal.command for refusal in refusals] == [
        "POST /api/v1/order/cancelReplace, the cancel,", "POST /api/v1/order/cancelReplace, the new order,",
    ]  # fmt: skip
    assert [refusal.reason for refusal in refusals] == ["UNKNOWN_ORDER", "INSUFFICIENT_BALANCE"]
    order_id = (await alice.ok("POST", "/order", **PLAIN))["orderId"]
    partly = replacement | {"cancelOrderId": str(order_id)}
    assert (await alice.ask("POST", "/order/cancelReplace", **partly)).status_code == 409
    assert (await newest(runtime, venue)).command == "POST /api/v1/order/cancelReplace, the new order,"


def test_every_reason_has_a_sentence_and_every_sentence_a_case() -> None:
    assert set(Reason) - OTHERS == set(SENTENCES)
    of_changes = {
        Reason.AMEND_INCREASES, Reason.AMEND_CHANGES_NOTHING, Reason.AMEND_DUPLICATE, Reason.AMEND_UNKNOWN_ORDER,
        Reason.AMEND_PENDING_OPO,
        Reason.FILTER_MAX_NUM_ORDER_AMENDS, Reason.CANCEL_RESTRICTED, Reason.UNKNOWN_ORDER,
    }  # fmt: skip
    names = {case.sentence.partition(":")[0] for case in CASES}
    named = {reason for reason in Reason if {reason, reason.removeprefix("FILTER_")} & names}
    assert set(SENTENCES) - named - of_changes - RARE == {Reason.FILTER_PRICE}
    assert "PRICE_FILTER" in names


def test_an_entry_without_numbers_is_told_by_its_reason() -> None:
    old = Refusal(
        now_ms=0, account=1, command="POST /api/v1/order", parameters={}, reason="FILTER_PRICE", code=-1013,
        text="Filter failure: PRICE_FILTER", detail="too low",
    )  # fmt: skip
    assert why(old, Words(BTCUSDT)) == "PRICE_FILTER: too low"
    assert why(old, None) == "PRICE_FILTER: too low"
