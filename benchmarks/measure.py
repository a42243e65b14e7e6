"""Which measurement gives which figure, and the run of all that were asked for.

The fact a newcomer would get wrong: figures come in groups. One load gives P6 and P7, one set of sockets P9 and P10,
so that what is divided was measured by turns in one go; a group whose measurement fails spoils no other.
"""

from collections.abc import Callable, Collection
from statistics import median
from typing import Final

import msgspec

from benchmarks.durability import measure_durability
from benchmarks.engine_load import debian_server, measure_memory, measure_script
from benchmarks.fan_out import SOCKETS, FanOut, Sender, measure_fan_out
from benchmarks.http_generator import Load
from benchmarks.http_load import CONNECTIONS, measure_http
from benchmarks.order_costs import CpuRatio, measure_against_trivial, measure_books, measure_fills
from benchmarks.processes import BenchFailed, StartWorker
from benchmarks.ratios import GOALS, GOALS_BY_ID, Outcome
from benchmarks.replay_rate import measure_replay
from benchmarks.report_delay import measure_report_delay
from benchmarks.socket_load import measure_sockets
from engine.errors import ExchangeError

FAILURES: Final = (BenchFailed, ExchangeError, OSError)


class Size(msgspec.Struct, frozen=True):
    """How much of everything a run measures."""

    rounds: int
    script_orders: int  # a round
    sweeps: int  # orders with ten fills, a round
    small_book: int
    large_book: int
    book_batches: int  # of each operation, a round
    memory_orders: int
    http_slices: int  # tenths of a second, of each kind of request, a round
    frames: int  # a round
    reported_orders: int  # at 500 a second, a round
    sockets: int = SOCKETS
    connections: int = CONNECTIONS


FULL: Final = Size(
    rounds=5, script_orders=20_000, sweeps=2_000, small_book=1_000, large_book=1_000_000, book_batches=10,
    memory_orders=100_000, http_slices=20, frames=50,
    reported_orders=2_500,
)  # fmt: skip
QUICK: Final = Size(
    rounds=3, script_orders=8_000, sweeps=1_000, small_book=1_000, large_book=100_000, book_batches=8,
    memory_orders=100_000, http_slices=12, frames=20,
    reported_orders=1_000,
)  # fmt: skip

# Called with what is being measured and how many of its steps are done, for a progress bar.
Tell = Callable[[str, int, int], None]


