"""What a request has to show beside its key: a signature, and a time that is not long ago.

The fact a newcomer would get wrong: what is signed is the query and the body as they were received, one behind the
other, without the pair `signature=...` wherever it stands. Nothing is decoded, sorted or written again.
"""

import logging
import secrets
from binascii import unhexlify
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from accounts.keys.public_keys import public_key_verifier
from accounts.secrets import CannotUnseal, unseal
from api.parameters import LARGEST_INTEGER, MOST_DIGITS
from engine.amounts import to_atoms
from engine.errors import BadParameter
from engine.registry import KeyRecord

logger = logging.getLogger(__name__)

PAIR: Final = b"signature="
BLOCK_BYTES: Final = 64  # what SHA-256 takes in at a time
VERIFIERS_KEPT: Final = 4_096  # a bot signs every order with the same key
WINDOWS_KEPT: Final = 256
USUAL_WINDOW_US: Final = 5_000_000
LONGEST_WINDOW_US: Final = 60_000_000
FIRST_IN_MICROSECONDS: Final = 10**14  # a smaller timestamp is in milliseconds


def cut_signature(query: bytes, body: bytes) -> tuple[bytes, bytes | None]:
    """What was signed, and the signature, percent-decoded; None when there is none.

    Where both query and body have one, it is the query's.
    """
    query, in_query = _cut_pair(query) if query else (query, None)
    body, in_body = _cut_pair(body) if body else (body, None)
    return query + body, in_body if in_query is None else in_query


def _cut_pair(text: bytes) -> tuple[bytes, bytes | None]:
    """The pairs but that of the signature, and its value. A name twice is refused elsewhere."""
    if text.startswith(PAIR):
        value, _, rest = text[len(PAIR) :].partition(b"&")
    else:
        before, found, behind = text.partition(b"&" + PAIR)
        if not found:
            return text, None
        value, ampersand, after = behind.partition(b"&")
        rest = before + ampersand + after
    # A plus stays one: base64 has it, and not everybody writes it as %2B.
    return rest, unquote_to_bytes(value) if b"%" in value else value


class Verifier(Protocol):
    """Knows a key's signature from others."""

    def is_genuine(self, payload: bytes, signature: bytes) -> bool: ...


class HmacVerifier:
    """HMAC-SHA256 in hex, in either case.

    Two hashes that have the key in them are made once and copied for each signature (RFC 2104, section 4): that takes
    half the time of `hmac.digest`, which has the key to prepare and the algorithm to find each time.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: bytes) -> None:
        key = sha256(secret).digest() if len(secret) > BLOCK_BYTES else secret
        key = key.ljust(BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in key))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in key))

    def __repr__(self) -> str:
        return "HmacVerifier(…)"

    def is_genuine(self, payload: bytes, signature: bytes) -> bool:
        inner, expected = self._inner.copy(), self._outer.copy()
        inner.update(payload)
        expected.update(inner.digest())
        try:
            given = unhexlify(signature)
        except ValueError:
            given = b""
        return compare_digest(expected.digest(), given)


NOBODY: Final = HmacVerifier(secrets.token_bytes(32))  # an unknown key takes as long as a known one


def verifier_of(record: KeyRecord, digest: str) -> Verifier:
    """What knows the signatures of the key with this digest. NOBODY if its secret does not open."""
    return (
        public_key_verifier(record.public_key) if record.public_key else _secret_verifier(record.sealed_secret, digest)
    )


@lru_cache(maxsize=VERIFIERS_KEPT)
def _secret_verifier(sealed_secret: str, digest: str) -> Verifier:
    try:
        return HmacVerifier(unseal(sealed_secret, digest=digest).encode())
    except CannotUnseal as error:
        logger.error("%s: nothing can be signed with it", error)
        return NOBODY


def read_window(timestamp: str | None, recv_window: str | None) -> tuple[int, int]:
    """From when a request is, and until when it may be executed; both in microseconds since 1970.

    `timestamp` is in milliseconds or microseconds, `recvWindow` in milliseconds with up to three decimals. Raises
    BadParameter.
    """
    sent_us = _read_timestamp(timestamp)
    return sent_us, sent_us + (USUAL_WINDOW_US if recv_window is None else _read_recv_window(recv_window))


def _read_timestamp(text: str | None) -> int:
    if text is None:
        raise BadParameter("timestamp", "MISSING")
    if not text:
        raise BadParameter("timestamp", "EMPTY")
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise BadParameter("timestamp", "ILLEGAL_CHARACTERS", value=text)
    number = int(text)
    if number > LARGEST_INTEGER:
        raise BadParameter("timestamp", "TOO_LARGE", value=text)
    return number if number >= FIRST_IN_MICROSECONDS else number * 1000


@lru_cache(maxsize=WINDOWS_KEPT)
def _read_recv_window(text: str) -> int:
    if not text:
        raise BadParameter("recvWindow", "EMPTY")
    window_us = to_atoms(text, decimals=3, limit=LARGEST_INTEGER, field="recvWindow")
    if window_us > LONGEST_WINDOW_US:
        raise BadParameter("recvWindow", "OUT_OF_RANGE", value=text)
    return window_us
