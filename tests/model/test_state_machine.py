"""Hypothesis plays commands into engine and reference and shrinks what tells them apart to the few that matter.

500 examples of 50 steps; `--hypothesis-profile deep` makes it 5,000 of 100.
"""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.account_rules import AccountLimits
from engine.commands import (
    CancelAllOrders,
    CancelOrder,
    CancelOrderList,
    PlaceOrder,
    PlaceOrderList,
    ReduceOrder,
    ReplaceOrder,
    TapeFrame,
    TapeLevel,
    TapeTrade,
    Transfer,
)
from engine.types import MAX_FILLS, ListKind, OrderStatus, OrderType, PegPrice, Side, StpMode, SymbolStatus, TimeInForce
from engine.venue import Venue
from tests.conftest import finish
from tests.model.agreement import ASSETS, Pair
from tests.model.asking import Step
from tests.model.tape import MAKER, TAKER
from tests.model.translation import SPECS

_names = itertools.count(1)
ACCOUNTS = st.integers(1, 3)
SYMBOLS = st.sampled_from(list(SPECS))
SIDES = st.sampled_from(list(Side))
CLOSE_PRICES = st.integers(96, 104)
MODES = st.sampled_from([StpMode.NONE, *StpMode])
CONTINGENT = st.sampled_from([kind for kind in OrderType if kind.is_contingent])
PROFITS = [OrderType.LIMIT_MAKER, OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT]
STOPS = [OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT]
WORKING = [OrderType.LIMIT, OrderType.LIMIT, OrderType.LIMIT_MAKER]
LOTS = st.integers(1, 12) | st.integers(1, 2**45)
PRICES = st.integers(98, 103) | st.sampled_from([1, 7, 33_333, 2**40])
CLIENT_IDS = st.sampled_from(["", "", "a", "b"])
DIGESTS = st.sampled_from(["", "", "", "", "key"])
ORDERS = st.integers(0, 12)  # which of the newest orders is meant
ATOMS = st.integers(1, 50_000) | st.integers(1, 2**60)
PEGS = [PegPrice.PRIMARY_PEG, PegPrice.MARKET_PEG]
SMALL = st.integers(0, 3)  # of a count; 0 is no rule
RULES = st.fixed_dictionaries(
    {},
    optional={
        "max_orders": SMALL, "max_algo_orders": SMALL, "max_iceberg_orders": SMALL, "max_order_lists": SMALL,
        "exchange_max_orders": SMALL, "exchange_max_algo_orders": SMALL, "exchange_max_iceberg_orders": SMALL,
        "exchange_max_order_lists": SMALL, "max_order_amends": SMALL, "max_position_lots": st.integers(1, 300_000),
        "price_up_e4": st.sampled_from([10_000, 10_100, 10_200]), "price_down_e4": st.sampled_from([9_800, 9_900]),
        "bid_price_up_e4": st.sampled_from([10_000, 10_300]), "ask_price_down_e4": st.sampled_from([9_700, 10_000]),
        "halt_bips": st.sampled_from([100, 200]), "halt_seconds": st.integers(1, 2),
        "range_bid_up_e4": st.sampled_from([10_000, 10_150]), "range_ask_down_e4": st.sampled_from([9_850, 10_000]),
        "range_bid_down_e4": st.sampled_from([9_700, 9_900]), "range_ask_up_e4": st.sampled_from([10_100, 10_300]),
    },
)  # fmt: skip
MATCHING = st.sampled_from([("price_time", 0), ("pro_rata", 0), ("price_time_pro_rata", 50)])
REFERENCES = st.sampled_from(
    [
        {}, {"reference_external_id": 0}, {"reference_bucket_ms": 50, "reference_buckets": 2},
        {"reference_bucket_ms": 1_000, "reference_buckets": 1},
    ]
)  # fmt: skip
LEVELS = st.lists(st.tuples(SIDES, CLOSE_PRICES, st.integers(0, 12)), max_size=4)
DELAYS_MS = st.integers(-5, 60)
LIMITS = st.builds(
    AccountLimits, is_killed=st.sampled_from([False, False, True]), max_open_orders=SMALL,
    max_order=st.dictionaries(st.sampled_from(ASSETS), st.integers(1, 20_000), max_size=2),
    max_daily=st.dictionaries(st.sampled_from(ASSETS), st.integers(1, 50_000), max_size=2),
    max_position=st.dictionaries(st.sampled_from(ASSETS), st.integers(1, 200_000), max_size=2),
)  # fmt: skip


