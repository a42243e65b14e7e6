"""What accounts that are heard in Binance's form have, as of the last event this process has read.

An event tells the balances it changed. Binance's outboundAccountPosition shows those that could have changed: both
assets of the symbol. The fact a newcomer would get wrong: the present is read from Redis once, while events go on; what
an event has told since the reading began is newer than what was read.
"""

from collections.abc import Iterable, Iterator
from weakref import WeakValueDictionary

from engine.events import (
    AnyEvent,
    BalanceCredited,
    BalanceDebited,
    ExternalLockChanged,
    MarketEvent,
)
from engine.queries import Balance
from engine.records import BalanceChange


class Purses(dict[str, tuple[int, int]]):
    """One account's money: asset -> (free, locked) in atoms. Lives as long as somebody holds it."""

    def fill(self, balances: Iterable[Balance]) -> None:
        """Balances that were read after `KnownMoney.follow`, once every event until then has been noted."""
        for balance in balances:
            self.setdefault(balance.asset, (balance.free_atoms, balance.locked_atoms))


class KnownMoney:
    """The purses that somebody holds, by account."""

    def __init__(self) -> None:
        self._purses: WeakValueDictionary[int, Purses] = WeakValueDictionary()

    @property
    def is_followed(self) -> bool:
        """Whether anybody holds a purse."""
        return bool(self._purses)

    def follow(self, account: int) -> Purses:
        """The account's purses, which events keep from here on."""
        purses = self._purses.get(account)
        if purses is None:
            purses = self._purses[account] = Purses()
        return purses

    def note(self, event: AnyEvent) -> None:
        """Something happened, perhaps to somebody's money."""
        if not self._purses:
            return
        for change in _changes_in(event):
            purses = self._purses.get(change.account)
            if purses is not None:
                purses[change.asset] = change.free_atoms, change.locked_atoms

    def forget(self) -> None:
        """Everything known is void."""
        self._purses.clear()


def _changes_in(event: AnyEvent) -> Iterator[BalanceChange]:
    if isinstance(event, MarketEvent):
        yield from event.balances
    elif isinstance(event, BalanceCredited | BalanceDebited | ExternalLockChanged):
        yield event.balance
