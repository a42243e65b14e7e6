"""The PRICE_RANGE execution rule (faqs/price_range_execution_rules.md) and the reference price it is about.

The fact a newcomer would get wrong: the range is set when an order begins to take and stays so for all it takes, while
the trades of the order itself move the reference price already.
"""

from fractions import Fraction
from random import Random
from typing import Any

import msgspec
import pytest

from engine.commands import PlaceOrder, PlaceOrderList, TapeTrade
from engine.errors import Reason
from engine.events import ReferencePriceSet
from engine.gateway import Placed
from engine.records import decode_order
from engine.types import (
    TAPE_MAKER,
    TAPE_TAKER,
    ListKind,
    OrderStatus,
    OrderType,
    PegPrice,
    Side,
    StpMode,
    SymbolSpec,
    TimeInForce,
)
from engine.venue import Venue
from tests.conftest import BTCUSDT, balance, cancel, fund, limit, market
from tests.engine.checks import events_of, refused_without_a_trace
from tests.engine.steps import place_first_step
from tests.model.small_steps import shorten_steps

BUY, SELL = Side.BUY, Side.SELL
START_MS = 1_700_000_000_000
UNIT = 10**8
REASON = "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
RANGE = {"range_bid_up_e4": 20_000, "range_bid_down_e4": 5_000, "range_ask_up_e4": 20_000, "range_ask_down_e4": 5_000}
MEAN = {"reference_bucket_ms": 1_000, "reference_buckets": 10}


class Rules:
    """A symbol whose rules change in a test: orders are placed under those in force."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    async def define(self, **changes: Any) -> SymbolSpec:
        await self.venue.registry.define_symbol(msgspec.structs.replace(BTCUSDT, min_notional_atoms=0, **changes))
        return await self.venue.registry.spec("BTCUSDT")

    async def now(self, order: PlaceOrder, **changes: Any) -> PlaceOrder:
        version = (await self.venue.registry.spec("BTCUSDT")).rules_version
        return msgspec.structs.replace(order, rules_version=version, **changes)

    async def place(self, order: PlaceOrder, **changes: Any) -> Placed:
        return await self.venue.gateway.place_order(await self.now(order, **changes))

    async def reference(self) -> int | None:
        found = await self.venue.queries.reference_price(await self.venue.registry.spec("BTCUSDT"))
        return None if found is None else found.price_units


@pytest.fixture
async def rules(venue: Venue, alice: int, bob: int) -> Rules:
    await venue.clock.set_virtual(START_MS)
    return Rules(venue)


@pytest.fixture
async def external(rules: Rules) -> Rules:
    """The FAQ's example: a reference price of 10.00, twice and half of it; asks at 15 to 20.01, bids at 7 to 4.99."""
    await rules.define(**RANGE, reference_external_id=0)
    await rules.venue.registry.set_reference_price("BTCUSDT", 10 * UNIT)
    for price in (1_500, 2_000, 2_001):
        await rules.place(limit(1, SELL, price, 10))
    for price in (700, 500, 499):
        await rules.place(limit(1, BUY, price, 10))
    return rules


@pytest.mark.parametrize(
    ("order", "lots", "status"),
    [
        (limit(2, BUY, 3_000, 30), 20, "EXPIRED"),  # it does not rest either
        (limit(2, BUY, 2_000, 30), 20, "PARTIALLY_FILLED"),  # its limit stops it, within and equal to the range
        (limit(2, BUY, 3_000, 20), 20, "FILLED"),
        (limit(2, BUY, 3_000, 30, tif=TimeInForce.IOC), 20, "EXPIRED"),
        (limit(2, BUY, 3_000, 30, tif=TimeInForce.FOK), 0, "EXPIRED"),
        (limit(2, BUY, 3_000, 20, tif=TimeInForce.FOK), 20, "FILLED"),
        (market(2, BUY, lots=30), 20, "EXPIRED"),
        (market(2, BUY, quote_atoms=10**7), 20, "EXPIRED"),
        (limit(2, SELL, 1, 30), 20, "EXPIRED"),
        (market(2, SELL, lots=30), 20, "EXPIRED"),
    ],
)
async def test_a_taker_expires_at_the_first_price_outside(
    external: Rules, order: PlaceOrder, lots: int, status: str
) -> None:
    placed = await external.place(order)
    assert (placed.order.status, placed.order.filled_lots) == (status, lots)
    is_range = status == "EXPIRED"
    assert (placed.order.terms.expiry if placed.order.terms is not None else "") == (REASON if is_range else "")
    asset = "USDT" if order.side is BUY else "BTC"
    _, locked = await balance(external.venue, 2, asset)
    assert locked == (2_000 * 10 * 10 if status == "PARTIALLY_FILLED" else 0)


