"""Whoever hears an account in this process, frame by frame, as a socket of the WebSocket API does."""

import asyncio
from typing import Any

import msgspec

from accounts.auth import Hearing
from accounts.digests import key_digest
from accounts.user_events.answers_first import AnswersFirst
from accounts.user_events.subscriptions import AccountSubscription, numbered_envelope, open_account
from api.runtime import Runtime
from api.subscriptions import Subscriber
from api.time_units import TimeUnit
from engine.venue import Venue
from tests.ws.conftest import PATIENCE_S, give_key


class Ear:
    """Hears one account; `codes` are those its socket was closed with."""

    def __init__(self, runtime: Runtime) -> None:
        self.codes: list[int] = []
        self.runtime = runtime
        self.queue: Subscriber = runtime.feed.subscribe(self.codes.append)
        self.gate = AnswersFirst(self.queue)
        self._frames: list[dict[str, Any]] = []

    async def hear(self, venue: Venue, account: int, unit: TimeUnit = TimeUnit.MILLISECOND) -> AccountSubscription:
        """Begin, as the account's user with a key of his."""
        name = f"user{account}"
        await give_key(venue, account, name, f"key-of-{name}")
        envelope = numbered_envelope(7, unit)
        subscription = await open_account(self.runtime, account, Hearing(key_digest(f"key-of-{name}"), ""), envelope)
        subscription.start(self.gate)
        return subscription

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        while not self._frames:
            taken = await asyncio.wait_for(self.queue.take(), PATIENCE_S)
            self._frames += [msgspec.json.decode(frame) for frame in taken]
        return self._frames.pop(0)

    async def event(self) -> dict[str, Any]:
        """The next frame's event."""
        frame = await self.next()
        assert list(frame) == ["subscriptionId", "event"]
        return dict(frame["event"])

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [await self.event() for _ in range(count)]

    async def of_orders(self, count: int, *kinds: str) -> list[dict[str, Any]]:
        """The next events of orders and lists, whatever comes between them."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            event = await self.event()
            if event["e"] in (kinds or ("executionReport", "listStatus")):
                found.append(event)
        return found

    async def reports(self, count: int) -> list[dict[str, Any]]:
        """The next executionReports."""
        return await self.of_orders(count, "executionReport")
