"""Whole recordings: after a replay the exchange holds what a plain reading of the file says, to the last lot."""

import asyncio
import gzip
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from engine.audit import audit
from engine.errors import EngineUnavailable, ExchangeError, OutcomeUnknown, Reason, Rejected
from engine.events import MarketEvent, TapeFrameApplied, decode_entry
from engine.queries import PublicTrade
from engine.types import Side, SymbolStatus, TimeInForce
from engine.venue import Venue
from simulation.tape import pacing
from simulation.tape.recording import RecordedFrame, Recording, read_recording
from simulation.tape.replay import Progress, replay
from simulation.tape.stage import ReplayRefused, prepare
from simulation.tape.synthesis import write_recording
from tests.conftest import SPECS, limit, market
from tests.tape.conftest import MAKER, TAKER, depth_line, give_tape_accounts, trade_line
from tests.tape.test_recording import NOW, SHIPPED, Write

# Recordings of BTCUSDT that whoever runs the tests has: EXCHANGE_TEST_RECORDINGS, paths as in PATH.
OWN = [Path(path) for path in os.environ.get("EXCHANGE_TEST_RECORDINGS", "").split(os.pathsep) if path]
TICK, LOT = Decimal("0.01"), Decimal("0.00001")
BUY, SELL = Side.BUY, Side.SELL


class Plain(NamedTuple):
    """What a file says, read without any of the project's code. Prices and quantities in ticks and lots."""

    bids: dict[int, int]
    asks: dict[int, int]
    trades: list[tuple[int, int, int, bool]]  # T, price, quantity, buyer is maker
    last_ms: int


def read_plainly(path: Path) -> Plain:
    depths, trades, snapshot = [], [], None
    with gzip.open(path, "rt") as file:
        for line in file:
            said: dict[str, Any] = json.loads(line.split(" ", 1)[1])
            if "lastUpdateId" in said:
                snapshot = said
            elif said["stream"].endswith("@trade"):
                trades.append(said["data"])
            elif "@depth" in said["stream"]:
                depths.append(said["data"])
    assert snapshot is not None
    books: dict[str, dict[int, int]] = {}
    for name, key in (("b", "bids"), ("a", "asks")):
        book = {_ticks(price): _lots(quantity) for price, quantity in snapshot[key]}
        for depth in depths:
            if depth["u"] > snapshot["lastUpdateId"]:
                book |= {_ticks(price): _lots(quantity) for price, quantity in depth[name]}
        books[name] = {price: lots for price, lots in book.items() if lots}
    last_frame_ms = depths[-1]["E"]
    played = [(row["T"], _ticks(row["p"]), _lots(row["q"]), row["m"]) for row in trades]
    played.sort(key=lambda row: row[0])
    for now_ms, price, lots, is_buyer_maker in played:
        if now_ms > last_frame_ms:  # no frame has shown what is left: the trades stay subtracted
            book = books["b" if is_buyer_maker else "a"]
            book[price] -= lots
    return Plain(books["b"], books["a"], played, max([row["E"] for row in depths] + [row["T"] for row in trades]))


def _ticks(price: str) -> int:
    assert Decimal(price) % TICK == 0
    return int(Decimal(price) / TICK)


def _lots(quantity: str) -> int:
    return int(Decimal(quantity) / LOT)  # remainders below a lot cannot be traded


async def played(venue: Venue, path: Path, **options: Any) -> Recording:
    """The whole file, at full speed."""
    await give_tape_accounts(venue)
    recording = read_recording(path, SPECS)
    stage = await prepare(venue, recording)
    summary = await replay(venue, recording, stage, **options)
    assert summary.is_complete
    assert (summary.level_count, summary.trade_count) == (recording.level_count, recording.trade_count)
    return recording


async def all_trades(venue: Venue) -> list[PublicTrade]:
    found: list[PublicTrade] = []
    next_id = 1
    while page := await venue.queries.trades("BTCUSDT", limit=1_000, from_id=next_id):
        found += page
        next_id = page[-1].fill.trade_id + 1
    return found


def grouped(trades: list[PublicTrade]) -> list[tuple[int, int, int, bool]]:
    """Fills of one taker's order as one trade."""
    rows: list[tuple[int, int, int, bool]] = []
    taker = -1
    for trade in trades:
        fill = trade.fill
        if fill.taker_order_id == taker and rows[-1][1] == fill.price_ticks:
            now_ms, price, lots, is_buyer_maker = rows[-1]
            rows[-1] = (now_ms, price, lots + fill.lots, is_buyer_maker)
        else:
            rows.append((trade.now_ms, fill.price_ticks, fill.lots, fill.is_buyer_maker))
        taker = fill.taker_order_id
    return rows


