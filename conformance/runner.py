"""Runs the table: area by area, each with users, symbols and an address of its own.

The fact a newcomer would get wrong: a rule that ends with any error has failed. Only what the table itself calls not
done is not done; an exchange that cannot be prepared fails every rule that needs it.
"""

import re
import secrets
import string
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conformance.checks import Deviation
from conformance.lab import Lab, Unprepared
from conformance.rules import Area, Outcome, Rule, Verdict
from conformance.transport import Wire
from qte.process import Address, ExchangeProcess

TAG_LENGTH: Final = 4
_NUMBER: Final = re.compile(r"\b\d{10,}\b")
_MADE_UP: Final = re.compile(r"'[A-Za-z0-9_-]{20,36}'")
Results = dict[str, list[Outcome]]


@contextmanager
def own_exchange() -> Iterator[tuple[str, Path]]:
    """An exchange in a temporary folder, for the length of the block: its address and its folder.

    Raises qte's ExchangeStartError.
    """
    address = Address("127.0.0.1", 0, "port")
    process = ExchangeProcess(address, address, None)
    process.start()
    try:
        yield address.url("http"), process.data_dir
    finally:
        process.stop()


def run(areas: Iterable[Area], wire: Wire, sim_token: str, tell: Callable[[Outcome], None] = lambda _: None) -> Results:
    """All rules of the areas, by the key of the area; the wire is closed at the end."""
    results: Results = {}
    try:
        for number, area in enumerate(areas, 1):
            wire.move(0, number)
            results[area.key] = _run_area(area, Lab(wire, sim_token, _tag()), tell)
    finally:
        wire.close()
    return results


def _run_area(area: Area, lab: Lab, tell: Callable[[Outcome], None]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    trouble = _trouble(area.prepare, lab) if area.prepare is not None else ""
    for rule in area:
        lab.begin_rule()
        outcome = judged(rule, lab, trouble)
        outcomes.append(outcome)
        tell(outcome)
    return outcomes


def judged(rule: Rule, lab: Lab, trouble: str = "") -> Outcome:
    """What comes of one rule; `trouble` is why its area could not be prepared."""
    if rule.check is None:
        return Outcome(rule, Verdict.NOT_DONE, rule.reason)
    found = trouble or _trouble(rule.check, lab)
    return Outcome(rule, Verdict.FAIL, lasting(lab.neutral(found))) if found else Outcome(rule, Verdict.PASS)


def _trouble(check: Callable[[Lab], None], lab: Lab) -> str:
    """What is wrong, in words; empty: nothing."""
    try:
        check(lab)
    except (Deviation, Unprepared) as error:
        return str(error)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        return f"what came could not be read ({type(error).__name__}: {error})"
    return ""


def lasting(text: str) -> str:
    """Without times, numbers that grow and random names, so that two runs say the same."""
    return _MADE_UP.sub("'...'", _NUMBER.sub("...", text))


def _tag() -> str:
    return "".join(secrets.choice(string.ascii_uppercase) for _ in range(TAG_LENGTH))
