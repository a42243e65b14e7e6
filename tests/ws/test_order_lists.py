"""What the owner of an order list hears: executionReports of its orders, then listStatus, in one fixed order."""

from typing import Any

from msgspec.structs import replace

from engine.commands import CancelAllOrders, CancelOrderList, PlaceOrderList, ReduceOrder
from engine.types import ListKind, OrderType, Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.conftest import Client
from tests.ws.test_special_orders import place, special, trade_at
from tests.ws.test_user_streams import listen

BUY, SELL = Side.BUY, Side.SELL
EXECUTING, DONE = ("listStatus", "EXEC_STARTED", "EXECUTING"), ("listStatus", "ALL_DONE", "ALL_DONE")


def pair(account: int, lots: int = 500) -> PlaceOrderList:
    stop = special(account, SELL, OrderType.STOP_LOSS, lots, stop_ticks=4_500_000)
    target = special(account, SELL, OrderType.LIMIT_MAKER, lots, price_ticks=5_500_000)
    return PlaceOrderList(kind=ListKind.OCO, client_order_id="pair", orders=[stop, target])


def chain(account: int) -> PlaceOrderList:
    working = limit(account, BUY, 4_900_000, 500, client_id="first")
    later = limit(account, SELL, 5_500_000, 500, client_id="second")
    return PlaceOrderList(kind=ListKind.OTO, client_order_id="chain", orders=[working, later])


async def told(client: Client, count: int) -> list[tuple[str, ...]]:
    """The next frames of the order stream: (type of order, x, X, c, C) of a report, (e, l, L) of a list's status."""
    frames = [await client.next("alice@order") for _ in range(count)]
    return [
        (frame["e"], frame["l"], frame["L"])
        if frame["e"] == "listStatus"
        else (frame["o"], frame["x"], frame["X"], frame.get("eR", ""))
        for frame in frames
    ]


