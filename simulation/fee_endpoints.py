"""`/_sim/...`: fees of single users, and what an asset is worth when fees are paid in it.

    GET  fees [user]            PUT  fees {user, symbol?, makerFee?, takerFee?, ... taxSellerFee?, usesDiscount?}
    GET  conversions            PUT  conversions {discountAsset, asset, price}      "none": what the markets say

The fact a newcomer would get wrong: what is not set for a user is as it is without, so a rate of "0" and "none" differ.
Without `symbol` all symbols are meant; what is set on one symbol comes before that.
"""

from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from accounts import services as accounts
from accounts.models import TraderFees
from api.callers import Caller
from api.router import Nothing, sim_endpoints
from api.runtime import Runtime
from engine.errors import BadParameter, Reason, Rejected
from markets import services as markets
from markets.models import Conversion
from simulation import answers
from simulation.rendering import camel, conversion_shown, fees_shown
from simulation.threads import in_sql

ENDPOINTS = sim_endpoints()
NONE = "none"


class Choice(StrEnum):
    """Yes, no, or whatever it is without."""

    TRUE = "true"
    FALSE = "false"
    NONE = NONE


_CHOSEN = {Choice.TRUE: True, Choice.FALSE: False, Choice.NONE: None}


class FeesQuery(Struct, kw_only=True):
    user: str | None = None


class FeesChange(Struct, kw_only=True, rename="camel"):
    """Rates like "0.001", or "none"."""

    user: str
    symbol: str | None = None
    maker_fee: str | None = None
    taker_fee: str | None = None
    buyer_fee: str | None = None
    seller_fee: str | None = None
    special_maker_fee: str | None = None
    special_taker_fee: str | None = None
    special_buyer_fee: str | None = None
    special_seller_fee: str | None = None
    tax_maker_fee: str | None = None
    tax_taker_fee: str | None = None
    tax_buyer_fee: str | None = None
    tax_seller_fee: str | None = None
    uses_discount: Choice | None = None


class ConversionChange(Struct, kw_only=True, rename="camel"):
    discount_asset: str
    asset: str
    price: str


@ENDPOINTS.endpoint("GET", "/fees", answer=answers.AllFees)
async def list_fees(request: FeesQuery, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What is different about the fees of users, or of one: on all symbols first, then on single ones."""

    def read() -> list[dict[str, Any]]:
        rows = TraderFees.objects.select_related("trader", "symbol")
        if request.user is not None:
            if accounts.find(request.user) is None:
                raise Rejected(Reason.UNKNOWN_USER, request.user)
            rows = rows.filter(trader__name=request.user)
        return sorted(map(fees_shown, rows), key=lambda row: (row["user"], row["symbol"]))

    return {"fees": await in_sql(read)}


@ENDPOINTS.endpoint("PUT", "/fees", answer=answers.FeesShown)
async def change_fees(request: FeesChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """A user's own rates, and whether he pays in the discount asset of symbols that allow it."""
    given = {field: value for field, value in structs.asdict(request).items() if value is not None}
    user, symbol = given.pop("user"), given.pop("symbol", "")
    if not given:
        raise BadParameter("makerFee", "MISSING", detail="say what is to change: makerFee, usesDiscount ...")
    fields: dict[str, Any] = {field: _number_or_none(camel(field), text) for field, text in given.items()}
    if request.uses_discount is not None:
        fields["uses_discount"] = _CHOSEN[request.uses_discount]
    return fees_shown(await in_sql(accounts.set_fees, user, symbol, **fields))


@ENDPOINTS.endpoint("GET", "/conversions", answer=answers.AllConversions)
async def list_conversions(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The prices that were set; for any other pair it is what the markets say."""

    def read() -> list[dict[str, str]]:
        return [conversion_shown(row) for row in Conversion.objects.select_related("discount_asset", "asset")]

    return {"conversions": [row for row in await in_sql(read) if row["price"]]}


@ENDPOINTS.endpoint("PUT", "/conversions", answer=answers.ConversionShown)
async def change_conversion(request: ConversionChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What one of the discount asset is worth in another asset when fees are paid, whatever markets say."""
    price = _number_or_none("price", request.price)
    return conversion_shown(await in_sql(markets.set_conversion, request.discount_asset, request.asset, price))


def _number_or_none(name: str, text: str) -> str:
    """As SQL has it, where no text is none: its forms strip spaces, which must not take a fee away by mistake."""
    if text != text.strip():
        raise BadParameter(name, "ILLEGAL_CHARACTERS", value=text)
    return "" if text == NONE else text
