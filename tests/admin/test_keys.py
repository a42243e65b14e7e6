"""Keys in SQL: what they may do, from where, whether they work, and those whose secret half the user keeps."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError
from django.test import Client
from django.utils import timezone

from accounts import models
from accounts.digests import key_digest
from accounts.models import ApiKey, Trader
from accounts.services import (
    CreatedUser,
    change_api_key,
    change_trader,
    create_api_key,
    kill,
    publish_all,
    revoke_api_key,
)
from engine.errors import BadParameter
from markets.publish import run_in_venue
from tests.admin.conftest import act, page
from tests.admin.test_accounts_admin import KEYS, TRADERS, known_key
from tests.admin.test_commands import run

PEM = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_of(user: CreatedUser) -> ApiKey:
    return ApiKey.objects.get(digest=key_digest(user.api_key))


def test_what_a_key_may_do_is_changed_in_the_admin(staff: Client, alice: CreatedUser) -> None:
    path = f"{KEYS}{key_of(alice).pk}/change/"
    form = {"label": "mine", "permissions": "TR", "addresses": "10.0.0.0/8 ::1"}
    page(staff.post(path, form, follow=True))
    record = known_key(alice.api_key)
    assert record is not None
    assert (record.permissions, record.addresses) == ("RT", "10.0.0.0/8,::1/128")
    for wrong, words in (
        ({"permissions": "RX"}, "must be letters of RTW"),
        ({"permissions": ""}, "errorlist"),
        ({"addresses": "everywhere"}, "is no address and no network"),
        ({"addresses": "10.0.0.0/8," * 60}, "errorlist"),
    ):
        assert words in page(staff.post(path, form | wrong))
    assert known_key(alice.api_key) == record
    page(staff.post(path, form | {"is_disabled": "on"}, follow=True))
    assert known_key(alice.api_key) is None
    page(staff.post(path, form, follow=True))
    assert known_key(alice.api_key) == record


def test_a_disabled_trader_has_no_key_in_force(staff: Client, alice: CreatedUser) -> None:
    second, third = create_api_key("alice"), create_api_key("alice")
    revoke_api_key(key_of(third))
    change_api_key(second.api_key, is_disabled=True)
    change_trader("alice", is_disabled=True)
    assert [known_key(user.api_key) for user in (alice, second, third)] == [None] * 3
    assert "disabled" in page(staff.get(TRADERS))
    publish_all()
    assert known_key(alice.api_key) is None
    change_trader("alice", is_disabled=False)
    assert [known_key(user.api_key) is not None for user in (alice, second, third)] == [True, False, False]
    assert Trader.objects.get(name="alice").is_disabled is False


def test_a_public_key_is_registered_in_the_admin(staff: Client, alice: CreatedUser) -> None:
    assert 'name="public_key"' in page(act(staff, TRADERS, "register_key", alice.account))
    assert "private key" in page(act(staff, TRADERS, "register_key", alice.account, public_key="PRIVATE KEY"))
    shown = page(act(staff, TRADERS, "register_key", alice.account, public_key=PEM))
    (api_key,) = re.findall(r'class="api-key">(\w{64})<', shown)
    assert 'class="secret"' not in shown
    record = known_key(api_key)
    assert record is not None
    assert (record.public_key, record.sealed_secret, record.requires_signature) == (PEM, "", True)
    assert LogEntry.objects.filter(change_message__startswith="New API key").count() == 1
    assert "Ed25519" in page(staff.get(KEYS))


@pytest.mark.parametrize("command", ["create_user", "create_key"])
def test_commands_take_a_public_key(alice: CreatedUser, tmp_path: Path, command: str) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    made = json.loads(run(command, "alice", "--public-key", str(tmp_path / "key.pem"), "--json"))
    assert made.keys() == {"user", "account", "api_key"}
    record = known_key(made["api_key"])
    assert record is not None
    assert record.public_key == PEM
    (tmp_path / "bad.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret")
    for name, words in (("bad.pem", "this is a private key"), ("none.pem", "cannot be read as PEM")):
        with pytest.raises(CommandError, match=words) as refusal:
            run(command, "new" if command == "create_user" else "alice", "--public-key", str(tmp_path / name))
        assert "secret" not in str(refusal.value)
    assert not Trader.objects.filter(name="new").exists()


def test_create_key_says_what_the_key_may_do(alice: CreatedUser) -> None:
    made = run("create_key", "alice", "--permissions", "R", "--addresses", "127.0.0.1", "--label", "reader")
    (api_key,) = re.findall(r"^api_key: (\w{64})$", made, re.MULTILINE)
    record = known_key(api_key)
    assert record is not None
    assert (record.permissions, record.addresses) == ("R", "127.0.0.1/32")
    assert re.search(r"^secret: \w{64}$", made, re.MULTILINE)
    for words, text in ((["nobody"], "no such user"), (["alice", "--permissions", "X"], "letters of RTW")):
        with pytest.raises(CommandError, match=text):
            run("create_key", *words)


def test_an_unknown_key_cannot_be_changed_and_is_not_repeated() -> None:
    with pytest.raises(BadParameter) as refusal:
        change_api_key("a-key-that-nobody-has", label="x")
    assert refusal.value.detail == "there is no such API key"
    assert "nobody" not in str(refusal.value) + repr(refusal.value)


def test_a_form_keeps_what_others_have_changed_since_it_was_opened(staff: Client, alice: CreatedUser) -> None:
    path = f"{KEYS}{key_of(alice).pk}/change/"
    opened = dict(re.findall(r'name="(initial-\w+)"(?: value="([^"]*)")?', page(staff.get(path))))
    change_api_key(alice.api_key, is_disabled=True, permissions="R")
    page(staff.post(path, {"label": "mine", "permissions": "RTW", "addresses": "", **opened}, follow=True))
    key = key_of(alice)
    assert (key.label, key.permissions, key.is_disabled) == ("mine", "R", True)
    assert known_key(alice.api_key) is None


def test_a_form_that_is_being_saved_undoes_no_revocation(
    staff: Client, alice: CreatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = ApiKey.clean

    def revoked_meanwhile(key: ApiKey) -> None:
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
        clean(key)

    monkeypatch.setattr(ApiKey, "clean", revoked_meanwhile)
    form = {"label": "mine", "permissions": "RTW", "addresses": ""}
    page(staff.post(f"{KEYS}{key_of(alice).pk}/change/", form, follow=True))
    key = key_of(alice)
    assert key.label == "mine"
    assert key.revoked_at is not None
    assert known_key(alice.api_key) is None


def test_a_change_that_is_published_late_brings_nothing_back(
    alice: CreatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its commit and the moment when the engine hears of it somebody else may commit and be heard."""
    meanwhile: list[Callable[[], object]] = []
    publish = models.run_in_venue

    def late(ask: Any) -> Any:
        if meanwhile:
            meanwhile.pop()()
        return publish(ask)

    monkeypatch.setattr(models, "run_in_venue", late)
    meanwhile.append(lambda: kill("alice"))
    change_trader("alice", trade_group=7)
    assert Trader.objects.get(name="alice").is_killed
    assert run_in_venue(lambda venue: venue.registry.account_limits(alice.account)).is_killed
    meanwhile.append(lambda: revoke_api_key(key_of(alice)))
    change_api_key(alice.api_key, label="mine")
    assert key_of(alice).revoked_at is not None
    assert known_key(alice.api_key) is None


def test_a_change_of_a_trader_keeps_a_kill_that_came_meanwhile(
    alice: CreatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = Trader.clean

    def killed_meanwhile(trader: Trader) -> None:
        Trader.objects.filter(pk=trader.pk).update(is_killed=True)
        clean(trader)

    monkeypatch.setattr(Trader, "clean", killed_meanwhile)
    change_trader("alice", trade_group=7)
    assert Trader.objects.get(name="alice").is_killed
    assert run_in_venue(lambda venue: venue.registry.account_limits(alice.account)).is_killed
