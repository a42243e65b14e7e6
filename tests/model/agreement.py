"""Plays a command into the engine and into the reference, and demands the same answer, events and books of both.

The fact a newcomer would get wrong: the engine's whole numbers are translated here, by the symbol's tick and lot, and
nowhere else. The venue runs on a virtual clock, so that times can be compared too.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, Self

import msgspec

from engine import events, records
from engine.account_rules import AccountRates
from engine.audit import audit
from engine.commands import (
    CancelAllOrders,
    CancelOrder,
    PlaceOrder,
    PlaceOrderList,
    ReduceOrder,
    ReplaceOrder,
    TapeCommand,
    TapeFrame,
    TapeTrade,
    Transfer,
)
from engine.errors import Rejected
from engine.gateway import Placed
from engine.registry import KeyRecord
from engine.runner import Stale
from engine.types import MAX_FILLS, TAPE_MAKER, TAPE_TAKER, Side, SymbolSpec
from engine.venue import Venue
from tests.model.aggregates import Aggregates
from tests.model.coverage import Coverage
from tests.model.reference import PRECISE, Exchange
from tests.model.small_steps import shorten_steps
from tests.model.tape import MAKER, TAKER
from tests.model.translation import (
    SPECS,
    account_rules_of,
    decimal_rates,
    event_of,
    fill_of,
    list_of,
    order_of,
    prevented_of,
    rules_of,
)
from tests.model.words import ATOM, Market, Purse, Refused, Terms

ACCOUNTS = range(1, 8)
EVERYBODY = (*ACCOUNTS, MAKER, TAKER)
ASSETS = ("BTC", "ETH", "USDT")
LONGEST_MESSAGE = 6_000
START_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Step:
    """One command: a gateway method, or define_symbol (a spec, and whether to reopen), set_limits (an account, its
    limits), set_account_rates, set_conversion, set_key ... (ENGINE); `of` is what it is given.
    """

    name: str
    of: Any


Outcome = tuple[Any, ...]  # ("ok", answer) or ("refused", reason, existing order id or None)


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
        markets = {symbol: _market(spec) for symbol, spec in (await venue.registry.specs()).items()}
        pair = cls(venue=venue, reference=Exchange(markets=markets, now_ms=START_MS, seq=seq), seen=seq)
        pair.shorten_steps(cap)
        return pair

    def shorten_steps(self, cap: int) -> None:
        """From here on a step has at most `cap` matches."""
        if cap != self.reference.cap:
            shorten_steps(self.venue, cap)
            self.reference.cap = cap

    async def play(self, step: Step) -> Outcome:
        """Raises AssertionError where the two answer differently."""
        engine = await self._of_engine(step)
        with localcontext(PRECISE):
            reference = self._of_reference(step)
        assert engine == reference, f"{step}\n   engine    {engine}\n   reference {reference}"[:LONGEST_MESSAGE]
        self.played += 1
        if engine[0] == "refused":
            self.coverage.note_refused(engine[1])
        if step.name == "replace_order" and engine[0] == "ok":
            self.coverage.note_replaced(*engine[1])
        return engine

    async def _of_engine(self, step: Step) -> Outcome:
        try:
            return ("ok", await ENGINE[step.name](self.venue, step.of))
        except Rejected as error:
            return _refusal(error)
        except Stale:
            self.venue.registry.forget()
            return ("refused", "STALE", None)

    def _of_reference(self, step: Step) -> Outcome:
        try:
            return ("ok", REFERENCE[step.name](self.reference, step.of))
        except Refused as error:
            return ("refused", error.reason, error.existing)

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
        for symbol, spec in SPECS.items():
            await self._compare_market(symbol, spec)

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


def _market(spec: SymbolSpec) -> Market:
    return Market(
        symbol=spec.symbol, base=spec.base, quote=spec.quote, tick=spec.tick_units * ATOM, lot=spec.lot_units * ATOM,
        min_notional=spec.min_notional_atoms * ATOM, rules_version=spec.rules_version, rules=rules_of(spec),
        definition=_definition(spec),
    )  # fmt: skip


# How each of the two is asked.


async def _place(venue: Venue, order: PlaceOrder) -> Any:
    return _placed(await venue.gateway.place_order(order), SPECS[order.symbol])


def _placed(placed: Placed, spec: SymbolSpec) -> Any:
    fills = [fill_of(fill, spec) for fill in placed.fills]
    return order_of(placed.order, spec), fills, [prevented_of(match, spec) for match in placed.prevented]


async def _place_list(venue: Venue, of: PlaceOrderList) -> Any:
    symbol = of.orders[0].symbol
    placed = await venue.gateway.place_order_list(of)
    return list_of(placed.order_list, symbol), [order_of(record, SPECS[symbol]) for record in placed.orders]


async def _replace(venue: Venue, of: ReplaceOrder) -> Any:
    replaced, spec = await venue.gateway.replace_order(of), SPECS[of.place.symbol]
    canceled, placed = replaced.canceled, replaced.placed
    if not isinstance(canceled, Rejected):
        canceled = ("ok", order_of(canceled.order, spec))
    if isinstance(placed, Placed):
        placed = ("ok", _placed(placed, spec))
    return tuple(_refusal(half) if isinstance(half, Rejected) else half for half in (canceled, placed))


def _refusal(error: Rejected) -> Outcome:
    return ("refused", str(error.reason), error.existing_order_id)


async def _cancel(venue: Venue, cancel: CancelOrder) -> Any:
    return order_of((await venue.gateway.cancel_order(cancel)).order, SPECS[cancel.symbol])


async def _cancel_all(venue: Venue, cancel: CancelAllOrders) -> Any:
    return [order_of(record, SPECS[cancel.symbol]) for record in await venue.gateway.cancel_all_orders(cancel)]


async def _reduce(venue: Venue, reduce: ReduceOrder) -> Any:
    return order_of((await venue.gateway.reduce_order(reduce)).order, SPECS[reduce.symbol])


async def _credit(venue: Venue, transfer: Transfer) -> Any:
    moved = await venue.gateway.credit(transfer)
    return Purse(moved.free_atoms * ATOM, moved.locked_atoms * ATOM)


async def _debit(venue: Venue, transfer: Transfer) -> Any:
    moved = await venue.gateway.debit(transfer)
    return Purse(moved.free_atoms * ATOM, moved.locked_atoms * ATOM)


async def _define(venue: Venue, of: tuple[SymbolSpec, bool]) -> None:
    await venue.registry.define_symbol(of[0], reopen=of[1])


async def _uncross(venue: Venue, symbol: str) -> Any:
    """What it traded, and what it was said to trade before."""
    spec = await venue.registry.spec(symbol)
    foretold = await venue.queries.auction(spec)
    done = await venue.gateway.uncross(symbol)
    assert (done.price_ticks, done.lots) == (foretold.price_ticks or 0, foretold.lots)
    return done.price_ticks * spec.tick_units * ATOM, done.lots * spec.lot_units * ATOM


async def _apply_frame(venue: Venue, frame: TapeFrame) -> None:
    await venue.gateway.apply_frame(frame)
    await venue.gateway._finish(frame.symbol)  # a replay leaves what it has triggered to whoever comes next


async def _play_trade(venue: Venue, trade: TapeTrade) -> None:
    await venue.gateway.play_trade(trade)
    await venue.gateway._finish(trade.symbol)


async def _kill(venue: Venue, account: int) -> Any:
    specs = {
        record.order_id: spec
        for symbol, spec in SPECS.items()
        for record in await venue.queries.open_orders(account, [symbol])
    }
    return [order_of(record, specs[record.order_id]) for record in await venue.gateway.kill_account(account)]


async def _set_account_rates(venue: Venue, of: tuple[int, str, dict[str, int], bool | None]) -> None:
    account, symbol, rates, wish = of
    await venue.registry.set_account_rates(account, AccountRates(rates=rates, uses_discount=wish), symbol)


async def _set_reference_price(venue: Venue, of: tuple[str, int | None]) -> None:
    await venue.registry.set_reference_price(*of)


def _reference_set(reference: Exchange, of: tuple[str, int | None]) -> None:
    symbol, units = of
    reference.set_reference_price(symbol, None if units is None else units * ATOM)


async def _set_key(venue: Venue, of: tuple[str, int, bool]) -> None:
    digest, account, is_good = of
    if is_good:
        await venue.registry.define_key(digest, KeyRecord(account=account, user_name=f"user{account}"))
    else:
        await venue.registry.revoke_key(digest, account=account, name=f"user{account}")


ENGINE: dict[str, Callable[[Venue, Any], Awaitable[Any]]] = {
    "place_order": _place,
    "place_order_list": _place_list,
    "replace_order": _replace,
    "cancel_order": _cancel,
    "cancel_all_orders": _cancel_all,
    "reduce_order": _reduce,
    "credit": _credit,
    "debit": _debit,
    "kill_account": _kill,
    "define_symbol": _define,
    "uncross": _uncross,
    "apply_frame": _apply_frame,
    "play_trade": _play_trade,
    "set_limits": lambda venue, of: venue.registry.set_account_limits(*of),
    "set_account_rates": _set_account_rates,
    "set_conversion": lambda venue, of: venue.registry.set_conversion(*of),
    "set_key": _set_key,
    "set_reference_price": _set_reference_price,
    "set_trade_group": lambda venue, of: venue.registry.set_trade_group(*of),
    "set_clock": lambda venue, now_ms: venue.clock.set_virtual(now_ms),
}


def _sizes(of: Any) -> tuple[Decimal, Decimal]:
    """Tick and lot size of the command's symbol; ones for a symbol that does not exist."""
    spec = SPECS.get(of.symbol)
    return (spec.tick_units * ATOM, spec.lot_units * ATOM) if spec else (Decimal(1), Decimal(1))


