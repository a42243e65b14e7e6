"""The streams and the WebSocket API as an AsyncAPI 3.0 document, from the same tables that serve them.

The fact a newcomer would get wrong: `action` is the exchange's, not its client's: it receives requests and sends
events.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from accounts.sockets.binance import METHODS as STREAM_METHODS
from accounts.websocket_api.methods import VERSION, Credentials, Method
from api.openapi import example_of, parameter_schema, weight_shown
from markets.streams.hub import OF_EVERY_SYMBOL, OF_SYMBOL

Schema = dict[str, Any]

_ID: Final[Schema] = {
    "description": "Echoed as it came", "oneOf": [
        {"type": "integer"}, {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,36}$"}, {"type": "null"},
    ],
}  # fmt: skip
_ERROR: Final[Schema] = {
    "type": "object",
    "required": ["code", "msg"],
    "properties": {"code": {"type": "integer"}, "msg": {"type": "string"}, "data": {}},
}
_RESPONSE: Final[Schema] = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {
        "id": _ID, "status": {"type": "integer"}, "result": {}, "error": _ERROR,
        "rateLimits": {"type": "array", "items": {"type": "object"}},
    },
}  # fmt: skip
_SIGNED: Final[Schema] = {
    "apiKey": {"type": "string"},
    "timestamp": {"type": "integer"},
    "recvWindow": {"type": "number", "maximum": 60_000},
    "signature": {"type": "string", "description": "Over the other parameters, sorted by name, as k=v joined by &"},
}
_TAKES_OF: Final = {
    Credentials.SIGNATURE_OR_SESSION: _SIGNED, Credentials.SIGNATURE: _SIGNED,
    Credentials.KEY_OR_SESSION: {"apiKey": _SIGNED["apiKey"]}, Credentials.SESSION: {}, None: {},
}  # fmt: skip
_STREAM_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["method"],
    "properties": {
        "id": _ID, "method": {"enum": list(STREAM_METHODS)},
        "params": {"type": "array", "items": {}, "examples": [["btcusdt@trade", "btcusdt@depth@100ms"]]},
    },
}  # fmt: skip
_STREAM_EXAMPLES: Final = [
    {"name": method, "payload": {"id": number, "method": method} | ({"params": params} if params else {})}
    for number, (method, params) in enumerate((
        ("SUBSCRIBE", ["btcusdt@trade", "btcusdt@depth@100ms"]), ("LIST_SUBSCRIPTIONS", []),
        ("UNSUBSCRIBE", ["btcusdt@trade"]), ("SET_PROPERTY", ["combined", True]), ("GET_PROPERTY", ["combined"]),
    ), start=1)
]  # fmt: skip
_STREAM_CHANNELS: Final = {
    "stream": "/ws/{name}",
    "streams": "/ws",
    "combined": "/stream",
}


def asyncapi_document(methods: Iterable[Method], version: str) -> Schema:
    """The document of the given methods and of all public streams."""
    found = [method for method in methods if not method.name.startswith(VERSION)]
    messages = {_key(method.name): _request(method) for method in found}
    answer = {"name": "answer", "payload": _RESPONSE}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Simulated spot exchange: streams and WebSocket API",
            "version": version,
            "description": f"Streams of a symbol, written <symbol>@<stream>: {', '.join(OF_SYMBOL)}. "
            f"Of all symbols: {', '.join(OF_EVERY_SYMBOL)}.",
        },
        "channels": {
            **{name: _stream_channel(address) for name, address in _STREAM_CHANNELS.items()},
            "webSocketApi": {"address": "/ws-api/v3", "messages": {**messages, "answer": answer}},
        },
        "operations": {
            **{f"hear_{name}": _operation("send", name, "event") for name in _STREAM_CHANNELS},
            **{f"manage_{name}": _operation("receive", name, "request", "answer") for name in _STREAM_CHANNELS},
            **{key: _operation("receive", "webSocketApi", key, "answer") for key in messages},
        },
    }


def _key(name: str) -> str:
    return name.replace(".", "_")


def _stream_channel(address: str) -> Schema:
    channel: Schema = {
        "address": address,
        "messages": {
            "request": {"name": "request", "payload": _STREAM_REQUEST, "examples": _STREAM_EXAMPLES},
            "answer": {"name": "answer", "payload": {"type": "object", "properties": {"result": {}, "id": _ID}}},
            "event": {"name": "event", "payload": {"type": "object"}},
        },
    }
    if "{name}" in address:
        examples = ["btcusdt@trade", "btcusdt@kline_1m", "!miniTicker@arr"]
        channel["parameters"] = {"name": {"description": "A stream, or a listenKey", "examples": examples}}
    return channel


def _operation(action: str, channel: str, message: str, answer: str = "") -> Schema:
    at = {"$ref": f"#/channels/{channel}"}
    operation: Schema = {
        "action": action, "channel": at, "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}]
    }  # fmt: skip
    if answer:
        operation["reply"] = {"channel": at, "messages": [{"$ref": f"#/channels/{channel}/messages/{answer}"}]}
    return operation


def _request(method: Method) -> Schema:
    fields = msgspec.structs.fields(method.reader.kind)
    parameters = {field.encode_name: parameter_schema(field.encode_name, field.type) for field in fields}
    params: Schema = {
        "type": "object",
        "properties": parameters | _TAKES_OF[method.credentials],
        "required": [field.encode_name for field in fields if field.required],
    }
    needed = {name: example_of(name, parameters[name]) for name in params["required"]}
    runs = method.credentials is None and None not in needed.values()
    payload = {"id": 1, "method": method.name} | ({"params": needed} if needed else {})
    return {
        "name": method.name,
        **({"examples": [{"name": method.name, "payload": payload}]} if runs else {}),
        "summary": (method.handler.__doc__ or "").strip().partition("\n")[0],
        "x-weight": weight_shown(method.weight),
        "x-unfilled-orders": method.orders,
        "x-permission": None if method.credentials is None else method.permission.name,
        "x-credentials": method.credentials and method.credentials.value,
        "payload": {
            "type": "object",
            "required": ["id", "method"],
            "properties": {"id": _ID, "method": {"const": method.name}, "params": params},
        },
    }
