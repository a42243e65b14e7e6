"""What a request about an account weighs, where that depends on what is asked (as markets/weights.py)."""

from typing import Any


def of_test(request: Any) -> int:
    """A test order, with or without its commission."""
    return 20 if request.compute_commission_rates else 1


def of_open_orders(request: Any) -> int:
    """Of one symbol, or of all."""
    return 80 if request.symbol is None else 6


def of_own_trades(request: Any) -> int:
    """Those of one order, or others."""
    return 20 if request.order_id is None else 5


def of_prevented_matches(request: Any) -> int:
    """One by its id, or those of an order."""
    return 20 if request.prevented_match_id is None else 2
