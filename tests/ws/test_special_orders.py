"""What owners and the public hear of orders that wait, trail, hide, or are kept from trading with themselves."""

from typing import Any

from msgspec.structs import replace

from engine.commands import PlaceOrder, PlaceOrderList
from engine.types import ListKind, OrderType, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.conftest import Client, connected
from tests.ws.test_user_streams import EXECUTION_REPORT, balance, hear, listen

BUY, SELL = Side.BUY, Side.SELL
PREVENTION = {"v", "A", "B", "u", "U", "Cs", "pl", "pL", "pY"}


def special(account: int, side: Side, kind: OrderType, lots: int, **more: Any) -> PlaceOrder:
    return PlaceOrder(
        account=account, symbol="BTCUSDT", rules_version=1, side=side, type=kind, lots=lots, client_order_id=f"{kind}",
        **more,
    )  # fmt: skip


async def place(venue: Venue, order: PlaceOrder) -> int:
    return (await venue.gateway.place_order(order)).order.order_id


async def trade_at(venue: Venue, account: int, price_ticks: int) -> None:
    """The account makes this the last price, with itself."""
    await place(venue, limit(account, SELL, price_ticks, 1_000))
    await place(venue, limit(account, BUY, price_ticks, 1_000, tif=TimeInForce.IOC))


