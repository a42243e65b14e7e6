"""Private streams of a process: what an account's owner hears, and who must stop hearing it.

The guide has three streams of an account (USER_KINDS), Binance one with all events in it (ALL_EVENTS).

The fact a newcomer would get wrong: a stream belongs to an account, not to a key. The key that opened a socket is
remembered beside it, and when it would not do any more (it is revoked, may not read, or not be used from there) the
socket is closed (1008), whatever else the account may still do.
"""

import asyncio
from collections import Counter, defaultdict

from accounts.auth import Hearing
from accounts.execution_report import BINANCE
from accounts.rendering import cancel_id_of_all, list_of
from accounts.reports import accounts_of, reports_for
from accounts.user_events.money import KnownMoney, Purses
from api.feed import Feed, Handler
from api.subscriptions import POLICY_VIOLATION, Envelope, Listener, Stream
from engine.errors import EngineUnavailable
from engine.events import AccountChanged, AnyEvent, ListChanged, OrderCanceled, OrdersCanceled
from engine.registry import KeyRecord

USER_KINDS = ("account", "order", "trade")
ALL_EVENTS = "all"  # in Binance's form
RETRY_S = 0.2
CATCH_UP_S = 2.0


class UserStreams(Handler):
    """The private streams that this process serves: `feed.handler(UserStreams)`."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._streams: dict[int, dict[str, Stream]] = defaultdict(dict)  # account -> kind -> stream
        self._places: Counter[tuple[int, str, Listener, Envelope]] = Counter()  # how often a listener has joined
        self._sessions: dict[int, Counter[tuple[Hearing, Listener]]] = defaultdict(Counter)  # of each account
        self._checks: set[asyncio.Task[None]] = set()
        self._list_cancels: dict[int, str] = {}  # list id -> what the cancel was called that its other orders end by
        self.money = KnownMoney()
        self._purses: dict[int, Purses] = {}  # of the accounts whose ALL_EVENTS are heard
        self._behind: list[tuple[int, asyncio.Future[None]]] = []  # (seq, who waits until it has been read)

    def join(self, account: int, kind: str, listener: Listener, envelope: Envelope) -> None:
        """Begin to send; `kind` is one of USER_KINDS, or ALL_EVENTS. Who joins twice hears once and leaves twice."""
        self._places[account, kind, listener, envelope] += 1
        self._streams[account].setdefault(kind, Stream()).add(listener, envelope)
        if kind == ALL_EVENTS:
            self._purses[account] = self.money.follow(account)

    def leave(self, account: int, kind: str, listener: Listener, envelope: Envelope) -> None:
        place = (account, kind, listener, envelope)
        self._places[place] -= 1
        if self._places[place] > 0:
            return
        del self._places[place]
        streams = self._streams.get(account, {})
        stream = streams.get(kind)
        if stream is None:
            return
        stream.remove(listener, envelope)
        if not stream.is_heard:
            del streams[kind]
            if kind == ALL_EVENTS:
                self._purses.pop(account, None)
        if not streams:
            self._streams.pop(account, None)

    def open_session(self, account: int, hearing: Hearing, listener: Listener) -> None:
        """The socket has authenticated, and is cut when its key would not do any more; closed as often as opened."""
        self._sessions[account][hearing, listener] += 1
        self._check(account)  # its end may have been told between the look at the key and now

    def close_session(self, account: int, hearing: Hearing, listener: Listener) -> None:
        sessions = self._sessions[account]
        sessions[hearing, listener] -= 1
        if sessions[hearing, listener] <= 0:
            del sessions[hearing, listener]
        if not sessions:
            del self._sessions[account]

    async def until_caught_up(self) -> None:
        """Wait until this process has read everything that has happened by now. Raises EngineUnavailable."""
        await self.feed.until_ready()
        clock = await self.feed.venue.queries.clock()
        if self.feed.seq >= clock.seq:
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._behind.append((clock.seq, waiting))
        try:
            await asyncio.wait_for(waiting, CATCH_UP_S)
        except TimeoutError as error:
            raise EngineUnavailable("the event stream") from error

    @property
    def is_listening(self) -> bool:
        return bool(self._streams or self._behind or self.money.is_followed)

    def on_event(self, event: AnyEvent) -> None:
        self.money.note(event)
        if isinstance(event, AccountChanged):
            if event.account in self._sessions:
                self._check(event.account)
        elif self._streams:
            for account in accounts_of(event) & self._streams.keys():
                self._publish(account, event)
        if self._behind:
            self._wake(event.seq)

    def on_reset(self) -> None:
        self._streams.clear()
        self._places.clear()
        self._list_cancels.clear()
        self.money.forget()
        self._purses.clear()
        for _, waiting in self._behind:
            if not waiting.done():
                waiting.set_exception(EngineUnavailable("the event stream began again"))
        self._behind = []

    def _wake(self, seq: int) -> None:
        for wanted, waiting in self._behind:
            if wanted <= seq and not waiting.done():
                waiting.set_result(None)
        self._behind = [one for one in self._behind if not one[1].done()]

    def _publish(self, account: int, event: AnyEvent) -> None:
        streams = self._streams[account]
        specs, decimals = self.feed.specs, self.feed.asset_decimals
        if (everything := streams.get(ALL_EVENTS)) is not None:
            form = BINANCE._replace(cancel_id=self._cancel_id(event), purses=self._purses.get(account))
            for kind, data in reports_for(account, event, specs, decimals, form):
                if kind != "trade":
                    everything.publish(data)
        if not streams.keys().isdisjoint(USER_KINDS):
            for kind, data in reports_for(account, event, specs, decimals):
                stream = streams.get(kind)
                if stream is not None:
                    stream.publish(data)

    def _cancel_id(self, event: AnyEvent) -> str:
        """What the cancel is called that orders of the event ended by, where the event itself does not say so.

        Orders of a list end with the one that was cancelled, in an event behind its own.
        """
        if isinstance(event, OrderCanceled):
            if (list_id := list_of(event.order)) >= 0:
                self._list_cancels[list_id] = event.cancel_client_order_id
        elif isinstance(event, OrdersCanceled):
            return cancel_id_of_all(event.orders[0])
        elif isinstance(event, ListChanged):
            return self._list_cancels.pop(event.order_list.list_id, "")
        return ""

    def _check(self, account: int) -> None:
        check = asyncio.create_task(self._cut_refused(account))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    async def _cut_refused(self, account: int) -> None:
        """Close the account's sockets that would not be let in any more with their keys as these are now."""
        for hearing in {hearing for hearing, _ in self._sessions.get(account, ())}:
            if not hearing.may_go_on(await self._record(hearing.key_digest)):
                for known, listener in list(self._sessions.get(account, ())):
                    if known == hearing:
                        listener.cut(POLICY_VIOLATION)

    async def _record(self, key_digest: str) -> KeyRecord | None:
        """The key as it is; waits for Redis as long as it is away."""
        while True:
            try:
                return await self.feed.venue.registry.key(key_digest)
            except EngineUnavailable:
                await asyncio.sleep(RETRY_S)
