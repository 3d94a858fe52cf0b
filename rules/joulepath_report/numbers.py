# SPDX-License-Identifier: Apache-2.0
"""Numbers as people read them; files have them in full."""

import math

from joulepath_report.model import Column, Value

UNKNOWN = "-"
"""Stands for a value that is not known."""

UNITS = {"ratio": "%", "J/unit": "", "g/unit": "", "count": ""}
"""Units that stand in a heading as something else. Those for one of something have theirs with each number."""

OF_A_MILLION = "/million"
"""The end of a unit of costs, as in EUR/million: those of bits and of sessions have no digits in common."""

FOR_ONE = ("J/unit", "g/unit")
"""Units of amounts for one of something: the unit of the amount is their first letter."""

MICRO = "\N{MICRO SIGN}"
_PREFIXES = {-12: "p", -9: "n", -6: MICRO, -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}


def shown(value: Value, column: Column) -> str:
    """A value without its unit: four digits at least, and never a digit before the point left out."""
    if value is None:
        return "" if column.words else UNKNOWN
    if isinstance(value, str):
        return value
    if column.unit == "ratio":
        return percent(value)
    return for_one(value, column.unit[0]) if column.unit in FOR_ONE else four_digits(value)


def four_digits(value: float) -> str:
    """A number with four digits, or with all before its point."""
    return f"{value:,.0f}" if abs(value) >= 999.95 or value == 0 else f"{value:#.4g}"


def for_one(amount: float, unit: str = "J") -> str:
    """Joules or grams for one of something, in the unit that suits them: a bit takes microjoules."""
    power = math.floor(math.log10(abs(float(f"{amount:.3e}")))) if amount else 0
    third = min(max(power // 3 * 3, min(_PREFIXES)), max(_PREFIXES))
    return f"{amount / 10.0**third:.4g} {_PREFIXES[third]}{unit}"


def heading(column: Column) -> str:
    """The title of a column with its unit."""
    unit = UNITS.get(column.unit, column.unit.removesuffix(OF_A_MILLION)) if column.unit else ""
    return f"{column.title} [{unit}]" if unit else column.title


def percent(ratio: float) -> str:
    """A ratio in percent, without the sign: one digit after the point, or two digits of what is below one percent."""
    return f"{100 * ratio:.2g}" if 0 < abs(ratio) < 0.01 else f"{100 * ratio:.1f}"
