"""P2 to P4, as small as they go: the load does what it says, and the figures are made of what was measured."""

import random
from collections.abc import Iterator
from statistics import median

import msgspec
import pytest

from benchmarks.engine_load import FIRST_PRICE_TICKS, SYMBOL
from benchmarks.measure import QUICK, Run
from benchmarks.order_costs import (
    OPERATIONS,
    Book,
    CpuRatio,
    Market,
    Server,
    measure_against_trivial,
    measure_books,
    measure_fills,
    own_server,
)
from benchmarks.processes import BenchFailed
from engine.keys import Keys
from engine.types import Side
from exchange_project.lone_worker import lone_worker


@pytest.fixture
def server() -> Iterator[Server]:
    with own_server() as server:
        yield server


def in_book(server: Server, name: str) -> list[int]:
    """Order ids, best and oldest first."""
    return [int(member) for member in server.client.zrange(Keys(name).book(SYMBOL.symbol, Side.SELL), 0, -1)]


def test_orders_and_scripts_that_do_nothing_are_measured_in_every_round() -> None:
    rounds: list[int] = []
    costs = measure_against_trivial(rounds=2, orders=1_100, on_round=lambda: rounds.append(1))
    assert len(rounds) == 2
    assert costs.ratios == [ours / trivial for ours, trivial in zip(costs.measured, costs.against, strict=True)]


def test_ten_fills_and_one_are_measured_in_every_round() -> None:
    costs = measure_fills(rounds=2, sweeps=40, on_round=lambda: None)
    assert len(costs.ratios) == 2
    assert costs.ratios == [ten / one for ten, one in zip(costs.measured, costs.against, strict=True)]


def test_every_operation_is_measured_in_books_of_both_sizes() -> None:
    costs = measure_books(rounds=2, batches=1, small=300, large=700, on_round=lambda: None)
    assert tuple(costs) == OPERATIONS
    for cost in costs.values():
        assert len(cost.ratios) == 2
        assert cost.ratios == [large / small for large, small in zip(cost.measured, cost.against, strict=True)]


def test_a_clock_that_saw_nothing_gives_no_ratio() -> None:
    with pytest.raises(BenchFailed, match="CPU time of Redis did not move"):
        _ = CpuRatio([1.0, 2.0], [0.5, 0.0]).ratios


def test_the_load_rests_fills_and_cancels_what_it_says(server: Server) -> None:
    market, first = Market(server, "market"), FIRST_PRICE_TICKS
    market.rest([first + 1, first, first + 1, first + 2])()
    assert in_book(server, "market") == [2, 1, 3, 4]
    market.take(1, 2)()  # the cheapest, then the older one of the next price
    assert in_book(server, "market") == [3, 4]
    assert market.queues == {first: [], first + 1: [3], first + 2: [4]}
    market.cancel([4])()
    assert in_book(server, "market") == [3]


def test_an_order_of_the_load_that_fills_something_else_fails_the_measurement(server: Server) -> None:
    market = Market(server, "market")
    market.rest([FIRST_PRICE_TICKS])()
    market.queues[FIRST_PRICE_TICKS].append(99)  # there is none
    with pytest.raises(BenchFailed, match="had 1 fills instead of 2"):
        market.take(1, 2)()


def test_an_order_of_the_load_that_is_refused_fails_the_measurement(server: Server) -> None:
    market = Market(server, "market")
    with pytest.raises(BenchFailed, match="UNKNOWN_ORDER"):
        market.cancel([99])()


def test_a_book_keeps_its_size_and_its_events_do_not_pile_up(server: Server) -> None:
    book = Book(server, "book", 400, random.Random(1))
    for _ in range(3):
        assert set(book.go_on(50)) == set(OPERATIONS)
    assert len(in_book(server, "book")) == 400
    assert sorted(in_book(server, "book")) == sorted(order for queue in book.queues.values() for order in queue)
    assert server.client.xlen(Keys("book").events) == 0


def test_the_figures_are_the_medians_of_the_rounds_and_stand_beside_what_they_were_made_of() -> None:
    size = msgspec.structs.replace(QUICK, script_orders=600, sweeps=30, small_book=300, large_book=900, book_batches=1)
    run = Run(size, lone_worker, lambda what, done, steps: None)
    outcomes = run.outcomes(["P2", "P3", "P4"])
    assert [outcome.goal.id for outcome in outcomes] == ["P2", "P3", "P4"]
    for outcome in outcomes:
        assert outcome.problem == ""
        assert len(outcome.by_round) == 3
        assert outcome.value == median(outcome.by_round) > 0
    trivial, fills, books = (outcome.absolutes for outcome in outcomes)
    assert set(trivial) == {"order_server_cpu_us", "trivial_script_server_cpu_us"}
    assert set(fills) == {"ten_fills_server_cpu_us", "one_fill_server_cpu_us"}
    for name in OPERATIONS:
        assert {f"{name}_ratio", f"{name}_at_900_server_cpu_us", f"{name}_at_300_server_cpu_us"} <= set(books)
        assert outcomes[2].value >= books[f"{name}_ratio"], "the worst of a round is at least each of them"
