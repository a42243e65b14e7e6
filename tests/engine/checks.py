"""What the engine's tests ask again and again: was it refused, did it leave a trace, what did it tell."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.errors import Reason, Rejected
from engine.events import AnyEvent, decode_entry
from engine.venue import Venue
from tests.conftest import keys_of

READ = {
    b"hash": ("HGETALL",),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    b"stream": ("XRANGE", "-", "+"),
    b"string": ("GET",),
    b"set": ("SMEMBERS",),
    b"list": ("LRANGE", 0, -1),
}


async def digest(venue: Venue) -> dict[bytes, Any]:
    """Every key of the venue with its whole value; hashes and sets, which have no order of their own, sorted."""
    keys = await keys_of(venue)
    kinds = await venue.connection.pipeline([("TYPE", key) for key in keys])
    values = await venue.connection.pipeline(
        [(READ[kind][0], key, *READ[kind][1:]) for key, kind in zip(keys, kinds, strict=True)]
    )
    found: dict[bytes, Any] = {}
    for key, kind, value in zip(keys, kinds, values, strict=True):
        if kind == b"hash":
            value = dict(zip(value[::2], value[1::2], strict=True))
        found[key] = sorted(value) if kind == b"set" else value
    return found


async def refusal(command: Awaitable[object]) -> Reason:
    """Why the command was refused."""
    with pytest.raises(Rejected) as caught:
        await command
    return caught.value.reason


async def refused_without_a_trace(venue: Venue, command: Awaitable[object]) -> Reason:
    """The same, and no byte of the venue may have changed."""
    before = await digest(venue)
    reason = await refusal(command)
    assert await digest(venue) == before
    return reason


async def events_of(venue: Venue, act: Callable[[], Awaitable[object]]) -> list[AnyEvent]:
    """What the command told the stream."""
    seq = (await venue.queries.clock()).seq
    await act()
    return await events_after(venue, seq)


async def events_after(venue: Venue, seq: int) -> list[AnyEvent]:
    entries = await venue.runner.command("XRANGE", venue.keys.events, f"(0-{seq}", "+")
    return [decode_entry(entry) for entry in entries]
