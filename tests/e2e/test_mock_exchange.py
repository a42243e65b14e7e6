"""`MockExchange` as a user's program has it: what its calls return, and what is left when it ends, or is ended."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from qte.errors import ExchangeStartError, ExchangeUnavailable, Refused
from qte.exchange import MockExchange, running_exchanges
from tests.e2e.processes import until


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def ports_of(exchange: MockExchange) -> list[int]:
    return [int(url.rpartition(":")[2]) for url in (exchange.rest_url, exchange.ws_url)]


def processes_in(folder: Path | str) -> list[int]:
    """Living processes that name the folder in their environment or command."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


@pytest.fixture(scope="module")
def exchange() -> Iterator[MockExchange]:
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        exchange.register_symbol("BTCUSDT", "BTC", "USDT")
        exchange.register_symbol("ETHUSDT", "ETH", "USDT", tick_size="0.01", lot_size=0.0001, min_notional=5)
        yield exchange


@pytest.fixture
def alice(exchange: MockExchange, request: pytest.FixtureRequest) -> str:
    """A user of the test's own with 1 BTC and 50,000 USDT."""
    return funded(exchange, f"alice-{abs(hash(request.node.nodeid)) % 10**9}")


@pytest.fixture
def bob(exchange: MockExchange, request: pytest.FixtureRequest) -> str:
    return funded(exchange, f"bob-{abs(hash(request.node.nodeid)) % 10**9}")


def funded(exchange: MockExchange, user_id: str) -> str:
    exchange.create_user(user_id)
    assert exchange.deposit(user_id, "BTC", 1)
    assert exchange.deposit(user_id, "USDT", 50_000)
    return user_id


def free(exchange: MockExchange, user_id: str, asset: str) -> Decimal:
    account = exchange.get_account(user_id)
    assert account is not None
    return Decimal(account["balances"][asset]["free"])


def test_answers_on_both_ports_before_start_returns() -> None:
    exchange = MockExchange(rest_port=0, ws_port=0)
    assert exchange.start() is True
    try:
        assert exchange.start() is True, "starting what runs is harmless"
        for port in ports_of(exchange):
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                pass
    finally:
        assert exchange.stop() is True
    assert exchange.stop() is True, "stopping what has stopped is harmless"
    assert all(is_free(port) for port in ports_of(exchange))


def test_its_limits_are_those_of_up(exchange: MockExchange) -> None:
    """A strategy that asks too much hears of it here, and not first at Binance."""
    answer = httpx.get(f"{exchange.rest_url}/api/v3/exchangeInfo?symbol=BTCUSDT")
    limits = {(row["rateLimitType"], row["interval"]): row["limit"] for row in answer.json()["rateLimits"]}
    assert limits == {
        ("REQUEST_WEIGHT", "MINUTE"): 6_000, ("RAW_REQUESTS", "MINUTE"): 61_000, ("ORDERS", "SECOND"): 100,
        ("ORDERS", "DAY"): 200_000,
    }  # fmt: skip
    assert int(answer.headers["x-mbx-used-weight-1m"]) >= 20


