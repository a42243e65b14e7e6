"""The feed itself: how far it says it is, whom it cuts and when, and that nothing else is ever lost."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_django import Settings
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from accounts.digests import key_digest
from accounts.sockets.consumers import MarketSocket
from api.feed import Handler
from api.runtime import Runtime
from engine.embedded import EmbeddedServer
from engine.events import AnyEvent, BalanceCredited
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import Venue
from markets.streams.hub import MarketStreams
from tests.conftest import BTCUSDT, fund, limit
from tests.ws.conftest import PATIENCE_S, Client, connected, give_key, serving


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def positions(venue: Venue) -> dict[str, list[Any]]:
    flat = await venue.runner.command("HGETALL", venue.keys.readers)
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return {name.decode(): msgspec.json.decode(value) for name, value in pairs if name.startswith(b"feed-")}


async def rest_of(stalled: ClientConnection) -> list[dict[str, Any]]:
    """What is still to be read before the connection ends."""
    frames: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        try:
            while True:
                frames.append(msgspec.json.decode(await stalled.recv()))
        except ConnectionClosed:
            return frames


async def close_code(client: Client) -> int:
    """The code the server closes with; what comes before it is passed over."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            while True:
                await client.socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


async def trade(venue: Venue, lots: int = 1_000) -> None:
    await venue.gateway.place_order(limit(1, Side.SELL, 6_000_000, lots))
    await venue.gateway.place_order(limit(2, Side.BUY, 6_000_000, lots))


async def test_a_feed_tells_how_far_it_is_and_takes_its_name_off_when_it_stops(
    redis_url: str, venue: Venue, alice: int
) -> None:
    runtime = Runtime(redis_url, venue.name)
    async with serving(runtime):
        clock = await venue.queries.clock()
        async with asyncio.timeout(PATIENCE_S):
            while (await positions(venue)).get(runtime.feed.name, [0, 0])[:2] != [clock.epoch, clock.seq]:
                await asyncio.sleep(0.01)
        await fund(venue, 1, BTC=1)
        async with asyncio.timeout(1):  # not only every second
            while (await positions(venue))[runtime.feed.name][1] != clock.seq + 1:
                await asyncio.sleep(0.01)
    assert runtime.feed.name not in await positions(venue)


async def test_a_killed_feeds_name_is_removed_by_the_next_one(redis_url: str, venue: Venue) -> None:
    await venue.runner.command("HSET", venue.keys.readers, "feed-of-the-dead", "[1,2,0,3]", "archive", "[1,2,0,3]")
    runtime = Runtime(redis_url, venue.name)
    async with serving(runtime):
        async with asyncio.timeout(PATIENCE_S):
            while "feed-of-the-dead" in await positions(venue):
                await asyncio.sleep(0.01)
    assert await venue.runner.command("HGET", venue.keys.readers, "archive") == b"[1,2,0,3]"


async def test_a_reader_that_stops_is_cut_and_the_others_hear_everything(
    redis_url: str, venue: Venue, alice: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MarketSocket, "max_messages", 100)
    runtime = Runtime(redis_url, venue.name)
    async with serving(runtime, send_buffer=8_192) as url:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        host, port = url.removeprefix("ws://").removesuffix("/ws").split(":")
        narrow.connect((host, int(port)))
        async with connected(url) as healthy, connect(url, sock=narrow, max_queue=1, compression=None) as stalled:
            for client in (healthy, Client(stalled)):
                await client.subscribe("BTCUSDT@trade")
            count = 0
            while len(runtime.feed._subscribers) == 2:
                assert count < 20_000, "nobody was cut"
                await trade(venue)
                count += 1
            for _ in range(10):
                await trade(venue)
            count += 10
            assert [(await healthy.next("BTCUSDT@trade"))["t"] for _ in range(count)] == list(range(1, count + 1))
            heard = [event["data"]["t"] for event in await rest_of(stalled)]
            assert heard == list(range(1, len(heard) + 1)), "a slow reader is cut, never skipped"
            assert len(heard) < count


async def test_fullness_is_that_of_the_fullest_socket(redis_url: str, venue: Venue) -> None:
    runtime = Runtime(redis_url, venue.name)
    async with serving(runtime):
        await runtime.feed.until_ready()
        full = runtime.feed.subscribe(lambda code: None, max_messages=10)
        runtime.feed.subscribe(lambda code: None).push("x")
        for _ in range(7):
            full.push("x")
        async with asyncio.timeout(PATIENCE_S):
            while (await positions(venue)).get(runtime.feed.name, [0, 0, 0])[2] != 70:
                await asyncio.sleep(0.01)
        await full.take()
        async with asyncio.timeout(0.9):  # sooner than the report of an idle feed
            while (await positions(venue))[runtime.feed.name][2] != 0:
                await asyncio.sleep(0.01)


async def test_a_hole_in_the_events_cuts_everybody(ws_url: str, runtime: Runtime, venue: Venue, alice: int) -> None:
    async with connected(ws_url) as client:
        await client.subscribe("BTCUSDT@depth")
        seq = (await venue.queries.clock()).seq
        await until(lambda: runtime.feed.seq == seq)
        await venue.runner.command("HINCRBY", venue.keys.meta, "seq", 3)
        await fund(venue, 1, USDT=1)
        assert await close_code(client) == 1013
    async with connected(ws_url) as client:
        await client.subscribe("BTCUSDT@depth")
        await client.next("BTCUSDT@depth")
        await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
        assert (await client.next("BTCUSDT@depth"))["u"] == 1


