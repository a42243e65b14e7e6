"""Live balances of traders for the admin's pages, written as people read them.

The fact a newcomer would get wrong: there is no table of balances. They are read from Redis when a page is shown, every
trader in one atomic read of his own; two traders' rows may be a moment apart.
"""

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from engine.amounts import to_short_text, to_text
from engine.queries import Balance
from engine.venue import Venue
from markets.publish import run_in_venue


class Money(NamedTuple):
    """What an account has of one asset, and how many decimals that has."""

    balance: Balance
    decimals: int

    def full(self) -> tuple[str, str, str]:
        """(asset, free, locked) with every decimal, for a table."""
        free, locked = (to_text(atoms, decimals=self.decimals) for atoms in self._atoms)
        return self.balance.asset, free, locked

    def short(self) -> str:
        """One line: "10 BTC", or "7 BTC and 3 locked"."""
        free, locked = (to_short_text(atoms, decimals=self.decimals) for atoms in self._atoms)
        return f"{free} {self.balance.asset}" + (f" and {locked} locked" if self.balance.locked_atoms else "")

    @property
    def _atoms(self) -> tuple[int, int]:
        return self.balance.free_atoms, self.balance.locked_atoms


def read_balances(accounts: Iterable[int]) -> dict[int, list[Money]]:
    """Every asset of the venue for each account, zeros included. Raises EngineUnavailable."""

    async def read(venue: Venue) -> dict[int, list[Money]]:
        decimals = await venue.registry.assets()
        return {
            account: [Money(each, decimals[each.asset]) for each in await venue.queries.balances(account, decimals)]
            for account in accounts
        }

    return run_in_venue(read)


def table(balances: Iterable[Money]) -> SafeString:
    """Rows of asset, free and locked."""
    rows = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", (each.full() for each in balances))
    return format_html("<table class='amounts'><tr><th></th><th>free</th><th>locked</th></tr>{}</table>", rows)


def lines(balances: Iterable[Money]) -> SafeString | str:
    """A line for every asset that is there; without any, what to do about it."""
    there = [each for each in balances if any((each.balance.free_atoms, each.balance.locked_atoms))]
    return format_html_join(SafeString("<br>"), "{}", ((each.short(),) for each in there)) or "nothing: credit it"
