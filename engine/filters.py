"""A symbol's filters: what can be said about an order from its rules alone, before the engine is asked.

The fact a newcomer would get wrong: a price off the tick, or a quantity off the lot, is not an unreadable number but a
filter failure, found while its text becomes ticks or lots. More decimals than any number here may have is unreadable.
"""

from functools import lru_cache

from engine.amounts import to_atoms
from engine.commands import PlaceOrder
from engine.errors import Reason, Rejected
from engine.types import BALANCE_LIMIT, ORDER_LIMIT, PRICE_DECIMALS, OrderType, SymbolSpec


def read_price(text: str, spec: SymbolSpec) -> int:
    """The price in ticks. Raises BadParameter, Rejected FILTER_PRICE for a price off the tick."""
    units = to_atoms(text, decimals=PRICE_DECIMALS, limit=BALANCE_LIMIT, field="price")
    price_ticks, rest = divmod(units, spec.tick_units)
    if rest:
        raise Rejected(Reason.FILTER_PRICE, f"{text} is not a whole number of ticks")
    return price_ticks


def read_quantity(text: str, spec: SymbolSpec) -> int:
    """The quantity in lots. Raises BadParameter, Rejected FILTER_LOT_SIZE for a quantity off the lot."""
    units = to_atoms(text, decimals=PRICE_DECIMALS, limit=BALANCE_LIMIT, field="quantity")
    lots, rest = divmod(units, spec.lot_units)
    if rest:
        raise Rejected(Reason.FILTER_LOT_SIZE, f"{text} is not a whole number of lots")
    return lots


def read_quote_amount(text: str, spec: SymbolSpec) -> int:
    """What a market order may spend or wants to get, in quote atoms. Raises BadParameter, Rejected FILTER_NOTIONAL."""
    quote_atoms = to_atoms(text, decimals=spec.quote_decimals, limit=BALANCE_LIMIT, field="quoteOrderQty")
    if quote_atoms == 0:
        raise Rejected(Reason.FILTER_NOTIONAL, "zero")
    return quote_atoms


@lru_cache(maxsize=4_096)
def max_notional_atoms(spec: SymbolSpec) -> int:
    """The largest amount of quote one order may be worth: above it the engine's numbers stop being exact."""
    _, divisor = spec.notional_ratio
    return (ORDER_LIMIT + 1 - divisor) // divisor


def check_order(order: PlaceOrder, spec: SymbolSpec) -> None:
    """PRICE_FILTER, LOT_SIZE and NOTIONAL.

    The notional of a market order by quantity is judged at the last price, which only the script knows for sure
    (place_order.lua). Raises Rejected FILTER_PRICE, FILTER_LOT_SIZE, FILTER_NOTIONAL.
    """
    if order.quote_order_atoms:
        _check_notional(order.quote_order_atoms, spec)
        return
    if order.type is OrderType.LIMIT and not spec.min_price_ticks <= order.price_ticks <= spec.max_price_ticks:
        raise Rejected(Reason.FILTER_PRICE, "outside of minPrice and maxPrice")
    if not spec.min_lots <= order.lots <= spec.max_lots:
        raise Rejected(Reason.FILTER_LOT_SIZE, "outside of minQty and maxQty")
    if order.type is OrderType.LIMIT:
        _check_notional(spec.notional_ceil(order.price_ticks, order.lots), spec)


def _check_notional(quote_atoms: int, spec: SymbolSpec) -> None:
    if not spec.min_notional_atoms <= quote_atoms <= max_notional_atoms(spec):
        raise Rejected(Reason.FILTER_NOTIONAL, "outside of minNotional and maxNotional")