async def agrees(venue: Venue, plain: Plain) -> None:
    trades = await all_trades(venue)
    assert grouped(trades) == plain.trades
    assert sum(trade.fill.lots for trade in trades) == sum(row[2] for row in plain.trades)
    depth = await venue.queries.depth("BTCUSDT", 100_000)
    assert dict(depth.bids) == plain.bids
    assert dict(depth.asks) == plain.asks
    assert (await venue.queries.market_state("BTCUSDT")).last_price_ticks == plain.trades[-1][1]
    clock = await venue.queries.clock()
    assert (clock.now_ms, clock.mode) == (plain.last_ms, "virtual")
    assert (await audit(venue)).differences == []


@pytest.mark.parametrize("recording", [SHIPPED, *OWN], ids=lambda path: path.name)
async def test_a_recording_comes_out_as_it_is(venue: Venue, recording: Path) -> None:
    await played(venue, recording)
    await agrees(venue, read_plainly(recording))


async def test_a_second_replay_begins_anew(venue: Venue, tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl.gz"
    write_recording(path, seed=3, seconds=5)
    await played(venue, path)
    ids = {order.order_id for order in await venue.queries.open_orders(MAKER, ["BTCUSDT"])}
    recording = read_recording(path, SPECS)
    stage = await prepare(venue, recording)
    assert stage.notes == [
        "Cleared all open orders and trades of the demo and of earlier replays; nobody else had any."
    ]
    assert await venue.queries.depth("BTCUSDT", 5) == msgspec.structs.replace(
        await venue.queries.depth("BTCUSDT", 5), bids=[], asks=[]
    )
    await replay(venue, recording, stage)
    depth = await venue.queries.depth("BTCUSDT", 1_000)
    assert (dict(depth.bids), dict(depth.asks)) == read_plainly(path)[:2]
    assert min(order.order_id for order in await venue.queries.open_orders(MAKER, ["BTCUSDT"])) > max(ids)


class Crowd:
    """Users who place random orders among the tape, and a count of what they took, made from the events alone."""

    def __init__(self, venue: Venue, seed: int, users: list[int]) -> None:
        self.venue = venue
        self.random = Random(seed)
        self.users = users
        self.seq = 0
        self.taken: dict[tuple[Side, int], int] = defaultdict(int)
        self.taken_in_all = 0

    async def act(self) -> None:
        depth = await self.venue.queries.depth("BTCUSDT", 3)
        side = self.random.choice((BUY, SELL))
        levels = depth.bids if side is BUY else depth.asks
        user, lots = self.random.choice(self.users), self.random.randint(100, 20_000)
        try:
            if not levels or self.random.random() < 0.2:
                await self.venue.gateway.place_order(market(user, side, lots=lots))
            else:
                price = self.random.choice(levels)[0] + self.random.randint(-3, 3)
                tif = self.random.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC))
                await self.venue.gateway.place_order(limit(user, side, price, lots, tif=tif))
        except Rejected as error:
            assert error.reason is Reason.FILTER_NOTIONAL  # noqa: PT017

    async def count(self, frame: RecordedFrame | None) -> None:
        """Read the events since last time; what was taken before a frame that empties a level counts no more."""
        entries = await self.venue.runner.command("XRANGE", self.venue.keys.events, f"(0-{self.seq}", "+")
        quoted: dict[tuple[Side, int], int] = defaultdict(int)
        for entry in entries:
            event = decode_entry(entry)
            self.seq = event.seq
            if not isinstance(event, MarketEvent):
                continue
            for fill in event.fills:
                if fill.maker_account == MAKER and fill.taker_account not in (MAKER, TAKER):
                    self.taken[fill.taker_side.opposite, fill.price_ticks] += fill.lots
                    self.taken_in_all += fill.lots
                assert not (fill.maker_account == MAKER and fill.taker_account == MAKER)
            if isinstance(event, TapeFrameApplied):
                for order in event.takers:
                    quoted[order.side, order.price_ticks] += order.filled_lots
        for level in frame.levels if frame else []:
            if level.lots == 0:
                self.taken.pop((level.side, level.price_ticks), None)
        for key, lots in quoted.items():
            self.taken[key] += lots


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_among_users_the_tape_keeps_to_the_recording_less_what_they_took(
    venue: Venue, tmp_path: Path, alice: int, bob: int, seed: int
) -> None:
    path = tmp_path / "short.jsonl.gz"
    write_recording(path, seed=seed, seconds=25)
    await give_tape_accounts(venue)
    recording = read_recording(path, SPECS)
    stage = await prepare(venue, recording)
    crowd, fold = Crowd(venue, seed, [alice, bob]), dict[tuple[Side, int], int]()
    for event in recording.events:
        one = msgspec.structs.replace(recording, events=[event])
        await replay(venue, one, stage)
        await crowd.count(event if isinstance(event, RecordedFrame) else None)
        if isinstance(event, RecordedFrame):
            fold |= {(level.side, level.price_ticks): level.lots for level in event.levels}
            expected = {key: max(0, lots - crowd.taken[key]) for key, lots in fold.items()}
            assert await _own(venue) == {key: lots for key, lots in expected.items() if lots}, event
        for _ in range(crowd.random.choice((0, 0, 1))):
            await crowd.act()
    assert crowd.taken_in_all > 0
    assert (await audit(venue)).differences == []


