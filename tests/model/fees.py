"""What the fills of a step cost: rates of symbols and accounts, and fees in another asset at a discount.

The fact a newcomer would get wrong: what may be paid in the discount asset is paid when all else of the step is done,
out of what is free then; the first fill pays first. All other fees come off in the moment of the fill.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import NamedTuple

from tests.model.books import Snapshot
from tests.model.limits import Limits
from tests.model.words import ATOM, EXACT, ZERO, Market, Order, floor

MOST_CONVERTED = 9 * 10**15 * ATOM


class Debt(NamedTuple):
    """One side of fill number `fill`: what it received at which price. `usual` is its fee in that asset, `converted` in
    the discount asset.
    """

    fill: int
    role: str
    order: Order
    other: Order
    asset: str
    received: Decimal
    price: Decimal
    usual: Decimal = ZERO
    converted: Decimal = ZERO


class Fee(NamedTuple):
    """`asset` is empty where it is what was received."""

    amount: Decimal
    asset: str


def nearest(amount: Decimal) -> Decimal:
    return amount.quantize(ATOM, ROUND_HALF_UP)


@dataclass
class Fees(Limits):
    """`open_debts` and `step_fees`, what was paid in each asset, are those of the step that is made."""

    open_debts: list[Debt] = field(default_factory=list)
    step_fees: dict[str, Decimal] = field(default_factory=dict)

    def rate(self, market: Market, account: int, name: str) -> Decimal:
        """On this symbol, or on all, or as everybody's."""
        for rates in (self.account_rates.get((account, market.symbol)), self.account_rates.get((account, ""))):
            if rates is not None and name in rates:
                return rates[name]
        return market.rules.rates.get(name, ZERO)

    def uses_discount(self, market: Market, account: int) -> bool:
        wishes = (self.discount_wishes.get((account, symbol)) for symbol in (market.symbol, ""))
        wish = next((wish for wish in wishes if wish is not None), False)
        return bool(market.rules.discount_asset) and wish

    def begin_fees(self) -> None:
        """A step begins."""
        self.open_debts, self.step_fees = [], {}

    def fee_now(self, market: Market, debt: Debt) -> Decimal:
        """What has to come from what was received; zero, and the debt is open, where there is a choice."""
        account, party = debt.order.account, "buyer" if debt.order.side == "BUY" else "seller"
        shares = {
            kind: debt.received * sum(self.rate(market, account, f"{kind}_{name}") for name in (debt.role, party))
            for kind in ("standard", "special", "tax")
        }
        standard, others = floor(shares["standard"]), nearest(shares["special"]) + nearest(shares["tax"])
        self.met["special or tax fee"] += bool(others)
        usual, converted = standard + others, None
        if self.uses_discount(market, account):
            amount = standard * market.rules.discount + others
            converted = self._converted(market, debt.asset, debt.price, amount)
        if converted is not None and debt.asset != market.rules.discount_asset:
            self.open_debts.append(debt._replace(usual=usual, converted=converted))
            return ZERO
        return self._note(debt.asset, usual if converted is None else converted)

    def settle(self, market: Market, debt: Debt, before: Snapshot) -> Fee:
        """An open debt, when all else of the step is done. What is paid in the discount asset is gone afterwards."""
        discount, account = market.rules.discount_asset, debt.order.account
        if not self._can_pay(discount, account, debt.converted, before):
            self.met["too little of the discount asset"] += 1
            return Fee(self._note(debt.asset, debt.usual), "")
        self.met["fee in the discount asset"] += 1
        self.purse(discount, account).free -= debt.converted
        return Fee(self._note(discount, debt.converted), discount)

    def _note(self, asset: str, amount: Decimal) -> Decimal:
        self.add(asset, "fees", amount)
        self.step_fees[asset] = self.step_fees.get(asset, ZERO) + amount
        return amount

    def _converted(self, market: Market, asset: str, price: Decimal, amount: Decimal) -> Decimal | None:
        """What the amount is in the discount asset; None: nobody knows."""
        worth = self._worth_of(market, asset, price)
        if worth is None:
            self.met["no price of the discount asset"] += 1
            return None
        atoms = Fraction(amount / ATOM) * worth
        rounded = Decimal((2 * atoms.numerator + atoms.denominator) // (2 * atoms.denominator)) * ATOM
        return rounded if rounded < MOST_CONVERTED else None

    def _worth_of(self, market: Market, asset: str, price: Decimal) -> Fraction | None:
        """How much of the discount asset one `asset` is, by a tester, by this very trade, or by another market."""
        discount = market.rules.discount_asset
        if asset == discount:
            return Fraction(1)
        if told := self.conversions.get((discount, asset)):
            self.met["fee by a tester's price"] += 1
            return 1 / Fraction(told)
        prices = (
            [(market.base, market.quote, price)]
            if discount in (market.base, market.quote)
            else [(other.base, other.quote, other.last_price) for other in self.markets.values()]
        )
        for base, quote, last in prices:
            if (base, quote) == (discount, asset):
                return None if last is None else 1 / Fraction(last)
        for base, quote, last in prices:
            if (base, quote) == (asset, discount):
                return None if last is None else Fraction(last)
        return None

    def _can_pay(self, asset: str, account: int, amount: Decimal, before: Snapshot) -> bool:
        purse, known = self.purse(asset, account), before[0].get((asset, account))
        gone = (known.free if known else ZERO) - purse.free + amount
        paid = self.step_fees.get(asset, ZERO) + amount
        return amount <= purse.free and gone / ATOM < EXACT and paid / ATOM < EXACT
