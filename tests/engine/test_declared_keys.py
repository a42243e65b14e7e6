"""The engine's scripts run as a user of Redis who may touch the declared keys only: this must really bite."""

import hashlib

import pytest
from redis.exceptions import ResponseError

from engine.audit import audit
from engine.scripts import Script
from engine.types import Side
from engine.venue import Venue
from tests.conftest import fund, limit


def script(body: str) -> Script:
    text = f"#!lua\n{body}\n"
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name="test", text=text, sha=sha, is_read_only=False)


@pytest.mark.parametrize(
    "body",
    [
        'return redis.call("HGET", KEYS[1] .. ":more", "field")',
        'return redis.call("HSET", ARGV[1], "field", "value")',
        'return redis.call("DEL", KEYS[1], ARGV[1])',
    ],
)
async def test_a_script_that_touches_a_key_it_did_not_declare_is_refused(venue: Venue, body: str) -> None:
    with pytest.raises(ResponseError, match=r"ACL|permission|NOPERM|can't access"):
        await venue.connection.run(script(body), [venue.keys.open], [venue.keys.events])


async def test_a_declared_key_is_granted_for_one_script_only(venue: Venue) -> None:
    read = script('return redis.call("HGET", ARGV[1], "seq")')
    assert await venue.connection.run(read, [venue.keys.meta], [venue.keys.meta]) is not None
    with pytest.raises(ResponseError):
        await venue.connection.run(read, [venue.keys.open], [venue.keys.meta])


async def test_the_audit_declares_what_it_reads(venue: Venue) -> None:
    await fund(venue, 1, BTC=10**6, USDT=10**6)
    await venue.gateway.place_order(limit(1, Side.BUY, 100, 5))
    report = await audit(venue)
    assert (report.differences, report.orders, report.assets) == ([], 1, 3)
