"""How each command is asked of the engine, and how of the reference: two tables by the name of the step.

The fact a newcomer would get wrong: both sides give the same value for the same outcome, in the reference's decimals,
so that `Pair.play` needs to compare only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from engine.account_rules import AccountRates
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
from engine.errors import Rejected
from engine.gateway import Placed, Transferred
from engine.rate_limits import Charge, RateLimits
from engine.registry import KeyRecord
from engine.runner import Stale
from engine.types import SymbolSpec
from engine.venue import Venue
from tests.model.counting import Asked
from tests.model.reference import Exchange
from tests.model.translation import (
    SPECS,
    account_rules_of,
    decimal_rates,
    fill_of,
    list_of,
    order_of,
    prevented_of,
    request_rules_of,
    rules_of,
)
from tests.model.words import ATOM, Market, Purse, Refused, Terms


@dataclass(frozen=True)
class Step:
    """One command: a gateway method, or define_symbol (a spec, and whether to reopen), set_limits (an account, its
    limits), set_account_rates, set_conversion, set_key ... (ENGINE); `of` is what it is given.
    """

    name: str
    of: Any


Outcome = tuple[Any, ...]  # ("ok", answer) or ("refused", reason, existing order id or None)


async def ask_engine(venue: Venue, step: Step) -> Outcome:
    """What was counted for a command that counts comes behind the answer: weight and requests of its address."""
    charge = _charge_of(step)
    try:
        answer = await ENGINE[step.name](venue, step.of)
        if charge is None:
            return ("ok", answer)
        return ("ok", answer, (charge.counts.weight, charge.counts.requests) if charge.counts else None)
    except Rejected as error:
        return _refusal(error)
    except Stale:
        venue.registry.forget()
        return ("refused", "STALE", None)


def ask_reference(reference: Exchange, step: Step) -> Outcome:
    charge, reference.asked, reference.counted = _charge_of(step), None, None
    if charge is not None:
        weight, orders, address = charge.word.split(" ")
        reference.asked = Asked(address, int(weight), int(orders))
    try:
        answer = REFERENCE[step.name](reference, step.of)
        return ("ok", answer) if charge is None else ("ok", answer, reference.counted)
    except Refused as error:
        return ("refused", error.reason, error.existing)


def _charge_of(step: Step) -> Charge | None:
    """What a placement counts as."""
    orders = {
        "place_order": lambda: step.of, "place_order_list": lambda: step.of.orders[0],
        "replace_order": lambda: step.of.place,
    }  # fmt: skip
    charge: Charge | None = orders[step.name]().charge if step.name in orders else None
    return charge


def new_market(spec: SymbolSpec) -> Market:
    return Market(
        symbol=spec.symbol, base=spec.base, quote=spec.quote, tick=spec.tick_units * ATOM, lot=spec.lot_units * ATOM,
        min_notional=spec.min_notional_atoms * ATOM, rules_version=spec.rules_version, rules=rules_of(spec),
        definition=_definition(spec),
    )  # fmt: skip


async def _place(venue: Venue, order: PlaceOrder) -> Any:
    return _placed(await venue.gateway.place_order(order), SPECS[order.symbol])


def _placed(placed: Placed, spec: SymbolSpec) -> Any:
    fills = [fill_of(fill, spec) for fill in placed.fills]
    return order_of(placed.order, spec), fills, [prevented_of(match, spec) for match in placed.prevented]


async def _place_list(venue: Venue, of: PlaceOrderList) -> Any:
    symbol = of.orders[0].symbol
    placed = await venue.gateway.place_order_list(of)
    return list_of(placed.order_list, symbol), [order_of(record, SPECS[symbol]) for record in placed.orders]


async def _replace(venue: Venue, of: ReplaceOrder) -> Any:
    replaced, spec = await venue.gateway.replace_order(of), SPECS[of.place.symbol]
    canceled, placed = replaced.canceled, replaced.placed
    if not isinstance(canceled, Rejected):
        canceled = ("ok", order_of(canceled.order, spec))
    if isinstance(placed, Placed):
        placed = ("ok", _placed(placed, spec))
    return tuple(_refusal(half) if isinstance(half, Rejected) else half for half in (canceled, placed))


def _refusal(error: Rejected) -> Outcome:
    return ("refused", str(error.reason), error.existing_order_id)


async def _cancel(venue: Venue, cancel: CancelOrder) -> Any:
    return order_of((await venue.gateway.cancel_order(cancel)).order, SPECS[cancel.symbol])


async def _cancel_all(venue: Venue, cancel: CancelAllOrders) -> Any:
    return [order_of(record, SPECS[cancel.symbol]) for record in await venue.gateway.cancel_all_orders(cancel)]


async def _cancel_list(venue: Venue, cancel: CancelOrderList) -> Any:
    done, spec = await venue.gateway.cancel_order_list(cancel), SPECS[cancel.symbol]
    return list_of(done.order_list, cancel.symbol), [order_of(record, spec) for record in done.orders]


async def _reduce(venue: Venue, reduce: ReduceOrder) -> Any:
    done = await venue.gateway.reduce_order(reduce)
    order_list = list_of(done.order_list, reduce.symbol) if done.order_list is not None else None
    return order_of(done.order, SPECS[reduce.symbol]), done.previous_client_order_id, order_list


def _moved(done: Transferred) -> Purse:
    return Purse(done.free_atoms * ATOM, done.locked_atoms * ATOM)


async def _credit(venue: Venue, transfer: Transfer) -> Purse:
    return _moved(await venue.gateway.credit(transfer))


async def _debit(venue: Venue, transfer: Transfer) -> Purse:
    return _moved(await venue.gateway.debit(transfer))


async def _lock(venue: Venue, transfer: Transfer) -> Purse:
    return _moved(await venue.gateway.lock_externally(transfer))


async def _unlock(venue: Venue, transfer: Transfer) -> Purse:
    return _moved(await venue.gateway.unlock_externally(transfer))


async def _define(venue: Venue, of: tuple[SymbolSpec, bool]) -> None:
    await venue.registry.define_symbol(of[0], reopen=of[1])


async def _uncross(venue: Venue, symbol: str) -> Any:
    """What it traded, and what it was said to trade before."""
    spec = await venue.registry.spec(symbol)
    foretold = await venue.queries.auction(spec)
    done = await venue.gateway.uncross(symbol)
    assert (done.price_ticks, done.lots) == (foretold.price_ticks or 0, foretold.lots)
    return done.price_ticks * spec.tick_units * ATOM, done.lots * spec.lot_units * ATOM


async def _apply_frame(venue: Venue, frame: TapeFrame) -> None:
    await venue.gateway.apply_frame(frame)
    await venue.gateway._finish(frame.symbol)  # a replay leaves what it has triggered to whoever comes next


async def _play_trade(venue: Venue, trade: TapeTrade) -> None:
    await venue.gateway.play_trade(trade)
    await venue.gateway._finish(trade.symbol)


async def _kill(venue: Venue, account: int) -> Any:
    specs = {
        record.order_id: spec
        for symbol, spec in SPECS.items()
        for record in await venue.queries.open_orders(account, [symbol])
    }
    return [order_of(record, specs[record.order_id]) for record in await venue.gateway.kill_account(account)]


async def _set_account_rates(venue: Venue, of: tuple[int, str, dict[str, int], bool | None]) -> None:
    account, symbol, rates, wish = of
    await venue.registry.set_account_rates(account, AccountRates(rates=rates, uses_discount=wish), symbol)


async def _set_reference_price(venue: Venue, of: tuple[str, int | None]) -> None:
    await venue.registry.set_reference_price(*of)


def _reference_set(reference: Exchange, of: tuple[str, int | None]) -> None:
    symbol, units = of
    reference.set_reference_price(symbol, None if units is None else units * ATOM)


async def _set_client_ids(venue: Venue, mode: str) -> None:
    """How long client order ids stay taken: "open", or "day". No command sets it, a venue has it from its beginning."""
    await venue.runner.command("HSET", venue.keys.meta, "client_order_ids", mode)


async def _admit(venue: Venue, of: tuple[str, int, bool]) -> tuple[Any, ...]:
    address, weight, is_refused = of
    found = await venue.limiter.admit(address, weight, is_refused=is_refused)
    return found.verdict.value, found.until_ms, found.counts.weight, found.counts.requests


async def _set_rate_limits(venue: Venue, of: tuple[RateLimits | None, bool]) -> None:
    await venue.limiter.set_limits(of[0], forget_counts=of[1])


async def _set_key(venue: Venue, of: tuple[str, int, bool]) -> None:
    digest, account, is_good = of
    if is_good:
        await venue.registry.define_key(digest, KeyRecord(account=account, user_name=f"user{account}"))
    else:
        await venue.registry.revoke_key(digest, account=account, name=f"user{account}")


ENGINE: dict[str, Callable[[Venue, Any], Awaitable[Any]]] = {
    "place_order": _place,
    "place_order_list": _place_list,
    "replace_order": _replace,
    "cancel_order": _cancel,
    "cancel_all_orders": _cancel_all,
    "cancel_order_list": _cancel_list,
    "reduce_order": _reduce,
    "credit": _credit,
    "debit": _debit,
    "lock_externally": _lock,
    "unlock_externally": _unlock,
    "clear_market": lambda venue, _: venue.clock.clear_market(),
    "set_client_ids": _set_client_ids,
    "kill_account": _kill,
    "define_symbol": _define,
    "uncross": _uncross,
    "apply_frame": _apply_frame,
    "play_trade": _play_trade,
    "set_limits": lambda venue, of: venue.registry.set_account_limits(*of),
    "set_account_rates": _set_account_rates,
    "set_conversion": lambda venue, of: venue.registry.set_conversion(*of),
    "admit": _admit,
    "set_rate_limits": _set_rate_limits,
    "set_key": _set_key,
    "set_reference_price": _set_reference_price,
    "set_trade_group": lambda venue, of: venue.registry.set_trade_group(*of),
    "set_clock": lambda venue, now_ms: venue.clock.set_virtual(now_ms),
}


def _sizes(of: Any) -> tuple[Decimal, Decimal]:
    """Tick and lot size of the command's symbol; ones for a symbol that does not exist."""
    spec = SPECS.get(of.symbol)
    return (spec.tick_units * ATOM, spec.lot_units * ATOM) if spec else (Decimal(1), Decimal(1))


