"""Why a command was refused, in a sentence, from the numbers that the filter or the script compared.

The fact a newcomer would get wrong: of the numbers the first is what was asked for, and the others what it missed; an
entry that an older process wrote may lack them, and is then told by its reason alone.
"""

from collections.abc import Callable
from typing import Final

from accounts.journal.words import Line, Numbers, Words
from engine.amounts import to_short_text
from engine.errors import Reason
from engine.records import OrderRecord
from engine.refusals import Refusal, read_refusals
from engine.venue import Venue

MOST_REFUSALS: Final = 100
WHOLE_E4: Final = 10_000


class Case:
    """A refusal, and its numbers as people write them under their names without units."""

    def __init__(self, refusal: Refusal, words: Words | None) -> None:
        self.refusal = refusal
        self.raw = refusal.numbers
        self.words = words
        self.shown: Numbers = dict(self.raw) if words is None else words.refused(refusal)

    def __getitem__(self, name: str) -> str:
        return str(self.shown[name])

    @property
    def detail(self) -> str:
        """Raises KeyError without one, as numbers do."""
        if not self.refusal.detail:
            raise KeyError("detail")
        return self.refusal.detail

    def field(self, default: str) -> str:
        return self.refusal.field or default

    def sent(self, name: str) -> str:
        return self.refusal.parameters[name]


Sentence = Callable[[Case], str]


def _bounded(default_field: str, low: str, high: str, step: str = "") -> Sentence:
    """Below a least, above a most, or between two steps; the first number is what was sent."""

    def sentence(case: Case) -> str:
        value = next(iter(case.raw.values()))
        shown = next(iter(case.shown.values()))
        subject = f"{case.field(default_field)} {shown}"
        if "step" in case.shown:
            return f"{subject} is not a multiple of {step} {case['step']}"
        least = next(number for name, number in case.raw.items() if name.startswith("min_"))
        at = f" at {_average(case)}" if case.raw.keys() & {"last_ticks", "reference_units"} else ""
        if value < least:
            return f"{subject}{at} is below {low} {case['min']}"
        return f"{subject}{at} is above {high} {case['max']}"

    return sentence


def _lot_size(case: Case) -> str:
    if "used_lots" in case.raw:
        return (
            f"{case.field('newQty')} {case['quantity']} must be more than the {case['used']} that are filled already "
            f"and less than the order's {case['order']}"
        )
    return _bounded("quantity", "minQty", "maxQty", "stepSize")(case)


def _notional(case: Case) -> str:
    if "notional" not in case.shown:
        return f"quantity {case['quantity']} at the price {case['price']} it found is worth less than {case['min']}"
    return _bounded("the order's worth", "minNotional", "maxNotional")(case)


def _trailing(case: Case) -> str:
    if "trailing_bips" not in case.raw:
        return "trailingDelta 0 is none"
    low, high, value = (case.raw[name] for name in ("min_bips", "max_bips", "trailing_bips"))
    return f"trailingDelta {value} is {'below' if value < low else 'above'} {low if value < low else high}"


