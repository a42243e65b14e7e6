"""`@depth`: a local book kept by the frames is the book, from whatever moment on one listens."""

import asyncio
import random
from typing import Any

import pytest

from engine.commands import CancelOrder, ReduceOrder
from engine.errors import Rejected
from engine.queries import Depth
from engine.types import Side, TimeInForce
from engine.venue import Venue
from markets.rendering import price_text, quantity_text
from tests.conftest import BTCUSDT, limit
from tests.ws.conftest import Client, connected

STREAM = "BTCUSDT@depth"


class LocalBook:
    """What a client keeps: the first frame's levels, changed by every frame that follows; gaps are counted."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self.update_id: int | None = None

    def take(self, frame: dict[str, Any]) -> None:
        assert frame["e"] == "depthUpdate"
        assert frame["s"] == "BTCUSDT"
        if self.update_id is None:
            assert frame["U"] == frame["u"]
        else:
            assert frame["U"] == self.update_id + 1, "a gap or an overlap"
            assert frame["b"] or frame["a"], "an empty change"
        assert frame["u"] >= frame["U"]
        self.update_id = frame["u"]
        for name, levels in self.sides.items():
            for price, quantity in frame[name]:
                if float(quantity) == 0:
                    levels.pop(price, None)
                else:
                    levels[price] = quantity


def as_texts(depth: Depth) -> dict[str, dict[str, str]]:
    sides = {"b": depth.bids, "a": depth.asks}
    return {
        name: {price_text(BTCUSDT, price): quantity_text(BTCUSDT, lots) for price, lots in levels}
        for name, levels in sides.items()
    }


async def follow(client: Client, book: LocalBook, update_id: int) -> None:
    """Take frames until the book has come to `update_id`."""
    while book.update_id is None or book.update_id < update_id:
        book.take(await client.next(STREAM))


async def random_orders(venue: Venue, rng: random.Random, count: int) -> None:
    open_ids: list[tuple[int, int]] = []
    for _ in range(count):
        account, lots = rng.choice((1, 2)), rng.randint(1, 9) * 1_000
        kind = rng.random()
        try:
            if kind < 0.7 or not open_ids:
                tif = rng.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC))
                order = limit(account, rng.choice(list(Side)), rng.randint(6_000_000, 6_000_030), lots, tif=tif)
                placed = (await venue.gateway.place_order(order)).order
                if placed.status.is_open:
                    open_ids.append((account, placed.order_id))
            elif kind < 0.9:
                owner, order_id = open_ids.pop(rng.randrange(len(open_ids)))
                await venue.gateway.cancel_order(CancelOrder(account=owner, symbol="BTCUSDT", order_id=order_id))
            else:
                owner, order_id = rng.choice(open_ids)
                await venue.gateway.reduce_order(
                    ReduceOrder(account=owner, symbol="BTCUSDT", order_id=order_id, lots=500)
                )
        except Rejected:
            pass
        if rng.random() < 0.1:
            await asyncio.sleep(0.02)


async def test_the_first_frame_is_the_whole_book(client: Client, venue: Venue, alice: int) -> None:
    for price, side in ((5_990_000, Side.BUY), (5_980_000, Side.BUY), (6_010_000, Side.SELL), (6_020_000, Side.SELL)):
        await venue.gateway.place_order(limit(alice, side, price, 1_000))
    await client.subscribe(STREAM)
    frame = await client.next(STREAM)
    assert frame["b"] == [["59900.00000000", "0.01000000"], ["59800.00000000", "0.01000000"]]
    assert frame["a"] == [["60100.00000000", "0.01000000"], ["60200.00000000", "0.01000000"]]
    assert frame["U"] == frame["u"] == (await venue.queries.depth("BTCUSDT", 1)).update_id
    assert set(frame) == {"e", "E", "s", "U", "u", "b", "a"}


async def test_an_empty_book_is_a_full_picture_too(client: Client, venue: Venue) -> None:
    await client.subscribe(STREAM)
    frame = await client.next(STREAM)
    assert (frame["U"], frame["u"], frame["b"], frame["a"]) == (0, 0, [], [])


@pytest.mark.parametrize("seed", range(3))
async def test_local_books_of_early_and_late_subscribers_equal_the_book(
    client: Client, ws_url: str, other_worker: str, venue: Venue, alice: int, bob: int, seed: int
) -> None:
    rng = random.Random(seed)
    early = LocalBook()
    await random_orders(venue, rng, 20)
    await client.subscribe(STREAM)
    trading = asyncio.create_task(random_orders(venue, rng, 300))
    late: list[tuple[Client, LocalBook]] = []
    async with connected(ws_url) as second, connected(ws_url) as third, connected(other_worker) as fourth:
        for listener in (second, third, fourth):
            await asyncio.sleep(rng.random() / 10)
            await listener.subscribe(STREAM)
            late.append((listener, LocalBook()))
        await trading
        truth = await venue.queries.depth("BTCUSDT", 1_000_000)
        for listener, book in [(client, early), *late]:
            await follow(listener, book, truth.update_id)
            assert book.update_id == truth.update_id
            assert book.sides == as_texts(truth)


async def test_the_published_procedure_with_a_separate_snapshot_works(
    client: Client, venue: Venue, alice: int, bob: int
) -> None:
    """Binance's: listen, read the snapshot, drop what it contains; the first frame used covers its id plus one."""
    rng = random.Random(5)
    await client.subscribe(STREAM)
    await random_orders(venue, rng, 100)
    snapshot = await venue.queries.depth("BTCUSDT", 5_000)
    await random_orders(venue, rng, 100)
    truth = await venue.queries.depth("BTCUSDT", 5_000)
    sides, seen = as_texts(snapshot), snapshot.update_id
    while seen < truth.update_id:
        frame = await client.next(STREAM)
        if frame["u"] <= snapshot.update_id:
            continue
        assert frame["U"] <= seen + 1 <= frame["u"]
        for name, levels in sides.items():
            levels.update(dict(frame[name]))
        seen = frame["u"]
    assert {name: {p: q for p, q in levels.items() if float(q)} for name, levels in sides.items()} == as_texts(truth)


async def test_changes_within_a_period_are_one_frame_with_the_last_quantity_of_each_level(
    client: Client, venue: Venue, alice: int
) -> None:
    await venue.clock.set_virtual(1_723_075_200_000)
    await client.subscribe(STREAM)
    await client.next(STREAM)
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    first = await client.next(STREAM)
    for _ in range(20):
        placed = await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_100, 1_000))
        await venue.gateway.cancel_order(CancelOrder(account=alice, symbol="BTCUSDT", order_id=placed.order.order_id))
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_200, 1_000))
    book = LocalBook()
    book.update_id = first["u"]
    await follow(client, book, first["u"] + 41)
    assert len(client.heard(STREAM)) <= 2 + 3  # the commands take a few periods at most
    assert book.sides == {"b": {"50002.00000000": "0.01000000"}, "a": {}}


async def test_a_cleared_market_empties_the_local_book_in_sequence(client: Client, venue: Venue, alice: int) -> None:
    for number in range(10):
        await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000 + number, 1_000))
    await client.subscribe(STREAM)
    book = LocalBook()
    book.take(await client.next(STREAM))
    assert len(book.sides["b"]) == 10
    await venue.clock.clear_market()
    book.take(await client.next(STREAM))
    assert book.sides == {"b": {}, "a": {}}
    await venue.gateway.place_order(limit(alice, Side.SELL, 5_000_000, 1_000))
    book.take(await client.next(STREAM))
    assert book.sides == as_texts(await venue.queries.depth("BTCUSDT", 10))
