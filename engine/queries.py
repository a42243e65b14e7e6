"""Reads of the present: each one command or one read-only script, so that what it returns belongs together.

Nothing here changes anything; a lost reply is EngineUnavailable, to be asked again.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from engine.errors import EngineUnavailable, OutcomeUnknown, Reason, Rejected
from engine.keys import Keys, order_member
from engine.records import Fill, OrderListRecord, OrderRecord, PreventedMatch, decode_list, decode_order
from engine.reference import ReferencePrice, reference_price
from engine.runner import Runner
from engine.types import Side, SymbolSpec, SymbolStatus


class Clock(msgspec.Struct, frozen=True):
    """The venue's time and how far its history is. `mode` is "real" or "virtual"."""

    now_ms: int
    mode: str
    epoch: int
    seq: int


class Depth(msgspec.Struct, frozen=True):
    """Price levels as [(price_ticks, lots)], best first, and the book's change number they belong to."""

    update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class Balance(msgspec.Struct, frozen=True):
    asset: str
    free_atoms: int
    locked_atoms: int


class PublicTrade(msgspec.Struct, frozen=True):
    fill: Fill
    now_ms: int


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """Trades of one taker at one price and time, taken together; their ids have no gap."""

    aggregate_id: int
    price_ticks: int
    lots: int
    first_trade_id: int
    last_trade_id: int
    now_ms: int
    is_buyer_maker: bool


class PreventedAt(msgspec.Struct, frozen=True):
    match: PreventedMatch
    now_ms: int


class MarketState(msgspec.Struct, frozen=True):
    """`last_price_ticks` is None before the first trade."""

    last_price_ticks: int | None
    update_id: int
    next_trade_id: int
    best_bid: tuple[int, int] | None
    best_ask: tuple[int, int] | None


class AuctionState(msgspec.Struct, frozen=True):
    """What a call auction would trade now: `lots` at `price_ticks` (None: nothing crosses), and what either side would
    bring at that price.
    """

    status: SymbolStatus
    price_ticks: int | None
    lots: int
    bid_lots: int
    ask_lots: int


