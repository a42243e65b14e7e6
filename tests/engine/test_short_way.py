"""A resting order takes a short way through place_order: it must leave exactly what the long way leaves."""

import hashlib
from typing import Any

import pytest

from engine.scripts import Script, load_scripts
from engine.types import Side
from engine.venue import Venue
from tests.conftest import ETHBTC, RICH_ATOMS, fund

SHORT = load_scripts()["place_order"]
CONDITION = 'if ARGV[7] == "GTC" and'


def long_way() -> Script:
    """The same script with the short way closed."""
    text = SHORT.text.replace(CONDITION, "if false and")
    assert text != SHORT.text
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name="long_way", text=text, sha=sha, is_read_only=False)


async def everything(venue: Venue) -> dict[bytes, Any]:
    """What stands under the venue's keys, key by key."""
    found = {}
    for key in sorted(await venue.runner.command("KEYS", "{" + venue.name + "}:*")):
        kind = (await venue.runner.command("TYPE", key)).decode()
        read = {
            "hash": ("HGETALL", key),
            "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
            "stream": ("XRANGE", key, "-", "+"),
        }
        reply = await venue.runner.command(*read[kind])
        found[key] = sorted(zip(reply[::2], reply[1::2], strict=True)) if kind == "hash" else reply
    return found


@pytest.mark.parametrize(
    ("side", "price_ticks", "lots"),
    [(Side.BUY, 33_333, 7), (Side.SELL, 44_444, 3), (Side.BUY, 1, 10**9), (Side.SELL, 9, 10**12)],
)
async def test_short_and_long_way_leave_the_same(
    redis_url: str, venue_name: str, side: Side, price_ticks: int, lots: int
) -> None:
    outcomes = []
    for script in (SHORT, long_way()):
        venue = await Venue.connect(redis_url, venue_name)
        await venue.registry.define_symbol(ETHBTC)
        await fund(venue, 3, ETH=RICH_ATOMS, BTC=RICH_ATOMS)
        await venue.clock.set_virtual(1_000_000_000_000)
        await venue.runner.command("DEL", venue.keys.events)
        await venue.runner.command("HSET", venue.keys.meta, "epoch", 7)
        keys = venue.keys.of_market("ETHBTC", "ETH", "BTC")
        replies = [
            await venue.connection.run(
                script, keys, (3, "ETHBTC", "", 1, side, "LIMIT", "GTC", price_ticks, lots, 0, f"id{number}", "")
            )
            for number in range(3)
        ]
        state = await everything(venue)
        outcomes.append((replies, state))
        for key in state:
            await venue.runner.command("DEL", key)
        await venue.close()
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0][0][0] == (b"rejected" if lots == 10**12 else b"ok")
