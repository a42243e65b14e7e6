"""Every refusal has a status, a code and a text, and the texts that clients match are Binance's to the letter."""

import re
from pathlib import Path

import pytest

from api.errors import OF_PROBLEM, OF_REASON, answer_to, one_of_two_missing, unknown_path
from engine.errors import BadParameter, EngineUnavailable, InvariantBroken, OutcomeUnknown, Reason, Rejected

ENGINE = Path(__file__).parents[2] / "engine"


def test_every_reason_has_an_answer() -> None:
    assert set(OF_REASON) == set(Reason)
    for answer in OF_REASON.values():
        assert 400 <= answer.status < 500
        assert answer.code < 0
        assert answer.text


def test_every_reason_that_lua_gives_is_known() -> None:
    said = {
        word
        for path in ENGINE.glob("lua/**/*.lua")
        for word in re.findall(r'"rejected", "([A-Z_]+)"', path.read_text())
    }
    assert said
    assert said <= set(Reason)


def test_every_problem_of_a_parameter_has_an_answer() -> None:
    documented = re.findall(r"\b[A-Z_]{5,}\b", (BadParameter.__doc__ or "").partition("one of")[2])
    assert set(documented) == set(OF_PROBLEM)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Rejected(Reason.INSUFFICIENT_BALANCE), (400, -2010, "Account has insufficient balance for requested action.")),
        (Rejected(Reason.DUPLICATE_ORDER), (400, -2010, "Duplicate order sent.")),
        (Rejected(Reason.MARKET_CLOSED), (400, -2010, "Market is closed.")),
        (Rejected(Reason.AUCTION_COLLECTS), (400, -2010, "Limit orders require GTC for this phase.")),
        (Rejected(Reason.UNKNOWN_ORDER), (400, -2011, "Unknown order sent.")),
        (Rejected(Reason.NO_SUCH_ORDER), (400, -2013, "Order does not exist.")),
        (Rejected(Reason.UNKNOWN_SYMBOL, "X"), (400, -1121, "Invalid symbol.")),
        (Rejected(Reason.KEY_INVALID), (401, -2015, "Invalid API-key, IP, or permissions for action.")),
        (Rejected(Reason.FILTER_LOT_SIZE, "0.1"), (400, -1013, "Filter failure: LOT_SIZE")),
        (Rejected(Reason.FILTER_PRICE), (400, -1013, "Filter failure: PRICE_FILTER")),
        (Rejected(Reason.FILTER_NOTIONAL), (400, -1013, "Filter failure: NOTIONAL")),
        (Rejected(Reason.FILTER_ICEBERG_PARTS, "7"), (400, -1013, "Filter failure: ICEBERG_PARTS")),
        (
            Rejected(Reason.NOT_SUPPORTED, "Stop loss orders"),
            (400, -1013, "Stop loss orders are not supported for this symbol."),
        ),
        (
            Rejected(Reason.STP_NOT_ALLOWED, "TRANSFER"),
            (400, -1013, "This symbol does not allow the specified self-trade prevention mode."),
        ),
        (
            Rejected(Reason.CANCEL_RESTRICTED),
            (400, -2011, "Order was not canceled due to cancel restrictions."),
        ),
        (BadParameter("cancelRestrictions", "UNKNOWN_VALUE"), (400, -1145, "Invalid cancelRestrictions")),
        (BadParameter("strategyType", "OUT_OF_RANGE"), (400, -1134, "`strategyType` was less than 1000000.")),
        (BadParameter("icebergQty", "BAD_COMBINATION"), (400, -1128, "Combination of optional parameters invalid.")),
        (
            BadParameter("symbol", "MISSING"),
            (400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ),
        (BadParameter("symbol", "EMPTY"), (400, -1105, "Parameter 'symbol' was empty.")),
        (
            BadParameter("quantity", "NEGATIVE", value="-1"),
            (
                400,
                -1100,
                "Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
            ),
        ),
        (
            BadParameter("orderId", "ILLEGAL_CHARACTERS"),
            (400, -1100, "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'."),
        ),
        (BadParameter("", "ILLEGAL_CHARACTERS"), (400, -1100, "Illegal characters found in a parameter.")),
        (BadParameter("price", "TOO_MANY_DECIMALS"), (400, -1111, "Parameter 'price' has too much precision.")),
        (BadParameter("price", "TOO_LARGE"), (400, -1108, "Parameter 'price' overflowed.")),
        (BadParameter("timeInForce", "NOT_REQUIRED"), (400, -1106, "Parameter 'timeInForce' sent when not required.")),
        (BadParameter("timeInForce", "UNKNOWN_VALUE"), (400, -1115, "Invalid timeInForce.")),
        (BadParameter("type", "UNKNOWN_VALUE"), (400, -1116, "Invalid orderType.")),
        (BadParameter("side", "UNKNOWN_VALUE"), (400, -1117, "Invalid side.")),
        (BadParameter("interval", "UNKNOWN_VALUE"), (400, -1120, "Invalid interval.")),
        (BadParameter("limit", "OUT_OF_RANGE"), (400, -1130, "Data sent for parameter 'limit' is not valid.")),
        (BadParameter("symbol", "DUPLICATE"), (400, -1101, "Duplicate values for a parameter detected.")),
        (BadParameter("", "MALFORMED"), (400, -1135, "Invalid JSON Request")),
        (BadParameter("tick_size", "OUT_OF_RANGE", detail="must be {x}"), (400, -1130, "must be {x}")),
        (
            one_of_two_missing("quantity", "quoteOrderQty"),
            (400, -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
        ),
        (unknown_path("/api/v1/x"), (404, -1000, "There is nothing at /api/v1/x.")),
        (
            EngineUnavailable("place_order"),
            (
                503,
                -1008,
                "Server is currently overloaded with other requests. Please try again in a few minutes.",
            ),
        ),
        (
            OutcomeUnknown("place_order"),
            (
                504,
                -1007,
                "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
            ),
        ),
        (
            InvariantBroken("place_order"),
            (500, -1000, "An unknown error occurred while processing the request."),
        ),
        (KeyError("x"), (500, -1000, "An unknown error occurred while processing the request.")),
    ],
)
def test_answers(error: Exception, answer: tuple[int, int, str]) -> None:
    assert answer_to(error) == answer
