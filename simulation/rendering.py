"""Users, keys, symbols and the exchange's rules as /_sim shows them; names are those that /_sim takes.

The fact a newcomer would get wrong: a rule that a symbol does not have is shown as the empty text, not as zero.
"""

from typing import Any

from accounts.models import ApiKey, Trader, TraderFees
from accounts.services import CreatedUser
from engine.amounts import to_short_text, to_text
from engine.queries import AuctionState
from engine.types import PRICE_DECIMALS, SymbolSpec
from markets.models import Conversion, Exchange
from markets.rules import FEE_FIELDS, rate_name


def camel(field: str) -> str:
    """What /_sim calls a field: camel("special_maker_fee") == "specialMakerFee"."""
    first, *others = field.split("_")
    return first + "".join(word.capitalize() for word in others)


def user_shown(row: Trader) -> dict[str, Any]:
    return {
        "name": row.name,
        "displayName": row.display_name,
        "account": row.account,
        "tradeGroup": row.trade_group,
        "maxOrder": row.max_order,
        "maxDaily": row.max_daily,
        "maxPosition": row.max_position,
        "maxOpenOrders": row.max_open_orders,
        "killed": row.is_killed,
        "disabled": row.is_disabled,
    }


def exchange_shown(row: Exchange) -> dict[str, Any]:
    return {
        "maxOrders": row.max_orders,
        "maxAlgoOrders": row.max_algo_orders,
        "maxIcebergOrders": row.max_iceberg_orders,
        "maxOrderLists": row.max_order_lists,
    }


def fees_shown(row: TraderFees) -> dict[str, Any]:
    """What is not set is the empty text; `symbol` is that where all are meant."""
    rates = {camel(field): getattr(row, field) for field in FEE_FIELDS}
    symbol = row.symbol.symbol if row.symbol else ""
    return {"user": row.trader.name, "symbol": symbol, **rates, "usesDiscount": row.uses_discount}


def conversion_shown(row: Conversion) -> dict[str, str]:
    return {"discountAsset": row.discount_asset.name, "asset": row.asset.name, "price": row.price}


def key_shown(created: CreatedUser) -> dict[str, Any]:
    """A key that has just been made; no secret where its user keeps it."""
    shown = {"name": created.name, "account": created.account, "apiKey": created.api_key}
    return shown | {"secret": created.secret} if created.secret else shown


def known_key_shown(key: ApiKey) -> dict[str, Any]:
    """A key that was made some time: by its first characters, without anything secret."""
    return {
        "user": key.trader.name,
        "prefix": key.prefix,
        "label": key.label,
        "kind": key.kind,
        "permissions": key.permissions,
        "addresses": key.addresses,
        "requiresSignature": key.requires_signature,
        "disabled": key.is_disabled,
        "revoked": key.revoked_at is not None,
    }


def auction_shown(spec: SymbolSpec, state: AuctionState) -> dict[str, str | None]:
    def quantity(lots: int) -> str:
        return to_text(lots * spec.lot_units)

    return {
        "symbol": spec.symbol,
        "status": state.status.value,
        "price": None if state.price_ticks is None else to_text(state.price_ticks * spec.tick_units),
        "volume": quantity(state.lots),
        "bidVolume": quantity(state.bid_lots),
        "askVolume": quantity(state.ask_lots),
    }


def rules_shown(spec: SymbolSpec) -> dict[str, str]:
    return {
        "symbol": spec.symbol,
        "base": spec.base,
        "quote": spec.quote,
        "status": spec.status.value,
        "tickSize": to_text(spec.tick_units),
        "lotSize": to_text(spec.lot_units),
        "minPrice": to_text(spec.min_price_ticks * spec.tick_units),
        "maxPrice": to_text(spec.max_price_ticks * spec.tick_units),
        "minQuantity": to_text(spec.min_lots * spec.lot_units),
        "maxQuantity": to_text(spec.max_lots * spec.lot_units),
        "minMarketQuantity": to_text(max(spec.min_market_lots, spec.min_lots) * spec.lot_units),
        "maxMarketQuantity": to_text(min(spec.max_market_lots or spec.max_lots, spec.max_lots) * spec.lot_units),
        "minNotional": to_text(spec.min_notional_atoms, decimals=spec.quote_decimals),
        **_fees_shown(spec),
        "orderTypes": ",".join(spec.order_types),
        "maxIcebergParts": str(spec.max_iceberg_parts),
        "minTrailingAbove": str(spec.min_trailing_above_bips),
        "maxTrailingAbove": str(spec.max_trailing_above_bips),
        "minTrailingBelow": str(spec.min_trailing_below_bips),
        "maxTrailingBelow": str(spec.max_trailing_below_bips),
        "defaultStp": spec.default_stp.value,
        "allowedStp": ",".join(spec.allowed_stp),
        "notOffered": ",".join(spec.not_offered),
        **_limits_shown(spec),
        "matchingRule": spec.matching_rule,
        "priceTimePercent": str(spec.price_time_percent) if spec.price_time_percent else "",
    }


def _fees_shown(spec: SymbolSpec) -> dict[str, str]:
    """Every rate, also those that are zero; the discount only where there is one."""
    rates = {camel(field): to_text(spec.fee_rates[rate_name(field)], decimals=PRICE_DECIMALS) for field in FEE_FIELDS}
    return rates | {
        "discountAsset": spec.discount_asset if spec.allows_discount else "",
        "discount": to_text(spec.discount_e8, decimals=PRICE_DECIMALS) if spec.allows_discount else "",
    }


def _limits_shown(spec: SymbolSpec) -> dict[str, str]:
    """Rules that few symbols have: empty where there is none."""

    def shown(units: int, decimals: int = 0) -> str:
        return to_short_text(units, decimals=decimals) if units else ""

    return {
        "maxOrders": shown(spec.max_orders),
        "maxAlgoOrders": shown(spec.max_algo_orders),
        "maxIcebergOrders": shown(spec.max_iceberg_orders),
        "maxOrderLists": shown(spec.max_order_lists),
        "maxOrderAmends": shown(spec.max_order_amends),
        "maxPosition": shown(spec.max_position_lots * spec.lot_units, PRICE_DECIMALS),
        "priceUp": shown(spec.price_up_e4, 4),
        "priceDown": shown(spec.price_down_e4, 4),
        "bidPriceUp": shown(spec.bid_price_up_e4, 4),
        "bidPriceDown": shown(spec.bid_price_down_e4, 4),
        "askPriceUp": shown(spec.ask_price_up_e4, 4),
        "askPriceDown": shown(spec.ask_price_down_e4, 4),
        "haltPercent": shown(spec.halt_bips, 2),
        "haltSeconds": shown(spec.halt_seconds),
        "rangeBidUp": shown(spec.range_bid_up_e4, 4),
        "rangeBidDown": shown(spec.range_bid_down_e4, 4),
        "rangeAskUp": shown(spec.range_ask_up_e4, 4),
        "rangeAskDown": shown(spec.range_ask_down_e4, 4),
        "referenceBucketMs": shown(spec.reference_bucket_ms),
        "referenceBuckets": shown(spec.reference_buckets),
        "referenceExternalId": "" if spec.reference_external_id < 0 else str(spec.reference_external_id),
    }
