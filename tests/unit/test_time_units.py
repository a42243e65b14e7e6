"""Times in microseconds: which numbers of an answer and of an event are times, and how a caller asks for them."""

from typing import Any

import msgspec
import pytest

from api.errors import Refused
from api.parameters import EndTime, RequestReader, StartTime
from api.time_units import TimeUnit, encoded_in_microseconds, in_microseconds, read_time_unit, time_unit_of


class Span(msgspec.Struct, kw_only=True, rename="camel"):
    start_time: StartTime | None = None
    end_time: EndTime | None = None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("MICROSECOND", TimeUnit.MICROSECOND),
        ("microsecond", TimeUnit.MICROSECOND),
        ("MILLISECOND", TimeUnit.MILLISECOND),
        ("millisecond", TimeUnit.MILLISECOND),
    ],
)
def test_a_unit_may_be_written_large_or_small(text: str, unit: TimeUnit) -> None:
    assert read_time_unit(text) is unit
    assert time_unit_of([(b"accept", b"*/*"), (b"x-mbx-time-unit", text.encode())]) is unit


def test_without_the_header_times_are_milliseconds() -> None:
    assert time_unit_of([(b"accept", b"*/*")]) is TimeUnit.MILLISECOND


@pytest.mark.parametrize("text", ["", "Microsecond", "MICROSECONDS", "us", "1", "MICROSECOND ", "\u00fc"])
def test_any_other_unit_is_refused_with_1194(text: str) -> None:
    with pytest.raises(Refused) as caught:
        time_unit_of([(b"x-mbx-time-unit", text.encode("latin-1"))])
    assert caught.value.answer == (
        400,
        -1194,
        "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"serverTime": 1499827319559}, {"serverTime": 1499827319559000}),
        ({"orderId": 28, "transactTime": 1507725176595, "workingTime": -1}, None),
        ([{"id": 28457, "time": 1499865549590, "isBuyerMaker": True}], [
            {"id": 28457, "time": 1499865549590000, "isBuyerMaker": True}]),
        ([[1499040000000, "0.01", "0.8", "0.01", "0.01", "148.9", 1499644799999, "2434.1", 308, "1756", "28.4", "0"]], [
            [1499040000000000, "0.01", "0.8", "0.01", "0.01", "148.9", 1499644799999999, "2434.1", 308, "1756", "28.4",
             "0"]]),
        ({"lastUpdateId": 1027024, "bids": [["4.0", "431.0"]]}, {"lastUpdateId": 1027024, "bids": [["4.0", "431.0"]]}),
        ({"a": 26129, "f": 27781, "l": 27781, "T": 1498793709153, "m": True}, {
            "a": 26129, "f": 27781, "l": 27781, "T": 1498793709153000, "m": True}),
        ({"e": "trade", "E": 1, "t": 12345, "T": 2}, {"e": "trade", "E": 1000, "t": 12345, "T": 2000}),
        ({"e": "kline", "E": 5, "k": {"t": 1000, "T": 1999, "f": 100, "L": 200, "n": 3, "v": "1"}}, {
            "e": "kline", "E": 5000,
            "k": {"t": 1000000, "T": 1999999, "f": 100, "L": 200, "n": 3, "v": "1"}}),
        ({"e": "outboundAccountPosition", "E": 1, "u": 2, "B": []}, {
            "e": "outboundAccountPosition", "E": 1000, "u": 2000, "B": []}),
        ({"e": "depthUpdate", "E": 1, "U": 157, "u": 160}, {"e": "depthUpdate", "E": 1000, "U": 157, "u": 160}),
        ({"e": "referencePrice", "t": 7}, {"e": "referencePrice", "t": 7000}),
        ({"e": "24hrTicker", "O": 0, "C": 86400000, "F": 0, "L": 18150, "n": 18151}, {
            "e": "24hrTicker", "O": 0, "C": 86400000000, "F": 0, "L": 18150, "n": 18151}),
        ({"e": "executionReport", "C": "mine", "i": 429, "d": 4, "D": 5, "W": 6, "u": 1, "t": -1, "I": 8}, {
            "e": "executionReport", "C": "mine", "i": 429, "d": 4, "D": 5000, "W": 6000, "u": 1, "t": -1, "I": 8}),
        ({"e": "listStatus", "T": 1, "O": [{"s": "X", "i": 17}]}, {
            "e": "listStatus", "T": 1000, "O": [{"s": "X", "i": 17}]}),
        ({"openTime": 1695686400000, "closeTime": 1695772799999}, {
            "openTime": 1695686400000000, "closeTime": 1695772799999999}),
        ({"openTime": 1499783499040, "closeTime": 1499869899040}, {
            "openTime": 1499783499040000, "closeTime": 1499869899040000}),
        ({"mins": 5, "closeTime": 1694061154503}, {"mins": 5, "closeTime": 1694061154503000}),
        ({"stream": "x@trade", "data": {"e": "trade", "T": 2}}, {
            "stream": "x@trade", "data": {"e": "trade", "T": 2000}}),
        ({"id": 5, "status": 200, "result": {"serverTime": 9}}, {
            "id": 5, "status": 200, "result": {"serverTime": 9000}}),
    ],
)  # fmt: skip
def test_times_alone_become_microseconds(given: Any, expected: Any) -> None:
    before = msgspec.json.encode(given)
    if expected is None:
        expected = {"orderId": 28, "transactTime": 1507725176595000, "workingTime": -1}
    assert in_microseconds(given) == expected
    assert msgspec.json.encode(given) == before, "the value that was given has changed"
    assert encoded_in_microseconds(before) == msgspec.json.encode(expected)


@pytest.mark.parametrize(
    ("text", "begin_ms", "end_ms"),
    [
        ("1700000000000", 1700000000000, 1700000000000),
        ("1700000000000000", 1700000000000, 1700000000000),
        ("1700000000000001", 1700000000001, 1700000000000),
        ("1700000000000999", 1700000000001, 1700000000000),
        ("99999999999999", 99999999999999, 99999999999999),
        ("0", 0, 0),
    ],
)
def test_a_range_in_microseconds_holds_no_millisecond_that_lies_partly_outside(
    text: str, begin_ms: int, end_ms: int
) -> None:
    span = RequestReader(Span).read({"startTime": text, "endTime": text})
    assert (span.start_time, span.end_time) == (begin_ms, end_ms)
