"""A recording as fast as it goes (P13): level changes and trades a second, against resting orders a second of P1.

The recording is the made-up one that comes with the project: two minutes of BTCUSDT. The fact a newcomer would get
wrong: it is played by the very code of `manage.py replay`, whose process writes every command in between two replies,
while the orders were written beforehand. Both are rates by the clock on the wall, so both need an idle machine.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.engine_load import SLICE_ORDERS, load_function, open_market, pack, script_words
from benchmarks.order_costs import Server, own_server
from benchmarks.processes import BenchFailed
from engine.commands import Transfer
from engine.types import TAPE_MAKER, TAPE_TAKER, SymbolSpec
from engine.venue import opened
from simulation.tape.recording import DEEP_POCKETS_ATOMS, read_recording
from simulation.tape.replay import ReplaySummary, replay
from simulation.tape.stage import Stage

RECORDING: Final = Path(__file__).resolve().parent.parent / "simulation/recordings/sample_btcusdt.jsonl.gz"
SPEC: Final = SymbolSpec(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_units=1_000_000, lot_units=1_000, max_price_ticks=100_000_000,
    max_lots=900_000_000, min_notional_atoms=500_000_000,
)  # fmt: skip
ACCOUNTS: Final = ((1, TAPE_MAKER), (2, TAPE_TAKER))


class ReplayRates(NamedTuple):
    """By round: level changes and trades a second, and resting orders a second; CPU microseconds of Redis for each."""

    replayed: list[float]
    orders: list[float]
    replayed_cpu_us: list[float]
    orders_cpu_us: list[float]

    @property
    def ratios(self) -> list[float]:
        return [played / placed for played, placed in zip(self.replayed, self.orders, strict=True)]


def measure_replay(*, rounds: int, orders: int, on_round: Callable[[], None]) -> ReplayRates:
    """The whole recording and `orders` resting orders in every round, by turns, on one server."""
    found = ReplayRates([], [], [], [])
    with own_server() as server:
        function = load_function(server.client, "place_order")
        for number in range(rounds):
            measured = [partial(_replay, server, found), partial(_place, server, found, function, orders)]
            for measure in measured if number % 2 == 0 else measured[::-1]:
                server.client.flushall()
                measure(f"round-{number}")
            on_round()
    return found


def _replay(server: Server, found: ReplayRates, name: str) -> None:
    summaries: list[ReplaySummary] = []
    cpu_us = server.cpu_us(lambda: summaries.append(asyncio.run(_play(server.url, name))))
    (summary,) = summaries
    if not summary.is_complete:
        raise BenchFailed("the recording was not played to its end")
    found.replayed.append(summary.work_per_second)
    found.replayed_cpu_us.append(cpu_us / (summary.level_count + summary.trade_count))


async def _play(redis_url: str, name: str) -> ReplaySummary:
    """What `manage.py replay --speed max` does, with accounts that stand in no database."""
    async with opened(redis_url, name) as venue:
        await venue.registry.define_symbol(SPEC)
        for account, owner in ACCOUNTS:
            await venue.registry.define_account(account, owner)
            for asset in (SPEC.base, SPEC.quote):
                await venue.gateway.credit(Transfer(account=account, asset=asset, atoms=DEEP_POCKETS_ATOMS))
        recording = read_recording(RECORDING, await venue.registry.specs())
        await venue.clock.set_virtual(recording.first_ms)
        return await replay(venue, recording, Stage(ACCOUNTS[0][0], ACCOUNTS[1][0], []))


def _place(server: Server, found: ReplayRates, function: str, orders: int, name: str) -> None:
    asyncio.run(open_market(server.url, name))
    words = script_words(function, name)
    frames = [pack(words, min(SLICE_ORDERS, orders - first)) for first in range(0, orders, SLICE_ORDERS)]
    seconds: list[float] = []
    cpu_us = server.cpu_us(lambda: seconds.extend(server.pipe.run(chunk) for chunk in frames))
    found.orders.append(orders / sum(seconds))
    found.orders_cpu_us.append(cpu_us / orders)
