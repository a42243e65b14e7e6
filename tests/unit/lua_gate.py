"""Reads a spliced Lua command and finds what the house forbids: writes too early, keys made up, numbers through the
wrong door. It reads tokens, not Lua's whole grammar: enough for the plain style of these scripts.

The fact a newcomer would get wrong: the gate judges a script as Redis gets it, with its pieces spliced in. A scope is
the main chunk or one named function; a `-- Write.` line counts for the scope it stands in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.scripts import Script
from tests.unit.lua_names import undeclared_names
from tests.unit.lua_numbers import concatenated, is_number, number_fields

READS = frozenset(
    [
        "EXISTS",
        "GET",
        "HEXISTS",
        "HGET",
        "HGETALL",
        "HLEN",
        "HMGET",
        "HSCAN",
        "HVALS",
        "LINDEX",
        "LLEN",
        "LRANGE",
        "SMEMBERS",
        "TIME",
        "XRANGE",
        "XREVRANGE",
        "ZCARD",
        "ZLEXCOUNT",
        "ZRANGE",
        "ZRANGEBYLEX",
        "ZSCORE",
    ]
)
WRITES = frozenset(
    [
        "DEL",
        "HDEL",
        "HINCRBY",
        "HSET",
        "LPOP",
        "LPUSH",
        "LREM",
        "PEXPIRE",
        "RPUSH",
        "SADD",
        "SET",
        "SREM",
        "XADD",
        "XTRIM",
        "ZADD",
        "ZREM",
        "ZREMRANGEBYSCORE",
    ]
)
KEY_FIELDS = frozenset(["book", "levels", "tape", "key"])  # of a side of the book, and of a ledger
FORBIDDEN = {
    r"\btostring\b": "tostring loses digits: use int()",
    r"\bcjson\b": "cjson keeps 14 digits",
    r"\bcmsgpack\b": "no cmsgpack: records are text",
    r"\bos\s*\.": "no os: time comes from the venue's clock",
    r"\bio\s*\.": "no io",
    r"\bmath\.random": "chance has no place here",
    r"\bloadstring\b": "no code from text",
    r"(?<!i)\bpairs\s*\(": "pairs has no order: use ipairs",
    r"\bin\s+next\b": "next has no order: use ipairs",
    r"\bwhile\s+(?:true|1|not\s+(?:false|nil))\b": "a loop needs a limit",
    r"\brepeat\b": "a loop needs a limit: say for how often with for, or what becomes less with while",
    r"\bmath\.huge\b": "a loop needs a limit, and so does a number",
    r"\btonumber\s*\(\s*ARGV\b": "tonumber takes 0x10, 1e3 and nan: use whole()",
    r"\bredis\.pcall\b": "an error must end the script, before its first write",
    r"\bredis\b(?!\.p?call\s*\()": "redis.call is called by its name, and nothing else of redis is used",
    r"(?<!#)\bKEYS\b(?!\[)": "a key is KEYS[i]: the table itself is handed to nobody",
}
MOST_LOCALS = 188
KEPT_TABLES = ("RULES",)  # what a text says, kept beside that text
NAME_KEYS = ("read_fields", "read_tape_market")  # functions that say for each call what the key names mean
FORMATS = frozenset(["%d", "%016d"])  # of numbers; %s and %g lose digits as tostring does
_TOKEN = re.compile(r"--\[\[.*?\]\]|--[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\b[A-Za-z_]\w*\b", re.S)
_SIGNATURE = re.compile(r"function\s*(\w*)\s*\(([^)]*)\)")
_KEY = re.compile(r"KEYS\[[\w +*()-]+\]")
_MARK = re.compile(r"^\s*-- Write\.", re.M)


@dataclass
class Scope:
    """The main chunk (name "") or a named function; anonymous ones belong to the scope around them."""

    name: str
    parameters: list[str] = field(default_factory=list)
    start: int = 0
    end: int = 0
    write_mark: int | None = None


@dataclass
class Call:
    name: str  # of the function; "redis.call" too
    arguments: list[str]
    position: int
    scope: Scope


class Source:
    """A script with its comments blanked, its scopes and its calls."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.code = _blank_comments(text)
        self.scopes = _scopes(self.code)
        for scope in self.scopes:
            marks = [mark.start() for mark in _MARK.finditer(text) if self.scope_at(mark.start()) is scope]
            scope.write_mark = marks[0] if marks else None
        self.calls = list(self._calls())
        self.assignments = list(self._assignments())

    def scope_at(self, position: int) -> Scope:
        inside = [scope for scope in self.scopes if scope.start <= position < scope.end]
        return max(inside, key=lambda scope: scope.start)

    def line(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1

    def _calls(self) -> Iterator[Call]:
        for match in re.finditer(r"(redis\.call|\b\w+)\s*\(", self.code):
            if self.code[: match.start()].rstrip().endswith("function"):
                continue  # its own definition
            arguments = _split_arguments(self.code, match.end())
            yield Call(match.group(1), arguments, match.start(), self.scope_at(match.start()))

    def _assignments(self) -> Iterator[tuple[list[str], list[str], int]]:
        """(names, values, position) of every line that gives names values."""
        position = 0
        for line in self.code.splitlines(keepends=True):
            left, is_given, right = line.partition(" = ")
            if is_given:
                names = left.rpartition(" then ")[2].strip().removeprefix("local ").split(",")
                values = _split_arguments(right.rstrip().removesuffix(" end") + ")", 0)
                yield [name.strip() for name in names], values, position
            position += len(line)


def findings(script: Script) -> list[str]:
    """Sentences "<script>:<line>: <what is wrong>", none for a good script."""
    source = Source(script.text)
    found = [
        *_header_findings(script),
        *_word_findings(source),
        *_write_findings(script, source),
        *_key_findings(source),
        *_name_findings(script, source),
        *_number_findings(source),
        *_recursion_findings(source),
        *_kept_findings(script, source),
    ]
    return [f"{script.name}:{source.line(position)}: {what}" for position, what in sorted(found)]


Finding = tuple[int, str]


def _header_findings(script: Script) -> Iterator[Finding]:
    first, _, rest = script.text.partition("\n")
    if not re.fullmatch(r"#!lua( flags=(allow-oom|no-writes))?", first):
        yield 0, "the first line is #!lua, with allow-oom, no-writes or no flag"
    header = re.match(r"--\[\[\n(.*?)\n\]\]", rest, re.S)
    if header is None:
        yield 0, "the second line opens the comment that is the command's contract"
        return
    lines = header.group(1).splitlines()
    if not lines[0].startswith(f"{script.name}: "):
        yield 0, f"the contract begins with {script.name}: and what it does"
    wanted = ["KEYS", "Reply", "Cost"]
    wanted += ["ARGV"] if "ARGV" in _blank_comments(script.text) else []
    wanted += [] if script.is_read_only else ["Event"]
    for word in wanted:
        if not any(line.startswith(f"{word} ") for line in lines):
            yield 0, f"the contract says nothing about {word}"


def _word_findings(source: Source) -> Iterator[Finding]:
    code = _blank_strings(source.code)
    for pattern, why in FORBIDDEN.items():
        for match in re.finditer(pattern, code):
            yield match.start(), why
    clocks = [call for call in source.calls if call.name == "redis.call" and call.arguments[0] == '"TIME"']
    for call in clocks[1:]:
        yield call.position, "TIME is read in one place: the clock may move between two readings"


def _write_findings(script: Script, source: Source) -> Iterator[Finding]:
    main, writes = source.scopes[0], [call for call in source.calls if _is_write(call)]
    for call in source.calls:
        if call.name == "redis.call":
            yield from _command_findings(call)
    for call in writes:
        if call.scope.write_mark is None or call.position < call.scope.write_mark:
            yield call.position, f"{call.name} {call.arguments[:1]} writes above `-- Write.` and outside of commit_*"
    if writes and script.is_read_only:
        yield writes[0].position, "the script has no-writes and writes"
    if not writes and not script.is_read_only:
        yield 0, "the script writes nothing: say no-writes"
    if writes and main.write_mark is None:
        yield 0, "a script that writes has a line `-- Write.`"
    for scope in source.scopes:
        yield from _refusals_below(source, scope)


def _name_findings(script: Script, source: Source) -> Iterator[Finding]:
    first, _, rest = script.text.partition("\n")
    names, locals_of_main = undeclared_names(rest)
    for name, position in names:
        yield position + len(first) + 1, f"{name} is declared nowhere"
    if locals_of_main > MOST_LOCALS:
        yield 0, f"{locals_of_main} locals of the main chunk: Lua compiles 200, and its loops need some"


def _number_findings(source: Source) -> Iterator[Finding]:
    """Numbers that would become text by themselves, and formats that are not int()'s."""
    fields = number_fields(source.code)
    texts = [(operand, position, "stands beside ..: use int()") for operand, position in concatenated(source.code)]
    for call in source.calls:
        if call.name == "redis.call" and call.arguments[0].strip('"') in WRITES:
            texts += [(one, call.position, "is written as it is: use int()") for one in call.arguments[2:]]
    for text, position, why in texts:
        scope = source.scope_at(position)
        values = _assigned_values(source, scope, text) if re.fullmatch(r"[A-Za-z_]\w*", text) else []
        field_name = text.rpartition(".")[2] if re.fullmatch(r"[\w.]+\.[A-Za-z_]\w*", text) else ""
        if is_number(text, values) or field_name in fields:
            yield position, f"the number {text} {why}"
    for match in re.finditer(r"\bstring\.format\(([^,]*),", source.code):
        if match.group(1).strip().strip("\"'") not in FORMATS:
            yield match.start(), f"string.format({match.group(1)}): numbers become text by int()"


def _recursion_findings(source: Source) -> Iterator[Finding]:
    """A function that reaches itself is a loop without a limit."""
    names = {scope.name for scope in source.scopes[1:]}
    reached = {name: {call.name for call in source.calls if call.scope.name == name} & names for name in names}
    for name in names:
        found, waiting = set[str](), set(reached[name])
        while waiting:
            found |= waiting
            waiting = {further for one in waiting for further in reached[one]} - found
        if name in found:
            start = next(scope.start for scope in source.scopes if scope.name == name)
            yield start, f"{name} calls itself: a loop needs a limit"


def _command_findings(call: Call) -> Iterator[Finding]:
    command = call.arguments[0]
    if command.strip('"') in READS | WRITES and command.startswith('"'):
        return
    if not (command in call.scope.parameters and call.scope.name.startswith("commit_")):
        yield call.position, f"redis.call({command}, ...): the command is a known one, in quotes"


def _is_write(call: Call) -> bool:
    """Whether the call writes, or has a commit_* write; inside of commit_* nobody asks, who calls that is asked."""
    if call.scope.name.startswith("commit_"):
        return False
    if call.name != "redis.call":
        return call.name.startswith("commit_")
    command = call.arguments[0]
    return not command.startswith('"') or command.strip('"') in WRITES


def _refusals_below(source: Source, scope: Scope) -> Iterator[Finding]:
    """Below the mark of a scope nothing refuses; in a commit_* without one nothing behind its own first write does."""
    written = [call.position for call in source.calls if call.scope is scope and _writes_itself(call)]
    mark = scope.write_mark if scope.write_mark is not None else min(written, default=None)
    for match in re.finditer(r'"(?:rejected|stale|pending)"\s*}|"rejected"\s*,|\b(?:broken|error)\s*\(', source.code):
        if mark is not None and match.start() > mark and source.scope_at(match.start()) is scope:
            yield match.start(), "a refusal below `-- Write.`" if scope.write_mark else "a refusal behind a write"


def _writes_itself(call: Call) -> bool:
    return call.name == "redis.call" and call.arguments[0].strip('"') in WRITES


def _key_findings(source: Source) -> Iterator[Finding]:
    """A key is KEYS[i], a name for it, a field that holds one, or a parameter that is one at every call."""
    key_parameters: set[tuple[str, int]] = set()  # (function, which of its parameters)
    checked: set[tuple[str, int]] = set()
    for call in source.calls:
        if call.name == "redis.call" and call.arguments[0] != '"TIME"':
            keys = call.arguments[1:] if call.arguments[0] == '"DEL"' else call.arguments[1:2]
            for key in keys or [""]:
                yield from _judge_key(source, call, key, key_parameters)
    for scope in source.scopes:
        body = source.code[scope.start : scope.end]
        for name in re.findall(r"\bkey = (\w+)", body):
            if name in scope.parameters:
                key_parameters.add((scope.name, scope.parameters.index(name)))
    while key_parameters - checked:
        function, index = (key_parameters - checked).pop()
        checked.add((function, index))
        for call in source.calls:
            if call.name == function:
                key = call.arguments[index] if index < len(call.arguments) else ""
                yield from _judge_key(source, call, key, key_parameters)


def _kept_findings(script: Script, source: Source) -> Iterator[Finding]:
    """What stands above `-- Read.` is built once and called many times: it keeps nothing of one call for the next."""
    main, body = source.scopes[0], re.search(r"^-- Read[ .]", script.text, re.M)
    if body is None:
        yield 0, "a script has a line `-- Read.`: what stands above it is built once"
        return
    above = source.code[: body.start()]
    for match in re.finditer(r"\b(?:KEYS|ARGV)\[|\bredis\.call\(", above):
        if source.scope_at(match.start()) is main:
            yield match.start(), "the call's words are not known above `-- Read.`, outside of functions"
    kept = set()
    for match in re.finditer(r"^local ([A-Za-z_][\w, \n]*?)(?: =|$)", above, re.M):
        if source.scope_at(match.start()) is main:
            kept.update(name.strip() for name in match.group(1).split(","))
    for names, _, position in source.assignments:
        scope = source.scope_at(position)
        if scope is main or position >= body.start() or scope.name in NAME_KEYS:
            continue
        if "local " in source.code[position : source.code.index("=", position)]:
            continue
        within = source.code[scope.start : scope.end]
        tables = {name.partition("[")[0] for name in names if "[" in name}.difference(KEPT_TABLES)
        for name in kept.intersection([*names, *tables]):
            if name not in scope.parameters and not re.search(rf"\blocal [^=\n]*\b{name}\b", within):
                yield position, f"{name} keeps something of one call for the next"


def _judge_key(source: Source, call: Call, key: str, key_parameters: set[tuple[str, int]]) -> Iterator[Finding]:
    if _KEY.fullmatch(key) or (re.fullmatch(r"[\w.()\s]+\.(\w+)", key) and key.rpartition(".")[2] in KEY_FIELDS):
        return
    if key in call.scope.parameters:
        key_parameters.add((call.scope.name, call.scope.parameters.index(key)))
        return
    values = _assigned_values(source, call.scope, key) if re.fullmatch(r"\w+", key) else []
    if not values:
        yield call.position, f"{key or 'nothing'} is no declared key"
    for value in values:
        if value != key:
            yield from _judge_key(source, call, value, key_parameters)


def _assigned_values(source: Source, scope: Scope, name: str) -> list[str]:
    """What the name is given in the scope, in the main chunk, or where keys get their names; nothing of a parameter."""
    body = source.code[scope.start : scope.end]
    if name in scope.parameters or (scope.name and re.search(rf"\bfor [\w, ]*\b{name}\b[\w, ]* in\b", body)):
        return []
    naming = [one for one in source.scopes if one.name in NAME_KEYS]
    for where in (scope, source.scopes[0], *naming):
        values = [
            values[names.index(name)]
            for names, values, position in source.assignments
            if name in names and len(values) == len(names) and source.scope_at(position) is where
        ]
        if values:
            return values
    return []


def _blank_comments(text: str) -> str:
    def blank(match: re.Match[str]) -> str:
        token = match.group()
        return re.sub(r"[^\n]", " ", token) if token.startswith("--") else token

    return _TOKEN.sub(blank, text)


def _blank_strings(code: str) -> str:
    return _TOKEN.sub(lambda match: '"' * len(match.group()) if match.group()[0] in "\"'" else match.group(), code)


def _scopes(code: str) -> list[Scope]:
    """The main chunk first, then every named function, by their places in the code."""
    main = Scope(name="", end=len(code))
    scopes, blocks = [main], list[Scope | None]()
    for match in _TOKEN.finditer(code):
        word = match.group()
        if word == "function":
            signature = _SIGNATURE.match(code, match.start())
            assert signature is not None
            parameters = [name.strip() for name in signature.group(2).split(",") if name.strip()]
            opened = Scope(signature.group(1), parameters, match.start(), len(code)) if signature.group(1) else None
            scopes += [opened] if opened else []
            blocks.append(opened)
        elif word in ("if", "do", "repeat"):
            blocks.append(None)
        elif word in ("end", "until"):
            closed = blocks.pop()
            if closed is not None:
                closed.end = match.end()
    return scopes


def _split_arguments(code: str, start: int) -> list[str]:
    """The arguments of a call whose opening parenthesis stands before `start`, as they are written."""
    arguments, depth, begun, position = [], 0, start, start
    while position < len(code):
        quote = code[position] if code[position] in "\"'" else ""
        if quote:
            position = code.index(quote, position + 1)
        elif code[position] in "([{":
            depth += 1
        elif code[position] in ")]}" and depth:
            depth -= 1
        elif code[position] in ")," and depth == 0:
            arguments.append(" ".join(code[begun:position].split()))
            begun = position + 1
            if code[position] == ")":
                break
        position += 1
    return [argument for argument in arguments if argument]
