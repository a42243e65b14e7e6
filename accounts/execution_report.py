"""One executionReport as JSON text: every field Binance has, those that only some orders have among them.

The fact a newcomer would get wrong: `w` and `W` are about the book, not about the order's life: an order that waits for
its trigger is open and has neither. Fields stand where user-data-stream.md shows them; those it only names in its table
of conditional fields follow in the table's order. There are none of allocations (b, a, k, uS): nothing here has any.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from accounts.match_rendering import fee_of
from accounts.rendering import NEVER, expiry_reason, list_of, stp_of
from engine.records import Fill, OrderRecord, OrderTerms, PreventedMatch
from engine.types import OrderStatus, PegOffset, SymbolSpec
from markets.rendering import price_text, quantity_text, quote_text

ZERO = "0.00000000"
REJECTED = "REJECTED"  # execution and status of what never became an order


class Form(NamedTuple):
    """In what dialects differ. `no_commission`: where nothing was traded. `cancel_id`: what the cancel was called that
    this event is a consequence of, where the event does not say so itself; empty: the order's own id is shown.
    `purses`: what the account has, asset -> (free, locked), where assets of a symbol are shown that did not change.
    """

    no_commission: str
    cancel_id: str = ""
    purses: Mapping[str, tuple[int, int]] | None = None


GUIDE = Form(ZERO)
BINANCE = Form("0")


class Progress(NamedTuple):
    """How much of an order is filled, and taken by self-trade prevention, at a moment."""

    lots: int
    quote_atoms: int
    prevented_lots: int
    prevented_match_id: int


class Prevention(NamedTuple):
    """A prevented match as one of its two orders sees it. `match_lots` is what would have been traded."""

    match: PreventedMatch
    lost_lots: int
    counter_order_id: int
    match_lots: int


class Moment(NamedTuple):
    """What happened to an order, and how it stands then. At most one of `fill` and `prevention` is there."""

    execution: str
    status: OrderStatus
    now_ms: int
    execution_id: int
    progress: Progress
    fill: Fill | None = None
    prevention: Prevention | None = None
    cancel_id: str = ""
    previous_id: str = ""  # what an amended order was called before
    rejected: str = "NONE"  # why it was REJECTED, in Binance's words


def execution_report(spec: SymbolSpec, order: OrderRecord, moment: Moment, form: Form = GUIDE) -> str:
    fill, progress, terms = moment.fill, moment.progress, order.terms
    is_maker = fill is not None and fill.maker_order_id == order.order_id
    client_id, original_id = order.client_order_id, moment.previous_id
    if moment.execution == "CANCELED":
        client_id, original_id = moment.cancel_id or form.cancel_id or client_id, client_id
    now_ms = moment.now_ms
    status = REJECTED if moment.execution == REJECTED else moment.status
    commission, commission_asset = form.no_commission, "null"
    if fill is not None:
        commission, commission_asset = _commission(spec, order, fill, is_maker=is_maker)
    stop_price, iceberg, trailing, prevented, plan = ZERO, ZERO, "", "", ""
    if terms is not None:
        stop_price, iceberg = price_text(spec, terms.stop_ticks), quantity_text(spec, terms.iceberg_lots)
        trailing, plan = _trailing_delta(terms), _trailing_time(terms) + _strategy(terms)
        prevented = f'"v":{progress.prevented_match_id},' if progress.prevented_lots else ""
    return (
        f'{{"e":"executionReport","E":{now_ms},"s":"{spec.symbol}","c":{_quoted(client_id)},"S":"{order.side}",'
        f'"o":"{order.type}","f":"{order.time_in_force}","q":"{quantity_text(spec, order.lots)}",'
        f'"p":"{price_text(spec, order.own_price_ticks)}","P":"{stop_price}",{trailing}"F":"{iceberg}",'
        f'"g":{list_of(order)},"C":{_quoted(original_id)},"x":"{moment.execution}","X":"{status}",'
        f'"r":"{moment.rejected}","i":{order.order_id},"l":"{quantity_text(spec, fill.lots if fill else 0)}",'
        f'"z":"{quantity_text(spec, progress.lots)}","L":"{price_text(spec, fill.price_ticks if fill else 0)}",'
        f'"n":"{commission}","N":{commission_asset},"T":{now_ms},"t":{fill.trade_id if fill else -1},{prevented}'
        f'"I":{moment.execution_id},"w":{_truth(moment.status.is_open and order.working_ms > 0)},'
        f'"m":{_truth(is_maker)},"M":{_truth(fill is not None)},"O":{order.created_ms},'
        f'"Z":"{quote_text(spec, progress.quote_atoms)}","Y":"{quote_text(spec, fill.quote_atoms if fill else 0)}",'
        f'"Q":"{quote_text(spec, order.quote_order_atoms)}",{plan}{_working_time(order)}"V":"{stp_of(order)}"'
        f"{_special_fields(spec, order, moment)}}}"
    )


def _trailing_delta(terms: OrderTerms) -> str:
    return f'"d":{terms.trailing_bips},' if terms.trailing_bips else ""


def _trailing_time(terms: OrderTerms) -> str:
    """Since when the order follows the price; -1 before."""
    return f'"D":{terms.trailing_ms or NEVER},' if terms.trailing_bips else ""


def _strategy(terms: OrderTerms) -> str:
    number = f'"j":{terms.strategy_id},' if terms.strategy_id else ""
    return number + (f'"J":{terms.strategy_type},' if terms.strategy_type else "")


def _working_time(order: OrderRecord) -> str:
    return f'"W":{order.working_ms},' if order.working_ms else ""


def _special_fields(spec: SymbolSpec, order: OrderRecord, moment: Moment) -> str:
    """What only some reports have behind all others, each with a comma before it."""
    text, terms = "", order.terms
    if terms is not None:
        if moment.progress.prevented_lots:
            text += f',"A":"{quantity_text(spec, moment.progress.prevented_lots)}"'
        if moment.prevention is not None:
            text += _prevention(spec, moment.prevention)
        if terms.peg:
            text += f',"gP":"{terms.peg}"'
        if terms.peg_offset:
            text += f',"gOT":"{PegOffset.PRICE_LEVEL}","gOV":{terms.peg_offset}'
        if order.is_pegged_now:
            text += f',"gp":"{price_text(spec, order.price_ticks)}"'
    if moment.status is OrderStatus.EXPIRED and (reason := expiry_reason(order)):
        text += f',"eR":"{reason}"'
    return text


def _prevention(spec: SymbolSpec, prevention: Prevention) -> str:
    match, lots = prevention.match, prevention.match_lots
    return (
        f',"B":"{quantity_text(spec, prevention.lost_lots)}","u":{match.trade_group},"U":{prevention.counter_order_id},'
        f'"Cs":"{spec.symbol}","pl":"{quantity_text(spec, lots)}","pL":"{price_text(spec, match.price_ticks)}",'
        f'"pY":"{quote_text(spec, spec.notional_floor(match.price_ticks, lots))}"'
    )


def _commission(spec: SymbolSpec, order: OrderRecord, fill: Fill, *, is_maker: bool) -> tuple[str, str]:
    """Amount and asset, the latter as JSON."""
    commission, asset = fee_of(spec, fill, order.side, is_maker=is_maker)
    return commission, f'"{asset}"'


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _truth(value: bool) -> str:
    return "true" if value else "false"
