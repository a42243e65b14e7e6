"""reduce_order: smaller, same place in the queue."""

import msgspec
import pytest

from engine.commands import ReduceOrder
from engine.errors import Reason
from engine.events import OrderReduced
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import Venue
from tests.conftest import BTCUSDT, ETHBTC, RICH_ATOMS, balance, limit, market
from tests.engine.checks import events_of, refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL


def reduce(account: int, order_id: int, lots: int, *, symbol: str = "BTCUSDT") -> ReduceOrder:
    return ReduceOrder(account=account, symbol=symbol, order_id=order_id, lots=lots)


async def test_a_reduced_order_keeps_its_place(venue: Venue, alice: int, bob: int) -> None:
    for _ in range(2):
        await venue.gateway.place_order(limit(alice, SELL, 100, 10))
    await venue.gateway.reduce_order(reduce(alice, 1, 4))
    placed = await venue.gateway.place_order(limit(bob, BUY, 100, 5))
    assert [(fill.maker_order_id, fill.lots) for fill in placed.fills] == [(1, 4), (2, 1)]


@pytest.mark.parametrize(("side", "asset", "atoms"), [(BUY, "USDT", 4_000), (SELL, "BTC", 4_000)])
async def test_what_is_taken_off_is_freed(venue: Venue, alice: int, side: Side, asset: str, atoms: int) -> None:
    await venue.gateway.place_order(limit(alice, side, 100, 10))
    reduced = await venue.gateway.reduce_order(reduce(alice, 1, 4))
    assert (reduced.order.status, reduced.order.lots, reduced.order.left_lots) == ("NEW", 4, 4)
    assert await balance(venue, alice, asset) == (RICH_ATOMS - atoms, atoms)


async def test_the_new_quantity_counts_what_is_filled(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 10))
    await venue.gateway.place_order(market(bob, SELL, lots=6))
    assert await refused_without_a_trace(venue, venue.gateway.reduce_order(reduce(alice, 1, 6))) == "FILTER_LOT_SIZE"
    reduced = await venue.gateway.reduce_order(reduce(alice, 1, 7))
    assert (reduced.order.status, reduced.order.lots, reduced.order.left_lots) == ("PARTIALLY_FILLED", 7, 1)
    assert await balance(venue, alice, "USDT") == (RICH_ATOMS - 7_000, 1_000)


async def test_an_uneven_reserve_shrinks_to_the_rounded_up_rest(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 33_333, 10, symbol="ETHBTC"))
    await venue.gateway.place_order(market(bob, SELL, lots=1, symbol="ETHBTC"))
    reduced = await venue.gateway.reduce_order(reduce(alice, 1, 8, symbol="ETHBTC"))
    assert reduced.order.locked_atoms == ETHBTC.notional_ceil(33_333, 7) == 23_334
    assert await balance(venue, alice, "BTC") == (RICH_ATOMS - 3_333 - 23_334, 23_334)


@pytest.mark.parametrize("lots", [0, 10, 11, 2**53])
async def test_only_down_and_not_to_nothing(venue: Venue, alice: int, lots: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 10))
    refused = venue.gateway.reduce_order(reduce(alice, 1, lots))
    assert await refused_without_a_trace(venue, refused) is Reason.FILTER_LOT_SIZE


async def test_a_foreign_or_missing_order_is_unknown_and_a_bad_key_reduces_nothing(
    venue: Venue, alice: int, bob: int
) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 10))
    for command in (reduce(bob, 1, 4), reduce(alice, 2, 4), reduce(alice, 1, 4, symbol="ETHUSDT")):
        assert await refused_without_a_trace(venue, venue.gateway.reduce_order(command)) is Reason.UNKNOWN_ORDER
    await venue.registry.define_key("bobs", KeyRecord(account=bob, user_name="bob"))
    keyed = venue.gateway.reduce_order(msgspec.structs.replace(reduce(alice, 1, 4), credential="bobs"))
    assert await refused_without_a_trace(venue, keyed) is Reason.KEY_INVALID


async def test_a_halted_symbol_lets_orders_shrink_and_the_event_tells_it(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 10))
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status="HALT"))
    (event,) = await events_of(venue, lambda: venue.gateway.reduce_order(reduce(alice, 1, 4)))
    assert isinstance(event, OrderReduced)
    assert [(level.price_ticks, level.lots) for level in event.levels] == [(100, 4)]
    assert (event.order.lots, event.update_id) == (4, 2)


async def test_an_order_may_get_another_name_by_it(venue: Venue, alice: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100, 10, client_id="old"))
    await venue.gateway.place_order(limit(alice, BUY, 100, 10, client_id="taken"))
    renaming = msgspec.structs.replace(reduce(alice, 1, 4), new_client_order_id="taken")
    refused = venue.gateway.reduce_order(renaming)
    assert await refused_without_a_trace(venue, refused) is Reason.DUPLICATE_ORDER
    renaming = msgspec.structs.replace(renaming, new_client_order_id="new")
    (event,) = await events_of(venue, lambda: venue.gateway.reduce_order(renaming))
    assert isinstance(event, OrderReduced)
    assert (event.order.client_order_id, event.previous_client_order_id, event.previous_lots) == ("new", "old", 10)
    assert (event.others, event.order_list, event.is_renamed) == ([], None, True)
    assert (await venue.queries.order(alice, "BTCUSDT", client_order_id="new")).order_id == 1
    await venue.gateway.place_order(limit(alice, BUY, 100, 10, client_id="old"))
    same = await venue.gateway.reduce_order(msgspec.structs.replace(reduce(alice, 1, 3), new_client_order_id="new"))
    assert (same.order.client_order_id, same.previous_client_order_id, same.order.lots) == ("new", "new", 3)


async def test_an_iceberg_with_terms_keeps_them_under_its_new_name(venue: Venue, alice: int) -> None:
    order = msgspec.structs.replace(limit(alice, SELL, 100, 10, client_id="old"), iceberg_lots=4, strategy_id=5)
    before = (await venue.gateway.place_order(order)).order
    renamed = await venue.gateway.reduce_order(
        msgspec.structs.replace(reduce(alice, 1, 8), new_client_order_id="new.%1")
    )
    assert (renamed.order.client_order_id, renamed.order.terms) == ("new.%1", before.terms)
