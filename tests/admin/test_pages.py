"""The front page, and what every page of the admin has: where to go next, and what an empty one says."""

import re
import time

import pytest
from django.contrib.auth import forms
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiKey
from accounts.services import CreatedUser, revoke_api_key
from archive.models import ArchivedTransfer
from engine.types import Side
from exchange_project import logins
from markets.models import Symbol
from tests.admin.conftest import page, place


def test_the_front_page_says_what_runs_and_links_what_there_is(
    client: Client, alice: CreatedUser, settings: Settings
) -> None:
    place(alice, Side.SELL, 6_000_001, 500)
    shown = page(client.get("/"))
    assert f"Version {settings.EXCHANGE_VERSION}" in shown
    cells = '<td>BTCUSDT</td><td>trading</td><td class="price">none</td><td class="price">none</td>'
    assert f'{cells}<td class="price">60000.01</td>' in shown
    assert "the machine&#x27;s own" in shown
    for link in ("/admin/", "/healthz"):
        assert f'href="{link}"' in shown
    assert "<script" not in shown
    assert alice.api_key not in shown
    symbol = Symbol.objects.get()
    symbol.status = Symbol.Status.HALT
    symbol.save()
    assert "<td>BTCUSDT</td><td>halted</td>" in page(client.get("/"))


def test_the_front_page_offers_lines_for_the_address_it_was_asked_at(client: Client) -> None:
    shown = page(client.get("/", headers={"host": "localhost:8123"}))
    assert "curl -s 'http://localhost:8123/api/v1/depth?symbol=BTCUSDT&amp;limit=5'" in shown
    assert "ws://localhost:8123/ws" in shown


def test_without_redis_the_front_page_says_so(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = ""
    answer = client.get("/")
    assert answer.status_code == 503
    assert "It cannot trade now" in answer.content.decode()
    assert "no exchange runs here" in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("accounts/trader", "create_user alice"),
        ("accounts/apikey", "select the trader"),
        ("accounts/traderfees", "every trader pays what symbols say"),
        ("accounts/liveorder", "POST /api/v1/order"),
        ("archive/archivedorder", "Nothing has happened yet"),
        ("archive/archivedtrade", "Nothing has happened yet"),
        ("archive/archivedtransfer", "Nothing has happened yet"),
    ],
)
def test_an_empty_page_says_what_to_do_and_a_search_without_result_how_to_end_it(
    staff: Client, path: str, advice: str
) -> None:
    empty = page(staff.get(f"/admin/{path}/"))
    assert advice in empty
    searched = page(staff.get(f"/admin/{path}/", {"q": "nobody"}))
    assert advice not in searched
    assert '<a href="?">Show everything</a>' in searched


def test_every_page_leads_to_every_other(staff: Client) -> None:
    shown = page(staff.get("/admin/accounts/trader/"))
    for path in ("accounts/apikey", "accounts/liveorder", "archive/archivedtrade", "markets/symbol", "auth/user"):
        assert f'<a href="/admin/{path}/">' in shown
    assert '<a href="/admin/accounts/trader/" aria-current="page">Traders</a>' in shown


def test_the_list_of_traders_has_live_balances_and_does_without_redis(
    staff: Client, alice: CreatedUser, settings: Settings
) -> None:
    staff.post("/admin/accounts/trader/add/", {"name": "carol", "trade_group": "-1"})
    place(alice, Side.SELL, 6_000_000, 300_000)
    shown = page(staff.get("/admin/accounts/trader/"))
    assert "7 BTC and 3 locked<br>1000000 USDT" in shown
    assert "nothing: credit it" in shown, "carol"
    settings.REDIS_URL = ""
    without = page(staff.get("/admin/accounts/trader/"))
    assert "Balances cannot be shown" in without
    assert "alice" in without


def test_keys_are_told_apart_by_state(staff: Client, alice: CreatedUser, bob: CreatedUser) -> None:
    revoke_api_key(ApiKey.objects.get(trader__name="bob"))

    def names(**asked: str) -> set[str]:
        found = staff.get("/admin/accounts/apikey/", asked).context["cl"].result_list
        return {key.trader.name for key in found}

    assert names() == {"alice", "bob"}
    assert names(state="valid") == {"alice"}
    assert names(state="revoked") == {"bob"}


def test_of_a_key_only_what_it_may_do_can_be_changed(staff: Client, alice: CreatedUser) -> None:
    shown = page(staff.get(f"/admin/accounts/apikey/{ApiKey.objects.get().pk}/change/"))
    names = set(re.findall(r'<(?:input|textarea|select)[^>]* name="([a-z]\w+)"', shown))
    fields = {"label", "permissions", "addresses", "is_disabled", "requires_signature"}
    assert names - {"csrfmiddlewaretoken"} == fields


def test_void_rows_are_shown_when_they_are_asked_for(staff: Client) -> None:
    for seq, void_by in ((1, ""), (2, "7-1")):
        ArchivedTransfer.objects.create(
            venue="main", epoch=1, seq=seq, void_by=void_by, account=1, asset="BTC", direction="CREDIT", atoms=1,
            time_ms=seq,
        )  # fmt: skip

    def found(**asked: str) -> list[int]:
        return [row.seq for row in staff.get("/admin/archive/archivedtransfer/", asked).context["cl"].result_list]

    assert found() == [1]
    assert found(void="yes") == [2]
    assert found(void="all") == [2, 1]
    assert "rows that count" in page(staff.get("/admin/archive/archivedtransfer/"))


def test_a_password_cannot_be_found_by_asking(
    client: Client, admin_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "TRIES", logins.Tries())
    wrong, right = ({"username": "admin", "password": password} for password in ("wrong", "password"))
    for _ in range(logins.MOST_TRIES - 1):
        assert "Please enter the correct username" in page(client.post("/admin/login/", wrong))
    for _ in range(3):  # who succeeds may come as often as he likes, and forgets nobody's failures
        assert client.post("/admin/login/", right).status_code == 302
        client.logout()
    assert "Please enter the correct username" in page(client.post("/admin/login/", wrong))
    looked: list[object] = []
    monkeypatch.setattr(forms, "authenticate", lambda *arguments, **fields: looked.append(fields))
    refused = re.search(
        r"Too many logins have failed. Try again in (\d+) seconds.", page(client.post("/admin/login/", right))
    )
    assert refused is not None
    assert 0 < int(refused[1]) <= 300
    assert looked == [], "nobody looks at the password"
    monkeypatch.undo()
    elsewhere = client.post("/admin/login/", right, REMOTE_ADDR="10.0.0.1")
    assert elsewhere.status_code == 302


def test_of_very_many_addresses_the_latest_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "MOST_ADDRESSES", 3)
    tries = logins.Tries()
    for number in range(10):
        for _ in range(logins.MOST_TRIES):
            assert tries.wait_s(str(number)) == 0
    assert [tries.wait_s(str(number)) > 0 for number in (9, 8, 7)] == [True] * 3
    assert tries.wait_s("1") == 0
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + logins.WINDOW_S)
    assert tries.wait_s("9") == 0
