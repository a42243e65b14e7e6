"""Open orders in the admin, straight from Redis, and what happened, from SQL."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from accounts.services import CreatedUser
from archive.models import ArchivedOrder, ArchivedPreventedMatch, ArchivedTrade, ArchivedTransfer
from archive.writer import store
from engine.events import AnyEvent, decode_entry
from engine.types import OrderType, Side, StpMode
from engine.venue import Venue
from markets.publish import run_in_venue
from tests.admin.conftest import money, page, place

LIVE = "/admin/accounts/liveorder/"
ONE = 10**8


def key_of(user: CreatedUser, order_id: int) -> str:
    return f"BTCUSDT:{user.account}:{order_id}"


def test_open_orders_are_listed_searched_and_filtered(staff: Client, alice: CreatedUser, bob: CreatedUser) -> None:
    place(alice, Side.SELL, 6_000_000, 500)
    place(bob, Side.BUY, 5_900_000, 300)
    place(bob, Side.BUY, 6_000_000, 200)  # meets alice's
    shown = page(staff.get(LIVE))
    assert key_of(alice, 1) in shown
    assert key_of(bob, 2) in shown
    assert key_of(bob, 3) not in shown
    shown_price = '<td class="field-price">60000</td><td class="field-stop"></td><td class="field-quantity">0.005</td>'
    assert shown_price in shown
    assert '<td class="field-filled">0.002</td><td>PARTIALLY_FILLED</td>' in shown

    assert key_of(bob, 2) not in page(staff.get(LIVE, {"q": "alice"}))
    assert key_of(alice, 1) not in page(staff.get(LIVE, {"q": "2"}))
    assert key_of(alice, 1) not in page(staff.get(LIVE, {"symbol": "ETHUSDT"}))
    assert key_of(alice, 1) in page(staff.get(LIVE, {"symbol": "BTCUSDT", "q": "ALICE"}))


def test_an_open_order_that_waits_shows_for_what(staff: Client, alice: CreatedUser) -> None:
    more = {"type": OrderType.STOP_LOSS_LIMIT, "stop_ticks": 4_321_000, "trailing_bips": 150}
    place(alice, Side.SELL, 4_000_000, 500, **more)
    shown = page(staff.get(LIVE))
    price, stop = '<td class="field-price">40000</td>', '<td class="field-stop">43210 trailing 1.5 %</td>'
    assert f"<td>STOP_LOSS_LIMIT GTC</td>{price}{stop}" in shown


def test_cancel_frees_the_money_and_is_logged(staff: Client, alice: CreatedUser) -> None:
    place(alice, Side.SELL, 6_000_000, 500_000)
    assert money(alice, "BTC") == (5 * ONE, 5 * ONE)
    said = page(staff.post(LIVE, {"action": "cancel", "order": [key_of(alice, 1)]}, follow=True))
    assert "Canceled order 1 on BTCUSDT" in said
    assert money(alice, "BTC") == (10 * ONE, 0)
    assert LogEntry.objects.get(change_message__startswith="Canceled").object_id == "1"
    again = page(staff.post(LIVE, {"action": "cancel", "order": [key_of(alice, 1)]}, follow=True))
    assert "the order is not open any more" in again
    assert LogEntry.objects.filter(change_message__startswith="Canceled").count() == 1


@pytest.mark.parametrize("order", ["", "BTCUSDT", "BTCUSDT:x:1", "BTCUSDT:1:-1", "NOSUCH:1:1"])
def test_a_made_up_order_cancels_nothing(staff: Client, alice: CreatedUser, order: str) -> None:
    place(alice, Side.SELL, 6_000_000, 500_000)
    page(staff.post(LIVE, {"action": "cancel", "order": [order]}, follow=True))
    assert money(alice, "BTC") == (5 * ONE, 5 * ONE)


def test_staff_see_and_cancel_by_permission_alone(client: Client, alice: CreatedUser) -> None:
    place(alice, Side.SELL, 6_000_000, 500_000)
    helper = User.objects.create_user("helper", password="", is_staff=True)
    client.force_login(helper)
    assert client.get(LIVE).status_code == 403
    helper.user_permissions.add(Permission.objects.get(codename="view_liveorder"))
    assert 'type="checkbox"' not in page(client.get(LIVE))
    assert client.post(LIVE, {"order": [key_of(alice, 1)]}).status_code == 403
    assert money(alice, "BTC") == (5 * ONE, 5 * ONE)


@pytest.fixture
def archived(alice: CreatedUser, bob: CreatedUser) -> None:
    """alice has sold 0.002 BTC of 0.005 to bob at 60,000 and was kept from buying the rest; all of it is in SQL."""
    place(alice, Side.SELL, 6_000_000, 500)
    place(bob, Side.BUY, 6_000_000, 200)
    place(bob, Side.SELL, 100, 100_000, type=OrderType.STOP_LOSS_LIMIT, stop_ticks=4_321_000, trailing_bips=150)
    place(alice, Side.BUY, 6_000_000, 700, stp=StpMode.EXPIRE_BOTH)

    async def read(venue: Venue) -> tuple[str, list[AnyEvent]]:
        entries = await venue.runner.command("XRANGE", venue.keys.events, "-", "+")
        return venue.name, [decode_entry(entry) for entry in entries]

    store(*run_in_venue(read))


def test_the_archive_is_shown_as_people_write_it(staff: Client, archived: None) -> None:
    orders = page(staff.get("/admin/archive/archivedorder/"))
    for text in (
        "alice", "bob", ">60000<", ">0.005<", ">0.002<", ">120<", "EXPIRED_IN_MATCH", "FILLED", "STOP_LOSS_LIMIT",
        ">43210 trailing 1.5 %<",
    ):  # fmt: skip
        assert text in orders
    trades = page(staff.get("/admin/archive/archivedtrade/"))
    for text in ("alice", "bob", ">60000<", ">0.002<", ">120<", ">0.000002<", ">0.12<"):
        assert text in trades
    prevented = page(staff.get("/admin/archive/archivedpreventedmatch/"))
    for text in (">0<", "alice", "EXPIRE_BOTH", ">60000<", ">0.007<", ">0.003<"):
        assert text in prevented
    transfers = page(staff.get("/admin/archive/archivedtransfer/"))
    assert ">1000000<" in transfers


def test_the_archive_is_searched_by_user_and_filtered(staff: Client, archived: None) -> None:
    def found(**asked: str) -> list[int]:
        response = staff.get("/admin/archive/archivedorder/", asked)
        assert response.status_code == 200
        return [row.order_id for row in response.context["cl"].result_list]

    assert found(q="ali") == [4, 1]
    assert found(q="2") == [2]
    assert found(status__exact="FILLED") == [2]
    assert found(symbol="BTCUSDT", within="hour", side__exact="SELL", type__exact="LIMIT") == [1]
    assert found(symbol="ETHUSDT") == []
    assert found(q="nobody") == []


@pytest.mark.parametrize("model", [ArchivedOrder, ArchivedTrade, ArchivedPreventedMatch, ArchivedTransfer])
def test_the_archive_cannot_be_changed(staff: Client, archived: None, model: type[ArchivedOrder]) -> None:
    path = f"/admin/archive/{model._meta.model_name}/"
    row = model.objects.order_by("pk")[0]
    shown = page(staff.get(f"{path}{row.pk}/change/"))
    assert "_save" not in shown
    assert staff.post(f"{path}{row.pk}/change/", {"venue": "other"}).status_code == 403
    assert staff.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.get(f"{path}add/").status_code == 403
    assert model.objects.get(pk=row.pk).venue == row.venue