async def _own(venue: Venue) -> dict[tuple[Side, int], int]:
    own: dict[tuple[Side, int], int] = defaultdict(int)
    for order in await venue.queries.open_orders(MAKER, ["BTCUSDT"]):
        own[order.side, order.price_ticks] += order.left_lots
    return own


async def test_two_symbols_of_a_file_are_played_together(venue: Venue, write: Write) -> None:
    path = write(
        depth_line(NOW, 1, 1, [["60000.00", "1"]], []),
        trade_line(NOW + 10, "2600.00", "0.5", symbol="ETHUSDT"),
        depth_line(NOW + 20, 1, 1, [["2599.00", "2"]], [], "ETHUSDT"),
    )
    recording = await played(venue, path)
    assert recording.symbols == ["BTCUSDT", "ETHUSDT"]
    assert (await venue.queries.depth("ETHUSDT", 5)).bids == [(259_900, 20_000)]
    assert (await venue.queries.trades("ETHUSDT", limit=5))[0].now_ms == NOW + 10


async def test_users_orders_that_are_not_later_stay_and_fill(venue: Venue, write: Write, alice: int) -> None:
    await venue.clock.set_virtual(NOW - 1_000)
    placed = await venue.gateway.place_order(limit(alice, BUY, 6_000_000, 1_000))
    path = write(trade_line(NOW, "60000.00", "0.01", is_buyer_maker=True))
    await played(venue, path)
    order = await venue.queries.order(alice, "BTCUSDT", order_id=placed.order.order_id)
    assert order.filled_lots == 1_000


async def test_users_orders_that_are_later_are_not_thrown_away(venue: Venue, write: Write, alice: int) -> None:
    await give_tape_accounts(venue)
    await venue.registry.define_account(alice, "alice")
    await venue.gateway.place_order(limit(alice, BUY, 6_000_000, 1_000))
    recording = read_recording(write(trade_line(NOW, "60000.00", "0.01")), SPECS)
    before = await venue.queries.clock()
    with pytest.raises(ReplayRefused, match=r"begins at 2023-11-14 22:13:20.000 UTC.*of alice: with --clear"):
        await prepare(venue, recording)
    after = await venue.queries.clock()
    assert (after.mode, after.seq) == ("real", before.seq)
    assert len(await venue.queries.open_orders(alice, ["BTCUSDT"])) == 1
    stage = await prepare(venue, recording, clear=True)
    assert stage.notes == ["Cleared all open orders and trades."]
    assert await venue.queries.open_orders(alice, ["BTCUSDT"]) == []


async def test_the_last_replay_s_orders_leave_where_users_orders_stay(venue: Venue, write: Write, alice: int) -> None:
    await venue.clock.set_virtual(NOW - 1_000)
    await venue.gateway.place_order(limit(alice, BUY, 5_000_000, 1_000))
    await played(venue, write(depth_line(NOW, 1, 1, [["60000.00", "1"]], [["60001.00", "1"]])))
    await venue.gateway.place_order(market(alice, BUY, lots=500))
    later = write(depth_line(NOW + 9_000, 1, 1, [["60000.50", "1"]], [["60001.00", "1"]]), name="later.jsonl")
    await played(venue, later)
    depth = await venue.queries.depth("BTCUSDT", 5)
    assert depth.bids == [(6_000_050, 100_000), (5_000_000, 1_000)]
    assert depth.asks == [(6_000_100, 100_000)]  # what alice took from the last replay counts no more


async def test_a_halted_symbol_is_found_before_anything_happens(venue: Venue, write: Write) -> None:
    await venue.registry.define_symbol(msgspec.structs.replace(SPECS["BTCUSDT"], status=SymbolStatus.HALT))
    recording = read_recording(write(trade_line(NOW, "60000.00", "0.01")), SPECS)
    with pytest.raises(ReplayRefused, match="BTCUSDT is halted"):
        await prepare(venue, recording)
    assert (await venue.queries.clock()).mode == "real"


