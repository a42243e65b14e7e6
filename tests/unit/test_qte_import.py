"""`qte` in a user's program: light, alone, and exact about amounts and positions."""

import subprocess
import sys
from decimal import Decimal

import pytest

from qte.amounts import amount_text
from qte.positions import Position

ROOMS = {"engine", "archive", "api", "markets", "accounts", "simulation", "exchange_project", "django", "redis"}


def test_importing_everything_of_qte_loads_neither_the_exchange_nor_django() -> None:
    code = "import sys, qte, qte.exchange, qte.core; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not ROOMS & set(loaded)


def test_import_takes_at_most_a_tenth_of_a_second() -> None:
    code = "import time; began = time.process_time(); import qte; print(time.process_time() - began)"
    seconds = min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3))
    assert seconds <= 0.1


def test_names_come_from_the_package_itself() -> None:
    import qte
    from qte.core import EngineManager
    from qte.exchange import MockExchange

    assert qte.MockExchange is MockExchange
    assert qte.EngineManager is EngineManager
    assert {"MockExchange", "Refused"} <= set(dir(qte))
    with pytest.raises(AttributeError, match="no attribute 'Mock'"):
        _ = qte.Mock


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.10", "0.10"),
        (1, "1"),
        (0.1, "0.1"),
        (1e-05, "0.00001"),
        (1e22, "10000000000000000000000"),
        (0.1 + 0.2, "0.30000000000000004"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (-2.5, "-2.5"),
        ("ten", "ten"),  # the exchange judges text
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("NaN"), None),
        ("", None),
        (None, None),
        (b"1", None),
        ([1], None),
    ],
)
def test_amount_text(amount: object, text: str | None) -> None:
    assert amount_text(amount) == text


def fills(*rows: tuple[str, str]) -> list[dict[str, object]]:
    """Rows of myTrades: ("+2", "100") bought two at 100."""
    return [
        {"id": number, "orderId": number, "isBuyer": change[0] == "+", "qty": change[1:], "price": price}
        for number, (change, price) in enumerate(rows, start=1)
    ]


@pytest.mark.parametrize(
    ("rows", "amount", "price"),
    [
        ([("+1", "100")], "1.00000000", "100.00000000"),
        ([("+1", "100"), ("+3", "200")], "4.00000000", "175.00000000"),
        ([("+1", "100"), ("+2", "200")], "3.00000000", "166.66666667"),
        ([("+4", "100"), ("-1", "999")], "3.00000000", "100.00000000"),
        ([("+4", "100"), ("-4", "999")], "0.00000000", "0.00000000"),
        ([("-1", "100"), ("-1", "200")], "-2.00000000", "150.00000000"),
        ([("-2", "100"), ("+1", "50")], "-1.00000000", "100.00000000"),
        ([("+1", "100"), ("-3", "120")], "-2.00000000", "120.00000000"),
        ([("-1", "100"), ("+3", "120"), ("+2", "140")], "4.00000000", "130.00000000"),
    ],
)
def test_position_by_average_cost(rows: list[tuple[str, str]], amount: str, price: str) -> None:
    position = Position()
    position.fold(fills(*rows))
    assert position.shown() == {"amount": amount, "avg_price": price}


def test_position_folds_overlapping_pages_once() -> None:
    rows = fills(("+1", "100"), ("+1", "300"))
    rows.append({**rows[1], "orderId": 9, "isBuyer": False})  # both sides of trade 2 were the user's
    position = Position()
    for page in (rows[:2], rows[1:], rows[1:]):
        position.fold(page)
    assert position.shown() == {"amount": "1.00000000", "avg_price": "200.00000000"}
    assert position.newest_trade_id == 2