def _percent_price(case: Case) -> str:
    assert case.words is not None
    price, multiplier = (case.raw[name] for name in ("price_ticks", "multiplier_e4"))
    tick_units = case.words.spec.tick_units
    average_units = case.raw["last_ticks"] * tick_units if "last" in case.shown else case.raw["reference_units"]
    is_above = price * tick_units * WHOLE_E4 > average_units * multiplier
    bound = to_short_text(average_units * multiplier // WHOLE_E4)
    return (
        f"price {case['price']} is {'above' if is_above else 'below'} {bound}: {case['multiplier']} times "
        f"{_average(case)}"
    )


def _average(case: Case) -> str:
    """What filters take for the average of trade prices: the reference price of a symbol that has one."""
    if "reference" in case.shown:
        return f"the reference price {case['reference']}"
    return f"the last price {case['last']}"


def _count(case: Case) -> str:
    return f"{case['open']} are open, and with {case['new']} more they would be above {case['max']}"


def _duplicate(case: Case) -> str:
    if case.refusal.detail == "within":
        return "two orders of the list have the same client order id"
    what = "order list" if case.refusal.detail == "list" else "order"
    return f"{what} {case['existing_order_id']} of this account has the same client order id"


def _unknown(case: Case) -> str:
    if case.refusal.detail:
        return f"the order is {case.detail}"
    return "no open order of this account on the symbol is called so: it has ended, is somebody else's, or never was"


def _list_prices(case: Case) -> str:
    if "last" not in case.shown:
        return f"stop price {case['stop']} and price {case['price']} leave no room for the last price between them"
    price = f"stop price {case['stop']}" if "stop" in case.shown else f"price {case['price']}"
    return f"{price} is on the wrong side of the last price {case['last']}"


def _too_large(case: Case) -> str:
    at = f" at {case['price']}" if case.raw.get("price_ticks") else ""
    if case.words is None:
        raise KeyError("the symbol")
    most = f"{case.words.quote(case.words.spec.max_notional_atoms)} {case.words.spec.quote}"
    return f"quantity {case['quantity']}{at} is more than one order may have, which may be worth {most} at most"


_THIN_BOOK: Final = "the other side of the book shows {quantity}, less than the minQty {min} of an order"
_STOP_REACHED: Final = "stop price {stop} is reached already: the last price is {last}"
_POSITION: Final = "{position} held or on order and {bought} to be bought are more than {max}"

SENTENCES: Final[dict[Reason, Sentence]] = {
    Reason.FILTER_PRICE: _bounded("price", "minPrice", "maxPrice", "tickSize"),
    Reason.FILTER_LOT_SIZE: _lot_size,
    Reason.FILTER_MARKET_LOT_SIZE: _bounded("quantity", "minQty", "maxQty"),
    Reason.FILTER_NOTIONAL: _notional,
    Reason.FILTER_ICEBERG_PARTS: lambda case: f"icebergQty makes {case['parts']} parts, more than {case['max_parts']}",
    Reason.FILTER_TRAILING_DELTA: _trailing,
    Reason.FILTER_PERCENT_PRICE: _percent_price,
    Reason.FILTER_PERCENT_PRICE_BY_SIDE: _percent_price,
    Reason.FILTER_MAX_NUM_ORDERS: _count,
    Reason.FILTER_MAX_NUM_ALGO_ORDERS: _count,
    Reason.FILTER_MAX_NUM_ICEBERG_ORDERS: _count,
    Reason.FILTER_MAX_NUM_ORDER_LISTS: _count,
    Reason.FILTER_EXCHANGE_MAX_NUM_ORDERS: _count,
    Reason.FILTER_EXCHANGE_MAX_NUM_ALGO_ORDERS: _count,
    Reason.FILTER_EXCHANGE_MAX_NUM_ICEBERG_ORDERS: _count,
    Reason.FILTER_EXCHANGE_MAX_NUM_ORDER_LISTS: _count,
    Reason.FILTER_MAX_NUM_ORDER_AMENDS: lambda case: f"it was amended {case['amends']} times, and may be {case['max']}",
    Reason.FILTER_MAX_POSITION: lambda case: _POSITION.format_map(case.shown),
    Reason.FILTER_MAX_ASSET: lambda case: f"{case['order']} are more than the account's {case['max']} for one order",
    Reason.RISK_OPEN_ORDERS: _count,
    Reason.TOO_MANY_ORDERS: lambda case: (
        f"its account may have {case['max']} unfilled orders in one interval of {case.raw['interval_ms'] // 1000} s"
    ),
    Reason.RATE_LIMITED: lambda case: "its sender's address had used up what it may ask for",
    Reason.RISK_POSITION: lambda case: _POSITION.format_map(case.shown),
    Reason.RISK_DAILY_NOTIONAL: lambda case: (
        f"with its {case['order']} the day's orders come to {case['day']}, more than {case['max']}"
    ),
    Reason.ACCOUNT_KILLED: lambda case: "the account's kill switch is on",
    Reason.AMOUNT_TOO_LARGE: _too_large,
    Reason.INSUFFICIENT_BALANCE: lambda case: f"it needed {case['needed']}, and {case['free']} was free",
    Reason.DUPLICATE_ORDER: _duplicate,
    Reason.AMEND_DUPLICATE: _duplicate,
    Reason.MARKET_CLOSED: lambda case: f"the symbol's status is {case.detail}",
    Reason.AUCTION_COLLECTS: lambda case: (
        f"the symbol's auction collects LIMIT orders with timeInForce GTC and without a peg, and this was {case.detail}"
    ),
    Reason.UNKNOWN_SYMBOL: lambda case: f"there is no symbol {case.sent('symbol')}",
    Reason.KEY_INVALID: lambda case: "its API key is revoked, or must not do this any more",
    Reason.OUTSIDE_WINDOW: lambda case: (
        f"it might be executed until {case['until_ms']}, and at the venue it was {case['now_ms']}"
    ),
    Reason.UNKNOWN_ORDER: _unknown,
    Reason.AMEND_UNKNOWN_ORDER: _unknown,
    Reason.CANCEL_RESTRICTED: lambda case: (
        f"the order is {case.detail}, and cancelRestrictions={case.sent('cancelRestrictions')} leaves such orders alone"
    ),
    Reason.NOT_SUPPORTED: lambda case: f"{case.detail} are not supported for this symbol",
    Reason.NO_OCO: lambda case: f"{case.detail} are not supported for this symbol",
    Reason.NO_SOR: lambda case: "orders of this symbol meet its own book alone: POST order takes them",
    Reason.ICEBERG_EXCEEDS_QUANTITY: lambda case: (
        f"{case.field('icebergQty')} {case['iceberg']} is more than the quantity {case['quantity']}"
    ),
    Reason.STP_NOT_ALLOWED: lambda case: f"the symbol does not allow the mode {case.detail}",
    Reason.WOULD_MATCH: lambda case: (
        f"price {case['price']} meets {case['best']}, the best on the other side, and a LIMIT_MAKER must not take"
    ),
    Reason.STOP_WOULD_TRIGGER: lambda case: _STOP_REACHED.format_map(case.shown),
    Reason.LIST_PRICES: _list_prices,
    Reason.PEG_NOT_ALLOWED: lambda case: f"an order of type {case.detail} may not be pegged",
    Reason.PEG_UNFIT: lambda case: f"{case.detail} does not go with this type and timeInForce",
    Reason.NO_PEG_PRICE: lambda case: f"the book has no level {case['offset_levels']} to take a price from",
    Reason.BOOK_EMPTY: lambda case: "nobody stands on the other side of the book",
    Reason.BOOK_BELOW_LOT_SIZE: lambda case: _THIN_BOOK.format_map(case.shown),
    Reason.BOOK_BELOW_MARKET_LOT_SIZE: lambda case: _THIN_BOOK.format_map(case.shown),
    Reason.AMEND_INCREASES: lambda case: f"newQty {case['quantity']} is more than the order's {case['order']}",
    Reason.AMEND_PENDING_OPO: lambda case: "it has no quantity before the working order of its list has bought for it",
    Reason.RULE_FAILED: lambda case: case.detail,
    Reason.AMEND_CHANGES_NOTHING: lambda case: f"newQty {case['quantity']} is what the order has",
}


def why(refusal: Refusal, words: Words | None) -> str:
    """One sentence without its full stop: "PRICE_FILTER: price 60000.005 is not a multiple of tickSize 0.01"."""
    if refusal.reason not in set(Reason):
        return _unreadable(refusal)
    reason, case = Reason(refusal.reason), Case(refusal, words)
    try:
        text = SENTENCES[reason](case)
    except (KeyError, StopIteration, AssertionError):
        text = ", ".join([refusal.detail or refusal.text, *(f"{name} {value}" for name, value in case.shown.items())])
    leg = f" (order {refusal.numbers['leg']} of the list)" if "leg" in refusal.numbers else ""
    return f"{_name(reason)}: {text}{leg}"


def _name(reason: Reason) -> str:
    """What the public calls a filter; our own word for everything else."""
    if reason is Reason.FILTER_PRICE:
        return "PRICE_FILTER"
    return reason.removeprefix("FILTER_")


def _unreadable(refusal: Refusal) -> str:
    name = refusal.field
    sent = f"{name}={refusal.parameters[name]!r}" if name in refusal.parameters else f"{name} was not sent"
    return f"{refusal.reason} ({sent})"


def refusal_line(refusal: Refusal, words: Words | None) -> Line:
    """A refused command: why, what its sender was told, and the numbers that were compared."""
    numbers = words.refused(refusal) if words is not None else dict(refusal.numbers)
    sent = " ".join(f"{name}={text}" for name, text in refusal.parameters.items())
    text = (
        f"{refusal.command} was refused. {why(refusal, words)}. "
        f'Its sender was told {refusal.code} "{refusal.text}"; it had asked for {sent}'
    )
    return Line(
        kind="refused", seq=None, time=refusal.now_ms, text=text,
        numbers={
            **numbers, "code": refusal.code, "reason": refusal.reason, "parameters": refusal.parameters,
            "keyId": refusal.key_id,
        },
    )  # fmt: skip


async def refusals_about(venue: Venue, symbol: str, order: OrderRecord, names: set[str]) -> list[Refusal]:
    """Those of commands that meant the order: by its id, that of its list, or a client order id among `names`."""
    list_id = order.terms.list_id if order.terms is not None else -1

    def is_wanted(refusal: Refusal) -> bool:
        given = refusal.parameters
        is_by_id = str(order.order_id) in (given.get("orderId"), given.get("cancelOrderId"))
        is_by_list = list_id >= 0 and given.get("orderListId") == str(list_id)
        return given.get("symbol") == symbol and (is_by_id or is_by_list or names_one_of(refusal, names))

    return await read_refusals(venue, is_wanted, account=order.account, limit=MOST_REFUSALS)


async def refusals_of_name(venue: Venue, account: int, symbol: str, client_order_id: str) -> list[Refusal]:
    """Those of commands that named this client order id, in whatever role."""

    def is_wanted(refusal: Refusal) -> bool:
        return refusal.parameters.get("symbol") == symbol and names_one_of(refusal, {client_order_id})

    return await read_refusals(venue, is_wanted, account=account, limit=MOST_REFUSALS)


def names_one_of(refusal: Refusal, names: set[str]) -> bool:
    return any(
        text and text in names for name, text in refusal.parameters.items() if name.lower().endswith("clientorderid")
    )
