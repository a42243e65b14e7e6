"""Order lists of an account, however old: SQL's, and what SQL does not have yet from Redis.

The fact a newcomer would get wrong: in SQL a list is a row that never changes. Whether it is done, and what its orders
are called now, is read from the orders themselves.
"""

from django.db import DatabaseError

from accounts.history import Span, wait_for_archive
from archive import queries as archive
from engine.errors import EngineUnavailable, Reason, Rejected
from engine.records import OrderListRecord
from engine.venue import Venue

ListOnSymbol = tuple[str, OrderListRecord]


async def one_list(venue: Venue, account: int, *, list_id: int | None, client_order_id: str) -> ListOnSymbol:
    """A list by its id, by its client's id (then the newest), or by both. Raises Rejected NO_SUCH_LIST."""
    symbols = await venue.registry.specs()
    found = await venue.queries.order_list(account, symbols, list_id=list_id, client_order_id=client_order_id)
    if found is None:
        try:
            found = await archive.order_list(venue.name, account, list_id=list_id, client_order_id=client_order_id)
        except DatabaseError as error:
            raise EngineUnavailable("the archive") from error
    if found is None:
        raise Rejected(Reason.NO_SUCH_LIST)
    return found


async def open_lists(venue: Venue, account: int) -> list[ListOnSymbol]:
    """Lists of which an order is open, oldest first. Raises EngineUnavailable."""
    found = await _lists_in_redis(venue, account)
    return [(symbol, order_list) for symbol, order_list in found if not order_list.is_done]


async def _lists_in_redis(venue: Venue, account: int) -> list[ListOnSymbol]:
    found = [
        (symbol, order_list)
        for symbol in await venue.registry.specs()
        for order_list in await venue.queries.order_lists(account, symbol)
    ]
    return sorted(found, key=lambda pair: pair[1].list_id)


async def all_lists(
    venue: Venue, account: int, *, from_id: int | None, start_ms: int | None, end_ms: int | None, limit: int
) -> list[ListOnSymbol]:
    """Lists, executing or done, oldest first; times are when they were placed. Raises EngineUnavailable.

    From `from_id` or `start_ms` on the first `limit`, otherwise the newest `limit`.
    """
    is_complete = await wait_for_archive(venue)
    try:
        stored = await archive.order_lists(
            venue.name, account, from_id=from_id, start_ms=start_ms, end_ms=end_ms, limit=limit
        )
    except DatabaseError as error:
        raise EngineUnavailable("the archive") from error
    if is_complete:
        return stored
    span = Span(from_id=from_id, start_ms=start_ms, end_ms=end_ms, limit=limit)
    found = {pair[1].list_id: pair for pair in stored}
    for pair in await _lists_in_redis(venue, account):
        if span.has(pair[1].list_id, pair[1].created_ms):
            found[pair[1].list_id] = pair
    return [found[list_id] for list_id in span.ids_shown(list(found))]
