"""What was refused about an order, and why: in its journal, or in that of a client order id nobody got."""

import asyncio
from typing import Any

import httpx
import pytest

from accounts.auth import authenticate
from api.callers import Caller
from api.dialects import V1
from api.errors import BadParameter
from api.refusals import ROOM
from api.router import Router
from api.runtime import Runtime
from engine.refusals import KEPT, Refusal, read_refusals, write_refusals
from engine.venue import Venue
from simulation.endpoints import ENDPOINTS as SIMULATION
from tests.api.conftest import ACCOUNTS, Api, limit_order
from tests.api.journals import ALICE, BOB

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = {"X-Sim-Token": "the token"}


@pytest.fixture
def router(runtime: Runtime) -> Router:
    return Router([ACCOUNTS, SIMULATION], runtime, authenticate=authenticate)


async def a_little_later(venue: Venue) -> None:
    """A refusal is placed among events by its time, which is right to a millisecond or two."""
    before = (await venue.queries.clock()).now_ms
    while (await venue.queries.clock()).now_ms < before + 4:
        await asyncio.sleep(0.001)


async def sim(http: httpx.AsyncClient, path: str, **parameters: Any) -> httpx.Response:
    return await http.get(f"/_sim/{path}", params=parameters, headers=TOKEN)


async def test_no_secret_that_stands_with_a_refusal_is_told(
    http: httpx.AsyncClient, alice: Api, venue: Venue, runtime: Runtime
) -> None:
    wish = {"symbol": "BTCUSDT", "newClientOrderId": "wish"}
    order = {**limit_order("BUY", "49000", "100"), **wish}
    await alice.error("POST", "/order", **order, APIKEY="hidden-1", listenKey="hidden-2", signature="hidden-3")
    await runtime.refusals.flush()
    old = Refusal(  # as an older exchange wrote it
        now_ms=1, account=ALICE, command="order.place", reason="quantity: EMPTY", code=-1105, text="no",
        parameters={**wish, "apiKey": "hidden-4", "signature": "hidden-5"},
    )  # fmt: skip
    await write_refusals(venue, [old])
    assert "hidden-4" in str(await venue.runner.command("XRANGE", venue.keys.refusals, "-", "+"))
    assert "hidden-1" not in str(await venue.runner.command("XRANGE", venue.keys.refusals, "-", "+"))
    response = await sim(http, "orders/journal", user="alice", symbol="BTCUSDT", clientOrderId="wish")
    assert len(response.json()["lines"]) == 2
    assert "hidden" not in response.text


async def test_refused_orders_have_journals_by_their_client_id(
    http: httpx.AsyncClient, alice: Api, bob: Api, venue: Venue
) -> None:
    await bob.ok("POST", "/order", **limit_order("SELL", "50000", "1"))
    for order in (
        limit_order("BUY", "49000", "100"),
        limit_order("BUY", "49000", "0.00001"),
        limit_order("BUY", "0.001", "1"),
        limit_order("BUY", "49000", "99999"),
        {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "price": "50000", "quantity": "1"},
        limit_order(
            "BUY",
            "49000",
            "",
        ),
    ):
        await alice.error("POST", "/order", **order, newClientOrderId="wish")
    response = await sim(http, "orders/journal", user="alice", symbol="BTCUSDT", clientOrderId="wish")
    told = response.json()
    assert response.status_code == 200
    assert (told["orderId"], told["status"], told["user"]) == (None, None, "alice")
    assert [each["numbers"]["reason"] for each in told["lines"]] == [
        "INSUFFICIENT_BALANCE", "FILTER_NOTIONAL", "FILTER_PRICE", "FILTER_LOT_SIZE", "WOULD_MATCH", "quantity: EMPTY",
    ]  # fmt: skip
    numbers = [each["numbers"] for each in told["lines"]]
    assert (numbers[0]["needed"], numbers[0]["free"]) == ("4900000 USDT", "1000000 USDT")
    assert (numbers[1]["notional"], numbers[1]["min"]) == ("0.49 USDT", "5 USDT")
    assert (numbers[3]["quantity"], numbers[3]["max"]) == ("99999", "9000")
    assert (numbers[4]["price"], numbers[4]["best"]) == ("50000", "50000")
    assert numbers[0]["parameters"]["price"] == "49000"
    assert numbers[0]["keyId"]
    text = told["lines"][0]["text"]
    assert text == (
        "POST /api/v1/order was refused. INSUFFICIENT_BALANCE: it needed 4900000 USDT, and 1000000 USDT was free. "
        'Its sender was told -2010 "Account has insufficient balance for requested action."; it had asked for '
        "symbol=BTCUSDT side=BUY type=LIMIT price=49000 quantity=100 newClientOrderId=wish"
    )

    await a_little_later(venue)
    placed = await alice.ok("POST", "/order", **limit_order("BUY", "49000", "1", newClientOrderId="wish"))
    await a_little_later(venue)
    await alice.error("POST", "/order", **limit_order("BUY", "49000", "1", newClientOrderId="wish"))
    await alice.error(
        "DELETE", "/order", symbol="BTCUSDT", orderId=placed["orderId"], cancelRestrictions="ONLY_PARTIALLY_FILLED"
    )
    for path, query in (
        (f"orders/{placed['orderId']}/journal", {}),
        ("orders/journal", {"user": "alice", "symbol": "BTCUSDT", "clientOrderId": "wish"}),
    ):
        told = (await sim(http, path, **query)).json()
        assert [each["kind"] for each in told["lines"]] == ["refused"] * 6 + ["accepted", "rests"] + ["refused"] * 2
        assert [each["numbers"]["reason"] for each in told["lines"][-2:]] == ["DUPLICATE_ORDER", "CANCEL_RESTRICTED"]
    assert (await sim(http, "orders/1/journal")).json()["lines"][0]["kind"] == "accepted"  # bob's: alice's are hers