class Run:
    """One run of the bench."""

    def __init__(self, size: Size, start_worker: StartWorker, tell: Tell) -> None:
        self._size = size
        self._start_worker = start_worker
        self._tell = tell

    def outcomes(self, wanted: Collection[str]) -> list[Outcome]:
        """Of the goals with these ids, in the order of the table."""
        groups: list[tuple[set[str], Callable[[], list[Outcome]]]] = [
            ({"P1"}, self._script),
            ({"P2"}, self._trivial),
            ({"P3"}, self._fills),
            ({"P4"}, self._books),
            ({"P5"}, self._memory),
            ({"P6", "P7"}, self._http),
            ({"P8"}, self._sockets),
            ({"P9", "P10"}, self._fan_out),
            ({"P11"}, self._durability),
            ({"P12"}, self._report_delay),
            ({"P13"}, self._replay),
        ]
        found: dict[str, Outcome] = {}
        for ids, measure in groups:
            asked_for = ids & set(wanted)
            if not asked_for:
                continue
            try:
                outcomes = measure()
            except FAILURES as error:
                outcomes = [Outcome(GOALS_BY_ID[id_], problem=str(error)) for id_ in ids]
            found |= {outcome.goal.id: outcome for outcome in outcomes if outcome.goal.id in asked_for}
        return [found[goal.id] for goal in GOALS if goal.id in found]

    def _rounds(self, what: str) -> Callable[[], None]:
        """Tells that the measurement begins; the function returned is called after each round."""
        done = 0
        self._tell(what, done, self._size.rounds)

        def on_round() -> None:
            nonlocal done
            done += 1
            self._tell(what, done, self._size.rounds)

        return on_round

    def _script(self) -> list[Outcome]:
        on_round = self._rounds("P1: orders straight into Redis")
        rates = measure_script(rounds=self._size.rounds, orders=self._size.script_orders, on_round=on_round)
        absolutes = {
            "script_orders_per_second": median(rates.script),
            "yardstick_orders_per_second": median(rates.yardstick),
            "script_server_cpu_us": rates.script_cpu_us,
            "yardstick_server_cpu_us": rates.yardstick_cpu_us,
        }
        return [_outcome("P1", rates.ratios, absolutes)]

    def _trivial(self) -> list[Outcome]:
        on_round = self._rounds("P2: orders and scripts that do nothing, 50 sockets")
        costs = measure_against_trivial(rounds=self._size.rounds, orders=self._size.script_orders, on_round=on_round)
        return [_outcome("P2", costs.ratios, _cpu("order", costs.measured) | _cpu("trivial_script", costs.against))]

    def _fills(self) -> list[Outcome]:
        on_round = self._rounds("P3: orders with ten fills and with one")
        costs = measure_fills(rounds=self._size.rounds, sweeps=self._size.sweeps, on_round=on_round)
        return [_outcome("P3", costs.ratios, _cpu("ten_fills", costs.measured) | _cpu("one_fill", costs.against))]

    def _books(self) -> list[Outcome]:
        size = self._size
        on_round = self._rounds(f"P4: books of {size.large_book:,} and {size.small_book:,} orders")
        costs = measure_books(
            rounds=size.rounds, batches=size.book_batches, small=size.small_book, large=size.large_book,
            on_round=on_round,
        )  # fmt: skip
        return [_outcome("P4", _worst_by_round(costs), _costs_by_size(costs, size))]

    def _memory(self) -> list[Outcome]:
        others = debian_server()
        steps = 1 if others is None else 2
        what = f"P5: {self._size.memory_orders:,} resting orders"
        self._tell(what, 0, steps)
        embedded = measure_memory(None, orders=self._size.memory_orders)
        self._tell(what, 1, steps)
        absolutes = {f"{embedded.server} used_memory bytes": embedded.by_used_memory}
        if others is not None:
            system = measure_memory(others, orders=self._size.memory_orders)
            absolutes[f"{system.server} bytes"] = system.by_keys
            absolutes[f"{system.server} used_memory bytes"] = system.by_used_memory
            self._tell(what, 2, steps)
        return [_outcome("P5", [embedded.by_keys], {f"{embedded.server} bytes": embedded.by_keys} | absolutes)]

    def _http(self) -> list[Outcome]:
        size = self._size
        rates = measure_http(
            self._start_worker,
            rounds=size.rounds,
            slices=size.http_slices,
            connections=size.connections,
            on_round=self._rounds("P6, P7: one web worker, ping and order by turns"),
        )
        pings, orders = _of_loads("ping", rates.pings), _of_loads("order", rates.orders)
        latencies = {
            "order_p50_us": median(load.p50_us for load in rates.orders),
            "order_p99_us": median(load.p99_us for load in rates.orders),
        }
        return [_outcome("P6", rates.rate_ratios, pings | orders), _outcome("P7", rates.tail_ratios, latencies)]

    def _sockets(self) -> list[Outcome]:
        size = self._size
        costs = measure_sockets(
            self._start_worker,
            rounds=size.rounds,
            slices=size.http_slices,
            connections=size.connections,
            on_round=self._rounds("P8: one web worker, signed orders by HTTP and by WebSocket"),
        )
        return [_outcome("P8", costs.ratios, _of_loads("post", costs.posts) | _of_loads("socket_order", costs.sockets))]

    def _fan_out(self) -> list[Outcome]:
        size = self._size
        result = measure_fan_out(
            self._start_worker,
            rounds=size.rounds,
            frames=size.frames,
            sockets=size.sockets,
            on_round=self._rounds(f"P9, P10: one frame to {size.sockets:,} sockets"),
        )
        consumers = _of_sender("consumers", result.consumers)
        bare = _outcome("P9", result.against_bare, consumers | _of_sender("bare_loop", result.bare))
        return [bare, _against_channels(result, consumers)]

    def _durability(self) -> list[Outcome]:
        on_round = self._rounds("P11: orders with the append-only file and without")
        costs = measure_durability(rounds=self._size.rounds, orders=self._size.script_orders, on_round=on_round)
        absolutes = _cpu("everysec", costs.cpu.measured) | _cpu("no_file", costs.cpu.against)
        return [_outcome("P11", costs.cpu.ratios, absolutes | {"file_bytes_per_order": costs.file_bytes})]

    def _report_delay(self) -> list[Outcome]:
        delays = measure_report_delay(
            self._start_worker,
            rounds=self._size.rounds,
            orders=self._size.reported_orders,
            on_round=self._rounds("P12: two web workers, orders with one, reports from the other"),
        )
        absolutes = {
            "orders_per_second": median(each.rate for each in delays.rounds),
            "report_p50_us": median(each.report.p50_us for each in delays.rounds),
            "report_p99_us": median(each.report.p99_us for each in delays.rounds),
            "sent_to_answer_p99_us": median(each.answer.p99_us for each in delays.rounds),
            "sent_to_report_p99_us": median(each.whole_way.p99_us for each in delays.rounds),
            "ping_p50_us": median(each.ping.p50_us for each in delays.rounds),
            "ping_p99_us": median(each.ping.p99_us for each in delays.rounds),
        }
        return [_outcome("P12", delays.ratios, absolutes)]

    def _replay(self) -> list[Outcome]:
        on_round = self._rounds("P13: a recording at full speed")
        rates = measure_replay(rounds=self._size.rounds, orders=self._size.script_orders, on_round=on_round)
        absolutes = {
            "replayed_per_second": median(rates.replayed),
            "orders_per_second": median(rates.orders),
        }
        costs = _cpu("replayed", rates.replayed_cpu_us) | _cpu("order", rates.orders_cpu_us)
        return [_outcome("P13", rates.ratios, absolutes | costs)]


