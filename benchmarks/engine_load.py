"""Orders straight into Redis over one unix socket: P1, the script against its yardstick, and P5, what an order weighs.

P1 asks how near the script comes to the cost of its redis.calls. The yardstick (same_calls.lua) makes the very calls
of a resting order, in their order, with the arguments handed in. Both run on the same server, each in a venue of its
own, in turns of a thousand pipelined orders, so that whatever else the machine does meets both.
"""

import asyncio
import itertools
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import hiredis
import redis

from benchmarks.processes import BenchFailed
from engine.commands import PlaceOrder, Transfer
from engine.embedded import EmbeddedServer, ServerBinary, find_server
from engine.keys import Keys, order_member
from engine.registry import KeyRecord
from engine.scripts import load_scripts
from engine.types import OrderType, Side, SymbolSpec
from engine.venue import Venue, opened

Word = bytes | str | int
Check = Callable[[list[Any]], None]

YARDSTICK: Final = Path(__file__).parent / "same_calls.lua"
SYMBOL: Final = SymbolSpec(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_units=1_000_000, lot_units=1_000, max_price_ticks=100_000_000,
    max_lots=900_000_000, min_notional_atoms=500_000_000,
)  # fmt: skip
ACCOUNT: Final = 1
KEY_DIGEST: Final = "d" * 64
LEVELS: Final = 500
FIRST_PRICE_TICKS: Final = 6_000_000
LOTS: Final = 10
ATOMS: Final = LOTS * SYMBOL.base_atoms_per_lot
FREE_ATOMS: Final = 10**15
SLICE_ORDERS: Final = 1_000
CHUNK_ORDERS: Final = 25  # commands of one write
CHUNKS_ON_THE_WAY: Final = 8
PATIENCE_SECONDS: Final = 30.0

_pack = cast("Callable[[tuple[Word, ...]], bytes]", hiredis.pack_command)  # its own type allows one word only


class Pipe:
    """A unix socket to Redis that is always given more to do than Redis has answered."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.connect(str(path))
        self._reader = hiredis.Reader()

    def close(self) -> None:
        self._socket.close()

    def run(self, frames: Sequence[bytes], check: Check | None = None) -> float:
        """Seconds from the first command sent to the last reply read. Raises BenchFailed unless every reply is ok.

        `check` looks at each reply too, and raises likewise.
        """
        chunks = [b"".join(frames[first : first + CHUNK_ORDERS]) for first in range(0, len(frames), CHUNK_ORDERS)]
        started = time.perf_counter()
        sent = answered = 0
        while answered < len(frames):
            while sent < len(chunks) and sent * CHUNK_ORDERS - answered <= CHUNK_ORDERS * (CHUNKS_ON_THE_WAY - 1):
                self._socket.sendall(chunks[sent])
                sent += 1
            data = self._socket.recv(1 << 18)
            if not data:
                raise BenchFailed("Redis closed the connection in the middle of a measurement")
            self._reader.feed(data)
            answered += self._count_replies(check)
        return time.perf_counter() - started

    def _count_replies(self, check: Check | None) -> int:
        count = 0
        while (reply := self._reader.gets()) is not False:
            if not (isinstance(reply, list) and reply[0] == b"ok"):
                raise BenchFailed(f"an order of the load was answered with {reply!r}")
            if check is not None:
                check(reply)
            count += 1
        return count


async def open_market(redis_url: str, name: str, *, levels: int = LEVELS) -> None:
    """A venue with one symbol, one account and one resting sell order at each of `levels` prices."""
    async with opened(redis_url, name) as venue:
        await venue.registry.define_symbol(SYMBOL)
        await venue.registry.define_account(ACCOUNT, "alice")
        await venue.registry.define_key(KEY_DIGEST, KeyRecord(account=ACCOUNT, user_name="alice"))
        await venue.gateway.credit(Transfer(account=ACCOUNT, asset=SYMBOL.base, atoms=FREE_ATOMS))
        await asyncio.gather(*[_seed(venue, level) for level in range(levels)])


async def _seed(venue: Venue, level: int) -> None:
    await venue.gateway.place_order(
        PlaceOrder(
            account=ACCOUNT,
            symbol=SYMBOL.symbol,
            rules_version=1,
            side=Side.SELL,
            type=OrderType.LIMIT,
            price_ticks=FIRST_PRICE_TICKS + level,
            lots=LOTS,
            client_order_id=f"seed-{level}",
        )
    )


def client_order_id(number: int) -> str:
    """22 characters, as long as those that the exchange makes itself."""
    return f"bench-{number:016d}"


def load_function(client: "redis.Redis", name: str) -> str:
    """Has the server know one of the exchange's commands; what FCALL calls it."""
    script = load_scripts()[name]
    client.function_load(script.function_text, replace=True)
    return script.function


