"""`manage.py up` as a user runs it: processes, signals, refusals, and what a restart finds again."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from engine.connection import open_connection
from engine.instance import DataDirectory
from engine.keys import Keys
from tests.e2e.processes import ROOT, children_of, demo_key, free_port, is_alive, until


def balances(url: str, key: str) -> dict[str, tuple[str, str]]:
    account = httpx.get(f"{url}/api/v1/account", headers={"X-API-KEY": key}).raise_for_status().json()
    return {row["asset"]: (row["free"], row["locked"]) for row in account["balances"]}


def depth_of(url: str) -> tuple[list[list[str]], list[list[str]]]:
    depth = httpx.get(f"{url}/api/v1/depth", params={"symbol": "BTCUSDT", "limit": 50}).json()
    return depth["bids"], depth["asks"]


def symbols_of(url: str) -> list[str]:
    info = httpx.get(f"{url}/api/v1/exchangeInfo")
    return [symbol["symbol"] for symbol in info.json()["symbols"]] if info.status_code == 200 else []


def account_status(url: str, key: str) -> int:
    return httpx.get(f"{url}/api/v1/account", headers={"X-API-KEY": key}).status_code


def test_the_demo_market_trades_and_a_restart_finds_everything_again(up):
    first = up().wait_until_open()
    key = demo_key(first.printed)
    lines = re.findall(r"curl -s (?:-H 'X-API-KEY: (\S+)' )?'?(http[^\s']+)", first.printed)
    assert len(lines) == 2, "what the banner shows to copy must work"
    (docs,) = re.findall(r"Docs +(http\S+),", first.printed)
    assert "swagger-ui" in httpx.get(docs).text
    (secrets,) = re.findall(r"Its secret, .*: (\S+)", first.printed)
    assert json.loads(Path(secrets).read_text())["demo"]["api_key"] == key
    for shown_key, url in lines:
        assert httpx.get(url, headers={"X-API-KEY": shown_key} if shown_key else {}).status_code == 200
    depth = httpx.get(f"{first.url}/api/v1/depth", params={"symbol": "BTCUSDT", "limit": 100}).json()
    assert len(depth["bids"]) >= 20
    assert len(depth["asks"]) >= 20
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "50000"}
    placed = httpx.post(f"{first.url}/api/v1/order", json=order, headers={"X-API-KEY": key}).raise_for_status().json()
    before = balances(first.url, key)
    assert before["USDT"][1].startswith("500")
    token = (first.folder / "sim.token").read_text().strip()
    httpx.post(f"{first.url}/_sim/clock", json={"mode": "virtual"}, headers={"X-Sim-Token": token}).raise_for_status()
    assert first.end(signal.SIGINT) == 0
    assert "The clock stands" not in first.printed

    second = up().wait_until_open()
    assert re.search(r"The clock stands at \d{4}-\d\d-\d\d .* UTC; python3 manage.py clock real", second.printed)
    assert demo_key(second.printed) == key
    assert balances(second.url, key) == before
    (order_again,) = httpx.get(f"{second.url}/api/v1/openOrders", headers={"X-API-KEY": key}).json()
    assert order_again["orderId"] == placed["orderId"]
    depth_again = httpx.get(f"{second.url}/api/v1/depth", params={"symbol": "BTCUSDT", "limit": 100}).json()
    assert [level for level in depth_again["bids"] if level[0] != order_again["price"]] == [
        level for level in depth["bids"] if level[0] != order_again["price"]
    ]


def test_sigterm_ends_every_process_within_five_seconds(up):
    running = up("--no-demo", "--workers", "2").wait_until_open()
    children = children_of(running.process.pid)
    assert len(running.find("run_worker")) == 2
    assert running.find("run_archiver")
    assert running.find("run_clockwork")
    assert len(children) >= 5, "and a Redis"
    before = time.monotonic()
    assert running.end() == 0
    assert time.monotonic() - before < 5
    assert not [command for pid, command in children.items() if is_alive(pid)]


def test_a_data_directory_or_port_in_use_is_refused_in_one_line(up, tmp_path):
    running = up("--no-demo").wait_until_open()
    same_directory = up("--no-demo")
    assert same_directory.process.wait(timeout=20) == 1
    assert len(same_directory.printed.splitlines()) == 1
    assert str(tmp_path / "data") in same_directory.printed
    assert running.url in same_directory.printed
    same_port = up("--no-demo", folder="elsewhere", port=running.port)
    assert same_port.process.wait(timeout=20) == 1
    assert len(same_port.printed.splitlines()) == 1
    assert f":{running.port}" in same_port.printed
    assert not (tmp_path / "elsewhere").exists(), "nothing was started"
    assert running.is_ready()


def test_what_is_killed_comes_back(up):
    running = up("--no-demo").wait_until_open()
    (worker,) = running.find("run_worker")
    os.kill(worker, signal.SIGKILL)
    until(lambda: running.find("run_worker") not in ([], [worker]) and running.is_ready())
    (redis,) = running.find("valkey-server", "redis-server")
    os.kill(redis, signal.SIGKILL)
    until(lambda: running.find("valkey-server", "redis-server") not in ([], [redis]) and running.is_ready())
    assert "web worker 1 was ended by SIGKILL; starting it again in 0.2 s" in running.printed
    assert "Redis died; starting it again" in running.printed


def test_children_do_not_outlive_a_killed_parent(up):
    running = up("--no-demo").wait_until_open()
    children = children_of(running.process.pid)
    running.end(signal.SIGKILL)
    until(lambda: not any(is_alive(pid) for pid in children), 10)
    assert up("--no-demo").wait_until_open().is_ready()


def test_listening_beyond_loopback_needs_saying_so(up):
    plain = up("--host", "0.0.0.0")
    assert plain.process.wait(timeout=20) == 1
    assert "EXCHANGE_ALLOW_UNSIGNED=true" in plain.printed
    assert len(plain.printed.splitlines()) == 1
    without_hosts = up("--host", "0.0.0.0", EXCHANGE_ALLOW_UNSIGNED="true")
    assert without_hosts.process.wait(timeout=20) == 1
    assert "EXCHANGE_ALLOWED_HOSTS" in without_hosts.printed


def test_the_admin_opens_with_the_kept_password_and_its_stylesheet(up, tmp_path):
    running = up("--no-demo", "--ws-port", str(free_port())).wait_until_open()
    file = tmp_path / "data" / "admin_password"
    assert file.stat().st_mode & 0o777 == 0o600
    with httpx.Client(base_url=running.url, follow_redirects=True) as browser:
        page = browser.get("/admin/")
        stylesheet = re.search(r'href="(/static/admin/css/base[^"]*)"', page.text)
        assert stylesheet
        assert "text/css" in browser.get(stylesheet[1]).headers["content-type"]
        form = {
            "username": "admin",
            "password": file.read_text().strip(),
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/",
        }
        inside = browser.post("/admin/login/", data=form)
        assert inside.status_code == 200
        assert "Open orders (live)" in inside.text
    assert httpx.get(f"{running.url}/api/v1/nowhere").json()["code"] == -1000
    assert httpx.get(f"{running.url}/favicon.ico", headers={"Accept": "text/html"}).status_code == 204
    assert "favicon" not in running.printed


def test_runserver_serves_the_same_market_and_leaves_nothing_behind(tmp_path):
    port = free_port()
    command = [sys.executable, str(ROOT / "manage.py"), "runserver", str(port), "--data-dir", str(tmp_path / "data")]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, "EXCHANGE_NO_BOOTSTRAP": "1"}
        )

    def answer(path: str) -> httpx.Response | None:
        assert process.poll() is None, (tmp_path / "log").read_text()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5)
        return None

    try:
        until(lambda: (found := answer("/healthz")) is not None and found.status_code == 200, 40)
        depth = answer("/api/v1/depth?symbol=BTCUSDT&limit=50").json()
        assert len(depth["bids"]) == len(depth["asks"]) == 20
        children = children_of(process.pid)
        assert any("run_archiver" in command for command in children.values())
        before = time.monotonic()
        process.terminate()
        process.wait(timeout=20)
        assert time.monotonic() - before < 5
        assert not [command for pid, command in children.items() if is_alive(pid)]
    finally:
        process.kill()
        process.wait()


def test_a_redis_that_forgets_everything_is_told_again_who_may_trade_what(up, tmp_path):
    running = up(EXCHANGE_DURABILITY="ci").wait_until_open()
    key = demo_key(running.printed)
    first_balances, first_book = balances(running.url, key), depth_of(running.url)
    assert first_balances["USDT"] == ("1000000.00000000", "0.00000000")
    symbols = symbols_of(running.url)
    assert "BTCUSDT" in symbols
    (redis,) = running.find("valkey-server", "redis-server")
    os.kill(redis, signal.SIGKILL)
    until(lambda: "it forgot all balances, orders and trades (durability ci)" in running.printed)
    assert "symbols, users, API keys and a new demo market are there" in running.printed
    until(lambda: account_status(running.url, key) == 200 and symbols_of(running.url) == symbols)
    assert (balances(running.url, key), depth_of(running.url)) == (first_balances, first_book)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "50000"}
    placed = httpx.post(f"{running.url}/api/v1/order", json=order, headers={"X-API-KEY": key})
    assert placed.raise_for_status().json()["status"] == "NEW"


def test_foreign_pages_and_too_many_sockets_are_refused_before_the_handshake(up):
    running = up("--bare", EXCHANGE_SOCKETS_PER_ADDRESS="2").wait_until_open()
    url = f"ws://127.0.0.1:{running.port}/ws"
    with connect(url), connect(url, origin=running.url):
        for status, options in ((503, {}), (403, {"origin": "https://evil.example"})):
            with pytest.raises(InvalidStatus) as refused:
                connect(url, **options)
            assert refused.value.response.status_code == status


def test_a_data_directory_of_another_version_is_refused_in_one_line(up):
    first = up("--no-demo").wait_until_open()
    running = DataDirectory(first.folder).running()
    assert running is not None

    async def make_older() -> None:
        connection = open_connection(running.redis_url)
        await connection.command("HDEL", Keys("main").meta, "layout")
        await connection.close()

    asyncio.run(make_older())
    assert first.end() == 0
    with contextlib.closing(sqlite3.connect(first.folder / "db.sqlite3")) as database, database:
        database.execute("UPDATE django_migrations SET name = '0000_older' WHERE app = 'archive'")
    again = up("--no-demo")
    assert again.process.wait(timeout=40) == 1  # before the database, which the other version can use still, is changed
    assert len(again.printed.strip().splitlines()) == 1, again.printed
    said = again.printed
    assert "of another version of the exchange (layout 1, this one has" in said
    assert "--data-dir" in said
