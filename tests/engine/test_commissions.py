"""Fees of three kinds, of symbols and accounts, and those paid in another asset; Binance's worked example to the atom.

The fact a newcomer would get wrong: of the FAQ's numbers the standard commission comes out even; the tax, 0.040229875,
is what shows how it is rounded. In the discount asset only the sum is.
"""

from typing import Any

import msgspec
import pytest

from engine.account_rules import AccountRates
from engine.commands import CancelOrder, Transfer
from engine.errors import Reason
from engine.events import AccountRatesSet, ConversionSet, Fill, OrderPlaced
from engine.types import RATE_NAMES, Side, StpMode
from engine.venue import Venue
from tests.conftest import BTCUSDT, ETHBTC, balance, fund, limit, market
from tests.engine.checks import events_of, refusal, refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL
UNIT = 10**8
# faqs/commission_faq.md, "How is the commission calculated?"
FAQ_RATES = {
    "maker_fee_e8": 10, "taker_fee_e8": 20, "buyer_fee_e8": 30, "seller_fee_e8": 40,
    "special_maker_fee_e8": 1_000_000, "special_taker_fee_e8": 2_000_000, "special_buyer_fee_e8": 3_000_000,
    "special_seller_fee_e8": 4_000_000,
    "tax_maker_fee_e8": 112, "tax_taker_fee_e8": 114, "tax_buyer_fee_e8": 118, "tax_seller_fee_e8": 116,
    "discount_e8": 25_000_000,
}  # fmt: skip
BNBUSDT = msgspec.structs.replace(BTCUSDT, symbol="BNBUSDT", base="BNB", maker_fee_e8=0, taker_fee_e8=0)
USES_IT = AccountRates(uses_discount=True)


async def define(venue: Venue, symbol: str = "BTCUSDT", **changes: Any) -> None:
    spec = (await venue.registry.specs())[symbol]
    await venue.registry.define_symbol(msgspec.structs.replace(spec, **changes))


async def trade(venue: Venue, maker: int, taker: int, side: Side, ticks: int, lots: int) -> Fill:
    """One fill on BTCUSDT."""
    (fill,) = await fills(venue, maker, taker, side, ticks, lots)
    return fill


async def fills(venue: Venue, maker: int, taker: int, side: Side, ticks: int, lots: int) -> list[Fill]:
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    for order in (limit(maker, side.opposite, ticks, lots), market(taker, side, lots=lots)):
        placed = await venue.gateway.place_order(msgspec.structs.replace(order, rules_version=version))
    return placed.fills


async def price_bnb(venue: Venue, account: int, ticks: int) -> None:
    """Trades BNB once at a price."""
    await venue.registry.define_symbol(BNBUSDT)
    await fund(venue, account, BNB=1_000)
    for side in (SELL, BUY):
        await venue.gateway.place_order(limit(account, side, ticks, 1, symbol="BNBUSDT"))


async def fees(venue: Venue, asset: str) -> int:
    return int(await venue.runner.command("HGET", venue.keys.balance(asset), "#fees") or 0)


async def test_the_faqs_example_without_a_discount(venue: Venue, alice: int, bob: int) -> None:
    await define(venue, **FAQ_RATES)
    before = await balance(venue, bob, "USDT")
    fill = await trade(venue, alice, bob, SELL, 35_000 * 100, 49_975)
    assert fill.quote_atoms == 17_491_25000000
    standard, tax, special = 1_049_475, 4_022_988, 1_049_47500000
    assert (fill.taker_fee_atoms, fill.taker_fee_asset) == (standard + tax + special, "")
    assert (await balance(venue, bob, "USDT"))[0] == before[0] + fill.quote_atoms - fill.taker_fee_atoms
    # The maker bought: maker and buyer rates, of 0.49975 BTC: 19.99, 114.94 and 1,999,000 atoms.
    assert (fill.maker_fee_atoms, fill.maker_fee_asset) == (19 + 115 + 1_999_000, "")


