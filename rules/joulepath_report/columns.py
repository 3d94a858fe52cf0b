# SPDX-License-Identifier: Apache-2.0
"""Columns that several tables have, and the sums below them."""

from collections.abc import Iterable, Sequence

from joulepath_report.model import TOTAL, Column, Table, Unit, Value

ENERGY = (Column("energy_joules", "energy", "J"), Column("energy_kwh", "energy", "kWh"))
SHARE = Column("share", "share", "ratio")
COVERAGE = Column("coverage", "coverage", "ratio")

_ADDED: frozenset[Unit] = frozenset({"J", "kWh", "g"})


def energy(joules: float | None) -> tuple[Value, Value]:
    """The values of ENERGY."""
    return (None, None) if joules is None else (joules, joules / 3.6e6)


def ratio(part: float | None, whole: float | None) -> float | None:
    """A part of a whole; None where there is no whole."""
    return None if part is None or not whole else part / whole


def table(
    name: str,
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Value]],
    note: str = "",
    *,
    names: int = 1,
    added: bool = True,
    partial: Iterable[str] = (),
) -> Table:
    """A table with the sums of its energies and grams.

    A sum has nothing for a row without energy, which the meters have elsewhere. A column of another kind in which some
    value is not known has no sum. Columns in `partial` are never added.
    """
    kept = tuple(tuple(row) for row in rows)
    total = None
    if added:
        sums = (_sum(column, [row[place] for row in kept], partial) for place, column in enumerate(columns))
        total = (TOTAL, *list(sums)[1:])
    return Table(name, title, tuple(columns), kept, note, total, names)


def _sum(column: Column, values: Sequence[Value], partial: Iterable[str]) -> Value:
    numbers = [value for value in values if isinstance(value, (int, float))]
    if column.unit not in _ADDED or column.key in set(partial):
        return sum(numbers) if column.key == SHARE.key else None
    if column.unit == "g" and len(numbers) < len(values):
        return None
    return sum(numbers)
