"""What orders cost Redis in CPU time: P2 against a trivial script, P3 by fills, P4 by the size of the book.

The fact a newcomer would get wrong: these are no rates. The time is the server's own (INFO, used_cpu_user and
used_cpu_sys), so who sends the commands, and what else the machine does, hardly counts. What is divided ran by turns
on one server, and every reply is looked at: an order that filled something else than it should fails the measurement.
"""

import asyncio
import itertools
import random
import selectors
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import hiredis
import msgspec
import redis

from benchmarks.engine_load import (
    ACCOUNT,
    FIRST_PRICE_TICKS,
    KEY_DIGEST,
    LOTS,
    PATIENCE_SECONDS,
    SLICE_ORDERS,
    SYMBOL,
    Pipe,
    Word,
    client_order_id,
    cpu_seconds_of,
    load_function,
    open_market,
    pack,
    script_words,
)
from benchmarks.processes import BenchFailed
from engine.commands import Transfer
from engine.embedded import EmbeddedServer
from engine.keys import Keys, order_member
from engine.registry import KeyRecord
from engine.venue import opened

TRIVIAL: Final = '#!lua\nreturn { "ok" }\n'
SOCKETS: Final = 50
TAKER: Final = 2
TAKER_DIGEST: Final = "e" * 64
TAKER_ATOMS: Final = 10**18
MANY_FILLS: Final = 10
BATCH: Final = 250  # orders of a kind between two looks at the clock, in books of either size
MOST_LEVELS: Final = 50_000
SEED: Final = 20240808
OPERATIONS: Final = ("rest", "fill", "cancel")


class CpuRatio(NamedTuple):
    """CPU microseconds of Redis for one operation, by round."""

    measured: list[float]
    against: list[float]

    @property
    def ratios(self) -> list[float]:
        """Raises BenchFailed where the kernel's clock was too coarse to see anything."""
        if not min(self.measured + self.against) > 0:
            raise BenchFailed("the CPU time of Redis did not move: too few operations for this system's clock")
        return [ours / theirs for ours, theirs in zip(self.measured, self.against, strict=True)]


class Server(NamedTuple):
    """One that lives as long as a measurement."""

    client: "redis.Redis"
    pipe: Pipe
    url: str
    path: Path

    def cpu_us(self, work: Callable[[], None]) -> float:
        """The CPU time that Redis spends on the work, in microseconds."""
        before = cpu_seconds_of(self.client)
        work()
        return (cpu_seconds_of(self.client) - before) * 1e6


@contextmanager
def own_server() -> Iterator[Server]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedServer(Path(folder), durability="ci") as server,
        closing(redis.Redis(unix_socket_path=str(server.socket_path))) as client,
        closing(Pipe(server.socket_path)) as pipe,
    ):
        yield Server(client, pipe, server.url, server.socket_path)


