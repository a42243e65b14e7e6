"""A socket's place among those who hear an account: opened first, begun with `start`, given back with `end`.

The fact a newcomer would get wrong: opening waits until this process has read all that had happened when it was asked,
so what is heard begins right behind the answer to the request, and no earlier event comes after it.
"""

from accounts.auth import Hearing
from accounts.streams import ALL_EVENTS, UserStreams
from accounts.user_events.money import Purses
from api.runtime import Runtime
from api.subscriptions import Envelope, Listener
from api.time_units import TimeUnit


def numbered_envelope(subscription_id: int, unit: TimeUnit = TimeUnit.MILLISECOND) -> Envelope:
    """{"subscriptionId": n, "event": ...}, as the WebSocket API sends events."""
    return Envelope(f'{{"subscriptionId":{subscription_id},"event":', "}", unit)


class AccountSubscription:
    """All events of one account for one socket, in Binance's form. Nothing here waits."""

    def __init__(
        self, streams: UserStreams, account: int, hearing: Hearing, envelope: Envelope, purses: Purses
    ) -> None:
        self.account = account
        self._purses = purses  # held until the stream holds them
        self._streams = streams
        self._hearing = hearing
        self._envelope = envelope
        self._listener: Listener | None = None

    @property
    def is_heard(self) -> bool:
        """Between `start` and `end`."""
        return self._listener is not None

    def start(self, listener: Listener) -> None:
        """Begin to send. The listener is cut (1008) when the key that opened it would not do any more."""
        self._listener = listener
        self._streams.join(self.account, ALL_EVENTS, listener, self._envelope)
        self._streams.open_session(self.account, self._hearing, listener)

    def end(self) -> None:
        """Stop; without a word. Ending twice is harmless."""
        if self._listener is not None:
            self._streams.close_session(self.account, self._hearing, self._listener)
            self._streams.leave(self.account, ALL_EVENTS, self._listener, self._envelope)
            self._listener = None

    def terminate(self, now_ms: int) -> None:
        """Stop, and say so: eventStreamTerminated is the last that is sent."""
        self._end_with(f'{{"e":"eventStreamTerminated","E":{now_ms}}}')

    def expire(self, now_ms: int, listen_key: str) -> None:
        """Stop, since the listenKey has come to its end: listenKeyExpired is the last that is sent."""
        self._end_with(f'{{"e":"listenKeyExpired","E":{now_ms},"listenKey":"{listen_key}"}}')

    def _end_with(self, data: str) -> None:
        if self._listener is not None:
            self._listener.push(self._envelope.around(data))
            self.end()


async def open_account(runtime: Runtime, account: int, hearing: Hearing, envelope: Envelope) -> AccountSubscription:
    """A place among those who hear the account, which its caller may. Raises EngineUnavailable.

    For the WebSocket API the envelope is `numbered_envelope(subscriptionId)`. Send the answer first, then `start`.
    """
    streams = runtime.feed.handler(UserStreams)
    purses = streams.money.follow(account)
    balances = await runtime.venue.queries.balances(account, await runtime.venue.registry.assets())
    await streams.until_caught_up()
    purses.fill(balances)
    return AccountSubscription(streams, account, hearing, envelope, purses)
