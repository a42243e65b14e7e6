"""python-binance's asynchronous client: streams of the market, events of the account, orders by the WebSocket API."""

import asyncio
import itertools
from decimal import Decimal
from typing import Any

from binance.async_client import AsyncClient
from binance.ws.streams import BinanceSocketManager

from tests.clients.conftest import SYMBOL, Exchange
from tests.clients.play import TAKERS_FILLS
from tests.clients.test_ccxt_pro import until

LIMIT = {"symbol": SYMBOL, "type": "LIMIT", "timeInForce": "GTC", "price": "50000"}
SILENCE_S = 0.5  # before the play begins: sockets are open and subscriptions answered


def client(exchange: Exchange, name: str) -> Any:
    user = exchange.user(name)
    made = AsyncClient(user.key, user.secret)
    made.API_URL = f"{exchange.url}/api"
    made.ws_api._url = f"{exchange.sockets}/ws-api/v3"
    return made


async def play(exchange: Exchange, heard: dict[str, list[Any]]) -> tuple[int, int]:
    """The ids of bob's two orders."""
    alice, bob = client(exchange, "alice"), client(exchange, "bob")
    manager = BinanceSocketManager(bob)
    manager.STREAM_URL = f"{exchange.sockets}/"
    names = [f"{SYMBOL.lower()}@aggTrade", f"{SYMBOL.lower()}@bookTicker"]
    sockets = {
        "trades": manager.trade_socket(SYMBOL), "depth": manager.depth_socket(SYMBOL), "user": manager.user_socket(),
        "combined": manager.multiplex_socket(names),
    }  # fmt: skip
    strangers = [exchange.user(name) for name in ("carol", "dave")]
    opened = []

    async def hear(name: str) -> None:
        async with sockets[name] as stream:
            opened.append(name)
            while True:
                heard[name].append(await stream.recv())

    tasks = [asyncio.create_task(hear(name)) for name in sockets]
    try:
        await until(lambda: len(opened) == len(sockets), opened)
        await asyncio.sleep(SILENCE_S)
        offer = await alice.create_order(side="SELL", quantity="0.5", **LIMIT)
        first = await bob.create_order(side="BUY", quantity="0.2", **LIMIT)
        second = await bob.ws_create_order(side="BUY", quantity="0.1", **LIMIT)
        await alice.cancel_order(symbol=SYMBOL, orderId=offer["orderId"])
        await until(lambda: len(heard["user"]) == 6 and len(heard["trades"]) == 2, heard)
        await until(lambda: heard["depth"][-1]["a"] == [["50000.00000000", "0.00000000"]], heard)
        await until(lambda: len([one for one in heard["combined"] if one["stream"] == names[0]]) == 2, heard)
    finally:
        for task in tasks:
            task.cancel()
        # The library looks up only when a message comes, or after ten seconds.
        closing = asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(exchange.trade, *strangers)
        await bob.create_order(side="BUY", quantity="0.1", **LIMIT | {"price": "1000"})
        await closing
        await alice.close_connection()
        await bob.close_connection()
    return first["orderId"], second["orderId"]


def test_the_play_is_heard_as_it_was_played(exchange: Exchange) -> None:
    heard: dict[str, list[Any]] = {name: [] for name in ("trades", "depth", "user", "combined")}
    first, second = asyncio.run(play(exchange, heard))
    reports = [event for event in heard["user"] if event["e"] == "executionReport"]
    assert [event["e"] for event in heard["user"]] == [
        "executionReport", "executionReport", "outboundAccountPosition",
    ] * 2  # fmt: skip
    assert [(event["i"], event["x"], event["X"]) for event in reports] == [
        (first, "NEW", "NEW"), (first, "TRADE", "FILLED"), (second, "NEW", "NEW"), (second, "TRADE", "FILLED"),
    ]  # fmt: skip
    fills = [
        (Decimal(event["L"]), Decimal(event["l"]), Decimal(event["n"]), event["N"])
        for event in reports
        if event["x"] == "TRADE"
    ]
    assert fills == TAKERS_FILLS
    assert heard["user"][-1]["B"] == [
        {"a": "SOL", "f": "10.29940000", "l": "0.00000000"}, {"a": "USDT", "f": "985000.00000000", "l": "0.00000000"},
    ]  # fmt: skip
    assert [(trade["p"], trade["q"], trade["m"]) for trade in heard["trades"]] == [
        ("50000.00000000", "0.20000000", False), ("50000.00000000", "0.10000000", False),
    ]  # fmt: skip
    assert [event["t"] for event in reports if event["x"] == "TRADE"] == [trade["t"] for trade in heard["trades"]]
    changes = heard["depth"]
    assert all(later["U"] == earlier["u"] + 1 for earlier, later in itertools.pairwise(changes))
