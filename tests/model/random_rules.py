"""Rules of symbols and limits of accounts at random: so close to what is that the next commands meet them.

The fact a newcomer would get wrong: rules are drawn from what the reference has just now. Numbers of their own would
bind everybody or nobody.
"""

from random import Random
from typing import Any

import msgspec

from engine.account_rules import AccountLimits
from engine.types import SymbolSpec, SymbolStatus
from tests.model.agreement import ACCOUNTS, ASSETS
from tests.model.asking import Step
from tests.model.limits import count
from tests.model.reference import Exchange
from tests.model.translation import SPECS
from tests.model.words import ATOM, Order

POOR = ACCOUNTS[:5]
REOPENING = 0.04  # chance of a command to open what is not trading
UNCROSSING = 0.025  # the same, to end an auction: enough has to collect
HERE = ("max_orders", "max_algo_orders", "max_iceberg_orders", "max_order_lists")
KINDS = ("orders", "algos", "icebergs", "lists")
BANDS = (
    ("price_up_e4", "price_down_e4"), ("bid_price_up_e4", "bid_price_down_e4"), ("ask_price_up_e4", "ask_price_down_e4")
)  # fmt: skip
LIMITS = (
    *HERE, *(f"exchange_{name}" for name in HERE), *(name for names in BANDS for name in names), "max_position_lots",
    "halt_bips", "halt_seconds", "max_order_amends", "range_bid_up_e4", "range_bid_down_e4", "range_ask_up_e4",
    "range_ask_down_e4",
)  # fmt: skip
MATCHING = (("price_time", 0), ("pro_rata", 0), ("price_time_pro_rata", 40), ("price_time_pro_rata", 75))
STATUSES = (SymbolStatus.HALT, SymbolStatus.BREAK)


def symbol_trades(reference: Exchange, symbol: str) -> bool:
    return reference.markets[symbol].status == "TRADING"


def rounded(ticks: int) -> int:
    """A price close by of which many multiples in 1e-4 are whole ticks."""
    return max(10, round(ticks, -2 if ticks > 500 else -1))


