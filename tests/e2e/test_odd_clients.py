"""Clients that speak HTTP in unusual ways, or not at all, on a real exchange: every answer is true and in JSON."""

import base64
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from qte.exchange import MockExchange

ORDER = b'{"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "20000"}'
HANDSHAKE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"


class Wire:
    """Sends bytes as they are; what comes back as [(status, header text in lower case, body)]."""

    def __init__(self, exchange: MockExchange) -> None:
        self.exchange = exchange
        self.key = exchange.create_user("alice")
        self.address = ("127.0.0.1", int(exchange.rest_url.rpartition(":")[2]))

    def send(self, data: bytes) -> list[tuple[int, str, bytes]]:
        """Until the server hangs up, which the last request has to ask for."""
        with socket.create_connection(self.address, timeout=20) as client:
            client.sendall(data)
            received = b"".join(iter(lambda: client.recv(65536), b""))
        return list(answers_in(received))

    def one(self, line: str, *headers: str, body: bytes = b"") -> tuple[int, str, bytes]:
        """The answer to one request."""
        length = [f"Content-Length: {len(body)}"] if body else []
        head = "\r\n".join([line, "Host: localhost", "Connection: close", *length, *headers, "", ""])
        *before, last = self.send(head.encode("latin-1") + body)
        assert [status for status, _, _ in before] in ([], [100])
        return last

    def open_orders(self) -> int:
        status, _, body = self.one("GET /api/v1/openOrders HTTP/1.1", f"X-API-KEY: {self.key}")
        assert status == 200
        return len(json.loads(body))


def answers_in(received: bytes) -> Iterator[tuple[int, str, bytes]]:
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        text = head.decode("latin-1").lower()
        length = re.search(r"content-length: (\d+)", text)
        size = int(length[1]) if length and received else 0
        yield int(text.split()[1]), text, received[:size]
        received = received[size:]


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        exchange.register_symbol("BTCUSDT", "BTC", "USDT")
        wire = Wire(exchange)
        exchange.deposit("alice", "USDT", 1_000_000)
        yield wire


def refused(answer: tuple[int, str, bytes], status: int, *, is_binance: bool = False) -> str:
    """The text of a refusal in JSON, in the guide's form or in Binance's."""
    assert answer[0] == status, answer
    assert "content-type: application/json" in answer[1]
    body = json.loads(answer[2])
    assert set(body) == ({"code", "msg"} if is_binance else {"code", "msg", "error"})
    assert body["code"] < 0
    return str(body["msg"])


def test_http_1_0_is_answered_and_closed(wire: Wire) -> None:
    ((status, head, body),) = wire.send(b"GET /api/v1/ping HTTP/1.0\r\n\r\n")
    assert (status, json.loads(body)) == (200, {"status": "ok"})
    assert "connection: close" in head


def test_pipelined_requests_are_answered_in_their_order(wire: Wire) -> None:
    host = b"Host: x\r\n"
    depth, last = (
        b"GET /api/v1/depth?symbol=BTCUSDT HTTP/1.1\r\n",
        b"GET /api/v1/nowhere HTTP/1.1\r\nConnection: close\r\n",
    )
    ping = b"GET /api/v1/ping HTTP/1.1\r\n"
    answers = wire.send(b"".join(line + host + b"\r\n" for line in (ping, depth, ping, last)))
    assert [status for status, _, _ in answers] == [200, 200, 200, 404]
    assert json.loads(answers[1][2])["symbol"] == "BTCUSDT"


def test_an_order_that_waits_for_100_continue(wire: Wire) -> None:
    before = wire.open_orders()
    status, _, body = wire.one(
        "POST /api/v1/order HTTP/1.1", f"X-API-KEY: {wire.key}", "Expect: 100-continue", body=ORDER
    )
    assert (status, json.loads(body)["status"]) == (200, "NEW")
    assert wire.open_orders() == before + 1


@pytest.mark.parametrize("path", ["/api/v1/ping", "/api/v1/depth?symbol=BTCUSDT", "/healthz"])
def test_head_is_get_without_its_body(wire: Wire, path: str) -> None:
    status, head, body = wire.one(f"HEAD {path} HTTP/1.1")
    got = wire.one(f"GET {path} HTTP/1.1")
    assert (status, body) == (200, b"")
    assert int(re.findall(r"content-length: (\d+)", head)[0]) == len(got[2]) > 0
    assert wire.one("HEAD /api/v1/nowhere HTTP/1.1")[0] == 404
    assert wire.one("HEAD /api/v1/deposit HTTP/1.1")[0] == 405


def test_options_says_which_methods_there_are(wire: Wire) -> None:
    answer = wire.one("OPTIONS /api/v1/order HTTP/1.1")
    assert "only with DELETE, GET, POST" in refused(answer, 405)
    assert "allow: delete, get, post" in answer[1]


@pytest.mark.parametrize("name", ["x-api-key", "X-Api-Key", "X-MBX-APIKEY", "x-mbx-apikey"])
def test_either_header_in_any_case_carries_the_key(wire: Wire, name: str) -> None:
    assert wire.one("GET /api/v1/account HTTP/1.1", f"{name}: {wire.key}")[0] == 200


def test_of_two_keys_the_guides_header_counts(wire: Wire) -> None:
    line = "GET /api/v1/account HTTP/1.1"
    assert wire.one(line, "X-MBX-APIKEY: nonsense", f"X-API-KEY: {wire.key}")[0] == 200
    refused(wire.one(line, f"X-MBX-APIKEY: {wire.key}", "X-API-KEY: nonsense"), 401)


