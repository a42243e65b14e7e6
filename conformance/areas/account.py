"""The account, times and their units, and how parameters may be sent."""

import time
from typing import Any, Final

from conformance.checks import DECIMAL, FLAG, MICROS, TEXT, TIME, WHOLE, AtLeast, Each, hold, matches, one_of, same
from conformance.lab import Lab, accepted
from conformance.rules import GET, Area, expect, refused, signed

AREA: Final = Area("account", "Account, times, parameters", lambda lab: lab.trade(lab.market(), "100"))
ACCOUNT = AREA.by("rest-api.md: Account information")
UNFILLED = AREA.by("rest-api.md: Query Unfilled Order Count")
GENERAL = AREA.by("rest-api.md: General API Information")
ENDPOINTS = AREA.by("rest-api.md: General Information on Endpoints")
TIME_UNIT = AREA.by("errors.md: -1194 INVALID_TIME_UNIT")
INFORMATION: Final[dict[str, Any]] = {
    "makerCommission": WHOLE, "takerCommission": WHOLE, "buyerCommission": WHOLE, "sellerCommission": WHOLE,
    "commissionRates": {"maker": DECIMAL, "taker": DECIMAL, "buyer": DECIMAL, "seller": DECIMAL},
    "canTrade": True, "canWithdraw": True, "canDeposit": True, "brokered": FLAG, "requireSelfTradePrevention": FLAG,
    "preventSor": FLAG, "updateTime": TIME, "accountType": "SPOT",
    "balances": Each({"asset": TEXT, "free": DECIMAL, "locked": DECIMAL}), "permissions": Each(TEXT), "uid": WHOLE,
}  # fmt: skip
ACCOUNT.answers("account has the documented fields", signed("GET", "/account"), INFORMATION)


@ACCOUNT.rule(
    "an open order's money is locked", "1000 USDT; POST order BUY 1 at 90, GET account", "910 free, 90 locked"
)
def locked(lab: Lab) -> None:
    market, user = lab.market(), lab.poor()
    lab.credit(user, market.quote, "1000")
    user.limit(market, "BUY", "1", "90")
    same(["910.00000000", "90.00000000"], list(user.balance(market.quote)), "free and locked USDT")


@ACCOUNT.rule(
    "omitZeroBalances=true leaves out what is zero",
    "an account with USDT alone; GET account omitZeroBalances=true",
    "USDT alone",
)
def omit_zeros(lab: Lab) -> None:
    user = lab.poor()
    lab.market()
    lab.credit(user, "USDT", "1")
    expect(
        user.get("/account", omitZeroBalances=True),
        AtLeast({"balances": [{"asset": "USDT", "free": "1.00000000", "locked": "0.00000000"}]}),
    )


@ACCOUNT.rule(
    "omitZeroBalances is false by default", "an account that has sold all; GET account", "the asset with 0.00000000"
)
def keep_zeros(lab: Lab) -> None:
    market, user = lab.fresh_market(), lab.poor()
    lab.credit(user, market.base, "1")
    lab.user("bob").limit(market, "BUY", "1", "100")
    user.order(market, "SELL", "MARKET", quantity="1")
    rows = [row for row in accepted(user.get("/account"))["balances"] if row["asset"] == market.base]
    same([{"asset": market.base, "free": "0.00000000", "locked": "0.00000000"}], rows, "the balance")


@AREA.by("faqs/stp_faq.md: What is a Trade Group Id?").rule(
    "account tells the tradeGroupId", "an account of trade group 7; GET account", "tradeGroupId 7"
)
def trade_group(lab: Lab) -> None:
    user = lab.poor()
    lab.sim("PUT", "users", name=user.name, tradeGroup=7)
    expect(user.get("/account"), AtLeast({"tradeGroupId": 7}))


LIMIT: Final = {
    "rateLimitType": "ORDERS",
    "interval": one_of("SECOND", "DAY"),
    "intervalNum": WHOLE,
    "limit": WHOLE,
    "count": WHOLE,
}
UNFILLED.answers("rateLimit/order tells all intervals", signed("GET", "/rateLimit/order"), Each(LIMIT))


def _in_micros(lab: Lab, path: str, **parameters: Any) -> Any:
    asked = "&".join(f"{name}={value}" for name, value in parameters.items())
    return accepted(lab.get(f"/api/v3{path}?{asked}", X_MBX_TIME_UNIT="MICROSECOND"))


@GENERAL.rule("X-MBX-TIME-UNIT: MICROSECOND of time", "GET time, X-MBX-TIME-UNIT: MICROSECOND", "16 digits")
def time_in_micros(lab: Lab) -> None:
    matches({"serverTime": MICROS}, _in_micros(lab, "/time"))


@GENERAL.rule("X-MBX-TIME-UNIT: microsecond, in small letters", "GET time, X-MBX-TIME-UNIT: microsecond", "16 digits")
def time_in_small_micros(lab: Lab) -> None:
    matches({"serverTime": MICROS}, accepted(lab.get("/api/v3/time", X_MBX_TIME_UNIT="microsecond")))


@GENERAL.rule("X-MBX-TIME-UNIT of trades", "GET trades, X-MBX-TIME-UNIT: MICROSECOND", "time with 16 digits")
def trades_in_micros(lab: Lab) -> None:
    matches(Each(AtLeast({"time": MICROS})), _in_micros(lab, "/trades", symbol=lab.market().symbol))


@GENERAL.rule(
    "X-MBX-TIME-UNIT of klines", "GET klines, X-MBX-TIME-UNIT: MICROSECOND", "open and close time with 16 digits"
)
def klines_in_micros(lab: Lab) -> None:
    rows = _in_micros(lab, "/klines", symbol=lab.market().symbol, interval="1h")
    matches([MICROS, MICROS], [rows[-1][0], rows[-1][6]], "the times")
    same(3_599_999_999, rows[-1][6] - rows[-1][0], "close time less open time")


