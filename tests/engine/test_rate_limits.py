"""How much may be asked: weight and requests of an address, unfilled orders of an account, bans.

Everything by the venue's clock. The examples are those of Binance's faqs/order_count_decrement.md, its times in
milliseconds.
"""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from engine.commands import CancelOrder, PlaceOrder, PlaceOrderList, ReplaceOrder
from engine.errors import Reason, Rejected
from engine.events import RateLimitsSet
from engine.gateway import Canceled
from engine.rate_limits import Charge, RateLimits, Verdict, Window, read_rate_limits
from engine.types import ListKind, OrderType, Side, TimeInForce
from engine.venue import Venue
from tests.conftest import limit, market
from tests.engine.checks import digest, events_of, refusal, refused_without_a_trace

BUY, SELL = Side.BUY, Side.SELL
DAY_MS = 86_400_000
START_MS = 1_704_067_200_000  # 2024-01-01 00:00 UTC
HERE = "127.0.0.1"
LIMITS = RateLimits()


@pytest.fixture
async def counting(venue: Venue) -> Venue:
    """A venue with Binance's limits whose clock stands at the beginning of a day."""
    await venue.clock.set_virtual(START_MS)
    await venue.limiter.set_limits(LIMITS)
    return venue


async def after(venue: Venue, ms: int) -> None:
    """The clock stands so long after the beginning."""
    await venue.clock.set_virtual(START_MS + ms)


def charged(order: PlaceOrder, *, address: str = HERE, weight: int = 1, orders: int = 1) -> PlaceOrder:
    return replace(order, charge=Charge(address, weight=weight, orders=orders))


async def place(venue: Venue, order: PlaceOrder, **charge: Any) -> int:
    """Place it; the account's unfilled orders in 10 seconds afterwards, as the reply told it."""
    order = charged(order, **charge)
    await venue.gateway.place_order(order)
    assert order.charge is not None
    assert order.charge.counts is not None
    return order.charge.counts.short_orders


async def short(venue: Venue, account: int) -> int:
    return (await venue.limiter.unfilled_orders(account)).short_orders


class TestRequests:
    async def test_weight_adds_up_and_begins_anew_with_the_minute(self, counting: Venue) -> None:
        admit = counting.limiter.admit
        used = [(await admit(HERE, weight)).counts.weight for weight in (20, 1, 250)]
        assert used == [20, 21, 271]
        await after(counting, 59_999)
        assert (await admit(HERE, 1)).counts.weight == 272
        await after(counting, 60_000)
        admission = await admit(HERE, 1)
        assert (admission.verdict, admission.counts.weight, admission.counts.requests) == (Verdict.ADMITTED, 1, 5)

    async def test_another_address_has_a_count_of_its_own(self, counting: Venue) -> None:
        await counting.limiter.admit(HERE, 100)
        assert (await counting.limiter.admit("2001:db8::1", 3)).counts.weight == 3

    async def test_exactly_the_limit_is_admitted_and_the_refusal_says_until_when(self, counting: Venue) -> None:
        await after(counting, 12_345)
        admissions = [await counting.limiter.admit(HERE, 1_000) for _ in range(7)]
        assert [admission.verdict for admission in admissions] == [Verdict.ADMITTED] * 6 + [Verdict.WEIGHT]
        last = admissions[-1]
        assert (last.now_ms, last.until_ms, last.counts.weight) == (START_MS + 12_345, START_MS + 60_000, 6_000)

    async def test_what_was_refused_is_not_counted_and_something_lighter_still_fits(self, counting: Venue) -> None:
        await counting.limiter.admit(HERE, 5_990)
        assert (await counting.limiter.admit(HERE, 20)).verdict is Verdict.WEIGHT
        assert (await counting.limiter.admit(HERE, 10)).counts.weight == 6_000

    async def test_raw_requests_have_a_limit_whatever_they_weigh(self, counting: Venue) -> None:
        await counting.limiter.set_limits(replace(LIMITS, requests=Window(3, 300_000)))
        verdicts = [(await counting.limiter.admit(HERE, 0)).verdict for _ in range(4)]
        assert verdicts == [Verdict.ADMITTED] * 3 + [Verdict.REQUESTS]
        await after(counting, 299_999)
        assert (await counting.limiter.admit(HERE, 0)).until_ms == START_MS + 300_000
        await after(counting, 300_000)
        assert (await counting.limiter.admit(HERE, 0)).verdict is Verdict.ADMITTED

    async def test_a_venue_without_limits_counts_nothing(self, venue: Venue) -> None:
        before = await digest(venue)
        assert (await venue.limiter.admit(HERE, 9_999)).verdict is Verdict.OFF
        assert await digest(venue) == before


