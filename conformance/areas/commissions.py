"""Commissions: rates as they are told, and the FAQ's example to its last digit."""

from typing import Any, Final

from conformance.areas.shapes import DISCOUNT, RATES
from conformance.checks import DECIMAL, AtLeast, Each, matches, same
from conformance.lab import Lab, Market, User, accepted
from conformance.rules import Area, expect, signed

# As the FAQ has them: maker, taker, buyer, seller.
STANDARD: Final = ("0.00000010", "0.00000020", "0.00000030", "0.00000040")
SPECIAL: Final = ("0.01000000", "0.02000000", "0.03000000", "0.04000000")
TAX: Final = ("0.00000112", "0.00000114", "0.00000118", "0.00000116")
SIDES: Final = ("maker", "taker", "buyer", "seller")
EXAMPLE: Final = "SELL MARKET 0.49975 at 35000"
AREA: Final = Area("commissions", "Commissions")
CALCULATED = AREA.by("faqs/commission_faq.md: How is the commission calculated?")
DIFFERENCE = AREA.by("faqs/commission_faq.md: What is the difference between the response sending a test order")
COMMISSION = AREA.by("rest-api.md: Query Commission Rates")
TEST = AREA.by("rest-api.md: Test new order")


def _rates(kind: str, rates: tuple[str, ...]) -> dict[str, str]:
    """As /_sim takes them: takerFee, specialTakerFee, taxTakerFee."""
    names = (f"{kind}{side.capitalize()}Fee" if kind else f"{side}Fee" for side in SIDES)
    return dict(zip(names, rates, strict=True))


def _market(lab: Lab, **more: str) -> Market:
    rates = _rates("", STANDARD) | _rates("special", SPECIAL) | _rates("tax", TAX)
    return lab.fresh_market(lotSize="0.00001", minQuantity="0.00001", **rates, **more)


def _discounted(lab: Lab, coins: str) -> tuple[Market, User]:
    """The FAQ's symbol, 1 BNB = 260 USDT, and somebody who pays in BNB and has so many of them."""
    coin = lab.asset("BNB")
    market = _market(lab, discountAsset=coin, discount="0.25")
    lab.sim("PUT", "conversions", discountAsset=coin, asset=market.quote, price="260")
    user = lab.poor()
    lab.sim("PUT", "fees", user=user.name, usesDiscount="true")
    lab.credit(user, market.base, "10")
    if coins:
        lab.credit(user, coin, coins)
    return market, user


def _sold(lab: Lab, market: Market, user: User) -> dict[str, Any]:
    lab.user("bob").limit(market, "BUY", "0.49975", "35000")
    return user.order(market, "SELL", "MARKET", quantity="0.49975")


@COMMISSION.rule(
    "account/commission tells all rates",
    "GET account/commission",
    "standardCommission, specialCommission, taxCommission as they were set, discount",
)
def rates_told(lab: Lab) -> None:
    market = _market(lab)
    kinds = {"standardCommission": STANDARD, "specialCommission": SPECIAL, "taxCommission": TAX}
    told = {name: dict(zip(SIDES, rates, strict=True)) for name, rates in kinds.items()}
    body = {
        "symbol": market.symbol,
        **told,
        "discount": AtLeast({"enabledForAccount": False, "enabledForSymbol": False}),
    }
    expect(lab.user().get("/account/commission", symbol=market.symbol), body)


@COMMISSION.rule(
    "account/commission tells the discount",
    "GET account/commission",
    "enabledForAccount, enabledForSymbol, discountAsset BNB, discount 0.25",
)
def discount_told(lab: Lab) -> None:
    market, user = _discounted(lab, "")
    told = {
        "enabledForAccount": True,
        "enabledForSymbol": True,
        "discountAsset": lab.asset("BNB"),
        "discount": "0.25000000",
    }
    rates = {f"{kind}Commission": RATES for kind in ("standard", "special", "tax")}
    expect(user.get("/account/commission", symbol=market.symbol), {"symbol": market.symbol, **rates, "discount": told})


