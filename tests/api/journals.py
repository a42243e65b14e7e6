"""What the tests of journals share: rich users, orders, and the archiver's work done at once."""

from typing import Any

import msgspec
from asgiref.sync import sync_to_async

from accounts.journal.asking import Journal
from accounts.journal.words import Line
from archive.writer import store
from engine.events import decode_entry
from engine.types import Side
from engine.venue import Venue
from tests.conftest import fund, limit

BUY, SELL = Side.BUY, Side.SELL
ALICE, BOB, CAROL = 1, 2, 3
RICH = 10**12 * 10


async def make_rich(venue: Venue) -> None:
    """Alice, bob and carol."""
    for account, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
        await venue.registry.define_account(account, name)
        await fund(venue, account, BTC=RICH, USDT=RICH)


async def place(venue: Venue, account: int, side: Side, price: int, lots: int, **more: Any) -> int:
    order = msgspec.structs.replace(limit(account, side, price, lots), **more)
    return (await venue.gateway.place_order(order)).order.order_id


def kinds(journal: Journal) -> list[str]:
    return [line.kind for line in journal.lines]


def line(journal: Journal, kind: str) -> Line:
    (found,) = [each for each in journal.lines if each.kind == kind]
    return found


async def events_of(venue: Venue) -> list[Any]:
    return [decode_entry(entry) for entry in await venue.runner.command("XRANGE", venue.keys.events, "-", "+")]


async def archive_all(venue: Venue, *, keep_from: int | None = None) -> None:
    """Copy the events into SQL as the archiver does, and drop those before `keep_from`."""
    events = await events_of(venue)
    await sync_to_async(store)(venue.name, events)
    told = msgspec.json.encode([events[-1].epoch, events[-1].seq, 0, 0])
    await venue.runner.command("HSET", venue.keys.readers, "archive", told)
    if keep_from is not None:
        await venue.runner.command("XTRIM", venue.keys.events, "MINID", "=", f"0-{keep_from}")