class Crowd:
    """Unix sockets to Redis that have one command each on the way, like as many bots."""

    def __init__(self, path: Path, size: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets = []
        for _ in range(size):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(PATIENCE_SECONDS)
            sock.connect(str(path))
            self._selector.register(sock, selectors.EVENT_READ, hiredis.Reader())
            self._sockets.append(sock)

    def close(self) -> None:
        self._selector.close()
        for sock in self._sockets:
            sock.close()

    def run(self, frames: Sequence[bytes]) -> None:
        """Sends them all. Raises BenchFailed unless every reply is ok."""
        waiting = iter(frames)
        for sock, frame in zip(self._sockets, waiting, strict=False):
            sock.sendall(frame)
        answered = 0
        while answered < len(frames):
            ready = self._selector.select(PATIENCE_SECONDS)
            if not ready:
                raise BenchFailed(f"Redis answered nothing for {PATIENCE_SECONDS:.0f} s")
            for key, _ in ready:
                answered += self._take_reply(key, waiting)

    @staticmethod
    def _take_reply(key: selectors.SelectorKey, waiting: Iterator[bytes]) -> int:
        sock, reader = key.fileobj, key.data
        assert isinstance(sock, socket.socket)
        data = sock.recv(65_536)
        if not data:
            raise BenchFailed("Redis closed a connection in the middle of a measurement")
        reader.feed(data)
        reply = reader.gets()
        if reply is False:
            return 0
        if not (isinstance(reply, list) and reply[0] == b"ok"):
            raise BenchFailed(f"a command of the load was answered with {reply!r}")
        frame = next(waiting, None)
        if frame is not None:
            sock.sendall(frame)
        return 1


def measure_against_trivial(*, rounds: int, orders: int, on_round: Callable[[], None]) -> CpuRatio:
    """P2: `orders` resting orders a round against as many EVALSHAs that do nothing, over 50 sockets by turns."""
    found = CpuRatio([], [])
    with own_server() as server, closing(Crowd(server.path, SOCKETS)) as crowd:
        trivial: Word = server.client.script_load(TRIVIAL)
        place = load_function(server.client, "place_order")
        asyncio.run(open_market(server.url, "costs"))
        words = {"order": script_words(place, "costs"), "trivial": itertools.repeat(("EVALSHA", trivial, 0))}
        for number in range(rounds):
            spent = dict.fromkeys(words, 0.0)
            for first in range(0, orders, SLICE_ORDERS):
                for name in _turn(list(words), number + first // SLICE_ORDERS):
                    frames = pack(words[name], min(SLICE_ORDERS, orders - first))
                    spent[name] += server.cpu_us(partial(crowd.run, frames))
            found.measured.append(spent["order"] / orders)
            found.against.append(spent["trivial"] / orders)
            on_round()
    return found


def _turn(names: list[str], number: int) -> list[str]:
    """The names forwards and backwards by turns, so that none is always first."""
    return names if number % 2 == 0 else names[::-1]


class Market:
    """A venue with a maker and a taker, and the words of their orders. It knows which orders rest at which price."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._keys = Keys(name)
        self._place = load_function(server.client, "place_order")
        self._cancel = load_function(server.client, "cancel_order")
        asyncio.run(_open_with_taker(server.url, name))
        self._next_id = 1
        self.queues: dict[int, list[int]] = {}  # price_ticks -> order ids, oldest first
        self._cheapest = FIRST_PRICE_TICKS

    def rest(self, prices: Sequence[int]) -> Callable[[], None]:
        """Sell orders that rest at these prices, to be sent by calling what is returned."""
        frames = pack(iter([self._order(ACCOUNT, KEY_DIGEST, "SELL", price, LOTS) for price in prices]), len(prices))
        for number, price in enumerate(prices, start=self._next_id - len(prices)):
            self.queues.setdefault(price, []).append(number)
            self._cheapest = min(self._cheapest, price)
        return lambda: self._send(frames, 0)

    def take(self, count: int, fills: int) -> Callable[[], None]:
        """Buy orders that fill as many of the best and oldest resting ones each, completely."""
        words = []
        for _ in range(count):
            price = max(self._pop_best() for _ in range(fills))
            words.append(self._order(TAKER, TAKER_DIGEST, "BUY", price, LOTS * fills))
        frames = pack(iter(words), count)
        return lambda: self._send(frames, fills)

    def cancel(self, orders: Sequence[int]) -> Callable[[], None]:
        keys = self._keys.of_market(SYMBOL.symbol, SYMBOL.base, SYMBOL.quote)
        words: list[tuple[Word, ...]] = [
            ("FCALL", self._cancel, len(keys), *keys, ACCOUNT, SYMBOL.symbol, KEY_DIGEST, order_member(order), "",
             client_order_id(order), "")
            for order in orders
        ]  # fmt: skip
        frames = pack(iter(words), len(words))
        return lambda: self._send(frames, None)

    def forget_events(self) -> None:
        """As the archiver does in the long run."""
        self._server.client.xtrim(self._keys.events, maxlen=0, approximate=False)

    def _send(self, frames: Sequence[bytes], fills: int | None) -> None:
        self._server.pipe.run(frames, check=None if fills is None else lambda reply: _check_fills(reply, fills))

    def _pop_best(self) -> int:
        while not self.queues.get(self._cheapest):
            self._cheapest += 1
        self.queues[self._cheapest].pop(0)
        return self._cheapest

    def _order(self, account: int, digest: str, side: str, price: int, lots: int) -> tuple[Word, ...]:
        keys, number = self._keys.of_market(SYMBOL.symbol, SYMBOL.base, SYMBOL.quote), self._next_id
        self._next_id += 1
        return (
            "FCALL", self._place, len(keys), *keys, account, SYMBOL.symbol, digest, 1, side, "LIMIT", "GTC", price,
            lots, 0, client_order_id(number), "",
        )  # fmt: skip


async def _open_with_taker(redis_url: str, name: str) -> None:
    await open_market(redis_url, name, levels=0)
    async with opened(redis_url, name) as venue:
        await venue.registry.define_account(TAKER, "bob")
        await venue.registry.define_key(TAKER_DIGEST, KeyRecord(account=TAKER, user_name="bob"))
        await venue.gateway.credit(Transfer(account=TAKER, asset=SYMBOL.quote, atoms=TAKER_ATOMS))


def _check_fills(reply: list[Any], fills: int) -> None:
    found = len(msgspec.json.decode(reply[3]))
    if found != fills:
        raise BenchFailed(f"an order of the load had {found} fills instead of {fills}")


def measure_fills(*, rounds: int, sweeps: int, on_round: Callable[[], None]) -> CpuRatio:
    """P3: orders that fill ten resting ones, each alone at its price, against orders that fill one, by turns."""
    found = CpuRatio([], [])
    with own_server() as server:
        markets = {fills: Market(server, f"fills-{fills}") for fills in (1, MANY_FILLS)}
        base = [FIRST_PRICE_TICKS + sweeps * MANY_FILLS + level for level in range(500)]
        for market in markets.values():
            market.rest(base)()  # a book behind what is taken, so that it never runs empty
        for number in range(rounds):
            spent = dict.fromkeys(markets, 0.0)
            for fills in sorted(markets, reverse=number % 2 == 1):
                market = markets[fills]
                market.rest([FIRST_PRICE_TICKS + level for level in range(sweeps * fills)])()
                spent[fills] = server.cpu_us(market.take(sweeps, fills))
                market.forget_events()
            found.measured.append(spent[MANY_FILLS] / sweeps)
            found.against.append(spent[1] / sweeps)
            on_round()
    return found


def measure_books(
    *, rounds: int, batches: int, small: int, large: int, on_round: Callable[[], None]
) -> dict[str, CpuRatio]:
    """P4: each of OPERATIONS in a book of `large` resting orders against one of `small`, by turns.

    Both books lose random orders and those at their front, and get new ones at random prices, so they keep their size.
    """
    found = {name: CpuRatio([], []) for name in OPERATIONS}
    dice = random.Random(SEED)
    with own_server() as server:
        books = [Book(server, name, size, dice) for name, size in (("large", large), ("small", small))]
        for _ in range(rounds):
            spent = [dict.fromkeys(OPERATIONS, 0.0) for _ in books]
            for batch in range(batches):
                turn = list(zip(books, spent, strict=True))
                for book, so_far in turn if batch % 2 == 0 else turn[::-1]:
                    for name, us in book.go_on(BATCH).items():
                        so_far[name] += us
            for name in OPERATIONS:
                found[name].measured.append(spent[0][name] / (batches * BATCH))
                found[name].against.append(spent[1][name] / (batches * BATCH))
            on_round()
    return found


class Book:
    """A market that is kept at one size while orders come and go."""

    def __init__(self, server: Server, name: str, size: int, dice: random.Random) -> None:
        self._server = server
        self._dice = dice
        self._levels = min(max(size // 2, 1), MOST_LEVELS)
        self._market = Market(server, name)
        self.queues = self._market.queues
        for first in range(0, size, SLICE_ORDERS):
            places = range(first, min(first + SLICE_ORDERS, size))
            self._market.rest([FIRST_PRICE_TICKS + place % self._levels for place in places])()
            self._market.forget_events()

    def go_on(self, count: int) -> dict[str, float]:
        """CPU microseconds for `count` of each operation; twice as many are placed as need to be measured."""
        market, cpu_us = self._market, self._server.cpu_us
        spent = {"rest": cpu_us(market.rest(self._random_prices(count)))}
        spent["cancel"] = cpu_us(market.cancel([self._take_any() for _ in range(count)]))
        spent["fill"] = cpu_us(market.take(count, 1))
        market.rest(self._random_prices(count))()
        market.forget_events()
        return spent

    def _random_prices(self, count: int) -> list[int]:
        return [FIRST_PRICE_TICKS + self._dice.randrange(self._levels) for _ in range(count)]

    def _take_any(self) -> int:
        """An order from anywhere in the book, no longer counted as resting."""
        while True:
            queue = self.queues.get(FIRST_PRICE_TICKS + self._dice.randrange(self._levels))
            if queue:
                return queue.pop(self._dice.randrange(len(queue)))
