"""What must come out the same when a question is asked in another way; no second implementation is needed to say so.

The fact a newcomer would get wrong: ids and times are no part of what must be the same. Orders are named by their
client ids, which both ways share. EXCHANGE_MODEL_SEED plays a seed again,
EXCHANGE_MODEL_CASES=1000 that many cases of each.
"""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import msgspec
import pytest

from engine.commands import CancelOrder, PlaceOrder
from engine.errors import Rejected
from engine.records import Fill
from engine.types import OrderType, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, ETHUSDT, finish, fund
from tests.engine.checks import digest

SEED = int(os.environ.get("EXCHANGE_MODEL_SEED", "0")) or Random().randrange(1, 2**32)
CASES = int(os.environ.get("EXCHANGE_MODEL_CASES", "150"))
MONEY = 10**12
ACCOUNTS = (1, 2, 3)
ETHEUR = msgspec.structs.replace(ETHUSDT, symbol="ETHEUR", quote="EUR")  # shares no asset with BTCUSDT
UNTOLD = ("events", "ended", "meta")  # keys that keep a past, or count
TOLD = re.compile(rb"\d+|[ab]\d+")  # of a symbol: its open orders and levels


@pytest.fixture
async def twins(redis_url: str, venue_name: str) -> AsyncIterator[tuple[Venue, Venue]]:
    """Two venues with BTCUSDT and ETHEUR, and the same money for the same accounts."""
    opened = (await Venue.connect(redis_url, f"{venue_name}-a"), await Venue.connect(redis_url, f"{venue_name}-b"))
    for venue in opened:
        for spec in (BTCUSDT, ETHEUR):
            await venue.registry.define_symbol(spec)
        for account in ACCOUNTS:
            await fund(venue, account, BTC=MONEY, USDT=MONEY, ETH=MONEY, EUR=MONEY)
    yield opened
    for venue in opened:
        await finish(venue)
        await venue.close()


def drawn(random: Random, name: str, symbol: str = "BTCUSDT") -> PlaceOrder:
    """A LIMIT order near 1,000 ticks, sometimes an iceberg, sometimes for the moment only."""
    side = random.choice(list(Side))
    price_ticks = 1_000 + round(random.gauss(-3 if side is Side.BUY else 3, 4))
    lots = random.randint(1, 40)
    tif = random.choices((TimeInForce.GTC, TimeInForce.IOC), weights=(5, 1))[0]
    return PlaceOrder(
        account=random.choice(ACCOUNTS), symbol=symbol, rules_version=1, side=side, type=OrderType.LIMIT,
        time_in_force=tif, price_ticks=price_ticks, lots=lots, client_order_id=name,
        iceberg_lots=random.randint(1, lots) if tif is TimeInForce.GTC and random.random() < 0.3 else 0,
    )  # fmt: skip


async def placed(venue: Venue, order: PlaceOrder) -> list[Fill]:
    return (await venue.gateway.place_order(order)).fills


async def money(venue: Venue) -> dict[tuple[int, str], tuple[int, int]]:
    assets = ("BTC", "USDT", "ETH", "EUR")
    found = {account: await venue.queries.balances(account, assets) for account in ACCOUNTS}
    return {(a, one.asset): (one.free_atoms, one.locked_atoms) for a, held in found.items() for one in held}


async def queue(venue: Venue, symbol: str) -> list[tuple[Any, ...]]:
    """The open orders by name."""
    orders = [order for account in ACCOUNTS for order in await venue.queries.open_orders(account, [symbol])]
    return sorted((o.client_order_id, o.price_ticks, o.left_lots, o.shown_lots, o.locked_atoms) for o in orders)


async def test_an_order_in_two_parts_trades_what_it_would_in_one(twins: tuple[Venue, Venue]) -> None:
    """Fees are rounded by fill, so money may differ by an atom a fill; what is traded with whom may not."""
    random, one, two = Random(SEED), *twins
    for case in range(CASES):
        for number in range(3):
            order = drawn(random, f"c{case}-{number}")
            assert len(await placed(one, order)) == len(await placed(two, order)), f"seed {SEED}"
        whole = msgspec.structs.replace(drawn(random, f"t{case}"), time_in_force=TimeInForce.IOC, iceberg_lots=0)
        lots = random.randint(1, whole.lots)
        parts = [msgspec.structs.replace(whole, lots=lots, client_order_id=f"t{case}a")]
        if whole.lots > lots:
            parts.append(msgspec.structs.replace(whole, lots=whole.lots - lots, client_order_id=f"t{case}b"))
        sums: list[Counter[tuple[str, int]]] = []
        for venue, orders in ((one, [whole]), (two, parts)):
            makers = [await venue.queries.open_orders(account, ["BTCUSDT"]) for account in ACCOUNTS]
            names = {order.order_id: order.client_order_id for found in makers for order in found}
            sums.append(Counter())
            for order in orders:
                for fill in await placed(venue, order):
                    sums[-1][names[fill.maker_order_id], fill.price_ticks] += fill.lots
        assert sums[0] == sums[1], f"seed {SEED}, case {case}"
        assert (await one.queries.depth("BTCUSDT", 1_000)).asks == (await two.queries.depth("BTCUSDT", 1_000)).asks
        assert (await one.queries.depth("BTCUSDT", 1_000)).bids == (await two.queries.depth("BTCUSDT", 1_000)).bids


