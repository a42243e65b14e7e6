"""A replay at full speed and those who listen: sockets of two workers, candles, ticker, and one who reads nothing."""

import asyncio
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from accounts.sockets.consumers import MarketSocket
from api import subscriptions
from api.runtime import Runtime
from engine.venue import Venue
from markets.klines import read_klines
from markets.tickers import ticker_24h
from simulation.tape.recording import read_recording
from simulation.tape.replay import replay
from simulation.tape.stage import prepare
from simulation.tape.synthesis import write_recording
from tests.conftest import BTCUSDT, SPECS
from tests.tape import plain
from tests.tape.conftest import give_tape_accounts
from tests.ws.conftest import Client, connected, serving
from tests.ws.test_clockwork import keeping
from tests.ws.test_feed import rest_of

TICK, LOT = Decimal("0.01"), Decimal("0.00001")
STREAM = "BTCUSDT@trade"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.jsonl.gz"
    write_recording(path, seed=11, seconds=75)
    return path


async def play(venue: Venue, path: Path) -> None:
    await give_tape_accounts(venue)
    found = read_recording(path, SPECS)
    await replay(venue, found, await prepare(venue, found))


async def hear(client: Client, expected: list[plain.Trade]) -> None:
    """Every trade as recorded; several fills of one at a price count as one."""
    number = 0
    for trade in expected:
        left = trade.quantity
        while left > 0:
            number += 1
            data: dict[str, Any] = await client.next(STREAM)
            assert (data["t"], data["T"], Decimal(data["p"]), data["m"]) == (
                number,
                trade.time_ms,
                trade.price,
                trade.m,
            )
            left -= Decimal(data["q"])
        assert left == 0


async def test_sockets_of_two_workers_hear_every_trade_and_candles_and_ticker_are_the_recording_s(
    redis_url: str, venue: Venue, recording: Path, ws_url: str, other_worker: str
) -> None:
    expected = plain.trades_of(plain.read(recording, "BTCUSDT"))
    async with keeping(redis_url, venue), connected(ws_url) as first, connected(other_worker) as second:
        for client in (first, second):
            await client.subscribe(STREAM)
        await asyncio.gather(play(venue, recording), hear(first, expected), hear(second, expected))
        for interval, interval_ms in (("1s", 1_000), ("1m", 60_000), ("1h", 3_600_000)):
            klines = await read_klines(venue, BTCUSDT, interval, start_ms=None, end_ms=None, limit=1_000)
            rows = [
                (kline.open_ms, candle.open_ticks * TICK, candle.high_ticks * TICK, candle.low_ticks * TICK,
                 candle.close_ticks * TICK, candle.lots * LOT)
                for kline in klines if (candle := kline.candle).lots
            ]  # fmt: skip
            assert rows == plain.candles(expected, interval_ms)
        ticker = await ticker_24h(venue, BTCUSDT)
        prices = [trade.price for trade in expected]
        shown = (ticker.open_ticks, ticker.high_ticks, ticker.low_ticks, ticker.last_ticks)
        assert [price * TICK for price in shown] == [prices[0], max(prices), min(prices), prices[-1]]
        assert ticker.lots * LOT == sum(trade.quantity for trade in expected)
        assert ticker.quote_atoms * Decimal("1e-8") == sum(trade.price * trade.quantity for trade in expected)


async def test_a_socket_that_is_not_read_is_waited_for_a_moment_and_cut_and_the_others_hear_everything(
    redis_url: str, venue: Venue, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = plain.trades_of(plain.read(recording, "BTCUSDT"))
    monkeypatch.setattr(MarketSocket, "max_messages", 200)
    monkeypatch.setattr(subscriptions, "PATIENCE_S", 0.5)
    runtime = Runtime(redis_url, venue.name)
    async with serving(runtime, send_buffer=8_192) as url:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        host, port = url.removeprefix("ws://").removesuffix("/ws").split(":")
        narrow.connect((host, int(port)))
        async with connected(url) as healthy, connect(url, sock=narrow, max_queue=1, compression=None) as stalled:
            for client in (healthy, Client(stalled)):
                await client.subscribe(STREAM)
            async with asyncio.timeout(60):
                await asyncio.gather(play(venue, recording), hear(healthy, expected))
            ids = [frame["data"]["t"] for frame in await rest_of(stalled)]
            assert ids == list(range(1, len(ids) + 1))
            assert len(ids) < len(expected)
