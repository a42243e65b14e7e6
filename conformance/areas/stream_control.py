"""Market streams: addresses, control messages and their errors, limits of a connection."""

from itertools import product
from typing import Any, Final

from conformance.checks import EMPTY, LIST, MICROS, TEXT, WHOLE, AtLeast, hold, matches, same
from conformance.lab import Lab
from conformance.rules import Area

AREA: Final = Area("stream_control", "Market streams: control messages")
DOCUMENT: Final = "web-socket-streams.md: "
GENERAL = AREA.by(DOCUMENT + "General WSS information")
LIMITS = AREA.by(DOCUMENT + "WebSocket Limits")
SUBSCRIBING = AREA.by(DOCUMENT + "Live Subscribing/Unsubscribing to streams")
ERRORS = AREA.by(DOCUMENT + "Error Messages")


def _raw(lab: Lab, target: str) -> Any:
    """The first frame at an address whose symbol is traded once it is open."""
    market = lab.market()
    with lab.stream(target) as socket:
        socket.settle()
        lab.trade(market, "100")
        return socket.receive()


@GENERAL.rule("/ws/<name> sends bare payloads", "/ws/{stream}@trade", "an event, not wrapped")
def raw_payload(lab: Lab) -> None:
    matches(AtLeast({"e": "trade", "t": WHOLE}), _raw(lab, "/ws/{stream}@trade"), "the frame")


@GENERAL.rule("/stream wraps payloads", "/stream?streams={stream}@trade", "stream, data")
def wrapped_payload(lab: Lab) -> None:
    frame = _raw(lab, "/stream?streams={stream}@trade")
    matches({"stream": f"{lab.market().symbol.lower()}@trade", "data": AtLeast({"e": "trade"})}, frame, "the frame")


@GENERAL.rule("timeUnit=MICROSECOND", "/stream?streams={stream}@trade&timeUnit=MICROSECOND", "E and T with 16 digits")
def micros(lab: Lab) -> None:
    frame = _raw(lab, "/stream?streams={stream}@trade&timeUnit=MICROSECOND")
    matches(AtLeast({"data": AtLeast({"E": MICROS, "T": MICROS})}), frame, "the frame")


@GENERAL.rule(
    "timeUnit=microsecond, in small letters", "/ws/{stream}@trade?timeUnit=microsecond", "E and T with 16 digits"
)
def small_micros(lab: Lab) -> None:
    matches(AtLeast({"E": MICROS, "T": MICROS}), _raw(lab, "/ws/{stream}@trade?timeUnit=microsecond"), "the frame")


def _asked(lab: Lab, *frames: Any, target: str = "/ws") -> Any:
    """The answer to the last of these frames."""
    answer = None
    with lab.stream(target) as socket:
        for frame in frames:
            socket.send(lab.filled(frame))
            answer = socket.receive()
    return answer


for identifier in (1, 9223372036854775807, "a1", None):

    def echoed(lab: Lab, identifier: Any = identifier) -> None:
        asked = {"method": "SUBSCRIBE", "params": ["{stream}@trade"], "id": identifier}
        matches({"result": None, "id": identifier}, _asked(lab, asked), "the answer")

    SUBSCRIBING.rule(
        f"the id {identifier!r} comes back".replace("None", "null"),
        f"SUBSCRIBE with id {identifier!r}".replace("None", "null"),
        "result null and the same id",
    )(echoed)


@SUBSCRIBING.rule("SUBSCRIBE starts a stream", "/ws, SUBSCRIBE {stream}@trade, a trade", "the event")
def subscribe(lab: Lab) -> None:
    with lab.stream("/ws") as socket:
        socket.send(lab.filled({"method": "SUBSCRIBE", "params": ["{stream}@trade"], "id": 1}))
        matches({"result": None, "id": 1}, socket.receive(), "the answer")
        lab.trade(lab.market(), "100")
        matches(AtLeast({"e": "trade"}), socket.receive(), "the event")


@SUBSCRIBING.rule(
    "UNSUBSCRIBE ends it",
    "/ws/{stream}@trade, UNSUBSCRIBE, a trade, LIST_SUBSCRIPTIONS",
    "result null, then no event, an empty list",
)
def unsubscribe(lab: Lab) -> None:
    with lab.stream("/ws/{stream}@trade") as socket:
        socket.send(lab.filled({"method": "UNSUBSCRIBE", "params": ["{stream}@trade"], "id": 312}))
        matches({"result": None, "id": 312}, socket.receive(), "the answer")
        lab.trade(lab.market(), "100")
        socket.send({"method": "LIST_SUBSCRIPTIONS", "id": 3})
        matches({"result": EMPTY, "id": 3}, socket.receive(), "the next frame")


