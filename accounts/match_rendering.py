"""Matches as the private endpoints show them: trades from their owner's side, and those that were prevented."""

from typing import Any

from engine.queries import PreventedAt, PublicTrade
from engine.records import Fill
from engine.types import PRICE_DECIMALS, Side, SymbolSpec
from markets.rendering import atoms_text, price_text, quantity_text, quote_text


def received_asset(spec: SymbolSpec, side: Side) -> tuple[str, int]:
    """(asset, decimals) of what an order of this side receives; most fees are taken from it."""
    return (spec.base, spec.base_decimals) if side is Side.BUY else (spec.quote, spec.quote_decimals)


def fee_of(spec: SymbolSpec, fill: Fill, side: Side, *, is_maker: bool) -> tuple[str, str]:
    """(commission, asset) of one side of a fill, whose order is of `side`; a discount asset has eight decimals."""
    atoms, paid_in = fill.fee_of(is_maker=is_maker)
    asset, decimals = received_asset(spec, side)
    if paid_in:
        asset, decimals = paid_in, PRICE_DECIMALS
    return atoms_text(atoms, decimals), asset


def prevented_match_view(spec: SymbolSpec, prevented: PreventedAt) -> dict[str, Any]:
    """A prevented match as queries show it."""
    match = prevented.match
    view: dict[str, Any] = {
        "symbol": spec.symbol,
        "preventedMatchId": match.prevented_match_id,
        "takerOrderId": match.taker_order_id,
        "makerSymbol": spec.symbol,
        "makerOrderId": match.maker_order_id,
        "tradeGroupId": match.trade_group,
        "selfTradePreventionMode": match.mode,
        "price": price_text(spec, match.price_ticks),
    }
    if match.taker_prevented_lots:
        view["takerPreventedQuantity"] = quantity_text(spec, match.taker_prevented_lots)
    if match.maker_prevented_lots:
        view["makerPreventedQuantity"] = quantity_text(spec, match.maker_prevented_lots)
    return view | {"transactTime": prevented.now_ms}


def own_trade_view(spec: SymbolSpec, trade: PublicTrade, account: int, order_id: int | None) -> dict[str, Any]:
    """A trade from its owner's side; of one with himself the side of `order_id`, else the taker's.

    A fill does not know of lists: whoever shows it sets `orderListId`, which is that of an order without one.
    """
    fill = trade.fill
    is_maker = fill.taker_account != account or (
        order_id is not None and fill.maker_account == account and fill.maker_order_id == order_id
    )
    side = fill.taker_side.opposite if is_maker else fill.taker_side
    commission, asset = fee_of(spec, fill, side, is_maker=is_maker)
    return {
        "symbol": spec.symbol,
        "id": fill.trade_id,
        "orderId": fill.maker_order_id if is_maker else fill.taker_order_id,
        "orderListId": -1,
        "price": price_text(spec, fill.price_ticks),
        "qty": quantity_text(spec, fill.lots),
        "quoteQty": quote_text(spec, fill.quote_atoms),
        "commission": commission,
        "commissionAsset": asset,
        "time": trade.now_ms,
        "isBuyer": side is Side.BUY,
        "isMaker": is_maker,
        "isBestMatch": True,
    }