async def test_placing_and_cancelling_leaves_nothing_behind(twins: tuple[Venue, Venue]) -> None:
    random, venue = Random(SEED), twins[0]

    async def state() -> dict[bytes, Any]:
        """Without what keeps a past; of balances what is not zero, for whoever has locked once has a field for it."""
        found = {key: value for key, value in (await digest(venue)).items() if sort_of(key) not in UNTOLD}
        for key in [key for key in found if sort_of(key) == "balance"]:
            found[key] = {name: text for name, text in found[key].items() if text != b"0"}
        for key in [key for key in found if sort_of(key) == "symbol"]:
            found[key] = {name: text for name, text in found[key].items() if TOLD.fullmatch(name)}
        return found

    def sort_of(key: bytes) -> str:
        return key.decode().split(":")[1]

    for number in range(30):
        await placed(venue, drawn(random, f"c{number}"))
    last = (await venue.queries.market_state("BTCUSDT")).last_price_ticks
    assert last is not None, f"seed {SEED}"
    before = await state()
    for case in range(CASES):
        order = drawn(random, f"x{case}")
        away = random.randint(30, 60) * (-1 if order.side is Side.BUY else 1)
        order = msgspec.structs.replace(order, price_ticks=1_000 + away, time_in_force=TimeInForce.GTC)
        if random.random() < 0.4:
            kind = OrderType.STOP_LOSS_LIMIT if random.random() < 0.5 else OrderType.STOP_LOSS
            stop = last + (1 if order.side is Side.BUY else -1) * random.randint(1, 50)
            price = order.price_ticks if kind.has_limit else 0
            order = msgspec.structs.replace(
                order, type=kind, stop_ticks=stop, price_ticks=price, iceberg_lots=0,
                trailing_bips=random.choice((0, 0, 100)), stp=random.choice(list(StpMode)),
            )  # fmt: skip
        done = await venue.gateway.place_order(order)
        await venue.gateway.cancel_order(
            CancelOrder(account=order.account, symbol=order.symbol, order_id=done.order.order_id)
        )
        assert await state() == before, f"seed {SEED}: {order}"


async def test_smaller_ticks_and_lots_change_no_atom(redis_url: str, venue_name: str) -> None:
    """The same prices and quantities, counted in a tenth of the tick and a fifth of the lot."""
    random = Random(SEED)
    fine = msgspec.structs.replace(
        BTCUSDT, tick_units=BTCUSDT.tick_units // 10, lot_units=BTCUSDT.lot_units // 5,
        max_price_ticks=BTCUSDT.max_price_ticks * 10, max_lots=BTCUSDT.max_lots * 5,
    )  # fmt: skip
    venues = [await Venue.connect(redis_url, f"{venue_name}-{spec.tick_units}") for spec in (BTCUSDT, fine)]
    for venue, spec in zip(venues, (BTCUSDT, fine), strict=True):
        await venue.registry.define_symbol(spec)
        for account in ACCOUNTS:
            await fund(venue, account, BTC=MONEY, USDT=MONEY)
    for case in range(2 * CASES):
        order = drawn(random, f"c{case}")
        many = msgspec.structs.replace(
            order, price_ticks=order.price_ticks * 10, lots=order.lots * 5, iceberg_lots=order.iceberg_lots * 5
        )
        told = [
            [(f.lots, f.quote_atoms, f.taker_fee_atoms, f.maker_fee_atoms, f.maker_order_id) for f in fills]
            for fills in (await placed(venues[0], order), await placed(venues[1], many))
        ]
        assert [(lots * 5, *rest) for lots, *rest in told[0]] == told[1], f"seed {SEED}, case {case}"
        if case % 10 == 0:
            for account in ACCOUNTS:
                held = [await venue.queries.balances(account, ["BTC", "USDT"]) for venue in venues]
                assert held[0] == held[1], f"seed {SEED}, case {case}"
    for venue in venues:
        await finish(venue)
        await venue.close()


async def test_markets_that_share_nothing_may_be_asked_in_any_order(twins: tuple[Venue, Venue]) -> None:
    random, one, two = Random(SEED), *twins
    orders = [drawn(random, f"c{n}", random.choice(("BTCUSDT", "ETHEUR"))) for n in range(2 * CASES)]
    sorted_orders = sorted(orders, key=lambda order: order.symbol)  # stable: each market sees its own in their order
    fills: list[dict[str, list[tuple[int, ...]]]] = []
    for venue, asked in ((one, orders), (two, sorted_orders)):
        fills.append({})
        for order in asked:
            try:
                told = await placed(venue, order)
            except Rejected as error:
                pytest.fail(f"seed {SEED}: {order} was refused: {error}")
            fills[-1][order.client_order_id] = [(f.trade_id, f.price_ticks, f.lots, f.quote_atoms) for f in told]
    assert fills[0] == fills[1], f"seed {SEED}"
    assert await money(one) == await money(two), f"seed {SEED}"
    for symbol in ("BTCUSDT", "ETHEUR"):
        assert await queue(one, symbol) == await queue(two, symbol), f"seed {SEED}"