class TestBans:
    async def test_who_goes_on_is_banned_each_time_twice_as_long(self, counting: Venue) -> None:
        await counting.limiter.set_limits(replace(LIMITS, weight=Window(1, 60_000), refusals_before_ban=2))
        admit, now_ms, lengths = counting.limiter.admit, 0, []
        for _ in range(14):
            assert (await admit(HERE, 1)).verdict is Verdict.ADMITTED
            verdicts = [await admit(HERE, 1) for _ in range(4)]
            assert [one.verdict for one in verdicts] == [Verdict.WEIGHT] * 2 + [Verdict.BANNED] * 2
            lengths.append((verdicts[-1].until_ms - START_MS - now_ms) // 60_000)
            now_ms = verdicts[-1].until_ms - START_MS
            await after(counting, now_ms - 1)
            assert (await admit(HERE, 1)).verdict is Verdict.BANNED
            await after(counting, now_ms)
        assert lengths == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 4_320, 4_320]

    async def test_who_has_kept_quiet_begins_with_two_minutes_again(self, counting: Venue) -> None:
        await counting.limiter.set_limits(replace(LIMITS, weight=Window(0, 60_000), refusals_before_ban=1))
        admit = counting.limiter.admit
        for expected_ms in (120_000, 240_000):
            assert [(await admit(HERE, 1)).verdict for _ in range(2)] == [Verdict.WEIGHT, Verdict.BANNED]
            banned = await admit(HERE, 1)
            assert banned.until_ms - banned.now_ms == expected_ms
            await counting.clock.set_virtual(banned.until_ms)
        await counting.clock.set_virtual(banned.until_ms + 3 * DAY_MS)
        until_ms = [(await admit(HERE, 1)).until_ms for _ in range(2)][-1]
        assert until_ms == banned.until_ms + 3 * DAY_MS + 120_000

    async def test_refusals_of_an_earlier_minute_do_not_add_up(self, counting: Venue) -> None:
        await counting.limiter.set_limits(replace(LIMITS, weight=Window(0, 60_000), refusals_before_ban=3))
        for minute in range(4):
            await after(counting, minute * 60_000)
            assert [(await counting.limiter.admit(HERE, 1)).verdict for _ in range(3)] == [Verdict.WEIGHT] * 3

    async def test_no_ban_ever_where_none_is_wanted(self, counting: Venue) -> None:
        await counting.limiter.set_limits(replace(LIMITS, weight=Window(0, 60_000), refusals_before_ban=0))
        assert {(await counting.limiter.admit(HERE, 1)).verdict for _ in range(60)} == {Verdict.WEIGHT}

    async def test_a_banned_address_places_nothing(self, counting: Venue, alice: int) -> None:
        await counting.limiter.set_limits(replace(LIMITS, weight=Window(0, 60_000), refusals_before_ban=1))
        for _ in range(2):
            await counting.limiter.admit(HERE, 1)
        await counting.limiter.set_limits(LIMITS)
        order = charged(limit(alice, BUY, 900, 5))
        assert await refused_without_a_trace(counting, counting.gateway.place_order(order)) is Reason.RATE_LIMITED
        assert await place(counting, limit(alice, BUY, 900, 5), address="127.0.0.2") == 1


