"""aggTrades and historicalTrades: the same with and without an archiver, and when Redis has dropped what SQL has."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.json import encode

from archive.archiver import Archiver
from archive.queries import archived_up_to
from engine import queries
from engine.records import Fill
from engine.types import Side
from engine.venue import Venue
from tests.api.conftest import Api, limit_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["archiver", "no archiver"])
async def archiver(request: pytest.FixtureRequest, redis_url: str, venue: Venue) -> AsyncIterator[Archiver | None]:
    if request.param == "no archiver":
        yield None
        return
    archiver = Archiver(redis_url, venue.name)
    task = asyncio.create_task(archiver.run())
    yield archiver
    archiver.stop()
    await task


async def archived(venue: Venue) -> None:
    """Until SQL has everything."""
    clock = await venue.queries.clock()
    for _ in range(500):
        if await archived_up_to(venue) >= (clock.epoch, clock.seq):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the archiver has not come")


@pytest.fixture
async def traded(archiver: Archiver | None, alice: Api, bob: Api, venue: Venue, anybody: Api) -> list[dict[str, Any]]:
    """Eight trades in six aggregates, at four moments; what aggTrades has to say of them."""
    for price, quantity in (("50000", "0.1"), ("50000", "0.2"), ("50010", "0.1"), ("50020", "0.1"), ("50020", "0.3")):
        await alice.ok("POST", "/order", **limit_order("SELL", price, quantity))
    times = []
    for price, quantity in (("50010", "0.35"), ("50020", "0.3"), ("50020", "0.15")):
        placed = await bob.ok("POST", "/order", **limit_order("BUY", price, quantity))
        times.append(placed["transactTime"])
        await asyncio.sleep(0.005)  # a millisecond at least between two of them
    await bob.ok("POST", "/order", **limit_order("BUY", "49000", "0.1"))
    sold = await alice.ok("POST", "/order", **limit_order("SELL", "49000", "0.1"))
    times.append(sold["transactTime"])
    if archiver is not None:
        await archived(venue)
    return [
        aggregate(1, "50000", "0.3", 1, 2, times[0]), aggregate(2, "50010", "0.05", 3, 3, times[0]),
        aggregate(3, "50010", "0.05", 4, 4, times[1]), aggregate(4, "50020", "0.25", 5, 6, times[1]),
        aggregate(5, "50020", "0.15", 7, 7, times[2]), aggregate(6, "49000", "0.1", 8, 8, times[3], is_sale=True),
    ]  # fmt: skip


def aggregate(
    number: int, price: str, quantity: str, first: int, last: int, at_ms: int, *, is_sale: bool = False
) -> dict[str, Any]:
    return {
        "a": number, "p": f"{float(price):.8f}", "q": f"{float(quantity):.8f}", "f": first, "l": last, "T": at_ms,
        "m": is_sale, "M": True,
    }  # fmt: skip


async def test_trades_of_a_taker_at_one_price_are_one(
    traded: list[dict[str, Any]], anybody: Api, venue: Venue, archiver: Archiver | None
) -> None:
    for has_redis in (True, False):
        if not has_redis and archiver is not None:
            await venue.runner.command("DEL", venue.keys.trades("BTCUSDT"))
        await which_are_told(traded, anybody)


async def which_are_told(traded: list[dict[str, Any]], anybody: Api) -> None:
    async def told(**asked: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await anybody.ok("GET", "/aggTrades", symbol="BTCUSDT", **asked)
        return found

    assert await told() == traded
    assert await told(limit=2) == traded[-2:]
    for number in range(8):
        assert await told(fromId=number) == [row for row in traded if row["a"] >= number]
        assert await told(fromId=number, limit=2) == [row for row in traded if row["a"] >= number][:2]
    times = sorted({row["T"] for row in traded})
    for at_ms in (times[0] - 1, *times, times[-1] + 1):
        later, earlier = [row for row in traded if row["T"] >= at_ms], [row for row in traded if row["T"] <= at_ms]
        assert await told(startTime=at_ms) == later
        assert await told(startTime=at_ms, limit=1) == later[:1]
        assert await told(endTime=at_ms) == earlier
        assert await told(endTime=at_ms, limit=1) == earlier[-1:]
        assert await told(startTime=times[0], endTime=max(times[0], at_ms)) == (earlier or traded[:2])


async def test_old_trades_by_their_id(
    traded: list[dict[str, Any]], anybody: Api, venue: Venue, archiver: Archiver | None
) -> None:
    everything = await anybody.ok("GET", "/trades", symbol="BTCUSDT")
    assert [trade["id"] for trade in everything] == list(range(1, 9))
    for kept in (8, 3, 0):
        if archiver is None and kept < 8:
            return
        await venue.runner.command("XTRIM", venue.keys.trades("BTCUSDT"), "MAXLEN", "=", kept)
        for from_id in (0, 1, 4, 8, 9):
            found = await anybody.ok("GET", "/historicalTrades", symbol="BTCUSDT", fromId=from_id, limit=3)
            assert found == [trade for trade in everything if trade["id"] >= from_id][:3], (kept, from_id)
        assert await anybody.ok("GET", "/historicalTrades", symbol="BTCUSDT", limit=5) == everything[-5:]
        assert await anybody.ok("GET", "/historicalTrades", symbol="BTCUSDT") == everything


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"fromId": 1},
        {"fromId": 9_000},
        {"fromId": 10_001},
        {"startTime": 12_345},
        {"endTime": 12_345},
        {"startTime": 10_005, "endTime": 10_008},
        {"startTime": 1, "endTime": 20},
        {"endTime": 20},
    ],
)
async def test_what_is_asked_for_is_read_and_not_all_that_sql_lacks(
    venue: Venue, anybody: Api, asked: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 trades without an archiver, two of them in each aggregate and four in each step, a millisecond apart."""
    fills = [
        Fill(number, 5_000_000 + (number + 1) // 2, 1_000, 1, Side.BUY, 2, 1, 0, 1, 1, 0, "", "", (number + 1) // 2)
        for number in range(1, 20_001)
    ]
    steps = [fills[at : at + 4] for at in range(0, 20_000, 4)]
    key = venue.keys.trades("BTCUSDT")
    await venue.connection.pipeline(
        [("XADD", key, f"0-{step[-1].trade_id}", "d", encode((step, 10_000 + at))) for at, step in enumerate(steps)]
    )
    times = {(number + 1) // 2: 10_000 + (number - 1) // 4 for number in range(1, 20_001)}
    first, start, end = asked.get("fromId", 1), asked.get("startTime", 0), asked.get("endTime", 1 << 60)
    meant = [number for number, at_ms in times.items() if number >= first and start <= at_ms <= end]
    meant = meant[:100] if {"fromId", "startTime"} & asked.keys() else meant[-100:]
    decoded: list[int] = []
    decode = queries.decode_trades
    monkeypatch.setattr(queries, "decode_trades", lambda entry: decoded.append(1) or decode(entry))
    told = await anybody.ok("GET", "/aggTrades", symbol="BTCUSDT", limit=100, **asked)
    assert [(row["a"], row["f"], row["l"], row["T"]) for row in told] == [
        (number, 2 * number - 1, 2 * number, times[number]) for number in meant
    ]
    assert len(decoded) < 1_500, "of 5,000 steps"
