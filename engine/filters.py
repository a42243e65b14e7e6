"""A symbol's filters: what can be said about an order from its rules alone, before the engine is asked.

The fact a newcomer would get wrong: a price off the tick, or a quantity off the lot, is not an unreadable number but a
filter failure, found while its text becomes ticks or lots. More decimals than any number here may have is unreadable.
"""

from functools import lru_cache

from engine.amounts import to_atoms
from engine.commands import PlaceOrder
from engine.errors import Reason, Rejected
from engine.types import BALANCE_LIMIT, PRICE_DECIMALS, Feature, ListKind, OrderType, SymbolSpec

TEXTS_KEPT = 16_384  # orders come with the same few quantities, and prices near each other


@lru_cache(maxsize=TEXTS_KEPT)
def read_price(text: str, tick_units: int, field: str = "price") -> int:
    """The price in ticks of 1e-8 times `tick_units`. Raises BadParameter, Rejected FILTER_PRICE off the tick."""
    units = to_atoms(text, decimals=PRICE_DECIMALS, limit=BALANCE_LIMIT, field=field)
    price_ticks, rest = divmod(units, tick_units)
    if rest:
        sizes = {"price_units": units, "step_units": tick_units}
        raise Rejected(Reason.FILTER_PRICE, f"{text} is not a whole number of ticks", numbers=sizes, field=field)
    return price_ticks


@lru_cache(maxsize=TEXTS_KEPT)
def read_quantity(text: str, lot_units: int, field: str = "quantity") -> int:
    """The quantity in lots of 1e-8 times `lot_units`. Raises BadParameter, Rejected FILTER_LOT_SIZE off the lot."""
    units = to_atoms(text, decimals=PRICE_DECIMALS, limit=BALANCE_LIMIT, field=field)
    lots, rest = divmod(units, lot_units)
    if rest:
        sizes = {"quantity_units": units, "step_units": lot_units}
        raise Rejected(Reason.FILTER_LOT_SIZE, f"{text} is not a whole number of lots", numbers=sizes, field=field)
    return lots


def read_quote_amount(text: str, spec: SymbolSpec) -> int:
    """What a market order may spend or wants to get, in quote atoms. Raises BadParameter, Rejected FILTER_NOTIONAL."""
    quote_atoms = to_atoms(text, decimals=spec.quote_decimals, limit=BALANCE_LIMIT, field="quoteOrderQty")
    if quote_atoms == 0:
        raise _wrong_worth(quote_atoms, spec, "quoteOrderQty")
    return quote_atoms


def check_order(order: PlaceOrder, spec: SymbolSpec, *, has_quantity: bool = True) -> None:
    """What the symbol supports, then PRICE_FILTER, LOT_SIZE, NOTIONAL and the filters that only some orders meet.

    A contingent order without a limit is worth its stop price times its quantity. The notional of a market order by
    quantity, and of one which has nothing but a trailing delta, is judged at the reference price or the last one, which
    only the script knows for sure (lua/lib/placing.lua), as it does what is open (lua/lib/limits.lua). Raises Rejected.
    """
    price_ticks, lots = order.price_ticks, order.lots
    if order.type not in spec.order_types:
        raise Rejected(Reason.NOT_SUPPORTED, f"{order.type.replace('_', ' ').capitalize()} orders")
    if order.peg and Feature.PEG in spec.not_offered:
        raise Rejected(Reason.NOT_SUPPORTED, "Pegged orders")
    if order.stp not in spec.allowed_stp:
        raise Rejected(Reason.STP_NOT_ALLOWED, order.stp, field="selfTradePreventionMode")
    if order.quote_order_atoms:
        _check_worth(order.quote_order_atoms, spec, "quoteOrderQty")
        return
    if price_ticks or (order.type.has_limit and not order.peg):  # the book gives a pegged order a good price
        _check_price(price_ticks, spec, "price")
    if order.stop_ticks:
        _check_price(order.stop_ticks, spec, "stopPrice")
    if not has_quantity:
        _check_unsized(order, spec)
        return
    check_lots(lots, spec)
    if order.type is OrderType.MARKET:
        _check_market_lots(lots, spec)
    elif price_ticks := price_ticks or order.stop_ticks:
        check_notional(price_ticks, lots, spec)
    if order.iceberg_lots:
        _check_iceberg(order, spec)
    if order.trailing_bips:
        _check_trailing(order, spec)


def check_list_kind(kind: ListKind, spec: SymbolSpec) -> None:
    """Whether the symbol offers such lists (faqs/opo.md, "Which symbols allow OPO orders?"). Raises Rejected."""
    for feature in kind.features:
        if feature in spec.not_offered:
            raise Rejected(Reason.NO_OCO if feature is Feature.OCO else Reason.NOT_SUPPORTED, f"{feature} orders")


