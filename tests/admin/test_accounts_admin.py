"""Traders and keys in the admin: live balances, credit, keys shown once, revoked keys dead at once."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import AsyncClient, Client
from pytest_django import Settings

from accounts.digests import key_digest
from accounts.models import ApiKey, Trader, TraderFees
from accounts.secrets import CannotUnseal, seal, unseal
from accounts.services import CreatedUser, create_api_key, publish_all, revoke_api_key
from engine.account_rules import AccountLimits, AccountRates
from engine.errors import Reason, Rejected
from engine.registry import KeyRecord
from engine.types import Side
from engine.venue import Venue
from markets.models import Asset, Conversion, Symbol
from markets.publish import run_in_venue
from tests.admin.conftest import act, money, page, place
from tests.conftest import keys_of

TRADERS, KEYS = "/admin/accounts/trader/", "/admin/accounts/apikey/"
ONE = 10**8


def known_key(api_key: str) -> KeyRecord | None:
    async def read(venue: Venue) -> KeyRecord | None:
        return await venue.registry.key(key_digest(api_key))

    return run_in_venue(read)


def test_a_trader_made_in_the_admin_is_known_to_the_engine(staff: Client) -> None:
    page(staff.post(f"{TRADERS}add/", {"name": "carol", "display_name": "Carol", "trade_group": "-1"}, follow=True))

    async def read(venue: Venue) -> int:
        return await venue.registry.account_number("carol")

    assert run_in_venue(read) == Trader.objects.get(name="carol").account


@pytest.mark.parametrize("name", ["a@b", "a|b", "#fees", "BTCUSDT", "x" * 37, "a\x00b", "tab\tbed"])
def test_names_that_cannot_be(staff: Client, name: str) -> None:
    assert "errorlist" in page(staff.post(f"{TRADERS}add/", {"name": name, "trade_group": "-1"}))
    assert not Trader.objects.exists()


def test_a_trader_shows_live_balances_and_no_secret(staff: Client, alice: CreatedUser) -> None:
    place(alice, Side.BUY, 6_000_000, 500_000)
    shown = page(staff.get(f"{TRADERS}{alice.account}/change/"))
    assert "<th>BTC</th><td>10.00000000</td><td>0.00000000</td>" in shown
    assert "<th>USDT</th><td>700000.00000000</td><td>300000.00000000</td>" in shown
    key = ApiKey.objects.get()
    assert key.prefix in shown
    for secret in (alice.api_key, alice.secret, key.sealed_secret, key.digest):
        assert secret not in shown
        assert secret not in page(staff.get(f"{KEYS}{key.pk}/change/"))


async def test_the_admin_asks_the_engine_under_asgi_too(async_client: AsyncClient, admin_user: Any) -> None:
    """Synchronous views run in threads there, beside a running loop."""
    await async_client.aforce_login(admin_user)
    trader = await Trader.objects.acreate(name="dave")
    response = await async_client.get(f"{TRADERS}{trader.account}/change/")
    assert "<th>BTC</th><td>0.00000000</td>" in page(response)
    assert "open orders (live)" in page(await async_client.get("/admin/")).lower()


def test_credit_asks_how_much_and_credits_each(staff: Client, alice: CreatedUser, bob: CreatedUser) -> None:
    asked = page(act(staff, TRADERS, "credit", alice.account, bob.account))
    assert 'name="amount"' in asked
    assert money(alice, "BTC") == (10 * ONE, 0)
    done = page(act(staff, TRADERS, "credit", alice.account, bob.account, asset="BTC", amount="0.5"))
    assert "Credited 0.5 BTC to alice" in done
    assert "Credited 0.5 BTC to bob" in done
    assert money(alice, "BTC") == money(bob, "BTC") == (10 * ONE + ONE // 2, 0)
    messages = LogEntry.objects.values_list("object_repr", "change_message")
    assert sorted(name for name, message in messages if message.startswith("Credited 0.5 BTC")) == ["alice", "bob"]


@pytest.mark.parametrize("amount", ["0", "-1", "nan", "1e400", "0.000000001", " ", "99999999999999999999"])
def test_a_bad_amount_credits_nothing(staff: Client, alice: CreatedUser, amount: str) -> None:
    said = page(act(staff, TRADERS, "credit", alice.account, asset="BTC", amount=amount))
    assert "errorlist" in said
    assert money(alice, "BTC") == (10 * ONE, 0)


def test_a_new_key_is_shown_once_and_works(staff: Client, alice: CreatedUser) -> None:
    shown = page(act(staff, TRADERS, "issue_key", alice.account))
    (api_key,) = re.findall(r'class="api-key">(\w{64})<', shown)
    (secret,) = re.findall(r'class="secret">(\w{64})<', shown)
    record = known_key(api_key)
    assert record is not None
    assert (record.account, record.user_name, record.permissions) == (alice.account, "alice", "RTW")
    assert unseal(record.sealed_secret, digest=key_digest(api_key)) == secret
    for path in (f"{TRADERS}{alice.account}/change/", KEYS, "/admin/"):
        assert api_key not in page(staff.get(path))


def test_a_revoked_key_is_dead_at_once(staff: Client, alice: CreatedUser) -> None:
    key = ApiKey.objects.get()
    assert known_key(alice.api_key) is not None
    assert "Revoked " in page(act(staff, KEYS, "revoke", key.pk))
    assert known_key(alice.api_key) is None
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert LogEntry.objects.filter(change_message="Revoked.").count() == 1
    assert not revoke_api_key(key)  # again: harmless


def test_a_sealed_secret_opens_with_its_own_key_alone(settings: Settings, tmp_path: Any) -> None:
    sealed = seal("the secret", digest="one")
    assert "the secret" not in sealed
    assert seal("the secret", digest="one") != sealed
    assert unseal(sealed, digest="one") == "the secret"
    with pytest.raises(CannotUnseal):
        unseal(sealed, digest="two")
    with pytest.raises(CannotUnseal):
        unseal(sealed[:-8], digest="one")
    settings.EXCHANGE_DATA_DIR = tmp_path / "elsewhere"
    with pytest.raises(CannotUnseal):
        unseal(sealed, digest="one")
    assert (tmp_path / "seal.key").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_in_a_repr(alice: CreatedUser) -> None:
    user = create_api_key("alice")
    assert user.api_key not in repr(user)
    assert user.secret not in repr(user)
    assert len(user.api_key) == len(user.secret) == 64


def test_without_redis_the_pages_still_answer(staff: Client, alice: CreatedUser, settings: Settings) -> None:
    url, settings.REDIS_URL = settings.REDIS_URL, ""
    assert "no exchange runs here" in page(staff.get(f"{TRADERS}{alice.account}/change/"))
    assert "no exchange runs here" in page(staff.get("/admin/accounts/liveorder/"))
    said = page(act(staff, TRADERS, "credit", alice.account, asset="BTC", amount="1"))
    assert "no exchange runs here" in said
    settings.REDIS_URL = url
    assert money(alice, "BTC") == (10 * ONE, 0)


def test_the_kill_switch_cancels_everything_and_holds_until_released(staff: Client, alice: CreatedUser) -> None:
    place(alice, Side.BUY, 6_000_000, 500)
    place(alice, Side.SELL, 7_000_000, 500)
    assert "Alice is killed; 2 orders were cancelled" in page(act(staff, TRADERS, "kill", alice.account))
    assert money(alice, "BTC") == (10 * ONE, 0)
    with pytest.raises(Rejected) as refusal:
        place(alice, Side.BUY, 6_000_000, 500)
    assert refusal.value.reason is Reason.ACCOUNT_KILLED
    assert "killed" in page(staff.get(TRADERS))
    assert "Alice may trade again" in page(act(staff, TRADERS, "release", alice.account))
    place(alice, Side.BUY, 6_000_000, 500)
    entries = LogEntry.objects.filter(object_repr="alice").order_by("pk")
    assert [entry.change_message for entry in entries] == ["Killed; 2 orders cancelled.", "Released."]


def test_limits_are_written_in_the_admin_and_come_back_after_a_loss_of_redis(staff: Client, alice: CreatedUser) -> None:
    path = f"{TRADERS}{alice.account}/change/"
    form = {
        "display_name": "", "trade_group": "-1", "max_order": "USDT=100, BTC=0.5", "max_open_orders": "7",
        "keys-TOTAL_FORMS": "0", "keys-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert "ASSET=AMOUNT" in page(staff.post(path, {**form, "max_order": "100 dollars"}))
    page(staff.post(path, form, follow=True))
    limits = AccountLimits(max_order={"USDT": 100 * ONE, "BTC": ONE // 2}, max_open_orders=7)

    async def read(venue: Venue) -> AccountLimits:
        return await venue.registry.account_limits(alice.account)

    async def lose(venue: Venue) -> None:
        await venue.runner.command("HDEL", venue.keys.meta, f"limits:{alice.account}")

    assert run_in_venue(read) == limits
    run_in_venue(lose)
    publish_all()
    assert run_in_venue(read) == limits


def test_fees_of_a_trader_are_written_in_the_admin_and_come_back_after_a_loss_of_redis(
    staff: Client, alice: CreatedUser
) -> None:
    path, symbol = "/admin/accounts/traderfees/", Symbol.objects.get(symbol="BTCUSDT")
    trader = str(alice.account)
    assert "0.6 is more than 0.5" in page(staff.post(f"{path}add/", {"trader": trader, "taker_fee": "0.6"}))
    page(staff.post(f"{path}add/", {"trader": trader, "taker_fee": " 0.002", "uses_discount": "true"}, follow=True))
    assert "already exist: change these" in page(staff.post(f"{path}add/", {"trader": trader, "taker_fee": "0.1"}))
    on_one = {"trader": trader, "symbol": str(symbol.pk), "tax_buyer_fee": "0.01", "uses_discount": "unknown"}
    page(staff.post(f"{path}add/", on_one, follow=True))
    assert "all symbols" in page(staff.get(path))

    async def read(venue: Venue) -> list[AccountRates]:
        return [await venue.registry.account_rates(alice.account, symbol) for symbol in ("", "BTCUSDT")]

    async def lose(venue: Venue) -> None:
        await venue.runner.command("DEL", *await keys_of(venue))

    on_all = AccountRates(rates={"standard_taker": 200_000}, uses_discount=True)
    fees = [on_all, AccountRates(rates={"tax_buyer": 1_000_000})]
    assert run_in_venue(read) == fees
    run_in_venue(lose)
    publish_all()
    assert run_in_venue(read) == fees
    row = TraderFees.objects.get(symbol=symbol)
    page(staff.post(f"{path}{row.pk}/change/", {"tax_buyer_fee": "", "uses_discount": "unknown"}, follow=True))
    assert run_in_venue(read) == [on_all, AccountRates()]


def test_a_price_for_fees_is_written_in_the_admin_and_comes_back_after_a_loss_of_redis(
    staff: Client, alice: CreatedUser
) -> None:
    path = "/admin/markets/conversion/"
    assert "markets say what it is worth" in page(staff.get(path))
    btc, usdt = [str(Asset.objects.get(name=name).pk) for name in ("BTC", "USDT")]
    eur = str(Asset.objects.create(name="EUR").pk)
    pair = {"discount_asset": btc, "asset": usdt, "price": "50000.5"}
    for wrong, said in (
        ({"asset": eur}, "no symbol trades BTC and EUR"),
        ({"asset": btc}, "one BTC is one BTC"),
        ({"price": "0"}, "0 is nothing"),
        ({"price": "x"}, "not a plain decimal number"),
    ):
        assert said in page(staff.post(f"{path}add/", pair | wrong))
    page(staff.post(f"{path}add/", pair, follow=True))

    async def read(venue: Venue) -> dict[tuple[str, str], int]:
        return await venue.registry.conversions()

    async def lose(venue: Venue) -> None:
        await venue.runner.command("DEL", *await keys_of(venue))

    price = {("BTC", "USDT"): 50_000_50000000}
    assert run_in_venue(read) == price
    run_in_venue(lose)
    publish_all()
    assert run_in_venue(read) == price
    row = Conversion.objects.get()
    page(staff.post(f"{path}{row.pk}/change/", {"price": ""}, follow=True))
    assert run_in_venue(read) == {}
