"""Pegged orders and OPO lists: their FAQs, and the refusals."""

from typing import Any, Final

from conformance.areas.shapes import FULL
from conformance.checks import WHOLE, AtLeast, hold, matches, one_of, same
from conformance.lab import Lab, Market, accepted
from conformance.rules import Area, expect, refused, signed

AREA: Final = Area("pegged", "Pegged orders")
FAQ: Final = "faqs/pegged_orders.md: "
SEND = AREA.by(FAQ + "How can I send a pegged order?")
LIMIT_ORDERS = AREA.by(FAQ + "Limit orders")
STOP_ORDERS = AREA.by(FAQ + "Stop-limit orders")
TYPES = AREA.by(FAQ + "What order types support pegged orders?")
OCO = AREA.by(FAQ + "OCO")
OTO = AREA.by(FAQ + "OTO and OTOCO")
FILTERS = AREA.by(FAQ + "Which Filters are applicable to pegged orders?")
SYMBOLS = AREA.by(FAQ + "Which symbols allow pegged orders?")
PARAMETERS = AREA.by("rest-api.md: New order, Notes on using parameters for Pegged Orders")
ENGINE = AREA.by("errors.md: Messages for -1010 ERROR_MSG_RECEIVED, -2010 NEW_ORDER_REJECTED")
REFUSING: Final = one_of(-1013, -2010)  # by the API, or by the engine: the text says why
LIMIT: Final = {"timeInForce": "GTC", "quantity": "1"}
PRIMARY: Final = {"pegPriceType": "PRIMARY_PEG"}
MARKET_PEG: Final = {"pegPriceType": "MARKET_PEG"}


BOOK: Final = "bids 98, 97, 95, asks 102, 103, 105"


def _words(terms: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in terms.items())


def _market(lab: Lab, **rules: Any) -> Market:
    """Bids at 98, 97, 95; asks at 102, 103, 105; last price 100."""
    market = lab.fresh_market(**rules)
    lab.trade(market, "100")
    for price in ("98", "97", "95"):
        lab.user("bob").limit(market, "BUY", "1", price)
    for price in ("102", "103", "105"):
        lab.user("bob").limit(market, "SELL", "1", price)
    return market


