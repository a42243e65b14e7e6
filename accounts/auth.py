"""Who asks: from the API key of a request, and what it is signed with, to a Caller.

The fact a newcomer would get wrong: this looks at a record that may be a moment old. Commands carry the key's digest
and the script looks again, so what matters is decided there; here it is decided what a reader may see.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from accounts.digests import KEYS_KEPT, key_digest
from accounts.keys.allow_lists import is_listed
from accounts.signatures import NOBODY, cut_signature, read_window, verifier_of
from api.callers import Caller, Permission, RawRequest
from api.dialects import Dialect
from api.errors import AHEAD_OF_SERVER, BAD_KEY, BAD_KEY_FORMAT, BAD_SIGNATURE, OUTSIDE_WINDOW, Refused
from api.parameters import Texts, is_json
from api.router import Route
from api.runtime import Runtime
from engine.claims import Claim
from engine.errors import BadParameter
from engine.registry import KeyRecord

KEY: Final = re.compile(rb"[A-Za-z0-9_-]{1,128}")
AHEAD_US: Final = 1_000_000  # a timestamp may be less than this ahead of the venue's clock


@lru_cache(maxsize=KEYS_KEPT)
def digest_of(api_key: bytes) -> str:
    """What the exchange knows a key by that has come with a request. Raises Refused BAD_KEY_FORMAT."""
    if not KEY.fullmatch(api_key):
        raise Refused(BAD_KEY_FORMAT)
    return key_digest(api_key.decode())


async def authenticate(runtime: Runtime, request: RawRequest, route: Route) -> Caller:
    """Whose key this is.

    Raises Refused: BAD_KEY_FORMAT for none or none that could be one; BAD_KEY for one that is not in force, a missing
    permission, an address that is not on its list, and for a key that wants every request signed; of a request that is
    signed also what `check_signature` and `check_time` raise, in this order.
    """
    digest = digest_of(_api_key(request, route.dialect))
    record = await record_of(runtime, digest)
    assert route.permission is not None
    if not route.is_signed:
        if record is None or not may(record, route.permission, request.address):
            raise Refused(BAD_KEY)
        if not record.requires_signature or route.dialect.is_signed:
            return Caller(route.dialect, record.account, record.user_name, digest)
    payload, signature = _signed_part(request, route.dialect)
    if signature is None and not route.is_signed:
        raise Refused(BAD_KEY)
    record = check_signature(record, digest, payload, signature, permission=route.permission, address=request.address)
    until_us = await check_time(runtime, request.texts)
    if not (route.permission is Permission.READ or runtime.venue.claims.are_known_off):
        await claim(runtime, digest, payload, until_us)
    return Caller(route.dialect, record.account, record.user_name, digest, until_us)


async def record_of(runtime: Runtime, digest: str) -> KeyRecord | None:
    """The record of the key with this digest, None if it is not in force."""
    registry = runtime.venue.registry
    return registry.known_keys.get(digest) or await registry.key(digest)


def check_signature(
    record: KeyRecord | None,
    digest: str,
    payload: bytes,
    signature: bytes | None,
    *,
    permission: Permission,
    address: str,
) -> KeyRecord:
    """The record of the key that has signed this, whenever that was; `signature`: None if none was sent.

    Raises Refused: BAD_KEY for all that must not be told apart, whatever was signed; then BadParameter for a signature
    that was not sent, Refused BAD_SIGNATURE for a wrong one.
    """
    verifier = NOBODY if record is None else verifier_of(record, digest)
    is_genuine = verifier.is_genuine(payload, signature or b"")
    if record is None or not may(record, permission, address):
        raise Refused(BAD_KEY)
    if not signature:
        raise BadParameter("signature", "MISSING" if signature is None else "EMPTY")
    if not is_genuine:
        raise Refused(BAD_SIGNATURE)
    return record


async def check_time(runtime: Runtime, texts: Texts) -> int:
    """Until when a request with these parameters may be executed, in microseconds of the venue's clock.

    Raises BadParameter for texts that are no times, Refused AHEAD_OF_SERVER or OUTSIDE_WINDOW by the venue's clock.
    """
    sent_us, until_us = read_window(texts.get("timestamp"), texts.get("recvWindow"))
    guess_us = runtime.time.guess_us()
    if guess_us is None or not sent_us - AHEAD_US < guess_us <= until_us:
        now_us = await runtime.time.ask_us()
        if now_us <= sent_us - AHEAD_US:
            raise Refused(AHEAD_OF_SERVER)
        if now_us > until_us:
            raise Refused(OUTSIDE_WINDOW)
    return until_us


async def claim(runtime: Runtime, digest: str, payload: bytes, until_us: int) -> None:
    """Where what was signed is executed once: the first request that changes something with these bytes may go on.

    Raises Refused BAD_SIGNATURE for any other, OUTSIDE_WINDOW by the venue's clock, EngineUnavailable.
    """
    if not await runtime.venue.claims.are_wanted():
        return
    said = await runtime.venue.claims.claim(digest, payload, until_us)
    if said is not Claim.NEW:
        raise Refused(OUTSIDE_WINDOW if said is Claim.LATE else BAD_SIGNATURE)


async def check_key(runtime: Runtime, digest: str, permission: Permission, dialect: Dialect, *, address: str) -> Caller:
    """Whose key has this digest, for one that has shown itself before. Raises Refused BAD_KEY."""
    record = await record_of(runtime, digest)
    if record is None or not may(record, permission, address):
        raise Refused(BAD_KEY)
    return Caller(dialect, record.account, record.user_name, digest)


class Hearing(NamedTuple):
    """How a socket hears an account: with which key, from where, and whether it has shown more than the bare key."""

    key_digest: str
    address: str
    is_signed: bool = True

    def may_go_on(self, record: KeyRecord | None) -> bool:
        """Whether the key as it is now permits this. Asked at the beginning, and whenever the account's keys change."""
        if record is None or (record.requires_signature and not self.is_signed):
            return False
        return may(record, Permission.READ, self.address)


def may(record: KeyRecord, permission: Permission, address: str) -> bool:
    """Whether a key permits this, to a peer with this address."""
    return permission in record.permissions and is_listed(record.addresses, address)


def _api_key(request: RawRequest, dialect: Dialect) -> bytes:
    for name in dialect.key_headers:
        api_key = request.headers.get(name)
        if api_key:
            return api_key
    return b""


def _signed_part(request: RawRequest, dialect: Dialect) -> tuple[bytes, bytes | None]:
    """What was to be signed, and the signature."""
    if dialect.reads_json and is_json(request.body):  # there is no pair to be found in JSON
        payload, signature = cut_signature(request.query, b"")
        return payload + request.body, signature
    return cut_signature(request.query, request.body)
