"""docs/PERFORMANCE.md: its tables are written anew, its sentences stay, and it has a place for every table."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from benchmarks import document
from benchmarks.peers import Peer
from benchmarks.processes import BenchFailed
from benchmarks.ratios import GOALS_BY_ID, Outcome
from benchmarks.report import environment
from benchmarks.sections import SECTIONS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/PERFORMANCE.md"
WHERE = environment(quick=True) | {"load_average_before": [0.1, 0.1, 0.1]}


def test_the_document_has_a_place_for_every_section() -> None:
    text = document.rewrite(DOCUMENT.read_text(), {name: f"| {name} |" for name in SECTIONS})
    for name in SECTIONS:
        assert f"<!-- begin {name} -->\n\n| {name} |\n\n<!-- end {name} -->" in text


def test_a_table_replaces_the_one_before_and_nothing_else() -> None:
    text = "before\n<!-- begin a -->\nold\n<!-- end a -->\nbetween\n<!-- begin b -->\nkept\n<!-- end b -->\n"
    once = document.rewrite(text, {"a": r"new \1"})
    assert once == (
        "before\n<!-- begin a -->\n\nnew \\1\n\n<!-- end a -->\nbetween\n<!-- begin b -->\nkept\n<!-- end b -->\n"
    )
    assert document.rewrite(once, {"a": r"new \1"}) == once


@pytest.mark.parametrize("text", ["nothing", "<!-- begin a -->\n<!-- end a -->\n" * 2, "<!-- begin a -->\n"])
def test_a_document_without_a_single_place_is_refused(text: str) -> None:
    with pytest.raises(BenchFailed, match="no single place for a: <!-- begin a -->"):
        document.rewrite(text, {"a": "table"})


def test_a_busy_machine_and_a_quick_run_are_told_beside_the_table() -> None:
    outcomes = [Outcome(GOALS_BY_ID["P2"], 5.0, (5.0,), {"order_server_cpu_us": 40.0})]
    quiet = document.ratios(outcomes, WHERE)
    assert "| P2 |" in quiet
    assert "| 5.0x | ≤ 4.5x | 4.5x | **no** |" in quiet
    assert "* P2: order server cpu us 40.0" in quiet
    assert "Quick run" in quiet
    assert "busy" not in quiet
    assert "busy" in document.ratios(outcomes, WHERE | {"load_average_before": [50.0, 0.1, 0.1]})


def test_a_peer_that_is_not_there_says_so_in_its_row() -> None:
    assert "| mockexchange | not installed | - | - | - | - | - | - |" in document.peers(
        [Peer("mockexchange", "", problem="not installed")], WHERE
    )


def test_what_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    file = tmp_path / "other.md"
    file.write_text("no places\n")
    for options, words in (
        ({"write": file}, "no single place for ratios"),
        ({"write": file, "growth": True}, "no single place for growth"),
        ({"write": DOCUMENT, "only": "P1"}, "--only and --write"),
        ({"write": tmp_path / "none.md"}, "cannot be rewritten"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("bench", **options)
    assert file.read_text() == "no places\n"