def script_words(function: str, venue_name: str) -> Iterator[tuple[Word, ...]]:
    """FCALL of place_order without end: sell orders that rest, over the levels of `open_market` in turn."""
    keys = Keys(venue_name).of_market(SYMBOL.symbol, SYMBOL.base, SYMBOL.quote)
    for number in itertools.count():
        price_ticks = FIRST_PRICE_TICKS + number % LEVELS
        yield (
            "FCALL", function, len(keys), *keys, ACCOUNT, SYMBOL.symbol, KEY_DIGEST, 1, "SELL", "LIMIT", "GTC",
            price_ticks, LOTS, 0, client_order_id(number), "",
        )  # fmt: skip


class Counters(NamedTuple):
    """Where a venue stands after `open_market`."""

    seq: int
    order_id: int
    update_id: int
    epoch: int


def read_counters(client: "redis.Redis", venue_name: str) -> Counters:
    keys = Keys(venue_name)
    seq, next_order_id, epoch = cast("list[bytes]", client.hmget(keys.meta, ["seq", "next_order_id", "epoch"]))
    update_id = cast("bytes", client.hget(keys.meta, f"update_id:{SYMBOL.symbol}"))
    return Counters(int(seq), int(next_order_id), int(update_id), int(epoch))


def yardstick_words(sha: str, venue_name: str, start: Counters, now_ms: int) -> Iterator[tuple[Word, ...]]:
    """EVALSHA of same_calls.lua without end: the calls that the orders of `script_words` come to, with their texts."""
    keys = Keys(venue_name).of_market(SYMBOL.symbol, SYMBOL.base, SYMBOL.quote)
    for number in itertools.count():
        price_ticks, client_id = FIRST_PRICE_TICKS + number % LEVELS, client_order_id(number)
        order_id, seq, update_id = start.order_id + number, start.seq + 1 + number, start.update_id + 1 + number
        level_lots = LOTS * (number // LEVELS + 2)
        locked = ATOMS * (LEVELS + number)
        free = FREE_ATOMS - locked
        member = order_member(order_id)
        record = (
            f'[{LOTS},{LOTS},0,{ATOMS},{now_ms},"NEW",{order_id},{ACCOUNT},"SELL",{price_ticks},"LIMIT","GTC",{now_ms},'
            f'"{client_id}",0]'
        )
        event = (
            f'["order_placed",{start.epoch},{seq},{now_ms},"{SYMBOL.symbol}",{update_id},[],[],'
            f'[["SELL",{price_ticks},{level_lots}]],'
            f'[["{SYMBOL.base}",{ACCOUNT},{free},-{ATOMS},{locked},{ATOMS}]],{record},true]'
        )
        yield (
            "EVALSHA", sha, len(keys), *keys, KEY_DIGEST, f"{ACCOUNT}|{SYMBOL.symbol}|{client_id}", price_ticks,
            f"{ACCOUNT}:free", f"{ACCOUNT}:locked", locked + ATOMS, free - ATOMS, level_lots, member, record,
            f"{ACCOUNT}|{SYMBOL.symbol}|{member}", update_id, now_ms, seq, order_id + 1, f"0-{seq}", event,
            f"limits:{ACCOUNT}", f"update_id:{SYMBOL.symbol}", f"changed_ms:{SYMBOL.symbol}",
            f"a{price_ticks}",
        )  # fmt: skip


def pack(words: Iterator[tuple[Word, ...]], count: int) -> list[bytes]:
    """The next `count` commands as the bytes that Redis reads."""
    return [_pack(command) for command in itertools.islice(words, count)]


class ScriptRates(NamedTuple):
    """Orders a second by round, and the server's CPU time in microseconds an order over all rounds."""

    script: list[float]
    yardstick: list[float]
    script_cpu_us: float
    yardstick_cpu_us: float

    @property
    def ratios(self) -> list[float]:
        return [ours / bare for ours, bare in zip(self.script, self.yardstick, strict=True)]


def measure_script(*, rounds: int, orders: int, on_round: Callable[[], None]) -> ScriptRates:
    """P1: `orders` resting orders a round by the script and by the yardstick, on the server that comes with pip."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedServer(Path(folder), durability="ci") as server,
    ):
        client = redis.Redis(unix_socket_path=str(server.socket_path))
        pipe = Pipe(server.socket_path)
        try:
            return _measure_script(client, pipe, server.url, rounds=rounds, orders=orders, on_round=on_round)
        finally:
            pipe.close()
            client.close()


def _measure_script(
    client: "redis.Redis", pipe: Pipe, url: str, *, rounds: int, orders: int, on_round: Callable[[], None]
) -> ScriptRates:
    function = load_function(client, "place_order")
    yardstick_sha = client.script_load(YARDSTICK.read_text())
    frames: dict[str, list[bytes]] = {}
    seconds: dict[str, list[float]] = {"script": [], "yardstick": []}
    cpu = {"script": 0.0, "yardstick": 0.0}
    for round_number in range(rounds):
        client.flushall()
        for name in seconds:
            asyncio.run(open_market(url, name))
            seconds[name].append(0.0)
        if not frames:  # the same bytes every round: an emptied server counts from the same numbers
            start, now_ms = read_counters(client, "yardstick"), time.time_ns() // 1_000_000
            frames["script"] = pack(script_words(function, "script"), orders)
            frames["yardstick"] = pack(yardstick_words(yardstick_sha, "yardstick", start, now_ms), orders)
        for first in range(0, orders, SLICE_ORDERS):
            turn = list(seconds) if (round_number + first // SLICE_ORDERS) % 2 == 0 else list(reversed(seconds))
            for name in turn:
                before = cpu_seconds_of(client)
                seconds[name][-1] += pipe.run(frames[name][first : first + SLICE_ORDERS])
                cpu[name] += cpu_seconds_of(client) - before
        on_round()
    total = orders * rounds
    return ScriptRates(
        script=[orders / spent for spent in seconds["script"]],
        yardstick=[orders / spent for spent in seconds["yardstick"]],
        script_cpu_us=cpu["script"] / total * 1e6,
        yardstick_cpu_us=cpu["yardstick"] / total * 1e6,
    )


def cpu_seconds_of(client: "redis.Redis") -> float:
    info: dict[str, Any] = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


class Memory(NamedTuple):
    """Bytes a resting order adds: by MEMORY USAGE of every key but the event stream, and by the server's used_memory
    once that stream is trimmed. The two agree within a few percent; the first is the figure."""

    server: str
    by_keys: float
    by_used_memory: float


def debian_server() -> ServerBinary | None:
    """redis-server on PATH, if it is another program than the one that comes with pip."""
    found, bundled = shutil.which("redis-server"), find_server()
    if found is None or (bundled is not None and Path(found).resolve() == bundled.path.resolve()):
        return None
    return ServerBinary(Path(found), "PATH")


def measure_memory(binary: ServerBinary | None, *, orders: int) -> Memory:
    """P5 on one server: `orders` sell orders over 500 levels, with client order ids of 22 characters."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedServer(Path(folder), durability="ci", binary=binary) as server,
    ):
        asyncio.run(open_market(server.url, "memory"))
        client = redis.Redis(unix_socket_path=str(server.socket_path))
        pipe = Pipe(server.socket_path)
        try:
            function = load_function(client, "place_order")
            keys_before, used_before = _bytes_of_keys(client, "memory"), _used_bytes(client, "memory")
            words = script_words(function, "memory")
            for first in range(0, orders, SLICE_ORDERS):
                pipe.run(pack(words, min(SLICE_ORDERS, orders - first)))
            by_keys = (_bytes_of_keys(client, "memory") - keys_before) / orders
            return Memory(server_name(client), by_keys, (_used_bytes(client, "memory") - used_before) / orders)
        finally:
            pipe.close()
            client.close()


def _bytes_of_keys(client: "redis.Redis", venue_name: str) -> int:
    """Every element is weighed (SAMPLES 0), none is estimated from its neighbours."""
    keys = [key for key in client.scan_iter(count=1_000) if key != Keys(venue_name).events.encode()]
    return sum(client.memory_usage(key, samples=0) or 0 for key in keys)


def _used_bytes(client: "redis.Redis", venue_name: str) -> int:
    client.xtrim(Keys(venue_name).events, maxlen=0, approximate=False)
    return int(client.info("memory")["used_memory"])


def server_name(client: "redis.Redis") -> str:
    """The server by its own name: Valkey says redis_version 7.2.4 whatever it is."""
    info: dict[str, Any] = client.info("server")
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
