"""Self-trade prevention: the modes, what tells of them, every scenario of the FAQ."""

from typing import Any, Final

from conformance.checks import DECIMAL, TIME, WHOLE, AtLeast, matches, same
from conformance.lab import Lab, Market, User, accepted
from conformance.rules import Area, refused, signed

ORDERS_OF_B: Final = (("1.2", "1.2"), ("1.3", "1.1"), ("8.1", "1"))
TEXTS_OF_B: Final = (("1.20000000", "1.20000000"), ("1.30000000", "1.10000000"), ("8.10000000", "1.00000000"))
AREA: Final = Area("stp", "Self-trade prevention")
EXAMPLES = AREA.by("faqs/stp_faq.md: STP Examples")
MODES = AREA.by("faqs/stp_faq.md: What happens when STP is triggered?")
SYMBOLS = AREA.by("faqs/stp_faq.md: How do I know which symbol uses STP?")
PREVENTED = AREA.by("rest-api.md: Query Prevented Matches")
THREE: Final = "BUY 1.2 at 1.2, 1.3 at 1.1, 8.1 at 1 with NONE, SELL 3 at 1"


def _makers(lab: Lab, user: User, *orders: tuple[str, str], mode: str = "NONE") -> tuple[Market, list[int]]:
    market = lab.fresh_market()
    ids = [
        user.limit(market, "BUY", quantity, price, selfTradePreventionMode=mode)["orderId"]
        for quantity, price in orders
    ]
    return market, ids


def _sell(user: User, market: Market, quantity: str, price: str, mode: str) -> dict[str, Any]:
    return user.limit(market, "SELL", quantity, price, selfTradePreventionMode=mode)


def _expired(quantity: str, match: int) -> AtLeast:
    return AtLeast(
        {
            "status": "EXPIRED_IN_MATCH", "executedQty": "0.00000000", "cummulativeQuoteQty": "0.00000000",
            "preventedMatchId": match, "preventedQuantity": quantity,
        }
    )  # fmt: skip


@EXAMPLES.rule(
    "scenario A: with NONE the orders match", "BUY 1 at 1 NONE, SELL 1 at 1 NONE, one account", "both FILLED"
)
def scenario_a(lab: Lab) -> None:
    alice = lab.user()
    market, (maker,) = _makers(lab, alice, ("1", "1"))
    taker = _sell(alice, market, "1", "1", "NONE")
    filled = {"status": "FILLED", "executedQty": "1.00000000", "cummulativeQuoteQty": "1.00000000"}
    fill = {
        "price": "1.00000000",
        "qty": "1.00000000",
        "commission": DECIMAL,
        "commissionAsset": "USDT",
        "tradeId": WHOLE,
    }
    matches(AtLeast(filled | {"fills": [fill], "selfTradePreventionMode": "NONE"}), taker, "the taker")
    matches(AtLeast(filled), alice.found(market, maker), "the maker")


@EXAMPLES.rule(
    "scenario B: EXPIRE_MAKER expires the makers",
    f"{THREE} EXPIRE_MAKER",
    "makers EXPIRED_IN_MATCH with preventedMatchId 0, 1, 2",
)
def scenario_b_makers(lab: Lab) -> None:
    alice = lab.user()
    market, ids = _makers(lab, alice, *ORDERS_OF_B)
    _sell(alice, market, "3", "1", "EXPIRE_MAKER")
    for match, (order_id, (quantity, _)) in enumerate(zip(ids, TEXTS_OF_B, strict=True)):
        matches(_expired(quantity, match), alice.found(market, order_id), f"maker {match + 1}")


