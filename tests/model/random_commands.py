"""Commands of every kind at random: poor accounts, often refused, two rich ones with orders near 2**53, and garbage.

The fact a newcomer would get wrong: the books must stay busy and small. Prices lie within a few ticks of a centre, so
that most orders meet somebody, and cancels are frequent.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR
from random import Random

import msgspec

from engine.commands import (
    CancelAllOrders,
    CancelOrder,
    PlaceOrder,
    PlaceOrderList,
    ReduceOrder,
    ReplaceOrder,
    Transfer,
)
from engine.types import ListKind, OrderStatus, OrderType, PegPrice, Side, StpMode, TimeInForce
from tests.model.agreement import ACCOUNTS, ASSETS
from tests.model.asking import Step
from tests.model.limits import count
from tests.model.random_fees import Fees
from tests.model.random_rare import Rare
from tests.model.random_requests import Requests
from tests.model.random_rules import KINDS, POOR, Rules
from tests.model.random_tape import Recording
from tests.model.reference import Exchange
from tests.model.tape import MAKER, TAKER
from tests.model.translation import SPECS
from tests.model.words import Order

TAPE = (MAKER, TAKER)
RICH = ACCOUNTS[len(POOR) :]
CENTRES = {"BTCUSDT": 1_000, "ETHUSDT": 77, "ETHBTC": 33_333}  # ticks
LOTS = {"BTCUSDT": 60, "ETHUSDT": 90, "ETHBTC": 40}
POOR_ATOMS = {"BTC": 15_000, "ETH": 150_000, "USDT": 60_000}
DIGESTS = ("key-a", "key-b", "key-c")
GROUPS = (-1, 7, 7, 7)  # trade groups; most accounts share one
CONTINGENT = [type_ for type_ in OrderType if type_.is_contingent]
LIMITED = [type_ for type_ in CONTINGENT if type_.has_limit]
PEGS = (PegPrice.PRIMARY_PEG, PegPrice.MARKET_PEG)
RESTRICTIONS = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
GARBAGE_IDS = (0, 1, 10**9, 2**53 - 1, 2**53 + 1, 10**17)


class Commands:
    """Draws steps; `reference` tells which orders there are to cancel and which rules are in force. `clears`: all is
    cleared away now and then, of which no event says what it does to whom.
    """

    def __init__(self, random: Random, reference: Exchange, *, clears: bool = True) -> None:
        self._random = random
        self._reference = reference
        self._drawn, self._clears = 0, clears
        self._rules = Rules(random, reference)
        self._fees = Fees(random, reference, self._rules)
        self._recording = Recording(random, reference, CENTRES)
        self._rare = Rare(random, reference)
        self._requests = Requests(random, reference)
        self._only_symbol, self._only_account = "", 0  # those that every command drawn now is for

    def opening(self) -> list[Step]:
        """Money to begin with: little for the poor, more than 2**53 atoms for the rich. Some share a trade group."""
        groups = [Step("set_trade_group", (account, 7)) for account in (*POOR[:3], *RICH)]
        return [self._requests.limits(), *groups] + [
            Step("credit", Transfer(account=account, asset=asset, atoms=atoms * (7 + account)))
            for accounts, purse in (
                (POOR, POOR_ATOMS),
                (RICH, dict.fromkeys(ASSETS, 2**54 + 1)),
                (TAPE, dict.fromkeys(ASSETS, 2**50)),
            )
            for account in accounts
            for asset, atoms in purse.items()
        ]

    def draw(self) -> Step:
        self._drawn += 1
        if fees := self._fees.due(self._drawn):
            return fees
        kinds = (
            (50, self._limit), (8, self._market), (18, self._contingent), (3, self._maker_only), (8, self._cancel),
            (14, self._list), (2, self._pegged_pair_behind), (3, self._replace),
            (0.3, self._cancel_all), (7, self._reduce), (3, self._credit), (3, self._debit), (1, self._garbage),
            (0.5, self._rules.status), (1.2, self._rules.of_symbol), (0.8, self._rules.of_account), (6, self._pegged),
            (0.6, self._rules.of_matching), (0.8, self._rules.auction), (2, self._kill_among_icebergs),
            (1.2, self._rules.of_reference), (4, self._recording.draw), (2.5, self._one_too_many),
            (2, self._for_a_share), (1.5, self._at_a_bound),
            (0.5, self._key), (0.5, self._group), (1, self._clock), (2, self._some_fees),
            (2, self._requests.draw), (1.5, self._cancel_list), (0.5, self._rare.external_lock),
            (3, self._interrupted), (0.02 * self._clears, self._rare.clear), (0.1, self._rare.names),
        )  # fmt: skip
        if reopening := self._rules.reopening():
            return reopening
        (make,) = self._random.choices([kind for _, kind in kinds], weights=[weight for weight, _ in kinds])
        return make()

    def _some_fees(self) -> Step:
        return self._fees.draw(self._drawn) or self._limit()

    def _limit(self) -> Step:
        symbol, account = self._symbol(), self._account()
        side = self._random.choice(list(Side))
        collects = self._reference.markets[symbol].status == "AUCTION_MATCH"
        away = -2 if collects else 4  # much crosses, of what collects
        price_ticks = CENTRES[symbol] + round(self._random.gauss(-away if side is Side.BUY else away, 5))
        if collects and CENTRES[symbol] % 2 == 0:
            price_ticks -= price_ticks % 4  # prices at which nobody stands
        lots = self._random.randint(1, LOTS[symbol])
        if account in RICH and self._random.random() < 0.5:
            lots, price_ticks = self._huge(symbol)
        time_in_force = self._random.choices(list(TimeInForce), weights=(8, 1, 1))[0]
        return self._place(
            account, symbol, side, OrderType.LIMIT, time_in_force, price_ticks=price_ticks, lots=lots,
            iceberg_lots=self._tip(lots) if time_in_force is TimeInForce.GTC else 0,
        )  # fmt: skip

    def _maker_only(self) -> Step:
        symbol, side, lots = self._symbol(), self._random.choice(list(Side)), self._random.randint(1, 20)
        return self._place(
            self._account(), symbol, side, OrderType.LIMIT_MAKER, TimeInForce.GTC, lots=lots,
            price_ticks=CENTRES[symbol] + self._random.randint(-6, 6), iceberg_lots=self._tip(lots),
        )  # fmt: skip

    def _pegged(self) -> Step:
        """A level close to the best ones, sometimes one that the book does not have; often with a price of its own."""
        symbol, side = self._symbol(), self._random.choice(list(Side))
        lots = self._random.randint(1, LOTS[symbol])
        type_ = self._random.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.LIMIT_MAKER, *LIMITED))
        step = self._leg(self._account(), symbol, side, type_, self._last_ticks(symbol), lots)
        price_ticks = step.of.price_ticks + self._random.randint(-3, 3) if self._random.random() < 0.5 else 0
        stop_ticks = step.of.stop_ticks
        if stop_ticks:
            away = self._random.randint(1, 4) * (1 if type_.waits_above(side) else -1)
            stop_ticks = max(1, self._last_ticks(symbol) + away)
        pegged = msgspec.structs.replace(
            step.of, price_ticks=max(0, price_ticks), stop_ticks=stop_ticks, peg=self._random.choice(PEGS),
            peg_offset=self._random.choice((0, 0, 0, 1, 2, 3, 30)),
        )  # fmt: skip
        return Step("place_order", pegged)

    def _tip(self, lots: int) -> int:
        """What an iceberg shows, in at most forty parts: so little that one taker meets it more than once."""
        least = 1 + lots // 40
        return self._random.randint(least, 1 + lots // 6) if lots > 1 and self._random.random() < 0.3 else 0

    def _contingent(self) -> Step:
        """A stop price or a trail close to the last price: it seldom waits for long."""
        symbol, account, side = self._symbol(), self._account(), self._random.choice(list(Side))
        type_ = self._random.choice(CONTINGENT)
        last = self._last_ticks(symbol)
        away = self._random.randint(1, 5) * (-1 if self._random.random() < 0.03 else 1)
        is_trailing, lots = self._random.random() < 0.4, self._random.randint(1, LOTS[symbol])
        stop_ticks = max(1, last + (away if type_.waits_above(side) else -away))
        terms = {"stop_ticks": 0 if is_trailing and self._random.random() < 0.5 else stop_ticks}
        if is_trailing:
            terms["trailing_bips"] = self._random.randint(1, 1 + 40_000 // CENTRES[symbol])
        time_in_force, price_ticks = TimeInForce.GTC, 0
        if type_.has_limit:
            price_ticks = max(1, stop_ticks + self._random.randint(-4, 4))
            time_in_force = self._random.choices(list(TimeInForce), weights=(5, 1, 2))[0]
        if account in RICH and self._random.random() < 0.2:
            lots = self._huge(symbol)[0]
        if account in POOR and side is Side.BUY and not type_.has_limit and self._random.random() < 0.6:
            lots = self._all_in(symbol, account, stop_ticks)
        if type_.has_limit and time_in_force is TimeInForce.GTC:
            terms["iceberg_lots"] = self._tip(lots)
        return self._place(account, symbol, side, type_, time_in_force, price_ticks=price_ticks, lots=lots, **terms)

    def _list(self) -> Step:
        """Pairs around the last price, and pending orders of which some cannot begin when their turn comes."""
        symbol, account, side = self._symbol(), self._account(), self._random.choice(list(Side))
        kind = self._random.choices(list(ListKind), weights=(5, 3, 3, 3, 3))[0]
        side = Side.SELL if kind.is_paid else side
        lots = self._random.randint(1, LOTS[symbol])
        orders: list[Step] = []
        if kind is not ListKind.OCO:
            orders.append(self._working(account, symbol, Side.BUY if kind.is_paid else None))
            lots = max(1, lots // 2)
        if kind.has_pair:
            orders += self._pair(account, symbol, side, lots)
        else:
            orders.append(self._pending(account, symbol, side, lots))
        name = f"l{self._random.randint(1, 6)}" if self._random.random() < 0.1 else f"l{self._drawn}"
        legs = [
            msgspec.structs.replace(self._pegged_leg(step.of), client_order_id=f"{step.of.client_order_id}-{number}")
            for number, step in enumerate(orders)
        ]
        if kind.is_paid:
            legs[1:] = [msgspec.structs.replace(leg, lots=0) for leg in legs[1:]]
        legs[0] = msgspec.structs.replace(legs[0], charge=self._requests.charge(len(legs)))
        if self._random.random() < 0.02:
            legs[1] = msgspec.structs.replace(legs[1], client_order_id=orders[0].of.client_order_id)
        return Step("place_order_list", PlaceOrderList(kind=kind, client_order_id=name, orders=legs))

    def _pegged_pair_behind(self) -> Step:
        """A sale that is filled soon, then a pair of purchases: what the stop locks depends on what the peg finds."""
        symbol, account = self._symbol(), self._account()
        last, lots = self._last_ticks(symbol), self._random.randint(1, LOTS[symbol] // 3)
        working = self._place(
            account, symbol, Side.SELL, OrderType.LIMIT, TimeInForce.GTC, price_ticks=max(1, last - 6), lots=1
        )
        stop = self._place(
            account, symbol, Side.BUY, OrderType.STOP_LOSS_LIMIT, TimeInForce.GTC, stop_ticks=last + 9,
            price_ticks=last + self._random.randint(5, 20), lots=lots,
        )  # fmt: skip
        maker = self._place(
            account, symbol, Side.BUY, OrderType.LIMIT_MAKER, TimeInForce.GTC, lots=lots, peg=PegPrice.PRIMARY_PEG,
            price_ticks=self._random.choice((0, max(1, last - 20), last)),
        )  # fmt: skip
        legs = [
            msgspec.structs.replace(step.of, client_order_id=f"p{self._drawn}-{number}")
            for number, step in enumerate((working, stop, maker))
        ]
        name = f"l{self._drawn}"
        return Step("place_order_list", PlaceOrderList(kind=ListKind.OTOCO, client_order_id=name, orders=legs))

    def _pegged_leg(self, order: PlaceOrder) -> PlaceOrder:
        """The same with a peg now and then, and then often without a price of its own."""
        is_maker = order.type is OrderType.LIMIT_MAKER
        if not order.type.has_limit or self._random.random() < (0.6 if is_maker else 0.8):
            return order
        return msgspec.structs.replace(
            order, peg=PegPrice.PRIMARY_PEG if is_maker else self._random.choice(PEGS),
            peg_offset=self._random.choice((0, 0, 0, 0, 1, 2, 20)),
            price_ticks=order.price_ticks if self._random.random() < 0.4 else 0,
        )  # fmt: skip

    def _working(self, account: int, symbol: str, side: Side | None = None) -> Step:
        """It often finds somebody at once."""
        side = side or self._random.choice(list(Side))
        is_maker = self._random.random() < 0.3
        price_ticks = CENTRES[symbol] + round(self._random.gauss((-4 if side is Side.BUY else 4) * is_maker, 4))
        lots = self._random.randint(1, LOTS[symbol] // 2)
        time_in_force = self._random.choices(list(TimeInForce), weights=(8, 1, 1))[0]
        if is_maker:
            time_in_force = TimeInForce.GTC
        return self._place(
            account, symbol, side, OrderType.LIMIT_MAKER if is_maker else OrderType.LIMIT, time_in_force,
            price_ticks=price_ticks, lots=lots, iceberg_lots=self._tip(lots) if time_in_force is TimeInForce.GTC else 0,
        )  # fmt: skip

    def _pending(self, account: int, symbol: str, side: Side, lots: int) -> Step:
        """Any kind; a step of a pair's, or a plain one close to the market."""
        by = self._random.random()
        if by < 0.5:
            return self._random.choice(self._pair(account, symbol, side, lots))
        price_ticks = CENTRES[symbol] + self._random.randint(-5, 5)
        if by < 0.6:
            return self._place(account, symbol, side, OrderType.MARKET, TimeInForce.GTC, lots=lots)
        time_in_force = self._random.choice(list(TimeInForce))
        return self._place(account, symbol, side, OrderType.LIMIT, time_in_force, price_ticks=price_ticks, lots=lots)

    def _pair(self, account: int, symbol: str, side: Side, lots: int) -> list[Step]:
        """A maker or a take profit on one side of the last price and a stop loss on the other, seldom on the wrong."""
        last, sign = self._last_ticks(symbol), 1 if side is Side.SELL else -1
        profit = self._random.choices(
            (OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT), weights=(6, 1, 2)
        )[0]
        stop = self._random.choice((OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT))
        legs = []
        for type_, way in ((profit, sign), (stop, -sign)):
            at = max(1, last + way * self._random.choice((1, 1, 2, 2, 3, 4, 5, 0, -1)))
            legs.append(self._leg(account, symbol, side, type_, at, lots))
        self._random.shuffle(legs)
        return legs

    def _leg(self, account: int, symbol: str, side: Side, type_: OrderType, at: int, lots: int) -> Step:
        """`at` is its price or its stop price; a contingent one may trail instead, or from there on."""
        time_in_force, price_ticks, terms = TimeInForce.GTC, at, {}
        if type_.is_contingent:
            is_trailing = self._random.random() < 0.25
            terms = {"stop_ticks": 0 if is_trailing and self._random.random() < 0.6 else at}
            if is_trailing:
                terms["trailing_bips"] = self._random.randint(1, 1 + 40_000 // CENTRES[symbol])
            price_ticks = max(1, at + self._random.randint(-4, 4)) if type_.has_limit else 0
            if type_.has_limit:
                time_in_force = self._random.choices(list(TimeInForce), weights=(5, 1, 1))[0]
        if type_.has_limit and time_in_force is TimeInForce.GTC:
            terms["iceberg_lots"] = self._tip(lots)
        return self._place(account, symbol, side, type_, time_in_force, price_ticks=price_ticks, lots=lots, **terms)

    def _cancel_list(self) -> Step:
        return self._rare.cancel_list(self._digest()) or self._list()

    def _interrupted(self) -> Step:
        """A taker of much, unfinished when the next command of its symbol comes."""
        symbol, side = self._symbol(), self._random.choice(list(Side))
        away = self._random.randint(2, 9) * (1 if side is Side.BUY else -1)
        taker = self._place(
            self._random.choice((*RICH, *RICH, self._account())), symbol, side, OrderType.LIMIT,
            self._random.choice((TimeInForce.GTC, TimeInForce.IOC)), price_ticks=CENTRES[symbol] + away,
            lots=self._random.randint(LOTS[symbol], 4 * LOTS[symbol]),
        )  # fmt: skip
        self._only_symbol = symbol
        step = self._rare.interrupted(msgspec.structs.replace(taker.of, charge=None), self._of_market)
        self._only_symbol = ""
        return step or taker

    def _of_market(self) -> Step:
        makes = (
            self._limit, self._market, self._contingent, self._cancel, self._list, self._cancel_list, self._replace,
            self._cancel_all, self._reduce, self._recording.draw, self._rules.auction,
        )  # fmt: skip
        return self._random.choice(makes)()

    def _replace(self) -> Step:
        """An own order, or seldom a stranger's or none at all, for another one of any kind."""
        canceled = self._cancel()
        if canceled.name != "cancel_order":
            return canceled
        cancel, self._only_symbol = canceled.of, canceled.of.symbol
        placed = self._random.choice((self._limit, self._limit, self._contingent, self._market))().of
        self._only_symbol = ""
        placed = msgspec.structs.replace(
            placed, account=cancel.account, symbol=cancel.symbol, credential=cancel.credential,
            rules_version=self._reference.markets[cancel.symbol].rules_version,
        )  # fmt: skip
        if self._random.random() < 0.1:
            cancel = msgspec.structs.replace(cancel, order_id=self._random.choice(GARBAGE_IDS))
        return Step(
            "replace_order",
            ReplaceOrder(
                cancel=cancel,
                place=placed,
                place_anyway=self._random.random() < 0.4,
                cancel_anyway=self._random.random() < 0.5,
            ),
        )

    def _kill_among_icebergs(self) -> Step:
        """Fill or kill for more than an iceberg shows, with an own order behind it: its rest comes too late."""
        order = self._behind_an_iceberg()
        if order is None:
            return self._limit()
        (tip, *_), market = self._level_of(order), self._reference.markets[order.symbol]
        left, shown = (int(amount / market.lot) for amount in (tip.left, tip.shown))
        step = self._place(
            order.account, order.symbol, Side(order.side).opposite, OrderType.LIMIT, TimeInForce.FOK,
            price_ticks=int(order.price / market.tick), lots=self._random.randint(shown, left),
        )  # fmt: skip
        stp = self._random.choice((StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH, StpMode.DECREMENT))
        return Step("place_order", msgspec.structs.replace(step.of, stp=stp, credential=""))

    def _one_too_many(self) -> Step:
        """An order of an account that has as many of its kind open as a filter allows."""
        full = []
        for symbol, market in self._reference.markets.items():
            for account in POOR:
                own = [order for order in self._reference.open.values() if order.account == account]
                here = [order for order in own if order.symbol == symbol]
                for most, standing in ((market.rules.here, count(here)), (market.rules.anywhere, count(own))):
                    full += [
                        (symbol, account, kind) for kind in KINDS
                        if 0 < getattr(most, kind) <= getattr(standing, kind)
                    ]  # fmt: skip
        if not full:
            return self._rules.of_symbol()
        rare = [one for one in full if one[2] == "lists" and self._random.random() < 0.5]
        self._only_symbol, self._only_account, kind = self._random.choice(rare or full)
        makes = {"orders": self._limit, "algos": self._contingent, "icebergs": self._iceberg, "lists": self._list}
        step = makes[kind]()
        self._only_symbol, self._only_account = "", 0
        return step

    def _for_a_share(self) -> Step:
        """Where a rule shares out by size: a small order more on a best level, or a little less than all of one."""
        ruled = [symbol for symbol, market in self._reference.markets.items() if market.rules.matching]
        if not ruled:
            return self._rules.of_matching()
        symbol, side = self._random.choice(ruled), self._random.choice(list(Side))
        queue = self._reference.queue(symbol, side)
        level = [order for order in queue if order.price == queue[0].price]
        market = self._reference.markets[symbol]
        price_ticks = int(level[0].price / market.tick) if level else CENTRES[symbol]
        if len(level) < 3 or self._random.random() < 0.4:
            return self._place(
                self._account(), symbol, side, OrderType.LIMIT, TimeInForce.GTC, price_ticks=price_ticks,
                lots=self._random.randint(1, 4),
            )  # fmt: skip
        shown = int(sum(order.shown for order in level) / market.lot)
        return self._place(
            self._account(), symbol, side.opposite, OrderType.LIMIT, TimeInForce.IOC, price_ticks=price_ticks,
            lots=max(1, shown - self._random.choice((1, 2, 3, 4, shown // 2))),
        )  # fmt: skip

    def _at_a_bound(self) -> Step:
        """A price as high or as low as PERCENT_PRICE allows, or a tick beyond."""
        found = []
        for symbol, market in self._reference.markets.items():
            rules, average = market.rules, self._reference.average_price(market)
            if average is not None:
                for band, sides in ((rules.price, list(Side)), (rules.bid_price, [Side.BUY]),
                                    (rules.ask_price, [Side.SELL])):  # fmt: skip
                    for multiple, rounding, away in ((band.up, ROUND_FLOOR, 1), (band.down, ROUND_CEILING, -1)):
                        ticks = (average * multiple / market.tick).to_integral_value(rounding)
                        found += [(symbol, side, int(ticks), away) for side in sides if multiple]
        if not found:
            return self._rules.of_symbol()
        symbol, side, price_ticks, away = self._random.choice(found)
        return self._place(
            self._account(), symbol, side, OrderType.LIMIT, TimeInForce.GTC, lots=self._random.randint(1, 9),
            price_ticks=max(1, price_ticks + self._random.choice((0, 0, away))),
        )  # fmt: skip

    def _iceberg(self) -> Step:
        symbol, side, lots = self._symbol(), self._random.choice(list(Side)), self._random.randint(2, 20)
        return self._place(
            self._account(), symbol, side, OrderType.LIMIT, TimeInForce.GTC, lots=lots, iceberg_lots=1 + lots // 5,
            price_ticks=CENTRES[symbol] + self._random.randint(-6, 6),
        )  # fmt: skip

    def _level_of(self, order: Order) -> list[Order]:
        queue = self._reference.queue(order.symbol, order.side)
        return [other for other in queue if other.price == order.price]

    def _behind_an_iceberg(self) -> Order | None:
        """An order at a best price whose first one is somebody else's iceberg with more than it shows."""
        for symbol in self._random.sample(list(SPECS), k=len(SPECS)):
            for side in ("BUY", "SELL"):
                queue = self._reference.queue(symbol, side)
                level = [order for order in queue if order.price == queue[0].price]
                others = [order for order in level[1:] if not self._reference.are_together(order, level[0])]
                if others and level[0].shown < level[0].left:
                    return self._random.choice(others)
        return None

    def _all_in(self, symbol: str, account: int, price_ticks: int) -> int:
        """Lots for all the money that is free: triggered at a worse price, the order will run out of it."""
        market = self._reference.markets[symbol]
        free = self._reference.purse(market.quote, account).free
        return max(1, int(free / (price_ticks * market.tick * market.lot)))

    def _last_ticks(self, symbol: str) -> int:
        market = self._reference.markets[symbol]
        return CENTRES[symbol] if market.last_price is None else int(market.last_price / market.tick)

    def _group(self) -> Step:
        return Step("set_trade_group", (self._account(), self._random.choice(GROUPS)))

    def _huge(self, symbol: str) -> tuple[int, int]:
        """Lots and price that make an order of about 2**53 atoms, a third of them too large."""
        price_ticks = self._random.choice((1, 3, CENTRES[symbol], 10 * CENTRES[symbol], 999_983))
        multiplier, _ = SPECS[symbol].notional_ratio
        most_lots = 2**53 // max(price_ticks * multiplier, SPECS[symbol].base_atoms_per_lot)
        return max(1, int(most_lots * self._random.random() * 1.5)), price_ticks

    def _market(self) -> Step:
        symbol, account = self._symbol(), self._account()
        lots, quote_atoms = self._random.randint(1, 2 * LOTS[symbol]), 0
        if account in RICH and self._random.random() < 0.3:
            lots = self._huge(symbol)[0]
        spec = SPECS[symbol]
        if self._random.random() < 0.1:  # about the smallest notional
            lots = max(1, spec.min_notional_atoms // max(1, spec.notional_ceil(self._last_ticks(symbol), 1)))
        elif self._random.random() < 0.5:
            quote_atoms = max(1, spec.notional_floor(CENTRES[symbol], lots) + self._random.randint(-9, 9))
            lots = 0
            if self._random.random() < 0.15:  # it buys no lot
                quote_atoms = self._random.randint(1, max(1, spec.notional_floor(CENTRES[symbol], 1)))
        side = self._random.choice(list(Side))
        return self._place(
            account, symbol, side, OrderType.MARKET, TimeInForce.GTC, lots=lots, quote_order_atoms=quote_atoms
        )

    def _place(
        self, account: int, symbol: str, side: Side, type_: OrderType, time_in_force: TimeInForce, *,
        price_ticks: int = 0, lots: int = 0, quote_order_atoms: int = 0, **terms: int,
    ) -> Step:  # fmt: skip
        version = self._reference.markets[symbol].rules_version - (self._random.random() < 0.01)
        order = PlaceOrder(
            account=account, symbol=symbol, rules_version=max(version, 1), side=side, type=type_,
            time_in_force=time_in_force, price_ticks=price_ticks, lots=lots, quote_order_atoms=quote_order_atoms,
            client_order_id=self._client_id(account), credential=self._digest(), stp=self._stp(),
            strategy_id=3 if self._random.random() < 0.02 else 0, charge=self._requests.charge(), **terms,
        )  # fmt: skip
        return Step("place_order", order)

    def _stp(self) -> StpMode:
        return self._random.choices(list(StpMode), weights=(8, 1, 2, 1, 1, 5))[0]

    def _client_id(self, account: int) -> str:
        """A fresh one, or one that an open order of the account has or had, on this or another symbol."""
        used = [order.client_id for order in self._reference.open.values() if order.account == account]
        used = [name for name in used if name]  # those of the tape have none
        left = [name for owner, name in self._rare.left_names if owner == account]
        if left and self._random.random() < 0.04:
            return self._random.choice(left)
        return self._random.choice(used) if used and self._random.random() < 0.05 else f"c{self._drawn}"

    def _cancel(self) -> Step:
        open_orders = list(self._reference.open.values())
        if not open_orders:
            return self._limit()
        order = self._random.choice(open_orders)
        account = order.account if self._random.random() < 0.95 else self._account()
        by = self._random.random()
        cancel = CancelOrder(
            account=account, symbol=order.symbol, order_id=order.id if by < 0.7 or not order.client_id else None,
            client_order_id=order.client_id if by > 0.5 else "", cancel_client_order_id=f"x{self._drawn}",
            credential=self._digest(), only_status=self._random.choice((*[None] * 8, *RESTRICTIONS)),
        )  # fmt: skip
        return Step("cancel_order", cancel)

    def _cancel_all(self) -> Step:
        return Step("cancel_all_orders", CancelAllOrders(account=self._account(), symbol=self._symbol()))

    def _reduce(self) -> Step:
        open_orders = list(self._reference.open.values())
        if not open_orders:
            return self._limit()
        special = [
            [order for order in open_orders if order.terms.amends],  # once more, if they may
            [order for order in open_orders if self._reference.open_pair_of(order)],
            [order for order in open_orders if not order.quantity],
        ]
        wanted = self._random.choice([*special, *[open_orders] * 4]) or open_orders
        order = self._random.choice(wanted)
        lots = int(order.quantity / self._reference.markets[order.symbol].lot)
        reduce = ReduceOrder(
            account=order.account, symbol=order.symbol, order_id=order.id, lots=self._random.randint(0, lots + 1),
            credential=self._digest(),
        )  # fmt: skip
        if order.client_id and self._random.random() < 0.3:
            return self._rare.renamed(reduce, f"r{self._drawn}")
        return Step("reduce_order", reduce)

    def _transfer(self) -> Transfer:
        atoms = round(10 ** self._random.uniform(0, 7))
        asset = self._random.choice((*ASSETS, *ASSETS, *ASSETS, "DOGE"))
        return Transfer(account=self._random.choice(POOR), asset=asset, atoms=atoms, credential=self._digest())

    def _credit(self) -> Step:
        if self._random.random() < 0.05:
            return Step("credit", Transfer(account=RICH[0], asset="BTC", atoms=9 * 10**18))
        return Step("credit", self._transfer())

    def _debit(self) -> Step:
        return Step("debit", self._transfer())

    def _garbage(self) -> Step:
        """Ids, symbols and owners that do not exist."""
        order_id, account = self._random.choice(GARBAGE_IDS), self._random.choice((*ACCOUNTS, 0, 10**15))
        symbol = self._random.choice((*SPECS, "DOGEUSDT"))
        return self._random.choice(
            (
                Step("cancel_order", CancelOrder(account=account, symbol=symbol, order_id=order_id)),
                Step("cancel_order", CancelOrder(account=account, symbol=symbol, client_order_id="nobody's.id:/_-")),
                Step("cancel_all_orders", CancelAllOrders(account=account, symbol=symbol)),
                Step("reduce_order", ReduceOrder(account=account, symbol=symbol, order_id=order_id, lots=1)),
                Step("debit", Transfer(account=account, asset="BTC", atoms=2**63)),
            )
        )

    def _key(self) -> Step:
        return Step("set_key", (self._random.choice(DIGESTS), self._account(), self._random.random() < 0.7))

    def _clock(self) -> Step:
        """On, or back: half of the way to what the market cannot undo, a little beyond it, far beyond it."""
        now_ms, latest_ms = self._reference.now_ms, self._reference.latest_ms
        back = ((now_ms + latest_ms) // 2, max(1, latest_ms), max(1, latest_ms - 1), now_ms - 10_000)
        is_back = now_ms > 10_000 and self._random.random() < 0.4
        if self._random.random() < 0.02:
            return Step("set_clock", now_ms + 86_400_000)
        return Step("set_clock", self._random.choice(back) if is_back else now_ms + self._random.randint(0, 5_000))

    def _symbol(self) -> str:
        return self._only_symbol or self._random.choice(list(SPECS))

    def _account(self) -> int:
        if self._only_account:
            return self._only_account
        return self._random.choice(POOR) if self._random.random() < 0.85 else self._random.choice(RICH)

    def _digest(self) -> str:
        """A key, sometimes of a request that has to be executed by now, or by a moment ago."""
        if self._random.random() >= 0.05:
            return ""
        digest, until_ms = self._random.choice(DIGESTS), self._reference.now_ms + self._random.choice((5, 1, 0, 0, -1))
        return f"{digest},{until_ms}" if self._random.random() < 0.4 else digest
