"""A rule: what a document says, what is asked, what is expected, and the function that finds out.

    AREA = Area("errors", "Errors")
    BAD_SYMBOL = AREA.by("errors.md: -1121 BAD_SYMBOL")
    BAD_SYMBOL.refuses("an unknown symbol", GET("/depth", symbol="NONE"), -1121, "Invalid symbol.")

    @AREA.by("faqs/market_orders_faq.md: MARKET orders").rule("the best price comes first", "POST order ...", "...")
    def best_price_first(lab: Lab) -> None: ...

The fact a newcomer would get wrong: texts in braces are names of the area's own symbol, asset or order ("{symbol}"),
filled in when the rule runs; the report shows the braces, so that it is the same after every run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from conformance.checks import TEXT, WHOLE, AtLeast, Deviation, Each, Kind, Maybe, Pattern, matches, shown
from conformance.transport import Answer

if TYPE_CHECKING:
    from conformance.lab import Lab

Check = Callable[["Lab"], None]
BAD_REQUEST = 400


class Verdict(StrEnum):
    """What came of a rule."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NOT_DONE = "not done"


@dataclass(frozen=True)
class Rule:
    """One row of the report. `check` raises Deviation; None: not done, and `reason` says why."""

    name: str
    source: str  # "rest-api.md: Order book"
    request: str
    expected: str
    check: Check | None
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """A rule and what came of it; `found` says what came instead, or why it is not done."""

    rule: Rule
    verdict: Verdict
    found: str = ""


@dataclass(frozen=True)
class Ask:
    """A request. `path` stands after /api/v3, unless it begins with another root."""

    method: str
    path: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    signed: bool = False
    user: str = "alice"

    def __str__(self) -> str:
        words = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.method} {self.path.lstrip('/')} {words}".rstrip()


def GET(path: str, **parameters: Any) -> Ask:
    """A public request."""
    return Ask("GET", path, parameters)


def signed(method: str, path: str, **parameters: Any) -> Ask:
    """A request of alice's."""
    return Ask(method, path, parameters, signed=True)


class Area:
    """The rules on one subject, in the order of the report. `prepare` runs once, before the first of them."""

    def __init__(self, key: str, title: str, prepare: Check | None = None) -> None:
        self.key = key
        self.title = title
        self.prepare = prepare
        self._rules: list[Rule] = []

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def by(self, source: str) -> "Section":
        """What a section of a document says: "rest-api.md: Order book"."""
        return Section(self, source)

    def add(self, rule: Rule) -> None:
        """One more row. Raises ValueError when another one has its name."""
        if any(known.name == rule.name for known in self._rules):
            raise ValueError(f"two rules of {self.key} are called {rule.name!r}")
        self._rules.append(rule)


@dataclass(frozen=True)
class Section:
    """A section of a document, whose rules go into an area."""

    area: Area
    source: str

    def rule(self, name: str, request: object, expected: str) -> Callable[[Check], Check]:
        """The decorated function is a rule."""

        def add(check: Check) -> Check:
            self.area.add(Rule(name, self.source, str(request), expected, check))
            return check

        return add

    def answers(self, name: str, ask: Ask, pattern: Pattern, *, status: int = 200) -> None:
        """A rule: the request is answered with the status and something that matches."""

        def check(lab: "Lab") -> None:
            expect(lab.send(ask), lab.filled(pattern), status=status)

        self.area.add(Rule(name, self.source, str(ask), f"{status}: {described(pattern)}", check))

    def refuses(self, name: str, ask: Ask, code: Pattern, text: Pattern, *, status: int = BAD_REQUEST) -> None:
        """A rule: the request is refused with exactly this code, text and status."""

        def check(lab: "Lab") -> None:
            refused(lab.send(ask), code, lab.filled(text), status=status)

        self.area.add(Rule(name, self.source, str(ask), f"{status}: {code} {text}", check))

    def rejects(self, name: str, ask: Ask, *, status: int = BAD_REQUEST) -> None:
        """A rule: the request is refused; the document does not say with which code."""

        def check(lab: "Lab") -> None:
            expect(lab.send(ask), {"code": WHOLE, "msg": TEXT}, status=status)

        self.area.add(Rule(name, self.source, str(ask), f"{status} with a code and a text", check))

    def not_done(self, name: str, request: object, expected: str, reason: str) -> None:
        """A rule that the exchange knowingly does not follow."""
        self.area.add(Rule(name, self.source, str(request), expected, None, reason))


def expect(answer: Answer, pattern: Pattern, *, status: int = 200) -> Any:
    """The body, if it is as it should be. Raises Deviation."""
    if answer.status != status:
        raise Deviation(told(answer))
    matches(pattern, answer.body)
    return answer.body


def refused(answer: Answer, code: Pattern, text: Pattern, *, status: int = BAD_REQUEST) -> None:
    """Raises Deviation unless it is refused with these, and says nothing else."""
    expect(answer, {"code": code, "msg": text}, status=status)


def told(answer: Answer) -> str:
    """An answer in a few words."""
    body = answer.body
    if isinstance(body, dict) and "code" in body and "msg" in body:
        return f"{answer.status}: {body['code']} {body['msg']}"
    if isinstance(body, dict):
        return f"{answer.status}: an object with {', '.join(body) or 'nothing in it'}"
    return f"{answer.status}: a list of {len(body)}" if isinstance(body, list) else f"{answer.status}: {shown(body)}"


def described(pattern: Pattern) -> str:
    """A pattern in words."""
    if isinstance(pattern, Each):
        return f"a list, each item {described(pattern.pattern)}"
    if isinstance(pattern, AtLeast):
        return f"at least {', '.join(_member(name, part) for name, part in pattern.members.items())}"
    if isinstance(pattern, Maybe):
        return f"perhaps {described(pattern.pattern)}"
    if isinstance(pattern, Mapping):
        return "{" + ", ".join(_member(name, part) for name, part in pattern.items()) + "}"
    if isinstance(pattern, list):
        return "[" + ", ".join(map(described, pattern)) + "]"
    return str(pattern) if isinstance(pattern, Kind) else shown(pattern)


def _member(name: str, pattern: Pattern) -> str:
    if isinstance(pattern, Kind):
        return name
    return f"{name}: {described(pattern)}" if not isinstance(pattern, Maybe) else f"{name}?"
