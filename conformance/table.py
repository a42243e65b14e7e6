"""All areas, in the order of the report."""

from typing import Final

from conformance.areas import (
    account,
    amend,
    commissions,
    conditional,
    errors,
    execution,
    filters,
    limits,
    list_queries,
    listen_keys,
    lists,
    market,
    opo,
    order_counts,
    orders,
    pegged,
    replace,
    signatures,
    stp,
    stream_control,
    streams,
    tickers,
    trailing,
    user_streams,
    websocket_api,
    websocket_methods,
    weights,
)
from conformance.rules import Area

AREAS: Final[tuple[Area, ...]] = tuple(
    module.AREA
    for module in (
        signatures, errors, account, filters, market, tickers, orders, conditional, lists, list_queries,
        replace, amend, stp, commissions, pegged, opo, trailing, execution, streams, stream_control,
        user_streams, listen_keys, websocket_api, websocket_methods, weights, limits, order_counts,
    )
)  # fmt: skip