@EXAMPLES.rule(
    "scenario B: the taker goes on the book",
    f"{THREE} EXPIRE_MAKER",
    "NEW, three preventedMatches with makerPreventedQuantity",
)
def scenario_b_taker(lab: Lab) -> None:
    alice = lab.user()
    market, ids = _makers(lab, alice, *ORDERS_OF_B)
    taker = _sell(alice, market, "3", "1", "EXPIRE_MAKER")
    prevented = [
        {"preventedMatchId": match, "makerOrderId": order_id, "price": price, "makerPreventedQuantity": quantity}
        for match, (order_id, (quantity, price)) in enumerate(zip(ids, TEXTS_OF_B, strict=True))
    ]
    terms = {"status": "NEW", "fills": [], "selfTradePreventionMode": "EXPIRE_MAKER", "preventedMatches": prevented}
    matches(AtLeast(terms), taker)
    depth = accepted(lab.public("/depth", symbol=market.symbol))
    same([[], [["1.00000000", "3.00000000"]]], [depth["bids"], depth["asks"]], "the book")


@EXAMPLES.rule(
    "scenario C: EXPIRE_TAKER leaves the makers", f"{THREE} EXPIRE_TAKER", "makers NEW, without prevented quantity"
)
def scenario_c_makers(lab: Lab) -> None:
    alice = lab.user()
    market, ids = _makers(lab, alice, *ORDERS_OF_B)
    _sell(alice, market, "3", "1", "EXPIRE_TAKER")
    for order_id in ids:
        found = alice.found(market, order_id)
        same(["NEW", False], [found["status"], "preventedQuantity" in found], "status and preventedQuantity of a maker")


@EXAMPLES.rule(
    "scenario C: the taker expires",
    f"{THREE} EXPIRE_TAKER, GET order",
    "EXPIRED_IN_MATCH, preventedMatchId 0, preventedQuantity 3",
)
def scenario_c_taker(lab: Lab) -> None:
    alice = lab.user()
    market, _ = _makers(lab, alice, *ORDERS_OF_B)
    taker = _sell(alice, market, "3", "1", "EXPIRE_TAKER")
    matches(_expired("3.00000000", 0), alice.found(market, taker["orderId"]))


@EXAMPLES.rule(
    "scenario D: EXPIRE_BOTH expires both",
    "BUY 1 at 1 NONE, SELL 3 at 1 EXPIRE_BOTH",
    "both EXPIRED_IN_MATCH; takerPreventedQuantity 3, makerPreventedQuantity 1",
)
def scenario_d(lab: Lab) -> None:
    alice = lab.user("dora")
    lab.sim("PUT", "users", name=alice.name, tradeGroup=1)
    market, (maker,) = _makers(lab, alice, ("1", "1"))
    taker = _sell(alice, market, "3", "1", "EXPIRE_BOTH")
    match = {
        "preventedMatchId": 0, "makerOrderId": maker, "price": "1.00000000", "takerPreventedQuantity": "3.00000000",
        "makerPreventedQuantity": "1.00000000",
    }  # fmt: skip
    terms = {
        "status": "EXPIRED_IN_MATCH", "fills": [], "preventedMatches": [match], "tradeGroupId": 1,
        "selfTradePreventionMode": "EXPIRE_BOTH", "preventedQuantity": "3.00000000",
    }  # fmt: skip
    matches(AtLeast(terms), taker, "the taker")
    matches(_expired("1.00000000", 0), alice.found(market, maker), "the maker")


@EXAMPLES.rule(
    "scenario E: the taker's mode decides",
    "BUY 1 at 1 EXPIRE_MAKER, SELL 1 at 1 EXPIRE_TAKER",
    "maker NEW, taker EXPIRED_IN_MATCH with takerPreventedQuantity 1",
)
def scenario_e(lab: Lab) -> None:
    alice = lab.user()
    market, (maker,) = _makers(lab, alice, ("1", "1"), mode="EXPIRE_MAKER")
    taker = _sell(alice, market, "1", "1", "EXPIRE_TAKER")
    match = {
        "preventedMatchId": 0,
        "makerOrderId": maker,
        "price": "1.00000000",
        "takerPreventedQuantity": "1.00000000",
    }
    terms = {"status": "EXPIRED_IN_MATCH", "preventedMatches": [match], "preventedQuantity": "1.00000000"}
    matches(AtLeast(terms), taker, "the taker")
    maker_terms = {"status": "NEW", "selfTradePreventionMode": "EXPIRE_MAKER"}
    matches(AtLeast(maker_terms), alice.found(market, maker), "the maker")


