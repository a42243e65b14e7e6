"""The conformance table's own tools: a rule that cannot fail is worth nothing, so each kind of mistake is tried."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.checks import (
    DECIMAL,
    EMPTY,
    FLAG,
    TEXT,
    TIME,
    WHOLE,
    AtLeast,
    Deviation,
    Each,
    Maybe,
    hold,
    matches,
    one_of,
    same,
)
from conformance.lab import Lab
from conformance.report import as_json, as_markdown
from conformance.rules import GET, Area, Rule, Verdict
from conformance.runner import judged, lasting, run
from conformance.table import AREAS
from conformance.transport import Answer, Wire

ROOT = Path(__file__).resolve().parents[2]
PATTERN = {
    "id": WHOLE, "price": DECIMAL, "isMaker": FLAG, "time": TIME, "fills": Each({"qty": DECIMAL}), "note": Maybe(TEXT),
    "levels": [["1.00000000", DECIMAL]], "side": one_of("BUY", "SELL"), "code": -1121,
}  # fmt: skip
GOOD: dict[str, Any] = {
    "id": 7, "price": "1.50000000", "isMaker": False, "time": 1700000000000, "fills": [{"qty": "2.00000000"}],
    "levels": [["1.00000000", "3.00000000"]], "side": "BUY", "code": -1121,
}  # fmt: skip


@pytest.mark.parametrize("body", [GOOD, GOOD | {"note": "x"}])
def test_what_is_right_matches(body: dict[str, Any]) -> None:
    matches(PATTERN, body)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": "7"}, "id is '7', not an integer"),
        ({"id": True}, "id is true, not an integer"),
        ({"id": 7.0}, "id is 7.0, not an integer"),
        ({"price": 1.5}, "price is 1.5, not a decimal text with 8 places"),
        ({"price": "1.5"}, "price is '1.5', not a decimal text with 8 places"),
        ({"isMaker": 0}, "isMaker is 0, not true or false"),
        ({"time": 1700000000}, "time is 1700000000, not a time in ms"),
        ({"time": 1700000000000000}, "time is 1700000000000000, not a time in ms"),
        ({"fills": []}, "fills is an empty list"),
        ({"fills": [{"qty": "2.00000000", "x": 1}]}, "fills[0] has x, which the document does not have there"),
        ({"fills": {}}, "fills is {}, not a list"),
        ({"note": None}, "note is null, not a text"),
        ({"levels": [["1.00000000"]]}, "levels[0] has 1 items, not 2"),
        ({"levels": [["2.00000000", "3.00000000"]]}, "levels[0][0] is '2.00000000', not '1.00000000'"),
        ({"side": "buy"}, "side is 'buy', not one of 'BUY', 'SELL'"),
        ({"code": "-1121"}, "code is '-1121', not -1121"),
        ({"extra": 1}, "the answer has extra, which the document does not have there"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Deviation, match=f"^{re.escape(complaint)}$"):
        matches(PATTERN, GOOD | changes)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(Deviation, match=f"^the answer lacks {name}$"):
        matches(PATTERN, {key: value for key, value in GOOD.items() if key != name})


def test_at_least_lets_others_stand_but_not_fall() -> None:
    matches(AtLeast({"id": WHOLE}), GOOD)
    with pytest.raises(Deviation):
        matches(AtLeast({"id": WHOLE, "gone": WHOLE}), GOOD)
    with pytest.raises(Deviation):
        matches(AtLeast({}), None)


def test_an_empty_list_is_no_list_of_something() -> None:
    matches(EMPTY, [])
    for value in ([1], None, {}, ""):
        with pytest.raises(Deviation):
            matches(EMPTY, value)


def test_same_and_hold() -> None:
    same(["1", 2], ["1", 2], "it")
    hold(True, "not so")
    for wrong in (lambda: same(1, True, "it"), lambda: same("1", 1, "it"), lambda: hold(False, "not so")):
        with pytest.raises(Deviation):
            wrong()


class CannedLab(Lab):
    """Whatever is asked, this is answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(Wire("http://127.0.0.1:1"), "", "TAGS")
        self._answer = answer

    def send(self, ask: object) -> Answer:
        return self._answer


def _verdict(add: Callable[[Area], None], answer: Answer) -> Verdict:
    area = Area("one", "One")
    add(area)
    (rule,) = area
    return judged(rule, CannedLab(answer)).verdict


def _refusal(area: Area) -> None:
    area.by("errors.md: it").refuses("it", GET("/depth"), -1121, "Invalid symbol.")


def _answer(area: Area) -> None:
    area.by("rest-api.md: it").answers("it", GET("/depth"), {"id": WHOLE})


