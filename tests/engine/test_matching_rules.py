"""Matching rules other than price-time: who at a price gets how much, and what happens when one cannot be followed."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from engine import matching_rules
from engine.commands import PlaceOrder
from engine.errors import Reason, Rejected
from engine.scripts import load_scripts
from engine.types import OrderType, Side, StpMode, TimeInForce
from engine.venue import Venue
from tests.conftest import BTCUSDT, fund, limit, market
from tests.engine.checks import digest
from tests.engine.steps import place_first_step
from tests.engine.test_faults import calls_before_the_first_write
from tests.engine.test_script_faults import LATE_MS, at_last
from tests.model.small_steps import shorten_steps
from tests.tape.conftest import MAKER, TAKER, Tape, give_tape_accounts
from tests.unit.lua_gate import WRITES

BUY, SELL = Side.BUY, Side.SELL
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "MATCHING_RULES.md"
FREE = replace(BTCUSDT, min_notional_atoms=0)


async def use(venue: Venue, rule: str, percent: int = 0) -> int:
    """The version of the symbol's rules from here on."""
    await venue.registry.define_symbol(replace(FREE, matching_rule=rule, price_time_percent=percent))
    return (await venue.registry.spec("BTCUSDT")).rules_version


async def place(venue: Venue, order: PlaceOrder) -> Any:
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    return await venue.gateway.place_order(replace(order, rules_version=version))


async def stand(venue: Venue, account: int, *lots: int, tips: tuple[int, ...] = (), price: int = 1_000) -> list[int]:
    """Sell orders at a price in this order; their ids."""
    orders = [limit(account, SELL, price, much) for much in lots]
    orders = [replace(order, iceberg_lots=tip) for order, tip in zip(orders, tips or (0,) * len(lots), strict=True)]
    return [(await place(venue, order)).order.order_id for order in orders]


async def taken(venue: Venue, order: PlaceOrder, makers: list[int]) -> list[tuple[int, int]]:
    """[(which of the makers, lots), ...] in the order of trading."""
    fills = (await place(venue, order)).fills
    return [(makers.index(fill.maker_order_id), fill.lots) for fill in fills]


@pytest.mark.parametrize(
    ("rule", "percent", "lots", "expected"),
    [
        ("price_time", 0, 10, [(0, 10)]),
        ("pro_rata", 0, 10, [(0, 5), (1, 3), (2, 2)]),
        ("price_time_pro_rata", 40, 10, [(0, 8), (1, 1), (2, 1)]),
        ("pro_rata", 0, 9, [(0, 6), (1, 2), (2, 1)]),  # 4.5, 2.7 and 1.8; the two lots left over go to the oldest
        ("pro_rata", 0, 1, [(0, 1)]),
        ("pro_rata", 0, 100, [(0, 50), (1, 30), (2, 20)]),
        ("price_time_pro_rata", 99, 60, [(0, 50), (1, 10)]),  # 59 by time, and the last one by time as well
        ("price_time_pro_rata", 1, 99, [(0, 50), (1, 30), (2, 19)]),
    ],
)  # fmt: skip
async def test_the_examples_of_the_guide_and_others(
    venue: Venue, alice: int, bob: int, rule: str, percent: int, lots: int, expected: list[tuple[int, int]]
) -> None:
    await use(venue, rule, percent)
    makers = await stand(venue, alice, 50, 30, 20)
    assert await taken(venue, limit(bob, BUY, 1_000, lots), makers) == expected


async def test_better_prices_are_taken_whole_and_the_oldest_first(venue: Venue, alice: int, bob: int) -> None:
    await use(venue, "pro_rata")
    makers = await stand(venue, alice, 5, 30, 1) + await stand(venue, alice, 10, 10, price=1_001)
    expected = [(0, 5), (1, 30), (2, 1), (3, 4), (4, 4)]
    assert await taken(venue, limit(bob, BUY, 1_002, 44), makers) == expected