@pytest.mark.parametrize("left_out", RANGE)
async def test_a_multiplier_that_is_not_set_bounds_nothing(external: Rules, left_out: str) -> None:
    await external.define(**(RANGE | {left_out: 0}), reference_external_id=0)
    prices = {
        "range_bid_up_e4": (BUY, 3_000, 2_001), "range_ask_down_e4": (SELL, 1, 499),
        "range_bid_down_e4": (BUY, 400, 400), "range_ask_up_e4": (SELL, 2_500, 2_500),
    }  # fmt: skip
    side, price, last = prices[left_out]
    if left_out == "range_bid_down_e4":  # a sale so cheap that no purchase could have it otherwise
        await external.define(reference_external_id=0)
        await external.place(limit(1, SELL, 400, 60))
        await external.define(**(RANGE | {left_out: 0}), reference_external_id=0)
    if left_out == "range_ask_up_e4":
        await external.define(reference_external_id=0)
        await external.place(limit(1, BUY, 2_500, 40))
        await external.define(**(RANGE | {left_out: 0}), reference_external_id=0)
    placed = await external.place(limit(2, side, price, 30))
    assert last in {fill.price_ticks for fill in placed.fills}


async def test_without_a_rule_or_without_a_reference_price_nothing_is_enforced(external: Rules) -> None:
    await external.venue.registry.set_reference_price("BTCUSDT", None)
    assert await external.reference() is None
    assert (await external.place(limit(2, BUY, 3_000, 25))).order.status is OrderStatus.FILLED
    await external.define(reference_external_id=0)
    await external.venue.registry.set_reference_price("BTCUSDT", 10 * UNIT)
    assert (await external.place(limit(2, BUY, 3_000, 5))).order.status is OrderStatus.FILLED


async def test_bounds_that_are_no_whole_ticks_are_not_passed(rules: Rules) -> None:
    """1.0001 times 10.00 is 10.001, between two ticks: 10.01 is outside, and 9.99 below 9.999."""
    await rules.define(
        range_bid_up_e4=10_001, range_ask_down_e4=9_999, range_bid_down_e4=9_999, range_ask_up_e4=10_001,
        reference_external_id=3,
    )  # fmt: skip
    await rules.venue.registry.set_reference_price("BTCUSDT", 10 * UNIT)
    for side, price in ((SELL, 1_000), (SELL, 1_001), (BUY, 999)):
        await rules.place(limit(1, side, price, 10))
    assert (await rules.place(limit(2, BUY, 1_001, 20))).order.filled_lots == 10
    sold = await rules.place(limit(2, SELL, 999, 5))
    assert (sold.order.status, sold.order.filled_lots) == ("EXPIRED", 0)


async def test_what_is_prevented_is_no_execution_and_what_stands_outside_is_not_reached(external: Rules) -> None:
    await external.place(limit(2, SELL, 2_000, 7))
    placed = await external.place(limit(2, BUY, 3_000, 40), stp=StpMode.EXPIRE_MAKER)
    assert (placed.order.status, placed.order.filled_lots, len(placed.prevented)) == ("EXPIRED", 20, 1)


async def test_the_range_is_set_once_for_all_steps_of_a_taker(rules: Rules) -> None:
    """The order's own trades lower the mean; the range that it began with holds to its end."""
    shorten_steps(rules.venue, 2)
    await rules.define(**MEAN, range_ask_down_e4=9_000)
    await rules.place(limit(1, BUY, 1_000, 1))
    await rules.place(limit(2, SELL, 1_000, 1))
    for price in (990, 960, 930, 910, 900, 899):
        await rules.place(limit(1, BUY, price, 1))
    placed = await rules.place(limit(2, SELL, 1, 6))
    assert [fill.price_ticks for fill in placed.fills] == [990, 960, 930, 910, 900]
    assert placed.order.terms is not None
    assert (placed.order.status, placed.order.terms.expiry) == ("EXPIRED", REASON)
    again = await rules.place(limit(2, SELL, 1, 1))  # the mean of six trades is lower now
    assert [fill.price_ticks for fill in again.fills] == [899]


