"""executionReport and its companions, held to user-data-stream.md: names, their order, types, and every conditional
field for every execution type.

The fact a newcomer would get wrong: the document's own example shows `v`, which an order has only after self-trade
prevention took something from it; without it the example is an ordinary new order.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from api.runtime import Runtime
from engine.account_rules import AccountRates
from engine.commands import (
    CancelAllOrders,
    CancelOrder,
    CancelOrderList,
    PlaceOrder,
    PlaceOrderList,
    ReduceOrder,
    ReplaceOrder,
)
from engine.types import ListKind, OrderType, PegPrice, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import fund, limit, market
from tests.model.small_steps import shorten_steps
from tests.ws.listening import Ear
from tests.ws.test_special_orders import place, special, trade_at

BUY, SELL = Side.BUY, Side.SELL
# user-data-stream.md, "Order Update" and "List Status": the payloads as they stand there.
REPORT = {
    "e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "c": "mUvoqJxFIILMdfAW5iGSOW", "S": "BUY",
    "o": "LIMIT", "f": "GTC", "q": "1.00000000", "p": "0.10264410", "P": "0.00000000", "F": "0.00000000", "g": -1,
    "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 4293153, "l": "0.00000000", "z": "0.00000000",
    "L": "0.00000000", "n": "0", "N": None, "T": 1499405658657, "t": -1, "v": 3, "I": 8641984, "w": True, "m": False,
    "M": False, "O": 1499405658657, "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "W": 1499405658657,
    "V": "NONE",
}  # fmt: skip
LIST_STATUS = {
    "e": "listStatus", "E": 1564035303637, "s": "ETHBTC", "g": 2, "c": "OCO", "l": "EXEC_STARTED", "L": "EXECUTING",
    "r": "NONE", "C": "F4QN4G8DlFATFlIUQ0cjdD", "T": 1564035303625,
    "O": [
        {"s": "ETHBTC", "i": 17, "c": "AJYsMjErWJesZvqlJCTUgL"},
        {"s": "ETHBTC", "i": 18, "c": "bfYPSQdLoqAJeNrOr9adzq"},
    ],
}  # fmt: skip
USUAL = [name for name in REPORT if name != "v"]  # in their order
ALWAYS = [name for name in USUAL if name != "W"]
# "Conditional Fields in Execution Report": an example of each.
CONDITIONAL = {
    "d": 4, "D": 1668680518494, "j": 1, "J": 1000000, "v": 3, "A": "3.000000", "B": "3.000000", "u": 1, "U": 37,
    "Cs": "BTCUSDT", "pl": "2.123456", "pL": "0.10000001", "pY": "0.21234562", "W": 1668683798379, "gP": "PRIMARY_PEG",
    "gOT": "PRICE_LEVEL", "gOV": 5, "gp": "1.00000000", "eR": "INSUFFICIENT_LIQUIDITY",
}  # fmt: skip
PREVENTION = ["v", "A", "B", "u", "U", "Cs", "pl", "pL", "pY"]


@pytest.fixture
async def ear(runtime: Runtime, venue: Venue, alice: int) -> AsyncIterator[Ear]:
    """Hears alice."""
    await runtime.start()
    ear = Ear(runtime)
    await ear.hear(venue, alice)
    yield ear
    await runtime.stop()


def shaped(report: dict[str, Any], *conditional: str) -> None:
    """It has the fields that all have, in the document's order, these in addition, and each is of its type."""
    assert [name for name in report if name in REPORT and name != "v"] == [name for name in USUAL if name in report]
    assert set(report) == {*ALWAYS, *conditional}
    for name, value in report.items():
        example = CONDITIONAL.get(name, REPORT.get(name))
        assert value is None or example is None or type(value) is type(example), name


def happened(reports: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(report["x"], report["X"]) for report in reports]


