"""Events heard under a listenKey: a name in the URL or in SUBSCRIBE that is no market's.

The fact a newcomer would get wrong: a listenKey ends by time, by DELETE and with its API key, on whichever worker, and
no event tells of it. So a process that has listeners asks four times a second whether their names are still good;
those who hear under one that is not get listenKeyExpired, and their connection stays.
"""

import asyncio
import logging
from collections import defaultdict

from accounts.auth import Hearing
from accounts.user_events.subscriptions import AccountSubscription, open_account
from api.feed import Feed, Handler
from api.runtime import Runtime
from api.subscriptions import Envelope, Listener
from engine.errors import EngineUnavailable
from engine.listen_keys import looks_like_listen_key

logger = logging.getLogger(__name__)

LOOK_S = 0.25


class ListenKeyWatch(Handler):
    """Who hears under which listenKey in this process: `feed.handler(ListenKeyWatch)`."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._heard: dict[str, set[AccountSubscription]] = defaultdict(set)
        self._looking: asyncio.Task[None] | None = None

    def add(self, listen_key: str, subscription: AccountSubscription) -> None:
        """Begin to look after the listenKey of a subscription."""
        self._heard[listen_key].add(subscription)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def discard(self, listen_key: str, subscription: AccountSubscription) -> None:
        """Its socket has left."""
        self._heard[listen_key].discard(subscription)
        if not self._heard[listen_key]:
            del self._heard[listen_key]

    def on_reset(self) -> None:
        self._heard.clear()

    async def _look(self) -> None:
        """Ends when nobody listens any more. A fault is told once, until a look succeeds."""
        is_told = False
        try:
            while self._heard:
                await asyncio.sleep(LOOK_S)
                try:
                    await self._expire()
                    is_told = False
                except EngineUnavailable:
                    pass
                except Exception:
                    if not is_told:
                        logger.exception("listenKeys cannot be looked after; they will be looked at again")
                    is_told = True
        finally:
            self._looking = None

    async def _expire(self) -> None:
        names = list(self._heard)
        now_ms, holders = await self.feed.venue.listen_keys.holders(names)
        for name, holder in zip(names, holders, strict=True):
            if holder is None:
                for subscription in self._heard.pop(name, set()):
                    subscription.expire(now_ms, name)


class ListenKeySubscription:
    """A socket's place under a listenKey: `start` once, `end` in any case."""

    def __init__(self, watch: ListenKeyWatch, listen_key: str, subscription: AccountSubscription) -> None:
        self._watch = watch
        self._listen_key = listen_key
        self._subscription = subscription

    def start(self, listener: Listener) -> None:
        """Begin to send."""
        self._subscription.start(listener)
        self._watch.add(self._listen_key, self._subscription)

    def end(self) -> None:
        """Stop, without a word. Ending twice is harmless."""
        self._watch.discard(self._listen_key, self._subscription)
        self._subscription.end()


async def open_listen_key(
    runtime: Runtime, name: str, envelope: Envelope, *, address: str
) -> ListenKeySubscription | None:
    """A place under this name for a peer with this address. Raises EngineUnavailable.

    None when it is no listenKey that lives, or its API key may not be used from there. The envelope is BARE on /ws and
    `named_envelope(name)` on /stream. Send the answer first, then `start`.
    """
    if not looks_like_listen_key(name):
        return None
    _, (holder,) = await runtime.venue.listen_keys.holders([name])
    if holder is None:
        return None
    hearing = Hearing(holder.key_digest, address)
    if not hearing.may_go_on(await runtime.venue.registry.key(holder.key_digest)):
        return None
    subscription = await open_account(runtime, holder.account, hearing, envelope)
    return ListenKeySubscription(runtime.feed.handler(ListenKeyWatch), name, subscription)
