"""open_venue: another server, or one that came back, begins a new epoch; the same one does not."""

import time
from pathlib import Path

import pytest

from engine.audit import audit
from engine.embedded import EmbeddedServer
from engine.errors import OtherLayout
from engine.events import VenueOpened
from engine.keys import LAYOUT
from engine.types import Side
from engine.venue import Venue, opened
from tests.conftest import BTCUSDT, fund, keys_of, limit
from tests.engine.checks import digest, events_after


async def test_who_connects_to_the_same_server_stays_in_its_epoch(venue: Venue, redis_url: str) -> None:
    before, clock = await digest(venue), await venue.queries.clock()
    async with opened(redis_url, venue.name) as again:
        same = await again.queries.clock()
    assert (same.epoch, same.seq) == (clock.epoch, clock.seq)
    assert await digest(venue) == before


async def test_another_server_begins_a_later_epoch_and_seq_goes_on(venue: Venue, redis_url: str) -> None:
    old = await venue.queries.clock()
    await venue.runner.command("HSET", venue.keys.meta, "run_id", "another:master")
    async with opened(redis_url, venue.name) as reopened:
        new = await reopened.queries.clock()
    assert new.epoch > old.epoch
    (event,) = await events_after(venue, old.seq)
    assert isinstance(event, VenueOpened)
    assert (event.epoch, event.seq) == (new.epoch, old.seq + 1) == (new.epoch, new.seq)


@pytest.mark.parametrize("layout", [None, LAYOUT - 1, LAYOUT + 1])
@pytest.mark.parametrize("run_id", ["the same", "another:master"])
async def test_data_of_another_layout_are_refused_and_left_alone(
    venue: Venue, redis_url: str, layout: int | None, run_id: str
) -> None:
    """Those of the first versions have no number."""
    meta = venue.keys.meta
    await venue.runner.command(*(("HDEL", meta, "layout") if layout is None else ("HSET", meta, "layout", layout)))
    if run_id != "the same":
        await venue.runner.command("HSET", meta, "run_id", run_id)
    before = await digest(venue)
    with pytest.raises(OtherLayout, match=f"layout {layout or 1}, this one has {LAYOUT}"):
        await Venue.connect(redis_url, venue.name)
    assert await digest(venue) == before


async def test_a_role_that_changed_is_another_server_too(venue: Venue, redis_url: str) -> None:
    old = await venue.queries.clock()
    run_id = (await venue.runner.command("HGET", venue.keys.meta, "run_id")).decode()
    assert run_id.endswith(":master")
    await venue.runner.command("HSET", venue.keys.meta, "run_id", run_id.replace(":master", ":slave"))
    async with opened(redis_url, venue.name) as reopened:
        assert (await reopened.queries.clock()).epoch > old.epoch


async def test_a_server_that_lost_its_memory_begins_later_than_before(venue: Venue, redis_url: str) -> None:
    """An epoch is at least the machine's time in ms, so it cannot come again with other content."""
    old = await venue.queries.clock()
    await venue.runner.command("HSET", venue.keys.meta, "run_id", "another:master")
    async with opened(redis_url, venue.name) as reopened:
        await venue.runner.command("DEL", *await keys_of(venue))
        await reopened.clock.open_venue()
        new = await reopened.queries.clock()
    assert new.epoch >= old.epoch
    assert new.seq == 1
    assert abs(new.epoch - time.time() * 1000) < 5_000


async def test_a_new_epoch_on_a_virtual_clock_takes_its_number_from_the_machine(venue: Venue, redis_url: str) -> None:
    await venue.clock.set_virtual(1_000)
    await venue.runner.command("HSET", venue.keys.meta, "run_id", "another:master", "epoch", 1)
    async with opened(redis_url, venue.name) as reopened:
        clock = await reopened.queries.clock()
    assert (clock.now_ms, clock.mode) == (1_000, "virtual")
    assert abs(clock.epoch - time.time() * 1000) < 5_000


async def test_a_restarted_server_keeps_the_books_in_a_new_epoch(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path, durability="standard")
    epochs = []
    for _ in range(2):
        with server:
            async with opened(server.url, "main") as venue:
                await venue.registry.define_symbol(BTCUSDT)
                await fund(venue, 1, USDT=10**6)
                await venue.gateway.place_order(limit(1, Side.BUY, 100, 5))
                epochs.append((await venue.queries.clock()).epoch)
                assert (await venue.queries.depth("BTCUSDT", 5)).bids == [(100, 5 * len(epochs))]
                assert (await audit(venue)).differences == []
    assert epochs[0] < epochs[1]
