"""The journal of an order in the admin, reached from open and from archived orders."""

import re

from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from accounts.services import CreatedUser
from archive.writer import store
from engine.events import AnyEvent, decode_entry
from engine.types import Side
from engine.venue import Venue
from markets.publish import run_in_venue
from tests.admin.conftest import page, place

JOURNAL = "/admin/accounts/liveorder/{}/journal/"


def archive_all() -> None:
    async def read(venue: Venue) -> tuple[str, list[AnyEvent]]:
        entries = await venue.runner.command("XRANGE", venue.keys.events, "-", "+")
        return venue.name, [decode_entry(entry) for entry in entries]

    store(*run_in_venue(read))


def test_open_and_archived_orders_lead_to_their_journals(staff: Client, alice: CreatedUser, bob: CreatedUser) -> None:
    place(alice, Side.SELL, 6_000_000, 500)
    place(bob, Side.BUY, 6_000_000, 200)
    archive_all()
    assert f'<a href="{JOURNAL.format(1)}">1</a>' in page(staff.get("/admin/accounts/liveorder/"))
    archived = page(staff.get("/admin/archive/archivedorder/"))
    for order_id in (1, 2):
        assert f'<a href="{JOURNAL.format(order_id)}">why</a>' in archived
    shown = page(staff.get(JOURNAL.format(2)))
    kinds = re.findall(r'<tr class="journal-(\w+)">', shown)
    assert kinds == ["accepted", "matched", "filled"]
    assert "Bought 0.002 BTC at 60000 as taker from order 1 of alice (trade 1)" in shown
    assert "Rests in the book with 0.005 left" in page(staff.get(JOURNAL.format(1)))


def test_what_is_no_order_has_no_journal(staff: Client, alice: CreatedUser) -> None:
    for order_id in ("77", str(2**63), "9" * 40, "x"):
        assert staff.get(JOURNAL.format(order_id)).status_code in (302, 404)
    assert staff.get(JOURNAL.format(77)).status_code == 404
    assert staff.get(JOURNAL.format(2**63)).status_code == 404


def test_either_permission_opens_a_journal_and_none_does_not(client: Client, alice: CreatedUser) -> None:
    place(alice, Side.SELL, 6_000_000, 500)
    for codename in ("view_liveorder", "view_archivedorder"):
        helper = User.objects.create_user(codename, password="", is_staff=True)
        client.force_login(helper)
        assert client.get(JOURNAL.format(1)).status_code == 403
        helper.user_permissions.add(Permission.objects.get(codename=codename))
        assert "journal-accepted" in page(client.get(JOURNAL.format(1)))
    client.logout()
    assert client.get(JOURNAL.format(1)).status_code == 302


def test_without_redis_the_page_says_so(staff: Client, alice: CreatedUser, settings: Settings) -> None:
    running, settings.REDIS_URL = settings.REDIS_URL, ""
    try:
        assert "The journal cannot be shown" in page(staff.get(JOURNAL.format(1)))
    finally:
        settings.REDIS_URL = running
