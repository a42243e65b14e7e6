"""The engine's records and events, as the reference would say them: decimals instead of ticks, lots and atoms."""

from decimal import Decimal
from typing import Any

import msgspec

from engine import events, records
from engine.account_rules import AccountLimits
from engine.rate_limits import RateLimits
from engine.types import SymbolSpec
from tests.conftest import BTCUSDT, ETHBTC, ETHUSDT
from tests.model.counting import Most, RequestRules
from tests.model.rules import AccountRules, Band, Counts, Sizes, SymbolRules
from tests.model.words import ATOM, UNFOUND, Fill, Order, OrderList, Prevented, Purse, Terms

# Rates that differ, or a mix-up of maker and taker could not be seen. Smallest notionals that some of the small orders
# here miss: of the random commands on the first two, of the state machine on the last two. Quantities are bounded for
# those that the engine itself gives to orders, pending ones of an OPO: all others are judged before they come to it.
SPECS = {
    spec.symbol: msgspec.structs.replace(
        spec, maker_fee_e8=maker_fee_e8, taker_fee_e8=taker_fee_e8, min_notional_atoms=min_notional_atoms, min_lots=2,
        max_lots=20, min_market_lots=3, max_market_lots=15, max_iceberg_parts=6,
    )
    for spec, maker_fee_e8, taker_fee_e8, min_notional_atoms in (
        (BTCUSDT, 100_000, 100_000, 100_000), (ETHUSDT, 20_000, 75_000, 50_000), (ETHBTC, 3_333_333, 0, 50)
    )
}  # fmt: skip


WHOLE = Decimal(10_000)  # of multipliers of prices, and of the breaker's share


def order_of(record: records.OrderRecord, spec: SymbolSpec) -> Order:
    lot = spec.lot_units * ATOM
    terms = record.terms or records.OrderTerms(working_ms=record.created_ms)
    return Order(
        id=record.order_id, account=record.account, symbol=spec.symbol, side=record.side.value, type=record.type.value,
        time_in_force=record.time_in_force.value, price=record.price_ticks * spec.tick_units * ATOM,
        quantity=record.lots * lot, left=record.left_lots * lot, quote_amount=record.quote_order_atoms * ATOM,
        client_id=record.client_order_id, created_ms=record.created_ms, updated_ms=record.updated_ms,
        status=record.status.value, filled_quote=record.filled_quote_atoms * ATOM, locked=record.locked_atoms * ATOM,
        terms=terms_of(terms, spec), has_terms=record.terms is not None,
    )  # fmt: skip


def terms_of(terms: records.OrderTerms, spec: SymbolSpec) -> Terms:
    lot = spec.lot_units * ATOM
    return Terms(
        stop=terms.stop_ticks * spec.tick_units * ATOM, trailing_bips=terms.trailing_bips,
        iceberg=terms.iceberg_lots * lot, stp=terms.stp.value, strategy_id=terms.strategy_id,
        strategy_type=terms.strategy_type, working_ms=terms.working_ms, trailing_ms=terms.trailing_ms,
        visible=terms.visible_lots * lot, queue_id=terms.queue_id, prevented=terms.prevented_lots * lot,
        prevented_match=terms.prevented_match_id, list_id=terms.list_id, peg=terms.peg.value,
        peg_offset=terms.peg_offset, amends=terms.amends, expiry=terms.expiry, pays_list=terms.pays_list == 1,
        own_price=terms.own_price_ticks * spec.tick_units * ATOM if terms.own_price_ticks >= 0 else UNFOUND,
    )  # fmt: skip