async def test_a_new_order_is_the_documents_example(ear: Ear, venue: Venue, alice: int) -> None:
    placed = await venue.gateway.place_order(limit(alice, BUY, 5_000_000, 2_000, client_id="mine"))
    report, account = await ear.events(2)
    now_ms = placed.order.created_ms
    assert report == {
        **{name: REPORT[name] for name in USUAL}, "E": now_ms, "s": "BTCUSDT", "c": "mine", "q": "0.02000000",
        "p": "50000.00000000", "i": placed.order.order_id, "T": now_ms, "I": report["I"], "O": now_ms, "W": now_ms,
    }  # fmt: skip
    shaped(report, "W")
    assert account["B"] == [
        {"a": "BTC", "f": "1000000.00000000", "l": "0.00000000"},
        {"a": "USDT", "f": "999000.00000000", "l": "1000.00000000"},
    ]


async def test_a_trade_is_told_to_both_sides_with_fees_to_the_last_digit(
    ear: Ear, runtime: Runtime, venue: Venue, alice: int, bob: int
) -> None:
    other = Ear(runtime)
    await other.hear(venue, bob)
    await place(venue, limit(alice, SELL, 6_000_001, 333))
    await place(venue, limit(bob, BUY, 6_000_001, 1_000))
    new, sold = await ear.reports(2)
    begun, bought = await other.reports(2)
    assert happened([new, sold]) == [("NEW", "NEW"), ("TRADE", "FILLED")]
    assert happened([begun, bought]) == [("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED")]
    for trade in (sold, bought):
        shaped(trade, "W")
        assert (trade["l"], trade["L"], trade["z"]) == ("0.00333000", "60000.01000000", "0.00333000")
        assert (trade["Y"], trade["Z"], trade["M"], trade["C"]) == ("199.80003330", "199.80003330", True, "")
    assert (sold["n"], sold["N"], sold["m"], sold["w"]) == ("0.19980003", "USDT", True, False)
    assert (bought["n"], bought["N"], bought["m"], bought["w"]) == ("0.00000333", "BTC", False, True)
    assert sold["t"] == bought["t"] > 0
    account = await ear.event()
    assert account["B"] == [
        {"a": "BTC", "f": "999999.99667000", "l": "0.00000000"},
        {"a": "USDT", "f": "1000199.60023327", "l": "0.00000000"},
    ]


async def test_a_fee_in_another_asset_stands_in_it(ear: Ear, venue: Venue, alice: int, bob: int) -> None:
    spec = await venue.registry.spec("BTCUSDT")
    await venue.registry.define_symbol(replace(spec, allows_discount=True, discount_e8=75_000_000))
    await venue.registry.set_conversion("BNB", "USDT", 500 * 10**8)
    await venue.registry.set_account_rates(alice, AccountRates(uses_discount=True))
    await fund(venue, alice, BNB=10**8)
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    for order in (limit(bob, BUY, 5_000_000, 10_000), market(alice, SELL, lots=10_000)):
        await place(venue, replace(order, rules_version=version))
    _, trade = await ear.reports(2)
    assert (trade["n"], trade["N"]) == ("0.00750000", "BNB")  # 5 USDT, a quarter off, at 500
    account = await ear.event()
    assert {item["a"]: item["f"] for item in account["B"]}["BNB"] == "0.99250000"


async def test_a_sweep_is_new_its_trades_and_then_the_balances_once(
    ear: Ear, venue: Venue, alice: int, bob: int
) -> None:
    for number in range(3):
        await place(venue, limit(bob, SELL, 6_000_000 + 100 * number, 1_000))
    await place(venue, limit(alice, BUY, 6_000_200, 3_000))
    events = await ear.events(5)
    assert [event["e"] for event in events] == ["executionReport"] * 4 + ["outboundAccountPosition"]
    assert [report["z"] for report in events[:4]] == ["0.00000000", "0.01000000", "0.02000000", "0.03000000"]
    assert [report["Z"] for report in events[1:4]] == ["600.00000000", "1200.01000000", "1800.03000000"]
    assert [report["I"] for report in events[:4]] == sorted({report["I"] for report in events[:4]})


