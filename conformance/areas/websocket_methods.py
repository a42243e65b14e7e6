"""The WebSocket API: every method, with what REST answers to the same."""

from typing import Any, Final

from conformance.areas.shapes import (
    ACK,
    AGGREGATE,
    BOOK,
    CANCELED,
    DAY,
    FOUND,
    FULL,
    INFO,
    KLINE,
    MINI,
    MY_TRADE,
    RATES,
    TRADE,
    WINDOW,
    traded,
)
from conformance.areas.websocket_api import DOCUMENT, accepted, asked
from conformance.checks import DECIMAL, LEVEL, LIST, TEXT, TIME, WHOLE, AtLeast, Each, Pattern, matches
from conformance.lab import Lab
from conformance.rules import Area, described

AREA: Final = Area("websocket_methods", "WebSocket API: methods", traded)


def public(title: str, method: str, params: dict[str, Any], pattern: Pattern) -> None:
    """A rule: a method without a key answers this."""

    def check(lab: Lab) -> None:
        answer = asked(lab, {"id": 1, "method": method, "params": lab.filled(params)})
        matches(lab.filled(pattern), accepted(answer), "result")

    words = " ".join(f"{key}={value}" for key, value in params.items())
    AREA.by(DOCUMENT + title).rule(f"{method} {words}".rstrip(), f"{method} {words}".rstrip(), described(pattern))(
        check
    )


SYMBOL: Final = {"symbol": "{symbol}"}
NAMES: Final = {"symbols": ["{symbol}"]}
public("Test connectivity", "ping", {}, {})
public("Check server time", "time", {}, {"serverTime": TIME})
public("Exchange information", "exchangeInfo", SYMBOL, INFO)
public("Exchange information", "exchangeInfo", NAMES, AtLeast({"symbols": [AtLeast({"symbol": "{symbol}"})]}))
public("Query Execution Rules", "executionRules", SYMBOL, AtLeast({"symbolRules": LIST}))
public("Order book", "depth", SYMBOL | {"limit": 5}, {"lastUpdateId": WHOLE, "bids": Each(LEVEL), "asks": [LEVEL]})
public("Recent trades", "trades.recent", SYMBOL | {"limit": 2}, [TRADE, TRADE])
public("Historical trades", "trades.historical", SYMBOL | {"fromId": 0, "limit": 1}, [TRADE])
public("Aggregate trades", "trades.aggregate", SYMBOL, Each(AGGREGATE))
public("Klines", "klines", SYMBOL | {"interval": "1h"}, Each(KLINE))
public("UI Klines", "uiKlines", SYMBOL | {"interval": "1h"}, Each(KLINE))
public("Current average price", "avgPrice", SYMBOL, {"mins": 5, "price": DECIMAL, "closeTime": TIME})
public("24hr ticker price change statistics", "ticker.24hr", SYMBOL, DAY)
public("24hr ticker price change statistics", "ticker.24hr", NAMES, [DAY])
public("24hr ticker price change statistics", "ticker.24hr", SYMBOL | {"type": "MINI"}, MINI)
public("Trading Day Ticker", "ticker.tradingDay", SYMBOL, WINDOW)
public("Rolling window price change statistics", "ticker", SYMBOL | {"windowSize": "7d"}, WINDOW)
public("Symbol price ticker", "ticker.price", SYMBOL, {"symbol": "{symbol}", "price": DECIMAL})
public("Symbol price ticker", "ticker.price", NAMES, [{"symbol": "{symbol}", "price": DECIMAL}])
public("Symbol order book ticker", "ticker.book", SYMBOL, BOOK)

ORDER: Final = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50"}


