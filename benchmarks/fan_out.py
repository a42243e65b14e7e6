"""One frame to a thousand sockets: P9, our consumers against a bare loop of socket.send; P10, against channels_redis.

What is compared. Three senders, each a process of its own with one thread and 1,000 sockets on loopback: the web worker
that `up` starts, whose feed reads a trade from the event stream and whose consumers send it; a loop of socket.send with
the very same bytes; a stock Channels consumer whose group gets the same text by group_send.

How. They take turns. One frame is sent; the next one only when all 1,000 sockets have received it, byte by byte the
same, so no frame shares a write with another and nothing is sent into the void. A rate is deliveries a second of the
*sending process's CPU time*: everything that process does from Redis to the kernel, and nothing that the order, Redis
or the listeners cost. The time of day would favour us twice: the listeners, on the same two cores, hold back the bare
loop most, and channels_redis waits for Redis more often than we do. It is given among the absolutes.
"""

import asyncio
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.audience import Audience, split_frame
from benchmarks.channels_worker import GROUP
from benchmarks.engine_load import SYMBOL
from benchmarks.processes import BenchFailed, Helper, StartWorker, allow_open_files, cpu_seconds, helper
from engine.commands import PlaceOrder, Transfer
from engine.embedded import EmbeddedServer
from engine.types import OrderType, Side, TimeInForce
from engine.venue import Venue

SOCKETS: Final = 1_000
SPARE_FILES: Final = 200
VENUE: Final = "main"
SELLER, BUYER = 1, 2
PRICE_TICKS: Final = 6_000_000
LOTS: Final = 10
SUPPLY_LOTS: Final = 1_000_000
MONEY_ATOMS: Final = 10**15
CHANNELS_SHARE: Final = 5  # the slow way sends a frame where the others send five
MISSING: Final = "channels-redis is not installed: pip install -r requirements-dev.txt"


class Sender:
    """One of the three: how to have it send a frame, who listens, and what it has cost by round."""

    def __init__(self, pid: int, audience: Audience, send: Callable[[], None]) -> None:
        self.pid = pid
        self.audience = audience
        self.send = send
        self.rates: list[float] = []  # deliveries a second of the process's CPU time
        self.wall_rates: list[float] = []

    def deliver(self) -> bytes:
        """One frame to everybody; the frame."""
        self.send()
        return self.audience.hear()

    def run(self, frames: int, sockets: int) -> None:
        """A round."""
        cpu, started = cpu_seconds(self.pid), time.perf_counter()
        for _ in range(frames):
            self.deliver()
        self.wall_rates.append(frames * sockets / (time.perf_counter() - started))
        self.rates.append(frames * sockets / (cpu_seconds(self.pid) - cpu))


class FanOut:
    """What a run came to. `channels` is None without the package."""

    def __init__(self, consumers: Sender, bare: Sender, channels: Sender | None) -> None:
        self.consumers = consumers
        self.bare = bare
        self.channels = channels

    @property
    def against_bare(self) -> list[float]:
        return [ours / theirs for ours, theirs in zip(self.consumers.rates, self.bare.rates, strict=True)]

    @property
    def against_channels(self) -> list[float]:
        """By round. Raises BenchFailed without channels_redis."""
        if self.channels is None:
            raise BenchFailed(MISSING)
        return [ours / theirs for ours, theirs in zip(self.consumers.rates, self.channels.rates, strict=True)]