def _reference_terms(of: PlaceOrder, tick: Decimal, lot: Decimal) -> Terms:
    return Terms(
        stop=of.stop_ticks * tick, trailing_bips=of.trailing_bips, iceberg=of.iceberg_lots * lot, stp=of.stp.value,
        strategy_id=of.strategy_id, strategy_type=of.strategy_type, peg=of.peg.value, peg_offset=of.peg_offset,
    )  # fmt: skip


def _reference_place(reference: Exchange, of: PlaceOrder) -> Any:
    tick, lot = _sizes(of)
    return reference.place(
        account=of.account, symbol=of.symbol, rules_version=of.rules_version, side=of.side.value, type=of.type.value,
        time_in_force=of.time_in_force.value, price=of.price_ticks * tick, quantity=of.lots * lot,
        quote_amount=of.quote_order_atoms * ATOM, terms=_reference_terms(of, tick, lot), client_id=of.client_order_id,
        key=of.credential,
    )  # fmt: skip


def _reference_list(reference: Exchange, of: PlaceOrderList) -> Any:
    first, (tick, lot) = of.orders[0], _sizes(of.orders[0])
    orders = [
        {
            "side": order.side.value, "type": order.type.value, "time_in_force": order.time_in_force.value,
            "price": order.price_ticks * tick, "quantity": order.lots * lot,
            "terms": _reference_terms(order, tick, lot), "client_id": order.client_order_id,
        }
        for order in of.orders
    ]  # fmt: skip
    return reference.place_list(
        account=first.account, symbol=first.symbol, rules_version=first.rules_version, kind=of.kind.value,
        client_id=of.client_order_id, key=first.credential, orders=orders,
    )  # fmt: skip


