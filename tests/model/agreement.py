"""Plays a command into the engine and into the reference, and demands the same answer, events and books of both.

The fact a newcomer would get wrong: the engine's whole numbers are translated here, by the symbol's tick and lot, and
nowhere else. The venue runs on a virtual clock, so that times can be compared too.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any, Self

import msgspec

from engine import events
from engine.audit import audit
from engine.commands import CancelAllOrders, CancelOrder, PlaceOrder, ReduceOrder, Transfer
from engine.errors import Rejected
from engine.registry import KeyRecord
from engine.runner import Stale
from engine.types import SymbolSpec, SymbolStatus
from engine.venue import Venue
from tests.conftest import BTCUSDT, ETHBTC, ETHUSDT
from tests.model.reference import PRECISE, Exchange
from tests.model.words import ATOM, Fill, Market, Order, Purse, Refused

# Rates that differ, or a mix-up of maker and taker could not be seen. Smallest notionals that some of the small orders
# here miss: of the random commands on the first two, of the state machine on the last two.
SPECS = {
    spec.symbol: msgspec.structs.replace(
        spec, maker_fee_e8=maker_fee_e8, taker_fee_e8=taker_fee_e8, min_notional_atoms=min_notional_atoms
    )
    for spec, maker_fee_e8, taker_fee_e8, min_notional_atoms in (
        (BTCUSDT, 100_000, 100_000, 100_000), (ETHUSDT, 20_000, 75_000, 50_000), (ETHBTC, 3_333_333, 0, 50)
    )
}  # fmt: skip
ACCOUNTS = range(1, 8)
ASSETS = ("BTC", "ETH", "USDT")
LONGEST_MESSAGE = 6_000
START_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Step:
    """One command by the name of the gateway's method, or set_status, set_key, set_clock; `of` is what it is given."""

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

    @classmethod
    async def start(cls, venue: Venue) -> Self:
        """A venue without orders gets the three symbols, the accounts, and a clock that stands."""
        for spec in SPECS.values():
            await venue.registry.define_symbol(spec)
        for account in ACCOUNTS:
            await venue.registry.define_account(account, f"user{account}")
        await venue.clock.set_virtual(START_MS)
        seq = (await venue.queries.clock()).seq
        markets = {symbol: _market(spec) for symbol, spec in (await venue.registry.specs()).items()}
        return cls(venue=venue, reference=Exchange(markets=markets, now_ms=START_MS, seq=seq), seen=seq)

    async def play(self, step: Step) -> Outcome:
        """Raises AssertionError where the two answer differently."""
        engine = await self._of_engine(step)
        with localcontext(PRECISE):
            reference = self._of_reference(step)
        assert engine == reference, f"{step}\n   engine    {engine}\n   reference {reference}"[:LONGEST_MESSAGE]
        self.played += 1
        return engine

    async def _of_engine(self, step: Step) -> Outcome:
        try:
            return ("ok", await ENGINE[step.name](self.venue, step.of))
        except Rejected as error:
            return ("refused", str(error.reason), error.existing_order_id)
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
        engine = [_event(events.decode_entry(entry)) for entry in entries]
        for mine, theirs in zip(engine, self.reference.events, strict=False):
            assert mine == theirs, f"event\n   engine    {mine}\n   reference {theirs}"[:LONGEST_MESSAGE]
        assert len(engine) == len(self.reference.events)
        self.seen += len(engine)
        self.reference.events.clear()

    async def compare_books(self) -> None:
        reference, queries = self.reference, self.venue.queries
        next_order_id = await self.venue.runner.command("HGET", self.venue.keys.meta, "next_order_id")
        assert int(next_order_id or 1) == reference.next_order_id
        for account in ACCOUNTS:
            for balance in await queries.balances(account, ASSETS):
                engine = Purse(balance.free_atoms * ATOM, balance.locked_atoms * ATOM)
                assert engine == reference.purse(balance.asset, account), (balance.asset, account)
            for symbol, spec in SPECS.items():
                found = [_order(record, spec) for record in await queries.open_orders(account, [symbol])]
                assert found == [o for o in reference.open.values() if (o.account, o.symbol) == (account, symbol)]
        for symbol, spec in SPECS.items():
            await self._compare_market(symbol, spec)

    async def _compare_market(self, symbol: str, spec: SymbolSpec) -> None:
        depth, state = await self.venue.queries.depth(symbol, 100_000), await self.venue.queries.market_state(symbol)
        market, tick, lot = self.reference.markets[symbol], spec.tick_units * ATOM, spec.lot_units * ATOM
        for side, levels in (("BUY", depth.bids), ("SELL", depth.asks)):
            expected: dict[Decimal, Decimal] = {}
            for order in self.reference.queue(symbol, side):
                expected[order.price] = expected.get(order.price, 0) + order.left
            assert [(ticks * tick, lots * lot) for ticks, lots in levels] == list(expected.items()), (symbol, side)
        last_price = None if state.last_price_ticks is None else state.last_price_ticks * tick
        assert (depth.update_id, state.next_trade_id, last_price) == (
            market.update_id,
            market.next_trade_id,
            market.last_price,
        )


