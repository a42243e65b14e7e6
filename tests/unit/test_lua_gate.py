"""Every Lua command keeps the house's rules, and the gate that says so catches the ways of breaking them."""

import pytest

from engine.scripts import LUA_FOLDER, Script, load_scripts
from tests.unit.bad_lua import BAD, GOOD
from tests.unit.lua_gate import findings

SCRIPTS = load_scripts()


def judge(text: str) -> list[str]:
    return findings(Script(name="good", text=text, sha="", is_read_only="no-writes" in text.partition("\n")[0]))


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_command_keeps_the_rules(name: str) -> None:
    assert findings(SCRIPTS[name]) == []


def test_no_line_of_lua_is_longer_than_one_of_python() -> None:
    sources = sorted(LUA_FOLDER.rglob("*.lua"))
    lines = [(path.name, line) for path in sources for line in path.read_text().splitlines()]
    assert [(name, line) for name, line in lines if len(line) > 120] == []


def test_the_good_example_is_good() -> None:
    assert judge(GOOD) == []


@pytest.mark.parametrize("what", BAD)
def test_the_gate_catches(what: str) -> None:
    """Each for its own reason: the finding says what is wrong."""
    good, bad, finding = BAD[what]
    assert good in GOOD
    found = judge(GOOD.replace(good, bad))
    assert any(finding in line for line in found), found


def test_a_script_that_only_reads_says_so() -> None:
    reads_only = GOOD.partition("-- Write.")[0].replace('  redis.call("HINCRBY", key, field, "1")\n', "")
    assert judge(reads_only) == ["good:1: the script writes nothing: say no-writes"]
    assert judge(reads_only.replace("#!lua", "#!lua flags=no-writes")) == []


def test_words_in_strings_and_comments_are_no_findings() -> None:
    harmless = '-- tostring, os.time() and pairs() are not used here.\nlocal text = "cjson"\n-- Check.'
    assert judge(GOOD.replace("-- Check.", harmless)) == []
