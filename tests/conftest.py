"""A real Redis server for the whole run, a fresh venue for every test, and an audit of the books at its end."""

import itertools
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.commands import PlaceOrder, Transfer
from engine.embedded import EmbeddedServer
from engine.types import OrderType, Side, SymbolSpec, TimeInForce
from engine.venue import Venue
from tests.checks import differences

BTCUSDT = SymbolSpec(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_units=1_000_000, lot_units=1_000, max_price_ticks=100_000_000,
    max_lots=900_000_000, min_notional_atoms=500_000_000,
)  # fmt: skip
ETHBTC = SymbolSpec(
    symbol="ETHBTC", base="ETH", quote="BTC", tick_units=100, lot_units=100_000, max_price_ticks=100_000_000,
    max_lots=900_000_000, min_notional_atoms=10_000,
)  # fmt: skip
RICH_ATOMS = 10**6 * 10**8
_client_ids = itertools.count(1)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedServer(Path(tmp_path_factory.mktemp("redis")), durability="ci") as server:
        yield server.url


@pytest.fixture
async def venue(redis_url: str) -> AsyncIterator[Venue]:
    """BTCUSDT and ETHBTC (whose notionals do not come out even), nobody has money; ends with a recount."""
    opened = await Venue.connect(redis_url, f"test-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    for spec in (BTCUSDT, ETHBTC):
        await opened.registry.define_symbol(spec)
    yield opened
    assert await differences(opened) == []
    await opened.close()


async def fund(venue: Venue, account: int, **atoms: int) -> None:
    """Credit an account: fund(venue, 1, BTC=5, USDT=7)."""
    for asset, amount in atoms.items():
        await venue.gateway.credit(Transfer(account=account, asset=asset, atoms=amount))


@pytest.fixture
async def alice(venue: Venue) -> int:
    await fund(venue, 1, BTC=RICH_ATOMS, ETH=RICH_ATOMS, USDT=RICH_ATOMS)
    return 1


@pytest.fixture
async def bob(venue: Venue) -> int:
    await fund(venue, 2, BTC=RICH_ATOMS, ETH=RICH_ATOMS, USDT=RICH_ATOMS)
    return 2


def limit(
    account: int, side: Side, price_ticks: int, lots: int, *, tif: TimeInForce = TimeInForce.GTC, client_id: str = "",
    symbol: str = "BTCUSDT",
) -> PlaceOrder:  # fmt: skip
    """A LIMIT order; prices in ticks of 0.01 and quantities in lots of 0.00001 on BTCUSDT."""
    return PlaceOrder(
        account=account, symbol=symbol, rules_version=1, side=side, type=OrderType.LIMIT, time_in_force=tif,
        price_ticks=price_ticks, lots=lots, client_order_id=client_id or f"c{next(_client_ids)}",
    )  # fmt: skip


def market(account: int, side: Side, *, lots: int = 0, quote_atoms: int = 0) -> PlaceOrder:
    """A MARKET order on BTCUSDT, by quantity or by what it may spend or wants to receive."""
    return PlaceOrder(
        account=account, symbol="BTCUSDT", rules_version=1, side=side, type=OrderType.MARKET, lots=lots,
        quote_order_atoms=quote_atoms, client_order_id=f"c{next(_client_ids)}",
    )  # fmt: skip
