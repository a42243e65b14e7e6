"""`manage.py storm`: a small one keeps the books right; one that finds something says so with its exit code."""

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from benchmarks.storm import Outcome, Plan, StormExchange
from benchmarks.storm_orders import MARKETS, Request, Storm, Symbol
from exchange_project.management.commands import storm as command
from tests.e2e.test_wrong_use import manage

PLACED = Request("POST", "/api/v1/order", b"{}", 0)


def test_a_small_storm_loses_no_atom(tmp_path: Path) -> None:
    words = ("--operations", "2000", "--clients", "4", "--workers", "2", "--audit-every", "250")
    code, said = manage("storm", *words, TMPDIR=str(tmp_path))
    assert code == 0, said
    seed = re.search(r"^seed (\d+)$", said, re.M)
    assert seed is not None
    print(f"seed {seed[1]}")
    audits = re.search(r"^(\d+) audits: 0 differences$", said, re.M)
    assert audits is not None, said
    assert int(audits[1]) == 9
    assert re.search(r"^2000 operations in [\d.]+ s, \d+ a second$", said, re.M)
    (answers,) = re.findall(r"^answers: (.*)$", said, re.M)
    counts = {name: int(count) for name, count in (each.rsplit(": ", 1) for each in answers.split(", "))}
    assert sum(counts.values()) == 2000
    assert counts["200"] > 500
    assert {"400 -2010", "400 -2011", "400 -1013", "400 -1100"} <= set(counts)
    assert not [name for name in counts if name.startswith(("5", "no answer"))]
    (kinds,) = re.findall(r"^orders accepted: (.*)$", said, re.M)
    assert kinds.count(":") == 7
    trades = re.search(r"^(\d+) trades$", said, re.M)
    assert trades is not None
    assert int(trades[1]) > 50
    assert list(tmp_path.iterdir()) == []  # the exchange's folder is gone


def test_the_same_seed_sends_the_same() -> None:
    symbols = [Symbol(*market) for market in MARKETS[:3]]

    def requests(seed: str) -> list[Request]:
        storm = Storm(seed, symbols, 20, frozenset(["/order/cancelReplace", "/orderList/oco"]))
        return [storm.next() for _ in range(300)]

    assert requests("7/1") == requests("7/1")
    assert requests("7/1") != requests("7/2")
    paths = {request.path.partition("?")[0] for request in requests("7/1")}
    assert {"/api/v1/order/cancelReplace", "/api/v1/orderList/oco", "/api/v1/withdraw"} <= paths


def _outcome(**more: object) -> Outcome:
    outcome = Outcome(audits=1, **more)  # type: ignore[arg-type]
    outcome.count(PLACED, 200, {"type": "LIMIT"})
    return outcome


def _failed() -> Outcome:
    outcome = _outcome()
    outcome.count(PLACED, 503, {"code": -1008})
    return outcome


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (_outcome(differences=["BTC: 1 atom too many"]), "BTC: 1 atom too many"),
        (_failed(), "POST /api/v1/order {}: 503"),
        (Outcome(), "0 audits"),
        (_outcome(), ""),
    ],
    ids=["difference", "5xx", "no audit", "good"],
)
def test_a_difference_or_a_5xx_is_an_exit_code(
    outcome: Outcome, found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_run", lambda plan, workers: outcome)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    if found:
        with pytest.raises(SystemExit) as ended:
            call_command("storm", seed=7)
        assert ended.value.code == 1
    else:
        call_command("storm", seed=7)
    said = capsys.readouterr().out
    assert "seed 7" in said
    assert found in said


@pytest.mark.parametrize("wrong", [{"symbols": 7}, {"operations": 0}, {"audit_every": -1}, {"workers": 0}])
def test_a_storm_that_cannot_be_is_refused_before_anything_starts(wrong: dict[str, int]) -> None:
    with pytest.raises(CommandError, match=f"--{next(iter(wrong)).replace('_', '-')} must be 1 to"):
        call_command("storm", **wrong)


def test_its_exchange_has_the_workers_it_was_asked_for() -> None:
    assert StormExchange(3)._command()[-2:] == ["--workers", "3"]
    assert Plan(1, 2, 3, 4, 5).clients == 2
