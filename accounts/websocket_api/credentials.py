"""Who sends a request of the WebSocket API: its own key and signature say so, or the key that has logged on before.

What is signed are the parameters but the signature, sorted by name, name=value joined by &, numbers as they stand in
the JSON text. The fact a newcomer would get wrong: Binance's document signs the text as it is (web-socket-api.md,
"SIGNED request security"), widely used clients sign it percent-encoded. Both are taken; they differ only where a value
has a character that would be encoded.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from msgspec.structs import replace

from accounts.auth import check_key, check_signature, check_time, claim, digest_of, record_of
from accounts.keys.allow_lists import is_listed
from accounts.websocket_api.connection import Connection, Session
from accounts.websocket_api.methods import Credentials, Method
from api.callers import Caller, Permission
from api.dialects import V3
from api.errors import BAD_KEY, BAD_SIGNATURE, NOT_LOGGED_ON, Refused
from api.parameters import Texts
from engine.errors import BadParameter

API_KEY: Final = "apiKey"
SIGNATURE: Final = "signature"
_ENCODED: Final = re.compile(r"[^A-Za-z0-9_.~=&-]")  # what some clients write otherwise


class SessionRevoked(Refused):
    """The key that had logged on is good no more. The session is over; other connections and keys are not."""

    def __init__(self) -> None:
        super().__init__(BAD_KEY)


async def caller_of(connection: Connection, method: Method, texts: Texts, session: Session | None) -> Caller:
    """Whose request this is, for a method with credentials; `session`: the connection's when the request came.

    Raises BadParameter for what was not sent, Refused for what is not right, SessionRevoked.
    """
    api_key = None if method.credentials is Credentials.SESSION else texts.get(API_KEY)
    if api_key is None:
        caller = await _of_session(connection, method, session)
    elif method.credentials is Credentials.KEY_OR_SESSION:
        digest = digest_of(api_key.encode())
        caller = await check_key(connection.runtime, digest, method.permission, V3, address=connection.address)
    else:
        return await _of_signature(connection, method, texts, api_key)
    if method.credentials in (Credentials.SIGNATURE, Credentials.SIGNATURE_OR_SESSION):
        return replace(caller, until_us=await check_time(connection.runtime, texts))
    return caller


async def _of_session(connection: Connection, method: Method, session: Session | None) -> Caller:
    if session is None or method.credentials is Credentials.SIGNATURE:
        raise Refused(NOT_LOGGED_ON) if method.credentials is Credentials.SESSION else BadParameter(API_KEY, "MISSING")
    record = await connection.runtime.venue.registry.key(session.key_digest)
    if record is None or not is_listed(record.addresses, connection.address):
        if connection.session is session:
            connection.session = None
        raise SessionRevoked
    address = connection.address
    return await check_key(connection.runtime, session.key_digest, method.permission, V3, address=address)


async def _of_signature(connection: Connection, method: Method, texts: Texts, api_key: str) -> Caller:
    """The signer, by any of the payloads; none of them is right: as the last one says."""
    digest = digest_of(api_key.encode())
    found = await record_of(connection.runtime, digest)
    signature = texts.get(SIGNATURE)
    given = None if signature is None else signature.encode()
    refusal = Refused(BAD_SIGNATURE)
    for payload in payloads(texts):
        try:
            record = check_signature(
                found, digest, payload, given, permission=method.permission, address=connection.address
            )
            break
        except Refused as error:
            if error.answer is not BAD_SIGNATURE:
                raise
            refusal = error
    else:
        raise refusal
    until_us = await check_time(connection.runtime, texts)
    if not (method.permission is Permission.READ or connection.runtime.venue.claims.are_known_off):
        await claim(connection.runtime, digest, payload, until_us)
    return Caller(V3, record.account, record.user_name, digest, until_us)


def payloads(texts: Texts) -> Iterator[bytes]:
    """What may have been signed, the documented form first, which no name or value with & in it has.

    Otherwise two parameters that were signed could be sent as one that nobody knows.
    """
    pairs = sorted([(name, text) for name, text in texts.items() if name != SIGNATURE])
    plain = "&".join([f"{name}={text}" for name, text in pairs])
    is_plain = plain.count("&") < max(len(pairs), 1)
    if is_plain:
        yield plain.encode()
    if not is_plain or _ENCODED.search(plain):
        yield "&".join([f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in pairs]).encode()