def _definition(spec: SymbolSpec) -> SymbolSpec:
    """A spec as its owner knows it."""
    return msgspec.structs.replace(spec, rules_version=0)


def _reference_define(reference: Exchange, of: tuple[SymbolSpec, bool]) -> None:
    spec, reopen = of
    reference.define(
        spec.symbol, rules=rules_of(spec), definition=_definition(spec), status=spec.status.value, reopen=reopen,
        min_notional=spec.min_notional_atoms * ATOM,
    )  # fmt: skip


def _reference_cancel(reference: Exchange, of: CancelOrder) -> Any:
    return reference.cancel(
        account=of.account, symbol=of.symbol, order_id=of.order_id, client_id=of.client_order_id,
        own_id=of.cancel_client_order_id, key=of.credential, only_status=of.only_status or "",
    )  # fmt: skip


def _reference_replace(reference: Exchange, of: ReplaceOrder) -> Any:
    place = of.place
    return reference.replace(
        cancel=lambda: _reference_cancel(reference, of.cancel), place=lambda: _reference_place(reference, place),
        account=place.account, symbol=place.symbol, rules_version=place.rules_version, key=place.credential,
        is_placed_anyway=of.place_anyway, client_id=place.client_order_id,
        can_collect=(place.type, place.time_in_force, place.peg) == ("LIMIT", "GTC", ""),
    )  # fmt: skip