async def test_a_list_status_has_all_of_binances_members(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await trade_at(venue, bob, 5_000_000)
    await listen(client, venue, alice, "alice")
    placed = await venue.gateway.place_order_list(pair(alice))
    status = await client.next("alice@order")
    now_ms = placed.order_list.created_ms
    assert list(status) == list("eEsgclLrCTO")
    assert status == {
        "e": "listStatus", "E": now_ms, "s": "BTCUSDT", "g": placed.order_list.list_id, "c": "OCO",
        "l": "EXEC_STARTED", "L": "EXECUTING", "r": "NONE", "C": "pair", "T": now_ms,
        "O": [
            {"s": "BTCUSDT", "i": placed.orders[0].order_id, "c": "STOP_LOSS"},
            {"s": "BTCUSDT", "i": placed.orders[1].order_id, "c": "LIMIT_MAKER"},
        ],
    }  # fmt: skip
    account = await client.next("alice@account")
    assert [item["l"] for item in account["B"]] == ["0.00500000"]


async def test_an_oco_is_told_from_its_start_to_its_end(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await trade_at(venue, bob, 5_000_000)
    await listen(client, venue, alice, "alice")
    await venue.gateway.place_order_list(pair(alice))
    assert await told(client, 3) == [
        EXECUTING, ("STOP_LOSS", "NEW", "NEW", ""), ("LIMIT_MAKER", "NEW", "NEW", ""),
    ]  # fmt: skip
    await place(venue, limit(bob, BUY, 5_500_000, 200))
    assert await told(client, 3) == [
        ("LIMIT_MAKER", "TRADE", "PARTIALLY_FILLED", ""), ("STOP_LOSS", "EXPIRED", "EXPIRED", "OCO_TRIGGER"), EXECUTING,
    ]  # fmt: skip
    await place(venue, limit(bob, BUY, 5_500_000, 300))
    assert await told(client, 2) == [("LIMIT_MAKER", "TRADE", "FILLED", ""), DONE]
    assert {event["data"]["e"] for event in await client.silence()} <= {"outboundAccountPosition"}


async def test_pending_orders_are_new_and_pending_and_then_new_once_more(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await listen(client, venue, alice, "alice")
    placed = await venue.gateway.place_order_list(chain(alice))
    pending = await client.next("alice@order")
    assert (pending["x"], pending["X"], pending["c"], pending["w"], pending["g"]) == (
        "NEW", "PENDING_NEW", "second", False, placed.order_list.list_id,
    )  # fmt: skip
    assert "W" not in pending
    assert await told(client, 2) == [EXECUTING, ("LIMIT", "NEW", "NEW", "")]
    await place(venue, limit(bob, SELL, 4_900_000, 500))
    assert await told(client, 2) == [("LIMIT", "TRADE", "FILLED", ""), EXECUTING]
    begun = await client.next("alice@order")
    assert (begun["x"], begun["X"], begun["c"], begun["w"]) == ("NEW", "NEW", "second", True)
    await place(venue, limit(bob, BUY, 5_500_000, 500))
    assert await told(client, 2) == [("LIMIT", "TRADE", "FILLED", ""), DONE]


async def test_a_cancelled_list_is_told_order_by_order_and_then_done(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    placed = await venue.gateway.place_order_list(chain(alice))
    await told(client, 3)
    await venue.gateway.cancel_order_list(
        CancelOrderList(
            account=alice, symbol="BTCUSDT", list_id=placed.order_list.list_id, cancel_client_order_id="bye"
        )
    )
    first, second = await client.next("alice@order"), await client.next("alice@order")
    assert [(r["i"], r["x"], r["X"]) for r in (first, second)] == [
        (order.order_id, "CANCELED", "CANCELED") for order in placed.orders
    ]
    assert [(first["c"], first["C"]), second["C"]] == [("bye", "first"), "second"]
    assert await told(client, 1) == [DONE]


async def test_cancelling_all_ends_lists_too(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    await venue.gateway.place_order_list(chain(alice))
    await told(client, 3)
    await venue.gateway.cancel_all_orders(CancelAllOrders(account=alice, symbol="BTCUSDT"))
    canceled = ("LIMIT", "CANCELED", "CANCELED", "")
    assert await told(client, 3) == [canceled, canceled, DONE]


async def test_a_working_order_that_expires_takes_the_others_with_it(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await listen(client, venue, alice, "alice")
    killed: dict[str, Any] = {"price_ticks": 4_900_000, "time_in_force": "IOC"}
    working = special(alice, BUY, OrderType.LIMIT, 500, **killed)
    orders = [working, limit(alice, SELL, 5_500_000, 500)]
    await venue.gateway.place_order_list(PlaceOrderList(kind=ListKind.OTO, client_order_id="x", orders=orders))
    assert await told(client, 6) == [
        ("LIMIT", "NEW", "PENDING_NEW", ""), EXECUTING, ("LIMIT", "NEW", "NEW", ""),
        ("LIMIT", "EXPIRED", "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("LIMIT", "EXPIRED", "EXPIRED", "OTO_PHASE_ONE_EXPIRED"), DONE,
    ]  # fmt: skip


async def test_an_amended_pair_is_told_order_by_order_and_as_a_list_that_is_called_otherwise(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await trade_at(venue, bob, 5_000_000)
    await listen(client, venue, alice, "alice")
    placed = await venue.gateway.place_order_list(pair(alice))
    stop, target = placed.orders
    await told(client, 3)
    amend = ReduceOrder(
        account=alice, symbol="BTCUSDT", order_id=target.order_id, lots=300, new_client_order_id="renamed"
    )
    await venue.gateway.reduce_order(amend)
    reports = [await client.next("alice@order") for _ in range(2)]
    assert [(r["i"], r["x"], r["X"], r["c"], r["C"], r["q"]) for r in reports] == [
        (target.order_id, "REPLACED", "NEW", "renamed", "LIMIT_MAKER", "0.00300000"),
        (stop.order_id, "REPLACED", "NEW", "STOP_LOSS", "STOP_LOSS", "0.00300000"),
    ]
    status = await client.next("alice@order")
    assert (status["l"], status["L"], [order["c"] for order in status["O"]]) == (
        "UPDATED", "EXECUTING", ["STOP_LOSS", "renamed"],
    )  # fmt: skip
    await venue.gateway.reduce_order(replace(amend, lots=200, new_client_order_id=""))
    assert [frame[:2] for frame in await told(client, 2)] == [("LIMIT_MAKER", "REPLACED"), ("STOP_LOSS", "REPLACED")]
    assert {event["data"]["e"] for event in await client.silence()} <= {"outboundAccountPosition"}