async def test_the_faqs_example_paid_in_bnb(venue: Venue, alice: int, bob: int) -> None:
    await price_bnb(venue, alice, 260 * 100)
    await define(venue, **FAQ_RATES, allows_discount=True)
    await venue.registry.set_account_rates(bob, USES_IT)
    await fund(venue, bob, BNB=5 * UNIT)
    before = await balance(venue, bob, "USDT")
    fill = await trade(venue, alice, bob, SELL, 35_000 * 100, 49_975)
    assert (fill.taker_fee_atoms, fill.taker_fee_asset) == (4_03660713, "BNB")  # 4.036607129, as the document has it
    assert (await balance(venue, bob, "BNB"))[0] == 5 * UNIT - 4_03660713
    assert (await balance(venue, bob, "USDT"))[0] == before[0] + fill.quote_atoms
    assert (fill.maker_fee_asset, await fees(venue, "BNB")) == ("", 4_03660713)


async def test_the_faqs_example_without_enough_bnb(venue: Venue, alice: int, bob: int) -> None:
    await price_bnb(venue, alice, 260 * 100)
    await define(venue, **FAQ_RATES, allows_discount=True)
    await venue.registry.set_account_rates(bob, USES_IT)
    await fund(venue, bob, BNB=4_03660712)
    fill = await trade(venue, alice, bob, SELL, 35_000 * 100, 49_975)
    assert (fill.taker_fee_atoms, fill.taker_fee_asset) == (1_049_475 + 4_022_988 + 1_049_47500000, "")
    assert (await balance(venue, bob, "BNB"))[0] == 4_03660712
    await fund(venue, bob, BNB=1)
    assert (await trade(venue, alice, bob, SELL, 35_000 * 100, 49_975)).taker_fee_asset == "BNB"


async def test_without_a_price_the_fee_comes_from_what_was_received(venue: Venue, alice: int, bob: int) -> None:
    await venue.registry.define_symbol(BNBUSDT)  # nobody has traded there
    await define(venue, allows_discount=True)
    await venue.registry.set_account_rates(bob, USES_IT)
    await fund(venue, bob, BNB=5 * UNIT)
    assert (await trade(venue, alice, bob, SELL, 100_000, 100)).taker_fee_asset == ""