def _reference_terms(of: PlaceOrder, tick: Decimal, lot: Decimal) -> Terms:
    return Terms(
        stop=of.stop_ticks * tick, trailing_bips=of.trailing_bips, iceberg=of.iceberg_lots * lot, stp=of.stp.value,
        strategy_id=of.strategy_id, strategy_type=of.strategy_type, peg=of.peg.value, peg_offset=of.peg_offset,
    )  # fmt: skip


def _reference_place(reference: Exchange, of: PlaceOrder) -> Any:
    tick, lot = _sizes(of)
    return reference.place(
        account=of.account, symbol=of.symbol, rules_version=of.rules_version, side=of.side.value, type=of.type.value,
        time_in_force=of.time_in_force.value, price=of.price_ticks * tick, quantity=of.lots * lot,
        quote_amount=of.quote_order_atoms * ATOM, terms=_reference_terms(of, tick, lot), client_id=of.client_order_id,
        key=of.credential,
    )  # fmt: skip


def _reference_list(reference: Exchange, of: PlaceOrderList) -> Any:
    first, (tick, lot) = of.orders[0], _sizes(of.orders[0])
    orders = [
        {
            "side": order.side.value, "type": order.type.value, "time_in_force": order.time_in_force.value,
            "price": order.price_ticks * tick, "quantity": order.lots * lot,
            "terms": _reference_terms(order, tick, lot), "client_id": order.client_order_id,
        }
        for order in of.orders
    ]  # fmt: skip
    return reference.place_list(
        account=first.account, symbol=first.symbol, rules_version=first.rules_version, kind=of.kind.value,
        client_id=of.client_order_id, key=first.credential, orders=orders,
    )  # fmt: skip


