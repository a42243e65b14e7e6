"""The endpoint tables as an OpenAPI 3.1 document: what is asked how, what it weighs, who may, what can come of it.

The fact a newcomer would get wrong: nothing is written down here about a single endpoint. A row has its parameters in
the type of its request, its sentence in its handler's docstring; only the examples of parameters stand here, by name.
"""

import re
from collections.abc import Iterable, Mapping
from enum import EnumMeta
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from api.answer_schemas import answer_schema
from api.dialects import BARE, SIMULATION, V1, V3, Dialect
from api.parameters import LARGEST_INTEGER
from api.router import Endpoint, Weight
from engine.amounts import LEGAL_DECIMAL

Schema = dict[str, Any]

_PATH_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_AMOUNTS: Final = frozenset(["quantity", "price", "stopPrice", "quoteOrderQty", "icebergQty", "newQty", "amount"])
# What a parameter may look like, for people who try a request and for the test that runs every one of them.
EXAMPLES: Final[Mapping[str, Any]] = {
    "symbol": "BTCUSDT",
    "symbols": '["BTCUSDT","ETHUSDT"]',
    "interval": "1m",
    "limit": 5,
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.001",
    "price": "50000",
}
_WORDS: Final = frozenset(["side", "type", "timeInForce"])
_TAGS: Final = {
    V3.name: "Binance Spot, /api/v3: signed, limited",
    "sapi": "Binance Spot, /sapi/v1: signed, limited",
    V1.name: "The guide's dialect, /api/v1: a key is enough",
    SIMULATION.name: "What is not the exchange, /_sim: the text of the file sim.token",
    BARE.name: "What runs here",
}
_ERROR: Final[Schema] = {
    "type": "object",
    "required": ["code", "msg"],
    "properties": {
        "code": {"type": "integer", "maximum": -1, "description": "Binance's number (errors.md)"},
        "msg": {"type": "string"},
    },
}
_HEADERS: Final[Schema] = {
    "X-MBX-USED-WEIGHT-1M": {
        "description": "What the address has used of REQUEST_WEIGHT", "schema": {"type": "string"}
    },
}  # fmt: skip
_WAITS: Final[Schema] = {
    "Retry-After": {"description": "Seconds until it may be asked again", "schema": {"type": "string"}}
}


def openapi_document(tables: Iterable[Iterable[Endpoint]], dialects: Iterable[Dialect], version: str) -> Schema:
    """The document of all rows; one without a dialect is there for each of `dialects`."""
    served, paths, schemas = tuple(dialects), dict[str, Schema](), {"Error": _ERROR}
    for row in (row for table in tables for row in table):
        for dialect in served if row.dialect is None else (row.dialect,):
            paths.setdefault(dialect.prefix + row.path, {})[row.method.lower()] = _operation(row, dialect, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Simulated spot exchange",
            "version": version,
            "summary": "Binance Spot's REST interface, a simpler dialect, and what tests may do to the exchange",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY"},
                "simToken": {"type": "apiKey", "in": "header", "name": "X-Sim-Token"},
            },
        },
    }


def _operation(row: Endpoint, dialect: Dialect, schemas: dict[str, Schema]) -> Schema:
    is_signed = row.permission is not None and dialect.is_signed and not row.key_is_enough
    operation: Schema = {
        "operationId": _operation_id(row, dialect),
        "summary": row.summary,
        "tags": [dialect.name],
        "parameters": [*_parameters(row), *(_SIGNING if is_signed else ())],
        "responses": _responses(row, dialect, answer_schema(row.answer, schemas)),
    }
    if dialect is SIMULATION:
        operation["security"] = [{"simToken": []}]
    elif row.permission is not None:
        operation["security"] = [{"apiKey": []}]
        operation["x-permission"] = row.permission.name
        operation["x-signed"] = is_signed
    if dialect.is_limited:
        operation["x-weight"] = weight_shown(row.weight)
        operation["x-unfilled-orders"] = row.orders
    if row.websocket and dialect is V3:
        operation["x-websocket-method"] = row.websocket
    return operation


def weight_shown(weight: Weight) -> int | str:
    """A number, or in words what it depends on."""
    return weight if isinstance(weight, int) else (weight.__doc__ or "").strip().partition("\n")[0]


