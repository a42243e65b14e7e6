"""session.logon, session.status, session.logout: a key that shows itself once, for all requests of a connection.

The fact a newcomer would get wrong: only Ed25519 keys can log on, as on Binance; others sign each of their requests.
And who logs out is still connected: what was subscribed by signature goes on.
"""

from typing import Any, Final

import msgspec

from accounts.keys.public_keys import ED25519, public_key_verifier
from accounts.websocket_api.connection import Connection, Session
from accounts.websocket_api.methods import ConnectionMethods, Credentials
from accounts.websocket_api.user_streams import end
from api.callers import Caller
from api.errors import BAD_KEY, HMAC_CANNOT_LOG_ON, RSA_CANNOT_LOG_ON, Refused
from api.router import Nothing
from engine.unsaid import Unsaid

METHODS: Final = ConnectionMethods()


class LogOnRequest(Unsaid, msgspec.Struct, kw_only=True, rename="camel"):
    api_key: str


@METHODS.method("session.logon", credentials=Credentials.SIGNATURE)
async def log_on(request: LogOnRequest, caller: Caller, connection: Connection) -> dict[str, Any]:
    """From here on the connection's requests are those of this key, instead of one that had logged on before."""
    record = await connection.runtime.venue.registry.key(caller.key_digest)
    if record is None:
        raise Refused(BAD_KEY)
    if not record.public_key:
        raise Refused(HMAC_CANNOT_LOG_ON)
    if public_key_verifier(record.public_key).kind != ED25519:
        raise Refused(RSA_CANNOT_LOG_ON)
    now_ms = await connection.now_ms()
    connection.session = Session(request.api_key, caller.key_digest, now_ms)
    return _view(connection, now_ms)


@METHODS.method("session.status")
async def status(request: Nothing, caller: Caller, connection: Connection) -> dict[str, Any]:
    """The connection, and the key that has logged on if there is one."""
    return _view(connection, await connection.now_ms())


@METHODS.method("session.logout")
async def log_out(request: Nothing, caller: Caller, connection: Connection) -> dict[str, Any]:
    """Forget the key, and end what it has subscribed as the session; nothing if nobody has logged on."""
    now_ms = await connection.now_ms()
    for number in sorted(connection.session_subscriptions):
        end(connection, number, now_ms)
    connection.session = None
    return _view(connection, now_ms)


def _view(connection: Connection, now_ms: int) -> dict[str, Any]:
    session = connection.session
    return {
        "apiKey": None if session is None else session.api_key,
        "authorizedSince": None if session is None else session.since_ms,
        "connectedSince": connection.since_ms,
        "returnRateLimits": connection.preferences.shows_rate_limits,
        "serverTime": now_ms,
        "userDataStream": bool(connection.subscriptions),
    }
