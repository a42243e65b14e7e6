"""binance-connector's threads: streams under SUBSCRIBE, a listenKey among them, and orders by the WebSocket API."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

from tests.clients.conftest import SYMBOL, Exchange
from tests.clients.play import TAKERS_FILLS
from tests.clients.test_binance_connector import client
from tests.e2e.processes import until

LIMIT = {"symbol": SYMBOL, "type": "LIMIT", "timeInForce": "GTC", "price": "50000"}


def into(found: list[dict[str, Any]]) -> Callable[[Any, str], None]:
    return lambda _, message: found.append(json.loads(message))


def end(opened: Any) -> None:
    """The library says goodbye and leaves its socket open."""
    opened.stop()
    opened.socket_manager.join(10)
    opened.socket_manager.ws.shutdown()


def events(heard: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [message for message in heard if message.get("e") == name]


def test_the_play_is_heard_as_it_was_played(exchange: Exchange) -> None:
    users = [exchange.user(name) for name in ("alice", "bob")]
    alice, bob = (client(exchange, user) for user in users)
    heard: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    streams = SpotWebsocketStreamClient(stream_url=exchange.sockets, on_message=into(heard))
    exchange.at_end.append(lambda: end(streams))
    api = SpotWebsocketAPIClient(
        stream_url=f"{exchange.sockets}/ws-api/v3",
        api_key=users[1].key,
        api_secret=users[1].secret,
        on_message=into(answers),
    )
    exchange.at_end.append(lambda: end(api))
    streams.trade(symbol=SYMBOL)
    streams.user_data(listen_key=bob.new_listen_key()["listenKey"])
    until(lambda: [message["result"] for message in heard if "id" in message] == [None, None])
    offer = alice.new_order(side="SELL", quantity=0.5, **LIMIT)
    bob.new_order(side="BUY", quantity=0.2, **LIMIT)
    api.new_order(side="BUY", quantity=0.1, newOrderRespType="FULL", **LIMIT)
    until(lambda: len(answers) == 1 and len(events(heard, "outboundAccountPosition")) == 2)
    until(lambda: len(events(heard, "trade")) == 2)
    alice.cancel_order(SYMBOL, orderId=offer["orderId"])
    assert (answers[0]["status"], answers[0]["result"]["status"]) == (200, "FILLED")
    reports = events(heard, "executionReport")
    assert [report["x"] for report in reports] == ["NEW", "TRADE"] * 2
    assert [
        (Decimal(report["L"]), Decimal(report["l"]), Decimal(report["n"]), report["N"])
        for report in reports
        if report["x"] == "TRADE"
    ] == TAKERS_FILLS
    assert events(heard, "outboundAccountPosition")[-1]["B"] == [
        {"a": "SOL", "f": "10.29940000", "l": "0.00000000"}, {"a": "USDT", "f": "985000.00000000", "l": "0.00000000"},
    ]  # fmt: skip
