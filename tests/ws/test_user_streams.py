"""`<user id>@order`, `@trade` and `@account`: everything the owner must hear, in order, and nobody else."""

from typing import Any

import msgspec

from engine.account_rules import AccountRates
from engine.commands import CancelAllOrders, CancelOrder, ReduceOrder, Transfer
from engine.types import Side, TimeInForce
from engine.venue import Venue
from tests.conftest import RICH_ATOMS, fund, limit, market
from tests.ws.conftest import Client, connected, give_key

EXECUTION_REPORT = set("eEscSofqpPFgCxXrilzLnNTtIwmMOZYQWV")


async def listen(client: Client, venue: Venue, account: int, name: str) -> None:
    """Authenticate and hear all three streams."""
    await client.auth(await give_key(venue, account, name, f"key-of-{name}"))
    await client.subscribe(f"{name}@order", f"{name}@account", f"{name}@trade")


async def hear(client: Client, count: int) -> list[tuple[str, str, str]]:
    """The next `count` frames in the order they came: (kind of stream, x or "", X or "")."""
    while len(client.events) < count:
        client.events.append(await client.receive())
    frames, client.events = client.events[:count], client.events[count:]
    return [(frame["stream"].split("@")[1], frame["data"].get("x", ""), frame["data"].get("X", "")) for frame in frames]


def balance(data: dict[str, Any], asset: str) -> tuple[str, str]:
    (found,) = (item for item in data["B"] if item["a"] == asset)
    return found["f"], found["l"]


async def test_a_resting_order_is_new_and_then_its_money_is_locked(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    placed = await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 2_000, client_id="mine"))
    order = await client.next("alice@order")
    now_ms = placed.order.created_ms
    assert order == {
        "e": "executionReport", "E": now_ms, "s": "BTCUSDT", "c": "mine", "S": "BUY", "o": "LIMIT", "f": "GTC",
        "q": "0.02000000", "p": "50000.00000000", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "NEW",
        "X": "NEW", "r": "NONE", "i": placed.order.order_id, "l": "0.00000000", "z": "0.00000000", "L": "0.00000000",
        "n": "0.00000000", "N": None, "T": now_ms, "t": -1, "I": order["I"], "w": True, "m": False, "M": False,
        "O": now_ms, "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "W": now_ms, "V": "NONE",
    }  # fmt: skip
    assert set(order) == EXECUTION_REPORT
    account = await client.next("alice@account")
    assert account == {
        "e": "outboundAccountPosition", "E": now_ms, "u": now_ms,
        "B": [{"a": "USDT", "f": "999000.00000000", "l": "1000.00000000"}],
    }  # fmt: skip


async def test_a_sweep_tells_new_then_each_fill_with_rising_amounts_then_the_balances(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await listen(client, venue, bob, "bob")
    for number in range(3):
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000 + 100 * number, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_200, 3_000))
    assert await hear(client, 8) == [
        ("order", "NEW", "NEW"),
        ("order", "TRADE", "PARTIALLY_FILLED"), ("trade", "TRADE", "PARTIALLY_FILLED"),
        ("order", "TRADE", "PARTIALLY_FILLED"), ("trade", "TRADE", "PARTIALLY_FILLED"),
        ("order", "TRADE", "FILLED"), ("trade", "TRADE", "FILLED"),
        ("account", "", ""),
    ]  # fmt: skip


async def test_fields_of_a_fill_on_both_sides(client: Client, ws_url: str, venue: Venue, alice: int, bob: int) -> None:
    async with connected(ws_url) as maker:
        await listen(client, venue, bob, "bob")
        await listen(maker, venue, alice, "alice")
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 3_000))
        await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
        await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
        taken = [await client.next("bob@trade") for _ in range(2)]
        made = [await maker.next("alice@trade") for _ in range(2)]
        assert [(t["t"], t["l"], t["z"], t["Z"], t["X"]) for t in made] == [
            (1, "0.01000000", "0.01000000", "600.00000000", "PARTIALLY_FILLED"),
            (2, "0.01000000", "0.02000000", "1200.00000000", "PARTIALLY_FILLED"),
        ]
        assert [(t["n"], t["N"], t["m"], t["w"], t["Y"]) for t in made] == [
            ("0.60000000", "USDT", True, True, "600.00000000")
        ] * 2
        assert [(t["n"], t["N"], t["m"], t["w"], t["X"]) for t in taken] == [
            ("0.00001000", "BTC", False, False, "FILLED")
        ] * 2
        account = await maker.until("alice@account", lambda data: balance(data, "BTC")[1] == "0.01000000")
        assert balance(account, "USDT") == ("1001198.80000000", "0.00000000")


async def test_a_trade_with_oneself_is_heard_from_both_sides(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    resting = await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1_000))
    taking = await venue.gateway.place_order(limit(alice, Side.BUY, 6_000_000, 1_000))
    fills = [await client.next("alice@trade") for _ in range(2)]
    assert [(fill["i"], fill["m"], fill["X"]) for fill in fills] == [
        (taking.order.order_id, False, "FILLED"), (resting.order.order_id, True, "FILLED"),
    ]  # fmt: skip
    assert len({fill["I"] for fill in fills}) == 2
    await client.until("alice@account", lambda data: {item["a"] for item in data["B"]} == {"BTC", "USDT"})
    assert len(client.heard("alice@account")) == 2


async def test_what_gets_nothing_is_new_and_expired(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await listen(client, venue, alice, "alice")
    await venue.gateway.place_order(market(alice, Side.BUY, lots=1_000))
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000, tif=TimeInForce.FOK))
    assert await hear(client, 4) == [("order", "NEW", "NEW"), ("order", "EXPIRED", "EXPIRED")] * 2
    await venue.gateway.place_order(limit(bob, Side.SELL, 5_000_000, 400))
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000, tif=TimeInForce.IOC))
    assert await hear(client, 5) == [
        ("order", "NEW", "NEW"), ("order", "TRADE", "PARTIALLY_FILLED"), ("trade", "TRADE", "PARTIALLY_FILLED"),
        ("order", "EXPIRED", "EXPIRED"), ("account", "", ""),
    ]  # fmt: skip


