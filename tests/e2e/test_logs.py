"""What an exchange that tells everything (DEBUG) has in its log: no key, secret, listenKey, signature or token.

Whatever it prints is read; the demo's key, which the banner shows on purpose, is nobody's here.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.json import decode, encode
from websockets.sync.client import connect

from tests.e2e.processes import Up

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=1000&quantity=0.01"


def asked(socket: Any, **request: Any) -> Any:
    socket.send(encode(request).decode())
    return decode(socket.recv(timeout=10))


@pytest.fixture
def browser() -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients that are closed in the end."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(httpx.Client(**options))


def test_no_secret_stands_in_the_log_of_a_real_run(up, browser) -> None:
    exchange: Up = up("--no-demo", EXCHANGE_LOG_LEVEL="DEBUG").wait_until_open()
    token = (exchange.folder / "sim.token").read_text().strip()
    sim = browser(base_url=f"{exchange.url}/_sim", headers={"X-Sim-Token": token})
    sim.post("/symbols", json={"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT"}).raise_for_status()
    made = sim.post("/users", json={"name": "alice"}).raise_for_status().json()
    api_key, secret = made["apiKey"], made["secret"]
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    other = sim.post("/keys", json={"user": "alice", "publicKey": pem}).raise_for_status().json()["apiKey"]
    hidden = [token, api_key, secret, other]

    def sign(text: str) -> str:
        hidden.append(hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest())
        return hidden[-1]

    api = browser(base_url=exchange.url, headers={"X-MBX-APIKEY": api_key})
    for query in (f"{ORDER}&timestamp={time.time_ns() // 10**6}", f"{ORDER}&timestamp=1", "timestamp=x"):
        api.post(f"/api/v3/order?{query}&signature={sign(query)}")
        api.post("/api/v3/order", content=f"{query}&signature={sign(query)}")
        api.get(f"/nothing?{query}&signature={hidden[-1]}&apiKey={api_key}")
    api.get("/api/v1/account", headers={"X-API-KEY": api_key}).raise_for_status()
    hidden.append(api.post("/api/v3/userDataStream").raise_for_status().json()["listenKey"])
    ws = exchange.url.replace("http", "ws")
    headers = {"X-MBX-APIKEY": api_key, "Cookie": "sessionid=t0ken"}
    for path in (f"/ws/{hidden[-1]}", f"/stream?streams={hidden[-1]}/btcusdt@trade", f"/other/{hidden[-1]}"):
        try:
            with connect(ws + path, additional_headers=headers) as socket:
                asked(socket, method="SUBSCRIBE", params=[hidden[-1]], id=1)
        except Exception:  # the third leads nowhere
            assert "other" in path
    with connect(ws + "/ws") as socket:
        assert asked(socket, method="auth", params={"api_key": api_key}, id=1)["result"] == "success"
    with connect(ws + "/ws-api/v3") as socket:
        params: dict[str, Any] = {"apiKey": api_key, "timestamp": time.time_ns() // 10**6}
        text = f"apiKey={api_key}&timestamp={params['timestamp']}"
        assert asked(socket, id=1, method="account.status", params={**params, "signature": sign(text)})["status"] == 200
        assert asked(socket, id=2, method="session.logon", params={**params, "signature": "x"})["status"] == 400
    login = browser(base_url=exchange.url)
    form = login.get("/admin/login/").text
    csrf = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[0]
    login.post("/admin/login/", data={"csrfmiddlewaretoken": csrf, "username": "admin", "password": "s3cret-pass"})
    hidden += [csrf, "s3cret-pass", "t0ken"]
    exchange.end()
    logs = {exchange.log, *exchange.folder.rglob("*.log")}
    texts = {path.name: path.read_text(errors="replace") for path in logs}
    assert any("connection open" in text for text in texts.values()), "it has told everything"
    for name, text in texts.items():
        for each in hidden:
            assert each not in text, f"{name}: {text[max(0, text.index(each) - 200) : text.index(each)]}"