def _check_unsized(order: PlaceOrder, spec: SymbolSpec) -> None:
    """Of a pending order of an OPO its quantity is judged when it has one (lua/lib/paying.lua)."""
    if order.iceberg_lots:
        if spec.max_iceberg_parts == 0:
            raise Rejected(Reason.NOT_SUPPORTED, "Iceberg orders")
        check_lots(order.iceberg_lots, spec, "icebergQty")
    if order.trailing_bips:
        _check_trailing(order, spec)


def check_lots(lots: int, spec: SymbolSpec, field: str = "quantity") -> None:
    """Raises Rejected FILTER_LOT_SIZE."""
    if not spec.min_lots <= lots <= spec.max_lots:
        bounds = {"lots": lots, "min_lots": spec.min_lots, "max_lots": spec.max_lots}
        raise Rejected(Reason.FILTER_LOT_SIZE, "outside of minQty and maxQty", numbers=bounds, field=field)


def check_notional(price_ticks: int, lots: int, spec: SymbolSpec) -> None:
    """Raises Rejected FILTER_NOTIONAL."""
    quote_atoms = spec.notional_ceil(price_ticks, lots)
    if not spec.min_notional_atoms <= quote_atoms <= spec.max_notional_atoms:
        raise _wrong_worth(quote_atoms, spec, "")


def _check_price(price_ticks: int, spec: SymbolSpec, field: str) -> None:
    if not spec.min_price_ticks <= price_ticks <= spec.max_price_ticks:
        bounds = {"price_ticks": price_ticks, "min_ticks": spec.min_price_ticks, "max_ticks": spec.max_price_ticks}
        raise Rejected(Reason.FILTER_PRICE, "outside of minPrice and maxPrice", numbers=bounds, field=field)


def _check_worth(quote_atoms: int, spec: SymbolSpec, field: str) -> None:
    if not spec.min_notional_atoms <= quote_atoms <= spec.max_notional_atoms:
        raise _wrong_worth(quote_atoms, spec, field)


def _wrong_worth(quote_atoms: int, spec: SymbolSpec, field: str) -> Rejected:
    bounds = {
        "notional_quote_atoms": quote_atoms, "min_quote_atoms": spec.min_notional_atoms,
        "max_quote_atoms": spec.max_notional_atoms,
    }  # fmt: skip
    return Rejected(Reason.FILTER_NOTIONAL, "outside of minNotional and maxNotional", numbers=bounds, field=field)


def _check_market_lots(lots: int, spec: SymbolSpec) -> None:
    if lots < spec.min_market_lots or (spec.max_market_lots and lots > spec.max_market_lots):
        bounds = {"lots": lots, "min_lots": spec.min_market_lots, "max_lots": spec.max_market_lots or spec.max_lots}
        detail = "outside of minQty and maxQty of market orders"
        raise Rejected(Reason.FILTER_MARKET_LOT_SIZE, detail, numbers=bounds, field="quantity")


def _check_iceberg(order: PlaceOrder, spec: SymbolSpec) -> None:
    if spec.max_iceberg_parts == 0:
        raise Rejected(Reason.NOT_SUPPORTED, "Iceberg orders")
    check_lots(order.iceberg_lots, spec, "icebergQty")
    if order.iceberg_lots > order.lots:
        sizes = {"iceberg_lots": order.iceberg_lots, "lots": order.lots}
        raise Rejected(Reason.ICEBERG_EXCEEDS_QUANTITY, numbers=sizes, field="icebergQty")
    parts = -(-order.lots // order.iceberg_lots)
    if parts > spec.max_iceberg_parts:
        counts = {"parts": parts, "max_parts": spec.max_iceberg_parts}
        detail = f"more than {spec.max_iceberg_parts} parts"
        raise Rejected(Reason.FILTER_ICEBERG_PARTS, detail, numbers=counts, field="icebergQty")


def _check_trailing(order: PlaceOrder, spec: SymbolSpec) -> None:
    if not spec.allows_trailing:
        raise Rejected(Reason.NOT_SUPPORTED, "Trailing stop orders")
    least, most = spec.min_trailing_below_bips, spec.max_trailing_below_bips
    if order.type.waits_above(order.side):
        least, most = spec.min_trailing_above_bips, spec.max_trailing_above_bips
    if not least <= order.trailing_bips <= most:
        bounds = {"trailing_bips": order.trailing_bips, "min_bips": least, "max_bips": most}
        detail = f"outside of {least} to {most}"
        raise Rejected(Reason.FILTER_TRAILING_DELTA, detail, numbers=bounds, field="trailingDelta")
