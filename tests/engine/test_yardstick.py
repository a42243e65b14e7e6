"""The yardstick of P1 must make the redis.calls of a resting order, all of them, in order, with the same words."""

import asyncio
import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import redis

from benchmarks.engine_load import (
    LEVELS,
    YARDSTICK,
    Pipe,
    Word,
    load_function,
    open_market,
    pack,
    read_counters,
    script_words,
    yardstick_words,
)
from engine.embedded import EmbeddedServer

ORDERS = LEVELS + 2  # the last ones come to levels where an order of the load rests already


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """One of its own: MONITOR shows whatever anybody asks."""
    with EmbeddedServer(tmp_path / "redis", durability="ci") as server:
        yield server


def calls_of(server: EmbeddedServer, venue_name: str, words: Iterator[tuple[Word, ...]]) -> list[str]:
    """What the scripts called for ORDERS orders, times and venue left out."""
    with redis.Redis(unix_socket_path=str(server.socket_path)) as client, client.monitor() as monitor:
        pipe = Pipe(server.socket_path)
        pipe.run(pack(words, ORDERS))
        pipe.close()
        client.echo("the end")
        calls = []
        while (call := monitor.next_command())["command"] != "ECHO the end":
            if call["client_type"] == "lua":
                calls.append(re.sub(r"\b1\d{12}\b", "<ms>", call["command"].replace("{" + venue_name + "}", "{v}")))
    return calls


def test_the_yardstick_makes_the_calls_of_a_resting_order(server: EmbeddedServer) -> None:
    for name in ("script", "yardstick"):
        asyncio.run(open_market(server.url, name))
    with redis.Redis(unix_socket_path=str(server.socket_path)) as client:
        function = load_function(client, "place_order")
        yardstick_sha = client.script_load(YARDSTICK.read_text())
        start = read_counters(client, "yardstick")
    now_ms = time.time_ns() // 1_000_000
    real = calls_of(server, "script", script_words(function, "script"))
    bare = calls_of(server, "yardstick", yardstick_words(yardstick_sha, "yardstick", start, now_ms))
    assert len(real) > 10 * ORDERS
    for number, (expected, made) in enumerate(zip(real, bare, strict=False)):
        assert made == expected, f"call {number}"
    assert len(bare) == len(real)


def test_the_load_does_not_run_dry() -> None:
    frames = list(islice(script_words("place_order", "v"), 3))
    assert len({frame[-2] for frame in frames}) == 3, "every order has a client id of its own"
    assert {len(str(frame[-2])) for frame in frames} == {22}
