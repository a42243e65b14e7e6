"""Recordings made to break a replay: the book, the trades and the clock are what a plain reading of the file says."""

from decimal import Decimal

import msgspec
import pytest

from engine.queries import PublicTrade
from engine.venue import Venue
from simulation.tape.recording import Recording, read_recording
from simulation.tape.replay import replay
from simulation.tape.stage import Stage, prepare
from tests.conftest import SPECS
from tests.tape import plain
from tests.tape.adversary import make_lines
from tests.tape.conftest import MAKER, TAKER, give_tape_accounts
from tests.tape.test_recording import Write

TICK = Decimal("0.01")
SEEDS = range(1, 7)


def scaled(book: plain.Book, symbol: str) -> dict[int, int]:
    return {int(price / TICK): int(size / plain.LOT[symbol]) for price, size in book.items()}


async def books(venue: Venue, symbol: str) -> tuple[dict[int, int], dict[int, int]]:
    depth = await venue.queries.depth(symbol, 1_000)
    return dict(depth.bids), dict(depth.asks)


async def all_trades(venue: Venue, symbol: str) -> list[PublicTrade]:
    found: list[PublicTrade] = []
    while page := await venue.queries.trades(symbol, limit=1_000, from_id=len(found) + 1):
        found += page
    return found


async def trades(venue: Venue, symbol: str) -> list[plain.Trade]:
    """Fills of one taker's order at one price as one trade."""
    found: list[plain.Trade] = []
    taker = -1
    for trade in await all_trades(venue, symbol):
        fill = trade.fill
        assert {fill.maker_account, fill.taker_account} == {MAKER, TAKER}
        price, quantity = fill.price_ticks * TICK, fill.lots * plain.LOT[symbol]
        if fill.taker_order_id == taker and found[-1].price == price:
            found[-1] = found[-1]._replace(quantity=found[-1].quantity + quantity)
        else:
            found.append(plain.Trade(trade.now_ms, price, quantity, fill.is_buyer_maker))
        taker = fill.taker_order_id
    return found


def check_frame(seen: tuple[dict[int, int], dict[int, int]], frame: plain.Frame, symbol: str) -> None:
    """The frame's book; of a crossed one at least what is out of the crossing, and nothing that it does not have."""
    bids, asks = scaled(frame.bids, symbol), scaled(frame.asks, symbol)
    if not frame.is_crossed:
        assert seen == (bids, asks)
        return
    assert seen[0].items() <= bids.items()
    assert seen[1].items() <= asks.items()
    assert not (seen[0] and seen[1]) or max(seen[0]) < min(seen[1])
    assert {price: lots for price, lots in bids.items() if price < min(asks)}.items() <= seen[0].items()
    assert {price: lots for price, lots in asks.items() if price > max(bids)}.items() <= seen[1].items()


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_frame_and_every_trade_come_out_as_they_are(venue: Venue, write: Write, seed: int) -> None:
    path = write(*make_lines(seed), name=f"seed_{seed}.jsonl" + (".gz" if seed % 2 else ""))
    await give_tape_accounts(venue)
    recording = read_recording(path, SPECS)
    assert recording.symbols == ["BTCUSDT", "ETHUSDT"]
    expected = {symbol: plain.read(path, symbol) for symbol in recording.symbols}
    stage = await prepare(venue, recording)
    await play_and_check(venue, recording, stage, expected)
    for symbol, moments in expected.items():
        assert await trades(venue, symbol) == plain.trades_of(moments)


async def play_and_check(
    venue: Venue, recording: Recording, stage: Stage, expected: dict[str, list[plain.Trade | plain.Frame]]
) -> None:
    ahead = {symbol: iter(moments) for symbol, moments in expected.items()}
    for event in recording.events:
        await replay(venue, msgspec.structs.replace(recording, events=[event]), stage)
        moment = next(ahead[event.symbol])
        assert moment.time_ms == event.time_ms == (await venue.queries.clock()).now_ms
        if isinstance(moment, plain.Frame):
            check_frame(await books(venue, event.symbol), moment, event.symbol)
        else:
            assert (await venue.queries.market_state(event.symbol)).last_price_ticks * TICK == moment.price
    assert [next(moments, None) for moments in ahead.values()] == [None, None]


@pytest.mark.parametrize("seed", SEEDS)
async def test_at_full_speed_the_end_is_the_recording_s(venue: Venue, write: Write, seed: int) -> None:
    path = write(*make_lines(seed, frames=300))
    await give_tape_accounts(venue)
    recording = read_recording(path, SPECS)
    await replay(venue, recording, await prepare(venue, recording))
    for symbol in recording.symbols:
        moments = plain.read(path, symbol)
        assert await trades(venue, symbol) == plain.trades_of(moments)
        last = [moment for moment in moments if isinstance(moment, plain.Frame)][-1]
        if not last.is_crossed:
            bids, asks = plain.final_book(moments)
            assert await books(venue, symbol) == (scaled(bids, symbol), scaled(asks, symbol))
