"""Whole numbers as the wire has them: plain decimal text with eight places, never an exponent.

The fact a newcomer would get wrong: ticks and lots are not powers of ten, so every number needs its symbol's spec.
"""

from functools import lru_cache

from engine.amounts import to_text
from engine.queries import Aggregate, MarketState, PublicTrade
from engine.types import PRICE_DECIMALS, UNIT, SymbolSpec
from markets.klines import Kline
from markets.tickers import AveragePrice, Ticker, Ticker24h


@lru_cache(maxsize=65_536)  # a book's prices and quantities are written again and again
def units_text(units: int) -> str:
    """A number of 1e-8, zero or above: units_text(1_500_000) == "0.01500000"."""
    return f"{units // UNIT}.{units % UNIT:08d}"


def price_text(spec: SymbolSpec, price_ticks: int) -> str:
    return units_text(price_ticks * spec.tick_units)


def quantity_text(spec: SymbolSpec, lots: int) -> str:
    return units_text(lots * spec.lot_units)


def atoms_text(atoms: int, decimals: int) -> str:
    """An amount of an asset, zero or above."""
    return units_text(atoms) if decimals == PRICE_DECIMALS else to_text(atoms, decimals=decimals)


def quote_text(spec: SymbolSpec, quote_atoms: int) -> str:
    decimals = spec.quote_decimals
    return units_text(quote_atoms) if decimals == PRICE_DECIMALS else to_text(quote_atoms, decimals=decimals)


def level_texts(spec: SymbolSpec, levels: list[tuple[int, int]]) -> list[tuple[str, str]]:
    """[(price_ticks, lots)] as [(price, quantity)], in the same order."""
    return [(price_text(spec, price_ticks), quantity_text(spec, lots)) for price_ticks, lots in levels]


def trade_view(spec: SymbolSpec, trade: PublicTrade) -> dict[str, object]:
    """One public trade."""
    fill = trade.fill
    return {
        "id": fill.trade_id,
        "price": price_text(spec, fill.price_ticks),
        "qty": quantity_text(spec, fill.lots),
        "quoteQty": quote_text(spec, fill.quote_atoms),
        "time": trade.now_ms,
        "isBuyerMaker": fill.is_buyer_maker,
        "isBestMatch": True,
    }


def aggregate_view(spec: SymbolSpec, aggregate: Aggregate) -> dict[str, object]:
    """Trades taken together, in Binance's letters."""
    return {
        "a": aggregate.aggregate_id,
        "p": price_text(spec, aggregate.price_ticks),
        "q": quantity_text(spec, aggregate.lots),
        "f": aggregate.first_trade_id,
        "l": aggregate.last_trade_id,
        "T": aggregate.now_ms,
        "m": aggregate.is_buyer_maker,
        "M": True,
    }


def kline_row(spec: SymbolSpec, kline: Kline) -> list[object]:
    """The twelve columns of a candle."""
    candle = kline.candle
    return [
        kline.open_ms,
        price_text(spec, candle.open_ticks),
        price_text(spec, candle.high_ticks),
        price_text(spec, candle.low_ticks),
        price_text(spec, candle.close_ticks),
        quantity_text(spec, candle.lots),
        kline.close_ms,
        quote_text(spec, candle.quote_atoms),
        candle.trade_count,
        quantity_text(spec, candle.taker_buy_lots),
        quote_text(spec, candle.taker_buy_quote_atoms),
        "0",
    ]


def ticker_view(spec: SymbolSpec, ticker: Ticker24h) -> dict[str, object]:
    """The 24 hours of a symbol: Binance's 21 fields."""
    bid_ticks, bid_lots = ticker.best_bid or (0, 0)
    ask_ticks, ask_lots = ticker.best_ask or (0, 0)
    return {
        "symbol": spec.symbol,
        "priceChange": to_text(ticker.change_ticks * spec.tick_units),
        "priceChangePercent": to_text(ticker.change_percent_e3, decimals=3, places=3),
        "weightedAvgPrice": units_text(ticker.weighted_average_e8),
        "prevClosePrice": price_text(spec, ticker.previous_close_ticks),
        "lastPrice": price_text(spec, ticker.last_ticks),
        "lastQty": quantity_text(spec, ticker.last_lots),
        "bidPrice": price_text(spec, bid_ticks),
        "bidQty": quantity_text(spec, bid_lots),
        "askPrice": price_text(spec, ask_ticks),
        "askQty": quantity_text(spec, ask_lots),
        "openPrice": price_text(spec, ticker.open_ticks),
        "highPrice": price_text(spec, ticker.high_ticks),
        "lowPrice": price_text(spec, ticker.low_ticks),
        "volume": quantity_text(spec, ticker.lots),
        "quoteVolume": quote_text(spec, ticker.quote_atoms),
        "openTime": ticker.open_ms,
        "closeTime": ticker.close_ms,
        "firstId": ticker.first_trade_id,
        "lastId": ticker.last_trade_id,
        "count": ticker.trade_count,
    }


def window_ticker_view(spec: SymbolSpec, ticker: Ticker) -> dict[str, object]:
    """A window of whole minutes: the 24 hours' fields without those of the book and of the last trade."""
    change = {
        "symbol": spec.symbol,
        "priceChange": to_text(ticker.change_ticks * spec.tick_units),
        "priceChangePercent": to_text(ticker.change_percent_e3, decimals=3, places=3),
        "weightedAvgPrice": units_text(ticker.weighted_average_e8),
    }
    return change | mini_ticker_view(spec, ticker)


