"""What /api/v3 wants beside a key: Binance's worked examples, the order of its checks, and its window of time.

The fact a newcomer would get wrong: the signature covers bytes, so these tests write queries and bodies themselves.
"""

import time

import httpx
import pytest

from accounts.signatures import HmacVerifier, cut_signature
from engine.venue import Venue
from tests.api.conftest import ALICE_KEY, BOB_KEY, Api
from tests.api.signing import Signer

pytestmark = pytest.mark.django_db(transaction=True)

# rest-api.md, "HMAC Keys": two payloads and their signatures.
EXAMPLE_SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
EXAMPLE_TAIL = b"&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
EXAMPLES = [
    (b"symbol=LTCBTC" + EXAMPLE_TAIL, b"c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
    (
        b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96" + EXAMPLE_TAIL,
        b"e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
]
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=20000"
START_MS = 1_700_000_000_000


@pytest.mark.parametrize(("payload", "signature"), EXAMPLES)
def test_binances_worked_examples(payload: bytes, signature: bytes) -> None:
    verifier = HmacVerifier(EXAMPLE_SECRET)
    assert verifier.is_genuine(payload, signature)
    assert verifier.is_genuine(payload, signature.upper())
    assert not verifier.is_genuine(payload + b"0", signature)
    for wrong in (b"", signature[:-2], signature + b"00", b"z" * 64, b"\xff", b" " + signature):
        assert not verifier.is_genuine(payload, wrong)
    assert EXAMPLE_SECRET.decode() not in repr(verifier)


@pytest.mark.parametrize(
    ("query", "body", "payload", "signature"),
    [
        (b"a=1&b=2&signature=S", b"", b"a=1&b=2", b"S"),
        (b"a=1&signature=S&b=2", b"", b"a=1&b=2", b"S"),
        (b"signature=S&a=1&b=2", b"", b"a=1&b=2", b"S"),
        (b"signature=S", b"", b"", b"S"),
        (b"a=1", b"b=2&signature=S", b"a=1b=2", b"S"),
        (b"a=1&signature=S", b"b=2", b"a=1b=2", b"S"),
        (b"a=1&signature=Q", b"signature=B&b=2", b"a=1b=2", b"Q"),
        (b"", b"a=1&signature=S&b=2", b"a=1&b=2", b"S"),
        (b"a=%zz&signature=a%2Bb%2fc%3D", b"", b"a=%zz", b"a+b/c="),
        (b"a=1&signature=a+b/c==", b"", b"a=1", b"a+b/c=="),
        (b"a=1&mysignature=S", b"", b"a=1&mysignature=S", None),
        (b"a=1&signature=", b"", b"a=1", b""),
        (b"a=1&signature", b"", b"a=1&signature", None),
    ],
)
def test_the_signatures_pair_is_cut_wherever_it_stands(
    query: bytes, body: bytes, payload: bytes, signature: bytes | None
) -> None:
    assert cut_signature(query, body) == (payload, signature)


def refusal(response: httpx.Response) -> tuple[int, int, str]:
    """(status, code, msg) in Binance's form: nothing else is said."""
    body = response.json()
    assert body.keys() == {"code", "msg"}, body
    return response.status_code, body["code"], body["msg"]


async def test_an_order_signed_in_the_query_in_the_body_and_in_both(signer: Signer) -> None:
    now = f"&timestamp={int(time.time() * 1000)}"
    for query, body in ((ORDER + now, ""), ("", ORDER + now), (ORDER, now[1:]), (now[1:], ORDER)):
        for kind in ("application/x-www-form-urlencoded", "application/json", "application/octet-stream"):
            signature = f"signature={signer.signature(query + body)}"
            in_query = f"{query}&{signature}" if query else signature
            response = await signer.ask("POST", "/api/v3/order", in_query, content=body, kind=kind)
            assert response.status_code == 200, (kind, response.text)
            in_body = f"{body}&{signature}" if body else signature
            response = await signer.ask("POST", "/api/v3/order", query, content=in_body, kind=kind)
            assert response.status_code == 200, (kind, response.text)


async def test_what_a_dialect_differs_in(signer: Signer, anybody: Api) -> None:
    assert (await anybody.raw("GET", "/api/v3/ping")).json() == {}
    assert "symbol" not in (await anybody.raw("GET", "/api/v3/depth?symbol=BTCUSDT")).json()
    without = ORDER.replace("&timeInForce=GTC", "")
    assert refusal(await signer.signed("POST", "/api/v3/order", without))[:2] == (400, -1102)
    stop = ORDER.replace("LIMIT", "STOP_LOSS_LIMIT").replace("20000", "50000") + "&stopPrice=50000"
    assert "status" not in (await signer.signed("POST", "/api/v3/order", stop)).json()
    assert "fills" in (await signer.signed("POST", "/api/v3/order", ORDER)).json()
    assert refusal(await anybody.raw("GET", "/api/v3/nothing"))[:2] == (404, -1000)
    assert refusal(await anybody.raw("GET", "/sapi/v1/nothing"))[:2] == (404, -1000)
    assert refusal(await signer.signed("POST", "/api/v3/deposit", "asset=BTC&amount=1"))[:2] == (404, -1000)


async def test_checks_come_in_order(signer: Signer, bob: Api, anybody: Api) -> None:
    """Each request has one thing right more than the one before."""
    bad_key = (401, -2015, "Invalid API-key, IP, or permissions for action.")
    stale, future = "timestamp=1499827319559", "timestamp=9999999999999"
    assert refusal(await anybody.raw("GET", "/api/v3/account")) == (401, -2014, "API-key format invalid.")
    signer.key = "un known"
    assert refusal(await signer.ask("GET", "/api/v3/account", stale)) == (401, -2014, "API-key format invalid.")
    signer.key = "unknown"
    assert refusal(await signer.ask("GET", "/api/v3/account", f"{stale}&signature=00")) == bad_key
    signer.key = ALICE_KEY
    missing = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
    assert refusal(await signer.ask("GET", "/api/v3/account", stale)) == (400, -1102, missing.format("signature"))
    wrong = (400, -1022, "Signature for this request is not valid.")
    assert refusal(await signer.ask("GET", "/api/v3/account", f"{stale}&signature=00")) == wrong
    assert refusal(await signer.ask("GET", "/api/v3/account", f"signature={signer.signature('')}")) == (
        400, -1102, missing.format("timestamp"),
    )  # fmt: skip
    assert refusal(await signer.ask("GET", "/api/v3/order", f"{stale}&signature={signer.signature(stale)}")) == (
        400, -1021, "Timestamp for this request is outside of the recvWindow.",
    )  # fmt: skip
    assert refusal(await signer.ask("GET", "/api/v3/order", f"{future}&signature={signer.signature(future)}")) == (
        400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.",
    )  # fmt: skip
    assert refusal(await signer.signed("GET", "/api/v3/order")) == (400, -1102, missing.format("symbol"))
    assert (await signer.signed("GET", "/api/v3/account")).status_code == 200
    assert refusal(await Signer(signer.http, BOB_KEY).signed("GET", "/api/v3/account")) == wrong


@pytest.mark.parametrize(
    ("sent_ms", "window", "code"),
    [
        ("{now}", "", 0),
        ("{now}000", "", 0),  # microseconds
        ("{ahead999}", "", 0),
        ("{ahead1000}", "", -1021),
        ("{behind5000}", "", 0),
        ("{behind5001}", "", -1021),
        ("{behind5001}", "5001", 0),
        ("{behind5000}", "4999.999", -1021),
        ("{behind60000}", "60000", 0),
        ("{behind60000}", "60000.000", 0),
        ("{now}", "60000.001", -1131),
        ("{now}", "60001", -1131),
        ("{now}", "0", 0),
        ("{now}", "-1", -1100),
        ("{now}", "abc", -1100),
        ("{now}", "1.2345", -1111),
        ("", "", -1105),
        ("-1", "", -1100),
        ("1.5", "", -1100),
        ("9" * 20, "", -1108),
        ("9" * 21, "", -1100),
    ],
)
async def test_the_window_of_time_is_the_venues(
    venue: Venue, signer: Signer, sent_ms: str, window: str, code: int
) -> None:
    await venue.clock.set_virtual(START_MS)
    times = {"now": START_MS} | {f"ahead{ms}": START_MS + ms for ms in (999, 1000)}
    times |= {f"behind{ms}": START_MS - ms for ms in (5000, 5001, 60000)}
    text = f"timestamp={sent_ms.format(**times)}" + (f"&recvWindow={window}" if window else "")
    response = await signer.ask("GET", "/api/v3/account", f"{text}&signature={signer.signature(text)}")
    assert response.json().get("code", 0) == code, response.text
    if code == -1131:
        assert response.json()["msg"] == "'recvWindow' must be less than 60000."