def test_what_the_programs_environment_says_of_binances_rules_holds(
    exchange: MockExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_RATE_LIMITS", "false")
    monkeypatch.setenv("EXCHANGE_LISTEN_KEYS", "false")
    with MockExchange(rest_port=0, ws_port=0) as other:
        other.register_symbol("BTCUSDT", "BTC", "USDT")
        assert "x-mbx-used-weight-1m" not in httpx.get(f"{other.rest_url}/api/v3/ping").headers
        token = (other.data_dir / "sim.token").read_text().strip()
        told = httpx.get(f"{other.rest_url}/_sim/listenKeys", headers={"X-Sim-Token": token})
        assert told.json() == {"served": False}


def test_nothing_is_left_after_stop() -> None:
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        folder = exchange.data_dir
        assert (folder / "sim.token").exists()
        assert processes_in(folder)
    assert not folder.exists()
    assert processes_in(folder) == []
    assert exchange not in running_exchanges()
    with pytest.raises(ExchangeUnavailable, match=r"call start\(\) first"):
        exchange.create_user("alice")


def test_a_taken_port_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for ports, name in (
            ({"rest_port": port, "ws_port": 0}, "rest_port"),
            ({"rest_port": 0, "ws_port": port}, "ws_port"),
        ):
            began = time.monotonic()
            with pytest.raises(ExchangeStartError, match=rf"localhost:{port} .*choose another {name}"):
                MockExchange(**ports).start()
            assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("port", [-1, 65_536, "5000", True, None])
def test_a_port_that_is_none_is_told(port: object) -> None:
    with pytest.raises(ExchangeStartError, match="rest_port must be"):
        MockExchange(rest_port=port).start()  # type: ignore[arg-type]


def test_what_the_child_complained_of_is_in_the_error() -> None:
    with pytest.raises(ExchangeStartError, match="EXCHANGE_ALLOW_UNSIGNED"):
        MockExchange(rest_host="0.0.0.0", rest_port=0, ws_port=0).start()


def test_a_data_directory_in_use_is_told(tmp_path: Path) -> None:
    second = MockExchange(rest_port=0, ws_port=0, data_dir=tmp_path / "data")
    with MockExchange(rest_port=0, ws_port=0, data_dir=tmp_path / "data") as first:
        with pytest.raises(ExchangeStartError, match="in use"):
            second.start()
        assert first.create_user("alice"), "and nobody was disturbed"


def test_state_outlives_a_restart_in_a_data_directory(tmp_path: Path) -> None:
    with MockExchange(rest_port=0, ws_port=0, data_dir=tmp_path / "data") as first:
        assert first.register_symbol("BTCUSDT", "BTC", "USDT")
        alice = funded(first, "alice")
        order = first.place_order(alice, "BTCUSDT", "BUY", "LIMIT", "0.01", "20000")
        assert order is not None
        before, venue = first.get_account(alice), first.venue
    with MockExchange(rest_port=0, ws_port=0, data_dir=tmp_path / "data") as again:
        assert again.venue == venue
        assert again.register_symbol("BTCUSDT", "BTC", "USDT") is False
        assert again.get_account("alice") == before
        assert again.cancel_order("alice", "BTCUSDT", order["order_id"]) is True
        assert free(again, "alice", "USDT") == 50_000
    assert (tmp_path / "data" / "venue").read_text().strip() == venue


def test_two_exchanges_are_two_markets(exchange: MockExchange, alice: str) -> None:
    with MockExchange(rest_port=0, ws_port=0) as other:
        assert other.venue != exchange.venue
        assert not set(ports_of(other)) & set(ports_of(exchange))
        assert other.register_symbol("BTCUSDT", "BTC", "USDT") is True
        assert other.get_account(alice) is None
        funded(other, "zoe")
        assert other.place_order("zoe", "BTCUSDT", "BUY", "LIMIT", 1, 1000)
        assert other.get_order_book("BTCUSDT")["bids"] == [["1000.00000000", "1.00000000"]]  # type: ignore[index]
        assert ["1000.00000000", "1.00000000"] not in exchange.get_order_book("BTCUSDT")["bids"]  # type: ignore[index]


PROGRAM = """
import sys, time
from qte.exchange import MockExchange
exchange = MockExchange(rest_port=0, ws_port=0)
exchange.start()
print(exchange.data_dir, exchange.rest_url.rpartition(":")[2], exchange.ws_url.rpartition(":")[2], flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_the_exchange_ends_with_its_program(how: signal.Signals | None) -> None:
    code = PROGRAM + ("time.sleep(60)" if how else "")
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert program.stdout is not None
        folder, *ports = program.stdout.readline().split()
        assert len(ports) == 2
        if how:
            assert processes_in(folder)
            program.send_signal(how)
        program.wait(timeout=15)
        until(lambda: processes_in(folder) == [])
        assert not Path(folder).exists()
        assert all(is_free(int(port)) for port in ports)
    finally:
        program.kill()
        program.communicate()


def test_a_fork_of_the_program_does_not_end_its_exchange(exchange: MockExchange) -> None:
    child = os.fork()
    if child == 0:
        exchange.stop()
        os._exit(0)
    os.waitpid(child, 0)
    assert exchange.is_running
    assert exchange.get_order_book("BTCUSDT") is not None


def test_the_programs_own_settings_do_not_reach_the_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "REDIS_URL": "redis://127.0.0.1:1",
        "DATABASE_URL": "sqlite:////nowhere/at/all",
        "DJANGO_SETTINGS_MODULE": "somebody.elses",
        "EXCHANGE_PORT": "not a port",
        "EXCHANGE_VENUE": "main",
    }.items():
        monkeypatch.setenv(name, value)
    with MockExchange(rest_port=0, ws_port=0) as exchange:
        assert exchange.venue != "main"
        assert exchange.create_user("alice")


def test_when_the_exchange_dies_calls_say_so() -> None:
    exchange = MockExchange(rest_port=0, ws_port=0)
    exchange.start()
    (leader,) = [pid for pid in processes_in(exchange.data_dir) if "--bare" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(leader, signal.SIGTERM)
    until(lambda: not exchange.is_running)
    with pytest.raises(ExchangeUnavailable):
        exchange.create_user("alice")
    assert exchange.start() is True, "and it can be started again"
    exchange.stop()


def test_register_symbol(exchange: MockExchange) -> None:
    assert exchange.register_symbol("SOLUSDT", "SOL", "USDT", tick_size=0.001, taker_fee="0.002") is True
    assert exchange.register_symbol("SOLUSDT", "SOL", "USDT") is False
    rules = {row["symbol"]: row for row in exchange.sim("GET", "symbols")["symbols"]}["SOLUSDT"]
    assert (rules["tickSize"], rules["takerFee"], rules["makerFee"]) == ("0.00100000", "0.00200000", "0.00100000")


def test_register_symbol_with_rules_that_cannot_be(exchange: MockExchange) -> None:
    with pytest.raises(TypeError, match="knows no rule 'ticksize'"):
        exchange.register_symbol("ADAUSDT", "ADA", "USDT", ticksize="0.1")
    for rules in ({"tick_size": 0}, {"lot_size": "abc"}, {"min_notional": -1}, {"tick_size": True}):
        with pytest.raises(Refused):
            exchange.register_symbol("ADAUSDT", "ADA", "USDT", **rules)
    with pytest.raises(Refused):
        exchange.register_symbol("ada@usdt", "ADA", "USDT")
    assert "ADAUSDT" not in [row["symbol"] for row in exchange.sim("GET", "symbols")["symbols"]]


def test_create_user_again_gives_one_more_key(exchange: MockExchange) -> None:
    first, second = exchange.create_user("carol", "Carol C."), exchange.create_user("carol")
    assert first != second
    account = exchange.get_account("carol")
    assert account is not None
    assert (account["userId"], account["name"], account["positions"]) == ("carol", "Carol C.", {})
    pair = exchange.create_api_key("carol")
    assert pair.api_key not in (first, second)
    assert pair.secret
    assert pair.secret not in repr(pair)


@pytest.mark.parametrize("name", ["", "a@b", "a|b", "BTCUSDT", "x" * 500, "new\nline", "#fees"])
def test_create_user_refuses_names_that_cannot_be(exchange: MockExchange, name: str) -> None:
    with pytest.raises(Refused):
        exchange.create_user(name)


@pytest.mark.parametrize(
    ("amount", "credited"),
    [("0.5", "0.5"), (Decimal("1E-8"), "1e-8"), (3, "3"), (0.1, "0.1"), (1e-05, "0.00001"), ("1e-05", "0.00001")],
)
def test_deposit_and_withdraw_are_exact(exchange: MockExchange, alice: str, amount: object, credited: str) -> None:
    assert exchange.deposit(alice, "BTC", amount) is True  # type: ignore[arg-type]
    assert free(exchange, alice, "BTC") == 1 + Decimal(credited)
    assert exchange.withdraw(alice, "BTC", amount) is True  # type: ignore[arg-type]
    assert free(exchange, alice, "BTC") == 1


@pytest.mark.parametrize(
    "amount",
    [0, -1, "-1", "", "abc", "0x10", " 1", "1,5", "nan", float("nan"), float("inf"), True, None, [1], "1e30", "1e-9",
     Decimal("NaN"), 10**30, b"1"],
)  # fmt: skip
def test_a_bad_amount_is_false_and_changes_nothing(exchange: MockExchange, alice: str, amount: object) -> None:
    before = exchange.sim("GET", "info")["clock"]["seq"]
    assert exchange.deposit(alice, "BTC", amount) is False  # type: ignore[arg-type]
    assert exchange.withdraw(alice, "BTC", amount) is False  # type: ignore[arg-type]
    assert exchange.last_refusal is not None
    assert exchange.sim("GET", "info")["clock"]["seq"] == before


def test_deposits_that_cannot_be(exchange: MockExchange, alice: str) -> None:
    assert exchange.deposit("nobody", "BTC", 1) is False
    assert exchange.deposit(alice, "DOGE", 1) is False
    assert exchange.withdraw("nobody", "BTC", 1) is False
    assert exchange.withdraw(alice, "BTC", "1.00000001") is False
    assert free(exchange, alice, "BTC") == 1


def test_an_order_rests_matches_and_is_cancelled(exchange: MockExchange, alice: str, bob: str) -> None:
    resting = exchange.place_order(alice, "BTCUSDT", "SELL", "LIMIT", 0.5, 30_000, client_order_id="mine")
    assert resting is not None
    assert resting | {"order_id": 0} == {
        "order_id": 0, "client_order_id": "mine", "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT",
        "price": "30000.00000000", "quantity": "0.50000000", "filled_quantity": "0.00000000",
        "remaining_quantity": "0.50000000", "status": "NEW", "trades": [],
    }  # fmt: skip
    taking = exchange.place_order(bob, "BTCUSDT", "BUY", "MARKET", "0.2")
    assert taking is not None
    (trade,) = taking["trades"]
    assert (taking["status"], trade["price"], trade["quantity"]) == ("FILLED", "30000.00000000", "0.20000000")
    assert isinstance(trade["trade_id"], int)
    assert abs(trade["time"] - time.time() * 1000) < 60_000

    account = exchange.get_account(bob)
    assert account is not None
    assert account["balances"]["BTC"] == {"free": "1.19980000", "locked": "0.00000000", "total": "1.19980000"}
    assert account["positions"] == {"BTCUSDT": {"amount": "0.20000000", "avg_price": "30000.00000000"}}
    account = exchange.get_account(alice)
    assert account is not None
    assert account["balances"]["BTC"] == {"free": "0.50000000", "locked": "0.30000000", "total": "0.80000000"}
    assert account["positions"] == {"BTCUSDT": {"amount": "-0.20000000", "avg_price": "30000.00000000"}}

    book = exchange.get_order_book("BTCUSDT")
    assert book is not None
    assert book["asks"][0] == ["30000.00000000", "0.30000000"]
    assert abs(book["timestamp"] - time.time() * 1000) < 60_000
    assert exchange.cancel_order(bob, "BTCUSDT", resting["order_id"]) is False, "not his"
    assert exchange.cancel_order(alice, "BTCUSDT", resting["order_id"]) is True
    assert exchange.cancel_order(alice, "BTCUSDT", resting["order_id"]) is False, "cancelled already"


def test_positions_go_on_from_call_to_call(exchange: MockExchange, alice: str, bob: str) -> None:
    for price, amount, average in (("1000", "0.10000000", "1000.00000000"), ("2000", "0.20000000", "1500.00000000")):
        assert exchange.place_order(alice, "BTCUSDT", "SELL", "LIMIT", "0.1", price)
        assert exchange.place_order(bob, "BTCUSDT", "BUY", "LIMIT", "0.1", price)
        account = exchange.get_account(bob)
        assert account is not None
        assert account["positions"] == {"BTCUSDT": {"amount": amount, "avg_price": average}}
    assert exchange.place_order(bob, "BTCUSDT", "SELL", "LIMIT", "0.2", "2000")
    assert exchange.place_order(alice, "BTCUSDT", "BUY", "LIMIT", "0.2", "2000")
    account = exchange.get_account(bob)
    assert account is not None
    assert account["positions"] == {}


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (("BTCUSDT", "BUY", "LIMIT", 100, 100_000), -2010),
        (("BTCUSDT", "BUY", "LIMIT", 0, 20_000), -1013),
        (("BTCUSDT", "BUY", "LIMIT", "0.01", None), -1102),
        (("BTCUSDT", "BUY", "LIMIT", "0.01", "20000.001"), -1013),
        (("BTCUSDT", "BUY", "LIMIT", True, 20_000), -1102),
        (("BTCUSDT", "BUY", "LIMIT", "0.01", float("nan")), -1102),
        (("BTCUSDT", "HOLD", "LIMIT", "0.01", 20_000), -1117),
        (("BTCUSDT", "BUY", "HOPE", "0.01", 20_000), -1116),
        (("NOSUCH", "BUY", "LIMIT", "0.01", 20_000), -1121),
    ],
)
def test_a_refused_order_is_none(exchange: MockExchange, alice: str, order: tuple[str, ...], code: int) -> None:
    before = exchange.sim("GET", "info")["clock"]["seq"]
    assert exchange.place_order(alice, *order) is None
    assert exchange.last_refusal is not None
    assert exchange.last_refusal.code == code
    assert exchange.sim("GET", "info")["clock"]["seq"] == before


def test_unknown_users_and_symbols(exchange: MockExchange) -> None:
    assert exchange.place_order("nobody", "BTCUSDT", "BUY", "LIMIT", "0.01", 20_000) is None
    assert exchange.cancel_order("nobody", "BTCUSDT", 1) is False
    assert exchange.get_account("nobody") is None
    assert exchange.get_order_book("NOSUCH") is None


def test_order_book_depth_is_what_was_asked_for(exchange: MockExchange, alice: str) -> None:
    for price in range(2_000, 2_012):
        assert exchange.place_order(alice, "ETHUSDT", "BUY", "LIMIT", "0.01", price)
    assert len(exchange.get_order_book("ETHUSDT")["bids"]) == 10  # type: ignore[index]
    book = exchange.get_order_book("ETHUSDT", depth=3)
    assert book is not None
    assert book["bids"] == [[f"{price}.00000000", "0.01000000"] for price in (2_011, 2_010, 2_009)]
    assert (book["symbol"], book["asks"]) == ("ETHUSDT", [])
