"""Who gets how many lots at a price level: the rules other than price-time, the exchange's own and a user's.

A rule is a Lua file that returns a function; its name is the file's. The fact a newcomer would get wrong: a user's rule
becomes part of the scripts that run inside Redis. It is read, compiled and tried out when a process starts, so that a
mistake stops the start and not an order; what it gives in earnest is checked again (lua/lib/rounds.lua).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PRICE_TIME = "price_time"  # the rule of a symbol that names none: part of the engine, no file
LUA_FOLDER = Path(__file__).parent / "lua"
LARGEST_FILE = 20_000  # characters
NAMES = frozenset(["ipairs", "math", "portion", "select", "table", "type"])
MEMBERS = {
    "math": frozenset(["abs", "ceil", "floor", "max", "min"]),
    "table": frozenset(["insert", "remove", "sort"]),
}
KEYWORDS = frozenset(
    [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not",
        "or", "repeat", "return", "then", "true", "until", "while",
    ]
)  # fmt: skip
FORBIDDEN = {
    r"\bwhile\b|\brepeat\b": "a loop needs a limit: use `for`",
    r"/": "a division gives parts of lots: use portion(lots, part, whole)",
    r"\^": "powers pass 2^53: stay with + - * and portion(lots, part, whole)",
    r"\d\.\d|\b\d+[eE]": "lots are whole numbers",
    r"(?<!:):(?!:)": "no methods: a rule needs no texts",
}
# What a rule is tried with: lots that the orders show, oldest first, and lots to share out, fewer than they show.
TRIALS: Sequence[tuple[Sequence[int], int]] = (
    ((7,), 3), ((5, 3, 2), 4), ((2, 3, 5), 9), ((1, 1, 1), 2), ((1,) * 50, 7), ((1, 1_000, 1), 1),
    ((10**15, 3, 4 * 10**15), 4 * 10**15),
)  # fmt: skip
TRIED_PERCENT = (0, 40, 100)
_COMMENT_OR_TEXT = re.compile(r"--\[\[.*?\]\]|--[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|\[\[.*?\]\]", re.S)
_NAME = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\s*\.\s*(\w+))?")
_NAMES = r"(\w+(?:[ \t]*,[ \t]*\w+)*)"
# What declares names, and from where on they are known: the end of what is matched.
_DECLARED = (
    rf"\blocal[ \t]+{_NAMES}[^\n]*", r"\blocal[ \t]+function[ \t]+(\w+)", r"\bfunction\b[^(\n]*\(([^)]*)\)",
    rf"\bfor[ \t]+{_NAMES}",
)  # fmt: skip

_own: dict[str, str] = {}


class RuleError(ValueError):
    """A user's rule cannot be used; says which file, where, why, and what to do."""


def use_rules_of(folder: Path | None) -> None:
    """From here on scripts know the rules of this folder too; None: no others than the exchange's. Raises RuleError."""
    rules = {} if folder is None else dict(_read_folder(folder))
    _own.clear()
    _own.update(rules)


