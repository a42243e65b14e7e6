"""The stream: one entry a command, no gaps, and everything that is now follows from what happened."""

from collections import Counter
from random import Random

from engine.events import (
    AnyMarketEvent,
    BalanceCredited,
    BalanceDebited,
    ExternalLockChanged,
    MarketEvent,
    OrderPlaced,
    decode,
)
from engine.types import Side
from engine.venue import Venue
from tests.conftest import SPECS, balance, cancel, limit, market
from tests.engine.checks import events_after, events_of
from tests.model.agreement import ACCOUNTS, ASSETS, Pair
from tests.model.random_commands import Commands

BUY, SELL = Side.BUY, Side.SELL


async def test_every_accepted_command_is_one_entry_with_the_next_seq(venue: Venue, alice: int, bob: int) -> None:
    start = await venue.queries.clock()
    await venue.gateway.place_order(limit(alice, SELL, 100, 5))
    await venue.gateway.place_order(market(bob, BUY, lots=2))
    await venue.gateway.cancel_order(cancel(alice, 1))
    await venue.gateway.place_order(market(bob, BUY, lots=500_000))
    events = await events_after(venue, start.seq)
    assert [(event.epoch, event.seq) for event in events] == [(start.epoch, start.seq + n) for n in range(1, 5)]
    ids = [entry[0] for entry in await venue.runner.command("XRANGE", venue.keys.events, "-", "+")]
    assert ids == [f"0-{number}".encode() for number in range(1, len(ids) + 1)]


async def test_a_match_is_told_whole_in_one_event(venue: Venue, alice: int, bob: int) -> None:
    for price_ticks, lots in ((101, 9_000), (100, 5_000)):
        await venue.gateway.place_order(limit(alice, SELL, price_ticks, lots, client_id=f"at-{price_ticks}"))
    (event,) = await events_of(venue, lambda: venue.gateway.place_order(limit(bob, BUY, 101, 20_000)))
    assert isinstance(event, OrderPlaced)
    assert event.is_final
    assert [(fill.trade_id, fill.price_ticks, fill.lots, fill.maker_order_id) for fill in event.fills] == [
        (1, 100, 5_000, 2),
        (2, 101, 9_000, 1),
    ]
    assert [(maker.order_id, maker.status, maker.left_lots) for maker in event.makers] == [
        (2, "FILLED", 0),
        (1, "FILLED", 0),
    ]
    assert [(level.side, level.price_ticks, level.lots) for level in event.levels] == [
        (SELL, 100, 0),
        (SELL, 101, 0),
        (BUY, 101, 6_000),
    ]
    assert {(change.asset, change.account) for change in event.balances} == {
        (asset, account) for asset in ("BTC", "USDT") for account in (alice, bob)
    }
    for change in event.balances:
        assert (change.free_atoms, change.locked_atoms) == await balance(venue, change.account, change.asset)


async def test_trade_stream_and_event_stream_tell_the_same_fills(venue: Venue, alice: int, bob: int) -> None:
    for _ in range(3):
        await venue.gateway.place_order(limit(alice, SELL, 100, 1))
    (event,) = await events_of(venue, lambda: venue.gateway.place_order(market(bob, BUY, lots=3)))
    assert isinstance(event, OrderPlaced)
    trades = await venue.queries.trades("BTCUSDT", limit=10)
    assert [trade.fill for trade in trades] == event.fills
    assert {trade.now_ms for trade in trades} == {event.now_ms}


async def test_an_entry_has_one_field_with_the_event(venue: Venue, alice: int) -> None:
    ((_, fields),) = await venue.runner.command("XREVRANGE", venue.keys.events, "+", "-", "COUNT", 1)
    assert fields[0] == b"d"
    assert isinstance(decode(fields[1]), BalanceCredited)


async def test_books_and_balances_are_the_fold_of_the_events(venue: Venue) -> None:
    """Who reads the stream from its beginning, and nothing else, knows every level, update id and balance."""
    seed = Random().randrange(2**32)
    pair = await Pair.start(venue)
    commands = Commands(Random(seed), pair.reference, clears=False)
    for step in commands.opening():
        await pair.play(step)
    for _ in range(600):
        await pair.play(commands.draw())
    levels, update_ids, money = fold(await events_after(venue, 0))
    for symbol in SPECS:
        depth = await venue.queries.depth(symbol, 10_000)
        found = {(symbol, BUY, price): lots for price, lots in depth.bids}
        found |= {(symbol, SELL, price): lots for price, lots in depth.asks}
        assert found == {key: lots for key, lots in levels.items() if key[0] == symbol and lots}, f"seed {seed}"
        assert depth.update_id == update_ids[symbol], f"seed {seed}"
    for account in ACCOUNTS:
        for asset in ASSETS:
            assert money.get((asset, account), (0, 0)) == await balance(venue, account, asset), f"seed {seed}"


Levels = dict[tuple[str, Side, int], int]
Money = dict[tuple[str, int], tuple[int, int]]


def fold(events: list[AnyMarketEvent]) -> tuple[Levels, Counter[str], Money]:
    """Also checks on the way that nothing is told twice and every balance begins where it ended."""
    levels: Levels = {}
    update_ids: Counter[str] = Counter()
    money: Money = {}
    for event in events:
        changes = []
        if isinstance(event, MarketEvent):
            changes = event.balances
            update_ids[event.symbol] += bool(event.levels)
            assert event.update_id == update_ids[event.symbol]
            for level in event.levels:
                key = (event.symbol, level.side, level.price_ticks)
                assert levels.get(key, 0) != level.lots
                levels[key] = level.lots
        elif isinstance(event, BalanceCredited | BalanceDebited | ExternalLockChanged):
            changes = [event.balance]
        for change in changes:
            before = (change.free_before, change.locked_before)
            assert money.get((change.asset, change.account), (0, 0)) == before
            money[change.asset, change.account] = (change.free_atoms, change.locked_atoms)
    return levels, update_ids, money
