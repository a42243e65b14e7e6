"""Signed requests: what is signed, with which keys, within which time, and with which permissions."""

from typing import Any, Final
from urllib.parse import quote

from conformance.checks import TEXT, WHOLE, AtLeast, Kind, hold
from conformance.lab import Lab, User
from conformance.rules import Area, expect, refused
from conformance.signing import HmacSigner, query_of

AREA: Final = Area("signatures", "Signed requests")
SIGNED = AREA.by("rest-api.md: SIGNED Endpoint security")
CASE = AREA.by("rest-api.md: Signature Case Sensitivity")
TIMING = AREA.by("rest-api.md: Timing security")
HMAC_KEYS = AREA.by("rest-api.md: HMAC Keys")
ED25519_KEYS = AREA.by("rest-api.md: Ed25519 Keys")
RSA_KEYS = AREA.by("rest-api.md: RSA Keys")
SECURITY = AREA.by("rest-api.md: Request Security")
PARAMETERS = AREA.by("rest-api.md: General Information on Endpoints")
KEY_TYPES: Final = "faqs/api_key_types.md: "
THERE: Final = Kind("anything", lambda value: value is not None)
ORDER: Final = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "90"}
BAD_SIGNATURE: Final = (-1022, "Signature for this request is not valid.")
BAD_KEY: Final = (-2015, "Invalid API-key, IP, or permissions for action.")
LATE: Final = (-1021, "Timestamp for this request is outside of the recvWindow.")
EARLY: Final = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def _payload(lab: Lab, **more: Any) -> str:
    return query_of({"symbol": lab.market().symbol} | ORDER | {"timestamp": lab.now_ms()} | more)


def _signed(user: User, text: str) -> str:
    return f"{text}&signature={quote(user.signer.sign(text), safe='')}"


