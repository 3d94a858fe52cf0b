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


def figures(report: Report) -> Iterator[Figure]:
    """Energy of all plugs, the part of it that applications have, CO2 and cost."""
    joules = dict(application_joules(report))
    whole = sum(joules.values())
    if not report.flow or not whole:
        return
    rest = joules.pop(UNATTRIBUTED, 0.0)
    yield Figure("Energy", digits.energy(whole), f"{digits.number(whole, digits.decimals(whole, 4))} J at the plugs")
    yield Figure("Attributed to applications", _percent(1 - rest / whole), digits.energy(whole - rest))
    yield Figure("Unattributed", _percent(rest / whole), digits.energy(rest))
    if joules:
        largest = max(joules, key=lambda name: joules[name])
        yield Figure(
            "Largest application", largest, f"{digits.energy(joules[largest])}, {_percent(joules[largest] / whole)}"
        )
    yield from _carbon(report)
    yield from _costs(report)


def _carbon(report: Report) -> Iterator[Figure]:
    """The first CO2 of the table of applications, such as that by location."""
    table = report.table("applications")
    if table is None or table.total is None:
        return
    for column, grams in zip(table.columns, table.total, strict=True):
        if column.unit == "g" and isinstance(grams, int | float):
            yield Figure(column.title, digits.mass(grams), "of all of this energy")
            return


def _costs(report: Report) -> Iterator[Figure]:
    """The whole cost by currency, where it is known."""
    table = report.table("applications")
    if table is None or table.total is None:
        return
    for column, amount in zip(table.columns, table.total, strict=True):
        if column.money and isinstance(amount, int | float):
            text = digits.number(amount, digits.decimals(abs(amount), 3))
            yield Figure("Cost", f"{text} {column.unit}", f"of all energy with a price in {column.unit}")


def _percent(ratio: float) -> str:
    return f"{digits.number(ratio * 100, 1)} %"
