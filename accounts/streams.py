"""Private streams of a process: what an account's owner hears, and who must stop hearing it.

The fact a newcomer would get wrong: a stream belongs to an account, not to a key. The key that opened a socket is
remembered beside it, and when it is revoked the socket is closed (1008), whatever else the account may still do.
"""

import asyncio
from collections import defaultdict

from accounts.reports import accounts_of, reports_for
from api.feed import Feed, Handler
from api.subscriptions import POLICY_VIOLATION, Envelope, Stream, Subscriber
from engine.errors import EngineUnavailable
from engine.events import AccountChanged, AnyEvent

USER_KINDS = ("account", "order", "trade")
RETRY_S = 0.2


class UserStreams(Handler):
    """The private streams that this process serves: `feed.handler(UserStreams)`."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._streams: dict[int, dict[str, Stream]] = defaultdict(dict)  # account -> kind -> stream
        self._sessions: dict[int, set[tuple[str, Subscriber]]] = defaultdict(set)  # account -> (key digest, socket)
        self._checks: set[asyncio.Task[None]] = set()

    def join(self, account: int, kind: str, subscriber: Subscriber, envelope: Envelope) -> None:
        """Begin to send; `kind` is one of USER_KINDS."""
        self._streams[account].setdefault(kind, Stream()).add(subscriber, envelope)

    def leave(self, account: int, kind: str, subscriber: Subscriber, envelope: Envelope) -> None:
        streams = self._streams.get(account, {})
        stream = streams.get(kind)
        if stream is None:
            return
        stream.remove(subscriber, envelope)
        if not stream.is_heard:
            del streams[kind]
        if not streams:
            self._streams.pop(account, None)

    def open_session(self, account: int, key_digest: str, subscriber: Subscriber) -> None:
        """The socket has authenticated with this key."""
        self._sessions[account].add((key_digest, subscriber))

    def close_session(self, account: int, key_digest: str, subscriber: Subscriber) -> None:
        self._sessions[account].discard((key_digest, subscriber))
        if not self._sessions[account]:
            del self._sessions[account]

    def on_event(self, event: AnyEvent) -> None:
        if isinstance(event, AccountChanged):
            if event.account in self._sessions:
                check = asyncio.create_task(self._cut_revoked(event.account))
                self._checks.add(check)
                check.add_done_callback(self._checks.discard)
        elif self._streams:
            for account in accounts_of(event) & self._streams.keys():
                self._publish(account, event)

    def on_reset(self) -> None:
        self._streams.clear()

    def _publish(self, account: int, event: AnyEvent) -> None:
        streams = self._streams[account]
        for kind, data in reports_for(account, event, self.feed.specs, self.feed.asset_decimals):
            stream = streams.get(kind)
            if stream is not None:
                stream.publish(data)

    async def _cut_revoked(self, account: int) -> None:
        """Close the account's sockets whose key is no more."""
        registry = self.feed.venue.registry
        for digest in {digest for digest, _ in self._sessions[account]}:
            while True:
                try:
                    is_good = await registry.key(digest) is not None
                    break
                except EngineUnavailable:
                    await asyncio.sleep(RETRY_S)
            if not is_good:
                for known, subscriber in list(self._sessions.get(account, ())):
                    if known == digest:
                        subscriber.cut(POLICY_VIOLATION)