class Agreement(RuleBasedStateMachine):
    """Every rule is a command to both; `Pair.play` says where they differ."""

    def __init__(self, loop: asyncio.Runner, redis_url: str) -> None:
        super().__init__()
        self._loop = loop
        venue = loop.run(Venue.connect(redis_url, f"machine-{next(_names)}"))
        self._pair = loop.run(Pair.start(venue))
        self._rules: dict[str, dict[str, Any]] = {}  # that are in force beside those of SPECS

    def _play(self, name: str, of: object) -> None:
        self._loop.run(self._pair.play(Step(name, of)))

    @initialize(
        atoms=st.lists(st.integers(0, 200_000), min_size=9, max_size=9), cap=st.sampled_from([MAX_FILLS, 1, 2]),
        grouped=st.sets(ACCOUNTS), matching=MATCHING, reference=REFERENCES, names=st.sampled_from(["open", "day"]),
    )  # fmt: skip
    def begin(
        self, atoms: list[int], cap: int, grouped: set[int], matching: tuple[str, int], reference: dict[str, int],
        names: str,
    ) -> None:  # fmt: skip
        self._pair.shorten_steps(cap)
        self._play("set_client_ids", names)
        for symbol in SPECS:
            self._define(symbol, SymbolStatus.TRADING, {}, matching, reference)
        for account in sorted(grouped):
            self._play("set_trade_group", (account, 7))
        for account, asset in itertools.product((MAKER, TAKER), ASSETS):
            self._play("credit", Transfer(account=account, asset=asset, atoms=2**50))
        for (account, asset), amount in zip(itertools.product((1, 2, 3), ASSETS), atoms, strict=True):
            if amount:
                self._play("credit", Transfer(account=account, asset=asset, atoms=amount))

    @rule(
        account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, price=PRICES, lots=LOTS, client_id=CLIENT_IDS, digest=DIGESTS,
        time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]), stp=MODES,
    )  # fmt: skip
    def place_limit(
        self, account: int, symbol: str, side: Side, price: int, lots: int, client_id: str, digest: str,
        time_in_force: TimeInForce, stp: StpMode,
    ) -> None:  # fmt: skip
        self._place(
            account, symbol, side, client_id, digest, type=OrderType.LIMIT, time_in_force=time_in_force,
            price_ticks=price, lots=lots, stp=stp,
        )  # fmt: skip

    @rule(
        account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, price=CLOSE_PRICES, lots=st.integers(2, 12),
        tip=st.integers(1, 4), stp=MODES, kind=st.sampled_from([OrderType.LIMIT, OrderType.LIMIT_MAKER]),
    )  # fmt: skip
    def place_iceberg(
        self, account: int, symbol: str, side: Side, price: int, lots: int, tip: int, stp: StpMode, kind: OrderType
    ) -> None:
        self._place(
            account, symbol, side, "", "", type=kind, price_ticks=price, lots=lots, iceberg_lots=min(tip, lots - 1),
            stp=stp,
        )  # fmt: skip

    @rule(
        account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, kind=CONTINGENT, stop=CLOSE_PRICES, price=CLOSE_PRICES,
        bips=st.sampled_from([0, 0, 1, 90, 100, 110, 250]), keeps_stop=st.booleans(), lots=LOTS, stp=MODES,
        tip=st.integers(0, 3), time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    )  # fmt: skip
    def place_contingent(
        self, account: int, symbol: str, side: Side, kind: OrderType, stop: int, price: int, bips: int,
        keeps_stop: bool, lots: int, stp: StpMode, tip: int, time_in_force: TimeInForce,
    ) -> None:  # fmt: skip
        if not kind.has_limit:
            time_in_force, price = TimeInForce.GTC, 0
        is_iceberg = kind.has_limit and time_in_force is TimeInForce.GTC and lots > 3
        self._place(
            account, symbol, side, "", "", type=kind, time_in_force=time_in_force, price_ticks=price, lots=lots,
            stop_ticks=stop if keeps_stop or not bips else 0, trailing_bips=bips, stp=stp,
            iceberg_lots=max(tip, tip and lots // 40) if is_iceberg else 0,
        )  # fmt: skip

    @rule(account=ACCOUNTS, trade_group=st.sampled_from([-1, 7, 8]))
    def set_trade_group(self, account: int, trade_group: int) -> None:
        self._play("set_trade_group", (account, trade_group))

    @rule(
        account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, lots=LOTS, is_by_quote=st.booleans(), rest=st.integers(-5, 5),
        client_id=CLIENT_IDS, digest=DIGESTS, stp=MODES,
    )  # fmt: skip
    def place_market(
        self,
        account: int,
        symbol: str,
        side: Side,
        lots: int,
        is_by_quote: bool,
        rest: int,
        client_id: str,
        digest: str,
        stp: StpMode,
    ) -> None:
        quote_atoms = max(1, SPECS[symbol].notional_floor(100, lots) + rest)
        size = {"quote_order_atoms": quote_atoms} if is_by_quote else {"lots": lots}
        self._place(account, symbol, side, client_id, digest, type=OrderType.MARKET, stp=stp, **size)

    @rule(
        account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, profit=st.sampled_from(PROFITS), stop=st.sampled_from(STOPS),
        prices=st.tuples(CLOSE_PRICES, CLOSE_PRICES, CLOSE_PRICES, CLOSE_PRICES), bips=st.sampled_from([0, 0, 0, 100]),
        lots=LOTS, tip=st.integers(0, 3), stp=MODES, is_swapped=st.booleans(), name=st.sampled_from(["", "", "list"]),
        working=st.none() | st.tuples(SIDES, CLOSE_PRICES, st.integers(1, 12), st.sampled_from(WORKING)),
        single=st.none() | st.sampled_from(list(OrderType)), is_paid=st.booleans(),
        peg=st.none() | st.tuples(st.sampled_from(PEGS), st.integers(0, 1), st.booleans()),
    )  # fmt: skip
    def place_list(
        self, account: int, symbol: str, side: Side, profit: OrderType, stop: OrderType,
        prices: tuple[int, int, int, int], bips: int, lots: int, tip: int, stp: StpMode, is_swapped: bool, name: str,
        working: tuple[Side, int, int, OrderType] | None, single: OrderType | None, is_paid: bool,
        peg: tuple[PegPrice, int, bool] | None,
    ) -> None:  # fmt: skip
        """A pair, or one or two orders behind a working one, which may pay for them; what has a limit may be pegged."""
        is_paid = is_paid and working is not None
        if working and is_paid:
            side, working = Side.SELL, (Side.BUY, *working[1:])
        kinds = [single] if working and single else [stop, profit] if is_swapped else [profit, stop]
        orders = []
        if working:
            orders.append(self._order(account, symbol, working[0], "w", "", type=working[3], price_ticks=working[1],
                                      lots=working[2], stp=stp))  # fmt: skip
        for number, kind in enumerate(kinds):
            terms = {"price_ticks": prices[number] if kind.has_limit else 0}
            if kind.is_contingent:
                terms |= {"stop_ticks": prices[2 + number], "trailing_bips": bips}
            if kind.has_limit and lots > 3:
                terms["iceberg_lots"] = max(tip, tip and lots // 40)
            if peg and kind.has_limit:
                price_type = PegPrice.PRIMARY_PEG if kind is OrderType.LIMIT_MAKER else peg[0]
                terms |= {"peg": price_type, "peg_offset": peg[1], "price_ticks": terms["price_ticks"] * peg[2]}
            order = self._order(
                account, symbol, side, f"p{number}", "", type=kind, lots=0 if is_paid else lots, stp=stp, **terms
            )
            orders.append(order)
        kind = ListKind.OCO if not working else ListKind.OTO if single else ListKind.OTOCO
        kind = {ListKind.OTO: ListKind.OPO, ListKind.OTOCO: ListKind.OPOCO}[kind] if is_paid else kind
        self._play(
            "place_order_list",
            PlaceOrderList(kind=kind, client_order_id=name or f"l{self._pair.played}", orders=orders),
        )

    @rule(
        back=ORDERS, account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, price=CLOSE_PRICES, lots=LOTS, anyway=st.booleans(),
        only=st.sampled_from([None, None, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED]), stp=MODES,
        kind=st.sampled_from([OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS]),
    )  # fmt: skip
    def replace(
        self, back: int, account: int, symbol: str, side: Side, price: int, lots: int, anyway: bool,
        only: OrderStatus | None, stp: StpMode, kind: OrderType,
    ) -> None:  # fmt: skip
        order_id = self._pair.reference.next_order_id - 1 - back
        order = self._pair.reference.open.get(order_id)
        if order is not None:
            account, symbol = order.account, order.symbol
        ticks = {"price_ticks": price} if kind.has_limit else {"stop_ticks": price}
        cancel = CancelOrder(account=account, symbol=symbol, order_id=order_id, only_status=only)
        place = self._order(account, symbol, side, "", "", type=kind, lots=lots, stp=stp, **ticks)
        self._play("replace_order", ReplaceOrder(cancel=cancel, place=place, place_anyway=anyway))

    def _place(self, account: int, symbol: str, side: Side, client_id: str, digest: str, **rest: object) -> None:
        self._play("place_order", self._order(account, symbol, side, client_id, digest, **rest))

    def _order(self, account: int, symbol: str, side: Side, client_id: str, digest: str, **rest: object) -> PlaceOrder:
        return PlaceOrder(
            account=account, symbol=symbol, side=side, rules_version=self._pair.reference.markets[symbol].rules_version,
            client_order_id=client_id or f"c{self._pair.played}", credential=digest, **rest,  # type: ignore[arg-type]
        )  # fmt: skip

    @rule(account=ACCOUNTS, symbol=SYMBOLS, back=ORDERS, digest=DIGESTS, is_owner=st.booleans())
    def cancel(self, account: int, symbol: str, back: int, digest: str, is_owner: bool) -> None:
        order_id = self._pair.reference.next_order_id - 1 - back
        order = self._pair.reference.open.get(order_id)
        if is_owner and order is not None:
            account, symbol = order.account, order.symbol
        self._play("cancel_order", CancelOrder(account=account, symbol=symbol, order_id=order_id, credential=digest))

    @rule(account=ACCOUNTS, symbol=SYMBOLS, client_id=st.sampled_from(["a", "b", "c3"]), back=st.none() | ORDERS)
    def cancel_by_client_id(self, account: int, symbol: str, client_id: str, back: int | None) -> None:
        order_id = None if back is None else self._pair.reference.next_order_id - 1 - back
        cancel = CancelOrder(
            account=account, symbol=symbol, order_id=order_id, client_order_id=client_id, cancel_client_order_id="x"
        )
        self._play("cancel_order", cancel)

    @rule(account=ACCOUNTS, symbol=SYMBOLS)
    def cancel_all(self, account: int, symbol: str) -> None:
        self._play("cancel_all_orders", CancelAllOrders(account=account, symbol=symbol))

    @rule(back=ORDERS, lots=st.integers(0, 12), name=st.sampled_from(["", "", "a", "c3", "new"]))
    def reduce(self, back: int, lots: int, name: str) -> None:
        order_id = self._pair.reference.next_order_id - 1 - back
        order = self._pair.reference.open.get(order_id)
        account, symbol = (order.account, order.symbol) if order else (1, "BTCUSDT")
        reduce = ReduceOrder(
            account=account, symbol=symbol, order_id=order_id, lots=lots, new_client_order_id=name
        )  # fmt: skip
        self._play("reduce_order", reduce)

    @rule(account=ACCOUNTS, symbol=SYMBOLS, list_id=st.none() | SMALL, name=st.sampled_from(["", "list", "l7"]))
    def cancel_list(self, account: int, symbol: str, list_id: int | None, name: str) -> None:
        """Mostly one of the newest, its owner's."""
        if list_id is not None:
            list_id = self._pair.reference.next_list_id - 1 - list_id
            order_list = self._pair.reference.lists.get(list_id)
            account, symbol = (order_list.account, order_list.symbol) if order_list else (account, symbol)
        cancel = CancelOrderList(account=account, symbol=symbol, list_id=list_id, client_order_id=name)
        self._play("cancel_order_list", cancel)

    @rule(account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, lots=st.integers(3, 40), others=st.booleans(), back=ORDERS)
    def interrupt(self, account: int, symbol: str, side: Side, lots: int, others: bool, back: int) -> None:
        """An order of which only the first step is done when its maker's owner, or anybody, cancels or trades."""
        price = 104 if side is Side.BUY else 96
        order = self._order(account, symbol, side, "", "", type=OrderType.LIMIT, price_ticks=price, lots=lots)
        one = self._pair.reference.open.get(self._pair.reference.next_order_id - 1 - back)
        step = Step("cancel_all_orders", CancelAllOrders(account=account, symbol=symbol))
        if others and one is not None and one.symbol == symbol:
            step = Step("cancel_order", CancelOrder(account=one.account, symbol=symbol, order_id=one.id))
        elif others:
            taker = self._order(account, symbol, side.opposite, "next", "", type=OrderType.MARKET, lots=lots)
            step = Step("place_order", taker)
        self._play("interrupted", (order, step))

    @rule(account=ACCOUNTS, asset=st.sampled_from(ASSETS), atoms=ATOMS, is_lock=st.booleans())
    def lock_externally(self, account: int, asset: str, atoms: int, is_lock: bool) -> None:
        name = "lock_externally" if is_lock else "unlock_externally"
        self._play(name, Transfer(account=account, asset=asset, atoms=atoms))

    @rule(is_cleared=st.sampled_from([False] * 9 + [True]), milliseconds=st.integers(1, 500))
    def clear_market(self, is_cleared: bool, milliseconds: int) -> None:
        """Then the clock may go back."""
        if is_cleared:
            self._play("clear_market", None)
            self._play("set_clock", self._pair.reference.now_ms - milliseconds)

    @rule(account=ACCOUNTS, asset=st.sampled_from([*ASSETS, "DOGE"]), atoms=ATOMS, is_credit=st.booleans())
    def transfer(self, account: int, asset: str, atoms: int, is_credit: bool) -> None:
        self._play("credit" if is_credit else "debit", Transfer(account=account, asset=asset, atoms=atoms))

    @rule(
        symbol=SYMBOLS, status=st.sampled_from(["TRADING", "TRADING", "TRADING", "HALT", "BREAK", "AUCTION_MATCH"]),
        rules=RULES, matching=MATCHING, reference=REFERENCES, reopen=st.booleans(),
    )  # fmt: skip
    def define_symbol(
        self, symbol: str, status: str, rules: dict[str, int], matching: tuple[str, int], reference: dict[str, int],
        reopen: bool,
    ) -> None:  # fmt: skip
        self._define(symbol, SymbolStatus(status), rules, matching, reference, reopen=reopen)

    def _define(
        self, symbol: str, status: SymbolStatus, rules: dict[str, int], matching: tuple[str, int],
        reference: dict[str, int], *, reopen: bool = False,
    ) -> None:  # fmt: skip
        self._rules[symbol] = {"matching_rule": matching[0], "price_time_percent": matching[1], **rules, **reference}
        spec = msgspec.structs.replace(SPECS[symbol], status=status, **self._rules[symbol])
        self._play("define_symbol", (spec, reopen))

    @rule(symbol=SYMBOLS, sizes=st.lists(st.tuples(ACCOUNTS, SIDES, CLOSE_PRICES, st.integers(1, 12)), max_size=8))
    def collect_and_uncross(self, symbol: str, sizes: list[tuple[int, Side, int, int]]) -> None:
        """An auction, without any other command if what it is to collect is not there yet."""
        spec = msgspec.structs.replace(SPECS[symbol], status=SymbolStatus.AUCTION_MATCH, **self._rules[symbol])
        if sizes:
            self._play("define_symbol", (spec, True))
        for account, side, price, lots in sizes:
            self._place(account, symbol, side, "", "", type=OrderType.LIMIT, price_ticks=price, lots=lots)
        self._play("uncross", symbol)

    @rule(symbol=SYMBOLS, units=st.none() | st.integers(190, 208) | st.integers(1, 400))
    def set_reference_price(self, symbol: str, units: int | None) -> None:
        """In halves of a tick; none."""
        price_units = None if units is None else units * SPECS[symbol].tick_units // 2
        self._play("set_reference_price", (symbol, price_units))

    @rule(symbol=SYMBOLS, levels=LEVELS, delay_ms=DELAYS_MS)
    def apply_frame(self, symbol: str, levels: list[tuple[Side, int, int]], delay_ms: int) -> None:
        frame = TapeFrame(levels=[TapeLevel(*level) for level in levels], **self._tape(symbol, delay_ms))
        self._play("apply_frame", frame)

    @rule(symbol=SYMBOLS, price=CLOSE_PRICES, lots=st.integers(1, 12), is_buyer_maker=st.booleans(), delay_ms=DELAYS_MS)
    def play_trade(self, symbol: str, price: int, lots: int, is_buyer_maker: bool, delay_ms: int) -> None:
        head = self._tape(symbol, delay_ms)
        trade = TapeTrade(price_ticks=price, lots=lots, is_buyer_maker=is_buyer_maker, **head)
        self._play("play_trade", trade)

    def _tape(self, symbol: str, delay_ms: int) -> dict[str, Any]:
        reference = self._pair.reference
        return {
            "symbol": symbol, "rules_version": reference.markets[symbol].rules_version, "maker_account": MAKER,
            "taker_account": TAKER, "now_ms": reference.now_ms + delay_ms, "mark": f"m{self._pair.played}",
        }  # fmt: skip

    @rule(account=ACCOUNTS, limits=LIMITS)
    def set_limits(self, account: int, limits: AccountLimits) -> None:
        self._play("set_limits", (account, limits))

    @rule(account=ACCOUNTS)
    def kill(self, account: int) -> None:
        self._play("kill_account", account)
        self._play("set_limits", (account, AccountLimits()))

    @rule(
        account=ACCOUNTS, symbol=SYMBOLS, side=SIDES, peg=st.sampled_from(PEGS), offset=st.integers(0, 2),
        price=st.just(0) | CLOSE_PRICES, stop=CLOSE_PRICES, lots=LOTS, stp=MODES,
        kind=st.sampled_from([kind for kind in OrderType if kind.has_limit]),
        time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    )  # fmt: skip
    def place_pegged(
        self, account: int, symbol: str, side: Side, peg: PegPrice, offset: int, price: int, stop: int, lots: int,
        stp: StpMode, kind: OrderType, time_in_force: TimeInForce,
    ) -> None:  # fmt: skip
        self._place(
            account, symbol, side, "", "", type=kind, price_ticks=price, lots=lots, stp=stp, peg=peg, peg_offset=offset,
            stop_ticks=stop if kind.is_contingent else 0,
            time_in_force=TimeInForce.GTC if kind is OrderType.LIMIT_MAKER else time_in_force,
        )  # fmt: skip

    @rule(account=ACCOUNTS, is_good=st.booleans())
    def set_key(self, account: int, is_good: bool) -> None:
        self._play("set_key", ("key", account, is_good))

    @rule(milliseconds=st.integers(0, 100) | st.integers(-200, 0))
    def move_the_clock(self, milliseconds: int) -> None:
        self._play("set_clock", self._pair.reference.now_ms + milliseconds)

    @invariant()
    def events_agree(self) -> None:
        self._loop.run(self._pair.compare_events())

    def teardown(self) -> None:
        self._loop.run(self._end())

    async def _end(self) -> None:
        try:
            await self._pair.compare()
        finally:
            await finish(self._pair.venue)
            await self._pair.venue.close()


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.timeout(7_200)
def test_whatever_is_asked_engine_and_reference_agree(redis_url: str, loop: asyncio.Runner) -> None:
    profile = settings.get_profile("deep" if settings.get_current_profile_name() == "deep" else "fast")
    run_state_machine_as_test(lambda: Agreement(loop, redis_url), settings=profile)