async def test_a_cancel_names_itself_and_the_order(ear: Ear, venue: Venue, alice: int) -> None:
    order_id = await place(venue, limit(alice, BUY, 5_000_000, 1_000, client_id="first"))
    cancel = CancelOrder(account=alice, symbol="BTCUSDT", order_id=order_id, cancel_client_order_id="bye")
    await venue.gateway.cancel_order(cancel)
    _, report = await ear.reports(2)
    shaped(report, "W")
    assert (report["x"], report["X"], report["c"], report["C"]) == ("CANCELED", "CANCELED", "bye", "first")
    assert (report["w"], report["n"], report["N"], report["t"]) == (False, "0", None, -1)


async def test_a_cancel_of_all_orders_has_one_name(ear: Ear, venue: Venue, alice: int) -> None:
    for name in ("first", "second"):
        await place(venue, limit(alice, BUY, 5_000_000, 1_000, client_id=name))
    await venue.gateway.cancel_all_orders(CancelAllOrders(account=alice, symbol="BTCUSDT"))
    canceled = (await ear.reports(4))[2:]
    assert [report["C"] for report in canceled] == ["first", "second"]
    (name,) = {report["c"] for report in canceled}
    assert len(name) == 22


async def test_an_amended_order_is_replaced_under_its_new_name(ear: Ear, venue: Venue, alice: int) -> None:
    order_id = await place(venue, limit(alice, BUY, 5_000_000, 2_000, client_id="first"))
    amend = ReduceOrder(account=alice, symbol="BTCUSDT", order_id=order_id, lots=500, new_client_order_id="second")
    await venue.gateway.reduce_order(amend)
    _, report = await ear.reports(2)
    shaped(report, "W")
    assert (report["x"], report["X"], report["q"], report["c"], report["C"]) == (
        "REPLACED", "NEW", "0.00500000", "second", "first",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (limit(0, BUY, 5_000_000, 10**8), "INSUFFICIENT_BALANCES"),
        (special(0, BUY, OrderType.LIMIT_MAKER, 100, price_ticks=6_000_000), "WOULD_MATCH_IMMEDIATELY"),
        (
            special(0, BUY, OrderType.STOP_LOSS_LIMIT, 100, price_ticks=6_000_000, stop_ticks=4_000_000, strategy_id=7),
            "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
        ),
        (limit(0, BUY, 1, 1, client_id="taken"), "NONE"),  # a duplicate: the table has no word for it
    ],
)
async def test_the_order_that_could_not_come_for_a_cancelled_one_is_rejected(
    ear: Ear, venue: Venue, alice: int, bob: int, refused: PlaceOrder, why: str
) -> None:
    await trade_at(venue, bob, 5_000_000)
    await place(venue, limit(bob, SELL, 5_500_000, 100))
    await place(venue, limit(alice, BUY, 1_000_000, 100, client_id="taken"))
    old = await place(venue, limit(alice, BUY, 4_000_000, 100, client_id="old"))
    cancel = CancelOrder(account=alice, symbol="BTCUSDT", order_id=old, cancel_client_order_id="bye")
    await venue.gateway.replace_order(ReplaceOrder(cancel=cancel, place=replace(refused, account=alice)))
    canceled, rejected = (await ear.reports(4))[2:]
    assert happened([canceled, rejected]) == [("CANCELED", "CANCELED"), ("REJECTED", "REJECTED")]
    shaped(rejected, *(["j"] if refused.strategy_id else []))
    assert (rejected["r"], rejected["c"], rejected["C"], rejected["i"]) == (why, refused.client_order_id, "", -1)
    assert (rejected["w"], rejected["z"], rejected["o"]) == (False, "0.00000000", refused.type)
    assert rejected["I"] > canceled["I"]


