"""The WebSocket API: its frames, signatures, sessions and subscriptions."""

from typing import Any, Final

from conformance.checks import (
    LIST,
    MICROS,
    TEXT,
    TIME,
    WHOLE,
    AtLeast,
    Deviation,
    Each,
    Pattern,
    hold,
    matches,
    one_of,
    same,
)
from conformance.lab import Lab, User
from conformance.rules import Area, Section

PATH: Final = "/ws-api/v3"
DOCUMENT: Final = "web-socket-api.md: "
AREA: Final = Area("websocket_api", "WebSocket API: frames and sessions")
REQUEST = AREA.by(DOCUMENT + "Request format")
RESPONSE = AREA.by(DOCUMENT + "Response format")
SHOW = AREA.by(DOCUMENT + "How to show/hide rate limit information")
INFORMATION = AREA.by(DOCUMENT + "General API Information")
SECURITY = AREA.by(DOCUMENT + "SIGNED request security")
LIMIT_SHOWN: Final = {
    "rateLimitType": one_of("REQUEST_WEIGHT", "ORDERS"), "interval": TEXT, "intervalNum": WHOLE, "limit": WHOLE,
    "count": WHOLE,
}  # fmt: skip


def asked(lab: Lab, frame: Any, target: str = PATH) -> Any:
    """The answer to a frame on a connection of its own."""
    with lab.wire.socket(target) as socket:
        socket.send(frame)
        return socket.receive()


def accepted(answer: Any) -> Any:
    """The result of an answer with status 200. Raises Deviation."""
    if isinstance(answer, dict) and isinstance(error := answer.get("error"), dict):
        raise Deviation(f"{answer.get('status')}: {error.get('code')} {error.get('msg')}")
    matches(AtLeast({"status": 200}), answer, "the frame")
    return answer["result"]


def refused(answer: Any, code: int, text: Pattern, *, status: int = 400) -> None:
    """Raises Deviation unless it is refused with these."""
    matches(AtLeast({"status": status, "error": AtLeast({"code": code, "msg": text})}), answer, "the frame")


for identifier in (1, "e2a85d9f-07a5-4f94-8d5f-789dc3deb097", None):

    def echoed(lab: Lab, identifier: Any = identifier) -> None:
        answer = asked(lab, {"id": identifier, "method": "ping"})
        matches({"id": identifier, "status": 200, "result": {}, "rateLimits": LIST}, answer, "the frame")

    REQUEST.rule(
        f"the id {'null' if identifier is None else identifier} comes back",
        f"ping, id {identifier!r}".replace("None", "null"),
        "id, status 200, result {}, rateLimits",
    )(echoed)


@REQUEST.rule("params may be left out, and be empty", "ping without params, ping with {}", "200 twice")
def no_params(lab: Lab) -> None:
    for frame in ({"id": 1, "method": "ping"}, {"id": 1, "method": "ping", "params": {}}):
        matches({}, accepted(asked(lab, frame)), "result")


@REQUEST.rule("a method with its version", "v3/ping", "200")
def versioned(lab: Lab) -> None:
    matches({}, accepted(asked(lab, {"id": 1, "method": "v3/ping"})), "result")


@REQUEST.rule("several requests on a connection", "ping, time, ping", "each with its id, in any order")
def several(lab: Lab) -> None:
    with lab.wire.socket(PATH) as socket:
        for number, method in enumerate(("ping", "time", "ping")):
            socket.send({"id": number, "method": method})
        answers = [socket.receive() for _ in range(3)]
    same([0, 1, 2], sorted(answer["id"] for answer in answers), "the ids")


@RESPONSE.rule(
    "a success has id, status, result, rateLimits", "time", "no other members; rateLimits with REQUEST_WEIGHT"
)
def success(lab: Lab) -> None:
    answer = asked(lab, {"id": 1, "method": "time"})
    shape = {"id": 1, "status": 200, "result": {"serverTime": TIME}, "rateLimits": Each(LIMIT_SHOWN)}
    matches(shape, answer, "the frame")
    hold("REQUEST_WEIGHT" in [limit["rateLimitType"] for limit in answer["rateLimits"]], "there is no REQUEST_WEIGHT")