async def test_a_rule_that_comes_while_an_order_is_unfinished_is_not_that_order_s(rules: Rules) -> None:
    """Nor does it find the range of another order that was unfinished once."""
    await rules.define(reference_external_id=0, range_bid_up_e4=10_000)
    await rules.venue.registry.set_reference_price("BTCUSDT", 10 * UNIT)
    for price in (999, 1_000, 1_000, 1_500, 1_600):
        await rules.place(limit(1, SELL, price, 1))
    shorten_steps(rules.venue, 1)
    await place_first_step(rules.venue, await rules.now(limit(2, BUY, 1_000, 3)))
    await rules.define()
    await rules.place(limit(1, BUY, 1, 1))
    _, record, *_ = await place_first_step(rules.venue, await rules.now(limit(2, BUY, 1_600, 5)))
    await rules.define(reference_external_id=0, range_bid_up_e4=10_000)
    await rules.place(limit(1, BUY, 1, 1))
    found = await rules.venue.queries.order(2, "BTCUSDT", order_id=decode_order(record).order_id)
    assert (found.filled_lots, found.status) == (2, "PARTIALLY_FILLED")


async def test_a_triggered_order_and_one_of_a_list_have_a_range_of_their_own(external: Rules) -> None:
    stop = await external.place(
        limit(2, SELL, 1, 20), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=700, client_order_id="stop"
    )
    orders = [await external.now(limit(2, BUY, 1_500, 10)), await external.now(limit(2, BUY, 3_000, 30))]
    wanted = PlaceOrderList(kind=ListKind.OTO, client_order_id="list", orders=orders)
    placed = await external.venue.gateway.place_order_list(wanted)
    pending = await external.venue.queries.order(2, "BTCUSDT", order_id=placed.orders[1].order_id)
    assert pending.terms is not None
    assert (pending.status, pending.filled_lots, pending.terms.expiry) == ("EXPIRED", 10, REASON)
    await external.place(limit(1, SELL, 700, 1))
    found = await external.venue.queries.order(2, "BTCUSDT", order_id=stop.order.order_id)
    assert found.terms is not None
    assert (found.status, found.filled_lots, found.terms.expiry) == ("EXPIRED", 19, REASON)


async def test_the_reference_price_set_from_outside_is_told(external: Rules) -> None:
    (event,) = await events_of(
        external.venue, lambda: external.venue.registry.set_reference_price("BTCUSDT", 12_345_678_901_234_567)
    )
    assert isinstance(event, ReferencePriceSet)
    assert (event.symbol, event.price_units) == ("BTCUSDT", 12_345_678_901_234_567)
    assert await external.reference() == 12_345_678_901_234_567
    await external.define(**MEAN)
    refused = external.venue.registry.set_reference_price("BTCUSDT", 1)
    assert await refused_without_a_trace(external.venue, refused) is Reason.REFERENCE_NOT_EXTERNAL


async def trade(rules: Rules, price: int) -> None:
    await rules.place(limit(1, SELL, price, 1))
    await rules.place(limit(2, BUY, price, 1))


async def test_the_mean_counts_trades_and_forgets_them_with_the_window(rules: Rules) -> None:
    await rules.define(**MEAN)
    assert await rules.reference() is None
    for after_ms, price in ((0, 1_000), (0, 1_001), (2_500, 1_300)):
        await rules.venue.clock.set_virtual((await rules.venue.queries.clock()).now_ms + after_ms)
        await trade(rules, price)
    assert await rules.reference() == (1_000 + 1_001 + 1_300) * 10**6 // 3
    # The cutoff stands 400 ms inside of the first bucket: 60 % of its two trades are left, 1.2 of them.
    await rules.venue.clock.set_virtual(START_MS + 10_400)
    share = Fraction(6, 10)
    expected = (share * 2_001 + 1_300) * 10**6 / (share * 2 + 1)
    assert await rules.reference() == int(expected)
    await rules.venue.clock.set_virtual(START_MS + 11_000)  # its close time is the cutoff: it is dropped
    assert await rules.reference() == 1_300 * 10**6
    await rules.venue.clock.set_virtual(START_MS + 20_000)
    assert await rules.reference() is None


