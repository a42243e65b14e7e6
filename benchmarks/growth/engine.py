"""What an order costs Redis as things grow: the book, the users, the symbols, the fills of one order.

The fact a newcomer would get wrong: the sizes take turns, round after round, each in a venue of its own on one server;
what is compared has so met the same machine. The time is the server's own (INFO).
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from benchmarks.engine_load import (
    FIRST_PRICE_TICKS,
    FREE_ATOMS,
    KEY_DIGEST,
    LEVELS,
    LOTS,
    SYMBOL,
    Word,
    client_order_id,
    load_function,
    pack,
)
from benchmarks.growth.curves import Curve, Samples
from benchmarks.order_costs import BATCH, OPERATIONS, SEED, Book, Market, Server, own_server
from engine.commands import Transfer
from engine.keys import Keys
from engine.registry import KeyRecord
from engine.types import SymbolSpec
from engine.venue import Venue, opened

BATCHES: Final = 4  # of BATCH orders, a round
AT_ONCE: Final = 500  # users or symbols that are made at the same time

OnStep = Callable[[], None]


def measure_book_sizes(sizes: Sequence[int], *, rounds: int, on_step: OnStep) -> Curve:
    """Rest, fill and cancel against the number of resting orders."""
    found, dice = Samples(), random.Random(SEED)
    with own_server() as server:
        books = {size: Book(server, f"book-{size}", size, dice) for size in sizes}
        for _ in range(rounds):
            for size, book in books.items():
                for _ in range(BATCHES):
                    for name, us in book.go_on(BATCH).items():
                        found.add(name, size, us / BATCH)
                on_step()
    reason = "a sorted set of N members is searched in log N steps, in memory that no cache holds any more"
    lines = tuple(found.line(name, most=0.2, reason=reason) for name in OPERATIONS)
    return Curve("book", "An order in books of different sizes", "resting orders", "CPU of Redis, us per order", lines)


def measure_fills(sizes: Sequence[int], *, rounds: int, on_step: OnStep) -> Curve:
    """One order against the number of resting orders it fills, each alone at its price."""
    found = Samples()
    with own_server() as server:
        for _ in range(rounds):
            for fills in sizes:
                server.client.flushall()
                market, sweeps = Market(server, "fills"), max(2, 1_000 // fills)
                prices = [FIRST_PRICE_TICKS + level for level in range(sweeps * fills)]
                market.rest([FIRST_PRICE_TICKS + sweeps * fills + level for level in range(LEVELS)])()
                market.rest(prices)()
                found.add("order", fills, server.cpu_us(market.take(sweeps, fills)) / sweeps)
                on_step()
    lines = (found.line("order", most=1.0, reason="every fill is written, the order itself only once"),)
    return Curve("fills", "An order that fills many", "fills of one order", "CPU of Redis, us per order", lines)


def measure_users(sizes: Sequence[int], *, rounds: int, on_step: OnStep) -> Curve:
    """An order of any of so many users, each with a key, money and an open order."""
    found, dice = Samples(), random.Random(SEED)
    with own_server() as server:
        place = load_function(server.client, "place_order")
        loads = {}
        for size in sizes:
            asyncio.run(_open_users(server.url, f"users-{size}", size))
            loads[size] = _Orders(f"users-{size}", place, [SYMBOL], users=size, dice=dice)
        _measure_orders(server, loads, found, rounds=rounds, on_step=on_step)
    lines = (found.line("rest", most=0.2, reason="what a user has is a field of a hash, found in one step"),)
    return Curve("users", "An order among many users", "users", "CPU of Redis, us per order", lines)


def measure_symbols(sizes: Sequence[int], *, rounds: int, on_step: OnStep) -> Curve:
    """An order on any of so many symbols, all of the same two users."""
    found, dice = Samples(), random.Random(SEED)
    with own_server() as server:
        place = load_function(server.client, "place_order")
        loads = {}
        for size in sizes:
            specs = symbols(size)
            asyncio.run(_open_symbols(server.url, f"symbols-{size}", specs))
            loads[size] = _Orders(f"symbols-{size}", place, specs, users=1, dice=dice)
        _measure_orders(server, loads, found, rounds=rounds, on_step=on_step)
    lines = (found.line("rest", most=0.2, reason="a symbol's keys are its own, nothing looks at the others"),)
    return Curve("symbols", "An order among many symbols", "symbols", "CPU of Redis, us per order", lines)


def symbols(count: int) -> list[SymbolSpec]:
    """So many markets against one quote asset."""
    return [
        SymbolSpec(
            symbol=f"A{number:03d}USDT", base=f"A{number:03d}", quote=SYMBOL.quote, tick_units=SYMBOL.tick_units,
            lot_units=SYMBOL.lot_units, max_price_ticks=SYMBOL.max_price_ticks, max_lots=SYMBOL.max_lots,
            min_notional_atoms=SYMBOL.min_notional_atoms,
        )
        for number in range(count)
    ]  # fmt: skip


class _Orders:
    """Resting sell orders of users and symbols drawn by lot."""

    def __init__(
        self, venue_name: str, function: str, specs: Sequence[SymbolSpec], *, users: int, dice: random.Random
    ) -> None:
        keys = Keys(venue_name)
        self._function = function
        self._markets = [(spec.symbol, keys.of_market(spec.symbol, spec.base, spec.quote)) for spec in specs]
        self._users = users
        self._dice = dice
        self._number = 0

    def words(self) -> Iterator[tuple[Word, ...]]:
        """Without end; goes on where it was."""
        while True:
            self._number += 1
            symbol, keys = self._dice.choice(self._markets)
            user = self._dice.randrange(self._users) + 1
            yield (
                "FCALL", self._function, len(keys), *keys, user, symbol, _digest(user), 1, "SELL", "LIMIT", "GTC",
                FIRST_PRICE_TICKS + self._dice.randrange(LEVELS), LOTS, 0, client_order_id(self._number), "",
            )  # fmt: skip


def _measure_orders(server: Server, loads: dict[int, _Orders], found: Samples, *, rounds: int, on_step: OnStep) -> None:
    for size, load in loads.items():
        server.pipe.run(pack(load.words(), max(BATCH, min(size, 5_000))))  # some are there already
    for _ in range(rounds):
        for size, load in loads.items():
            for _ in range(BATCHES):
                frames = pack(load.words(), BATCH)
                found.add("rest", size, server.cpu_us(partial(_send, server, frames)) / BATCH)
            on_step()


def _send(server: Server, frames: Sequence[bytes]) -> None:
    server.pipe.run(frames)


def _digest(user: int) -> str:
    return f"{user:064d}" if user > 1 else KEY_DIGEST


async def _open_users(redis_url: str, name: str, count: int) -> None:
    async with opened(redis_url, name) as venue:
        await venue.registry.define_symbol(SYMBOL)
        for first in range(1, count + 1, AT_ONCE):
            users = range(first, min(first + AT_ONCE, count + 1))
            await asyncio.gather(*[_open_user(venue, user, [SYMBOL.base]) for user in users])


async def _open_symbols(redis_url: str, name: str, specs: Sequence[SymbolSpec]) -> None:
    async with opened(redis_url, name) as venue:
        for spec in specs:
            await venue.registry.define_symbol(spec)
        await _open_user(venue, 1, [spec.base for spec in specs])


async def _open_user(venue: Venue, user: int, assets: Sequence[str]) -> None:
    await venue.registry.define_account(user, f"user-{user}")
    await venue.registry.define_key(_digest(user), KeyRecord(account=user, user_name=f"user-{user}"))
    for asset in assets:
        await venue.gateway.credit(Transfer(account=user, asset=asset, atoms=FREE_ATOMS // 1_000))