async def test_icebergs_take_part_with_their_tips_and_queue_again(venue: Venue, alice: int, bob: int) -> None:
    await use(venue, "pro_rata")
    makers = await stand(venue, alice, 100, 20, 20, tips=(10, 0, 10))
    assert await taken(venue, limit(bob, BUY, 1_000, 20), makers) == [(0, 5), (1, 10), (2, 5)]
    # 5, 10 and 5 are shown. All of it, then the new tips of 10 and 5 by size: 3 of 15 are 2 and 1.
    expected = [(0, 5), (1, 10), (2, 5), (0, 2), (2, 1)]
    assert await taken(venue, limit(bob, BUY, 1_000, 23), makers) == expected
    assert (await venue.queries.depth("BTCUSDT", 5)).asks == [(1_000, 17)]
    assert await taken(venue, limit(bob, BUY, 1_000, 9), makers) == [(0, 5), (2, 4)]


async def test_own_orders_are_met_first_and_have_no_share(venue: Venue, alice: int, bob: int) -> None:
    await use(venue, "pro_rata")
    first, own, last = await stand(venue, alice, 6) + await stand(venue, bob, 50) + await stand(venue, alice, 4)
    order = replace(limit(bob, BUY, 1_000, 5), stp=StpMode.EXPIRE_MAKER)
    placed = await place(venue, order)
    assert [match.maker_order_id for match in placed.prevented] == [own]
    assert [(fill.maker_order_id, fill.lots) for fill in placed.fills] == [(first, 3), (last, 2)]
    await stand(venue, bob, 7)
    placed = await place(venue, replace(limit(bob, BUY, 1_000, 5), stp=StpMode.EXPIRE_TAKER))
    assert (placed.order.status, placed.fills) == ("EXPIRED_IN_MATCH", [])


async def test_fill_or_kill_counts_what_is_hidden_and_not_its_own(venue: Venue, alice: int, bob: int) -> None:
    await use(venue, "pro_rata")
    await stand(venue, alice, 30, 10, tips=(2, 0))
    await stand(venue, bob, 5)
    order = replace(limit(bob, BUY, 1_000, 41, tif=TimeInForce.FOK), stp=StpMode.EXPIRE_MAKER)
    assert (await place(venue, order)).order.status == "EXPIRED"
    order = replace(limit(bob, BUY, 1_000, 40, tif=TimeInForce.FOK), stp=StpMode.EXPIRE_MAKER)
    assert (await place(venue, order)).order.status == "FILLED"


async def test_money_that_buys_a_part_of_a_level_is_shared_out_too(venue: Venue, alice: int, bob: int) -> None:
    await use(venue, "pro_rata")
    makers = await stand(venue, alice, 50, 30, 20)
    worth = BTCUSDT.notional_ceil(1_000, 10)
    assert await taken(venue, market(bob, BUY, quote_atoms=worth + 5), makers) == [(0, 5), (1, 3), (2, 2)]


async def test_a_level_larger_than_a_step_is_shared_out_once(redis_url: str, venue_name: str) -> None:
    """The same orders in steps of 500, 3 and 1 trades: the same trades, money and places in the queue."""
    random = Random(7)
    sizes = [(random.randint(1, 40), random.choice((0, 0, 3))) for _ in range(23)]
    told = []
    for cap in (500, 3, 1):
        venue = await Venue.connect(redis_url, f"{venue_name}-{cap}")
        await venue.registry.define_symbol(replace(FREE, matching_rule="price_time_pro_rata", price_time_percent=30))
        for account in (1, 2):
            await fund(venue, account, BTC=10**15, USDT=10**15)
        await stand(venue, 1, *(lots for lots, _ in sizes), tips=tuple(min(tip, lots) for lots, tip in sizes))
        shorten_steps(venue, cap)
        trades = []
        for lots in (60, 150, 40):
            for fill in (await place(venue, limit(2, BUY, 1_000, lots))).fills:
                trades.append((fill.maker_order_id, fill.lots))
        queue = await venue.runner.command("ZRANGE", venue.keys.book("BTCUSDT", SELL), 0, -1)
        told.append((trades, [place[-16:] for place in queue], await venue.queries.balances(1, ["BTC", "USDT"])))
        left = await venue.runner.command("HGET", venue.keys.symbol("BTCUSDT"), "allocation")
        assert not left, "nothing of a round is left when its order has ended"
        await venue.close()
    assert len(told[0][0]) > 30
    assert told[0] == told[1] == told[2]


