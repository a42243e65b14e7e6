"""Candles as they stand in Redis, and the lease under which one process at a time writes them.

The fact a newcomer would get wrong: the candles and the position they belong to are one write, refused as soon as the
lease is no longer ours. So a second writer, a restart or a lost reply can neither lose a trade nor count it twice.
"""

import time
from collections.abc import Mapping, Sequence

import msgspec

from engine.errors import EngineUnavailable, OutcomeUnknown
from engine.queries import PublicTrade, decode_trades
from engine.runner import Word
from engine.venue import Venue

READER = "clockwork"  # our field of {venue}:readers
LEASE_MS = 5_000
PAGE = 1_000
MOST_ENTRIES = 5_000  # trade entries of one read; lua/read_candles.lua has the same number
FIRST, LAST = "#first", "#last"  # fields beside the candles: time of the first trade; the newest trade contained


class LeaseLost(Exception):
    """Somebody else writes the candles now, or nobody does; nothing was written."""


class CandleChange(msgspec.Struct):
    """What a symbol's hash becomes: emptied first if `is_fresh`, then fields set, then fields dropped."""

    is_fresh: bool = False
    set: dict[str, bytes] = msgspec.field(default_factory=dict)
    drop: list[str] = msgspec.field(default_factory=list)

    def words(self) -> list[Word]:
        pairs = [word for pair in self.set.items() for word in pair]
        return [int(self.is_fresh), len(self.set), *pairs, len(self.drop), *self.drop]


class Stored(msgspec.Struct, frozen=True):
    """What Redis has of a symbol: candles by field, and the trades, oldest first, that they do not contain yet."""

    first_ms: int | None
    last: bytes | None
    candles: dict[str, bytes]
    missing: list[PublicTrade]


class CandleStore:
    """The candles of a venue. Methods raise EngineUnavailable, the writing ones OutcomeUnknown and LeaseLost too."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._keys = venue.keys

    async def acquire(self, token: str) -> bool:
        """Become the one writer, if there is none."""
        lease = self._keys.lease(READER)
        return await self._venue.runner.command("SET", lease, token, "NX", "PX", LEASE_MS) is not None

    async def store(
        self,
        token: str,
        position: tuple[int, int] | None,
        changes: Mapping[str, CandleChange],
        *,
        release: bool = False,
    ) -> None:
        """Write the changes by symbol together with the (epoch, seq) they reach, and prolong the lease or end it."""
        keys = [self._keys.lease(READER), self._keys.readers, *map(self._keys.candles, changes)]
        told = b"" if position is None else msgspec.json.encode([*position, 0, round(time.time() * 1000)])
        arguments: list[Word] = [token, 0 if release else LEASE_MS, READER, told]
        for change in changes.values():
            arguments += change.words()
        (is_holder,) = await self._venue.runner.run("store_candles", keys, arguments)
        if not is_holder:
            raise LeaseLost

    async def position(self) -> tuple[int, int, int] | None:
        """(epoch, seq, machine's ms when it was told) of the candles in Redis; None before the first write."""
        found = await self._venue.runner.command("HGET", self._keys.readers, READER)
        if found is None:
            return None
        epoch, seq, _, told_ms = msgspec.json.decode(found, type=tuple[int, int, int, int])
        return epoch, seq, told_ms

    async def read(self, symbol: str, fields: Sequence[str]) -> Stored:
        """These candles and what they lack, in one read."""
        keys = [self._keys.candles(symbol), self._keys.trades(symbol)]
        try:
            first, last, values, entries = await self._venue.runner.run("read_candles", keys, fields)
        except OutcomeUnknown as error:
            raise EngineUnavailable("read_candles") from error
        missing = [trade for entry in entries for trade in decode_trades(entry)]
        while len(entries) >= MOST_ENTRIES:
            start = f"({entries[-1][0].decode()}"
            entries = await self._venue.runner.command(
                "XRANGE", self._keys.trades(symbol), start, "+", "COUNT", MOST_ENTRIES
            )
            missing += [trade for entry in entries for trade in decode_trades(entry)]
        found = {name: value for name, value in zip(fields, values, strict=True) if value is not None}
        return Stored(first_ms=None if first is None else int(first), last=last, candles=found, missing=missing)

    async def fields(self, symbol: str, pattern: str) -> list[str]:
        """The names of the fields that match, in no order; read in pieces, so that nobody waits for long."""
        cursor, names = b"0", []
        while True:
            cursor, flat = await self._venue.runner.command(
                "HSCAN", self._keys.candles(symbol), cursor, "MATCH", pattern, "COUNT", PAGE
            )
            names += [name.decode() for name in flat[::2]]
            if int(cursor) == 0:
                return names