async def test_what_gets_nothing_or_not_all_expires_and_says_why(ear: Ear, venue: Venue, alice: int, bob: int) -> None:
    await place(venue, limit(bob, SELL, 5_000_000, 400))
    await place(venue, limit(alice, BUY, 5_000_000, 1_000, tif=TimeInForce.FOK))
    await place(venue, limit(alice, BUY, 5_000_000, 1_000, tif=TimeInForce.IOC))
    await place(venue, market(alice, BUY, lots=1_000))
    reports = await ear.reports(7)
    assert happened(reports) == [
        ("NEW", "NEW"), ("EXPIRED", "EXPIRED"),
        ("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("EXPIRED", "EXPIRED"),
        ("NEW", "NEW"), ("EXPIRED", "EXPIRED"),
    ]  # fmt: skip
    expired = [report for report in reports if report["x"] == "EXPIRED"]
    for report in expired:
        shaped(report, "W", "eR")
        assert (report["c"], report["C"], report["w"]) == (report["c"], "", False)
    assert [report["eR"] for report in expired] == [
        "UNFILLED_FOK_ORDER_EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED", "INSUFFICIENT_LIQUIDITY",
    ]  # fmt: skip
    assert expired[1]["z"] == "0.00400000"


async def test_a_purchase_by_amount_whose_last_step_finds_nothing_more_still_ends(
    ear: Ear, venue: Venue, alice: int, bob: int
) -> None:
    shorten_steps(venue, 2)
    for _ in range(3):
        await place(venue, limit(bob, SELL, 5_000_000, 1))
    await place(venue, market(alice, BUY, quote_atoms=120_000_000))  # 0.50 a lot: two, and 0.20 are left
    reports = await ear.reports(4)
    assert happened(reports) == [
        ("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("TRADE", "PARTIALLY_FILLED"), ("EXPIRED", "FILLED"),
    ]  # fmt: skip
    shaped(reports[-1], "W")
    assert (reports[-1]["q"], reports[-1]["z"], reports[-1]["Q"]) == ("0.00002000", "0.00002000", "1.20000000")


@pytest.mark.parametrize(
    ("mode", "taker", "maker"),
    [
        (StpMode.EXPIRE_TAKER, ("EXPIRED_IN_MATCH", "0.01000000"), None),
        (StpMode.EXPIRE_MAKER, None, ("EXPIRED_IN_MATCH", "0.00400000")),
        (StpMode.EXPIRE_BOTH, ("EXPIRED_IN_MATCH", "0.01000000"), ("EXPIRED_IN_MATCH", "0.00400000")),
        (StpMode.DECREMENT, ("NEW", "0.00400000"), ("EXPIRED_IN_MATCH", "0.00400000")),
    ],
)
async def test_a_prevented_match_is_told_to_whoever_lost_something_by_it(
    ear: Ear, venue: Venue, alice: int, mode: StpMode, taker: tuple[str, str] | None, maker: tuple[str, str] | None
) -> None:
    await venue.registry.set_trade_group(alice, 1)
    resting = await place(venue, limit(alice, SELL, 5_000_000, 400))
    taking = await place(venue, special(alice, BUY, OrderType.LIMIT, 1_000, price_ticks=5_000_000, stp=mode))
    wanted = [(taking, resting, taker), (resting, taking, maker)]
    expected = [(own, other, *what) for own, other, what in wanted if what is not None]
    reports = (await ear.reports(2 + len(expected)))[2:]
    assert [(r["i"], r["U"], r["X"], r["A"]) for r in reports] == expected
    for report in reports:
        shaped(report, "W", *PREVENTION)
        assert list(report).index("v") == list(report).index("t") + 1
        assert (report["x"], report["u"], report["Cs"], report["v"]) == ("TRADE_PREVENTION", 1, "BTCUSDT", 0)
        assert (report["B"], report["pL"]) == (report["A"], "50000.00000000")
        assert (report["l"], report["t"], report["n"], report["r"]) == ("0.00000000", -1, "0", "NONE")
        assert (report["pl"], report["pY"]) == ("0.00400000", "200.00000000") or mode is StpMode.EXPIRE_TAKER


async def test_a_stop_order_waits_and_then_is_new_on_the_book(ear: Ear, venue: Venue, alice: int, bob: int) -> None:
    await trade_at(venue, bob, 5_000_000)
    await place(venue, limit(bob, BUY, 4_500_000, 600))
    stop = special(alice, SELL, OrderType.STOP_LOSS_LIMIT, 1_000, price_ticks=4_400_000, stop_ticks=4_900_000)
    await place(venue, stop)
    await trade_at(venue, bob, 4_900_000)
    waiting, begun, trade = await ear.reports(3)
    shaped(waiting)
    assert (waiting["x"], waiting["X"], waiting["w"], waiting["P"]) == ("NEW", "NEW", False, "49000.00000000")
    shaped(begun, "W")
    assert (begun["x"], begun["X"], begun["w"], begun["W"]) == ("NEW", "NEW", True, begun["T"])
    assert (trade["x"], trade["X"], trade["l"]) == ("TRADE", "PARTIALLY_FILLED", "0.00600000")


async def test_a_trailing_order_says_by_how_much_and_since_when(ear: Ear, venue: Venue, alice: int, bob: int) -> None:
    await trade_at(venue, bob, 5_000_000)
    await place(venue, special(alice, SELL, OrderType.STOP_LOSS, 1_000, trailing_bips=100))
    await place(venue, special(alice, SELL, OrderType.TAKE_PROFIT, 1_000, trailing_bips=50, stop_ticks=6_000_000))
    follows, waits = await ear.reports(2)
    for report in (follows, waits):
        shaped(report, "d", "D")
        assert list(report).index("d") == list(report).index("P") + 1
    assert (follows["d"], follows["D"], follows["P"]) == (100, follows["T"], "0.00000000")
    assert (waits["d"], waits["D"], waits["P"]) == (50, -1, "60000.00000000")


async def test_an_iceberg_and_a_strategy_stand_in_their_fields(ear: Ear, venue: Venue, alice: int) -> None:
    words = {"strategy_id": 1, "strategy_type": 1_000_000, "iceberg_lots": 250}
    await place(venue, special(alice, SELL, OrderType.LIMIT, 1_000, price_ticks=5_000_000, **words))
    (report,) = await ear.reports(1)
    shaped(report, "W", "j", "J")
    assert (report["F"], report["j"], report["J"]) == ("0.00250000", 1, 1_000_000)


async def test_a_pegged_order_says_where_and_at_which_price(ear: Ear, venue: Venue, alice: int, bob: int) -> None:
    for price in (4_900_000, 4_899_900):
        await place(venue, limit(bob, BUY, price, 100))
    pegged = special(
        alice, BUY, OrderType.LIMIT, 100, price_ticks=6_000_000, peg=PegPrice.PRIMARY_PEG, peg_offset=1
    )  # fmt: skip
    await place(venue, pegged)
    await place(venue, replace(pegged, peg_offset=0, client_order_id="best"))
    behind, best = await ear.reports(2)
    shaped(behind, "W", "gP", "gOT", "gOV", "gp")
    assert [behind[name] for name in ("gP", "gOT", "gOV", "gp", "p")] == [
        "PRIMARY_PEG", "PRICE_LEVEL", 1, "48999.00000000", "60000.00000000",
    ]  # fmt: skip
    shaped(best, "W", "gP", "gp")
    assert best["gp"] == "49000.00000000"


def pair(account: int) -> PlaceOrderList:
    stop = special(account, SELL, OrderType.STOP_LOSS, 500, stop_ticks=4_500_000)
    target = special(account, SELL, OrderType.LIMIT_MAKER, 500, price_ticks=5_500_000)
    return PlaceOrderList(kind=ListKind.OCO, client_order_id="pair", orders=[stop, target])


def told(events: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """(type, x, X, eR) of reports, (l, L) of lists; balances are left out."""
    found: list[tuple[str, ...]] = []
    for event in events:
        if event["e"] == "listStatus":
            assert list(event) == list(LIST_STATUS)
            assert [list(order) for order in event["O"]] == [["s", "i", "c"]] * len(event["O"])
            found.append((event["c"], event["l"], event["L"]))
        elif event["e"] == "executionReport":
            found.append((event["o"], event["x"], event["X"], event.get("eR", "")))
    return found


async def test_an_oco_from_its_start_to_its_end(ear: Ear, venue: Venue, alice: int, bob: int) -> None:
    await trade_at(venue, bob, 5_000_000)
    placed = await venue.gateway.place_order_list(pair(alice))
    events = await ear.of_orders(3)
    assert told(events) == [
        ("OCO", "EXEC_STARTED", "EXECUTING"), ("STOP_LOSS", "NEW", "NEW", ""), ("LIMIT_MAKER", "NEW", "NEW", ""),
    ]  # fmt: skip
    status = events[0]
    assert (status["g"], status["C"], status["r"]) == (placed.order_list.list_id, "pair", "NONE")
    assert {event["g"] for event in events if "g" in event} == {placed.order_list.list_id}
    await place(venue, limit(bob, BUY, 5_500_000, 500))
    assert told(await ear.of_orders(3)) == [
        ("LIMIT_MAKER", "TRADE", "FILLED", ""), ("STOP_LOSS", "EXPIRED", "EXPIRED", "OCO_TRIGGER"),
        ("OCO", "ALL_DONE", "ALL_DONE"),
    ]  # fmt: skip


async def test_a_cancelled_list_names_the_cancel_at_each_order(ear: Ear, venue: Venue, alice: int, bob: int) -> None:
    await trade_at(venue, bob, 5_000_000)
    placed = await venue.gateway.place_order_list(pair(alice))
    await ear.of_orders(3)
    cancel = CancelOrderList(
        account=alice, symbol="BTCUSDT", list_id=placed.order_list.list_id, cancel_client_order_id="bye"
    )  # fmt: skip
    await venue.gateway.cancel_order_list(cancel)
    canceled = await ear.reports(2)
    assert [(r["x"], r["c"], r["C"]) for r in canceled] == [
        ("CANCELED", "bye", order.client_order_id) for order in placed.orders
    ]
    (done,) = await ear.of_orders(1)
    assert (done["e"], done["l"]) == ("listStatus", "ALL_DONE")


async def test_pending_orders_wait_begin_and_end_with_their_list(ear: Ear, venue: Venue, alice: int, bob: int) -> None:
    working = limit(alice, BUY, 4_900_000, 500, client_id="working")
    above = special(alice, SELL, OrderType.LIMIT_MAKER, 500, price_ticks=5_500_000)
    below = special(alice, SELL, OrderType.STOP_LOSS, 500, stop_ticks=4_500_000)
    chain = PlaceOrderList(kind=ListKind.OTOCO, client_order_id="chain", orders=[working, below, above])
    await venue.gateway.place_order_list(chain)
    events = await ear.of_orders(4)
    assert told(events) == [
        ("STOP_LOSS", "NEW", "PENDING_NEW", ""), ("LIMIT_MAKER", "NEW", "PENDING_NEW", ""),
        ("OTO", "EXEC_STARTED", "EXECUTING"), ("LIMIT", "NEW", "NEW", ""),
    ]  # fmt: skip
    shaped(events[0])
    await place(venue, limit(bob, SELL, 4_900_000, 500))
    assert told(await ear.of_orders(4)) == [
        ("LIMIT", "TRADE", "FILLED", ""), ("OTO", "EXEC_STARTED", "EXECUTING"), ("STOP_LOSS", "NEW", "NEW", ""),
        ("LIMIT_MAKER", "NEW", "NEW", ""),
    ]  # fmt: skip


async def test_times_are_one_and_the_same_in_an_event(ear: Ear, venue: Venue, alice: int) -> None:
    await venue.clock.set_virtual(4_000_000_000_000)
    await place(venue, limit(alice, BUY, 5_000_000, 100))
    report, account = await ear.events(2)
    assert {report[name] for name in "ETOW"} | {account["E"], account["u"]} == {4_000_000_000_000}