@GENERAL.rule(
    "X-MBX-TIME-UNIT of exchangeInfo", "GET exchangeInfo, X-MBX-TIME-UNIT: MICROSECOND", "serverTime with 16 digits"
)
def info_in_micros(lab: Lab) -> None:
    matches(AtLeast({"serverTime": MICROS}), _in_micros(lab, "/exchangeInfo", symbol=lab.market().symbol))


@GENERAL.rule(
    "X-MBX-TIME-UNIT of orders",
    "POST order, X-MBX-TIME-UNIT: MICROSECOND",
    "transactTime and workingTime with 16 digits",
)
def order_in_micros(lab: Lab) -> None:
    terms = {"symbol": lab.market().symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    user = lab.user()
    text = "&".join(f"{name}={value}" for name, value in (terms | {"price": "90", "timestamp": lab.now_ms()}).items())
    answer = user.raw("POST", "/order", f"{text}&signature={user.signer.sign(text)}", X_MBX_TIME_UNIT="MICROSECOND")
    expect(answer, AtLeast({"transactTime": MICROS, "workingTime": MICROS}))


@TIME_UNIT.rule(
    "a time unit that is none",
    "GET time, X-MBX-TIME-UNIT: SECOND",
    "400: -1194 Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
)
def bad_time_unit(lab: Lab) -> None:
    answer = lab.get("/api/v3/time", X_MBX_TIME_UNIT="SECOND")
    refused(answer, -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")


@GENERAL.rule("startTime in microseconds", "GET klines startTime=(16 digits)", "the same as in milliseconds")
def start_in_micros(lab: Lab) -> None:
    symbol, start = lab.market().symbol, lab.now_ms() - 3_600_000
    asked = {"symbol": symbol, "interval": "1d", "endTime": lab.now_ms()}
    rows = accepted(lab.public("/klines", **asked, startTime=start - 86_400_000))
    hold(len(rows) == 1, f"{len(rows)} candles in ms")
    same(rows, accepted(lab.public("/klines", **asked, startTime=(start - 86_400_000) * 1000)), "the candles")


def _four_trades(lab: Lab) -> tuple[str, list[dict[str, Any]]]:
    market = lab.once("four", lab.fresh_market)
    if not accepted(lab.public("/aggTrades", symbol=market.symbol)):
        for price in ("10", "11", "12", "13"):
            lab.trade(market, price)
            time.sleep(0.002)  # so that each has a time of its own
    return market.symbol, accepted(lab.public("/aggTrades", symbol=market.symbol))


@GENERAL.rule(
    "startTime: the oldest from there on", "GET aggTrades startTime=(second) limit=2", "the second and the third"
)
def from_start(lab: Lab) -> None:
    symbol, rows = _four_trades(lab)
    expect(lab.public("/aggTrades", symbol=symbol, startTime=rows[1]["T"], limit=2), rows[1:3])


@GENERAL.rule(
    "endTime: the most recent up to there", "GET aggTrades endTime=(third) limit=2", "the second and the third"
)
def up_to_end(lab: Lab) -> None:
    symbol, rows = _four_trades(lab)
    expect(lab.public("/aggTrades", symbol=symbol, endTime=rows[2]["T"], limit=2), rows[1:3])


@GENERAL.rule(
    "both: like startTime, not past endTime",
    "GET aggTrades startTime=(second) endTime=(third)",
    "the second and the third",
)
def between(lab: Lab) -> None:
    symbol, rows = _four_trades(lab)
    expect(lab.public("/aggTrades", symbol=symbol, startTime=rows[1]["T"], endTime=rows[2]["T"]), rows[1:3])


@GENERAL.rule("neither: the most recent", "GET aggTrades limit=2", "the third and the fourth")
def neither(lab: Lab) -> None:
    symbol, rows = _four_trades(lab)
    expect(lab.public("/aggTrades", symbol=symbol, limit=2), rows[2:])


@GENERAL.rule("answers are JSON", "GET ping", "Content-Type: application/json;charset=UTF-8")
def content_type(lab: Lab) -> None:
    answer = lab.public("/ping")
    expect(answer, {})
    same(
        "application/json;charset=utf-8",
        answer.headers.get("content-type", "").lower().replace(" ", ""),
        "Content-Type",
    )


@ENDPOINTS.rule(
    "a Content-Type that does not fit", "POST order, all in the query, Content-Type: application/json, no body", "200"
)
def odd_content_type(lab: Lab) -> None:
    user = lab.user()
    terms = {"symbol": lab.market().symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    text = "&".join(f"{name}={value}" for name, value in (terms | {"price": "90", "timestamp": lab.now_ms()}).items())
    answer = user.raw("POST", "/order", f"{text}&signature={user.signer.sign(text)}", Content_Type="application/json")
    expect(answer, AtLeast({"status": "NEW"}))


ENDPOINTS.answers(
    "parameters that nobody knows are ignored",
    GET("/depth", symbol="{symbol}", color="blue"),
    AtLeast({"lastUpdateId": WHOLE}),
)
ENDPOINTS.answers(
    "a number may come as 1e-05",
    signed(
        "POST",
        "/order/test",
        symbol="{symbol}",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity="1e-03",
        price="1e2",
    ),
    {},
)
AREA.by("faqs/sbe_faq.md: How to get an SBE response").not_done(
    "answers in SBE", "GET time, X-MBX-SBE: 3:0", "a binary answer", "answers and events are JSON only"
)
