"""The guide's five code blocks, run as they stand there; only the placeholder key is replaced.

They are kept in guide/, letter by letter, and use the guide's own ports: 5000 and 8765 must be free.
"""

import ast
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest

from qte.exchange import MockExchange

BLOCKS = sorted((Path(__file__).parent / "guide").glob("*.py"))
QUICK_START, REST_CLIENT, WEBSOCKET_CLIENT, STRATEGY, BACKTEST = BLOCKS


class Program:
    """A running example whose lines are looked at as they come."""

    def __init__(self, file: Path) -> None:
        command = [sys.executable, "-u", str(file)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line)

    def wait_for(self, *words: str, seconds: float = 15.0) -> str:
        """The next line that has all the words in it."""
        while True:
            try:
                line = self._queue.get(timeout=seconds)
            except Empty:
                pytest.fail(f"no line with {words} came; there were {self.lines}")
            self.lines.append(line)
            if all(word in line for word in words):
                return line

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def running(file: Path) -> Iterator[Program]:
    program = Program(file)
    try:
        yield program
    finally:
        program.close()


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    """What the guide's first block has made, run here, so that the others find its exchange and its user1."""
    names = runpy.run_path(str(QUICK_START))
    yield names
    names["exchange"].stop()


@pytest.fixture
def quick_start(names: dict[str, Any]) -> MockExchange:
    exchange = names["exchange"]
    assert isinstance(exchange, MockExchange)
    return exchange


@pytest.fixture
def with_key(names: dict[str, Any], tmp_path: Path) -> Callable[[Path], Path]:
    def replace(block: Path) -> Path:
        text = block.read_text()
        assert "your_api_key_here" in text
        copy = tmp_path / block.name
        copy.write_text(text.replace("your_api_key_here", names["api_key"]))
        return copy

    return replace


def test_quick_start(quick_start: MockExchange) -> None:
    account = quick_start.get_account("user1")
    assert account is not None
    assert account["name"] == "User One"
    assert {asset: float(balance["free"]) for asset, balance in account["balances"].items()} == {
        "BTC": 1,
        "USDT": 50_000,
    }


def test_quick_start_as_a_script_ends_by_itself() -> None:
    subprocess.run([sys.executable, str(QUICK_START)], check=True, timeout=30)
    exchange = MockExchange()
    exchange.start()  # its ports are free again
    exchange.stop()


def test_rest_client(with_key: Callable[[Path], Path]) -> None:
    output = subprocess.check_output([sys.executable, str(with_key(REST_CLIENT))], text=True, timeout=30)
    account, order = (ast.literal_eval(line) for line in output.splitlines())
    assert account["userId"] == "user1"
    balances = {balance["asset"]: float(balance["free"]) for balance in account["balances"]}
    assert balances == {"BTC": 1, "USDT": 50_000}
    assert (order["status"], order["clientOrderId"]) == ("NEW", "my_order_id_123")
    assert (float(order["price"]), float(order["origQty"])) == (20_000, 0.01)


def test_websocket_client(quick_start: MockExchange, with_key: Callable[[Path], Path]) -> None:
    quick_start.create_user("user2")
    quick_start.deposit("user2", "BTC", 1)
    with running(with_key(WEBSOCKET_CLIENT)) as program:
        assert '"user_id":"user1"' in program.wait_for("认证响应", "success").replace(" ", "")
        program.wait_for("订阅响应", "success", "BTCUSDT@trade", "BTCUSDT@depth")
        program.wait_for("用户订阅响应", "success", "user1@account", "user1@order")
        placed = quick_start.place_order("user1", "BTCUSDT", "BUY", "LIMIT", 0.01, 20_000)
        assert placed is not None
        program.wait_for("user1@order", f"'i': {placed['order_id']}", "'X': 'NEW'")
        assert quick_start.place_order("user2", "BTCUSDT", "SELL", "LIMIT", 0.01, 20_000)
        wanted = {
            "user1@order": "'X': 'FILLED'",
            "user1@account": "'BTC'",
            "BTCUSDT@trade": "'q': '0.01",
            "depth": "'u': ",
        }
        while wanted:
            line = program.wait_for("收到消息")
            wanted = {stream: word for stream, word in wanted.items() if not (stream in line and word in line)}


def test_strategy(quick_start: MockExchange, with_key: Callable[[Path], Path]) -> None:
    quick_start.create_user("user2")
    quick_start.deposit("user2", "BTC", 1)
    with running(with_key(STRATEGY)) as program:
        program.wait_for("WS消息", "BTCUSDT@depth", "success")
        assert quick_start.place_order("user1", "BTCUSDT", "BUY", "LIMIT", 0.01, 20_000)
        program.wait_for("WS消息", "BTCUSDT@depth", "20000.0")
        assert quick_start.place_order("user2", "BTCUSDT", "SELL", "LIMIT", 0.01, 20_000)
        program.wait_for("WS消息", "BTCUSDT@ticker", "'c': '20000.0")
        program.process.send_signal(signal.SIGINT)
        program.wait_for("策略已停止")
        assert program.process.wait(timeout=15) == 0
    assert not [line for line in program.lines if "策略执行错误" in line or "WebSocket错误" in line]


def test_backtest() -> None:
    done = subprocess.run([sys.executable, str(BACKTEST)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with MockExchange():
        pass  # its ports are free again