def _market(spec: SymbolSpec) -> Market:
    return Market(
        symbol=spec.symbol, base=spec.base, quote=spec.quote, tick=spec.tick_units * ATOM, lot=spec.lot_units * ATOM,
        maker_fee=spec.maker_fee_e8 * ATOM, taker_fee=spec.taker_fee_e8 * ATOM,
        min_notional=spec.min_notional_atoms * ATOM, rules_version=spec.rules_version,
    )  # fmt: skip


# The engine's answers and events, as the reference would say them.


def _order(record: events.OrderRecord, spec: SymbolSpec) -> Order:
    lot = spec.lot_units * ATOM
    return Order(
        id=record.order_id, account=record.account, symbol=spec.symbol, side=record.side.value, type=record.type.value,
        time_in_force=record.time_in_force.value, price=record.price_ticks * spec.tick_units * ATOM,
        quantity=record.lots * lot, left=record.left_lots * lot, quote_amount=record.quote_order_atoms * ATOM,
        client_id=record.client_order_id, created_ms=record.created_ms, updated_ms=record.updated_ms,
        status=record.status.value, filled_quote=record.filled_quote_atoms * ATOM, locked=record.locked_atoms * ATOM,
    )  # fmt: skip


def _fill(fill: events.Fill, spec: SymbolSpec) -> Fill:
    return Fill(
        trade_id=fill.trade_id, price=fill.price_ticks * spec.tick_units * ATOM,
        quantity=fill.lots * spec.lot_units * ATOM,
        quote=fill.quote_atoms * ATOM, taker_side=fill.taker_side.value, taker_account=fill.taker_account,
        taker_id=fill.taker_order_id, taker_fee=fill.taker_fee_atoms * ATOM, maker_account=fill.maker_account,
        maker_id=fill.maker_order_id, maker_fee=fill.maker_fee_atoms * ATOM,
    )  # fmt: skip


def _balance(change: events.BalanceChange) -> tuple[tuple[str, int], Purse, Purse]:
    before = Purse(change.free_before * ATOM, change.locked_before * ATOM)
    return (change.asset, change.account), before, Purse(change.free_atoms * ATOM, change.locked_atoms * ATOM)


def _event(event: events.AnyEvent) -> dict[str, Any]:
    kind = type(event).__struct_config__.tag
    told: dict[str, Any] = {"kind": kind, "seq": event.seq, "now_ms": event.now_ms}
    match event:
        case events.BalanceCredited() | events.BalanceDebited():
            return told | {"balance": _balance(event.balance), "amount": event.atoms * ATOM}
        case events.SymbolDefined(spec=spec):
            return told | {"symbol": spec.symbol, "status": spec.status.value, "rules_version": spec.rules_version}
        case events.AccountChanged(account=account):
            return told | {"account": account}
        case events.OrderPlaced() | events.OrderCanceled() | events.OrdersCanceled() | events.OrderReduced():
            return told | _market_event(event, SPECS[event.symbol])
    return told


def _market_event(event: Any, spec: SymbolSpec) -> dict[str, Any]:
    tick, lot = spec.tick_units * ATOM, spec.lot_units * ATOM
    told: dict[str, Any] = {
        "symbol": event.symbol,
        "update_id": event.update_id,
        "levels": sorted(((level.side.value, level.price_ticks * tick), level.lots * lot) for level in event.levels),
        "balances": sorted(map(_balance, event.balances), key=lambda change: change[0]),
        "fills": [_fill(fill, spec) for fill in event.fills],
        "makers": [_order(record, spec) for record in event.makers],
    }
    match event:
        case events.OrdersCanceled(orders=orders):
            return told | {"orders": [_order(record, spec) for record in orders]}
        case events.OrderCanceled(order=order, cancel_client_order_id=own_id):
            return told | {"order": _order(order, spec), "own_id": own_id}
        case events.OrderPlaced(is_final=False):
            return told | {"order": _order(event.order, spec), "is_final": False}
    return told | {"order": _order(event.order, spec)}


