"""userDataStream.subscribe and its relatives: events of accounts on the connection that asks for them.

The fact a newcomer would get wrong: a subscription belongs to a connection, not to a session. One that was begun by
signature goes on when the session ends; subscriptions of several accounts run side by side.
"""

from typing import Any, Final

import msgspec

from accounts.auth import Hearing
from accounts.user_events.subscriptions import numbered_envelope, open_account
from accounts.websocket_api.connection import Connection
from accounts.websocket_api.methods import ConnectionMethods, Credentials
from api.callers import Caller
from api.errors import NO_MORE_SUBSCRIPTION_IDS, NOT_SUBSCRIBED, SUBSCRIBED, TOO_MANY_SUBSCRIPTIONS, Refused
from api.router import Nothing

METHODS: Final = ConnectionMethods()
MOST_AT_ONCE: Final = 1_000
MOST_IN_ALL: Final = 65_535


class UnsubscribeRequest(msgspec.Struct, kw_only=True, rename="camel"):
    subscription_id: int | None = None


@METHODS.method("userDataStream.subscribe", credentials=Credentials.SESSION)
async def subscribe(request: Nothing, caller: Caller, connection: Connection) -> dict[str, int]:
    """Hear the account whose key has logged on."""
    number = await _open(connection, caller)
    connection.session_subscriptions.add(number)
    return {"subscriptionId": number}


@METHODS.method("userDataStream.subscribe.signature", credentials=Credentials.SIGNATURE)
async def subscribe_by_signature(request: Nothing, caller: Caller, connection: Connection) -> dict[str, int]:
    """Hear the account of the key that signs the request."""
    return {"subscriptionId": await _open(connection, caller)}


async def _open(connection: Connection, caller: Caller) -> int:
    """A subscription that begins behind the answer. Raises Refused, EngineUnavailable."""
    heard = connection.subscriptions
    if any(subscription.account == caller.account for subscription in heard.values()):
        raise Refused(SUBSCRIBED)
    if len(heard) >= MOST_AT_ONCE:
        raise Refused(TOO_MANY_SUBSCRIPTIONS)
    number = connection.next_subscription_id
    if number >= MOST_IN_ALL:
        raise Refused(NO_MORE_SUBSCRIPTION_IDS)
    envelope = numbered_envelope(number, connection.preferences.time_unit)
    hearing = Hearing(caller.key_digest, connection.address)
    subscription = await open_account(connection.runtime, caller.account, hearing, envelope)
    connection.next_subscription_id += 1
    heard[number] = subscription
    connection.after_answer(lambda: subscription.start(connection.answers_first))
    return number


@METHODS.method("userDataStream.unsubscribe")
async def unsubscribe(request: UnsubscribeRequest, caller: Caller, connection: Connection) -> dict[str, Any]:
    """Hear one account no more, or none at all; eventStreamTerminated is the last of each."""
    number, heard = request.subscription_id, connection.subscriptions
    if number is not None and number not in heard:
        raise Refused(NOT_SUBSCRIBED)
    now_ms = await connection.now_ms()
    for each in list(heard) if number is None else [number]:
        end(connection, each, now_ms)
    return {}


def end(connection: Connection, number: int, now_ms: int) -> None:
    """End a subscription behind the answer."""
    subscription = connection.subscriptions.pop(number)
    connection.session_subscriptions.discard(number)
    connection.after_answer(lambda: subscription.terminate(now_ms))


@METHODS.method("session.subscriptions")
async def subscriptions(request: Nothing, caller: Caller, connection: Connection) -> list[dict[str, int]]:
    """What is heard on this connection."""
    return [{"subscriptionId": number} for number in connection.subscriptions]