@EXAMPLES.rule(
    "scenario F: a MARKET order expires for want of others",
    "BUY 1 at 1 NONE, SELL MARKET 1 EXPIRE_MAKER",
    "maker EXPIRED_IN_MATCH, taker EXPIRED",
)
def scenario_f(lab: Lab) -> None:
    alice = lab.user()
    market, (maker,) = _makers(lab, alice, ("1", "1"))
    taker = alice.order(market, "SELL", "MARKET", quantity="1", selfTradePreventionMode="EXPIRE_MAKER")
    match = {
        "preventedMatchId": 0,
        "makerOrderId": maker,
        "price": "1.00000000",
        "makerPreventedQuantity": "1.00000000",
    }
    terms = {"status": "EXPIRED", "executedQty": "0.00000000", "fills": [], "preventedMatches": [match]}
    matches(AtLeast(terms), taker, "the taker")
    matches(_expired("1.00000000", 0), alice.found(market, maker), "the maker")


@EXAMPLES.rule(
    "scenario G: DECREMENT takes from both",
    "BUY 6 at 2 NONE, SELL 2 at 2 DECREMENT",
    "maker NEW with preventedQuantity 2, taker EXPIRED_IN_MATCH",
)
def scenario_g(lab: Lab) -> None:
    alice = lab.user()
    market, (maker,) = _makers(lab, alice, ("6", "2"))
    taker = _sell(alice, market, "2", "2", "DECREMENT")
    matches(_expired("2.00000000", 0), alice.found(market, taker["orderId"]), "the taker")
    left = {"status": "NEW", "origQty": "6.00000000", "preventedMatchId": 0, "preventedQuantity": "2.00000000"}
    matches(AtLeast(left), alice.found(market, maker), "the maker")
    same([["2.00000000", "4.00000000"]], accepted(lab.public("/depth", symbol=market.symbol))["bids"], "bids")


def _transfer(lab: Lab) -> tuple[Market, User, User, dict[str, Any], int]:
    """Scenario H: two accounts of one trade group with 20,000 each."""
    market = lab.fresh_market()
    maker, taker = lab.poor(), lab.poor()
    for user in (maker, taker):
        lab.sim("PUT", "users", name=user.name, tradeGroup=1)
        for asset in (market.base, market.quote):
            lab.credit(user, asset, "20000")
    resting = maker.limit(market, "BUY", "0.6", "0.2", selfTradePreventionMode="TRANSFER")["orderId"]
    return market, maker, taker, _sell(taker, market, "0.2", "0.2", "TRANSFER"), resting


@EXAMPLES.rule(
    "scenario H: TRANSFER between accounts of a group",
    "BUY 0.6 at 0.2, SELL 0.2 at 0.2, both TRANSFER, tradeGroupId 1",
    "maker NEW with preventedQuantity 0.2, taker EXPIRED_IN_MATCH",
)
def scenario_h_orders(lab: Lab) -> None:
    market, maker, _, taken, resting = _transfer(lab)
    match = {
        "preventedMatchId": 0, "makerSymbol": market.symbol, "makerOrderId": resting, "price": "0.20000000",
        "takerPreventedQuantity": "0.20000000", "makerPreventedQuantity": "0.20000000",
    }  # fmt: skip
    terms = {
        "status": "EXPIRED_IN_MATCH", "fills": [], "preventedMatches": [AtLeast(match)], "tradeGroupId": 1,
        "preventedQuantity": "0.20000000", "selfTradePreventionMode": "TRANSFER",
    }  # fmt: skip
    matches(AtLeast(terms), taken, "the taker")
    left = {"status": "NEW", "preventedQuantity": "0.20000000", "selfTradePreventionMode": "TRANSFER"}
    matches(AtLeast(left), maker.found(market, resting), "the maker")


