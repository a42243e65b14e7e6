"""`EngineManager`: the states it goes through, and what a recording played by it leaves in the exchange."""

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qte.core import EngineManager, ReplayMode
from qte.exchange import MockExchange
from tests.e2e.processes import until

BEGIN_MS = 1_704_067_200_000
SAMPLE = Path(__file__).resolve().parents[2] / "simulation" / "recordings" / "sample_btcusdt.jsonl.gz"


def trade_line(number: int, price: str, time_ms: int, symbol: str = "BTCUSDT") -> str:
    data = {
        "e": "trade", "E": time_ms, "s": symbol, "t": number, "p": price, "q": "0.50000", "T": time_ms, "m": False,
        "M": True,
    }  # fmt: skip
    return f"{time_ms}000000 {json.dumps({'stream': f'{symbol.lower()}@trade', 'data': data})}\n"


def recording(file: Path, *, begin_ms: int = BEGIN_MS, trades: int = 5, every_ms: int = 100) -> Path:
    """A file of trades at 30000, 30001 ..., one every `every_ms`."""
    lines = [trade_line(n, f"{30_000 + n}.00", begin_ms + n * every_ms) for n in range(trades)]
    file.write_bytes(gzip.compress("".join(lines).encode()))
    return file


def prices(exchange: MockExchange, limit: int = 1000) -> list[float]:
    """Of all trades, oldest first."""
    rows = exchange._call("GET", "/api/v1/trades", {"symbol": "BTCUSDT", "limit": limit})
    return [float(row["price"]) for row in rows]


@pytest.fixture
def exchange(shared: MockExchange) -> Iterator[MockExchange]:
    """The module's exchange with an empty market and the clock real."""
    yield shared
    shared.sim("DELETE", "replay")
    shared.sim("POST", "clock", mode="real", clear=True)


@pytest.fixture(scope="module")
def shared() -> Iterator[MockExchange]:
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        exchange.register_symbol("BTCUSDT", "BTC", "USDT")
        yield exchange


@pytest.fixture
def engine(exchange: MockExchange) -> Iterator[EngineManager]:
    engine = EngineManager(exchange)
    yield engine
    engine.stop()


def state(engine: EngineManager) -> str:
    return str(engine.get_status()["state"])


def test_with_nothing_configured_it_starts_idles_and_stops() -> None:
    engine = EngineManager()
    assert state(engine) == "created"
    assert engine.start() is True
    assert engine.start() is False
    assert state(engine) == "running"
    assert engine.wait(timeout=5) is True, "there is nothing to wait for"
    assert engine.pause() is True
    assert engine.pause() is False
    assert engine.resume() is True
    assert engine.resume() is False
    assert engine.stop() is True
    assert state(engine) == "stopped"
    assert engine.stop() is True


def test_a_recording_is_played_into_the_running_exchange_of_the_program(exchange: MockExchange, tmp_path: Path) -> None:
    engine = EngineManager()
    engine.add_data_source(recording(tmp_path / "five.jsonl.gz"))
    assert engine.start() is True
    assert engine.wait(timeout=20) is True
    status = engine.get_status()
    assert (status["state"], status["error"], status["venue"]) == ("finished", None, exchange.venue)
    assert status["progress"] == {"played": 5, "total": 5, "now_ms": BEGIN_MS + 400}
    assert prices(exchange) == [30_000, 30_001, 30_002, 30_003, 30_004]
    assert exchange.sim("GET", "clock")["nowMs"] == BEGIN_MS + 400
    assert engine.stop() is True


def test_sources_are_played_one_after_another(exchange: MockExchange, engine: EngineManager, tmp_path: Path) -> None:
    later = BEGIN_MS + 60_000
    first = recording(tmp_path / "first.gz", trades=2)
    engine.configure(data_sources=[first, recording(tmp_path / "second.gz", begin_ms=later, trades=3)])
    engine.start()
    assert engine.wait(timeout=20) is True
    assert state(engine) == "finished"
    assert exchange.sim("GET", "clock")["nowMs"] == later + 200
    engine.add_data_source(recording(tmp_path / "third.gz", begin_ms=later + 60_000, trades=1))
    assert engine.wait(timeout=20) is True
    assert exchange.sim("GET", "clock")["nowMs"] == later + 60_000, "a source added later is played too"


def test_the_projects_own_recording(exchange: MockExchange, engine: EngineManager) -> None:
    engine.add_data_source(SAMPLE, symbol="BTCUSDT")
    engine.start()
    assert engine.wait(timeout=60) is True
    assert state(engine) == "finished", engine.get_status()
    book = exchange.get_order_book("BTCUSDT")
    assert book is not None
    assert len(book["bids"]) == len(book["asks"]) == 10
    assert len(prices(exchange)) > 100


def test_pause_holds_recorded_time_and_resume_goes_on(engine: EngineManager, tmp_path: Path) -> None:
    engine.add_data_source(recording(tmp_path / "slow.gz", trades=200))
    engine.set_replay_speed(5)
    engine.start()
    until(lambda: engine.get_status()["progress"].get("played", 0) > 2)
    engine.pause()
    until(lambda: engine._exchange is not None and engine._exchange.sim("GET", "replay")["state"] == "paused")
    until(lambda: held(engine, 0.3))
    assert state(engine) == "paused"
    assert engine.wait(timeout=0.05) is False
    engine.resume()
    engine.set_replay_mode(ReplayMode.BACKTEST)
    assert engine.wait(timeout=20) is True
    assert engine.get_status()["progress"]["played"] == 200


