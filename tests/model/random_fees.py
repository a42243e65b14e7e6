"""Fees at random, in stretches: every third is without unusual ones, the others begin with many at once.

The fact a newcomer would get wrong: what an account pays everywhere makes all symbols look for such rates, so without
the plain stretches nobody would be left who pays the usual way.
"""

from random import Random
from typing import Any

from engine.types import LARGEST_RATE_E8, LARGEST_USUAL_RATE_E8, RATE_NAMES, USUAL_RATES, rate_field
from tests.model.agreement import ACCOUNTS, ASSETS
from tests.model.asking import Step
from tests.model.random_rules import Rules
from tests.model.reference import Exchange
from tests.model.translation import SPECS

STRETCH = 250  # commands
PLAIN_EVERY = 3
AHEAD = 14  # commands that an unusual stretch begins with
RATES_E8 = (0, 1, 777, 50_000, 3_333_333, LARGEST_RATE_E8)
OF_SYMBOLS = (*map(rate_field, RATE_NAMES), "discount_asset", "discount_e8", "allows_discount")


class Fees:
    """Draws steps, as `Commands` does; `rules` knows how the symbols are defined. `number` counts what was drawn."""

    def __init__(self, random: Random, reference: Exchange, rules: Rules) -> None:
        self._random = random
        self._reference = reference
        self._rules = rules

    def due(self, number: int) -> Step | None:
        """What a stretch begins with: all that is unusual goes, or much comes."""
        if number // STRETCH % PLAIN_EVERY == 0:
            return self._clearing()
        return self.draw(number) if number % STRETCH < AHEAD else None

    def draw(self, number: int) -> Step | None:
        """Rates of a symbol or an account, a discount, or a price to convert at; nothing in a plain stretch."""
        by = self._random.random()
        if number // STRETCH % PLAIN_EVERY == 0:
            return None
        if by < 0.25:
            return self._of_symbol()
        if by < 0.9:
            account, symbol = self._random.choice(ACCOUNTS), self._random.choice((*SPECS, "", ""))
            wish = self._random.choice((True, True, True, False, None))
            return Step("set_account_rates", (account, symbol, self._rates(0.2), wish))
        discount_asset, asset = self._random.sample(ASSETS, 2)
        price_e8 = round(10 ** self._random.uniform(0, 15)) if self._random.random() < 0.5 else 0
        return Step("set_conversion", (discount_asset, asset, price_e8))

    def _of_symbol(self) -> Step:
        asset = self._random.choice((*ASSETS, *ASSETS, *ASSETS, "BNB", ""))  # nobody has BNB, or knows what it is worth
        changes: dict[str, Any] = dict.fromkeys(map(rate_field, RATE_NAMES), 0)
        changes |= {rate_field(name): rate for name, rate in self._rates(0.5).items()}
        changes |= {"allows_discount": bool(asset), "discount_asset": asset or "BNB"}
        changes["discount_e8"] = self._random.choice((0, 25_000_000, 33_333_333, 10**8))
        return self._rules.define(self._random.choice(list(SPECS)), changes, reopen=False)

    def _rates(self, share: float) -> dict[str, int]:
        rates = {name: self._random.choice(RATES_E8) for name in RATE_NAMES if self._random.random() < share}
        return rates | {name: LARGEST_USUAL_RATE_E8 for name in USUAL_RATES if self._random.random() < 0.05}

    def _clearing(self) -> Step | None:
        """The next that takes away what is not plain."""
        reference = self._reference
        for (account, symbol), rates in reference.account_rates.items():
            if rates or reference.discount_wishes.get((account, symbol)) is not None:
                return Step("set_account_rates", (account, symbol, {}, None))
        for symbol, spec in self._rules.specs.items():
            plain = {name: getattr(SPECS[symbol], name) for name in OF_SYMBOLS}
            if any(getattr(spec, name) != value for name, value in plain.items()):
                return self._rules.define(symbol, plain, reopen=False)
        return None