class TestPlacements:
    async def test_a_placement_is_counted_where_it_is_placed(self, counting: Venue, alice: int) -> None:
        order = charged(limit(alice, BUY, 900, 5), weight=1, orders=1)
        await counting.gateway.place_order(order)
        assert order.charge is not None
        assert order.charge.counts is not None
        assert (order.charge.counts.weight, order.charge.counts.requests) == (1, 1)
        assert (await counting.limiter.admit(HERE, 4)).counts.weight == 5

    async def test_one_without_a_charge_is_not(self, counting: Venue, alice: int) -> None:
        for price in (900, 901):
            await counting.gateway.place_order(limit(alice, BUY, price, 5))
        assert await short(counting, alice) == 0
        assert counting.keys.limits.encode() not in await digest(counting)

    async def test_what_the_engine_refuses_is_not_counted_and_leaves_no_trace(
        self, counting: Venue, alice: int
    ) -> None:
        order = charged(limit(alice, BUY, 1_000_000, 800_000_000))
        reason = await refused_without_a_trace(counting, counting.gateway.place_order(order))
        assert reason is Reason.INSUFFICIENT_BALANCE
        assert order.charge is not None
        assert order.charge.counts is None

    @pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.STOP_LOSS])
    async def test_the_hundredth_is_the_last_in_ten_seconds(
        self, counting: Venue, alice: int, bob: int, kind: OrderType
    ) -> None:
        await counting.limiter.set_limits(replace(LIMITS, short_orders=Window(3, 10_000)))
        orders = [limit(alice, BUY, 900 - number, 5) for number in range(4)]
        if kind is OrderType.STOP_LOSS:
            orders = [replace(order, type=kind, price_ticks=0, stop_ticks=order.price_ticks) for order in orders]
            orders = [replace(order, side=SELL) for order in orders]
            await counting.gateway.place_order(limit(alice, BUY, 1_000, 5))
            await counting.gateway.place_order(limit(bob, SELL, 1_000, 5))
        assert [await place(counting, order) for order in orders[:3]] == [1, 2, 3]
        await after(counting, 9_000)
        with pytest.raises(Rejected) as caught:
            await place(counting, orders[3])
        assert caught.value.reason is Reason.TOO_MANY_ORDERS
        assert caught.value.numbers == {
            "max_orders": 3, "interval_ms": 10_000, "now_ms": START_MS + 9_000, "until_ms": START_MS + 10_000
        }  # fmt: skip
        assert await refused_without_a_trace(counting, counting.gateway.place_order(charged(orders[3]))) == (
            Reason.TOO_MANY_ORDERS
        )
        await after(counting, 10_000)
        assert await place(counting, orders[3]) == 1

    async def test_the_longer_interval_is_named_when_both_are_full(self, counting: Venue, alice: int) -> None:
        limits = replace(LIMITS, short_orders=Window(1, 10_000), long_orders=Window(1, DAY_MS))
        await counting.limiter.set_limits(limits)
        await place(counting, limit(alice, BUY, 900, 5))
        with pytest.raises(Rejected) as caught:
            await place(counting, limit(alice, BUY, 899, 5))
        assert caught.value.numbers["until_ms"] == START_MS + DAY_MS

    async def test_cancels_are_not_limited_when_orders_are(self, counting: Venue, alice: int) -> None:
        await counting.limiter.set_limits(replace(LIMITS, short_orders=Window(1, 10_000)))
        order = charged(limit(alice, BUY, 900, 5))
        placed = await counting.gateway.place_order(order)
        assert await refusal(counting.gateway.place_order(charged(limit(alice, BUY, 899, 5)))) is Reason.TOO_MANY_ORDERS
        await counting.gateway.cancel_order(
            CancelOrder(account=alice, symbol="BTCUSDT", order_id=placed.order.order_id)
        )
        assert await short(counting, alice) == 1

    async def test_a_list_counts_all_its_orders(self, counting: Venue, alice: int, bob: int) -> None:
        await counting.gateway.place_order(limit(alice, BUY, 1_000, 5))
        await counting.gateway.place_order(limit(bob, SELL, 1_000, 5))

        def pair() -> PlaceOrderList:
            above = replace(limit(alice, SELL, 1_100, 5), type=OrderType.LIMIT_MAKER)
            below = replace(limit(alice, SELL, 0, 5), type=OrderType.STOP_LOSS, stop_ticks=900)
            legs = [charged(above, orders=2), below]
            return PlaceOrderList(kind=ListKind.OCO, client_order_id="", orders=legs)

        await counting.limiter.set_limits(replace(LIMITS, short_orders=Window(3, 10_000)))
        first = pair()
        await counting.gateway.place_order_list(first)
        charge = first.orders[0].charge
        assert charge is not None
        assert charge.counts is not None
        assert (charge.counts.weight, charge.counts.short_orders) == (1, 2)
        reason = await refused_without_a_trace(counting, counting.gateway.place_order_list(pair()))
        assert reason is Reason.TOO_MANY_ORDERS

    async def test_a_replacement_cancels_nothing_once_the_limit_is_reached_unless_told_to(
        self, counting: Venue, alice: int
    ) -> None:
        await counting.limiter.set_limits(replace(LIMITS, short_orders=Window(1, 10_000)))
        placed = await counting.gateway.place_order(charged(limit(alice, BUY, 900, 5)))
        meant = CancelOrder(account=alice, symbol="BTCUSDT", order_id=placed.order.order_id)
        wanted = ReplaceOrder(cancel=meant, place=charged(limit(alice, BUY, 901, 5)))
        assert await refused_without_a_trace(counting, counting.gateway.replace_order(wanted)) is Reason.TOO_MANY_ORDERS
        replaced = await counting.gateway.replace_order(replace(wanted, cancel_anyway=True))
        assert isinstance(replaced.canceled, Canceled)
        assert isinstance(replaced.placed, Rejected)
        assert replaced.placed.reason is Reason.TOO_MANY_ORDERS
        assert wanted.place.charge is not None
        assert wanted.place.charge.counts is not None
        assert (wanted.place.charge.counts.weight, wanted.place.charge.counts.short_orders) == (2, 1)

    async def test_a_new_order_that_was_not_tried_counts_all_the_same(self, counting: Venue, alice: int) -> None:
        """rest-api.md, notes of "Cancel an Existing Order and Send a New Order"; one that was refused does not."""
        meant = CancelOrder(account=alice, symbol="BTCUSDT", order_id=77)
        not_tried = ReplaceOrder(cancel=meant, place=charged(limit(alice, BUY, 901, 5)))
        assert (await counting.gateway.replace_order(not_tried)).placed is None
        assert await short(counting, alice) == 1
        too_dear = charged(limit(alice, BUY, 1_000_000, 800_000_000))
        refused = await counting.gateway.replace_order(ReplaceOrder(cancel=meant, place=too_dear, place_anyway=True))
        assert isinstance(refused.placed, Rejected)
        assert await short(counting, alice) == 1

    async def test_a_replacement_counts_once(self, counting: Venue, alice: int) -> None:
        placed = await counting.gateway.place_order(charged(limit(alice, BUY, 900, 5)))
        meant = CancelOrder(account=alice, symbol="BTCUSDT", order_id=placed.order.order_id)
        wanted = ReplaceOrder(cancel=meant, place=charged(limit(alice, BUY, 901, 5)))
        await counting.gateway.replace_order(wanted)
        assert wanted.place.charge is not None
        assert wanted.place.charge.counts is not None
        assert (wanted.place.charge.counts.weight, wanted.place.charge.counts.short_orders) == (2, 2)

    async def test_of_many_at_once_exactly_the_limit_is_admitted(self, counting: Venue, alice: int) -> None:
        await counting.limiter.set_limits(replace(LIMITS, weight=Window(40, 60_000), refusals_before_ban=0))
        orders = [charged(limit(alice, BUY, 1_000 - number, 5)) for number in range(60)]
        asked = [counting.gateway.place_order(order) for order in orders]
        asked += [counting.limiter.admit(HERE, 1) for _ in range(60)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        placed = sum(1 for order in orders if order.charge is not None and order.charge.counts is not None)
        admitted = sum(1 for one in outcomes if getattr(one, "verdict", None) is Verdict.ADMITTED)
        assert placed + admitted == 40


class TestFills:
    """faqs/order_count_decrement.md; A to H are its orders, and bob is whoever they trade with."""

    async def test_example_1_takers(self, counting: Venue, alice: int, bob: int) -> None:
        await after(counting, 1_000)
        assert await place(counting, limit(alice, BUY, 900, 5)) == 1  # A
        await after(counting, 2_000)
        await counting.gateway.place_order(limit(bob, SELL, 1_000, 2))
        assert await place(counting, limit(alice, BUY, 1_000, 8)) == 1  # B, filled in part as a taker
        await after(counting, 3_000)
        assert await place(counting, limit(alice, BUY, 901, 5)) == 2  # C
        await after(counting, 4_000)
        for lots in (2, 4):
            await counting.gateway.place_order(limit(bob, SELL, 1_000, lots))
            assert await short(counting, alice) == 2
        await after(counting, 5_000)
        await counting.gateway.place_order(limit(bob, SELL, 1_100, 10**5))
        assert await place(counting, market(alice, BUY, lots=10**5)) == 2  # D

    async def test_example_2_makers(self, counting: Venue, alice: int, bob: int) -> None:
        await after(counting, 1_000)
        counts = [await place(counting, limit(alice, BUY, 1_000 - number, 5)) for number in range(5)]
        assert counts == [1, 2, 3, 4, 5]  # A to E
        await after(counting, 3_000)
        await counting.gateway.place_order(limit(bob, SELL, 1_000, 1))
        assert await short(counting, alice) == 0
        await after(counting, 4_000)
        assert [await place(counting, limit(alice, BUY, 900 - number, 5)) for number in range(2)] == [1, 2]  # F, G
        await after(counting, 5_000)
        for lots in (1, 3):
            await counting.gateway.place_order(limit(bob, SELL, 1_000, lots))
            assert await short(counting, alice) == 2
        await counting.gateway.place_order(limit(bob, SELL, 999, 1))
        assert await short(counting, alice) == 0
        await after(counting, 6_000)
        assert await place(counting, limit(alice, BUY, 890, 5)) == 1  # H

    async def test_example_3_cancels_and_expiries(self, counting: Venue, alice: int, bob: int) -> None:
        await after(counting, 1_000)
        a = await counting.gateway.place_order(charged(limit(alice, BUY, 900, 5)))
        assert await short(counting, alice) == 1
        await counting.gateway.cancel_order(CancelOrder(account=alice, symbol="BTCUSDT", order_id=a.order.order_id))
        assert await short(counting, alice) == 1
        assert await place(counting, limit(alice, BUY, 901, 5)) == 2  # B
        await counting.gateway.place_order(limit(bob, SELL, 1_000, 5))
        assert await place(counting, limit(alice, BUY, 1_000, 5, tif=TimeInForce.FOK)) == 2  # C, filled
        d = charged(limit(alice, BUY, 902, 5))
        placed = await counting.gateway.place_order(d)
        assert await short(counting, alice) == 3
        assert await place(counting, limit(alice, BUY, 1_000, 5, tif=TimeInForce.FOK)) == 4  # E, expired
        await counting.gateway.cancel_order(
            CancelOrder(account=alice, symbol="BTCUSDT", order_id=placed.order.order_id)
        )
        assert await short(counting, alice) == 4
        assert await place(counting, limit(alice, BUY, 903, 5)) == 5  # F

    async def test_example_4_orders_of_yesterday(self, counting: Venue, alice: int, bob: int) -> None:
        """Its makers count as one each, unlike those of example 2: how many is a number of the venue."""
        await counting.limiter.set_limits(replace(LIMITS, fill_as_maker=1))

        async def in_a_day() -> int:
            return (await counting.limiter.unfilled_orders(alice)).long_orders

        async def fill(count: int) -> None:
            await counting.gateway.place_order(limit(bob, SELL, 100, 5 * count))

        hour_ms = 3_600_000
        await after(counting, 9 * hour_ms)
        for number in range(5):
            await place(counting, limit(alice, BUY, 1_000 - number, 5))
        assert await in_a_day() == 5
        await after(counting, 24 * hour_ms)
        assert await in_a_day() == 0
        await after(counting, 33 * hour_ms)
        for number in range(5, 15):
            await place(counting, limit(alice, BUY, 1_000 - number, 5))
        assert await in_a_day() == 10
        for at_hour, placed, filled, expected in ((36, 0, 5, 5), (37, 0, 5, 0), (38, 2, 0, 2), (39, 0, 5, 0)):
            await after(counting, at_hour * hour_ms)
            for number in range(placed):
                await place(counting, limit(alice, BUY, 900 - number, 5))
            if filled:
                await fill(filled)
            assert await in_a_day() == expected

    async def test_one_step_takes_off_for_every_maker_and_for_the_taker(
        self, counting: Venue, alice: int, bob: int, carol: int
    ) -> None:
        await counting.limiter.set_limits(replace(LIMITS, fill_as_maker=2))
        for account, price in ((alice, 1_000), (alice, 1_001), (bob, 1_002), (alice, 500), (alice, 501), (alice, 502)):
            await place(counting, limit(account, SELL if price > 999 else BUY, price, 5))
        assert await place(counting, limit(carol, BUY, 1_002, 15)) == 0
        assert [await short(counting, account) for account in (alice, bob, carol)] == [1, 0, 0]

    async def test_a_taker_of_another_dialect_fills_makers_all_the_same(
        self, counting: Venue, alice: int, bob: int
    ) -> None:
        await place(counting, limit(alice, BUY, 900, 5))
        await counting.gateway.place_order(limit(bob, SELL, 900, 5))
        assert await short(counting, alice) == 0


class TestSettings:
    def test_text_and_numbers_are_the_same(self) -> None:
        assert read_rate_limits(LIMITS.text) == LIMITS
        assert read_rate_limits("") is None

    async def test_a_change_is_told_once(self, venue: Venue) -> None:
        limits = replace(LIMITS, weight=Window(1_200, 60_000))
        (event,) = await events_of(venue, lambda: venue.limiter.set_limits(limits))
        assert isinstance(event, RateLimitsSet)
        assert event.limits == limits
        assert await events_of(venue, lambda: venue.limiter.set_limits(limits)) == []
        assert await venue.registry.rate_limits() == limits
        (event,) = await events_of(venue, lambda: venue.limiter.set_limits(None))
        assert isinstance(event, RateLimitsSet)
        assert event.limits is None
        assert await venue.registry.rate_limits() is None

    async def test_another_limit_keeps_the_counts_another_interval_does_not(self, counting: Venue) -> None:
        await counting.limiter.admit(HERE, 50)
        await counting.limiter.set_limits(replace(LIMITS, weight=Window(60, 60_000)))
        assert (await counting.limiter.admit(HERE, 11)).verdict is Verdict.WEIGHT
        await counting.limiter.set_limits(replace(LIMITS, weight=Window(60, 10_000)))
        assert (await counting.limiter.admit(HERE, 11)).counts.weight == 11

    async def test_counts_and_bans_can_be_forgotten(self, counting: Venue) -> None:
        await counting.limiter.admit(HERE, 50)
        await counting.limiter.set_limits(LIMITS, forget_counts=True)
        assert (await counting.limiter.admit(HERE, 1)).counts.weight == 1

    async def test_a_clock_that_goes_back_forgets_what_was_counted_in_times_to_come(self, counting: Venue) -> None:
        await after(counting, DAY_MS)
        await counting.limiter.admit(HERE, 6_000)
        await after(counting, 60_000)
        assert (await counting.limiter.admit(HERE, 1)).counts.weight == 1
        await after(counting, DAY_MS)
        assert (await counting.limiter.admit(HERE, 6_000)).verdict is Verdict.ADMITTED

    async def test_addresses_that_ask_no_more_are_removed_by_those_that_are_new(self, counting: Venue) -> None:
        most = 0
        for round_number in range(20):
            await after(counting, round_number * 300_000)
            addresses = [f"10.{round_number}.{number // 250}.{number % 250}" for number in range(300)]
            await asyncio.gather(*(counting.limiter.admit(address, 1) for address in addresses))
            most = max(most, await counting.runner.command("HLEN", counting.keys.limits))
        assert most < 1_500, f"{most} of 6,000 addresses are kept, 300 of them are of now"