class Rules:
    """Draws steps, as `Commands` does. `specs` are the rules as their owner has defined them."""

    def __init__(self, random: Random, reference: Exchange) -> None:
        self._random = random
        self._reference = reference
        self.specs: dict[str, SymbolSpec] = dict(SPECS)

    def reopening(self) -> Step | None:
        """Nothing stays closed for long. What the breaker has halted is not open again just because it is defined."""
        for symbol, market in self._reference.markets.items():
            if market.status == SymbolStatus.AUCTION_MATCH and self._random.random() < UNCROSSING:
                self.specs[symbol] = msgspec.structs.replace(self.specs[symbol], status=SymbolStatus.TRADING)
                return Step("uncross", symbol)
            if market.status not in (SymbolStatus.TRADING, SymbolStatus.AUCTION_MATCH) and (
                self._random.random() < REOPENING
            ):
                return self.define(symbol, {"status": SymbolStatus.TRADING}, reopen=self._random.random() < 0.7)
        return None

    def status(self) -> Step:
        """Another status now and then, the same most of the time."""
        symbol = self._random.choice(list(SPECS))
        if self._reference.markets[symbol].status == SymbolStatus.AUCTION_MATCH:
            spec = msgspec.structs.replace(self.specs[symbol], status=self._random.choice(STATUSES))
            return Step("define_symbol", (spec, False))  # which is refused
        is_closing = self._random.random() < 0.2
        return self.define(symbol, {"status": self._random.choice(STATUSES)} if is_closing else {}, reopen=False)

    def auction(self) -> Step:
        """Orders collect for a while, often where an auction has been; seldom one is to end that has not begun."""
        symbol = self._random.choice(list(SPECS))
        if self._random.random() < 0.1:
            return Step("uncross", symbol) if symbol_trades(self._reference, symbol) else self.status()
        return self.define(symbol, {"status": SymbolStatus.AUCTION_MATCH}, reopen=False)

    def of_symbol(self) -> Step:
        """One or two rules, close to what one account has; often none at all."""
        symbol = self._random.choice(list(SPECS))
        rules = {name: getattr(SPECS[symbol], name) for name in LIMITS}
        makes = [self._counts] * 3 + [self._band, self._amends] * 2 + [self._position] + [self._breaker] * 2
        makes += [self._range] * 3
        for make in self._random.sample(makes, k=self._random.choice((0, 1, 1, 2))):
            rules |= make(symbol)
        return self.define(symbol, rules, reopen=self._random.random() < 0.1)

    def of_matching(self) -> Step:
        """Another matching rule, most often one by size."""
        name, percent = self._random.choice((MATCHING[0], *MATCHING))
        changes = {"matching_rule": name, "price_time_percent": percent}
        return self.define(self._random.choice(list(SPECS)), changes, reopen=False)

    def of_account(self) -> Step:
        """Limits of one kind or two, or none; seldom the kill switch, which the next such step takes back."""
        killed = [account for account, rules in self._reference.accounts.items() if rules.is_killed]
        if killed and self._random.random() < 0.7:
            return Step("set_limits", (killed[0], AccountLimits()))
        account = self._random.choice(POOR)
        if self._random.random() < 0.08:
            return Step("kill_account", account)
        limits: dict[str, Any] = {"is_killed": self._random.random() < 0.04}
        if self._random.random() < 0.3:
            limits["max_open_orders"] = max(1, len(self._open(account)) + self._random.randint(-1, 3))
        if self._random.random() < 0.3:
            limits["max_order"] = {self._random.choice(ASSETS): self._atoms(2_000, 40_000)}
        if self._random.random() < 0.4:
            limits["max_daily"] = {self._random.choice(("USDT", "USDT", "BTC")): self._atoms(30_000, 1_000_000)}
        if self._random.random() < 0.3:
            asset = self._random.choice(("BTC", "ETH"))
            limits["max_position"] = {asset: self._held(asset, account) + self._atoms(1_000, 100_000)}
        return Step("set_limits", (account, AccountLimits(**limits)))

    def define(self, symbol: str, changes: dict[str, Any], *, reopen: bool) -> Step:
        """Some rules of a symbol change, the others stay."""
        spec = self.specs[symbol] = msgspec.structs.replace(self.specs[symbol], **changes)
        return Step("define_symbol", (spec, reopen))

    def _counts(self, symbol: str) -> dict[str, int]:
        """A filter that counts open orders, on the symbol or on all of them."""
        account, number = self._random.choice(POOR), self._random.choice((0, 1, 1, 2, 2, 3, 3, 3))
        is_anywhere = self._random.random() < 0.5
        orders = [order for order in self._open(account) if is_anywhere or order.symbol == symbol]
        most = max(1, getattr(count(orders), KINDS[number]) + self._random.choice((0, 0, 1, 2)))
        return {("exchange_" if is_anywhere else "") + HERE[number]: most}

    def _band(self, symbol: str) -> dict[str, int]:
        """A few ticks up and down from the last price."""
        market = self._reference.markets[symbol]
        last = int((market.last_price or market.tick) / market.tick)
        up, down = (-(-self._random.randint(1, 8) * 10_000 // last) for _ in "ud")  # often a whole tick
        if self._random.random() < 0.5:
            up, down = (self._random.randint(1, 8) * 10_000 // rounded(last) for _ in "ud")
        names = self._random.choice(BANDS)
        return {names[0]: 10_000 + up, names[1]: max(0, 10_000 - down) if self._random.random() < 0.8 else 0}

    def _range(self, symbol: str) -> dict[str, int]:
        """Where takers trade: few ticks up and down from where they do, not always both."""
        last = self._last(symbol)
        up, down = (-(-self._random.randint(1, 6) * 10_000 // last) for _ in "ud")
        names = {"bid": ("up", "down"), "ask": ("up", "down")}
        found = {f"range_{side}_{way}_e4": 10_000 + up if way == "up" else 10_000 - down
                 for side, ways in names.items() for way in ways}  # fmt: skip
        return {name: max(0, number) for name, number in found.items() if self._random.random() < 0.8}

    def of_reference(self) -> Step:
        """How a symbol comes by its reference price, or a price from outside, at times for one that has none such."""
        symbol = self._random.choice(list(SPECS))
        is_external = self._reference.markets[symbol].rules.has_external_reference
        if self._random.random() < (0.8 if is_external else 0.1):
            return Step("set_reference_price", (symbol, self._told_price(symbol)))
        changes = {"reference_bucket_ms": 0, "reference_buckets": 0, "reference_external_id": -1}
        kind = self._random.choice(("mean", "mean", "external", "external", "none"))
        if kind == "mean":
            changes["reference_bucket_ms"] = self._random.choice((7, 500, 3_000))
            changes["reference_buckets"] = self._random.choice((1, 3, 20))
        if kind == "external":
            changes["reference_external_id"] = 0
        return self.define(symbol, changes, reopen=False)

    def _told_price(self, symbol: str) -> int | None:
        """In 1e-8: close to the last price, of which multiples may be whole ticks or hardly ever are; seldom none."""
        last, tick_units = self._last(symbol), SPECS[symbol].tick_units
        around = round(last * tick_units * self._random.uniform(0.99, 1.01))
        whole = rounded(last) * tick_units
        return self._random.choice((whole, whole, around, around, around, None))

    def _last(self, symbol: str) -> int:
        market = self._reference.markets[symbol]
        return int((market.last_price or market.tick) / market.tick)

    def _position(self, symbol: str) -> dict[str, int]:
        atoms = self._held(SPECS[symbol].base, self._random.choice(POOR))
        atoms += self._atoms(1_000, 100_000) if self._random.random() < 0.7 else -1
        return {"max_position_lots": max(1, atoms // SPECS[symbol].base_atoms_per_lot)}

    def _breaker(self, symbol: str) -> dict[str, int]:
        """So narrow that a few ticks are too many."""
        market = self._reference.markets[symbol]
        last = int((market.last_price or market.tick) / market.tick)
        bips = max(1, self._random.randint(4, 12) * 10_000 // max(last, 10))
        return {"halt_bips": bips, "halt_seconds": self._random.choice((1, 2, 5))}

    def _amends(self, symbol: str) -> dict[str, int]:
        return {"max_order_amends": self._random.choice((1, 1, 2))}

    def _open(self, account: int) -> list[Order]:
        return [order for order in self._reference.open.values() if order.account == account]

    def _held(self, asset: str, account: int) -> int:
        purse = self._reference.purse(asset, account)
        return int((purse.free + purse.locked) / ATOM)

    def _atoms(self, least: int, most: int) -> int:
        return self._random.randint(least, most)
