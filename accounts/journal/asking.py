"""Ask why: what the engine did with an order, from the events that tell of it, and what was refused about it.

The fact a newcomer would get wrong: nothing is written for this while an order is placed or matched. The archive knows
an order's first and last event, so the stream is read between these two alone, forwards, page by page; an entry is
decoded only if the order's number stands in it. Of what the archiver has trimmed SQL has trades, prevented matches
and the order's last state; the journal says where that begins.
"""

from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from channels.db import database_sync_to_async
from django.db import DatabaseError
from msgspec import Struct

from accounts.journal.refusals import refusal_line, refusals_about, refusals_of_name
from accounts.journal.scan import MOST_EVENTS, Scan
from accounts.journal.story import Story
from accounts.journal.triggers import Followed, follow
from accounts.journal.words import Line, Words
from accounts.orders import is_client_id
from archive import queries as archive
from archive import traces
from archive.traces import Trace
from engine.errors import EngineUnavailable, Reason, Rejected
from engine.events import Event, ListPlaced, MarketEvent, OrderReduced, OrderStep, OrderTriggered, amendments_in
from engine.keys import order_member
from engine.records import OrderRecord, decode_order
from engine.runner import named_failure
from engine.types import SymbolSpec
from engine.venue import Venue
from engine.wire import NotSent, ReplyLost

SUMMARY: Final = (
    "Events before {first} are not kept any more: of what happened to this order until then only its trades, the "
    "matches it was kept from, its amendments and how it ended up are known"
)
VOID: Final = (
    "Made void by event {event}: Redis had lost it, or the market was cleared before its clock went back; its trades, "
    "the matches it was kept from, its amendments and its last state are what SQL has kept"
)
UNFINISHED: Final = "More than {most} events have followed since: those behind event {last} were not looked at"

Answer = TypeVar("Answer")


class Journal(Struct, frozen=True, kw_only=True, rename="camel"):
    """`order_id` is None when every command under the client order id was refused. `is_complete` is False when some
    steps are known in summary only, or not at all; a line of kind "summary" says which.
    """

    order_id: int | None
    client_order_id: str
    symbol: str
    account: int
    user: str
    status: str | None
    is_complete: bool
    lines: list[Line]


class Found(Struct, frozen=True):
    """An order, how the archive and Redis have it; at least one of them does."""

    spec: SymbolSpec
    trace: Trace | None
    record: OrderRecord | None

    @property
    def order(self) -> OrderRecord:
        """As it is now."""
        if self.record is not None:
            return self.record
        assert self.trace is not None
        return self.trace.order


async def journal_of(venue: Venue, order_id: int) -> Journal:
    """The journal of an order in any state, whoever's it is.

    Raises Rejected NO_SUCH_ORDER, EngineUnavailable.
    """
    archived_epoch, archived_seq = await archive.archived_up_to(venue)  # before SQL is read: what it lacks comes later
    found = await _find(venue, order_id)
    if archived_epoch != (await venue.queries.clock()).epoch:
        archived_seq = 0
    is_void = found.record is None and found.trace is not None and found.trace.void_by != ""
    first_kept = await _first_kept(venue)
    start = found.trace.placed_seq if found.trace is not None else archived_seq + 1
    scan = Scan(found.order, found.spec.symbol)
    if not is_void and (found.trace is None or found.trace.seq >= first_kept or found.trace.order.status.is_open):
        await scan.read(venue, max(start, first_kept))
    followed = await _follow(venue, scan, is_start_known=start >= first_kept)
    words = await _words(venue, found, scan.events)
    story = Story(order_id, words, followed)
    for event in scan.events:
        story.tell(event)
    lines = story.lines
    is_summary = found.trace is not None and (is_void or start < first_kept)
    if is_summary and found.trace is not None:
        lines = await _summary(venue, found.trace, words, first_kept) + lines
    if scan.is_cut:
        text = UNFINISHED.format(most=MOST_EVENTS, last=scan.last_seq)
        lines.append(Line(kind="summary", seq=scan.last_seq, time=found.order.updated_ms, text=text))
    _insert(lines, _trailing_lines(found.order, followed, words))
    names = await _names_of(venue, found, scan.events)
    refusals = await refusals_about(venue, found.spec.symbol, found.order, names)
    _insert(lines, [refusal_line(refusal, words) for refusal in refusals])
    order = found.order
    return Journal(
        order_id=order_id, client_order_id=order.client_order_id, symbol=found.spec.symbol, account=order.account,
        user=words.name(order.account), status=order.status.value, is_complete=not (is_summary or scan.is_cut),
        lines=lines,
    )  # fmt: skip


