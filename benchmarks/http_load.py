"""One real web worker under load: P6, the rate of signed orders against that of GET ping, and P7, their p99 and p50.

The worker is the process that `up` starts, with the same server and settings and the same kind of Redis beside it
(append-only file, fsync every second). Archiver and clockwork do not run: what is compared is the way of a request
through a worker. Ping and order take turns on the same 32 keep-alive connections; the order is a valid resting limit
order, signed, and counted towards limits that are too high to refuse it. At the end every order that was answered must
stand in the book and in the account's count.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from accounts.digests import key_digest
from accounts.secrets import seal
from benchmarks.engine_load import SYMBOL
from benchmarks.http_generator import Load, Round
from benchmarks.processes import BenchFailed, Helper, StartWorker, helper
from engine.commands import Transfer
from engine.embedded import EmbeddedServer
from engine.rate_limits import RateLimits, Window
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import opened

VENUE: Final = "main"
CONNECTIONS: Final = 32
WARM_UP_SLICES: Final = 3
ACCOUNT: Final = 1
MONEY_ATOMS: Final = 9 * 10**15  # 90 million USDT, which no run spends
MINUTE_MS, DAY_MS = 60_000, 86_400_000
_ANY = 10**9  # more than a run asks for
LIMITS: Final = RateLimits(
    weight=Window(_ANY, MINUTE_MS), requests=Window(_ANY, 5 * MINUTE_MS), short_orders=Window(_ANY, 10_000),
    long_orders=Window(_ANY, DAY_MS),
)  # fmt: skip


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


class Credentials(NamedTuple):
    """What a generator signs with."""

    api_key: str
    secret: str


async def open_account(redis_url: str, data_dir: Path) -> Credentials:
    """BTCUSDT, limits that never refuse, and a user with a key and money for any number of orders.

    The key's secret is sealed for a worker with its files in `data_dir`.
    """
    api_key, secret = secrets.token_hex(32), secrets.token_hex(32)
    sealed = seal(secret, digest=key_digest(api_key), data_dir=data_dir)
    key = KeyRecord(account=ACCOUNT, user_name="alice", sealed_secret=sealed)
    async with opened(redis_url, VENUE) as venue:
        await venue.registry.define_symbol(SYMBOL)
        await venue.registry.define_account(ACCOUNT, "alice")
        await venue.registry.define_key(key_digest(api_key), key)
        await venue.limiter.set_limits(LIMITS)
        await venue.gateway.credit(Transfer(account=ACCOUNT, asset=SYMBOL.quote, atoms=MONEY_ATOMS))
    return Credentials(api_key, secret)


def measure_http(
    start_worker: StartWorker, *, rounds: int, slices: int, on_round: Callable[[], None], connections: int = CONNECTIONS
) -> HttpRates:
    """`slices` tenths of a second of each kind in every round. Raises BenchFailed."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedServer(Path(folder) / "redis", durability="standard") as server,
    ):
        data_dir = Path(folder) / "data"
        credentials = asyncio.run(open_account(server.url, data_dir))
        with (
            start_worker(server.url, data_dir) as worker,
            helper("benchmarks.http_generator", *map(str, (worker.port, connections, worker.pid))) as generator,
        ):
            generator.ask(" ".join(credentials))
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
    """Every order that was answered stands there and has been counted, none twice. Raises BenchFailed."""
    async with opened(redis_url, VENUE) as venue:
        resting = await venue.runner.command("ZCARD", venue.keys.book(SYMBOL.symbol, Side.BUY))
        counted = (await venue.limiter.unfilled_orders(ACCOUNT)).long_orders
    if resting != orders:
        raise BenchFailed(f"{orders} orders were answered with 200, and {resting} stand in the book")
    if counted != orders:
        raise BenchFailed(f"{orders} orders were answered with 200, and {counted} were counted")