def _tape_head(of: TapeCommand) -> dict[str, Any]:
    return {
        "symbol": of.symbol, "rules_version": of.rules_version, "now_ms": of.now_ms, "after": of.after, "mark": of.mark
    }  # fmt: skip


def _reference_frame(reference: Exchange, of: TapeFrame) -> None:
    tick, lot = _sizes(of)
    levels = [(level.side.value, level.price_ticks * tick, level.lots * lot) for level in of.levels]
    reference.apply_frame(**_tape_head(of), levels=levels)


def _reference_trade(reference: Exchange, of: TapeTrade) -> None:
    tick, lot = _sizes(of)
    reference.play_trade(
        **_tape_head(of), price=of.price_ticks * tick, quantity=of.lots * lot, is_buyer_maker=of.is_buyer_maker
    )


REFERENCE: dict[str, Callable[[Exchange, Any], Any]] = {
    "place_order": _reference_place,
    "place_order_list": _reference_list,
    "replace_order": _reference_replace,
    "cancel_order": _reference_cancel,
    "cancel_all_orders": lambda reference, of: reference.cancel_all(
        account=of.account, symbol=of.symbol, key=of.credential
    ),
    "reduce_order": lambda reference, of: reference.reduce(
        account=of.account, symbol=of.symbol, order_id=of.order_id, quantity=of.lots * _sizes(of)[1], key=of.credential
    ),
    "credit": lambda reference, of: reference.credit(
        account=of.account, asset=of.asset, amount=of.atoms * ATOM, key=of.credential
    ),
    "debit": lambda reference, of: reference.debit(
        account=of.account, asset=of.asset, amount=of.atoms * ATOM, key=of.credential
    ),
    "kill_account": lambda reference, account: reference.kill(account),
    "define_symbol": _reference_define,
    "uncross": lambda reference, symbol: reference.uncross(symbol),
    "apply_frame": _reference_frame,
    "play_trade": _reference_trade,
    "set_limits": lambda reference, of: reference.set_limits(of[0], account_rules_of(of[1])),
    "set_account_rates": lambda reference, of: reference.set_account_rates(of[0], of[1], decimal_rates(of[2]), of[3]),
    "set_conversion": lambda reference, of: reference.set_conversion(of[0], of[1], of[2] * ATOM),
    "set_key": lambda reference, of: reference.set_key(of[0], of[1], is_good=of[2]),
    "set_reference_price": _reference_set,
    "set_trade_group": lambda reference, of: reference.set_trade_group(*of),
    "set_clock": lambda reference, now_ms: reference.set_clock(now_ms),
}  # fmt: skip
