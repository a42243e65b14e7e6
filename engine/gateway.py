"""One method per command: arguments in, one script, a typed reply out.

The fact a newcomer would get wrong: an order with very many fills, or one whose trades trigger many others, takes
several steps, and not all may fit into one call. Until the last step every command of that symbol answers "pending",
and the gateway that meets it, whoever's order it is, runs `continue_order` and asks again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from engine.commands import (
    CancelAllOrders,
    CancelOrder,
    CancelOrderList,
    PlaceOrder,
    PlaceOrderList,
    ReduceOrder,
    ReplaceOrder,
    TapeCommand,
    TapeFrame,
    TapeTrade,
    Transfer,
)
from engine.errors import EngineUnavailable, OutcomeUnknown, Rejected
from engine.events import ListChanged, OrderStep, decode_entry
from engine.keys import Keys, order_member
from engine.records import (
    Fill,
    OrderListRecord,
    OrderRecord,
    PreventedMatch,
    decode_fills,
    decode_list,
    decode_order,
    decode_prevented,
)
from engine.registry import Registry
from engine.runner import KeysChanged, Pending, Runner, Word, unfold
from engine.types import OrderStatus

Answer = TypeVar("Answer")
PLACED_WORDS = 6  # of place_order's reply, without the counts of what was counted


class Placed(msgspec.Struct, frozen=True):
    """The order after the command and what it matched, in the order of matching. `seq` is its first event's number."""

    order: OrderRecord
    fills: list[Fill]
    seq: int
    prevented: list[PreventedMatch] = []


class Canceled(msgspec.Struct, frozen=True):
    order: OrderRecord
    seq: int


class Reduced(msgspec.Struct, frozen=True):
    """The order as it is now, and the list it belongs to."""

    order: OrderRecord
    seq: int
    previous_client_order_id: str
    order_list: OrderListRecord | None


class PlacedList(msgspec.Struct, frozen=True):
    """The list and its orders as they were accepted. What those that begin at once then did is in `begun`, by order id.

    An order that could not be followed, because the connection was lost on the way, is not in `begun`.
    """

    order_list: OrderListRecord
    orders: list[OrderRecord]
    seq: int
    begun: dict[int, Placed] = {}


class CanceledList(msgspec.Struct, frozen=True):
    """The list as it has ended, and its orders, those among them that had ended before."""

    order_list: OrderListRecord
    orders: list[OrderRecord]
    seq: int


class Replaced(msgspec.Struct, frozen=True):
    """What became of either half: a Rejected has changed nothing; `placed` is None when it was not attempted.

    `limit`: what it would have met had it been attempted, if the account may place no more orders just now.
    """

    canceled: Canceled | Rejected
    placed: Placed | Rejected | None
    limit: Rejected | None


class Uncrossed(msgspec.Struct, frozen=True):
    """What a call auction traded: `lots` at `price_ticks` (0 and 0: nothing). `seq` is its first event's number."""

    price_ticks: int
    lots: int
    seq: int


class Transferred(msgspec.Struct, frozen=True):
    """`transfer_id` is the event's seq: unique in the venue."""

    transfer_id: int
    free_atoms: int
    locked_atoms: int