def known_rules(folder: Path = LUA_FOLDER) -> dict[str, str]:
    """Name -> text of every rule but price-time, the exchange's own first, by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((folder / "rules").glob("*.lua"))} | _own


def branches(rules: Mapping[str, str]) -> list[str]:
    """The lines that find a rule by its name, for the line `--- @rules` in lua/lib/rules.lua."""
    lines: list[str] = []
    for name, text in rules.items():
        lines += [f'  if name == "{name}" then', *text.splitlines(), "  end"]
    return lines


def _read_folder(folder: Path) -> Iterator[tuple[str, str]]:
    if not folder.is_dir():
        raise RuleError(f"{folder} is no directory: matching rules are files *.lua in a directory")
    for path in sorted(folder.glob("*.lua")):
        name = path.stem
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise RuleError(f"{path}: a rule is called by small letters, digits and _, at most 40, like largest_first")
        if name == PRICE_TIME or (LUA_FOLDER / "rules" / path.name).exists():
            raise RuleError(f"{path}: {name} is a rule of the exchange already, choose another name")
        yield name, read_rule(path)


def read_rule(path: Path) -> str:
    """The text of a rule that has passed the gate and its trials. Raises RuleError."""
    text = path.read_text(encoding="utf-8")
    if len(text) > LARGEST_FILE:
        raise RuleError(f"{path}: longer than {LARGEST_FILE} characters")
    for position, what in _findings(text):
        raise RuleError(f"{path}:{text.count(chr(10), 0, position) + 1}: {what}")
    problem = _trial(path.stem, text)
    if problem:
        raise RuleError(f"{path}: {problem}")
    return text


def _findings(text: str) -> list[tuple[int, str]]:
    """What the gate says of a rule: (place in the text, sentence), in the order of the text."""
    code = _COMMENT_OR_TEXT.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    found = [(match.start(), why) for pattern, why in FORBIDDEN.items() for match in re.finditer(pattern, code)]
    declarations, known_from = _declared_names(code)
    for match in _NAME.finditer(code):
        name, member = match.groups()
        is_known = match.start() in declarations or match.start() >= known_from.get(name, len(code))
        if name in KEYWORDS or is_known or _is_key(code, match):
            continue
        if name not in NAMES:
            known = ", ".join(sorted(NAMES))
            found.append((match.start(1), f"{name} is not local: a rule may use what it declares, and {known}"))
        elif name in MEMBERS and member not in MEMBERS[name]:
            known = ", ".join(sorted(MEMBERS[name]))
            found.append((match.start(1), f"{name}.{member or ''} is not for rules: of {name} there are {known}"))
    return sorted(found)


def _declared_names(code: str) -> tuple[set[int], dict[str, int]]:
    """Where names are declared, and from which place in the code on each is known."""
    places, known_from = set[int](), dict[str, int]()
    for pattern in _DECLARED:
        for match in re.finditer(pattern, code):
            for name in re.finditer(r"\w+", match.group(1)):
                if name.group() not in KEYWORDS:
                    places.add(match.start(1) + name.start())
                    known_from[name.group()] = min(known_from.get(name.group(), len(code)), match.end())
    return places, known_from


def _is_key(code: str, match: re.Match[str]) -> bool:
    """A name that is a key in a table: { price = 1 }."""
    is_inside = code.count("{", 0, match.start()) > code.count("}", 0, match.start())
    return is_inside and re.match(r"\s*=(?!=)", code[match.end() :]) is not None


def _trial(name: str, text: str) -> str | None:
    """What happens when Lua compiles the rule and it shares out a few rounds; None when all is well."""
    import lupa.lua51 as lupa  # type: ignore[import-untyped]  # here: it comes with fakeredis, and only who has rules of their own needs it

    runtime = lupa.LuaRuntime(register_eval=False, register_builtins=False)
    pieces = [(LUA_FOLDER / "lib" / f"{piece}.lua").read_text(encoding="utf-8") for piece in ("number", "rules")]
    pieces[1] = "\n".join(branches({name: text})).join(pieces[1].split("--- @rules"))
    try:
        runtime.compile(text, name=f"@{name}.lua")
        allocate = runtime.execute("\n".join([*pieces, "return matching_rule"]))(name)
        if lupa.lua_type(allocate) != "function":
            return "must end with `return` and the function that shares out lots"
        for percent in TRIED_PERCENT:
            for shown, lots in TRIALS:
                if problem := _problem_of(allocate(runtime.table_from(shown), lots, percent), shown, lots):
                    orders = ", ".join(map(str, shown))
                    return f"of {lots} lots for orders that show {orders} (percent {percent}) it {problem}"
    except lupa.LuaError as error:
        return f"Lua says: {error}"
    return None


def _problem_of(fills: Any, shown: Sequence[int], lots: int) -> str | None:
    """As in lua/lib/rounds.lua: what the engine would refuse."""
    try:
        given = [(fill[1], fill[2]) for fill in fills.values()]
    except (AttributeError, TypeError, KeyError):
        return "gave no list of {place, lots}"
    for place, share in given:
        if not isinstance(place, int) or not 1 <= place <= len(shown):
            return f"gave an entry for the place {place}, which is none of 1 to {len(shown)}"
        if not isinstance(share, int) or not 1 <= share <= shown[place - 1]:
            return f"gave place {place} {share} lots, {shown[place - 1]} are shown there"
    if len({place for place, _ in given}) < len(given):
        return "gave a place twice"
    total = sum(share for _, share in given)
    return None if total == lots else f"gave {total} lots in all"