async def test_a_rule_that_changes_while_an_order_has_steps_left(venue: Venue, alice: int, bob: int) -> None:
    await use(venue, "pro_rata")
    makers = await stand(venue, alice, *[10] * 12)
    shorten_steps(venue, 3)
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    await place_first_step(venue, replace(limit(bob, BUY, 1_000, 24), rules_version=version))
    fields = ("HGET", venue.keys.symbol("BTCUSDT"), "allocation")
    assert await venue.runner.command(*fields)
    await use(venue, "price_time")
    assert await venue.runner.command(*fields) is None
    assert await taken(venue, limit(bob, BUY, 999, 1), makers) == []  # brings the other to its end
    filled = {
        order.order_id: order.lots - order.left_lots for order in await venue.queries.open_orders(alice, ["BTCUSDT"])
    }
    expected = [10, 10, 4, *[0] * 9]  # two each of the first three by size, the other 18 by time
    assert [filled.get(maker, 10) for maker in makers] == expected


@pytest.fixture
def own_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Rules by name that scripts loaded from here on know, without the gate's judgement."""
    rules: dict[str, str] = {}
    monkeypatch.setattr(matching_rules, "_own", rules)
    return rules


FAILURES = {
    "nothing": ("return nil", "gave no list of {place, lots}, but a nil"),
    "numbers": ("return { 1, 2 }", "gave entry 1 for a place that is none of 1 to 3"),
    "a place too far": ("return { { 4, lots } }", "gave entry 1 for a place that is none of 1 to 3"),
    "a place twice": ("return { { 1, 1 }, { 1, lots - 1 } }", "gave place 1 twice"),
    "more than shown": ("return { { 3, lots } }", "gave place 3 4 lots, 2 are shown there"),
    "too much": ("return { { 1, 3 }, { 2, 2 } }", "gave 5 lots in all, 4 were to be given"),
    "too little": ("return { { 1, 3 } }", "gave 3 lots in all, 4 were to be given"),
    "fractions": ("return { { 1, 2.5 }, { 2, 1.5 } }", "gave place 1 parts of lots, 5 are shown there"),
    "less than nothing": ("return { { 1, 5 }, { 2, -1 } }", "gave place 2 -1 lots, 3 are shown there"),
    "no number at all": ("return { { 1, 0 / 0 } }", "gave place 1 parts of lots"),
    "texts": ('return { { 1, "4" } }', "gave place 1 parts of lots"),
    "an error": ("return shown.none.there", "failed: "),
    "a global": ("leftover = 1 return {}", "failed: "),
}  # fmt: skip


@pytest.mark.parametrize("what", FAILURES)
async def test_a_rule_that_gives_what_cannot_be_changes_nothing(
    venue: Venue, alice: int, bob: int, own_rules: dict[str, str], what: str
) -> None:
    body, expected = FAILURES[what]
    own_rules["mine"] = f"local function allocate(shown, lots)\n  {body}\nend\nreturn allocate"
    venue.runner._scripts = load_scripts()
    await use(venue, "mine")
    await stand(venue, alice, 5, 3, 2)
    before = await digest(venue)
    with pytest.raises(Rejected) as caught:
        await place(venue, limit(bob, BUY, 1_000, 4))
    assert caught.value.reason is Reason.RULE_FAILED
    assert caught.value.detail.startswith("the matching rule mine ")
    assert expected in caught.value.detail
    assert await digest(venue) == before
    assert len((await place(venue, limit(bob, BUY, 1_000, 10))).fills) == 3, "who takes everything needs no rule"


async def test_a_rule_that_this_process_does_not_know(venue: Venue, alice: int, bob: int) -> None:
    await use(venue, "mine")
    await stand(venue, alice, 5, 3)
    with pytest.raises(Rejected, match="there is no matching rule mine"):
        await place(venue, limit(bob, BUY, 1_000, 4))


async def test_what_was_triggered_into_a_failing_rule_expires(
    venue: Venue, alice: int, bob: int, carol: int, own_rules: dict[str, str]
) -> None:
    own_rules["mine"] = "return function() return {} end"
    venue.runner._scripts = load_scripts()
    await use(venue, "mine")
    await stand(venue, alice, 2, price=1_000)
    await stand(venue, alice, 5, 3, price=1_001)
    stop = replace(limit(carol, BUY, 1_001, 4), type=OrderType.STOP_LOSS_LIMIT, stop_ticks=1_000)
    waiting = (await place(venue, stop)).order.order_id
    await place(venue, limit(bob, BUY, 1_000, 2))
    found = await venue.queries.order(carol, "BTCUSDT", order_id=waiting)
    assert (found.status, found.filled_lots) == ("EXPIRED", 0)


