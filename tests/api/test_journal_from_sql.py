"""The journal of an order whose events are gone, in part or all: from SQL, and it says so."""

import pytest

from accounts.journal.asking import journal_of, journal_of_client_id
from engine.commands import ReduceOrder
from engine.errors import Reason, Rejected
from engine.keys import order_member
from engine.types import OrderType, TimeInForce
from engine.venue import Venue
from tests.api.journals import ALICE, BOB, BUY, CAROL, SELL, archive_all, events_of, kinds, line, make_rich, place
from tests.conftest import cancel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def rich(venue: Venue) -> None:
    await make_rich(venue)


async def test_what_was_trimmed_comes_from_sql_and_the_journal_says_so(venue: Venue, rich: None) -> None:
    maker = await place(venue, ALICE, SELL, 6_000_000, 500)
    await place(venue, BOB, BUY, 6_000_000, 100)
    first_kept = (await events_of(venue))[-1].seq + 1
    await place(venue, BOB, BUY, 6_000_000, 150)
    whole = await journal_of(venue, maker)
    await archive_all(venue, keep_from=first_kept)
    told = await journal_of(venue, maker)
    assert not told.is_complete
    assert kinds(told) == ["summary", "accepted", "matched", "matched"]
    assert f"Events before {first_kept} are not kept any more" in told.lines[0].text
    assert told.lines[1:] == [each for each in whole.lines if each.kind != "rests"]

    stop = await place(venue, CAROL, SELL, 0, 100, type=OrderType.STOP_LOSS, stop_ticks=5_900_000)
    await place(venue, ALICE, BUY, 5_900_000, 300)
    await place(venue, BOB, SELL, 5_900_000, 100)
    await archive_all(venue, keep_from=(await venue.queries.clock()).seq + 1)
    told = await journal_of(venue, stop)
    assert kinds(told) == ["summary", "accepted", "triggered", "matched", "last_state"]
    assert line(told, "triggered").numbers["tradeId"] == 3
    assert line(told, "last_state").numbers["status"] == "FILLED"


async def test_an_order_of_a_market_that_was_cleared_is_void(venue: Venue, rich: None) -> None:
    order_id = await place(venue, ALICE, SELL, 6_000_000, 500)
    await place(venue, BOB, BUY, 6_000_000, 100)
    await archive_all(venue)
    await venue.clock.clear_market()
    assert kinds(await journal_of(venue, order_id)) == ["accepted", "rests", "matched", "cleared"]
    await archive_all(venue)
    told = await journal_of(venue, order_id)
    assert kinds(told) == ["void", "accepted", "matched", "last_state"]
    assert not told.is_complete


async def test_an_ended_order_whose_events_are_gone_is_not_searched_for(
    venue: Venue, rich: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await place(venue, ALICE, SELL, 6_000_000, 500, time_in_force=TimeInForce.IOC)
    await archive_all(venue, keep_from=(await venue.queries.clock()).seq + 1)
    monkeypatch.setattr("accounts.journal.asking.Scan.read", None)
    assert kinds(await journal_of(venue, order_id)) == ["summary", "accepted", "last_state"]


async def test_a_journal_reads_few_events_and_an_unknown_order_has_none(
    venue: Venue, rich: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.journal.scan.PAGE", 5)
    for module in ("accounts.journal.scan", "accounts.journal.asking"):  # where it bounds, and where it is told
        monkeypatch.setattr(f"{module}.MOST_EVENTS", 10)
    order_id = await place(venue, ALICE, SELL, 6_000_000, 500)
    for _ in range(20):
        await place(venue, BOB, BUY, 5_000_000, 100)
    await archive_all(venue)
    told = await journal_of(venue, order_id)
    assert kinds(told) == ["accepted", "rests", "summary"]
    assert not told.is_complete
    with pytest.raises(Rejected) as refusal:
        await journal_of(venue, 999)
    assert refusal.value.reason is Reason.NO_SUCH_ORDER


async def test_amendments_of_the_trimmed_past_and_the_name_before_are_known(venue: Venue, rich: None) -> None:
    order_id = await place(venue, ALICE, SELL, 6_000_000, 500, client_order_id="before")
    change = ReduceOrder(
        account=ALICE, symbol="BTCUSDT", order_id=order_id, lots=300, new_client_order_id="after"
    )  # fmt: skip
    await venue.gateway.reduce_order(change)
    whole = await journal_of(venue, order_id)
    amended = line(whole, "amended")
    assert amended.text == (
        "Amended: 0.003 in all now instead of 0.005, 0.003 left, its place in the queue kept; "
        "called after now instead of before"
    )
    await archive_all(venue, keep_from=(await venue.queries.clock()).seq + 1)
    told = await journal_of(venue, order_id)
    assert kinds(told) == ["summary", "accepted", "amended", "last_state"]
    assert line(told, "amended").numbers == {
        name: value for name, value in amended.numbers.items() if name != "left"
    }  # fmt: skip
    for name in ("before", "after"):
        assert (await journal_of_client_id(venue, "alice", "BTCUSDT", name)).order_id == order_id


async def test_a_number_that_was_given_out_again_is_the_new_order_s(venue: Venue, rich: None) -> None:
    """SQL does not know yet that Redis lost the order, and its number is another one's, on another symbol."""
    lost = await place(venue, ALICE, SELL, 6_000_000, 500)
    await archive_all(venue)
    await venue.gateway.cancel_order(cancel(ALICE, lost))
    record = await venue.runner.command("HGET", venue.keys.ended("BTCUSDT"), order_member(lost))
    await venue.runner.command("HDEL", venue.keys.ended("BTCUSDT"), order_member(lost))
    await venue.runner.command("HSET", venue.keys.ended("ETHUSDT"), order_member(lost), record)
    told = await journal_of(venue, lost)
    assert (told.symbol, told.status) == ("ETHUSDT", "CANCELED")
    assert "summary" not in kinds(told)


async def test_an_order_that_never_was_is_told_how_far_the_numbers_go(venue: Venue, rich: None) -> None:
    iceberg = await place(venue, ALICE, SELL, 6_000_000, 500, iceberg_lots=200)
    await place(venue, BOB, BUY, 6_000_000, 200)  # the refill takes a number
    for order_id, text in (
        (999, "Order 999 does not exist: the last number given out is 3."),
        (iceberg + 2, "Order 3 does not exist: its number was used up by a place in a queue"),
    ):
        with pytest.raises(Rejected) as refusal:
            await journal_of(venue, order_id)
        assert refusal.value.detail.startswith(text)
