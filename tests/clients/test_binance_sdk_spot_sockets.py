"""binance-sdk-spot's WebSocket API, user events under a signature, and market streams, with its strict models."""

import asyncio
from decimal import Decimal
from typing import Any

from binance_common.configuration import ConfigurationWebSocketAPI, ConfigurationWebSocketStreams
from binance_sdk_spot.spot import Spot

from tests.clients.conftest import SYMBOL, Exchange
from tests.clients.play import ALICES_FUNDS, BOBS_FUNDS, TAKERS_FILLS
from tests.clients.test_ccxt_pro import until


def client(exchange: Exchange, name: str) -> Any:
    user = exchange.user(name)
    return Spot(
        config_ws_api=ConfigurationWebSocketAPI(
            api_key=user.key, api_secret=user.secret, stream_url=f"{exchange.sockets}/ws-api/v3"
        ),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=exchange.sockets),
    )


async def play(exchange: Exchange, heard: dict[str, list[Any]]) -> dict[str, Any]:
    """What the WebSocket API has answered."""
    alice, bob = client(exchange, "alice"), client(exchange, "bob")
    of_alice, of_bob = await alice.websocket_api.create_connection(), await bob.websocket_api.create_connection()
    streams = await alice.websocket_streams.create_connection()
    terms = {"symbol": SYMBOL, "type": "LIMIT", "time_in_force": "GTC", "price": 50_000.0}
    try:
        for name, stream in (
            ("trades", await streams.trade(symbol=SYMBOL.lower())),
            ("depth", await streams.diff_book_depth(symbol=SYMBOL.lower())),
            ("user", (await of_bob.user_data_stream_subscribe_signature()).stream),
        ):
            stream.on("message", heard[name].append)
        offer = (await of_alice.order_place(side="SELL", quantity=0.5, **terms)).data().result
        first = (await of_bob.order_place(side="BUY", quantity=0.2, **terms)).data().result
        bought = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quote_order_qty": 5000.0}
        second = (await of_bob.order_place(**bought)).data().result
        await until(lambda: len(heard["user"]) == 6 and len(heard["trades"]) == 2, heard)
        canceled = (await of_alice.order_cancel(symbol=SYMBOL, order_id=offer.order_id)).data().result
        await until(lambda: heard["depth"] and heard["depth"][-1].a == [["50000.00000000", "0.00000000"]], heard)
        return {
            "orders": [offer, first, second, canceled],
            "trades": (await of_bob.my_trades(symbol=SYMBOL)).data().result,
            "book": (await of_alice.depth(symbol=SYMBOL)).data().result,
            "alice": (await of_alice.account_status(omit_zero_balances=True)).data().result,
            "bob": (await of_bob.account_status(omit_zero_balances=True)).data().result,
        }
    finally:
        for connection in (of_alice, of_bob, streams):
            await connection.close_connection(close_session=True)


def funds(account: Any) -> dict[str, Decimal]:
    assert all(Decimal(balance.locked) == 0 for balance in account.balances)
    return {balance.asset: Decimal(balance.free) for balance in account.balances}


def test_the_play_by_the_websocket_api(exchange: Exchange) -> None:
    heard: dict[str, list[Any]] = {"trades": [], "depth": [], "user": []}
    said = asyncio.run(play(exchange, heard))
    reports = [event.actual_instance for event in heard["user"]]
    assert [type(report).__name__ for report in reports] == [
        "ExecutionReport", "ExecutionReport", "OutboundAccountPosition",
    ] * 2  # fmt: skip
    assert [(report.i, report.x, report.X) for report in (reports[0], reports[1], reports[3], reports[4])] == [
        (said["orders"][number].order_id, *words)
        for number in (1, 2)
        for words in (("NEW", "NEW"), ("TRADE", "FILLED"))
    ]
    told = [(Decimal(each.L), Decimal(each.l), Decimal(each.n), each.N) for each in (reports[1], reports[4])]
    assert told == TAKERS_FILLS
    assert {purse.a: Decimal(purse.f) for purse in reports[-1].B} == BOBS_FUNDS
    assert [(trade.p, trade.q, trade.t) for trade in heard["trades"]] == [
        ("50000.00000000", "0.20000000", reports[1].t), ("50000.00000000", "0.10000000", reports[4].t),
    ]  # fmt: skip
    assert [order.status for order in said["orders"]] == ["NEW", "FILLED", "FILLED", "CANCELED"]
    fills = [(Decimal(each.price), Decimal(each.qty), Decimal(each.commission), each.commission_asset)
             for each in said["trades"]]  # fmt: skip
    assert fills == TAKERS_FILLS
    assert (said["book"].bids, said["book"].asks) == ([], [])
    assert (funds(said["alice"]), funds(said["bob"])) == (ALICES_FUNDS, BOBS_FUNDS)
