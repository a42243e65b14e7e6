"""Whatever bytes come as a request of the WebSocket API: it is read, or refused under the id it had."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.websocket_api.credentials import payloads
from accounts.websocket_api.frames import Frame, Unreadable, read_frame
from api.errors import answer_to
from api.request_ids import NO_ID

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
IDS = st.integers(-(2**63), 2**64 - 1) | st.none() | st.from_regex(r"[a-zA-Z0-9_-]{1,36}", fullmatch=True)


def read(data: bytes | str) -> Frame | Unreadable:
    try:
        return read_frame(data)
    except Unreadable as unreadable:
        answer = answer_to(unreadable.error)
        assert answer.status == 400
        assert -1200 < answer.code < -1000
        return unreadable


@given(st.binary())
@example(b"\xff")
@example(b'{"id": 1, "method": "ping", "params": {"a": "\xff"}}')
@example(b'{"id": 1, "method": "\\ud800"}')
@example(b'{"id": 1, "method": "ping", "params": {"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}}")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)


@given(VALUES, VALUES, VALUES)
def test_members_of_any_kind_are_read_or_refused(id_: Any, method: Any, params: Any) -> None:
    read(json.dumps({"id": id_, "method": method, "params": params}))


@given(IDS, st.text(), st.dictionaries(st.text(), SCALARS))
def test_what_is_right_is_read_as_it_was_written(id_: Any, method: str, params: dict[str, Any]) -> None:
    found = read(msgspec.json.encode({"id": id_, "method": method, "params": params}))
    assert isinstance(found, Frame)
    assert (json.loads(bytes(found.id)), found.method) == (id_, method)
    assert found.texts.keys() == {name for name, value in params.items() if msgspec.json.encode(value) != b"null"}
    assert [name for name, value in params.items() if isinstance(value, str) and found.texts[name] != value] == []


@given(IDS)
def test_a_refusal_has_the_requests_id(id_: Any) -> None:
    found = read(json.dumps({"id": id_, "method": 5}))
    assert isinstance(found, Unreadable)
    assert json.loads(bytes(found.id)) == id_


@pytest.mark.parametrize("id_", [2**64, -(2**63) - 1, 1.0, True, "", "a b", [], {}])
def test_what_is_no_id_is_answered_under_null(id_: Any) -> None:
    found = read(json.dumps({"id": id_, "method": "ping"}))
    assert isinstance(found, Unreadable)
    assert found.id == NO_ID


@given(st.dictionaries(st.text(), st.text()))
def test_a_payload_does_not_depend_on_the_order_or_on_the_signature(texts: dict[str, str]) -> None:
    backwards = dict(reversed(texts.items())) | {"signature": "x"}
    assert list(payloads({**texts, "signature": "y"})) == list(payloads(backwards))