class Gateway:
    """Every command that changes a market or a balance.

    All methods raise Rejected or EngineUnavailable (nothing changed) or OutcomeUnknown (may have happened).
    """

    def __init__(self, runner: Runner, keys: Keys, registry: Registry) -> None:
        self._runner = runner
        self._keys = keys
        self._registry = registry

    async def place_order(self, order: PlaceOrder) -> Placed:
        """Raises Stale too: the symbol's rules changed since the order was read; read it again under the new ones."""
        reply = await self._run_in_market("place_order", order.symbol, place_arguments(order))
        if order.charge is not None and len(reply) > PLACED_WORDS:
            order.charge.settle(reply.pop())
        *words, is_final, is_all = reply
        placed = _read_placed(*words)
        return placed if is_final and is_all else await self._complete(order.symbol, placed, is_final, is_all)

    async def _complete(self, symbol: str, placed: Placed, is_final: int, is_all: int) -> Placed:
        """What place_order has answered, once the order's steps and those that follow from them are done."""
        if not is_final:
            try:
                placed = await self._follow(placed.order, symbol, placed.seq)
            except EngineUnavailable as error:  # it is placed, whatever else can be told
                raise OutcomeUnknown("place_order") from error
        if not is_all:
            await self._finish(symbol)
        return placed

    async def place_order_list(self, wanted: PlaceOrderList) -> PlacedList:
        """All of its orders or none. Raises what `place_order` raises; LIST_PRICES for a pair on the wrong sides."""
        first = wanted.orders[0]
        words: list[Word] = [
            first.account, first.symbol, first.credential, first.rules_version, wanted.kind, wanted.client_order_id,
            first.charge.word if first.charge else "",
        ]  # fmt: skip
        for order in wanted.orders:
            words += [*place_arguments(order)[4:-2], order.all_terms]
        seq, placed, records, is_all, *counts = await self._run_in_market("place_order_list", first.symbol, words)
        if counts and first.charge:
            first.charge.settle(*counts)
        orders = [decode_order(record) for record in records]
        begun: dict[int, Placed] = {}
        with contextlib.suppress(EngineUnavailable, OutcomeUnknown):  # the list is placed, whatever else can be told
            await self._follow_list(first.symbol, orders, seq, begun)
        if not is_all:
            await self._finish(first.symbol)
        return PlacedList(order_list=decode_list(placed), orders=orders, seq=seq, begun=begun)

    async def cancel_order_list(self, cancel: CancelOrderList) -> CanceledList:
        """All open orders of the list at once. Rejected UNKNOWN_ORDER: no open list of this account is called so."""
        arguments = (
            cancel.account, cancel.symbol, cancel.credential, "" if cancel.list_id is None else cancel.list_id,
            cancel.client_order_id, cancel.cancel_client_order_id,
        )  # fmt: skip
        seq, record, orders = await self._run_in_market("cancel_order_list", cancel.symbol, arguments)
        return CanceledList(order_list=decode_list(record), orders=[decode_order(order) for order in orders], seq=seq)

    async def cancel_order(self, cancel: CancelOrder) -> Canceled:
        """Rejected UNKNOWN_ORDER: no open order of this account by that id; a foreign order is as unknown.

        Rejected CANCEL_RESTRICTED: it has another status than `only_status`.
        """
        arguments = (cancel.account, cancel.symbol, cancel.credential, *_cancel_words(cancel))
        seq, record = await self._run_in_market("cancel_order", cancel.symbol, arguments)
        return Canceled(order=decode_order(record), seq=seq)

    async def replace_order(self, wanted: ReplaceOrder) -> Replaced:
        """Both outcomes. Raises Stale as `place_order` does; Rejected (KEY_INVALID, MARKET_CLOSED) tried neither."""
        order = wanted.place
        words = [
            *place_arguments(order), *_cancel_words(wanted.cancel), int(wanted.place_anyway),
            int(wanted.cancel_anyway),
        ]  # fmt: skip
        canceled, placed, limit, *counts = await self._run_in_market("replace_order", order.symbol, words)
        if counts and order.charge:
            order.charge.settle(*counts)
        return Replaced(
            canceled=_outcome(canceled, lambda seq, record: Canceled(order=decode_order(record), seq=seq)),
            placed=await self._half_placed(order.symbol, placed) if placed else None,
            limit=_outcome(limit, lambda: None) if limit else None,
        )

    async def _half_placed(self, symbol: str, reply: list[Any]) -> Placed | Rejected:
        outcome = _outcome(reply, lambda *words: words)
        if isinstance(outcome, Rejected):
            return outcome
        *words, is_final, is_all = outcome
        return await self._complete(symbol, _read_placed(*words), is_final, is_all)

    async def cancel_all_orders(self, cancel: CancelAllOrders) -> list[OrderRecord]:
        """The cancelled orders, oldest first. Rejected UNKNOWN_ORDER: none was open.

        More than 500 take several commands; each is whole, an order placed in between is cancelled as well.
        """
        arguments = (cancel.account, cancel.symbol, cancel.credential)
        canceled: list[OrderRecord] = []
        is_done = False
        while not is_done:
            try:
                _, records, is_done = await self._run_in_market("cancel_all_orders", cancel.symbol, arguments)
            except Rejected:
                if canceled:
                    break
                raise
            except EngineUnavailable as error:
                if canceled:
                    raise OutcomeUnknown("cancel_all_orders") from error
                raise
            canceled.extend(decode_order(record) for record in records)
            arguments = (cancel.account, cancel.symbol, "")  # what began in time and by right goes on to its end
        return canceled

    async def kill_account(self, account: int) -> list[OrderRecord]:
        """Refuse the account's new orders until `Registry.set_account_limits` says otherwise, then cancel all it has.

        The cancelled orders, by symbol. May be repeated: an interrupted one has refused what is new from its start.
        """
        limits = await self._registry.account_limits(account)
        await self._registry.set_account_limits(account, replace(limits, is_killed=True))
        canceled: list[OrderRecord] = []
        for symbol in await self._registry.specs():
            with contextlib.suppress(Rejected):  # nothing is open there
                canceled += await self.cancel_all_orders(CancelAllOrders(account=account, symbol=symbol))
        return canceled

    async def reduce_order(self, reduce: ReduceOrder) -> Reduced:
        """Rejected UNKNOWN_ORDER, DUPLICATE_ORDER when an open order is called so already, or FILTER_LOT_SIZE when
        `lots` is not below the order's and above what is filled.
        """
        arguments = (
            reduce.account, reduce.symbol, reduce.credential, order_member(reduce.order_id), reduce.lots,
            reduce.new_client_order_id,
        )  # fmt: skip
        seq, record, name, order_list = await self._run_in_market("reduce_order", reduce.symbol, arguments)
        return Reduced(
            order=decode_order(record),
            seq=seq,
            previous_client_order_id=name.decode(),
            order_list=decode_list(order_list) if order_list else None,
        )

    async def uncross(self, symbol: str) -> Uncrossed:
        """End the call auction of a symbol: what crosses trades at one price, then the status is TRADING.

        Rejected NO_AUCTION: the status is another; AMOUNT_TOO_LARGE: the crossing orders of a side are more lots than
        can be counted.
        """
        seq, price_ticks, lots, is_all = await self._run_in_market("uncross", symbol, (symbol,))
        if not is_all:
            await self._finish(symbol)
        self._registry.forget()  # the status is another
        return Uncrossed(price_ticks=price_ticks, lots=lots, seq=seq)

    async def credit(self, transfer: Transfer) -> Transferred:
        """Rejected BALANCE_TOO_LARGE above 9.0e18 atoms, UNKNOWN_ASSET."""
        return await self._transfer("credit", transfer)

    async def debit(self, transfer: Transfer) -> Transferred:
        """Rejected INSUFFICIENT_BALANCE, UNKNOWN_ASSET."""
        return await self._transfer("debit", transfer)

    async def lock_externally(self, transfer: Transfer) -> Transferred:
        """Free money becomes locked, for somebody outside. Rejected INSUFFICIENT_BALANCE, UNKNOWN_ASSET."""
        return await self._change_external_lock(transfer, "lock")

    async def unlock_externally(self, transfer: Transfer) -> Transferred:
        """The other way round, of what was locked so. Rejected INSUFFICIENT_BALANCE, UNKNOWN_ASSET."""
        return await self._change_external_lock(transfer, "unlock")

    async def _change_external_lock(self, transfer: Transfer, direction: str) -> Transferred:
        keys = [self._keys.meta, self._keys.events, self._keys.assets, self._keys.balance(transfer.asset)]
        arguments = (transfer.account, transfer.asset, transfer.atoms, direction)
        seq, free, locked = await self._runner.run("change_external_lock", keys, arguments)
        return Transferred(transfer_id=seq, free_atoms=int(free), locked_atoms=int(locked))

    async def _transfer(self, name: str, transfer: Transfer) -> Transferred:
        keys = [
            self._keys.meta, self._keys.events, self._keys.keys, self._keys.assets, self._keys.balance(transfer.asset),
        ]  # fmt: skip
        arguments = (transfer.account, transfer.asset, transfer.credential, transfer.atoms)
        seq, free, locked = await self._runner.run(name, keys, arguments)
        return Transferred(transfer_id=seq, free_atoms=int(free), locked_atoms=int(locked))

    async def apply_frame(self, frame: TapeFrame) -> None:
        """Raises Stale as `place_order` does, and for a mark that is not the newest. Rejected CLOCK_NOT_VIRTUAL."""
        name, arguments = frame_arguments(frame)
        await self._run_in_market(name, frame.symbol, arguments, tape=True)

    async def play_trade(self, trade: TapeTrade) -> None:
        """Raises what `apply_frame` raises."""
        name, arguments = trade_arguments(trade)
        await self._run_in_market(name, trade.symbol, arguments, tape=True)

    async def _run_in_market(
        self, name: str, symbol: str, arguments: Sequence[Word], *, tape: bool = False
    ) -> list[Any]:
        while True:
            spec = self._registry.known_specs.get(symbol) or await self._registry.spec(symbol)
            if tape or spec.allows_discount:
                keys = await self._registry.market_keys(spec, tape=tape)
            else:
                keys = self._keys.of_market(symbol, spec.base, spec.quote)
            try:
                return await self._runner.run(name, keys, arguments)
            except Pending:
                await self._continue(symbol)
            except KeysChanged:
                self._registry.forget()

    async def _continue(self, symbol: str) -> bool:
        """Some more steps of what is unfinished on the symbol, if any is left. True when nothing is, afterwards."""
        (is_all,) = await self._run_in_market("continue_order", symbol, (symbol,))
        return bool(is_all)

    async def _finish(self, symbol: str) -> None:
        """Run what our order has triggered. Should the reply get lost, whoever comes next to the symbol goes on."""
        with contextlib.suppress(EngineUnavailable, OutcomeUnknown):
            is_all = False
            while not is_all:
                is_all = await self._continue(symbol)

    async def _follow(self, ours: OrderRecord, symbol: str, first_seq: int) -> Placed:
        """Bring our own unfinished order to its end and gather its fills from the events, whoever ran the steps."""
        fills: list[Fill] = []
        prevented: list[PreventedMatch] = []
        seen = first_seq - 1
        while True:
            entries = await self._runner.command("XRANGE", self._keys.events, f"(0-{seen}", "+", "COUNT", 100)
            for event in map(decode_entry, entries):
                seen = event.seq
                if isinstance(event, OrderStep) and event.order.order_id == ours.order_id:
                    fills.extend(event.fills)
                    prevented.extend(event.prevented)
                    if event.is_final:
                        return Placed(order=event.order, fills=fills, seq=first_seq, prevented=prevented)
            if not entries:
                await self._continue(symbol)
                await asyncio.sleep(0)

    async def _follow_list(
        self, symbol: str, orders: list[OrderRecord], first_seq: int, begun: dict[int, Placed]
    ) -> None:
        """Gather in `begun` what the orders that begin at once do, until each is at its end or rests."""
        wanted = {order.order_id for order in orders if order.status is not OrderStatus.PENDING_NEW}
        seen, is_all = first_seq, False
        while wanted:
            entries = await self._runner.command("XRANGE", self._keys.events, f"(0-{seen}", "+", "COUNT", 100)
            for event in map(decode_entry, entries):
                seen = event.seq
                if isinstance(event, OrderStep) and event.order.order_id in wanted:
                    _add_step(begun, event)
                    wanted -= {event.order.order_id} if event.is_final else set()
                elif isinstance(event, ListChanged):
                    wanted -= {order.order_id for order in event.orders if not order.status.is_open}
            if not entries:
                if is_all:
                    return
                is_all = await self._continue(symbol)