class Queries:
    """What is the case now. All raise EngineUnavailable."""

    def __init__(self, runner: Runner, keys: Keys) -> None:
        self._runner = runner
        self._keys = keys

    async def _read(self, name: str, keys: list[str], arguments: Iterable[str | int] = ()) -> list[Any]:
        try:
            return await self._runner.run(name, keys, tuple(arguments))
        except OutcomeUnknown as error:
            raise EngineUnavailable(name) from error

    async def clock(self) -> Clock:
        now_ms, mode, epoch, seq = await self._read("read_clock", [self._keys.meta])
        return Clock(now_ms=now_ms, mode=mode.decode(), epoch=epoch, seq=seq)

    async def server_time_us(self) -> int:
        """The time of Redis' own machine, which the venue's real clock follows, in microseconds."""
        try:
            seconds, microseconds = await self._runner.command("TIME")
        except OutcomeUnknown as error:
            raise EngineUnavailable("TIME") from error
        return int(seconds) * 1_000_000 + int(microseconds)

    async def auction(self, spec: SymbolSpec) -> AuctionState:
        """What crosses in the book. Rejected UNKNOWN_SYMBOL, AMOUNT_TOO_LARGE (more lots than can be counted)."""
        keys = self._keys.of_market(spec.symbol, spec.base, spec.quote)
        status, price, lots, bids, asks = await self._read("read_auction", keys, (spec.symbol,))
        return AuctionState(SymbolStatus(status.decode()), price or None, lots, bids, asks)

    async def order(
        self, account: int, symbol: str, *, order_id: int | None = None, client_order_id: str = ""
    ) -> OrderRecord:
        """An order of the account, open or ended and still in Redis. By client id: the newest of that id.

        Rejected NO_SUCH_ORDER: unknown, foreign, or so old that only SQL has it.
        """
        keys = [self._keys.symbol(symbol), self._keys.ended(symbol)]
        member = "" if order_id is None else order_member(order_id)
        (record,) = await self._read("read_order", keys, (account, symbol, member, client_order_id))
        if not record:
            raise Rejected(Reason.NO_SUCH_ORDER)
        return decode_order(record)

    async def open_orders(self, account: int, symbols: list[str]) -> list[OrderRecord]:
        """Open orders of the account on these symbols, oldest first within a symbol."""
        keys = [self._keys.open, *(self._keys.symbol(symbol) for symbol in symbols)]
        (records,) = await self._read("read_open_orders", keys, (account, *symbols))
        return [decode_order(record) for record in records]

    async def ended_orders(self, account: int, symbol: str) -> list[OrderRecord]:
        """Ended orders of the account that Redis still has, oldest first: those SQL may not have yet."""
        records = await self._runner.command("HVALS", self._keys.ended(symbol))
        decoded = (decode_order(record) for record in records)
        return sorted((order for order in decoded if order.account == account), key=lambda order: order.order_id)

    async def orders_by_id(self, account: int, symbol: str, order_ids: Iterable[int]) -> list[OrderRecord]:
        """Those of these orders that are the account's and that Redis has, open or ended, in their order."""
        members = [order_member(order_id) for order_id in order_ids]
        if not members:
            return []
        command = self._runner.command
        open_now = await command("HMGET", self._keys.symbol(symbol), *members)
        ended = await command("HMGET", self._keys.ended(symbol), *members)  # read last: an order may end in between
        found = (decode_order(last or first) for first, last in zip(open_now, ended, strict=True) if last or first)
        return [order for order in found if order.account == account]

    async def order_list(
        self, account: int, symbols: Iterable[str], *, list_id: int | None = None, client_order_id: str = ""
    ) -> tuple[str, OrderListRecord] | None:
        """(symbol, list) by id, by client id (then the newest), or by both; None when Redis has no such list."""
        found = []
        for symbol in symbols:
            id_ = list_id
            if id_ is None:
                id_ = await self._runner.command("HGET", self._keys.lists(symbol), f"{account}|{client_order_id}")
            record = id_ and await self._runner.command("HGET", self._keys.lists(symbol), id_)
            if record:
                found.append((symbol, decode_list(record)))
        meant = [
            (symbol, known)
            for symbol, known in found
            if known.account == account and client_order_id in ("", known.client_order_id)
        ]
        return max(meant, key=lambda pair: pair[1].list_id, default=None)

    async def order_lists(self, account: int, symbol: str) -> list[OrderListRecord]:
        """The account's order lists on the symbol that Redis has, oldest first."""
        values = await self._runner.command("HVALS", self._keys.lists(symbol))
        lists = (decode_list(value) for value in values if value.startswith(b"["))
        return sorted((known for known in lists if known.account == account), key=lambda known: known.list_id)

    async def depth(self, symbol: str, limit: int) -> Depth:
        """The best `limit` levels of either side."""
        update_id, bids, asks, *_ = await self._read_depth(symbol, limit)
        return Depth(update_id=update_id, bids=_levels(bids), asks=_levels(asks))

    async def market_state(self, symbol: str) -> MarketState:
        """Last price, counters and best prices, in one read."""
        update_id, bids, asks, last_price, next_trade_id = await self._read_depth(symbol, 1)
        best_bid, best_ask = _levels(bids), _levels(asks)
        return MarketState(
            last_price_ticks=int(last_price) or None,
            update_id=update_id,
            next_trade_id=int(next_trade_id),
            best_bid=best_bid[0] if best_bid else None,
            best_ask=best_ask[0] if best_ask else None,
        )

    async def has_history(self, symbol: str) -> bool:
        """Whether there was ever an order: what its whole numbers mean is fixed then (lua/define_symbol.lua)."""
        fields = (f"update_id:{symbol}", f"changed_ms:{symbol}")
        found = await self._runner.command("HMGET", self._keys.meta, *fields)
        return any(value not in (None, b"0") for value in found)

    async def _read_depth(self, symbol: str, limit: int) -> list[Any]:
        buy, sell = Side.BUY, Side.SELL
        keys = [
            self._keys.meta, self._keys.symbol(symbol), self._keys.levels(symbol, buy),
            self._keys.levels(symbol, sell),
        ]  # fmt: skip
        return await self._read("read_depth", keys, (symbol, limit))

    async def reference_price(self, spec: SymbolSpec) -> ReferencePrice | None:
        """None when the symbol has never had one."""
        fields = await self._runner.command("HMGET", self._keys.symbol(spec.symbol), "buckets", "reference")
        buckets, external = (field or b"" for field in fields)
        return reference_price(spec, buckets, external, (await self.clock()).now_ms)

    async def trades(self, symbol: str, *, limit: int, from_id: int | None = None) -> list[PublicTrade]:
        """The newest `limit` trades, or `limit` from trade `from_id` on; oldest first. Older ones are in SQL alone."""
        key = self._keys.trades(symbol)
        if from_id is None:
            entries = await self._runner.command("XREVRANGE", key, "+", "-", "COUNT", limit)
            return [trade for entry in reversed(entries) for trade in decode_trades(entry)][-limit:]
        entries = await self._runner.command("XRANGE", key, f"0-{max(from_id, 1)}", "+", "COUNT", limit)
        found = (trade for entry in entries for trade in decode_trades(entry))
        return [trade for trade in found if trade.fill.trade_id >= from_id][:limit]

    async def newest_steps(self, symbol: str, count: int, before_id: int | None = None) -> list[PublicTrade]:
        """The trades of the newest `count` steps that traded (below the trade `before_id`), whole, oldest first."""
        last = "+" if before_id is None else f"0-{before_id - 1}"
        entries = await self._runner.command("XREVRANGE", self._keys.trades(symbol), last, "-", "COUNT", count)
        return [trade for entry in reversed(entries) for trade in decode_trades(entry)]

    async def balances(self, account: int, assets: Iterable[str]) -> list[Balance]:
        """Money of the account in each of `assets`, in that order, zeros included; one atomic read."""
        names = list(assets)
        (flat,) = await self._read("read_balances", [self._keys.balance(name) for name in names], (account,))
        values = [int(value or 0) for value in flat]
        return [
            Balance(asset=name, free_atoms=values[2 * i], locked_atoms=values[2 * i + 1])
            for i, name in enumerate(names)
        ]

    async def trade_group(self, account: int) -> int:
        """Whom self-trade prevention keeps the account from trading with, beside itself; -1 for nobody."""
        found = await self._runner.command("HGET", self._keys.trade_groups, str(account))
        return -1 if found is None else int(found)

    async def book_orders(self, spec: SymbolSpec) -> list[OrderRecord]:
        """Every open order of a symbol, for the admin and the audit; oldest first."""
        flat = await self._runner.command("HGETALL", self._keys.symbol(spec.symbol))
        records = [record for field, record in zip(flat[::2], flat[1::2], strict=True) if field.isdigit()]
        return sorted((decode_order(record) for record in records), key=lambda order: order.order_id)


def _levels(flat: list[bytes]) -> list[tuple[int, int]]:
    return [(int(flat[i]), int(flat[i + 1])) for i in range(0, len(flat), 2)]


def decode_trades(entry: list[Any]) -> list[PublicTrade]:
    """The trades of one entry of `{venue}:trades:<symbol>`, oldest first."""
    fills, now_ms = msgspec.json.decode(entry[1][1], type=tuple[list[Fill], int])
    return [PublicTrade(fill=fill, now_ms=now_ms) for fill in fills]