def measure_fan_out(
    start_worker: StartWorker, *, rounds: int, frames: int, on_round: Callable[[], None], sockets: int = SOCKETS
) -> FanOut:
    """`frames` to each of `sockets` in every round. Raises BenchFailed."""
    allow_open_files(3 * sockets + SPARE_FILES)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(EmbeddedServer(folder / "redis", durability="standard"))
        loop = stack.enter_context(asyncio.Runner())
        stack.callback(server.stop, save=False)
        market = stack.enter_context(market_of_trades(loop, server.url))
        consumers = stack.enter_context(_consumers(start_worker, server.url, folder, market, sockets))
        frame = consumers.deliver()
        bare = stack.enter_context(bare_loop(frame, sockets))
        channels = None
        if find_spec("channels_redis") is not None:
            channels = stack.enter_context(_channels(loop, server.url, frame, sockets))
        result = FanOut(consumers, bare, channels)
        turns = [(consumers, frames), (bare, frames)]
        if channels is not None:
            turns.append((channels, max(1, frames // CHANNELS_SHARE)))
        for sender, _ in turns:
            sender.deliver()
        for number in range(rounds):
            for sender, count in turns if number % 2 == 0 else reversed(turns):
                sender.run(count, sockets)
            on_round()
    return result


@contextmanager
def market_of_trades(loop: asyncio.Runner, redis_url: str) -> Iterator[Callable[[], None]]:
    """A market whose every call makes one trade: a large sell order rests, and a small buy order takes from it."""
    venue = loop.run(_open_market(redis_url))

    def trade() -> None:
        loop.run(_order(venue, BUYER, Side.BUY, LOTS, TimeInForce.IOC))

    try:
        yield trade
    finally:
        loop.run(venue.close())


async def _open_market(redis_url: str) -> Venue:
    venue = await Venue.connect(redis_url, VENUE)
    await venue.registry.define_symbol(SYMBOL)
    for account, name in ((SELLER, "alice"), (BUYER, "bob")):
        await venue.registry.define_account(account, name)
        for asset in (SYMBOL.base, SYMBOL.quote):
            await venue.gateway.credit(Transfer(account=account, asset=asset, atoms=MONEY_ATOMS))
    await _order(venue, SELLER, Side.SELL, SUPPLY_LOTS, TimeInForce.GTC)
    return venue


async def _order(venue: Venue, account: int, side: Side, lots: int, time_in_force: TimeInForce) -> None:
    await venue.gateway.place_order(
        PlaceOrder(
            account=account,
            symbol=SYMBOL.symbol,
            rules_version=1,
            side=side,
            type=OrderType.LIMIT,
            time_in_force=time_in_force,
            price_ticks=PRICE_TICKS,
            lots=lots,
            client_order_id=f"fan-out-{side.value}-{time_in_force.value}",
        )
    )


@contextmanager
def _consumers(
    start_worker: StartWorker, redis_url: str, folder: Path, trade: Callable[[], None], sockets: int
) -> Iterator[Sender]:
    """Our worker, whose sockets are subscribed to the trades of one symbol."""
    with start_worker(redis_url, folder / "data") as worker, Audience(worker.port, sockets) as audience:
        audience.connect(stream=f"{SYMBOL.symbol}@trade")
        yield Sender(worker.pid, audience, trade)


@contextmanager
def bare_loop(frame: bytes, sockets: int) -> Iterator[Sender]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=sockets)) as listener:
        port = listener.getsockname()[1]
        descriptor = listener.fileno()
        with (
            helper("benchmarks.bare_sender", str(descriptor), str(sockets), descriptors=[descriptor]) as process,
            Audience(port, sockets) as audience,
        ):
            audience.connect(shakes_hands=False)
            process.listen()
            yield Sender(process.pid, audience, _sending(process, frame))


def _sending(process: Helper, frame: bytes) -> Callable[[], None]:
    return lambda: process.tell(frame.hex())


@contextmanager
def _channels(loop: asyncio.Runner, redis_url: str, frame: bytes, sockets: int) -> Iterator[Sender]:
    """A stock consumer in another process, and a layer in this one that sends to its group."""
    split = split_frame(frame)
    assert split is not None
    message = {"type": "audience.frame", "text": split[1].decode()}
    layer = _layer(redis_url)
    with closing(socket.create_server(("127.0.0.1", 0), backlog=sockets)) as listener:
        port, descriptor = listener.getsockname()[1], listener.fileno()
        with (
            Audience(port, sockets) as audience,
            helper("benchmarks.channels_worker", str(descriptor), redis_url, descriptors=[descriptor]) as process,
        ):
            audience.connect()
            try:
                yield Sender(process.pid, audience, lambda: loop.run(layer.group_send(GROUP, message)))
            finally:
                loop.run(layer.close_pools())


def _layer(redis_url: str) -> Any:
    from channels_redis.core import RedisChannelLayer  # here: it may not be installed

    return RedisChannelLayer(hosts=[redis_url])
