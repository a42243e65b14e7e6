"""What may be different about one account: its fees, and limits beyond those of symbols. Frozen, no I/O.

The fact a newcomer would get wrong: scripts read these from their texts (`AccountRates.text`, `AccountLimits.limits`);
a text that is empty is no field at all.
"""

from typing import Self

import msgspec


class AccountRates(msgspec.Struct, frozen=True, kw_only=True):
    """What is different about the fees of one account, on all symbols or on one.

    `rates` are in 1e-8 by name (RATE_NAMES); one that is not named is what it is without. What is said of one symbol
    comes before what is said of all. `uses_discount`: the account pays in the discount asset of symbols that allow it.
    """

    rates: dict[str, int] = {}
    uses_discount: bool | None = None

    @property
    def text(self) -> str:
        """The same as lua/lib/commissions.lua reads it; empty for nothing."""
        words = [f"{name}={rate}" for name, rate in sorted(self.rates.items())]
        words += [] if self.uses_discount is None else [f"discount_use={int(self.uses_discount)}"]
        return f" {' '.join(words)} " if words else ""

    @classmethod
    def read(cls, text: str) -> Self:
        """From what `text` gave."""
        numbers = {name: int(number) for name, _, number in (word.partition("=") for word in text.split())}
        use = numbers.pop("discount_use", None)
        return cls(rates=numbers, uses_discount=None if use is None else bool(use))


class AccountLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may do beyond what symbols allow. Amounts are atoms by asset; what is not named has no limit.

    `max_order` bounds a single order: its quantity where the asset is the base, its worth where it is the quote
    (MAX_ASSET). `max_daily` bounds what is ordered in a quote asset in a day of the venue's clock (UTC), `max_position`
    what is held and would be bought of a base asset, `max_open_orders` (0: none) those open on all symbols. A killed
    account places nothing.
    """

    is_killed: bool = False
    max_open_orders: int = 0
    max_order: dict[str, int] = {}
    max_daily: dict[str, int] = {}
    max_position: dict[str, int] = {}

    @property
    def limits(self) -> str:
        """The same as lua/lib/limits.lua reads it; empty without any."""
        words = ["killed"] if self.is_killed else []
        words += [f"open={self.max_open_orders}"] if self.max_open_orders else []
        amounts = (("order", self.max_order), ("day", self.max_daily), ("position", self.max_position))
        words += [f"{name}:{asset}={atoms}" for name, by_asset in amounts for asset, atoms in sorted(by_asset.items())]
        return f" {' '.join(words)} " if words else ""

    @classmethod
    def read(cls, text: str) -> Self:
        """From what `limits` gave."""
        words = [word.partition("=") for word in text.split()]
        found: dict[str, dict[str, int]] = {"order": {}, "day": {}, "position": {}}
        for name, _, number in words:
            kind, _, asset = name.partition(":")
            if asset:
                found[kind][asset] = int(number)
        return cls(
            is_killed=any(name == "killed" for name, _, _ in words),
            max_open_orders=next((int(number) for name, _, number in words if name == "open"), 0),
            max_order=found["order"], max_daily=found["day"], max_position=found["position"],
        )  # fmt: skip
