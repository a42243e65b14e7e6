"""Every measurement once, as small as it goes: it must run, and its figures must be above zero."""

import socket
import subprocess
import sys
from contextlib import closing

import msgspec
import pytest

from accounts.signatures import HmacVerifier, cut_signature
from api.parameters import read_form
from benchmarks import fan_out
from benchmarks.audience import masked_frame, split_frame, text_frame
from benchmarks.engine_load import measure_memory, measure_script
from benchmarks.fan_out import MISSING, measure_fan_out
from benchmarks.http_generator import is_whole, percentile
from benchmarks.http_load import measure_http
from benchmarks.measure import QUICK, Run
from benchmarks.processes import ROOT, BenchFailed, helper
from benchmarks.signed_orders import PRICES, RECV_WINDOW_MS, Signer
from benchmarks.socket_generator import is_answered
from benchmarks.socket_load import measure_sockets
from exchange_project.lone_worker import lone_worker

TINY = msgspec.structs.replace(QUICK, rounds=1, http_slices=1, frames=2, sockets=5, connections=4)


def test_the_script_against_its_yardstick():
    rounds = []
    rates = measure_script(rounds=2, orders=1_200, on_round=lambda: rounds.append(1))
    assert len(rounds) == len(rates.ratios) == 2
    assert min(rates.script + rates.yardstick) > 0
    assert min(rates.script_cpu_us, rates.yardstick_cpu_us) > 0


def test_the_memory_of_an_order():
    memory = measure_memory(None, orders=1_000)
    assert 100 < memory.by_keys < 2_000
    assert 100 < memory.by_used_memory < 2_000
    assert memory.server.split()[0] in ("Valkey", "Redis")


def test_http_load_and_fan_out_of_one_worker():
    rates = measure_http(lone_worker, rounds=1, slices=1, connections=4, on_round=lambda: None)
    assert rates.rate_ratios[0] > 0
    assert rates.tail_ratios[0] >= 1
    assert min(rates.pings[0].worker_cpu_us, rates.orders[0].worker_cpu_us) > 0
    result = measure_fan_out(lone_worker, rounds=2, frames=2, sockets=5, on_round=lambda: None)
    assert len(result.against_bare) == len(result.against_channels) == 2
    assert min(result.against_bare + result.against_channels) > 0


def test_orders_over_both_ways():
    costs = measure_sockets(lone_worker, rounds=1, slices=1, connections=4, on_round=lambda: None)
    assert costs.ratios[0] > 0
    assert min(costs.posts[0].requests, costs.sockets[0].requests) > 0


def test_what_a_generator_sends_is_signed_and_good_for_a_round():
    signer = Signer("k" * 64, "s" * 64)
    posts, frames = signer.posts(8080), signer.frames()
    for requests in (posts, frames):
        assert len(set(requests)) == len(requests) == PRICES
    body = posts[0].partition(b"\r\n\r\n")[2]
    texts = read_form(body)
    assert b"Content-Length: %d\r\n" % len(body) in posts[0]
    payload, signature = cut_signature(b"", body)
    assert HmacVerifier(b"s" * 64).is_genuine(payload, signature)
    assert int(texts["recvWindow"]) == RECV_WINDOW_MS == 60_000
    params = msgspec.json.decode(frames[0][frames[0].index(b"{") :])["params"]
    signature = params.pop("signature").encode()
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    assert HmacVerifier(b"s" * 64).is_genuine(text.encode(), signature)


def test_without_channels_redis_the_others_are_still_measured(monkeypatch):
    monkeypatch.setattr(fan_out, "find_spec", lambda name: None)
    bare, channels = Run(TINY, lone_worker, lambda what, done, steps: None).outcomes(["P9", "P10"])
    assert bare.value is not None
    assert bare.value > 0
    assert (channels.value, channels.problem) == (None, MISSING)
    assert "channels-redis" in MISSING
    assert "requirements-dev" in MISSING


def test_a_helper_that_fails_says_why_in_its_last_line():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    refused = pytest.raises(BenchFailed, match=r"http_generator gave no answer: ConnectionRefusedError")
    with helper("benchmarks.http_generator", str(port), "1", "1") as process, refused:
        process.ask("key secret")


@pytest.mark.parametrize("module", ["bare_sender", "http_generator", "channels_worker"])
def test_a_helper_ends_with_its_standard_input(module):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        descriptor, port = listener.fileno(), listener.getsockname()[1]
        arguments = {
            "bare_sender": (str(descriptor), "0"),
            "http_generator": (str(port), "1", "1"),
            "channels_worker": (str(descriptor), "unix:///nowhere"),
        }[module]
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[descriptor], cwd=ROOT)
        try:
            process.stdin.close()
            process.wait(20)
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 4_000])
def test_frames_are_read_as_they_are_written(size):
    text = "x" * size
    whole = text_frame(text)
    assert split_frame(whole + b"more") == (1, text.encode(), b"more")
    assert split_frame(whole[:-1]) is None or size == 0
    assert masked_frame(1, text.encode()).endswith(bytes(4) + text.encode())


def test_answers_are_whole_with_their_last_byte():
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    assert is_whole(answer)
    assert not is_whole(answer[:-1])
    assert not is_whole(answer[:20])
    with pytest.raises(ValueError, match="503"):
        is_whole(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}")


def test_an_answer_over_a_socket_is_whole_with_its_last_byte_also_behind_a_ping():
    answer = text_frame('{"id":1,"status":200,"result":{}}')
    ping = b"\x89\x04abcd"
    for frames in (answer, ping + answer, ping + ping + answer):
        assert is_answered(frames)
        assert not is_answered(frames[:-1])
    assert not is_answered(ping)
    with pytest.raises(ValueError, match="400"):
        is_answered(text_frame('{"id":1,"status":400,"error":{}}'))


def test_percentiles_are_values_that_occurred():
    values = [float(number) for number in range(1, 201)]
    assert percentile(values, 50) == 100
    assert percentile(values, 99) == 198
    assert percentile([7.0], 99) == 7