@RESPONSE.rule(
    "a failure has id, status, error, rateLimits",
    "depth of an unknown symbol",
    "status 400, error with code -1121 and msg",
)
def failure(lab: Lab) -> None:
    answer = asked(lab, {"id": "x", "method": "depth", "params": {"symbol": "NONE"}})
    error = {"code": -1121, "msg": "Invalid symbol."}
    matches({"id": "x", "status": 400, "error": error, "rateLimits": LIST}, answer, "the frame")


@RESPONSE.rule(
    "an order shows ORDERS among rateLimits", "order.place", "ORDERS of 10 seconds and of a day, REQUEST_WEIGHT"
)
def orders_shown(lab: Lab) -> None:
    terms = {
        "symbol": lab.market().symbol,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "50",
    }
    answer = asked(lab, {"id": 1} | lab.user().framed("order.place", **terms))
    matches(AtLeast({"status": 200, "rateLimits": Each(LIMIT_SHOWN)}), answer, "the frame")
    kinds = [limit["rateLimitType"] for limit in answer["rateLimits"]]
    same([2, 1], [kinds.count("ORDERS"), kinds.count("REQUEST_WEIGHT")], "how many ORDERS and REQUEST_WEIGHT")


for name, target, params, is_shown in (
    ("returnRateLimits=false of a request", PATH, {"returnRateLimits": False}, False),
    ("returnRateLimits=false of a connection", PATH + "?returnRateLimits=false", {}, False),
    ("returnRateLimits=true of a request on it", PATH + "?returnRateLimits=false", {"returnRateLimits": True}, True),
):

    def limits_shown(
        lab: Lab, target: str = target, params: dict[str, Any] = params, is_shown: bool = is_shown
    ) -> None:
        shape: dict[str, Any] = {"id": 2, "status": 200, "result": {"serverTime": TIME}}
        answer = asked(lab, {"id": 2, "method": "time", "params": params}, target)
        matches(shape | ({"rateLimits": LIST} if is_shown else {}), answer, "the frame")

    SHOW.rule(name, f"{target}, time {params or ''}".rstrip(), "with rateLimits" if is_shown else "without rateLimits")(
        limits_shown
    )


@INFORMATION.rule("timeUnit=MICROSECOND", "/ws-api/v3?timeUnit=MICROSECOND, time", "16 digits")
def micros(lab: Lab) -> None:
    matches(
        {"serverTime": MICROS},
        accepted(asked(lab, {"id": 1, "method": "time"}, PATH + "?timeUnit=MICROSECOND")),
        "result",
    )


@REQUEST.rule(
    "a method that is none",
    "order.destroy",
    "400 with a code and a text; the connection lives. The documents do not say which: here it is a guess, -1020",
)
def unknown_method(lab: Lab) -> None:
    with lab.wire.socket(PATH) as socket:
        socket.send({"id": 1, "method": "order.destroy"})
        matches(
            AtLeast({"id": 1, "status": 400, "error": AtLeast({"code": WHOLE, "msg": TEXT})}),
            socket.receive(),
            "the frame",
        )
        socket.send({"id": 2, "method": "ping"})
        matches(AtLeast({"id": 2, "status": 200}), socket.receive(), "the next frame")


@REQUEST.rule("a frame that is no JSON", "{nothing", "400 with a code and a text; the connection lives")
def no_json(lab: Lab) -> None:
    with lab.wire.socket(PATH) as socket:
        socket.send("{nothing")
        matches(AtLeast({"status": 400, "error": AtLeast({"code": WHOLE, "msg": TEXT})}), socket.receive(), "the frame")
        socket.send({"id": 2, "method": "ping"})
        matches(AtLeast({"id": 2, "status": 200}), socket.receive(), "the next frame")