async def test_the_tape_counts_towards_the_mean_and_is_not_bound_by_the_range(rules: Rules) -> None:
    spec = await rules.define(**MEAN, range_bid_up_e4=10_000, range_ask_down_e4=10_000)
    maker, taker = 900, 901
    for account in (maker, taker):
        await fund(rules.venue, account, BTC=10**9, USDT=10**12)
    for at, price in ((1, 1_000), (2, 2_000), (3, 500)):
        await rules.venue.gateway.play_trade(
            TapeTrade(
                symbol="BTCUSDT", rules_version=spec.rules_version, now_ms=START_MS + at, maker_account=maker,
                taker_account=taker, price_ticks=price, lots=1, is_buyer_maker=False,
            )
        )  # fmt: skip
    assert await rules.reference() == 3_500 * 10**6 // 3


@pytest.mark.parametrize(("best_ask", "status"), [(1_000, "NEW"), (999, "EXPIRED")])
async def test_a_stop_that_the_tape_triggers_is_judged_by_filters_as_any_other(
    external: Rules, best_ask: int, status: str
) -> None:
    for account, name in ((900, TAPE_MAKER), (901, TAPE_TAKER)):
        await external.venue.registry.define_account(account, name)
        await fund(external.venue, account, BTC=10**9, USDT=10**12)
    spec = await external.define(reference_external_id=0, ask_price_down_e4=10_000)
    stop = limit(2, SELL, 0, 1)
    changes = {"type": OrderType.STOP_LOSS_LIMIT, "stop_ticks": 700, "peg": PegPrice.PRIMARY_PEG}
    placed = await external.place(stop, **changes)
    if best_ask < 1_000:
        spec = await external.define(reference_external_id=0)
        await external.place(limit(1, SELL, best_ask, 1))
        spec = await external.define(reference_external_id=0, ask_price_down_e4=10_000)
    else:
        await external.place(limit(1, SELL, best_ask, 1))
    await external.venue.gateway.play_trade(
        TapeTrade(
            symbol="BTCUSDT", rules_version=spec.rules_version, now_ms=START_MS + 1, maker_account=900,
            taker_account=901, price_ticks=600, lots=1, is_buyer_maker=True,
        )
    )  # fmt: skip
    found = await external.venue.queries.order(2, "BTCUSDT", order_id=placed.order.order_id)
    assert found.status == status


async def test_random_windows_have_the_mean_that_fractions_give(rules: Rules) -> None:
    """Lua's bounds against Python's fractions: prices near 2^53 units, a tick that is no power of ten."""
    seed = Random().randrange(2**32)
    print(f"seed {seed}")
    random = Random(seed)
    for _ in range(15):
        width, count = random.choice((7, 1_000, 60_000)), random.choice((1, 3, 10))
        up, down = random.randint(10_000, 30_000), random.randint(1, 10_000)
        await rules.define(reference_bucket_ms=width, reference_buckets=count)
        base = random.choice((3, 777, 90_000_000))
        for _ in range(random.randint(1, 6)):
            await rules.venue.clock.set_virtual(
                (await rules.venue.queries.clock()).now_ms + random.choice((0, 1, width // 3, width))
            )
            await trade(rules, base + random.randint(0, base // 2))
        mean = await rules.reference()
        assert mean is not None
        await rules.define(
            reference_bucket_ms=width, reference_buckets=count, range_bid_up_e4=up, range_ask_down_e4=down
        )
        highest, lowest = mean * up // 10**10, -(-mean * down // 10**10)
        outside = [(SELL, highest + 1), (BUY, lowest - 1)]
        within = random.choice([(SELL, highest), (BUY, lowest)])
        for side, price in [*outside, within]:
            if price < 1:
                continue
            resting = await rules.place(limit(1, side, price, 1))
            taker = await rules.place(limit(2, side.opposite, price, 1))
            is_filled = taker.order.status is OrderStatus.FILLED
            assert is_filled is ((side, price) == within), (mean, up, down, side, price)
            if not is_filled:
                await rules.venue.gateway.cancel_order(cancel(1, resting.order.order_id))
        await rules.venue.clock.set_virtual((await rules.venue.queries.clock()).now_ms + 2 * width * count)
