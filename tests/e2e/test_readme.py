"""README.md's quick start and its Python block, and the recorder of simulation/recordings, copied and pasted."""

import json
import os
import re
import signal
import subprocess
import sys
from typing import Any

import httpx

from simulation.tape.synthesis import write_recording
from tests.e2e.processes import ROOT, Up, demo_key, until


def blocks(language: str, page: str = "README.md") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def answers(text: str) -> list[Any]:
    """JSON values that stand one behind the other."""
    found = []
    while text := text.lstrip():
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def test_the_quick_start_works_by_copy_and_paste(up):
    running = up().wait_until_open()
    (lines,) = blocks("sh")
    pasted = lines.replace("the-key-that-up-printed", demo_key(running.printed))
    pasted = pasted.replace("http://127.0.0.1:8000", running.url)
    done = subprocess.run(["bash", "-e"], input=pasted, capture_output=True, text=True, timeout=30, check=True)
    depth, account, order, open_orders = answers(done.stdout)
    assert depth["bids"]
    assert account["balances"]
    assert order["status"] == "NEW"
    assert [each["orderId"] for each in open_orders] == [order["orderId"]]


def test_the_python_block_trades_from_another_directory(tmp_path):
    (program,) = blocks("python")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines() == ["SELL NEW", "BUY FILLED"], done.stderr


def manage(running: Up, *words: str) -> str:
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    environment = {**os.environ, "EXCHANGE_NO_BOOTSTRAP": "1", "EXCHANGE_DATA_DIR": str(running.folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout


def what_was_seen(url: str) -> tuple[list[Any], list[tuple[str, ...]]]:
    """The book, and the trades without their ids."""
    depth = httpx.get(f"{url}/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5000}).json()
    trades = httpx.get(f"{url}/api/v3/trades", params={"symbol": "BTCUSDT", "limit": 1000}).json()
    return [depth["bids"], depth["asks"]], [(each["price"], each["qty"], each["time"]) for each in trades]


def test_what_the_recorder_writes_comes_out_again(up, tmp_path):
    """It records this exchange while that plays a recording, and plays its own file then."""
    running = up("--no-demo").wait_until_open()
    played = tmp_path / "played.jsonl.gz"
    write_recording(played, seed=3, seconds=5)
    (program,) = blocks("python", "simulation/recordings/README.md")
    program = program.replace("wss://stream.binance.com:9443", f"ws://127.0.0.1:{running.port}")
    program = program.replace("https://api.binance.com", running.url)
    mine = tmp_path / "mine.jsonl"
    recorder = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        until(mine.exists)
        manage(running, "replay", str(played), "--speed", "4")
        seen = what_was_seen(running.url)
        until(lambda: mine.read_text().count('btcusdt@trade"') == len(seen[1]))
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.wait(timeout=20)
    assert "lastUpdateId" in mine.read_text()
    said = manage(running, "replay", str(mine), "--speed", "max")
    assert f"and {len(seen[1])} trades" in said
    assert what_was_seen(running.url) == seen