@SECURITY.rule(
    "a wrong signature",
    "account.status, signature changed",
    "status 400, -1022 Signature for this request is not valid.",
)
def wrong_signature(lab: Lab) -> None:
    frame = lab.user().framed("account.status")
    frame["params"]["signature"] = "0" * 64
    refused(asked(lab, {"id": 1} | frame), -1022, "Signature for this request is not valid.")


@SECURITY.rule("an unknown key", "account.status with a key that nobody has", "status 401, -2015")
def unknown_key(lab: Lab) -> None:
    stranger = User(lab, "stranger", "k" * 64, lab.user().signer)
    answer = asked(lab, {"id": 1} | stranger.framed("account.status"))
    refused(answer, -2015, "Invalid API-key, IP, or permissions for action.", status=401)


@SECURITY.rule(
    "a refusal of the engine",
    "order.place of an empty account",
    "status 400, -2010 Account has insufficient balance for requested action.",
)
def poor(lab: Lab) -> None:
    frame = lab.poor().framed("order.place", symbol=lab.market().symbol, **ORDER)
    refused(asked(lab, {"id": 1} | frame), -2010, "Account has insufficient balance for requested action.")


@AREA.by(DOCUMENT + "Timing security").rule(
    "a request that comes too late", "account.status, timestamp 6 s behind", "status 400, -1021"
)
def late(lab: Lab) -> None:
    frame = lab.user().framed("account.status", timestamp=lab.now_ms() - 6000)
    refused(asked(lab, {"id": 1} | frame), -1021, "Timestamp for this request is outside of the recvWindow.")


ORDER: Final = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50"}
SESSION: Final = {"connectedSince": TIME, "returnRateLimits": True, "serverTime": TIME}
LOGON = AREA.by(DOCUMENT + "Log in with API key")


@AREA.by(DOCUMENT + "Query session status").rule(
    "session.status of nobody", "session.status", "apiKey and authorizedSince null"
)
def no_session(lab: Lab) -> None:
    shape = SESSION | {"apiKey": None, "authorizedSince": None, "userDataStream": False}
    matches(shape, accepted(asked(lab, {"id": 1, "method": "session.status"})), "result")


@AREA.by(DOCUMENT + "Session Authentication").rule(
    "session.logon takes no HMAC key", "session.logon with an HMAC key", "refused with a code and a text"
)
def hmac_logon(lab: Lab) -> None:
    answer = asked(lab, {"id": 1} | lab.user().framed("session.logon"))
    matches(AtLeast({"error": AtLeast({"code": WHOLE, "msg": TEXT})}), answer, "the frame")


@LOGON.rule(
    "session.logon with an Ed25519 key",
    "session.logon, then account.status without key and signature",
    "apiKey, authorizedSince; the account",
)
def logon(lab: Lab) -> None:
    user = lab.once("ed25519", lambda: lab.with_key("alice", "ed25519"))
    with lab.wire.socket(PATH) as socket:
        socket.send({"id": 1} | user.framed("session.logon"))
        shape = SESSION | {"apiKey": user.api_key, "authorizedSince": TIME, "userDataStream": False}
        matches(shape, accepted(socket.receive()), "result")
        socket.send({"id": 2, "method": "account.status", "params": {"timestamp": lab.now_ms()}})
        matches(AtLeast({"accountType": "SPOT"}), accepted(socket.receive()), "result of account.status")


@AREA.by(DOCUMENT + "Log out of the session").rule(
    "session.logout forgets the key", "session.logon, session.logout, account.status", "apiKey null; then refused"
)
def logout(lab: Lab) -> None:
    user = lab.once("ed25519", lambda: lab.with_key("alice", "ed25519"))
    with lab.wire.socket(PATH) as socket:
        socket.send({"id": 1} | user.framed("session.logon"))
        accepted(socket.receive())
        socket.send({"id": 2, "method": "session.logout"})
        matches(AtLeast({"apiKey": None, "authorizedSince": None}), accepted(socket.receive()), "result")
        socket.send({"id": 3, "method": "account.status", "params": {"timestamp": lab.now_ms()}})
        matches(AtLeast({"id": 3, "error": AtLeast({"code": WHOLE})}), socket.receive(), "the frame")


