"""A real Redis server for the whole run, a fresh venue for every test, and an audit of the books at its end.

The fact a newcomer would get wrong: the server is shared by every test of a process (pytest-xdist gives each of its
processes one), so nothing may flush it; a test's keys are those of its venue, and they are deleted when it ends. The
same holds for the data directory of what asks for none of its own: it is temporary, the project's `var` stays alone.
"""

import importlib
import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from engine.audit import audit
from engine.commands import CancelOrder, PlaceOrder, Transfer
from engine.embedded import EmbeddedServer
from engine.types import OrderType, Side, SymbolSpec, TimeInForce
from engine.venue import Venue

BTCUSDT = SymbolSpec(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_units=1_000_000, lot_units=1_000, max_price_ticks=100_000_000,
    max_lots=900_000_000, min_notional_atoms=500_000_000,
)  # fmt: skip
ETHUSDT = SymbolSpec(
    symbol="ETHUSDT", base="ETH", quote="USDT", tick_units=1_000_000, lot_units=10_000, max_price_ticks=100_000_000,
    max_lots=900_000_000, min_notional_atoms=500_000_000,
)  # fmt: skip
# Six decimals of price and three of quantity make nine, and BTC has eight: notionals do not come out even.
ETHBTC = SymbolSpec(
    symbol="ETHBTC", base="ETH", quote="BTC", tick_units=100, lot_units=100_000, max_price_ticks=100_000_000,
    max_lots=900_000_000, min_notional_atoms=10_000,
)  # fmt: skip
VAR = Path(__file__).resolve().parents[1] / "var"
DATA_DIR = pytest.StashKey[Path]()
HAD_VAR = pytest.StashKey[bool]()
SPECS = {spec.symbol: spec for spec in (BTCUSDT, ETHUSDT, ETHBTC)}
RICH_ATOMS = 10**6 * 10**8
_client_ids = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """A data directory for this process and for those it starts without naming one.

    pytest-django has read the settings before this file: they are read again, with the directory in the environment.
    """
    config.stash[HAD_VAR] = VAR.exists()
    config.stash[DATA_DIR] = Path(tempfile.mkdtemp(prefix="exchange-tests-"))
    os.environ["EXCHANGE_DATA_DIR"] = str(config.stash[DATA_DIR])
    read_again = importlib.reload(importlib.import_module("exchange_project.settings"))
    for name, value in vars(read_again).items():
        if name.isupper():
            setattr(settings, name, value)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[DATA_DIR], ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that left `var` in the project has failed, whatever its tests say."""
    is_first_process = not hasattr(session.config, "workerinput")
    if is_first_process and VAR.exists() and not session.config.stash[HAD_VAR]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nFAILED: a test wrote {VAR}: {sorted(path.name for path in VAR.iterdir())}")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of EXCHANGE_REDIS_SERVER, or the one that comes with pip; in memory only."""
    with EmbeddedServer(tmp_path_factory.mktemp("redis"), durability="ci") as server:
        yield server.url


@pytest.fixture
def venue_name() -> str:
    """A name no other test has, in any process."""
    return f"test-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def venue(redis_url: str, venue_name: str) -> AsyncIterator[Venue]:
    """BTCUSDT, ETHUSDT and ETHBTC, nobody has money; ends with the audit and leaves no key behind."""
    opened = await Venue.connect(redis_url, venue_name)
    await define_symbols(opened)
    yield opened
    try:
        await finish(opened)
    finally:
        await opened.close()  # whatever was found: a forgotten socket fails the test that runs when it is collected


async def define_symbols(venue: Venue) -> None:
    for spec in SPECS.values():
        await venue.registry.define_symbol(spec)


async def finish(venue: Venue) -> None:
    """The books must agree; then the venue's keys go."""
    try:
        assert (await audit(venue)).differences == []
    finally:
        keys = await keys_of(venue)
        if keys:
            await venue.runner.command("DEL", *keys)


async def keys_of(venue: Venue) -> list[bytes]:
    """Every key of the venue, sorted."""
    cursor, keys = b"0", set[bytes]()
    while True:
        cursor, page = await venue.runner.command("SCAN", cursor, "MATCH", f"{{{venue.name}}}:*", "COUNT", 1_000)
        keys.update(page)
        if cursor == b"0":
            return sorted(keys)


async def fund(venue: Venue, account: int, **atoms: int) -> None:
    """Credit an account: fund(venue, 1, BTC=5, USDT=7)."""
    for asset, amount in atoms.items():
        await venue.gateway.credit(Transfer(account=account, asset=asset, atoms=amount))


async def balance(venue: Venue, account: int, asset: str) -> tuple[int, int]:
    """(free, locked) in atoms."""
    (found,) = await venue.queries.balances(account, [asset])
    return found.free_atoms, found.locked_atoms


@pytest.fixture
async def alice(venue: Venue) -> int:
    """An account with a million of everything, as bob and carol are."""
    return await _rich(venue, 1)


@pytest.fixture
async def bob(venue: Venue) -> int:
    return await _rich(venue, 2)


@pytest.fixture
async def carol(venue: Venue) -> int:
    return await _rich(venue, 3)


async def _rich(venue: Venue, account: int) -> int:
    await fund(venue, account, BTC=RICH_ATOMS, ETH=RICH_ATOMS, USDT=RICH_ATOMS)
    return account


def limit(
    account: int, side: Side, price_ticks: int, lots: int, *, tif: TimeInForce = TimeInForce.GTC, client_id: str = "",
    symbol: str = "BTCUSDT",
) -> PlaceOrder:  # fmt: skip
    """A LIMIT order; on BTCUSDT prices are in ticks of 0.01 and quantities in lots of 0.00001."""
    return PlaceOrder(
        account=account, symbol=symbol, rules_version=1, side=side, type=OrderType.LIMIT, time_in_force=tif,
        price_ticks=price_ticks, lots=lots, client_order_id=client_id or f"c{next(_client_ids)}",
    )  # fmt: skip


def market(
    account: int, side: Side, *, lots: int = 0, quote_atoms: int = 0, client_id: str = "", symbol: str = "BTCUSDT"
) -> PlaceOrder:
    """A MARKET order by quantity, or by the quote amount it may spend or wants to receive."""
    return PlaceOrder(
        account=account, symbol=symbol, rules_version=1, side=side, type=OrderType.MARKET, lots=lots,
        quote_order_atoms=quote_atoms, client_order_id=client_id or f"c{next(_client_ids)}",
    )  # fmt: skip


def cancel(account: int, order_id: int | None = None, *, client_id: str = "", symbol: str = "BTCUSDT") -> CancelOrder:
    return CancelOrder(account=account, symbol=symbol, order_id=order_id, client_order_id=client_id)
