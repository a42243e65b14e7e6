"""The play that every library performs in its own words, and what it must say of it, to the last digit.

Alice offers 0.5 at 50,000. Bob takes 0.2 of it by a limit order, then buys for 5,000 at the market. Alice cancels the
rest. The maker pays 0.1 %, the taker 0.2 %, each of what he receives.
"""

from decimal import Decimal
from typing import Final

PRICE, OFFERED, TAKEN, SPENT = Decimal(50_000), Decimal("0.5"), Decimal("0.2"), Decimal(5_000)
# (price, quantity, fee, its asset)
TAKERS_FILLS: Final = [
    (PRICE, Decimal("0.2"), Decimal("0.0004"), "SOL"),
    (PRICE, Decimal("0.1"), Decimal("0.0002"), "SOL"),
]
MAKERS_FILLS: Final = [
    (PRICE, Decimal("0.2"), Decimal(10), "USDT"),
    (PRICE, Decimal("0.1"), Decimal(5), "USDT"),
]
ALICES_FUNDS: Final = {"SOL": Decimal("9.7"), "USDT": Decimal(1_014_985)}
BOBS_FUNDS: Final = {"SOL": Decimal("10.2994"), "USDT": Decimal(985_000)}