@HMAC_KEYS.rule(
    "the example of the document",
    "secretKey and parameters of the document, signed here",
    "signature c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71, and the same payload is taken",
)
def the_example(lab: Lab) -> None:
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - the document's
    text = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    found = HmacSigner(secret).sign(text)
    hold(found == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71", f"it is {found}")
    expect(
        lab.user().raw("POST", "/order", _signed(lab.user(), _payload(lab, recvWindow=5000))),
        AtLeast({"status": "NEW"}),
    )


@HMAC_KEYS.rule("parameters in the query", "POST order?...&signature=", "200")
def in_query(lab: Lab) -> None:
    expect(lab.user().raw("POST", "/order", _signed(lab.user(), _payload(lab))), AtLeast({"status": "NEW"}))


@HMAC_KEYS.rule("parameters in the body", "POST order, all in a form body", "200")
def in_body(lab: Lab) -> None:
    expect(lab.user().raw("POST", "/order", "", _signed(lab.user(), _payload(lab))), AtLeast({"status": "NEW"}))


@HMAC_KEYS.rule(
    "query and body together, joined without a separator",
    "POST order?symbol=...&side=BUY with the rest in the body",
    "200",
)
def in_both(lab: Lab) -> None:
    user, names = lab.user(), dict(ORDER)
    query = query_of({"symbol": lab.market().symbol, "side": names.pop("side")})
    body = query_of(names | {"timestamp": lab.now_ms()})
    signature = quote(user.signer.sign(query + body), safe="")
    expect(user.raw("POST", "/order", query, f"{body}&signature={signature}"), AtLeast({"status": "NEW"}))


@HMAC_KEYS.rule(
    "a signature in the query for parameters in the body", "POST order?signature= with the rest in the body", "200"
)
def signature_in_query(lab: Lab) -> None:
    user, body = lab.user(), _payload(lab)
    signature = quote(user.signer.sign(body), safe="")
    expect(user.raw("POST", "/order", f"signature={signature}", body), AtLeast({"status": "NEW"}))


@SIGNED.rule(
    "what was signed is what was sent",
    "POST order, quantity changed after signing",
    "400: -1022 Signature for this request is not valid.",
)
def tampered(lab: Lab) -> None:
    text = _signed(lab.user(), _payload(lab)).replace("quantity=1", "quantity=2")
    refused(lab.user().raw("POST", "/order", text), *BAD_SIGNATURE)


@SIGNED.rule("a signature with another secret", "GET account signed with a wrong secret", "400: -1022")
def wrong_secret(lab: Lab) -> None:
    text = query_of({"timestamp": lab.now_ms()})
    wrong = HmacSigner("x" * 64).sign(text)
    refused(lab.user().raw("GET", "/account", f"{text}&signature={wrong}"), *BAD_SIGNATURE)


@SIGNED.rule("a refused signature changes nothing", "POST order with a wrong signature, GET openOrders", "no order")
def nothing_changed(lab: Lab) -> None:
    market = lab.fresh_market()
    text = query_of({"symbol": market.symbol} | ORDER | {"timestamp": lab.now_ms()})
    refused(lab.user().raw("POST", "/order", f"{text}&signature={'0' * 64}"), *BAD_SIGNATURE)
    expect(lab.user().get("/openOrders", symbol=market.symbol), [])


@SIGNED.rule(
    "a signature must be sent",
    "GET account?timestamp=",
    "400: -1102 Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
)
def no_signature(lab: Lab) -> None:
    answer = lab.user().raw("GET", "/account", query_of({"timestamp": lab.now_ms()}))
    refused(answer, -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")


@CASE.rule("HMAC signatures are not case-sensitive", "GET account, the signature in capitals", "200")
def capitals(lab: Lab) -> None:
    text = query_of({"timestamp": lab.now_ms()})
    answer = lab.user().raw("GET", "/account", f"{text}&signature={lab.user().signer.sign(text).upper()}")
    expect(answer, AtLeast({"accountType": "SPOT"}))


@PARAMETERS.rule("parameters may come in any order", "GET order?timestamp=&orderId=&symbol=", "200")
def any_order(lab: Lab) -> None:
    user, market = lab.user(), lab.market()
    order_id = user.limit(market, "BUY", "1", "90")["orderId"]
    text = query_of({"timestamp": lab.now_ms(), "orderId": order_id, "symbol": market.symbol})
    expect(user.raw("GET", "/order", _signed(user, text)), AtLeast({"orderId": order_id}))


@PARAMETERS.rule("the query comes before the body", "POST order?price=90 with price=80 in the body", "price 90")
def query_first(lab: Lab) -> None:
    user, names = lab.user(), dict(ORDER)
    query = query_of({"symbol": lab.market().symbol, "price": names.pop("price")})
    body = query_of(names | {"price": "80", "timestamp": lab.now_ms()})
    signature = user.signer.sign(query + body)
    expect(user.raw("POST", "/order", query, f"{body}&signature={signature}"), AtLeast({"price": "90.00000000"}))


FORMS: Final[tuple[tuple[str, str, dict[str, Any], str], ...]] = (
    ("DELETE", "/order", {}, "orderId"),
    ("PUT", "/order/amend/keepPriority", {"newQty": "0.5"}, "amendedOrder"),
)
for method, path, more, member in FORMS:

    def form_body(lab: Lab, method: str = method, path: str = path, more: Any = more, member: str = member) -> None:
        user, market = lab.user(), lab.market()
        order_id = user.limit(market, "BUY", "1", "90")["orderId"]
        asked = {"symbol": market.symbol, "orderId": order_id} | more
        expect(user.send(method, path, asked, body=True), AtLeast({member: THERE}))

    PARAMETERS.rule(f"{method} takes a form body", f"{method} {path[1:]}, all in the body", "200")(form_body)


@TIMING.rule(
    "a timestamp must be sent",
    "GET account?signature=",
    "400: -1102 Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
)
def no_timestamp(lab: Lab) -> None:
    answer = lab.user().raw("GET", "/account", _signed(lab.user(), "recvWindow=5000"))
    refused(answer, -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")


for what, behind_ms, window, answer in (
    ("5 s and more behind is too late", 6000, None, LATE),
    ("4 s behind is in time", 4000, None, None),
    ("a recvWindow of 1 s makes 2 s too late", 2000, 1000, LATE),
    ("a recvWindow of 60 s makes 50 s in time", 50_000, 60_000, None),
    ("1 s and more ahead is too early", -2500, None, EARLY),
    ("half a second ahead is in time", -500, None, None),
):

    def timed(lab: Lab, behind_ms: int = behind_ms, window: int | None = window, told: Any = answer) -> None:
        text = query_of({"timestamp": lab.now_ms() - behind_ms, "recvWindow": window})
        found = lab.user().raw("GET", "/account", _signed(lab.user(), text))
        if told is None:
            expect(found, AtLeast({"accountType": "SPOT"}))
        else:
            refused(found, *told)

    asked = f"timestamp {abs(behind_ms)} ms {'behind' if behind_ms > 0 else 'ahead'}"
    TIMING.rule(
        what,
        f"GET account, {asked}" + ("" if window is None else f", recvWindow={window}"),
        "200" if answer is None else f"400: {answer[0]} {answer[1]}",
    )(timed)


@TIMING.rule("a timestamp in microseconds", "GET account timestamp=(16 digits)", "200")
def micros(lab: Lab) -> None:
    text = query_of({"timestamp": lab.now_ms() * 1000})
    expect(lab.user().raw("GET", "/account", _signed(lab.user(), text)), AtLeast({"accountType": "SPOT"}))


@TIMING.rule("a late timestamp in microseconds", "GET account timestamp=(16 digits, 6 s behind)", "400: -1021")
def late_micros(lab: Lab) -> None:
    text = query_of({"timestamp": (lab.now_ms() - 6000) * 1000})
    refused(lab.user().raw("GET", "/account", _signed(lab.user(), text)), *LATE)


@TIMING.rule("a recvWindow with three places", "GET account recvWindow=6000.346", "200")
def decimal_window(lab: Lab) -> None:
    expect(lab.user().get("/account", recvWindow="6000.346"), AtLeast({"accountType": "SPOT"}))


@TIMING.rule("a recvWindow above 60000", "GET account recvWindow=60001", "400 with a code and a text")
def large_window(lab: Lab) -> None:
    expect(lab.user().get("/account", recvWindow="60001"), {"code": WHOLE, "msg": TEXT}, status=400)


@TIMING.rule("a recvWindow with four places", "GET account recvWindow=6000.3461", "400 with a code and a text")
def fine_window(lab: Lab) -> None:
    expect(lab.user().get("/account", recvWindow="6000.3461"), {"code": WHOLE, "msg": TEXT}, status=400)


BAD_FORMAT = AREA.by("errors.md: -2014 BAD_API_KEY_FMT")
REJECTED_KEY = AREA.by("errors.md: -2015 REJECTED_MBX_KEY")


@BAD_FORMAT.rule("a request without a key", "GET account, no X-MBX-APIKEY", "401: -2014 API-key format invalid.")
def no_key(lab: Lab) -> None:
    text = query_of({"timestamp": lab.now_ms()})
    refused(lab.get(f"/api/v3/account?{_signed(lab.user(), text)}"), -2014, "API-key format invalid.", status=401)


@BAD_FORMAT.rule("a key that cannot be one", "GET account, X-MBX-APIKEY: short!", "401: -2014 API-key format invalid.")
def odd_key(lab: Lab) -> None:
    odd = User(lab, "odd", "short!", lab.user().signer)
    refused(odd.get("/account"), -2014, "API-key format invalid.", status=401)


@REJECTED_KEY.rule(
    "a key that nobody has",
    "GET account, X-MBX-APIKEY: 64 letters",
    "401: -2015 Invalid API-key, IP, or permissions for action.",
)
def unknown_key(lab: Lab) -> None:
    stranger = User(lab, "stranger", "k" * 64, lab.user().signer)
    refused(stranger.get("/account"), *BAD_KEY, status=401)


def _limited(lab: Lab, permissions: str) -> User:
    made = lab.sim("POST", "keys", user=lab.user().name, permissions=permissions)
    return User(lab, lab.user().name, made["apiKey"], HmacSigner(made["secret"]))


@SECURITY.rule(
    "a key that may only read cannot trade",
    "POST order with a key for USER_DATA",
    "401: -2015 Invalid API-key, IP, or permissions for action.",
)
def read_only(lab: Lab) -> None:
    answer = _limited(lab, "R").post("/order", **{"symbol": lab.market().symbol} | ORDER)
    refused(answer, *BAD_KEY, status=401)


@SECURITY.rule("a key that may only read reads", "GET account with a key for USER_DATA", "200")
def reads(lab: Lab) -> None:
    expect(_limited(lab, "R").get("/account"), AtLeast({"accountType": "SPOT"}))


@SECURITY.rule("public data needs no key", "GET depth without a key", "200")
def public(lab: Lab) -> None:
    expect(lab.public("/depth", symbol=lab.market().symbol), AtLeast({"lastUpdateId": WHOLE}))


for kind, title, section in (("ed25519", "Ed25519", ED25519_KEYS), ("rsa", "RSA", RSA_KEYS)):

    def asymmetric(lab: Lab, kind: str = kind) -> None:
        user = lab.once(kind, lambda: lab.with_key("alice", kind))
        expect(user.post("/order", **{"symbol": lab.market().symbol} | ORDER), AtLeast({"status": "NEW"}))

    def asymmetric_body(lab: Lab, kind: str = kind) -> None:
        user = lab.once(kind, lambda: lab.with_key("alice", kind))
        answer = user.send("POST", "/order", {"symbol": lab.market().symbol} | ORDER, body=True)
        expect(answer, AtLeast({"status": "NEW"}))

    def case_matters(lab: Lab, kind: str = kind) -> None:
        user = lab.once(kind, lambda: lab.with_key("alice", kind))
        text = query_of({"timestamp": lab.now_ms()})
        changed = quote(user.signer.sign(text).swapcase(), safe="")
        refused(user.raw("GET", "/account", f"{text}&signature={changed}"), *BAD_SIGNATURE)

    def other_payload(lab: Lab, kind: str = kind) -> None:
        user = lab.once(kind, lambda: lab.with_key("alice", kind))
        text = _signed(user, query_of({"timestamp": lab.now_ms()}))
        refused(user.raw("GET", "/account", f"omitZeroBalances=true&{text}"), *BAD_SIGNATURE)

    section.rule(f"an order signed with {title}", "POST order?...&signature=(base64, percent-encoded)", "200")(
        asymmetric
    )
    section.rule(f"a body signed with {title}", "POST order, all in a form body", "200")(asymmetric_body)
    CASE.rule(
        f"{title} signatures are case-sensitive", "GET account, capitals and small letters swapped", "400: -1022"
    )(case_matters)
    AREA.by(KEY_TYPES + title).rule(
        f"{title}: another payload than the signed one", "GET account, a parameter added after signing", "400: -1022"
    )(other_payload)


@AREA.by(KEY_TYPES + "HMAC").rule(
    "the exchange makes the secret", "POST /_sim/keys", "an HMAC key of 64 letters and digits with a secret of 64"
)
def made_secret(lab: Lab) -> None:
    made = lab.sim("POST", "keys", user=lab.user().name)
    hold(len(made["apiKey"]) == len(made["secret"]) == 64, "key and secret have other lengths")
    user = User(lab, lab.user().name, made["apiKey"], HmacSigner(made["secret"]))
    expect(user.get("/account"), AtLeast({"accountType": "SPOT"}))