SUBSCRIPTION: Final[Section] = AREA.by(DOCUMENT + "User Data Stream subscription")


@AREA.by(DOCUMENT + "Subscribe to User Data Stream").rule(
    "userDataStream.subscribe needs a session", "userDataStream.subscribe of nobody", "refused with a code and a text"
)
def subscribe_nobody(lab: Lab) -> None:
    answer = asked(lab, {"id": 1, "method": "userDataStream.subscribe"})
    matches(AtLeast({"error": AtLeast({"code": WHOLE, "msg": TEXT})}), answer, "the frame")


@AREA.by(DOCUMENT + "Subscribe to User Data Stream through signature subscription").rule(
    "userDataStream.subscribe.signature", "userDataStream.subscribe.signature", "subscriptionId 0"
)
def subscribe_signature(lab: Lab) -> None:
    answer = asked(lab, {"id": 1} | lab.user().framed("userDataStream.subscribe.signature"))
    matches({"subscriptionId": 0}, accepted(answer), "result")


@SUBSCRIPTION.rule(
    "one subscription for an account on a connection",
    "userDataStream.subscribe.signature twice",
    "the second one refused: -2035",
)
def subscribed_twice(lab: Lab) -> None:
    with lab.wire.socket(PATH) as socket:
        for number in (1, 2):
            socket.send({"id": number} | lab.user().framed("userDataStream.subscribe.signature"))
        accepted(socket.receive())
        refused(socket.receive(), -2035, "User Data Stream subscription already active.")


@SUBSCRIPTION.rule(
    "several accounts on a connection",
    "userDataStream.subscribe.signature of alice and of bob; session.subscriptions",
    "subscriptionId 0 and 1",
)
def two_accounts(lab: Lab) -> None:
    with lab.wire.socket(PATH) as socket:
        for number, name in enumerate(("alice", "bob")):
            socket.send({"id": number} | lab.user(name).framed("userDataStream.subscribe.signature"))
            matches({"subscriptionId": number}, accepted(socket.receive()), "result")
        socket.send({"id": 3, "method": "session.subscriptions", "params": {}})
        matches([{"subscriptionId": 0}, {"subscriptionId": 1}], accepted(socket.receive()), "result")


@AREA.by(DOCUMENT + "Unsubscribe from User Data Stream").rule(
    "userDataStream.unsubscribe without a parameter ends all",
    "two subscriptions, userDataStream.unsubscribe, session.subscriptions",
    "{}, then none",
)
def unsubscribe_all(lab: Lab) -> None:
    with lab.wire.socket(PATH) as socket:
        for number, name in enumerate(("alice", "bob")):
            socket.send({"id": number} | lab.user(name).framed("userDataStream.subscribe.signature"))
            accepted(socket.receive())
        socket.send({"id": 3, "method": "userDataStream.unsubscribe"})
        matches({}, accepted(socket.find(lambda frame: "id" in frame, "the answer")), "result")
        socket.send({"id": 4, "method": "session.subscriptions", "params": {}})
        matches([], accepted(socket.find(lambda frame: "id" in frame, "the answer")), "result")


@SUBSCRIPTION.rule(
    "the answer comes before its events",
    "userDataStream.subscribe.signature and order.place on one connection",
    "the answer, then executionReport",
)
def answer_first(lab: Lab) -> None:
    with lab.wire.socket(PATH) as socket:
        socket.send({"id": 1} | lab.user().framed("userDataStream.subscribe.signature"))
        accepted(socket.receive())
        socket.send({"id": 2} | lab.user().framed("order.place", symbol=lab.market().symbol, **ORDER))
        first, second = socket.receive(), socket.receive()
    matches(AtLeast({"id": 2, "status": 200}), first, "the first frame")
    matches({"subscriptionId": 0, "event": AtLeast({"e": "executionReport", "x": "NEW"})}, second, "the second frame")


AREA.by(DOCUMENT + "Place new order using SOR").not_done(
    "sor.order.place", "sor.order.place", "an order by SOR", "there is no smart order routing"
)
