"""An account's events, folded one by one, are what REST says of it: balances and open orders, to the last digit.

A thousand random commands of every kind, from a seed, for every account that there is; one snapshot is taken in the
middle, as a bot would that begins late. EXCHANGE_MODEL_SEED replays a seed.

The fact a newcomer would get wrong: nothing here knows the engine. The fold reads frames alone, and what it is compared
with are REST's own answers.
"""

import os
from random import Random
from typing import Any

import msgspec
import pytest

from accounts.auth import Hearing
from accounts.endpoints import AccountRequest, OpenOrdersRequest, get_account, open_orders
from accounts.streams import UserStreams
from accounts.user_events.subscriptions import AccountSubscription, open_account
from api.callers import Caller
from api.dialects import V3
from api.runtime import Runtime
from api.subscriptions import BARE, Subscriber
from engine.registry import KeyRecord
from engine.venue import Venue
from tests.model.agreement import ACCOUNTS, Pair
from tests.model.random_commands import Commands

SEED = int(os.environ.get("EXCHANGE_MODEL_SEED", "0")) or Random().randrange(1, 2**32)
COMMANDS, LATE, COMPARE_EVERY = 1_000, 300, 50
OPEN = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")
ALWAYS = {
    "symbol": "s", "orderId": "i", "orderListId": "g", "clientOrderId": "c", "price": "p", "origQty": "q",
    "executedQty": "z", "cummulativeQuoteQty": "Z", "status": "X", "timeInForce": "f", "type": "o", "side": "S",
    "time": "O", "isWorking": "w", "origQuoteOrderQty": "Q", "selfTradePreventionMode": "V", "stopPrice": "P",
    "icebergQty": "F",
}  # fmt: skip
SOMETIMES = {  # without trailingTime: an order begins to follow the price without an event of its own
    "trailingDelta": "d", "strategyId": "j", "strategyType": "J", "pegPriceType": "gP", "pegOffsetType": "gOT",
    "pegOffsetValue": "gOV", "peggedPrice": "gp", "preventedMatchId": "v", "preventedQuantity": "A",
}  # fmt: skip
NOTHING = ("0.00000000", "0.00000000")
Orders = dict[int, dict[str, Any]]
Money = dict[str, tuple[str, str]]


class Fold:
    """What one account's events come to, from a snapshot on."""

    def __init__(self, money: Money, orders: Orders) -> None:
        self.money = dict(money)
        self.orders = dict(orders)
        self.filled: dict[int, tuple[str, int]] = {}  # order id -> (z, trade id) of the last report
        self.execution_id = 0
        self.kinds: set[str] = set()

    def take(self, event: dict[str, Any]) -> None:
        kind = event["e"]
        self.kinds.add(event["x"] if kind == "executionReport" else kind)
        if kind == "outboundAccountPosition":
            self.money |= {item["a"]: (item["f"], item["l"]) for item in event["B"]}
        elif kind == "executionReport":
            self._take_report(event)

    def _take_report(self, report: dict[str, Any]) -> None:
        assert report["I"] > self.execution_id
        self.execution_id = report["I"]
        order_id = report["i"]
        if report["X"] in OPEN:
            self.orders[order_id] = order_of(report)
        else:
            self.orders.pop(order_id, None)


def order_of(report: dict[str, Any]) -> dict[str, Any]:
    """An executionReport as an order of GET openOrders."""
    always = {name: report[letters] for name, letters in ALWAYS.items()}
    sometimes = {name: report[letters] for name, letters in SOMETIMES.items() if letters in report}
    return always | sometimes | {"workingTime": report.get("W", -1)}


class Listener:
    """One account: its subscription, and what it has heard."""

    def __init__(self, runtime: Runtime, account: int) -> None:
        self.account = account
        self.caller = Caller(V3, account)
        self.digest = f"of-listener-{account}"
        self.runtime = runtime
        self.queue: Subscriber = runtime.feed.subscribe(_fail, max_messages=10**7, max_bytes=1 << 40)
        self.fold = Fold({}, {})

    async def start(self) -> None:
        record = KeyRecord(account=self.account, user_name=f"user{self.account}")
        await self.runtime.venue.registry.define_key(self.digest, record)
        subscription: AccountSubscription = await open_account(
            self.runtime, self.account, Hearing(self.digest, ""), BARE
        )
        subscription.start(self.queue)
        self.fold = Fold(*await self.snapshot())

    async def snapshot(self) -> tuple[Money, Orders]:
        """What REST says now."""
        account = await get_account(AccountRequest(), self.caller, self.runtime)
        views = msgspec.to_builtins(await open_orders(OpenOrdersRequest(), self.caller, self.runtime))
        orders = {view["orderId"]: {name: view[name] for name in view if name in _COMPARED} for view in views}
        return {item["asset"]: (item["free"], item["locked"]) for item in account["balances"]}, orders

    async def compare(self) -> None:
        await self.runtime.feed.handler(UserStreams).until_caught_up()
        self.queue.push("{}")  # so that there is something to take
        *frames, _ = await self.queue.take()
        for frame in frames:
            self.fold.take(msgspec.json.decode(frame))
        money, orders = await self.snapshot()
        assert dict.fromkeys(money, NOTHING) | self.fold.money == money  # an asset that is new since has no event
        assert self.fold.orders == orders


_COMPARED = {*ALWAYS, *SOMETIMES, "workingTime"}


def _fail(code: int) -> None:
    raise AssertionError(f"cut with {code}")


@pytest.mark.parametrize("cap", [4, 100])
async def test_a_fold_of_the_events_is_what_rest_says(runtime: Runtime, venue: Venue, cap: int) -> None:
    await runtime.start()
    pair = await Pair.start(venue, cap)
    drawn = Commands(Random(SEED), pair.reference, clears=False)
    listeners = [Listener(runtime, account) for account in ACCOUNTS]
    early, late = listeners[::2], listeners[1::2]
    try:
        for listener in early:
            await listener.start()
        for step in drawn.opening():
            await pair.play(step)
        for number in range(1, COMMANDS + 1):
            if number == LATE:
                for listener in late:
                    await listener.start()
            await pair.play(drawn.draw())
            if number % COMPARE_EVERY == 0:
                for listener in listeners if number >= LATE else early:
                    await listener.compare()
    except AssertionError as error:
        error.add_note(f"seed {SEED}, {cap} matches a step")
        raise
    finally:
        await runtime.stop()
    heard = set[str]().union(*(listener.fold.kinds for listener in listeners))
    assert heard >= {
        "NEW",
        "TRADE",
        "CANCELED",
        "EXPIRED",
        "REPLACED",
        "TRADE_PREVENTION",
        "listStatus",
        "balanceUpdate",
    }
