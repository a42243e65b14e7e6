"""One real web worker under load: P6, the rate of POST order against that of GET ping, and P7, its p99 against its p50.

The worker is the process that `up` starts, with the same server and settings and the same kind of Redis beside it
(append-only file, fsync every second). Archiver and clockwork do not run: what is compared is the way of a request
through a worker. Ping and order take turns on the same 32 keep-alive connections; the order is a valid resting limit
order with a good key, and at the end every order that was answered must stand in the book.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from accounts.digests import key_digest
from benchmarks.engine_load import SYMBOL
from benchmarks.http_generator import Load, Round
from benchmarks.processes import BenchFailed, Helper, StartWorker, helper
from engine.commands import Transfer
from engine.embedded import EmbeddedServer
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import opened

VENUE: Final = "main"
CONNECTIONS: Final = 32
WARM_UP_SLICES: Final = 3
ACCOUNT: Final = 1
MONEY_ATOMS: Final = 9 * 10**15  # 90 million USDT, which no run spends


class HttpRates(NamedTuple):
    """By round, in pairs."""

    pings: list[Load]
    orders: list[Load]

    @property
    def rate_ratios(self) -> list[float]:
        return [order.rate / ping.rate for order, ping in zip(self.orders, self.pings, strict=True)]

    @property
    def tail_ratios(self) -> list[float]:
        return [order.p99_us / order.p50_us for order in self.orders]


async def open_account(redis_url: str, api_key: str, *, sealed_secret: str = "") -> None:
    """BTCUSDT, and a user with that key and money for any number of orders."""
    key = KeyRecord(account=ACCOUNT, user_name="alice", sealed_secret=sealed_secret)
    async with opened(redis_url, VENUE) as venue:
        await venue.registry.define_symbol(SYMBOL)
        await venue.registry.define_account(ACCOUNT, "alice")
        await venue.registry.define_key(key_digest(api_key), key)
        await venue.gateway.credit(Transfer(account=ACCOUNT, asset=SYMBOL.quote, atoms=MONEY_ATOMS))


def measure_http(
    start_worker: StartWorker, *, rounds: int, slices: int, on_round: Callable[[], None], connections: int = CONNECTIONS
) -> HttpRates:
    """`slices` tenths of a second of each kind in every round. Raises BenchFailed."""
    api_key = secrets.token_hex(32)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedServer(Path(folder) / "redis", durability="standard") as server,
    ):
        asyncio.run(open_account(server.url, api_key))
        with (
            start_worker(server.url, Path(folder) / "data") as worker,
            helper("benchmarks.http_generator", *map(str, (worker.port, connections, worker.pid))) as generator,
        ):
            generator.ask(api_key)
            warm_up = _round(generator, WARM_UP_SLICES)
            measured = []
            for _ in range(rounds):
                measured.append(_round(generator, slices))
                on_round()
        asyncio.run(check_book(server.url, sum(each.order.requests for each in (warm_up, *measured))))
        server.stop(save=False)
    return HttpRates([each.ping for each in measured], [each.order for each in measured])


def _round(generator: Helper, slices: int) -> Round:
    return msgspec.json.decode(generator.ask(str(slices)), type=Round)


async def check_book(redis_url: str, orders: int) -> None:
    """Every order that was answered stands there. Raises BenchFailed."""
    async with opened(redis_url, VENUE) as venue:
        resting = await venue.runner.command("ZCARD", venue.keys.book(SYMBOL.symbol, Side.BUY))
    if resting != orders:
        raise BenchFailed(f"{orders} orders were answered with 200, and {resting} stand in the book")
