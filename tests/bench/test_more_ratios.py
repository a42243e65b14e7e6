"""P11 to P13, as small as they go: the load does what it says, and every figure is made of what was measured."""

import itertools
import socket
import threading
from contextlib import closing

import msgspec
import pytest

from benchmarks import replay_rate
from benchmarks.audience import text_frame
from benchmarks.durability import measure_durability
from benchmarks.measure import QUICK, Run
from benchmarks.replay_rate import measure_replay
from benchmarks.report_generator import Listener, Round
from exchange_project.lone_worker import lone_worker


def test_orders_with_the_file_and_without_are_measured_in_every_round() -> None:
    rounds: list[int] = []
    costs = measure_durability(rounds=2, orders=1_100, on_round=lambda: rounds.append(1))
    assert len(rounds) == len(costs.cpu.ratios) == 2
    assert costs.file_bytes > 300, "an order's record alone is that long"


def test_a_recording_and_orders_are_measured_in_every_round() -> None:
    rates = measure_replay(rounds=2, orders=1_100, on_round=lambda: None)
    assert rates.ratios == [played / placed for played, placed in zip(rates.replayed, rates.orders, strict=True)]
    assert min(rates.replayed + rates.orders + rates.replayed_cpu_us + rates.orders_cpu_us) > 0
    assert len(rates.ratios) == 2


def test_what_is_replayed_is_the_recording_of_the_project() -> None:
    assert replay_rate.RECORDING.is_file()


def test_reports_of_another_worker_are_heard() -> None:
    size = msgspec.structs.replace(QUICK, rounds=2, reported_orders=60)
    (outcome,) = Run(size, lone_worker, lambda what, done, steps: None).outcomes(["P12"])
    assert outcome.problem == ""
    assert len(outcome.by_round) == 2
    absolutes = outcome.absolutes
    assert 0 < absolutes["orders_per_second"] <= 520
    assert 0 <= absolutes["report_p50_us"] <= absolutes["report_p99_us"]
    assert 0 < absolutes["ping_p50_us"] <= absolutes["ping_p99_us"]
    assert absolutes["sent_to_report_p99_us"] > 0


@pytest.mark.parametrize("order_id", ["7", "8"])
def test_a_report_is_matched_with_its_answer_by_the_order_s_number(order_id: str) -> None:
    """Three plain servers in a thread: only the report of the order that was answered ends the round."""
    trading, trading_peer = socket.socketpair()
    telling, telling_peer = socket.socketpair()
    redis, redis_peer = socket.socketpair()
    with closing(trading), closing(trading_peer), closing(telling), closing(telling_peer), closing(redis):
        listener = Listener(telling)

        def serve() -> None:
            trading_peer.recv(1_000)
            trading_peer.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"orderId":7}')
            redis_peer.recv(1_000)
            redis_peer.sendall(b"+PONG\r\n")
            telling_peer.sendall(text_frame(f'{{"event":{{"e":"executionReport","i":{order_id}}}}}'))
            telling_peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        measured = Round([trading], listener, redis)
        if order_id == "7":
            found = measured.run(itertools.cycle([b"order"]), 1)
            assert found.whole_way.p99_us >= found.answer.p99_us > 0
        else:
            with pytest.raises(ValueError, match="closed the socket of reports"):
                measured.run(itertools.cycle([b"order"]), 1)
        thread.join()
        redis_peer.close()