def held(engine: EngineManager, seconds: float) -> bool:
    """Whether nothing is played for so long."""
    before, deadline = engine.get_status()["progress"], time.monotonic() + seconds
    while time.monotonic() < deadline:
        if engine.get_status()["progress"] != before:
            return False
        time.sleep(0.02)
    return True


def test_realtime_is_as_slow_as_it_was(engine: EngineManager, tmp_path: Path) -> None:
    engine.add_data_source(recording(tmp_path / "second.gz", trades=11))
    engine.set_replay_mode("REALTIME")
    began = time.monotonic()
    engine.start()
    assert engine.wait(timeout=20) is True
    assert time.monotonic() - began >= 1.0


def test_stop_ends_the_replay_and_start_begins_again(
    exchange: MockExchange, engine: EngineManager, tmp_path: Path
) -> None:
    engine.add_data_source(recording(tmp_path / "long.gz", trades=1000))
    engine.set_replay_mode("realtime")
    engine.start()
    until(lambda: engine.get_status()["progress"].get("played", 0) > 0)
    engine.stop()
    assert state(engine) == "stopped"
    assert exchange.sim("GET", "replay")["state"] == "stopped"
    engine.set_replay_mode("backtest")
    assert engine.start() is True
    assert engine.wait(timeout=20) is True
    assert len(prices(exchange)) == 1000


def test_users_orders_fill_among_the_recorded_ones(
    exchange: MockExchange, engine: EngineManager, tmp_path: Path
) -> None:
    exchange.create_user("alice")
    exchange.deposit("alice", "BTC", 1)
    engine.add_data_source(recording(tmp_path / "six.gz", trades=6, every_ms=1000))
    engine.set_replay_speed(1)
    engine.start()
    until(lambda: len(prices(exchange)) > 0)
    order = exchange.place_order("alice", "BTCUSDT", "SELL", "LIMIT", "0.3", "30003")
    assert order is not None
    engine.set_replay_mode("backtest")
    assert engine.wait(timeout=20) is True
    account = exchange.get_account("alice")
    assert account is not None
    assert account["positions"] == {"BTCUSDT": {"amount": "-0.30000000", "avg_price": "30003.00000000"}}


def test_what_cannot_be_played_fails_with_the_line_and_why(engine: EngineManager, tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text(trade_line(1, "30000.00", BEGIN_MS) + trade_line(2, "30000.001", BEGIN_MS))
    engine.add_data_source(file)
    engine.start()
    assert engine.wait(timeout=20) is True
    status = engine.get_status()
    assert status["state"] == "failed"
    assert "line 2" in status["error"]
    assert "30000.001" in status["error"]


def test_a_recording_older_than_users_trades_needs_clear(
    exchange: MockExchange, engine: EngineManager, tmp_path: Path
) -> None:
    exchange.create_user("alice")
    exchange.deposit("alice", "USDT", 1000)
    assert exchange.place_order("alice", "BTCUSDT", "BUY", "LIMIT", "0.01", "20000")
    file = recording(tmp_path / "old.gz")
    engine.add_data_source(file)
    engine.start()
    assert engine.wait(timeout=20) is True
    assert "alice" in engine.get_status()["error"]
    engine.stop()
    engine.configure(data_sources=[])
    engine.add_data_source(file, clear=True)
    engine.start()
    assert engine.wait(timeout=20) is True
    assert state(engine) == "finished"


def test_an_exchange_that_ends_meanwhile_is_told(tmp_path: Path) -> None:
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        exchange.register_symbol("BTCUSDT", "BTC", "USDT")
        engine = EngineManager(exchange)
        engine.configure(data_sources=[recording(tmp_path / "long.gz", trades=600)], replay_mode="realtime")
        engine.start()
        until(lambda: engine.get_status()["progress"].get("played", 0) > 0)
    assert engine.wait(timeout=20) is True
    assert state(engine) == "failed"
    assert engine.stop() is True


def test_without_an_exchange_it_says_so(tmp_path: Path) -> None:
    engine = EngineManager(MockExchange(rest_port=0, ws_port=0))
    engine.add_data_source(recording(tmp_path / "five.gz"))
    with pytest.raises(RuntimeError, match=r"call exchange\.start\(\) before"):
        engine.start()
    assert state(engine) == "created"


def test_two_exchanges_and_no_choice(exchange: MockExchange, tmp_path: Path) -> None:
    engine = EngineManager()
    engine.add_data_source(recording(tmp_path / "five.gz"))
    with MockExchange(rest_port=0, ws_port=0), pytest.raises(RuntimeError, match="2 exchanges are running"):
        engine.start()


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), True, "fast", None, 1e9])
def test_a_speed_that_is_none_is_refused(speed: Any) -> None:
    engine = EngineManager()
    with pytest.raises(ValueError, match="replay speed must be a number above 0"):
        engine.set_replay_speed(speed)
    assert engine.get_status()["replay_mode"] == "backtest"


def test_other_settings_that_cannot_be() -> None:
    engine = EngineManager()
    with pytest.raises(ValueError, match="none of backtest, realtime, accelerated"):
        engine.set_replay_mode("backwards")
    with pytest.raises(FileNotFoundError, match=r"no recording at .*nowhere\.gz"):
        engine.add_data_source("nowhere.gz")
    engine.start()
    with pytest.raises(RuntimeError, match="not while the engine runs"):
        engine.configure(replay_mode="realtime")
    engine.stop()
    engine.configure(replay_speed=7)
    assert (engine.get_status()["replay_mode"], engine.get_status()["replay_speed"]) == ("accelerated", 7.0)