async def test_a_testers_price_comes_before_the_markets(venue: Venue, alice: int, bob: int) -> None:
    await price_bnb(venue, alice, 100 * 100)
    await define(venue, allows_discount=True, discount_e8=UNIT)
    await venue.registry.set_account_rates(bob, USES_IT)
    await fund(venue, bob, BNB=UNIT)
    (event,) = await events_of(venue, lambda: venue.registry.set_conversion("BNB", "USDT", 200 * UNIT))
    assert isinstance(event, ConversionSet)
    assert (event.discount_asset, event.asset, event.price_e8) == ("BNB", "USDT", 200 * UNIT)
    assert await venue.registry.conversions() == {("BNB", "USDT"): 200 * UNIT}
    fill = await trade(venue, alice, bob, SELL, 100_000, 100_000)  # 1,000 USDT, 1 USDT of fee
    assert (fill.taker_fee_atoms, fill.taker_fee_asset) == (UNIT // 200, "BNB")
    await venue.registry.set_conversion("BNB", "USDT", 0)
    assert await venue.registry.conversions() == {}
    assert (await trade(venue, alice, bob, SELL, 100_000, 100_000)).taker_fee_atoms == UNIT // 100


async def test_what_is_received_in_the_discount_asset_pays_in_it(venue: Venue, alice: int, bob: int) -> None:
    """At the discount, out of what was received (faqs/opo.md says so of BNB); no balance is needed."""
    await define(venue, allows_discount=True, discount_asset="USDT", discount_e8=25_000_000)
    await venue.registry.set_account_rates(bob, USES_IT)
    before = await balance(venue, bob, "USDT")
    fill = await trade(venue, alice, bob, SELL, 100_000, 100_000)
    assert (fill.taker_fee_atoms, fill.taker_fee_asset) == (UNIT // 4, "")
    assert (await balance(venue, bob, "USDT"))[0] == before[0] + 1_000 * UNIT - UNIT // 4


async def test_on_the_assets_own_market_the_trade_itself_says_the_price(venue: Venue, alice: int, bob: int) -> None:
    await define(venue, allows_discount=True, discount_asset="BTC", discount_e8=UNIT)
    await venue.registry.set_account_rates(bob, USES_IT)
    fill = await trade(venue, alice, bob, SELL, 100_000, 100_000)  # 1 USDT of fee at 1,000
    assert (fill.taker_fee_atoms, fill.taker_fee_asset) == (UNIT // 1_000, "BTC")


async def test_what_the_order_still_holds_is_not_free_for_fees(venue: Venue, alice: int) -> None:
    """A seller of BTC who has one BTC, and pays fees in BTC, cannot pay them of what he sells."""
    await define(venue, allows_discount=True, discount_asset="BTC", discount_e8=UNIT)
    await fund(venue, 7, BTC=UNIT)
    await venue.registry.set_account_rates(7, USES_IT)
    for order in (limit(alice, BUY, 100_000, 50_000), limit(7, SELL, 100_000, 100_000)):
        placed = await venue.gateway.place_order(msgspec.structs.replace(order, rules_version=2))
    (fill,) = placed.fills
    assert (fill.taker_fee_atoms, fill.taker_fee_asset) == (UNIT // 2, "")
    assert await balance(venue, 7, "BTC") == (0, UNIT // 2)


async def test_both_sides_pay_by_their_own_settings_and_the_first_fill_first(
    venue: Venue, alice: int, bob: int
) -> None:
    await price_bnb(venue, alice, 100 * 100)
    await define(venue, allows_discount=True, discount_e8=UNIT)
    for account in (alice, bob):
        await venue.registry.set_account_rates(account, USES_IT, "BTCUSDT")
    await fund(venue, bob, BNB=UNIT // 100)
    await venue.registry.set_conversion("BNB", "BTC", UNIT)
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    for ticks in (100_000, 99_999):
        order = msgspec.structs.replace(limit(alice, BUY, ticks, 100_000), rules_version=version)
        await venue.gateway.place_order(order)
    order = msgspec.structs.replace(market(bob, SELL, lots=200_000), rules_version=version)
    (event,) = await events_of(venue, lambda: venue.gateway.place_order(order))
    assert isinstance(event, OrderPlaced)
    paid = [(fill.taker_fee_atoms, fill.taker_fee_asset, fill.maker_fee_asset) for fill in event.fills]
    assert paid == [(UNIT // 100, "BNB", ""), (99_999_000, "", "")]  # alice has too little BNB: 0.001 for each
    changed = {(change.asset, change.account): change.free_delta for change in event.balances}
    assert changed["BNB", bob] == -UNIT // 100
    trades = await venue.queries.trades("BTCUSDT", limit=5)
    assert [one.fill for one in trades] == event.fills


async def test_rates_of_an_account_come_before_the_symbols_and_on_one_symbol_before_all(
    venue: Venue, alice: int, bob: int
) -> None:
    async def taker_fee() -> int:
        return (await trade(venue, alice, bob, SELL, 100_000, 100_000)).taker_fee_atoms

    assert await taker_fee() == UNIT
    (event,) = await events_of(
        venue, lambda: venue.registry.set_account_rates(bob, AccountRates(rates={"standard_taker": 50_000}))
    )
    assert isinstance(event, AccountRatesSet)
    assert (event.account, event.symbol, event.rates.rates) == (bob, "", {"standard_taker": 50_000})
    assert await taker_fee() == UNIT // 2
    on_symbol = AccountRates(rates={"standard_taker": 0, "tax_seller": 1_000})
    await venue.registry.set_account_rates(bob, on_symbol, "BTCUSDT")
    assert await taker_fee() == UNIT // 100
    assert await venue.registry.account_rates(bob, "BTCUSDT") == on_symbol
    for symbol in ("BTCUSDT", ""):
        await venue.registry.set_account_rates(bob, AccountRates(), symbol)
    assert await taker_fee() == UNIT
    counts = [await venue.runner.command("HGET", venue.keys.symbol(name), "account_rates") for name in ("BTCUSDT",)]
    assert counts == [b"0"]
    assert await events_of(venue, lambda: venue.registry.set_account_rates(bob, AccountRates())) == []


async def test_a_symbol_that_comes_later_knows_of_rates_for_all(venue: Venue, alice: int, bob: int) -> None:
    await venue.registry.set_account_rates(bob, AccountRates(rates={"standard_taker": 0}))
    late = msgspec.structs.replace(BTCUSDT, symbol="BTCUSDT2")
    await venue.registry.define_symbol(late)
    await venue.gateway.place_order(limit(alice, BUY, 100_000, 100, symbol="BTCUSDT2"))
    (fill,) = (await venue.gateway.place_order(market(bob, SELL, lots=100, symbol="BTCUSDT2"))).fills
    assert (fill.taker_fee_atoms, fill.maker_fee_atoms) == (0, 100)


async def test_the_makers_rates_are_those_at_the_time_of_the_fill(venue: Venue, alice: int, bob: int) -> None:
    await venue.gateway.place_order(limit(alice, BUY, 100_000, 100_000))
    await venue.registry.set_account_rates(alice, AccountRates(rates={"standard_maker": 0, "standard_buyer": 7}))
    (fill,) = (await venue.gateway.place_order(market(bob, SELL, lots=100_000))).fills
    assert fill.maker_fee_atoms == 7


@pytest.mark.parametrize(
    ("quote_atoms", "tax_e8", "fee"),
    [(1, 8_000_000, 0), (6, 8_000_000, 0), (7, 8_000_000, 1), (125, 400_000, 1), (124, 400_000, 0), (375, 400_000, 2)],
)
async def test_tax_is_rounded_to_the_nearest_atom_and_a_half_up(
    redis_url: str, venue: Venue, alice: int, bob: int, quote_atoms: int, tax_e8: int, fee: int
) -> None:
    spec = msgspec.structs.replace(
        BTCUSDT, symbol="TAXED", tick_units=1, lot_units=UNIT, taker_fee_e8=99_999, tax_seller_fee_e8=tax_e8,
        special_buyer_fee_e8=tax_e8,
    )  # fmt: skip
    await venue.registry.define_symbol(spec)
    await venue.gateway.place_order(limit(alice, BUY, quote_atoms, 1, symbol="TAXED"))
    (fill,) = (await venue.gateway.place_order(market(bob, SELL, lots=1, symbol="TAXED"))).fills
    assert (fill.quote_atoms, fill.taker_fee_atoms) == (quote_atoms, fee)
    assert fill.maker_fee_atoms == 100_000 + tax_e8


async def test_a_transfer_between_ones_own_accounts_costs_nothing(venue: Venue, alice: int, bob: int) -> None:
    await define(venue, **FAQ_RATES, allows_discount=True)
    for account in (alice, bob):
        await venue.registry.set_trade_group(account, 7)
        await venue.registry.set_account_rates(account, USES_IT)
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    for order in (limit(alice, BUY, 100_000, 100), limit(bob, SELL, 100_000, 100)):
        order = msgspec.structs.replace(order, rules_version=version, stp=StpMode.TRANSFER)
        placed = await venue.gateway.place_order(order)
    assert (placed.fills, len(placed.prevented)) == ([], 1)
    assert [await fees(venue, asset) for asset in ("BTC", "USDT", "BNB")] == [0, 0, 0]


async def test_a_worker_that_does_not_know_of_the_discount_yet_sends_the_keys_again(
    redis_url: str, venue: Venue, alice: int, bob: int
) -> None:
    other = await Venue.connect(redis_url, venue.name)
    await other.registry.specs()
    await price_bnb(venue, alice, 100 * 100)
    await venue.gateway.place_order(limit(alice, BUY, 100_000, 100))
    await define(venue, allows_discount=True)
    await venue.registry.set_account_rates(bob, USES_IT)
    await fund(venue, bob, BNB=UNIT)
    assert not (await other.registry.spec("BTCUSDT")).allows_discount
    order = msgspec.structs.replace(market(bob, SELL, lots=50), rules_version=2)
    assert (await other.gateway.place_order(order)).fills[0].taker_fee_asset == "BNB"
    other.registry.forget()
    await define(venue, allows_discount=True, discount_asset="ETH")
    await other.gateway.cancel_order(CancelOrder(account=alice, symbol="BTCUSDT", order_id=3))
    await other.close()


async def test_the_discount_asset_becomes_known_and_has_eight_decimals(venue: Venue) -> None:
    assert await refusal(venue.gateway.credit(Transfer(account=1, asset="BNB", atoms=1))) is Reason.UNKNOWN_ASSET
    await define(venue, allows_discount=True)
    assert (await venue.registry.assets())["BNB"] == 8
    await fund(venue, 1, BNB=1)
    coarse = msgspec.structs.replace(BNBUSDT, base="CENT", symbol="CENTUSDT", base_decimals=2, lot_units=UNIT)
    await venue.registry.define_symbol(coarse)
    spec = await venue.registry.spec("BTCUSDT")
    refused = venue.registry.define_symbol(msgspec.structs.replace(spec, discount_asset="CENT"))
    assert await refused_without_a_trace(venue, refused) is Reason.RULES_FIXED
    own = venue.registry.define_symbol(msgspec.structs.replace(coarse, discount_asset="CENT", allows_discount=True))
    assert await refused_without_a_trace(venue, own) is Reason.RULES_FIXED


async def test_a_conversion_needs_known_assets_and_rates_a_known_symbol(venue: Venue) -> None:
    for pair in (("BNB", "USDT"), ("BTC", "EUR")):
        refused = venue.registry.set_conversion(*pair, UNIT)
        assert await refused_without_a_trace(venue, refused) is Reason.UNKNOWN_ASSET
    refused = venue.registry.set_account_rates(1, USES_IT, "DOGEUSDT")
    assert await refused_without_a_trace(venue, refused) is Reason.UNKNOWN_SYMBOL


async def test_the_largest_rates_take_no_more_than_was_received(venue: Venue, alice: int, bob: int) -> None:
    spec = msgspec.structs.replace(ETHBTC, symbol="DEAR", tick_units=1, lot_units=UNIT, min_notional_atoms=0)
    largest = {f"{name.removeprefix('standard_')}_fee_e8": 8_000_000 for name in RATE_NAMES}
    largest |= {"maker_fee_e8": UNIT // 2, "taker_fee_e8": UNIT // 2}
    await venue.registry.define_symbol(msgspec.structs.replace(spec, **largest))
    for quote_atoms in range(1, 30):
        await venue.gateway.place_order(limit(alice, BUY, quote_atoms, 1, symbol="DEAR"))
        (fill,) = (await venue.gateway.place_order(market(bob, SELL, lots=1, symbol="DEAR"))).fills
        assert quote_atoms // 2 <= fill.taker_fee_atoms <= quote_atoms


def test_account_rates_are_what_their_text_says() -> None:
    for rates in (AccountRates(), USES_IT, AccountRates(rates={"tax_buyer": 3, "standard_maker": 0})):
        assert AccountRates.read(rates.text) == rates
    assert AccountRates(rates={"tax_buyer": 3}, uses_discount=False).text == " tax_buyer=3 discount_use=0 "
