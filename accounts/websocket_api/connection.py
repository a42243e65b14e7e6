"""What one connection of the WebSocket API has, and what its methods may read and change.

The fact a newcomer would get wrong: a method that begins or ends a subscription only says so (`after_answer`): the
answer goes first, and the first event, or the last, behind it.
"""

from collections.abc import Callable

import msgspec

from accounts.user_events.answers_first import AnswersFirst
from accounts.user_events.subscriptions import AccountSubscription
from accounts.websocket_api.preferences import Preferences
from api.runtime import Runtime
from engine.unsaid import Unsaid


class Session(Unsaid, msgspec.Struct, frozen=True):
    """A key that has logged on: its requests need neither key nor signature. `since_ms` on the venue's clock."""

    api_key: str
    key_digest: str
    since_ms: int


class Connection:
    """The state of one socket. `address` is its peer's."""

    def __init__(
        self, runtime: Runtime, preferences: Preferences, answers_first: AnswersFirst, *, address: str, since_ms: int
    ) -> None:
        self.runtime = runtime
        self.preferences = preferences
        self.answers_first = answers_first
        self.address = address
        self.since_ms = since_ms
        self.session: Session | None = None
        self.subscriptions: dict[int, AccountSubscription] = {}  # by subscriptionId, those that are heard
        self.session_subscriptions: set[int] = set()  # those that end with the session, of all keys that had logged on
        self.next_subscription_id = 0
        self._after_answer: list[Callable[[], None]] = []

    async def now_ms(self) -> int:
        """The venue's time. Raises EngineUnavailable."""
        return (await self.runtime.venue.queries.clock()).now_ms

    def after_answer(self, do: Callable[[], None]) -> None:
        """Have something done as soon as the request that is being met has been answered."""
        self._after_answer.append(do)

    def answered(self) -> None:
        """The request has its answer."""
        waiting, self._after_answer = self._after_answer, []
        for do in waiting:
            do()

    def forget(self) -> None:
        """The socket has gone: give every subscription back."""
        for subscription in self.subscriptions.values():
            subscription.end()
        self.subscriptions.clear()