@SEND.rule(
    "the sample answer",
    "POST order LIMIT BUY 1 GTC pegPriceType=PRIMARY_PEG, the best bid is 0.04",
    "price 0.00000000, peggedPrice 0.04000000, status NEW and the documented fields",
)
def sample(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.user("bob").limit(market, "BUY", "1", "0.04")
    pattern = FULL | {
        "symbol": market.symbol, "price": "0.00000000", "pegPriceType": "PRIMARY_PEG", "peggedPrice": "0.04000000",
        "origQty": "1.00000000", "executedQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "fills": [],
    }  # fmt: skip
    expect(lab.user().post("/order", symbol=market.symbol, side="BUY", type="LIMIT", **LIMIT, **PRIMARY), pattern)


for name, side, terms, price in (
    ("PRIMARY_PEG BUY is the best bid", "BUY", PRIMARY, "98"),
    ("PRIMARY_PEG SELL is the best ask", "SELL", PRIMARY, "102"),
    ("pegOffsetValue goes to worse bids", "BUY", PRIMARY | {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 2}, "95"),
    (
        "pegOffsetValue goes to worse asks",
        "SELL",
        PRIMARY | {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1},
        "103",
    ),
):

    def pegged(lab: Lab, side: str = side, terms: dict[str, Any] = terms, price: str = price) -> None:
        found = lab.user().order(_market(lab), side, "LIMIT", **LIMIT | terms)
        matches(AtLeast({"peggedPrice": f"{price}.00000000", "status": "NEW"} | terms), found)

    SEND.rule(
        name,
        f"POST order LIMIT {side} {_words(terms)}; {BOOK}",
        f"peggedPrice={price}",
    )(pegged)


for side, price in (("BUY", "102"), ("SELL", "98")):

    def crosses(lab: Lab, side: str = side, price: str = price) -> None:
        found = lab.user().order(
            _market(lab), side, "LIMIT", **LIMIT | MARKET_PEG | {"timeInForce": "IOC", "quantity": "2"}
        )
        terms = {"peggedPrice": f"{price}.00000000", "executedQty": "1.00000000", "status": "EXPIRED"}
        matches(AtLeast(terms), found)
        same([f"{price}.00000000"], [fill["price"] for fill in found["fills"]], "the fills")

    SEND.rule(
        f"MARKET_PEG {side} takes the other side's best price, and only that",
        f"POST order LIMIT {side} 2 IOC pegPriceType=MARKET_PEG; {BOOK}",
        f"1 filled at {price}, the rest EXPIRED",
    )(crosses)


@LIMIT_ORDERS.rule("PRIMARY_PEG allows GTC only", "POST order LIMIT BUY IOC pegPriceType=PRIMARY_PEG", "400")
def primary_is_gtc(lab: Lab) -> None:
    market = _market(lab)
    asked = {"symbol": market.symbol, "side": "BUY", "type": "LIMIT", "quantity": "1", **PRIMARY}
    expect(lab.user().post("/order", **asked, timeInForce="IOC"), AtLeast({"code": WHOLE}), status=400)
    expect(lab.user().post("/order", **asked, timeInForce="GTC"), AtLeast({"status": "NEW"}))


@LIMIT_ORDERS.rule(
    "LIMIT_MAKER with PRIMARY_PEG", "POST order LIMIT_MAKER SELL pegPriceType=PRIMARY_PEG", "peggedPrice=102"
)
def maker_primary(lab: Lab) -> None:
    found = lab.user().order(_market(lab), "SELL", "LIMIT_MAKER", quantity="1", **PRIMARY)
    same("102.00000000", found["peggedPrice"], "peggedPrice")


REFUSALS: Final = (
    (
        "LIMIT_MAKER cannot have MARKET_PEG",
        "LIMIT_MAKER",
        MARKET_PEG,
        "This price peg cannot be used with this order type.",
    ),
    ("MARKET cannot be pegged", "MARKET", PRIMARY, "This order type may not use pegged price."),
    (
        "STOP_LOSS cannot be pegged",
        "STOP_LOSS",
        PRIMARY | {"stopPrice": "110"},
        "This order type may not use pegged price.",
    ),
    (
        "TAKE_PROFIT cannot be pegged",
        "TAKE_PROFIT",
        PRIMARY | {"stopPrice": "90"},
        "This order type may not use pegged price.",
    ),
)
for name, kind, terms, text in REFUSALS:

    def not_pegged(lab: Lab, kind: str = kind, terms: dict[str, Any] = terms, text: str = text) -> None:
        asked = {"symbol": _market(lab).symbol, "side": "BUY", "type": kind, "quantity": "1"} | terms
        refused(lab.user().post("/order", **asked), REFUSING, text)

    ENGINE.rule(name, f"POST order {kind} {' '.join(map('='.join, terms.items()))}", f"400: {text}")(not_pegged)


@ENGINE.rule(
    "without a price level there is no pegged price",
    "POST order LIMIT BUY pegPriceType=PRIMARY_PEG, no bids",
    "400: -2010 Order book liquidity is too low for this pegged order.",
)
def no_level(lab: Lab) -> None:
    asked = {"symbol": lab.fresh_market().symbol, "side": "BUY", "type": "LIMIT"} | LIMIT | PRIMARY
    refused(lab.user().post("/order", **asked), -2010, "Order book liquidity is too low for this pegged order.")


@SYMBOLS.rule(
    "pegInstructionsAllowed is told, and held",
    "POST order LIMIT pegPriceType=PRIMARY_PEG where it is false",
    "400: Pegged orders are not supported for this symbol.",
)
def not_allowed(lab: Lab) -> None:
    market = _market(lab, notOffered="PEG")
    (info,) = accepted(lab.public("/exchangeInfo", symbol=market.symbol))["symbols"]
    same(False, info["pegInstructionsAllowed"], "pegInstructionsAllowed")
    asked = {"symbol": market.symbol, "side": "BUY", "type": "LIMIT"} | LIMIT | PRIMARY
    refused(lab.user().post("/order", **asked), REFUSING, "Pegged orders are not supported for this symbol.")


def order(**terms: Any) -> Any:
    """alice's POST of a LIMIT order."""
    return signed("POST", "/order", symbol="{symbol}", side="BUY", type="LIMIT", **LIMIT, **terms)


AREA.by("errors.md: -1210 INVALID_PEG_PRICE_TYPE").refuses(
    "a pegPriceType that is none", order(pegPriceType="BEST"), -1210, "Invalid pegPriceType."
)
AREA.by("errors.md: -1211 INVALID_PEG_OFFSET_TYPE").refuses(
    "a pegOffsetType that is none",
    order(**PRIMARY, pegOffsetType="TICK", pegOffsetValue=1),
    -1211,
    "Invalid pegOffsetType.",
)
PARAMETERS.rejects("pegOffsetType needs pegOffsetValue", order(**PRIMARY, pegOffsetType="PRICE_LEVEL"))
PARAMETERS.rejects("pegOffsetValue needs pegOffsetType", order(**PRIMARY, pegOffsetValue=1))
PARAMETERS.rejects("pegOffsetValue is 100 at most", order(**PRIMARY, pegOffsetType="PRICE_LEVEL", pegOffsetValue=101))


@PARAMETERS.rule(
    "price is optional with a peg, and kept",
    "POST order LIMIT BUY price=99 pegPriceType=PRIMARY_PEG",
    "price 99, peggedPrice 98",
)
def price_kept(lab: Lab) -> None:
    found = lab.user().limit(_market(lab), "BUY", "1", "99", **PRIMARY)
    same(["99.00000000", "98.00000000"], [found["price"], found["peggedPrice"]], "price and peggedPrice")


@STOP_ORDERS.rule(
    "a pegged stop-limit takes the best price when it triggers",
    "POST order STOP_LOSS_LIMIT SELL stopPrice=90 pegPriceType=PRIMARY_PEG; an ask at 96, a trade at 90",
    "no peggedPrice before, 96 after",
)
def stop_pegged(lab: Lab) -> None:
    market = lab.fresh_market()
    lab.trade(market, "100")
    terms = LIMIT | PRIMARY | {"stopPrice": "90", "newOrderRespType": "RESULT"}
    placed = lab.user().order(market, "SELL", "STOP_LOSS_LIMIT", **terms)
    hold("peggedPrice" not in placed, "there is a peggedPrice before it triggers")
    lab.user("bob").limit(market, "SELL", "1", "96")
    lab.trade(market, "90")
    found = lab.user().found(market, placed["orderId"])
    matches(AtLeast({"peggedPrice": "96.00000000", "isWorking": True, "status": "NEW"}), found)


@OCO.rule(
    "both orders of an OCO can be pegged",
    "POST orderList/oco SELL above LIMIT_MAKER PRIMARY_PEG, below STOP_LOSS_LIMIT stop 90 PRIMARY_PEG",
    "the LIMIT_MAKER at 102, the other one without peggedPrice",
)
def oco_pegged(lab: Lab) -> None:
    market = _market(lab)
    terms = {
        "aboveType": "LIMIT_MAKER", "abovePegPriceType": "PRIMARY_PEG", "belowType": "STOP_LOSS_LIMIT",
        "belowStopPrice": "90", "belowTimeInForce": "GTC", "belowPegPriceType": "PRIMARY_PEG",
    }  # fmt: skip
    asked = {"symbol": market.symbol, "side": "SELL", "quantity": "1", "newOrderRespType": "RESULT"} | terms
    reports = {row["type"]: row for row in accepted(lab.user().post("/orderList/oco", **asked))["orderReports"]}
    same("102.00000000", reports["LIMIT_MAKER"]["peggedPrice"], "peggedPrice of the LIMIT_MAKER")
    hold("peggedPrice" not in reports["STOP_LOSS_LIMIT"], "the stop has a peggedPrice already")
    same("PRIMARY_PEG", reports["STOP_LOSS_LIMIT"]["pegPriceType"], "pegPriceType of the stop")


@OTO.rule(
    "a pegged pending order takes the price when the working one is filled",
    "POST orderList/oto working SELL 1 at 101, pending LIMIT BUY PRIMARY_PEG; bid 99, then BUY at 101",
    "working at once; pending at 99",
)
def oto_pegged(lab: Lab) -> None:
    market = _market(lab)
    terms = {
        "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "101", "workingQuantity": "1",
        "workingTimeInForce": "GTC", "pendingType": "LIMIT", "pendingSide": "BUY", "pendingQuantity": "1",
        "pendingTimeInForce": "GTC", "pendingPegPriceType": "PRIMARY_PEG",
    }  # fmt: skip
    body = accepted(lab.user().post("/orderList/oto", symbol=market.symbol, **terms))
    lab.user("bob").limit(market, "BUY", "1", "99")
    lab.user("bob").limit(market, "BUY", "1", "101")
    found = lab.user().found(market, body["orders"][1]["orderId"])
    matches(AtLeast({"peggedPrice": "99.00000000", "status": "NEW"}), found, "the pending order")


@OTO.rule(
    "a pegged working order enters at once",
    "POST orderList/oto working LIMIT_MAKER SELL PRIMARY_PEG",
    "peggedPrice 102",
)
def working_pegged(lab: Lab) -> None:
    market = _market(lab)
    terms = {
        "workingType": "LIMIT_MAKER", "workingSide": "SELL", "workingQuantity": "1",
        "workingPegPriceType": "PRIMARY_PEG", "pendingType": "MARKET", "pendingSide": "BUY", "pendingQuantity": "1",
        "newOrderRespType": "RESULT",
    }  # fmt: skip
    body = accepted(lab.user().post("/orderList/oto", symbol=market.symbol, **terms))
    same("102.00000000", body["orderReports"][0]["peggedPrice"], "peggedPrice")


@FILTERS.rule(
    "the pegged price passes NOTIONAL",
    "POST order LIMIT BUY 0.1 pegPriceType=PRIMARY_PEG at 98, minNotional=10",
    "400: -1013 Filter failure: NOTIONAL",
)
def pegged_notional(lab: Lab) -> None:
    market = _market(lab, minNotional="10")
    asked = {"symbol": market.symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"} | PRIMARY
    refused(lab.user().post("/order", **asked), -1013, "Filter failure: NOTIONAL")


@FILTERS.rule(
    "a price beside the peg passes the filters too",
    "POST order LIMIT BUY price=98.001 pegPriceType=PRIMARY_PEG, tickSize=0.01",
    "400: -1013 Filter failure: PRICE_FILTER",
)
def price_and_peg(lab: Lab) -> None:
    asked = {"symbol": _market(lab).symbol, "side": "BUY", "type": "LIMIT", "price": "98.001"} | LIMIT | PRIMARY
    refused(lab.user().post("/order", **asked), -1013, "Filter failure: PRICE_FILTER")


@FILTERS.rule(
    "the pegged price passes PERCENT_PRICE_BY_SIDE",
    "POST order LIMIT BUY PRIMARY_PEG pegOffsetValue=2 at 95, bidMultiplierDown=0.96",
    "400: -1013 Filter failure: PERCENT_PRICE_BY_SIDE",
)
def pegged_percent(lab: Lab) -> None:
    market = lab.fresh_market(bidPriceUp="1.2", bidPriceDown="0.96", askPriceUp="1.2", askPriceDown="0.5")
    for price in ("95", "97", "98"):
        lab.user("bob").limit(market, "BUY", "1", price)
    lab.trade(market, "100")
    asked = {
        "symbol": market.symbol,
        "side": "BUY",
        "type": "LIMIT",
        "pegOffsetType": "PRICE_LEVEL",
        "pegOffsetValue": 2,
    }
    refused(lab.user().post("/order", **asked | LIMIT | PRIMARY), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
