"""listenKeys: made and ended by REST, heard on the market streams' addresses.

The fact a newcomer would get wrong: Binance has removed them; what stands here is what its documents had and clients of
that time still do. The exchange has a switch that answers 410 as Binance does now.
"""

from typing import Final

from conformance.areas.user_streams import REPORT
from conformance.checks import TEXT, AtLeast, matches, same
from conformance.lab import Lab
from conformance.rules import Area, expect, refused

AREA: Final = Area("listen_keys", "listenKeys")


def _listen_key(lab: Lab) -> str:
    key: str = expect(lab.user().raw("POST", "/userDataStream"), {"listenKey": TEXT})["listenKey"]
    return key


LISTEN_KEYS = AREA.by("errors.md: -1125 INVALID_LISTEN_KEY")


@LISTEN_KEYS.rule(
    "a listenKey is made with the key alone, and is the same again", "POST userDataStream twice", "the same listenKey"
)
def listen_key(lab: Lab) -> None:
    same(_listen_key(lab), _listen_key(lab), "the listenKey")


@LISTEN_KEYS.rule(
    "an unknown listenKey", "PUT userDataStream listenKey=none", "400: -1125 This listenKey does not exist."
)
def unknown_listen_key(lab: Lab) -> None:
    answer = lab.user().raw("PUT", "/userDataStream", "listenKey=" + "n" * 60)
    refused(answer, -1125, "This listenKey does not exist.")


@LISTEN_KEYS.rule(
    "PUT and DELETE of a listenKey", "PUT userDataStream, DELETE userDataStream, PUT again", "{}, {}, then -1125"
)
def listen_key_ends(lab: Lab) -> None:
    user = lab.user("keyed")
    key = expect(user.raw("POST", "/userDataStream"), {"listenKey": TEXT})["listenKey"]
    for method in ("PUT", "DELETE"):
        expect(user.raw(method, "/userDataStream", f"listenKey={key}"), {})
    refused(user.raw("PUT", "/userDataStream", f"listenKey={key}"), -1125, "This listenKey does not exist.")


for target, wrapped in (("/ws/{key}", False), ("/stream?streams={key}", True)):

    def by_listen_key(lab: Lab, target: str = target, wrapped: bool = wrapped) -> None:
        market, key = lab.fresh_market(), _listen_key(lab)
        with lab.wire.socket(target.replace("{key}", key)) as socket:
            socket.settle()
            lab.user().limit(market, "BUY", "1", "90")
            frame = socket.receive()
        report = REPORT | {"x": "NEW", "s": market.symbol}
        matches({"stream": key, "data": report} if wrapped else report, frame, "the frame")

    LISTEN_KEYS.rule(
        f"events at {target.replace('{key}', '(listenKey)')}",
        f"{target.replace('{key}', '(listenKey)')}, POST order",
        "executionReport, wrapped in stream and data" if wrapped else "executionReport, bare",
    )(by_listen_key)


@LISTEN_KEYS.rule("a listenKey in SUBSCRIBE", "/ws, SUBSCRIBE (listenKey), POST order", "executionReport, bare")
def subscribed_listen_key(lab: Lab) -> None:
    market, key = lab.fresh_market(), _listen_key(lab)
    with lab.wire.socket("/ws") as socket:
        socket.send({"method": "SUBSCRIBE", "params": [key], "id": 1})
        matches({"result": None, "id": 1}, socket.receive(), "the answer")
        lab.user().limit(market, "BUY", "1", "90")
        matches(AtLeast({"e": "executionReport", "x": "NEW"}), socket.receive(), "the frame")
