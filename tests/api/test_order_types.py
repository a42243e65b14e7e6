"""Every type of order at the REST interface: which parameters it takes, what answers say of it, what becomes of it."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.types import Feature, OrderType, StpMode
from engine.venue import Venue
from tests.api.conftest import Api, limit_order, state_of
from tests.conftest import BTCUSDT, balance

pytestmark = pytest.mark.django_db(transaction=True)  # an unknown order is looked for in SQL too

ONE = 10**8
VALUES = {
    "quantity": "0.01", "price": "48000", "quoteOrderQty": "500", "timeInForce": "GTC", "stopPrice": "49000",
    "trailingDelta": "100", "icebergQty": "0.005",
}  # fmt: skip
ANY_TYPE = {
    "newClientOrderId": "mine", "strategyId": "7", "strategyType": "1000001", "selfTradePreventionMode": "EXPIRE_MAKER",
    "newOrderRespType": "RESULT",
}  # fmt: skip
# type: (required, of which one is required, optional); whatever else VALUES has is not required (-1106)
RULES: dict[str, tuple[set[str], set[str], set[str]]] = {
    "LIMIT": ({"quantity", "price"}, set(), {"timeInForce", "icebergQty"}),
    "LIMIT_MAKER": ({"quantity", "price"}, set(), {"icebergQty"}),
    "MARKET": (set(), {"quantity", "quoteOrderQty"}, set()),
    "STOP_LOSS": ({"quantity"}, {"stopPrice", "trailingDelta"}, set()),
    "STOP_LOSS_LIMIT": ({"quantity", "price"}, {"stopPrice", "trailingDelta"}, {"timeInForce", "icebergQty"}),
    "TAKE_PROFIT": ({"quantity"}, {"stopPrice", "trailingDelta"}, set()),
    "TAKE_PROFIT_LIMIT": ({"quantity", "price"}, {"stopPrice", "trailingDelta"}, {"timeInForce", "icebergQty"}),
}


def order(kind: str, side: str, **parameters: str) -> dict[str, str]:
    return {"symbol": "BTCUSDT", "side": side, "type": kind, **parameters}


def smallest(kind: str) -> dict[str, str]:
    """The fewest parameters with which the type is accepted while the last price is 50,000."""
    required, one_of, _ = RULES[kind]
    names = required | set(sorted(one_of)[:1])  # quantity, stopPrice
    side = "BUY" if kind.startswith("TAKE") or kind == "LIMIT_MAKER" else "SELL"
    return order(kind, side, **{name: VALUES[name] for name in names})


@pytest.fixture
async def trader(alice: Api, bob: Api) -> Api:
    """Alice, in a market whose last price is 50,000: bob bids 45,000 and asks 60,000, 1 BTC each."""
    await bob.ok("POST", "/order", **limit_order("SELL", "50000", "0.001"))
    await bob.ok("POST", "/order", **limit_order("BUY", "50000", "0.001"))
    await bob.ok("POST", "/order", **limit_order("BUY", "45000", "1"))
    await bob.ok("POST", "/order", **limit_order("SELL", "60000", "1"))
    return alice


async def trade_at(bob: Api, price: str) -> None:
    """Bob makes this the last price, with himself; nobody else may stand in between."""
    await bob.ok("POST", "/order", **limit_order("SELL", price, "0.001"))
    await bob.ok("POST", "/order", **limit_order("BUY", price, "0.001", timeInForce="IOC"))


@pytest.mark.parametrize("kind", RULES)
async def test_a_type_takes_its_parameters_and_no_others(trader: Api, venue: Venue, kind: str) -> None:
    required, one_of, optional = RULES[kind]
    good = smallest(kind)
    before = await state_of(venue)
    for name in required:
        refused = await trader.error("POST", "/order", **{key: good[key] for key in good if key != name})
        text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        assert refused == (400, -1102, text)
    if one_of:
        refused = await trader.error("POST", "/order", **{key: good[key] for key in good if key not in one_of})
        first, second = sorted(one_of)
        assert refused == (400, -1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")
    for name in VALUES.keys() - required - one_of - optional:
        refused = await trader.error("POST", "/order", **good, **{name: VALUES[name]})
        assert refused == (400, -1106, f"Parameter '{name}' sent when not required.")
    assert await state_of(venue) == before
    both = set() if kind == "MARKET" else one_of  # a stop price and a trailing delta go together
    everything = good | {name: VALUES[name] for name in optional | both} | ANY_TYPE
    for parameters in (good, everything):
        assert (await trader.ok("POST", "/order", **parameters))["orderId"] > 0


@pytest.mark.parametrize(("time_in_force", "is_refused"), [("GTC", False), ("IOC", True), ("FOK", True)])
@pytest.mark.parametrize("kind", ["LIMIT", "STOP_LOSS_LIMIT"])
async def test_only_what_rests_can_be_an_iceberg(trader: Api, kind: str, time_in_force: str, is_refused: bool) -> None:
    parameters = smallest(kind) | {"timeInForce": time_in_force, "icebergQty": "0.005"}
    response = await trader.ask("POST", "/order", **parameters)
    assert response.status_code == (400 if is_refused else 200)
    if is_refused:
        assert (response.json()["code"], response.json()["msg"]) == (
            -1128, "Combination of optional parameters invalid.",
        )  # fmt: skip


REFUSED: list[tuple[str, dict[str, str], int, str]] = [
    ("LIMIT", {"icebergQty": "0.011"}, -1013, "IcebergQty exceeds QTY."),
    ("LIMIT", {"quantity": "0.0101", "icebergQty": "0.0001"}, -1013, "Filter failure: ICEBERG_PARTS"),
    ("LIMIT", {"icebergQty": "0"}, -1013, "Filter failure: LOT_SIZE"),
    ("LIMIT", {"icebergQty": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
    ("LIMIT", {"strategyType": "999999"}, -1134, "`strategyType` was less than 1000000."),
    ("LIMIT_MAKER", {"price": "60000"}, -2010, "Order would immediately match and take."),
    ("STOP_LOSS", {"stopPrice": "50000"}, -2010, "Stop price would trigger immediately."),
    ("STOP_LOSS", {"stopPrice": "49000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ("STOP_LOSS", {"stopPrice": "0"}, -1013, "Filter failure: PRICE_FILTER"),
    ("STOP_LOSS", {"stopPrice": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
    ("STOP_LOSS", {"quantity": "0.0001"}, -1013, "Filter failure: NOTIONAL"),
    ("STOP_LOSS", {"trailingDelta": "9"}, -1013, "Filter failure: TRAILING_DELTA"),
    ("STOP_LOSS", {"trailingDelta": "2001"}, -1013, "Filter failure: TRAILING_DELTA"),
    ("STOP_LOSS", {"trailingDelta": "0"}, -1013, "Filter failure: TRAILING_DELTA"),
    ("STOP_LOSS", {"trailingDelta": "1.5"}, -1100,
     "Illegal characters found in parameter 'trailingDelta'; legal range is '^[0-9]{1,20}$'."),
    ("STOP_LOSS", {"quantity": "11"}, -2010, "Account has insufficient balance for requested action."),
    ("STOP_LOSS_LIMIT", {"quantity": "0.0001"}, -1013, "Filter failure: NOTIONAL"),
    ("TAKE_PROFIT", {"side": "SELL"}, -2010, "Stop price would trigger immediately."),
    ("TAKE_PROFIT_LIMIT", {"price": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "changed", "code", "text"), REFUSED)
async def test_a_refusal_says_why_and_changes_nothing(
    trader: Api, venue: Venue, kind: str, changed: dict[str, str], code: int, text: str
) -> None:
    before = await state_of(venue)
    assert await trader.error("POST", "/order", **smallest(kind) | changed) == (400, code, text)
    assert await state_of(venue) == before


@pytest.mark.parametrize(
    ("rules", "kind", "parameters", "text"),
    [
        ({"order_types": (OrderType.LIMIT,)}, "STOP_LOSS", {}, "Stop loss orders are not supported for this symbol."),
        ({"order_types": (OrderType.LIMIT,)}, "TAKE_PROFIT_LIMIT", {},
         "Take profit limit orders are not supported for this symbol."),
        ({"order_types": (OrderType.LIMIT,)}, "MARKET", {}, "Market orders are not supported for this symbol."),
        ({"max_iceberg_parts": 0}, "LIMIT", {"icebergQty": "0.005"},
         "Iceberg orders are not supported for this symbol."),
        ({"max_iceberg_parts": 1}, "LIMIT", {"icebergQty": "0.009"}, "Filter failure: ICEBERG_PARTS"),
        ({"max_trailing_above_bips": 0, "max_trailing_below_bips": 0}, "STOP_LOSS", {"trailingDelta": "100"},
         "Trailing stop orders are not supported for this symbol."),
        ({"max_trailing_below_bips": 99}, "STOP_LOSS", {"trailingDelta": "100"}, "Filter failure: TRAILING_DELTA"),
        ({"not_offered": (Feature.PEG,)}, "LIMIT", {"pegPriceType": "PRIMARY_PEG"},
         "Pegged orders are not supported for this symbol."),
        ({"max_market_lots": 999}, "MARKET", {}, "Filter failure: MARKET_LOT_SIZE"),
        ({"min_market_lots": 1001}, "MARKET", {}, "Filter failure: MARKET_LOT_SIZE"),
        ({"allowed_stp": (StpMode.NONE,)}, "LIMIT", {"selfTradePreventionMode": "EXPIRE_BOTH"},
         "This symbol does not allow the specified self-trade prevention mode."),
    ],
)  # fmt: skip
async def test_what_a_symbol_does_not_offer(
    trader: Api, venue: Venue, rules: dict[str, Any], kind: str, parameters: dict[str, str], text: str
) -> None:
    accepted = await trader.ok("POST", "/order", **smallest(kind) | parameters)
    assert accepted["type"] == kind
    await venue.registry.define_symbol(replace(BTCUSDT, **rules))
    before = await state_of(venue)
    assert await trader.error("POST", "/order", **smallest(kind) | parameters) == (400, -1013, text)
    assert await state_of(venue) == before


async def test_the_symbol_decides_what_is_prevented_when_the_order_does_not_say(trader: Api, venue: Venue) -> None:
    await venue.registry.define_symbol(replace(BTCUSDT, default_stp=StpMode.EXPIRE_BOTH))
    placed = await trader.ok("POST", "/order", **smallest("LIMIT"))
    assert placed["selfTradePreventionMode"] == "EXPIRE_BOTH"
    (symbol,) = (await trader.ok("GET", "/exchangeInfo", symbol="BTCUSDT"))["symbols"]
    assert symbol["defaultSelfTradePreventionMode"] == "EXPIRE_BOTH"
    assert symbol["allowedSelfTradePreventionModes"] == list(StpMode)


async def test_exchange_info_offers_what_there_is(trader: Api, venue: Venue) -> None:
    rules = replace(
        BTCUSDT, max_iceberg_parts=0, max_trailing_above_bips=0, max_trailing_below_bips=0, min_market_lots=5,
        order_types=(OrderType.LIMIT, OrderType.MARKET), allowed_stp=(StpMode.NONE, StpMode.EXPIRE_TAKER),
        not_offered=(Feature.OPO, Feature.PEG),
    )  # fmt: skip
    await venue.registry.define_symbol(rules)
    await trader.ask("POST", "/order", **smallest("LIMIT"))  # whose rules are stale: it has them read again
    (symbol,) = (await trader.ok("GET", "/exchangeInfo", symbol="BTCUSDT"))["symbols"]
    assert (symbol["orderTypes"], symbol["icebergAllowed"], symbol["allowTrailingStop"]) == (
        ["LIMIT", "MARKET"], False, False,
    )  # fmt: skip
    assert symbol["allowedSelfTradePreventionModes"] == ["NONE", "EXPIRE_TAKER"]
    offers = ("ocoAllowed", "otoAllowed", "opoAllowed", "pegInstructionsAllowed")
    assert [symbol[name] for name in offers] == [True, True, False, False]
    kinds = {row["filterType"]: row for row in symbol["filters"]}
    assert set(kinds) == {"PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL"}
    assert (kinds["MARKET_LOT_SIZE"]["minQty"], kinds["LOT_SIZE"]["minQty"]) == ("0.00005000", "0.00001000")


async def test_how_much_of_an_answer_is_wanted(trader: Api) -> None:
    ack = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    result = ack | {
        "price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type",
        "side", "workingTime", "selfTradePreventionMode",
    }  # fmt: skip
    for kind, special in (("LIMIT", set[str]()), ("STOP_LOSS", {"stopPrice"})):
        for wanted, fields in (
            ("ACK", ack), ("RESULT", result | special), ("FULL", result | special | {"fills"}), ("", None),
        ):  # fmt: skip
            extra = {"newOrderRespType": wanted} if wanted else {}
            placed = await trader.ok("POST", "/order", **smallest(kind), **extra)
            assert set(placed) == (fields or result | special | {"fills"}), (kind, wanted)  # /api/v1: FULL unless told


async def test_a_stop_order_waits_is_triggered_and_sells(trader: Api, bob: Api, venue: Venue) -> None:
    placed = await trader.ok("POST", "/order", **order("STOP_LOSS", "SELL", quantity="0.1", stopPrice="49000"))
    assert (placed["status"], placed["stopPrice"], placed["workingTime"], placed["fills"]) == (
        "NEW", "49000.00000000", -1, [],
    )  # fmt: skip
    which = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    waiting = await trader.ok("GET", "/order", **which)
    assert (waiting["isWorking"], waiting["workingTime"], waiting["stopPrice"]) == (False, -1, "49000.00000000")
    assert await trader.ok("GET", "/openOrders", symbol="BTCUSDT") == [waiting]
    assert await balance(venue, 1, "BTC") == (10 * ONE - ONE // 10, ONE // 10)
    await trade_at(bob, "49000")
    sold = await trader.ok("GET", "/order", **which)
    assert (sold["status"], sold["executedQty"], sold["cummulativeQuoteQty"], sold["isWorking"]) == (
        "FILLED", "0.10000000", "4500.00000000", True,
    )  # fmt: skip
    assert sold["time"] <= sold["workingTime"] == sold["updateTime"]
    assert (await trader.ok("GET", "/openOrders", symbol="BTCUSDT")) == []


async def test_a_trailing_order_tells_when_it_began(trader: Api, bob: Api) -> None:
    with_stop = order(
        "TAKE_PROFIT_LIMIT", "SELL", quantity="0.1", price="50500", stopPrice="51000", trailingDelta="100"
    )
    waiting = await trader.ok("POST", "/order", **with_stop)
    assert (waiting["trailingDelta"], waiting["trailingTime"], waiting["stopPrice"]) == (100, -1, "51000.00000000")
    at_once = await trader.ok("POST", "/order", **order("STOP_LOSS", "SELL", quantity="0.1", trailingDelta="2000"))
    assert (at_once["trailingTime"], at_once["stopPrice"]) == (at_once["transactTime"], "0.00000000")
    await trade_at(bob, "51000")
    which = {"symbol": "BTCUSDT", "orderId": waiting["orderId"]}
    trailing = await trader.ok("GET", "/order", **which)
    assert trailing["trailingTime"] >= trailing["time"]
    assert (trailing["isWorking"], trailing["status"]) == (False, "NEW")
    assert (await trader.ok("GET", "/allOrders", symbol="BTCUSDT"))[0] == trailing
    await trade_at(bob, "50490")  # 1 % below
    triggered = await trader.ok("GET", "/order", **which)
    assert (triggered["isWorking"], triggered["status"], triggered["workingTime"]) == (
        True, "NEW", triggered["updateTime"],
    )  # fmt: skip


async def test_an_iceberg_shows_its_tip_alone(trader: Api, bob: Api) -> None:
    iceberg = limit_order("BUY", "48000", "0.03", icebergQty="0.01")
    placed = await trader.ok("POST", "/order", **iceberg)
    assert placed["icebergQty"] == "0.01000000"
    assert (await trader.ok("GET", "/depth", symbol="BTCUSDT"))["bids"][0] == ["48000.00000000", "0.01000000"]
    await bob.ok("POST", "/order", **limit_order("SELL", "48000", "0.015"))
    assert (await trader.ok("GET", "/depth", symbol="BTCUSDT"))["bids"][0] == ["48000.00000000", "0.00500000"]
    shown = await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert (shown["icebergQty"], shown["executedQty"], shown["isWorking"]) == ("0.01000000", "0.01500000", True)


async def test_strategies_are_the_callers_own_words(trader: Api) -> None:
    words = {"strategyId": "9007199254740993", "strategyType": "1000000"}  # beyond what a double can hold
    placed = await trader.ok("POST", "/order", **smallest("LIMIT"), **words)
    shown = await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=placed["orderId"])
    canceled = await trader.ok("DELETE", "/order", symbol="BTCUSDT", orderId=placed["orderId"])
    for view in (placed, shown, canceled):
        assert (view["strategyId"], view["strategyType"]) == (9007199254740993, 1000000)


async def test_self_trade_prevention_as_in_the_documents_scenario_b(trader: Api) -> None:
    """binance-spot-api-docs, faqs/stp_faq.md: EXPIRE_MAKER meets three orders of its own account."""
    makers = [
        (await trader.ok("POST", "/order", **limit_order("BUY", price, quantity)))["orderId"]
        for price, quantity in (("46200", "1.2"), ("46100", "1.3"), ("46000", "8.1"))
    ]
    taker = limit_order("SELL", "46000", "3", selfTradePreventionMode="EXPIRE_MAKER")
    placed = await trader.ok("POST", "/order", **taker)
    assert (placed["status"], placed["fills"], placed["selfTradePreventionMode"]) == ("NEW", [], "EXPIRE_MAKER")
    assert placed["preventedMatches"] == [
        {"preventedMatchId": 0, "makerOrderId": makers[0], "price": "46200.00000000",
         "makerPreventedQuantity": "1.20000000"},
        {"preventedMatchId": 1, "makerOrderId": makers[1], "price": "46100.00000000",
         "makerPreventedQuantity": "1.30000000"},
        {"preventedMatchId": 2, "makerOrderId": makers[2], "price": "46000.00000000",
         "makerPreventedQuantity": "8.10000000"},
    ]  # fmt: skip
    assert "preventedQuantity" not in placed
    maker = await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=makers[0])
    assert (maker["status"], maker["executedQty"], maker["preventedMatchId"], maker["preventedQuantity"]) == (
        "EXPIRED_IN_MATCH", "0.00000000", 0, "1.20000000",
    )  # fmt: skip
    assert maker["selfTradePreventionMode"] == "NONE"


async def test_a_taker_that_prevention_expires(trader: Api) -> None:
    await trader.ok("POST", "/order", **limit_order("BUY", "46000", "1"))
    placed = await trader.ok(
        "POST", "/order", **limit_order("SELL", "46000", "3", selfTradePreventionMode="EXPIRE_TAKER")
    )
    assert (placed["status"], placed["preventedQuantity"], placed["preventedMatchId"]) == (
        "EXPIRED_IN_MATCH", "3.00000000", 0,
    )  # fmt: skip
    (match,) = placed["preventedMatches"]
    assert (match["takerPreventedQuantity"], "makerPreventedQuantity" in match) == ("3.00000000", False)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (limit_order("BUY", "60000", "2", timeInForce="IOC"), "UNFILLED_IOC_QUANTITY_EXPIRED"),
        (limit_order("BUY", "60000", "2", timeInForce="FOK"), "UNFILLED_FOK_ORDER_EXPIRED"),
        (order("MARKET", "BUY", quantity="2"), "INSUFFICIENT_LIQUIDITY"),
    ],
)
async def test_what_expired_says_why(trader: Api, parameters: dict[str, str], reason: str) -> None:
    placed = await trader.ok("POST", "/order", **parameters)
    assert (placed["status"], placed["expiryReason"]) == ("EXPIRED", reason)


PEG_REFUSED: list[tuple[str, dict[str, str], int, str]] = [
    ("MARKET", {"pegPriceType": "MARKET_PEG"}, -2010, "This order type may not use pegged price."),
    ("STOP_LOSS", {"pegPriceType": "MARKET_PEG"}, -2010, "This order type may not use pegged price."),
    ("LIMIT_MAKER", {"pegPriceType": "MARKET_PEG"}, -2010, "This price peg cannot be used with this order type."),
    ("LIMIT", {"pegPriceType": "PRIMARY_PEG", "timeInForce": "IOC"}, -2010,
     "This price peg cannot be used with this order type."),
    ("LIMIT", {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL"}, -1102,
     "Mandatory parameter 'pegOffsetValue' was not sent, was empty/null, or malformed."),
    ("LIMIT", {"pegPriceType": "PRIMARY_PEG", "pegOffsetValue": "1"}, -1102,
     "Mandatory parameter 'pegOffsetType' was not sent, was empty/null, or malformed."),
    ("LIMIT", {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "1"}, -1102,
     "Mandatory parameter 'pegPriceType' was not sent, was empty/null, or malformed."),
    ("LIMIT", {"pegPriceType": "BEST"}, -1210, "Invalid pegPriceType."),
    ("LIMIT", {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "TICK", "pegOffsetValue": "1"}, -1211,
     "Invalid pegOffsetType."),
    ("LIMIT", {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "99"}, -2010,
     "Order book liquidity is too low for this pegged order."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "changed", "code", "text"), PEG_REFUSED)
async def test_a_peg_that_cannot_be_is_refused_and_changes_nothing(
    trader: Api, venue: Venue, kind: str, changed: dict[str, str], code: int, text: str
) -> None:
    before = await state_of(venue)
    assert await trader.error("POST", "/order", **smallest(kind) | changed) == (400, code, text)
    assert await state_of(venue) == before


async def test_a_pegged_order_shows_the_price_it_found_and_the_one_it_was_given(trader: Api) -> None:
    first = await trader.ok("POST", "/order", **smallest("LIMIT"))
    peg = {"pegPriceType": "PRIMARY_PEG"}
    unpriced = {name: value for name, value in smallest("LIMIT").items() if name != "price"}
    placed = await trader.ok("POST", "/order", **unpriced | peg)
    assert (placed["price"], placed["peggedPrice"]) == ("0.00000000", first["price"])
    assert placed["pegPriceType"] == "PRIMARY_PEG"
    assert "pegOffsetType" not in placed
    view = await trader.ok("GET", "/order", symbol="BTCUSDT", orderId=str(placed["orderId"]))
    assert (view["price"], view["peggedPrice"]) == ("0.00000000", first["price"])
    waiting = smallest("STOP_LOSS_LIMIT") | peg | {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "2"}
    placed = await trader.ok("POST", "/order", **waiting)
    assert (placed["pegOffsetType"], placed["pegOffsetValue"]) == ("PRICE_LEVEL", 2)
    assert "peggedPrice" not in placed
