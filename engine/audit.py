"""Recounts the books of a venue: every balance, order and price level, in one atomic read.

The fact a newcomer would get wrong: nothing here may use the engine's own sums. Balances are added up from the hashes,
levels from the orders, and locked money from what each order says it holds.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine.amounts import to_text
from engine.audit_lists import list_differences
from engine.errors import EngineUnavailable, OutcomeUnknown
from engine.keys import open_member, order_member, place_of
from engine.records import OrderListRecord, OrderRecord, decode_list, decode_order
from engine.types import OrderStatus, Side, SymbolSpec, SymbolStatus
from engine.venue import Venue

TRIGGERED_ALONE = "*"  # what is pending when no order has fills left to do (lua/lib/market.lua)
AUCTION = "auction"  # when trades of an auction are left to do (lua/lib/auction.lua)


class AuditReport(msgspec.Struct, frozen=True):
    """`differences` are sentences with the values, none when all is well; the rest is how much was looked at."""

    differences: list[str]
    accounts: int
    orders: int
    assets: int


class _Book(msgspec.Struct, frozen=True):
    """One side of a book as it stands in Redis."""

    side: Side
    queue: dict[str, int]  # place in the book -> score
    levels: dict[str, int]  # price -> score
    depth: dict[str, int]  # price -> lots

    @property
    def sign(self) -> int:
        return -1 if self.side is Side.BUY else 1


class _Waiting(msgspec.Struct, frozen=True):
    """Contingent orders as they stand in Redis: by a fixed stop price, trailing, or triggered and not yet done.

    Of what waits for its turn a list looked at begins with "L", an order of a list that begins with "+".
    """

    stops: dict[str, int]  # order id -> stop price in ticks, with a minus for those triggered from above
    trailing: set[str]
    triggered: list[str]
    nearest: tuple[str, str]  # what the symbol says of the nearest stops: above, below
    trailing_count: int

    @property
    def members(self) -> list[str]:
        orders = [word.removeprefix("+") for word in self.triggered if not word.startswith("L")]
        return sorted([*self.stops, *self.trailing, *orders])


class _Market(msgspec.Struct, frozen=True):
    """One symbol as it stands in Redis."""

    spec: SymbolSpec
    pending: str
    books: list[_Book]
    orders: dict[str, OrderRecord]
    client_ids: list[str]
    waiting: _Waiting
    lists: list[OrderListRecord]

    @property
    def resting(self) -> dict[str, OrderRecord]:
        """The open orders that stand in the book: not one that still has fills to do, nor those that wait."""
        return {
            member: order for member, order in self.orders.items() if member != self.pending and order.working_ms > 0
        }


Balances = dict[str, int]  # "<account>:free", ":locked", ":external" (of it), "#fees", "#credited", "#debited" -> atoms


async def audit(venue: Venue) -> AuditReport:
    """Recount the venue. Raises EngineUnavailable."""
    specs = list((await venue.registry.specs()).values())
    assets = await venue.registry.assets()
    tape = await venue.registry.tape_accounts()
    keys = [venue.keys.meta, venue.keys.open]
    for spec in specs:
        keys += _keys_of(venue, spec.symbol)
    keys += [venue.keys.balance(asset) for asset in assets]
    next_order_id, open_members, symbols, balances = await _read(venue, keys, [spec.symbol for spec in specs])
    markets = [_market(spec, raw) for spec, raw in zip(specs, symbols, strict=True)]
    money = {asset: _numbers(flat) for asset, flat in zip(assets, balances, strict=True)}
    differences = [
        *(line for market in markets for line in _market_differences(market, int(next_order_id), tape)),
        *_open_differences(markets, {member.decode() for member in open_members}),
        *(line for asset, held in money.items() for line in _money_differences(asset, assets[asset], held)),
        *_locked_differences(markets, money, assets),
    ]
    accounts = {field.partition(":")[0] for held in money.values() for field in held if not field.startswith("#")}
    return AuditReport(
        differences=differences,
        accounts=len(accounts),
        orders=sum(len(market.orders) for market in markets),
        assets=len(assets),
    )


async def _read(venue: Venue, keys: list[str], symbols: list[str]) -> list[Any]:
    try:
        return await venue.runner.run("read_audit", keys, symbols)
    except OutcomeUnknown as error:
        raise EngineUnavailable("read_audit") from error


def _keys_of(venue: Venue, symbol: str) -> list[str]:
    """A symbol's keys in the order of read_audit.lua."""
    keys, sides = venue.keys, (Side.BUY, Side.SELL)
    return [
        keys.symbol(symbol),
        *(keys.book(symbol, side) for side in sides),
        *(keys.levels(symbol, side) for side in sides),
        keys.stops(symbol),
        keys.trailing(symbol),
        keys.triggered(symbol),
        keys.lists(symbol),
    ]


