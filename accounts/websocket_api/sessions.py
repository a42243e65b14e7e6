"""session.status and session.logout: what a connection is, and the end of what began with session.logon.

The fact a newcomer would get wrong: who logs out is still connected, and what was subscribed by signature goes on.
"""

from typing import Any, Final

from accounts.websocket_api.connection import Connection
from accounts.websocket_api.methods import ConnectionMethods
from accounts.websocket_api.user_streams import end
from api.callers import Caller
from api.router import Nothing

METHODS: Final = ConnectionMethods()


@METHODS.method("session.status")
async def status(request: Nothing, caller: Caller, connection: Connection) -> dict[str, Any]:
    """The connection, and the key that has logged on if there is one."""
    return await _view(connection)


@METHODS.method("session.logout")
async def log_out(request: Nothing, caller: Caller, connection: Connection) -> dict[str, Any]:
    """Forget the key, and end what it has subscribed as the session; nothing if nobody has logged on."""
    number = connection.session_subscription
    if number in connection.subscriptions:
        await end(connection, [number])
    connection.session = connection.session_subscription = None
    return await _view(connection)


async def _view(connection: Connection) -> dict[str, Any]:
    session = connection.session
    return {
        "apiKey": None if session is None else session.api_key,
        "authorizedSince": None if session is None else session.since_ms,
        "connectedSince": connection.since_ms,
        "returnRateLimits": connection.preferences.shows_rate_limits,
        "serverTime": (await connection.runtime.venue.queries.clock()).now_ms,
        "userDataStream": bool(connection.subscriptions),
    }
