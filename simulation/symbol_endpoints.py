"""`/_sim/...`: symbols with their rules, auctions, reference prices, and the rules of the whole exchange.

    GET  symbols                POST symbols {symbol, base, quote, tickSize?, ...}     {"created": false}: it exists
                                PUT  symbols {symbol, status}              TRADING, HALT, BREAK or AUCTION_MATCH
    GET  auction {symbol}       what the call auction of a symbol in AUCTION_MATCH would trade now
    GET  exchange               PUT  exchange {maxOrders?, maxAlgoOrders?, maxIcebergOrders?, maxOrderLists?}
    PUT  referencePrice {symbol, price?}       of a symbol that has it set from outside

The fact a newcomer would get wrong: rules are rows of SQL that are published on save, so their handlers go through the
services in a thread; what the engine alone knows is asked of it directly.
"""

from typing import Any

from msgspec import Struct, structs

from api.callers import Caller
from api.router import Nothing, sim_endpoints
from api.runtime import Runtime
from engine.amounts import to_atoms, to_text
from engine.errors import BadParameter
from engine.types import BALANCE_LIMIT, PRICE_DECIMALS
from markets import answers as public_answers
from markets import services as markets
from markets.endpoints import spec_of
from markets.models import RULE_FIELDS, Exchange
from simulation import answers
from simulation.rendering import auction_shown, exchange_shown, rules_shown
from simulation.threads import in_sql

ENDPOINTS = sim_endpoints()


class NewSymbol(Struct, kw_only=True, rename="camel"):
    symbol: str
    base: str
    quote: str
    tick_size: str | None = None
    lot_size: str | None = None
    min_price: str | None = None
    max_price: str | None = None
    min_quantity: str | None = None
    max_quantity: str | None = None
    min_market_quantity: str | None = None
    max_market_quantity: str | None = None
    min_notional: str | None = None
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
    discount_asset: str | None = None
    discount: str | None = None
    order_types: str | None = None
    max_iceberg_parts: str | None = None
    min_trailing_above: str | None = None
    max_trailing_above: str | None = None
    min_trailing_below: str | None = None
    max_trailing_below: str | None = None
    default_stp: str | None = None
    allowed_stp: str | None = None
    not_offered: str | None = None
    max_orders: str | None = None
    max_algo_orders: str | None = None
    max_iceberg_orders: str | None = None
    max_order_lists: str | None = None
    max_order_amends: str | None = None
    price_up: str | None = None
    price_down: str | None = None
    bid_price_up: str | None = None
    bid_price_down: str | None = None
    ask_price_up: str | None = None
    ask_price_down: str | None = None
    halt_percent: str | None = None
    halt_seconds: str | None = None
    range_bid_up: str | None = None
    range_bid_down: str | None = None
    range_ask_up: str | None = None
    range_ask_down: str | None = None
    reference_bucket_ms: str | None = None
    reference_buckets: str | None = None
    reference_external_id: str | None = None
    max_position: str | None = None
    matching_rule: str | None = None
    price_time_percent: str | None = None


class SymbolChange(Struct, kw_only=True):
    symbol: str
    status: str


class OneSymbol(Struct, kw_only=True):
    symbol: str


class ReferencePriceChange(Struct, kw_only=True):
    symbol: str
    price: str | None = None


class ExchangeChange(Struct, kw_only=True, rename="camel"):
    """Counts; 0: any number."""

    max_orders: str | None = None
    max_algo_orders: str | None = None
    max_iceberg_orders: str | None = None
    max_order_lists: str | None = None


@ENDPOINTS.endpoint("GET", "/symbols", answer=answers.AllRules)
async def list_symbols(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Every symbol and its rules."""
    return {"symbols": [rules_shown(spec) for spec in (await runtime.venue.registry.specs()).values()]}


@ENDPOINTS.endpoint("POST", "/symbols", answer=answers.SymbolMade)
async def add_symbol(request: NewSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """A new symbol; one that exists is left as it is."""
    rules = {field: getattr(request, field) for field in RULE_FIELDS}
    created = await in_sql(markets.add_symbol, request.symbol, request.base, request.quote, **rules)
    return {"symbol": request.symbol, "created": created}


@ENDPOINTS.endpoint("PUT", "/symbols", answer=answers.StatusSet)
async def change_symbol(request: SymbolChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Halt a symbol, put it into a break or an auction, or open it: after a halt, or with what the auction trades."""
    await in_sql(markets.set_status, request.symbol, request.status)
    return {"symbol": request.symbol, "status": request.status}


@ENDPOINTS.endpoint("GET", "/auction", answer=answers.AuctionShown)
async def read_auction(request: OneSymbol, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Price and volume at which the crossing orders of a symbol would trade now; a price of null: nothing crosses."""
    spec = await spec_of(runtime, request.symbol)
    state = await runtime.venue.queries.auction(spec)
    return auction_shown(spec, state)


@ENDPOINTS.endpoint("GET", "/exchange", answer=answers.Rules)
async def read_exchange(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What an account may have open on all symbols together."""
    return exchange_shown(await in_sql(Exchange.row))


@ENDPOINTS.endpoint("PUT", "/exchange", answer=answers.Rules)
async def change_exchange(request: ExchangeChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Change it; what is left out stays."""
    rules = structs.asdict(request)
    if all(text is None for text in rules.values()):
        raise BadParameter("maxOrders", "MISSING", detail="say what is to change: maxOrders, maxAlgoOrders ...")
    return exchange_shown(await in_sql(markets.set_exchange_rules, **rules))


@ENDPOINTS.endpoint("PUT", "/referencePrice", answer=public_answers.ReferencePrice)
async def set_reference_price(request: ReferencePriceChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The reference price of a symbol that has it set from outside; without `price` it has none."""
    spec = await spec_of(runtime, request.symbol)
    units = None
    if request.price is not None:
        units = to_atoms(request.price, decimals=PRICE_DECIMALS, limit=BALANCE_LIMIT, field="price")
        if units == 0:
            raise BadParameter("price", "OUT_OF_RANGE", value=request.price)
    now_ms = await runtime.venue.registry.set_reference_price(spec.symbol, units)
    return {
        "symbol": spec.symbol, "referencePrice": None if units is None else to_text(units, decimals=PRICE_DECIMALS),
        "timestamp": now_ms,
    }  # fmt: skip
