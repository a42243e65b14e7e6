"""Symbols in the admin: what is saved is in force, what is wrong says why, and nothing is saved then."""

from pathlib import Path

import msgspec
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from pytest_django import Settings

from accounts.models import Trader
from accounts.services import CreatedUser
from engine.errors import Reason, Rejected
from engine.types import Feature, OrderType, Side, StpMode, SymbolSpec, SymbolStatus
from engine.venue import Venue
from markets import models
from markets.models import Asset, Symbol
from markets.publish import run_in_venue
from markets.rules import FEE_FIELDS
from markets.services import publish_symbols, set_status
from tests.admin.conftest import act, page, place

SYMBOLS = "/admin/markets/symbol/"


def in_force(symbol: str) -> SymbolSpec:
    async def read(venue: Venue) -> SymbolSpec:
        return await venue.registry.spec(symbol)

    return run_in_venue(read)


def form(**changed: str) -> dict[str, str]:
    """The form of a symbol as a browser sends it."""
    values = {
        "symbol": "ETHBTC",
        "status": "TRADING",
        "tick_size": "0.000001",
        "lot_size": "0.0001",
        "max_price": "1000",
        "max_quantity": "9000",
        "min_price": "",
        "min_quantity": "",
        "min_notional": "0.0001",
        "maker_fee": "0.0005",
        "taker_fee": "0.001",
    }
    return values | changed


@pytest.fixture
def assets() -> dict[str, str]:
    """Base ETH, quote BTC, as the form names them."""
    eth = Asset.objects.create(name="ETH")
    return {"base": str(eth.pk), "quote": str(Asset.objects.get(name="BTC").pk)}


def test_a_new_symbol_is_in_force_when_it_is_saved(staff: Client, assets: dict[str, str]) -> None:
    page(staff.post(f"{SYMBOLS}add/", form(**assets), follow=True))
    spec = in_force("ETHBTC")
    assert (spec.base, spec.quote, spec.tick_units, spec.lot_units) == ("ETH", "BTC", 100, 10_000)
    assert (spec.maker_fee_e8, spec.min_notional_atoms, spec.max_price_ticks) == (50_000, 10_000, 10**9)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tick_size": "0"}, "must be above zero"),
        ({"tick_size": "0.000000001"}, "is too fine: at most 8 decimals"),
        ({"tick_size": "-1"}, "is not a plain decimal number"),
        ({"lot_size": "nan"}, "is not a plain decimal number"),
        ({"max_price": "0.0000015"}, "is not a whole number of steps of tick_size"),
        ({"min_price": "2000"}, "at most max_price"),
        ({"maker_fee": "0.6"}, "0.6 is more than 0.5, the most this rate can be; 0.1 % is written 0.001"),
        ({"buyer_fee": "0.09"}, "0.09 is more than 0.08, the most this rate can be"),
        ({"tax_seller_fee": "ten"}, "&#x27;ten&#x27; is not a plain decimal number"),
        ({"discount_asset": "bnb"}, "&#x27;bnb&#x27; is no asset: 1 to 16 capital letters and digits, like BNB"),
        ({"discount_asset": "CENT"}, "CENT has 2 decimals; fees are paid in an asset with 8: take another one"),
        ({"discount_asset": "BNB", "discount": "1.01"}, "1.01 is more than 1"),
        ({"discount": "0.5"}, "goes with discount_asset"),
        ({"max_quantity": "99999999"}, "cannot move so much ETH"),
        ({"min_quantity": "1000", "max_price": "90000000"}, "passes 2^53 BTC atoms"),
        ({"order_types": "LIMIT, STOP"}, "&#x27;STOP&#x27; is none of LIMIT, MARKET"),
        ({"max_iceberg_parts": "many"}, "is not a whole number from 0 to 2147483647"),
        ({"max_trailing_above": "10000"}, "is not a whole number from 0 to 9999"),
        ({"min_trailing_below": "3000"}, "must be at most max_trailing_below"),
        ({"default_stp": "EXPIRE_BOTH", "allowed_stp": "NONE"}, "EXPIRE_BOTH is not among the allowed modes"),
        ({"max_market_quantity": "0.00001"}, "is not a whole number of steps of lot_size"),
        ({"min_market_quantity": "10", "max_market_quantity": "9"}, "no market order could be"),
        ({"symbol": "ETH/BTC"}, "2 to 20 capitals and digits"),
    ],
)
def test_rules_that_cannot_be_are_explained(
    staff: Client, assets: dict[str, str], wrong: dict[str, str], said: str
) -> None:
    Asset.objects.create(name="CENT", decimals=2)
    assert said in page(staff.post(f"{SYMBOLS}add/", form(**assets) | wrong))
    assert not Symbol.objects.filter(base__name="ETH").exists()


