"""What every public stream has in common: it is shared, and what it sends is made once for all who listen.

The fact a newcomer would get wrong: what a late subscriber gets first (the book, the ticker) must join the sequence
of frames that the others already follow, so it comes from the stream's own state, never from another read of Redis.
"""

from collections.abc import Callable
from typing import NamedTuple

from api.feed import Feed
from api.subscriptions import TRY_AGAIN_LATER, Envelope, Listener, Stream
from markets.streams.live import Live


class StreamName(NamedTuple):
    """A public stream: whose, and which; `kind` is a key of the hub's table."""

    symbol: str
    kind: str


class MarketStream(Live, Stream):
    """One public stream. Subclasses write what they need of Live, and `greet` if a newcomer gets something first."""

    def __init__(self, feed: Feed, symbol: str) -> None:
        Live.__init__(self, feed, symbol)
        Stream.__init__(self)

    def greet(self) -> str | None:
        """The data that a new subscriber gets before all else."""
        return None

    def on_lost(self) -> None:
        self.cut_all(TRY_AGAIN_LATER)

    def welcome(self, listener: Listener, envelope: Envelope) -> None:
        """Begin to send: the greeting now, then everything that comes."""
        greeting = self.greet()
        if greeting is not None:
            listener.push(envelope.around(greeting))
        self.add(listener, envelope)


class Subscription:
    """A subscriber's place in a public stream (api.subscriptions.Place)."""

    def __init__(self, stream: MarketStream, envelope: Envelope, release: Callable[[], None]) -> None:
        self._stream = stream
        self._envelope = envelope
        self._release = release
        self._listener: Listener | None = None

    def start(self, listener: Listener) -> None:
        self._listener = listener
        self._stream.welcome(listener, self._envelope)

    def end(self) -> None:
        if self._listener is not None:
            self._stream.remove(self._listener, self._envelope)
        self._release()
