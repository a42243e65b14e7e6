"""What Redis need not keep any more, because SQL has it: old events, ended orders and trades.

The fact a newcomer would get wrong: old means behind every live reader too. A feed that is cut off from its events
would have to throw all its subscribers out, and candles are folded from the trades that Redis still has.
"""

import time

import msgspec

from archive.writer import Reached
from engine.keys import order_member
from engine.queries import decode_trades
from engine.records import decode_list, decode_order
from engine.venue import Venue

KEPT_EVENTS = 10_000
KEPT_TRADES = 1_000  # trade entries of a symbol, for the public list; a reader less far behind has not missed one
DAY_MS = 86_400_000
LIVE_MS = 60_000  # a reader that has not told of itself for so long is gone
PAGE = 500
PAUSE_SECONDS = 1.0

ReaderPosition = tuple[int, int, int, int]  # epoch, seq, fullness percent, machine's ms


class Trimmer:
    """A little at a time: one page of each symbol's ended orders and trades a second."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._now_ms = 0  # of the last archived event
        self._pages: dict[str, bytes] = {}  # by key: where the walk through ended orders or lists is
        self._trimmed_at = float("-inf")
        self._events_floor = 0

    async def trim(self, reached: Reached, now_ms: int | None) -> None:
        """Drop what is archived, old and read by all. `now_ms`: of the event `reached`, None for the same as before."""
        self._now_ms = self._now_ms if now_ms is None else now_ms
        if time.monotonic() - self._trimmed_at < PAUSE_SECONDS:
            return
        self._trimmed_at = time.monotonic()
        slowest = await self._slowest(reached)
        await self._trim_events(max(0, min(reached.seq - KEPT_EVENTS, slowest)))
        if slowest < reached.seq - KEPT_TRADES or not self._now_ms:
            return
        for symbol in await self._venue.registry.specs():
            await self._forget_orders(symbol, self._now_ms - DAY_MS)
            await self._forget_lists(symbol, self._now_ms - DAY_MS)
            await self._trim_trades(symbol, self._now_ms - DAY_MS)

    async def _slowest(self, reached: Reached) -> int:
        """The seq up to which every live reader has read; 0 while one is still in another epoch."""
        flat = await self._venue.runner.command("HGETALL", self._venue.keys.readers)
        slowest, machine_ms = reached.seq, time.time() * 1000
        for told in flat[1::2]:
            epoch, seq, _, told_ms = msgspec.json.decode(told, type=ReaderPosition)
            if machine_ms - told_ms < LIVE_MS:
                slowest = min(slowest, seq if epoch == reached.epoch else 0)
        return slowest

    async def _trim_events(self, floor: int) -> None:
        if floor > self._events_floor:
            await self._venue.runner.command("XTRIM", self._venue.keys.events, "MINID", "=", f"0-{floor + 1}")
        self._events_floor = floor

    async def _forget_orders(self, symbol: str, before_ms: int) -> None:
        """Orders that ended a day before the last archived event are archived: time does not run backwards."""
        keys = self._venue.keys
        orders = [decode_order(record) for record in (await self._next_page(keys.ended(symbol)))[1::2]]
        old = [order_member(order.order_id) for order in orders if order.updated_ms < before_ms]
        for first in range(0, len(old), PAGE):
            members = old[first : first + PAGE]
            await self._venue.runner.run(
                "forget_orders", [keys.ended(symbol), keys.symbol(symbol)], (symbol, before_ms, *members)
            )

    async def _forget_lists(self, symbol: str, before_ms: int) -> None:
        """Order lists that were done a day before; the hash has their client ids as well, which are no records."""
        key = self._venue.keys.lists(symbol)
        lists = [decode_list(value) for value in (await self._next_page(key))[1::2] if value.startswith(b"[")]
        old = [str(known.list_id) for known in lists if known.is_done and known.updated_ms < before_ms]
        for first in range(0, len(old), PAGE):
            await self._venue.runner.run("forget_lists", [key], (before_ms, *old[first : first + PAGE]))

    async def _next_page(self, key: str) -> list[bytes]:
        """Fields and values of some of a hash, where the last look at it ended; from its start after its end."""
        command = self._venue.runner.command
        self._pages[key], flat = await command("HSCAN", key, self._pages.get(key, b"0"), "COUNT", PAGE)
        return list(flat)

    async def _trim_trades(self, symbol: str, before_ms: int) -> None:
        key = self._venue.keys.trades(symbol)
        surplus = await self._venue.runner.command("XLEN", key) - KEPT_TRADES
        if surplus <= 0:
            return
        entries = await self._venue.runner.command("XRANGE", key, "-", "+", "COUNT", min(surplus, PAGE) + 1)
        kept = [entry for entry in entries if decode_trades(entry)[0].now_ms >= before_ms]
        first_kept = kept[0] if kept else entries[-1]
        if first_kept is not entries[0]:
            await self._venue.runner.command("XTRIM", key, "MINID", "=", first_kept[0])