def test_what_orders_a_symbol_takes_is_in_force_when_it_is_saved(staff: Client, assets: dict[str, str]) -> None:
    rules = {
        "order_types": "STOP_LOSS, LIMIT", "allowed_stp": "EXPIRE_TAKER,NONE", "default_stp": "EXPIRE_TAKER",
        "max_iceberg_parts": "0", "max_trailing_above": "100", "max_market_quantity": "2", "not_offered": "PEG,OPO",
    }  # fmt: skip
    page(staff.post(f"{SYMBOLS}add/", form(**assets, **rules), follow=True))
    spec = in_force("ETHBTC")
    assert spec.order_types == (OrderType.LIMIT, OrderType.STOP_LOSS)
    assert (spec.allowed_stp, spec.default_stp) == ((StpMode.NONE, StpMode.EXPIRE_TAKER), StpMode.EXPIRE_TAKER)
    assert (spec.max_iceberg_parts, spec.max_trailing_above_bips, spec.max_trailing_below_bips) == (0, 100, 2_000)
    assert (spec.min_market_lots, spec.max_market_lots) == (0, 20_000)
    assert spec.not_offered == (Feature.OPO, Feature.PEG)


def test_all_fees_are_in_force_when_they_are_saved_and_stay_when_the_symbol_is_published_again(
    staff: Client, assets: dict[str, str]
) -> None:
    fees = {field: f"0.000{number:02}" for number, field in enumerate(FEE_FIELDS, 1)}
    discount = {"discount_asset": "BNB", "discount": "0.25"}
    page(staff.post(f"{SYMBOLS}add/", form(**assets) | fees | discount, follow=True))
    spec = in_force("ETHBTC")
    assert list(spec.fee_rates.values()) == [1_000 * number for number in range(1, 13)]
    assert (spec.allows_discount, spec.discount_asset, spec.discount_e8) == (True, "BNB", 25_000_000)
    assert Asset.objects.get(name="BNB").decimals == 8
    for status in ("HALT", "TRADING"):
        set_status("ETHBTC", status)
    publish_symbols()
    assert msgspec.structs.replace(in_force("ETHBTC"), rules_version=spec.rules_version) == spec


def test_a_lot_finer_than_its_asset_is_refused(staff: Client, assets: dict[str, str]) -> None:
    Asset.objects.filter(name="ETH").update(decimals=3)
    assert "is finer than ETH, which has 3 decimals" in page(staff.post(f"{SYMBOLS}add/", form(**assets)))


def test_the_name_of_a_user_is_no_symbol(staff: Client, assets: dict[str, str], alice: CreatedUser) -> None:
    Trader.objects.filter(name="alice").update(name="ALICE")
    assert "ALICE is the name of a user" in page(staff.post(f"{SYMBOLS}add/", form(**assets, symbol="ALICE")))


def test_fees_change_and_steps_do_not_once_there_are_orders(staff: Client, alice: CreatedUser) -> None:
    symbol = Symbol.objects.get(symbol="BTCUSDT")
    kept = {"lot_size": "0.00001", "max_price": "1000000", "min_notional": "5"}
    path = f"{SYMBOLS}{symbol.pk}/change/"
    page(staff.post(path, form(**kept, tick_size="0.1"), follow=True))
    assert in_force("BTCUSDT").tick_units == 10_000_000  # nobody had traded: still possible

    place(alice, Side.SELL, 600_000, 500)
    assert "has a history" in page(staff.post(path, form(**kept, tick_size="0.01")))
    assert Symbol.objects.get(symbol="BTCUSDT").tick_size == "0.1"
    page(staff.post(path, form(**kept, tick_size="0.1", maker_fee="0"), follow=True))
    assert in_force("BTCUSDT").maker_fee_e8 == 0


def test_halt_and_resume(staff: Client, alice: CreatedUser) -> None:
    symbol = Symbol.objects.get(symbol="BTCUSDT")
    assert "BTCUSDT is halted now" in page(act(staff, SYMBOLS, "halt", symbol.pk))
    assert in_force("BTCUSDT").status is SymbolStatus.HALT
    with pytest.raises(Rejected) as refusal:
        place(alice, Side.SELL, 6_000_000, 500)
    assert refusal.value.reason is Reason.MARKET_CLOSED
    page(act(staff, SYMBOLS, "resume", symbol.pk))
    assert place(alice, Side.SELL, 6_000_000, 500).order.left_lots == 500
    entries = LogEntry.objects.filter(object_repr="BTCUSDT").order_by("pk")
    assert [entry.change_message for entry in entries] == ["Status set to halted.", "Status set to trading."]


