"""A fault in the steps of order lists: what is before the first write of a call leaves no byte changed.

The fact a newcomer would get wrong: a command that lets an order of a list begin has several steps. Only the first is
played with here; each of the others begins with the books as a command of its own would find them.
"""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from engine.commands import PlaceOrder, PlaceOrderList
from engine.types import ListKind, OrderType, PegPrice, Side
from engine.venue import Venue
from tests.conftest import cancel, limit
from tests.engine.test_faults import calls_before_the_first_write, fill_books
from tests.unit.lua_gate import WRITES

BUY, SELL = Side.BUY, Side.SELL


def leg(kind: OrderType, side: Side, price: int, lots: int, **terms: object) -> PlaceOrder:
    order = limit(1, side, price, lots)
    return msgspec.structs.replace(order, type=kind, **terms)  # type: ignore[arg-type]


def placed(kind: ListKind, *orders: PlaceOrder) -> Callable[[Venue], Awaitable[object]]:
    wanted = PlaceOrderList(kind=kind, client_order_id="list", orders=list(orders))
    return lambda venue: venue.gateway.place_order_list(wanted)


LOTS = 10**6  # worth more than minNotional at any price here
WORKING = leg(OrderType.LIMIT, BUY, 92, LOTS)
STOP = leg(OrderType.STOP_LOSS_LIMIT, SELL, 80, 0, stop_ticks=85)
PAID = placed(ListKind.OPOCO, WORKING, STOP, leg(OrderType.LIMIT_MAKER, SELL, 99, 0))
PEGGED = placed(
    ListKind.OTOCO,
    leg(OrderType.LIMIT, SELL, 93, 1),
    leg(OrderType.STOP_LOSS_LIMIT, BUY, 120, LOTS, stop_ticks=110),
    leg(OrderType.LIMIT_MAKER, BUY, 0, LOTS, peg=PegPrice.PRIMARY_PEG),
)
PAIR = placed(
    ListKind.OCO,
    leg(OrderType.STOP_LOSS_LIMIT, SELL, 80, LOTS, stop_ticks=85),
    leg(OrderType.LIMIT_MAKER, SELL, 0, LOTS, peg=PegPrice.PRIMARY_PEG),
)
# What stands before, the script that is struck, the command.
SCENARIOS: dict[str, tuple[list[Callable[[Venue], Awaitable[object]]], str, Callable[[Venue], Awaitable[object]]]] = {
    "a pegged pair": ([], "place_order_list", PAIR),
    "a list that pays": ([], "place_order_list", PAID),
    "its working order is partly filled": (
        [PAID], "place_order", lambda venue: venue.gateway.place_order(limit(2, SELL, 92, 4)),
    ),
    "its working order is filled": (
        [PAID], "place_order", lambda venue: venue.gateway.place_order(limit(2, SELL, 92, LOTS)),
    ),
    "its working order is cancelled": (
        [PAID, lambda venue: venue.gateway.place_order(limit(2, SELL, 92, 4))],
        "cancel_order",
        lambda venue: venue.gateway.cancel_order(cancel(1, 9)),
    ),
    "a pegged pending order may begin": (
        [PEGGED], "place_order", lambda venue: venue.gateway.place_order(limit(2, BUY, 93, 1)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_fault_before_the_first_write_changes_nothing(
    venue: Venue, alice: int, bob: int, scenario: str
) -> None:
    before, name, act = SCENARIOS[scenario]
    await fill_books(venue)
    for prepare in before:
        await prepare(venue)
    struck = await calls_before_the_first_write(venue, name, act)
    assert len(struck) >= 2
    assert struck[-1] in WRITES
    assert all(command not in WRITES for command in struck[:-1])
