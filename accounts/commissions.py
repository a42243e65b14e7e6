"""What an account pays on a symbol, and how it is told: by rate, for one order, and for the account as a whole.

The fact a newcomer would get wrong: an order owes the rate of its role and that of its side together, so what one order
pays (POST order/test) is a sum of two of the rates that GET account/commission shows. `discount` is what is left of the
standard fee, as Binance's FAQ computes with it.
"""

from typing import Any

import msgspec

from engine.registry import Registry
from engine.types import Side, SymbolSpec
from markets.rendering import units_text

KINDS = ("standard", "special", "tax")
PARTIES = ("maker", "taker", "buyer", "seller")


class Commission(msgspec.Struct, frozen=True):
    """Rates in 1e-8 by name (RATE_NAMES) as the next fill meets them, and whether the account wants the discount."""

    spec: SymbolSpec
    rates: dict[str, int]
    uses_discount: bool


async def commission_of(registry: Registry, account: int, spec: SymbolSpec) -> Commission:
    """What is said of the account on the symbol, under that what is said of it on all, under that the symbol's."""
    everywhere, here = await registry.account_rates(account), await registry.account_rates(account, spec.symbol)
    return Commission(
        spec=spec,
        rates=spec.fee_rates | everywhere.rates | here.rates,
        uses_discount=bool(everywhere.uses_discount if here.uses_discount is None else here.uses_discount),
    )


def commission_view(commission: Commission) -> dict[str, Any]:
    """GET account/commission."""
    rates = {
        f"{kind}Commission": {party: units_text(commission.rates[f"{kind}_{party}"]) for party in PARTIES}
        for kind in KINDS
    }
    return {"symbol": commission.spec.symbol, **rates, "discount": _discount_view(commission)}


def order_commission_view(commission: Commission, side: Side) -> dict[str, Any]:
    """POST order/test: what an order of this side would pay in either role."""
    party = "buyer" if side is Side.BUY else "seller"

    def owed(kind: str, role: str) -> str:
        return units_text(commission.rates[f"{kind}_{role}"] + commission.rates[f"{kind}_{party}"])

    rates = {f"{kind}CommissionForOrder": {role: owed(kind, role) for role in ("maker", "taker")} for kind in KINDS}
    return {**rates, "discount": _discount_view(commission)}


def _discount_view(commission: Commission) -> dict[str, Any]:
    spec = commission.spec
    return {
        "enabledForAccount": commission.uses_discount,
        "enabledForSymbol": spec.allows_discount,
        "discountAsset": spec.discount_asset,
        "discount": units_text(spec.discount_e8),
    }


async def account_commission_view(registry: Registry, account: int) -> dict[str, Any]:
    """The standard rates in GET account, which names no symbol.

    Where something was set for the account on all symbols it is that, else the highest rate of any symbol. What one
    symbol says of the account, special fees and taxes are told by GET account/commission alone.
    """
    set_rates, specs = (await registry.account_rates(account)).rates, (await registry.specs()).values()
    highest = {party: max((spec.fee_rates[f"standard_{party}"] for spec in specs), default=0) for party in PARTIES}
    rates = {party: set_rates.get(f"standard_{party}", highest[party]) for party in PARTIES}
    bips = {f"{party}Commission": rate // 10_000 for party, rate in rates.items()}
    return {**bips, "commissionRates": {party: units_text(rate) for party, rate in rates.items()}}
