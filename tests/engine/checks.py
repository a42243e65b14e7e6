"""What the engine's tests ask again and again: was it refused, did it leave a trace, what did it tell."""

from collections.abc import Awaitable, Callable

import pytest

from engine.errors import Reason, Rejected
from engine.events import AnyEvent, decode_entry
from engine.venue import Venue
from tests.conftest import keys_of


async def digest(venue: Venue) -> dict[bytes, bytes]:
    """Every key of the venue with its whole value, as Redis would write it to a file."""
    keys = await keys_of(venue)
    return dict(zip(keys, await venue.connection.pipeline([("DUMP", key) for key in keys]), strict=True))


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