async def test_a_restarted_server_begins_a_new_epoch_and_the_worker_serves_on(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "redis", durability="standard")
    server.start()
    venue = await Venue.connect(server.url, "restarted")
    await venue.registry.define_symbol(BTCUSDT, reopen=True)
    runtime = Runtime(server.url, "restarted")
    try:
        async with serving(runtime) as url:
            async with connected(url) as client:
                await client.subscribe("BTCUSDT@trade", "BTCUSDT@depth")
                await client.next("BTCUSDT@depth")
                server.stop()
                assert (await client.ask("ping"))["result"] == "pong"
                assert "error" in await client.ask("subscribe", streams=["BTCUSDT@kline"])
                server.start()
                assert await close_code(client) == 1013
            async with connected(url) as client:
                await client.subscribe("BTCUSDT@trade")
                await venue.clock.open_venue()
                for account in (1, 2):
                    await fund(venue, account, BTC=10**12, USDT=10**15)
                await trade(venue)
                assert (await client.next("BTCUSDT@trade"))["t"] == 1
    finally:
        await venue.close()
        server.stop()


async def test_a_lost_connection_alone_loses_nothing_and_cuts_nobody(
    client: Client, runtime: Runtime, venue: Venue, alice: int, bob: int
) -> None:
    await client.subscribe("BTCUSDT@trade")
    for number in range(1, 6):
        await trade(venue)
        listed = await venue.runner.command("CLIENT", "LIST", "TYPE", "NORMAL")
        for line in listed.decode().splitlines():
            fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if fields["cmd"] == "xread":
                await venue.runner.command("CLIENT", "KILL", "ID", fields["id"])
        await trade(venue)
        assert [(await client.next("BTCUSDT@trade"))["t"] for _ in range(2)] == [2 * number - 1, 2 * number]


async def test_a_revoked_key_closes_its_sockets_and_no_others(
    client: Client, ws_url: str, other_worker: str, venue: Venue, alice: int
) -> None:
    await give_key(venue, alice, "alice", "kept")
    await give_key(venue, alice, "alice", "lost")
    async with connected(ws_url) as here, connected(other_worker) as there:
        await client.auth("kept")
        await here.auth("lost")
        await there.auth("lost")
        await here.subscribe("BTCUSDT@trade")
        await venue.registry.revoke_key(key_digest("lost"), account=alice, name="alice")
        assert await close_code(here) == 1008
        assert await close_code(there) == 1008
    async with connected(ws_url) as again:
        assert "error" in await again.ask("auth", api_key="lost")
    await client.subscribe("alice@order")
    await venue.gateway.place_order(limit(alice, Side.BUY, 5_000_000, 1_000))
    assert (await client.next("alice@order"))["X"] == "NEW"


@pytest.mark.parametrize("change", [{"permissions": "T"}, {"requires_signature": True}, {"addresses": "10.0.0.0/8"}])
async def test_a_key_that_would_be_refused_now_closes_its_sockets(
    client: Client, venue: Venue, alice: int, change: dict[str, Any]
) -> None:
    await client.auth(await give_key(venue, alice, "alice", "k1"))
    await venue.registry.define_key(key_digest("k1"), KeyRecord(account=alice, user_name="alice", **change))
    assert await close_code(client) == 1008


async def test_who_neither_authenticates_nor_subscribes_may_not_stay(
    ws_url: str, venue: Venue, alice: int, settings: Settings
) -> None:
    await give_key(venue, alice, "alice", "k")
    settings.EXCHANGE_SOCKET_IDLE_S = 0.3
    async with connected(ws_url) as idle, connected(ws_url) as listener, connected(ws_url) as user:
        await listener.subscribe("BTCUSDT@trade")
        await user.auth("k")
        await idle.ask("ping")
        assert await close_code(idle) == 1008
        assert idle.socket.close_reason == "nothing was subscribed within 0.3 seconds"
        await asyncio.sleep(0.3)
        assert (await listener.ask("ping"))["result"] == (await user.ask("ping"))["result"] == "pong"


async def test_a_closed_socket_leaves_nothing_behind(client: Client, ws_url: str, runtime: Runtime) -> None:
    async with connected(ws_url) as other:
        await other.subscribe("BTCUSDT@depth", "BTCUSDT@ticker", "BTCUSDT@kline", "BTCUSDT@trade")
        assert len(runtime.feed._subscribers) == 2
    await until(lambda: len(runtime.feed._subscribers) == 1)
    assert runtime.feed.handler(MarketStreams)._live == {}


async def test_what_only_orders_did_is_told_from_the_moment_somebody_hears_it_and_the_rest_always(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    runtime = Runtime(redis_url, venue.name)
    told: list[Any] = []

    class Ear(Handler):
        is_listening = False

        def on_event(self, event: AnyEvent) -> None:
            told.append(event)

    async with serving(runtime):
        await runtime.feed.until_ready()
        ear = runtime.feed.handler(Ear)
        await venue.gateway.place_order(limit(alice, Side.SELL, 6_000_000, 1_000))
        await fund(venue, alice, BTC=1)
        await until(lambda: bool(told))
        assert [type(event) for event in told] == [BalanceCredited]
        ear.is_listening = True
        await venue.gateway.place_order(limit(bob, Side.BUY, 6_000_000, 1_000))
        await until(lambda: len(told) > 1)
        assert [len(event.fills) for event in told[1:]] == [1]