def _definition(spec: SymbolSpec) -> SymbolSpec:
    """A spec as its owner knows it."""
    return msgspec.structs.replace(spec, rules_version=0)


def _reference_define(reference: Exchange, of: tuple[SymbolSpec, bool]) -> None:
    spec, reopen = of
    reference.define(
        spec.symbol, rules=rules_of(spec), definition=_definition(spec), status=spec.status.value, reopen=reopen,
        min_notional=spec.min_notional_atoms * ATOM,
    )  # fmt: skip


def _reference_cancel(reference: Exchange, of: CancelOrder) -> Any:
    return reference.cancel(
        account=of.account, symbol=of.symbol, order_id=of.order_id, client_id=of.client_order_id,
        own_id=of.cancel_client_order_id, key=of.credential, only_status=of.only_status or "",
    )  # fmt: skip


def _reference_replace(reference: Exchange, of: ReplaceOrder) -> Any:
    place = of.place
    return reference.replace(
        cancel=lambda: _reference_cancel(reference, of.cancel), place=lambda: _reference_place(reference, place),
        account=place.account, symbol=place.symbol, rules_version=place.rules_version, key=place.credential,
        is_placed_anyway=of.place_anyway, is_canceled_anyway=of.cancel_anyway, client_id=place.client_order_id,
        can_collect=(place.type, place.time_in_force, place.peg) == ("LIMIT", "GTC", ""),
    )  # fmt: skip