def mini_ticker_view(spec: SymbolSpec, ticker: Ticker) -> dict[str, object]:
    """What `type=MINI` leaves of any window."""
    return {
        "symbol": spec.symbol,
        "openPrice": price_text(spec, ticker.open_ticks),
        "highPrice": price_text(spec, ticker.high_ticks),
        "lowPrice": price_text(spec, ticker.low_ticks),
        "lastPrice": price_text(spec, ticker.last_ticks),
        "volume": quantity_text(spec, ticker.lots),
        "quoteVolume": quote_text(spec, ticker.quote_atoms),
        "openTime": ticker.open_ms,
        "closeTime": ticker.close_ms,
        "firstId": ticker.first_trade_id,
        "lastId": ticker.last_trade_id,
        "count": ticker.trade_count,
    }


def book_ticker_view(spec: SymbolSpec, state: MarketState) -> dict[str, object]:
    """The best price and quantity of both sides."""
    bid_ticks, bid_lots = state.best_bid or (0, 0)
    ask_ticks, ask_lots = state.best_ask or (0, 0)
    return {
        "symbol": spec.symbol,
        "bidPrice": price_text(spec, bid_ticks),
        "bidQty": quantity_text(spec, bid_lots),
        "askPrice": price_text(spec, ask_ticks),
        "askQty": quantity_text(spec, ask_lots),
    }


def average_view(average: AveragePrice) -> dict[str, object]:
    return {"mins": average.minutes, "price": units_text(average.price_e8), "closeTime": average.close_ms}


def filters_view(spec: SymbolSpec) -> list[dict[str, object]]:
    """A symbol's filters, PRICE_FILTER first: clients take the first entry for it. What it does not have is left out.

    avgPriceMins is 0: where the symbol has no reference price, the last price is what NOTIONAL judges a market order by
    quantity at, and what PERCENT_PRICE compares with; before the first trade both pass. A market order by quoteOrderQty
    is judged by that amount.
    """
    step = units_text(spec.lot_units)
    found: list[dict[str, object]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price_text(spec, spec.min_price_ticks),
            "maxPrice": price_text(spec, spec.max_price_ticks),
            "tickSize": units_text(spec.tick_units),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": quantity_text(spec, spec.min_lots),
            "maxQty": quantity_text(spec, spec.max_lots),
            "stepSize": step,
        },
    ]
    if spec.max_iceberg_parts:
        found.append({"filterType": "ICEBERG_PARTS", "limit": spec.max_iceberg_parts})
    found.append(
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": quantity_text(spec, max(spec.min_market_lots, spec.min_lots)),
            "maxQty": quantity_text(spec, min(spec.max_market_lots or spec.max_lots, spec.max_lots)),
            "stepSize": step,
        }
    )
    if spec.allows_trailing:
        found.append(_trailing_filter(spec))
    found += _percent_filters(spec)
    found.append(
        {
            "filterType": "NOTIONAL",
            "minNotional": quote_text(spec, spec.min_notional_atoms),
            "applyMinToMarket": True,
            "maxNotional": quote_text(spec, spec.max_notional_atoms),
            "applyMaxToMarket": True,
            "avgPriceMins": 0,
        }
    )
    if spec.max_position_lots:
        found.append({"filterType": "MAX_POSITION", "maxPosition": quantity_text(spec, spec.max_position_lots)})
    return found + _count_filters(
        ("MAX_NUM_ORDERS", "maxNumOrders", spec.max_orders),
        ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", spec.max_order_lists),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", spec.max_algo_orders),
        ("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", spec.max_iceberg_orders),
        ("MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends", spec.max_order_amends),
    )


def exchange_filters_view(specs: list[SymbolSpec]) -> list[dict[str, object]]:
    """What counts on all symbols together; every symbol knows it."""
    if not specs:
        return []
    return _count_filters(
        ("EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders", specs[0].exchange_max_orders),
        ("EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", specs[0].exchange_max_algo_orders),
        ("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", specs[0].exchange_max_iceberg_orders),
        ("EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists", specs[0].exchange_max_order_lists),
    )


def _count_filters(*counts: tuple[str, str, int]) -> list[dict[str, object]]:
    return [{"filterType": kind, field: most} for kind, field, most in counts if most]


def _multiple(e4: int) -> str:
    """A multiple of a price: _multiple(13_000) == "1.3000"."""
    return to_text(e4, decimals=4, places=4)


def _percent_filters(spec: SymbolSpec) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    if spec.price_up_e4:
        found.append(
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": _multiple(spec.price_up_e4),
                "multiplierDown": _multiple(spec.price_down_e4),
                "avgPriceMins": 0,
            }
        )
    if spec.bid_price_up_e4:
        found.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": _multiple(spec.bid_price_up_e4),
                "bidMultiplierDown": _multiple(spec.bid_price_down_e4),
                "askMultiplierUp": _multiple(spec.ask_price_up_e4),
                "askMultiplierDown": _multiple(spec.ask_price_down_e4),
                "avgPriceMins": 0,
            }
        )
    return found


def _trailing_filter(spec: SymbolSpec) -> dict[str, object]:
    return {
        "filterType": "TRAILING_DELTA",
        "minTrailingAboveDelta": spec.min_trailing_above_bips,
        "maxTrailingAboveDelta": spec.max_trailing_above_bips,
        "minTrailingBelowDelta": spec.min_trailing_below_bips,
        "maxTrailingBelowDelta": spec.max_trailing_below_bips,
    }
