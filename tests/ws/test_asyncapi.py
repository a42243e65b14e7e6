"""/asyncapi.json is an AsyncAPI 3.0 document by that specification's own rules, and every example in it runs.

The fact a newcomer would get wrong: no package of PyPI carries the specification's JSON schema, so that what it demands
of the parts that are used here stands below, by the names of its objects.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from accounts.routing import METHODS
from accounts.websocket_api.asyncapi import asyncapi_document
from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.api_client import api_connected, api_url_of
from tests.ws.binance import StreamClient

pytestmark = pytest.mark.django_db(transaction=True)  # history is asked for as well
DOCUMENT: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(asyncapi_document(METHODS.values(), "1.0")))
MEMBERS = {  # of objects: those that have to be there, and those that may
    "root": ({"asyncapi", "info"}, {"id", "servers", "defaultContentType", "channels", "operations", "components"}),
    "info": ({"title", "version"}, {"description", "termsOfService", "contact", "license", "tags", "externalDocs"}),
    "channel": (set(), {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags"}),
    "parameter": (set(), {"enum", "default", "description", "examples", "location"}),
    "operation": ({"action", "channel"}, {"title", "summary", "description", "security", "messages", "reply", "tags"}),
    "reply": (set(), {"address", "channel", "messages"}),
    "message": (set(), {"headers", "payload", "correlationId", "contentType", "name", "title", "summary",
                        "description", "tags", "examples"}),
    "example": (set(), {"headers", "payload", "name", "summary"}),
    "reference": ({"$ref"}, set()),
}  # fmt: skip
WORDS = {"type", "properties", "required", "items", "enum", "const", "oneOf", "pattern", "description", "examples",
         "minimum", "maximum", "minLength", "contentMediaType"}  # fmt: skip
TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}
KEY = re.compile(r"[A-Za-z0-9_\-]+")


def is_a(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    needed, allowed = MEMBERS[kind]
    found = {name for name in value if not name.startswith("x-")}
    assert needed <= found <= needed | allowed, (kind, value)
    return value


def is_schema(schema: dict[str, Any]) -> None:
    assert set(schema) <= WORDS, schema
    assert schema.get("type", "object") in TYPES
    assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()
    re.compile(schema.get("pattern", ""))
    for inner in (*schema.get("properties", {}).values(), *schema.get("oneOf", ())):
        is_schema(inner)
    if "items" in schema:
        is_schema(schema["items"])


def test_the_document_has_its_form() -> None:
    is_a("root", DOCUMENT)
    assert DOCUMENT["asyncapi"] == "3.0.0"
    is_a("info", DOCUMENT["info"])
    for name, channel in DOCUMENT["channels"].items():
        assert KEY.fullmatch(name)
        is_a("channel", channel)
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == channel.get("parameters", {}).keys()
        for parameter in channel.get("parameters", {}).values():
            is_a("parameter", parameter)


def messages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for channel, row in DOCUMENT["channels"].items():
        for name, message in row["messages"].items():
            yield channel, name, message


def test_messages_have_theirs() -> None:
    for _, name, message in messages():
        assert KEY.fullmatch(name)
        is_schema(is_a("message", message)["payload"])
        for example in message.get("examples", ()):
            is_a("example", example)


def test_operations_name_messages_of_their_channel() -> None:
    told = set()
    for name, operation in DOCUMENT["operations"].items():
        assert KEY.fullmatch(name)
        assert is_a("operation", operation)["action"] in ("send", "receive")
        for part in (operation, is_a("reply", operation.get("reply", {"channel": operation["channel"]}))):
            channel = is_a("reference", part["channel"])["$ref"]
            assert channel.removeprefix("#/channels/") in DOCUMENT["channels"]
            for message in part.get("messages", ()):
                before, _, key = is_a("reference", message)["$ref"].rpartition("/")
                assert before == f"{channel}/messages"
                assert key in DOCUMENT["channels"][channel.rpartition("/")[2]]["messages"]
                told.add((channel.rpartition("/")[2], key))
    assert told == {(channel, name) for channel, name, _ in messages()}, "each is sent or received by somebody"


EXAMPLES = [(channel, example["payload"]) for channel, _, row in messages() for example in row.get("examples", ())]


def test_there_are_examples_of_whatever_needs_no_key() -> None:
    of_methods = {payload["method"] for channel, payload in EXAMPLES if channel == "webSocketApi"}
    assert {"ping", "exchangeInfo", "depth", "klines", "ticker.24hr"} <= of_methods
    assert len(of_methods) > 15


@pytest.mark.parametrize(("channel", "address"), [("streams", "/ws"), ("combined", "/stream")])
async def test_the_examples_of_streams_run(ws_url: str, venue: Venue, channel: str, address: str) -> None:
    async with connect(ws_url.removesuffix("/ws") + address) as socket:
        client = StreamClient(socket)
        for payload in (payload for name, payload in EXAMPLES if name == channel):
            answer = await client.raw(msgspec.json.encode(payload).decode())
            assert answer.keys() == {"result", "id"}, (payload, answer)
            assert answer["id"] == payload["id"]


async def test_the_examples_of_methods_run(ws_url: str, venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, Side.SELL, 5_000_000, 100))
    await venue.gateway.place_order(limit(bob, Side.BUY, 5_000_000, 50))
    async with api_connected(api_url_of(ws_url)) as api:
        for payload in (payload for name, payload in EXAMPLES if name == "webSocketApi"):
            answer = await api.answer(payload["method"], payload.get("params"))
            assert answer["status"] == 200 or answer["error"]["code"] in HAS_NO_SUCH, (payload, answer)


HAS_NO_SUCH = (-1102, -2036, -2043)  # one of several optional names; nothing subscribed; no reference price is set