@SUBSCRIBING.rule("LIST_SUBSCRIPTIONS names what is heard", "/ws, SUBSCRIBE two, LIST_SUBSCRIPTIONS", "both names")
def listed(lab: Lab) -> None:
    asked = {"method": "SUBSCRIBE", "params": ["{stream}@aggTrade", "{stream}@depth"], "id": 1}
    answer = _asked(lab, asked, {"method": "LIST_SUBSCRIPTIONS", "id": 3})
    matches({"result": LIST, "id": 3}, answer, "the answer")
    same(sorted(lab.filled(asked["params"])), sorted(answer["result"]), "the names")


for target, combined in (("/ws", False), ("/stream", True)):

    def property_of(lab: Lab, target: str = target, combined: bool = combined) -> None:
        answer = _asked(lab, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2}, target=target)
        matches({"result": combined, "id": 2}, answer, "the answer")

    SUBSCRIBING.rule(
        f"combined is {str(combined).lower()} on {target}", f"{target}, GET_PROPERTY combined", str(combined).lower()
    )(property_of)


@SUBSCRIBING.rule(
    "SET_PROPERTY combined wraps from then on",
    "/ws/{stream}@trade, SET_PROPERTY combined true, a trade",
    "result null, then stream and data",
)
def set_property(lab: Lab) -> None:
    with lab.stream("/ws/{stream}@trade") as socket:
        socket.send({"method": "SET_PROPERTY", "params": ["combined", True], "id": 5})
        matches({"result": None, "id": 5}, socket.receive(), "the answer")
        lab.trade(lab.market(), "100")
        matches({"stream": TEXT, "data": AtLeast({"e": "trade"})}, socket.receive(), "the frame")


GUIDE: Final = "on /ws another protocol is spoken too, and a frame without a form is answered in that one"
VARIANTS: Final = "expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
MISTAKES: Final[tuple[tuple[str, Any, int, str], ...]] = (
    ("an unknown property", {"method": "GET_PROPERTY", "params": ["color"], "id": 1}, 0, "Unknown property"),
    (
        "a value that is no boolean",
        {"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1},
        1,
        "Invalid value type: expected Boolean",
    ),
    (
        "a property whose name is no text",
        {"method": "GET_PROPERTY", "params": [7], "id": 1},
        2,
        "Invalid request: property name must be a string",
    ),
    (
        "an id that is none",
        {"method": "LIST_SUBSCRIPTIONS", "id": {}},
        2,
        "Invalid request: request ID must be an unsigned integer",
    ),
    (
        "an unknown method",
        {"method": "LISTEN", "params": [], "id": 1},
        2,
        f"Invalid request: unknown variant `LISTEN`, {VARIANTS}",
    ),
    (
        "too many parameters",
        {"method": "GET_PROPERTY", "params": ["combined", "x"], "id": 1},
        2,
        "Invalid request: too many parameters",
    ),
    ("no method", {"params": [], "id": 1}, 2, "Invalid request: missing field `method`"),
    ("no JSON", "{nothing", 3, "Invalid JSON: "),
)
for target, (name, asked, code, begin) in product(("/ws", "/stream"), MISTAKES):
    shown = str(asked).replace("'", '"')
    expected = f"code {code}, {begin}"
    if (target, name) == ("/ws", "no JSON"):
        ERRORS.not_done(f"{name}, on {target}", shown, expected, GUIDE)
        continue

    def refusal(lab: Lab, target: str = target, asked: Any = asked, code: int = code, begin: str = begin) -> None:
        answer = _asked(lab, asked, target=target)
        error = answer.get("error", answer) if isinstance(answer, dict) else answer
        matches(AtLeast({"code": code, "msg": TEXT}), error, "the error")
        hold(error["msg"].startswith(begin), f"it says {error['msg']!r}, not {begin!r}")

    ERRORS.rule(f"{name}, on {target}", shown, expected)(refusal)


@ERRORS.rule(
    "a mistake does not end the connection",
    "an unknown method, then LIST_SUBSCRIPTIONS",
    "an error, then an empty list",
)
def lives_on(lab: Lab) -> None:
    answer = _asked(lab, {"method": "LISTEN", "id": 1}, {"method": "LIST_SUBSCRIPTIONS", "id": 2})
    matches({"result": EMPTY, "id": 2}, answer, "the answer")


@LIMITS.rule("five messages a second, no more", "twenty LIST_SUBSCRIPTIONS at once", "the connection is closed")
def too_many_messages(lab: Lab) -> None:
    with lab.stream("/ws") as socket:
        socket.flood([{"method": "LIST_SUBSCRIPTIONS", "id": number} for number in range(20)])
        matches(WHOLE, socket.close_code(), "the code it is closed with")


@LIMITS.rule("1,024 streams, no more", "SUBSCRIBE to 1,025 streams", "refused with a code and a text")
def too_many_streams(lab: Lab) -> None:
    answer = _asked(lab, {"method": "SUBSCRIBE", "params": [f"none{number}@trade" for number in range(1025)], "id": 1})
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    matches(AtLeast({"code": WHOLE, "msg": TEXT}), error, "the error")
