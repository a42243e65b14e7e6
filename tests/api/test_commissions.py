"""What an account is told of its fees; the numbers are those of Binance's commission FAQ.

The fact a newcomer would get wrong: the FAQ has two examples. The first shows what becomes of rates in a test order,
the second what is paid in a trade (here in test_sim_fees, over a whole exchange).
"""

from typing import Any

import msgspec

from engine.account_rules import AccountRates
from engine.types import RATE_NAMES, rate_field
from engine.venue import Venue
from tests.api.conftest import READER_KEY, Api, limit_order

# faqs/commission_faq.md, "What is the difference between the response sending a test order ..."; by RATE_NAMES
STANDARD, SPECIAL, TAX = (40, 50, 10, 10), (4_000_000, 5_000_000, 1_000_000, 1_000_000), (128, 130, 100, 100)
FAQ_RATES = dict(zip(RATE_NAMES, (*STANDARD, *SPECIAL, *TAX), strict=True))
DISCOUNT = {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.25000000"}
COMMISSION = {
    "symbol": "BTCUSDT",
    "standardCommission": {
        "maker": "0.00000040", "taker": "0.00000050", "buyer": "0.00000010", "seller": "0.00000010",
    },
    "specialCommission": {
        "maker": "0.04000000", "taker": "0.05000000", "buyer": "0.01000000", "seller": "0.01000000",
    },
    "taxCommission": {"maker": "0.00000128", "taker": "0.00000130", "buyer": "0.00000100", "seller": "0.00000100"},
    "discount": DISCOUNT,
}  # fmt: skip
FOR_ORDER = {
    "standardCommissionForOrder": {"maker": "0.00000050", "taker": "0.00000060"},
    "specialCommissionForOrder": {"maker": "0.05000000", "taker": "0.06000000"},
    "taxCommissionForOrder": {"maker": "0.00000228", "taker": "0.00000230"},
    "discount": DISCOUNT,
}


async def define(venue: Venue, **changes: Any) -> None:
    await venue.registry.define_symbol(msgspec.structs.replace(await venue.registry.spec("BTCUSDT"), **changes))


async def rates_for(caller: Api, side: str) -> Any:
    """The commission of an order that is not placed."""
    order = limit_order(side, "50000", "1", computeCommissionRates="true")
    return await caller.ok("POST", "/order/test", **order)


async def test_the_faqs_rates_of_a_symbol(alice: Api, venue: Venue) -> None:
    fees = {rate_field(name): rate for name, rate in FAQ_RATES.items()}
    await define(venue, **fees, discount_e8=25_000_000, allows_discount=True)
    await venue.registry.set_account_rates(1, AccountRates(uses_discount=True))
    assert await alice.ok("GET", "/account/commission", symbol="BTCUSDT") == COMMISSION
    assert await rates_for(alice, "BUY") == FOR_ORDER


async def test_the_faqs_rates_of_an_account(alice: Api, bob: Api, venue: Venue) -> None:
    """Half of them set on all symbols, the others on one, which comes first."""
    await define(venue, discount_e8=25_000_000, allows_discount=True)
    here = {name: FAQ_RATES[name] for name in RATE_NAMES[::2]}
    everywhere = {name: FAQ_RATES.get(name, 0) + (7 if name in here else 0) for name in RATE_NAMES}
    before = await bob.ok("GET", "/account/commission", symbol="BTCUSDT")
    await venue.registry.set_account_rates(1, AccountRates(rates=everywhere, uses_discount=False))
    await venue.registry.set_account_rates(1, AccountRates(rates=here, uses_discount=True), "BTCUSDT")
    assert await alice.ok("GET", "/account/commission", symbol="BTCUSDT") == COMMISSION
    assert await rates_for(alice, "BUY") == FOR_ORDER
    assert await bob.ok("GET", "/account/commission", symbol="BTCUSDT") == before
    elsewhere = await alice.ok("GET", "/account/commission", symbol="ETHUSDT")
    assert elsewhere["standardCommission"]["maker"] == "0.00000047"
    assert (elsewhere["discount"]["enabledForAccount"], elsewhere["discount"]["enabledForSymbol"]) == (False, False)
    rates = {"maker": "0.00000047", "taker": "0.00000050", "buyer": "0.00000017", "seller": "0.00000010"}
    assert (await alice.ok("GET", "/account"))["commissionRates"] == rates


async def test_a_test_order_takes_its_side_into_account(alice: Api, venue: Venue) -> None:
    await define(venue, buyer_fee_e8=1, seller_fee_e8=2, special_seller_fee_e8=3, tax_buyer_fee_e8=4)
    bought, sold = [await rates_for(alice, side) for side in ("BUY", "SELL")]
    assert bought["standardCommissionForOrder"] == {"maker": "0.00100001", "taker": "0.00100001"}
    assert sold["standardCommissionForOrder"] == {"maker": "0.00100002", "taker": "0.00100002"}
    assert (bought["specialCommissionForOrder"]["maker"], sold["specialCommissionForOrder"]["maker"]) == (
        "0.00000000", "0.00000003",
    )  # fmt: skip
    assert (bought["taxCommissionForOrder"]["taker"], sold["taxCommissionForOrder"]["taker"]) == (
        "0.00000004", "0.00000000",
    )  # fmt: skip


async def test_an_account_is_told_the_highest_rates_of_symbols_and_its_own_first(alice: Api, venue: Venue) -> None:
    await define(venue, maker_fee_e8=200_000, seller_fee_e8=30_000)
    await venue.registry.set_account_rates(1, AccountRates(rates={"standard_taker": 50_000}))
    await venue.registry.set_account_rates(1, AccountRates(rates={"standard_buyer": 50_000}), "BTCUSDT")
    account = await alice.ok("GET", "/account")
    assert account["commissionRates"] == {
        "maker": "0.00200000", "taker": "0.00050000", "buyer": "0.00000000", "seller": "0.00030000",
    }  # fmt: skip
    bips = [account[f"{party}Commission"] for party in ("maker", "taker", "buyer", "seller")]
    assert bips == [20, 5, 0, 3]


async def test_a_reader_may_ask_and_a_symbol_has_to_be_said(alice: Api) -> None:
    headers = {"X-API-KEY": READER_KEY}
    answer = await alice.raw("GET", "/api/v1/account/commission", headers=headers, params={"symbol": "BTCUSDT"})
    assert answer.json()["standardCommission"]["taker"] == "0.00100000"
    assert (await alice.error("GET", "/account/commission"))[:2] == (400, -1102)
    assert (await alice.error("GET", "/account/commission", symbol="NOPE"))[:2] == (400, -1121)
