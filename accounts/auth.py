"""Who asks: from the API key of a request, and what it is signed with, to a Caller.

The fact a newcomer would get wrong: this looks at a record that may be a moment old. Commands carry the key's digest
and the script looks again, so what matters is decided there; here it is decided what a reader may see.
"""

import re
from typing import Final, NamedTuple

from msgspec.structs import replace

from accounts.digests import key_digest
from accounts.keys.allow_lists import is_listed
from accounts.signatures import NOBODY, Signed, cut_signature, read_window, verifier_of
from api.callers import Caller, Permission, RawRequest
from api.dialects import Dialect
from api.errors import AHEAD_OF_SERVER, BAD_KEY, BAD_KEY_FORMAT, BAD_SIGNATURE, OUTSIDE_WINDOW, Refused
from api.parameters import is_json
from api.router import Route
from api.runtime import Runtime
from engine.errors import BadParameter
from engine.registry import KeyRecord

KEY: Final = re.compile(rb"[A-Za-z0-9_-]{1,128}")
AHEAD_US: Final = 1_000_000  # a timestamp may be less than this ahead of the venue's clock


async def authenticate(runtime: Runtime, request: RawRequest, route: Route) -> Caller:
    """Whose key this is.

    Raises Refused: BAD_KEY_FORMAT for none or none that could be one; BAD_KEY for one that is not in force, a missing
    permission, an address that is not on its list, and for a key that wants every request signed; also what
    `check_signed` raises.
    """
    api_key = b""
    for name in route.dialect.key_headers:
        api_key = api_key or request.headers.get(name, b"")
    if not KEY.fullmatch(api_key):
        raise Refused(BAD_KEY_FORMAT)
    assert route.permission is not None
    if route.is_signed:
        return await check_signed(runtime, _signed(api_key, request, route), route.permission, route.dialect)
    digest = key_digest(api_key.decode())
    record = await runtime.venue.registry.key(digest)
    if record is None or not may(record, route.permission, request.address):
        raise Refused(BAD_KEY)
    if record.requires_signature and not route.dialect.is_signed:
        signed = _signed(api_key, request, route)
        if signed.signature is None:
            raise Refused(BAD_KEY)
        return await check_signed(runtime, signed, route.permission, route.dialect)
    return Caller(route.dialect, record.account, record.user_name, digest)


async def check_signed(runtime: Runtime, signed: Signed, permission: Permission, dialect: Dialect) -> Caller:
    """Who signed this, now. Raises what `check_signature` and `check_time` raise, in this order."""
    caller = await check_signature(runtime, signed, permission, dialect)
    return await check_time(runtime, caller, signed.timestamp, signed.recv_window)


async def check_signature(runtime: Runtime, signed: Signed, permission: Permission, dialect: Dialect) -> Caller:
    """Who signed this, whenever that was.

    Raises Refused: BAD_KEY for all that must not be told apart, whatever was signed; then BadParameter for a signature
    that was not sent, Refused BAD_SIGNATURE for a wrong one.
    """
    digest = key_digest(signed.api_key)
    record = await runtime.venue.registry.key(digest)
    verifier = NOBODY if record is None else verifier_of(record, digest)
    is_genuine = verifier.is_genuine(signed.payload, signed.signature or b"")
    if record is None or not may(record, permission, signed.address):
        raise Refused(BAD_KEY)
    if not signed.signature:
        raise BadParameter("signature", "MISSING" if signed.signature is None else "EMPTY")
    if not is_genuine:
        raise Refused(BAD_SIGNATURE)
    return Caller(dialect, record.account, record.user_name, digest)


async def check_time(runtime: Runtime, caller: Caller, timestamp: str | None, recv_window: str | None) -> Caller:
    """The caller, for commands that are executed while the request's window is open.

    Raises BadParameter for texts that are no times, Refused AHEAD_OF_SERVER or OUTSIDE_WINDOW by the venue's clock.
    """
    window = read_window(timestamp, recv_window)
    guess_us = runtime.time.guess_us()
    if guess_us is None or not window.sent_us - AHEAD_US < guess_us <= window.until_us:
        now_us = await runtime.time.ask_us()
        if now_us <= window.sent_us - AHEAD_US:
            raise Refused(AHEAD_OF_SERVER)
        if now_us > window.until_us:
            raise Refused(OUTSIDE_WINDOW)
    return replace(caller, until_us=window.until_us)


async def check_key(runtime: Runtime, digest: str, permission: Permission, dialect: Dialect, *, address: str) -> Caller:
    """Whose key has this digest, for one that has shown itself before. Raises Refused BAD_KEY."""
    record = await runtime.venue.registry.key(digest)
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


def _signed(api_key: bytes, request: RawRequest, route: Route) -> Signed:
    if route.dialect.reads_json and is_json(request.body):  # there is no pair to be found in JSON
        cut = cut_signature(request.query, b"")
        payload = cut.payload + request.body
    else:
        cut = cut_signature(request.query, request.body)
        payload = cut.payload
    texts = request.texts
    return Signed(
        api_key.decode(), payload, cut.signature, texts.get("timestamp"), texts.get("recvWindow"), request.address
    )