async def test_the_guides_own_rule_as_it_stands(
    venue: Venue, alice: int, bob: int, tmp_path: Path, own_rules: dict[str, str]
) -> None:
    (text,) = re.findall(r"```lua\n(.*?)```", GUIDE.read_text(), re.S)
    (tmp_path / "largest_first.lua").write_text(text)
    matching_rules.use_rules_of(tmp_path)
    assert list(own_rules) == ["largest_first"]
    venue.runner._scripts = load_scripts()
    await use(venue, "largest_first")
    makers = await stand(venue, alice, 5, 30, 20, 30)
    assert await taken(venue, limit(bob, BUY, 1_000, 55), makers) == [(1, 30), (3, 25)]


@pytest.mark.parametrize("cap", [1, 2, 500])
async def test_recorded_history_shares_a_level_out_once(venue: Venue, alice: int, cap: int) -> None:
    """A recorded trade that needs many orders of the tape goes on amid the round where the one before has stopped."""
    version = await use(venue, "pro_rata")
    makers = await stand(venue, alice, 50, 30, 20, 7, 3)
    await give_tape_accounts(venue)
    for account in (MAKER, TAKER):
        await fund(venue, account, BTC=10**15, USDT=10**15)
    await venue.clock.set_virtual(LATE_MS)
    shorten_steps(venue, cap)
    tape = at_last(venue)
    tape.rules_version = version
    fills = await tape.trade(1_000, 55, is_buyer_maker=False)
    shares = {fill.maker_order_id: fill.lots for fill in fills}
    assert len(shares) == len(fills), "everybody is met once"
    # 110 lots of users and 55 that the tape puts there: a third of each, what rounding leaves over to the oldest.
    assert [shares.get(maker, 0) for maker in makers] == [18, 10, 6, 2, 1]
    assert sum(shares.values()) == 55


@pytest.mark.parametrize("rule", ["pro_rata", "price_time_pro_rata"])
async def test_a_fault_among_the_shares_changes_nothing(venue: Venue, alice: int, bob: int, rule: str) -> None:
    """Before the first write of an order that shares a level out, of one that does so amid its steps, of the tape."""
    version = await use(venue, rule, 50 if rule == "price_time_pro_rata" else 0)
    await stand(venue, alice, 50, 30, 20, 40, tips=(5, 0, 4, 40))
    await stand(venue, bob, 6)
    taker = replace(limit(bob, BUY, 1_000, 37), stp=StpMode.EXPIRE_MAKER)
    await give_tape_accounts(venue)
    for account in (MAKER, TAKER):
        await fund(venue, account, BTC=10**15, USDT=10**15)
    await venue.clock.set_virtual(LATE_MS)

    def tape(venue: Venue) -> Tape:
        tape = at_last(venue)
        tape.rules_version = version
        return tape

    acts: dict[str, Callable[[Venue], Awaitable[object]]] = {
        "place_order": lambda venue: place(venue, taker),
        "play_tape_trade": lambda venue: tape(venue).trade(1_000, 60, is_buyer_maker=False),
        "apply_tape_frame": lambda venue: tape(venue).frame(bids={1_000: 45}),
    }
    for name, act in acts.items():
        struck = await calls_before_the_first_write(venue, name, act)
        assert struck[-1] in WRITES
        assert all(command not in WRITES for command in struck[:-1]), name
        await act(venue)


async def test_a_fault_amid_a_round_changes_nothing(venue: Venue, alice: int, bob: int) -> None:
    await use(venue, "pro_rata")
    await stand(venue, alice, 50, 30, 20)
    shorten_steps(venue, 1)
    version = (await venue.registry.spec("BTCUSDT")).rules_version
    await place_first_step(venue, replace(limit(bob, BUY, 1_000, 50), rules_version=version))
    shorten_steps(venue, 500)
    spec = await venue.registry.spec("BTCUSDT")
    keys = venue.keys.of_market(spec.symbol, spec.base, spec.quote)
    struck = await calls_before_the_first_write(
        venue, "continue_order", lambda venue: venue.runner.run("continue_order", keys, ("BTCUSDT",))
    )
    assert struck[-1] in WRITES
    assert len(struck) > 4
