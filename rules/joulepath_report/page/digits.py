# SPDX-License-Identifier: Apache-2.0
"""Numbers for the page: as many digits as say something, and as many decimals in all rows of a column."""

import math
from collections.abc import Iterable, Sequence

from joulepath_report import numbers
from joulepath_report.model import Column, Value

_DIGITS = 4
"""Digits of the largest number of a column."""

_SPACE = "\N{NARROW NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"

_HEADINGS = {"ratio": "%", "g": "g CO\N{SUBSCRIPT TWO}", "count": "", "J/unit": "", "g/unit": ""}
"""Units as they stand in headings, where that is not the unit itself."""


_ENERGY = (("MWh", 3.6e9), ("kWh", 3.6e6), ("Wh", 3.6e3), ("J", 1.0))
_MASS = (("t", 1e6), ("kg", 1e3), ("g", 1.0))


def energy(joules: float) -> str:
    """An amount of energy with three digits at least, in the unit that suits it."""
    return _scaled(joules, _ENERGY)


def energies(joules: Iterable[float]) -> Sequence[str]:
    """Amounts that stand beside each other: all in the unit of the largest one, with one decimal more at most."""
    amounts = list(joules)
    largest = max(map(abs, amounts), default=0.0)
    unit, size = _suits(largest, _ENERGY)
    most = decimals(largest / size, 3) + 1
    return [f"{number(each / size, min(decimals(abs(each) / size, 3), most))}{_SPACE}{unit}" for each in amounts]


def mass(grams: float) -> str:
    """The same for a mass."""
    return _scaled(grams, _MASS)


def _scaled(amount: float, units: Sequence[tuple[str, float]]) -> str:
    unit, size = _suits(amount, units)
    return f"{number(amount / size, decimals(abs(amount) / size, 3))}{_SPACE}{unit}"


def _suits(amount: float, units: Sequence[tuple[str, float]]) -> tuple[str, float]:
    return next((each for each in units if abs(amount) >= each[1]), units[-1])


def heading(column: Column) -> str:
    """The unit of a column for its heading; empty for words and for counts."""
    unit = column.unit or "count"
    return _HEADINGS.get(unit, unit.removesuffix(numbers.OF_A_MILLION))


def column_decimals(column: Column, values: Iterable[Value]) -> int:
    """Decimals of all numbers of a column."""
    found = [abs(value) for value in values if isinstance(value, float | int)]
    if column.unit == "ratio":
        return 1
    return decimals(max(found, default=0.0), _DIGITS)


def decimals(largest: float, digits: int) -> int:
    """Decimals with which the largest number has so many digits, or all those before its point."""
    return 0 if largest <= 0 else min(max(digits - 1 - math.floor(math.log10(largest)), 0), 9)


def cell(column: Column, value: Value, places: int) -> str:
    """A value as text; empty where it is not known. Amounts of different things, and those for one, have no decimals
    in common."""
    if value is None or isinstance(value, str):
        return value or ""
    if column.unit in numbers.FOR_ONE:
        return numbers.for_one(value, column.unit[0]).replace(" ", _SPACE).replace("-", _MINUS)
    if column.unit is not None and column.unit.endswith(numbers.OF_A_MILLION):
        return number(value, decimals(abs(value), _DIGITS))
    if column.unit == "count":
        return number(value, 0 if value == round(value) else decimals(abs(value), _DIGITS))
    return number(value * 100 if column.unit == "ratio" else value, places)


def number(value: float, places: int) -> str:
    """A number with so many decimals. One that is too small for them is less than the last digit, and never 0."""
    text = f"{abs(value):_.{places}f}".replace("_", _SPACE)
    if value and not text.strip("0."):
        return f"{f'>{_MINUS}' if value < 0 else '<'}{10.0**-places:.{places}f}"
    return (_MINUS if value < 0 else "") + text
