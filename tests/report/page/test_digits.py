# SPDX-License-Identifier: Apache-2.0
"""Numbers of the page: aligned, with as many digits as say something, and never a 0 for what is not 0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath_report.model import Column
from joulepath_report.page.digits import cell, column_decimals, energies, energy, mass, number

pytestmark = pytest.mark.unit

SPACE = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (1234567.0, 0, f"1{SPACE}234{SPACE}567"),
        (0.0, 2, "0.00"),
        (0.004, 2, "<0.01"),
        (-0.004, 2, ">\N{MINUS SIGN}0.01"),
        (-12.5, 1, "\N{MINUS SIGN}12.5"),
        (0.4, 0, "<1"),
    ],
)
def test_a_number_is_written_for_readers(value: float, places: int, text: str) -> None:
    assert number(value, places) == text


@pytest.mark.parametrize(
    ("joules", "text"),
    [
        (5.0, "5.00 J"),
        (3599.0, "3 599 J"),
        (7200.0, "2.00 Wh"),
        (1.8e7, "5.00 kWh"),
        (7.2e9, "2.00 MWh"),
        (0.0, "0 J"),
        (0.001, "0.00100 J"),
    ],
)
def test_energy_is_in_a_unit_that_suits_it(joules: float, text: str) -> None:
    assert energy(joules) == text.replace(" ", SPACE)


def test_energies_beside_each_other_have_one_unit() -> None:
    """1320 J beside 2.42 Wh looks larger, and is smaller."""
    amounts = ["2.42 Wh", "0.367 Wh", "0.028 Wh", "<0.001 Wh", "0 Wh"]
    assert energies([8700.0, 1320.0, 100.0, 0.001, 0.0]) == [each.replace(" ", SPACE) for each in amounts]
    assert energies([]) == []


def test_all_numbers_of_a_column_have_the_same_decimals() -> None:
    energy = Column("e", "energy", "kWh")
    values = (12.3456, 0.5, None)
    assert [cell(energy, value, column_decimals(energy, values)) for value in values] == ["12.35", "0.50", ""]


def test_a_ratio_is_in_percent_and_a_count_without_a_point() -> None:
    ratio, count = Column("r", "coverage", "ratio"), Column("c", "requests", "count")
    assert cell(ratio, 0.975, column_decimals(ratio, [0.975])) == "97.5"
    assert cell(count, 12.0, column_decimals(count, [12.0, 7.0])) == "12"


def test_amounts_and_joules_for_one_have_digits_of_their_own() -> None:
    """A column has bits and sessions, and their joules: none of them is shown as less than the smallest digit."""
    count, for_one = Column("c", "amount", "count"), Column("j", "energy for one", "J/unit")
    amounts, joules = (3.2e9, 0.4), (1.5e-8, 300.0, -0.02)
    shown = [cell(count, value, column_decimals(count, amounts)) for value in amounts]
    assert shown == [f"3{SPACE}200{SPACE}000{SPACE}000", "0.4000"]
    assert [cell(for_one, value, column_decimals(for_one, joules)).split(SPACE) for value in joules] == [
        ["15", "nJ"],
        ["300", "J"],
        ["\N{MINUS SIGN}20", "mJ"],
    ]


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15), st.integers(0, 9))
def test_only_0_looks_like_0(value: float, places: int) -> None:
    assert (number(value, places).strip("0.") == "") == (value == 0)


def test_a_mass_is_in_a_unit_that_suits_it() -> None:
    masses = [mass(grams).split(SPACE) for grams in (380.0, 22_500.0, 3.5e6)]
    assert masses == [["380", "g"], ["22.5", "kg"], ["3.50", "t"]]