def _numbers(flat: Sequence[bytes]) -> dict[str, int]:
    """A flat reply of names and whole numbers, by name: Redis returns a hash in no order."""
    return {name.decode(): int(number) for name, number in sorted(zip(flat[::2], flat[1::2], strict=True))}


def _market(spec: SymbolSpec, raw: list[Any]) -> _Market:
    pending, bids, asks, bid_levels, ask_levels, bid_depth, ask_depth, orders, client_ids, *conditions = raw
    stops, trailing, triggered, up_ticks, down_ticks, trailing_count, lists = conditions
    books = [
        _Book(side, _numbers(queue), _numbers(levels), _numbers(depth))
        for side, queue, levels, depth in (
            (Side.BUY, bids, bid_levels, bid_depth),
            (Side.SELL, asks, ask_levels, ask_depth),
        )
    ]
    # By member, as every part of a report: two audits of the same state say the same.
    rows = sorted(zip(orders[::2], orders[1::2], client_ids, strict=True))
    records = {member.decode(): decode_order(text) for member, text, _ in rows}
    waiting = _Waiting(
        stops=_numbers(stops),
        trailing={member.decode() for member in trailing[::2]},
        triggered=[member.decode() for member in triggered],
        nearest=(up_ticks.decode(), down_ticks.decode()),
        trailing_count=int(trailing_count),
    )
    by_id = sorted((int(field), text) for field, text in zip(lists[::2], lists[1::2], strict=True) if field.isdigit())
    order_lists = [decode_list(text) for _, text in by_id]
    names = [name.decode() for *_, name in rows]
    return _Market(spec, pending.decode(), books, records, names, waiting, order_lists)


def _market_differences(market: _Market, next_order_id: int, tape: set[int]) -> Iterator[str]:
    symbol = market.spec.symbol
    yield from (f"{symbol}: {what}" for what in _waiting_differences(market))
    of_lists = list_differences(market.spec, market.orders, market.lists, [*market.waiting.triggered, market.pending])
    yield from (f"{symbol}: {what}" for what in of_lists)
    if market.pending not in ("", TRIGGERED_ALONE, AUCTION) and market.pending not in market.orders:
        yield f"{symbol}: order {market.pending} is pending and not among the open orders"
    for (member, order), found in zip(market.orders.items(), market.client_ids, strict=True):
        yield from (f"{symbol}: order {member} {what}" for what in _order_differences(market, member, order))
        if what := _client_id_difference(member, order, found, tape):
            yield f"{symbol}: order {member} {what}"
        if order.order_id >= next_order_id:
            yield f"{symbol}: order {member} exists, but the next order id is {next_order_id}"
    for book in market.books:
        yield from (f"{symbol} {book.side}: {what}" for what in _book_differences(market, book))
    if market.spec.status is SymbolStatus.AUCTION_MATCH:
        return  # its orders collect: what crosses will trade when it opens
    if market.pending == AUCTION:
        yield f"{symbol}: an auction has trades left to do, and the status is {market.spec.status}"
    best = [min(book.queue.values()) * book.sign if book.queue else None for book in market.books]
    if best[0] is not None and best[1] is not None and best[0] >= best[1]:
        yield f"{symbol}: the book is crossed, best bid {best[0]} ticks, best ask {best[1]} ticks"


def _client_id_difference(member: str, order: OrderRecord, found: str, tape: set[int]) -> str:
    """What is wrong with an open order's client order id, which leads to `found`; only the tape's have none."""
    if not order.client_order_id:
        return "" if order.account in tape else f"has no client order id, and account {order.account} is not the tape's"
    if found != member:
        return f"has the client order id {order.client_order_id!r}, which leads to {found or 'no order'}"
    return ""


def _order_differences(market: _Market, member: str, order: OrderRecord) -> Iterator[str]:
    """What an open order says about itself that cannot be."""
    if order_member(order.order_id) != member:
        yield f"is recorded under the id {order.order_id}"
    if not order.status.is_open:
        yield f"is {order.status} and among the open orders"
    if member == market.pending:
        return
    if order.has_quantity and not 0 < order.left_lots <= order.lots:
        yield f"has {order.left_lots} of {order.lots} lots left"
    needed = (
        market.spec.notional_ceil(order.price_ticks, order.left_lots)
        if order.side is Side.BUY
        else order.left_lots * market.spec.base_atoms_per_lot
    )
    if order.terms is not None and order.terms.list_id >= 0:
        return  # of a pair one order locks for both (audit_lists.py)
    if order.locked_atoms < needed or (order.side is Side.SELL and order.locked_atoms != needed):
        yield f"has {order.locked_atoms} atoms locked and needs {needed}"


