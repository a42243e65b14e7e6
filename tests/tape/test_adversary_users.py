"""Users among recordings made to break a replay: better, ahead, behind and across the tape, resting and taking."""

import asyncio
import json
from collections import defaultdict
from contextlib import suppress
from random import Random

import msgspec
import pytest

from engine.errors import Reason, Rejected
from engine.events import MarketEvent, TapeFrameApplied, TapeTradePlayed, decode_entry
from engine.types import Side, TimeInForce
from engine.venue import Venue, opened
from simulation.tape.recording import Recorded, RecordedFrame, read_recording
from simulation.tape.replay import replay
from simulation.tape.stage import prepare
from tests.conftest import SPECS, cancel, limit, market
from tests.tape import plain
from tests.tape.adversary import PRICES, UNIT_LOTS, make_lines
from tests.tape.conftest import MAKER, TAKER, depth_line, give_tape_accounts
from tests.tape.test_adversary import scaled
from tests.tape.test_recording import Write

Levels = dict[tuple[Side, int], int]


class Witness:
    """Reads the events and nothing else: what users took from the tape's levels of BTCUSDT, by level."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.taken: Levels = defaultdict(int)
        self.seen: set[str] = set()
        self._seq = 0

    async def hear(self, played: Recorded | None) -> None:
        entries = await self.venue.runner.command("XRANGE", self.venue.keys.events, f"(0-{self._seq}", "+")
        events = [decode_entry(entry) for entry in entries]
        self._seq = events[-1].seq if events else self._seq
        quoted: Levels = defaultdict(int)
        traded = 0
        for event in events:
            if not isinstance(event, MarketEvent) or event.symbol != "BTCUSDT":
                continue
            for fill in event.fills:
                pair = (fill.maker_account, fill.taker_account)
                assert pair != (MAKER, MAKER)
                if isinstance(event, TapeFrameApplied | TapeTradePlayed):
                    traded += fill.lots
                elif fill.maker_account == MAKER:
                    self.taken[fill.taker_side.opposite, fill.price_ticks] += fill.lots
                    self.seen.add("users took from the tape")
            if isinstance(event, TapeFrameApplied):
                for order in event.takers:
                    quoted[order.side, order.price_ticks] += order.filled_lots
        if isinstance(played, RecordedFrame):
            self._after_frame(played, quoted)
        elif played is not None:
            assert traded == played.lots  # whoever it met: the recorded quantity is traded once
            self.seen.update({"a quote of a trade met users"} if sum(quoted.values()) else ())

    def _after_frame(self, frame: RecordedFrame, quoted: Levels) -> None:
        for level in frame.levels:
            if level.lots == 0:
                self.taken.pop((level.side, level.price_ticks), None)
        for key, lots in quoted.items():
            self.taken[key] += lots
            self.seen.update({"a quote met users"} if lots else ())


async def act(venue: Venue, random: Random, users: list[int]) -> None:
    user, side = random.choice(users), random.choice(list(Side))
    lots = random.choice((5, 20, 60)) * UNIT_LOTS
    order = limit(user, side, random.choice(PRICES), lots, tif=random.choice((TimeInForce.GTC, TimeInForce.IOC)))
    if random.random() < 0.2:
        order = market(user, side, lots=lots)
    try:
        await venue.gateway.place_order(order)
        if random.random() < 0.05:
            for open_order in await venue.queries.open_orders(user, ["BTCUSDT"]):
                await venue.gateway.cancel_order(cancel(user, open_order.order_id))
    except Rejected as error:
        # UNKNOWN_ORDER: it was filled in between.
        assert error.reason in (Reason.INSUFFICIENT_BALANCE, Reason.UNKNOWN_ORDER), error  # noqa: PT017


async def own(venue: Venue) -> Levels:
    found: Levels = defaultdict(int)
    for order in await venue.queries.open_orders(MAKER, ["BTCUSDT"]):
        found[order.side, order.price_ticks] += order.left_lots
    assert not await venue.queries.open_orders(TAKER, ["BTCUSDT"])
    return found


@pytest.mark.parametrize("seed", range(1, 7))
async def test_the_tape_stands_as_recorded_less_what_users_took(
    venue: Venue, write: Write, alice: int, bob: int, seed: int
) -> None:
    path = write(*make_lines(seed, frames=100))
    await give_tape_accounts(venue)
    recording = read_recording(path, SPECS, "BTCUSDT")
    stage = await prepare(venue, recording)
    witness, random, moments = Witness(venue), Random(seed), iter(plain.read(path, "BTCUSDT"))
    await witness.hear(None)
    for event, moment in zip(recording.events, moments, strict=True):
        await replay(venue, msgspec.structs.replace(recording, events=[event]), stage)
        await witness.hear(event)
        if isinstance(moment, plain.Frame) and not moment.is_crossed:
            bids, asks = scaled(moment.bids, "BTCUSDT"), scaled(moment.asks, "BTCUSDT")
            fold = {(Side.BUY, price): lots for price, lots in bids.items()}
            fold |= {(Side.SELL, price): lots for price, lots in asks.items()}
            left = {key: lots - witness.taken[key] for key, lots in fold.items()}
            assert await own(venue) == {key: lots for key, lots in left.items() if lots > 0}, event
        for _ in range(random.choice((0, 1, 2))):
            await act(venue, random, [alice, bob])
        await witness.hear(None)
        depth = await venue.queries.depth("BTCUSDT", 1)
        assert not (depth.bids and depth.asks) or depth.bids[0][0] < depth.asks[0][0]
    assert {"users took from the tape", "a quote met users", "a quote of a trade met users"} <= witness.seen


def with_an_end(lines: list[str]) -> list[str]:
    """Two more depth changes of BTCUSDT: all levels are gone, then there are two new ones."""
    rows = [json.loads(line.partition(" ")[2]).get("data", {}) for line in lines]
    now_ms = max(row.get("T") or row.get("E") or 0 for row in rows)
    update_id = max(row.get("u", 0) for row in rows if row.get("s") == "BTCUSDT")
    gone = [[f"{price / 100:.2f}", "0"] for price in PRICES]
    return [
        *lines,
        depth_line(now_ms + 1, update_id + 1, update_id + 1, gone, gone),
        depth_line(now_ms + 2, update_id + 2, update_id + 2, [["1.05", "10"]], [["1.10", "20"]]),
    ]


def _split(events: list[Recorded], last: int) -> tuple[list[Recorded], list[Recorded]]:
    return events[:-last], events[-last:]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_users_who_trade_all_the_while_leave_no_trace_on_levels_that_were_emptied_since(
    redis_url: str, venue: Venue, write: Write, alice: int, bob: int, seed: int
) -> None:
    """At full speed commands are under way while users' orders come in between: nothing may be counted twice."""
    path = write(*with_an_end(make_lines(seed, frames=400)))
    await give_tape_accounts(venue)
    recording = read_recording(path, SPECS, "BTCUSDT")
    stage = await prepare(venue, recording)

    async def trade_on(user: int) -> None:
        random = Random(seed * 10 + user)
        async with opened(redis_url, venue.name) as their_venue:
            for _ in range(80):
                await act(their_venue, random, [user])
            for order in await their_venue.queries.open_orders(user, ["BTCUSDT"]):
                with suppress(Rejected):  # it was filled in between
                    await their_venue.gateway.cancel_order(cancel(user, order.order_id))

    body, end = (msgspec.structs.replace(recording, events=part) for part in _split(recording.events, 2))
    await asyncio.gather(replay(venue, body, stage), trade_on(alice), trade_on(bob))
    await replay(venue, end, stage)
    assert await own(venue) == {(Side.BUY, 105): 1_000_000, (Side.SELL, 110): 2_000_000}
    assert await venue.queries.open_orders(alice, ["BTCUSDT"]) == []
    witness = Witness(venue)
    await witness.hear(None)
    assert "users took from the tape" in witness.seen
