"""Rules of a user's own: what the gate refuses at the start and how it says so, and shares that are exact."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from engine import matching_rules
from engine.matching_rules import RuleError, known_rules, use_rules_of
from engine.scripts import LUA_FOLDER, Script, load_scripts
from tests.unit.lua_gate import FORBIDDEN, findings

ROOT = Path(__file__).resolve().parents[2]
GOOD = """-- mine: the oldest first, and each only half of what is wanted while others stand behind.
local function allocate(shown, lots, percent)
  local fills, left = {}, lots
  for place, own in ipairs(shown) do
    local share = math.min(own, left)
    left = left - share
    if share > 0 then table.insert(fills, { place, share }) end
  end
  return fills
end
return allocate
"""
BAD = {
    "Redis": ("local fills", 'redis.call("FLUSHALL")\n  local fills', "3: redis is not local"),
    "a global": ("local share", "share", "5: share is not local"),
    "a global function": ("local function allocate", "function allocate", "2: allocate is not local"),
    "a name of the engine": ("local fills, left", "local keys = KEYS\n  local fills, left", "3: KEYS is not local"),
    "its own name for a global": ("local fills, left", "local redis = redis\n  local fills, left", "3: redis is not"),
    "chance": ("math.min(own, left)", "math.random(own)", "5: math.random is not for rules"),
    "a whole library": ("local fills,", "local m = math\n  local fills,", "3: math. is not for rules"),
    "time": ("local fills", "local now = os.time()\n  local fills", "3: os is not local"),
    "another text's code": ("local fills", 'loadstring("x")()\n  local fills', "3: loadstring is not local"),
    "an endless loop": ("for place, own in ipairs(shown) do", "while left > 0 do", "4: a loop needs a limit"),
    "another": ("return fills", "repeat left = 0 until left == 0\n  return fills", "9: a loop needs a limit"),
    "parts of lots": ("math.min(own, left)", "math.min(own, left / 2)", "5: a division gives parts of lots"),
    "numbers with a point": ("math.min(own, left)", "math.min(own, left * 0.5)", "5: lots are whole numbers"),
    "numbers with an exponent": ("math.min(own, left)", "math.min(own, 1e9)", "5: lots are whole numbers"),
    "powers": ("math.min(own, left)", "math.min(own, left ^ 2)", "5: powers pass 2^53"),
    "methods": ("return fills", "local x = fills:sort()\n  return fills", "9: no methods"),
    "no order": ("in ipairs(shown)", "in pairs(shown)", "4: pairs is not local"),
    "no Lua": ("  return fills\nend", "  return fills", "Lua says: "),
    "no function": ("return allocate", "return 1", "must end with `return` and the function"),
    "nothing": ("return allocate", "", "must end with `return` and the function"),
    "an error": ("local fills, left = {}, lots", "local fills, left = {}, shown.none.lots", "Lua says: "),
    "too little": ("local fills, left = {}, lots", "local fills, left = {}, lots - 1", "it gave 2 lots in all"),
    "none at all": ("return fills", "return nil", "it gave no list of {place, lots}"),
    "more than shown": ("math.min(own, left)", "left", "it gave place 1 9 lots, 2 are shown there"),
    "a place too far": ("{ place, share }", "{ place + 1, share }", "place 2, which is none of 1 to 1"),
    "too long": ("-- mine", "-- " + "mine" * 5_000, "longer than 20000 characters"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_rules_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching_rules, "_own", {})


def test_a_good_rule_is_known_after_the_exchanges_own(tmp_path: Path) -> None:
    (tmp_path / "mine.lua").write_text(GOOD)
    use_rules_of(tmp_path)
    assert list(known_rules()) == ["price_time_pro_rata", "pro_rata", "mine"]
    use_rules_of(None)
    assert list(known_rules()) == ["price_time_pro_rata", "pro_rata"]


@pytest.mark.parametrize("what", BAD)
def test_the_gate_refuses(tmp_path: Path, what: str) -> None:
    good, bad, expected = BAD[what]
    assert GOOD.count(good) >= 1
    path = tmp_path / "mine.lua"
    path.write_text(GOOD.replace(good, bad, 1))
    with pytest.raises(RuleError) as caught:
        use_rules_of(tmp_path)
    assert str(caught.value).startswith(f"{path}:")
    assert expected in str(caught.value)
    assert "mine" not in known_rules(), "what was in force before stays so"


@pytest.mark.parametrize("name", ["price_time", "pro_rata", "Mine", "my-rule", "1st", "a" * 41])
def test_names_that_a_rule_cannot_have(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.lua").write_text(GOOD)
    with pytest.raises(RuleError, match=r"choose another name|small letters"):
        use_rules_of(tmp_path)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="is no directory"):
        use_rules_of(tmp_path / "nowhere")


def test_the_exchanges_own_rules_pass_the_gate_that_others_must() -> None:
    for path in sorted((LUA_FOLDER / "rules").glob("*.lua")):
        assert matching_rules.read_rule(path)


def test_scripts_with_an_own_rule_pass_the_gate_of_all_scripts(tmp_path: Path) -> None:
    (tmp_path / "mine.lua").write_text(GOOD)
    use_rules_of(tmp_path)
    script = load_scripts()["place_order"]
    assert 'if name == "mine" then' in script.text
    assert findings(script) == []


def test_what_no_script_may_use_no_rule_may_use(tmp_path: Path) -> None:
    """The gate of all scripts refuses names; that of rules allows names: none of them is refused there."""
    allowed = [f"{name}." for name in matching_rules.NAMES] + [
        f"{name}.{member}(" for name, members in matching_rules.MEMBERS.items() for member in members
    ]
    for words in allowed:
        header = "#!lua flags=no-writes\n--[[\nit: x\nKEYS   none\nReply  none\nCost   none\n]]\n"
        found = findings(Script(name="it", text=f"{header}local a = {words}", sha="", is_read_only=True))
        assert not [line for line in found if any(why in line for why in FORBIDDEN.values())], words


def test_portions_are_exact_up_to_2_to_the_53() -> None:
    import lupa.lua51 as lupa

    runtime, random = lupa.LuaRuntime(), Random(53)
    numbers, rules = [(LUA_FOLDER / "lib" / f"{name}.lua").read_text() for name in ("number", "rules")]
    rule = "if name == 'portion' then return portion end"
    portion = runtime.execute(f"{numbers}\n{rules.replace('--- @rules', rule)}\nreturn matching_rule('portion')")
    for bits in (4, 20, 27, 40, 53):
        for _ in range(400):
            whole = random.randint(1, 2**bits - 1)
            part, lots = random.randint(0, whole), random.randint(0, 2 ** random.choice((bits, 53)) - 1)
            assert portion(lots, part, whole) == lots * part // whole, (lots, part, whole)
    most = 2**53 - 1
    assert portion(most, most, most) == most
    assert portion(most - 1, most - 1, most) == (most - 1) ** 2 // most


def test_a_mistake_in_a_rule_ends_the_start_with_the_file_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "mine.lua").write_text(GOOD.replace("math.min(own, left)", "left / 2"))
    command = [sys.executable, "manage.py", "check"]
    environment = {"EXCHANGE_MATCHING_RULES_DIR": str(tmp_path), "EXCHANGE_NO_BOOTSTRAP": "1", "PATH": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"EXCHANGE_MATCHING_RULES_DIR: {tmp_path}/mine.lua:5: a division gives parts of lots" in done.stderr
