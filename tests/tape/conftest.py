"""A venue whose clock is virtual and whose tape has two accounts with deep pockets; files written line by line."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.commands import TapeFrame, TapeLevel, TapeTrade, Transfer
from engine.records import Fill
from engine.types import Side
from engine.venue import Venue
from simulation.tape.recording import DEEP_POCKETS_ATOMS

MAKER, TAKER = 900, 901
START_MS = 1_700_000_000_000


class Tape:
    """Plays single frames and trades; prices in ticks, quantities in lots, one millisecond after the other."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.now_ms = START_MS
        self.rules_version = 1

    async def frame(self, bids: dict[int, int] | None = None, asks: dict[int, int] | None = None) -> None:
        levels = [
            TapeLevel(side, price, lots)
            for side, found in ((Side.BUY, bids or {}), (Side.SELL, asks or {}))
            for price, lots in found.items()
        ]
        await self.venue.gateway.apply_frame(TapeFrame(levels=levels, **self._shared()))

    async def trade(self, price_ticks: int, lots: int, *, is_buyer_maker: bool) -> list[Fill]:
        """The fills of the trade's own orders, and of the quotes that it needed."""
        first = (await self.venue.queries.market_state("BTCUSDT")).next_trade_id
        trade = TapeTrade(price_ticks=price_ticks, lots=lots, is_buyer_maker=is_buyer_maker, **self._shared())
        await self.venue.gateway.play_trade(trade)
        return [trade.fill for trade in await self.venue.queries.trades("BTCUSDT", limit=1_000, from_id=first)]

    def _shared(self) -> dict[str, Any]:
        self.now_ms += 1
        return {
            "symbol": "BTCUSDT", "rules_version": self.rules_version, "now_ms": self.now_ms, "maker_account": MAKER,
            "taker_account": TAKER,
        }  # fmt: skip

    async def book(self) -> tuple[dict[int, int], dict[int, int]]:
        """All bids and all asks, {price_ticks: lots}, whoever's."""
        depth = await self.venue.queries.depth("BTCUSDT", 10_000)
        return dict(depth.bids), dict(depth.asks)

    async def own(self) -> tuple[dict[int, int], dict[int, int]]:
        """The same of the tape's own orders."""
        own: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        for order in await self.venue.queries.open_orders(MAKER, ["BTCUSDT"]):
            levels = own[order.side]
            levels[order.price_ticks] = levels.get(order.price_ticks, 0) + order.left_lots
        return own[Side.BUY], own[Side.SELL]


async def give_tape_accounts(venue: Venue) -> None:
    for number, name in ((MAKER, "tape-maker"), (TAKER, "tape-taker")):
        await venue.registry.define_account(number, name)


@pytest.fixture
async def tape(venue: Venue) -> Tape:
    await give_tape_accounts(venue)
    for account in (MAKER, TAKER):
        for asset in ("BTC", "USDT"):
            await venue.gateway.credit(Transfer(account=account, asset=asset, atoms=DEEP_POCKETS_ATOMS))
    await venue.clock.set_virtual(START_MS)
    return Tape(venue)


def trade_line(
    time_ms: int, price: str, quantity: str, *, is_buyer_maker: bool = False, symbol: str = "BTCUSDT"
) -> str:
    data = {"e": "trade", "E": time_ms + 1, "s": symbol, "t": 1, "p": price, "q": quantity, "T": time_ms}
    data |= {"m": is_buyer_maker, "M": True}
    return frame_line(f"{symbol.lower()}@trade", data)


def depth_line(
    time_ms: int, first_id: int, last_id: int, bids: list[list[str]], asks: list[list[str]], symbol: str = "BTCUSDT"
) -> str:
    data = {"e": "depthUpdate", "E": time_ms, "s": symbol, "U": first_id, "u": last_id, "b": bids, "a": asks}
    return frame_line(f"{symbol.lower()}@depth@100ms", data)


def snapshot_line(last_id: int, bids: list[list[str]], asks: list[list[str]]) -> str:
    return "1 " + json.dumps({"lastUpdateId": last_id, "bids": bids, "asks": asks})


def frame_line(stream: str, data: dict[str, Any]) -> str:
    return "1 " + json.dumps({"stream": stream, "data": data})


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """write("line", "line", name="x.jsonl.gz") makes a recording."""

    def written(*lines: str, name: str = "recording.jsonl") -> Path:
        path, data = tmp_path / name, "".join(line + "\n" for line in lines).encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return written