@EXAMPLES.rule(
    "scenario H: the balances after it",
    "as before, GET account",
    "maker 20000.2 and 19999.88 + 0.08 locked, taker 19999.8 and 20000.04",
)
def scenario_h_balances(lab: Lab) -> None:
    market, maker, taker, _, _ = _transfer(lab)
    found = [user.balance(asset) for user in (maker, taker) for asset in (market.base, market.quote)]
    expected = [
        ("20000.20000000", "0.00000000"), ("19999.88000000", "0.08000000"),
        ("19999.80000000", "0.00000000"), ("20000.04000000", "0.00000000"),
    ]  # fmt: skip
    same([list(pair) for pair in expected], [list(pair) for pair in found], "free and locked")


@MODES.rule(
    "TRANSFER of one account is DECREMENT",
    "BUY 6 at 2, SELL 2 at 2, both TRANSFER, one account",
    "maker NEW with preventedQuantity 2",
)
def transfer_alone(lab: Lab) -> None:
    alice = lab.user()
    market, (maker,) = _makers(lab, alice, ("6", "2"), mode="TRANSFER")
    matches(AtLeast({"status": "EXPIRED_IN_MATCH"}), _sell(alice, market, "2", "2", "TRANSFER"), "the taker")
    matches(AtLeast({"status": "NEW", "preventedQuantity": "2.00000000"}), alice.found(market, maker), "the maker")


for mode in ("EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE", "DECREMENT"):

    def transfer_meets(lab: Lab, mode: str = mode) -> None:
        maker, taker = lab.poor(), lab.poor()
        market = lab.fresh_market()
        for user in (maker, taker):
            lab.sim("PUT", "users", name=user.name, tradeGroup=2)
            for asset in (market.base, market.quote):
                lab.credit(user, asset, "100")
        resting = maker.limit(market, "BUY", "6", "2", selfTradePreventionMode=mode)["orderId"]
        _sell(taker, market, "2", "2", "TRANSFER")
        found = maker.found(market, resting)
        matches(AtLeast({"status": "NEW", "preventedQuantity": "2.00000000"}), found, "the maker")
        same(["100.00000000", "0.00000000"], list(taker.balance(market.base)), "the taker's base balance")

    MODES.rule(
        f"TRANSFER that meets {mode} is DECREMENT",
        f"BUY 6 at 2 {mode}, SELL 2 at 2 TRANSFER, tradeGroupId 2",
        "both decremented by 2, nothing transferred",
    )(transfer_meets)


@MODES.rule("accounts without a group trade with each other", "alice BUY 1 at 1, bob SELL 1 at 1 EXPIRE_BOTH", "FILLED")
def strangers(lab: Lab) -> None:
    market, _ = _makers(lab, lab.user(), ("1", "1"))
    same("FILLED", _sell(lab.user("bob"), market, "1", "1", "EXPIRE_BOTH")["status"], "the status")