def private(title: str, method: str, params: dict[str, Any], pattern: Pattern, *, of_order: bool = False) -> None:
    """A rule: a signed method of alice's answers this; `of_order`: about an order of hers, whose id it is given."""

    def check(lab: Lab) -> None:
        given = dict(lab.filled(params))
        if of_order:
            given["orderId"] = lab.user().limit(lab.market(), "BUY", "1", "50")["orderId"]
        answer = asked(lab, {"id": 1} | lab.user().framed(method, **given))
        matches(lab.filled(pattern), accepted(answer), "result")

    words = " ".join(f"{key}={value}" for key, value in params.items()) + (" orderId=(one)" if of_order else "")
    AREA.by(DOCUMENT + title).rule(f"{method} {words}".rstrip(), f"{method} {words}".rstrip(), described(pattern))(
        check
    )


OCO: Final = {
    "side": "SELL",
    "quantity": "1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "130",
    "belowType": "STOP_LOSS",
    "belowStopPrice": "80",
}
OTO: Final = {
    "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "140", "workingQuantity": "1",
    "workingTimeInForce": "GTC", "pendingType": "MARKET", "pendingSide": "BUY", "pendingQuantity": "1",
}  # fmt: skip
OTOCO: Final = {key: text for key, text in OTO.items() if key != "pendingType"} | {
    "pendingAboveType": "STOP_LOSS", "pendingAboveStopPrice": "150", "pendingBelowType": "LIMIT_MAKER",
    "pendingBelowPrice": "60",
}  # fmt: skip
OPO: Final = {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "50", "workingQuantity": "1",
    "workingTimeInForce": "GTC", "pendingType": "MARKET", "pendingSide": "SELL",
}  # fmt: skip
OPOCO: Final = {key: text for key, text in OPO.items() if key != "pendingType"} | {
    "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "130", "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "40",
}  # fmt: skip
LISTED: Final = AtLeast({"orderListId": WHOLE, "listOrderStatus": "EXECUTING", "orders": LIST, "orderReports": LIST})
private("Place new order", "order.place", SYMBOL | ORDER, FULL)
private("Place new order", "order.place", SYMBOL | ORDER | {"newOrderRespType": "ACK"}, ACK)
private("Test new order", "order.test", SYMBOL | ORDER, {})
private("Query order", "order.status", SYMBOL, FOUND, of_order=True)
private("Cancel order", "order.cancel", SYMBOL, CANCELED, of_order=True)
private(
    "Order Amend Keep Priority",
    "order.amend.keepPriority",
    SYMBOL | {"newQty": "0.5"},
    AtLeast({"amendedOrder": AtLeast({"qty": "0.50000000"})}),
    of_order=True,
)
private("Query Order Amendments", "order.amendments", SYMBOL, [], of_order=True)
private("Current open orders", "openOrders.status", SYMBOL, Each(AtLeast({"orderId": WHOLE})))
private("Account order history", "allOrders", SYMBOL, Each(AtLeast({"orderId": WHOLE, "status": TEXT})))
private(
    "Account information",
    "account.status",
    {},
    AtLeast({"accountType": "SPOT", "balances": LIST, "permissions": LIST, "commissionRates": RATES}),
)
private("Account trade history", "myTrades", SYMBOL, [])
private(
    "Unfilled Order Count",
    "account.rateLimits.orders",
    {},
    Each({"rateLimitType": "ORDERS", "interval": TEXT, "intervalNum": WHOLE, "limit": WHOLE, "count": WHOLE}),
)
private("Account prevented matches", "myPreventedMatches", SYMBOL, [], of_order=True)
private(
    "Account Commission Rates",
    "account.commission",
    SYMBOL,
    AtLeast({"symbol": "{symbol}", "standardCommission": RATES, "taxCommission": RATES}),
)
private(
    "Query Relevant Filters",
    "myFilters",
    SYMBOL,
    {"exchangeFilters": LIST, "symbolFilters": LIST, "assetFilters": LIST},
)
private("Account allocations", "myAllocations", SYMBOL, [])
private("Place new Order list - OCO", "orderList.place.oco", SYMBOL | OCO, LISTED)
private("Place new Order list - OTO", "orderList.place.oto", SYMBOL | OTO, LISTED)
private("Place new Order list - OTOCO", "orderList.place.otoco", SYMBOL | OTOCO, LISTED)
private("OPO", "orderList.place.opo", SYMBOL | OPO, LISTED)
private("OPOCO", "orderList.place.opoco", SYMBOL | OPOCO, LISTED)
private(
    "Current open Order lists",
    "openOrderLists.status",
    {},
    Each(AtLeast({"orderListId": WHOLE, "listOrderStatus": "EXECUTING"})),
)
private("Account order list history", "allOrderLists", {}, Each(AtLeast({"orderListId": WHOLE})))