def _tape_head(of: TapeCommand) -> dict[str, Any]:
    return {
        "symbol": of.symbol, "rules_version": of.rules_version, "now_ms": of.now_ms, "after": of.after, "mark": of.mark
    }  # fmt: skip


def _reference_frame(reference: Exchange, of: TapeFrame) -> None:
    tick, lot = _sizes(of)
    levels = [(level.side.value, level.price_ticks * tick, level.lots * lot) for level in of.levels]
    reference.apply_frame(**_tape_head(of), levels=levels)


def _reference_trade(reference: Exchange, of: TapeTrade) -> None:
    tick, lot = _sizes(of)
    reference.play_trade(
        **_tape_head(of), price=of.price_ticks * tick, quantity=of.lots * lot, is_buyer_maker=of.is_buyer_maker
    )


REFERENCE: dict[str, Callable[[Exchange, Any], Any]] = {
    "place_order": _reference_place,
    "place_order_list": _reference_list,
    "replace_order": _reference_replace,
    "cancel_order": _reference_cancel,
    "cancel_all_orders": lambda reference, of: reference.cancel_all(
        account=of.account, symbol=of.symbol, key=of.credential
    ),
    "cancel_order_list": lambda reference, of: reference.cancel_list(
        account=of.account, symbol=of.symbol, list_id=of.list_id, client_id=of.client_order_id,
        own_id=of.cancel_client_order_id, key=of.credential,
    ),
    "reduce_order": lambda reference, of: reference.reduce(
        account=of.account, symbol=of.symbol, order_id=of.order_id, quantity=of.lots * _sizes(of)[1],
        new_id=of.new_client_order_id, key=of.credential,
    ),
    "credit": lambda reference, of: reference.credit(
        account=of.account, asset=of.asset, amount=of.atoms * ATOM, key=of.credential
    ),
    "debit": lambda reference, of: reference.debit(
        account=of.account, asset=of.asset, amount=of.atoms * ATOM, key=of.credential
    ),
    "lock_externally": lambda reference, of: reference.lock_externally(of.account, of.asset, of.atoms * ATOM),
    "unlock_externally": lambda reference, of: reference.unlock_externally(of.account, of.asset, of.atoms * ATOM),
    "clear_market": lambda reference, _: reference.clear_market(),
    "set_client_ids": lambda reference, mode: reference.set_client_ids(mode),
    "kill_account": lambda reference, account: reference.kill(account),
    "define_symbol": _reference_define,
    "uncross": lambda reference, symbol: reference.uncross(symbol),
    "apply_frame": _reference_frame,
    "play_trade": _reference_trade,
    "set_limits": lambda reference, of: reference.set_limits(of[0], account_rules_of(of[1])),
    "set_account_rates": lambda reference, of: reference.set_account_rates(of[0], of[1], decimal_rates(of[2]), of[3]),
    "set_conversion": lambda reference, of: reference.set_conversion(of[0], of[1], of[2] * ATOM),
    "admit": lambda reference, of: reference.admit(of[0], of[1], is_refused=of[2]),
    "set_rate_limits": lambda reference, of: reference.set_request_rules(request_rules_of(of[0]), forget=of[1]),
    "set_key": lambda reference, of: reference.set_key(of[0], of[1], is_good=of[2]),
    "set_reference_price": _reference_set,
    "set_trade_group": lambda reference, of: reference.set_trade_group(*of),
    "set_clock": lambda reference, now_ms: reference.set_clock(now_ms),
}  # fmt: skip
