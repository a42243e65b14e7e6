"""ccxt.pro: the market's streams, the account's events, and orders by the WebSocket API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import ccxt.pro

from tests.clients.conftest import Exchange
from tests.clients.play import ALICES_FUNDS, BOBS_FUNDS, OFFERED, PRICE, TAKEN
from tests.clients.test_ccxt import PAIR, exact

PATIENCE_S = 20


@asynccontextmanager
async def client(exchange: Exchange, name: str) -> AsyncIterator[Any]:
    user = exchange.user(name)
    options = {"fetchMarkets": {"types": ["spot"]}}
    made = ccxt.pro.binance({"apiKey": user.key, "secret": user.secret, "options": options})
    for of, path in (("public", "/api/v3"), ("private", "/api/v3"), ("sapi", "/sapi/v1")):
        made.urls["api"][of] = exchange.url + path
    made.urls["api"]["ws"]["spot"] = f"{exchange.sockets}/ws"
    made.urls["api"]["ws"]["ws-api"]["spot"] = f"{exchange.sockets}/ws-api/v3"
    try:
        await made.load_markets()
        yield made
    finally:
        await made.close()


async def until(look: Callable[[], bool], seen: object) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not look():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited in vain: {seen}") from None


def gather(
    group: asyncio.TaskGroup, watch: Callable[[], Awaitable[Any]], into: list[Any], pick: Callable[..., Any]
) -> Any:
    """Watch for ever; what `pick` makes of each answer stands in `into`."""

    async def work() -> None:
        while True:
            answer = await watch()
            into.extend(pick(one) for one in (answer if isinstance(answer, list) else [answer]))

    return group.create_task(work())


async def knock(exchange: Exchange, alice: Any, bob: Any, seen: dict[str, list[Any]]) -> None:
    """Until every subscription has been heard once, something happens for each; then all is forgotten."""
    strangers = [exchange.user(name) for name in ("carol", "dave")]
    async with asyncio.timeout(PATIENCE_S):
        while not all(seen[name] for name in seen if name != "mine"):  # which comes with the orders
            await asyncio.to_thread(exchange.trade, *strangers)
            for user, side, price in ((alice, "sell", 90_000.0), (bob, "buy", 1_000.0)):
                order = await user.create_order(PAIR, "limit", side, 1.0, price)
                await user.cancel_order(order["id"], PAIR)
            await asyncio.sleep(0.1)
    await until(lambda: seen["asks"][-1] == [] and seen["orders"][-1][0] == "canceled", seen)
    for found in seen.values():
        found.clear()


async def play(exchange: Exchange, seen: dict[str, list[Any]]) -> None:
    async with client(exchange, "alice") as alice, client(exchange, "bob") as bob, asyncio.TaskGroup() as group:
        tasks = [
            gather(group, lambda: bob.watch_orders(PAIR), seen["orders"], lambda one: (one["status"], one["filled"])),
            gather(
                group, lambda: bob.watch_my_trades(PAIR), seen["mine"],
                lambda one: (one["price"], one["amount"], one["fee"]["cost"], one["fee"]["currency"]),
            ),
            gather(
                group, bob.watch_balance, seen["bobs"],
                lambda one: {asset: exact(one["total"].get(asset, 0)) for asset in BOBS_FUNDS},
            ),
            gather(
                group, alice.watch_balance, seen["alices"],
                lambda one: {asset: exact(one["total"].get(asset, 0)) for asset in ALICES_FUNDS},
            ),
            gather(group, lambda: alice.watch_trades(PAIR), seen["trades"], lambda one: (one["price"], one["amount"])),
            gather(
                group, lambda: alice.watch_order_book(PAIR), seen["asks"],
                lambda one: [list(level) for level in one["asks"]],
            ),
        ]  # fmt: skip
        await knock(exchange, alice, bob, seen)
        offer = await alice.create_order(PAIR, "limit", "sell", float(OFFERED), float(PRICE))
        await until(lambda: seen["asks"][-1:] == [[[50_000.0, 0.5]]], seen)
        await bob.create_order(PAIR, "limit", "buy", float(TAKEN), float(PRICE))
        ordered = await bob.create_order_ws(PAIR, "limit", "buy", 0.1, float(PRICE))
        assert ordered["status"] == "closed"
        assert (await alice.cancel_order_ws(offer["id"], PAIR))["status"] == "canceled"
        await until(lambda: seen["asks"][-1:] == [[]], seen)
        await until(lambda: BOBS_FUNDS in seen["bobs"] and ALICES_FUNDS in seen["alices"], seen)
        await until(lambda: len(seen["mine"]) == 2 == len(seen["trades"]), seen)
        for task in tasks:
            task.cancel()


def test_the_play_is_heard_as_it_was_played(exchange: Exchange) -> None:
    seen: dict[str, list[Any]] = {name: [] for name in ("orders", "mine", "bobs", "alices", "trades", "asks")}
    asyncio.run(play(exchange, seen))
    assert [order for order in seen["orders"] if order[0] == "closed"] == [("closed", 0.2), ("closed", 0.1)]
    assert seen["mine"] == [(50_000.0, 0.2, 0.0004, "SOL"), (50_000.0, 0.1, 0.0002, "SOL")]
    assert seen["trades"] == [(50_000.0, 0.2), (50_000.0, 0.1)]
    assert seen["bobs"][-1] == BOBS_FUNDS
    assert seen["alices"][-1] == ALICES_FUNDS