@AREA.by(DOCUMENT + "Cancel and replace order").rule(
    "order.cancelReplace that succeeds",
    "order.cancelReplace cancelReplaceMode=STOP_ON_FAILURE",
    "status 200, SUCCESS, SUCCESS",
)
def cancel_replace(lab: Lab) -> None:
    order_id = lab.user().limit(lab.market(), "BUY", "1", "50")["orderId"]
    terms = (
        {"symbol": lab.market().symbol} | ORDER | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": order_id}
    )
    found = accepted(asked(lab, {"id": 1} | lab.user().framed("order.cancelReplace", **terms)))
    matches(AtLeast({"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}), found, "result")


@AREA.by(DOCUMENT + "Cancel and replace order").rule(
    "order.cancelReplace that fails in part",
    "order.cancelReplace cancelReplaceMode=ALLOW_FAILURE of an unknown order",
    "status 409, error -2021 with data",
)
def cancel_replace_in_part(lab: Lab) -> None:
    terms = {"symbol": lab.market().symbol} | ORDER | {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": 99999999}
    answer = asked(lab, {"id": 1} | lab.user().framed("order.cancelReplace", **terms))
    data = AtLeast(
        {
            "cancelResult": "FAILURE",
            "newOrderResult": "SUCCESS",
            "cancelResponse": {"code": -2011, "msg": "Unknown order sent."},
        }
    )
    error = {"code": -2021, "msg": "Order cancel-replace partially failed.", "data": data}
    matches(AtLeast({"status": 409, "error": error}), answer, "the frame")


@AREA.by(DOCUMENT + "Cancel open orders").rule(
    "openOrders.cancelAll", "two orders, openOrders.cancelAll", "two CANCELED orders"
)
def cancel_all(lab: Lab) -> None:
    market, user = lab.fresh_market(), lab.user()
    for price in ("50", "51"):
        user.limit(market, "BUY", "1", price)
    found = accepted(asked(lab, {"id": 1} | user.framed("openOrders.cancelAll", symbol=market.symbol)))
    matches([CANCELED | {"symbol": market.symbol}] * 2, found, "result")


@AREA.by(DOCUMENT + "Account trade history").rule(
    "myTrades after a trade", "a trade of alice's, myTrades", "it, with the documented fields"
)
def my_trades(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "SELL", "1", "100")
    lab.user().limit(market, "BUY", "1", "100")
    found = accepted(asked(lab, {"id": 1} | lab.user().framed("myTrades", symbol=market.symbol)))
    matches([MY_TRADE | {"symbol": market.symbol}], found, "result")


for title, method, cancels in (
    ("Query Order list", "orderList.status", False),
    ("Cancel Order list", "orderList.cancel", True),
):

    def of_list(lab: Lab, method: str = method, cancels: bool = cancels) -> None:
        placed = accepted(
            asked(lab, {"id": 1} | lab.user().framed("orderList.place.oto", symbol=lab.market().symbol, **OTO))
        )
        given = {"orderListId": placed["orderListId"]} | ({"symbol": lab.market().symbol} if cancels else {})
        found = accepted(asked(lab, {"id": 1} | lab.user().framed(method, **given)))
        status = "ALL_DONE" if cancels else "EXECUTING"
        matches(AtLeast({"orderListId": placed["orderListId"], "listOrderStatus": status}), found, "result")

    AREA.by(DOCUMENT + title).rule(
        method, f"orderList.place.oto, {method}", "the list, " + ("ALL_DONE" if cancels else "EXECUTING")
    )(of_list)
