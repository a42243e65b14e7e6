"""Decimal text and whole numbers, there and back, without rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.amounts import to_atoms, to_text
from engine.errors import BadParameter
from engine.types import BALANCE_LIMIT, ORDER_LIMIT


@pytest.mark.parametrize(
    ("text", "decimals", "atoms"),
    [
        ("0.015", 8, 1_500_000),
        ("1", 8, 10**8),
        ("0", 8, 0),
        ("0.00000001", 8, 1),
        ("1.10000000000000000000", 8, 110_000_000),
        ("1e-05", 8, 1_000),
        ("1E3", 8, 10**11),
        ("1e+2", 2, 10_000),
        ("12.5e-1", 2, 125),
        ("007", 0, 7),
        ("90071992.54740991", 8, ORDER_LIMIT),
    ],
)
def test_text_is_read_exactly(text: str, decimals: int, atoms: int) -> None:
    assert to_atoms(text, decimals=decimals, limit=ORDER_LIMIT, field="x") == atoms


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        *[
            (text, "ILLEGAL_CHARACTERS")
            for text in (
                "", " ", "x", "0x10", "1_000", "1,5", " 12", "12 ", "12\n", "+5", ".5", "5.", "1..2", "nan", "NaN",
                "inf", "Infinity", "1e", "e5", "1e400", "\uff11\uff12", "\u0661", "1\x00", "--1", "-", "- 1", "1" * 21,
            )
        ],
        ("-1", "NEGATIVE"),
        ("-0", "NEGATIVE"),
        ("-0.5", "NEGATIVE"),
        ("0.000000001", "TOO_MANY_DECIMALS"),
        ("1e-09", "TOO_MANY_DECIMALS"),
        ("1e-99", "TOO_MANY_DECIMALS"),
        ("90071992.54740992", "TOO_LARGE"),
        ("1e99", "TOO_LARGE"),
        ("9" * 20, "TOO_LARGE"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused_and_says_why(text: str, problem: str) -> None:
    with pytest.raises(BadParameter) as caught:
        to_atoms(text, decimals=8, limit=ORDER_LIMIT, field="quantity")
    assert (caught.value.field, caught.value.problem) == ("quantity", problem)


@pytest.mark.parametrize(
    ("atoms", "decimals", "text"),
    [
        (1_500_000, 8, "0.01500000"),
        (0, 8, "0.00000000"),
        (-1, 8, "-0.00000001"),
        (125, 2, "1.25000000"),
        (10**20, 8, "1000000000000.00000000"),
        (7, 0, "7.00000000"),
        (1, 18, "0.000000000000000001"),
    ],
)
def test_text_is_plain_with_eight_places(atoms: int, decimals: int, text: str) -> None:
    assert to_text(atoms, decimals=decimals) == text


@given(st.integers(0, BALANCE_LIMIT), st.integers(0, 8))
def test_what_is_written_reads_back(atoms: int, decimals: int) -> None:
    text = to_text(atoms, decimals=decimals)
    assert to_atoms(text, decimals=decimals, limit=BALANCE_LIMIT, field="x") == atoms
    assert len(text.partition(".")[2]) == 8
