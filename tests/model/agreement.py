"""Plays a command into the engine and into the reference, and demands the same answer, events and books of both.

The fact a newcomer would get wrong: the engine's whole numbers are translated here, by the symbol's tick and lot, and
nowhere else. The venue runs on a virtual clock, so that times can be compared too.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, Self

from engine import events, records
from engine.audit import audit
from engine.commands import PlaceOrder
from engine.errors import Rejected
from engine.runner import Stale
from engine.types import MAX_FILLS, TAPE_MAKER, TAPE_TAKER, Side, SymbolSpec
from engine.venue import Venue
from tests.engine.steps import place_first_step
from tests.model.aggregates import Aggregates
from tests.model.asking import Outcome, Step, ask_engine, ask_reference, new_market
from tests.model.coverage import Coverage
from tests.model.reference import PRECISE, Exchange
from tests.model.small_steps import shorten_steps
from tests.model.tape import MAKER, TAKER
from tests.model.translation import SPECS, event_of, list_of, order_of
from tests.model.words import ATOM, Purse

ACCOUNTS = range(1, 8)
EVERYBODY = (*ACCOUNTS, MAKER, TAKER)
ASSETS = ("BTC", "ETH", "USDT")
LONGEST_MESSAGE = 6_000
START_MS = 1_700_000_000_000


@dataclass
class Pair:
    """A venue and its reference. `played` is how many commands both have answered alike."""

    venue: Venue
    reference: Exchange
    played: int = 0
    seen: int = 0  # seq of the last event compared
    coverage: Coverage = field(default_factory=Coverage)
    aggregates: Aggregates = field(default_factory=Aggregates)

    @classmethod
    async def start(cls, venue: Venue, cap: int = MAX_FILLS) -> Self:
        """A venue without orders gets the three symbols, the accounts, and a clock that stands.

        `cap` is how many matches fit into one step, fewer than in earnest if a test wants many steps.
        """
        for spec in SPECS.values():
            await venue.registry.define_symbol(spec)
        for account in ACCOUNTS:
            await venue.registry.define_account(account, f"user{account}")
        for account, name in ((MAKER, TAPE_MAKER), (TAKER, TAPE_TAKER)):
            await venue.registry.define_account(account, name)
        await venue.clock.set_virtual(START_MS)
        seq = (await venue.queries.clock()).seq
        markets = {symbol: new_market(spec) for symbol, spec in (await venue.registry.specs()).items()}
        pair = cls(venue=venue, reference=Exchange(markets=markets, now_ms=START_MS, seq=seq), seen=seq)
        pair.shorten_steps(cap)
        return pair

    def shorten_steps(self, cap: int) -> None:
        """From here on a step has at most `cap` matches."""
        if cap != self.reference.cap:
            shorten_steps(self.venue, cap)
            self.reference.cap = cap

    async def play(self, step: Step) -> Outcome:
        """Raises AssertionError where the two answer differently. "interrupted" are an order whose worker has gone
        after its first step and a command of its symbol, which finds the rest to do.
        """
        if step.name == "interrupted":
            order, step = step.of
            await self._begin(order)
            outcome = await self.play(step)
            await self.venue.gateway._finish(order.symbol)  # a command under old rules leaves it
            return outcome
        engine = await ask_engine(self.venue, step)
        with localcontext(PRECISE):
            reference = ask_reference(self.reference, step)
        assert engine == reference, f"{step}\n   engine    {engine}\n   reference {reference}"[:LONGEST_MESSAGE]
        self.played += 1
        if engine[0] == "refused":
            self.coverage.note_refused(engine[1])
        self.coverage.seen["list canceled"] += step.name == "cancel_order_list" and engine[0] == "ok"
        if step.name == "replace_order" and engine[0] == "ok":
            self.coverage.note_replaced(*engine[1])
        return engine

    async def _begin(self, order: PlaceOrder) -> None:
        """The order's first step in the engine, all of it in the reference."""
        with suppress(Rejected, Stale):
            *_, is_final, is_all = await place_first_step(self.venue, order)
            self.coverage.seen["interrupted"] += not (is_final and is_all)
        with localcontext(PRECISE):
            ask_reference(self.reference, Step("place_order", order))

    async def compare(self) -> None:
        """Events since the last time, balances, books, open orders, counters; then the audit."""
        await self.compare_events()
        await self.compare_books()
        assert (await audit(self.venue)).differences == []

    async def compare_events(self) -> None:
        entries = await self.venue.runner.command("XRANGE", self.venue.keys.events, f"(0-{self.seen}", "+")
        told = [events.decode_entry(entry) for entry in entries]
        engine = [event_of(event) for event in told]
        for mine, theirs in zip(engine, self.reference.events, strict=False):
            assert mine == theirs, f"event {mine['kind']} {mine['seq']}: {_apart(mine, theirs)}"[:LONGEST_MESSAGE]
        assert len(engine) == len(self.reference.events)
        self.seen += len(engine)
        for event in told:
            self.aggregates.check(event)
        for event in engine:
            self.coverage.note(event)
        self.coverage.seen.update(self.reference.met)
        self.reference.met.clear()
        self.reference.events.clear()

    async def compare_books(self) -> None:
        reference, queries = self.reference, self.venue.queries
        next_order_id = await self.venue.runner.command("HGET", self.venue.keys.meta, "next_order_id")
        assert int(next_order_id or 1) == reference.next_order_id
        for account in EVERYBODY:
            for balance in await queries.balances(account, ASSETS):
                engine = Purse(balance.free_atoms * ATOM, balance.locked_atoms * ATOM)
                assert engine == reference.purse(balance.asset, account), (balance.asset, account)
            for symbol, spec in SPECS.items():
                found = [order_of(record, spec) for record in await queries.open_orders(account, [symbol])]
                assert found == [o for o in reference.open.values() if (o.account, o.symbol) == (account, symbol)]
        await self._compare_counts()
        for symbol, spec in SPECS.items():
            await self._compare_market(symbol, spec)

    async def _compare_counts(self) -> None:
        """What is counted for every account, in the intervals of now; and that nobody else is counted."""
        reference = self.reference
        for account in EVERYBODY:
            engine = await self.venue.limiter.unfilled_orders(account)
            assert (engine.short_orders, engine.long_orders) == reference.unfilled(account), account
        fields = (await self.venue.runner.command("HGETALL", self.venue.keys.limits))[::2]
        counted = {str(who) for who, _, _ in reference.used} | set(reference.bans)
        names = {field.decode().partition(":")[2] for field in fields if field != b"#sweep"}
        assert names <= counted, names - counted

    async def _compare_lists(self, symbol: str) -> None:
        """Every list there ever was, and the names that lead to the newest of each."""
        found = await self.venue.runner.command("HGETALL", self.venue.keys.lists(symbol))
        engine: dict[bytes, Any] = dict(zip(found[::2], found[1::2], strict=True))
        expected: dict[bytes, Any] = {}
        for order_list in self.reference.lists.values():
            if order_list.symbol == symbol:
                expected[b"%d" % order_list.id] = order_list
                expected[f"{order_list.account}|{order_list.client_id}".encode()] = b"%d" % order_list.id
        for key in filter(bytes.isdigit, engine):
            engine[key] = list_of(records.decode_list(engine[key]), symbol)
        assert engine == expected, symbol

    async def _compare_tape(self, symbol: str, spec: SymbolSpec) -> None:
        """What both remember of a recording's levels, and which of them the next frame puts back."""
        tick, lot, engine = spec.tick_units * ATOM, spec.lot_units * ATOM, {}
        for side in Side:
            found = await self.venue.runner.command("HGETALL", self.venue.keys.tape(symbol, side))
            for price, text in zip(found[::2], found[1::2], strict=True):
                *amounts, ids = text.decode().split(",")
                key = symbol, side.value, int(price) * tick
                engine[key] = [int(lots) * lot for lots in amounts], [int(number) for number in ids.split()]
        levels = self.reference.tape
        assert engine == {
            key: ([level.recorded, level.taken, level.left], [order.id for order in level.orders])
            for key, level in levels.items()
            if key[0] == symbol
        }
        touched = await self.venue.runner.command("SMEMBERS", self.venue.keys.tape_touched(symbol))
        expected = self.reference.touched.get(symbol, set())
        assert sorted(map(bytes.decode, touched)) == sorted(f"{side}:{int(price / tick)}" for side, price in expected)

    async def _compare_market(self, symbol: str, spec: SymbolSpec) -> None:
        await self._compare_lists(symbol)
        await self._compare_tape(symbol, spec)
        depth, state = await self.venue.queries.depth(symbol, 100_000), await self.venue.queries.market_state(symbol)
        market, tick, lot = self.reference.markets[symbol], spec.tick_units * ATOM, spec.lot_units * ATOM
        for side, levels in (("BUY", depth.bids), ("SELL", depth.asks)):
            expected: dict[Decimal, Decimal] = {}
            for order in self.reference.queue(symbol, side):
                expected[order.price] = expected.get(order.price, 0) + order.shown
            assert [(ticks * tick, lots * lot) for ticks, lots in levels] == list(expected.items()), (symbol, side)
            book = await self.venue.runner.command("ZRANGE", self.venue.keys.book(symbol, Side(side)), 0, -1)
            queue = [order.id for order in self.reference.queue(symbol, side)]
            assert [int(place[-16:]) for place in book] == queue, (symbol, side)
        last_price = None if state.last_price_ticks is None else state.last_price_ticks * tick
        assert (depth.update_id, state.next_trade_id, last_price) == (
            market.update_id,
            market.next_trade_id,
            market.last_price,
        )


def _apart(engine: dict[str, Any], reference: dict[str, Any]) -> str:
    """The parts of an event that the two tell differently, of lists the entries that differ."""
    lines = []
    for part in sorted(engine.keys() | reference.keys()):
        mine, theirs = engine.get(part), reference.get(part)
        if mine != theirs and isinstance(mine, list) and isinstance(theirs, list):
            mine, theirs = [one for one in mine if one not in theirs], [one for one in theirs if one not in mine]
        if mine != theirs or engine.get(part) != reference.get(part):
            lines.append(f"\n {part}\n   engine    {mine}\n   reference {theirs}")
    return "".join(lines)
