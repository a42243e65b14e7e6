"""The answer to exchangeInfo: what can be traded, and under which rules.

The fact a newcomer would get wrong: it tells what is the case here, not what Binance offers. Clients refuse orders on
their own by what they read here, and miss fields that they do not need.
"""

from typing import Any, Final

from api.limits import limit_view
from engine.rate_limits import RateLimits
from engine.types import Feature, SymbolSpec
from markets.rendering import exchange_filters_view, filters_view

SYMBOL_PERMISSIONS: Final = frozenset({"SPOT"})


def exchange_info(
    specs: list[SymbolSpec], now_ms: int, limits: RateLimits | None = None, *, shows_permissions: bool = True
) -> dict[str, Any]:
    """`rateLimits` is empty where none is enforced."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [] if limits is None else [limit_view(*limit) for limit in limits.windows],
        "exchangeFilters": exchange_filters_view(specs),
        "symbols": [symbol_view(spec, shows_permissions=shows_permissions) for spec in specs],
    }


def symbol_view(spec: SymbolSpec, *, shows_permissions: bool = True) -> dict[str, Any]:
    return {
        "symbol": spec.symbol,
        "status": spec.status,
        "baseAsset": spec.base,
        "baseAssetPrecision": spec.base_decimals,
        "quoteAsset": spec.quote,
        "quotePrecision": spec.quote_decimals,
        "quoteAssetPrecision": spec.quote_decimals,
        "baseCommissionPrecision": spec.base_decimals,
        "quoteCommissionPrecision": spec.quote_decimals,
        "orderTypes": spec.order_types,
        "icebergAllowed": spec.max_iceberg_parts > 0,
        "ocoAllowed": Feature.OCO not in spec.not_offered,
        "otoAllowed": Feature.OTO not in spec.not_offered,
        "opoAllowed": Feature.OPO not in spec.not_offered,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": spec.allows_trailing,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": Feature.PEG not in spec.not_offered,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters_view(spec),
        "permissions": [],
        "permissionSets": [sorted(SYMBOL_PERMISSIONS)] if shows_permissions else [],
        "defaultSelfTradePreventionMode": spec.default_stp,
        "allowedSelfTradePreventionModes": spec.allowed_stp,
    }
