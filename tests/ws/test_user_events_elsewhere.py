"""Two workers: orders go through one, and an account is heard at the other in every way that Binance has or had.

The listeners are real sockets of a worker in a process of its own: a listenKey in the URL of /ws and of /stream and by
SUBSCRIBE on either, and the WebSocket API's subscription. All hear the same events in the same order.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect

from accounts.digests import key_digest
from engine.commands import CancelOrder, Transfer
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import Venue
from tests.conftest import limit
from tests.ws.api_client import Key, give_hmac_key
from tests.ws.conftest import PATIENCE_S

BUY, SELL = Side.BUY, Side.SELL


class Socket:
    """One of the other worker's listeners; `path` leads to the event in a frame."""

    def __init__(self, socket: ClientConnection, *path: str) -> None:
        self._socket = socket
        self._path = path

    async def next(self) -> Any:
        frame = msgspec.json.decode(await asyncio.wait_for(self._socket.recv(), PATIENCE_S))
        for name in self._path:
            frame = frame[name]
        return frame

    async def events(self, count: int) -> list[Any]:
        return [await self.next() for _ in range(count)]

    async def listed(self) -> Any:
        """What it has subscribed to; answered when that of its URL has begun."""
        return (await self.ask(method="LIST_SUBSCRIPTIONS", id=3))["result"]

    async def closed(self) -> int | None:
        """The code it was closed with."""
        await asyncio.wait_for(self._socket.wait_closed(), PATIENCE_S)
        return self._socket.close_code

    async def ask(self, **request: Any) -> Any:
        await self._socket.send(msgspec.json.encode(request).decode())
        return msgspec.json.decode(await asyncio.wait_for(self._socket.recv(), PATIENCE_S))


class Elsewhere:
    """The other worker, and alice's names there."""

    def __init__(self, url: str, listen_key: str, key: Key) -> None:
        self.base = url.removesuffix("/ws")
        self.listen_key = listen_key
        self.key = key
        self._stack = AsyncExitStack()

    async def open(self, path: str, *unwrap: str) -> Socket:
        socket = connect(f"{self.base}{path}", max_size=None, compression=None)
        return Socket(await self._stack.enter_async_context(socket), *unwrap)

    async def close(self) -> None:
        await self._stack.aclose()

    async def open_under(self, path: str, *unwrap: str) -> Socket:
        """A socket whose URL has the listenKey."""
        socket = await self.open(path.replace("KEY", self.listen_key), *unwrap)
        assert await socket.listed() == [self.listen_key]
        return socket

    async def everything(self) -> list[Socket]:
        """One socket for each way to hear alice."""
        found = [await self.open_under("/ws/KEY"), await self.open_under("/stream?streams=KEY", "data")]
        for path, unwrap in (("/ws", ()), ("/stream", ("data",))):
            socket = await self.open(path, *unwrap)
            answer = await socket.ask(method="SUBSCRIBE", params=[self.listen_key], id=1)
            assert answer == {"result": None, "id": 1}
            found.append(socket)
        api = await self.open("/ws-api/v3", "event")
        answer = await api.ask(id=1, method="userDataStream.subscribe.signature", params=self.key.signed())
        assert answer["result"] == {"subscriptionId": 0}
        return [*found, api]


@pytest.fixture
async def elsewhere(other_worker: str, venue: Venue, alice: int) -> AsyncIterator[Elsewhere]:
    key = await give_hmac_key(venue, alice, "alice")
    listen_key = await venue.listen_keys.open(alice, key_digest(key.api_key))
    elsewhere = Elsewhere(other_worker, listen_key, key)
    yield elsewhere
    await elsewhere.close()


async def test_every_way_to_hear_an_account_at_another_worker_tells_the_same(
    elsewhere: Elsewhere, venue: Venue, alice: int, bob: int
) -> None:
    sockets = await elsewhere.everything()
    await venue.gateway.place_order(limit(alice, SELL, 6_000_000, 3_000, client_id="first"))
    resting = (await venue.gateway.place_order(limit(bob, BUY, 6_000_000, 1_000))).order
    await venue.gateway.credit(Transfer(account=alice, asset="USDT", atoms=10**8))
    cancel = CancelOrder(account=alice, symbol="BTCUSDT", client_order_id="first", cancel_client_order_id="bye")
    await venue.gateway.cancel_order(cancel)
    assert resting.left_lots == 0
    heard = [await socket.events(8) for socket in sockets]
    assert [(event["e"], event.get("x", "")) for event in heard[0]] == [
        ("executionReport", "NEW"), ("outboundAccountPosition", ""),
        ("executionReport", "TRADE"), ("outboundAccountPosition", ""),
        ("balanceUpdate", ""), ("outboundAccountPosition", ""),
        ("executionReport", "CANCELED"), ("outboundAccountPosition", ""),
    ]  # fmt: skip
    assert all(other == heard[0] for other in heard[1:])
    assert heard[0][2]["n"] == "0.60000000"
    assert heard[0][-1]["B"] == [
        {"a": "BTC", "f": "999999.99000000", "l": "0.00000000"},
        {"a": "USDT", "f": "1000600.40000000", "l": "0.00000000"},
    ]