async def test_a_market_order_by_amount_is_filled_at_its_last_fill(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await listen(client, venue, bob, "bob")
    for price in (6_000_000, 6_000_100):
        await venue.gateway.place_order(limit(alice, Side.SELL, price, 1_000))
    await venue.gateway.place_order(market(bob, Side.BUY, quote_atoms=900 * 10**8))
    reports = [await client.next("bob@order") for _ in range(3)]
    assert [(r["x"], r["X"]) for r in reports] == [("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("TRADE", "FILLED")]
    assert {r["Q"] for r in reports} == {"900.00000000"}
    assert {r["p"] for r in reports} == {"0.00000000"}
    assert reports[-1]["z"] == reports[-1]["q"] == "0.01499000"


async def test_a_cancel_names_itself_and_the_order(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    placed = await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000, client_id="first"))
    await venue.gateway.cancel_order(
        CancelOrder(account=alice, symbol="BTCUSDT", order_id=placed.order.order_id, cancel_client_order_id="bye")
    )
    report = await client.until("alice@order", lambda data: data["x"] == "CANCELED")
    assert (report["X"], report["c"], report["C"], report["w"]) == ("CANCELED", "bye", "first", False)
    account = await client.until("alice@account", lambda data: balance(data, "USDT")[1] == "0.00000000")
    assert balance(account, "USDT")[0] == "1000000.00000000"


async def test_cancelling_all_and_reducing_are_heard_order_by_order(client: Client, venue: Venue, alice: int) -> None:
    await listen(client, venue, alice, "alice")
    placed = [await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 2_000)) for _ in range(2)]
    await hear(client, 4)
    ids = [p.order.order_id for p in placed]
    await venue.gateway.reduce_order(ReduceOrder(account=alice, symbol="BTCUSDT", order_id=ids[0], lots=500))
    reduced = await client.next("alice@order")
    assert (reduced["x"], reduced["X"], reduced["q"], reduced["w"]) == ("REPLACED", "NEW", "0.00500000", True)
    await venue.gateway.cancel_all_orders(CancelAllOrders(account=alice, symbol="BTCUSDT"))
    canceled = [await client.next("alice@order") for _ in range(2)]
    assert [(c["i"], c["x"], c["X"]) for c in canceled] == [(i, "CANCELED", "CANCELED") for i in ids]
    await client.silence()
    assert len(client.heard("alice@account")) == 2


async def test_money_in_and_out_is_heard_exactly(client: Client, venue: Venue, alice: int, bob: int) -> None:
    await listen(client, venue, alice, "alice")
    await venue.gateway.credit(Transfer(account=alice, asset="BTC", atoms=1))
    await venue.gateway.credit(Transfer(account=bob, asset="BTC", atoms=1))
    await venue.gateway.debit(Transfer(account=alice, asset="BTC", atoms=RICH_ATOMS))
    assert balance(await client.next("alice@account"), "BTC") == ("1000000.00000001", "0.00000000")
    assert balance(await client.next("alice@account"), "BTC") == ("0.00000001", "0.00000000")


async def test_an_order_with_more_steps_than_one_is_new_once(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    await listen(client, venue, bob, "bob")
    for number in range(600):
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000 + number, 1_000))
    await venue.gateway.place_order(limit(bob, Side.BUY, 6_001_000, 600_000))
    reports = [await client.next("bob@order") for _ in range(601)]
    assert [r["x"] for r in reports] == ["NEW"] + ["TRADE"] * 600
    assert [r["X"] for r in reports[-2:]] == ["PARTIALLY_FILLED", "FILLED"]
    assert reports[-1]["z"] == "6.00000000"
    assert [r["t"] for r in reports[1:]] == list(range(1, 601))


async def test_an_order_through_one_worker_is_heard_at_the_other(other_worker: str, venue: Venue, alice: int) -> None:
    async with connected(other_worker) as elsewhere:
        await listen(elsewhere, venue, alice, "alice")
        placed = await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
        report = await elsewhere.next("alice@order")
        assert (report["i"], report["X"]) == (placed.order.order_id, "NEW")


async def test_a_fee_in_another_asset_is_told_in_it_with_the_balance_it_came_from(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    spec = await venue.registry.spec("BTCUSDT")
    await venue.registry.define_symbol(msgspec.structs.replace(spec, allows_discount=True, discount_e8=75_000_000))
    await venue.registry.set_conversion("BNB", "USDT", 500 * 10**8)
    await venue.registry.set_account_rates(bob, AccountRates(uses_discount=True))
    await fund(venue, bob, BNB=10**8)
    await listen(client, venue, bob, "bob")
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    for order in (limit(alice, Side.BUY, 5_000_000, 10_000), market(bob, Side.SELL, lots=10_000)):
        await venue.gateway.place_order(msgspec.structs.replace(order, rules_version=version))
    fill = await client.next("bob@trade")
    assert (fill["n"], fill["N"]) == ("0.00750000", "BNB")  # 5 USDT, a quarter off, at 500
    report = await client.until("bob@order", lambda data: data["x"] == "TRADE")
    assert (report["n"], report["N"], report["X"]) == ("0.00750000", "BNB", "FILLED")
    account = await client.next("bob@account")
    assert balance(account, "BNB") == ("0.99250000", "0.00000000")
    assert {item["a"] for item in account["B"]} == {"BTC", "USDT", "BNB"}
