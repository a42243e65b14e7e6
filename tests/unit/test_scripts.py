"""Putting Lua commands together: what is spliced where, and which mistakes stop the start."""

import hashlib
import re
from pathlib import Path

import pytest

from engine.scripts import LUA_FOLDER, Script, ScriptError, load_scripts


def written(folder: Path, **sources: str) -> Path:
    """The folder with `sources` in it; `lib__a` is lib/a.lua."""
    (folder / "lib").mkdir()
    for name, text in sources.items():
        (folder / f"{name.replace('__', '/')}.lua").write_text(text)
    return folder


def only(folder: Path) -> Script:
    (script,) = load_scripts(folder).values()
    return script


def code_lines(script: Script) -> list[str]:
    return [line for line in script.text.splitlines() if not line.startswith("---")]


def test_a_command_without_pieces_is_taken_as_it_is(tmp_path: Path) -> None:
    text = "#!lua flags=no-writes\n-- reads nothing\nreturn 1\n"
    script = only(written(tmp_path, read_nothing=text))
    assert script == Script("read_nothing", text, hashlib.sha1(text.encode()).hexdigest(), is_read_only=True)


@pytest.mark.parametrize(
    ("shebang", "is_read_only"),
    [
        ("#!lua", False),
        ("#!lua flags=allow-oom", False),
        ("#!lua flags=no-writes,allow-stale", True),
    ],
)
def test_flags_say_whether_a_command_only_reads(tmp_path: Path, shebang: str, is_read_only: bool) -> None:
    script = only(written(tmp_path, command=f"{shebang}\nreturn 'no-writes'\n"))
    assert script.is_read_only is is_read_only
    assert script.text.splitlines()[0] == shebang


def test_a_piece_stands_where_it_is_first_included_and_only_there(tmp_path: Path) -> None:
    include = '--- @include "lib/one"'
    folder = written(
        tmp_path, command=f"#!lua\n{include}\nlocal a\n{include}\nreturn one\n", lib__one="local one = 1\n"
    )
    assert code_lines(only(folder)) == ["#!lua", "local one = 1", "local a", "return one"]


def test_pieces_include_pieces_and_a_shared_one_comes_once_before_its_users(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        command='#!lua\n--- @include "lib/left"\n--- @include "lib/right"\nreturn 0\n',
        lib__left='--- @include "lib/base"\nlocal left = base\n',
        lib__right='--- @include "lib/base"\nlocal right = base\n',
        lib__base="local base = 1\n",
    )
    assert code_lines(only(folder)) == [
        "#!lua",
        "local base = 1",
        "local left = base",
        "local right = base",
        "return 0",
    ]


def test_each_command_gets_its_own_copy(tmp_path: Path) -> None:
    command = '#!lua\n--- @include "lib/one"\n'
    scripts = load_scripts(written(tmp_path, first=command, second=command, lib__one="local one\n"))
    assert list(scripts) == ["first", "second"]
    assert all(script.text.count("local one") == 1 for script in scripts.values())


INCLUDE_A, INCLUDE_B = '--- @include "lib/a"\n', '--- @include "lib/b"\n'


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"c": f"#!lua\n\n{INCLUDE_A}"}, "c.lua:3: there is no piece lib/a.lua"),
        (
            {"c": f"#!lua\n{INCLUDE_A}", "lib__a": f"\n{INCLUDE_B}"},
            "lib/a.lua:2: there is no piece lib/b.lua",
        ),
        ({"c": f"#!lua\n{INCLUDE_A}", "lib__a": INCLUDE_A}, "lib/a.lua:1: lib/a includes itself: lib/a -> lib/a"),
        (
            {"c": f"#!lua\n{INCLUDE_A}", "lib__a": INCLUDE_B, "lib__b": f"local b\n{INCLUDE_A}"},
            "lib/b.lua:2: lib/a includes itself: lib/a -> lib/b -> lib/a",
        ),
        ({"c": "return 1\n"}, "c.lua:1: a command begins with"),
        ({"c": ""}, "c.lua:1: a command begins with"),
        ({"c": "#!/usr/bin/lua\n"}, "c.lua:1: a command begins with"),
        ({"c": "#!lua flags=no-write\n"}, "c.lua:1: unknown flag no-write"),
        ({"c": f"#!lua\n{INCLUDE_A}", "lib__a": "#!lua\nlocal a\n"}, "lib/a.lua:1: only a command's first line"),
        ({"c": "#!lua\n--- @include lib/a\n"}, "c.lua:2: cannot read this include"),
        ({"c": '#!lua\n-- @include "lib/a"\n'}, "c.lua:2: cannot read this include"),
        ({"c": '#!lua\n--- @include "../secret"\n'}, "c.lua:2: cannot read this include"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(tmp_path: Path, sources: dict[str, str], message: str) -> None:
    with pytest.raises(ScriptError, match=f"^{re.escape(message)}"):
        load_scripts(written(tmp_path, **sources))


def test_the_exchange_s_own_commands_go_together() -> None:
    scripts = load_scripts()
    assert scripts.keys() == {path.stem for path in LUA_FOLDER.glob("*.lua")}
    assert {name for name, script in scripts.items() if name.startswith("read_") != script.is_read_only} == set()
