"""All areas, in the order of the report."""

from typing import Final

from conformance.areas import (
    amend,
    commissions,
    conditional,
    errors,
    list_queries,
    lists,
    market,
    opo,
    orders,
    pegged,
    replace,
    stp,
    tickers,
    trailing,
)  # fmt: skip
from conformance.rules import Area

AREAS: Final[tuple[Area, ...]] = tuple(
    module.AREA
    for module in (
        market, tickers, errors, orders, conditional, lists, list_queries, replace, amend, stp, commissions,
        pegged, opo, trailing,
    )
)  # fmt: skip