@pytest.mark.parametrize(
    "change", [str.swapcase, str.upper, lambda key: key[:-1], lambda key: key + "x", lambda _: "\xff"]
)
def test_a_key_that_is_not_quite_right_is_none(wire: Wire, change) -> None:  # type: ignore[no-untyped-def]
    refused(wire.one("GET /api/v1/account HTTP/1.1", f"X-API-KEY: {change(wire.key)}"), 401)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "text/plain", ""])
def test_a_form_is_read_whatever_it_is_called(wire: Wire, content_type: str) -> None:
    body = b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&price=20000"
    headers = [f"X-API-KEY: {wire.key}", *([f"Content-Type: {content_type}"] if content_type else [])]
    status, _, answer = wire.one("POST /api/v1/order HTTP/1.1", *headers, body=body)
    assert (status, json.loads(answer)["status"]) == (200, "NEW")


PATHS = [
    "/nowhere", "/api", "/apis", "//api/v1/ping", "/api/v1", "/api/v1/", "/api/v1/ping/", "/api/v2/ping",
    "/api/v1/../v1/ping", "/api/v1/%00", "/api/v1/%ff", "/API/V1/PING", "/healthz/", "/ws", "/stream", "/_sim",
    "/sapi/v1/x", "/api/v3/x", "/static/nowhere", "/api/v1/" + "a" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:30])
def test_where_nothing_is_json_says_so(wire: Wire, path: str) -> None:
    is_binance = path in ("/sapi/v1/x", "/api/v3/x")
    assert "nothing at" in refused(wire.one(f"GET {path} HTTP/1.1"), 404, is_binance=is_binance)


def test_a_browser_gets_a_page(wire: Wire) -> None:
    status, head, body = wire.one("GET /nowhere HTTP/1.1", "Accept: text/html,*/*")
    assert (status, b"<h1>" in body) == (404, True)
    assert "text/html" in head


NO_REQUESTS = [
    b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 100, b"BREW /api/v1/ping HTTP/1.1\r\n\r\n",
    b"get /api/v1/ping HTTP/1.1\r\n\r\n", b"GET /api/v1/ping HTTP/9.9\r\n\r\n", b"GET /api/v1/\xff HTTP/1.1\r\n\r\n",
    b"GET /api/v1/\x00 HTTP/1.1\r\n\r\n", b"GET /api/v1/ping HTTP/1.1\r\nno colon\r\n\r\n",
    b"POST /api/v1/order HTTP/1.1\r\nContent-Length: abc\r\n\r\n{}",
    b"POST /api/v1/order HTTP/1.1\r\nContent-Length: -5\r\n\r\n{}",
    b"POST /api/v1/order HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    b"POST /api/v1/order HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    b"GET /api/v1/depth?symbol=" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("data", NO_REQUESTS, ids=lambda data: repr(data[:30]))
def test_bytes_that_are_no_request_are_refused_in_json(wire: Wire, data: bytes) -> None:
    (answer,) = wire.send(data)
    assert "Invalid HTTP request" in refused(answer, 400)
    assert "connection: close" in answer[1]


def test_headers_without_an_end_are_refused_before_they_fill_the_memory(wire: Wire) -> None:
    with socket.create_connection(wire.address, timeout=20) as client:
        client.sendall(b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n")
        sent = 0
        with suppress(ConnectionError):  # the refusal may come while we are still at it
            while sent < 64 * 1024 * 1024:
                sent += client.send(b"X-Filler: " + b"x" * 65_000 + b"\r\n")
        assert sent < 32 * 1024 * 1024, "what the buffers in between hold, and no more"
        received = b""
        with suppress(ConnectionError):
            received = client.recv(65_536)
    if received:  # a reset may have overtaken it
        (answer,) = answers_in(received)
        refused(answer, 431)
    assert wire.one("GET /api/v1/ping HTTP/1.1")[0] == 200


def test_a_path_and_headers_of_a_hundred_kilobytes_are_read(wire: Wire) -> None:
    fillers = [f"X-Filler-{number}: {'x' * 1000}" for number in range(50)]
    assert wire.one("GET /api/v1/depth?symbol=BTCUSDT&filler=" + "x" * 50_000 + " HTTP/1.1", *fillers)[0] == 200


def test_garbage_behind_an_order_does_not_take_its_answer(wire: Wire) -> None:
    before = wire.open_orders()
    head = f"POST /api/v1/order HTTP/1.1\r\nHost: x\r\nX-API-KEY: {wire.key}\r\nContent-Length: {len(ORDER)}\r\n\r\n"
    status, _, body = wire.send(head.encode() + ORDER + b"\x00garbage\r\n\r\n")[0]
    assert (status, json.loads(body)["status"]) == (200, "NEW")
    assert wire.open_orders() == before + 1


def test_text_that_is_not_utf_8_is_answered_and_leaves_no_traceback(wire: Wire) -> None:
    port = int(wire.exchange.ws_url.rpartition(":")[2].strip("/"))
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(f"GET /ws HTTP/1.1\r\nHost: x\r\n{HANDSHAKE % key}\r\n".encode())
        shaken = b""
        while b"\r\n\r\n" not in shaken:
            shaken += client.recv(4096)
        for text in (b"\xff\xfe", b'{"method":"ping"}'):
            client.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)  # masked, with zeros
        received = b""
        while b"pong" not in received:
            received += client.recv(65536)
    assert b"in UTF-8" in received
    assert "Traceback" not in (Path(wire.exchange.data_dir) / "exchange.log").read_text()
