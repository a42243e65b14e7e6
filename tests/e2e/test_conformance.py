"""The whole table of documented rules against one exchange: the committed report is what comes of it, and each rule
that passes fails once the exchange answers wrongly.

The fact a newcomer would get wrong: when the report differs, the exchange's behaviour has changed or the table has.
`manage.py conformance --write docs/CONFORMANCE.md` writes it again; a drop of the passes is a mistake to be mended.
"""

import difflib
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from conformance.report import as_markdown, counted
from conformance.rules import Outcome, Verdict
from conformance.runner import Results, own_exchange, run
from conformance.table import AREAS
from conformance.transport import Answer, Wire

SURFACE_CODES = {  # those that widely used clients branch on
    -1000, -1001, -1003, -1006, -1007, -1008, -1013, -1015, -1021, -1022, -1100, -1102, -1104, -1106, -1111, -1115,
    -1116, -1117, -1120, -1121, -1125, -1128, -1130, -2010, -2011, -2013, -2014, -2015, -2021, -2022,
}  # fmt: skip
REPORT = Path(__file__).resolve().parents[2] / "docs" / "CONFORMANCE.md"


class Asked:
    """What each rule was told, in a run of the whole table."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self.answers: dict[str, int] = {}  # how many answers a rule got; names are those of _name
        self.codes: set[int] = set()  # with which something was refused over HTTP
        self._count = 0
        wire = Wire(url)
        wire.alter_answer = self._note
        self.results = run(AREAS, wire, token, self._next)

    def _note(self, answer: Answer) -> Answer:
        self._count += 1
        if isinstance(answer.body, dict):
            self.codes.add(answer.body.get("code", 0))
        return answer

    def _next(self, outcome: Outcome) -> None:
        self.answers[_name(outcome)], self._count = self._count, 0


def _name(outcome: Outcome) -> str:
    return f"{outcome.rule.name} ({outcome.rule.source})"


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with own_exchange() as (url, folder):
        yield Asked(url, (folder / "sim.token").read_text().strip())


def _passes(results: Results) -> set[str]:
    return {_name(outcome) for outcomes in results.values() for outcome in outcomes if outcome.verdict is Verdict.PASS}


@pytest.mark.timeout(300)
def test_the_exchange_does_what_the_committed_report_says(asked: Asked) -> None:
    committed, now = REPORT.read_text(), as_markdown(AREAS, asked.results)
    total = re.search(r"^\| \*\*all\*\* \| \d+ \| (\d+) \|", committed, re.M)
    assert total is not None
    passes = counted(outcome for outcomes in asked.results.values() for outcome in outcomes)[Verdict.PASS]
    changes = "\n".join(
        difflib.unified_diff(committed.splitlines(), now.splitlines(), "committed", "now", n=0, lineterm="")
    )
    assert passes >= int(total[1]), f"fewer rules pass than were committed:\n{changes}"
    assert not changes, f"run manage.py conformance --write docs/CONFORMANCE.md:\n{changes}"


@pytest.mark.timeout(300)
def test_every_code_that_clients_branch_on_was_answered(asked: Asked) -> None:
    assert SURFACE_CODES - asked.codes == set()


@pytest.mark.timeout(300)
def test_no_rule_passes_when_its_last_answer_is_something_else(asked: Asked) -> None:
    wrong = WrongInTheEnd(asked)
    blind = _passes(asked.results) & _passes(run(AREAS, wrong.wire, asked.token, wrong.next))
    assert not blind


def test_one_area_of_an_exchange_that_runs_as_json(asked: Asked, tmp_path: Path) -> None:
    token, report, out = tmp_path / "sim.token", tmp_path / "report.md", StringIO()
    token.write_text(asked.token)
    names = {"url": asked.url, "sim_token": token, "area": ["market"], "write": report, "json": True}
    call_command("conformance", stdout=out, **names)
    found = json.loads(out.getvalue())
    assert list(found["areas"]) == ["market"]
    assert found["counts"]["pass"] == len(_passes({"market": asked.results["market"]}))
    assert "## General endpoints, books and trades" in report.read_text()


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ({"area": ["nothing"]}, "--area knows no 'nothing'"),
        ({"url": "https://example.org"}, "is no address like http://127.0.0.1:8000"),
        ({"write": Path("nowhere/report.md")}, "is not a folder"),
        ({}, r"nothing could be asked: http://127.0.0.1:1: no answer \(ConnectionRefusedError\)"),
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, names: dict[str, object], complaint: str) -> None:
    token = tmp_path / "sim.token"
    token.write_text("token")
    with pytest.raises(CommandError, match=complaint):
        call_command("conformance", **{"sim_token": token, "url": "http://127.0.0.1:1"} | names)


class WrongInTheEnd:
    """An exchange that answers each rule's last question with something else, and sends empty frames."""

    def __init__(self, asked: Asked) -> None:
        self._left = [asked.answers[_name(outcome)] for outcomes in asked.results.values() for outcome in outcomes]
        self._count = 0
        self.wire = Wire(asked.url)
        self.wire.alter_answer = self._alter
        self.wire.alter_frame = lambda frame: {}
        self.wire.patience = 0.1

    def next(self, outcome: Outcome) -> None:
        """The next rule's answers are counted from here."""
        self._left.pop(0)
        self._count = 0

    def _alter(self, answer: Answer) -> Answer:
        self._count += 1
        return Answer(200, {"wrong": True}) if self._count >= self._left[0] else answer
