"""Limits by address: what comes when there was too much, over HTTP and over the WebSocket API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.areas.websocket_api import accepted as frame_accepted
from conformance.areas.websocket_api import asked
from conformance.areas.weights import used_weight
from conformance.checks import TEXT, WHOLE, AtLeast, hold, matches, one_of, same
from conformance.lab import Lab, accepted
from conformance.rules import Area, expect
from conformance.transport import Answer

AREA: Final = Area("limits", "Rate limits by address", lambda lab: lab.trade(lab.market(), "100"))
IP_LIMITS = AREA.by("rest-api.md: IP Limits")
GENERAL = AREA.by("rest-api.md: General Info on Limits")
SOCKETS = AREA.by("web-socket-api.md: IP limits")


@IP_LIMITS.rule(
    "every answer tells the weight used",
    "GET time, GET nothing/here, GET depth of an unknown symbol",
    "X-MBX-USED-WEIGHT-1M in each, rising",
)
def told_always(lab: Lab) -> None:
    answers = [lab.public(path) for path in ("/time", "/nothing/here", "/depth?symbol=NONE", "/time")]
    used = [used_weight(answer) for answer in answers]
    hold(used == sorted(used) or used[-1] < used[0], f"they are {used}")


@GENERAL.rule(
    "exchangeInfo tells the three kinds of limits", "GET exchangeInfo", "REQUEST_WEIGHT, RAW_REQUESTS, ORDERS"
)
def kinds(lab: Lab) -> None:
    rows = accepted(lab.public("/exchangeInfo", symbol=lab.market().symbol))["rateLimits"]
    same(["ORDERS", "RAW_REQUESTS", "REQUEST_WEIGHT"], sorted({row["rateLimitType"] for row in rows}), "the kinds")


@contextmanager
def _elsewhere(lab: Lab, number: int) -> Iterator[None]:
    """Requests from another address for the length of the block."""
    before = lab.wire.source
    lab.wire.move(1, number)
    try:
        yield
    finally:
        lab.wire.source = before


def _exhausted(lab: Lab, most: int) -> Answer:
    """The first answer that is not 200, of so many requests for the deepest depth at most."""
    symbol = lab.market().symbol
    for _ in range(most):
        answer = lab.public("/depth", symbol=symbol, limit=5000)
        if answer.status != 200:
            return answer
    return answer


@IP_LIMITS.rule(
    "too much weight: 429", "GET depth limit=5000, weight 250, again and again", "429: -1003, Retry-After in seconds"
)
def too_much(lab: Lab) -> None:
    with _elsewhere(lab, 1):
        answer = _exhausted(lab, 80)
    expect(answer, {"code": -1003, "msg": TEXT}, status=429)
    hold(0 < int(answer.headers.get("retry-after", "0")) <= 60, f"Retry-After is {answer.headers.get('retry-after')}")


@IP_LIMITS.rule(
    "who goes on after 429 is banned: 418",
    "GET depth limit=5000 after 429, again and again",
    "418: -1003, Retry-After of two minutes at least",
)
def banned(lab: Lab) -> None:
    with _elsewhere(lab, 2):
        answer = _exhausted(lab, 80)
        for _ in range(500):
            if answer.status != 429:
                break
            answer = lab.public("/depth", symbol=lab.market().symbol, limit=5000)
    expect(answer, {"code": -1003, "msg": TEXT}, status=418)
    after = int(answer.headers.get("retry-after", "0"))
    hold(after > 60, f"Retry-After is {after}")


@IP_LIMITS.rule("limits are of addresses, not of keys", "429 at one address, GET time from another", "200")
def by_address(lab: Lab) -> None:
    with _elsewhere(lab, 3):
        same(429, _exhausted(lab, 80).status, "the status")
    expect(lab.public("/time"), {"serverTime": WHOLE})


@SOCKETS.rule("connecting weighs 2", "GET ping, connect, time (weight 1)", "the count is 3 above that of ping")
def connecting(lab: Lab) -> None:
    for _ in range(2):
        before = used_weight(lab.public("/ping"))
        answer = asked(lab, {"id": 1, "method": "time"})
        frame_accepted(answer)
        (limit,) = [row for row in answer["rateLimits"] if row["rateLimitType"] == "REQUEST_WEIGHT"]
        if limit["count"] > before:
            break
    same(3, limit["count"] - before, "the difference")


@SOCKETS.rule(
    "too much weight: status 429",
    "429 at the address, then depth limit=5000",
    "status 429, error -1003, data with retryAfter",
)
def socket_limited(lab: Lab) -> None:
    with _elsewhere(lab, 4), lab.wire.socket("/ws-api/v3") as socket:
        _exhausted(lab, 80)
        socket.send({"id": 1, "method": "depth", "params": {"symbol": lab.market().symbol, "limit": 5000}})
        answer = socket.receive()
    error = AtLeast({"code": -1003, "data": AtLeast({"retryAfter": WHOLE, "serverTime": WHOLE})})
    matches(AtLeast({"status": one_of(429, 418), "error": error}), answer, "the frame")