def rules_of(spec: SymbolSpec) -> SymbolRules:
    return SymbolRules(
        here=Counts(spec.max_orders, spec.max_algo_orders, spec.max_iceberg_orders, spec.max_order_lists),
        anywhere=Counts(
            spec.exchange_max_orders, spec.exchange_max_algo_orders, spec.exchange_max_iceberg_orders,
            spec.exchange_max_order_lists,
        ),
        amends=spec.max_order_amends, position=spec.max_position_lots * spec.lot_units * ATOM,
        price=_band(spec.price_up_e4, spec.price_down_e4),
        bid_price=_band(spec.bid_price_up_e4, spec.bid_price_down_e4),
        ask_price=_band(spec.ask_price_up_e4, spec.ask_price_down_e4), halt_share=spec.halt_bips / WHOLE,
        bid_range=_band(spec.range_bid_up_e4, spec.range_bid_down_e4),
        ask_range=_band(spec.range_ask_up_e4, spec.range_ask_down_e4), bucket_ms=spec.reference_bucket_ms,
        buckets=spec.reference_buckets, is_external=spec.reference_external_id >= 0,
        halt_seconds=spec.halt_seconds, sizes=_sizes(spec), rates=decimal_rates(spec.fee_rates),
        discount_asset=spec.discount_asset if spec.allows_discount else "", discount=spec.discount_e8 * ATOM,
        matching=f"{spec.matching_rule}/{spec.price_time_percent}" if spec.matching_rule != "price_time" else "",
    )  # fmt: skip


def decimal_rates(rates: dict[str, int]) -> dict[str, Decimal]:
    return {name: rate * ATOM for name, rate in rates.items()}


def _sizes(spec: SymbolSpec) -> Sizes:
    lots = (spec.min_lots, spec.max_lots, spec.min_market_lots, spec.max_market_lots)
    return Sizes(*(number * spec.lot_units * ATOM for number in lots), spec.max_iceberg_parts)


def _band(up_e4: int, down_e4: int) -> Band:
    return Band(up_e4 / WHOLE, down_e4 / WHOLE)


def account_rules_of(limits: AccountLimits) -> AccountRules:
    amounts = (limits.max_order, limits.max_daily, limits.max_position)
    order, daily, position = ({asset: atoms * ATOM for asset, atoms in of.items()} for of in amounts)
    return AccountRules(limits.is_killed, limits.max_open_orders, order, daily, position)


def request_rules_of(limits: RateLimits | None) -> RequestRules | None:
    if limits is None:
        return None
    windows = (limits.weight, limits.requests, limits.short_orders, limits.long_orders)
    weight, requests, short, long = (Most(window.most, window.interval_ms) for window in windows)
    return RequestRules(
        weight, requests, short, long, limits.fill_as_taker, limits.fill_as_maker, limits.refusals_before_ban,
        limits.first_ban_ms, limits.longest_ban_ms,
    )  # fmt: skip


def list_of(record: records.OrderListRecord, symbol: str) -> OrderList:
    return OrderList(
        id=record.list_id, kind=record.kind.value, account=record.account, symbol=symbol,
        client_id=record.client_order_id, created_ms=record.created_ms, updated_ms=record.updated_ms,
        members=[(order.order_id, order.client_order_id) for order in record.orders], is_done=record.is_done,
    )  # fmt: skip


def prevented_of(match: records.PreventedMatch, spec: SymbolSpec) -> Prevented:
    lot = spec.lot_units * ATOM
    return Prevented(
        id=match.prevented_match_id, price=match.price_ticks * spec.tick_units * ATOM, mode=match.mode.value,
        taker_account=match.taker_account, taker_id=match.taker_order_id, from_taker=match.taker_prevented_lots * lot,
        maker_account=match.maker_account, maker_id=match.maker_order_id, from_maker=match.maker_prevented_lots * lot,
        trade_group=match.trade_group,
    )  # fmt: skip


def fill_of(fill: records.Fill, spec: SymbolSpec) -> Fill:
    return Fill(
        trade_id=fill.trade_id, price=fill.price_ticks * spec.tick_units * ATOM,
        quantity=fill.lots * spec.lot_units * ATOM,
        quote=fill.quote_atoms * ATOM, taker_side=fill.taker_side.value, taker_account=fill.taker_account,
        taker_id=fill.taker_order_id, taker_fee=fill.taker_fee_atoms * ATOM, maker_account=fill.maker_account,
        maker_id=fill.maker_order_id, maker_fee=fill.maker_fee_atoms * ATOM, taker_fee_asset=fill.taker_fee_asset,
        maker_fee_asset=fill.maker_fee_asset,
    )  # fmt: skip


def _balance(change: records.BalanceChange) -> tuple[tuple[str, int], Purse, Purse]:
    before = Purse(change.free_before * ATOM, change.locked_before * ATOM)
    return (change.asset, change.account), before, Purse(change.free_atoms * ATOM, change.locked_atoms * ATOM)


