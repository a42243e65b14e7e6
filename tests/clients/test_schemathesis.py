"""schemathesis asks what /openapi.json says can be asked: no 5xx, and nothing has changed where the answer is 4xx.

The fact a newcomer would get wrong: an event stands for every change of the exchange's state, so that none was added
shows that nothing changed. Requests are signed here, after schemathesis has made them up: a wrong signature would keep
them all at the door.
"""

import hashlib
import hmac
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.clients.conftest import Exchange, User

SECONDS = float(os.environ.get("EXCHANGE_SCHEMA_SECONDS", "12"))
CASES_AT_ONCE = 4  # of an operation, before the next one has its turn
SIGNATURE = ("timestamp", "recvWindow", "signature")
CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
STATUSES = (200, 400, 401, 404, 409, 410, 413)


@pytest.fixture
def unlimited(exchange: Exchange) -> Iterator[None]:
    """No address is banned for asking so much."""
    exchange.sim("PUT", "/rate-limits", enabled=False)
    yield
    exchange.sim("PUT", "/rate-limits", enabled=True, forget=True)


def cases_of(operation: Any, seed: int) -> list[Any]:
    """Some requests of an operation, most of them with something wrong."""
    found: list[Any] = []

    @seeded(seed)
    @settings(max_examples=CASES_AT_ONCE, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=operation.as_strategy())
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    return found


def is_signed(case: Any) -> bool:
    return bool(case.operation.definition.raw.get("x-signed"))


def is_as_described(case: Any, response: httpx.Response) -> bool:
    """schemathesis' own check of status, type and members; raises what it finds."""
    case.validate_response(response, checks=CHECKS)
    return True


class Asker:
    """Sends cases as a user who may do everything."""

    def __init__(self, exchange: Exchange, user: User) -> None:
        self._exchange = exchange
        self._user = user
        self._http = httpx.Client(base_url=exchange.url, headers={"X-MBX-APIKEY": user.key}, timeout=20)

    def close(self) -> None:
        self._http.close()

    def ask(self, case: Any) -> httpx.Response:
        query = {name: value for name, value in (case.query or {}).items() if name not in SIGNATURE}
        text = urlencode(query, doseq=True)
        if is_signed(case):
            text = f"{text}&timestamp={int(time.time() * 1000)}".removeprefix("&")
            text += "&signature=" + hmac.new(self._user.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return self._http.request(case.method, f"{case.formatted_path}?{text}")

    def position(self) -> int:
        """How far the history of events goes."""
        return int(self._exchange.sim("GET", "/info")["clock"]["seq"])


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("unlimited")
def test_no_request_that_is_described_is_an_error_of_ours_or_changes_anything_when_refused(exchange: Exchange) -> None:
    seed = int(os.environ.get("EXCHANGE_SCHEMA_SEED", random.randrange(10**9)))
    print(f"EXCHANGE_SCHEMA_SEED={seed}")
    schema = schemathesis.openapi.from_dict(httpx.get(f"{exchange.url}/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [one for one in operations if not one.path.startswith("/_sim")]
    asker = Asker(exchange, exchange.user("schemathesis"))
    statuses, asked, until = Counter[int](), set[str](), time.monotonic() + SECONDS
    before = asker.position()
    for number in itertools.count():
        for operation in operations:
            if number and time.monotonic() > until:
                break
            for case in cases_of(operation, seed + number):
                response = asker.ask(case)
                says = f"seed {seed}: {case.method} {response.url}: {response.status_code} {response.text[:200]}"
                assert response.status_code in STATUSES, says
                assert is_as_described(case, response), f"{says}, which is not as described"
                after = asker.position()
                assert response.status_code == 200 or after == before, f"{says}, and something has changed"
                before = after
                statuses[response.status_code] += 1
                assert b'"code":-1022' not in response.content, f"{says}: it was signed"
                asked.add(operation.label)
        else:
            continue
        break
    asker.close()
    assert asked == {operation.label for operation in operations}
    assert statuses[200] > 20, statuses
    assert statuses[400] > 100, statuses