async def test_a_stop_ends_between_two_events_and_says_where(venue: Venue) -> None:
    await give_tape_accounts(venue)
    recording = read_recording(SHIPPED, SPECS)
    stage = await prepare(venue, recording)
    told: list[Progress] = []
    summary = await replay(
        venue, recording, stage, on_progress=told.append, should_stop=lambda: bool(told and told[-1].work_done > 1_000)
    )
    assert not summary.is_complete
    assert 1_000 < summary.level_count + summary.trade_count < recording.work
    assert (await venue.queries.clock()).now_ms == summary.now_ms
    assert len(grouped(await all_trades(venue))) == summary.trade_count


async def test_after_a_replay_that_was_killed_the_next_one_begins_anew(venue: Venue, tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl.gz"
    write_recording(path, seed=4, seconds=10)
    await give_tape_accounts(venue)
    recording = read_recording(path, SPECS)
    stage = await prepare(venue, recording)
    looks: list[bool] = []

    def kill_later() -> bool:
        looks.append(True)
        if len(looks) == 4:
            killed.cancel()  # with commands under way, as a SIGKILL would
        return False

    killed = asyncio.create_task(replay(venue, recording, stage, should_stop=kill_later))
    await asyncio.gather(killed, return_exceptions=True)
    assert killed.cancelled()
    assert 0 < len(await all_trades(venue)) < recording.trade_count
    await played(venue, path)
    await agrees(venue, read_plainly(path))


async def test_the_speed_is_kept(venue: Venue, write: Write) -> None:
    await give_tape_accounts(venue)
    lines = [trade_line(NOW + 100 * number, "60000.00", "0.01") for number in range(21)]
    recording = read_recording(write(*lines), SPECS)
    stage = await prepare(venue, recording)
    summary = await replay(venue, recording, stage, speed=10)
    assert 0.19 < summary.seconds < 1.5  # two recorded seconds


async def test_rules_that_change_on_the_way_and_lost_replies_do_no_harm(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every so often a command is refused, never sent, or done with its reply lost: all is played exactly once."""
    random, play, apply = Random(5), venue.gateway.play_trade, venue.gateway.apply_frame

    def unreliable(really: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def send(command: Any) -> None:
            what = random.random()
            if what < 0.002:
                raise EngineUnavailable("not sent")
            if what < 0.004:
                fees = msgspec.structs.replace(SPECS["BTCUSDT"], maker_fee_e8=random.randint(1, 10**5))
                await venue.registry.define_symbol(fees)
            await really(command)
            if 0.004 < what < 0.006:
                raise OutcomeUnknown("reply lost")

        return send

    monkeypatch.setattr(venue.gateway, "play_trade", unreliable(play))
    monkeypatch.setattr(venue.gateway, "apply_frame", unreliable(apply))
    monkeypatch.setattr("simulation.tape.sender.SETBACK_PAUSE_S", 0)
    await played(venue, SHIPPED)
    await agrees(venue, read_plainly(SHIPPED))


async def test_another_replay_ends_this_one(venue: Venue, tmp_path: Path) -> None:
    await give_tape_accounts(venue)
    recording = read_recording(SHIPPED, SPECS)
    stage = await prepare(venue, recording)
    begun = asyncio.Event()

    async def first() -> ExchangeError:
        with pytest.raises(ReplayRefused, match="another replay has begun") as caught:
            await replay(venue, recording, stage, on_progress=lambda progress: begun.set())
        return caught.value

    running = asyncio.create_task(first())
    await begun.wait()
    await played(venue, SHIPPED)
    await running
    await agrees(venue, read_plainly(SHIPPED))


async def test_a_replay_waits_for_readers_but_not_for_the_dead(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = await venue.queries.clock()
    pacer, now_ms = pacing.Pacer(venue), round(time.time() * 1000)
    monkeypatch.setattr(pacing, "READER_BOUND", 2)

    async def waits(epoch: int, seq: int, fullness_percent: int, told_ms: int) -> bool:
        told = msgspec.json.encode([epoch, seq, fullness_percent, told_ms])
        await venue.runner.command("HSET", venue.keys.readers, "feed-1", told)
        return await pacer._is_ahead()

    assert clock.seq > 2
    assert await waits(clock.epoch, clock.seq - 2, 0, now_ms)
    assert not await waits(clock.epoch, clock.seq - 1, 50, now_ms)
    assert not await waits(clock.epoch, 0, 90, now_ms - 60_000)
    assert not await waits(clock.epoch - 1, clock.seq - 2, 0, now_ms)
    assert await waits(clock.epoch, clock.seq, 51, now_ms)
    looks: list[bool] = []

    def should_stop() -> bool:
        looks.append(True)
        return len(looks) > 3

    await pacer.keep(should_stop)
    assert len(looks) == 4  # only a stop ended it
