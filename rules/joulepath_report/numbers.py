# SPDX-License-Identifier: Apache-2.0
"""Numbers as people read them; files have them in full."""

from joulepath_report.model import Column, Value

UNKNOWN = "-"
"""Stands for a value that is not known."""

UNITS = {"J": "J", "kWh": "kWh", "W": "W", "g": "g", "ratio": "%", "J/unit": "J", "count": "", "s": "s"}
"""Each unit as it stands in a heading."""


def shown(value: Value, column: Column) -> str:
    """A value without its unit: four digits at least, and never a digit before the point left out."""
    if value is None:
        return "" if column.words else UNKNOWN
    if isinstance(value, str):
        return value
    if column.unit == "ratio":
        return percent(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def heading(column: Column) -> str:
    """The title of a column with its unit."""
    unit = UNITS[column.unit] if column.unit else ""
    return f"{column.title} [{unit}]" if unit else column.title


def percent(ratio: float) -> str:
    """A ratio in percent, without the sign: one digit after the point, or two digits of what is below one percent."""
    return f"{100 * ratio:.2g}" if 0 < abs(ratio) < 0.01 else f"{100 * ratio:.1f}"
