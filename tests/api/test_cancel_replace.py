"""POST order/cancelReplace: an order goes and another comes, or the answer tells which half was refused and why."""

from typing import Any

import pytest

from engine.venue import Venue
from tests.api.conftest import Api, limit_order, state_of
from tests.conftest import balance

ONE = 10**8
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
TOO_POOR = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
CANCELED = {
    "symbol", "origClientOrderId", "orderId", "orderListId", "clientOrderId", "transactTime", "price", "origQty",
    "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side",
    "selfTradePreventionMode",
}  # fmt: skip


def replacement(mode: str = "STOP_ON_FAILURE", **more: Any) -> dict[str, Any]:
    return limit_order("BUY", "40000", "0.02", cancelReplaceMode=mode) | more


async def failed(api: Api, **parameters: Any) -> tuple[int, dict[str, Any]]:
    """Status and body of a refusal, after a look at what all refusals say."""
    response = await api.ask("POST", "/order/cancelReplace", **parameters)
    body = response.json()
    assert set(body) == {"code", "msg", "error", "data"}
    assert body["error"] == body["msg"]
    assert list(body["data"]) == ["cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse"]
    return response.status_code, body


async def test_both_halves_succeed_and_the_old_money_pays_for_the_new_order(alice: Api, venue: Venue) -> None:
    old = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "20", newClientOrderId="old"))
    told = await alice.ok(
        "POST", "/order/cancelReplace",
        **replacement(
            cancelOrderId=old["orderId"], cancelNewClientOrderId="bye", quantity="25", newClientOrderId="fresh"
        ),
    )  # fmt: skip
    assert (told["cancelResult"], told["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    gone, come = told["cancelResponse"], told["newOrderResponse"]
    assert set(gone) == CANCELED
    assert (gone["origClientOrderId"], gone["clientOrderId"], gone["status"]) == ("old", "bye", "CANCELED")
    assert (come["clientOrderId"], come["status"], come["fills"]) == ("fresh", "NEW", [])
    assert come["orderId"] == old["orderId"] + 1
    assert await balance(venue, 1, "USDT") == (0, 10**6 * ONE)


async def test_the_new_order_may_trade_at_once_and_bear_the_old_name(alice: Api, bob: Api) -> None:
    await bob.ok("POST", "/order", **limit_order("SELL", "40000", "0.01"))
    await alice.ok("POST", "/order", **limit_order("BUY", "30000", "0.02", newClientOrderId="mine"))
    parameters = replacement(cancelOrigClientOrderId="mine", newClientOrderId="mine")
    come = (await alice.ok("POST", "/order/cancelReplace", **parameters))["newOrderResponse"]
    assert (come["status"], come["executedQty"], len(come["fills"])) == ("PARTIALLY_FILLED", "0.01000000", 1)
    parameters["newOrderRespType"] = "ACK"
    come = (await alice.ok("POST", "/order/cancelReplace", **parameters))["newOrderResponse"]
    assert set(come) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}


async def test_stop_on_failure_does_not_attempt_the_new_order(alice: Api, venue: Venue) -> None:
    before = await state_of(venue)
    status, body = await failed(alice, **replacement(cancelOrderId=77))
    assert (status, body["code"], body["msg"]) == (400, -2022, "Order cancel-replace failed.")
    assert body["data"] == {
        "cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "cancelResponse": UNKNOWN,
        "newOrderResponse": None,
    }  # fmt: skip
    assert await state_of(venue) == before


async def test_the_old_order_is_gone_when_the_new_one_is_refused(alice: Api) -> None:
    old = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "1"))
    status, body = await failed(alice, **replacement(cancelOrderId=old["orderId"], quantity="100"))
    assert (status, body["code"], body["msg"]) == (409, -2021, "Order cancel-replace partially failed.")
    told = body["data"]
    assert (told["cancelResult"], told["newOrderResult"], told["newOrderResponse"]) == ("SUCCESS", "FAILURE", TOO_POOR)
    assert (told["cancelResponse"]["orderId"], told["cancelResponse"]["status"]) == (old["orderId"], "CANCELED")
    assert await alice.ok("GET", "/openOrders", symbol="BTCUSDT") == []


async def test_allow_failure_places_the_new_order_anyway(alice: Api, venue: Venue) -> None:
    status, body = await failed(alice, **replacement("ALLOW_FAILURE", cancelOrigClientOrderId="never"))
    assert (status, body["code"]) == (409, -2021)
    told = body["data"]
    assert (told["cancelResult"], told["newOrderResult"], told["cancelResponse"]) == ("FAILURE", "SUCCESS", UNKNOWN)
    assert told["newOrderResponse"]["status"] == "NEW"
    before = await state_of(venue)
    status, body = await failed(alice, **replacement("ALLOW_FAILURE", cancelOrderId=77, quantity="100"))
    assert (status, body["code"]) == (400, -2022)
    told = body["data"]
    assert (told["newOrderResult"], told["cancelResponse"], told["newOrderResponse"]) == ("FAILURE", UNKNOWN, TOO_POOR)
    assert await state_of(venue) == before


async def test_what_the_filters_refuse_is_refused_before_the_cancel(alice: Api, venue: Venue) -> None:
    old = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "1"))
    before = await state_of(venue)
    parameters = replacement(cancelOrderId=old["orderId"], quantity="0.00001")
    refused = await alice.error("POST", "/order/cancelReplace", **parameters)
    assert refused == (400, -1013, "Filter failure: NOTIONAL")
    assert await state_of(venue) == before


@pytest.mark.parametrize("restriction", ["ONLY_NEW", "ONLY_PARTIALLY_FILLED"])
async def test_a_cancel_restriction_holds_here_too(alice: Api, restriction: str) -> None:
    old = await alice.ok("POST", "/order", **limit_order("BUY", "50000", "1"))
    parameters = replacement(cancelOrderId=old["orderId"], cancelRestrictions=restriction)
    if restriction == "ONLY_NEW":
        assert (await alice.ok("POST", "/order/cancelReplace", **parameters))["cancelResult"] == "SUCCESS"
        return
    _, body = await failed(alice, **parameters)
    answer = {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}
    assert body["data"]["cancelResponse"] == answer


async def test_a_misspelt_client_order_id_is_understood_and_the_right_one_wins(alice: Api) -> None:
    await alice.ok("POST", "/order", **limit_order("BUY", "50000", "1", newClientOrderId="a"))
    for word, more in (("b", {}), ("c", {"newClientOrderId": "c"})):
        parameters = replacement(cancelOrigClientOrderId="a" if word == "b" else "b", NewClientOrderId="b", **more)
        told = await alice.ok("POST", "/order/cancelReplace", **parameters)
        assert told["newOrderResponse"]["clientOrderId"] == word