def _book_differences(market: _Market, book: _Book) -> Iterator[str]:
    orders = {member: order for member, order in market.resting.items() if order.side is book.side}
    expected_queue = {place_of(order): book.sign * order.price_ticks for order in orders.values()}
    yield from _compare("order", "book score", book.queue, expected_queue)
    expected_depth: dict[str, int] = defaultdict(int)
    for order in orders.values():
        expected_depth[str(order.price_ticks)] += order.shown_lots
    yield from _compare("level", "lots", book.depth, expected_depth)
    expected_levels = {price: book.sign * int(price) for price in expected_depth}
    yield from _compare("level", "levels score", book.levels, expected_levels)


def _waiting_differences(market: _Market) -> Iterator[str]:
    """Contingent orders wait in exactly one place, and the symbol knows the nearest stops."""
    waiting = market.waiting
    expected = sorted(
        member
        for member, order in market.orders.items()
        if order.working_ms == 0 and (order.status is not OrderStatus.PENDING_NEW or f"+{member}" in waiting.triggered)
    )
    if waiting.members != expected:
        yield f"orders {waiting.members} wait for a trigger, the open orders make it {expected}"
    if waiting.triggered and not market.pending:
        yield f"orders {waiting.triggered} were triggered, and the market is open before they were done"
    above = min((score for score in waiting.stops.values() if score > 0), default="")
    below = min((score for score in waiting.stops.values() if score < 0), default="")
    nearest = (str(above), str(-below) if isinstance(below, int) else "")
    if waiting.nearest != nearest:
        yield f"the nearest stops are said to be {waiting.nearest}, those that wait make it {nearest}"
    if waiting.trailing_count != len(waiting.trailing):
        yield f"{waiting.trailing_count} orders are said to trail, {len(waiting.trailing)} do"
    for member, score in waiting.stops.items():
        order = market.orders.get(member)
        if order is None or order.terms is None:
            continue
        stop = order.terms.stop_ticks if order.type.waits_above(order.side) else -order.terms.stop_ticks
        if score != stop:
            yield f"order {member} waits at {score}, and says {stop}"


def _compare(what: str, value: str, found: dict[str, int], expected: dict[str, int]) -> Iterator[str]:
    """Where two views of the same differ; `expected` follows from the open orders."""
    for name in sorted(found.keys() | expected.keys()):
        here, there = found.get(name), expected.get(name)
        if here is None:
            yield f"{what} {name} has no {value}, the open orders make it {there}"
        elif there is None:
            yield f"{what} {name} has {value} {here}, and no open order stands there"
        elif here != there:
            yield f"{what} {name} has {value} {here}, the open orders make it {there}"


def _open_differences(markets: list[_Market], members: set[str]) -> Iterator[str]:
    expected = {open_member(market.spec.symbol, order) for market in markets for order in market.orders.values()}
    for member in sorted(members - expected):
        yield f"the list of open orders has {member}, which is not open"
    for member in sorted(expected - members):
        yield f"the list of open orders lacks {member}"


def _money_differences(asset: str, decimals: int, held: Balances) -> Iterator[str]:
    for field, atoms in held.items():
        if atoms < 0:
            yield f"{asset}: {field} is {to_text(atoms, decimals=decimals)}, below zero"
    free = sum(atoms for field, atoms in held.items() if field.endswith(":free"))
    locked = sum(atoms for field, atoms in held.items() if field.endswith(":locked"))
    fees, credited, debited = held.get("#fees", 0), held.get("#credited", 0), held.get("#debited", 0)
    if free + locked + fees != credited - debited:
        values = [to_text(atoms, decimals=decimals) for atoms in (free, locked, fees, credited, debited)]
        yield (
            f"{asset}: free {values[0]} + locked {values[1]} + fees {values[2]} is "
            f"{to_text(free + locked + fees, decimals=decimals)}, "
            f"but credited {values[3]} - debited {values[4]} is {to_text(credited - debited, decimals=decimals)}"
        )


def _locked_differences(markets: list[_Market], money: dict[str, Balances], decimals: dict[str, int]) -> Iterator[str]:
    """What open orders hold, and those outside of the exchange, must be what is locked."""
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for asset, held in money.items():
        for field, atoms in held.items():
            if field.endswith(":external"):
                expected[asset, f"{field.removesuffix(':external')}:locked"] += atoms
    for market in markets:
        for order in market.orders.values():
            asset = market.spec.quote if order.side is Side.BUY else market.spec.base
            expected[asset, f"{order.account}:locked"] += order.locked_atoms
    found = {
        (asset, field): atoms
        for asset, held in money.items()
        for field, atoms in held.items()
        if field.endswith(":locked")
    }
    for asset, field in sorted(found.keys() | expected.keys()):
        here, there = found.get((asset, field), 0), expected.get((asset, field), 0)
        if here != there:
            account = field.removesuffix(":locked")
            yield (
                f"{asset}: account {account} has {to_text(here, decimals=decimals[asset])} locked, "
                f"its open orders hold {to_text(there, decimals=decimals[asset])}"
            )
