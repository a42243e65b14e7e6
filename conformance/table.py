"""All areas, in the order of the report."""

from typing import Final

from conformance.areas import (
    commissions,
    conditional,
    list_queries,
    lists,
    market,
    orders,
    stp,
    tickers,
    trailing,
)
from conformance.rules import Area

AREAS: Final[tuple[Area, ...]] = tuple(
    module.AREA for module in (market, tickers, orders, conditional, lists, list_queries, stp, commissions, trailing)
)