# How each of the two is asked.


async def _place(venue: Venue, order: PlaceOrder) -> Any:
    placed, spec = await venue.gateway.place_order(order), SPECS[order.symbol]
    return _order(placed.order, spec), [_fill(fill, spec) for fill in placed.fills]


async def _cancel(venue: Venue, cancel: CancelOrder) -> Any:
    return _order((await venue.gateway.cancel_order(cancel)).order, SPECS[cancel.symbol])


async def _cancel_all(venue: Venue, cancel: CancelAllOrders) -> Any:
    return [_order(record, SPECS[cancel.symbol]) for record in await venue.gateway.cancel_all_orders(cancel)]


async def _reduce(venue: Venue, reduce: ReduceOrder) -> Any:
    return _order((await venue.gateway.reduce_order(reduce)).order, SPECS[reduce.symbol])


async def _credit(venue: Venue, transfer: Transfer) -> Any:
    moved = await venue.gateway.credit(transfer)
    return Purse(moved.free_atoms * ATOM, moved.locked_atoms * ATOM)


async def _debit(venue: Venue, transfer: Transfer) -> Any:
    moved = await venue.gateway.debit(transfer)
    return Purse(moved.free_atoms * ATOM, moved.locked_atoms * ATOM)


async def _set_status(venue: Venue, of: tuple[str, str]) -> None:
    symbol, status = of
    await venue.registry.define_symbol(msgspec.structs.replace(SPECS[symbol], status=SymbolStatus(status)))


async def _set_key(venue: Venue, of: tuple[str, int, bool]) -> None:
    digest, account, is_good = of
    if is_good:
        await venue.registry.define_key(digest, KeyRecord(account=account, user_name=f"user{account}"))
    else:
        await venue.registry.revoke_key(digest, account=account, name=f"user{account}")


ENGINE: dict[str, Callable[[Venue, Any], Awaitable[Any]]] = {
    "place_order": _place,
    "cancel_order": _cancel,
    "cancel_all_orders": _cancel_all,
    "reduce_order": _reduce,
    "credit": _credit,
    "debit": _debit,
    "set_status": _set_status,
    "set_key": _set_key,
    "set_clock": lambda venue, now_ms: venue.clock.set_virtual(now_ms),
}


def _sizes(of: Any) -> tuple[Decimal, Decimal]:
    """Tick and lot size of the command's symbol; ones for a symbol that does not exist."""
    spec = SPECS.get(of.symbol)
    return (spec.tick_units * ATOM, spec.lot_units * ATOM) if spec else (Decimal(1), Decimal(1))


def _reference_place(reference: Exchange, of: PlaceOrder) -> Any:
    tick, lot = _sizes(of)
    return reference.place(
        account=of.account, symbol=of.symbol, rules_version=of.rules_version, side=of.side.value, type=of.type.value,
        time_in_force=of.time_in_force.value, price=of.price_ticks * tick, quantity=of.lots * lot,
        quote_amount=of.quote_order_atoms * ATOM, client_id=of.client_order_id, key=of.key_digest,
    )  # fmt: skip


REFERENCE: dict[str, Callable[[Exchange, Any], Any]] = {
    "place_order": _reference_place,
    "cancel_order": lambda reference, of: reference.cancel(
        account=of.account, symbol=of.symbol, order_id=of.order_id, client_id=of.client_order_id,
        own_id=of.cancel_client_order_id, key=of.key_digest,
    ),
    "cancel_all_orders": lambda reference, of: reference.cancel_all(
        account=of.account, symbol=of.symbol, key=of.key_digest
    ),
    "reduce_order": lambda reference, of: reference.reduce(
        account=of.account, symbol=of.symbol, order_id=of.order_id, quantity=of.lots * _sizes(of)[1], key=of.key_digest
    ),
    "credit": lambda reference, of: reference.credit(
        account=of.account, asset=of.asset, amount=of.atoms * ATOM, key=of.key_digest
    ),
    "debit": lambda reference, of: reference.debit(
        account=of.account, asset=of.asset, amount=of.atoms * ATOM, key=of.key_digest
    ),
    "set_status": lambda reference, of: reference.set_status(*of),
    "set_key": lambda reference, of: reference.set_key(of[0], of[1], is_good=of[2]),
    "set_clock": lambda reference, now_ms: reference.set_clock(now_ms),
}  # fmt: skip