COMMISSION.refuses(
    "account/commission needs a symbol",
    signed("GET", "/account/commission"),
    -1102,
    "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
)
FOR_ORDER: Final = {"maker": DECIMAL, "taker": DECIMAL}
TEST.answers(
    "computeCommissionRates=true tells the order's rates",
    signed(
        "POST",
        "/order/test",
        symbol="{symbol}",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="1",
        price="10",
        computeCommissionRates=True,
    ),
    {
        "standardCommissionForOrder": FOR_ORDER,
        "specialCommissionForOrder": FOR_ORDER,
        "taxCommissionForOrder": FOR_ORDER,
        "discount": AtLeast({"enabledForAccount": False}),
    },
)
for side, standard, special, tax in (
    ("BUY", ("0.00000050", "0.00000060"), ("0.05000000", "0.06000000"), ("0.00000228", "0.00000230")),
    ("SELL", ("0.00000050", "0.00000060"), ("0.05000000", "0.06000000"), ("0.00000228", "0.00000230")),
):

    def for_order(lab: Lab, side: str = side, standard: Any = standard, special: Any = special, tax: Any = tax) -> None:
        rates = _rates("", ("0.00000040", "0.00000050", "0.00000010", "0.00000010"))
        rates |= _rates("special", ("0.04000000", "0.05000000", "0.01000000", "0.01000000"))
        rates |= _rates("tax", ("0.00000128", "0.00000130", "0.00000100", "0.00000100"))
        market = lab.market(**rates, discountAsset=lab.asset("BNB"), discount="0.25")
        asked = {"symbol": market.symbol, "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
        told = {
            f"{kind}CommissionForOrder": dict(zip(("maker", "taker"), pair, strict=True))
            for kind, pair in (("standard", standard), ("special", special), ("tax", tax))
        }
        answer = lab.user().post("/order/test", **asked, price="10", computeCommissionRates=True)
        expect(answer, told | {"discount": DISCOUNT | {"discount": "0.25000000"}})

    DIFFERENCE.rule(
        f"a test {side} adds the side's rate to maker and taker",
        f"POST order/test {side} computeCommissionRates=true",
        "standard 0.00000050, 0.00000060; special 0.05, 0.06; tax 0.00000228, 0.00000230",
    )(for_order)


@CALCULATED.rule(
    "not paid in BNB: the sum of the three",
    f"{EXAMPLE}, no discount",
    "0.01049475 + 0.04022988 + 1049.475 = 1049.52572463 USDT",
)
def without_discount(lab: Lab) -> None:
    market = _market(lab)
    (fill,) = _sold(lab, market, lab.user())["fills"]
    same(["1049.52572463", "USDT"], [fill["commission"], fill["commissionAsset"]], "the commission")


@CALCULATED.rule(
    "the commission comes off what was received",
    f"{EXAMPLE}, no discount, GET account",
    "17491.25 - 1049.52572463 = 16441.72427537 USDT",
)
def comes_off(lab: Lab) -> None:
    market, user = _market(lab), lab.poor()
    lab.credit(user, market.base, "1")
    _sold(lab, market, user)
    same("16441.72427537", user.balance("USDT")[0], "free USDT")


@CALCULATED.rule(
    "paid in BNB: the standard commission is discounted, all is converted",
    f"{EXAMPLE}, discount 0.25, 1 BNB = 260 USDT",
    "0.000010091 + 0.00015473 + 4.036442308 = 4.03660713 BNB",
)
def with_discount(lab: Lab) -> None:
    market, user = _discounted(lab, "10")
    (fill,) = _sold(lab, market, user)["fills"]
    same(["4.03660713", lab.asset("BNB")], [fill["commission"], fill["commissionAsset"]], "the commission")


@CALCULATED.rule(
    "paid in BNB: what is received is whole",
    f"{EXAMPLE}, discount 0.25, GET account",
    "17491.25 USDT, 5.96339287 of 10 BNB",
)
def received_whole(lab: Lab) -> None:
    market, user = _discounted(lab, "10")
    _sold(lab, market, user)
    found = [user.balance("USDT")[0], user.balance(lab.asset("BNB"))[0]]
    same(["17491.25000000", "5.96339287"], found, "free USDT and BNB")


@CALCULATED.rule(
    "too little BNB: the full commission in USDT",
    f"{EXAMPLE}, discount 0.25, 1 BNB there",
    "1049.52572463 USDT, BNB untouched",
)
def too_little(lab: Lab) -> None:
    market, user = _discounted(lab, "1")
    (fill,) = _sold(lab, market, user)["fills"]
    same(["1049.52572463", "USDT"], [fill["commission"], fill["commissionAsset"]], "the commission")
    same("1.00000000", user.balance(lab.asset("BNB"))[0], "free BNB")


@CALCULATED.rule("a buyer pays in what he receives", "BUY MARKET 1 at 100, taker 0.001", "0.00100000 of the base asset")
def buyer_pays_base(lab: Lab) -> None:
    market = lab.fresh_market(takerFee="0.001")
    lab.user("bob").limit(market, "SELL", "1", "100")
    fills = lab.user().order(market, "BUY", "MARKET", quantity="1")["fills"]
    matches([AtLeast({"commission": "0.00100000", "commissionAsset": market.base})], fills, "fills")


@CALCULATED.rule(
    "the maker pays the maker's rate",
    "SELL 1 at 100 rests, is bought; maker 0.002, taker 0.001; GET myTrades",
    "0.20000000 USDT for the maker",
)
def maker_pays(lab: Lab) -> None:
    market = lab.fresh_market(takerFee="0.001", makerFee="0.002")
    lab.user("bob").limit(market, "SELL", "1", "100")
    lab.user().order(market, "BUY", "MARKET", quantity="1")
    rows = accepted(lab.user("bob").get("/myTrades", symbol=market.symbol))
    matches(Each(AtLeast({"commission": "0.20000000", "commissionAsset": "USDT", "isMaker": True})), rows, "myTrades")
