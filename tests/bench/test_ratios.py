"""The table of goals, and what is said about a figure."""

import json

import pytest
from rich.console import Console

from benchmarks.measure import QUICK, Run
from benchmarks.processes import BenchFailed
from benchmarks.ratios import GOALS, GOALS_BY_ID, Direction, Goal, Outcome, Unit
from benchmarks.report import as_json, as_table, environment


def test_a_stretch_goal_is_harder_than_its_goal():
    assert [goal.id for goal in GOALS] == [f"P{number}" for number in range(1, 14)]
    for goal in GOALS:
        assert goal.is_met_by(goal.stretch), goal.id
        assert goal.is_met_by(goal.goal), goal.id


@pytest.mark.parametrize(
    ("direction", "value", "is_met"),
    [
        (Direction.AT_LEAST, 0.749, False),
        (Direction.AT_LEAST, 0.75, True),
        (Direction.AT_LEAST, 2.0, True),
        (Direction.AT_MOST, 0.751, False),
        (Direction.AT_MOST, 0.75, True),
        (Direction.AT_MOST, 0.1, True),
    ],
)
def test_a_goal_is_met_on_its_own_side_and_when_equal(direction, value, is_met):
    goal = Goal("X", "a ratio", Unit.SHARE, direction, 0.75, 0.75)
    assert Outcome(goal, value).is_met is is_met


def test_what_could_not_be_measured_is_not_met():
    assert not Outcome(GOALS_BY_ID["P5"], problem="no server").is_met


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [(Unit.SHARE, 0.756, "76 %"), (Unit.TIMES, 2.345, "2.3x"), (Unit.BYTES, 414.3, "414 B")],
)
def test_values_are_written_in_their_unit(unit, value, text):
    assert unit.text(value) == text


def test_json_has_ratios_and_environment():
    good = Outcome(GOALS_BY_ID["P1"], 0.8, (0.7, 0.8, 0.9), {"script_orders_per_second": 30_000.0})
    bad = Outcome(GOALS_BY_ID["P10"], problem="channels-redis is not installed")
    written = json.loads(json.dumps(as_json([good, bad], environment(quick=True))))
    first, second = written["ratios"]
    assert {"id", "name", "value", "goal", "stretch", "met"} <= first.keys()
    assert (first["id"], first["value"], first["goal"], first["stretch"]) == ("P1", 0.8, 0.85, 0.85)
    assert first["absolutes"] == {"script_orders_per_second": 30_000.0}
    assert "problem" not in first
    assert (second["value"], second["met"]) == (None, False)
    assert second["problem"] == "channels-redis is not installed"
    where = written["environment"]
    assert where["cores"] >= 1
    assert len(where["load_average_before"]) == 3
    assert {"uvicorn", "hiredis", "redis"} <= where["versions"].keys()


def test_the_table_shows_figures_absolutes_and_problems():
    good = Outcome(GOALS_BY_ID["P5"], 414.0, (414.0,), {"Valkey 9.1.2 bytes": 414.0})
    bad = Outcome(GOALS_BY_ID["P10"], problem="channels-redis is not installed")
    console = Console(width=200)
    with console.capture() as captured:
        console.print(as_table([good, bad], environment(quick=True)))
    text = captured.get()
    for part in ("414 B", "≤ 450 B", "yes", "Valkey 9.1.2 bytes 414", "P10: channels-redis is not installed", "cores"):
        assert part in text


def test_a_measurement_that_fails_spoils_no_other(monkeypatch):
    def fail(*args: object, **options: object) -> None:
        raise BenchFailed("no such luck")

    told = []
    run = Run(QUICK, start_worker=fail, tell=lambda what, done, steps: told.append((what, done, steps)))
    monkeypatch.setattr("benchmarks.measure.measure_memory", fail)
    monkeypatch.setattr("benchmarks.measure.measure_http", fail)
    monkeypatch.setattr("benchmarks.measure.debian_server", lambda: None)
    outcomes = run.outcomes(["P7", "P5"])
    assert [(outcome.goal.id, outcome.value, outcome.problem) for outcome in outcomes] == [
        ("P5", None, "no such luck"),
        ("P7", None, "no such luck"),
    ]
    assert [done for _, done, _ in told] == [0, 0]