def event_of(event: events.AnyEvent) -> dict[str, Any]:
    kind = type(event).__struct_config__.tag
    told: dict[str, Any] = {"kind": kind, "seq": event.seq, "now_ms": event.now_ms}
    match event:
        case events.BalanceCredited() | events.BalanceDebited():
            return told | {"balance": _balance(event.balance), "amount": event.atoms * ATOM}
        case events.ExternalLockChanged(balance=balance):
            return told | {"balance": _balance(balance)}
        case events.RateLimitsSet(limits=limits):
            return told | {"rules": request_rules_of(limits)}
        case events.MarketCleared(symbols=symbols):
            return told | {"symbols": symbols}
        case events.SymbolDefined(spec=spec):
            return told | {"symbol": spec.symbol, "status": spec.status.value, "rules_version": spec.rules_version}
        case events.AccountChanged(account=account):
            return told | {"account": account}
        case events.AccountLimitsSet(account=account, limits=limits):
            return told | {"account": account, "rules": account_rules_of(limits)}
        case events.SymbolHalted(symbol=symbol):
            tick = SPECS[symbol].tick_units * ATOM
            prices = {"price": event.price_ticks * tick, "other_price": event.reference_ticks * tick}
            return told | {"symbol": symbol} | prices
        case events.AccountRatesSet(account=account, symbol=symbol, rates=rates):
            by_name = decimal_rates(rates.rates)
            return told | {"account": account, "symbol": symbol, "rates": by_name, "wish": rates.uses_discount}
        case events.ConversionSet(discount_asset=discount_asset, asset=asset, price_e8=price_e8):
            return told | {"discount_asset": discount_asset, "asset": asset, "price": price_e8 * ATOM}
        case events.ReferencePriceSet(symbol=symbol, price_units=units):
            return told | {"symbol": symbol, "price": None if units is None else units * ATOM}
        case events.TradeGroupSet(account=account, trade_group=trade_group):
            return told | {"account": account, "trade_group": trade_group}
        case events.OrderRejected(symbol=symbol, account=account):
            return told | {
                "symbol": symbol,
                "account": account,
                "reason": event.reason,
                "client_id": event.client_order_id,
            }
        case events.MarketEvent():
            return told | _market_event(event, SPECS[event.symbol])
    return told


def _market_event(event: Any, spec: SymbolSpec) -> dict[str, Any]:
    tick, lot = spec.tick_units * ATOM, spec.lot_units * ATOM
    told: dict[str, Any] = {
        "symbol": event.symbol,
        "update_id": event.update_id,
        "levels": sorted(((level.side.value, level.price_ticks * tick), level.lots * lot) for level in event.levels),
        "balances": sorted(map(_balance, event.balances), key=lambda change: change[0]),
        "fills": [fill_of(fill, spec) for fill in event.fills],
        "makers": [order_of(record, spec) for record in event.makers],
    }
    match event:
        case events.ListPlaced(order_list=record, orders=orders) | events.ListChanged(order_list=record, orders=orders):
            changed = [order_of(order, spec) for order in orders]
            return told | {"order_list": list_of(record, spec.symbol), "orders": changed}
        case events.OrdersCanceled(orders=orders):
            return told | {"orders": [order_of(record, spec) for record in orders]}
        case events.OrderReduced(order=order):
            return told | {
                "order": order_of(order, spec),
                "previous_id": event.previous_client_order_id,
                "previous_quantity": event.previous_lots * lot,
                "others": [order_of(other, spec) for other in event.others],
                "order_list": list_of(event.order_list, spec.symbol) if event.order_list is not None else None,
            }
        case events.OrderCanceled(order=order, cancel_client_order_id=own_id):
            return told | {"order": order_of(order, spec), "own_id": own_id}
        case events.TapeFrameApplied(takers=takers) | events.TapeTradePlayed(takers=takers):
            return told | {"takers": [order_of(record, spec) for record in takers]}
        case events.AuctionMatched(price_ticks=price_ticks, is_final=is_final):
            return told | {"price": price_ticks * tick, "is_final": is_final}
        case events.OrderStep(order=order, is_final=is_final, prevented=prevented):
            matches = [prevented_of(match, spec) for match in prevented]
            return told | {"order": order_of(order, spec), "is_final": is_final, "prevented": matches}
    return told | {"order": order_of(event.order, spec)}
