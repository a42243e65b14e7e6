"""Keys that their users have made, from where a key may be used, and what nobody may learn of a key from a refusal.

The fact a newcomer would get wrong: a refusal for an unknown key, one that is not in force, a missing permission and a
wrong address are the same to the byte, whether the signature was right or not.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from accounts.digests import key_digest
from accounts.keys.allow_lists import is_listed, read_allow_list
from accounts.keys.public_keys import public_key_verifier, read_public_key
from accounts.secrets import seal
from accounts.signatures import Verifier, verifier_of
from api.router import Router
from api.runtime import Runtime
from engine.registry import KeyRecord
from engine.venue import Venue
from tests.api.conftest import ALICE_KEY, BOB_KEY, Api

pytestmark = pytest.mark.django_db(transaction=True)

# faqs/api_key_types.md: sample keys.
DOCUMENTED_ED25519 = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAgmDRTtj2FA+wzJUIlAL9ly1eovjLBu7uXUFR+jFULmg=
-----END PUBLIC KEY-----
"""
DOCUMENTED_RSA = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyfKiFXpcOhF5rX1XxePN
akwN7Etwtn3v05cZNY+ftDHbVZHs/kY6Ruj5lhxVFAq5dv7Ba9/4jPijXuMuIc6Y
8nUlqtrrxC8DEOAczw9SKATDYZN9nbLfYlbBFfHzRQUXdAtYCPI6XtxmJBS7aOBb
4nZe1SVm+bhLrp0YQnx2P0s+37qkGeVn09m6w9MnWxjgCkkYFPWQkXIu5qOnwx6p
NfqDmFD7d7dUc/6PZQ1bKFALu/UETsobmBk82ShbrBhlc0JXuhf9qBR7QASjHjFQ
2N+VF2PfH8dm5prZIpz/MFKPkBW4Yuss0OXiD+jQt1J2JUKspLqsIqoXjHQQGjL7
3wIDAQAB
-----END PUBLIC KEY-----
"""
ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
Sign = Callable[[bytes], bytes]
SIGNERS: dict[str, tuple[str, Sign]] = {
    "Ed25519": (
        ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        lambda payload: base64.b64encode(ED25519.sign(payload)),
    ),
    "RSA": (
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        lambda payload: base64.b64encode(RSA.sign(payload, PKCS1v15(), SHA256())),
    ),
}
BAD_KEY = (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
WRONG = (400, {"code": -1022, "msg": "Signature for this request is not valid."})


async def publish(venue: Venue, runtime: Runtime, key: str, record: KeyRecord | None) -> None:
    """Define or revoke a key of alice, and wait until the process has heard of it."""
    digest = key_digest(key)
    if record is None:
        await venue.registry.revoke_key(digest, account=1, name="alice")
    else:
        await venue.registry.define_key(digest, record)
    async with asyncio.timeout(5):
        while await runtime.venue.registry.key(digest) != record:
            await asyncio.sleep(0.001)


def said(response: httpx.Response) -> tuple[int, object]:
    return response.status_code, response.json()


def signed(payload: str) -> str:
    """By the key whose secret is "secret"."""
    return hmac.new(b"secret", payload.encode(), hashlib.sha256).hexdigest()


def now() -> str:
    return f"timestamp={int(time.time() * 1000)}"


@pytest.mark.parametrize("kind", SIGNERS)
@pytest.mark.parametrize("is_encoded", [True, False])
async def test_a_key_that_its_user_has_made(
    venue: Venue, alice: Api, http: httpx.AsyncClient, kind: str, is_encoded: bool
) -> None:
    pem, sign = SIGNERS[kind]
    record = KeyRecord(account=1, user_name="alice", public_key=read_public_key(pem), requires_signature=True)
    await venue.registry.define_key(key_digest("own"), record)
    headers = {"X-MBX-APIKEY": "own"}
    for _ in range(8):  # of eight signatures one has a + or a /
        payload = f"{now()}&recvWindow=60000"
        text = sign(payload.encode()).decode()
        signature = quote(text, safe="") if is_encoded else text
        for path in ("/api/v3/account", "/api/v1/account"):
            found = await http.get(f"{path}?{payload}&signature={signature}", headers=headers)
            assert (found.status_code, found.json()["uid"]) == (200, 1)
        swapped = quote(text.swapcase(), safe="")  # unlike hex, base64 is case-sensitive
        assert said(await http.get(f"/api/v3/account?{payload}&signature={swapped}", headers=headers)) == WRONG
        for wrong in ("00" * 32, "%C3%BC", "=", quote(text[:-4], safe="")):
            assert said(await http.get(f"/api/v3/account?{payload}&signature={wrong}", headers=headers)) == WRONG
    assert (await http.get("/api/v1/account", headers=headers)).status_code == 401


def test_which_public_keys_are_taken() -> None:
    for pem in (DOCUMENTED_ED25519, DOCUMENTED_RSA, *(pem for pem, _ in SIGNERS.values())):
        assert read_public_key(f"\n {pem}\n") == pem
    assert public_key_verifier(DOCUMENTED_ED25519).kind == "Ed25519"
    assert public_key_verifier(DOCUMENTED_RSA).kind == "RSA"
    private = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    small = rsa.generate_private_key(65537, 1024).public_key()
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    for text, words in (
        (private, "this is a private key"),
        (small.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "this one has 1024"),
        (curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "neither an Ed25519 nor an RSA"),
        ("", "no public key in PEM"),
        ("ssh-ed25519 AAAA", "no public key in PEM"),
        (DOCUMENTED_RSA.replace("A", "B"), "no public key in PEM"),
        ("x" * 2_001, "no more than 2000"),
    ):
        with pytest.raises(ValueError, match=words) as refusal:
            read_public_key(text)
        assert "MC4C" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("127.0.0.1", "127.0.0.1/32"),
        (" 10.0.0.0/8 ,, ::1,10.0.0.0/8", "10.0.0.0/8,::1/128"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_an_allow_list_is_kept_in_one_form(text: str, kept: str) -> None:
    assert read_allow_list(text) == read_allow_list(kept) == kept


@pytest.mark.parametrize("text", ["x", "10.0.0.1/8", "1.2.3", "1.2.3.4/33", "localhost", "::1/129", "010.0.0.1", "*"])
def test_what_is_no_allow_list(text: str) -> None:
    with pytest.raises(ValueError, match="is no address and no network"):
        read_allow_list(text)
    with pytest.raises(ValueError, match="more than 500"):
        read_allow_list(",".join(f"10.0.{number}.0/24" for number in range(50)))


@pytest.mark.parametrize(
    ("allow_list", "address", "may"),
    [
        ("", "", True),
        ("", "1.2.3.4", True),
        ("127.0.0.1/32", "127.0.0.1", True),
        ("127.0.0.1/32", "127.0.0.2", False),
        ("10.0.0.0/8,::1/128", "::1", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:11.1.2.3", False),
        ("::/0", "1.2.3.4", False),
        ("0.0.0.0/0", "", False),
        ("0.0.0.0/0", "not an address", False),
        ("fe80::/10", "fe80::1%eth0", True),
    ],
)
def test_from_where_a_key_may_be_used(allow_list: str, address: str, may: bool) -> None:
    assert is_listed(allow_list, address) is may


async def test_a_request_from_elsewhere_is_refused_whatever_its_headers_say(
    venue: Venue, router: Router, alice: Api, http: httpx.AsyncClient
) -> None:
    digest = key_digest(ALICE_KEY)
    sealed = seal("secret", digest=digest)
    record = KeyRecord(account=1, user_name="alice", sealed_secret=sealed, addresses="10.0.0.0/8")
    await venue.registry.define_key(digest, record)
    for address, status in (("10.1.2.3", 200), ("11.1.2.3", 401)):
        transport = httpx.ASGITransport(router, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://exchange") as client:
            for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"):
                headers = {"X-MBX-APIKEY": ALICE_KEY, name: "10.9.9.9"}
                payload = now()
                signature = signed(payload)
                for path in ("/api/v3/account", "/api/v1/account"):
                    found = await client.get(f"{path}?{payload}&signature={signature}", headers=headers)
                    assert found.status_code == status, found.text


async def test_what_must_not_be_told_apart_is_not(
    venue: Venue, runtime: Runtime, alice: Api, bob: Api, http: httpx.AsyncClient
) -> None:
    digest, payload = key_digest(ALICE_KEY), now()
    sealed = seal("secret", digest=digest)
    good = KeyRecord(account=1, user_name="alice", sealed_secret=sealed)
    signatures = (signed(payload), "00" * 32, "", None)

    async def refusals(key: str) -> set[str]:
        found = set()
        for signature in signatures:
            pair = "" if signature is None else f"&signature={signature}"
            response = await http.get(f"/api/v3/account?{payload}{pair}", headers={"X-MBX-APIKEY": key})
            assert said(response) == BAD_KEY
            found.add(response.text + str(sorted(response.headers.items())))
        return found

    unknown = await refusals("nobody")
    for changes in ({"permissions": "TW"}, {"permissions": ""}, {"addresses": "10.0.0.0/8"}):
        record = KeyRecord(account=1, user_name="alice", sealed_secret=sealed, **changes)
        await publish(venue, runtime, ALICE_KEY, record)
        assert await refusals(ALICE_KEY) == unknown
    await publish(venue, runtime, ALICE_KEY, None)
    assert await refusals(ALICE_KEY) == unknown
    await publish(venue, runtime, ALICE_KEY, good)
    path = f"/api/v3/account?{payload}&signature={signatures[0]}"
    assert (await http.get(path, headers={"X-MBX-APIKEY": ALICE_KEY})).status_code == 200
    assert said(await http.get(path, headers={"X-MBX-APIKEY": BOB_KEY})) == WRONG


async def test_a_secret_that_does_not_open_lets_nobody_in(
    venue: Venue, alice: Api, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a loss of seal.key."""
    digest = key_digest(ALICE_KEY)
    record = KeyRecord(account=1, user_name="alice", sealed_secret=seal("secret", digest="another"))
    await venue.registry.define_key(digest, record)
    payload = now()
    path = f"/api/v3/account?{payload}&signature={signed(payload)}"
    assert said(await http.get(path, headers={"X-MBX-APIKEY": ALICE_KEY})) == WRONG
    assert "does not open with this sealing key" in caplog.text
    assert digest not in caplog.text


def test_nothing_secret_is_in_a_repr() -> None:
    digest = key_digest("any")
    record = KeyRecord(account=1, user_name="alice", sealed_secret=seal("the secret", digest=digest))
    verifier: Verifier = verifier_of(record, digest)
    assert verifier_of(record, digest) is verifier  # opened once
    assert "the secret" not in repr(verifier) + repr(record) + str(vars(type(verifier)))