def _add_step(begun: dict[int, Placed], step: OrderStep) -> None:
    """What one step did to an order, added to what its earlier steps did."""
    earlier = begun.get(step.order.order_id)
    begun[step.order.order_id] = Placed(
        order=step.order,
        fills=[*(earlier.fills if earlier else ()), *step.fills],
        seq=earlier.seq if earlier else step.seq,
        prevented=[*(earlier.prevented if earlier else ()), *step.prevented],
    )


def _read_placed(seq: int, record: bytes, fills: bytes, prevented: bytes) -> Placed:
    """What a placement's reply says of the order."""
    return Placed(decode_order(record), decode_fills(fills), seq, decode_prevented(prevented))


def _cancel_words(cancel: CancelOrder) -> tuple[Word, ...]:
    """Which order a cancel means, its own name and its restriction."""
    member = "" if cancel.order_id is None else order_member(cancel.order_id)
    return member, cancel.client_order_id, cancel.cancel_client_order_id, cancel.only_status or ""


def _outcome(reply: list[Any], read: Callable[..., Answer]) -> Answer | Rejected:
    """A part of a reply that is a reply itself: what `read` makes of it, or the refusal."""
    try:
        return read(*unfold(reply))
    except Rejected as refusal:
        return refusal


def place_arguments(order: PlaceOrder) -> tuple[Word, ...]:
    """ARGV of a new order."""
    return (
        order.account, order.symbol, order.credential, order.rules_version, order.side, order.type,
        order.time_in_force, order.price_ticks, order.lots, order.quote_order_atoms, order.client_order_id, order.terms,
        order.charge.word if order.charge else "",
    )  # fmt: skip


def frame_arguments(frame: TapeFrame) -> tuple[str, list[Word]]:
    """Script name and ARGV of a recorded frame."""
    arguments = _tape_arguments(frame)
    for level in frame.levels:
        arguments += (level.side, level.price_ticks, level.lots)
    return "apply_tape_frame", arguments


def trade_arguments(trade: TapeTrade) -> tuple[str, list[Word]]:
    """Script name and ARGV of a recorded trade."""
    taker_side = "SELL" if trade.is_buyer_maker else "BUY"
    return "play_tape_trade", [*_tape_arguments(trade), taker_side, trade.price_ticks, trade.lots]


def _tape_arguments(command: TapeCommand) -> list[Word]:
    return [
        command.symbol, command.rules_version, command.now_ms, command.after, command.mark, command.maker_account,
        command.taker_account,
    ]  # fmt: skip