def _against_channels(result: FanOut, consumers: dict[str, float]) -> Outcome:
    try:
        ratios = result.against_channels
    except BenchFailed as error:
        return Outcome(GOALS_BY_ID["P10"], problem=str(error))
    assert result.channels is not None
    return _outcome("P10", ratios, consumers | _of_sender("channels_redis", result.channels))


def _worst_by_round(costs: dict[str, CpuRatio]) -> list[float]:
    return [max(ratios) for ratios in zip(*(cost.ratios for cost in costs.values()), strict=True)]


def _costs_by_size(costs: dict[str, CpuRatio], size: Size) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, cost in costs.items():
        found[f"{name}_ratio"] = median(cost.ratios)
        found |= _cpu(f"{name}_at_{size.large_book:,}", cost.measured)
        found |= _cpu(f"{name}_at_{size.small_book:,}", cost.against)
    return found


def _cpu(name: str, by_round: list[float]) -> dict[str, float]:
    return {f"{name}_server_cpu_us": median(by_round)}


def _of_loads(name: str, loads: list[Load]) -> dict[str, float]:
    return {
        f"{name}s_per_second": median(load.rate for load in loads),
        f"{name}_worker_cpu_us": median(load.worker_cpu_us for load in loads),
    }


def _of_sender(name: str, sender: Sender) -> dict[str, float]:
    return {
        f"{name}_deliveries_per_cpu_second": median(sender.rates),
        f"{name}_deliveries_per_second": median(sender.wall_rates),
    }


def _outcome(id_: str, by_round: list[float], absolutes: dict[str, float]) -> Outcome:
    return Outcome(GOALS_BY_ID[id_], median(by_round), tuple(by_round), absolutes)
