"""Query, form and JSON become flat text, and text a typed request."""

from enum import StrEnum
from typing import Annotated

import msgspec
import pytest

from api.parameters import READS_JSON, RequestReader, gather
from engine.errors import BadParameter


class Colour(StrEnum):
    RED = "RED"


class Sample(msgspec.Struct, kw_only=True, rename="camel"):
    symbol: str
    colour: Colour | None = None
    order_id: int | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 500
    is_dry: bool = False
    symbols: Annotated[str, READS_JSON] | None = None


READER = RequestReader(Sample)


@pytest.mark.parametrize(
    ("query", "body", "texts"),
    [
        (b"", b"", {}),
        (b"a=1&b=2", b"", {"a": "1", "b": "2"}),
        (b"", b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=x%20y+z%26", b"", {"a": "x y z&"}),
        (b"a=%E5%B8%81", b"", {"a": "\u5e01"}),
        (b"&&a=1&", b"", {"a": "1"}),
        (b"a", b"", {"a": ""}),
        (b"a=1=2", b"", {"a": "1=2"}),
        (b"a=query", b"a=body&b=2", {"a": "query", "b": "2"}),
        (b"a=query", b'{"a": "body", "b": "2"}', {"a": "query", "b": "2"}),
        (b"", b'  {"a": "x"}', {"a": "x"}),
        (b"", b'{"a": 1e-05, "b": 0.10}', {"a": "1e-05", "b": "0.10"}),
        (b"", b'{"a": 12345678901234567890123}', {"a": "12345678901234567890123"}),
        (b"", b'{"a": true, "b": false, "c": null}', {"a": "true", "b": "false"}),
        (b"", b'{"a": ["x", 1], "b": {"c": 2}}', {"a": '["x", 1]', "b": '{"c": 2}'}),
        (b"", b'{"a": "12:30", "b": "\\u0041\\n"}', {"a": "12:30", "b": "A\n"}),
        (b"", b"{}", {}),
    ],
)  # fmt: skip
def test_parameters_are_gathered_as_text(query: bytes, body: bytes, texts: dict[str, str]) -> None:
    assert gather(query, body) == texts


@pytest.mark.parametrize(
    ("query", "body", "problem"),
    [
        (b"a=1&a=1", b"", "DUPLICATE"),
        (b"a=1&%61=2", b"", "DUPLICATE"),
        (b"", b"a=1&a=2", "DUPLICATE"),
        (b"", b'{"a": 1, "a": 1}', "DUPLICATE"),
        (b"", b'{"a": 1, "\\u0061": 2}', "DUPLICATE"),
        (b"", b'{"a": "x:y", "a": 2}', "DUPLICATE"),
        (b"a=%ff", b"", "ILLEGAL_CHARACTERS"),
        (b"a=\xff", b"", "ILLEGAL_CHARACTERS"),
        (b"", b"\xff=1", "ILLEGAL_CHARACTERS"),
        (b"", b"{", "MALFORMED"),
        (b"", b'{"a": 01}', "MALFORMED"),
        (b"", b'{"a": NaN}', "MALFORMED"),
        (b"", b'{"a": 1} x', "MALFORMED"),
        (b"", b'{"a": "\xff"}', "MALFORMED"),
        (b"", b'{"a": "\\ud800"}', "MALFORMED"),
        (b"", b'{"a": "x\x00"}', "MALFORMED"),
        (b"", b"[1, 2]", "MALFORMED"),
        (b"", b'{"a": ' + b"[" * 30_000, "MALFORMED"),
        (b"", b'{"a": ":", "b": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "MALFORMED"),
    ],
)
def test_what_cannot_be_read_is_named(query: bytes, body: bytes, problem: str) -> None:
    with pytest.raises(BadParameter) as caught:
        gather(query, body)
    assert caught.value.problem == problem


def test_the_same_name_in_query_and_body_is_no_duplicate() -> None:
    assert gather(b"a=1", b"a=2") == {"a": "1"}


def test_a_request_is_typed_and_unknown_names_are_ignored() -> None:
    read = READER.read({"symbol": "X", "colour": "RED", "orderId": "7", "isDry": "true", "other": "", "order_id": "x"})
    assert read == Sample(symbol="X", colour=Colour.RED, order_id=7, limit=500, is_dry=True)


@pytest.mark.parametrize(
    ("texts", "field", "problem"),
    [
        ({}, "symbol", "MISSING"),
        ({"symbol": ""}, "symbol", "EMPTY"),
        ({"symbol": "X", "orderId": ""}, "orderId", "EMPTY"),
        ({"symbol": "X", "colour": "red"}, "colour", "UNKNOWN_VALUE"),
        ({"symbol": "X", "isDry": "1"}, "isDry", "UNKNOWN_VALUE"),
        ({"symbol": "X", "limit": "0"}, "limit", "OUT_OF_RANGE"),
        ({"symbol": "X", "limit": "1001"}, "limit", "OUT_OF_RANGE"),
        ({"symbol": "X", "orderId": str(2**63)}, "orderId", "TOO_LARGE"),
        *[
            ({"symbol": "X", "orderId": text}, "orderId", "ILLEGAL_CHARACTERS")
            for text in ("-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "nan", "\uff11", "\u00b2", "1\x00", "1" * 21)
        ],
    ],
)
def test_a_text_that_is_not_of_the_type_is_named(texts: dict[str, str], field: str, problem: str) -> None:
    with pytest.raises(BadParameter) as caught:
        READER.read(texts)
    assert (caught.value.field, caught.value.problem) == (field, problem)


@pytest.mark.parametrize("written", [b"[]", b'["BTCUSDT"]', b'{"a": 1}', b"true", b"false"])
def test_json_that_is_no_text_is_read_only_where_json_is_expected(written: bytes) -> None:
    with pytest.raises(BadParameter) as caught:
        READER.read(gather(b"", b'{"symbol": ' + written + b"}"))
    assert (caught.value.field, caught.value.problem) == ("symbol", "UNKNOWN_VALUE")
    read = READER.read(gather(b"", b'{"symbol": 5, "symbols": ' + written + b', "unknown": ' + written + b"}"))
    assert (read.symbol, read.symbols) == ("5", written.decode())


def test_a_type_that_cannot_be_read_from_text_is_found_when_the_reader_is_made() -> None:
    class Bad(msgspec.Struct):
        price: float

    with pytest.raises(TypeError, match="price"):
        RequestReader(Bad)