def _rejection(area: Area) -> None:
    area.by("rest-api.md: it").rejects("it", GET("/depth"))


REFUSED = Answer(400, {"code": -1121, "msg": "Invalid symbol."})


@pytest.mark.parametrize(
    ("add", "good", "wrong"),
    [
        (
            _refusal,
            REFUSED,
            [
                replace(REFUSED, status=200), replace(REFUSED, status=404), replace(REFUSED, body=None),
                Answer(400, {"code": -1100, "msg": "Invalid symbol."}),
                Answer(400, {"code": -1121, "msg": "Invalid symbol"}),
                Answer(400, {"code": "-1121", "msg": "Invalid symbol."}), Answer(400, {"code": -1121}),
                Answer(400, {"code": -1121, "msg": "Invalid symbol.", "error": "Invalid symbol."}),
            ],
        ),
        (_answer, Answer(200, {"id": 1}), [Answer(201, {"id": 1}), Answer(200, {"id": "1"}), Answer(200, {}), REFUSED]),
        (_rejection, REFUSED, [Answer(200, {}), Answer(400, {"msg": "no"}), Answer(500, REFUSED.body)]),
    ],
)  # fmt: skip
def test_a_rule_fails_when_anything_about_the_answer_is_wrong(
    add: Callable[[Area], None], good: Answer, wrong: list[Answer]
) -> None:
    assert _verdict(add, good) is Verdict.PASS
    for answer in wrong:
        assert _verdict(add, answer) is Verdict.FAIL, answer


def test_a_rule_that_stumbles_has_failed() -> None:
    area = Area("one", "One")

    @area.by("x.md: y").rule("it", "GET it", "something")
    def check(lab: Lab) -> None:
        raise KeyError("orderId")

    (rule,) = area
    outcome = judged(rule, CannedLab(REFUSED))
    assert (outcome.verdict, outcome.found) == (Verdict.FAIL, "what came could not be read (KeyError: 'orderId')")


def test_an_exchange_that_does_not_answer_fails_every_rule_that_asks() -> None:
    results = run(AREAS[:2], Wire("http://127.0.0.1:1"), "token")
    verdicts = {outcome.verdict for outcomes in results.values() for outcome in outcomes}
    assert Verdict.PASS not in verdicts


def test_not_done_stays_not_done() -> None:
    area = Area("one", "One")
    area.by("x.md: y").not_done("it", "POST sor/order", "an order", "no smart order routing here")
    (rule,) = area
    outcome = judged(rule, CannedLab(REFUSED))
    assert (outcome.verdict, outcome.found) == (Verdict.NOT_DONE, "no smart order routing here")


def test_two_rules_of_an_area_have_two_names() -> None:
    area = Area("one", "One")
    rule = Rule("it", "x.md: y", "GET it", "something", None)
    area.add(rule)
    with pytest.raises(ValueError, match="two rules of one are called 'it'"):
        area.add(rule)


def test_what_changes_from_run_to_run_is_left_out() -> None:
    text = "transactTime is 1700000000123, clientOrderId 'x3dJq0aX9dPZkqJwz1bT5e', orderId 12"
    assert lasting(text) == "transactTime is ..., clientOrderId '...', orderId 12"


def test_the_table_has_its_rules_and_each_says_where_it_stands() -> None:
    rules = [rule for area in AREAS for rule in area]
    assert len(rules) >= 300
    assert len({area.key for area in AREAS}) == len(AREAS)
    sources = re.compile(
        r"(rest-api|errors|enums|filters|user-data-stream|web-socket-(api|streams)|faqs/[a-z_-]+)\.md: \S.*"
    )
    for rule in rules:
        assert sources.fullmatch(rule.source), rule
        assert rule.request, rule
        assert rule.expected, rule
        assert (rule.check is None) == bool(rule.reason), rule


def test_the_committed_report_has_a_row_for_each_rule() -> None:
    text = (ROOT / "docs" / "CONFORMANCE.md").read_text()
    rows = [line for line in text.splitlines() if re.match(r"\| (pass|fail|not done) \|", line)]
    assert len(rows) == sum(map(len, AREAS))


def test_the_report_counts_and_escapes() -> None:
    area = Area("one", "One | two")
    _refusal(area)
    area.by("x.md: y").not_done("a|b", "GET it", "some*thing", "<none>")
    results = {"one": [judged(rule, CannedLab(REFUSED)) for rule in area]}
    text = as_markdown([area], results)
    assert "| **all** | 2 | 1 | 0 | 1 |" in text
    assert "| not done | a\\|b | x.md: y | GET it | some\\*thing | &lt;none> |" in text
    assert "100.0 % of what is offered passes." in text
    assert '"not done": 1' in as_json([area], results)