@SYMBOLS.rule(
    "a mode that the symbol does not allow",
    "POST order selfTradePreventionMode=EXPIRE_MAKER, allowed are NONE, EXPIRE_TAKER, EXPIRE_BOTH",
    "400: -1013 This symbol does not allow the specified self-trade prevention mode.",
)
def mode_not_allowed(lab: Lab) -> None:
    asked = {"symbol": _limited(lab).symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    answer = lab.user().post("/order", **asked, price="1", selfTradePreventionMode="EXPIRE_MAKER")
    refused(answer, -1013, "This symbol does not allow the specified self-trade prevention mode.")


@SYMBOLS.rule(
    "exchangeInfo tells default and allowed modes",
    "GET exchangeInfo of such a symbol",
    "NONE; NONE, EXPIRE_TAKER, EXPIRE_BOTH",
)
def told_modes(lab: Lab) -> None:
    (info,) = accepted(lab.public("/exchangeInfo", symbol=_limited(lab).symbol))["symbols"]
    same("NONE", info["defaultSelfTradePreventionMode"], "defaultSelfTradePreventionMode")
    same(["EXPIRE_BOTH", "EXPIRE_TAKER", "NONE"], sorted(info["allowedSelfTradePreventionModes"]), "the allowed modes")


@SYMBOLS.rule(
    "an order without a mode has the default",
    "POST order LIMIT on a symbol whose default is EXPIRE_MAKER",
    "selfTradePreventionMode=EXPIRE_MAKER",
)
def default_mode(lab: Lab) -> None:
    market = lab.market(defaultStp="EXPIRE_MAKER")
    same("EXPIRE_MAKER", lab.user().limit(market, "BUY", "1", "1")["selfTradePreventionMode"], "the mode")


def _limited(lab: Lab) -> Market:
    return lab.market(allowedStp="NONE,EXPIRE_TAKER,EXPIRE_BOTH", defaultStp="NONE")


def _prevented(lab: Lab) -> tuple[Market, int, int]:
    alice = lab.user()
    market, (maker, _) = _makers(lab, alice, ("1.3", "1.1"), ("1", "1"))
    return market, maker, _sell(alice, market, "3", "1", "EXPIRE_MAKER")["orderId"]


MATCH: Final = {
    "preventedMatchId": WHOLE, "tradeGroupId": -1, "selfTradePreventionMode": "EXPIRE_MAKER", "price": DECIMAL,
    "makerPreventedQuantity": DECIMAL, "transactTime": TIME, "symbol": "", "takerOrderId": 0, "makerSymbol": "",
    "makerOrderId": WHOLE,
}  # fmt: skip


@PREVENTED.rule(
    "by orderId: all of the order",
    "SELL with EXPIRE_MAKER against two orders, GET myPreventedMatches orderId=(taker)",
    "two, with the documented fields",
)
def by_order(lab: Lab) -> None:
    market, _, taker = _prevented(lab)
    match = MATCH | {"symbol": market.symbol, "takerOrderId": taker, "makerSymbol": market.symbol}
    asked = {"symbol": market.symbol, "orderId": taker}
    rows = lab.until(lambda: accepted(lab.user().get("/myPreventedMatches", **asked)), lambda rows: len(rows) == 2)
    matches([match, match], rows, "the matches")


@PREVENTED.rule("by preventedMatchId: that one", "GET myPreventedMatches preventedMatchId=1", "the second match alone")
def by_match(lab: Lab) -> None:
    market, _, _ = _prevented(lab)
    asked = {"symbol": market.symbol, "preventedMatchId": 1}
    rows = lab.until(lambda: accepted(lab.user().get("/myPreventedMatches", **asked)), lambda rows: len(rows) == 1)
    matches([AtLeast({"preventedMatchId": 1, "price": "1.00000000"})], rows, "the matches")


@PREVENTED.rule(
    "fromPreventedMatchId is inclusive",
    "GET myPreventedMatches orderId=(taker) fromPreventedMatchId=1",
    "the second match alone",
)
def from_match(lab: Lab) -> None:
    market, _, taker = _prevented(lab)
    asked = {"symbol": market.symbol, "orderId": taker, "fromPreventedMatchId": 1}
    rows = lab.until(lambda: accepted(lab.user().get("/myPreventedMatches", **asked)), lambda rows: len(rows) == 1)
    same([1], [row["preventedMatchId"] for row in rows], "the ids")


@PREVENTED.rule("by the maker's orderId too", "GET myPreventedMatches orderId=(maker)", "the match of that order")
def by_maker(lab: Lab) -> None:
    market, maker, _ = _prevented(lab)
    asked = {"symbol": market.symbol, "orderId": maker}
    rows = lab.until(lambda: accepted(lab.user().get("/myPreventedMatches", **asked)), lambda rows: len(rows) == 1)
    same([maker], [row["makerOrderId"] for row in rows], "the maker's ids")


PREVENTED.rejects("symbol alone is no combination", signed("GET", "/myPreventedMatches", symbol="{symbol}"))