async def test_journals_are_asked_for_properly(http: httpx.AsyncClient, alice: Api) -> None:
    async def code(path: str, **parameters: Any) -> tuple[int, int]:
        response = await sim(http, path, **parameters)
        return response.status_code, response.json()["code"]

    assert await code("orders/77/journal") == (400, -2013)
    assert await code("orders/seven/journal") == (400, -1100)
    assert await code(f"orders/{2**63}/journal") == (400, -1108)
    assert await code("orders/1/2/journal") == (404, -1000)
    assert await code("orders/journal", user="alice", symbol="BTCUSDT") == (400, -1102)
    assert await code("orders/journal", user="nobody", symbol="BTCUSDT", clientOrderId="x") == (400, -1130)
    assert await code("orders/journal", user="alice", symbol="NOSUCH", clientOrderId="x") == (400, -2013)
    assert (await http.get("/_sim/orders/1/journal")).status_code == 401
    refused = await http.post("/_sim/orders/1/journal", headers=TOKEN)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")


async def test_refusals_are_written_after_the_answer_and_change_nothing_else(
    venue: Venue, alice: Api, runtime: Runtime
) -> None:
    seq = (await venue.queries.clock()).seq
    await alice.error("POST", "/order", **limit_order("BUY", "49000", "100", newClientOrderId="late"))
    async with asyncio.timeout(5):
        while not (found := await read_refusals(venue, lambda _: True, account=ALICE, limit=5)):
            await asyncio.sleep(0.01)
    assert [refusal.parameters["newClientOrderId"] for refusal in found] == ["late"]
    assert (await venue.queries.clock()).seq == seq
    assert await read_refusals(venue, lambda _: True, account=BOB, limit=5) == []


async def test_a_storm_of_refusals_costs_a_bounded_amount(venue: Venue, runtime: Runtime) -> None:
    caller, error = Caller(V1, ALICE), BadParameter("quantity", "EMPTY")
    for _ in range(ROOM + 50):
        runtime.refusals.note("POST /api/v1/order", {"symbol": "x" * 10_000}, caller, error)
    runtime.refusals.note("POST /api/v1/order", {}, caller, error)
    await runtime.refusals.flush()
    assert await venue.runner.command("XLEN", venue.keys.refusals) == ROOM
    kept = await read_refusals(venue, lambda _: True, account=ALICE, limit=ROOM)
    assert sum(refusal.missed for refusal in kept) == 51
    assert {len(refusal.parameters["symbol"]) for refusal in kept} == {200}
    for _ in range(12):
        for _ in range(ROOM):
            runtime.refusals.note("POST /api/v1/order", {}, caller, error)
        await runtime.refusals.flush()
    assert KEPT <= await venue.runner.command("XLEN", venue.keys.refusals) < KEPT + 1_000


async def test_what_was_refused_about_a_list_or_an_older_name_is_in_the_order_s_journal(
    http: httpx.AsyncClient, alice: Api
) -> None:
    pair = await alice.ok(
        "POST", "/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="0.01", aboveType="LIMIT_MAKER",
        abovePrice="60000", belowType="STOP_LOSS", belowStopPrice="40000", listClientOrderId="pair",
    )  # fmt: skip
    order_id = pair["orders"][0]["orderId"]
    for wrong in ({"orderListId": pair["orderListId"], "listClientOrderId": "no"}, {"listClientOrderId": "pair"}):
        path = "/orderList" if "orderListId" in wrong else "/order"
        method = "DELETE" if path == "/orderList" else "POST"
        await alice.error(method, path, symbol="BTCUSDT", side="BUY", **wrong)
    plain = await alice.ok("POST", "/order", **limit_order("BUY", "40000", "0.01", newClientOrderId="before"))
    amend = {"symbol": "BTCUSDT", "origClientOrderId": "before", "newClientOrderId": "after"}
    await alice.error("PUT", "/order/amend/keepPriority", **amend, newQty="0.02")
    await alice.ok("PUT", "/order/amend/keepPriority", **amend, newQty="0.005")
    told = (await sim(http, f"orders/{order_id}/journal")).json()
    assert [each["kind"] for each in told["lines"]].count("refused") == 2
    told = (await sim(http, f"orders/{plain['orderId']}/journal")).json()
    (refused,) = [each for each in told["lines"] if each["kind"] == "refused"]
    assert "AMEND_INCREASES: newQty 0.02 is more than the order's 0.01" in refused["text"]


async def test_an_unknown_journal_says_what_is_known(http: httpx.AsyncClient, alice: Api) -> None:
    missing = (await sim(http, "orders/77/journal")).json()
    assert missing["msg"] == "Order 77 does not exist: the last number given out is 0."
    query = {"user": "alice", "symbol": "BTCUSDT", "clientOrderId": "x"}
    assert (await sim(http, "orders/journal", **query)).json()["msg"] == (
        "No order of alice on BTCUSDT is or was called x, nor is a refusal of one kept."
    )