async def journal_of_client_id(venue: Venue, user: str, symbol: str, client_order_id: str) -> Journal:
    """The journal of the newest order of that client order id; of refusals alone when none was accepted.

    Raises Rejected UNKNOWN_USER, NO_SUCH_ORDER (neither order nor refusal), EngineUnavailable.
    """
    account = await venue.registry.account_number(user)
    words: Words | None = None
    with suppress(Rejected):  # a symbol that is none, or a name that no order can have: that may be what was refused
        words = Words(await venue.registry.spec(symbol))
    if words is not None and is_client_id(client_order_id):
        order_id = await _newest_id(venue, account, symbol, client_order_id)
        if order_id is not None:
            return await journal_of(venue, order_id)
    refusals = await refusals_of_name(venue, account, symbol, client_order_id)
    if not refusals:
        detail = f"No order of {user} on {symbol} is or was called {client_order_id}, nor is a refusal of one kept."
        raise Rejected(Reason.NO_SUCH_ORDER, detail)
    return Journal(
        order_id=None, client_order_id=client_order_id, symbol=symbol, account=account, user=user, status=None,
        is_complete=True, lines=[refusal_line(refusal, words) for refusal in refusals],
    )  # fmt: skip


async def _newest_id(venue: Venue, account: int, symbol: str, client_order_id: str) -> int | None:
    try:
        return (await venue.queries.order(account, symbol, client_order_id=client_order_id)).order_id
    except Rejected:
        pass  # unknown, or so old that only SQL has it
    try:
        stored = await archive.order(venue.name, account, symbol, client_order_id=client_order_id)
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    if stored is not None:
        return stored.order_id
    return await _in_database(lambda: traces.order_once_called(venue.name, account, symbol, client_order_id))


async def _names_of(venue: Venue, found: Found, events: list[Event]) -> set[str]:
    """What the order and its list are and were called by their owner."""
    names = {found.order.client_order_id}
    for event in events:
        if isinstance(event, ListPlaced):
            names.add(event.order_list.client_order_id)
        elif isinstance(event, OrderReduced):
            amended = amendments_in(event)
            names |= {each.previous_client_order_id for each in amended if each.order_id == found.order.order_id}
    trace = found.trace
    if trace is not None:
        past = await _in_database(lambda: traces.amendments_before(venue.name, trace, 2**62))
        names |= {amendment.previous_client_order_id for amendment in past}
    return names


async def _in_database(work: Callable[[], Answer]) -> Answer:
    try:
        answer: Answer = await database_sync_to_async(work)()
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    return answer


async def _find(venue: Venue, order_id: int) -> Found:
    """Raises Rejected NO_SUCH_ORDER.

    What SQL has under this number may be another order: void since Redis lost it, or not known to be void yet while
    the number was given out again, perhaps on another symbol.
    """
    trace = await _in_database(lambda: traces.trace(venue.name, order_id))
    specs = await venue.registry.specs()
    symbol, record = await _record(venue, list(specs), order_id)
    if record is not None:
        is_same = trace is not None and (trace.symbol, trace.order.created_ms) == (symbol, record.created_ms)
        return Found(specs[symbol], trace if is_same and trace is not None and trace.void_by == "" else None, record)
    if trace is None or trace.symbol not in specs:
        raise Rejected(Reason.NO_SUCH_ORDER, await _why_unknown(venue, order_id))
    return Found(specs[trace.symbol], trace, None)


async def _why_unknown(venue: Venue, order_id: int) -> str:
    last = int(await venue.runner.command("HGET", venue.keys.meta, "next_order_id") or 1) - 1
    if order_id > last:
        return f"Order {order_id} does not exist: the last number given out is {last}."
    return (
        f"Order {order_id} does not exist: its number was used up by a place in a queue (an iceberg that was refilled, "
        "an order that was triggered), or everything about it is gone."
    )


async def _record(venue: Venue, symbols: list[str], order_id: int) -> tuple[str, OrderRecord | None]:
    """The order as Redis has it, and its symbol. Looked up as open first: one that ends meanwhile is found as ended."""
    keys = venue.keys
    places = [(symbol, key) for symbol in symbols for key in (keys.symbol(symbol), keys.ended(symbol))]
    try:
        records = await venue.connection.pipeline([("HGET", key, order_member(order_id)) for _, key in places])
    except (NotSent, ReplyLost) as error:
        raise EngineUnavailable("HGET") from named_failure("HGET", error)
    for (symbol, _), record in zip(places, records, strict=True):
        if isinstance(record, bytes):
            return symbol, decode_order(record)
    return "", None


async def _first_kept(venue: Venue) -> int:
    """The seq of the oldest event that Redis still has; above all of them when it has none."""
    entries = await venue.runner.command("XRANGE", venue.keys.events, "-", "+", "COUNT", 1)
    if not entries:
        return (await venue.queries.clock()).seq + 1
    return int(entries[0][0].partition(b"-")[2])