async def test_a_stop_order_is_new_waits_is_new_on_the_book_and_trades(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await trade_at(venue, bob, 5_000_000)
    await listen(client, venue, alice, "alice")
    await place(venue, limit(bob, BUY, 4_500_000, 600))
    await place(
        venue, special(alice, SELL, OrderType.STOP_LOSS_LIMIT, 1_000, price_ticks=4_400_000, stop_ticks=4_900_000)
    )
    waiting = await client.next("alice@order")
    assert (waiting["x"], waiting["X"], waiting["w"], waiting["P"], waiting["p"]) == (
        "NEW", "NEW", False, "49000.00000000", "44000.00000000",
    )  # fmt: skip
    assert set(waiting) == EXECUTION_REPORT - {"W"}
    locked = await client.next("alice@account")
    assert balance(locked, "BTC")[1] == "0.01000000"
    await trade_at(venue, bob, 4_900_000)
    reports = [await client.next("alice@order") for _ in range(2)]
    assert [(r["x"], r["X"], r["w"], r["l"], r["z"]) for r in reports] == [
        ("NEW", "NEW", True, "0.00000000", "0.00000000"),
        ("TRADE", "PARTIALLY_FILLED", True, "0.00600000", "0.00600000"),
    ]  # fmt: skip
    assert {r["W"] for r in reports} == {reports[0]["E"]}
    assert {r["m"] for r in reports} == {False}
    assert len({r["I"] for r in [waiting, *reports]}) == 3
    await client.until("alice@account", lambda data: balance(data, "BTC")[1] == "0.00400000")


async def test_a_triggered_market_order_that_finds_nobody_expires(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await trade_at(venue, bob, 5_000_000)
    await listen(client, venue, alice, "alice")
    await place(venue, special(alice, SELL, OrderType.STOP_LOSS, 1_000, stop_ticks=4_900_000))
    await trade_at(venue, bob, 4_900_000)
    assert await hear(client, 5) == [
        ("order", "NEW", "NEW"), ("account", "", ""), ("order", "NEW", "NEW"), ("order", "EXPIRED", "EXPIRED"),
        ("account", "", ""),
    ]  # fmt: skip


async def test_trades_of_a_triggered_order_are_public_like_all_others(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await trade_at(venue, bob, 5_000_000)
    await place(venue, limit(bob, BUY, 4_500_000, 600))
    await place(venue, special(alice, SELL, OrderType.STOP_LOSS, 500, stop_ticks=4_900_000))
    await client.subscribe("BTCUSDT@trade", "BTCUSDT@depth", "BTCUSDT@kline_1m")
    await trade_at(venue, bob, 4_900_000)
    trades = [await client.next("BTCUSDT@trade") for _ in range(2)]
    assert [(trade["p"], trade["q"], trade["m"]) for trade in trades] == [
        ("49000.00000000", "0.01000000", False), ("45000.00000000", "0.00500000", True),
    ]  # fmt: skip

    def shows_the_rest(data: dict[str, Any]) -> bool:
        return [list(level) for level in data.get("b", data.get("bids", []))] == [["45000.00000000", "0.00100000"]]

    await client.until("BTCUSDT@depth", shows_the_rest)
    await client.until("BTCUSDT@kline_1m", lambda data: data["k"]["c"] == "45000.00000000")


async def test_a_trailing_order_tells_its_delta_and_when_it_began(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    words = {"strategy_id": 7, "strategy_type": 1_000_001}
    await place(venue, special(alice, SELL, OrderType.STOP_LOSS, 1_000, trailing_bips=100, **words))
    report = await client.next("alice@order")
    assert set(report) == EXECUTION_REPORT - {"W"} | {"d", "D", "j", "J"}
    assert (report["d"], report["D"], report["j"], report["J"]) == (100, -1, 7, 1_000_001)


async def test_an_iceberg_tells_its_tip(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    await place(venue, special(alice, SELL, OrderType.LIMIT, 1_000, price_ticks=6_000_000, iceberg_lots=100))
    report = await client.next("alice@order")
    assert (report["F"], report["q"], report["w"]) == ("0.00100000", "0.01000000", True)


async def test_expire_maker_tells_the_maker_what_it_lost_between_the_takers_fills(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await listen(client, venue, alice, "alice")
    await place(venue, limit(bob, BUY, 4_600_000, 300))
    own = await place(venue, limit(alice, BUY, 4_500_000, 500))
    await place(venue, limit(bob, BUY, 4_400_000, 300))
    await client.next("alice@order")
    taking = special(alice, SELL, OrderType.LIMIT, 1_000, price_ticks=4_400_000, stp=StpMode.EXPIRE_MAKER)
    taker = await place(venue, taking)
    reports = [await client.next("alice@order") for _ in range(4)]
    assert [(r["i"], r["x"], r["X"]) for r in reports] == [
        (taker, "NEW", "NEW"), (taker, "TRADE", "PARTIALLY_FILLED"), (own, "TRADE_PREVENTION", "EXPIRED_IN_MATCH"),
        (taker, "TRADE", "PARTIALLY_FILLED"),
    ]  # fmt: skip
    prevented = reports[2]
    assert set(prevented) == EXECUTION_REPORT | PREVENTION
    assert (prevented["v"], prevented["A"], prevented["B"], prevented["u"], prevented["U"], prevented["Cs"]) == (
        0, "0.00500000", "0.00500000", -1, taker, "BTCUSDT",
    )  # fmt: skip
    assert (prevented["pl"], prevented["pL"], prevented["pY"]) == ("0.00500000", "45000.00000000", "225.00000000")
    assert (prevented["l"], prevented["z"], prevented["w"], prevented["t"]) == ("0.00000000", "0.00000000", False, -1)
    assert [set(r) & PREVENTION for r in (reports[0], reports[3])] == [set(), set()]  # the taker lost nothing
    assert [r["z"] for r in (reports[1], reports[3])] == ["0.00300000", "0.00600000"]


async def test_expire_both_ends_both_and_decrement_lowers_both(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    own = await place(venue, limit(alice, BUY, 4_500_000, 500))
    less = special(alice, SELL, OrderType.LIMIT, 200, price_ticks=4_500_000, stp=StpMode.DECREMENT)
    decrementing = await place(venue, less)
    ending = await place(venue, replace(less, lots=700, stp=StpMode.EXPIRE_BOTH, client_order_id="another"))
    reports = [await client.next("alice@order") for _ in range(7)]
    assert [(r["i"], r["x"], r["X"], r.get("A"), r.get("B"), r.get("v")) for r in reports] == [
        (own, "NEW", "NEW", None, None, None),
        (decrementing, "NEW", "NEW", None, None, None),
        (decrementing, "TRADE_PREVENTION", "EXPIRED_IN_MATCH", "0.00200000", "0.00200000", 0),
        (own, "TRADE_PREVENTION", "NEW", "0.00200000", "0.00200000", 0),
        (ending, "NEW", "NEW", None, None, None),
        (ending, "TRADE_PREVENTION", "EXPIRED_IN_MATCH", "0.00700000", "0.00700000", 1),
        (own, "TRADE_PREVENTION", "EXPIRED_IN_MATCH", "0.00500000", "0.00300000", 1),
    ]
    assert [r["pl"] for r in reports if "pl" in r] == ["0.00200000"] * 2 + ["0.00300000"] * 2
    assert [r["U"] for r in reports if "U" in r] == [own, decrementing, own, ending]
    assert (reports[3]["w"], reports[6]["w"]) == (True, False)


async def test_members_of_a_trade_group_hear_of_what_they_were_kept_from(
    client: Client, ws_url: str, venue: Venue, alice: int, bob: int
) -> None:
    for account in (alice, bob):
        await venue.registry.set_trade_group(account, 5)
    async with connected(ws_url) as of_bob:
        await listen(client, venue, alice, "alice")
        await listen(of_bob, venue, bob, "bob")
        maker = await place(venue, limit(bob, BUY, 4_500_000, 500))
        taking = special(alice, SELL, OrderType.MARKET, 700, stp=StpMode.EXPIRE_TAKER)
        taker = await place(venue, taking)
        reports = [await client.next("alice@order") for _ in range(2)]
        assert [(r["i"], r["x"], r["X"]) for r in reports] == [
            (taker, "NEW", "NEW"), (taker, "TRADE_PREVENTION", "EXPIRED_IN_MATCH"),
        ]  # fmt: skip
        assert (reports[1]["u"], reports[1]["U"], reports[1]["B"]) == (5, maker, "0.00700000")
        assert [(r["i"], r["x"]) for r in [await of_bob.next("bob@order")]] == [(maker, "NEW")]
        assert {event["stream"] for event in await of_bob.silence()} == {"bob@account"}


async def test_orders_of_a_list_are_told_when_they_begin_and_when_the_list_ends_them(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await trade_at(venue, bob, 5_000_000)
    await listen(client, venue, alice, "alice")
    above = special(alice, SELL, OrderType.LIMIT_MAKER, 500, price_ticks=5_500_000)
    below = special(alice, SELL, OrderType.STOP_LOSS, 500, stop_ticks=4_500_000)
    pair = PlaceOrderList(kind=ListKind.OCO, client_order_id="pair", orders=[above, below])
    placed = await venue.gateway.place_order_list(pair)
    assert (await client.next("alice@order"))["e"] == "listStatus"
    begun = [await client.next("alice@order") for _ in range(2)]
    assert {(r["o"], r["x"], r["X"], r["w"], r["g"]) for r in begun} == {
        ("LIMIT_MAKER", "NEW", "NEW", True, placed.order_list.list_id),
        ("STOP_LOSS", "NEW", "NEW", False, placed.order_list.list_id),
    }
    await place(venue, limit(bob, BUY, 5_500_000, 500))
    ended = [await client.next("alice@order") for _ in range(2)]
    assert {(r["o"], r["x"], r["X"], r["w"]) for r in ended} == {
        ("LIMIT_MAKER", "TRADE", "FILLED", False), ("STOP_LOSS", "EXPIRED", "EXPIRED", False),
    }  # fmt: skip
    assert [r.get("eR") for r in ended] == [None, "OCO_TRIGGER"]
