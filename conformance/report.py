"""docs/CONFORMANCE.md and JSON from what came of the rules; the same for the same outcomes.

The fact a newcomer would get wrong: nothing that changes from run to run may stand here (times, ids, the address), for
a test compares the file with the one that is committed.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from conformance.rules import Area, Outcome, Verdict

HEAD: Final = """# Conformance with Binance Spot

Written by `manage.py conformance --write docs/CONFORMANCE.md`; a test compares it with what the exchange does, so it
is never edited by hand. Every row is a rule of Binance's public documents (github.com/binance/binance-spot-api-docs),
asked of a running exchange over HTTP and WebSocket. Paths stand after `/api/v3/`; names in braces are the area's own
symbol.

* **pass**: the answer was what the document says: status, fields, types, texts.
* **fail**: it was not; the last column says what came instead.
* **not done**: the exchange knowingly does not offer it; the last column says why.
"""
DONE: Final = ("pass", "fail", "not done")


def as_markdown(areas: Iterable[Area], results: Mapping[str, Sequence[Outcome]]) -> str:
    """The whole file."""
    shown = [area for area in areas if area.key in results]
    lines = [HEAD, "| area | rules | pass | fail | not done |", "|---|---|---|---|---|"]
    total: Counter[str] = Counter()
    for area in shown:
        counts = counted(results[area.key])
        total += counts
        lines.append(_counts_row(f"[{area.title}](#{anchor(area.title)})", counts))
    lines.append(_counts_row("**all**", total))
    lines += ["", f"{share(total)} of what is offered passes.", ""]
    for area in shown:
        lines += [
            f"## {area.title}",
            "",
            "| | rule | document | request | expected | found |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(outcome) for outcome in results[area.key]] + [""]
    return "\n".join(lines)


def as_json(areas: Iterable[Area], results: Mapping[str, Sequence[Outcome]]) -> str:
    """The same for programs."""
    found: dict[str, Any] = {
        area.key: [
            {
                "rule": outcome.rule.name, "source": outcome.rule.source, "request": outcome.rule.request,
                "expected": outcome.rule.expected, "verdict": outcome.verdict.value, "found": outcome.found,
            }
            for outcome in results[area.key]
        ]
        for area in areas
        if area.key in results
    }  # fmt: skip
    total = sum((counted(outcomes) for outcomes in results.values()), Counter[str]())
    return json.dumps({"counts": {name: total[name] for name in DONE}, "areas": found}, indent=2, ensure_ascii=False)


def counted(outcomes: Iterable[Outcome]) -> Counter[str]:
    """How many of each verdict."""
    return Counter(outcome.verdict.value for outcome in outcomes)


def share(counts: Mapping[str, int]) -> str:
    """Passes among what is offered, in percent, rounded down."""
    offered = counts[Verdict.PASS] + counts[Verdict.FAIL]
    return f"{counts[Verdict.PASS] * 1000 // offered / 10:.1f} %" if offered else "Nothing"


def anchor(title: str) -> str:
    """What a link to a heading is called."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def _counts_row(title: str, counts: Mapping[str, int]) -> str:
    cells = [str(sum(counts.values())), *(str(counts[name]) for name in DONE)]
    return f"| {title} | {' | '.join(cells)} |"


def _row(outcome: Outcome) -> str:
    rule = outcome.rule
    cells = (outcome.verdict.value, rule.name, rule.source, rule.request, rule.expected, outcome.found)
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    return escaped.replace("<", "&lt;").replace("*", "\\*")