async def test_who_was_let_in_hears_all_that_follows(elsewhere: Elsewhere, venue: Venue, alice: int) -> None:
    """A stream in the URL is open before the handshake is answered: no order is too early for it."""
    for number in range(10):
        socket = await elsewhere.open(f"/ws/{elsewhere.listen_key}")
        await venue.gateway.place_order(limit(alice, BUY, 5_000_000, 1_000, client_id=f"early-{number}"))
        assert (await socket.next())["c"] == f"early-{number}"


async def test_a_listen_key_that_ends_is_told_and_its_sockets_stay(
    elsewhere: Elsewhere, venue: Venue, alice: int
) -> None:
    raw = await elsewhere.open_under("/ws/KEY")
    combined = await elsewhere.open_under("/stream?streams=KEY")
    fine = await elsewhere.open_under("/ws/KEY?timeUnit=MICROSECOND")
    await venue.listen_keys.close(alice, elsewhere.listen_key)
    ended, wrapped, finer = await raw.next(), await combined.next(), await fine.next()
    assert list(ended) == ["e", "E", "listenKey"]
    assert (ended["e"], ended["listenKey"]) == ("listenKeyExpired", elsewhere.listen_key)
    assert list(wrapped) == ["stream", "data"]
    assert (wrapped["stream"], wrapped["data"]["e"]) == (elsewhere.listen_key, "listenKeyExpired")
    assert finer["E"] > ended["E"] * 100
    await venue.gateway.place_order(limit(alice, BUY, 5_000_000, 1_000))
    assert await raw.listed() == [elsewhere.listen_key]  # and nothing came before the answer


async def test_the_hour_of_a_listen_key_is_one_of_the_venues_clock(
    elsewhere: Elsewhere, venue: Venue, alice: int
) -> None:
    now_ms = (await venue.queries.clock()).now_ms
    await venue.clock.set_virtual(now_ms + 10_000)
    name = await venue.listen_keys.open(alice, key_digest(elsewhere.key.api_key))
    assert name == elsewhere.listen_key
    raw = await elsewhere.open_under("/ws/KEY")
    await venue.clock.set_virtual(now_ms + 3_600_000)
    await venue.gateway.credit(Transfer(account=alice, asset="USDT", atoms=1))
    assert [event["e"] for event in await raw.events(2)] == ["balanceUpdate", "outboundAccountPosition"]
    await venue.clock.set_virtual(now_ms + 3_610_000)
    assert await raw.next() == {"e": "listenKeyExpired", "E": now_ms + 3_610_000, "listenKey": name}


async def revoke(venue: Venue, digest: str, record: KeyRecord) -> None:
    await venue.registry.revoke_key(digest, account=record.account, name=record.user_name)


async def forbid_reading(venue: Venue, digest: str, record: KeyRecord) -> None:
    await venue.registry.define_key(digest, replace(record, permissions="TW"))


async def allow_from_elsewhere_alone(venue: Venue, digest: str, record: KeyRecord) -> None:
    await venue.registry.define_key(digest, replace(record, addresses="10.0.0.0/8,::2/128"))


@pytest.mark.parametrize("change", [revoke, forbid_reading, allow_from_elsewhere_alone])
async def test_a_key_that_is_not_good_any_more_closes_every_way_it_was_heard_by(
    elsewhere: Elsewhere, venue: Venue, alice: int, change: Callable[[Venue, str, KeyRecord], Awaitable[None]]
) -> None:
    sockets = await elsewhere.everything()
    digest = key_digest(elsewhere.key.api_key)
    record = await venue.registry.key(digest)
    assert record is not None
    await venue.registry.define_key(digest, replace(record, addresses="127.0.0.0/8,::1/128"))  # they may all stay
    await venue.gateway.credit(Transfer(account=alice, asset="USDT", atoms=1))
    assert [[event["e"] for event in await socket.events(2)] for socket in sockets] == [
        ["balanceUpdate", "outboundAccountPosition"]
    ] * len(sockets)
    await change(venue, digest, record)
    for socket in sockets:
        assert await socket.closed() == 1008


async def test_a_listen_key_is_heard_from_where_its_api_key_may_be_used(
    elsewhere: Elsewhere, venue: Venue, alice: int
) -> None:
    record = KeyRecord(account=alice, user_name="alice", addresses="10.0.0.0/8")
    await venue.registry.define_key(key_digest("far"), record)
    await venue.listen_keys.close(alice, elsewhere.listen_key)
    listen_key = await venue.listen_keys.open(alice, key_digest("far"))
    socket = await elsewhere.open(f"/ws/{listen_key}")
    await venue.gateway.credit(Transfer(account=alice, asset="USDT", atoms=1))
    assert await socket.listed() == [listen_key]  # as a name that nobody knows: nothing came before the answer
