"""An order of more than 500 fills: several steps, one reply, and the same outcome as if there were no steps."""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from engine.audit import audit
from engine.commands import CancelAllOrders, PlaceOrder, ReduceOrder, Transfer
from engine.errors import Reason
from engine.events import OrderContinued, OrderPlaced
from engine.types import BALANCE_LIMIT, MAX_FILLS, OrderStatus, Side, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, ETHBTC, RICH_ATOMS, balance, cancel, fund, limit, market
from tests.engine.checks import events_after, events_of, refused_without_a_trace
from tests.engine.steps import place_first_step
from tests.model.agreement import Pair
from tests.model.asking import Step

BUY, SELL = Side.BUY, Side.SELL
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK
COUNT = MAX_FILLS + 5


def steps_of(events: list[object]) -> list[OrderPlaced | OrderContinued]:
    return [event for event in events if isinstance(event, OrderPlaced | OrderContinued)]


async def offer(venue: Venue, account: int, count: int, *, side: Side = SELL, symbol: str = "BTCUSDT") -> None:
    """`count` orders of one lot, three to a price, from 100 ticks on."""
    sign = 1 if side is SELL else -1
    orders = (limit(account, side, 1_000 + sign * (index // 3), 1, symbol=symbol) for index in range(count))
    await asyncio.gather(*(venue.gateway.place_order(order) for order in orders))


@pytest.mark.parametrize(
    "order",
    [
        limit(2, BUY, 2_000, COUNT + 3),  # pays less than its limit, and rests
        limit(2, BUY, 1_166, 2 * COUNT, tif=IOC),
        limit(2, BUY, 1_166, MAX_FILLS + 1, tif=FOK),
        limit(2, BUY, 1_166, 2 * COUNT, tif=FOK),
        market(2, BUY, lots=COUNT - 1),
        market(2, BUY, lots=2 * COUNT),
        market(2, BUY, quote_atoms=5_430_000),  # between 500 and 505 lots
        market(2, BUY, quote_atoms=10**9),
        limit(2, SELL, 1, COUNT + 3, symbol="ETHBTC"),
        market(2, SELL, lots=COUNT - 1, symbol="ETHBTC"),
        market(2, SELL, quote_atoms=46_100, symbol="ETHBTC"),
        market(2, SELL, quote_atoms=10**9, symbol="ETHBTC"),
    ],
)
async def test_the_outcome_is_the_one_without_steps(venue: Venue, order: PlaceOrder) -> None:
    pair = await Pair.start(venue)
    pair.reference.cap = 10 * COUNT  # it knows no steps
    for account, asset in ((1, "BTC"), (1, "ETH"), (2, "USDT"), (2, "ETH")):
        await pair.play(Step("credit", Transfer(account=account, asset=asset, atoms=RICH_ATOMS)))
    version = pair.reference.markets[order.symbol].rules_version
    for index in range(COUNT):
        price_ticks = 1_000 + (index // 3 if order.side is BUY else -(index // 3))
        maker = limit(1, order.side.opposite, price_ticks, 1, symbol=order.symbol)
        await pair.play(Step("place_order", msgspec.structs.replace(maker, rules_version=version)))
    await pair.compare_events()

    await pair.play(Step("place_order", msgspec.structs.replace(order, rules_version=version)))
    steps = steps_of(await events_after(venue, pair.seen))
    (told,) = pair.reference.events
    fills, makers, balances = gathered(steps)
    assert len(fills) == len(told["fills"])
    assert [fill.trade_id for fill in fills] == list(range(1, len(fills) + 1))
    assert makers == [maker.id for maker in told["makers"]]
    assert balances == {
        key: ((now.free - before.free) * 10**8, (now.locked - before.locked) * 10**8)
        for key, before, now in told["balances"]
    }
    if fills:  # all but a FOK that cannot be filled
        assert [len(step.fills) for step in steps] == [MAX_FILLS, len(fills) - MAX_FILLS]
        assert [step.is_final for step in steps] == [False, True]
        pair.reference.markets[order.symbol].update_id += 1
    await pair.compare_books()


def gathered(
    steps: list[OrderPlaced | OrderContinued],
) -> tuple[list[object], list[int], dict[tuple[str, int], tuple[int, int]]]:
    """Fills, ids of the makers, and what each balance changed by, of all steps together."""
    free: Counter[tuple[str, int]] = Counter()
    locked: Counter[tuple[str, int]] = Counter()
    for step in steps:
        for change in step.balances:
            free[change.asset, change.account] += change.free_delta
            locked[change.asset, change.account] += change.locked_delta
    changed = {key: (free[key], locked[key]) for key in free if free[key] or locked[key]}
    return (
        [fill for step in steps for fill in step.fills],
        [maker.order_id for step in steps for maker in step.makers],
        changed,
    )


async def test_as_many_steps_as_it_takes_and_one_reply(venue: Venue, alice: int, bob: int) -> None:
    await offer(venue, alice, 2 * MAX_FILLS + 7)
    events = await events_of(venue, lambda: venue.gateway.place_order(market(bob, BUY, lots=2 * MAX_FILLS + 7)))
    assert [len(step.fills) for step in steps_of(events)] == [MAX_FILLS, MAX_FILLS, 7]
    assert [step.is_final for step in steps_of(events)] == [False, False, True]


async def test_exactly_five_hundred_fills_are_one_step(venue: Venue, alice: int, bob: int) -> None:
    await offer(venue, alice, COUNT)
    events = await events_of(venue, lambda: venue.gateway.place_order(market(bob, BUY, lots=MAX_FILLS)))
    assert [(len(step.fills), step.is_final) for step in steps_of(events)] == [(MAX_FILLS, True)]


async def test_between_two_steps_the_books_agree_and_the_order_is_open(venue: Venue, alice: int, bob: int) -> None:
    await offer(venue, alice, COUNT)
    *_, is_final, _ = await place_first_step(venue, limit(bob, BUY, 2_000, COUNT + 3))
    assert not is_final
    assert (await audit(venue)).differences == []
    (order,) = await venue.queries.open_orders(bob, ["BTCUSDT"])
    assert (order.status, order.left_lots) == (OrderStatus.PARTIALLY_FILLED, 8)
    assert (await balance(venue, bob, "USDT"))[1] == BTCUSDT.notional_ceil(2_000, 8)
    await venue.gateway.cancel_order(cancel(bob, order.order_id))


COMMANDS: dict[str, Callable[[Venue], object]] = {
    "place": lambda venue: venue.gateway.place_order(limit(3, BUY, 900, 1)),
    "cancel": lambda venue: venue.gateway.cancel_order(cancel(3, 1)),
    "cancel all": lambda venue: venue.gateway.cancel_all_orders(CancelAllOrders(account=3, symbol="BTCUSDT")),
    "reduce": lambda venue: venue.gateway.reduce_order(ReduceOrder(account=3, symbol="BTCUSDT", order_id=1, lots=1)),
}


@pytest.mark.parametrize("name", COMMANDS)
async def test_whoever_comes_next_finishes_an_order_whose_worker_died(
    venue: Venue, alice: int, bob: int, carol: int, name: str
) -> None:
    await venue.gateway.place_order(limit(carol, BUY, 800, 2))
    await offer(venue, alice, COUNT)
    seq, *_ = await place_first_step(venue, market(bob, BUY, lots=COUNT))
    await COMMANDS[name](venue)  # type: ignore[misc]
    events = await events_after(venue, seq - 1)
    assert [type(event).__name__ for event in events[:2]] == ["OrderPlaced", "OrderContinued"]
    assert len(events) == 3  # and only then the command that came
    order = await venue.queries.order(bob, "BTCUSDT", order_id=COUNT + 2)
    assert (order.status, order.left_lots) == (OrderStatus.FILLED, 0)


async def test_another_symbol_does_not_wait(venue: Venue, alice: int, bob: int) -> None:
    await offer(venue, alice, COUNT)
    await place_first_step(venue, market(bob, BUY, lots=COUNT))
    events = await events_of(venue, lambda: venue.gateway.place_order(limit(bob, BUY, 100, 1, symbol="ETHUSDT")))
    assert [type(event).__name__ for event in events] == ["OrderPlaced"]
    await venue.gateway.place_order(limit(bob, BUY, 100, 1))


async def test_many_at_once_on_two_workers_get_their_own_answers(redis_url: str, venue: Venue, alice: int) -> None:
    """Takers of all the book and of a lot each, on two connections: nobody loses a fill or gets a foreign one."""
    other = await Venue.connect(redis_url, venue.name)
    await offer(venue, alice, COUNT)
    for account in range(4, 14):
        await fund(venue, account, USDT=RICH_ATOMS)
    wanted = [(4, COUNT - 9), *((account, 1) for account in range(5, 14))]
    orders = [limit(account, BUY, 10_000, lots, tif=IOC) for account, lots in wanted]
    placed = await asyncio.gather(
        *((venue, other)[index % 2].gateway.place_order(order) for index, order in enumerate(orders))
    )
    for order, answer in zip(orders, placed, strict=True):
        assert (answer.order.account, answer.order.status) == (order.account, OrderStatus.FILLED)
        assert {fill.taker_order_id for fill in answer.fills} == {answer.order.order_id}
        assert sum(fill.lots for fill in answer.fills) == order.lots
    await other.close()


async def test_a_halt_between_two_steps_does_not_stop_the_order(venue: Venue, alice: int, bob: int) -> None:
    await offer(venue, alice, COUNT + 1)
    await place_first_step(venue, market(bob, BUY, lots=COUNT))
    await venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, status="HALT"))
    await venue.gateway.cancel_order(cancel(alice, COUNT + 1))
    assert (await venue.queries.order(bob, "BTCUSDT", order_id=COUNT + 2)).status is OrderStatus.FILLED


async def test_a_sale_that_together_would_bring_too_much_is_too_large_before_its_first_step(venue: Venue) -> None:
    """The first 500 fills are small; the 501st order alone would still do, all of it together would not."""
    await fund(venue, 8, USDT=4 * 10**18)
    await fund(venue, 9, BTC=4 * 10**18)
    for _ in range(MAX_FILLS):
        await venue.gateway.place_order(limit(8, BUY, 10**6, 1))
    for _ in range(3):
        await venue.gateway.place_order(limit(8, BUY, 10**5, 4 * 10**9))
    for order in (limit(9, SELL, 1, 12 * 10**9), market(9, SELL, lots=12 * 10**9)):
        refused = venue.gateway.place_order(order)
        assert await refused_without_a_trace(venue, refused) is Reason.AMOUNT_TOO_LARGE


async def test_a_quote_amount_that_buys_very_much_takes_as_many_steps_as_stay_exact(venue: Venue) -> None:
    await fund(venue, 8, BTC=BALANCE_LIMIT)
    await fund(venue, 9, USDT=10**17)
    for _ in range(MAX_FILLS):
        await venue.gateway.place_order(limit(8, SELL, 1, 1))
    for _ in range(3):
        await venue.gateway.place_order(limit(8, SELL, 1, 4 * 10**12))  # 4e15 atoms of BTC for 4e13 of USDT
    placed = await venue.gateway.place_order(market(9, BUY, quote_atoms=13 * 10**13))
    assert (placed.order.status, placed.order.lots) == (OrderStatus.EXPIRED, 12 * 10**12 + MAX_FILLS)
    assert (await balance(venue, 8, "BTC")) == (BALANCE_LIMIT - 12 * 10**15 - 1_000 * MAX_FILLS, 0)


async def test_a_sale_by_quote_amount_that_runs_out_of_base_sells_what_there_is(venue: Venue, alice: int) -> None:
    """How much base the later steps need is not known at the first: it may spend what was free then."""
    await offer(venue, alice, COUNT, side=BUY, symbol="ETHBTC")
    lots = MAX_FILLS + 2
    await fund(venue, 9, ETH=lots * ETHBTC.base_atoms_per_lot)
    placed = await venue.gateway.place_order(market(9, SELL, quote_atoms=10**9, symbol="ETHBTC"))
    assert (placed.order.status, placed.order.lots) == (OrderStatus.EXPIRED, lots)
    assert await balance(venue, 9, "ETH") == (0, 0)