def test_rules_that_are_published_late_open_no_symbol_that_was_halted_since(
    staff: Client, alice: CreatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile = [lambda: set_status("BTCUSDT", "HALT")]
    publish = models.publish_specs

    def late(specs: list[SymbolSpec], *, reopen: bool = False) -> None:
        if meanwhile:
            meanwhile.pop()()
        publish(specs, reopen=reopen)

    monkeypatch.setattr(models, "publish_specs", late)
    page(staff.post(f"{SYMBOLS}{Symbol.objects.get().pk}/change/", form(maker_fee="0.002"), follow=True))
    symbol = Symbol.objects.get()
    assert (symbol.status, symbol.maker_fee) == ("HALT", "0.002")
    assert (in_force("BTCUSDT").status, in_force("BTCUSDT").maker_fee_e8) == (SymbolStatus.HALT, 200_000)


def test_orders_collect_for_an_auction_until_the_symbol_is_resumed(
    staff: Client, alice: CreatedUser, bob: CreatedUser
) -> None:
    symbol = Symbol.objects.get(symbol="BTCUSDT")
    assert "BTCUSDT is collecting" in page(act(staff, SYMBOLS, "collect", symbol.pk))
    symbol.refresh_from_db()
    assert (symbol.status, in_force("BTCUSDT").status) == (Symbol.Status.AUCTION_MATCH, SymbolStatus.AUCTION_MATCH)
    sale = place(alice, Side.SELL, 6_000_000, 500).order
    purchase = place(bob, Side.BUY, 6_000_100, 500).order
    assert (sale.status, purchase.status) == ("NEW", "NEW"), "they cross and do not trade"
    assert "orders for an auction" in page(act(staff, SYMBOLS, "halt", symbol.pk))
    assert in_force("BTCUSDT").status is SymbolStatus.AUCTION_MATCH
    page(act(staff, SYMBOLS, "resume", symbol.pk))
    assert in_force("BTCUSDT").status is SymbolStatus.TRADING

    async def statuses(venue: Venue) -> list[str]:
        orders = ((alice.account, sale.order_id), (bob.account, purchase.order_id))
        return [(await venue.queries.order(account, "BTCUSDT", order_id=number)).status for account, number in orders]

    assert run_in_venue(statuses) == ["FILLED", "FILLED"]


def test_without_redis_the_message_says_what_happened(
    staff: Client, assets: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    url = settings.REDIS_URL
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    symbol = Symbol.objects.get(symbol="BTCUSDT")
    assert "saved, but not in force" in page(act(staff, SYMBOLS, "halt", symbol.pk))
    assert "Redis cannot be reached" in page(staff.post(f"{SYMBOLS}add/", form(**assets), follow=True))
    kept = form(lot_size="0.00001", tick_size="0.01", max_price="1000000", min_notional="5")
    said = page(staff.post(f"{SYMBOLS}{symbol.pk}/change/", kept))
    assert "Nothing was saved" in said
    settings.REDIS_URL = url
    assert in_force("BTCUSDT").status is SymbolStatus.TRADING


def test_a_break_and_the_end_of_a_breakers_halt(staff: Client, alice: CreatedUser) -> None:
    symbol = Symbol.objects.get(symbol="BTCUSDT")
    assert "BTCUSDT is in a break" in page(act(staff, SYMBOLS, "pause", symbol.pk))
    assert in_force("BTCUSDT").status is SymbolStatus.BREAK
    page(act(staff, SYMBOLS, "resume", symbol.pk))
    symbol.refresh_from_db()
    symbol.halt_percent, symbol.halt_seconds = "10", "60"
    symbol.save()
    for price_ticks in (6_000_000, 6_600_001):
        place(alice, Side.SELL, price_ticks, 100)
        place(alice, Side.BUY, price_ticks, 100)
    assert in_force("BTCUSDT").status is SymbolStatus.HALT
    symbol.save()
    assert in_force("BTCUSDT").status is SymbolStatus.HALT, "saving its rules does not open it"
    page(act(staff, SYMBOLS, "resume", symbol.pk))
    assert in_force("BTCUSDT").status is SymbolStatus.TRADING
    place(alice, Side.SELL, 6_000_000, 100)


def test_rules_of_the_exchange_are_one_row_in_force_at_every_symbol(staff: Client, alice: CreatedUser) -> None:
    path = "/admin/markets/exchange/"
    assert "errorlist" in page(staff.post(f"{path}add/", {"max_orders": "many"}))
    page(staff.post(f"{path}add/", {"max_orders": "200", "max_algo_orders": "5"}, follow=True))
    spec = in_force("BTCUSDT")
    assert (spec.exchange_max_orders, spec.exchange_max_algo_orders, spec.exchange_max_order_lists) == (200, 5, 0)
    assert staff.get(f"{path}add/").status_code == 403
    page(staff.post(f"{path}1/change/", {"max_orders": ""}, follow=True))
    assert in_force("BTCUSDT").exchange_max_orders == 0
