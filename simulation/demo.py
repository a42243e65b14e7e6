"""The demo market that `up` begins with: three users with keys and money, a maker with a book, and fifty trades.

The fact a newcomer would get wrong: it happens once. The last thing it does is to credit the user demo; where Redis
has that, nothing is added any more, and a seeding that was interrupted before is taken up from the start.
"""

import json
import os
import random
import secrets
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from accounts.services import create_user, ensure_trader, find_api_key, publish_all
from engine.amounts import to_atoms
from engine.commands import CancelAllOrders, PlaceOrder, Transfer
from engine.errors import Rejected
from engine.types import BALANCE_LIMIT, OrderType, Side, SymbolSpec, TimeInForce
from engine.venue import Venue
from markets.publish import run_in_venue
from markets.services import add_symbol

SEED = 20240808
LEVELS = 20
TRADES_PER_SYMBOL = 25
USERS = ("alice", "bob", "demo")  # demo last: its money marks the end of the seeding
MAKER, TAKER = "maker", "taker"
USER_MONEY = {"BTC": "10", "ETH": "100", "USDT": "1000000"}
MAKER_MONEY = {"BTC": "1000", "ETH": "20000", "USDT": "50000000"}
TAKER_MONEY = {"BTC": "100", "ETH": "2000", "USDT": "10000000"}


class Market(NamedTuple):
    """A demo symbol: rules, the price in the middle, the distance of levels, and quantities [from, to]."""

    symbol: str
    base: str
    lot_size: str
    middle: str
    step: str
    quantities: tuple[str, str]


MARKETS = (
    Market("BTCUSDT", "BTC", "0.00001", middle="60000", step="5", quantities=("0.05", "0.8")),
    Market("ETHUSDT", "ETH", "0.0001", middle="2600", step="0.25", quantities=("0.5", "12")),
)


def add_symbols() -> None:
    """BTCUSDT and ETHUSDT, where they are missing, and everything that SQL knows published to Redis."""
    for market in MARKETS:
        add_symbol(market.symbol, market.base, "USDT", tick_size="0.01", lot_size=market.lot_size, min_notional="5")
    publish_all()


def seed() -> bool:
    """The symbols, users and market. False when all of it was there."""
    add_symbols()
    accounts = {name: ensure_trader(name).account for name in (*USERS, MAKER, TAKER)}
    _ensure_keys()

    async def seed_market(venue: Venue) -> bool:
        return await _Seeding(venue, accounts).run()

    return run_in_venue(seed_market)


def demo_api_key() -> str | None:
    """A key of the user demo that works, to show at every start; None without a demo."""
    return _kept_keys().get("demo", {}).get("api_key")


def _keys_file() -> Path:
    return Path(settings.EXCHANGE_DATA_DIR) / settings.EXCHANGE_DEMO_KEYS_NAME


def _kept_keys() -> dict[str, dict[str, str]]:
    try:
        kept: dict[str, dict[str, str]] = json.loads(_keys_file().read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return kept


def _ensure_keys() -> None:
    """A working key for each user, its text kept where `up` finds it: these are the demo's, not somebody's money."""
    kept = _kept_keys()
    missing = [name for name in USERS if not _works(kept.get(name, {}).get("api_key", ""))]
    for name in missing:
        user = create_user(name, label="demo")
        kept[name] = {"api_key": user.api_key, "secret": user.secret}
    if missing:
        fresh = _keys_file().with_name(f"demo_keys.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(kept, file, indent=2)
        fresh.replace(_keys_file())


def _works(api_key: str) -> bool:
    row = find_api_key(api_key) if api_key else None
    return row is not None and row.revoked_at is None


class _Seeding:
    """The part of the demo that is the engine's: money, books, trades. The same every time, by SEED."""

    def __init__(self, venue: Venue, accounts: dict[str, int]) -> None:
        self._venue = venue
        self._accounts = accounts
        self._random = random.Random(SEED)
        self._placed = 0

    async def run(self) -> bool:
        if await self._was_credited("demo", "USDT"):
            return False
        await self._credit(MAKER, MAKER_MONEY)
        await self._credit(TAKER, TAKER_MONEY)
        for market in MARKETS:
            spec = await self._venue.registry.spec(market.symbol)
            await self._clear(spec)
            await self._trade(spec, market)
            await self._fill_book(spec, market)
        for name in USERS:
            await self._credit(name, USER_MONEY)
        return True

    async def _was_credited(self, name: str, asset: str) -> bool:
        """A balance that was ever touched has a field, also when it is empty now."""
        field = f"{self._accounts[name]}:free"
        return bool(await self._venue.runner.command("HEXISTS", self._venue.keys.balance(asset), field))

    async def _credit(self, name: str, money: dict[str, str]) -> None:
        for asset, text in money.items():
            if not await self._was_credited(name, asset):
                decimals = await self._venue.registry.asset_decimals(asset)
                atoms = to_atoms(text, decimals=decimals, limit=BALANCE_LIMIT, field=asset)
                account = self._accounts[name]
                await self._venue.gateway.credit(Transfer(account=account, asset=asset, atoms=atoms))

    async def _clear(self, spec: SymbolSpec) -> None:
        """What an interrupted seeding has left in the book."""
        try:
            cancel = CancelAllOrders(account=self._accounts[MAKER], symbol=spec.symbol)
            await self._venue.gateway.cancel_all_orders(cancel)
        except Rejected:
            pass  # none, as it should be

    async def _trade(self, spec: SymbolSpec, market: Market) -> None:
        """A random walk of trades around the middle: the maker offers, the taker takes."""
        middle, step = _ticks(spec, market.middle), _ticks(spec, market.step)
        price = middle
        for _ in range(TRADES_PER_SYMBOL):
            price = min(max(price + self._random.randint(-step // 5, step // 5), middle - step), middle + step)
            taker_side = self._random.choice((Side.BUY, Side.SELL))
            lots = self._lots(spec, market) // 20
            await self._place(spec, MAKER, taker_side.opposite, price, lots, TimeInForce.GTC)
            await self._place(spec, TAKER, taker_side, price, lots, TimeInForce.IOC)

    async def _fill_book(self, spec: SymbolSpec, market: Market) -> None:
        middle, step = _ticks(spec, market.middle), _ticks(spec, market.step)
        for level in range(1, LEVELS + 1):
            for side, price in ((Side.BUY, middle - level * step), (Side.SELL, middle + level * step)):
                await self._place(spec, MAKER, side, price, self._lots(spec, market), TimeInForce.GTC)

    def _lots(self, spec: SymbolSpec, market: Market) -> int:
        least, most = (to_atoms(text, decimals=8, limit=BALANCE_LIMIT, field="quantity") for text in market.quantities)
        return self._random.randint(least // spec.lot_units, most // spec.lot_units)

    async def _place(
        self, spec: SymbolSpec, name: str, side: Side, price_ticks: int, lots: int, time_in_force: TimeInForce
    ) -> None:
        self._placed += 1
        await self._venue.gateway.place_order(
            PlaceOrder(
                account=self._accounts[name],
                symbol=spec.symbol,
                rules_version=spec.rules_version,
                side=side,
                type=OrderType.LIMIT,
                time_in_force=time_in_force,
                price_ticks=price_ticks,
                lots=lots,
                client_order_id=f"demo-{self._placed}",
            )
        )


def _ticks(spec: SymbolSpec, text: str) -> int:
    return to_atoms(text, decimals=8, limit=BALANCE_LIMIT, field="price") // spec.tick_units
