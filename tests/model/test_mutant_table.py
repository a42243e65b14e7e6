"""Each of the mistakes can still be made: `python -m tests.model.mutants` plays them, which takes minutes."""

from pathlib import Path

import pytest

from engine.scripts import load_scripts
from tests.model.mutant_table import MUTANTS, Mutant
from tests.model.mutants import ROOT, write_mutant


def test_there_are_a_hundred_or_more_and_no_two_are_the_same() -> None:
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS) >= 100
    assert all(not mutant.tests or (ROOT / mutant.tests).is_file() for mutant in MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_the_mistake_changes_a_script(mutant: Mutant, tmp_path: Path) -> None:
    write_mutant(mutant, tmp_path / "lua")
    right, wrong = load_scripts(), load_scripts(tmp_path / "lua")
    assert right.keys() == wrong.keys()
    assert any(right[name].text != wrong[name].text for name in right)
