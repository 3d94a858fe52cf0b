# SPDX-License-Identifier: Apache-2.0
"""The few numbers at the head of a page."""

from collections.abc import Iterator
from dataclasses import dataclass

from joulepath_report.model import UNATTRIBUTED, Report
from joulepath_report.page import digits
from joulepath_report.page.looks import application_joules


@dataclass(frozen=True)
class Figure:
    """A number of the head of the page."""

    title: str
    value: str
    note: str = ""


def figures(report: Report, scale: digits.Scale) -> Iterator[Figure]:
    """Energy of all plugs, the part of it that applications have, and CO2."""
    joules = dict(application_joules(report))
    whole = sum(joules.values())
    if not report.flow or not whole:
        return
    rest = joules.pop(UNATTRIBUTED, 0.0)
    yield Figure("Energy", scale.text(whole), f"{digits.number(whole, 0)} J at the plugs")
    yield Figure("Attributed to applications", _percent(1 - rest / whole), scale.text(whole - rest))
    yield Figure("Unattributed", _percent(rest / whole), scale.text(rest))
    if joules:
        largest = max(joules, key=lambda name: joules[name])
        yield Figure(
            "Largest application", largest, f"{scale.text(joules[largest])}, {_percent(joules[largest] / whole)}"
        )
    yield from _carbon(report)


def _carbon(report: Report) -> Iterator[Figure]:
    """The first CO2 of the table of applications, such as that by location."""
    table = report.table("applications")
    if table is None or table.total is None:
        return
    for column, grams in zip(table.columns, table.total, strict=True):
        if column.unit == "g" and isinstance(grams, int | float):
            places = digits.decimals(grams / 1000, 3)
            yield Figure(column.title, f"{digits.number(grams / 1000, places)} kg", "of all of this energy")
            return


def _percent(ratio: float) -> str:
    return f"{digits.number(ratio * 100, 1)} %"