def _operation_id(row: Endpoint, dialect: Dialect) -> str:
    words = [word for word in re.split(r"\W+", row.path) if word]
    return "_".join([dialect.name, row.method.lower(), *words])


def _parameters(row: Endpoint) -> list[Schema]:
    in_path = set(_PATH_PARAMETER.findall(row.path))
    found = []
    for field in msgspec.structs.fields(row.request):
        name = field.encode_name
        schema = parameter_schema(name, field.type)
        parameter: Schema = {
            "name": name, "in": "path" if name in in_path else "query",
            "required": field.required or name in in_path, "schema": schema,
        }  # fmt: skip
        example = example_of(name, schema)
        if example is not None:
            parameter["example"] = example
        found.append(parameter)
    return found


def example_of(name: str, schema: Schema) -> Any:
    """The example of that name, None if it is none here: `type` means other things of a ticker than of an order."""
    example = EXAMPLES.get(name)
    if name in _WORDS:
        return example if example in schema.get("enum", ()) else None
    return example if schema["type"] == ("string" if isinstance(example, str) else "integer") else None


def parameter_schema(name: str, annotation: Any) -> Schema:
    """What a parameter's text may be (api.parameters reads it)."""
    meta = None
    if hasattr(annotation, "__metadata__"):
        annotation, meta = annotation.__origin__, annotation.__metadata__[0]
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = [part for part in get_args(annotation) if part is not NoneType]
        return parameter_schema(name, inner)
    if annotation is int:
        least = int(meta.ge) if meta is not None and meta.ge is not None else 0
        most = int(meta.le) if meta is not None and meta.le is not None else LARGEST_INTEGER
        return {"type": "integer", "minimum": least, "maximum": most}
    if annotation is bool:
        return {"type": "boolean"}
    if isinstance(annotation, EnumMeta):
        members: Iterable[Any] = annotation
        return {"type": "string", "enum": [str(member.value) for member in members]}
    if meta is not None and meta.extra == {"reads": "json"}:
        return {"type": "string", "contentMediaType": "application/json", "minLength": 1}
    if name in _AMOUNTS:
        return {"type": "string", "pattern": LEGAL_DECIMAL}
    return {"type": "string", "minLength": 1}


# rest-api.md, "SIGNED Endpoint security" and "Timing security"
_SIGNING: Final = (
    {
        "name": "timestamp", "in": "query", "required": True,
        "schema": {"type": "integer", "minimum": 0, "maximum": LARGEST_INTEGER},
        "description": "When it was sent, in milliseconds or microseconds",
    },
    {
        "name": "recvWindow", "in": "query", "required": False,
        "schema": {"type": "number", "minimum": 0, "maximum": 60_000},
        "description": "For how many milliseconds it is valid; 5000 where nothing is said",
    },
    {
        "name": "signature", "in": "query", "required": True, "schema": {"type": "string", "minLength": 1},
        "description": "HMAC-SHA256 in hex, or Ed25519 or RSA in base64, over query and body as they are sent",
    },
)  # fmt: skip


def _responses(row: Endpoint, dialect: Dialect, schema: Schema) -> Schema:
    def error(text: str, headers: Schema | None = None) -> Schema:
        body = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        return {"description": text, "content": body} | ({"headers": headers} if headers else {})

    responses: Schema = {"200": {"description": row.summary, "content": {"application/json": {"schema": schema}}}}
    if dialect.is_limited:
        responses["200"]["headers"] = _HEADERS
        responses["418"] = error("The address is banned (-1003)", _HEADERS | _WAITS)
        responses["429"] = error("Too much was asked (-1003), or too many orders placed (-1015)", _HEADERS | _WAITS)
    responses["400"] = error("A parameter that cannot be read, or a refusal; nothing has changed")
    if row.permission is not None or dialect is SIMULATION:
        responses["401"] = error("No key, or one that may not do this")
    responses["4XX"] = error("Refused; nothing has changed")
    responses["5XX"] = error("-1008: nothing has changed, try later; -1007: it may have happened, ask")
    return dict(sorted(responses.items()))
