"""Every Lua command keeps the house's rules, and the gate that says so catches the ways of breaking them."""

import pytest

from engine.scripts import LUA_FOLDER, Script, load_scripts
from tests.unit.lua_gate import findings

SCRIPTS = load_scripts()
GOOD = """#!lua
--[[
good: does something well.
KEYS   1 meta 2 balances
ARGV   1 account
Reply  {"ok"} or {"rejected", why}
Event  none
Cost   O(1)
]]
local META, BALANCES = KEYS[1], KEYS[2]

local function commit_change(key, field)
  redis.call("HINCRBY", key, field, "1")
end

-- Read.
local time = redis.call("TIME")
local free = redis.call("HGET", BALANCES, ARGV[1])

-- Check.
if not free then return { "rejected", "INSUFFICIENT_BALANCE" } end

-- Write.
redis.call("HSET", META, "last_ms", time[1])
commit_change(BALANCES, ARGV[1])
return { "ok" }
"""


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


BAD = {
    "no shebang flag of ours": ("#!lua", "#!lua flags=no-cluster", "#!lua, with allow-oom"),
    "no contract": ("--[[\ngood: does", "--[[ good: does", "the second line opens the comment"),
    "another command's contract": ("good: does something", "better: does something", "begins with good:"),
    "no reply in the contract": ("Reply  ", "Answer ", "nothing about Reply"),
    "no event in the contract": ("Event  none\n", "", "nothing about Event"),
    "arguments used but not told": ("ARGV   1 account\n", "", "nothing about ARGV"),
    "a write among the reads": ("-- Check.", 'redis.call("HSET", META, "a", "1")\n-- Check.', "above `-- Write.`"),
    "a commit among the reads": ("-- Check.", "commit_change(META, ARGV[1])\n-- Check.", "above `-- Write.`"),
    "a write in a helper": ("commit_change", "change", "outside of commit_*"),
    "no line that says Write": ("-- Write.\n", "", "has a line `-- Write.`"),
    "a mark in a comment of another kind": ("-- Write.", "-- Writes follow.", "has a line `-- Write.`"),
    "a refusal after a write": ('return { "ok" }', 'return { "rejected", "NO" }', "a refusal below"),
    "an error after a write": ('return { "ok" }', 'error("too late")', "a refusal below"),
    "writes in a script without writes": ("#!lua", "#!lua flags=no-writes", "has no-writes and writes"),
    "a key made up": ('"HGET", BALANCES', '"HGET", BALANCES .. ":more"', "is no declared key"),
    "a key from an argument": ('"HGET", BALANCES', '"HGET", ARGV[1]', "is no declared key"),
    "a key in quotes": ('"HGET", BALANCES', '"HGET", "balances"', "is no declared key"),
    "a key of no origin": ('"HGET", BALANCES', '"HGET", somewhere', "is no declared key"),
    "a name for a key made up": ("= KEYS[1], KEYS[2]", '= KEYS[1], KEYS[2] .. "x"', "is no declared key"),
    "a parameter that is no key": ("commit_change(BALANCES,", "commit_change(ARGV[1],", "is no declared key"),
    "a second key of DEL made up": ("-- Write.", '-- Write.\nredis.call("DEL", META, "more")', "is no declared key"),
    "the clock read twice": ("-- Check.", 'local again = redis.call("TIME")\n-- Check.', "TIME is read in one place"),
    "tostring": ("time[1])", "tostring(time[1]))", "tostring loses digits"),
    "cjson": ("time[1])", "cjson.encode(time))", "cjson keeps 14 digits"),
    "os": ("-- Check.", "local now = os.time()\n-- Check.", "no os"),
    "pairs": ("-- Check.", "for a, b in pairs(time) do break end\n-- Check.", "pairs has no order"),
    "an endless loop": ("-- Check.", "while true do break end\n-- Check.", "a loop needs a limit"),
    "pcall": ('redis.call("HGET"', 'redis.pcall("HGET"', "an error must end the script"),
    "an unknown command": ('redis.call("HGET"', 'redis.call("HGETDEL"', "the command is a known one"),
    "a command from a variable": ('redis.call("HGET"', "redis.call(ARGV[1]", "the command is a known one"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_the_gate_catches(what: str) -> None:
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