async def _follow(venue: Venue, scan: Scan, *, is_start_known: bool) -> Followed:
    """What the prices did to the order while it waited."""
    waiting, steps = scan.waiting, scan.steps
    if not steps:
        return Followed()
    if waiting is None:
        order = next((event.order for event in scan.events if isinstance(event, OrderTriggered)), None)
        if is_start_known or order is None or order.terms is None or order.terms.trailing_bips:
            return Followed()
        waiting = order
    return follow(waiting, steps, await _price_before(venue, scan))


async def _price_before(venue: Venue, scan: Scan) -> int | None:
    """The last price before the first of the scan's steps; None if there was none, or nobody knows it any more."""
    name, trade_id = scan.symbol, scan.steps[0].fills[0].trade_id - 1
    if trade_id < 1:
        return None
    trades = await venue.queries.trades(name, limit=1, from_id=trade_id)
    if trades and trades[0].fill.trade_id == trade_id:
        return trades[0].fill.price_ticks
    return await _in_database(lambda: traces.price_of_trade(venue.name, name, trade_id))


async def _words(venue: Venue, found: Found, events: list[Event]) -> Words:
    """How to write the symbol's numbers, and the names of all whom the events name."""
    accounts = {found.order.account}
    for event in events:
        if isinstance(event, MarketEvent):
            for fill in event.fills:
                accounts |= {fill.taker_account, fill.maker_account}
        if isinstance(event, OrderStep):
            for match in event.prevented:
                accounts |= {match.taker_account, match.maker_account}
    numbers = sorted(accounts)
    names = await venue.runner.command("HMGET", venue.keys.accounts, *map(str, numbers))
    known = {account: name.decode() for account, name in zip(numbers, names, strict=True) if name is not None}
    return Words(found.spec, known)


async def _summary(venue: Venue, trace: Trace, words: Words, first_kept: int) -> list[Line]:
    """What SQL knows of the time before the first event that is kept; of an order that is void, all it knows."""
    before = 2**62 if trace.void_by else first_kept
    fills, prevented, amendments, reached = await _in_database(
        lambda: (
            traces.fills_before(venue.name, trace, before),
            traces.preventions_before(venue.name, trace, before),
            traces.amendments_before(venue.name, trace, before),
            traces.trade_that_reached(venue.name, trace),
        )
    )
    order, story = trace.order, Story(trace.order.order_id, words, Followed())
    story.tell_accepted(trace.placed_seq, order.created_ms, order)
    text = VOID.format(event=trace.void_by) if trace.void_by else SUMMARY.format(first=first_kept)
    lines = [Line(kind="void" if trace.void_by else "summary", seq=None, time=order.created_ms, text=text)]
    if reached is not None and reached.seq < before:  # ahead of all fills: only then it took
        price = words.price(reached.fill.price_ticks)
        text = f"Triggered by trade {reached.fill.trade_id} at {price} (event {reached.seq})"
        shown = {"tradeId": reached.fill.trade_id, "price": price, "tradeSeq": reached.seq}
        story.lines.append(Line(kind="triggered", seq=None, time=reached.now_ms, text=text, numbers=shown))
    told = len(story.lines)
    for past in fills:
        story.tell_fill(past.seq, past.now_ms, order, past.fill)
    for prevention in prevented:
        story.tell_prevented(prevention.seq, prevention.now_ms, prevention.match)
    for amendment in amendments:
        story.tell_amended(amendment, left_lots=None, meant=None)
    lines += [*story.lines[:told], *sorted(story.lines[told:], key=lambda line: line.seq or 0)]
    if trace.seq < before:
        numbers = {"status": order.status.value, "filled": words.quantity(order.filled_lots)}
        text = f"Its last event left it {order.status}, {numbers['filled']} filled"
        lines.append(Line(kind="last_state", seq=trace.seq, time=order.updated_ms, text=text, numbers=numbers))
    return lines


def _insert(lines: list[Line], others: list[Line]) -> None:
    """Put the others, which no event has in its place, among the lines by their time."""
    for line in others:
        lines.insert(bisect_right([each.time for each in lines], line.time), line)


def _trailing_lines(order: OrderRecord, followed: Followed, words: Words) -> list[Line]:
    """When an order began to trail, if it waited for that: no event says so."""
    terms = order.terms
    if terms is None or not terms.trailing_ms:
        return []
    began = followed.began
    if began is None and not terms.stop_ticks and terms.trailing_ms == order.created_ms:
        return []  # at once: the line on its waiting says so
    if began is None:
        return [Line(kind="trailing", seq=None, time=terms.trailing_ms, text="Began to follow the price")]
    price = words.price(began.fill.price_ticks)
    text = f"Began to follow the price with trade {began.fill.trade_id} at {price}"
    numbers = {"tradeId": began.fill.trade_id, "price": price}
    return [Line(kind="trailing", seq=began.seq, time=began.now_ms, text=text, numbers=numbers)]
