"""From the answer to an order until its executionReport reaches a socket of another worker (P12).

Two workers as `up` starts them share one Redis. A process of its own (report_generator.py) places 500 orders a second
with the one, listens with one socket to the other, and between two orders asks Redis for a PING; the ratio is that of
the two 99th percentiles of a round. A report that overtakes its order's answer counts as 0. The fact a newcomer would
get wrong: a PING under this load is not what it is on an idle machine. It waits for the same scripts and the same
cores as the report does, which is why it is the measure.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from benchmarks.http_load import check_book, open_account
from benchmarks.processes import Helper, StartWorker, helper
from benchmarks.report_generator import DelayRound
from engine.embedded import EmbeddedServer

WARM_UP_ORDERS: Final = 250


class ReportDelays(NamedTuple):
    """By round."""

    rounds: list[DelayRound]

    @property
    def ratios(self) -> list[float]:
        return [each.report.p99_us / each.ping.p99_us for each in self.rounds]


def measure_report_delay(
    start_worker: StartWorker, *, rounds: int, orders: int, on_round: Callable[[], None]
) -> ReportDelays:
    """`orders` in every round. Raises BenchFailed, also when a report or an order is missing at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedServer(Path(folder) / "redis", durability="standard") as server,
    ):
        data_dir = Path(folder) / "data"
        credentials = asyncio.run(open_account(server.url, data_dir))
        with (
            start_worker(server.url, data_dir) as trading,
            start_worker(server.url, data_dir) as telling,
            helper(
                "benchmarks.report_generator", str(trading.port), str(telling.port), str(server.socket_path)
            ) as generator,
        ):
            generator.ask(" ".join(credentials))
            _round(generator, WARM_UP_ORDERS)
            measured = []
            for _ in range(rounds):
                measured.append(_round(generator, orders))
                on_round()
        asyncio.run(check_book(server.url, WARM_UP_ORDERS + rounds * orders))
        server.stop(save=False)
    return ReportDelays(measured)


def _round(generator: Helper, orders: int) -> DelayRound:
    return msgspec.json.decode(generator.ask(str(orders)), type=DelayRound)
